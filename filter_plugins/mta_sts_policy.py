"""Jinja filter mta_sts_policy: write a domain's policy for the mail servers of others."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mta_sts_policy
short_description: Write a domain's policy for the mail servers of others
version_added: "0.1.0"
description:
  - Says which mail servers the letters for a domain go to, over TLS with a certificate that can be verified, and what
    others ought to do where that cannot be had (MTA-STS, RFC 8461 section 3.2).
positional: mode, max_age
options:
  _input:
    description: The full names of the domain's mail servers, as A-labels without the final dot.
    type: list
    elements: str
    required: true
  mode:
    description:
      - V(enforce) to send nothing, V(testing) to send it all the same, and V(none) as if there were no policy, which
        is the way to withdraw one.
    type: str
    choices: [enforce, testing, none]
    required: true
  max_age:
    description: The time, in seconds, for which others may remember it, at most 31557600.
    type: int
    default: 604800
notes:
  - "Refused: another mode, a longer time, and no mail server for a mode other than V(none)."
seealso:
  - plugin: mail_records
    plugin_type: filter
  - name: RFC 8461
    description: SMTP MTA Strict Transport Security.
    link: https://www.rfc-editor.org/rfc/rfc8461
"""

EXAMPLES = r"""
- name: Write a policy
  ansible.builtin.assert:
    that: "['mail.st.um'] | mta_sts_policy('testing', 86400) == policy"
  vars:
    policy: "version: STSv1\nmode: testing\nmx: mail.st.um\nmax_age: 86400\n"
"""

RETURN = r"""
_value:
  description: The policy, a line for each of its fields.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

MODES = ("enforce", "testing", "none")
LONGEST = 31557600


def mta_sts_policy(hosts: list[str], mode: str, max_age: int = 604800) -> str:
    """Write a domain's policy for the mail servers of others."""
    if mode not in MODES:
        raise AnsibleFilterError(f"The mode of an MTA-STS policy is one of {', '.join(MODES)}, and not {mode!r}")
    if not 0 <= max_age <= LONGEST:
        raise AnsibleFilterError(f"An MTA-STS policy lasts 0 to {LONGEST} seconds, and not {max_age}")
    if mode != "none" and not hosts:
        raise AnsibleFilterError(f"An MTA-STS policy of mode {mode} names at least one mail server")
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), f"max_age: {max_age}"]
    return "".join(f"{line}\n" for line in lines)


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"mta_sts_policy": mta_sts_policy}
