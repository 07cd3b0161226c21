"""Jinja filter ascii_vhosts: write the names of virtual hosts as browsers ask for them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ascii_vhosts
short_description: Write the names of virtual hosts as browsers ask for them
version_added: "0.1.0"
description:
  - Gives each virtual host its C(name) and its C(aliases) with A-labels, as the filter P(a_labels#filter)
    writes them. In what is for people, its C(title), the name is as it was given, if there is no other title.
positional: variable
options:
  _input:
    description: The virtual hosts, as in the variable C(apache_vhosts).
    type: list
    elements: dict
    required: true
  variable:
    description: The variable that a person has to edit when a name is wrong; errors name it.
    type: str
    default: site_web_hosts
notes:
  - "Refused: a name that is not a domain name, or that IDNA 2008 does not allow."
seealso:
  - plugin: a_labels
    plugin_type: filter
"""

EXAMPLES = r"""
- name: A virtual host with a name in Unicode
  ansible.builtin.assert:
    that: "[{'name': 'www.bücher.example'}] | ascii_vhosts == [vhost]"
  vars:
    vhost: {name: www.xn--bcher-kva.example, title: www.bücher.example}
"""

RETURN = r"""
_value:
  description: The virtual hosts.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.plugins.loader import filter_loader


def ascii_vhosts(vhosts: list[dict[str, Any]], variable: str = "site_web_hosts") -> list[dict[str, Any]]:
    """Write the names of virtual hosts with A-labels."""
    a_labels = filter_loader.get("a_labels").j2_function
    written = []
    for vhost in vhosts:
        names = {key: a_labels(vhost[key], variable) for key in ("name", "aliases") if key in vhost}
        written.append(({"title": vhost["name"]} if names["name"] != vhost["name"] else {}) | vhost | names)
    return written


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"ascii_vhosts": ascii_vhosts}
