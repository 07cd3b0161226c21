"""The probes pass, and each group of them fails when what it watches is broken for real."""

import fnmatch
import glob
import json
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from awaited_reload import awaited_reload

from lab import Lab

OPTIONS = "/etc/bind/named.conf.options"
LOCAL = "/etc/bind/named.conf.local"
RELOAD = "rndc reload >/dev/null"


def edit(file: str, expression: str, then: str = RELOAD) -> tuple[str, str]:
    """Return the commands that break a file with sed, and mend it again."""
    return (
        f"cp -a {file} /root/whole && sed -E '{expression}' /root/whole >{file} && "
        f"! cmp -s {file} /root/whole && {then}",
        f"cat /root/whole >{file} && rm /root/whole && {then}",
    )


def edit_zone(zone: str, expression: str, view: str = "main", then: str = "true") -> tuple[str, str]:
    """Return the like for a zone; each of the two takes the next serial, so that the servers believe it."""
    file = f"/var/lib/bind/{zone}.zone" if view == "main" else f"/var/lib/bind/{zone}.{view}.zone"
    serial = f"$(awk '/ IN SOA /{{print $7}}' {file})"
    bump = f'sed -i -E "s/( IN SOA [^ ]+ [^ ]+) [0-9]+/\\1 $next/" {file} && rndc reload {zone} IN {view} >/dev/null'
    return (
        f"next=$(({serial} + 1)); cp -a {file} /root/whole && sed -i -E '{expression}' {file} && "
        f"! cmp -s {file} /root/whole && {bump} && {then}",
        f"next=$(({serial} + 1)); cat /root/whole >{file} && rm /root/whole && {bump} && {then}",
    )


def both(first: tuple[str, str], second: tuple[str, str]) -> tuple[str, str]:
    """Return the commands of two breaks at once."""
    return (
        f"{first[0]} && mv /root/whole /root/first && {second[0]}",
        f"{second[1]} && mv /root/first /root/whole && {first[1]}",
    )


def another_certificate(name: str, then: str) -> tuple[str, str]:
    """Return the commands that give a service a web page's certificate, in files that it can read, and its own back."""
    each = "cd /etc/ssl/site && for kind in pem key; do"
    return (
        f"{each} cp -a {name}.$kind /root/ && cat www3.st.um.$kind >{name}.$kind; done && {then}",
        f"{each} cat /root/{name}.$kind >{name}.$kind && rm /root/{name}.$kind; done && {then}",
    )


def through_the_firewall(port: int, commands: tuple[str, str]) -> tuple[str, str]:
    """Return the commands of a break that opens a port in the firewall, too, and of its mending."""
    hole = f"nft insert rule inet server_for_dummies input tcp dport {port} accept"
    return f"{commands[0]} && {hole}", f"{commands[1]} && systemctl reload {FIREWALL}"


def silent(server: str) -> list[str]:
    """Return the probes of a server that is down: all but those of ports that are to be closed."""
    return [f"{server} ipv? udp: *", f"{server} ipv? tcp: [!p]*"]


NO_KEY = "0" * 64
DOWN = ("systemctl stop named", "systemctl start named")
FIREWALL = "server-for-dummies-firewall"
FLUSH = f"{RELOAD} && rndc flush"
# Every signature of the SOA record is a new one.
SIGN = "for zone in st.um dyn.st.um; do rndc sign $zone IN main; done"


# Who cannot begin where nothing is found by its name.
BY_NAME = (
    "*: believed by *",
    "*: host key *",
    "*: not revoked, *",
    "auto*",
    "reports *",
    "policy *",
    "user1@*",
    "ldapsearch: *",
    "a change *",
    "* a change *",
    "*ary: a p*",
    "*ary: one*s own entry*",
)


# Who disturb each other in one mailbox as soon as one of them fails, since the others do not wait for each other then.
IN_MAILBOX = ("a *letter*", "folders*", "quota *", "autoconfiguration *")


class Break(NamedTuple):
    """What is broken where, and which probes, run on which host, have to fail of it."""

    host: str
    commands: tuple[str, str]
    where: str
    patterns: list[str]
    # Whether name servers remember what is broken.
    cached: bool = False
    # What depends on what is broken: probes that are not about it, and may fail of it.
    others: tuple[str, ...] = ()


def rewrite(dn: str, attribute: str, value: str = "") -> tuple[str, str]:
    """Return the commands that replace an attribute of slapd's configuration, or take it away, and bring it back."""
    root = "-Q -Y EXTERNAL -H ldapi:///"
    modify = f"printf 'dn: {dn}\\nchangetype: modify\\nreplace: {attribute}\\n'"
    old = f"ldapsearch {root} -LLL -o ldif_wrap=no -b '{dn}' -s base {attribute} | grep '^{attribute}:'"
    new = f"printf '%s\\n' '{attribute}: {value}'" if value else "true"
    return (
        f"{{ {old} >/root/whole || true; }}; {{ {modify}; {new}; }} | ldapmodify {root} >/dev/null",
        f"{{ {modify}; cat /root/whole; }} | ldapmodify {root} >/dev/null && rm /root/whole",
    )


