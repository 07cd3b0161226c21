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
    the list, or by its line in the text, counted from 1.
  - Names in Unicode become A-labels (IDNA 2008, RFC 5891, after UTS 46 has mapped them, to lower case among others). A
    label in ASCII stays as it is, so C(_25._tcp) and V(*) can be beside one in Unicode.
positional: zone, ttl, variable, text, delegations, lines
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
          - It can be in Unicode.
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
            follow the same rules as O(_input[].name), and can be in Unicode in C(CNAME), C(DNAME), C(MX), C(NS), C(PTR)
            and C(SRV).
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
  text:
    description:
      - Further records in the master-file format (RFC 1035 section 5), with comments, parentheses, omitted owners,
        TTLs and classes, relative names, C($ORIGIN) and C($TTL).
      - It begins at the zone's apex with O(ttl), so a record without a TTL has that of the last C($TTL), or O(ttl). A
        TTL can be such as V(1h30m), as BIND has it. The class is C(IN).
      - Large zones belong here. Lines such as V(h123 A 192.0.2.1), with or without TTL and class, take a
        tenth of the time of a record in the list.
    type: str
    default: ''
  delegations:
    description:
      - Records for delegations that may lack some, C(NS) and C(DS), as in the list.
      - An C(NS) is added unless there is one at that name, or above it and below the apex; a C(DS) is added beside an
        C(NS) unless there is a C(DS).
    type: list
    elements: dict
    default: []
  lines:
    description: Whether to return lines of text, which is quicker.
    type: bool
    default: false
notes:
  - "Refused in a record: a missing or unknown key; an unknown type; C(SOA), which is made elsewhere; a value that is
    not one of its type; an empty label, a label over 63 or a name over 255 octets (RFC 1035 section 2.3.4); a label
    that IDNA 2008 does not allow; an owner outside of the zone; an owner of C(A), C(AAAA) or C(MX) that is not a host
    name of letters, digits and hyphens (RFC 952, RFC 1123 section 2.1)."
  - "Refused in the text: a directive other than C($ORIGIN) and C($TTL), so C($INCLUDE) and C($GENERATE); another class
    than C(IN); a first record without an owner; a quote or a parenthesis that has no counterpart."
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

- name: Read records from text
  ansible.builtin.assert:
    that: "[] | zone_records('bücher.example', 3600, text=text, lines=true) == canonical"
  vars:
    text: |
      www 60 A   192.0.2.1
             TXT (one "and two"  ; in two lines
                  three)
    canonical:
      - www.xn--bcher-kva.example. 60 IN A 192.0.2.1
      - www.xn--bcher-kva.example. 3600 IN TXT "one" "and two" "three"
"""

RETURN = r"""
_value:
  description:
    - The records in the canonical order of their names (RFC 4034 section 6.1), then by type, then by value.
    - With O(lines), each is a string C(NAME TTL IN TYPE VALUE).
  type: list
  elements: raw
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
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, NamedTuple

import dns.exception
import dns.ipv4
import dns.ipv6
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.ttl
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
NAME_LAST = {"CNAME", "DNAME", "MX", "NS", "PTR", "SRV"}  # types whose data ends in a name that can be in Unicode
SINGLE = {"CNAME": "RFC 1034 section 3.6.2", "DNAME": "RFC 6672 section 2.4"}
BESIDE_CNAME = {"CNAME", "NSEC", "RRSIG"}
AT_CUT = ADDRESS | {"DS", "NS", "NSEC", "RRSIG"}

# A name as its labels in lower case, the root's first: tuples of bytes sort as RFC 4034 section 6.1 demands, and the
# names above a name are its prefixes.
Key = tuple[bytes, ...]
ROOT: Key = (b"",)
WILDCARD: Key = (b"*",)


class Place(NamedTuple):
    """Where a record was given. Its text, for errors, is such as "record 3 (www CNAME @)"."""

    kind: str
    number: int
    given: Any

    def __str__(self) -> str:
        """Name the place."""
        record = self.given
        given = [record.get(key, "?") for key in ("name", "type", "value")] if isinstance(record, dict) else [record]
        text = " ".join(" ".join(map(str, given)).split())
        return f"{self.kind} {self.number} ({text if len(text) <= MAX_LABEL else text[:MAX_LABEL] + '...'})"

    def error(self, cause: Exception) -> ValueError:
        """Say what is wrong at this place."""
        error = ValueError(f"{self}: {cause}")
        error.__cause__ = cause
        return error


