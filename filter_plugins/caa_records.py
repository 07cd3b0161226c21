"""Jinja filter caa_records: tell which public authority may certify names in a zone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: caa_records
short_description: Tell which public authority may certify names in a zone
version_added: "0.1.0"
description:
  - Gives the C(CAA) record (RFC 8659) of a zone's apex, which holds for all names below it. It names the authority if a
    virtual host in the zone has C(acme), and forbids all authorities to issue otherwise.
positional: zone, authority
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
  authority:
    description: What the authority is called in such records. If this is empty, there is none.
    type: str
    required: true
seealso:
  - plugin: zone_records
    plugin_type: filter
  - name: RFC 8659
    description: The CAA record.
    link: https://www.rfc-editor.org/rfc/rfc8659
"""

EXAMPLES = r"""
- name: Let an authority certify a virtual host
  ansible.builtin.assert:
    that: "[{'name': 'www4.st.um', 'tls': true, 'acme': true}] | caa_records('st.um', 'acme.example') == records"
  vars:
    records: [{name: "@", type: CAA, value: '0 issue "acme.example"'}]
"""

RETURN = r"""
_value:
  description: The record, as P(zone_records#filter) takes it.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any


def caa_records(vhosts: list[dict[str, Any]], zone: str, authority: str) -> list[dict[str, str]]:
    """Tell which public authority may certify names in a zone."""
    names = [name for vhost in vhosts if vhost.get("acme") for name in [vhost["name"], *(vhost.get("aliases") or [])]]
    issuer = authority if any(f".{name}".endswith(f".{zone}") for name in names) else ""
    return [{"name": "@", "type": "CAA", "value": f'0 issue "{issuer or ";"}"'}]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"caa_records": caa_records}
