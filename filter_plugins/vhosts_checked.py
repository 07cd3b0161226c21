"""Jinja filter vhosts_checked: refuse virtual hosts that cannot be served."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vhosts_checked
short_description: Refuse virtual hosts that cannot be served
version_added: "0.1.0"
description:
  - Gives the virtual hosts back as they are, if nothing is wrong with them.
positional: groups, passwords, client_authority, authority
options:
  _input:
    description: The virtual hosts, as in the variable C(apache_vhosts).
    type: list
    elements: dict
    required: true
  groups:
    description: The members of groups, as lists of names.
    type: dict
    required: true
  passwords:
    description: The passwords of these, by their names.
    type: dict
    required: true
  client_authority:
    description: What the authority is called that certifies clients.
    type: str
    default: ""
  authority:
    description: The public authority, as in the variable C(apache_acme).
    type: dict
notes:
  - "Refused: a name that is there twice; a group that is not there; a member of a group without a password; client
    certificates without TLS or an authority; C(acme) without C(tls), or while something of the authority is not told."
"""

EXAMPLES = r"""
- name: Check a virtual host
  ansible.builtin.assert:
    that: vhosts | vhosts_checked({}, {}) == vhosts
  vars:
    vhosts: [{name: www1.st.um}]
"""

RETURN = r"""
_value:
  description: The virtual hosts, as they were given.
  type: list
  elements: dict
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

NEEDED = ["url", "caa", "contact", "agreed"]


def vhosts_checked(
    vhosts: list[dict[str, Any]],
    groups: dict[str, list[str]],
    passwords: dict[str, str],
    client_authority: str = "",
    authority: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Refuse virtual hosts that cannot be served."""
    names = [name for vhost in vhosts for name in [vhost["name"], *(vhost.get("aliases") or [])]]
    if twice := sorted(name for name, times in Counter(map(str.lower, names)).items() if times > 1):
        raise AnsibleFilterError(f"Edit apache_vhosts: twice there: {', '.join(twice)}")
    for vhost in vhosts:
        if vhost.get("client_certificates") and not vhost.get("tls"):
            raise AnsibleFilterError(f"Edit apache_vhosts: {vhost['name']} has client_certificates, which takes tls")
        if vhost.get("client_certificates") and not client_authority:
            raise AnsibleFilterError(f"Edit apache_client_authority: {vhost['name']} has client_certificates")
        if missing := [group for group in vhost.get("groups") or [] if group not in groups]:
            raise AnsibleFilterError(
                f"Edit apache_vhosts or apache_groups: {vhost['name']} is for {', '.join(missing)}; "
                f"there are {', '.join(groups) or 'no groups'}"
            )
        if vhost.get("acme") and not vhost.get("tls"):
            raise AnsibleFilterError(f"Edit apache_vhosts: {vhost['name']} has acme without tls")
        if vhost.get("acme") and (missing := [key for key in NEEDED if not (authority or {}).get(key)]):
            raise AnsibleFilterError(f"Edit apache_acme: for {vhost['name']} it takes {', '.join(missing)}, too")
    members = sorted({name for group in groups.values() for name in group})
    if bare := [name for name in members if not passwords.get(name)]:
        raise AnsibleFilterError(f"Edit apache_passwords: no password for {', '.join(bare)}")
    return vhosts


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"vhosts_checked": vhosts_checked}
