"""What is kept of what a probe said and heard: enough to see what happened, and no password."""

import base64
import contextlib
import importlib
import poplib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import frame
import pytest
import transcript
from test_verify_tls import certificate

mail_base = importlib.import_module("probes.mail_base")
tls = importlib.import_module("probes.tls")
PASSWORD = "correct horse battery staple"  # noqa: S105 (nobody's)
SETTINGS = {
    "mail": {"users": [{"name": "user1", "password": PASSWORD}]},
    "dns": {"key": {"name": "k", "secret": "c2VjcmV0"}},
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "_secrets", [])


def results(*journeys: Callable[[], str]) -> list[dict[str, Any]]:
    probes = [frame.Probe("fake", str(number), journey) for number, journey in enumerate(journeys)]
    return frame.run(probes, "client", limit=5)


def said(journey: Callable[[], Any]) -> dict[str, Any]:
    """Return the result of one journey, which need not end well."""

    def go() -> str:
        journey()
        return "as it should be"

    return results(go)[0]


# What is kept


def test_it_is_told_who_asked_what_and_what_was_answered() -> None:
    def journey() -> str:
        transcript.note(">", "EHLO me\r\n")
        transcript.note("<", b"250-mail\r\n250 SIZE\r\n")
        transcript.note("*", lambda: "a callable, made to text late")
        return "well"

    [result] = results(journey)
    assert result["transcript"] == "> EHLO me\n< 250-mail\n  250 SIZE\n* a callable, made to text late"


def test_of_a_long_journey_the_beginning_and_the_end_are_kept() -> None:
    made = []

    def journey() -> str:
        for number in range(5000):
            transcript.note(">", lambda number=number: made.append(number) or f"question {number} " + "x" * 90)
        return "well"

    [result] = results(journey)
    text = result["transcript"]
    assert len(text) <= transcript.LIMIT + 20
    assert text.startswith("> question 0 x")
    assert "> question 4999 x" in text.splitlines()[-1]
    [left] = re.findall(r"^… (\d+) more …$", text, re.MULTILINE)
    assert int(left) == 5000 - text.count("question")
    assert len(made) < 100  # nobody pays for what is not kept


def test_little_is_remembered_of_what_is_not_kept() -> None:
    talk = transcript.Transcript()
    for number in range(5000):
        talk.add(">", str(number))
    assert len(talk.first) + len(talk.last) == 2 * transcript.ENTRIES
    assert "\n> 31\n… 4936 more …\n> 4968\n" in talk.text()


def test_of_something_long_the_beginning_and_the_end_are_kept() -> None:
    result = said(lambda: transcript.note("<", "begin" + "x" * 99999 + "end"))
    assert result["transcript"].startswith("< begin")
    assert result["transcript"].endswith("end")
    assert "characters more" in result["transcript"]
    assert len(result["transcript"]) < transcript.SHARE + 100


def test_what_is_no_text_is_counted() -> None:
    result = said(
        lambda: [transcript.note("<", b"\xff" * 7), transcript.note("<", "a\x00b\x1b[31m"), transcript.note("<", list)]
    )
    assert result["transcript"] == "< (7 octets)\n< a·b·[31m\n< []"


def test_each_probe_has_its_own() -> None:
    def journey(word: str) -> str:
        for _ in range(20):
            transcript.note(">", word)
            time.sleep(0.005)
        return "well"

    for result in results(lambda: journey("one"), lambda: journey("two")):
        assert set(result["transcript"].splitlines()) in ({"> one"}, {"> two"})


def test_who_has_not_talked_has_none() -> None:
    [result] = results(lambda: "well")
    assert not {"transcript", "to", "facts"} & result.keys()
    transcript.note(">", "by nobody")  # outside of a journey
    transcript.fact("thing", x=1)
    with transcript.calling("192.0.2.1", 1):
        pass


