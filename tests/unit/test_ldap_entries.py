"""What the module finds to be due, of a directory and of slapd's configuration."""

import pytest
from ansible.module_utils.slapd import run
from ldap_entries import (
    Change,
    Config,
    apart,
    applied,
    changes_due,
    difference,
    in_order,
    parent,
    parts,
    plain,
    values_of,
)

MDB = {"objectClass": ["olcMdbConfig"], "olcSuffix": ["o=um,c=es"], "olcDbIndex": ["uid eq"]}
OTHER = {"objectClass": ["olcMdbConfig"], "olcSuffix": ["dc=others"]}


def wanted(*entries):
    return {
        "entries": [{"dn": dn, "attributes": values} for dn, values in entries],
        "among": ["load"],
        "initial": ["pw"],
    }


def due(tree, *entries):
    return changes_due(wanted(*entries), Config(tree))


@pytest.mark.parametrize(
    ("dn", "first", "above"),
    [
        ("o=um", "o=um", ""),
        ("cn=User One,ou=st,o=um", "cn=User One", "ou=st,o=um"),
        (r"cn=One\, User,o=um", r"cn=One\, User", "o=um"),
    ],
)
def test_names_have_parts(dn, first, above):
    assert (parts(dn)[0], parent(dn)) == (first, above)


def test_numbers_and_case_of_names_do_not_matter():
    assert plain("olcDatabase={1}mdb,cn=config") == plain("olcDatabase={12}MDB,cn=config")
    assert plain("cn={-1}a") == "cn=a"


def test_values_with_numbers_are_in_their_order():
    assert in_order(["{10}c", "{2}b", "{0}a"]) == (True, ["a", "b", "c"])
    assert in_order(["a", "{0}b"]) == (False, ["a", "{0}b"])
    assert in_order([]) == (False, [])


@pytest.mark.parametrize(
    ("asked", "found", "written"),
    [
        ({"a": ["1", "2"]}, {"A": ["2", "1"]}, {}),
        ({"a": ["1", "2"]}, {"a": ["{0}2", "{1}1"]}, {"a": ["1", "2"]}),  # these have an order
        ({"a": ["1", "2"]}, {"a": ["{1}2", "{0}1"]}, {}),
        ({"a": ["1"]}, {"b": ["1"]}, {"a": ["1"]}),
        ({"a": []}, {"a": ["1"]}, {"a": []}),
        ({"a": []}, {}, {}),
        ({}, {"a": ["1"]}, {}),
        ({"load": ["x"]}, {"load": ["{0}x", "{1}y"]}, {}),
        ({"load": ["x", "z"]}, {"load": ["{0}y", "{1}x"]}, {"load": ["y", "x", "z"]}),
        ({"pw": ["new"]}, {"pw": ["{ARGON2}..."]}, {}),
        ({"pw": ["new"]}, {}, {}),
    ],
)
def test_an_attribute_is_written_when_it_differs(asked, found, written):
    assert difference(asked, found, among=["load"], initial=["pw"]) == written


def test_numbers_and_booleans_are_text():
    assert values_of({"a": 5, "b": ["x", 6], "c": []}) == {"a": ["5"], "b": ["x", "6"], "c": []}


def test_nothing_is_due_when_all_is_there():
    tree = {"cn=config": {"a": ["1"]}, "olcDatabase={3}mdb,cn=config": MDB}
    assert due(tree, ("cn=config", {"a": "1"}), ("olcDatabase={1}mdb,cn=config", {"olcSuffix": "o=um,c=es"})) == []


def test_a_configuration_that_is_not_there_is_made_in_order():
    changes = due({}, ("cn=config", {"a": "1", "b": []}), ("olcDatabase={-1}frontend,cn=config", {"c": "2"}))
    assert changes == [
        Change("add", "cn=config", {"cn": ["config"], "a": ["1"]}),
        Change("add", "olcDatabase={-1}frontend,cn=config", {"olcDatabase": ["{-1}frontend"], "c": ["2"]}),
    ]


