"""What a client asks of the name servers, and what a stranger must not get from them.

Every answer is compared with the records in the configuration, which come from the same source as the zones: a record
that is missing, wrong or one too many makes a probe fail.
"""

import ipaddress
import re
import secrets
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

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
import dns.reversename
import dns.rrset
import dns.tsig
import dns.update
import dns.xfr
import dns.zone
from dns.name import Name
from dns.rdatatype import RdataType
from frame import ProbeError, demand

UDP_TIMEOUT = 1.5  # seconds; asked twice
TCP_TIMEOUT = 3.0
PAYLOAD = 1232  # octets: fits an unfragmented IPv6 packet everywhere
CLASSIC = 512  # octets: the longest answer over UDP without EDNS (RFC 1035, 4.2.1)
LEAST_PAYLOAD = 1220  # octets that a server has to take (RFC 4035, 3)
MOST_PAYLOAD = 4096
NEGATIVE_TTL = 86400  # seconds; longer ones have been found to be problematic (RFC 2308, 5)
SAMPLE = 200  # RRsets that one probe asks for
FLOOD, FLOOD_PAUSE = 200, 0.5  # queries; seconds without an answer after which no more is expected
REFUSALS = (dns.rcode.REFUSED, dns.rcode.NOTAUTH)
ABSENT = "does-not-exist"
SELDOM = (RdataType.RP, RdataType.LOC, RdataType.HINFO)  # no zone has them all at its apex
RESOLV_CONF = Path("/etc/resolv.conf")
RESOLVED_STUB, RESOLVED_CONF = "127.0.0.53", Path("/run/systemd/resolve/resolv.conf")  # systemd's, and what is behind
RESOLVERS_USED = 3  # nameserver lines that the C library reads
# What a signer adds to a zone; nobody writes it into the configuration.
SIGNING = {"CDNSKEY", "CDS", "DNSKEY", "NSEC", "NSEC3", "NSEC3PARAM", "RRSIG", "TYPE65534"}

Pairs = Iterator[tuple[str, Callable[[], str]]]


class Record(NamedTuple):
    """A resource record; compared as DNS compares them, without regard to case in names."""

    name: Name
    ttl: int
    rdata: dns.rdata.Rdata

    @classmethod
    def read(cls, settings: dict[str, Any]) -> "Record":
        """Make a record of its settings."""
        try:
            rdata = dns.rdata.from_text("IN", settings["type"], settings["value"])
            return cls(dns.name.from_text(settings["name"]), settings["ttl"], rdata)
        except (dns.exception.DNSException, KeyError, ValueError) as error:
            raise ProbeError(f"no record: {settings}: {type(error).__name__}: {error}") from error

    def __str__(self) -> str:
        """Return the record as in a zone file."""
        return f"{self.name} {self.ttl} {dns.rdatatype.to_text(self.rdata.rdtype)} {self.rdata}"


class Key(NamedTuple):
    """A name and a type: what is asked for, and what an RRset is found by."""

    name: Name
    rdtype: RdataType

    def __str__(self) -> str:
        """Return the name as people write it, and the type."""
        return f"{_plain(self.name)} {dns.rdatatype.to_text(self.rdtype)}"


