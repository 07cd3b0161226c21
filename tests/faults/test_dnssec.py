"""What must hold of signed zones when they change, their keys roll, servers are lost and servers come.

Time is not waited for, and no clock is set: named does not start under libfaketime, as its allocator and libfaketime
wait for each other. Instead the times that are noted beside a zone's keys are moved into the past.
"""

import base64
import itertools
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import ASKING, Lab, changed, wait_until

RUN = ("playbooks/dns.yml", "-l", "primary")
SERVERS = (135, 137)
ZONE = "edits.st.um"
WWW = {"name": "www", "type": "A", "value": "192.0.2.1"}
DAY = 86400  # seconds

# Moves all the times that are noted beside a zone's keys into the past.
AGE = r"""
import datetime, pathlib, re, sys
zone, seconds = sys.argv[1], int(sys.argv[2])
def earlier(match):
    time = datetime.datetime.strptime(match[0], "%Y%m%d%H%M%S") - datetime.timedelta(seconds=seconds)
    return time.strftime("%Y%m%d%H%M%S")
for path in pathlib.Path("/var/lib/bind").glob(f"K{zone}.+*"):
    path.write_text(re.sub(r"\b20\d{12}\b", earlier, path.read_text()))
"""


# Servers and zones


def provision(lab: Lab, *records: dict, fails: bool = False, **zone: str) -> str:
    """Make the zone be so, and return what the run printed."""
    given = {"name": ZONE, "records": list(records), **zone}
    settings = {"site_zones": [given]}
    if "dnssec" in zone and zone["dnssec"] == POLICY["name"]:
        settings["bind9_dnssec_policies"] = [STANDARD, POLICY]
    return lab.playbook(*RUN, settings=settings, fails=fails)


def newer(serial: int, other: int) -> bool:
    return 0 < (serial - other) % 2**32 < 2**31  # RFC 1982 section 3.2


def transfer(lab: Lab, server: int, zone: str = ZONE) -> str:
    """Return the dig command that prints all of a zone that a server has."""
    secret = (Path(lab.env["LAB_BUILD"]) / lab.name / "secrets" / "tsig-verify").read_text().strip()
    key = f"hmac-sha256:verify:{base64.b64encode(secret.encode()).decode()}"
    return f"dig -y {key} @{lab.address(server)} +noall +answer +onesoa {zone} AXFR"


def content(lab: Lab, server: int, zone: str = ZONE) -> list[str]:
    """Return all records of a zone that a server has."""
    lines = lab.run("client", "sh", "-c", transfer(lab, server, zone)).splitlines()
    assert len(lines) > 1, lines  # "Transfer failed"
    return sorted(" ".join(line.split()) for line in lines)


def is_sound(lab: Lab, zone: str = ZONE) -> None:
    """Demand that the servers have the same zone, that all of it is signed, and that the chain of trust leads to it."""
    lab.forget()
    contents = [content(lab, server, zone) for server in SERVERS]
    assert contents[0] == contents[1]
    for server in SERVERS:
        lab.run("client", "sh", "-c", f"{transfer(lab, server, zone)} >/tmp/zone && ldns-verify-zone /tmp/zone")
        assert delv(lab, server, zone, "SOA") == "; fully validated"


def delv(lab: Lab, server: int, name: str, kind: str = "A") -> str:
    """Return what somebody who trusts the root's key alone makes of a server's answer."""
    command = ("delv", "-a", "/etc/bind/bind.keys", f"@{lab.address(server)}", name, kind)
    return next((line for line in lab.run("client", *command, check=False).splitlines() if line.startswith(";")), "")


# Watching


@contextmanager
def repeated(lab: Lab, host: str, command: str) -> Iterator[list[str]]:
    """Run a command on a host again and again; what it has printed is in the list afterwards."""
    script = f"rm -f /tmp/enough; while ! [ -e /tmp/enough ]; do {command}; sleep 0.2; done"
    lines: list[str] = []
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            ["docker", "exec", lab.container(host), "timeout", "900", "sh", "-c", script], stdout=output
        )
        try:
            yield lines
        finally:
            lab.run(host, "touch", "/tmp/enough")  # noqa: S108 (on a lab host)
            process.wait(timeout=60)
            output.seek(0)
            lines += output.read().splitlines()


