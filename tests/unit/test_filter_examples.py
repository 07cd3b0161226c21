"""The EXAMPLES of the filters are true: Ansible runs them as they stand in the documentation."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import yaml

PLUGINS = Path(__file__).parents[2] / "filter_plugins"
FILTERS = ["host_records", "reverse_zones", "site_hosts", "zone_records", "zone_serial"]
# What the example of site_hosts says that the inventory has.
HOSTS = {
    "primary": {"host_ipv4": "172.16.22.135", "host_ipv6": "fd53:4644:0:22::135", "host_names": ["ns1", "@"]},
    "client": {"host_ipv4": "172.16.22.136"},
}


def examples(plugin):
    tree = ast.parse((PLUGINS / f"{plugin}.py").read_text())
    (text,) = (
        node.value.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "EXAMPLES"
    )
    return yaml.safe_load(text)


def play(tmp_path, tasks):
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": HOSTS}}))
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", "play.yml"],
        cwd=tmp_path,
        env=os.environ | {"ANSIBLE_FILTER_PLUGINS": str(PLUGINS), "ANSIBLE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_examples_are_true(tmp_path):
    tasks = [task for plugin in FILTERS for task in examples(plugin)]
    result = play(tmp_path, tasks)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"ok={len(tasks)} " in result.stdout


def test_errors_reach_the_user(tmp_path):
    result = play(tmp_path, [{"ansible.builtin.debug": {"msg": "{{ ['nobody'] | site_hosts(hostvars) }}"}}])
    assert "Edit the inventory: it has no host 'nobody'" in result.stdout + result.stderr
