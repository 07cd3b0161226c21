"""The web server's virtual hosts, as a browser sees them, and as a person with a terminal does (RFC 9110 to 9113)."""

import base64
import http.client
import ipaddress
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from frame import ProbeError, demand
from transcript import ANSWERED, ASKED, dial, note

from probes import dane, tls
from probes.http_base import HTTPConnection, HTTPSConnection

TIMEOUT = 8.0
STRANGER = "does-not-exist.invalid"
WEAK = "AES128-SHA:AES256-SHA:AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:DES-CBC3-SHA"
Pairs = Iterator[tuple[str, partial[str]]]


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: http.client.HTTPMessage
    text: str


def probes(settings: dict[str, Any]) -> Pairs:
    """Yield the probes of each virtual host, then those of the server as a whole."""
    addresses, inside, user = settings["addresses"], settings["role"] == "inside", settings.get("user") or {}
    certificate = settings.get("certificate") or {}
    for vhost in settings["vhosts"]:
        name = vhost["name"]
        shown = certificate if vhost.get("client_certificates") else {}
        for address in addresses:
            where = f"{name} ipv{ipaddress.ip_address(address).version}"
            if vhost.get("tls"):
                if shown or not vhost.get("client_certificates"):
                    yield f"{where}: its own page over HTTP/2", partial(over_http2, address, vhost, shown)
            elif vhost.get("networks") and not inside:
                yield f"{where}: refused from outside", partial(refused, address, vhost, user)
            elif user or not vhost.get("groups"):
                yield f"{where}: its own page", partial(page, address, vhost, user)
        address = addresses[0]
        if vhost.get("client_certificates"):
            yield f"{name}: refused without a certificate", partial(not_served, address, name, unverified())
            yield f"{name}: refused with anybody's certificate", partial(of_nobody, address, name)
            for other in others(settings["vhosts"]):
                yield f"{name}: refused by the door of {other}", partial(misdirected, address, name, other)
        elif vhost.get("groups"):
            yield f"{name}: asks for a password", partial(asks, address, name)
            if user:
                yield f"{name}: a wrong password refused", partial(wrong_password, address, name, user)
        if vhost.get("tls"):
            if vhost.get("redirect", True):
                yield f"{name}: redirect to HTTPS", partial(redirected, address, name)
            for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
                yield f"{name}: {version.name} refused", partial(old_version_refused, address, name, version)
            yield f"{name}: weak ciphers refused", partial(weak_refused, address, name)
            if inside:
                yield f"{name}: certificate for its own names alone", partial(its_own, address, name)
            if inside and not vhost.get("acme") and (shown or not vhost.get("client_certificates")):
                yield f"{name}: believed by its TLSA record", partial(by_dane, address, name, shown)
    for address in addresses:
        where = f"ipv{ipaddress.ip_address(address).version}"
        yield f"{where}: an unknown name gets 404", partial(unknown, address, 80)
        yield f"{where}: an unknown name gets 404 over TLS", partial(unknown, address, 443)
    plain = [vhost["name"] for vhost in settings["vhosts"] if not {"tls", "groups", "networks"} & vhost.keys()]
    for name in plain[:1]:
        yield from of_http(addresses[0], name)


def of_http(address: str, name: str) -> Pairs:
    """Yield what a server does that knows HTTP."""
    yield f"{name}: HTTP/1.0", partial(http_1_0, address, name)
    yield f"{name}: HTTP/1.1 without Host refused", partial(without_host, address)
    yield f"{name}: connection kept", partial(kept, address, name)
    yield f"{name}: HEAD", partial(head, address, name)
    yield f"{name}: 304 for what is known", partial(not_modified, address, name)
    yield f"{name}: a range", partial(part, address, name)
    yield f"{name}: 404 for what is not there", partial(missing, address, name)
    yield f"{name}: TRACE refused", partial(trace, address, name)
    yield f"{name}: nothing told of the server's make", partial(discreet, address, name)


def others(vhosts: list[dict[str, Any]]) -> list[str]:
    """Return the name of a virtual host that is served over TLS to who has no certificate."""
    return [vhost["name"] for vhost in vhosts if vhost.get("tls") and not vhost.get("client_certificates")][:1]


def unverified(certificate: dict[str, str] | None = None) -> ssl.SSLContext:
    """Return the settings of a client that believes anybody, and may have a certificate itself."""
    context = tls.unverified()
    if certificate:
        context.load_cert_chain(certificate["file"], certificate["key"])
    return context