@contextmanager
def serials_only_rise(lab: Lab, zone: str = ZONE) -> Iterator[None]:
    """Demand that nobody who asks again is told an older serial, whatever happens meanwhile."""
    ask = f"dig +noall +answer +norecurse +time=1 +tries=1 {zone} SOA @"
    asked = [f"{ask}{lab.address(server)} | sed s/^/{server}/" for server in SERVERS]
    with repeated(lab, "client", ";".join(asked)) as lines:
        yield
    answers = [line.split() for line in lines]
    for server in SERVERS:
        serials = [int(words[6]) for words in answers if words[0] == f"{server}{zone}." and words[3] == "SOA"]
        assert len(serials) > 1
        assert all(after == before or newer(after, before) for before, after in itertools.pairwise(serials)), serials


def question(name: str) -> str:
    """Return a command that asks a validating resolver out there which has forgotten everything."""
    return (
        f"{{ flock 9; rndc flush; dig +dnssec +noall +comments +time=8 +tries=1 @127.0.0.1 {name} A; }} 9>{ASKING}"
        " | sed -nE 's/.*(status: [A-Z]+).*/\\1/p; s/.*flags: ([a-z ]+); QUERY.*(ANSWER: [0-9]+).*/\\1 \\2/p'"
        " | paste -sd' '"
    )


def outside(lab: Lab, name: str = f"www.{ZONE}") -> str:
    """Return the status, and AD if the answer is authentic."""
    words = lab.run("internet", "sh", "-c", question(name)).split()
    return " ".join([words[words.index("status:") + 1].rstrip(","), *(["AD"] if "ad" in words else [])])


@contextmanager
def resolved_throughout(lab: Lab, name: str = f"www.{ZONE}", *, secure: bool) -> Iterator[None]:
    """Demand that the outside always resolves a name, and as authentic, whatever happens meanwhile."""
    with repeated(lab, "internet", question(name)) as lines:
        yield
    assert len(lines) > 1
    right = r"NOERROR.* ad ANSWER: [1-9]" if secure else r"NOERROR.* ANSWER: [1-9]"
    wrong = [line for line in lines if not re.search(right, line)]
    assert not wrong, f"{len(wrong)} of {len(lines)}: {wrong[:5]}"


# Keys


def start_anew(lab: Lab, dnssec: str = "standard") -> None:
    """Give the zone a new key."""
    lab.playbook(*RUN)
    lab.run("primary", "sh", "-c", f"rm -f /var/lib/bind/K{ZONE}.*")
    provision(lab, WWW, dnssec=dnssec)


def parent_has(lab: Lab) -> list[str]:
    """Return the tags of the keys that the parent vouches for."""
    return sorted(line.split()[0] for line in lab.dig(f"@{lab.address(135)}", "+norecurse", ZONE, "DS"))


def cds(lab: Lab) -> list[str]:
    """Return the tags of the keys for which the parent is asked to vouch."""
    return sorted(line.split()[0] for line in lab.dig(f"@{lab.address(135)}", "+norecurse", ZONE, "CDS"))


def served_keys(lab: Lab) -> list[str]:
    """Return the tags of the keys in the zone."""
    options = ("+norecurse", "+noall", "+answer", "+multiline")
    output = lab.run("client", "dig", f"@{lab.address(135)}", *options, ZONE, "DNSKEY")
    return sorted(re.findall(r"key id = (\d+)", output))


def later(lab: Lab, seconds: int) -> None:
    """Let named believe that the zone's keys are so much older, and do what is due."""

    def looks() -> int:
        log = lab.run("primary", "journalctl", "-u", "named", "-o", "cat")
        return log.count(f"zone {ZONE}/IN/main (signed): next key event")

    lab.run("primary", "python3", "-c", AGE, ZONE, str(seconds))
    before = looks()
    lab.run("primary", "rndc", "loadkeys", ZONE)
    wait_until(lambda: looks() > before)


@pytest.fixture(scope="module", autouse=True)
def tools(lab: Lab) -> Iterator[None]:
    lab.run("client", "sh", "-c", "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install ldnsutils")
    yield
    lab.rebuild("client")
    lab.playbook("site.yml")


STANDARD = {"name": "standard", "keys": [{"role": "csk"}], "options": {"max-zone-ttl": 604800}}
POLICY = {"name": "rolling", "keys": [{"role": "csk", "lifetime": "60d"}], "options": {"max-zone-ttl": 604800}}


# Edits


