"""Letters reach who they are for, people come and go, and what the daemons refuse never goes live."""

import json
import re
from typing import Any

import pytest

from lab import Lab, changed, wait_until
from letters import queued

pytestmark = pytest.mark.only_swapped
MAIL = ("playbooks/mail.yml",)
FILES = "find /etc/exim4 /etc/dovecot -type f | sort | xargs sha256sum"
USERS = [{"name": "user1", "full_name": "User One"}, {"name": "user2", "full_name": "User Two"}]
# Brings a letter as a server does, and lets somebody look for it, with what the probes are made of.
SEND = """
import sys
sys.path.insert(0, "/usr/local/lib/server-for-dummies/verify")
from probes import mail
address, recipient, name, password, folder, flag = sys.argv[1:]
mark = mail.new_mark()
server = mail.smtp(address)
print(*[server.docmd(line)[0] for line in ("MAIL FROM:<>", f"RCPT TO:<{recipient}>")], sep="\\n")
letter = mail.plain_letter(mark, "a@st.um", recipient)
letter["X-Spam-Flag"] = flag
if name and server.data(letter.as_bytes())[0] == 250:
    with mail.mailbox(address, {"name": name, "password": password}) as box:
        box.select(folder)
        mail.demand_text(mail.fetched(box, mail.arrived(box, mark)), mark)
        mail.clear(box, mark)
    print("read")
"""


# Makes a user's own rule, and asks at the end which one counts.
RULE = """
import sys
sys.path.insert(0, "/usr/local/lib/server-for-dummies/verify")
from probes import mail_base
address, name, password, *script = sys.argv[1:]
server = mail_base.ManageSieve(address, context=mail_base.unverified())
server.login(name, password)
if script:
    server.put("my own", *script)
else:
    print(server.active(), *server.command("LISTSCRIPTS"), sep="\\n")
    server.command('SETACTIVE ""')
    server.command('DELETESCRIPT "my own"')
"""


# Brings a letter of some size, which stays, or finds one that was brought.
LETTER = """
import sys
sys.path.insert(0, "/usr/local/lib/server-for-dummies/verify")
from probes import mail
address, sender, recipient, name, password, mark = sys.argv[1:]
if not mark:
    mark = mail.new_mark()
    server = mail.smtp(address)
    server.mail(sender)
    print(*server.rcpt(recipient))
    letter = mail.plain_letter(mark, "a@st.um", recipient)
    letter["X-Padding"] = "x " * 1000
    if server.data(letter.as_bytes())[0] == 250:
        print(mark)
else:
    with mail.mailbox(address, {"name": name, "password": password}) as box:
        mail.demand_text(mail.fetched(box, mail.arrived(box, mark)), mark)
        mail.clear(box, mark)
"""


def password_of(lab: Lab, user: str) -> str:
    """Return a user's password."""
    return (lab.secrets() / f"password-{user}").read_text().strip()


def sent(
    lab: Lab, recipient: str, reader: str = "", password: str = "", folder: str = "INBOX", flag: str = "NO"
) -> list[str]:
    """Send a letter, if there is a reader; return the server's answers, and whether the reader has found it."""
    word = password or password_of(lab, reader) if reader else ""
    arguments = [lab.address(135), recipient, reader, word, folder, flag]
    return lab.run("client", "python3", "-B", "-c", SEND, *arguments, check=False).splitlines()


def since(lab: Lab) -> str:
    """Return since when the daemons run."""
    return lab.run("primary", "systemctl", "show", "-p", "ActiveEnterTimestampMonotonic,MainPID", "exim4", "dovecot")


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    assert changed(lab.playbook(*MAIL)) == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param(
            {"exim4_options": {"no_such_option": "x"}},
            'main option "no_such_option" unknown',
            id="an option that Exim does not have",
        ),
        pytest.param(
            {"exim4_options": {"acl_smtp_connect": "no_such_acl"}},
            "SMTPConnectError: (451, b'Temporary local problem - please try later') The old files are back.",
            id="a rule that Exim looks for in vain when somebody comes",
        ),
        pytest.param(
            {"dovecot_options": {"no_such_setting": "x"}},
            "no_such_setting",
            id="a setting that Dovecot does not have",
        ),
        pytest.param(
            {"dovecot_sieve": 'if true { deliver "Junk"; }'},
            "server-for-dummies: line 4: error: unknown command 'deliver'",
            id="rules that Sieve does not have",
        ),
        pytest.param(
            {"dovecot_certificate": "nobodys"},
            "The old files are back. The old configuration is in force again.",
            id="a certificate that Dovecot does not have",
        ),
    ],
)
def test_what_is_refused_leaves_the_old_configuration(lab: Lab, settings: dict[str, Any], words: str) -> None:
    before, began = lab.run("primary", "sh", "-c", FILES), since(lab)
    output = lab.playbook(*MAIL, settings=settings, fails=True)
    assert words in re.sub(r"\s+", " ", output)
    assert lab.run("primary", "sh", "-c", FILES) == before
    assert since(lab) == began
    assert sent(lab, "user2@st.um", "user2") == ["250", "250", "read"]


