"""The command, with a systemctl that tells a process to open or write something, at once, later or never."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from awaited_reload import DAEMONS, Daemon, awaited_reload

# It is on every Debian.
PACKAGE = "dash"
# Some time after it was told to, it opens a pair of pipes or sockets in place of those that it had, or writes its
# pid file anew.
DAEMON = """
import os, signal, socket, sys, time
kind, delay, pid_file = sys.argv[1], float(sys.argv[2]), sys.argv[3]
def begin(*_):
    global held
    time.sleep(delay)
    if kind == "pid_file":
        with open(pid_file + ".new", "w") as file:
            file.write(f"{os.getpid()}\\n")
        os.rename(pid_file + ".new", pid_file)
        return
    new = os.pipe() if kind == "pipe" else socket.socketpair()
    held = new
held = None
signal.signal(signal.SIGHUP, begin)
delay, wanted = 0, delay
begin()
delay = wanted
print(flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the command; return how long it took, and what became of it."""
    processes = []

    def run(*kinds: str, delay: float = 0, awaited: str = "", age: int = 0, state: int = 0):
        script = ["#!/bin/sh", f'[ "$1" != --quiet ] || exit {state}', 'echo "$1 $2"']
        for number, kind in enumerate(kinds):
            pid_file = tmp_path / f"pid{number}"
            argv = [sys.executable, "-c", DAEMON, kind, str(delay), str(pid_file)]
            daemon = subprocess.Popen(argv, stdout=subprocess.PIPE)
            processes.append(daemon)
            daemon.stdout.readline()
            pid_file.write_text(f"{daemon.pid}\n")
            os.utime(pid_file, (time.time() - age,) * 2)
            script.append(f'[ "$1 $2" != "reload x{number}" ] || kill -HUP {daemon.pid}')
            monkeypatch.setitem(DAEMONS, f"x{number}", Daemon(str(pid_file), awaited or kind, PACKAGE))
        (tmp_path / "systemctl").write_text("\n".join(script))
        (tmp_path / "systemctl").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        began = time.monotonic()
        command = awaited_reload([f"x{number}" for number in range(len(kinds))], 2)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return time.monotonic() - began, (done.returncode, done.stdout, done.stderr)

    yield run
    for process in processes:
        process.kill()
        process.wait()


def test_who_is_older_than_a_package_is_restarted(reload) -> None:
    assert reload("pipe", delay=9, age=100 * 365 * 86400)[1] == (0, "restart x0\n", "")


@pytest.mark.parametrize("kind", ["pipe", "socket", "pid_file"])
def test_waits_until_it_has_begun_anew(reload, kind: str) -> None:
    seconds, done = reload(kind, delay=0.5)
    assert done == (0, "reload x0\n", "")
    assert 0.5 <= seconds < 2


def test_waits_for_each(reload) -> None:
    seconds, done = reload("pipe", "pid_file", delay=0.5)
    assert done == (0, "reload x0\nreload x1\n", "")
    assert seconds >= 1


def test_leaves_alone_what_is_not_active(reload) -> None:
    assert reload("pipe", "socket", delay=9, state=3)[1] == (0, "", "")


@pytest.mark.parametrize(
    ("kind", "delay", "awaited"), [("pipe", 9, "pipe"), ("pid_file", 9, "pid_file"), ("pipe", 0, "socket")]
)
def test_does_not_wait_for_ever(reload, kind: str, delay: float, awaited: str) -> None:
    seconds, done = reload(kind, "pipe", delay=delay, awaited=awaited)
    assert done == (1, "reload x0\n", "x0 has not begun anew within 2 s\n")
    assert seconds < 4
