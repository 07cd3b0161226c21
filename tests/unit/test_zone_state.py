"""The serials of files and servers, and the gate, against name servers of our own."""

import base64
import hashlib
import json
import socket
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone
import jinja2
import pytest
import zone_state
from ansible.module_utils.testing import patch_module_args
from dns_zones import dns_zones
from hypothesis import given
from hypothesis import strategies as st
from zone_serial import zone_serial
from zone_state import Answer, Asker, Way, disagreements, endpoints, is_behind, read_zone_file, tsig_keys

HALF = 2**31
LAST = 2**32 - 1
PRIMARY = {"name": "primary", "addresses": ["127.0.0.1"]}
SECONDARY = {"name": "secondary", "addresses": ["::1"]}
KEYS = {name: base64.b64encode(name.encode() * 4).decode() for name in ("primary", "secondary", "strangers")}
ZONE = """\
;
; Ansible managed
;
$TTL 60
st.um. 60 IN SOA ns1.st.um. hostmaster.st.um. {serial} 3600 900 2419200 3600
st.um. 60 IN NS ns1.st.um.
a.st.um. 60 IN TXT "x IN SOA y z 99 "
"""


# Name servers


def keyring(secrets):
    """Give the keys as dnspython looks for them."""
    return {key.name: key for key in tsig_keys(secrets).values()}


silent = object()


def soa(zone, serial, *, section="answer", authority=True, rcode=dns.rcode.NOERROR, rdtype="SOA"):
    """Make a fault: a reply that differs from the right one in one way."""

    def reply(query):
        response = dns.message.make_response(query)
        response.set_rcode(rcode)
        if authority:
            response.flags |= dns.flags.AA
        data = f"ns1.{zone} hostmaster.{zone} {serial} 1 1 3 1" if rdtype == "SOA" else "text"
        if section:
            getattr(response, section).append(dns.rrset.from_text(zone, 60, "IN", rdtype, data))
        return response

    return reply


class Server:
    """A name server. What it says of a zone is a serial, which may depend on the time, a reply, or nothing.

    Of the other records it says what is in `records`, and whole zones are in `transfers`.
    """

    def __init__(self, address, port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.udp, self.tcp = (socket.socket(family, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, port))
        self.port = self.tcp.getsockname()[1]
        self.udp.bind((address, self.port))
        self.tcp.listen()
        self.zones, self.records, self.transfers, self.keys = {}, {}, {}, {}
        self.truncates = False
        self.queries = []
        self.threads = [threading.Thread(target=target) for target in (self.serve_udp, self.serve_tcp)]
        for thread in self.threads:
            thread.start()

    def reply(self, wire):
        try:
            query = dns.message.from_wire(wire, keyring=self.keys or None)
        except dns.exception.DNSException:  # a key that it does not know
            return silent
        self.queries.append(query)
        name, kind = query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype)
        said = self.zones.get(name, silent) if kind == "SOA" else self.say(name, kind)
        if callable(said):
            said = said(query)
        if isinstance(said, int):
            said = soa(name, said)(query)
        return said if said is silent or isinstance(said, bytes) else said.to_wire()

    def say(self, name, kind):
        """Make a reply of records, or of a whole zone, if there is such a one."""

        def reply(query):
            response = dns.message.make_response(query)
            response.flags |= dns.flags.AA
            if self.records.get((name, kind)):
                response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *self.records[name, kind]))
            if kind == "AXFR":
                zone = dns.zone.from_text(self.transfers[name], name, relativize=False)
                sets = [dns.rrset.from_rdata_list(owner, each.ttl, each) for owner, each in zone.iterate_rdatasets()]
                first = next(each for each in sets if each.rdtype == dns.rdatatype.SOA)
                response.answer = [first, *(each for each in sets if each is not first), first]
            return response

        return silent if kind == "AXFR" and name not in self.transfers else reply

    def serve_udp(self):
        while True:
            wire, self.sender = self.udp.recvfrom(4096)
            if not wire:
                return
            said = self.reply(wire)
            if self.truncates:
                said = dns.message.make_response(dns.message.from_wire(wire))
                said.flags |= dns.flags.AA | dns.flags.TC
                said = said.to_wire()
            if said is not silent:
                self.udp.sendto(said, self.sender)

    def serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:  # it is closed
                return
            with connection:
                connection.settimeout(2)
                wire = connection.recv(2 + 4096)
                if (said := self.reply(wire[2:])) is not silent:
                    connection.sendall(len(said).to_bytes(2, "big") + said)

    def close(self):
        with socket.socket(self.udp.family, socket.SOCK_DGRAM) as mine:
            mine.sendto(b"", self.udp.getsockname())
        self.tcp.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.udp.close()
        self.tcp.close()

    def asked(self, kind="SOA"):
        """Return the names that it was asked for records of a kind of, with the keys of the questions."""
        asked = [query for query in self.queries if dns.rdatatype.to_text(query.question[0].rdtype) == kind]
        return [(query.question[0].name.to_text(), query.keyname and query.keyname.to_text()) for query in asked]


def sign(zone, serial, *records):
    """Make the reply of a server that signs a zone."""

    def reply(query):
        response = soa(zone, serial)(query)
        data = f"SOA 13 2 60 20380101000000 20200101000000 1 {zone} AAAA"
        response.answer.append(dns.rrset.from_text(zone, 60, "IN", "RRSIG", data))
        return response

    return reply


@pytest.fixture
def servers():
    """Three servers at one port."""
    with ExitStack() as stack:
        made = []
        for address in ("127.0.0.1", "::1", "127.0.0.2"):
            made.append(Server(address, made[0].port if made else 0))
            stack.callback(made[-1].close)
        yield made


@pytest.fixture
def server(servers):
    return servers[0]


# A zone's file


def test_reads_what_the_role_writes(tmp_path):
    path, defaults = tmp_path / "st.um.zone", {"nameservers": ["ns1.st.um."], "hostmaster": "hostmaster.st.um."}
    [zone] = dns_zones([{"name": "st.um", "records": [{"name": "ns1", "type": "A", "value": "192.0.2.53"}]}], defaults)
    jinja = jinja2.Environment(keep_trailing_newline=True)  # noqa: S701 (not HTML)
    jinja.filters["comment"] = lambda text, decoration: f"{decoration}\n{decoration}{text}\n{decoration}"
    template = jinja.from_string((Path(__file__).parents[2] / "roles/bind9/templates/zone.j2").read_text())
    for serial in (LAST, 7):
        path.write_text(template.render(zone=zone | {"serial": serial}, ansible_managed="Ansible managed"))
        assert read_zone_file(path) == {"digest": zone["digest"], "serial": serial}


