import dns.exception
import dns.rdatatype
import dns.zone
import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given, settings
from hypothesis import strategies as st
from zone_records import Reader, zone_records

ZONE = "st.um"
TARGETS = ["@ A 192.0.2.53", "ns A 192.0.2.53"]  # what other records point at


def read(*lines):
    """Read records from "name type value" or "name ttl type value"."""
    records = []
    for line in lines:
        name, second, rest = line.split(" ", 2)
        if second.isdigit():
            kind, value = rest.split(" ", 1)
            records.append({"name": name, "type": kind, "value": value, "ttl": int(second)})
        else:
            records.append({"name": name, "type": second, "value": rest})
    return records


def write(records):
    return [f"{record['name']} {record['ttl']} {record['type']} {record['value']}" for record in records]


def errors(records, zone=ZONE, ttl=3600, **options):
    with pytest.raises(AnsibleFilterError) as error:
        zone_records(records, zone, ttl, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("www A 192.0.2.1", "www.st.um. 3600 A 192.0.2.1"),
        ("WWW.St.um. a 192.0.2.1", "www.st.um. 3600 A 192.0.2.1"),
        ("@ 0 AAAA ::1", "st.um. 0 AAAA ::1"),
        ("*.x A 192.0.2.1", "*.x.st.um. 3600 A 192.0.2.1"),
        ("1.2 A 192.0.2.1", "1.2.st.um. 3600 A 192.0.2.1"),
        ("www 2147483647 AAAA FD00:0:0::1", "www.st.um. 2147483647 AAAA fd00::1"),
        ("www AAAA ::ffff:192.0.2.1", "www.st.um. 3600 AAAA ::ffff:192.0.2.1"),
        ("\\065\\@ TXT x", 'a\\@.st.um. 3600 TXT "x"'),
        ("@ MX 10 Mail.Example.ORG.", "st.um. 3600 MX 10 mail.example.org."),
        ("@ MX 10 ns", "st.um. 3600 MX 10 ns.st.um."),
        ("@ MX 0 .", "st.um. 3600 MX 0 ."),
        ("@ NS @", "st.um. 3600 NS st.um."),
        ("_ldap._tcp SRV 0 0 389 NS", "_ldap._tcp.st.um. 3600 SRV 0 0 389 ns.st.um."),
        ("_ldap._tcp SRV 0 0 0 .", "_ldap._tcp.st.um. 3600 SRV 0 0 0 ."),
        ("www CNAME @", "www.st.um. 3600 CNAME st.um."),
        ("135 PTR Nowhere", "135.st.um. 3600 PTR nowhere.st.um."),
        ("sub DNAME example.org.", "sub.st.um. 3600 DNAME example.org."),
        ("@ CAA 0 issue example.org", 'st.um. 3600 CAA 0 issue "example.org"'),
        ("ns SSHFP 4 2 " + "AB" * 32, "ns.st.um. 3600 SSHFP 4 2 " + "ab" * 32),
        ("_443._tcp.ns TLSA 3 1 1 " + "AB " * 32, "_443._tcp.ns.st.um. 3600 TLSA 3 1 1 " + "ab" * 32),
        ("www TYPE1 192.0.2.1", "www.st.um. 3600 A 192.0.2.1"),
        ("@ TYPE65280 \\# 2 aBcD", "st.um. 3600 TYPE65280 \\# 2 abcd"),
        ("@ TXT v=spf1 mx -all", 'st.um. 3600 TXT "v=spf1 mx -all"'),
        ("@ SPF v=spf1 -all", 'st.um. 3600 SPF "v=spf1 -all"'),
        ('@ TXT a "b" \\c;', 'st.um. 3600 TXT "a \\"b\\" \\\\c;"'),
        ('@ TXT "a b"  "c\\"\\100"', 'st.um. 3600 TXT "a b" "c\\"d"'),
        ("@ TXT ä", 'st.um. 3600 TXT "\\195\\164"'),
        ("bücher A 192.0.2.1", "xn--bcher-kva.st.um. 3600 A 192.0.2.1"),
        ("*.BÜCHER.st.um. A 192.0.2.1", "*.xn--bcher-kva.st.um. 3600 A 192.0.2.1"),
        ("bu\u0308cher。x TXT x", 'xn--bcher-kva.x.st.um. 3600 TXT "x"'),
        ("_25._tcp.ß TLSA 3 1 1 " + "AB" * 32, "_25._tcp.xn--zca.st.um. 3600 TLSA 3 1 1 " + "ab" * 32),
        ("www CNAME Bücher.example.", "www.st.um. 3600 CNAME xn--bcher-kva.example."),
        ("@ MX 10 bücher.example.", "st.um. 3600 MX 10 xn--bcher-kva.example."),
        ("_ldap._tcp SRV 0  0 389 bücher.example.", "_ldap._tcp.st.um. 3600 SRV 0 0 389 xn--bcher-kva.example."),
        ("135 PTR bücher", "135.st.um. 3600 PTR xn--bcher-kva.st.um."),
    ],
)
def test_makes_canonical(record, expected):
    assert expected in write(zone_records(read(record, *TARGETS), ZONE, 3600))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2025, '"2025"'),
        ("", '""'),
        ("a\nb", '"a\\010b"'),
        ("x" * 255, '"' + "x" * 255 + '"'),
        ("x" * 256, '"' + "x" * 255 + '" "x"'),
        ("ä" * 128, '"' + "\\195\\164" * 127 + '\\195" "\\164"'),
        (["a", "", '"b"'], '"a" "" "\\"b\\""'),
    ],
)
def test_quotes_text(value, expected):
    (record,) = zone_records([{"name": "@", "type": "TXT", "value": value}], ZONE, 3600)
    assert record["value"] == expected


