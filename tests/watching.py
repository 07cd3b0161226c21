"""Probes that a client makes again and again while something happens."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab import Lab, wait_until

FLAG = "/run/watching"
VERIFY = "/usr/local/lib/server-for-dummies/verify"


@contextmanager
def watched(lab: Lab, services: list[str], patterns: list[str]) -> Iterator[list[dict[str, Any]]]:
    """Make the client's probes of these services that have such names, from when all are well until this is left.

    Yields:
        A list that gets their results then; `ms` is for how long the service was seen away, `ok` whether it never was.
    """
    argv = ["docker", "exec", lab.container("client"), "python3", "-B", VERIFY, "--watch", FLAG]
    argv += [f"--service={service}" for service in services] + [f"--probe={pattern}" for pattern in patterns]
    results: list[dict[str, Any]] = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as watching:
        wait_until(lambda: watching.poll() is not None or lab.run("client", "ls", FLAG, check=False), 30)
        try:
            yield results
        finally:
            lab.run("client", "rm", "-f", FLAG)
            results += json.loads(watching.communicate(timeout=60)[0])
