import re
from ipaddress import ip_network

import dns.reversename
import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given, settings
from hypothesis import strategies as st
from reverse_zones import reverse_zones

HOSTS = [
    {"name": "primary", "names": ["NS1", "@"], "addresses": ["172.16.22.135", "fd53:4644:0:22::135"]},
    {"name": "apex", "names": ["@"], "addresses": ["172.16.22.9"]},
    {"name": "guest", "names": ["mx.example.org."], "addresses": ["172.16.23.10"]},
    {"name": "far", "names": ["far"], "addresses": ["203.0.113.1"]},
]


def host(name="x", **changes):
    return {"name": name, "names": [name], "addresses": ["192.0.2.1"]} | changes


def names(*networks):
    return [zone["name"] for zone in reverse_zones(list(networks), [], "st.um")]


def records(network, hosts=HOSTS, domain="st.um"):
    (zone,) = reverse_zones([network], hosts, domain)
    return [(record["name"], record["value"]) for record in zone["records"]]


def test_gives_zones_with_their_records():
    assert reverse_zones(["172.16.22.0/24"], HOSTS[:1], "st.um") == [
        {"name": "22.16.172.in-addr.arpa", "records": [{"name": "135", "type": "PTR", "value": "ns1.st.um."}]}
    ]


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("172.16.22.0/24", [("9", "st.um."), ("135", "ns1.st.um.")]),
        ("172.16.0.0/16", [("9.22", "st.um."), ("135.22", "ns1.st.um."), ("10.23", "mx.example.org.")]),
        ("172.16.22.128/25", [("135", "ns1.st.um.")]),
        ("172.16.22.135/32", [("@", "ns1.st.um.")]),
        ("fd53:4644:0:22::/64", [("5.3.1" + ".0" * 13, "ns1.st.um.")]),
        ("fd53:4644:0:22::135/128", [("@", "ns1.st.um.")]),
        ("198.51.100.0/24", []),
    ],
)
def test_names_addresses_relative_to_the_zone(network, expected):
    assert records(network) == expected


@pytest.mark.parametrize(
    ("domain", "expected"),
    [("st.um.", "ns1.st.um."), ("ST.um", "ns1.st.um."), (".", "ns1.")],
)
def test_completes_names_with_the_domain(domain, expected):
    assert records("fd53:4644:0:22::/64", domain=domain)[0][1] == expected


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("10.0.0.0/8", ["10.in-addr.arpa"]),
        ("172.16.0.0/12", [f"{octet}.172.in-addr.arpa" for octet in range(16, 32)]),
        ("10.20.16.0/20", [f"{octet}.20.10.in-addr.arpa" for octet in range(16, 32)]),
        ("10.20.4.0/22", [f"{octet}.20.10.in-addr.arpa" for octet in range(4, 8)]),
        ("192.0.2.64/26", ["64-26.2.0.192.in-addr.arpa"]),
        ("192.0.2.0/25", ["0-25.2.0.192.in-addr.arpa"]),
        ("192.0.2.254/31", ["254-31.2.0.192.in-addr.arpa"]),
        ("192.0.2.7/32", ["7.2.0.192.in-addr.arpa"]),
        ("fd53:4644::/32", ["4.4.6.4.3.5.d.f.ip6.arpa"]),
        ("fd53:4644::/31", ["4.4.6.4.3.5.d.f.ip6.arpa", "5.4.6.4.3.5.d.f.ip6.arpa"]),
        ("fd53:4640::/29", [f"{digit}.4.6.4.3.5.d.f.ip6.arpa" for digit in range(8)]),
    ],
)
def test_cuts_at_the_next_boundary(network, expected):
    assert names(network) == expected


