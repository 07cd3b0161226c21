"""What a client asks of the name servers, and what a stranger must not get from them.

Every answer is compared with the records in the configuration, which come from the same source as the zones: a record
that is missing, wrong or one too many makes a probe fail.
"""

import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
import dns.xfr
from dns.name import Name
from dns.rdatatype import RdataType
from frame import ProbeError, demand
from transcript import ANSWERED, ASKED, calling, fact, note

from probes import dns_change, dns_others, dns_secure, dns_tls, dns_transfer
from probes.dns_base import (
    REFUSALS,
    Endpoint,
    Key,
    Network,
    Pairs,
    Record,
    Zone,
    address_of,
    counted,
    expect,
    in_any,
    listed,
    make_query,
    patiently,
    plain,
    records_in,
    refused,
    same,
    shown,
    soa_of,
    written,
)

CLASSIC = 512  # octets: the longest answer over UDP without EDNS (RFC 1035, 4.2.1)
LEAST_PAYLOAD = 1220  # octets that a server has to take (RFC 4035, 3)
MOST_PAYLOAD = 4096
NEGATIVE_TTL = 86400  # seconds; longer ones have been found to be problematic (RFC 2308, 5)
SETTLED = 2.0  # seconds after which all servers have to agree
FLOOD, FLOOD_PAUSE = 200, 0.5  # queries; seconds without an answer after which no more is expected
RESOLV_CONF = Path("/etc/resolv.conf")
RESOLVED_STUB, RESOLVED_CONF = "127.0.0.53", Path("/run/systemd/resolve/resolv.conf")  # systemd's, and what is behind
RESOLVERS_USED = 3  # nameserver lines that the C library reads
# What a signer adds to a zone; nobody writes it into the configuration.
SIGNING = {"CDNSKEY", "CDS", "DNSKEY", "NSEC", "NSEC3", "NSEC3PARAM", "RRSIG", "TYPE65534"}


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
            yield f"{to}: {network.external.key} by recursion", partial(recursion, to, network)
    for to in udp:
        yield f"{to}: dig {plain(network.alias)}", partial(whole_answer, to, network)
        if network.pointers():
            yield f"{to}: reverse names lead back", partial(reverse, to, network)
        yield f"{to}: NXDOMAIN", partial(nxdomain, to, network.zones)
        yield f"{to}: NODATA", partial(nodata, to, network.zones)
        yield f"{to}: EDNS", partial(edns, to, network.domain)
        yield f"{to}: without EDNS", partial(without_edns, to, network.domain)
        yield f"{to}: truncation, then TCP", partial(truncation, to, network)
        yield f"{to}: version hidden", partial(version_hidden, to)
        yield from _secure(to, network)
        yield from _shared(to, network)
    for to in tcp:
        if network.key:
            for zone in network.zones:
                yield f"{to}: AXFR {zone}", partial(transfer, to, zone, network)
            yield f"{to}: AXFR refused with a wrong key", partial(wrong_key_refused, to, network)
        yield f"{to}: AXFR refused without a key", partial(no_key_refused, to, network.served)
    yield from _updates(tcp[0], network)
    if network.tls:
        yield from dns_tls.probes(network)
    for zone in [*network.zones, *network.dynamic]:
        yield f"SOA {zone}: the same everywhere", partial(soa_same, udp, zone)
    for zone in network.zones:
        yield f"SOA {zone}: timers", partial(soa_timers, udp, zone)
    yield f"resolver: {plain(network.alias)}", partial(resolves, str(network.alias), network)
    short = plain(network.alias.relativize(network.domain))
    yield f"resolver: {short}, by the search domain", partial(resolves, short, network)
    if network.external:
        yield f"resolver: {plain(network.external.key.name)}", partial(resolves_external, network)
    yield "resolver: every server is in use", partial(resolv_conf, network)
    yield from _from_anywhere(tcp, network)


