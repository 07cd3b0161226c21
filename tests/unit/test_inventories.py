"""Both inventories are complete: the lab's, and the example that people copy."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
PREPARE = TOP / "playbooks" / "prepare.yml"


class Controller:
    """Ansible with one inventory, a folder for playbooks, and no host that answers."""

    def __init__(self, folder: Path, inventory: Path) -> None:
        self.folder = folder
        self.inventory = inventory
        password = folder / "password"
        password.write_text("correct horse\n")
        self.env = {
            **os.environ,
            "ANSIBLE_CONFIG": str(TOP / "ansible.cfg"),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(password),
            "LAB_BUILD": str(folder / "build"),
            "LAB_NAME": "no-such-lab",
        }

    def run(self, *argv: str | Path) -> subprocess.CompletedProcess:
        return subprocess.run(argv, cwd=TOP, env=self.env, text=True, capture_output=True, check=False)

    def play(self, play: dict[str, Any]) -> str:
        playbook = self.folder / "play.yml"
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, **play}]))
        done = self.run("ansible-playbook", "-i", self.inventory, playbook)
        return done.stdout + done.stderr

    def check_settings(self) -> str:
        """Run what playbooks/prepare.yml checks and works out, and nothing else of it."""
        (prepare,) = yaml.safe_load(PREPARE.read_text())
        checks = [task for task in prepare["tasks"] if task.keys() & {"check_settings", "ansible.builtin.set_fact"}]
        assert checks
        files = [str(PREPARE.parent / file) for file in prepare["vars_files"]]
        return self.play({"vars": prepare["vars"], "vars_files": files, "tasks": checks})

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.inventory / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def lab(tmp_path: Path) -> Controller:
    return Controller(tmp_path, TOP / "inventory" / "lab")


@pytest.fixture
def copy(tmp_path: Path) -> Controller:
    """The example, copied."""
    shutil.copytree(TOP / "inventory" / "example", tmp_path / "mine")
    return Controller(tmp_path, tmp_path / "mine")


@pytest.fixture
def mine(copy: Controller) -> Controller:
    """The same, with secrets."""
    done = copy.run(TOP / "lab" / "make_secrets.py", copy.inventory)
    assert done.returncode == 0, done.stderr
    return copy


ONCE = 2  # tasks that prepare.yml runs on the first host alone, beside the one that all hosts have


def passed(output: str, hosts: int, once: int = 0) -> bool:
    """Return whether all hosts have run one task, and one of them some more, and nothing failed."""
    ok = sorted(int(count) for count in re.findall(r" ok=(\d+) ", output))
    return ok == [1] * (hosts - 1) + [1 + once] and (
        output.count(" unreachable=0 ") == output.count(" failed=0 ") == hosts
    )


@pytest.mark.parametrize("name", ["lab", "example"])
def test_group_vars_are_one_folder(name: str) -> None:
    link = TOP / "inventory" / name / "group_vars"
    assert link.is_symlink()
    assert link.resolve() == TOP / "group_vars"


def test_the_inventories_have_the_same_groups(lab: Controller) -> None:
    def groups(name: str) -> set[str]:
        hosts = yaml.safe_load((TOP / "inventory" / name / "hosts.yml").read_text())
        return set(hosts["all"]["children"])

    assert groups("lab") - groups("example") == {"lab"}
    assert groups("example") <= groups("lab")


def test_what_a_run_makes_beside_an_inventory_is_no_inventory(mine: Controller) -> None:
    for folder in ("ca/root-1", "ssh-ca/primary", "backup/data"):
        (mine.inventory / folder).mkdir(parents=True)
        (mine.inventory / folder / "serial").write_text("01\n")
    done = mine.run("ansible-inventory", "-i", mine.inventory, "--graph")
    assert done.returncode == 0, done.stderr
    assert "--primary\n" in done.stdout


@pytest.mark.parametrize(("kind", "hosts"), [("lab", 4), ("mine", 3)])
def test_every_variable_of_every_host_has_a_value(kind: str, hosts: int, request: pytest.FixtureRequest) -> None:
    controller: Controller = request.getfixturevalue(kind)
    listing = controller.run("ansible-inventory", "-i", controller.inventory, "--list").stdout
    names = {host: sorted(variables) for host, variables in json.loads(listing)["_meta"]["hostvars"].items()}
    value = "{{ query('ansible.builtin.vars', *names[inventory_hostname]) | to_json | length }}"
    output = controller.play({"tasks": [{"ansible.builtin.debug": {"msg": value}, "vars": {"names": names}}]})
    assert len(names) == hosts
    assert passed(output, hosts), output


@pytest.mark.parametrize(("kind", "hosts"), [("lab", 4), ("mine", 3)])
def test_the_settings_pass_their_checks(kind: str, hosts: int, request: pytest.FixtureRequest) -> None:
    output = request.getfixturevalue(kind).check_settings()
    assert passed(output, hosts, ONCE), output


@pytest.mark.parametrize("version", [4, 6])
def test_hosts_with_one_address_pass_them_too(version: int, mine: Controller) -> None:
    # Out with the line of the other one.
    mine.edit("hosts.yml", f"          host_ipv{10 - version}:", "          #")
    output = mine.check_settings()
    assert passed(output, 3, ONCE), output


def test_networks_with_names_by_updates_have_zones_that_pass_them_too(mine: Controller) -> None:
    networks = 'site_dynamic_networks: [192.0.2.192/26, "2001:db8:0:22:d::/80"]'
    mine.edit("group_vars/all/dns.yml", 'site_dynamic_networks: "{{ lab_dynamic_networks | default([]) }}"', networks)
    output = mine.check_settings()
    assert passed(output, 3, ONCE), output
    names = ["dyn.st.um", "192-26.2.0.192.in-addr.arpa", "d.0.0.0.2.2.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"]
    claim = f"bind9_dynamic_zones | map(attribute='name') == {names}"
    output = mine.play({"tasks": [{"ansible.builtin.assert": {"that": [claim]}}]})
    assert passed(output, 3), output


def test_the_lab_alone_has_settings_of_a_lab(mine: Controller) -> None:
    wanted = {"bind9_dnssec_validation": "auto", "bind9_minimal_responses": True, "bind9_root_hints": []}
    wanted |= {"bind9_forwarders": [], "bind9_trust_anchors": [], "bind9_ds_awaited": [], "site_delegations": []}
    wanted |= {"site_secondary_zones": [], "bind9_parental_agents": []}
    claims = [f"{name} == {value!r}" for name, value in wanted.items()]
    claims += [f"'{name}' not in verify_dns" for name in ("external", "root_servers", "bogus", "children")]
    output = mine.play({"tasks": [{"ansible.builtin.assert": {"that": claims}}]})
    assert passed(output, 3), output


def test_servers_upgrade_themselves_in_turns_the_primary_last(mine: Controller) -> None:
    more = "        third: {host_ipv4: 192.0.2.138, host_names: [ns3]}\n"
    mine.edit("hosts.yml", "    clients:\n", f"{more}    clients:\n")
    wanted = {"secondary": "01:00 UTC", "third": "01:30 UTC", "primary": "02:00 UTC", "client": "02:30 UTC"}
    claims = [f"upkeep_upgrade_calendar == {wanted!r}[inventory_hostname]", "upkeep_upgrade_delay < 30"]
    output = mine.play({"tasks": [{"ansible.builtin.assert": {"that": claims}}]})
    assert passed(output, 4), output


def test_without_secrets_the_message_says_how_to_make_them(copy: Controller) -> None:
    output = copy.check_settings()
    assert "make secrets INVENTORY=" in output
    assert " failed=1 " in output


def test_an_inventory_with_its_own_group_vars_has_its_way(mine: Controller) -> None:
    mine.edit("group_vars/all/site.yml", "site_domain: st.um", "site_domain: of..mine")
    done = mine.run("ansible-playbook", "-i", mine.inventory, "site.yml")
    output = re.sub(r"\s+", " ", done.stdout + done.stderr)
    assert re.search(r"Edit site_domain: '\S*of\.\.mine' is not valid as domain", output), output
    assert "UNREACHABLE" not in done.stdout


def test_no_play_has_the_shared_group_vars_beside_it() -> None:
    """They would win over the inventory's own."""
    for entry in yaml.safe_load((TOP / "site.yml").read_text()):
        assert entry.keys() == {"name", "import_playbook"}
    assert not (PREPARE.parent / "group_vars").exists()
