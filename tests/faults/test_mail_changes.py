"""What is changed in the settings changes what follows from it, all of that, and nothing else."""

import re
import time
from collections.abc import Iterator

import pytest

from doors import ALL, doors
from lab import Lab, changed, wait_until
from letters import letter, mark, password, read, said

NEW = "another, very long word"


def differences(before: str, after: str) -> set[str]:
    """Return the paths whose checksums or attributes differ."""
    lines = {*before.splitlines()} ^ {*after.splitlines()}
    return {re.split(r"\s+", line)[1 if re.match(r"[0-9a-f]{64}  ", line) else 0] for line in lines}


@pytest.fixture
def restored(lab: Lab) -> Iterator[None]:
    yield
    lab.playbook("site.yml")
    assert changed(lab.playbook("site.yml")) == 0


def test_a_password_is_changed_at_every_door_and_nothing_else_is(lab: Lab, restored: None) -> None:
    old = password(lab, "user1")
    before = {host: lab.checksums(host) for host in ("primary", "secondary", "client", "internet")}
    assert doors(lab, old) == ALL
    words = {"user1": NEW, "user2": password(lab, "user2")}
    lab.playbook("site.yml", settings={"accounts_passwords": words})
    assert doors(lab, old) == []
    assert doors(lab, NEW) == ALL
    found = {host: differences(before[host], lab.checksums(host)) for host in before}
    assert found["secondary"] == set()
    for host in ("primary", "client", "internet"):
        print(host, sorted(found[host]))
        mine = {path for path in found[host] if not path.startswith("/var/lib/service_config")}
        assert mine <= {
            "/etc/shadow",
            "/etc/shadow-",
            "/etc/.pwd.lock",
            "/etc",
            "/etc/apache2/server-for-dummies.htpasswd",
            "/etc/server-for-dummies/verify.json",
        }
    assert changed(lab.playbook("site.yml", settings={"accounts_passwords": words})) == 0


def test_who_has_chosen_another_password_keeps_it(lab: Lab, restored: None) -> None:
    try:
        lab.run("primary", "sh", "-c", f"echo 'user1:{NEW}' | chpasswd")
        assert changed(lab.playbook("site.yml")) == 0
        assert "imap" in doors(lab, NEW)
    finally:
        lab.run("primary", "sh", "-c", f"echo 'user1:{password(lab, 'user1')}' | chpasswd")


def test_another_domain_is_another_domain_everywhere_and_back(lab: Lab) -> None:
    # The old authorities' certificates are for the old domain alone; the number is one that no other drill takes.
    settings = {"site_domain": "other.um", "openssl_ca_roots": [22]}
    keys = "cat /etc/exim4/dkim/*.key | sha256sum; ls /home"
    kept = lab.run("primary", "sh", "-c", keys)
    word = f"a-letter-that-stays-{time.monotonic_ns()}"  # no probe takes it for an old one of its own
    said(lab, ["MAIL FROM:<user1@st.um>", "RCPT TO:<user2@st.um>", "DATA\n" + letter("user1@st.um", word)])
    try:
        lab.playbook("site.yml", settings=settings)
        assert changed(lab.playbook("site.yml", settings=settings)) == 0
        new = mark(lab)
        text = "DATA\n" + letter("user1@other.um", new)
        answers = said(lab, ["MAIL FROM:<user1@other.um>", "RCPT TO:<user2@other.um>", text], "user1")
        assert [code for code, _ in answers] == [250, 250, 250]
        read(lab, "user2", new)
        assert lab.run("primary", "sh", "-c", keys) == kept
        assert lab.dig("+short", f"@{lab.address(135)}", "other.um", "MX") == ["10 mail.other.um."]
    finally:
        lab.playbook("site.yml")
    read(lab, "user2", word)
    assert lab.run("primary", "sh", "-c", keys) == kept
    assert changed(lab.playbook("site.yml")) == 0
    lab.forget()  # whoever has asked in between knows of no DS record for an hour
    for host in ("client", "internet"):
        wait_until(lambda host=host: all(result["ok"] for result in lab.probes(host).values()), 60)
