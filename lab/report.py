#!/usr/bin/env python3
"""Show what the probes saw, in a table."""

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TextIO

GREEN, RED, DIM, BOLD, PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[1m", "\033[0m"
MARK = 8  # columns before a probe's name
TIME = 13  # columns of its time
DETAIL = 20  # columns that its detail has at least

Result = dict[str, Any]


class Terminal(NamedTuple):
    """What the table is shown on: the size where there is one, and whether it has colours."""

    width: int | None = None
    height: int | None = None
    colours: bool = False

    def paint(self, colour: str, text: str) -> str:
        """Return a text in a colour."""
        return f"{colour}{text}{PLAIN}" if self.colours else text


def groups(results: list[Result]) -> Iterator[tuple[str, str, list[Result]]]:
    """Yield service, host and results, in the order of their names; the probes stay in the order they ran in."""

    def place(result: Result) -> tuple[str, str]:
        return result["service"], result["from"]

    for (service, origin), found in groupby(sorted(results, key=place), key=place):
        yield service, origin, list(found)


def count(results: list[Result]) -> str:
    """Return the closing line."""
    failed = sum(not result["ok"] for result in results)
    return f"{len(results)} probe{'' if len(results) == 1 else 's'}, {failed} failed"


def reasons(results: list[Result]) -> list[tuple[Result, int, int]]:
    """Return each reason for which probes failed: the first of them, its number, and how many there are."""
    found: dict[tuple[str, str], tuple[Result, int, int]] = {}
    for number, result in enumerate(results, 1):
        if not result["ok"]:
            first, place, times = found.get((result["service"], result["detail"]), (result, number, 0))
            found[result["service"], result["detail"]] = (first, place, times + 1)
    return sorted(found.values(), key=lambda reason: -reason[2])


def cut(text: str, width: int) -> str:
    """Return a text, or as much of it as there is room for."""
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"


def table(results: list[Result], to: Terminal) -> Iterator[str]:
    """Yield the table's lines; what is well is cut to the width, a failure is told in full."""
    for service, origin, found in groups(results):
        yield to.paint(BOLD, f"{service}, from {origin}: {count(found)}")
        longest = max(len(result["probe"]) for result in found)
        if to.width:
            longest = min(longest, max(DETAIL, to.width - MARK - TIME - DETAIL))
        for result in found:
            yield from line(result, longest, to)
        yield ""


def line(result: Result, longest: int, to: Terminal) -> Iterator[str]:
    """Yield a probe's line; a failure that does not fit has its detail below it."""
    time, detail = f"  {result['ms']:8.1f} ms", " ".join(result["detail"].split())
    if result["ok"]:
        name = f"{cut(result['probe'], longest) if to.width else result['probe']:{longest}}"
        rest = f"{time}  {detail}".rstrip()
        yield f"  {to.paint(GREEN, 'ok  ')}  {name}" + to.paint(
            DIM, cut(rest, to.width - MARK - len(name)) if to.width else rest
        )
        return
    said = f"{result['probe']:{longest}}{time}  {detail}".rstrip()
    if to.width is None or MARK + len(said) <= to.width:
        yield f"  {to.paint(RED, 'FAIL')}  {said}"
        return
    yield f"  {to.paint(RED, 'FAIL')}  {result['probe']}{time}"
    indent, width = " " * MARK, max(MARK + DETAIL, to.width)
    yield from textwrap.wrap(detail, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def lines(results: list[Result], to: Terminal) -> list[str]:
    """Return all lines; why some failed comes again at the end, where the table is longer than the screen."""
    shown, failed = list(table(results, to)), [result for result in results if not result["ok"]]
    if failed and to.height and len(shown) >= to.height:
        for result, _, times in reasons(results):
            more = f" and {times - 1} more" if times > 1 else ""
            name = f"{result['service']}, from {result['from']}: {result['probe']}{more}"
            shown += line(result | {"probe": name}, 0, to)
        shown += [""]
    return [*shown, to.paint(RED if failed or not results else GREEN, count(results))]


def read(file: Path) -> list[Result]:
    """Return the results in a file; a ValueError says what is wrong with it."""
    results = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise ValueError("not a list of results")
    for number, result in enumerate(results, 1):
        missing = {"service", "probe", "from", "ok", "ms", "detail"} - set(result)
        if missing:
            raise ValueError(f"result {number} lacks {', '.join(sorted(missing))}")
    return results


def report(results: list[Result], out: TextIO) -> int:
    """Print the table; return 0 if there are results and all are ok, else 1."""
    to = Terminal(*shutil.get_terminal_size(), "NO_COLOR" not in os.environ) if out.isatty() else Terminal()
    print(*lines(results, to), sep="\n", file=out)
    return 0 if results and all(result["ok"] for result in results) else 1


def main(arguments: list[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__)
    parser.add_argument("file", type=Path, help="the probes' results, build/verify.json")
    options = parser.parse_args(arguments)
    try:
        results = read(options.file)
    except (OSError, ValueError) as error:
        print(f"report.py: {options.file}: {error}", file=sys.stderr)
        return 1
    return report(results, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
