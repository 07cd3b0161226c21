import pytest
from ansible.errors import AnsibleFilterError
from dns_zones import dns_zones
from zones_plan import zones_plan

DEFAULTS = {"nameservers": ["ns.invalid."], "hostmaster": "h.invalid.", "ttl": 60}


def text_of(zone, serial):
    """Write a zone as its file has it."""
    soa = "{origin} {ttl} IN SOA {mname} {rname} {serial} {refresh} {retry} {expire} {minimum}"
    return f"$TTL 60\n{soa.format(**zone | {'serial': serial})}\n{zone['text']}\n"


def make(text, before, serial, **options):
    (zone,) = dns_zones([{"name": "st.um", "text": text} | options], DEFAULTS)
    return zone | {"before": before, "serial": serial}


A, B = "a A 192.0.2.1", "b A 192.0.2.2"


def test_tells_what_comes_and_goes():
    old, new = make(A, None, 1), make(B, 1, 2)
    assert zones_plan([new], {"st.um": text_of(old, 1)}) == (
        "st.um, serial 1 -> 2\n  - a.st.um. 60 A 192.0.2.1\n  + b.st.um. 60 A 192.0.2.2"
    )


def test_a_new_zone_is_told_in_full():
    plan = zones_plan([make(A, None, 2026112200)], {}).split("\n")
    assert plan[0] == "st.um, new -> 2026112200"
    assert sorted(plan[1:]) == [
        "  + a.st.um. 60 A 192.0.2.1",
        "  + st.um. 60 NS ns.invalid.",
        "  + st.um. 60 SOA ns.invalid. h.invalid. 2026112200 3600 900 2419200 3600",
    ]


def test_a_serial_alone_is_no_change_of_a_record():
    zone = make(A, 1, 2)
    assert zones_plan([zone], {"st.um": text_of(zone, 1)}) == "st.um, serial 1 -> 2"


def test_a_time_of_the_soa_is():
    zone = make(A, 1, 2)
    assert zones_plan([zone | {"minimum": 5}], {"st.um": text_of(zone, 1)}).split("\n")[1:] == [
        "  - st.um. 60 SOA ns.invalid. h.invalid. 1 3600 900 2419200 3600",
        "  + st.um. 60 SOA ns.invalid. h.invalid. 2 3600 900 2419200 5",
    ]


def test_zones_are_told_by_their_ids():
    zones = [make(A, 1, 2), make(A, 0, 3, view="out")]
    texts = {"st.um": text_of(make(A, 1, 1), 1), "st.um@out": text_of(make(A, 0, 0), 0)}
    assert zones_plan(zones, texts) == "st.um, serial 1 -> 2\nst.um@out, serial 0 -> 3"
    assert zones_plan([], texts) == ""


@pytest.mark.parametrize(("most", "told"), [(100, 5), (5, 5), (4, 4), (1, 1), (0, 0)])
def test_what_is_too_much_is_counted(most, told):
    old, new = make("", None, 1), make("\n".join(f"h{i} A 192.0.2.{i}" for i in range(5)), 1, 2)
    _, *changes = zones_plan([new], {"st.um": text_of(old, 1)}, most).split("\n")
    assert changes[:told] == [f"  + h{i}.st.um. 60 A 192.0.2.{i}" for i in range(told)]
    assert changes[told:] == ([f"  and {5 - told} more"] if told < 5 else [])


def test_refuses_a_text_that_is_no_zone():
    with pytest.raises(AnsibleFilterError, match="zone_changes: a line is not NAME TTL IN TYPE VALUE"):
        zones_plan([make(A, 1, 2)], {"st.um": "of somebody else"})
