"""The command, with a systemctl that tells a process to open something, at once, later or never."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from awaited_reload import awaited_reload

# It is on every Debian.
PACKAGE = "dash"
# Opens a pair of pipes or sockets some time after it was told to, in place of those that it had.
DAEMON = """
import os, signal, socket, sys, time
kind, delay = sys.argv[1], float(sys.argv[2])
def begin(*_):
    global held
    time.sleep(delay)
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

    def run(kind: str, delay: float, awaited: str, age: int = 0) -> tuple[float, subprocess.CompletedProcess]:
        daemon = subprocess.Popen([sys.executable, "-c", DAEMON, kind, str(delay)], stdout=subprocess.PIPE)
        processes.append(daemon)
        daemon.stdout.readline()
        (tmp_path / "pid").write_text(f"{daemon.pid}\n")
        os.utime(tmp_path / "pid", (time.time() - age,) * 2)
        script = f'#!/bin/sh\necho "$1 $2"\n[ "$1" = restart ] || kill -HUP {daemon.pid}\n'
        (tmp_path / "systemctl").write_text(script)
        (tmp_path / "systemctl").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        began = time.monotonic()
        command = awaited_reload("x", str(tmp_path / "pid"), awaited, PACKAGE, 2)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return time.monotonic() - began, done

    yield run
    for process in processes:
        process.kill()
        process.wait()


def test_who_is_older_than_a_package_is_restarted(reload) -> None:
    _, done = reload("pipe", 9, "pipe", age=100 * 365 * 86400)
    assert (done.returncode, done.stdout, done.stderr) == (0, "restart x\n", "")


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_waits_until_it_has_begun_anew(reload, kind: str) -> None:
    seconds, done = reload(kind, 0.5, kind)
    assert (done.returncode, done.stdout, done.stderr) == (0, "reload x\n", "")
    assert 0.5 <= seconds < 2


@pytest.mark.parametrize(("kind", "delay", "awaited"), [("pipe", 9, "pipe"), ("pipe", 0, "socket")])
def test_does_not_wait_for_ever(reload, kind: str, delay: float, awaited: str) -> None:
    seconds, done = reload(kind, delay, awaited)
    assert (done.returncode, done.stderr) == (1, "x has not begun anew within 2 s\n")
    assert seconds < 4
