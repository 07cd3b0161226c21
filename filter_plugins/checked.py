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
      - V(address), an IPv4 or IPv6 address (RFC 4291) in a string that a host can have, so not V(0.0.0.0), V(::), the
        broadcast address or a multicast one.
      - V(network), an IPv4 or IPv6 network in CIDR notation (RFC 4632), such as V(172.16.22.0/24), without host bits.
      - V(domain), a domain name of letters, digits, hyphens and dots, without the final dot (RFC 1123 section 2.1), of
        at most 253 characters; or a name in Unicode that has such a form (IDNA 2008).
      - V(base64), at least 16 octets in base64 (RFC 4648). It is taken for a secret, and an error does not show it.
      - V(token), a secret of letters, digits and V(._+/=-), which no language has to quote. An error does not show it.
      - V(path), an absolute path.
      - V(file), the absolute path of a file that is there, on the controller.
      - V(ds), the value of a DS record (RFC 4034 section 5.3), with one space between two of its fields.
      - V(user), the name of a user or group, as Debian's adduser takes it (adduser.conf(5), NAME_REGEX).
      - V(numbered), a user with a C(uid) from 1000 on.
      - V(mailbox), the local part of an address, or the whole of it (RFC 5321 section 4.1.2), without quoted strings.
      - V(ssh_key), an SSH public key, one line as in a C(.pub) file.
      - V(count), an integer from 0 on.
      - V(positive), an integer from 1 on.
      - V(size), a number with V(K), V(M), V(G) or V(T), such as V(1G), or V(0).
      - V(generations), a list of such integers, at least one, and none of them twice.
      - V(suffix), the distinguished name of a whole directory (RFC 4514), such as V(o=um,c=es), of C(dc), C(o), C(ou),
        C(l) and C(c), without escapes.
      - V(attribute), the name of an attribute of entries in a directory (RFC 4512 section 1.4).
      - V(seconds), a finite number above 0, of seconds.
    type: str
    choices: [address, network, domain, base64, token, path, file, ds, user, numbered, mailbox, ssh_key, count,
              positive, size, generations, seconds, suffix, attribute]
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
DS = re.compile(r"[0-9]+ [0-9]+ [0-9]+ [0-9A-Fa-f]+( [0-9A-Fa-f]+)*")
NETWORK = re.compile(r"[^/%]+/[0-9]+")
# RFC 4514 section 2.3, of the attributes that name organizations and places
SUFFIX = re.compile(r"(?:dc|o|ou|l|c)=\w(?:[\w .-]*\w)?(?:,(?:dc|o|ou|l|c)=\w(?:[\w .-]*\w)?)*")
TOKEN = re.compile(r"[A-Za-z0-9._+/=-]+")
ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
SIZE = re.compile(r"0|[1-9][0-9]*[KMGT]")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
ATOMS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
MAILBOX = re.compile(rf"{ATOMS}(\.{ATOMS})*(@(?P<domain>.*))?", re.DOTALL)
BROADCAST = ipaddress.ip_address("255.255.255.255")


def check_address(value: Any) -> None:
    """Refuse what is not a host's address."""
    if not isinstance(value, str):
        raise ValueError("it is not a string")
    address = ipaddress.ip_address(value)
    if address.is_unspecified or address.is_multicast or address == BROADCAST:
        raise ValueError("no host has such an address")


def check_network(value: Any) -> None:
    """Refuse what is not a network."""
    if not isinstance(value, str) or not NETWORK.fullmatch(value):
        raise ValueError("a network has a prefix length, such as 172.16.22.0/24")
    ipaddress.ip_network(value)


def a_labels(name: str) -> str:
    """Write a name in Unicode with A-labels."""
    try:
        return dns.name.from_text(name, None, dns.name.IDNA_2008_Practical).to_text()
    except dns.name.IDNAException as cause:
        raise ValueError(f"it is not possible in IDNA 2008: {cause.kwargs['idna_exception']}") from cause
    except dns.exception.DNSException as cause:
        raise ValueError(f"it is not a domain name: {cause}") from cause


def check_domain(value: Any) -> None:
    """Refuse what is not a domain name."""
    if isinstance(value, str) and not value.isascii():
        value = a_labels(value)
    if not isinstance(value, str) or not DOMAIN.fullmatch(value):
        raise ValueError("labels of 1 to 63 letters, digits and hyphens, with dots between them, are possible")
    if len(value) > 253:
        raise ValueError(f"it has {len(value)} characters, at most 253 are possible (RFC 1035)")


