"""Who knows an address finds the rest, be it a mail program or somebody else's mail server."""

import xml.etree.ElementTree as ET

import pytest

from lab import Lab, wait_until

pytestmark = pytest.mark.only_default
DOCUMENT = "https://autoconfig.{}/mail/config-v1.1.xml?emailaddress={}"
MSMTP = """defaults
account default
host {hostname}
port {port}
from {address}
user {user}
password {password}
auth on
tls on
tls_starttls {starttls}
tls_trust_file system
"""
MBSYNC = """IMAPAccount account
Host {hostname}
Port {port}
User {user}
Pass {password}
{word} {tls}

IMAPStore far
Account account

MaildirStore near
Path {folder}/
Inbox {folder}/INBOX

Channel mail
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
SyncState *
"""


class Program:
    """A mail program on the client, in a folder of its own; it is told an address, a password, and a document."""

    def __init__(self, lab: Lab, address: str, password: str, servers: list[dict[str, str]]) -> None:
        self.lab, self.folder = lab, lab.run("client", "mktemp", "-d").strip()
        known = {"address": address, "password": password, "folder": self.folder}
        out, inside = (
            next(server for server in servers if server["type"] == kind) | known for kind in ("smtp", "imap")
        )
        for file, template, server in (("msmtprc", MSMTP, out), ("mbsyncrc", MBSYNC, inside)):
            start = server["socketType"] == "SSL"
            text = template.format(
                **server,
                user=server["username"].replace("%EMAILADDRESS%", address),
                starttls="off" if start else "on",
                word="TLSType" if lab.release("client") != "12" else "SSLType",  # as isync called it until 1.5
                tls="IMAPS" if start else "STARTTLS",
            )
            self.shell(f'umask 077; printf %s "$1" >{file}', text)

    def shell(self, command: str, *arguments: str) -> str:
        return self.lab.run("client", "sh", "-ec", f"cd {self.folder}; {command}", "sh", *arguments)

    def send(self, recipient: str, subject: str) -> None:
        letter = f"To: {recipient}\nSubject: {subject}\n\nGood morning.\n"
        self.shell(f'printf %s "$1" | msmtp --file=msmtprc {recipient}', letter)

    def subjects(self) -> str:
        self.shell("mbsync --quiet --config mbsyncrc --all")
        return self.shell("grep -rh ^Subject: INBOX || true")


def of_mozilla(lab: Lab, address: str) -> list[dict[str, str]]:
    domain = address.partition("@")[2]
    text = lab.run("client", "curl", "-sSf", DOCUMENT.format(domain, address))
    servers = ET.fromstring(text).findall("emailProvider/*[@type]")  # noqa: S314 - our own document
    return [server.attrib | {field.tag: field.text or "" for field in server} for server in servers]


def of_microsoft(lab: Lab, address: str) -> list[dict[str, str]]:
    """Return the same of the other document, in which who has no name of their own is called by the address."""
    domain = address.partition("@")[2]
    request = f"<Autodiscover><Request><EMailAddress>{address}</EMailAddress></Request></Autodiscover>"
    url = f"https://autodiscover.{domain}/autodiscover/autodiscover.xml"
    text = lab.run("client", "curl", "-sSf", "-H", "Content-Type: text/xml", "--data", request, url)
    protocols = [
        {field.tag.partition("}")[2]: field.text or "" for field in found}
        for found in ET.fromstring(text).iterfind(".//{*}Protocol")  # noqa: S314 - our own document
    ]
    return [
        {
            "type": found["Type"].lower(),
            "hostname": found["Server"],
            "port": found["Port"],
            "socketType": "SSL" if found["SSL"] == "on" else "STARTTLS",
            "username": found.get("LoginName", "%EMAILADDRESS%"),
        }
        for found in protocols
    ]


@pytest.mark.parametrize("document", [of_mozilla, of_microsoft])
@pytest.mark.parametrize("best", [True, False], ids=["tls", "starttls"])
def test_a_mail_program_needs_an_address_and_a_password(lab: Lab, document, best: bool) -> None:
    address, subject = "user2@st.um", f"A program, set up by itself: {document.__name__} {best}"
    servers = document(lab, address)
    wanted = [server for server in servers if (server["socketType"] == "SSL") == best]
    password = (lab.secrets() / "password-user2").read_text().strip()
    program = Program(lab, address, password, wanted)
    # What other tests have left is none of its business.
    lab.run("primary", "doveadm", "expunge", "-u", "user2", "mailbox", "INBOX", "all")
    try:
        program.send(address, subject)
        wait_until(lambda: subject in program.subjects())
    finally:
        program.shell("rm -r $PWD")
        lab.run("primary", "doveadm", "expunge", "-u", "user2", "mailbox", "INBOX", "subject", subject)


def test_somebody_elses_mail_server_knows_ours_by_the_dns(lab: Lab) -> None:
    seen = lab.run("internet", "posttls-finger", "-c", "-l", "dane-only", "-L", "summary,verbose", "st.um")
    assert "Matched DANE TA certificate" in seen
    assert "Verified TLS connection established to mail.st.um" in seen


def policy(lab: Lab) -> tuple[str, str]:
    name = lab.dig("+short", "_mta-sts.st.um", "TXT")
    return name[0] if name else "", lab.run(
        "client", "curl", "-s", "-w", "%{http_code}", "https://mta-sts.st.um/.well-known/mta-sts.txt", check=False
    )


@pytest.mark.slow
def test_a_policy_is_announced_anew_when_it_is_another_one(lab: Lab) -> None:
    def become(mode: str) -> tuple[str, str]:
        for playbook in ("mail_published.yml", "dns.yml", "web.yml"):
            lab.playbook(f"playbooks/{playbook}", "-l", "primary", settings={"site_mta_sts": mode})
        lab.forget()
        return policy(lab)

    began = policy(lab)
    assert "mode: testing" in began[1]
    try:
        name, text = become("enforce")
        assert name != began[0]
        assert "mode: enforce" in text
        assert become("")[0] == ""
        assert lab.run("primary", "ls", "/var/lib/server-for-dummies/mail/well-known") == ""
    finally:
        assert become("testing") == began


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"site_mta_sts": "strict"}, "site_mta_sts"),
        ({"site_mta_sts_max_age": 99999999}, "Edit site_mta_sts_max_age: 99999999 is not valid as 0..31557600"),
        ({"site_tls_reports": "nobody at all"}, "Edit site_tls_reports: 'nobody at all' is not valid"),
    ],
)
def test_what_others_would_not_understand_is_refused(lab: Lab, settings: dict[str, object], words: str) -> None:
    assert words in lab.playbook("playbooks/prepare.yml", "-l", "primary", settings=settings, fails=True)
