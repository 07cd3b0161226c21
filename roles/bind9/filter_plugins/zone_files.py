"""Jinja filter zone_files: the zones' files, as service_config takes them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zone_files
short_description: The zones' files, as service_config takes them
version_added: "0.1.0"
description:
  - Makes an entry of the O(service_config#module:files) of the module M(service_config) for each zone. The file is
    rendered from C(zone.j2), and when nothing but such files changes, their zones alone are reloaded.
  - The file of a dynamic zone is only made where there is none, as its records are changed by updates from then on.
positional: directory, view, dynamic, recovered, texts
options:
  _input:
    description: The zones, as P(zone_serials#filter) returns them.
    type: list
    elements: dict
    required: true
  directory:
    description: The folder of the files, an absolute path.
    type: str
    required: true
  view:
    description: The name of the view that the zones without one of their own are in.
    type: str
    required: true
  dynamic:
    description: Whether these are dynamic zones.
    type: bool
    default: false
  recovered:
    description: Records to begin a dynamic zone with, by its C(id), as the module M(zone_state) returns them.
    type: dict
  texts:
    description:
      - The texts of the present files, by the zone's C(id). If the change of a zone is undone, its old records come
        back with a serial after the new one, as servers would not take the old one (RFC 1982).
    type: dict
notes:
  - "Refused: a zone without name, id, file and serial; a folder that is not an absolute path."
"""

EXAMPLES = r"""
- name: The file of a zone
  ansible.builtin.assert:
    that: (zones | zone_files('/var/lib/bind', 'main'))[0].path == '/var/lib/bind/st.um.zone'
  vars:
    zones: [{name: st.um, id: st.um, file: st.um.zone, serial: 1}]
"""

RETURN = r"""
_value:
  description: The entries, in the order of the zones.
  type: list
  elements: dict
  contains:
    path:
      description: The file's path.
      type: str
    template:
      description: The template's name, C(zone.j2).
      type: str
    owner:
      description: The user who may write the file.
      type: str
    group:
      description: The group that may read the file.
      type: str
    stale:
      description: The journal that named keeps of the file's changes.
      type: list
      elements: str
    undo:
      description: The text for a change that is undone, none if there is no present file.
      type: str
    initial:
      description: Whether the file is only made where there is none.
      type: bool
    vars:
      description: The template's variable C(zone).
      type: dict
    reload:
      description: The command that reloads the zone.
      type: list
      elements: str
"""

import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

NEEDED = {"name": str, "id": str, "file": str, "serial": int}
SERIAL = re.compile(r"( IN SOA \S+ \S+ )\d+")


def undo_text(text: str | None, serial: int) -> str | None:
    """Give the old text of a zone a serial after the new one."""
    after = (serial + 1) % 2**32 or 1
    return text and SERIAL.sub(lambda match: f"{match[1]}{after}", text, count=1)


def zone_files(
    zones: list[dict[str, Any]],
    directory: str,
    view: str,
    dynamic: bool = False,
    recovered: dict[str, Any] | None = None,
    texts: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Make an entry for each zone."""
    if not isinstance(directory, str) or not directory.startswith("/"):
        raise AnsibleFilterError(f"The folder of the zone files {directory!r} is not an absolute path")
    if not isinstance(zones, list):
        raise AnsibleFilterError(f"The zones are {type(zones).__name__}, not a list")
    for zone in zones:
        if not isinstance(zone, dict) or not all(isinstance(zone.get(key), kind) for key, kind in NEEDED.items()):
            raise AnsibleFilterError(
                f"{zone!r} is not a zone with name, id, file and serial, as zone_serials returns it"
            )
    recovered, texts = recovered or {}, texts or {}
    return [
        {
            "path": f"{directory}/{zone['name']}.db" if dynamic else f"{directory}/{zone['file']}",
            "template": "zone.j2",
            "owner": "bind" if dynamic else "root",
            "group": "bind",
            "initial": dynamic,
            # Beside a file that it does not lead to, named would not load the zone.
            "stale": [] if dynamic else [f"{directory}/{zone['file']}.jnl"],
            "undo": undo_text(texts.get(zone["id"]), zone["serial"]),
            "vars": {"zone": {**zone, **({"text": found["text"]} if (found := recovered.get(zone["id"])) else {})}},
            "reload": ["rndc", "reload", zone["name"], "IN", zone.get("view") or view],
        }
        for zone in zones
    ]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"zone_files": zone_files}
