"""The map of the report: the hosts, the services on them, and who probed whom, drawn from what the results tell."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Result = dict[str, Any]

ROLES = {
    "primary_servers": "primary server",
    "secondary_servers": "secondary server",
    "clients": "client",
    "outside": "the rest of the world",
}
SERVERS = {"primary_servers", "secondary_servers"}
ORDER = ["dns", "ca", "ssh", "ldap", "mail", "web"]  # of services; others come behind, by their names
# Sizes, in units of the drawing: a line of text, the inside of a box, and what is between boxes
LINE, ROW, PAD, GAP, MARGIN, TITLE = 18, 21, 14, 20, 18, 34
WIDE = {"client": 232, "server": 344, "outside": 232}
BETWEEN, BELOW = 96, 26  # two columns, and for a line that leads from one to the one after the next
NARROW, GUTTER = 340, 11  # a column on a small screen, and the lane of a host's lines beside it
MONOSPACE, SMALL, WORDS = (
    0.61,
    11.5,
    7.4,
)  # a character's width in its height, the height of addresses; the width of others
INDENT = 64  # of ports, in a box


@dataclass
class Tally:
    """How many probes there were, how many of them failed, and at which ports."""

    probes: int = 0
    failed: int = 0
    ports: set[int] = field(default_factory=set)

    def add(self, result: Result, ports: set[int]) -> None:
        """Count a probe."""
        self.probes += 1
        self.failed += not result["ok"]
        self.ports |= ports

    @property
    def state(self) -> str:
        """Return good, bad when half of them failed or more, or some."""
        return "good" if not self.failed else "bad" if 2 * self.failed >= self.probes else "some"

    @property
    def words(self) -> str:
        """Return it in words."""
        return f"{self.failed} of {self.probes} failed" if self.failed else f"{self.probes} ok"


@dataclass
class Host:
    """A host of the inventory, and how what is on it fares."""

    name: str
    column: str
    role: str
    addresses: list[str]
    names: list[str]
    every_address: set[str]
    is_reached: bool
    services: dict[str, Tally] = field(default_factory=dict)
    x: float = 0
    y: float = 0
    width: float = 0

    @property
    def height(self) -> float:
        """Return the height of its box."""
        lines = 1 + bool(self.role) + len(self.addresses) + (not self.is_reached)
        return 2 * PAD + 10 + lines * LINE + (len(self.services) * ROW + 8 if self.services else 0)

    @property
    def middle(self) -> float:
        """Return the height of its middle."""
        return self.y + self.height / 2

    @property
    def state(self) -> str:
        """Return the worst state of what is on it."""
        states = {tally.state for tally in self.services.values()}
        return "bad" if not self.is_reached or "bad" in states else "some" if "some" in states else "good"

    def ports(self, tally: Tally) -> str:
        """Return the ports of a service, as far as there is room before what is said of it."""
        room = self.width - 2 * PAD - INDENT - len(tally.words if tally.failed else str(tally.probes)) * WORDS
        texts = [str(port) for port in sorted(tally.ports)]
        while texts and len(" ".join(texts)) * SMALL * MONOSPACE > room:
            texts = [*texts[:-2], "…"] if len(texts) > 1 else []
        return " ".join(texts)

    def fit(self, text: str) -> float | None:
        """Return the width to which an address has to be squeezed, if it does not fit."""
        room = self.width - 2 * PAD
        return room if len(text) * SMALL * MONOSPACE > room else None


@dataclass
class Edge:
    """Probes from one host to another."""

    origin: Host
    to: Host
    tally: Tally
    path: str = ""
    label: tuple[float, float] = (0, 0)


@dataclass
class Map:
    """A drawing: its size, the frame around the site, and what is in it."""

    width: float
    height: float
    frame: tuple[float, float, float, float]
    hosts: list[Host]
    edges: list[Edge]
    lanes: list[str] = field(default_factory=list)

    @property
    def is_wide(self) -> bool:
        """Tell if it has columns."""
        return not self.lanes


def place(service: str) -> tuple[int, str]:
    """Return a service's place among the others."""
    return ORDER.index(service) if service in ORDER else len(ORDER), service


