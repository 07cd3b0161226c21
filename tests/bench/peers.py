"""What the comparisons with untouched packages have in common."""

import math
import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from lab import Lab

# The inventory's host for them
PEER = ["-i", "tests/bench/peer.yml"]


@contextmanager
def unguarded(lab: Lab) -> Iterator[None]:
    """Take the firewall off: untouched packages have none, and each service has other rules of it to pass."""
    lab.playbook("playbooks/firewall.yml", settings={"firewall_enabled": False})
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
