import pytest
from ansible.errors import AnsibleFilterError
from vhosts_checked import vhosts_checked

GROUPS = {"dummies": ["user1", "user2"]}
PASSWORDS = {"user1": "x", "user2": "y"}
AUTHORITY = {"url": "https://acme.example/", "caa": "acme.example", "contact": "me@st.um", "agreed": True}


def test_right_ones_come_back_as_they_are():
    vhosts = [
        {"name": "www1.st.um", "aliases": ["w.st.um"], "networks": ["172.16.22.0/24"], "groups": ["dummies"]},
        {"name": "www.example.org", "folders": {"/pki": "/srv/pki"}},
        {"name": "www4.st.um", "tls": True, "client_certificates": True},
    ]
    assert vhosts_checked(vhosts, GROUPS, PASSWORDS, "st.um") == vhosts
    assert vhosts_checked([], {}, {}) == []
    public = [{"name": "a.um", "tls": True, "acme": True}]
    assert vhosts_checked(public, {}, {}, authority=AUTHORITY) == public


@pytest.mark.parametrize("key", AUTHORITY)
def test_a_public_authority_is_told_in_full(key):
    vhosts = [{"name": "a.um", "tls": True, "acme": True}]
    for authority in ({**AUTHORITY, key: ""}, {name: value for name, value in AUTHORITY.items() if name != key}):
        with pytest.raises(AnsibleFilterError, match=f"Edit apache_acme: for a.um it takes {key}, too"):
            vhosts_checked(vhosts, {}, {}, authority=authority)


@pytest.mark.parametrize(
    ("vhosts", "groups", "passwords", "message"),
    [
        ([{"name": "a.um"}, {"name": "b.um", "aliases": ["A.um"]}], {}, {}, "Edit apache_vhosts: twice there: a.um"),
        (
            [{"name": "a.um", "groups": ["dummies", "x"]}],
            GROUPS,
            PASSWORDS,
            "Edit apache_vhosts or apache_groups: a.um is for x; there are dummies",
        ),
        ([{"name": "a.um", "groups": ["x"]}], {}, {}, "a.um is for x; there are no groups"),
        (
            [{"name": "a.um", "client_certificates": True}],
            {},
            {},
            "Edit apache_vhosts: a.um has client_certificates, which takes tls",
        ),
        (
            [{"name": "a.um", "tls": True, "client_certificates": True}],
            {},
            {},
            "Edit apache_client_authority: a.um has client_certificates",
        ),
        ([], GROUPS, {"user1": "x"}, "Edit apache_passwords: no password for user2"),
        ([{"name": "a.um", "acme": True}], {}, {}, "Edit apache_vhosts: a.um has acme without tls"),
        (
            [{"name": "a.um", "tls": True, "acme": True}],
            {},
            {},
            "Edit apache_acme: for a.um it takes url, caa, contact, agreed, too",
        ),
    ],
)
def test_wrong_ones_are_refused(vhosts, groups, passwords, message):
    with pytest.raises(AnsibleFilterError) as error:
        vhosts_checked(vhosts, groups, passwords)
    assert message in str(error.value)
