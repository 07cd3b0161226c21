#!/usr/bin/env python3
"""How long runs take, and how much memory, each beside its measure: bare hosts, no change, more hosts."""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from figures import keep
from lab import TOP, Lab

ROUNDS = 3
BARE_LIMIT = 2.0  # times apt-get install of the same packages
IDLE_LIMIT = 20.0  # seconds for a run without changes, all hosts
PEER_LIMIT = 2.0  # times pyinfra
SECONDARIES = [1, 2, 4, 8]
FOLDER = TOP / "build" / "bench"
HOSTS = ("primary", "secondary", "client", "internet")
LAB = Lab()
# What the packages role does, without it. Lab hosts get packages through the lab's proxy.
INSTALL = (
    "apt-get -qq update && echo 'slapd slapd/no_configuration boolean true' | debconf-set-selections && "
    "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install {} >/dev/null 2>&1"
)
# Prints what a host has of ours: packages, files with owner, group and mode, and the units that they belong to.
LOOK = """
import grp, json, os, pathlib, pwd, stat
files = {}
for record in pathlib.Path("/var/lib/service_config").glob("*/original.json"):
    for path in json.loads(record.read_text())["paths"]:
        if os.path.isfile(path) and not os.path.islink(path):
            seen = os.stat(path)
            mode = format(stat.S_IMODE(seen.st_mode), "o")
            files[path] = [pwd.getpwuid(seen.st_uid).pw_name, grp.getgrgid(seen.st_gid).gr_name, mode]
packages = pathlib.Path("/var/lib/server-for-dummies/packages").read_text().split()
units = ["named", "slapd", "exim4", "dovecot", "apache2", "ssh"]
print(json.dumps({"packages": [each for each in packages if each[0] != "/"], "files": files, "units": units}))
"""


class Memory:
    """The most memory that a process and its children had at a time, in MiB; what they share counts once (smaps)."""

    def __init__(self, pid: int) -> None:
        """Begin to look at it."""
        self.pid, self.most, self.over = pid, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def _watch(self) -> None:
        while not self.over.wait(0.2):
            self.most = max(self.most, self._now())

    def _now(self) -> float:
        """Add up the proportional set sizes of the process group."""
        kilobytes = 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(folder.name)) == self.pid:
                    found = re.search(r"^Pss:\s+(\d+)", (folder / "smaps_rollup").read_text(), re.MULTILINE)
                    kilobytes += int(found[1]) if found else 0
            except OSError:  # it has ended meanwhile
                continue
        return kilobytes / 1024

    def end(self) -> float:
        """Return the most."""
        self.over.set()
        self.thread.join()
        return round(self.most, 1)


