"""Letters go out as safely as the other side offers it, and wait if it is not who it should be (DANE, MTA-STS)."""

import re
from collections.abc import Callable, Iterator

import pytest

from lab import Lab, wait_until
from letters import FOREIGN, bring, foreign, handed_in, letter, queued, read

pytestmark = pytest.mark.only_swapped
WORLD = "/root/world"
ZONE = "/var/lib/bind/example.org.zone"
TRUST = "/usr/local/share/ca-certificates/world.crt"
LOG = "/var/log/exim4/mainlog"
Logged = Callable[[str, str], list[str]]
# Somebody's authority, and a certificate of it for mail servers and for what serves their policies.
CERTIFY = f"""
mkdir -p {WORLD} && cd {WORLD}
make="openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
$make -x509 -days 2 -subj /CN=world -addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.pem
$make -subj /CN=mx -keyout mx.key -out mx.csr
printf 'subjectAltName=DNS:relay.example.org' >names
for name in mx.sts mx.two mta-sts.sts mta-sts.two mta-sts.other mta-sts.name mta-sts.trial; do
    printf ',DNS:%s.example.org' $name >>names
done
openssl x509 -req -in mx.csr -CA ca.pem -CAkey ca.key -days 2 -extfile names -out mx.pem
openssl x509 -in mx.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64
"""
# Domains of one mail server's: what they say of it is true, or is not.
RECORDS = """
sts.example.org. 60 IN MX 10 mx.sts.example.org.
_mta-sts.sts.example.org. 60 IN TXT "v=STSv1; id=1;"
two.example.org. 60 IN MX 10 mx.example.org.
two.example.org. 60 IN MX 20 mx.two.example.org.
_mta-sts.two.example.org. 60 IN TXT "v=STSv1; id=1;"
trial.example.org. 60 IN MX 10 mx.example.org.
_mta-sts.trial.example.org. 60 IN TXT "v=STSv1; id=1;"
other.example.org. 60 IN MX 10 mx.example.org.
_mta-sts.other.example.org. 60 IN TXT "v=STSv1; id=1;"
name.example.org. 60 IN MX 10 mx.name.example.org.
_mta-sts.name.example.org. 60 IN TXT "v=STSv1; id=1;"
dane.example.org. 60 IN MX 10 mx.dane.example.org.
_25._tcp.mx.dane.example.org. 60 IN TLSA 3 1 1 {digest}
wrong.example.org. 60 IN MX 10 mx.wrong.example.org.
_25._tcp.mx.wrong.example.org. 60 IN TLSA 3 1 1 {zeros}
six.example.org. 60 IN MX 10 mx.six.example.org.
mx.six.example.org. 60 IN AAAA {ipv6}
relay.example.org. 60 IN CNAME smart.example.org.
"""
HOSTS = [f"{host}.{domain}" for host in ("mx", "mta-sts") for domain in ("sts", "two", "trial", "other", "name")]
HOSTS += ["mx.dane", "mx.wrong", "smart", "stranger"]
POLICY = """
import http.server, ssl
class Policy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        domain = self.headers["Host"].split(".", 1)[1]
        server = "mx.elsewhere.example.org" if domain.startswith("other") else f"*.{domain}"
        mode = "testing" if domain.startswith("trial") else "enforce"
        text = f"version: STSv1\\r\\nmode: {mode}\\r\\nmx: {server}\\r\\nmax_age: 86400\\r\\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
server = http.server.ThreadingHTTPServer(("", 443), Policy)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/root/world/mx.pem", "/root/world/mx.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
# A server that brings letters to others for those who log in; it notes what it is told.
SMART = r"""
import base64, socketserver, ssl
class Session(socketserver.BaseRequestHandler):
    def handle(self):
        connection, offers = self.request, "STARTTLS"
        stream = connection.makefile("rwb", 0)
        stream.write(b"220 smart.example.org ESMTP\r\n")
        with open("/root/world/smart", "ab", 0) as notes:
            while line := stream.readline():
                verb, answer = line.split()[0].upper(), "250 fine"
                if verb == b"EHLO":
                    answer = f"250-smart.example.org\r\n250 {offers}"
                elif verb == b"STARTTLS":
                    stream.write(b"220 go ahead\r\n")
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain("/root/world/mx.pem", "/root/world/mx.key")
                    connection, offers = context.wrap_socket(connection, server_side=True), "AUTH PLAIN"
                    stream = connection.makefile("rwb", 0)
                    continue
                elif verb == b"AUTH":
                    known = base64.b64decode(line.split()[2]) == b"\0me\0a^secret: word"
                    answer = "235 welcome" if known else "535 no"
                elif verb == b"DATA":
                    stream.write(b"354 tell me\r\n")
                    while (text := stream.readline()) != b".\r\n":
                        notes.write(text)
                notes.write(line if verb != b"AUTH" else answer.encode())
                stream.write(answer.encode() + b"\r\n")
                if verb == b"QUIT":
                    break
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("", 587), Session).serve_forever()
"""
DOMAINS = ["sts", "two", "trial", "other", "name", "dane", "wrong", "six"]
# What takes the place of the service that knows the policies, and says nothing.
MUTE = """
import socket
server = socket.create_server(("127.0.0.1", 8461))
while True:
    server.accept()[0].close()
