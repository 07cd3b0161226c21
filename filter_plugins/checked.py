"""Jinja filter checked: a setting, if it is what it should be."""

from __future__ import annotations

DOCUMENTATION = r"""
name: checked
short_description: A setting, if it is what it should be
version_added: "0.1.0"
description:
  - Returns its input if it is of the kind that is asked for, and otherwise raises an error that says what is wrong and
    names the variable to edit. It is for the lists C(__ROLE_checks) of the action plugin M(check_settings).
positional: kind, variable
options:
  _input:
    description: The setting. Of a list, each item is looked at; an empty list is always right.
    type: raw
    required: true
  kind:
    description:
      - The name of a kind. With a C(?) behind it, the empty string is right, too.
      - A range, such as V(0..65535) or V(1..), of integers, both ends of which are possible; or with points, such as
        V(0.0..10.0), of numbers.
      - Of names, addresses and other short words at most 255 characters are possible.
      - Words with C(|) between them, such as V(ecdsa|rsa), one of which has to be given.
      - V(any), whatever it is, as something else looks at it.
      - V(account), the name of a person's user or group, which is a V(user) but none that Debian's own packages make.
      - V(address), an IPv4 or IPv6 address (RFC 4291) in a string that a host can have, so not V(0.0.0.0), V(::), the
        broadcast address or a multicast one.
      - V(algorithm), the name of an algorithm.
      - V(attribute), the name of an attribute of entries in a directory (RFC 4512 section 1.4).
      - V(attribute_values), one value or a list of them, texts or numbers.
      - V(base64), at least 16 octets in base64 (RFC 4648). It is taken for a secret, and an error does not show it.
      - V(bool), true or false.
      - V(calendar), when something is done again and again (systemd.time(7), CALENDAR EVENTS), not all of it looked at.
      - V(certificate), the name of a certificate, as of its file.
      - V(certified_name), a V(server_name), also with V(*) as its first label.
      - V(command), the path of a program, and its arguments.
      - V(clock), the time of a day, such as V(04:00).
      - V(common_name), the name in a certificate's subject.
      - V(count), an integer from 0 on.
      - V(dn), a distinguished name (RFC 4514) without escapes.
      - V(domain), a domain name of letters, digits, hyphens and dots, without the final dot (RFC 1123 section 2.1), of
        at most 253 characters; or a name in Unicode that has such a form (IDNA 2008).
      - V(distinct), a list in which nothing is twice.
      - V(ds), the value of a DS record (RFC 4034 section 5.3), with one space between two of its fields.
      - V(entry_dn), a distinguished name in one line.
      - V(file), the absolute path of a file that is there, on the controller.
      - V(folder), the name of a folder for letters.
      - V(fqdn), a V(name) with the final dot, or V(.), the root.
      - V(gecos), a V(text) for the first field of what passwd(5) tells of a user, without colons and commas.
      - V(generations), a list of integers from 0 to 9999, at least one, and none of them twice.
      - V(glob), a pattern of absolute paths (glob(7)).
      - V(group), the name of a user or group of any kind, also of the system's.
      - V(host), the name of a host in the inventory.
      - V(identifier), a name of letters, digits, C(_) and C(-), the first of them a letter.
      - V(ipv4_prefix), three octets, and V(ipv6_prefix), 64 bits.
      - V(key), the name of a TSIG key.
      - V(ldap_uri), such as V(ldap://ldap.st.um).
      - V(lifetime), V(unlimited), or a time as in V(90d) or V(P1Y).
      - V(line), a line of a configuration, which does not go on in the next one.
      - V(local_path), an absolute path on the controller, which may have letters of all languages and spaces.
      - V(login), a login name at another server.
      - V(mailbox), the local part of an address, or the whole of it (RFC 5321 section 4.1.2), of letters, digits and
        C(_), C(+), C(-), C(=), C(&), C(~) and C('), with dots between them.
      - V(mailboxes), one of these or a list of at least one.
      - V(match), an element of an address match list of named.
      - V(name), a domain name of ASCII, which may have underscores, too.
      - V(names_of_host), a list of names relative to a domain, V(@) being the domain itself.
      - V(network), an IPv4 or IPv6 network in CIDR notation (RFC 4632), such as V(172.16.22.0/24), without host bits.
      - V(numbered), a user with a C(uid) from 1000 on.
      - V(option), the name of an option in a configuration.
      - V(option_of_attribute), the name or number of an attribute, also with options (RFC 4512 section 2.5).
      - V(origin), from where packages are, such as V(origin=Debian\,label=Debian-Security).
      - V(owner), the name of a record, or a list of such names.
      - V(package), the name of a Debian package, also with an architecture or a version (apt-get(8)).
      - V(password), 1 to 72 octets without control characters, and no space at the ends. An error does not show it.
      - V(path), an absolute path of ASCII letters, digits and V(._+@-), which no language has to quote.
      - V(positive), an integer from 1 on.
      - V(principal), a domain name in ASCII, or an address.
      - V(prom_file), a V(path) whose end is C(.prom).
      - V(prose), a text of one line or more.
      - V(record_type), the type of a record.
      - V(repository), an absolute path, or V(ssh://), a user and a host, and a path there.
      - V(resolver_option), an option of resolv.conf(5).
      - V(seconds), a finite number above 0, of seconds.
      - V(serial), a number in hexadecimal.
      - V(server_name), a V(domain) in ASCII.
      - V(size), a number with V(K), V(M), V(G) or V(T), such as V(1G), or V(0).
      - V(ssh_key), an SSH public key, one line as in a C(.pub) file.
      - V(subject), a dictionary of parts of a certificate's subject, each of the length that RFC 5280 appendix A.1 lets
        it have.
      - V(suffix), the distinguished name of a whole directory (RFC 4514), such as V(o=um,c=es), of C(dc), C(o), C(ou),
        C(l) and C(c), without escapes.
      - V(systemd_unit), the name of a unit, or a pattern of names.
      - V(telephone), the number of a telephone.
      - V(text), one line of text, of characters that can be printed, without a space at its ends.
      - V(time), such as V(2026-07-31T03:17:00Z), or the beginning of one, from the year on.
      - V(token), a secret of letters, digits and V(._+/=-), which no language has to quote. An error does not show it.
      - V(unit), the last part of a distinguished name.
      - V(url), an address on the web, of letters, digits and V(._~%+/-).
      - V(url_path), the path of one.
      - V(user), the name of a user or group, as Debian's adduser takes it (adduser.conf(5), NAME_REGEX).
      - V(value), the value of an option in a configuration, a number or a V(line).
      - V(words), words with one space between two of them, which named does not quote.
      - V(zone), a domain name in ASCII or Unicode, with or without the final dot, or V(.), the root.
    type: str
    required: true
  variable:
    description: The variable that a person has to edit when the setting is wrong; errors name it.
    type: str
    required: true
notes:
  - "Refused: what is not of the kind, at the first such item of a list; a kind that there is not."
seealso:
  - module: check_settings
"""