def test_what_somebody_has_edited_has_another_digest(tmp_path):
    path, seen = tmp_path / "st.um.zone", set()
    text = ZONE.format(serial=7)
    for edited in (
        text,
        text + "b.st.um. 60 IN A 192.0.2.1\n",
        text.replace("900", "901"),
        text.replace("NS ns1", "NS ns2"),
    ):
        path.write_text(edited)
        seen.add(read_zone_file(path)["digest"])
    assert len(seen) == 4


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"; comment\n$TTL 60\n", id="without an SOA"),
        pytest.param(b"$TTL 60\nst.um. 60 IN SOA ns1 hostmaster (\n 7 1 1 3 1 )\n", id="an SOA of somebody else"),
        pytest.param(ZONE.format(serial=7).encode().rstrip(), id="the last line without an end"),
        pytest.param(b"\x00\x00\x00\x02\xff\xfe" * 900, id="binary, as a secondary has it"),
    ],
)
def test_a_file_that_is_not_ours_is_none(tmp_path, content):
    path = tmp_path / "st.um.zone"
    path.write_bytes(content)
    assert read_zone_file(path) is None


def test_no_file_is_none(tmp_path):
    assert read_zone_file(tmp_path / "st.um.zone") is None
    assert read_zone_file(tmp_path / "no-such-folder" / "st.um.zone") is None


def test_another_failure_is_not_hidden(tmp_path):
    with pytest.raises(IsADirectoryError):
        read_zone_file(tmp_path)


# One server


NOBODY = Answer("a", None, False)


def way(zone="st.um", address="127.0.0.1", key=None):
    return Way(zone, address, tsig_keys({key: KEYS[key]})[key] if key else None)


def ask(server, timeout=2.0, **options):
    return Asker(server.port, timeout).serial("a", way(**options))


@pytest.mark.parametrize("name", ["st.um", "st.um.", "ST.um"])
@pytest.mark.parametrize("serial", [0, 7, LAST])
def test_asks_for_the_serial(server, name, serial):
    server.zones["st.um."] = server.zones["ST.um."] = serial
    assert ask(server, zone=name) == Answer("a", serial, False)
    (query,) = server.queries
    assert query.question[0].to_text().lower() == "st.um. in soa"
    assert not query.flags & dns.flags.RD
    assert query.ednsflags & dns.flags.DO
    assert query.keyname is None


def test_sees_whether_the_answer_is_signed(server):
    server.zones["st.um."] = sign("st.um.", 9)
    assert ask(server) == Answer("a", 9, True)


def test_asks_with_a_key(server):
    server.zones["st.um."] = 7
    server.keys = keyring(KEYS)
    assert ask(server, key="strangers") == Answer("a", 7, False)
    assert server.asked() == [("st.um.", "strangers.")]


def test_a_key_that_the_server_does_not_have_is_none(server):
    server.zones["st.um."] = 7
    server.keys = keyring({"strangers": base64.b64encode(b"another secret").decode()})
    assert ask(server, key="strangers", timeout=0.2) == NOBODY
    server.keys = {}
    assert ask(server, key="strangers", timeout=0.2) == NOBODY


def test_an_answer_that_is_not_signed_with_the_key_is_none(server):
    def unsigned(query):
        return soa("st.um.", 7)(dns.message.make_query("st.um", "SOA", id=query.id))

    server.keys = keyring(KEYS)
    server.zones["st.um."] = unsigned
    assert ask(server, key="strangers", timeout=0.2) == NOBODY


def test_asks_over_tcp_if_the_answer_does_not_fit(server):
    server.truncates = True
    server.zones["st.um."] = 7
    assert ask(server).serial == 7
    assert len(server.queries) == 2


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(soa("st.um.", 7, authority=False), id="without authority"),
        pytest.param(soa("st.um.", 7, section=None, authority=False, rcode=dns.rcode.SERVFAIL), id="SERVFAIL"),
        pytest.param(soa("st.um.", 7, section=None, authority=False, rcode=dns.rcode.REFUSED), id="REFUSED"),
        pytest.param(soa("um.", 7, section="authority", rcode=dns.rcode.NXDOMAIN), id="the parent's denial"),
        pytest.param(soa("st.um.", 7, section="authority"), id="a denial"),
        pytest.param(soa("st.um.", 7, rdtype="TXT"), id="another record"),
        pytest.param(lambda query: b"\x00", id="garbage"),
        pytest.param(lambda query: soa("st.um.", 7)(dns.message.make_query("st.um", "SOA")), id="another's answer"),
    ],
)
def test_an_answer_without_a_serial_is_none(server, reply):
    server.zones["st.um."] = reply
    assert ask(server, timeout=0.3) == NOBODY


def test_silence_is_none_when_the_time_is_over(server):
    server.zones["st.um."] = silent
    started = time.monotonic()
    assert ask(server, timeout=0.2) == NOBODY
    assert 0.2 <= time.monotonic() - started < 2
    assert len(server.queries) == 1


def test_nobody_at_the_port_is_none():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    started = time.monotonic()
    asker = Asker(port, 5)
    assert asker.serial("a", way()) == NOBODY
    assert time.monotonic() - started < 1  # told so, not waited for
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as meanwhile:
        meanwhile.bind(("127.0.0.1", port))
        meanwhile.settimeout(0.2)
        assert asker.serial("a", way()) == NOBODY
        with pytest.raises(TimeoutError):
            meanwhile.recv(512)  # it was not asked again


def test_an_answer_from_another_port_is_not_taken(server):
    def both(query):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            other.sendto(soa("st.um.", 9)(query).to_wire(), server.sender)
        return 7

    server.zones["st.um."] = both
    assert ask(server).serial == 7


def test_asks_over_ipv6(servers):
    servers[1].zones["st.um."] = 7
    assert ask(servers[0], address="::1").serial == 7
    assert servers[0].queries == []


