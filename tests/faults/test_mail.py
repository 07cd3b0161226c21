"""A letter that was accepted is delivered, whatever befalls the server, its disk, or whom the letter is for."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab import Lab, wait_until
from letters import FOREIGN, PROBES, foreign, handed_in, letter, mark, password, program, queued, read, said

LETTERS, KILLS = 1000, 10
SPOOL = "/var/spool/exim4"
# Several people write at a time, as fast as they can, by both doors; a letter that is not accepted is written anew, as
# another one. Prints how many were accepted as each of them is, and at the end their marks.
WRITE = """
import json, random, threading, time
address, count, limit = sys.argv[1], int(sys.argv[2]), time.monotonic() + 300
people = json.loads(sys.argv[3])
accepted, guard, left = [], threading.Lock(), iter(range(count))
def write(number):
    server, (name, word) = None, list(people.items())[number % 2]
    for turn, _ in enumerate(iter(lambda: next(left, None), None)):
        if server and turn % 20 == 0:
            server = server.close()
        while time.monotonic() < limit:
            mark = f"fault-{number}-{time.monotonic_ns()}"
            try:
                if server is None:
                    server = mail.smtp(address, 587 if number < 3 else 25, mail.unverified() if number < 3 else None)
                    if number < 3:
                        server.login(name, word)
                mail.reply(server.mail(f"{name}@st.um"), 250)
                for recipient in people:
                    mail.reply(server.rcpt(f"{recipient}@st.um"), 250)
                letter = f"From: {name}@st.um\\\\r\\\\nMessage-ID: <{mark}@st.um>\\\\r\\\\n\\\\r\\\\n{mark}\\\\r\\\\n"
                mail.reply(server.data(letter.encode()), 250)
            except Exception:
                server = None
                time.sleep(0.1)
                continue
            with guard:
                accepted.append(mark)
                print(len(accepted), flush=True)
            break
writers = [threading.Thread(target=write, args=(number,)) for number in range(6)]
[writer.start() for writer in writers]
[writer.join() for writer in writers]
print(json.dumps(accepted))
""".replace("\\\\", "\\")
# Prints the marks of all the letters in a mailbox, with the names by which Exim knew them, and empties it.
COLLECT = r"""
import json, re
address, name, word = sys.argv[1:]
mail_base.TIMEOUT = 60  # there are a thousand
with mail.mailbox(address, {"name": name, "password": word}) as box:
    box.select()
    numbers = mail.good(box.uid("SEARCH", "HEADER", "Message-ID", "fault-"))[0].decode().replace(" ", ",")
    found = []
    if numbers:
        answers = mail.good(box.uid("FETCH", numbers, "(BODY.PEEK[])"))
        for answer in answers:
            if isinstance(answer, tuple):
                text = answer[1].decode()
                mark = re.search(r"Message-ID: <(fault-[^@]*)@", text)[1]
                assert text.rstrip().endswith(mark), text
                found.append([mark, re.search(r"\bid (\w{6}-\w{6,11}-\w{2,4})\b", text)[1]])
        box.uid("STORE", numbers, "+FLAGS.SILENT", "(\\Deleted)")
        box.expunge()