def ask(
    address: str,
    name: str,
    path: str = "/",
    method: str = "GET",
    headers: dict[str, str] | None = None,
    port: int = 80,
    connection: HTTPConnection | HTTPSConnection | None = None,
) -> Answer:
    """Make one request to an address, for a name."""
    own = connection or connect(address, port)
    try:
        own.request(method, path, headers={"Host": name, **(headers or {})})
        response = own.getresponse()
        return Answer(response.status, response.headers, response.read().decode(errors="replace"))
    finally:
        if not connection:
            own.close()


def connect(address: str, port: int = 80) -> HTTPConnection | HTTPSConnection:
    """Return a connection that is made with the first request."""
    if port == 443:
        return HTTPSConnection(address, port, timeout=TIMEOUT, context=unverified())
    return HTTPConnection(address, port, timeout=TIMEOUT)


def credentials(user: str, password: str) -> dict[str, str]:
    """Return the header with a user's password (RFC 7617)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def status(answer: Answer, wanted: int) -> None:
    """Demand a status."""
    demand(answer.status == wanted, f"status {answer.status}, not {wanted}")


def page(address: str, vhost: dict[str, Any], user: dict[str, str]) -> str:
    """Get a page, with a password where one is asked for, and look whether it is this virtual host's."""
    headers = credentials(user["name"], user["password"]) if vhost.get("groups") else {}
    answer = ask(address, vhost["name"], headers=headers)
    status(answer, 200)
    demand(f"<dd>{vhost['name']}</dd>" in answer.text, "the page is another virtual host's")
    if vhost.get("groups"):
        demand(f"<dd>{user['name']}</dd>" in answer.text, f"the page does not know {user['name']}")
    return title(answer.text)


def title(text: str) -> str:
    """Return a page's title."""
    return text.partition("<title>")[2].partition("</title>")[0]


def refused(address: str, vhost: dict[str, Any], user: dict[str, str]) -> str:
    """Demand that the right password is not enough from outside."""
    headers = credentials(user["name"], user["password"]) if user else {}
    answer = ask(address, vhost["name"], headers=headers)
    status(answer, 403)
    return "403"


def asks(address: str, name: str) -> str:
    """Demand that a password is asked for; who is outside is told at once that none would help."""
    answer = ask(address, name)
    demand(answer.status in (401, 403), f"status {answer.status}, not 401")
    if answer.status == 401:
        demand(str(answer.headers["WWW-Authenticate"]).startswith("Basic realm="), "no challenge")
    return f"{answer.status} {answer.headers['WWW-Authenticate'] or ''}"


def wrong_password(address: str, name: str, user: dict[str, str]) -> str:
    """Demand that a wrong password does not help."""
    answer = ask(address, name, headers=credentials(user["name"], user["password"] + "x"))
    demand(answer.status in (401, 403), f"status {answer.status}, not 401")
    return str(answer.status)


def over_http2(address: str, vhost: dict[str, Any], certificate: dict[str, str]) -> str:
    """Get a page over HTTP/2, which the server chooses by ALPN (RFC 7301), and show a certificate if there is one."""
    import h2.connection  # used here only
    import h2.events

    name = vhost["name"]
    context = unverified(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        dial(address, 443, TIMEOUT) as plainly,
        context.wrap_socket(plainly, server_hostname=name) as connection,
    ):
        demand(connection.selected_alpn_protocol() == "h2", f"ALPN: {connection.selected_alpn_protocol()}")
        version, text, headers = connection.version(), b"", {}
        client = h2.connection.H2Connection()
        client.initiate_connection()
        wanted = [(":method", "GET"), (":authority", name), (":scheme", "https"), (":path", "/")]
        note(ASKED, lambda: lines_of(wanted))
        client.send_headers(1, wanted, end_stream=True)
        connection.sendall(client.data_to_send())
        ended = False
        while not ended:
            data = connection.recv(65536)
            demand(data, "the server ends the connection")
            for event in client.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    headers = {decoded(key): decoded(value) for key, value in event.headers}
                elif isinstance(event, h2.events.DataReceived):
                    text += event.data
                elif isinstance(event, h2.events.StreamEnded):
                    ended = True
            connection.sendall(client.data_to_send())
    note(ANSWERED, lambda: lines_of(headers.items()))
    note(ANSWERED, text)
    demand(headers.get(":status") == "200", f"status {headers.get(':status')}")
    seconds = headers.get("strict-transport-security", "").removeprefix("max-age=")
    demand(seconds.isdigit() and int(seconds) >= 31536000, f"Strict-Transport-Security: {seconds or 'none'}")
    shown = text.decode(errors="replace")
    for words in (name, "HTTP/2.0", certificate.get("user", name)):
        demand(f"<dd>{words}</dd>" in shown, f"the page does not say {words}")
    demand(f"<dd>{version}, " in shown, f"the page does not say {version}")
    return f"{title(shown)}, {version}"


