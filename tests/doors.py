"""Where people give their passwords: which services take one."""

from lab import Lab
from letters import PROBES

# Tries a password at each door; prints at which it is right.
TRY = r"""
import subprocess
import ldap
mail_base.TIMEOUT = 30  # who has been wrong waits
address, name, word = sys.argv[1:]
def imap():
    mail_base.good(mail_base.imap(address, 993).login(name, word))
def pop3():
    box = mail_base.pop3(address, 995)
    box.user(name)
    box.pass_(word)
def smtp():
    mail_base.smtp(address, 465).login(name, word)
def sieve():
    mail_base.ManageSieve(address, context=mail_base.unverified()).login(name, word)
def web():
    asked = ["curl", "-sf", "-u", f"{name}:{word}", "http://www2.st.um/"]
    subprocess.run(asked, check=True, capture_output=True)
def directory():
    server = ldap.initialize("ldap://ns1.st.um ldap://ns2.st.um")
    server.set_option(ldap.OPT_X_TLS_CACERTFILE, "/etc/ssl/certs/ca-certificates.crt")
    server.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    server.start_tls_s()
    server.simple_bind_s(server.search_s("o=um,c=es", ldap.SCOPE_SUBTREE, f"(uid={name})", ["1.1"])[0][0], word)
for door in (imap, pop3, smtp, sieve, web, directory):
    try:
        door()
        print(door.__name__)
    except Exception as error:
        print(f"{door.__name__}: {error!r}", file=sys.stderr)
"""
MAIL = ["imap", "pop3", "smtp", "sieve"]
ALL = [*MAIL, "web", "directory"]


def doors(lab: Lab, word: str, name: str = "user1") -> list[str]:
    """Return the doors that somebody's password opens."""
    return lab.run("client", "python3", "-B", "-c", PROBES + TRY, lab.address(135), name, word).split()
