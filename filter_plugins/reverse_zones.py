"""Jinja filter reverse_zones: make the reverse zones of networks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: reverse_zones
short_description: Make the reverse zones of networks, with the PTR records of hosts
version_added: "0.1.0"
description:
  - Gives the zones that map the addresses of the networks back to names (RFC 1035 section 3.5, RFC 3596 section 2.5),
    with one C(PTR) record for each address of a host. Hosts outside of the networks are left out; a zone
    without a host is still there, so that its addresses are answered for.
  - The reverse tree branches at octets in IPv4 and at nibbles in IPv6. A network whose prefix ends at such a boundary,
    a single address included, is one zone. What happens to the others depends on their length.
  - "IPv6, and IPv4 shorter than /24: the zones of the next longer boundary that together are exactly the network, so a
    /22 is four /24 zones. A zone of the boundary before it would hold addresses of other networks; nobody delegates
    it, and a server that has it denies names that others publish there."
  - "IPv4 longer than /24: one zone with a name of its own, V(64-26.2.0.192.in-addr.arpa) for 192.0.2.64/26, as in
    RFC 2317 section 4. Resolvers find it once the owner of V(2.0.192.in-addr.arpa) delegates it and adds a CNAME for
    each address, such as V(65) to V(65.64-26). The hyphen is what that section advises in place of the slash of its
    examples, and a zone's name can then be a file's. A zone for each address would need as many delegations."
positional: hosts, domain, variable, hosts_variable, dynamic
options:
  _input:
    description: The networks in CIDR notation, IPv4 and IPv6, with a prefix length of at least 1.
    type: list
    elements: str
    required: true
  hosts:
    description: The hosts, as P(host_records#filter) takes and checks them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the host is called in errors.
        type: str
        required: true
      names:
        description: The host's names. The first is the one that its addresses map to; V(@) is O(domain) itself.
        type: list
        elements: str
        required: true
      addresses:
        description: The host's IPv4 and IPv6 addresses.
        type: list
        elements: str
        required: true
  domain:
    description: The zone that the hosts' relative names are in, with or without the dot at its end.
    type: str
    required: true
  variable:
    description: The variable that a person has to edit when a network is wrong; errors name it.
    type: str
    default: site_networks
  hosts_variable:
    description: The variable that a person has to edit when a host is wrong; errors name it.
    type: str
    default: site_hosts
  dynamic:
    description:
      - Networks inside of the input's, in CIDR notation, whose names come by dynamic updates. Errors name the variable
        C(site_dynamic_networks).
      - They are zones of their own, which have the names that this filter gives to such networks, and are not
        returned. P(dns_zones#filter) delegates them. A zone that is inside of such a network is left out.
      - For an IPv4 network longer than /24, the zone that holds it gets a C(CNAME) for each address to the same octet
        in the network's zone, as in RFC 2317. The addresses of a network inside of one that is longer than /24
        itself are found once the owner of the zone above delegates both.
    type: list
    elements: str
    default: []
notes:
  - "Refused: what is not a network in CIDR notation; host bits that are set, where the error suggests the right
    network; a prefix length of 0; networks that overlap; a host without names or addresses, or whose first name is a
    wildcard; an address that two names claim; a dynamic network that
    is in none of the networks, is one of them, or overlaps with another dynamic one; a host with an address in a
    dynamic network."
seealso:
  - plugin: host_records
    plugin_type: filter
  - plugin: zone_records
    plugin_type: filter
  - name: RFC 2317
    description: Classless IN-ADDR.ARPA delegation.
    link: https://www.rfc-editor.org/rfc/rfc2317
"""

