"""Jinja filter certificates_due: tell which certificates have to be issued, and why."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificates_due
short_description: Tell which certificates have to be issued, and why
version_added: "0.1.0"
description:
  - Compares the certificates that are wanted with those that there are, and gives those that are missing or not as
    wanted, each with the reasons, for people to read. Nothing is looked at but what is given, so that the answer is the
    same on every controller.
  - A certificate is as wanted when it can be read, its issuer is the one given and has signed it, its subject, names,
    addresses, type of key, use and list of revoked ones are as wanted, it is not revoked, and it has more days left
    than O(renew_before).
positional: present, issuer, now, renew_before, revoked, domains, networks, crl_url
options:
  _input:
    description: The certificates that are wanted.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the certificate is called, and its files are.
        type: str
        required: true
      names:
        description: The DNS names that it is for, as A-labels without the final dot.
        type: list
        elements: str
        default: []
      addresses:
        description: The IPv4 and IPv6 addresses that it is for.
        type: list
        elements: str
        default: []
      emails:
        description: The mail addresses that it is for.
        type: list
        elements: str
        default: []
      common_name:
        description: Its subject's common name, by default the first of its names.
        type: str
      key_type:
        description: The type of its key.
        type: str
        choices: [ecdsa, rsa]
        default: ecdsa
      usage:
        description: What it may be used for (RFC 5280 section 4.2.1.12), V(server) or V(client).
        type: str
        choices: [server, client]
        default: server
  present:
    description: The certificates that there are, in PEM, by their names. Only the first one in a text is looked at.
    type: dict
    required: true
  issuer:
    description: The certificate of the authority that issues now, in PEM. Empty where it is yet to be made.
    type: str
    required: true
  now:
    description: The time in question, in seconds since 1970.
    type: float
    required: true
  renew_before:
    description: How many days before its end a certificate is due.
    type: float
    default: 30
  revoked:
    description: The serial numbers of those that are revoked, in hexadecimal, as in the index of openssl-ca(1).
    type: list
    elements: str
    default: []
  domains:
    description: The domains that names and mail addresses have to be in. Empty, they may be in any.
    type: list
    elements: str
    default: []
  networks:
    description: The networks that addresses have to be in, when there are O(domains).
    type: list
    elements: str
    default: []
  crl_url:
    description: Where it says that the list of revoked ones is (RFC 5280 section 4.2.1.13). Empty, it says nothing.
    type: str
    default: ""
notes:
  - "Refused: an issuer that is not a certificate; a name or an address outside of the domains and networks."
seealso:
  - plugin: cert_path
    plugin_type: filter
  - name: RFC 5280
    description: Internet X.509 public key infrastructure certificate and CRL profile.
    link: https://www.rfc-editor.org/rfc/rfc5280
"""

EXAMPLES = r"""
- name: Tell which certificates have to be issued
  ansible.builtin.assert:
    that:
      - due | map(attribute='name') == ['www3']
      - (due | first).reasons == ['its authority is yet to be made']
  vars:
    due: "{{ [{'name': 'www3', 'names': ['www3.st.um']}] | certificates_due({}, '', now().timestamp()) }}"
"""

RETURN = r"""
_value:
  description:
    - The certificates that are due, as they were given, each with C(reasons), a list of strings.
    - C(rekey) tells that the key must not be used again, as its certificate is revoked or it is of another type.
  type: list
  elements: dict
"""

import datetime
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
KEYS = {"ecdsa": ec.EllipticCurvePublicKey, "rsa": rsa.RSAPublicKey}


def listed(values: Any) -> str:
    """Write a set of names for people."""
    return ", ".join(sorted(map(str, values))) or "none"


