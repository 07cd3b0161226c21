import datetime
import ipaddress

import pytest
from ansible.errors import AnsibleFilterError
from certificates_due import certificates_due
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
NOW = START.timestamp()
WANTED = {"name": "www3", "names": ["www3.st.um", "st.um"], "addresses": ["192.0.2.1", "2001:db8::1"]}


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


class Authority:
    def __init__(self, name="issuing", key=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = named(name)
        self.pem = self.issue(common_name=name, key=self.key)

    def issue(
        self,
        names=(),
        addresses=(),
        emails=(),
        common_name=None,
        key=None,
        usage="SERVER_AUTH",
        days=90,
        serial=7,
        crl_url=None,
    ):
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(common_name))
            .issuer_name(self.name)
            .public_key((key or ec.generate_private_key(ec.SECP256R1())).public_key())
            .serial_number(serial)
            .not_valid_before(START - DAY)
            .not_valid_after(START + days * DAY)
        )
        alternatives = [*map(x509.DNSName, names), *map(x509.RFC822Name, emails)]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        if usage:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([getattr(ExtendedKeyUsageOID, usage)]), critical=False
            )
        if crl_url:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def authority():
    return Authority()


def issued(authority, **changed):
    asked = {"names": WANTED["names"], "addresses": WANTED["addresses"], "common_name": "www3.st.um"}
    return authority.issue(**asked | changed)


def reasons(authority, present, wanted=WANTED, **more):
    due = certificates_due([wanted], {"www3": present}, authority.pem, NOW, **more)
    assert [{key: value for key, value in each.items() if key not in ("reasons", "rekey")} for each in due] in (
        [],
        [wanted],
    )
    return due[0]["reasons"] if due else []


def test_nothing_is_due_when_all_is_as_wanted(authority):
    assert reasons(authority, issued(authority)) == []


def test_what_follows_the_certificate_is_not_looked_at(authority):
    assert reasons(authority, issued(authority) + authority.pem) == []


@pytest.mark.parametrize("present", [{}, {"www3": ""}, {"www3": "\n"}, {"www3": None}])
def test_a_missing_certificate_is_due(authority, present):
    [due] = certificates_due([WANTED], present, authority.pem, NOW)
    assert due == {**WANTED, "reasons": ["there is none"], "rekey": False}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"names": ["st.um"]}, "its names are st.um, not st.um, www3.st.um"),
        (
            {"names": ["www3.st.um", "st.um", "x.st.um"]},
            "its names are st.um, www3.st.um, x.st.um, not st.um, www3.st.um",
        ),
        ({"addresses": []}, "its addresses are none, not 192.0.2.1, 2001:db8::1"),
        ({"emails": ["a@st.um"]}, "its emails are a@st.um, not none"),
        ({"common_name": "st.um"}, "its common name is st.um, not www3.st.um"),
        ({"common_name": None}, "its common name is none, not www3.st.um"),
        ({"key": rsa.generate_private_key(65537, 2048)}, "its key is not ecdsa"),
        ({"usage": "CLIENT_AUTH"}, "it is not for a server"),
        ({"usage": None}, "it is not for a server"),
        ({"days": 30}, "it ends on 2026-01-31 00:00 UTC"),
        ({"days": -0.5}, "it ends on 2025-12-31 12:00 UTC"),
    ],
)
def test_each_difference_is_a_reason(authority, changed, reason):
    assert reasons(authority, issued(authority, **changed)) == [reason]


def test_the_order_and_the_spelling_of_names_and_addresses_are_none(authority):
    present = issued(authority, names=WANTED["names"][::-1])
    assert reasons(authority, present, WANTED | {"addresses": ["2001:DB8:0:0::1", "192.0.2.1"]}) == []


def test_another_issuer_is_a_reason(authority):
    other = Authority("other")
    assert reasons(authority, issued(other)) == ["its issuer is CN=other, not CN=issuing"]


def test_an_issuer_of_the_same_name_with_another_key_is_another_one(authority):
    assert reasons(authority, issued(Authority())) == ["its issuer is CN=issuing, not CN=issuing"]


