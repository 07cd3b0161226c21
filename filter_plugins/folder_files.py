"""Jinja filter folder_files: describe the files of a folder for service_config."""

from __future__ import annotations

DOCUMENTATION = r"""
name: folder_files
short_description: Describe the files of a folder for service_config
version_added: "0.1.0"
description:
  - Makes, of texts by their names, the files of a folder as the option C(files) of service_config takes them. A text
    that is empty has no file.
positional: folder, suffix, more
options:
  _input:
    description: The texts, by names. A final newline is added.
    type: dict
    required: true
  folder:
    description: The folder's absolute path.
    type: str
    required: true
  suffix:
    description: What file names end in, after the name of the text.
    type: str
    default: ""
  more:
    description: What all the files have beside C(path) and C(content).
    type: dict
    default: {}
notes:
  - "Refused: a name with a slash, or an empty one."
"""

EXAMPLES = r"""
- name: Describe a file
  ansible.builtin.assert:
    that: "{'user1': 'a key', 'user2': ''} | folder_files('/etc/ssh/keys', '.pub') == files"
  vars:
    files: [{path: /etc/ssh/keys/user1.pub, content: "a key\n"}]
"""

RETURN = r"""
_value:
  description: The files, in the order of the texts.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ansible.errors import AnsibleFilterError


def folder_files(
    texts: dict[str, str], folder: str, suffix: str = "", more: Mapping[str, Any] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """Describe the files of a folder."""
    if wrong := [name for name in texts if not name or "/" in name]:
        raise AnsibleFilterError(f"{wrong[0]!r} is not the name of a file in {folder}")
    return [
        {"path": f"{folder}/{name}{suffix}", "content": f"{text.rstrip()}\n", **more}
        for name, text in texts.items()
        if text.strip()
    ]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"folder_files": folder_files}
