"""Jinja filter zone_records: check the records of a DNS zone and bring them into canonical form."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zone_records
short_description: Check the records of a DNS zone and bring them into canonical form
version_added: "0.1.0"
description:
  - Takes the records of one zone as a person writes them, refuses what a name server would refuse or what
    would not work, and returns them in one canonical form and order.
  - The same set of records in any order and spelling gives the same output, byte for byte, so a digest of the output
    changes exactly when the zone does. The output is accepted as input and comes back unchanged.
  - All errors of a zone are reported together, one per line, at most ten. Each line names the record by its place in
    the list, counted from 1.
positional: zone, ttl, variable
options:
  _input:
    description: The records, without the SOA, in any order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The owner's name, or a list of names for a record each.
          - Relative to the zone unless it ends in a dot; V(@) is the zone's apex; a leftmost V(*) is a wildcard.
          - ASCII only, an internationalised name is given as its A-label (V(xn--...)).
        type: raw
        required: true
      type:
        description:
          - The type's mnemonic, in either case, or V(TYPEnnn) for a type that has none. The value of that one is
            V(\\# LENGTH HEX) (RFC 3597 section 5).
        type: str
        required: true
      value:
        description:
          - The data, a string or an integer, as it stands in a zone file (RFC 1035 section 5), on one line. Names in it
            follow the same rules as O(_input[].name).
          - For C(TXT) and C(SPF) it is the text itself, which is encoded in UTF-8, cut into character-strings of
            at most 255 octets, quoted and escaped. A list gives the character-strings one by one. Text that
            begins with a double quote is read as in a zone file.
        type: raw
        required: true
      ttl:
        description: Time to live in seconds, 0 to 2147483647 (RFC 2181 section 8). The default is O(ttl).
        type: int
  zone:
    description: The zone's name, with or without the dot at its end; V(.) is the root.
    type: str
    required: true
  ttl:
    description: Time to live in seconds of the records that have none of their own.
    type: int
    required: true
  variable:
    description: The variable that a person has to edit when a record is wrong; errors name it.
    type: str
    default: bind9_zones
notes:
  - "Refused in a record: a missing or unknown key; an unknown type; C(SOA), which is made elsewhere; a value that is
    not one of its type; an empty label, a label over 63 or a name over 255 octets (RFC 1035 section 2.3.4); an owner
    outside of the zone; an owner of C(A), C(AAAA) or C(MX) that is not a host name of letters, digits and hyphens
    (RFC 952, RFC 1123 section 2.1)."
  - "Refused in a set: the same record twice; two TTLs in one RRset (RFC 2181 section 5.2); a C(CNAME) that is not
    alone at its name (RFC 1034 section 3.6.2), which it never is at the apex; two C(DNAME) at one name, or anything
    below one (RFC 6672 section 2.4); an C(NS) at a wildcard (RFC 4592 section 4.2); data hidden by a delegation,
    except glue; a C(DS) without a delegation (RFC 4034 section 5); a null C(MX) that is not alone or not V(0 .)
    (RFC 7505 section 3)."
  - "Refused if its target is in the zone, wildcards considered: an C(MX), C(NS) or C(SRV) whose target is an alias or
    has no address (RFC 2181 section 10.3, RFC 2782); a C(CNAME) that ends nowhere or in a loop. A target at or below a
    delegation is another zone's business: it has to be here only as glue, for the C(NS) records of that delegation.
    The targets are looked at once every record is right by itself."
seealso:
  - name: RFC 1035
    description: Names, types and the syntax of zone files.
    link: https://www.rfc-editor.org/rfc/rfc1035
  - name: RFC 2181
    description: RRsets, TTLs, and what MX and NS may point at.
    link: https://www.rfc-editor.org/rfc/rfc2181
  - name: RFC 4034
    description: Canonical order of names (section 6.1) and canonical form of records (section 6.2).
    link: https://www.rfc-editor.org/rfc/rfc4034
"""