def lines_of(headers: Iterable[tuple[str, str]]) -> str:
    """Return headers as people write them."""
    return "\n".join(f"{key}: {value}" for key, value in headers)


def decoded(text: str | bytes) -> str:
    """Return a header's name or value as text, whichever h2's release gives."""
    return text if isinstance(text, str) else text.decode()


def redirected(address: str, name: str) -> str:
    """Demand that HTTP leads to HTTPS, at the same path."""
    answer = ask(address, name, "/a?b=c")
    status(answer, 301)
    demand(answer.headers["Location"] == f"https://{name}/a?b=c", f"to {answer.headers['Location']}")
    return str(answer.headers["Location"])


def shake(address: str, name: str, context: ssl.SSLContext) -> dict[str, Any]:
    """Begin to speak TLS; return the certificate, if it is verified."""
    with (
        dial(address, 443, TIMEOUT) as plainly,
        context.wrap_socket(plainly, server_hostname=name) as connection,
    ):
        return {**(connection.getpeercert() or {}), "version": connection.version()}


def not_shaken(address: str, name: str, context: ssl.SSLContext, what: str) -> str:
    """Demand that the server refuses these settings."""
    try:
        shake(address, name, context)
    except ssl.SSLError as error:
        return error.reason or str(error)
    except ConnectionResetError:
        return "connection reset"
    raise ProbeError(f"the server takes {what}")


def old_version_refused(address: str, name: str, version: ssl.TLSVersion) -> str:
    """Demand that the server refuses a version of TLS that nobody should use (RFC 8996)."""
    context = tls.of_version(version)
    return not_shaken(address, name, context, version.name)


def weak_refused(address: str, name: str) -> str:
    """Demand that the server refuses ciphers without forward secrecy, or without authenticated encryption."""
    context = unverified()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{WEAK}:@SECLEVEL=0")
    return not_shaken(address, name, context, WEAK)


def not_served(address: str, name: str, context: ssl.SSLContext) -> str:
    """Demand that who has no certificate, or the wrong one, gets no answer; TLS 1.3 tells so after the handshake."""
    try:
        with (
            dial(address, 443, TIMEOUT) as plainly,
            context.wrap_socket(plainly, server_hostname=name) as connection,
        ):
            line = first_line(connection, name)
    except ssl.SSLError as error:
        note(ANSWERED, str(error))
        return error.reason or str(error)
    except (ConnectionResetError, BrokenPipeError):
        return "connection reset"
    raise ProbeError(f"the server answers: {line}")


def first_line(connection: socket.socket, name: str) -> str:
    """Ask for the first page; return the first line of the answer."""
    request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
    note(ASKED, request)
    connection.sendall(request.encode())
    data = connection.recv(65536)
    note(ANSWERED, data)
    return data.partition(b"\r\n")[0].decode(errors="replace")


def of_nobody(address: str, name: str) -> str:
    """Demand that a certificate counts for nothing that somebody has made who is no authority."""
    with tempfile.TemporaryDirectory() as folder:
        made = {"file": f"{folder}/certificate", "key": f"{folder}/key"}
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        argv += ["-subj", "/CN=user1", "-keyout", made["key"], "-out", made["file"]]
        subprocess.run(argv, capture_output=True, check=True, timeout=TIMEOUT)
        return not_served(address, name, unverified(made))


def misdirected(address: str, name: str, other: str) -> str:
    """Demand that a connection that began with another's name does not lead here (RFC 9110 section 15.5.20)."""
    with (
        dial(address, 443, TIMEOUT) as plainly,
        unverified().wrap_socket(plainly, server_hostname=other) as connection,
    ):
        line = first_line(connection, name)
    demand(" 421 " in line, line)
    return line


