"""A letter that was accepted is delivered, whatever befalls the server, its disk, or whom the letter is for."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab import Lab, wait_until
from letters import FOREIGN, PROBES, foreign, handed_in, password, program, queued

LETTERS, KILLS = 1000, 10
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


def people(lab: Lab) -> dict[str, str]:
    return {name: password(lab, name) for name in ("user1", "user2")}


def collected(lab: Lab, name: str) -> list[tuple[str, str]]:
    text = program(lab, "client", COLLECT, lab.address(135), name, password(lab, name))
    return [(mark, identifier) for mark, identifier in json.loads(text)]


def waiting(lab: Lab) -> int:
    return int(lab.run("primary", "exim4", "-bpc"))


@pytest.fixture(autouse=True)
def empty(lab: Lab) -> Iterator[None]:
    """Leave no letters behind."""
    assert queued(lab) == ""
    yield
    lab.run("primary", "sh", "-c", "exim4 -bp | awk '/</ {print $3}' | xargs -r exim4 -Mrm >/dev/null")
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
        again += [(name, mark) for mark in twice]
        # The reason: Exim was killed when Dovecot had the letter and that was not noted yet. It is the same one.
        for mark in twice:
            assert len({identifier for other, identifier in found if other == mark}) == 1
    print(f"{LETTERS} letters to two people in {seconds:.0f} s, {kills} kills, one power cut; twice: {again}")


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
    move = f"mkdir /mnt/small && mount -t tmpfs -o size=8m small /mnt/small && cp -a {folder}/. /mnt/small/ && "
    move += f"chown --reference={folder} /mnt/small && chmod --reference={folder} /mnt/small && "
    move += f"mkdir /mnt/large && mount --bind {folder} /mnt/large && mount --move /mnt/small {folder}"
    back = f"rm -f {folder}/filler; cp -a {folder}/. /mnt/large/; umount -l {folder}; umount /mnt/large; rmdir /mnt/*"
    lab.run("primary", "sh", "-ec", move)
    try:
        lab.run(
            "primary", "sh", "-c", f"dd if=/dev/zero of={folder}/filler bs=64k 2>/dev/null; test -e {folder}/filler"
        )
        yield
    finally:
        lab.run("primary", "sh", "-c", back)
