#!/usr/bin/env python3
"""Show what the probes saw: a table on the terminal and, with --html, a page."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

from jinja2 import Environment, FileSystemLoader

TEMPLATE = Path(__file__).with_name("report.html.j2")
GREEN, RED, DIM, BOLD, PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[1m", "\033[0m"

Result = dict[str, Any]


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


def table(results: list[Result], width: int | None, colours: bool) -> Iterator[str]:
    """Yield the table's lines, cut to the width where one is given."""

    def paint(colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if colours else text

    longest = max((len(result["probe"]) for result in results), default=0)
    for service, origin, found in groups(results):
        yield paint(BOLD, f"{service}, from {origin}: {count(found)}")
        for result in found:
            line = f"{result['probe']:{longest}}  {result['ms']:8.1f} ms  {' '.join(result['detail'].split())}".rstrip()
            # A failure is never cut: its detail says what to do.
            line = line if width is None or not result["ok"] else line[: width - 8]
            yield f"  {paint(GREEN, 'ok  ') if result['ok'] else paint(RED, 'FAIL')}  {line}"
        yield ""
    failed = any(not result["ok"] for result in results)
    yield paint(RED if failed or not results else GREEN, count(results))


def page(results: list[Result]) -> str:
    """Return the results as one HTML page that needs no other file."""
    environment = Environment(loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, trim_blocks=True)
    environment.globals["count"] = count
    return environment.get_template(TEMPLATE.name).render(results=results, groups=list(groups(results)))


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
    tty = out.isatty()
    width = shutil.get_terminal_size().columns if tty else None
    print(*table(results, width, colours=tty and "NO_COLOR" not in os.environ), sep="\n", file=out)
    return 0 if results and all(result["ok"] for result in results) else 1


def main(arguments: list[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__)
    parser.add_argument("file", type=Path, help="the probes' results, build/verify.json")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page, too")
    options = parser.parse_args(arguments)
    try:
        results = read(options.file)
    except (OSError, ValueError) as error:
        print(f"report.py: {options.file}: {error}", file=sys.stderr)
        return 1
    status = report(results, sys.stdout)
    if options.html:
        options.html.write_text(page(results), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
