"""Look after this host: see what is wrong, write to postmaster, and leave figures for Prometheus.

What is looked at, and what it is measured against, is in a JSON file, which the role upkeep writes. A failure is told
in one letter, and not again while it lasts, unless `repeat_days` says so; when it is gone, that is told, too. What
could not be told is kept, and told the next time; until then the program fails. --look only prints what it sees.
"""

import argparse
import calendar
import glob
import json
import os
import re
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, NamedTuple

CONFIG = Path("/etc/server-for-dummies/upkeep.json")
OWN_UNIT = "server-for-dummies-upkeep.service"
BACKUP = Path("/var/lib/server-for-dummies/backup")  # written by the role backup
REBOOT = Path("/run/reboot-required")  # by what unattended-upgrades does when a kernel is installed
LISTS = (Path("/var/lib/apt/periodic/update-stamp"), Path("/var/lib/apt/lists/partial"), Path("/var/lib/apt/lists"))
FILE_SYSTEMS, MOUNTS = Path("/proc/filesystems"), Path("/proc/self/mounts")
LIMIT = 60  # seconds that a command may take
PAUSE = 1.0  # seconds between two looks at what may yet come right
AGES = {"m": 60, "h": 3600, "d": 86400}  # as `exim4 -bp` tells them
DAY = 86400
# By the check: the name of its metric, the label that tells the subject, if there is one, and what it means.
METRICS = {
    "backup": ("site_backup_age_seconds", "", "Time since the last backup of the whole host."),
    "certificate": ("site_certificate_left_seconds", "file", "Time until a certificate ends."),
    "crl": ("site_crl_left_seconds", "file", "Time until a list of revoked certificates ends."),
    "disk": ("site_disk_free_ratio", "mount", "Part of a file system's space that is free for users."),
    "inodes": ("site_inodes_free_ratio", "mount", "Part of a file system's inodes that is free."),
    "package lists": ("site_package_lists_age_seconds", "", "Time since apt's package lists were last fetched."),
    "queue": ("site_mail_queue_letters", "", "Letters that wait."),
    "queue age": ("site_mail_queue_oldest_seconds", "", "Time for which the oldest letter has waited."),
    "reboot": ("site_reboot_needed_seconds", "", "Time for which a reboot has been needed, 0 if none is."),
    "replication": ("site_directory_behind_seconds", "suffix", "Time by which a copy of the directory is behind."),
    "serial": ("site_zone_behind", "zone", "Serials by which this server is behind the primary."),
    "unit": ("site_unit_failed", "unit", "Units of systemd that have failed."),
    "upgrade": ("site_upgrade_pending_seconds", "package", "Time for which a security upgrade has been known."),
}


class CheckError(Exception):
    """Something could not be looked at; the text says why."""


class Finding(NamedTuple):
    """What was seen of one thing; `text` tells it with what it was measured against."""

    check: str
    subject: str
    ok: bool
    value: float | None  # in the metric's unit, nothing if it could not be measured
    text: str

    @property
    def key(self) -> str:
        """By what a failure is the same as that of yesterday."""
        return f"{self.check} {self.subject}".strip()


def run(*argv: str, text: str | None = None, more: dict[str, str] | None = None, fails: bool = False) -> str:
    """Run a command, and return what it printed; `fails` takes that, too, when its exit status is another than 0.

    Raises:
        CheckError: when it is not there, fails, or does not end.
    """
    environment = {**os.environ, "LC_ALL": "C", **(more or {})}
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=LIMIT, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckError(f"{argv[0]}: {error}") from error
    if done.returncode and not fails:
        raise CheckError(f"{argv[0]} failed (exit status {done.returncode}): {(done.stderr or done.stdout).strip()}")
    return done.stdout


def days(seconds: float) -> str:
    """Write a time for people."""
    return f"{seconds / DAY:.1f} days" if abs(seconds) >= DAY else f"{seconds / 3600:.1f} hours"


