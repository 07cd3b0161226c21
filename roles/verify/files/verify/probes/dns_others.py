"""What we share with others: zones below ours, zones of theirs, names that we deny, and the way from the root to us."""

from collections.abc import Iterable
from contextlib import suppress

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.name import Name, root
from dns.rdatatype import RdataType
from dns.rrset import RRset
from frame import ProbeError, demand
from transcript import dial

from probes.dns_base import Endpoint, Key, Network, SharedZone, expect, plain, records_in, same, shown

PORT_TIMEOUT = 1.0  # seconds after which a port is taken for closed
MOST_STEPS = 20  # referrals that a walk may take, those on the way to name servers included


# Zones of others


def child_delegated(to: Endpoint, child: SharedZone) -> str:
    """Expect to be sent on to the child's servers, with its DS if it is signed; and an answer by recursion."""
    fact = child.fact
    referral = to.ask(*fact.key, recurse=False, dnssec=True)
    demand(not referral.flags & dns.flags.AA, f"{fact.key}: {shown(referral)}, and that zone is not ours")
    demand(_part(referral, child.name, RdataType.NS), f"{fact.key}: {shown(referral)}, no name servers of {child}")
    if child.signed:
        for rdtype, covers in ((RdataType.DS, RdataType.NONE), (RdataType.RRSIG, RdataType.DS)):
            what = f"{dns.rdatatype.to_text(rdtype)} for its DS" if covers else "DS"
            demand(_part(referral, child.name, rdtype, covers), f"{child}: no {what} in the referral")
    fact.demand_in(to.ask(*fact.key))
    return str(fact)


def foreign_served(to: Endpoint, zone: SharedZone) -> str:
    """Expect that we have authority for a zone that somebody else looks after, and have it whole."""
    answer = to.ask(*zone.fact.key)
    expect(answer, dns.rcode.NOERROR, "AA", str(zone.fact.key))
    zone.fact.demand_in(answer)
    return str(zone.fact)


def _part(
    answer: dns.message.Message, name: Name, rdtype: RdataType, covers: RdataType = RdataType.NONE
) -> RRset | None:
    return answer.get_rrset(dns.message.AUTHORITY, name, dns.rdataclass.IN, rdtype, covers)


# What must not be had


def blocked(to: Endpoint, names: Iterable[Name]) -> str:
    """Expect that names which we deny look as if they did not exist."""
    for name in names:
        expect(to.ask(name, RdataType.A), dns.rcode.NXDOMAIN, "", plain(name))
    return f"NXDOMAIN for {', '.join(map(plain, names))}"


def port_closed(to: Endpoint, port: int) -> str:
    """Expect that a port cannot be reached from here."""
    try:
        dial(to.address, port, PORT_TIMEOUT).close()
    except OSError as error:
        return str(error)
    raise ProbeError(f"{to.address} port {port} TCP: open")


# The way from the root


def trace(network: Network) -> str:
    """Go from the root to the alias by ourselves, from name server to name server, and expect the right answer."""
    key = Key(network.alias, RdataType.A)
    walk = Walk(network)
    answer = walk.find(key)
    told = " > ".join(plain(zone) for zone in walk.zones)
    wanted = network.zone_of(network.alias)
    demand(walk.zones[-1] == wanted.name, f"{told}, and that does not end at {wanted}")
    same(records_in(answer.answer), network.answer(*key))
    return told


class Walk:
    """A walk from the root to an answer, as of a resolver that knows nothing else."""

    def __init__(self, network: Network, steps: int = 0) -> None:
        """Begin at the root, with so many steps already made."""
        self.network = network
        self.steps = steps
        self.zones: list[Name] = []

    def find(self, key: Key) -> dns.message.Message:
        """Follow referrals until a server answers with authority."""
        self.zones, addresses = [root], self.network.roots
        while True:
            self._step(key)
            answer = self._ask(addresses, key)
            if answer.flags & dns.flags.AA:
                return answer
            servers = self._referral(answer, key)
            self.zones.append(servers.name)
            addresses = self._addresses(answer, servers)

    def _step(self, key: Key) -> None:
        self.steps += 1
        demand(self.steps <= MOST_STEPS, f"{key}: more than {MOST_STEPS} steps; the last: {self._told()}")

    def _told(self) -> str:
        return " > ".join(plain(zone) for zone in self.zones)

    def _ask(self, addresses: Iterable[str], key: Key) -> dns.message.Message:
        """Ask the first of the addresses that answers; those of IPv4 first, which every network has."""
        reason = f"{key}: no address of a name server of {plain(self.zones[-1])}"
        for address in sorted(addresses, key=lambda each: ":" in each):
            try:
                return Endpoint("", address, self.network.port).ask(*key, recurse=False)
            except ProbeError as error:
                reason = str(error)
        raise ProbeError(f"{self._told()}: {reason}")

    def _referral(self, answer: dns.message.Message, key: Key) -> RRset:
        """Return the NS records that lead further down towards the name."""
        for rrset in answer.authority:
            if rrset.rdtype == RdataType.NS and key.name.is_subdomain(rrset.name):
                demand(len(rrset.name) > len(self.zones[-1]), f"{self._told()}: sent up to {plain(rrset.name)}")
                return rrset
        raise ProbeError(f"{self._told()}: {key}: {shown(answer)}, and no way further")

    def _addresses(self, answer: dns.message.Message, servers: RRset) -> list[str]:
        """Return the addresses of name servers: those that came along, or else those that another walk finds."""
        names = {server.target for server in servers}
        glue = [record for record in records_in(answer.additional) if record.name in names]
        addresses = [record.rdata.address for record in glue if hasattr(record.rdata, "address")]
        return sorted(addresses) or [address for name in sorted(names) for address in self._look_up(name)]

    def _look_up(self, name: Name) -> list[str]:
        walk = Walk(self.network, self.steps)
        found = []
        with suppress(ProbeError):  # another name server may do
            answer = walk.find(Key(name, RdataType.A))
            found = [rdata.address for rrset in answer.answer if rrset.rdtype == RdataType.A for rdata in rrset]
        self.steps = walk.steps
        return found
