"""Jinja filter dns_zones: complete a server's zones from the settings."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_zones
short_description: Complete a server's zones from the settings
version_added: "0.1.0"
description:
  - Takes the zones as a person gives them, checks all of their records with P(zone_records#filter), adds the NS records
    of the apex, and returns everything that a zone file is made of, but the serial.
  - The digest covers all of it, so it changes exactly when the zone's content does.
positional: defaults
options:
  _input:
    description:
      - The zones, each with C(name), C(records) as P(zone_records#filter) takes them, and, optionally, C(variable), the
        variable to edit when a record is wrong.
    type: list
    elements: dict
    required: true
  defaults:
    description:
      - What the zones have in common. Errors name it C(site_zone_defaults).
    type: dict
    required: true
    suboptions:
      nameservers:
        description: The full names of the name servers, with the final dot; the first is the SOA's MNAME.
        type: list
        elements: str
        required: true
      hostmaster:
        description: The person behind the zones, as in the SOA's RNAME (RFC 1035 section 3.3.13), in full.
        type: str
        required: true
      ttl:
        description: Seconds to live of records without a time of their own, and of the SOA.
        type: int
        default: 86400
      refresh:
        description: Seconds after which a secondary that has heard nothing asks for the serial.
        type: int
        default: 3600
      retry:
        description: Seconds after which it asks again if nobody has answered.
        type: int
        default: 900
      expire:
        description: Seconds after which it no longer answers for the zone if nobody ever answers.
        type: int
        default: 2419200
      minimum:
        description: Seconds for which others may remember that a name does not exist (RFC 2308).
        type: int
        default: 3600
notes:
  - An error is raised for a wrong record, a zone that is there twice, a wrong name of a server or of the hostmaster, and a
    time out of range; it names the variable to edit.
seealso:
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
      description: A name for the zone's file.
      type: str
    records:
      description: The canonical records with the apex's NS, without the SOA.
      type: list
    mname:
      description: The SOA's first field. C(rname), C(refresh), C(retry), C(expire), C(minimum), and C(ttl) are there too.
      type: str
    digest:
      description: The SHA-256 of all of this, in hexadecimal.
      type: str
"""

import hashlib
import json
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
    possible = {"nameservers", "hostmaster", *TIMES}
    if unknown := defaults.keys() - possible:
        raise AnsibleFilterError(f"Edit {VARIABLE}: unknown: {', '.join(unknown)}; possible: {', '.join(sorted(possible))}")
    if not defaults.get("nameservers"):
        raise AnsibleFilterError(f"Edit {VARIABLE}: nameservers is empty, and a zone needs at least one")
    times = {key: defaults.get(key, default) for key, (default, _) in TIMES.items()}
    for key, value in times.items():
        least = TIMES[key][1]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MAX_TIME:
            raise AnsibleFilterError(f"Edit {VARIABLE}: {key} {value!r} is not a number of seconds from {least} to {MAX_TIME}")
    if times["expire"] <= times["refresh"] + times["retry"]:
        raise AnsibleFilterError(
            f"Edit {VARIABLE}: expire {times['expire']} is not more than refresh and retry together, "
            f"{times['refresh']} + {times['retry']}, so a secondary would give up before it has asked twice (RFC 1912 2.2)"
        )
    servers = [full_name(name, VARIABLE) for name in defaults["nameservers"]]
    rname = full_name(defaults.get("hostmaster"), VARIABLE)
    return {**times, "mname": servers[0], "rname": rname, "nameservers": servers}


def dns_zones(zones: list[dict[str, Any]], defaults: dict[str, Any]) -> list[dict[str, Any]]:
    """Complete the zones from what they have in common."""
    zone_records = filter_loader.get("zone_records").j2_function
    common = complete_defaults(defaults)
    servers = common.pop("nameservers")
    complete: dict[str, dict[str, Any]] = {}
    for given in zones:
        if not isinstance(given, dict) or not {"name", "records"} <= given.keys():
            raise AnsibleFilterError(f"Edit site_zones: {given!r} is not a dictionary with name and records")
        variable = given.get("variable", "site_zones")
        origin = full_name(f"{str(given['name']).rstrip('.')}.", variable)
        if origin in complete:
            raise AnsibleFilterError(f"Edit {variable}: the zone {origin} is there twice")
        apex = [{"name": origin, "type": "NS", "value": server} for server in servers]
        records = zone_records([*given["records"], *apex], origin, common["ttl"], variable)
        zone = {"name": origin.rstrip(".") or ".", "origin": origin, "records": records, **common}
        zone["file"] = f"{origin.rstrip('.') or 'root'}.zone"
        zone["digest"] = hashlib.sha256(json.dumps(zone, sort_keys=True).encode()).hexdigest()
        complete[origin] = zone
    return list(complete.values())


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"dns_zones": dns_zones}