def utc(when: float) -> str:
    """Write a moment for people."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(when))


def ending(check: str, patterns: list[str], wanted: int, ends: Callable[[Path], float], now: float) -> list[Finding]:
    """Tell of files that are good for a time."""
    findings = []
    for path in sorted({path for pattern in patterns for path in glob.glob(pattern)}):
        try:
            end = ends(Path(path))
        except (CheckError, OSError, ValueError) as error:
            findings.append(Finding(check, path, False, None, f"cannot be read: {error}"))
            continue
        left = end - now
        text = f"ends at {utc(end)}, {days(left)} from now; at least {wanted} days are wanted (upkeep_{check}_days)"
        findings.append(Finding(check, path, left >= wanted * DAY, left, text))
    return findings


def certificate_ends(path: Path) -> float:
    """Return when the first certificate of a file ends."""
    told = run("openssl", "x509", "-noout", "-enddate", "-in", str(path))
    return ssl.cert_time_to_seconds(told.split("=")[1].strip())


def crl_ends(path: Path) -> float:
    """Return when the first of a file's lists ends."""
    lists = re.findall(r"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", path.read_text("latin-1"), re.DOTALL)
    argv = ("openssl", "crl", "-noout", "-nextupdate")
    told = [run(*argv, text=f"{each}\n") for each in lists] or [run(*argv, "-in", str(path))]
    return min(ssl.cert_time_to_seconds(each.split("=")[1].strip()) for each in told)


def certificates(settings: dict[str, Any], now: float) -> list[Finding]:
    """Look at certificates."""
    return ending("certificate", settings["files"], settings["days"], certificate_ends, now)


def crls(settings: dict[str, Any], now: float) -> list[Finding]:
    """Look at lists of revoked certificates."""
    return ending("crl", settings["files"], settings["days"], crl_ends, now)


def mounted() -> list[str]:
    """Return where file systems are that can get full, each once."""
    real = {line.strip() for line in FILE_SYSTEMS.read_text().splitlines() if not line.startswith("nodev")}
    found: dict[int, str] = {}
    for line in MOUNTS.read_text().splitlines():
        _, path, kind, options = line.split()[:4]
        path = path.encode("latin-1").decode("unicode_escape")  # a space is \040
        if kind in real | {"overlay", "zfs"} and "ro" not in options.split(",") and os.path.isdir(path):
            found.setdefault(os.stat(path).st_dev, path)
    return sorted(found.values())


def disks(settings: dict[str, Any], now: float) -> list[Finding]:
    """Look at the space and the inodes of file systems."""
    findings = []
    for path in mounted():
        at = os.statvfs(path)
        # As df(1) does: what is kept for root counts for nobody.
        for check, free, size, wanted in (
            ("disk", at.f_bavail, at.f_blocks - at.f_bfree + at.f_bavail, settings["disk_percent"]),
            ("inodes", at.f_favail, at.f_files - at.f_ffree + at.f_favail, settings["inode_percent"]),
        ):
            if size:  # some file systems make inodes as they need them
                option = "upkeep_disk_percent" if check == "disk" else "upkeep_inode_percent"
                text = f"{100 * free / size:.1f} % are free; at least {wanted} % are wanted ({option})"
                findings.append(Finding(check, path, free >= size * wanted / 100, free / size, text))
    return findings


def queue(settings: dict[str, Any], now: float) -> list[Finding]:
    """Look at the letters that wait."""
    waiting = re.findall(r"^\s*(\d+)([mhd])\s+\S+\s+\w+-\w+-\w+\s+<", run("exim4", "-bp"), re.MULTILINE)
    oldest = max((int(number) * AGES[unit] for number, unit in waiting), default=0)
    most, hours = settings["letters"], settings["hours"]
    text = f"{len(waiting)} letters wait; at most {most} are right (upkeep_queue_letters)"
    age = f"the oldest letter has waited {days(oldest)}; at most {hours} hours are right (upkeep_queue_hours)"
    return [
        Finding("queue", "", len(waiting) <= most, len(waiting), text),
        Finding("queue age", "", oldest <= hours * 3600, oldest, age),
    ]


