"""Go as far as the recipient of a letter, by which time Exim has used most of its configuration."""

import smtplib
import ssl
import sys

with smtplib.SMTP("localhost", 25, timeout=5) as server:
    server.ehlo("localhost")
    for reply in (server.mail(""), server.rcpt(f"postmaster@{sys.argv[1]}")):
        if reply[0] != 250:
            sys.exit(f"{reply[0]} {reply[1].decode(errors='replace')}")
with smtplib.SMTP("localhost", 587, timeout=5) as server:
    server.ehlo("localhost")
# It is looked at whether there is TLS, not by whom.
with smtplib.SMTP_SSL("localhost", 465, timeout=5, context=ssl._create_unverified_context()) as server:  # noqa: S323
    server.ehlo("localhost")