print(json.dumps(found))
"""

# Puts a letter into the own mailbox; prints the answer.
APPEND = r"""
address, word = sys.argv[1:]
box = mail_base.imap(address, 993)
box.login("user1", word)
print(box.append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"x" * 70000)[0])
"""


def people(lab: Lab) -> dict[str, str]:
    return {name: password(lab, name) for name in ("user1", "user2")}


def collected(lab: Lab, name: str) -> list[tuple[str, str]]:
    text = program(lab, "client", COLLECT, lab.address(135), name, password(lab, name))
    return [(mark, identifier) for mark, identifier in json.loads(text)]


def waiting(lab: Lab) -> int:
    return int(lab.run("primary", "exim4", "-bpc"))


def identifiers(lab: Lab) -> list[str]:
    """Return by what Exim knows the letters that wait."""
    names = lab.run("primary", "find", f"{SPOOL}/input", "-name", "*-H", "-printf", "%f ").split()
    return [name.removesuffix("-H") for name in names]


@pytest.fixture(autouse=True)
def empty(lab: Lab) -> Iterator[None]:
    """Leave no letters behind."""
    assert queued(lab) == ""
    yield
    if left := identifiers(lab):
        lab.run("primary", "exim4", "-Mrm", *left, check=False)  # 1: there is one without a text
    lab.run("primary", "sh", "-c", "rm -f /var/spool/exim4/db/retry* /var/spool/exim4/db/wait-*")
    lab.run("internet", "rm", "-rf", FOREIGN)
    for name in people(lab):
        lab.run("primary", "doveadm", "expunge", "-u", name, "mailbox", "INBOX", "all")


@pytest.fixture
def unlimited(lab: Lab) -> Iterator[None]:
    """Let people write as much as they like."""
    lab.playbook("playbooks/mail.yml", "-l", "primary", settings={"exim4_rate_limit": 0})
    yield
    lab.playbook("playbooks/mail.yml", "-l", "primary")


@contextmanager
def writers(lab: Lab, count: int) -> Iterator[subprocess.Popen[str]]:
    """Have people write on the client, who stop by themselves."""
    argv = ["docker", "exec", lab.container("client"), "python3", "-B", "-c", PROBES + WRITE]
    argv += [lab.address(135), str(count), json.dumps(people(lab))]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        yield process


@pytest.mark.parametrize("victims", ["exim4", "dovecot|lmtp|imap|auth|config"])
def test_what_was_accepted_is_delivered_once_whoever_is_killed(lab: Lab, unlimited: None, victims: str) -> None:
    began, steps = time.monotonic(), iter(range(LETTERS // (KILLS + 2), LETTERS, LETTERS // (KILLS + 2)))
    kills, due = 0, next(steps)
    with writers(lab, LETTERS) as process:
        assert process.stdout
        for line in process.stdout:
            if not line.strip().isdigit():
                accepted = json.loads(line)
            elif int(line) >= due and kills < KILLS:
                lab.run("primary", "sh", "-c", f"until pkill -KILL -x '{victims}'; do sleep 0.1; done")
                kills, due = kills + 1, next(steps)
            elif int(line) >= due and due < LETTERS:
                lab.power_cycle("primary")
                due = LETTERS + 1
    assert (kills, due, len(accepted)) == (KILLS, LETTERS + 1, LETTERS)
    seconds = time.monotonic() - began
    # What Dovecot could not take waits for the next run of the queue, for half an hour at most; here it begins at once.
    lab.run("primary", "exim4", "-qff")
    wait_until(lambda: waiting(lab) == 0, 120)
    again = []
    for name in people(lab):
        found = collected(lab, name)
        times = Counter(mark for mark, _ in found)
        assert [mark for mark in accepted if not times[mark]] == []
        twice = {mark for mark, number in times.items() if number > 1}
        again += [(name, word) for word in twice]
        # The reason: one of them was killed when Dovecot had the letter and Exim did not know. It is the same one.
        for word in twice:
            assert len({identifier for other, identifier in found if other == word}) == 1
    print(f"{LETTERS} letters to two people in {seconds:.0f} s, {kills} kills, one power cut; twice: {again}")


def test_of_a_letter_that_everybody_has_nothing_remains(lab: Lab) -> None:
    lab.run("internet", "systemctl", "stop", "postfix")
    try:
        for _ in range(3):
            handed_in(lab, "user@example.org")
        wait_until(lambda: waiting(lab) == 3 and deferred(lab))
        delivered, damaged, _ = identifiers(lab)
        # Exim was killed between deleting the one file and the other; the text of another is lost before that.
        lab.run("primary", "exim4", "-Mmd", delivered, "user@example.org")
        lab.run("primary", "rm", f"{SPOOL}/input/{delivered}-D", f"{SPOOL}/input/{damaged}-D")
        lab.run("primary", "pkill", "-KILL", "-x", "exim4")
        wait_until(lambda: waiting(lab) == 2)
        assert delivered not in queued(lab)
        assert damaged in queued(lab)
    finally:
        lab.run("internet", "systemctl", "start", "postfix")
    lab.run("primary", "exim4", "-qff")
    wait_until(lambda: waiting(lab) == 1)
    assert identifiers(lab) == [damaged]


def at(lab: Lab, later: str, *argv: str) -> str:
    """Run Exim at another time; it is root who starts it, so that the library is believed."""
    library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
    return lab.run(
        "primary", "env", f"LD_PRELOAD={library}", f"FAKETIME={later}", "FAKETIME_DONT_FAKE_MONOTONIC=1", *argv
    )


@pytest.fixture
def clock(lab: Lab) -> Iterator[None]:
    """Have a library that tells another time."""
    lab.run(
        "primary", "sh", "-c", "dpkg -s libfaketime >/dev/null 2>&1 || apt-get -qq -y install libfaketime >/dev/null"
    )
    yield
    lab.run("primary", "sh", "-c", "apt-get -qq -y purge libfaketime >/dev/null 2>&1")


def deferred(lab: Lab) -> bool:
    return "defer" in lab.run("primary", "tail", "-n", "5", "/var/log/exim4/mainlog")


def test_letters_wait_for_a_server_that_is_down_for_an_hour(lab: Lab, clock: None) -> None:
    lab.run("internet", "systemctl", "stop", "postfix")
    try:
        marks = [handed_in(lab, "user@example.org") for _ in range(3)]
        wait_until(lambda: waiting(lab) == 3 and deferred(lab))
        for later in ("+5m", "+20m", "+40m"):
            at(lab, later, "exim4", "-q")
            assert waiting(lab) == 3
    finally:
        lab.run("internet", "systemctl", "start", "postfix")
    at(lab, "+61m", "exim4", "-q")
    wait_until(lambda: waiting(lab) == 0)
    for word in marks:
        assert word in lab.run("internet", "cat", foreign(lab, word))
    assert lab.run("primary", "doveadm", "search", "-u", "user1", "mailbox", "INBOX", "from", "Mailer-Daemon") == ""


def test_who_has_waited_in_vain_is_told_of_it(lab: Lab, clock: None) -> None:
    lab.run("internet", "systemctl", "stop", "postfix")
    try:
        handed_in(lab, "user@example.org")
        wait_until(lambda: waiting(lab) == 1 and deferred(lab))

        def told() -> list[str]:
            headers = lab.run("primary", "doveadm", "fetch", "-u", "user1", "hdr.subject", "mailbox", "INBOX", "all")
            return [line for line in headers.splitlines() if line.startswith("hdr.subject")]

        at(lab, "+25h", "exim4", "-q")
        wait_until(lambda: [line for line in told() if "delayed" in line])
        assert waiting(lab) == 1
        at(lab, "+97h", "exim4", "-q")
        wait_until(lambda: [line for line in told() if "failed" in line])
        wait_until(lambda: waiting(lab) == 0)
    finally:
        lab.run("internet", "systemctl", "start", "postfix")


@contextmanager
def full(lab: Lab, folder: str) -> Iterator[None]:
    """Give a folder of the mail server's a small disk, with what is in it, and fill it; nothing is lost."""
    move = f"mkdir /mnt/small && mount -t tmpfs -o size=32m small /mnt/small && cp -a {folder}/. /mnt/small/ && "
    move += f"chown --reference={folder} /mnt/small && chmod --reference={folder} /mnt/small && "
    move += f"mkdir /mnt/large && mount --bind {folder} /mnt/large && mount --move /mnt/small {folder}"
    back = f"cp -a {folder}/. /mnt/large/; umount -l {folder}; umount /mnt/large; rmdir /mnt/*"
    # Daemons have a view of their own of what is mounted.
    stop, start = "systemctl stop exim4 dovecot", "systemctl start dovecot exim4"
    lab.run("primary", "sh", "-ec", f"{stop}; {move}; {start}")
    try:
        lab.run("primary", "sh", "-c", f"cat /dev/zero >{folder}/filler; test -s {folder}/filler")
        yield
    finally:
        lab.run("primary", "sh", "-c", f"{stop}; rm -f {folder}/filler; {back}; {start}")


