import copy
import string

import pytest
from ansible.errors import AnsibleFilterError
from dns_zones import MAX_TIME, TIMES, dns_zones
from hypothesis import given, settings
from hypothesis import strategies as st
from zone_records import zone_records

NS1, NS2 = ({"name": name, "type": "A", "value": "192.0.2.53"} for name in ("ns1", "ns2"))
DEFAULTS = {"nameservers": ["ns1.st.um."], "hostmaster": "hostmaster.st.um."}
SERVERS = ["ns1.st.um.", "ns2.st.um.", "ns.example.org.", "ns.example.net."]


def complete(*records, name="st.um", servers=None, **defaults):
    """Complete one zone that has the records and ns1."""
    (zone,) = dns_zones(
        [{"name": name, "records": [NS1, *records]}],
        DEFAULTS | ({"nameservers": servers} if servers else {}) | defaults,
    )
    return zone


def lines(zone):
    return zone["text"].split("\n")


def digest(*records, **options):
    return complete(NS2, *records, **options)["digest"]


def test_completes_a_zone():
    zone = complete({"name": "www", "type": "CNAME", "value": "@"}, {"name": "@", "type": "A", "value": "192.0.2.1"})
    assert len(zone.pop("digest")) == 64
    assert zone == {
        "name": "st.um",
        "origin": "st.um.",
        "id": "st.um",
        "file": "st.um.zone",
        "mname": "ns1.st.um.",
        "rname": "hostmaster.st.um.",
        "ttl": 86400,
        "refresh": 3600,
        "retry": 900,
        "expire": 2419200,
        "minimum": 3600,
        "count": 4,
        "text": "st.um. 86400 IN A 192.0.2.1\n"
        "st.um. 86400 IN NS ns1.st.um.\n"
        "ns1.st.um. 86400 IN A 192.0.2.53\n"
        "www.st.um. 86400 IN CNAME st.um.",
    }


@pytest.mark.parametrize(
    ("given_name", "name", "origin", "file"),
    [
        ("example.org", "example.org", "example.org.", "example.org.zone"),
        ("Example.ORG.", "example.org", "example.org.", "example.org.zone"),
        ("um", "um", "um.", "um.zone"),
        (".", ".", ".", "root.zone"),
        ("64-26.2.0.192.in-addr.arpa", *["64-26.2.0.192.in-addr.arpa" + end for end in ("", ".", ".zone")]),
        ("_tcp.example.org", "_tcp.example.org", "_tcp.example.org.", "_tcp.example.org.zone"),
    ],
)
def test_names_a_zone_and_its_file(given_name, name, origin, file):
    server = [NS1 | {"name": "ns.invalid."}] if origin == "." else []  # everything is in the root
    zones = [{"name": given_name, "records": server}]
    (zone,) = dns_zones(zones, DEFAULTS | {"nameservers": ["ns.invalid."]})
    assert (zone["name"], zone["origin"], zone["file"]) == (name, origin, file)


def test_the_first_server_is_the_mname_and_all_are_at_the_apex():
    zone = complete(NS2, servers=["NS2.st.um.", "ns1.st.um.", "ns.example.org."], hostmaster="First\\.Last.st.um.")
    assert zone["mname"] == "ns2.st.um."
    assert zone["rname"] == "first\\.last.st.um."
    apex = [line for line in lines(zone) if " NS " in line]
    assert apex == [f"st.um. 86400 IN NS {server}" for server in ("ns.example.org.", "ns1.st.um.", "ns2.st.um.")]


def test_zones_keep_their_order():
    names = ["b.example", "a.example", "c.example"]
    zones = dns_zones([{"name": name, "records": []} for name in names], DEFAULTS)
    assert [zone["name"] for zone in zones] == names
    assert len({zone["digest"] for zone in zones}) == 3
    assert dns_zones([], DEFAULTS) == []