EXAMPLES = r"""
- name: Use an address
  ansible.builtin.assert:
    that: "'172.16.22.135' | checked('address', 'host_ipv4') == '172.16.22.135'"

- name: Use several networks
  ansible.builtin.assert:
    that: networks | checked('network', 'site_networks') == networks
  vars:
    networks: [172.16.22.0/24, "fd53:4644:0:22::/64"]
"""

RETURN = r"""
_value:
  description: The input, unchanged.
  type: raw
"""

import base64
import binascii
import ipaddress
import math
import os
import re
from collections.abc import Callable
from typing import Any

import dns.exception
import dns.name
import dns.rdata
from ansible.errors import AnsibleFilterError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*")
SHOWN = 60  # characters of what was given
LONGEST = 255  # characters of a short word
NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
NAMES = rf"{NAME}(?:\.{NAME})*"
WORD = r"[A-Za-z0-9_.*@+:-]+"
DN_VALUE = r"\w(?:[\w .-]*\w)?"
AUTHORITY = r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
# RFC 4514 section 2.3, of the attributes that name organizations and places, the country by ISO 3166
RDN = rf"(?:(?:o|ou|l)={DN_VALUE}|c=[A-Za-z]{{2}}|dc={LABEL})"
ORIGIN = r"(?:a|archive|suite|c|component|l|label|o|origin|n|codename|site)=[A-Za-z0-9 ._${}*?+-]+"
# Short words, and what is possible.
PATTERNS = {
    "algorithm": (r"[A-Za-z0-9][A-Za-z0-9@._-]*", "letters, digits and the characters @ . _ - are possible"),
    "attribute": (
        r"[A-Za-z][A-Za-z0-9-]*",
        "letters, digits and hyphens, the first of them a letter, are possible",
    ),
    "calendar": (r"[A-Za-z0-9*][A-Za-z0-9*.,:/~_ -]*", "what systemd.time(7) says is possible, such as 03:17"),
    "certified_name": (rf"(?:\*\.)?{LABEL}(?:\.{LABEL})*", "labels of letters, digits and hyphens are possible"),
    "certificate": (r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "letters, digits and the characters _ . - are possible"),
    "clock": (r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", "a time from 00:00 to 23:59 is possible, in quotes"),
    "common_name": (r"[A-Za-z0-9*_.-]+", "letters, digits and the characters * _ . - are possible"),
    "command": (r"/[A-Za-z0-9._/-]+(?: [A-Za-z0-9._/%@:=-]+)*", "the path of a program is possible, and words"),
    "dn": (rf"[A-Za-z]+={DN_VALUE}(?:,[A-Za-z]+={DN_VALUE})*", "names such as cn=reader,o=um,c=es are possible"),
    "folder": (r"[\w&'()+-](?:[\w .&'()+-]*[\w&'()+-])?", "letters, digits, spaces and . & ' ( ) + - are possible"),
    "fqdn": (rf"(?:{NAMES})?\.", "a full name with its final dot is possible, such as ns1.st.um."),
    "glob": (
        r"/[\w .+@~/*?!\[\]-]*",
        "an absolute path of letters, digits, spaces and . _ + @ ~ - * ? ! [ ] is possible",
    ),
    "group": (r"[A-Za-z_][A-Za-z0-9_-]{0,31}", "up to 32 letters, digits, _ and - are possible"),
    "host": (r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", "up to 63 letters, digits and _ . - are possible"),
    "identifier": (r"[A-Za-z][A-Za-z0-9_-]{0,62}", "up to 63 letters, digits, _ and -, first a letter, are possible"),
    "key": (NAMES, "a name of letters, digits, _ and -, with dots between its parts, is possible"),
    "ipv4_prefix": (r"[0-9]{1,3}(?:\.[0-9]{1,3}){2}", "three octets are possible, such as 172.16.22"),
    "ipv6_prefix": (r"[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){3}", "64 bits are possible, such as fd53:4644:0:22"),
    "ldap_uri": (rf"ldaps?://{AUTHORITY}", "ldap:// or ldaps:// with a name or an address is possible"),
    "lifetime": (
        r"unlimited|[0-9]{1,9}[smhdwSMHDW]?|P[0-9A-Z]+",
        "unlimited, or a time such as 90d or P1Y, is possible",
    ),
    "local_path": (r"/[\w .+@~/-]*", "an absolute path of letters, digits, spaces and . _ + @ ~ - is possible"),
    "login": (r"[A-Za-z0-9._+/=@-]+", "letters, digits and the characters . _ + / = @ - are possible"),
    "name": (NAMES, "labels of letters, digits, _ and -, with dots between them, are possible"),
    "option": (r"[A-Za-z][A-Za-z0-9_./-]*", "letters, digits and the characters _ . / -, first a letter, are possible"),
    "option_of_attribute": (
        r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)(?:;[A-Za-z0-9-]+)*",
        "the name of an attribute is possible",
    ),
    "origin": (
        rf"{ORIGIN}(?:,{ORIGIN})*",
        "keywords of unattended-upgrades with values are possible, such as origin=Debian,label=Debian-Security",
    ),
    "package": (
        r"[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?(?:=[A-Za-z0-9.+~:-]+|/[a-z0-9-]+)?",
        "the name of a Debian package is possible",
    ),
    "path": (r"/[A-Za-z0-9._+@/-]*", "an absolute path is possible, of letters, digits and the characters . _ + @ -"),
    "prom_file": (r"/[A-Za-z0-9._+@/-]*[A-Za-z0-9_+@-]\.prom", "an absolute path that ends in .prom is possible"),
    "record_type": (r"[A-Za-z][A-Za-z0-9-]*", "the type of a record is possible, such as A"),
    "repository": (
        rf"/[\w .+@~/-]*|ssh://(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?{AUTHORITY}/[\w .+@~/-]+",
        "an absolute path is possible, or one on another machine, such as ssh://user@host/./backup",
    ),
    "resolver_option": (r"[a-z][a-z0-9-]*(?::[0-9]+)?", "an option of resolv.conf(5) is possible, such as timeout:1"),
    "serial": (r"[0-9A-Fa-f]{1,40}", "up to 40 digits in hexadecimal are possible"),
    "unit": (DN_VALUE, "letters, digits, spaces and the characters _ . - are possible"),
    "size": (r"0|[1-9][0-9]{0,11}[KMGT]", "a number with K, M, G or T, such as 1G, is possible, or 0"),
    "suffix": (
        rf"{RDN}(?:,{RDN})*",
        "dc=, o=, ou=, l= and c= with names of letters and digits, and commas between them, are possible",
    ),
    "systemd_unit": (r"[A-Za-z0-9@._*-]+", "the name of a unit is possible, or a pattern"),
    "telephone": (r"[0-9+(](?:[0-9 ()./-]*[0-9)])?", "digits, spaces and + ( ) . / - are possible, in quotes"),
    "time": (
        r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}(:[0-9]{2}(:[0-9]{2}Z?)?)?)?)?)?",
        "a time such as 2026-07-31T03:17:00Z is possible, or the beginning of one, in quotes",
    ),
    "token": (r"[A-Za-z0-9._+/=-]+", "letters, digits, and the characters . _ + / = - are possible"),
    "url": (
        rf"https?://{AUTHORITY}(?:/[A-Za-z0-9._~%+/-]*)?",
        "http:// or https:// with letters, digits and . _ ~ % + / - is possible",
    ),
    "url_path": (r"/[A-Za-z0-9._~/-]*", "a path of letters, digits and the characters . _ ~ - is possible"),
    "user": (
        r"[a-z_][a-z0-9_-]{0,31}",
        "up to 32 small letters, digits, _ and -, the first of them a letter or _, are possible",
    ),
    "words": (rf"{WORD}(?: {WORD})*", "words of letters, digits and . * @ _ + : -, with a space between, are possible"),
}
NUMBERS = {"size", "words"}  # which can be numbers
DS = re.compile(r"[0-9]+ [0-9]+ [0-9]+ [0-9A-Fa-f]+( [0-9A-Fa-f]+)*")
NETWORK = re.compile(r"[^/%]+/[0-9]+")
SCOPE = re.compile(r"[A-Za-z0-9_.-]+")
LOCAL_PART = r"[A-Za-z0-9_+=&~'](?:[A-Za-z0-9_+=&~'-]*)(?:\.[A-Za-z0-9_+=&~'-]+)*"
MAILBOX = re.compile(rf"(?P<local>{LOCAL_PART})(@(?P<domain>.*))?", re.DOTALL)
RANGE = re.compile(r"(-?[0-9.]+?)\.\.(-?[0-9.]+)?")
BROADCAST = ipaddress.ip_address("255.255.255.255")
SECRET = {"base64", "password", "token"}
# base-passwd's users and groups, and those of packages that are on most hosts or that this project installs
SYSTEM = re.compile(
    r"_.*|systemd-.*|adm|audio|backup|bin|bind|bluetooth|cdrom|crontab|daemon|dialout|dip|disk|docker|dovecot|dovenull|"
    r"fax|floppy|games|gnats|input|irc|kmem|kvm|list|lp|lpadmin|mail|man|messagebus|netdev|news|nobody|nogroup|opendkim|"
    r"opendmarc|openldap|operator|plugdev|polkitd|postdrop|postfix|proxy|render|root|sasl|sgx|shadow|src|ssh|sshd|"
    r"ssl-cert|sssd|staff|sudo|sync|sys|tape|tcpdump|tty|users|utmp|uucp|video|voice|www-data"
)
FOR_PEOPLE = {"staff", "users"}  # groups of the system's that are there for people
# RFC 5280 appendix A.1
SUBJECT = {"C": 2, "ST": 128, "L": 128, "O": 64, "OU": 64}


