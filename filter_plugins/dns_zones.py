"""Jinja filter dns_zones: complete a server's zones from the settings."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_zones
short_description: Complete a server's zones from the settings
version_added: "0.1.0"
description:
  - Takes the zones as a person gives them, checks all of their records with P(zone_records#filter), adds the NS records
    of the apex and of the zones below, and returns everything that a zone file is made of, but the serial.
  - Names in Unicode become A-labels, as in P(zone_records#filter).
  - The digest covers all of it, so it changes exactly when the zone's content does, a deletion included. The order and
    the spelling of the records do not matter, as P(zone_records#filter) brings them into one form.
positional: defaults, children, ds
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
        default: []
      text:
        description: Further records, as a zone file has them; P(zone_records#filter) tells what it may have.
        type: str
        default: ''
      dnssec:
        description: How the zone is signed. It is returned as it is, and is not part of the digest.
        type: str
      nameservers:
        description: The zone's own name servers, where they are not those of O(defaults).
        type: list
        elements: str
      notify:
        description: Further servers to notify of changes, which do not matter here.
        type: list
        elements: str
      view:
        description:
          - The view that the zone is in, where a server tells some another content than others; none for the first one.
            The zones of a view know of each other, and O(children) are in the first one.
        type: str
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
  children:
    description:
      - The names of further zones that the same servers serve, with or without the final dot, such as those whose
        records come by dynamic updates.
      - Each of them, and each zone of the input, is delegated by the closest zone above it if that one is in the input;
        it gets the NS records of O(defaults.nameservers), unless it delegates that name, or one above it, by itself.
    type: list
    elements: str
    default: []
  ds:
    description:
      - For the full names of signed zones, with the final dot, the values of their C(DS) records. A zone gets them
        where it has an C(NS) below its apex and no C(DS) of its own. They live for a day at most.
    type: dict
notes:
  - "A server whose name is in the delegated zone needs an address in the zone above, too, as glue; nothing adds it."
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
      - zones[0].text.splitlines() == lines
  vars:
    given:
      - {name: st.um, records: [{name: ns1, type: A, value: 172.16.22.135}], text: "www CNAME ns1"}
    defaults:
      {nameservers: [ns1.st.um.], hostmaster: hostmaster.st.um., ttl: 3600}
    zones: "{{ given | dns_zones(defaults, ['dyn.st.um']) }}"
    lines:
      - st.um. 3600 IN NS ns1.st.um.
      - dyn.st.um. 3600 IN NS ns1.st.um.
      - ns1.st.um. 3600 IN A 172.16.22.135
      - www.st.um. 3600 IN CNAME ns1.st.um.
"""

RETURN = r"""
_value:
  description: The zones in the given order, view by view.
  type: list
  elements: dict
  contains:
    name:
      description: The name in lower case, without the final dot but for the root.
      type: str
    origin:
      description: The full name, with the final dot.
      type: str
    id:
      description: The name, or with a view C(NAME@VIEW).
      type: str
    file:
      description: A name for the zone's file, C(NAME.zone), C(root.zone), or C(NAME.VIEW.zone).
      type: str
    text:
      description:
        - The canonical records of P(zone_records#filter), with those that are added and without the SOA, each
          C(NAME TTL IN TYPE VALUE), with a newline between them and none at the end.
      type: str
    count:
      description: The number of these records.
      type: int
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
    dnssec:
      description: As it was given, if it was.
      type: str
    view:
      description: As it was given, if it was.
      type: str
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import dns.exception
import dns.name
from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader

# Each time's default and its least value, in seconds.
TIMES = {"ttl": (86400, 0), "refresh": (3600, 1), "retry": (900, 1), "expire": (2419200, 1), "minimum": (3600, 0)}
MAX_TIME = 2**31 - 1
VARIABLE = "site_zone_defaults"
DS_TTL = 86400  # seconds, at most: a day after a change of the key, no resolver has the old DS
POSSIBLE = {"name", "records", "text", "variable", "dnssec", "notify", "nameservers", "view"}
FILE_NAME = re.compile(r"[a-z0-9_.-]+")


def full_name(text: Any, variable: str) -> str:
    """Check a name that must be given in full."""
    if not isinstance(text, str) or not text.endswith("."):
        raise AnsibleFilterError(f"Edit {variable}: {text!r} is not a full name with its final dot")
    try:
        return dns.name.from_text(text, idna_codec=dns.name.IDNA_2008_Practical).canonicalize().to_text()
    except dns.name.IDNAException as cause:
        reason = cause.kwargs["idna_exception"]
        raise AnsibleFilterError(f"Edit {variable}: {text!r} is not possible in IDNA 2008: {reason}") from cause
    except dns.exception.DNSException as cause:
        raise AnsibleFilterError(f"Edit {variable}: {text!r} is not a domain name: {cause}") from cause


def server_names(names: Any, variable: str) -> list[str]:
    """Check the names of a zone's servers."""
    if not isinstance(names, list) or not names:
        raise AnsibleFilterError(f"Edit {variable}: nameservers is {names!r}, not a list of at least one")
    servers = [full_name(name, variable) for name in names]
    if len(servers) > len(set(servers)):
        raise AnsibleFilterError(f"Edit {variable}: nameservers has a server twice: {', '.join(servers)}")
    return servers


