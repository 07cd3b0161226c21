"""A change of the directory that was accepted is there, and on the copy, whatever befalls the servers."""

import json
import random
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab, changed, wait_until

WRITES, KILLS = 10000, 10
BASE = "ou=many,o=um,c=es"
# Several people write at a time, as fast as they can: half are new entries, half are changes of these. Nobody can know
# of a write without an answer; it is tried again, and what is there already is no mistake then. Prints how many were
# accepted as each of them is, and at the end what each entry has to have.
WRITE = """
import json, sys, threading, time
import ldap
uri, word, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
limit = time.monotonic() + 400
accepted, guard, left = {}, threading.Lock(), iter(range(count // 2))
def opened():
    server = ldap.initialize(uri)
    server.set_option(ldap.OPT_NETWORK_TIMEOUT, 3)
    server.set_option(ldap.OPT_TIMEOUT, 3)
    server.start_tls_s()
    server.simple_bind_s("cn=admin,o=um,c=es", word)
    return server
def write(number):
    server = None
    for entry in iter(lambda: next(left, None), None):
        dn = f"cn=entry {entry},ou=many,o=um,c=es"
        new = [("objectClass", [b"person"]), ("cn", [b"entry %d" % entry]), ("sn", [b"before"])]
        changes = [lambda: server.add_s(dn, new), lambda: server.modify_s(dn, [(ldap.MOD_REPLACE, "sn", [b"after"])])]
        for value, change in zip(("before", "after"), changes):
            while time.monotonic() < limit:
                try:
                    server = server or opened()
                    change()
                except ldap.ALREADY_EXISTS:
                    pass
                except ldap.LDAPError:
                    server = None
                    time.sleep(0.1)
                    continue
                with guard:
                    accepted[dn] = value
                    print(len(accepted), flush=True)
                break
writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
[writer.start() for writer in writers]
[writer.join() for writer in writers]
print(json.dumps(accepted))
"""


def content(lab: Lab, host: str) -> list[str]:
    """Return the entries that a server has, in an order, without what is its own: when somebody was wrong there."""
    text = lab.run(host, "sh", "-c", "slapcat -o ldif_wrap=no -b o=um,c=es 2>/dev/null")
    return sorted(
        "\n".join(sorted(line for line in entry.splitlines() if not line.startswith(("pwdFailureTime", "contextCSN"))))
        for entry in text.split("\n\n")
    )


def copied(lab: Lab, seconds: float) -> None:
    """Wait until the two servers have the same entries; say what differs where they do not get there."""
    deadline = time.monotonic() + seconds
    while (ours := content(lab, "primary")) != (theirs := content(lab, "secondary")):
        differ = sorted({*ours} ^ {*theirs})
        assert time.monotonic() < deadline, f"{len(differ)} entries differ: {differ[:4]}"
        time.sleep(0.1)


@pytest.fixture
def many(lab: Lab) -> Iterator[None]:
    """A place for many entries, which is taken away afterwards."""
    root = "-Q -Y EXTERNAL -H ldapi:///"
    text = f"dn: {BASE}\nobjectClass: organizationalUnit"
    lab.run("primary", "sh", "-c", f"printf '%s\n' '{text}' | ldapadd {root}")
    yield
    lab.run("primary", "sh", "-c", f"ldapdelete {root} -r '{BASE}'")
    copied(lab, 120)


