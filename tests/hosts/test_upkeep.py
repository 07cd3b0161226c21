"""A host upgrades itself in its turn, and postmaster is told what is wrong with it, once, and when it is gone."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab import Lab, changed, wait_until
from letters import password, program

pytestmark = pytest.mark.only_swapped  # where it matters, hosts of both releases are looked at

UPKEEP = ("playbooks/upkeep.yml",)
HOSTS = ("primary", "secondary", "client")
TIMER = "apt-daily-upgrade.timer"
UNIT = "server-for-dummies-upkeep"
FIGURES = "/var/lib/prometheus/node-exporter/site.prom"
RECORD = "/var/lib/server-for-dummies/upkeep.json"
SETTINGS = {
    "upkeep_check_calendar": "05:00 UTC",
    "upkeep_upgrade_calendar": "03:00 UTC",
    "upkeep_certificate_days": 89,
    "upkeep_serial_seconds": 2,
}
# Prints the letters that hosts have written to a user, and takes them away.
LETTERS = """
import email, email.policy, json
address, name, word = sys.argv[1:]
letters = []
with mail.mailbox(address, {"name": name, "password": word}) as box:
    for number in mail_base.good(box.uid("SEARCH", "HEADER", "Auto-Submitted", "auto-generated"))[0].decode().split():
        letter = email.message_from_bytes(mail.fetched(box, number), policy=email.policy.default)
        letters.append({"subject": letter["Subject"], "text": letter.get_content()})
        box.uid("STORE", number, "+FLAGS.SILENT", "(\\\\Deleted)")
    box.expunge()