"""


def shell(lab: Lab, host: str, command: str) -> str:
    return lab.run(host, "sh", "-ec", command)


def reload_zone(lab: Lab, change: str) -> None:
    """Change somebody's zone, with the next serial; wait until everybody knows."""
    before = lab.dig("+short", "example.org", "SOA", host="internet")[0].split()[2]
    shell(lab, "internet", f"{change}\nsed -i -E 's/( IN SOA [^ ]+ [^ ]+) [0-9]+/\\1 {int(before) + 1000}/' {ZONE}")
    shell(lab, "internet", "rndc reload example.org IN world >/dev/null")
    wait_until(lambda: lab.dig("+short", "example.org", "SOA", host="internet")[0].split()[2] != before)
    lab.forget()


@pytest.fixture(scope="module", autouse=True)
def world(lab: Lab) -> Iterator[None]:
    """Make the rest of the world offer all that."""
    digest = shell(lab, "internet", CERTIFY).split()[-1]
    ipv4, ipv6 = lab.dig("+short", "mx.example.org", "A"), lab.dig("+short", "mx.example.org", "AAAA")
    records = RECORDS.format(digest=digest, zeros="0" * 64, ipv6=ipv6[0])
    records += "".join(f"{name}.example.org. 60 IN A {ipv4[0]}\n" for name in HOSTS)
    shell(lab, "internet", f"cp -a /etc/postfix/main.cf {ZONE} {WORLD}/")
    try:
        reload_zone(lab, f"cat >>{ZONE} <<'END'\n{records}END\n")
        domains = ", ".join(["example.org", *(f"{domain}.example.org" for domain in DOMAINS)])
        shell(
            lab,
            "internet",
            f"postconf -e 'virtual_mailbox_domains = {domains}' virtual_mailbox_maps=static:user@example.org/ "
            f"smtpd_tls_cert_file={WORLD}/mx.pem smtpd_tls_key_file={WORLD}/mx.key && postfix reload",
        )
        lab.run("internet", "systemd-run", "--quiet", "--unit=world-policy", "python3", "-c", POLICY)
        lab.copy("internet", f"{WORLD}/ca.pem", "primary", TRUST)
        shell(lab, "primary", "update-ca-certificates >/dev/null; systemctl restart postfix-mta-sts-resolver")
        yield
    finally:
        shell(lab, "primary", f"rm -f {TRUST}; update-ca-certificates >/dev/null; rm -f /var/lib/mta-sts/cache.db*")
        shell(lab, "primary", "systemctl restart postfix-mta-sts-resolver")
        shell(lab, "internet", "systemctl stop world-policy world-smart || true")
        shell(lab, "internet", f"cat {WORLD}/main.cf >/etc/postfix/main.cf; postfix reload")
        reload_zone(lab, f"cat {WORLD}/example.org.zone >{ZONE}")
        lab.run("internet", "rm", "-r", WORLD)


@pytest.fixture(autouse=True)
def no_old_letters(lab: Lab) -> Iterator[None]:
    yield
    lab.run("internet", "rm", "-rf", FOREIGN)
    shell(lab, "primary", "exim4 -bp | awk '/</ {print $3}' | xargs -r exim4 -Mrm >/dev/null")
    # What Exim remembers of hosts that did not answer well
    shell(lab, "primary", "rm -f /var/spool/exim4/db/retry* /var/spool/exim4/db/wait-*")


@pytest.fixture
def logged(lab: Lab) -> Logged:
    """Return what waits for lines in Exim's log about somebody, as they come from now on."""
    known = int(lab.run("primary", "stat", "-c", "%s", LOG))

    def wait(text: str, line: str) -> list[str]:
        def found() -> list[str]:
            lines = lab.run("primary", "tail", "-c", f"+{known + 1}", LOG).splitlines()
            return [entry for entry in lines if text in entry and re.search(line, entry)]

        wait_until(found)
        return found()

    return wait