DIRECTORY = "olcDatabase={1}mdb,cn=config"
# The ways from a server to who is written to
AWAY = "for way in $(getent ahosts ns1.st.um | cut -d' ' -f1 | sort -u); do ip route"
ENTRY = "cn=Server Administrator,ou=st,o=um,c=es"
BROKEN: dict[str, Break] = {
    "secondary down": Break(
        "secondary",
        DOWN,
        "client",
        silent("secondary"),
        others=("SOA *", "secondary ipv? [TH]*: *", "* UPDATE * by update"),
    ),
    "primary down": Break(
        "primary", DOWN, "client", silent("primary"), others=("SOA *", "primary ipv? [TH]*: *", "autoconfiguration *")
    ),
    "secondary down, from outside": Break("secondary", DOWN, "internet", silent("secondary")),
    "no firewall": Break(
        "primary",
        (f"systemctl stop {FIREWALL}", f"systemctl start {FIREWALL}"),
        "client",
        ["primary: port * silent"],
    ),
    "record missing": Break(
        "primary",
        edit_zone("st.um", "/^client.st.um. [0-9]+ IN A /d"),
        "client",
        ["* ???: A st.um", "* tcp: AXFR st.um"],
        others=("* udp: reverse names lead back", "* udp: DNSSEC signatures"),
    ),
    "record changed": Break(
        "primary",
        edit_zone("st.um", "s/ IN MX 10 / IN MX 20 /"),
        "client",
        ["* ???: MX st.um"],
        others=("* tcp: AXFR st.um",),
    ),
    "record added": Break(
        "primary",
        edit_zone("st.um", "$ a intruder.st.um. 604800 IN A 192.0.2.66"),
        "client",
        ["* tcp: AXFR st.um"],
    ),
    "serial that did not travel": Break(
        "primary",
        both(
            edit(
                OPTIONS, "s/allow-transfer \\{.*/allow-transfer { none; };/", f"{RELOAD} && rndc notify st.um IN main"
            ),
            edit_zone("st.um", "s/ IN MX 10 / IN MX 20 /"),
        ),
        "client",
        ["SOA st.um: the same everywhere"],
        others=("primary * MX st.um", "primary * tcp: AXFR *", "* UPDATE * by update", "SOA dyn.st.um: *"),
    ),
    "no recursion": Break(
        "primary",
        edit(LOCAL, "s/recursion yes/recursion no/"),
        "client",
        ["primary * by recursion"],
        others=(
            "primary * dig *",
            "* chain of trust *",
            "primary * AD for *",
            "primary * SERVFAIL for *",
            "* delegation of *",
        ),
    ),
    "transfer for everybody": Break(
        "primary",
        edit(OPTIONS, "s/allow-transfer \\{.*/allow-transfer { any; };/"),
        "client",
        ["primary ipv? tcp: AXFR refused without a key"],
    ),
    "short answers": Break(
        "primary",
        edit(OPTIONS, "s/minimal-responses no/minimal-responses yes/"),
        "client",
        ["primary ipv? udp: dig www.st.um"],
    ),
    "version shown": Break(
        "primary",
        edit(OPTIONS, 's/version none/version "BIND 9.20.0"/'),
        "client",
        ["primary ipv? udp: version hidden"],
    ),
    "client without its resolver": Break(
        "client",
        edit("/etc/resolv.conf", "s/^nameserver.*/nameserver 127.0.0.1/", "true"),
        "client",
        ["resolver: *"],
        others=BY_NAME,
    ),
    "recursion for strangers": Break(
        "primary",
        edit(OPTIONS, 's/"site"; \\};/any; };/'),
        "internet",
        ["primary ipv? ???: recursion refused"],
        others=("primary * rate limited",),
    ),
    "no rate limit": Break(
        "secondary",
        edit(OPTIONS, "s/responses-per-second 10/responses-per-second 1000/"),
        "internet",
        ["secondary ipv? udp: rate limited"],
    ),
    "no way from the root": Break(
        "internet",
        edit_zone("um", "/ IN (A|AAAA) /d; s/ns([12]).st.um/ns\\1.nowhere.um/", "top", "rndc flush"),
        "internet",
        ["resolver: www.st.um, by delegation", "trace: www.st.um"],
        others=("resolver: AD *", *BY_NAME),
    ),
    "a zone served without its signatures": Break(
        "primary",
        edit(LOCAL, "/zone .st.um. /,/^\\t\\};/{/dnssec-policy|inline-signing|parental/d}"),
        "client",
        ["primary ipv? udp: DNSSEC signatures", "primary ipv? udp: DNSSEC denial"],
        others=(
            "primary * DNSSEC signatures last",
            "* DS of our zones *",
            "* chain of trust *",
            "primary * delegation of *",
        ),
    ),
    "signatures that end soon": Break(
        "primary",
        edit(
            LOCAL,
            "s/max-zone-ttl .*/& signatures-validity 12h; signatures-validity-dnskey 12h; signatures-refresh 1h;/",
            f"{RELOAD} && {SIGN}",
        ),
        "client",
        ["* DNSSEC signatures last"],
    ),
    "a zone of ours without a DS in ours above": Break(
        "primary",
        edit_zone("st.um", "/^dyn.st.um. [0-9]+ IN DS /d"),
        "client",
        ["* DS of our zones below ours"],
        others=("* DS st.um", "* tcp: AXFR st.um"),
    ),
    "a wrong trust anchor": Break(
        "primary",
        edit(OPTIONS, 's/(static-ds .*) "[0-9a-fA-F]{8}/\\1 "00000000/', FLUSH),
        "client",
        ["primary ipv? udp: AD for *"],
        others=("primary * by recursion",),
    ),
    "nothing validated": Break(
        "secondary",
        edit(OPTIONS, "s/dnssec-validation yes/dnssec-validation no/", FLUSH),
        "client",
        ["secondary ipv? udp: AD for *", "secondary ipv? udp: SERVFAIL for *"],
    ),
    "the DS of another key at our parent": Break(
        "internet",
        edit_zone("um", f"s/^(st.um. [0-9]+ IN DS .* )[0-9a-f]{{64}}/\\1{NO_KEY}/", "top"),
        "client",
        ["* chain of trust to st.um"],
        cached=True,
    ),
    "the DS of another key at our parent, from outside": Break(
        "internet",
        edit_zone("um", f"s/^(st.um. [0-9]+ IN DS .* )[0-9a-f]{{64}}/\\1{NO_KEY}/", "top", "rndc flush"),
        "internet",
        ["resolver: AD for www.st.um"],
        others=("resolver: www.st.um, by delegation", *BY_NAME),
    ),
    "no root server": Break(
        "internet",
        edit(LOCAL, '/zone "\\." \\{$/,/^\\t\\};/d', FLUSH),
        "client",
        ["trace: www.st.um"],
        others=("* by recursion", "* AD for *"),
    ),
    "no zone for updates": Break(
        "primary",
        edit(LOCAL, "/zone .dyn.st.um. /,/^\\t\\};/d"),
        "client",
        ["primary ipv? udp: dynamic zones"],
        others=("* UPDATE * by update",),
    ),
    "no updates": Break("primary", edit(LOCAL, "/grant .update. /d"), "client", ["* UPDATE * by update"]),
    "updates of everything": Break(
        "primary",
        edit(LOCAL, "s/(grant .update. ).*/\\1zonesub ANY;/"),
        "client",
        ["* UPDATE dyn.st.um refused of other names"],
    ),
    "updates for everybody": Break(
        "primary",
        edit(LOCAL, "/update-policy \\{/,/\\};/c allow-update { any; };"),
        "client",
        ["* UPDATE dyn.st.um refused without a key"],
        others=("* UPDATE * refused of other names",),
    ),
    "updates for everybody, from outside": Break(
        "primary",
        edit(LOCAL, "/update-policy \\{/,/\\};/c allow-update { any; };"),
        "internet",
        ["primary ipv? udp: UPDATE refused"],
    ),
    "no way to the zone below ours": Break(
        "primary",
        edit_zone("st.um", "/^dept.st.um. /d"),
        "client",
        ["* delegation of dept.st.um"],
        others=("* DS st.um", "* DNSSEC signatures", "* tcp: AXFR st.um"),
    ),
    "the zone below ours without a DS": Break(
        "primary",
        edit_zone("st.um", "/^dept.st.um. [0-9]+ IN DS /d"),
        "client",
        ["* delegation of dept.st.um"],
        others=("* DS st.um", "* DNSSEC signatures", "* tcp: AXFR st.um"),
    ),
    "a zone of somebody else's gone": Break(
        "primary",
        edit(LOCAL, "/zone .partner.example.org. /,/^\\t\\};/d"),
        "client",
        ["primary ipv? udp: secondary for partner.example.org"],
    ),
    "statistics for everybody": Break(
        "primary",
        through_the_firewall(
            8053, edit(OPTIONS, "s/inet 127.0.0.1 (port [0-9]+) allow .*/inet :: \\1 allow { any; }; };/")
        ),
        "client",
        ["primary ipv6 tcp: port 8053 closed"],
    ),
}

