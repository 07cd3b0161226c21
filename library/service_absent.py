#!/usr/bin/python
"""Purge a service's packages, and take away what is left of it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_absent
short_description: Purge a service's packages, and what is left of it
description:
  - Purges those of the packages that were not there before, and what came with them, unless something else uses them.
    What that is, apt says by itself, for packages that nobody has asked for any more; what it would have removed
    before stays.
  - Then what the service has made is removed, and its data if that is asked for. While the data stays, so do the
    system users that it belongs to, with their numbers, though a package removes its users when it is purged.
author:
  - server-for-dummies
options:
  packages:
    description: The packages that the service alone needs.
    type: list
    elements: str
    default: []
  record:
    description:
      - A file with the names of the packages that were not there before, one in a line, and paths that they have made.
        What is gone is taken out of it.
    type: path
    required: true
  paths:
    description: What the service has made, and its package leaves.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: An absolute path or glob.
        type: str
        required: true
      package:
        description: The package to which it belongs. While that is there, it stays.
        type: str
      data:
        description: Whether it cannot be made again.
        type: bool
        default: false
      recorded:
        description: Whether it is only removed if O(record) has it, too, as something that was not there before.
        type: bool
        default: false
      empty:
        description: Whether it is a folder that is only removed if it gets empty, which check mode does not tell.
        type: bool
        default: false
  remove_data:
    description: Whether what cannot be made again goes, and O(users), too.
    type: bool
    default: false
  users:
    description: The system users and groups that packages make and leave. They stay as long as what belongs to them.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the user, and of the group.
        type: str
        required: true
      package:
        description: The package that makes them. While that is there, they stay.
        type: str
        required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
notes:
  - A run that is killed is completed by the next one.
"""

EXAMPLES = r"""
- name: Take slapd away, and keep the directory
  service_absent:
    packages: [slapd]
    record: /var/lib/server-for-dummies/packages
    paths:
      - {path: /var/lib/ldap, package: slapd, data: true}
    users: [{name: openldap, package: slapd}]
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: always
  sample: ["purge slapd", "remove /etc/server-for-dummies"]
"""

import glob
import grp
import os
import pwd
import shutil
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

STATES = "/var/lib/apt/extended_states"  # which packages came only because another one needs them (apt-mark(8))

PATH = {
    "path": {"type": "str", "required": True},
    "package": {"type": "str"},
    "data": {"type": "bool", "default": False},
    "recorded": {"type": "bool", "default": False},
    "empty": {"type": "bool", "default": False},
}
USER = {"name": {"type": "str", "required": True}, "package": {"type": "str", "required": True}}


