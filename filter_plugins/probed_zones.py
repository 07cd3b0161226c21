"""Jinja filter probed_zones: the zones, as the probes of the DNS take them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: probed_zones
short_description: The zones, as the probes of the DNS take them
version_added: "0.1.0"
description:
  - Keeps of complete zones what C(verify_dns) wants to know. Of a big zone an even sample of its records is taken, so
    that the probing hosts need not hold all of it.
positional: dnssec, most
options:
  _input:
    description: The zones, as P(dns_zones#filter) returns them.
    type: list
    elements: dict
    required: true
  dnssec:
    description: The DNSSEC policy of the zones that have none of their own.
    type: str
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
    zones: "{{ [{'name': 'st.um', 'text': 'st.um. 60 IN A 192.0.2.1', 'count': 1}] | probed_zones('standard') }}"
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

UNSIGNED = ("none", "insecure")


def probed_zones(zones: list[dict[str, Any]], dnssec: str, most: int = 2000) -> list[dict[str, Any]]:
    """Keep what the probes want to know."""
    probed = []
    for zone in zones:
        text, complete = zone["text"], zone["count"] <= most
        if not complete:
            lines = text.split("\n")
            text = "\n".join(lines[:: -(-len(lines) // most)])
        signed = zone.get("dnssec", dnssec) not in UNSIGNED
        probed.append({"name": zone["name"], "text": text, "signed": signed, "complete": complete})
    return probed


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"probed_zones": probed_zones}
