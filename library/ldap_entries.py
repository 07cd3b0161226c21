#!/usr/bin/python
"""Ansible module: entries of an LDAP directory, or of slapd's own configuration."""

DOCUMENTATION = r"""
module: ldap_entries
short_description: Bring entries of the directory of this host, or of slapd's own configuration, to what is wanted
description:
  - Compares each entry with what is wanted, attribute by attribute, and writes what differs, one operation for an
    entry. Attributes that are not named are left alone, as are all other entries.
  - It speaks to slapd over its socket, as root (SASL EXTERNAL, RFC 4422), and then slapd has the last word about what
    is allowed. Everything is tried first, so that nothing is written when it refuses something. What is to become of
    the configuration is built beside it with slapadd(8), which of entries of the directory only says what it would do.
options:
  entries:
    description:
      - The entries, each after the one above it.
      - In names and values of slapd's configuration, the numbers that slapd gives, such as C({1}), need not be those
        that it has given. Of the databases of one kind, the one with the wanted C(olcSuffix) is meant.
    type: list
    elements: dict
    default: []
    suboptions:
      dn:
        description: The distinguished name (RFC 4514).
        type: str
        required: true
      attributes:
        description: The values of each attribute, one or a list. With an empty list, there is to be none.
        type: dict
        default: {}
      file:
        description: A file on the host, in LDIF (RFC 2849), with the attributes that the entry gets when it is made.
        type: path
      key:
        description:
          - An attribute by whose value the entry is known under the one above it. If it has another name there, it is
            renamed.
        type: str
      mark:
        description: What is another one when the O(initial) attributes have to be written once more; see O(marks).
        type: str
      beside:
        description: Whether the values that it has of O(initial) attributes stay beside the new ones.
        type: bool
        default: false
  initial:
    description:
      - Attributes that an entry gets when it is made, and when its O(entries[].mark) is another one than it was.
        Otherwise they are left alone.
    type: list
    elements: str
    default: []
  among:
    description: Attributes that may have further values.
    type: list
    elements: str
    default: []
  secret:
    description: Attributes whose values are never shown.
    type: list
    elements: str
    default: [userPassword, olcRootPW, olcSyncrepl]
  record:
    description:
      - A file with the names of the entries that were made by this module. Without it, nobody knows afterwards which
        these were.
    type: path
  marks:
    description: A file with the marks of entries, as they were when their O(initial) attributes were written.
    type: path
  remove:
    description: Whether entries of O(record) that are not wanted any more are removed, with what is below them.
    type: bool
    default: false
  config:
    description: The folder of slapd's configuration.
    type: path
    default: /etc/ldap/slapd.d
  original:
    description:
      - A file on the host that gets the configuration that was there before the first of its databases with one of
        the wanted C(olcSuffix) was made, as LDIF. It is never written again.
    type: path
  suffix:
    description:
      - The name of the directory in which the entries are. Without it, they are slapd's own configuration
        (slapd-config(5)). When there is none, it is made by slapadd(8), and slapd may be started.
    type: str
  owner:
    description: Who owns a configuration that is made.
    type: str
    default: openldap
  uri:
    description: Where slapd listens.
    type: str
    default: ldapi:///
requirements: [python-ldap (Debian's python3-ldap)]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Keep an entry
  ldap_entries:
    suffix: o=um,c=es
    entries:
      - dn: cn=Server Administrator,ou=st,o=um,c=es
        attributes: {objectClass: [inetOrgPerson], sn: Administrator, mobile: "611111111"}
"""

RETURN = r"""
changes:
  description: What was done, an entry each, as C(add), C(modify), C(rename) or C(delete) and its name.
  type: list
  elements: str
  returned: always
"""

import os
import re
import shutil
import ssl
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.slapd import (
    NUMBER,
    Attributes,
    config_of,
    encoded,
    entries_of,
    ldap,
    ldif,
    opened,
    owned,
    parent,
    parts,
    plain,
    record,
    recorded,
    run,
    search,
    words_of,
    written,
)

BEFORE = ".before"  # what a configuration's folder is called while another one takes its place


class Change(NamedTuple):
    """An operation: what is done with an entry, and with which of its attributes."""

    kind: str  # add, modify, extend (by further values), rename or delete
    dn: str
    values: Attributes  # of a modification: no values where the attribute is to go
    to: str = ""  # the new name
    more: tuple[str, ...] = ()  # attributes that get their values beside those that they have


