"""The transaction, on a service made of small shell scripts in a temporary directory."""

import fcntl
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import service_config
from hypothesis import given
from hypothesis import strategies as st
from service_config import NOTHING, ServiceError, State, Transaction, look, put

LIBRARY = Path(__file__).parents[2] / "library"
SECRET = "correct-horse-battery-staple"  # noqa: S105 (it guards nothing)
CAN_ISOLATE = subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0

# Each of these writes its name to the log. The service is the directory `loaded`, a copy that `reload` makes of `etc`.
PROGRAMS = {
    "check": """
        cp -a etc seen; cat /proc/$TESTER/root$PWD/etc/main.conf >live
        grep -rn BAD etc && exit 3; true""",
    "reload": 'grep -rq UNLOADABLE etc && { echo "cannot load"; exit 4; }; rm -rf loaded; cp -a etc loaded',
    "probe": """
        [ -d loaded ] || { echo "no service"; exit 6; }
        if [ -e loaded/patience ] && read n <loaded/patience && [ $n -gt 0 ]
        then echo $((n - 1)) >loaded/patience; echo "not yet"; exit 5; fi
        ! grep -rs MUTE loaded""",
    "own": "true",
    "other": "true",
    "systemctl": """
        echo "$@" >>calls
        case $1 in
            show) printf 'ActiveState=%s\\nUnitFileState=%s\\n' $(cat active) $(cat enabled);;
            is-active) cat active; grep -qx active active;;
            start) grep -rq UNSTARTABLE etc && { echo "job failed"; exit 1; }; rm -rf loaded; cp -a etc loaded
                   echo active >active;;
            stop) rm -rf loaded; echo inactive >active;;
            enable) echo enabled >enabled;;
        esac""",
    "journalctl": "echo 'main.conf:1: I do not like this'",
}


class Service:
    """A service and its files."""

    def __init__(self, root: Path):
        self.root = root
        self.etc = root / "etc"
        self.log = root / "log"
        (root / "bin").mkdir(parents=True)
        for name, text in PROGRAMS.items():
            program = root / "bin" / name
            program.write_text(f"#!/bin/sh\ncd {root}\necho {name} >>log\n{text}\n")
            program.chmod(0o755)
        self.write("etc/main.conf", "old\n")
        self.write("etc/old.zone", "old zone\n")
        self.write("active", "active\n")
        self.write("enabled", "enabled\n")
        shutil.copytree(self.etc, root / "loaded")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)

    def file(self, name="main.conf", content="new\n", *, secret=False, **options):
        mine = {"path": f"{self.etc}/{name}", "owner": str(os.geteuid()), "group": str(os.getegid()), "mode": "0644"}
        text = {"content": None if secret else content, "secret_content": content if secret else None}
        return (
            mine
            | text
            | {"base64": None, "link": None, "reload": None, "initial": False, "undo": None, "stale": []}
            | options
        )

    def transaction(self, *files, check_mode=False, diff=False, **params):
        defaults = {
            "name": "demo",
            "state": "present",
            "unit": None,
            "absent": [],
            "discard": [],
            "keep": [],
            "check": ["check"],
            "reload": ["reload"],
            "probe": ["probe"],
            "probe_timeout": 0.2,
            "state_dir": str(self.root / "state"),
        }
        return Transaction(defaults | params | {"files": list(files)}, check_mode, diff)

    def run(self, *files, **options):
        """Run a transaction; what the programs logged before is forgotten."""
        self.log.unlink(missing_ok=True)
        (self.root / "calls").unlink(missing_ok=True)
        return self.transaction(*files, **options).run()

    def fail(self, *files, error=ServiceError, **options):
        with pytest.raises(error) as raised:
            self.run(*files, **options)
        return str(raised.value)

    def ran(self):
        return self.log.read_text().split() if self.log.exists() else []

    def calls(self):
        return (self.root / "calls").read_text().splitlines()

    def snapshot(self, *names):
        """Return all that can be seen of the service's files, or of the files in other directories."""
        found = {}
        for folder in names or ("etc",):
            for path in sorted([self.root / folder, *(self.root / folder).rglob("*")]):
                info = path.lstat() if path.exists() or path.is_symlink() else None
                if info and stat.S_ISLNK(info.st_mode):
                    found[path] = (os.readlink(path), info.st_uid)
                elif info:
                    found[path] = (oct(info.st_mode), info.st_uid, path.is_file() and path.read_bytes())
        return found

    @property
    def journal(self):
        return self.root / "state/demo/journal.json"


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    monkeypatch.setenv("TESTER", str(os.getpid()))
    monkeypatch.chdir(tmp_path)
    return Service(tmp_path)


@pytest.fixture
def no_namespaces(service):
    program = service.root / "bin/unshare"
    program.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted'; exit 1\n")
    program.chmod(0o755)


def test_changes_the_files_checks_reloads_and_probes(service):
    result = service.run(service.file(mode="0600"), service.file("sub/dir/new.zone", "zone\n"))
    assert result == {
        "changed": True,
        "recovered": False,
        "actions": [f"replaced {service.etc}/main.conf", f"created {service.etc}/sub/dir/new.zone", "reloaded: reload"],
    }
    assert service.ran() == ["check", "reload", "probe"]
    assert look(f"{service.etc}/main.conf") == State("file", "new\n", os.geteuid(), os.getegid(), "0600")
    assert (service.root / "loaded/sub/dir/new.zone").read_text() == "zone\n"
    assert stat.S_IMODE((service.etc / "sub").stat().st_mode) == 0o755
    assert sorted(path.name for path in service.etc.iterdir()) == ["main.conf", "old.zone", "sub"]


def test_state_is_private_and_keeps_nothing_but_the_first_versions(service):
    service.run(service.file())
    service.run(service.file(content="newer\n"))
    state = service.root / "state/demo"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "original.json").stat().st_mode) == 0o600
    assert sorted(path.name for path in state.iterdir()) == ["lock", "original.json"]
    assert json.loads((state / "original.json").read_text())["paths"][f"{service.etc}/main.conf"]["data"] == "old\n"


