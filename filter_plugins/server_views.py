"""Jinja filter server_views: complete the views of a name server."""

from __future__ import annotations

DOCUMENTATION = r"""
name: server_views
short_description: Complete the views of a name server
version_added: "0.1.0"
description:
  - A view is what a name server is for some of its clients (named.conf(5), C(view)). Questions that are signed with the
    key of a view belong to it, whatever the other views say.
positional: catalog
options:
  _input:
    description: The views, at least one, as C(bind9_views) has them.
    type: list
    elements: dict
    required: true
  catalog:
    description: The name of the first view's catalog zone. That of another view is below it.
    type: str
    required: true
notes:
  - "Refused: no view at all; a view without a name, or with one that is there twice."
"""

EXAMPLES = r"""
- name: Two views
  ansible.builtin.assert:
    that:
      - views[0].excluded == ['!key "strangers"']
      - views[1].catalog == 'outside.catalog.invalid'
  vars:
    views: "{{ [{'name': 'inside'}, {'name': 'outside', 'key': 'strangers'}] | server_views('catalog.invalid') }}"
"""

RETURN = r"""
_value:
  description: The views with all of their keys.
  type: list
  elements: dict
  contains:
    excluded:
      description: What does not match, elements of an address match list.
      type: list
      elements: str
    catalog:
      description: The name of the view's catalog zone.
      type: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

DEFAULTS = {"destinations": ["any"], "recursion": True, "key": "", "address": ""}


def server_views(views: list[dict[str, Any]], catalog: str) -> list[dict[str, Any]]:
    """Complete the views."""
    names = [view.get("name") for view in views]
    if not names or not all(isinstance(name, str) and name for name in names) or len(names) > len(set(names)):
        raise AnsibleFilterError(f"Edit bind9_views: {names!r} are not the names of one or more views")
    keys = [view["key"] for view in views if view.get("key")]
    complete = []
    for number, view in enumerate(views):
        own = [f'key "{view["key"]}"'] if view.get("key") else []
        complete.append(
            {
                **DEFAULTS,
                **view,
                "clients": [*own, *view.get("clients", ["any"])],
                "excluded": [f'!key "{key}"' for key in keys if key != view.get("key")],
                "catalog": f"{view['name']}.{catalog}" if number else catalog,
            }
        )
    return complete


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"server_views": server_views}
