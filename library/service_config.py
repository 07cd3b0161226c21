#!/usr/bin/python
"""Change all the configuration files of one service as a transaction."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_config
short_description: Change the configuration files of a service as a transaction
description:
  - Takes all the configuration files of one service in one task, and makes them, and the service, be as described.
  - Where nothing differs, nothing is run and the task is C(ok).
  - Where something differs, the service's own checker sees the new files first, at their real paths but not yet live.
    Then the old versions go into a journal, the files are replaced, the service is reloaded, and a probe asks it
    whether it works. If any of these fails, the old files and the old configuration come back, and the task fails
    with the words of the command that failed.
  - A run that is killed is undone by the next one, which then makes the change again.
author:
  - server-for-dummies
options:
  name:
    description: Names the folder under O(state_dir) that keeps the journal. Letters, digits, and C(_.@-).
    type: str
    required: true
  state:
    description:
      - V(present) makes the files be as described.
      - V(original) gives every path that earlier runs have touched its first content, owner, group and mode again, or
        removes it if it was not there, except those in O(keep), which belong to the host from then on. Then O(files),
        O(absent) and O(discard) must not be given.
    type: str
    choices: [present, original]
    default: present
  unit:
    description:
      - The systemd unit of the service, which is ensured enabled and active.
      - If it is not active when files differ, it is started instead of reloaded; it is enabled after the probe.
    type: str
  files:
    description: The files that the service is to have.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Absolute path. Missing parent directories are created (C(root), mode C(0755)).
          - Symbolic links in its directory part are followed. If the path itself is one, a file takes its place, and
            what it pointed to is left alone.
        type: str
        required: true
      template:
        description:
          - A template, looked up and rendered on the controller as M(ansible.builtin.template) does.
          - Exactly one of O(files[].template), O(files[].content), O(files[].base64) and O(files[].link) is required.
        type: str
      content:
        description: The text of the file.
        type: str
      base64:
        description: The content of a file that is not text, in base64 (RFC 4648). It cannot be secret.
        type: str
      link:
        description: What the path points to, as a symbolic link of root's. It need not exist.
        type: str
      vars:
        description: Variables for this template only.
        type: dict
        default: {}
      owner:
        description: A user's name or number.
        type: str
        default: root
      group:
        description: A group's name or number.
        type: str
        default: root
      mode:
        description: Octal digits, in quotes.
        type: str
        default: "0644"
      secret:
        description: The content is shown nowhere. See the notes.
        type: bool
        default: false
      initial:
        description:
          - The file is only made where there is none, and then belongs to the service, which writes to it. It is not
            taken back if the change fails, as the service may have written to it by then.
        type: bool
        default: false
      undo:
        description:
          - The text that takes the place of the new one, instead of the old text, if the change is undone. For files
            whose old version the service would not take, such as a zone with a serial that is less than the one before.
        type: str
      stale:
        description:
          - Absolute paths of files that the service has made from the old version of this one, such as a zone's
            journal. They are removed just before it is replaced, and do not come back.
        type: list
        elements: str
        default: []
      reload:
        description:
          - A command to be used instead of O(reload) when this file has changed.
          - It is only used when each of the changed files has one, and these are at most ten different ones; otherwise
            O(reload) serves for all of them.
        type: list
        elements: str
  absent:
    description:
      - Absolute paths or globs of files and links to remove, except those in O(files) and O(keep).
      - A glob passes over directories, and does not match a leading dot with a wildcard.
    type: list
    elements: str
    default: []
  discard:
    description:
      - Absolute paths or globs of files that the service has made by itself and no longer needs. They are removed at
        the end, when the new configuration is proven, and never come back.
    type: list
    elements: str
    default: []
  keep:
    description: Absolute paths or globs that O(absent), O(discard) and the V(original) O(state) do not touch.
    type: list
    elements: str
    default: []
  check:
    description:
      - The service's checker, as a list of words. Exit status 0 accepts the new files.
      - In check mode it is left out, with a note in RV(actions), where it or a file's owner is not on the host yet.
    type: list
    elements: str
  reload:
    description: A command, as a list of words, that makes the running service read its files.
    type: list
    elements: str
  probe:
    description:
      - A command, as a list of words, that exits with status 0 when the service works.
      - The default is C(systemctl is-active) for a O(unit), and nothing where there is none.
    type: list
    elements: str
  probe_timeout:
    description: The probe is repeated until it succeeds or this many seconds have passed.
    type: float
    default: 10
  state_dir:
    description: Where the journals and the first versions are kept.
    type: path
    default: /var/lib/service_config
attributes:
  check_mode:
    support: full
    description: The checker is run in check mode too, as it does not see the live files.
  diff_mode:
    support: full
    description: Secret files, binary files, and removed files that not everybody may read, are shown without content.
notes:
  - "What is guaranteed: after any run, also one that failed or was killed at any moment and then repeated, the files
    are all old or all new, and the service runs with them. An old version is never lost: until the new configuration
    is proven, it is on disk."
  - "How the checker sees the new files: in a private mount namespace, in which copies of the directories that hold
    them, with the new files in place, are mounted over the real ones. The copy is of the topmost existing directories,
    so give a service's files directories of their own. Where the host forbids namespaces, or such a directory holds
    O(state_dir) itself, the files are replaced, checked, and put back if refused; a warning says so."
  - "How a file is replaced: written beside its place as C(.NAME.service_config), flushed to disk, renamed. On a mount
    point, such as C(/etc/resolv.conf) in a container, it is written in place. ACLs and extended attributes are lost."
  - "The state folder, C(state_dir/name), mode 0700: C(journal.json) holds the old versions while a change is under way,
    and is there only then; C(original.json), in the same form, holds the first version of every path ever touched;
    C(stage.*) is the checker's copy; C(lock) is held by the run at work, and others wait up to 60 seconds for it."
  - "Form of C(journal.json): C(paths) maps each path to its old kind (C(file), C(link), C(nothing)), data, uid, gid and
    mode; C(directories) did not exist; C(active) tells whether the unit was active."
  - "If a run says that old files could not be put back: remove the cause (a full disk, a read-only mount), and run
    again. To settle it by hand instead: put the files in the state you want, reload the service, delete
    C(journal.json)."
  - "Secrets: the content of a file marked secret is not in the result, the diff or any log, and each of its lines and
    words of 16 characters or more is replaced by asterisks in what commands print. Shorter ones are not."
  - "If something under C(/etc/systemd) changes, C(systemctl daemon-reload) is run before the service is reloaded."
"""

