"""The DNS probes against a name server of our own: all pass when it answers right, and each fails at its own fault."""

import fnmatch
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import frame
import pytest
from dns.message import Message
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TSIG import TSIG
from probes import dns as dns_probes
from probes import dns_base


def has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return True
    return False


RESOLVER = "127.0.0.3"
SERVERS = [
    {"name": "ns1", "addresses": ["127.0.0.1", *(["::1"] if has_ipv6() else [])]},
    {"name": "ns2", "addresses": ["127.0.0.2"], "secondary": True},
]
SECRET = "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvbmx5LCAzMiBvY3Q="  # noqa: S105 (it guards nothing)
LONG = " ".join(f'"{character * 200}"' for character in "abc")
ZONES = {
    "st.um": """
        st.um.           604800 NS    ns1.st.um.
        st.um.           604800 NS    ns2.st.um.
        st.um.           604800 A     172.16.22.135
        st.um.           604800 AAAA  fd53:4644:0:22::135
        st.um.           604800 MX    10 mail.st.um.
        www.st.um.       604800 CNAME st.um.
        ns1.st.um.       604800 A     172.16.22.135
        ns1.st.um.       604800 AAAA  fd53:4644:0:22::135
        ns2.st.um.       604800 A     172.16.22.137
        mail.st.um.      3600   A     172.16.22.138
        mail.st.um.      3600   A     172.16.22.139
        long.st.um.      3600   TXT   LONG
        *.any.st.um.     3600   TXT   "wild"
        sub.st.um.       3600   NS    ns.sub.st.um.
        ns.sub.st.um.    3600   A     172.16.22.140
    """,
    "22.16.172.in-addr.arpa": """
        22.16.172.in-addr.arpa.     604800 NS  ns1.st.um.
        22.16.172.in-addr.arpa.     604800 NS  ns2.st.um.
        137.22.16.172.in-addr.arpa. 604800 PTR ns2.st.um.
        138.22.16.172.in-addr.arpa. 604800 PTR mail.st.um.
    """,
}
SOA = "ns1.st.um. hostmaster.st.um. 2024010101 86400 7200 2419200 3600"
EXTERNAL = {"name": "www.example.org.", "type": "A", "value": "172.16.23.10"}


def zone(name: str, lines: str) -> dict[str, Any]:
    words = [line.replace("LONG", LONG).split(maxsplit=3) for line in lines.strip().splitlines()]
    return {"name": name, "text": "\n".join(" ".join([owner, ttl, "IN", *rest]) for owner, ttl, *rest in words)}


def question(message: Message) -> tuple[str, str]:
    asked = message.question[0]
    return str(asked.name), dns.rdatatype.to_text(asked.rdtype)


def bad_signature(ident: int) -> dns.rrset.RRset:
    """Say that a message's signature is wrong, in the record of the reply's own."""
    rdtype, rdclass, now = RdataType.TSIG, dns.rdataclass.ANY, int(time.time())
    tsig = TSIG(rdclass, rdtype, dns.tsig.HMAC_SHA256, now, 300, b"", ident, dns.rcode.BADSIG, b"")
    return dns.rrset.from_rdata("verify.", 0, tsig)


# The name server

Fault = Callable[[Message, Message, str], Message | None]


