"""Jinja filter catalog_zones: a catalog zone for each view."""

from __future__ import annotations

DOCUMENTATION = r"""
name: catalog_zones
short_description: A catalog zone for each view
version_added: "0.1.0"
description:
  - A catalog zone (RFC 9432) tells secondaries which zones there are, so that none of them has to be configured when a
    zone comes or goes.
  - A member's label is made of its name alone, so that it stays the same whatever else is in the catalog.
positional: zones
options:
  _input:
    description: The views, as P(server_views#filter) returns them.
    type: list
    elements: dict
    required: true
  zones:
    description: The zones, as P(served_zones#filter) returns them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: The catalog of one zone
  ansible.builtin.assert:
    that:
      - catalogs[0].name == 'catalog.invalid'
      - catalogs[0].records[0] == {'name':'version', 'type':'TXT', 'value':'2'}
      - catalogs[0].records[1].value == 'st.um.'
  vars:
    views: "{{ [{'name': 'main'}] | server_views('catalog.invalid') }}"
    catalogs: "{{ views | catalog_zones([{'name': 'st.um', 'view': ''}]) }}"
"""

RETURN = r"""
_value:
  description: The catalog zones, as P(dns_zones#filter) takes them.
  type: list
  elements: dict
"""

import hashlib
from collections.abc import Callable
from typing import Any

VERSION = {"name": "version", "type": "TXT", "value": "2"}  # RFC 9432 section 4.2.1
LABEL = 40  # hexadecimal digits


def member(zone: str) -> dict[str, str]:
    """Make the record of a member zone (RFC 9432 section 4.1)."""
    name = zone.rstrip(".") + "."
    return {"name": f"{hashlib.sha256(name.encode()).hexdigest()[:LABEL]}.zones", "type": "PTR", "value": name}


def catalog_zones(views: list[dict[str, Any]], zones: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make a catalog of each view's zones."""
    catalogs = []
    for number, view in enumerate(views):
        own = "" if number == 0 else view["name"]
        members = [member(zone["name"]) for zone in zones if zone["view"] in {own, view["name"]}]
        catalog = {"name": view["catalog"], "records": [VERSION, *members], "dnssec": "none"}
        catalogs.append(catalog | {"variable": "bind9_catalog_zone"} | ({"view": own} if own else {}))
    return catalogs


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"catalog_zones": catalog_zones}
