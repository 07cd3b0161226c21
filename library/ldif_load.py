#!/usr/bin/python
"""Ansible module: many entries at once for the directory of this host."""

DOCUMENTATION = r"""
module: ldif_load
short_description: Load files of entries into the directory of this host, as fast as slapadd(8)
description:
  - Adds those entries of files that are not in the directory yet. What is there already is left alone, so that
    entries of a file can be changed or removed afterwards as any other.
  - A file is loaded once, and anew when it is another one. What was loaded is written down at last, so that a run
    which was killed is done anew.
  - Everything is tried first by slapadd(8), while slapd serves. Then slapd stands still, the entries go into a copy
    of its database, and slapd goes on with that one. If anything fails, or the run or the host is killed, it goes on
    with the old one.
  - The log of changes (slapo-accesslog(5)) begins anew by that, so that other servers compare their copies entry by
    entry.
options:
  files:
    description:
      - Files on this host in LDIF (RFC 2849), of entries with all their attributes, each after the one above it.
        Passwords in them are hashes.
    type: list
    elements: path
    required: true
  suffix:
    description: The distinguished name of the directory (RFC 4514).
    type: str
    required: true
  log:
    description: The one of its log of changes.
    type: str
    default: cn=accesslog
  unique:
    description: Attributes of which no two entries of the directory may have the same value. slapadd(8) would not look.
    type: list
    elements: str
    default: []
  record:
    description: A file with the digests of the files that were loaded.
    type: path
    required: true
  config:
    description: The folder of slapd's configuration.
    type: path
    default: /etc/ldap/slapd.d
  unit:
    description: slapd's systemd unit.
    type: str
    default: slapd
  uri:
    description: Where slapd listens.
    type: str
    default: ldapi:///
requirements: [python-ldap (Debian's python3-ldap)]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
"""

EXAMPLES = r"""
- name: Load the members of the university
  ldif_load:
    files: [/var/lib/server-for-dummies/ldif/members.ldif]
    suffix: o=um,c=es
    unique: [uid]
    record: /var/lib/server-for-dummies/directory-files
"""

RETURN = r"""
loaded:
  description: How many entries were added.
  type: int
  returned: always
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.slapd import (
    Attributes,
    config_of,
    ldap,
    opened,
    parts,
    record,
    recorded,
    run,
    search,
    words_of,
)

UNIT = "ldif-load.service"
# What is done while slapd stands still; systemd starts it again, whatever becomes of this. The new log begins where the
# directory is now, and it is there before the directory is: a copy that is older then has to compare everything.
LOAD = r"""
unit=$1 work=$2 suffix=$3 log=$4 data_dir=$5 log_dir=$6
systemctl stop "$unit"
cp "$data_dir/data.mdb" "$work/data/"
slapadd -q -w -F "$work/config" -b "$suffix" -l "$work/entries.ldif"
now=$(slapcat -o ldif_wrap=no -F "$work/config" -b "$suffix" | sed -n '/^$/q; s/^contextCSN: //p')
test -n "$now"
{
    slapcat -o ldif_wrap=no -F "$work/before" -b "$log" | sed -n '/^$/q; /^\(contextCSN\|minCSN\):/!p'
    for csn in $now; do printf 'contextCSN: %s\nminCSN: %s\n' "$csn" "$csn"; done
} >"$work/root.ldif"
slapadd -q -F "$work/config" -b "$log" -l "$work/root.ldif"
for part in data log; do
    chown --reference "$data_dir/data.mdb" "$work/$part/data.mdb"
    chmod --reference "$data_dir/data.mdb" "$work/$part/data.mdb"
    sync "$work/$part/data.mdb"
