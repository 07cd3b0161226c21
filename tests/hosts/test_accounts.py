"""People come, go, come back, and are deleted; what is theirs stays as long as it should."""

import re

import pytest

from lab import Lab, changed
from letters import password

RUN = ("playbooks/accounts.yml", "-l", "primary")
pytestmark = pytest.mark.only_swapped
USERS = [{"name": "user1", "full_name": "User One"}, {"name": "user2", "full_name": "User Two"}]
GUEST = {"name": "guest", "full_name": "A Guest"}
# Asks crypt(3), as a login does.
CHECK = 'my $have = (getpwnam($ARGV[0]))[1]; print crypt($ARGV[1], $have) eq $have ? "right" : "wrong"'
GUESTS = "a guest's own word"


def account(lab: Lab, host: str, name: str) -> list[str]:
    """Return what the host's shadow file says of somebody: the state of the password, the day on which it has ended."""
    script = f"getent shadow {name} | cut -d: -f2,8"
    word, _, expires = lab.run(host, "sh", "-c", script).strip().rpartition(":")
    return ["locked" if word.startswith("!") else "set" if word.startswith("$") else word, expires]


def log_in(lab: Lab) -> str:
    """Log in as the guest with the key of the client's user1."""
    script = "cd / && exec runuser -u user1 -- ssh -o BatchMode=yes -o ConnectTimeout=3 guest@st.um cat mine 2>&1"
    return lab.run("client", "sh", "-c", script, check=False)


def passwords(lab: Lab) -> dict[str, str]:
    """Return the passwords of all, with those of some more."""
    return {name: password(lab, name) for name in ("user1", "user2")} | {"guest": GUESTS}


def run(lab: Lab, users: list[dict], *, deleted: list[str] | None = None, fails: bool = False) -> str:
    """Provision the accounts and the keys of these users, and return what was printed, in one line."""
    settings = {"site_users": users, "accounts_passwords": passwords(lab), "accounts_deleted": deleted or []}
    return re.sub(r"\s+", " ", lab.playbook(*RUN, settings=settings, fails=fails))


def test_passwords_are_those_that_were_generated(lab: Lab) -> None:
    for name in ("user1", "user2"):
        word = (lab.secrets() / f"password-{name}").read_text().strip()
        assert lab.run("primary", "perl", "-e", CHECK, name, word) == "right"
        assert lab.run("primary", "perl", "-e", CHECK, name, f"{word}x") == "wrong"


def test_somebody_comes_goes_comes_back_and_is_deleted(lab: Lab) -> None:
    run(lab, [*USERS, GUEST])
    folders = "cd /home/guest && find Maildir -type d -printf '%p %u %m\\n' | sort"
    wanted = "".join(f"{'/'.join(['Maildir', *name])} guest 700\n" for name in ([], ["cur"], ["new"], ["tmp"]))
    assert lab.run("primary", "sh", "-c", folders) == wanted
    assert "dummies" in lab.run("primary", "id", "-Gn", "guest").split()
    assert lab.run("primary", "perl", "-e", CHECK, "guest", GUESTS) == "right"
    key = lab.run("client", "cat", "/home/user1/.ssh/id_ed25519.pub").strip()
    script = f"cd && echo kept >mine && mkdir .ssh && echo {key} >.ssh/authorized_keys"
    lab.run("primary", "runuser", "-l", "guest", "-c", script)
    assert log_in(lab) == "kept\n"

    output = run(lab, USERS)
    assert "guest: it is in accounts_users no more; its home stays" in output
    assert account(lab, "primary", "guest") == ["locked", "1"]
    assert "Permission denied" in log_in(lab) or "expired" in log_in(lab)
    assert lab.run("primary", "cat", "/home/guest/mine") == "kept\n"

    run(lab, [*USERS, GUEST])
    assert log_in(lab) == "kept\n"
    assert lab.run("primary", "perl", "-e", CHECK, "guest", GUESTS) == "right"

    assert "in both of them: guest" in run(lab, [*USERS, GUEST], deleted=["guest"], fails=True)
    run(lab, USERS, deleted=["guest"])
    assert lab.run("primary", "getent", "passwd", "guest", check=False) == ""
    assert "No such file" in lab.run("primary", "sh", "-c", "ls -d /home/guest 2>&1", check=False)
    assert changed(lab.playbook(*RUN)) == 0


def test_whoever_was_there_before_is_never_locked(lab: Lab) -> None:
    lab.run("primary", "useradd", "--create-home", "--password", "$6$x$y", "elder")
    try:
        settings = {"accounts_passwords": passwords(lab) | {"elder": "not used"}}
        lab.playbook(*RUN, settings=settings | {"site_users": [*USERS, {"name": "elder"}]})
        assert "dummies" in lab.run("primary", "id", "-Gn", "elder").split()
        assert lab.run("primary", "test", "-d", "/home/elder/Maildir/new") == ""
        lab.playbook(*RUN, settings=settings | {"site_users": USERS})
        assert account(lab, "primary", "elder") == ["set", ""]
    finally:
        lab.run("primary", "userdel", "--remove", "elder", check=False)


def test_what_somebody_puts_into_the_home_does_not_lead_root_astray(lab: Lab) -> None:
    before = lab.run("primary", "stat", "-c", "%U %a", "/etc", "/root")
    lab.run("primary", "sh", "-c", "mv /home/user2/Maildir /home/user2/aside && ln -s /root /home/user2/Maildir")
    try:
        output = lab.playbook(*RUN, fails=True)
        assert "Permission denied" in output
        assert lab.run("primary", "stat", "-c", "%U %a", "/etc", "/root") == before
    finally:
        lab.run("primary", "sh", "-c", "rm /home/user2/Maildir && mv /home/user2/aside /home/user2/Maildir")
    assert changed(lab.playbook(*RUN)) == 0


def test_an_account_of_the_system_is_refused(lab: Lab) -> None:
    before = lab.checksums("primary")
    settings = {"site_users": [*USERS, {"name": "www-data"}], "accounts_passwords": passwords(lab) | {"www-data": "x"}}
    output = lab.playbook(*RUN, settings=settings, fails=True)
    assert "an account of the system, not of a person: www-data" in re.sub(r"\s+", " ", output)
    assert lab.checksums("primary") == before


def test_no_password_is_in_what_a_run_prints(lab: Lab) -> None:
    words = [path.read_text().strip() for path in lab.secrets().glob("password-*")]
    lab.run("primary", "userdel", "--remove", "user2")
    output = lab.playbook(*RUN, "-vvv", "--diff")
    assert "user2: there is no such account" in output
    assert len(words) > 1
    assert not [word for word in words if word in output]