@pytest.mark.parametrize(
    ("zone", "name", "expected"),
    [
        ("st.um.", "www", "www.st.um."),
        ("ST.um", "@", "st.um."),
        (".", "um", "um."),
        (".", "@", "."),
        ("22.16.172.in-addr.arpa", "135", "135.22.16.172.in-addr.arpa."),
        ("64-26.2.0.192.in-addr.arpa", "65", "65.64-26.2.0.192.in-addr.arpa."),
    ],
)
def test_names_are_relative_to_the_zone(zone, name, expected):
    (record,) = zone_records([{"name": name, "type": "PTR", "value": "x."}], zone, 3600)
    assert record["name"] == expected


def test_a_list_of_names_is_a_record_for_each():
    records = [{"name": ["www", "@"], "type": "A", "value": "192.0.2.1"}]
    assert write(zone_records(records, ZONE, 60)) == ["st.um. 60 A 192.0.2.1", "www.st.um. 60 A 192.0.2.1"]


def test_sorts_as_dnssec_does():
    # The example of RFC 4034 section 6.1, and types and values within a name.
    names = ["example.", "a.example.", "yljkjljk.a.example.", "Z.a.example.", "zABC.a.EXAMPLE."]
    names += ["z.example.", "\\001.z.example.", "*.z.example.", "\\200.z.example."]
    records = [{"name": name, "type": "TXT", "value": "x"} for name in names]
    assert [record["name"] for record in zone_records(records[::-1], "example", 1)] == [name.lower() for name in names]
    lines = ["@ MX 5 b.", "@ AAAA ::2", "@ MX 10 a.", "@ AAAA ::1"]
    assert [line.split(" ", 2)[2] for line in write(zone_records(read(*lines), ZONE, 1))] == [
        "AAAA ::1",
        "AAAA ::2",
        "MX 10 a.",
        "MX 5 b.",
    ]


