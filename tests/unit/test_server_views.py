"""Views, the zones in them, and their catalogs."""

import hashlib

import pytest
from ansible.errors import AnsibleFilterError
from catalog_zones import catalog_zones, member
from dns_zones import dns_zones
from hypothesis import given
from hypothesis import strategies as st
from served_zones import served_zones
from server_views import server_views
from state_zones import state_zones

MAIN = {"name": "main"}
OUT = {"name": "out", "key": "strangers", "clients": ["10.0.0.0/8"], "recursion": False}
TOP = {"name": "top", "destinations": ["192.0.2.12"], "address": "192.0.2.12"}
VERSION = {"name": "version", "type": "TXT", "value": "2"}


def test_completes_the_only_view():
    assert server_views([MAIN], "catalog.invalid") == [
        {
            "name": "main",
            "destinations": ["any"],
            "recursion": True,
            "key": "",
            "address": "",
            "clients": ["any"],
            "excluded": [],
            "catalog": "catalog.invalid",
        }
    ]


def test_a_key_leads_to_its_view_and_past_the_others():
    main, out, top = server_views([MAIN, OUT, TOP | {"key": "above"}], "catalog.invalid")
    assert (main["excluded"], main["clients"]) == (['!key "strangers"', '!key "above"'], ["any"])
    assert (out["excluded"], out["clients"]) == (['!key "above"'], ['key "strangers"', "10.0.0.0/8"])
    assert (top["excluded"], top["clients"]) == (['!key "strangers"'], ['key "above"', "any"])
    assert [view["catalog"] for view in (main, out, top)] == [
        "catalog.invalid",
        "out.catalog.invalid",
        "top.catalog.invalid",
    ]
    assert (out["recursion"], top["destinations"], top["address"]) == (False, ["192.0.2.12"], "192.0.2.12")


def test_what_is_given_stays_as_it_is():
    views = [dict(OUT)]
    server_views(views, "catalog.invalid")
    assert views == [OUT]


@pytest.mark.parametrize(
    ("views", "names"),
    [
        ([], "[]"),
        ([{}], "[None]"),
        ([{"name": ""}], "['']"),
        ([{"name": 5}], "[5]"),
        ([MAIN, OUT, {"name": "main"}], "['main', 'out', 'main']"),
    ],
)
def test_refuses_views_without_names_of_their_own(views, names):
    with pytest.raises(AnsibleFilterError) as error:
        server_views(views, "catalog.invalid")
    assert str(error.value) == f"Edit bind9_views: {names} are not the names of one or more views"


# The zones in the views


def zones_in(*views):
    names = [{"name": "st.um"} | ({"view": view} if view else {}) for view in views]
    return served_zones(names, [{"name": "dyn.st.um", "updates": []}], [{"name": "theirs", "key": "x"}], "standard")


def test_zone_state_learns_how_to_get_to_a_zone():
    views = server_views([MAIN, OUT, TOP], "catalog.invalid")
    static = {"name": "st.um", "kind": "static", "signed": True, "leaving": False}
    assert state_zones(zones_in("", "out", "top", "main"), views) == [
        static | {"id": "st.um", "file": "st.um.zone"},
        static | {"id": "st.um@out", "file": "st.um.out.zone", "key": "strangers"},
        static | {"id": "st.um@top", "file": "st.um.top.zone", "address": "192.0.2.12"},
        static | {"id": "st.um@main", "file": "st.um.main.zone"},
        {
            "name": "dyn.st.um",
            "kind": "dynamic",
            "signed": True,
            "leaving": False,
            "id": "dyn.st.um",
            "file": "dyn.st.um.db",
        },
        {
            "name": "theirs",
            "kind": "secondary",
            "signed": False,
            "leaving": False,
            "id": "theirs",
            "file": "theirs.secondary",
        },
    ]


def test_zone_state_learns_that_named_takes_the_signatures_of_a_zone_away():
    zones = served_zones([{"name": "st.um", "dnssec": "insecure"}], [], [], "standard")
    assert [zone["leaving"] for zone in state_zones(zones, server_views([MAIN], "catalog.invalid"))] == [True]


def test_a_zone_without_a_view_is_in_the_first_one():
    first, *_ = state_zones(zones_in(""), server_views([TOP, MAIN], "catalog.invalid"))
    assert first["address"] == "192.0.2.12"


def test_refuses_zones_in_views_that_there_are_not():
    views = server_views([MAIN], "catalog.invalid")
    with pytest.raises(AnsibleFilterError) as error:
        state_zones(zones_in("out", "main", "else"), views)
    assert str(error.value) == "Edit bind9_views: there is no view else, out, in which zones are"


# Catalogs


def test_a_catalog_has_the_zones_of_its_view():
    views = server_views([MAIN, OUT], "catalog.invalid")
    st_um, dyn, theirs = member("st.um"), member("dyn.st.um"), member("theirs")
    catalog = {"dnssec": "none", "variable": "bind9_catalog_zone"}
    assert catalog_zones(views, zones_in("", "out")) == [
        catalog | {"name": "catalog.invalid", "records": [VERSION, st_um, dyn, theirs]},
        catalog | {"name": "out.catalog.invalid", "view": "out", "records": [VERSION, st_um]},
    ]
    assert catalog_zones(views, zones_in("main"))[0]["records"] == [VERSION, st_um, dyn, theirs]
    assert [each["records"] for each in catalog_zones(views, [])] == [[VERSION], [VERSION]]


@pytest.mark.parametrize(("name", "full"), [("st.um", "st.um."), (".", "."), ("st.um.", "st.um.")])
def test_a_member_has_a_label_made_of_its_name_alone(name, full):
    label = hashlib.sha256(full.encode()).hexdigest()[:40]
    assert member(name) == {"name": f"{label}.zones", "type": "PTR", "value": full}


@given(st.lists(st.text("abc", min_size=1, max_size=5), unique=True))
def test_a_catalog_is_a_zone_with_a_record_for_each_member(names):
    views = server_views([MAIN], "catalog.invalid")
    catalogs = catalog_zones(views, served_zones([{"name": name} for name in names], [], [], "none"))
    (zone,) = dns_zones(catalogs, {"nameservers": ["ns.invalid."], "hostmaster": "h.invalid."})
    lines = zone["text"].split("\n")
    assert {line.split()[-1] for line in lines if " PTR " in line} == {f"{name}." for name in names}
    assert len(lines) == len(names) + 2
