"""Speak TLS to each of the servers: whether there is a certificate, Dovecot 2.4's checker does not look."""

import imaplib
import poplib
import ssl

# By whom it is certified is another question.
context = ssl._create_unverified_context()  # noqa: S323
with imaplib.IMAP4("localhost", timeout=5) as server:
    server.starttls(context)
poplib.POP3_SSL("localhost", timeout=5, context=context).quit()