@dataclass
class NameServer:
    """Serves the zones as BIND would, seen from inside or outside; `fault` has the last word on each reply.

    All addresses share one port. A fault gets the query, the reply and the label of the endpoint; it returns what to
    send, or None for silence.
    """

    port: int = 0
    role: str = "inside"
    zones: dict[dns.name.Name, dict[Any, dns.rrset.RRset]] = field(default_factory=dict)
    fault: Fault | None = None
    floods: dict[str, int] = field(default_factory=dict)

    def load(self, config: dict[str, Any]) -> None:
        self.role, self.fault, self.floods, self.zones = config["role"], None, {}, {}
        for settings in config["zones"]:
            rrsets = self.zones[dns.name.from_text(settings["name"])] = {}
            for line in [f"{settings['name']}. 3600 IN SOA {SOA}", *settings["text"].splitlines()]:
                owner, ttl, _, kind, value = line.split(" ", 4)
                name, rdtype = dns.name.from_text(owner), dns.rdatatype.from_text(kind)
                rrset = rrsets.setdefault((name, rdtype), dns.rrset.RRset(name, dns.rdataclass.IN, rdtype))
                rrset.add(dns.rdata.from_text("IN", rdtype, value), int(ttl))

    def respond(self, wire: bytes, label: str) -> bytes | None:
        keys = [dns.tsig.Key(name, SECRET, "hmac-sha256") for name in ("verify", "dyn")]
        try:
            query = dns.message.from_wire(wire, keyring={key.name: key for key in keys})
            query.key = "right" if query.had_tsig else "none"
            reply = self.answer(query, label)
        except (dns.message.UnknownTSIGKey, dns.tsig.BadSignature):
            opcode = dns.opcode.Opcode(wire[2] >> 3 & 0xF)
            name = dns.name.from_wire(wire, 12)[0]
            query = dns.message.make_query(name, "SOA" if opcode == dns.opcode.UPDATE else "AXFR")
            query.set_opcode(opcode)
            query.id, query.key = int.from_bytes(wire[:2], "big"), "wrong"
            reply = dns.message.make_response(query)
            reply.set_rcode(dns.rcode.NOTAUTH)
            reply.additional = [bad_signature(query.id)]
        query.verb = dns.opcode.to_text(query.opcode())
        if self.fault:
            reply = self.fault(query, reply, label)
        return reply and self.encode(query, reply, label)

    @staticmethod
    def encode(query: Message, reply: Message, label: str) -> bytes:
        room = 65535 if label.endswith("tcp") or hasattr(reply, "uncut") else max(512, query.payload)
        try:
            return reply.to_wire(max_size=room)
        except dns.exception.TooBig:
            reply.answer, reply.authority, reply.additional = [], [], []
            reply.flags |= dns.flags.TC
            return reply.to_wire(max_size=room)

    def answer(self, query: Message, label: str) -> Message:
        reply = dns.message.make_response(query, recursion_available=self.role == "inside", our_payload=1232)
        name, rdtype = query.question[0].name, query.question[0].rdtype
        origin = max((origin for origin in self.zones if name.is_subdomain(origin)), key=len, default=None)
        if query.edns > 0:
            reply.use_edns(0, payload=1232)
            reply.set_rcode(dns.rcode.BADVERS)
        elif query.opcode() != dns.opcode.QUERY or query.question[0].rdclass == dns.rdataclass.CH:
            reply.set_rcode(dns.rcode.REFUSED)
        elif label.startswith("resolver"):
            reply.flags |= dns.flags.RA
            reply.answer = [dns.rrset.from_rdata_list(rrset.name, 7, rrset) for rrset in self.chain(name, rdtype)]
        elif rdtype == RdataType.AXFR:
            self.transfer(query, reply, origin)
        elif origin is None:
            if self.role == "inside":
                reply.answer = [dns.rrset.from_text(name, 60, "IN", "A", EXTERNAL["value"])]
            else:
                reply.set_rcode(dns.rcode.REFUSED)
        else:
            self.authoritative(reply, origin, name, rdtype)
        if self.role == "outside" and rdtype == RdataType.NS and label.endswith("udp"):
            self.floods[label] = self.floods.get(label, 0) + 1
            if self.floods[label] > 10:
                reply.answer, reply.flags = [], reply.flags | dns.flags.TC
        return reply

    def transfer(self, query: Message, reply: Message, origin: dns.name.Name) -> None:
        if query.had_tsig:
            rrsets = self.zones[origin]
            soa = rrsets[origin, RdataType.SOA]
            signature = dns.rrset.from_text(origin, 3600, "IN", "NSEC", "www.st.um. A NS SOA")
            reply.answer = [soa, *(rrset for rrset in rrsets.values() if rrset is not soa), signature, soa.copy()]
        else:
            reply.set_rcode(dns.rcode.REFUSED)

    def authoritative(self, reply: Message, origin: dns.name.Name, name: dns.name.Name, rdtype: RdataType) -> None:
        rrsets = self.zones[origin]
        reply.flags |= dns.flags.AA
        any_type = next((each for each in rrsets if each[0] == name), None) if rdtype == RdataType.ANY else None
        reply.answer = [rrsets[any_type]] if any_type else self.chain(name, rdtype)
        if reply.answer:
            servers = rrsets[origin, RdataType.NS]
            reply.authority = [servers]
            targets = [(server.target, kind) for server in servers for kind in (RdataType.A, RdataType.AAAA)]
            reply.additional = [each for target in targets for each in self.chain(*target)]
        else:
            reply.authority = [rrsets[origin, RdataType.SOA].copy()]
            if not any(owner == name for owner, _ in rrsets):
                reply.set_rcode(dns.rcode.NXDOMAIN)

    def chain(self, name: dns.name.Name, rdtype: RdataType) -> list[dns.rrset.RRset]:
        rrsets = {key: rrset for zone in self.zones.values() for key, rrset in zone.items()}
        found = []
        if rdtype != RdataType.CNAME and (name, RdataType.CNAME) in rrsets:
            found.append(rrsets[name, RdataType.CNAME].copy())
            name = found[0][0].target
        return found + ([rrsets[name, rdtype].copy()] if (name, rdtype) in rrsets else [])


