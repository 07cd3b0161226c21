#!/usr/bin/python
"""Ansible module: carry people's passwords between the accounts of a host and its directory."""

DOCUMENTATION = r"""
module: password_store
short_description: Carry people's passwords from the accounts of this host to its directory, or back
description:
  - Copies the hashes of passwords (crypt(5)) from shadow(5) to C(userPassword), as C({CRYPT}) (slapd-config(5)), or
    back, so that whoever has chosen a password keeps it when services ask at the other place from now on.
  - It does so once. A file has where the passwords were carried to at last; if it is the same, nothing is done.
  - It speaks to slapd over its socket, as root (SASL EXTERNAL, RFC 4422). All hashes are read before the first one is
    written, and the file is written at last, so that a run which was killed is done anew.
options:
  store:
    description: Where they are kept from now on, V(local) in the accounts of the host, or V(directory).
    type: str
    choices: [local, directory]
    required: true
  users:
    description: The login names of those whose passwords are carried. Who has no account or no entry is passed over.
    type: list
    elements: str
    required: true
  base:
    description: The distinguished name (RFC 4514) of the entry above theirs, which are known by C(uid).
    type: str
    required: true
  record:
    description: The file that has the store, V(local) if it is not there.
    type: path
    required: true
  uri:
    description: Where slapd listens.
    type: str
    default: ldapi:///
requirements: [python-ldap (Debian's python3-ldap)]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
"""

EXAMPLES = r"""
- name: Let the directory have the passwords of the accounts
  password_store:
    store: directory
    users: [user1, user2]
    base: ou=st,o=um,c=es
    record: /var/lib/server-for-dummies/password-store
"""

RETURN = r"""
carried:
  description: Whose passwords were carried, or with C(--check) would be.
  type: list
  elements: str
  returned: always
left:
  description: Whose were not, since accounts have no such hashes; their accounts keep the passwords that they had.
  type: list
  elements: str
  returned: always
"""

import os
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.slapd import ldap, opened

SCHEME = "{crypt}"


def store_in(record: str) -> str:
    """Return where passwords were carried to at last."""
    try:
        return Path(record).read_text().strip()
    except FileNotFoundError:
        return "local"


def remember(record: str, store: str) -> None:
    """Write down where passwords are, whole or not at all."""
    new = Path(f"{record}.new")
    new.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with open(new, "w") as file:
        file.write(f"{store}\n")
        file.flush()
        os.fsync(file.fileno())
    new.rename(record)


def crypted(value: str) -> str | None:
    """Return the hash in a value of userPassword, None if it is one that accounts do not have."""
    return value[len(SCHEME) :] if value.lower().startswith(SCHEME) else None


def account_hash(line: str) -> str | None:
    """Return the hash in a line of shadow(5), None if nobody can log in by one."""
    value = line.split(":")[1] if ":" in line else ""
    return value if value.startswith("$") else None


def account_hashes(users: list[str]) -> dict[str, str]:
    """Return the hashes of accounts by their names; who has none is not in it."""
    lines = {user: subprocess.run(["getent", "shadow", user], capture_output=True, text=True).stdout for user in users}
    return {user: found for user, line in lines.items() if (found := account_hash(line))}


def entries(server: Any, base: str, users: list[str]) -> dict[str, tuple[str, str]]:
    """Return the names of entries and their values of userPassword, by their login names."""
    found = {}
    for user in users:
        matching = ldap.filter.filter_format("(uid=%s)", [user])
        for dn, entry in server.search_s(base, ldap.SCOPE_ONELEVEL, matching, ["userPassword"]):
            found[user] = (dn, next((value.decode() for value in entry.get("userPassword", [])), ""))
    return found


def carried(
    store: str, accounts: dict[str, str], entries: dict[str, tuple[str, str]]
) -> tuple[dict[str, str], list[str]]:
    """Return the hashes that have to be written, by the names of users, and who keeps another one.

    Args:
        store: Where they are to be.
        accounts: The hashes of accounts, by the names of users.
        entries: The names of entries and their values of userPassword, by the names of users.
    """
    if store == "directory":
        both = [user for user in accounts if user in entries]
        return {user: accounts[user] for user in both if crypted(entries[user][1]) != accounts[user]}, []
    hashes = {user: crypted(value) for user, (_, value) in entries.items() if user in accounts}
    left = [user for user, found in hashes.items() if not found]
    return {user: found for user, found in hashes.items() if found and found != accounts[user]}, left


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "store": {"type": "str", "choices": ["local", "directory"], "required": True},
            "users": {"type": "list", "elements": "str", "required": True},
            "base": {"type": "str", "required": True},
            "record": {"type": "path", "required": True},
            "uri": {"type": "str", "default": "ldapi:///"},
        },
        supports_check_mode=True,
    )
    given = module.params
    store = given["store"]
    if store_in(given["record"]) == store:
        module.exit_json(changed=False, carried=[], left=[])
    if ldap is None:
        if module.check_mode:  # it is yet to be installed
            module.exit_json(changed=True, carried=[], left=[])
        module.fail_json(msg=missing_required_lib("python-ldap"))
    try:
        server = opened(given["uri"])
        found = entries(server, given["base"], given["users"])
        due, left = carried(store, account_hashes(given["users"]), found)
        if not module.check_mode:
            if store == "directory":
                for user, value in due.items():
                    wanted = f"{{CRYPT}}{value}".encode()
                    server.modify_s(found[user][0], [(ldap.MOD_REPLACE, "userPassword", [wanted])])
            elif due:
                lines = [f"{user}:{value}" for user, value in due.items()]
                module.run_command(["chpasswd", "-e"], data="\n".join(lines), check_rc=True)
            remember(given["record"], store)
    except ldap.LDAPError as cause:
        if not module.check_mode:
            module.fail_json(msg=f"Not all passwords were carried, the next run does it anew: {cause}")
        due, left = {}, []  # the directory is yet to be filled
    for user in left:
        module.warn(f"The account of {user} keeps the password that it had: that of the directory is of another kind")
    module.exit_json(changed=True, carried=sorted(due), left=left)


if __name__ == "__main__":
    main()