def _secure(to: Endpoint, network: Network) -> Pairs:
    """Yield the probes of DNSSEC: of our signatures, and of the server as a validator."""
    if network.signed:
        yield f"{to}: DNSSEC signatures", partial(dns_secure.signatures, to, network.signed)
        yield f"{to}: DNSSEC signatures last", partial(dns_secure.signature_life, to, network.signed)
        yield f"{to}: no DNSSEC without DO", partial(dns_secure.no_signatures, to, network.signed)
    static = [zone for zone in network.zones if zone.signed]
    if static:
        yield f"{to}: DNSSEC denial", partial(dns_secure.denial, to, static)
    pairs = dns_secure.signed_parents(network.signed)
    if pairs and not to.ipv6:
        yield f"{to}: DS of our zones below ours", partial(dns_secure.links, to, pairs)
    if network.anchors and not to.ipv6:
        yield f"{to}: chain of trust to {plain(network.domain)}", partial(dns_secure.chain, to, network)
    if network.anchors and network.external:
        yield f"{to}: AD for {network.external.key}", partial(dns_secure.validated, to, network)
    if network.anchors and network.bogus:
        yield f"{to}: SERVFAIL for {network.bogus}", partial(dns_secure.bogus_refused, to, network.bogus)


def _shared(to: Endpoint, network: Network) -> Pairs:
    """Yield the probes of zones that others have a hand in, and of names that are denied."""
    if network.dynamic:
        yield f"{to}: dynamic zones", partial(dns_change.dynamic, to, network.dynamic)
    for child in network.children:
        yield f"{to}: delegation of {child}", partial(dns_others.child_delegated, to, child)
    for zone in network.foreign:
        yield f"{to}: secondary for {zone}", partial(dns_others.foreign_served, to, zone)
    if network.blocked:
        yield f"{to}: denied names", partial(dns_others.blocked, to, network.blocked)


def _updates(to: Endpoint, network: Network) -> Pairs:
    """Yield the probes of dynamic updates."""
    for item in network.updates:
        name = f"UPDATE {item.fact.key} by {plain(item.key.name)}"
        yield f"{to}: {name}", partial(dns_change.update, to, network, item)
    for zone in dict.fromkeys(item.zone.name for item in network.updates):
        items = [item for item in network.updates if item.zone.name == zone]
        name = f"{to}: UPDATE {plain(zone)}"
        yield f"{name} refused without a key", partial(dns_change.update_unsigned, to, items)
        yield f"{name} refused with a wrong key", partial(dns_change.update_wrong_key, to, items)
        yield f"{name} refused of other names", partial(dns_change.update_elsewhere, to, items)


def _from_anywhere(tcp: list[Endpoint], network: Network) -> Pairs:
    """Yield the probes that a client and a stranger have in common."""
    for to in tcp:
        for port in network.closed_ports:
            yield f"{to}: port {port} closed", partial(dns_others.port_closed, to, port)
    if network.roots:
        yield f"trace: {plain(network.alias)}", partial(dns_others.trace, network)


def outside(network: Network) -> Pairs:
    """Yield the probes of a stranger: our names are for everybody, nothing else is."""
    udp, tcp = network.endpoints(tcp=False), network.endpoints(tcp=True)
    for to in udp + tcp:
        yield f"{to}: A {plain(network.domain)}", partial(authority, to, network)
        if network.external:
            yield f"{to}: recursion refused", partial(recursion_refused, to, network)
    for to in tcp:
        yield f"{to}: AXFR refused without a key", partial(no_key_refused, to, network.served)
    for to in udp:
        yield f"{to}: ANY is small", partial(any_small, to, network.domain)
        yield f"{to}: version hidden", partial(version_hidden, to)
        yield f"{to}: UPDATE refused", partial(update_refused, to, [*network.zones, *network.dynamic])
    for to in network.endpoints(tcp=False, secondary=True):  # a primary may thank for it and do nothing
        yield f"{to}: NOTIFY refused", partial(notify_refused, to, network.zones)
    if network.resolver:
        yield f"resolver: {plain(network.alias)}, by delegation", partial(delegation, network)
        if network.anchors:
            yield f"resolver: AD for {plain(network.alias)}", partial(dns_secure.alias_validated, network)
    yield from _from_anywhere(tcp, network)
    for to in udp:  # last: what it asks for is answered sparingly for a while
        yield f"{to}: rate limited", partial(rate_limited, to, network.domain)


# Probes from inside


def records(to: Endpoint, zone: Zone, rdtype: RdataType) -> str:
    """Expect every RRset of a type, exactly, and with authority."""
    keys = zone.of_type(rdtype)
    for key in keys:
        answer = to.ask(*key)
        expect(answer, dns.rcode.NOERROR, "AA", str(key))
        same(records_in(answer.answer), zone.rrsets[key])
    return counted(keys, "RRset")


