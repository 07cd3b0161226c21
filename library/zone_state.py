#!/usr/bin/python
"""Ansible module: what a zone's file holds and what its name servers serve."""

DOCUMENTATION = r"""
module: zone_state
short_description: Look at zones' serials, in the files and as they are served, or wait until they agree
description:
  - Reads the serial and the content's digest from each zone's file on this host, and asks every server for the zone's
    SOA record, as anybody would (RFC 1035, no recursion, UDP).
  - Nothing is changed on the host or on a server.
  - With O(wait), it is a gate. It ends when every server serves, with authority, the serial that the first server
    serves, and that is not behind the file's (RFC 1982); it fails, and names the servers that do not, when the time is
    over. In check mode it does not wait.
options:
  zones:
    description: The name of each zone's file, by the zone's name.
    type: dict
    required: true
  directory:
    description: The folder of the zone files.
    type: path
    required: true
  servers:
    description:
      - The zones' servers, at least one, each a dictionary with C(name), for messages, and C(addresses), a list. The
        first one is the primary. Other keys are left alone.
    type: list
    elements: dict
    required: true
  port:
    description: The servers' port.
    type: int
    default: 53
  timeout:
    description: The seconds in which a server must answer; one that does not is taken as down.
    type: float
    default: 2
  wait:
    description: The seconds to wait until the servers agree; with V(0) they are only looked at.
    type: float
    default: 0
requirements: [dnspython (Debian's python3-dnspython); without it a run in check mode sees the files alone]
attributes:
  check_mode:
    support: full
"""

EXAMPLES = r"""
- name: Wait until every server has the news
  zone_state:
    zones: {st.um: st.um.zone}
    directory: /var/lib/bind
    servers:
      - {name: primary, addresses: [127.0.0.1]}
      - {name: secondary, addresses: [172.16.22.137]}
    wait: 60
"""

RETURN = r"""
zones:
  description: >-
    By zone, C(file), a dictionary with C(digest) and C(serial) (null where there is no file or it is not ours), and
    C(served), the serials that were answered.
  type: dict
  returned: success
date:
  description: Today in UTC on this host, YYYYMMDD.
  type: str
  returned: success
"""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.query
    import dns.rdatatype
except ImportError:
    dns = None

DIGEST = re.compile(r"^; content (\S+)$", re.MULTILINE)
SERIAL = re.compile(r" IN SOA \S+ \S+ (\d+) ")


def read_zone_file(path: Path) -> dict | None:
    """Return the digest and the serial that a zone file of ours carries in its first lines."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:  # a secondary's is binary
            head = lines.read(4096)
    except FileNotFoundError:
        return None
    digest, serial = DIGEST.search(head), SERIAL.search(head)
    return {"digest": digest[1], "serial": int(serial[1])} if digest and serial else None


def endpoints(servers: list[dict]) -> list[tuple[str, str]]:
    """Give a label for messages and the address of each address of the servers."""
    if not servers:
        raise ValueError("servers is empty, and a zone has at least one")
    found = []
    for server in servers:
        addresses = server.get("addresses")
        if "name" not in server or not isinstance(addresses, list) or not addresses:
            raise ValueError(f"servers: {server!r} is not a dictionary with name and addresses")
        for address in addresses:
            try:
                ip_address(address)
            except ValueError as cause:
                raise ValueError(f"servers: {server['name']}: {cause}") from cause
            found.append((f"{server['name']} ({address})", address))
    return found


def ask_serial(zone: str, address: str, port: int, timeout: float) -> int | None:
    """Return the serial that a server serves with authority, or None if it does not answer so."""
    query = dns.message.make_query(zone, dns.rdatatype.SOA)
    query.flags &= ~dns.flags.RD
    try:
        answer = dns.query.udp(query, address, timeout=timeout, port=port, ignore_unexpected=True)
    except (dns.exception.DNSException, OSError):
        return None
    if not answer.flags & dns.flags.AA:
        return None
    return next((rrset[0].serial for rrset in answer.answer if rrset.rdtype == dns.rdatatype.SOA), None)


def is_behind(serial: int, other: int) -> bool:
    """Return whether a serial is less than another (RFC 1982 3.2)."""
    return 0 < (other - serial) % 2**32 < 2**31


def disagreements(zone: str, file: dict | None, answers: list[tuple[str, int | None]]) -> list[str]:
    """Say which servers do not serve what the first one does, and whether that one is behind its own file."""
    wanted = answers[0][1]
    if file and (wanted is None or is_behind(wanted, file["serial"])):
        wanted = file["serial"]
    if wanted is None:  # nobody knows, so the others cannot be wrong
        return [f"{server} does not serve {zone}" for server, serial in answers if serial is None]
    return [
        f"{server} {'does not serve' if serial is None else f'serves serial {serial} of'} {zone}, wanted {wanted}"
        for server, serial in answers
        if serial != wanted
    ]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "zones": {"type": "dict", "required": True},
            "directory": {"type": "path", "required": True},
            "servers": {"type": "list", "elements": "dict", "required": True},
            "port": {"type": "int", "default": 53},
            "timeout": {"type": "float", "default": 2},
            "wait": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    given = module.params
    if dns is None and not module.check_mode:
        module.fail_json(msg=missing_required_lib("dnspython"))

    try:
        servers = endpoints(given["servers"])
    except ValueError as cause:
        module.fail_json(msg=str(cause))
    directory = Path(given["directory"])
    files = {zone: read_zone_file(directory / file) for zone, file in given["zones"].items()}

    def ask_all(zones: list[str]) -> dict[str, list[tuple[str, int | None]]]:
        questions = [(zone, name, address) for zone in zones for name, address in servers]
        with ThreadPoolExecutor(32) as threads:
            serials = threads.map(lambda q: ask_serial(q[0], q[2], given["port"], given["timeout"]), questions)
            answers: dict[str, list[tuple[str, int | None]]] = {zone: [] for zone in zones}
            for (zone, name, _), serial in zip(questions, serials, strict=True):
                answers[zone].append((name, serial))
        return answers

    seen = ask_all(list(files)) if dns else {zone: [] for zone in files}
    deadline = time.monotonic() + given["wait"]
    while given["wait"] and not module.check_mode:
        wrong = {zone: said for zone, answers in seen.items() if (said := disagreements(zone, files[zone], answers))}
        if not wrong:
            break
        if time.monotonic() > deadline:
            words = [line for said in wrong.values() for line in said]
            module.fail_json(msg=f"After {given['wait']:g} s: " + "; ".join(words[:20]))
        time.sleep(0.1)
        seen.update(ask_all(list(wrong)))

    served = {zone: [serial for _, serial in answers if serial is not None] for zone, answers in seen.items()}
    module.exit_json(
        changed=False,
        date=datetime.now(UTC).strftime("%Y%m%d"),
        zones={zone: {"file": file, "served": served[zone]} for zone, file in files.items()},
    )


if __name__ == "__main__":
    main()
