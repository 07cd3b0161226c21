import pytest
from ansible.errors import AnsibleFilterError
from site_hosts import site_hosts

HOSTVARS = {
    "primary": {"host_ipv4": "172.16.22.135", "host_ipv6": "fd53:4644:0:22::135", "host_names": ["ns1", "@"]},
    "client": {"host_ipv4": "172.16.22.136"},
    "modern": {"host_ipv6": "fd53:4644:0:22::1"},
}


def test_reads_the_hosts_in_order():
    assert site_hosts(["client", "primary", "modern"], HOSTVARS) == [
        {"name": "client", "names": ["client"], "addresses": ["172.16.22.136"]},
        {"name": "primary", "names": ["ns1", "@"], "addresses": ["172.16.22.135", "fd53:4644:0:22::135"]},
        {"name": "modern", "names": ["modern"], "addresses": ["fd53:4644:0:22::1"]},
    ]


def test_no_hosts():
    assert site_hosts([], HOSTVARS) == []


@pytest.mark.parametrize(
    ("hostnames", "variables", "message"),
    [
        ("primary", {}, "The host names are str, not a list"),
        (["nobody"], {}, "Edit the inventory: it has no host 'nobody'"),
        ([["x"]], {}, "Edit the inventory: it has no host ['x']"),
        (["x"], {}, "Edit host_ipv4 or host_ipv6 of host x: it has no address"),
        (["x"], {"host_ipv4": "fd00::1"}, "Edit host_ipv4 of host x: Expected 4 octets in 'fd00::1'"),
        (["x"], {"host_ipv4": "192.0.2.1/24"}, "Edit host_ipv4 of host x: Unexpected '/' in '192.0.2.1/24'"),
        (["x"], {"host_ipv4": 5}, "Edit host_ipv4 of host x: 5 is not a string, quote it"),
        (["x"], {"host_ipv4": "192.0.2.1", "host_ipv6": None}, "Edit host_ipv6 of host x: None is not a string"),
        (["x"], {"host_ipv6": "192.0.2.1"}, "Edit host_ipv6 of host x: At least 3 parts expected in '192.0.2.1'"),
        (["x"], {"host_ipv6": "fd00::1", "host_names": "a"}, "Edit host_names of host x: 'a' is not a list"),
        (["x"], {"host_ipv6": "fd00::1", "host_names": []}, "Edit host_names of host x: [] is not a list"),
        (["x"], {"host_ipv6": "fd00::1", "host_names": [1]}, "Edit host_names of host x: [1] is not a list"),
    ],
)
def test_refuses(hostnames, variables, message):
    with pytest.raises(AnsibleFilterError) as error:
        site_hosts(hostnames, {"x": variables})
    assert message in str(error.value)
