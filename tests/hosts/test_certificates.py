"""Certificates come from our own authority, for the names of the settings alone, and their keys stay where they are."""

import re
import subprocess
from pathlib import Path

import pytest

from lab import Lab, changed

RUN = "playbooks/certificates.yml"
LEAVINGS = "playbooks/leavings.yml"
SERVERS = {"primary": 135, "secondary": 137}


def certificate(lab: Lab, host: str) -> dict[str, str]:
    """Return what the client sees of the certificate that a name server shows."""
    address = lab.address(SERVERS[host])
    shown = f"openssl s_client -connect {address}:853 -servername st.um -verify_return_error </dev/null 2>/dev/null"
    script = f"{shown} | openssl x509 -noout -serial -enddate -ext subjectAltName"
    serial, end, _, names = lab.run("client", "sh", "-c", script).splitlines()
    return {"serial": serial.partition("=")[2], "end": end.partition("=")[2], "names": names}


def authority(lab: Lab) -> Path:
    return Path(lab.env["LAB_BUILD"]) / lab.name / "ca" / "issuing-1-1"


def openssl(lab: Lab, *arguments: str, **more: str) -> subprocess.CompletedProcess:
    passphrase = (authority(lab).parents[1] / "secrets" / "ca-passphrase").read_text().strip()
    return subprocess.run(
        ["openssl", *arguments], env=lab.env | {"PASSPHRASE": passphrase}, text=True, capture_output=True, check=False
    )


def test_keys_are_for_their_service_alone(lab: Lab) -> None:
    for host in SERVERS:
        assert lab.run(host, "stat", "-c", "%U %G %a", "/etc/ssl/site/dns.key") == "root bind 640\n"
        assert "PRIVATE KEY" not in lab.run(
            host, "runuser", "-u", "nobody", "cat", "/etc/ssl/site/dns.key", check=False
        )
    # What the controller has are the authorities' own, encrypted.
    texts = [path.read_text(errors="replace") for path in authority(lab).parent.rglob("*") if path.is_file()]
    keys = [line for text in texts for line in text.splitlines() if "PRIVATE KEY" in line and "BEGIN" in line]
    assert set(keys) == {"-----BEGIN ENCRYPTED PRIVATE KEY-----"}


