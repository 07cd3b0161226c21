"""What the servers can do and the lab leaves off, all at once, on the primary and on the secondary; and off again."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from lab import Lab, wait_until

pytestmark = pytest.mark.only_default  # the two servers are of both releases, and both ways of denial are taken

DNS = ("playbooks/dns.yml", "-l", "primary,secondary")
SERVERS = {"primary": ("ns1.st.um", 135), "secondary": ("ns2.st.um", 137)}
CERTIFICATE, PRIVATE = "/etc/bind/lab.crt", "/etc/bind/lab.key"
HTTPS = 8443
INSIDE, OUTSIDE, POLICY = "192.0.2.10", "192.0.2.20", "192.0.2.80"
ZONE = {"name": "split.um", "records": [{"name": "www", "type": "A", "value": INSIDE}]}
SETTINGS = {
    "bind9_response_policy": [
        {"name": "ns.example.org", "action": "nxdomain"},
        {"name": "www.example.org", "action": POLICY},
    ],
    "bind9_tls_certificate": CERTIFICATE,
    "bind9_tls_key": PRIVATE,
    "bind9_https_port": HTTPS,
    "bind9_views": [
        {"name": "inside", "clients": ["site"]},
        {"name": "outside", "key": "strangers", "recursion": False},
    ],
    # The lab makes a secret for each of them.
    "bind9_transfer_keys": ["verify", "strangers"],
    "site_zones": [ZONE, {**ZONE, "view": "outside", "records": [{"name": "www", "type": "A", "value": OUTSIDE}]}],
}


class Server(NamedTuple):
    """A name server of the lab."""

    host: str
    name: str
    address: str


def denials(lab: Lab, server: Server) -> set[str]:
    """Return the kinds of the records with which a server denies a name."""
    words = lab.run("client", "dig", f"@{server.address}", "+dnssec", "nobody.st.um", "A").split()
    return {"NSEC", "NSEC3"} & set(words)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, lab: Lab) -> Server:
    name, number = SERVERS[request.param]
    return Server(request.param, name, lab.address(number))


@pytest.fixture(scope="module")
def switched(lab: Lab) -> Iterator[set[str]]:
    """Switch everything on; the value is how names are denied from then on."""
    usual = denials(lab, Server("primary", "", lab.address(135)))
    for host, (name, _) in SERVERS.items():
        lab.run(
            host,
            "sh",
            "-c",
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
            f"-subj /CN={name} -addext subjectAltName=DNS:{name} -keyout {PRIVATE} -out {CERTIFICATE} && "
            f"chgrp bind {PRIVATE} && chmod 0640 {PRIVATE}",
        )
        certificate = lab.run(host, "cat", CERTIFICATE)
        lab.run("client", "sh", "-c", f"echo '{certificate}' >/root/{name}.crt")
    try:
        lab.playbook(*DNS, settings={**SETTINGS, "site_dnssec_nsec3": usual == {"NSEC"}})
        yield {"NSEC", "NSEC3"} - usual
    finally:
        lab.playbook(*DNS)
        for host in SERVERS:
            lab.run(host, "rm", CERTIFICATE, PRIVATE)
        lab.run("client", "sh", "-c", "rm /root/*.crt")
    for host in ("client", "internet"):
        wait_until(lambda host=host: all(result["ok"] for result in lab.probes(host).values()))
    assert denials(lab, Server("primary", "", lab.address(135))) == usual


def test_statistics_are_for_the_host_itself(lab: Lab, server: Server) -> None:
    assert lab.dig(f"@{server.address}", "www.st.um")
    script = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8053/json/v1/server').read().decode())"
    assert json.loads(lab.run(server.host, "python3", "-c", script))["opcodes"]["QUERY"] > 0
    closed = lab.probes("client", f"--probe={server.host} ipv? tcp: port 8053 closed")
    assert [result["ok"] for result in closed.values()] == [True, True]


def test_insiders_are_told_the_policy(lab: Lab, server: Server, switched: set[str]) -> None:
    at = f"@{server.address}"
    assert lab.dig(at, "www.example.org") == [POLICY]
    assert "status: NXDOMAIN" in lab.run("client", "dig", at, "ns.example.org")
    assert "status: REFUSED" in lab.run("internet", "dig", at, "www.example.org")
    # The policy itself is nobody's business, nor is the catalog.
    for zone in ("policy.invalid", "catalog.invalid", "outside.catalog.invalid"):
        assert "status: REFUSED" in lab.run("internet", "dig", at, zone, "SOA")


@pytest.mark.parametrize("way", [["+tls"], ["+https", "-p", str(HTTPS)]], ids=["TLS", "HTTPS"])
def test_answers_are_encrypted(lab: Lab, server: Server, switched: set[str], way: list[str]) -> None:
    trust = [f"@{server.address}", *way, f"+tls-ca=/root/{server.name}.crt"]
    assert lab.dig(*trust, f"+tls-hostname={server.name}", "www.st.um") == ["st.um.", lab.address(135)]
    assert lab.address(135) not in lab.dig(*trust, "+tls-hostname=somebody.else", "www.st.um")


def test_names_are_denied_otherwise(lab: Lab, server: Server, switched: set[str]) -> None:
    wait_until(lambda: denials(lab, server) == switched)


def test_strangers_are_told_something_else(lab: Lab, server: Server, switched: set[str]) -> None:
    asked = (f"@{server.address}", "+norecurse", "www.split.um", "A")
    assert lab.dig(*asked) == [INSIDE]
    assert lab.dig(*asked, host="internet") == [OUTSIDE]
    # Each of the two views has all of its zones, signed, and nothing of the other's.
    for host in ("client", "internet"):
        assert "RRSIG" in lab.run(host, "dig", "+dnssec", *asked)
    assert "status: REFUSED" in lab.run("internet", "dig", f"@{server.address}", "st.um", "SOA")
