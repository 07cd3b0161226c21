"""A client that looks a name up every 10 ms, as its programs do, while something happens."""

import json
import subprocess
from types import TracebackType
from typing import Self

from lab import Lab

# Each look-up has a thread of its own, and so the C library's resolver, with the servers of resolv.conf(5) in their
# order. It ends with the standard input, and prints how many there were, the longest one, and those that failed.
ASK = """
import json, socket, sys, threading, time
name, address, asked, failed, took = sys.argv[1], sys.argv[2], 0, [], []
def look():
    began = time.time()
    try:
        found = {each[4][0] for each in socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)}
        if found != {address}:
            failed.append((began, sorted(found)))
    except OSError as error:
        failed.append((began, str(error)))
    took.append(time.time() - began)
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
print("asking", flush=True)
threads, due = [], time.monotonic()
while not over.is_set():
    thread = threading.Thread(target=look)
    thread.start()
    threads.append(thread)
    due += 0.01
    over.wait(max(0.0, due - time.monotonic()))
[thread.join() for thread in threads]
print(json.dumps({"asked": len(threads), "longest": max(took), "failed": failed}))
"""


class Asking:
    """Look-ups from the client, from when this is entered until it is left.

    Attributes:
        asked: How many there were.
        longest: Seconds that the slowest one took.
        failed: When each of those began that failed (seconds since the epoch), and what was seen.
    """

    def __init__(self, lab: Lab, name: str = "www.st.um") -> None:
        """Say of which lab, and which name is looked up; it has the primary server's address."""
        self.argv = ["docker", "exec", "-i", lab.container("client"), "python3", "-c", ASK, name, lab.address(135)]
        self.asked, self.longest, self.failed = 0, 0.0, []

    def __enter__(self) -> Self:
        """Begin."""
        self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "asking\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and take what was seen."""
        output, _ = self.process.communicate(timeout=60)
        seen = json.loads(output)
        self.asked, self.longest, self.failed = seen["asked"], seen["longest"], seen["failed"]
