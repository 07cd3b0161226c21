#!/usr/bin/env python3
"""The mail server beside the untouched packages, on the running lab: letters, log-ins and fetches per second."""

import json
import re
import statistics
import subprocess
import sys
from typing import Any

from lab import TOP, Lab, wait_until

FLOOR = 0.9  # of what the packages do
ROUNDS, LETTERS, WRITERS = 7, 120, 4
LOGINS, FETCHES = 80, 40
LAB = Lab()
MISSED: list[str] = []
PEOPLE = {name: (LAB.secrets() / f"password-{name}").read_text().strip() for name in ("user1", "user2")}
# The packages as they come, told where they are and to deliver to ~/Maildir, with the TLS that they offer by themselves.
PACKAGE = r"""
set -e
export DEBIAN_FRONTEND=noninteractive
cat >/etc/apt/apt.conf.d/00lab-proxy <<'END'
Acquire::http::Proxy "http://{gateway}:3142";
END
printf 'nameserver {resolver}\n' >/etc/resolv.conf
debconf-set-selections <<'END'
exim4-config exim4/dc_eximconfig_configtype select internet site; mail is sent and received directly using SMTP
exim4-config exim4/dc_other_hostnames string st.um
exim4-config exim4/dc_local_interfaces string
exim4-config exim4/dc_localdelivery select Maildir format in home directory
exim4-config exim4/dc_relay_nets string {network}
exim4-config exim4/use_split_config boolean true
END
apt-get -qq update
apt-get -qq -y install --no-install-recommends exim4-daemon-heavy dovecot-imapd ssl-cert openssl >/dev/null 2>&1
for user in {users}; do useradd -m $user; done
chpasswd
cat >/etc/dovecot/local.conf <<'END'
{dovecot}
END
cp /etc/ssl/certs/ssl-cert-snakeoil.pem /etc/exim4/exim.crt
cp /etc/ssl/private/ssl-cert-snakeoil.key /etc/exim4/exim.key
chown root:Debian-exim /etc/exim4/exim.*; chmod 640 /etc/exim4/exim.*
# The same connections as ours get, and no letter that waits for a run of the queue.
printf 'MAIN_TLS_ENABLE = yes\nsmtp_accept_max = 100\nsmtp_accept_queue_per_connection = 100\n' >/etc/exim4/conf.d/main/00_local
systemctl restart exim4 dovecot
"""
DOVECOT = {
    "12": "mail_location = maildir:~/Maildir",
    "13": "mail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = ~/Maildir",
}
# Prints the seconds that something takes; several do it at a time.
WORK = r"""
import sys, threading, time
sys.path.insert(0, "/usr/local/lib/server-for-dummies/verify")
from probes import mail
what, address, tls, sender, count, writers, *people = sys.argv[1:]
tls, share, people = tls == "tls", int(count) // int(writers), [person.split("=", 1) for person in people]
problems = []
def letters(number):
    server = mail.smtp(address, 25, mail.unverified() if tls else None)
    for turn in range(share):
        name, _ = people[(number + turn) % len(people)]
        mail.reply(server.mail(sender), 250)
        mail.reply(server.rcpt(f"{name}@st.um"), 250)
        text = f"From: {sender}\r\nSubject: {number} {turn}\r\nMessage-ID: <{number}.{turn}@bench>\r\n\r\n" + "text\r\n" * 300
        mail.reply(server.data(text.encode()), 250)
    server.quit()
def logins(number):
    for turn in range(share):
        box = mail.imap(address, 993)
        mail.good(box.login(*people[(number + turn) % len(people)]))
        box.logout()
def fetches(number):
    box = mail.imap(address, 993)
    mail.good(box.login(*people[number % len(people)]))
    box.select()
    for turn in range(share):
        assert mail.good(box.fetch("1:20", "(FLAGS BODY.PEEK[])"))
    box.logout()
def work(number):
    try:
        globals()[what](number)
    except Exception as error:
        problems.append(error)
threads = [threading.Thread(target=work, args=(number,)) for number in range(int(writers))]
start = time.monotonic()
[thread.start() for thread in threads]
[thread.join() for thread in threads]
if problems:
    raise problems[0]
print(time.monotonic() - start)
"""


def docker(*argv: str, text: str = "") -> str:
    """Run a command of the engine's client; return what it printed."""
    return subprocess.run(["docker", *argv], check=True, capture_output=True, text=True, input=text).stdout.strip()


def start_package(release: str) -> None:
    """Make one more host, of the same size as ours, with the packages."""
    like = json.loads(docker("inspect", LAB.container("primary")))[0]
    host, prefix = like["HostConfig"], LAB.address(0).rpartition(".")[0]
    argv = ["run", "--detach", "--name", LAB.container("package"), "--hostname", "package"]
    argv += ["--network", LAB.name, "--ip", LAB.address(150), "--env", "container=docker"]
    argv += ["--env", f"LAB_ADDRESSES={LAB.address(150)}/24", "--env"]
    argv += ["LAB_ROUTES=" + next(line[11:] for line in like["Config"]["Env"] if line.startswith("LAB_ROUTES="))]
    for option, values in (("cap-add", host["CapAdd"]), ("security-opt", host["SecurityOpt"]), ("volume", host["Binds"])):
        argv += [word for value in values for word in (f"--{option}", value)]
    argv += [word for path in host["Tmpfs"] for word in ("--tmpfs", path)]
    argv += [word for name, value in host["Sysctls"].items() for word in ("--sysctl", f"{name}={value}")]
    docker(*argv, like["Config"]["Image"])
    wait_until(lambda: "running" in LAB.run("package", "systemctl", "is-system-running", check=False), 60)
    script = PACKAGE.format(
        gateway=f"{prefix}.1",
        resolver=LAB.address(135),
        network=f"{prefix}.0/24",
        users=" ".join(PEOPLE),
        dovecot=DOVECOT[release],
    )
    words = "".join(f"{name}:{word}\n" for name, word in PEOPLE.items())
    docker("exec", "--interactive", LAB.container("package"), "bash", "-c", script, text=words)


