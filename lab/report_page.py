"""The page of the report: one HTML file that needs no other, to look at rather than to read."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from report import count, reasons
from report_map import Result, Site, facts, maps, place

TEMPLATE = Path(__file__).with_name("report.html.j2")
SOON = 30  # days before a certificate's end from which on somebody ought to look: then it is renewed
FEW = 3  # probes with the same first words that get a heading of their own
SLOWEST = 10
MARKS = {">": "b", "$": "b", "*": "i"}  # how a transcript's lines are shown: what was asked, and notes


@dataclass
class Probe:
    """A result as a line of the page."""

    result: Result
    number: int
    name: str
    is_open: bool = False

    @property
    def talk(self) -> list[tuple[str, str]]:
        """Return what was said, each with the element that it is shown by."""
        entries = re.split(r"\n(?! )", self.result.get("transcript", ""))
        return [(MARKS.get(entry[:1], ""), entry) for entry in entries]


@dataclass
class Group:
    """The probes of a service from one host: those that failed, then the others below their common first words."""

    origin: str
    failed: list[Probe]
    parts: list[tuple[str, list[Probe]]]
    results: list[Result]

    @property
    def seconds(self) -> float:
        """Return how long they took together."""
        return sum(result["ms"] for result in self.results) / 1000


@dataclass
class Service:
    """A service, and its probes."""

    name: str
    groups: list[Group]
    results: list[Result]
    squares: list[tuple[int, bool, str]] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Return how many probes failed."""
        return sum(not result["ok"] for result in self.results)


def services(results: list[Result]) -> list[Service]:
    """Return the services in their order; the probes stay in the order they ran in."""
    numbers = {id(result): number for number, result in enumerate(results, 1)}
    ordered = sorted(results, key=lambda result: (result["service"] == "verify", place(result["service"])))
    return [
        _service(name, list(found), numbers) for name, found in groupby(ordered, key=lambda result: result["service"])
    ]


def _service(name: str, results: list[Result], numbers: dict[int, int]) -> Service:
    origins = dict.fromkeys(result["from"] for result in results)
    groups = [_group(origin, [result for result in results if result["from"] == origin], numbers) for origin in origins]
    groups.sort(key=lambda group: (not group.failed, -len(group.results)))
    squares = [(numbers[id(each)], each["ok"], f"{each['from']}: {each['probe']}") for each in results]
    return Service(name, groups, results, squares)


def _group(origin: str, results: list[Result], numbers: dict[int, int]) -> Group:
    starts = Counter(result["probe"].partition(": ")[0] for result in results if ": " in result["probe"])
    parts: dict[str, list[Probe]] = {"": []}
    failed = []
    for result in results:
        first, _, rest = result["probe"].partition(": ")
        if not result["ok"]:
            is_new = result["detail"] not in {each.result["detail"] for each in failed}
            failed.append(Probe(result, numbers[id(result)], result["probe"], is_new))
        elif starts[first] >= FEW:
            parts.setdefault(first, []).append(Probe(result, numbers[id(result)], rest))
        else:
            parts[""].append(Probe(result, numbers[id(result)], result["probe"]))
    return Group(origin, failed, [part for part in parts.items() if part[1]], results)


# Certificates


@dataclass
class Certificate:
    """A certificate, where it is shown, and how long it lasts."""

    subject: str
    issuer: str
    names: list[str]
    until: datetime
    days: int
    where: dict[str, list[int]]

    @property
    def state(self) -> str:
        """Return bad when it has ended, or some when it does soon."""
        return "bad" if self.days < 0 else "some" if self.days < SOON else "good"