def its_own(address: str, name: str) -> str:
    """Demand a certificate of somebody whom the host trusts, for this name and for no other."""
    seen = shake(address, name, ssl.create_default_context())
    try:
        shake(address, STRANGER, ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        demand(error.verify_code == 62, str(error))  # X509_V_ERR_HOSTNAME_MISMATCH
        return f"{seen['version']}, until {seen['notAfter']}"
    raise ProbeError(f"a client that wants {STRANGER} is content with the certificate")


def by_dane(address: str, name: str, certificate: dict[str, str]) -> str:
    """Demand that the server is known by the signed DNS."""
    file = certificate.get("file", "")
    return dane.believed(
        address, 443, name, *(["-cert", file, "-cert_chain", file, "-key", certificate["key"]] if certificate else [])
    )


def unknown(address: str, port: int) -> str:
    """Demand that nobody's name is answered with 404, and that nothing is told."""
    for name in (STRANGER, f"[{address}]" if ":" in address else address):
        answer = ask(address, name, port=port)
        status(answer, 404)
        for word in ("/var/www", "Debian", "OpenSSL", "PHP"):
            demand(word not in f"{answer.headers}{answer.text}", f"{name}: the answer tells {word}")
    return "404"


def raw(address: str, request: str) -> tuple[str, str]:
    """Send a request as a person at a terminal types it; return the first line, and all until the server hangs up."""
    note(ASKED, request)
    with dial(address, 80, TIMEOUT) as connection:
        connection.sendall(request.encode())
        data = b""
        while received := connection.recv(65536):
            data += received
    note(ANSWERED, data)
    text = data.decode(errors="replace")
    return text.partition("\r\n")[0], text


def http_1_0(address: str, name: str) -> str:
    """Ask as the first browsers did; the server hangs up by itself."""
    line, text = raw(address, f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n")
    demand(line.endswith(" 200 OK") and f"<dd>{name}</dd>" in text, line)
    nobody, _ = raw(address, "GET / HTTP/1.0\r\n\r\n")
    demand(" 404 " in nobody, f"without Host: {nobody}")
    return line


def without_host(address: str) -> str:
    """Demand that HTTP/1.1 is not spoken without Host (RFC 9112 section 3.2)."""
    line, _ = raw(address, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    demand(" 400 " in line, line)
    return line


def kept(address: str, name: str) -> str:
    """Make three requests by one connection."""
    connection = connect(address)
    try:
        ports = set()
        for path in ("/", "/page.css", "/"):
            status(ask(address, name, path, connection=connection), 200)
            demand(connection.sock, f"the server hangs up after {path}")
            ports.add(connection.sock.getsockname()[1])
    finally:
        connection.close()
    demand(len(ports) == 1, f"{len(ports)} connections")
    return "3 requests, 1 connection"


def head(address: str, name: str) -> str:
    """Ask for the headers alone."""
    whole, alone = ask(address, name, "/page.css"), ask(address, name, "/page.css", "HEAD")
    status(alone, 200)
    demand(not alone.text, "there is a body")
    length = alone.headers["Content-Length"]
    demand(length == whole.headers["Content-Length"] == str(len(whole.text.encode())), f"Content-Length: {length}")
    return f"Content-Length: {length}"


def not_modified(address: str, name: str) -> str:
    """Ask for what is known already, by its date and by its tag."""
    whole = ask(address, name, "/page.css")
    for asked, told in (("If-Modified-Since", "Last-Modified"), ("If-None-Match", "ETag")):
        demand(whole.headers[told], f"no {told}")
        again = ask(address, name, "/page.css", headers={asked: whole.headers[told]})
        demand(again.status == 304 and not again.text, f"{asked}: status {again.status}")
    return f"304, {whole.headers['ETag']}"


def part(address: str, name: str) -> str:
    """Ask for some octets alone."""
    whole = ask(address, name, "/page.css")
    some = ask(address, name, "/page.css", headers={"Range": "bytes=10-29"})
    status(some, 206)
    demand(some.text == whole.text[10:30], f"{some.text!r}, not {whole.text[10:30]!r}")
    return str(some.headers["Content-Range"])


def missing(address: str, name: str) -> str:
    """Ask for what is not there."""
    for path in ("/not-there", "/not-there.php"):
        status(ask(address, name, path), 404)
    return "404"


def trace(address: str, name: str) -> str:
    """Demand that a request is not sent back as it came."""
    answer = ask(address, name, method="TRACE")
    status(answer, 405)
    return "405"


def discreet(address: str, name: str) -> str:
    """Demand that no answer tells releases."""
    answer = ask(address, name)
    demand(answer.headers["Server"] == "Apache", f"Server: {answer.headers['Server']}")
    demand(not answer.headers["X-Powered-By"], f"X-Powered-By: {answer.headers['X-Powered-By']}")
    demand(not answer.headers["Upgrade"], f"Upgrade: {answer.headers['Upgrade']}")
    return "Server: Apache"