def test_nothing_accepted_is_lost_and_the_copy_is_equal(lab: Lab, many: None) -> None:
    word = (lab.secrets() / "directory-manager").read_text().strip()
    argv = [
        "docker",
        "exec",
        "-i",
        lab.container("client"),
        "python3",
        "-u",
        "-",
        "ldap://ns1.st.um",
        word,
        str(WRITES),
    ]
    chance = random.Random(5)  # noqa: S311 (the same moments in each run)
    moments = sorted(chance.sample(range(100, WRITES // 2), KILLS))
    victims = ["primary"] * (KILLS - 2) + ["secondary"] * 2
    chance.shuffle(victims)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writing:
        writing.stdin.write(WRITE)
        writing.stdin.close()
        accepted = {}
        for line in writing.stdout:
            if not line.strip().isdigit():
                accepted = json.loads(line)
            elif moments and int(line) >= moments[0]:
                lab.run(victims.pop(), "sh", "-c", "kill -KILL $(cat /run/slapd/slapd.pid)", check=False)
                moments.pop(0)
    assert not moments
    assert list(accepted.values()) == ["after"] * (WRITES // 2)
    started = time.monotonic()
    copied(lab, 180)
    print(f"equal {time.monotonic() - started:.0f} s after the last one")
    text = "\n\n".join(content(lab, "primary"))
    assert len(re.findall(r"^sn: after$", text, re.MULTILINE)) == WRITES // 2
    assert {dn for dn in accepted if f"dn: {dn}" in text} == set(accepted)


def test_a_power_cut_and_a_lost_copy(lab: Lab) -> None:
    before = content(lab, "primary")
    lab.power_cycle("primary")
    wait_until(lambda: content(lab, "primary") == before, 60)
    lab.run(
        "secondary", "sh", "-c", "systemctl stop slapd; rm /var/lib/ldap/server-for-dummies/*; systemctl start slapd"
    )
    wait_until(lambda: content(lab, "secondary") == before, 120)
    assert all(result["ok"] for result in lab.probes("client", "--service=ldap").values())


LOADED = 3000
LOAD_BASE = "ou=load,o=um,c=es"


def entries_file(path: Path, count: int, more: str = "") -> Path:
    """Write a file with so many people in a unit of their own."""
    people = "".join(
        f"dn: uid=load{number},{LOAD_BASE}\nobjectClass: inetOrgPerson\nuid: load{number}\ncn: Load {number}\nsn: L\n\n"
        for number in range(count)
    )
    path.write_text(f"dn: {LOAD_BASE}\nobjectClass: organizationalUnit\n\n{people}{more}")
    return path


def found(lab: Lab, host: str, name: str) -> bool:
    """Return whether somebody finds a person by an attribute with an index."""
    argv = ["ldapsearch", "-x", "-LLL", "-H", f"ldap://{host}.st.um", "-b", LOAD_BASE, f"(uid={name})", "cn"]
    return "cn: Load" in lab.run("client", *argv, check=False)


@pytest.fixture
def loaded(lab: Lab) -> Iterator[None]:
    """Give the directory back as it was; to delete thousands of entries would take minutes."""
    now, kept = "/var/lib/ldap", "/var/lib/ldap-kept"
    stopped = "systemctl stop slapd; {}; systemctl start slapd"
    lab.run("primary", "sh", "-ec", stopped.format(f"cp -a {now} {kept}"))
    before = content(lab, "primary")
    yield
    files = "/var/lib/server-for-dummies/directory-files /var/lib/server-for-dummies/ldif"
    lab.run("primary", "sh", "-ec", stopped.format(f"rm -rf {now} {files}; mv {kept} {now}"))
    lab.run("secondary", "sh", "-ec", stopped.format(f"rm {now}/*/data.mdb"))
    wait_until(lambda: content(lab, "primary") == content(lab, "secondary") == before, 60)


def test_many_entries_are_loaded_at_once_and_copied(lab: Lab, loaded: None, tmp_path: Path) -> None:
    settings = {"slapd_ldif_files": [str(entries_file(tmp_path / "load.ldif", LOADED))]}
    by_hand = "dn: cn=by hand,o=um,c=es\nobjectClass: device\n"
    lab.run("primary", "sh", "-c", f"printf '{by_hand}' | ldapadd -Q -Y EXTERNAL -H ldapi:///")
    try:
        lab.playbook("playbooks/directory.yml", settings=settings)
        assert found(lab, "ns1", f"load{LOADED - 1}")
        wait_until(lambda: found(lab, "ns2", f"load{LOADED - 1}"), 120)
        copied(lab, 120)
        assert "dn: cn=by hand,o=um,c=es" in "\n\n".join(content(lab, "secondary"))
        assert changed(lab.playbook("playbooks/directory.yml", settings=settings)) == 0
        # What is changed afterwards stays, also when there is more to load; and it is copied as before.
        away = f"dn: uid=load7,{LOAD_BASE}\nchangetype: modify\nreplace: sn\nsn: Changed\n"
        lab.run("primary", "sh", "-c", f"printf '{away}' | ldapmodify -Q -Y EXTERNAL -H ldapi:///")
        entries_file(tmp_path / "load.ldif", LOADED + 1)
        lab.playbook("playbooks/directory.yml", settings=settings)
        assert found(lab, "ns1", f"load{LOADED}")
        # Told that it has to compare everything, the copy does so though nobody asks it anything: slapcat does not.
        copied(lab, 120)
        assert "sn: Changed" in "\n\n".join(content(lab, "secondary"))
    finally:
        lab.run("primary", "ldapdelete", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///", "cn=by hand,o=um,c=es")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (f"dn: cn=wrong,{LOAD_BASE}\nobjectClass: device\ncolour: red\n", "colour"),
        (f"dn: cn=wrong,{LOAD_BASE}\nobjectClass: inetOrgPerson\n", "cn=wrong"),
        (f"dn: cn=wrong,{LOAD_BASE}\nobjectClass: inetOrgPerson\nsn: x\nuid: user1\n", "cn=User One,ou=st,o=um,c=es"),
        ("dn: cn=wrong,o=other\nobjectClass: device\n", "cn=wrong,o=other"),
    ],
)
def test_a_file_that_slapd_would_refuse_changes_nothing(
    lab: Lab, loaded: None, tmp_path: Path, more: str, words: str
) -> None:
    since = lab.run("primary", "systemctl", "show", "-P", "ActiveEnterTimestamp", "slapd")
    before = content(lab, "primary")
    settings = {"slapd_ldif_files": [str(entries_file(tmp_path / "load.ldif", 50, more))]}
    run = lab.playbook("playbooks/directory.yml", "-l", "primary", settings=settings, fails=True)
    assert words in run
    assert content(lab, "primary") == before
    assert lab.run("primary", "systemctl", "show", "-P", "ActiveEnterTimestamp", "slapd") == since


@pytest.mark.parametrize("victim", ["slapadd", "ldif_load", "host"])
def test_a_load_that_is_killed_leaves_the_old_entries_and_is_done_anew(
    lab: Lab, loaded: None, tmp_path: Path, victim: str
) -> None:
    before = content(lab, "primary")
    settings = {"slapd_ldif_files": [str(entries_file(tmp_path / "load.ldif", 20000))]}
    with lab.popen("playbooks/directory.yml", "-l", "primary", settings=settings) as run:
        lab.run("primary", "sh", "-c", "until test -s /var/lib/ldap/.load-*/data/data.mdb; do sleep 0.05; done")
        if victim == "host":
            lab.power_cycle("primary")
        elif victim == "slapadd":
            lab.run("primary", "pkill", "-KILL", "-x", "slapadd")
        else:
            lab.run("primary", "sh", "-c", "kill -KILL $(ps -o ppid= -C systemd-run)")
        run.communicate(timeout=180)
    assert run.returncode
    # The directory serves, with what was there, and after the module alone was killed perhaps with all of the new.
    wait_until(lambda: not lab.run("primary", "systemctl", "is-active", "ldif-load", check=False).startswith("act"), 60)
    wait_until(lambda: lab.run("primary", "systemctl", "is-active", "slapd", check=False) == "active\n", 60)
    assert content(lab, "primary") == before or (victim == "ldif_load" and found(lab, "ns1", "load19999"))
    lab.playbook("playbooks/directory.yml", "-l", "primary", settings=settings)
    assert found(lab, "ns1", "load19999")
    assert lab.run("primary", "find", "/var/lib/ldap", "-name", ".load-*") == ""
