"""The mail server, as a mail program sees it, a server that brings letters, and somebody who would misuse it.

The letters that are written are taken away again, also those that an earlier run has left.
"""

import email
import email.message
import email.policy
import imaplib
import ipaddress
import poplib
import re
import secrets
import smtplib
import socket
import ssl
import time
import warnings
from functools import partial
from typing import Any

from frame import ProbeError, demand

from probes import mail_discovery
from probes.mail_base import (
    OPENERS,
    TIMEOUT,
    ManageSieve,
    Pairs,
    User,
    end,
    good,
    imap,
    mailbox,
    named,
    pop3,
    reply,
    smtp,
    unverified,
)

ARRIVAL = 3.0  # seconds that a letter may take
PATIENCE = 2.0  # seconds that a wrong password is waited for
LEFT = 60.0  # seconds after which nobody waits for it any more
STRANGER = "does-not-exist.invalid"
NOBODY = "does-not-exist"
MARK = "probe-of-mail"
TEXT = "Grüße aus Murcia: ñ, €, 日本, 𝄞.\r\n.\r\n.. a line that begins with dots\r\nFrom here on\r\nlast line\r\n"
OCTETS = bytes(range(256)) * 8


def probes(settings: dict[str, Any]) -> Pairs:
    """Yield the probes of each address, then those of a user's letters."""
    addresses, users, inside = settings["addresses"], settings["users"], settings["role"] == "inside"
    domain, foreign = settings["domain"], settings["foreign"]
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
        yield f"{where} 25: unknown sender refused", partial(unknown_sender, address, f"postmaster@{domain}")
        for port in (587, 465):
            yield (
                f"{where} {port}: 530 before authentication",
                partial(unauthenticated, address, port, f"postmaster@{domain}"),
            )
        yield f"{where} 143: STARTTLS, no login before it", partial(imap_before_tls, address)
        yield f"{where} 110: STLS, no login before it", partial(pop3_before_tls, address)
        yield f"{where} 4190: STARTTLS, no login before it", partial(sieve_before_tls, address)
    address = addresses[0]
    for port in OPENERS:
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            yield f"{port}: {version.name} refused", partial(old_version_refused, address, port, version)
        if inside:
            yield f"{port}: certificate for its own names alone", partial(its_own, address, port, settings["names"])
    yield from mail_discovery.probes(settings)
    if users:
        yield from of_users(addresses, users, domain, foreign)
        yield "quota shown", partial(quota, address, users[-1], settings["quota"])
        if inside:  # who has one script at a time
            yield "a letter, filed by a rule", partial(by_rule, address, users[0], users[-1], domain)


def of_users(addresses: list[str], users: list[User], domain: str, foreign: str) -> Pairs:
    """Yield what people do with their mailboxes."""
    address, writer, reader = addresses[0], users[0], users[-1]
    for port, mechanism in ((587, "PLAIN"), (465, "LOGIN")):
        yield (
            f"{port}: {mechanism}, then to anywhere",
            partial(authenticated, address, port, mechanism, writer, foreign),
        )
    yield "a letter, read by IMAP", partial(by_imap, address, writer, reader, domain)
    yield "a letter, read by POP3", partial(by_pop3, address, writer, reader, domain)
    yield "a MIME letter, kept octet by octet", partial(intact, address, writer, reader, domain)
    yield "a letter from outside, to a tag", partial(from_outside, address, reader, domain, foreign)
    yield "folders for special uses", partial(special_folders, address, reader)
    # Dovecot makes whoever has given a wrong password wait with the next one, too: so not at the address of the others.
    for port in (587, 993, 995):
        yield f"{port}: a wrong password refused", partial(wrong_password, addresses[-1], port, writer)


# What everybody may see


def greeting(address: str, host: str, limit: int) -> str:
    """Demand the name to which the MX record leads, the extensions of ESMTP, and no more."""
    with socket.create_connection((address, 25), TIMEOUT) as connection:
        first = connection.recv(1000).decode(errors="replace")
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
    server = smtplib.SMTP(address, 25, "[192.0.2.1]", timeout=TIMEOUT)
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


