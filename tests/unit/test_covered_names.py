"""An authority is not asked to certify what it may not."""

import datetime
import ipaddress

import pytest
from ansible.errors import AnsibleFilterError
from covered_names import covered_names
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

NETWORKS = ["172.16.22.0/24", "fd53:4644:0:22::/64"]


def authority(*permitted: x509.GeneralName) -> str:
    """Return the certificate of an authority for some names, or for all of them."""
    key, name = Ed25519PrivateKey.generate(), x509.Name([])
    now = datetime.datetime(2026, 1, 1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now)
    if permitted:
        made = made.add_extension(x509.NameConstraints(list(permitted), None), critical=True)
    return made.sign(key, None).public_bytes(Encoding.PEM).decode()


ROOT = authority(x509.DNSName("st.um"), *(x509.IPAddress(ipaddress.ip_network(network)) for network in NETWORKS))


@pytest.mark.parametrize(
    ("domains", "addresses", "certificate"),
    [
        (["st.um"], ["172.16.22.135", "fd53:4644:0:22::135"], ROOT),
        (["ST.um", "dept.st.um"], [], ROOT),
        (["other.um"], ["10.0.0.1"], authority()),
        (["other.um"], ["10.0.0.1"], ""),
    ],
    ids=["the same", "a part of it", "one without limits", "one that is yet to be made"],
)
def test_what_it_may_certify(domains: list[str], addresses: list[str], certificate: str) -> None:
    assert covered_names(domains, addresses, certificate, 1) == domains


@pytest.mark.parametrize(
    ("domains", "addresses", "missing"),
    [
        (["other.um"], [], "other.um"),
        (["st.um", "xst.um"], [], "xst.um"),
        (["um"], [], "um"),
        (["st.um"], ["172.16.23.1"], "172.16.23.1"),
        (["st.um"], ["fd53:4644:0:23::1"], "fd53:4644:0:23::1"),
    ],
)
def test_what_it_may_not(domains: list[str], addresses: list[str], missing: str) -> None:
    words = rf"Edit openssl_ca_roots: the authority 7 was made for st.um, .* and may not certify {missing}; put another"
    with pytest.raises(AnsibleFilterError, match=words):
        covered_names(domains, addresses, ROOT, 7)
