"""Letters go out into the world and come back from it, and strangers get no more than that."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab import Lab, wait_until

pytestmark = pytest.mark.once
FOREIGN = "/var/mail/user@example.org"
# What the probes are made of, for short programs on the hosts.
PROBES = """
import sys
sys.path.insert(0, "/usr/local/lib/server-for-dummies/verify")
from probes import mail, mail_base
"""
HAND_IN = """
address, recipient, password = sys.argv[1:]
mark, user = mail.new_mark(), {"name": "user1", "password": password}
letter = mail.plain_letter(mark, "user1@st.um", recipient).as_bytes()
mail.hand_in(address, 587, user, "st.um", recipient, letter)
print(mark)
"""
# At home with Postfix, which passes it on.
ANSWER = """
mark = mail.new_mark()
server = mail.smtp("127.0.0.1")
mail.reply(server.mail("user@example.org"), 250)
mail.reply(server.rcpt("user1@st.um"), 250)
mail.reply(server.data(mail.plain_letter(mark, "user@example.org", "user1@st.um").as_bytes()), 250)
print(mark)
"""
READ = """
import time
address, name, password, mark = sys.argv[1:]
mail_base.ARRIVAL = 20
with mail.mailbox(address, {"name": name, "password": password}) as box:
    letter = mail.fetched(box, mail.arrived(box, mark))
    mail.demand_text(letter, mark)
    mail.clear(box, mark)
sys.stdout.buffer.write(letter.partition(b"\\r\\n\\r\\n")[0])
"""
ASK = """
import json
address, pairs = sys.argv[1], json.loads(sys.argv[2])
print(json.dumps([mail.asked(address, *pair)[0] for pair in pairs]))
"""

# Brings letters as a server does that is not one of ours; prints what each was answered.
BRING = """
import json
for sender, letter in json.loads(sys.argv[2]):
    server = mail.smtp(sys.argv[1])
    mail.reply(server.mail(sender), 250)
    mail.reply(server.rcpt(sys.argv[3]), 250)
    print(server.data(letter.replace("\\n", "\\r\\n").encode())[0])
    mail.end(server)
"""
DOMAIN = """
import dkim
letter = open(sys.argv[1], "rb").read()
print(dkim.verify(letter), dkim.verify(letter.replace(b"last line", b"another line")))
"""


def program(lab: Lab, host: str, text: str, *arguments: str) -> str:
    return lab.run(host, "python3", "-B", "-c", PROBES + text, *arguments)


def password(lab: Lab, name: str) -> str:
    return (lab.secrets() / f"password-{name}").read_text().strip()


def read(lab: Lab, name: str, mark: str) -> str:
    """Wait for a letter in a mailbox of ours, and take it away; return its header."""
    return program(lab, "client", READ, lab.address(135), name, password(lab, name), mark)


def foreign(lab: Lab, mark: str) -> str:
    """Wait for a letter in the mailbox of somebody else; return the path of its file."""

    def found() -> str:
        return lab.run("internet", "grep", "-rlsF", mark, f"{FOREIGN}/new", check=False).strip()

    wait_until(found)
    return found()


@pytest.fixture(autouse=True)
def no_old_letters(lab: Lab) -> Iterator[None]:
    yield
    lab.run("internet", "rm", "-rf", FOREIGN)


def handed_in(lab: Lab, recipient: str) -> str:
    return program(lab, "client", HAND_IN, lab.address(135), recipient, password(lab, "user1")).strip()


def test_a_letter_goes_out_and_its_answer_comes_back(lab: Lab) -> None:
    letter = lab.run("internet", "cat", foreign(lab, handed_in(lab, "user@example.org")))
    assert "Return-Path: <user1@st.um>" in letter
    assert "from mail.st.um" in letter
    assert "with ESMTPS id" in letter
    header = read(lab, "user1", program(lab, "internet", ANSWER).strip())
    assert "helo=mx.example.org" in header
    assert "(TLS1.3)" in header
    results = header.partition("Authentication-Results: mail.st.um;")[2].partition("Received:")[0]
    assert "spf=pass smtp.mailfrom=example.org" in results
    assert "dmarc=none header.from=example.org" in results


@pytest.mark.parametrize(
    ("playbook", "settings", "words"),
    [
        ("prepare.yml", {"postfix_domains": ["example org"]}, "Edit postfix_domains: 'example org' is not valid"),
        ("mail.yml", {"postfix_options": {"inet_protocols": "none"}}, "postfix check"),
    ],
)
def test_what_postfix_does_not_take_is_refused(lab: Lab, playbook: str, settings: dict[str, Any], words: str) -> None:
    before = lab.run("internet", "sha256sum", "/etc/postfix/main.cf")
    output = lab.playbook(f"playbooks/{playbook}", "-l", "internet", settings=settings, fails=True)
    assert words in output
    assert lab.run("internet", "sha256sum", "/etc/postfix/main.cf") == before


def bring(lab: Lab, letters: list[tuple[str, str]], host: str = "internet") -> list[str]:
    """Bring letters, each with its sender, to user2; return the answers."""
    return program(lab, host, BRING, lab.address(135), json.dumps(letters), "user2@st.um").split()


def letter(author: str, mark: str = "", more: str = "") -> str:
    """Write a letter, which the probes take for theirs if it has a mark."""
    subject = f"A probe, =?utf-8?q?=C3=B1?=: {mark}"
    lines = [
        f"From: {author}",
        "To: user2@st.um",
        f"Subject: {subject}",
        f"Message-ID: <{mark}@example.org>",
        *more.split("\n"),
    ]
    text = "Grüße aus Murcia: ñ, €, 日本, 𝄞.\n.\n.. a line that begins with dots\nFrom here on\nlast line\n"
    return "\n".join([*filter(None, lines), "", text])


def mark(lab: Lab) -> str:
    return program(lab, "client", "print(mail.new_mark())").strip()


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


def test_a_key_is_followed_by_the_next_one_without_a_gap(lab: Lab) -> None:
    def become(keys: list[int]) -> None:
        settings: dict[str, Any] = {"site_dkim_keys": keys}
        for playbook in ("certificates.yml", "dns.yml", "mail.yml"):
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
