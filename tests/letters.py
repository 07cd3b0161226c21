"""Letters, as the tests write, bring and read them, by programs on the hosts that are made of what the probes are."""

import json

from lab import Lab, wait_until

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
# A session with the server, command by command; DATA is followed by the letter. Prints the answers.
SAY = """
import json
address, port, name, password, hello, lines = sys.argv[1:]
server = mail.smtp(address, int(port), None if port == "25" else mail.unverified(), hello)
if name:
    server.login(name, password)
answers = []
for line in json.loads(lines):
    verb, _, text = line.partition("\\n")
    try:
        code, words = server.data(text.replace("\\n", "\\r\\n").encode()) if text else server.docmd(verb)
    except mail.smtplib.SMTPDataError as error:
        code, words = error.smtp_code, error.smtp_error
    answers.append([code, words.decode()])
mail.end(server)
print(json.dumps(answers))
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


def handed_in(lab: Lab, recipient: str) -> str:
    """Let user1 write a letter, with a mail program; return its mark."""
    return program(lab, "client", HAND_IN, lab.address(135), recipient, password(lab, "user1")).strip()


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


def said(
    lab: Lab, lines: list[str], user: str = "", host: str = "client", hello: str = "client.st.um", port: int = 0
) -> list[tuple[int, str]]:
    """Speak SMTP, as a user or as a server; return the answers."""
    arguments = [str(port or (587 if user else 25)), user, password(lab, user.partition("@")[0]) if user else "", hello]
    answers = json.loads(program(lab, host, SAY, lab.address(135), *arguments, json.dumps(lines)))
    return [(code, words) for code, words in answers]


def queued(lab: Lab) -> str:
    """Return what Exim has not got rid of."""
    return lab.run("primary", "exim4", "-bp")
