"""Letters, logins and fetches by several clients at a time, on a host of the lab; prints how long they took."""

import imaplib
import json
import smtplib
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator

LETTER = (
    "From: user@example.org\r\nTo: {to}\r\nSubject: A small letter\r\nMessage-ID: <{mark}@example.org>\r\n\r\n{text}"
)
# More than one packet on both sides: near the size of one, the headers that each adds would decide the comparison.
TEXT = "Nothing but words, as most letters are.\r\n" * 100
CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE  # who it is makes no difference to the work


def letters(given: dict, user: str, numbers: Iterator[int]) -> None:
    """Bring letters to a user, each in a connection of its own, as those of different people come."""
    to = f"{user}@{given['domain']}"
    for number in numbers:
        with smtplib.SMTP(given["address"], 25, "mail.example.org", timeout=60) as server:
            if given["tls"]:
                server.starttls(context=CONTEXT)
            server.sendmail("user@example.org", to, LETTER.format(to=to, mark=f"{time.time()}.{number}", text=TEXT))


def mailbox(given: dict, user: str) -> imaplib.IMAP4:
    """Return the session of a user who has logged in."""
    if given["tls"]:
        box = imaplib.IMAP4_SSL(given["address"], ssl_context=CONTEXT, timeout=60)
    else:
        box = imaplib.IMAP4(given["address"], timeout=60)
    box.login(user, given["password"])
    return box


def logins(given: dict, user: str, numbers: Iterator[int]) -> None:
    """Log in and out."""
    for _ in numbers:
        mailbox(given, user).logout()


def fetches(given: dict, user: str, numbers: Iterator[int]) -> None:
    """Read one letter after the other in one session."""
    box = mailbox(given, user)
    inbox = int(box.select(readonly=True)[1][0])
    for number in numbers:
        _, found = box.fetch(str(number % inbox + 1), "(BODY.PEEK[])")
        assert found[0][1].endswith(TEXT[-20:].encode()), found
    box.logout()


def main() -> None:
    """Divide the work between the clients, one for each user."""
    given = json.loads(sys.argv[1])
    work: Callable = {"letters": letters, "logins": logins, "fetches": fetches}[given["work"]]
    failed: list[BaseException] = []
    threading.excepthook = lambda failure: failed.append(failure.exc_value)
    shares = [iter(range(first, given["count"], len(given["users"]))) for first in range(len(given["users"]))]
    threads = [threading.Thread(target=work, args=(given, *pair)) for pair in zip(given["users"], shares, strict=True)]
    started, clock = time.time(), time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - clock
    if failed:
        sys.exit(repr(failed))
    print(json.dumps({"started": started, "seconds": seconds}))


main()
