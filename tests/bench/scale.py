#!/usr/bin/env python3
"""The name servers at scale, on the running lab: big zones, many zones, answers per second; each beside its measure."""

import contextlib
import json
import math
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, init_plugin_loader
from ansible.template import Templar, trust_as_template

from figures import keep
from lab import TOP, Lab, wait_until
from peers import unguarded

RECORDS, ZONES, ROUNDS = 100_000, 1_000, 3
LOAD_LIMIT = 3.0  # times named-compilezone
NOOP_LIMIT = 2.0  # times a run without the big zone
MEMORY_LIMIT = 1024.0  # MiB
ANSWERS_LIMIT = 1.0  # times what the untouched package does
QUESTIONS = 10_000
STARTS, TURNS, SECONDS = 40, 3, 4  # servers are started anew, and asked so many turns of so many seconds each time
WAITING = 150  # questions on their way to each server: it never waits for one, and none is dropped
BIG, FILE = "big.example", TOP / "build" / "bench" / "big.txt"
PEER = "/root/bench"
# Each server: its port, and its configuration. Neither has port 53, where one of two copies of a server gave a
# hundredth less than the other at 5300; on these two no difference was seen, 0.9994 with a standard error of 0.0011.
SERVERS = {"ours": (5301, "/etc/bind/named.conf"), "package": (5300, f"{PEER}/named.conf")}
# As units, like ours: what their control groups account for is paid for by all.
UNIT = "systemd-run --quiet --collect --unit"
NAMED = {who: f"named -f -u bind -p {port} -c {configuration}" for who, (port, configuration) in SERVERS.items()}
# One core for both servers, another for those who ask.
SERVE_ON, ASK_ON = "CPUAffinity=0", "taskset --cpu-list 1"
SERVE_OURS_ON = "/run/systemd/system/named.service.d/bench.conf"
SERVE_OURS = f"[Service]\n{SERVE_ON}\nExecStart=\nExecStart={NAMED['ours']}\n"
START_PACKAGE = f"{UNIT} package --property {SERVE_ON} {NAMED['package']}"
STOP_PACKAGE = "systemctl stop package"
LAB = Lab()
MISSED: list[str] = []


def at_most(value: float, limit: float, digits: int = 2) -> float:
    """Return a figure for the report, and remember when it is above its limit."""
    if value > limit:
        MISSED.append(f"{value:.{digits}f} is above {limit:.{digits}f}")
    return round(value, digits)


def one_zone(file: Path, **more: Any) -> dict[str, Any]:
    """Return the settings with a zone of the records in a file."""
    text = "{{ lookup('ansible.builtin.file', '" + str(file) + "') }}"
    return {"site_zones": [{"name": BIG, "text": text, **more}]}


def many_zones() -> dict[str, Any]:
    """Return the settings with very many zones."""
    records = [{"name": "@", "type": "A", "value": "192.0.2.1"}, {"name": "www", "type": "CNAME", "value": "@"}]
    file = FILE.with_name("zones.json")  # longer than a command line may be
    file.write_text(json.dumps([{"name": f"z{number}.example", "records": records} for number in range(ZONES)]))
    return {"site_zones": "{{ lookup('ansible.builtin.file', '" + str(file) + "') | from_json }}"}


def seconds(action: Callable[[], Any]) -> float:
    """Return how long something takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def seconds_on_primary(script: str) -> float:
    """Return how long a script takes there."""
    timed = f"start=$(date +%s%N); ({script}) >/dev/null && echo $(($(date +%s%N) - start))"
    return int(LAB.run("primary", "sh", "-c", timed)) / 1e9


def play(given: dict[str, Any] | None = None, *arguments: str) -> float:
    """Run the playbook of the name servers; return the seconds."""
    return seconds(lambda: LAB.playbook("playbooks/dns.yml", *arguments, settings=given))


def family(ancestor: int) -> set[int]:
    """Return the processes that descend from one, and itself."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {ancestor}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def memory_of(process: subprocess.Popen) -> list[float]:
    """Return a list to which the memory of a process and all below it is appended, in MiB, as long as it runs."""
    peaks = [0.0]

    def watch() -> None:
        while process.poll() is None:
            total = 0
            for number in family(process.pid):
                with contextlib.suppress(OSError, TypeError):  # it has ended
                    rollup = Path(f"/proc/{number}/smaps_rollup").read_text()
                    total += int(re.search(r"^Pss: +(\d+)", rollup, re.MULTILINE)[1])
            peaks.append(total / 1024)
            time.sleep(0.5)

    threading.Thread(target=watch, daemon=True).start()
    return peaks


