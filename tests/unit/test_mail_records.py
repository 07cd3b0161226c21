"""The records that lead to a mail server fit into a zone, and lead there."""

import pytest
from ansible.errors import AnsibleFilterError
from mail_records import mail_records
from zone_records import zone_records

RECORDS = mail_records(["192.0.2.1", "2001:db8::1"], "mail", ["smtp", "imap"])


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
