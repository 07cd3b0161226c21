from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probed_zones import probed_zones


def zone(count=2, **options):
    return {
        "name": "st.um",
        "id": "st.um",
        "text": "\n".join(f"line {i}" for i in range(count)),
        "count": count,
    } | options


def served(signed=True):
    return [{"id": "other", "signed": not signed}, {"id": "st.um", "signed": signed}]


def test_keeps_what_the_probes_want():
    assert probed_zones([zone(digest="abc", serial=5)], served()) == [
        {"name": "st.um", "text": "line 0\nline 1", "signed": True, "complete": True}
    ]
    assert probed_zones([], []) == []


@pytest.mark.parametrize("signed", [True, False])
def test_whether_a_zone_is_signed(signed):
    (probed,) = probed_zones([zone()], served(signed))
    assert probed["signed"] is signed


@pytest.mark.parametrize(("count", "kept"), [(1, 1), (3, 3), (4, 2), (6, 3), (7, 3), (9, 3), (10, 3)])
def test_of_a_big_zone_a_sample_is_taken(count, kept):
    (probed,) = probed_zones([zone(count)], served(), 3)
    assert len(probed["text"].split("\n")) == kept
    assert probed["complete"] == (count <= 3)


@given(st.integers(1, 300), st.integers(1, 50))
def test_a_sample_is_even_and_not_too_big(count, most):
    (probed,) = probed_zones([zone(count)], served(), most)
    numbers = [int(line.split()[1]) for line in probed["text"].split("\n")]
    assert numbers[0] == 0
    assert len(numbers) <= most
    assert len({after - before for before, after in pairwise(numbers)}) <= 1
    assert probed["complete"] == (numbers == list(range(count)))