def test_a_database_of_somebody_else_is_left_alone_and_ours_comes_after_it():
    tree = {"cn=config": {}, "olcDatabase={1}mdb,cn=config": OTHER}
    changes = due(
        tree,
        ("olcDatabase={1}mdb,cn=config", {"olcSuffix": "o=um,c=es"}),
        ("olcOverlay={0}unique,olcDatabase={1}mdb,cn=config", {"x": "y"}),
    )
    assert [(change.kind, change.dn) for change in changes] == [
        ("add", "olcDatabase={2}mdb,cn=config"),
        ("add", "olcOverlay={0}unique,olcDatabase={2}mdb,cn=config"),
    ]


def test_no_database_gets_the_folder_of_another_one():
    tree = {"olcDatabase={1}mdb,cn=config": MDB | {"olcDbDirectory": ["/var/lib/ldap/ours"]}}
    database = ("olcDatabase={1}mdb,cn=config", {"olcSuffix": "o=new", "olcDbDirectory": "/var/lib/ldap/ours"})
    with pytest.raises(ValueError, match=r"the slapd_suffix o=new cannot be used: /var/lib/ldap/ours has .* o=um"):
        apart(tree, due(tree, database))
    apart(tree, due(tree, (database[0], database[1] | {"olcDbDirectory": "/var/lib/ldap/new"})))
    apart(tree, due(tree, (database[0], database[1] | {"olcSuffix": "o=um,c=es", "olcDbIndex": "cn eq"})))


def test_overlays_are_found_below_their_own_database_wherever_it_is():
    tree = {
        "cn=config": {},
        "olcDatabase={1}mdb,cn=config": OTHER,
        "olcOverlay={0}unique,olcDatabase={1}mdb,cn=config": {"x": ["others"]},
        "olcDatabase={2}mdb,cn=config": MDB,
        "olcOverlay={1}unique,olcDatabase={2}mdb,cn=config": {"x": ["old"]},
    }
    changes = due(
        tree,
        ("olcDatabase={1}mdb,cn=config", {"olcSuffix": "o=um,c=es"}),
        ("olcOverlay={0}unique,olcDatabase={1}mdb,cn=config", {"x": "new"}),
        ("olcOverlay={1}ppolicy,olcDatabase={1}mdb,cn=config", {"x": "new"}),
    )
    assert [(change.kind, change.dn) for change in changes] == [
        ("modify", "olcOverlay={1}unique,olcDatabase={2}mdb,cn=config"),
        ("add", "olcOverlay={2}ppolicy,olcDatabase={2}mdb,cn=config"),
    ]


def test_what_slapd_takes_all_at_once_is_written_all_at_once():
    tree = {"cn=config": {"olcTLSCertificateFile": ["old"], "olcTLSCertificateKeyFile": ["key"], "a": ["1"]}}
    asked = {"olcTLSCertificateFile": "new", "olcTLSCertificateKeyFile": "key", "a": "1"}
    files = {"olcTLSCertificateFile": ["new"], "olcTLSCertificateKeyFile": ["key"]}
    assert due(tree, ("cn=config", asked)) == [Change("modify", "cn=config", files)]


class Entries:
    """A directory of a few entries."""

    def __init__(self, there):
        self.there, self.names = there, {}

    def find(self, dn, attributes, key=None):
        self.names[dn] = dn
        if dn in self.there:
            return dn
        return next((name for name, has in self.there.items() if key and has.get(key) == attributes[key]), None)

    def entry(self, name):
        return self.there[name]


