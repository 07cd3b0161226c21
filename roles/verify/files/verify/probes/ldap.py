"""The directory, as whoever looks somebody up sees it, and as people see and change what is their own."""

import ipaddress
import secrets
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import ldap
import ldap.filter
from frame import ProbeError, demand
from ldap.controls import SimplePagedResultsControl
from ldap.ldapobject import SimpleLDAPObject
from transcript import ANSWERED, ASKED, HIDDEN, calling, command, dial, fact, note

from probes.tls import of_version

TIMEOUT = 8.0
ROOTS = "/etc/ssl/certs/ca-certificates.crt"
SCOPES = {ldap.SCOPE_BASE: "base", ldap.SCOPE_SUBTREE: "subtree"}
SECRETS = ("userPassword", "pwdHistory")
# RFC 4511 section 4.14.1: the request, and how its answer ends when it is granted.
START_TLS = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"
SUCCESS = bytes.fromhex("0a010004000400")
Settings = dict[str, Any]
Pairs = Iterator[tuple[str, partial[str]]]


def probes(settings: Settings) -> Pairs:
    """Yield the probes of every server, then those of the directory as a whole."""
    inside, user = settings["role"] == "inside", settings.get("user")
    for server, host in zip(settings["servers"], hosts_of(settings), strict=True):
        for address in server["addresses"]:
            where = f"{server['name']} ipv{ipaddress.ip_address(address).version}"
            yield f"{where}: the address book", partial(address_book, settings, address)
            if inside:
                yield f"{where}: StartTLS", partial(start_tls, address, host)
                yield f"{where}: LDAPS", partial(ldaps, address, host)
        name, address = server["name"], server["addresses"][0]
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            yield f"{name}: {version.name} refused", partial(old_version_refused, address, version)
        yield f"{name}: passwords hidden", partial(hidden, settings, address)
        yield f"{name}: a change by a stranger refused", partial(change_refused, settings, address)
        if user and settings["tls_required"]:
            yield f"{name}: a password without TLS refused", partial(plaintext_refused, settings, address)
        if user and inside:
            yield f"{name}: a password, right and wrong", partial(passwords, settings, host)
            yield f"{name}: one's own entry, without the password", partial(own_entry, settings, host)
            yield f"{name}: a page at a time", partial(pages, settings, host)
    if inside:
        for entry in settings["entries"]:
            yield f"ldapsearch: {entry['dn']}", partial(book_search, settings, entry)
    if inside and user:
        yield "a change by its owner, seen on every server", partial(own_change, settings)
        for host in hosts_of(settings)[1:]:
            yield f"{host}: a change referred to who is written to", partial(referred, settings, host)


def hosts_of(settings: Settings) -> list[str]:
    """Return a name of each server."""
    return [f"{server['names'][0]}.{settings['domain']}".removeprefix("@.") for server in settings["servers"]]


def url(address: str) -> str:
    """Return the URL of a server (RFC 4516)."""
    return f"ldap://[{address}]" if ":" in address else f"ldap://{address}"


class Noted(SimpleLDAPObject):
    """A connection that notes what is asked and answered, and no passwords."""

    def start_tls_s(self) -> None:
        """Note it."""
        note(ASKED, "StartTLS")
        super().start_tls_s()

    def simple_bind(self, who: str | None = None, cred: str | None = None, *rest: Any) -> int:
        """Note who is logged in."""
        note(ASKED, f"bind: {who}, a password")
        return super().simple_bind(who, cred, *rest)

    def search_ext(
        self, base: str, scope: int, filterstr: str | None = None, attrlist: Any = None, *rest: Any, **options: Any
    ) -> int:
        """Note what is looked for."""
        note(ASKED, lambda: f"search: {base}, {SCOPES[scope]}, {filterstr or 'all'}: {', '.join(attrlist or ['*'])}")
        return super().search_ext(base, scope, filterstr, attrlist, *rest, **options)

    def modify_ext(self, dn: str, modlist: list[Any], *rest: Any) -> int:
        """Note what is changed."""
        note(ASKED, lambda: f"modify: {dn}, " + ", ".join(f"{name}: {values}" for _, name, values in modlist))
        return super().modify_ext(dn, modlist, *rest)

    def whoami_s(self, *rest: Any) -> str:
        """Note who one is."""
        note(ASKED, "who am I?")
        said = super().whoami_s(*rest)
        note(ANSWERED, said)
        return said

    def result4(self, *arguments: Any, **options: Any) -> Any:
        """Note the entries, or what went wrong."""
        try:
            answer = super().result4(*arguments, **options)
        except ldap.LDAPError as error:
            note(ANSWERED, words_of(error))
            raise
        note(ANSWERED, lambda: "\n".join(map(written, answer[1] or [])) or "success")
        return answer