def facts(results: list[Result], kind: str) -> Iterator[dict[str, Any]]:
    """Yield what was seen of a kind."""
    return (fact for result in results for fact in result.get("facts", []) if fact["kind"] == kind)


class Site:
    """The hosts, and who of them a result is about."""

    def __init__(self, results: list[Result]) -> None:
        """Read it from the results."""
        self.run = next(facts(results, "run"), {})
        self.hosts = [self._host(fact, results) for fact in facts(results, "host")]
        self.by_name = {host.name: host for host in self.hosts}
        self.by_address = {address: host for host in self.hosts for address in host.every_address}
        self.tallies: dict[tuple[str, str], Tally] = {}
        for result in results:
            if result["service"] != "verify":
                self._count(result)

    def name_of(self, address: str) -> str:
        """Return the name of the host that has an address, or the address."""
        return self.by_address[address].name if address in self.by_address else address

    def _host(self, fact: dict[str, Any], results: list[Result]) -> Host:
        groups, domain = set(fact["groups"]), self.run.get("domain", "")
        column = "server" if groups & SERVERS else "outside" if "outside" in groups else "client"
        lost = {result["from"] for result in results if result["probe"] == "host reachable" and not result["ok"]}
        return Host(
            name=fact["name"],
            column=column,
            role=", ".join(role for group, role in ROLES.items() if group in groups),
            addresses=fact["addresses"],
            names=[domain if name == "@" else f"{name}.{domain}" for name in fact["names"]],
            every_address={*fact["addresses"], *fact.get("more_addresses", [])},
            is_reached=fact["name"] not in lost,
        )

    def _count(self, result: Result) -> None:
        for host in self.about(result):
            ports = {port for address, port, _ in result.get("to", []) if self.by_address.get(address) is host} - {0}
            host.services.setdefault(result["service"], Tally()).add(result, ports)
            if host.name != result["from"] and result["from"] in self.by_name:
                self.tallies.setdefault((result["from"], host.name), Tally()).add(result, ports)

    def about(self, result: Result) -> list[Host]:
        """Return whom a result tells something of: those whom the probe has talked to, or else where it was made.

        Of a failure, only those among them whom its detail names, if it names any.
        """
        met = {host.name: host for to in result.get("to", []) if (host := self.by_address.get(to[0]))}
        if not result["ok"]:
            named = {name: host for name, host in met.items() if self._names(result["detail"], host)}
            met = named or met
        own = [self.by_name[result["from"]]] if result["from"] in self.by_name else []
        return list(met.values()) or own

    @staticmethod
    def _names(text: str, host: Host) -> bool:
        words = "|".join(map(re.escape, [host.name, *host.names, *host.addresses]))
        return re.search(rf"(?<![\w.:-])(?:{words})(?![\w:-]|\.\w)", text) is not None


def maps(site: Site) -> list[Map]:
    """Return the map for a wide screen, and the one for a narrow one; none where nothing is known of the hosts."""
    for host in site.hosts:
        host.services = dict(sorted(host.services.items(), key=lambda item: place(item[0])))
    return [draw(site) for draw in (_wide, _narrow)] if site.hosts else []


def _copies(site: Site, width: dict[str, float]) -> dict[str, list[Host]]:
    """Return the hosts of each column, as they will be in one drawing."""
    columns: dict[str, list[Host]] = {"client": [], "server": [], "outside": []}
    for host in site.hosts:
        columns[host.column].append(Host(**{**vars(host), "width": width[host.column]}))
    return columns


def _edges(site: Site, columns: dict[str, list[Host]]) -> list[Edge]:
    hosts = {host.name: host for column in columns.values() for host in column}
    return [Edge(hosts[origin], hosts[to], tally) for (origin, to), tally in site.tallies.items()]


def _stacked(hosts: list[Host], x: float, y: float) -> float:
    """Put boxes below each other; return where the last one ends."""
    for host in hosts:
        host.x, host.y = x, y
        y += host.height + GAP
    return y - GAP if hosts else y


