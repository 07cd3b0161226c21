import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st
from zone_changes import zone_changes
from zone_records import zone_records

SOA = "st.um. 60 IN SOA ns. h. {} 1 1 1 {}"


def changes(old, new):
    return zone_changes("\n".join(old), "\n".join(new))


def test_tells_what_goes_and_what_comes():
    assert zone_changes("", "") == []
    assert zone_changes("a. 5 IN A 192.0.2.1", "a. 5 IN A 192.0.2.1\n") == []
    assert changes(["a. 5 IN A 192.0.2.1", 'b. 5 IN TXT "x y"'], ["a. 6 IN A 192.0.2.1"]) == [
        "- a. 5 A 192.0.2.1",
        "+ a. 6 A 192.0.2.1",
        '- b. 5 TXT "x y"',
    ]


def test_sorts_by_name_type_sign_and_value():
    old = ["x.b. 5 IN A 192.0.2.1", "a.\\255.b. 5 IN A 192.0.2.1", "b. 5 IN A 192.0.2.9", "b. 5 IN A 192.0.2.8"]
    new = ["b. 5 IN A 192.0.2.1", "B.a. 5 IN A 192.0.2.1", "b. 5 IN MX 0 .", "a-. 5 IN A 192.0.2.1"]
    assert changes(old, new) == [
        "+ B.a. 5 A 192.0.2.1",
        "+ a-. 5 A 192.0.2.1",
        "- b. 5 A 192.0.2.8",
        "- b. 5 A 192.0.2.9",
        "+ b. 5 A 192.0.2.1",
        "+ b. 5 MX 0 .",
        "- x.b. 5 A 192.0.2.1",
        "- a.\\255.b. 5 A 192.0.2.1",
    ]


def test_the_serial_does_not_matter():
    assert changes([SOA.format(1, 5)], [SOA.format(2, 5)]) == []
    assert changes([SOA.format(1, 5)], [SOA.format(1, 6)]) == [
        "- st.um. 60 SOA ns. h. 1 1 1 1 5",
        "+ st.um. 60 SOA ns. h. 1 1 1 1 6",
    ]
    assert changes([], [SOA.format(1, 5)]) == ["+ st.um. 60 SOA ns. h. 1 1 1 1 5"]


def test_comments_and_directives_do_not_matter():
    assert changes(["; x", "$TTL 5", ""], ["; y z", "$TTL 6"]) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (None, "", "zone_changes: None is not a string of lines"),
        ("", ["a. 5 IN A 192.0.2.1"], "is not a string of lines"),
        ("", "a. 5 IN A", "zone_changes: a line is not NAME TTL IN TYPE VALUE: "),
        ("a\\999. 5 IN A 192.0.2.1", "", "zone_changes: a line is not NAME TTL IN TYPE VALUE: "),
    ],
)
def test_refuses(old, new, message):
    with pytest.raises(AnsibleFilterError) as error:
        zone_changes(old, new)
    assert message in str(error.value)


name = st.sampled_from(["a", "b", "c.a", "\\200.a", "a\\.b", "@", "-"])
value = st.sampled_from([("TXT", "x"), ("TXT", "y z"), ("PTR", "x."), ("HINFO", "a b")])
records = st.lists(st.tuples(name, st.just(60), value), unique=True, max_size=9)


def lines(some):
    given_records = [{"name": name, "ttl": ttl, "type": kind, "value": value} for name, ttl, (kind, value) in some]
    return zone_records(given_records, "st.um", 60, lines=True)


def apply(old, found):
    """Apply changes to lines."""
    new = set(old)
    for change in found:
        sign, name, ttl, rest = change.split(" ", 3)
        (new.remove if sign == "-" else new.add)(f"{name} {ttl} IN {rest}")
    return new


@given(records, records)
def test_the_changes_lead_from_old_to_new(old, new):
    old, new = lines(old), lines(new)
    assert apply(old, changes(old, new)) == set(new)
    assert changes(old, old[::-1]) == []
    assert len(changes(old, new)) == len(set(old) ^ set(new))


@given(records, records)
def test_swapped_arguments_swap_the_signs(old, new):
    old, new = lines(old), lines(new)
    swapped = [change.translate({43: 45, 45: 43})[0] + change[1:] for change in changes(new, old)]
    assert sorted(swapped) == sorted(changes(old, new))


@given(records)
def test_the_order_is_that_of_the_zone(some):
    assert changes([], lines(some)) == [f"+ {line.replace(' IN ', ' ', 1)}" for line in lines(some)]