def written(entry: tuple[str, dict[str, list[bytes]]]) -> str:
    """Return an entry as lines."""
    dn, attributes = entry
    if dn is None:
        return f"ref: {attributes}"
    lines = [
        f"{name}: {HIDDEN if name in SECRETS else value.decode(errors='replace')}"
        for name, values in attributes.items()
        for value in values
    ]
    return "\n".join([f"dn: {dn}", *lines])


@contextmanager
def opened(where: str) -> Iterator[Any]:
    """Give a connection to a server; what goes wrong on it is told in the server's words."""
    server = Noted(url(where))
    for option in (ldap.OPT_NETWORK_TIMEOUT, ldap.OPT_TIMEOUT):
        server.set_option(option, TIMEOUT)
    server.set_option(ldap.OPT_REFERRALS, 0)
    try:
        with calling(where, 389):
            yield server
    except ldap.LDAPError as error:
        raise ProbeError(words_of(error)) from error
    finally:
        server.unbind_s()


@contextmanager
def logged_in(settings: Settings, host: str) -> Iterator[tuple[Any, str]]:
    """Give a connection on which the user has logged in over TLS, and the name of the user's entry."""
    with opened(host) as server:
        server.set_option(ldap.OPT_X_TLS_CACERTFILE, ROOTS)
        server.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        server.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        server.start_tls_s()
        dn, _ = found(settings, server)
        server.simple_bind_s(dn, settings["user"]["password"])
        yield server, dn


def words_of(error: ldap.LDAPError) -> str:
    """Return what a server said."""
    said = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return ": ".join(str(said[part]) for part in ("desc", "info") if said.get(part)) or repr(error)


def found(settings: Settings, server: Any, attributes: list[str] | None = None) -> tuple[str, dict[str, list[bytes]]]:
    """Look the user up, as a mail program does by an address."""
    mail = ldap.filter.escape_filter_chars(settings["mail"])
    entries = server.search_s(settings["suffix"], ldap.SCOPE_SUBTREE, f"(mail={mail})", attributes)
    demand(len(entries) == 1, f"{len(entries)} entries have the address {settings['mail']}")
    return entries[0]


def address_book(settings: Settings, address: str) -> str:
    """Find somebody by an address."""
    with opened(address) as server:
        dn, entry = found(settings, server)
    demand(settings["mail"].encode() in entry.get("correo", []), f"{dn} shows no correo, but {sorted(entry)}")
    demand("userPassword" not in entry, f"{dn} shows a password")
    return f"{settings['mail']} is {dn}"


def checked(connection: ssl.SSLSocket) -> str:
    """Return what a connection is protected by."""
    return f"{connection.version()}, {connection.cipher()[0]}"