done
mv "$work/log/data.mdb" "$log_dir/"
sync "$log_dir"
mv "$work/data/data.mdb" "$data_dir/"
sync "$data_dir"
"""
# A line that goes on, and what says nothing.
FOLDED, IDLE = re.compile(r"\n "), re.compile(r"(?m)^(#.*|version: *1 *)\n?")


class Record(NamedTuple):
    """An entry of a file."""

    dn: str
    values: Attributes  # of the attributes that matter
    text: str


def value_of(text: str) -> str:
    """Return the value of a line of LDIF, by what stands after the first colon.

    Raises:
        ValueError: when it is in another file, or no text.
    """
    if text.startswith("<"):
        raise ValueError("a value in another file (:<) cannot be loaded")
    if text.startswith(":"):
        return base64.b64decode(text[1:].strip(), validate=True).decode()
    return text.strip(" ")


def records(text: str, attributes: set[str]) -> Iterator[Record]:
    """Yield the entries of a file.

    Args:
        text: What is in the file.
        attributes: The attributes whose values matter, in small letters.

    Raises:
        ValueError: when it is not LDIF (RFC 2849), or tells of changes.
    """
    for part in re.split(r"\n{2,}", text.replace("\r\n", "\n")):
        lines = FOLDED.sub("", IDLE.sub("", part + "\n")).strip("\n")
        if not lines:
            continue
        dn, values = "", {}
        for line in lines.split("\n"):
            name, colon, rest = line.partition(":")
            name = name.lower()
            if not colon or (not dn and name != "dn"):
                raise ValueError(
                    f"{line!r} is not LDIF, where {'a line is' if dn else 'an entry begins with'} NAME: VALUE"
                )
            if name == "dn":
                dn = value_of(rest)
            elif name == "changetype":
                raise ValueError(f"{dn}: it is a change, not an entry")
            elif name in attributes or rest.startswith("<"):
                values.setdefault(name, []).append(value_of(rest))
        yield Record(dn, values, lines)


def key_of(dn: str) -> str:
    """Return a name as it is compared with others."""
    return ",".join(parts(dn)).lower()


def due(found: list[Record], there: dict[str, Attributes], unique: list[str]) -> list[Record]:
    """Return the entries that are not there yet.

    Args:
        found: Those of the files.
        there: Those of the directory, by their names.
        unique: The attributes of which no two may have the same value.

    Raises:
        ValueError: when an entry is there twice, has what another one has, or a password that everybody could read.
    """
    names = {key_of(dn) for dn in there}
    taken = {
        (name.lower(), value.lower()): dn
        for dn, values in there.items()
        for name in values
        for value in values[name]
        if name.lower() in unique
    }
    added: dict[str, Record] = {}
    for entry in found:
        key = key_of(entry.dn)
        if key in added:
            raise ValueError(f"{entry.dn}: it is there twice")
        if key in names:
            continue
        for name, values in entry.values.items():
            for value in values:
                if name == "userpassword" and not re.match(r"\{\w+\}", value):
                    raise ValueError(f"{entry.dn}: its password is not a hash; slappasswd(8) makes one")
                if name in unique and (other := taken.setdefault((name, value.lower()), entry.dn)) != entry.dn:
                    raise ValueError(f"{entry.dn}: its {name} {value} is that of {other}, too")
        added[key] = entry
    return list(added.values())


def folder_of(tree: dict[str, Attributes], suffix: str) -> tuple[str, str]:
    """Return the name of the database in slapd's configuration, and its folder.

    Raises:
        ValueError: when there is none.
    """
    for dn, values in tree.items():
        if any(key_of(value) == key_of(suffix) for value in values.get("olcSuffix", [])):
            return dn, values["olcDbDirectory"][0]
    raise ValueError(f"slapd has no database {suffix}")


def prepared(given: dict[str, Any], work: Path, entries: list[Record]) -> list[str]:
    """Make ready what is needed while slapd stands still; return the arguments of it."""
    (work / "entries.ldif").write_text("\n\n".join(entry.text for entry in entries) + "\n")
    shutil.copytree(given["config"], work / "before")
    shutil.copytree(given["config"], work / "config")
    tree = config_of(given["config"])
    folders = []
    for name, suffix in (("data", given["suffix"]), ("log", given["log"])):
        (work / name).mkdir()
        dn, folder = folder_of(tree, suffix)
        folders.append(folder)
        change = f"dn: {dn}\nchangetype: modify\nreplace: olcDbDirectory\nolcDbDirectory: {work / name}\n"
        run(["slapmodify", "-n", "0", "-F", str(work / "config")], change)
    return [given["unit"], str(work), given["suffix"], given["log"], *folders]


def place_of(given: dict[str, Any]) -> Path:
    """Return the folder above the database's."""
    return Path(folder_of(config_of(given["config"]), given["suffix"])[1]).parent


def end_others(given: dict[str, Any]) -> None:
    """End what a run that was killed has begun, and take it away."""
    subprocess.run(["systemctl", "stop", UNIT], capture_output=True, check=False)
    for left in place_of(given).glob(".load-*"):
        shutil.rmtree(left)


def load(given: dict[str, Any], entries: list[Record]) -> None:
    """Add entries to the directory, all of them or none."""
    with tempfile.TemporaryDirectory(dir=place_of(given), prefix=".load-") as work:
        arguments = prepared(given, Path(work), entries)
        again = f"ExecStopPost=systemctl start {given['unit']}"
        systemd = ["systemd-run", "--quiet", "--unit", UNIT, "--wait", "--pipe", "--collect", "--property", again]
        run([*systemd, "sh", "-eu", "-c", LOAD, "load", *arguments])
    opened(given["uri"])


def settle(given: dict[str, Any], look_only: bool) -> int | None:
    """Load what is due, or only find out; return how many entries that is, None if all files are loaded."""
    files = {path: Path(path).read_bytes() for path in given["files"]}
    digests = [hashlib.sha256(content).hexdigest() for content in files.values()]
    known = recorded(given["record"])
    if not set(digests) - set(known):
        return None
    if not look_only:
        end_others(given)
    unique = [name.lower() for name in given["unique"]]
    found = []
    for path, content in files.items():
        try:
            found += records(content.decode(), {*unique, "userpassword"})
        except ValueError as cause:  # also if it is not in UTF-8
            raise ValueError(f"{os.path.basename(path)}: {cause}") from cause
    there = search(opened(given["uri"]), given["suffix"], ldap.SCOPE_SUBTREE, attributes=tuple(unique) or ("1.1",))
    entries = due(found, there, unique)
    if entries:
        text = "\n\n".join(entry.text for entry in entries) + "\n"
        run(["slapadd", "-u", "-q", "-F", given["config"], "-b", given["suffix"]], text)
    if not look_only:
        if entries:
            load(given, entries)
        record(given["record"], digests)
    return len(entries)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "path", "required": True},
            "suffix": {"type": "str", "required": True},
            "log": {"type": "str", "default": "cn=accesslog"},
            "unique": {"type": "list", "elements": "str", "default": []},
            "record": {"type": "path", "required": True},
            "config": {"type": "path", "default": "/etc/ldap/slapd.d"},
            "unit": {"type": "str", "default": "slapd"},
            "uri": {"type": "str", "default": "ldapi:///"},
        },
        supports_check_mode=True,
    )
    given = module.params
    if module.check_mode and not all(map(os.path.exists, [given["config"], *given["files"]])):  # they are yet to come
        module.exit_json(changed=True, loaded=0)
    if ldap is None:
        module.fail_json(msg=missing_required_lib("python-ldap"))
    try:
        loaded = settle(given, module.check_mode)
    except (OSError, ValueError, ldap.LDAPError) as cause:
        module.fail_json(msg=words_of(cause))
    module.exit_json(changed=loaded is not None, loaded=loaded or 0)


if __name__ == "__main__":
    main()
