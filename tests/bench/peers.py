"""What the comparisons with untouched packages have in common."""

import math
import statistics

# The inventory's host for them
PEER = ["-i", "tests/bench/peer.yml"]


def compared(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Return the ratio of pairs, ours by the package's, and its standard error."""
    logarithms = [math.log(ours / theirs) for ours, theirs in pairs]
    ratio = math.exp(statistics.median(logarithms))
    return {
        "ratio": round(ratio, 3),
        "standard error": round(ratio * statistics.stdev(logarithms) / len(pairs) ** 0.5, 3),
    }