class Record(NamedTuple):
    """One checked record."""

    key: Key
    type: str
    value: str
    name: str
    ttl: int
    target: Key | None
    place: Place

    def error(self, text: str) -> ValueError:
        """Say what is wrong with this record."""
        return ValueError(f"{self.place}: {text}")


Node = dict[str, list[Record]]


def parse_name(text: Any, origin: dns.name.Name) -> dns.name.Name:
    """Read a name relative to origin, into its absolute form in lower case, with A-labels."""
    if not isinstance(text, str):
        raise ValueError(f"name {text!r} is not a string, quote it")
    if not text:
        raise ValueError("the name is empty, the zone's apex is '@'")
    try:
        if not text.isascii():
            return dns.name.from_text(text, origin, dns.name.IDNA_2008_Practical).canonicalize()
        name = dns.name.from_text(text.lower(), origin)
    except dns.name.IDNAException as cause:
        raise ValueError(f"name {text!r} is not possible in IDNA 2008: {cause.kwargs['idna_exception']}") from cause
    except dns.exception.DNSException as cause:
        raise ValueError(f"name {text!r} is not a domain name: {cause}") from cause
    return name.canonicalize() if "\\" in text else name  # an escape is a letter too


def key_of(name: dns.name.Name) -> Key:
    """Give the sorting key of a name that is absolute and in lower case."""
    return name.labels[::-1]


def text_of(key: Key) -> str:
    """Give the name that has this key."""
    return dns.name.Name(key[::-1]).to_text()


