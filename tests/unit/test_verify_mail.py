"""Which probes of mail there are follows from who asks; and what they make of answers that are wrong."""

import contextlib
import imaplib
import importlib
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from frame import ProbeError

mail = importlib.import_module("probes.mail")
mail_base = importlib.import_module("probes.mail_base")
mail_reading = importlib.import_module("probes.mail_reading")
USERS = [{"name": "user1", "password": "x"}, {"name": "user2", "password": "y"}]
SETTINGS = {
    "role": "inside",
    "addresses": ["192.0.2.1", "2001:db8::1"],
    "host": "mail.st.um",
    "domain": "st.um",
    "names": ["mail.st.um"],
    "size_limit": 50,
    "quota": "1G",
    "plaintext": False,
    "foreign": "user@www.example.org",
    "correspondent": "user@www.example.org",
    "forged": "user@example.net",
    "sender_check": True,
    "dane": True,
    "mta_sts": "version: STSv1",
    "tls_reports": "postmaster@st.um",
    "web": True,
    "users": USERS,
}


def names(**settings: Any) -> set[str]:
    return {name for name, _ in mail.probes(SETTINGS | settings)}


def test_who_is_inside_may_send_anywhere_and_knows_the_authority() -> None:
    inside, outside = names(), names(role="outside")
    assert {"ipv4 25: relay for the local network", "ipv6 25: relay for the local network"} <= inside - outside
    assert {"ipv4 25: relay refused", "ipv6 25: relay refused", "ipv4 25: our own name refused"} <= outside - inside
    assert {"ipv4 25: forged letters refused", "ipv6 25: forged letters refused"} <= outside - inside
    assert not [name for name in names(role="outside", forged="") if "forged" in name]
    assert {f"{port}: certificate for its own names alone" for port in mail_base.OPENERS} == {
        name for name in inside - outside if "certificate" in name
    }


def test_where_nobody_else_is_known_no_letter_comes_from_there() -> None:
    assert names() - names(correspondent="") == {"a letter from outside, to a tag"}


@pytest.mark.parametrize(("correspondent", "refused"), [("", True), ("user@www.example.org", False)])
def test_an_unknown_sender_may_be_put_off_where_the_world_is_unknown(
    correspondent: str, refused: bool, server: Callable[[dict[str, str]], str]
) -> None:
    address = server({"MAIL": "451 later"})
    settings = SETTINGS | {"addresses": [address], "correspondent": correspondent}
    probe = dict(mail.probes(settings))["ipv4 25: unknown sender refused"]
    with contextlib.nullcontext() if refused else pytest.raises(ProbeError, match="451 later"):
        probe()


def test_without_users_nobody_writes_letters() -> None:
    assert not [name for name in names(users=[]) if "letter" in name or "password" in name]
    assert "ipv4 25: nobody told who there is" in names(users=[])


def test_nobody_gets_letters_from_both_sides_at_once() -> None:
    def readers(role: str) -> set[str]:
        probes = dict(mail.probes(SETTINGS | {"role": role}))
        # Each program takes the server's address, the writer and the reader.
        programs = ("a letter, read by IMAP", "a letter, read by POP3", "a letter, told of at once")
        return {probes[name].args[2]["name"] for name in programs} | {
            probes[name].args[1]["name"] for name in ("folders, made and filled", "quota shown")
        }

    assert [readers("inside"), readers("outside")] == [{"user2"}, {"user1"}]


def test_what_is_not_published_is_not_looked_for() -> None:
    published = {"policy for others' mail servers", "reports about TLS: the address"}
    published |= {f"ipv{version} 25: believed by its TLSA record" for version in (4, 6)}
    assert published <= names()
    assert not published & names(dane=False, mta_sts="", tls_reports="")


def test_without_a_web_server_nobody_looks_for_what_it_would_show() -> None:
    assert {name.split(":")[0] for name in names() - names(web=False)} == {
        "autoconfiguration over https",
        "autoconfiguration over http",
        "autodiscovery",
    }