def check_base64(value: Any) -> None:
    """Refuse what is not a secret in base64; the value is not repeated."""
    try:
        octets = len(base64.b64decode(value, validate=True))
    except (binascii.Error, TypeError, ValueError) as cause:
        raise ValueError("it is not base64 (RFC 4648)") from cause
    if octets < 16:
        raise ValueError(f"it has {octets} octets, at least 16 are asked for")


def check_token(value: Any) -> None:
    """Refuse a secret that would have to be quoted somewhere; the value is not repeated."""
    if not isinstance(value, str) or not TOKEN.fullmatch(value):
        raise ValueError("letters, digits, and the characters . _ + / = - are possible")


def check_path(value: Any) -> None:
    """Refuse what is not an absolute path."""
    if not isinstance(value, str) or not value.startswith("/"):
        raise ValueError("an absolute path is possible")


def check_file(value: Any) -> None:
    """Refuse what is not a file on the controller."""
    check_path(value)
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


def check_user(value: Any) -> None:
    """Refuse what is not the name of a user or group."""
    if not isinstance(value, str) or not USER.fullmatch(value):
        raise ValueError("up to 32 small letters, digits, _ and -, the first of them a letter or _, are possible")


def check_numbered(value: Any) -> None:
    """Refuse an account without a number, or with one of the system's own."""
    uid = value.get("uid") if isinstance(value, dict) else None
    if not isinstance(uid, int) or isinstance(uid, bool) or uid < 1000:
        raise ValueError("a uid from 1000 on, which is the account's on all hosts, has to be given")


def check_mailbox(value: Any) -> None:
    """Refuse what no letter can be sent to."""
    mailbox = MAILBOX.fullmatch(value) if isinstance(value, str) else None
    if not mailbox:
        raise ValueError("a local part of letters, digits and dots, such as user1, is possible, or user1@st.um")
    if mailbox["domain"] is not None:
        check_domain(mailbox["domain"])


def check_ssh_key(value: Any) -> None:
    """Refuse what is not an SSH public key."""
    if not isinstance(value, str) or "\n" in value.strip():
        raise ValueError("one line as in a .pub file is possible")
    try:
        load_ssh_public_key(value.encode())
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise ValueError(f"it is not an SSH public key: {cause}") from cause


def check_count(value: Any) -> None:
    """Refuse what cannot be counted."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("an integer from 0 on is possible")


def check_positive(value: Any) -> None:
    """Refuse what is not at least one."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("an integer from 1 on is possible")


def check_size(value: Any) -> None:
    """Refuse what is not an amount of storage."""
    if not SIZE.fullmatch(str(value)):
        raise ValueError("a number with K, M, G or T, such as 1G, is possible, or 0")


def check_generations(value: Any) -> None:
    """Refuse what is not the numbers of generations, the one that counts first."""
    if not isinstance(value, list) or not value:
        raise ValueError("a list of at least one number is possible")
    for number in value:
        check_count(number)
    if len(set(value)) < len(value):
        raise ValueError("a number is there twice")


def check_seconds(value: Any) -> None:
    """Refuse what is not a time span."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ValueError("a number of seconds above 0 is possible")


def check_suffix(value: Any) -> None:
    """Refuse what is not the distinguished name of a directory."""
    if not isinstance(value, str) or not SUFFIX.fullmatch(value):
        raise ValueError(
            "dc=, o=, ou=, l= and c= with names of letters and digits, and commas between them, are possible"
        )


def check_attribute(value: Any) -> None:
    """Refuse what is not the name of an attribute."""
    if not isinstance(value, str) or not ATTRIBUTE.fullmatch(value):
        raise ValueError("letters, digits and hyphens, the first of them a letter, are possible")


KINDS = {
    "address": check_address,
    "network": check_network,
    "domain": check_domain,
    "base64": check_base64,
    "token": check_token,
    "path": check_path,
    "file": check_file,
    "ds": check_ds,
    "user": check_user,
    "numbered": check_numbered,
    "mailbox": check_mailbox,
    "ssh_key": check_ssh_key,
    "count": check_count,
    "positive": check_positive,
    "size": check_size,
    "generations": check_generations,
    "seconds": check_seconds,
    "suffix": check_suffix,
    "attribute": check_attribute,
}


def checked(value: Any, kind: str, variable: str) -> Any:
    """Return the value if it is of the kind."""
    if kind not in KINDS:
        raise AnsibleFilterError(f"checked: {kind!r} is not one of {', '.join(KINDS)}")
    for item in value if isinstance(value, list) else [value]:
        try:
            KINDS[kind](item)
        except ValueError as cause:
            shown = "the value" if kind in ("base64", "token") else repr(item)
            raise AnsibleFilterError(f"Edit {variable}: {shown} is not valid as {kind}: {cause}") from cause
    return value


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"checked": checked}
