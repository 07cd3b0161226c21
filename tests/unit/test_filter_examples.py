"""The filters' documentation is true: Ansible runs the EXAMPLES as they stand, and the options are the arguments."""

import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("filter_plugins/*.py"), *ROOT.glob("roles/*/filter_plugins/*.py")])
FOLDERS = list(dict.fromkeys(str(path.parent) for path in FILES))
FILTERS = [path.stem for path in FILES]
# What the example of site_hosts says that the inventory has.
HOSTS = {
    "primary": {"host_ipv4": "172.16.22.135", "host_ipv6": "fd53:4644:0:22::135", "host_names": ["ns1", "@"]},
    "client": {"host_ipv4": "172.16.22.136"},
}


@pytest.fixture(autouse=True)
def folders(monkeypatch):
    for folder in FOLDERS:
        monkeypatch.syspath_prepend(folder)


def ansible(command, tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "ansible", command, *arguments],
        cwd=tmp_path,
        env=os.environ
        | {
            "ANSIBLE_FILTER_PLUGINS": ":".join(FOLDERS),
            "ANSIBLE_HOME": str(tmp_path),
            "ANSIBLE_LIBRARY": str(ROOT / "library"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def play(tmp_path, tasks):
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": HOSTS}}))
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    return ansible("playbook", tmp_path, "-i", "hosts.yml", "play.yml")


def test_examples_are_true(tmp_path):
    examples = {plugin: yaml.safe_load(importlib.import_module(plugin).EXAMPLES) for plugin in FILTERS}
    for plugin, tasks in examples.items():
        assert any(plugin in str(task) for task in tasks), plugin
    tasks = [task for tasks in examples.values() for task in tasks]
    result = play(tmp_path, tasks)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"ok={len(tasks)} " in result.stdout


def test_errors_reach_the_user(tmp_path):
    result = play(tmp_path, [{"ansible.builtin.debug": {"msg": "{{ ['nobody'] | site_hosts(hostvars) }}"}}])
    assert "Edit the inventory: it has no host 'nobody'" in result.stdout + result.stderr


def test_ansible_prints_the_documentation(tmp_path):
    result = ansible("doc", tmp_path, "-t", "filter", "--json", *FILTERS)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    printed = json.loads(result.stdout)
    assert printed.keys() == set(FILTERS)
    for plugin, parts in printed.items():
        assert all(parts[part] for part in ("doc", "examples", "return")), plugin


@pytest.mark.parametrize("plugin", FILTERS)
def test_the_options_are_the_arguments(plugin):
    module = importlib.import_module(plugin)
    assert list(module.FilterModule().filters()) == [plugin]
    documentation = yaml.safe_load(module.DOCUMENTATION)
    assert documentation["name"] == plugin
    _, *arguments = inspect.signature(module.FilterModule().filters()[plugin]).parameters.values()
    first, *options = documentation["options"].items()
    assert first[0] == "_input"
    assert first[1]["required"]
    assert dict(options).keys() == {argument.name for argument in arguments}
    for argument in arguments:
        option = documentation["options"][argument.name]
        assert option.get("required", False) == (argument.default is argument.empty), argument.name
        if not option.get("required"):
            default = list(argument.default) if isinstance(argument.default, tuple) else argument.default
            assert option.get("default") == default, argument.name
    positional = [argument.name for argument in arguments if argument.kind != argument.KEYWORD_ONLY]
    assert documentation.get("positional", "") == ", ".join(positional)