# How far BIND is with signing: algorithm, key tag (2 octets), whether the key goes, whether it is done


@pytest.mark.parametrize(
    ("notes", "is_signing"),
    [
        pytest.param([], False, id="nothing was ever signed, or it is long ago"),
        pytest.param([r"\# 5 0D04D20001"], False, id="done"),
        pytest.param([r"\# 5 0D04D20101"], False, id="a key is gone"),
        pytest.param([r"\# 5 0D04D20000"], True, id="under way"),
        pytest.param([r"\# 5 0D04D20100"], True, id="a key goes"),
        pytest.param([r"\# 5 0D04D20001", r"\# 5 0D162E0000"], True, id="one of two keys is done"),
        pytest.param([r"\# 5 0D04D20001", r"\# 5 0D162E0001"], False, id="both are done"),
        pytest.param([r"\# 6 000100000000"], True, id="a chain of NSEC3 is made"),
        pytest.param([r"\# 6 000180000A00"], True, id="a chain of NSEC3 with iterations is made"),
        pytest.param([r"\# 5 0D04D20001", r"\# 6 000100000000"], True, id="a chain of NSEC3 is made, a key is done"),
    ],
)
def test_is_signing(server, notes, is_signing):
    server.records["st.um.", "TYPE65534"] = notes
    assert Asker(server.port, 2).is_signing(way()) == is_signing
    assert server.asked("TYPE65534") == [("st.um.", None)]


def test_a_server_that_does_not_answer_is_not_signing(server):
    server.records["st.um.", "TYPE65534"] = [r"\# 5 0D04D20000"]
    assert not Asker(server.port, 0.1).is_signing(way(key="strangers"))


# What a parent ought to know of a zone's keys

# The root's key of 2017, and what IANA publishes of it.
KSK_2017 = (
    "257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlN"
    "Vz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eN"
    "buv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2"
    "Nn6UwNR1AkUTV74bU="
)
DS_2017 = "20326 8 2 e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d"
ZSK = "256" + KSK_2017[3:]
CDS = [f"{tag} 13 2 {'ab' * 32}" for tag in (9, 10)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param({}, [], id="no key"),
        pytest.param({"DNSKEY": [KSK_2017]}, [DS_2017], id="a key"),
        pytest.param({"DNSKEY": [ZSK, KSK_2017]}, [DS_2017], id="a key that only signs the zone is not for the parent"),
        pytest.param({"DNSKEY": [ZSK]}, [], id="nothing but such a key"),
        pytest.param({"CDS": CDS, "DNSKEY": [KSK_2017]}, sorted(CDS), id="CDS records come first"),
        pytest.param({"CDS": [CDS[1]], "DNSKEY": [KSK_2017]}, [CDS[1]], id="a CDS record"),
        pytest.param({"CDS": ["0 0 0 00"], "DNSKEY": [KSK_2017]}, [], id="the wish to leave (RFC 8078)"),
    ],
)
def test_ds(server, records, expected):
    server.records = {(".", kind): values for kind, values in records.items()}
    assert Asker(server.port, 2).ds(way(".")) == expected
    assert server.asked("CDS") == [(".", None)]
    assert server.asked("DNSKEY") == ([] if "CDS" in records else [(".", None)])


# Transfers

DYNAMIC = """\
dyn.st.um. 60 IN SOA ns1.st.um. hostmaster.st.um. 42 3600 900 2419200 3600
dyn.st.um. 300 IN NS ns1.st.um.
b.dyn.st.um. 60 IN TXT "a b; c"
a.dyn.st.um. 60 IN A 192.0.2.1
a.dyn.st.um. 60 IN A 192.0.2.10
"""
OF_THE_SIGNER = f"""\
dyn.st.um. 60 IN DNSKEY {ZSK}
dyn.st.um. 60 IN CDNSKEY {KSK_2017}
dyn.st.um. 60 IN CDS {CDS[0]}
dyn.st.um. 60 IN NSEC3PARAM 1 0 0 -
dyn.st.um. 60 IN TYPE65534 \\# 5 0D04D20001
dyn.st.um. 60 IN RRSIG SOA 13 2 60 20380101000000 20200101000000 1 dyn.st.um. AAAA
a.dyn.st.um. 60 IN NSEC b.dyn.st.um. A RRSIG NSEC
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.dyn.st.um. 60 IN NSEC3 1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A
"""
RECOVERED = {
    "serial": 42,
    "text": "a.dyn.st.um. 60 IN A 192.0.2.1\na.dyn.st.um. 60 IN A 192.0.2.10\n"
    'b.dyn.st.um. 60 IN TXT "a b; c"\ndyn.st.um. 300 IN NS ns1.st.um.',
}


@pytest.mark.parametrize("text", [DYNAMIC, DYNAMIC + OF_THE_SIGNER], ids=["unsigned", "signed"])
def test_a_transfer_gives_a_zone_without_the_records_of_its_signer(server, text):
    server.keys, server.transfers = keyring(KEYS), {"dyn.st.um.": text}
    assert Asker(server.port, 2).transfer(way("dyn.st.um", key="secondary")) == RECOVERED
    assert server.asked("AXFR") == [("dyn.st.um.", "secondary.")]


def test_a_transfer_that_fails_is_none(server):
    server.keys = keyring(KEYS)
    asker = Asker(server.port, 0.3)
    assert asker.transfer(way("dyn.st.um", key="secondary")) is None  # no such zone
    server.transfers = {"dyn.st.um.": DYNAMIC}
    server.keys = {}
    assert asker.transfer(way("dyn.st.um", key="secondary")) is None
    server.keys = keyring({"secondary": KEYS["strangers"]})
    assert asker.transfer(way("dyn.st.um", key="secondary")) is None
    assert asker.transfer(way("dyn.st.um", "127.0.0.9", key="secondary")) is None  # nobody there


# Serial numbers


