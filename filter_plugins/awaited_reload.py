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
  - If one of its packages is younger than the daemon, it is restarted, as it may not understand the configuration of
    what has come with it. No package has done that, where daemons are not started while packages are installed.
positional: pid_file, opened, packages, seconds
options:
  _input:
    description: The systemd unit.
    type: str
    required: true
  pid_file:
    description: The path of the file that has the number of the daemon's process, and is written when it starts.
    type: str
    required: true
  opened:
    description: What it opens anew each time, and not otherwise.
    type: str
    choices: [pipe, socket]
    required: true
  packages:
    description: A pattern for the names of the daemon's packages, as in a shell.
    type: str
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
      - command[3:] == ['dovecot', '/run/dovecot/master.pid', 'pipe', 'dovecot-*', '10']
  vars:
    command: "{{ 'dovecot' | awaited_reload('/run/dovecot/master.pid', 'pipe', 'dovecot-*') }}"
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
if [ -n "$(find /var/lib/dpkg/info -name "$3.list" -newer "$1")" ]; then
    systemctl restart "$0"
    exit
fi
opened() { readlink /proc/"$(cat "$1")"/fd/* | grep "^$2:" || true; }
before=$(opened "$1" "$2")
systemctl reload "$0"
end=$(($(date +%s) + $4))
while now=$(opened "$1" "$2"); [ -z "$now" ] || [ "$now" = "$before" ]; do
    if [ "$(date +%s)" -ge "$end" ]; then
        echo "$0 has not begun anew within $4 s" >&2
        exit 1
    fi
    sleep 0.1
done
"""


def awaited_reload(unit: str, pid_file: str, opened: str, packages: str, seconds: int = 10) -> list[str]:
    """Make the command."""
    return ["sh", "-ec", SCRIPT, unit, pid_file, opened, packages, str(seconds)]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"awaited_reload": awaited_reload}
