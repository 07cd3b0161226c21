"""Jinja filter directory_entries: make the directory's entries of people."""

from __future__ import annotations

DOCUMENTATION = r"""
name: directory_entries
short_description: Make the directory's entries of people
version_added: "0.1.0"
description:
  - Each user of the list gets an entry, of class C(stPerson), with an address for letters, for the module
    M(ldap_entries).
positional: base, domain, passwords, salt, shell
options:
  _input:
    description:
      - The users, each with C(name), and if they have them C(full_name), C(surname) and C(mobile). An entry is called
        by the full name, or else by the login name; without a surname, the last word of that is taken.
      - Who has a C(uid) is a C(posixAccount) as well (RFC 2307), with the group of that number, and the C(shell).
    type: list
    elements: dict
    required: true
  base:
    description: The distinguished name of the entry above them (RFC 4514).
    type: str
    required: true
  domain:
    description: The domain of their addresses.
    type: str
    required: true
  passwords:
    description: The passwords that they begin with, by their login names.
    type: dict
  salt:
    description: A secret that keeps passwords from being guessed by the marks that tell whether they are others.
    type: str
    default: ""
  shell:
    description: The login shell of whoever has no other.
    type: str
    default: /bin/bash
notes:
  - "Refused: two people with the same full name, as they would have the same distinguished name."
"""

EXAMPLES = r"""
- name: Make an entry
  ansible.builtin.assert:
    that:
      - people[0].dn == 'cn=User One,ou=st,o=um,c=es'
      - people[0].attributes.correo == 'user1@st.um'
      - people[0].attributes.sn == 'One'
  vars:
    people: "{{ [{'name': 'user1', 'full_name': 'User One'}] | directory_entries('ou=st,o=um,c=es', 'st.um') }}"
"""

RETURN = r"""
_value:
  description: The entries, each with its C(dn), C(key) and C(attributes), and if it has a password C(mark).
  type: list
  elements: dict
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def escaped(value: str) -> str:
    """Return a value as it is written in a distinguished name (RFC 4514 section 2.4), in slapd's way to do so."""
    return re.sub(r'[\\,+"<>;=]|^[ #]| $', lambda found: f"\\{ord(found[0]):02X}", value)


def account(user: dict[str, Any], shell: str) -> dict[str, Any]:
    """Return the attributes by which hosts know an account (RFC 2307), none of whoever has no number."""
    if not user.get("uid"):
        return {}
    return {
        "uidNumber": str(user["uid"]),
        "gidNumber": str(user["uid"]),
        "homeDirectory": f"/home/{user['name']}",
        "loginShell": user.get("shell") or shell,
    }


def entry(
    user: dict[str, Any], base: str, domain: str, passwords: dict[str, str], salt: str, shell: str
) -> dict[str, Any]:
    """Return the entry of one user."""
    name = user["name"]
    full_name = user.get("full_name") or name
    number = account(user, shell)
    attributes = {
        "objectClass": ["stPerson", "ldapPublicKey"] + (["posixAccount"] if number else []),
        "cn": full_name,
        "sn": user.get("surname") or full_name.split()[-1],
        "uid": name,
        "correo": f"{name}@{domain}",
        "mobile": [str(user["mobile"])] if user.get("mobile") else [],
        **number,
    }
    made = {"dn": f"cn={escaped(full_name)},{base}", "key": "uid", "attributes": attributes}
    if name in passwords:
        attributes["userPassword"] = passwords[name]
        made["mark"] = hashlib.sha256(f"{salt}|{name}|{passwords[name]}".encode()).hexdigest()
    return made


def directory_entries(
    users: list[dict[str, Any]],
    base: str,
    domain: str,
    passwords: dict[str, str] | None = None,
    salt: str = "",
    shell: str = "/bin/bash",
) -> list[dict[str, Any]]:
    """Return the entries of all users."""
    entries = [entry(user, base, domain, passwords or {}, salt, shell) for user in users]
    names: dict[str, str] = {}
    for user, made in zip(users, entries, strict=True):
        if other := names.get(made["dn"].lower()):
            raise AnsibleFilterError(
                f"Edit site_users: {other} and {user['name']} have the same full_name, "
                f"{made['attributes']['cn']}, and so the same name in the directory, {made['dn']}"
            )
        names[made["dn"].lower()] = user["name"]
    return entries


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"directory_entries": directory_entries}