def test_who_trusts_the_root_trusts_it_for_our_names_alone(lab: Lab, tmp_path: Path) -> None:
    configuration = tmp_path / "names.cnf"
    request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]
    made = openssl(lab, *request, "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "request.pem"))
    assert made.returncode == 0, made.stderr
    seen = {}
    for name in ("DNS:www.st.um", "DNS:www.example.org", "DNS:st.um.example.org", "IP:192.0.2.1"):
        configuration.write_text(f"subjectAltName = {name}\n")
        certified = tmp_path / "certificate.pem"
        # As somebody who has stolen the issuing authority would, who leaves no trace in its records.
        by = ["-CA", str(authority(lab) / "cacert.pem"), "-CAkey", str(authority(lab) / "private" / "cakey.pem")]
        extensions = ["-passin", "env:PASSPHRASE", "-extfile", str(configuration), "-out", str(certified)]
        done = openssl(lab, "x509", "-req", "-in", str(tmp_path / "request.pem"), *by, *extensions)
        assert done.returncode == 0, done.stderr
        chain = certified.read_text() + (authority(lab) / "cacert.pem").read_text()
        script = f"cat >/root/chain <<'PEM'\n{chain}PEM\nopenssl verify -untrusted /root/chain /root/chain 2>&1"
        seen[name] = lab.run("client", "sh", "-c", script, check=False)
    lab.run("client", "rm", "/root/chain")
    ours, *others = seen.values()
    assert ours == "/root/chain: OK\n"
    assert all("permitted subtree violation" in each for each in others), seen


def test_people_have_certificates_that_they_alone_can_use(lab: Lab) -> None:
    folder = "/etc/ssl/site/user-user1"
    for kind, text in ((".key", "PRIVATE KEY"), (".p12", "")):
        assert lab.run("client", "stat", "-c", "%U %G %a", folder + kind) == "root user1 640\n"
        assert text in lab.run("client", "runuser", "-u", "user1", "base64" if kind == ".p12" else "cat", folder + kind)
        assert lab.run("client", "runuser", "-u", "user2", "cat", folder + kind, check=False) == ""
    password = (lab.secrets() / "password-user1").read_text().strip()
    opened = ["openssl", "pkcs12", "-in", f"{folder}.p12", "-noenc", "-passin"]
    text = lab.run("client", *opened, f"pass:{password}")
    assert text.count("BEGIN CERTIFICATE") == 3  # up to the root
    assert text.count("BEGIN PRIVATE KEY") == 1
    assert lab.run("client", *opened, "pass:wrong", check=False) == ""
    # Opened, it is all that a browser needs.
    script = f"openssl pkcs12 -in {folder}.p12 -noenc -passin pass:{password} >/root/opened && "
    script += "curl --silent --show-error --cert /root/opened https://www4.st.um/; rm /root/opened"
    assert "<dd>user1</dd>" in lab.run("client", "sh", "-c", script)


def test_a_file_for_people_that_is_gone_is_made_again(lab: Lab) -> None:
    lab.run("client", "rm", "/etc/ssl/site/user-user2.p12")
    output = lab.playbook(RUN, "-l", "client", "-vvv", "--diff")
    assert changed(output) == 1
    assert (lab.secrets() / "password-user2").read_text().strip() not in output
    assert "PRIVATE KEY" not in output
    lab.run("client", "test", "-s", "/etc/ssl/site/user-user2.p12")
    assert changed(lab.playbook(RUN, "-l", "client")) == 0


@pytest.mark.only_default
def test_a_new_name_needs_that_certificate_alone(lab: Lab) -> None:
    before = {host: certificate(lab, host) for host in SERVERS}
    [ours] = [each for each in re.findall(r"DNS:(\S+?)(?:,|$)", before["primary"]["names"]) if each.startswith("ns")]
    names = ["st.um", ours, "new.st.um"]
    settings = {
        "site_dns_certificates": [
            {"name": "dns", "names": names, "group": "bind", "reload": ["rndc", "reconfig"]},
            {"name": "other", "names": ["other.st.um"]},
        ]
    }
    output = lab.playbook(RUN, "-l", "primary", settings=settings)
    assert "not new.st.um" in re.sub(r"\s+", " ", output)
    assert "other: there is none" in output
    after = {host: certificate(lab, host) for host in SERVERS}
    assert "DNS:new.st.um" in after["primary"]["names"]
    assert after["secondary"] == before["secondary"]

    lab.playbook(RUN)
    assert certificate(lab, "primary")["names"] == before["primary"]["names"]
    assert "other.pem" in lab.run("primary", "ls", "/etc/ssl/site").split()  # who needed it may look for it still
    assert changed(lab.playbook(RUN, LEAVINGS, "--skip-tags", "web")) == 0
    assert changed(lab.playbook(RUN, LEAVINGS, "--check")) == 1
    lab.playbook(RUN, LEAVINGS)
    assert "other.pem" not in lab.run("primary", "ls", "/etc/ssl/site").split()
    assert changed(lab.playbook(RUN, LEAVINGS)) == 0
    lab.run("primary", "rm", "/etc/ssl/site/other.key")  # a key is nothing that a run takes away


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        pytest.param(
            [{"name": "dns", "names": ["www.example.org"]}],
            "is to be for www.example.org, outside of what",
            id="a foreign name",
        ),
        pytest.param([{"name": "d/s", "names": ["st.um"]}], "'d/s' is not valid as certificate", id="a path"),
    ],
)
def test_what_cannot_be_is_refused_and_the_old_certificate_stays(lab: Lab, wanted: list[dict], words: str) -> None:
    before = certificate(lab, "primary"), lab.checksums("primary")
    output = lab.playbook("site.yml", "-l", "primary", settings={"site_dns_certificates": wanted}, fails=True)
    assert words in re.sub(r"\s+", " ", output)
    assert (certificate(lab, "primary"), lab.checksums("primary")) == before