def test_runs_nothing_when_nothing_differs(service):
    service.run(service.file())
    inode = (service.etc / "main.conf").stat()
    result = service.run(service.file(), absent=[f"{service.etc}/*.gone"], diff=True)
    assert result == {"changed": False, "recovered": False, "actions": [], "diff": []}
    assert service.ran() == []
    assert (service.etc / "main.conf").stat() == inode


@pytest.mark.parametrize("check_mode", [False, True])
def test_mode_alone_is_a_change(service, check_mode):
    result = service.run(service.file(content="old\n", mode="0600"), check_mode=check_mode)
    assert result["actions"] == [f"set attributes of {service.etc}/main.conf", "reloaded: reload"]
    assert stat.S_IMODE((service.etc / "main.conf").stat().st_mode) == (0o644 if check_mode else 0o600)


# The check


def test_checker_sees_the_new_files_while_the_old_are_live(service):
    service.write("etc/keep.conf", "kept\n")
    service.write("etc/sub/old", "old\n")
    transaction = service.transaction(
        service.file(mode="0640"), service.file("sub/x", "x\n"), absent=[f"{service.etc}/*.zone"]
    )
    transaction.run()
    seen = service.root / "seen"
    assert {str(path.relative_to(seen)) for path in seen.rglob("*")} == {
        "keep.conf",
        "main.conf",
        "sub",
        "sub/old",
        "sub/x",
    }
    assert stat.S_IMODE((seen / "main.conf").stat().st_mode) == 0o640
    assert (seen / "main.conf").read_text() == "new\n"
    live = (service.root / "live").read_text()
    # Where this test may not make a namespace, the fallback must have been used, and have said so.
    assert (live, bool(transaction.warnings)) == (("old\n", False) if CAN_ISOLATE else ("new\n", True))


@pytest.mark.parametrize("check_mode", [False, True])
def test_refused_files_change_nothing(service, check_mode):
    service.run(service.file(content="first\n"))
    before, inode = service.snapshot("etc", "loaded", "state"), (service.etc / "main.conf").stat()
    message = service.fail(
        service.file(content="fine\nBAD\n"),
        service.file("sub/new"),
        absent=[f"{service.etc}/*.zone"],
        check_mode=check_mode,
    )
    assert "check refuses the new configuration (exit status 3):\netc/main.conf:2:BAD" in message
    assert service.snapshot("etc", "loaded", "state") == before
    if CAN_ISOLATE:
        assert message.endswith("\nNothing is changed.")
        assert (service.etc / "main.conf").stat() == inode
        assert service.ran() == ["check"]


def test_a_file_that_vanishes_while_it_is_copied_is_no_failure_but_told_on_refusal(service):
    service.write("bin/cp", "#!/bin/sh\n/bin/cp $@; echo cannot stat $2 >&2; exit 1\n")
    (service.root / "bin/cp").chmod(0o755)
    message = service.fail(service.file(content="BAD\n"))
    assert "(exit status 3):\ncannot stat --reflink=auto\n" in message or not CAN_ISOLATE
    assert service.run(service.file(), reload=["true"], probe=["true"])["changed"]


@pytest.mark.usefixtures("no_namespaces")
def test_without_namespaces_the_files_are_live_while_checked(service):
    transaction = service.transaction(service.file())
    assert transaction.run()["changed"]
    assert transaction.warnings == [
        "demo: the files were live while they were checked: "
        "no private mount namespace here: unshare failed: Operation not permitted"
    ]
    assert (service.root / "live").read_text() == "new\n"
    assert service.ran() == ["check", "reload", "probe"]


def test_a_mount_that_fails_is_not_taken_for_the_checkers_word(service):
    service.write("bin/mount", "#!/bin/sh\necho 'mount: permission denied'; exit 32\n")
    (service.root / "bin/mount").chmod(0o755)
    transaction = service.transaction(service.file())
    assert transaction.run()["changed"]
    assert "no private mount namespace here: " in transaction.warnings[0]
    assert (service.root / "live").read_text() == "new\n"


@pytest.mark.usefixtures("no_namespaces")
def test_without_namespaces_refused_files_are_put_back(service):
    before = service.snapshot()
    message = service.fail(service.file(content="BAD\n"), service.file("sub/new"))
    assert "etc/main.conf:1:BAD\nThe old files are back." in message
    assert (service.snapshot(), service.ran(), service.journal.exists()) == (before, ["check"], False)


@pytest.mark.usefixtures("no_namespaces")
def test_without_namespaces_check_mode_does_not_check(service):
    result = service.run(service.file(content="BAD\n"), check_mode=True)
    assert "not checked: no private mount namespace here: unshare failed: Operation not permitted" in result["actions"]
    assert service.ran() == []


def test_a_directory_that_holds_the_state_is_not_copied(service):
    transaction = service.transaction(service.file("../top.conf"))
    transaction.run()
    assert transaction.warnings == [
        f"demo: the files were live while they were checked: {service.root} cannot be copied into itself"
    ]


def test_missing_checker(service):
    assert (
        service.fail(service.file(), check=["nowhere"])
        == "the checker nowhere is not on this host\nNothing is changed."
    )
    result = service.run(service.file(), check=["nowhere"], check_mode=True)
    assert "not checked: nowhere is not on this host yet" in result["actions"]
    assert (service.etc / "main.conf").read_text() == "old\n"


# Check mode and diff


def test_check_mode_changes_nothing_and_tells_what_would_be_done(service):
    service.write("active", "inactive\n")
    service.write("enabled", "disabled\n")
    before = service.snapshot("etc", "loaded", "active", "enabled")
    options = {"unit": "named", "absent": [f"{service.etc}/*.zone"]}
    told = service.run(service.file(), service.file("a/b"), check_mode=True, **options)
    assert service.snapshot("etc", "loaded", "active", "enabled") == before
    assert not (service.root / "state").exists()
    assert service.ran() == ["systemctl", "check"]
    assert service.run(service.file(), service.file("a/b"), **options) == told