print(json.dumps(letters))
"""


def letters(lab: Lab) -> list[dict[str, str]]:
    """Return the letters that have come to postmaster, and take them away."""
    return json.loads(program(lab, "client", LETTERS, lab.address(135), "user1", password(lab, "user1")))


def told(lab: Lab, host: str, subject: str) -> str:
    """Wait for a letter of a host, which is the only one; return its text."""
    seen: list[dict[str, str]] = []
    wait_until(lambda: seen.extend(letters(lab)) or seen)
    assert [each["subject"] for each in seen] == [f"{host}.st.um: {subject}"]
    return seen[0]["text"].replace("\r\n", "\n")


def look(lab: Lab, host: str) -> bool:
    """Let a host look at itself; return whether it could tell all that it has to."""
    return lab.run(host, "sh", "-c", f"systemctl start {UNIT} && echo well", check=False) == "well\n"


def figures(lab: Lab, host: str) -> dict[str, float]:
    """Return the figures of a host, without the serials and sizes, which come and go."""
    lines = lab.run(host, "cat", FIGURES).splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def shown(lab: Lab, host: str, unit: str, what: str) -> str:
    """Return a property of a unit."""
    return lab.run(host, "systemctl", "show", "--value", "--property", what, unit).strip()


@pytest.fixture(scope="module")
def wanted(lab: Lab) -> Iterator[None]:
    """The hosts as real ones, to which certificates of 89 days are too short."""
    try:
        for host in HOSTS:  # which the lab has masked, so that it stays as it is
            lab.run(host, "systemctl", "unmask", TIMER)
        lab.playbook(*UPKEEP, settings=SETTINGS)
        yield
    finally:
        lab.playbook(*UPKEEP)
        assert [shown(lab, host, TIMER, "DropInPaths") for host in HOSTS] == ["", "", ""]
        for host in HOSTS:  # what was told of the tests is forgotten
            lab.run(host, "sh", "-c", f"systemctl stop {TIMER}; systemctl mask {TIMER}; echo '{{}}' >{RECORD}")
        letters(lab)


def test_who_has_masked_the_upgrades_is_told_what_to_edit(lab: Lab) -> None:
    before = lab.checksums("client")
    told = lab.playbook(*UPKEEP, "-l", "client", settings=SETTINGS, fails=True)
    assert f"Somebody has masked {TIMER}: unmask it, or edit upkeep_upgrade_calendar to be empty" in told
    assert lab.checksums("client") == before


@pytest.mark.usefixtures("wanted")
def test_a_host_upgrades_itself_in_its_turn_and_not_before(lab: Lab) -> None:
    for host in HOSTS:
        for timer, when in ((TIMER, "03:00:00"), (f"{UNIT}.timer", "05:00:00")):
            calendars = re.findall(r"OnCalendar=(.*?) ;", shown(lab, host, timer, "TimersCalendar"))
            assert calendars == [f"*-*-* {when} UTC"]
        assert shown(lab, host, TIMER, "RandomizedDelayUSec") == "10min"
        assert shown(lab, host, TIMER, "Persistent") == "no"
        assert shown(lab, host, TIMER, "ActiveState") == "active"
        # Nothing was fetched when it was installed.
        assert shown(lab, host, "apt-daily-upgrade.service", "ExecMainStartTimestampMonotonic") == "0"
        assert shown(lab, host, "apt-daily-upgrade.service", "Environment") == "NEEDRESTART_MODE=a"
        assert "apt-daily.service" in shown(lab, host, "apt-daily-upgrade.service", "Wants").split()


@pytest.mark.usefixtures("wanted")
@pytest.mark.parametrize("host", ["primary", "secondary"])  # of both releases
def test_security_upgrades_alone_come_and_the_host_does_not_reboot(lab: Lab, host: str) -> None:
    settings = dict(re.findall(r'(\S+) "(.*)";', lab.run(host, "apt-config", "dump")))
    assert settings["APT::Periodic::Update-Package-Lists"] == settings["APT::Periodic::Unattended-Upgrade"] == "1"
    assert settings["Unattended-Upgrade::Automatic-Reboot"] == "false"
    name = lab.run(host, "sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME").strip()
    said = lab.run(host, "sh", "-c", "unattended-upgrade --dry-run --verbose 2>&1")
    origins = [f"origin=Debian,codename={each},label=Debian-Security" for each in (name, f"{name}-security")]
    assert f"Allowed origins are: {', '.join(origins)}\n" in said


@pytest.mark.usefixtures("wanted")
def test_what_is_wrong_is_told_once(lab: Lab) -> None:
    letters(lab)
    # Of 90 days, some minutes are over; those of the client are looked at in the same way.
    lab.run("client", "sed", "-i", 's/"days": 89/"days": 90/', "/etc/server-for-dummies/upkeep.json")
    try:
        assert look(lab, "client")
        text = told(lab, "client", ", ".join(f"certificate /etc/ssl/site/user-user{n}.pem" for n in (1, 2)) + " wrong")
        assert re.search(r"user1\.pem: ends at \S+ \S+ UTC, \S+ days from now; at least 90 days are wanted", text)
        assert figures(lab, "client")['site_check_failures{check="certificates"}'] == 2
        assert look(lab, "client")
    finally:
        lab.run("client", "sed", "-i", 's/"days": 90/"days": 89/', "/etc/server-for-dummies/upkeep.json")
    assert look(lab, "client")
    # No other letter has come between the two.
    told(lab, "client", ", ".join(f"certificate /etc/ssl/site/user-user{n}.pem" for n in (1, 2)) + " well again")
    seen = figures(lab, "client")
    assert seen['site_check_failures{check="certificates"}'] == 0
    assert seen['site_certificate_left_seconds{file="/etc/ssl/site/user-user1.pem"}'] > 80 * 86400


@pytest.mark.usefixtures("wanted")
def test_a_secondary_that_gets_no_transfers_says_so(lab: Lab) -> None:
    letters(lab)
    refuse = "sed -i.whole 's/allow-transfer {[^}]*}/allow-transfer { none; }/' /etc/bind/named.conf.options"
    update = "printf 'update add upkeep.dyn.st.um 60 A 192.0.2.1\\nsend\\n' | nsupdate -k /etc/bind/update.key"
    try:
        lab.run("primary", "sh", "-c", f"{refuse} && rndc reconfig")
        lab.run("client", "sh", "-c", update)
        assert look(lab, "secondary")
        serials = [lab.serial(number, "dyn.st.um") for number in (137, 135)]
        text = told(lab, "secondary", "serial dyn.st.um wrong")
        assert f"serial {serials[0]} here, serial {serials[1]} at {lab.address(135)}, the primary server" in text
        assert figures(lab, "secondary")['site_zone_behind{zone="dyn.st.um"}'] == serials[1] - serials[0] > 0
    finally:
        lab.run(
            "primary", "sh", "-c", "cd /etc/bind && mv named.conf.options.whole named.conf.options && rndc reconfig"
        )
        lab.run("client", "sh", "-c", update.replace("add", "delete"))
        lab.run("secondary", "rndc", "retransfer", "dyn.st.um")
    wait_until(lambda: lab.serial(135, "dyn.st.um") == lab.serial(137, "dyn.st.um"))
    assert look(lab, "secondary")
    told(lab, "secondary", "serial dyn.st.um well again")
    assert figures(lab, "secondary")['site_zone_behind{zone="dyn.st.um"}'] == 0


@pytest.mark.usefixtures("wanted")
def test_a_letter_that_could_not_be_sent_comes_later(lab: Lab) -> None:
    host = "secondary"
    letters(lab)
    script = "systemd-run --quiet --unit=broken false; while ! systemctl is-failed -q broken; do sleep 0.1; done"
    lab.run(host, "timeout", "20", "sh", "-c", script)
    try:
        lab.run("primary", "systemctl", "stop", "exim4")
        assert not look(lab, host)
        assert shown(lab, host, UNIT, "ActiveState") == "failed"
        assert figures(lab, host)['site_unit_failed{unit="broken.service"}'] == 1
        lab.run("primary", "systemctl", "start", "exim4")
        wait_until(lambda: lab.run("primary", "ss", "-Hltn", "sport = :25"))
        assert look(lab, host)
        text = told(lab, host, "unit broken.service wrong")
        assert re.search(r"- unit broken\.service: has failed; none is to\n  seen since .* UTC", text)
    finally:
        lab.run("primary", "systemctl", "start", "exim4")
        lab.run(host, "systemctl", "reset-failed", "broken")
    assert look(lab, host)
    told(lab, host, "unit broken.service well again")


def restarted(lab: Lab, host: str, environment: str) -> bool:
    """Install a library of named's again, in some environment; return whether named was restarted."""
    library = lab.run(host, "sh", "-c", "dpkg -S $(readlink -f /usr/lib/*/libuv.so.1) | cut -d: -f1").strip()
    before = shown(lab, host, "named", "MainPID")
    script = f"apt-get update -q && {environment} apt-get install -y -q --reinstall {library}"
    lab.run(host, "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", script)
    return shown(lab, host, "named", "MainPID") != before


