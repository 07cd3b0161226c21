import pytest
from a_labels import a_labels
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st
from zone_records import zone_records


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("Bücher.example.", "xn--bcher-kva.example."),
        ("BÜCHER", "xn--bcher-kva"),
        ("straße.example", "xn--strae-oqa.example"),
        ("_25._tcp.bücher", "_25._tcp.xn--bcher-kva"),
        ("*.bücher", "*.xn--bcher-kva"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("WWW.st.um.", "www.st.um."),
        ("xn--BCHER-kva", "xn--bcher-kva"),
        (".", "."),
        (["ü", "A."], ["xn--tda", "a."]),
        ([], []),
    ],
)
def test_writes_a_labels(name, expected):
    assert a_labels(name) == expected
    assert a_labels(expected) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x☃", "'x☃' is not possible in IDNA 2008: Codepoint U+2603 at position 2 of 'x☃' not allowed"),
        ("-ü", "'-ü' is not possible in IDNA 2008: Label must not start or end with a hyphen"),
        ("_ü", "'_ü' is not possible in IDNA 2008: Codepoint U+005F"),
        ("ü..b", "'ü..b' is not a domain name: A DNS label is empty"),
        ("a..b", "'a..b' is not a domain name: A DNS label is empty"),
        ("ü" * 64, "is not a domain name: A DNS label is > 63 octets long"),
        (["a", 5], "5 is not a domain name, it is not a string"),
        (None, "None is not a domain name, it is not a string"),
    ],
)
def test_refuses(name, message):
    with pytest.raises(AnsibleFilterError) as error:
        a_labels(name, "my_domain")
    assert str(error.value).startswith("Edit my_domain: ")
    assert message in str(error.value)


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=9), min_size=1, max_size=3).map(".".join))
def test_agrees_with_zone_records(name):
    try:
        (record,) = zone_records([{"name": name, "type": "TXT", "value": "x"}], ".", 1)
    except AnsibleFilterError:
        return
    if not name.isascii():
        assert a_labels(name).rstrip(".") == record["name"].rstrip(".")
