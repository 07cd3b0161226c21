"""The entries of people in the directory, and what a directory cannot have."""

import pytest
from ansible.errors import AnsibleFilterError
from directory_entries import directory_entries
from entries_checked import entries_checked
from hypothesis import given
from hypothesis import strategies as st

BASE = "ou=st,o=um,c=es"
PERSON = {"objectClass": "person"}


def one(**user):
    return directory_entries([user], BASE, "st.um", {"user1": "word"})[0]


def test_somebody_with_all_that_can_be_known() -> None:
    made = one(name="user1", full_name="User One", surname="Servidor", mobile=627182818, uid=2001)
    assert len(made.pop("mark")) == 64
    assert made == {
        "dn": "cn=User One,ou=st,o=um,c=es",
        "key": "uid",
        "attributes": {
            "objectClass": ["stPerson", "ldapPublicKey", "posixAccount"],
            "cn": "User One",
            "sn": "Servidor",
            "uid": "user1",
            "correo": "user1@st.um",
            "mobile": ["627182818"],
            "uidNumber": "2001",
            "gidNumber": "2001",
            "homeDirectory": "/home/user1",
            "loginShell": "/bin/bash",
            "userPassword": "word",
        },
    }


def test_another_password_or_salt_is_another_mark() -> None:
    marks = {
        directory_entries([{"name": name}], BASE, "st.um", {name: word}, salt)[0]["mark"]
        for name, word, salt in [("a", "1", ""), ("a", "2", ""), ("b", "1", ""), ("a", "1", "x")]
    }
    assert len(marks) == 4
    assert one(name="user1")["mark"] == one(name="user1", full_name="User One")["mark"]


def test_somebody_of_whom_only_the_login_name_is_known() -> None:
    made = one(name="user2")
    assert made["dn"] == "cn=user2,ou=st,o=um,c=es"
    assert made["attributes"]["sn"] == "user2"
    assert made["attributes"]["mobile"] == []
    assert "userPassword" not in made["attributes"]
    assert made["attributes"]["objectClass"] == ["stPerson", "ldapPublicKey"]
    assert "uidNumber" not in made["attributes"]
    assert "mark" not in made


@pytest.mark.parametrize(
    ("full_name", "written"),
    [
        ("One, User", r"One\2C User"),
        ('A+B "C"', r"A\2BB \22C\22"),
        ("#1", r"\231"),
        ("back\\slash", r"back\5Cslash"),
        ("José Núñez", "José Núñez"),
        ("a=b;c<d>", r"a\3Db\3Bc\3Cd\3E"),
    ],
)
def test_a_name_is_written_as_a_distinguished_name_wants_it(full_name: str, written: str) -> None:
    made = one(name="user1", full_name=full_name)
    assert made["dn"] == f"cn={written},{BASE}"
    assert made["attributes"]["cn"] == full_name


@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1).filter(str.strip))
def test_every_name_has_its_place(full_name: str) -> None:
    entries = directory_entries([{"name": "user1", "full_name": full_name.strip()}], BASE, "st.um")
    assert entries_checked(entries, "site_users", [BASE]) == entries


def test_two_of_one_name_are_refused() -> None:
    users = [{"name": "user1", "full_name": "User One"}, {"name": "user2", "full_name": "user one"}]
    with pytest.raises(AnsibleFilterError, match="Edit site_users: user1 and user2 have the same full_name, user one"):
        directory_entries(users, BASE, "st.um")


@pytest.mark.parametrize(
    "entry",
    [
        {"dn": f"cn=a,{BASE}", "attributes": PERSON | {"cn": ["A", "b"]}},
        {"dn": f"CN=a,{BASE.upper()}", "attributes": PERSON},
        {"dn": rf"cn=a\, b,{BASE}", "attributes": PERSON},
        {"dn": rf"cn=a\2C b,{BASE}", "attributes": PERSON | {"jpegPhoto;binary": "x", "2.5.4.4": "y"}},
        {"dn": f"cn=a+sn=b,{BASE}", "attributes": PERSON | {"cn": "a", "sn": "b"}},
    ],
)
def test_what_a_directory_can_have(entry: dict) -> None:
    assert entries_checked([entry], "slapd_entries", [BASE]) == [entry]


def test_an_entry_may_be_below_one_that_comes_before_it() -> None:
    entries = [{"dn": f"ou=a,{BASE}", "attributes": PERSON}, {"dn": f"cn=b,OU=A,{BASE}", "attributes": PERSON}]
    assert entries_checked(entries, "slapd_entries", [BASE]) == entries
    with pytest.raises(AnsibleFilterError, match="there is no entry above it"):
        entries_checked(entries[::-1], "slapd_entries", [BASE])


@pytest.mark.parametrize(
    ("dn", "attributes", "words"),
    [
        ("a", PERSON, "that is not a distinguished name"),
        ("cn=", PERSON, "that is not a distinguished name"),
        (f"cn=a\n,{BASE}x,", PERSON, "that is not a distinguished name"),
        (f'cn=a"b,{BASE}', PERSON, "that is not a distinguished name"),
        ("cn=a,o=other", PERSON, "there is no entry above it, o=other"),
        ("o=other", PERSON, "there is no entry above it, the root"),
        (BASE, PERSON, "it is there twice"),
        (f"cn=a,{BASE}", {}, "it has no objectClass"),
        (f"cn=a,{BASE}", {"objectClass": []}, "it has no objectClass"),
        (f"cn=a,{BASE}", PERSON | {"s n": 1}, "'s n' is not the name of an attribute"),
        (f"cn=a,{BASE}", PERSON | {"sn\n": 1}, r"'sn\\n' is not the name of an attribute"),
        (f"cn=a,{BASE}", PERSON | {"CN": "b"}, "its cn has to be a, as its name says"),
    ],
)
def test_what_it_cannot_have(dn: str, attributes: dict, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words) as refused:
        entries_checked([{"dn": dn, "attributes": attributes}], "slapd_entries", [BASE])
    assert "Edit slapd_entries: " in str(refused.value)
