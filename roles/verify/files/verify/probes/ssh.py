"""Remote shell, as a user of this host sees it, and as a stranger does."""

import ipaddress
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import Any

from frame import ProbeError, demand
from transcript import ANSWERED, ASKED, command, dial, note

TIMEOUT = 8.0
PORT = 22
# RFC 4253 section 7.1: the lists of a KEXINIT message that are looked at, by their place in it.
LISTS = {"key exchange": 0, "host key": 1, "cipher": 2, "MAC": 4}
# Broken or worn out (RFC 8758, RFC 9142), and what nobody needs since.
WEAK = (
    "sha1",
    "md5",
    "cbc",
    "3des",
    "arcfour",
    "ssh-dss",
    "none",
    "ssh-rsa",
    "nistp",
    "umac-64",
    "group1-",
    "group14-",
)
POST_QUANTUM = ("mlkem", "sntrup")
STRANGER = "does-not-exist.invalid"
Pairs = Iterator[tuple[str, partial[str]]]


def probes(settings: dict[str, Any]) -> Pairs:
    """Yield the probes of every host that can be logged in to, then those of a user's login."""
    domain = settings["domain"]
    for host in settings["hosts"]:
        for address in host["addresses"]:
            where = f"{host['name']} ipv{ipaddress.ip_address(address).version}"
            yield f"{where}: modern algorithms only", partial(modern, address)
            yield f"{where}: keys only", partial(keys_only, address)
        if "user" in settings:
            names = [f"{name}.{domain}".removeprefix("@.") for name in host["names"]]
            yield f"{host['name']}: host key certified for its names", partial(certified, names)
    if "user" in settings:
        user, login = settings["user"], domain
        yield f"{user}@{login}: no question, a Maildir", partial(first_login, user, login)
        yield f"{user}@{login}: sftp", partial(sftp, user, login)
        yield f"{user}@{login}: refused without a key", partial(without_key, user, login)
        yield f"{user}@{login}: refused as somebody else", partial(as_another, user, login, "root")
        yield f"{user}@{login}: a wrong host key refused", partial(wrong_host, user, login)
    else:  # somebody to whom the name is not its resolver's own, so that it is validated on the way
        yield f"{domain}: host key believed by its SSHFP record", partial(by_dns, domain)


def exactly(connection: socket.socket, size: int) -> bytes:
    """Read as many octets."""
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        demand(part, "the server ends the connection")
        data += part
    return data


def offered(address: str) -> tuple[str, list[list[str]]]:
    """Return a server's banner, and what it offers at the beginning of a connection (RFC 4253)."""
    with dial(address, PORT, TIMEOUT) as connection:
        note(ASKED, "SSH-2.0-probe")
        connection.sendall(b"SSH-2.0-probe\r\n")
        banner = b""
        while not banner.endswith(b"\n"):
            banner += exactly(connection, 1)
            demand(len(banner) < 256, "the server sends no version")
        (length,) = struct.unpack(">I", exactly(connection, 4))
        demand(length < 35000, f"a packet of {length} octets")
        packet = exactly(connection, length)
    payload = packet[1 : length - packet[0]]
    demand(payload[0] == 20, f"message {payload[0]} instead of KEXINIT")
    lists, at = [], 17
    for _ in range(10):
        (size,) = struct.unpack_from(">I", payload, at)
        lists.append(payload[at + 4 : at + 4 + size].decode("ascii").split(","))
        at += 4 + size
    note(ANSWERED, banner)
    note(ANSWERED, lambda: "\n".join(f"{what}: {', '.join(lists[place])}" for what, place in LISTS.items()))
    return banner.decode(errors="replace").strip(), lists


def modern(address: str) -> str:
    """Demand that a server offers a post-quantum key exchange, and nothing that is weak."""
    banner, lists = offered(address)
    for what, place in LISTS.items():
        weak = [name for name in lists[place] if any(word in name for word in WEAK)]
        demand(not weak, f"{what}: {', '.join(weak)}")
    first = lists[LISTS["key exchange"]][0]
    demand(first.startswith(POST_QUANTUM), f"the preferred key exchange is {first}")
    return f"{banner}: {first}, {lists[LISTS['cipher']][0]}"


