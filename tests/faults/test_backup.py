"""What was backed up comes back: each host is lost, then the controller as well, and nobody misses anything.

What is lost is what the lab itself loses: its hosts, its keys, its authorities and its secrets. A repository in another
folder, and its password, are all that is left.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import test_dnssec

from doors import ALL, doors
from lab import TOP, Lab, changed, wait_until
from letters import PROBES, bring, letter, mark, password, queued

SECRET = "correct horse battery staple"  # noqa: S105 (of a repository that is made here)
CHOSEN = "chosen by user1"
ZONES = ("st.um", "dyn.st.um", "{net}.16.172.in-addr.arpa")
HOSTS = ("primary", "secondary", "client")
RECORD = ("cat", "/var/lib/server-for-dummies/backup")
UPDATE = "printf 'server {}\\nupdate {} by-hand.dyn.st.um. {}\\nsend\\n' | nsupdate -k /etc/bind/update.key"
ENTRY = """dn: cn=By Hand,ou=st,o=um,c=es
objectClass: inetOrgPerson
cn: By Hand
sn: Hand
"""
# What people do in their mailboxes: folders, flags, keywords, subscriptions, a rule.
USE = """
doveadm mailbox create -u user2 -s Projects Projects.2026
doveadm move -u user2 Projects mailbox INBOX 1
doveadm copy -u user2 Projects.2026 mailbox INBOX 1
doveadm flags add -u user2 '\\Seen \\Flagged mine' mailbox INBOX 1:2
runuser -u user2 -- mkdir -p /home/user2/sieve
runuser -u user2 -- sh -c 'echo keep\\; >/home/user2/sieve/own.sieve'
runuser -u user2 -- ln -sfn sieve/own.sieve /home/user2/.dovecot.sieve
"""
LETTERS = "find /home/*/Maildir -type f ! -name 'dovecot*' ! -name maildirsize -print0 | sort -z | xargs -0r sha256sum"
# Which letter has which number, and what the numbers are worth; but not which number is next.
NUMBERS = r"find /home/*/Maildir -name dovecot-uidlist | sort | xargs head -n 100 | sed -E '/^3 V/s/ N[0-9]+//'"
STATE = {
    "keys of zones": "cd /var/lib/bind && sha256sum K*.key K*.private",
    "directory": "slapcat -o ldif_wrap=no -n 1 | grep -v ^contextCSN",
    "configuration of the directory": "slapcat -o ldif_wrap=no -n 0",
    "letters": LETTERS,
    "numbers of letters": NUMBERS,
    "rules": "ls -l /home/*/.dovecot.sieve /home/*/sieve; cat /home/*/sieve/*; cat /home/*/Maildir/subscriptions",
    "letters that wait": "cd /var/spool/exim4/input && find . -name '*-[HD]' | sort | xargs -r sha256sum",
    "accounts": "for base in passwd shadow; do grep ^user /etc/$base; done; id user1; id user2",
    "pages": "find /var/www -type f | sort | xargs sha256sum; stat -c '%n %U %G %a' /var/www/*/*",
    "signatures of letters": "sha256sum /etc/exim4/dkim/*; stat -c '%n %U %G %a' /etc/exim4/dkim/*",
    "certificates": "cd /etc/ssl/site && sha256sum *; stat -c '%n %U %G %a' *",
}
EVERYWHERE = {
    "host keys": "sha256sum /etc/ssh/ssh_host_*",
    "certificates of users": "cat /etc/ssh/user_certificates/* || true",
    "what was there before certificates": "cat /var/lib/service_config/certificates/original.json",
}
HOMES = """
find /home -type f ! -path '*/Maildir/*' -print0 | sort -z | xargs -0 sha256sum
stat -c '%n %U %G %a' /home/*/.* /home/*/*
"""


# The lab's own world is lost with it, and its keys are made anew. Our zone has the DS records of a part that is there,
# so that the zone's serial follows.
OF_THE_WORLD = re.compile(r"dept\.st\.um\. \d+ IN (RRSIG )?DS |st\.um\. \d+ IN (RRSIG )?SOA ")


class Backup:
    """A repository beside the lab's own folder, and how the playbooks find it."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.repository = folder / "repository"
        lab.env["BORG_BASE_DIR"] = str(folder / "base")

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"backup_repository": str(self.repository), "backup_secrets": {"password": SECRET}} | more

    def make(self, *arguments: str, fails: bool = False, **more: Any) -> str:
        output = self.lab.playbook("playbooks/backup.yml", *arguments, settings=self.settings(**more), fails=fails)
        return " ".join(output.split())

    def restore(self, *arguments: str, fails: bool = False, **more: Any) -> str:
        """Restore, which takes longer than other playbooks."""
        process = self.lab.popen("playbooks/restore.yml", *arguments, settings=self.settings(**more))
        output = process.communicate(timeout=900)[0]
        assert (process.returncode != 0) == fails, output
        return " ".join(output.split())

    def borg(self, *argv: str) -> bytes:
        env = self.lab.env | {"BORG_REPO": str(self.repository), "BORG_PASSPHRASE": SECRET}
        env["BORG_RELOCATED_REPO_ACCESS_IS_OK"] = "yes"
        return subprocess.run(["borg", *argv], env=env, check=True, capture_output=True).stdout

    def archives(self, pattern: str) -> list[str]:
        return self.borg("list", "--short", "--glob-archives", pattern).decode().split()

    def content(self, host: str, *paths: str) -> bytes:
        """Return all of what the newest archive of a host has there, as one text."""
        return self.borg("extract", "--stdout", f"::{self.archives(f'{host}-*')[-1]}", *paths)