def unknown_sender(address: str, recipient: str) -> str:
    """Demand that a sender to whom nobody could answer is refused."""
    return reply(asked(address, f"user@{STRANGER}", recipient.replace("postmaster", "abuse")), 550)


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
        server = smtplib.SMTP(address, 25, timeout=TIMEOUT)
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


def imap_before_tls(address: str) -> str:
    """Demand that a password is taken by nobody who could be overheard (RFC 9051 section 11.2)."""
    server = imap(address)
    try:
        wanted = {"IMAP4REV1", "STARTTLS", "LOGINDISABLED"}
        demand(wanted <= set(server.capabilities), f"CAPABILITY {' '.join(server.capabilities)}")
        try:
            server.login(NOBODY, "x")
        except imaplib.IMAP4.error as error:
            demand("PRIVACYREQUIRED" in str(error), str(error))
        else:
            raise ProbeError("it takes a password without TLS")
        server.starttls(unverified())
        offered = set(good(server.capability())[0].decode().split())
        demand("LOGINDISABLED" not in offered, "LOGINDISABLED after STARTTLS, too")
        demand("AUTH=PLAIN" in offered, "no AUTH=PLAIN after STARTTLS")
    finally:
        end(server)
    return "LOGINDISABLED"


def pop3_before_tls(address: str) -> str:
    """Demand the same of POP3 (RFC 2595 section 4)."""
    server = pop3(address)
    try:
        demand("STLS" in server.capa(), f"CAPA {' '.join(server.capa())}")
        try:
            server.user(NOBODY)
        except poplib.error_proto as error:
            refusal = str(error)
        else:
            raise ProbeError("it takes a user without TLS")
        server.stls(unverified())
        offered = server.capa()
        demand({"TOP", "UIDL", "USER", "SASL"} <= offered.keys(), f"CAPA {' '.join(offered)}")
    finally:
        end(server)
    return refusal


def sieve_before_tls(address: str) -> str:
    """Demand the same of ManageSieve (RFC 5804 section 1.5)."""
    server = ManageSieve(address)
    try:
        demand('"STARTTLS"' in server.capabilities, f"it offers {server.capabilities}")
        demand('"SASL" ""' in server.capabilities, "it offers SASL without TLS")
        try:
            server.login(NOBODY, "x")
        except ProbeError as error:
            refusal = str(error)
        else:
            raise ProbeError("it takes a password without TLS")
        demand("ENCRYPT-NEEDED" in refusal or "TLS" in refusal, refusal)
    finally:
        end(server)
    server = ManageSieve(address, context=unverified())
    end(server)
    offered = next(line for line in server.capabilities if line.startswith('"SASL"'))
    demand("PLAIN" in offered, f"after STARTTLS it offers {offered}")
    return refusal


def old_version_refused(address: str, port: int, version: ssl.TLSVersion) -> str:
    """Demand that the server refuses a version of TLS that nobody should use (RFC 8996)."""
    context = unverified()
    context.set_ciphers("ALL:@SECLEVEL=0")  # the client itself must be willing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
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


def new_mark() -> str:
    """Return a letter's own word, which tells when it was written."""
    return f"{MARK}-{int(time.time())}-{secrets.token_hex(6)}"


def plain_letter(mark: str, sender: str, recipient: str) -> email.message.EmailMessage:
    """Write a letter."""
    letter = email.message.EmailMessage(policy=email.policy.SMTP)
    letter["From"], letter["To"], letter["Subject"] = sender, recipient, f"A probe, ñ: {mark}"
    letter["Message-ID"] = f"<{mark}@{STRANGER}>"
    letter["Date"] = email.utils.localtime()
    letter.set_content(TEXT.replace("\r\n", "\n"), cte="8bit")
    return letter


