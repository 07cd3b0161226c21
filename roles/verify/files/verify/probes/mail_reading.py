"""Mailboxes, as a mail program sees them that speaks IMAP, POP3 or ManageSieve."""

import contextlib
import imaplib
import poplib
import re
import smtplib
import time
from functools import partial

from frame import Alone, ProbeError, demand

from probes.mail_base import (
    ARRIVAL,
    MARK,
    NOBODY,
    OPENERS,
    STRANGER,
    TEXT,
    ManageSieve,
    Pairs,
    User,
    arrived,
    clear,
    clear_folders,
    demand_text,
    end,
    fetched,
    folders,
    found,
    good,
    hand_in,
    imap,
    mailbox,
    new_mark,
    plain_letter,
    pop3,
    unverified,
)

PATIENCE = 3.0  # seconds that a wrong password is waited for
SLOW = 2.0  # seconds that it takes at least


def of_address(where: str, address: str, plaintext: list[User]) -> Pairs:
    """Yield what is seen before anybody has logged in; the users, if there are any, need no TLS for that."""
    if plaintext:
        yield f"{where} 143: login without TLS", partial(imap_without_tls, address, plaintext[0])
        yield f"{where} 110: login without TLS", partial(pop3_without_tls, address, plaintext[0])
    else:
        yield f"{where} 143: STARTTLS, no login before it", partial(imap_before_tls, address)
        yield f"{where} 110: STLS, no login before it", partial(pop3_before_tls, address)
    yield f"{where} 4190: STARTTLS, no login before it", partial(sieve_before_tls, address)


def of_users(addresses: list[str], users: list[User], domain: str, room: str, inside: bool) -> Pairs:
    """Yield what people do with their mailboxes, one after the other.

    Dovecot opens all folders to count a quota, also for a letter that arrives, and makes again what vanishes or is not
    complete meanwhile: a CREATE is told that the folder exists, and a count fails.
    """
    address, writer, reader = addresses[0], users[0], users[-1]
    yield "a letter, read by IMAP", Alone(by_imap, address, writer, reader, domain)
    yield "a letter, read by POP3", Alone(by_pop3, address, writer, reader, domain)
    yield "a letter, told of at once", Alone(by_idle, address, writer, reader, domain)
    if inside:  # who has one script at a time
        yield "a letter, filed by a rule", Alone(by_rule, address, writer, reader, domain)
    yield "folders, made and filled", Alone(own_folders, address, reader)
    yield "folders for special uses", Alone(special_folders, address, reader)
    yield "quota shown", Alone(quota, address, reader, room)
    # Dovecot makes whoever has given a wrong password wait with the next one, too: so not at the address of the others.
    for port in (587, 993, 995, 4190):
        yield f"{port}: a wrong password refused", partial(wrong_password, addresses[-1], port, writer)


# Before the login


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


def imap_without_tls(address: str, user: User) -> str:
    """Demand that a password is taken without TLS, for a session that is typed by hand."""
    server = imap(address)
    try:
        demand("LOGINDISABLED" not in server.capabilities, f"CAPABILITY {' '.join(server.capabilities)}")
        demand("STARTTLS" in server.capabilities, "no STARTTLS any more")
        server.login(user["name"], user["password"])
        return str(good(server.select("INBOX", readonly=True)))
    finally:
        end(server)


def pop3_without_tls(address: str, user: User) -> str:
    """Demand the same of POP3."""
    server = pop3(address)
    try:
        offered = server.capa()
        demand({"STLS", "USER"} <= offered.keys(), f"CAPA {' '.join(offered)}")
        server.user(user["name"])
        server.pass_(user["password"])
        return str(server.stat())
    finally:
        end(server)


# Letters and folders


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
            finally:
                clear_folders(server, mark)
        finally:
            clear(server, mark)
        demand(not found(server, mark), "the letter is still there")
    finally:
        end(server)
    return str(seen["Message-ID"])


def by_pop3(address: str, writer: User, reader: User, domain: str) -> str:
    """Send a letter and read it as POP3 does: USER, PASS, STAT, LIST, UIDL, NOOP, TOP, RETR, DELE, RSET, QUIT."""
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
            server.noop()
            lines = server.top(int(number), 1)[1]
            demand(lines[lines.index(b"") + 1 :] == TEXT.encode().split(b"\r\n")[:1], f"TOP {number} 1 gives {lines}")
            letter = b"".join(line + b"\r\n" for line in server.retr(int(number))[1])
            demand_text(letter, mark)
            demand(len(letter) == sizes[number], f"LIST says {sizes[number]} octets, RETR gives {len(letter)}")
            server.dele(int(number))
            server.rset()
            demand(server.stat() == (count, size), f"STAT {count} {size}, after RSET {server.stat()}")
            server.dele(int(number))
            with contextlib.suppress(poplib.error_proto):
                server.retr(int(number))
                raise ProbeError("RETR gives a letter that DELE has taken away")
            return True
        return False
    finally:
        end(server)