@pytest.mark.parametrize(
    ("domain", "how"),
    [
        pytest.param("dane", " CV=dane ", id="the DNS knows its key"),
        pytest.param("sts", " T=site_mta_sts .* CV=yes ", id="its policy names it"),
        pytest.param("two", r" T=site_mta_sts H=mx\.two\..* CV=yes ", id="its policy names this one of two"),
        pytest.param("trial", " T=remote_smtp ", id="its policy is on trial"),
        pytest.param("six", r" H=mx\.six\.example\.org \[fd53:.* X=TLS", id="it has no address but for IPv6"),
        pytest.param("", r" T=remote_smtp .* X=TLS1\.3.* CV=no ", id="nothing is known of it"),
    ],
)
def test_a_letter_goes_to_a_server_that_is_who_it_should_be(lab: Lab, logged: Logged, domain: str, how: str) -> None:
    recipient = f"user@{domain}.example.org" if domain else "user@example.org"
    foreign(lab, handed_in(lab, recipient))
    assert re.search(how, logged(f"=> {recipient}", "=>")[-1])


@pytest.mark.parametrize(
    ("domain", "why"),
    [
        pytest.param("wrong", "DANE error|TLS|certificate", id="the DNS knows another key"),
        pytest.param("broken", "host lookup did not complete", id="the DNS lies"),
        pytest.param("other", "none of its mail servers is named", id="its policy names another one"),
        pytest.param("name", "certificate", id="its certificate is for another one"),
    ],
)
def test_a_letter_waits_rather_than_go_to_somebody_else(lab: Lab, logged: Logged, domain: str, why: str) -> None:
    word = handed_in(lab, f"user@{domain}.example.org")
    logged(f"{domain}.example.org", "== .* defer")
    assert re.search(why, "\n".join(logged(f"{domain}.example.org", ".")))
    assert f"user@{domain}.example.org" in queued(lab)
    assert lab.run("internet", "grep", "-rlsF", word, FOREIGN, check=False) == ""


def test_a_server_that_a_policy_does_not_name_gets_letters_of_others(lab: Lab, logged: Logged) -> None:
    handed_in(lab, "user@other.example.org")
    logged("other.example.org", "== .* defer")
    foreign(lab, handed_in(lab, "user@example.org"))


@pytest.mark.parametrize("mute", [pytest.param(False, id="is down"), pytest.param(True, id="says nothing")])
def test_letters_go_nowhere_while_the_service_that_knows_policies(lab: Lab, logged: Logged, mute: bool) -> None:
    lab.run("primary", "systemctl", "stop", "postfix-mta-sts-resolver")
    try:
        if mute:
            lab.run("primary", "systemd-run", "--quiet", "--unit=mute", "python3", "-c", MUTE)
            wait_until(lambda: ":8461 " in lab.run("primary", "ss", "-ltn"))
        word = handed_in(lab, "user@sts.example.org")
        logged("user@sts.example.org", r"== .*whether sts\.example\.org has a policy \(MTA-STS\) cannot be told now")
        assert bring(lab, [("user@example.org", letter("user@example.org", "comes-in"))]) == ["250"]
    finally:
        shell(lab, "primary", "systemctl stop mute || true; systemctl start postfix-mta-sts-resolver")
    lab.run("primary", "exim4", "-qff")
    foreign(lab, word)


def test_a_server_without_tls_gets_its_letters(lab: Lab, logged: Logged) -> None:
    shell(lab, "internet", "postconf -e smtpd_tls_security_level=none && postfix reload")
    try:
        foreign(lab, handed_in(lab, "user@example.org"))
        assert "X=TLS" not in logged("=> user@example.org", "=>")[-1]
    finally:
        shell(lab, "internet", "postconf -e smtpd_tls_security_level=may && postfix reload")


def test_a_smarthost_gets_all_letters_and_has_to_be_the_right_one(lab: Lab, logged: Logged) -> None:
    def become(host: str) -> str:
        smarthost = {"host": host, "user": "me"}
        settings = {"exim4_smarthost": smarthost, "exim4_smarthost_password": "a^secret: word"}
        return lab.playbook("playbooks/mail.yml", "-l", "primary", "-vvv", "--diff", settings=settings)

    lab.run("internet", "systemd-run", "--quiet", "--unit=world-smart", "python3", "-c", SMART)
    lab.run("primary", "cp", "-a", "/etc/exim4/passwd.client", "/root/")
    try:
        output = become("relay.example.org")
        assert "passwd.client" in output
        assert "secret: word" not in output
        word = handed_in(lab, "user@example.org")
        assert " CV=yes " in logged("=> user@example.org R=site_smarthost", " A=plain ")[-1]
        notes = lab.run("internet", "cat", f"{WORLD}/smart")
        assert "235 welcome" in notes
        assert "DKIM-Signature: " in notes
        assert word in notes
        read(lab, "user2", handed_in(lab, "user2@st.um"))
        become("stranger.example.org")
        handed_in(lab, "user@example.org")
        assert "certificate" in logged("== user@example.org R=site_smarthost", "defer")[-1]
    finally:
        lab.playbook("playbooks/mail.yml", "-l", "primary")
        lab.run("primary", "mv", "/root/passwd.client", "/etc/exim4/")
