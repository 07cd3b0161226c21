"""Pages of the web server, as the tests ask for them on the client."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from lab import Lab

HOSTS = [
    {"name": "www.st.um"},
    {"name": "www1.st.um"},
    {"name": "www2.st.um", "groups": ["dummies"]},
    {"name": "www3.st.um", "tls": True},
]
# Asks without a pause for each of two pages, by a connection of its own each time, until it is told to stop.
LOOP = """
import http.client, json, os, ssl, sys
counts, failures = {}, []
while not os.path.exists("/run/stop"):
    for name, port in (("www1.st.um", 80), ("www3.st.um", 443)):
        kind = http.client.HTTPConnection if port == 80 else http.client.HTTPSConnection
        try:
            connection = kind(name, port, timeout=5)
            connection.request("GET", "/")
            response = connection.getresponse()
            response.read()
            counts[f"{name} {response.status}"] = counts.get(f"{name} {response.status}", 0) + 1
            connection.close()
        except Exception as error:
            failures.append(f"{name}: {error!r}")
print(json.dumps([counts, failures]))
"""


def curl(lab: Lab, *arguments: str) -> str:
    """Return the status of an answer, as curl on the client sees it."""
    command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", *arguments]
    return lab.run("client", *command, check=False)


def apache_since(lab: Lab) -> str:
    return lab.run("primary", "systemctl", "show", "-p", "ActiveEnterTimestampMonotonic,MainPID", "apache2")


@contextmanager
def nobody_is_turned_away(lab: Lab) -> Iterator[None]:
    """Demand that the client gets both pages all the time."""
    lab.run("client", "rm", "-f", "/run/stop")
    container = lab.container("client")
    loop = subprocess.Popen(["docker", "exec", container, "python3", "-c", LOOP], text=True, stdout=subprocess.PIPE)
    try:
        yield
    finally:
        lab.run("client", "touch", "/run/stop")
        printed, _ = loop.communicate(timeout=30)
        lab.run("client", "rm", "-f", "/run/stop")
    counts, failures = json.loads(printed)
    assert failures == []
    assert counts.keys() == {"www1.st.um 200", "www3.st.um 200"}
    assert min(counts.values()) > 100
