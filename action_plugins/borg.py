"""Action plugin borg: archives of hosts and of the controller, in a repository of Borg's that the controller reaches.

Hosts neither know the repository nor have a key to it: a host's files come and go as a tar stream through Ansible's
own connection, and Borg runs on the controller. See the documentation of the module.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

NAMES = {"type": "list", "elements": "str", "default": []}
ITEM = {
    "name": {"type": "str", "required": True},
    "services": NAMES,
    "dump": {"type": "str", "default": ""},
    "paths": NAMES,
    "exclude": NAMES,
    "last": NAMES,
    "configured": NAMES,
    "prepare": {"type": "str", "default": ""},
    "keep": NAMES,
    "finish": {"type": "str", "default": ""},
    "host_keys": {"type": "str", "default": ""},
    "restored": {"type": "bool", "default": True},
}
ARGUMENTS = {
    "repository": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "state": {"type": "str", "choices": ["saved", "restored", "pruned"], "required": True},
    "name": {"type": "str"},
    "items": {"type": "list", "elements": "dict", "options": ITEM, "default": []},
    "paths": NAMES,
    "base": {"type": "path"},
    "services": NAMES,
    "record": {"type": "path"},
    "until": {"type": "str", "default": ""},
    "keep": {"type": "dict", "default": {}},
    "check": {"type": "bool", "default": True},
}
PACKED = ("name", "dump", "paths", "last")  # what the host has to know of an item
ARCHIVE = re.compile(r"(?P<prefix>.+)-(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")
COMMENT = re.compile(r"(?P<host>\S+): (?P<items>.*)")
CONFIGURED = "/var/lib/service_config/"
DUMPS = "/var/lib/server-for-dummies/restore"
READY = "ready for the stream"
LOCK_WAIT = 600  # seconds
CHUNK = 1 << 20
# What is wrong, by Borg's own names for it.
WRONG = {
    "Repository.DoesNotExist": "There is no backup in {}: edit backup_repository, or make one, playbooks/backup.yml",
    "Repository.InvalidRepository": "{} is not a repository of Borg's: edit backup_repository",
    "PassphraseWrong": "The password is not that of {}: edit backup_secrets",
    "LockTimeout": "{} is in use by somebody else",
}


class Archive(NamedTuple):
    """An archive in the repository."""

    name: str
    time: str
    host: str
    items: list[str]


class Borg:
    """A repository, and the program that knows it."""

    def __init__(self, repository: str, password: str) -> None:
        """Find the program."""
        if not shutil.which("borg"):
            raise AnsibleActionFail("The controller lacks Borg: apt-get install borgbackup")
        self.repository = repository if ":" in repository else os.path.abspath(repository)
        self.environment = os.environ | {
            "BORG_REPO": self.repository,
            "BORG_PASSPHRASE": password,
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",  # a copy of it is as good
        }

    def run(self, *arguments: str, cwd: str | None = None) -> str:
        """Run Borg; return its standard output. A check warns of what it finds wrong."""
        done = subprocess.run(
            self._argv(*arguments), env=self.environment, cwd=cwd, capture_output=True, text=True, check=False
        )
        self.judge(done.returncode, done.stderr, takes_warnings=arguments[0] != "check")
        return done.stdout

    @contextmanager
    def stream(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run Borg with pipes. It does not outlive who uses them, as it would take a broken stream for a whole one."""
        with tempfile.TemporaryFile() as words:
            process = subprocess.Popen(
                self._argv(*arguments),
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                preexec_fn=die_with_parent,
            )
            try:
                yield process
                with suppress(BrokenPipeError):
                    process.stdin.close()
                process.wait()
            except BrokenPipeError:  # it has ended; it says why
                process.wait()
            finally:
                process.kill()
                process.wait()
            words.seek(0)
            self.judge(process.returncode, words.read().decode())

    def judge(self, code: int, words: str, takes_warnings: bool = True) -> None:
        """Fail with the words of Borg's, and what they mean. 1 is a warning, such as of a file that has changed."""
        if code == 0 or (code == 1 and takes_warnings):
            return
        lines = [json.loads(line) for line in words.splitlines() if line.startswith("{")]
        errors = [line for line in lines if line.get("levelname") in ("ERROR", "CRITICAL")]
        known = [WRONG[line["msgid"]] for line in errors if line.get("msgid") in WRONG]
        if known:
            raise AnsibleActionFail(known[0].format(self.repository))
        said = "; ".join(line["message"].splitlines()[0] for line in errors) or words.strip()[-500:] or f"exit {code}"
        raise AnsibleActionFail(f"{self.repository} is damaged, or cannot be used. Borg says: {said}")

    def archives(self) -> list[Archive]:
        """Return the archives that the project has made, the oldest first."""
        listed = json.loads(self.run("list", "--json", "--format", "{comment}"))["archives"]
        found = []
        for archive in listed:
            match, about = ARCHIVE.fullmatch(archive["name"]), COMMENT.fullmatch(archive["comment"])
            if match and about:
                found.append(Archive(archive["name"], match["time"], about["host"], about["items"].split()))
        return sorted(found, key=lambda archive: archive.time)

    def make(self) -> bool:
        """Make the repository if there is none; return whether there was none."""
        try:
            self.run("list", "--short", "--last", "1")
        except AnsibleActionFail as error:
            if WRONG["Repository.DoesNotExist"].format(self.repository) != str(error):
                raise
            self.run("init", "--encryption=repokey-blake2", "--make-parent-dirs")
            return True
        return False

    def _argv(self, *arguments: str) -> list[str]:
        return ["borg", "--log-json", "--lock-wait", str(LOCK_WAIT), *arguments]


