"""The connections to a mail server and to its mailboxes, which the probes of mail share."""

import base64
import contextlib
import imaplib
import poplib
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from frame import demand

TIMEOUT = 4.0
Pairs = Iterator[tuple[str, partial[str]]]
User = dict[str, str]


def unverified() -> ssl.SSLContext:
    """Return the settings of a client that believes anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


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


def smtp(
    address: str, port: int = 25, context: ssl.SSLContext | None = None, hello: str = "[192.0.2.1]"
) -> smtplib.SMTP:
    """Speak to the mail server, with TLS at once at the port for it, at others by STARTTLS if there are settings."""
    if port == 465:
        server: smtplib.SMTP = smtplib.SMTP_SSL(address, port, hello, timeout=TIMEOUT, context=context or unverified())
        server.ehlo()
        return server
    server = smtplib.SMTP(address, port, hello, timeout=TIMEOUT)
    server.ehlo()
    if context:
        server.starttls(context=context)
        server.ehlo()
    return server


def imap(address: str, port: int = 143, context: ssl.SSLContext | None = None) -> imaplib.IMAP4:
    """Speak to the server of mailboxes in the same way."""
    if port == 993:
        return imaplib.IMAP4_SSL(address, port, ssl_context=context or unverified(), timeout=TIMEOUT)
    server = imaplib.IMAP4(address, port, timeout=TIMEOUT)
    if context:
        server.starttls(context)
    return server


def pop3(address: str, port: int = 110, context: ssl.SSLContext | None = None) -> poplib.POP3:
    """Speak to it by the other protocol."""
    if port == 995:
        return poplib.POP3_SSL(address, port, context=context or unverified(), timeout=TIMEOUT)
    server = poplib.POP3(address, port, timeout=TIMEOUT)
    if context:
        server.stls(context)
    return server


class ManageSieve:
    """The protocol by which rules for letters are put on a server (RFC 5804), as far as it is needed here."""

    def __init__(self, address: str, port: int = 4190, context: ssl.SSLContext | None = None) -> None:
        """Hear what the server can, with TLS if there are settings."""
        self.sock = socket.create_connection((address, port), TIMEOUT)
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
            text = line.decode().rstrip()
            if text.startswith("OK"):
                return lines
            demand(line and not text.startswith(("NO", "BYE")), text or "the server has hung up")
            lines.append(text)

    def command(self, text: str) -> list[str]:
        """Give a command; return the lines of its answer."""
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