@pytest.mark.parametrize(
    ("serial", "other", "behind"),
    [
        (0, 0, False),
        (7, 7, False),
        (6, 7, True),
        (7, 6, False),
        (0, HALF - 1, True),
        (HALF - 1, 0, False),
        (0, HALF, False),  # neither is less: RFC 1982 leaves it undefined
        (HALF, 0, False),
        (0, HALF + 1, False),
        (HALF + 1, 0, True),
        (LAST, 0, True),
        (LAST, 1, True),
        (0, LAST, False),
        (LAST, LAST, False),
        (LAST - 1, LAST, True),
        (LAST, HALF - 2, True),
        (2025090100, 2025090101, True),
    ],
)
def test_is_behind(serial, other, behind):
    assert is_behind(serial, other) == behind


@given(st.integers(0, LAST), st.integers(0, LAST) | st.integers(HALF - 3, HALF + 3))
def test_is_behind_as_rfc_1982_says(serial, offset):
    other = (serial + offset) % 2**32
    # Section 3.2, word for word.
    less = (serial < other and other - serial < HALF) or (serial > other and serial - other > HALF)
    assert is_behind(serial, other) == less


# What the servers say


def held(serial):
    soa, records = (
        ("60", "st.um.", "ns1.st.um.", "hostmaster.st.um.", "3600", "900", "2419200", "3600"),
        ZONE.splitlines()[5:],
    )
    return {"digest": hashlib.sha256("\n".join([*soa, *records]).encode()).hexdigest(), "serial": serial}


@pytest.mark.parametrize(
    ("file", "answers", "expected"),
    [
        pytest.param(held(7), [7], [], id="a server alone"),
        pytest.param(held(7), [7, 7, 7], [], id="all agree"),
        pytest.param(None, [7, 7], [], id="all agree, without a file"),
        pytest.param(held(7), [9, 9], [], id="signatures are ahead of the file"),
        pytest.param(held(LAST), [1, 1], [], id="signatures are ahead, and the numbers wrap"),
        pytest.param(held(7), [7, 6], ["b serves serial 6 of st.um, wanted 7"], id="one is behind"),
        pytest.param(held(7), [7, 8], ["b serves serial 8 of st.um, wanted 7"], id="one is ahead"),
        pytest.param(held(7), [9, 7], ["b serves serial 7 of st.um, wanted 9"], id="one is behind the signatures"),
        pytest.param(held(7), [7, None, 7], ["b does not serve st.um, wanted 7"], id="one is down"),
        pytest.param(None, [7, None], ["b does not serve st.um, wanted 7"], id="one is down, without a file"),
        pytest.param(
            held(7),
            [7, None, 6],
            ["b does not serve st.um, wanted 7", "c serves serial 6 of st.um, wanted 7"],
            id="one is down and one behind",
        ),
        pytest.param(held(7), [6, 7], ["a serves serial 6 of st.um, wanted 7"], id="the first is behind its file"),
        pytest.param(
            held(1),
            [LAST, LAST],
            [f"a serves serial {LAST} of st.um, wanted 1", f"b serves serial {LAST} of st.um, wanted 1"],
            id="all are behind the file, and the numbers wrap",
        ),
        pytest.param(held(7), [None, 7], ["a does not serve st.um, wanted 7"], id="the first is down"),
        pytest.param(
            held(7),
            [None, 6],
            ["a does not serve st.um, wanted 7", "b serves serial 6 of st.um, wanted 7"],
            id="the first is down and the other behind the file",
        ),
        pytest.param(None, [None, 7], ["a does not serve st.um"], id="the first is down, without a file"),
        pytest.param(None, [None, None], ["a does not serve st.um", "b does not serve st.um"], id="nobody serves it"),
    ],
)
def test_disagreements(file, answers, expected):
    said = [Answer(server, serial, False) for server, serial in zip("abc", answers, strict=False)]
    assert disagreements("st.um", file, False, said) == expected
    # Where the serials are not right yet, there is no word on signatures.
    unsigned = expected or [f"{server} serves st.um unsigned" for server in "abc"[: len(answers)]]
    assert disagreements("st.um", file, True, said) == unsigned
    assert disagreements("st.um", file, True, [answer._replace(signed=True) for answer in said]) == expected


def test_who_serves_a_zone_unsigned_is_named():
    answers = [Answer("a", 7, True), Answer("b", 7, False), Answer("c", 7, True)]
    assert disagreements("st.um", held(7), True, answers) == ["b serves st.um unsigned"]
    assert disagreements("st.um", held(7), False, answers) == []


some_serials = st.sampled_from([None, 0, 1, 7, HALF, LAST]) | st.integers(0, LAST)


@given(
    st.none() | st.integers(0, LAST).map(held),
    st.lists(st.tuples(some_serials, st.booleans()), min_size=1),
    st.booleans(),
)
def test_there_is_no_disagreement_when_all_is_well_and_never_else(file, said, signed):
    answers = [Answer("a", *each) for each in said]
    first = answers[0].serial
    agree = first is not None and all(answer.serial == first for answer in answers)
    behind = first is not None and file is not None and is_behind(first, file["serial"])
    right = agree and not behind and (not signed or all(answer.signed for answer in answers))
    assert (disagreements("st.um", file, signed, answers) == []) == right


def test_every_address_is_an_endpoint():
    servers = [{"name": "a", "addresses": ["192.0.2.1", "::1"]}, {"name": "b", "addresses": ["192.0.2.2"]}]
    labels = [("a (192.0.2.1)", "192.0.2.1"), ("a (::1)", "::1"), ("b (192.0.2.2)", "192.0.2.2")]
    assert endpoints(servers) == labels
    assert endpoints([]) == []


# The module


class Module:
    """The module, run in this process."""

    def __init__(self, folder, server, capsys):
        self.folder, self.port, self.capsys = folder, server.port, capsys
        self.write("st.um", 7)

    def write(self, zone, serial):
        (self.folder / f"{zone}.zone").write_text(ZONE.format(serial=serial))

    def run(self, *servers, zones=("st.um",), check_mode=False, **options):
        """Return what the module returns, and the seconds that it took."""
        arguments = {
            "zones": [{"name": each, "file": f"{each}.zone"} if isinstance(each, str) else each for each in zones],
            "directory": str(self.folder),
            "servers": [PRIMARY] if servers == () else [server for server in servers if server],
            "port": self.port,
            "timeout": 0.2,
        }
        started = time.monotonic()
        arguments |= options | {"_ansible_check_mode": check_mode}
        with patch_module_args(arguments), pytest.raises(SystemExit) as done:
            zone_state.main()
        result = json.loads(self.capsys.readouterr().out)
        assert bool(done.value.code) == result.get("failed", False)
        assert not result.get("changed")
        return result, time.monotonic() - started


