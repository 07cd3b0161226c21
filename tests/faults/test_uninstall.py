"""What is taken off a host leaves it as it was before, and the other services go on."""

import json
from collections.abc import Iterator

import pytest

from lab import Lab, changed
from watching import watched

HOSTS = ("primary", "secondary", "client")
# Prints what there is of packages, users, groups, ports, units, mounts, settings of the kernel, rules of the firewall,
# and files. Not what time changes by itself: logs, caches, what runs, and the copies that programs make of lists.
SNAPSHOT = r"""
import hashlib, json, os, pathlib, re, stat, subprocess
def lines(*argv):
    return sorted(subprocess.run(argv, capture_output=True, text=True).stdout.splitlines())
found = {
    "packages": lines("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package} ${Version}\n"),
    "by hand": lines("apt-mark", "showmanual"),
    "users": lines("getent", "passwd"), "groups": lines("getent", "group"),
    "ports": sorted({" ".join(line.split()[:5]) for line in lines("ss", "-Hlntu") if "127.0.0.11:" not in line}),
    "units": [re.sub(" +", " ", line) for line in lines("systemctl", "list-unit-files", "--no-legend")],
    "failed": lines("systemctl", "list-units", "--failed", "--no-legend"),
    "mounts": [line.split()[1] for line in lines("cat", "/proc/mounts")],
    "kernel": [line for line in lines("sysctl", "-a") if re.match(KERNEL, line)],
    "firewall": lines("nft", "list", "ruleset") if os.path.exists("/usr/sbin/nft") else [],
}
files = {}
for top, folders, names in os.walk("/"):
    paths = {name: os.path.join(top, name) for name in folders}
    folders[:] = [name for name, path in paths.items() if not os.path.ismount(path) and path not in SKIPPED]
    for path in [os.path.join(top, name) for name in folders + names]:
        if re.search(PASSING, path) or os.path.ismount(path):
            continue
        state = os.lstat(path)
        text = os.readlink(path) if stat.S_ISLNK(state.st_mode) else ""
        if stat.S_ISREG(state.st_mode):
            text = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
        files[path] = [oct(state.st_mode), state.st_uid, state.st_gid, text]
found["files"] = [f"{path} {rest}" for path, rest in sorted(files.items())]
print(json.dumps(found))
"""
# Not the key that the kernel makes, at random, for the first one who listens with it.
KERNEL = r"net\.(ipv[46]|core)\.(?!tcp_fastopen_key)"
SKIPPED = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/log/journal", "/var/cache/apt", "/var/lib/apt", "/root"]  # noqa: S108 (only looked at)
PASSING = (
    r"/__pycache__(/|$)|^/var/log/|^/var/cache/(debconf|ldconfig|man)|^/etc/(passwd|group|shadow|gshadow)-$|-old$|^/etc/sub[ug]id-$|^/var/backups/|"
    r"^/var/lib/(systemd|dbus|logrotate|private|ucf/(hashfile|registry)\.\d)|^/etc/\.pwd\.lock$|^/var/lib/dpkg/(status|status-old|diversions-old|.*\.lock|lock)|"
    r"^/var/tmp/|^/etc/(hosts|hostname|mtab)$"
)


