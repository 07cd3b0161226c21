"""A wrong setting ends the run before any host changes, and the message names the variable."""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template

from preflight import LAB, Preflight

TOP = Path(__file__).resolve().parents[2]
FIRST = "playbooks/prepare.yml"  # of site.yml

SECRET = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="  # noqa: S105 (it guards nothing)

# Kind of mistake: (setting, words of the message)
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "domain with an empty label": ({"site_domain": "st..um"}, "Edit site_domain: 'st..um' is not valid as domain"),
    "domain with a label too long": ({"site_domain": "a" * 64 + ".um"}, "site_domain"),
    "domain with spaces": ({"site_domain": "st um"}, "site_domain"),
    "network with host bits": ({"site_networks": ["172.16.22.1/24"]}, "site_networks"),
    "network without prefix": ({"site_networks": ["172.16.22.0"]}, "site_networks"),
    "networks that overlap": ({"site_networks": ["10.0.0.0/8", "10.1.0.0/16"]}, "site_networks"),
    "networks not a list": ({"site_networks": 5}, "site_networks"),
    "services without names": (
        {"site_services": ["ldap", "mail", "web"]},
        "Edit the settings of site: Edit site_services: dns is missing, by whose names all others are found",
    ),
    "misspelled variable": ({"bind9_forwarder": ["192.0.2.1"]}, "bind9_forwarder is not a variable of role bind9; is"),
    "prefix that gives no address": ({"site_ipv4_prefix": "172.16"}, "Edit site_ipv4_prefix: '172.16' is not valid"),
    "record with a wrong address": (
        {"site_records": [{"name": "w", "type": "A", "value": "172.16.22.999"}]},
        "site_records: zone st.um. has 1 error: record 9 (w A 172.16.22.999)",
    ),
    "address of a host": ({"host_ipv4": "172.16.22"}, "host_ipv4"),
    "record of an unknown type": ({"site_records": [{"name": "w", "type": "AAA", "value": "x"}]}, "site_records"),
    "record without a value": ({"site_records": [{"name": "w", "type": "A"}]}, "site_records"),
    "record with an unknown key": (
        {"site_records": [{"name": "w", "type": "A", "value": "192.0.2.1", "tll": 5}]},
        "site_records",
    ),
    "alias beside other data": ({"site_records": [{"name": "ns1", "type": "CNAME", "value": "@"}]}, "site_records"),
    "mail exchanger that is an alias": (
        {
            "site_records": [
                {"name": "alias", "type": "CNAME", "value": "@"},
                {"name": "@", "type": "MX", "value": "10 alias"},
            ]
        },
        "site_records",
    ),
    "mail exchanger that is nowhere": (
        {"site_records": [{"name": "@", "type": "MX", "value": "10 nowhere"}]},
        "site_records",
    ),
    "record twice": ({"site_records": [{"name": ["a", "a"], "type": "A", "value": "192.0.2.1"}]}, "site_records"),
    "time to live out of range": (
        {"site_records": [{"name": "a", "type": "A", "value": "192.0.2.1", "ttl": 2**31}]},
        "site_records",
    ),
    "label too long": ({"site_records": [{"name": "a" * 64, "type": "A", "value": "192.0.2.1"}]}, "site_records"),
    "records not a list": ({"site_records": {"www": "192.0.2.1"}}, "site_records"),
    "zone twice": (
        {"site_zones": [{"name": "st.um", "records": []}]},
        "Edit the settings of bind9: Edit site_zones: the zone st.um is there twice",
    ),
    "zone twice, in two variables": (
        {"site_zones": [{"name": "dyn.st.um"}]},
        "Edit site_dynamic_zones: the zone dyn.st.um is there twice",
    ),
    "zone without a name": ({"site_zones": [{"records": []}]}, "Edit site_zones[0]: name has to be given"),
    "zone in an unknown view": (
        {"site_zones": [{"name": "a.um", "view": "elsewhere"}]},
        "Edit bind9_views: there is no view elsewhere",
    ),
    "views without a name": ({"bind9_views": [{"clients": ["any"]}]}, "Edit bind9_views[0]: name has to be given"),
    "views of one name": ({"bind9_views": [{"name": "a"}, {"name": "a"}]}, "Edit bind9_views: ['a', 'a'] are not"),
    "bad record in a text": (
        {"site_zones": [{"name": "a.um", "text": "www A 172.16.22.999"}]},
        "Edit site_zones: zone a.um. has 1 error: line 1 (www A 172.16.22.999)",
    ),
    "servers of a zone not in full": (
        {"site_zones": [{"name": "a.um", "nameservers": ["ns1"]}]},
        "Edit site_zones: 'ns1' is not a full name with its final dot",
    ),
    "dynamic network outside": (
        {"site_dynamic_networks": ["192.0.2.0/26"]},
        "Edit site_dynamic_networks: network 192.0.2.0/26 is in none of the networks",
    ),
    "dynamic zone without updates": (
        {"site_dynamic_zones": [{"name": "dyn.st.um"}]},
        "Edit site_dynamic_zones[0]: updates has to be given",
    ),
    "zone of others without primaries": (
        {"site_secondary_zones": [{"name": "a.um", "key": "x"}]},
        "Edit site_secondary_zones[0]: primaries has to be given",
    ),
    "unknown DNSSEC policy of a zone": (
        {"site_zones": [{"name": "a.um", "dnssec": "standart"}]},
        "Edit site_zones: zone a.um: there is no DNSSEC policy 'standart'; possible: standard, none, insecure",
    ),
    "unknown DNSSEC policy of a dynamic zone": (
        {"site_dynamic_zones": [{"name": "dyn.st.um", "dnssec": "standart", "updates": []}]},
        "Edit site_dynamic_zones: zone dyn.st.um: there is no DNSSEC policy 'standart'",
    ),
    "unknown DNSSEC policy of all zones": (
        {"bind9_dnssec": "standart"},
        "Edit bind9_dnssec: there is no DNSSEC policy 'standart'; possible: standard, none, insecure",
    ),
    "DNSSEC key without a role": (
        {"bind9_dnssec_policies": [{"name": "standard", "keys": [{"lifetime": "90d"}]}]},
        "Edit bind9_dnssec_policies[0].keys[0]: role has to be given",
    ),
    "policy with a bad action": (
        {"bind9_response_policy": [{"name": "a.example", "action": "block"}]},
        "Edit bind9_response_policy: a.example: action 'block' is neither one of nxdomain, nodata, passthru, drop, nor "
        "an address",
    ),
    "policy twice": (
        {"bind9_response_policy": [{"name": "a.example", "action": "drop"}] * 2},
        "Edit bind9_response_policy: zone policy.invalid. has 2 errors",
    ),
    "update key without a secret": (
        {
            "site_dynamic_zones": [
                {"name": "dyn.st.um", "updates": [{"key": "nobodys", "rule": "zonesub A"}]},
            ],
            "bind9_tsig_secrets": {"secondary": SECRET, "verify": SECRET, "partner": SECRET},
        },
        "checked('base64', 'bind9_tsig_secrets') }}: object of type 'dict' has no attribute 'nobodys'",
    ),
    "trust anchor that is none": (
        {"bind9_trust_anchors": [{"name": ".", "ds": ["1 13 2 00"]}]},
        "Edit bind9_trust_anchors[0].ds[0]: '1 13 2 00' is not valid as ds: it is not the value of a DS record",
    ),
    "trust anchor of no domain": (
        {"bind9_trust_anchors": [{"name": "st..um.", "ds": []}]},
        "Edit bind9_trust_anchors[0].name: 'st..um.' is not valid as fqdn",
    ),
    "TLS certificate without a key": (
        {"bind9_tls_key": ""},
        "Edit bind9_tls_key: '' is not valid as path",
    ),
    "TLS key without a certificate": (
        {"bind9_tls_certificate": ""},
        "Edit bind9_tls_certificate: '' is not valid as path",
    ),
    "port below zero": ({"bind9_tls_port": -1}, "bind9_tls_port"),
    "parental agent that is no address": (
        {"bind9_parental_agents": ["a.top."]},
        "Edit bind9_parental_agents[0]: 'a.top.'",
    ),
    "hostmaster not in full": (
        {"site_zone_defaults": {"nameservers": ["ns1.st.um."], "hostmaster": "hostmaster"}},
        "site_zone_defaults: 'hostmaster' is not a full name",
    ),
    "default time not a number": (
        {"site_zone_defaults": {"nameservers": ["ns1.st.um."], "hostmaster": "h.st.um.", "ttl": "1d"}},
        "Edit site_zone_defaults.ttl: '1d' is not valid as 0..2147483647",
    ),
    "secondaries that give up too early": (
        {"site_zone_defaults": {"nameservers": ["ns1.st.um."], "hostmaster": "h.st.um.", "expire": 60}},
        "site_zone_defaults: expire 60",
    ),
    "forwarder that is no address": (
        {"bind9_forwarders": ["ns.example.org"]},
        "Edit bind9_forwarders[0]: 'ns.example.org'",
    ),
    "choice that does not exist": ({"bind9_dnssec_validation": "maybe"}, "bind9_dnssec_validation"),
    "switch that is neither": ({"bind9_minimal_responses": "perhaps"}, "bind9_minimal_responses"),
    "limit below zero": ({"bind9_responses_per_second": -1}, "bind9_responses_per_second"),
    "key too short": ({"bind9_tsig_secrets": {"secondary": "c2hvcnQ=", "verify": "c2hvcnQ="}}, "bind9_tsig_secrets"),
    "key not in base64": ({"bind9_tsig_secrets": {"secondary": "!", "verify": "!"}}, "bind9_tsig_secrets"),
    "key missing": ({"bind9_tsig_secrets": {}}, "bind9_tsig_secrets"),
    "resolver without an address": ({"resolver_nameservers": ["ns1"]}, "Edit resolver_nameservers[0]: 'ns1'"),
    "search domain that is none": ({"resolver_search": ["-st.um"]}, "resolver_search"),
    "user with a name that none has": (
        {"site_users": [{"name": "Eve!"}], "accounts_passwords": {"Eve!": "x"}},
        "Edit site_users[0].name: 'Eve!' is not valid as account",
    ),
    "user without a password": ({"accounts_passwords": {}}, "Edit accounts_passwords: no password for user1, user2"),
    "user with an unknown key": (
        {"site_users": [{"name": "user1", "home": "/x"}]},
        "Edit site_users[0]: there is no 'home'; possible: name, full_name",
    ),
    "user who is to be deleted": ({"accounts_deleted": ["user1"]}, "in both of them: user1"),
    "no authorities for SSH": (
        {"openssh_authorities": []},
        "Edit openssh_authorities: [] is not valid as generations: a list of at least one number is possible",
    ),
    "authority for SSH with a name": ({"openssh_authorities": [1, "new"]}, "openssh_authorities"),
    "authority for SSH below zero": ({"openssh_authorities": [1, -1]}, "Edit openssh_authorities: [1, -1] is not"),
    "authority for SSH twice": ({"openssh_authorities": [2, 1, 2]}, "Edit openssh_authorities: [2, 1, 2] is not"),
    "SSH key that is none": (
        {"openssh_revoked_keys": ["ssh-ed25519 AAAA"]},
        "Edit openssh_revoked_keys[0]: 'ssh-ed25519 AAAA' is not valid as ssh_key",
    ),
    "network for passwords that is none": (
        {"openssh_password_networks": ["172.16.22.0"]},
        "Edit openssh_password_networks[0]: '172.16.22.0' is not valid as network",
    ),
    "root login by password": (
        {"openssh_root_login": "yes"},
        "Edit openssh_root_login: 'yes' is not one of 'prohibit-password'",
    ),
    "virtual host twice": (
        {"apache_vhosts": [{"name": "a.um"}, {"name": "A.um"}]},
        "Edit apache_vhosts: twice there: a.um",
    ),
    "virtual host for an unknown group": (
        {"site_web_hosts": [{"name": "a.st.um", "groups": ["staff"]}]},
        "Edit apache_vhosts or apache_groups: a.st.um is for staff; there are dummies",
    ),
    "virtual host with a misspelled key": (
        {"site_web_hosts": [{"name": "a.st.um", "ssl": True}]},
        "Edit site_web_hosts[0]: there is no 'ssl'",
    ),
    "virtual host for certificates, without TLS": (
        {"site_web_hosts": [{"name": "a.st.um", "client_certificates": True}]},
        "Edit apache_vhosts: a.st.um has client_certificates, which takes tls",
    ),
    "virtual host of a public authority that is not told": (
        {"site_web_hosts": [{"name": "a.st.um", "tls": True, "acme": True}], "apache_acme": {"url": "https://a.um/"}},
        "Edit apache_acme: for a.st.um it takes caa, contact, agreed, too",
    ),
    "virtual host over TLS of another domain": (
        {"site_web_hosts": [{"name": "www.example.org", "tls": True}]},
        "is to be for www.example.org, outside of what the authority may",
    ),
    "mail server that is called what something else is": (
        {"site_mail_host": "www"},
        "Edit the settings of bind9: Edit site_records: zone st.um. has",
    ),
    "mail domain that is none": (
        {"exim4_local_domains": ["st um"]},
        "Edit exim4_local_domains[0]: 'st um' is not valid",
    ),
    "mail relay for a network that is none": (
        {"exim4_relay_networks": ["172.16.22.1"]},
        "Edit exim4_relay_networks[0]: '172.16.22.1' is not valid as network",
    ),
    "mail alias with a line end": (
        {"exim4_aliases": {"root": "user1\nall: user2"}},
        "Edit exim4_aliases.root: 'user1\\nall: user2' is not valid as mailboxes",
    ),
    "mail alias for nobody": ({"exim4_aliases": {"root": []}}, "Edit exim4_aliases.root: [] is not valid as mailboxes"),
    "mail of negative size": (
        {"exim4_size_limit": -1},
        "Edit exim4_size_limit: -1 is not valid as 0..2000: an integer from 0 to 2000 is possible",
    ),
    "mail option misspelled": ({"exim4_relay_network": []}, "is exim4_relay_networks meant?"),
    "mail checked in an unknown way": (
        {"exim4_authentication": "some"},
        "Edit exim4_authentication: 'some' is not one of 'refuse', 'tell', 'no'",
    ),
    "mail signed for a domain that is none": (
        {"exim4_dkim_domains": ["st um"]},
        "Edit exim4_dkim_domains[0]: 'st um' is not valid as domain",
    ),
    "mail signed by no number": ({"site_dkim_keys": ["a b"]}, "site_dkim_keys"),
    "mail policy that there is not": (
        {"site_dmarc": "refuse"},
        "Edit site_dmarc: 'refuse' is not one of 'none', 'quarantine', 'reject'",
    ),
    "mail folder for an unknown use": (
        {"dovecot_folders": [{"name": "Sent", "use": "Sended"}]},
        "Edit dovecot_folders[0].use: 'Sended' is not one of 'All', 'Archive'",
    ),
    "mailbox with connections below zero": (
        {"dovecot_connections": -1},
        "Edit dovecot_connections: -1 is not valid as 0..1000000",
    ),
    "mailbox of no size": ({"dovecot_quota": "1 GB"}, "Edit dovecot_quota: '1 GB' is not valid as size"),
    "mailbox of no size for somebody": (
        {"dovecot_quotas": {"user1": "1G", "user2": "much"}},
        "Edit dovecot_quotas.user2: 'much' is not valid as size",
    ),
    "mailbox of nobody": (
        {"dovecot_quotas": {"User One": "1G"}},
        "Edit dovecot_quotas: 'User One' is not valid as user",
    ),
    "passwords without TLS from no network": (
        {"dovecot_plaintext": True, "dovecot_local_networks": ["192.0.2.0"]},
        "Edit dovecot_local_networks[0]: '192.0.2.0' is not valid as network",
    ),
    "directory of no name": ({"slapd_suffix": "um"}, "Edit slapd_suffix: 'um' is not valid as suffix"),
    "directory's unit with another one in its name": (
        {"slapd_unit": "st,ou=x"},
        "Edit slapd_unit: 'st,ou=x' is not valid as unit",
    ),
    "directory's entry somewhere else": (
        {"slapd_entries": [{"dn": "cn=a,o=other", "attributes": {"objectClass": "person"}}]},
        "Edit slapd_entries: cn=a,o=other: there is no entry above it, o=other",
    ),
    "people with the same name": (
        {"site_users": [{"name": "user1", "full_name": "A B"}, {"name": "user2", "full_name": "a b"}]},
        "Edit site_users: user1 and user2 have the same full_name, a b",
    ),
    "directory that shows what is none": (
        {"slapd_public_attributes": ["cn by * write"]},
        "Edit slapd_public_attributes[0]: 'cn by * write' is not valid as attribute",
    ),
    "directory that locks out below zero": (
        {"slapd_lockout_failures": -1},
        "Edit slapd_lockout_failures: -1 is not valid as 0..1000000",
    ),
    "passwords in a place that there is not": (
        {"identity": "ldap"},
        "Edit identity: 'ldap' is not one of 'local', 'directory'",
    ),
    "logins by the directory of somebody without a number": (
        {"identity": "directory", "site_sssd": True, "site_users": [{"name": "user1"}]},
        "Edit site_users: {'name': 'user1'} is not valid as numbered: a uid from 1000 on",
    ),
    "directory's group of no name": ({"slapd_groups": {"a,b": []}}, "Edit slapd_groups: 'a,b' is not valid as user"),
    "open port that there is not": (
        {"firewall_ports": [{"port": 70000}]},
        "Edit firewall_ports[0].port: 70000 is not valid as 1..65535",
    ),
    "open port for a network that is none": (
        {"firewall_ports": [{"port": 8080, "networks": ["172.16.22.1"]}]},
        "Edit firewall_ports[0].networks[0]: '172.16.22.1' is not valid as network",
    ),
    "networks for an unknown service": (
        {"firewall_networks": {"shh": ["172.16.22.0/24"]}},
        "Edit firewall_networks or firewall_limits: there is no shh",
    ),
    "limits without one": (
        {"firewall_limits": {"ssh": 60}},
        "Edit firewall_limits: dns has to be given; Edit firewall_limits: http has to be given",
    ),
    "time to undo below zero": ({"firewall_undo_seconds": 0}, "Edit firewall_undo_seconds: 0 is not valid as 1..86400"),
    "cache time below zero": ({"packages_cache_valid_time": -5}, "packages_cache_valid_time"),
    # What YAML takes for something else than it is meant to be
    "word no, not in quotes": (
        {"exim4_authentication": False},
        "Edit exim4_authentication: False is not a string, in quotes",
    ),
    "root login no, not in quotes": ({"openssh_root_login": False}, "Edit openssh_root_login: False is not a string"),
    "truth value in quotes": (
        {"exim4_sender_check": "no"},
        "Edit exim4_sender_check: 'no' is not true or false, without",
    ),
    "number in quotes": ({"bind9_tls_port": "853"}, "Edit bind9_tls_port: '853' is not an integer, without quotes"),
    "list in one string": (
        {"site_networks": "10.0.0.0/8,10.1.0.0/16"},
        "Edit site_networks: '10.0.0.0/8,10.1.0.0/16' is not a",
    ),
    "dictionary in one string": ({"exim4_smarthost": "host=a"}, "Edit exim4_smarthost: 'host=a' is not a dictionary"),
    "dictionary for a text": ({"site_domain": {"a": 1}}, "Edit site_domain: {'a': 1} is not a string, in quotes"),
    "list for a number": ({"openssh_days": [90]}, "Edit openssh_days: [90] is not an integer"),
    "nothing behind a colon": (
        {"exim4_catch_all": None},
        "Edit exim4_catch_all: it is empty; give a dictionary, or leave",
    ),
    "nothing behind a colon, inside": (
        {"site_users": [{"name": "user1", "full_name": None}]},
        "Edit site_users[0].full_name: None is not valid as gecos",
    ),
    "telephone without quotes": (
        {"site_users": [{"name": "user1", "mobile": 627182818}]},
        "Edit site_users[0].mobile: 627182818 is not valid as telephone",
    ),
    "score that is no number": (
        {"exim4_spam_marked": float("nan")},
        "Edit exim4_spam_marked: nan is not valid as -1000.0",
    ),
    "template that is broken": (
        {"exim4_size_limit": trust_as_template("{{ 5 * }}")},
        "Edit exim4_size_limit: Syntax error",
    ),
    "template of what is not there": (
        {"exim4_size_limit": trust_as_template("{{ nowhere }}")},
        "Edit exim4_size_limit: 'nowhere' is",
    ),
    # Ranges
    "port 0": ({"bind9_tls_port": 0}, "Edit bind9_tls_port: 0 is not valid as 1..65535: an integer from 1 to 65535"),
    "port 65536": (
        {"exim4_smarthost": {"host": "a.um", "port": 65536}},
        "Edit exim4_smarthost.port: 65536 is not valid as",
    ),
    "port that is a word": ({"bind9_https_port": "https"}, "Edit bind9_https_port: 'https' is not an integer"),
    "port of another service": ({"bind9_https_port": 443}, "bind9_https_port or bind9_statistics_port: [22, 25, 53,"),
    "port twice": ({"bind9_tls_port": 8443}, "8443 is there twice"),
    "user as root": (
        {"site_users": [{"name": "user1", "uid": 0}]},
        "Edit site_users[0].uid: 0 is not valid as 1000..60000",
    ),
    "user with a system's number": (
        {"site_users": [{"name": "user1", "uid": 999}]},
        "Edit site_users[0].uid: 999 is not",
    ),
    "certificates renewed before they are issued": (
        {"openssl_ca_days": 30},
        "Edit openssl_ca_renew_days: 30 is not valid as 0..29",
    ),
    "SSH certificates, likewise": ({"openssh_renew_days": 90}, "Edit openssh_renew_days: 90 is not valid as 0..89"),
    "lists of revoked ones, likewise": (
        {"openssl_ca_crl_renew_days": 7},
        "Edit openssl_ca_crl_renew_days: 7 is not valid as 0..6",
    ),
    "time that never ends": (
        {"slapd_lockout_seconds": 10**12},
        "Edit slapd_lockout_seconds: 1000000000000 is not valid",
    ),
    # Addresses
    "host outside of the networks": (
        {"site_networks": ["192.0.2.0/24"], "site_dynamic_networks": []},
        "Edit host_ipv4 of host primary: 172.16.22.135 is in none of site_networks, 192.0.2.0/24",
    ),
    "host at no unicast address": (
        {"host_ipv6": "ff02::1"},
        "Edit host_ipv6 of host primary: 'ff02::1' is not valid as address: no host",
    ),
    "host at a link-local address": (
        {"host_ipv6": "fe80::1%eth0"},
        "Edit host_ipv6 of host primary: 'fe80::1%eth0' has a zone",
    ),
    "two hosts at one address": (
        {"host_ipv4": "172.16.22.5"},
        "Edit site_hosts: host secondary: 172.16.22.5 is given twice",
    ),
    "interface that is a command": (
        {"bind9_forwarders": ["fe80::1%$(id)"]},
        "Edit bind9_forwarders[0]: 'fe80::1%$(id)' is not",
    ),
    "network with a mask": (
        {"site_networks": ["10.0.0.0/255.0.0.0"]},
        "Edit site_networks[0]: '10.0.0.0/255.0.0.0' is not",
    ),
    # Twice
    "user twice": (
        {"site_users": [{"name": "user1"}, {"name": "user1", "full_name": "B"}]},
        "Edit site_users or accounts_group: ['user1', 'user1', 'dummies'] is not valid as distinct: user1 is",
    ),
    "user with the name of the group": ({"site_users": [{"name": "dummies"}]}, "dummies is there twice"),
    "number twice": (
        {"site_users": [{"name": "user1", "uid": 2001}, {"name": "user2", "uid": 2001}]},
        "Edit the uid in site_users: [2001, 2001] is not valid as distinct: 2001 is there twice",
    ),
    "alias of two virtual hosts": (
        {"site_web_hosts": [{"name": "a.st.um", "aliases": ["c.st.um"]}, {"name": "b.st.um", "aliases": ["C.st.um"]}]},
        "Edit site_records: zone st.um. has 1 error",
    ),
    "mail folder twice": (
        {"dovecot_folders": [{"name": "Sent", "use": "Sent"}, {"name": "Sent", "use": "Trash"}]},
        "Edit dovecot_folders: ['Sent', 'Sent'] is not valid as distinct: Sent is there twice",
    ),
    "names of a host twice": ({"host_names": ["a", "A"]}, "Edit site_hosts: host primary: a is given twice"),
    # Who is not there
    "postmaster who is nobody": (
        {"site_postmaster": "nobody"},
        "Edit site_postmaster or site_users: there is no nobody; there are user1, user2",
    ),
    "member of a group who is nobody": (
        {"slapd_groups": {"staff": ["user1", "user9"]}},
        "Edit slapd_groups or slapd_people: there is no user9; there are user1, user2",
    ),
    "client that watches, and is nowhere": (
        {"restart_client": "laptop"},
        "Edit restart_client or the inventory: there is no laptop",
    ),
    "more than all of a disk": (
        {"upkeep_disk_percent": 101},
        "Edit upkeep_disk_percent: 101 is not valid as 0..100: an integer from 0 to 100 is possible",
    ),
    "figures that nobody would find": (
        {"upkeep_metrics": "/var/lib/site.txt"},
        "Edit upkeep_metrics: '/var/lib/site.txt' is not valid as prom_file: an absolute path that ends in .prom",
    ),
    "reboot at a time that there is not": (
        {"upkeep_reboot_time": "25:00"},
        "Edit upkeep_reboot_time: '25:00' is not valid as clock: a time from 00:00 to 23:59 is possible",
    ),
    # Reserved names
    "user root": (
        {"site_users": [{"name": "root"}]},
        "Edit site_users[0].name: 'root' is not valid as account: it is the name",
    ),
    "user www-data": (
        {"site_users": [{"name": "www-data"}]},
        "Edit site_users[0].name: 'www-data' is not valid as account",
    ),
    "user of systemd's": (
        {"site_users": [{"name": "systemd-network"}]},
        "Edit site_users[0].name: 'systemd-network' is",
    ),
    "group root for everybody": ({"accounts_group": "root"}, "Edit accounts_group: 'root' is not valid as people"),
    "root is to be deleted": (
        {"accounts_deleted": ["root"]},
        "Edit accounts_deleted[0]: 'root' is not valid as account",
    ),
    "domain localhost": (
        {"site_domain": "localhost"},
        "Edit site_domain: 'localhost' is not valid as domain: localhost is what",
    ),
    "host localhost": (
        {"host_names": ["localhost"]},
        "Edit host_names of host primary: ['localhost'] is not valid as names_of",
    ),
    "mail server @": ({"site_mail_host": "@"}, "Edit site_mail_host: '@' is not valid as server_name"),
    # One language in another
    "alias that is a command": (
        {"exim4_aliases": {"root": "|reboot"}},
        "Edit exim4_aliases.root: '|reboot' is not valid as",
    ),
    "alias that is a file": (
        {"exim4_aliases": {"root": "/etc/passwd"}},
        "Edit exim4_aliases.root: '/etc/passwd' is not valid",
    ),
    "alias that Exim expands": (
        {"exim4_catch_all": {"st.um": "${run{/bin/reboot}}"}},
        "Edit exim4_catch_all.st.um: '${run{/bin/reboot}}' is not valid as mailbox",
    ),
    "option with a second line": (
        {"exim4_options": {"queue_run_max": "5\nacl_smtp_rcpt = accept"}},
        "Edit exim4_options.queue_run_max: '5\\nacl_smtp_rcpt = accept' is not valid as value: one line is possible",
    ),
    "option that goes on": (
        {"apache_options": {"Timeout": "60 \\"}},
        "Edit apache_options.Timeout: '60 \\\\' is not valid as",
    ),
    "option that is a block": (
        {"apache_options": {"<Location /x>": "a"}},
        "Edit apache_options: '<Location /x>' is not valid as",
    ),
    "option of SSH with a second line": (
        {"openssh_options": {"Banner": "none\nPermitRootLogin yes"}},
        "Edit openssh_options.Banner: 'none\\nPermitRootLogin yes' is not valid as value",
    ),
    "option that is a truth value": (
        {"dovecot_options": {"mail_debug": True}},
        "Edit dovecot_options.mail_debug: True is not",
    ),
    "line of a virtual host that is two": (
        {"site_web_hosts": [{"name": "a.st.um", "options": ["Require all granted\n</VirtualHost>"]}]},
        "Edit site_web_hosts[0].options[0]: 'Require all granted\\n</VirtualHost>' is not valid as line",
    ),
    "folder of a virtual host with a quote": (
        {"site_web_hosts": [{"name": "a.st.um", "folders": {"/a": '/srv/"'}}]},
        "Edit site_web_hosts[0].folders./a: '/srv/\"' is not valid as path",
    ),
    "rule for updates with a second one": (
        {
            "site_dynamic_zones": [
                {"name": "dyn.st.um", "updates": [{"key": "a", "rule": "zonesub A; grant * zonesub ANY"}]}
            ]
        },
        "Edit site_dynamic_zones[0].updates[0].rule: 'zonesub A; grant * zonesub ANY' is not valid as words",
    ),
    "zone of others with a brace": (
        {"site_secondary_zones": [{"name": 'a"; };', "primaries": [{"addresses": ["192.0.2.1"]}], "key": "x"}]},
        "Edit site_secondary_zones[0].name: 'a\"; };' is not valid as zone",
    ),
    "primary of others with a semicolon": (
        {"site_secondary_zones": [{"name": "a.um", "primaries": [{"addresses": ["192.0.2.1; any"]}], "key": "x"}]},
        "Edit site_secondary_zones[0].primaries[0].addresses[0]: '192.0.2.1; any' is not valid as address",
    ),
    "clients of a view with a brace": (
        {"bind9_views": [{"name": "world", "clients": ["any; }; zone x {"]}]},
        "Edit bind9_views[0].clients[0]: 'any; }; zone x {' is not valid as match",
    ),
    "DNSSEC option with a brace": (
        {
            "bind9_dnssec_policies": [
                {"name": "standard", "keys": [{"role": "csk"}], "options": {"max-zone-ttl": "1w; }"}}
            ]
        },
        "Edit bind9_dnssec_policies[0].options.max-zone-ttl: '1w; }' is not valid as words",
    ),
    "path with a new line": ({"bind9_tls_key": "/etc/a\nb"}, "Edit bind9_tls_key: '/etc/a\\nb' is not valid as path"),
    "socket with a brace": (
        {"exim4_lmtp_socket": "/run/${x}"},
        "Edit exim4_lmtp_socket: '/run/${x}' is not valid as path",
    ),
    "shell that is a command": (
        {"accounts_shell": "/bin/sh; id"},
        "Edit accounts_shell: '/bin/sh; id' is not valid as path",
    ),
    "password with a line end": (
        {"accounts_passwords": {"user1": "a\nroot:b"}},
        "Edit accounts_passwords.user1: the value is not",
    ),
    "password of a service with a quote": (
        {"apache_directory": {"password": 'a" b'}},
        "Edit apache_directory.password: the value is not valid as token",
    ),
    "name of a person with a colon": (
        {"site_users": [{"name": "user1", "full_name": "User:0:0"}]},
        "Edit site_users[0].full_name: 'User:0:0' is not valid as gecos: ':' separates fields in passwd(5)",
    ),
    "name of a person with a line end": (
        {"site_users": [{"name": "user1", "full_name": "User\nroot::0:0"}]},
        "Edit site_users[0].full_name: 'User\\nroot::0:0' is not valid as gecos: one line of text",
    ),
    "name in a certificate with a section": (
        {"openssl_ca_certificates": [{"name": "a", "names": ["a\n[x]\nb.st.um"]}]},
        "Edit openssl_ca_certificates[0].names[0]: 'a\\n[x]\\nb.st.um' is not valid as certified_name",
    ),
    "distinguished name with a filter": (
        {"sssd_directory": {"groups": "ou=groups)(uid=*"}},
        "Edit sssd_directory.groups: 'ou=groups)(uid=*' is not valid as dn",
    ),
    "package that is an option": (
        {"packages_extra": ["--purge"]},
        "Edit packages_extra[0]: '--purge' is not valid as package",
    ),
    "host whose name is a command": (
        {"site_directory_servers": ["a;b"]},
        "Edit site_directory_servers[0]: 'a;b' is not valid",
    ),
    "secrets somewhere else": (
        {"site_secrets_dir": "../x"},
        "Edit site_secrets_dir: '../x' is not valid as local_path",
    ),
    "attribute of an entry that is a list of nothing": (
        {"slapd_entries": [{"dn": "cn=a,o=um,c=es", "attributes": {"sn": None}}]},
        "Edit slapd_entries[0].attributes.sn: None is not valid as attribute_values",
    ),
    # Other languages
    "name of a person that cannot be printed": (
        {"site_users": [{"name": "user1", "full_name": "User\u202eenO"}]},
        "Edit site_users[0].full_name: 'User\\u202eenO' is not valid as gecos",
    ),
    "domain that IDNA does not have": (
        {"site_domain": "☃.um"},
        "Edit site_domain: '☃.um' is not valid as domain: it is not",
    ),
    "address with a domain in Unicode": (
        {"exim4_aliases": {"root": "me@bücher.example"}},
        "Edit exim4_aliases.root: 'me@bücher.example' is not valid as mailboxes: here it has to be written xn--bch",
    ),
    "country of three letters": (
        {"openssl_ca_subject": [{"C": "ESP"}]},
        "Edit openssl_ca_subject[0]: {'C': 'ESP'} is not valid",
    ),
    "300 characters": (
        {"site_users": [{"name": "user1", "full_name": "x" * 300}]},
        "it has 300 characters, at most 255",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_settings(preflight: Preflight, kind: str) -> None:
    settings, words = WRONG[kind]
    assert words in re.sub(r"\s+", " ", preflight.refusal(settings))


# A sample of them, of each way in which settings are refused
REAL = [
    "domain with an empty label",
    "misspelled variable",
    "record with a wrong address",
    "zone twice, in two variables",
    "address of a host",
    "key too short",
    "user without a password",
    "user with an unknown key",
    "user twice",
    "host outside of the networks",
    "virtual host over TLS of another domain",
    "word no, not in quotes",
    "option with a second line",
    "password with a line end",
    "client that watches, and is nowhere",
    "template of what is not there",
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess]:
    """The runs, as many at a time as there are cores."""
    env = {
        **os.environ,
        "ANSIBLE_CONFIG": str(TOP / "ansible.cfg"),
        **LAB,  # no host answers: a run that gets past the checks fails otherwise
        "LAB_BUILD": str(tmp_path_factory.mktemp("build")),
    }

    def run(settings: dict[str, Any]) -> subprocess.CompletedProcess:
        argv = ["ansible-playbook", "-i", "inventory/lab", FIRST, "-e", json.dumps(settings)]
        return subprocess.run(argv, cwd=TOP, env=env, text=True, capture_output=True, check=False)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return dict(zip(REAL, threads.map(run, (WRONG[kind][0] for kind in REAL)), strict=True))


@pytest.mark.parametrize("kind", REAL)
def test_a_run_says_the_same(outcomes: dict[str, subprocess.CompletedProcess], preflight: Preflight, kind: str) -> None:
    outcome, said = outcomes[kind], re.sub(r"\s+", " ", preflight.refusal(WRONG[kind][0])).strip()
    output = re.sub(r"\s+", " ", outcome.stdout + outcome.stderr)
    assert outcome.returncode != 0
    assert said in output
    assert "Install the packages" not in output
    assert "UNREACHABLE" not in output
    assert "changed=0" in output
    assert "changed=1" not in output


def test_everything_begins_with_the_checks() -> None:
    playbooks = yaml.safe_load((TOP / "site.yml").read_text())
    assert playbooks[0]["import_playbook"] == FIRST


def test_group_vars_are_the_same_for_a_play_as_for_the_inventory() -> None:
    """An import of playbooks from another folder must not hide group_vars."""
    argv = ["ansible-inventory", "-i", "inventory/lab", "--host", "primary"]
    env = {**os.environ, "ANSIBLE_CONFIG": str(TOP / "ansible.cfg")}
    done = subprocess.run(argv, cwd=TOP, env=env, text=True, capture_output=True, check=True)
    assert json.loads(done.stdout)["site_domain"] == "st.um"