@pytest.fixture
def module(tmp_path, server, capsys):
    return Module(tmp_path, server, capsys)


def test_looks(module, server):
    module.write("rebuilt", 3)
    server.zones |= {"st.um.": 9, "new.": soa("new.", 1, authority=False), "gone.": silent, "rebuilt.": 12}
    today = [datetime.now(UTC)]
    result, _ = module.run(zones=["st.um", "new", "gone", "rebuilt"])
    today.append(datetime.now(UTC))
    assert result["zones"] == {
        "st.um": {"file": held(7), "served": [9], "signed": None},
        "new": {"file": None, "served": [], "signed": None},
        "gone": {"file": None, "served": [], "signed": None},
        "rebuilt": {"file": held(3), "served": [12], "signed": None},
    }
    assert (result["ds"], result["texts"], result["recovered"]) == ({}, {}, {})
    assert result["date"] in [day.strftime("%Y%m%d") for day in today]


def test_looks_at_every_address(module, servers):
    servers[0].zones["st.um."], servers[1].zones["st.um."] = 7, 6
    assert module.run(PRIMARY, SECONDARY | {"names": ["ns2"]})[0]["zones"]["st.um"]["served"] == [7, 6]
    both = {"name": "primary", "addresses": ["127.0.0.1", "::1"]}
    assert module.run(both)[0]["zones"]["st.um"]["served"] == [7, 6]


def test_a_server_that_is_down_does_not_fail_a_look(module):
    result, seconds = module.run()
    assert result["zones"]["st.um"]["served"] == []
    assert seconds < 2


def test_the_gate_opens_at_once(module, server):
    server.zones["st.um."] = 7
    result, seconds = module.run(wait=10)
    assert result["zones"]["st.um"]["served"] == [7]
    assert len(server.queries) == 1
    assert seconds < 2


def test_the_gate_opens_where_signatures_are_ahead(module, server):
    server.zones["st.um."] = 9
    assert module.run(wait=10)[0]["zones"]["st.um"]["served"] == [9]


def test_the_gate_waits_for_the_first_server(module, server):
    module.write("other", 5)
    follows = time.monotonic() + 0.5
    server.zones["st.um."] = lambda query: 7 if time.monotonic() > follows else 6
    server.zones["other."] = 5
    result, seconds = module.run(zones=["st.um", "other"], wait=10)
    assert {zone: state["served"] for zone, state in result["zones"].items()} == {"st.um": [7], "other": [5]}
    assert 0.4 < seconds < 3
    asked = [query.question[0].name.to_text() for query in server.queries]
    assert asked.count("st.um.") > 2
    assert asked.count("other.") == 1  # it was right at once


def test_the_gate_waits_for_a_secondary(module, servers):
    follows = time.monotonic() + 0.5
    servers[0].zones["st.um."] = 7
    servers[1].zones["st.um."] = lambda query: 7 if time.monotonic() > follows else silent
    result, seconds = module.run(PRIMARY, SECONDARY, wait=10)
    assert result["zones"]["st.um"]["served"] == [7, 7]
    assert 0.4 < seconds < 3


@pytest.mark.parametrize("key", [None, "strangers"])
def test_the_gate_tells_a_secondary_that_has_missed_a_notify(module, servers, key):
    for each in servers:
        each.keys = keyring(KEYS)
    module.write("other", 5)
    servers[0].zones |= {"st.um.": 7, "other.": 5}
    told = []

    def follow(query):
        if query.opcode() == dns.opcode.NOTIFY:
            told.append((query.flags & (dns.flags.AA | dns.flags.RD), query.keyname and query.keyname.to_text()))
            return dns.message.make_response(query).to_wire()
        return 7 if told else 6

    servers[1].zones |= {"st.um.": follow, "other.": 5}
    zones = [{"name": "st.um", "file": "st.um.zone", "key": key}, "other"]
    result, seconds = module.run(PRIMARY, SECONDARY, zones=zones, keys=KEYS, wait=10)
    assert result["zones"]["st.um"]["served"] == [7, 7]
    assert told == [(dns.flags.AA, key and f"{key}.")]
    assert seconds < 3
    assert not [query for each in (0, 2) for query in servers[each].queries if query.opcode() == dns.opcode.NOTIFY]


def test_the_gate_tells_it_again(module, servers, monkeypatch):
    monkeypatch.setattr(zone_state, "REMINDING", 0.3)
    servers[0].zones["st.um."] = 7
    told = []
    servers[1].zones["st.um."] = lambda query: told.append(1) or silent if query.opcode() else 7 if told[2:] else 6
    assert module.run(PRIMARY, SECONDARY, wait=10)[0]["zones"]["st.um"]["served"] == [7, 7]


def test_the_gate_fails_and_names_server_zone_and_serials(module, servers):
    module.write("other", 5)
    servers[0].zones |= {"st.um.": 7, "other.": 5}
    servers[1].zones |= {"st.um.": 6, "other.": 5}
    result, seconds = module.run(PRIMARY, SECONDARY, zones=["st.um", "other"], wait=1)
    assert result["msg"] == "After 1 s: secondary (::1) serves serial 6 of st.um, wanted 7"
    assert 1 <= seconds < 3


def test_the_gate_fails_where_the_first_server_is_down_or_behind(module, server):
    module.write("other", 5)
    server.zones["other."] = 4
    result, _ = module.run(zones=["st.um", "other"], wait=1)
    assert result["msg"] == (
        "After 1 s: primary (127.0.0.1) does not serve st.um, wanted 7; "
        "primary (127.0.0.1) serves serial 4 of other, wanted 5"
    )


def test_the_gate_names_twenty_failures_at_most(module):
    for number, more in ((20, ""), (21, "; and 1 more"), (30, "; and 10 more")):
        result, _ = module.run(zones=[f"z{number}" for number in range(number)], wait=1)
        assert result["msg"].count(" does not serve z") == 20
        assert result["msg"].endswith(f"does not serve z19{more}")


