"""How a client of a probe speaks TLS when it is not to believe, or to want, what programs do; and what it then sees."""

import datetime
import ssl
import warnings
from functools import cache
from typing import Any

from transcript import ANSWERED, NOTED, fact, note


class Noted(ssl.SSLSocket):
    """A connection whose certificate is noted, whether it is believed or not."""

    def do_handshake(self, block: bool = False) -> None:
        """Note the certificate, or why there is no connection."""
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            note(NOTED, f"TLS: {error}")
            raise
        der, (version, cipher) = self.getpeercert(binary_form=True), (self.version(), (self.cipher() or "?")[0])
        note(ANSWERED, lambda: f"{version}, {cipher}{f', {told(der)}' if der else ''}")
        if der:
            address, port, *_ = self.getpeername()
            fact("certificate", lambda: read(der), address=address, port=port, server_name=self.server_hostname or "")


# All connections of this program, also those that libraries make
ssl.SSLContext.sslsocket_class = Noted


@cache
def read(der: bytes) -> dict[str, Any]:
    """Return what a certificate says, with ISO 8601 for times."""
    from cryptography import x509  # slow to load

    return of_certificate(x509.load_der_x509_certificate(der))


def of_certificate(certificate: Any) -> dict[str, Any]:
    """Return the like of one that is loaded."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(name.value) for name in found]
    except x509.ExtensionNotFound:
        names = []
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "names": names,
        "number": f"{certificate.serial_number:x}",
        "until": iso(moment(certificate, "not_valid_after")),
    }


def moment(thing: Any, name: str) -> datetime.datetime:
    """Return one of the times of a certificate or a list, whichever release of cryptography there is."""
    if hasattr(thing, f"{name}_utc"):
        return getattr(thing, f"{name}_utc")
    return getattr(thing, name).replace(tzinfo=datetime.UTC)


def iso(time: datetime.datetime) -> str:
    """Return a time as text (ISO 8601)."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def told(der: bytes) -> str:
    """Return a certificate's outlines."""
    seen = read(der)
    return f"certificate of {seen['subject']} by {seen['issuer']}, until {seen['until']}"


def unverified() -> ssl.SSLContext:
    """Return the settings of a client that believes anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def of_version(version: ssl.TLSVersion) -> ssl.SSLContext:
    """Return the settings of a client that speaks one version alone, however old it is."""
    context = unverified()
    context.set_ciphers("ALL:@SECLEVEL=0")  # otherwise the client itself would refuse it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context
