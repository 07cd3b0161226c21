"""Settings in which everything is given that can be: where the lab's own leave something out, it is here.

Each option of each role's argument_specs is in the lab's settings or in these, down to the last one inside of lists and
dictionaries. `leaves` goes through all of them.
"""

from collections.abc import Iterator
from typing import Any

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDqJsKzqNwvQBGYgoMKhHH4vJE+kV8kCuQ8WHQ0OXJ+9"
DS = f"12345 13 2 {'ab' * 32}"
PEOPLE = [
    {
        "name": "user1",
        "full_name": "User One",
        "surname": "Servidor",
        "mobile": "627182818",
        "uid": 2001,
        "shell": "/bin/bash",
        "groups": ["audio"],
        "authorized_keys": [SSH_KEY],
    },
    {"name": "user2", "full_name": "User Two", "uid": 2002},
]
ZONE = {
    "name": "a.um",
    "records": [{"name": "www", "type": "TXT", "value": "text", "ttl": 60}],
    "text": "w2 A 192.0.2.2",
    "dnssec": "standard",
    "nameservers": ["ns1.st.um."],
    "view": "main",
    "notify": ["192.0.2.3"],
}
DYNAMIC_ZONE = {
    "name": "dyn.st.um",
    "dnssec": "standard",
    "updates": [{"key": "update", "rule": "zonesub A AAAA CNAME DHCID SRV SSHFP TXT"}],
}
CERTIFICATE = {
    "name": "dns",
    "names": ["ns1.st.um"],
    "addresses": ["172.16.22.135"],
    "emails": ["user1@st.um"],
    "common_name": "ns1.st.um",
    "usage": "server",
    "key_type": "ecdsa",
    "days": 30,
    "group": "bind",
    "reload": ["true"],
}
VHOST = {
    "name": "www9.st.um",
    "aliases": ["www8.st.um"],
    "title": "Basic web",
    "text": "A page.",
    "tls": True,
    "acme": True,
    "redirect": True,
    "groups": ["dummies"],
    "client_certificates": False,
    "folders": {"/more": "/srv/more"},
    "networks": ["172.16.22.0/24"],
    "options": ["AddType application/pkix-crl .crl"],
}
VIEW = {
    "name": "main",
    "clients": ["any"],
    "destinations": ["any"],
    "recursion": True,
    "key": "verify",
    "address": "172.16.22.135",
}
LOGIN = {
    "uris": ["ldap://ldap.st.um"],
    "base": "ou=st,o=um,c=es",
    "groups": "ou=groups,o=um,c=es",
    "group": "dummies",
    "reader": "cn=reader,o=um,c=es",
    "password": "secret",
}