def complete_defaults(defaults: dict[str, Any]) -> dict[str, Any]:
    """Check what the zones have in common, and add what is not given."""
    if not isinstance(defaults, dict):
        raise AnsibleFilterError(f"Edit {VARIABLE}: it is {type(defaults).__name__}, not a dictionary")
    possible = {"nameservers", "hostmaster", *TIMES}
    if unknown := defaults.keys() - possible:
        given = ", ".join(sorted(map(str, unknown)))
        raise AnsibleFilterError(f"Edit {VARIABLE}: unknown: {given}; possible: {', '.join(sorted(possible))}")
    servers = server_names(defaults.get("nameservers"), VARIABLE)
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
    rname = full_name(defaults.get("hostmaster"), VARIABLE)
    if "@" in rname:
        raise AnsibleFilterError(
            f"Edit {VARIABLE}: hostmaster {defaults['hostmaster']!r}: write a dot in place of the @ (RFC 1035)"
        )
    return {**times, "rname": rname, "nameservers": servers}


def check_zone(given: Any) -> None:
    """Check the shape of a zone."""
    if not isinstance(given, dict) or "name" not in given:
        raise AnsibleFilterError(f"Edit site_zones: {given!r} is not a dictionary with a name")
    if unknown := given.keys() - POSSIBLE:
        names = ", ".join(sorted(map(str, unknown)))
        raise AnsibleFilterError(
            f"Edit site_zones: zone {given['name']}: unknown: {names}; possible: {', '.join(sorted(POSSIBLE))}"
        )


def zone_name(given: dict[str, Any], variable: str) -> str:
    """Give a zone's full name, which must be a file's name too."""
    name = given["name"]
    if not isinstance(name, str) or not name:
        raise AnsibleFilterError(f"Edit {variable}: the zone's name {name!r} is not a string of at least one character")
    origin = full_name(name if name.endswith(".") else f"{name}.", variable)
    if not FILE_NAME.fullmatch(origin):
        raise AnsibleFilterError(
            f"Edit {variable}: the zone {origin} cannot give its name to a file; letters, digits, hyphens, "
            "underscores and dots can"
        )
    return origin


def file_name(origin: str, view: str = "") -> str:
    """Name the file of a zone."""
    return f"{origin.rstrip('.') or 'root'}{view and f'.{view}'}.zone"