def number(dn: str) -> int:
    """Return the number in the first relative name, -2 if there is none."""
    found = re.search(r"\{(-?\d+)\}", parts(dn)[0])
    return int(found[1]) if found else -2


def in_order(values: list[str]) -> tuple[bool, list[str]]:
    """Return whether values have an order, and then in it and without their numbers."""
    if not values or not all(re.match(r"\{\d+\}", value) for value in values):
        return False, values
    return True, [NUMBER.sub("", value, count=1) for value in sorted(values, key=lambda value: number(value))]


def differs(wanted: list[str], found: list[str], among: bool) -> bool:
    """Return whether an attribute is not as it is wanted."""
    ordered, values = in_order(found)
    if among:
        return not set(wanted) <= set(values)
    return wanted != values if ordered else sorted(wanted) != sorted(values)


def difference(wanted: Attributes, found: Attributes, among: list[str], initial: list[str]) -> Attributes:
    """Return the attributes of an entry that have to be written, with all their values.

    Args:
        wanted: The values of the attributes that are wanted.
        found: The entry as it is.
        among: The attributes that may have further values, which are kept.
        initial: The attributes that are left as they are.
    """
    has = {name.lower(): values for name, values in found.items()}
    due = {}
    for name, values in wanted.items():
        now = has.get(name.lower(), [])
        if name in initial or not differs(values, now, name in among):
            continue
        if name in among:
            now = in_order(now)[1]
            values = now + [value for value in values if value not in now]
        due[name] = values
    return due


class Config:
    """The configuration of slapd, read once, where entries are found by their names without numbers."""

    def __init__(self, tree: dict[str, Attributes]) -> None:
        """Take all entries by their names."""
        self.tree = tree
        self.names: dict[str, str] = {}  # of wanted entries: those that they have

    def find(self, dn: str, attributes: Attributes, key: str | None = None) -> str | None:
        """Return the name of a wanted entry, None if there is none."""
        above = self.names.get(parent(dn), parent(dn))
        siblings = [name for name in self.tree if parent(name).lower() == above.lower()]
        for name in siblings:
            same = plain(parts(name)[0]) == plain(parts(dn)[0])
            if same and attributes.get("olcSuffix", []) == self.tree[name].get("olcSuffix", []):
                self.names[dn] = name
                return name
        self.names[dn] = self._new(dn, above, siblings)
        return None

    def _new(self, dn: str, above: str, siblings: list[str]) -> str:
        """Return a name for a new entry, with the number after the last one."""
        first = parts(dn)[0]
        if number(dn) >= 0:
            kind = first.partition("=")[0].lower()
            last = max([number(name) for name in siblings if name.lower().startswith(kind)], default=-1)
            first = NUMBER.sub(f"{{{max(last, -1) + 1}}}", first, count=1)
        name = f"{first},{above}" if above else first
        self.tree[name] = {}
        return name

    def entry(self, name: str) -> Attributes:
        """Return an entry."""
        return self.tree[name]


class Directory:
    """A directory with many entries, of which each wanted one is asked for."""

    def __init__(self, server: Any) -> None:
        """Take the connection."""
        self.server = server
        self.names: dict[str, str] = {}

    def find(self, dn: str, attributes: Attributes, key: str | None = None) -> str | None:
        """Return the name of a wanted entry, None if there is none."""
        self.names[dn] = dn
        if search(self.server, dn, ldap.SCOPE_BASE, attributes=("1.1",)):
            return dn  # however it is spelled there
        if not key:
            return None
        value = ldap.filter.escape_filter_chars(attributes[key][0])
        return next(iter(search(self.server, parent(dn), ldap.SCOPE_ONELEVEL, f"({key}={value})")), None)

    def entry(self, name: str) -> Attributes:
        """Return an entry."""
        return next(iter(search(self.server, name, ldap.SCOPE_BASE).values()))