EXAMPLES = r"""
- name: Bring the records of a zone into canonical form
  ansible.builtin.assert:
    that: records | zone_records('st.um', 3600) == canonical
  vars:
    records:
      - {name: [ns1, Mail], type: A, value: 172.16.22.135}
      - {name: "@", type: NS, value: ns1, ttl: 86400}
      - {name: "@", type: mx, value: 10 mail}
      - {name: "@", type: TXT, value: v=spf1 mx -all}
    canonical:
      - {name: st.um., type: MX, ttl: 3600, value: 10 mail.st.um.}
      - {name: st.um., type: NS, ttl: 86400, value: ns1.st.um.}
      - {name: st.um., type: TXT, ttl: 3600, value: '"v=spf1 mx -all"'}
      - {name: mail.st.um., type: A, ttl: 3600, value: 172.16.22.135}
      - {name: ns1.st.um., type: A, ttl: 3600, value: 172.16.22.135}
"""

RETURN = r"""
_value:
  description:
    - The records in the canonical order of their names (RFC 4034 section 6.1), then by type, then by value.
  type: list
  elements: dict
  contains:
    name:
      description: The owner's absolute name in lower case.
      type: str
    type:
      description: The type's mnemonic in upper case.
      type: str
    ttl:
      description: Time to live in seconds.
      type: int
    value:
      description: The data as it stands in a zone file, with absolute names, in lower case where case is not kept.
      type: str
"""

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import dns.exception
import dns.ipv4
import dns.ipv6
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from ansible.errors import AnsibleFilterError

MAX_ERRORS = 10
MAX_LABEL = 60
MAX_TTL = 2**31 - 1
MAX_STRING = 255  # octets, RFC 1035 section 3.3
MAX_RDATA = 2**16 - 1  # octets, RFC 1035 section 3.2.1
REQUIRED = {"name", "type", "value"}
POSSIBLE = REQUIRED | {"ttl"}

TEXT = {"TXT", "SPF"}
QUOTED = re.compile(r'"([^"\\]|\\.)*"([ \t]+"([^"\\]|\\.)*")*')
HOST_NAME = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*|\.")
HOST_OWNED = {"A", "AAAA", "MX"}
ADDRESS = {"A", "AAAA"}
# Most records are addresses, and these functions take a tenth of the general parser's time.
CANONICAL: dict[str, Callable[[str], str]] = {"A": dns.ipv4.canonicalize, "AAAA": dns.ipv6.canonicalize}
TARGET = {"CNAME": "target", "MX": "exchange", "NS": "target", "SRV": "target"}
SINGLE = {"CNAME": "RFC 1034 section 3.6.2", "DNAME": "RFC 6672 section 2.4"}
BESIDE_CNAME = {"CNAME", "NSEC", "RRSIG"}
AT_CUT = ADDRESS | {"DS", "NS", "NSEC", "RRSIG"}

# A name as its labels in lower case, the root's first: tuples of bytes sort as RFC 4034 section 6.1 demands, and the
# names above a name are its prefixes.
Key = tuple[bytes, ...]
ROOT: Key = (b"",)
WILDCARD: Key = (b"*",)


class Record(NamedTuple):
    """One checked record; the first fields are its place in the canonical order."""

    key: Key
    type: str
    value: str
    name: str
    ttl: int
    target: Key | None
    label: str

    def error(self, text: str) -> ValueError:
        """Say what is wrong with this record."""
        return ValueError(f"{self.label}: {text}")


Node = dict[str, list[Record]]


def parse_name(text: Any, origin: dns.name.Name) -> dns.name.Name:
    """Read a name relative to origin, into its absolute form in lower case."""
    if not isinstance(text, str):
        raise ValueError(f"name {text!r} is not a string, quote it")
    if not text:
        raise ValueError("the name is empty, the zone's apex is '@'")
    if not text.isascii():
        raise ValueError(f"name {text!r} is not ASCII, give its A-label (xn--...)")
    try:
        name = dns.name.from_text(text.lower(), origin)
    except dns.exception.DNSException as cause:
        raise ValueError(f"name {text!r} is not a domain name: {cause}") from cause
    return name.canonicalize() if "\\" in text else name  # an escape is a letter too


def key_of(name: dns.name.Name) -> Key:
    """Give the sorting key of a name that is absolute and in lower case."""
    return name.labels[::-1]


def text_of(key: Key) -> str:
    """Give the name that has this key."""
    return dns.name.Name(key[::-1]).to_text()


