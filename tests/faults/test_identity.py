"""One password for all services, in the directory: it is changed once, opens all of them, and goes there and back."""

import secrets
import subprocess
from collections.abc import Iterator

import pytest

from doors import ALL, MAIL, doors
from lab import Lab, changed, wait_until
from letters import PROBES, password

SECONDS = 30  # for which somebody is locked out
# The client asks the directory about logins, too.
SETTINGS = {
    "identity": "directory",
    "site_sssd": "{{ inventory_hostname == 'client' }}",
    "openssh_password_networks": "{{ site_networks }}",
    "slapd_lockout_seconds": SECONDS,
}
ONE_PERSON = [{"name": "user1", "full_name": "User One", "surname": "Servidor", "mobile": "627182818", "uid": 2001}]
# None of the last ones, which the directory remembers
CHOSEN, NEW = (f"{where} {secrets.token_hex(4)}" for where in ("at the account", "in the directory"))
USER = "cn=User One,ou=st,o=um,c=es"
# Logs in to the client by a password, as somebody does at a terminal.
SHELL = """
printf '#!/bin/sh\necho "$WORD"\n' >/root/ask; chmod 700 /root/ask
WORD="$0" SSH_ASKPASS=/root/ask SSH_ASKPASS_REQUIRE=force setsid ssh -o PreferredAuthentications=password \
    -o NumberOfPasswordPrompts=1 -o ConnectTimeout=5 user1@client.st.um echo in
rm /root/ask
"""
# Makes a key, and writes it down in one's entry, with the password; then logs in by it.
KEY = """
ssh-keygen -q -t ed25519 -N '' -f /root/key
printf 'dn: %s\nchangetype: modify\nadd: sshPublicKey\nsshPublicKey: %s\n' "$0" "$(cat /root/key.pub)" |
    ldapmodify -x -ZZ -H ldap://ns1.st.um -D "$0" -w "$1"
"""
BY_KEY = "ssh -o BatchMode=yes -o IdentitiesOnly=yes -i /root/key user1@client.st.um echo in"
# What a mail program is told; prints the answer of a login.
ANSWER = """
try:
    mail_base.imap(sys.argv[1], 993).login(*sys.argv[2:])
except mail_base.imaplib.IMAP4.error as error:
    print(error)
"""