SSHD = "/etc/ssh/sshd_config.d/00-server-for-dummies.conf"
SSH_RELOAD = shlex.join(awaited_reload(["ssh"]))  # for a moment, nobody listens
BROKEN |= {
    "no DNS over TLS": Break("primary", edit(OPTIONS, "/port 853 tls/d"), "client", ["primary ipv? TLS: *"]),
    "no DNS over HTTPS": Break("primary", edit(OPTIONS, "/port 8443 tls/d"), "client", ["primary ipv? HTTPS: *"]),
    "a certificate that nobody trusts": Break(
        "secondary",
        (
            "cd /etc/ssl/site && cp -a dns.pem /root/whole && "
            "openssl req -x509 -key dns.key -subj /CN=x -addext subjectAltName=DNS:ns2.st.um -out dns.pem -days 2 && "
            "rndc reconfig",
            "cat /root/whole >/etc/ssl/site/dns.pem && rm /root/whole && rndc reconfig",
        ),
        "client",
        ["secondary ipv? TLS: [!T]*", "secondary ipv? HTTPS: [!T]*"],
    ),
    "no remote shell": Break(
        "primary",
        ("systemctl stop ssh", "systemctl start ssh"),
        "client",
        ["primary ipv?: modern *", "primary ipv?: keys only", "primary: host key *", "user1@st.um: [!a]*"],
        others=("user1@st.um: a wrong *",),
    ),
    "no remote shell, from outside": Break(
        "secondary",
        ("systemctl stop ssh", "systemctl start ssh"),
        "internet",
        ["secondary ipv?: modern *", "secondary ipv?: keys only"],
    ),
    "a key exchange that is worn out": Break(
        "primary",
        edit(SSHD, "s/^KexAlgorithms .*/&,diffie-hellman-group14-sha1/", SSH_RELOAD),
        "client",
        ["primary ipv?: modern *"],
    ),
    "no post-quantum key exchange": Break(
        "secondary",
        edit(SSHD, "s/^KexAlgorithms .*/KexAlgorithms curve25519-sha256/", SSH_RELOAD),
        "internet",
        ["secondary ipv?: modern *"],
    ),
    "passwords accepted": Break(
        "primary",
        edit(SSHD, "s/^PasswordAuthentication no/PasswordAuthentication yes/", SSH_RELOAD),
        "internet",
        ["primary ipv?: keys only"],
    ),
    "a host without its certificate": Break(
        "primary",
        edit(SSHD, "/^HostCertificate/d", SSH_RELOAD),
        "client",
        ["primary: host key *", "user1@st.um: no question, *", "user1@st.um: sftp"],
        others=("user1@st.um: refused *",),
    ),
    # From whom three log-ins have failed at once, sshd takes nothing for a while, which would be another break.
    "users whom nobody vouches for": Break(
        "primary",
        edit(SSHD, "s/^TrustedUserCAKeys .*/PerSourcePenalties no/", SSH_RELOAD),
        "client",
        ["user1@st.um: no question, *", "user1@st.um: sftp"],
    ),
    "a home without a Maildir": Break(
        "primary",
        ("mv /home/user1/Maildir /home/user1/gone", "mv /home/user1/gone /home/user1/Maildir"),
        "client",
        ["user1@st.um: no question, *"],
    ),
    "no file transfer": Break(
        "primary",
        edit("/etc/ssh/sshd_config", "/^Subsystem/d", SSH_RELOAD),
        "client",
        ["user1@st.um: sftp"],
    ),
    "a door without a lock": Break(
        "primary",
        both(
            edit(
                SSHD, "s/^PasswordAuthentication no/PasswordAuthentication yes\\nPermitEmptyPasswords yes/", SSH_RELOAD
            ),
            edit("/etc/shadow", "s/^user1:[^:]*:/user1::/", "true"),
        ),
        "client",
        ["user1@st.um: refused without a key"],
        others=("[0-9]*: a wrong *", "primary ipv?: keys only", "primary: host key *"),
    ),
    "a user's key that is good for root": Break(
        "primary",
        edit(
            SSHD,
            "s/^TrustedUserCAKeys.*/&\\nAuthorizedPrincipalsCommand \\/bin\\/echo user1\\n"
            "AuthorizedPrincipalsCommandUser nobody/",
            SSH_RELOAD,
        ),
        "client",
        ["user1@st.um: refused as somebody else"],
    ),
    "a client that believes any host": Break(
        "client",
        edit(
            "/etc/ssh/ssh_config.d/server-for-dummies.conf",
            "s/StrictHostKeyChecking yes/StrictHostKeyChecking no/",
            "true",
        ),
        "client",
        ["user1@st.um: a wrong host key refused"],
    ),
    "the fingerprint of another key": Break(
        "primary",
        edit_zone("st.um", "s/^(st.um. [0-9]+ IN SSHFP 4 2 )[0-9a-f]{8}/\\100000000/"),
        "internet",
        ["st.um: host key believed by its SSHFP record"],
        cached=True,
    ),
}