def test_the_extremes_are_possible():
    times = {"ttl": 0, "refresh": 1, "retry": 1, "expire": 3, "minimum": 0}
    assert complete(**times).items() >= times.items()
    times = {"ttl": MAX_TIME, "refresh": 1, "retry": MAX_TIME - 2, "expire": MAX_TIME, "minimum": MAX_TIME}
    assert complete(**times).items() >= times.items()


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        (None, "it is NoneType, not a dictionary"),
        ([DEFAULTS], "it is list, not a dictionary"),
        (DEFAULTS | {"tll": 5, 5: 1}, "unknown: 5, tll; possible: expire, hostmaster, minimum, nameservers, refresh"),
        ({"hostmaster": "h.st.um."}, "nameservers is None, not a list of at least one"),
        (DEFAULTS | {"nameservers": []}, "nameservers is [], not a list of at least one"),
        (DEFAULTS | {"nameservers": "ns1.st.um."}, "nameservers is 'ns1.st.um.', not a list of at least one"),
        (DEFAULTS | {"nameservers": ["ns1"]}, "'ns1' is not a full name with its final dot"),
        (DEFAULTS | {"nameservers": [None]}, "None is not a full name with its final dot"),
        (DEFAULTS | {"nameservers": ["ns1..um."]}, "'ns1..um.' is not a domain name: A DNS label is empty"),
        (
            DEFAULTS | {"nameservers": ["ns1.st.um.", "NS1.ST.UM."]},
            "nameservers has a server twice: ns1.st.um., ns1.st.um.",
        ),
        ({"nameservers": ["ns1.st.um."]}, "None is not a full name with its final dot"),
        (DEFAULTS | {"hostmaster": "hostmaster"}, "'hostmaster' is not a full name with its final dot"),
        (DEFAULTS | {"hostmaster": "me@st.um."}, "hostmaster 'me@st.um.': write a dot in place of the @ (RFC 1035"),
        (DEFAULTS | {"ttl": "1d"}, "ttl '1d' is not a number of seconds from 0 to 2147483647"),
        (DEFAULTS | {"ttl": -1}, "ttl -1 is not a number of seconds from 0 to"),
        (DEFAULTS | {"ttl": True}, "ttl True is not a number of seconds"),
        (DEFAULTS | {"ttl": None}, "ttl None is not a number of seconds"),
        (DEFAULTS | {"refresh": 0}, "refresh 0 is not a number of seconds from 1 to"),
        (DEFAULTS | {"retry": 0.5}, "retry 0.5 is not a number of seconds from 1 to"),
        (DEFAULTS | {"minimum": 2**31}, "minimum 2147483648 is not a number of seconds from 0 to 2147483647"),
        (
            DEFAULTS | {"expire": 4500},
            "expire 4500 is not more than refresh and retry together, 3600 + 900, so a secondary would give up",
        ),
    ],
)
def test_refuses_wrong_defaults(defaults, message):
    with pytest.raises(AnsibleFilterError) as error:
        dns_zones([], defaults)
    assert str(error.value).startswith("Edit site_zone_defaults: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("zones", "message"),
    [
        (None, "Edit site_zones: the zones are NoneType, not a list"),
        ({"st.um": []}, "Edit site_zones: the zones are dict, not a list"),
        (["st.um"], "Edit site_zones: 'st.um' is not a dictionary with a name"),
        ([{"records": []}], "{'records': []} is not a dictionary with a name"),
        (
            [{"name": "st.um", "records": [], "ttl": 5, 5: 1}],
            "Edit site_zones: zone st.um: unknown: 5, ttl; possible: dnssec, name, nameservers, notify, records, text,"
            " variable, view",
        ),
        ([{"name": 5, "records": []}], "the zone's name 5 is not a string of at least one character"),
        ([{"name": "", "records": []}], "the zone's name '' is not a string of at least one character"),
        ([{"name": "a..", "records": []}], "'a..' is not a domain name: A DNS label is empty"),
        ([{"name": "0/26.2.0.192.in-addr.arpa", "records": []}], "0/26.2.0.192.in-addr.arpa. cannot give its name to"),
        ([{"name": "\\047etc", "records": []}], "the zone /etc. cannot give its name to a file; letters, digits, hyph"),
        ([{"name": 'a"b', "records": []}], "cannot give its name to a file"),
        ([{"name": "st.um", "records": None}], "zone st.um.: the records are NoneType, not a list"),
        ([{"name": "a.b", "text": None}], "Edit site_zones: zone a.b.: the text is NoneType, not a string"),
        ([{"name": "a.b", "text": "x A 1"}], "Edit site_zones: zone a.b. has 1 error:\n  line 1 (x A 1): the value is"),
        ([{"name": "x☃"}], "Edit site_zones: 'x☃.' is not possible in IDNA 2008: Codepoint U+2603"),
        ([{"name": "st.um", "records": {"www": "192.0.2.1"}}], "zone st.um.: the records are dict, not a list"),
        (
            [{"name": "a.b", "records": []}, {"name": "A.B.", "records": []}],
            "Edit site_zones: the zone a.b. is there twice",
        ),
        (
            [{"name": "root", "records": []}, {"name": ".", "records": [NS1 | {"name": "ns1.st.um."}]}],
            "Edit site_zones: the zones root. and . would have one file, root.zone",
        ),
        (
            [{"name": "st.um", "records": []}],
            "zone st.um. has 1 error:\n  record 1 (st.um. NS ns1.st.um.): ns1.st.um. does not",
        ),
        ([{"name": "a.b", "records": [{"name": "x", "type": "A", "value": "192.0.2"}]}], "record 1 (x A 192.0.2)"),
        ([{"name": "a.b", "records": [], "variable": "mine"}] * 2, "Edit mine: the zone a.b. is there twice"),
        ([{"name": "a.b", "records": 5, "variable": "mine"}], "Edit mine: zone a.b.: the records are int, not a list"),
        (
            [{"name": "a.b", "records": [5], "variable": "mine"}],
            "Edit mine: zone a.b. has 1 error:\n  record 1 (5): not",
        ),
    ],
)
def test_refuses_wrong_zones(zones, message):
    with pytest.raises(AnsibleFilterError) as error:
        dns_zones(zones, DEFAULTS)
    assert message in str(error.value)


