"""The records are those that ssh-keygen makes of the same keys."""

import subprocess

import pytest
from ansible.errors import AnsibleFilterError
from sshfp_records import sshfp_records


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_the_same_as_ssh_keygen(kind, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", tmp_path / "key"], check=True)
    made = subprocess.run(["ssh-keygen", "-r", "a", "-f", tmp_path / "key"], check=True, capture_output=True, text=True)
    hosts = [{"name": "primary", "names": ["ns1", "@"]}, {"name": "later", "names": ["x"]}]
    records = sshfp_records(hosts, {"primary": (tmp_path / "key.pub").read_text()})
    assert [(record["name"], record["type"]) for record in records] == [("ns1", "SSHFP"), ("@", "SSHFP")]
    assert f"a IN SSHFP {records[0]['value']}" in made.stdout.splitlines()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ssh-dss AAAA", "its type is 'ssh-dss', not one of"),
        ("ssh-ed25519 A", "it is not base64"),
        ("", "its type is ''"),
    ],
)
def test_refuses_what_is_no_key(key, words):
    with pytest.raises(AnsibleFilterError) as error:
        sshfp_records([{"name": "primary", "names": ["ns1"]}], {"primary": key})
    assert "The SSH key of host primary makes no SSHFP record" in str(error.value)
    assert words in str(error.value)