VHOST = "/etc/apache2/sites-available/site-{}.st.um.conf"
SERVER = "/etc/apache2/conf-available/server-for-dummies.conf"
WEB_RELOAD = "systemctl reload apache2"
PUBLIC = "/var/lib/server-for-dummies/ca"
BROKEN |= {
    "no web server": Break(
        "primary",
        ("systemctl stop apache2", "systemctl start apache2"),
        "client",
        ["www*", "ipv?: *"],
        others=("root-1 *", "auto*", "policy *", "ca.st.um *"),
    ),
    "no PHP": Break(
        "primary",
        (
            "systemctl stop 'php*-fpm.service'",
            "systemctl start $(ls /lib/systemd/system | grep -x 'php.*-fpm.service')",
        ),
        "internet",
        ["www?.st.um ipv?: its own *"],
        others=("www.st.um*", "ca.st.um *", "autoconfig.st.um *"),
    ),
    "a page for everybody": Break(
        "primary",
        edit(VHOST.format("www2"), "/Require ((ldap-)?group|ip)|RequireAny/d", WEB_RELOAD),
        "client",
        ["www2.st.um: asks *", "www2.st.um: a wrong *"],
        others=("www2.st.um ipv?: its own page",),
    ),
    "a page for everybody, from outside": Break(
        "primary", edit(VHOST.format("www2"), "/Require ip/d", WEB_RELOAD), "internet", ["www2.st.um ipv?: refused *"]
    ),
    "a page for nobody": Break(
        "primary",
        edit(VHOST.format("www2"), "s/Require (ldap-group cn=|group )/&no/", WEB_RELOAD),
        "client",
        ["www2.st.um ipv?: its own page"],
    ),
    "old TLS": Break(
        "primary",
        edit(
            SERVER,
            "s/^SSLProtocol .*/SSLProtocol all/; s/^SSLCipherSuite .*/SSLCipherSuite ALL:@SECLEVEL=0/",
            WEB_RELOAD,
        ),
        "client",
        ["www3.st.um: TLSv1* refused", "www3.st.um: weak ciphers refused"],
        others=("autoconfig.st.um: * refused",),
    ),
    "no HTTP/2": Break(
        "primary", edit(VHOST.format("www3"), "/Protocols h2/d", WEB_RELOAD), "client", ["www3.st.um ipv?: * HTTP/2"]
    ),
    "no word of HTTPS": Break(
        "primary",
        edit(VHOST.format("www3"), "/Strict-Transport/d", WEB_RELOAD),
        "internet",
        ["www3.st.um ipv?: * HTTP/2"],
    ),
    "no way to HTTPS": Break(
        "primary", edit(VHOST.format("www3"), "/Redirect/d", WEB_RELOAD), "client", ["www3.st.um: redirect *"]
    ),
    "another's certificate": Break(
        "primary",
        edit(VHOST.format("www3"), "s,/www3.st.um(.pem|.key),/web\\1,", WEB_RELOAD),
        "client",
        ["www3.st.um: certificate *"],
        others=("www3.st.um: believed *",),
    ),
    "a page for who has no certificate": Break(
        "primary",
        edit(VHOST.format("www4"), "/SSLVerify|SSLCA|SSLUserName|Require expr/d", WEB_RELOAD),
        "client",
        ["www4.st.um: refused with*", "www4.st.um ipv?: *"],
    ),
    "a door that leads to another's page": Break(
        "primary",
        # Apache keeps what this says over a reload.
        edit(SERVER, "$ a SSLVHostSNIPolicy insecure", "systemctl restart apache2"),
        "internet",
        ["www4.st.um: refused by *"],
    ),
    "a page for who has anybody's certificate": Break(
        "primary",
        edit(
            VHOST.format("www4"),
            "s/SSLVerifyClient require/SSLVerifyClient optional_no_ca/; /Require expr|SSLCARevocation/d",
            WEB_RELOAD,
        ),
        "internet",
        ["www4.st.um: refused with*"],
    ),
    "no lists of revoked certificates": Break(
        "primary",
        (f"mv {PUBLIC} {PUBLIC}.gone", f"mv {PUBLIC}.gone {PUBLIC}"),
        "client",
        ["ipv?: list of *", "root-1 *", "*: not revoked, *"],
    ),
    "another authority's list": Break(
        "primary",
        (
            f"cp -a {PUBLIC}/issuing-1-1.crl /root/whole && cat {PUBLIC}/root-1.crl >{PUBLIC}/issuing-1-1.crl",
            f"cat /root/whole >{PUBLIC}/issuing-1-1.crl && rm /root/whole",
        ),
        "internet",
        ["ipv?: list of issuing-1-1"],
    ),
    "the key of another authority in the DNS": Break(
        "primary",
        edit_zone("st.um", "s/( IN TLSA 2 1 1 )[0-9a-f]{8}/\\100000000/"),
        "client",
        ["www3.st.um: believed *", "ipv? 25: believed *"],
        cached=True,
        others=("* TLSA st.um", "* tcp: AXFR st.um", "*: believed *"),
    ),
    "an answer for unknown names": Break(
        "primary",
        edit("/etc/apache2/sites-available/000-unknown.conf", "/Redirect/d", WEB_RELOAD),
        "internet",
        ["ipv?: an unknown name gets 404*"],
        others=("www.st.um: HTTP/1.0",),
    ),
    "an answer that tells too much": Break(
        "primary",
        edit(SERVER, "s/^ServerTokens .*/ServerTokens Full/", WEB_RELOAD),
        "internet",
        ["* nothing told *", "ipv?: an unknown *"],
    ),
    "requests sent back": Break(
        "primary", edit(SERVER, "s/^TraceEnable .*/TraceEnable On/", WEB_RELOAD), "client", ["*: TRACE refused"]
    ),
    "no connection kept": Break(
        "primary", edit(SERVER, "$ a KeepAlive Off", WEB_RELOAD), "client", ["*: connection kept"]
    ),
    "no style": Break(
        "primary",
        ("mv /var/www/www.st.um/page.css /root/page.css", "mv /root/page.css /var/www/www.st.um/page.css"),
        "client",
        ["*: HEAD", "*: 304 *", "*: a range"],
        others=("www.st.um: connection kept",),
    ),
    "a page for what is not there": Break(
        "primary",
        edit(VHOST.format("www"), "s/DirectoryIndex.*/&\\nFallbackResource \\/index.php/", WEB_RELOAD),
        "client",
        ["*: 404 for what is not there"],
    ),
    "no answer in HTTP/1.0": Break(
        "primary",
        edit(
            VHOST.format("www"),
            's,Require all granted,Require expr "%{SERVER_PROTOCOL} != \\x27HTTP/1.0\\x27",',
            WEB_RELOAD,
        ),
        "client",
        ["*: HTTP/1.0"],
    ),
}