# Servers of a zone's own, and views


def test_a_zone_may_have_servers_of_its_own():
    own = {"name": "a.b", "nameservers": ["ns.Example.net.", "ns.example.org."]}
    first, second = dns_zones([own, {"name": "c.b"}], DEFAULTS)
    assert (first["mname"], second["mname"]) == ("ns.example.net.", "ns1.st.um.")
    assert lines(first) == [f"a.b. 86400 IN NS ns.example.{end}." for end in ("net", "org")]
    assert lines(second) == ["c.b. 86400 IN NS ns1.st.um."]
    assert first["digest"] != dns_zones([{"name": "a.b"}], DEFAULTS)[0]["digest"]
    # What delegates it has the servers of all zones, which serve it too.
    assert "a.b. 86400 IN NS ns1.st.um." in lines(dns_zones([{"name": "b"}, own], DEFAULTS)[0])


@pytest.mark.parametrize(
    ("nameservers", "message"),
    [
        ([], "nameservers is [], not a list of at least one"),
        (None, "nameservers is None, not a list of at least one"),
        (["ns1"], "'ns1' is not a full name with its final dot"),
        (["a.b.", "A.B."], "nameservers has a server twice: a.b., a.b."),
    ],
)
@pytest.mark.parametrize("variable", ["site_zones", "site_records"])
def test_refuses_wrong_servers_of_a_zone(nameservers, message, variable):
    zone = {"name": "a.c", "nameservers": nameservers, "variable": variable}
    with pytest.raises(AnsibleFilterError) as error:
        dns_zones([zone], DEFAULTS)
    assert str(error.value) == f"Edit {variable}: {message}"


