"""Action plugin rotated_secret: another value is kept with the former one, and what is encrypted follows."""

import base64
import importlib.util
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

TOP = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("rotated_secret_action", TOP / "action_plugins" / "rotated_secret.py")
action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)
PASSWORD = "of the vault"  # noqa: S105 (of a file that is made here)
KEYS = {
    "openssh": (ed25519.Ed25519PrivateKey.generate, PrivateFormat.OpenSSH),
    "pem": (lambda: ec.generate_private_key(ec.SECP384R1()), PrivateFormat.PKCS8),
}


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A private key, encrypted with `former`."""
    make, form = KEYS[request.param]
    path = tmp_path / "key"
    path.write_bytes(make().private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"former")))
    path.chmod(0o600)
    return path


def test_a_key_is_encrypted_anew_once(key: Path) -> None:
    public = action.load(key.read_bytes(), "former")[0].public_key()
    assert action.encrypt_key(key, "new", "former")
    after = key.read_bytes()
    assert action.load(after, "former") is None
    assert action.load(after, "new")[0].public_key() == public
    assert key.stat().st_mode & 0o777 == 0o600
    assert not action.encrypt_key(key, "new", "former")
    assert key.read_bytes() == after


def test_a_key_of_somebody_elses_is_left_as_it_is(key: Path) -> None:
    before = key.read_bytes()
    with pytest.raises(action.AnsibleActionFail, match="is encrypted with something else"):
        action.encrypt_key(key, "new", "other")
    assert key.read_bytes() == before


def test_openssh_and_openssl_read_them(tmp_path: Path) -> None:
    for name, (make, form) in KEYS.items():
        path = tmp_path / name
        path.write_bytes(make().private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"former")))
        path.chmod(0o600)
        action.encrypt_key(path, "new", "former")
    subprocess.run(["ssh-keygen", "-y", "-P", "new", "-f", tmp_path / "openssh"], check=True, capture_output=True)
    pkey = ["openssl", "pkey", "-in", tmp_path / "pem", "-passin", "pass:new", "-noout"]
    subprocess.run(pkey, check=True, capture_output=True)


def borg(repository: Path, passphrase: str, *arguments: str) -> int:
    env = os.environ | {"BORG_REPO": str(repository), "BORG_PASSPHRASE": passphrase}
    return subprocess.run(["borg", *arguments], env=env, check=False, capture_output=True).returncode


def test_a_repository_is_encrypted_anew_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORG_BASE_DIR", str(tmp_path / "base"))
    repository = tmp_path / "repository"
    assert not action.encrypt_repository(str(repository), "new", "former")
    assert borg(repository, "former", "init", "--encryption=repokey-blake2") == 0
    with pytest.raises(action.AnsibleActionFail, match=str(repository)):
        action.encrypt_repository(str(repository), "new", "other")
    assert action.encrypt_repository(str(repository), "new", "former")
    assert borg(repository, "former", "list") != 0
    assert borg(repository, "new", "list") == 0
    assert not action.encrypt_repository(str(repository), "new", "former")


class Site:
    """An inventory of one host, whose secrets are in a folder or in a vault."""

    def __init__(self, folder: Path, in_vault: bool) -> None:
        self.folder, self.in_vault = folder, in_vault
        self.vault = VaultLib([("default", VaultSecret(PASSWORD.encode()))])
        (folder / "password").write_text(PASSWORD)
        self.values = {"reader": "first", "replicator": "other", "salt": "salt"}
        self.former: dict[str, Any] = {}
        self.keys = ""
        if in_vault:
            text = "# a comment\n" + yaml.safe_dump({"slapd_secrets": self.values, "more": 1})
            (folder / "vault.yml").write_bytes(self.vault.encrypt(text))

    def rotate(self, state: str, name: str = "slapd_secrets.reader", *arguments: str) -> dict[str, Any]:
        """Return what the plugin returns."""
        where = {"vault": str(self.folder / "vault.yml")} if self.in_vault else {"directory": str(self.folder)}
        given = {"name": name, "state": state, "values": self.values, "former": self.former, **where}
        given |= {"keys_folder": self.keys} if self.keys else {}
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [
                {"rotated_secret": given, "register": "made", "ignore_errors": True},
                {
                    "ansible.builtin.copy": {"content": "{{ made }}", "dest": str(self.folder / "made")},
                    "check_mode": False,
                },
            ],
        }
        (self.folder / "play.yml").write_text(json.dumps([play]))
        argv = ["ansible-playbook", "-i", "localhost,", "-c", "local", self.folder / "play.yml", *arguments]
        env = os.environ | {"ANSIBLE_CONFIG": str(TOP / "ansible.cfg")}
        if self.in_vault:
            env["ANSIBLE_VAULT_PASSWORD_FILE"] = str(self.folder / "password")
        done = subprocess.run(argv, cwd=TOP, env=env, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        made = json.loads((self.folder / "made").read_text())
        if "variables" in made and "--check" not in arguments:
            self.values, self.former = made["variables"]["slapd_secrets"], made["variables"]["secrets_former"]
        return made

    def kept(self) -> tuple[str, dict[str, Any]]:
        """Return the value that is kept, and the former ones."""
        if not self.in_vault:
            return (self.folder / "directory-reader").read_text(), json.loads((self.folder / "former.json").read_text())
        text = self.vault.decrypt((self.folder / "vault.yml").read_bytes()).decode()
        assert text.startswith("# a comment\n")
        variables = yaml.safe_load(text)
        assert variables["more"] == 1
        return variables["slapd_secrets"]["reader"] + "\n", variables["secrets_former"]


@pytest.fixture(params=[False, True], ids=["folder", "vault"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return Site(tmp_path, request.param)


def test_the_former_one_is_kept_until_all_have_the_new_one(site: Site) -> None:
    before = site.values["reader"]
    made = site.rotate("new")
    assert made["changed"], made
    new = site.values["reader"]
    assert new not in (before, "")
    assert site.values["replicator"] == "other"
    assert site.kept() == (f"{new}\n", {"slapd_secrets": {"reader": before}})
    # A run that was killed is gone on with.
    site.rotate("new")
    assert site.kept() == (f"{new}\n", {"slapd_secrets": {"reader": before}})
    assert site.rotate("settled")["changed"]
    assert site.kept() == (f"{new}\n", {})
    assert not site.rotate("settled")["changed"]
    site.rotate("new")
    assert site.values["reader"] != new


def test_a_secret_is_not_forgotten_that_something_is_still_encrypted_with(tmp_path: Path) -> None:
    site = Site(tmp_path, in_vault=False)
    site.rotate("new")
    key, (make, form) = tmp_path / "ca" / "root-1" / "private" / "cakey.pem", KEYS["pem"]
    key.parent.mkdir(parents=True)
    for word, settles in (("of nobody", False), (site.former["slapd_secrets"]["reader"], True)):
        key.write_bytes(make().private_bytes(Encoding.PEM, form, BestAvailableEncryption(word.encode())))
        site.keys = str(tmp_path / "ca")
        assert site.rotate("settled")["failed"] != settles
        assert (json.loads((tmp_path / "former.json").read_text()) == {}) == settles
    assert action.load(key.read_bytes(), site.values["reader"])


def test_all_keys_in_a_folder_follow(site: Site) -> None:
    """As those of the authorities, which are in a folder each."""
    first, keys = site.values["reader"], site.folder / "ca"
    for name, (make, form) in KEYS.items():
        path = keys / name / "private" / "key"
        path.parent.mkdir(parents=True)
        path.write_bytes(make().private_bytes(Encoding.PEM, form, BestAvailableEncryption(first.encode())))
        (keys / name / "certificate.pem").write_text("public\n")
    site.keys = str(keys)
    assert site.rotate("new")["changed"]
    assert site.rotate("settled")["changed"]
    for name in KEYS:
        octets = (keys / name / "private" / "key").read_bytes()
        assert action.load(octets, site.values["reader"])
        assert not action.load(octets, first)


def test_without_the_keys_that_it_encrypts_or_with_others_nothing_changes(site: Site) -> None:
    """A passphrase that nothing was found for would be forgotten, and what is somewhere else be lost."""
    before, keys = dict(site.values), site.folder / "ca"
    site.keys = str(keys)
    assert site.rotate("new")["msg"] == f"There is no private key in {keys}, whose keys are encrypted with it"
    keys.mkdir()
    make, form = KEYS["pem"]
    encryption = BestAvailableEncryption(b"other")
    (keys / "key").write_bytes(make().private_bytes(Encoding.PEM, form, encryption))
    assert site.rotate("new")["msg"] == f"{keys / 'key'} is encrypted with something else"
    assert site.values == before
    assert not (site.folder / "former.json").exists()


def test_with_check_nothing_is_written(site: Site) -> None:
    before = {path.name: path.read_bytes() for path in site.folder.iterdir()}
    assert site.rotate("new", "slapd_secrets.reader", "--check")["changed"]
    after = {path.name: path.read_bytes() for path in site.folder.iterdir() if path.name not in ("made", "play.yml")}
    assert after == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("slapd_secrets.nobody", "possible: slapd_secrets.reader, slapd_secrets.replicator"),
        ("nothing.reader", "rotate is 'nothing.reader', which is not a secret"),
        ("slapd_secrets.salt", "slapd_secrets.salt stays"),
    ],
)
def test_what_cannot_be_rotated_is_told(tmp_path: Path, name: str, words: str) -> None:
    made = Site(tmp_path, in_vault=False).rotate("new", name)
    assert made["failed"]
    assert words in made["msg"]
    assert not (tmp_path / "former.json").exists()


def test_keys_of_the_dns_are_base64(tmp_path: Path) -> None:
    value = action.another("bind9_tsig_secrets")
    action.Folder(tmp_path, "bind9_tsig_secrets", "verify").keep(value, {})
    assert base64.b64encode((tmp_path / "tsig-verify").read_text().strip().encode()).decode() == value