def by_idle(address: str, writer: User, reader: User, domain: str) -> str:
    """Send a letter to somebody who is told of it without asking (IDLE, RFC 2177)."""
    mark = new_mark()
    to = f"{reader['name']}@{domain}"
    letter = plain_letter(mark, f"{writer['name']}@{domain}", to).as_bytes()
    try:
        with mailbox(address, reader) as server:
            demand("IDLE" in good(server.capability())[0].decode().split(), "no IDLE among the capabilities")
            server.sock.settimeout(ARRIVAL)
            started = idle(server)
            hand_in(address, 465, writer, domain, to, letter)
            deadline = time.monotonic() + ARRIVAL
            while True:
                told(server, started)
                if found(server, mark):
                    return f"{ARRIVAL - deadline + time.monotonic():.2f} s"
                demand(time.monotonic() < deadline, f"the letter has not arrived within {ARRIVAL:g} s")
                started = idle(server)  # that was another letter
    except TimeoutError as error:
        raise ProbeError(f"nothing is told within {ARRIVAL:g} s") from error
    finally:
        with mailbox(address, reader) as server:
            clear(server, mark)


def idle(server: imaplib.IMAP4) -> bytes:
    """Begin to wait for what the server tells, which imaplib does not know of; return the lines that came at once."""
    server.send(b"idle IDLE\r\n")
    lines = b""
    while not (line := server.readline()).startswith(b"+"):
        demand(line and not line.startswith(b"idle "), f"IDLE is answered with {line!r}")
        lines += line
    return lines


def told(server: imaplib.IMAP4, lines: bytes) -> None:
    """Wait until the server tells of a letter, and end the waiting."""
    while b" EXISTS\r\n" not in lines:
        line = server.readline()
        demand(line, "the server has hung up")
        lines += line
    server.send(b"DONE\r\n")
    while not (line := server.readline()).startswith(b"idle "):
        demand(line, "the server has hung up")
    demand(line.startswith(b"idle OK"), f"DONE is answered with {line!r}")


def own_folders(address: str, user: User) -> str:
    """Make folders as a mail program does: CREATE, SUBSCRIBE, RENAME, LIST, STATUS, APPEND, EXAMINE, MOVE, DELETE."""
    mark = new_mark()
    first, second, third = (f"{mark}-{number}" for number in range(3))
    letter = plain_letter(mark, f"user@{STRANGER}", f"user@{STRANGER}").as_bytes()
    with mailbox(address, user) as server:
        missing = {"MOVE", "NAMESPACE", "SPECIAL-USE", "UIDPLUS"} - {*good(server.capability())[0].decode().split()}
        demand(not missing, f"no {', '.join(sorted(missing))} among the capabilities")
        try:
            for name in (first, third):
                good(server.create(name))
            good(server.rename(first, second))
            good(server.subscribe(second))
            demand(sorted(folders(server, f"{mark}*")) == [second, third], f"LIST {folders(server, f'{mark}*')}")
            demand(second in str(good(server.lsub(pattern=f"{mark}*"))), "LSUB does not know what was subscribed")
            good(server.append(second, "(\\Flagged)", None, letter))
            status = good(server.status(second, "(MESSAGES UNSEEN)"))
            demand(b"(MESSAGES 1 UNSEEN 1)" in status[0], f"STATUS {status}")
            good(server.select(second, readonly=True))
            server.uid("STORE", "1:*", "+FLAGS", "(\\Deleted)")  # whatever it is answered
            good(server.select(second))
            number = arrived(server, mark)
            flags = str(good(server.uid("FETCH", number, "(FLAGS)")))
            demand("Flagged" in flags and "Deleted" not in flags, f"after EXAMINE, and APPEND as flagged: {flags}")
            good(server.uid("MOVE", number, third))
            demand(not found(server, mark), "MOVE leaves the letter where it was")
            good(server.select(third))
            demand_text(fetched(server, arrived(server, mark)), mark)
        finally:
            clear_folders(server, mark)
        demand(not folders(server, f"{mark}*"), "DELETE leaves a folder")
        demand(mark not in str(good(server.lsub())), "UNSUBSCRIBE leaves a subscription")
    return second


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
                    clear_folders(server, mark)
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
        elif isinstance(server, imaplib.IMAP4 | ManageSieve):
            server.login(user["name"], wrong)
        else:
            server.user(user["name"])
            server.pass_(wrong)
    except (TimeoutError, smtplib.SMTPServerDisconnected):
        return f"no answer within {PATIENCE:g} s"
    except (smtplib.SMTPAuthenticationError, imaplib.IMAP4.error, poplib.error_proto, ProbeError) as error:
        demand(time.monotonic() - began > SLOW, "refused at once, so that thousands can be tried")
        return str(error)
    finally:
        end(server)
    raise ProbeError("it takes a wrong password")
