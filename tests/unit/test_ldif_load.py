"""Which entries of a file are loaded, and which files are refused."""

import pytest
from ldif_load import due, folder_of, records

FILE = """version: 1
# People
dn: uid=one,o=um
objectClass: account
uid: One
description: a long
  line
userPassword: {CRYPT}x


dn:: dWlkPXR3byxvPXVt
uid:: dHdv
"""


def read(text):
    return list(records(text, {"uid", "userpassword"}))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_entries_are_read(end):
    first, second = read(FILE.replace("\n", end))
    assert (first.dn, first.values) == ("uid=one,o=um", {"uid": ["One"], "userpassword": ["{CRYPT}x"]})
    assert "description: a long line\n" in first.text
    assert (second.dn, second.values) == ("uid=two,o=um", {"uid": ["two"]})
    assert second.text == "dn:: dWlkPXR3byxvPXVt\nuid:: dHdv"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dn: o=um\nchangetype: delete\n", "o=um: it is a change"),
        ("uid: one\n", "'uid: one' is not LDIF"),
        ("dn: o=um\nuid\n", "'uid' is not LDIF"),
        ("dn: o=um\njpegPhoto:< file:///etc/shadow\n", "a value in another file"),
        ("dn:: ?\n", "base64"),
    ],
)
def test_what_is_no_entry_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        read(text)


def test_only_what_is_not_there_is_loaded():
    there = {"UID=One, O=um": {"uid": ["one"]}, "cn=x,o=um": {}}
    assert [entry.dn for entry in due(read(FILE), there, ["uid"])] == ["uid=two,o=um"]


def test_names_that_only_slapd_s_configuration_takes_for_the_same_are_two():
    assert len(due(read("dn: cn={1}a,o=um\ncn: {1}a\n"), {"cn={2}a,o=um": {}}, [])) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FILE + "\ndn: UID=two,o=um\nuid: two\n", "UID=two,o=um: it is there twice"),
        ("dn: cn=a,o=um\nuid: ONE\n", "cn=a,o=um: its uid ONE is that of uid=one,o=um, too"),
        ("dn: cn=a,o=um\nuid: a\n\ndn: cn=b,o=um\nuid: A\n", "cn=b,o=um: its uid A is that of cn=a,o=um, too"),
        ("dn: cn=a,o=um\nuserPassword: secret\n", "cn=a,o=um: its password is not a hash"),
        ("dn: cn=a,o=um\nuserPassword:: c2VjcmV0\n", "cn=a,o=um: its password is not a hash"),
    ],
)
def test_what_slapadd_would_take_is_refused(text, words):
    with pytest.raises(ValueError, match=words) as refused:
        due(read(text), {"uid=one,o=um": {"uid": ["one"]}}, ["uid"])
    assert "secret" not in str(refused.value)


def test_a_database_is_found_by_its_suffix():
    tree = {"cn=config": {}, "olcDatabase={1}mdb": {"olcSuffix": ["O=um, C=es"], "olcDbDirectory": ["/var/x"]}}
    assert folder_of(tree, "o=um,c=es") == ("olcDatabase={1}mdb", "/var/x")
    with pytest.raises(ValueError, match="slapd has no database o=other"):
        folder_of(tree, "o=other")
