"""Letters go out into the world and come back from it, and strangers get no more than that."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab import Lab
from letters import ANSWER, ASK, BRING, FOREIGN, bring, foreign, handed_in, letter, mark, password, program, read

pytestmark = pytest.mark.only_swapped
DOMAIN = """
import dkim
letter = open(sys.argv[1], "rb").read()
print(dkim.verify(letter), dkim.verify(letter.replace(b"last line", b"another line")))
"""


# Waits for a notice that is about a letter, and takes it away.
RETURNED = r"""
import time
address, word, mark = sys.argv[1:]
with mail.mailbox(address, {"name": "user1", "password": word}) as box:
    deadline = time.monotonic() + 20
    while True:
        box.select()
        if numbers := mail.good(box.uid("SEARCH", "FROM", "Mailer-Daemon", "HEADER", "References", mark))[0].split():
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    print(mail.fetched(box, numbers[0].decode()).decode())
    box.uid("STORE", numbers[0].decode(), "+FLAGS", "\\Deleted")
    box.expunge()
"""


@pytest.fixture(autouse=True)
def no_old_letters(lab: Lab) -> Iterator[None]:
    yield
    lab.run("internet", "rm", "-rf", FOREIGN)


def test_a_letter_goes_out_and_its_answer_comes_back(lab: Lab) -> None:
    letter = lab.run("internet", "cat", foreign(lab, handed_in(lab, "user@example.org")))
    assert "Return-Path: <user1@st.um>" in letter
    assert "from mail.st.um" in letter
    assert "with ESMTPS id" in letter
    for found in ("spf=pass smtp.mailfrom=st.um", "dkim=pass (2048-bit key", "dmarc=pass (p=reject"):
        assert re.search(rf"Authentication-Results: mx.example.org;\s+{re.escape(found)}", letter)
    header = read(lab, "user1", program(lab, "internet", ANSWER).strip())
    assert "helo=mx.example.org" in header
    assert "(TLS1.3)" in header
    results = header.partition("Authentication-Results: mail.st.um;")[2].partition("Received:")[0]
    assert "spf=pass smtp.mailfrom=example.org" in results
    assert "dmarc=none header.from=example.org" in results


@pytest.mark.parametrize(
    ("playbook", "settings", "words"),
    [
        ("prepare.yml", {"postfix_domains": ["example org"]}, "Edit postfix_domains[0]: 'example org' is not valid"),
        ("mail.yml", {"postfix_options": {"inet_protocols": "none"}}, "postfix check"),
    ],
)
def test_what_postfix_does_not_take_is_refused(lab: Lab, playbook: str, settings: dict[str, Any], words: str) -> None:
    before = lab.run("internet", "sha256sum", "/etc/postfix/main.cf")
    output = lab.playbook(f"playbooks/{playbook}", "-l", "internet", settings=settings, fails=True)
    assert words in output
    assert lab.run("internet", "sha256sum", "/etc/postfix/main.cf") == before


def test_what_users_send_is_signed_and_can_be_sent_on_unchanged(lab: Lab) -> None:
    sent = handed_in(lab, "user@example.org")
    path = foreign(lab, sent)
    assert program(lab, "internet", DOMAIN, path) == "True False\n"
    text = lab.run("internet", "cat", path)
    assert " d=st.um;" in text
    signed = text[text.index("DKIM-Signature:") :]
    altered = signed.replace("last line", "another line")
    assert bring(lab, [("user@example.org", altered), ("user@example.org", signed)]) == ["550", "250"]
    header = read(lab, "user2", sent)
    assert "dkim=pass header.d=st.um" in header
    assert "dmarc=pass header.from=st.um" in header


def test_a_letter_that_nobody_takes_comes_back(lab: Lab) -> None:
    word = handed_in(lab, "nobody@example.org")
    notice = program(lab, "client", RETURNED, lab.address(135), password(lab, "user1"), word)
    assert "Return-Path: <>" in notice
    assert "nobody@example.org" in notice
    assert "550 5.1.1" in notice


def test_a_letter_is_tried_for_four_days(lab: Lab) -> None:
    rule = lab.run("primary", "exim4", "-brt", "example.org")
    assert rule.split() == ["Retry", "rule:", "*", "*", "F,2h,15m;", "G,16h,1h,1.5;", "F,4d,6h;"]


def test_nothing_of_others_is_signed(lab: Lab) -> None:
    arguments = [lab.address(135), json.dumps([["user@example.org", letter("user@example.org", "not-signed")]])]
    assert program(lab, "client", BRING, *arguments, "user@example.org") == "250\n"
    assert "DKIM-Signature" not in lab.run("internet", "cat", foreign(lab, "not-signed"))


@pytest.mark.parametrize(
    ("sender", "author"),
    [
        pytest.param("user@example.net", "user@example.net", id="from a server that is not its domain's"),
        pytest.param("user@example.org", "user@example.net", id="from a server of another domain"),
        pytest.param("", "user@example.net", id="without a sender"),
        pytest.param("user@example.org", '"user@example.org" <USER@EXAMPLE.NET>', id="with a name before the address"),
        pytest.param("user@example.org", "user@deep.below.example.net", id="in a domain below"),
        pytest.param("user@example.org", "user@example.org, user@example.net", id="by two authors"),
        pytest.param("user@example.org", "user@example.org\nFrom: user@example.net", id="with two headers"),
        pytest.param("user@example.org", "user1@st.um", id="in our own name"),
    ],
)
def test_a_forged_letter_is_refused(lab: Lab, sender: str, author: str) -> None:
    assert bring(lab, [(sender, letter(author))]) == ["550"]


@pytest.mark.parametrize(
    ("author", "code"), [("user1@st.um", "550"), ("user@example.net", "550"), ("user@example.org", "250")]
)
def test_nobody_else_is_believed_in_another_country_either(lab: Lab, author: str, code: str) -> None:
    arguments = ["mx.example.org", json.dumps([[author, letter(author, "forged")]])]
    assert program(lab, "client", BRING, *arguments, "user@example.org") == f"{code}\n"


def test_letters_of_our_own_networks_are_not_checked(lab: Lab) -> None:
    word = mark(lab)
    assert bring(lab, [("user@example.net", letter("user@example.net", word))], "client") == ["250"]
    assert "Authentication-Results" not in read(lab, "user2", word)


def test_nobody_else_tells_what_we_have_found_out(lab: Lab) -> None:
    word = mark(lab)
    lie = "Authentication-Results: MAIL.st.um; dkim=pass header.d=example.com"
    assert bring(lab, [("user@example.org", letter("user@example.org", word, lie))]) == ["250"]
    header = read(lab, "user2", word)
    assert header.count("Authentication-Results: mail.st.um;") == 1
    assert "example.com" not in header


@pytest.mark.parametrize(("setting", "told"), [("tell", True), ("no", False)])
def test_forged_letters_are_taken_where_the_settings_say_so(lab: Lab, setting: str, told: bool) -> None:
    word = mark(lab)
    forged = [("user@example.net", letter("user@example.net", word))]
    try:
        lab.playbook("playbooks/mail.yml", "-l", "primary", settings={"exim4_authentication": setting})
        assert bring(lab, forged) == ["250"]
        assert ("dmarc=fail header.from=example.net" in read(lab, "user2", word)) == told
    finally:
        lab.playbook("playbooks/mail.yml", "-l", "primary")
    assert bring(lab, forged) == ["550"]


@pytest.mark.slow
def test_a_key_is_followed_by_the_next_one_without_a_gap(lab: Lab) -> None:
    def become(keys: list[int]) -> None:
        settings: dict[str, Any] = {"site_dkim_keys": keys}
        for playbook in ("mail_published.yml", "dns.yml", "mail.yml"):
            lab.playbook(f"playbooks/{playbook}", "-l", "primary", settings=settings)

    def signed() -> str:
        path = foreign(lab, handed_in(lab, "user@example.org"))
        assert program(lab, "internet", DOMAIN, path) == "True False\n"
        return lab.run("internet", "grep", "-oE", "s=primary-[0-9]+;", path).strip()

    began = lab.run("primary", "sha256sum", "/etc/exim4/dkim/primary-1.key")
    try:
        become([1, 2])
        assert signed() == "s=primary-1;"
        become([2, 1])
        assert signed() == "s=primary-2;"
        assert lab.run("primary", "sha256sum", "/etc/exim4/dkim/primary-1.key") == began
    finally:
        become([1])
    assert lab.run("primary", "ls", "/etc/exim4/dkim") == "primary-1.key\n"
    assert lab.dig("primary-2._domainkey.st.um", "TXT") == []
    assert signed() == "s=primary-1;"


def test_the_key_is_for_exim_alone(lab: Lab) -> None:
    assert lab.run("primary", "stat", "-c", "%U %G %a", "/etc/exim4/dkim", "/etc/exim4/dkim/primary-1.key") == (
        "root Debian-exim 750\nroot Debian-exim 640\n"
    )


OURS = [
    "user1@st.um",
    "USER1@ST.UM",
    "user1+tag@St.Um",
    '"user1"@st.um',
    "@st.um:user1@st.um",
    "@relay.example.org:user1@st.um",
    "postmaster@st.um",
    "postmaster",
]


def test_who_may_not_send_to_others_by_us_may_send_to_us(lab: Lab) -> None:
    address = f"172.16.{lab.net}.135"
    text = "print(json.dumps(mail.forms(sys.argv[1], 'st.um', 'user@example.org')))"
    elsewhere = json.loads(program(lab, "internet", f"import json\n{text}", address))
    assert len(elsewhere) > 16
    codes = json.loads(program(lab, "internet", ASK, address, json.dumps(elsewhere)))
    assert [pair for pair, code in zip(elsewhere, codes, strict=True) if not 500 <= code < 560] == []
    ours = [[sender, recipient] for sender in ("user@example.org", "") for recipient in OURS]
    codes = json.loads(program(lab, "internet", ASK, address, json.dumps(ours)))
    assert [pair for pair, code in zip(ours, codes, strict=True) if code != 250] == []