def ldaps(address: str, host: str) -> str:
    """Speak TLS from the beginning."""
    context = ssl.create_default_context(cafile=ROOTS)
    with (
        dial(address, 636, TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        return checked(connection)


def old_version_refused(address: str, version: ssl.TLSVersion) -> str:
    """Speak a version of TLS that is too old (RFC 8996)."""
    context = of_version(version)
    with dial(address, 636, TIMEOUT) as plain:
        try:
            context.wrap_socket(plain).close()
        except (ssl.SSLError, ConnectionResetError) as error:
            return getattr(error, "reason", None) or str(error)
    raise ProbeError(f"{address} speaks {version.name}")


def start_tls(address: str, host: str) -> str:
    """Ask for TLS, then speak it."""
    context = ssl.create_default_context(cafile=ROOTS)
    with dial(address, 389, TIMEOUT) as plain:
        note(ASKED, "StartTLS")
        plain.sendall(START_TLS)
        answer = plain.recv(512)
        demand(SUCCESS in answer, f"StartTLS is not granted: {answer.hex()}")
        with context.wrap_socket(plain, server_hostname=host) as connection:
            return checked(connection)


def hidden(settings: Settings, address: str) -> str:
    """Ask for what nobody is to see."""
    with opened(address) as server:
        dn, entry = found(settings, server, ["userPassword", "pwdHistory", "cn"])
        demand(sorted(entry) == ["cn"], f"{dn} shows {', '.join(sorted(entry))}")
        mail = ldap.filter.escape_filter_chars(settings["mail"])
        guess = f"(&(mail={mail})(userPassword=*))"
        demand(not server.search_s(settings["suffix"], ldap.SCOPE_SUBTREE, guess), "it can be searched by passwords")
    return "neither shown nor searched"


def change_refused(settings: Settings, address: str) -> str:
    """Try to change an entry without having said who one is."""
    with opened(address) as server:
        dn, _ = found(settings, server)
        try:
            server.modify_s(dn, [(ldap.MOD_REPLACE, "description", [b"changed by a stranger"])])
        except (ldap.STRONG_AUTH_REQUIRED, ldap.INSUFFICIENT_ACCESS, ldap.REFERRAL) as error:
            return words_of(error)
    raise ProbeError(f"{dn} was changed")


def plaintext_refused(settings: Settings, address: str) -> str:
    """Log in without TLS; another password than the user's is sent, as everybody could read it."""
    with opened(address) as server:
        dn, _ = found(settings, server)
        try:
            server.simple_bind_s(dn, secrets.token_hex(8))
        except ldap.CONFIDENTIALITY_REQUIRED as error:
            return words_of(error)
    raise ProbeError("it is taken")


def passwords(settings: Settings, host: str) -> str:
    """Log in with the password, and not with another one."""
    with logged_in(settings, host) as (server, dn):
        who = server.whoami_s()
        demand(who.lower() == f"dn:{dn}".lower(), f"the server thinks that we are {who}")
        try:
            server.simple_bind_s(dn, secrets.token_hex(8))
        except ldap.INVALID_CREDENTIALS as error:
            # The right one again, so that the wrong ones of many probes do not add up.
            server.simple_bind_s(dn, settings["user"]["password"])
            return words_of(error)
    raise ProbeError("a wrong password is taken")


def own_entry(settings: Settings, host: str) -> str:
    """Read one's own entry."""
    with logged_in(settings, host) as (server, dn):
        _, entry = server.search_s(dn, ldap.SCOPE_BASE, attrlist=["*", "pwdHistory"])[0]
    demand("uid" in entry, f"{dn} has no uid")
    demand("userPassword" not in entry and "pwdHistory" not in entry, f"{dn} shows a password")
    return f"{len(entry)} attributes"


def pages(settings: Settings, host: str) -> str:
    """Read the whole directory, two entries at a time (RFC 2696)."""
    control, seen, turns = SimplePagedResultsControl(True, size=2, cookie=""), 0, 0
    with logged_in(settings, host) as (server, _):
        while True:
            number = server.search_ext(settings["suffix"], ldap.SCOPE_SUBTREE, attrlist=["1.1"], serverctrls=[control])
            _, entries, _, controls = server.result3(number)
            seen, turns = seen + len(entries), turns + 1
            demand(len(entries) <= 2, f"{len(entries)} entries instead of 2")
            control.cookie = next(each.cookie for each in controls if each.controlType == control.controlType)
            if not control.cookie or turns == 50:
                break
    demand(turns > 1, f"all of the {seen} entries are in one page")
    return f"{seen} entries in {turns} pages"


def book_search(settings: Settings, entry: dict[str, Any]) -> str:
    """Search as the book does, without TLS and without a password."""
    public = [name for name in entry["attributes"] if name in settings["public"]]
    argv = ["ldapsearch", "-x", "-o", "nettimeout=3", "-H", url(settings["host"]), "-b", entry["dn"], *public]
    done = command(argv, settings["host"], 389, timeout=TIMEOUT)
    wanted = [f"dn: {entry['dn']}", "result: 0 Success", "# numEntries: 1"]
    wanted += [f"{name}: {value}" for name in public for value in listed(entry["attributes"][name])]
    missing = [line for line in wanted if line not in done.stdout.splitlines()]
    demand(not missing, f"{done.stdout}{done.stderr} lacks {missing}")
    return "; ".join(wanted)


def listed(values: Any) -> list[Any]:
    """Return one value or several as a list."""
    return values if isinstance(values, list) else [values]


def own_change(settings: Settings) -> str:
    """Change one's own entry, and look for it on all servers; it is taken back afterwards."""
    mark, first = f"probe {secrets.token_hex(4)}", hosts_of(settings)[0]
    with logged_in(settings, first) as (server, dn):
        before = server.search_s(dn, ldap.SCOPE_BASE, attrlist=["description"])[0][1].get("description")
        server.modify_s(dn, [(ldap.MOD_REPLACE, "description", [mark.encode()])])
        try:
            started = time.monotonic()
            for other in hosts_of(settings)[1:]:
                awaited(settings, other, mark)
                fact("copy", source=first, copy=other, seconds=round(time.monotonic() - started, 3))
            seconds = time.monotonic() - started
        finally:
            server.modify_s(dn, [(ldap.MOD_REPLACE, "description", before)])
    return f"seen after {seconds:.3f} s"


def awaited(settings: Settings, host: str, mark: str) -> None:
    """Wait until a server shows a mark."""
    limit = time.monotonic() + TIMEOUT
    with opened(host) as server:
        while found(settings, server, ["description"])[1].get("description") != [mark.encode()]:
            demand(time.monotonic() < limit, f"{host} does not show it after {TIMEOUT:g} s")
            time.sleep(0.02)


def referred(settings: Settings, host: str) -> str:
    """Try to change one's own entry on a server that is not written to."""
    with logged_in(settings, host) as (server, dn):
        try:
            server.modify_s(dn, [(ldap.MOD_REPLACE, "description", [b"changed on a copy"])])
        except ldap.REFERRAL as error:
            said = error.args[0].get("info", "")
            first = hosts_of(settings)[0]
            demand(first in said, f"it leads to {said!r} instead of {first}")
            return said.replace("\n", " ")
    raise ProbeError(f"{dn} was changed")
