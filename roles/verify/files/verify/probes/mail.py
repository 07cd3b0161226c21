"""The mail server, as a mail program sees it, a server that brings letters, and somebody who would misuse it.

The letters that are written are taken away again, also those that an earlier run has left.
"""

import email
import email.policy
import ipaddress
import smtplib
import ssl
from functools import partial
from typing import Any

from frame import Alone, ProbeError, demand
from transcript import ANSWERED, dial, note

from probes import mail_discovery, mail_reading
from probes.mail_base import (
    NOBODY,
    OPENERS,
    SMTP,
    STRANGER,
    TEXT,
    TIMEOUT,
    Pairs,
    User,
    arrived,
    clear,
    demand_text,
    end,
    fetched,
    good,
    hand_in,
    mailbox,
    named,
    new_mark,
    plain_letter,
    reply,
    smtp,
)
from probes.tls import of_version, unverified

OCTETS = bytes(range(256)) * 8


def probes(settings: dict[str, Any]) -> Pairs:
    """Yield the probes of each address, then those of a user's letters."""
    addresses, users, inside = settings["addresses"], settings["users"], settings["role"] == "inside"
    domain, foreign = settings["domain"], settings["foreign"]
    if not inside:  # Who makes folders there gets no letters from here: Dovecot may fail to count a quota meanwhile.
        users = users[::-1]
    for address in addresses:
        where = f"ipv{ipaddress.ip_address(address).version}"
        yield (
            f"{where} 25: greeting and extensions",
            partial(greeting, address, settings["host"], settings["size_limit"]),
        )
        yield f"{where} 25: commands in their order", partial(commands, address)
        yield f"{where} 25: 550 for an unknown user", partial(unknown_user, address, f"{NOBODY}@{domain}", foreign)
        yield (
            f"{where} 25: nobody told who there is",
            partial(discreet, address, users[0]["name"] if users else "root", domain),
        )
        if inside:
            yield f"{where} 25: relay for the local network", partial(relayed, address, f"{NOBODY}@{domain}", foreign)
        else:
            yield f"{where} 25: relay refused", partial(not_relayed, address, domain, foreign)
            if settings["forged"]:
                yield (
                    f"{where} 25: forged letters refused",
                    partial(forged, address, f"postmaster@{domain}", foreign, settings["forged"]),
                )
            yield f"{where} 25: our own name refused", partial(impostor, address, settings["host"], domain)
        yield (
            f"{where} 25: unknown sender refused",
            partial(unknown_sender, address, f"abuse@{domain}", (550,) if settings["correspondent"] else (550, 451)),
        )
        for port in (587, 465):
            yield (
                f"{where} {port}: 530 before authentication",
                partial(unauthenticated, address, port, f"postmaster@{domain}"),
            )
        yield from mail_reading.of_address(where, address, users if settings["plaintext"] else [])
    address = addresses[0]
    for port in OPENERS:
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            yield f"{port}: {version.name} refused", partial(old_version_refused, address, port, version)
        if inside:
            yield f"{port}: certificate for its own names alone", partial(its_own, address, port, settings["names"])
    yield from mail_discovery.probes(settings)
    if users:
        yield from of_users(address, users, domain, foreign)
        if settings["correspondent"]:
            letter = Alone(from_outside, address, users[-1], domain, settings["correspondent"])
            yield "a letter from outside, to a tag", letter
        if settings["sender_check"]:
            yield "587: somebody else's name refused", partial(disguised, address, users[0], foreign)
        yield from mail_reading.of_users(addresses, users, domain, settings["quota"], inside)


def of_users(address: str, users: list[User], domain: str, foreign: str) -> Pairs:
    """Yield what becomes of people's letters."""
    writer, reader = users[0], users[-1]
    for port, mechanism in ((587, "PLAIN"), (465, "LOGIN")):
        yield (
            f"{port}: {mechanism}, then to anywhere",
            partial(authenticated, address, port, mechanism, writer, domain, foreign),
        )
    yield "a MIME letter, kept octet by octet", Alone(intact, address, writer, reader, domain)


