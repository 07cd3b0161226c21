"""Jinja filter vhost_records: make the records that virtual hosts need in a zone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vhost_records
short_description: Make the records that virtual hosts need in a zone
version_added: "0.1.0"
description:
  - Gives an alias of the zone's apex for each name of a virtual host that is in the zone, and is not the apex itself.
  - For each that is served over TLS it also gives C(TLSA) records, by which a client that knows no authority knows it
    by the signed DNS, V(2 1 1), the digest of the public key of a root authority that is sent with the certificate (RFC
    7671 section 5.2). They change neither when a certificate is renewed nor when another authority issues it. Those
    with C(acme) have none, as a public authority may issue with another key at any time.
positional: zone, roots, ttl
options:
  _input:
    description: The virtual hosts, as in the variable C(apache_vhosts).
    type: list
    elements: dict
    required: true
  zone:
    description: The zone's name, as A-labels without the final dot.
    type: str
    required: true
  roots:
    description: The certificates of the root authorities of the virtual hosts', in PEM.
    type: list
    elements: str
    default: []
  ttl:
    description: The time, in seconds, for which others may remember what a root's key is.
    type: int
    default: 3600
notes:
  - "Refused: a root that is no certificate."
seealso:
  - plugin: zone_records
    plugin_type: filter
  - name: RFC 7671
    description: The TLSA record.
    link: https://www.rfc-editor.org/rfc/rfc7671
"""

EXAMPLES = r"""
- name: Make the records of a virtual host
  ansible.builtin.assert:
    that: "[{'name': 'www1.st.um'}, {'name': 'st.um'}, {'name': 'other.um'}] | vhost_records('st.um') == records"
  vars:
    records: [{name: www1, type: CNAME, value: "@"}]
"""

RETURN = r"""
_value:
  description: The records, as P(zone_records#filter) takes them.
  type: list
  elements: dict
"""

import hashlib
from collections.abc import Callable, Sequence
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


def vhost_records(
    vhosts: list[dict[str, Any]], zone: str, roots: Sequence[str] = (), ttl: int = 3600
) -> list[dict[str, Any]]:
    """Make the records that virtual hosts need in a zone."""
    values = [f"2 1 1 {digest(root)}" for root in roots]
    records: list[dict[str, Any]] = []
    for vhost in vhosts:
        for name in [vhost["name"], *(vhost.get("aliases") or [])]:
            if not f".{name}".endswith(f".{zone}"):
                continue
            relative = name.removesuffix(zone).removesuffix(".")
            if relative:
                records.append({"name": relative, "type": "CNAME", "value": "@"})
            if vhost.get("tls") and not vhost.get("acme"):
                tlsa = ".".join(filter(None, ["_443._tcp", relative]))
                records += [{"name": tlsa, "type": "TLSA", "value": value, "ttl": ttl} for value in values]
    return records


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"vhost_records": vhost_records}
