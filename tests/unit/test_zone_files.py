import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st
from zone_files import undo_text, zone_files
from zone_state import is_behind

ZONE = {"name": "st.um", "id": "st.um", "file": "st.um.zone", "serial": 7, "text": "a A 192.0.2.1"}
ROOT = {"name": ".", "id": ".@top", "view": "top", "file": "root.top.zone", "serial": 2}
TEXT = """\
$TTL 60
st.um. 60 IN SOA ns1.st.um. hostmaster.st.um. {serial} 3600 900 2419200 3600
a.st.um. 60 IN TXT "x IN SOA y z 99 "
"""


def entries(*zones, **options):
    return zone_files(list(zones), "/var/lib/bind", "main", **options)


def test_makes_an_entry_for_each_zone():
    assert entries() == []
    common = {"template": "zone.j2", "owner": "root", "group": "bind", "initial": False, "undo": None}
    assert entries(ZONE, ROOT) == [
        common
        | {
            "path": "/var/lib/bind/st.um.zone",
            "stale": ["/var/lib/bind/st.um.zone.jnl"],
            "vars": {"zone": ZONE},
            "reload": ["rndc", "reload", "st.um", "IN", "main"],
        },
        common
        | {
            "path": "/var/lib/bind/root.top.zone",
            "stale": ["/var/lib/bind/root.top.zone.jnl"],
            "vars": {"zone": ROOT},
            "reload": ["rndc", "reload", ".", "IN", "top"],
        },
    ]


def test_a_dynamic_zone_only_begins_with_its_file():
    assert entries(ZONE, dynamic=True) == [
        {
            "path": "/var/lib/bind/st.um.db",
            "template": "zone.j2",
            "owner": "bind",
            "group": "bind",
            "initial": True,
            "stale": [],
            "undo": None,
            "vars": {"zone": ZONE},
            "reload": ["rndc", "reload", "st.um", "IN", "main"],
        }
    ]


def test_a_dynamic_zone_begins_with_what_was_recovered():
    other = ZONE | {"name": "other", "id": "other"}
    recovered = {"st.um": {"serial": 42, "text": "st.um. 60 IN A 192.0.2.9"}, "more": {"serial": 1, "text": ""}}
    first, second = entries(ZONE, other, dynamic=True, recovered=recovered)
    assert first["vars"] == {"zone": ZONE | {"text": "st.um. 60 IN A 192.0.2.9"}}
    assert second["vars"] == {"zone": other}
    assert ZONE["text"] == "a A 192.0.2.1"


def test_an_undone_zone_has_its_old_records_with_a_newer_serial():
    texts = {"st.um": TEXT.format(serial=6), ".@x": TEXT.format(serial=1)}
    first, second = entries(ZONE, ROOT, texts=texts)
    assert first["undo"] == TEXT.format(serial=8)
    assert second["undo"] is None


@pytest.mark.parametrize(
    ("serial", "after"), [(7, 8), (0, 1), (2**32 - 2, 2**32 - 1), pytest.param(2**32 - 1, 1, id="0 is left out")]
)
def test_the_serial_of_an_undone_zone(serial, after):
    assert undo_text(TEXT.format(serial=3), serial) == TEXT.format(serial=after)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_servers_take_an_undone_zone_for_newer(before, serial):
    after = int(undo_text(TEXT.format(serial=before), serial).split("\n")[1].split()[6])
    assert is_behind(serial, after)


@pytest.mark.parametrize("text", [None, "", "; of somebody else\n"])
def test_a_text_without_an_soa_stays_as_it_is(text):
    assert undo_text(text, 7) == text


WORDS = "is not a zone with name, id, file and serial"


@pytest.mark.parametrize(
    ("zones", "directory", "message"),
    [
        (None, "/d", "The zones are NoneType, not a list"),
        ({"st.um": ZONE}, "/d", "The zones are dict, not a list"),
        (["st.um"], "/d", f"'st.um' {WORDS}, as zone_serials returns it"),
        ([ZONE, {"name": "st.um"}], "/d", f"{{'name': 'st.um'}} {WORDS}"),
        *[([ZONE, {key: ZONE[key] for key in ZONE if key != gone}], "/d", WORDS) for gone in [*ZONE][:-1]],
        *[([ZONE | {key: None}], "/d", WORDS) for key in [*ZONE][:-1]],
        ([ZONE | {"serial": "7"}], "/d", WORDS),
        ([ZONE], None, "The folder of the zone files None is not an absolute path"),
        ([ZONE], "zones", "The folder of the zone files 'zones' is not an absolute path"),
    ],
)
def test_refuses(zones, directory, message):
    with pytest.raises(AnsibleFilterError) as error:
        zone_files(zones, directory, "main")
    assert message in str(error.value)
