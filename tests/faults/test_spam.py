"""A spam filter judges what strangers bring, where the settings say so, and holds up nothing when it is gone."""

import subprocess
from collections.abc import Iterator

import pytest

from lab import Lab, wait_until
from letters import PROBES, bring, letter, mark, read

# What every filter takes for spam, so that one can be tested (GTUBE).
SPAM = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
# Brings spam, and when it is told to, another letter by the same connection; prints the answers.
TWICE = f"""
server = mail.smtp(sys.argv[1])
for text in ("{SPAM}", "honest"):
    mail.reply(server.mail("user@example.org"), 250)
    mail.reply(server.rcpt("user2@st.um"), 250)
    print(server.data(f"From: user@example.org\\r\\nSubject: honest\\r\\n\\r\\n{{text}}\\r\\n".encode())[0], flush=True)
    sys.stdin.readline()
"""
# An honest letter that is written as badly as a test's has some points, too.
ON = {"exim4_spam_filter": True, "exim4_spam_marked": 500, "exim4_spam_refused": 1000}


@pytest.fixture(scope="module", autouse=True)
def spam_filter(lab: Lab) -> Iterator[None]:
    for playbook in ("prepare.yml", "mail.yml"):
        lab.playbook(f"playbooks/{playbook}", "-l", "primary", settings=ON)
    yield
    lab.playbook("playbooks/mail.yml", "-l", "primary")
    assert bring(lab, [("user@example.org", spam())]) == ["250"]
    lab.run("primary", "sh", "-c", "apt-get -qq -y purge rspamd >/dev/null 2>&1; rm -rf /etc/rspamd")
    lab.run("primary", "doveadm", "expunge", "-u", "user2", "mailbox", "INBOX", "body", "GTUBE")


def spam() -> str:
    return letter("user@example.org").replace("last line", SPAM)


def test_spam_is_refused(lab: Lab) -> None:
    assert bring(lab, [("user@example.org", spam())]) == ["550"]
    assert "This looks like spam" in lab.run("primary", "tail", "-n", "5", "/var/log/exim4/mainlog")


def test_other_letters_have_a_score_that_nobody_else_gives(lab: Lab) -> None:
    word = mark(lab)
    lie = "X-Spam-Flag: YES\nX-Spam-Score: 99"
    assert bring(lab, [("user@example.org", letter("user@example.org", word, lie))]) == ["250"]
    header = read(lab, "user2", word)
    assert header.count("X-Spam-Score: ") == 1
    assert "X-Spam-Score: 99" not in header
    assert "X-Spam-Flag" not in header


def test_what_looks_a_little_like_spam_is_put_aside(lab: Lab) -> None:
    word = mark(lab)
    junk = ("mailbox", "Junk", "header", "message-id", word)
    try:
        lab.playbook("playbooks/mail.yml", "-l", "primary", settings=ON | {"exim4_spam_marked": 0.5})
        assert bring(lab, [("user@example.org", letter("user@example.org", word))]) == ["250"]
        wait_until(lambda: lab.run("primary", "doveadm", "search", "-u", "user2", *junk))
        assert "YES" in lab.run("primary", "doveadm", "fetch", "-u", "user2", "hdr.x-spam-flag", *junk)
    finally:
        lab.run("primary", "doveadm", "expunge", "-u", "user2", *junk)
        lab.playbook("playbooks/mail.yml", "-l", "primary", settings=ON)


def test_what_was_said_of_one_letter_is_not_said_of_the_next(lab: Lab) -> None:
    stop = ["docker", "exec", lab.container("primary"), "systemctl", "stop", "rspamd"]
    argv = ["docker", "exec", "-i", lab.container("internet"), "python3", "-B", "-c", PROBES + TWICE, lab.address(135)]
    try:
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
            assert session.stdin
            assert session.stdout
            assert session.stdout.readline() == "550\n"
            subprocess.run(stop, check=True)
            session.stdin.write("\n")
            session.stdin.flush()
            assert session.stdout.readline() == "250\n"
    finally:
        lab.run("primary", "systemctl", "start", "rspamd")
        lab.run("primary", "doveadm", "expunge", "-u", "user2", "mailbox", "INBOX", "subject", "honest")


def test_while_the_filter_is_gone_letters_come_as_they_are(lab: Lab) -> None:
    word = mark(lab)
    lab.run("primary", "systemctl", "stop", "rspamd")
    try:
        assert bring(lab, [("user@example.org", letter("user@example.org", word))]) == ["250"]
    finally:
        lab.run("primary", "systemctl", "start", "rspamd")
    assert "X-Spam" not in read(lab, "user2", word)