EXAMPLES = r"""
- name: Configure BIND
  service_config:
    name: named
    unit: named
    files:
      - path: /etc/bind/named.conf.options
        template: named.conf.options.j2
        group: bind
      - path: /etc/bind/update.key
        template: update.key.j2
        group: bind
        mode: "0640"
        secret: true
      - path: /var/lib/bind/zones/st.um.zone
        template: zone.j2
        vars: {zone: st.um}
        reload: [rndc, reload, st.um]
    absent: ["/var/lib/bind/zones/*.zone"]
    check: [named-checkconf, -z]
    reload: [systemctl, reload, named]
    probe: [dig, +time=1, +tries=1, "@127.0.0.1", st.um, SOA]

- name: Give the host its own files back
  service_config:
    name: named
    state: original
    reload: [systemctl, reload, named]
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be, in order.
  type: list
  elements: str
  returned: success
  sample: ["replaced /var/lib/bind/zones/st.um.zone", "reloaded: rndc reload st.um"]
recovered:
  description: Whether an earlier run had been killed, and its change was undone first (in check mode, would be).
  type: bool
  returned: success
diff:
  description: The changes of each file.
  type: list
  elements: dict
  returned: with --diff
"""

import base64
import errno
import fcntl
import glob
import grp
import json
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import IO, Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule

INIT_LINK = "/etc/rc5.d/S??{}"
ENABLED = ("enabled", "static", "alias", "indirect", "transient")
LOCK_TIMEOUT = 60
MAX_SHOWN = 200  # characters of a command in a message
OWN_RELOADS = 10  # more commands of single files than these take longer than the one for all
# Mounts the pairs COPY REAL, leaves the mark $0 to say that it could, and becomes the checker.
IN_NAMESPACE = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit; shift 2; done; shift; : >"$0" && exec "$@"'


class ServiceError(Exception):
    """What went wrong, in words for the person who runs the playbook."""


class State(NamedTuple):
    """What is at a path. Bytes that are not UTF-8 are surrogates in `data`, so that it is exact."""

    kind: str  # "file", "link" or "nothing"
    data: str = ""  # a file's content, a link's target
    uid: int = 0
    gid: int = 0
    mode: str = ""


NOTHING = State("nothing")


def look(path: str) -> State:
    """Return what is at `path`."""
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return NOTHING
    if stat.S_ISLNK(info.st_mode):
        return State("link", os.readlink(path), info.st_uid, info.st_gid)
    if not stat.S_ISREG(info.st_mode):
        what = "directory" if stat.S_ISDIR(info.st_mode) else "device, pipe or socket"
        raise ServiceError(f"{path} is a {what}; only files and symbolic links can be managed")
    with open(path, "rb") as file:
        data = file.read().decode("utf-8", "surrogateescape")
    return State("file", data, info.st_uid, info.st_gid, f"{stat.S_IMODE(info.st_mode):04o}")


def put(path: str, state: State) -> None:
    """Make `path` be as `state` says: a reader sees the old or the new, and the new is on disk on return."""
    folder, name = os.path.split(path)
    new = os.path.join(folder, f".{name}.service_config")
    with suppress(FileNotFoundError):  # left by a killed run
        os.unlink(new)
    if look(path) == state:
        return
    if state.kind == "nothing":
        os.unlink(path)
    elif state.kind == "link":
        os.symlink(state.data, new)
        os.chown(new, state.uid, state.gid, follow_symlinks=False)
        os.replace(new, path)
    else:
        fill(new, state, os.O_CREAT | os.O_EXCL)
        try:
            os.replace(new, path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            fill(path, state, os.O_TRUNC)  # a mount point can be written, not renamed over
            os.unlink(new)
    sync(folder)


def fill(path: str, state: State, flags: int) -> None:
    """Write a file's owner, mode and content, through to the disk."""
    with open(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | flags, 0o600), "wb") as file:
        os.fchown(file.fileno(), state.uid, state.gid)
        os.fchmod(file.fileno(), int(state.mode, 8))
        file.write(state.data.encode("utf-8", "surrogateescape"))
        file.flush()
        os.fsync(file.fileno())


