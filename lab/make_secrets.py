#!/usr/bin/env python3
"""Make the secrets that an inventory of real hosts needs, in a file that ansible-vault encrypts.

What is there stays as it is: a second run adds what is missing. Nothing is written in plain text.
"""

import argparse
import base64
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible import constants
from ansible.cli import CLI
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, is_encrypted, match_encrypt_secret
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.vars.manager import VariableManager

TOP = Path(__file__).resolve().parent.parent
SHARED = TOP / "group_vars"
# Each dictionary of secrets, and the variable that has the names of those that it needs.
NAMES = {
    "bind9_tsig_secrets": "site_tsig_keys",
    "openssl_ca_secrets": "site_ca_secrets",
    "openssh_secrets": "site_ssh_secrets",
    "accounts_passwords": "site_user_names",
    "accounts_secrets": "site_account_secrets",
    "apache_secrets": "site_web_secrets",
    "slapd_secrets": "site_directory_secrets",
    "backup_secrets": "site_backup_secrets",
}
OCTETS = 32
HEADER = "# `make secrets` adds what is missing here, and changes nothing. To look at it: ansible-vault view\n"


def vault_file(inventory: Path) -> Path:
    """Return the file for an inventory's secrets; a ValueError says that it has no group_vars of its own."""
    folder = inventory / "group_vars" / "all"
    copy = "copy the example, and give the copy: cp -rL inventory/example inventory/mine"
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; {copy}")
    if folder.resolve().is_relative_to(SHARED):
        raise ValueError(f"{folder} is shared by all of the project's inventories, no place for secrets; {copy}")
    return folder / "vault.yml"


def read(file: Path, vault: VaultLib) -> dict[str, Any]:
    """Return the variables in the encrypted file; there are none before there is a file.

    A ValueError says that it is not such as this program writes, without a word of what is in it.
    """
    if not file.exists():
        return {}
    encrypted = file.read_bytes()
    if not is_encrypted(encrypted):
        raise ValueError(f"{file} is not encrypted; encrypt it: ansible-vault encrypt {file}")
    try:
        variables = yaml.safe_load(vault.decrypt(encrypted)) or {}
    except yaml.YAMLError:
        variables = None
    if not isinstance(variables, dict) or not all(isinstance(variables.get(name, {}), dict) for name in NAMES):
        raise ValueError(f"{file} must hold {', '.join(NAMES)} as dictionaries: ansible-vault edit {file}")
    return variables


def needed(inventory: Path, loader: DataLoader) -> dict[str, set[str]]:
    """Return the names of the secrets that the inventory's hosts need, for each dictionary.

    A ValueError says what the inventory lacks.
    """
    init_plugin_loader()
    hosts = InventoryManager(loader, sources=[str(inventory)])
    manager = VariableManager(loader, hosts)
    names: dict[str, set[str]] = {variable: set() for variable in NAMES}
    if not hosts.get_hosts():
        raise ValueError(f"{inventory} has no hosts")
    for host in hosts.get_hosts():
        variables = manager.get_vars(host=host)
        for variable, source in NAMES.items():
            if source not in variables:
                raise ValueError(f"{inventory} does not set {source}, which names the secrets in {variable}")
            names[variable].update(map(str, Templar(loader, variables).template(variables[source])))
    return names


def add_missing(variables: dict[str, Any], names: dict[str, set[str]]) -> list[str]:
    """Give a random value to each name that has none, and return what was added."""
    added = []
    for variable, wanted in names.items():
        present = variables.setdefault(variable, {})
        for name in sorted(wanted - present.keys()):
            present[name] = base64.b64encode(secrets.token_bytes(OCTETS)).decode()
            added.append(f"{variable}.{name}")
    return added


def write(file: Path, encrypted: bytes) -> None:
    """Replace the file, so that at any moment there is an old one or a new one."""
    # Ansible does not read a name that begins with a dot.
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=".vault.")
    try:
        with os.fdopen(descriptor, "wb") as output:
            output.write(encrypted)
            output.flush()
            os.fsync(output.fileno())
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise


def make_secrets(inventory: Path, password_files: list[str]) -> str:
    """Add what is missing to the inventory's file, and say what was done."""
    file = vault_file(inventory)
    loader = DataLoader()
    known = CLI.setup_vault_secrets(
        loader, list(constants.DEFAULT_VAULT_IDENTITY_LIST), password_files, create_new_password=not file.exists()
    )
    vault = VaultLib(known)
    variables = read(file, vault)
    added = add_missing(variables, needed(inventory, loader))
    if not added:
        return f"{file}: nothing is missing"
    _, secret = match_encrypt_secret(known, encrypt_vault_id=constants.DEFAULT_VAULT_ENCRYPT_IDENTITY)
    write(file, vault.encrypt(HEADER + yaml.safe_dump(variables, sort_keys=False), secret))
    return f"{file}: added {', '.join(added)}"


def main(arguments: list[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="make_secrets.py", description=__doc__)
    parser.add_argument("inventory", type=Path, help="the inventory's folder, such as inventory/mine")
    parser.add_argument("--vault-password-file", action="append", default=[], metavar="FILE", help="as for Ansible")
    options = parser.parse_args(arguments)
    try:
        print(make_secrets(options.inventory, options.vault_password_file))
    except (AnsibleError, OSError, ValueError) as error:
        sys.exit(f"make_secrets.py: {error}")


if __name__ == "__main__":
    main()
