"""What the modules for slapd share: how they speak to it, and what they write down."""

import io
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import IO, Any

try:
    import ldap
    import ldap.filter
    import ldap.sasl
    import ldif
except ImportError:
    ldap = ldif = None

Attributes = dict[str, list[str]]
NUMBER = re.compile(r"\{-?\d+\}")
GRAMMAR = re.compile(r"<[a-z ]+> ::=|\s+[\[<]|dynacl:")


def parts(dn: str) -> list[str]:
    """Return the relative names of a name (RFC 4514); a comma may be escaped."""
    return re.split(r"(?<!\\),\s*", dn)


def parent(dn: str) -> str:
    """Return the name of the entry above."""
    return ",".join(parts(dn)[1:])


def plain(text: str) -> str:
    """Return a name or value without the numbers that slapd gives, in the case that does not matter."""
    return NUMBER.sub("", text).lower()


def entries_of(file: IO[bytes]) -> dict[str, Attributes]:
    """Return the entries in a file by their names."""
    reader = ldif.LDIFRecordList(file)
    reader.parse_entry_records()
    return {
        dn: {name: [value.decode(errors="surrogateescape") for value in values] for name, values in entry.items()}
        for dn, entry in reader.all_records
    }


def search(
    server: Any, base: str, scope: int, matching: str = "(objectClass=*)", attributes: tuple[str, ...] = ("*", "+")
) -> dict[str, Attributes]:
    """Return entries by their names; none if the base is not there."""
    try:
        found = server.search_s(base, scope, matching, list(attributes))
    except ldap.NO_SUCH_OBJECT:
        return {}
    return {
        dn: {name: [value.decode(errors="surrogateescape") for value in values] for name, values in entry.items()}
        for dn, entry in found
        if dn
    }


def encoded(values: list[str]) -> list[bytes]:
    """Return values as they are sent."""
    return [value.encode(errors="surrogateescape") for value in values]


def run(argv: list[str], text: str = "") -> str:
    """Run a tool of slapd's; return what it prints, or fail with its own words."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        # Not the grammar of access rules (slapd.access(5)), which comes between the two lines that say something.
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if not GRAMMAR.match(line)]
        said = ["".join(each for each in line if each.isprintable() and each != "\ufffd") for line in lines if line]
        raise ValueError(f"{argv[0]} refuses it: " + " | ".join(said[-4:]))
    return done.stdout


def config_of(folder: str) -> dict[str, Attributes]:
    """Return slapd's configuration in a folder, also when slapd is down."""
    return entries_of(io.BytesIO(run(["slapcat", "-n", "0", "-F", folder]).encode(errors="surrogateescape")))


def owned(folder: Path, owner: str) -> None:
    """Give a folder with all that is in it to a user, and to the group of that name."""
    for path in [folder, *folder.rglob("*")]:
        shutil.chown(path, owner, owner)


def opened(uri: str) -> Any:
    """Return a connection to slapd, as root."""
    server = ldap.initialize(uri)
    server.set_option(ldap.OPT_NETWORK_TIMEOUT, 10)
    server.sasl_interactive_bind_s("", ldap.sasl.external())
    return server


def recorded(path: str | None) -> list[str]:
    """Return the lines of a file, none if there is no such file."""
    return Path(path).read_text().splitlines() if path and os.path.exists(path) else []


def record(path: str, lines: list[str]) -> None:
    """Write the lines of a file, each of them once, for root alone."""
    written(path, "".join(f"{line}\n" for line in dict.fromkeys(lines)))


def written(path: str, text: str) -> None:
    """Write a file for root alone, all of it or nothing."""
    with open(f"{path}.new", "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    os.replace(f"{path}.new", path)


def words_of(cause: Exception) -> str:
    """Return what the server said."""
    if isinstance(cause, ldap.LDAPError) and cause.args and isinstance(cause.args[0], dict):
        said = cause.args[0]
        return ": ".join(said[part] for part in ("desc", "info", "matched") if said.get(part))
    return str(cause)