def build(lab: Lab) -> Path:
    return Path(lab.env["LAB_BUILD"]) / lab.name


@pytest.fixture(scope="module")
def backup(lab: Lab) -> Backup:
    """Return a backup that is yet to be made; the last one stays for who wants to look into it."""
    folder = build(lab).with_name(f"{lab.name}-backup")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return Backup(lab, folder)


def state(lab: Lab) -> dict[str, str]:
    """Return all that must not be lost, as texts."""
    found = {what: lab.run("primary", "sh", "-c", command) for what, command in STATE.items()}
    for host in HOSTS:
        found |= {f"{what} of {host}": lab.run(host, "sh", "-c", command) for what, command in EVERYWHERE.items()}
    for host in ("primary", "client"):
        found[f"homes on {host}"] = lab.run(host, "sh", "-c", HOMES)
    for zone in (zone.format(net=lab.net) for zone in ZONES):
        for server in test_dnssec.SERVERS:
            lines = test_dnssec.content(lab, server, zone)
            found[f"{zone} on {server}"] = "\n".join(line for line in lines if not OF_THE_WORLD.match(line))
    for folder in ("ca", "ssh-ca", "secrets", "dkim", "ssh-keys"):
        paths = sorted(
            path for path in (build(lab) / folder).rglob("*") if path.is_file() and path.name != "openssl.cnf"
        )
        sums = [f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths]
        found[f"{folder} on the controller"] = "\n".join(sums)
    return found


def revoke(lab: Lab) -> None:
    """Take the certificate of the web server for what it must not be, as somebody has stolen its key."""
    serial = lab.run("primary", "openssl", "x509", "-noout", "-serial", "-in", "/etc/ssl/site/www3.st.um.pem")
    lab.playbook("playbooks/renew.yml", settings={"openssl_ca_revoked": [serial.strip().partition("=")[2]]})


def set_password(lab: Lab, word: str) -> None:
    lab.run("primary", "sh", "-c", 'echo "user1:$0" | chpasswd', word)