def test_an_empty_zone_is_fine():
    assert zone_records([], ZONE, 3600) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "the name is empty, the zone's apex is '@'"),
        ({"name": []}, "name [] is not a string, quote it"),
        ({"name": 135}, "name 135 is not a string, quote it"),
        ({"name": ["a", ["b"]]}, "record 1 (['b'] A 192.0.2.1): name ['b'] is not a string, quote it"),
        ({"name": "a..b"}, "name 'a..b' is not a domain name: A DNS label is empty."),
        ({"name": "x" * 64}, "is not a domain name: A DNS label is > 63 octets long."),
        ({"name": "x." * 126 + "x"}, "is not a domain name: A DNS name is > 255 octets long."),
        ({"name": "a\\999"}, "name 'a\\\\999' is not a domain name"),
        ({"name": "x☃"}, "name 'x☃' is not possible in IDNA 2008: Codepoint U+2603 at position 2 of 'x☃' not allowed"),
        ({"name": "-ü"}, "name '-ü' is not possible in IDNA 2008: Label must not start or end with a hyphen"),
        ({"name": "_ü"}, "name '_ü' is not possible in IDNA 2008: Codepoint U+005F"),
        ({"name": "ü..b"}, "name 'ü..b' is not a domain name: A DNS label is empty."),
        ({"name": "ü" * 99}, "is not a domain name: A DNS label is > 63 octets long."),
        ({"name": "www.st.un."}, "www.st.un. is outside of the zone, a name relative to it has no dot at its end"),
        ({"name": "xst.um."}, "xst.um. is outside of the zone"),
        ({"name": "um."}, "um. is outside of the zone"),
        ({"name": "my_host"}, "my_host.st.um. is not a host name of letters, digits and hyphens (RFC 952, RFC 1123"),
        ({"name": "-a"}, "-a.st.um. is not a host name"),
        ({"name": "a-.b"}, "a-.b.st.um. is not a host name"),
        ({"name": "a.*"}, "a.*.st.um. is not a host name"),
        ({"name": "*a"}, "*a.st.um. is not a host name"),
        ({"name": "a b", "type": "AAAA", "value": "::1"}, "a\\032b.st.um. is not a host name"),
        ({"name": "a_b", "type": "MX", "value": "0 ."}, "a_b.st.um. is not a host name"),
        ({"type": 1}, "type 1 is not a string"),
        ({"type": "AA"}, "type 'AA' is not a record type: DNS resource record type is unknown."),
        ({"type": "TYPE65536"}, "type 'TYPE65536' is not a record type"),
        ({"type": "ANY"}, "type 'ANY' is not one that a zone holds"),
        ({"type": "OPT"}, "type 'OPT' is not one that a zone holds"),
        ({"type": "TYPE0"}, "type 'TYPE0' is not one that a zone holds"),
        ({"type": "soa"}, "the SOA record is made from the zone's settings, not given"),
        ({"ttl": "1h"}, "ttl '1h' is not an integer (seconds)"),
        ({"ttl": True}, "ttl True is not an integer"),
        ({"ttl": None}, "ttl None is not an integer"),
        ({"ttl": -1}, "ttl -1 is not between 0 and 2147483647 seconds (RFC 2181 section 8)"),
        ({"ttl": 2**31}, "ttl 2147483648 is not between"),
        ({"value": True}, "value True is not a string, only TXT and SPF take a list of them"),
        ({"value": 1.5}, "value 1.5 is not a string"),
        ({"value": None}, "value None is not a string"),
        ({"value": ["192.0.2.1"]}, "value ['192.0.2.1'] is not a string, only TXT and SPF take a list"),
        ({"value": ""}, "the value is not valid for A: Text input is malformed."),
        ({"value": 1}, "the value is not valid for A: Text input is malformed."),
        ({"value": "192.0.2.300"}, "the value is not valid for A"),
        ({"value": "192.0.2.01"}, "the value is not valid for A"),
        ({"value": "192.0.2.1 192.0.2.2"}, "the value is not valid for A"),
        ({"value": "192.0.2.1\n"}, "the value is not valid for A"),
        ({"type": "AAAA"}, "the value is not valid for AAAA"),
        ({"type": "AAAA", "value": "fe80::1%eth0"}, "the value is not valid for AAAA"),
        ({"type": "MX", "value": "mail"}, "the value is not valid for MX: expecting an integer"),
        ({"type": "MX", "value": "10"}, "the value is not valid for MX: expecting an identifier"),
        ({"type": "MX", "value": "10 a..b"}, "the value is not valid for MX: A DNS label is empty."),
        ({"type": "MX", "value": "10 " + "x" * 64}, "the value is not valid for MX: A DNS label is > 63 octets long."),
        ({"type": "MX", "value": "65536 x."}, "the value is not valid for MX: 65536 is not an unsigned 16-bit integer"),
        ({"type": "CNAME", "value": "a b"}, "the value is not valid for CNAME: expected EOL or EOF"),
        ({"type": "CNAME", "value": "x.\ny."}, "the value is not valid for CNAME: it is not one line of ASCII"),
        ({"type": "CNAME", "value": "ü\ny."}, "the value is not valid for CNAME: it is not one line of ASCII"),
        ({"type": "CNAME", "value": "x☃"}, "the value is not valid for CNAME: name 'x☃' is not possible in IDNA 2008"),
        ({"type": "MX", "value": "\u0661 bücher"}, "the value is not valid for MX: it is not one line of ASCII"),
        ({"type": "CAA", "value": "0 issue bücher"}, "the value is not valid for CAA: it is not one line of ASCII"),
        ({"type": "TLSA", "value": "3 1 1 ab"}, "the value is not valid for TLSA"),
        ({"type": "MX", "value": "\\# 3 000000"}, "the syntax of unknown types (RFC 3597) is for types that have none"),
        ({"type": "TXT", "value": '"a" b'}, "it begins with a double quote and is not in zone-file syntax"),
        ({"type": "TXT", "value": '"' + "a" * 256 + '"'}, "the value is not valid for TXT: string too long"),
        ({"type": "TXT", "value": []}, "a list has one or more strings"),
        ({"type": "TXT", "value": ["a", 1]}, "a list has one or more strings"),
        ({"type": "TXT", "value": ["ä" * 128]}, "a character-string has 256 octets, at most 255 are possible"),
        ({"type": "TXT", "value": "x" * 65280}, "it has 65536 octets, at most 65535 are possible"),
        ({"type": "TXT", "value": "\ud800"}, "the value is not valid for TXT: 'utf-8' codec can't encode"),
        ({"class": "IN"}, "unknown: class; possible: name, ttl, type, value"),
    ],
)
def test_refuses_a_record(changes, message):
    text = errors([{"name": "www", "type": "A", "value": "192.0.2.1"} | changes])
    assert text.startswith("Edit bind9_zones: zone st.um. has 1 error:\n  record 1 (")
    assert message in text


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["a A 192.0.2.1", "A.st.um. A 192.0.2.1"],
            "record 2 (A.st.um. A 192.0.2.1): the same as record 1 (a A 192.0.2.1)",
        ),
        (["a 5 A 192.0.2.1", "a 6 A 192.0.2.1"], "the same as record 1"),
        (["@ MX 5 X.", "@ MX 5 x."], "record 2 (@ MX 5 x.): the same as record 1 (@ MX 5 X.)"),
        (
            ["a 5 A 192.0.2.1", "a 6 A 192.0.2.2"],
            "record 2 (a A 192.0.2.2): ttl 6, but record 1 (a A 192.0.2.1) has 5, an RRset has one (RFC 2181 section",
        ),
        (["a A 192.0.2.1", "a 6 A 192.0.2.2"], "ttl 6, but record 1 (a A 192.0.2.1) has 3600"),
        (["a TXT x", "a CNAME x."], "record 2 (a CNAME x.): a.st.um. has TXT as well, a CNAME is alone at its name"),
        (["a CNAME x.", "a CNAME y."], "record 2 (a CNAME y.): a second CNAME beside record 1 (a CNAME x.) (RFC 1034"),
        (["@ CNAME x."], "record 1 (@ CNAME x.): st.um. has SOA as well, a CNAME is alone at its name (RFC 1034"),
        (["a DNAME x.", "a DNAME y."], "a second DNAME beside record 1 (a DNAME x.) (RFC 6672 section 2.4)"),
        (
            ["a DNAME x.", "c.b.a TXT x"],
            "record 2 (c.b.a TXT x): hidden by the DNAME at a.st.um. (RFC 6672 section 2.4)",
        ),
        (["@ DNAME x.", "a TXT x"], "record 2 (a TXT x): hidden by the DNAME at st.um."),
        (["*.a NS x."], "record 1 (*.a NS x.): a wildcard cannot be delegated (RFC 4592 section 4.2)"),
        (["sub NS x.", "sub TXT x"], "record 2 (sub TXT x): hidden by the delegation of sub.st.um., where only glue"),
        (["sub NS x.", "a.sub MX 0 ."], "record 2 (a.sub MX 0 .): hidden by the delegation of sub.st.um."),
        (["sub NS x.", "a.sub NS y."], "record 2 (a.sub NS y.): hidden by the delegation of sub.st.um."),
        (["@ NS x.", "@ DS 1 13 2 " + "00" * 32], "a DS is beside the NS of a delegation only (RFC 4034 section 5)"),
        (["a DS 1 13 2 " + "00" * 32], "a DS is beside the NS of a delegation only"),
        (["@ MX 0 .", "@ MX 5 x."], "record 1 (@ MX 0 .): a null MX is '0 .' and the only MX of its name (RFC 7505"),
        (["@ MX 5 ."], "record 1 (@ MX 5 .): a null MX is '0 .'"),
    ],
)
def test_refuses_a_set(lines, message):
    text = errors(read(*lines))
    assert text.startswith("Edit bind9_zones: zone st.um. has 1 error:\n")
    assert message in text


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["@ NS ns"], "record 1 (@ NS ns): ns.st.um. does not exist"),
        (["@ MX 5 a", "a TXT x"], "record 1 (@ MX 5 a): a.st.um. has no A or AAAA record"),
        (["@ MX 5 @"], "record 1 (@ MX 5 @): st.um. has no A or AAAA record"),
        (["@ MX 5 b", "a.b A 192.0.2.1"], "record 1 (@ MX 5 b): b.st.um. has no A or AAAA record"),
        (["@ MX 5 a", "a CNAME x."], "record 1 (@ MX 5 a): a.st.um. is an alias (RFC 2181 section 10.3)"),
        (["@ NS a", "a CNAME x."], "a.st.um. is an alias"),
        (["_a._tcp SRV 0 0 1 a", "a CNAME x."], "a.st.um. is an alias"),
        (["@ MX 5 a.b", "* CNAME x."], "a.b.st.um. is an alias"),
        (["@ MX 5 a.b", "* TXT x"], "a.b.st.um. has no A or AAAA record"),
        (["@ MX 5 a.b", "* A 192.0.2.1", "b TXT x"], "a.b.st.um. does not exist"),
        (["@ MX 5 a.b", "b DNAME x."], "a.b.st.um. is an alias by the DNAME at b.st.um. (RFC 2181 section 10.3)"),
        (
            ["sub NS ns.sub"],
            "record 1 (sub NS ns.sub): ns.sub.st.um. needs an A or AAAA record here, as glue (RFC 1034",
        ),
        (["sub NS sub"], "record 1 (sub NS sub): sub.st.um. needs an A or AAAA record here, as glue"),
        (["sub NS a.sub", "*.sub A 192.0.2.1"], "a.sub.st.um. needs an A or AAAA record here, as glue"),
        (["a CNAME b"], "record 1 (a CNAME b): b.st.um. does not exist"),
        (["a CNAME b", "x.b TXT x"], "record 1 (a CNAME b): b.st.um. does not exist"),
        (["a CNAME a"], "a.st.um. leads into a loop of aliases (RFC 1034 section 3.6.2)"),
        (["* CNAME b"], "record 1 (* CNAME b): b.st.um. leads into a loop of aliases"),
    ],
)
def test_refuses_a_target(lines, message):
    text = errors(read(*lines))
    assert text.startswith("Edit bind9_zones: zone st.um. has 1 error:\n")
    assert message in text


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["@ MX 5 a.b", "*.b AAAA ::1"], id="a wildcard has the address"),
        pytest.param(["a CNAME @"], id="an alias to the apex, which has its SOA"),
        pytest.param(["a CNAME b.c", "* TXT x"], id="an alias to what a wildcard has"),
        pytest.param(["a CNAME b", "b CNAME c", "c CNAME x."], id="a chain of aliases"),
        pytest.param(["a CNAME b.c", "c DNAME x."], id="an alias to what a DNAME redirects"),
        pytest.param(["a CNAME sub", "b CNAME c.sub", "sub NS x."], id="an alias to a delegated name"),
        pytest.param(["@ MX 5 a.sub", "sub NS x."], id="a mail host that another zone has"),
        pytest.param(["sub NS a.sub", "a.sub A 192.0.2.1"], id="glue"),
        pytest.param(["sub NS sub", "sub AAAA ::1"], id="glue at the cut"),
        pytest.param(["sub NS a.other", "other NS x."], id="a sibling's name server"),
        pytest.param(["sub NS x.", "sub DS 1 13 2 " + "00" * 32], id="a secure delegation"),
        pytest.param(["sub NS x.", "unused.sub A 192.0.2.1"], id="glue that nothing points at"),
        pytest.param(["a CNAME x.", "a NSEC b.st.um. CNAME"], id="an alias and its DNSSEC record"),
        pytest.param(["a DNAME x.", "a TXT x"], id="data beside a DNAME"),
        pytest.param(["a 5 TXT x", "a 6 A 192.0.2.1"], id="another type, another TTL"),
    ],
)
def test_allows(lines):
    assert len(zone_records(read(*lines), ZONE, 3600)) == len(lines)