def hand_in(address: str, port: int, user: User, domain: str, recipient: str, letter: bytes) -> str:
    """Send a letter as a mail program does."""
    server = smtp(address, port, unverified())
    try:
        server.login(user["name"], user["password"])
        reply(server.docmd(f"MAIL FROM:<{user['name']}@{domain}> BODY=8BITMIME"), 250)
        reply(server.rcpt(recipient), 250)
        return reply(server.data(letter), 250)
    finally:
        end(server)


def found(server: imaplib.IMAP4, mark: str) -> list[str]:
    """Return the numbers of the letters with a mark."""
    return good(server.uid("SEARCH", "HEADER", "Message-ID", mark))[0].decode().split()


def arrived(server: imaplib.IMAP4, mark: str) -> str:
    """Wait for a letter."""
    deadline = time.monotonic() + ARRIVAL
    while not (numbers := found(server, mark)):
        demand(time.monotonic() < deadline, f"the letter has not arrived within {ARRIVAL:g} s")
        good(server.noop())
        time.sleep(0.05)
    demand(len(numbers) == 1, f"the letter is there {len(numbers)} times")
    return numbers[0]


def clear(server: imaplib.IMAP4, mark: str) -> None:
    """Take away a letter, and others of this program's for which nobody waits any more."""
    for number in found(server, MARK):
        header = fetched(server, number, "HEADER.FIELDS (MESSAGE-ID)")
        text = header.decode(errors="replace")
        written = text.partition(f"{MARK}-")[2].partition("-")[0]
        if mark in text or (written.isdigit() and int(written) < time.time() - LEFT):
            server.uid("STORE", number, "+FLAGS.SILENT", "(\\Deleted)")
    server.expunge()


def fetched(server: imaplib.IMAP4, number: str, part: str = "") -> bytes:
    """Return a letter, or a part of it, from among what else the server tells."""
    answers = good(server.uid("FETCH", number, f"(BODY.PEEK[{part}])"))
    return b"".join(answer[1] for answer in answers if isinstance(answer, tuple))


def demand_text(letter: bytes, mark: str) -> email.message.EmailMessage:
    """Demand that a letter says what was written; return it."""
    seen = email.message_from_bytes(letter, policy=email.policy.SMTP)
    demand(seen["Subject"] == f"A probe, ñ: {mark}", f"the subject is {seen['Subject']}")
    demand(letter.partition(b"\r\n\r\n")[2] == TEXT.encode(), "the text is another one")
    return seen


def authenticated(address: str, port: int, mechanism: str, user: User, foreign: str) -> str:
    """Demand that whoever has given a password may send anywhere; the letter itself is not sent."""
    server = smtp(address, port, unverified())
    try:
        server.user, server.password = user["name"], user["password"]
        text = reply(server.auth(mechanism, getattr(server, f"auth_{mechanism.lower()}")), 235)
        reply(server.docmd(f"MAIL FROM:<{foreign}>"), 250)
        reply(server.docmd(f"RCPT TO:<{foreign}>"), 250)
        reply(server.rset(), 250)
    finally:
        end(server)
    return text


def by_imap(address: str, writer: User, reader: User, domain: str) -> str:
    """Send a letter and read it as IMAP does: SEARCH, FETCH, STORE, COPY, EXPUNGE, in two folders."""
    mark = new_mark()
    to = f"{reader['name']}@{domain}"
    hand_in(address, 587, writer, domain, to, plain_letter(mark, f"{writer['name']}@{domain}", to).as_bytes())
    server = imap(address, 143, unverified())
    try:
        server.login(reader["name"], reader["password"])
        good(server.select("INBOX"))
        try:
            number = arrived(server, mark)
            seen = demand_text(fetched(server, number), mark)
            demand(seen["Return-Path"] == f"<{writer['name']}@{domain}>", f"Return-Path: {seen['Return-Path']}")
            good(server.uid("STORE", number, "+FLAGS", "(\\Seen \\Flagged)"))
            demand(
                number
                in good(server.uid("SEARCH", "SEEN", "FLAGGED", "HEADER", "Message-ID", mark))[0].decode().split(),
                "the flags are not kept",
            )
            good(server.create(mark))
            try:
                good(server.uid("COPY", number, mark))
                good(server.select(mark))
                demand_text(fetched(server, arrived(server, mark)), mark)
                clear(server, mark)
                demand(not found(server, mark), "the letter is still in the folder")
                good(server.select("INBOX"))
            finally:
                good(server.delete(mark))
        finally:
            clear(server, mark)
        demand(not found(server, mark), "the letter is still there")
    finally:
        end(server)
    return str(seen["Message-ID"])