def use(lab: Lab) -> None:
    """Do what people do with what they have."""
    assert bring(lab, [("user@example.org", letter("user@example.org", mark(lab))) for _ in range(5)]) == ["250"] * 5
    wait_until(lambda: lab.run("primary", "doveadm", "search", "-u", "user2", "mailbox", "INBOX").count("\n") >= 5)
    lab.run("primary", "sh", "-ec", USE)
    lab.run("primary", "sh", "-c", "printf 'Subject: waits\\n\\nIt waits.\\n' | exim4 -odq user@example.org")
    lab.run("primary", "sh", "-c", "exim4 -bpr | awk '/</ { print $3 }' | xargs exim4 -Mf")
    set_password(lab, CHOSEN)
    lab.run("primary", "sh", "-c", 'echo "$0" | ldapadd -Q -Y EXTERNAL -H ldapi:///', ENTRY)
    lab.run("client", "sh", "-c", UPDATE.format(lab.address(135), "add", "300 A 192.0.2.77"))
    lab.run("primary", "sh", "-c", "echo '<h1>By hand</h1>' >/var/www/www.st.um/by-hand.html")
    lab.run(
        "client",
        "runuser",
        "-u",
        "user2",
        "--",
        "sh",
        "-c",
        "echo mine >'/home/user2/a file'; chmod 600 '/home/user2/a file'",
    )
    revoke(lab)


def tidy_up(lab: Lab) -> None:
    """Take that away."""
    lab.run("client", "sh", "-c", UPDATE.format(lab.address(135), "delete", ""))
    lab.run(
        "primary", "ldapdelete", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///", ENTRY.splitlines()[0].removeprefix("dn: ")
    )
    set_password(lab, password(lab, "user1"))
    lab.run("primary", "sh", "-c", "exim4 -bpr | awk '/</ { print $3 }' | xargs -r exim4 -Mrm")
    lab.run(
        "primary", "sh", "-c", "doveadm expunge -u user2 mailbox '*' all; doveadm mailbox delete -u user2 -r Projects"
    )
    lab.run(
        "primary", "rm", "-rf", "/home/user2/.dovecot.sieve", "/home/user2/sieve", "/var/www/www.st.um/by-hand.html"
    )


@pytest.fixture(scope="module")
def used(lab: Lab) -> Iterator[None]:
    """Let people use what they have; and take that away in the end."""
    use(lab)
    yield
    tidy_up(lab)


def test_with_check_nothing_is_written(lab: Lab, backup: Backup, used: None) -> None:
    before = lab.run("primary", *RECORD, check=False)
    output = backup.make("--check")
    assert "would have host-keys, certificates, dns, directory, web, mail-queue, mailboxes, accounts, also" in output
    assert not backup.repository.exists()
    assert lab.run("primary", *RECORD, check=False) == before


def test_a_second_backup_takes_only_what_is_new(lab: Lab, backup: Backup, used: None) -> None:
    def size() -> int:
        return sum(path.stat().st_size for path in backup.repository.rglob("*") if path.is_file())

    backup.make()
    first = size()
    bring(lab, [("user@example.org", letter("user@example.org", mark(lab)))])
    time.sleep(1)
    output = backup.make()
    second = size() - first
    print(f"the first backup takes {first} octets, a second one after another letter {second} more")
    assert second < first / 4
    assert "and is sound" in output
    told = lab.run("primary", *RECORD).strip()
    assert f"primary-{told.removesuffix('Z')}" == backup.archives("primary-*")[-1]


def test_who_has_all_keeps_it(lab: Lab, backup: Backup, used: None) -> None:
    before = state(lab)
    output = backup.restore("-l", "primary", fails=True)
    assert "dns stays as it is: this host has it already" in output
    assert "Nothing was restored" in output
    assert state(lab) == before