def test_sorts_by_network():
    assert names("fd00::/8", "192.0.2.0/24", "10.0.0.0/8", "9.0.0.0/8") == [
        "9.in-addr.arpa",
        "10.in-addr.arpa",
        "2.0.192.in-addr.arpa",
        "d.f.ip6.arpa",
    ]


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ("10.0.0.0/8", "Edit site_networks: the networks are str, not a list"),
        ([10], "Edit site_networks: network 10 is not a string, quote it"),
        (["10.0.0.0"], "network '10.0.0.0' is not in CIDR notation, such as 192.0.2.0/24"),
        (["10.0.0.0/255.0.0.0"], "network '10.0.0.0/255.0.0.0' is not in CIDR notation"),
        (["fe80::%1/64"], "network 'fe80::%1/64' is not in CIDR notation"),
        (["10.0.0.0/33"], "network '10.0.0.0/33': '10.0.0.0/33' does not appear to be an IPv4 or IPv6 network"),
        (["example.org/24"], "network 'example.org/24': 'example.org/24' does not appear"),
        (["0.0.0.0/0"], "network '0.0.0.0/0' is the whole internet"),
        (["::/0"], "network '::/0' is the whole internet"),
        (["172.16.22.1/24"], "network '172.16.22.1/24' has host bits set, the network is 172.16.22.0/24"),
        (["fd00::1/64"], "network 'fd00::1/64' has host bits set, the network is fd00::/64"),
        (["10.1.0.0/16", "fd00::/8", "10.0.0.0/8"], "networks 10.0.0.0/8 and 10.1.0.0/16 overlap"),
        (["10.0.0.0/8", "10.0.0.0/8"], "networks 10.0.0.0/8 and 10.0.0.0/8 overlap"),
    ],
)
def test_refuses_networks(networks, message):
    with pytest.raises(AnsibleFilterError) as error:
        reverse_zones(networks, [], "st.um")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ("x", "Edit site_hosts: the hosts are str, not a list"),
        (["x"], "Edit site_hosts: host 1: not a dictionary"),
        ([{"name": "x"}], "Edit site_hosts: host x: names is None, not a list of strings"),
        ([host(names="ns1")], "host x: names is 'ns1', not a list of strings"),
        ([host(names=[])], "host x: names is [], not a list of strings"),
        ([host(addresses=[5])], "host x: addresses is [5], not a list of strings"),
        ([host(addresses=["192.0.2"])], "host x: '192.0.2' does not appear to be an IPv4 or IPv6 address"),
        ([host(names=["*.www"])], "host x: its first name is *.www, an address cannot map to a wildcard"),
        ([host(), host("y")], "host y: 192.0.2.1 is the address of x.st.um. too"),
    ],
)
def test_refuses_hosts(hosts, message):
    with pytest.raises(AnsibleFilterError) as error:
        reverse_zones([], hosts, "st.um")
    assert message in str(error.value)


@pytest.mark.parametrize("domain", ["", None, 5])
def test_refuses_domain(domain):
    with pytest.raises(AnsibleFilterError, match=f"domain {domain!r} is not the name of a zone"):
        reverse_zones([], [], domain)


def test_names_the_variables():
    with pytest.raises(AnsibleFilterError, match=r"^Edit my_networks: "):
        reverse_zones([5], [], "st.um", "my_networks")
    with pytest.raises(AnsibleFilterError, match=r"^Edit my_hosts: "):
        reverse_zones([], [5], "st.um", hosts_variable="my_hosts")


def dynamic(networks, parts, hosts=()):
    return {zone["name"]: zone["records"] for zone in reverse_zones(networks, list(hosts), "st.um", dynamic=parts)}


def alias(octet, zone):
    return {"name": str(octet), "type": "CNAME", "value": f"{octet}.{zone}."}


def test_points_at_the_names_of_a_dynamic_network():
    hosts = [HOSTS[0], host(addresses=["192.0.2.200"])]
    zones = dynamic(["192.0.2.0/24", "198.51.100.0/24"], ["192.0.2.192/29", "192.0.2.64/31"], hosts)
    assert zones == {
        "2.0.192.in-addr.arpa": [
            {"name": "200", "type": "PTR", "value": "x.st.um."},
            *(alias(octet, "64-31.2.0.192.in-addr.arpa") for octet in (64, 65)),
            *(alias(octet, "192-29.2.0.192.in-addr.arpa") for octet in range(192, 200)),
        ],
        "100.51.198.in-addr.arpa": [],
    }