def check_address(value: Any) -> None:
    """Refuse what is not a host's address."""
    if not isinstance(value, str):
        raise ValueError("it is not a string")
    address = ipaddress.ip_address(value)
    scope = getattr(address, "scope_id", None)
    if scope is not None and not SCOPE.fullmatch(scope):
        raise ValueError("what is behind its % is not the name of an interface")
    if address.is_unspecified or address.is_multicast or address == BROADCAST:
        raise ValueError("no host has such an address")


def check_network(value: Any) -> None:
    """Refuse what is not a network."""
    if not isinstance(value, str) or not NETWORK.fullmatch(value):
        raise ValueError("a network has a prefix length, such as 172.16.22.0/24")
    ipaddress.ip_network(value)


def check_match(value: Any) -> None:
    """Refuse what is no element of an address match list."""
    text = value.removeprefix("!") if isinstance(value, str) else ""
    if re.fullmatch(rf"{NAME}|key {NAMES}", text):
        return
    (check_network if "/" in text else check_address)(text)


def a_labels(name: str) -> str:
    """Write a name in Unicode with A-labels."""
    try:
        return dns.name.from_text(name, None, dns.name.IDNA_2008_Practical).to_text()
    except dns.name.IDNAException as cause:
        raise ValueError(f"it is not possible in IDNA 2008: {cause.kwargs['idna_exception']}") from cause
    except (dns.exception.DNSException, UnicodeError) as cause:
        raise ValueError(f"it is not a domain name: {cause}") from cause


