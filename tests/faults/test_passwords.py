"""Somebody tries passwords of mailboxes, many at a time, and keeps nobody else waiting."""

import subprocess

from lab import Lab

TRIERS = 80
SECONDS = 30
BEGIN = """
import sys, threading, time
sys.path.insert(0, "/usr/local/lib/server-for-dummies/verify")
from probes import mail_base
"""
# Tries one password after the other on each of some connections; prints how many were refused in each half of the time.
TRY = """
address, triers, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
began, refused = time.monotonic(), []

def tries(trier):
    number = 0
    while time.monotonic() - began < seconds:
        number += 1
        try:
            server = mail_base.imap(address, 993)
            server.sock.settimeout(30)
            server.login("user1", f"{trier}-{number}")
        except mail_base.imaplib.IMAP4.abort:
            pass
        except mail_base.imaplib.IMAP4.error:
            refused.append(time.monotonic() - began)
        except OSError:
            time.sleep(0.2)

for trier in range(triers):
    threading.Thread(target=tries, args=(trier,), daemon=True).start()
time.sleep(seconds)
print(len([when for when in refused if when < seconds / 2]), len([when for when in refused if when >= seconds / 2]))
"""
# Logs in every second; prints how long each took.
LOG_IN = """
address, seconds, name, password = sys.argv[1], float(sys.argv[2]), *sys.argv[3:]
began = time.monotonic()
while time.monotonic() - began < seconds:
    asked = time.monotonic()
    server = mail_base.imap(address, 993)
    server.sock.settimeout(30)
    server.login(name, password)
    print(time.monotonic() - asked)
    mail_base.end(server)
    time.sleep(1)
"""


def start(lab: Lab, host: str, text: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a program on a host."""
    argv = ["docker", "exec", lab.container(host), "python3", "-B", "-c", BEGIN + text, lab.address(135)]
    return subprocess.Popen([*argv, *map(str, arguments)], text=True, stdout=subprocess.PIPE)


def test_who_tries_passwords_keeps_nobody_waiting(lab: Lab) -> None:
    password = (lab.secrets() / "password-user2").read_text().strip()
    with start(lab, "internet", TRY, TRIERS, SECONDS) as attacker:
        with start(lab, "client", LOG_IN, SECONDS - 5, "user2", password) as user:
            took = [float(line) for line in user.communicate()[0].split()]
        first, second = map(int, attacker.communicate()[0].split())
    print(f"{first} and {second} passwords refused in {SECONDS / 2} s each; logins took {sorted(took)[-3:]} s at most")
    assert user.returncode == attacker.returncode == 0
    # At first each of the triers has one try, until it is known that they are wrong.
    assert second < 10 * SECONDS / 2
    assert len(took) > SECONDS / 3
    assert sorted(took)[len(took) // 2] < 1
