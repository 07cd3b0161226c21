"""Documentation of the action plugin borg, which has no part on the host."""

DOCUMENTATION = r"""
module: borg
short_description: Save a host in an encrypted repository of Borg's, restore it, prune the repository
description:
  - Runs borg(1) on the controller. The files of a host come and go as a tar stream through Ansible's own connection,
    which is SSH or local, with the user that Ansible becomes. So a host neither reaches the repository nor has a key.
  - A host goes on serving while it is saved. Files that move meanwhile are not missed, and what a service would not
    have as files is dumped by its own programs.
  - An archive is there as a whole or not at all.
options:
  state:
    description:
      - V(saved) makes an archive.
      - V(restored) gives a host what the newest archives have of those O(items) that it does not have yet.
      - V(pruned) checks the repository, and takes away the archives that O(keep) does not keep.
    type: str
    choices: [saved, restored, pruned]
    required: true
  repository:
    description: A path on the controller, or whatever Borg takes for a repository. The first archive makes it.
    type: str
    required: true
  password:
    description: What the repository is encrypted with.
    type: str
    required: true
  name:
    description:
      - The host's name, with which those of its archives begin. The time in UTC follows.
      - With O(services), they are between the two, as in C(primary.dns-2026-07-31T03:17:00).
    type: str
  items:
    description: What belongs to the host, in the order in which it is saved.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The folder below C(files) and C(dumps) in which the archive has it.
        type: str
        required: true
      services:
        description: The services to which it belongs.
        type: list
        elements: str
        default: []
      dump:
        description:
          - A script (sh), run on the host in an empty folder when the item is saved. The files that it makes are
            saved, and the lines that it prints are further O(items[].paths).
        type: str
        default: ""
      paths:
        description: Patterns (glob(7)) of paths on the host, saved in this order, folders with all that is in them.
        type: list
        elements: str
        default: []
      exclude:
        description: Patterns (fnmatch(3), but C(*) stands for C(/) as well) of paths that are not saved, by no item.
        type: list
        elements: str
        default: []
      last:
        description: Patterns, as in O(items[].exclude), of the files that are saved when all others of the item are.
        type: list
        elements: str
        default: []
      restored:
        description: Whether the item is ever restored. Otherwise it is there for people to look into.
        type: bool
        default: true
      configured:
        description:
          - A host has the item already, and keeps what it has, if one of these is there, an absolute path or the name
            of a service that M(service_config) has configured.
        type: list
        elements: str
        default: []
      prepare:
        description: A script, run where the dump is, before the files of any item are restored.
        type: str
        default: ""
      keep:
        description: Paths that are not restored.
        type: list
        elements: str
        default: []
      finish:
        description: A script, run where the dump is, when the files of all items are restored.
        type: str
        default: ""
      host_keys:
        description:
          - A pattern of SSH's public host keys. When they are restored, the controller knows the host by these, if it
            was in its C(known_hosts) by others. Such an item is restored after all others.
        type: str
        default: ""
  services:
    description: Only the items that belong to one of these services are meant; without any, all are.
    type: list
    elements: str
    default: []
  paths:
    description: With O(base), these are saved instead of a host's items, or what is missing of them restored.
    type: list
    elements: str
    default: []
  base:
    description: The folder on the controller from which O(paths) are named.
    type: path
  record:
    description: A file on the host that gets the time of an archive with all O(items).
    type: path
  until:
    description: The latest time of the archives that are looked at, in UTC, or the beginning of one.
    type: str
    default: ""
  keep:
    description: How many archives are kept of those that begin alike, by the units of C(borg prune), such as C(daily).
    type: dict
    default: {}
  check:
    description: Whether all of the repository is read. If it is not sound, nothing is pruned.
    type: bool
    default: true
requirements: [borg 1.2 or 1.4 on the controller (Debian's borgbackup)]
attributes:
  check_mode:
    support: full
    description: It is told what would be saved, and from which archives what would be restored.
notes:
  - Nothing secret is in the result. With C(no_log), nobody could read what is wrong.
  - Access control lists and extended attributes are not saved.
"""

EXAMPLES = r"""
- name: Save the web pages
  borg:
    repository: "{{ backup_repository }}"
    password: "{{ backup_secrets.password }}"
    state: saved
    name: "{{ inventory_hostname }}"
    items: [{name: web, paths: [/var/www], configured: [apache2]}]
"""

RETURN = r"""
msg:
  description: What was done, for people.
  type: raw
  returned: always
archive:
  description: The name of the archive that was made.
  type: str
  returned: state is saved
added:
  description: By how many octets the repository has grown for it.
  type: int
  returned: state is saved
restored:
  description: The items that were restored, or with O(base) the files.
  type: list
  elements: str
  returned: state is restored
"""
