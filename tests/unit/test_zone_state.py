"""The serials of files and servers, and the gate, against name servers of our own."""

import json
import socket
import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from ansible.module_utils.testing import patch_module_args
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "library"))

import zone_state
from zone_state import ask_serial, disagreements, endpoints, is_behind, read_zone_file

HALF = 2**31
LAST = 2**32 - 1
PRIMARY = {"name": "primary", "addresses": ["127.0.0.1"]}
SECONDARY = {"name": "secondary", "addresses": ["::1"]}
ZONE = """\
;
; Ansible managed
;
; content {digest}
$TTL 60
st.um. IN SOA ns1.st.um. hostmaster.st.um. {serial} 3600 900 2419200 3600
st.um. 60 IN NS ns1.st.um.
a.st.um. 60 IN TXT "x IN SOA y z 99 "
"""


# Name servers

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
    """A name server. What it says of a zone is a serial, which may depend on the time, a reply, or nothing."""

    def __init__(self, address, port=0):
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.port = self.socket.getsockname()[1]
        self.zones = {}
        self.queries = []
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            wire, self.sender = self.socket.recvfrom(4096)
            if not wire:
                return
            query = dns.message.from_wire(wire)
            self.queries.append(query)
            name = query.question[0].name.to_text()
            said = self.zones.get(name, silent)
            if callable(said):
                said = said(query)
            if isinstance(said, int):
                said = soa(name, said)(query)
            if said is not silent:
                self.socket.sendto(said if isinstance(said, bytes) else said.to_wire(), self.sender)

    def close(self):
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as mine:
            mine.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


@pytest.fixture
def servers():
    """Two servers at one port."""
    with ExitStack() as stack:
        first = Server("127.0.0.1")
        stack.callback(first.close)
        both = [first, Server("::1", first.port)]
        stack.callback(both[1].close)
        yield both


@pytest.fixture
def server(servers):
    return servers[0]


# A zone's file


def test_reads_what_the_role_writes(tmp_path):
    path = tmp_path / "st.um.zone"
    path.write_text(ZONE.format(digest="abc", serial=LAST))
    assert read_zone_file(path) == {"digest": "abc", "serial": LAST}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(ZONE.replace("; content {digest}\n", "").format(serial=7).encode(), id="without a digest"),
        pytest.param(b"; content abc\n", id="without an SOA"),
        pytest.param(b"; content abc\nst.um. IN SOA ns1 hostmaster (\n 7 1 1 3 1 )\n", id="an SOA of somebody else"),
        pytest.param(b"x; content abc\nst.um. IN SOA ns1 hostmaster 7 1 1 3 1\n", id="a digest that is no comment"),
        pytest.param(b"\x00\x00\x00\x02\xff\xfe" * 900, id="binary, as a secondary has it"),
        pytest.param(b";\n" * 3000 + ZONE.format(digest="abc", serial=7).encode(), id="not in the first lines"),
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


def ask(server, timeout=2.0):
    return ask_serial("st.um", "127.0.0.1", server.port, timeout)


@pytest.mark.parametrize("serial", [0, 7, LAST])
def test_asks_for_the_serial(server, serial):
    server.zones["st.um."] = serial
    assert ask(server) == serial
    (query,) = server.queries
    assert query.question[0].to_text() == "st.um. IN SOA"
    assert not query.flags & dns.flags.RD


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
    assert ask(server, timeout=0.3) is None


def test_silence_is_none_when_the_time_is_over(server):
    server.zones["st.um."] = silent
    started = time.monotonic()
    assert ask(server, timeout=0.2) is None
    assert 0.2 <= time.monotonic() - started < 2
    assert len(server.queries) == 1


def test_nobody_at_the_port_is_none():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert ask_serial("st.um", "127.0.0.1", port, 0.2) is None


def test_an_answer_from_another_port_is_not_taken(server):
    def both(query):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            other.sendto(soa("st.um.", 9)(query).to_wire(), server.sender)
        return 7

    server.zones["st.um."] = both
    assert ask(server) == 7


def test_asks_over_ipv6(servers):
    servers[1].zones["st.um."] = 7
    assert ask_serial("st.um", "::1", servers[1].port, 2) == 7


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
    return {"digest": "abc", "serial": serial}


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
    assert disagreements("st.um", file, list(zip("abc", answers, strict=False))) == expected