def test_a_signed_zone_is_edited(lab: Lab) -> None:
    provision(lab, WWW)
    is_sound(lab)
    assert outside(lab) == "NOERROR AD"
    steps = {
        "add": [WWW, {"name": "new", "type": "TXT", "value": "hello"}],
        "change": [WWW | {"value": "192.0.2.2"}, {"name": "new", "type": "TXT", "value": "hello"}],
        "remove": [WWW | {"value": "192.0.2.2"}],
        "empty": [],
        "fill": [WWW],
    }
    for step, records in steps.items():
        before = lab.serial(135, ZONE)
        with serials_only_rise(lab):
            provision(lab, *records)
        assert newer(lab.serial(135, ZONE), before), step
        is_sound(lab)
        unsigned = [line.split() for line in content(lab, 137)]
        there = {(words[0], words[3]) for words in unsigned if words[3] in ("A", "TXT")}
        assert there == {(f"{record['name']}.{ZONE}.", record["type"]) for record in records}, step


def test_twenty_edits_in_a_row(lab: Lab) -> None:
    with serials_only_rise(lab):
        for number in range(20):
            value = f"192.0.2.{100 + number}"
            provision(lab, WWW | {"value": value})
            assert [lab.dig(f"@{lab.address(server)}", f"www.{ZONE}") for server in SERVERS] == [[value]] * 2
    is_sound(lab)
    assert outside(lab) == "NOERROR AD"


def test_named_dies_between_the_write_of_a_zone_and_its_reload(lab: Lab) -> None:
    """It dies as soon as the file is there, when nobody can have told it yet, and systemd starts it again."""
    provision(lab, WWW)
    script = (
        f"cd /var/lib/bind; old=$(stat -c %i {ZONE}.zone); pid=$(systemctl show -P MainPID named);"
        f"touch /tmp/kill-armed; while [ $(stat -c %i {ZONE}.zone) = $old ]; do :; done; kill -KILL $pid"
    )
    with serials_only_rise(lab):
        killer = subprocess.Popen(["docker", "exec", lab.container("primary"), "sh", "-c", script])
        wait_until(lambda: lab.run("primary", "sh", "-c", "ls /tmp/kill-armed || true"))
        settings = {"site_zones": [{"name": ZONE, "records": [WWW | {"value": "192.0.2.3"}]}]}
        lab.popen(*RUN, settings=settings).communicate(timeout=300)  # it may fail, or find named alive again
        assert killer.wait(timeout=60) == 0
        lab.run("primary", "rm", "/tmp/kill-armed")  # noqa: S108 (on a lab host)
        provision(lab, WWW | {"value": "192.0.2.3"})
    assert [lab.dig(f"@{lab.address(server)}", f"www.{ZONE}") for server in SERVERS] == [["192.0.2.3"]] * 2
    assert lab.run("primary", "systemctl", "is-active", "named").strip() == "active"
    is_sound(lab)
    assert changed(provision(lab, WWW | {"value": "192.0.2.3"})) == 0


def test_signatures_come_back_that_are_older_than_the_zone(lab: Lab) -> None:
    """As from a backup that was made during a change: no two servers have different zones under one serial."""
    former = f"/var/lib/bind/{ZONE}.zone.signed"
    provision(lab, WWW)
    lab.run("primary", "sh", "-ec", f"systemctl stop named; cp -p {former} /root/former; systemctl start named")
    wait_until(lambda: lab.serial(135, ZONE))
    provision(lab, WWW | {"value": "192.0.2.4"})
    lab.run("primary", "sh", "-ec", f"systemctl stop named; rm -f {former}.jnl; mv /root/former {former}")
    provision(lab, WWW | {"value": "192.0.2.4"})
    assert [lab.dig(f"@{lab.address(server)}", f"www.{ZONE}") for server in SERVERS] == [["192.0.2.4"]] * 2
    is_sound(lab)
    assert changed(provision(lab, WWW | {"value": "192.0.2.4"})) == 0


# Leaving DNSSEC


def refuses(lab: Lab, dnssec: str) -> None:
    """Demand that signatures are not taken away, and that nothing has changed."""
    files = ("sh", "-c", "md5sum /etc/bind/* /var/lib/bind/*.zone")
    before = lab.run("primary", *files)
    output = provision(lab, WWW, dnssec=dnssec, fails=True)
    assert f"Edit dnssec of {ZONE}.: the parent has DS records" in output
    assert lab.run("primary", *files) == before


def test_signatures_that_the_parent_vouches_for_are_not_taken_away(lab: Lab) -> None:
    start_anew(lab)
    with resolved_throughout(lab, secure=True):
        refuses(lab, "none")
        # named has not yet looked whether the parent has DS records, and would not wait until they are forgotten.
        refuses(lab, "insecure")


