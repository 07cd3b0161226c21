#!/usr/bin/python
"""Ansible module: what a zone's file holds and what its name servers serve."""

DOCUMENTATION = r"""
module: zone_state
short_description: Look at zones' serials, in the files and as they are served, or wait until they agree
description:
  - Reads the serial and the content's digest from each zone's file on this host, and asks every server for the zone's
    SOA record, as anybody would (RFC 1035, no recursion, UDP).
  - Of a zone that is signed it returns the DS records that its parent ought to have, from its CDS records (RFC 7344),
    or, as long as there are none, from its DNSKEY records with the SEP flag (RFC 4034). As long as nobody serves it,
    the files of its keys tell the same.
  - Nothing is changed on the host or on a server.
  - With O(wait), it is a gate. It ends when every server serves, with authority, the serial that the first server
    serves, and that is not behind the file's (RFC 1982), with signatures if the zone is to have any; it fails, and
    names the servers that do not, when the time is over. A server that has not what the first one has is told by a
    NOTIFY (RFC 1996), as the one that it got may have come before it had its settings, or while it was down; without,
    it would find out when the SOA's retry is over. In check mode it does not wait.
options:
  zones:
    description: The zones.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The zone's name, with or without the final dot.
        type: str
        required: true
      file:
        description: The name of the zone's file. A zone without one is only asked for.
        type: str
      id:
        description: What the zone is called in the results, if not by its name, which several views may have.
        type: str
      address:
        description: Where the first server is asked for it, if not at its own address, as that leads to another view.
        type: str
      key:
        description: The name of the TSIG key that leads every server to the zone's view.
        type: str
      kind:
        description:
          - V(static), its content is that of its file; V(dynamic), it lives by updates (RFC 2136), and if its file is
            not there, its records are fetched from another server that has them, so that a lost primary does not lose
            them; V(secondary), it comes from somebody else.
        type: str
        choices: [static, dynamic, secondary]
        default: static
      signed:
        description: Whether the zone has to be signed before the gate opens.
        type: bool
        default: false
      leaving:
        description:
          - Whether the signatures of a zone that is not to be O(zones[].signed) are taken away by named itself, when
            nobody needs them any more. It waits for that if it knows of DS records of the parent, and then the zone has
            CDS records.
        type: bool
        default: false
  directory:
    description: The folder of the zone files.
    type: path
    required: true
  servers:
    description: The zones' servers, the primary first. Without any, nobody is asked.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The server's name, for messages.
        type: str
        required: true
      addresses:
        description: The server's addresses, all of which are asked.
        type: list
        elements: str
        required: true
      names:
        description: The server's names in the DNS, which do not matter here.
        type: list
        elements: str
  keys:
    description:
      - The secrets of TSIG keys (HMAC-SHA-256, in base64) by their names. The key with a server's name opens transfers
        from it.
    type: dict
    default: {}
  texts:
    description: The O(zones[].id) of the zones whose records in the file are returned.
    type: list
    elements: str
    default: []
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
    zones: [{name: st.um, file: st.um.zone, signed: true}]
    directory: /var/lib/bind
    servers:
      - {name: primary, addresses: [127.0.0.1]}
      - {name: secondary, addresses: [172.16.22.137]}
    wait: 60
"""

RETURN = r"""
zones:
  description: >-
    By the zone's O(zones[].id), C(file), a dictionary with C(digest) and C(serial) (null where there is no file or it
    is not ours), C(served), the serials that were answered, and C(signed), the primary's serial if what it serves is
    signed and is to be O(zones[].signed) or O(zones[].leaving), else null. Where others serve a zone that the primary
    signs, and it does not, C(digest) is empty, so that the zone takes a new serial: what it will be signed with is not
    what the others have.
  type: dict
  returned: success
agreed:
  description: Whether the gate would be open.
  type: bool
  returned: success
ds:
  description: >-
    By the full name of a zone that the first server serves signed, the values of its DS records, sorted. Of a zone that
    is to be O(zones[].signed) and that it does not serve, as it has yet to start, they are those of the zone's keys in
    O(directory), if there are any.
  type: dict
  returned: success
vouched:
  description: >-
    By the full name of a zone that the first server serves signed, and that would lose its signatures too early, the
    values of the DS records that its parent has, as the first server finds them as a resolver; null if it finds no
    answer. A zone whose parent has none is not among them.
  type: dict
  returned: success
nameservers:
  description: By the name of a dynamic zone that the first server serves, its name servers there, sorted.
  type: dict
  returned: success
texts:
  description: By the zone's O(zones[].id), its file, for those of O(texts) that have one.
  type: dict
  returned: success
recovered:
  description: >-
    By the O(zones[].id) of a dynamic zone whose file is not here and that another server serves, its C(serial) and its
    records, C(text), without those of a signer.
  type: dict
  returned: success
date:
  description: Today in UTC on this host, YYYYMMDD.
  type: str
  returned: success
"""