def test_facts_are_told_once_and_not_where_they_are_none() -> None:
    def nothing() -> dict[str, Any]:
        raise ValueError("no certificate")

    result = said(
        lambda: [transcript.fact("x", a=1), transcript.fact("x", lambda: {"a": 1}), transcript.fact("y", nothing)]
    )
    assert result["facts"] == [{"kind": "x", "a": 1}]


def test_a_probe_that_hangs_has_told_whom_it_was_with() -> None:
    def hang() -> str:
        with transcript.calling("192.0.2.1", 25):
            time.sleep(30)
        return "never"

    [result] = frame.run([frame.Probe("fake", "hanging", hang)], "client", limit=0.2)
    assert result["to"] == [["192.0.2.1", 25, "tcp"]]
    assert result["transcript"] == "* 192.0.2.1 port 25 tcp"


def test_where_there_was_no_connection_there_is_no_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    result = said(lambda: transcript.dial("127.0.0.1", port, 1))
    assert not result["ok"]
    assert result["to"] == [["127.0.0.1", 0, "tcp"]]
    assert "refused" in result["transcript"]


def test_a_name_stands_for_its_addresses_and_one_without_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(host: str, *_: Any, **__: Any) -> list[Any]:
        if host != "st.um":
            raise socket.gaierror("no such name")
        return [(0, 0, 0, "", (address, 0)) for address in ("192.0.2.1", "2001:db8::1")]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def journey(host: str) -> None:
        with transcript.calling(host, 25):
            socket.getaddrinfo(host, 25)

    assert said(lambda: journey("st.um"))["to"] == [["192.0.2.1", 25, "tcp"], ["2001:db8::1", 25, "tcp"]]
    assert "to" not in said(lambda: journey("nowhere.invalid"))


# What is not


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('ABC1 LOGIN user1 "p w"', "ABC1 LOGIN user1 ****"),
        ("PASS p w", "PASS ****"),
        ("AUTH PLAIN AHVzZXIxAHB3", "AUTH PLAIN ****"),
        ("auth login dXNlcjE=", "auth login ****"),
        ('AUTHENTICATE "PLAIN" "AHVzZXIxAHB3"', 'AUTHENTICATE "PLAIN" ****'),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dXNlcjE6cHc=\r\n\r\n",
            "GET / HTTP/1.1\n  Host: x\n  Authorization: Basic ****",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----\nrest",
            "-----BEGIN PRIVATE KEY----- ****\n  rest",
        ),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB", "-----BEGIN PRIVATE KEY----- ****"),
        ("250-AUTH PLAIN LOGIN", "250-AUTH PLAIN LOGIN"),
    ],
)
def test_credentials_are_not_shown(line: str, shown: str) -> None:
    assert said(lambda: transcript.note(">", line))["transcript"] == f"> {shown}"
    assert said(lambda: transcript.note(">", line.encode()))["transcript"] == f"> {shown}"


@pytest.mark.parametrize("form", [PASSWORD, f"{PASSWORD}x", base64.b64encode(PASSWORD.encode()).decode(), "c2VjcmV0"])
def test_what_the_configuration_keeps_secret_is_nowhere(form: str) -> None:
    transcript.keep_secret(SETTINGS)

    def journey() -> str:
        transcript.note("<", f"you said {form}")
        transcript.note("<", f"{form}".encode())
        raise frame.ProbeError(f"the server repeats {form}")

    [result] = results(journey)
    assert PASSWORD not in str(result)
    assert form.removesuffix("x") not in str(result)
    assert result["detail"].startswith("the server repeats ****")


def test_the_program_keeps_the_secrets_of_its_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "verify.json"
    file.write_text(f'{{"services": {{"nothing": {{"password": "{PASSWORD}"}}}}}}', encoding="utf-8")
    monkeypatch.setattr(frame, "collect", lambda services: [frame.Probe("fake", "told", lambda: PASSWORD)])
    assert frame.main(["--config", str(file)]) == 0
    assert PASSWORD not in capsys.readouterr().out


# The protocols

