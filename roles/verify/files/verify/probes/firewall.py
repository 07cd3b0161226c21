"""What is not served by a host: a firewall lets nothing come there, not even an answer that there is nobody."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from frame import ProbeError
from transcript import dial

TIMEOUT = 1.0
Pairs = Iterator[tuple[str, partial[str]]]


def probes(settings: dict[str, Any]) -> Pairs:
    """Yield a probe of each host."""
    port = settings["port"]
    for host in settings["hosts"]:
        yield f"{host['name']}: port {port} silent", partial(silent, host["addresses"], port)


def silent(addresses: list[str], port: int) -> str:
    """Demand that nothing at all is answered."""
    for address in addresses:
        try:
            dial(address, port, TIMEOUT).close()
        except TimeoutError:
            continue
        except OSError as error:
            raise ProbeError(f"{address} port {port} TCP: {error}") from error
        raise ProbeError(f"{address} port {port} TCP: open")
    return f"no answer from {', '.join(addresses)}"