def test_somebody_new_has_a_mailbox_at_once(lab: Lab) -> None:
    run = ("playbooks/accounts.yml", "-l", "primary")
    assert sent(lab, "guest@st.um")[1] == "550"
    passwords = {name: password_of(lab, name) for name in ("user1", "user2")} | {"guest": "a guest's own word"}
    began = since(lab)
    try:
        lab.playbook(*run, settings={"site_users": [*USERS, {"name": "guest"}], "accounts_passwords": passwords})
        assert sent(lab, "guest@st.um", "guest", passwords["guest"]) == ["250", "250", "read"]
        assert sent(lab, "GUEST+x@ST.UM", "guest@st.um", passwords["guest"]) == ["250", "250", "read"]
        assert since(lab) == began
    finally:
        lab.playbook(*run, settings={"accounts_deleted": ["guest"], "accounts_passwords": passwords})
    assert sent(lab, "guest@st.um")[1] == "550"


def test_whoever_is_in_charge_gets_the_letters_for_it(lab: Lab) -> None:
    for name in ("postmaster", "abuse", "hostmaster", "root"):
        assert sent(lab, f"{name}@st.um", "user1") == ["250", "250", "read"]
    began = since(lab)
    try:
        assert changed(lab.playbook(*MAIL, settings={"site_postmaster": "user2"})) == 1
        assert sent(lab, "abuse@st.um", "user2") == ["250", "250", "read"]
        assert since(lab) == began
    finally:
        lab.playbook(*MAIL)


def test_a_further_domain_is_ours_as_soon_as_it_is_in_the_settings(lab: Lab) -> None:
    assert sent(lab, "nobody-there@second.example")[1] == "250"  # the local network may send anywhere
    try:
        lab.playbook(*MAIL, settings={"exim4_local_domains": ["st.um", "second.example"]})
        assert sent(lab, "user1@second.example", "user1") == ["250", "250", "read"]
        assert sent(lab, "nobody-there@second.example")[1] == "550"
    finally:
        lab.playbook(*MAIL)


def test_what_a_filter_has_marked_is_put_aside(lab: Lab) -> None:
    began, script = since(lab), 'require "fileinto"; if exists "X-Spam-Flag" { fileinto "Trash"; }'
    time = lab.run("primary", "date", "+%F %T").strip()
    assert sent(lab, "user2+x@st.um", "user2") == ["250", "250", "read"]
    assert sent(lab, "user2+x@st.um", "user2", folder="Junk", flag="YES") == ["250", "250", "read"]
    try:
        assert changed(lab.playbook(*MAIL, settings={"dovecot_sieve": script})) == 1
        assert sent(lab, "user2@st.um", "user2", folder="Trash") == ["250", "250", "read"]
    finally:
        lab.playbook(*MAIL)
    assert sent(lab, "user2@st.um", "user2", folder="Junk", flag="YES") == ["250", "250", "read"]
    assert since(lab) == began
    # Where it is not compiled, it is at each letter, and Dovecot complains.
    assert "sieve" not in lab.run("primary", "journalctl", "-u", "dovecot", "--since", time, "-p", "warning")


def test_a_users_own_rule_comes_after_and_outlives_the_probes(lab: Lab) -> None:
    arguments = ["python3", "-B", "-c", RULE, lab.address(135), "user2", password_of(lab, "user2")]
    lab.run("client", *arguments, 'require "fileinto"; fileinto "Archive";')
    try:
        assert sent(lab, "user2@st.um", "user2", folder="Archive") == ["250", "250", "read"]
        assert sent(lab, "user2@st.um", "user2", folder="Junk", flag="YES") == ["250", "250", "read"]
        assert [result["ok"] for result in lab.probes("client", "--probe=*rule").values()] == [True]
        assert sent(lab, "user2@st.um", "user2", folder="Archive") == ["250", "250", "read"]
    finally:
        left = lab.run("client", *arguments)
    assert left.splitlines() == ["my own", '"my own" ACTIVE']


def bring(lab: Lab, recipient: str, sender: str = "user2@st.um", mark: str = "") -> list[str]:
    """Bring user1 a letter; return the answer to the recipient, and the letter's mark."""
    arguments = [lab.address(135), sender, recipient, "user1", password_of(lab, "user1"), mark]
    return lab.run("client", "python3", "-B", "-c", LETTER, *arguments, check=False).splitlines()


