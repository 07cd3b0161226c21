"""Jinja filter served_zones: all the zones of a server, of every kind, in one list."""

from __future__ import annotations

DOCUMENTATION = r"""
name: served_zones
short_description: All the zones of a server, of every kind, in one list
version_added: "0.1.0"
description:
  - Brings the static zones, those that are changed by updates, and those that come from somebody else's primary into
    one form, which named.conf, the catalog, and the module M(zone_state) are made of.
  - The contents are not looked at, so it is quick with zones of any size.
positional: dynamic, secondary, dnssec, agents, policies
options:
  _input:
    description: The static zones, as P(dns_zones#filter) takes them, each with C(notify) for the template.
    type: list
    elements: dict
    required: true
  dynamic:
    description: The dynamic zones, each with C(name), and C(updates) for the template.
    type: list
    elements: dict
    required: true
  secondary:
    description: The zones of others, each with C(name), and C(primaries) and C(key) for the template.
    type: list
    elements: dict
    required: true
  dnssec:
    description: The DNSSEC policy of the zones that have none of their own in C(dnssec).
    type: str
    required: true
  agents:
    description: The addresses at which the DS records of zones can be looked up whose parents are none of these zones.
    type: list
    elements: str
  policies:
    description: The names of the DNSSEC policies, besides V(insecure) and V(none). Without it, any name is taken.
    type: list
    elements: str
notes:
  - "Refused: a zone without a name; a name that is there twice; a DNSSEC policy that there is not. Errors name the
    variable to edit."
"""

EXAMPLES = r"""
- name: Two zones of one server
  ansible.builtin.assert:
    that:
      - zones[0].file == 'st.um.zone' and zones[0].signed
      - zones[1].file == 'dyn.st.um.db' and not zones[1].signed
  vars:
    zones: "{{ [{'name': 'st.um'}] | served_zones([{'name': 'dyn.st.um', 'dnssec': 'none'}], [], 'standard') }}"
"""

RETURN = r"""
_value:
  description: The static zones, then the dynamic ones, then those of others.
  type: list
  elements: dict
  contains:
    name:
      description: The zone's name in lower case, without the final dot but for the root.
      type: str
    id:
      description: The name, or with a view C(NAME@VIEW).
      type: str
    view:
      description: The zone's view, empty for the first one.
      type: str
    kind:
      description: V(static), V(dynamic) or V(secondary).
      type: str
    file:
      description: The name of the zone's file.
      type: str
    dnssec:
      description: The zone's DNSSEC policy; V(none) for a zone of somebody else's.
      type: str
    signed:
      description: Whether the zone is to be signed by this server.
      type: bool
    ds:
      description: Whether the zone's parent is among these zones, too, and so needs its DS records.
      type: bool
    agents:
      description: Where the zone's DS records can be looked up, this server itself if it has the parent, too.
      type: list
      elements: str
"""

from collections.abc import Callable, Iterator
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader

# By kind, the suffix of the file and the variable to edit.
KINDS = {
    "static": ("zone", "site_zones"),
    "dynamic": ("db", "site_dynamic_zones"),
    "secondary": ("secondary", "site_secondary_zones"),
}
UNSIGNED = ("none", "insecure")
PASSED_ON = ("updates", "primaries", "key", "notify")


def names_above(name: str) -> Iterator[str]:
    """Give the names above a name, up to the root's."""
    while name != ".":
        name = name.partition(".")[2] or "."
        yield name


def check_policy(policy: Any, policies: list[str] | None, where: str) -> None:
    """Refuse a DNSSEC policy that there is not."""
    if policies is not None and policy not in (possible := [*policies, *UNSIGNED]):
        raise AnsibleFilterError(f"Edit {where}: there is no DNSSEC policy {policy!r}; possible: {', '.join(possible)}")


def served_zones(
    static: list[dict[str, Any]],
    dynamic: list[dict[str, Any]],
    secondary: list[dict[str, Any]],
    dnssec: str,
    agents: list[str] | None = None,
    policies: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Bring the zones of every kind into one form."""
    a_labels = filter_loader.get("a_labels").j2_function
    zones: dict[tuple[str, str], dict[str, Any]] = {}
    check_policy(dnssec, policies, "bind9_dnssec")
    for kind, given in zip(KINDS, (static, dynamic, secondary), strict=True):
        suffix, usual = KINDS[kind]
        for zone in given:
            variable, view = zone.get("variable", usual), zone.get("view", "")
            if not isinstance(zone.get("name"), str) or not zone["name"]:
                raise AnsibleFilterError(f"Edit {variable}: a zone has no name: {zone.get('name')!r}")
            name = a_labels(zone["name"], variable).rstrip(".") or "."
            if (view, name) in zones:
                raise AnsibleFilterError(f"Edit {variable}: the zone {name} is there twice")
            policy = "none" if kind == "secondary" else zone.get("dnssec", dnssec)
            check_policy(policy, policies, f"{variable}: zone {name}")
            zones[view, name] = {
                "name": name,
                "id": f"{name}@{view}" if view else name,
                "view": view,
                "kind": kind,
                "file": f"{name if name != '.' else 'root'}{view and f'.{view}'}.{suffix}",
                "dnssec": policy,
                "signed": policy not in UNSIGNED,
                **{key: zone[key] for key in PASSED_ON if key in zone},
            }
    names = {name for _, name in zones}
    for (view, name), zone in zones.items():
        zone["ds"] = any(above in names for above in names_above(name))
        zone["agents"] = ["127.0.0.1"] if any((view, above) in zones for above in names_above(name)) else agents or []
    return list(zones.values())


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"served_zones": served_zones}