Answers = list[tuple[str, bytes]]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes, Answers], str]]:
    """Serve lines, each with the answer to the first pattern that it matches, at whatever port is asked for."""
    with contextlib.ExitStack() as stack:
        create = socket.create_connection

        def start(greeting: bytes, answers: Answers) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = listener.getsockname()[1]
            monkeypatch.setattr(
                socket, "create_connection", lambda to, *rest, **more: create((to[0], port), *rest, **more)
            )

            def serve() -> None:
                connection, _ = listener.accept()
                with connection, connection.makefile("rwb", buffering=0) as stream:
                    stream.write(greeting)
                    for line in stream:
                        answer = next((answer for pattern, answer in answers if re.match(pattern, line.decode())), b"")
                        stream.write(answer.replace(b"TAG", line.partition(b" ")[0]))

            threading.Thread(target=serve, daemon=True).start()
            return "127.0.0.1"

        yield start


@pytest.mark.parametrize(
    ("mechanism", "lines"), [("PLAIN", ["> AUTH PLAIN ****"]), ("LOGIN", ["> AUTH LOGIN ****", "> ****"])]
)
def test_smtp_without_the_password(server: Callable[..., str], mechanism: str, lines: list[str]) -> None:
    answers = [
        ("ehlo", b"250-me\r\n250 AUTH PLAIN LOGIN\r\n"),
        ("AUTH PLAIN", b"235 in\r\n"),
        ("AUTH LOGIN", b"334 UGFzc3dvcmQ6\r\n"),
    ]
    address = server(b"220 me\r\n", [*answers, ("MAIL", b"250 fine\r\n"), ("", b"235 in\r\n")])

    def journey() -> None:
        talk = mail_base.smtp(address)
        talk.user, talk.password = "user1", PASSWORD
        talk.auth(mechanism, getattr(talk, f"auth_{mechanism.lower()}"))
        talk.docmd("MAIL FROM:<>")

    result = said(journey)
    assert result["ok"], result["detail"]
    seen = result["transcript"].splitlines()
    assert seen[:6] == [
        "* 127.0.0.1 port 25 tcp",
        "< 220 me",
        "> ehlo [192.0.2.1]",
        "< 250 me",
        "  250 AUTH PLAIN LOGIN",
        lines[0],
    ]
    assert [line for line in seen if "****" in line] == lines
    assert seen[-2:] == ["> MAIL FROM:<>", "< 250 fine"]
    assert result["to"] == [["127.0.0.1", 25, "tcp"]]


