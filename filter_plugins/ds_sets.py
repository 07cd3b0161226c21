"""Jinja filter ds_sets: DS records by zone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ds_sets
short_description: DS records by zone
version_added: "0.1.0"
description:
  - Reads DS records (RFC 4034 section 5) as a zone file has them, one on a line, such as C(dnssec-dsfromkey) prints
    them and a run writes them into C(site_ds_dir).
options:
  _input:
    description: The lines. Empty ones and those that begin with a semicolon are passed over.
    type: str
    required: true
notes:
  - "Refused: what is not a string; a line that is not a DS record with a full name and its digest."
"""

EXAMPLES = r"""
- name: Read a DS record
  ansible.builtin.assert:
    that: "'st.um. 3600 IN DS 12345 13 2 00FF' | ds_sets == {'st.um.': ['12345 13 2 00ff']}"
"""

RETURN = r"""
_value:
  description: By the zone's full name in lower case, the sorted values of its DS records, the digest in lower case.
  type: dict
"""

import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

LINE = re.compile(r"(\S*\.)(?:\s+\d+)?(?:\s+IN)?\s+DS\s+(\d+)\s+(\d+)\s+(\d+)\s+([0-9a-f \t]+)", re.IGNORECASE)


def ds_sets(text: str) -> dict[str, list[str]]:
    """Read DS records."""
    if not isinstance(text, str):
        raise AnsibleFilterError(f"The DS records are {type(text).__name__}, not a string")
    sets: dict[str, set[str]] = {}
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith(";"):
            continue
        if not (match := LINE.fullmatch(line)):
            raise AnsibleFilterError(f"{line!r} is not a DS record with a full name, its final dot, and its digest")
        name, *fields, digest = match.groups()
        sets.setdefault(name.lower(), set()).add(" ".join([*fields, "".join(digest.lower().split())]))
    return {name: sorted(values) for name, values in sets.items()}


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"ds_sets": ds_sets}
