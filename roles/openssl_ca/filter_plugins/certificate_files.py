"""Jinja filter certificate_files: make the files of certificates, for the module service_config."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_files
short_description: Make the files of certificates, for the module service_config
version_added: "0.1.0"
description:
  - Gives a file for each root authority that a host trusts, and one for each certificate, which reloads who uses it.
  - The roots come first. Who is reloaded for a certificate, and asks a server that has just got one of a new root,
    finds that root in the system's store.
  - A certificate is followed by those of its authorities, up to the root, so that it can be checked by who knows
    nothing but the digest of the root's key (RFC 7671 section 5.2.2).
  - The key of a certificate follows it. If the one in use is another, but the one made last or used before it is the
    right one, these two change places before the certificate's users are told, and back if the change is undone.
positional: texts, authorities, roots, roots_reload
options:
  _input:
    description: The certificates that are wanted.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the certificate is called.
        type: str
        required: true
      reload:
        description: The command that makes its users read it again, as a list. By default nobody is told.
        type: list
        elements: str
  texts:
    description: The certificates in PEM, by their names. What follows the first one in a text is left out.
    type: dict
    required: true
  authorities:
    description: The certificates of the authority that has issued them and of its root, in PEM.
    type: str
    required: true
  roots:
    description: The certificates of the root authorities, by their names.
    type: dict
    required: true
  roots_reload:
    description: The command for those who have read the system's store of roots, as a list. By default nobody is told.
    type: list
    elements: str
    default: []
notes:
  - "Refused: a certificate without a text."
seealso:
  - plugin: cert_path
    plugin_type: filter
  - plugin: certificates_due
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Make the files of a certificate
  ansible.builtin.assert:
    that:
      - file.path == '/etc/ssl/site/www3.pem'
      - file.content == text ~ '\nAUTHORITIES\n'
      - file.reload[-2:] == ['apachectl', 'graceful']
  vars:
    text: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"
    certificates: [{name: www3, reload: [apachectl, graceful]}]
    file: "{{ certificates | certificate_files({'www3': text}, 'AUTHORITIES', {}) | first }}"
"""

RETURN = r"""
_value:
  description: The files, as the option C(files) of service_config takes them.
  type: list
  elements: dict
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader

PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
TRUST = "update-ca-certificates"
FOLLOW = """
key={key}
wanted=$(openssl x509 -noout -pubkey -in {certificate})
for other in $key $key.new $key.old; do
    test -e $other && test "$(openssl pkey -pubout -in $other)" = "$wanted" || continue
    test $other = $key && break
    ln -f $key $key.before
    mv -f $other $key
    mv -f $key.before $key.old
    break
done
"$@"
"""


def certificate_files(
    certificates: list[dict[str, Any]],
    texts: dict[str, str],
    authorities: str,
    roots: dict[str, str],
    roots_reload: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Return the files of the roots and of the certificates."""
    cert_path = filter_loader.get("cert_path").j2_function
    reload = ["sh", "-ec", f'{TRUST}; exec "$@"', "sh", *(roots_reload or ["true"])]
    files = [
        {"path": cert_path(name, "root"), "content": f"{text.strip()}\n", "reload": reload}
        for name, text in roots.items()
    ]
    for certificate in certificates:
        text = PEM.search(texts.get(certificate["name"]) or "")
        if not text:
            raise AnsibleFilterError(f"There is no text of the certificate {certificate['name']}")
        paths = {kind: cert_path(certificate["name"], kind) for kind in ("certificate", "key")}
        reload = ["sh", "-ec", FOLLOW.format(**paths), "sh", *(certificate.get("reload") or ["true"])]
        files.append({"path": paths["certificate"], "content": f"{text[0]}\n{authorities.strip()}\n", "reload": reload})
    return files


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"certificate_files": certificate_files}