def recursion(to: Endpoint, network: Network) -> str:
    """Expect that a name of somebody else's is resolved for us."""
    key = network.external.key
    answer = to.ask(*key)
    expect(answer, dns.rcode.NOERROR, "RA", str(key))
    demand(not answer.flags & dns.flags.AA, f"{key}: AA is set, and we have no authority there")
    network.external.demand_in(answer)
    return str(network.external.rdata)


def whole_answer(to: Endpoint, network: Network) -> str:
    """Expect the textbook answer for the alias: its flags, and all of its sections."""
    zone = network.zone_of(network.alias)
    answer = to.ask(network.alias, RdataType.A)
    demand(shown(answer) == "NOERROR QR AA RD RA", f"{network.alias}: {shown(answer)}, not NOERROR QR AA RD RA")
    same(records_in(answer.answer), network.answer(network.alias, RdataType.A), "answer")
    servers, glue = set(), set()
    if not network.minimal:
        servers = zone.rrsets[Key(zone.name, RdataType.NS)]
        for server in servers:
            for rdtype in (RdataType.A, RdataType.AAAA):
                glue |= network.rrsets.get(Key(server.rdata.target, rdtype), set())
    same(records_in(answer.authority), servers, "authority")
    # The address of a name server in a foreign domain may be added or not, as the cache has it.
    ours = {record for record in records_in(answer.additional) if in_any(record.name, network.zones)}
    same(ours, glue, "additional")
    return f"{shown(answer)}; {len(answer.answer)} + {len(answer.authority)} + {len(answer.additional)} RRsets"


def reverse(to: Endpoint, network: Network) -> str:
    """Expect that the name an address points to has that address."""
    pointers = network.pointers()
    for key in pointers:
        address = address_of(key.name)
        targets = {
            record.rdata.target for record in records_in(to.ask(*key).answer) if record.rdata.rdtype == key.rdtype
        }
        demand(targets, f"{address}: no name")
        for target in targets:
            found = to.ask(target, RdataType.AAAA if ":" in address else RdataType.A).answer
            back = {getattr(record.rdata, "address", None) for record in records_in(found)}
            demand(address in back, f"{address} points to {target}, which does not have that address")
    return counted(pointers, "address", "addresses")


