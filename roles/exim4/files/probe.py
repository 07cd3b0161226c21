"""Go as far as the recipient of a letter, by which time Exim has used most of its configuration."""

import smtplib
import ssl
import subprocess
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
# The rest of it, in a session that Exim only plays, with a stranger who says that he is one of us.
# He may be refused, but not put off.
session = f"""EHLO [192.0.2.1]
MAIL FROM:<>
RCPT TO:<postmaster@{sys.argv[1]}>
DATA
From: postmaster@{sys.argv[1]}

.
QUIT
"""
played = subprocess.run(
    ["/usr/sbin/exim4", "-bh", "192.0.2.1"],
    input=session.replace("\n", "\r\n"),
    capture_output=True,
    text=True,
    check=False,
    timeout=20,
)
if not [line for line in played.stdout.partition("\n354 ")[2].splitlines()[1:2] if line[:3] in ("250", "550")]:
    sys.exit(f"a letter is not taken: {played.stdout[-200:]}{played.stderr[-1000:]}")