def test_the_gate_does_not_wait_in_check_mode(module, server):
    server.zones["st.um."] = 6
    result, seconds = module.run(wait=10, check_mode=True)
    assert result["zones"]["st.um"] == {"file": held(7), "served": [6], "signed": None}
    assert seconds < 2


def test_check_mode_does_without_dnspython(module, server, monkeypatch):
    monkeypatch.setattr(zone_state, "dns", None)
    for wait in (0, 10):
        result, seconds = module.run(wait=wait, check_mode=True, keys=KEYS, texts=["st.um"])
        assert result["zones"]["st.um"] == {"file": held(7), "served": [], "signed": None}
        assert (result["ds"], result["recovered"], list(result["texts"])) == ({}, {}, ["st.um"])
        assert seconds < 2
    assert server.queries == []


def test_dnspython_is_named_where_it_is_needed(module, monkeypatch):
    monkeypatch.setattr(zone_state, "dns", None)
    result, _ = module.run()
    assert "Failed to import the required Python library (dnspython)" in result["msg"]


# Signed zones


def signed(name="st.um", **options):
    return {"name": name, "file": f"{name}.zone", "signed": True} | options


def test_the_primary_tells_whether_a_zone_is_signed(module, servers):
    servers[0].zones |= {"st.um.": sign("st.um.", 9), "plain.": 5}
    servers[1].zones |= {"st.um.": 9, "plain.": sign("plain.", 5)}
    zones = module.run(PRIMARY, SECONDARY, zones=[signed(), signed("plain")])[0]["zones"]
    assert zones["st.um"] == {"file": held(7), "served": [9, 9], "signed": 9}
    assert zones["plain"] == {"file": None, "served": [5, 5], "signed": None}


@pytest.mark.parametrize("serial", [7, 6])
def test_the_serial_of_others_does_not_do_for_a_zone_that_the_primary_is_yet_to_sign(module, servers, serial):
    servers[1].zones["st.um."] = sign("st.um.", serial)
    state = module.run(PRIMARY, SECONDARY, zones=[signed()])[0]["zones"]["st.um"]
    assert state == {"file": {"digest": "", "serial": 7}, "served": [serial], "signed": None}
    assert zone_serial(held(7)["digest"], **state, date="19700101") == 1970010100
    plain = module.run(PRIMARY, SECONDARY, zones=[signed(signed=False)])[0]["zones"]["st.um"]
    assert plain == {"file": held(7), "served": [serial], "signed": None}


def test_a_zone_that_nobody_serves_keeps_its_serial(module, servers):
    zones = module.run(PRIMARY, SECONDARY, zones=[signed()])[0]["zones"]
    assert zones["st.um"] == {"file": held(7), "served": [], "signed": None}


@pytest.mark.parametrize(("options", "seen"), [({"leaving": True}, 9), ({}, None)])
def test_signatures_count_as_long_as_named_makes_them_or_takes_them_away(module, server, options, seen):
    server.zones["st.um."] = sign("st.um.", 9)
    zones = module.run(zones=[signed(signed=False, **options)])[0]["zones"]
    assert zones["st.um"] == {"file": held(7), "served": [9], "signed": seen}


def test_the_gate_waits_for_signatures_everywhere(module, servers):
    servers[0].zones["st.um."] = sign("st.um.", 7)
    servers[1].zones["st.um."] = 7
    result, _ = module.run(PRIMARY, SECONDARY, zones=[signed()], wait=1)
    assert result["msg"] == "After 1 s: secondary (::1) serves st.um unsigned"
    servers[1].zones["st.um."] = sign("st.um.", 7)
    assert module.run(PRIMARY, SECONDARY, zones=[signed()], wait=1)[0]["zones"]["st.um"]["signed"] == 7


def test_the_gate_does_not_ask_for_signatures_that_nobody_wants(module, server):
    server.zones["st.um."] = sign("st.um.", 7)
    server.records["st.um.", "TYPE65534"] = [r"\# 5 0D04D20000"]
    assert "failed" not in module.run(wait=1)[0]
    assert server.asked("TYPE65534") == []


def test_the_gate_waits_until_all_is_signed(module, server):
    server.zones["st.um."] = sign("st.um.", 8)
    server.records["st.um.", "TYPE65534"] = [r"\# 5 0D04D20000"]
    result, _ = module.run(zones=[signed()], wait=1)
    assert result["msg"] == "After 1 s: primary (127.0.0.1) is still signing st.um"
    server.records["st.um.", "TYPE65534"] = [r"\# 5 0D04D20001"]
    result, seconds = module.run(zones=[signed()], wait=10)
    assert result["zones"]["st.um"]["served"] == [8]
    assert seconds < 2


def test_a_look_does_not_wait_for_signatures(module, server):
    server.zones["st.um."] = 7
    assert module.run(zones=[signed()])[0]["zones"]["st.um"] == {"file": held(7), "served": [7], "signed": None}
    assert server.asked("TYPE65534") == []


def test_ds_records_are_those_of_the_signed_zones_that_are_ours(module, server):
    names = ["st.um", "plain", "theirs", "um."]
    server.zones |= {f"{name.rstrip('.')}.": sign(f"{name.rstrip('.')}.", 7) for name in names} | {"plain.": 7}
    server.records |= {(f"{name.rstrip('.')}.", "CDS"): [CDS[0]] for name in names}
    zones = ["st.um", "plain", {"name": "theirs", "kind": "secondary"}, {"name": "um.", "kind": "dynamic"}]
    assert module.run(zones=zones)[0]["ds"] == {"st.um.": [CDS[0]], "um.": [CDS[0]]}


def test_a_signed_zone_without_ds_records_is_told_too(module, server):
    server.zones["st.um."] = sign("st.um.", 7)
    server.records["st.um.", "CDS"] = ["0 0 0 00"]
    assert module.run()[0]["ds"] == {"st.um.": []}


KEY = """\
; This is a key-signing key, keyid 20326, for st.um.
; Created: 20200101000000 (Wed Jan  1 00:00:00 2020)
{times}
st.um. 3600 IN DNSKEY {record}
"""


def write_key(folder, tag, record=KSK_2017, zone="st.um", **times):
    lines = "\n".join(f"; {what}: {when} (a day)" for what, when in times.items())
    text = KEY.format(times=lines, record=record).replace("st.um.", f"{zone}.")
    (folder / f"K{zone}.+008+{tag}.key").write_text(text)


