"""Jinja filter delegation_records: the records by which a parent zone delegates its children."""

from __future__ import annotations

DOCUMENTATION = r"""
name: delegation_records
short_description: The records by which a parent zone delegates its children
version_added: "0.1.0"
description:
  - Makes the NS records of the delegation, and the addresses of the name servers that lie in a child (glue, RFC 1034
    section 4.2.1), without which nobody could find them.
positional: servers, domain
options:
  _input:
    description: The full names of the child zones, with the final dot.
    type: list
    elements: str
    required: true
  servers:
    description:
      - The children's name servers, each with C(addresses), and C(names) or C(name). The first of C(names) is taken.
    type: list
    elements: dict
    required: true
  domain:
    description: The domain that the servers' names are relative to, if they do not end in a dot.
    type: str
    default: ''
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
"""

RETURN = r"""
_value:
  description: The records for P(zone_records#filter), with full names.
  type: list
  elements: dict
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any


def delegation_records(children: list[str], servers: list[dict[str, Any]], domain: str = "") -> list[dict[str, Any]]:
    """Make the NS records of the children, and the glue that they need."""
    records: list[dict[str, Any]] = []
    for server in servers:
        name = server["names"][0] if "names" in server else server["name"]
        name = name if name.endswith(".") else f"{name}.{domain.rstrip('.')}."
        records += [{"name": child, "type": "NS", "value": name} for child in children]
        if any(f".{name}".endswith(f".{child}") for child in children):
            kinds = {4: "A", 6: "AAAA"}
            records += [
                {"name": name, "type": kinds[ip_address(address).version], "value": address}
                for address in server["addresses"]
            ]
    return records


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"delegation_records": delegation_records}