def moment(text: str) -> datetime:
    """Return a time that is written in ISO 8601."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def common_name(name: str) -> str:
    """Return the CN of a distinguished name (RFC 4514), or all of it."""
    found = re.search(r"(?:^|,)CN=((?:[^,\\]|\\.)*)", name)
    return found[1] if found else name


def certificates(results: list[Result], site: Site, now: datetime) -> list[Certificate]:
    """Return each certificate that was seen, that which ends first before the others."""
    seen: dict[tuple[str, str], tuple[dict[str, Any], dict[str, set[int]]]] = {}
    for fact in facts(results, "certificate"):
        _, where = seen.setdefault((fact["issuer"], fact["number"]), (fact, {}))
        where.setdefault(site.name_of(fact["address"]), set()).add(fact["port"])
    return sorted((_certificate(fact, where, now) for fact, where in seen.values()), key=lambda each: each.until)


def _certificate(fact: dict[str, Any], where: dict[str, set[int]], now: datetime) -> Certificate:
    until, name = moment(fact["until"]), common_name(fact["subject"])
    others = [other for other in fact["names"] if other != name]
    shown = {host: sorted(ports) for host, ports in where.items()}
    return Certificate(name, common_name(fact["issuer"]), others, until, (until - now).days, shown)


@dataclass
class Authority:
    """An authority, and its list of revoked certificates."""

    name: str
    days: int
    until: datetime
    revoked: int
    list_until: datetime
    list_days: int


def authorities(results: list[Result], now: datetime) -> list[Authority]:
    """Return the authorities whose lists were seen."""
    seen = {fact["subject"]: fact for fact in facts(results, "authority")}
    return [
        Authority(common_name(name), (until - now).days, until, fact["revoked"], list_until, (list_until - now).days)
        for name, fact in seen.items()
        for until, list_until in [(moment(fact["until"]), moment(fact["list_until"]))]
    ]


# Serials


@dataclass
class Zone:
    """A zone's serial on each server, and how long its signatures last."""

    name: str
    serials: list[str]
    differs: list[bool]
    days: float | None


def zones(results: list[Result], site: Site) -> tuple[list[str], list[Zone]]:
    """Return the servers, and the zones with what each server serves."""
    seen: dict[str, dict[str, set[int]]] = {}
    for fact in facts(results, "serial"):
        seen.setdefault(fact["zone"], {}).setdefault(site.name_of(fact["address"]), set()).add(fact["serial"])
    asked = (each.get("to", []) for each in results if next(facts([each], "serial"), None))
    servers = dict.fromkeys(site.name_of(to[0]) for peers in asked for to in peers)  # also who gave no answer
    days: dict[str, float] = {}
    for fact in facts(results, "signatures"):
        days[fact["zone"]] = min(fact["days"], days.get(fact["zone"], fact["days"]))
    return [*servers], [_zone(name, found, [*servers], days.get(name)) for name, found in seen.items()]


def _zone(name: str, found: dict[str, set[int]], servers: list[str], days: float | None) -> Zone:
    usual, _ = Counter(serial for serials in found.values() for serial in serials).most_common(1)[0]
    serials = [", ".join(map(str, sorted(found.get(server, ())))) or "no answer" for server in servers]
    return Zone(name, serials, [found.get(server) != {usual} for server in servers], days)


# The page


def slowest(results: list[Result]) -> Iterator[tuple[Result, float]]:
    """Yield the probes that took longest, with their part of the longest time."""
    ordered = sorted(results, key=lambda result: -result["ms"])[:SLOWEST]
    for result in ordered:
        if result["ms"]:
            yield result, 100 * result["ms"] / ordered[0]["ms"]


def page(results: list[Result]) -> str:
    """Return the results as one HTML page that needs no other file."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    site = Site(results)
    now = moment(site.run["ended"]) if site.run else datetime.now(UTC)
    servers, found = zones(results, site)
    return environment.get_template(TEMPLATE.name).render(
        title=count(results),
        results=results,
        failed=sum(not result["ok"] for result in results),
        reasons=reasons(results),
        site=site,
        maps=maps(site),
        now=now,
        services=services(results),
        certificates=certificates(results, site, now),
        authorities=authorities(results, now),
        servers=servers,
        zones=found,
        copies=list(facts(results, "copy")),
        slowest=list(slowest(results)),
        count=count,
        many=lambda results: count(results).partition(",")[0],
        tally_words=lambda tally: f"{tally.failed} of {tally.probes}" if tally.failed else str(tally.probes),
    )