def test_a_password_without_tls_is_refused_or_taken() -> None:
    refused, taken = names(), names(plaintext=True)
    assert {name for name in refused - taken if "no login before" in name} == refused - taken
    assert taken - refused == {f"ipv{ip} {port}: login without TLS" for ip in (4, 6) for port in (110, 143)}
    assert {"ipv4 4190: STARTTLS, no login before it", "ipv6 4190: STARTTLS, no login before it"} <= refused & taken


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_forms_of_relaying(address: str) -> None:
    forms = mail.forms(address, "st.um", "user@www.example.org")
    assert len(set(forms)) == len(forms) >= 16
    assert all("example.org" in recipient.lower() or "[192.0.2.25]" in recipient for _, recipient in forms)
    assert {sender for sender, _ in forms} >= {"", "user@www.example.org", "postmaster@st.um"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], str]:
    """Serve SMTP, each command with the answer to the first pattern that it matches; return the address."""
    create, listening = socket.create_connection, []

    def start(answers: dict[str, str]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listening.append(listener)
        port = listener.getsockname()[1]
        monkeypatch.setattr(socket, "create_connection", lambda to, *rest, **more: create((to[0], port), *rest, **more))

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(ConnectionError), connection, connection.makefile("rwb") as stream:
                stream.write(b"220 mail.st.um ESMTP\r\n")
                stream.flush()
                for line in stream:
                    text = line.decode().strip()
                    answer = next((answers[pattern] for pattern in answers if re.match(pattern, text)), "250 fine")
                    stream.write(answer.encode() + b"\r\n")
                    stream.flush()

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return "127.0.0.1"

    yield start
    for listener in listening:
        listener.close()


def test_a_server_that_passes_one_form_on_is_found(server: Callable[[dict[str, str]], str]) -> None:
    closed = {"RCPT": "550 relay not permitted"}
    assert mail.not_relayed(server(closed), "st.um", "user@www.example.org") == "19 forms"
    with pytest.raises(ProbeError, match=re.escape("to <user%www.example.org@st.um>: 250")):
        mail.not_relayed(
            server({"RCPT TO:<user%www.example.org@st.um>": "250 fine"} | closed), "st.um", "user@www.example.org"
        )


def test_a_server_that_only_puts_off_is_not_one_that_refuses(server: Callable[[dict[str, str]], str]) -> None:
    with pytest.raises(ProbeError, match="451 later"):
        mail.not_relayed(server({"RCPT": "451 later"}), "st.um", "user@www.example.org")


def test_a_server_that_tells_who_there_is(server: Callable[[dict[str, str]], str]) -> None:
    answers = {"VRFY": "252 cannot", "EXPN": "550 no"}
    assert mail.discreet(server(answers), "user1", "st.um") == "252 cannot"
    with pytest.raises(ProbeError, match="for does-not-exist"):
        mail.discreet(server({"VRFY does-not": "502 no"} | answers), "user1", "st.um")
    with pytest.raises(ProbeError, match="250 user1"):
        mail.discreet(server({"VRFY user1": "250 user1"} | answers), "user1", "st.um")


def test_a_letter_that_was_changed_is_told_from_the_one_that_was_sent() -> None:
    mark = mail_base.new_mark()
    letter = mail_base.plain_letter(mark, "user1@st.um", "user2@st.um").as_bytes()
    assert mail_base.demand_text(letter, mark)["Message-ID"] == f"<{mark}@{mail_base.STRANGER}>"
    for old, new in ((b"\r\n.. a line", b"\r\n. a line"), (b"\r\nFrom here", b"\r\n>From here"), ("ñ".encode(), b"n")):
        assert old in letter
        with pytest.raises(ProbeError, match="the text is another one"):
            mail_base.demand_text(letter.replace(old, new), mark)
    with pytest.raises(ProbeError, match="the subject is"):
        mail_base.demand_text(letter, mail_base.new_mark())


class Box:
    """A mailbox of some letters, as far as `clear` sees it."""

    def __init__(self, marks: list[str]) -> None:
        self.letters = dict(enumerate(marks, 1))
        self.deleted: list[int] = []

    def uid(self, command: str, *words: str) -> tuple[str, list[Any]]:
        if command == "SEARCH":
            return "OK", [" ".join(str(n) for n, mark in self.letters.items() if words[-1] in mark).encode()]
        number = int(words[0])
        if command == "FETCH":
            # Another session's flags come in between.
            return "OK", [
                b"9 (FLAGS (\\Seen))",
                (b"1 (BODY {9}", f"Message-ID: <{self.letters[number]}@x>".encode()),
                b")",
            ]
        self.deleted.append(number)
        return "OK", []

    def expunge(self) -> None:
        for number in self.deleted:
            del self.letters[number]


def test_letters_that_nobody_waits_for_are_taken_away_and_no_others() -> None:
    old, new, own = f"{mail_base.MARK}-{int(time.time() - 100)}-a", mail_base.new_mark(), mail_base.new_mark()
    box = Box([old, new, own, "somebody-else"])
    mail_base.clear(box, own)
    assert list(box.letters.values()) == [new, "somebody-else"]


def test_errors_are_told_in_the_servers_words() -> None:
    with pytest.raises(ProbeError, match=r"NO .*quota"):
        mail_base.good(("NO", [b"quota"]))
    with pytest.raises(ProbeError, match="451 later"):
        mail_base.reply((451, b"later"), 250)
    assert mail_base.good(("OK", [b"x"])) == [b"x"]


class Idling:
    """A server of mailboxes that answers IDLE with some lines."""

    def __init__(self, *lines: str) -> None:
        self.lines, self.sent = [f"{line}\r\n".encode() for line in lines], b""

    def send(self, data: bytes) -> None:
        self.sent += data

    def readline(self) -> bytes:
        return self.lines.pop(0) if self.lines else b""


def test_idle_ends_when_a_letter_is_told_of() -> None:
    server = Idling("+ idling", "* OK Still here", "* 3 EXISTS", "* 1 RECENT", "idle OK done")
    mail_reading.told(server, mail_reading.idle(server))
    assert (server.sent, server.lines) == (b"idle IDLE\r\nDONE\r\n", [])


def test_what_is_told_of_before_idle_has_begun_counts() -> None:
    server = Idling("* 3 EXISTS", "+ idling", "idle OK done")
    mail_reading.told(server, mail_reading.idle(server))
    assert server.sent.endswith(b"DONE\r\n")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param(["idle BAD unknown command"], "IDLE is answered with b'idle BAD", id="a server without IDLE"),
        pytest.param(["+ idling", "* 1 EXPUNGE"], "has hung up", id="a server that tells of something else and leaves"),
        pytest.param(["+ idling", "* 1 EXISTS", "idle NO"], "DONE is answered with b'idle NO", id="no end"),
    ],
)
def test_idle_that_does_not_work(lines: list[str], words: str) -> None:
    server = Idling(*lines)
    with pytest.raises(ProbeError, match=words):
        mail_reading.told(server, mail_reading.idle(server))


