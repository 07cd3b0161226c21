"""`make secrets`: what an inventory needs is made once, encrypted, and stays as it is."""

import base64
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
HOSTS = yaml.safe_load((TOP / "inventory" / "example" / "hosts.yml").read_text())
VARIABLE = "bind9_tsig_secrets"


class Mine:
    """A copy of the example, as a person makes it."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(TOP / "inventory" / "example", folder)
        self.folder = folder
        self.vault = folder / "group_vars" / "all" / "vault.yml"
        self.password = folder.with_name("password")
        self.password.write_text("correct horse\n")

    def ansible_vault(self, action: str) -> str:
        argv = ["ansible-vault", action, "--vault-password-file", self.password, "--output", "-", self.vault]
        return subprocess.run(argv, text=True, capture_output=True, check=True).stdout

    def secrets(self) -> dict[str, Any]:
        return yaml.safe_load(self.ansible_vault("decrypt"))

    def make(self, folder: Path | None = None, *arguments: str) -> subprocess.CompletedProcess:
        settings = {"ANSIBLE_CONFIG": str(TOP / "ansible.cfg"), "ANSIBLE_VAULT_PASSWORD_FILE": str(self.password)}
        argv = [TOP / "lab" / "make_secrets.py", folder or self.folder, *arguments]
        return subprocess.run(argv, cwd=TOP, env=os.environ | settings, text=True, capture_output=True, check=False)


@pytest.fixture
def mine(tmp_path: Path) -> Mine:
    return Mine(tmp_path / "mine")


@pytest.fixture
def made(mine: Mine) -> Mine:
    done = mine.make()
    assert done.returncode == 0, done.stderr
    return mine


def test_the_file_is_encrypted_and_holds_random_values(made: Mine) -> None:
    assert made.vault.read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    assert made.vault.stat().st_mode & 0o777 == 0o600
    secrets = made.secrets()[VARIABLE]
    assert secrets.keys() == {"secondary", "update", "verify"}
    assert {len(base64.b64decode(secret, validate=True)) for secret in secrets.values()} == {32}
    assert len(set(secrets.values())) == len(secrets)
    written = [path for path in made.folder.rglob("*") if path.is_file()]
    assert not [path for path in written if any(secret.encode() in path.read_bytes() for secret in secrets.values())]
    assert not list(made.vault.parent.glob(".*"))


def test_it_holds_all_that_a_lab_makes_for_itself(made: Mine) -> None:
    files = (TOP / "group_vars").rglob("*.yml")
    settings = [yaml.safe_load(file.read_text()) for file in files]
    generated = {name for each in settings for name, value in each.items() if "site_secrets_dir" in str(value)}
    assert made.secrets().keys() == generated - {"secrets_former"}  # which are none until one is rotated


def test_a_second_run_changes_nothing(made: Mine) -> None:
    before = made.vault.read_bytes()
    done = made.make()
    assert done.stdout == f"{made.vault}: nothing is missing\n"
    assert made.vault.read_bytes() == before


def test_a_new_host_gets_its_own_and_the_rest_stays(made: Mine) -> None:
    own = made.secrets() | {"of_my_own": "kept"}
    made.vault.write_text(yaml.safe_dump(own))
    encrypt = ["ansible-vault", "encrypt", "--vault-password-file", made.password, made.vault]
    subprocess.run(encrypt, check=True, capture_output=True)
    hosts = yaml.safe_load(yaml.safe_dump(HOSTS))
    # A second secondary, in place of the first: whose secret stays, too.
    hosts["all"]["children"]["secondary_servers"]["hosts"] = {"third": {"host_ipv4": "192.0.2.138"}}
    (made.folder / "hosts.yml").write_text(yaml.safe_dump(hosts))

    done = made.make()
    assert done.stdout == f"{made.vault}: added {VARIABLE}.third\n"
    after = made.secrets()
    assert len(base64.b64decode(after[VARIABLE].pop("third"))) == 32
    assert after == own


def test_the_shared_settings_are_no_place_for_secrets(mine: Mine) -> None:
    for folder in (TOP / "inventory" / "example", TOP / "inventory" / "lab", TOP):
        done = mine.make(folder)
        assert done.returncode == 1
        assert "is shared by all of the project's inventories" in done.stderr
        assert "cp -rL inventory/example inventory/mine" in done.stderr
    assert not (TOP / "group_vars" / "all" / "vault.yml").exists()


def test_another_password_is_refused(made: Mine) -> None:
    before = made.vault.read_bytes()
    made.password.write_text("wrong\n")
    done = made.make()
    assert done.returncode == 1
    assert "Decryption failed" in done.stderr
    assert made.vault.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{VARIABLE}: {{secondary: plain}}\n", "is not encrypted"),
        (None, f"must hold {VARIABLE}, openssl_ca_secrets, "),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_left_alone(mine: Mine, content: str | None, message: str) -> None:
    mine.vault.write_text(content or f"{VARIABLE}: [plain]\n")
    if content is None:
        encrypt = ["ansible-vault", "encrypt", "--vault-password-file", mine.password, mine.vault]
        subprocess.run(encrypt, check=True, capture_output=True)
    before = mine.vault.read_bytes()
    done = mine.make()
    assert done.returncode == 1
    assert message in done.stderr
    assert "plain" not in done.stderr
    assert mine.vault.read_bytes() == before


def test_a_folder_without_settings_is_refused(mine: Mine) -> None:
    done = mine.make(mine.folder / "group_vars")
    assert done.returncode == 1
    assert "is not a folder" in done.stderr


def test_git_ignores_own_inventories() -> None:
    def ignored(path: str) -> bool:
        argv = ["git", "check-ignore", "--quiet", "--no-index", path]
        return subprocess.run(argv, cwd=TOP, check=False).returncode == 0

    assert ignored("inventory/mine/group_vars/all/vault.yml")
    assert not ignored("inventory/example/hosts.yml")
    assert not ignored("inventory/lab/hosts.yml")