EXAMPLES = r"""
- name: Make the reverse zones of a site
  ansible.builtin.assert:
    that: networks | reverse_zones(hosts, 'st.um') == zones
  vars:
    networks: [172.16.22.0/24, "fd53:4644:0:22::/64"]
    hosts:
      - {name: primary, names: [ns1, "@"], addresses: [172.16.22.135, "fd53:4644:0:22::135"]}
    zones:
      - name: 22.16.172.in-addr.arpa
        records:
          - {name: "135", type: PTR, value: ns1.st.um.}
      - name: 2.2.0.0.0.0.0.0.4.4.6.4.3.5.d.f.ip6.arpa
        records:
          - {name: 5.3.1.0.0.0.0.0.0.0.0.0.0.0.0.0, type: PTR, value: ns1.st.um.}

- name: Cover exactly a network that ends between two octets
  ansible.builtin.assert:
    that: networks | reverse_zones([], 'st.um') | map(attribute='name') == zones
  vars:
    networks: [192.0.2.64/26, 198.18.4.0/22]
    zones:
      - 64-26.2.0.192.in-addr.arpa
      - 4.18.198.in-addr.arpa
      - 5.18.198.in-addr.arpa
      - 6.18.198.in-addr.arpa
      - 7.18.198.in-addr.arpa

- name: Point at the names that a DHCP server gives to a part of a network
  ansible.builtin.assert:
    that: "['192.0.2.0/24'] | reverse_zones([], 'st.um', dynamic=['192.0.2.252/31']) == zones"
  vars:
    zones:
      - name: 2.0.192.in-addr.arpa
        records:
          - {name: "252", type: CNAME, value: 252.252-31.2.0.192.in-addr.arpa.}
          - {name: "253", type: CNAME, value: 253.252-31.2.0.192.in-addr.arpa.}
"""

RETURN = r"""
_value:
  description: The zones, IPv4 first, in the order of their networks.
  type: list
  elements: dict
  contains:
    name:
      description: The zone's name, without the dot at its end.
      type: str
    records:
      description:
        - The C(PTR) records in the order of their addresses, then the C(CNAME) records in theirs, as
          P(zone_records#filter) takes them.
      type: list
      elements: dict
      contains:
        name:
          description: The name relative to the zone; V(@) in the zone of a single address.
          type: str
        type:
          description: C(PTR) or C(CNAME).
          type: str
        value:
          description:
            - The host's first name, or the name of the address in the dynamic zone, absolute and in lower case.
          type: str
"""

import ipaddress
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from ansible.errors import AnsibleFilterError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
DYNAMIC = "site_dynamic_networks"


def parse_network(text: Any) -> Network:
    """Read a network in CIDR notation."""
    if not isinstance(text, str):
        raise ValueError(f"network {text!r} is not a string, quote it")
    if "%" in text or not text.partition("/")[2].isdigit():
        raise ValueError(f"network {text!r} is not in CIDR notation, such as 192.0.2.0/24")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as cause:
        raise ValueError(f"network {text!r}: {cause}") from cause
    if network.prefixlen == 0:
        raise ValueError(f"network {text!r} is the whole internet")
    if network.network_address != ipaddress.ip_address(text.partition("/")[0]):
        raise ValueError(f"network {text!r} has host bits set, the network is {network}")
    return network


def parse_networks(networks: Any) -> list[Network]:
    """Read networks, and sort them."""
    if not isinstance(networks, list):
        raise ValueError(f"the networks are {type(networks).__name__}, not a list")
    parsed = sorted(map(parse_network, networks), key=lambda network: (network.version, network))
    for first, second in pairwise(parsed):
        if first.version == second.version and first.overlaps(second):
            raise ValueError(f"networks {first} and {second} overlap")
    return parsed


def parse_dynamic(dynamic: Any, networks: list[Network]) -> list[Network]:
    """Read dynamic networks, each of which is a part of a network."""
    parsed = parse_networks(dynamic)
    for part in parsed:
        if part in networks:
            raise ValueError(f"network {part} is a whole network, only a part of one can be dynamic")
        if not any(part.version == network.version and part.subnet_of(network) for network in networks):
            raise ValueError(f"network {part} is in none of the networks")
    return parsed


def parse_host(host: Any, domain: str) -> tuple[str, list[Address]]:
    """Give the absolute name that a host's addresses map to, and the addresses."""
    if not isinstance(host, dict):
        raise ValueError("not a dictionary")
    for key in ("names", "addresses"):
        if not isinstance(host.get(key), list) or not host[key] or not all(isinstance(item, str) for item in host[key]):
            raise ValueError(f"{key} is {host.get(key)!r}, not a list of strings")
    name, suffix = host["names"][0].lower(), domain.rstrip(".").lower()
    if name.startswith("*"):
        raise ValueError(f"its first name is {name}, an address cannot map to a wildcard")
    if name == "@":
        name = f"{suffix}."
    elif not name.endswith("."):
        name = f"{name}.{suffix}." if suffix else f"{name}."
    return name, [ipaddress.ip_address(text) for text in host["addresses"]]