def test_a_name_may_be_in_several_views():
    zones = dns_zones(
        [
            {"name": "a.b", "view": "out", "text": "x A 192.0.2.1"},
            {"name": "a.b"},
            {"name": ".", "view": "top", "nameservers": ["ns.example."], "text": "ns.example. A 192.0.2.53"},
        ],
        DEFAULTS,
    )
    assert [(zone["id"], zone["name"], zone["file"], zone.get("view")) for zone in zones] == [
        ("a.b@out", "a.b", "a.b.out.zone", "out"),
        ("a.b", "a.b", "a.b.zone", None),
        (".@top", ".", "root.top.zone", "top"),
    ]
    assert [zone["count"] for zone in zones] == [2, 1, 2]


def test_zones_of_other_views_are_no_parents_and_no_children():
    upper, lower = {"name": "st.um"}, {"name": "sub.st.um"}
    expected = ["sub.st.um. 90000 IN NS ns.example.org."]
    assert below([upper, lower | {"view": "out"}]) == []
    assert below([upper | {"view": "out"}, lower]) == []
    assert below([upper | {"view": "out"}, lower | {"view": "out"}]) == expected
    # The children are in the first view.
    assert below([upper | {"view": "out"}], ["sub.st.um"]) == []
    assert below([upper], ["sub.st.um"]) == expected


def test_ds_records_are_for_the_zones_of_every_view():
    zone = {"name": "st.um", "records": SUB}
    first, second = dns_zones([zone, zone | {"view": "out"}], DEFAULTS | {"nameservers": ["ns.example.org."]}, [], DS)
    assert set(DS_LINES) < set(lines(first))
    assert lines(first) == lines(second)


def test_the_view_is_not_in_the_digest():
    zones = dns_zones([{"name": "a.b"}, {"name": "a.b", "view": "out"}], DEFAULTS)
    assert len({zone["digest"] for zone in zones}) == 1


@pytest.mark.parametrize(
    ("zones", "message"),
    [
        (
            [{"name": "a.b", "view": "x"}, {"name": "A.b.", "view": "x"}],
            "Edit site_zones: the zone a.b. is there twice",
        ),
        (
            [{"name": "a.b", "view": "x"}, {"name": "a.b.x"}],
            "Edit site_zones: the zones a.b. and a.b.x. would have one file, a.b.x.zone",
        ),
    ],
)
def test_refuses_zones_of_one_file(zones, message):
    with pytest.raises(AnsibleFilterError) as error:
        dns_zones(zones, DEFAULTS)
    assert str(error.value) == message


SUB = [{"name": "sub", "type": "NS", "value": "ns.example.net."}]
DS = {"sub.st.um.": [f"1 13 2 {'ab' * 32}", f"2 13 2 {'cd' * 32}"]}
DS_LINES = [f"sub.st.um. 86400 IN DS {value}" for value in DS["sub.st.um."]]


def below(parents, *arguments, ttl=90000, name="st.um."):
    """Give what the first of some zones has below its apex, with one server somewhere else."""
    defaults = DEFAULTS | {"nameservers": ["ns.example.org."], "ttl": ttl}
    first, *_ = dns_zones(parents, defaults, *arguments)
    return [line for line in lines(first) if not line.startswith(f"{name} ")]


@pytest.mark.parametrize("child", ["sub.st.um", "sub.st.um.", "SUB.st.um"])
def test_a_zone_is_delegated_by_the_one_above(child):
    expected = ["sub.st.um. 90000 IN NS ns.example.org."]
    assert below([{"name": "st.um"}, {"name": child}]) == below([{"name": "st.um"}], [child]) == expected
    assert below([{"name": "st.um"}, {"name": child}], [child]) == expected


def test_only_the_closest_zone_delegates():
    zones = [{"name": "b.st.um"}, {"name": "a.b.st.um"}, {"name": "st.um"}, {"name": "xst.um"}]
    assert below(zones, name="b.st.um.") == ["a.b.st.um. 90000 IN NS ns.example.org."]
    assert below(zones[::-1][1:]) == ["b.st.um. 90000 IN NS ns.example.org."]
    assert below([{"name": "st.um"}], ["b.st.um", "a.b.st.um"]) == ["b.st.um. 90000 IN NS ns.example.org."]


