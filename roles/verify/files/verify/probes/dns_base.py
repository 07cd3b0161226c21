"""What all DNS probes use: the configuration, the ways to the servers, and what to demand of an answer."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.reversename
import dns.rrset
import dns.tsig
import dns.xfr
import dns.zone
from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import RdataType
from frame import ProbeError, demand
from transcript import ANSWERED, ASKED, calling, meet, note

UDP_TIMEOUT = 1.5  # seconds; asked twice
TCP_TIMEOUT = 3.0
POLL = 0.1  # seconds between two looks at something that may still be changing
PAYLOAD = 1232  # octets: fits an unfragmented IPv6 packet everywhere
SAMPLE = 200  # RRsets that one probe asks for
REFUSALS = (dns.rcode.REFUSED, dns.rcode.NOTAUTH)
FEW, WIDTH = 12, 160  # records, and characters of one, that a transcript has
ABSENT = "does-not-exist"
SELDOM = (RdataType.RP, RdataType.LOC, RdataType.HINFO)  # no zone has them all at its apex

Pairs = Iterator[tuple[str, Callable[[], str]]]
Thing = TypeVar("Thing")


class Record(NamedTuple):
    """A resource record; compared as DNS compares them, without regard to case in names."""

    name: Name
    ttl: int
    rdata: Rdata

    @classmethod
    def read(cls, line: str) -> "Record":
        """Make a record of a line: absolute name, TTL, IN, type and value, with one space between them."""
        try:
            name, ttl, rdclass, rdtype, value = line.split(" ", 4)
            return cls(dns.name.from_text(name), int(ttl), dns.rdata.from_text(rdclass, rdtype, value))
        except (dns.exception.DNSException, ValueError) as error:
            raise ProbeError(f"no record: {line}: {type(error).__name__}: {error}") from error

    def __str__(self) -> str:
        """Return the record as in a zone file."""
        return f"{self.name} {self.ttl} {dns.rdatatype.to_text(self.rdata.rdtype)} {self.rdata}"


class Key(NamedTuple):
    """A name and a type: what is asked for, and what an RRset is found by."""

    name: Name
    rdtype: RdataType

    def __str__(self) -> str:
        """Return the name as people write it, and the type."""
        return f"{plain(self.name)} {dns.rdatatype.to_text(self.rdtype)}"


class Fact(NamedTuple):
    """A record whose time to live does not matter, as it may come out of a cache."""

    key: Key
    rdata: Rdata

    @classmethod
    def read(cls, settings: dict[str, Any]) -> "Fact":
        """Make it of a name, a type and a value."""
        rdata = dns.rdata.from_text("IN", settings["type"], settings["value"])
        return cls(Key(dns.name.from_text(settings["name"]), rdata.rdtype), rdata)

    def __str__(self) -> str:
        """Return the name, the type and the value."""
        return f"{self.key} {self.rdata}"

    def demand_in(self, answer: dns.message.Message) -> None:
        """Demand that the answer holds it."""
        found = {record.rdata for record in records_in(answer.answer)}
        demand(self.rdata in found, f"{self.key}: {listed(found) or shown(answer)}, not {self.rdata}")


class Zone:
    """A zone as it ought to be, without its SOA record."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Read the zone's name and its records."""
        self.name = dns.name.from_text(settings["name"])
        self.signed = settings.get("signed", False)
        self.complete = settings.get("complete", True)
        self.rrsets: dict[Key, set[Record]] = {}
        for record in map(Record.read, settings.get("text", "").splitlines()):
            self.rrsets.setdefault(Key(record.name, record.rdata.rdtype), set()).add(record)
        self._cuts = {key.name for key in self.rrsets if key.rdtype == RdataType.NS and key.name != self.name}
        self.authoritative = sorted(key for key in self.rrsets if self._answers(key))

    def __str__(self) -> str:
        """Return the name as people write it."""
        return plain(self.name)

    def _answers(self, key: Key) -> bool:
        """Tell if the zone has the say: not below a zone cut, and at it for DS only. The rest shows in a transfer."""
        name = key.name.parent() if key.rdtype == RdataType.DS else key.name
        while len(name) > len(self.name):
            if name in self._cuts:
                return False
            name = name.parent()
        return True

    def types(self) -> list[RdataType]:
        """Return the types that the zone answers for."""
        return sorted({key.rdtype for key in self.authoritative}, key=dns.rdatatype.to_text)

    def of_type(self, rdtype: RdataType) -> list[Key]:
        """Return the RRsets of a type, evenly thinned out where they are many."""
        return thinned([key for key in self.authoritative if key.rdtype == rdtype])

    def lacking(self) -> RdataType:
        """Return a type that the apex does not have."""
        return next(rdtype for rdtype in SELDOM if Key(self.name, rdtype) not in self.rrsets)

    def absent(self) -> Name:
        """Return a name that does not exist, and that no wildcard stands in for."""
        names = [self.name, *(key.name for key in self.authoritative if key.name not in self._cuts)]
        known = set(names)
        wild = dns.name.from_text("*", None)
        parent = next(name for name in names if not name.is_wild() and wild + name not in known)
        return dns.name.from_text(ABSENT, parent)


