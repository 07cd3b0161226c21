"""Jinja filter sshfp_records: make the SSHFP records of hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: sshfp_records
short_description: Make the SSHFP records of hosts
version_added: "0.1.0"
description:
  - Gives an C(SSHFP) record with the SHA-256 fingerprint of its key for each name of each host whose key is known, as
    P(zone_records#filter) takes them.
positional: keys
options:
  _input:
    description: The hosts, as P(host_records#filter) takes them.
    type: list
    elements: dict
    required: true
  keys:
    description: The hosts' public keys, each as in a C(.pub) file, by the hosts' C(name).
    type: dict
    required: true
notes:
  - "Refused: a key of another type than Ed25519, RSA and ECDSA, or one that is not base64."
seealso:
  - plugin: host_records
    plugin_type: filter
  - name: RFC 4255, RFC 6594, RFC 7479
    description: SSHFP records, with SHA-256, and for Ed25519.
    link: https://www.rfc-editor.org/rfc/rfc4255
"""

EXAMPLES = r"""
- name: Make the SSHFP record of a host
  ansible.builtin.assert:
    that: "[host] | sshfp_records({'client': key}) == records"
  vars:
    host: {name: client, names: [client], addresses: [172.16.22.136]}
    key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDqJsKzqNwvQBGYgoMKhHH4vJE+kV8kCuQ8WHQ0OXJ+9
    records:
      - name: client
        type: SSHFP
        value: 4 2 8ce65440552e4e23fd9b0cb47c97a9a98554d452ea323eced880c09a995bd02f
"""

RETURN = r"""
_value:
  description: The records, in the order of the hosts and their names.
  type: list
  elements: dict
"""

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

# RFC 4255 section 3.1.1, RFC 6594 section 3.1.1 and RFC 7479 section 2.
ALGORITHMS = {
    "ssh-rsa": 1,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "ssh-ed25519": 4,
}
SHA256 = 2


def sshfp(key: str) -> str:
    """Return the value of the record of a key."""
    kind, _, rest = key.strip().partition(" ")
    if kind not in ALGORITHMS:
        raise ValueError(f"its type is {kind!r}, not one of {', '.join(ALGORITHMS)}")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error as cause:
        raise ValueError(f"it is not base64: {cause}") from cause
    return f"{ALGORITHMS[kind]} {SHA256} {hashlib.sha256(blob).hexdigest()}"


def sshfp_records(hosts: list[dict[str, Any]], keys: dict[str, str]) -> list[dict[str, str]]:
    """Make the SSHFP records of hosts."""
    records = []
    for host in hosts:
        if host["name"] not in keys:
            continue
        try:
            value = sshfp(keys[host["name"]])
        except ValueError as cause:
            raise AnsibleFilterError(f"The SSH key of host {host['name']} makes no SSHFP record: {cause}") from cause
        records += [{"name": name, "type": "SSHFP", "value": value} for name in host["names"]]
    return records


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"sshfp_records": sshfp_records}
