"""The digests are those that openssl makes of the same certificates."""

import subprocess

import pytest
from ansible.errors import AnsibleFilterError
from tlsa_values import tlsa_values


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Make an authority's certificate; return it, and the digest of its key."""
    folder = tmp_path_factory.mktemp("authority")
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-384",
        "-nodes",
        "-subj",
        "/CN=x",
    ]
    subprocess.run([*make, "-keyout", folder / "key", "-out", folder / "pem"], check=True, capture_output=True)
    der = subprocess.run(
        ["openssl", "pkey", "-in", folder / "key", "-pubout", "-outform", "DER"], check=True, capture_output=True
    )
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-r"], input=der.stdout, check=True, capture_output=True)
    return (folder / "pem").read_text(), digest.stdout.decode().split()[0]


def test_a_root_is_known_by_the_digest_of_its_key(authority):
    pem, digest = authority
    assert tlsa_values([pem, pem]) == [f"2 1 1 {digest}"] * 2


def test_refuses_what_is_no_authority():
    with pytest.raises(AnsibleFilterError, match="The certificate of an authority cannot be read"):
        tlsa_values(["nonsense"])