class Zone:
    """A zone as it ought to be, without its SOA record."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Read the zone's name and its records."""
        self.name = dns.name.from_text(settings["name"])
        self.rrsets: dict[Key, set[Record]] = {}
        for record in map(Record.read, settings["records"]):
            self.rrsets.setdefault(Key(record.name, record.rdata.rdtype), set()).add(record)
        cuts = [key.name for key in self.rrsets if key.rdtype == RdataType.NS and key.name != self.name]
        # Below a zone cut another server has the say: those records show in a transfer only.
        self.authoritative = sorted(key for key in self.rrsets if not any(key.name.is_subdomain(cut) for cut in cuts))

    def __str__(self) -> str:
        """Return the name as people write it."""
        return _plain(self.name)

    def types(self) -> list[RdataType]:
        """Return the types that the zone answers for."""
        return sorted({key.rdtype for key in self.authoritative}, key=dns.rdatatype.to_text)

    def of_type(self, rdtype: RdataType) -> list[Key]:
        """Return the RRsets of a type, evenly thinned out where they are many."""
        return _sample([key for key in self.authoritative if key.rdtype == rdtype])

    def absent(self) -> Name:
        """Return a name that does not exist, and that no wildcard stands in for."""
        names = [self.name, *(key.name for key in self.authoritative)]
        wild = dns.name.from_text("*", None)
        parent = next(name for name in names if not name.is_wild() and wild + name not in names)
        return dns.name.from_text(ABSENT, parent)


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

    def ask(self, name: Name | str, rdtype: RdataType | str, **options: Any) -> dns.message.Message:
        """Ask one question and return the answer, fetched again over TCP where UDP cut it off."""
        query = _query(name, rdtype, **options)
        answer = self.send(query)
        if answer.flags & dns.flags.TC and not self.tcp:
            answer = self.send(query, tcp=True)
        return answer

    def send(self, query: dns.message.Message, tcp: bool = False) -> dns.message.Message:
        """Send a message and return the reply as it comes."""
        if tcp or self.tcp:
            with self.reaching("TCP"):
                return dns.query.tcp(query, self.address, TCP_TIMEOUT, self.port)
        with self.reaching("UDP"):
            with suppress(dns.exception.Timeout):  # a datagram may get lost
                return dns.query.udp(query, self.address, UDP_TIMEOUT, self.port, ignore_unexpected=True)
            return dns.query.udp(query, self.address, UDP_TIMEOUT, self.port, ignore_unexpected=True)

    def transfer(self, zone: Zone, key: dns.tsig.Key | None) -> set[Record]:
        """Return all records of a zone by AXFR."""
        query = dns.message.make_query(zone.name, RdataType.AXFR)
        if key:
            query.use_tsig(key)
        content = dns.zone.Zone(zone.name, relativize=False)
        with self.reaching("TCP"):
            dns.query.inbound_xfr(self.address, content, query, self.port, TCP_TIMEOUT, TCP_TIMEOUT)
        return {Record(*each) for each in content.iterate_rdatas()}

    @contextmanager
    def reaching(self, transport: str) -> Iterator[None]:
        """Say in an error whom we tried to reach, and how."""
        try:
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
        self.zones = [Zone(zone) for zone in settings["zones"]]
        self.domain = dns.name.from_text(settings["domain"])
        self.alias = dns.name.from_text(settings["alias"])
        external = settings.get("external")
        self.external = external and Key(
            dns.name.from_text(external["name"]), dns.rdatatype.from_text(external["type"])
        )
        self.external_value = external and dns.rdata.from_text("IN", external["type"], external["value"])
        self.minimal = settings.get("minimal_responses", False)
        self.resolver = settings.get("resolver")
        key = settings.get("transfer_key")
        self.key = key and dns.tsig.Key(key["name"], key["secret"], key["algorithm"])
        self.rrsets = {key: rrset for zone in self.zones for key, rrset in zone.rrsets.items()}

    def endpoints(self, tcp: bool, secondary: bool = False) -> list[Endpoint]:
        """Return every address of every server, or of every secondary, over one transport."""
        return [
            Endpoint(f"{server['name']} {family} {'tcp' if tcp else 'udp'}", address, self.port, tcp)
            for server in self.servers
            if not secondary or server.get("secondary")
            for family, address in _families(server["addresses"])
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
        return [key for zone in self.zones for key in zone.of_type(RdataType.PTR) if _address(key.name)]


def probes(settings: dict[str, Any]) -> Pairs:
    """Yield the probes of a client inside the network, or of a stranger outside it."""
    network = Network(settings)
    role = settings["role"]
    demand(role in ("inside", "outside"), f"role is '{role}': say inside or outside")
    return inside(network) if role == "inside" else outside(network)


def inside(network: Network) -> Pairs:
    """Yield the probes of a client that the servers are there for."""
    udp, tcp = network.endpoints(tcp=False), network.endpoints(tcp=True)
    for to in udp + tcp:
        for zone in network.zones:
            for rdtype in zone.types():
                yield f"{to}: {dns.rdatatype.to_text(rdtype)} {zone}", partial(records, to, zone, rdtype)
        if network.external:
            yield f"{to}: {network.external} by recursion", partial(recursion, to, network)
    for to in udp:
        yield f"{to}: dig {_plain(network.alias)}", partial(whole_answer, to, network)
        if network.pointers():
            yield f"{to}: reverse names lead back", partial(reverse, to, network)
        yield f"{to}: NXDOMAIN", partial(nxdomain, to, network.zones)
        yield f"{to}: NODATA", partial(nodata, to, network.zones)
        yield f"{to}: EDNS", partial(edns, to, network.domain)
        yield f"{to}: without EDNS", partial(without_edns, to, network.domain)
        yield f"{to}: truncation, then TCP", partial(truncation, to, network)
        yield f"{to}: version hidden", partial(version_hidden, to)
    for to in tcp:
        if network.key:
            for zone in network.zones:
                yield f"{to}: AXFR {zone}", partial(transfer, to, zone, network.key)
            yield f"{to}: AXFR refused with a wrong key", partial(wrong_key_refused, to, network)
        yield f"{to}: AXFR refused without a key", partial(no_key_refused, to, network.zones)
    for zone in network.zones:
        yield f"SOA {zone}: the same everywhere", partial(soa_same, udp, zone)
        yield f"SOA {zone}: timers", partial(soa_timers, udp, zone)
    yield f"resolver: {_plain(network.alias)}", partial(resolves, str(network.alias), network)
    short = _plain(network.alias.relativize(network.domain))
    yield f"resolver: {short}, by the search domain", partial(resolves, short, network)
    if network.external:
        yield f"resolver: {_plain(network.external.name)}", partial(resolves_external, network)
    yield "resolver: every server is in use", partial(resolv_conf, network)


def outside(network: Network) -> Pairs:
    """Yield the probes of a stranger: our names are for everybody, nothing else is."""
    udp, tcp = network.endpoints(tcp=False), network.endpoints(tcp=True)
    for to in udp + tcp:
        yield f"{to}: A {_plain(network.domain)}", partial(authority, to, network)
        if network.external:
            yield f"{to}: recursion refused", partial(recursion_refused, to, network)
    for to in tcp:
        yield f"{to}: AXFR refused without a key", partial(no_key_refused, to, network.zones)
    for to in udp:
        yield f"{to}: ANY is small", partial(any_small, to, network.domain)
        yield f"{to}: version hidden", partial(version_hidden, to)
        yield f"{to}: UPDATE refused", partial(update_refused, to, network.zones)
    for to in network.endpoints(tcp=False, secondary=True):  # a primary may thank for it and do nothing
        yield f"{to}: NOTIFY refused", partial(notify_refused, to, network.zones)
    if network.resolver:
        yield f"resolver: {_plain(network.alias)}, by delegation", partial(delegation, network)
    for to in udp:  # last: what it asks for is answered sparingly for a while
        yield f"{to}: rate limited", partial(rate_limited, to, network.domain)


# Probes from inside


def records(to: Endpoint, zone: Zone, rdtype: RdataType) -> str:
    """Expect every RRset of a type, exactly, and with authority."""
    keys = zone.of_type(rdtype)
    for key in keys:
        answer = to.ask(*key)
        _expect(answer, dns.rcode.NOERROR, "AA", str(key))
        _same(_records(answer.answer), zone.rrsets[key])
    return _count(keys, "RRset")


def recursion(to: Endpoint, network: Network) -> str:
    """Expect that a name of somebody else's is resolved for us."""
    answer = to.ask(*network.external)
    _expect(answer, dns.rcode.NOERROR, "RA", str(network.external))
    demand(not answer.flags & dns.flags.AA, f"{network.external}: AA is set, and we have no authority there")
    found = {record.rdata for record in _records(answer.answer)}
    demand(network.external_value in found, f"{network.external}: {_list(found)}, not {network.external_value}")
    return str(network.external_value)


def whole_answer(to: Endpoint, network: Network) -> str:
    """Expect the textbook answer for the alias: its flags, and all of its sections."""
    zone = network.zone_of(network.alias)
    answer = to.ask(network.alias, RdataType.A)
    demand(_told(answer) == "NOERROR QR AA RD RA", f"{network.alias}: {_told(answer)}, not NOERROR QR AA RD RA")
    _same(_records(answer.answer), network.answer(network.alias, RdataType.A), "answer")
    servers, glue = set(), set()
    if not network.minimal:
        servers = zone.rrsets[Key(zone.name, RdataType.NS)]
        for server in servers:
            for rdtype in (RdataType.A, RdataType.AAAA):
                glue |= network.rrsets.get(Key(server.rdata.target, rdtype), set())
    _same(_records(answer.authority), servers, "authority")
    # The address of a name server in a foreign domain may be added or not, as the cache has it.
    ours = {record for record in _records(answer.additional) if _in_any(record.name, network.zones)}
    _same(ours, glue, "additional")
    return f"{_told(answer)}; {len(answer.answer)} + {len(answer.authority)} + {len(answer.additional)} RRsets"


def reverse(to: Endpoint, network: Network) -> str:
    """Expect that the name an address points to has that address."""
    pointers = network.pointers()
    for key in pointers:
        address = _address(key.name)
        targets = {record.rdata.target for record in _records(to.ask(*key).answer) if record.rdata.rdtype == key.rdtype}
        demand(targets, f"{address}: no name")
        for target in targets:
            found = to.ask(target, RdataType.AAAA if ":" in address else RdataType.A).answer
            back = {getattr(record.rdata, "address", None) for record in _records(found)}
            demand(address in back, f"{address} points to {target}, which does not have that address")
    return _count(pointers, "address", "addresses")


def nxdomain(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect that a name which does not exist is denied, with the SOA that says for how long."""
    for zone in zones:
        _negative(to.ask(zone.absent(), RdataType.A), dns.rcode.NXDOMAIN, zone)
    return _count(zones, "zone")


def nodata(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect an empty answer with the SOA for a name that exists and lacks the type."""
    for zone in zones:
        lacking = next(rdtype for rdtype in SELDOM if Key(zone.name, rdtype) not in zone.rrsets)
        _negative(to.ask(zone.name, lacking), dns.rcode.NOERROR, zone)
    return _count(zones, "zone")


def _negative(answer: dns.message.Message, rcode: dns.rcode.Rcode, zone: Zone) -> None:
    what = " ".join(answer.question[0].to_text().split())
    _expect(answer, rcode, "AA", what)
    demand(not answer.answer, f"{what}: answered {_list(_records(answer.answer))}")
    soa = answer.get_rrset(dns.message.AUTHORITY, zone.name, dns.rdataclass.IN, RdataType.SOA)
    demand(soa, f"{what}: no SOA in the authority section, so nobody knows how long to remember it")
    demand(soa.ttl <= soa[0].minimum, f"{what}: TTL {soa.ttl} of the SOA is above its minimum {soa[0].minimum}")


def edns(to: Endpoint, domain: Name) -> str:
    """Expect EDNS for EDNS, with a sane size, and BADVERS for a version that nobody knows."""
    answer = to.ask(domain, RdataType.SOA)
    demand(answer.edns == 0, "no OPT record in the answer")
    size = answer.payload
    demand(
        LEAST_PAYLOAD <= size <= MOST_PAYLOAD,
        f"takes answers of {size} octets; {LEAST_PAYLOAD} to {MOST_PAYLOAD} would be sane",
    )
    query = _query(domain, RdataType.SOA)
    query.use_edns(1)
    _expect(to.send(query), dns.rcode.BADVERS, "", "EDNS version 1")
    return f"{size} octets"


def without_edns(to: Endpoint, domain: Name) -> str:
    """Expect no EDNS in the answer to a query without it (RFC 6891, 7)."""
    answer = to.ask(domain, RdataType.SOA, edns=False)
    _expect(answer, dns.rcode.NOERROR, "AA", "SOA without EDNS")
    demand(answer.edns == -1, "an OPT record in the answer to a query without one")
    return "no OPT record"


def truncation(to: Endpoint, network: Network) -> str:
    """Expect that an answer too long for UDP is cut off, says so, and comes whole over TCP."""
    sizes = {key: _size(rrset) for key, rrset in network.rrsets.items() if key.rdtype == RdataType.TXT}
    key = max(sizes, key=sizes.__getitem__, default=None)
    demand(
        key and sizes[key] > CLASSIC,
        f"no TXT RRset in the configuration makes an answer above {CLASSIC} octets, so there is nothing to cut off",
    )
    query = _query(*key, edns=False)
    short = to.send(query)
    demand(short.flags & dns.flags.TC, f"{key}: an answer of {sizes[key]} octets over UDP, without TC")
    whole = to.send(query, tcp=True)
    demand(not whole.flags & dns.flags.TC, f"{key}: TC over TCP")
    _same(_records(whole.answer), network.rrsets[key])
    return f"{key}: {sizes[key]} octets"


def version_hidden(to: Endpoint) -> str:
    """Expect that the server does not tell which version of its program runs."""
    answer = to.ask("version.bind.", "TXT", rdclass="CH", recurse=False)
    text = _list(record.rdata for record in _records(answer.answer))
    demand(not re.search(r"\d+\.\d+", text), f"version.bind: {text}")
    return text or f"{dns.rcode.to_text(answer.rcode())}, no text"


def transfer(to: Endpoint, zone: Zone, key: dns.tsig.Key) -> str:
    """Expect all of the zone's records and no others in a transfer with the key."""
    wanted = set().union(*zone.rrsets.values())
    written = {record.rdata.rdtype for record in wanted}
    added = {dns.rdatatype.from_text(each) for each in SIGNING} | {RdataType.SOA}
    found = to.transfer(zone, key)
    _same({record for record in found if record.rdata.rdtype not in added - written}, wanted)
    return _count(wanted, "record")


def no_key_refused(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect no transfer without a key."""
    return _list({_refusal(to, zone, None) for zone in zones})


def wrong_key_refused(to: Endpoint, network: Network) -> str:
    """Expect no transfer with the key's name and another secret, nor with a key of another name."""
    name, algorithm = network.key.name, network.key.algorithm
    keys = [dns.tsig.Key(each, secrets.token_bytes(32), algorithm) for each in (name, Name((b"unknown",)) + name)]
    return _list({_refusal(to, zone, key) for zone in network.zones for key in keys})


def _refusal(to: Endpoint, zone: Zone, key: dns.tsig.Key | None) -> str:
    """Try a transfer that must not succeed, and return with what it was refused."""
    try:
        found = to.transfer(zone, key)
    except dns.xfr.TransferError as error:
        demand(error.rcode in REFUSALS, f"{zone}: {dns.rcode.to_text(error.rcode)} instead of a refusal")
        return dns.rcode.to_text(error.rcode)
    except dns.tsig.PeerBadKey:
        return "BADKEY"
    except dns.tsig.PeerBadSignature:
        return "BADSIG"
    except dns.exception.DNSException as error:
        raise ProbeError(f"{zone}: {type(error).__name__}: {error} instead of a refusal") from error
    raise ProbeError(f"{zone}: handed out, {_count(found, 'record')}")


def soa_same(endpoints: Iterable[Endpoint], zone: Zone) -> str:
    """Expect the same SOA record, and so the same serial, of every server."""
    found = {to: _soa(to, zone) for to in endpoints}
    told = ", ".join(f"{to} {soa.serial}" for to, soa in found.items())
    demand(len({soa.serial for soa in found.values()}) == 1, f"serials differ: {told}")
    first, *others = set(found.values())
    demand(not others, f"serial {first.serial} stands for different SOA records: {_list([first, *others])}")
    return f"serial {first.serial}"


def soa_timers(endpoints: Iterable[Endpoint], zone: Zone) -> str:
    """Expect timers that fit together, and that a "no" is not remembered for longer than a day."""
    for to in endpoints:
        soa = _soa(to, zone)
        told = f"{to}: retry {soa.retry}, refresh {soa.refresh}, expire {soa.expire}, minimum {soa.minimum}"
        demand(0 < soa.retry < soa.refresh < soa.expire, f"{told}: each has to be longer than the one before")
        demand(0 < soa.minimum <= NEGATIVE_TTL, f"{told}: the minimum has to be within 1 and {NEGATIVE_TTL} s")
    return f"retry {soa.retry}, refresh {soa.refresh}, expire {soa.expire}, minimum {soa.minimum}"


def _soa(to: Endpoint, zone: Zone) -> dns.rdata.Rdata:
    answer = to.ask(zone.name, RdataType.SOA)
    soa = answer.get_rrset(dns.message.ANSWER, zone.name, dns.rdataclass.IN, RdataType.SOA)
    demand(soa, f"{to}: no SOA of {zone}, but {_told(answer)}")
    return soa[0]


def resolves(name: str, network: Network) -> str:
    """Expect that this host finds one of our names the way every program on it does."""
    return _resolve(name, network.addresses(network.alias))


def resolves_external(network: Network) -> str:
    """Expect that this host finds a name of somebody else's the way every program on it does."""
    return _resolve(str(network.external.name), {str(network.external_value)}, exact=False)


def _resolve(name: str, wanted: set[str], exact: bool = True) -> str:
    demand(wanted, f"{name}: the configuration has no address for it")
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except socket.gaierror as error:
        raise ProbeError(f"{name}: {error.strerror}") from error
    demand(found == wanted if exact else found >= wanted, f"{name}: {_list(found)}, not {_list(wanted)}")
    return _list(found)


def resolv_conf(network: Network) -> str:
    """Expect every server among those that the resolver asks, so that one may fail."""
    used = _nameservers(RESOLV_CONF)
    if used == [RESOLVED_STUB]:
        used = _nameservers(RESOLVED_CONF)
    used = used[:RESOLVERS_USED]
    idle = [server["name"] for server in network.servers if not _addresses(server["addresses"]) & _addresses(used)]
    told = ", ".join(used) or "no server"
    demand(not idle, f"never asked: {', '.join(idle)}; the resolver asks {told}")
    return told


def _nameservers(path: Path) -> list[str]:
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


def _addresses(texts: Iterable[str]) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return {ipaddress.ip_address(text) for text in texts}


# Probes from outside


def authority(to: Endpoint, network: Network) -> str:
    """Expect that the domain's address is told to everybody, with authority."""
    key = Key(network.domain, RdataType.A)
    answer = to.ask(*key, recurse=False)
    _expect(answer, dns.rcode.NOERROR, "AA", str(key))
    _same(_records(answer.answer), network.answer(*key))
    return _list(record.rdata for record in _records(answer.answer))


def recursion_refused(to: Endpoint, network: Network) -> str:
    """Expect nothing about other people's names, be it looked up or out of the cache."""
    for recurse in (True, False):
        answer = to.ask(*network.external, recurse=recurse)
        demand(not answer.answer, f"{network.external}: answered {_list(_records(answer.answer))}")
        offered = answer.flags & dns.flags.RA and answer.rcode() != dns.rcode.REFUSED
        demand(not offered, f"{network.external}: {_told(answer)}, so recursion is on offer")
    return _told(answer)


def any_small(to: Endpoint, domain: Name) -> str:
    """Expect a small answer over UDP to a question for everything: it must not amplify."""
    answer = to.send(_query(domain, RdataType.ANY, recurse=False, payload=MOST_PAYLOAD))
    size = len(answer.to_wire(max_size=65535))
    demand(size <= CLASSIC, f"ANY {domain}: {size} octets over UDP, more than {CLASSIC}")
    return f"{size} octets"


def update_refused(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect that an update is refused; this one would delete a name that does not exist."""
    seen = set()
    for zone in zones:
        update = dns.update.UpdateMessage(zone.name)
        update.delete(zone.absent())
        seen.add(_refused(to.send(update), f"UPDATE {zone}"))
    return _list(seen)


def notify_refused(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect that a secondary takes no NOTIFY from us: strangers could keep it busy with refreshes."""
    seen = set()
    for zone in zones:
        notify = _query(zone.name, RdataType.SOA, recurse=False, edns=False)
        notify.set_opcode(dns.opcode.NOTIFY)
        notify.flags |= dns.flags.AA
        seen.add(_refused(to.send(notify), f"NOTIFY {zone}"))
    return _list(seen)


def _refused(answer: dns.message.Message, what: str) -> str:
    rcode = dns.rcode.to_text(answer.rcode())
    demand(answer.rcode() in REFUSALS, f"{what}: {rcode} instead of a refusal")
    return rcode


def delegation(network: Network) -> str:
    """Expect that a resolver which only knows the root servers finds our names."""
    to = Endpoint("resolver", network.resolver, network.port)
    for rdtype in (RdataType.A, RdataType.AAAA):
        key = Key(network.alias, rdtype)
        answer = to.ask(*key)
        _expect(answer, dns.rcode.NOERROR, "RA", str(key))
        demand(not answer.flags & dns.flags.AA, f"{key}: AA is set, so {network.resolver} is no resolver of others")
        found = {(record.name, record.rdata) for record in _records(answer.answer)}  # a cache counts the TTL down
        wanted = {(record.name, record.rdata) for record in network.answer(*key)}
        demand(found == wanted, f"{key}: {_list(r for _, r in found)}, not {_list(r for _, r in wanted)}")
    return _list(network.addresses(network.alias))


def rate_limited(to: Endpoint, domain: Name) -> str:
    """Expect that the same question over and over is not always answered in full."""
    query = _query(domain, RdataType.NS, recurse=False).to_wire()
    with socket.socket(socket.AF_INET6 if ":" in to.address else socket.AF_INET, socket.SOCK_DGRAM) as flood:
        flood.connect((to.address, to.port))
        answers = []
        for _ in range(FLOOD):
            flood.send(query)
            answers += _received(flood, 0.001)
        answers += _received(flood, FLOOD_PAUSE)
    cut = sum(bool(dns.flags.TC & int.from_bytes(answer[2:4], "big")) for answer in answers)
    whole = len(answers) - cut
    told = f"{FLOOD} queries: {whole} answered, {cut} told to come back over TCP, {FLOOD - whole - cut} dropped"
    demand(answers and whole <= FLOOD / 2, told)
    return told


def _received(sock: socket.socket, pause: float) -> list[bytes]:
    """Return the datagrams that come in until none has come for so many seconds."""
    sock.settimeout(pause)
    datagrams = []
    with suppress(TimeoutError):
        while True:
            datagrams.append(sock.recv(65535))
    return datagrams


# Helpers


def _query(
    name: Name | str,
    rdtype: RdataType | str,
    rdclass: str = "IN",
    recurse: bool = True,
    edns: bool = True,
    payload: int = PAYLOAD,
) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, rdclass, payload=payload if edns else None)
    if not recurse:
        query.flags &= ~dns.flags.RD
    return query


def _records(section: Iterable[dns.rrset.RRset]) -> set[Record]:
    return {Record(rrset.name, rrset.ttl, rdata) for rrset in section for rdata in rrset}


def _size(rrset: set[Record]) -> int:
    """Return the octets of an answer that consists of one RRset."""
    name, ttl, first = next(iter(rrset))
    answer = dns.message.make_response(_query(name, first.rdtype, edns=False))
    answer.answer.append(dns.rrset.from_rdata_list(name, ttl, [record.rdata for record in rrset]))
    return len(answer.to_wire(max_size=65535))


def _expect(answer: dns.message.Message, rcode: dns.rcode.Rcode, flags: str, what: str) -> None:
    """Demand an rcode and flags of an answer."""
    wanted = dns.flags.from_text(flags)
    demand(
        answer.rcode() == rcode and answer.flags & wanted == wanted,
        f"{what}: {_told(answer)}, not {dns.rcode.to_text(rcode)} {flags}".rstrip(),
    )


def _same(found: set[Record], wanted: set[Record], section: str = "") -> None:
    """Demand that two sets of records are the same."""
    differences = [f"missing {_list(wanted - found)}"] if wanted - found else []
    differences += [f"unexpected {_list(found - wanted)}"] if found - wanted else []
    demand(not differences, f"{section}: {'; '.join(differences)}".removeprefix(": "))


def _told(answer: dns.message.Message) -> str:
    return f"{dns.rcode.to_text(answer.rcode())} {dns.flags.to_text(answer.flags)}"


def _list(things: Iterable[Any], most: int = 3) -> str:
    """Return the first things of a set, in a fixed order."""
    texts = sorted(str(thing) for thing in things)
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _count(things: Sequence[Any] | set[Any], one: str, many: str = "") -> str:
    return f"{len(things)} {one if len(things) == 1 else many or one + 's'}"


def _sample(things: list[Key]) -> list[Key]:
    return things[:: -(-len(things) // SAMPLE) or 1]


def _plain(name: Name) -> str:
    return name.to_text(omit_final_dot=True)


def _in_any(name: Name, zones: Iterable[Zone]) -> bool:
    return any(name.is_subdomain(zone.name) for zone in zones)


def _families(addresses: list[str]) -> list[tuple[str, str]]:
    """Label each address by its family, and by itself where the family has more than one."""
    families = ["ipv6" if ":" in address else "ipv4" for address in addresses]
    return [
        (family if families.count(family) == 1 else address, address)
        for family, address in zip(families, addresses, strict=True)
    ]


def _address(name: Name) -> str | None:
    """Return the address that a reverse name stands for."""
    try:
        return dns.reversename.to_address(name)
    except (dns.exception.DNSException, ValueError):
        return None