import glob
import hashlib
import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.name_servers import SEP, Answer, Asker, RdataType, Way, dns, tsig_keys

# A zone's file as the template zone.j2 of the role bind9 makes it: comments, the TTL, the SOA in one line, the others.
ZONE_FILE = re.compile(
    r"(?:;[^\n]*\n)*\$TTL (\d+)\n(\S+) \d+ IN SOA (\S+) (\S+)" + 5 * r" (\d+)" + r"\n(.*)\n", re.DOTALL
)
# A key's file, as dnssec-keygen and named write it: when is what, and the record.
KEY_TIME = re.compile(r"^; (\w+): (\d{14}) ", re.MULTILINE)
KEY_RECORD = re.compile(r"^\S+ (?:\d+ )?IN DNSKEY (.+)$", re.MULTILINE)
REMINDING = 5  # seconds between two NOTIFYs for a zone
MOST = 20  # disagreements in a message


def read_zone_file(path: Path) -> dict | None:
    """Return the serial that a zone file of ours has, and the digest of all else in it, as dns_zones makes it."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")  # a secondary's is binary
    except FileNotFoundError:
        return None
    if not (found := ZONE_FILE.fullmatch(text)):
        return None
    *soa, records = found.groups()
    serial = int(soa.pop(4))
    return {"digest": hashlib.sha256("\n".join([*soa, records]).encode()).hexdigest(), "serial": serial}


def endpoints(servers: list[dict]) -> list[tuple[str, str]]:
    """Give a label for messages and the address of each address of the servers."""
    found = []
    for server in servers:
        if not server["addresses"]:
            raise ValueError(f"servers: {server['name']} has no addresses")
        for address in server["addresses"]:
            try:
                ip_address(address)
            except ValueError as cause:
                raise ValueError(f"servers: {server['name']}: {cause}") from cause
            found.append((f"{server['name']} ({address})", address))
    return found


def is_due(times: dict[str, str], begin: str, end: str, now: str) -> bool:
    """Return whether it is between two of a key's times; all are written YYYYMMDDHHMMSS."""
    return times.get(begin, "9") <= now < times.get(end, "9")


def ds_of_files(zone: str, directory: Path) -> list[str]:
    """Return the DS records that a zone's parent ought to have, by the files of its keys, as named would go by them."""
    name, now = full(zone).lower(), datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    served, vouched = [], []
    stem = glob.escape(quote(name, safe=""))  # as named names its files
    for path in directory.glob(f"K{stem}+*.key"):
        text = path.read_text(encoding="ascii")
        times, key = dict(KEY_TIME.findall(text)), dns.rdata.from_text("IN", "DNSKEY", KEY_RECORD.search(text)[1])
        if key.flags & SEP and is_due(times, "Publish", "Delete", now):
            ds = dns.dnssec.make_ds(dns.name.from_text(name), key, "SHA256").to_text()
            served.append(ds)
            if is_due(times, "SyncPublish", "SyncDelete", now):
                vouched.append(ds)
    return sorted(vouched or served)


def is_behind(serial: int, other: int) -> bool:
    """Return whether a serial is less than another (RFC 1982 3.2)."""
    return 0 < (other - serial) % 2**32 < 2**31


def disagreements(zone: str, file: dict | None, signed: bool, answers: list[Answer]) -> list[str]:
    """Say which servers do not serve what the first one does, and whether that one is behind its own file."""
    wanted = answers[0].serial
    if file and (wanted is None or is_behind(wanted, file["serial"])):
        wanted = file["serial"]
    if wanted is None:  # nobody knows, so the others cannot be wrong
        return [f"{server} does not serve {zone}" for server, serial, _ in answers if serial is None]
    wrong = [
        f"{server} {'does not serve' if serial is None else f'serves serial {serial} of'} {zone}, wanted {wanted}"
        for server, serial, _ in answers
        if serial != wanted
    ]
    return wrong or [f"{each.server} serves {zone} unsigned" for each in answers if signed and not each.signed]


def full(zone: str) -> str:
    """Return a zone's name with its final dot."""
    return zone if zone.endswith(".") else f"{zone}."