def changes_due(given: dict[str, Any], there: Any, marks: dict[str, str] | None = None) -> list[Change]:
    """Return what has to be done so that all wanted entries are there.

    Args:
        given: The module's arguments.
        there: The entries that are there.
        marks: The marks that entries had, by what these are known by.
    """
    due = []
    for wanted in given["entries"]:
        attributes = values_of(wanted["attributes"])
        name = there.find(wanted["dn"], attributes, wanted.get("key"))
        if name is None:
            values = read(wanted["file"]) if wanted.get("file") else {}
            values |= {attribute: values for attribute, values in attributes.items() if values}
            due.append(Change("add", there.names[wanted["dn"]], named(there.names[wanted["dn"]], values)))
            continue
        has = there.entry(name)
        if wanted.get("key") and plain(name) != plain(wanted["dn"]):
            due.append(Change("rename", name, {}, wanted["dn"]))
            name, has = wanted["dn"], named(wanted["dn"], has)
        mark = wanted.get("mark")
        is_another = bool(mark) and (marks or {}).get(known_by(wanted), mark) != mark
        if is_another and wanted.get("beside"):
            is_another = False
            further = {name: values for name, values in attributes.items() if name in given["initial"]}
            due.append(Change("extend", name, further))
        if values := difference(attributes, has, given["among"], [] if is_another else given["initial"]):
            if any(value.startswith("olcTLS") for value in values):  # slapd takes these all at once, or not at all
                values |= {name: value for name, value in attributes.items() if name.startswith("olcTLS")}
            there_now = {attribute.lower(): in_order(has[attribute])[1] for attribute in has}
            more = [name for name in values if name in given["among"] and name.lower() in there_now]
            for attribute in more:  # slapd takes no module away, and so does not let its list be replaced
                values[attribute] = [value for value in values[attribute] if value not in there_now[attribute.lower()]]
            due.append(Change("modify", name, values, more=tuple(more)))
    return due


def known_by(wanted: dict[str, Any]) -> str:
    """Return what an entry is known by, whatever its name is."""
    return str(wanted["attributes"][wanted["key"]] if wanted.get("key") else wanted["dn"])


def named(dn: str, values: Attributes) -> Attributes:
    """Return the attributes of an entry with what its name is made of, as slapd has it when it gets that name."""
    attribute, _, value = parts(dn)[0].partition("=")
    if "\\" in value:
        return values
    its = next((name for name in values if name.lower() == attribute.lower()), attribute)
    return (
        values
        if value in values.get(its, [])
        else {its: [value]} | {name: values[name] for name in values if name != its}
    )


def read(path: str) -> Attributes:
    """Return the attributes of the first entry in a file."""
    with open(path, "rb") as file:
        return next(iter(entries_of(file).values()))


def values_of(attributes: dict[str, Any]) -> Attributes:
    """Return the values of attributes as lists of text."""
    return {
        name: [str(value) for value in (values if isinstance(values, list) else [values])]
        for name, values in attributes.items()
    }


def modifications(change: Change) -> list[tuple[int, str, list[bytes] | None]]:
    """Return what is sent of a modification."""
    added = list(change.values) if change.kind == "extend" else change.more
    return [
        (ldap.MOD_ADD if name in added else ldap.MOD_REPLACE, name, encoded(values) or None)
        for name, values in change.values.items()
    ]


def write(server: Any, change: Change) -> None:
    """Do one change."""
    if change.kind == "add":
        server.add_s(change.dn, [(name, encoded(values)) for name, values in change.values.items()])
    elif change.kind in ("modify", "extend"):
        server.modify_s(change.dn, modifications(change))
    elif change.kind == "rename":
        server.rename_s(change.dn, parts(change.to)[0])
    else:
        server.delete_s(change.dn)


def as_ldif(entries: list[Change]) -> str:
    """Return entries as LDIF (RFC 2849), as slapadd(8) reads it."""
    with tempfile.TemporaryFile("w+") as file:
        writer = ldif.LDIFWriter(file)
        for entry in entries:
            writer.unparse(entry.dn, {name: encoded(values) for name, values in entry.values.items()})
        file.seek(0)
        return file.read()


def applied(tree: dict[str, Attributes], changes: list[Change]) -> list[Change]:
    """Return what makes a configuration as it will be after changes, each entry after the one above it."""
    tree = dict(tree)
    for change in changes:
        has = {name.lower(): values for name, values in tree.get(change.dn, {}).items()}
        values = {
            name: (in_order(has[name.lower()])[1] if name in change.more else []) + new
            for name, new in change.values.items()
        }
        written = {name.lower() for name in change.values}
        kept = {name: values for name, values in tree.get(change.dn, {}).items() if name.lower() not in written}
        tree[change.dn] = kept | {name: value for name, value in values.items() if value}
    return [Change("add", dn, values) for dn, values in tree.items()]


