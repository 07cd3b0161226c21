"""Jinja filter accounts_due: tell which accounts of a host have to be changed, and why."""

from __future__ import annotations

DOCUMENTATION = r"""
name: accounts_due
short_description: Tell which accounts of a host have to be changed, and why
version_added: "0.1.0"
description:
  - Compares the users that a host is to have with the accounts that it has, and gives what is to be done, each with the
    reasons, for people to read.
  - Only accounts that are written down as made by the role accounts are ever locked; what else is on the host is left
    alone.
positional: seen, group, shell, ssh_keys, deleted, passwords, given
options:
  _input:
    description: The users, as in the variable C(accounts_users).
    type: list
    elements: dict
    required: true
  seen:
    description:
      - What the host has, in lines. C(group) and C(skel) tell that the group and the new users' C(Maildir) are there.
        C(made|NAME) is whom the role has made, C(given|NAME|MARK) what was written down of the last password given to
        somebody.
      - C(user|NAME|UID|SHELL|PASSWORD|EXPIRES|GROUPS|MAILDIR|KEY|GECOS) is an account. PASSWORD is V(set), V(locked) or
        V(none); EXPIRES is a day since 1970, or empty (shadow(5)); the last two are V(yes) or V(no).
      - Other lines say nothing here. Only the host's own accounts are in them, and none that it knows by a directory.
    type: str
    required: true
  group:
    description: The group of all users.
    type: str
    required: true
  shell:
    description: The login shell of whoever has no other.
    type: str
    required: true
  ssh_keys:
    description: Whether users have an SSH key pair.
    type: bool
    default: false
  deleted:
    description: The names of those who are to be deleted.
    type: list
    elements: str
    default: []
  passwords:
    description: The passwords of users. If given, each user must have one.
    type: dict
  given:
    description:
      - What is to be written down of the users' passwords, by their names. Who has another mark on the host gets the
        password anew. Without these, none is looked at.
    type: dict
notes:
  - "Refused: a user who is there twice, or is to be deleted as well; an account of the system, with a number less than
    1000, as a user; a user without a password."
seealso:
  - name: passwd(5), shadow(5)
    description: The files that have the accounts.
    link: https://manpages.debian.org/trixie/passwd/shadow.5.en.html
"""

EXAMPLES = r"""
- name: Tell who is to be locked
  ansible.builtin.assert:
    that:
      - due | map(attribute='name') == ['user2']
      - (due | first).action == 'lock'
  vars:
    seen: |
      group
      skel
      made|user1
      made|user2
      user|user1|1000|/bin/bash|set||user1 dummies|yes|no|
      user|user2|1001|/bin/bash|set||user2 dummies|yes|no|
    due: "{{ [{'name': 'user1'}] | accounts_due(seen, 'dummies', '/bin/bash') }}"
"""

