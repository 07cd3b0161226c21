"""Jinja filter covered_names: refuse names that an authority may not certify."""

from __future__ import annotations

DOCUMENTATION = r"""
name: covered_names
short_description: Refuse names that an authority may not certify
version_added: "0.1.0"
description:
  - Returns its input if the authority may certify names in all of these domains, and the addresses (RFC 5280 section
    4.2.1.10). What an authority may certify is said when it is made, and then for good.
positional: addresses, certificate, number
options:
  _input:
    description: The domains, as A-labels without the final dot.
    type: list
    elements: str
    required: true
  addresses:
    description: The addresses, IPv4 and IPv6.
    type: list
    elements: str
    required: true
  certificate:
    description:
      - The authority's certificate, in PEM (RFC 7468). One that is yet to be made is empty, and may certify all.
    type: str
    required: true
  number:
    description: The number of the authority, by which it is known in C(openssl_ca_roots).
    type: int
    required: true
notes:
  - "Refused: a domain or an address that is not among those of the authority."
"""

EXAMPLES = r"""
- name: Ask before there is an authority
  ansible.builtin.assert:
    that: "['st.um'] | covered_names(['172.16.22.135'], '', 1) == ['st.um']"
"""

RETURN = r"""
_value:
  description: The domains, unchanged.
  type: list
  elements: str
"""

import ipaddress
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from cryptography import x509


def covered_names(domains: list[str], addresses: list[str], certificate: str, number: int) -> list[str]:
    """Return the domains if the authority may certify names in them, and the addresses."""
    if not certificate.strip():
        return domains
    extensions = x509.load_pem_x509_certificate(certificate.encode()).extensions
    try:
        permitted = extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return domains
    names = [subtree.value.lower() for subtree in permitted if isinstance(subtree, x509.DNSName)]
    networks = [subtree.value for subtree in permitted if isinstance(subtree, x509.IPAddress)]
    missing = [domain for domain in domains if not f".{domain.lower()}".endswith(tuple(f".{name}" for name in names))]
    missing += [address for address in addresses if not any(ipaddress.ip_address(address) in each for each in networks)]
    if missing:
        raise AnsibleFilterError(
            f"Edit openssl_ca_roots: the authority {number} was made for {', '.join(map(str, names + networks))}, and "
            f"may not certify {', '.join(missing)}; put another number in front, of an authority that is made then"
        )
    return domains


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"covered_names": covered_names}
