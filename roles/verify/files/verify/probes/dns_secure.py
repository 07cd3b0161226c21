"""DNSSEC: signatures that hold and last, denials that prove it, and the chain of trust from the root to us.

A server's word is not taken for any of it: all signatures are checked here, against the zone's own keys.
"""

import base64
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import RdataType
from dns.rrset import RRset
from frame import demand
from transcript import fact

from probes.dns_base import Anchor, Endpoint, Fact, Key, Network, Zone, expect, listed, plain, shown, thinned

DAY = 86400  # seconds
LEAST_LIFE = DAY  # seconds that a signature has to last yet
SIGNED_SAMPLE = 20  # RRsets of a zone whose signatures one probe checks
SECURE_ENTRY = 0x0001  # the flag of a key that a parent's DS points to
DIGESTS = (2, 4)  # SHA-256 and SHA-384; those of DS with SHA-1 do not count any more (RFC 8624)
DENYING = (RdataType.NSEC, RdataType.NSEC3)
SIGNATURES = (RdataType.RRSIG, *DENYING)
WILD = dns.name.from_text("*", None)

Section = list[RRset]


# Signatures


def signatures(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect that the keys, the SOA, the NS records and a sample of the other RRsets are signed, and rightly."""
    found = 0
    for zone in zones:
        keys = _own_keys(to, zone.name)
        apex = {Key(zone.name, rdtype) for rdtype in (RdataType.SOA, RdataType.NS)}
        for key in sorted(apex.union(thinned(zone.authoritative, SIGNED_SAMPLE))):
            _secure(to, key, keys)
            found += 1
    return f"{len(zones)} zones, {found} RRsets"


def signature_life(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect that no signature has a day or less to live, nor starts in the future."""
    left = []
    for zone in zones:
        lives = []
        for rdtype in (RdataType.SOA, RdataType.NS, RdataType.DNSKEY):
            key = Key(zone.name, rdtype)
            lives += [_life(signature, key) for signature in _signatures(to.ask(*key, dnssec=True).answer, key)]
        fact("signatures", zone=str(zone), address=to.address, days=round(min(lives) / DAY, 1))
        left += lives
    return f"the shortest lasts {min(left) / DAY:.1f} days"


def _life(signature: Rdata, key: Key) -> float:
    """Return the seconds that a signature lasts."""
    now = time.time()
    demand(signature.inception <= now, f"{key}: signed {signature.inception - now:.0f} s in the future")
    left = signature.expiration - now
    demand(left > LEAST_LIFE, f"{key}: the signature ends in {left / DAY:.1f} days")
    return left


def no_signatures(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect no DNSSEC in the answer to somebody who did not ask for it, whether there is something or not."""
    for zone in zones:
        for key in (Key(zone.name, RdataType.SOA), Key(zone.absent(), RdataType.A)):
            answer = to.ask(*key)
            rrsets = answer.answer + answer.authority
            extra = {Key(rrset.name, rrset.rdtype) for rrset in rrsets if rrset.rdtype in SIGNATURES}
            demand(not extra, f"{key}: {listed(extra)}, without having asked for DNSSEC")
    return f"{len(zones)} zones"


def _secure(to: Endpoint, key: Key, keys: RRset, flags: str = "") -> RRset:
    """Ask for an RRset, and return it when its signature holds."""
    answer = to.ask(*key, dnssec=True, flags=flags)
    rrset = _rrset(answer, key)
    demand(rrset, f"{key}: {shown(answer)}, and it is not there")
    _verify(answer.answer, rrset, keys)
    return rrset


def _verify(section: Section, rrset: RRset, keys: RRset) -> None:
    """Demand that one of the keys has signed an RRset, and that this counts now."""
    key = Key(rrset.name, rrset.rdtype)
    reasons = set()
    for signature in _signatures(section, key):
        try:
            dns.dnssec.validate_rrsig(rrset, signature, {keys.name: keys})
        except (dns.dnssec.ValidationFailure, dns.dnssec.UnsupportedAlgorithm) as error:
            reasons.add(f"{error} (key {signature.key_tag} of {signature.signer})")
        else:
            return
    demand(False, f"{key}: no signature of {plain(keys.name)} holds: {listed(reasons)}")


def _signatures(section: Section, key: Key) -> list[Rdata]:
    """Return the signatures of an RRset, at least one."""
    found = [
        signature
        for rrset in section
        if rrset.name == key.name and rrset.rdtype == RdataType.RRSIG and rrset.covers == key.rdtype
        for signature in rrset
    ]
    demand(found, f"{key}: no signature")
    return found


def _rrset(answer: dns.message.Message, key: Key) -> RRset | None:
    return answer.get_rrset(dns.message.ANSWER, key.name, dns.rdataclass.IN, key.rdtype)


# Keys


def _own_keys(to: Endpoint, zone: Name) -> RRset:
    """Return a zone's keys when one that a DS may point to has signed them all."""
    return _keys(to, zone, lambda key: key.flags & SECURE_ENTRY, "with the flag SEP")


def _trusted_keys(to: Endpoint, zone: Name, points: Iterable[Rdata], flags: str) -> RRset:
    """Return a zone's keys when one that a DS record points to has signed them all."""
    return _keys(to, zone, lambda key: any(_points_to(ds, zone, key) for ds in points), "that a DS points to", flags)


def _keys(to: Endpoint, zone: Name, enters: Callable[[Rdata], object], which: str, flags: str = "") -> RRset:
    key = Key(zone, RdataType.DNSKEY)
    answer = to.ask(*key, dnssec=True, flags=flags)
    keys = _rrset(answer, key)
    demand(keys, f"{key}: {shown(answer)}, and no key")
    entries = [each for each in keys if enters(each)]
    demand(entries, f"{key}: no key {which}")
    _verify(answer.answer, keys, dns.rrset.from_rdata_list(zone, keys.ttl, entries))
    return keys


def _points_to(ds: Rdata, zone: Name, key: Rdata) -> bool:
    """Tell if a DS record is made of this key."""
    if ds.digest_type not in DIGESTS or ds.key_tag != dns.dnssec.key_id(key):
        return False
    return dns.dnssec.make_ds(zone, key, ds.digest_type) == ds


# The chain of trust


def chain(to: Endpoint, network: Network) -> str:
    """Follow the keys from the first anchor down to the domain, as a validator does.

    CD is set, so that the server hands out what it would not believe itself.
    """
    anchor = network.anchors[0]
    steps = [plain(zone) for zone in _descend(to, anchor, network.domain)]
    demand(
        steps[-1] == plain(network.domain), f"{' > '.join(steps)}, and {plain(network.domain)} is no zone of its own"
    )
    return " > ".join(steps)


def _descend(to: Endpoint, anchor: Anchor, target: Name) -> Iterator[Name]:
    """Yield each zone from the anchor's on down to the target, once its keys can be trusted."""
    demand(target.is_subdomain(anchor.zone), f"{plain(target)} is not below the anchor's zone {plain(anchor.zone)}")
    keys = _trusted_keys(to, anchor.zone, anchor.ds, "CD")
    yield anchor.zone
    for depth in range(len(anchor.zone) + 1, len(target) + 1):
        zone = target.split(depth)[1]
        ds = _delegated(to, zone, keys)
        if ds:
            keys = _trusted_keys(to, zone, ds, "CD")
            yield zone


def _delegated(to: Endpoint, zone: Name, keys: RRset) -> RRset | None:
    """Return the DS records of a zone, signed by its parent; none if the name is not a zone of its own."""
    key = Key(zone, RdataType.DS)
    if _rrset(to.ask(*key, dnssec=True, flags="CD"), key):
        return _secure(to, key, keys, "CD")
    cut = _rrset(to.ask(zone, RdataType.NS, flags="CD"), Key(zone, RdataType.NS))
    demand(not cut, f"{key}: none, although {plain(zone)} is a zone of its own; the chain breaks here")
    return None


def signed_parents(zones: Sequence[Zone]) -> list[tuple[Zone, Zone]]:
    """Return pairs of a zone and the closest one above it."""
    pairs = []
    for zone in zones:
        above = [each for each in zones if each is not zone and zone.name.is_subdomain(each.name)]
        pairs += [(max(above, key=lambda each: len(each.name)), zone)] if above else []
    return pairs


def links(to: Endpoint, pairs: Sequence[tuple[Zone, Zone]]) -> str:
    """Expect that a zone of ours vouches for the keys of our zones below it."""
    for parent, zone in pairs:
        ds = _secure(to, Key(zone.name, RdataType.DS), _own_keys(to, parent.name))
        _trusted_keys(to, zone.name, ds, "")
    return listed(zone for _, zone in pairs)


# Denial


class Denial(NamedTuple):
    """An NSEC or NSEC3 record: it says what is at one place, and that nothing is between this one and the next."""

    rdata: Rdata
    place: Callable[[Name], Name | str]
    owner: Name | str
    after: Name | str

    @classmethod
    def read(cls, rrset: RRset) -> "Denial":
        """Make it of the record: with NSEC a place is a name, with NSEC3 a name's hash."""
        rdata = rrset[0]
        if rrset.rdtype == RdataType.NSEC:
            return cls(rdata, lambda name: name, rrset.name, rdata.next)

        def place(name: Name) -> str:
            return dns.dnssec.nsec3_hash(name, rdata.salt, rdata.iterations, rdata.algorithm)

        return cls(rdata, place, rrset.name[0].decode().upper(), base64.b32hexencode(rdata.next).decode().rstrip("="))

    def matches(self, name: Name) -> bool:
        """Tell if it is about this name."""
        return self.place(name) == self.owner

    def covers(self, name: Name) -> bool:
        """Tell if the name would be where there is nothing; after the last place comes the first one."""
        sides = self.owner < self.place(name), self.place(name) < self.after
        return all(sides) if self.owner < self.after else any(sides)

    def shows(self, name: Name) -> bool:
        """Tell if the name exists by this record, be it only as the ending of others."""
        if self.rdata.rdtype == RdataType.NSEC:
            return any(each.is_subdomain(name) for each in (self.owner, self.after))
        return self.matches(name)

    def has(self, rdtype: RdataType) -> bool:
        """Tell if the name has that type."""
        window, number = divmod(rdtype, 256)
        octet, bit = divmod(number, 8)
        return any(w == window and len(bits) > octet and bits[octet] & 0x80 >> bit for w, bits in self.rdata.windows)


def denial(to: Endpoint, zones: Sequence[Zone]) -> str:
    """Expect proofs: that a name does not exist and no wildcard stands in for it, and that a name lacks a type."""
    told = []
    for zone in zones:
        keys = _own_keys(to, zone.name)
        absent, lacking = Key(zone.absent(), RdataType.A), Key(zone.name, zone.lacking())
        denials = _denials(to, absent, dns.rcode.NXDOMAIN, keys)
        _prove_absent(denials, absent.name, zone)
        _prove_lacking(_denials(to, lacking, dns.rcode.NOERROR, keys), lacking)
        told.append(f"{zone} {dns.rdatatype.to_text(denials[0].rdata.rdtype)}")
    return listed(told)


def _denials(to: Endpoint, key: Key, rcode: dns.rcode.Rcode, keys: RRset) -> list[Denial]:
    """Ask for something that is not there, and return the records that say so, all of them signed."""
    answer = to.ask(*key, dnssec=True)
    expect(answer, rcode, "AA", str(key))
    for rrset in answer.authority:
        if rrset.rdtype != RdataType.RRSIG:
            _verify(answer.authority, rrset, keys)
    denials = [Denial.read(rrset) for rrset in answer.authority if rrset.rdtype in DENYING]
    demand(denials, f"{key}: no NSEC nor NSEC3, so it is only claimed")
    return denials


def _prove_absent(denials: list[Denial], name: Name, zone: Zone) -> None:
    """Demand that neither the name exists below its closest ancestor that does, nor a wildcard there."""
    ancestor, below = name.parent(), name
    while not any(each.shows(ancestor) for each in denials):
        demand(ancestor != zone.name, f"{plain(name)}: nothing tells which ancestor of it exists")
        ancestor, below = ancestor.parent(), ancestor
    for gone in (below, WILD + ancestor):
        demand(any(each.covers(gone) for each in denials), f"{plain(name)}: nothing tells that {plain(gone)} is absent")


def _prove_lacking(denials: list[Denial], key: Key) -> None:
    """Demand that the name's own record has neither the type nor an alias."""
    own = [each for each in denials if each.matches(key.name)]
    demand(own, f"{key}: no record is about {plain(key.name)}")
    listing = own[0].has(key.rdtype) or own[0].has(RdataType.CNAME)
    demand(not listing, f"{key}: its {dns.rdatatype.to_text(own[0].rdata.rdtype)} lists what the answer denies")


# Validation


def validated(to: Endpoint, network: Network) -> str:
    """Expect that somebody else's signed name is found valid."""
    return _authentic(to, network.external)


def alias_validated(network: Network) -> str:
    """Expect that a validating resolver, which trusts only the root, finds our names valid."""
    to = Endpoint("resolver", network.resolver, network.port)
    answer = network.answer(network.alias, RdataType.A)
    record = next(each for each in answer if each.rdata.rdtype == RdataType.A)
    return _authentic(to, Fact(Key(network.alias, RdataType.A), record.rdata))


def _authentic(to: Endpoint, fact: Fact) -> str:
    answer = to.ask(*fact.key, dnssec=True, flags="AD")
    expect(answer, dns.rcode.NOERROR, "AD", str(fact.key))
    fact.demand_in(answer)
    return shown(answer)


def bogus_refused(to: Endpoint, bogus: Key) -> str:
    """Expect no answer with broken signatures; and that it is these, as CD gets the answer."""
    answer = to.ask(*bogus)
    demand(answer.rcode() == dns.rcode.SERVFAIL, f"{bogus}: {shown(answer)}, not SERVFAIL")
    unchecked = to.ask(*bogus, flags="CD")
    expect(unchecked, dns.rcode.NOERROR, "CD", f"{bogus} with CD")
    demand(_rrset(unchecked, bogus), f"{bogus} with CD: {shown(unchecked)}, and no answer")
    return "SERVFAIL, and an answer with CD"
