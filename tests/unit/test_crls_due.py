import datetime

import pytest
from ansible.errors import AnsibleFilterError
from crls_due import crls_due
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
NOW = START.timestamp()
INDEX = "V\t261231000000Z\t\t0A\tunknown\t/CN=a\nR\t261231000000Z\t260101000000Z\t0B\tunknown\t/CN=b\n"


def crl(days, *serials):
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuing")]))
        .last_update(START - datetime.timedelta(days=1))
        .next_update(START + datetime.timedelta(days=days))
    )
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(START).build()
        builder = builder.add_revoked_certificate(revoked)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def due(revoked, days=7, index=INDEX, **more):
    return crls_due({"issuing-1-1": {"index": index, "crl": crl(days, 0x0B)}}, revoked, NOW, **more)


def test_nothing_is_due_when_all_is_revoked_and_the_list_is_young():
    assert due(["0b"]) == []


@pytest.mark.parametrize("serial", ["0A", "a", "0000a"])
def test_what_is_to_be_revoked_is_due_as_the_index_writes_it(serial):
    assert due(["0B", serial]) == [{"name": "issuing-1-1", "revoke": ["0A"], "reasons": ["0A is to be revoked"]}]


@pytest.mark.parametrize(("days", "is_due"), [(3.01, False), (3, True), (-1, True)])
def test_a_list_is_due_before_it_ends(days, is_due):
    assert bool(due([], days)) is is_due
    assert due([], days, renew_before=-2) == []


def test_a_missing_list_is_due():
    assert crls_due({"root-1": {"index": "", "crl": "\n"}}, [], NOW) == [
        {"name": "root-1", "revoke": [], "reasons": ["there is none"]}
    ]


def test_what_was_revoked_and_is_not_on_the_list_is_due():
    assert crls_due({"issuing-1-1": {"index": INDEX, "crl": crl(7)}}, [], NOW) == [
        {"name": "issuing-1-1", "revoke": [], "reasons": ["0B is not on it"]}
    ]


def test_each_authority_revokes_its_own():
    indexes = {"issuing-1-1": INDEX, "issuing-1-2": INDEX.replace("0A", "0C").replace("0B", "0D")}
    both = crl(7, 0x0B, 0x0D)
    found = crls_due({name: {"index": index, "crl": both} for name, index in indexes.items()}, ["0C"], NOW)
    assert [(each["name"], each["revoke"]) for each in found] == [("issuing-1-2", ["0C"])]


@pytest.mark.parametrize(
    ("serial", "words"), [("0D", "none of the authorities has certified 0D"), ("x", "'x' is not a")]
)
def test_a_number_of_nobody_is_refused(serial, words):
    with pytest.raises(AnsibleFilterError, match=f"openssl_ca_revoked: {words}"):
        due([serial])