class SharedZone(Zone):
    """A zone that we share with somebody: all that is known of it is one record."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Read the zone's name and its record."""
        super().__init__(settings)
        self.fact = Fact.read(settings["record"])


class Anchor(NamedTuple):
    """What a validator trusts to begin with: a zone, and the DS records of its keys."""

    zone: Name
    ds: list[Rdata]

    @classmethod
    def read(cls, settings: dict[str, Any]) -> "Anchor":
        """Make an anchor of its settings."""
        return cls(dns.name.from_text(settings["name"]), [dns.rdata.from_text("IN", "DS", ds) for ds in settings["ds"]])


class Update(NamedTuple):
    """A record that a key may put into a zone."""

    zone: Zone
    key: dns.tsig.Key
    fact: Fact

    @classmethod
    def read(cls, settings: dict[str, Any]) -> "Update":
        """Make it of its settings."""
        return cls(Zone({"name": settings["zone"]}), read_tsig_key(settings["key"]), Fact.read(settings))


@dataclass(frozen=True)
class Endpoint:
    """One way to reach a name server: an address and a transport."""

    label: str
    address: str
    port: int
    tcp: bool = False

    def __str__(self) -> str:
        """Return the label that the probes' names begin with."""
        return self.label

    @property
    def ipv6(self) -> bool:
        """Tell if the address is one of IPv6."""
        return ":" in self.address

    def ask(self, name: Name | str, rdtype: RdataType | str, **options: Any) -> dns.message.Message:
        """Ask one question and return the answer, fetched again over TCP where UDP cut it off."""
        query = make_query(name, rdtype, **options)
        answer = self.send(query)
        if answer.flags & dns.flags.TC and not self.tcp:
            answer = self.send(query, tcp=True)
        return answer

    def send(self, query: dns.message.Message, tcp: bool = False) -> dns.message.Message:
        """Send a message and return the reply as it comes."""
        if tcp or self.tcp:
            return self.exchange("TCP", query, lambda: dns.query.tcp(query, self.address, TCP_TIMEOUT, self.port))
        return self.exchange("UDP", query, lambda: self._by_udp(query))

    def _by_udp(self, query: dns.message.Message) -> dns.message.Message:
        with suppress(dns.exception.Timeout):  # a datagram may get lost
            return dns.query.udp(query, self.address, UDP_TIMEOUT, self.port, ignore_unexpected=True)
        return dns.query.udp(query, self.address, UDP_TIMEOUT, self.port, ignore_unexpected=True)

    def exchange(
        self, transport: str, query: dns.message.Message, send: Callable[[], dns.message.Message]
    ) -> dns.message.Message:
        """Send a query in some way, and return the answer; both are noted."""
        with self.reaching(transport):
            note(ASKED, lambda: written(query))
            answer = send()
        note(ANSWERED, lambda: written(answer))
        return answer

    def transfer(self, zone: Zone, key: dns.tsig.Key | None) -> set[Record]:
        """Return all records of a zone by AXFR."""
        query = dns.message.make_query(zone.name, RdataType.AXFR)
        if key:
            query.use_tsig(key)
        content = dns.zone.Zone(zone.name, relativize=False)
        with self.reaching("TCP"):
            note(ASKED, lambda: written(query))
            dns.query.inbound_xfr(self.address, content, query, self.port, TCP_TIMEOUT, TCP_TIMEOUT)
        records = {Record(*each) for each in content.iterate_rdatas()}
        note(ANSWERED, lambda: "\n".join([counted(records, "record"), *map(str, islice(records, FEW))]))
        return records

    @contextmanager
    def reaching(self, transport: str) -> Iterator[None]:
        """Say in an error whom we tried to reach, and how."""
        try:
            with calling(self.address, self.port, transport.lower()):
                yield
        except (dns.exception.Timeout, EOFError, OSError) as error:
            reasons = {dns.exception.Timeout: "no answer", EOFError: "connection closed"}
            reason = next((said for kind, said in reasons.items() if isinstance(error, kind)), str(error))
            raise ProbeError(f"{self.address} port {self.port} {transport}: {reason}") from error