def listeners(server: NameServer, others: Iterable[tuple[str, str]]) -> list[socketserver.BaseServer]:
    """Bind every address, UDP and TCP, to one port that is free on all of them."""

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, sock = self.request
            if reply := server.respond(wire, self.server.label):
                sock.sendto(reply, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = self.rfile.read(2)
            if not length:  # the client went without a question
                return
            wire = self.rfile.read(struct.unpack("!H", length)[0])
            if reply := server.respond(wire, self.server.label):
                self.wfile.write(struct.pack("!H", len(reply)) + reply)

    ends = [
        (f"{each['name']} {'ipv6' if ':' in address else 'ipv4'}", address)
        for each in SERVERS
        for address in each["addresses"]
    ] + [*others]
    port, bound = 0, []
    for label, address in ends:
        for transport, base, handler in (
            ("tcp", socketserver.ThreadingTCPServer, Stream),
            ("udp", socketserver.UDPServer, Datagram),
        ):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            options = {"address_family": family, "label": f"{label} {transport}", "request_queue_size": 64}
            bound.append(type("Listener", (base,), options)((address, port), handler))
            port = bound[0].server_address[1]
    server.port = port
    return bound


@contextmanager
def running(server: NameServer, others: Iterable[tuple[str, str]]) -> Iterator[NameServer]:
    for _ in range(20):
        with suppress(OSError):  # the port is taken on one of the other addresses
            bound = listeners(server, others)
            break
    for each in bound:
        threading.Thread(target=each.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    for each in bound:
        each.shutdown()
        each.server_close()


@pytest.fixture(scope="session")
def server() -> Iterator[NameServer]:
    with running(NameServer(), [("resolver", RESOLVER)]) as server:
        yield server


# What a test says and does


@pytest.fixture
def config(server: NameServer) -> dict[str, Any]:
    return {
        "role": "inside",
        "port": server.port,
        "servers": SERVERS,
        "zones": [zone(name, lines) for name, lines in ZONES.items()],
        "domain": "st.um",
        "alias": "www.st.um",
        "external": EXTERNAL,
        "minimal_responses": False,
        "transfer_key": {"name": "verify", "algorithm": "hmac-sha256", "secret": SECRET},
        "resolver": RESOLVER,
    }


@pytest.fixture(autouse=True)
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Stand in for this host's resolver: what it finds, and whom it asks."""
    found = {
        "www.st.um.": ["172.16.22.135", "fd53:4644:0:22::135"],
        "www": ["172.16.22.135", "fd53:4644:0:22::135"],
        "www.example.org.": ["172.16.23.10"],
    }
    file, stub = tmp_path / "resolv.conf", tmp_path / "resolved.conf"
    file.write_text("search st.um\nnameserver 127.0.0.1\nnameserver 127.0.0.2\n", encoding="utf-8")
    stub.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    numeric = socket.getaddrinfo

    def getaddrinfo(host: str, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if host not in found:
            return numeric(host, port, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})
        if not found[host]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_UNSPEC, socket.SOCK_STREAM, 0, "", (address, 0)) for address in found[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(dns_probes, "SETTLED", 0)
    monkeypatch.setattr(dns_probes, "FLOOD", 40)
    monkeypatch.setattr(dns_probes, "FLOOD_PAUSE", 0.02)
    monkeypatch.setattr(dns_probes, "RESOLV_CONF", file)
    monkeypatch.setattr(dns_probes, "RESOLVED_CONF", stub)
    return {"found": found, "file": file, "stub": stub}


def run(config: dict[str, Any], *patterns: str) -> dict[str, dict[str, Any]]:
    results = frame.run(frame.select(frame.collect({"dns": config}), [], list(patterns)), "client")
    return {result["probe"]: result for result in results}


def failed(results: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: result["detail"] for name, result in results.items() if not result["ok"]}


def functions(config: dict[str, Any]) -> dict[str, str]:
    """Return which function makes each probe."""
    return {name: journey.func.__name__ for name, journey in dns_probes.probes(config)}


# Faults: how to answer wrong

Change = Callable[[Message, Message], Message | None]


def at(end: str, asked: tuple[str, str], change: Change, **only: Any) -> Fault:
    """Make a fault that changes the replies to one question, at the endpoints and of the queries that match."""

    def fault(query: Message, reply: Message, label: str) -> Message | None:
        here = fnmatch.fnmatchcase(label, end) and question(query) == asked
        here = here and all(getattr(query, name) == value for name, value in only.items())
        return change(query, reply) if here else reply

    return fault


def rrsets(*lines: str) -> list[dns.rrset.RRset]:
    """Read RRsets, a line each: owner, TTL, type, and the values between bars."""
    words = [line.split(maxsplit=3) for line in lines]
    return [
        dns.rrset.from_text(owner, int(ttl), "CH" if owner == "version.bind." else "IN", rdtype, *values.split(" | "))
        for owner, ttl, rdtype, values in words
    ]


def section(name: str, *lines: str) -> Change:
    def change(_: Message, reply: Message) -> Message:
        setattr(reply, name, rrsets(*lines))
        return reply

    return change


def answer(*lines: str) -> Change:
    def change(query: Message, reply: Message) -> Message:
        reply.set_rcode(dns.rcode.NOERROR)
        return section("answer", *lines)(query, reply)

    return change


def rcode(name: str) -> Change:
    def change(_: Message, reply: Message) -> Message:
        reply.answer = []
        reply.set_rcode(dns.rcode.from_text(name))
        return reply

    return change


def flags(text: str, on: bool) -> Change:
    def change(_: Message, reply: Message) -> Message:
        mask = dns.flags.from_text(text)
        reply.flags = reply.flags | mask if on else reply.flags & ~mask
        return reply

    return change


def negative_ttl(seconds: int) -> Change:
    def change(_: Message, reply: Message) -> Message:
        reply.authority[0].ttl = seconds
        return reply

    return change


def opt(version: int | bool, payload: int = 1232) -> Change:
    def change(_: Message, reply: Message) -> Message:
        reply.use_edns(version, **({} if version is False else {"payload": payload}))
        return reply

    return change


def uncut(_: Message, reply: Message) -> Message:
    reply.uncut = True
    return reply


def silence(_: Message, __: Message) -> None:
    return None


def soa(**fields: int) -> Change:
    def change(_: Message, reply: Message) -> Message:
        reply.answer = [dns.rrset.from_rdata(each.name, each.ttl, each[0].replace(**fields)) for each in reply.answer]
        return reply

    return change


def dropped(_: Message, reply: Message) -> Message:
    reply.answer = [rrset for rrset in reply.answer if rrset.rdtype != RdataType.MX]
    return reply


def added(_: Message, reply: Message) -> Message:
    reply.answer[1:1] = rrsets("new.st.um. 60 A 10.9.9.9")
    return reply


def handed_out(query: Message, reply: Message) -> Message:
    """Grant a transfer that ought to be refused."""
    apex = f"st.um. 3600 SOA {SOA}"
    reply = answer("st.um. 604800 NS ns1.st.um.")(query, reply)
    reply.answer, reply.additional = rrsets(apex) + reply.answer + rrsets(apex), []
    return reply


UDP, TCP = "ns1 ipv4 udp", "ns1 ipv4 tcp"
DOMAIN, REVERSE = "st.um.", "22.16.172.in-addr.arpa"
A, SOA_OF, AXFR, MX, NS, ANY = ((DOMAIN, rdtype) for rdtype in ("A", "SOA", "AXFR", "MX", "NS", "ANY"))
WWW, EXAMPLE, VERSION = ("www.st.um.", "A"), ("www.example.org.", "A"), ("version.bind.", "TXT")
MAIL, LONG_TXT, PTR = ("mail.st.um.", "A"), ("long.st.um.", "TXT"), (f"138.{REVERSE}.", "PTR")
NXDOMAIN, NODATA = ("does-not-exist.st.um.", "A"), (DOMAIN, "RP")
NO_EDNS, EDNS, NEXT_EDNS = -1, 0, 1
GLUE = ["ns1.st.um. 604800 A 172.16.22.135", "ns2.st.um. 604800 A 172.16.22.137"]

# The function that a fault is meant for, the fault, the names of all the probes that it makes fail, and what they say.
INSIDE = [
    ("records", at(UDP, MAIL, answer("mail.st.um. 3600 A 172.16.22.138")), [f"{UDP}: A st.um"], "missing mail"),
    ("records", at(TCP, MX, answer("st.um. 604800 MX 10 st.um.")), [f"{TCP}: MX st.um"], "unexpected st.um."),
    ("records", at(UDP, MX, answer("st.um. 60 MX 10 mail.st.um.")), [f"{UDP}: MX st.um"], "st.um. 60 MX"),
    ("records", at(UDP, MX, rcode("NXDOMAIN")), [f"{UDP}: MX st.um"], "NXDOMAIN"),
    ("records", at(UDP, MX, flags("AA", on=False)), [f"{UDP}: MX st.um"], "not NOERROR AA"),
    ("recursion", at(UDP, EXAMPLE, rcode("REFUSED")), [f"{UDP}: www.example.org A by recursion"], "REFUSED"),
    ("recursion", at(TCP, EXAMPLE, flags("RA", on=False)), [f"{TCP}: www.example.org A by recursion"], "RA"),
    ("recursion", at(UDP, EXAMPLE, flags("AA", on=True)), [f"{UDP}: www.example.org A by recursion"], "authority"),
    (
        "recursion",
        at(UDP, EXAMPLE, answer("www.example.org. 60 A 10.9.9.9")),
        [f"{UDP}: www.example.org A by recursion"],
        "10.9.9.9, not 172.16.23.10",
    ),
    ("whole_answer", at(UDP, WWW, flags("RA", on=False)), [f"{UDP}: dig www.st.um"], "QR AA RD"),
    ("whole_answer", at(UDP, WWW, flags("AD", on=True)), [f"{UDP}: dig www.st.um"], "NOERROR QR AA RD RA AD"),
    ("whole_answer", at(UDP, WWW, answer("st.um. 604800 A 172.16.22.135")), [f"{UDP}: dig www.st.um"], "answer: "),
    ("whole_answer", at(UDP, WWW, section("authority")), [f"{UDP}: dig www.st.um"], "authority: missing"),
    ("whole_answer", at(UDP, WWW, section("additional", *GLUE)), [f"{UDP}: dig www.st.um"], "additional: missing"),
    (
        "reverse",
        at(UDP, PTR, answer(f"138.{REVERSE}. 604800 PTR ns1.st.um.")),
        [f"{UDP}: reverse names lead back", f"{UDP}: PTR {REVERSE}"],
        "ns1",
    ),
    (
        "reverse",
        at(UDP, PTR, rcode("NXDOMAIN")),
        [f"{UDP}: reverse names lead back", f"{UDP}: PTR {REVERSE}"],
        "",
    ),
    ("nxdomain", at(UDP, NXDOMAIN, answer("does-not-exist.st.um. 60 A 10.9.9.9")), [f"{UDP}: NXDOMAIN"], "NOERROR"),
    ("nxdomain", at(UDP, NXDOMAIN, flags("AA", on=False)), [f"{UDP}: NXDOMAIN"], "not NXDOMAIN AA"),
    ("nxdomain", at(UDP, NXDOMAIN, section("authority")), [f"{UDP}: NXDOMAIN"], "no SOA"),
    ("nxdomain", at(UDP, NXDOMAIN, negative_ttl(604800)), [f"{UDP}: NXDOMAIN"], "TTL 604800"),
    ("nodata", at(UDP, NODATA, rcode("NXDOMAIN")), [f"{UDP}: NODATA"], "not NOERROR"),
    ("nodata", at(UDP, NODATA, answer("st.um. 60 RP . .")), [f"{UDP}: NODATA"], "answered st.um."),
    ("nodata", at(UDP, NODATA, section("authority")), [f"{UDP}: NODATA"], "no SOA"),
    ("edns", at(UDP, SOA_OF, opt(False), edns=EDNS), [f"{UDP}: EDNS"], "no OPT"),
    ("edns", at(UDP, SOA_OF, opt(0, payload=512), edns=EDNS), [f"{UDP}: EDNS"], "512 octets"),
    ("edns", at(UDP, SOA_OF, opt(0, payload=65535), edns=EDNS), [f"{UDP}: EDNS"], "65535 octets"),
    ("edns", at(UDP, SOA_OF, rcode("NOERROR"), edns=NEXT_EDNS), [f"{UDP}: EDNS"], "not BADVERS"),
    ("without_edns", at(UDP, SOA_OF, opt(0), edns=NO_EDNS), [f"{UDP}: without EDNS"], "an OPT record"),
    ("without_edns", at(UDP, SOA_OF, rcode("FORMERR"), edns=NO_EDNS), [f"{UDP}: without EDNS"], "FORMERR"),
    ("truncation", at(UDP, LONG_TXT, uncut, edns=NO_EDNS), [f"{UDP}: truncation, then TCP"], "without TC"),
    (
        "truncation",
        at(TCP, LONG_TXT, answer('long.st.um. 3600 TXT "a"'), edns=NO_EDNS),
        [f"{UDP}: truncation, then TCP"],
        "missing long",
    ),
    (
        "truncation",
        at(TCP, LONG_TXT, flags("TC", on=True), edns=NO_EDNS),
        [f"{UDP}: truncation, then TCP"],
        "TC over TCP",
    ),
    ("version_hidden", at(UDP, VERSION, answer('version.bind. 0 TXT "9.20.1"')), [f"{UDP}: version hidden"], "9.20.1"),
    ("transfer", at(TCP, AXFR, dropped, key="right"), [f"{TCP}: AXFR st.um"], "missing st.um. 604800 MX"),
    ("transfer", at(TCP, AXFR, added, key="right"), [f"{TCP}: AXFR st.um"], "unexpected new.st.um."),
    ("transfer", at(TCP, AXFR, rcode("REFUSED"), key="right"), [f"{TCP}: AXFR st.um"], "REFUSED"),
    ("no_key_refused", at(TCP, AXFR, handed_out, key="none"), [f"{TCP}: AXFR refused without a key"], "handed out"),
    (
        "no_key_refused",
        at(TCP, AXFR, silence, key="none"),
        [f"{TCP}: AXFR refused without a key"],
        "TCP: connection closed",
    ),
    (
        "no_key_refused",
        at(TCP, AXFR, rcode("SERVFAIL"), key="none"),
        [f"{TCP}: AXFR refused without a key"],
        "SERVFAIL",
    ),
    ("wrong_key_refused", at(TCP, AXFR, handed_out, key="wrong"), [f"{TCP}: AXFR refused with a wrong key"], "instead"),
    ("soa_same", at("ns2 *", SOA_OF, soa(serial=2024010100)), ["SOA st.um: the same everywhere"], "ns2 ipv4 udp 2024"),
    ("soa_same", at("ns2 *", SOA_OF, soa(expire=2419201)), ["SOA st.um: the same everywhere"], "different"),
    (
        "soa_same",
        at("ns2 *", SOA_OF, rcode("SERVFAIL"), edns=EDNS),
        ["SOA st.um: the same everywhere", "SOA st.um: timers"],
        "ns2 ipv4 udp: no SOA of st.um, but SERVFAIL",
    ),
    ("soa_timers", at("*", SOA_OF, soa(minimum=604800)), ["SOA st.um: timers"], "minimum 604800"),
    ("soa_timers", at("*", SOA_OF, soa(retry=86400)), ["SOA st.um: timers"], "retry 86400, refresh 86400"),
]

OUTSIDE = [
    ("authority", at(UDP, A, flags("AA", on=False)), [f"{UDP}: A st.um"], "not NOERROR AA"),
    ("authority", at(TCP, A, answer("st.um. 604800 A 10.9.9.9")), [f"{TCP}: A st.um"], "unexpected"),
    ("authority", at(UDP, A, rcode("REFUSED")), [f"{UDP}: A st.um"], "REFUSED"),
    (
        "recursion_refused",
        at(UDP, EXAMPLE, answer("www.example.org. 60 A 172.16.23.10")),
        [f"{UDP}: recursion refused"],
        "answered www.example.org.",
    ),
    (
        "recursion_refused",
        at(TCP, EXAMPLE, answer("www.example.org. 60 A 172.16.23.10"), flags=0),
        [f"{TCP}: recursion refused"],
        "answered www.example.org.",
    ),
    (
        "recursion_refused",
        at(UDP, EXAMPLE, lambda query, reply: flags("RA", on=True)(query, rcode("SERVFAIL")(query, reply))),
        [f"{UDP}: recursion refused"],
        "on offer",
    ),
    ("no_key_refused", at(TCP, AXFR, handed_out), [f"{TCP}: AXFR refused without a key"], "handed out"),
    ("any_small", at(UDP, ANY, answer(f"st.um. 3600 TXT {LONG}")), [f"{UDP}: ANY is small"], "octets over UDP"),
    ("version_hidden", at(UDP, VERSION, answer('version.bind. 0 TXT "9.20.1"')), [f"{UDP}: version hidden"], "9.20.1"),
    ("update_refused", at(UDP, SOA_OF, rcode("NOERROR"), verb="UPDATE"), [f"{UDP}: UPDATE refused"], "NOERROR"),
    (
        "notify_refused",
        at("ns2 *", SOA_OF, rcode("NOERROR"), verb="NOTIFY"),
        ["ns2 ipv4 udp: NOTIFY refused"],
        "NOTIFY st.um: NOERROR",
    ),
    ("delegation", at("resolver *", WWW, rcode("SERVFAIL")), ["resolver: www.st.um, by delegation"], "SERVFAIL"),
    ("delegation", at("resolver *", WWW, flags("AA", on=True)), ["resolver: www.st.um, by delegation"], "AA is set"),
    (
        "delegation",
        at("resolver *", WWW, answer("www.st.um. 7 CNAME st.um.", "st.um. 7 A 10.9.9.9")),
        ["resolver: www.st.um, by delegation"],
        "10.9.9.9",
    ),
    (
        "rate_limited",
        at(UDP, NS, lambda query, reply: flags("TC", on=False)(query, reply)),
        [f"{UDP}: rate limited"],
        "40 answered",
    ),
    ("rate_limited", at(UDP, NS, silence), [f"{UDP}: rate limited"], "0 answered, 0 told"),
]

# The function, what this host finds or asks instead, the probes that fail, and what they say.
SYSTEM = [
    ("resolves", {"found": {"www.st.um.": ["10.9.9.9"]}}, ["resolver: www.st.um"], "10.9.9.9, not 172.16.22.135"),
    ("resolves", {"found": {"www.st.um.": ["172.16.22.135"]}}, ["resolver: www.st.um"], "not 172.16.22.135, fd53"),
    ("resolves", {"found": {"www": []}}, ["resolver: www, by the search domain"], "not known"),
    ("resolves_external", {"found": {"www.example.org.": []}}, ["resolver: www.example.org"], "not known"),
    ("resolves_external", {"found": {"www.example.org.": ["10.9.9.9"]}}, ["resolver: www.example.org"], "10.9.9.9"),
    ("resolv_conf", {"file": "nameserver ::1\n"}, ["resolver: every server is in use"], "never asked: ns2"),
    ("resolv_conf", {"file": "search st.um\n"}, ["resolver: every server is in use"], "ns1, ns2; the resolver asks no"),
    (
        "resolv_conf",
        {"file": "nameserver ::1\nnameserver 127.0.0.1\nnameserver 127.0.0.9\nnameserver 127.0.0.2\n"},
        ["resolver: every server is in use"],
        "never asked: ns2",
    ),
    (
        "resolv_conf",
        {"file": "nameserver 127.0.0.53\n", "stub": "nameserver 127.0.0.2\n"},
        ["resolver: every server is in use"],
        "never asked: ns1",
    ),
]


@pytest.mark.parametrize("role", ["inside", "outside"])
def test_right_answers_pass(server: NameServer, config: dict[str, Any], role: str) -> None:
    config["role"] = role
    server.load(config)
    results = run(config)
    assert failed(results) == {}
    assert all(result["detail"] for result in results.values())


@pytest.mark.parametrize(
    ("role", "meant", "fault", "names", "word"),
    [("inside", *case) for case in INSIDE] + [("outside", *case) for case in OUTSIDE],
)
def test_fault_fails_its_probe(
    server: NameServer, config: dict[str, Any], role: str, meant: str, fault: Fault, names: list[str], word: str
) -> None:
    config["role"] = role
    if meant not in ("soa_same", "notify_refused"):  # these take a second server; the others are quicker without
        config["servers"] = [{"name": "ns1", "addresses": ["127.0.0.1"]}]
    server.load(config)
    server.fault = fault
    details = failed(run(config))
    assert sorted(details) == sorted(names)
    assert any(word in detail for name, detail in details.items() if functions(config)[name] == meant), details


@pytest.mark.parametrize(("meant", "host", "names", "word"), SYSTEM)
def test_fault_of_this_host_fails_its_probe(
    system: dict[str, Any], config: dict[str, Any], meant: str, host: dict[str, Any], names: list[str], word: str
) -> None:
    system["found"].update(host.get("found", {}))
    for file in host.keys() & {"file", "stub"}:
        system[file].write_text(host[file], encoding="utf-8")
    details = failed(run(config, "resolver: *"))
    assert list(details) == names
    assert functions(config)[names[0]] == meant
    assert word in details[names[0]]


def test_every_probe_has_a_fault(config: dict[str, Any]) -> None:
    proven = {role: {case[0] for case in cases} for role, cases in (("inside", INSIDE + SYSTEM), ("outside", OUTSIDE))}
    for role, meant in proven.items():
        assert set(functions({**config, "role": role}).values()) == meant


def test_nothing_to_cut_off_fails(server: NameServer, config: dict[str, Any]) -> None:
    lines = config["zones"][0]["text"].splitlines()
    config["zones"][0]["text"] = "\n".join(line for line in lines if " TXT " not in line)
    server.load(config)
    details = failed(run(config, "* truncation*"))
    assert len(details) == len(dns_base.Network(config).endpoints(tcp=False))
    assert all("nothing to cut off" in detail for detail in details.values())


@pytest.mark.parametrize("role", ["inside", "outside"])
def test_what_is_not_configured_is_not_probed(server: NameServer, config: dict[str, Any], role: str) -> None:
    config.update(role=role)
    every = set(functions(config).values())
    for setting in ("external", "transfer_key", "resolver"):
        del config[setting]
    gone = {"inside": {"recursion", "resolves_external", "transfer", "wrong_key_refused"}}
    gone["outside"] = {"recursion_refused", "delegation"}
    assert every - set(functions(config).values()) == gone[role]
    server.load(config)
    assert failed(run(config)) == {}


def test_minimal_responses_have_nothing_but_the_answer(server: NameServer, config: dict[str, Any]) -> None:
    config["minimal_responses"] = True
    server.load(config)
    assert all("authority: unexpected" in detail for detail in failed(run(config, "* dig *")).values())
    server.fault = at("*", WWW, lambda query, reply: section("additional")(query, section("authority")(query, reply)))
    assert failed(run(config, "* dig *")) == {}


def test_a_dead_server_is_said_so_soon(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_base, "UDP_TIMEOUT", 0.1)
    config["servers"] = [{"name": "ns1", "addresses": ["127.0.0.4"]}]
    results = run(config, "ns1 *")
    assert not any(result["ok"] for result in results.values())
    assert results["ns1 ipv4 udp: A st.um"]["detail"] == f"127.0.0.4 port {config['port']} UDP: no answer"
    assert "refused" in results["ns1 ipv4 tcp: A st.um"]["detail"]


def test_a_lost_datagram_is_sent_again(
    server: NameServer, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns_base, "UDP_TIMEOUT", 0.2)
    server.load(config)
    lost = iter([True])
    server.fault = lambda query, reply, label: None if next(lost, False) else reply
    assert failed(run(config, "ns1 ipv4 udp: MX st.um")) == {}


def test_an_answer_too_long_for_a_datagram_comes_over_tcp(server: NameServer, config: dict[str, Any]) -> None:
    config["zones"][0]["text"] += "\n" + zone("st.um", "big.st.um. 60 TXT LONG LONG LONG")["text"]
    server.load(config)
    results = run(config, "ns1 ipv4 udp: TXT st.um")
    assert failed(results) == {}


def test_big_zones_are_sampled_and_names_differ_by_address() -> None:
    lines = "\n".join(f"h{number}.st.um. 60 A 10.0.0.1" for number in range(1001))
    big = dns_base.Zone(zone("st.um", lines))
    assert len(big.of_type(RdataType.A)) <= dns_base.SAMPLE
    assert big.of_type(RdataType.A) == big.of_type(RdataType.A)
    assert dns_base.label_families(["10.0.0.1", "10.0.0.2", "::1"]) == [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.2", "10.0.0.2"),
        ("ipv6", "::1"),
    ]


def test_a_wildcard_does_not_hide_that_a_name_is_absent() -> None:
    wild = dns_base.Zone(zone("st.um", "*.st.um. 60 A 10.0.0.1\nwww.st.um. 60 A 10.0.0.1"))
    assert str(wild.absent()) == "does-not-exist.www.st.um."


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"role": "insider"}, "role is 'insider': say inside or outside"),
        ({"alias": "www.example.net"}, "no zone in the configuration holds www.example.net."),
        ({"domain": "com", "alias": "nothing.st.um"}, "nothing.st.um.: the configuration has no address for it"),
        ({"zones": [{"name": "st.um", "text": "st.um. 1 IN A 10.9"}]}, "no record: st.um. 1 IN A 10.9: SyntaxError"),
        ({"zones": [{"name": "st.um", "text": "st.um. 1 A"}]}, "no record: st.um. 1 A: ValueError"),
        ({"servers": None}, "TypeError"),
    ],
)
def test_a_wrong_configuration_is_said_to_be_wrong(config: dict[str, Any], change: dict[str, Any], detail: str) -> None:
    config.update(change)
    details = failed(run(config, "probes load", "* dig *", "resolver: nothing*"))
    assert details
    assert any(detail in each for each in details.values()), details