def test_a_zone_leaves_dnssec_without_an_outage(lab: Lab) -> None:
    start_anew(lab)
    assert outside(lab) == "NOERROR AD"
    with resolved_throughout(lab, secure=False):
        for _ in range(10):
            later(lab, DAY)
        wait_until(lambda: cds(lab) == parent_has(lab))
        refuses(lab, "none")
        output = provision(lab, WWW, dnssec="insecure")
        assert changed(output)
        assert (cds(lab), parent_has(lab)) == (["0"], [])
        # The signatures stay until everybody has forgotten the DS records.
        assert served_keys(lab)
        assert "RRSIG" in " ".join(content(lab, 137))
        assert delv(lab, 137, f"www.{ZONE}") == "; unsigned answer"
        for _ in range(20):
            if not served_keys(lab):
                break
            later(lab, DAY // 2)
        wait_until(lambda: "RRSIG" not in " ".join(content(lab, 137)))
        assert content(lab, 135) == content(lab, 137)
        provision(lab, WWW, dnssec="none")
    assert outside(lab) == "NOERROR"
    configuration = lab.run("primary", "cat", "/etc/bind/named.conf.local")
    assert "dnssec-policy" not in configuration.partition(f'zone "{ZONE}"')[2].partition("\n\t};")[0]
    # And back.
    with resolved_throughout(lab, secure=False):
        provision(lab, WWW)
    is_sound(lab)
    assert outside(lab) == "NOERROR AD"


# Roll-over


def test_a_key_rolls_over_by_policy(lab: Lab) -> None:
    start_anew(lab, POLICY["name"])
    [old] = served_keys(lab)
    assert parent_has(lab) == [old]
    seen = []
    with resolved_throughout(lab, secure=True), serials_only_rise(lab):
        for _ in range(40):
            later(lab, 5 * DAY)
            is_sound(lab)
            wanted = cds(lab) or [old]
            if wanted != parent_has(lab):
                provision(lab, WWW, dnssec=POLICY["name"])
                assert parent_has(lab) == wanted
            state = (served_keys(lab), parent_has(lab))
            seen += [] if seen[-1:] == [state] else [state]
            if old not in state[0] and len(state[0]) == 1:
                break
    [new] = served_keys(lab)
    both = sorted([old, new])
    assert seen == [([old], [old]), (both, [old]), (both, [new]), ([new], [new])]
    is_sound(lab)


# Servers


def test_a_name_server_comes_and_goes(lab: Lab) -> None:
    more, third = Lab(), 142  # ns3
    more.env["LAB_SECONDARIES"] = "2"
    zones = ["st.um", "dyn.st.um", f"{lab.net}.16.172.in-addr.arpa", f"192-26.{lab.net}.16.172.in-addr.arpa"]

    def names(server: str, zone: str) -> list[str]:
        output = lab.run("internet", "dig", f"@{server}", "+norecurse", "+noall", "+answer", "+authority", zone, "NS")
        return sorted(line.split()[4] for line in output.splitlines() if line.split()[3] == "NS")

    try:
        more.playbook("lab/create.yml")
        with resolved_throughout(lab, "www.st.um", secure=True):
            more.playbook("site.yml")
        wanted = ["ns1.st.um.", "ns2.st.um.", "ns3.st.um."]
        for zone in zones:
            contents = [content(lab, server, zone) for server in (*SERVERS, third)]
            assert contents[0] == contents[1] == contents[2]
            assert [names(lab.address(server), zone) for server in (*SERVERS, third)] == [wanted] * 3
        assert delv(lab, third, "www.st.um") == delv(lab, third, "dyn.st.um", "SOA") == "; fully validated"
        assert names(lab.address(12).replace(f".{lab.net}.", f".{lab.net + 1}."), "st.um") == wanted
        assert changed(more.playbook("site.yml")) == 0
        # It goes: first nobody is sent to it any more.
        with resolved_throughout(lab, "www.st.um", secure=True):
            lab.playbook("site.yml")
    finally:
        argv = ["docker", "rm", "--force", "--volumes", lab.container("secondary2")]
        subprocess.run(argv, check=True, capture_output=True)
    for zone in zones:
        assert [names(lab.address(server), zone) for server in SERVERS] == [wanted[:2]] * 2
    assert names(lab.address(12).replace(f".{lab.net}.", f".{lab.net + 1}."), "st.um") == wanted[:2]
    for host in ("primary", "secondary"):
        assert f".{third}" not in lab.run(host, "sh", "-c", "cat /etc/bind/named.conf*")
    assert changed(lab.playbook("site.yml")) == 0


def update(lab: Lab, name: str, value: str) -> None:
    script = f"printf 'server {lab.address(135)}\\nupdate add {name}.dyn.st.um. 60 A {value}\\nsend\\n'"
    lab.run("client", "sh", "-c", f"{script} | nsupdate -k /etc/bind/update.key")
    wait_until(lambda: lab.dig(f"@{lab.address(137)}", f"{name}.dyn.st.um") == [value])


def dynamic(lab: Lab, *names: str) -> list[list[str]]:
    return [lab.dig(f"@{lab.address(server)}", f"{name}.dyn.st.um") for server in SERVERS for name in names]


def test_a_primary_without_its_keys_is_back_when_the_parent_knows_the_new_ones(lab: Lab) -> None:
    update(lab, "kept", "192.0.2.11")
    assert outside(lab, "www.st.um") == "NOERROR AD"
    lab.rebuild("primary")
    output = lab.playbook("site.yml", "-l", "primary")
    assert "st.um.: the parent has other DS records, and nobody who validates can resolve the zone" in output
    assert outside(lab, "www.st.um") == "SERVFAIL"
    assert dynamic(lab, "kept") == [["192.0.2.11"]] * 2
    lab.playbook("site.yml")
    assert outside(lab, "www.st.um") == outside(lab, "kept.dyn.st.um") == "NOERROR AD"
    is_sound(lab, "st.um")
    is_sound(lab, "dyn.st.um")
    assert changed(lab.playbook("site.yml")) == 0


def add_entry(lab: Lab, name: str) -> None:
    """Add an entry to the directory."""
    entry = f"dn: cn={name},ou=st,o=um,c=es\\nobjectClass: inetOrgPerson\\nsn: {name}\\n"
    lab.run("primary", "sh", "-c", f"printf '{entry}' | ldapadd -Q -Y EXTERNAL -H ldapi:///")


def entries(lab: Lab) -> list[set[str]]:
    """Return all entries of the directory that both servers have; the order of attributes is not part of them."""
    dump = ("sh", "-c", "slapcat -o ldif_wrap=no -b o=um,c=es | grep -v ^contextCSN")
    return [
        {"\n".join(sorted(entry.splitlines())) for entry in lab.run(host, *dump).split("\n\n")}
        for host in ("primary", "secondary")
    ]


def is_copied(lab: Lab, name: str) -> bool:
    """Tell whether the secondary has an entry."""
    return any(f"dn: cn={name}," in entry for entry in entries(lab)[1])


def test_a_primary_with_a_backup_is_not_missed(lab: Lab) -> None:
    """What the secondary still has of the zones and the directory is newer than the backup, and counts."""
    add_entry(lab, "kept")
    lab.playbook("playbooks/backup.yml")
    update(lab, "later", "192.0.2.12")
    add_entry(lab, "later")
    wait_until(lambda: is_copied(lab, "later"))
    before = entries(lab)
    ds = lab.dig("@127.0.0.1", "st.um", "DS", host="internet")
    with resolved_throughout(lab, "www.st.um", secure=True), serials_only_rise(lab, "st.um"):
        lab.rebuild("primary")
        lab.playbook("playbooks/restore.yml", "-l", "primary")
    lab.forget()
    assert lab.dig("@127.0.0.1", "st.um", "DS", host="internet") == ds
    assert dynamic(lab, "kept", "later") == [["192.0.2.11"], ["192.0.2.12"]] * 2
    assert entries(lab) == before
    add_entry(lab, "afterwards")
    wait_until(lambda: is_copied(lab, "afterwards"), 60)
    is_sound(lab, "st.um")
    is_sound(lab, "dyn.st.um")
    assert changed(lab.playbook("site.yml")) == 0


def test_the_lab_is_as_before(lab: Lab) -> None:
    """Leave what the project's own settings say."""
    delete = "update delete kept.dyn.st.um.\\nupdate delete later.dyn.st.um.\\nsend\\n"
    script = f"printf 'server {lab.address(135)}\\n{delete}' | nsupdate -k /etc/bind/update.key"
    lab.run("client", "sh", "-c", script)
    for name in ("kept", "later", "afterwards"):
        lab.run("primary", "ldapdelete", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///", f"cn={name},ou=st,o=um,c=es")
    lab.run("primary", "sh", "-c", f"rm -f /var/lib/bind/K{ZONE}.*")
    lab.playbook("site.yml")
    assert changed(lab.playbook("site.yml")) == 0
    assert all(result["ok"] for result in lab.probes().values())
