"""Documentation of the action plugin check_settings, which has no part on the host."""

DOCUMENTATION = r"""
module: check_settings
short_description: Refuse wrong settings before any host changes
description:
  - Checks a role's variables on the controller, without a word to the host.
  - Types, choices and required variables are those of the role's C(meta/argument_specs.yml). A variable that begins with the
    role's name and an underscore, but is not there, is refused as well, because a misspelled setting would have no effect.
  - What types cannot say is said by O(values). They are templated before the check, so a filter in them that refuses
    its input ends the run.
options:
  role:
    description: The role's name.
    type: str
    required: true
  values:
    description: Templates, to be evaluated for the errors they raise.
    type: list
    elements: raw
    default: []
attributes:
  check_mode:
    support: full
"""

EXAMPLES = r"""
- name: Check the resolver's settings
  check_settings:
    role: resolver
    values:
      - "{{ resolver_nameservers | checked('address', 'resolver_nameservers') }}"
"""

RETURN = r"""
msg:
  description: What is wrong with which variable.
  type: str
  returned: failure
"""
