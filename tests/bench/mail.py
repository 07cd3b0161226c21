#!/usr/bin/env python3
"""The mail server on the running lab beside the untouched packages: letters, logins, fetches per second; their work."""

import json
import secrets
import statistics
import subprocess
import sys
from typing import Any

from figures import keep
from lab import TOP, Lab
from peers import PEER, compared, unguarded

ROUNDS = int(sys.argv[1]) if sys.argv[1:] else 8
SHARE = 0.9  # of what the untouched packages do
COUNTS = {"letters": 24, "logins": 40, "fetches": 4000}  # in each round
USERS = [f"bench{number}" for number in range(1, 5)]
DOMAIN = "st.um"
HOSTS = {"ours": ("primary", 135), "package": ("package", 138)}
CLIENT = (TOP / "tests" / "bench" / "mail_client.py").read_text()
LAB = Lab()
PASSWORD = secrets.token_urlsafe(12)
# What is the same on both
ADD_USERS = "\n".join(
    ["set -e"]
    + [f"useradd --create-home --shell /usr/sbin/nologin {user}; echo '{user}:{PASSWORD}' | chpasswd" for user in USERS]
)
REMOVE_USERS = "\n".join(f"userdel --remove {user} 2>/dev/null" for user in USERS) + "\ntrue"
# What somebody answers to the package who wants a server on the Internet, with mailboxes where ours are.
ANSWERS = f"""\
exim4-config exim4/dc_eximconfig_configtype select internet site; mail is sent and received directly using SMTP
exim4-config exim4/dc_other_hostnames string {DOMAIN}
exim4-config exim4/dc_local_interfaces string
exim4-config exim4/dc_localdelivery select Maildir format in home directory
exim4-config exim4/mailname string {DOMAIN}
"""
MAILBOXES = {
    "12": "mail_location = maildir:~/Maildir\ndisable_plaintext_auth = no\n",
    "13": "mail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = ~/Maildir\nauth_allow_cleartext = yes\n",
}
INSTALL = """set -e
export DEBIAN_FRONTEND=noninteractive
echo "$0" | debconf-set-selections
apt-get -qq update
apt-get -qq install exim4-daemon-heavy dovecot-imapd ssl-cert >/dev/null 2>&1
install -m 644 /etc/ssl/certs/ssl-cert-snakeoil.pem /etc/exim4/exim.crt
install -m 640 -g Debian-exim /etc/ssl/private/ssl-cert-snakeoil.key /etc/exim4/exim.key
echo MAIN_TLS_ENABLE = yes >/etc/exim4/exim4.conf.localmacros
printf '%s' "$1" >/etc/dovecot/local.conf
printf 'nameserver %s\n' "$2" >/etc/resolv.conf
update-exim4.conf
systemctl restart exim4 dovecot
"""
# Without what the packages have no counterpart of, as far as there are settings for it
CHECKS_OFF = {
    "exim4_authentication": "no",
    "exim4_sender_check": False,
    "exim4_rate_limit": 0,
    "exim4_quota_socket": "",
    "dovecot_quota_socket": "/run/dovecot/quota-status",  # which follows from it otherwise
}
CLEARTEXT = {"12": {"ssl": "yes", "disable_plaintext_auth": "no"}, "13": {"ssl": "yes", "auth_allow_cleartext": "yes"}}
# What was asked, and whether over TLS; ours takes no password without it, unless it is told to.
TLS = [("letters", True), ("logins", True), ("fetches", True)]
PLAIN = [("letters", False), ("logins", False), ("fetches", False)]
# When all letters are in the mailboxes
ARRIVED = """
import os, sys, time
folders, count, limit = sys.argv[2:], int(sys.argv[1]), time.monotonic() + 60
while (found := sum(len(os.listdir(folder)) for folder in folders if os.path.exists(folder))) < count:
    if time.monotonic() > limit: sys.exit(f"{found} letters instead of {count}")
    time.sleep(0.02)
print(time.time())
"""
# What the control groups of both services account for, in microseconds
WORK = """
for unit in exim4 dovecot; do
    group=$(systemctl show -p ControlGroup --value $unit)
    cat /sys/fs/cgroup$group/cpu.stat /sys/fs/cgroup/unified$group/cpu.stat 2>/dev/null
done | awk '$1 == "usage_usec" {sum += $2} END {print sum}'
"""
EMPTY = "find /home/bench* -path '*/Maildir/new/*' -delete -o -path '*/Maildir/cur/*' -delete"


