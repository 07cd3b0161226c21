"""A change of the directory that was accepted is there, and on the copy, whatever befalls the servers."""

import json
import random
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from lab import Lab, wait_until

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


@pytest.fixture
def many(lab: Lab) -> Iterator[None]:
    """A place for many entries, which is taken away afterwards."""
    root = "-Q -Y EXTERNAL -H ldapi:///"
    text = f"dn: {BASE}\nobjectClass: organizationalUnit"
    lab.run("primary", "sh", "-c", f"printf '%s\n' '{text}' | ldapadd {root}")
    yield
    lab.run("primary", "sh", "-c", f"ldapdelete {root} -r '{BASE}'")
    wait_until(lambda: content(lab, "primary") == content(lab, "secondary"), 120)


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
    wait_until(lambda: content(lab, "primary") == content(lab, "secondary"), 180)
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