def read(lab: Lab, mark: str) -> None:
    """Let user1 find a letter, whole, and delete it."""
    arguments = [lab.address(135), "", "", "user1", password_of(lab, "user1"), mark]
    lab.run("client", "python3", "-B", "-c", LETTER, *arguments)


@pytest.mark.parametrize(
    ("refusal", "answer"),
    [
        pytest.param("permanent", "552 b'5.2.2 Mailbox is full'", id="for good"),
        pytest.param("temporary", "452 b'4.2.2 Mailbox is full'", id="for now"),
    ],
)
def test_a_full_mailbox_is_no_loss(lab: Lab, refusal: str, answer: str) -> None:
    began = since(lab)
    inbox = "grep -rl {} /home/{}/Maildir/new /home/{}/Maildir/cur"
    try:
        settings = {"dovecot_quota": "1K", "dovecot_quota_refusal": refusal}
        assert changed(lab.playbook(*MAIL, settings=settings)) == 1
        first = bring(lab, "user1@st.um")[1]
        wait_until(lambda: lab.run("primary", "sh", "-c", inbox.format(first, "user1", "user1"), check=False))
        assert bring(lab, "USER1+tag@ST.UM") == [answer]
        # By an alias it is accepted. So it waits, or its sender is told.
        second = bring(lab, "abuse@st.um")[1]
        if refusal == "temporary":
            log = "cat /var/spool/exim4/msglog/*"
            wait_until(lambda: "452 4.2.2" in lab.run("primary", "sh", "-c", log, check=False))
        else:
            found = inbox.format(second, "user2", "user2")
            wait_until(lambda: lab.run("primary", "sh", "-c", found, check=False))
            told = lab.run("primary", "sh", "-c", f"cat $({found})")
            assert "552 5.2.2" in told
            lab.run("primary", "sh", "-c", f"rm $({found})")
    finally:
        lab.playbook(*MAIL)
    assert sent(lab, "user1@st.um", "user1") == ["250", "250", "read"]
    read(lab, first)
    if refusal == "temporary":
        lab.run("primary", "exim4", "-qff")
        read(lab, second)
    assert queued(lab) == ""
    assert since(lab) == began


def test_a_mailbox_without_a_limit(lab: Lab) -> None:
    try:
        lab.playbook(*MAIL, settings={"dovecot_quota": 0})
        lab.playbook("playbooks/probes.yml", settings={"dovecot_quota": 0})
        assert [result["ok"] for result in lab.probes("client", "--probe=quota*").values()] == [True]
        assert sent(lab, "user1@st.um", "user1") == ["250", "250", "read"]
    finally:
        lab.playbook(*MAIL)
        lab.playbook("playbooks/probes.yml")


@pytest.mark.slow
def test_a_new_name_is_in_the_certificate_that_is_shown(lab: Lab) -> None:
    run = ("playbooks/certificates.yml", "-l", "primary")
    script = "openssl s_client -connect st.um:$0 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName"
    began = since(lab)
    try:
        lab.playbook(*run, settings={"site_mail_aliases": ["smtp", "imap", "pop3", "post"]})
        for port in ("465", "993"):
            wait_until(lambda port=port: "DNS:post.st.um" in lab.run("client", "sh", "-c", script, port))
        assert since(lab) == began
    finally:
        lab.playbook(*run)
    for port in ("465", "993"):
        wait_until(lambda port=port: "DNS:post.st.um" not in lab.run("client", "sh", "-c", script, port))


def test_accounts_of_the_system_have_no_mailbox(lab: Lab) -> None:
    assert sent(lab, "bind@st.um")[1] == "550"


def test_the_sockets_of_dovecot_are_for_exim_alone(lab: Lab) -> None:
    names = ["/run/dovecot/auth-exim4", "/run/dovecot/lmtp", "/run/dovecot/quota-status"]
    assert lab.run("primary", "stat", "-c", "%U %a", *names) == "Debian-exim 600\n" * 3


def test_packages_are_left_quiet(lab: Lab) -> None:
    # Nothing of a package's is changed but the configuration that is there to be edited.
    names = ["exim4-config", "exim4-base", "dovecot-core", "dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd"]
    names += ["dovecot-sieve", "dovecot-managesieved"]
    output = lab.run("primary", "dpkg", "--verify", *names, check=False)
    assert [line for line in output.splitlines() if "/usr/share/" not in line] == []


def test_no_password_is_in_what_a_run_prints(lab: Lab) -> None:
    words = [path.read_text().strip() for path in lab.secrets().glob("password-*")]
    output = lab.playbook("playbooks/probes.yml", "-vvv", "--diff", settings={"exim4_size_limit": 51})
    try:
        assert changed(output) == 2
        assert len(words) > 1
        assert not [word for word in words if word in output]
        assert not [word for word in words if json.dumps(word) in output]
    finally:
        lab.playbook("playbooks/probes.yml")
