"""The glance, beside the module itself: it may miss that nothing is to do, and never that something is."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest
import service_config
from service_config import Transaction

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("action_service_config", ROOT / "action_plugins" / "service_config.py")
ACTION = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(ACTION)

# A systemctl with a unit that runs, unless a file says otherwise.
SYSTEMCTL = """#!/bin/sh
cat {folder}/unit
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Make a host on which all is as wanted; return the arguments of the task, and a look by both."""
    (tmp_path / "bin").mkdir()
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.write_text(SYSTEMCTL.format(folder=tmp_path))
    systemctl.chmod(0o755)
    (tmp_path / "unit").write_text("ActiveState=active\nUnitFileState=enabled\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    etc = tmp_path / "etc"
    etc.mkdir()
    file = {
        "owner": "root",
        "group": "root",
        "mode": "0644",
        "initial": False,
        "undo": None,
        "stale": [],
        "reload": None,
    }
    none = {"content": None, "secret_content": None, "base64": None, "link": None}
    arguments = {
        "name": "demo",
        "state": "present",
        "unit": "demo",
        "files": [
            file | none | {"path": f"{etc}/a", "content": "A\n"},
            file | none | {"path": f"{etc}/secret", "secret_content": "S", "mode": "0600", "owner": "0"},
            file | none | {"path": f"{etc}/empty", "content": ""},
            file | none | {"path": f"{etc}/first", "content": "begins so", "initial": True},
            file | none | {"path": f"{etc}/on", "link": "../etc/a"},
            file | none | {"path": f"{etc}/off", "link": "nowhere"},
        ],
        "absent": [f"{etc}/*.zone", f"{etc}/old"],
        "discard": [f"{etc}/*.jnl"],
        "keep": [f"{etc}/kept.*"],
        **dict.fromkeys(("check", "reload", "probe")),
        "probe_timeout": 1.0,
        "state_dir": str(tmp_path / "state"),
    }
    for name, text, mode in (
        ("a", "A\n", 0o644),
        ("secret", "S", 0o600),
        ("empty", "", 0o644),
        ("first", "now", 0o640),
    ):
        (etc / name).write_text(text)
        (etc / name).chmod(mode)
    (etc / "on").symlink_to("../etc/a")
    (etc / "off").symlink_to("nowhere")
    for name in ("kept.zone", "kept.jnl", ".hidden.zone", "other"):
        (etc / name).write_text("x")
    (tmp_path / "state" / "demo").mkdir(parents=True)

    def look():
        """Return whether nothing is to do by a glance, and by the module."""
        done = subprocess.run(["/bin/sh"], input=ACTION.glance(arguments), text=True, capture_output=True, check=False)
        by_glance = done.returncode == 0 and ACTION.is_as_wanted(arguments, done.stdout)
        return by_glance, not Transaction(arguments, check_mode=True).run()["changed"]

    return arguments, look, etc


def test_a_glance_is_enough_where_all_is_as_wanted(host):
    _, look, _ = host
    assert look() == (True, True)


@pytest.mark.parametrize("left", ["files", "absent", "discard", "keep", "unit"])
def test_a_glance_is_enough_without_each_of_the_arguments(host, left):
    arguments, look, etc = host
    arguments[left] = None if left == "unit" else []
    if left in ("files", "keep"):
        for name in ("kept.zone", "kept.jnl"):
            (etc / name).unlink()
    assert look() == (True, True)


def test_a_unit_of_an_init_script_is_enabled_by_its_link(host, monkeypatch):
    _, look, etc = host
    unit("ActiveState=active\nUnitFileState=generated\n")(etc)
    for action in (ACTION, service_config):
        monkeypatch.setattr(action, "INIT_LINK", f"{etc.parent}/S??{{}}")
    assert look() == (False, False)
    (etc.parent / "S01demo").touch()
    assert look() == (True, True)


def link(etc):
    (etc / "b").write_text("A\n")
    (etc / "a").unlink()
    (etc / "a").symlink_to("b")


def unit(state):
    return lambda etc: (etc.parent / "unit").write_text(state)


CHANGES = {
    "content": lambda etc: (etc / "a").write_text("B\n"),
    "content without its end": lambda etc: (etc / "a").write_text("A"),
    "secret content": lambda etc: (etc / "secret").write_text("T"),
    "mode": lambda etc: (etc / "a").chmod(0o640),
    "set-user-ID": lambda etc: (etc / "a").chmod(0o4644),
    "owner": lambda etc: os.chown(etc / "a", 1, -1),
    "owner by number": lambda etc: os.chown(etc / "secret", 1, -1),
    "group": lambda etc: os.chown(etc / "a", -1, 1),
    "missing": lambda etc: (etc / "a").unlink(),
    "missing first": lambda etc: (etc / "first").unlink(),
    "link": link,
    "where a link points": lambda etc: (etc / "off").unlink() or (etc / "off").symlink_to("elsewhere"),
    "a link to the same text": lambda etc: (etc / "on").unlink() or (etc / "on").symlink_to(etc / "a"),
    "a link's owner": lambda etc: os.lchown(etc / "on", 1, 0),
    "a link that is missing": lambda etc: (etc / "on").unlink(),
    "a file in a link's place": lambda etc: (etc / "on").unlink() or (etc / "on").write_text("A\n"),
    "not empty": lambda etc: (etc / "empty").write_text("x"),
    "to be absent": lambda etc: (etc / "new.zone").write_text("x"),
    "to be absent by name": lambda etc: (etc / "old").write_text("x"),
    "to be absent, a link to nothing": lambda etc: (etc / "new.zone").symlink_to("nothing"),
    "to be discarded": lambda etc: (etc / "new.jnl").write_text("x"),
    "inactive": unit("ActiveState=inactive\nUnitFileState=enabled\n"),
    "disabled": unit("ActiveState=active\nUnitFileState=disabled\n"),
    "journal": lambda etc: (etc.parent / "state/demo/journal.json").write_text(
        '{"active": true, "directories": [], "paths": {}}'
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_glance_sees_each_change(host, change):
    _, look, etc = host
    CHANGES[change](etc)
    assert look() == (False, False)


DOUBTS = {
    "what a killed run has checked": lambda etc: (etc.parent / "state/demo/stage.x").mkdir(),
    "a host that no run has touched": lambda etc: (etc.parent / "state/demo").rmdir(),
    "a folder where a file is to be absent": lambda etc: (etc / "new.zone").mkdir(),
    "a unit that is enabled otherwise": unit("ActiveState=active\nUnitFileState=static\n"),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_in_doubt_the_module_looks(host, doubt):
    _, look, etc = host
    DOUBTS[doubt](etc)
    assert look() == (False, True)


@pytest.mark.parametrize("path", ["/etc/a b", "/etc/$(id)", "/etc/a;b", "/etc/ä", "/etc/[ab]", "/etc/'", "/etc/*"])
def test_no_shell_sees_a_path_that_means_something_to_it(host, path):
    arguments, _, _ = host
    arguments["files"][0]["path"] = path
    assert ACTION.glance(arguments) is None


@pytest.mark.parametrize("seen", ["", "x", "\n--\n" * 4, "\n--\n" * 5, "\n--\n" * 6])
def test_what_is_not_understood_is_in_doubt(host, seen):
    arguments, _, _ = host
    assert not ACTION.is_as_wanted(arguments, seen)
