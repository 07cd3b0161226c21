"""What the comparisons with untouched packages have in common."""

import math
import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from lab import Lab

# The inventory's host for them
PEER = ["-i", "tests/bench/peer.yml"]


@contextmanager
def trusted(lab: Lab) -> Iterator[None]:
    """Let all hosts of the lab use what they like, as often as they like: untouched packages have no firewall."""
    networks = [f"172.16.{number}.0/24" for number in (lab.net, lab.net + 1)]
    lab.playbook("playbooks/firewall.yml", settings={"firewall_trusted_networks": networks})
    try:
        yield
    finally:
        lab.playbook("playbooks/firewall.yml")


def compared(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Return the ratio of pairs, ours by the package's, and its standard error."""
    logarithms = [math.log(ours / theirs) for ours, theirs in pairs]
    ratio = math.exp(statistics.median(logarithms))
    return {
        "ratio": round(ratio, 3),
        "standard error": round(ratio * statistics.stdev(logarithms) / len(pairs) ** 0.5, 3),
    }