def test_the_root_delegates_everything():
    zones = [{"name": ".", "text": "ns.example.org. A 192.0.2.1"}, {"name": "st.um"}]
    assert below(zones, ["example"], name=".") == [
        "example. 90000 IN NS ns.example.org.",
        "ns.example.org. 90000 IN A 192.0.2.1",
        "st.um. 90000 IN NS ns.example.org.",
    ]


def test_a_delegation_that_is_given_stays():
    for given_zone in ({"records": SUB}, {"text": "sub NS ns.example.net."}):
        for child in ("sub.st.um", "a.sub.st.um"):
            assert below([{"name": "st.um"} | given_zone], [child]) == ["sub.st.um. 90000 IN NS ns.example.net."]


def test_a_server_in_the_child_needs_glue():
    defaults = DEFAULTS | {"nameservers": ["ns.sub.st.um."]}
    zone = {"name": "st.um", "text": "ns.sub A 192.0.2.1"}
    assert "sub.st.um. 86400 IN NS ns.sub.st.um." in lines(dns_zones([zone], defaults, ["sub.st.um"])[0])
    with pytest.raises(AnsibleFilterError, match=r"delegation 1 \(sub.st.um. NS ns.sub.st.um.\): .* as glue"):
        dns_zones([{"name": "st.um"}], defaults, ["sub.st.um"])


def test_a_delegation_gets_the_ds_records_of_its_child():
    assert below([{"name": "st.um"}], ["sub.st.um"], DS)[:2] == DS_LINES
    assert below([{"name": "st.um", "records": SUB}], [], DS)[:2] == DS_LINES
    assert below([{"name": "st.um", "records": SUB}], [], DS, ttl=60)[0].startswith("sub.st.um. 60 IN DS ")


def test_a_ds_is_added_at_a_delegation_without_one_only():
    own = f"sub.st.um. 90000 IN DS 3 13 2 {'ef' * 32}"
    assert below([{"name": "st.um", "records": SUB, "text": own}], [], DS)[0] == own
    assert below([{"name": "st.um"}, {"name": "sub.st.um."}], [], {"st.um.": DS["sub.st.um."]})[1:] == []
    assert below([{"name": "sub.st.um"}], [], DS, name="sub.st.um.") == []
    assert below([{"name": "st.um"}], [], DS) == []


def test_dnssec_is_passed_on_and_not_in_the_digest():
    plain, signed = dns_zones([{"name": "a.b"}], DEFAULTS) + dns_zones([{"name": "a.b", "dnssec": "yes"}], DEFAULTS)
    assert plain | {"dnssec": "yes"} == signed


def test_names_can_be_in_unicode():
    defaults = {"nameservers": ["ns.Bücher.example."], "hostmaster": "über.bücher.example."}
    (zone,) = dns_zones([{"name": "BÜCHER.example", "text": "ns A 192.0.2.1"}], defaults, ["ä.bücher.example"])
    assert (zone["name"], zone["file"]) == ("xn--bcher-kva.example", "xn--bcher-kva.example.zone")
    assert (zone["mname"], zone["rname"]) == ("ns.xn--bcher-kva.example.", "xn--ber-goa.xn--bcher-kva.example.")
    assert "xn--4ca.xn--bcher-kva.example. 86400 IN NS ns.xn--bcher-kva.example." in lines(zone)


@given(st.lists(st.integers(1, 254), max_size=5, unique=True))
def test_the_text_is_as_good_as_the_list(octets):
    records = [{"name": f"h{octet}", "type": "A", "value": f"192.0.2.{octet}"} for octet in octets]
    text = "\n".join(f"h{octet} A 192.0.2.{octet}" for octet in octets)
    assert dns_zones([{"name": "a.b", "records": records}], DEFAULTS) == dns_zones(
        [{"name": "a.b", "text": text}], DEFAULTS
    )


