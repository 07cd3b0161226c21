"""What must hold of certificates when time goes by, one is revoked, and authorities are replaced.

Time is not waited for, and no clock is set: certificates are issued for as many days as are left of them.
"""

from pathlib import Path
from typing import Any

import pytest

from lab import Lab, changed, wait_until

RENEW = "playbooks/renew.yml"
SERVERS = {"primary": 135, "secondary": 137}
FILE = "/etc/ssl/site/dns.pem"
SHOWN = "openssl s_client -connect {}:853 -servername st.um -verify_return_error </dev/null 2>/dev/null"


def field(lab: Lab, host: str, option: str) -> str:
    """Return something of the certificate that a name server shows to the client, which trusts it."""
    script = f"{SHOWN.format(lab.address(SERVERS[host]))} | openssl x509 -noout {option}"
    return lab.run("client", "sh", "-c", script).strip()


def fields(lab: Lab, option: str = "-serial") -> dict[str, str]:
    return {host: field(lab, host, option) for host in SERVERS}


@pytest.fixture(autouse=True)
def as_before(lab: Lab):
    yield
    lab.playbook("playbooks/certificates.yml")
    assert changed(lab.playbook("site.yml")) == 0


def test_what_is_due_is_renewed_and_nothing_else(lab: Lab) -> None:
    """30, 60 and 85 days after they were issued: 60, 30 and 5 are left."""
    keys = fields(lab, "-pubkey")
    for days, is_due in ((60, False), (31, False), (30, True), (5, True)):
        # It is as old on one of them; the other one's is young.
        settings = {"openssl_ca_days": days, "openssl_ca_renew_days": days - 1}
        lab.run("primary", "rm", FILE)
        lab.playbook(RENEW, "-l", "primary", settings=settings)
        before = fields(lab)
        output = lab.playbook(RENEW)
        after = fields(lab)
        assert (after["primary"] != before["primary"]) == is_due, days
        assert after["secondary"] == before["secondary"]
        assert (changed(output) > 0) == is_due
    # Whoever has noted the key of a server, as in a TLSA record, need not do so again.
    assert fields(lab, "-pubkey") == keys


def test_a_revoked_certificate_is_replaced_with_its_key_and_nobody_believes_it(lab: Lab) -> None:
    before, keys = fields(lab), fields(lab, "-pubkey")
    old = lab.run("primary", "cat", FILE)
    serial = before["primary"].partition("=")[2]
    settings: dict[str, Any] = {"openssl_ca_revoked": [serial.lower()]}
    assert f"{serial} is to be revoked" in " ".join(lab.playbook(RENEW, settings=settings).split())
    after = fields(lab)
    assert after["primary"] != before["primary"]
    assert after["secondary"] == before["secondary"]
    assert field(lab, "primary", "-pubkey") != keys["primary"]
    assert lab.run("primary", "sh", "-c", "cd /etc/ssl/site; ls dns.*") == "dns.key\ndns.pem\n"
    script = f"cat >/root/old <<'PEM'\n{old}PEM\n"
    script += (
        "openssl verify -crl_check -CRLfile /etc/ssl/site/st.um.crl -untrusted /root/old /root/old 2>&1; rm /root/old"
    )
    assert "certificate revoked" in lab.run("client", "sh", "-c", script)
    # It stays revoked when it is taken off the list, and needs nothing more.
    assert changed(lab.playbook(RENEW, settings=settings)) == 0
    assert changed(lab.playbook(RENEW)) == 0
    assert "certificate revoked" in lab.run("client", "sh", "-c", script)


def get(lab: Lab, *certificate: str) -> str:
    """Return what the virtual host answers that knows people by their certificates, or what curl says of it."""
    asked = ["curl", "--silent", "--show-error", *certificate, "https://www4.st.um/"]
    return lab.run("client", "sh", "-c", f"{' '.join(asked)} 2>&1", check=False)


