"""A secret gets another value, all of whose users follow, and nobody is kept out meanwhile."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from doors import doors
from lab import Lab, changed
from letters import password
from watching import watched

PLAYBOOK = "playbooks/rotate.yml"
# Where it lies in the lab's folder of secrets
FILES = {
    "bind9_tsig_secrets.secondary": "tsig-secondary",
    "bind9_tsig_secrets.verify": "tsig-verify",
    "slapd_secrets.replicator": "directory-replicator",
    "slapd_secrets.manager": "directory-manager",
    "openssl_ca_secrets.passphrase": "ca-passphrase",
    "openssh_secrets.passphrase": "ssh-passphrase",
    "apache_secrets.salt": "web-salt",
}
WATCHED = ["resolver: www.*", "*: StartTLS", "993: certificate*", "www.*: HEAD", "*: no question, a Maildir"]
READER = "cn=reader,o=um,c=es"


def rotate(lab: Lab, name: str, **more: object) -> None:
    """Give a secret another value; each service goes on meanwhile."""
    with watched(lab, ["dns", "ldap", "mail", "ssh", "web"], WATCHED) as seen:
        lab.playbook(PLAYBOOK, settings={"rotate": name, **more})
    assert seen
    assert [result for result in seen if result["ms"] > 1000] == []


def binds(lab: Lab, server: str, word: str) -> bool:
    """Tell whether the reader may log in."""
    url = f"ldaps://{server}.st.um"
    said = lab.run("client", "ldapwhoami", "-x", "-H", url, "-D", READER, "-w", word, check=False)
    return said == f"dn:{READER}\n"


@pytest.mark.parametrize("name", FILES)
def test_everybody_follows(lab: Lab, name: str) -> None:
    file = lab.secrets() / FILES[name]
    before = file.read_text()
    rotate(lab, name)
    assert file.read_text() != before
    assert (lab.secrets() / "former.json").read_text() == "{}"
    assert changed(lab.playbook("site.yml")) == 0
    for host in ("client", "internet"):
        assert [result for result in lab.probes(host).values() if not result["ok"]] == []


def test_the_authorities_keys_open_with_the_new_passphrase_alone(lab: Lab) -> None:
    """Here too, since nothing signs anything in a run that finds nothing to do."""
    folder = Path(lab.env["LAB_BUILD"]) / lab.name
    former = (lab.secrets() / "ca-passphrase").read_text().strip()
    lab.playbook(PLAYBOOK, settings={"rotate": "openssl_ca_secrets.passphrase"})
    keys = list(folder.glob("ca/*/private/*.pem"))
    assert keys
    new = (lab.secrets() / "ca-passphrase").read_text().strip()
    for key in keys:
        for word, opens in ((new, True), (former, False)):
            argv = ["openssl", "pkey", "-in", key, "-passin", "stdin", "-noout"]
            done = subprocess.run(argv, input=word, text=True, capture_output=True, check=False)
            assert (done.returncode == 0) == opens


@pytest.fixture
def by_directory(lab: Lab) -> Iterator[None]:
    """Everybody's password is in the directory."""
    lab.playbook("site.yml", settings={"identity": "directory"})
    yield
    lab.playbook("site.yml")


@pytest.mark.usefixtures("by_directory")
def test_people_log_in_all_the_while_by_a_reader_with_another_password(lab: Lab) -> None:
    former = (lab.secrets() / "directory-reader").read_text().strip()
    rotate(lab, "slapd_secrets.reader", identity="directory")
    new = (lab.secrets() / "directory-reader").read_text().strip()
    for server in ("ns1", "ns2"):
        assert binds(lab, server, new)
        assert not binds(lab, server, former)
    assert {"imap", "web"} <= set(doors(lab, password(lab, "user1")))
    hashes = lab.run(
        "primary", "sh", "-c", "slapcat -o ldif_wrap=no -a '(cn=reader)' -b o=um,c=es | grep ^userPassword"
    )
    assert hashes.count("userPassword") == 1


@pytest.mark.usefixtures("by_directory")
def test_a_run_that_is_killed_leaves_both_passwords_good(lab: Lab) -> None:
    """What was begun keeps nobody out, and the next run ends it."""
    former = (lab.secrets() / "directory-reader").read_text().strip()
    settings = {"rotate": "slapd_secrets.reader", "identity": "directory"}
    process = lab.popen(PLAYBOOK, settings=settings)
    for line in process.stdout:
        if line.startswith("TASK [dovecot :"):
            break
    process.kill()
    process.communicate()
    new = (lab.secrets() / "directory-reader").read_text().strip()
    assert new != former
    assert [binds(lab, "ns1", word) for word in (former, new)] == [True, True]
    lab.playbook(PLAYBOOK, settings=settings)
    assert (lab.secrets() / "directory-reader").read_text().strip() == new
    assert [binds(lab, "ns1", word) for word in (former, new)] == [False, True]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("slapd_secrets.salt", "slapd_secrets.salt stays"),
        ("slapd_secrets.nobody", "possible: slapd_secrets."),
        ("site_domain.x", "give the name of a secret"),
        ("", "give the name of a secret"),
    ],
)
def test_what_cannot_be_rotated_changes_nothing(lab: Lab, name: str, words: str) -> None:
    before = {path.name: path.read_bytes() for path in lab.secrets().iterdir()}
    assert words in " ".join(lab.playbook(PLAYBOOK, settings={"rotate": name}, fails=True).split())
    assert {path.name: path.read_bytes() for path in lab.secrets().iterdir()} == before