EXIM = "/etc/exim4/conf.d/{}/{}server-for-dummies{}"
EXIM_MAIN, EXIM_ACL = EXIM.format("main", "00_", ""), EXIM.format("acl", "50_", "")
EXIM_RELOAD = "systemctl reload exim4"
DOVECOT = "/etc/dovecot/local.conf"
DOVECOT_RELOAD = "systemctl reload dovecot"
RELAY_NETS = "s/^dc_relay_nets=.*/dc_relay_nets=\\x27<; {}\\x27/"
DOCUMENTS = "/var/lib/server-for-dummies/mail/{}"
WITHDRAW = "exim4 -bp | awk '/</ {print $3}' | xargs -r exim4 -Mrm >/dev/null"
BROKEN |= {
    "no mail server": Break(
        "primary",
        ("systemctl stop exim4", "systemctl start exim4"),
        "client",
        ["ipv? 25: *", "ipv? 587: *", "ipv? 465: *", "587: *", "a letter*"],
        others=("25: *", "465: *", "autoconfiguration *", "policy *", "a MIME *"),
    ),
    "no mailboxes": Break(
        "primary",
        ("systemctl stop dovecot", "systemctl start dovecot"),
        "internet",
        ["ipv? 143: *", "ipv? 110: *", "ipv? 4190: *", "993: *", "folders *", "587: PLAIN*", "465: LOGIN*"],
        others=("143: *", "110: *", "995: *", "4190: *", "587: *", *IN_MAILBOX),
    ),
    "letters that get stuck": Break(
        "primary",
        edit(EXIM.format("transport", "50_", ""), "s,socket = .*,socket = /run/none,", f"{EXIM_RELOAD} && {WITHDRAW}"),
        "client",
        ["a letter*", "a MIME letter*"],
    ),
    "letters from anybody to anywhere": Break(
        "primary",
        edit("/etc/exim4/update-exim4.conf.conf", RELAY_NETS.format("0.0.0.0\\/0 ; ::\\/0"), EXIM_RELOAD),
        "internet",
        ["ipv? 25: relay refused", "ipv? 25: our own name refused"],
        others=("ipv? 25: forged *",),
    ),
    "letters from nobody to anywhere": Break(
        "primary",
        edit("/etc/exim4/update-exim4.conf.conf", RELAY_NETS.format(""), EXIM_RELOAD),
        "client",
        ["ipv? 25: relay for *"],
    ),
    "letters for users who are nobody": Break(
        "primary",
        edit(EXIM_ACL, "/^acl_site_rcpt/,/require/{/deny|domains|verify/d}", EXIM_RELOAD),
        "client",
        ["ipv? 25: 550 *"],
    ),
    "letters from senders who are nobody": Break(
        "primary",
        edit(EXIM_MAIN, "/^CHECK_RCPT_VERIFY_SENDER/d", EXIM_RELOAD),
        "internet",
        ["ipv? 25: unknown sender *"],
    ),
    "letters handed in without a password": Break(
        "primary",
        edit(EXIM_MAIN, "/^MAIN_ACL_CHECK_MAIL/d", EXIM_RELOAD),
        "client",
        ["ipv? 587: 530 *", "ipv? 465: 530 *"],
        others=("587: somebody *",),
    ),
    "passwords for letters that can be overheard": Break(
        "primary",
        edit(EXIM.format("auth", "50_", ""), "/server_advertise_condition/d", EXIM_RELOAD),
        "internet",
        ["ipv? 25: greeting *", "ipv? 587: 530 *"],
    ),
    "forged letters": Break(
        "primary",
        edit(EXIM_MAIN, "/^acl_smtp_dkim|^MAIN_ACL_CHECK_DATA/d", EXIM_RELOAD),
        "internet",
        ["ipv? 25: forged *"],
    ),
    "a mail server that takes others for itself": Break(
        "primary", edit(EXIM_ACL, "s/\\+site_names/nobody.invalid/", EXIM_RELOAD), "internet", ["ipv? 25: our own *"]
    ),
    "a mail server that tells who there is": Break(
        "primary",
        edit(EXIM_MAIN, "s/^acl_smtp_helo.*/&\\nacl_smtp_vrfy = acl_check_mail/", EXIM_RELOAD),
        "client",
        ["ipv? 25: nobody told *"],
        others=("ipv? 25: greeting *",),
    ),
    "a mail server that tells too much": Break(
        "primary", edit(EXIM_MAIN, "/^smtp_banner/d", EXIM_RELOAD), "client", ["ipv? 25: greeting *"]
    ),
    "a mail server without patience": Break(
        "primary",
        edit(EXIM_MAIN, "$ a smtp_max_synprot_errors = 0", EXIM_RELOAD),
        "client",
        ["ipv? 25: commands in *"],
    ),
    "no tags": Break(
        "primary",
        edit(EXIM.format("router", "890_", "_tags"), "s/suffix = .*/suffix = -none/", EXIM_RELOAD),
        "internet",
        ["a letter from outside, to a tag"],
    ),
    "old TLS for letters": Break(
        "primary",
        edit(EXIM_MAIN, "s/^tls_require_ciphers.*/tls_require_ciphers = LEGACY:+VERS-ALL/", EXIM_RELOAD),
        "client",
        ["25: TLSv1* refused", "587: TLSv1* refused", "465: TLSv1* refused"],
    ),
    "old TLS for mailboxes": Break(
        "primary",
        edit(
            DOVECOT,
            "s/^ssl_min_protocol.*/ssl_min_protocol = TLSv1\\nssl_cipher_list = ALL:@SECLEVEL=0/",
            DOVECOT_RELOAD,
        ),
        "client",
        [f"{port}: TLSv1* refused" for port in (143, 993, 110, 995, 4190)],
    ),
    "another's certificate for letters": Break(
        "primary",
        another_certificate("mail", EXIM_RELOAD),
        "client",
        ["25: certificate *", "587: certificate *", "465: certificate *"],
        others=("ipv? 25: believed *", "autoconfiguration *", "policy *"),
    ),
    "another's certificate for mailboxes": Break(
        "primary",
        edit(DOVECOT, "s,/site/mail(.pem|.key),/site/web\\1,", DOVECOT_RELOAD),
        "client",
        [f"{port}: certificate *" for port in (143, 993, 110, 995, 4190)],
        others=("autoconfiguration *",),
    ),
    "passwords for mailboxes that can be overheard": Break(
        "primary",
        edit(
            DOVECOT,
            "s/^ssl = .*/ssl = yes/; s/^(auth_allow_cleartext = )no/\\1yes/; s/^(disable_plaintext_auth = )yes/\\1no/",
            DOVECOT_RELOAD,
        ),
        "internet",
        ["ipv? 143: *", "ipv? 110: *", "ipv? 4190: *"],
    ),
    "rules that nobody follows": Break(
        "primary",
        edit(DOVECOT, "s/mail_plugins = .* sieve$/mail_plugins =/; s/sieve = yes/sieve = no/", DOVECOT_RELOAD),
        "client",
        ["a letter, filed by a rule"],
    ),
    "another quota": Break("primary", edit(DOVECOT, "s/(quota.*)1G/\\12G/", DOVECOT_RELOAD), "client", ["quota shown"]),
    "no word of the quota": Break(
        "primary", edit(DOVECOT, "s/imap_quota( = yes)?$/acl\\1/", DOVECOT_RELOAD), "client", ["quota shown"]
    ),
    "a mailbox for any password": Break(
        "primary",
        edit("/etc/pam.d/dovecot", "s/^@include common-auth/auth sufficient pam_permit.so/", "true"),
        "client",
        ["[0-9]*: a wrong password refused"],
    ),
    "users in disguise": Break(
        "primary", edit(EXIM_ACL, "s/!acl = acl_site_own.*/condition = no/", EXIM_RELOAD), "client", ["587: somebody *"]
    ),
    "documents that lead mail programs astray": Break(
        "primary",
        edit(DOCUMENTS.format("autoconfig/config-v1.1.xml"), "s/>993</>994</", "true"),
        "client",
        ["autoconfiguration *", "autodiscovery*"],
    ),
    "a document that nobody at Microsoft's understands": Break(
        "primary",
        edit(DOCUMENTS.format("autodiscover/autodiscover.xml"), "s/>on</>off</", "true"),
        "internet",
        ["autodiscovery: *"],
    ),
    "another policy than was announced": Break(
        "primary",
        edit(DOCUMENTS.format("well-known/mta-sts.txt"), "s/mx: .*/mx: mx.example.org/", "true"),
        "internet",
        ["policy for *"],
    ),
    "nobody to complain to": Break(
        "primary", edit_zone("st.um", "/^_smtp._tls.st.um/d"), "internet", ["reports about *"], cached=True
    ),
    "letters that are changed on their way": Break(
        "primary",
        edit(
            EXIM.format("transport", "50_", ""),
            "s,driver = lmtp,&\\n  transport_filter = /usr/bin/tr n m,",
            EXIM_RELOAD,
        ),
        "client",
        ["a MIME letter*", "a letter, read by *", "a letter from outside*"],
        others=IN_MAILBOX,
    ),
    "letters that POP3 only hides": Break(
        "primary",
        edit(
            DOVECOT,
            's/^auth_allow_cleartext.*/&\\npop3_delete_type = flag\\npop3_deleted_flag = "$POP3Deleted"/; '
            's/^disable_plaintext_auth.*/&\\npop3_deleted_flag = "$POP3Deleted"/',
            DOVECOT_RELOAD,
        ),
        "client",
        ["a letter, read by POP3"],
    ),
    "letters that nobody is told of": Break(
        "primary",
        edit(
            DOVECOT,
            "s/^auth_allow_cleartext.*/&\\nimap_capability {\\n  IDLE = no\\n}/; "
            "s/^disable_plaintext_auth.*/&\\nimap_capability = IMAP4rev1/",
            DOVECOT_RELOAD,
        ),
        "client",
        ["a letter, told of at once"],
        others=IN_MAILBOX,
    ),
    "folders that nobody can make": Break(
        "primary",
        ("chmod a-w /home/user2/Maildir", "chmod u+w /home/user2/Maildir"),
        "client",
        ["folders, made *"],
        others=IN_MAILBOX,
    ),
    "no directory": Break(
        "primary",
        ("systemctl stop slapd", "systemctl start slapd"),
        "client",
        [
            "primary ipv?: the address book",
            "primary ipv?: StartTLS",
            "primary ipv?: LDAPS",
            "primary: a password*",
            "ldapsearch: *",
            "a change by its owner*",
        ],
        others=("primary: [Tao]*", "primary: passwords *"),
    ),
    "no copy of the directory": Break(
        "secondary",
        ("systemctl stop slapd", "systemctl start slapd"),
        "client",
        ["secondary ipv?: the address book", "secondary ipv?: StartTLS", "secondary ipv?: LDAPS"],
        others=("secondary: [Tao]*", "secondary: passwords *", "a change *", "* a change *"),
    ),
    "a directory for everybody": Break(
        "primary",
        both(rewrite(DIRECTORY, "olcAccess", "to * by * write"), rewrite("cn=config", "olcAllows", "update_anon")),
        "internet",
        ["primary: passwords hidden", "primary: a change by a stranger refused"],
        others=("primary ipv?: the address book",),
    ),
    "passwords in the own entry": Break(
        "secondary",
        rewrite(DIRECTORY, "olcAccess", "to * by anonymous auth by * write"),
        "client",
        ["secondary: one*s own entry*", "secondary ipv?: the address book"],
        others=("secondary: [Tao]*", "secondary: passwords *", "a change *", "* a change *"),
    ),
    "passwords for the directory that can be overheard": Break(
        "primary",
        rewrite(DIRECTORY, "olcSecurity", "simple_bind=0"),
        "internet",
        ["primary: a password without TLS refused"],
    ),
    "another's certificate for the directory": Break(
        "primary",
        another_certificate("ldap", "systemctl restart slapd"),
        "client",
        ["primary ipv?: StartTLS", "primary ipv?: LDAPS", "primary: a password, right and wrong"],
        others=("primary: [Tao]*", "a change by *"),
    ),
    # Debian 13 has slapd with OpenSSL, 12 with GnuTLS.
    "old TLS for the directory, by OpenSSL": Break(
        "primary",
        both(
            rewrite("cn=config", "olcTLSProtocolMin", "3.1"),
            rewrite("cn=config", "olcTLSCipherSuite", "ALL:@SECLEVEL=0"),
        ),
        "client",
        ["primary: TLSv1* refused"],
    ),
    "old TLS for the directory, by GnuTLS": Break(
        "secondary",
        rewrite("cn=config", "olcTLSCipherSuite", "NORMAL:+VERS-ALL:%COMPAT"),
        "client",
        ["secondary: TLSv1* refused"],
    ),
    "a directory in one piece": Break(
        "primary", rewrite(DIRECTORY, "olcLimits", "* size.prtotal=disabled"), "client", ["primary: a page at a time"]
    ),
    "a copy that does not follow": Break(
        "secondary",
        (f"{AWAY} add blackhole $way; done", f"{AWAY} del blackhole $way; done"),
        "client",
        ["a change by its owner*"],
        others=("* UPDATE * by update", "SOA dyn.st.um: *"),
    ),
    "a copy that leads astray": Break(
        "secondary",
        rewrite(DIRECTORY, "olcUpdateRef", "ldap://www.example.org"),
        "client",
        ["* a change referred to who is written to"],
    ),
    "an entry that is gone": Break(
        "primary",
        (
            f"ldapsearch -Q -Y EXTERNAL -H ldapi:/// -LLL -b '{ENTRY}' >/root/whole && "
            f"ldapdelete -Q -Y EXTERNAL -H ldapi:/// '{ENTRY}'",
            "ldapadd -Q -Y EXTERNAL -H ldapi:/// -f /root/whole >/dev/null && rm /root/whole",
        ),
        "client",
        ["ldapsearch: *"],
    ),
    "folders of no use": Break("primary", edit(DOVECOT, "/special_use/d", DOVECOT_RELOAD), "client", ["folders *"]),
}