def check_domain(value: Any) -> None:
    """Refuse what is not a domain name."""
    if isinstance(value, str) and not value.isascii():
        value = a_labels(value)
    if not isinstance(value, str) or not DOMAIN.fullmatch(value):
        raise ValueError("labels of 1 to 63 letters, digits and hyphens, with dots between them, are possible")
    if len(value) > 253:
        raise ValueError(f"it has {len(value)} characters, at most 253 are possible (RFC 1035)")
    if value.lower().split(".")[-1] == "localhost":
        raise ValueError("localhost is what each host calls itself (RFC 6761)")


def check_server_name(value: Any) -> None:
    """Refuse what is not a domain name in ASCII."""
    check_domain(value)
    if not value.isascii():
        raise ValueError(f"here it has to be written {a_labels(value)}")


def check_principal(value: Any) -> None:
    """Refuse what is neither a domain name in ASCII nor an address."""
    if isinstance(value, str) and re.search(r":|[0-9]$", value):
        check_address(value)
    else:
        check_server_name(value)


def check_zone(value: Any) -> None:
    """Refuse what is not the name of a zone."""
    name = a_labels(value) if isinstance(value, str) and not value.isascii() else value
    check_pattern("fqdn", f"{name}." if isinstance(name, str) and name and not name.endswith(".") else name)


