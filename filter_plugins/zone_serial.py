"""Jinja filter zone_serial: choose the serial number of a zone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zone_serial
short_description: Choose the serial number of a zone
version_added: "0.1.0"
description:
  - Keeps the serial while the zone's content stays what it is, and otherwise gives one that every name server takes
    for newer than all that are in use, a deletion and a rebuilt server included.
  - Serials are compared as RFC 1982 section 3.2 says, on a circle of 2**32 numbers.
  - A new serial is the day's V(YYYYMMDD00) (RFC 1912 section 2.2) if that is newer than all seen, else the newest of
    these plus one. V(0) is left out when the numbers wrap, as some software takes it for unset.
positional: file, served
options:
  _input:
    description:
      - A digest of the content that is wanted, without the serial. It is only compared with O(file.digest).
    type: str
    required: true
  file:
    description: What the primary's zone file holds now, none if there is no such file.
    type: dict
    suboptions:
      digest:
        description: The digest of its content.
        type: str
        required: true
      serial:
        description: Its serial, 0 to 4294967295.
        type: int
        required: true
  served:
    description: The serials of this zone that its name servers answer with now, in any order.
    type: list
    elements: int
    default: []
  signed:
    description:
      - The serial that the primary serves, where it signs the zone itself (inline signing). That one runs ahead of the
        file's with each signature, and so do the secondaries'; only a name server beyond it asks for a new serial.
    type: int
  date:
    description: Today, V(YYYYMMDD), up to V(42941231).
    type: str
    required: true
notes:
  - "The serial is kept if the digests are equal and no served serial is beyond both the file's and O(signed)."
  - "Refused: a serial outside of 0 to 4294967295; a date that does not exist; serials so far apart that no number is
    newer than all of them. A person then decides which name server is right; the error says what to do."
seealso:
  - name: RFC 1982
    description: Serial number arithmetic.
    link: https://www.rfc-editor.org/rfc/rfc1982
  - name: RFC 2182
    description: Section 7 is about serials, and how to set one back in two steps.
    link: https://www.rfc-editor.org/rfc/rfc2182#section-7
"""

EXAMPLES = r"""
- name: Keep the serial of a zone that stays the same
  ansible.builtin.assert:
    that: "'abc' | zone_serial({'digest': 'abc', 'serial': 2025060100}, [2025060100], date='20250901') == 2025060100"

- name: Give a changed zone the day's first serial
  ansible.builtin.assert:
    that: "'def' | zone_serial({'digest': 'abc', 'serial': 2025060100}, [2025060100], date='20250901') == 2025090100"

- name: Go beyond a secondary when the primary is new
  ansible.builtin.assert:
    that: "'abc' | zone_serial(none, [2025090104], date='20250901') == 2025090105"

- name: Keep the serial of a zone whose signatures are ahead of its file
  ansible.builtin.assert:
    that: "'abc' | zone_serial(file, [2025060107, 2025060106], signed=2025060107, date='20250901') == 2025060100"
  vars:
    file: {digest: abc, serial: 2025060100}
"""

RETURN = r"""
_value:
  description: The serial, 0 to 4294967295; V(0) only if the file has it already.
  type: int
"""

import datetime
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

CIRCLE = 2**32
FILE_KEYS = {"digest", "serial"}


def newer(serial: int, other: int) -> bool:
    """Tell whether a serial is greater than another one (RFC 1982 section 3.2)."""
    return 0 < (serial - other) % CIRCLE < CIRCLE // 2


def check_serial(what: str, serial: Any) -> None:
    """Check that this is a serial."""
    if not isinstance(serial, int) or isinstance(serial, bool) or not 0 <= serial < CIRCLE:
        raise ValueError(f"{what} {serial!r} is not an integer between 0 and {CIRCLE - 1}")


def first_of(date: Any) -> int:
    """Give a day's first serial."""
    try:
        if not isinstance(date, str) or len(date) != 8 or not (date.isascii() and date.isdigit()):
            raise ValueError("not eight digits in a string")
        datetime.date(int(date[:4]), int(date[4:6]), int(date[6:]))
    except ValueError as cause:
        raise ValueError(f"date {date!r} is not a day as YYYYMMDD: {cause}") from cause
    check_serial("the day's first serial", int(date) * 100)
    return int(date) * 100


def check(digest: Any, file: Any, served: Any, signed: Any) -> None:
    """Check the arguments."""
    if not isinstance(digest, str) or not digest:
        raise ValueError(f"digest {digest!r} is not a string of at least one character")
    if file is not None:
        if not isinstance(file, dict) or file.keys() != FILE_KEYS or not isinstance(file["digest"], str):
            raise ValueError(f"file {file!r} is neither none nor a dictionary of digest and serial")
        check_serial("the file's serial", file["serial"])
    if not isinstance(served, list | tuple):
        raise ValueError(f"served {served!r} is not a list")
    for serial in served:
        check_serial("the served serial", serial)
    if signed is not None:
        check_serial("the signed serial", signed)


def choose(digest: str, file: dict[str, Any] | None, served: list[int], signed: int | None, first: int) -> int:
    """Keep the serial or find a new one."""
    if file is not None and file["digest"] == digest:
        known = [file["serial"], *([] if signed is None else [signed])]
        if all(any(serial == one or newer(one, serial) for one in known) for serial in served):
            return file["serial"]
    seen = {*served, *([] if file is None else [file["serial"]]), *([] if signed is None else [signed])}
    # Only the newest plus one can be newer than all.
    for serial in (first, *((old + 1) % CIRCLE or 1 for old in seen)):
        if all(newer(serial, old) for old in seen):
            return serial
    raise ValueError(
        f"no number is newer than all of {', '.join(map(str, sorted(seen)))} (RFC 1982). Either remove the zone from "
        "the name servers that are wrong and let them fetch it, or move the serial in two steps (RFC 2182 section 7)"
    )


def zone_serial(digest: Any, file: Any = None, served: Any = (), *, signed: Any = None, date: Any) -> int:
    """Choose the serial number of a zone."""
    try:
        check(digest, file, served, signed)
        return choose(digest, file, served, signed, first_of(date))
    except ValueError as cause:
        raise AnsibleFilterError(f"The serial cannot be chosen: {cause}") from cause


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"zone_serial": zone_serial}
