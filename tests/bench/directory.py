#!/usr/bin/env python3
"""The directory on the running lab beside the untouched package: searches per second, and how long it takes to load."""

import json
import statistics
import subprocess
import sys
import time
from typing import Any

from figures import keep
from lab import TOP, Lab
from peers import PEER, compared

ROUNDS = int(sys.argv[1]) if sys.argv[1:] else 16
SHARE = 0.9  # of what the untouched package does
ENTRIES, SEARCHES = 5000, 8000
LOADED, LOAD_LIMIT, REPEAT_LIMIT = 100_000, 3, 2  # entries; times slapadd -q; times a run without them
LAB = Lab()
# Where each is, its number in the network, and below what its entries are
HOSTS = {"ours": ("primary", 135, "ou=bench,o=um,c=es"), "package": ("package", 138, "ou=bench,dc=st,dc=um")}
INSTALL = """set -e
export DEBIAN_FRONTEND=noninteractive
echo 'slapd slapd/domain string st.um' | debconf-set-selections
apt-get -qq update
apt-get -qq install slapd ldap-utils >/dev/null 2>&1
"""
# Even root may not write to the package's directory, so that it is filled while it is down; ours has a copy elsewhere,
# which would not learn of that, and is filled as everybody does it.
LDIF = """
import sys
base, count = sys.argv[1], int(sys.argv[2])
print(f"dn: {base}\\nobjectClass: organizationalUnit\\n")
for number in range(count):
    print(f"dn: uid=bench{number},{base}", "objectClass: inetOrgPerson", f"uid: bench{number}", f"cn: User {number}",
          f"sn: {number}", f"mail: bench{number}@st.um", f"telephoneNumber: +34 968 {number:06}", "", sep="\\n")
"""
FILL = {
    "ours": "ldapadd -Q -Y EXTERNAL -H ldapi:/// >/dev/null",
    "package": "systemctl stop slapd; slapadd -q -b dc=st,dc=um; "
    "chown -R openldap: /var/lib/ldap; systemctl start slapd",
}
# Several clients at a time, each in one session, which look people up by an attribute with an index.
SEARCH = """
import json, sys, threading, time
import ldap
address, base, count, entries = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
failed = []
threading.excepthook = lambda failure: failed.append(repr(failure.exc_value))
def search(first):
    server = ldap.initialize(f"ldap://{address}")
    for number in range(first, count, 4):
        found = server.search_s(base, ldap.SCOPE_SUBTREE, f"(uid=bench{number * 7919 % entries})", ["mail", "cn"])
        assert len(found) == 1 and found[0][1]["mail"], found
threads = [threading.Thread(target=search, args=(first,)) for first in range(4)]
started = time.monotonic()
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(time.monotonic() - started)
sys.exit(str(failed) if failed else 0)
"""
# What the control group of the service accounts for, in microseconds
WORK = """
group=$(systemctl show -p ControlGroup --value slapd)
cat /sys/fs/cgroup$group/cpu.stat /sys/fs/cgroup/unified$group/cpu.stat 2>/dev/null |
    awk '$1 == "usage_usec" {print $2}'
"""


def search(who: str) -> tuple[float, float]:
    """Let the clients search; return how many searches they do in a second, and the server's CPU seconds for one."""
    host, number, base = HOSTS[who]
    before = int(LAB.run(host, "sh", "-c", WORK))
    arguments = (LAB.address(number), base, str(SEARCHES), str(ENTRIES))
    seconds = float(LAB.run("client", "python3", "-c", SEARCH, *arguments))
    return SEARCHES / seconds, (int(LAB.run(host, "sh", "-c", WORK)) - before) / 1e6 / SEARCHES


def run_of(*arguments: str) -> float:
    """Run the directory's playbook on the primary; return the seconds that it took."""
    started = time.monotonic()
    LAB.playbook("playbooks/directory.yml", "-l", "primary", *arguments)
    return time.monotonic() - started


# What is there before many entries are loaded, and the same as it was before; to delete them would take much longer.
KEEP = """set -e
systemctl stop slapd
cp -a /var/lib/ldap /var/lib/ldap-kept
systemctl start slapd
"""
BACK = """set -e
test -e /var/lib/ldap-kept || exit 0
systemctl stop slapd
rm -rf /var/lib/ldap /var/lib/server-for-dummies/ldif /var/lib/server-for-dummies/directory-files
mv /var/lib/ldap-kept /var/lib/ldap
systemctl start slapd
"""
# With the package's own indexes, then with ours, which take longer to write. Prints how long each takes.
PACKAGE_LOAD = """set -e
TIMEFORMAT=%R
systemctl stop slapd
slapcat -b dc=st,dc=um >/root/first.ldif
time slapadd -q -b dc=st,dc=um -l /root/load.ldif
rm /var/lib/ldap/*
slapmodify -n 0 <<EOF
dn: olcDatabase={1}mdb,cn=config
changetype: modify
replace: olcDbIndex
$0
EOF
slapadd -q -b dc=st,dc=um -l /root/first.ldif
time slapadd -q -b dc=st,dc=um -l /root/load.ldif
"""
INDEXES = "ldapsearch -Q -LLL -Y EXTERNAL -H ldapi:/// -b cn=config '(olcSuffix=o=um,c=es)' olcDbIndex | sed /^dn:/d"