@pytest.mark.parametrize(
    ("given_servers", "message"),
    [
        ([], "servers is empty, and a zone has at least one"),
        ([{"addresses": ["::1"]}], "servers: {'addresses': ['::1']} is not a dictionary with name and addresses"),
        ([PRIMARY, {"name": "b"}], "servers: {'name': 'b'} is not a dictionary with name and addresses"),
        ([{"name": "b", "addresses": []}], "is not a dictionary with name and addresses"),
        ([{"name": "b", "addresses": "::1"}], "is not a dictionary with name and addresses"),
        ([PRIMARY, {"name": "b", "addresses": ["ns2"]}], "servers: b: 'ns2' does not appear to be an IPv4 or IPv6"),
    ],
)
def test_wrong_servers_are_refused(given_servers, message):
    with pytest.raises(ValueError, match="servers") as error:
        endpoints(given_servers)
    assert message in str(error.value)


# The module


class Module:
    """The module, run in this process."""

    def __init__(self, folder, server, capsys):
        self.folder, self.port, self.capsys = folder, server.port, capsys
        self.write("st.um", 7)

    def write(self, zone, serial, digest="abc"):
        (self.folder / f"{zone}.zone").write_text(ZONE.format(digest=digest, serial=serial))

    def run(self, *servers, zones=("st.um",), check_mode=False, **options):
        """Return what the module returns, and the seconds that it took."""
        arguments = {
            "zones": {zone: f"{zone}.zone" for zone in zones},
            "directory": str(self.folder),
            "servers": list(servers) or [PRIMARY],
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
        "st.um": {"file": held(7), "served": [9]},
        "new": {"file": None, "served": []},
        "gone": {"file": None, "served": []},
        "rebuilt": {"file": held(3), "served": [12]},
    }
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


def test_the_gate_fails_and_names_server_zone_and_serials(module, servers):
    module.write("other", 5)
    servers[0].zones |= {"st.um.": 7, "other.": 5}
    servers[1].zones |= {"st.um.": 6, "other.": 5}
    result, seconds = module.run(PRIMARY, SECONDARY, zones=["st.um", "other"], wait=0.3)
    assert result["msg"] == "After 0.3 s: secondary (::1) serves serial 6 of st.um, wanted 7"
    assert 0.3 <= seconds < 3


def test_the_gate_fails_where_the_first_server_is_down_or_behind(module, server):
    module.write("other", 5)
    server.zones["other."] = 4
    result, _ = module.run(zones=["st.um", "other"], wait=0.1)
    assert result["msg"] == (
        "After 0.1 s: primary (127.0.0.1) does not serve st.um, wanted 7; "
        "primary (127.0.0.1) serves serial 4 of other, wanted 5"
    )


def test_the_gate_names_twenty_failures_at_most(module):
    result, _ = module.run(zones=[f"z{number}" for number in range(30)], wait=0.1)
    assert result["msg"].count(" does not serve z") == 20


def test_the_gate_does_not_wait_in_check_mode(module, server):
    server.zones["st.um."] = 6
    result, seconds = module.run(wait=10, check_mode=True)
    assert result["zones"]["st.um"] == {"file": held(7), "served": [6]}
    assert seconds < 2


def test_check_mode_does_without_dnspython(module, server, monkeypatch):
    monkeypatch.setattr(zone_state, "dns", None)
    for wait in (0, 10):
        result, seconds = module.run(wait=wait, check_mode=True)
        assert result["zones"]["st.um"] == {"file": held(7), "served": []}
        assert seconds < 2
    assert server.queries == []


def test_dnspython_is_named_where_it_is_needed(module, monkeypatch):
    monkeypatch.setattr(zone_state, "dns", None)
    result, _ = module.run()
    assert "Failed to import the required Python library (dnspython)" in result["msg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"servers": []}, "servers is empty, and a zone has at least one"),
        ({"servers": [{"name": "b", "addresses": ["ns2"]}]}, "servers: b: 'ns2' does not appear to be"),
        ({"servers": ["ns2"]}, "Elements value for option 'servers' is of type"),
        ({"zones": "st.um"}, "argument 'zones' is of type"),
        ({"wait": "soon"}, "argument 'wait' is of type"),
        ({"directroy": "/"}, "Unsupported parameters for"),
    ],
)
def test_wrong_arguments_are_refused(capsys, options, message):
    arguments = {"zones": {}, "directory": "/", "servers": [PRIMARY]} | options
    with patch_module_args(arguments), pytest.raises(SystemExit):
        zone_state.main()
    assert message in json.loads(capsys.readouterr().out)["msg"]