def check_distinct(value: Any) -> None:
    """Refuse a list that has something twice."""
    if twice := [item for number, item in enumerate(value) if item in value[:number]]:
        raise ValueError(f"{twice[0]} is there twice")


def check_names_of_host(value: Any) -> None:
    """Refuse what are not the names of a host."""
    if not isinstance(value, list) or not value:
        raise ValueError("a list of at least one name is possible")
    for name in value:
        if name != "@":
            check_domain(name.removeprefix("*.").removesuffix(".") if isinstance(name, str) else name)
        if str(name).lower().split(".")[0] == "localhost":
            raise ValueError("localhost is what each host calls itself (RFC 6761)")


def check_base64(value: Any) -> None:
    """Refuse what is not a secret in base64; the value is not repeated."""
    try:
        octets = len(base64.b64decode(value, validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("it is not base64 (RFC 4648)") from None  # whose words would tell of the value
    if octets < 16:
        raise ValueError(f"it has {octets} octets, at least 16 are asked for")


def check_password(value: Any) -> None:
    """Refuse what could not be typed, or not handed to a program in a line; the value is not repeated."""
    if not isinstance(value, str) or not value:
        raise ValueError("a string of at least one character is possible, in quotes")
    if not re.fullmatch(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+", value) or value != value.strip():
        raise ValueError("it has a control character, or a space at its ends")
    if len(value.encode()) > 72:
        raise ValueError("it has more than 72 octets, of which bcrypt would heed no more")


def check_file(value: Any) -> None:
    """Refuse what is not a file on the controller."""
    check_pattern("local_path", value)
    if not os.path.isfile(value):
        raise ValueError("there is no such file on the controller")


def check_ds(value: Any) -> None:
    """Refuse what is not the value of a DS record."""
    if not isinstance(value, str) or not DS.fullmatch(value):
        raise ValueError("key tag, algorithm, digest type and digest are possible, such as 12345 13 2 00FF...")
    try:
        dns.rdata.from_text("IN", "DS", value)
    except (dns.exception.DNSException, ValueError) as cause:
        raise ValueError(f"it is not the value of a DS record: {cause}") from cause


def check_account(value: Any) -> None:
    """Refuse what is not the name of a person."""
    check_pattern("user", value)
    if SYSTEM.fullmatch(value):
        raise ValueError("it is the name of a user or group of the system's")


def check_people(value: Any) -> None:
    """Refuse what is not the name of a group of people."""
    if value not in FOR_PEOPLE:
        check_account(value)


def check_numbered(value: Any) -> None:
    """Refuse an account without a number, or with one of the system's own."""
    uid = value.get("uid") if isinstance(value, dict) else None
    if not isinstance(uid, int) or isinstance(uid, bool) or uid < 1000:
        raise ValueError("a uid from 1000 on, which is the account's on all hosts, has to be given")


def check_mailbox(value: Any) -> None:
    """Refuse what no letter can be sent to, or what Exim would not take for an address."""
    mailbox = MAILBOX.fullmatch(value) if isinstance(value, str) else None
    if not mailbox or len(mailbox["local"]) > 64:
        raise ValueError("a local part of letters, digits and dots, such as user1, is possible, or user1@st.um")
    if mailbox["domain"] is not None:
        check_server_name(mailbox["domain"])


def check_mailboxes(value: Any) -> None:
    """Refuse what are not one or more mailboxes."""
    for each in (value or [""]) if isinstance(value, list) else [value]:
        check_mailbox(each)


def check_ssh_key(value: Any) -> None:
    """Refuse what is not an SSH public key."""
    if not isinstance(value, str) or not value.strip().isprintable():
        raise ValueError("one line as in a .pub file is possible")
    try:
        load_ssh_public_key(value.encode())
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise ValueError(f"it is not an SSH public key: {cause}") from cause


def check_generations(value: Any) -> None:
    """Refuse what is not the numbers of generations, the one that counts first."""
    if not isinstance(value, list) or not value:
        raise ValueError("a list of at least one number is possible")
    for number in value:
        check_range("0..9999", number)
    if len(set(value)) < len(value):
        raise ValueError("a number is there twice")


def check_seconds(value: Any) -> None:
    """Refuse what is not a time span."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ValueError("a number of seconds above 0 is possible")


def check_text(value: Any) -> None:
    """Refuse what is not one line of text."""
    if not isinstance(value, str) or not value.isprintable() or value != value.strip() or not value:
        raise ValueError("one line of text is possible, in quotes and without a space at its ends")
    if len(value) > LONGEST:
        raise ValueError(f"it has {len(value)} characters, at most {LONGEST} are possible")


def check_gecos(value: Any) -> None:
    """Refuse what cannot be in the first field of what passwd(5) tells of somebody."""
    check_text(value)
    if found := set(value) & {":", ","}:
        raise ValueError(f"{', '.join(map(repr, sorted(found)))} separates fields in passwd(5)")


def check_prose(value: Any) -> None:
    """Refuse what is not a text."""
    if not isinstance(value, str) or re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", value):
        raise ValueError("a text without control characters is possible, in quotes")


def check_line(value: Any) -> None:
    """Refuse what is not one line of a configuration."""
    if not isinstance(value, str) or not value.isprintable() or not value.strip():
        raise ValueError("one line is possible, in quotes")
    if value.endswith("\\"):
        raise ValueError("with a backslash at its end, it would go on in the next line")


def check_value(value: Any) -> None:
    """Refuse what is not the value of an option."""
    if isinstance(value, bool):
        raise ValueError("a line or a number is possible; put a word such as yes or no in quotes")
    if not isinstance(value, int | float) or not math.isfinite(value):
        check_line(value)
        if value != value.strip():
            raise ValueError("it has a space at its ends")


def check_owner(value: Any) -> None:
    """Refuse what is not the name of a record, or a list of such."""
    for each in value if isinstance(value, list) and value else [value]:
        if not isinstance(each, str) or not re.fullmatch(r"@|\S+", each) or not each.isprintable():
            raise ValueError(
                "a name relative to the zone, without spaces, is possible, or a list of names; @ is the zone's own"
            )


def check_entry_dn(value: Any) -> None:
    """Refuse what has no line of its own among the names of entries."""
    if not isinstance(value, str) or not value.isprintable() or "=" not in value:
        raise ValueError("a distinguished name is possible, such as cn=Somebody,ou=st,o=um,c=es")


def check_attribute_values(value: Any) -> None:
    """Refuse what are not the values of an attribute."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, bool):
            raise ValueError("a directory has TRUE and FALSE, in quotes")
        if not isinstance(each, int):
            check_prose(each)


def check_subject(value: Any) -> None:
    """Refuse what is not a part of a certificate's subject."""
    if not isinstance(value, dict) or not value or set(value) - set(SUBJECT):
        raise ValueError(f"a dictionary of {', '.join(SUBJECT)} is possible")
    for name, text in value.items():
        check_text(text)
        if len(text) > SUBJECT[name] or (name == "C" and not re.fullmatch(r"[A-Z]{2}", text)):
            raise ValueError(f"{name} has {'two capital letters' if name == 'C' else f'at most {SUBJECT[name]}'}")


def check_pattern(kind: str, value: Any) -> None:
    """Refuse what is not a short word of such a form."""
    pattern, possible = PATTERNS[kind]
    is_number = kind in NUMBERS and isinstance(value, int) and not isinstance(value, bool) and value >= 0
    text = str(value) if is_number else value
    if not isinstance(text, str) or not re.fullmatch(pattern, text):
        raise ValueError(possible)
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text)} characters, at most {LONGEST} are possible")


def check_range(kind: str, value: Any) -> None:
    """Refuse what is not a number in a range."""
    least, most = RANGE.fullmatch(kind).groups()
    is_float = "." in least
    if is_float:
        right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    else:
        right = isinstance(value, int) and not isinstance(value, bool)
    if not right or value < float(least) or (most is not None and value > float(most)):
        what = "a number" if is_float else "an integer"
        raise ValueError(f"{what} from {least} {f'to {most}' if most else 'on'} is possible")


def check_bool(value: Any) -> None:
    """Refuse what is not a truth value."""
    if not isinstance(value, bool):
        raise ValueError("true or false is possible, without quotes")


def check_choice(kind: str, value: Any) -> None:
    """Refuse what is none of some words."""
    if value not in kind.split("|"):
        raise ValueError("one of these is possible, in quotes if YAML would take it for something else")


OTHERS: dict[str, Callable[[Any], None]] = {
    "account": check_account,
    "address": check_address,
    "any": lambda _: None,
    "base64": check_base64,
    "bool": check_bool,
    "distinct": check_distinct,
    "domain": check_domain,
    "ds": check_ds,
    "attribute_values": check_attribute_values,
    "entry_dn": check_entry_dn,
    "file": check_file,
    "gecos": check_gecos,
    "generations": check_generations,
    "line": check_line,
    "mailbox": check_mailbox,
    "mailboxes": check_mailboxes,
    "match": check_match,
    "names_of_host": check_names_of_host,
    "network": check_network,
    "numbered": check_numbered,
    "owner": check_owner,
    "password": check_password,
    "people": check_people,
    "principal": check_principal,
    "prose": check_prose,
    "seconds": check_seconds,
    "server_name": check_server_name,
    "ssh_key": check_ssh_key,
    "subject": check_subject,
    "text": check_text,
    "value": check_value,
    "zone": check_zone,
}
SHORT = {"count": "0..", "positive": "1.."}
KINDS = sorted([*PATTERNS, *OTHERS, *SHORT])


def check(kind: str, value: Any) -> None:
    """Refuse what is not of a kind."""
    kind = SHORT.get(kind, kind)
    if kind in PATTERNS:
        check_pattern(kind, value)
    elif kind in OTHERS:
        OTHERS[kind](value)
    elif "|" in kind:
        check_choice(kind, value)
    else:
        check_range(kind, value)


def shown(kind: str, value: Any) -> str:
    """Return what was given, as far as it may be repeated."""
    text = repr(value)
    return "the value" if kind in SECRET else text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def checked(value: Any, kind: str, variable: str) -> Any:
    """Return the value if it is of the kind."""
    known = kind.removesuffix("?")
    if known not in KINDS and not RANGE.fullmatch(known) and "|" not in known:
        raise AnsibleFilterError(f"checked: {kind!r} is not one of {', '.join(KINDS)}, nor a range such as 0..65535")
    for item in value if isinstance(value, list) else [value]:
        if kind != known and item == "":
            continue
        try:
            check(known, item)
        except ValueError as cause:
            raise AnsibleFilterError(
                f"Edit {variable}: {shown(known, item)} is not valid as {known}: {cause}"
            ) from cause
    return value


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"checked": checked}
