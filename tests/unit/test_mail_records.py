"""The records that lead to a mail server fit into a zone, and lead there."""

import re

import pytest
from ansible.errors import AnsibleFilterError
from mail_records import mail_records
from zone_records import zone_records

KEY = "TUlJQklqQU5CZ2tx" * 24  # as long as one of 2048 bits
RECORDS = mail_records(
    ["192.0.2.1", "2001:db8::1"], "mail", ["smtp", "imap"], {"first-1": KEY, "first-2": KEY}, "reject"
)


def values(name: str, kind: str) -> list[str]:
    return [record["value"] for record in RECORDS if (record["name"], record["type"]) == (name, kind)]


def test_the_exchanger_has_addresses_and_no_alias() -> None:
    assert values("@", "MX") == ["10 mail"]
    assert (values("mail", "A"), values("mail", "AAAA")) == (["192.0.2.1"], ["2001:db8::1"])
    assert values("mail", "CNAME") == []
    assert values("smtp", "CNAME") == values("imap", "CNAME") == ["mail"]


def test_nobody_else_may_send_in_its_name() -> None:
    assert values("@", "TXT") == ["v=spf1 mx -all"]
    assert values("mail", "TXT") == ["v=spf1 a -all"]


def test_others_know_our_signatures_and_what_to_do_without_one() -> None:
    assert values("first-1._domainkey", "TXT") == values("first-2._domainkey", "TXT") == [f"v=DKIM1; k=rsa; p={KEY}"]
    assert values("_dmarc", "TXT") == ["v=DMARC1; p=reject"]


def test_without_keys_and_policy_there_are_no_such_records() -> None:
    records = mail_records(["192.0.2.1"], "mail")
    assert not [record for record in records if "_dmarc" in record["name"] or "_domainkey" in record["name"]]


def test_others_know_the_server_by_its_authority_and_where_to_complain() -> None:
    records = mail_records(["192.0.2.1"], "mail", tlsa=["2 1 1 ab", "2 1 1 cd"], tls_reports="postmaster@st.um")
    found = [(record["name"], record["value"]) for record in records if record.get("ttl")]
    assert found == [
        ("_25._tcp.mail", "2 1 1 ab"),
        ("_25._tcp.mail", "2 1 1 cd"),
        ("_smtp._tls", "v=TLSRPTv1; rua=mailto:postmaster@st.um"),
    ]


def test_a_policy_has_another_name_when_it_is_another_one() -> None:
    def name(policy: str) -> list[str]:
        records = mail_records(["192.0.2.1"], "mail", mta_sts=policy)
        return [record["value"] for record in records if record["name"] == "_mta-sts"]

    (first,), (again,), (other,) = name("mode: testing"), name("mode: testing"), name("mode: enforce")
    assert first == again != other
    assert re.fullmatch(r"v=STSv1; id=[0-9a-z]{1,32};", first)
    assert name("") == []


def test_a_long_key_is_several_strings_of_one_record() -> None:
    (line,) = [
        line for line in zone_records(RECORDS, "st.um", 3600, lines=True) if line.startswith("first-1._domainkey")
    ]
    assert line.count('"') == 4
    assert "".join(line.split('"')[1::2]) == f"v=DKIM1; k=rsa; p={KEY}"


@pytest.mark.parametrize(
    ("better", "worse", "ports"),
    [
        ("_submissions", "_submission", ("465", "587")),
        ("_imaps", "_imap", ("993", "143")),
        ("_imap", "_pop3s", ("143", "995")),
        ("_pop3s", "_pop3", ("995", "110")),
    ],
)
def test_programs_take_tls_from_the_start_and_imap_first(better: str, worse: str, ports: tuple[str, str]) -> None:
    (first,), (second,) = (values(f"{service}._tcp", "SRV") for service in (better, worse))
    assert int(first.split()[0]) < int(second.split()[0])
    assert (first.split()[2:], second.split()[2:]) == ([ports[0], "mail"], [ports[1], "mail"])


def test_programs_find_where_rules_are_put() -> None:
    assert values("_sieve._tcp", "SRV") == ["0 1 4190 mail"]


def test_a_zone_takes_them() -> None:
    assert len(zone_records(RECORDS, "st.um", 3600)) == len(RECORDS)


def test_refuses_a_server_that_is_nowhere() -> None:
    with pytest.raises(AnsibleFilterError, match="The mail server mail has no address"):
        mail_records([], "mail")
