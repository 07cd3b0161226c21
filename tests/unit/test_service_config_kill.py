"""A run is killed before each of its changes in turn: nothing is lost, and the next run makes it good."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from test_service_config import Service, State, look

sys.path.append(str(Path(__file__).parents[1] / "faults"))

from kill_at import kill_at

EVERYTHING = ("etc", "loaded", "active", "enabled", "state")
GOES = {"zone.jnl", "left.jbk"}  # stale, and discarded
UNDONE = "older, with a newer serial\n"


class Case:
    """A host as it was, and a change that uses every kind of step."""

    def __init__(self, root, active, monkeypatch):
        self.root, self.active = root, active
        monkeypatch.setenv("PATH", f"{root}/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        monkeypatch.setenv("TESTER", str(os.getpid()))
        self.set_up()
        self.before = self.service.snapshot(*EVERYTHING)
        self.change()
        self.after = self.service.snapshot(*EVERYTHING)
        self.set_up()

    def set_up(self):
        shutil.rmtree(self.root, ignore_errors=True)
        self.service = Service(self.root)
        os.symlink("main.conf", self.service.etc / "link")
        for name in ("zone", *GOES):
            self.service.write(f"etc/{name}", "old\n")
        if not self.active:
            self.service.write("active", "inactive\n")
            self.service.write("enabled", "disabled\n")
        shutil.rmtree(self.service.root / "loaded")
        if self.active:
            shutil.copytree(self.service.etc, self.service.root / "loaded", symlinks=True)
        self.old = {str(path): look(str(path)) for path in self.service.etc.iterdir() if path.name not in GOES}

    def change(self):
        files = [
            self.service.file(mode="0600", secret=True),
            self.service.file("link", "a file now\n"),
            self.service.file("sub/folder/new.zone", reload=["own"]),
            self.service.file("zone", undo=UNDONE, stale=[f"{self.service.etc}/zone.jnl"], reload=["own"]),
            self.service.file("updates", "first\n", initial=True),
        ]
        return self.run(*files, absent=[f"{self.service.etc}/*.zone"], discard=[f"{self.service.etc}/*.jbk"])

    def change_back(self):
        """Want what there was; the link is of the past, as no task can want one."""
        files = [self.service.file(content="old\n"), self.service.file("old.zone", "old zone\n")]
        return self.run(*files)

    def run(self, *files, **options):
        return self.service.run(*files, unit="named", check=["true"], probe=["true"], **options)

    def killed(self, action, number):
        """Return whether `action` was killed, rather than being done before its change `number`."""
        if not (child := os.fork()):
            try:
                kill_at(number)
                action()
                os._exit(0)
            finally:
                os._exit(1)  # it never returns into the tests
        status = os.waitpid(child, 0)[1]
        assert status in (0, signal.SIGKILL)
        return status == signal.SIGKILL

    def assert_nothing_is_lost(self):
        """Each old version is in its place, or in the journal, until all of the new ones are in force."""
        if not self.service.journal.exists():
            now, before, after = ({**each} for each in (self.service.snapshot(), self.before, self.after))
            left = [path for path in now if path.name not in GOES]
            assert [now[path] for path in left] in [[each.get(path) for path in left] for each in (before, after)]
            assert {"main.conf", "zone"} <= {path.name for path in left}
            return
        journal = json.loads(self.service.journal.read_text())["paths"]
        for path, state in self.old.items():
            kept = state._replace(data=UNDONE) if path.endswith("/zone") else state
            assert look(path) == state or State(**journal[path]) == kept


@pytest.fixture
def case(request, tmp_path, monkeypatch):
    return Case(tmp_path / "host", request.param == "active", monkeypatch)


@pytest.mark.parametrize("case", ["active"], indirect=True)
def test_the_next_run_ends_as_if_there_had_been_no_kill(case):
    number = 0
    while case.killed(case.change, number := number + 1):
        case.assert_nothing_is_lost()
        case.change()
        assert case.service.snapshot(*EVERYTHING) == case.after, f"killed before change {number}"
        assert not case.change()["changed"]
        case.set_up()
    assert number > 90, "the steps are not seen"
    assert case.service.snapshot(*EVERYTHING) == case.after


@pytest.mark.parametrize("case", ["inactive"], indirect=True)
def test_the_next_run_may_be_killed_as_well(case):
    number = 0
    while case.killed(case.change, number := number + 1):
        if case.killed(case.change, number):
            case.assert_nothing_is_lost()
            case.change()
        assert case.service.snapshot(*EVERYTHING) == case.after, f"killed before change {number}"
        case.set_up()


@pytest.mark.parametrize("case", ["active"], indirect=True)
def test_if_the_change_is_not_wanted_any_more_the_service_has_the_old_files(case):
    number = 0
    while case.killed(case.change, number := number + 1):
        if not case.service.journal.exists() and (case.service.etc / "main.conf").read_text() == "new\n":
            break  # the change was made, what is discarded is left
        case.change_back()
        for name in ("etc", "loaded"):
            folder = case.service.root / name
            assert (folder / "main.conf").read_text() == "old\n", f"killed before change {number}"
            assert (folder / "zone").read_text() in ("old\n", UNDONE)
            # A file that belongs to the service may be there by now, or half of it, and stays.
            names = {path.name for path in folder.iterdir()} - GOES - {"updates", ".updates.service_config"}
            assert names == {"link", "main.conf", "old.zone", "zone"}
        assert not case.service.journal.exists()
        case.set_up()
    assert number > 60, "the steps are not seen"
