"""Jinja filter dns_zones: complete a server's zones from the settings."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_zones
short_description: Complete a server's zones from the settings
version_added: "0.1.0"
description:
  - Takes the zones as a person gives them, checks all of their records with P(zone_records#filter), adds the NS records
    of the apex, and returns everything that a zone file is made of, but the serial.
  - The digest covers all of it, so it changes exactly when the zone's content does, a deletion included. The order and
    the spelling of the records do not matter, as P(zone_records#filter) brings them into one form.
positional: defaults
options:
  _input:
    description:
      - The zones, in any order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The zone's name, with or without the dot at its end; V(.) is the root.
          - It is the file's name, too, so it is made of letters, digits, hyphens, underscores and dots.
        type: str
        required: true
      records:
        description: The records, as P(zone_records#filter) takes them, without the NS records of the apex.
        type: list
        elements: dict
        required: true
      variable:
        description: The variable that a person has to edit when the zone is wrong; errors name it.
        type: str
        default: site_zones
  defaults:
    description:
      - What the zones have in common. Errors name it C(site_zone_defaults).
    type: dict
    required: true
    suboptions:
      nameservers:
        description: The full names of the name servers, with the final dot, at least one. The first is the SOA's MNAME.
        type: list
        elements: str
        required: true
      hostmaster:
        description:
          - The mail address of the person behind the zones, as in the SOA's RNAME (RFC 1035 section 8), with a dot in
            place of the V(@) and one at the end, such as V(hostmaster.st.um.).
        type: str
        required: true
      ttl:
        description: Seconds to live of records without a time of their own, and of the SOA, 0 to 2147483647.
        type: int
        default: 86400
      refresh:
        description: Seconds after which a secondary that has heard nothing asks for the serial, 1 to 2147483647.
        type: int
        default: 3600
      retry:
        description: Seconds after which it asks again if nobody has answered, 1 to 2147483647.
        type: int
        default: 900
      expire:
        description:
          - Seconds after which it no longer answers for the zone if nobody ever answers, up to 2147483647, and more
            than O(defaults.refresh) and O(defaults.retry) together.
        type: int
        default: 2419200
      minimum:
        description: Seconds for which others may remember that a name does not exist (RFC 2308), 0 to 2147483647.
        type: int
        default: 3600
notes:
  - "Refused: a missing or unknown key; a zone that is there twice, or whose name is no name for a file; two zones with
    one file, V(.) and V(root); a name of a server or of the hostmaster that is not in full; a server that is there
    twice; a time that is not an integer or out of range; what P(zone_records#filter) refuses, such as a server in the
    zone that has no address there. Errors name the variable to edit."
seealso:
  - plugin: zone_records
    plugin_type: filter
  - plugin: zone_serials
    plugin_type: filter
  - name: RFC 1912
    description: What the SOA's times should be (section 2.2).
    link: https://www.rfc-editor.org/rfc/rfc1912
"""

EXAMPLES = r"""
- name: Complete a zone
  ansible.builtin.assert:
    that:
      - zones[0].file == 'st.um.zone'
      - zones[0].mname == 'ns1.st.um.'
      - "{'name': 'st.um.', 'type': 'NS', 'ttl': 3600, 'value': 'ns1.st.um.'} in zones[0].records"
  vars:
    given:
      - {name: st.um, records: [{name: ns1, type: A, value: 172.16.22.135}]}
    defaults:
      {nameservers: [ns1.st.um.], hostmaster: hostmaster.st.um., ttl: 3600}
    zones: "{{ given | dns_zones(defaults) }}"
"""

RETURN = r"""
_value:
  description: The zones in the given order.
  type: list
  elements: dict
  contains:
    name:
      description: The name in lower case, without the final dot but for the root.
      type: str
    origin:
      description: The full name, with the final dot.
      type: str
    file:
      description: A name for the zone's file, C(NAME.zone), or C(root.zone).
      type: str
    records:
      description: The canonical records of P(zone_records#filter) with the apex's NS, without the SOA.
      type: list
      elements: dict
    ttl:
      description: The SOA's time to live in seconds.
      type: int
    mname:
      description: The SOA's first field, the full name of the first name server.
      type: str
    rname:
      description: The SOA's second field, the hostmaster.
      type: str
    refresh:
      description: The SOA's field of this name, in seconds.
      type: int
    retry:
      description: The SOA's field of this name, in seconds.
      type: int
    expire:
      description: The SOA's field of this name, in seconds.
      type: int
    minimum:
      description: The SOA's field of this name, in seconds.
      type: int
    digest:
      description: The SHA-256 of all of this, in hexadecimal.
      type: str
"""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import dns.exception
import dns.name
from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader

# Each time's default and its least value, in seconds.
TIMES = {"ttl": (86400, 0), "refresh": (3600, 1), "retry": (900, 1), "expire": (2419200, 1), "minimum": (3600, 0)}
MAX_TIME = 2**31 - 1
VARIABLE = "site_zone_defaults"
REQUIRED = {"name", "records"}
POSSIBLE = REQUIRED | {"variable"}
FILE_NAME = re.compile(r"[a-z0-9_.-]+")


