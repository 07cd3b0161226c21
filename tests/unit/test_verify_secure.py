"""The probes of DNSSEC, updates and zones shared with others, against servers from the root down that we sign here."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from dns.message import Message
from dns.name import Name
from dns.rdatatype import RdataType
from dns.rrset import RRset
from test_verify_dns import (  # noqa: F401 (pytest looks for the fixture `system` by its name)
    INSIDE,
    OUTSIDE,
    RESOLVER,
    SECRET,
    SERVERS,
    SYSTEM,
    TCP,
    UDP,
    ZONES,
    Fault,
    NameServer,
    answer,
    at,
    dns_base,
    dns_probes,
    failed,
    flags,
    functions,
    handed_out,
    question,
    rcode,
    rrsets,
    run,
    running,
    section,
    silence,
    system,
    zone,
)

dns_change, dns_secure = dns_probes.dns_change, dns_probes.dns_secure
DAY = 86400
ROOT_ADDRESS, UM_ADDRESS = "127.0.0.5", "127.0.0.6"
OTHERS = [("resolver", RESOLVER), ("root", ROOT_ADDRESS), ("um", UM_ADDRESS)]
APEX = "@ 3600 NS ns1.st.um.\n@ 3600 NS ns2.st.um.\n"
DELEGATED = "".join(f"{child}.st.um. 3600 NS ns{n}.st.um.\n" for child in ("dyn", "lab") for n in (1, 2))
EXTERNAL, BOGUS = ("www.example.org.", "A"), ("www.broken.example.", "A")
CHILD, FOREIGN, BLOCKED = ("www.sub.st.um.", "A"), ("www.example.net.", "A"), ("bad.example.org.", "A")
UPDATED = {"name": "*.dyn.st.um.", "type": "TXT", "value": '"here"'}
NSEC3_ZONE = "22.16.172.in-addr.arpa"


# Signing


@cache
def key_of(zone: Name) -> tuple[Any, dns.rdata.Rdata]:
    private = ec.generate_private_key(ec.SECP256R1())
    return private, dns.dnssec.make_dnskey(private.public_key(), "ECDSAP256SHA256", flags=0x0101)


def ds_of(zone: str) -> str:
    return str(dns.dnssec.make_ds(dns.name.from_text(zone), key_of(dns.name.from_text(zone))[1], "SHA256"))


def signature(rrset: RRset, signer: Name, begin: float = -3600, end: float = 14 * DAY) -> RRset:
    private, dnskey = key_of(signer)
    now = time.time()
    rrsig = dns.dnssec.sign(rrset, private, signer, dnskey, inception=now + begin, expiration=now + end)
    return dns.rrset.from_rdata(rrset.name, rrset.ttl, rrsig)


Content = dict[Any, RRset]


def denial_records(content: Content, origin: Name, hashed: bool) -> list[RRset]:
    """Make the chain of NSEC or NSEC3 records."""
    types: dict[Name, set[RdataType]] = {}
    for name, rdtype in content:
        types.setdefault(name, set()).add(rdtype)
    cuts = [name for name in types if is_cut(content, name, origin)]
    names = [name for name in types if not any(name != cut and name.is_subdomain(cut) for cut in cuts)]
    listing = {name: " ".join(map(dns.rdatatype.to_text, sorted(types[name] | {RdataType.RRSIG}))) for name in names}
    if not hashed:
        names = sorted(listing)
        pairs = zip(names, names[1:] + names[:1], strict=True)
        return [dns.rrset.from_text(name, 3600, "IN", "NSEC", f"{after} {listing[name]}") for name, after in pairs]
    places = {dns.dnssec.nsec3_hash(name, "", 0, 1).lower(): text for name, text in listing.items()}
    ring = sorted(places)
    return [
        dns.rrset.from_text(dns.name.from_text(place, origin), 3600, "IN", "NSEC3", f"1 0 0 - {after} {places[place]}")
        for place, after in zip(ring, ring[1:] + ring[:1], strict=True)
    ]


def is_cut(content: Content, name: Name, origin: Name) -> bool:
    return name != origin and (name, RdataType.NS) in content


SIGNED: dict[str, tuple[Content, Content]] = {}


def sign(content: Content, origin: Name) -> Content:
    """Add the keys and the denials to a zone, and return the signatures; the same zone is not signed again."""
    text = "\n".join(line for rrset in content.values() for line in lines(rrset))
    if text not in SIGNED:
        signatures = sign_anew(content, origin)
        SIGNED[text] = {**content}, signatures
    content.update(SIGNED[text][0])
    return SIGNED[text][1]


def sign_anew(content: Content, origin: Name) -> Content:
    keys = dns.rrset.from_rdata(origin, 3600, key_of(origin)[1])
    content[origin, RdataType.DNSKEY] = keys
    for rrset in denial_records(content, origin, str(origin) == f"{NSEC3_ZONE}."):
        content[rrset.name, rrset.rdtype] = rrset
    own = dns_base.Zone(
        {"name": str(origin), "text": "\n".join(line for each in content.values() for line in lines(each))}
    )
    denials = [key for key in content if key[1] == RdataType.NSEC]  # they are at the cuts, too
    return {key: signature(content[key], origin) for key in [*own.authoritative, *denials]}


def lines(rrset: RRset) -> list[str]:
    return rrset.to_text().splitlines()


# The servers


@dataclass
class World(NameServer):
    """Ours, the root's and those of the domain um; for names of others, ours answer as if they had asked around."""

    above: dict[Name, Content] = field(default_factory=dict)
    signatures: dict[Name, Content] = field(default_factory=dict)
    delegations: tuple[tuple[str, str, str], ...] = (
        ("um.", "ns.um.", UM_ADDRESS),
        ("st.um.", "ns1.st.um.", "127.0.0.1"),
    )

    def load(self, config: dict[str, Any]) -> None:
        extra = [{"name": "dyn.st.um", "text": here("dyn.st.um", APEX)["text"]}]
        extra += [{"name": "example.net", "text": here("example.net", APEX + "www.example.net. 60 A 10.5.5.7")["text"]}]
        super().load({**config, "zones": [*config["zones"], *extra]})
        ours = self.zones
        super().load({**config, "zones": [here("", ROOT_TEXT), here("um", UM_TEXT)]})
        self.zones, self.above = ours, self.zones
        unsigned = {dns.name.from_text("example.net")}
        self.signatures = {
            origin: sign(content, origin)
            for origin, content in {**ours, **self.above}.items()
            if origin not in unsigned
        }

    def answer(self, query: Message, label: str) -> Message:
        reply = self.told(query, label)
        if query.ednsflags & dns.flags.DO:
            self.secure(reply)
            reply.uncut = True
        return reply

    def told(self, query: Message, label: str) -> Message:
        name, rdtype = query.question[0].name, query.question[0].rdtype
        reply = dns.message.make_response(query, recursion_available=self.role == "inside", our_payload=1232)
        if query.opcode() == dns.opcode.UPDATE:
            reply.set_rcode(self.update(query))
        elif label.split()[0] in ("root", "um"):
            self.walked(reply, name, rdtype, label.split()[0])
        elif question(query) in KNOWN and (query.flags & dns.flags.RD or question(query) != CHILD):
            self.known(query, reply)
        elif name.is_subdomain(dns.name.from_text("sub.st.um")) and name != dns.name.from_text("sub.st.um"):
            self.referred(reply, self.zones[dns.name.from_text("st.um")], "sub.st.um.")
        elif question(query) == DS_ABOVE or (name in self.above and rdtype in FOUND_ABOVE):
            reply.answer = self.found(self.above, name, rdtype)
        else:
            reply = super().answer(query, label)
            if label.startswith("resolver"):
                reply.flags |= dns.flags.AD & query.flags
        return reply

    def known(self, query: Message, reply: Message) -> None:
        """Answer for what others own, with authority for the zone of theirs that we serve."""
        name, rdtype = question(query)
        if self.role == "outside" and (name, rdtype) != FOREIGN:
            reply.set_rcode(dns.rcode.REFUSED)
        elif (name, rdtype) == BLOCKED:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif (name, rdtype) == BOGUS and not query.flags & dns.flags.CD:
            reply.set_rcode(dns.rcode.SERVFAIL)
        else:
            reply.answer = rrsets(f"{name} 60 {rdtype} {KNOWN[name, rdtype]}")
            reply.flags |= dns.flags.AA if (name, rdtype) == FOREIGN else 0
            reply.flags |= query.flags & (dns.flags.AD | dns.flags.CD)

    def update(self, query: Message) -> dns.rcode.Rcode:
        origin = query.question[0].name
        [change] = query.update
        if query.key != "right" or change.rdtype != RdataType.TXT:
            return dns.rcode.REFUSED
        if change.deleting:
            self.zones[origin].pop((change.name, change.rdtype), None)
        else:
            self.zones[origin][change.name, change.rdtype] = dns.rrset.from_rdata_list(change.name, 60, list(change))
        return dns.rcode.NOERROR

    def walked(self, reply: Message, name: Name, rdtype: RdataType, label: str) -> None:
        """Answer as the root or as um: for their own names, and otherwise with whom to ask."""
        child, server, address = self.delegations[label == "um"]
        content = self.above[dns.name.from_text("um." if label == "um" else ".")]
        if label == "um" and (name, rdtype) in content:
            reply.answer, reply.flags = [content[name, rdtype].copy()], reply.flags | dns.flags.AA
        else:
            self.referred(reply, content, child)
            reply.additional = rrsets(f"{server} 3600 A {address}")

    @staticmethod
    def referred(reply: Message, content: Content, child: str) -> None:
        name = dns.name.from_text(child)
        reply.authority = [content[name, rdtype].copy() for rdtype in (RdataType.NS, RdataType.DS)]

    @staticmethod
    def found(zones: dict[Name, Content], name: Name, rdtype: RdataType) -> list[RRset]:
        """Look a name up as a resolver does: DS is above the cut."""
        held = [content[name, rdtype] for content in zones.values() if (name, rdtype) in content]
        return [each.copy() for each in held[-1:]]

    def authoritative(self, reply: Message, origin: Name, name: Name, rdtype: RdataType) -> None:
        within = [zone for zone in self.zones if name.is_subdomain(zone) and (rdtype != RdataType.DS or zone != name)]
        super().authoritative(reply, max(within, key=len), name, rdtype)

    def secure(self, reply: Message) -> None:
        """Add the signatures; to a denial, all that there is to prove it."""
        for rrset in [*reply.authority]:
            if rrset.rdtype == RdataType.SOA and rrset.name in self.signatures:
                content = {**self.zones, **self.above}[rrset.name].values()
                reply.authority += [each.copy() for each in content if each.rdtype in dns_secure.DENYING]
        for part in (reply.answer, reply.authority):
            part += [made.copy() for rrset in [*part] for made in self.signatures_of(rrset)]

    def signatures_of(self, rrset: RRset) -> list[RRset]:
        key = (rrset.name, rrset.rdtype)
        signed = {**self.zones, **self.above}
        return [made[key] for origin, made in self.signatures.items() if key in made and signed[origin][key] == rrset]


