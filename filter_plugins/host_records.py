"""Jinja filter host_records: make the address records of hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_records
short_description: Make the address records of hosts
version_added: "0.1.0"
description:
  - Gives an C(A) or C(AAAA) record for each name and address of each host, as P(zone_records#filter) takes them.
  - Names are passed on as they are; P(zone_records#filter) checks them.
positional: variable
options:
  _input:
    description: The hosts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the host is called in errors.
        type: str
        required: true
      names:
        description: The host's names in the zone, at least one. V(@) is the zone's apex.
        type: list
        elements: str
        required: true
      addresses:
        description: The host's IPv4 and IPv6 addresses, at least one, without a prefix length.
        type: list
        elements: str
        required: true
  variable:
    description: The variable that a person has to edit when a host is wrong; errors name it.
    type: str
    default: site_hosts
notes:
  - "Refused: a missing or unknown key; what is not an address; an address that no other host can reach, being
    unspecified, loopback, link-local, multicast or reserved (RFC 6890) or an IPv4-mapped IPv6 address (RFC 4291 section
    2.5.5.2); a name or an address that is given twice, whatever its spelling."
seealso:
  - plugin: zone_records
    plugin_type: filter
  - name: RFC 6890
    description: The addresses with a special purpose.
    link: https://www.rfc-editor.org/rfc/rfc6890
"""

EXAMPLES = r"""
- name: Make the address records of a host
  ansible.builtin.assert:
    that: hosts | host_records == records
  vars:
    hosts:
      - name: primary
        names: [ns1, "@"]
        addresses: [172.16.22.135, "fd53:4644:0:22::135"]
    records:
      - {name: ns1, type: A, value: 172.16.22.135}
      - {name: ns1, type: AAAA, value: "fd53:4644:0:22::135"}
      - {name: "@", type: A, value: 172.16.22.135}
      - {name: "@", type: AAAA, value: "fd53:4644:0:22::135"}
"""

RETURN = r"""
_value:
  description: The records, in the order of the hosts, their names and their addresses.
  type: list
  elements: dict
  contains:
    name:
      description: The name, as it was given.
      type: str
    type:
      description: C(A) or C(AAAA).
      type: str
    value:
      description: The address; IPv6 as RFC 5952 writes it.
      type: str
"""

import ipaddress
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

KEYS = {"name", "names", "addresses"}
UNREACHABLE = ("unspecified", "loopback", "link_local", "multicast", "reserved")


def parse_address(text: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read an address that other hosts can reach."""
    if not isinstance(text, str):
        raise ValueError(f"address {text!r} is not a string, quote it")
    try:
        address = ipaddress.ip_address(text)
    except ValueError as cause:
        hint = "give it without a prefix length: " if "/" in text else ""
        raise ValueError(f"address {text!r}: {hint}{cause}") from cause
    if address.version == 6 and address.scope_id is not None:
        raise ValueError(f"address {text!r} has a zone index, which means something on one host only")
    if address.version == 6 and address.ipv4_mapped:
        raise ValueError(f"address {text!r} is IPv4-mapped, give {address.ipv4_mapped}")
    for kind in UNREACHABLE:
        if getattr(address, f"is_{kind}"):
            raise ValueError(f"address {text!r} is {kind.replace('_', '-')}, other hosts cannot reach it")
    return address


def check_host(host: Any) -> None:
    """Check the shape of a host."""
    if not isinstance(host, dict):
        raise ValueError("not a dictionary")
    if missing := KEYS - host.keys():
        raise ValueError(f"missing: {', '.join(sorted(missing))}")
    if unknown := host.keys() - KEYS:
        raise ValueError(f"unknown: {', '.join(sorted(map(str, unknown)))}; possible: {', '.join(sorted(KEYS))}")
    for key in ("names", "addresses"):
        if not isinstance(host[key], list) or not host[key]:
            raise ValueError(f"{key} is {host[key]!r}, not a list of at least one")
    for name in [host["name"], *host["names"]]:
        if not isinstance(name, str) or not name:
            raise ValueError(f"name {name!r} is not a string of at least one character")


def host_records(hosts: Any, variable: str = "site_hosts") -> list[dict[str, str]]:
    """Make the address records of hosts."""
    if not isinstance(hosts, list):
        raise AnsibleFilterError(f"Edit {variable}: the hosts are {type(hosts).__name__}, not a list")
    records: list[dict[str, str]] = []
    owner: dict[Any, str] = {}
    for number, host in enumerate(hosts, 1):
        label = f"host {host['name'] if isinstance(host, dict) and 'name' in host else number}"
        try:
            check_host(host)
            addresses = [parse_address(text) for text in host["addresses"]]
            for given in [*(name.lower() for name in host["names"]), *addresses]:
                if given in owner:
                    raise ValueError(f"{given} is given twice, {owner[given]} has it")
                owner[given] = label
        except ValueError as cause:
            raise AnsibleFilterError(f"Edit {variable}: {label}: {cause}") from cause
        records += [
            {"name": str(name), "type": "A" if address.version == 4 else "AAAA", "value": str(address)}
            for name in host["names"]
            for address in addresses
        ]
    return records


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"host_records": host_records}