def sort_name(labels: Key) -> str:
    r"""Give a string for the labels below the apex, so that strings sort as keys do.

    A null octet is before each label. In a label, it is "\1\1", and the octet 1 is "\1\2".
    """
    octets = b"".join(b"\0" + label for label in labels)
    if octets.count(0) != len(labels) or 1 in octets:
        escaped = (label.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1") for label in labels)
        octets = b"".join(b"\0" + label for label in escaped)
    return octets.decode("latin-1")


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


def name_last(value: str, origin: dns.name.Name) -> str:
    """Write the name at the end of a value with A-labels."""
    *before, name = value.split()
    return " ".join([*before, parse_name(name, origin).to_text()])


def value_wire(kind: str, value: Any, origin: dns.name.Name) -> bytes:
    """Read a record's data into its canonical wire form (RFC 4034 section 6.2)."""
    if kind in TEXT:
        if isinstance(value, list) or not value.startswith('"'):
            return text_wire(value)
        if not QUOTED.fullmatch(value):
            raise ValueError("it begins with a double quote and is not in zone-file syntax, give the text as a list")
    if not value.isascii() and "\n" not in value and kind in NAME_LAST:
        value = name_last(value, origin)
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


class Given(NamedTuple):
    """A record as it was given, and what its relative names are relative to."""

    place: Place
    name: dns.name.Name
    type: Any
    value: Any
    ttl: Any
    origin: dns.name.Name

    def check(self, apex: Key) -> Record:
        """Check all that can be checked of one record by itself."""
        key, text = key_of(self.name), self.name.to_text()
        if key[: len(apex)] != apex:
            raise ValueError(f"{text} is outside of the zone, a name relative to it has no dot at its end")
        if not isinstance(self.type, str):
            raise ValueError(f"type {self.type!r} is not a string")
        kind = parse_type(self.type)
        if kind in HOST_OWNED and not HOST_NAME.fullmatch(text):
            raise ValueError(
                f"{text} is not a host name of letters, digits and hyphens (RFC 952, RFC 1123 section 2.1)"
            )
        value, target = parse_value(kind, self.value, self.origin)
        return Record(key, kind, value, text, parse_ttl(self.ttl), target, self.place)


def expand(kind: str, records: Iterable[Any]) -> Iterator[Place]:
    """Give each record its place, and each of its names a record."""
    for number, record in enumerate(records, 1):
        names = record.get("name") if isinstance(record, dict) else None
        for given in [record | {"name": name} for name in names] if names and isinstance(names, list) else [record]:
            yield Place(kind, number, given)


def read_record(place: Place, origin: dns.name.Name, ttl: int) -> Given:
    """Check the shape of a record of the list."""
    record = place.given
    if not isinstance(record, dict):
        raise ValueError("not a dictionary")
    if missing := REQUIRED - record.keys():
        raise ValueError(f"missing: {', '.join(sorted(missing))}")
    if unknown := record.keys() - POSSIBLE:
        raise ValueError(f"unknown: {', '.join(sorted(map(str, unknown)))}; possible: {', '.join(sorted(POSSIBLE))}")
    name = parse_name(record["name"], origin)
    return Given(place, name, record["type"], record["value"], record.get("ttl", ttl), origin)


def read_records(
    kind: str, records: Iterable[Any], origin: dns.name.Name, ttl: int, errors: list[ValueError]
) -> list[Record]:
    """Check the records of a list."""
    apex, checked = key_of(origin), []
    for place in expand(kind, records):
        try:
            checked.append(read_record(place, origin, ttl).check(apex))
        except ValueError as cause:
            errors.append(place.error(cause))
    return checked


# Text in master-file format (RFC 1035 section 5).

DIRECTIVE = re.compile(r"^\$.*$", re.MULTILINE)
CLASS = re.compile(r"IN|CS|CH|HS|CLASS[0-9]+", re.IGNORECASE)
# A line that needs none of the lines around it: it begins with its owner, and has parentheses in strings and comments
# only. Or it is empty.
LONE_LINE = re.compile(r'(?:(?![ \t])(?:[^"();\\]|\\.|"(?:[^"\\]|\\.)*")+|[ \t]*)(?:;.*)?')


class Entry(NamedTuple):
    """An entry of a zone's text: the number of its first line, its words, and whether it begins with its owner."""

    number: int
    words: list[dns.tokenizer.Token]
    owned: bool


class OpenEntryError(ValueError):
    """An entry that begins in this line and cannot be read to its end."""

    def __init__(self, number: int) -> None:
        """Keep the number of the line."""
        super().__init__("a quote or a parenthesis has no counterpart")
        self.number = number


def split_entries(text: str, first: int) -> Iterator[Entry]:
    """Split text into its entries; first is the number of its first line."""
    tokenizer = dns.tokenizer.Tokenizer(text)
    token = None
    while not token or not token.is_eof():
        number, words = first + tokenizer.where()[1] - 1, []
        try:
            token = tokenizer.get(want_leading=True)
            owned = not token.is_whitespace()
            if not owned:
                token = tokenizer.get()
            while not token.is_eol_or_eof():
                words.append(token)
                token = tokenizer.get()
        except dns.exception.DNSException as cause:
            raise OpenEntryError(number) from cause
        if words:
            yield Entry(number, words, owned)


def spell(word: dns.tokenizer.Token) -> str:
    """Write a word as it stood in the text."""
    return f'"{word.value}"' if word.is_quoted_string() else word.value


def spell_string(word: dns.tokenizer.Token) -> str:
    """Write a word as a character-string in quotes, and in ASCII."""
    return '"' + "".join(c if c.isascii() else "".join(map("\\{}".format, c.encode())) for c in word.value) + '"'


def spell_value(kind: str, words: list[dns.tokenizer.Token]) -> str:
    """Write the words of a record's data as the value of one."""
    if not words:
        raise ValueError("it has no value")
    if parse_type(kind) not in TEXT:
        return " ".join(map(spell, words))
    if spell(words[0]) == "\\#":
        raise ValueError("the syntax of unknown types (RFC 3597) is for types that have none of their own")
    return " ".join(map(spell_string, words))


def read_ttl(text: str) -> int:
    """Read a TTL, such as 3600 or 1h."""
    try:
        return parse_ttl(dns.ttl.from_text(text))
    except dns.exception.DNSException as cause:
        raise ValueError(f"ttl {text!r} is not a number of seconds, nor such as 1h30m") from cause


# The fast path. Most lines of a large zone are addresses of hosts in a simple form. They are right by themselves, and
# stay light: what they sort by as a string, and the canonical line. Everything else goes the general way, and so does
# a simple line where anything else has to do with its name.

# Without possessive quantifiers: the Python of Debian 12 (3.11.2) lets them pass too much.
HOST_LABEL = r"[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
OWNER = rf"{HOST_LABEL}(?:\.{HOST_LABEL})*\.?"
SIMPLE = re.compile(
    rf"^(?:({OWNER})[ \t]+(?:(0|[1-9][0-9]{{0,8}})[ \t]+)?(?:(?:IN|in)[ \t]+)?"
    r"(?:[Aa][ \t]+([0-9.]+)|(?:AAAA|aaaa)[ \t]+([0-9A-Fa-f:]+))[ \t]*|.*)$",
    re.MULTILINE,
)
MAX_OWNER = 63  # characters, so that no label is too long
MAX_NAME = 254  # characters with the final dot, RFC 1035 section 2.3.4

# Simple lines by what they sort by, the owner below the apex, the type and the value: the line's number, the TTL, and
# the canonical line.
Simple = dict[str, tuple[int, str, str]]


def split_simple(text: str, first: int, origin: str, above: str, ttl: int) -> tuple[Simple, list[int]]:
    """Take the simple lines out of text, whose first line has this number, and give the numbers of the others.

    Their owners are relative to origin, which sorts by above. Of lines that are the same, the last one is given.
    """
    end, default = "." if origin == "." else f".{origin}", str(ttl)
    longest = min(MAX_OWNER, MAX_NAME - len(end)) if HOST_NAME.fullmatch(origin) else 0
    simple: Simple = {}
    others: list[int] = []
    for number, (owner, given, ipv4, ipv6) in enumerate(SIMPLE.findall(text), first):
        name = owner.lower().removesuffix(end)
        if not name or name[-1] == "." or len(name) > longest:
            others.append(number)
            continue
        try:
            if ipv4:
                inet_pton(AF_INET, ipv4)
                kind, value = "A", ipv4
            else:
                kind, value = "AAAA", inet_ntop(AF_INET6, inet_pton(AF_INET6, ipv6))
        except OSError:
            others.append(number)
            continue
        sort = "\0".join(name.split(".")[::-1]) if "." in name else name
        seconds = given or default
        simple[f"{above}\0{sort}\0\0{kind}\0{value}"] = number, seconds, f"{name}{end} {seconds} IN {kind} {value}"
    return simple, others


def is_consistent(simple: Simple) -> bool:
    """Tell if each RRset has one TTL."""
    if len({ttl for _, ttl, _ in simple.values()}) < 2:
        return True
    first: dict[str, str] = {}
    return all(first.setdefault(key.rpartition("\0")[0], ttl) == ttl for key, (_, ttl, _) in simple.items())


class SimpleRecords:
    """The simple lines of a zone in their canonical order, in which a name and what is below it are side by side."""

    def __init__(self, simple: Simple) -> None:
        """Sort the lines."""
        self.lines = simple
        self.keys = sorted(simple)

    def find(self, start: str) -> bool:
        """Tell if there is a line that sorts by something with this start."""
        at = bisect_left(self.keys, start)
        return at < len(self.keys) and self.keys[at].startswith(start)

    def exists(self, name: str) -> bool:
        """Tell if a line has this name or one below it."""
        return self.find(f"{name}\0")

    def has_address(self, name: str) -> bool:
        """Tell if a line has this name."""
        return self.find(f"{name}\0\0")

    def take(self, name: str, below: bool) -> Iterator[tuple[int, str]]:
        """Take the lines of a name away, and those below it: their numbers and the canonical lines."""
        start = f"{name}\0" if below else f"{name}\0\0"
        end = f"{start[:-1]}\1"
        for key in self.keys[bisect_left(self.keys, start) : bisect_left(self.keys, end)]:
            if key in self.lines:
                number, _, line = self.lines.pop(key)
                yield number, line


def read_simple(line: str, place: Place) -> Record:
    """Make a record of a canonical line."""
    name, ttl, _, kind, value = line.split()
    return Record(key_of(dns.name.from_text(name)), kind, value, name, int(ttl), None, place)


class Reader:
    """Reads a zone's text: records, simple lines apart from the others, and errors."""

    def __init__(self, origin: dns.name.Name, ttl: int) -> None:
        """Begin at the apex, with the zone's TTL."""
        self.start = origin, ttl
        self.apex = key_of(origin)
        self.origin, self.ttl = origin, ttl
        self.owner: dns.name.Name | None = None
        self.owner_line = 0
        self.lines: list[str] = []
        self.simple: Simple = {}
        self.taken = 0
        self.records: list[Record] = []
        self.errors: list[ValueError] = []

    def read(self, text: str, fast: bool = True) -> Reader:
        """Read all of the text, piece by piece between the directives."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.lines = text.split("\n")
        start, first = 0, 1
        for directive in DIRECTIVE.finditer(text) if "$" in text else ():
            if piece := text[start : directive.start()]:
                self.read_piece(piece[:-1], first, fast)
                first += piece.count("\n")
            self.read_entries(directive[0], first, self.read_directive)
            start, first = directive.end() + 1, first + 1
        if start <= len(text):
            self.read_piece(text[start:], first, fast)
        if self.taken > len(self.simple) or not is_consistent(self.simple):
            return Reader(*self.start).read(text, fast=False)  # some are the same, or differ in their TTL
        return self

    def read_piece(self, text: str, first: int, fast: bool) -> None:
        """Read lines without a directive, each by itself if that is possible."""
        numbers: Sequence[int] = range(first, first + text.count("\n") + 1)
        simple: Simple = {}
        key = key_of(self.origin)
        if fast and key[: len(self.apex)] == self.apex:
            above = sort_name(key[len(self.apex) :])
            simple, numbers = split_simple(text, first, self.origin.to_text(), above, self.ttl)
        others = [number for number in numbers if self.lines[number - 1]]
        if not all(LONE_LINE.fullmatch(self.lines[number - 1]) for number in others):
            self.read_entries(text, first, self.read_record)
            return
        for number in others:
            self.read_entries(self.lines[number - 1], number, self.read_record)
        if simple:
            self.simple = self.simple | simple if self.simple else simple
            self.taken += text.count("\n") + 1 - len(numbers)
            number, _, line = next(reversed(simple.values()))
            if number > self.owner_line:
                self.owner, self.owner_line = dns.name.from_text(line.split()[0]), number

    def read_entries(self, text: str, first: int, read: Callable[[Entry], None]) -> None:
        """Read entry by entry, and note the errors."""
        try:
            for entry in split_entries(text, first):
                try:
                    read(entry)
                except ValueError as cause:
                    self.errors.append(self.place(entry.number).error(cause))
        except OpenEntryError as cause:
            self.errors.append(self.place(cause.number).error(cause))

    def place(self, number: int) -> Place:
        """Give the place of a line."""
        return Place("line", number, self.lines[number - 1])

    def read_directive(self, entry: Entry) -> None:
        """Follow a directive."""
        name, *words = map(spell, entry.words)
        if name.upper() not in {"$ORIGIN", "$TTL"}:
            raise ValueError(f"{name} is not possible here, only $ORIGIN and $TTL are")
        if len(words) != 1:
            raise ValueError(f"{name} takes one value")
        if name.upper() == "$TTL":
            self.ttl = read_ttl(words[0])
        else:
            self.origin = parse_name(words[0], self.origin)

    def read_record(self, entry: Entry) -> None:
        """Read and check a record."""
        words = entry.words[:]
        if entry.owned:
            self.owner, self.owner_line = None, entry.number
            word = words.pop(0)
            if word.is_quoted_string():
                raise ValueError("the owner is in quotes")
            self.owner = parse_name(word.value, self.origin)
        if self.owner is None:
            raise ValueError("it has no owner, and no line before has a right one")
        ttl = network = None
        while words:
            word = spell(words[0])
            if ttl is None and word[:1].isdigit():
                ttl = read_ttl(word)
            elif network is None and CLASS.fullmatch(word):
                network = word.upper()
            else:
                break
            words.pop(0)
        if network not in {None, "IN", "CLASS1"}:
            raise ValueError(f"class {network} is not possible, only IN is")
        if not words:
            raise ValueError("it has no type")
        kind = spell(words[0])
        given = Given(
            self.place(entry.number),
            self.owner,
            kind,
            spell_value(kind, words[1:]),
            self.ttl if ttl is None else ttl,
            self.origin,
        )
        self.records.append(given.check(self.apex))


class Zone:
    """The records of a zone that are right by themselves, and what is wrong with them together."""

    def __init__(self, apex: Key, records: list[Record], simple: SimpleRecords) -> None:
        """Sort the records into nodes and find the delegations; a simple one is alone at its name with others."""
        self.apex = apex
        self.simple = simple
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
        if self.exists(key):
            return self.node(key)
        while not self.exists(key):
            key = key[:-1]
        return self.nodes.get(key + WILDCARD)

    def exists(self, key: Key) -> bool:
        """Tell if a name, or one below it, has a record."""
        return key in self.existing or self.simple.exists(sort_name(key[len(self.apex) :]))

    def node(self, key: Key) -> Node:
        """Give the records of a name; those of a simple one are addresses, and their number does not matter."""
        if key not in self.nodes and self.simple.has_address(sort_name(key[len(self.apex) :])):
            return {"A": []}
        return self.nodes.get(key, {})

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
                yield record.error(f"the same as {same.place}")
                continue
            if record.type in SINGLE and record is not first:
                yield record.error(f"a second {record.type} beside {first.place} ({SINGLE[record.type]})")
            if record.ttl != first.ttl:
                rule = "an RRset has one (RFC 2181 section 5.2)"
                yield record.error(f"ttl {record.ttl}, but {first.place} has {first.ttl}, {rule}")
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


def merge(apex: Key, checked: list[Record], reader: Reader, simple: SimpleRecords) -> list[Record]:
    """Give the records of the text, with the simple lines that others have to do with."""
    taken: list[Record] = []
    for record in checked:
        below = record.type == "DNAME" or (record.type == "NS" and record.key != apex)
        for number, line in simple.take(sort_name(record.key[len(apex) :]), below):
            taken.append(read_simple(line, reader.place(number)))
    return sorted(reader.records + taken, key=lambda record: record.place.number) if taken else reader.records


def missing(delegations: list[Record], given: list[Record], apex: Key) -> list[Record]:
    """Give those records of delegations that a zone needs: NS unless there are some, DS beside NS unless there are."""
    cuts = {record.key for record in given if record.type == "NS" and record.key != apex}
    secure = {record.key for record in given if record.type == "DS"}
    servers = [
        record
        for record in delegations
        if record.type == "NS" and not any(record.key[:end] in cuts for end in range(len(apex), len(record.key) + 1))
    ]
    cuts |= {record.key for record in servers}
    return servers + [
        record for record in delegations if record.type == "DS" and record.key in cuts and record.key not in secure
    ]


def zone_records(
    records: Any,
    zone: Any,
    ttl: Any,
    variable: str = "bind9_zones",
    text: str = "",
    delegations: Sequence[dict[str, Any]] = (),
    lines: bool = False,
) -> list[dict[str, Any]] | list[str]:
    """Check the records of a zone and bring them into canonical form."""
    try:
        origin = parse_name(zone, dns.name.root)
        ttl = parse_ttl(ttl)
        if not isinstance(records, list):
            raise ValueError(f"the records are {type(records).__name__}, not a list")
        if not isinstance(text, str):
            raise ValueError(f"the text is {type(text).__name__}, not a string")
    except ValueError as cause:
        raise AnsibleFilterError(f"Edit {variable}: zone {zone}: {cause}") from cause

    apex = key_of(origin)
    errors: list[ValueError] = []
    listed = read_records("record", records, origin, ttl, errors)
    reader = Reader(origin, ttl).read(text)
    errors += reader.errors
    added = read_records("delegation", delegations, origin, ttl, errors)
    added = missing(added, listed + reader.records, apex)
    simple = SimpleRecords(reader.simple)
    written = merge(apex, listed + reader.records + added, reader, simple)
    checked = listed + written + added
    found = Zone(apex, checked, simple)
    complete = not errors
    errors += found.conflicts()
    if complete:  # else a target may only seem to be missing
        errors += found.dead_ends()
    if errors:
        shown = errors[:MAX_ERRORS]
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        count += f", the first {MAX_ERRORS} are" * (len(errors) > MAX_ERRORS)
        message = "".join(f"\n  {error}" for error in shown)
        # Ansible appends the causes' texts unless the message ends in them.
        raise AnsibleFilterError(f"Edit {variable}: zone {origin} has {count}:{message}") from shown[-1]
    canonical = simple.lines
    for record in checked:
        line = f"{record.name} {record.ttl} IN {record.type} {record.value}"
        canonical[f"{sort_name(record.key[len(apex) :])}\0\0{record.type}\0{record.value}"] = 0, "", line
    ordered = [canonical[key][2] for key in sorted(canonical)]
    return ordered if lines else list(map(read_line, ordered))


def read_line(line: str) -> dict[str, Any]:
    """Split a canonical line into its parts."""
    name, ttl, _, kind, value = line.split(" ", 4)
    return {"name": name, "type": kind, "ttl": int(ttl), "value": value}


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"zone_records": zone_records}
