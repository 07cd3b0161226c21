"""What those say who look for weaknesses, from the client: ssh-audit and sslscan."""

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab

# An old version; in TLS 1.2 a cipher without authenticated encryption; anything of less than 112 bits.
WEAK = re.compile(
    r"(SSLv2|SSLv3|TLSv1\.[01]) +enabled|(Accepted|Preferred) +TLSv1\.2 (?!.*(GCM|POLY1305))"
    r"|RC4|3DES|NULL|EXPORT|anon| ([0-9]|[1-9][0-9]|10[0-9]|11[01]) bits"
)
# Where TLS is spoken: the server's number in the network, the port, a name.
PORTS = [
    (135, 443, "www3.st.um"),
    (135, 443, "nobody.invalid"),
    (135, 853, "st.um"),
    (135, 8443, "st.um"),
    (137, 853, "ns2.st.um"),
    (135, 636, "ldap.st.um"),
    (137, 636, "ns2.st.um"),
]


@pytest.fixture(scope="module")
def auditor(lab: Lab) -> Iterator[list[str]]:
    """Copy ssh-audit to the client, which has no way to fetch it; return the command."""
    folder = Path(importlib.util.find_spec("ssh_audit").origin).parent
    subprocess.run(["docker", "cp", "-q", str(folder), f"{lab.container('client')}:/root/ssh_audit"], check=True)
    yield ["env", "PYTHONPATH=/root", "python3", "-B", "-m", "ssh_audit", "--no-colors", "--skip-rate-test"]
    lab.run("client", "rm", "-r", "/root/ssh_audit")


@pytest.mark.parametrize("server", [135, 137])
def test_ssh_audit_finds_nothing_that_fails(lab: Lab, auditor: list[str], server: int) -> None:
    said = lab.run("client", *auditor, lab.address(server), check=False)
    assert "(kex) sntrup761x25519-sha512" in said
    assert "(key) ssh-ed25519" in said
    assert "[fail]" not in said, said


def test_ssh_audit_finds_what_is_weak(lab: Lab, auditor: list[str]) -> None:
    # The lab's own host, which no role configures, has what its release comes with.
    assert "[fail]" in lab.run("client", *auditor, f"172.16.{lab.net + 1}.10", check=False)


@pytest.fixture(scope="module")
def scanner(lab: Lab) -> None:
    lab.run(
        "client",
        "sh",
        "-c",
        "command -v sslscan || apt-get -qq -y install --no-install-recommends sslscan >/dev/null 2>&1",
    )


@pytest.mark.usefixtures("scanner")
@pytest.mark.parametrize(("server", "port", "name"), PORTS)
def test_sslscan_finds_nothing_weak(lab: Lab, server: int, port: int, name: str) -> None:
    said = lab.run("client", "sslscan", "--no-colour", f"--sni-name={name}", f"{lab.address(server)}:{port}")
    assert re.search(r"TLSv1\.3 +enabled", said), said
    assert "Accepted" in said or "Preferred" in said
    weak = [line for line in said.splitlines() if WEAK.search(line)]
    assert weak == [], said
