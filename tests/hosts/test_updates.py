"""Names come and go by updates (RFC 2136), and nothing but an update takes one away."""

from collections.abc import Iterator

import pytest

from lab import Lab, changed, wait_until

SERVERS = (135, 137)
NAME = "laptop.dyn.st.um"
KEY = ("-k", "/etc/bind/update.key")


def facts(lab: Lab) -> list[tuple[str, str, str]]:
    """Return what a host that gets its addresses by DHCP would say of itself, both ways."""
    addresses = {"A": lab.address(200), "AAAA": f"fd53:4644:0:{lab.net}:d::200"}
    # Where the name of an IPv4 address really is, the zone above tells by an alias (RFC 2317).
    [alias] = lab.dig(f"200.{lab.net}.16.172.in-addr.arpa", "CNAME")
    nibbles = f"fd5346440000{lab.net:04}000d000000000200"
    return [
        *((NAME, kind, address) for kind, address in addresses.items()),
        (alias, "PTR", f"{NAME}."),
        (".".join(reversed(nibbles)) + ".ip6.arpa.", "PTR", f"{NAME}."),
    ]


def update(lab: Lab, commands: list[str], *key: str) -> str:
    """Send each command in an update of its own, to the server and the zone that nsupdate finds by itself."""
    text = "".join(f"{command}\\nsend\\n" for command in commands)
    return lab.run("client", "sh", "-c", f"printf '{text}' | nsupdate {' '.join(key)} 2>&1", check=bool(key))


def everywhere(lab: Lab, name: str, kind: str, value: str | None) -> bool:
    return all(
        lab.dig(f"@{lab.address(server)}", "+norecurse", name, kind) == ([value] if value else []) for server in SERVERS
    )


@pytest.fixture
def laptop(lab: Lab) -> Iterator[list[tuple[str, str, str]]]:
    given = facts(lab)
    update(lab, [f"add {name} 60 {kind} {value}" for name, kind, value in given], *KEY)
    yield given
    update(lab, [f"delete {name} {kind}" for name, kind, _ in given], *KEY)
    wait_until(lambda: all(everywhere(lab, name, kind, None) for name, kind, _ in given))


def test_updates_arrive_and_stay(lab: Lab, laptop: list[tuple[str, str, str]]) -> None:
    wait_until(lambda: all(everywhere(lab, *fact) for fact in laptop))
    for _, kind, value in laptop[:2]:
        assert lab.dig("-x", value)[-1:] == [f"{NAME}."], kind

    # Neither a run nor a restart loses any of it, and a run does not take it for a change.
    assert changed(lab.playbook("site.yml")) == 0
    lab.run("primary", "systemctl", "restart", "named")
    wait_until(lambda: all(everywhere(lab, *fact) for fact in laptop))
    for server in SERVERS:
        words = ("delv", "-a", "/etc/bind/bind.keys", f"@{lab.address(server)}", NAME, "A")
        assert "; fully validated" in lab.run("client", *words)


def test_an_update_without_a_key_is_refused(lab: Lab) -> None:
    for name, kind, value in facts(lab):
        assert "update failed: REFUSED" in update(lab, [f"add {name} 60 {kind} {value}"])
        assert everywhere(lab, name, kind, None)
