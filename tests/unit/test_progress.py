"""How far a playbook is, on the terminal, while its output goes elsewhere."""

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import progress

PROGRAM = Path(__file__).parents[2] / "lab" / "progress.py"
OUTPUT = b"""
PLAY [Probe the services] ******

TASK [Run the probes] *****
ok: [primary] => (item=checks)
ok: [secondary] => (item=checks)
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_tells_the_play_and_who_is_done_with_the_task() -> None:
    seen = progress.Progress()
    assert seen.line(80) == ""  # a password may be asked for
    for line in OUTPUT.decode().splitlines():
        seen.read(line)
    assert seen.line(80)[1:] == "   0 s  Probe the services: done on primary, secondary"
    assert len(seen.line(20)) < 20
    seen.read("TASK [Collect the results] *****")
    assert seen.line(80)[1:] == "   0 s  Probe the services"


def test_all_is_copied_and_the_line_is_wiped_in_the_end() -> None:
    read, write = os.pipe()
    target, terminal = io.BytesIO(), Terminal()

    def speak() -> None:
        os.write(write, OUTPUT[:30])
        time.sleep(0.25)
        os.write(write, OUTPUT[30:])
        time.sleep(0.25)
        os.close(write)

    threading.Thread(target=speak, daemon=True).start()
    with os.fdopen(read, "rb") as source:
        progress.copy(source, target, terminal)
    assert target.getvalue() == OUTPUT
    assert "done on primary, secondary" in terminal.getvalue()
    assert len(set(terminal.getvalue().split("\r\033[K"))) > 3  # it moves
    assert terminal.getvalue().endswith("\r\033[K")


def test_without_a_terminal_nothing_is_shown() -> None:
    done = subprocess.run([sys.executable, PROGRAM], input=OUTPUT, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (OUTPUT, b"")
