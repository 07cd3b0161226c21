"""Jinja filter ssh_authorities: read the public keys of the authorities for SSH."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ssh_authorities
short_description: Read the public keys of the authorities for SSH
version_added: "0.1.0"
description:
  - The authorities are on the controller, a pair for each number, one for hosts, one for users. The first pair was
    there before there were numbers, and its files have none, C(host.pub) and C(user.pub); the next are C(host-2.pub)
    and C(user-2.pub).
positional: folder
options:
  _input:
    description: The numbers of the authorities.
    type: list
    elements: int
    required: true
  folder:
    description: Where their keys are, on the controller.
    type: path
    required: true
seealso:
  - plugin: ssh_certificates_due
    plugin_type: filter
"""

EXAMPLES = r"""
- name: What is yet to be made has no key
  ansible.builtin.assert:
    that: "[2] | ssh_authorities('/nowhere') == {'host': {'host-2': ''}, 'user': {'user-2': ''}}"
"""

RETURN = r"""
_value:
  description:
    - The public keys, by V(host) and V(user), and by the names of their files. One that is yet to be made is empty.
  type: dict
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def public_key(path: Path) -> str:
    """Return a public key, or nothing if there is none."""
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def ssh_authorities(numbers: list[int], folder: str) -> dict[str, dict[str, str]]:
    """Read the public keys of the authorities for SSH."""
    found: dict[str, dict[str, str]] = {}
    for kind in ("host", "user"):
        names = [kind if number == 1 else f"{kind}-{number}" for number in numbers]
        found[kind] = {name: public_key(Path(folder) / f"{name}.pub") for name in names}
    return found


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"ssh_authorities": ssh_authorities}