class Network:
    """The configuration: the servers, what they ought to know, and who is asking."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Read the `dns` part of the configuration."""
        self.port = settings.get("port", 53)
        self.servers = settings["servers"]
        self.domain = dns.name.from_text(settings["domain"])
        self.alias = dns.name.from_text(settings["alias"])
        self.external = settings.get("external") and Fact.read(settings["external"])
        self.minimal = settings.get("minimal_responses", False)
        self.resolver = settings.get("resolver")
        self.key = settings.get("transfer_key") and read_tsig_key(settings["transfer_key"])
        self._read_zones(settings)
        self._read_dnssec(settings)
        self.updates = [Update.read(each) for each in settings.get("updates", [])]
        self.roots = settings.get("root_servers", [])
        self.blocked = [dns.name.from_text(name) for name in settings.get("blocked", [])]
        self.closed_ports = settings.get("closed_ports", [])
        self.tls = settings.get("tls")

    def _read_zones(self, settings: dict[str, Any]) -> None:
        """Read our zones, those that updates change, and those that somebody else looks after."""
        self.zones = [Zone(each) for each in settings["zones"]]
        self.dynamic = [Zone(each) for each in settings.get("dynamic_zones", [])]
        self.foreign = [SharedZone(each) for each in settings.get("foreign_zones", [])]
        self.children = [SharedZone(each) for each in settings.get("children", [])]
        self.served: list[Zone] = [*self.zones, *self.dynamic, *self.foreign]
        # What a zone says about names below its cuts gives way to what the zone there says.
        self.rrsets = {key: rrset for zone in self.zones for key, rrset in zone.rrsets.items()}
        self.rrsets |= {key: zone.rrsets[key] for zone in self.zones for key in zone.authoritative}

    def _read_dnssec(self, settings: dict[str, Any]) -> None:
        """Read which zones are signed, and what a validator goes by."""
        self.signed = [zone for zone in [*self.zones, *self.dynamic] if zone.signed]
        self.anchors = [Anchor.read(each) for each in settings.get("anchors", [])]
        bogus = settings.get("bogus")
        self.bogus = bogus and Key(dns.name.from_text(bogus["name"]), dns.rdatatype.from_text(bogus["type"]))

    def endpoints(self, tcp: bool, secondary: bool = False) -> list[Endpoint]:
        """Return every address of every server, or of every secondary, over one transport."""
        return [
            Endpoint(f"{server['name']} {family} {'tcp' if tcp else 'udp'}", address, self.port, tcp)
            for server in self.servers
            if not secondary or server.get("secondary")
            for family, address in label_families(server["addresses"])
        ]

    def zone_of(self, name: Name) -> Zone:
        """Return the zone that a name is in."""
        zones = [zone for zone in self.zones if name.is_subdomain(zone.name)]
        demand(zones, f"no zone in the configuration holds {name}")
        return max(zones, key=lambda zone: len(zone.name))

    def answer(self, name: Name, rdtype: RdataType) -> set[Record]:
        """Return the records that answer a question, CNAME first where there is one."""
        found = set()
        while cname := self.rrsets.get(Key(name, RdataType.CNAME)):
            found |= cname
            name = next(iter(cname)).rdata.target
        return found | self.rrsets.get(Key(name, rdtype), set())

    def addresses(self, name: Name) -> set[str]:
        """Return the IPv4 and IPv6 addresses of a name."""
        found = self.answer(name, RdataType.A) | self.answer(name, RdataType.AAAA)
        return {record.rdata.address for record in found if record.rdata.rdtype != RdataType.CNAME}

    def pointers(self) -> list[Key]:
        """Return the PTR RRsets that stand for an address."""
        return [key for zone in self.zones for key in zone.of_type(RdataType.PTR) if address_of(key.name)]


# To ask


def make_query(
    name: Name | str,
    rdtype: RdataType | str,
    rdclass: str = "IN",
    recurse: bool = True,
    edns: bool = True,
    payload: int = PAYLOAD,
    dnssec: bool = False,
    flags: str = "",
) -> dns.message.Message:
    """Make a query, of the usual kind unless said otherwise; `dnssec` asks for signatures."""
    size = payload if edns else None
    query = dns.message.make_query(name, rdtype, rdclass, want_dnssec=dnssec, payload=size)
    query.flags |= dns.flags.from_text(flags)
    if not recurse:
        query.flags &= ~dns.flags.RD
    return query


def read_tsig_key(settings: dict[str, str]) -> dns.tsig.Key:
    """Make a TSIG key of its settings."""
    return dns.tsig.Key(settings["name"], settings["secret"], settings["algorithm"])


def look_up(name: str, rdtype: str, seconds: float) -> dns.resolver.Answer:
    """Ask the resolver of this host."""
    note(ASKED, f"{name} {rdtype}, of this host's resolver")
    answer = dns.resolver.resolve(name, rdtype, lifetime=seconds)
    note(ANSWERED, lambda: written(answer.response))
    meet(str(answer.nameserver), 53, "udp")
    return answer


