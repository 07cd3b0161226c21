"""Jinja filter ssh_certificates_due: tell which SSH keys have to be certified, and why."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ssh_certificates_due
short_description: Tell which SSH keys have to be certified, and why
version_added: "0.1.0"
description:
  - Compares the certificates of a host's key and of its users' keys with what they ought to be, and gives the
    keys that have none, or one that is not as wanted, each with the reasons, for people to read.
  - A certificate is as wanted when the first authority has signed it, it is for this key and these names, and it has
    more days left than O(renew_before). Nobody can log in with a certificate that is for no name, so none is ever made.
positional: principals, users, authorities, now, renew_before
options:
  _input:
    description:
      - Public keys and certificates, C(KEY|CERTIFICATE), each as in a C(.pub) file without its comment, or empty.
        V(host) is the host's, C(user-NAME) is a user's. A user without a key is passed over.
    type: dict
    required: true
  principals:
    description: The names and addresses that the host's key is certified for.
    type: list
    elements: str
    required: true
  users:
    description: The users whose keys are certified, for their own name alone.
    type: list
    elements: str
    required: true
  authorities:
    description:
      - The public keys of the authorities, V(host) and V(user), those of each by their names. The first one certifies,
        the others are believed. One that is empty is yet to be made.
    type: dict
    required: true
  now:
    description: The time in question, in seconds since 1970.
    type: float
    required: true
  renew_before:
    description: How many days before its end a certificate is due.
    type: float
    default: 30
notes:
  - "Refused: a host without a key; no principals; a principal with a comma or a space. A user's key that cannot be read
    is passed over like none, so that nobody stops a run by what is in their home."
seealso:
  - name: ssh-keygen(1), CERTIFICATES
    description: How keys are certified.
    link: https://manpages.debian.org/trixie/openssh-client/ssh-keygen.1.en.html#CERTIFICATES
"""

EXAMPLES = r"""
- name: Tell which keys have to be certified
  ansible.builtin.assert:
    that:
      - due | map(attribute='name') == ['host']
      - (due | first).reasons == ['there is none']
  vars:
    key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDqJsKzqNwvQBGYgoMKhHH4vJE+kV8kCuQ8WHQ0OXJ+9
    due: >-
      {{ {'host': key ~ '|', 'user-user1': '|'}
         | ssh_certificates_due(['st.um'], ['user1'], {'host': {'host': key}, 'user': {'user': key}},
                                now().timestamp()) }}
"""

RETURN = r"""
_value:
  description: The keys that are due.
  type: list
  elements: dict
  contains:
    name:
      description: The name in the input.
      type: str
    kind:
      description: C(host) or C(user), as is its authority.
      type: str
    key:
      description: The public key.
      type: str
    principals:
      description: What it is to be certified for.
      type: list
      elements: str
    reasons:
      description: Why.
      type: list
      elements: str
"""

import datetime
import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

UNREADABLE = (ValueError, UnsupportedAlgorithm, TypeError)


def is_signed_by(certificate: SSHCertificate, authorities: list[str]) -> bool:
    """Tell whether one of the authorities has signed the certificate."""
    try:
        certificate.verify_cert_signature()
    except InvalidSignature:
        return False
    return certificate.signature_key() in [load_ssh_public_identity(key.encode()) for key in authorities if key]


def reasons(key: Any, text: str, principals: list[str], authorities: list[str], until: float) -> list[str]:
    """Say what is not as wanted with a certificate; until is when it must still be valid."""
    if not authorities[0]:
        return ["its authority is yet to be made"]
    if not text:
        return ["there is none"]
    try:
        certificate = load_ssh_public_identity(text.encode())
    except UNREADABLE as error:
        return [f"it cannot be read: {error}"]
    if not isinstance(certificate, SSHCertificate):
        return ["it is a key, not a certificate"]
    found = []
    if is_signed_by(certificate, authorities[1:]):
        found.append("its authority is no longer the first one")
    elif not is_signed_by(certificate, authorities[:1]):
        found.append("its authority is none of ours")
    if certificate.public_key() != key:
        found.append("it is for another key")
    names = sorted(name.decode(errors="replace") for name in certificate.valid_principals)
    if names != sorted(principals):
        found.append(f"it is for {', '.join(names)}, not for {', '.join(sorted(principals))}")
    if certificate.valid_before <= until:
        end = datetime.datetime.fromtimestamp(certificate.valid_before, datetime.UTC)
        found.append(f"it ends on {end:%Y-%m-%d %H:%M} UTC")
    return found


def ssh_certificates_due(
    seen: dict[str, str],
    principals: list[str],
    users: list[str],
    authorities: dict[str, dict[str, str]],
    now: float,
    renew_before: float = 30,
) -> list[dict[str, Any]]:
    """Return the keys that have to be certified, with the reasons."""
    if wrong := [name for name in principals if not re.fullmatch(r"[^\s,]+", name)]:
        raise AnsibleFilterError(f"Edit openssh_principals: {wrong[0]!r} is not a name or an address")
    if not principals:
        raise AnsibleFilterError("Edit openssh_principals: a certificate for no names would be good for nothing")
    wanted = [("host", "host", principals), *((f"user-{user}", "user", [user]) for user in users)]
    due = []
    for name, kind, names in wanted:
        text, _, certificate = seen.get(name, "").partition("|")
        try:
            key = load_ssh_public_identity(text.encode())
        except UNREADABLE as error:
            if kind == "host":
                raise AnsibleFilterError(
                    f"The host has no key /etc/ssh/ssh_host_ed25519_key.pub that can be read; `ssh-keygen -A` there "
                    f"makes what is missing: {error}"
                ) from error
            continue
        found = reasons(key, certificate, names, list(authorities[kind].values()), now + renew_before * 86400)
        if found:
            due.append({"name": name, "kind": kind, "key": text, "principals": names, "reasons": found})
    return due


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"ssh_certificates_due": ssh_certificates_due}