def sync(folder: str) -> None:
    """Flush a directory's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def missing_folders(path: str) -> list[str]:
    """Return the parent directories that `path` lacks, outermost first."""
    folder, missing = os.path.dirname(path), []
    while not os.path.lexists(folder):
        missing.insert(0, folder)
        folder = os.path.dirname(folder)
    return missing


def place(path: str, state: State) -> None:
    """Put `state` at `path`, with the directories that it needs above it."""
    if state != NOTHING:
        for folder in missing_folders(path):
            os.mkdir(folder)
            os.chmod(folder, 0o755)  # noqa: S103 - whatever the umask is, as packages have it
            sync(os.path.dirname(folder))
    put(path, state)


def real(path: str) -> str:
    """Return `path` with the symbolic links of its directory part followed."""
    folder, name = os.path.split(os.path.normpath(path))
    return os.path.join(os.path.realpath(folder), name)


def expand(patterns: Iterable[str]) -> list[str]:
    """Return the real paths of what paths and globs name; a glob passes over directories."""
    found = ((pattern, path) for pattern in patterns for path in sorted(glob.glob(pattern)))
    return [real(path) for pattern, path in found if path == pattern or os.path.islink(path) or os.path.isfile(path)]


def topmost(paths: Iterable[str]) -> list[str]:
    """Return the existing directories that hold `paths`, without those inside another of them."""
    tops: list[str] = []
    for folder in sorted({os.path.dirname([*missing_folders(path), path][0]) for path in paths}):
        if not any(os.path.commonpath([top, folder]) == top for top in tops):
            tops.append(folder)
    return tops


def load(path: str) -> dict[str, Any] | None:
    """Read a journal, if there is one."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def run(argv: Iterable[str], timeout: float | None = None) -> tuple[int, str]:
    """Run a command; return its exit status and what it printed."""
    argv, words = [*argv], ""
    with tempfile.TemporaryFile() as output:  # not a pipe: a daemon that the command leaves behind would hold it open
        try:
            code = subprocess.call(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=timeout)
        except subprocess.TimeoutExpired:
            code, words = -signal.SIGKILL, f"(no answer within {timeout:.1f} s)"
        except OSError as error:
            code, words = 127, f"{argv[0]}: {error.strerror}"
        output.seek(0)
        return code, (output.read().decode(errors="replace") + words).strip()


def shown(argv: Iterable[str]) -> str:
    """Return a command for a message, cut off where it is a whole script."""
    words = shlex.join(argv)
    return words if len(words) <= MAX_SHOWN else f"{words[:MAX_SHOWN]}..."


def name_of(find: Callable[[int], Any], number: int) -> str:
    """Return the name of a user or group, or its number where it has none."""
    try:
        return find(number)[0]
    except KeyError:
        return str(number) if number >= 0 else "(not on this host yet)"


