"""Mailboxes: what settings make of them, and how little strangers get."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab import Lab, changed, wait_until

MAIL = ("playbooks/mail.yml", "-l", "primary")
PROBES = "playbooks/probes.yml"
# What the programs below begin with.
BEGIN = """
import json, socket, sys, threading, time
sys.path.insert(0, "/usr/local/lib/server-for-dummies/verify")
from probes import mail_base, mail_reading
"""
# Tries wrong passwords from an address: one at each port at the same time, and then another one at the last of them.
TRY = """
address, source, *ports = sys.argv[1:]
create = socket.create_connection
socket.create_connection = lambda to, *rest, **more: create(to, 20, (source, 0))
mail_reading.PATIENCE, mail_reading.SLOW = 20, 0  # which is looked at below
took = {}

def attempt(word, port):
    began = time.monotonic()
    text = mail_reading.wrong_password(address, int(port), {"name": "user1", "password": word})
    took[word] = [text, time.monotonic() - began]

threads = [threading.Thread(target=attempt, args=(port, port)) for port in ports]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
attempt("again", ports[-1])
print(json.dumps(took))
"""
# Logs in so many times, as long as that is possible.
MANY = """
address, name, password = sys.argv[1:]
servers = []
for port in (993, 995):
    for number in range(12):
        server = mail_base.OPENERS[port](address, port)
        servers.append(server)
        try:
            if port == 993:
                server.login(name, password)
            else:
                server.user(name)
                server.pass_(password)
        except (mail_base.imaplib.IMAP4.error, mail_base.poplib.error_proto) as error:
            print(number, error)
            break
"""
# Holds connections as somebody who has no password, until it is told that it is enough.
HOLD = """
address, *ports = sys.argv[1:]
held = [socket.create_connection((address, int(port)), 5) for port in ports for number in range(150)]
print(len(held), flush=True)
sys.stdin.read()
"""
# A session as it is typed: prints what is answered.
TYPE = """
address, port, *lines = sys.argv[1:]
with socket.create_connection((address, int(port)), 5) as connection, connection.makefile("rb") as stream:
    print(stream.readline().decode(), end="")
    for line in lines:
        connection.sendall(line.encode() + b"\\r\\n")
        print(stream.readline().decode(), end="")
"""
# Puts a letter into a mailbox, whose words are written in base64 and as quoted-printable.
PUT = """
address, name, password = sys.argv[1:]
mark = mail_base.new_mark()
letter = mail_base.plain_letter(mark, "a@st.um", "user2@st.um")
letter.add_attachment("Im Nest liegt das Überraschungsei.\\n", cte="base64", filename="a.txt")
letter.add_attachment("Un zamarujillo de la señora\\n", cte="quoted-printable", filename="b.txt")
with mail_base.mailbox(address, {"name": name, "password": password}) as box:
    mail_base.good(box.append("INBOX", None, None, letter.as_bytes()))
print(mark)
"""
# Looks for words; prints which are found in the letter of a mark, and whether it can be read.
FIND = """
address, name, password, mark, *words = sys.argv[1:]
with mail_base.mailbox(address, {"name": name, "password": password}) as box:
    number = mail_base.arrived(box, mark)
    for key in ("BODY", "TEXT"):
        for word in words:
            box.literal = word.encode()
            if number in mail_base.good(box.uid("SEARCH", "CHARSET", "UTF-8", key))[0].decode().split():
                print(key, word)
    mail_base.email.message_from_bytes(mail_base.fetched(box, number))
    if not words:
        mail_base.clear(box, mark)
"""


def program(lab: Lab, host: str, text: str, *arguments: str) -> str:
    """Run a program on a host; return what it printed."""
    return lab.run(host, "python3", "-B", "-c", BEGIN + text, lab.address(135), *arguments)


def known(lab: Lab, user: str) -> list[str]:
    """Return a user's name and password."""
    return [user, (lab.secrets() / f"password-{user}").read_text().strip()]


@contextmanager
def settings(lab: Lab, **values: Any) -> Iterator[None]:
    """Let other settings hold for a while, of which the probes know, too."""
    try:
        assert changed(lab.playbook(*MAIL, settings=values)) >= 1
        assert changed(lab.playbook(*MAIL, settings=values)) == 0
        lab.playbook(PROBES, settings=values)
        yield
    finally:
        lab.playbook(*MAIL)
        lab.playbook(PROBES)


def all_pass(lab: Lab, host: str, *patterns: str) -> bool:
    """Return whether the probes that the patterns name pass, of which there must be some for each."""
    results = [lab.probes(host, f"--probe={pattern}") for pattern in patterns]
    assert all(results)
    return all(result["ok"] for each in results for result in each.values())


