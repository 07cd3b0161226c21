"""Jinja filter awaited_reload: make a command that reloads a service and waits until it has read its configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
name: awaited_reload
short_description: Make a command that reloads a service and waits until it has read its configuration
version_added: "0.1.0"
description:
  - Gives a command, as a list of words, for the option C(reload) of service_config. A daemon that is told by a signal
    to read its configuration does so at some time afterwards; a probe that comes before that is still answered by the
    old one.
  - It knows that the daemon has begun anew by what it has open, as each time it opens something of this kind.
positional: pid_file, opened, seconds
options:
  _input:
    description: The systemd unit.
    type: str
    required: true
  pid_file:
    description: The path of the file that has the number of the daemon's process.
    type: str
    required: true
  opened:
    description: What it opens anew each time, and not otherwise.
    type: str
    choices: [pipe, socket]
    required: true
  seconds:
    description: How long is waited.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Make a command
  ansible.builtin.assert:
    that:
      - command[:2] == ['sh', '-ec']
      - command[3:] == ['dovecot', '/run/dovecot/master.pid', 'pipe', '10']
  vars:
    command: "{{ 'dovecot' | awaited_reload('/run/dovecot/master.pid', 'pipe') }}"
"""

RETURN = r"""
_value:
  description: The command.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

SCRIPT = """
opened() { readlink /proc/"$(cat "$1")"/fd/* | grep "^$2:" || true; }
before=$(opened "$1" "$2")
systemctl reload "$0"
end=$(($(date +%s) + $3))
while now=$(opened "$1" "$2"); [ -z "$now" ] || [ "$now" = "$before" ]; do
    if [ "$(date +%s)" -ge "$end" ]; then
        echo "$0 has not begun anew within $3 s" >&2
        exit 1
    fi
    sleep 0.1
done
"""


def awaited_reload(unit: str, pid_file: str, opened: str, seconds: int = 10) -> list[str]:
    """Make the command."""
    return ["sh", "-ec", SCRIPT, unit, pid_file, opened, str(seconds)]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"awaited_reload": awaited_reload}