def test_whoever_is_called_otherwise_is_renamed_and_then_changed():
    there = Entries({"cn=User One,o=um": {"uid": ["user1"], "cn": ["User One"], "sn": ["One"]}})
    entry = {"dn": "cn=User 1,o=um", "key": "uid", "attributes": {"uid": "user1", "cn": "User 1", "sn": "1"}}
    assert changes_due({"entries": [entry], "among": [], "initial": []}, there) == [
        Change("rename", "cn=User One,o=um", {}, "cn=User 1,o=um"),
        Change("modify", "cn=User 1,o=um", {"sn": ["1"]}),
    ]


def test_who_is_there_already_is_not_renamed():
    there = Entries({"cn=User One,o=um": {"uid": ["user1"]}})
    entry = {"dn": "cn=User One,o=um", "key": "uid", "attributes": {"uid": "user1"}}
    assert changes_due({"entries": [entry], "among": [], "initial": []}, there) == []


@pytest.mark.parametrize(
    ("marks", "written"),
    [
        ({}, []),  # of an entry that was there before its mark, nothing is known
        ({"user1": "new", "user2": "x"}, []),
        ({"user1": "old"}, [Change("modify", "cn=User One,o=um", {"pw": ["word"]})]),
    ],
)
def test_a_password_is_written_again_when_it_is_another_one(marks, written):
    there = Entries({"cn=User One,o=um": {"uid": ["user1"], "pw": ["{ARGON2}..."]}})
    entry = {"dn": "cn=User One,o=um", "key": "uid", "mark": "new", "attributes": {"uid": "user1", "pw": "word"}}
    assert changes_due({"entries": [entry], "among": [], "initial": ["pw"]}, there, marks) == written


def test_a_password_can_be_written_beside_the_one_that_is_there():
    there = Entries({"cn=reader,o=um": {"cn": ["reader"], "pw": ["{CRYPT}..."]}})
    entry = {"dn": "cn=reader,o=um", "mark": "new", "beside": True, "attributes": {"cn": "reader", "pw": "word"}}
    given = {"entries": [entry], "among": [], "initial": ["pw"]}
    due = [Change("extend", "cn=reader,o=um", {"pw": ["word"]})]
    assert changes_due(given, there, {"cn=reader,o=um": "old"}) == due
    assert changes_due(given, there, {"cn=reader,o=um": "new"}) == []


def test_of_what_slapd_says_the_grammar_of_rules_is_left_out():
    grammar = r"<what> ::= * | dn\n\t[ realself ]\n\t<name>=ACI\n<access clause> ::= x\ndynacl:\n\n"
    with pytest.raises(ValueError, match=r"^sh refuses it: unknown attr \| could not add$"):
        run(["sh", "-c", rf"printf 'unknown attr\n{grammar}could not add\n' >&2; exit 1"])


def test_what_may_have_further_values_gets_those_that_are_missing():
    tree = {"cn=module": {"load": ["{0}x", "{1}y"]}}
    assert due(tree, ("cn=module", {"load": ["z", "y"]})) == [
        Change("modify", "cn=module", {"load": ["z"]}, more=("load",))
    ]


def test_a_configuration_after_changes_has_what_they_write_and_all_else():
    tree = {"cn=config": {"olcA": ["1"], "olcB": ["2"], "olcC": ["{0}3"]}, "olcDatabase={1}mdb,cn=config": OTHER}
    changes = [
        Change("modify", "cn=config", {"OLCa": ["7", "8"], "olcB": [], "olcD": ["4"]}),
        Change("modify", "cn=config", {"olcD": ["5"], "olcC": ["6"]}, more=("olcD", "olcC")),
        Change("add", "olcDatabase={2}mdb,cn=config", MDB),
    ]
    assert applied(tree, changes) == [
        Change("add", "cn=config", {"OLCa": ["7", "8"], "olcD": ["4", "5"], "olcC": ["3", "6"]}),
        Change("add", "olcDatabase={1}mdb,cn=config", OTHER),
        Change("add", "olcDatabase={2}mdb,cn=config", MDB),
    ]
    assert tree["cn=config"]["olcB"] == ["2"]