def test_what_is_wrong_is_told_before_anything_changes(
    lab: Lab, backup: Backup, used: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"backup_secrets": {"password": "wrong"}}
    assert "The password is not that of" in backup.restore("-l", "client", fails=True, **secrets)
    assert "The password is not that of" in backup.make("-l", "client", fails=True, **secrets)
    nowhere = str(backup.folder / "nowhere")
    assert f"There is no backup in {nowhere}" in backup.restore("-l", "client", fails=True, backup_repository=nowhere)
    monkeypatch.setitem(lab.env, "BORG_BASE_DIR", str(backup.folder / "other"))  # it takes the copy for another one
    damaged = backup.folder / "damaged"
    shutil.copytree(backup.repository, damaged)
    segment = max(damaged.glob("data/0/*"), key=lambda path: path.stat().st_size)
    with segment.open("r+b") as file:
        file.seek(segment.stat().st_size // 2)
        file.write(b"spoiled" * 10)
    assert "is damaged, or cannot be used" in backup.make("-l", "client", fails=True, backup_repository=str(damaged))


# Moves all letters of a mailbox to a folder, and back, marks and unmarks them, as a person who cannot decide.
MOVES = """
rm -f /run/enough
while ! [ -e /run/enough ]; do
    doveadm move -u user1 Archive mailbox INBOX all
    doveadm flags add -u user1 '\\Flagged' mailbox Archive all
    doveadm move -u user1 INBOX mailbox Archive all
    doveadm flags remove -u user1 '\\Flagged' mailbox INBOX all
done
"""
# Letters that are there, and letters that wait, each with its number.
THERE = """
cd /home/user1/Maildir/new
for number in $(seq 1500); do echo "X-Number: there-$number-" >"1700000000.M${number}P1.there"; done
chown user1:user1 *
"""
WAITING = """
for number in $(seq 60); do
    printf 'X-Number: waiting-%s-\\nSubject: waiting\\n\\n%s\\n' $number $number | exim4 -odq user2@st.um
done
"""


def numbers(text: bytes, kind: str) -> list[int]:
    return sorted(int(number) for number in re.findall(rb"X-Number: %b-(\d+)-" % kind.encode(), text))


def test_letters_that_are_moved_and_delivered_meanwhile_are_all_there(lab: Lab, backup: Backup, used: None) -> None:
    lab.run("primary", "sh", "-ec", THERE + WAITING)
    moving = subprocess.Popen(["docker", "exec", lab.container("primary"), "timeout", "300", "sh", "-c", MOVES])
    try:
        archived = ("find", "/home/user1/Maildir/.Archive", "-name", "*:2,F*")
        wait_until(lambda: lab.run("primary", *archived, check=False), 60)
        making = lab.popen("playbooks/backup.yml", "-l", "primary", "--tags", "mail", settings=backup.settings())
        delivering = subprocess.Popen(
            ["docker", "exec", lab.container("primary"), "sh", "-c", "sleep 5; exec exim4 -q"]
        )
        output = making.communicate(timeout=300)[0]
        assert making.returncode == 0, output
        delivering.wait(timeout=60)
    finally:
        lab.run("primary", "touch", "/run/enough")
        moving.wait(timeout=60)
    archive = backup.archives("primary.mail-*")[-1]
    waiting = numbers(backup.borg("extract", "--stdout", f"::{archive}", "files/mail-queue"), "waiting")
    delivered = numbers(backup.borg("extract", "--stdout", f"::{archive}", "files/accounts"), "waiting")
    there = numbers(backup.borg("extract", "--stdout", f"::{archive}", "files/accounts"), "there")
    both = len(waiting) + len(delivered) - len({*waiting, *delivered})
    print(f"{len(waiting)} letters waited, {len(delivered)} were delivered, {both} are in both places")
    assert sorted({*waiting, *delivered}) == [*range(1, 61)]
    assert {*there} == {*range(1, 1501)}
    print(f"{len(there) - 1500} of 1500 letters are there twice")
    lab.run("primary", "doveadm", "expunge", "-u", "user1", "mailbox", "*", "all")
    lab.run("primary", "doveadm", "expunge", "-u", "user2", "mailbox", "INBOX", "header", "subject", "waiting")


def test_the_controller_does_it_by_itself(lab: Lab, backup: Backup) -> None:
    folder = backup.folder / "units"
    settings = backup.settings(backup_units_dir=str(folder), backup_calendar="03:17")
    assert changed(lab.playbook("playbooks/schedule.yml", settings=settings)) > 0
    assert changed(lab.playbook("playbooks/schedule.yml", settings=settings)) == 0
    assert (folder / "timers.target.wants" / "server-for-dummies-backup-lab.timer").exists()
    assert "OnCalendar=03:17\n" in (folder / "server-for-dummies-backup-lab.timer").read_text()
    unit = (folder / "server-for-dummies-backup-lab.service").read_text()
    lines = dict(line.split("=", 1) for line in unit.splitlines() if re.match("(ExecStart|WorkingDirectory)=", line))
    given = [json.loads(line.partition("=")[2]) for line in unit.splitlines() if line.startswith("Environment=")]
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": os.environ["HOME"],
        "BORG_BASE_DIR": lab.env["BORG_BASE_DIR"],
    }
    command = f"{lines['ExecStart']} -l client -e '{json.dumps(backup.settings())}'"
    before = backup.archives("client-*")[-1]
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=lines["WorkingDirectory"],
        env=env | dict(each.split("=", 1) for each in given),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert backup.archives("client-*")[-1] != before
    lab.playbook("playbooks/schedule.yml", settings=settings | {"backup_calendar": ""})
    assert [path for path in folder.rglob("*") if not path.is_dir()] == []


