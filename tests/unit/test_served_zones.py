import pytest
from ansible.errors import AnsibleFilterError
from dns_zones import dns_zones
from hypothesis import given
from hypothesis import strategies as st
from served_zones import names_above, served_zones

DEFAULTS = {"nameservers": ["ns.invalid."], "hostmaster": "h.invalid."}
FULL = {
    "name": "st.um",
    "id": "st.um",
    "view": "",
    "kind": "static",
    "file": "st.um.zone",
    "dnssec": "standard",
    "signed": True,
    "ds": False,
    "agents": [],
}


def serve(static=(), dynamic=(), secondary=(), dnssec="standard", **options):
    return served_zones(*(list(zones) for zones in (static, dynamic, secondary)), dnssec, **options)


def test_zones_of_every_kind_have_one_form():
    updates, primaries = [{"key": "update", "rule": "zonesub A"}], [{"addresses": ["192.0.2.1"]}]
    zones = serve(
        [{"name": "st.um", "records": [], "text": "", "notify": ["192.0.2.2"], "variable": "x"}],
        [{"name": "dyn.example", "updates": updates}],
        [{"name": "partner.example", "primaries": primaries, "key": "partner"}],
        agents=["192.0.2.3"],
    )
    common = {"agents": ["192.0.2.3"]}
    dynamic = {"name": "dyn.example", "id": "dyn.example", "kind": "dynamic", "file": "dyn.example.db"}
    partner = {"name": "partner.example", "id": "partner.example", "kind": "secondary", "dnssec": "none"}
    assert zones == [
        FULL | common | {"notify": ["192.0.2.2"]},
        FULL | common | dynamic | {"updates": updates},
        FULL
        | common
        | partner
        | {"file": "partner.example.secondary", "signed": False, "primaries": primaries, "key": "partner"},
    ]
    assert serve() == []


@pytest.mark.parametrize(
    ("given_name", "view", "name", "identity", "file"),
    [
        ("Example.ORG.", None, "example.org", "example.org", "example.org.zone"),
        (".", None, ".", ".", "root.zone"),
        (".", "root", ".", ".@root", "root.root.zone"),
        ("um", "top", "um", "um@top", "um.top.zone"),
        ("bücher.example", None, *["xn--bcher-kva.example" + end for end in ("", "", ".zone")]),
        ("64-26.2.0.192.in-addr.arpa", None, *["64-26.2.0.192.in-addr.arpa" + end for end in ("", "", ".zone")]),
    ],
)
def test_names_agree_with_those_of_the_files(given_name, view, name, identity, file):
    zone = {"name": given_name} | ({"view": view} if view else {})
    (served,) = serve([zone])
    assert (served["name"], served["view"], served["id"], served["file"]) == (name, view or "", identity, file)
    text = {"text": "ns.invalid. A 192.0.2.1"} if name == "." else {}
    (complete,) = dns_zones([zone | text], DEFAULTS)
    assert [complete[key] for key in ("name", "id", "file")] == [name, identity, file]


@pytest.mark.parametrize(
    ("own", "usual", "dnssec", "signed"),
    [
        (None, "standard", "standard", True),
        (None, "none", "none", False),
        (None, "insecure", "insecure", False),
        ("nsec3", "standard", "nsec3", True),
        ("nsec3", "none", "nsec3", True),
        ("none", "standard", "none", False),
        ("insecure", "standard", "insecure", False),
    ],
)
def test_how_a_zone_is_signed(own, usual, dnssec, signed):
    zone = {"name": "a.b"} | ({"dnssec": own} if own else {})
    for zones in (serve([zone], dnssec=usual), serve([], [zone], dnssec=usual)):
        assert (zones[0]["dnssec"], zones[0]["signed"]) == (dnssec, signed)
    (other,) = serve([], [], [zone], dnssec=usual)
    assert (other["dnssec"], other["signed"]) == ("none", False)


def test_what_is_above():
    assert list(names_above("a.b.st.um")) == ["b.st.um", "st.um", "um", "."]
    assert list(names_above("um")) == ["."]
    assert list(names_above(".")) == []


@pytest.mark.parametrize(
    ("zones", "with_parent"),
    [
        (["st.um", "dyn.st.um"], ["dyn.st.um"]),
        (["st.um", "a.b.st.um"], ["a.b.st.um"]),
        (["um.st", "xst.um", "st.um"], []),
        ([".", "um", "st.um"], ["um", "st.um"]),
    ],
)
def test_a_zone_whose_parent_is_here_needs_no_other_agents(zones, with_parent):
    served = serve([{"name": name} for name in zones], agents=["192.0.2.3"])
    assert [zone["name"] for zone in served if zone["ds"]] == with_parent
    for zone in served:
        assert zone["agents"] == (["127.0.0.1"] if zone["ds"] else ["192.0.2.3"])