def serials(server: str, zones: Iterable[str]) -> dict[str, int]:
    """Ask a name server for the serials of zones; those for which it does not answer are left out."""
    with tempfile.NamedTemporaryFile("w") as batch:
        options = "+norecurse +noall +answer +time=3 +tries=2"
        batch.write("".join(f"@{server} {zone.rstrip('.')}. SOA {options}\n" for zone in zones))
        batch.flush()
        lines = run("dig", "-f", batch.name, fails=True).splitlines()  # it does where one has no answer
    found = [words for line in lines if len(words := line.split()) == 11 and words[3] == "SOA"]
    return {words[0].rstrip(".").lower() or ".": int(words[6]) for words in found}


def behind(own: int, other: int) -> int:
    """Return by how much a serial is less than another one, or greater if that is negative (RFC 1982)."""
    return (other - own + 2**31) % 2**32 - 2**31


def zones(settings: dict[str, Any], now: float) -> list[Finding]:
    """Compare this server's serials with the primary's, until they have been seen to be the same, or for a time."""
    primary, seconds = settings["primary"], settings["seconds"]
    zones = {name.rstrip(".").lower() or "." for name in settings["names"]}
    same: set[str] = set()
    until = time.monotonic() + seconds
    while True:
        there, here = serials(primary, zones), serials("127.0.0.1", zones)
        same |= {zone for zone in zones if zone in here and here[zone] == there.get(zone)}
        if same == zones or time.monotonic() > until:
            break
        time.sleep(PAUSE)
    findings = []
    for zone in sorted(zones):
        own, given = (f"serial {seen[zone]}" if zone in seen else "no answer" for seen in (here, there))
        wanted = f"the same within {seconds} s is wanted (upkeep_serial_seconds)"
        late = behind(here[zone], there[zone]) if zone in here and zone in there else None
        text = f"{own} here, {given} at {primary}, the primary server; {wanted}"
        findings.append(Finding("serial", zone, zone in same, late, text))
    return findings


def ldif(text: str, attribute: str) -> list[str]:
    """Return the values of an attribute in what ldapsearch printed."""
    return [line.split(": ", 1)[1] for line in text.splitlines() if line.startswith(f"{attribute}: ")]


def csn_time(csn: str) -> float:
    """Return the moment of a change sequence number, such as 20261128020829.123456Z#000000#000#000000."""
    return calendar.timegm(time.strptime(csn[:14], "%Y%m%d%H%M%S"))