def by_pop3(address: str, writer: User, reader: User, domain: str) -> str:
    """Send a letter and read it as POP3 does: USER, PASS, STAT, LIST, UIDL, TOP, RETR, DELE."""
    mark = new_mark()
    to = f"{reader['name']}@{domain}"
    hand_in(address, 465, writer, domain, to, plain_letter(mark, f"{writer['name']}@{domain}", to).as_bytes())
    try:
        deadline = time.monotonic() + ARRIVAL
        # What comes later, a session does not see.
        while not taken(address, reader, mark):
            demand(time.monotonic() < deadline, f"the letter has not arrived within {ARRIVAL:g} s")
            time.sleep(0.3)
        with mailbox(address, reader) as server:
            demand(not found(server, mark), "the letter is still there")
    except ProbeError:
        with mailbox(address, reader) as server:
            clear(server, mark)
        raise
    return f"<{mark}@{STRANGER}>"


def taken(address: str, user: User, mark: str) -> bool:
    """Look for a letter, read it and delete it; return whether it was there."""
    server = pop3(address, 110, unverified())
    try:
        server.user(user["name"])
        server.pass_(user["password"])
        count, size = server.stat()
        sizes = {line.split()[0]: int(line.split()[1]) for line in server.list()[1]}
        names = [line.split() for line in server.uidl()[1]]
        demand((count, size) == (len(sizes), sum(sizes.values())), f"STAT {count} {size}, LIST {sizes}")
        demand(len({name for _, name in names}) == count, f"STAT {count}, UIDL {names}")
        for number, _ in names:
            try:
                header = b"\n".join(server.top(int(number), 0)[1])
            except poplib.error_proto:  # somebody else has taken it meanwhile
                continue
            if mark.encode() not in header:
                continue
            letter = b"".join(line + b"\r\n" for line in server.retr(int(number))[1])
            demand_text(letter, mark)
            demand(len(letter) == sizes[number], f"LIST says {sizes[number]} octets, RETR gives {len(letter)}")
            server.dele(int(number))
            return True
        return False
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
            part = fetched(server, number, "2")
        finally:
            clear(server, mark)
    demand(got.endswith(sent), "the letter has changed on its way")
    seen = email.message_from_bytes(got, policy=email.policy.SMTP)
    _, octets, text = seen.iter_parts()
    demand(octets.get_content() == OCTETS and octets.get_filename() == "año.bin", "the octets in base64 are others")
    demand(text.get_payload(decode=True) == TEXT.encode(), "the quoted-printable text is another one")
    demand(b"".join(part.split()) == b"".join(octets.get_payload().encode().split()), "the second part is another one")
    return f"{len(sent)} octets"


def from_outside(address: str, reader: User, domain: str, foreign: str) -> str:
    """Bring a letter as another server does, to a user's address with a tag and with capitals in it."""
    mark = new_mark()
    to = f"{reader['name'].capitalize()}+tag@{domain.upper()}"
    server = smtp(address, 25, unverified())
    try:
        reply(server.docmd(f"MAIL FROM:<{foreign}> BODY=8BITMIME"), 250)
        reply(server.rcpt(to), 250)
        reply(server.data(plain_letter(mark, foreign, to).as_bytes()), 250)
    finally:
        end(server)
    with mailbox(address, reader) as box:
        try:
            seen = demand_text(fetched(box, arrived(box, mark)), mark)
        finally:
            clear(box, mark)
    return str(seen["Delivered-To"])