RETURN = r"""
_value:
  description:
    - What is to be done, each item with a C(name), the C(reasons), and the C(action), one of V(host), V(create),
      V(change), V(unlock), V(lock) and V(delete).
    - A user's item also has what was given for the user, all of the C(groups), and whether it C(needs_password).
  type: list
  elements: dict
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

FIELDS = ("uid", "shell", "login", "expires", "groups", "maildir", "key", "gecos")
SYSTEM = 1000  # accounts with a smaller number are the system's own (Debian policy 9.2.2)
CHANGED = "its password is another one in the settings"
UNKNOWN = "its password is not written down yet"
LOCKED = "1"  # the day on which an account that is locked has ended


def accounts_in(seen: str) -> dict[str, dict[str, str]]:
    """Return the accounts by their names."""
    lines = [line.split("|", len(FIELDS) + 1) for line in seen.splitlines() if line.startswith("user|")]
    return {name: dict(zip(FIELDS, fields, strict=True)) for _, name, *fields in lines}


def reasons(
    user: dict[str, Any], account: dict[str, str], groups: list[str], ssh_keys: bool, told: str | None
) -> list[str]:
    """Say what is not as wanted with an account."""
    found = []
    if account["expires"] == LOCKED:
        found.append("it is locked")
    given = {
        "shell": (account["shell"], user["shell"]),
        "uid": (account["uid"], str(user.get("uid") or account["uid"])),
        "full name": (account["gecos"].split(",")[0], user.get("full_name") or ""),
    }
    found += [
        f"its {what} is {has or 'none'}, not {wants or 'none'}" for what, (has, wants) in given.items() if has != wants
    ]
    if missing := [group for group in groups if group not in account["groups"].split()]:
        found.append(f"it is not in {', '.join(missing)}")
    if account["login"] == "none":
        found.append("it has no password")
    if account["maildir"] != "yes":
        found.append("it has no Maildir")
    if ssh_keys and account["key"] != "yes":
        found.append("it has no SSH key")
    if told:
        found.append(told)
    return found


def password_given(name: str, given: dict[str, str] | None, lines: list[str]) -> str | None:
    """Say what is wrong with what is written down of somebody's password."""
    if given is None or f"given|{name}|{given[name]}" in lines:
        return None
    return CHANGED if any(line.startswith(f"given|{name}|") for line in lines) else UNKNOWN


def refuse(
    users: list[dict[str, Any]], accounts: dict[str, dict[str, str]], deleted: Sequence[str], passwords: dict | None
) -> None:
    """Refuse what cannot be meant."""
    names = [user["name"] for user in users]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    both = sorted({*names} & {*deleted})
    system = sorted(name for name in [*names, *deleted] if name in accounts and int(accounts[name]["uid"]) < SYSTEM)
    bare = sorted(name for name in names if passwords is not None and not passwords.get(name))
    for wrong, words in (
        (twice, "Edit accounts_users: twice there: {}"),
        (both, "Edit accounts_users or accounts_deleted: in both of them: {}"),
        (system, "Edit accounts_users or accounts_deleted: an account of the system, not of a person: {}"),
        (bare, "Edit accounts_passwords: no password for {}"),
    ):
        if wrong:
            raise AnsibleFilterError(words.format(", ".join(wrong)))


def accounts_due(
    users: list[dict[str, Any]],
    seen: str,
    group: str,
    shell: str,
    ssh_keys: bool = False,
    deleted: Sequence[str] = (),
    passwords: dict[str, str] | None = None,
    given: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return what has to be done, with the reasons."""
    accounts = accounts_in(seen)
    refuse(users, accounts, deleted, passwords)
    lines = seen.splitlines()
    missing = {"group": f"there is no group {group}", "skel": "there is no Maildir in /etc/skel"}
    lacks = [words for line, words in missing.items() if line not in lines]
    due: list[dict[str, Any]] = [{"name": "the host", "action": "host", "reasons": lacks}] if lacks else []
    for each in users:
        user = each | {"shell": each.get("shell") or shell, "groups": [group, *(each.get("groups") or [])]}
        account = accounts.get(user["name"])
        told = password_given(user["name"], given, lines)
        found = reasons(user, account, user["groups"], ssh_keys, told) if account else ["there is no such account"]
        if found:
            action = "create" if not account else "unlock" if account["expires"] == LOCKED else "change"
            bare = not account or account["login"] == "none" or told == CHANGED
            due.append(user | {"action": action, "reasons": found, "needs_password": bare})
    listed = {user["name"] for user in users}
    for name, account in accounts.items():
        if name in deleted:
            due.append({"name": name, "action": "delete", "reasons": ["it is in accounts_deleted"]})
        elif name not in listed and f"made|{name}" in lines and account["expires"] != LOCKED:
            due.append({"name": name, "action": "lock", "reasons": ["it is in accounts_users no more; its home stays"]})
    return [{"needs_password": False} | each for each in due]


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"accounts_due": accounts_due}
