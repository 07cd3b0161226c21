"""Jinja filter tlsa_values: tell by which authorities a server's certificate is known in the DNS."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tlsa_values
short_description: Tell by which authorities a server's certificate is known in the DNS
version_added: "0.1.0"
description:
  - Makes the values of C(TLSA) records, by which a client that knows no authority knows a server by the signed DNS,
    V(2 1 1), the digest of the public key of a root authority that is sent with the certificate (RFC 7671 section 5.2).
  - They change neither when a certificate is renewed nor when another authority below the root issues it.
options:
  _input:
    description: The certificates of the root authorities, in PEM.
    type: list
    elements: str
    required: true
notes:
  - "Refused: a root that is no certificate."
seealso:
  - plugin: vhost_records
    plugin_type: filter
  - plugin: mail_records
    plugin_type: filter
  - name: RFC 7671
    description: The TLSA record.
    link: https://www.rfc-editor.org/rfc/rfc7671
"""

EXAMPLES = r"""
- name: Without an authority there is nothing to tell
  ansible.builtin.assert:
    that: "[] | tlsa_values == []"
"""

RETURN = r"""
_value:
  description: The values, one for each root.
  type: list
  elements: str
"""

import hashlib
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def digest(root: str) -> str:
    """Return the SHA-256 digest of an authority's public key (RFC 6698 section 2.1)."""
    try:
        key = x509.load_pem_x509_certificate(root.encode()).public_key()
    except ValueError as error:
        raise AnsibleFilterError(f"The certificate of an authority cannot be read: {error}") from error
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def tlsa_values(roots: list[str]) -> list[str]:
    """Tell by which authorities a server's certificate is known in the DNS."""
    return [f"2 1 1 {digest(root)}" for root in roots]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"tlsa_values": tlsa_values}