def big_zone() -> dict[str, Any]:
    """Render, check and load a zone of very many records, beside what named-compilezone takes on the same file."""
    init_plugin_loader()
    dns_zones = filter_loader.get("dns_zones").j2_function
    text = FILE.read_text()
    big = one_zone(FILE, dnssec="none")
    defaults = {"nameservers": ["ns1.st.um."], "hostmaster": "hostmaster.st.um."}
    template = trust_as_template((TOP / "roles/bind9/templates/zone.j2").read_text())

    def render() -> None:
        zone = dns_zones([{"name": BIG, "text": text}], defaults)[0] | {"serial": 1}
        Templar(DataLoader(), variables={"zone": zone, "ansible_managed": ""}).template(template)

    play(big)
    path = f"/var/lib/bind/{BIG}.zone"
    # The next serial; the journal goes, as in a run.
    touch = rf"""rm -f {path}.jnl; serial=$(awk '/ IN SOA /{{print $7; exit}}' {path})
        sed -i -E "1,9s/( IN SOA \S+ \S+) $serial/\1 $((serial + 1))/" {path}"""
    load = f"""rndc reload {BIG} IN main >/dev/null; wanted=$(awk '/ IN SOA /{{print $7; exit}}' {path})
        for try in $(seq 1000); do
            [ "$(dig +short @127.0.0.1 {BIG} SOA | cut -d' ' -f3)" = "$wanted" ] && exit; sleep 0.01
        done; exit 1"""
    steps: dict[str, list[float]] = {"render": [], "check": [], "load": [], "named-compilezone": []}
    for _ in range(ROUNDS):
        steps["render"].append(seconds(render))
        steps["named-compilezone"].append(seconds_on_primary(f"named-compilezone -o /root/bench.out {BIG} {path}"))
        steps["check"].append(seconds_on_primary("named-checkconf -z"))
        LAB.run("primary", "sh", "-c", touch)
        steps["load"].append(seconds_on_primary(load))
        wait_until(lambda: LAB.serial(135, BIG) == LAB.serial(137, BIG))  # what follows has the machine for itself
    median = {step: statistics.median(values) for step, values in steps.items()}
    ours = median["render"] + median["check"] + median["load"]
    LAB.run("primary", "rm", "/root/bench.out")
    play(big)  # the serial is ours again
    noop = {"with": [], "without": []}
    for _ in range(ROUNDS):
        noop["with"].append(play(big))
    play()
    for _ in range(ROUNDS):
        noop["without"].append(play())
    with_it, without = statistics.median(noop["with"]), statistics.median(noop["without"])
    return {
        "records": RECORDS,
        "seconds": {step: round(value, 2) for step, value in median.items()},
        "render + check + load / named-compilezone": at_most(ours / median["named-compilezone"], LOAD_LIMIT),
        "no-op seconds": {"with": round(with_it, 2), "without": round(without, 2)},
        "no-op with / without": at_most(with_it / without, NOOP_LIMIT),
    }


def zones_at_once() -> dict[str, Any]:
    """Add very many zones in one run, and see what the secondary serves at its end."""
    started = time.monotonic()
    process = LAB.popen("playbooks/dns.yml", settings=many_zones())
    peaks = memory_of(process)
    output, _ = process.communicate()
    took = time.monotonic() - started
    if process.returncode:
        sys.exit(output)
    questions = "\n".join(f"z{number}.example SOA +dnssec" for number in range(ZONES))
    ask = f"printf '%s\\n' '{questions}' | dig @{LAB.address(137)} +norecurse +noall +answer -f -"
    answers = LAB.run("client", "sh", "-c", ask)
    signed = {line.split()[0] for line in answers.splitlines() if line.split()[3:5] == ["RRSIG", "SOA"]}
    play()
    return {
        "zones": ZONES,
        "seconds": round(took, 1),
        "not signed on the secondary at the end": at_most(ZONES - len(signed), 0),
        "controller's peak memory, MiB": at_most(max(peaks), MEMORY_LIMIT),
    }


