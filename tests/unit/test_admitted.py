"""Which connections of Ansible's a firewall would let in again."""

from typing import Any

import pytest
from admitted import admitted
from ansible.errors import AnsibleFilterError

SERVICES = {"ssh": {"tcp": [22, 2222]}, "dns": {"udp": [53], "tcp": [53]}}
FAR = "192.0.2.1 50000 172.16.22.135 22"
SIX = "2001:db8::1 50000 2001:db8::135 22"


@pytest.mark.parametrize(
    ("connection", "settings", "let_in"),
    [
        (FAR, {}, True),
        (SIX, {}, True),
        ("192.0.2.1 50000 172.16.22.135 2222", {}, True),
        ("192.0.2.1 50000 172.16.22.135 2200", {}, False),
        ("", {"services": {}}, True),  # not over SSH
        ("127.0.0.1 50000 127.0.0.1 2200", {"services": {}}, True),
        ("::1 50000 ::1 2200", {"services": {}}, True),
        # The port of another protocol
        (FAR, {"services": {"ssh": {"udp": [22]}}}, False),
        (FAR, {"services": {}, "ports": [{"port": 22, "protocol": "udp"}]}, False),
        (FAR, {"services": {}, "ports": [{"port": 22}]}, True),
        (FAR, {"services": {}, "ports": [{"port": 23}]}, False),
        (FAR, {"services": {}, "ports": [{"port": 22, "networks": ["192.0.2.0/24"]}]}, True),
        (FAR, {"services": {}, "ports": [{"port": 22, "networks": []}]}, False),
        # From where
        (FAR, {"networks": {"ssh": []}}, False),
        (FAR, {"networks": {"dns": []}}, True),
        (FAR, {"networks": {"ssh": ["172.16.22.0/24", "2001:db8::/32"]}}, False),
        (SIX, {"networks": {"ssh": ["172.16.22.0/24", "2001:db8::/32"]}}, True),
        (FAR, {"networks": {"ssh": []}, "trusted": ["192.0.2.0/24"]}, True),
        (FAR, {"networks": {"ssh": []}, "trusted": ["198.51.100.0/24"]}, False),
        (FAR, {"networks": {"ssh": []}, "ports": [{"port": 22}]}, True),
    ],
)
def test_it_is_let_in_where_the_settings_say_so(connection: str, settings: dict[str, Any], let_in: bool) -> None:
    usual = {"services": SERVICES, "networks": {}, "ports": [], "trusted": []}
    assert admitted(connection, **usual | settings) is let_in


@pytest.mark.parametrize("connection", ["192.0.2.1", "a b c d", "192.0.2.1 1 192.0.2.2 x"])
def test_what_is_no_connection_is_refused(connection: str) -> None:
    with pytest.raises(AnsibleFilterError, match="is not a connection as SSH_CONNECTION tells it"):
        admitted(connection, SERVICES, {}, [], [])
