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

TOP = Path(__file__).resolve().parents[2]
FIRST = "playbooks/prepare.yml"  # of site.yml

SECRET = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="  # noqa: S105 (it guards nothing)

# Kind of mistake: (setting, words of the message)
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "domain with an empty label": ({"site_domain": "st..um"}, "site_domain: 'st..um' is not a domain name"),
    "domain with a label too long": ({"site_domain": "a" * 64 + ".um"}, "site_domain"),
    "domain with spaces": ({"site_domain": "st um"}, "site_domain"),
    "network with host bits": ({"site_networks": ["172.16.22.1/24"]}, "site_networks"),
    "network without prefix": ({"site_networks": ["172.16.22.0"]}, "site_networks"),
    "networks that overlap": ({"site_networks": ["10.0.0.0/8", "10.1.0.0/16"]}, "site_networks"),
    "networks not a list": ({"site_networks": 5}, "site_networks"),
    "misspelled variable": ({"bind9_forwarder": ["192.0.2.1"]}, "bind9_forwarder is not a variable of role bind9; is"),
    "prefix that gives no address": ({"site_ipv4_prefix": "172.16"}, "Edit host_ipv4 of host primary"),
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
        "Edit the settings of bind9: Edit site_zones: the zone st.um is there twice Origin",
    ),
    "zone twice, in two variables": (
        {"site_zones": [{"name": "dyn.st.um"}]},
        "Edit site_dynamic_zones: the zone dyn.st.um is there twice",
    ),
    "zone without a name": ({"site_zones": [{"records": []}]}, "missing required arguments: name found in site_zones"),
    "zone in an unknown view": (
        {"site_zones": [{"name": "a.um", "view": "elsewhere"}]},
        "Edit bind9_views: there is no view elsewhere",
    ),
    "views without a name": ({"bind9_views": [{"clients": ["any"]}]}, "name found in bind9_views"),
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
        "missing required arguments: updates found in site_dynamic_zones",
    ),
    "zone of others without primaries": (
        {"site_secondary_zones": [{"name": "a.um", "key": "x"}]},
        "missing required arguments: primaries found in site_secondary_zones",
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
        "missing required arguments: role found in bind9_dnssec_policies -> keys",
    ),
    "policy with a bad action": (
        {"bind9_response_policy": [{"name": "a.example", "action": "block"}]},
        "Edit bind9_response_policy: a.example: action 'block' is neither one of nxdomain, nodata, passthru, drop, nor "
        "an address Origin",
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
        "Edit bind9_trust_anchors: '1 13 2 00' is not valid as ds: it is not the value of a DS record: digest length",
    ),
    "trust anchor of no domain": (
        {"bind9_trust_anchors": [{"name": "st..um.", "ds": []}]},
        "Edit bind9_trust_anchors: 'st..um' is not valid as domain",
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
    "parental agent that is no address": ({"bind9_parental_agents": ["a.top."]}, "bind9_parental_agents: 'a.top.'"),
    "hostmaster not in full": (
        {"site_zone_defaults": {"nameservers": ["ns1.st.um."], "hostmaster": "hostmaster"}},
        "site_zone_defaults: 'hostmaster' is not a full name",
    ),
    "default time not a number": (
        {"site_zone_defaults": {"nameservers": ["ns1.st.um."], "hostmaster": "h.st.um.", "ttl": "1d"}},
        "site_zone_defaults: ttl '1d'",
    ),
    "secondaries that give up too early": (
        {"site_zone_defaults": {"nameservers": ["ns1.st.um."], "hostmaster": "h.st.um.", "expire": 60}},
        "site_zone_defaults: expire 60",
    ),
    "forwarder that is no address": ({"bind9_forwarders": ["ns.example.org"]}, "bind9_forwarders: 'ns.example.org'"),
    "choice that does not exist": ({"bind9_dnssec_validation": "maybe"}, "bind9_dnssec_validation"),
    "switch that is neither": ({"bind9_minimal_responses": "perhaps"}, "bind9_minimal_responses"),
    "limit below zero": ({"bind9_responses_per_second": -1}, "bind9_responses_per_second"),
    "key too short": ({"bind9_tsig_secrets": {"secondary": "c2hvcnQ=", "verify": "c2hvcnQ="}}, "bind9_tsig_secrets"),
    "key not in base64": ({"bind9_tsig_secrets": {"secondary": "!", "verify": "!"}}, "bind9_tsig_secrets"),
    "key missing": ({"bind9_tsig_secrets": {}}, "bind9_tsig_secrets"),
    "resolver without an address": ({"resolver_nameservers": ["ns1"]}, "resolver_nameservers: 'ns1'"),
    "search domain that is none": ({"resolver_search": ["-st.um"]}, "resolver_search"),
    "user with a name that none has": (
        {"site_users": [{"name": "Eve!"}], "accounts_passwords": {"Eve!": "x"}},
        "Edit accounts_users: 'Eve!' is not valid as user",
    ),
    "user without a password": ({"accounts_passwords": {}}, "Edit accounts_passwords: no password for user1, user2"),
    "user with an unknown key": (
        {"site_users": [{"name": "user1", "home": "/x"}]},
        "home. Supported parameters include",
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
        "Edit openssh_revoked_keys: 'ssh-ed25519 AAAA' is not valid as ssh_key",
    ),
    "network for passwords that is none": (
        {"openssh_password_networks": ["172.16.22.0"]},
        "Edit openssh_password_networks: '172.16.22.0' is not valid as network",
    ),
    "root login by password": ({"openssh_root_login": "yes"}, "value of openssh_root_login must be one of"),
    "virtual host twice": (
        {"apache_vhosts": [{"name": "a.um"}, {"name": "A.um"}]},
        "Edit apache_vhosts: twice there: a.um",
    ),
    "virtual host for an unknown group": (
        {"site_web_hosts": [{"name": "a.st.um", "groups": ["staff"]}]},
        "Edit apache_vhosts or apache_groups: a.st.um is for staff; there are dummies",
    ),
    "virtual host with a misspelled key": ({"site_web_hosts": [{"name": "a.st.um", "ssl": True}]}, "ssl. Supported"),
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
    "mail domain that is none": ({"exim4_local_domains": ["st um"]}, "Edit exim4_local_domains: 'st um' is not valid"),
    "mail relay for a network that is none": (
        {"exim4_relay_networks": ["172.16.22.1"]},
        "Edit exim4_relay_networks: '172.16.22.1' is not valid as network",
    ),
    "mail alias with a line end": (
        {"exim4_aliases": {"root": "user1\nall: user2"}},
        "Edit exim4_aliases: 'user1\\nall: user2' is not valid as mailbox",
    ),
    "mail alias for nobody": ({"exim4_aliases": {"root": []}}, "Edit exim4_aliases: '' is not valid as mailbox"),
    "mail of negative size": ({"exim4_size_limit": -1}, "Edit exim4_size_limit: -1 is not valid as count"),
    "mail option misspelled": ({"exim4_relay_network": []}, "is exim4_relay_networks meant?"),
    "mail checked in an unknown way": (
        {"exim4_authentication": "some"},
        "value of exim4_authentication must be one of: refuse, tell, no",
    ),
    "mail signed for a domain that is none": (
        {"exim4_dkim_domains": ["st um"]},
        "Edit exim4_dkim_domains: 'st um' is not valid as domain",
    ),
    "mail signed by no number": ({"site_dkim_keys": ["a b"]}, "site_dkim_keys"),
    "mail policy that there is not": (
        {"site_dmarc": "refuse"},
        "value of site_dmarc must be one of: none, quarantine, reject",
    ),
    "mail folder for an unknown use": (
        {"dovecot_folders": [{"name": "Sent", "use": "Sended"}]},
        "value of use must be one of: All, Archive",
    ),
    "mailbox with connections below zero": ({"dovecot_connections": -1}, "Edit dovecot_connections: -1 is not valid"),
    "mailbox of no size": ({"dovecot_quota": "1 GB"}, "Edit dovecot_quota: '1 GB' is not valid as size"),
    "mailbox of no size for somebody": (
        {"dovecot_quotas": {"user1": "1G", "user2": "much"}},
        "Edit dovecot_quotas: 'much' is not valid as size",
    ),
    "mailbox of nobody": (
        {"dovecot_quotas": {"User One": "1G"}},
        "Edit dovecot_quotas: 'User One' is not valid as user",
    ),
    "passwords without TLS from no network": (
        {"dovecot_plaintext": True, "dovecot_local_networks": ["192.0.2.0"]},
        "Edit dovecot_local_networks: '192.0.2.0' is not valid as network",
    ),
    "directory of no name": ({"slapd_suffix": "um"}, "Edit slapd_suffix: 'um' is not valid as suffix"),
    "directory's unit with another one in its name": (
        {"slapd_unit": "st,ou=x"},
        "Edit slapd_unit: ou=st,ou=x,o=um,c=es: there is no entry above it, ou=x,o=um,c=es",
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
        "Edit slapd_public_attributes: 'cn by * write' is not valid as attribute",
    ),
    "directory that locks out below zero": (
        {"slapd_lockout_failures": -1},
        "Edit slapd_lockout_failures: -1 is not valid as count",
    ),
    "passwords in a place that there is not": (
        {"identity": "ldap"},
        "value of identity must be one of: local, directory, got: ldap",
    ),
    "logins by the directory of somebody without a number": (
        {"identity": "directory", "site_sssd": True, "site_users": [{"name": "user1"}]},
        "Edit site_users: {'name': 'user1'} is not valid as numbered: a uid from 1000 on",
    ),
    "directory's group of no name": ({"slapd_groups": {"a,b": []}}, "Edit slapd_groups: 'a,b' is not valid as user"),
    "cache time below zero": ({"packages_cache_valid_time": -5}, "packages_cache_valid_time"),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess]:
    """The runs, as many at a time as there are cores."""
    env = {
        **os.environ,
        "ANSIBLE_CONFIG": str(TOP / "ansible.cfg"),
        "LAB_BUILD": str(tmp_path_factory.mktemp("build")),
        "LAB_NAME": "no-such-lab",  # no host answers: a run that gets past the checks fails otherwise
    }

    def run(settings: dict[str, Any]) -> subprocess.CompletedProcess:
        argv = ["ansible-playbook", "-i", "inventory/lab", FIRST, "-l", "primary", "-e", json.dumps(settings)]
        return subprocess.run(argv, cwd=TOP, env=env, text=True, capture_output=True, check=False)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return dict(zip(WRONG, threads.map(run, (settings for settings, _ in WRONG.values())), strict=True))


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_settings(outcomes: dict[str, subprocess.CompletedProcess], kind: str) -> None:
    outcome, words = outcomes[kind], WRONG[kind][1]
    output = re.sub(r"\s+", " ", outcome.stdout + outcome.stderr)
    assert outcome.returncode != 0
    assert words in output
    assert "Install the packages" not in output
    assert "UNREACHABLE" not in output


def test_everything_begins_with_the_checks() -> None:
    playbooks = yaml.safe_load((TOP / "site.yml").read_text())
    assert playbooks[0]["import_playbook"] == FIRST


def test_group_vars_are_the_same_for_a_play_as_for_the_inventory() -> None:
    """An import of playbooks from another folder must not hide group_vars."""
    argv = ["ansible-inventory", "-i", "inventory/lab", "--host", "primary"]
    env = {**os.environ, "ANSIBLE_CONFIG": str(TOP / "ansible.cfg")}
    done = subprocess.run(argv, cwd=TOP, env=env, text=True, capture_output=True, check=True)
    assert json.loads(done.stdout)["site_domain"] == "st.um"