def rule(mark: str, own: str) -> str:
    """Return a script that files the letter with a mark, and leaves the others to a script of its reader's."""
    return (
        'require ["fileinto", "include", "mailbox"];\r\n'
        f'if header :contains "Message-ID" "{mark}" {{ fileinto :create "{mark}"; stop; }}\r\n'
        + (f'include :personal "{own}";\r\n' if own else "")
    )


def by_rule(address: str, writer: User, reader: User, domain: str) -> str:
    """Have a letter put into a folder by a rule, in front of those that its reader has; then take the rule away."""
    mark = new_mark()
    to = f"{reader['name']}@{domain}"
    rules = ManageSieve(address, context=unverified())
    try:
        rules.login(reader["name"], reader["password"])
        # The rule's name tells whose place it has taken: to whoever comes after a run that was killed, too.
        own = rules.active().removeprefix(f"{MARK}:")
        name = f"{MARK}:{own}"
        rules.put(name, rule(mark, own))
        try:
            hand_in(address, 587, writer, domain, to, plain_letter(mark, f"{writer['name']}@{domain}", to).as_bytes())
            with mailbox(address, reader) as server:
                try:
                    deadline = time.monotonic() + ARRIVAL
                    while server.select(mark)[0] != "OK":
                        demand(time.monotonic() < deadline, f"the letter has not been filed within {ARRIVAL:g} s")
                        time.sleep(0.05)
                    demand_text(fetched(server, arrived(server, mark)), mark)
                finally:
                    for folder in (mark, "INBOX"):
                        if server.select(folder)[0] == "OK":
                            clear(server, mark)
                    server.delete(mark)
        finally:
            rules.command(f'SETACTIVE "{own}"')
            rules.command(f'DELETESCRIPT "{name}"')
    finally:
        end(rules)
    return mark


def quota(address: str, user: User, wanted: str) -> str:
    """Demand that a mail program is told how much room there is (RFC 9208)."""
    with mailbox(address, user) as server:
        told = good(server.getquotaroot("INBOX"))
    text = str(told[1])
    limits = [int(limit) for limit in re.findall("STORAGE [0-9]+ ([0-9]+)", text)]
    number, unit = wanted.rstrip("KMGT"), "KMGT".find(wanted[-1])
    demand(limits == ([int(number) * 1024**unit] if unit >= 0 else []), f"{text}, not {wanted}")
    return text


def special_folders(address: str, user: User) -> str:
    """Demand that a mail program is told which folders are for what (RFC 6154), and that these are subscribed."""
    with mailbox(address, user) as server:
        lines = [line.decode() for line in good(server.list()) if line]
        subscribed = [line.decode() for line in good(server.lsub()) if line]
    uses = {use for line in lines for use in ("Archive", "Drafts", "Junk", "Sent", "Trash") if f"\\{use}" in line}
    demand(len(uses) == 5, f"there are {', '.join(sorted(uses))}")
    demand(len(subscribed) >= 5, f"subscribed: {subscribed}")
    return ", ".join(sorted(uses))


def wrong_password(address: str, port: int, user: User) -> str:
    """Demand that a wrong password is refused, and not at once; who has tried before waits longer than this does."""
    server = OPENERS[port](address, port, unverified())
    server.sock.settimeout(PATIENCE)
    wrong, began = f"{user['password']}x", time.monotonic()
    try:
        if isinstance(server, smtplib.SMTP):
            server.user, server.password = user["name"], wrong
            server.auth("PLAIN", server.auth_plain)
        elif isinstance(server, imaplib.IMAP4):
            server.login(user["name"], wrong)
        else:
            server.user(user["name"])
            server.pass_(wrong)
    except (TimeoutError, smtplib.SMTPServerDisconnected):
        return f"no answer within {PATIENCE:g} s"
    except (smtplib.SMTPAuthenticationError, imaplib.IMAP4.error, poplib.error_proto) as error:
        demand(time.monotonic() - began > 1, "refused at once, so that thousands can be tried")
        return str(error)
    finally:
        end(server)
    raise ProbeError("it takes a wrong password")
