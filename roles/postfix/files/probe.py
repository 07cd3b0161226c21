"""Go as far as the recipient of a letter."""

import smtplib
import sys

with smtplib.SMTP("localhost", 25, timeout=5) as server:
    server.ehlo("localhost")
    for reply in (server.mail(""), *(server.rcpt(address) for address in sys.argv[1:])):
        if reply[0] != 250:
            sys.exit(f"{reply[0]} {reply[1].decode(errors='replace')}")
