"""The digests are those that openssl makes of the same certificates."""

import subprocess

import pytest
from ansible.errors import AnsibleFilterError
from vhost_certificates import vhost_certificates
from vhost_records import vhost_records

VHOSTS = [
    {"name": "www1.st.um", "aliases": ["w.st.um", "www.example.org"]},
    {"name": "st.um", "tls": True},
    {"name": "deep.www3.st.um", "tls": True, "aliases": ["notst.um"]},
]


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


def test_names_in_the_zone_become_aliases():
    assert vhost_records(VHOSTS, "st.um") == [
        {"name": name, "type": "CNAME", "value": "@"} for name in ("www1", "w", "deep.www3")
    ]


def test_those_over_tls_tell_every_authority(authority):
    pem, digest = authority
    records = [record for record in vhost_records(VHOSTS, "st.um", [pem, pem], 60) if record["type"] == "TLSA"]
    assert records == [
        {"name": name, "type": "TLSA", "value": f"2 1 1 {digest}", "ttl": 60}
        for name in ("_443._tcp", "_443._tcp", "_443._tcp.deep.www3", "_443._tcp.deep.www3")
    ]


def test_those_of_a_public_authority_tell_no_other_and_need_no_certificate(authority):
    vhosts = [{"name": "www4.st.um", "tls": True, "acme": True}]
    assert vhost_records(vhosts, "st.um", [authority[0]]) == [{"name": "www4", "type": "CNAME", "value": "@"}]
    assert vhost_certificates(vhosts, ["x"]) == []


def test_refuses_what_is_no_authority():
    with pytest.raises(AnsibleFilterError, match="The certificate of an authority cannot be read"):
        vhost_records(VHOSTS, "st.um", ["nonsense"])


def test_those_over_tls_need_certificates():
    assert vhost_certificates(VHOSTS, ["x"]) == [
        {"name": "st.um", "names": ["st.um"], "reload": ["x"]},
        {"name": "deep.www3.st.um", "names": ["deep.www3.st.um", "notst.um"], "reload": ["x"]},
    ]
