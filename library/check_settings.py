"""Documentation of the action plugin check_settings, which has no part on the host."""

DOCUMENTATION = r"""
module: check_settings
short_description: Refuse wrong settings before any host changes
description:
  - Checks the variables of roles on the controller, without a word to the host.
  - Types, choices and required variables are those of a role's C(meta/argument_specs.yml). A variable that begins with
    the role's name and an underscore, but is not there, is refused as well, because a misspelled setting would have
    no effect.
  - A value has to be of its type as it stands. What Ansible could make that of, such as a number in quotes, or an
    unquoted V(no) for a string, would reach the templates as it is.
  - What types cannot say, the role says in its C(vars/main.yml). C(__ROLE_kinds) has the kinds of its variables, as the
    filter P(checked#filter) knows them. Of a list, the kind is a list of one, which is that of each item; of a
    dictionary, it is one, in which C(each) is the kind of each value that is not named, and C(each name) of its name.
  - What is to be compared with each other is in C(__ROLE_checks), a list of templates. They are rendered for the errors
    that they raise.
options:
  roles:
    description: The roles' names.
    type: list
    elements: str
    required: true
  given:
    description:
      - The names of roles. What of their variables stands in the settings as it is, in no template, is checked first.
        So an error names the variable that somebody has given, and not one that is made of it.
    type: list
    elements: str
    default: []
  tell:
    description: The names of variables that are returned.
    type: list
    elements: str
    default: []
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
told:
  description: The values of those variables, as they were worked out for the checks.
  type: dict
  returned: success
"""