class Host:
    """The host's packages, users and files."""

    def __init__(self, module: AnsibleModule) -> None:
        """Take the module, whose commands fail it if they fail."""
        self.module = module
        module.run_command_environ_update = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}

    def output(self, *argv: str) -> str:
        """Return what a command prints."""
        return self.module.run_command(list(argv), check_rc=True)[1]

    def installed(self) -> set[str]:
        """Return the names of the packages that are there."""
        words = self.output("dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n").split()
        return {name for status, name in zip(words[::2], words[1::2], strict=True) if status == "installed"}

    def idle(self, states: str) -> set[str]:
        """Return the packages that nothing uses, by a file of states."""
        weak = (f"APT::AutoRemove::{kind}Important=false" for kind in ("Recommends", "Suggests"))
        options = [word for each in (f"Dir::State::extended_states={states}", *weak) for word in ("-o", each)]
        lines = self.output("apt-get", *options, "--simulate", "autoremove").splitlines()
        return {line.split()[1] for line in lines if line.startswith("Remv ")}

    def unused(self, ours: set[str]) -> list[str]:
        """Return what apt would remove if nobody wanted ours any more, and would not remove today."""
        if not ours:
            return []
        with tempfile.NamedTemporaryFile() as states:
            if os.path.exists(STATES):
                shutil.copyfile(STATES, states.name)
            before = self.idle(states.name)
            self.output("apt-mark", "-o", f"Dir::State::extended_states={states.name}", "auto", *sorted(ours))
            return sorted(self.idle(states.name) - before)

    def override(self, paths: list[str]) -> None:
        """Let dpkg forget the modes and owners that removed paths were to have (dpkg-statoverride(1))."""
        for line in self.module.run_command(["dpkg-statoverride", "--list"])[1].splitlines():
            path = line.split()[3]
            if any(path == gone or path.startswith(f"{gone}/") for gone in paths):
                self.output("dpkg-statoverride", "--remove", path)

    def add(self, user: pwd.struct_passwd | None, group: grp.struct_group | None) -> None:
        """Make a system user and a group that were there before, with their numbers."""
        if group and not named(grp.getgrall(), group.gr_name):
            self.output("groupadd", "--system", "--gid", str(group.gr_gid), group.gr_name)
        if user and not named(pwd.getpwall(), user.pw_name):
            numbers = ["--uid", str(user.pw_uid), "--gid", str(user.pw_gid)]
            more = ["--home-dir", user.pw_dir, "--no-create-home", "--shell", user.pw_shell]
            self.output("useradd", "--system", *numbers, *more, user.pw_name)

    def delete(self, name: str) -> None:
        """Delete a system user and the group of that name, if they are there."""
        if named(pwd.getpwall(), name):
            self.output("userdel", name)
        if named(grp.getgrall(), name):
            self.output("groupdel", name)


def named(entries: list[Any], name: str) -> Any:
    """Return the entry of passwd(5) or group(5) with a name, or nothing."""
    return next((entry for entry in entries if entry[0] == name), None)


def remove(path: str) -> None:
    """Remove a file, or a folder with all that is in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "record": {"type": "path", "required": True},
            "paths": {"type": "list", "elements": "dict", "default": [], "options": PATH},
            "remove_data": {"type": "bool", "default": False},
            "users": {"type": "list", "elements": "dict", "default": [], "options": USER},
        },
        supports_check_mode=True,
    )
    given, host = module.params, Host(module)
    recorded: set[str] = set()
    if os.path.exists(given["record"]):
        with open(given["record"], encoding="utf-8") as file:
            recorded = set(file.read().split())
    installed = host.installed()
    purged = host.unused(recorded & installed & set(given["packages"]))
    due = [each for each in given["paths"] if given["remove_data"] or not each["data"]]
    due = [each for each in due if each["package"] not in installed - set(purged)]
    due = [each for each in due if each["path"] in recorded or not each["recorded"]]
    paths = sorted({path for each in due if not each["empty"] for path in glob.glob(each["path"])})
    actions = [f"purge {name}" for name in purged] + [f"remove {path}" for path in paths]
    if actions and not module.check_mode:
        people, groups = pwd.getpwall(), grp.getgrall()
        users = [(named(people, each["name"]), named(groups, each["name"])) for each in given["users"]]
        if purged:
            host.output("apt-get", "--yes", "purge", *purged)
            left = recorded & host.installed() | {name for name in recorded - {*paths} if name.startswith("/")}
            kept = "".join(f"{name}\n" for name in sorted(left))
            with open(f"{given['record']}.new", "w", encoding="utf-8") as file:
                file.write(kept)
            os.replace(file.name, given["record"])
        for path in filter(os.path.lexists, paths):
            remove(path)
        for path in [each["path"] for each in due if each["empty"]]:
            if os.path.isdir(path) and not os.listdir(path):
                os.rmdir(path)
                actions.append(f"remove {path}")
        host.override(paths)
        for user, entries in zip(given["users"], users, strict=True):
            if not given["remove_data"]:
                host.add(*entries)
            elif user["package"] in purged:
                host.delete(user["name"])
    module.exit_json(changed=bool(actions), actions=actions)


if __name__ == "__main__":
    main()
