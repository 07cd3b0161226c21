#!/usr/bin/env python3
"""Copy what ansible-playbook prints, and tell on the terminal meanwhile, if there is one, how far it is.

The line has the play, how long it takes already, and the hosts that are done with their part of it.
"""

import os
import re
import selectors
import shutil
import sys
import time
from typing import BinaryIO, TextIO

TURNS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PAUSE = 0.1  # seconds between two looks of the line
BEGIN = re.compile(r"(PLAY|TASK|RUNNING HANDLER) \[(.*)\] \**$")
DONE = re.compile(r"(?:ok|changed|fatal|failed|skipping): \[([^\] ]+)")


class Progress:
    """How far a playbook is, by what it has printed."""

    def __init__(self) -> None:
        """Begin before the first play."""
        self.play = ""
        self.done: dict[str, None] = {}
        self.began = time.monotonic()

    def read(self, line: str) -> None:
        """Take note of a line."""
        if begin := BEGIN.match(line):
            self.done.clear()
            self.play = begin[2] if begin[1] == "PLAY" else self.play
        elif done := DONE.match(line):
            self.done[done[1]] = None

    def line(self, width: int) -> str:
        """Return what to show; nothing before the first play, as a password may be asked for."""
        if not self.play:
            return ""
        seconds = time.monotonic() - self.began
        turn = TURNS[int(seconds / PAUSE) % len(TURNS)]
        done = f": done on {', '.join(self.done)}" if self.done else ""
        return f"{turn} {seconds:3.0f} s  {self.play}{done}"[: width - 1]


def copy(source: BinaryIO, target: BinaryIO, terminal: TextIO) -> None:
    """Copy all there is to read, line by line; show the progress if the terminal is one."""
    progress, rest, shown = Progress(), b"", terminal.isatty()
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        while True:
            if selector.select(PAUSE if shown else None):
                data = os.read(source.fileno(), 65536)
                if not data:
                    break
                target.write(data)
                target.flush()
                *ended, rest = (rest + data).split(b"\n")
                for line in ended:
                    progress.read(line.decode(errors="replace"))
            if shown:
                print(f"\r\033[K{progress.line(shutil.get_terminal_size().columns)}", end="", file=terminal, flush=True)
    if shown:
        print("\r\033[K", end="", file=terminal, flush=True)


if __name__ == "__main__":
    copy(sys.stdin.buffer, sys.stdout.buffer, sys.stderr)
