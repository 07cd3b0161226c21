"""What the probes of mail are made of: connections by each of its protocols, and letters."""

import base64
import contextlib
import email
import email.message
import email.policy
import imaplib
import poplib
import re
import secrets
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from frame import demand
from transcript import ANSWERED, ASKED, HIDDEN, calling, dial, note

from probes.tls import unverified

TIMEOUT = 8.0
ARRIVAL = 10.0  # seconds that a letter may take
LEFT = 60.0  # seconds after which nobody waits for it any more
STRANGER = "does-not-exist.invalid"
NOBODY = "does-not-exist"
MARK = "probe-of-mail"
TEXT = "Grüße aus Murcia: ñ, €, 日本, 𝄞.\r\n.\r\n.. a line that begins with dots\r\nFrom here on\r\nlast line\r\n"
Pairs = Iterator[tuple[str, partial[str]]]
User = dict[str, str]


# Connections


class Named(ssl.SSLContext):
    """The settings of a client that wants to speak to a server of this name, at whatever address it is."""

    name = ""

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """Ask for the name."""
        return super().wrap_socket(*arguments, **{**options, "server_hostname": self.name})


def named(name: str) -> Named:
    """Return these."""
    context = Named(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    context.name = name
    return context


class _SMTP:
    """What is said is noted, and no password; nor are, in the other protocols, letters that somebody has got."""

    hidden = False

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        with calling(host, port):
            return super().connect(host, port, source_address)

    def send(self, s: Any) -> None:
        note(ASKED, HIDDEN if self.hidden else s)
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        code, text = super().getreply()
        note(ANSWERED, lambda: "\n".join(f"{code} {line}" for line in text.decode(errors="replace").split("\n")))
        self.hidden = code == 334  # the rest of a password (RFC 4954)
        return code, text


class SMTP(_SMTP, smtplib.SMTP):
    """A connection to the mail server."""


class SMTPS(_SMTP, smtplib.SMTP_SSL):
    """The like over TLS."""


class _IMAP:
    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        with calling(host, port):
            super().open(host, port, timeout)

    def send(self, data: bytes) -> None:
        note(ASKED, data)
        super().send(data)

    def readline(self) -> bytes:
        line = super().readline()
        note(ANSWERED, line)
        return line

    def read(self, size: int) -> bytes:
        note(ANSWERED, f"({size} octets)")
        return super().read(size)


class IMAP(_IMAP, imaplib.IMAP4):
    """A connection to the server of mailboxes."""


class IMAPS(_IMAP, imaplib.IMAP4_SSL):
    """The like over TLS."""


class _POP3:
    command = b""

    def _create_socket(self, timeout: float) -> socket.socket:
        with calling(self.host, self.port):
            return super()._create_socket(timeout)

    def _putline(self, line: bytes) -> None:
        self.command = line.partition(b" ")[0].upper()
        note(ASKED, line)
        super()._putline(line)

    def _getresp(self) -> bytes:
        try:
            answer = super()._getresp()
        except poplib.error_proto as error:
            note(ANSWERED, str(error))
            raise
        note(ANSWERED, answer)
        return answer

    def _getlongresp(self) -> Any:
        answer = super()._getlongresp()
        lines, size = answer[1:]
        note(ANSWERED, f"({size} octets)" if self.command in (b"TOP", b"RETR") else b"\n".join(lines))
        return answer


class POP3(_POP3, poplib.POP3):
    """A connection by the other protocol."""


class POP3S(_POP3, poplib.POP3_SSL):
    """The like over TLS."""


def smtp(
    address: str, port: int = 25, context: ssl.SSLContext | None = None, hello: str = "[192.0.2.1]"
) -> smtplib.SMTP:
    """Speak to the mail server, with TLS at once at the port for it, at others by STARTTLS if there are settings."""
    if port == 465:
        server: smtplib.SMTP = SMTPS(address, port, hello, timeout=TIMEOUT, context=context or unverified())
        server.ehlo()
        return server
    server = SMTP(address, port, hello, timeout=TIMEOUT)
    server.ehlo()
    if context:
        server.starttls(context=context)
        server.ehlo()
    return server


def imap(address: str, port: int = 143, context: ssl.SSLContext | None = None) -> imaplib.IMAP4:
    """Speak to the server of mailboxes in the same way."""
    if port == 993:
        return IMAPS(address, port, ssl_context=context or unverified(), timeout=TIMEOUT)
    server = IMAP(address, port, timeout=TIMEOUT)
    if context:
        server.starttls(context)
    return server


def pop3(address: str, port: int = 110, context: ssl.SSLContext | None = None) -> poplib.POP3:
    """Speak to it by the other protocol."""
    if port == 995:
        return POP3S(address, port, context=context or unverified(), timeout=TIMEOUT)
    server = POP3(address, port, timeout=TIMEOUT)
    if context:
        server.stls(context)
    return server


class ManageSieve:
    """The protocol by which rules for letters are put on a server (RFC 5804), as far as it is needed here."""

    def __init__(self, address: str, port: int = 4190, context: ssl.SSLContext | None = None) -> None:
        """Hear what the server can, with TLS if there are settings."""
        self.sock = dial(address, port, TIMEOUT)
        self.stream = self.sock.makefile("rb")
        self.capabilities = self.answer()
        if context:
            self.command("STARTTLS")
            self.sock = context.wrap_socket(self.sock, server_hostname=address)
            self.stream = self.sock.makefile("rb")
            self.capabilities = self.answer()

    def answer(self) -> list[str]:
        """Return the lines before the server's OK; demand this."""
        lines = []
        while True:
            line = self.stream.readline()
            while literal := re.search(rb"{([0-9]+)}\r\n$", line):
                line += self.stream.read(int(literal[1])) + self.stream.readline()
            note(ANSWERED, line)
            text = line.decode().rstrip()
            if text.startswith("OK"):
                return lines
            demand(line and not text.startswith(("NO", "BYE")), text or "the server has hung up")
            lines.append(text)

    def command(self, text: str) -> list[str]:
        """Give a command; return the lines of its answer."""
        note(ASKED, text)
        self.sock.sendall(f"{text}\r\n".encode())
        return self.answer()

    def login(self, name: str, password: str) -> None:
        """Give a password."""
        word = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        self.command(f'AUTHENTICATE "PLAIN" "{word}"')

    def put(self, name: str, script: str) -> None:
        """Store a script, and make it the one that counts."""
        self.command(f'PUTSCRIPT "{name}" {{{len(script.encode())}+}}\r\n{script}')
        self.command(f'SETACTIVE "{name}"')

    def active(self) -> str:
        """Return the name of the script that counts, if there is one."""
        lines = [line for line in self.command("LISTSCRIPTS") if line.endswith(" ACTIVE")]
        names = [name[1] for line in lines if (name := re.fullmatch('"(.*)" ACTIVE', line))]
        demand(len(names) == len(lines), f"the name of a script is {lines}")
        return "".join(names)


def end(server: smtplib.SMTP | imaplib.IMAP4 | poplib.POP3 | ManageSieve) -> None:
    """Take leave, as far as the server still listens."""
    with contextlib.suppress(OSError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto):
        if isinstance(server, smtplib.SMTP):
            server.putcmd("quit")  # the answer takes Exim a moment
            server.close()
        elif isinstance(server, imaplib.IMAP4):
            server.logout()
        elif isinstance(server, ManageSieve):
            server.sock.close()
        else:
            server.quit()


OPENERS: dict[int, Callable[..., Any]] = {
    **dict.fromkeys((25, 587, 465), smtp),
    **dict.fromkeys((143, 993), imap),
    **dict.fromkeys((110, 995), pop3),
    4190: ManageSieve,
}


@contextlib.contextmanager
def mailbox(address: str, user: User) -> Iterator[imaplib.IMAP4]:
    """Open a user's letters."""
    server = imap(address, 993)
    try:
        server.login(user["name"], user["password"])
        good(server.select("INBOX"))
        yield server
    finally:
        end(server)


def reply(answer: tuple[int, bytes], *wanted: int) -> str:
    """Demand a status of the mail server; return what it said."""
    text = f"{answer[0]} {answer[1].decode(errors='replace')}".replace("\n", " ")
    demand(answer[0] in wanted, text)
    return text


def good(answer: tuple[str, list[Any]]) -> list[Any]:
    """Demand that the server of mailboxes has done what was asked for; return the data."""
    demand(answer[0] == "OK", f"{answer[0]} {answer[1]}")
    return answer[1]


# Letters


def new_mark() -> str:
    """Return a letter's own word, which tells when it was written."""
    return f"{MARK}-{int(time.time())}-{secrets.token_hex(6)}"


def plain_letter(mark: str, sender: str, recipient: str) -> email.message.EmailMessage:
    """Write a letter."""
    letter = email.message.EmailMessage(policy=email.policy.SMTP)
    letter["From"], letter["To"], letter["Subject"] = sender, recipient, f"A probe, ñ: {mark}"
    letter["Message-ID"] = f"<{mark}@{STRANGER}>"
    letter["Date"] = email.utils.localtime()
    letter.set_content(TEXT.replace("\r\n", "\n"), cte="8bit")
    return letter


def hand_in(address: str, port: int, user: User, domain: str, recipient: str, letter: bytes) -> str:
    """Send a letter as a mail program does."""
    server = smtp(address, port, unverified())
    try:
        server.login(user["name"], user["password"])
        reply(server.docmd(f"MAIL FROM:<{user['name']}@{domain}> BODY=8BITMIME"), 250)
        reply(server.rcpt(recipient), 250)
        return reply(server.data(letter), 250)
    finally:
        end(server)


def found(server: imaplib.IMAP4, mark: str) -> list[str]:
    """Return the numbers of the letters with a mark."""
    return good(server.uid("SEARCH", "HEADER", "Message-ID", mark))[0].decode().split()


def arrived(server: imaplib.IMAP4, mark: str) -> str:
    """Wait for a letter."""
    deadline = time.monotonic() + ARRIVAL
    while not (numbers := found(server, mark)):
        demand(time.monotonic() < deadline, f"the letter has not arrived within {ARRIVAL:g} s")
        good(server.noop())
        time.sleep(0.05)
    demand(len(numbers) == 1, f"the letter is there {len(numbers)} times")
    return numbers[0]


def clear(server: imaplib.IMAP4, mark: str) -> None:
    """Take away a letter, and others of this program's for which nobody waits any more."""
    for number in found(server, MARK):
        header = fetched(server, number, "HEADER.FIELDS (MESSAGE-ID)")
        text = header.decode(errors="replace")
        written = text.partition(f"{MARK}-")[2].partition("-")[0]
        if mark in text or (written.isdigit() and int(written) < time.time() - LEFT):
            server.uid("STORE", number, "+FLAGS.SILENT", "(\\Deleted)")
    server.expunge()


def folders(server: imaplib.IMAP4, pattern: str) -> list[str]:
    """Return the names of folders; a space is in none that is made here."""
    return [line.decode().rpartition(" ")[2] for line in good(server.list(pattern=pattern)) if line]


def clear_folders(server: imaplib.IMAP4, mark: str) -> None:
    """Take away the folders of a mark, and others of this program's that nobody uses any more."""
    good(server.select("INBOX"))
    for name in folders(server, f"{MARK}-*"):
        written = name.removeprefix(f"{MARK}-").partition("-")[0]
        if name.startswith(mark) or (written.isdigit() and int(written) < time.time() - LEFT):
            server.unsubscribe(name)
            server.delete(name)


def fetched(server: imaplib.IMAP4, number: str, part: str = "") -> bytes:
    """Return a letter, or a part of it, from among what else the server tells."""
    answers = good(server.uid("FETCH", number, f"(BODY.PEEK[{part}])"))
    return b"".join(answer[1] for answer in answers if isinstance(answer, tuple))


def demand_text(letter: bytes, mark: str) -> email.message.EmailMessage:
    """Demand that a letter says what was written; return it."""
    seen = email.message_from_bytes(letter, policy=email.policy.SMTP)
    demand(seen["Subject"] == f"A probe, ñ: {mark}", f"the subject is {seen['Subject']}")
    demand(letter.partition(b"\r\n\r\n")[2] == TEXT.encode(), "the text is another one")
    return seen
