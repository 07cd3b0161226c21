"""Jinja filter state_zones: the zones of a server, as the module zone_state takes them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: state_zones
short_description: The zones of a server, as the module zone_state takes them
version_added: "0.1.0"
description:
  - Keeps what the module M(zone_state) wants to know of a zone, and adds how to get to the zone's view.
positional: views
options:
  _input:
    description: The zones, as P(served_zones#filter) returns them.
    type: list
    elements: dict
    required: true
  views:
    description: The views, as P(server_views#filter) returns them.
    type: list
    elements: dict
    required: true
notes:
  - "Refused: a zone in a view that there is not. The error names C(bind9_views)."
"""

EXAMPLES = r"""
- name: A zone in the only view
  ansible.builtin.assert:
    that: (zones | state_zones(views))[0].file == 'st.um.zone'
  vars:
    views: "{{ [{'name': 'main'}] | server_views('catalog.invalid') }}"
    zones: "{{ [{'name': 'st.um'}] | served_zones([], [], 'none') }}"
"""

RETURN = r"""
_value:
  description: The zones, in the given order.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

KEPT = ("name", "id", "kind", "file", "signed")


def state_zones(zones: list[dict[str, Any]], views: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep what zone_state wants to know."""
    ways = {view["name"]: {key: view[key] for key in ("address", "key") if view[key]} for view in views}
    ways[""] = ways[views[0]["name"]]
    if unknown := {zone["view"] for zone in zones} - ways.keys():
        raise AnsibleFilterError(f"Edit bind9_views: there is no view {', '.join(sorted(unknown))}, in which zones are")
    return [
        {key: zone[key] for key in KEPT} | {"leaving": zone["dnssec"] == "insecure"} | ways[zone["view"]]
        for zone in zones
    ]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"state_zones": state_zones}
