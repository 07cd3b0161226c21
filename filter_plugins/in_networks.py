"""Jinja filter in_networks: hosts, if their addresses are in the site's networks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: in_networks
short_description: Hosts, if their addresses are in the site's networks
version_added: "0.1.0"
description:
  - Returns its input if each address of each host is in one of the networks. Others would be taken for strangers, and
    have no certificates and no names in the reverse zones.
positional: networks, variable
options:
  _input:
    description: The hosts, as the filter P(site_hosts#filter) gives them.
    type: list
    elements: dict
    required: true
  networks:
    description: The networks in CIDR notation.
    type: list
    elements: str
    required: true
  variable:
    description: The variable in which the networks are.
    type: str
    default: site_networks
notes:
  - "Refused: an address that is in none of the networks; the error names the host's variable."
seealso:
  - plugin: site_hosts
    plugin_type: filter
"""

EXAMPLES = r"""
- name: A host at home
  ansible.builtin.assert:
    that: "hosts | in_networks(['172.16.22.0/24']) == hosts"
  vars:
    hosts: [{name: client, names: [client], addresses: [172.16.22.136]}]
"""

RETURN = r"""
_value:
  description: The hosts, unchanged.
  type: list
  elements: dict
"""

import ipaddress
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def in_networks(
    hosts: list[dict[str, Any]], networks: list[str], variable: str = "site_networks"
) -> list[dict[str, Any]]:
    """Return the hosts if all are in the networks."""
    parsed = [ipaddress.ip_network(network) for network in networks]
    for host in hosts:
        for text in host["addresses"]:
            address = ipaddress.ip_address(text)
            if not any(address in network for network in parsed):
                raise AnsibleFilterError(
                    f"Edit host_ipv{address.version} of host {host['name']}: {text} is in none of {variable}, "
                    f"{', '.join(networks) or 'there is none'}"
                )
    return hosts


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Name the filter."""
        return {"in_networks": in_networks}
