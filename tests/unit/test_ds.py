"""DS records: read from files, and compared with those of the parents."""

import pytest
from ansible.errors import AnsibleFilterError
from ds_report import ds_report
from ds_sets import ds_sets
from hypothesis import given
from hypothesis import strategies as st

OLD, NEW, OTHER = (f"{tag} 13 2 {'ab' * 32}" for tag in (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("", {}),
        ("\n ; nothing but a comment\n\n", {}),
        ("st.um. IN DS 1 13 2 00ff", {"st.um.": ["1 13 2 00ff"]}),
        ("st.um. 3600 IN DS 1 13 2 00FF", {"st.um.": ["1 13 2 00ff"]}),
        ("st.um. DS 1 13 2 00ff", {"st.um.": ["1 13 2 00ff"]}),
        ("ST.um.\t60\tin\tds\t1\t13\t2\t00FF aa", {"st.um.": ["1 13 2 00ffaa"]}),
        (". IN DS 20326 8 2 00ff", {".": ["20326 8 2 00ff"]}),
        ("  st.um. IN DS 1 13 2 00ff  \n", {"st.um.": ["1 13 2 00ff"]}),
        (
            "b. IN DS 2 13 2 00\na. IN DS 1 13 2 00\nb. IN DS 1 13 2 00\nB. DS 2 13 2 00",
            {"a.": ["1 13 2 00"], "b.": ["1 13 2 00", "2 13 2 00"]},
        ),
    ],
)
def test_reads_ds_records(text, sets):
    assert ds_sets(text) == sets


@pytest.mark.parametrize(
    "line",
    [
        "st.um IN DS 1 13 2 00",
        "st.um. IN DNSKEY 257 3 13 AAAA",
        "st.um. IN DS 1 13 2",
        "st.um. IN DS 1 13 2 xy",
        "st.um. CH DS 1 13 2 00",
        "IN DS 1 13 2 00",
        "st.um. IN DS 1 13 2 00 ; a comment",
    ],
)
def test_refuses_what_is_no_ds_record(line):
    with pytest.raises(AnsibleFilterError) as error:
        ds_sets(f"a. IN DS 1 13 2 00\n{line}")
    assert str(error.value) == f"{line!r} is not a DS record with a full name, its final dot, and its digest"


@pytest.mark.parametrize(("text", "kind"), [(None, "NoneType"), ([], "list")])
def test_refuses_what_is_no_text(text, kind):
    with pytest.raises(AnsibleFilterError) as error:
        ds_sets(text)
    assert str(error.value) == f"The DS records are {kind}, not a string"


values = st.sampled_from([OLD, NEW, OTHER])


@given(st.dictionaries(st.sampled_from([".", "um.", "st.um."]), st.sets(values, min_size=1).map(sorted)))
def test_what_is_written_is_read_again(sets):
    assert ds_sets("\n".join(f"{zone} IN DS {value}" for zone, values in sets.items() for value in values)) == sets


@pytest.mark.parametrize(
    ("wanted", "found", "report"),
    [
        ([OLD], [OLD], f"st.um.: the parent has what it should\n  st.um. IN DS {OLD}"),
        ([NEW, OLD], [OLD, NEW], f"st.um.: the parent has what it should\n  st.um. IN DS {NEW}\n  st.um. IN DS {OLD}"),
        ([], [], "st.um.: the parent has what it should"),
        ([], [OLD], f"st.um.: leaves DNSSEC, the parent has to remove:\n  st.um. IN DS {OLD}"),
        ([OLD], [], f"st.um.: the parent has no DS record, to be handed in:\n  st.um. IN DS {OLD}"),
        ([OLD], None, f"st.um.: the parent has no DS record, to be handed in:\n  st.um. IN DS {OLD}"),
        (
            [NEW],
            [OLD],
            "st.um.: the parent has other DS records, and nobody who validates can resolve the zone, to be handed in:\n"
            f"  st.um. IN DS {NEW}\nst.um.: to be removed:\n  st.um. IN DS {OLD}",
        ),
        (
            [NEW],
            [OLD, NEW],
            "st.um.: the parent has other DS records, to be handed in:\n"
            f"  st.um. IN DS {NEW}\nst.um.: to be removed:\n  st.um. IN DS {OLD}",
        ),
    ],
)
def test_tells_what_a_parent_has_to_change(wanted, found, report):
    assert ds_report({"st.um.": wanted}, {} if found is None else {"st.um.": found}) == report


def test_nothing_is_to_be_removed_where_something_is_missing():
    assert ds_report({"st.um.": [OLD, NEW]}, {"st.um.": [OLD]}) == (
        f"st.um.: the parent has other DS records, to be handed in:\n  st.um. IN DS {OLD}\n  st.um. IN DS {NEW}"
    )


def test_the_root_has_no_parent():
    for found in ({}, {".": [OTHER]}):
        assert ds_report({".": [OLD]}, found) == (
            f".: the root has no parent, its resolvers have to trust:\n  . IN DS {OLD}"
        )


def test_zones_are_in_order_and_those_of_others_are_left_out():
    report = ds_report({"b.": [], "a.": []}, {"c.": [OLD]})
    assert report == "a.: the parent has what it should\nb.: the parent has what it should"
    assert ds_report({}, {"c.": [OLD]}) == ""
