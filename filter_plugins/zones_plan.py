"""Jinja filter zones_plan: what changes in zones, for a person to read."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zones_plan
short_description: What changes in zones, for a person to read
version_added: "0.1.0"
description:
  - Compares each zone with the text of its present file by P(zone_changes#filter), and tells in a line which serial it
    takes, and then which records go (C(-)) and come (C(+)).
positional: texts, most
options:
  _input:
    description: The zones that take a new serial, as P(zone_serials#filter) returns them.
    type: list
    elements: dict
    required: true
  texts:
    description: The texts of the zones' files by the zones' C(id); a zone without a file is not in it.
    type: dict
    required: true
  most:
    description: How many records of a zone are told; the rest is counted.
    type: int
    default: 100
notes:
  - "Refused: what P(zone_changes#filter) refuses."
"""

EXAMPLES = r"""
- name: A zone that gets a second record
  ansible.builtin.assert:
    that: zones | zones_plan(texts) == "st.um, serial 1 -> 2\n  + b.st.um. 60 A 192.0.2.2"
  vars:
    zones:
      - id: st.um
        origin: st.um.
        before: 1
        serial: 2
        text: "a.st.um. 60 IN A 192.0.2.1\nb.st.um. 60 IN A 192.0.2.2"
        ttl: 60
        mname: m.
        rname: r.
        refresh: 1
        retry: 1
        expire: 3
        minimum: 1
    texts: {st.um: "st.um. 60 IN SOA m. r. 1 1 1 3 1\na.st.um. 60 IN A 192.0.2.1"}
"""

RETURN = r"""
_value:
  description: A headline for each zone, and below it the changes, a line each.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible.plugins.loader import filter_loader

SOA = "{origin} {ttl} IN SOA {mname} {rname} {serial} {refresh} {retry} {expire} {minimum}"


def zones_plan(zones: list[dict[str, Any]], texts: dict[str, str], most: int = 100) -> str:
    """Tell what changes in each zone."""
    zone_changes = filter_loader.get("zone_changes").j2_function
    plan = []
    for zone in zones:
        before = "new" if zone["before"] is None else f"serial {zone['before']}"
        text = f"{SOA.format(**zone)}\n{zone['text']}"
        if zone["before"] is None:  # all of it is new, and in order already
            changes = [f"+ {line.replace(' IN ', ' ', 1)}" for line in text.split("\n") if line]
        else:
            changes = zone_changes(texts.get(zone["id"], ""), text)
        rest = [f"and {len(changes) - most} more"] if len(changes) > most else []
        plan.append(f"{zone['id']}, {before} -> {zone['serial']}")
        plan += [f"  {change}" for change in changes[:most] + rest]
    return "\n".join(plan)


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"zones_plan": zones_plan}
