"""Jinja filter zone_changes: what differs between two contents of a zone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zone_changes
short_description: What differs between two contents of a zone
version_added: "0.1.0"
description:
  - Compares two contents of a zone record by record. Neither their order nor the serial matters.
  - It takes the lines as P(dns_zones#filter) returns them and a zone file of ours has them, each with one record
    C(NAME TTL IN TYPE VALUE). Lines that begin with V(;) or V($), and empty ones, are left out.
positional: new
options:
  _input:
    description: The old lines; an empty string is a zone without records.
    type: str
    required: true
  new:
    description: The new lines, likewise.
    type: str
    required: true
notes:
  - "Refused: what is not a string; a line that is none of these."
  - The serial of an SOA, the third field of its value, is shown as it is where another of its fields has changed.
seealso:
  - plugin: dns_zones
    plugin_type: filter
  - name: RFC 4034
    description: Canonical order of names (section 6.1).
    link: https://www.rfc-editor.org/rfc/rfc4034
"""

EXAMPLES = r"""
- name: Compare two contents of a zone
  ansible.builtin.assert:
    that: old | zone_changes(new) == changes
  vars:
    old: |-
      st.um. 60 IN SOA ns1.st.um. hostmaster.st.um. 1 3600 900 2419200 3600
      st.um. 60 IN NS ns1.st.um.
      www.st.um. 60 IN A 192.0.2.1
    new: |-
      st.um. 60 IN SOA ns1.st.um. hostmaster.st.um. 2 3600 900 2419200 3600
      st.um. 60 IN NS ns1.st.um.
      a.st.um. 60 IN A 192.0.2.3
      www.st.um. 60 IN A 192.0.2.2
    changes:
      - + a.st.um. 60 A 192.0.2.3
      - "- www.st.um. 60 A 192.0.2.1"
      - + www.st.um. 60 A 192.0.2.2
"""

RETURN = r"""
_value:
  description:
    - The changes, C(- NAME TTL TYPE VALUE) for a record that goes and C(+ NAME TTL TYPE VALUE) for one that comes.
    - They are in the canonical order of their names (RFC 4034 section 6.1), then by type, then V(-) before V(+), then
      by value.
  type: list
  elements: str
"""

import re
from collections.abc import Callable
from typing import Any

import dns.exception
import dns.name
from ansible.errors import AnsibleFilterError

SOA = re.compile(r"(\S+ \S+ IN SOA \S+ \S+) \S+ (.*)")
Change = tuple[str, str]  # the sign and the line


def read_lines(text: Any) -> set[str]:
    """Split text into its lines."""
    if not isinstance(text, str):
        raise AnsibleFilterError(f"zone_changes: {text!r} is not a string of lines")
    return set(text.split("\n"))


def only_records(lines: set[str]) -> set[str]:
    """Give the lines that have a record."""
    return {line for line in lines if line and line[0] not in ";$"}


def without_serial(line: str) -> str:
    """Give the line of an SOA without its serial, and any other line as it is."""
    return SOA.sub(r"\1 \2", line)


def labels(name: str) -> list[str]:
    """Give what a name sorts by: its labels in lower case, the last one first."""
    if "\\" not in name:
        return name.lower().split(".")[::-1]
    return [label.decode("latin-1") for label in dns.name.from_text(name).canonicalize().labels[::-1]]


def order(change: Change) -> tuple[list[str], str, bool, str]:
    """Give what a change sorts by."""
    sign, line = change
    name, _, _, kind, value = line.split(" ", 4)
    return labels(name), kind, sign == "+", value


def write(change: Change) -> str:
    """Write a change without the class."""
    sign, line = change
    name, ttl, _, rest = line.split(" ", 3)
    return f"{sign} {name} {ttl} {rest}"


def zone_changes(old: str, new: str) -> list[str]:
    """Tell what differs between two contents of a zone."""
    before, after = read_lines(old), read_lines(new)
    gone, come = only_records(before - after), only_records(after - before)
    same = set(map(without_serial, gone)) & set(map(without_serial, come))
    changes = [("-", line) for line in gone if without_serial(line) not in same]
    changes += [("+", line) for line in come if without_serial(line) not in same]
    try:
        return list(map(write, sorted(changes, key=order)))
    except (ValueError, dns.exception.DNSException) as cause:
        raise AnsibleFilterError(f"zone_changes: a line is not NAME TTL IN TYPE VALUE: {cause}") from cause


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"zone_changes": zone_changes}
