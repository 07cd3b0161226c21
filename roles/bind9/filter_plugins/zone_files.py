"""Jinja filter zone_files: the zones' files, as service_config takes them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zone_files
short_description: The zones' files, as service_config takes them
version_added: "0.1.0"
description:
  - Makes an entry of the O(service_config#module:files) of the module M(service_config) for each zone. The file is
    rendered from C(zone.j2), and when nothing but such files changes, their zones alone are reloaded.
positional: directory
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
notes:
  - "Refused: a zone without name and file; a folder that is not an absolute path."
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
  contains:
    path:
      description: The file's path.
      type: str
    template:
      description: The template's name, C(zone.j2).
      type: str
    group:
      description: The group that may read the file.
      type: str
    vars:
      description: The template's variable C(zone).
      type: dict
    reload:
      description: The command that reloads the zone.
      type: list
      elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def zone_files(zones: list[dict[str, Any]], directory: str) -> list[dict[str, Any]]:
    """Make an entry for each zone."""
    if not isinstance(directory, str) or not directory.startswith("/"):
        raise AnsibleFilterError(f"The folder of the zone files {directory!r} is not an absolute path")
    if not isinstance(zones, list):
        raise AnsibleFilterError(f"The zones are {type(zones).__name__}, not a list")
    for zone in zones:
        if not isinstance(zone, dict) or not all(isinstance(zone.get(key), str) for key in ("name", "file")):
            raise AnsibleFilterError(f"{zone!r} is not a zone with name and file, as zone_serials returns it")
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