class Door(imaplib.IMAP4):
    """A server that answers a password after a while: it takes it or refuses it."""

    def __init__(self, seconds: float, takes: bool) -> None:
        self.seconds, self.takes, self.sock = seconds, takes, socket.socket()

    def login(self, _name: str, _password: str) -> None:
        if self.seconds > self.sock.gettimeout():
            raise TimeoutError
        time.sleep(self.seconds)
        if not self.takes:
            raise self.error("wrong")

    def logout(self) -> None:
        self.sock.close()


@pytest.fixture
def try_wrong(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, bool], str]:
    """Try a wrong password at such a server, which may take from 10 to 100 ms."""

    def attempt(seconds: float, takes: bool) -> str:
        monkeypatch.setattr(mail_reading, "PATIENCE", 0.1)
        monkeypatch.setattr(mail_reading, "SLOW", 0.01)
        monkeypatch.setitem(mail_base.OPENERS, 993, lambda *_: Door(seconds, takes))
        return mail_reading.wrong_password("192.0.2.1", 993, USERS[0])

    return attempt


def test_a_wrong_password_that_is_refused_slowly(try_wrong: Callable[[float, bool], str]) -> None:
    assert try_wrong(0.02, False) == "wrong"
    assert try_wrong(60, True) == "no answer within 0.1 s"


def test_a_wrong_password_that_is_taken_or_refused_at_once(try_wrong: Callable[[float, bool], str]) -> None:
    with pytest.raises(ProbeError, match="it takes a wrong password"):
        try_wrong(0.02, True)
    with pytest.raises(ProbeError, match="refused at once"):
        try_wrong(0, False)


class Folders:
    """Folders by their names, as far as `clear_folders` sees them."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def select(self, _name: str) -> tuple[str, list[bytes]]:
        return "OK", [b"0"]

    def list(self, pattern: str) -> tuple[str, list[Any]]:
        lines = [f'(\\HasNoChildren) "." {name}'.encode() for name in self.names if name.startswith(pattern[:-1])]
        return "OK", lines or [None]

    def unsubscribe(self, name: str) -> None:
        assert name in self.names

    def delete(self, name: str) -> None:
        self.names.remove(name)


def test_folders_that_nobody_uses_are_taken_away_and_no_others() -> None:
    old, new, own = f"{mail_base.MARK}-{int(time.time() - 100)}-a", mail_base.new_mark(), mail_base.new_mark()
    server = Folders("INBOX", old, new, own, f"{own}-1", mail_base.MARK)
    mail_base.clear_folders(server, own)
    assert server.names == ["INBOX", new, mail_base.MARK]
