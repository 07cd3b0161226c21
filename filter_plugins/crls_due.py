"""Jinja filter crls_due: tell which authorities have to make a new list of what they revoked, and why."""

from __future__ import annotations

DOCUMENTATION = r"""
name: crls_due
short_description: Tell which authorities have to make a new list of what they revoked, and why
version_added: "0.1.0"
description:
  - Compares the serial numbers that are to be revoked with the authorities' own records, the C(index.txt) of
    openssl-ca(1), and looks when their lists (CRL, RFC 5280 section 5) end.
  - What is revoked stays so, when its serial number is given no more. A list that lacks it, as after a run that ended
    too early, is due.
positional: revoked, now, renew_before
options:
  _input:
    description:
      - The authorities, by their names, each with the text of its C(index), and its list of what it revoked, C(crl), in
        PEM, empty where there is none yet.
    type: dict
    required: true
  revoked:
    description: The serial numbers of the certificates that are to be revoked, in hexadecimal.
    type: list
    elements: str
    required: true
  now:
    description: The time in question, in seconds since 1970.
    type: float
    required: true
  renew_before:
    description: How many days before its end a list is due.
    type: float
    default: 3
notes:
  - "Refused: a serial number that is none, or of no certificate of these authorities."
seealso:
  - plugin: ca_authorities
    plugin_type: filter
  - plugin: certificates_due
    plugin_type: filter
  - name: RFC 5280
    description: Internet X.509 public key infrastructure certificate and CRL profile.
    link: https://www.rfc-editor.org/rfc/rfc5280
"""

EXAMPLES = r"""
- name: Tell which lists are due
  ansible.builtin.assert:
    that: (due | first).revoke == ['0A']
  vars:
    index: "V\t300101000000Z\t\t0A\tunknown\t/CN=www3.st.um\n"
    due: "{{ {'issuing-1-1': {'index': index, 'crl': ''}} | crls_due(['0a'], now().timestamp()) }}"
"""

RETURN = r"""
_value:
  description:
    - The authorities that are due, each with its C(name), the serial numbers to C(revoke) as they are in the index, and
      C(reasons), a list of strings.
  type: list
  elements: dict
"""

import datetime
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from cryptography import x509

VARIABLE = "openssl_ca_revoked"


def number(serial: Any) -> int:
    """Read a serial number in hexadecimal."""
    try:
        return int(serial, 16)
    except (TypeError, ValueError) as cause:
        raise AnsibleFilterError(f"{VARIABLE}: {serial!r} is not a serial number in hexadecimal") from cause


def certified(index: str) -> dict[int, tuple[str, bool]]:
    """Return the serial numbers in an index, as they are written there, and whether they are revoked."""
    rows = [line.split("\t") for line in index.splitlines() if line.strip()]
    return {int(row[3], 16): (row[3], row[0] == "R") for row in rows}


def crls_due(
    authorities: dict[str, dict[str, str]], revoked: list[str], now: float, renew_before: float = 3
) -> list[dict[str, Any]]:
    """Return the authorities that have to make a new list, with the reasons."""
    until = datetime.datetime.fromtimestamp(now, datetime.UTC) + datetime.timedelta(days=renew_before)
    wanted = {number(serial): serial for serial in revoked}
    due = []
    for name, authority in authorities.items():
        rows = certified(authority["index"])
        revoke = [written for serial, (written, is_revoked) in rows.items() if serial in wanted and not is_revoked]
        wanted = {serial: given for serial, given in wanted.items() if serial not in rows}
        reasons = [f"{serial} is to be revoked" for serial in revoke]
        if not authority["crl"].strip():
            reasons.append("there is none")
        else:
            crl = x509.load_pem_x509_crl(authority["crl"].encode())
            on_it = {each.serial_number for each in crl}
            reasons += [
                f"{written} is not on it"
                for serial, (written, is_revoked) in rows.items()
                if is_revoked and serial not in on_it
            ]
            ends = crl.next_update_utc
            if ends is None or ends <= until:
                reasons.append(f"it ends on {ends:%Y-%m-%d %H:%M} UTC" if ends else "it has no end")
        if reasons:
            due.append({"name": name, "revoke": revoke, "reasons": reasons})
    if wanted:
        raise AnsibleFilterError(
            f"{VARIABLE}: none of the authorities has certified {', '.join(wanted.values())}; "
            "the serial numbers of what they certified are in their index.txt"
        )
    return due


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"crls_due": crls_due}
