"""The firewall: what is open, to whom and how often; what is refused; and that nothing else is touched."""

import contextlib
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lab import TOP, Lab, changed, wait_until

RUN = "playbooks/firewall.yml"
PRIMARY = ("-l", "primary")
HOSTS = {"primary": 135, "client": 136, "secondary": 137}
TABLE = "inet server_for_dummies"
UNIT = "server-for-dummies-firewall"
UNDO = f"{UNIT}-undo"
FILE = "/etc/server-for-dummies/firewall.nft"
DOOR, FOR_ONE, BY_RULE, DATAGRAMS, HTTPS, LDAP = 8079, 8080, 8081, 8082, 443, 389
LIMIT = 20
# Connects to ports, some at a time; prints how each of them answered.
REACH = r"""
import concurrent.futures, json, socket, sys
def reach(address, port, source, kind):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as connection:
        connection.settimeout(float(sys.argv[2]))
        if source:
            connection.bind((source, 0))
        try:
            connection.connect((address, port))
            if kind == socket.SOCK_DGRAM:
                connection.send(b"x")
                connection.recv(1)
            return "open"
        except TimeoutError:
            return "silent"
        except ConnectionRefusedError:
            return "refused"
kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
def one(to):
    return reach(to["to"], to["port"], to.get("source"), kinds[to.get("kind", "tcp")])
with concurrent.futures.ThreadPoolExecutor(int(sys.argv[3])) as pool:
    print(json.dumps([*pool.map(one, json.loads(sys.argv[1]))]))
"""
# Listens at ports of all addresses, for everybody, and answers datagrams.
LISTEN = r"""
import selectors, socket, sys
watch = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    server = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    datagrams.bind(("", port))
    watch.register(server, selectors.EVENT_READ, lambda server=server: server.accept())
    watch.register(datagrams, selectors.EVENT_READ, lambda at=datagrams: at.sendto(b"x", at.recvfrom(1)[1]))
while True:
    for key, _ in watch.select():
        key.data()
"""
# Keeps a connection, and says how it is answered to each line.
KEEP = r"""
import socket, sys
with socket.create_connection((sys.argv[1], 25), 5) as connection, connection.makefile("rb") as stream:
    print(stream.readline().decode(), end="", flush=True)
    for line in sys.stdin:
        connection.sendall(b"NOOP\r\n")
        print(stream.readline().decode(), end="", flush=True)
"""


def six(lab: Lab, number: int, net: int = 0) -> str:
    """Return the IPv6 address of a host."""
    return f"fd53:4644:0:{lab.net + net}::{number}"


def addresses(lab: Lab, host: str) -> list[str]:
    """Return the addresses of a host."""
    return [lab.address(HOSTS[host]), six(lab, HOSTS[host])]


def reach(lab: Lab, where: str, *to: dict[str, Any], seconds: float = 0.5, at_once: int = 1) -> list[str]:
    """Return how ports answer to a host."""
    return json.loads(lab.run(where, "python3", "-c", REACH, json.dumps(to), str(seconds), str(at_once)))


def demand(lab: Lab, where: str, host: str, wanted: dict[int, str], kind: str = "tcp") -> None:
    """Demand that ports of a host, at each of its addresses, answer to another host as they ought to."""
    for answer, seconds in (("open", 3.0), ("silent", 0.5)):
        ports = [port for port, each in wanted.items() if each == answer]
        asked = [{"to": to, "port": port, "kind": kind} for port in ports for to in addresses(lab, host)]
        seen = dict(zip(map(str, asked), reach(lab, where, *asked, seconds=seconds, at_once=8), strict=True))
        assert seen == dict.fromkeys(map(str, asked), answer), where


def listening(lab: Lab, host: str) -> dict[str, set[int]]:
    """Return the ports at which the network could ask a host's programs."""
    ports: dict[str, set[int]] = {"tcp": set(), "udp": set()}
    for line in lab.run(host, "ss", "-Hlntu").splitlines():
        kind, _, _, _, local, *_ = line.split()
        address, _, port = local.rpartition(":")
        if not re.match(r"127\.|\[::1\]", address) and int(port) not in (DOOR, FOR_ONE, BY_RULE, DATAGRAMS):
            ports[kind].add(int(port))
    return ports


def opened(lab: Lab, host: str) -> dict[str, set[int]]:
    """Return the ports that a host's table has open."""
    ports: dict[str, set[int]] = {"tcp": set(), "udp": set()}
    text = lab.run(host, "nft", "-n", "list", "chain", *TABLE.split(), "input")
    for kind, several, one in re.findall(
        r"^\s*(tcp|udp) dport (?:\{ ([0-9, ]+) \}|([0-9]+)) (?:accept|jump)", text, re.MULTILINE
    ):
        ports[kind] |= set(map(int, (several or one).split(", ")))
    return ports


