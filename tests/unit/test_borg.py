"""The action borg with Borg itself; the host is the controller."""

import importlib.util
import multiprocessing
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"  # noqa: S105 (it guards nothing)
spec = importlib.util.spec_from_file_location("action_borg", ROOT / "action_plugins" / "borg.py")
borg = importlib.util.module_from_spec(spec)
spec.loader.exec_module(borg)


class Action(borg.ActionModule):
    """The action, without Ansible's way to a host."""

    def _low_level_execute_command(self, cmd: str, in_data: bytes) -> dict[str, Any]:
        done = subprocess.run(["/bin/sh", "-c", cmd], input=in_data, capture_output=True, check=False)
        return {"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()}

    def _find_needle(self, folder: str, name: str) -> str:
        return str(ROOT / "roles" / "backup" / folder / name)


class Site:
    """A host with a folder, and a repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.repository = folder / "repository"
        self.data.mkdir()
        (self.data / "file").write_text("text")

    def task(self, state: str, *, check_mode: bool = False, **options: Any) -> str:
        """Run a task; return what it tells."""
        given = {"state": state, "name": "here", "repository": str(self.repository), "password": PASSWORD}
        task = SimpleNamespace(args=given | options, async_val=0, check_mode=check_mode)
        connection = SimpleNamespace(transport="local", become=None, _shell=SimpleNamespace(tmpdir="unused"))
        told = Action(task, connection, None, None, None).run(task_vars={})["msg"]
        return told if isinstance(told, str) else "; ".join(told)

    def refused(self, state: str, **options: Any) -> str:
        """Run a task that fails; return why."""
        with pytest.raises(AnsibleActionFail) as error:
            self.task(state, **options)
        return str(error.value)

    def save(self, **item: Any) -> str:
        return self.task("saved", items=[self.item(**item)])

    def restore(self, **item: Any) -> str:
        return self.task("restored", items=[self.item(**item)])

    def item(self, **more: Any) -> dict[str, Any]:
        return {"name": "data", "paths": [str(self.data)]} | more

    def controller(self, state: str, *paths: Path, **options: Any) -> str:
        return self.task(state, base=str(self.folder), paths=[str(path) for path in paths], **options)

    def borg(self, *argv: str) -> str:
        env = os.environ | {"BORG_REPO": str(self.repository), "BORG_PASSPHRASE": PASSWORD}
        return subprocess.run(["borg", *argv], env=env, check=True, text=True, capture_output=True).stdout

    def archives(self, pattern: str = "here*") -> list[str]:
        return self.borg("list", "--short", "--glob-archives", pattern).split()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORG_BASE_DIR", str(tmp_path / "base"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.borg("init", "--encryption=repokey-blake2")
    return made


def test_what_is_saved_is_restored_to_who_does_not_have_it(site: Site) -> None:
    (site.data / "file").chmod(0o640)
    assert "1 files, 0.0 MB, of which 0.0 MB are new" in site.save()
    (site.data / "file").unlink()
    assert "from here-" in site.restore()
    assert (site.data / "file").read_text() == "text"
    assert (site.data / "file").stat().st_mode & 0o777 == 0o640


def test_who_has_it_keeps_it(site: Site) -> None:
    site.save()
    (site.data / "file").write_text("newer")
    assert "data stays as it is: this host has it already" in site.restore(configured=[str(site.data / "file")])
    assert (site.data / "file").read_text() == "newer"


def test_scripts_run_around_it_where_the_dump_is(site: Site) -> None:
    site.save(dump="echo dumped >dump")
    (site.data / "file").unlink()
    site.restore(
        prepare=f"cat dump >{site.folder}/prepared; ! test -e {site.data}/file",
        finish=f"cat dump {site.data}/file >{site.folder}/finished",
    )
    assert (site.folder / "prepared").read_text() == "dumped\n"
    assert (site.folder / "finished").read_text() == "dumped\ntext"
    assert not Path("/var/lib/server-for-dummies/restore").exists()


def test_the_newest_archive_counts_that_has_an_item_and_is_not_too_new(site: Site) -> None:
    both = [site.item(services=["one"]), {"name": "more", "services": ["two"], "paths": [str(site.folder / "more")]}]
    (site.folder / "more").write_text("at first")
    site.task("saved", items=both)
    (first,) = site.archives()
    (site.data / "file").write_text("later")
    (site.folder / "more").write_text("later")
    time.sleep(1)  # archives are named by the second
    output = site.task("saved", items=both, services=["one"])
    assert "here.one-" in output
    (site.data / "file").unlink()
    (site.folder / "more").unlink()
    site.task("restored", items=both)
    assert (site.data / "file").read_text() == "later"
    assert (site.folder / "more").read_text() == "at first"
    site.task("restored", items=both, until=first.removeprefix("here-"))
    assert (site.data / "file").read_text() == "text"


@pytest.mark.parametrize(("script", "why"), [("echo no database >&2; exit 1", "no database"), ("kill -9 $PPID", "")])
def test_a_host_that_cannot_be_read_to_the_end_has_no_archive(site: Site, script: str, why: str) -> None:
    output = site.refused("saved", items=[site.item(), {"name": "broken", "dump": script}])
    assert output.startswith(f"The host could not be read: {why}")
    assert site.archives() == []


def test_a_run_that_is_killed_leaves_no_archive(site: Site) -> None:
    slow = {"name": "slow", "dump": f"echo $$ >{site.folder}/pid; exec sleep 30"}
    run = multiprocessing.get_context("fork").Process(
        target=site.task, args=["saved"], kwargs={"items": [site.item(), slow]}
    )
    run.start()
    deadline = time.monotonic() + 20
    while not (site.folder / "pid").exists() or not (site.folder / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    run.kill()
    run.join()
    os.kill(int((site.folder / "pid").read_text()), 9)
    assert site.archives() == []


def test_a_second_archive_adds_what_is_new(site: Site) -> None:
    (site.data / "big").write_bytes(os.urandom(5_000_000))
    assert "5.0 MB, of which 5.0 MB are new" in site.save()
    (site.data / "small").write_bytes(os.urandom(200_000))
    time.sleep(1)
    assert "5.2 MB, of which 0.2 MB are new" in site.save()


def test_archives_are_kept_by_days_and_of_each_name(site: Site) -> None:
    for name in ("here", "here.one"):
        for time_ in ("2026-01-01T01:00:00", "2026-01-02T01:00:00", "2026-01-02T02:00:00", "2026-01-03T01:00:00"):
            about = f"{name}: data"
            site.borg("create", "--comment", about, "--timestamp", time_, f"::{name}-{time_}", str(site.data))
    site.borg("create", "--timestamp", "2025-01-01T00:00:00", "::of-mine", str(site.data))
    output = site.task("pruned", keep={"daily": 2})
    assert "here-2026-01-01T01:00:00 was taken away" in output
    left = [f"{name}-2026-01-0{when}:00:00" for name in ("here", "here.one") for when in ("2T02", "3T01")]
    assert {*left, "of-mine"} == {*site.archives("*")}
    assert "taken away" not in site.task("pruned", keep={})


def test_a_damaged_repository_is_told_and_nothing_is_pruned(site: Site) -> None:
    (site.data / "big").write_bytes(os.urandom(2_000_000))
    site.save()
    for second in (1, 2):
        about = "here: data"
        site.borg("create", "--comment", about, f"::here-2026-01-01T00:00:0{second}", str(site.data / "file"))
    segment = max(site.repository.glob("data/0/*"), key=lambda path: path.stat().st_size)
    with segment.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"spoiled")
    before = site.archives()
    assert f"{site.repository} is damaged, or cannot be used. Borg says: " in site.refused("pruned", keep={"daily": 1})
    assert len(before) == 3
    assert site.archives() == before
    assert "is damaged" in site.refused("restored", items=[site.item()])


def test_an_older_copy_of_the_repository_is_as_good(site: Site) -> None:
    site.save()
    copy = site.folder / "copy"
    shutil.copytree(site.repository, copy)
    time.sleep(1)
    site.save()
    (site.data / "file").unlink()
    site.task("restored", items=[site.item()], repository=str(copy))
    assert (site.data / "file").read_text() == "text"


def test_what_is_wrong_with_the_repository_is_told(site: Site) -> None:
    items = [site.item()]
    nothing = site.refused("restored", items=items, repository=str(site.folder / "none"))
    assert (
        nothing
        == f"There is no backup in {site.folder}/none: edit backup_repository, or make one, playbooks/backup.yml"
    )
    wrong = f"The password is not that of {site.repository}: edit backup_secrets"
    assert site.refused("restored", items=items, password="wrong") == wrong  # noqa: S106
    assert site.refused("saved", items=items, password="wrong") == wrong  # noqa: S106
    other = site.refused("restored", items=items, repository=str(site.data))
    assert other == f"{site.data} is not a repository of Borg's: edit backup_repository"
    assert "there is no backup of data in" in site.task("restored", items=items)


def test_a_controller_without_borg_is_told_what_to_install(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(site.folder))
    assert site.refused("restored") == "The controller lacks Borg: apt-get install borgbackup"


def test_with_check_nothing_is_written(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert "would have data" in site.task("saved", items=[site.item()], check_mode=True)
    assert "would have data" in site.controller("saved", site.data, check_mode=True)
    assert not site.repository.exists()
    site.controller("saved", site.data, name="there")  # archives are named by the host, and the second
    site.save()
    (site.data / "file").unlink()
    assert f"{site.data}/file" in site.controller("restored", site.data, name="there", check_mode=True)
    assert "from here-" in site.task("restored", items=[site.item()], check_mode=True)
    assert not (site.data / "file").exists()


def test_the_controller_gets_back_what_it_lacks_and_keeps_the_rest(tmp_path: Path) -> None:
    site, ca = Site(tmp_path), tmp_path / "ca"
    for name in ("private/key", "serial", "index"):
        (ca / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (ca / name).write_text(name)
    (ca / "link").symlink_to("serial")
    (ca / "private" / "key").chmod(0o400)
    output = site.controller("saved", ca, site.data, tmp_path / "none", tmp_path)
    assert f"{site.repository} was made" in output
    (archive,) = site.archives()
    assert "repository" not in site.borg("list", "--short", f"::{archive}")
    (ca / "serial").write_text("newer")
    (ca / "private" / "key").unlink()
    (ca / "private").rmdir()
    (site.data / "file").unlink()
    assert site.controller("restored", ca) == f"from {archive}: {ca}/private/key"
    assert (ca / "private" / "key").read_text() == "private/key"
    assert (ca / "private" / "key").stat().st_mode & 0o777 == 0o400
    assert (ca / "private").stat().st_mode & 0o777 == 0o700
    assert (ca / "serial").read_text() == "newer"
    assert not (site.data / "file").exists()  # it was not asked for


def test_a_host_is_known_by_both_keys_and_then_by_the_next_alone(tmp_path: Path) -> None:
    keys = []
    for number in range(3):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / str(number))], check=True)
        keys.append(" ".join((tmp_path / f"{number}.pub").read_text().split()[:2]))
    known = tmp_path / "known_hosts"
    known.write_text(f"here {keys[0]}\nother {keys[2]}\n")
    borg.know(str(known), "here", [keys[1]], forget=False)
    assert known.read_text() == f"here {keys[0]}\nother {keys[2]}\nhere {keys[1]}\n"
    borg.know(str(known), "here", [keys[1]], forget=True)
    assert known.read_text() == f"other {keys[2]}\nhere {keys[1]}\n"
    assert not list(tmp_path.glob("known_hosts.*"))


ASKS = """
printf 'a banner\n'
printf '[sudo via ansible] password:' >&2
read -r word
[ "$word" = secret ] || exit 1
echo 'ready for the stream'
exec cat
"""


@pytest.mark.parametrize(("word", "is_right"), [("secret", True), ("wrong", False)])
def test_who_asks_for_a_password_gets_it_and_the_stream_begins_after_that(word: str, is_right: bool) -> None:
    argv = [b"/bin/sh", b"-c", ASKS.encode()]
    if not is_right:
        with pytest.raises(AnsibleActionFail, match="The host did not begin"):
            borg.Stream(argv, "[sudo via ansible] password:", word)
        return
    stream = borg.Stream(argv, "[sudo via ansible] password:", word)
    stream.process.stdin.write(b"data")
    stream.process.stdin.close()
    assert stream.process.stdout.read() == b"data"
    assert stream.end() == 0
    assert stream.words() == ""
