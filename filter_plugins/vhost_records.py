"""Jinja filter vhost_records: make the records that virtual hosts need in a zone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vhost_records
short_description: Make the records that virtual hosts need in a zone
version_added: "0.1.0"
description:
  - Gives an alias of the zone's apex for each name of a virtual host that is in the zone, and is not the apex itself.
  - For each that is served over TLS it also gives C(TLSA) records, by which a client that knows no authority knows it
    by the signed DNS. Those with C(acme) have none, as a public authority may issue with another key at any time.
positional: zone, tlsa, ttl
options:
  _input:
    description: The virtual hosts, as in the variable C(apache_vhosts).
    type: list
    elements: dict
    required: true
  zone:
    description: The zone's name, as A-labels without the final dot.
    type: str
    required: true
  tlsa:
    description: The values of C(TLSA) records, from P(tlsa_values#filter).
    type: list
    elements: str
    default: []
  ttl:
    description: The time, in seconds, for which others may remember C(TLSA) records.
    type: int
    default: 3600
seealso:
  - plugin: tlsa_values
    plugin_type: filter
  - plugin: zone_records
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Make the records of a virtual host
  ansible.builtin.assert:
    that: "[{'name': 'www1.st.um'}, {'name': 'st.um'}, {'name': 'other.um'}] | vhost_records('st.um') == records"
  vars:
    records: [{name: www1, type: CNAME, value: "@"}]
"""

RETURN = r"""
_value:
  description: The records, as P(zone_records#filter) takes them.
  type: list
  elements: dict
"""

from collections.abc import Callable, Sequence
from typing import Any


def vhost_records(
    vhosts: list[dict[str, Any]], zone: str, tlsa: Sequence[str] = (), ttl: int = 3600
) -> list[dict[str, Any]]:
    """Make the records that virtual hosts need in a zone."""
    records: list[dict[str, Any]] = []
    for vhost in vhosts:
        for name in [vhost["name"], *(vhost.get("aliases") or [])]:
            if not f".{name}".endswith(f".{zone}"):
                continue
            relative = name.removesuffix(zone).removesuffix(".")
            if relative:
                records.append({"name": relative, "type": "CNAME", "value": "@"})
            if vhost.get("tls") and not vhost.get("acme"):
                service = ".".join(filter(None, ["_443._tcp", relative]))
                records += [{"name": service, "type": "TLSA", "value": value, "ttl": ttl} for value in tlsa]
    return records


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"vhost_records": vhost_records}
