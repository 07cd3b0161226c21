"""Jinja filter bcrypt_hash: hash a password, to the same hash each time."""

from __future__ import annotations

DOCUMENTATION = r"""
name: bcrypt_hash
short_description: Hash a password, to the same hash each time
version_added: "0.1.0"
description:
  - Gives the bcrypt hash of a password as htpasswd(1) writes it. Its salt is not drawn anew but made of O(seed), so
    that a run that changes nothing gives the same hash.
positional: seed, cost
options:
  _input:
    description: The password, of at most 72 octets in UTF-8.
    type: str
    required: true
  seed:
    description: What the salt is made of, different for each user, and not to be guessed before the hash is seen.
    type: str
    required: true
  cost:
    description: How many times the work of a hash is doubled, 4 to 31.
    type: int
    default: 10
notes:
  - "Refused: a password that is too long, which bcrypt would cut."
seealso:
  - name: htpasswd(1)
    description: The file in which these hashes are.
    link: https://httpd.apache.org/docs/2.4/misc/password_encryptions.html
"""

EXAMPLES = r"""
- name: Hash a password
  ansible.builtin.assert:
    that: "'secret' | bcrypt_hash('a seed user1', 4) == '$2y$04$KGOvl5EtwZ8Yrk2oAk8q3umhNvc57kg0g4A2vVl8jk.UYZd1WqQ3.'"
"""

RETURN = r"""
_value:
  description: The hash, with its algorithm, cost and salt.
  type: str
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import bcrypt
from ansible.errors import AnsibleFilterError

STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
LONGEST = 72


def bcrypt_hash(password: str, seed: str, cost: int = 10) -> str:
    """Hash a password."""
    octets = password.encode()
    if len(octets) > LONGEST:
        raise AnsibleFilterError(f"A password has {len(octets)} octets; at most {LONGEST} are possible (bcrypt)")
    salt = hashlib.sha256(seed.encode()).digest()[:16]
    text = base64.b64encode(salt).rstrip(b"=").translate(bytes.maketrans(STANDARD, BCRYPT))
    return bcrypt.hashpw(octets, b"$2y$%02d$%s" % (cost, text)).decode()


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"bcrypt_hash": bcrypt_hash}
