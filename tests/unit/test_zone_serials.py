import pytest
from ansible.errors import AnsibleFilterError
from zone_serials import zone_serials

TODAY = "20250901"
FIRST = 2025090100


def zone(identity="st.um", digest="same", **more):
    return {"id": identity, "digest": digest} | more


def saw(file=None, *served, signed=None):
    return {"file": file and {"digest": file[0], "serial": file[1]}, "served": list(served), "signed": signed}


def chosen(identity="st.um", digest="same", *, before, serial, **more):
    return zone(identity, digest, before=before, serial=serial, moves=before != serial) | more


def test_each_zone_has_its_own_serial():
    zones = [zone("new"), zone("kept", file="kept.zone", name="x"), zone("changed"), zone("rebuilt"), zone("kept@out")]
    seen = {
        "rebuilt": saw(None, FIRST + 4),
        "changed": saw(("other", FIRST), FIRST, FIRST),
        "kept": saw(("same", 7), 7, 6),
        "new": saw(),
        "kept@out": saw(("same", 9), 9),
        "of no interest": saw(),
    }
    assert zone_serials(zones, seen, TODAY) == [
        chosen("new", before=None, serial=FIRST),
        chosen("kept", file="kept.zone", name="x", before=7, serial=7),
        chosen("changed", before=FIRST, serial=FIRST + 1),
        chosen("rebuilt", before=None, serial=FIRST + 5),
        chosen("kept@out", before=9, serial=9),
    ]
    assert "serial" not in zones[0]


@pytest.mark.parametrize(
    ("state", "serial"),
    [
        pytest.param(saw(("same", 7), 9, 9, signed=9), 7, id="signatures run ahead of the file"),
        pytest.param(saw(("same", 7), 9, 8, signed=9), 7, id="and a secondary follows"),
        pytest.param(saw(("other", FIRST), FIRST + 40, signed=FIRST + 40), FIRST + 41, id="a change goes beyond them"),
        pytest.param(saw(("same", 7), signed=None), 7, id="nobody answers"),
    ],
)
def test_a_signed_zone_may_be_served_ahead_of_its_file(state, serial):
    (complete,) = zone_serials([zone()], {"st.um": state}, TODAY)
    before = state["file"]["serial"]
    assert (complete["serial"], complete["before"], complete["moves"]) == (serial, before, serial != before)


def test_no_zone_has_no_serial():
    assert zone_serials([], {}, TODAY) == []


@pytest.mark.parametrize(
    ("zones", "seen", "message"),
    [
        (None, {}, "The zones are NoneType, not a list"),
        ([zone()], None, "What was seen of the zones is NoneType, not a dictionary"),
        (["st.um"], {}, "'st.um' is not a zone with id and digest, as dns_zones returns it"),
        ([{"id": "st.um"}], {}, "{'id': 'st.um'} is not a zone with id and digest"),
        ([{"name": "st.um", "digest": "same"}], {}, "'digest': 'same'} is not a zone with id and digest"),
        ([zone()], {}, "Zone st.um: None is not a dictionary of file, served and signed, as zone_state returns it"),
        ([zone()], {"st.um": {"file": None}}, "Zone st.um: {'file': None} is not a dictionary of file, served and sig"),
        ([zone()], {"st.um": {"file": None, "served": []}}, "'served': []} is not a dictionary of file, served and si"),
        ([zone()], {"st.um": saw() | {"more": 1}}, "is not a dictionary of file, served and signed"),
        ([zone("st.um@out")], {"st.um": saw()}, "Zone st.um@out: None is not a dictionary of file, served and signed"),
        ([zone()], {"st.um": saw(None, -1)}, "Zone st.um: The serial cannot be chosen: the served serial -1 is not"),
        ([zone(digest="")], {"st.um": saw()}, "Zone st.um: The serial cannot be chosen: digest '' is not a string"),
        (
            [zone("other"), zone()],
            {"other": saw(), "st.um": saw(None, 5, 5 + 2**31)},
            "Zone st.um: The serial cannot be chosen: no number is newer than all of 5, 2147483653 (RFC 1982)",
        ),
    ],
)
def test_refuses(zones, seen, message):
    with pytest.raises(AnsibleFilterError) as error:
        zone_serials(zones, seen, TODAY)
    assert message in str(error.value)


def test_refuses_what_is_no_day():
    with pytest.raises(AnsibleFilterError) as error:
        zone_serials([zone()], {"st.um": saw()}, "tomorrow")
    assert "Zone st.um: The serial cannot be chosen: date 'tomorrow' is not a day as YYYYMMDD" in str(error.value)
