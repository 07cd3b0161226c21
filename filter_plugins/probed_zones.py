"""Jinja filter probed_zones: the zones, as the probes of the DNS take them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: probed_zones
short_description: The zones, as the probes of the DNS take them
version_added: "0.1.0"
description:
  - Keeps of complete zones what C(verify_dns) wants to know. Of a big zone an even sample of its records is taken, so
    that the probing hosts need not hold all of it.
positional: served, most
options:
  _input:
    description: The zones, as P(dns_zones#filter) returns them.
    type: list
    elements: dict
    required: true
  served:
    description: The same zones, as P(served_zones#filter) returns them.
    type: list
    elements: dict
    required: true
  most:
    description: How many records of a zone are kept at most.
    type: int
    default: 2000
"""

EXAMPLES = r"""
- name: A signed zone
  ansible.builtin.assert:
    that: zones[0].signed and zones[0].complete
  vars:
    zones: "{{ complete | probed_zones([{'name': 'st.um'}] | served_zones([], [], 'standard')) }}"
    complete: [{name: st.um, id: st.um, text: st.um. 60 IN A 192.0.2.1, count: 1}]
"""

RETURN = r"""
_value:
  description: The zones, in the given order.
  type: list
  elements: dict
  contains:
    name:
      description: The zone's name.
      type: str
    text:
      description: Its records, or a sample of them, a line each.
      type: str
    signed:
      description: Whether it is signed.
      type: bool
    complete:
      description: Whether these are all of its records.
      type: bool
"""

from collections.abc import Callable
from typing import Any


def probed_zones(zones: list[dict[str, Any]], served: list[dict[str, Any]], most: int = 2000) -> list[dict[str, Any]]:
    """Keep what the probes want to know."""
    signed = {zone["id"]: zone["signed"] for zone in served}
    probed = []
    for zone in zones:
        text, complete = zone["text"], zone["count"] <= most
        if not complete:
            lines = text.split("\n")
            text = "\n".join(lines[:: -(-len(lines) // most)])
        probed.append({"name": zone["name"], "text": text, "signed": signed[zone["id"]], "complete": complete})
    return probed


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"probed_zones": probed_zones}