def snapshot(lab: Lab, host: str) -> dict[str, list[str]]:
    """Return what there is on a host."""
    head = f"SKIPPED, PASSING, KERNEL = {SKIPPED!r}, {PASSING!r}, {KERNEL!r}\n"
    return json.loads(lab.run(host, "python3", "-B", "-c", head + SNAPSHOT))


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return what came (+) and what went (-), by kind."""
    return {
        kind: [f"- {line}" for line in before[kind] if line not in set(after[kind])]
        + [f"+ {line}" for line in after[kind] if line not in set(before[kind])]
        for kind in before
        if {*before[kind]} != {*after[kind]}
    }


@pytest.fixture
def again(lab: Lab) -> Iterator[None]:
    """The lab from nothing: with other keys, which those who have looked before know nothing of."""
    yield
    lab.playbook("site.yml")
    lab.forget()
    for host in ("client", "internet"):
        assert [result for result in lab.probes(host).values() if not result["ok"]] == []
    assert changed(lab.playbook("site.yml")) == 0


@pytest.mark.usefixtures("again")
def test_everything_is_taken_off_and_each_host_is_as_it_was(lab: Lab) -> None:
    for host in HOSTS:
        lab.rebuild(host)
    before = {host: snapshot(lab, host) for host in HOSTS}
    lab.playbook("site.yml")
    lab.run("secondary", "mkdir", "/etc/ssh.undone")  # as after a lock-out
    lab.playbook("playbooks/uninstall.yml", settings={"confirm": "yes", "remove_data": "yes"})
    left = {host: differences(before[host], snapshot(lab, host)) for host in HOSTS}
    assert left == {host: {} for host in HOSTS}


# By which names somebody finds a service, what is its, and what people have left there.
SERVICES = {
    "web": ("www1.st.um", "CNAME", "apache2", "cat /var/www/www1.st.um/index.php"),
    "mail": ("st.um", "MX", "exim4", "ls /home/user1/Maildir/cur /home/user1/Maildir/new; ls /etc/exim4/dkim"),
    "ldap": (
        "_ldap._tcp.st.um",
        "SRV",
        "slapd",
        # Not how far the copies have come, which slapd writes down when it ends.
        "{ slapcat -b o=um,c=es 2>/dev/null | grep -v ^contextCSN; } || find /var/lib/ldap -name data.mdb -size +0",
    ),
}
# What a client does with the others all the while, as playbooks/restart.yml has it done
WATCHED = [
    "resolver: www.*",
    "resolver: ns1.*",
    "* ipv4 udp: SOA *",
    "*: StartTLS",
    "993: certificate*",
    "www.*: HEAD",
    "*: no question, a Maildir",
]


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """A service that is taken off, and comes back."""
    yield request.param
    lab.playbook("site.yml")
    assert all(result["ok"] for result in lab.probes("client", f"--service={request.param}").values())


def test_one_is_taken_off_while_the_others_go_on_and_comes_back_with_its_data(lab: Lab, service: str) -> None:
    name, kind, package, data = SERVICES[service]
    assert lab.dig(name, kind)
    others = sorted({"dns", "ldap", "mail", "web", "ssh"} - {service})
    before = lab.run("primary", "sh", "-c", data)
    with watched(lab, others, WATCHED) as seen:
        lab.playbook("playbooks/uninstall.yml", "--tags", service, settings={"confirm": True})
    assert {result["service"] for result in seen} == set(others)
    assert [result for result in seen if not result["ok"]] == []
    assert "installed" not in lab.run("primary", "dpkg-query", "-W", "-f", "${db:Status-Status}", package, check=False)
    settings = {"site_services": [other for other in others if other != "ssh"]}
    lab.playbook("site.yml", settings=settings)
    assert changed(lab.playbook("site.yml", settings=settings)) == 0
    assert lab.dig(name, kind) == []
    for host in ("client", "internet"):
        probes = lab.probes(host)
        assert service not in {result["service"] for result in probes.values()}
        assert [result for result in probes.values() if not result["ok"]] == []
    lab.playbook("site.yml")
    assert lab.dig(name, kind)
    assert lab.run("primary", "sh", "-c", data) == before


# On which host, and what says that it is gone
GONE = {
    "dns": ("secondary", "! systemctl is-active named && ! dig @127.0.0.1 +tries=1 st.um SOA"),
    "firewall": ("primary", "! nft list table inet server_for_dummies"),
    "ssh": ("primary", "! test -e /etc/ssh/sshd_config.d/00-server-for-dummies.conf && systemctl is-active ssh"),
}


@pytest.fixture(params=GONE)
def part(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """What is taken off one of its hosts, and comes back."""
    yield request.param
    lab.playbook("site.yml")
    lab.forget()
    assert [result for result in lab.probes("client").values() if not result["ok"]] == []


def test_it_is_taken_off_one_host_and_the_others_go_on(lab: Lab, part: str) -> None:
    host, gone = GONE[part]
    assert lab.run(host, "sh", "-c", f"{gone} || echo there").endswith("there\n")
    others = sorted({"dns", "ldap", "mail", "web", "ssh"} - {part})
    with watched(lab, others, WATCHED) as seen:
        lab.playbook("playbooks/uninstall.yml", "-l", host, "--tags", part, settings={"confirm": True})
    assert {result["service"] for result in seen} == set(others)
    assert [result for result in seen if not result["ok"]] == []
    lab.run(host, "sh", "-ec", gone)


# A slapd of somebody else's, as the package sets it up when it is asked to, with an entry.
OTHERS = """
export DEBIAN_FRONTEND=noninteractive
printf 'slapd slapd/%s\\n' 'domain string others.example' 'no_configuration boolean false' | debconf-set-selections
apt-get -qq update && apt-get -qq -y install ldap-utils slapd
printf 'dn: ou=theirs,dc=others,dc=example\\nobjectClass: organizationalUnit\\n' | slapadd -b dc=others,dc=example
chown -R openldap: /var/lib/ldap && systemctl restart slapd
"""
HAS = "slapcat -n 0; slapcat -b dc=others,dc=example; find /var/lib/ldap -printf '%p %m %u %g\n' | sort"


@pytest.fixture
def others(lab: Lab) -> Iterator[str]:
    """A secondary server with a directory that was there before."""
    lab.rebuild("secondary")
    lab.run("secondary", "sh", "-ec", OTHERS)
    yield lab.run("secondary", "sh", "-ec", HAS)
    lab.rebuild("secondary")
    lab.playbook("site.yml")
    lab.forget()
    assert [result for result in lab.probes("client").values() if not result["ok"]] == []


def test_a_directory_that_was_there_before_is_served_beside_ours_and_stays(lab: Lab, others: str) -> None:
    search = ["ldapsearch", "-LLL", "-x", "-H", "ldap://ns2.st.um", "ou=theirs", "1.1", "-b"]
    lab.playbook("site.yml", "-l", "secondary")
    assert changed(lab.playbook("site.yml", "-l", "secondary")) == 0
    assert "ou=theirs" in lab.run("client", *search, "dc=others,dc=example")
    assert [result for result in lab.probes("client", "--service=ldap").values() if not result["ok"]] == []
    lab.playbook(
        "playbooks/uninstall.yml", "-l", "secondary", "--tags", "ldap", settings={"confirm": True, "remove_data": True}
    )
    assert lab.run("secondary", "sh", "-ec", HAS) == others
    assert "ou=theirs" in lab.run("client", *search, "dc=others,dc=example")


def test_nothing_is_taken_off_unless_somebody_says_yes(lab: Lab) -> None:
    assert "Nothing was taken off" in lab.playbook("playbooks/uninstall.yml", "--tags", "web", fails=True)
    before = lab.checksums("primary")
    told = lab.playbook("playbooks/uninstall.yml", "--check")
    assert "purge apache2" in told
    assert "purge slapd" in told
    assert lab.checksums("primary") == before