def patiently(seconds: float, look: Callable[[], Thing]) -> Thing:
    """Look until what is demanded has come true; when the time is up, fail as the last look did."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return look()
        except ProbeError:
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL)


# To look at answers


def records_in(section: Iterable[dns.rrset.RRset]) -> set[Record]:
    """Return the records of a section."""
    return {Record(rrset.name, rrset.ttl, rdata) for rrset in section for rdata in rrset}


def expect(answer: dns.message.Message, rcode: dns.rcode.Rcode, flags: str, what: str) -> None:
    """Demand an rcode and flags of an answer."""
    wanted = dns.flags.from_text(flags)
    demand(
        answer.rcode() == rcode and answer.flags & wanted == wanted,
        f"{what}: {shown(answer)}, not {dns.rcode.to_text(rcode)} {flags}".rstrip(),
    )


def same(found: set[Record], wanted: set[Record], section: str = "") -> None:
    """Demand that two sets of records are the same."""
    differences = [f"missing {listed(wanted - found)}"] if wanted - found else []
    differences += [f"unexpected {listed(found - wanted)}"] if found - wanted else []
    demand(not differences, f"{section}: {'; '.join(differences)}".removeprefix(": "))


def refused(answer: dns.message.Message, what: str) -> str:
    """Demand a refusal, and return which one it was."""
    rcode = dns.rcode.to_text(answer.rcode())
    demand(answer.rcode() in REFUSALS, f"{what}: {rcode} instead of a refusal")
    return rcode


def soa_of(to: Endpoint, zone: Zone) -> Rdata:
    """Return the SOA record that a server has for a zone."""
    answer = to.ask(zone.name, RdataType.SOA)
    soa = answer.get_rrset(dns.message.ANSWER, zone.name, dns.rdataclass.IN, RdataType.SOA)
    demand(soa, f"{to}: no SOA of {zone}, but {shown(answer)}")
    return soa[0]


# To tell


def shown(answer: dns.message.Message) -> str:
    """Return an answer's rcode and flags."""
    return f"{dns.rcode.to_text(answer.rcode())} {dns.flags.to_text(answer.flags)}"


def written(message: dns.message.Message) -> str:
    """Return a query or an answer as lines, without the question of an answer."""
    question, *sections = message.sections
    if message.flags & dns.flags.QR:
        lines = [shown(message)]
    else:
        lines = [f"{plain(each.name)} {dns.rdatatype.to_text(each.rdtype)}" for each in question]
        said = [lines[0], dns.flags.to_text(message.flags), dns.flags.edns_to_text(message.ednsflags)]
        said += [f"signed by the key {plain(message.keyname)}"] if message.keyname else []
        lines = [", ".join(filter(None, said))]
    if message.opcode() != dns.opcode.QUERY:
        lines[0] = f"{dns.opcode.to_text(message.opcode())} {lines[0]}"
    for title, section in zip((None, "authority:", "additional:"), sections, strict=True):
        lines += [title] if title and section else []
        lines += [line[:WIDTH] for rrset in section for line in rrset.to_text().splitlines()]
    return "\n".join(lines)


def listed(things: Iterable[Any], most: int = 3) -> str:
    """Return the first things of a set, in a fixed order."""
    texts = sorted(str(thing) for thing in things)
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def counted(things: Sequence[Any] | set[Any], one: str, many: str = "") -> str:
    """Return how many things there are."""
    return f"{len(things)} {one if len(things) == 1 else many or one + 's'}"


def plain(name: Name) -> str:
    """Return a name as people write it."""
    return name.to_text(omit_final_dot=True)


# To sort


def thinned(things: list[Thing], most: int | None = None) -> list[Thing]:
    """Return so many of the things at most, evenly spread."""
    return things[:: -(-len(things) // (most or SAMPLE)) or 1]


def in_any(name: Name, zones: Iterable[Zone]) -> bool:
    """Tell if a name is in one of the zones."""
    return any(name.is_subdomain(zone.name) for zone in zones)


def label_families(addresses: list[str]) -> list[tuple[str, str]]:
    """Label each address by its family, and by itself where the family has more than one."""
    families = ["ipv6" if ":" in address else "ipv4" for address in addresses]
    return [
        (family if families.count(family) == 1 else address, address)
        for family, address in zip(families, addresses, strict=True)
    ]


def address_of(name: Name) -> str | None:
    """Return the address that a reverse name stands for."""
    try:
        return dns.reversename.to_address(name)
    except (dns.exception.DNSException, ValueError):
        return None
