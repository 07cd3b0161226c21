"""Documentation of the action plugin check_settings, which has no part on the host."""

DOCUMENTATION = r"""
module: check_settings
short_description: Refuse wrong settings before any host changes
description:
  - Checks the variables of roles on the controller, without a word to the host.
  - Types, choices and required variables are those of a role's C(meta/argument_specs.yml). A variable that begins with
    the role's name and an underscore, but is not there, is refused as well, because a misspelled setting would have
    no effect.
  - What types cannot say, the role says in its C(vars/main.yml), by a list of templates, C(__ROLE_checks). They are
    rendered for the errors that they raise, such as those of the filter P(checked#filter).
options:
  roles:
    description: The roles' names.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
"""

EXAMPLES = r"""
- name: Check the resolver's settings
  check_settings:
    roles: [resolver]
"""

RETURN = r"""
msg:
  description: What is wrong with which variables.
  type: str
  returned: failure
"""