PEER_CONFIGURATION = """
include "{peer}/etc/bind/named.conf.options";
controls {{ }};
# The default policy, but for the TTLs of our zone.
dnssec-policy "week" {{ keys {{ csk lifetime unlimited algorithm ecdsap256sha256; }}; max-zone-ttl 604800; }};
zone "{zone}" {{ type primary; file "{peer}/zone"; allow-transfer {{ localhost; }}; {dnssec} }};
"""


def served(port: int, signed: bool) -> str:
    """Return a shell command that waits until a server on the primary answers the last question."""
    ask = f"dig +tries=1 +dnssec -p {port} @127.0.0.1 h{QUESTIONS - 1}.{BIG} A"
    return f"timeout 90 sh -c 'until {ask} | grep -q {'RRSIG' if signed else 'ANSWER:.1,'}; do sleep 0.2; done'"


def prepare_package(signed: bool) -> None:
    """Lay out the package as it comes, with the zone, which it signs by itself; it is not started."""
    dnssec = f'dnssec-policy "week"; inline-signing yes; key-directory "{PEER}";' if signed else ""
    configuration = PEER_CONFIGURATION.format(peer=PEER, zone=BIG, dnssec=dnssec)
    # The package's own options, and what two servers on one host may not share.
    script = f"""set -e
        rm -rf {PEER}; mkdir -p {PEER}; cd {PEER}; apt-get -qq download bind9 >/dev/null; dpkg -x bind9_*.deb .
        sed -i 's,^options {{,options {{ pid-file "{PEER}/pid"; session-keyfile none;,' etc/bind/named.conf.options
        cp /var/lib/bind/{BIG}.zone zone; printf '%s' '{configuration}' >named.conf; chown -R bind: .; chmod 755 /root
        {START_PACKAGE}
        end=$(($(date +%s) + 120))
        until
            zone=$(dig +tries=1 -p {SERVERS["package"][0]} @127.0.0.1 {BIG} AXFR) || true
            [ $(echo "$zone" | grep -c 'IN[[:space:]]A[[:space:]]') = {QUESTIONS} ] &&
            [ $(echo "$zone" | grep -c 'IN[[:space:]]RRSIG[[:space:]]') -ge {2 * QUESTIONS * signed} ]
        do
            [ $(date +%s) -lt $end ] || {{ {STOP_PACKAGE}; echo "$zone" | tail; exit 1; }}
            sleep 0.3
        done
        {STOP_PACKAGE}"""
    LAB.run("primary", "sh", "-c", script)


def rates(signed: bool) -> dict[str, Any]:
    """Ask both servers at the same time, on one core, and compare their answers per second.

    The kernel divides the core evenly between them, and both always have questions waiting: who needs less of the core
    for an answer gives more answers. What slows the machine down, slows down both; asked in turns, two copies of one
    server differ by far more than these two.
    """
    ports = {who: port for who, (port, _) in SERVERS.items()}
    ready = " && ".join(served(port, signed) for port in ports.values())
    start = f"""
        mkdir -p {Path(SERVE_OURS_ON).parent}; printf '{SERVE_OURS}' >{SERVE_OURS_ON}
        systemctl daemon-reload && systemctl restart named && {START_PACKAGE} && {ready}"""
    stop = f"{STOP_PACKAGE}; rm -r {Path(SERVE_OURS_ON).parent}; systemctl daemon-reload; systemctl restart named"
    one, other = (f"{ASK_ON} {dnsperf(port, f'-l {SECONDS} -c 8 -q {WAITING}', signed)}" for port in ports.values())
    ask = (
        f"for turn in $(seq {TURNS}); do {one} >/root/one & {other} >/root/other; wait; cat /root/one /root/other; done"
    )
    seen: dict[str, list[float]] = {who: [] for who in ports}
    logarithms = []  # of the ratio, one for each start
    for _ in range(STARTS):
        LAB.run("primary", "sh", "-c", start)
        try:
            told = LAB.run("client", "sh", "-c", ask)
        finally:
            LAB.run("primary", "sh", "-c", stop)
        found = [float(rate) for rate in re.findall(r"Queries per second: +([\d.]+)", told)]
        seen["ours"] += found[0::2]
        seen["package"] += found[1::2]
        turns = zip(found[0::2], found[1::2], strict=True)
        logarithms.append(statistics.mean(math.log(theirs / own) for own, theirs in turns))
    ratio = math.exp(statistics.mean(logarithms))
    error = ratio * statistics.stdev(logarithms) / STARTS**0.5
    return {who: round(statistics.median(each)) for who, each in seen.items()} | {
        "package / ours": at_most(ratio, ANSWERS_LIMIT, digits=4),
        "standard error": round(error, 4),
    }