def test_the_root_zone_has_null_targets_too():
    zone_records(read("um MX 0 .", "_a._tcp.um SRV 0 0 0 ."), ".", 3600)
    assert "has no A or AAAA record" in errors(read("@ NS ."), ".")


@pytest.mark.parametrize(
    ("records", "zone", "ttl", "message"),
    [
        (None, ZONE, 1, "Edit bind9_zones: zone st.um: the records are NoneType, not a list"),
        ([], "x☃", 1, "Edit bind9_zones: zone x☃: name 'x☃' is not possible in IDNA 2008: Codepoint U+2603"),
        ({}, ZONE, 1, "Edit bind9_zones: zone st.um: the records are dict, not a list"),
        ([], ZONE, "1h", "Edit bind9_zones: zone st.um: ttl '1h' is not an integer (seconds)"),
        ([], "a..b", 1, "Edit bind9_zones: zone a..b: name 'a..b' is not a domain name: A DNS label is empty."),
        ([], 5, 1, "Edit bind9_zones: zone 5: name 5 is not a string, quote it"),
        ([5], ZONE, 1, "record 1 (5): not a dictionary"),
        ([{"name": "www"}], ZONE, 1, "record 1 (www ? ?): missing: type, value"),
    ],
)
def test_refuses_what_is_not_records_of_a_zone(records, zone, ttl, message):
    assert message in errors(records, zone, ttl)