# What the digest covers. Each owner has one record, so that any record can have any time to live.

records = st.lists(
    st.builds(
        lambda name, kind, number, ttl: {
            "name": name,
            "type": kind,
            "value": f"192.0.2.{number}",
            **({} if ttl is None else {"ttl": ttl}),
        },
        st.text(string.ascii_lowercase, min_size=1, max_size=2),
        st.sampled_from(["A", "TXT"]),
        st.integers(0, 255),
        st.none() | st.integers(0, MAX_TIME),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda record: record["name"],
)
enough = settings(max_examples=40)
server_lists = st.lists(st.sampled_from(SERVERS), min_size=1, unique=True)
# Each is possible beside the others' defaults.
times = {
    "ttl": st.integers(0, MAX_TIME),
    "refresh": st.integers(1, 2419200 - 901),
    "retry": st.integers(1, 2419200 - 3601),
    "expire": st.integers(4501, MAX_TIME),
    "minimum": st.integers(0, MAX_TIME),
}


@enough
@given(records, server_lists)
def test_the_same_input_gives_the_same_output_and_stays_as_it_is(given_records, servers):
    zones = [{"name": "st.um", "records": [NS1, NS2, *given_records]}, {"name": "a.example", "records": given_records}]
    defaults = DEFAULTS | {"nameservers": servers}
    before = copy.deepcopy((zones, defaults))
    assert dns_zones(zones, defaults) == dns_zones(*before)
    assert (zones, defaults) == before


@enough
@given(records.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_the_records_does_not_matter(orders):
    assert digest(*orders[0]) == digest(*orders[1])


@enough
@given(records)
def test_the_spelling_of_the_records_does_not_matter(some):
    canonical = zone_records(some, "st.um", 86400)
    spelled = [record | {"name": f"{record['name'].upper()}.ST.um.", "type": record["type"].lower()} for record in some]
    assert digest(*some) == digest(*canonical) == digest(*spelled)


@enough
@given(records)
def test_a_deletion_changes_the_digest(some):
    assert len({digest(*some), digest(), *(digest(*some[:i], *some[i + 1 :]) for i in range(len(some)))}) == (
        len(some) + 1 + (len(some) > 1)
    )


@enough
@given(records, st.data())
def test_any_change_of_a_record_changes_the_digest(some, data):
    old = some[0]
    key = data.draw(st.sampled_from(["name", "type", "value", "ttl"]))
    other = {
        "name": st.just(f"other-{old['name']}"),
        "type": st.just({"A": "TXT", "TXT": "A"}[old["type"]]),
        "value": st.integers(0, 255).map("198.51.100.{}".format),
        "ttl": st.integers(0, MAX_TIME).filter(lambda ttl: ttl != old.get("ttl", 86400)),
    }[key]
    assert digest(old | {key: data.draw(other)}, *some[1:]) != digest(*some)


@pytest.mark.parametrize("key", TIMES)
@enough
@given(data=st.data())
def test_any_change_of_a_time_changes_the_digest(key, data):
    one, other = (data.draw(times[key]) for _ in range(2))
    assert (digest(**{key: one}) == digest(**{key: other})) == (one == other)


@enough
@given(server_lists, server_lists)
def test_any_change_of_the_servers_changes_the_digest(one, other):
    same = one[0] == other[0] and set(one) == set(other)
    assert (digest(servers=one) == digest(servers=other)) == same


def test_the_names_of_the_zone_and_of_the_hostmaster_are_in_the_digest():
    servers = ["ns.example.org."]
    assert digest(servers=servers) == digest(servers=servers, name="ST.um.")
    assert digest(servers=servers) != digest(servers=servers, name="st.example")
    assert digest() == digest(hostmaster="HOSTMASTER.st.um.")
    assert digest() != digest(hostmaster="root.st.um.")
