"""Letters go out into the world and come back from it, and strangers get no more than that."""

import json
from collections.abc import Iterator

import pytest

from lab import Lab, wait_until

pytestmark = pytest.mark.once
FOREIGN = "/var/mail/user@example.org"
# What the probes are made of, for short programs on the hosts.
PROBES = """
import sys
sys.path.insert(0, "/usr/local/lib/server-for-dummies/verify")
from probes import mail
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
mail.ARRIVAL = 20
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