# What everybody may see


def greeting(address: str, host: str, limit: int) -> str:
    """Demand the name to which the MX record leads, the extensions of ESMTP, and no more."""
    with dial(address, 25, TIMEOUT) as connection:
        first = connection.recv(1000).decode(errors="replace")
        note(ANSWERED, first)
        demand(first == f"220 {host} ESMTP\r\n", f"the greeting is {first}")
    server = smtp(address)
    try:
        missing = {"8bitmime", "pipelining", "size", "starttls"} - server.esmtp_features.keys()
        demand(not missing, f"no {', '.join(sorted(missing)).upper()}")
        size = int(server.esmtp_features["size"] or 0)
        demand(size == limit * 2**20, f"SIZE {size}, not {limit * 2**20}")
        told = {"auth", "expn", "vrfy"} & server.esmtp_features.keys()
        demand(not told, f"it offers {', '.join(sorted(told)).upper()}")
        server.starttls(context=unverified())
        server.ehlo()
        demand("auth" not in server.esmtp_features, "it offers AUTH to servers")
        big = reply(server.docmd(f"MAIL FROM:<> SIZE={size + 1}"), 552) if size else "any size"
    finally:
        end(server)
    return f"SIZE {size}: {big}"


def commands(address: str) -> str:
    """Go the way of a letter without a letter, and out of order (RFC 5321 section 4.1.4)."""
    server = SMTP(address, 25, "[192.0.2.1]", timeout=TIMEOUT)
    try:
        reply(server.docmd("HELO", "[192.0.2.1]"), 250)
        reply(server.noop(), 250)
        reply(server.docmd("RCPT TO:<postmaster>"), 503)
        reply(server.docmd("MAIL FROM:<>"), 250)
        reply(server.docmd("DATA"), 503)
        reply(server.rset(), 250)
        reply(server.docmd("NONSENSE"), 500)
        return reply(server.docmd("QUIT"), 221)
    finally:
        server.close()


def asked(
    address: str, sender: str, recipient: str, port: int = 25, context: ssl.SSLContext | None = None
) -> tuple[int, bytes]:
    """Return the answer to a recipient, or to the sender if that is not taken."""
    server = smtp(address, port, context)
    try:
        code, text = server.docmd(f"MAIL FROM:<{sender}>")
        return server.docmd(f"RCPT TO:<{recipient}>") if code == 250 else (code, text)
    finally:
        end(server)


def unknown_user(address: str, recipient: str, sender: str) -> str:
    """Demand that it is said at once that there is nobody of this name, and that those in charge are there."""
    domain = recipient.rpartition("@")[2]
    for name in ("postmaster", "abuse", "POSTMASTER"):
        reply(asked(address, "", f"{name}@{domain}"), 250)
    reply(asked(address, "", "postmaster"), 250)
    return reply(asked(address, sender, recipient), 550)


def discreet(address: str, user: str, domain: str) -> str:
    """Demand that nobody is told who there is, without being sent away."""
    server = smtp(address)
    try:
        known, unknown = (server.docmd(f"VRFY {name}@{domain}") for name in (user, NOBODY))
        text = reply(known, 252, 502)
        demand(known == unknown, f"{known} for {user}, {unknown} for {NOBODY}")
        reply(server.docmd(f"EXPN {user}@{domain}"), 502, 550)
    finally:
        end(server)
    return text


def unknown_sender(address: str, recipient: str, codes: tuple[int, ...]) -> str:
    """Demand that a sender to whom nobody could answer is refused."""
    return reply(asked(address, f"user@{STRANGER}", recipient), *codes)


def relayed(address: str, user: str, foreign: str) -> str:
    """Demand that a host of the local network may send anywhere without a password."""
    domain = user.rpartition("@")[2]
    return reply(asked(address, f"postmaster@{domain}", foreign), 250)