def is_from(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether the issuer has signed the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def alternative_names(certificate: x509.Certificate) -> dict[str, set[str]]:
    """Return the names that a certificate is for, by their kind."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return {"names": set(), "addresses": set(), "emails": set()}
    return {
        "names": set(names.get_values_for_type(x509.DNSName)),
        "addresses": set(map(str, names.get_values_for_type(x509.IPAddress))),
        "emails": set(names.get_values_for_type(x509.RFC822Name)),
    }


def usages(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    """Return what a certificate may be used for."""
    try:
        return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return set()


def crl_urls(certificate: x509.Certificate) -> list[str]:
    """Return where a certificate says that the list of revoked ones is."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    return [name.value for point in points for name in point.full_name or []]


def reasons(
    wanted: dict[str, Any],
    text: str,
    issuer: x509.Certificate,
    until: datetime.datetime,
    revoked: set[int],
    crl_url: str,
) -> tuple[list[str], bool]:
    """Say what is not as wanted with a certificate, and with its key; until is when it must still be valid."""
    if not text.strip():
        return ["there is none"], False
    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
    except ValueError as error:
        return [f"it cannot be read: {error}"], False
    found = []
    rekey = False
    if not is_from(certificate, issuer):
        found.append(f"its issuer is {certificate.issuer.rfc4514_string()}, not {issuer.subject.rfc4514_string()}")
    seen = alternative_names(certificate)
    asked = {kind: set(wanted.get(kind) or []) for kind in seen}
    asked["addresses"] = {str(ipaddress.ip_address(address)) for address in asked["addresses"]}
    for kind, values in asked.items():
        if values != seen[kind]:
            found.append(f"its {kind} are {listed(seen[kind])}, not {listed(values)}")
    common = wanted.get("common_name") or next(iter(wanted.get("names") or []), None)
    given = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if given != [common] * (common is not None):
        found.append(f"its common name is {listed(given)}, not {common or 'none'}")
    kind = wanted.get("key_type", "ecdsa")
    if not isinstance(certificate.public_key(), KEYS[kind]):
        found.append(f"its key is not {kind}")
        rekey = True
    usage = wanted.get("usage", "server")
    if usages(certificate) != {USAGES[usage]}:
        found.append(f"it is not for a {usage}")
    if crl_urls(certificate) != [crl_url] * bool(crl_url):
        found.append(f"its list of revoked ones is at {listed(crl_urls(certificate))}, not {crl_url or 'none'}")
    if certificate.serial_number in revoked:
        found.append("it is revoked")
        rekey = True
    if certificate.not_valid_after_utc <= until:
        found.append(f"it ends on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    return found, rekey


def refuse_others(wanted: dict[str, Any], domains: Sequence[str], networks: Sequence[str]) -> None:
    """Refuse a name or an address that the authority may not certify."""
    names = [(name, name) for name in wanted.get("names") or []]
    names += [(email, email.rpartition("@")[2]) for email in wanted.get("emails") or []]
    others = [name for name, host in names if not any(f".{host}".endswith(f".{domain}") for domain in domains)]
    parsed = [ipaddress.ip_network(network) for network in networks]
    addresses = wanted.get("addresses") or []
    others += [each for each in addresses if not any(ipaddress.ip_address(each) in network for network in parsed)]
    if others:
        raise AnsibleFilterError(
            f"The certificate {wanted['name']} is to be for {listed(others)}, outside of what the authority may "
            f"certify (openssl_ca_domains, {listed(domains)}; openssl_ca_networks, {listed(networks)})"
        )


def certificates_due(
    wanted: list[dict[str, Any]],
    present: dict[str, str],
    issuer: str,
    now: float,
    renew_before: float = 30,
    revoked: Sequence[str] = (),
    domains: Sequence[str] = (),
    networks: Sequence[str] = (),
    crl_url: str = "",
) -> list[dict[str, Any]]:
    """Return the certificates that have to be issued, with the reasons."""
    for each in wanted if domains else ():
        refuse_others(each, domains, networks)
    if not issuer.strip():
        return [{**each, "reasons": ["its authority is yet to be made"], "rekey": False} for each in wanted]
    try:
        authority = x509.load_pem_x509_certificate(issuer.encode())
    except ValueError as error:
        raise AnsibleFilterError(f"The issuer's certificate cannot be read: {error}") from error
    until = datetime.datetime.fromtimestamp(now, datetime.UTC) + datetime.timedelta(days=renew_before)
    serials = {int(serial, 16) for serial in revoked}
    due = []
    for each in wanted:
        found, rekey = reasons(each, present.get(each["name"]) or "", authority, until, serials, crl_url)
        if found:
            due.append({**each, "reasons": found, "rekey": rekey})
    return due


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"certificates_due": certificates_due}
