"""Jinja filter vhost_files: describe the configuration files of Apache's virtual hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vhost_files
short_description: Describe the configuration files of Apache's virtual hosts
version_added: "0.1.0"
description:
  - Gives a file for each virtual host, as the option C(files) of service_config takes them. The template gets it
    as C(vhost).
options:
  _input:
    description: The virtual hosts, as in the variable C(apache_vhosts).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Describe a file
  ansible.builtin.assert:
    that:
      - file.path == '/etc/apache2/sites-available/site-www1.st.um.conf'
      - file.vars.vhost.name == 'www1.st.um'
  vars:
    file: "{{ [{'name': 'www1.st.um'}] | vhost_files | first }}"
"""

RETURN = r"""
_value:
  description: The files.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any


def vhost_files(vhosts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Describe the files."""
    return [
        {
            "path": f"/etc/apache2/sites-available/site-{vhost['name']}.conf",
            "template": "vhost.conf.j2",
            "vars": {"vhost": vhost},
        }
        for vhost in vhosts
    ]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"vhost_files": vhost_files}
