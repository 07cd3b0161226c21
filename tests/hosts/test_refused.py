"""A configuration that cannot work is refused or taken back, and the old one goes on serving."""

import re

import pytest

from lab import Lab, changed, wait_until

GOOD = "www.st.um"


def options(text: str) -> dict:
    """Return settings that put this text in the place of named's options."""
    return {
        "__bind9_files": [
            {"path": "/etc/bind/named.conf.options", "content": text, "group": "bind"},
            {
                "path": "/etc/bind/tsig.keys",
                "template": "tsig.keys.j2",
                "group": "bind",
                "mode": "0640",
                "secret": True,
            },
        ],
        "bind9_gate_timeout": 5,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("options { no-such-option yes; };\n", "unknown option 'no-such-option'", id="by the checker"),
        pytest.param(
            'acl "site" { any; };\noptions { directory "/var/cache/bind"; key-directory "/var/lib/bind"; '
            "listen-on { 127.0.0.9; }; listen-on-v6 { none; }; };\n",
            "is in force again",
            id="by the probe",
        ),
    ],
)
def test_the_old_answers_go_on(lab: Lab, text: str, words: str) -> None:
    before = lab.checksums("primary")
    output = lab.playbook("playbooks/dns.yml", "-l", "primary", settings=options(text), fails=True)
    assert words in re.sub(r"\s+", " ", output)
    assert lab.dig(f"@{lab.address(135)}", GOOD) == ["st.um.", lab.address(135)]
    assert lab.checksums("primary") == before


@pytest.mark.slow
def test_a_server_that_does_not_follow_is_named(lab: Lab) -> None:
    settings = {"site_records": [{"name": "late", "type": "A", "value": "192.0.2.5"}]}
    arguments = ("site.yml", "--tags", "dns", "-l", "primary")
    lab.run("secondary", "systemctl", "stop", "named")
    try:
        # The client goes on resolving, by the server that is left, and so does the whole site while the run fails.
        assert lab.run("client", "getent", "ahostsv4", GOOD).split()[0] == lab.address(135)
        output = lab.playbook(*arguments, settings=settings | {"bind9_gate_timeout": 3}, fails=True)
        assert f"secondary ({lab.address(137)}) does not serve st.um" in re.sub(r"\s+", " ", output)
    finally:
        lab.run("secondary", "systemctl", "start", "named")
    # It has missed a NOTIFY, and would not ask by itself before the SOA's retry is over.
    wait_until(lambda: lab.serial(137))
    assert lab.dig(f"@{lab.address(137)}", "late.st.um") == []
    assert changed(lab.playbook(*arguments, settings=settings)) == 0
    assert lab.dig(f"@{lab.address(137)}", "late.st.um") == ["192.0.2.5"]
    lab.playbook("site.yml", "--tags", "dns", "-l", "name_servers")


def test_the_client_resolves_without_the_primary(lab: Lab) -> None:
    lab.run("primary", "systemctl", "stop", "named")
    try:
        assert lab.run("client", "getent", "ahostsv4", GOOD).split()[0] == lab.address(135)
    finally:
        lab.run("primary", "systemctl", "start", "named")