def wait_for(lock: IO[str]) -> None:
    """Take the lock when no other run has it any more."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        with suppress(BlockingIOError):
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if time.monotonic() > deadline:
            raise ServiceError(f"another run has held {lock.name} for {LOCK_TIMEOUT} s")
        time.sleep(0.05)


class Transaction:
    """One run: from the files that are wanted to a service that works with them, or with what there was."""

    def __init__(self, params: dict[str, Any], check_mode: bool = False, diff: bool = False) -> None:
        """Take the module's parameters; nothing is read yet."""
        self.params, self.check_mode, self.diff = params, check_mode, diff
        self.unit: str = params["unit"] or ""
        self.folder = os.path.realpath(os.path.join(params["state_dir"], params["name"]))
        self.journal = os.path.join(self.folder, "journal.json")
        self.original = os.path.join(self.folder, "original.json")
        self.record: dict[str, Any] = {"active": None, "directories": [], "paths": {}}  # the journal
        self.files: dict[str, dict[str, Any]] = {}  # path: what the task says of it
        self.changes: dict[str, tuple[State, State]] = {}  # path: what is there, what is wanted
        self.kept: set[str] = set()  # what `absent` and `discard` do not touch
        self.unknown: list[str] = []  # users and groups that this host does not have
        self.disturbed = False  # whether the service may run with anything but the old files
        self.finishing = False  # whether it is too late to be interrupted
        self.actions: list[str] = []
        self.warnings: list[str] = []

    def run(self) -> dict[str, Any]:
        """Do all of it, and return the task's result."""
        if self.check_mode and not os.path.isdir(self.folder):
            return self.run_alone()
        os.makedirs(self.folder, 0o700, exist_ok=True)
        with open(os.path.join(self.folder, "lock"), "a") as lock:
            wait_for(lock)
            for stale in glob.glob(
                os.path.join(self.folder, "stage.*")
            ):  # a killed run's; its cp may still write to it
                shutil.rmtree(stale, ignore_errors=True)
            return self.run_alone()

    def run_alone(self) -> dict[str, Any]:
        """Do all of it while no other run can."""
        record = load(self.journal)
        if record and not self.check_mode:
            self.undo(record)
        for path, want in self.wanted().items():
            if (have := look(path)) != want:
                self.changes[path] = have, want
        active, enabled = self.unit_state()
        self.record = record or {**self.record, "active": active}
        self.disturbed = bool(record)
        if record:
            self.actions.append("undid the unfinished change of an earlier run")
        result = {"changed": False, "actions": self.actions, "recovered": self.disturbed}
        if self.diff:
            result["diff"] = [self.difference(path) for path in self.changes]
        discards = [path for path in expand(self.params["discard"]) if path not in self.kept]
        if self.changes or record or discards or not (active and enabled):
            result["changed"] = True
        if self.changes or record or not (active and enabled):
            try:
                self.change(active, enabled)
            except BaseException as error:
                cause = str(error) if isinstance(error, ServiceError | OSError) else repr(error)
                if self.check_mode or not os.path.exists(self.journal):
                    raise ServiceError(f"{cause}\nNothing is changed.") from error
                raise ServiceError(self.revert(cause)) from error
        for path in discards:
            self.actions.append(f"discarded {path}")
            if not self.check_mode:
                put(path, NOTHING)
        if self.params["state"] == "original" and not self.check_mode and (original := load(self.original)):
            self.undo({**original, "paths": {}})  # only directories are left to be removed
            put(self.original, NOTHING)
        return result

    def wanted(self) -> dict[str, State]:
        """Return what each path is to be."""
        if self.params["state"] == "original":
            kept, original = expand(self.params["keep"]), (load(self.original) or self.record)["paths"]
            return {path: State(**state) for path, state in original.items() if path not in kept}
        wanted = {}
        for file in self.params["files"]:
            path = real(file["path"])
            if path in wanted:
                raise ServiceError(f"{file['path']} is given twice: it is {path} by another name")
            self.files[path] = file
            if file["link"]:
                wanted[path] = State("link", file["link"])
                continue
            data = file["content"] or file["secret_content"] or ""
            if file["base64"]:
                data = base64.b64decode(file["base64"]).decode("utf-8", "surrogateescape")
            uid = self.number(path, "user", pwd.getpwnam, file["owner"])
            gid = self.number(path, "group", grp.getgrnam, file["group"])
            wanted[path] = State("file", data, uid, gid, file["mode"])
        if self.unknown and not self.check_mode:
            raise ServiceError("; ".join(self.unknown))
        self.kept = {*wanted, *expand(self.params["keep"])}
        for path in filter(self.is_initial, wanted):
            if os.path.lexists(path):
                wanted[path] = look(path)
        return wanted | {path: NOTHING for path in expand(self.params["absent"]) if path not in self.kept}

    def stale(self, path: str) -> list[str]:
        """Return the files that go when a path changes."""
        return [real(old) for old in self.files.get(path, {}).get("stale") or []]

    def is_initial(self, path: str) -> bool:
        """Return whether this is a file that is only made where there is none."""
        return bool(self.files.get(path, {}).get("initial"))

    def undone(self, path: str, have: State) -> dict[str, Any]:
        """Return what is to be at a path if the change is undone."""
        text = self.files.get(path, {}).get("undo")
        return (have if text is None or have.kind != "file" else have._replace(data=text))._asdict()

    def number(self, path: str, kind: str, find: Callable[[str], Any], name: str) -> int:
        """Return the number of the user or group, given by name or number, that is to have a file."""
        try:
            return int(name) if name.isdigit() else find(name)[2]
        except KeyError:
            self.unknown.append(f"{path}: there is no {kind} {name} on this host")
            return -1

    def unit_state(self) -> tuple[bool, bool]:
        """Return whether the unit is active and enabled; without a unit there is nothing to wish for."""
        if not self.unit:
            return True, True
        code, words = run(["systemctl", "show", "--property", "ActiveState,UnitFileState", self.unit])
        if code:
            raise ServiceError(f"systemctl show {self.unit} failed:\n{words}")
        state = dict(line.split("=", 1) for line in words.splitlines())
        enabled = state["UnitFileState"] in ENABLED
        if state["UnitFileState"] == "generated":  # from an init script: its links tell
            enabled = bool(glob.glob(INIT_LINK.format(self.unit.removesuffix(".service"))))
        return state["ActiveState"] in ("active", "reloading"), enabled

    def change(self, active: bool, enabled: bool) -> None:
        """Check, write the journal, replace the files, make the service use them, and prove that it works."""
        unchecked = self.check_ahead() if self.changes and self.params["check"] else ""
        for path, (have, want) in self.changes.items():
            created, removed, same = have == NOTHING, want == NOTHING, have[:2] == want[:2]
            done = "created" if created else "removed" if removed else "set attributes of" if same else "replaced"
            self.actions.append(f"{done} {path}")
        if not self.check_mode:
            self.begin()
            for path, (_, want) in self.changes.items():
                for stale in self.stale(path):
                    put(stale, NOTHING)
                place(path, want)
        if unchecked and self.check_mode:
            self.actions.append(f"not checked: {unchecked}")
        elif unchecked:
            self.warnings.append(f"{self.params['name']}: the files were live while they were checked: {unchecked}")
            self.judge(*run(self.params["check"]))
        self.disturbed = True
        self.serve("reload" if active else "start")
        if not enabled and (self.check_mode or not self.unit_state()[1]):  # a link among the files may have done it
            self.command(["systemctl", "enable", self.unit], f"enabled {self.unit}")
        self.finishing = True
        if not self.check_mode:
            put(self.journal, NOTHING)

    def check_ahead(self) -> str:
        """Let the checker see the new files while the old ones are live; return why it could not, if so."""
        if self.unknown:
            return "; ".join(self.unknown)
        if not shutil.which(self.params["check"][0]):
            if self.check_mode:
                return f"{self.params['check'][0]} is not on this host yet"
            raise ServiceError(f"the checker {self.params['check'][0]} is not on this host")
        stage = tempfile.mkdtemp(prefix="stage.", dir=self.folder if os.path.isdir(self.folder) else None)
        try:
            return self.check_copies(stage)
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def check_copies(self, stage: str) -> str:
        """Run the checker with changed copies, made in `stage`, mounted over the directories that are to change."""
        copies, notes = {}, []
        for top in topmost(self.changes):
            if os.path.commonpath([top, stage]) == top:
                return f"{top} cannot be copied into itself"
            copies[top] = os.path.join(stage, str(len(copies)))
            notes.append(run(["cp", "-a", "--reflink=auto", top, copies[top]])[1])  # such as: a file has vanished
        for path, (_, want) in self.changes.items():
            top = next(top for top in copies if os.path.commonpath([top, path]) == top)
            place(copies[top] + path.removeprefix(top), want)
        mark = os.path.join(stage, "mounted")
        mounts = [word for top, copy in copies.items() for word in (copy, top)]
        namespace = ["unshare", "--mount", "--propagation", "private", "sh", "-c", IN_NAMESPACE, mark]
        code, words = run([*namespace, *mounts, "--", *self.params["check"]])
        if not os.path.exists(mark):
            return f"no private mount namespace here: {words}"
        self.judge(code, "\n".join(filter(None, [*notes, words])))
        return ""

    def judge(self, code: int, words: str) -> None:
        """Fail if the checker refused the files."""
        if code:
            check = shown(self.params["check"])
            raise ServiceError(f"{check} refuses the new configuration (exit status {code}):\n{self.redact(words)}")

    def begin(self) -> None:
        """Write down what the change is going to replace; and for good, what no run has touched before."""
        paths = {path: have._asdict() for path, (have, _) in self.changes.items()}
        made = [path for path, (_, want) in self.changes.items() if want != NOTHING]
        folders = [folder for path in made for folder in missing_folders(path)]
        original = load(self.original) or {"directories": [], "paths": {}}
        stale = {old: NOTHING._asdict() for path in self.changes for old in self.stale(path)}
        back = {path: have for path, (have, _) in self.changes.items() if not self.is_initial(path)}
        undone = stale | {path: self.undone(path, have) for path, have in back.items()}
        for name, record, before in ((self.original, original, paths), (self.journal, self.record, undone)):
            record["paths"] = before | record["paths"]
            record["directories"] = sorted({*folders, *record["directories"]})
            put(name, State("file", json.dumps(record, indent=1, sort_keys=True), os.geteuid(), os.getegid(), "0600"))

    def undo(self, record: dict[str, Any]) -> None:
        """Put back what a journal holds; doing so again changes nothing."""
        try:
            removed_first = sorted(record["paths"].items(), key=lambda item: item[1]["kind"] != NOTHING.kind)
            for path, state in removed_first:
                place(path, State(**state))
        except (OSError, ServiceError) as error:
            keeps = f"{self.journal} keeps them for the next run"
            raise ServiceError(f"The old files could NOT be put back: {error}. {keeps}.") from error
        for folder in reversed(record["directories"]):
            with suppress(OSError):  # one that others use by now stays
                os.rmdir(folder)

    def serve(self, how: str) -> None:
        """Bring the service in line with the files; `how` is start, stop or reload."""
        stale = {old for path in self.files for old in self.stale(path)}  # their files are reloaded
        touched = [*self.changes, *(path for path in self.record["paths"] if path not in stale)]
        if any(path.startswith("/etc/systemd/") for path in touched):
            self.command(["systemctl", "daemon-reload"])
        if how == "reload":
            own = dict.fromkeys(tuple(self.files.get(path, {}).get("reload") or ()) for path in touched)
            general = self.params["reload"] and (() in own or len(own) > OWN_RELOADS)
            for argv in [self.params["reload"]] if general else filter(None, own):
                self.command(argv, f"reloaded: {shown(argv)}")
        else:
            if how == "start" and not self.check_mode:
                run(["systemctl", "reset-failed", self.unit])  # a unit that failed too often is not started otherwise
            self.command(["systemctl", how, self.unit], f"{'started' if how == 'start' else 'stopped'} {self.unit}")
        if how != "stop" and not self.check_mode:
            self.probe()

    def command(self, argv: Iterable[str], action: str = "") -> None:
        """Run a command that must succeed."""
        if action:
            self.actions.append(action)
        if not self.check_mode:
            code, words = run(argv)
            if code:
                raise ServiceError(f"{shown(argv)} failed (exit status {code}):\n{self.redact(words)}")

    def probe(self) -> None:
        """Wait until the service works."""
        argv = self.params["probe"] or (["systemctl", "is-active", self.unit] if self.unit else ["true"])
        deadline, told = time.monotonic() + self.params["probe_timeout"], None
        while True:
            code, words = run(argv, max(deadline - time.monotonic(), 0.1))
            if not code:
                return
            # The last one may be cut short, and says less than the one before.
            code, words = told if told and code == -signal.SIGKILL else (code, words)
            told = code, words
            if time.monotonic() + 0.1 > deadline:
                limit = f"for {self.params['probe_timeout']:g} s (exit status {code})"
                raise ServiceError(f"the probe {shown(argv)} failed {limit}:\n{self.redact(words)}")
            time.sleep(0.1)

    def revert(self, cause: str) -> str:
        """Put the old files and the old configuration back; return `cause` and what is in force now."""
        self.finishing = True
        end = ""
        down = self.unit and self.disturbed and run(["systemctl", "is-active", self.unit])[0]
        if down:
            words = run(["journalctl", "-u", self.unit, "-n", "20", "--no-pager", "-o", "cat"])[1]
            cause = f"{cause}\n{self.redact(words)}".rstrip()
        try:
            self.undo(self.record)
            end = "The old files are back."
            if self.disturbed and self.unit and not self.record["active"]:
                self.serve("stop")
                end += f" {self.unit} is stopped again."
            elif self.disturbed:
                self.serve("start" if down else "reload")
                end += " The old configuration is in force again."
            put(self.journal, NOTHING)
        except (OSError, ServiceError) as error:
            end = f"{end} But the service does not work with them either: {error}" if end else str(error)
        return f"{cause}\n{end}"

    def difference(self, path: str) -> dict[str, str]:
        """Return the diff of a path; its owner, group and mode are in it where they differ."""
        have, want = self.changes[path]
        diff = {}
        for when, state in (("before", have), ("after", want)):
            text = f"symbolic link to {state.data}\n" if state.kind == "link" else ""
            if state.kind == "file" and have[2:] != want[2:]:
                owner, group = name_of(pwd.getpwuid, state.uid), name_of(grp.getgrgid, state.gid)
                text = f"owner {owner}, group {group}, mode {state.mode}\n"
            if state.kind == "file" and (self.secret(path) or "\0" in state.data):
                text += f"(content not shown{', ' + when if have.data != want.data else ''})\n"
            elif state.kind == "file":
                text += state.data.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            diff |= {f"{when}_header": path, when: text}
        return diff

    def versions(self, path: str) -> list[State]:
        """Return what a path was, is and is to be."""
        return [State(**self.record["paths"].get(path, NOTHING._asdict())), *self.changes.get(path, ())]

    def secret(self, path: str) -> bool:
        """Return whether content is shown nowhere: as the task says; without its word, if not everybody may read it."""
        if path in self.files:
            return self.files[path]["secret_content"] is not None
        return not all(int(state.mode or "4", 8) & stat.S_IROTH for state in self.versions(path))

    def redact(self, words: str) -> str:
        """Hide every line and word of a secret file, old or new, that is long enough to be recognised."""
        paths = filter(self.secret, {**self.changes, **self.record["paths"]})
        text = "\n".join(state.data for path in paths for state in self.versions(path))
        patterns = (r"\S.{14,}\S", r"\S{16,}", r"[^\s\"'`=:;,(){}\[\]<>]{16,}", r"(?<=[\"'])[^\"'\n]{16,}")
        found = {match for pattern in patterns for match in re.findall(pattern, text)}
        for secret in sorted(found, key=len, reverse=True):
            words = words.replace(secret, "********")
        return words


