"""Collect the probes of the configured services, run them, and print how each went."""

import argparse
import fnmatch
import importlib
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from transcript import CURRENT, Transcript, hide, keep_secret

CONFIG = Path("/etc/server-for-dummies/verify.json")
LIMIT = 15.0  # seconds a probe may take
PATIENCE = 0.02  # seconds after which a probe that still waits lets the next one start
PAUSE = 0.1  # seconds between a probe and the next time, where it is made again and again
CROWD, HOLD = 8, 0.25  # so many that still wait hold the next one up for so many seconds at most


class ProbeError(Exception):
    """A service answered otherwise than it should; the text says how."""


def demand(condition: object, message: str) -> None:
    """Raise ProbeError with the message unless the condition holds."""
    if not condition:
        raise ProbeError(message)


class Alone(partial):
    """A journey that those after it would disturb, as they use the same thing: the next one waits until it is over."""


class Probe(NamedTuple):
    """One journey to a service; `journey` returns what it saw, or raises."""

    service: str
    name: str
    journey: Callable[[], str]


class Outcome(NamedTuple):
    """How a journey went."""

    ok: bool
    seconds: float
    detail: str


def collect(services: dict[str, Any]) -> list[Probe]:
    """Return the probes of every service; where a service has none to give, one that fails with the reason."""
    return [probe for service, settings in services.items() for probe in _probes_of(service, settings)]


def _probes_of(service: str, settings: Any) -> list[Probe]:
    try:
        pairs = importlib.import_module(f"probes.{service}").probes(settings)
        probes = [Probe(service, name, journey) for name, journey in pairs]
        twice = [name for name, times in Counter(probe.name for probe in probes).items() if times > 1]
        demand(probes, "no probe comes of this configuration")
        demand(not twice, f"names given to more than one probe: {', '.join(twice)}")
    except Exception as error:
        reason = _describe(error)

        def fail() -> str:
            raise ProbeError(reason)

        return [Probe(service, "probes load", fail)]
    return probes


def select(probes: Iterable[Probe], services: list[str], patterns: list[str]) -> list[Probe]:
    """Return the probes of the given services whose names match a pattern; an empty list stands for all."""
    return [
        probe
        for probe in probes
        if (not services or probe.service in services)
        and (not patterns or any(fnmatch.fnmatchcase(probe.name, pattern) for pattern in patterns))
    ]


class _Run(threading.Thread):
    """A probe on its way. A daemon thread, so that one that hangs does not outlive the program."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(daemon=True)
        self.probe = probe
        self.transcript = Transcript()
        self.outcome: Outcome | None = None

    def start(self) -> None:
        self.began = time.monotonic()
        super().start()

    def run(self) -> None:
        CURRENT.set(self.transcript)
        try:
            ok, detail = True, self.probe.journey()
        except Exception as error:
            ok, detail = False, _describe(error)
        self.outcome = Outcome(ok, time.monotonic() - self.began, detail)

    def finish(self, limit: float) -> Outcome:
        """Wait until the probe is done or its time is up."""
        self.join(max(0.0, self.began + limit - time.monotonic()))
        if self.outcome is None or self.outcome.seconds > limit:
            return Outcome(False, limit, f"not done within {limit:g} s")
        return self.outcome


def run(probes: Iterable[Probe], origin: str, limit: float = LIMIT) -> list[dict[str, Any]]:
    """Run the probes and return one result for each, in their order.

    Beside what each result has, it tells as far as there was any: in `to` whom the probe has talked to (address, port
    or 0 if there was no connection, transport), in `transcript` what was said, and in `facts` what was seen, each of a
    `kind`.

    One starts when the one before it is done, so that the times are the services' and not each other's. One that waits
    for an answer does not hold up the rest. Many that wait do, for a moment, so that a slow machine is not made even
    slower: where all servers are dead, a run takes little longer than `limit` and HOLD for each probe. What would be
    disturbed is waited for, until one such probe fails: then there is little left that could be disturbed.
    """
    runs, in_turn = [_Run(probe) for probe in probes], True
    for number, each in enumerate(runs):
        until = time.monotonic() + HOLD
        while (now := time.monotonic()) < until:
            if sum(run.is_alive() and now < run.began + limit for run in runs[:number]) < CROWD:
                break
            time.sleep(0.005)
        each.start()
        undisturbed = in_turn and isinstance(each.probe.journey, Alone)
        each.join(limit if undisturbed else PATIENCE)
        in_turn = in_turn and (not undisturbed or (each.outcome is not None and each.outcome.ok))
    return [
        {
            "service": each.probe.service,
            "probe": each.probe.name,
            "from": origin,
            "ok": outcome.ok,
            "ms": round(outcome.seconds * 1000, 1),
            "detail": hide(outcome.detail),
            **each.transcript.result(),
        }
        for each in runs
        for outcome in [each.finish(limit)]
    ]


class _Watch(threading.Thread):
    """A journey that is made again and again, and for how long it failed."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(daemon=True)
        self.probe, self.over, self.seen = probe, threading.Event(), threading.Event()
        self.tries = self.failures = 0
        self.away, self.detail = 0.0, ""

    def run(self) -> None:
        well, failing = time.monotonic(), False
        while not self.over.is_set():
            try:
                self.probe.journey()
            except Exception as error:
                ok, self.detail = False, _describe(error)
            else:
                ok = True
            now = time.monotonic()
            self.tries, self.failures = self.tries + 1, self.failures + (not ok)
            if failing or not ok:
                self.away = max(self.away, now - well)
            if ok:
                well = now
                self.seen.set()
            failing = not ok
            self.over.wait(PAUSE)


