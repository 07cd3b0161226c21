"""Jinja filter ca_authorities: read what the controller has of the certificate authorities."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ca_authorities
short_description: Read what the controller has of the certificate authorities
version_added: "0.1.0"
description:
  - Each authority has a folder with its certificate and the records of openssl-ca(1). V(root-N) is the root of the
    number N, V(issuing-N-M) the issuing authority of the number M below it.
  - One without a certificate is yet to be made. What an earlier issuing authority has certified may be in use still.
positional: issuing, folder
options:
  _input:
    description: The numbers of the roots.
    type: list
    elements: int
    required: true
  issuing:
    description: The number of the latest issuing authority.
    type: int
    required: true
  folder:
    description: Where the authorities' folders are, on the controller.
    type: path
    required: true
notes:
  - "Refused: an authority that has a certificate, but not its records."
seealso:
  - plugin: crls_due
    plugin_type: filter
  - name: openssl-ca(1)
    description: The program that certifies, and its records.
    link: https://manpages.debian.org/trixie/openssl/openssl-ca.1ssl.en.html
"""

EXAMPLES = r"""
- name: There are none before the first run
  ansible.builtin.assert:
    that: "[1] | ca_authorities(1, '/nowhere') == {}"
"""

RETURN = r"""
_value:
  description:
    - The authorities that there are, the roots first, by their names, each with its C(kind), V(root) or V(issuing), its
      C(certificate) and its list of revoked certificates C(crl), in PEM, and its C(index). A list is empty until there
      is one.
  type: dict
"""

from collections.abc import Callable
from pathlib import Path

from ansible.errors import AnsibleFilterError


def ca_authorities(roots: list[int], issuing: int, folder: str) -> dict[str, dict[str, str]]:
    """Read what the controller has of the certificate authorities."""
    names = [("root", f"root-{root}") for root in roots]
    names += [("issuing", f"issuing-{root}-{number}") for root in roots for number in range(1, issuing + 1)]
    found = {}
    for kind, name in names:
        path = Path(folder) / name
        if (path / "cacert.pem").exists():
            files = {"certificate": "cacert.pem", "index": "index.txt", "crl": "crl.pem"}
            try:
                texts = {part: (path / file).read_text(encoding="utf-8").rstrip() for part, file in files.items()}
            except OSError as error:
                raise AnsibleFilterError(f"The records of the authority {name} cannot be read: {error}") from error
            found[name] = {"kind": kind, **texts}
    return found


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., dict[str, dict[str, str]]]]:
        """Name the filter."""
        return {"ca_authorities": ca_authorities}