PAST, FUTURE = "20200101000000", "20990101000000"
OTHER_KSK = KSK_2017.replace("AwEAAaz", "AwEAAbz")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param([{"Publish": PAST}], ["first"], id="a key"),
        pytest.param([{"Publish": PAST, "SyncPublish": FUTURE}], ["first"], id="a key whose CDS records are to come"),
        pytest.param([{"Publish": FUTURE}], None, id="a key to come"),
        pytest.param([{"Publish": PAST, "Delete": PAST}], None, id="a key that is gone"),
        pytest.param([{"Publish": PAST}, {"Publish": PAST}], ["first", "second"], id="two keys"),
        pytest.param(
            [{"Publish": PAST, "SyncPublish": PAST}, {"Publish": PAST, "SyncPublish": FUTURE}],
            ["first"],
            id="a key that follows, and the parent is not to know yet",
        ),
        pytest.param(
            [
                {"Publish": PAST, "SyncPublish": PAST, "SyncDelete": PAST},
                {"Publish": PAST, "SyncPublish": PAST, "SyncDelete": FUTURE},
            ],
            ["second"],
            id="a key that has followed",
        ),
    ],
)
def test_ds_records_of_a_zone_that_nobody_serves_yet_are_those_of_its_keys(module, times, expected):
    for tag, record, each in zip(("00001", "00002"), (KSK_2017, OTHER_KSK), times, strict=False):
        write_key(module.folder, tag, record, **each)
    write_key(module.folder, "00003", ZSK, Publish=PAST)
    values = {
        name: zone_state.dns.dnssec.make_ds("st.um.", zone_state.dns.rdata.from_text("IN", "DNSKEY", key), "SHA256")
        for name, key in (("first", KSK_2017), ("second", OTHER_KSK))
    }
    found = module.run(zones=[signed()])[0]["ds"]
    assert found == ({"st.um.": sorted(values[name].to_text() for name in expected)} if expected else {})


def test_keys_count_for_nothing_but_a_signed_zone_of_ours_that_is_not_served(module, server):
    for name in ("st.um", "plain", "theirs"):
        write_key(module.folder, "00001", zone=name, Publish=PAST)
    server.zones["st.um."] = sign("st.um.", 7)
    server.records["st.um.", "CDS"] = [CDS[0]]
    zones = [signed(), "plain", signed("theirs", kind="secondary")]
    assert module.run(zones=zones)[0]["ds"] == {"st.um.": [CDS[0]]}
    assert module.run(None, zones=zones)[0]["ds"] == {}
    server.zones["st.um."] = 7  # not yet signed
    assert module.run(zones=zones)[0]["ds"] == {}


def test_keys_of_a_zone_below_a_slash(module):
    (module.folder / "K128%2F25.2.0.192.in-addr.arpa.+008+00001.key").write_text(
        KEY.format(times=f"; Publish: {PAST} (a day)", record=KSK_2017)
    )
    zone = "128/25.2.0.192.in-addr.arpa"
    assert [*module.run(zones=[signed() | {"name": zone}])[0]["ds"]] == [f"{zone}."]


def test_parents_are_asked_about_the_zones_that_would_lose_their_signatures_too_early(module, server):
    names = ["st.um", "plain", "theirs", "stays", "young", "leaves"]
    server.zones |= {f"{name}.": sign(f"{name}.", 7) for name in names} | {"plain.": 7}
    server.records |= {(f"{name}.", "DS"): [CDS[0]] for name in names}
    server.records["leaves.", "CDS"] = ["0 0 0 00"]
    zones = [
        "st.um",
        "plain",
        {"name": "theirs", "kind": "secondary"},
        {"name": "stays", "signed": True},
        {"name": "young", "leaving": True},
        {"name": "leaves", "leaving": True},
    ]
    assert module.run(zones=zones)[0]["vouched"] == {"st.um.": [CDS[0]], "young.": [CDS[0]]}
    assert sorted(server.asked("DS")) == [("st.um.", None), ("young.", None)]


def test_a_parent_that_does_not_vouch_is_not_among_them(module, server):
    server.zones["st.um."] = sign("st.um.", 7)
    assert module.run()[0]["vouched"] == {}


# Views


def test_zones_of_one_name_are_told_apart_by_their_id(module, servers):
    views = {None: 7, "strangers.": 5}
    for server in servers:
        server.keys = keyring(KEYS)
        server.zones["st.um."] = lambda query: views[query.keyname and query.keyname.to_text()]
    module.write("st.um.out", 5)
    out = {"name": "st.um", "id": "st.um@out", "file": "st.um.out.zone", "key": "strangers"}
    result, _ = module.run(PRIMARY, SECONDARY, zones=["st.um", out], keys=KEYS, wait=1)
    assert result["zones"] == {
        "st.um": {"file": held(7), "served": [7, 7], "signed": None},
        "st.um@out": {"file": held(5), "served": [5, 5], "signed": None},
    }
    assert sorted(servers[1].asked(), key=str) == [("st.um.", "strangers."), ("st.um.", None)]


def test_a_message_names_a_zone_by_its_id(module):
    out = {"name": "st.um", "id": "st.um@out", "file": "st.um.zone"}
    result, _ = module.run(zones=[out], wait=1)
    assert result["msg"] == "After 1 s: primary (127.0.0.1) does not serve st.um@out, wanted 7"


def test_the_first_server_is_asked_where_the_view_is(module, servers):
    servers[0].zones["st.um."], servers[1].zones["st.um."], servers[2].zones["st.um."] = 7, 5, 6
    here = {"name": "primary", "addresses": ["127.0.0.1"]}
    out = {"name": "st.um", "id": "out", "address": "127.0.0.2"}
    result, _ = module.run(here, SECONDARY, zones=["st.um", out])
    assert result["zones"]["st.um"]["served"] == [7, 5]
    assert result["zones"]["out"]["served"] == [6, 5]
    result, _ = module.run(here, SECONDARY, zones=[out], wait=1)
    assert result["msg"] == "After 1 s: secondary (::1) serves serial 5 of out, wanted 6"
    servers[2].zones.clear()
    result, _ = module.run(here, SECONDARY, zones=[out | {"file": "st.um.zone"}], wait=1)
    assert result["msg"].startswith("After 1 s: primary (127.0.0.2) does not serve out, wanted 7; secondary (::1) ")