def full_name(text: Any, variable: str) -> str:
    """Check a name that must be given in full."""
    if not isinstance(text, str) or not text.endswith("."):
        raise AnsibleFilterError(f"Edit {variable}: {text!r} is not a full name with its final dot")
    try:
        return dns.name.from_text(text.lower()).to_text()
    except dns.exception.DNSException as cause:
        raise AnsibleFilterError(f"Edit {variable}: {text!r} is not a domain name: {cause}") from cause


def complete_defaults(defaults: dict[str, Any]) -> dict[str, Any]:
    """Check what the zones have in common, and add what is not given."""
    if not isinstance(defaults, dict):
        raise AnsibleFilterError(f"Edit {VARIABLE}: it is {type(defaults).__name__}, not a dictionary")
    possible = {"nameservers", "hostmaster", *TIMES}
    if unknown := defaults.keys() - possible:
        given = ", ".join(sorted(map(str, unknown)))
        raise AnsibleFilterError(f"Edit {VARIABLE}: unknown: {given}; possible: {', '.join(sorted(possible))}")
    names = defaults.get("nameservers")
    if not isinstance(names, list) or not names:
        raise AnsibleFilterError(f"Edit {VARIABLE}: nameservers is {names!r}, not a list of at least one")
    times = {key: defaults.get(key, default) for key, (default, _) in TIMES.items()}
    for key, value in times.items():
        least = TIMES[key][1]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MAX_TIME:
            raise AnsibleFilterError(
                f"Edit {VARIABLE}: {key} {value!r} is not a number of seconds from {least} to {MAX_TIME}"
            )
    if times["expire"] <= times["refresh"] + times["retry"]:
        raise AnsibleFilterError(
            f"Edit {VARIABLE}: expire {times['expire']} is not more than refresh and retry together, "
            f"{times['refresh']} + {times['retry']}, so a secondary would give up before it has asked twice (RFC 1912 "
            "section 2.2)"
        )
    servers = [full_name(name, VARIABLE) for name in names]
    if len(servers) > len(set(servers)):
        raise AnsibleFilterError(f"Edit {VARIABLE}: nameservers has a server twice: {', '.join(servers)}")
    rname = full_name(defaults.get("hostmaster"), VARIABLE)
    if "@" in rname:
        raise AnsibleFilterError(
            f"Edit {VARIABLE}: hostmaster {defaults['hostmaster']!r}: write a dot in place of the @ (RFC 1035)"
        )
    return {**times, "mname": servers[0], "rname": rname, "nameservers": servers}


def check_zone(given: Any) -> None:
    """Check the shape of a zone."""
    if not isinstance(given, dict) or not given.keys() >= REQUIRED:
        raise AnsibleFilterError(f"Edit site_zones: {given!r} is not a dictionary with name and records")
    if unknown := given.keys() - POSSIBLE:
        names = ", ".join(sorted(map(str, unknown)))
        raise AnsibleFilterError(
            f"Edit site_zones: zone {given['name']}: unknown: {names}; possible: {', '.join(sorted(POSSIBLE))}"
        )


def dns_zones(zones: list[dict[str, Any]], defaults: dict[str, Any]) -> list[dict[str, Any]]:
    """Complete the zones from what they have in common."""
    if not isinstance(zones, list):
        raise AnsibleFilterError(f"Edit site_zones: the zones are {type(zones).__name__}, not a list")
    zone_records = filter_loader.get("zone_records").j2_function
    common = complete_defaults(defaults)
    servers = common.pop("nameservers")
    complete: dict[str, dict[str, Any]] = {}
    for given in zones:
        check_zone(given)
        variable, name, records = given.get("variable", "site_zones"), given["name"], given["records"]
        if not isinstance(name, str) or not name:
            raise AnsibleFilterError(
                f"Edit {variable}: the zone's name {name!r} is not a string of at least one character"
            )
        origin = full_name(name if name.endswith(".") else f"{name}.", variable)
        if not FILE_NAME.fullmatch(origin):
            raise AnsibleFilterError(
                f"Edit {variable}: the zone {origin} cannot give its name to a file; letters, digits, hyphens, "
                "underscores and dots can"
            )
        if not isinstance(records, list):
            raise AnsibleFilterError(
                f"Edit {variable}: zone {origin}: the records are {type(records).__name__}, not a list"
            )
        file = f"{origin.rstrip('.') or 'root'}.zone"
        if file in complete:
            other = complete[file]["origin"]
            raise AnsibleFilterError(
                f"Edit {variable}: the zone {origin} is there twice"
                if other == origin
                else f"Edit {variable}: the zones {other} and {origin} would have one file, {file}"
            )
        apex = [{"name": origin, "type": "NS", "value": server} for server in servers]
        records = zone_records([*records, *apex], origin, common["ttl"], variable)
        zone = {"name": origin.rstrip(".") or ".", "origin": origin, "file": file, "records": records, **common}
        zone["digest"] = hashlib.sha256(json.dumps(zone, sort_keys=True).encode()).hexdigest()
        complete[file] = zone
    return list(complete.values())


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"dns_zones": dns_zones}
