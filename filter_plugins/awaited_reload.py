"""Jinja filter awaited_reload: make a command that reloads services and waits until they have taken notice."""

from __future__ import annotations

DOCUMENTATION = r"""
name: awaited_reload
short_description: Make a command that reloads services and waits until they have read their configuration
version_added: "0.1.0"
description:
  - Gives a command, as a list of words, for the option C(reload) of service_config. A daemon that is told by a signal
    to read its configuration does so at some time afterwards. A probe that comes before that is still answered by the
    old one, and a file that goes before that is missed.
  - It knows that the daemon has begun anew as each writes or opens something of one kind then, and at no other time.
  - A unit that is not active is left alone.
  - If one of its packages is younger than the daemon, it is restarted, as it may not understand the configuration of
    what has come with it. No package has done that, where daemons are not started while packages are installed.
positional: seconds
options:
  _input:
    description: The systemd units.
    type: list
    elements: str
    choices: [apache2, dovecot, exim4, ssh]
    required: true
  seconds:
    description: How long is waited for each.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Make a command
  ansible.builtin.assert:
    that:
      - command[:2] == ['sh', '-ec']
      - command[3:] == ['10', 'dovecot', '/run/dovecot/master.pid', 'pipe', 'dovecot-*']
  vars:
    command: "{{ ['dovecot'] | awaited_reload }}"
"""

RETURN = r"""
_value:
  description: The command.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class Daemon(NamedTuple):
    """How it is seen that a daemon has begun anew."""

    pid_file: str
    renewed: str
    """What is another one then: C(pid_file), or a C(pipe) or C(socket) that it has open."""
    packages: str
    """A pattern for the names of its packages, as in a shell."""


DAEMONS = {
    "apache2": Daemon("/run/apache2/apache2.pid", "pid_file", "apache2*"),
    "dovecot": Daemon("/run/dovecot/master.pid", "pipe", "dovecot-*"),
    "exim4": Daemon("/run/exim4/exim.pid", "socket", "exim4-*"),
    "ssh": Daemon("/run/sshd.pid", "pid_file", "openssh-server"),
}

SCRIPT = """
renewed() {
    if [ "$2" = pid_file ]; then stat -c %i "$1"; else readlink /proc/"$(cat "$1")"/fd/* | grep "^$2:"; fi || true
} 2>/dev/null
reload() {
    systemctl --quiet is-active "$1" || return 0
    if [ -n "$(find /var/lib/dpkg/info -name "$4.list" -newer "$2")" ]; then
        systemctl restart "$1"
        return
    fi
    before=$(renewed "$2" "$3")
    systemctl reload "$1"
    end=$(($(date +%s) + seconds))
    while now=$(renewed "$2" "$3"); [ -z "$now" ] || [ "$now" = "$before" ]; do
        if [ "$(date +%s)" -ge "$end" ]; then
            echo "$1 has not begun anew within $seconds s" >&2
            exit 1
        fi
        sleep 0.1
    done
}
seconds=$0
while [ $# -gt 0 ]; do
    reload "$1" "$2" "$3" "$4"
    shift 4
done
"""


def awaited_reload(units: list[str], seconds: int = 10) -> list[str]:
    """Make the command."""
    return ["sh", "-ec", SCRIPT, str(seconds), *(word for unit in units for word in (unit, *DAEMONS[unit]))]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"awaited_reload": awaited_reload}