def test_a_host_without_the_package_is_no_error_in_check_mode(service):
    file = service.file("sub/x", owner="nobody-here", group="none-here")
    result = service.run(file, check_mode=True, diff=True)
    assert result["actions"] == [
        f"created {service.etc}/sub/x",
        f"not checked: {service.etc}/sub/x: there is no user nobody-here on this host; "
        f"{service.etc}/sub/x: there is no group none-here on this host",
        "reloaded: reload",
    ]
    unknown = "(not on this host yet)"
    assert result["diff"][0]["after"] == f"owner {unknown}, group {unknown}, mode 0644\nnew\n"
    message = service.fail(file)
    assert message.startswith(f"{service.etc}/sub/x: there is no user nobody-here on this host; ")
    assert not (service.etc / "sub").exists()


def test_diff(service):
    os.symlink("old.zone", service.etc / "link")
    service.write("etc/binary", "\0\1")
    service.write("etc/private.gone", "who knows\n")
    (service.etc / "private.gone").chmod(0o640)
    service.write("etc/public.gone", "everybody knows\n")
    files = [
        service.file(),
        service.file("binary", "text\n"),
        service.file("link", "file\n"),
        service.file("created"),
        service.file("old.zone", "old zone\n", mode="0600"),
    ]
    diff = service.run(*files, absent=[f"{service.etc}/*.gone"], check_mode=True, diff=True)["diff"]
    mine = service_config.name_of(service_config.pwd.getpwuid, os.geteuid())
    group = service_config.name_of(service_config.grp.getgrgid, os.getegid())
    mode = f"owner {mine}, group {group}, mode"
    assert [(part["before"], part["after"]) for part in diff] == [
        ("old\n", "new\n"),
        ("(content not shown, before)\n", "text\n"),
        ("symbolic link to old.zone\n", f"{mode} 0644\nfile\n"),
        ("", f"{mode} 0644\nnew\n"),
        (f"{mode} 0644\nold zone\n", f"{mode} 0600\nold zone\n"),
        (f"{mode} 0640\n(content not shown, before)\n", ""),
        (f"{mode} 0644\neverybody knows\n", ""),
    ]
    assert diff[0]["before_header"] == diff[0]["after_header"] == f"{service.etc}/main.conf"


# Paths


def test_absent_removes_files_and_links_but_not_what_is_declared_kept_or_a_directory(service):
    for name in ("a.zone", "b.zone", "keep.zone", "target", ".hidden.zone"):
        service.write(f"etc/{name}", "x\n")
    os.symlink("target", service.etc / "link.zone")
    os.symlink("nowhere", service.etc / "broken.zone")
    os.symlink(".", service.etc / "folder.zone")
    (service.etc / "dir.zone").mkdir()
    result = service.run(
        service.file("a.zone", "x\n"),
        absent=[f"{service.etc}/*.zone", f"{service.etc}/nowhere", f"{service.etc}/main.conf"],
        keep=[f"{service.etc}/k*.zone"],
    )
    assert result["actions"][:-1] == [
        f"removed {service.etc}/{n}"
        for n in ("b.zone", "broken.zone", "folder.zone", "link.zone", "old.zone", "main.conf")
    ]
    left = [".hidden.zone", "a.zone", "dir.zone", "keep.zone", "target"]
    assert sorted(path.name for path in service.etc.iterdir()) == left


def test_a_link_is_replaced_by_a_file_and_comes_back(service):
    (service.etc / "main.conf").rename(service.etc / "target")
    os.symlink("target", service.etc / "main.conf")
    if os.geteuid() == 0:
        os.lchown(service.etc / "main.conf", 1, 1)
    before = service.snapshot()
    assert "The old configuration is in force again" in service.fail(service.file(content="MUTE\n"))
    assert service.snapshot() == before
    service.run(service.file())
    assert look(f"{service.etc}/main.conf").kind == "file"
    assert (service.etc / "target").read_text() == "old\n"


def test_a_link_is_made_changed_undone_and_left_alone(service):
    on = service.file("on.conf", None, link="../etc/main.conf")
    assert service.run(on)["actions"][0] == f"created {service.etc}/on.conf"
    assert os.readlink(service.etc / "on.conf") == "../etc/main.conf"
    assert not service.run(on)["changed"]
    before = service.snapshot()
    assert "The old configuration is in force again" in service.fail(
        service.file("on.conf", None, link="elsewhere"), service.file(content="MUTE\n")
    )
    assert service.snapshot() == before
    service.run(service.file("on.conf", None, link="elsewhere"))
    assert os.readlink(service.etc / "on.conf") == "elsewhere"
    service.run(state="original")
    assert not (service.etc / "on.conf").is_symlink()


def test_links_to_directories_are_followed(service):
    os.symlink("etc", service.root / "alias")
    result = service.run(service.file("../alias/main.conf"))
    assert result["actions"][0] == f"replaced {service.etc}/main.conf"
    message = service.fail(service.file(), service.file("../alias/main.conf"))
    assert message == f"{service.etc}/../alias/main.conf is given twice: it is {service.etc}/main.conf by another name"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "{} is a directory; only files and symbolic links can be managed"),
        (os.mkfifo, "{} is a device, pipe or socket; only files and symbolic links can be managed"),
    ],
)
def test_what_is_no_file_is_refused(service, make, message):
    path = service.etc / "x"
    make(path)
    assert service.fail(service.file("x")) == message.format(path)
    if path.is_dir():
        assert service.fail(absent=[str(path)]) == message.format(path)


def test_a_file_in_place_of_a_directory_is_refused(service):
    path = f"{service.etc}/main.conf/x"
    assert (
        service.fail(service.file("main.conf/x"), error=NotADirectoryError) == f"[Errno 20] Not a directory: '{path}'"
    )


def test_a_mount_point_is_written_in_place(service, monkeypatch):
    def busy(*_):
        raise OSError(16, "Device or resource busy")

    path = service.etc / "main.conf"
    inode = path.stat().st_ino
    monkeypatch.setattr(os, "replace", busy)
    put(str(path), State("file", "n\n", os.geteuid(), os.getegid(), "0600"))
    assert (path.stat().st_ino, look(str(path)).data, look(str(path)).mode) == (inode, "n\n", "0600")
    assert sorted(entry.name for entry in service.etc.iterdir()) == ["main.conf", "old.zone"]