def replication(settings: dict[str, Any], now: float) -> list[Finding]:
    """Compare how far this copy of the directory has come with what it is copied from, as the copy itself asks it."""
    suffix, seconds = settings["suffix"], settings["seconds"]
    local = ("ldapsearch", "-Q", "-LLL", "-o", "ldif_wrap=no", "-Y", "EXTERNAL", "-H", "ldapi:///")
    found = ldif(run(*local, "-b", "cn=config", f"(olcSuffix={suffix})", "olcSyncrepl"), "olcSyncrepl")
    if not found:
        raise CheckError(f"slapd copies {suffix} from nobody")
    words = {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', found[0])}
    with tempfile.NamedTemporaryFile("w") as password:
        password.write(words["credentials"])
        password.flush()
        far = ["ldapsearch", "-x", "-ZZ", "-LLL", "-o", "ldif_wrap=no", "-o", "nettimeout=10", "-H", words["provider"]]
        far += ["-D", words["binddn"], "-y", password.name, "-s", "base", "-b", suffix, "contextCSN"]
        given = max(ldif(run(*far, more={"LDAPTLS_CACERT": words["tls_cacert"]}), "contextCSN"), default="")
    if not given:
        raise CheckError(f"{words['provider']} does not tell how far it has come")
    until = time.monotonic() + seconds
    while True:
        own = max(ldif(run(*local, "-s", "base", "-b", suffix, "contextCSN"), "contextCSN"), default="")
        if own >= given or time.monotonic() > until:
            break
        time.sleep(PAUSE)
    late = max(0.0, csn_time(given) - csn_time(own)) if own else None
    wanted = f"the same within {seconds} s is wanted (upkeep_replication_seconds)"
    text = f"this copy has come to {own or 'nothing'}, {words['provider']} to {given}; {wanted}"
    return [Finding("replication", suffix, own >= given, late, text)]


def units(settings: dict[str, Any], now: float) -> list[Finding]:
    """Look for units that have failed."""
    lines = run("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full").splitlines()
    names = [line.split()[0] for line in lines if line.strip()]
    return [Finding("unit", name, False, 1, "has failed; none is to") for name in names if name != OWN_UNIT]


def backup(settings: dict[str, Any], now: float) -> list[Finding]:
    """Look how old the last backup of this host is."""
    wanted = f"one in {settings['days']} days is wanted (upkeep_backup_days)"
    if not BACKUP.exists():
        return [Finding("backup", "", False, None, f"there is none; {wanted}")]
    last = time.strptime(BACKUP.read_text().strip(), "%Y-%m-%dT%H:%M:%SZ")
    age = now - calendar.timegm(last)
    return [Finding("backup", "", age <= settings["days"] * DAY, age, f"the last one is {days(age)} old; {wanted}")]


def reboot(settings: dict[str, Any], now: float) -> list[Finding]:
    """Look whether a reboot is needed."""
    age = now - REBOOT.stat().st_mtime if REBOOT.exists() else 0.0
    packages = Path(f"{REBOOT}.pkgs")
    named = ", ".join(sorted(set(packages.read_text().split()))) if packages.exists() else "an upgrade"
    text = f"needed for {days(age)}, after {named}; within {settings['days']} days is wanted (upkeep_reboot_days)"
    ok = not REBOOT.exists() or age < settings["days"] * DAY
    return [Finding("reboot", "", ok, age, text if REBOOT.exists() else "not needed")]


def upgrades(settings: dict[str, Any], now: float) -> list[Finding]:
    """Look for security upgrades that wait; `seen` tells since when each is known, and is brought up to date."""
    wanted, seen = settings["days"], settings["seen"]
    fetched = max((path.stat().st_mtime for path in LISTS if path.exists()), default=0.0)
    age = now - fetched
    text = f"last fetched at {utc(fetched)}, {days(age)} ago; within {wanted} days is wanted (upkeep_upgrade_days)"
    findings = [Finding("package lists", "", age <= wanted * DAY, age, text)]
    lines = run("apt-get", "--simulate", "-o", "Debug::NoLocking=true", "dist-upgrade").splitlines()
    security = re.compile(r"Inst (\S+) .*\((\S+) [^)]*Debian-Security:")
    waiting = dict(found.groups() for line in lines if (found := security.match(line)))
    names = {f"{name}={version}": name for name, version in waiting.items()}
    known = {name: seen.get(name, now) for name in names}
    seen.clear()
    seen.update(known)
    for version, name in sorted(names.items()):
        age = now - known[version]
        text = f"{version} has waited {days(age)}; within {wanted} days is wanted (upkeep_upgrade_days)"
        findings.append(Finding("upgrade", name, age <= wanted * DAY, age, text))
    return findings


# By the name in the settings: what looks, and for which checks it answers.
CHECKS: dict[str, tuple[Callable[[dict[str, Any], float], list[Finding]], tuple[str, ...]]] = {
    "certificates": (certificates, ("certificate",)),
    "crls": (crls, ("crl",)),
    "disks": (disks, ("disk", "inodes")),
    "queue": (queue, ("queue", "queue age")),
    "zones": (zones, ("serial",)),
    "replication": (replication, ("replication",)),
    "units": (units, ("unit",)),
    "backup": (backup, ("backup",)),
    "reboot": (reboot, ("reboot",)),
    "upgrades": (upgrades, ("package lists", "upgrade")),
}


def look(settings: dict[str, Any], seen: dict[str, float], now: float) -> tuple[list[Finding], set[str]]:
    """Look at all that the settings name; return what was seen, and the checks that could not be made."""
    findings: list[Finding] = []
    failed: set[str] = set()
    for name, own in settings["checks"].items():
        check, kinds = CHECKS[name]
        try:
            findings += check({**own, "seen": seen}, now)
        except Exception as error:  # whatever is wrong with one of them, the others are made
            failed |= {*kinds}
            findings.append(Finding(name, "", False, None, f"cannot be looked at: {type(error).__name__}: {error}"))
    return findings, failed


def escaped(value: str) -> str:
    """Write a label's value."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def metrics(findings: list[Finding], checks: list[str], now: float) -> str:
    """Return the figures as Prometheus reads them (text-based format, version 0.0.4)."""
    names = {kind: name for name in checks for kind in CHECKS[name][1]}
    wrong = dict.fromkeys(checks, 0)
    samples: dict[str, list[str]] = {}
    for each in findings:
        name = names.get(each.check, each.check)
        wrong[name] = wrong.get(name, 0) + (not each.ok)
        if each.value is not None:
            label = METRICS[each.check][1]
            labels = f'{{{label}="{escaped(each.subject)}"}}' if label else ""
            samples.setdefault(each.check, []).append(f"{METRICS[each.check][0]}{labels} {float(each.value)!r}")
    lines = []
    for check, values in sorted(samples.items()):
        name, _, meaning = METRICS[check]
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge", *values]
    lines += ["# HELP site_check_failures What is wrong, by the check.", "# TYPE site_check_failures gauge"]
    lines += [f'site_check_failures{{check="{escaped(name)}"}} {number}' for name, number in wrong.items()]
    when = "site_check_timestamp_seconds"
    lines += [f"# HELP {when} When this was looked at.", f"# TYPE {when} gauge", f"{when} {now!r}", ""]
    return "\n".join(lines)


def write(path: Path, text: str, mode: int) -> None:
    """Write a file, so that a reader sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise


def remember(entries: dict[str, dict[str, Any]], findings: list[Finding], failed: set[str], now: float) -> None:
    """Bring what is known of failures up to date: {since, text, told, gone}, by their keys.

    What could not be looked at is neither well again nor new.
    """
    wrong = {each.key: each for each in findings if not each.ok}
    for key, each in wrong.items():
        entry = entries.setdefault(key, {"check": each.check, "since": now, "told": None, "gone": None})
        entry |= {"text": each.text, "gone": None}
    for key, entry in entries.items():
        if key not in wrong and entry["check"] not in failed and entry["gone"] is None:
            entry["gone"] = now


def due(entries: dict[str, dict[str, Any]], repeat: int, now: float) -> tuple[list[str], list[str], list[str]]:
    """Return the failures to tell now, those that have been told and last, and those that are gone."""
    gone = [key for key, entry in entries.items() if entry["gone"] is not None]
    new = [
        key
        for key, entry in entries.items()
        if key not in gone and (entry["told"] is None or (repeat and now - entry["told"] >= repeat * DAY - 3600))
    ]
    return new, [key for key in entries if key not in new + gone], gone


def letter(settings: dict[str, Any], entries: dict[str, dict[str, Any]], now: float) -> EmailMessage | None:
    """Write what there is to tell; nothing if there is nothing."""
    new, last, gone = due(entries, settings["repeat_days"], now)
    if not new and not gone:
        return None
    host, parts = settings["host"], []
    for title, keys in (("Wrong", new), ("Still wrong, as told before", last)):
        lines = [f"- {key}: {entries[key]['text']}\n  seen since {utc(entries[key]['since'])}" for key in keys]
        parts += [f"{title}:", *lines, ""] if lines else []
    lines = []
    for key in gone:
        entry = entries[key]
        until = f"  seen from {utc(entry['since'])} on, well by {utc(entry['gone'])}"
        lines.append(f"- {key}: it was: {entry['text']}\n{until}")
    parts += ["Well again:", *lines, ""] if lines else []
    what = ([f"{', '.join(new)} wrong"] if new else []) + ([f"{', '.join(gone)} well again"] if gone else [])
    subject = f"{host}: {'; '.join(what)}"
    message = EmailMessage()
    message["From"], message["To"] = f"{host} <{settings['mail']['sender']}>", settings["mail"]["recipient"]
    message["Subject"] = subject if len(subject) <= 200 else f"{subject[:197]}..."
    message["Date"], message["Auto-Submitted"] = formatdate(now), "auto-generated"
    message["Message-ID"] = make_msgid(domain=settings["mail"]["sender"].partition("@")[2])
    message.set_content("\n".join([f"Host {host}, {utc(now)}", "", *parts]), cte="quoted-printable")
    return message


def send(message: EmailMessage, mail: dict[str, Any]) -> None:
    """Hand a letter to the mail server, over TLS that is verified.

    Raises:
        CheckError: when it does not take it.
    """
    if not mail["server"]:
        raise CheckError("there is no mail server (upkeep_mail_server)")
    try:
        context = ssl.create_default_context(cafile=mail["roots"])
        with smtplib.SMTP(mail["server"], mail["port"], local_hostname=mail["hello"], timeout=LIMIT) as server:
            server.starttls(context=context)
            server.send_message(message, mail["sender"], [mail["recipient"]])
    except (OSError, smtplib.SMTPException) as error:
        raise CheckError(f"{mail['server']} does not take the letter: {type(error).__name__}: {error}") from error


def recall(path: Path) -> dict[str, Any]:
    """Return what is known from the last time."""
    empty: dict[str, Any] = {"failures": {}, "upgrades": {}}
    try:
        return {**empty, **json.loads(path.read_text(encoding="utf-8"))}
    except FileNotFoundError:
        return empty
    except (OSError, ValueError) as error:
        print(f"{path} is not readable, all is told anew: {error}", file=sys.stderr)
        return empty


def look_after(settings: dict[str, Any], now: float) -> int:
    """Look, leave the figures, and tell what is new. Return 1 if something could not be told or kept."""
    known, path, errors = recall(Path(settings["state"])), Path(settings["state"]), []
    findings, failed = look(settings, known["upgrades"], now)
    if settings["metrics"]:
        try:
            write(Path(settings["metrics"]), metrics(findings, list(settings["checks"]), now), 0o644)
        except OSError as error:
            findings.append(Finding("metrics", "", False, None, f"cannot be written (upkeep_metrics): {error}"))
    entries = known["failures"]
    remember(entries, findings, failed, now)
    for each in findings:
        print(f"{'ok' if each.ok else 'WRONG'}: {each.key}: {each.text}")

    def keep() -> None:
        try:
            write(path, json.dumps(known, indent=1), 0o600)
        except OSError as error:
            errors.append(f"{path} cannot be written: {error}")

    keep()  # before anything else may fail
    if message := letter(settings, entries, now):
        try:
            send(message, settings["mail"])
        except CheckError as error:
            errors.append(f"{error}; it is tried again the next time:\n{message.get_content()}")
        else:
            new, _, gone = due(entries, settings["repeat_days"], now)
            for key in new:
                entries[key]["told"] = now
            for key in gone:
                del entries[key]
            keep()
    print(*errors, sep="\n", end="", file=sys.stderr)
    return 1 if errors else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="upkeep", description="Look after this host.")
    parser.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help="JSON file (default: %(default)s)")
    parser.add_argument("--look", action="store_true", help="only print what is seen; fail if something is wrong")
    options = parser.parse_args(arguments)
    try:
        settings = json.loads(options.config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        parser.error(f"{options.config}: {error}")
    if not options.look:
        return look_after(settings, time.time())
    findings, _ = look(settings, recall(Path(settings["state"]))["upgrades"], time.time())
    for each in findings:
        print(f"{'ok' if each.ok else 'WRONG'}: {each.key}: {each.text}")
    return 0 if all(each.ok for each in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
