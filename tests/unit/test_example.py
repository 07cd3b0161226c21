"""The example inventory, what makes virtual machines for it, and README.md have the same names and addresses."""

import re
import shutil
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from lab import TOP
from readme import blocks

EXAMPLE = TOP / "inventory" / "example"
TYPED = [*chain(*blocks("On real machines"))]


def inventory(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "hosts.yml").read_text())["all"]


def hosts(folder: Path) -> list[dict[str, Any]]:
    """Return the variables of each host of the site."""
    groups = inventory(folder)["children"]
    return [host for group in groups["site"]["children"] for host in groups[group]["hosts"].values()]


def user() -> str:
    return inventory(EXAMPLE)["children"]["site"]["vars"]["ansible_user"]


def typed(pattern: str) -> list[str]:
    """Return what follows the pattern in the commands."""
    return [found[1] for line in TYPED if (found := re.match(pattern + r" (\S+)", line))]


def test_vagrant_makes_the_hosts_of_the_inventory() -> None:
    text = (EXAMPLE / "Vagrantfile").read_text()
    (groups,) = re.findall(r"%w\[(.*)\]", text)
    assert set(groups.split()) == set(inventory(EXAMPLE)["children"]["site"]["children"])
    for host in hosts(EXAMPLE):
        assert set(re.findall(r'host\["(\w+)"\]', text)) <= host.keys()
    # The network in the comment is the only address.
    assert re.findall(r"[\d.]+\.[\d./]+", text) == inventory(EXAMPLE)["vars"]["site_networks"][:1]


def test_cloud_init_makes_the_user_of_the_inventory() -> None:
    text = (EXAMPLE / "user-data").read_text()
    assert text.startswith("#cloud-config\n")
    (made,) = yaml.safe_load(text)["users"]
    assert made["name"] == user()
    allowed = yaml.safe_load((TOP / "group_vars" / "all" / "ssh.yml").read_text())["openssh_allow_groups"]
    assert set(made["groups"]) & set(allowed)


def test_the_readme_makes_the_user_of_the_inventory() -> None:
    assert typed("adduser") == [user(), user()]


def test_the_readmes_hosts_are_those_of_its_inventory(tmp_path: Path) -> None:
    mine = tmp_path / "inventory" / "mine"
    shutil.copytree(EXAMPLE, mine)
    for line in TYPED:
        if line.startswith("sed "):
            subprocess.run(["sh", "-ec", line], cwd=tmp_path, check=True)
    assert typed("ssh-copy-id") == [f"{user()}@{host['ansible_host']}" for host in hosts(mine)]
    assert all(host["ansible_host"] == host["host_ipv4"] for host in hosts(mine))
    assert not set(inventory(mine)["vars"]["site_networks"]) & set(inventory(EXAMPLE)["vars"]["site_networks"])
    site = yaml.safe_load((mine / "group_vars" / "all" / "site.yml").read_text())
    assert site["site_domain"] == "example.net"