def test_a_file_that_cannot_be_renamed_for_another_reason_is_left_alone(service, monkeypatch):
    def forbidden(*_):
        raise PermissionError(1, "Operation not permitted")

    before = service.snapshot()
    monkeypatch.setattr(os, "replace", forbidden)
    with pytest.raises(PermissionError):
        put(f"{service.etc}/main.conf", State("file", "n\n", os.geteuid(), os.getegid(), "0600"))
    monkeypatch.undo()
    put(f"{service.etc}/main.conf", State("file", "old\n", os.geteuid(), os.getegid(), "0644"))
    assert service.snapshot() == before


@given(st.binary())
def test_any_bytes_survive_the_journal(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(data)
    state = look(str(path))
    path.unlink()
    put(str(path), State(**json.loads(json.dumps(state._asdict()))))
    assert path.read_bytes() == data
    assert look(str(path)) == state


# Reload, probe and unit


@pytest.mark.parametrize(
    ("changed", "options", "reloads"),
    [
        (["plain"], {}, ["reload"]),
        (["own"], {}, ["own"]),
        (["own", "own2"], {}, ["own"]),
        (["own", "other"], {}, ["own", "other"]),
        (["plain", "own"], {}, ["reload"]),
        (["plain", "own"], {"reload": None}, ["own"]),
        (["plain"], {"reload": None}, []),
        (["own", "absent"], {}, ["reload"]),
        (["stale"], {}, ["own"]),
        (["stale", "own", "other"], {}, ["own", "other"]),
        (["stale", "plain"], {}, ["reload"]),
    ],
)
def test_which_reload_is_run(service, changed, options, reloads):
    commands = {"plain": None, "own": ["own"], "own2": ["own"], "other": ["other"], "stale": ["own"]}
    files = [service.file(name, "new" if name in changed else "old", reload=argv) for name, argv in commands.items()]
    files[-1]["stale"] = [f"{service.etc}/stale.jnl"]
    for name in commands:
        service.write(f"etc/{name}", "old")
    if "absent" in changed:
        options = {"absent": [f"{service.etc}/old.zone"]}
    service.run(*files, **options)
    assert service.ran() == ["check", *reloads, "probe"]


@pytest.mark.parametrize(
    ("number", "general", "reloads"),
    [(10, ["reload"], 10), (11, ["reload"], "reload"), (30, ["reload"], "reload"), (11, None, 11)],
)
def test_many_own_reloads_give_way_to_the_general_one(service, number, general, reloads):
    files = [service.file(f"{i}.zone", reload=["own", str(i)]) for i in range(number)]
    files += [service.file("last.zone", reload=["own", "0"])]  # a command is run once
    result = service.run(*files, reload=general)
    own = [f"reloaded: own {i}" for i in range(number)]
    assert result["actions"][number + 1 :] == (own if reloads == number else ["reloaded: reload"])
    assert service.ran() == ["check", *(["own"] * number if reloads == number else ["reload"]), "probe"]


@pytest.mark.parametrize(("length", "is_cut"), [(200, False), (201, True), (5000, True)])
def test_a_long_command_is_cut_off_in_messages(service, length, is_cut):
    words = "fail " + "x" * (length - 5)
    told = words[:200] + "..." if is_cut else words
    service.write("bin/fail", "#!/bin/sh\nexit 9\n")
    (service.root / "bin/fail").chmod(0o755)
    command = words.split()
    refused = service.fail(service.file(), check=command)
    assert refused.startswith(f"{told} refuses the new configuration (exit status 9):\n")
    assert service.fail(service.file(), reload=command).startswith(f"{told} failed (exit status 9):\n")
    service.run(service.file(content="old\n"))
    message = service.fail(service.file(), probe=command)
    assert message.startswith(f"the probe {told} failed for 0.2 s (exit status 9):\n")
    service.run(service.file(content="old\n"))
    result = service.run(service.file(), reload=command, check_mode=True)
    assert result["actions"][-1] == f"reloaded: {told}"


def test_the_probe_is_repeated_until_it_succeeds(service):
    service.run(service.file("patience", "2\n"), probe_timeout=5)
    assert service.ran() == ["check", "reload", "probe", "probe", "probe"]


@pytest.mark.parametrize("word", ["UNLOADABLE", "MUTE"])
def test_a_failed_reload_or_probe_brings_the_old_configuration_back(service, word):
    before = service.snapshot("etc", "loaded", "state/demo/journal.json")
    message = service.fail(service.file(content=word), service.file("a/b"), absent=[f"{service.etc}/*.zone"])
    words = {
        "UNLOADABLE": "reload failed (exit status 4):\ncannot load\n",
        "MUTE": "the probe probe failed for 0.2 s (exit status 1):\nloaded/main.conf:MUTE\n",
    }
    assert message == words[word] + "The old files are back. The old configuration is in force again."
    assert service.snapshot("etc", "loaded", "state/demo/journal.json") == before
    assert service.ran()[-2:] == ["reload", "probe"]


def test_a_probe_that_hangs_is_stopped(service):
    start = time.monotonic()
    message = service.fail(service.file(), probe=["sleep", "60"])
    assert time.monotonic() - start < 5
    assert "the probe sleep 60 failed for 0.2 s (exit status -9):\n(no answer within 0.2 s)" in message


def test_what_the_last_probe_that_was_not_stopped_said_is_told(service):
    mark = service.etc.parent / "asked"
    probe = ["sh", "-c", f"test ! -e {mark} || exec sleep 60; touch {mark}; echo the cause; exit 3"]
    message = service.fail(service.file(), probe=probe, probe_timeout=0.5)
    assert message.splitlines()[0].endswith("failed for 0.5 s (exit status 3):")
    assert "\nthe cause\n" in message


def test_a_missing_command_is_named(service):
    assert "nowhere failed (exit status 127):\nnowhere: No such file or directory" in service.fail(
        service.file(), reload=["nowhere"]
    )


def test_a_daemon_left_behind_by_a_command_does_not_hold_the_run_up(service):
    start = time.monotonic()
    service.run(service.file(), reload=["sh", "-c", "sleep 5 & exit 0"])
    assert time.monotonic() - start < 4


def test_commands_do_not_read_what_ansible_sends():
    program = (
        f"import sys; sys.path.append({str(LIBRARY)!r}); import service_config; print(service_config.run(['cat']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input="the module", capture_output=True, text=True, check=True
    )
    assert done.stdout == "(0, '')\n"


def test_when_the_old_configuration_does_not_work_either_the_next_run_goes_on(service):
    message = service.fail(service.file(), probe=["sh", "-c", "echo silence; exit 1"])
    assert "The old files are back. But the service does not work with them either: the probe sh -c" in message
    assert (service.etc / "main.conf").read_text() == "old\n"
    assert service.journal.exists()
    result = service.run(service.file(content="old\n"))
    assert result == {
        "changed": True,
        "recovered": True,
        "actions": ["undid the unfinished change of an earlier run", "reloaded: reload"],
    }
    assert (service.ran(), service.journal.exists()) == (["reload", "probe"], False)


def test_old_files_that_cannot_be_put_back_stay_in_the_journal(service, monkeypatch):
    def full(path, state, place=service_config.place):
        if state.data == "old\n":
            raise OSError(28, "No space left on device")
        place(path, state)

    with monkeypatch.context() as patch:
        patch.setattr(service_config, "place", full)
        words = f"The old files could NOT be put back: [Errno 28] No space left on device. {service.journal} keeps them"
        assert words in service.fail(service.file(content="MUTE\n"))
        assert words in service.fail(service.file())
    service.run(service.file(content="old\n"))
    assert (service.root / "loaded/main.conf").read_text() == "old\n"


@pytest.mark.parametrize("error", [OSError(30, "Read-only file system"), KeyError("a bug"), KeyboardInterrupt()])
def test_an_error_between_two_files_brings_the_first_back(service, monkeypatch, error):
    errors = [error]

    def fails_once(path, state, place=service_config.place):
        if path == f"{service.etc}/second" and errors:
            raise errors.pop()
        place(path, state)

    before = service.snapshot()
    monkeypatch.setattr(service_config, "place", fails_once)
    message = service.fail(service.file(), service.file("second"))
    assert message == f"{error if isinstance(error, OSError) else repr(error)}\nThe old files are back."
    assert service.snapshot() == before
    assert service.ran() == ["check"]


SHOW = "show --property ActiveState,UnitFileState named"


@pytest.mark.parametrize(
    ("active", "enabled", "changed", "calls"),
    [
        ("active", "enabled", False, []),
        ("active", "static", False, []),
        ("active", "disabled", False, [SHOW, "enable named"]),
        ("inactive", "enabled", False, ["reset-failed named", "start named"]),
        ("failed", "disabled", True, ["reset-failed named", "start named", SHOW, "enable named"]),
        ("inactive", "generated", False, ["reset-failed named", "start named", SHOW, "enable named"]),
        ("active", "enabled", True, []),
    ],
)
def test_the_unit_is_started_and_enabled(service, active, enabled, changed, calls):
    service.write("active", f"{active}\n")
    service.write("enabled", f"{enabled}\n")
    result = service.run(service.file(content="new\n" if changed else "old\n"), unit="named")
    show, *rest = service.calls()
    assert show == SHOW
    assert rest == calls
    words = {"start named": "started named", "enable named": "enabled named"}
    expected = [words[call] for call in calls if call in words]
    if changed:
        expected = [f"replaced {service.etc}/main.conf", *(expected or ["reloaded: reload"])]
    assert result["actions"] == expected
    assert result["changed"] == bool(expected)
    assert (service.root / "active").read_text() == "active\n"


def test_what_has_become_enabled_by_its_files_is_not_enabled_again(service):
    service.write("active", "active\n")
    service.write("enabled", "disabled\n")
    enabling = ["sh", "-c", f"echo enabled >{service.root}/enabled"]
    result = service.run(service.file(content="new\n"), unit="named", reload=enabling)
    assert service.calls() == [SHOW, SHOW]
    assert "enabled named" not in result["actions"]


def test_the_links_of_an_init_script_tell_whether_it_is_enabled(service, monkeypatch):
    service.write("enabled", "generated\n")
    links = {"/etc/rc5.d/S??named": ["/etc/rc5.d/S01named"]}
    monkeypatch.setattr(service_config.glob, "glob", lambda pattern: links.get(pattern, []))
    assert service.run(service.file(content="old\n"), unit="named.service")["changed"] is False


def test_without_a_probe_a_unit_must_be_active(service):
    service.run(service.file(), unit="named", probe=None)
    assert service.calls()[1:] == ["is-active named"]


@pytest.mark.parametrize("word", ["UNSTARTABLE", "MUTE"])
def test_a_unit_that_was_not_active_is_stopped_again(service, word):
    service.write("active", "inactive\n")
    service.write("enabled", "disabled\n")
    shutil.rmtree(service.root / "loaded")
    before = service.snapshot("etc", "active", "enabled")
    message = service.fail(service.file(content=word), unit="named")
    if word == "UNSTARTABLE":
        assert "systemctl start named failed (exit status 1):\njob failed\nmain.conf:1: I do not like this\n" in message
    else:
        assert "failed for 0.2 s (exit status 1):\nloaded/main.conf:MUTE\n" in message
    assert message.endswith("The old files are back. named is stopped again.")
    assert service.snapshot("etc", "active", "enabled") == before
    assert not (service.root / "loaded").exists()
    assert not service.journal.exists()


def test_a_unit_that_the_new_configuration_killed_is_started_with_the_old_one(service):
    kill = ["sh", "-c", "echo failed >active; echo main process died; exit 1"]
    message = service.fail(service.file(), unit="named", reload=kill)
    assert "main process died\nmain.conf:1: I do not like this\nThe old files are back. The old" in message
    assert (service.root / "active").read_text() == "active\n"
    assert (service.root / "loaded/main.conf").read_text() == "old\n"
    assert service.calls()[1:] == ["is-active named", "reset-failed named", "start named"]


def test_a_changed_unit_file_is_made_known_to_systemd(service):
    transaction = service.transaction()
    transaction.record["paths"] = {"/etc/systemd/system/named.service.d/x.conf": NOTHING._asdict()}
    transaction.serve("reload")
    assert (service.calls(), service.ran()) == (["daemon-reload"], ["systemctl", "reload", "probe"])


def test_systemctl_that_fails_is_quoted(service):
    service.write("bin/systemctl", "#!/bin/sh\necho 'not booted with systemd'; exit 1\n")
    (service.root / "bin/systemctl").chmod(0o755)
    message = service.fail(service.file(), unit="named")
    assert message == "systemctl show named failed:\nnot booted with systemd"


# Runs that were killed, and runs at the same time


def interrupted(service, *files, **options):
    """Leave what a run leaves that was killed when the service had just been reloaded."""
    program = service.root / "bin/probe"
    text = program.read_text()
    program.write_text("#!/bin/sh\nkill -9 $PPID\n")
    if not (child := os.fork()):
        with suppress(BaseException):
            service.transaction(*files, **options).run()
        os._exit(1)  # it never returns into the tests
    assert os.waitpid(child, 0)[1] == 9
    program.write_text(text)


def test_the_next_run_goes_on_where_one_was_killed(service):
    interrupted(service, service.file())
    assert (service.root / "loaded/main.conf").read_text() == "new\n"
    result = service.run(service.file())
    assert result == {
        "changed": True,
        "recovered": True,
        "actions": [
            "undid the unfinished change of an earlier run",
            f"replaced {service.etc}/main.conf",
            "reloaded: reload",
        ],
    }
    assert not service.journal.exists()
    assert service.run(service.file())["changed"] is False


def test_a_killed_change_that_is_not_wanted_any_more_is_undone_in_the_service_too(service):
    interrupted(service, service.file(), service.file("a/b", reload=["own"]), absent=[f"{service.etc}/old.zone"])
    result = service.run(service.file(content="old\n"))
    assert (result["changed"], result["recovered"], service.ran()) == (True, True, ["reload", "probe"])
    assert (service.root / "loaded/main.conf").read_text() == "old\n"
    assert sorted(path.name for path in service.etc.iterdir()) == ["main.conf", "old.zone"]


def test_a_directory_that_others_use_by_now_stays(service):
    interrupted(service, service.file("a/b/mine"))
    service.write("etc/a/theirs", "x\n")
    service.run(service.file(content="old\n"))
    assert [path.name for path in (service.etc / "a").iterdir()] == ["theirs"]


def test_a_killed_change_is_undone_even_if_the_next_one_is_refused(service):
    interrupted(service, service.file())
    message = service.fail(service.file(content="BAD\n"))
    assert message.endswith("The old files are back. The old configuration is in force again.")
    assert (service.root / "loaded/main.conf").read_text() == "old\n"
    assert not service.journal.exists()


def test_a_unit_that_a_killed_run_started_is_stopped_if_the_next_one_fails(service):
    service.write("active", "inactive\n")
    interrupted(service, service.file(), unit="named")
    assert (service.root / "active").read_text() == "active\n"
    assert service.fail(service.file(content="MUTE\n"), unit="named").endswith("named is stopped again.")
    assert (service.root / "active").read_text() == "inactive\n"


def test_check_mode_only_reports_a_killed_run(service):
    interrupted(service, service.file())
    before = service.snapshot("etc", "loaded", "state")
    result = service.run(service.file(), check_mode=True)
    assert (result["changed"], result["recovered"]) == (True, True)
    assert service.snapshot("etc", "loaded", "state") == before


def test_what_a_killed_run_had_staged_is_removed(service):
    stale = service.root / "state/demo/stage.x/0"
    stale.mkdir(parents=True)
    service.run(service.file(content="old\n"))
    assert not stale.parent.exists()


# Files that the service writes to by itself


def test_an_initial_file_is_made_where_there_is_none_and_left_alone_from_then_on(service):
    dynamic = service.file("dynamic.db", "first\n", mode="0640", initial=True, reload=["own"])
    assert service.run(dynamic)["actions"] == [f"created {service.etc}/dynamic.db", "reloaded: own"]
    assert look(f"{service.etc}/dynamic.db").data == "first\n"
    service.write("etc/dynamic.db", "of the service\n")
    for check_mode in (True, False):
        result = service.run(dynamic | {"content": "second\n"}, check_mode=check_mode, diff=True)
        assert result == {"changed": False, "recovered": False, "actions": [], "diff": []}
    assert (look(f"{service.etc}/dynamic.db").data, look(f"{service.etc}/dynamic.db").mode) == (
        "of the service\n",
        "0644",
    )


def test_an_initial_file_is_in_the_place_of_nothing_else(service):
    os.symlink("nowhere", service.etc / "link")
    assert not service.run(service.file("link", initial=True))["changed"]
    assert os.readlink(service.etc / "link") == "nowhere"
    (service.etc / "folder").mkdir()
    assert "folder is a directory; only files" in service.fail(service.file("folder", initial=True))


def test_absent_and_discard_leave_an_initial_file_alone(service):
    everything = [f"{service.etc}/*.zone"]
    assert not service.run(service.file("old.zone", initial=True), absent=everything, discard=everything)["changed"]


@pytest.mark.parametrize("killed", [False, True])
def test_an_initial_file_stays_when_the_change_is_undone(service, killed):
    files = [service.file(content="MUTE\n"), service.file("sub/dynamic.db", "first\n", initial=True)]
    if killed:
        interrupted(service, *files)
        service.write("etc/sub/dynamic.db", "an update\n")
        service.run(service.file(content="old\n"))
    else:
        assert service.fail(*files).endswith("The old configuration is in force again.")
    assert (service.etc / "main.conf").read_text() == "old\n"
    assert (service.etc / "sub/dynamic.db").read_text() == ("an update\n" if killed else "first\n")
    assert not service.run(files[1] | {"content": "second\n"})["changed"]


def test_original_takes_an_initial_file_away(service):
    before = service.snapshot()
    service.run(service.file("sub/dynamic.db", initial=True))
    service.write("etc/sub/dynamic.db", "an update\n")
    service.run(state="original")
    assert service.snapshot() == before


def test_original_leaves_what_is_to_be_kept(service):
    before = service.snapshot()
    service.run(service.file("sub/dynamic.db", initial=True), service.file("main.conf"))
    service.write("etc/sub/dynamic.db", "an update\n")
    keep = [str(service.etc / "sub/*.db")]
    assert service.run(state="original", keep=keep)["changed"]
    assert (service.etc / "sub/dynamic.db").read_text() == "an update\n"
    assert not service.run(state="original", keep=keep)["changed"]
    service.run(service.file("sub/dynamic.db"))
    service.run(state="original")
    assert (service.etc / "sub/dynamic.db").read_text() == "an update\n"
    (service.etc / "sub/dynamic.db").unlink()
    (service.etc / "sub").rmdir()
    assert service.snapshot() == before


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize(
    ("name", "before"), [("old.zone", "old zone\n"), ("new.zone", None)], ids=["replaced", "created"]
)
def test_the_undo_text_takes_the_place_of_the_old_one(service, name, before, killed):
    file = service.file(name, "MUTE\n", undo="old zone, newer\n", mode="0600")
    if killed:
        interrupted(service, file)
        service.run(service.file(content="old\n"))
    else:
        assert "The old configuration is in force again." in service.fail(file)
    after = {path.name: path.read_text() for path in (service.root / "loaded").iterdir()}
    expected = {"main.conf": "old\n", "old.zone": "old zone\n"}
    assert after == expected | ({name: "old zone, newer\n"} if before else {})
    assert look(f"{service.etc}/old.zone").mode == "0644"  # the text alone is another one


def test_the_undo_text_is_not_for_a_link(service):
    os.symlink("old.zone", service.etc / "link")
    before = service.snapshot()
    service.fail(service.file("link", "MUTE\n", undo="never\n"))
    assert service.snapshot() == before


def test_the_undo_text_matters_only_when_there_is_something_to_undo(service):
    assert not service.run(service.file(content="old\n", undo="x\n"))["changed"]
    service.run(service.file(undo="x\n"))
    assert (service.etc / "main.conf").read_text() == "new\n"
    service.run(state="original")
    assert (service.etc / "main.conf").read_text() == "old\n"


def test_a_refused_file_is_not_undone(service):
    service.write("etc/old.zone.jnl", "journal\n")
    before = service.snapshot()
    file = service.file("old.zone", "BAD\n", undo="x\n", stale=[f"{service.etc}/old.zone.jnl"])
    message = service.fail(file, service.file("first.db", initial=True))
    if CAN_ISOLATE:
        assert message.endswith("Nothing is changed.")
        assert service.snapshot() == before


def test_stale_files_are_removed_before_the_file_is_replaced(service, monkeypatch):
    done = []

    def told(path, state, put=put):
        if path.startswith(str(service.etc)):
            done.append(("remove" if state == NOTHING else "write", path.removeprefix(f"{service.etc}/")))
        put(path, state)

    stale = [f"{service.etc}/main.conf.jnl", f"{service.etc}/../etc/main.conf.none"]
    service.write("etc/main.conf.jnl", "journal\n")
    monkeypatch.setattr(service_config, "put", told)
    result = service.run(service.file(stale=stale))
    assert done == [("remove", "main.conf.jnl"), ("remove", "main.conf.none"), ("write", "main.conf")]
    assert result["actions"] == [f"replaced {service.etc}/main.conf", "reloaded: reload"]
    assert not (service.root / "loaded/main.conf.jnl").exists()


def test_stale_files_stay_while_their_file_does(service):
    service.write("etc/main.conf.jnl", "journal\n")
    before = service.snapshot()
    stale = [f"{service.etc}/main.conf.jnl"]
    assert not service.run(service.file(content="old\n", stale=stale))["changed"]
    service.run(service.file(stale=stale), check_mode=True)
    assert service.snapshot() == before
    service.run(service.file(content="old\n", stale=stale), service.file("other"))
    assert (service.etc / "main.conf.jnl").exists()


@pytest.mark.parametrize("killed", [False, True])
def test_stale_files_do_not_come_back(service, killed):
    service.write("etc/old.zone.jnl", "journal\n")
    file = service.file("old.zone", "MUTE\n", stale=[f"{service.etc}/old.zone.jnl"])
    # What the service makes of the new text has to go with that: the second reload must not see it.
    reload = ["sh", "-c", "cp -a etc seen.$(ls | grep -c ^seen); touch etc/old.zone.jnl; exec reload"]
    if killed:
        interrupted(service, file, reload=reload, check=None)
        assert (service.etc / "old.zone.jnl").exists()
        service.run(service.file(content="old\n"), reload=reload)
    else:
        service.fail(file, reload=reload, check=None)
    assert {path.name: path.read_text() for path in (service.root / "seen.0").iterdir()}["old.zone"] == "MUTE\n"
    seen = {path.name: path.read_text() for path in (service.root / "seen.1").iterdir()}
    assert seen == {"main.conf": "old\n", "old.zone": "old zone\n"}


def test_what_is_undone_is_removed_before_anything_is_written(service, monkeypatch):
    done = []
    transaction = service.transaction()
    states = {"a": look(f"{service.etc}/main.conf"), "a.jnl": NOTHING, "b": State("file", "b"), "c": NOTHING}
    record = {f"{service.etc}/{name}": state._asdict() for name, state in states.items()}
    monkeypatch.setattr(service_config, "place", lambda path, state: done.append(path.removeprefix(f"{service.etc}/")))
    transaction.undo({"paths": record, "directories": []})
    assert done == ["a.jnl", "c", "a", "b"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_discarded_files_go_at_the_very_end(service, check_mode):
    for name in ("a.zone.jnl", "b.zone.jnl", "kept.zone.jnl"):
        service.write(f"etc/{name}", "x\n")
    (service.etc / "dir.zone.jnl").mkdir()
    options = {"discard": [f"{service.etc}/*.jnl", f"{service.etc}/gone"], "keep": [f"{service.etc}/kept.zone.jnl"]}
    options["check_mode"] = check_mode
    result = service.run(service.file(), **options)
    words = [f"discarded {service.etc}/{name}.zone.jnl" for name in "ab"]
    assert result["actions"] == [f"replaced {service.etc}/main.conf", "reloaded: reload", *words]
    assert result["changed"]
    left = ["dir.zone.jnl", "kept.zone.jnl", "main.conf", "old.zone"]
    if not check_mode:
        assert sorted(path.name for path in service.etc.iterdir()) == left
        # They were still there when the service was proven to work.
        assert (service.root / "loaded/a.zone.jnl").exists()
        assert service.run(service.file(), **options) == {"changed": False, "recovered": False, "actions": []}


def test_discarding_alone_disturbs_nobody(service):
    service.write("etc/a.jnl", "x\n")
    result = service.run(service.file(content="old\n"), discard=[f"{service.etc}/*.jnl"])
    assert result == {"changed": True, "recovered": False, "actions": [f"discarded {service.etc}/a.jnl"]}
    assert service.ran() == []


def test_nothing_is_discarded_when_the_change_fails(service):
    service.write("etc/a.jnl", "x\n")
    before = service.snapshot()
    for word in ("BAD", "MUTE", "UNLOADABLE"):
        service.fail(service.file(content=word), discard=[f"{service.etc}/*.jnl"])
        assert service.snapshot() == before


def test_discarded_files_never_come_back(service):
    service.write("etc/a.jnl", "x\n")
    service.run(service.file(), discard=[f"{service.etc}/*.jnl"])
    service.fail(service.file(content="MUTE\n"))
    service.run(state="original")
    assert sorted(path.name for path in service.etc.iterdir()) == ["main.conf", "old.zone"]


def test_two_runs_at_once_wait_for_each_other(service, monkeypatch):
    monkeypatch.setattr(service_config, "LOCK_TIMEOUT", 0.1)
    lock = service.root / "state/demo/lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert service.fail(service.file()) == f"another run has held {lock} for 0.1 s"
    assert service.run(service.file())["changed"]


def run_as_program(service, *files, **options):
    """Run the module in a process of its own, which can be sent signals, and return its result."""
    arguments = service.root / "arguments.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": service.transaction(*files, **options).params}))
    program = [sys.executable, LIBRARY / "service_config.py", arguments]
    return json.loads(subprocess.run(program, capture_output=True, check=False).stdout)