@pytest.mark.slow
@pytest.mark.usefixtures("wanted")
@pytest.mark.parametrize("host", ["primary", "secondary"])
def test_what_runs_on_old_libraries_is_restarted_after_an_upgrade_and_by_nobody_else(lab: Lab, host: str) -> None:
    assert not restarted(lab, host, "")
    assert restarted(lab, host, shown(lab, host, "apt-daily-upgrade.service", "Environment"))
    assert lab.dig(f"@{lab.address(135 if host == 'primary' else 137)}", "www.st.um")


FILES = (
    "ls -d /etc/apt/apt.conf.d/52* /etc/systemd/system/*upkeep* /usr/local/lib/server-for-dummies/upkeep "
    f"{RECORD} /var/lib/prometheus"
)


def there(lab: Lab, host: str) -> list[str]:
    return lab.run(host, "sh", "-c", f"{FILES} 2>/dev/null", check=False).split()


@pytest.mark.slow
@pytest.mark.parametrize("host", ["client", "secondary"])  # of both releases
def test_it_is_switched_off_and_taken_off(lab: Lab, host: str) -> None:
    only = ("-l", host)
    assert len(there(lab, host)) == 6
    try:
        off: dict[str, Any] = {"upkeep_enabled": False}
        lab.playbook(*UPKEEP, *only, settings=off)
        assert there(lab, host) == []
        assert shown(lab, host, f"{UNIT}.timer", "ActiveState") == "inactive"
        assert "Unattended-Upgrade " not in lab.run(host, "apt-config", "dump", "APT::Periodic")
        assert changed(lab.playbook(*UPKEEP, *only, settings=off)) == 0
        lab.playbook(*UPKEEP, *only)
        lab.playbook("playbooks/uninstall.yml", *only, "--tags", "upkeep", settings={"confirm": True})
        assert there(lab, host) == []
        packages = lab.run(host, "dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n").splitlines()
        assert not {"needrestart installed", "unattended-upgrades installed"} & set(packages)
        assert "unattended" not in lab.run(host, "cat", "/var/lib/ucf/registry")
    finally:
        lab.playbook("site.yml", *only, "--tags", "upkeep")
    assert len(there(lab, host)) == 6
    assert changed(lab.playbook("site.yml", *only, "--tags", "upkeep")) == 0