def bind(lab: Lab, word: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of LDAP's on the client, as the user, over TLS."""
    program, *arguments = command
    argv = ["docker", "exec", lab.container("client"), program, "-x", "-ZZ", "-H", "ldap://ns1.st.um", "-D", USER]
    return subprocess.run([*argv, "-w", word, *arguments], capture_output=True, text=True, check=False)


def shell(lab: Lab, word: str) -> bool:
    """Return whether the user is let in to the client by a password."""
    return "in" in lab.run("client", "sh", "-c", SHELL, word, check=False).split()


def account(lab: Lab, word: str) -> None:
    """Give the user's account a password, as passwd(1) does."""
    lab.run("primary", "sh", "-c", "printf 'user1:%s\n' \"$0\" | chpasswd", word)


@pytest.fixture(scope="module")
def directory(lab: Lab) -> Iterator[None]:
    """Let the directory have the passwords, after somebody has chosen one for the account; and back."""
    account(lab, CHOSEN)
    lab.playbook("site.yml", settings=SETTINGS)
    yield
    lab.playbook("site.yml")
    account(lab, password(lab, "user1"))
    lab.run("primary", "sh", "-c", REPLACE, USER, password(lab, "user1"))
    assert changed(lab.playbook("site.yml")) == 0
    assert doors(lab, password(lab, "user1")) == ALL


# As root, who needs not know the old one.
REPLACE = """
printf 'dn: %s\nreplace: userPassword\nuserPassword: %s\n' "$0" "$1" | ldapmodify -Q -Y EXTERNAL -H ldapi:///
"""


def test_who_has_chosen_a_password_keeps_it_and_it_opens_every_door(lab: Lab, directory: None) -> None:
    assert doors(lab, CHOSEN) == ALL
    assert shell(lab, CHOSEN)
    assert doors(lab, password(lab, "user1")) == []
    assert not shell(lab, password(lab, "user1"))
    assert changed(lab.playbook("site.yml", settings=SETTINGS)) == 0


def test_a_password_is_changed_once_for_all(lab: Lab, directory: None) -> None:
    done = bind(lab, CHOSEN, "ldappasswd", "-s", NEW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert doors(lab, NEW) == ALL
    assert shell(lab, NEW)
    assert not shell(lab, CHOSEN)
    wait_until(lambda: doors(lab, CHOSEN) == [], 30)  # the web server remembers who was there a moment ago


def test_a_key_in_the_directory_opens_the_shell(lab: Lab, directory: None) -> None:
    try:
        lab.run("client", "sh", "-ec", KEY, USER, NEW)
        wait_until(lambda: "in" in lab.run("client", "sh", "-c", BY_KEY, check=False).split(), 60)
        gone = f"dn: {USER}\nchangetype: modify\ndelete: sshPublicKey"
        lab.run("primary", "sh", "-c", 'printf "%s\n" "$0" | ldapmodify -Q -Y EXTERNAL -H ldapi:///', gone)
        wait_until(lambda: "in" not in lab.run("client", "sh", "-c", BY_KEY, check=False).split(), 60)
    finally:
        lab.run("client", "sh", "-c", "rm -f /root/key /root/key.pub")


def test_without_the_first_server_people_log_in_by_the_copy(lab: Lab, directory: None) -> None:
    try:
        lab.run("primary", "systemctl", "stop", "slapd")
        assert doors(lab, NEW) == ALL
        assert shell(lab, NEW)
        lab.run("secondary", "systemctl", "stop", "slapd")
        wait_until(lambda: doors(lab, NEW) == [], 30)
        assert doors(lab, CHOSEN) == []
        said = lab.run("client", "python3", "-B", "-c", PROBES + ANSWER, lab.address(135), "user1", NEW)
        assert "[UNAVAILABLE]" in said  # so that a mail program tries again, and does not ask for another password
    finally:
        for host in ("primary", "secondary"):
            lab.run(host, "systemctl", "start", "slapd")
    assert doors(lab, NEW) == ALL


def test_who_guesses_locks_that_person_out_for_a_while(lab: Lab, directory: None) -> None:
    for number in range(10):
        assert "Invalid credentials (49)" in bind(lab, f"guess {number}", "ldapwhoami").stderr
    assert "Invalid credentials (49)" in bind(lab, NEW, "ldapwhoami").stderr
    assert "imap" not in doors(lab, NEW)
    assert doors(lab, password(lab, "user2"), "user2") == ALL
    wait_until(lambda: doors(lab, NEW) == ALL, 2 * SECONDS)


def test_who_is_on_the_list_no_more_is_let_in_nowhere(lab: Lab, directory: None) -> None:
    word = password(lab, "user2")
    lab.playbook("site.yml", settings=SETTINGS | {"site_users": ONE_PERSON})
    assert [door for door in doors(lab, word, "user2") if door != "directory"] == []
    lab.playbook("site.yml", settings=SETTINGS)
    assert doors(lab, word, "user2") == ALL


def test_whom_the_directory_knows_first_gets_an_account_as_well(lab: Lab, directory: None) -> None:
    guest = {"name": "guest", "full_name": "A Guest", "surname": "Guest", "uid": 2009}
    both = [ONE_PERSON[0], {"name": "user2", "full_name": "User Two", "surname": "Cliente", "uid": 2002}]
    passwords = {name: password(lab, name) for name in ("user1", "user2")} | {"guest": "a guest's own word"}
    settings = SETTINGS | {"site_users": [*both, guest], "accounts_passwords": passwords}
    own = ("getent", "-s", "files", "passwd", "guest")
    try:
        lab.playbook("site.yml", "-l", "primary", settings=settings)
        wait_until(lambda: "2009" in lab.run("client", "getent", "passwd", "guest", check=False))
        assert lab.run("client", *own, check=False) == ""
        lab.playbook("site.yml", "-l", "client", settings=settings)
        assert lab.run("client", *own) == "guest:x:2009:2009:A Guest:/home/guest:/bin/bash\n"
        assert lab.run("client", "stat", "-c", "%U %a", "/home/guest/Maildir") == "guest 700\n"
        assert changed(lab.playbook("site.yml", settings=settings)) == 0
    finally:
        lab.playbook("site.yml", settings=SETTINGS | {"accounts_deleted": ["guest"], "slapd_remove": True})
    assert lab.run("client", *own, check=False) == ""


def test_it_goes_back_to_the_accounts(lab: Lab, directory: None) -> None:
    accounts = SETTINGS | {"identity": "local"}
    lab.playbook("site.yml", settings=accounts)
    assert doors(lab, NEW) == [*MAIL, "directory"]
    assert "web" in doors(lab, password(lab, "user1"))
    assert shell(lab, password(lab, "user1"))  # the client has passwords of its own
    assert not shell(lab, NEW)
    assert changed(lab.playbook("site.yml", settings=accounts)) == 0