def hashes(lab: Lab) -> dict[str, str]:
    """Return the checksums of user1's letters, by their files' names without their flags."""
    found = lab.run(
        "primary", "sh", "-c", "find /home/user1/Maildir -path '*/[cn]*/*' -name '*,S=*' | xargs -r sha256sum"
    )
    return {line.split()[1].rpartition("/")[2].partition(":")[0]: line.split()[0] for line in found.splitlines()}


def answers(lab: Lab) -> list[int]:
    """Bring user1 a letter; return the answers."""
    text = "DATA\n" + letter("user2@st.um", mark(lab)) + "and so on\n" * 7000
    return [code for code, _ in said(lab, ["MAIL FROM:<user2@st.um>", "RCPT TO:<user1@st.um>", text])]


@pytest.mark.parametrize("folder", [SPOOL, "/home/user1/Maildir"])
def test_a_full_disk_is_no_loss(lab: Lab, folder: str) -> None:
    old = handed_in(lab, "user1@st.um")
    wait_until(lambda: waiting(lab) == 0 and hashes(lab))
    before = hashes(lab)
    with full(lab, folder):
        seen = answers(lab)
        if folder == SPOOL:  # it is not even accepted, and whoever has it keeps it
            assert next(code for code in seen if code != 250) in range(400, 500)
            assert waiting(lab) == 0
        else:  # it is accepted, and waits
            assert seen[-1] == 250
            wait_until(lambda: deferred(lab))
            assert waiting(lab) == 1
            refused = program(lab, "client", APPEND, lab.address(135), password(lab, "user1"))
            assert refused.startswith("NO")
        assert hashes(lab) == before
        lab.run("primary", "rm", f"{folder}/filler")
        assert answers(lab)[-1] == 250
        lab.run("primary", "exim4", "-qff")
        wait_until(lambda: waiting(lab) == 0)
        assert {name: text for name, text in hashes(lab).items() if name in before} == before
        assert len(hashes(lab)) == len(before) + (1 if folder == SPOOL else 2)
    read(lab, "user1", old)
    assert lab.run("primary", "systemctl", "is-active", "exim4", "dovecot").split() == ["active"] * 2