def forms(address: str, domain: str, foreign: str) -> list[tuple[str, str]]:
    """Return senders and recipients by which a server has been led to pass letters on to anybody."""
    local, _, elsewhere = foreign.partition("@")
    literal = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
    return [
        (foreign, foreign),
        ("", foreign),
        (f"postmaster@{domain}", foreign),
        (f"postmaster@{literal}", foreign),
        (foreign, foreign.upper()),
        (foreign, f"{foreign}."),
        (foreign, f'"{local}"@{elsewhere}'),
        (foreign, f"@{domain}:{foreign}"),
        (foreign, f"@{literal}:{foreign}"),
        (foreign, f"{local}%{elsewhere}@{domain}"),
        (foreign, f"{local}%{elsewhere}"),
        (foreign, f"{local}%{elsewhere}@{literal}"),
        (foreign, f'"{foreign}"@{domain}'),
        (foreign, f'"{foreign}"'),
        (foreign, f"{foreign}@{domain}"),
        (foreign, f"{elsewhere}!{local}@{domain}"),
        (foreign, f"{elsewhere}!{local}"),
        (foreign, f"{local}@{elsewhere}@{literal}"),
        (foreign, f"{local}@[192.0.2.25]"),
    ]


def not_relayed(address: str, domain: str, foreign: str) -> str:
    """Demand that a stranger's letter to somebody else is refused before it is told, in whatever form."""
    tried = forms(address, domain, foreign)
    for sender, recipient in tried:
        code, text = asked(address, sender, recipient)
        demand(500 <= code < 560, f"from <{sender}> to <{recipient}>: {code} {text.decode(errors='replace')}")
    return f"{len(tried)} forms"


def forged(address: str, recipient: str, sender: str, author: str) -> str:
    """Demand that a letter is refused whose author's domain wants that of what is not from its servers (DMARC)."""
    for envelope in (author, sender, ""):
        server = smtp(address)
        try:
            reply(server.mail(envelope), 250)
            reply(server.rcpt(recipient), 250)
            text = reply(server.data(plain_letter(new_mark(), author, recipient).as_bytes()), 550)
        finally:
            end(server)
    return text


def impostor(address: str, *names: str) -> str:
    """Demand that a stranger is not taken who says that he is this server."""
    for name in names:
        server = SMTP(address, 25, timeout=TIMEOUT)
        try:
            text = reply(server.docmd("EHLO", name), 550)
        finally:
            end(server)
    return text


def unauthenticated(address: str, port: int, recipient: str) -> str:
    """Demand that nobody hands in a letter without having shown who he is, and no password without TLS."""
    if port == 587:
        server = smtp(address, port)
        try:
            demand("auth" not in server.esmtp_features, "it offers AUTH before STARTTLS")
            reply(server.docmd("AUTH", "PLAIN AHgAeA=="), 503, 530, 538)
        finally:
            end(server)
        reply(asked(address, "", recipient, port), 530)
    server = smtp(address, port, unverified())
    try:
        mechanisms = server.esmtp_features.get("auth", "").split()
        demand(mechanisms == ["PLAIN", "LOGIN"], f"AUTH {' '.join(mechanisms)}")
    finally:
        end(server)
    return reply(asked(address, "", recipient, port, unverified()), 530)


def old_version_refused(address: str, port: int, version: ssl.TLSVersion) -> str:
    """Demand that the server refuses a version of TLS that nobody should use (RFC 8996)."""
    context = of_version(version)
    try:
        server = OPENERS[port](address, port, context)
    except ssl.SSLError as error:
        return error.reason or str(error)
    except (ConnectionResetError, smtplib.SMTPServerDisconnected):
        return "connection reset"
    end(server)
    raise ProbeError(f"the server takes {version.name}")


