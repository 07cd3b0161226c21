"""Transfers of zones that are too big to be read record by record: only what is looked for is read in full."""

import socket
import struct
from collections.abc import Iterator
from typing import BinaryIO

import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.tsig
from dns.rdatatype import RdataType
from frame import demand
from transcript import ANSWERED, ASKED, note

from probes.dns_base import TCP_TIMEOUT, Endpoint, Record, Zone, counted, written

HEADER = struct.Struct("!6H")  # of a message: ID, flags, and how many records each section has
FIXED = struct.Struct("!HHIH")  # of a record, behind its name: type, class, TTL, octets of the data
POINTER = 0xC0  # from here on, a label's length is the first octet of a pointer to the rest of the name

Place = tuple[bytes, int]  # a name in wire format, in lower case, and a type


def sample_of(to: Endpoint, zone: Zone, key: dns.tsig.Key | None) -> set[Record]:
    """Return the records in a transfer that have the name and the type of one in the configuration.

    The key is only used to be let in: the answer's signatures are not checked.
    """
    wanted = {(each.name.canonicalize().to_wire(), int(each.rdtype)) for each in zone.rrsets}
    query = dns.message.make_query(zone.name, RdataType.AXFR)
    if key:
        query.use_tsig(key)
    wire = query.to_wire()
    with to.reaching("TCP"), socket.create_connection((to.address, to.port), TCP_TIMEOUT) as sock:
        note(ASKED, lambda: written(query))
        sock.sendall(struct.pack("!H", len(wire)) + wire)
        with sock.makefile("rb") as stream:
            found = {record for message in _messages(stream) for record in _picked(message, wanted)}
    note(ANSWERED, f"{counted(found, 'record')} of the sample, in a transfer of all")
    return found


def _messages(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the messages of a transfer; it ends with the SOA that it began with."""
    ends = 0
    while ends < 2:
        size = int.from_bytes(_octets(stream, 2), "big")
        message = _octets(stream, size)
        rcode = dns.rcode.Rcode(message[3] & 0xF)
        demand(rcode == dns.rcode.NOERROR, f"AXFR: {dns.rcode.to_text(rcode)}")
        ends += sum(rdtype == RdataType.SOA for _, rdtype, _ in _records(message))
        yield message


def _octets(stream: BinaryIO, size: int) -> bytes:
    octets = stream.read(size)
    if len(octets) < size:
        raise EOFError
    return octets


def _picked(message: bytes, wanted: set[Place]) -> Iterator[Record]:
    """Yield the wanted records of a message."""
    types = {rdtype for _, rdtype in wanted}
    for start, rdtype, at in _records(message):
        if rdtype in types and (_name(message, start), rdtype) in wanted:
            _, rdclass, ttl, size = FIXED.unpack_from(message, at)
            rdata = dns.rdata.from_wire(rdclass, rdtype, message, at + FIXED.size, size)
            yield Record(dns.name.from_wire(message, start)[0], ttl, rdata)


def _records(message: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each record of the answer: where its name is, its type, and where its fixed part is."""
    _, _, questions, answers, _, _ = HEADER.unpack_from(message)
    at = HEADER.size
    for _ in range(questions):
        at = _end_of_name(message, at) + 4
    for _ in range(answers):
        start, at = at, _end_of_name(message, at)
        rdtype, _, _, size = FIXED.unpack_from(message, at)
        yield start, rdtype, at
        at += FIXED.size + size


def _end_of_name(message: bytes, at: int) -> int:
    while (size := message[at]) and size < POINTER:
        at += size + 1
    return at + (2 if size else 1)


def _name(message: bytes, at: int) -> bytes:
    """Return the name, uncompressed and in lower case."""
    labels = []
    while size := message[at]:
        if size >= POINTER:
            at = (size - POINTER) << 8 | message[at + 1]
        else:
            labels.append(message[at : at + size + 1])
            at += size + 1
    return b"".join(labels).lower() + b"\0"