def work(who: str, signed: bool) -> float:
    """Return how many instructions a server spends on an answer, counted by Callgrind."""
    port, _ = SERVERS[who]
    start = f"""
        install -d -o bind -g bind /run/named; install -o bind -g bind /dev/null {PEER}/counted
        {UNIT} counting valgrind --tool=callgrind --callgrind-out-file={PEER}/counted {NAMED[who]} -n 1
        {served(port, signed)}"""
    try:
        LAB.run("primary", "sh", "-c", start)
        told = LAB.run("client", "sh", "-c", dnsperf(port, "-n 1 -c 8 -q 8 -t 20", signed))
    finally:
        LAB.run("primary", "systemctl", "stop", "counting")
    assert int(re.search(r"Queries completed: +(\d+)", told)[1]) == QUESTIONS, told
    annotate = f"callgrind_annotate --inclusive=yes --show-percs=no --threshold=100 {PEER}/counted"
    counted = re.search(r"([\d,]+) .*:ns_client_request ", LAB.run("primary", "sh", "-c", annotate))
    return int(counted[1].replace(",", "")) / QUESTIONS


def dnsperf(port: int, options: str, signed: bool) -> str:
    """Return the command that asks a server on the primary."""
    more = "-D" if signed else ""
    return f"dnsperf -s {LAB.address(135)} -p {port} -d /root/questions -T 1 {options} {more}"


def answers() -> dict[str, Any]:
    """Compare our primary with the package as it comes, on the same host: answers per second, and work for one.

    Both serve the same zone: first plain, then signed by themselves, when the signatures are asked for.
    """
    some = FILE.with_name("some.txt")
    some.write_text("".join(FILE.read_text().splitlines(keepends=True)[:QUESTIONS]))
    for host, package, tool in (("client", "dnsperf", "dnsperf"), ("primary", "valgrind", "callgrind_annotate")):
        LAB.run(host, "sh", "-c", f"command -v {tool} >/dev/null || apt-get -qq install {package} >/dev/null 2>&1")
    shuffled = f"seq 0 {QUESTIONS - 1} | shuf --random-source=/bin/sh | sed 's/.*/h&.{BIG} A/' >/root/questions"
    LAB.run("client", "sh", "-c", shuffled)
    with unguarded(LAB):
        figures = {kind: compared_answers(some, signed) for kind, signed in (("plain", False), ("signed", True))}
    LAB.run("primary", "rm", "-r", PEER)
    play()
    return figures


def compared_answers(some: Path, signed: bool) -> dict[str, Any]:
    """Compare both servers with the zone in a file."""
    # As the package answers questions that want recursion.
    play(one_zone(some, dnssec="standard" if signed else "none") | {"bind9_minimal_responses": True})
    prepare_package(signed)
    seconds_each = rates(signed)
    LAB.run("primary", "systemctl", "stop", "named")
    try:
        instructions = {who: work(who, signed) for who in SERVERS}
    finally:
        LAB.run("primary", "systemctl", "start", "named")
    return {
        "answers per second": seconds_each,
        "instructions per answer": {who: round(each) for who, each in instructions.items()}
        | {"ours / package": at_most(instructions["ours"] / instructions["package"], ANSWERS_LIMIT, digits=3)},
    }


def main() -> None:
    """Measure all, write build/bench.json, and fail where a limit is passed."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text("".join(f"h{n} A 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n" for n in range(RECORDS)))
    parts = {"big zone": big_zone, "zones at once": zones_at_once, "answers per second": answers}
    figures = {name: part() for name, part in parts.items() if not sys.argv[1:] or name in sys.argv[1:]}
    keep("name servers at scale", figures)
    if MISSED:
        sys.exit("; ".join(MISSED))


if __name__ == "__main__":
    main()