def python(host: str, program: str, *arguments: str) -> Any:
    """Run a program on a host; return what it printed, read as JSON."""
    argv = ["docker", "exec", "-i", LAB.container(host), "python3", "-", *arguments]
    done = subprocess.run(argv, input=program, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{host}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def work_of(host: str) -> float:
    """Return the CPU seconds that the services of a host have used."""
    return int(LAB.run(host, "sh", "-c", WORK)) / 1e6


def measure(who: str, work: str, tls: bool) -> tuple[float, float]:
    """Let the clients work; return what they got done in a second, and the servers' CPU seconds for one."""
    host, number = HOSTS[who]
    count = COUNTS[work]
    given = {"work": work, "tls": tls, "count": count, "users": USERS, "password": PASSWORD, "domain": DOMAIN}
    if work == "letters":
        LAB.run(host, "sh", "-c", EMPTY)
    before = work_of(host)
    told = python("internet", CLIENT, json.dumps(given | {"address": LAB.address(number)}))
    seconds = told["seconds"]
    if work == "letters":
        folders = [f"/home/{user}/Maildir/new" for user in USERS]
        seconds = python(host, ARRIVED, str(count), *folders) - told["started"]
    return count / seconds, (work_of(host) - before) / count


def rounds(works: list[tuple[str, bool]]) -> dict[str, Any]:
    """Ask both in turns, so that what else the machine does falls on both, and each is first as often."""
    seen: dict[tuple[str, bool], dict[str, list[tuple[float, float]]]] = {
        work: {who: [] for who in HOSTS} for work in works
    }
    for turn in range(ROUNDS + 1):  # the first is not counted: nothing is where it will be afterwards
        for work in works:
            for who in sorted(HOSTS, reverse=bool(turn % 2)):
                found = measure(who, *work)
                if turn:
                    seen[work][who].append(found)
    figures = {}
    for (work, tls), each in seen.items():
        rates = {who: [rate for rate, _ in found] for who, found in each.items()}
        costs = {who: [cost for _, cost in found] for who, found in each.items()}
        figures[f"{work}, {'TLS' if tls else 'plain'}"] = {
            "per second": {who: round(statistics.median(values), 1) for who, values in rates.items()}
            | {"ours / package": compared(list(zip(rates["ours"], rates["package"], strict=True)))},
            "CPU milliseconds for one": {
                who: round(1000 * statistics.median(values), 2) for who, values in costs.items()
            }
            | {"package / ours": compared(list(zip(costs["package"], costs["ours"], strict=True)))},
        }
    return figures


def main() -> None:
    """Measure all, write build/bench.json, and fail where ours does less than its share."""
    release = LAB.release("primary")
    figures: dict[str, Any] = {"what": "medians of so many rounds", "rounds": ROUNDS, "counts": COUNTS}
    try:
        LAB.playbook("lab/create.yml", *PEER)
        LAB.run("package", "sh", "-c", INSTALL, ANSWERS, MAILBOXES[release], LAB.address(135))
        for host, _ in HOSTS.values():
            LAB.run(host, "sh", "-c", f"({REMOVE_USERS}); {ADD_USERS}")
        with unguarded(LAB):
            figures["checks on"] = rounds([*TLS, PLAIN[0]])
            settings = CHECKS_OFF | {"dovecot_options": CLEARTEXT[release]}
            LAB.playbook("playbooks/mail.yml", "--limit", "primary", settings=settings)
            figures["checks off"] = rounds([*TLS, *PLAIN])
    finally:
        LAB.run("primary", "sh", "-c", REMOVE_USERS)
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", LAB.container("package")], check=False, capture_output=True
        )
        LAB.playbook("playbooks/mail.yml", "--limit", "primary")
    keep("mail", figures)
    ratios = {name: figure["per second"]["ours / package"]["ratio"] for name, figure in figures["checks off"].items()}
    if missed := [f"{name}: {ratio} of the package's" for name, ratio in ratios.items() if ratio < SHARE]:
        sys.exit(f"Less than {SHARE:g}: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