KNOWN = {EXTERNAL: "172.16.23.10", BOGUS: "10.5.5.6", CHILD: "10.5.5.8", FOREIGN: "10.5.5.7", BLOCKED: "10.5.5.9"}
DS_ABOVE, FOUND_ABOVE = ("st.um.", "DS"), (RdataType.DNSKEY, RdataType.NS, RdataType.DS)
ROOT_TEXT = f". 3600 NS a.root.\na.root. 3600 A {ROOT_ADDRESS}\num. 3600 NS ns.um.\num. 3600 DS {ds_of('um.')}"
UM_TEXT = f"""
    um. 3600 NS ns.um.
    ns.um. 3600 A {UM_ADDRESS}
    dns.um. 3600 A 127.0.0.1
    st.um. 3600 NS ns1.st.um.
    st.um. 3600 DS {ds_of("st.um.")}
"""
ST_UM = (
    ZONES["st.um"]
    + DELEGATED
    + "".join(f"{each}.st.um. 3600 DS {ds_of(each + '.st.um.')}\n" for each in ("dyn", "lab", "sub"))
)


def here(name: str, text: str) -> dict[str, Any]:
    return zone(name, text.replace("@", f"{name}."))


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with running(World(), OTHERS) as world:
        yield world


def fact(asked: tuple[str, str]) -> dict[str, str]:
    return {"name": asked[0], "type": asked[1], "value": KNOWN[asked]}