def test_imap_without_the_password_and_without_letters(server: Callable[..., str]) -> None:
    letter = b"Subject: private\r\n\r\nDear Sir\r\n"
    answers = [
        (r"\w+ CAPABILITY", b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"),
        (r"\w+ FETCH", b"* 1 FETCH (BODY[] {%d}\r\n%s)\r\nTAG OK done\r\n" % (len(letter), letter)),
        ("", b"TAG OK done\r\n"),
    ]
    address = server(b"* OK me\r\n", answers)

    def journey() -> None:
        talk = mail_base.imap(address)
        talk.login("user1", PASSWORD)
        talk.select("INBOX")
        assert talk.fetch("1", "(BODY[])")[1][0][1] == letter

    result = said(journey)
    assert result["ok"], result["detail"]
    text = re.sub(r"[A-P]{4}\d", "TAG", result["transcript"])
    assert text.splitlines()[-9:] == [
        "> TAG LOGIN user1 ****", "< TAG OK done", "> TAG SELECT INBOX", "< TAG OK done", "> TAG FETCH 1 (BODY[])",
        "< * 1 FETCH (BODY[] {30}", "< (30 octets)", "< )", "< TAG OK done",
    ]  # fmt: skip


def test_pop3_without_the_password_and_without_letters(server: Callable[..., str]) -> None:
    answers = [
        ("USER", b"+OK\r\n"),
        ("PASS", b"-ERR wrong\r\n"),
        ("LIST", b"+OK\r\n1 23\r\n.\r\n"),
        ("RETR", b"+OK\r\nSubject: private\r\n\r\nDear Sir\r\n.\r\n"),
        ("TOP", b"+OK\r\nSubject: private\r\n.\r\n"),
    ]
    address = server(b"+OK me\r\n", answers)

    def journey() -> None:
        talk = mail_base.pop3(address)
        talk.user("user1")
        with contextlib.suppress(poplib.error_proto):
            talk.pass_(PASSWORD)
        talk.list()
        talk.retr(1)
        talk.top(1, 0)

    text = said(journey)["transcript"]
    assert "private" not in text
    assert "Dear" not in text
    assert text.splitlines()[2:] == [
        "> USER user1", "< +OK", "> PASS ****", "< b'-ERR wrong'", "> LIST", "< +OK", "< 1 23",
        "> RETR 1", "< +OK", "< (30 octets)", "> TOP 1 0", "< +OK", "< (18 octets)",
    ]  # fmt: skip


def test_managesieve_without_the_password(server: Callable[..., str]) -> None:
    address = server(b'"SASL" "PLAIN"\r\nOK\r\n', [("AUTHENTICATE", b"OK\r\n"), ("LISTSCRIPTS", b"NO later\r\n")])

    def journey() -> None:
        talk = mail_base.ManageSieve(address)
        talk.login("user1", PASSWORD)
        talk.command("LISTSCRIPTS")

    result = said(journey)
    assert result["detail"] == "NO later"
    assert result["transcript"].splitlines()[1:] == [
        '< "SASL" "PLAIN"', "< OK", '> AUTHENTICATE "PLAIN" ****', "< OK", "> LISTSCRIPTS", "< NO later",
    ]  # fmt: skip


def test_http_without_the_password(server: Callable[..., str]) -> None:
    answer = b"HTTP/1.1 401 No\r\nContent-Length: 5\r\n\r\nwhat?"
    address = server(b"", [("\r\n", answer)])

    def journey() -> None:
        web = importlib.import_module("probes.web")
        web.ask(address, "www2.st.um", headers=web.credentials("user1", PASSWORD))

    text = said(journey)["transcript"]
    assert text.splitlines() == [
        "* 127.0.0.1 port 80 tcp", "> GET / HTTP/1.1", "  Accept-Encoding: identity", "  Host: www2.st.um",
        "  Authorization: Basic ****", "< HTTP/1.1 401 No", "  Content-Length: 5", "< what?",
    ]  # fmt: skip


def test_a_command_and_what_it_printed() -> None:
    def journey() -> None:
        transcript.command(["sh", "-c", "echo out; echo wrong >&2; exit 3"], "192.0.2.1", 22)

    result = said(journey)
    assert result["transcript"] == "$ sh -c 'echo out; echo wrong >&2; exit 3'\n< out\n  wrong"
    assert result["to"] == [["192.0.2.1", 22, "tcp"]]


def test_a_certificate_is_noted_whether_it_is_believed_or_not(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, ["ns1.st.um", "st.um"], days=3))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as stream:
                stream.recv(1)

    threading.Thread(target=serve, daemon=True).start()

    def shake(client: ssl.SSLContext) -> None:
        with transcript.dial("127.0.0.1", port, 2) as plainly, client.wrap_socket(plainly, server_hostname="st.um"):
            pass

    with listener:
        believing, doubting = said(lambda: shake(tls.unverified())), said(lambda: shake(ssl.create_default_context()))
    [seen] = believing["facts"]
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3 * 86400))
    assert (seen["kind"], seen["address"], seen["port"], seen["server_name"]) == (
        "certificate",
        "127.0.0.1",
        port,
        "st.um",
    )
    assert (seen["subject"], seen["names"], seen["until"][:10]) == (
        "CN=somebody",
        ["ns1.st.um", "st.um", "127.0.0.1"],
        until,
    )
    assert f"certificate of CN=somebody by CN=somebody, until {until}" in believing["transcript"]
    assert "facts" not in doubting
    assert "CERTIFICATE_VERIFY_FAILED" in doubting["transcript"]
