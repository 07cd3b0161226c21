"""A zone is one item in the settings of the primary: the secondary learns of it by itself, and a run tells it first."""

import re

import pytest

from lab import Lab, wait_until

SERVERS = (135, 137)
DNS = ("playbooks/dns.yml", "-l", "primary")
ADDED = {
    "site_zones": [{"name": "st2.um", "records": [{"name": "www", "type": "A", "value": "192.0.2.4"}]}],
    "site_records": [
        {"name": "ftp", "type": "CNAME", "value": "@"},
        {"name": "@", "type": "MX", "value": "20 @"},
        {"name": "new", "type": "TXT", "value": "hello"},
    ],
}
UNSIGNED = {**ADDED, "site_zones": [{**ADDED["site_zones"][0], "dnssec": "none"}]}
FOLDERS = {"primary": "/var/lib/bind", "secondary": "/var/cache/bind"}


def foretold(output: str) -> dict[str, tuple[str, int, list[str]]]:
    """Return the plan of a run: by zone, what it had, the serial that it takes, and the changes."""
    plan: dict[str, tuple[str, int, list[str]]] = {}
    lines = output[output.index("Records that come and go") :].partition("TASK [")[0].splitlines()
    for line in map(str.strip, lines):
        if headline := re.fullmatch(r"(\S+), (new|serial \d+) -> (\d+)", line):
            zone = headline[1]
            plan[zone] = (headline[2], int(headline[3]), [])
        elif plan and line:
            plan[zone][2].append(line)
    return plan


def file_serial(lab: Lab, zone: str) -> int:
    return int(lab.run("primary", "awk", "/ IN SOA /{print $7}", f"/var/lib/bind/{zone}.zone"))


def files(lab: Lab, host: str, zone: str) -> list[str]:
    """Return the files of a zone on a host, without its keys: those outlast it."""
    names = lab.run(host, "ls", FOLDERS[host]).splitlines()
    return [name for name in names if zone in name and not name.startswith("K")]


def answer(lab: Lab, server: int, name: str, kind: str) -> str:
    return lab.run("client", "dig", f"@{lab.address(server)}", "+norecurse", "+dnssec", name, kind)


@pytest.mark.slow
def test_a_zone_and_an_edit_are_foretold_and_arrive(lab: Lab) -> None:
    before = {host: lab.checksums(host) for host in FOLDERS}
    serials = [lab.serial(server) for server in SERVERS]
    plan = foretold(lab.playbook(*DNS, "--check", settings=ADDED))
    had, serial, lines = plan["st.um"]
    assert had == f"serial {file_serial(lab, 'st.um')}"
    assert {
        '+ new.st.um. 604800 TXT "hello"',
        "+ st.um. 604800 MX 20 st.um.",
    } <= set(lines)
    assert any(line.startswith("- long.st.um. 604800 TXT ") for line in lines)
    had, added, lines = plan["st2.um"]
    assert had == "new"
    assert "+ www.st2.um. 604800 A 192.0.2.4" in lines
    assert any(line.startswith("+ ") and line.endswith(" PTR st2.um.") for line in plan["catalog.invalid"][2])
    assert {host: lab.checksums(host) for host in FOLDERS} == before

    output = lab.playbook(*DNS, settings=ADDED)
    assert foretold(output) == plan
    assert (file_serial(lab, "st.um"), file_serial(lab, "st2.um")) == (serial, added)
    # The secondary has all of it, signed, and nothing of its configuration has changed.
    assert lab.checksums("secondary") == before["secondary"]
    after = [lab.serial(server) for server in SERVERS]
    assert after[0] == after[1] >= serial > serials[0] == serials[1]
    for server in SERVERS:
        lines = answer(lab, server, "www.st2.um", "A")
        assert "flags: qr aa" in lines
        assert re.search(r"www\.st2\.um\.\s+604800\s+IN\s+A\s+192\.0\.2\.4\n", lines)
        assert re.search(r"www\.st2\.um\.\s+604800\s+IN\s+RRSIG\s+A ", lines)
        # Somebody who trusts nothing but the root's key comes to believe the edit.
        words = ("delv", "-a", "/etc/bind/bind.keys", f"@{lab.address(server)}", "new.st.um", "TXT")
        believed = lab.run("client", *words)
        assert "; fully validated" in believed
        assert '"hello"' in believed

    # Nobody vouches for the new zone: it may do without its signatures, and have them back. Its serial only rises.
    serial = lab.serial(137, "st2.um")
    for settings, signed in ((UNSIGNED, False), (ADDED, True)):
        lab.playbook(*DNS, settings=settings)
        after = [lab.serial(server, "st2.um") for server in SERVERS]
        assert after[0] == after[1] > serial
        serial = after[0]
        assert ["RRSIG" in answer(lab, server, "www.st2.um", "A") for server in SERVERS] == [signed] * 2

    back = lab.playbook(*DNS)
    assert "- www.st2.um. 604800 A 192.0.2.4" not in back  # a zone that goes is told by the catalog
    assert any(line.startswith("- ") and line.endswith(" PTR st2.um.") for line in foretold(back)["catalog.invalid"][2])
    for server in SERVERS:
        assert answer(lab, server, "long.st.um", "TXT").count("TXT") > 1
        wait_until(lambda server=server: "flags: qr aa" not in answer(lab, server, "www.st2.um", "A"))
    for host in FOLDERS:
        wait_until(lambda host=host: not files(lab, host, "st2.um"))
    assert lab.checksums("secondary") == before["secondary"]
