"""A run that is killed at any moment is made good by the next one, and meanwhile everybody is served."""

import os
import random
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Any

import pytest
import test_dnssec
from test_restart import CHANGED

from lab import Lab, changed
from watching import watched

HOSTS = ("primary", "secondary", "client")
SEEDS = range(20)
# What clients do all the while
WATCHED = ["resolver: www.*", "*: StartTLS", "993: certificate*", "ipv4 25: greeting*", "www.*: HEAD"]
RESTART = 5000  # milliseconds that a restart takes at most, as in test_restart.py
# Where the project writes. Of everything the attributes count, and of files the content, but of those that differ from
# one run to the next: keys and certificates that are made anew, the zones, which are compared as they are served, and
# what says which of these there are.
FOLDERS = "/etc /usr/local /var/www /var/lib/server-for-dummies /var/lib/service_config /var/lib/bind"
ATTRIBUTES = f"find {FOLDERS} -xdev -printf '%p %y %m %u %g %l\\n' | LC_ALL=C sort"
CONTENTS = f"find {FOLDERS} -xdev -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"
PASSING = re.compile(
    r"\.(jn[lw]|jbk|signed|db|mdb|lock)\b|/tmp-|~$|/etc/(passwd|shadow|group|gshadow|subuid|subgid)-|/__pycache__|"
    r"/etc/ssl/certs/|/etc/ld\.so\.cache|/var/lib/bind/managed-keys"
)
ANEW = re.compile(r"/etc/ssl/|/var/lib/bind/|/etc/ssh/|\.(crl|pem)$|/var/lib/server-for-dummies/|/etc/ldap/slapd\.d/")


@dataclass
class Undisturbed:
    """What a run leaves that nobody kills, and how many seconds it takes."""

    settings: dict[str, Any]
    state: dict[str, list[str]]
    seconds: float


def state(lab: Lab) -> dict[str, list[str]]:
    """Return what the hosts have of ours, and what is served, without what differs from one run to the next."""
    found = {}
    for host in HOSTS:
        attributes = [line for line in lab.run(host, "sh", "-c", ATTRIBUTES).splitlines() if not PASSING.search(line)]
        contents = lab.run(host, "sh", "-c", CONTENTS).splitlines()
        contents = [line for line in contents if not PASSING.search(line) and not ANEW.search(line)]
        found[host] = attributes + contents
    records = re.compile(r" (SOA|RRSIG|NSEC|NSEC3|TLSA|SSHFP) ")
    for server in test_dnssec.SERVERS:
        found[f"zone at {server}"] = [
            line for line in test_dnssec.content(lab, server, "st.um") if not records.search(line)
        ]
    config = lab.run("primary", "sh", "-c", "slapcat -o ldif_wrap=no -n 0")
    found["directory"] = [line for line in config.splitlines() if not re.match("entryCSN|modifyTimestamp", line)]
    return found


def differences(wanted: dict[str, list[str]], there: dict[str, list[str]]) -> list[str]:
    """Return what is missing (-) and what should not be there (+)."""
    return [
        f"{where}: {sign} {line}"
        for where in wanted
        for sign, one, other in (("-", wanted, there), ("+", there, wanted))
        for line in sorted({*one[where]} - {*other[where]})
    ]


def run(lab: Lab, settings: dict[str, Any]) -> Undisturbed:
    """Run all, undisturbed."""
    began = time.monotonic()
    lab.playbook("site.yml", settings=settings)
    seconds = time.monotonic() - began
    return Undisturbed(settings, state(lab), seconds)


@pytest.fixture(scope="module")
def undisturbed(lab: Lab) -> list[Undisturbed]:
    """Runs there and back, each from what the other one leaves; twice, since what they leave has to be the same."""
    lab.playbook("site.yml")
    runs = [run(lab, settings) for settings in (CHANGED, {}, CHANGED, {})]
    for first, second in ((runs[0], runs[2]), (runs[1], runs[3])):
        assert differences(first.state, second.state) == []
    return runs[2:]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_is_killed_is_made_good_by_the_next(lab: Lab, undisturbed: list[Undisturbed], seed: int) -> None:
    wanted = undisturbed[seed % 2]
    moment = random.Random(seed).uniform(0, wanted.seconds)  # noqa: S311 (no secret)
    with watched(lab, ["dns", "ldap", "mail", "web"], WATCHED) as seen:
        process = lab.popen("site.yml", settings=wanted.settings)
        try:
            output, _ = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
        print(f"killed after {moment:.1f} of {wanted.seconds:.0f} s, after {output.count('TASK [')} tasks")
        output = lab.playbook("site.yml", settings=wanted.settings)
    assert differences(wanted.state, state(lab)) == []
    assert [(result["probe"], result["ms"], result["detail"]) for result in seen if result["ms"] > RESTART] == []
    assert changed(lab.playbook("site.yml", settings=wanted.settings)) == 0
