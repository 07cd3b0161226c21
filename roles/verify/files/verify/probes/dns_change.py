"""Dynamic updates: who may change what, and that a change is soon everywhere.

What must be refused would delete something that is not there, so that nothing happens where it is not.
"""

import atexit
import secrets
from collections.abc import Sequence
from functools import partial

import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.tsig
import dns.update
from dns.rdatatype import RdataType
from frame import demand

from probes.dns_base import (
    Endpoint,
    Fact,
    Key,
    Network,
    Update,
    Zone,
    counted,
    expect,
    listed,
    patiently,
    plain,
    records_in,
    refused,
    soa_of,
)

SPREAD = 3.0  # seconds after which a change has to be everywhere
TTL = 60  # seconds
NOBODY = "verify.invalid."  # a name server that there is not


def update(to: Endpoint, network: Network, item: Update) -> str:
    """Put a record, see it on every server, delete it, and see it gone."""
    soa_of(to, item.zone)  # a server that is down fails here, when there is nothing to delete yet
    fact = _fresh(item.fact)
    delete = partial(_delete, to, item, fact)
    atexit.register(delete)  # for a run that is over before this probe is
    try:
        _put(to, item, fact)
        patiently(SPREAD, partial(_everywhere, network, fact, True))
    finally:
        atexit.unregister(delete)
        delete()
    patiently(SPREAD, partial(_everywhere, network, fact, False))
    return f"{fact.key} put and deleted"


def _fresh(fact: Fact) -> Fact:
    """Return the record with a name of its own for a wildcard, as somebody else may be probing, too."""
    if not fact.key.name.is_wild():
        return fact
    name = dns.name.from_text(f"verify-{secrets.token_hex(8)}", fact.key.name.parent())
    return Fact(Key(name, fact.key.rdtype), fact.rdata)


def _put(to: Endpoint, item: Update, fact: Fact) -> None:
    message = dns.update.UpdateMessage(item.zone.name)
    message.add(fact.key.name, TTL, fact.rdata)
    message.use_tsig(item.key)
    expect(to.send(message), dns.rcode.NOERROR, "", f"UPDATE to put {fact.key}")


def _delete(to: Endpoint, item: Update, fact: Fact) -> None:
    message = _deletion(item.zone, fact)
    message.use_tsig(item.key)
    expect(to.send(message), dns.rcode.NOERROR, "", f"UPDATE to delete {fact.key}")


def _deletion(zone: Zone, fact: Fact) -> dns.update.UpdateMessage:
    message = dns.update.UpdateMessage(zone.name)
    message.delete(fact.key.name, fact.rdata)
    return message


def _everywhere(network: Network, fact: Fact, there: bool) -> None:
    """Demand that all servers have a record, or that none has it."""
    for to in network.endpoints(tcp=False):
        answer = to.ask(*fact.key, recurse=False)
        found = fact.rdata in {record.rdata for record in records_in(answer.answer)}
        demand(found == there, f"{to}: {fact} {'put, and not there' if there else 'deleted, and still there'}")


def update_unsigned(to: Endpoint, items: Sequence[Update]) -> str:
    """Expect that an update without a key is refused."""
    return listed({_turned_away(to, item.zone, _fresh(item.fact), None) for item in items})


def update_wrong_key(to: Endpoint, items: Sequence[Update]) -> str:
    """Expect that an update with the key's name and another secret is refused."""
    wrong = [dns.tsig.Key(item.key.name, secrets.token_bytes(32), item.key.algorithm) for item in items]
    pairs = zip(items, wrong, strict=True)
    return listed({_turned_away(to, item.zone, _fresh(item.fact), key) for item, key in pairs})


def update_elsewhere(to: Endpoint, items: Sequence[Update]) -> str:
    """Expect that a key may not change the name servers of the zone, where it may put no more than records of hosts."""
    return listed({_turned_away(to, item.zone, _name_server(item.zone), item.key) for item in items})


def _name_server(zone: Zone) -> Fact:
    return Fact(Key(zone.name, RdataType.NS), dns.rdata.from_text("IN", "NS", NOBODY))


def _turned_away(to: Endpoint, zone: Zone, fact: Fact, key: dns.tsig.Key | None) -> str:
    """Try an update that must not succeed, and return with what it was refused."""
    message = _deletion(zone, fact)
    if key:
        message.use_tsig(key)
    try:
        return refused(to.send(message), f"UPDATE to delete {fact}")
    except dns.tsig.PeerBadKey:
        return "BADKEY"
    except dns.tsig.PeerBadSignature:
        return "BADSIG"


def dynamic(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect authority for zones that updates change, and their name servers."""
    for zone in zones:
        answer = to.ask(zone.name, RdataType.NS)
        expect(answer, dns.rcode.NOERROR, "AA", f"{zone} NS")
        demand(answer.answer, f"{plain(zone.name)} NS: none")
    return counted(zones, "zone")
