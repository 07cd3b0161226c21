"""The probes of the certificate authority, by lists and certificates that are made here."""

import datetime
import importlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from frame import ProbeError

ca = importlib.import_module("probes.ca")
DAY = datetime.timedelta(days=1)
DER = serialization.Encoding.DER
URL = "http://ca.st.um/pki"


class Authority:
    """An authority of the name x."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
        self.now = datetime.datetime.now(datetime.UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(self.name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(self.now - DAY)
            .not_valid_after(self.now + DAY)
            .sign(self.key, hashes.SHA256())
        )

    def revoked(self, since=-1, until=7):
        """Return its list of revoked certificates."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(self.now + since * DAY).next_update(self.now + until * DAY)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(DER)


@pytest.fixture(scope="module")
def authority():
    return Authority()


def look(monkeypatch, authority, found):
    files = {f"{URL}/x.crl": found, f"{URL}/x.crt": authority.certificate.public_bytes(DER)}
    monkeypatch.setattr(ca, "fetch", lambda address, url, kind: files[url])
    return ca.revoked("192.0.2.1", URL, "x")


def test_a_list_that_is_valid(monkeypatch, authority):
    assert look(monkeypatch, authority, authority.revoked()).startswith("0 revoked, until ")


@pytest.mark.parametrize(
    ("days", "message"), [((-1, 0.5), "it ends at"), ((-9, -2), "it ends at"), ((1, 2), "it begins at")]
)
def test_a_list_that_is_not_valid(monkeypatch, authority, days, message):
    with pytest.raises(ProbeError, match=message):
        look(monkeypatch, authority, authority.revoked(*days))


def test_a_list_of_another_authority(monkeypatch, authority):
    with pytest.raises(ProbeError, match="it is not signed by x"):
        look(monkeypatch, authority, Authority().revoked())


def test_a_root_that_is_another(monkeypatch, authority, tmp_path):
    trusted = tmp_path / "root.crt"
    trusted.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setattr(ca, "fetch", lambda *_: authority.certificate.public_bytes(DER))
    assert ca.root("192.0.2.1", URL, "x", str(trusted)) == "CN=x"
    monkeypatch.setattr(ca, "fetch", lambda *_: Authority().certificate.public_bytes(DER))
    with pytest.raises(ProbeError, match="CN=x is not the one in"):
        ca.root("192.0.2.1", URL, "x", str(trusted))


def test_a_certificate_that_names_no_list(monkeypatch, authority):
    shown = authority.certificate.public_bytes(serialization.Encoding.PEM).decode()
    monkeypatch.setattr(ca, "openssl", lambda *_: shown)
    with pytest.raises(ProbeError, match="does not say where the list of revoked ones is"):
        ca.not_revoked("192.0.2.1", "www3.st.um")