def test_reports_all_errors_by_place_name_and_variable():
    records = [*read("www A 192.0.2.1", "b A x", "www CNAME @"), {"name": ["c", "d_"], "type": "A", "value": "y" * 99}]
    assert errors(records, variable="my_zones") == (
        "Edit my_zones: zone st.um. has 4 errors:\n"
        "  record 2 (b A x): the value is not valid for A: Text input is malformed.\n"
        f"  record 4 (c A {'y' * 56}...): the value is not valid for A: Text input is malformed.\n"
        f"  record 4 (d_ A {'y' * 55}...): d_.st.um. is not a host name of letters, digits and hyphens"
        " (RFC 952, RFC 1123 section 2.1)\n"
        "  record 3 (www CNAME @): www.st.um. has A as well, a CNAME is alone at its name (RFC 1034 section 3.6.2)"
    )


def test_reports_ten_errors_at_most():
    lines = errors(read(*(f"h{number} A x" for number in range(12)))).splitlines()
    assert lines[0] == "Edit bind9_zones: zone st.um. has 12 errors, the first 10 are:"
    assert len(lines) == 11


def test_a_wrong_record_does_not_make_others_wrong():
    assert "1 error" in errors(read("@ MX 5 mail", "mail A 192.0.2"))


def test_chains_the_cause():
    with pytest.raises(AnsibleFilterError) as error:
        zone_records(read("a A x"), ZONE, 1)
    causes = [error.value]
    while causes[-1].__cause__:
        causes.append(causes[-1].__cause__)
    assert isinstance(causes[-1], dns.exception.SyntaxError)


label = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,8}[A-Za-z0-9])?", fullmatch=True)
name = st.lists(label, min_size=1, max_size=3).map(".".join)
uint16 = st.integers(0, 65535)
target = st.sampled_from(["Ns.st.um.", "mail.example.org."])
VALUES = {
    "A": st.ip_addresses(v=4).map(str),
    "AAAA": st.ip_addresses(v=6).map(str),
    "CAA": st.builds('{} issue "{}"'.format, st.integers(0, 255), name),
    "MX": st.builds("{} {}".format, uint16, target),
    "PTR": name,
    "SRV": st.builds("{} {} {} {}".format, uint16, uint16, uint16, target),
    "TXT": st.text(st.characters(codec="utf-8"), max_size=300).filter(lambda text: not text.startswith('"')),
}


@st.composite
def zones(draw):
    """Give the records of a zone in which nothing is wrong."""
    records = read("@ NS ns", *TARGETS, *draw(st.sets(st.sampled_from(["www CNAME ns", "ftp CNAME @"]))))
    rrsets = st.sets(st.tuples(name.map("x.{}".format).map(str.lower), st.sampled_from(sorted(VALUES))), max_size=8)
    for owner, kind in sorted(draw(rrsets)):
        ttl = draw(st.integers(0, 2**31 - 1))
        for value in draw(st.lists(VALUES[kind], min_size=1, max_size=3, unique_by=str.lower)):
            spelling = draw(st.sampled_from([owner, owner.upper(), f"{owner}.ST.um."]))
            records.append({"name": spelling, "type": kind, "value": value, "ttl": ttl})
    return records


@settings(max_examples=40)
@given(zones(), st.randoms())
def test_order_does_not_matter(records, random):
    shuffled = random.sample(records, len(records))
    assert zone_records(shuffled, ZONE, 3600) == zone_records(records, ZONE, 3600)


@settings(max_examples=40)
@given(zones())
def test_its_own_output_is_accepted_and_unchanged(records):
    canonical = zone_records(records, ZONE, 3600)
    assert zone_records(canonical, ZONE, 1) == canonical


@settings(max_examples=40)
@given(zones())
def test_a_zone_file_of_it_has_the_same_records(records):
    canonical = zone_records(records, ZONE, 3600)
    lines = ["@ 1 IN SOA ns hostmaster 1 1 1 1 1"]
    lines += [f"{record['name']} {record['ttl']} IN {record['type']} {record['value']}" for record in canonical]
    zone = dns.zone.from_text("\n".join(lines), ZONE, relativize=False)
    parsed = [
        {"name": owner.to_text(), "type": dns.rdatatype.to_text(rdata.rdtype), "ttl": ttl, "value": rdata.to_text()}
        for owner, ttl, rdata in zone.iterate_rdatas()
        if rdata.rdtype != dns.rdatatype.SOA
    ]
    assert zone_records(parsed, ZONE, 1) == canonical
    assert len(parsed) == len(records)
    texts = [b"".join(rdata.strings) for _, _, rdata in zone.iterate_rdatas("TXT")]
    assert sorted(texts) == sorted(record["value"].encode() for record in records if record["type"] == "TXT")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
kind = st.sampled_from([kind.name for kind in dns.rdatatype.RdataType])
anything = json | st.fixed_dictionaries(
    {"name": name | json, "type": kind | json, "value": st.text() | json}, optional={"ttl": st.integers() | json}
)


