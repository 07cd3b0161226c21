"""Jinja filter enabling_links: describe the links that enable parts of Apache's configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
name: enabling_links
short_description: Describe the links that enable parts of Apache's configuration
version_added: "0.1.0"
description:
  - Gives the symbolic links that a2enmod(8), a2enconf(8) and a2ensite(8) make, as the option C(files) of service_config
    takes them.
options:
  _input:
    description: The links, below C(/etc/apache2), such as V(mods-enabled/ssl.load).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Enable a module
  ansible.builtin.assert:
    that: "['mods-enabled/ssl.load'] | enabling_links == links"
  vars:
    links: [{path: /etc/apache2/mods-enabled/ssl.load, link: ../mods-available/ssl.load}]
"""

RETURN = r"""
_value:
  description: The links.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any


def enabling_links(names: list[str]) -> list[dict[str, str]]:
    """Describe the links."""
    return [
        {"path": f"/etc/apache2/{name}", "link": f"../{name.replace('-enabled/', '-available/', 1)}"} for name in names
    ]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"enabling_links": enabling_links}