@pytest.mark.parametrize(
    ("network", "part", "expected"),
    [
        ("10.1.0.0/16", "10.1.2.4/31", [("1.10.in-addr.arpa", ["4.2", "5.2"])]),
        ("10.1.2.0/25", "10.1.2.4/31", [("0-25.2.1.10.in-addr.arpa", ["4", "5"])]),
        ("10.1.2.0/23", "10.1.3.4/31", [("2.1.10.in-addr.arpa", []), ("3.1.10.in-addr.arpa", ["4", "5"])]),
        ("10.1.2.0/23", "10.1.3.0/24", [("2.1.10.in-addr.arpa", [])]),
        ("10.1.0.0/16", "10.1.2.0/23", [("1.10.in-addr.arpa", [])]),
        ("10.1.2.0/24", "10.1.2.3/32", [("2.1.10.in-addr.arpa", [])]),
        ("fd00::/8", "fd00::/64", [("d.f.ip6.arpa", [])]),
        ("fc00::/7", "fd00::/8", [("c.f.ip6.arpa", [])]),
    ],
)
def test_a_dynamic_network_is_a_zone_of_its_own(network, part, expected):
    zones = dynamic([network], [part])
    assert [(zone, [record["name"] for record in records]) for zone, records in zones.items()] == expected
    (name, *_) = names(part)
    assert {record["value"].partition(".")[2] for records in zones.values() for record in records} <= {f"{name}."}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (5, "Edit site_dynamic_networks: the networks are int, not a list"),
        (["10.1.2.3"], "Edit site_dynamic_networks: network '10.1.2.3' is not in CIDR notation"),
        (
            ["10.1.0.0/16"],
            "Edit site_dynamic_networks: network 10.1.0.0/16 is a whole network, only a part of one can be",
        ),
        (["10.2.0.0/24"], "Edit site_dynamic_networks: network 10.2.0.0/24 is in none of the networks"),
        (["10.0.0.0/8"], "network 10.0.0.0/8 is in none of the networks"),
        (["a01::/16"], "network a01::/16 is in none of the networks"),
        (["10.1.2.0/24", "10.1.2.64/26"], "Edit site_dynamic_networks: networks 10.1.2.0/24 and 10.1.2.64/26 overlap"),
        (["10.1.2.0/24", "10.1.2.0/24"], "networks 10.1.2.0/24 and 10.1.2.0/24 overlap"),
        (
            ["10.1.2.0/30"],
            "Edit site_hosts: host x: 10.1.2.3 is in 10.1.2.0/30, which site_dynamic_networks gives to dynamic updates",
        ),
    ],
)
def test_refuses_dynamic_networks(parts, message):
    with pytest.raises(AnsibleFilterError) as error:
        reverse_zones(["10.1.0.0/16"], [host(addresses=["10.1.2.3"])], "st.um", dynamic=parts)
    assert message in str(error.value)


@st.composite
def small_networks(draw):
    """Give a network of at most 1024 addresses, of either family."""
    length, bits = draw(
        st.sampled_from([(32 - shift, 32) for shift in range(11)] + [(128 - n, 128) for n in range(11)])
    )
    first = draw(st.integers(1, 2**length - 2)) << (bits - length)
    return ip_network((first.to_bytes(bits // 8, "big"), length))


@settings(max_examples=60)
@given(small_networks())
def test_each_address_of_a_network_is_in_exactly_one_zone_and_no_other_address_is_in_any(network):
    around = [network[0] - 1, *network, network[-1] + 1]
    hosts = [{"name": "all", "names": ["all"], "addresses": [str(address) for address in around]}]
    zones = reverse_zones([str(network)], hosts, "st.um")
    found = [f"{record['name']}.{zone['name']}." for zone in zones for record in zone["records"]]
    # RFC 2317: the parent's CNAME leads to the same name with one label more.
    found = [re.sub(r"^@\.|\b\d+-\d+\.", "", name) for name in found]
    assert sorted(found) == sorted(dns.reversename.from_address(str(address)).to_text() for address in network)
