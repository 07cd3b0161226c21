"""Jinja filter policy_records: the records of a response policy zone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: policy_records
short_description: The records of a response policy zone
version_added: "0.1.0"
description:
  - A response policy zone tells a resolver what to answer for certain names instead of the truth. BIND's manual
    describes the form of its records.
  - What is said of a name holds for all names below it, too, unless something else is said of these.
options:
  _input:
    description: The policies, each with C(name) and C(action).
    type: list
    elements: dict
    required: true
notes:
  - "Refused: a policy without name and action; an action that is neither one of V(nxdomain), V(nodata), V(passthru),
    V(drop), nor an address. Errors name C(bind9_response_policy)."
"""

EXAMPLES = r"""
- name: Deny a name, and all below it
  ansible.builtin.assert:
    that: policies | policy_records == [{'name':['ads.example.com', '*.ads.example.com'], 'type':'CNAME', 'value':'.'}]
  vars:
    policies: [{name: ads.example.com, action: nxdomain}]
"""

RETURN = r"""
_value:
  description: The records, as P(zone_records#filter) takes them.
  type: list
  elements: dict
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from ansible.errors import AnsibleFilterError

ACTIONS = {"nxdomain": ".", "nodata": "*.", "passthru": "rpz-passthru.", "drop": "rpz-drop."}


def parse_action(action: Any) -> tuple[str, str]:
    """Give the type and the value of the record that stands for an action."""
    if action in ACTIONS:
        return "CNAME", ACTIONS[action]
    try:
        return {4: "A", 6: "AAAA"}[ip_address(action).version], action
    except ValueError:
        raise ValueError(f"action {action!r} is neither one of {', '.join(ACTIONS)}, nor an address") from None


def policy_records(policies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make the records of a response policy zone."""
    records = []
    for policy in policies:
        if not isinstance(policy, dict) or policy.keys() != {"name", "action"} or not isinstance(policy["name"], str):
            raise AnsibleFilterError(f"Edit bind9_response_policy: {policy!r} is not a dictionary of name and action")
        try:
            kind, value = parse_action(policy["action"])
        except ValueError as cause:
            raise AnsibleFilterError(f"Edit bind9_response_policy: {policy['name']}: {cause}") from cause
        name = policy["name"].rstrip(".")
        records.append({"name": [name, f"*.{name}"], "type": kind, "value": value})
    return records


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"policy_records": policy_records}