@given(st.lists(anything, max_size=4) | json)
def test_whatever_is_given_it_answers_or_raises_one_error(records):
    try:
        canonical = zone_records(records, ZONE, 3600)
    except AnsibleFilterError:
        return
    assert zone_records(canonical, ZONE, 3600) == canonical


# Text in master-file format.

GENERAL = Reader.read


def general_only(self, text, fast=False):
    """Read text without the fast path."""
    return GENERAL(self, text, fast=False)


def read_text(text, zone=ZONE, ttl=3600):
    return write(zone_records([], zone, ttl, text=text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n ; nothing ( here\n\t\n", []),
        ("www A 192.0.2.1", ["www.st.um. 3600 A 192.0.2.1"]),
        ("WWW.st.UM.\t60 in\ta  192.0.2.1 \r\n", ["www.st.um. 60 A 192.0.2.1"]),
        ("www IN 1h30m AAAA 2001:DB8:0:0::1 ; the ( host", ["www.st.um. 5400 AAAA 2001:db8::1"]),
        ("a.b.c CLASS1 AAAA ::ffff:1.2.3.4", ["a.b.c.st.um. 3600 AAAA ::ffff:1.2.3.4"]),
        ("x AAAA ::ffff:0102:0304", ["x.st.um. 3600 AAAA ::ffff:1.2.3.4"]),
        ("@ A 192.0.2.1\n TXT x\n\n\tTXT y", ["A 192.0.2.1", 'TXT "x"', 'TXT "y"']),
        ("a A 192.0.2.1\n TXT x", ["a.st.um. 3600 A 192.0.2.1", 'a.st.um. 3600 TXT "x"']),
        ("a A 192.0.2.1\n$TTL 5\n TXT x", ["a.st.um. 3600 A 192.0.2.1", 'a.st.um. 5 TXT "x"']),
        ("a TXT y\nb A 192.0.2.1\n$TTL 5\n TXT x", ['"y"', "A 192.0.2.1", 'b.st.um. 5 TXT "x"']),
        ("b A 192.0.2.1\na MX 0 .\n$TTL 5\n TXT x", ["a.st.um. 3600 MX 0 .", 'a.st.um. 5 TXT "x"', "A 192.0.2.1"]),
        (
            "$ORIGIN x\n$TTL 1m ; short\na A 192.0.2.1\n$ORIGIN y\n@ A 192.0.2.2\n$origin um.\na.st A 192.0.2.3\n",
            ["a.st.um. 60 A 192.0.2.3", "a.x.st.um. 60 A 192.0.2.1", "y.x.st.um. 60 A 192.0.2.2"],
        ),
        ("x CNAME y.\n$TTL 5", ["x.st.um. 3600 CNAME y."]),
        ("@ (\n 5 MX ; preference\n 10\n) ns\nns A 192.0.2.1", ["st.um. 5 MX 10 ns.st.um.", "192.0.2.1"]),
        ('x TXT a "b;(" \\; c\\"', ['x.st.um. 3600 TXT "a" "b;(" ";" "c\\""']),
        ("x TXT ä", ['x.st.um. 3600 TXT "\\195\\164"']),
        ("x TYPE65280 \\# 2 abcd", ["x.st.um. 3600 TYPE65280 \\# 2 abcd"]),
        ('x CAA 0 issue ";"', ['x.st.um. 3600 CAA 0 issue ";"']),
        ("bücher A 192.0.2.1", ["xn--bcher-kva.st.um. 3600 A 192.0.2.1"]),
        ("x CNAME bücher.example.", ["x.st.um. 3600 CNAME xn--bcher-kva.example."]),
        ("h" * 63 + " A 192.0.2.1", ["h" * 63 + ".st.um. 3600 A 192.0.2.1"]),
        (".".join(["h" * 60] * 4) + " A 192.0.2.1", ["192.0.2.1"]),
        ("x 1234567890 A 192.0.2.1", ["x.st.um. 1234567890 A 192.0.2.1"]),
        ("x 007 A 192.0.2.1", ["x.st.um. 7 A 192.0.2.1"]),
    ],
)
def test_reads_text(text, expected):
    found = read_text(text)
    assert len(found) == len(expected)
    assert all(line.endswith(end) for line, end in zip(found, expected, strict=True)), found


@pytest.mark.parametrize("zone", [".", "x_y.um", "a-b.1.um", "*.um"])
def test_reads_text_of_any_zone(zone):
    text = "h TXT x\nx.y TXT x\n" + ("" if zone in {"x_y.um", "*.um"} else "h A 192.0.2.1\n")
    end = "" if zone == "." else f"{zone}."
    assert len(read_text(text, zone)) == text.count("\n")
    assert read_text(text, zone)[-1].startswith(f"x.y.{end} ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nwww A 999", "line 2 (www A 999): the value is not valid for A: Text input is malformed."),
        ("www A 192.0.2.01", "line 1 (www A 192.0.2.01): the value is not valid for A"),
        ("www AAAA fe80::1::2", "line 1 (www AAAA fe80::1::2): the value is not valid for AAAA"),
        ("my_host  A\t192.0.2.1", "line 1 (my_host A 192.0.2.1): my_host.st.um. is not a host name"),
        ("-a A 192.0.2.1", "-a.st.um. is not a host name"),
        ("a- A 192.0.2.1", "a-.st.um. is not a host name"),
        ("a..b A 192.0.2.1", "name 'a..b' is not a domain name: A DNS label is empty."),
        ("h" * 64 + " A 192.0.2.1", "is not a domain name: A DNS label is > 63 octets long."),
        (".".join(["h" * 62] * 4) + " A 192.0.2.1", "is not a domain name: A DNS name is > 255 octets long."),
        ("www.st.un. A 192.0.2.1", "www.st.un. is outside of the zone"),
        ("$ORIGIN un.\nwww A 192.0.2.1", "line 2 (www A 192.0.2.1): www.un. is outside of the zone"),
        ("$ORIGIN a..b", "line 1 ($ORIGIN a..b): name 'a..b' is not a domain name"),
        ("$ORIGIN", "line 1 ($ORIGIN): $ORIGIN takes one value"),
        ("$TTL 1 2", "line 1 ($TTL 1 2): $TTL takes one value"),
        ("$TTL 1x", "line 1 ($TTL 1x): ttl '1x' is not a number of seconds, nor such as 1h30m"),
        ("a TXT x\n$INCLUDE /etc/passwd", "line 2 ($INCLUDE /etc/passwd): $INCLUDE is not possible here, only $ORIGIN"),
        ("$GENERATE 1-9 h$ A 192.0.2.$", "line 1 ($GENERATE 1-9 h$ A 192.0.2.$): $GENERATE is not possible here"),
        ("@ SOA a. b. 1 1 1 1 1", "line 1 (@ SOA a. b. 1 1 1 1 1): the SOA record is made from the zone's settings"),
        ("www 2147483648 A 192.0.2.1", "ttl 2147483648 is not between 0 and 2147483647 seconds"),
        ("www 60x A 192.0.2.1", "ttl '60x' is not a number of seconds"),
        ("www CH A 192.0.2.1", "line 1 (www CH A 192.0.2.1): class CH is not possible, only IN is"),
        ("www 60 IN", "line 1 (www 60 IN): it has no type"),
        ("www", "line 1 (www): it has no type"),
        ("www A", "line 1 (www A): it has no value"),
        ("www TXT", "line 1 (www TXT): it has no value"),
        ("www TXT \\# 2 0161", "the syntax of unknown types (RFC 3597) is for types that have none"),
        (" A 192.0.2.1", "line 1 (A 192.0.2.1): it has no owner, and no line before has a right one"),
        ("\nx TXT (a\nb", "line 2 (x TXT (a): a quote or a parenthesis has no counterpart"),
        ("x TXT )", "line 1 (x TXT )): a quote or a parenthesis has no counterpart"),
        ('x TXT "a', 'line 1 (x TXT "a): a quote or a parenthesis has no counterpart'),
        ('"x" TXT a', 'line 1 ("x" TXT a): the owner is in quotes'),
        ("a A 192.0.2.1\nA.st.um. A 192.0.2.1", "line 2 (A.st.um. A 192.0.2.1): the same as line 1 (a A 192.0.2.1)"),
        ("a A 192.0.2.1\na 6 A 192.0.2.2", "line 2 (a 6 A 192.0.2.2): ttl 6, but line 1 (a A 192.0.2.1) has 3600"),
        ("a A 192.0.2.1\na A 192.0.2.1 ; again", "line 2 (a A 192.0.2.1 ; again): the same as line 1 (a A 192.0.2.1)"),
        ("a A 192.0.2.1\n$TTL 3600\na A 192.0.2.1", "line 3 (a A 192.0.2.1): the same as line 1 (a A 192.0.2.1)"),
        ("a A 192.0.2.1\n$TTL 60\na A 192.0.2.2", "line 3 (a A 192.0.2.2): ttl 60, but line 1 (a A 192.0.2.1) has"),
        ("a A 192.0.2.1\na CNAME x.", "line 2 (a CNAME x.): a.st.um. has A as well, a CNAME is alone at its name"),
        ("a DNAME x.\nc.b.a A 192.0.2.1", "line 2 (c.b.a A 192.0.2.1): hidden by the DNAME at a.st.um."),
        ("@ DNAME x.\na A 192.0.2.1", "line 2 (a A 192.0.2.1): hidden by the DNAME at st.um."),
        ("@ MX 5 a\na.b A 192.0.2.1", "line 1 (@ MX 5 a): a.st.um. does not exist"),
        ("@ MX 5 b\na.b A 192.0.2.1", "line 1 (@ MX 5 b): b.st.um. has no A or AAAA record"),
        ("@ MX 5 a.b\nb A 192.0.2.1\n* A 192.0.2.1", "line 1 (@ MX 5 a.b): a.b.st.um. does not exist"),
        ("sub NS ns.sub\nxns.sub A 192.0.2.1", "ns.sub.st.um. needs an A or AAAA record here, as glue"),
        ("x CNAME b\na.b A 192.0.2.1", "line 1 (x CNAME b): b.st.um. does not exist"),
    ],
)
@pytest.mark.parametrize("general", [False, True])
def test_refuses_text(monkeypatch, text, message, general):
    if general:
        monkeypatch.setattr(Reader, "read", general_only)
    found = errors([], text=text)
    assert found.startswith("Edit bind9_zones: zone st.um. has 1 error:\n  line ")
    assert message in found


