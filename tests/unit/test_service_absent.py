"""What is purged with a service, and what stays."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MODULE = Path(__file__).parents[2] / "library" / "service_absent.py"
# apt and dpkg, for packages.json: {name: {"needs": [...], "auto": bool}}. What is automatic is in the file of states.
TOOL = f"""#!{sys.executable}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
packages = json.loads((here / "packages.json").read_text())
words, states = sys.argv[1:], here / "states"
while "-o" in words:
    at = words.index("-o")
    key, _, value = words[at + 1].partition("=")
    states = pathlib.Path(value) if key == "Dir::State::extended_states" else states
    del words[at : at + 2]
auto = set(states.read_text().split()) if states.exists() else set()
auto |= {{name for name in packages if packages[name]["auto"]}}
tool = pathlib.Path(__file__).name
with open(here / "log", "a") as log:
    print(tool, *words, file=log)
if tool == "dpkg-query":
    print(*(f"installed {{name}}" for name in packages), "config-files gone", sep="\\n")
elif tool == "dpkg-statoverride":
    print(f"root root 700 {{here.parent}}/made/private")
elif tool == "apt-mark":
    assert words[0] == "auto"
    states.write_text("\\n".join(auto | set(words[1:])))
elif words == ["--simulate", "autoremove"]:
    used, more = set(), [name for name in packages if name not in auto]
    while more:
        name = more.pop()
        if name not in used:
            used.add(name)
            more += packages[name]["needs"]
    print("Reading...", *(f"Remv {{name}} [1.0]" for name in packages if name not in used), sep="\\n")
elif words[:2] == ["--yes", "purge"]:
    left = {{name: packages[name] for name in packages if name not in words[2:]}}
    (here / "packages.json").write_text(json.dumps(left))
"""
TOOLS = ("apt-get", "apt-mark", "dpkg-query", "dpkg-statoverride", "useradd", "groupadd", "userdel", "groupdel")


class Host:
    """A host with packages, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.record = folder, folder / "record"
        (folder / "bin").mkdir()
        for tool in TOOLS:
            (folder / "bin" / tool).write_text(TOOL)
            (folder / "bin" / tool).chmod(0o755)

    def packages(self, **needs: str) -> None:
        """Say what is there, and what each needs; one with an underscore came only because it was needed."""
        found = {name.strip("_"): {"needs": each.split(), "auto": name.startswith("_")} for name, each in needs.items()}
        (self.folder / "bin" / "packages.json").write_text(json.dumps(found))

    def left(self) -> list[str]:
        return sorted(json.loads((self.folder / "bin" / "packages.json").read_text()))

    def run(self, check: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {"record": str(self.record), "_ansible_check_mode": check, **options}
        done = subprocess.run(
            [sys.executable, MODULE],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            env={**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(done.stdout)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.packages(web="shared lib", mail="shared", _lib="", _shared="", idle="", base="")
    host.record.write_text("web\nmail\n")
    return host


def test_what_came_with_it_goes_and_what_others_need_stays(host: Host):
    assert host.run(packages=["web"])["actions"] == ["purge lib", "purge web"]
    assert host.left() == ["base", "idle", "mail", "shared"]
    assert host.record.read_text() == "mail\n"
    assert host.run(packages=["mail"])["actions"] == ["purge mail", "purge shared"]
    assert host.left() == ["base", "idle"]


def test_what_was_there_before_stays(host: Host):
    assert host.run(packages=["base", "web"])["actions"] == ["purge lib", "purge web"]
    assert "base" in host.left()


def test_what_nobody_needs_anyway_is_not_ours_to_remove(host: Host):
    host.packages(web="", _idle="")
    assert host.run(packages=["web"])["actions"] == ["purge web"]
    assert host.left() == ["idle"]


def test_what_somebody_has_installed_since_keeps_what_it_needs(host: Host):
    host.packages(web="lib", _lib="", theirs="web")
    assert host.run(packages=["web"]) == {**host.run(packages=["web"]), "actions": [], "changed": False}
    assert host.left() == ["lib", "theirs", "web"]


def test_a_folder_goes_when_it_is_empty_and_was_not_there_before(host: Host):
    www = host.folder / "www"
    options = {"packages": ["web"], "paths": [{"path": str(www), "package": "web", "empty": True, "recorded": True}]}
    options["paths"].append({"path": f"{www}/site", "data": True})
    for record, more, remove_data, stays in (
        ("web", "", True, True),  # it was there before
        (f"web {www}", "own", True, True),
        (f"web {www}", "", False, True),  # the site is in it
        (f"web {www}", "", True, False),
    ):
        host.packages(web="")
        host.record.write_text(record)
        (www / "site").mkdir(parents=True, exist_ok=True)
        if more:
            (www / more).write_text("")
        actions = host.run(remove_data=remove_data, **options)["actions"]
        assert www.exists() == stays
        assert (f"remove {www}" in actions) != stays
        (www / "own").unlink(missing_ok=True)


def test_check_mode_tells_and_does_nothing(host: Host):
    (host.folder / "made").write_text("")
    options = {"packages": ["web"], "paths": [{"path": str(host.folder / "ma*")}]}
    before = host.left()
    told = host.run(check=True, **options)
    assert told["actions"] == ["purge lib", "purge web", f"remove {host.folder}/made"]
    assert host.left() == before
    assert (host.folder / "made").exists()
    assert host.run(**options)["actions"] == told["actions"]
    assert not (host.folder / "made").exists()
    assert host.run(**options)["changed"] is False


@pytest.mark.parametrize(("remove_data", "kept"), [(False, ["data", "theirs"]), (True, ["theirs"])])
def test_data_stays_unless_it_is_to_go_and_what_belongs_to_a_package_stays_with_it(host: Host, remove_data, kept):
    for name in ("made", "data", "theirs"):
        (host.folder / name).mkdir()
        (host.folder / name / "file").write_text(name)
    (host.folder / "link").symlink_to(host.folder / "theirs")
    paths = [
        {"path": f"{host.folder}/made", "package": "web"},
        {"path": f"{host.folder}/link"},
        {"path": f"{host.folder}/data", "data": True},
        {"path": f"{host.folder}/theirs", "package": "base", "data": True},
    ]
    host.run(packages=["web"], paths=paths, remove_data=remove_data)
    assert sorted(path.name for path in host.folder.iterdir() if path.is_dir() and path.name != "bin") == kept
    assert f"dpkg-statoverride --remove {host.folder}/made/private" in (host.folder / "bin" / "log").read_text()


@pytest.mark.parametrize("remove_data", [False, True])
def test_who_the_data_belongs_to_stays_as_long_as_it_does(host: Host, remove_data):
    # On this machine, nobody takes the user away: with the data, the module does.
    host.run(packages=["web"], users=[{"name": "mail", "package": "web"}], remove_data=remove_data)
    log = (host.folder / "bin" / "log").read_text()
    assert ("userdel mail" in log) == remove_data
    assert ("groupdel mail" in log) == remove_data


def test_what_was_there_before_its_package_came_stays(host: Host):
    for name in ("ours", "theirs"):
        (host.folder / name).write_text("")
    host.record.write_text(f"web\n{host.folder}/ours\n")
    paths = [{"path": f"{host.folder}/{name}", "package": "web", "recorded": True} for name in ("ours", "theirs")]
    host.run(packages=["web"], paths=paths)
    assert [(host.folder / name).exists() for name in ("ours", "theirs")] == [False, True]
