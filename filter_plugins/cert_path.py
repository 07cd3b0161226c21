"""Jinja filter cert_path: tell where the files of a certificate are on its host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cert_path
short_description: Tell where the files of a certificate are on its host
version_added: "0.1.0"
description:
  - This is the one rule for the paths of keys and certificates. Whoever makes, uses or checks them asks here.
  - They are in a folder of their own, as Debian's C(/etc/ssl/private) lets nobody but root and one group pass, and each
    key has readers of its own. What all programs on a host trust is where update-ca-certificates(8) looks.
positional: kind
options:
  _input:
    description: The name of the certificate, or of the authority. Letters, digits, and C(_.-) only.
    type: str
    required: true
  kind:
    description:
      - V(certificate) is the certificate itself, followed by those of its authorities, up to the root, which is what a
        server shows its clients.
      - V(key) is its private key.
      - V(pkcs12) is both of these in one file, as programs with windows want it (PKCS#12, RFC 7292).
      - V(root) is the certificate of a root authority that the host trusts.
      - V(roots) are the certificates of all roots of ours, for who trusts these and nobody else.
      - V(crl) is the list of what authorities have revoked.
    type: str
    choices: [certificate, key, pkcs12, root, roots, crl]
    default: certificate
notes:
  - "Refused: a name with other characters, or that begins with a dot; a kind that there is not."
"""

EXAMPLES = r"""
- name: Tell where the files of a certificate are
  ansible.builtin.assert:
    that:
      - "'www3' | cert_path == '/etc/ssl/site/www3.pem'"
      - "'www3' | cert_path('key') == '/etc/ssl/site/www3.key'"
      - "'st.um' | cert_path('root') == '/usr/local/share/ca-certificates/st.um.crt'"
"""

RETURN = r"""
_value:
  description: The absolute path of the file.
  type: str
"""

import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

PATHS = {
    "certificate": "/etc/ssl/site/{}.pem",
    "key": "/etc/ssl/site/{}.key",
    "pkcs12": "/etc/ssl/site/{}.p12",
    "root": "/usr/local/share/ca-certificates/{}.crt",
    "roots": "/etc/ssl/site/{}.roots",
    "crl": "/etc/ssl/site/{}.crl",
}


def cert_path(name: Any, kind: str = "certificate") -> str:
    """Return the path of one of a certificate's files."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise AnsibleFilterError(
            f"{name!r} is not the name of a certificate: it may hold letters, digits, and _.- only"
        )
    if kind not in PATHS:
        raise AnsibleFilterError(f"{kind!r} is not a kind of file of a certificate; there are {', '.join(PATHS)}")
    return PATHS[kind].format(name)


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"cert_path": cert_path}