def test_commands_speak_english_and_are_found_in_sbin(service, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("PATH", f"{service.root}/bin:/usr/bin:/bin")
    result = run_as_program(service, service.file(), check=["sh", "-c", "echo $LC_ALL $PATH; exit 1"])
    assert f"\nC {service.root}/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:" in result["msg"]


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT"])
def test_a_signal_undoes_the_change(service, name):
    result = run_as_program(service, service.file(), probe=["sh", "-c", f"kill -{name} $PPID; sleep 9"])
    assert result["failed"]
    assert result["msg"].startswith(f"stopped by SIG{name}\nThe old files are back.")
    assert (service.root / "loaded/main.conf").read_text() == "old\n"


def test_a_signal_does_not_stop_the_undoing(service):
    reload = ["sh", "-c", "grep -q old etc/main.conf && kill -TERM $PPID"]
    # The probe is waited for, however long it takes; a signal that stops the undoing is told of at once.
    result = run_as_program(service, service.file(), reload=reload, probe_timeout=60)
    assert result["msg"].endswith("\nThe old files are back. The old configuration is in force again.")


# Secrets


def test_a_secret_is_in_no_message_and_no_diff(service):
    service.write("etc/main.conf", "# the-former-secret-of-it\n")
    for check, reload in (
        (["sh", "-c", "cat etc/main.conf; exit 1"], ["true"]),
        (None, ["sh", "-c", "cat etc/*; exit 1"]),
    ):
        message = service.fail(service.file(content=f'key "{SECRET}";\nx\n', secret=True), check=check, reload=reload)
        assert "********" in message
        assert SECRET not in message
        assert "the-former-secret-of-it" not in message
    result = service.run(service.file(content=f"{SECRET}\n", secret=True), diff=True)
    assert SECRET not in str(result)
    assert (result["diff"][0]["before"], result["diff"][0]["after"]) == (
        "(content not shown, before)\n",
        "(content not shown, after)\n",
    )


def test_without_the_tasks_word_what_not_everybody_may_read_is_a_secret(service):
    service.write("etc/main.conf", f"{SECRET}\n")
    service.run(
        service.file(content="harmless\n", mode="0600"), service.file("x", f"{SECRET}\n", secret=True, mode="0600")
    )
    options = {"state": "original", "diff": True}
    assert SECRET not in str(service.run(**options, check_mode=True)["diff"])
    message = service.fail(**options, reload=["sh", "-c", "cat etc/* loaded/*; exit 1"])
    assert "********" in message
    assert SECRET not in message


@pytest.mark.parametrize(
    ("content", "words", "shown"),
    [
        ('key "{}";', "near '{}'", "near '********'"),
        ("pass={}", "unknown {}", "unknown ********"),
        ('password: "a long pass phrase"', 'at "a long pass phrase"', 'at "********"'),
        ("user = short secret", "line 1: user = short secret", "line 1: ********"),
        ("user=me pass={}", "line 1: user=me pass={}", "line 1: ********"),
        ("short", "short", "short"),
    ],
)
def test_what_is_redacted(service, content, words, shown):
    transaction = service.transaction(service.file(content=content.format(SECRET), secret=True))
    transaction.run()
    assert transaction.redact(words.format(SECRET)) == shown


# The first versions


def test_original_gives_back_what_was_there_before_the_first_run(service):
    os.symlink("old.zone", service.etc / "link")
    before = service.snapshot()
    service.run(service.file(), service.file("link"), service.file("a/b/c"), absent=[f"{service.etc}/*.zone"])
    service.run(service.file(content="newer\n"), service.file("a/b/d"))
    result = service.run(state="original")
    assert result["actions"][-1] == "reloaded: reload"
    assert service.snapshot() == before
    assert service.run(state="original") == {"changed": False, "recovered": False, "actions": []}
    assert [path.name for path in (service.root / "state/demo").iterdir()] == ["lock"]