def test_all_reasons_are_told(authority):
    assert len(reasons(authority, issued(authority, names=["x.st.um"], days=1, usage="CLIENT_AUTH"))) == 3


@pytest.mark.parametrize(("serial", "expected"), [("07", ["it is revoked"]), ("08", []), ("0A", [])])
def test_a_revoked_certificate_is_due(authority, serial, expected):
    assert reasons(authority, issued(authority), revoked=[serial]) == expected


@pytest.mark.parametrize(
    ("there", "wanted", "expected"),
    [
        ("http://ca.st.um/x.crl", "http://ca.st.um/x.crl", []),
        (None, "http://ca.st.um/x.crl", ["its list of revoked ones is at none, not http://ca.st.um/x.crl"]),
        ("http://ca.st.um/x.crl", "", ["its list of revoked ones is at http://ca.st.um/x.crl, not none"]),
    ],
)
def test_another_place_of_the_list_of_revoked_ones_is_a_reason(authority, there, wanted, expected):
    assert reasons(authority, issued(authority, crl_url=there), crl_url=wanted) == expected


def test_the_days_before_the_end_are_settable(authority):
    assert reasons(authority, issued(authority, days=30), renew_before=29) == []
    assert reasons(authority, issued(authority, days=90), renew_before=90) == ["it ends on 2026-04-01 00:00 UTC"]


def test_a_text_that_is_no_certificate_is_due(authority):
    [reason] = reasons(authority, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert reason.startswith("it cannot be read: ")


def test_a_client_can_be_wanted_with_an_rsa_key(authority):
    wanted = {"name": "www3", "emails": ["user1@st.um"], "common_name": "user1", "usage": "client", "key_type": "rsa"}
    key = rsa.generate_private_key(65537, 2048)
    present = authority.issue(emails=["user1@st.um"], common_name="user1", key=key, usage="CLIENT_AUTH")
    assert reasons(authority, present, wanted) == []
    assert reasons(authority, present, wanted | {"key_type": "ecdsa"}) == ["its key is not ecdsa"]


def test_an_issuer_that_cannot_be_read_is_refused():
    with pytest.raises(AnsibleFilterError, match="The issuer's certificate cannot be read"):
        certificates_due([WANTED], {}, "none", NOW)


def test_all_are_due_before_there_is_an_authority(authority):
    [due] = certificates_due([WANTED], {"www3": issued(authority)}, "", NOW)
    assert due == {**WANTED, "reasons": ["its authority is yet to be made"], "rekey": False}


@pytest.mark.parametrize(
    ("given", "changed", "rekey"),
    [
        ({}, {"days": 30}, False),
        ({}, {"names": ["st.um"]}, False),
        ({"revoked": ["7"]}, {}, True),
        ({}, {"key": rsa.generate_private_key(65537, 2048)}, True),
    ],
)
def test_a_key_is_kept_unless_it_may_not_be_used_again(authority, given, changed, rekey):
    [due] = certificates_due([WANTED], {"www3": issued(authority, **changed)}, authority.pem, NOW, **given)
    assert due["rekey"] is rekey


@pytest.mark.parametrize(
    "more",
    [
        {"names": ["www.example.org"]},
        {"names": ["st.um.example.org"]},
        {"names": ["xst.um"]},
        {"addresses": ["198.51.100.1"]},
        {"addresses": ["2001:db8:1::1"]},
        {"emails": ["user1@example.org"]},
    ],
)
def test_what_the_authority_may_not_certify_is_refused(more):
    given = {"domains": ["st.um"], "networks": ["192.0.2.0/24", "2001:db8::/48"]}
    right = WANTED | {"emails": ["user1@st.um", "user2@mail.st.um"], "names": ["st.um", "*.st.um", "www.st.um"]}
    assert len(certificates_due([right], {}, "", NOW, **given)) == 1
    [other] = next(iter(more.values()))
    with pytest.raises(AnsibleFilterError, match=f"The certificate www3 is to be for {other}, outside of what"):
        certificates_due([right | more], {}, "", NOW, **given)
