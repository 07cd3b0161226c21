"""The certificate authority, as those see it who check certificates: what is revoked, and whom to trust (RFC 5280)."""

import datetime
import ipaddress
import re
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from frame import demand
from transcript import command, fact

from probes.http_base import HTTPConnection
from probes.tls import iso, moment, of_certificate

TIMEOUT = 8.0
LEFT = datetime.timedelta(days=1)  # when a list ends sooner, nobody renews it
PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
Pairs = Iterator[tuple[str, partial[str]]]


def probes(settings: dict[str, Any]) -> Pairs:
    """Yield the probes of what everybody may fetch, then those of each certificate that a server shows."""
    for address in settings["addresses"]:
        where = f"ipv{ipaddress.ip_address(address).version}"
        for name in settings["authorities"]:
            yield f"{where}: list of {name}", partial(revoked, address, settings["url"], name)
    address = settings["addresses"][0]
    for name, path in settings.get("roots", {}).items():
        yield f"{name} for everybody", partial(root, address, settings["url"], name, path)
    for name in settings.get("names", []):
        yield f"{name}: not revoked, by the lists of its certificates", partial(not_revoked, address, name)


def fetch(address: str, url: str, kind: str) -> bytes:
    """Get a file from the server at an address."""
    asked = urlsplit(url)
    connection = HTTPConnection(address, asked.port or 80, timeout=TIMEOUT)
    try:
        connection.request("GET", asked.path, headers={"Host": asked.netloc})
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    demand(answer.status == 200, f"{url}: status {answer.status}")
    demand(answer.headers["Content-Type"] == kind, f"{url}: {answer.headers['Content-Type']}, not {kind}")
    return data


def revoked(address: str, url: str, name: str) -> str:
    """Demand a list of this authority's that is valid now, and for some time."""
    found = x509.load_der_x509_crl(fetch(address, f"{url}/{name}.crl", "application/pkix-crl"))
    issuer = x509.load_der_x509_certificate(fetch(address, f"{url}/{name}.crt", "application/x-x509-ca-cert"))
    demand(found.is_signature_valid(issuer.public_key()), f"it is not signed by {name}")
    now = datetime.datetime.now(datetime.UTC)
    begin, end = moment(found, "last_update"), moment(found, "next_update")
    demand(begin <= now, f"it begins at {begin}")
    demand(end > now + LEFT, f"it ends at {end}")
    fact("authority", **of_certificate(issuer), revoked=len(found), list_until=iso(end))
    return f"{len(found)} revoked, until {end:%Y-%m-%d %H:%M}"


def root(address: str, url: str, name: str, path: str) -> str:
    """Demand that the root that everybody can fetch is the one that this host trusts."""
    there = x509.load_der_x509_certificate(fetch(address, f"{url}/{name}.crt", "application/x-x509-ca-cert"))
    trusted = x509.load_pem_x509_certificate(Path(path).read_bytes())
    demand(there == trusted, f"{there.subject.rfc4514_string()} is not the one in {path}")
    return there.subject.rfc4514_string()


def names_a_list(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate says where the list is that it may be on."""
    try:
        certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    except x509.ExtensionNotFound:
        return False
    return True


def not_revoked(address: str, name: str) -> str:
    """Demand that openssl believes the certificate, and its authority's, by the lists that it fetches itself."""
    where = f"[{address}]:443" if ":" in address else f"{address}:443"
    shown = openssl(address, "s_client", "-connect", where, "-servername", name, "-showcerts")
    chain = [x509.load_pem_x509_certificate(text.encode()) for text in PEM.findall(shown)]
    demand(chain, f"no certificate: {shown}")
    demand(names_a_list(chain[0]), "the certificate does not say where the list of revoked ones is")
    with tempfile.TemporaryDirectory() as folder:
        whole, alone = Path(folder) / "chain.pem", Path(folder) / "one.pem"
        whole.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
        looked_up = list(filter(names_a_list, chain))
        for each in looked_up:
            alone.write_bytes(each.public_bytes(Encoding.PEM))
            said = openssl(address, "verify", "-crl_download", "-crl_check", "-untrusted", str(whole), str(alone))
            demand(said.endswith(": OK\n"), f"{each.subject.rfc4514_string()}: {said}")
    return ", ".join(each.subject.rfc4514_string().partition(",")[0] for each in looked_up)


def openssl(address: str, *arguments: str) -> str:
    """Run openssl, which asks a server; return what it says."""
    options = {"capture_output": False, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return command(["openssl", *arguments], address, 443, timeout=TIMEOUT, **options).stdout