def built(folder: str, entries: list[Change]) -> None:
    """Make a configuration in an empty folder. To one that is there, slapmodify(8) could add no database."""
    run(["slapadd", "-n", "0", "-F", folder], as_ldif(entries))
    run(["slapcat", "-n", "0", "-F", folder])  # which reads it as slapd does when it starts


def tried(folder: str, changes: list[Change]) -> None:
    """Try changes of a configuration beside it."""
    with tempfile.TemporaryDirectory() as beside:
        built(beside, applied(config_of(folder), changes))


def believed(changes: list[Change]) -> None:
    """Refuse a certificate that slapd could not show: it would find out too late, and then have none."""
    for change in changes:
        names = ("olcTLSCertificateFile", "olcTLSCertificateKeyFile")
        certificate, key = ((change.values.get(name) or [None])[0] for name in names)
        if certificate:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
            except OSError as cause:
                raise ValueError(f"the certificate {certificate} and its key {key} cannot be used: {cause}") from cause


def rehearsed(server: Any, folder: str, suffix: str, changes: list[Change]) -> None:
    """Let slapd's schema have a look at the entries that will come of changes."""
    entries = []
    for change in changes:
        if change.kind == "add":
            entries.append(change)
        elif change.kind == "modify":
            name = next((other.dn for other in changes if other.to == change.dn), change.dn)
            has = next(iter(search(server, name, ldap.SCOPE_BASE, attributes=("*",)).values()))
            entries += applied({name: has}, [change._replace(dn=name)])
    if entries:
        run(["slapadd", "-u", "-F", folder, "-b", suffix], as_ldif(entries))


def made(folder: str, entries: list[Change], owner: str) -> None:
    """Make a configuration, in a folder beside its own until it is whole, and put it in the place of what is there."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as beside:
        new = Path(beside) / "new"
        new.mkdir(mode=0o750)
        built(str(new), entries)
        owned(new, owner)
        if os.path.isdir(folder):
            os.rename(folder, f"{folder}{BEFORE}")
        new.rename(folder)
    shutil.rmtree(f"{folder}{BEFORE}", ignore_errors=True)


def apart(tree: dict[str, Attributes], changes: list[Change]) -> None:
    """Refuse a database in the folder of another one, where slapd would mix the entries of both (slapd-mdb(5))."""
    folders = {folder: dn for dn, has in tree.items() for folder in has.get("olcDbDirectory", [])}
    for change in changes:
        for folder in change.values.get("olcDbDirectory", []):
            if folders.get(folder, change.dn) != change.dn:
                new, old = (" ".join(has["olcSuffix"]) for has in (change.values, tree[folders[folder]]))
                raise ValueError(
                    f"the slapd_suffix {new} cannot be used: {folder} has the directory {old}, whose entries keep "
                    "their names. Edit it back, or take that directory off: "
                    "playbooks/uninstall.yml --tags ldap -e remove_data=yes"
                )


def is_of_others(tree: dict[str, Attributes], entries: list[dict[str, Any]]) -> bool:
    """Return whether none of the wanted databases is in a configuration."""
    ours = {suffix for wanted in entries for suffix in values_of(wanted["attributes"]).get("olcSuffix", [])}
    return not ours & {suffix for has in tree.values() for suffix in has.get("olcSuffix", [])}


def settle_config(given: dict[str, Any], look_only: bool) -> list[Change]:
    """Do what is due in slapd's configuration, or only find out; return it."""
    folder, server = given["config"], None
    if os.path.isdir(f"{folder}{BEFORE}") and not os.path.isdir(folder) and not look_only:  # a run was killed
        os.rename(f"{folder}{BEFORE}", folder)
    if not os.path.isdir(folder):
        tree: dict[str, Attributes] = {}
    else:
        try:
            server = opened(given["uri"])
            tree = search(server, "cn=config", ldap.SCOPE_SUBTREE)
        except ldap.SERVER_DOWN:
            tree = config_of(folder)
    changes = changes_due(given, Config(dict(tree)))
    apart(tree, changes)
    if changes and tree:
        tried(folder, changes)
    if look_only or not changes:
        return changes
    believed(changes)
    if tree and given["original"] and not os.path.exists(given["original"]) and is_of_others(tree, given["entries"]):
        written(given["original"], run(["slapcat", "-n", "0", "-F", folder]))
    if not tree:
        made(folder, changes, given["owner"])
    elif server is None:  # it is down, so that nobody else writes there
        made(folder, applied(tree, changes), given["owner"])
    else:
        write_all(server, changes)
    return changes