def watch(probes: Iterable[Probe], origin: str, flag: Path, limit: float = LIMIT) -> list[dict[str, Any]]:
    """Make the journeys again and again, and return for each how it went.

    Args:
        probes: The probes, of which all have to be well at first.
        origin: The name of this host.
        flag: A file that is made as soon as all have been seen to be well. They go on until somebody takes it away.
        limit: Seconds that are waited for that.

    Returns:
        Results as those of run(). `ms` is the longest time for which a service was seen away: from when it was well for
        the last time to the next one. What is shorter than from one try to the next may not be seen.

    Raises:
        ProbeError: when one is not well at first.
    """
    watches, until = [_Watch(probe) for probe in probes], time.monotonic() + limit
    for each in watches:
        each.start()
    for each in watches:
        demand(each.seen.wait(max(0.0, until - time.monotonic())), f"away already: {each.probe.name}: {each.detail}")
    flag.touch()
    while flag.exists():
        time.sleep(PAUSE)
    for each in watches:
        each.over.set()
    for each in watches:
        each.join(limit)
    return [
        {
            "service": each.probe.service,
            "probe": each.probe.name,
            "from": origin,
            "ok": not each.failures,
            "ms": round(each.away * 1000, 1),
            "detail": f"{each.failures} of {each.tries} failed" + (f": {each.detail}" if each.detail else ""),
        }
        for each in watches
    ]


def _describe(error: Exception) -> str:
    if isinstance(error, ProbeError):
        return str(error)
    return f"{type(error).__name__}: {error}".rstrip(": ")


def main(arguments: list[str] | None = None) -> int:
    """Run the program; 0 when every probe is ok, 1 when one is not or none was selected, 2 when it could not run."""
    parser = argparse.ArgumentParser(
        prog="verify", description="Make a user's journeys to the services and print how each went, as JSON."
    )
    parser.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help="JSON file (default: %(default)s)")
    parser.add_argument("--from", dest="origin", metavar="HOST", help="name of this host in the results")
    parser.add_argument("--service", action="append", default=[], help="only this service; may be given again")
    parser.add_argument("--probe", action="append", default=[], metavar="GLOB", help="only probes named so; likewise")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="S", help="seconds per probe (%(default)s)")
    parser.add_argument(
        "--watch", type=Path, metavar="FLAG", help="repeat them while this file, which is made, is there"
    )
    parser.add_argument("--list", action="store_true", help="print the probes' names and run none")
    options = parser.parse_args(arguments)
    try:
        config = json.loads(options.config.read_text(encoding="utf-8"))
        services = dict(config["services"])
        keep_secret(services)
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser.error(f"{options.config}: {_describe(error)}")

    probes = select(collect(services), options.service, options.probe)
    if options.list:
        print(*(f"{probe.service}\t{probe.name}" for probe in probes), sep="\n")
        return 0
    if not probes:
        print(f"verify: no probe is selected; {options.config} has: {', '.join(services)}", file=sys.stderr)
    origin = options.origin or config.get("from") or socket.gethostname()
    try:
        results = (
            watch(probes, origin, options.watch, options.limit) if options.watch else run(probes, origin, options.limit)
        )
    except ProbeError as error:
        parser.error(str(error))
    print("[\n" + ",\n".join(json.dumps(result, ensure_ascii=False) for result in results) + "\n]")
    return 0 if results and all(result["ok"] for result in results) else 1
