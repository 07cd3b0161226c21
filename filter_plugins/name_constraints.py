"""Jinja filter name_constraints: write the names that an authority may certify, as OpenSSL's configuration has them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: name_constraints
short_description: Write the names that an authority may certify
version_added: "0.1.0"
description:
  - Gives the lines of a section for the C(nameConstraints) of OpenSSL's configuration (x509v3_config(5), RFC 5280
    section 4.2.1.10). They permit the names in the domains, the mail addresses in them, and the addresses of the
    networks.
  - Of a kind of names that no line is about, everything would be permitted. So without networks all addresses are
    excluded.
positional: networks
options:
  _input:
    description: The domains, as A-labels without the final dot. What is below them is permitted, too.
    type: list
    elements: str
    required: true
  networks:
    description: The networks in CIDR notation, IPv4 and IPv6.
    type: list
    elements: str
    default: []
notes:
  - "Refused: no domain at all; a network that is none."
"""

EXAMPLES = r"""
- name: Write the constraints
  ansible.builtin.assert:
    that:
      - "(['st.um'] | name_constraints(['172.16.22.0/24'])).0 == 'permitted;DNS.1 = st.um'"
      - "(['st.um'] | name_constraints(['172.16.22.0/24'])).3 == 'permitted;IP.1 = 172.16.22.0/255.255.255.0'"
"""

RETURN = r"""
_value:
  description: The lines of the section.
  type: list
  elements: str
"""

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

NOWHERE = ["excluded;IP.1 = 0.0.0.0/0.0.0.0", "excluded;IP.2 = ::/::"]


def name_constraints(domains: list[str], networks: Sequence[str] = ()) -> list[str]:
    """Return the lines that permit the domains and the networks."""
    if not domains:
        raise AnsibleFilterError("There is no domain that the authority may certify names of")
    permitted = [("DNS", domain) for domain in domains]
    permitted += [("email", each) for domain in domains for each in (domain, f".{domain}")]
    for network in networks:
        try:
            parsed = ipaddress.ip_network(network)
        except ValueError as cause:
            raise AnsibleFilterError(f"{network!r} is not a network: {cause}") from cause
        permitted.append(("IP", f"{parsed.network_address}/{parsed.netmask}"))
    counts: dict[str, int] = {}
    lines = []
    for kind, value in permitted:
        counts[kind] = counts.get(kind, 0) + 1
        lines.append(f"permitted;{kind}.{counts[kind]} = {value}")
    return lines + ([] if networks else NOWHERE)


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"name_constraints": name_constraints}
