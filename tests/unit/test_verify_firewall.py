"""The probes of what a firewall keeps silent."""

import importlib
import socket

import pytest
from frame import ProbeError

firewall = importlib.import_module("probes.firewall")


def test_each_host_has_one() -> None:
    hosts = [{"name": "a", "addresses": ["192.0.2.1", "2001:db8::1"]}, {"name": "b", "addresses": ["192.0.2.2"]}]
    assert [name for name, _ in firewall.probes({"hosts": hosts, "port": 9})] == [
        "a: port 9 silent",
        "b: port 9 silent",
    ]


def test_who_says_that_there_is_nobody_is_not_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ProbeError, match=rf"127.0.0.1 port {port} TCP: .*refused"):
        firewall.silent(["127.0.0.1"], port)


def test_who_answers_is_not_silent() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(ProbeError, match="TCP: open"),
    ):
        firewall.silent(["127.0.0.1"], server.getsockname()[1])


def test_all_addresses_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def dial(address: str, port: int, timeout: float) -> socket.socket:
        asked.append((address, port))
        raise TimeoutError

    monkeypatch.setattr(firewall, "dial", dial)
    assert firewall.silent(["192.0.2.1", "2001:db8::1"], 9) == "no answer from 192.0.2.1, 2001:db8::1"
    assert asked == [("192.0.2.1", 9), ("2001:db8::1", 9)]
