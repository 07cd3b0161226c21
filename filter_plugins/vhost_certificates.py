"""Jinja filter vhost_certificates: tell which certificates virtual hosts need."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vhost_certificates
short_description: Tell which certificates virtual hosts need
version_added: "0.1.0"
description:
  - Gives a certificate for each virtual host that is served over TLS, as P(certificates_due#filter) takes them, called
    like the virtual host, for its name and its aliases. Those with C(acme) get theirs from a public authority.
positional: reload
options:
  _input:
    description: The virtual hosts, as in the variable C(apache_vhosts).
    type: list
    elements: dict
    required: true
  reload:
    description: The command, as a list of words, that tells the web server that a certificate is new.
    type: list
    elements: str
    required: true
seealso:
  - plugin: certificates_due
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Tell which certificates are needed
  ansible.builtin.assert:
    that: vhosts | vhost_certificates(['true']) == certificates
  vars:
    vhosts: [{name: www1.st.um}, {name: www3.st.um, aliases: [w.st.um], tls: true}]
    certificates: [{name: www3.st.um, names: [www3.st.um, w.st.um], reload: ["true"]}]
"""

RETURN = r"""
_value:
  description: The certificates.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any


def vhost_certificates(vhosts: list[dict[str, Any]], reload: list[str]) -> list[dict[str, Any]]:
    """Tell which certificates virtual hosts need."""
    return [
        {"name": vhost["name"], "names": [vhost["name"], *(vhost.get("aliases") or [])], "reload": reload}
        for vhost in vhosts
        if vhost.get("tls") and not vhost.get("acme")
    ]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"vhost_certificates": vhost_certificates}
