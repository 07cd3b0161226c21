"""What a host sees when it looks at itself, what it writes of that, and that nothing of it is lost."""

import datetime
import email
import email.policy
import json
import os
import re
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import upkeep
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime(2026, 11, 28, 6, 30, tzinfo=datetime.UTC).timestamp()
DAY = 86400
NAME = "mail.st.um"
KEY = ec.generate_private_key(ec.SECP256R1())


def at(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def certified(ends: float, name: str = NAME, key: ec.EllipticCurvePrivateKey = KEY) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(at(NOW - 400 * DAY)).not_valid_after(at(ends))
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    builder = builder.add_extension(names, critical=False).add_extension(x509.BasicConstraints(True, None), True)
    return builder.sign(key, hashes.SHA256())


def pem(thing: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return thing.public_bytes(serialization.Encoding.PEM)


def revoked(ends: float) -> x509.CertificateRevocationList:
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer)
    return builder.last_update(at(NOW - DAY)).next_update(at(ends)).sign(KEY, hashes.SHA256())


def wrong(findings: list[upkeep.Finding]) -> dict[str, str]:
    return {each.key: each.text for each in findings if not each.ok}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put programs in the place of a host's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(upkeep, "PAUSE", 0.01)

    def put(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return put


# Certificates and lists


@pytest.mark.parametrize(("left", "ok"), [(14 * DAY, True), (14 * DAY - 1, False), (-DAY, False)])
def test_a_certificate_has_to_be_good_for_a_time(tmp_path: Path, left: float, ok: bool) -> None:
    # What is behind it, its authority, is looked at where it is.
    (tmp_path / "mail.pem").write_bytes(pem(certified(NOW + left)) + pem(certified(NOW + 1)))
    (found,) = upkeep.certificates({"files": [f"{tmp_path}/*.pem"], "days": 14}, NOW)
    assert (found.key, found.ok, found.value) == (f"certificate {tmp_path}/mail.pem", ok, left)
    assert "at least 14 days are wanted (upkeep_certificate_days)" in found.text


def test_a_certificate_may_be_binary_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.crt").write_bytes(certified(NOW + DAY).public_bytes(serialization.Encoding.DER))
    (tmp_path / "b.crt").write_text("no certificate")
    found = upkeep.certificates({"files": [f"{tmp_path}/*.crt"], "days": 1}, NOW)
    assert [(each.ok, each.value) for each in found] == [(True, DAY), (False, None)]
    assert "cannot be read: openssl failed" in found[1].text


@pytest.mark.parametrize("binary", [False, True])
def test_of_lists_in_one_file_the_first_that_ends_counts(tmp_path: Path, binary: bool) -> None:
    path, lists = tmp_path / "st.um.crl", [revoked(NOW + 5 * DAY), revoked(NOW + 2 * DAY - 1)]
    data = lists[1].public_bytes(serialization.Encoding.DER) if binary else b"".join(map(pem, lists))
    path.write_bytes(data)
    (found,) = upkeep.crls({"files": [str(path)], "days": 2}, NOW)
    assert (found.ok, found.value) == (False, 2 * DAY - 1)
    assert "(upkeep_crl_days)" in found.text


# Room


def test_each_file_system_that_can_get_full_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaced, file = tmp_path / "a b", tmp_path / "file"
    spaced.mkdir()
    file.touch()
    types, mounts = tmp_path / "filesystems", tmp_path / "mounts"
    types.write_text("nodev\tproc\nnodev\toverlay\n\text4\n")
    lines = [f"/dev/a {file} ext4 rw 0 0", "proc /proc proc rw 0 0", "/dev/b /proc ext4 ro 0 0"]
    lines += [f"/dev/a {tmp_path}/a\\040b ext4 rw 0 0", f"overlay {tmp_path} overlay rw 0 0"]
    mounts.write_text("".join(f"{line}\n" for line in lines))
    monkeypatch.setattr(upkeep, "FILE_SYSTEMS", types)
    monkeypatch.setattr(upkeep, "MOUNTS", mounts)
    assert upkeep.mounted() == [str(spaced)]


@pytest.mark.parametrize(
    ("free", "inodes", "told"), [(10, 5, []), (9, 5, ["disk /"]), (10, 4, ["inodes /"]), (9, 4, ["disk /", "inodes /"])]
)
def test_there_has_to_be_room(free: int, inodes: int, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # Of 120 blocks, 20 are kept for root.
    state = {"f_blocks": 120, "f_bfree": free + 20, "f_bavail": free}
    state |= {"f_files": 100, "f_ffree": inodes, "f_favail": inodes}
    monkeypatch.setattr(upkeep, "mounted", lambda: ["/"])
    monkeypatch.setattr(upkeep.os, "statvfs", lambda _: SimpleNamespace(**state))
    findings = upkeep.disks({"disk_percent": 10, "inode_percent": 5}, NOW)
    assert [*wrong(findings)] == told
    assert [each.value for each in findings] == [free / 100, inodes / 100]
    assert f"{free}.0 % are free; at least 10 % are wanted (upkeep_disk_percent)" in findings[0].text


def test_a_file_system_without_inodes_is_not_short_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    state = dict.fromkeys(("f_blocks", "f_bfree", "f_bavail"), 9) | dict.fromkeys(("f_files", "f_ffree", "f_favail"), 0)
    monkeypatch.setattr(upkeep, "mounted", lambda: ["/"])
    monkeypatch.setattr(upkeep.os, "statvfs", lambda _: SimpleNamespace(**state))
    assert [each.check for each in upkeep.disks({"disk_percent": 1, "inode_percent": 1}, NOW)] == ["disk"]


# Mail

QUEUE = """ 25m  2.9K 0t5C6f-0000c8-00 <user1@st.um>
          user@example.org

 {age}  1.1K 1vOmQz-00000000A1b-2c3D <> *** frozen ***
          D user@example.org
          other@example.org
"""


@pytest.mark.parametrize(
    ("letters", "age", "told"),
    [(2, "24h", []), (1, "24h", ["queue"]), (2, "25h", ["queue age"]), (2, "2d", ["queue age"])],
)
def test_letters_that_wait(program: Callable[[str, str], None], letters: int, age: str, told: list[str]) -> None:
    program("exim4", f"test \"$*\" = -bp && cat <<'END'\n{QUEUE.format(age=age)}END")
    findings = upkeep.queue({"letters": letters, "hours": 24}, NOW)
    assert [*wrong(findings)] == told
    assert [each.value for each in findings] == [2, int(age[:-1]) * {"h": 3600, "d": DAY}[age[-1]]]


def test_an_empty_queue_is_well(program: Callable[[str, str], None]) -> None:
    program("exim4", "true")
    assert wrong(upkeep.queue({"letters": 0, "hours": 0}, NOW)) == {}


# Names

DIG = """while read -r server zone type rest; do
    test "$type" = SOA || exit 1
    serial=$(cat "{folder}/$server$zone" 2>/dev/null) || continue
    echo "$zone 60 IN SOA ns1.st.um. hostmaster.st.um. $serial 1 2 3 4"
done <"$2"
exit 9"""


@pytest.fixture
def serial(tmp_path: Path, program: Callable[[str, str], None]) -> Callable[[str, str, int], None]:
    """Let a server serve a serial."""
    program("dig", DIG.format(folder=tmp_path))
    return lambda server, zone, number: (tmp_path / f"@{server}{zone}.").write_text(f"{number}\n") and None


ASKED = {"primary": "192.0.2.1", "names": ["st.um", "Other.um."], "seconds": 0}


@pytest.mark.parametrize(
    ("own", "given", "late"),
    [(7, 7, 0), (7, 8, 1), (8, 7, -1), (2**32 - 1, 1, 2), (None, 7, None), (7, None, None), (None, None, None)],
)
def test_serials_are_those_of_the_primary(
    serial: Callable[[str, str, int], None], own: int | None, given: int | None, late: int | None
) -> None:
    for server, number in (("127.0.0.1", own), ("192.0.2.1", given)):
        serial(server, "other.um", 5)
        if number is not None:
            serial(server, "st.um", number)
    findings = {each.subject: each for each in upkeep.zones(ASKED, NOW)}
    assert {zone: each.ok for zone, each in findings.items()} == {"st.um": own == given is not None, "other.um": True}
    assert findings["st.um"].value == late
    words = [f"serial {number}" if number is not None else "no answer" for number in (own, given)]
    assert f"{words[0]} here, {words[1]} at 192.0.2.1" in findings["st.um"].text


def test_a_transfer_that_is_under_way_is_waited_for(serial: Callable[[str, str, int], None]) -> None:
    serial("192.0.2.1", "st.um", 2)
    serial("127.0.0.1", "st.um", 1)
    timer = threading.Timer(0.5, serial, ("127.0.0.1", "st.um", 2))
    timer.start()
    assert wrong(upkeep.zones(ASKED | {"names": ["st.um"], "seconds": 30}, NOW)) == {}


# The directory

OLD, NEW = "20261128060000.000000Z#000000#000#000000", "20261128060130.500000Z#000000#000#000000"
LDAPSEARCH = """case "$*" in
*olcSyncrepl*) printf '%s\\n' 'dn: olcDatabase={{1}}mdb,cn=config' \\
  'olcSyncrepl: {{0}}rid=001 provider=ldap://ns1.st.um binddn="cn=a b,o=um" credentials=secret tls_cacert=/ca' ;;
*ldapi*) printf 'dn: o=um\\n'; sed 's/^/contextCSN: /' {folder}/own ;;
*)
    while test $# -gt 0; do test "$1" = -y && test "$(cat "$2")" = secret && ok=1; shift; done
    test "$ok$LDAPTLS_CACERT" = 1/ca && sed 's/^/contextCSN: /' {folder}/given ;;
esac"""


@pytest.mark.parametrize(("own", "ok", "late"), [(NEW, True, 0), (OLD, False, 90), ("", False, None)])
def test_a_copy_of_the_directory_has_come_as_far_as_what_it_is_copied_from(
    tmp_path: Path, program: Callable[[str, str], None], own: str, ok: bool, late: float | None
) -> None:
    program("ldapsearch", LDAPSEARCH.format(folder=tmp_path))
    (tmp_path / "given").write_text(f"{NEW}\n{OLD.replace('#000#', '#001#')}\n")
    (tmp_path / "own").write_text(f"{own}\n" if own else "")
    (found,) = upkeep.replication({"suffix": "o=um", "seconds": 0}, NOW)
    assert (found.ok, found.value) == (ok, late)
    assert "(upkeep_replication_seconds)" in found.text
    assert "secret" not in found.text


def test_a_copy_that_is_under_way_is_waited_for(tmp_path: Path, program: Callable[[str, str], None]) -> None:
    program("ldapsearch", LDAPSEARCH.format(folder=tmp_path))
    (tmp_path / "given").write_text(f"{NEW}\n")
    (tmp_path / "own").write_text(f"{OLD}\n")
    timer = threading.Timer(0.5, (tmp_path / "own").write_text, (f"{NEW}\n",))
    timer.start()
    assert wrong(upkeep.replication({"suffix": "o=um", "seconds": 30}, NOW)) == {}


# The host


def test_units_that_have_failed_are_told_one_by_one_and_not_our_own(program: Callable[[str, str], None]) -> None:
    units = "a.service loaded failed failed A unit\\nb@1.service loaded failed failed B\\n"
    program("systemctl", f"printf '{units}{upkeep.OWN_UNIT} loaded failed failed Ours\\n'")
    assert [*wrong(upkeep.units({}, NOW))] == ["unit a.service", "unit b@1.service"]


@pytest.mark.parametrize(("age", "ok"), [(3 * DAY, True), (3 * DAY + 1, False), (None, False)])
def test_the_last_backup(age: int | None, ok: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "BACKUP", tmp_path / "backup")
    if age is not None:
        upkeep.BACKUP.write_text(f"{at(NOW - age):%Y-%m-%dT%H:%M:%SZ}\n")
    (found,) = upkeep.backup({"days": 3}, NOW)
    assert (found.ok, found.value) == (ok, age)
    assert "one in 3 days is wanted (upkeep_backup_days)" in found.text


@pytest.mark.parametrize(
    ("age", "days", "ok"), [(None, 0, True), (0, 0, False), (7 * DAY - 1, 7, True), (7 * DAY, 7, False)]
)
def test_a_reboot_that_is_needed(
    age: int | None, days: int, ok: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "REBOOT", tmp_path / "reboot-required")
    if age is not None:
        upkeep.REBOOT.touch()
        os.utime(upkeep.REBOOT, (NOW - age, NOW - age))
        (tmp_path / "reboot-required.pkgs").write_text("linux-image-6.12\nlinux-image-6.12\n")
    (found,) = upkeep.reboot({"days": days}, NOW)
    assert (found.ok, found.value) == (ok, age or 0)
    assert age is None or "after linux-image-6.12; within" in found.text


APT = """test "$*" = "--simulate -o Debug::NoLocking=true dist-upgrade" || exit 1
cat <<'END'
Inst libssl3 [3.0.1-1] (3.0.2-1 Debian:12.5/oldstable, Debian-Security:12/oldstable-security [amd64]) []
Inst tzdata [2024a] (2024b Debian:12-updates/oldstable-updates [all])
Conf libssl3 (3.0.2-1 Debian-Security:12/oldstable-security [amd64])
END"""


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let apt's lists have some age."""
    path = tmp_path / "lists"
    path.mkdir()
    monkeypatch.setattr(upkeep, "LISTS", (tmp_path / "nothing", path))
    return lambda age: os.utime(path, (NOW - age, NOW - age))


def test_a_security_upgrade_may_wait_for_a_time(
    lists: Callable[[float], None], program: Callable[[str, str], None]
) -> None:
    lists(0)
    program("apt-get", APT)
    seen = {"libssl3=3.0.1-9": NOW - 9 * DAY}  # that one is installed by now
    settings = {"days": 3, "seen": seen}
    assert wrong(upkeep.upgrades(settings, NOW)) == {}
    assert seen == {"libssl3=3.0.2-1": NOW}
    assert wrong(upkeep.upgrades(settings, NOW + 3 * DAY)).keys() == set()
    lists(-4 * DAY)
    assert wrong(upkeep.upgrades(settings, NOW + 3 * DAY + 1)).keys() == {"upgrade libssl3"}
    program("apt-get", "true")
    assert wrong(upkeep.upgrades(settings, NOW + 4 * DAY)) == {}
    assert seen == {}


def test_what_is_not_asked_for_is_not_known(
    lists: Callable[[float], None], program: Callable[[str, str], None]
) -> None:
    program("apt-get", "true")
    lists(3 * DAY + 1)
    (text,) = wrong(upkeep.upgrades({"days": 3, "seen": {}}, NOW)).values()
    assert "last fetched at 2026-11-25 06:29 UTC, 3.0 days ago; within 3 days is wanted" in text


# Letters


class Server(threading.Thread):
    """A mail server with STARTTLS, which keeps what it takes."""

    def __init__(self, folder: Path, name: str = NAME) -> None:
        super().__init__(daemon=True)
        key, self.roots = folder / "server.key", folder / "roots.pem"
        key.write_bytes(
            KEY.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.roots.write_bytes(pem(certified(datetime.datetime.now(datetime.UTC).timestamp() + DAY, name)))
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(self.roots, key)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.letters: list[email.message.EmailMessage] = []
        self.answer = "250 ok"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:  # the test is over
                return
            try:
                self.talk(connection)
            except (OSError, ssl.SSLError):
                connection.close()

    def talk(self, connection: socket.socket) -> None:
        file, is_encrypted = connection.makefile("rwb"), False

        def say(words: str) -> None:
            file.write(f"{words}\r\n".encode())
            file.flush()

        say(f"220 {NAME}")
        while line := file.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                say(f"250-{NAME}\r\n250 STARTTLS")
            elif verb == "STARTTLS":
                say("220 go on")
                connection, is_encrypted = self.context.wrap_socket(connection, server_side=True), True
                file = connection.makefile("rwb")
            elif verb == "DATA":
                say("354 go on")
                lines = [*iter(file.readline, b".\r\n")]
                if is_encrypted and self.answer.startswith("250"):
                    text = b"".join(line.removeprefix(b".") for line in lines)
                    self.letters.append(email.message_from_bytes(text, policy=email.policy.default))
                say(self.answer)
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A mail server, which everybody finds by its name."""
    server = Server(tmp_path)
    server.start()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    yield server
    server.socket.close()


class Host:
    """A host on which something may be wrong, day after day."""

    def __init__(self, folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server, self.now = server, NOW
        self.wrong: dict[str, str] = {}
        self.breaks = False
        mail = {"server": NAME, "port": server.port, "roots": str(server.roots), "hello": "primary.st.um"}
        mail |= {"sender": "postmaster@st.um", "recipient": "postmaster@st.um"}
        self.settings: dict[str, Any] = {"host": "primary.st.um", "mail": mail, "repeat_days": 0}
        self.settings |= {"state": str(folder / "state.json"), "metrics": str(folder / "figures" / "site.prom")}
        self.settings["checks"] = {"units": {}}
        monkeypatch.setitem(upkeep.CHECKS, "units", (self.look, ("unit",)))

    def look(self, settings: dict[str, Any], now: float) -> list[upkeep.Finding]:
        if self.breaks:
            raise upkeep.CheckError("systemctl: no answer")
        well = upkeep.Finding("unit", "well.service", True, 0, "has not failed")
        return [well, *(upkeep.Finding("unit", name, False, 1, text) for name, text in self.wrong.items())]

    def day(self, wrong: str = "", text: str = "has failed; none is to") -> tuple[int, list[str]]:
        """Let a day pass; return the exit status, and the letters, each as its subject and the parts of its text."""
        self.wrong = dict.fromkeys(wrong.split(), text)
        self.now += DAY
        before = len(self.server.letters)
        status = upkeep.look_after(self.settings, self.now)
        return status, [str(each["Subject"]) for each in self.server.letters[before:]]

    @property
    def text(self) -> str:
        return self.server.letters[-1].get_content().replace("\r\n", "\n")


@pytest.fixture
def host(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, server, monkeypatch)


def test_a_failure_is_told_once_and_when_it_is_gone(host: Host) -> None:
    assert host.day() == (0, [])
    assert host.day("a.service") == (0, ["primary.st.um: unit a.service wrong"])
    assert host.text == (
        "Host primary.st.um, 2026-11-30 06:30 UTC\n\n"
        "Wrong:\n- unit a.service: has failed; none is to\n  seen since 2026-11-30 06:30 UTC\n"
    )
    head = host.server.letters[-1]
    (author,) = head["From"].addresses
    assert (author.display_name, author.addr_spec, head["To"]) == ("primary.st.um", *["postmaster@st.um"] * 2)
    assert head["Auto-Submitted"] == "auto-generated"
    assert host.day("a.service", "has failed again") == (0, [])
    assert host.day() == (0, ["primary.st.um: unit a.service well again"])
    assert "Well again:\n- unit a.service: it was: has failed again\n" in host.text
    assert "  seen from 2026-11-30 06:30 UTC on, well by 2026-12-02 06:30 UTC" in host.text
    assert host.day() == (0, [])


def test_another_failure_is_told_beside_those_that_last(host: Host) -> None:
    host.day("a.service")
    assert host.day("a.service b.service") == (0, ["primary.st.um: unit b.service wrong"])
    assert "Still wrong, as told before:\n- unit a.service" in host.text
    assert host.day("a.service") == (0, ["primary.st.um: unit b.service well again"])


def test_it_is_told_again_after_some_days_if_somebody_wants_that(host: Host) -> None:
    host.settings["repeat_days"] = 2
    host.day("a.service")
    assert [host.day("a.service")[1] != [] for _ in range(5)] == [False, True, False, True, False]


def test_what_could_not_be_told_is_told_the_next_time(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.server.answer = "452 full"
    assert host.day("a.service") == (1, [])
    assert "unit a.service: has failed" in capsys.readouterr().err
    assert host.day("a.service b.service") == (1, [])
    host.server.answer = "250 ok"
    assert host.day("a.service b.service") == (0, ["primary.st.um: unit a.service, unit b.service wrong"])
    assert "seen since 2026-11-29 06:30 UTC" in host.text


def test_what_has_come_and_gone_while_nothing_could_be_told_is_told_as_well(host: Host) -> None:
    host.server.answer = "452 full"
    host.day("a.service")
    assert host.day() == (1, [])
    host.server.answer = "250 ok"
    assert host.day() == (0, ["primary.st.um: unit a.service well again"])
    assert "seen from 2026-11-29 06:30 UTC on, well by 2026-11-30 06:30 UTC" in host.text
    assert host.day() == (0, [])


def test_that_it_is_gone_is_told_the_next_time_too(host: Host) -> None:
    host.day("a.service")
    host.server.answer = "452 full"
    assert host.day() == (1, [])
    host.server.answer = "250 ok"
    assert host.day() == (0, ["primary.st.um: unit a.service well again"])


def test_what_could_not_be_looked_at_is_not_well_again(host: Host) -> None:
    host.day("a.service")
    host.breaks = True
    assert host.day() == (0, ["primary.st.um: units wrong"])
    assert "units: cannot be looked at: CheckError: systemctl: no answer" in host.text
    host.breaks = False
    assert host.day("a.service") == (0, ["primary.st.um: units well again"])
    assert host.day() == (0, ["primary.st.um: unit a.service well again"])


def test_no_letter_goes_to_a_server_that_is_somebody_else(host: Host, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(pem(certified(NOW + 9999 * DAY, key=ec.generate_private_key(ec.SECP256R1()))))
    host.settings["mail"]["roots"] = str(other)
    assert host.day("a.service") == (1, [])
    host.settings["mail"] |= {"roots": str(host.server.roots), "server": "other.st.um"}
    assert host.day("a.service") == (1, [])
    host.settings["mail"]["server"] = NAME
    assert host.day("a.service")[0] == 0


def test_without_a_mail_server_the_program_fails(host: Host) -> None:
    host.settings["mail"]["server"] = ""
    assert host.day() == (0, [])
    assert host.day("a.service") == (1, [])
    assert host.day("a.service") == (1, [])


def test_a_letter_comes_even_if_nothing_can_be_written(host: Host, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    host.settings |= {"state": f"{tmp_path}/file/state.json", "metrics": f"{tmp_path}/file/site.prom"}
    status, (subject,) = host.day("a.service")
    assert (status, subject) == (1, "primary.st.um: unit a.service, metrics wrong")


def test_what_is_known_is_on_the_disk_before_the_letter_goes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(upkeep, "send", killed)
        with pytest.raises(KeyboardInterrupt):
            host.day("a.service")
    assert host.day() == (0, ["primary.st.um: unit a.service well again"])


def test_a_record_that_is_not_readable_makes_all_be_told(host: Host) -> None:
    host.day("a.service")
    Path(host.settings["state"]).write_text("{")
    assert host.day("a.service") == (0, ["primary.st.um: unit a.service wrong"])


def test_the_record_is_nobodys_business(host: Host) -> None:
    host.day("a.service")
    assert stat.S_IMODE(os.stat(host.settings["state"]).st_mode) == 0o600


# Figures

# The text-based format, version 0.0.4: a comment, or a name, its labels, and a number.
STRING = r'"(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{[a-zA-Z_][a-zA-Z0-9_]*={STRING}\}})? (-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)"
)


def parsed(text: str) -> dict[str, float]:
    """Read figures as strictly as can be: each metric is told of first, and is in one place."""
    assert text.endswith("\n")
    told, helped, samples = [], "", {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped = line.split(maxsplit=3)[2]
            assert len(line.split()) > 3
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {helped} gauge"
            assert helped not in told
            told.append(helped)
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            assert sample[1] == told[-1]
            name = line.rpartition(" ")[0]
            assert name not in samples
            samples[name] = float(sample[2])
    return samples


def test_figures_are_what_was_seen() -> None:
    findings = [
        upkeep.Finding(check, 'a "b"\\c\nd' if label else "", check != "disk", 0.5, "text")
        for check, (_, label, _) in upkeep.METRICS.items()
    ]
    findings.append(upkeep.Finding("queue age", "", True, 1e-7, "text"))
    findings.pop([each.check for each in findings].index("queue age"))
    findings.append(upkeep.Finding("zones", "", False, None, "cannot be looked at"))
    samples = parsed(upkeep.metrics(findings, [*upkeep.CHECKS], NOW))
    assert samples['site_certificate_left_seconds{file="a \\"b\\"\\\\c\\nd"}'] == 0.5
    assert samples["site_mail_queue_letters"] == 0.5
    assert samples["site_mail_queue_oldest_seconds"] == 1e-7
    assert samples["site_check_timestamp_seconds"] == NOW
    failures = {name for name, value in samples.items() if name.startswith("site_check_failures") and value}
    assert failures == {'site_check_failures{check="disks"}', 'site_check_failures{check="zones"}'}
    assert {name.partition("{")[0] for name in samples} == {
        *(name for name, _, _ in upkeep.METRICS.values()),
        "site_check_failures",
        "site_check_timestamp_seconds",
    }


def test_every_check_has_its_figure() -> None:
    assert sorted(kind for _, kinds in upkeep.CHECKS.values() for kind in kinds) == sorted(upkeep.METRICS)


def test_a_reader_sees_the_old_figures_or_the_new_ones(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.day("a.service")
    path = Path(host.settings["metrics"])
    before = path.read_text()
    assert parsed(before)['site_unit_failed{unit="a.service"}'] == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    seen: list[tuple[str, list[str]]] = []
    replace = os.replace

    def replaced(*pair: str) -> None:
        # The collector takes whatever ends so.
        seen.append((path.read_text(), [each.name for each in path.parent.iterdir() if each.suffix == ".prom"]))
        replace(*pair)

    monkeypatch.setattr(upkeep.os, "replace", replaced)
    host.day()
    assert seen[0] == (before, ["site.prom"])
    assert parsed(path.read_text())['site_check_failures{check="units"}'] == 0
    assert [*path.parent.iterdir()] == [path]


# The program


def test_it_can_be_told_to_look_only(tmp_path: Path) -> None:
    (tmp_path / "short.pem").write_bytes(pem(certified(datetime.datetime.now(datetime.UTC).timestamp() + DAY)))
    config = tmp_path / "upkeep.json"
    checks = {"certificates": {"files": [f"{tmp_path}/*.pem"], "days": 14}}
    config.write_text(json.dumps({"state": str(tmp_path / "state.json"), "checks": checks}))
    argv = ["python3", "-B", upkeep.__file__, "--config", str(config), "--look"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"WRONG: certificate {tmp_path}/short.pem: ends at ")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["short.pem", "upkeep.json"]
    config.write_text("{")
    assert subprocess.run(argv, capture_output=True).returncode == 2
