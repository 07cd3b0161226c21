import pytest
from ansible.errors import AnsibleFilterError
from in_networks import in_networks

NETWORKS = ["172.16.22.0/24", "fd53:4644:0:22::/64"]


def host(*addresses):
    return {"name": "a", "names": ["a"], "addresses": [*addresses]}


@pytest.mark.parametrize("hosts", [[], [host("172.16.22.0")], [host("172.16.22.255", "fd53:4644:0:22::1"), host()]])
def test_hosts_at_home_come_back(hosts):
    assert in_networks(hosts, NETWORKS) is hosts


@pytest.mark.parametrize(
    ("addresses", "networks", "words"),
    [
        (
            ["172.16.23.0"],
            NETWORKS,
            "Edit host_ipv4 of host a: 172.16.23.0 is in none of site_networks, 172.16.22.0/24, fd",
        ),
        (["172.16.22.1", "fd53:4644:0:23::1"], NETWORKS, "Edit host_ipv6 of host a: fd53:4644:0:23::1 is in none"),
        (["172.16.22.1"], [], "Edit host_ipv4 of host a: 172.16.22.1 is in none of site_networks, there is none"),
    ],
)
def test_others_are_refused(addresses, networks, words):
    with pytest.raises(AnsibleFilterError) as error:
        in_networks([host(*addresses)], networks)
    assert words in str(error.value)