def its_own(address: str, port: int, names: list[str]) -> str:
    """Demand a certificate of somebody whom the host trusts, for these names and for no other."""
    context = named(names[0])
    server = OPENERS[port](address, port, context)
    try:
        seen = {name for _, name in server.sock.getpeercert()["subjectAltName"]}
    finally:
        end(server)
    demand(seen == {*names}, f"it is for {', '.join(sorted(seen))}")
    context.name = STRANGER
    try:
        server = OPENERS[port](address, port, context)
    except ssl.SSLCertVerificationError as error:
        demand(error.verify_code == 62, str(error))  # X509_V_ERR_HOSTNAME_MISMATCH
        return ", ".join(names)
    end(server)
    raise ProbeError(f"a client that wants {STRANGER} is content with the certificate")


# What users do


def authenticated(address: str, port: int, mechanism: str, user: User, domain: str, foreign: str) -> str:
    """Demand that whoever has given a password may send anywhere; the letter itself is not sent."""
    server = smtp(address, port, unverified())
    try:
        server.user, server.password = user["name"], user["password"]
        text = reply(server.auth(mechanism, getattr(server, f"auth_{mechanism.lower()}")), 235)
        reply(server.docmd(f"MAIL FROM:<{user['name']}@{domain}>"), 250)
        reply(server.docmd(f"RCPT TO:<{foreign}>"), 250)
        reply(server.rset(), 250)
    finally:
        end(server)
    return text


def disguised(address: str, user: User, somebody: str) -> str:
    """Demand that a user does not write in somebody else's name."""
    server = smtp(address, 587, unverified())
    try:
        server.login(user["name"], user["password"])
        return reply(server.docmd(f"MAIL FROM:<{somebody}>"), 550)
    finally:
        end(server)


def intact(address: str, writer: User, reader: User, domain: str) -> str:
    """Send a letter with parts in 8 bits, in base64 and as quoted-printable, and get the same octets back."""
    mark = new_mark()
    to = f"{reader['name']}@{domain}"
    letter = plain_letter(mark, f"Ñoño <{writer['name']}@{domain}>", to)
    letter.add_attachment(OCTETS, maintype="application", subtype="octet-stream", filename="año.bin")
    letter.add_attachment(TEXT.replace("\r\n", "\n"), cte="quoted-printable", filename="€.txt")
    sent = letter.as_bytes()
    hand_in(address, 465, writer, domain, to, sent)
    with mailbox(address, reader) as server:
        try:
            number = arrived(server, mark)
            got = fetched(server, number)
            parts = [fetched(server, number, part) for part in ("2", "3")]
            structure = good(server.uid("FETCH", number, "(BODYSTRUCTURE)"))
        finally:
            clear(server, mark)
    demand(got.endswith(sent), "the letter has changed on its way")
    seen = email.message_from_bytes(got, policy=email.policy.SMTP)
    _, octets, text = seen.iter_parts()
    demand(octets.get_content() == OCTETS and octets.get_filename() == "año.bin", "the octets in base64 are others")
    demand(text.get_payload(decode=True) == TEXT.encode(), "the quoted-printable text is another one")
    for part, wanted in zip(parts, (octets, text), strict=True):
        demand(part.split() == wanted.get_payload().encode().split(), "a part by itself is another one")
    for word in ("base64", "quoted-printable", "octet-stream"):
        demand(f'"{word}"' in str(structure).lower(), f"BODYSTRUCTURE knows of no {word}: {structure}")
    return f"{len(sent)} octets"


def from_outside(address: str, reader: User, domain: str, sender: str) -> str:
    """Bring a letter as another server does, to a user's address with a tag and with capitals in it."""
    mark = new_mark()
    to = f"{reader['name'].capitalize()}+tag@{domain.upper()}"
    server = smtp(address, 25, unverified())
    try:
        reply(server.docmd(f"MAIL FROM:<{sender}> BODY=8BITMIME"), 250)
        reply(server.rcpt(to), 250)
        reply(server.data(plain_letter(mark, sender, to).as_bytes()), 250)
    finally:
        end(server)
    with mailbox(address, reader) as box:
        try:
            seen = demand_text(fetched(box, arrived(box, mark)), mark)
        finally:
            clear(box, mark)
    return str(seen["Delivered-To"])