# Files and nobody asked


@pytest.mark.parametrize(("kind", "file"), [("static", held(7)), ("dynamic", None), ("secondary", None)])
def test_only_the_files_of_static_zones_are_read(module, server, kind, file):
    server.zones["st.um."] = 3
    zone = {"name": "st.um", "file": "st.um.zone", "kind": kind}
    assert module.run(zones=[zone])[0]["zones"]["st.um"] == {"file": file, "served": [3], "signed": None}


def test_texts_are_those_of_the_files_that_are_ours(module, server):
    module.write("other", 5)
    (module.folder / "strange.zone").write_text("; of somebody else\n")
    other = {"name": "other", "id": "other@out", "file": "other.zone"}
    zones = ["st.um", other, "strange", "gone"]
    asked = ["st.um", "other@out", "other", "strange", "gone", "never heard of"]
    result, _ = module.run(None, zones=zones, texts=asked)
    texts = {"st.um": ZONE.format(serial=7), "other@out": ZONE.format(serial=5)}
    assert result["texts"] == texts
    assert module.run(None, zones=zones)[0]["texts"] == {}


def test_without_servers_nobody_is_asked(module, server):
    server.zones["st.um."] = sign("st.um.", 7)
    result, seconds = module.run(None, zones=[signed()])
    assert result["zones"]["st.um"] == {"file": held(7), "served": [], "signed": None}
    assert (result["ds"], result["recovered"], server.queries) == ({}, {}, [])
    assert seconds < 1


# Dynamic zones that are lost here


def recover(module, *servers, keys=KEYS, **options):
    zone = {"name": "dyn.st.um", "file": "dyn.st.um.db", "kind": "dynamic"} | options
    return module.run(*servers, zones=[zone], keys=keys)[0]["recovered"]


@pytest.fixture
def secondary(servers):
    """A server that has the zone."""
    servers[1].keys = keyring(KEYS)
    servers[1].transfers = {"dyn.st.um.": DYNAMIC + OF_THE_SIGNER}
    return servers[1]


def test_a_lost_dynamic_zone_is_fetched_from_a_secondary_with_its_key(module, secondary):
    assert recover(module, PRIMARY, SECONDARY) == {"dyn.st.um": RECOVERED}
    assert secondary.asked("AXFR") == [("dyn.st.um.", "secondary.")]
    assert recover(module, PRIMARY, SECONDARY, id="dyn@main") == {"dyn@main": RECOVERED}


def test_a_zone_that_is_here_is_not_fetched(module, secondary):
    (module.folder / "dyn.st.um.db").write_text("; of named")
    assert recover(module, PRIMARY, SECONDARY) == {}
    assert secondary.asked("AXFR") == []


@pytest.mark.parametrize("options", [{"kind": "static"}, {"kind": "secondary"}, {"file": None}])
def test_no_other_zone_is_fetched(module, secondary, options):
    assert recover(module, PRIMARY, SECONDARY, **options) == {}
    assert secondary.asked("AXFR") == []


def test_the_primary_itself_is_not_asked_for_a_transfer(module, secondary):
    assert recover(module, SECONDARY) == {}
    assert secondary.asked("AXFR") == []


def test_a_server_without_a_key_is_not_asked_for_a_transfer(module, secondary):
    assert recover(module, PRIMARY, SECONDARY, keys={"strangers": KEYS["strangers"]}) == {}
    assert secondary.asked("AXFR") == []


def test_what_nobody_has_is_not_recovered(module, servers, secondary):
    secondary.transfers = {}
    assert recover(module, PRIMARY, SECONDARY) == {}


def test_a_server_that_is_down_does_not_hide_the_next(module, servers, secondary):
    third = {"name": "third", "addresses": ["127.0.0.9", "127.0.0.2"]}
    servers[2].keys, servers[2].transfers = keyring({"third": KEYS["strangers"]}), {"dyn.st.um.": DYNAMIC}
    keys = KEYS | {"third": KEYS["strangers"]}
    secondary.transfers = {}
    assert recover(module, PRIMARY, SECONDARY, third, keys=keys) == {"dyn.st.um": RECOVERED}
    secondary.transfers = servers[2].transfers
    servers[2].queries.clear()
    assert recover(module, PRIMARY, SECONDARY, third, keys=keys) == {"dyn.st.um": RECOVERED}
    assert servers[2].asked("AXFR") == []  # once is enough


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"servers": [{"name": "b", "addresses": ["ns2"]}]}, "servers: b: 'ns2' does not appear to be an IPv4 or IPv6"),
        ({"servers": [PRIMARY, {"name": "b", "addresses": []}]}, "servers: b has no addresses"),
        ({"servers": [{"addresses": ["::1"]}]}, "missing required arguments: name found in servers"),
        ({"servers": [{"name": "b"}]}, "missing required arguments: addresses found in servers"),
        ({"servers": ["ns2"]}, "dictionary requested, could not parse JSON or key=value"),
        ({"servers": [], "wait": 1}, "servers is empty, so there is nothing to wait for"),
        ({"zones": "st.um"}, "dictionary requested, could not parse JSON or key=value"),
        ({"zones": [{"file": "x"}]}, "missing required arguments: name found in zones"),
        (
            {"zones": [{"name": "x", "kind": "hint"}]},
            "one of: static, dynamic, secondary, got: hint",
        ),
        ({"zones": [{"name": "x", "key": "b"}, {"name": "y", "key": "a"}]}, "keys: there is no a, b"),
        ({"keys": {"a": "c2VjcmV0Cg"}}, "keys: the secret of a is not base64"),
        ({"wait": "soon"}, "argument 'wait' is of type"),
        ({"directroy": "/"}, "Unsupported parameters for"),
    ],
)
def test_wrong_arguments_are_refused(capsys, options, message):
    arguments = {"zones": [], "directory": "/", "servers": [PRIMARY]} | options
    with patch_module_args(arguments), pytest.raises(SystemExit):
        zone_state.main()
    assert message in json.loads(capsys.readouterr().out)["msg"]