def settle_entries(given: dict[str, Any], look_only: bool) -> list[Change]:
    """Do what is due in a directory, or only find out; return it."""
    if look_only and not os.path.isdir(given["config"]):  # nor is there a directory yet
        return [Change("add", wanted["dn"], values_of(wanted["attributes"])) for wanted in given["entries"]]
    server = opened(given["uri"])
    marks = dict(line.split("\t") for line in recorded(given["marks"]))
    changes = changes_due(given, Directory(server), marks)
    ours = recorded(given["record"])
    if given["remove"]:
        changes += removals(server, given["entries"], ours)
    rehearsed(server, given["config"], given["suffix"], changes)
    if look_only:
        return changes
    wanted_marks = {known_by(wanted): wanted["mark"] for wanted in given["entries"] if wanted.get("mark")}
    if not changes and wanted_marks == marks:
        return changes
    made_now = [change.to or change.dn for change in changes if change.kind in ("add", "rename")]
    if given["record"]:
        record(given["record"], ours + made_now)
    write_all(server, changes)
    if given["marks"]:
        record(given["marks"], [f"{name}\t{mark}" for name, mark in wanted_marks.items()])
    if given["record"]:
        gone = {change.dn for change in changes if change.kind in ("delete", "rename")}
        record(given["record"], [name for name in ours + made_now if name not in gone])
    return changes


def write_all(server: Any, changes: list[Change]) -> None:
    """Do all changes, in their order."""
    for change in changes:
        try:
            write(server, change)
        except ldap.LDAPError as cause:
            raise ValueError(f"{change.kind} {change.dn}: {words_of(cause)}") from cause


def removals(server: Any, wanted: list[dict[str, Any]], ours: list[str]) -> list[Change]:
    """Return the removals of those entries of ours that are not wanted any more, the lowest first."""
    stay = {plain(entry["dn"]) for entry in wanted}
    found: dict[str, None] = {}
    for dn in ours:
        if plain(dn) not in stay:
            found.update(dict.fromkeys(search(server, dn, ldap.SCOPE_SUBTREE)))
    return [Change("delete", dn, {}) for dn in sorted(found, key=lambda dn: -len(parts(dn)))]


def shown(change: Change, secret: list[str]) -> dict[str, str]:
    """Return a change for people to see, without what is secret."""
    hidden = {name.lower() for name in secret}
    lines = [
        f"{name}: {'(secret)' if name.lower() in hidden else value}\n"
        for name, values in change.values.items()
        for value in values or ["(none)"]
    ]
    if change.to:
        lines.append(f"name: {change.to}\n")
    header = f"{change.dn} ({change.kind})"
    return {"before_header": change.dn, "after_header": header, "before": "", "after": "".join(lines)}


def main() -> None:
    """Run the module."""
    entry = {
        "dn": {"type": "str", "required": True},
        "attributes": {"type": "dict", "default": {}},
        "file": {"type": "path"},
        "key": {"type": "str", "no_log": False},
        "mark": {"type": "str"},
        "beside": {"type": "bool", "default": False},
    }
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "entries": {"type": "list", "elements": "dict", "default": [], "options": entry},
            "initial": names,
            "among": names,
            "secret": names | {"default": ["userPassword", "olcRootPW", "olcSyncrepl"], "no_log": False},
            "record": {"type": "path"},
            "marks": {"type": "path"},
            "remove": {"type": "bool", "default": False},
            "config": {"type": "path", "default": "/etc/ldap/slapd.d"},
            "original": {"type": "path"},
            "suffix": {"type": "str"},
            "owner": {"type": "str", "default": "openldap"},
            "uri": {"type": "str", "default": "ldapi:///"},
        },
        supports_check_mode=True,
    )
    given = module.params
    if ldap is None:
        if module.check_mode:  # it is yet to be installed
            module.exit_json(changed=True, changes=[f"add {wanted['dn']}" for wanted in given["entries"]])
        module.fail_json(msg=missing_required_lib("python-ldap"))
    try:
        changes = (settle_entries if given["suffix"] else settle_config)(given, module.check_mode)
    except (ValueError, ldap.LDAPError) as cause:
        module.fail_json(msg=words_of(cause))
    module.exit_json(
        changed=bool(changes),
        changes=[f"{change.kind} {change.dn}" for change in changes],
        diff=[shown(change, given["secret"]) for change in changes],
    )


if __name__ == "__main__":
    main()
