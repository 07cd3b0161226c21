"""What a probe asked and what it was answered. It is noted where the probes talk: a probe itself does nothing for it.

Only the beginning and the end of a long journey are kept, and nothing is made into text before it is known to be kept.
No password, key or other credential gets into a transcript: neither what the protocols mark as such, nor what the
configuration of the probes has.
"""

import ipaddress
import re
import shlex
import socket
import subprocess
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from typing import Any

LIMIT = 4000  # characters of a transcript
SHARE = 1000  # characters of one thing that was said
ENTRIES = 32  # things said that are remembered at each end
HIDDEN = "****"
ASKED, ANSWERED, NOTED, RUN = ">", "<", "*", "$"

# How a line says that a credential follows: IMAP, POP3, SMTP (RFC 4954), ManageSieve and HTTP.
CREDENTIALS = re.compile(
    r"^((?:\S+ )?LOGIN \S+ |PASS |AUTH \S+ |AUTHENTICATE \S+ |(?:Proxy-)?Authorization: \S+ )\S.*$",
    re.IGNORECASE | re.MULTILINE,
)
WORDS = ("LOGIN ", "PASS ", "AUTH ", "AUTHENTICATE ", "AUTHORIZATION:")
PEM = re.compile(r"(-----BEGIN ([A-Z0-9 ]+)-----)\n.*?(?:-----END \2-----|\Z)", re.DOTALL)
CONTROL = re.compile(r"[^\n\t -~\u00a0-\U0010ffff]|[\ud800-\udfff]")

Said = str | bytes | Callable[[], str]

_secrets: list[str] = []


class Transcript:
    """What was said on one journey, whom it led to, and facts that were seen on the way."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.first: list[tuple[str, Said]] = []
        self.last: deque[tuple[str, Said]] = deque(maxlen=ENTRIES)
        self.said = 0
        self.datagrams: tuple[str, int] | None = None
        self.peers: dict[tuple[str, int, str], None] = {}
        self.facts: list[Callable[[], dict[str, Any]]] = []

    def add(self, mark: str, said: Said) -> None:
        """Remember that something was said."""
        self.said += 1
        if len(self.first) < ENTRIES:
            self.first.append((mark, said))
        else:
            self.last.append((mark, said))

    def text(self) -> str:
        """Return it as text: of what is too long, the beginning and the end."""
        entries = [*self.first, *self.last]
        begin, end = 0, len(entries)
        gap = len(self.first) if self.said > len(entries) else end  # where something is missing already
        heads: list[str] = []
        tails: deque[str] = deque()
        room = LIMIT // 2
        while begin < gap and len(lines := _written(*entries[begin])) <= room:
            heads.append(lines)
            begin, room = begin + 1, room - len(lines) - 1
        room, least = LIMIT // 2, begin if gap == end else gap
        while least < end and len(lines := _written(*entries[end - 1])) <= room:
            tails.appendleft(lines)
            end, room = end - 1, room - len(lines) - 1
        left = self.said - len(heads) - len(tails)
        return "\n".join([*heads, *([f"… {left} more …"] if left else []), *tails])

    def result(self) -> dict[str, Any]:
        """Return what there is, as parts of a probe's result."""
        found: list[dict[str, Any]] = []
        for make in list(self.facts):
            with suppress(ValueError):  # it was none
                if (made := make()) not in found:
                    found.append(made)
        parts = {"to": [list(peer) for peer in list(self.peers)], "transcript": self.text(), "facts": found}
        return {name: part for name, part in parts.items() if part}


CURRENT: ContextVar[Transcript | None] = ContextVar("transcript", default=None)


# What those who talk call


def note(mark: str, said: Said) -> None:
    """Note what was asked (>), answered (<) or seen (*); what is costly to tell, as a callable."""
    if transcript := CURRENT.get():
        transcript.add(mark, said)


def fact(kind: str, make: Callable[[], dict[str, Any]] | None = None, **values: Any) -> None:
    """Note something worth knowing for itself, such as a certificate; what is costly to find out, as a callable."""
    if transcript := CURRENT.get():
        transcript.facts.append(lambda: {"kind": kind, **values, **(make() if make else {})})


