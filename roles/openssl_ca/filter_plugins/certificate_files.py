"""Jinja filter certificate_files: make the files of certificates, for the module service_config."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_files
short_description: Make the files of certificates, for the module service_config
version_added: "0.1.0"
description:
  - Gives a file for each certificate, which reloads who uses it, and one for each root authority that a host trusts.
  - The key of a certificate follows it. If the one in use is another, but the one made last or used before it is the
    right one, these two change places before the certificate's users are told, and back if the change is undone.
positional: texts, roots
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
    description: The certificates in PEM, followed by the authorities between them and the root, by their names.
    type: dict
    required: true
  roots:
    description: The certificates of the root authorities, by their names.
    type: dict
    required: true
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
      - file.content == 'PEM\n'
      - file.reload[-2:] == ['apachectl', 'graceful']
  vars:
    file: >-
      {{ [{'name': 'www3', 'reload': ['apachectl', 'graceful']}] | certificate_files({'www3': 'PEM'}, {}) | first }}
"""

RETURN = r"""
_value:
  description: The files, as the option C(files) of service_config takes them.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader

TRUST = ["update-ca-certificates"]
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
    certificates: list[dict[str, Any]], texts: dict[str, str], roots: dict[str, str]
) -> list[dict[str, Any]]:
    """Return the files of the certificates and of the roots."""
    cert_path = filter_loader.get("cert_path").j2_function
    files = []
    for certificate in certificates:
        text = (texts.get(certificate["name"]) or "").strip()
        if not text:
            raise AnsibleFilterError(f"There is no text of the certificate {certificate['name']}")
        paths = {kind: cert_path(certificate["name"], kind) for kind in ("certificate", "key")}
        reload = ["sh", "-ec", FOLLOW.format(**paths), "sh", *(certificate.get("reload") or ["true"])]
        files.append({"path": paths["certificate"], "content": f"{text}\n", "reload": reload})
    for name, text in roots.items():
        files.append({"path": cert_path(name, "root"), "content": f"{text.strip()}\n", "reload": TRUST})
    return files


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"certificate_files": certificate_files}