def test_who_has_a_revoked_certificate_is_refused_by_the_web_server(lab: Lab) -> None:
    files = "/etc/ssl/site/user-user1"
    old = ["--cert", "/root/old.pem", "--key", "/root/old.key"]
    lab.run("client", "sh", "-c", f"cp {files}.pem /root/old.pem && cp {files}.key /root/old.key")
    try:
        assert "<dd>user1</dd>" in get(lab, *old)
        serial = lab.run("client", "openssl", "x509", "-noout", "-serial", "-in", f"{files}.pem").strip()
        lab.playbook(RENEW, settings={"openssl_ca_revoked": [serial.partition("=")[2]]})
        assert "alert certificate revoked" in get(lab, *old)
        assert "<dd>user1</dd>" in get(lab, "--cert", f"{files}.pem", "--key", f"{files}.key")
        # The file for people has the new one, too.
        password = (lab.secrets() / "password-user1").read_text().strip()
        opened = lab.run("client", "openssl", "pkcs12", "-in", f"{files}.p12", "-nokeys", "-passin", f"pass:{password}")
        assert lab.run("client", "openssl", "x509", "-in", f"{files}.pem") in opened
        assert lab.run("client", "openssl", "x509", "-in", "/root/old.pem") not in opened
    finally:
        lab.run("client", "rm", "/root/old.pem", "/root/old.key")


def test_lists_are_renewed_before_they_end_where_everybody_finds_them(lab: Lab) -> None:
    def number() -> int:
        fetched = "curl --silent http://ca.st.um/pki/issuing-1-1.crl | openssl crl -inform DER -noout -crlnumber"
        return int(lab.run("client", "sh", "-c", fetched).partition("=")[2], 16)

    before = number()
    assert changed(lab.playbook(RENEW, settings={"openssl_ca_crl_renew_days": 6})) == 0
    assert number() == before
    assert "ends on" in lab.playbook(RENEW, settings={"openssl_ca_crl_renew_days": 8})
    assert number() == before + 1
    assert "<dd>user1</dd>" in get(
        lab, "--cert", "/etc/ssl/site/user-user1.pem", "--key", "/etc/ssl/site/user-user1.key"
    )


def test_a_number_that_nobody_has_is_refused(lab: Lab) -> None:
    output = lab.playbook("site.yml", settings={"openssl_ca_revoked": ["0123"]}, fails=True)
    assert "openssl_ca_revoked: none of the authorities has certified 0123" in " ".join(output.split())


def test_another_issuing_authority_takes_over(lab: Lab) -> None:
    before = fields(lab, "-issuer")
    lab.playbook(RENEW, settings={"openssl_ca_issuing": 2})
    assert all("issuing-1-2" in issuer for issuer in fields(lab, "-issuer").values())
    assert all("issuing-1-1" in issuer for issuer in before.values())


def test_another_root_takes_over_and_each_certificate_is_believed_meanwhile(lab: Lab) -> None:
    for roots, hosts, issuers in (
        ([1, 2], [], {"primary": "issuing-1-1", "secondary": "issuing-1-1"}),
        ([2, 1], ["-l", "primary"], {"primary": "issuing-2-1", "secondary": "issuing-1-1"}),
        ([2, 1], [], {"primary": "issuing-2-1", "secondary": "issuing-2-1"}),
        ([2], [], {"primary": "issuing-2-1", "secondary": "issuing-2-1"}),
        ([2, 1], [], {"primary": "issuing-2-1", "secondary": "issuing-2-1"}),
        ([1, 2], [], {"primary": "issuing-1-1", "secondary": "issuing-1-1"}),
    ):
        lab.playbook(RENEW, *hosts, settings={"openssl_ca_roots": roots})
        seen = fields(lab, "-issuer")  # each believed by the client
        assert all(issuers[host] in issuer for host, issuer in seen.items()), (roots, seen)
    assert "-root-1.crt" in lab.run("client", "ls", "/usr/local/share/ca-certificates")


def test_with_another_authority_at_once_the_directory_is_copied_still(lab: Lab, tmp_path: Path) -> None:
    entry = "cn=another authority,o=um,c=es"
    lab.playbook(RENEW, settings={"openssl_ca_dir": str(tmp_path / "ca")})
    add = f"printf 'dn: {entry}\\nobjectClass: device\\n' | ldapadd -Q -Y EXTERNAL -H ldapi:///"
    lab.run("primary", "sh", "-c", add)
    try:
        search = ["ldapsearch", "-x", "-LLL", "-ZZ", "-H", "ldap://ns2.st.um", "-b", entry, "-s", "base", "1.1"]
        wait_until(lambda: entry in lab.run("client", *search, check=False))
    finally:
        lab.run("primary", "ldapdelete", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///", entry)