def test_all_is_lost_and_restored_from_the_backup_alone(lab: Lab, backup: Backup, used: None) -> None:
    lab.playbook("site.yml")
    assert changed(lab.playbook("site.yml")) == 0
    backup.make()
    before, keys = state(lab), len(list((build(lab) / "secrets").iterdir()))
    lab.playbook("lab/destroy.yml")
    assert not build(lab).exists()
    shutil.rmtree(backup.folder / "base")
    lab.playbook("lab/create.yml")
    told = backup.restore("--check")
    assert f"{build(lab)}/ca/root-1/private/cakey.pem" in told
    assert "dns" in told
    assert not (build(lab) / "secrets").exists()
    began = time.monotonic()
    backup.restore()
    print(f"restored, and provisioned, in {time.monotonic() - began:.0f} s")
    after = state(lab)
    # The order of an entry's attributes is not part of it.
    assert {
        what: sorted({*before[what].splitlines()} ^ {*after[what].splitlines()})
        for what in before
        if sorted(before[what].splitlines()) != sorted(after[what].splitlines())
    } == {}
    assert len(list((build(lab) / "secrets").iterdir())) == keys
    assert changed(lab.playbook("site.yml")) == 0
    lab.forget()
    assert set(doors(lab, CHOSEN)) >= {"imap", "pop3", "smtp", "sieve"}
    set_password(lab, password(lab, "user1"))  # which the probes know
    for host in ("client", "internet"):
        assert [name for name, result in lab.probes(host).items() if not result["ok"]] == []
    assert doors(lab, password(lab, "user2"), "user2") == ALL
    assert lab.dig(f"@{lab.address(135)}", "by-hand.dyn.st.um") == ["192.0.2.77"]


def test_the_letter_that_waited_goes_out(lab: Lab, backup: Backup, used: None) -> None:
    assert "*** frozen ***" in queued(lab)
    lab.run("primary", "sh", "-c", "exim4 -bpr | awk '/</ { print $3 }' | xargs exim4 -Mt")
    lab.run("primary", "exim4", "-qff")
    wait_until(lambda: queued(lab) == "", 60)


NEXT = """
address, word = sys.argv[1:]
with mail.mailbox(address, {"name": "user2", "password": word}) as box:
    print(box.status("INBOX", "(UIDNEXT)")[1][0].decode())
"""


def test_no_letter_gets_a_number_that_another_one_may_have_had(lab: Lab, backup: Backup, used: None) -> None:
    said = lab.run("client", "python3", "-B", "-c", PROBES + NEXT, lab.address(135), password(lab, "user2"))
    assert int(re.search(r"UIDNEXT (\d+)", said)[1]) > 1_000_000


def test_the_lab_is_as_before(lab: Lab) -> None:
    assert changed(lab.playbook("site.yml")) == 0
    assert queued(lab) == ""
    assert TOP.exists()
