"""Documentation of the action plugin rotated_secret, which has no part on the host."""

DOCUMENTATION = r"""
module: rotated_secret
short_description: Give a secret another value, where the controller keeps it
description:
  - Makes a random value, and keeps it together with the former one until all have it, so that a run which is killed is
    gone on with by the next one.
  - What the controller has encrypted with it is encrypted anew.
options:
  name:
    description: The secret, the name of a dictionary and, behind a dot, its name in there.
    type: str
    required: true
  state:
    description: V(new) makes another value. V(settled) forgets the former one, when all have the new one.
    type: str
    choices: [new, settled]
    required: true
  values:
    description: That dictionary as it is.
    type: dict
    required: true
  former:
    description: What is known of former values, by dictionaries and names.
    type: dict
    required: true
  directory:
    description: The folder of the lab's secrets. Without it, they are in O(vault).
    type: path
  vault:
    description: The file of secrets, encrypted with the vault password that Ansible was given.
    type: path
  keys_folder:
    description:
      - A folder whose private keys, of OpenSSH or in PEM (PKCS 8), are encrypted with it, those in folders below, too.
      - Unless there are some, and all of them open, nothing changes.
    type: path
  repository:
    description: A repository of Borg's that is encrypted with it.
    type: str
attributes:
  check_mode:
    support: full
    description: Says that it would change something, and makes a value that nobody gets.
"""

EXAMPLES = r"""
- name: Make the new secret
  rotated_secret:
    name: slapd_secrets.reader
    state: new
    values: "{{ slapd_secrets }}"
    former: "{{ secrets_former }}"
    directory: "{{ site_secrets_dir }}"
  register: made
  no_log: true
"""

RETURN = r"""
variables:
  description: The dictionary with the new value, and C(secrets_former).
  type: dict
  returned: success
"""