def parse_hosts(hosts: Any, domain: Any, dynamic: list[Network]) -> list[tuple[Address, str]]:
    """Give each address and the name that it maps to, sorted by address."""
    if not isinstance(domain, str) or not domain:
        raise ValueError(f"domain {domain!r} is not the name of a zone")
    if not isinstance(hosts, list):
        raise ValueError(f"the hosts are {type(hosts).__name__}, not a list")
    target: dict[Address, str] = {}
    for number, host in enumerate(hosts, 1):
        label = f"host {host['name'] if isinstance(host, dict) and 'name' in host else number}"
        try:
            name, addresses = parse_host(host, domain)
            for address in addresses:
                if target.setdefault(address, name) != name:
                    raise ValueError(f"{address} is the address of {target[address]} too")
                if network := next((network for network in dynamic if address in network), None):
                    raise ValueError(f"{address} is in {network}, which {DYNAMIC} gives to dynamic updates")
        except ValueError as cause:
            raise ValueError(f"{label}: {cause}") from cause
    return sorted(target.items(), key=lambda item: (item[0].version, item[0]))


def split_pointer(address: Address, below: int) -> tuple[str, str]:
    """Split the name of an address in the reverse tree: so many labels below a zone's name, and that name."""
    labels = address.reverse_pointer.split(".")
    return ".".join(labels[:below]) or "@", ".".join(labels[below:])


def is_classless(network: Network) -> bool:
    """Tell if a network has a zone with a name of its own, as in RFC 2317."""
    return network.version == 4 and 24 < network.prefixlen < 32


def cut(network: Network) -> Iterator[tuple[str, Network, int]]:
    """Give the zones of a network: the name, the addresses, and how many labels these have below the name."""
    if is_classless(network):
        octet, parent = split_pointer(network.network_address, 1)
        yield f"{octet}-{network.prefixlen}.{parent}", network, 1
        return
    bits = 8 if network.version == 4 else 4
    boundary = -(-network.prefixlen // bits) * bits  # rounded up
    below = (network.max_prefixlen - boundary) // bits
    for part in network.subnets(new_prefix=boundary):
        yield split_pointer(part.network_address, below)[1], part, below


def pointers(part: Network, below: int, targets: list[tuple[Address, str]]) -> list[dict[str, str]]:
    """Make the PTR records of a zone."""
    return [
        {"name": split_pointer(address, below)[0], "type": "PTR", "value": target}
        for address, target in targets
        if address in part
    ]


def aliases(part: Network, below: int, dynamic: list[Network]) -> list[dict[str, str]]:
    """Make the CNAME records of a zone, which lead into the zones of dynamic networks (RFC 2317 section 4)."""
    return [
        {"name": split_pointer(address, below)[0], "type": "CNAME", "value": f"{split_pointer(address, 1)[0]}.{zone}."}
        for network in dynamic
        if network.version == part.version and network.subnet_of(part)
        for zone, addresses, _ in cut(network)
        if is_classless(network)
        for address in addresses
    ]


def reverse_zones(
    networks: Any,
    hosts: Any,
    domain: Any,
    variable: str = "site_networks",
    hosts_variable: str = "site_hosts",
    dynamic: Any = (),
) -> list[dict[str, Any]]:
    """Make the reverse zones of networks, with the PTR records of hosts."""
    try:
        parsed = parse_networks(networks)
    except ValueError as cause:
        raise AnsibleFilterError(f"Edit {variable}: {cause}") from cause
    try:
        parts = parse_dynamic(list(dynamic) if isinstance(dynamic, tuple) else dynamic, parsed)
    except ValueError as cause:
        raise AnsibleFilterError(f"Edit {DYNAMIC}: {cause}") from cause
    try:
        targets = parse_hosts(hosts, domain, parts)
    except ValueError as cause:
        raise AnsibleFilterError(f"Edit {hosts_variable}: {cause}") from cause
    apart = {name for network in parts for name, _, _ in cut(network)}
    return [
        {"name": name, "records": pointers(part, below, targets) + aliases(part, below, parts)}
        for network in parsed
        for name, part, below in cut(network)
        if name not in apart
    ]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"reverse_zones": reverse_zones}