def _wide(site: Site) -> Map:
    """Put who is inside to the left of the servers, and who is outside to their right."""
    columns = _copies(site, WIDE)
    filled = {name: hosts for name, hosts in columns.items() if hosts}
    heights = {name: sum(host.height + GAP for host in hosts) - GAP for name, hosts in filled.items()}
    height, x = max(heights.values()), MARGIN
    for name, hosts in filled.items():
        _stacked(hosts, x, TITLE + MARGIN + (height - heights[name]) / 2)
        x += WIDE[name] + BETWEEN
    inside = [host for name in ("client", "server") for host in columns[name]]
    right = max((host.x + host.width for host in inside), default=0) + MARGIN
    bottom = TITLE + height + 2 * MARGIN
    edges = [edge for edge in _edges(site, columns) if edge.origin.column != edge.to.column]
    for edge in edges:
        _bend(edge)
    around = [edge for edge in edges if "server" not in (edge.origin.column, edge.to.column)]
    for number, edge in enumerate(around):
        bottom += BELOW
        _below(edge, bottom - BELOW / 2 - MARGIN / 2, 9 * number)
    _spread(edges)
    hosts = [host for column in columns.values() for host in column]
    return Map(x - BETWEEN + MARGIN, bottom + 1, (0.5, 0.5, right, bottom), hosts, edges)


def _below(edge: Edge, y: float, aside: float) -> None:
    """Draw a line from one box to another below those that are between them, beside other such lines."""
    turn = 16 if edge.to.x > edge.origin.x else -16
    left, right = sorted((edge.origin, edge.to), key=lambda host: host.x)
    ends = {left.name: left.x + left.width / 2 - aside, right.name: right.x + right.width / 2 + aside}
    x1, x2 = ends[edge.origin.name], ends[edge.to.name]
    y1, y2 = (host.y + host.height for host in (edge.origin, edge.to))
    edge.path = (
        f"M{x1:.0f} {y1:.0f}V{y - 16:.0f}Q{x1:.0f} {y:.0f} {x1 + turn:.0f} {y:.0f}"
        f"H{x2 - turn:.0f}Q{x2:.0f} {y:.0f} {x2:.0f} {y - 16:.0f}V{y2:.0f}"
    )
    edge.label = ((x1 + x2) / 2, y)


def _bend(edge: Edge) -> None:
    """Draw a line from the side of one box to that of another."""
    left, right = sorted((edge.origin, edge.to), key=lambda host: host.x)
    x1, x2 = left.x + left.width, right.x
    y1, y2 = left.middle, right.middle
    if edge.origin is right:
        x1, y1, x2, y2 = x2, y2, x1, y1
    bend = (x2 - x1) / 2
    edge.path = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    edge.label = ((x1 + x2) / 2, (y1 + y2) / 2)


def _spread(edges: list[Edge]) -> None:
    """Keep the labels of lines apart."""
    taken: list[tuple[float, float]] = []
    for edge in sorted(edges, key=lambda edge: edge.label[1]):
        x, y = edge.label
        while any(abs(x - other) < BETWEEN and abs(y - height) < LINE + 4 for other, height in taken):
            y += 2
        edge.label = (x, y)
        taken.append(edge.label)


def _narrow(site: Site) -> Map:
    """Put all below each other, with a lane beside the boxes for each host from which others are probed."""
    columns = _copies(site, dict.fromkeys(WIDE, NARROW))
    edges = _edges(site, columns)
    origins = list(dict.fromkeys(edge.origin.name for edge in edges))
    left = MARGIN + GUTTER * len(origins)
    end = _stacked(columns["client"] + columns["server"], left, TITLE + MARGIN)
    below = _stacked(columns["outside"], left, end + MARGIN + GAP) if columns["outside"] else end + MARGIN - MARGIN
    hosts = [host for column in columns.values() for host in column]
    lanes = []
    for number, origin in enumerate(origins, 1):
        x, aside = left - GUTTER * number + 2, 8 * number
        start = next(host.middle for host in hosts if host.name == origin)
        ends = [start]
        for edge in edges:
            if edge.origin.name == origin:
                ends.append(edge.to.middle + aside)
                edge.path = f"M{x} {ends[-1]:.0f}H{left}"
        lanes.append(f"M{left} {start:.0f}H{x}M{x} {min(ends):.0f}V{max(ends):.0f}")
    width = left + NARROW + MARGIN
    return Map(width, max(below, end + MARGIN) + 1, (0.5, 0.5, width - 1, end + MARGIN), hosts, edges, lanes or [""])
