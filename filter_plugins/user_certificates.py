"""Jinja filter user_certificates: tell which certificates people need, to show who they are."""

from __future__ import annotations

DOCUMENTATION = r"""
name: user_certificates
short_description: Tell which certificates people need, to show who they are
version_added: "0.1.0"
description:
  - Gives a client certificate for each user, as P(certificates_due#filter) takes them, called V(user-NAME), for the
    user's name and mail address. Its key can be read by the group that is called like the user.
positional: domain
options:
  _input:
    description: The users' names.
    type: list
    elements: str
    required: true
  domain:
    description: The domain of their mail addresses, as A-labels without the final dot.
    type: str
    required: true
seealso:
  - plugin: certificates_due
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Tell which certificates are needed
  ansible.builtin.assert:
    that: "['user1'] | user_certificates('st.um') == certificates"
  vars:
    certificates:
      - {name: user-user1, names: [], common_name: user1, emails: [user1@st.um], usage: client, group: user1}
"""

RETURN = r"""
_value:
  description: The certificates.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any


def user_certificates(names: list[str], domain: str) -> list[dict[str, Any]]:
    """Tell which certificates people need."""
    return [
        {
            "name": f"user-{name}",
            "names": [],
            "common_name": name,
            "emails": [f"{name}@{domain}"],
            "usage": "client",
            "group": name,
        }
        for name in names
    ]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"user_certificates": user_certificates}
