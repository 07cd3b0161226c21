"""Jinja filter zone_files: the zones' files, as service_config takes them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zone_files
short_description: The zones' files, as service_config takes them
version_added: "0.1.0"
description: Makes an entry of the module M(service_config) for each zone, which reloads this zone alone.
positional: directory
options:
  _input:
    description: The zones of P(zone_serials#filter).
    type: list
    elements: dict
    required: true
  directory:
    description: The folder of the files.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: The file of a zone
  ansible.builtin.assert:
    that: (zones | zone_files('/var/lib/bind'))[0].path == '/var/lib/bind/st.um.zone'
  vars:
    zones: [{name: st.um, file: st.um.zone}]
"""

RETURN = r"""
_value:
  description: The entries, in the order of the zones.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any


def zone_files(zones: list[dict[str, Any]], directory: str) -> list[dict[str, Any]]:
    """Make an entry for each zone."""
    return [
        {
            "path": f"{directory}/{zone['file']}",
            "template": "zone.j2",
            "group": "bind",
            "vars": {"zone": zone},
            "reload": ["rndc", "reload", zone["name"]],
        }
        for zone in zones
    ]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"zone_files": zone_files}