@pytest.mark.parametrize(
    "text",
    [
        "@ MX 5 a\na A 192.0.2.1",
        "@ MX 5 a.b\na.b AAAA ::1",
        "x CNAME a\na A 192.0.2.1",
        "sub NS ns.sub\nns.sub A 192.0.2.1\nother A 192.0.2.1\nsubs A 192.0.2.1",
        "a DNAME x.\na A 192.0.2.1\nb A 192.0.2.1",
        "a A 192.0.2.1\na 60 AAAA ::1\na TXT x",
        "a A 192.0.2.1\n$TTL 3600\na A 192.0.2.2",
    ],
)
def test_allows_text(text):
    assert len(read_text(text)) == len([line for line in text.split("\n") if not line.startswith("$")])


def test_records_and_text_are_one_zone():
    listed = read("@ MX 5 a", "b A 192.0.2.2")
    assert write(zone_records(listed, ZONE, 60, text="a A 192.0.2.1\nb A 192.0.2.1")) == [
        "st.um. 60 MX 5 a.st.um.",
        "a.st.um. 60 A 192.0.2.1",
        "b.st.um. 60 A 192.0.2.1",
        "b.st.um. 60 A 192.0.2.2",
    ]
    assert "line 1 (b 5 A 192.0.2.3): ttl 5, but record 2 (b A 192.0.2.2) has 3600" in errors(
        listed, text="b 5 A 192.0.2.3\na A 192.0.2.1"
    )


