"""Jinja filter ds_report: what the parents of zones have to change, for a person to read."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ds_report
short_description: What the parents of zones have to change, for a person to read
version_added: "0.1.0"
description:
  - Compares the DS records (RFC 4034 section 5) that follow from the keys of signed zones with those that their parents
    have.
  - As long as a parent has none, a zone is not secure, but everybody can resolve it. If it has only others, nobody who
    validates can.
positional: found
options:
  _input:
    description:
      - By the zone's full name, the values that its parent ought to have, as the module M(zone_state) returns them.
    type: dict
    required: true
  found:
    description: The like, as the parents have them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: A zone whose parent does not know of its key
  ansible.builtin.assert:
    that: "{'st.um.': ['1 13 2 00']} | ds_report({}) == text"
  vars:
    text: |-
      st.um.: the parent has no DS record, to be handed in:
        st.um. IN DS 1 13 2 00
"""

RETURN = r"""
_value:
  description: A headline for each zone, and below it the records in question, a line each.
  type: str
"""

from collections.abc import Callable
from typing import Any


def lines_of(zone: str, values: list[str]) -> list[str]:
    """Write DS records as in a zone file."""
    return [f"  {zone} IN DS {value}" for value in values]


def ds_report(wanted: dict[str, list[str]], found: dict[str, list[str]]) -> str:
    """Tell what the parent of each zone has to change."""
    lines = []
    for zone, values in sorted(wanted.items()):
        there = found.get(zone, [])
        if zone == ".":
            lines += [".: the root has no parent, its resolvers have to trust:", *lines_of(zone, values)]
        elif sorted(values) == sorted(there):
            lines += [f"{zone}: the parent has what it should", *lines_of(zone, values)]
        elif not values:
            lines += [f"{zone}: leaves DNSSEC, the parent has to remove:", *lines_of(zone, there)]
        elif not there:
            lines += [f"{zone}: the parent has no DS record, to be handed in:", *lines_of(zone, values)]
        else:
            broken = "" if set(values) & set(there) else ", and nobody who validates can resolve the zone"
            lines += [f"{zone}: the parent has other DS records{broken}, to be handed in:", *lines_of(zone, values)]
            if others := [value for value in there if value not in values]:
                lines += [f"{zone}: to be removed:", *lines_of(zone, others)]
    return "\n".join(lines)


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"ds_report": ds_report}
