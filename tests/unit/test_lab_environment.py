"""What the environment says of a lab."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "inventory" / "lab" / "environment.py"


def said(environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [SCRIPT], env={"PATH": "/usr/bin:/bin"} | environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)["all"]["vars"]


def test_a_lab_without_an_environment_is_the_books() -> None:
    found = said({})
    assert found.pop("lab_root_servers") == [{"name": "a.root.", "addresses": ["172.16.23.11", "fd53:4644:0:23::11"]}]
    assert found.pop("lab_top_servers") == [{"name": "a.top.", "addresses": ["172.16.23.12", "fd53:4644:0:23::12"]}]
    (somebody,) = found.pop("lab_world_servers")
    assert somebody["addresses"] == found.pop("lab_forwarders") == ["172.16.23.10", "fd53:4644:0:23::10"]
    assert found == {
        "lab_name": "sfd-lab",
        "lab_build": str(SCRIPT.parents[2] / "build" / "sfd-lab"),
        "site_ipv4_prefix": "172.16.22",
        "site_ipv6_prefix": "fd53:4644:0:22",
        "lab_outside_ipv4_prefix": "172.16.23",
        "lab_outside_ipv6_prefix": "fd53:4644:0:23",
    }


def test_another_one_has_its_own_name_folder_and_networks(tmp_path: Path) -> None:
    found = said({"LAB_NAME": "other", "LAB_NET": "40", "LAB_BUILD": f"{tmp_path}/x/.."})
    assert (found["lab_name"], found["lab_build"]) == ("other", f"{tmp_path}/other")
    assert (found["site_ipv4_prefix"], found["lab_outside_ipv6_prefix"]) == ("172.16.40", "fd53:4644:0:41")


@pytest.mark.parametrize("net", ["21", "x", "-2", "256"])
def test_a_number_that_is_no_networks_is_refused(net: str) -> None:
    done = subprocess.run([SCRIPT], env={"PATH": "/usr/bin:/bin", "LAB_NET": net}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == f"LAB_NET is {net}, which is not an even number from 0 to 254"


def test_a_lab_has_settings_of_its_own() -> None:
    environment = {"LAB_SETTINGS": '{"identity": "directory"}', "PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    argv = ["ansible-inventory", "-i", SCRIPT.parent, "--list"]
    done = subprocess.run(argv, env=environment, cwd=SCRIPT.parents[2], capture_output=True, text=True, check=True)
    hosts = json.loads(done.stdout)["_meta"]["hostvars"]
    assert {host: found["identity"] for host, found in hosts.items()} == dict.fromkeys(
        ["primary", "secondary", "client", "internet"], "directory"
    )


@pytest.mark.parametrize("text", ["{", "[]", "identity"])
def test_settings_that_are_no_object_are_refused(text: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "LAB_SETTINGS": text}
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"LAB_SETTINGS is {text}, which is not ")


@pytest.mark.parametrize(
    ("swapped", "found"), [("", "13 12 13 13"), ("false", "13 12 13 13"), ("true", "12 13 12 13"), ("yes", "")]
)
def test_the_releases_are_swapped(swapped: str, found: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "LAB_SWAPPED": swapped}
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True)
    if found:
        hosts = json.loads(done.stdout)["_meta"]["hostvars"]
        assert [hosts[host]["lab_release"] for host in ("primary", "secondary", "client", "internet")] == found.split()
    else:
        assert (done.returncode, done.stderr) == (1, "LAB_SWAPPED is yes, which is neither true nor false\n")


def test_there_can_be_more_secondaries() -> None:
    environment = {"PATH": "/usr/bin:/bin", "LAB_SECONDARIES": "3", "LAB_SWAPPED": "true"}
    found = json.loads(subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=True).stdout)
    assert found["secondary_servers"]["hosts"] == ["secondary2", "secondary3"]
    own = found["_meta"]["hostvars"]["secondary3"]
    assert own["host_names"] == ["ns4"]
    assert own["lab_release"] == "13"
    assert {"ansible_host", "site_secrets_dir", "host_ipv4", "host_ipv6"} < own.keys()


@pytest.mark.parametrize("number", ["0", "10", "two"])
def test_not_as_many_as_somebody_likes(number: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "LAB_SECONDARIES": number}
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"LAB_SECONDARIES is {number}, which is not a number from 1 to 9\n")
