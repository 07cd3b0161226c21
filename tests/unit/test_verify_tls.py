"""The probes of DNS over TLS, against a server whose certificate, answers and versions of TLS are chosen here."""

import contextlib
import datetime
import importlib
import ipaddress
import socketserver
import ssl
import threading
import warnings

import dns.flags
import dns.message
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from frame import ProbeError

dns_base, dns_tls = importlib.import_module("probes.dns_base"), importlib.import_module("probes.dns_tls")
NAMES = ["ns1.st.um", "st.um"]
RIGHT = "www.st.um. 60 IN A 192.0.2.1"
NETWORK = {
    "servers": [{"name": "primary", "addresses": ["127.0.0.1"], "names": ["ns1", "@"]}],
    "zones": [{"name": "st.um", "text": RIGHT}],
    "domain": "st.um",
    "alias": "www.st.um",
}


def certificate(folder, names, days=1):
    """Make a certificate of its own authority, and return the file of both and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([*map(x509.DNSName, names), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    pkcs8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*pkcs8))
    return file


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError), self.server.context.wrap_socket(self.request, server_side=True) as stream:
            while length := stream.recv(2):
                query = dns.message.from_wire(stream.recv(int.from_bytes(length)))
                answer = dns.message.make_response(query)
                answer.flags |= dns.flags.AA
                answer.answer = [dns.rrset.from_text(*self.server.record.split(" ", 4))]
                wire = answer.to_wire()
                stream.sendall(len(wire).to_bytes(2) + wire)


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start a server, and return the probes' ways to it."""
    with contextlib.ExitStack() as stack:

        def start(names=tuple(NAMES), days=1, record=RIGHT, oldest=ssl.TLSVersion.TLSv1_2, is_trusted=True):
            file = certificate(tmp_path, names, days)
            monkeypatch.setenv("SSL_CERT_FILE", str(file) if is_trusted else "/dev/null")
            server = stack.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler))
            server.daemon_threads = True
            server.context, server.record = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), record
            server.context.load_cert_chain(file)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                server.context.minimum_version = oldest
            if oldest < ssl.TLSVersion.TLSv1_2:
                server.context.set_ciphers("ALL:@SECLEVEL=0")
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(server.shutdown)
            port = server.server_address[1]
            network = dns_base.Network(NETWORK | {"tls": {"port": port, "https_port": port}})
            return {name: journey for name, journey in dns_tls.probes(network) if "HTTPS" not in name}

        yield start


ANSWER, OWN, OLD = (
    f"primary ipv4 TLS: {what}" for what in ("www.st.um", "certificate for its own names alone", "TLS 1.1 refused")
)


def test_a_right_server_passes(serve):
    seen = {name: journey() for name, journey in serve().items()}
    assert seen[ANSWER] == "as ns1.st.um, st.um"
    assert seen[OWN].startswith("TLSv1.3, until ")
    assert set(seen) == {ANSWER, OWN, OLD}


@pytest.mark.parametrize(
    ("fault", "probe", "words"),
    [
        ({"record": "www.st.um. 60 IN A 192.0.2.2"}, ANSWER, "unexpected www.st.um. 60 A 192.0.2.2"),
        ({"names": ["ns1.st.um"]}, ANSWER, "not valid for 'st.um'"),
        ({"names": ["ns1.st.um"]}, OWN, "not valid for 'st.um'"),
        ({"names": [*NAMES, dns_tls.STRANGER]}, OWN, "is content with the certificate"),
        ({"days": -1}, OWN, "certificate has expired"),
        ({"is_trusted": False}, OWN, "self-signed certificate"),
        ({"is_trusted": False}, ANSWER, "self-signed certificate"),
        ({"oldest": ssl.TLSVersion.TLSv1_1}, OLD, "speaks TLS 1.1"),
    ],
)
def test_a_fault_fails_its_probe(serve, fault, probe, words):
    with pytest.raises(ProbeError, match=words):
        serve(**fault)[probe]()