class Look:
    """The state of the zones, as far as it is known."""

    def __init__(self, given: dict) -> None:
        """Read the files; nobody is asked yet."""
        self.zones = {zone["id"] or zone["name"]: zone for zone in given["zones"]}
        self.servers = endpoints(given["servers"])
        self.keys = tsig_keys(given["keys"]) if dns else {}
        if dns and (unknown := {zone["key"] for zone in given["zones"] if zone["key"]} - self.keys.keys()):
            raise ValueError(f"keys: there is no {', '.join(sorted(unknown))}")
        if given["wait"] and not self.servers:
            raise ValueError("servers is empty, so there is nothing to wait for")
        self.asker = Asker(given["port"], given["timeout"])
        self.directory = Path(given["directory"])
        self.paths = {zone: self.directory / each["file"] for zone, each in self.zones.items() if each["file"]}
        ours = {zone for zone, each in self.zones.items() if each["kind"] == "static" and zone in self.paths}
        self.files = {zone: read_zone_file(self.paths[zone]) if zone in ours else None for zone in self.zones}
        self.seen: dict[str, list[Answer]] = {zone: [] for zone in self.zones}

    def ways(self, zone: str) -> list[tuple[str, Way]]:
        """Return every server, by its label for messages, and the way to the zone there; the primary's first."""
        each = self.zones[zone]
        key = self.keys[each["key"]] if each["key"] else None
        found = [(server, Way(each["name"], address, key)) for server, address in self.servers]
        if each["address"] and found:
            label, way = found[0]
            found[0] = f"{label.partition(' ')[0]} ({each['address']})", way._replace(address=each["address"])
        return found

    def primary(self, zone: str) -> Way:
        """Return the way to the zone at its primary."""
        return self.ways(zone)[0][1]

    def ask(self, zones: Iterable[str]) -> None:
        """Ask every server for the serial of zones."""
        zones = list(zones)
        # For one first: where nobody listens, only the first few questions in a second are told so.
        self.asker.refused.clear()
        with ThreadPoolExecutor(32) as threads:
            for some in (zones[:1], zones[1:]):
                ways = [way for zone in some for way in self.ways(zone)]
                answers = threads.map(lambda way: self.asker.serial(*way), ways)
                for zone in some:
                    self.seen[zone] = [next(answers) for _ in self.servers]

    def wrong(self, zones: Iterable[str]) -> dict[str, list[str]]:
        """Say by zone what is not as it is to be."""
        found = {}
        for zone in zones:
            signed = self.zones[zone]["signed"]
            if said := disagreements(zone, self.files[zone], signed, self.seen[zone]):
                found[zone] = said
            elif signed and self.asker.is_signing(self.primary(zone)):
                found[zone] = [f"{self.seen[zone][0].server} is still signing {zone}"]
        return found

    def wait(self, seconds: float) -> None:
        """Wait until the servers agree."""
        reminding = time.monotonic()
        deadline = reminding + seconds
        wrong = self.wrong(self.zones)
        while wrong:
            now = time.monotonic()
            if now > deadline:
                words = [line for said in wrong.values() for line in said]
                more = f"; and {len(words) - MOST} more" if len(words) > MOST else ""
                raise TimeoutError(f"After {seconds:g} s: " + "; ".join(words[:MOST]) + more)
            if now >= reminding:
                self.remind(wrong)
                reminding = now + REMINDING
            time.sleep(0.1)
            self.ask(wrong)
            wrong = self.wrong(wrong)

    def remind(self, zones: Iterable[str]) -> None:
        """Notify the servers that serve something else than the first one does."""
        late = [
            way
            for zone in zones
            for answer, (_, way) in zip(self.seen[zone], self.ways(zone), strict=True)
            if None not in (answer.serial, self.seen[zone][0].serial) and answer.serial != self.seen[zone][0].serial
        ]
        with ThreadPoolExecutor(32) as threads:
            list(threads.map(self.asker.notify, late))

    def state(self, zone: str) -> dict:
        """Return what is known of a zone."""
        answers = self.seen[zone]
        served = [answer.serial for answer in answers if answer.serial is not None]
        # Once named no longer signs the zone, it serves the file's own serial, and that has to be beyond all others.
        signs = self.zones[zone]["signed"] or self.zones[zone]["leaving"]
        signed = answers[0].serial if signs and answers and answers[0].signed else None
        file = self.files[zone]
        # What it is about to sign, as after a restore, others may have with other signatures under the same serial.
        if file and signs and served and answers[0].serial is None:
            file = file | {"digest": ""}
        return {"file": file, "served": served, "signed": signed}

    def ds(self) -> dict[str, list[str]]:
        """Return the DS records of our zones that the primary serves signed, or has keys for and does not serve."""
        ours = [zone for zone, each in self.zones.items() if each["kind"] != "secondary" and self.seen[zone]]
        signed = [zone for zone in ours if self.seen[zone][0].signed]
        away = [zone for zone in ours if self.zones[zone]["signed"] and self.seen[zone][0].serial is None]
        names = {self.zones[zone]["name"] for zone in away}
        kept = {full(name): values for name in names if (values := ds_of_files(name, self.directory))}
        with ThreadPoolExecutor(32) as threads:
            found = threads.map(lambda zone: self.asker.ds(self.primary(zone)), signed)
            return kept | {full(self.zones[zone]["name"]): values for zone, values in zip(signed, found, strict=True)}

    def vouched(self) -> dict[str, list[str] | None]:
        """Return the parents' DS records of the zones that would lose their signatures too early."""
        ours = [zone for zone, each in self.zones.items() if not each["signed"] and each["kind"] != "secondary"]
        found = {}
        for zone in [zone for zone in ours if self.seen[zone] and self.seen[zone][0].signed]:
            way = self.primary(zone)
            if not (self.zones[zone]["leaving"] and self.asker.records(way, RdataType.CDS)):
                found[full(way.zone)] = self.asker.vouched(Way(way.zone, self.servers[0][1], None))
        return {zone: values for zone, values in found.items() if values != []}

    def nameservers(self) -> dict[str, list[str]]:
        """Return the name servers that the dynamic zones have at their apex."""
        dynamic = [zone for zone, each in self.zones.items() if each["kind"] == "dynamic"]
        served = [zone for zone in dynamic if self.seen[zone] and self.seen[zone][0].serial is not None]
        asked = {zone: self.asker.records(self.primary(zone), RdataType.NS) for zone in served}
        return {zone: sorted(ns.target.to_text().lower() for ns in found) for zone, found in asked.items() if found}

    def recovered(self, servers: list[dict]) -> dict[str, dict]:
        """Fetch the dynamic zones that have no file here from whoever has them."""
        dynamic = [zone for zone in self.paths if self.zones[zone]["kind"] == "dynamic"]
        found: dict[str, dict] = {}
        for zone in [zone for zone in dynamic if not self.paths[zone].exists()]:
            for server in [server for server in servers[1:] if server["name"] in self.keys]:
                for address in server["addresses"]:
                    way = Way(self.zones[zone]["name"], address, self.keys[server["name"]])
                    if zone not in found and (content := self.asker.transfer(way)):
                        found[zone] = content
        return found