@pytest.fixture
def config(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(dns_change, "SPREAD", 0.05)
    monkeypatch.setattr(dns_base, "POLL", 0.01)
    monkeypatch.setattr(dns_base, "UDP_TIMEOUT", 0.5)
    key = {"name": "verify", "algorithm": "hmac-sha256", "secret": SECRET}
    texts = {"st.um": ST_UM, "lab.st.um": APEX + "www.lab.st.um. 60 A 10.7.7.7", NSEC3_ZONE: ZONES[NSEC3_ZONE]}
    return {
        "role": "inside",
        "port": world.port,
        "servers": SERVERS,
        "zones": [{**here(name, text), "signed": True} for name, text in texts.items()],
        "domain": "st.um",
        "alias": "www.st.um",
        "external": fact(EXTERNAL),
        "transfer_key": key,
        "resolver": RESOLVER,
        "anchors": [{"name": ".", "ds": [ds_of(".")]}],
        "bogus": {"name": BOGUS[0], "type": BOGUS[1]},
        "updates": [{"zone": "dyn.st.um", "key": {**key, "name": "dyn"}, **UPDATED}],
        "dynamic_zones": [{"name": "dyn.st.um", "signed": True}],
        "children": [{"name": "sub.st.um", "record": fact(CHILD), "signed": True}],
        "foreign_zones": [{"name": "example.net", "record": fact(FOREIGN)}],
        "root_servers": [ROOT_ADDRESS],
        "blocked": [BLOCKED[0]],
        "closed_ports": [1],
    }


@pytest.mark.parametrize("role", ["inside", "outside"])
def test_right_answers_pass(world: World, config: dict[str, Any], role: str) -> None:
    config["role"] = role
    world.load(config)
    results = run(config)
    assert failed(results) == {}
    assert all(result["detail"] for result in results.values())


# Faults: how to sign wrong, or to say too much


def signed(begin: float = -3600, end: float = 14 * DAY) -> Any:
    """Make a fault's change: signatures from and to these times, in seconds from now."""

    def change(_: Message, reply: Message) -> Message:
        signer = dns.name.from_text("st.um")
        rrsets = [rrset for rrset in reply.answer if rrset.rdtype != RdataType.RRSIG]
        reply.answer = [*rrsets, *(signature(rrset, signer, begin, end) for rrset in rrsets)]
        return reply

    return change


def without(*types: str, names: tuple[str, ...] = (), part: str = "authority") -> Any:
    """Make a fault's change: records of these types, or signatures over such, are missing, be it only at some names."""
    meant = {dns.rdatatype.from_text(each) for each in types}

    def change(_: Message, reply: Message) -> Message:
        kept = [
            rrset
            for rrset in getattr(reply, part)
            if not (rrset.rdtype in meant or rrset.covers in meant) or (names and str(rrset.name) not in names)
        ]
        setattr(reply, part, kept)
        return reply

    return change


def homeless(_: Message, reply: Message) -> Message:
    """Delegate to a server that there is not."""
    reply.authority, reply.additional = rrsets("st.um. 3600 NS nobody.um."), []
    return reply


def lying(_: Message, reply: Message) -> Message:
    """Let the record of the apex list a type that the answer denies, signed."""
    apex = dns.name.from_text("st.um")
    wrong = dns.rrset.from_text(apex, 3600, "IN", "NSEC", "*.any.st.um. A RP")
    reply = without("NSEC", names=AT_APEX)(_, reply)
    reply.authority += [wrong, signature(wrong, apex)]
    return reply


def forged(_: Message, reply: Message) -> Message:
    """Change a record and keep its signature."""
    reply.answer[0] = rrsets("mail.st.um. 3600 A 10.9.9.9")[0]
    return reply


def swapped(_: Message, reply: Message) -> Message:
    """Put another key in the place of the zone's, and sign with it."""
    other = dns.name.from_text("somebody.else")
    keys = dns.rrset.from_rdata(reply.question[0].name, 3600, key_of(other)[1])
    reply.answer = [keys, signature(keys, other)]
    return reply


def kept(query: Message, reply: Message) -> Message:
    """Answer with the record that was deleted."""
    return answer(f'{query.question[0].name} 60 TXT "here"')(query, reply)


def for_updated(end: str, change: Any) -> Fault:
    """Make a fault for the questions about the record that is put and deleted."""

    def fault(query: Message, reply: Message, label: str) -> Message | None:
        here = label.startswith(end) and question(query)[0].startswith("verify-")
        return change(query, reply) if here else reply

    return fault


def for_changes(rdtype: str, key: str, code: str, deleting: bool | None = None) -> Fault:
    """Make a fault for the reply to updates of a type, signed by the right key or not."""

    def fault(query: Message, reply: Message, label: str) -> Message | None:
        if query.opcode() == dns.opcode.UPDATE and query.key == key:
            change = (*getattr(query, "update", ()), None)[0]
            if change is None or change.rdtype == dns.rdatatype.from_text(rdtype):
                reply.additional = []
                return rcode(code)(query, reply) if deleting in (None, bool(change and change.deleting)) else reply
        return reply

    return fault


DO, NO_DO = dns.flags.DO, 0
RD, CD = dns.flags.RD, dns.flags.CD
SOA_OF, KEYS, DS_LAB, DS_DYN = ("st.um.", "SOA"), ("st.um.", "DNSKEY"), ("lab.st.um.", "DS"), ("dyn.st.um.", "DS")
ABSENT, LACKING, REVERSED = ("does-not-exist.st.um.", "A"), ("st.um.", "RP"), (f"does-not-exist.{NSEC3_ZONE}.", "A")
WWW, MAIL, DYN_NS, DYN_SOA = ("www.st.um.", "A"), ("mail.st.um.", "A"), ("dyn.st.um.", "NS"), ("dyn.st.um.", "SOA")
AXFR_DYN, AXFR_FOREIGN = ("dyn.st.um.", "AXFR"), ("example.net.", "AXFR")
AT_APEX, BEFORE = ("st.um.",), ("*.any.st.um.",)
HASHED_APEX = (f"{dns.dnssec.nsec3_hash(NSEC3_ZONE + '.', '', 0, 1).lower()}.{NSEC3_ZONE}.",)
SIGNATURES, LAST, PLAIN = f"{UDP}: DNSSEC signatures", f"{UDP}: DNSSEC signatures last", f"{UDP}: no DNSSEC without DO"
DENIAL, CHAIN, LINKS = f"{UDP}: DNSSEC denial", f"{UDP}: chain of trust to st.um", f"{UDP}: DS of our zones below ours"
AD, SERVFAIL = f"{UDP}: AD for www.example.org A", f"{UDP}: SERVFAIL for www.broken.example A"
LAB_BROKEN = [LINKS, SIGNATURES, DENIAL]
UPDATE = f"{TCP}: UPDATE *.dyn.st.um TXT by dyn"
DELEGATION, SECONDARY = f"{UDP}: delegation of sub.st.um", f"{UDP}: secondary for example.net"
SAME = "SOA dyn.st.um: the same everywhere"
REFUSED = f"{TCP}: UPDATE dyn.st.um refused"
NO_SIGNATURE = without("RRSIG", part="answer")

SECURE_INSIDE = [
    ("signatures", at(UDP, MAIL, NO_SIGNATURE, ednsflags=DO), [SIGNATURES], "mail.st.um A: no signature"),
    ("signatures", at(UDP, MAIL, without("A", part="answer"), ednsflags=DO), [SIGNATURES], "it is not there"),
    ("signatures", at(UDP, MAIL, signed(end=-60), ednsflags=DO), [SIGNATURES], "expired (key "),
    ("signatures", at(UDP, MAIL, forged, ednsflags=DO), [SIGNATURES], "verify failure (key "),
    ("signature_life", at(UDP, SOA_OF, signed(end=DAY / 2), ednsflags=DO), [LAST], "ends in 0.5 days"),
    ("signature_life", at(UDP, SOA_OF, signed(begin=900), ednsflags=DO), [LAST, SIGNATURES], "s in the future"),
    ("no_signatures", at(UDP, SOA_OF, signed(), edns=0, ednsflags=NO_DO), [PLAIN], "st.um RRSIG, without having"),
    ("denial", at(UDP, ABSENT, without("NSEC"), ednsflags=DO), [DENIAL], "no NSEC nor NSEC3"),
    ("denial", at(UDP, ABSENT, without("RRSIG"), ednsflags=DO), [DENIAL], "no signature"),
    ("denial", at(UDP, ABSENT, rcode("NOERROR"), ednsflags=DO), [DENIAL], "not NXDOMAIN"),
    (
        "denial",
        at(UDP, ABSENT, without("NSEC", names=BEFORE), ednsflags=DO),
        [DENIAL],
        "does-not-exist.st.um is",
    ),
    ("denial", at(UDP, ABSENT, without("NSEC", names=AT_APEX), ednsflags=DO), [DENIAL], "that *.st.um is absent"),
    (
        "denial",
        at(UDP, LACKING, without("NSEC", names=AT_APEX), ednsflags=DO),
        [DENIAL],
        "no record is about st.um",
    ),
    ("denial", at(UDP, LACKING, lying, ednsflags=DO), [DENIAL], "lists what the answer denies"),
    ("denial", at(UDP, REVERSED, without("NSEC3"), ednsflags=DO), [DENIAL], "no NSEC nor NSEC3"),
    (
        "denial",
        at(
            UDP,
            REVERSED,
            without("NSEC3", names=HASHED_APEX),
            ednsflags=DO,
        ),
        [DENIAL],
        "nothing tells which ancestor",
    ),
    ("chain", at(UDP, (".", "DNSKEY"), swapped), [CHAIN], ". DNSKEY: no key that a DS points to"),
    ("chain", at(UDP, ("um.", "DNSKEY"), NO_SIGNATURE), [CHAIN], "um DNSKEY: no signature"),
    ("chain", at(UDP, ("um.", "DS"), NO_SIGNATURE), [CHAIN], "um DS: no signature"),
    ("chain", at(UDP, ("um.", "DS"), without("DS", part="answer")), [CHAIN], "the chain breaks here"),
    ("chain", at(UDP, KEYS, swapped, flags=RD | CD), [CHAIN], "st.um DNSKEY: no key that a DS points to"),
    ("links", at(UDP, DS_DYN, NO_SIGNATURE, ednsflags=DO), [LINKS, SIGNATURES], "dyn.st.um DS: no signature"),
    ("links", at(UDP, ("lab.st.um.", "DNSKEY"), swapped, ednsflags=DO), LAB_BROKEN, "no key that a DS points to"),
    ("validated", at(UDP, EXTERNAL, flags("AD", on=False), ednsflags=DO), [AD], "not NOERROR AD"),
    ("validated", at(UDP, EXTERNAL, answer("www.example.org. 60 A 10.9.9.9"), ednsflags=DO), [AD], "10.9.9.9, not 172"),
    ("bogus_refused", at(UDP, BOGUS, rcode("NOERROR"), flags=RD), [SERVFAIL], "not SERVFAIL"),
    ("bogus_refused", at(UDP, BOGUS, rcode("SERVFAIL"), flags=RD | CD), [SERVFAIL], "with CD: SERVFAIL"),
    ("bogus_refused", at(UDP, BOGUS, section("answer"), flags=RD | CD), [SERVFAIL], "no answer"),
    ("update", for_changes("TXT", "right", "REFUSED", deleting=False), [UPDATE], "UPDATE to put verify-"),
    ("update", for_changes("TXT", "right", "SERVFAIL", deleting=True), [UPDATE], "SERVFAIL"),
    ("update", for_updated("ns1 ipv4 udp", section("answer")), [UPDATE], "put, and not there"),
    (
        "update",
        for_updated("ns1 ipv4 udp", kept),
        [UPDATE],
        "still there",
    ),
    ("update_unsigned", for_changes("TXT", "none", "NOERROR"), [f"{REFUSED} without a key"], "NOERROR instead"),
    ("update_wrong_key", for_changes("TXT", "wrong", "NOERROR"), [f"{REFUSED} with a wrong key"], ""),
    ("update_elsewhere", for_changes("NS", "right", "NOERROR"), [f"{REFUSED} of other names"], "dyn.st.um NS verify"),
    ("dynamic", at(UDP, DYN_NS, flags("AA", on=False), ednsflags=NO_DO), [f"{UDP}: dynamic zones"], "not NOERROR AA"),
    ("dynamic", at(UDP, DYN_NS, section("answer"), ednsflags=NO_DO), [f"{UDP}: dynamic zones"], "NS: none"),
    (
        "child_delegated",
        at(UDP, CHILD, flags("AA", on=True), flags=0),
        [DELEGATION],
        "is not ours",
    ),
    ("child_delegated", at(UDP, CHILD, without("NS"), flags=0), [DELEGATION], "no name servers"),
    ("child_delegated", at(UDP, CHILD, without("DS"), flags=0), [DELEGATION], "no DS in"),
    ("child_delegated", at(UDP, CHILD, without("RRSIG"), flags=0), [DELEGATION], "no RRSIG for"),
    ("child_delegated", at(UDP, CHILD, rcode("SERVFAIL"), flags=RD), [DELEGATION], "SERVFAIL"),
    (
        "foreign_served",
        at(UDP, FOREIGN, flags("AA", on=False)),
        [SECONDARY],
        "not NOERROR AA",
    ),
    (
        "foreign_served",
        at(UDP, FOREIGN, answer("www.example.net. 60 A 10.9.9.9")),
        [SECONDARY],
        "10.9",
    ),
    ("blocked", at(UDP, BLOCKED, rcode("NOERROR")), [f"{UDP}: denied names"], "not NXDOMAIN"),
    ("no_key_refused", at(TCP, AXFR_DYN, handed_out, key="none"), [f"{TCP}: AXFR refused without a key"], ""),
    (
        "soa_same",
        at("ns2 *", DYN_SOA, rcode("SERVFAIL"), ednsflags=NO_DO),
        [SAME],
        "no SOA",
    ),
]

TRACE = "trace: www.st.um"
EITHER_SIDE = [
    ("trace", at("root *", WWW, silence), [TRACE], "no answer"),
    ("trace", at("root *", WWW, without("NS")), [TRACE], "no way further"),
    ("trace", at("um *", WWW, section("authority", ". 60 NS a.root.")), [TRACE], "sent up to ."),
    ("trace", at("um *", WWW, homeless), [TRACE], "no address of a name server of st.um"),
    ("trace", at("um *", WWW, flags("AA", on=True)), [TRACE], ". > um, and that does not end at st.um"),
    ("trace", at(UDP, WWW, answer("st.um. 60 A 10.9.9.9"), flags=0), [TRACE], "unexpected st.um. 60 A 10.9.9.9"),
]

SECURE_OUTSIDE = [
    ("alias_validated", at("resolver *", WWW, flags("AD", on=False)), ["resolver: AD for www.st.um"], "not NOERROR AD"),
    ("update_refused", at(UDP, DYN_SOA, rcode("NOERROR"), verb="UPDATE"), [f"{UDP}: UPDATE refused"], "dyn.st.um: NO"),
    ("no_key_refused", at(TCP, AXFR_FOREIGN, rcode("SERVFAIL")), [f"{TCP}: AXFR refused without a key"], "SERVFAIL"),
]

CASES = [("inside", *case) for case in SECURE_INSIDE + EITHER_SIDE]
CASES += [("outside", *case) for case in SECURE_OUTSIDE + EITHER_SIDE]


@pytest.mark.parametrize(("role", "meant", "fault", "names", "word"), CASES)
def test_fault_fails_its_probe(
    world: World,
    config: dict[str, Any],
    role: str,
    meant: str,
    fault: Fault,
    names: list[str],
    word: str,
) -> None:
    config["role"] = role
    if meant != "soa_same":
        config["servers"] = [{"name": "ns1", "addresses": ["127.0.0.1"]}]
    world.load(config)
    world.fault = fault
    details = failed(run(config))
    details.pop("resolver: every server is in use", None)
    assert sorted(details) == sorted(names), details
    assert any(word in detail for name, detail in details.items() if functions(config)[name] == meant), details


def test_every_probe_has_a_fault(config: dict[str, Any]) -> None:
    tested_below = {"port_closed"}
    cases = {"inside": INSIDE + SYSTEM + SECURE_INSIDE + EITHER_SIDE, "outside": OUTSIDE + SECURE_OUTSIDE + EITHER_SIDE}
    for role, proven in cases.items():
        assert set(functions({**config, "role": role}).values()) == {case[0] for case in proven} | tested_below


def test_an_open_port_is_noticed(world: World, config: dict[str, Any]) -> None:
    config["closed_ports"] = [world.port]
    details = failed(run(config, "* closed"))
    assert details[f"{TCP}: port {world.port} closed"] == f"127.0.0.1 port {world.port} TCP: open"
    assert len(details) == len(dns_base.Network(config).endpoints(tcp=True))


def test_what_was_put_is_deleted_whatever_happens(world: World, config: dict[str, Any]) -> None:
    world.load(config)
    before = set(world.zones[dns.name.from_text("dyn.st.um")])
    world.fault = for_updated("ns2", section("answer"))
    assert "put, and not there" in failed(run(config, "* UPDATE *by dyn"))[UPDATE]
    assert set(world.zones[dns.name.from_text("dyn.st.um")]) == before


def test_a_name_server_without_glue_is_looked_up(world: World, config: dict[str, Any]) -> None:
    world.load(config)

    def glueless(_: Message, reply: Message) -> Message:
        reply.authority, reply.additional = rrsets("st.um. 3600 NS dns.um."), []
        return reply

    world.fault = at("um *", WWW, glueless)
    assert run(config, TRACE)[TRACE]["detail"] == ". > um > st.um"


def test_of_a_big_zone_a_transfer_holds_the_sample(world: World, config: dict[str, Any]) -> None:
    world.load(config)
    big = config["zones"][0]
    big.update(
        complete=False, text="\n".join(line for line in big["text"].splitlines() if not line.startswith("st.um"))
    )
    assert failed(run(config, f"{TCP}: AXFR st.um")) == {}
    big["text"] += "\nmore.st.um. 60 IN A 10.0.0.1"
    assert failed(run(config, f"{TCP}: AXFR st.um"))[f"{TCP}: AXFR st.um"] == "missing more.st.um. 60 A 10.0.0.1"
    world.fault = at(TCP, ("st.um.", "AXFR"), rcode("REFUSED"))
    assert "AXFR: REFUSED" in failed(run(config, f"{TCP}: AXFR st.um")).values()


def test_records_at_a_cut_are_asked_of_who_has_the_say(config: dict[str, Any]) -> None:
    keys = {str(key) for key in dns_base.Network(config).zones[0].authoritative}
    assert "lab.st.um DS" in keys
    assert not keys & {"lab.st.um NS", "sub.st.um NS", "ns.sub.st.um A"}
