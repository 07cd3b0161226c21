"""The name servers over TLS (RFC 7858) and over HTTPS (RFC 8484), as a client that trusts what its host trusts."""

import ssl
from collections.abc import Callable
from functools import partial

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
from dns.rdatatype import RdataType
from frame import ProbeError, demand
from transcript import dial

from probes.dns_base import TCP_TIMEOUT, Endpoint, Network, Pairs, expect, make_query, plain, records_in, same
from probes.tls import of_version

TYPE = "application/dns-message"
STRANGER = "does-not-exist.invalid"
TOO_OLD = ssl.TLSVersion.TLSv1_1
Ask = Callable[[dns.message.Message, str], dns.message.Message]


def probes(network: Network) -> Pairs:
    """Yield the probes of each address of each server."""
    for server in network.servers:
        names = [plain(dns.name.from_text(name, network.domain)) for name in server["names"]]
        for to in network.endpoints(tcp=True):
            if to.address not in server["addresses"]:
                continue
            where = str(to).removesuffix(" tcp")
            tls = Endpoint(f"{where} TLS", to.address, network.tls["port"], tcp=True)
            yield f"{tls}: {plain(network.alias)}", partial(answers, network, names, partial(over_tls, tls))
            https = Endpoint(f"{where} HTTPS", to.address, network.tls["https_port"], tcp=True)
            yield f"{https}: {plain(network.alias)}", partial(answers, network, names, partial(over_https, https))
            for each in (tls, https):
                yield f"{each}: certificate for its own names alone", partial(own_names_alone, each, names)
                yield f"{each}: TLS 1.1 refused", partial(old_version_refused, each)


def over_tls(to: Endpoint, query: dns.message.Message, name: str) -> dns.message.Message:
    """Ask over TLS a server that goes by a name."""
    context = ssl.create_default_context()
    options = {"ssl_context": context, "server_hostname": name}
    return to.exchange("TLS", query, lambda: dns.query.tls(query, to.address, TCP_TIMEOUT, to.port, **options))


def over_https(to: Endpoint, query: dns.message.Message, name: str) -> dns.message.Message:
    """Ask over HTTPS a server that goes by a name; older releases of dnspython cannot be told its address."""
    return to.exchange("HTTPS", query, partial(_posted, to, query, name))


def _posted(to: Endpoint, query: dns.message.Message, name: str) -> dns.message.Message:
    import httpx  # slow to load, and used here only

    address = f"[{to.address}]" if ":" in to.address else to.address
    try:
        with httpx.Client(http2=True, verify=ssl.create_default_context(), timeout=TCP_TIMEOUT) as client:
            reply = client.post(
                f"https://{address}:{to.port}/dns-query",
                content=query.to_wire(),
                headers={"Host": name, "Content-Type": TYPE, "Accept": TYPE},
                extensions={"sni_hostname": name},
            )
    except httpx.HTTPError as error:
        raise OSError(str(error)) from error
    demand(reply.status_code == 200, f"HTTP status {reply.status_code}")
    answer = dns.message.from_wire(reply.content)
    demand(query.is_response(answer), "an answer to another question")
    return answer


def answers(network: Network, names: list[str], ask: Ask) -> str:
    """Ask by each of the server's names, and compare the answer with the configuration."""
    wanted = network.answer(network.alias, RdataType.A)
    for name in names:
        answer = ask(make_query(network.alias, RdataType.A), name)
        expect(answer, dns.rcode.NOERROR, "AA", name)
        same(records_in(answer.answer), wanted, name)
    return f"as {', '.join(names)}"


def shake(to: Endpoint, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    """Connect, and return the connection."""
    plainly = dial(to.address, to.port, TCP_TIMEOUT)
    try:
        return context.wrap_socket(plainly, server_hostname=name)
    except OSError:
        plainly.close()
        raise


def own_names_alone(to: Endpoint, names: list[str]) -> str:
    """Demand a certificate of somebody whom the host trusts, for the server's names and for no other."""
    with to.reaching("TLS"):
        for name in names:
            with shake(to, ssl.create_default_context(), name) as connection:
                ends = (connection.getpeercert() or {})["notAfter"]
                version = connection.version()
        try:
            shake(to, ssl.create_default_context(), STRANGER).close()
        except ssl.SSLCertVerificationError as error:
            demand(error.verify_code == 62, str(error))  # X509_V_ERR_HOSTNAME_MISMATCH
            return f"{version}, until {ends}"
    raise ProbeError(f"a client that wants {STRANGER} is content with the certificate")


def old_version_refused(to: Endpoint) -> str:
    """Demand that the server refuses a version of TLS that nobody should use (RFC 8996)."""
    context = of_version(TOO_OLD)
    try:
        shake(to, context, STRANGER).close()
    except ssl.SSLError as error:
        return error.reason or str(error)
    except ConnectionResetError:
        return "connection reset"
    raise ProbeError(f"{to.address} port {to.port} speaks TLS 1.1")
