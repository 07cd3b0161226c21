"""What a mail program finds out from an address alone, and what the mail servers of others do before they send."""

import re
import ssl
import xml.etree.ElementTree as ET
from functools import partial
from typing import Any, NamedTuple

import dns.resolver
from frame import ProbeError, demand

from probes import dane
from probes.dns_base import look_up
from probes.http_base import HTTPConnection, HTTPSConnection
from probes.mail_base import OPENERS, Pairs, User, end, good, imap, named, smtp, unverified

TIMEOUT = 8.0
OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/{}schema/2006{}"
REQUEST = f"""<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="{OUTLOOK.format("request", "")}"><Request><EMailAddress>ADDRESS</EMailAddress>
<AcceptableResponseSchema>{OUTLOOK.format("response", "a")}</AcceptableResponseSchema></Request></Autodiscover>
"""


class Server(NamedTuple):
    """One that a document names."""

    protocol: str
    host: str
    port: int
    tls: str  # from the start (SSL), or after STARTTLS


def probes(settings: dict[str, Any]) -> Pairs:
    """Yield the probes of what is published about mail."""
    domain, inside, policy = settings["domain"], settings["role"] == "inside", settings["mta_sts"]
    user = settings["users"][0] if inside and settings["users"] else None
    if settings["web"]:
        for scheme in ("https", "http"):
            name = f"autoconfiguration over {scheme}: servers that answer"
            yield name, partial(program, scheme, domain, inside, user)
        yield "autodiscovery: the same servers", partial(same, domain, inside)
    if settings["tls_reports"]:
        yield "reports about TLS: the address", partial(reports, domain, settings["tls_reports"])
    if policy:
        yield "policy for others' mail servers", partial(policed, domain, inside, policy)
    for address in settings["addresses"] if settings["dane"] else []:
        where = "ipv6" if ":" in address else "ipv4"
        yield f"{where} 25: believed by its TLSA record", partial(known, address, domain, settings["host"])


def fetched(scheme: str, host: str, path: str, verified: bool, request: str = "") -> tuple[str, str]:
    """Return the type and the text of what a web server shows."""
    context = ssl.create_default_context() if verified else unverified()
    if scheme == "https":
        server: HTTPConnection | HTTPSConnection = HTTPSConnection(host, timeout=TIMEOUT, context=context)
    else:
        server = HTTPConnection(host, timeout=TIMEOUT)
    try:
        if request:
            server.request("POST", path, request, {"Content-Type": "text/xml"})
        else:
            server.request("GET", path)
        answer = server.getresponse()
        text = answer.read().decode()
        demand(answer.status == 200, f"{scheme}://{host}{path}: status {answer.status}")
        return answer.headers.get_content_type(), text
    finally:
        server.close()


def document(text: str, kind: str) -> ET.Element:
    """Read XML from a web server of ours."""
    demand(kind in {"application/xml", "text/xml"}, f"the document's type is {kind}")
    demand("<!DOCTYPE" not in text and "<!ENTITY" not in text, "the document has declarations of its own")
    return ET.fromstring(text)  # noqa: S314 - no entities, as was just seen


def configured(scheme: str, domain: str, verified: bool) -> list[Server]:
    """Return the servers that the document for Mozilla's programs names, each by the address as the user's name."""
    kind, text = fetched(
        scheme, f"autoconfig.{domain}", f"/mail/config-v1.1.xml?emailaddress=user%40{domain}", verified
    )
    root = document(text, kind)
    demand(domain in [found.text for found in root.iterfind("emailProvider/domain")], f"it is not for {domain}")
    servers = []
    for server in root.iterfind("emailProvider/*[@type]"):
        said = {field.tag: field.text or "" for field in server}
        demand(said["username"] == "%EMAILADDRESS%", f"the user is {said['username']}")
        servers.append(Server(server.attrib["type"], said["hostname"], int(said["port"]), said["socketType"]))
    return servers