def load() -> dict[str, Any]:
    """Load many entries by the package's own tool and by a run; return how long these take, and a run afterwards."""
    files = {}
    for who, (_, _, base) in HOSTS.items():
        files[who] = TOP / "build" / f"bench-{who}.ldif"
        argv = [sys.executable, "-c", LDIF, base.replace("ou=bench", "ou=load"), str(LOADED)]
        files[who].write_bytes(subprocess.run(argv, check=True, capture_output=True).stdout)
    subprocess.run(["docker", "cp", files["package"], f"{LAB.container('package')}:/root/load.ldif"], check=True)
    indexes = LAB.run("primary", "sh", "-c", INDEXES).strip()
    argv = ["docker", "exec", LAB.container("package"), "bash", "-c", PACKAGE_LOAD, indexes]
    told = subprocess.run(argv, check=True, capture_output=True, text=True).stderr
    plain, theirs = (float(line) for line in told.splitlines() if line.replace(".", "").isdigit())
    LAB.run("secondary", "systemctl", "stop", "slapd")  # it would copy everything meanwhile
    try:
        LAB.run("primary", "sh", "-c", KEEP)
        without = statistics.median(run_of() for _ in range(3))
        settings = json.dumps({"slapd_ldif_files": [str(files["ours"])]})
        ours = run_of("-e", settings)
        again = statistics.median(run_of("-e", settings) for _ in range(3))
        found = LAB.run("client", "ldapsearch", "-x", "-LLL", "-b", "o=um,c=es", f"(uid=bench{LOADED - 1})", "cn")
        if f"User {LOADED - 1}" not in found:
            sys.exit("The last entry that was loaded is not found")
    finally:
        LAB.run("primary", "sh", "-c", BACK)
        LAB.run("secondary", "systemctl", "start", "slapd")
    return {
        "entries": LOADED,
        "seconds": {
            "slapadd -q, with the package's few indexes": round(plain, 1),
            "slapadd -q": round(theirs, 1),
            "a run that loads them": round(ours, 1),
        },
        "seconds of a run without changes": {"before": round(without, 1), "with them": round(again, 1)},
        "run / slapadd -q": round(ours / theirs, 2),
        "with / without": round(again / without, 2),
    }


def figures_of(seen: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """Return the medians of all rounds, and the ratios of pairs."""
    rates = {who: [rate for rate, _ in found] for who, found in seen.items()}
    costs = {who: [cost for _, cost in found] for who, found in seen.items()}
    return {
        "searches per second": {who: round(statistics.median(values), 1) for who, values in rates.items()}
        | {"ours / package": compared(list(zip(rates["ours"], rates["package"], strict=True)))},
        "CPU milliseconds for one": {who: round(1000 * statistics.median(each), 3) for who, each in costs.items()}
        | {"package / ours": compared(list(zip(costs["package"], costs["ours"], strict=True)))},
    }


def main() -> None:
    """Measure, write build/bench.json, and fail where ours does less than its share."""
    release = LAB.release("primary")
    figures: dict[str, Any] = {"what": "medians of so many rounds", "rounds": ROUNDS, "entries": ENTRIES}
    figures |= {"release": release, "searches": SEARCHES}
    seen: dict[str, list[tuple[float, float]]] = {who: [] for who in HOSTS}
    empty = f"ldapdelete -Q -Y EXTERNAL -H ldapi:/// -r {HOSTS['ours'][2]} >/dev/null 2>&1 || true"
    try:
        LAB.playbook("lab/create.yml", *PEER)
        LAB.run("package", "sh", "-c", INSTALL)
        LAB.run("primary", "sh", "-c", empty)
        figures["seconds to fill it"] = {}
        for who, (host, _, base) in HOSTS.items():
            started = time.monotonic()
            LAB.run(host, "sh", "-c", f'python3 -c "$0" "$1" "$2" | {{ {FILL[who]}; }}', LDIF, base, str(ENTRIES))
            figures["seconds to fill it"][who] = round(time.monotonic() - started, 1)
        for turn in range(ROUNDS + 1):  # the first is not counted: nothing is where it will be afterwards
            for who in sorted(HOSTS, reverse=bool(turn % 2)):
                found = search(who)
                if turn:
                    seen[who].append(found)
        figures |= figures_of(seen)
        LAB.run("primary", "sh", "-c", empty)
        figures["loading"] = load()
    finally:
        LAB.run("primary", "sh", "-c", empty)
        container = LAB.container("package")
        subprocess.run(["docker", "rm", "--force", "--volumes", container], check=False, capture_output=True)
    keep("directory", figures)
    if (ratio := figures["searches per second"]["ours / package"]["ratio"]) < SHARE:
        sys.exit(f"Searches: {ratio} of the package's, less than {SHARE:g}")
    for what, limit in (("run / slapadd -q", LOAD_LIMIT), ("with / without", REPEAT_LIMIT)):
        if figures["loading"][what] > limit:
            sys.exit(f"Loading, {what}: {figures['loading'][what]}, more than {limit}")


if __name__ == "__main__":
    main()
