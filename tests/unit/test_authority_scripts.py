"""The scripts that make authorities and certify by them: what is there stays, and a failure leaves what there was."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import TOP

CA = TOP / "roles/openssl_ca/files"
SSH = TOP / "roles/openssh"
ASKPASS = {"SSH_ASKPASS": str(SSH / "files/askpass.sh"), "SSH_ASKPASS_REQUIRE": "force"}
WRONG = {"PASSPHRASE": "another one"}
CONFIG = """
[ca]
default_ca = authority
[authority]
certificate = {folder}/cacert.pem
private_key = {folder}/private/cakey.pem
database = {folder}/index.txt
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}/newcerts
default_md = sha256
default_crl_days = 7
unique_subject = no
policy = policy
[policy]
countryName = optional
commonName = optional
[root]
basicConstraints = critical, CA:true
[issuing]
basicConstraints = critical, CA:true
"""


def run(*argv: str | Path, **env: str) -> "subprocess.CompletedProcess[str]":
    env = os.environ | ASKPASS | {"PASSPHRASE": "let me in"} | env
    return subprocess.run(["sh", *map(str, argv)], env=env, text=True, capture_output=True, timeout=60)


def openssl(*argv: str | Path) -> str:
    return subprocess.run(["openssl", *argv], text=True, capture_output=True, check=True, timeout=60).stdout


def subject(certificate: Path) -> str:
    said = openssl("x509", "-noout", "-subject", "-in", certificate)
    return said.strip().removeprefix("subject=").strip().replace(" = ", "=")


def make(folder: Path, signer: Path, kind: str, **options: str) -> "subprocess.CompletedProcess[str]":
    argv = (CA / "authority.sh", folder, signer, kind, "30", f"/C=ES/CN=st.um {folder.name}")
    return run(*argv, CONFIG=CONFIG.format(folder=folder), **options)


def request(folder: Path, *argv: str | Path) -> str:
    answer = run("-ec", (CA / "request.sh").read_text(), folder, *argv)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = make(tmp_path / "root-1", tmp_path / "root-1", "root")
    assert made.returncode == 0, made.stderr
    return tmp_path / "root-1"


def test_an_authority_is_made(root):
    assert subject(root / "cacert.pem") == "C=ES, CN=st.um root-1"
    key = root / "private/cakey.pem"
    assert "ENCRYPTED" in key.read_text()
    assert [oct(path.stat().st_mode & 0o777) for path in (key, root / "private", root / "cacert.pem")] == [
        "0o600",
        "0o700",
        "0o644",
    ]


def test_an_authority_that_is_half_made_keeps_its_key(root):
    key = (root / "private/cakey.pem").read_text()
    for name in ("cacert.pem", "request.pem", "crlnumber"):
        (root / name).unlink()
    assert make(root, root, "root").returncode == 0
    assert (root / "private/cakey.pem").read_text() == key
    assert openssl("verify", "-CAfile", root / "cacert.pem", root / "cacert.pem")


def test_an_authority_that_is_not_certified_is_none(root, tmp_path):
    folder = tmp_path / "issuing-1-1"
    assert make(folder, root, "issuing", **WRONG).returncode != 0
    assert not (folder / "cacert.pem").exists()
    (folder / "private/cakey.pem").unlink()
    assert make(folder, root, "issuing").returncode == 0
    assert openssl("verify", "-CAfile", root / "cacert.pem", folder / "cacert.pem")


@pytest.mark.parametrize(("kind", "says"), [("ecdsa", "NIST CURVE: P-256"), ("rsa", "Private-Key: (3072 bit")])
def test_a_key_is_made_once(tmp_path, kind, says):
    key = tmp_path / "site/web.key"
    first = request(tmp_path / "site", "web", key, kind, "root")
    assert says in openssl("pkey", "-in", key, "-noout", "-text")
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o755
    made = key.read_text()
    assert first.startswith("=== web\n-----BEGIN CERTIFICATE REQUEST-----\n")
    request(tmp_path / "site", "web", key, kind, "root")
    assert key.read_text() == made
    new = tmp_path / "site/web.key.new"
    request(tmp_path / "site", "web", new, kind, "root")
    made = new.read_text()
    request(tmp_path / "site", "web", new, kind, "root")
    assert new.read_text() != made


def certify(root: Path, *orders: str, **options: str) -> "subprocess.CompletedProcess[str]":
    return run(CA / "certify.sh", root, "primary", *orders, CONFIG=CONFIG.format(folder=root), **options)


def orders(folder: Path, *names: str) -> list[str]:
    found = []
    for name in names:
        asked = request(folder, name, folder / f"{name}.key", "ecdsa", "root")
        found += [name, asked.partition("\n")[2], "basicConstraints = CA:false", f"/C=ES/CN={name}.st.um", "5"]
    return found


def test_hosts_are_certified_by_the_name_that_the_settings_say(root, tmp_path):
    answer = certify(root, *orders(tmp_path / "site", "web", "mail"))
    assert answer.returncode == 0, answer.stderr
    parts = [part.split("\n", 1) for part in answer.stdout.split("=== ")[1:]]
    assert [name for name, _ in parts] == ["web", "mail"]
    for name, text in parts:
        (tmp_path / name).write_text(text)
        assert openssl("verify", "-CAfile", root / "cacert.pem", tmp_path / name)
        assert subject(tmp_path / name) == f"C=ES, CN={name}.st.um"
        keys = [openssl("x509", "-noout", "-pubkey", "-in", tmp_path / name)]
        keys.append(openssl("pkey", "-pubout", "-in", tmp_path / f"site/{name}.key"))
        assert keys[0] == keys[1]


def revoke(root: Path, *serials: str, **options: str) -> "subprocess.CompletedProcess[str]":
    return run(CA / "crl.sh", root, *serials, CONFIG=CONFIG.format(folder=root), **options)


def test_a_list_that_cannot_be_made_leaves_the_one_that_there_is(root, tmp_path):
    assert certify(root, *orders(tmp_path / "site", "web")).returncode == 0
    serial = (root / "index.txt").read_text().split("\n")[1].split("\t")[3]
    assert revoke(root, serial).returncode == 0
    crl = (root / "crl.pem").read_text()
    assert f"Serial Number: {serial}" in openssl("crl", "-noout", "-text", "-in", root / "crl.pem")
    assert revoke(root, **WRONG).returncode != 0
    assert (root / "crl.pem").read_text() == crl


# SSH


def authorities(folder: Path, *names: str) -> None:
    script = yaml.safe_load((SSH / "vars/main.yml").read_text())["__openssh_make_authorities"]
    answer = run("-ec", script, folder, "st.um", *names)
    assert answer.returncode == 0, answer.stderr


def test_an_ssh_authority_keeps_its_key_when_only_that_was_made(tmp_path):
    authorities(tmp_path / "ca", "host-1", "user-1")
    before = [(tmp_path / "ca" / name).read_text() for name in ("host-1", "host-1.pub")]
    assert before[1].startswith("ssh-ed25519 ")
    assert before[1].endswith(" st.um host-1\n")
    (tmp_path / "ca/host-1.pub").unlink()
    (tmp_path / "ca/user-1.pub").unlink()
    (tmp_path / "ca/user-1").write_text("")  # a run that was killed amid it
    authorities(tmp_path / "ca", "host-1", "user-1")
    assert [(tmp_path / "ca" / name).read_text() for name in ("host-1", "host-1.pub")] == before
    assert (tmp_path / "ca/user-1.pub").read_text().startswith("ssh-ed25519 ")


def test_ssh_keys_are_certified(tmp_path):
    authorities(tmp_path / "ca", "host-1", "user-1")
    key = (tmp_path / "ca/user-1.pub").read_text().strip()  # any public key will do
    wanted = [("host", "host-1", "host", "ns1.st.um,172.16.22.135"), ("user-user1", "user-1", "user", "user1")]
    each = [part for name, ca, kind, who in wanted for part in (name, key, f"{tmp_path}/ca/{ca}", kind, who)]
    answer = run(SSH / "files/certify.sh", tmp_path / "primary", "primary", "7", "-1h:+5d", *each)
    assert answer.returncode == 0, answer.stderr
    for name, _, kind, who in wanted:
        argv = ["ssh-keygen", "-L", "-f", tmp_path / f"primary/{name}-cert.pub"]
        text = subprocess.run(argv, text=True, capture_output=True, check=True, timeout=60).stdout
        assert f"ssh-ed25519-cert-v01@openssh.com {kind} certificate" in text
        assert f'Key ID: "primary {name}"' in text
        assert "Serial: 7" in text
        assert all(f"        {principal}\n" in text for principal in who.split(","))


# First pages


def test_a_site_has_its_pages_or_nothing(tmp_path):
    script = yaml.safe_load((TOP / "roles/apache/vars/main.yml").read_text())["__apache_make_pages"]
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "mv").write_text("#!/bin/sh\nkill -KILL $PPID\n")
    (tools / "mv").chmod(0o755)
    (tmp_path / "www").mkdir()
    argv = ("-ec", script, tmp_path / "www", "www.st.um", "page 'one' $HOME", "style")
    assert run(*argv, PATH=f"{tools}:{os.environ['PATH']}").returncode != 0
    assert not (tmp_path / "www/www.st.um").exists()
    assert run(*argv).returncode == 0
    assert {path.name: path.read_text() for path in (tmp_path / "www/www.st.um").iterdir()} == {
        "index.php": "page 'one' $HOME",
        "page.css": "style",
    }
    assert [path.name for path in (tmp_path / "www").iterdir()] == ["www.st.um"]