def timed(argv: list[str], env: dict[str, str], limit: int = 1500) -> tuple[float, float, str]:
    """Run a command; return its seconds, the most memory and the output.

    Raises:
        SystemExit: when it fails, or takes longer than a limit.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        argv, cwd=TOP, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    memory = Memory(process.pid)
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        sys.exit(f"{' '.join(argv)} took more than {limit} s")
    finally:
        most = memory.end()
    if process.returncode:
        sys.exit(f"{' '.join(argv)}\n{output}")
    return time.monotonic() - began, most, output


def site(env: dict[str, str], *arguments: str, idle: bool = True) -> tuple[float, float, str]:
    """Run site.yml, which has to find nothing to do if it is to be idle."""
    found = timed(["ansible-playbook", "site.yml", *arguments], env)
    if idle and re.search(r"changed=[1-9]", found[2]):
        sys.exit(f"site.yml changed something:\n{found[2]}")
    return found


class OtherLab:
    """A lab beside the running one, with bare hosts."""

    def __init__(self, **more: str) -> None:
        """Make it."""
        self.env = LAB.env | {"LAB_NAME": "sfd-bench", "LAB_NET": "28"} | more
        timed(["ansible-playbook", "lab/create.yml"], self.env)

    def remove(self) -> None:
        """Take it away."""
        timed(["ansible-playbook", "lab/destroy.yml"], self.env)


def bare() -> dict[str, Any]:
    """Measure site.yml on bare hosts beside apt-get on such hosts, before and after."""
    packages = {host: json.loads(LAB.run(host, "python3", "-c", LOOK))["packages"] for host in HOSTS}

    def install() -> float:
        began = time.monotonic()
        all_at_once = [
            subprocess.Popen(
                ["docker", "exec", f"sfd-bench-{host}", "sh", "-c", INSTALL.format(" ".join(packages[host]))]
            )
            for host in HOSTS
        ]
        ended = [process.wait(900) for process in all_at_once]
        if any(ended):
            sys.exit(f"apt-get failed: {ended}")
        return time.monotonic() - began

    def on_bare_hosts(work: Callable[[OtherLab], Any]) -> Any:
        other = OtherLab()
        try:
            for host in HOSTS:  # a real host's dpkg waits for its disk
                subprocess.run(["docker", "exec", f"sfd-bench-{host}", "rm", "/etc/dpkg/dpkg.cfg.d/lab"], check=True)
            return work(other)
        finally:
            other.remove()

    on_bare_hosts(lambda _: install())  # the proxy's cache has it all now
    before = on_bare_hosts(lambda _: install())
    seconds, memory, _ = on_bare_hosts(lambda other: site(other.env, idle=False))
    after = on_bare_hosts(lambda _: install())
    return {
        "seconds": {"site.yml": round(seconds, 1), "apt-get, before and after": [round(before, 1), round(after, 1)]},
        "site.yml / apt-get": round(seconds / statistics.mean([before, after]), 2),
        "peak memory of the controller, MiB": memory,
    }


def pyinfra() -> list[str]:
    """Set up pyinfra in an environment of its own; return the command that has it do what the primary server has."""
    venv, folder = FOLDER / "pyinfra", FOLDER / "primary"
    if not (venv / "bin/pyinfra").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([*pip, "--requirement", TOP / "tests/bench/pyinfra.txt"], check=True)
    folder.mkdir(parents=True, exist_ok=True)
    has = json.loads(LAB.run("primary", "python3", "-c", LOOK))
    (folder / "has.json").write_text(json.dumps(has))
    tar = ["docker", "exec", LAB.container("primary"), "tar", "-cf-", *has["files"]]
    with (
        subprocess.Popen(tar, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        archive.extractall(folder / "files", filter="tar")
    lab_build = Path(LAB.env["LAB_BUILD"]) / LAB.name
    (folder / "ssh_config").write_text("Host *\n  ProxyCommand docker exec -i %h nc 127.0.0.1 22\n")
    login = {
        "ssh_user": "root",
        "ssh_key": str(lab_build / "ssh/id_ed25519"),
        "ssh_config_file": str(folder / "ssh_config"),
        "ssh_known_hosts_file": str(lab_build / "ssh/known_hosts"),
    }
    (folder / "inventory.py").write_text(f"hosts = {[(LAB.container('primary'), login)]!r}\n")
    return [str(venv / "bin/pyinfra"), "--yes", str(folder / "inventory.py"), "tests/bench/deploy.py"]


def tasks(output: str) -> dict[str, float]:
    """Return the seconds of each task, by the callback profile_tasks."""
    lines = re.findall(r"^(\S.*?) -+ ([\d.]+)s$", output, re.MULTILINE)
    return {name: float(seconds) for name, seconds in lines}


def idle() -> dict[str, Any]:
    """Measure runs that find nothing to do, in turns, so that what else the machine does falls on all alike."""
    peer = pyinfra()
    timed(peer, LAB.env)
    commands = {
        "Ansible says hello to all": ["ansible-playbook", "tests/bench/contact.yml"],
        "all hosts": ["ansible-playbook", "site.yml"],
        "the primary server": ["ansible-playbook", "site.yml", "-l", "primary"],
        "the primary server by pyinfra": peer,
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    memory: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, argv in commands.items():
            took, most, output = timed(argv, LAB.env)
            if re.search(r"changed=[1-9]", output):
                sys.exit(f"{name} changed something:\n{output}")
            seconds[name].append(took)
            memory[name] = max(most, memory.get(name, 0.0))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    profiled = {"ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_tasks", "PROFILE_TASKS_TASK_OUTPUT_LIMIT": "all"}
    _, _, output = site(LAB.env | profiled, "-l", "primary")
    return {
        "seconds, medians of three": {name: round(value, 2) for name, value in median.items()},
        "peak memory of the controller, MiB": memory,
        "primary / pyinfra": round(median["the primary server"] / median["the primary server by pyinfra"], 2),
        "where the time of the primary server's run goes": tasks(output),
    }


def growth() -> dict[str, Any]:
    """Measure runs that find nothing to do with more and more secondaries."""
    seconds, memory = {}, {}
    other: OtherLab | None = None
    try:
        for number in SECONDARIES:
            other = OtherLab(LAB_SECONDARIES=str(number))
            site(other.env, idle=False)
            site(other.env, idle=False)  # the chain of trust closes
            runs = [site(other.env)[:2] for _ in range(ROUNDS)]
            seconds[number] = round(statistics.median(took for took, _ in runs), 2)
            memory[number] = max(most for _, most in runs)
    finally:
        if other:
            other.remove()
    return {
        "seconds of a run without changes, by the number of secondaries": seconds,
        "peak memory of the controller, MiB": memory,
        "seconds for one more": round((seconds[SECONDARIES[-1]] - seconds[1]) / (SECONDARIES[-1] - 1), 2),
    }


def main() -> None:
    """Measure, write build/bench.json, and fail where a limit is passed."""
    parts = {"bare hosts": bare, "nothing to do": idle, "more hosts": growth}
    found = {}
    for name, part in parts.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            found[name] = part()
            keep(name, found[name])
    limits = [
        ("bare hosts", "site.yml / apt-get", BARE_LIMIT),
        ("nothing to do", "primary / pyinfra", PEER_LIMIT),
    ]
    missed = [
        f"{what}: {found[part][what]}, more than {limit:g}"
        for part, what, limit in limits
        if part in found and found[part][what] > limit
    ]
    if "nothing to do" in found:
        took = found["nothing to do"]["seconds, medians of three"]["all hosts"]
        missed += [f"all hosts took {took} s, more than {IDLE_LIMIT:g}"] if took > IDLE_LIMIT else []
    if missed:
        sys.exit("; ".join(missed))


if __name__ == "__main__":
    main()
