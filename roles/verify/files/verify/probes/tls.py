"""How a client of a probe speaks TLS when it is not to believe, or to want, what programs do."""

import ssl
import warnings


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