@contextmanager
def broken(lab: Lab, what: Break) -> Iterator[None]:
    try:
        lab.run(what.host, "sh", "-c", what.commands[0])
        if what.cached:
            lab.forget()
        yield
    finally:
        lab.run(what.host, "sh", "-c", what.commands[1])
        if what.cached:
            lab.forget()


# What is run on a host: the program is loaded and has read what it expects once, and each run is a copy of that.
WAITING = """
import json, os, sys
sys.path.insert(0, "/usr/local/lib/server-for-dummies/verify")
import frame
frame.HOLD = 0  # what is dead on purpose may be asked by all at once
services = json.loads(frame.CONFIG.read_text())["services"]
frame.keep_secret(services)
probes = frame.collect(services)
print(json.dumps([probe.name for probe in probes]), flush=True)
for line in sys.stdin:
    if not os.fork():
        print(json.dumps(frame.run(frame.select(probes, [], json.loads(line)), "")), flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit("It ended without results.")
"""


class Prober:
    """The probes' program on a host, waiting: to start it takes longer than most of its probes do."""

    def __init__(self, lab: Lab, host: str) -> None:
        argv = ["docker", "exec", "--interactive", lab.container(host), "python3", "-B", "-c", WAITING]
        self.process = subprocess.Popen(argv, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.names: list[str] = json.loads(self.process.stdout.readline())

    def run(self, patterns: list[str]) -> dict[str, dict[str, Any]]:
        """Run the probes that patterns name, of which each has to name some; return the results by their names."""
        print(json.dumps(patterns), file=self.process.stdin, flush=True)
        results = {result["probe"]: result for result in json.loads(self.process.stdout.readline())}
        assert [pattern for pattern in patterns if not fnmatch.filter(results, pattern)] == []
        return results

    def wait(self, patterns: list[str], ok: bool, seconds: float) -> None:
        """Wait until all of them are well, or all of them fail, with a limit."""
        deadline = time.monotonic() + seconds
        while other := {name: seen["detail"] for name, seen in self.run(patterns).items() if seen["ok"] != ok}:
            assert time.monotonic() < deadline, f"{'not well' if ok else 'well'} after {seconds} s: {other}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def probers(lab: Lab) -> Iterator[dict[str, Prober]]:
    probers = {host: Prober(lab, host) for host in ("client", "internet")}
    yield probers
    for prober in probers.values():
        prober.process.communicate()


@pytest.mark.parametrize("host", ["client", "internet"])
def test_all_is_well(lab: Lab, host: str) -> None:
    results = lab.probes(host)
    assert len(results) > 30
    assert {name: result["detail"] for name, result in results.items() if not result["ok"]} == {}


# That all are well before is seen above.
@pytest.mark.only_default
@pytest.mark.parametrize("what", BROKEN)
def test_a_break_is_noticed(lab: Lab, probers: dict[str, Prober], what: str) -> None:
    prober, patterns = probers[BROKEN[what].where], BROKEN[what].patterns
    with broken(lab, BROKEN[what]):
        prober.wait(patterns, ok=False, seconds=20)
    prober.wait(patterns, ok=True, seconds=30)


@pytest.mark.only_default
def test_what_may_fail_of_a_break_is_there(probers: dict[str, Prober]) -> None:
    names = [name for prober in probers.values() for name in prober.names]
    assert {each for what in BROKEN.values() for each in what.others if not fnmatch.filter(names, each)} == set()


@pytest.mark.slow
@pytest.mark.parametrize("what", BROKEN)
def test_nothing_else_fails(lab: Lab, probers: dict[str, Prober], what: str) -> None:
    prober, patterns = probers[BROKEN[what].where], BROKEN[what].patterns
    # All of these tests' letters together are more than somebody may write in an hour.
    lab.run("primary", "rm", "-f", "/var/spool/exim4/db/ratelimit")
    with broken(lab, BROKEN[what]):
        prober.wait(patterns, ok=False, seconds=20)
        failed = {name: result["detail"] for name, result in prober.run(["*"]).items() if not result["ok"]}
    prober.wait([glob.escape(name) for name in failed], ok=True, seconds=30)
    known = [*patterns, *BROKEN[what].others]
    assert {name: failed[name] for name in failed if not any(fnmatch.fnmatch(name, each) for each in known)} == {}