def main() -> None:
    """Run as an Ansible module; the action plugin has checked the arguments and filled in their defaults."""
    text, words, flag = {"type": "str"}, {"type": "list", "elements": "str"}, {"no_log": False}
    file = dict.fromkeys(("path", "link", "owner", "group", "mode"), text) | dict.fromkeys(
        ("content", "base64", "undo"), text | flag
    )
    file |= {"secret_content": text | {"no_log": True}, "initial": {"type": "bool"}, "reload": words, "stale": words}
    spec = dict.fromkeys(("name", "state", "unit", "state_dir"), text)
    spec |= dict.fromkeys(("absent", "discard", "keep", "check", "reload", "probe"), words)
    spec |= {"files": {"type": "list", "elements": "dict", "options": file}, "probe_timeout": {"type": "float"}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, no_log=True)
    os.environ.update(LC_ALL="C", PATH=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
    transaction = Transaction(module.params, module.check_mode, module._diff)

    def interrupt(number: int, _: object) -> None:
        if not transaction.finishing:
            raise ServiceError(f"stopped by {signal.Signals(number).name}")

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, interrupt)
    try:
        result = transaction.run()
    except (ServiceError, OSError) as error:
        result = {"failed": True, "msg": str(error)}
    for warning in transaction.warnings:
        module.warn(warning)
    (module.fail_json if "failed" in result else module.exit_json)(**result)


if __name__ == "__main__":
    main()