def table(lab: Lab, host: str = "primary") -> str:
    """Return a host's table, without what it has counted and whom it has seen."""
    return re.sub(r"packets \d+ bytes \d+", "", lab.run(host, "nft", "-st", "list", "table", *TABLE.split()))


@contextlib.contextmanager
def listener(lab: Lab, host: str, *ports: int) -> Iterator[None]:
    """Let somebody listen at some ports of a host, as a program that nobody has thought of."""
    lab.run(host, "systemd-run", "--quiet", "--unit=somebody", "python3", "-c", LISTEN, *map(str, ports))
    try:
        own = [{"to": "127.0.0.1", "port": port} for port in ports]
        wait_until(lambda: set(reach(lab, host, *own)) == {"open"})
        yield
    finally:
        lab.run(host, "systemctl", "stop", "somebody")


@pytest.mark.parametrize("host", HOSTS)
def test_what_listens_is_open_and_nothing_else(lab: Lab, host: str) -> None:
    there = listening(lab, host)
    assert opened(lab, host) == there
    assert there["tcp"] >= {22}
    for each in {host, "client"}:  # so that they have to be found
        lab.run(each, "ip", "neigh", "flush", "all")
    with listener(lab, host, DOOR):
        for where in {"client", "internet"} - {host}:
            demand(lab, where, host, {**dict.fromkeys(there["tcp"], "open"), DOOR: "silent"})
            demand(lab, where, host, {DOOR: "silent"}, kind="udp")
            lab.run(where, "sh", "-c", 'for to do ping -c1 -W2 "$to" || exit; done', "sh", *addresses(lab, host))
        # The host itself is not kept from it, nor from others.
        demand(lab, host, host, {DOOR: "open"})
    world = [{"to": f"172.16.{lab.net + 1}.10", "port": 53}, {"to": six(lab, 10, 1), "port": 53}]
    assert reach(lab, host, *world, seconds=3) == ["open", "open"]


def test_questions_are_no_connections(lab: Lab) -> None:
    asked = [{"to": lab.address(135), "port": 53, "kind": "udp"}] * 200
    count = ["sysctl", "-n", "net.netfilter.nf_conntrack_count"]
    before = int(lab.run("primary", *count))
    reach(lab, "client", *asked, seconds=0.01, at_once=8)
    assert int(lab.run("primary", *count)) < before + 100


def others(lab: Lab, host: str) -> str:
    """Return all other tables of a host, without what they have counted."""
    names = [line.split()[1:] for line in lab.run(host, "nft", "list", "tables").splitlines()]
    assert len(names) > 1
    texts = [lab.run(host, "nft", "-s", "list", "table", *name) for name in names if " ".join(name) != TABLE]
    return re.sub(r"packets \d+ bytes \d+", "", "".join(texts))


def left(lab: Lab, host: str) -> str:
    """Return what there is of a trial."""
    script = f"systemctl list-units --all --plain --no-legend '{UNDO}*'; find /run -maxdepth 1 -name '{UNIT}*'"
    return lab.run(host, "sh", "-c", script)


def settings_of(lab: Lab) -> dict[str, Any]:
    """Return settings in which something is other than usual for each kind."""
    own = [f"{lab.address(0)}/24", f"fd53:4644:0:{lab.net}::/64"]
    usual = yaml.safe_load((TOP / "roles/firewall/defaults/main.yml").read_text())
    return {
        "firewall_ports": [
            {"port": FOR_ONE, "networks": [f"{lab.address(136)}/32", f"{six(lab, 136)}/128"]},
            {"port": DATAGRAMS, "protocol": "udp"},
        ],
        "firewall_rules": [f"tcp dport {BY_RULE} accept"],
        "firewall_trusted_networks": [f"172.16.{lab.net + 1}.12/32"],
        "firewall_networks": {"ldap": own},
        "firewall_limits": {**usual["firewall_limits"], "https": LIMIT},
        "firewall_unlimited_networks": own,
    }


