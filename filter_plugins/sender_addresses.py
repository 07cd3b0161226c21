"""Jinja filter sender_addresses: tell in whose names users may write."""

from __future__ import annotations

DOCUMENTATION = r"""
name: sender_addresses
short_description: Tell in whose names users may write
version_added: "0.1.0"
description:
  - Follows the aliases of a mail server to those who get the letters, and gives each of them the names that lead there.
positional: more
options:
  _input:
    description: One local part or address, or a list of them, by the name whose letters they get.
    type: dict
    required: true
  more:
    description: Further local parts and addresses, as lists, by the users who may write in their names.
    type: dict
seealso:
  - plugin: checked
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Tell who may write in the name of postmaster
  ansible.builtin.assert:
    that: "{'postmaster': 'root', 'root': 'user1'} | sender_addresses({'user1': ['shop@st.um']}) == names"
  vars:
    names: {user1: [postmaster, root, shop@st.um], root: [postmaster]}
"""

RETURN = r"""
_value:
  description: The names, sorted, by the users and names whom they lead to, which are sorted, too; all in lower case.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def sender_addresses(
    aliases: Mapping[str, str | Sequence[str]], more: Mapping[str, Sequence[str]] | None = None
) -> dict[str, list[str]]:
    """Tell in whose names users may write."""
    steps = {
        name.lower(): [target.lower() for target in ([targets] if isinstance(targets, str) else targets)]
        for name, targets in aliases.items()
    }
    names: dict[str, set[str]] = {}
    for name in steps:
        seen, ahead = {name}, [*steps[name]]
        while ahead:
            target = ahead.pop()
            if target in seen:
                continue
            seen.add(target)
            names.setdefault(target, set()).add(name)
            ahead += steps.get(target, [])
    for user, addresses in (more or {}).items():
        names.setdefault(user.lower(), set()).update(address.lower() for address in addresses)
    return {user: sorted(names[user]) for user in sorted(names)}


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"sender_addresses": sender_addresses}
