"""Jinja filter admitted: whether a firewall lets a connection of SSH in."""

from __future__ import annotations

DOCUMENTATION = r"""
name: admitted
short_description: Whether a firewall lets a connection of SSH in
version_added: "0.1.0"
description:
  - Tells whether a new connection from the same address to the same port would be let in by the table that is made of
    the settings of the role. One that comes in by the host's own loopback always is, and so is what is not over SSH.
positional: services, networks, ports, trusted
options:
  _input:
    description: The connection, as sshd tells in C(SSH_CONNECTION) (ssh(1), ENVIRONMENT), or an empty string.
    type: str
    required: true
  services:
    description: The services, as in C(firewall_services).
    type: dict
    required: true
  networks:
    description: From where they may be used, as in C(firewall_networks).
    type: dict
    required: true
  ports:
    description: Further ports, as in C(firewall_ports).
    type: list
    elements: dict
    required: true
  trusted:
    description: The networks from which everything may be used.
    type: list
    elements: str
    required: true
notes:
  - "Refused: a connection that is not told in this way."
"""

EXAMPLES = r"""
- name: Somebody from far away
  ansible.builtin.assert:
    that:
      - connection | admitted(services, {}, [], [])
      - not connection | admitted(services, networks, [], [])
  vars:
    connection: 192.0.2.1 50000 172.16.22.135 22
    services: {ssh: {tcp: [22]}}
    networks: {ssh: [172.16.22.0/24]}
"""

RETURN = r"""
_value:
  description: Whether it is.
  type: bool
"""

import ipaddress
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def admitted(
    connection: str,
    services: dict[str, dict[str, list[int]]],
    networks: dict[str, list[str]],
    ports: list[dict[str, Any]],
    trusted: list[str],
) -> bool:
    """Tell whether such a connection would be let in again."""
    if not connection.strip():
        return True
    try:
        address, _, _, port = connection.split()
        source, number = ipaddress.ip_address(address), int(port)
    except ValueError as cause:
        raise AnsibleFilterError(f"admitted: {connection!r} is not a connection as SSH_CONNECTION tells it") from cause

    def within(some: list[str] | None) -> bool:
        return some is None or any(source in ipaddress.ip_network(network) for network in some)

    by_service = [networks.get(name) for name, listens in services.items() if number in listens.get("tcp", [])]
    by_port = [
        each.get("networks") for each in ports if each["port"] == number and each.get("protocol", "tcp") == "tcp"
    ]
    return source.is_loopback or any(map(within, [trusted, *by_service, *by_port]))


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., bool]]:
        """Name the filter."""
        return {"admitted": admitted}
