"""Which probes of the web server there are follows from who asks, and with what."""

import importlib
from typing import Any

import pytest

web = importlib.import_module("probes.web")
VHOSTS = [{"name": "www.st.um"}, {"name": "www2.st.um", "groups": ["dummies"], "networks": ["192.0.2.0/24"]}]
USER = {"name": "user1", "password": "x"}


@pytest.mark.parametrize(
    ("role", "user", "there", "not_there"),
    [
        ("inside", USER, {"its own page", "asks for a password", "a wrong password refused"}, {"refused from outside"}),
        ("inside", {}, {"asks for a password"}, {"its own page", "a wrong password refused"}),
        ("outside", USER, {"refused from outside", "a wrong password refused"}, {"its own page"}),
        ("outside", {}, {"refused from outside"}, {"its own page", "a wrong password refused"}),
    ],
)
def test_a_page_for_members(role: str, user: dict[str, Any], there: set[str], not_there: set[str]) -> None:
    settings = {"role": role, "addresses": ["192.0.2.1", "2001:db8::1"], "vhosts": VHOSTS, "user": user}
    names = {name.partition(": ")[2] for name, _ in web.probes(settings) if name.startswith("www2.st.um")}
    assert there <= names
    assert not not_there & names


@pytest.mark.parametrize(("certificate", "count"), [({"user": "user1", "file": "x", "key": "y"}, 2), ({}, 0)])
def test_a_page_for_holders_of_certificates(certificate: dict[str, str], count: int) -> None:
    vhosts = [{"name": "www3.st.um", "tls": True}, {"name": "www4.st.um", "tls": True, "client_certificates": True}]
    settings = {"role": "inside", "addresses": ["192.0.2.1"], "vhosts": vhosts, "certificate": certificate}
    names = {name for name, _ in web.probes(settings) if name.startswith("www4.st.um")}
    shown = {"www4.st.um ipv4: its own page over HTTP/2", "www4.st.um: believed by its TLSA record"}
    assert len(shown & names) == count
    assert {
        "www4.st.um: refused without a certificate",
        "www4.st.um: refused with anybody's certificate",
        "www4.st.um: refused by the door of www3.st.um",
    } <= names


@pytest.mark.parametrize("acme", [False, True])
def test_a_public_certificate_is_not_in_the_dns(acme: bool) -> None:
    vhosts = [{"name": "www4.st.um", "tls": True, "acme": acme}]
    settings = {"role": "inside", "addresses": ["192.0.2.1"], "vhosts": vhosts}
    names = {name.partition(": ")[2] for name, _ in web.probes(settings)}
    assert "certificate for its own names alone" in names
    assert ("believed by its TLSA record" in names) == (not acme)
