"""Jinja filter a_labels: write names with A-labels."""

from __future__ import annotations

DOCUMENTATION = r"""
name: a_labels
short_description: Write names with A-labels
version_added: "0.1.0"
description:
  - Gives a domain name the form that the DNS has it in. Labels in Unicode become A-labels (IDNA 2008, RFC 5890), once
    they are mapped, to lower case among others, as Unicode's UTS 46 tells.
  - Labels in ASCII are only written in lower case, so C(_25._tcp) and V(*) remain. A final dot stays, or stays away.
positional: variable
options:
  _input:
    description: The name, or a list of names.
    type: raw
    required: true
  variable:
    description: The variable that a person has to edit when a name is wrong; errors name it.
    type: str
    default: site_domain
notes:
  - "Refused: what is not a domain name; a label that IDNA 2008 does not allow."
seealso:
  - plugin: zone_records
    plugin_type: filter
  - name: RFC 5891
    description: Internationalized domain names, the protocol.
    link: https://www.rfc-editor.org/rfc/rfc5891
  - name: UTS 46
    description: What is mapped before.
    link: https://www.unicode.org/reports/tr46/
"""

EXAMPLES = r"""
- name: Write names with A-labels
  ansible.builtin.assert:
    that:
      - "'bücher.example' | a_labels == 'xn--bcher-kva.example'"
      - "['_25._tcp.Bücher', 'WWW.st.um.'] | a_labels == ['_25._tcp.xn--bcher-kva', 'www.st.um.']"
"""

RETURN = r"""
_value:
  description: The name, or the list of names, in lower case and ASCII.
  type: raw
"""

from collections.abc import Callable
from typing import Any

import dns.exception
import dns.name
from ansible.errors import AnsibleFilterError


def to_a_labels(name: Any, variable: str) -> str:
    """Write one name with A-labels."""
    if not isinstance(name, str):
        raise AnsibleFilterError(f"Edit {variable}: {name!r} is not a domain name, it is not a string")
    try:
        parsed = dns.name.from_text(name, None, dns.name.IDNA_2008_Practical).canonicalize()
    except dns.name.IDNAException as cause:
        reason = cause.kwargs["idna_exception"]
        raise AnsibleFilterError(f"Edit {variable}: {name!r} is not possible in IDNA 2008: {reason}") from cause
    except (dns.exception.DNSException, UnicodeError) as cause:
        raise AnsibleFilterError(f"Edit {variable}: {name!r} is not a domain name: {cause}") from cause
    return name.lower() if name.isascii() else parsed.to_text()


def a_labels(names: Any, variable: str = "site_domain") -> str | list[str]:
    """Write a name, or each one of a list, with A-labels."""
    return [to_a_labels(name, variable) for name in names] if isinstance(names, list) else to_a_labels(names, variable)


class FilterModule:
    """Give the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"a_labels": a_labels}