def test_wrong_passwords_are_slow_and_get_slower_and_are_in_the_log(lab: Lab) -> None:
    source, ports = f"172.16.{lab.net + 1}.12", ["587", "995", "4190", "993"]
    # From an earlier run, nothing is remembered.
    wait_until(lambda: source not in lab.run("primary", "doveadm", "penalty"), 90)
    since = lab.run("primary", "date", "+%F %T").strip()
    took = json.loads(program(lab, "internet", TRY, source, *ports))
    assert all("no answer" not in text for text, _ in took.values())
    assert all(2 < took[port][1] < 10 for port in ports), took
    assert took["993"][1] + 2 < took["again"][1] < 15, took
    lines = lab.run("primary", "journalctl", "-u", "dovecot", "--since", since, "-o", "cat").splitlines()
    for protocol, times in (("imap", 2), ("pop3", 1), ("managesieve", 1)):
        told = [line for line in lines if line.startswith(f"{protocol}-login: ") and "auth failed" in line]
        assert len([line for line in told if "user=<user1>" in line and f"rip={source}," in line]) == times, lines
    sent = lab.run("primary", "grep", "authenticator failed", "/var/log/exim4/mainlog").splitlines()
    assert [line for line in sent if line[:19] >= since and f"[{source}]" in line and "(set_id=user1)" in line]


@pytest.mark.only_default
def test_a_user_has_so_many_connections_from_one_address(lab: Lab) -> None:
    lines = program(lab, "client", MANY, *known(lab, "user1")).splitlines()
    assert [line.split()[0] for line in lines] == ["10", "10"]
    assert all("Maximum number of connections" in line for line in lines)


@pytest.mark.only_default
def test_strangers_cannot_hold_all_connections(lab: Lab) -> None:
    argv = ["docker", "exec", "-i", lab.container("internet"), "python3", "-B", "-c", BEGIN + HOLD]
    with subprocess.Popen(
        [*argv, lab.address(135), "993", "995", "4190"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as strangers:
        assert strangers.stdout.readline() == b"450\n"
        # Room is made by sending away who has waited longest without a password, when the next one comes.
        for pattern in ("folders*", "ipv4 4190: *", "995: certificate*"):
            wait_until(lambda pattern=pattern: all_pass(lab, "client", pattern))


def test_a_session_without_tls_is_for_the_sites_own_networks(lab: Lab) -> None:
    name, password = known(lab, "user2")
    pop3 = ["110", f"USER {name}", f"PASS {password}", "STAT", "QUIT"]
    imap = ["143", f"a LOGIN {name} {password}"]

    def refused(host: str) -> None:
        assert "-ERR [AUTH]" in program(lab, host, TYPE, *pop3)
        answers = program(lab, host, TYPE, *imap)
        assert "LOGINDISABLED" in answers
        assert "a OK" not in answers

    refused("client")
    with settings(lab, dovecot_plaintext=True):
        answers = program(lab, "client", TYPE, *pop3).splitlines()
        assert [line.split()[0] for line in answers] == ["+OK"] * 5
        assert "LOGINDISABLED" not in program(lab, "client", TYPE, *imap)
        assert all_pass(lab, "client", "ipv? 143: login without TLS", "ipv? 110: login without TLS", "ipv? 4190: *")
        refused("internet")
        assert all_pass(lab, "internet", "ipv? 143: STARTTLS, *", "ipv? 110: STLS, *")
    assert not lab.probes("client", "--probe=*without TLS")
    refused("client")


def test_quotas_of_some_users(lab: Lab) -> None:
    with settings(lab, dovecot_quota="1K", dovecot_quota_grace="0", dovecot_quotas={"user1": 0, "user2": "3G"}):
        assert all_pass(lab, "client", "quota shown", "a MIME letter, *")
        limits = [lab.run("primary", "doveadm", "-f", "flow", "quota", "get", "-u", f"user{n}") for n in (1, 2)]
        assert ["Limit=- " in limits[0], "Limit=3145728 " in limits[1]] == [True, True]


@pytest.mark.slow
def test_words_are_found_by_an_index(lab: Lab) -> None:
    known_to, words = known(lab, "user2"), ["überraschungsei", "zamarujillo", "señora", "elsewhere"]
    everywhere = [f"{key} {word}" for key in ("BODY", "TEXT") for word in words[:3]]
    wanted, mark = {"dovecot_fulltext_search": True}, ""
    output = lab.playbook(*MAIL, settings=wanted, fails=True)
    assert "lib21_fts_xapian_plugin.so': No such file" in output  # it takes a package
    try:
        lab.playbook("playbooks/prepare.yml", "-l", "primary", settings=wanted)
        with settings(lab, **wanted):
            mark = program(lab, "client", PUT, *known_to).strip()
            assert program(lab, "client", FIND, *known_to, mark, *words).splitlines() == everywhere
            # What the letter says now, nobody has told Dovecot.
            changes = "sed -i s/zamarujillo/ZZZZZZZZZZZ/ $(grep -rl $0 /home/user2/Maildir/new /home/user2/Maildir/cur)"
            lab.run("primary", "sh", "-c", changes, mark)
            assert program(lab, "client", FIND, *known_to, mark, *words).splitlines() == everywhere
        found = program(lab, "client", FIND, *known_to, mark, *words).splitlines()
        assert found == [line for line in everywhere if "zamarujillo" not in line]
    finally:
        if mark:
            program(lab, "client", FIND, *known_to, mark)
        lab.run("primary", "apt-get", "-qq", "purge", "dovecot-fts-xapian")
