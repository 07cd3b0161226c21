"""Jinja filter entries_checked: refuse entries that a directory cannot have."""

from __future__ import annotations

DOCUMENTATION = r"""
name: entries_checked
short_description: Refuse entries that a directory cannot have
version_added: "0.1.0"
description:
  - Returns its input if its names are right and each has its place. What classes and attributes there are, the schema
    knows, and slapd says it.
positional: variable, above
options:
  _input:
    description: The entries, each with C(dn) and C(attributes), each after the one above it.
    type: list
    elements: dict
    required: true
  variable:
    description: The variable that a person has to edit when something is wrong; errors name it.
    type: str
    required: true
  above:
    description: The names of the entries that are there without them.
    type: list
    elements: str
notes:
  - "Refused: a name that is none (RFC 4514), that is there twice, or has nothing above it; an entry without a class, or
    without the attribute that its name is made of, if it is given with other values; names that are no attributes'."
"""

EXAMPLES = r"""
- name: Check an entry
  ansible.builtin.assert:
    that: entries | entries_checked('slapd_entries', ['o=um,c=es']) == entries
  vars:
    entries: [{dn: 'ou=st,o=um,c=es', attributes: {objectClass: organizationalUnit}}]
"""

RETURN = r"""
_value:
  description: The entries, unchanged.
  type: list
  elements: dict
"""

import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

# RFC 4512 section 1.4 (names and numbers of attributes, with options), RFC 4514 section 3
ATTRIBUTE = r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)"
VALUE = r'(?:[^\\,+"<>;=#\x00 ]|\\[\\,+"<>;=# ]|\\[0-9A-Fa-f]{2})(?:[^\\,+"<>;\x00]|\\[\\,+"<>;=# ]|\\[0-9A-Fa-f]{2})*'
RDN = rf"{ATTRIBUTE}={VALUE}(?:\+{ATTRIBUTE}={VALUE})*"
DN = re.compile(rf"{RDN}(?:,{RDN})*")


def normal(dn: str) -> str:
    """Return a name in the case that does not matter."""
    return dn.lower()


def wrong(entry: dict[str, Any], there: set[str]) -> str:
    """Return what is wrong with an entry, nothing if it is right."""
    dn, attributes = str(entry["dn"]), {str(name).lower(): values for name, values in entry["attributes"].items()}
    if not DN.fullmatch(dn):
        return "that is not a distinguished name, such as cn=Somebody,ou=st,o=um,c=es"
    if normal(dn) in there:
        return "it is there twice"
    first, _, above = re.match(r"((?:[^,\\]|\\.)*)(,?)(.*)", dn, re.DOTALL).groups()
    if there and normal(above) not in there:
        return f"there is no entry above it, {above or 'the root'}"
    if not attributes.get("objectclass"):
        return "it has no objectClass"
    if names := [name for name in attributes if not re.fullmatch(rf"{ATTRIBUTE}(?:;[A-Za-z0-9-]+)*", name)]:
        return f"{names[0]!r} is not the name of an attribute"
    attribute, _, value = first.partition("=")
    given = attributes.get(attribute.lower(), [])
    values = [str(item).lower() for item in (given if isinstance(given, list) else [given])]
    if "\\" not in first and "+" not in first and values and value.lower() not in values:
        return f"its {attribute} has to be {value}, as its name says"
    return ""


def entries_checked(
    entries: list[dict[str, Any]], variable: str, above: list[str] | None = None
) -> list[dict[str, Any]]:
    """Return the entries if all are right."""
    there = {normal(dn) for dn in above or []}
    for entry in entries:
        if reason := wrong(entry, there):
            raise AnsibleFilterError(f"Edit {variable}: {entry['dn']}: {reason}")
        there.add(normal(entry["dn"]))
    return entries


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"entries_checked": entries_checked}
