"""Jinja filter delegation_records: the records by which a parent zone delegates its children."""

from __future__ import annotations

DOCUMENTATION = r"""
name: delegation_records
short_description: The records by which a parent zone delegates its children
version_added: "0.1.0"
description:
  - Makes the NS records of the delegation, and the addresses of the name servers that lie in a child (glue, RFC 1034
    section 4.2.1), without which nobody could find them.
  - All children are delegated to all of the servers.
positional: servers, domain, variable
options:
  _input:
    description: The full names of the child zones, with the final dot.
    type: list
    elements: str
    required: true
  servers:
    description:
      - The children's name servers, as P(site_hosts#filter) gives them. Other keys are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The server's name, where it has no O(servers[].names).
        type: str
      names:
        description: The server's names. The first is taken; V(@) is O(domain) itself.
        type: list
        elements: str
      addresses:
        description: The server's IPv4 and IPv6 addresses, at least one.
        type: list
        elements: str
        required: true
  domain:
    description: The domain that the servers' names are relative to, if they do not end in a dot. By default, the root.
    type: str
    default: ''
  variable:
    description: The variable that a person has to edit when a server is wrong; errors name it.
    type: str
    default: site_nameservers
notes:
  - "Refused: a child that is not a full name; a server without a name or addresses; what is not an address."
seealso:
  - plugin: site_hosts
    plugin_type: filter
  - plugin: zone_records
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Delegate a domain to a server in it
  ansible.builtin.assert:
    that: "['st.um.'] | delegation_records(servers, 'st.um') == records"
  vars:
    servers: [{names: [ns1], addresses: [172.16.22.135]}]
    records:
      - {name: st.um., type: NS, value: ns1.st.um.}
      - {name: ns1.st.um., type: A, value: 172.16.22.135}

- name: Delegate a domain to a server elsewhere, whose addresses are that domain's business
  ansible.builtin.assert:
    that: "['example.org.'] | delegation_records(servers) == records"
  vars:
    servers: [{name: ns1.st.um., addresses: [172.16.22.135]}]
    records:
      - {name: example.org., type: NS, value: ns1.st.um.}
"""

RETURN = r"""
_value:
  description: The records, as P(zone_records#filter) takes them, by server.
  type: list
  elements: dict
  contains:
    name:
      description: The full name of the child, or of a server in it.
      type: str
    type:
      description: C(NS), C(A) or C(AAAA).
      type: str
    value:
      description: The server's full name in lower case, or its address.
      type: str
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import dns.exception
import dns.name
from ansible.errors import AnsibleFilterError

KINDS = {4: "A", 6: "AAAA"}


def absolute(text: str, domain: str) -> str:
    """Read a name relative to the domain, into its absolute form in lower case."""
    try:
        above = dns.name.from_text(domain.lower(), idna_codec=dns.name.IDNA_2008_Practical)
        return dns.name.from_text(text.lower(), above, dns.name.IDNA_2008_Practical).to_text()
    except dns.exception.DNSException as cause:
        raise ValueError(f"{text!r} is not a domain name in {domain!r}: {cause}") from cause


def parse_child(child: Any) -> str:
    """Read the name of a zone that is delegated."""
    if not isinstance(child, str) or not child.endswith("."):
        raise ValueError(f"child {child!r} is not a full name with its final dot")
    if child == ".":
        raise ValueError("child '.' is the root, which has no parent")
    return absolute(child, "")


def parse_server(server: Any, domain: str) -> tuple[str, list[tuple[str, str]]]:
    """Give a server's full name, and the types and values of its addresses."""
    if not isinstance(server, dict):
        raise ValueError("not a dictionary")
    names = [server.get("name")] if server.get("names") is None else server["names"]
    if not isinstance(names, list) or not names or not isinstance(names[0], str) or not names[0]:
        raise ValueError(f"it has no name: names is {server.get('names')!r}, name is {server.get('name')!r}")
    addresses = server.get("addresses")
    if not isinstance(addresses, list) or not addresses or not all(isinstance(text, str) for text in addresses):
        raise ValueError(f"addresses is {addresses!r}, not a list of strings, at least one")
    return absolute(names[0], domain), [(KINDS[ip_address(text).version], text) for text in addresses]


def delegation_records(
    children: Any, servers: Any, domain: str = "", variable: str = "site_nameservers"
) -> list[dict[str, str]]:
    """Make the NS records of the children, and the glue that they need."""
    try:
        if not isinstance(children, list):
            raise ValueError(f"the children are {type(children).__name__}, not a list")
        if not isinstance(domain, str):
            raise ValueError(f"domain {domain!r} is not a string")
        names = [parse_child(child) for child in children]
    except ValueError as cause:
        raise AnsibleFilterError(f"The delegation cannot be made: {cause}") from cause
    if not isinstance(servers, list):
        raise AnsibleFilterError(f"Edit {variable}: the servers are {type(servers).__name__}, not a list")
    records: list[dict[str, str]] = []
    for number, server in enumerate(servers, 1):
        try:
            name, addresses = parse_server(server, domain)
        except ValueError as cause:
            label = server.get("name", number) if isinstance(server, dict) else number
            raise AnsibleFilterError(f"Edit {variable}: server {label}: {cause}") from cause
        records += [{"name": child, "type": "NS", "value": name} for child in names]
        if any(f".{name}".endswith(f".{child}") for child in names):
            records += [{"name": name, "type": kind, "value": address} for kind, address in addresses]
    return records


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"delegation_records": delegation_records}