def main() -> None:
    """Run the module."""
    zone = {
        "name": {"type": "str", "required": True},
        "id": {"type": "str"},
        "file": {"type": "str"},
        "address": {"type": "str"},
        "key": {"type": "str", "no_log": False},
        "kind": {"type": "str", "choices": ["static", "dynamic", "secondary"], "default": "static"},
        "signed": {"type": "bool", "default": False},
        "leaving": {"type": "bool", "default": False},
    }
    server = {
        "name": {"type": "str", "required": True},
        "addresses": {"type": "list", "elements": "str", "required": True},
        "names": {"type": "list", "elements": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "zones": {"type": "list", "elements": "dict", "required": True, "options": zone},
            "directory": {"type": "path", "required": True},
            "servers": {"type": "list", "elements": "dict", "default": [], "options": server},
            "keys": {"type": "dict", "default": {}, "no_log": True},
            "texts": {"type": "list", "elements": "str", "default": []},
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
        look = Look(given)
        if dns and look.servers:
            look.ask(look.zones)
            if given["wait"] and not module.check_mode:
                look.wait(given["wait"])
    except (ValueError, TimeoutError) as cause:
        module.fail_json(msg=str(cause))
    module.exit_json(
        changed=False,
        date=datetime.now(UTC).strftime("%Y%m%d"),
        zones={zone: look.state(zone) for zone in look.zones},
        agreed=bool(dns and look.servers) and not look.wrong(look.zones),
        ds=look.ds() if dns else {},
        vouched=look.vouched() if dns else {},
        nameservers=look.nameservers() if dns else {},
        recovered=look.recovered(given["servers"]) if dns else {},
        texts={zone: look.paths[zone].read_text(encoding="utf-8") for zone in given["texts"] if look.files.get(zone)},
    )


if __name__ == "__main__":
    main()