def ssh(
    user: str, host: str, *options: str, order: str = "true", as_user: str = "", trust: str = ""
) -> subprocess.CompletedProcess:
    """Log in as a user of this host would who has never done so before."""
    argv = ["runuser", "-u", as_user, "--"] if as_user else []
    argv += ["ssh", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=3", *options]
    environment = {**os.environ, "RES_OPTIONS": trust}
    return command([*argv, f"{user}@{host}", order], host, PORT, cwd="/", env=environment)


def words(done: subprocess.CompletedProcess) -> str:
    """Return the last line that a command printed."""
    return (done.stderr or done.stdout).strip().rpartition("\n")[2]


def keys_only(address: str) -> str:
    """Demand that keys are the only way in."""
    done = ssh("root", address, "-o", "PreferredAuthentications=none", "-o", "StrictHostKeyChecking=no", "-F", "none")
    demand(done.returncode == 255, f"status {done.returncode}: {words(done)}")
    demand("Permission denied (publickey)." in done.stderr, words(done))
    return words(done)


def certified(names: list[str]) -> str:
    """Demand that a host's key is believed by each of its names, and by no other."""
    for name in names:
        done = ssh("root", name, "-o", "PreferredAuthentications=none")
        demand("Permission denied (publickey" in done.stderr, f"{name}: {words(done)}")  # so the key was believed
    alias = ("-o", f"HostKeyAlias={STRANGER}", "-o", "StrictHostKeyChecking=yes")
    done = ssh("root", names[0], "-o", "PreferredAuthentications=none", *alias)
    demand("Host key verification failed" in done.stderr, f"as {STRANGER}: {words(done)}")
    return f"as {', '.join(names)}"


def first_login(user: str, host: str) -> str:
    """Log in without any question asked, and look at the home."""
    done = ssh(user, host, order="ls -p", as_user=user)
    demand(done.returncode == 0, words(done))
    demand("Maildir/" in done.stdout.split(), f"no Maildir in the home: {done.stdout.split()}")
    return " ".join(done.stdout.split())


def sftp(user: str, host: str) -> str:
    """Send a file there and get it back."""
    text = os.urandom(32).hex()
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/there", "w", encoding="ascii") as file:
            file.write(text)
        name = f"probe-{text[:8]}"
        with open(f"{folder}/batch", "w", encoding="ascii") as file:
            file.write(f"put {folder}/there {name}\nget {name} {folder}/back\nrm {name}\n")
        shutil.chown(folder, user)  # who writes into it
        argv = ["runuser", "-u", user, "--", "sftp", "-q", "-b", f"{folder}/batch"]
        done = command([*argv, "-o", "UserKnownHostsFile=/dev/null", f"{user}@{host}"], host, PORT, cwd="/")
        demand(done.returncode == 0, words(done))
        with open(f"{folder}/back", encoding="ascii") as file:
            demand(file.read() == text, "the file came back changed")
    return f"{len(text)} octets there and back"


def by_dns(host: str) -> str:
    """Demand that what the signed DNS says of a host's key (RFC 4255) is enough to believe it."""
    believing = ("-o", "VerifyHostKeyDNS=yes", "-o", "StrictHostKeyChecking=yes", "-o", "HostKeyAlgorithms=ssh-ed25519")
    # Whether an answer was validated the C library only passes on when told to.
    done = ssh("root", host, "-v", "-F", "none", *believing, "-o", "PreferredAuthentications=none", trust="trust-ad")
    demand("Permission denied (publickey" in done.stderr, words(done))
    demand("secure fingerprints in DNS" in done.stderr, "the DNS was not asked")
    return next(line for line in done.stderr.splitlines() if "fingerprints in DNS" in line)


def refused(done: subprocess.CompletedProcess) -> str:
    """Demand that a login was refused."""
    demand(done.returncode == 255 and "Permission denied" in done.stderr, f"status {done.returncode}: {words(done)}")
    return words(done)


def without_key(user: str, host: str) -> str:
    """Demand that nobody logs in without a key."""
    nothing = ("-o", "IdentityFile=none", "-o", "CertificateFile=none", "-o", "IdentityAgent=none")
    return refused(ssh(user, host, *nothing))  # as root of this host, who has none


def as_another(user: str, host: str, other: str) -> str:
    """Demand that a user's key is good for that user alone."""
    return refused(ssh(other, host, as_user=user))


def wrong_host(user: str, host: str) -> str:
    """Demand that a host whose key is not the one that is known is refused."""
    with tempfile.NamedTemporaryFile("w", encoding="ascii", suffix=".known") as known:
        known.write(f"{host} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDqJsKzqNwvQBGYgoMKhHH4vJE+kV8kCuQ8WHQ0OXJ+9\n")
        known.flush()
        os.chmod(known.name, 0o644)
        only = ("-o", f"GlobalKnownHostsFile={known.name}", "-o", "HostKeyAlgorithms=ssh-ed25519")
        done = ssh(user, host, *only, as_user=user)
    if done.returncode != 255 or "HOST IDENTIFICATION HAS CHANGED" not in done.stderr:
        raise ProbeError(f"status {done.returncode}: {words(done)}")
    return "REMOTE HOST IDENTIFICATION HAS CHANGED"