def program(scheme: str, domain: str, verified: bool, user: User | None) -> str:
    """Demand servers that answer as the document says; inside, with a right certificate, and to who has a mailbox."""
    servers = configured(scheme, domain, verified)
    demand({"imap", "pop3", "smtp"} == {server.protocol for server in servers}, f"it names {servers}")
    for _, host, port, tls in servers:
        demand((tls == "SSL") == (port in {465, 993, 995}), f"{port}: {tls}")
        server = OPENERS[port](host, port, named(host) if verified else unverified())
        end(server)
    best = next(server for server in servers if server.protocol == "imap")
    if user:
        whole = user | {"name": f"{user['name']}@{domain}"}
        box = imap(best.host, best.port, named(best.host))
        try:
            good(box.login(whole["name"], whole["password"]))
        finally:
            end(box)
    return f"{best.host}:{best.port}"


def same(domain: str, verified: bool) -> str:
    """Demand that the document for Microsoft's programs, in whatever case they ask for it, names the same servers."""
    seen = []
    for path in ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml"):
        request = REQUEST.replace("ADDRESS", f"user@{domain}")
        kind, text = fetched("https", f"autodiscover.{domain}", path, verified, request)
        names = {"": OUTLOOK.format("response", "a")}
        seen = []
        for found in document(text, kind).iterfind(".//Protocol", names):
            said = {field.tag.partition("}")[2]: field.text or "" for field in found}
            demand((said["SSL"] == "on") == (said["Encryption"] == "SSL"), f"{said['Port']}: {said['Encryption']}")
            tls = {"SSL": "SSL", "TLS": "STARTTLS"}[said["Encryption"]]
            seen.append(Server(said["Type"].lower(), said["Server"], int(said["Port"]), tls))
        demand(sorted(seen) == sorted(configured("https", domain, verified)), f"it names {seen}")
    return f"{len(seen)} servers"


def texts(name: str, first: str) -> list[str]:
    """Return the texts of a name, of those that begin so."""
    try:
        answer = look_up(name, "TXT", TIMEOUT)
    except dns.resolver.NXDOMAIN as error:
        raise ProbeError(f"there is no {name}") from error
    found = [b"".join(record.strings).decode() for record in answer]
    return [text for text in found if text.startswith(first)]


def reports(domain: str, address: str) -> str:
    """Demand the address for reports (RFC 8460 section 3)."""
    found = texts(f"_smtp._tls.{domain}.", "v=TLSRPTv1;")
    demand(found == [f"v=TLSRPTv1; rua=mailto:{address}"], f"{found}")
    return found[0]


def exchangers(domain: str) -> list[str]:
    """Return the names of a domain's mail servers."""
    return [str(record.exchange).rstrip(".") for record in look_up(f"{domain}.", "MX", TIMEOUT)]


def policed(domain: str, verified: bool, policy: str) -> str:
    """Demand the policy, announced by the DNS, that names the mail servers, which keep to it (RFC 8461 section 3)."""
    found = texts(f"_mta-sts.{domain}.", "v=STSv1;")
    demand(len(found) == 1 and re.fullmatch(r"v=STSv1; id=[A-Za-z0-9]{1,32};", found[0]), f"the DNS tells {found}")
    kind, text = fetched("https", f"mta-sts.{domain}", "/.well-known/mta-sts.txt", verified)
    demand(kind == "text/plain", f"the policy's type is {kind}")
    demand(text == policy, f"the policy is {text!r}")
    fields = [line.split(": ", 1) for line in text.splitlines()]
    servers, allowed = exchangers(domain), [value for name, value in fields if name == "mx"]
    demand(
        {*servers} <= {*allowed} or ["mode", "none"] in fields, f"{servers} are the mail servers, {allowed} ought to be"
    )
    for name in servers if verified else []:
        end(smtp(name, 25, named(name)))
    return found[0]


def known(address: str, domain: str, host: str) -> str:
    """Demand that the domain's mail server is known by the signed DNS (RFC 7672)."""
    demand(host in exchangers(domain), f"{host} is none of the mail servers")
    return dane.believed(address, 25, host, "-starttls", "smtp")