@pytest.fixture(scope="module")
def switched(lab: Lab) -> Iterator[dict[str, Any]]:
    """Change the primary's table; the value is what was before and after it of that which it must not touch."""
    noted: dict[str, Any] = {}
    keep = ["docker", "exec", "-i", lab.container("internet"), "python3", "-c", KEEP, lab.address(135)]
    lab.run(
        "primary", "nft", "add table inet somebody; add chain inet somebody x { type filter hook input priority 5; }"
    )
    try:
        noted["others"] = [others(lab, "primary")]
        with subprocess.Popen(keep, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as kept:
            assert kept.stdout.readline().startswith("220 ")
            lab.playbook(RUN, *PRIMARY, settings=settings_of(lab))
            noted["others"].append(others(lab, "primary"))
            noted["kept"] = kept.communicate("\n", timeout=10)[0]
        with listener(lab, "primary", DOOR, FOR_ONE, BY_RULE, DATAGRAMS):
            yield noted
    finally:
        lab.run("primary", "nft", "delete table inet somebody")
        lab.playbook(RUN, *PRIMARY)


@pytest.mark.only_default
def test_a_change_touches_no_other_table_and_no_connection(lab: Lab, switched: dict[str, Any]) -> None:
    before, after = switched["others"]
    assert after == before
    assert "somebody" in before
    assert switched["kept"].startswith("250 ")
    assert left(lab, "primary") == ""
    assert changed(lab.playbook(RUN, *PRIMARY, settings=settings_of(lab))) == 0


@pytest.mark.only_default
@pytest.mark.usefixtures("switched")
def test_what_is_open_besides_is_open_to_whom_the_settings_say(lab: Lab) -> None:
    for where, for_one in (("client", "open"), ("internet", "silent")):
        ports = {FOR_ONE: for_one, LDAP: for_one, BY_RULE: "open", DATAGRAMS: "silent", DOOR: "silent"}
        demand(lab, where, "primary", ports)
        ports = {FOR_ONE: "silent", DATAGRAMS: "open", DOOR: "silent"}
        demand(lab, where, "primary", ports, kind="udp")
    trusted = {"to": lab.address(135), "source": f"172.16.{lab.net + 1}.12"}
    assert reach(lab, "internet", *({**trusted, "port": port} for port in (DOOR, LDAP))) == ["open", "open"]


@pytest.mark.only_default
@pytest.mark.usefixtures("switched")
def test_who_connects_too_often_waits_and_nobody_else_does(lab: Lab) -> None:
    to = {"to": lab.address(135), "port": HTTPS}
    first, second = ({**to, "source": f"172.16.{lab.net + 1}.{number}"} for number in (10, 11))
    answers = reach(lab, "internet", *[first] * LIMIT, first, second, {**first, "port": 80})
    assert answers == ["open"] * LIMIT + ["silent", "open", "open"]
    # TCP itself asks again, until there is room.
    assert reach(lab, "internet", first, seconds=20) == ["open"]
    # All addresses of a network of 64 bits are one.
    to = {"to": six(lab, 135), "port": HTTPS}
    many = [{**to, "source": six(lab, 10 + number % 3, 1)} for number in range(LIMIT + 1)]
    assert reach(lab, "internet", *many) == ["open"] * LIMIT + ["silent"]
    assert set(reach(lab, "client", *[{"to": lab.address(135), "port": HTTPS}] * 2 * LIMIT)) == {"open"}


@pytest.mark.only_default
def test_rules_that_nft_refuses_leave_the_table(lab: Lab) -> None:
    before = table(lab), lab.run("primary", "sha256sum", FILE)
    output = lab.playbook(RUN, *PRIMARY, settings={"firewall_rules": ["tcp dport nonsense accept"]}, fails=True)
    assert "tcp dport nonsense accept" in output
    assert (table(lab), lab.run("primary", "sha256sum", FILE)) == before
    assert left(lab, "primary") == ""


@pytest.fixture
def by_network(lab: Lab) -> Iterator[dict[str, Any]]:
    """Settings with which the controller comes in to the primary by the network, from the client."""
    known = f"{lab.env['LAB_BUILD']}/{lab.name}/ssh/known_hosts"
    proxy = f"docker exec -i {lab.container('client')} nc {lab.address(135)} 22"
    with tempfile.TemporaryDirectory() as folder:  # for connections of its own, which outlive a run
        yield {
            "ansible_ssh_common_args": f"-o ProxyCommand='{proxy}' -o UserKnownHostsFile={known}",
            "ansible_control_path_dir": folder,
        }


@pytest.mark.only_default
def test_who_would_lock_ansible_out_is_told_before_anything_changes(lab: Lab, by_network: dict[str, Any]) -> None:
    before = table(lab), lab.run("primary", "sha256sum", FILE)
    shut = {**by_network, "firewall_networks": {"ssh": ["192.0.2.0/24"]}}
    told = re.sub(r"\s+", " ", lab.playbook(RUN, *PRIMARY, settings=shut, fails=True))
    assert f"Ansible comes in to primary from {lab.address(136)} by port 22, which would be closed to it" in told
    assert "Edit firewall_networks.ssh, firewall_ports or firewall_trusted_networks" in told
    assert (table(lab), lab.run("primary", "sha256sum", FILE)) == before


@pytest.mark.slow
def test_it_goes_off_one_host_and_comes_back(lab: Lab) -> None:
    before, elsewhere, text = others(lab, "client"), table(lab, "secondary"), table(lab, "client")
    off = {"firewall_enabled": False}
    lab.playbook(RUN, "-l", "client", settings=off)
    try:
        assert lab.run("client", "nft", "list", "tables").count("\n") == 1
        assert f"{TABLE} {{" not in lab.run("client", "nft", "list", "ruleset")
        assert UNIT not in lab.run("client", "sh", "-c", "systemctl list-units --all; systemctl list-unit-files")
        assert lab.run("client", "find", "/etc", "-name", "*firewall*") == ""
        with listener(lab, "client", DOOR):
            demand(lab, "internet", "client", {DOOR: "open"})
    finally:
        lab.playbook(RUN, "-l", "client")
    assert (others(lab, "client"), table(lab, "client")) == (before, text)
    assert table(lab, "secondary") == elsewhere


@pytest.mark.slow
def test_a_lock_out_is_undone_by_the_host(lab: Lab, by_network: dict[str, Any]) -> None:
    before = table(lab), lab.checksums("primary")
    seconds = 15
    shut = {**by_network, "firewall_rules": ["tcp dport 22 drop"], "firewall_undo_seconds": seconds}
    began = time.monotonic()
    told = re.sub(r"\s+", " ", lab.playbook(RUN, *PRIMARY, settings=shut, fails=True))
    assert "With this table primary lets nobody in, or not in time" in told
    # Nobody has come in meanwhile; then everybody does again, without anybody's help.
    wait_until(lambda: table(lab) == before[0], seconds)
    assert seconds <= time.monotonic() - began + 0.5
    assert reach(lab, "client", {"to": lab.address(135), "port": 22}) == ["open"]
    assert (left(lab, "primary"), lab.checksums("primary")) == ("", before[1])
    assert changed(lab.playbook(RUN, *PRIMARY, settings=by_network)) == 0


@pytest.mark.slow
def test_a_lock_out_where_there_was_no_table_is_undone(lab: Lab, by_network: dict[str, Any]) -> None:
    lab.playbook(RUN, *PRIMARY, settings={"firewall_enabled": False})
    try:
        assert changed(lab.playbook(RUN, *PRIMARY, settings={"firewall_enabled": False})) == 0
        shut = {**by_network, "firewall_rules": ["tcp dport 22 drop"], "firewall_undo_seconds": 15}
        lab.playbook(RUN, *PRIMARY, settings=shut, fails=True)
        wait_until(lambda: TABLE not in lab.run("primary", "nft", "list", "tables"), 15)
        assert reach(lab, "client", {"to": lab.address(135), "port": 22}) == ["open"]
    finally:
        lab.playbook(RUN, *PRIMARY)


@pytest.mark.slow
@pytest.mark.parametrize("host", ["primary", "secondary"])
def test_it_outlives_the_administrators_own_rules_and_a_boot(lab: Lab, host: str) -> None:
    before = table(lab, host)
    for verb in ("start", "reload", "restart", "stop"):
        lab.run(host, "systemctl", verb, "nftables")
        assert table(lab, host) == before, verb
    lab.power_cycle(host)
    assert table(lab, host) == before
    order = lab.run(host, "systemctl", "show", "-p", "Before", "--value", UNIT)
    assert "network-pre.target" in order.split()
    assert changed(lab.playbook(RUN, "-l", host)) == 0


@pytest.mark.slow
def test_what_was_only_tried_is_gone_after_a_boot(lab: Lab, by_network: dict[str, Any]) -> None:
    before = table(lab)
    shut = {**by_network, "firewall_rules": ["tcp dport 22 drop"], "firewall_undo_seconds": 3600}
    lab.playbook(RUN, *PRIMARY, settings=shut, fails=True)
    assert table(lab) != before
    lab.power_cycle("primary")
    assert table(lab) == before
    assert left(lab, "primary") == ""


@pytest.mark.slow
def test_a_table_that_somebody_has_flushed_comes_back(lab: Lab) -> None:
    before = table(lab)
    lab.run("primary", "nft", "delete", "table", *TABLE.split())
    assert changed(lab.playbook(RUN, *PRIMARY)) > 0
    assert table(lab) == before
    assert changed(lab.playbook(RUN, *PRIMARY)) == 0
