"""Let the services of a server look at their own configuration, and print how each went, as the probes do.

It is run on the server as it is, without anything installed there, with the server's name in the results, and lists of
units by their services, in JSON. Each unit has a `name` (or a pattern, as for systemctl(1)) and may have a command,
`check`. What belongs to a unit that the host does not have is left out.
"""

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
import time
from typing import Any

LIMIT = 60.0  # seconds that a command may take
KEPT = 4000  # characters of what it says, from the beginning and from the end
FEW = 3  # lines of it that are told of a failure: those that sound like the reason, if there are such
REASON = re.compile(r"error|fail|fatal|bad|invalid|unknown|unexpected|cannot|can't|denied|missing", re.IGNORECASE)


def units_of(patterns: list[str]) -> list[str]:
    """Return the names of the units that the host has; what SysV's scripts become was generated."""
    argv = ["systemctl", "list-unit-files", "--no-legend", "--state=enabled,generated"]
    done = subprocess.run(
        [*argv, *(f"{pattern}.service" for pattern in patterns)], capture_output=True, text=True, check=False
    )
    return [line.split()[0].removesuffix(".service") for line in done.stdout.splitlines()]


def check(origin: str, service: str, unit: str, command: list[str]) -> dict[str, Any]:
    """Run a command, and return a result in the shape of a probe's."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=LIMIT,
        )
        ok, said = done.returncode == 0, done.stdout.decode(errors="replace").strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        ok, said = False, str(error)
    seconds = time.monotonic() - began
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["nothing to object" if ok else "failed"]
    reasons = list(filter(REASON.search, lines))[:FEW] or lines[-FEW:]
    if len(said) > KEPT:
        said = f"{said[: KEPT // 2]}\n…\n{said[-KEPT // 2 :]}"
    return {
        "service": service,
        "probe": f"{unit}: {shlex.join(command)}",
        "from": origin,
        "ok": ok,
        "ms": round(seconds * 1000, 1),
        "detail": lines[-1] if ok else "; ".join(reasons),
        "transcript": f"$ {shlex.join(command)}\n< " + said.replace("\n", "\n  "),
    }


def main(origin: str, *texts: str) -> None:
    """Run the program."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    units = [
        (service, unit["name"], unit["check"])
        for text in texts
        for service, found in json.loads(text).items()
        for unit in found
        if "check" in unit
    ]
    there = units_of([name for _, name, _ in units])
    results = [check(origin, *unit) for unit in units if fnmatch.filter(there, unit[1])]
    print(json.dumps(results, ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
