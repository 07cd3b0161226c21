"""What the services make of their configuration, by their own words."""

import os

import pytest
import testinfra

from lab import Lab


@pytest.fixture(params=["primary", "secondary"])
def host(request: pytest.FixtureRequest, lab: Lab) -> testinfra.host.Host:
    return testinfra.get_host(f"docker://{lab.container(request.param)}")


def test_the_hosts_have_the_releases_that_the_scenario_says(lab: Lab) -> None:
    swapped = os.environ.get("LAB_SWAPPED") == "true"
    found = [lab.release(host) for host in ("primary", "secondary", "client")]
    assert found == (["12", "13", "12"] if swapped else ["13", "12", "13"])


def test_named_runs_and_starts_at_boot(host: testinfra.host.Host) -> None:
    service = host.service("named")
    assert service.is_running
    assert service.is_enabled


@pytest.mark.parametrize("socket", ["udp://0.0.0.0:53", "tcp://0.0.0.0:53"])
def test_named_listens(host: testinfra.host.Host, lab: Lab, socket: str) -> None:
    # named binds each address by itself.
    own = host.check_output("ip -4 -br address show dev eth0").split()[2].partition("/")[0]
    assert host.socket(socket.replace("0.0.0.0", own)).is_listening  # noqa: S104 (a name in a table, nothing is bound)


def test_the_effective_configuration(host: testinfra.host.Host) -> None:
    configuration = " ".join(host.check_output("named-checkconf -px").split())
    for words in (
        'allow-recursion { "site"; };',
        'allow-transfer { key "secondary"; key "verify"; };',
        "dnssec-validation yes;",
        "version none;",
        "forward only;",
    ):
        assert words in configuration


def test_keys_are_for_named_alone(host: testinfra.host.Host) -> None:
    keys = host.file("/etc/bind/tsig.keys")
    assert (keys.user, keys.group, keys.mode) == ("root", "bind", 0o640)


def test_packages_are_left_quiet(host: testinfra.host.Host) -> None:
    # Nothing of a package's is changed but the configuration that is there to be edited.
    changed = [line.split()[-1] for line in host.run("dpkg --verify bind9 bind9-dnsutils").stdout.splitlines()]
    assert {path for path in changed if not path.startswith("/usr/share/")} <= {
        "/etc/bind/named.conf",
        "/etc/bind/named.conf.local",
        "/etc/bind/named.conf.options",
    }


def test_nothing_leads_out_of_the_lab(host: testinfra.host.Host) -> None:
    for version in ("-4", "-6"):
        assert host.check_output(f"ip {version} route show default") == ""