def name_zones(zones: list[Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Give each zone by its view and its full name, once the shapes and the names are checked."""
    named: dict[str, dict[str, dict[str, Any]]] = {}
    files: dict[str, str] = {}
    for given in zones:
        check_zone(given)
        variable, view = given.get("variable", "site_zones"), given.get("view", "")
        origin = zone_name(given, variable)
        file = file_name(origin, view)
        other = files.setdefault(file, origin)
        if origin in named.setdefault(view, {}):
            raise AnsibleFilterError(f"Edit {variable}: the zone {origin} is there twice")
        if other != origin:
            raise AnsibleFilterError(f"Edit {variable}: the zones {other} and {origin} would have one file, {file}")
        named[view][origin] = given
    return named


def zones_above(name: str, zones: Iterable[str]) -> Iterator[str]:
    """Give those of the zones that a name is below."""
    above = dns.name.from_text(name)
    while above != dns.name.root:
        above = above.parent()
        if (text := above.to_text()) in zones:
            yield text


def parents(names: Iterable[str]) -> dict[str, str]:
    """Give each zone that is below another one its parent, the closest one above it."""
    zones = {dns.name.from_text(name): name for name in names}
    found: dict[str, str] = {}
    for zone, name in zones.items():
        while zone != dns.name.root:
            zone = zone.parent()
            if zone in zones:
                found[name] = zones[zone]
                break
    return found


def name_servers(name: str, servers: list[str], ttl: int) -> list[dict[str, Any]]:
    """Make the NS records of a zone."""
    return [{"name": name, "type": "NS", "value": server, "ttl": ttl} for server in servers]


def find_delegations(
    named: dict[str, Any], children: list[str], servers: list[str], ttl: int, ds: dict[str, list[str]]
) -> dict[str, list[dict[str, Any]]]:
    """Give by zone the NS and DS records of the zones below it."""
    delegations: dict[str, list[dict[str, Any]]] = {origin: [] for origin in named}
    for child, origin in parents([*named, *children]).items():
        delegations.setdefault(origin, []).extend(name_servers(child, servers, ttl))
    for name, values in ds.items():
        for origin in zones_above(name, named):
            delegations[origin] += [
                {"name": name, "type": "DS", "value": value, "ttl": min(DS_TTL, ttl)} for value in values
            ]
    return delegations


def complete_zone(
    origin: str, given: dict[str, Any], common: dict[str, Any], servers: list[str], delegations: list[dict[str, Any]]
) -> dict[str, Any]:
    """Complete one zone from what it has in common with the others."""
    variable, records, ttl = given.get("variable", "site_zones"), given.get("records", []), common["ttl"]
    if not isinstance(records, list):
        kind = type(records).__name__
        raise AnsibleFilterError(f"Edit {variable}: zone {origin}: the records are {kind}, not a list")
    if "nameservers" in given:
        servers = server_names(given["nameservers"], variable)
    lines = filter_loader.get("zone_records").j2_function(
        [*records, *name_servers(origin, servers, ttl)],
        origin,
        ttl,
        variable,
        text=given.get("text", ""),
        delegations=delegations,
        lines=True,
    )
    name, text = origin.rstrip(".") or ".", "\n".join(lines)
    zone = {"name": name, "origin": origin, "count": len(lines), "mname": servers[0], **common}
    # As the module zone_state finds it out of the zone's file, whoever has written that.
    soa = [zone[key] for key in ("ttl", "origin", "mname", "rname", "refresh", "retry", "expire", "minimum")]
    digest = hashlib.sha256("\n".join([*map(str, soa), text]).encode()).hexdigest()
    view = given.get("view", "")
    zone |= {"id": f"{name}@{view}" if view else name, "file": file_name(origin, view)}
    return zone | {"text": text, "digest": digest} | {key: given[key] for key in ("dnssec", "view") if key in given}


def dns_zones(
    zones: list[dict[str, Any]],
    defaults: dict[str, Any],
    children: Sequence[str] = (),
    ds: dict[str, list[str]] | None = None,
) -> list[dict[str, Any]]:
    """Complete the zones from what they have in common."""
    if not isinstance(zones, list):
        raise AnsibleFilterError(f"Edit site_zones: the zones are {type(zones).__name__}, not a list")
    common = complete_defaults(defaults)
    servers = common.pop("nameservers")
    dynamic = [full_name(name if str(name).endswith(".") else f"{name}.", "children") for name in children]
    ds = {full_name(name, "ds"): values for name, values in (ds or {}).items()}
    complete = []
    for view, named in name_zones(zones).items():
        delegations = find_delegations(named, [] if view else dynamic, servers, common["ttl"], ds)
        complete += [
            complete_zone(origin, given, common, servers, delegations[origin]) for origin, given in named.items()
        ]
    return complete


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"dns_zones": dns_zones}
