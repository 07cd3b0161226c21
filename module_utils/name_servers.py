"""How name servers are asked what they serve, by the library dnspython."""

from contextlib import suppress
from socket import AF_INET, AF_INET6, SOCK_DGRAM, socket
from typing import NamedTuple

try:
    import dns.dnssec
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.opcode
    import dns.query
    import dns.rcode
    import dns.rdata
    import dns.rdatatype
    import dns.tsig
    import dns.zone
    from dns.rdatatype import RdataType
except ImportError:
    dns = RdataType = None

SEP = 1  # DNSKEY flag (RFC 4034 2.1.1)
# Where BIND notes how far it is with signing a zone, and how long such a note on a key is.
SIGNING_NOTES, KEY_NOTE = 65534, 5
RESOLVING = 10  # seconds, for a question that others have to be asked
SIGNERS = ("CDNSKEY", "CDS", "DNSKEY", "NSEC", "NSEC3", "NSEC3PARAM", "RRSIG", "TYPE65534")


class Answer(NamedTuple):
    """What a server says of a zone: its serial, none if it does not serve the zone, and whether that is signed."""

    server: str
    serial: int | None
    signed: bool


def tsig_keys(secrets: dict[str, str]) -> "dict[str, dns.tsig.Key]":
    """Make the keys of secrets, which no message shows."""
    keys = {}
    for name, secret in secrets.items():
        try:
            keys[name] = dns.tsig.Key(name, secret)
        except ValueError as cause:
            raise ValueError(f"keys: the secret of {name} is not base64") from cause
    return keys


class Way(NamedTuple):
    """A zone, where it is asked for, and with which TSIG key."""

    zone: str
    address: str
    key: "dns.tsig.Key | None"


class Asker:
    """Asks name servers questions."""

    def __init__(self, port: int, timeout: float) -> None:
        """Remember where and how long."""
        self.port = port
        self.timeout = timeout
        self.refused: set[str] = set()  # the addresses where nobody listens, which are not asked again

    def query(self, way: Way, rdtype: int, **options: bool) -> "dns.message.QueryMessage":
        """Make a question for a server that has the zone."""
        query = dns.message.make_query(way.zone, rdtype, **options)
        query.flags &= ~dns.flags.RD
        if way.key:
            query.use_tsig(way.key)
        return query

    def ask(self, way: Way, rdtype: int) -> "dns.message.Message | None":
        """Return a server's answer if it has authority, else None."""
        if way.address in self.refused:
            return None
        query = self.query(way, rdtype, want_dnssec=True)
        try:
            # Connected, so that it is told where nobody listens.
            with socket(AF_INET6 if ":" in way.address else AF_INET, SOCK_DGRAM) as udp:
                udp.setblocking(False)
                udp.connect((way.address, self.port))
                answer, _ = dns.query.udp_with_fallback(
                    query, way.address, timeout=self.timeout, port=self.port, ignore_unexpected=True, udp_sock=udp
                )
        except ConnectionRefusedError:
            self.refused.add(way.address)
            return None
        except (dns.exception.DNSException, OSError, EOFError):
            return None
        return answer if answer.flags & dns.flags.AA else None

    def records(self, way: Way, rdtype: int) -> list:
        """Return the records of one type at a zone's apex."""
        answer = self.ask(way, rdtype)
        return [rdata for rrset in answer.answer if rrset.rdtype == rdtype for rdata in rrset] if answer else []

    def serial(self, server: str, way: Way) -> Answer:
        """Return what a server says of a zone."""
        answer = self.ask(way, RdataType.SOA)
        kinds = {rrset.rdtype: rrset for rrset in answer.answer} if answer else {}
        soa = kinds.get(RdataType.SOA)
        return Answer(server, soa[0].serial if soa else None, RdataType.RRSIG in kinds)

    def notify(self, way: Way) -> None:
        """Tell a server that a zone has changed. Whether it heard is seen in what it serves."""
        message = self.query(way, RdataType.SOA)
        message.set_opcode(dns.opcode.NOTIFY)
        message.flags |= dns.flags.AA
        with suppress(dns.exception.DNSException, OSError):
            dns.query.udp(message, way.address, timeout=self.timeout, port=self.port, ignore_unexpected=True)

    def ds(self, way: Way) -> list[str]:
        """Return the DS records that a zone's parent ought to have."""
        if cds := self.records(way, RdataType.CDS):
            return sorted(record.to_text() for record in cds if record.algorithm)  # 0 asks for none (RFC 8078 4)
        keys = [key for key in self.records(way, RdataType.DNSKEY) if key.flags & SEP]
        return sorted(dns.dnssec.make_ds(dns.name.from_text(way.zone), key, "SHA256").to_text() for key in keys)

    def vouched(self, way: Way) -> list[str] | None:
        """Return the DS records that a zone's parent has, as a resolver finds them, or None if it does not."""
        query = dns.message.make_query(way.zone, RdataType.DS)
        query.flags |= dns.flags.CD  # true or not, others have them, too
        try:
            answer, _ = dns.query.udp_with_fallback(
                query, way.address, timeout=RESOLVING, port=self.port, ignore_unexpected=True
            )
        except (dns.exception.DNSException, OSError, EOFError):
            return None
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return None
        return sorted(record.to_text() for rrset in answer.answer if rrset.rdtype == RdataType.DS for record in rrset)

    def is_signing(self, way: Way) -> bool:
        """Return whether BIND has still to finish signing a zone, by the notes that it keeps in it."""
        notes = [note.data for note in self.records(way, SIGNING_NOTES)]
        return any(len(note) != KEY_NOTE or not note[4] for note in notes)

    def transfer(self, way: Way) -> dict | None:
        """Return a zone's records from a server that has it, without those of its signer."""
        query = dns.message.make_query(way.zone, RdataType.AXFR)
        query.use_tsig(way.key)
        content = dns.zone.Zone(way.zone, relativize=False)
        try:
            dns.query.inbound_xfr(way.address, content, query, self.port, self.timeout, 60)
        except (dns.exception.DNSException, OSError, EOFError):
            return None
        lines, serial = [], None
        for name, ttl, rdata in content.iterate_rdatas():
            kind = dns.rdatatype.to_text(rdata.rdtype)
            if kind == "SOA":
                serial = rdata.serial
            elif kind not in SIGNERS:
                lines.append(f"{name} {ttl} IN {kind} {rdata}")
        return {"serial": serial, "text": "\n".join(sorted(lines))}
