"""Jinja filter mail_records: make the records that lead to a domain's mail server."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mail_records
short_description: Make the records that lead to a domain's mail server
version_added: "0.1.0"
description:
  - Gives the server a name with its addresses, to which the domain's C(MX) record leads, as it must not lead to an
    alias (RFC 2181 section 10.3), and aliases for people.
  - Nobody but that server may send in the name of the domain, or greet with the name of the server, so say the C(SPF)
    records (RFC 7208).
  - C(SRV) records tell mail programs where to read and hand in letters (RFC 6186), with TLS from the start if they
    can (RFC 8314), and by IMAP rather than by POP3; and where to put the rules by which letters are sorted (RFC 5804).
  - What a mail server has signed can be verified by C(DKIM) records (RFC 6376), and a C(DMARC) record (RFC 7489) says
    what others ought to do with a letter that is neither signed nor from that server.
  - Others who send letters here know the server by C(TLSA) records (DANE, RFC 7672), and find that there is a policy
    which says so over HTTPS (MTA-STS, RFC 8461). To whom they report what did not work is in a record, too (RFC 8460).
positional: host, aliases, keys, dmarc, tlsa, mta_sts, tls_reports
options:
  _input:
    description: The addresses of the server.
    type: list
    elements: str
    required: true
  host:
    description: The name that it gets, relative to the domain.
    type: str
    required: true
  aliases:
    description: Further names, relative to the domain.
    type: list
    elements: str
    default: []
  keys:
    description: The public keys of signatures, in base64, by their selectors.
    type: dict
  dmarc:
    description: What others ought to do, C(none), C(quarantine) or C(reject). Without it, there is no such record.
    type: str
    default: ''
  tlsa:
    description: The values of C(TLSA) records, from P(tlsa_values#filter).
    type: list
    elements: str
    default: []
  mta_sts:
    description:
      - The policy, from P(mta_sts_policy#filter). Others fetch it anew when it changes. Without it, there is no such
        record.
    type: str
    default: ''
  tls_reports:
    description: The mail address that gets the reports. Without it, there is no such record.
    type: str
    default: ''
notes:
  - "Refused: a server without an address."
seealso:
  - plugin: tlsa_values
    plugin_type: filter
  - plugin: mta_sts_policy
    plugin_type: filter
  - plugin: zone_records
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Make the records of a mail server
  ansible.builtin.assert:
    that: "['192.0.2.1'] | mail_records('mail', ['smtp']) | selectattr('name', 'in', ['mail', 'smtp']) == records"
  vars:
    records:
      - {name: mail, type: A, value: 192.0.2.1}
      - {name: smtp, type: CNAME, value: mail}
      - {name: mail, type: TXT, value: "v=spf1 a -all"}
"""

RETURN = r"""
_value:
  description: The records, as P(zone_records#filter) takes them.
  type: list
  elements: dict
"""

import hashlib
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

# Services with their priorities and their ports.
SERVICES = {
    "_submissions": (0, 465),
    "_submission": (10, 587),
    "_imaps": (0, 993),
    "_imap": (10, 143),
    "_pop3s": (20, 995),
    "_pop3": (30, 110),
    "_sieve": (0, 4190),
}


def mail_records(
    addresses: list[str],
    host: str,
    aliases: Sequence[str] = (),
    keys: Mapping[str, str] | None = None,
    dmarc: str = "",
    tlsa: Sequence[str] = (),
    mta_sts: str = "",
    tls_reports: str = "",
) -> list[dict[str, Any]]:
    """Make the records that lead to a domain's mail server."""
    if not addresses:
        raise AnsibleFilterError(
            f"The mail server {host} has no address: there is nowhere that its MX record could lead"
        )
    records = [
        {"name": host, "type": "A" if ipaddress.ip_address(address).version == 4 else "AAAA", "value": address}
        for address in addresses
    ]
    records += [{"name": alias, "type": "CNAME", "value": host} for alias in aliases]
    records += [
        {"name": "@", "type": "MX", "value": f"10 {host}"},
        {"name": "@", "type": "TXT", "value": "v=spf1 mx -all"},
        {"name": host, "type": "TXT", "value": "v=spf1 a -all"},
    ]
    # A new key is not to wait for the old one to be forgotten.
    records += [
        {"name": f"{selector}._domainkey", "type": "TXT", "value": f"v=DKIM1; k=rsa; p={key}", "ttl": 3600}
        for selector, key in (keys or {}).items()
    ]
    if dmarc:
        records.append({"name": "_dmarc", "type": "TXT", "value": f"v=DMARC1; p={dmarc}", "ttl": 3600})
    records += [{"name": f"_25._tcp.{host}", "type": "TLSA", "value": value, "ttl": 3600} for value in tlsa]
    if mta_sts:
        # The policy's name is another one when, and only when, the policy is.
        name = hashlib.sha256(mta_sts.encode()).hexdigest()[:20]
        records.append({"name": "_mta-sts", "type": "TXT", "value": f"v=STSv1; id={name};", "ttl": 3600})
    if tls_reports:
        value = f"v=TLSRPTv1; rua=mailto:{tls_reports}"
        records.append({"name": "_smtp._tls", "type": "TXT", "value": value, "ttl": 3600})
    records += [
        {"name": f"{service}._tcp", "type": "SRV", "value": f"{priority} 1 {port} {host}"}
        for service, (priority, port) in SERVICES.items()
    ]
    return records


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"mail_records": mail_records}
