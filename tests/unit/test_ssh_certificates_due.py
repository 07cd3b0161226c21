"""The certificates are made by ssh-keygen, as those on a host are."""

import datetime
import os
import subprocess

import pytest
from ansible.errors import AnsibleFilterError
from ssh_certificates_due import ssh_certificates_due

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp()
NAMES = ["st.um", "192.0.2.1", "2001:db8::1"]


def public(path):
    return " ".join(path.read_text().split()[:2])


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name in ("host", "user", "other", "stolen"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    return folder


def certificate(keys, authority, key, names, *options):
    argv = ["ssh-keygen", "-q", "-s", keys / authority, "-I", "x", "-n", ",".join(names)]
    argv += ["-V", "20251231:20260401", *options, keys / f"{key}.pub"]
    subprocess.run(argv, check=True, env=os.environ | {"TZ": "UTC"})
    return public(keys / f"{key}-cert.pub")


def due(keys, seen, *, users=(), now=NOW, names=NAMES, hosts=("host",)):
    known = {
        "host": {str(place): name and public(keys / f"{name}.pub") for place, name in enumerate(hosts)},
        "user": {"user": public(keys / "user.pub")},
    }
    return ssh_certificates_due(seen, names, list(users), known, now)


def test_certificates_as_wanted(keys):
    host = certificate(keys, "host", "other", NAMES, "-h")
    user = certificate(keys, "user", "other", ["user1"])
    key = public(keys / "other.pub")
    assert due(keys, {"host": f"{key}|{host}", "user-user1": f"{key}|{user}"}, users=["user1"]) == []


def test_none_yet(keys):
    key = public(keys / "other.pub")
    assert due(keys, {"host": f"{key}|", "user-user1": f"{key}|", "user-user2": "|"}, users=["user1", "user2"]) == [
        {"name": "host", "kind": "host", "key": key, "principals": NAMES, "reasons": ["there is none"]},
        {"name": "user-user1", "kind": "user", "key": key, "principals": ["user1"], "reasons": ["there is none"]},
    ]
    (item,) = due(keys, {"host": f"{key}|"}, hosts=("", "host"))
    assert item["reasons"] == ["its authority is yet to be made"]


def test_the_first_authority_certifies_and_the_others_are_believed(keys):
    key = public(keys / "other.pub")
    seen = {"host": f"{key}|{certificate(keys, 'host', 'other', NAMES, '-h')}"}
    assert due(keys, seen, hosts=("host", "user")) == due(keys, seen, hosts=("host", "")) == []
    for hosts, reason in (
        (("user", "host"), "its authority is no longer the first one"),
        (("", "host"), "its authority is yet to be made"),
        (("user", ""), "its authority is none of ours"),
    ):
        (item,) = due(keys, seen, hosts=hosts)
        assert item["reasons"] == [reason]


@pytest.mark.parametrize(
    ("authority", "signed", "names", "now", "reason"),
    [
        ("stolen", "other", NAMES, NOW, "its authority is none of ours"),
        ("host", "stolen", NAMES, NOW, "it is for another key"),
        ("host", "other", ["st.um"], NOW, "it is for st.um, not for 192.0.2.1, 2001:db8::1, st.um"),
        ("host", "other", NAMES, NOW + 61 * 86400, "it ends on 2026-04-01 00:00 UTC"),
    ],
)
def test_what_is_not_as_wanted(keys, authority, signed, names, now, reason):
    text = certificate(keys, authority, signed, names, "-h")
    (item,) = due(keys, {"host": f"{public(keys / 'other.pub')}|{text}"}, now=now)
    assert item["reasons"] == [reason]


@pytest.mark.parametrize(("text", "words"), [("nonsense", "it cannot be read"), ("KEY", "it is a key, not a cert")])
def test_what_is_no_certificate(keys, text, words):
    key = public(keys / "other.pub")
    (item,) = due(keys, {"host": f"{key}|{text.replace('KEY', key)}"})
    assert item["reasons"][0].startswith(words)


def test_a_user_whose_key_cannot_be_read_is_passed_over(keys):
    host = certificate(keys, "host", "other", NAMES, "-h")
    seen = {"host": f"{public(keys / 'other.pub')}|{host}", "user-user1": "root:x:0:0 y|"}
    assert due(keys, seen, users=["user1", "user2"]) == []


@pytest.mark.parametrize(
    ("seen", "names", "message"),
    [
        ({}, NAMES, "The host has no key /etc/ssh/ssh_host_ed25519_key.pub that can be read; `ssh-keygen -A` there"),
        ({"host": "x|"}, [], "Edit openssh_principals: a certificate for no names"),
        ({"host": "x|"}, ["a,root"], "Edit openssh_principals: 'a,root' is not a name"),
    ],
)
def test_refuses_what_cannot_be_certified(keys, seen, names, message):
    with pytest.raises(AnsibleFilterError) as error:
        due(keys, seen, names=names)
    assert message in str(error.value)
