import pytest
from ansible.errors import AnsibleFilterError
from host_records import host_records


def host(name="primary", **changes):
    return {"name": name, "names": [name], "addresses": ["192.0.2.1"]} | changes


def test_gives_a_record_for_each_name_and_address():
    hosts = [
        host(names=["ns1", "@"], addresses=["172.16.22.135", "fd53:4644:0:22:0:0:0:135"]),
        host("client", addresses=["172.16.22.136"]),
    ]
    assert host_records(hosts) == [
        {"name": "ns1", "type": "A", "value": "172.16.22.135"},
        {"name": "ns1", "type": "AAAA", "value": "fd53:4644:0:22::135"},
        {"name": "@", "type": "A", "value": "172.16.22.135"},
        {"name": "@", "type": "AAAA", "value": "fd53:4644:0:22::135"},
        {"name": "client", "type": "A", "value": "172.16.22.136"},
    ]


def test_no_hosts_no_records():
    assert host_records([]) == []


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        (None, "Edit site_hosts: the hosts are NoneType, not a list"),
        ({}, "Edit site_hosts: the hosts are dict, not a list"),
        (["x"], "Edit site_hosts: host 1: not a dictionary"),
        ([{}], "Edit site_hosts: host 1: missing: addresses, name, names"),
        ([{"name": "primary"}], "Edit site_hosts: host primary: missing: addresses, names"),
        ([host(ip="x")], "host primary: unknown: ip; possible: addresses, name, names"),
        ([host(names="ns1")], "host primary: names is 'ns1', not a list of at least one"),
        ([host(names=[])], "host primary: names is [], not a list of at least one"),
        ([host(names=[""])], "host primary: name '' is not a string of at least one character"),
        ([host(names=[135])], "host primary: name 135 is not a string"),
        ([host(name=1, names=["a"])], "host 1: name 1 is not a string"),
        ([host(addresses=[])], "host primary: addresses is [], not a list of at least one"),
        ([host(addresses="192.0.2.1")], "host primary: addresses is '192.0.2.1', not a list"),
        ([host(addresses=[3221225985])], "host primary: address 3221225985 is not a string, quote it"),
        ([host(addresses=["192.0.2.300"])], "host primary: address '192.0.2.300': '192.0.2.300' does not appear"),
        ([host(addresses=["192.0.2.1/24"])], "host primary: address '192.0.2.1/24': give it without a prefix length"),
        ([host(addresses=["0.0.0.0"])], "address '0.0.0.0' is unspecified, other hosts cannot reach it"),  # noqa: S104 (nothing is bound)
        ([host(addresses=["127.0.1.1"])], "address '127.0.1.1' is loopback"),
        ([host(addresses=["::1"])], "address '::1' is loopback"),
        ([host(addresses=["224.0.0.1"])], "address '224.0.0.1' is multicast"),
        ([host(addresses=["ff02::1"])], "address 'ff02::1' is multicast"),
        ([host(addresses=["169.254.1.1"])], "address '169.254.1.1' is link-local"),
        ([host(addresses=["fe80::1"])], "address 'fe80::1' is link-local"),
        ([host(addresses=["fd00::1%eth0"])], "address 'fd00::1%eth0' has a zone index"),
        ([host(addresses=["255.255.255.255"])], "address '255.255.255.255' is reserved"),
        ([host(addresses=["::ffff:192.0.2.1"])], "address '::ffff:192.0.2.1' is IPv4-mapped, give 192.0.2.1"),
        ([host(), host("client")], "host client: 192.0.2.1 is given twice, host primary has it"),
        ([host(addresses=["fd00::1", "FD00:0::1"])], "host primary: fd00::1 is given twice, host primary has it"),
        (
            [host(names=["www"]), host("client", names=["WWW"], addresses=["192.0.2.2"])],
            "host client: www is given twice, host primary has it",
        ),
    ],
)
def test_refuses(hosts, message):
    with pytest.raises(AnsibleFilterError) as error:
        host_records(hosts)
    assert message in str(error.value)


def test_names_the_variable():
    with pytest.raises(AnsibleFilterError, match=r"^Edit my_hosts: "):
        host_records(5, "my_hosts")
    with pytest.raises(AnsibleFilterError, match=r"^Edit my_hosts: host 1: "):
        host_records([5], variable="my_hosts")
