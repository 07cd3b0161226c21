"""Jinja filter zone_serials: give each zone the serial of its SOA."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zone_serials
short_description: Give each zone the serial of its SOA
version_added: "0.1.0"
description: Applies P(zone_serial#filter) to every zone of P(dns_zones#filter) and what the module M(zone_state) saw of it.
positional: seen, date
options:
  _input:
    description: The zones, each with C(name) and C(digest).
    type: list
    elements: dict
    required: true
  seen:
    description: By zone, a dictionary with C(file) and C(served), as the module M(zone_state) returns it.
    type: dict
    required: true
  date:
    description: Today, YYYYMMDD.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: A zone that is new here, and served by a secondary from before
  ansible.builtin.assert:
    that: (zones | zone_serials(seen, '20261121'))[0].serial == 2026112205
  vars:
    zones: [{name: st.um, digest: abc}]
    seen: {st.um: {file: null, served: [2026112204]}}
"""

RETURN = r"""
_value:
  description: The zones, each with its C(serial), an integer.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.plugins.loader import filter_loader


def zone_serials(zones: list[dict[str, Any]], seen: dict[str, Any], date: str) -> list[dict[str, Any]]:
    """Give each zone the serial of its SOA."""
    zone_serial = filter_loader.get("zone_serial").j2_function
    return [{**zone, "serial": zone_serial(zone["digest"], **seen[zone["name"]], date=date)} for zone in zones]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"zone_serials": zone_serials}
