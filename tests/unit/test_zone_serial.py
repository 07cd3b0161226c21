import datetime

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st
from zone_serial import zone_serial

TODAY = "20250901"
FIRST = 2025090100
LAST = 2**32 - 1

serials = st.integers(0, LAST)
# Serials that a number can be newer than: all within less than half of the circle.
clusters = st.builds(
    lambda base, offsets: [(base + offset) % 2**32 for offset in offsets],
    serials,
    st.lists(st.integers(0, 2**31 - 3), min_size=1, max_size=5),
)


def newer(serial, other):
    """RFC 1982 section 3.2, word for word."""
    return (serial < other and other - serial > 2**31) or (serial > other and serial - other < 2**31)


def holds(serial, digest="same"):
    return {"digest": digest, "serial": serial}


@pytest.mark.parametrize(
    ("file", "served", "expected"),
    [
        pytest.param(None, [], FIRST, id="a new zone"),
        pytest.param(holds(7), [], 7, id="nothing serves it"),
        pytest.param(holds(7), [7, 7], 7, id="all are up to date"),
        pytest.param(holds(7), [6], 7, id="a secondary is behind"),
        pytest.param(holds(7), [8], FIRST, id="a secondary is ahead"),
        pytest.param(holds(0), [0], 0, id="zero is kept"),
        pytest.param(holds(7, "other"), [7], FIRST, id="changed"),
        pytest.param(holds(FIRST, "other"), [FIRST], FIRST + 1, id="changed twice on one day"),
        pytest.param(holds(FIRST + 99, "other"), [], FIRST + 100, id="changed more than a hundred times on one day"),
        pytest.param(None, [FIRST + 4], FIRST + 5, id="a rebuilt primary goes beyond its secondary"),
    ],
)
def test_chooses(file, served, expected):
    assert zone_serial("same", file, served, date=TODAY) == expected


@pytest.mark.parametrize(
    ("file", "served", "expected"),
    [
        pytest.param(holds(LAST - 1, "other"), [], LAST, id="the last number"),
        pytest.param(holds(LAST, "other"), [LAST], 1, id="zero is skipped"),
        pytest.param(holds(LAST), [1], 2, id="a secondary is ahead"),
        pytest.param(holds(2), [LAST], 2, id="a secondary is behind"),
        pytest.param(None, [LAST - 4, 3], 4, id="seen on both sides"),
    ],
)
def test_chooses_where_the_numbers_wrap(file, served, expected):
    # The day's serial is in the upper half of the circle, so it is no way out.
    assert zone_serial("same", file, served, date="22000101") == expected


@pytest.mark.parametrize(
    ("served", "signed", "expected"),
    [
        pytest.param([9, 8], 9, 7, id="signatures are ahead of the file"),
        pytest.param([9, 10], 9, FIRST, id="a secondary is ahead of the signatures"),
        pytest.param([7], 6, 7, id="the signer is behind its file"),
    ],
)
def test_considers_inline_signing(served, signed, expected):
    assert zone_serial("same", holds(7), served, signed=signed, date=TODAY) == expected


def test_goes_beyond_the_signed_serial():
    assert zone_serial("same", holds(7, "other"), [], signed=FIRST + 3, date=TODAY) == FIRST + 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"digest": ""}, "digest '' is not a string"),
        ({"digest": None}, "digest None is not a string"),
        ({"file": {}}, "file {} is neither none nor a dictionary of digest and serial"),
        ({"file": "x"}, "file 'x' is neither"),
        ({"file": {"digest": 1, "serial": 1}}, "is neither none"),
        ({"file": {"digest": "x", "serial": 1, "more": 1}}, "is neither none"),
        ({"file": {"digest": "x", "serial": "1"}}, "the file's serial '1' is not an integer between 0 and 4294967295"),
        ({"file": {"digest": "x", "serial": -1}}, "the file's serial -1 is not"),
        ({"served": 5}, "served 5 is not a list"),
        ({"served": [2**32]}, "the served serial 4294967296 is not"),
        ({"served": [True]}, "the served serial True is not"),
        ({"signed": 1.0}, "the signed serial 1.0 is not"),
        ({"date": 20250901}, "date 20250901 is not a day as YYYYMMDD: not eight digits in a string"),
        ({"date": "2025-9-1"}, "date '2025-9-1' is not a day"),
        ({"date": "202509011"}, "date '202509011' is not a day"),
        ({"date": "20250229"}, "date '20250229' is not a day as YYYYMMDD: day is out of range for month"),
        ({"date": "٢٠٢٥٠٩٠١"}, "not eight digits"),
        ({"date": "42950101"}, "the day's first serial 4295010100 is not"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(AnsibleFilterError) as error:
        zone_serial(**{"digest": "x", "date": TODAY} | arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "served",
    [
        pytest.param([5, 5 + 2**31], id="opposite"),
        pytest.param([5, 4 + 2**31], id="no room between"),
        pytest.param([0, 2**31 - 2**29, 2**31 + 2**29], id="three round the circle"),
    ],
)
def test_refuses_what_no_number_exceeds(served):
    with pytest.raises(AnsibleFilterError, match=r"two steps \(RFC 2182 section 7\)") as error:
        zone_serial("x", None, served, date=TODAY)
    assert f"no number is newer than all of {', '.join(map(str, served))} (RFC 1982)" in str(error.value)


@given(clusters, st.booleans(), st.dates(max_value=datetime.date(4294, 12, 31)))
def test_new_content_is_newer_than_all_that_is_seen(seen, has_file, day):
    date = day.isoformat().replace("-", "")
    file = holds(seen[0], "other") if has_file else None
    serial = zone_serial("same", file, seen[has_file:], date=date)
    assert 0 < serial <= LAST
    assert all(newer(serial, old) for old in seen)


@given(clusters)
def test_a_second_run_changes_nothing(seen):
    serial = zone_serial("same", holds(seen[0], "other"), seen, date=TODAY)
    behind = [old for old in seen if newer(serial, old)]
    assert zone_serial("same", holds(serial), [serial, *behind], date="20250902") == serial


@given(st.permutations([3, 5, LAST, LAST - 7]))
def test_order_does_not_matter(served):
    assert zone_serial("same", None, served, date="22000101") == 6