def nxdomain(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect that a name which does not exist is denied, with the SOA that says for how long."""
    for zone in zones:
        _negative(to.ask(zone.absent(), RdataType.A), dns.rcode.NXDOMAIN, zone)
    return counted(zones, "zone")


def nodata(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect an empty answer with the SOA for a name that exists and lacks the type."""
    for zone in zones:
        _negative(to.ask(zone.name, zone.lacking()), dns.rcode.NOERROR, zone)
    return counted(zones, "zone")


def _negative(answer: dns.message.Message, rcode: dns.rcode.Rcode, zone: Zone) -> None:
    what = " ".join(answer.question[0].to_text().split())
    expect(answer, rcode, "AA", what)
    demand(not answer.answer, f"{what}: answered {listed(records_in(answer.answer))}")
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
    query = make_query(domain, RdataType.SOA)
    query.use_edns(1)
    expect(to.send(query), dns.rcode.BADVERS, "", "EDNS version 1")
    return f"{size} octets"


def without_edns(to: Endpoint, domain: Name) -> str:
    """Expect no EDNS in the answer to a query without it (RFC 6891, 7)."""
    answer = to.ask(domain, RdataType.SOA, edns=False)
    expect(answer, dns.rcode.NOERROR, "AA", "SOA without EDNS")
    demand(answer.edns == -1, "an OPT record in the answer to a query without one")
    return "no OPT record"


def truncation(to: Endpoint, network: Network) -> str:
    """Expect that an answer too long for UDP is cut off, says so, and comes whole over TCP."""
    sizes = {key: _octets(rrset) for key, rrset in network.rrsets.items() if key.rdtype == RdataType.TXT}
    key = max(sizes, key=sizes.__getitem__, default=None)
    demand(
        key and sizes[key] > CLASSIC,
        f"no TXT RRset in the configuration makes an answer above {CLASSIC} octets, so there is nothing to cut off",
    )
    query = make_query(*key, edns=False)
    short = to.send(query)
    demand(short.flags & dns.flags.TC, f"{key}: an answer of {sizes[key]} octets over UDP, without TC")
    whole = to.send(query, tcp=True)
    demand(not whole.flags & dns.flags.TC, f"{key}: TC over TCP")
    same(records_in(whole.answer), network.rrsets[key])
    return f"{key}: {sizes[key]} octets"


def version_hidden(to: Endpoint) -> str:
    """Expect that the server does not tell which version of its program runs."""
    answer = to.ask("version.bind.", "TXT", rdclass="CH", recurse=False)
    text = listed(record.rdata for record in records_in(answer.answer))
    demand(not re.search(r"\d+\.\d+", text), f"version.bind: {text}")
    return text or f"{dns.rcode.to_text(answer.rcode())}, no text"


def transfer(to: Endpoint, zone: Zone, network: Network) -> str:
    """Expect all of the zone's records and no others in a transfer with the key; at least the sample of a big zone."""
    wanted = set().union(*zone.rrsets.values())
    if zone.complete:
        same(_written(to.transfer(zone, network.key), zone, network), wanted)
    else:
        same(dns_transfer.sample_of(to, zone, network.key), wanted)
    return counted(wanted, "record")


def _written(found: set[Record], zone: Zone, network: Network) -> set[Record]:
    """Return the records without those that a signer adds, unless the configuration has such ones."""
    types = {key.rdtype for key in zone.rrsets}
    added = {dns.rdatatype.from_text(each) for each in SIGNING} | {RdataType.SOA}
    vouched = {Key(each.name, RdataType.DS) for each in network.signed} - zone.rrsets.keys()
    return {
        record
        for record in found
        if record.rdata.rdtype not in added - types and Key(record.name, record.rdata.rdtype) not in vouched
    }


def no_key_refused(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect no transfer without a key."""
    return listed({_refusal(to, zone, None) for zone in zones})


def wrong_key_refused(to: Endpoint, network: Network) -> str:
    """Expect no transfer with the key's name and another secret, nor with a key of another name."""
    name, algorithm = network.key.name, network.key.algorithm
    keys = [dns.tsig.Key(each, secrets.token_bytes(32), algorithm) for each in (name, Name((b"unknown",)) + name)]
    return listed({_refusal(to, zone, key) for zone in network.zones for key in keys})


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
    raise ProbeError(f"{zone}: handed out, {counted(found, 'record')}")


def soa_same(endpoints: Sequence[Endpoint], zone: Zone) -> str:
    """Expect the same SOA record, and so the same serial, of every server; a change may just be on its way."""
    return patiently(SETTLED, partial(_soa_same, endpoints, zone))


def _soa_same(endpoints: Sequence[Endpoint], zone: Zone) -> str:
    found, silent = {}, []
    for to in endpoints:
        try:
            found[to] = soa_of(to, zone)
            fact("serial", zone=str(zone), address=to.address, serial=found[to].serial)
        except ProbeError as error:  # the others are asked nevertheless
            silent.append(error)
    if silent:
        raise silent[0]
    told = ", ".join(f"{to} {soa.serial}" for to, soa in found.items())
    demand(len({soa.serial for soa in found.values()}) == 1, f"serials differ: {told}")
    first, *others = set(found.values())
    demand(not others, f"serial {first.serial} stands for different SOA records: {listed([first, *others])}")
    return f"serial {first.serial}"


def soa_timers(endpoints: Iterable[Endpoint], zone: Zone) -> str:
    """Expect timers that fit together, and that a "no" is not remembered for longer than a day."""
    for to in endpoints:
        soa = soa_of(to, zone)
        told = f"{to}: retry {soa.retry}, refresh {soa.refresh}, expire {soa.expire}, minimum {soa.minimum}"
        demand(0 < soa.retry < soa.refresh < soa.expire, f"{told}: each has to be longer than the one before")
        demand(0 < soa.minimum <= NEGATIVE_TTL, f"{told}: the minimum has to be within 1 and {NEGATIVE_TTL} s")
    return f"retry {soa.retry}, refresh {soa.refresh}, expire {soa.expire}, minimum {soa.minimum}"


def resolves(name: str, network: Network) -> str:
    """Expect that this host finds one of our names the way every program on it does."""
    return _resolve(name, network.addresses(network.alias))


def resolves_external(network: Network) -> str:
    """Expect that this host finds a name of somebody else's the way every program on it does."""
    return _resolve(str(network.external.key.name), {str(network.external.rdata)}, exact=False)


def _resolve(name: str, wanted: set[str], exact: bool = True) -> str:
    demand(wanted, f"{name}: the configuration has no address for it")
    try:
        note(ASKED, f"{name}, of the C library")
        found = {entry[4][0] for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
        note(ANSWERED, ", ".join(found))
    except socket.gaierror as error:
        raise ProbeError(f"{name}: {error.strerror}") from error
    demand(found == wanted if exact else found >= wanted, f"{name}: {listed(found)}, not {listed(wanted)}")
    return listed(found)


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
    expect(answer, dns.rcode.NOERROR, "AA", str(key))
    same(records_in(answer.answer), network.answer(*key))
    return listed(record.rdata for record in records_in(answer.answer))


def recursion_refused(to: Endpoint, network: Network) -> str:
    """Expect nothing about other people's names, be it looked up or out of the cache."""
    key = network.external.key
    for recurse in (True, False):
        answer = to.ask(*key, recurse=recurse)
        demand(not answer.answer, f"{key}: answered {listed(records_in(answer.answer))}")
        offered = answer.flags & dns.flags.RA and answer.rcode() != dns.rcode.REFUSED
        demand(not offered, f"{key}: {shown(answer)}, so recursion is on offer")
    return shown(answer)


def any_small(to: Endpoint, domain: Name) -> str:
    """Expect a small answer over UDP to a question for everything: it must not amplify."""
    answer = to.send(make_query(domain, RdataType.ANY, recurse=False, payload=MOST_PAYLOAD))
    size = len(answer.to_wire(max_size=65535))
    demand(size <= CLASSIC, f"ANY {domain}: {size} octets over UDP, more than {CLASSIC}")
    return f"{size} octets"


def update_refused(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect that an update is refused; this one would delete a name that does not exist."""
    seen = set()
    for zone in zones:
        update = dns.update.UpdateMessage(zone.name)
        update.delete(zone.absent())
        seen.add(refused(to.send(update), f"UPDATE {zone}"))
    return listed(seen)


def notify_refused(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect that a secondary takes no NOTIFY from us: strangers could keep it busy with refreshes."""
    seen = set()
    for zone in zones:
        notify = make_query(zone.name, RdataType.SOA, recurse=False, edns=False)
        notify.set_opcode(dns.opcode.NOTIFY)
        notify.flags |= dns.flags.AA
        seen.add(refused(to.send(notify), f"NOTIFY {zone}"))
    return listed(seen)


def delegation(network: Network) -> str:
    """Expect that a resolver which only knows the root servers finds our names."""
    to = Endpoint("resolver", network.resolver, network.port)
    for rdtype in (RdataType.A, RdataType.AAAA):
        key = Key(network.alias, rdtype)
        answer = to.ask(*key)
        expect(answer, dns.rcode.NOERROR, "RA", str(key))
        demand(not answer.flags & dns.flags.AA, f"{key}: AA is set, so {network.resolver} is no resolver of others")
        found = {(record.name, record.rdata) for record in records_in(answer.answer)}  # a cache counts the TTL down
        wanted = {(record.name, record.rdata) for record in network.answer(*key)}
        demand(found == wanted, f"{key}: {listed(r for _, r in found)}, not {listed(r for _, r in wanted)}")
    return listed(network.addresses(network.alias))


def rate_limited(to: Endpoint, domain: Name) -> str:
    """Expect that the same question over and over is not always answered in full."""
    message = make_query(domain, RdataType.NS, recurse=False)
    query = message.to_wire()
    note(ASKED, lambda: f"{FLOOD} times: {written(message)}")
    with (
        calling(to.address, to.port, "udp"),
        socket.socket(socket.AF_INET6 if to.ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as flood,
    ):
        flood.connect((to.address, to.port))
        answers = []
        for _ in range(FLOOD):
            flood.send(query)
            answers += _received(flood, 0.001)
        answers += _received(flood, FLOOD_PAUSE)
    cut = sum(bool(dns.flags.TC & int.from_bytes(answer[2:4], "big")) for answer in answers)
    whole = len(answers) - cut
    told = f"{FLOOD} queries: {whole} answered, {cut} told to come back over TCP, {FLOOD - whole - cut} dropped"
    note(ANSWERED, told)
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


def _octets(rrset: set[Record]) -> int:
    """Return the octets of an answer that consists of one RRset."""
    name, ttl, first = next(iter(rrset))
    answer = dns.message.make_response(make_query(name, first.rdtype, edns=False))
    answer.answer.append(dns.rrset.from_rdata_list(name, ttl, [record.rdata for record in rrset]))
    return len(answer.to_wire(max_size=65535))
