"""Jinja filter among: names, if all of them are known."""

from __future__ import annotations

DOCUMENTATION = r"""
name: among
short_description: Names, if all of them are known
version_added: "0.1.0"
description:
  - Returns its input if each name is among those that there are, and otherwise raises an error that names the variables
    to edit.
positional: known, variable, others
options:
  _input:
    description: The names.
    type: list
    elements: str
    required: true
  known:
    description: Those that there are.
    type: list
    elements: str
    required: true
  variable:
    description: The variable in which the names are.
    type: str
    required: true
  others:
    description: The variable in which those are that there are.
    type: str
    required: true
notes:
  - "Refused: a name that is not known."
"""

EXAMPLES = r"""
- name: The members of a group
  ansible.builtin.assert:
    that: "['user1'] | among(['user1', 'user2'], 'slapd_groups', 'slapd_people') == ['user1']"
"""

RETURN = r"""
_value:
  description: The names, unchanged.
  type: list
  elements: str
"""

from collections.abc import Callable

from ansible.errors import AnsibleFilterError


def among(names: list[str], known: list[str], variable: str, others: str) -> list[str]:
    """Return the names if all are known."""
    if missing := [name for name in dict.fromkeys(names) if name not in known]:
        raise AnsibleFilterError(
            f"Edit {variable} or {others}: there is no {', '.join(map(str, missing))}; "
            f"there are {', '.join(map(str, known)) or 'none'}"
        )
    return names


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Name the filter."""
        return {"among": among}
