"""Where all figures are kept: build/bench.json, with a part for each program that measures."""

import fcntl
import json
from typing import Any

from lab import TOP

FILE = TOP / "build" / "bench.json"


def keep(part: str, figures: dict[str, Any]) -> None:
    """Print figures, and put them in the place of this part's last ones."""
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known = json.loads(file.read() or "{}")
        file.truncate(0)
        file.write(json.dumps(known | {part: figures}, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
