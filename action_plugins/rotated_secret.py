"""Action plugin rotated_secret: another value of a secret, and of what is encrypted with it."""

from __future__ import annotations

import base64
import json
import os
import secrets
import string
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.parsing.vault import VaultLib, match_encrypt_secret
from ansible.plugins.action import ActionBase
from cryptography.hazmat.primitives import serialization

# The dictionaries of secrets, and how the files of the lab's begin.
PREFIXES = {
    "accounts_passwords": "password",
    "apache_secrets": "web",
    "backup_secrets": "backup",
    "bind9_tsig_secrets": "tsig",
    "openssh_secrets": "ssh",
    "openssl_ca_secrets": "ca",
    "slapd_secrets": "directory",
}
FORMER = "secrets_former"
CHARACTERS = string.ascii_letters + string.digits
ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["new", "settled"], "required": True},
    "values": {"type": "dict", "required": True, "no_log": True},
    "former": {"type": "dict", "required": True, "no_log": True},
    "directory": {"type": "path"},
    "vault": {"type": "path"},
    "keys_folder": {"type": "path"},
    "repository": {"type": "str"},
}


@contextmanager
def replaced(path: Path) -> Iterator[Any]:
    """Write a file in the place of another one, so that at any moment there is an old one or a new one, as a whole."""
    # Ansible does not read a name that begins with a dot.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as output:
            yield output
            output.flush()
            os.fsync(output.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


class Folder:
    """Secrets in plain files, as the lab has them."""

    def __init__(self, folder: Path, variable: str, name: str) -> None:
        """Say where, and which one."""
        self.folder, self.variable, self.name = folder, variable, name

    def keep(self, value: str, former: dict[str, Any]) -> None:
        """Keep the new value and the former ones: these first, without which what has them could not be opened."""
        with replaced(self.folder / "former.json") as file:
            file.write(json.dumps(former).encode())
        text = base64.b64decode(value).decode() if self.variable == "bind9_tsig_secrets" else value
        with replaced(self.folder / f"{PREFIXES[self.variable]}-{self.name}") as file:
            file.write(f"{text}\n".encode())


class Vault:
    """Secrets in a file that ansible-vault encrypts, as those of real hosts are."""

    def __init__(self, file: Path, vault: VaultLib, variable: str, name: str) -> None:
        """Say where, and which one."""
        self.file, self.vault, self.variable, self.name = file, vault, variable, name

    def keep(self, value: str, former: dict[str, Any]) -> None:
        """Keep the new value and the former ones."""
        if not self.file.exists():
            raise AnsibleActionFail(f"There is no {self.file}: make secrets INVENTORY=... makes the secrets")
        text = self.vault.decrypt(self.file.read_bytes()).decode()
        variables = yaml.safe_load(text) or {}
        variables.setdefault(self.variable, {})[self.name] = value
        variables[FORMER] = former
        comments = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
        _, secret = match_encrypt_secret(self.vault.secrets, encrypt_vault_id=constants.DEFAULT_VAULT_ENCRYPT_IDENTITY)
        with replaced(self.file) as file:
            file.write(self.vault.encrypt(comments + yaml.safe_dump(variables, sort_keys=False), secret))


def another(variable: str) -> str:
    """Return a random value, of more than 128 bits."""
    text = "".join(secrets.choice(CHARACTERS) for _ in range(32))
    return base64.b64encode(text.encode()).decode() if variable == "bind9_tsig_secrets" else text


def private_keys(folder: Path) -> list[Path]:
    """Return the files of private keys in a folder and below it.

    Raises:
        AnsibleActionFail: when there are none.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if not (keys := [path for path in files if b"PRIVATE KEY-----" in path.read_bytes()]):
        raise AnsibleActionFail(f"There is no private key in {folder}, whose keys are encrypted with it")
    return keys


def load(octets: bytes, passphrase: str) -> tuple[Any, serialization.PrivateFormat] | None:
    """Return a private key and its format, if it is encrypted with that."""
    is_ssh = b"OPENSSH" in octets
    read: Callable[..., Any] = serialization.load_ssh_private_key if is_ssh else serialization.load_pem_private_key
    try:
        key = read(octets, passphrase.encode())
    except (ValueError, TypeError):  # another passphrase, or none
        return None
    return key, serialization.PrivateFormat.OpenSSH if is_ssh else serialization.PrivateFormat.PKCS8


def opened(path: Path, *words: str) -> tuple[Any, serialization.PrivateFormat, str]:
    """Open a private key with the first of several passphrases that does; return it, its format, and that passphrase.

    Raises:
        AnsibleActionFail: when none of them opens it.
    """
    octets = path.read_bytes()
    for word in words:
        if found := load(octets, word):
            return *found, word
    raise AnsibleActionFail(f"{path} is encrypted with something else")


def encrypt_key(path: Path, new: str, former: str) -> bool:
    """Encrypt a private key with a new passphrase; return whether it was not yet.

    Raises:
        AnsibleActionFail: when neither of both opens it. It is left as it is.
    """
    key, form, word = opened(path, new, former)
    if word == new:
        return False
    encryption = serialization.BestAvailableEncryption(new.encode())
    mode = path.stat().st_mode & 0o777
    with replaced(path) as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, form, encryption))
        os.fchmod(file.fileno(), mode)
    return True


def encrypt_repository(repository: str, new: str, former: str) -> bool:
    """Encrypt the key of Borg's repository with a new passphrase, if there is one; return whether it was not yet.

    Raises:
        AnsibleActionFail: when neither of both opens it.
    """
    if ":" not in repository and not os.path.exists(repository):
        return False
    environment = os.environ | {"BORG_REPO": repository, "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}

    def borg(passphrase: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = environment | {"BORG_PASSPHRASE": passphrase, "BORG_NEW_PASSPHRASE": new}
        return subprocess.run(["borg", *arguments], env=own, capture_output=True, text=True, check=False)

    if borg(new, "list", "--short", "--last=1").returncode == 0:
        return False
    done = borg(former, "key", "change-passphrase")
    if done.returncode:
        raise AnsibleActionFail(f"{repository}: {done.stderr.strip()}")
    return True


class ActionModule(ActionBase):
    """Give a secret another value."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the new one, or forget the former one."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(ARGUMENTS)
        variable, _, name = given["name"].partition(".")
        if variable not in PREFIXES or name not in given["values"]:
            raise AnsibleActionFail(self._possible(given, variable))
        if name == "salt" and variable != "apache_secrets":
            raise AnsibleActionFail(f"{given['name']} stays: without it, hosts would not know people's own passwords")
        store = self._store(given, variable, name)
        values, former = json.loads(
            json.dumps([given["values"], given["former"]])
        )  # without what Ansible tags them with
        before = former.get(variable, {}).pop(name, None)
        if given["state"] == "settled":
            result["changed"] = before is not None
        else:
            # What was begun is gone on with.
            new = values[name] if before is not None else another(variable)
            before = before if before is not None else values[name]
            values[name] = new
            result["changed"] = True
        keys = private_keys(Path(given["keys_folder"])) if given["keys_folder"] else []
        for key in keys:  # before anything is written
            opened(key, values[name], *([before] if before else []))
        if result["changed"] and not self._task.check_mode:
            kept = {key: each for key, each in former.items() if each}
            if given["state"] == "new":
                kept.setdefault(variable, {})[name] = before
            if given["state"] == "settled":  # what it has encrypted is not forgotten
                self._encrypt(keys, given["repository"], values[name], before)
            store.keep(values[name], kept)
            former = kept
            if given["state"] == "new":
                self._encrypt(keys, given["repository"], values[name], before)
        result["variables"] = {variable: values, FORMER: former}
        result["_ansible_no_log"] = True  # but what is wrong is told
        return result

    @staticmethod
    def _possible(given: dict[str, Any], variable: str) -> str:
        names = ", ".join(f"{variable}.{each}" for each in given["values"]) or ", ".join(PREFIXES)
        return f"rotate is {given['name']!r}, which is not a secret; possible: {names}"

    def _store(self, given: dict[str, Any], variable: str, name: str) -> Folder | Vault:
        """Return where the secret is."""
        if given["directory"]:
            return Folder(Path(given["directory"]), variable, name)
        vault = self._loader._vault
        if not vault or not vault.secrets:
            raise AnsibleActionFail("Give the vault's password, as by --ask-vault-pass")
        return Vault(Path(given["vault"]), vault, variable, name)

    @staticmethod
    def _encrypt(keys: list[Path], repository: str, new: str, former: str) -> None:
        """Encrypt with a new secret what is encrypted with the former one."""
        for path in keys:
            encrypt_key(path, new, former)
        if repository:
            encrypt_repository(repository, new, former)