def die_with_parent() -> None:
    """Let the kernel end this process with its parent (prctl(2)), where it can."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def newest(archives: list[Archive], host: str, items: list[str], until: str) -> dict[str, list[str]]:
    """Return which items come from which archive, the newest that has them.

    Args:
        archives: All of them, the oldest first.
        host: Whose are meant.
        items: What is to be found.
        until: The latest time, or the beginning of one, in UTC, such as 2026-07-31; empty for now.
    """
    found: dict[str, list[str]] = {}
    ours = [each for each in archives if each.host == host and (not until or each.time[: len(until)] <= until)]
    for item in items:
        if those := [archive.name for archive in ours if item in archive.items]:
            found.setdefault(those[-1], []).append(item)
    return found


class Stream:
    """A command on the host, run by root, with its standard input and output."""

    def __init__(self, argv: list[bytes], prompt: str, password: str) -> None:
        """Begin it, and wait until it is ready: what comes before that is not its own."""
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._words = b""
        self._listener = threading.Thread(target=self._listen, args=(prompt.encode(), password), daemon=True)
        self._listener.start()
        for line in iter(self.process.stdout.readline, b""):
            if line.strip() == READY.encode():
                return
        self.end()
        raise AnsibleActionFail(f"The host did not begin: {self.words()}")

    def _listen(self, prompt: bytes, password: str) -> None:
        """Keep what is said of errors, and give the password to who asks for it, once."""
        asked = False
        while chunk := os.read(self.process.stderr.fileno(), CHUNK):
            self._words += chunk
            if prompt and prompt in self._words:
                self._words = self._words.replace(prompt, b"")
                if asked:
                    self.process.stdin.close()
                else:
                    self.process.stdin.write(password.encode() + b"\n")
                    self.process.stdin.flush()
                asked = True

    def end(self) -> int:
        """Close its input, wait for its end, and return its exit status."""
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        code = self.process.wait()
        self._listener.join(timeout=5)  # a connection that goes on for others keeps it open
        return code

    def words(self) -> str:
        """Return what it said of errors."""
        return self._words.decode(errors="replace").strip()


class ActionModule(ActionBase):
    """Save, restore, or prune."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do what the state asks for; nothing in the result is secret."""
        super().run(tmp, task_vars)
        _, self._given = self.validate_argument_spec(ARGUMENTS)
        self._is_check = self._task.check_mode
        what = f"_{self._given['state']}" + ("_paths" if self._given["base"] else "")
        with tempfile.TemporaryDirectory() as folder:
            self._borg = Borg(self._given["repository"], self._given["password"])
            if self._given["state"] == "restored":
                # Borg knows what was in a repository last, and refuses an older copy, which may be all that is left.
                self._borg.environment["BORG_BASE_DIR"] = folder
            return getattr(self, what)()

    # Saving

    def _saved(self) -> dict[str, Any]:
        """Make an archive of this host's items."""
        given, items = self._given, self._chosen()
        name, names = self._new_name(), [item["name"] for item in items]
        if self._is_check or not items:
            return told(bool(items), f"{name} would have {', '.join(names) or 'nothing'}")
        arguments = self._arguments(name, names)
        program = Path(self._find_needle("files", "pack.py")).read_bytes()
        exclude = [pattern for item in given["items"] for pattern in item["exclude"]]
        spec = json.dumps({"items": [{key: item[key] for key in PACKED} for item in items], "exclude": exclude})
        source = self._on_host(f"exec python3 - {shlex.quote(spec)}")
        source.process.stdin.write(program)
        source.process.stdin.close()
        try:
            with self._borg.stream("import-tar", *arguments, "-") as target:
                shutil.copyfileobj(source.process.stdout, target.stdin, CHUNK)
                if source.end():
                    raise AnsibleActionFail(f"The host could not be read: {source.words()}")
                target.stdin.close()
                about = target.stdout.read()
        finally:
            source.process.kill()
        stats = json.loads(about)["archive"]["stats"]
        report = json.loads(source.words().splitlines()[-1])
        if given["record"] and not given["services"]:
            time = ARCHIVE.fullmatch(name)["time"]
            self._shell(f"mkdir -p {Path(given['record']).parent} && echo {time}Z >{given['record']}")
        text = f"{name}: {report['files']} files, {megabytes(report['bytes'])}, of which {added(stats)} are new"
        changed = [f"{path} changed while it was read" for path in report["changed"]]
        return told(True, "; ".join([text, *changed])) | {"archive": name, "added": stats["deduplicated_size"]}

    def _saved_paths(self) -> dict[str, Any]:
        """Make an archive of the controller's own files, and the repository if there is none."""
        name = self._new_name()
        names = [self._archived(path) for path in self._given["paths"] if os.path.exists(path)]
        if self._is_check:
            return told(True, f"{name} would have {', '.join(names)}")
        is_new = self._borg.make()
        arguments = self._arguments(name, ["controller"])
        exclude = [f"pp:{self._archived(self._borg.repository)}"] if ":" not in self._borg.repository else []
        options = [word for pattern in exclude for word in ("--exclude", pattern)]
        stats = json.loads(self._borg.run("create", *options, *arguments, *names, cwd=self._given["base"]))
        stats = stats["archive"]["stats"]
        text = f"{name}: {stats['nfiles']} files, {megabytes(stats['original_size'])}, of which {added(stats)} are new"
        made = [f"{self._borg.repository} was made"] * is_new
        return told(True, "; ".join([*made, text])) | {"archive": name, "added": stats["deduplicated_size"]}

    def _chosen(self) -> list[dict[str, Any]]:
        """Return the items of the services that are asked for, all if none is."""
        services = {*self._given["services"]}
        return [item for item in self._given["items"] if not services or services & {*item["services"]}]

    def _new_name(self) -> str:
        services = "+".join(sorted(self._given["services"]))
        prefix = f"{self._given['name']}.{services}" if services else self._given["name"]
        return f"{prefix}-{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"

    def _arguments(self, name: str, items: list[str]) -> list[str]:
        about = f"{self._given['name']}: {' '.join(items)}"
        return ["--json", "--compression", "auto,zstd", "--comment", about, f"::{name}"]

    def _archived(self, path: str) -> str:
        """Return what a path of the controller is called in an archive: by its way from the base, if it is below it."""
        real, base = os.path.realpath(path), os.path.realpath(self._given["base"])
        return os.path.relpath(real, base) if os.path.commonpath([real, base]) == base else real

    # Restoring

    def _restored(self) -> dict[str, Any]:
        """Give this host what the newest archives have of the items whose services are yet to be configured there."""
        given, host = self._given, self._given["name"]
        items = {item["name"]: item for item in self._chosen() if item["restored"]}
        archives = self._borg.archives()
        there = [name for name in items if name in self._there(items.values())]
        found = newest(archives, host, [name for name in items if name not in there], given["until"])
        lines = [f"from {archive}: {', '.join(names)}" for archive, names in found.items()]
        lines += [f"{name} stays as it is: this host has it already" for name in there]
        missing = [name for name in items if name not in there and not any(name in names for names in found.values())]
        lines += [f"there is no backup of {name} in {self._borg.repository}" for name in missing]
        result = told(bool(found), lines) | {"restored": sorted(name for names in found.values() for name in names)}
        if found and not self._is_check:
            self._shell(f"rm -rf {DUMPS} && mkdir -p -m 0755 {Path(DUMPS).parent} && mkdir -m 0700 {DUMPS}")
            for archive, names in found.items():
                self._unpack(archive, [f"dumps/{name}" for name in names], DUMPS, 1)
            chosen = [items[name] for name in items if name in result["restored"]]
            self._scripts(chosen, "prepare")
            # Last come the keys by which the controller knows the host: whatever fails before can be done anew.
            with_keys = [item for item in chosen if item["host_keys"]]
            others = [item for item in chosen if not item["host_keys"]]
            self._files(others, found)
            self._scripts(others, "finish")
            with self._known(with_keys, found):
                self._files(with_keys, found)
                self._scripts(with_keys, "finish")
            self._shell(f"rm -rf {DUMPS}")
        return result

    def _there(self, items: Any) -> list[str]:
        """Return the names of those items that the host has already."""
        tests = [
            f"! test -e {path if path.startswith('/') else CONFIGURED + path} || echo {item['name']}"
            for item in items
            for path in item["configured"]
        ]
        return self._shell("; ".join([*tests, "true"])).split()

    def _unpack(self, archive: str, names: list[str], folder: str, strip: int, kept: list[str] | None = None) -> None:
        """Unpack a part of an archive on the host, owners by their names; but not what is to be kept."""
        exclude = [word for path in kept or [] for word in ("--exclude", f"pf:{path}")]
        target = self._on_host(f"exec tar --extract --preserve-permissions --strip-components={strip} -C {folder}")
        try:
            with self._borg.stream("export-tar", *exclude, f"::{archive}", "-", *names) as source:
                source.stdin.close()
                try:
                    shutil.copyfileobj(source.stdout, target.process.stdin, CHUNK)
                except BrokenPipeError:
                    self._unpacked(archive, target)
            self._unpacked(archive, target)
        finally:
            target.process.kill()

    def _unpacked(self, archive: str, target: Stream) -> None:
        """Wait for the end of the unpacking, and fail if it failed."""
        if target.end():
            raise AnsibleActionFail(f"{archive} could not be unpacked: {target.words()}")

    def _scripts(self, items: list[dict[str, Any]], when: str) -> None:
        """Run the items' scripts on the host, each where its dump is."""
        for item in items:
            if item[when]:
                self._shell(f"cd {DUMPS}/{item['name']} && exec /bin/sh -ec {shlex.quote(item[when])}")

    def _files(self, items: list[dict[str, Any]], found: dict[str, list[str]]) -> None:
        """Unpack the files of items, of which it is known what comes from which archive."""
        for archive, names in found.items():
            ours = [item for item in items if item["name"] in names]
            kept = [f"files/{item['name']}{path}" for item in ours for path in item["keep"]]
            if ours:
                self._unpack(archive, [f"files/{item['name']}" for item in ours], "/", 2, kept)

    @contextmanager
    def _known(self, items: list[dict[str, Any]], found: dict[str, list[str]]) -> Iterator[None]:
        """Let the controller, if it knows this host by keys, know the next ones as well, and afterwards only these."""
        keys = [
            " ".join(line.split()[:2])
            for item in items
            for archive, names in found.items()
            if item["name"] in names
            for line in self._borg.run(
                "extract", "--stdout", f"::{archive}", f"sh:files/{item['name']}{item['host_keys']}"
            ).splitlines()
        ]
        files = self._known_hosts() if keys and self._connection.transport == "ssh" else {}
        for path, name in files.items():
            know(path, name, keys, forget=False)
        yield
        for path, name in files.items():
            know(path, name, keys, forget=True)

    def _known_hosts(self) -> dict[str, str]:
        """Return the files on the controller that have a key of this host's, with its name there."""
        said = subprocess.run(self._ssh("-G", self._host()), capture_output=True, text=True, check=True).stdout
        config = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
        host = config.get("hostkeyalias") or config["hostname"]
        name = host if config["port"] == "22" else f"[{host}]:{config['port']}"
        files = map(os.path.expanduser, shlex.split(config["userknownhostsfile"]))
        find = ["ssh-keygen", "-F", name, "-f"]
        return {
            path: name
            for path in files
            if os.path.exists(path) and not subprocess.run([*find, path], capture_output=True, check=False).returncode
        }

    def _restored_paths(self) -> dict[str, Any]:
        """Give the controller its own files back, those that it lacks."""
        found = newest(self._borg.archives(), self._given["name"], ["controller"], self._given["until"])
        if not found:
            return told(False, f"there is no backup of the controller in {self._borg.repository}")
        archive, places = next(iter(found)), {self._archived(path).lstrip("/"): path for path in self._given["paths"]}
        lacking = []
        with self._borg.stream("export-tar", f"::{archive}", "-", *places) as source:
            source.stdin.close()
            with tarfile.open(fileobj=source.stdout, mode="r|") as tar:
                for member in tar:
                    place = next(
                        place for place in places if member.name == place or member.name.startswith(f"{place}/")
                    )
                    path = places[place] + member.name.removeprefix(place)
                    if os.path.lexists(path):
                        continue
                    if not member.isdir():
                        lacking.append(path)
                    if not self._is_check:
                        put(path, member, tar.extractfile(member) if member.isreg() else None)
        return told(bool(lacking), [f"from {archive}: {path}" for path in lacking]) | {"restored": lacking}

    # Pruning

    def _pruned(self) -> dict[str, Any]:
        """Check the repository, and only if it is sound take away what is not to be kept."""
        before = self._borg.archives()
        if self._given["check"]:
            self._borg.run("check")
        keep = [f"--keep-{unit}={number}" for unit, number in self._given["keep"].items() if number]
        for prefix in sorted({ARCHIVE.fullmatch(archive.name)["prefix"] for archive in before}) if keep else []:
            pattern = f"{prefix}-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*"
            self._borg.run("prune", *keep, "--glob-archives", pattern)
        self._borg.run("compact")
        after = [archive.name for archive in self._borg.archives()]
        gone = [archive.name for archive in before if archive.name not in after]
        text = f"{self._borg.repository} has {len(after)} archives" + " and is sound" * self._given["check"]
        return told(bool(gone), [text, *(f"{name} was taken away" for name in gone)])

    # The host

    def _host(self) -> str:
        return self._connection.get_option("host") or self._play_context.remote_addr

    def _ssh(self, *arguments: str) -> list[bytes]:
        """Return Ansible's own command for SSH."""
        connection = self._connection
        connection.host = self._host()
        return connection._build_command(connection.get_option("ssh_executable"), "ssh", *arguments)

    def _shell(self, script: str) -> str:
        """Run a script on the host, as root; return what it printed."""
        # As input, so that there is no terminal, in which errors are among the output.
        done = self._low_level_execute_command("/bin/sh -e", in_data=f"{{\n{script}\n}} </dev/null\n".encode())
        if done["rc"]:
            raise AnsibleActionFail(f"Exit status {done['rc']} on the host: {done['stderr'].strip() or script}")
        return done["stdout"]

    def _on_host(self, script: str) -> Stream:
        """Begin a script on the host, as root, whose input and output are streams: Ansible keeps them in memory."""
        self._shell("true")  # so that there is a connection to share
        connection, become = self._connection, self._connection.become
        command = f"/bin/sh -c {shlex.quote(f'echo {READY}; {script}')}"
        prompt = password = ""
        if become and self.get_become_option("become_user") != self._get_remote_user():
            command = become.build_become_command(command, connection._shell)
            password = become.get_option("become_pass") or ""
            prompt = become.prompt if password else ""
        if connection.transport == "local":
            return Stream([b"/bin/sh", b"-c", command.encode()], prompt, password)
        if connection.transport != "ssh":
            raise AnsibleActionFail(f"ansible_connection is {connection.transport}; it has to be ssh or local")
        return Stream(self._ssh(self._host(), command), prompt, password)