def test_a_parent_can_be_of_any_kind():
    served = serve([{"name": "a.st.um"}], [{"name": "b.a.st.um"}], [{"name": "st.um"}])
    assert {zone["name"]: zone["ds"] for zone in served} == {"a.st.um": True, "b.a.st.um": True, "st.um": False}


def test_a_parent_in_another_view_is_here_but_is_not_asked_here():
    _, child = serve([{"name": "um", "view": "top"}, {"name": "st.um"}], agents=["192.0.2.3"])
    assert (child["ds"], child["agents"]) == (True, ["192.0.2.3"])
    _, child = serve([{"name": "um", "view": "top"}, {"name": "st.um", "view": "top"}], agents=["192.0.2.3"])
    assert (child["ds"], child["agents"]) == (True, ["127.0.0.1"])


def test_a_name_may_be_in_several_views():
    served = serve([{"name": "a.b"}, {"name": "a.b", "view": "out"}])
    assert [zone["id"] for zone in served] == ["a.b", "a.b@out"]


labels = st.text("ab", min_size=1, max_size=2)
names = st.lists(st.lists(labels, min_size=1, max_size=3).map(".".join), unique=True, max_size=8)


@given(names)
def test_a_zone_has_a_parent_here_if_one_of_the_names_ends_its_own(zones):
    for zone in serve([{"name": name} for name in zones]):
        assert zone["ds"] == any(zone["name"].endswith(f".{other}") for other in zones)


@pytest.mark.parametrize(
    ("zones", "message"),
    [
        ({"static": [{"records": []}]}, "Edit site_zones: a zone has no name: None"),
        ({"static": [{"name": ""}]}, "Edit site_zones: a zone has no name: ''"),
        ({"dynamic": [{"name": 5}]}, "Edit site_dynamic_zones: a zone has no name: 5"),
        ({"secondary": [{}]}, "Edit site_secondary_zones: a zone has no name: None"),
        ({"static": [{"name": "a.b"}, {"name": "A.b."}]}, "Edit site_zones: the zone a.b is there twice"),
        (
            {"static": [{"name": "a.b", "variable": "site_records"}, {"name": "A.b."}]},
            "Edit site_zones: the zone a.b is there twice",
        ),
        (
            {"static": [{"name": "a.b"}, {"name": "a.b", "variable": "site_networks"}]},
            "Edit site_networks: the zone a.b is there twice",
        ),
        (
            {"static": [{"name": "a.b"}], "dynamic": [{"name": "a.b"}]},
            "Edit site_dynamic_zones: the zone a.b is there twice",
        ),
        (
            {"dynamic": [{"name": "a.b"}], "secondary": [{"name": "a.b."}]},
            "Edit site_secondary_zones: the zone a.b is there twice",
        ),
        (
            {"static": [{"name": "a.b", "view": "x"}] * 2},
            "Edit site_zones: the zone a.b is there twice",
        ),
        ({"static": [{"name": "x☃"}]}, "Edit site_zones: 'x☃' is not possible in IDNA 2008: Codepoint U+2603"),
        ({"dynamic": [{"name": "a..b"}]}, "Edit site_dynamic_zones: 'a..b' is not a domain name: A DNS label is empty"),
        (
            {"static": [{"name": "a.b", "dnssec": "standart"}]},
            "Edit site_zones: zone a.b: there is no DNSSEC policy 'standart'; possible: standard, nsec3",
        ),
        (
            {"dynamic": [{"name": "a.b", "dnssec": None}]},
            "Edit site_dynamic_zones: zone a.b: there is no DNSSEC policy None; possible: standard",
        ),
        (
            {"dnssec": "standart"},
            "Edit bind9_dnssec: there is no DNSSEC policy 'standart'; possible: standard, nsec3, none, insecure",
        ),
    ],
)
def test_refuses(zones, message):
    with pytest.raises(AnsibleFilterError) as error:
        serve(**zones, policies=["standard", "nsec3"])
    assert message in str(error.value)


def test_policies_that_there_are():
    policies = ["standard", "nsec3"]
    for dnssec in [*policies, "none", "insecure"]:
        assert serve([{"name": "a.b", "dnssec": dnssec}], policies=policies)[0]["dnssec"] == dnssec
        assert serve([{"name": "a.b"}], dnssec=dnssec, policies=policies)[0]["dnssec"] == dnssec
    # A zone of others has none of ours, whatever it says.
    assert serve([], [], [{"name": "a.b", "dnssec": "theirs"}], policies=policies)[0]["dnssec"] == "none"