@functools.cache
def parse_type(text: str) -> str:
    """Read the mnemonic of a type that a zone can hold."""
    try:
        rdtype = dns.rdatatype.from_text(text)
    except (dns.exception.DNSException, ValueError) as cause:
        raise ValueError(f"type {text!r} is not a record type: {cause}") from cause
    if rdtype == dns.rdatatype.SOA:
        raise ValueError("the SOA record is made from the zone's settings, not given")
    if rdtype == dns.rdatatype.NONE or dns.rdatatype.is_metatype(rdtype):
        raise ValueError(f"type {text!r} is not one that a zone holds")
    return dns.rdatatype.to_text(rdtype)


def parse_ttl(ttl: Any) -> int:
    """Check a TTL."""
    if not isinstance(ttl, int) or isinstance(ttl, bool):
        raise ValueError(f"ttl {ttl!r} is not an integer (seconds)")
    if not 0 <= ttl <= MAX_TTL:
        raise ValueError(f"ttl {ttl} is not between 0 and {MAX_TTL} seconds (RFC 2181 section 8)")
    return ttl


def text_wire(value: str | list[Any]) -> bytes:
    """Encode text as the character-strings of one record (RFC 1035 section 3.3.14)."""
    if isinstance(value, list):
        if not value or not all(isinstance(string, str) for string in value):
            raise ValueError("a list has one or more strings")
        strings = [string.encode() for string in value]
        if (longest := max(map(len, strings))) > MAX_STRING:
            raise ValueError(f"a character-string has {longest} octets, at most {MAX_STRING} are possible")
    else:
        octets = value.encode()
        strings = [octets[at : at + MAX_STRING] for at in range(0, len(octets), MAX_STRING)] or [b""]
    return b"".join(bytes([len(string)]) + string for string in strings)


def value_wire(kind: str, value: Any, origin: dns.name.Name) -> bytes:
    """Read a record's data into its canonical wire form (RFC 4034 section 6.2)."""
    if kind in TEXT:
        if isinstance(value, list) or not value.startswith('"'):
            return text_wire(value)
        if not QUOTED.fullmatch(value):
            raise ValueError("it begins with a double quote and is not in zone-file syntax, give the text as a list")
    if not value.isascii() or "\n" in value:
        raise ValueError("it is not one line of ASCII")
    rdata = dns.rdata.from_text(dns.rdataclass.IN, kind, value, origin, relativize=False)
    if value.lstrip(" \t(").startswith("\\#") and not isinstance(rdata, dns.rdata.GenericRdata):
        raise ValueError("the syntax of unknown types (RFC 3597) is for types that have none of their own")
    return rdata.to_digestable()


