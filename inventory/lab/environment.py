#!/usr/bin/env python3
"""What the environment says of the lab, as an inventory script: read once; a lookup is read for each task and host.

Labs run side by side, each under its own name (LAB_NAME), with its files in a folder of that name (below LAB_BUILD),
and with its own pair of networks: 172.16.<LAB_NET>.0/24 is the local one, the next number is the outside. 22 is the
book's; LAB_NET must be even. For IPv6 they are private ones (ULA, RFC 4193). LAB_SETTINGS is a JSON object of settings
that count for its hosts in the place of those in group_vars, e.g. '{"identity": "directory"}'. With LAB_SWAPPED=true
the hosts of the site change their release of Debian for the other one. LAB_SECONDARIES is how many secondary DNS
servers there are, from 1 to 9.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

RELEASES = {"primary": "13", "secondary": "12", "client": "13", "internet": "13"}  # of Debian
OTHER = {"12": "13", "13": "12"}
TOP = Path(__file__).resolve().parent.parent.parent


def settings(environment: dict[str, str]) -> dict[str, Any]:
    """Return the variables of all hosts.

    Raises:
        SystemExit: when LAB_NET is not the number of a pair of networks.
    """
    name, number = environment.get("LAB_NAME") or "sfd-lab", environment.get("LAB_NET") or "22"
    if number not in map(str, range(0, 256, 2)):
        sys.exit(f"LAB_NET is {number}, which is not an even number from 0 to 254")
    net = int(number)
    outside = {"lab_outside_ipv4_prefix": f"172.16.{net + 1}", "lab_outside_ipv6_prefix": f"fd53:4644:0:{net + 1}"}
    folder = os.path.realpath(environment.get("LAB_BUILD") or TOP / "build") + f"/{name}"
    return {
        "lab_name": name,
        "lab_build": folder,
        "site_ipv4_prefix": f"172.16.{net}",
        "site_ipv6_prefix": f"fd53:4644:0:{net}",
        **outside,
        **world(*outside.values()),
    }


def world(ipv4_prefix: str, ipv6_prefix: str) -> dict[str, Any]:
    """Return who stands for the Internet's servers: all of them are `internet`, at an address for each."""

    def addresses(host: int) -> list[str]:
        return [f"{ipv4_prefix}.{host}", f"{ipv6_prefix}::{host}"]

    return {
        "lab_root_servers": [{"name": "a.root.", "addresses": addresses(11)}],
        "lab_top_servers": [{"name": "a.top.", "addresses": addresses(12)}],  # those of the top-level domains
        "lab_world_servers": [{"name": "ns.example.org.", "addresses": addresses(10)}],  # everybody else's
        "lab_forwarders": addresses(10),  # our provider's resolvers
    }


def login(folder: str) -> dict[str, str]:
    """Return how to log in: the controller has no way into the lab's network, and goes through the container engine."""
    return {
        "ansible_connection": "ssh",
        "ansible_user": "root",
        "ansible_ssh_private_key_file": f"{folder}/ssh/id_ed25519",
        "ansible_ssh_common_args": "-o ProxyCommand='docker exec -i %h nc 127.0.0.1 22' "
        f"-o UserKnownHostsFile={folder}/ssh/known_hosts",
    }


def folders(folder: str) -> dict[str, Any]:
    """Return where the controller keeps what belongs to the lab, and its backups."""
    made = {
        "site_secrets_dir": f"{folder}/secrets",
        "openssl_ca_dir": f"{folder}/ca",
        "openssh_ca_dir": f"{folder}/ssh-ca",
        "site_ssh_keys_dir": f"{folder}/ssh-keys",
        "site_ds_dir": f"{folder}/ds",
        "site_dkim_dir": f"{folder}/dkim",
    }
    return made | {"backup_repository": f"{folder}/backup", "backup_controller_paths": [*made.values()]}


def more_secondaries(environment: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the secondary DNS servers beyond the one that each lab has, with their addresses and names.

    Raises:
        SystemExit: when LAB_SECONDARIES is not a number from 1 to 9.
    """
    number = environment.get("LAB_SECONDARIES") or "1"
    if number not in map(str, range(1, 10)):
        sys.exit(f"LAB_SECONDARIES is {number}, which is not a number from 1 to 9")
    return {
        f"secondary{each}": {
            "host_ipv4": f"{{{{ site_ipv4_prefix }}}}.{140 + each}",
            "host_ipv6": f"{{{{ site_ipv6_prefix }}}}::{140 + each}",
            "host_names": [f"ns{each + 1}"],
        }
        for each in range(2, int(number) + 1)
    }


def releases(environment: dict[str, str]) -> dict[str, str]:
    """Return the hosts' releases of Debian; the world stays as it is.

    Raises:
        SystemExit: when LAB_SWAPPED is neither true nor false, or for what more_secondaries() raises it.
    """
    hosts = RELEASES | dict.fromkeys(more_secondaries(environment), RELEASES["secondary"])
    swapped = environment.get("LAB_SWAPPED") or "false"
    if swapped not in ("true", "false"):
        sys.exit(f"LAB_SWAPPED is {swapped}, which is neither true nor false")
    return hosts | {host: OTHER[hosts[host]] for host in hosts if swapped == "true" and host != "internet"}


def inventory(environment: dict[str, str]) -> dict[str, Any]:
    """Return the inventory, as a script gives it.

    Raises:
        SystemExit: when LAB_SETTINGS is no JSON object, or for what settings() and releases() raise it.
    """
    text = environment.get("LAB_SETTINGS") or "{}"
    try:
        own = json.loads(text)
    except ValueError as cause:
        sys.exit(f"LAB_SETTINGS is {text}, which is not JSON: {cause}")
    if not isinstance(own, dict):
        sys.exit(f"LAB_SETTINGS is {text}, which is not a JSON object")
    given, more = settings(environment), more_secondaries(environment)
    return {
        "all": {"vars": given},
        "secondary_servers": {"hosts": [*more]},
        "lab": {"hosts": [*RELEASES], "vars": login(given["lab_build"])},
        # What is said of a host counts more than what the files in group_vars say of all.
        "_meta": {
            "hostvars": {
                host: {"ansible_host": f"{given['lab_name']}-{host}", "lab_release": release}
                | folders(given["lab_build"])
                | more.get(host, {})
                | own
                for host, release in releases(environment).items()
            }
        },
    }


if __name__ == "__main__":
    print(json.dumps(inventory(dict(os.environ))))
