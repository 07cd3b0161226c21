"""Jinja filter zone_serials: give each zone the serial of its SOA."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zone_serials
short_description: Give each zone the serial of its SOA
version_added: "0.1.0"
description:
  - Applies P(zone_serial#filter) to every zone of P(dns_zones#filter) and what the module M(zone_state) saw of it, so
    that a serial moves only with its zone's content, and then beyond what any name server serves.
positional: seen, date
options:
  _input:
    description: The zones, each with C(id) and C(digest). Other keys are passed on.
    type: list
    elements: dict
    required: true
  seen:
    description:
      - By the zone's C(id), a dictionary with C(file), the digest and the serial of the zone's file or none, C(served),
        the list of the serials that its servers answered, and C(signed), the serial that the primary serves if it signs
        the zone, else none, as the module M(zone_state) returns it.
    type: dict
    required: true
  date:
    description: Today, V(YYYYMMDD), as the module M(zone_state) returns it.
    type: str
    required: true
notes:
  - "Refused: a zone without id and digest, or of which nothing was seen; what P(zone_serial#filter) refuses. Errors
    name the zone."
seealso:
  - plugin: zone_serial
    plugin_type: filter
  - plugin: dns_zones
    plugin_type: filter
  - module: zone_state
"""

EXAMPLES = r"""
- name: A zone that is new here, and served by a secondary from before
  ansible.builtin.assert:
    that: (zones | zone_serials(seen, '20261121'))[0].serial == 2026112205
  vars:
    zones: [{id: st.um, digest: abc}]
    seen: {st.um: {file: null, served: [2026112204], signed: null}}
"""

RETURN = r"""
_value:
  description: The zones, in the given order, each as it was given, and with its serial.
  type: list
  elements: dict
  contains:
    serial:
      description: The serial, 0 to 4294967295.
      type: int
    before:
      description: The serial in the zone's file, none if there is no such file.
      type: int
    moves:
      description: Whether the zone takes another serial than its file has.
      type: bool
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader


def zone_serials(zones: list[dict[str, Any]], seen: dict[str, Any], date: str) -> list[dict[str, Any]]:
    """Give each zone the serial of its SOA."""
    if not isinstance(zones, list):
        raise AnsibleFilterError(f"The zones are {type(zones).__name__}, not a list")
    if not isinstance(seen, dict):
        raise AnsibleFilterError(f"What was seen of the zones is {type(seen).__name__}, not a dictionary")
    zone_serial = filter_loader.get("zone_serial").j2_function
    complete = []
    for zone in zones:
        if not isinstance(zone, dict) or not zone.keys() >= {"id", "digest"}:
            raise AnsibleFilterError(f"{zone!r} is not a zone with id and digest, as dns_zones returns it")
        state = seen.get(zone["id"])
        if not isinstance(state, dict) or state.keys() != {"file", "served", "signed"}:
            raise AnsibleFilterError(
                f"Zone {zone['id']}: {state!r} is not a dictionary of file, served and signed, as zone_state returns it"
            )
        try:
            serial = zone_serial(zone["digest"], state["file"], state["served"], signed=state["signed"], date=date)
        except AnsibleFilterError as cause:
            raise AnsibleFilterError(f"Zone {zone['id']}: {cause}") from cause
        before = state["file"] and state["file"]["serial"]
        complete.append({**zone, "serial": serial, "before": before, "moves": serial != before})
    return complete


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"zone_serials": zone_serials}