def parse_value(kind: str, value: Any, origin: dns.name.Name) -> tuple[str, Key | None]:
    """Read a record's data: its canonical text, and the name that it points at where that matters."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) and not (isinstance(value, list) and kind in TEXT):
        raise ValueError(f"value {value!r} is not a string, only TXT and SPF take a list of them")
    try:
        if kind in CANONICAL:
            return CANONICAL[kind](value), None
        wire = value_wire(kind, value, origin)
        if len(wire) > MAX_RDATA:
            raise ValueError(f"it has {len(wire)} octets, at most {MAX_RDATA} are possible")
        rdata = dns.rdata.from_wire(dns.rdataclass.IN, kind, wire, 0, len(wire))
    except (dns.exception.DNSException, ValueError) as cause:
        raise ValueError(f"the value is not valid for {kind}: {cause}") from cause
    return rdata.to_text(), key_of(getattr(rdata, TARGET[kind])) if kind in TARGET else None


def label_of(number: int, record: Any) -> str:
    """Name a record as it was given, such as "record 3 (www CNAME @)"."""
    given = [record.get(key, "?") for key in ("name", "type", "value")] if isinstance(record, dict) else [record]
    text = " ".join(" ".join(map(str, given)).split())
    return f"record {number} ({text if len(text) <= MAX_LABEL else text[:MAX_LABEL] + '...'})"


def expand(records: list[Any]) -> Iterator[tuple[str, Any]]:
    """Give each record its label, and each of its names a record."""
    for number, record in enumerate(records, 1):
        names = record.get("name") if isinstance(record, dict) else None
        for given in [record | {"name": name} for name in names] if names and isinstance(names, list) else [record]:
            yield label_of(number, given), given


def parse_record(label: str, record: Any, origin: dns.name.Name, ttl: int) -> Record:
    """Check all that can be checked of one record by itself."""
    if not isinstance(record, dict):
        raise ValueError("not a dictionary")
    if missing := REQUIRED - record.keys():
        raise ValueError(f"missing: {', '.join(sorted(missing))}")
    if unknown := record.keys() - POSSIBLE:
        raise ValueError(f"unknown: {', '.join(sorted(map(str, unknown)))}; possible: {', '.join(sorted(POSSIBLE))}")
    name = parse_name(record["name"], origin)
    key, text = key_of(name), name.to_text()
    if key[: len(origin)] != key_of(origin):
        raise ValueError(f"{text} is outside of the zone, a name relative to it has no dot at its end")
    if not isinstance(record["type"], str):
        raise ValueError(f"type {record['type']!r} is not a string")
    kind = parse_type(record["type"])
    if kind in HOST_OWNED and not HOST_NAME.fullmatch(text):
        raise ValueError(f"{text} is not a host name of letters, digits and hyphens (RFC 952, RFC 1123 section 2.1)")
    value, target = parse_value(kind, record["value"], origin)
    ttl = parse_ttl(record.get("ttl", ttl))
    return Record(key, kind, value, text, ttl, target, label)


class Zone:
    """The records of a zone that are right by themselves, and what is wrong with them together."""

    def __init__(self, apex: Key, records: list[Record]) -> None:
        """Sort the records into nodes and find the delegations."""
        self.apex = apex
        self.nodes: dict[Key, Node] = defaultdict(lambda: defaultdict(list))
        for record in records:
            self.nodes[record.key][record.type].append(record)
        self.cuts = {key for key, node in self.nodes.items() if "NS" in node and key != apex}
        self.aliased = {key for key, node in self.nodes.items() if "DNAME" in node}
        self.existing = {apex}
        for key in self.nodes:
            while key not in self.existing:
                self.existing.add(key)
                key = key[:-1]

    def first_above(self, key: Key, marked: set[Key]) -> Key | None:
        """Give the topmost of the marked names that are key or above it."""
        if not marked:
            return None
        return next((key[:end] for end in range(len(self.apex), len(key) + 1) if key[:end] in marked), None)

    def find(self, key: Key) -> Node | None:
        """Look a name up as a name server does (RFC 1034 section 4.3.2); None if it does not exist here."""
        if key[: len(self.apex)] != self.apex:
            return None
        if key in self.existing:
            return self.nodes.get(key, {})
        while key not in self.existing:
            key = key[:-1]
        return self.nodes.get(key + WILDCARD)

    def conflicts(self) -> Iterator[ValueError]:
        """Find the records that cannot be together."""
        for key, node in self.nodes.items():
            cut = self.first_above(key, self.cuts)
            dname = self.first_above(key[:-1], self.aliased)
            for kind, rrset in node.items():
                for record in rrset:
                    if cut and kind not in (AT_CUT if key == cut else ADDRESS):
                        yield record.error(f"hidden by the delegation of {text_of(cut)}, where only glue is possible")
                    if kind == "DS" and key not in self.cuts:
                        yield record.error("a DS is beside the NS of a delegation only (RFC 4034 section 5)")
                    if dname:
                        yield record.error(f"hidden by the DNAME at {text_of(dname)} (RFC 6672 section 2.4)")
                yield from self.rrset_conflicts(rrset)
            if "CNAME" in node:
                others = sorted(node.keys() - BESIDE_CNAME) or ["SOA"] * (key == self.apex)
                if others:
                    rule = "a CNAME is alone at its name (RFC 1034 section 3.6.2)"
                    yield node["CNAME"][0].error(f"{text_of(key)} has {', '.join(others)} as well, {rule}")

    @staticmethod
    def rrset_conflicts(rrset: list[Record]) -> Iterator[ValueError]:
        """Find the records that cannot be together in one RRset."""
        first, values = rrset[0], {}
        for record in rrset:
            same = values.setdefault(record.value, record)
            if same is not record:
                yield record.error(f"the same as {same.label}")
                continue
            if record.type in SINGLE and record is not first:
                yield record.error(f"a second {record.type} beside {first.label} ({SINGLE[record.type]})")
            if record.ttl != first.ttl:
                rule = "an RRset has one (RFC 2181 section 5.2)"
                yield record.error(f"ttl {record.ttl}, but {first.label} has {first.ttl}, {rule}")
            if record.type == "NS" and record.key[-1:] == WILDCARD:
                yield record.error("a wildcard cannot be delegated (RFC 4592 section 4.2)")
            if record.type == "MX" and record.target == ROOT and (len(rrset) > 1 or record.value != "0 ."):
                yield record.error("a null MX is '0 .' and the only MX of its name (RFC 7505 section 3)")

    def dead_ends(self) -> Iterator[ValueError]:
        """Find the records that point at a name of this zone which cannot serve them."""
        for node in self.nodes.values():
            for rrset in node.values():
                for record in rrset:
                    if record.target and (problem := self.dead_end(record, record.target)):
                        yield record.error(f"{text_of(record.target)} {problem}")

    def dead_end(self, record: Record, target: Key) -> str | None:
        """Say what is wrong with the target of a record."""
        if target[: len(self.apex)] != self.apex or (target == ROOT and record.type in {"MX", "SRV"}):
            return None
        if cut := self.first_above(target, self.cuts):
            if record.type == "NS" and record.key == cut and not self.nodes.get(target, {}).keys() & ADDRESS:
                return "needs an A or AAAA record here, as glue (RFC 1034 section 4.2.1)"
            return None
        dname = self.first_above(target[:-1], self.aliased)
        if record.type == "CNAME":
            return None if dname or target == self.apex else self.lost_alias(target)
        if dname:
            return f"is an alias by the DNAME at {text_of(dname)} (RFC 2181 section 10.3)"
        node = self.find(target)
        if node is None:
            return "does not exist"
        if "CNAME" in node:
            return "is an alias (RFC 2181 section 10.3)"
        return None if node.keys() & ADDRESS else "has no A or AAAA record"

    def lost_alias(self, target: Key) -> str | None:
        """Say where an alias leads if it leads nowhere."""
        if not self.find(target):
            return "does not exist"
        seen = set()
        while (node := self.find(target)) and "CNAME" in node:
            if target in seen:
                return "leads into a loop of aliases (RFC 1034 section 3.6.2)"
            seen.add(target)
            target = node["CNAME"][0].target
        return None


def zone_records(records: Any, zone: Any, ttl: Any, variable: str = "bind9_zones") -> list[dict[str, Any]]:
    """Check the records of a zone and bring them into canonical form."""
    try:
        origin = parse_name(zone, dns.name.root)
        ttl = parse_ttl(ttl)
        if not isinstance(records, list):
            raise ValueError(f"the records are {type(records).__name__}, not a list")
    except ValueError as cause:
        raise AnsibleFilterError(f"Edit {variable}: zone {zone}: {cause}") from cause

    checked: list[Record] = []
    errors: list[ValueError] = []
    for label, record in expand(records):
        try:
            checked.append(parse_record(label, record, origin, ttl))
        except ValueError as cause:
            error = ValueError(f"{label}: {cause}")
            error.__cause__ = cause
            errors.append(error)
    found = Zone(key_of(origin), checked)
    complete = not errors
    errors += found.conflicts()
    if complete:  # else a target may only seem to be missing
        errors += found.dead_ends()
    if errors:
        shown = errors[:MAX_ERRORS]
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        count += f", the first {MAX_ERRORS} are" * (len(errors) > MAX_ERRORS)
        lines = "".join(f"\n  {error}" for error in shown)
        # Ansible appends the causes' texts unless the message ends in them.
        raise AnsibleFilterError(f"Edit {variable}: zone {origin} has {count}:{lines}") from shown[-1]
    return [
        {"name": record.name, "type": record.type, "ttl": record.ttl, "value": record.value}
        for record in sorted(checked, key=lambda record: record[:3])
    ]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"zone_records": zone_records}