def test_refuses_text_that_is_none():
    assert errors([], text=5) == "Edit bind9_zones: zone st.um: the text is int, not a string"


def test_gives_lines():
    text = "b.a 60 A 192.0.2.1\n@ TXT x"
    lines = ['st.um. 3600 IN TXT "x"', "b.a.st.um. 60 IN A 192.0.2.1"]
    assert zone_records([], ZONE, 3600, text=text, lines=True) == lines


DS = "DS 1 13 2 " + "ab" * 32


@pytest.mark.parametrize(
    ("given_lines", "delegations", "added"),
    [
        ([], ["sub NS x.", f"sub {DS}"], ["sub NS x.", f"sub {DS}"]),
        (["sub NS y."], ["sub NS x.", f"sub {DS}"], [f"sub {DS}"]),
        (["sub NS y."], ["a.sub NS x.", f"a.sub {DS}"], []),
        (["sub NS y.", "sub DS 2 13 2 " + "cd" * 32], ["sub NS x.", f"sub {DS}"], []),
        (["@ NS y."], ["sub NS x.", f"@ {DS}", f"other {DS}"], ["sub NS x."]),
    ],
)
def test_adds_what_a_delegation_lacks(given_lines, delegations, added):
    found = zone_records(read(*given_lines), ZONE, 60, delegations=read(*delegations))
    assert found == zone_records(read(*given_lines, *added), ZONE, 60)


def test_an_added_delegation_hides_what_is_below():
    message = "line 1 (a.sub TXT x): hidden by the delegation of sub.st.um., where only glue is possible"
    assert message in errors([], text="a.sub TXT x", delegations=read("sub NS x."))


def as_line(record, random):
    """Write a record as a line of a zone file, in one of the ways there are."""
    value = record["value"]
    if record["type"] == "TXT":
        value = zone_records([record], ZONE, 0)[0]["value"]
    words = [record["name"], "" if random.random() < 0.5 else "IN", record["type"], value]
    words.insert(random.choice([1, 2]), str(record["ttl"]) if "ttl" in record else "")
    comment = random.choice(["", "", " ", " ; a comment"])
    return random.choice([" ", "\t", "  "]).join(word for word in words if word) + comment


@settings(max_examples=60)
@given(zones(), st.randoms(use_true_random=False))
def test_text_gives_the_same_as_the_list(records, random):
    text = "\n".join(as_line(record, random) for record in records)
    split = random.randrange(len(records))
    canonical = zone_records(records, ZONE, 3600)
    assert zone_records([], ZONE, 3600, text=text) == canonical
    half = "\n".join(text.split("\n")[split:])
    assert zone_records(records[:split], ZONE, 3600, text=half) == canonical


@settings(max_examples=60)
@given(zones())
def test_its_own_lines_are_accepted_as_text(records):
    lines = zone_records(records, ZONE, 3600, lines=True)
    assert zone_records([], ZONE, 1, text="\n".join(lines), lines=True) == lines


def answer(*arguments, **options):
    try:
        return zone_records(*arguments, **options)
    except AnsibleFilterError as error:
        return str(error)


owner = st.sampled_from(
    ["a", "B", "a.b", "c.a.b", "b.st.um.", "x.un.", "@", "*.b", "a_b", "-a", "st.um.", "", " ", "a.."]
)
data = st.sampled_from(["A 192.0.2.1", "A 192.0.2.2", "a 192.0.2.300", "AAAA ::1", "AAAA 0::1", "AAAA ::1.2.3.4"])
other = st.sampled_from(["NS ns.a.b", "NS x.", "CNAME a", "MX 5 a.b", "DNAME x.", "TXT x", "TXT (", ") x", "DNAME b"])
line = st.one_of(
    st.builds("{} {} {}".format, owner, st.sampled_from(["", "60", "3600 IN", "IN"]), data),
    st.builds("{} {}".format, owner, data | other),
    st.sampled_from(["", "; x", "$TTL 60", "$ORIGIN b", "$ORIGIN st.um.", "$X x", "x.a A 192.0.2.7", "c A 192.0.2.8"]),
)


@settings(max_examples=400)
@given(st.lists(line, max_size=8).map("\n".join))
def test_the_fast_path_and_the_general_one_agree(text):
    fast = answer([], ZONE, 3600, text=text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reader, "read", general_only)
        assert answer([], ZONE, 3600, text=text) == fast


@given(st.text(st.sampled_from('aA1.@* \n\t;()$"\\-:IN'), max_size=40) | st.text(max_size=20))
def test_whatever_text_is_given_it_answers_or_raises_one_error(text):
    lines = answer([], ZONE, 3600, text=text, lines=True)
    if isinstance(lines, list):
        assert zone_records([], ZONE, 3600, text="\n".join(lines), lines=True) == lines
