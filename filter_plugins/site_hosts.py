"""Jinja filter site_hosts: read the names and addresses of hosts from the inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: site_hosts
short_description: Read the names and addresses of hosts from the inventory
version_added: "0.1.0"
description:
  - Gathers from the variables of each host what P(host_records#filter) and P(reverse_zones#filter) take, so that an
    address is written once, in the inventory. No facts are read, so the hosts need not be part of the play.
positional: hostvars
options:
  _input:
    description: The inventory names of the hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description:
      - Ansible's own C(hostvars). Three variables of each host are read.
      - C(host_ipv4) and C(host_ipv6) are its addresses, strings, at least one of the two.
      - C(host_names) is the list of its names in the zone, V(@) being the apex. The default is the inventory name.
    type: dict
    required: true
notes:
  - "Refused: a host that is not in the inventory; a host with no address; C(host_ipv4) that is not an IPv4 address or
    C(host_ipv6) that is not an IPv6 address; C(host_names) that are not a list of names, or call a host C(localhost).
    Errors name the host and the variable."
seealso:
  - plugin: host_records
    plugin_type: filter
  - plugin: reverse_zones
    plugin_type: filter
"""

EXAMPLES = r"""
# In the inventory:
#   primary: {host_ipv4: 172.16.22.135, host_ipv6: "fd53:4644:0:22::135", host_names: [ns1, "@"]}
#   client: {host_ipv4: 172.16.22.136}
- name: Read the hosts of the inventory
  ansible.builtin.assert:
    that: "['primary', 'client'] | site_hosts(hostvars) == hosts"
  vars:
    hosts:
      - {name: primary, names: [ns1, "@"], addresses: [172.16.22.135, "fd53:4644:0:22::135"]}
      - {name: client, names: [client], addresses: [172.16.22.136]}
"""

RETURN = r"""
_value:
  description: The hosts, in the order of their names in the input.
  type: list
  elements: dict
  contains:
    name:
      description: The inventory name.
      type: str
    names:
      description: The names in the zone, with A-labels.
      type: list
      elements: str
    addresses:
      description: The IPv4 address, then the IPv6 address, of those that are defined.
      type: list
      elements: str
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader

ADDRESS = {"host_ipv4": ipaddress.IPv4Address, "host_ipv6": ipaddress.IPv6Address}


def variables_of(host: Any, hostvars: Any) -> Mapping[str, Any]:
    """Look a host up in the inventory."""
    try:
        variables = hostvars[host]
    except (KeyError, TypeError) as cause:
        raise AnsibleFilterError(f"Edit the inventory: it has no host {host!r}: {cause}") from cause
    if not isinstance(variables, Mapping):  # Ansible's own gives an undefined value
        raise AnsibleFilterError(f"Edit the inventory: it has no host {host!r}")
    return variables


def read_addresses(host: str, variables: Mapping[str, Any]) -> list[str]:
    """Read a host's addresses."""
    addresses = []
    for variable, parse in ADDRESS.items():
        if variable not in variables:
            continue
        address = variables.get(variable)
        try:
            if not isinstance(address, str):
                raise ValueError(f"{address!r} is not a string, quote it")
            if "%" in str(parse(address)):
                raise ValueError(f"{address!r} has a zone index, which means something on one host only")
            filter_loader.get("checked").j2_function(address, "address", f"{variable} of host {host}")
        except ValueError as cause:
            raise AnsibleFilterError(f"Edit {variable} of host {host}: {cause}") from cause
        addresses.append(address)
    if not addresses:
        raise AnsibleFilterError(f"Edit {' or '.join(ADDRESS)} of host {host}: it has no address")
    return addresses


def read_names(host: str, variables: Mapping[str, Any]) -> list[str]:
    """Read a host's names."""
    names = variables.get("host_names", [host])
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise AnsibleFilterError(f"Edit host_names of host {host}: {names!r} is not a list of at least one string")
    names = filter_loader.get("a_labels").j2_function(names, f"host_names of host {host}")
    filter_loader.get("checked").j2_function([names], "names_of_host", f"host_names of host {host}")
    return names


def site_hosts(hostnames: Any, hostvars: Any) -> list[dict[str, Any]]:
    """Read the names and addresses of hosts from the inventory."""
    if not isinstance(hostnames, list):
        raise AnsibleFilterError(f"The host names are {type(hostnames).__name__}, not a list")
    hosts = []
    for host in hostnames:
        variables = variables_of(host, hostvars)
        hosts.append({"name": host, "names": read_names(host, variables), "addresses": read_addresses(host, variables)})
    return hosts


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"site_hosts": site_hosts}