def cpu(host: str) -> float:
    """Return the seconds of processor time that a host has used."""
    identifier = docker("inspect", "--format", "{{.Id}}", LAB.container(host))
    for path, factor in ((f"/sys/fs/cgroup/cpuacct/docker/{identifier}/cpuacct.usage", 1e9),):
        with open(path) as usage:
            return int(usage.read()) / factor
    raise FileNotFoundError(identifier)


def letters_at(host: str) -> int:
    """Return how many letters there are."""
    return int(LAB.run(host, "sh", "-c", f"cat /dev/null; find {folders()} -type f | wc -l"))


def folders() -> str:
    """Return where new letters come to."""
    return " ".join(f"/home/{name}/Maildir/new /home/{name}/Maildir/cur" for name in PEOPLE)


def empty(host: str) -> None:
    """Delete all letters."""
    LAB.run(host, "sh", "-c", f"find {folders()} -type f -delete")


ADDRESSES = {"primary": LAB.address(135), "package": LAB.address(150)}


def once(host: str, what: str, where: str, tls: bool, count: int) -> tuple[float, float]:
    """Have something done so many times; return the seconds, and those of the host's processors."""
    sender = "user@example.org" if where == "internet" else "user1@st.um"
    arguments = [what, ADDRESSES[host], "tls" if tls else "plain", sender, str(count), str(WRITERS)]
    arguments += [f"{name}={word}" for name, word in PEOPLE.items()]
    used = cpu(host)
    took = float(LAB.run(where, "python3", "-B", "-c", WORK, *arguments))
    if what == "letters":
        # What is accepted has to be delivered, too; that takes part of the time.
        from time import monotonic

        begun = monotonic()
        wait_until(lambda: letters_at(host) >= count, 60)
        took += monotonic() - begun
        assert letters_at(host) == count
        used = cpu(host) - used
        empty(host)
        return took, used
    return took, cpu(host) - used


def compare(what: str, where: str, tls: bool, count: int) -> dict[str, Any]:
    """Compare the two, in turns, so that what slows the machine down slows down both."""
    seconds: dict[str, list[float]] = {host: [] for host in ADDRESSES}
    processor: dict[str, list[float]] = {host: [] for host in ADDRESSES}
    for turn in range(ROUNDS + 1):
        for host in sorted(ADDRESSES, reverse=turn % 2 == 0):
            took, used = once(host, what, where, tls, count)
            if turn:  # the first one warms up
                seconds[host].append(took)
                processor[host].append(used)
    ratios = [theirs / ours for ours, theirs in zip(seconds["primary"], seconds["package"], strict=True)]
    ratio = statistics.median(ratios)
    if ratio < FLOOR:
        MISSED.append(f"{what}, {where}, {'TLS' if tls else 'plain'}: {ratio:.2f} is below {FLOOR}")
    return {
        "per second": {host: round(count / statistics.median(each), 1) for host, each in seconds.items()},
        "processor, ms each": {
            host: round(1000 * statistics.median(each) / count, 2) for host, each in processor.items()
        },
        "ours / package": round(ratio, 3),
        "from": round(min(ratios), 3),
        "to": round(max(ratios), 3),
    }


def main() -> None:
    """Measure all, write build/bench-mail.json, and fail where we are below the floor."""
    release = re.search(r"^\d+", LAB.run("primary", "cat", "/etc/debian_version"))[0]
    try:
        start_package(release)
        for host in ADDRESSES:
            LAB.run(host, "sh", "-c", f"mkdir -p {folders()}; for u in {' '.join(PEOPLE)}; do chown -R $u: /home/$u; done")
            empty(host)
        figures = {
            "letters, plain": compare("letters", "client", tls=False, count=LETTERS),
            "letters, TLS": compare("letters", "client", tls=True, count=LETTERS),
            "letters from outside, TLS and checks": compare("letters", "internet", tls=True, count=LETTERS),
            "log-ins over TLS": compare("logins", "client", tls=True, count=LOGINS),
        }
        for host in ADDRESSES:
            once_kept(host)
        figures["fetches of 20 letters over TLS"] = compare("fetches", "client", tls=True, count=FETCHES)
    finally:
        empty("primary")
        docker("rm", "--force", "--volumes", LAB.container("package"))
    (TOP / "build" / "bench-mail.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    if MISSED:
        sys.exit("; ".join(MISSED))


def once_kept(host: str) -> None:
    """Bring letters to fetch."""
    arguments = ["letters", ADDRESSES[host], "plain", "user1@st.um", "80", str(WRITERS)]
    LAB.run("client", "python3", "-B", "-c", WORK, *arguments, *(f"{name}={word}" for name, word in PEOPLE.items()))
    wait_until(lambda: letters_at(host) == 80, 60)


if __name__ == "__main__":
    main()