SAMPLES: dict[str, Any] = {
    "accounts_deleted": ["user9"],
    "accounts_users": PEOPLE,
    "apache_acme": {
        "url": "https://acme.example/directory",
        "ca_file": "/etc/ssl/acme.pem",
        "caa": "acme.example",
        "contact": "me@st.um",
        "agreed": True,
    },
    "apache_directory": {name: value for name, value in LOGIN.items() if name != "group"},
    "apache_options": {"Timeout": "60"},
    "apache_vhosts": [VHOST],
    "backup_calendar": "03:17",
    "backup_keep": {"daily": 7, "weekly": 5, "monthly": 12, "yearly": 3},
    "backup_units_dir": "/nowhere",
    "backup_until": "2026-07-31",
    "bind9_dynamic_zones": [DYNAMIC_ZONE],
    "bind9_ds": {"child.st.um.": [DS]},
    "bind9_response_policy": [{"name": "bad.example", "action": "nxdomain"}],
    "bind9_trust_anchors": [{"name": ".", "ds": [DS]}],
    "bind9_views": [VIEW],
    "bind9_zones": [ZONE | {"variable": "site_zones"}],
    "dovecot_directory": LOGIN,
    "dovecot_options": {"mail_debug": "yes"},
    "dovecot_quotas": {"user1": "5G"},
    "exim4_catch_all": {"st.um": "user1@st.um"},
    "exim4_inquiry_networks": ["172.16.22.0/24"],
    "exim4_options": {"queue_run_max": "5"},
    "exim4_relay_domains": ["example.net"],
    "exim4_senders": {"user1": ["shop@st.um"]},
    "exim4_smarthost": {"host": "smtp.example", "port": 587, "user": "me"},
    "exim4_smarthost_password": "secret",
    "firewall_networks": {"ssh": ["172.16.22.0/24"]},
    "firewall_ports": [{"port": 8080, "protocol": "tcp", "networks": ["172.16.22.0/24"]}],
    "firewall_rules": ["tcp dport 8080 accept"],
    "firewall_services": {"dns": {"udp": [53], "tcp": [53]}, "ssh": {"tcp": [22]}},
    "firewall_trusted_networks": ["172.16.22.0/24"],
    "identity": "local",
    "openssh_authorized_keys": {"user1": [SSH_KEY]},
    "openssh_keys_command": "/usr/bin/sss_ssh_authorizedkeys %u",
    "openssh_options": {"Banner": "/etc/issue.net"},
    "openssh_password_networks": ["172.16.22.0/24"],
    "openssh_revoked_keys": [SSH_KEY],
    "openssl_ca_certificates": [CERTIFICATE],
    "openssl_ca_subject": [{"O": "UMU", "OU": "ST", "L": "Murcia", "ST": "Murcia", "C": "ES"}],
    "openssl_ca_revoked": ["0A1B"],
    "packages_answers": ["slapd slapd/no_configuration boolean true"],
    "packages_names": ["curl"],
    "resolver_trust_anchors": [{"name": ".", "ds": [DS]}],
    "restart_probes": ["*: no question, a Maildir"],
    "restart_service": "dns",
    "restart_units": [{"name": "php*-fpm", "check": ["true"]}],
    "site_directory_login": {name: value for name, value in LOGIN.items() if name != "group"},
    "site_dkim_published": {"primary-1": "MIIB" * 98},
    "site_records": [{"name": "t", "type": "TXT", "value": "text", "ttl": 60}],
    "site_ds_inside": {"st.um.": [DS]},
    "site_ds_outside": {".": [DS]},
    "site_dynamic_zones": [DYNAMIC_ZONE],
    "site_ssh_key_files": ["/nowhere/primary.pub"],
    "site_ssh_keys": {"primary": SSH_KEY},
    "site_sssd_login": LOGIN,
    "site_tlsa": [f"2 1 1 {'ab' * 32}"],
    "site_users": PEOPLE,
    "site_web_hosts": [VHOST],
    "site_zones": [ZONE],
    "slapd_former_secrets": {"manager": "secret", "replicator": "secret", "reader": "secret"},
    "slapd_groups": {"dummies": ["user1"]},
    "slapd_ldif_files": [__file__],
    "slapd_people": PEOPLE,
    "sssd_directory": LOGIN,
    "sssd_users": PEOPLE,
    "upkeep_reboot_time": "04:00",
    "upkeep_upgrade_calendar": "01:00 UTC",
}


Way = tuple[Any, ...]


def leaves(value: Any, path: Way = ()) -> Iterator[tuple[Way, Any]]:
    """Give what is in a value, and the value itself, each with the way to it.

    Of a list its first item stands for all. The name of a dictionary's first entry is something, too, to which a way
    ends in ("name", NAME).
    """
    yield path, value
    if isinstance(value, dict):
        for number, (name, each) in enumerate(value.items()):
            if number == 0:
                yield (*path, ("name", name)), name
            yield from leaves(each, (*path, name))
    elif isinstance(value, list) and value:
        yield from leaves(value[0], (*path, 0))


def changed(value: Any, path: Way, new: Any) -> Any:
    """Return a value in which another one is at the end of a way."""
    if not path:
        return new
    first, *rest = path
    if isinstance(first, tuple):
        return {(new if name == first[1] else name): each for name, each in value.items()}
    if isinstance(value, list):
        return [changed(each, rest, new) if number == first else each for number, each in enumerate(value)]
    return {name: changed(each, rest, new) if name == first else each for name, each in value.items()}


def written(name: str, path: Way) -> str:
    """Return how messages write a way."""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else "" if isinstance(part, tuple) else f".{part}"
    return name