def meet(host: str, port: int, transport: str, by_name: bool = False) -> bool:
    """Remember whom a journey led to, and tell if that is known: a name stands for its addresses."""
    transcript = CURRENT.get()
    found = [host] if _is_address(host) else _addresses(host) if transcript and by_name else []
    if transcript:
        transcript.peers |= {(address, port, transport): None for address in found}
    return bool(found)


@contextmanager
def calling(host: str, port: int, transport: str = "tcp") -> Iterator[None]:
    """Note whom we are about to reach, and why it failed if it did."""
    transcript = CURRENT.get()
    if transcript and (transport != "udp" or (host, port) != transcript.datagrams):  # which has no connections
        transcript.datagrams = (host, port) if transport == "udp" else None
        transcript.add(NOTED, f"{host} port {port} {transport}")
    is_known = meet(host, port, transport)  # an address at once, as this may be a journey without an end
    try:
        yield
    except OSError as error:
        note(NOTED, str(error))
        if transcript:
            transcript.peers.pop((host, port, transport), None)
        port, is_known = 0, isinstance(error, socket.gaierror)
        raise
    finally:
        if not is_known:
            meet(host, port, transport, by_name=True)


def dial(address: str, port: int, timeout: float) -> socket.socket:
    """Connect to a server."""
    with calling(address, port):
        return socket.create_connection((address, port), timeout)


def command(argv: list[str], to: str, port: int, **options: Any) -> subprocess.CompletedProcess:
    """Run a command that talks to a server, with nothing to read; options are those of subprocess.run()."""
    note(RUN, shlex.join(argv))
    is_known = meet(to, port, "tcp")
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "check": False} | options
    done = subprocess.run(argv, **options)
    note(ANSWERED, lambda: (done.stdout or "") + (done.stderr or ""))
    if not is_known and "resolve" not in (done.stderr or ""):
        meet(to, port, "tcp", by_name=True)
    return done


# Texts


def keep_secret(settings: Any) -> None:
    """Never show the passwords and keys that are in the settings, nor how base64 writes them."""
    for secret in _found(settings):
        _secrets.extend({secret, b64encode(secret.encode()).decode()} - {*_secrets, ""})
    _secrets.sort(key=len, reverse=True)


def hide(text: str) -> str:
    """Return a text without these."""
    for secret in _secrets:
        text = text.replace(secret, HIDDEN)
    return text


def _found(settings: Any) -> Iterator[str]:
    if isinstance(settings, dict):
        for name, value in settings.items():
            if name in ("password", "secret") and isinstance(value, str):
                yield value
            else:
                yield from _found(value)
    elif isinstance(settings, list):
        for value in settings:
            yield from _found(value)


def _written(mark: str, said: Said) -> str:
    """Return what was said as lines: the first one with its mark, the others indented."""
    try:
        text = said if isinstance(said, str) else said.decode() if isinstance(said, bytes) else str(said())
    except UnicodeDecodeError:
        text = f"({len(said)} octets)"
    except Exception as error:  # it cannot be told, which says nothing of the probe
        text = f"({type(error).__name__})"
    text = hide(text.replace("\r\n", "\n").strip("\n"))
    if "-----BEGIN" in text:
        text = PEM.sub(rf"\1 {HIDDEN}", text)
    if any(word in text.upper() for word in WORDS):  # which is soon known, as of most texts
        text = CREDENTIALS.sub(rf"\1{HIDDEN}", text)
    if not text.replace("\n", "").isprintable():
        text = CONTROL.sub("\N{MIDDLE DOT}", text)
    if len(text) > SHARE:
        text = f"{text[: SHARE // 2]} … {len(text) - SHARE} characters more … {text[-SHARE // 2 :]}"
    return f"{mark} {text}".replace("\n", "\n  ").rstrip()


@cache
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _addresses(host: str) -> list[str]:
    """Return the addresses of a name, if it has any."""
    try:
        return sorted({entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except OSError:
        return []