def put(path: str, member: tarfile.TarInfo, content: IO[bytes] | None) -> None:
    """Make a folder, a link, or a file, the latter whole or not at all."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    if member.isdir():
        os.mkdir(path)
    elif member.issym():
        os.symlink(member.linkname, path)
        return
    else:
        new = f"{path}.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            shutil.copyfileobj(content, file)
        os.replace(new, path)
    os.chmod(path, member.mode & 0o777)


def know(path: str, name: str, keys: list[str], forget: bool) -> None:
    """Write a host's keys to a file of known hosts, beside those that it has or in their place."""
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # other hosts' tasks do the same
        new = f"{path}.new"
        shutil.copy2(path, new)
        if forget:
            subprocess.run(["ssh-keygen", "-R", name, "-f", new], capture_output=True, check=True)
            os.unlink(f"{new}.old")
        with open(new, "a") as file:
            file.writelines(f"{name} {key}\n" for key in keys)
        os.replace(new, path)
    finally:
        os.close(folder)


def told(changed: bool, words: str | list[str]) -> dict[str, Any]:
    """Return a result that is shown."""
    return {"changed": changed, "msg": words, "_ansible_verbose_always": True}


def megabytes(octets: int) -> str:
    """Say how much that is."""
    return f"{octets / 1e6:.1f} MB"


def added(stats: dict[str, Any]) -> str:
    """Say how much an archive has added to the repository."""
    return megabytes(stats["deduplicated_size"])
