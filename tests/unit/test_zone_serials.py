import pytest
from ansible.errors import AnsibleFilterError
from zone_serials import zone_serials

TODAY = "20250901"
FIRST = 2025090100


def zone(name="st.um", digest="same", **more):
    return {"name": name, "digest": digest} | more


def saw(file=None, *served):
    return {"file": file and {"digest": file[0], "serial": file[1]}, "served": list(served)}


def test_each_zone_has_its_own_serial():
    zones = [zone("new"), zone("kept", file="kept.zone", records=[]), zone("changed"), zone("rebuilt")]
    seen = {
        "rebuilt": saw(None, FIRST + 4),
        "changed": saw(("other", FIRST), FIRST, FIRST),
        "kept": saw(("same", 7), 7, 6),
        "new": saw(),
        "of no interest": saw(),
    }
    assert zone_serials(zones, seen, TODAY) == [
        zone("new", serial=FIRST),
        zone("kept", file="kept.zone", records=[], serial=7),
        zone("changed", serial=FIRST + 1),
        zone("rebuilt", serial=FIRST + 5),
    ]
    assert "serial" not in zones[0]


def test_no_zone_has_no_serial():
    assert zone_serials([], {}, TODAY) == []


@pytest.mark.parametrize(
    ("zones", "seen", "message"),
    [
        (None, {}, "The zones are NoneType, not a list"),
        ([zone()], None, "What was seen of the zones is NoneType, not a dictionary"),
        (["st.um"], {}, "'st.um' is not a zone with name and digest, as dns_zones returns it"),
        ([{"name": "st.um"}], {}, "{'name': 'st.um'} is not a zone with name and digest"),
        ([{"digest": "same"}], {}, "{'digest': 'same'} is not a zone with name and digest"),
        ([zone()], {}, "Zone st.um: None is not a dictionary of file and served, as zone_state returns it"),
        ([zone()], {"st.um": {"file": None}}, "Zone st.um: {'file': None} is not a dictionary of file and served"),
        ([zone()], {"st.um": saw() | {"more": 1}}, "is not a dictionary of file and served"),
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
