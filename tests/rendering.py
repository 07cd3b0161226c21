"""What reaches the hosts: the arguments of each role's tasks and the texts of its templates, rendered without a host.

The roles' own files are read for that, so that whatever a task or a template is given is looked at. What a host would
have answered is made up: it is a bare one, on which all is to be done.
"""

import copy
import os
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ansible.plugins.loader as plugins
from ansible.errors import AnsibleError
from ansible.playbook.task import Task
from ansible.template import trust_as_template

from preflight import TOP, Preflight
from samples import SSH_KEY

KEYWORDS = {*Task.fattributes, "block", "rescue", "always"}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
SERIAL = 2025010101
# What a bare host, or a module there, answers.
ANSWERS: dict[str, Any] = {
    "__accounts_seen": {"stdout": "", "stdout_lines": ["elsewhere|user1"]},
    "__apache_seen": {"stdout_lines": ["openssl 3.5.0", "php /etc/php/8.4/fpm"]},
    "__bind9_gate": {"ds": {"st.um.": [f"12345 13 2 {'ab' * 32}"]}},
    "__bind9_old": {"texts": {}},
    "__bind9_parents": {"stdout": ""},
    "__bind9_seen": {
        "agreed": True,
        "date": "20250101",
        "nameservers": {"dyn.st.um": ["old.st.um."]},
        "recovered": {},
        "vouched": {},
        "ds": {},
    },
    "__bind9_temporary": {"path": "/tmp/x"},  # noqa: S108 (nothing is there)
    "__exim4_keys_seen": {"stdout_lines": []},
    "__exim4_keys_made": {"stdout_lines": ["primary-1|KEY"]},
    "__firewall_came_in": {"rc": 0, "stdout": ""},
    "__firewall_compared": {"actions": ["x"]},
    "__firewall_seen": {"stdout_lines": []},
    "__firewall_way": {"stdout": ""},
    "__openssh_authorities": {"host": {"host": SSH_KEY}, "user": {"user": SSH_KEY}},
    "__openssh_came_in": {"rc": 0, "stdout": ""},
    "__openssh_compared": {"actions": ["x"]},
    "__openssl_ca_existing": {"root-1": {"kind": "root", "certificate": CERTIFICATE, "crl": "", "index": ""}},
    "__openssl_ca_certified": {"stdout": CERTIFICATE},
    "__openssl_ca_read": {"stdout_lines": []},
    "__packages_found": {"stdout_lines": ["missing"]},
    "__restart_found": {"stdout_lines": ["named.service enabled enabled"]},
    "__restart_seen": {"stdout": "[]"},
    "__restart_unit": {"name": "named", "check": ["named-checkconf"]},
    "__restart_watch": {"ansible_job_id": "1"},
    "__slapd_read": {"results": [{"__slapd_other": "secondary", "stdout": "dn: o=um,c=es"}]},
    "__slapd_seen": {"stdout_lines": ["/var/lib/ldap/server-for-dummies", "directory"]},
    "ansible_failed_result": {"msg": "no"},
}
RELEASES = ["2.3.19", "2.4.1"]  # of Dovecot


class Rendering:
    """The roles' tasks on the hosts."""

    def __init__(self, preflight: Preflight) -> None:
        """Read the tasks once."""
        self.preflight = preflight
        # It would copy all that there is, down to the last string, for each template.
        plugins.lookup_loader.get("ansible.builtin.template").run.__globals__["deepcopy"] = copy.copy
        roles = {role for roles in preflight.roles.values() for role in roles}
        for role in roles:
            plugins.filter_loader.add_directory(str(TOP / "roles" / role / "filter_plugins"))
        self.tasks = {role: dict(self._tasks(TOP / "roles" / role)) for role in roles}
        self.private = {role: self._private(TOP / "roles" / role) for role in roles}

    def _load(self, path: Path) -> Any:
        return self.preflight.loader.load_from_file(str(path), trusted_as_template=True) or {}

    def _private(self, role: Path) -> dict[str, Any]:
        files = [role / "defaults/main.yml", *sorted(role.glob("vars/*.yml"))]
        if role.name == "backup":  # which includes what other roles say of it
            files += sorted(role.parent.glob("*/vars/backup.yml"))
        return {name: value for path in files if path.exists() for name, value in self._load(path).items()}

    def _tasks(self, role: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give each task by where it is."""
        for path in sorted(role.glob("tasks/*.yml")):
            for number, task in enumerate(self._flat(self._load(path))):
                yield f"{role.name}/{path.name} {number} {task['name']}", task

    def _flat(self, tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for task in tasks:
            if "block" in task:
                outer = {name: task[name] for name in ("vars", "environment") if name in task}
                for part in ("block", "rescue", "always"):
                    yield from (outer | inner for inner in self._flat(task.get(part, [])))
            else:
                yield task

    def answers(self, role: str, variables: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Give what a host would answer to a role."""
        templar = self.preflight.templar(variables | self.private[role] | variables_of(variables, role))

        def value(name: str) -> Any:
            return templar.template(templar.available_variables[name])

        answers = dict(ANSWERS)
        if role == "openssh":
            users = value("openssh_certified_users")
            keys = [f"user-{name}|{SSH_KEY}|" for name in users]
            lines = ["groups|root", "kex|a b", "cipher|c", "mac|m", f"host|{SSH_KEY}|", *keys]
            kinds = {"kex": "openssh_kex", "cipher": "openssh_ciphers", "mac": "openssh_macs"}
            lines += [f"{kind}|{' '.join(map(str, value(name)))}" for kind, name in kinds.items()]
            answers["__openssh_seen"] = {"stdout_lines": lines}
            answers["__openssh_made"] = ["ssh-ed25519-cert AAAA"] * (1 + len(users))
        if role == "bind9":
            zones = templar.template(trust_as_template("{{ __bind9_state | map(attribute='id') }}"))
            zones = {zone: {"file": None, "served": [], "signed": None} for zone in zones}
            answers["__bind9_seen"] = ANSWERS["__bind9_seen"] | {"zones": zones}
        if role == "apache":
            names = [vhost["name"] for vhost in value("apache_vhosts")]
            new = [f"new {name}" for name in names]
            answers["__apache_seen"] = {"stdout_lines": [*ANSWERS["__apache_seen"]["stdout_lines"], *new]}
        if role == "openssl_ca":
            ordered = [{**each, "rekey": False, "reasons": []} for each in value("openssl_ca_certificates")]
            said = {"stdout": "\n".join(f"=== {each['name']}\n{CERTIFICATE}" for each in ordered)}
            answers |= {"__openssl_ca_ordered": ordered, "__openssl_ca_requests": said, "__openssl_ca_issued": said}
            answers |= {"__openssl_ca_name": "root-1", "__openssl_ca_signer": "root-1", "__openssl_ca_kind": "root"}
            answers["__openssl_ca_lifetime"] = 7300
        if role == "sssd":
            names = [user["name"] for user in value("sssd_users")]
            lines = [f"{word} {name}" for name in names for word in ("open", "locked")]
            answers["__sssd_seen"] = {"stdout_lines": [*lines, "release 2.10.1"]}
        if role == "resolver":
            for link in ("", "systemd/resolve", "resolvconf"):
                yield answers | {"__resolver_link": {"stdout": link}}
        elif role == "dovecot":
            for release in RELEASES:
                yield answers | {"__dovecot_seen": {"stdout_lines": [release, "complete"]}}
        else:
            yield answers

    def texts(self, variables: dict[str, Any], host: str, roles: list[str]) -> dict[str, str]:
        """Give each text that reaches a host, or a program on the controller, by where it does."""
        found: dict[str, str] = {}
        for role in roles:
            for way, answers in enumerate(self.answers(role, variables)):
                own = {**variables, **self.private[role], **variables_of(variables, role), **answers}
                own |= {
                    "role_path": str(TOP / "roles" / role),
                    "ansible_search_path": [str(TOP / "roles" / role)],
                    "ansible_check_mode": False,
                    "ansible_managed": "Ansible managed",
                }
                self.preflight.work_out(own, self.private[role])
                for where, task in self.tasks[role].items():
                    facts = task.get("ansible.builtin.set_fact") or {}
                    inner = own | (task.get("vars") or {})
                    own |= {name: self.preflight.templar(inner).template(value) for name, value in facts.items()}
                    try:
                        found |= {
                            f"{host} {where}, {way}: {place}": text for place, text in self._of_task(role, task, own)
                        }
                    except AnsibleError as cause:
                        raise AssertionError(
                            f"{host} {where}: an answer for it may be missing in ANSWERS: {cause}"
                        ) from cause
        return found

    def _of_task(self, role: str, task: dict[str, Any], variables: dict[str, Any]) -> Iterator[tuple[str, str]]:
        (module,) = task.keys() - KEYWORDS
        name = module.removeprefix("ansible.builtin.")
        if name in ("import_tasks", "include_tasks", "set_fact", "debug", "assert", "fail", "meta", "import_role"):
            return
        variables = variables | (task.get("vars") or {})
        loop_var = (task.get("loop_control") or {}).get("loop_var", "item")
        items = self.preflight.templar(variables).template(task["loop"]) if "loop" in task else [None]
        for number, item in enumerate(items):
            own = variables | ({loop_var: item} if "loop" in task else {})
            given = self.preflight.templar(own).template(
                {"args": task[module], "environment": task.get("environment", {})}
            )
            if name == "template":
                path = given["args"]["dest"]
                yield f"{number} {path} path", path
                yield (
                    f"{number} template {given['args']['src']}",
                    self._render(role, {"template": given["args"]["src"], "path": path, "vars": {}}, own),
                )
                continue
            if name == "command" and "argv" in task[module] and given["args"].get("expand_argument_vars", True):
                given["args"]["argv"] = list(map(os.path.expandvars, given["args"]["argv"]))
            if name in ("user", "group"):  # as all modules do that make words for a program of their arguments
                texts = {key: value for key, value in given["args"].items() if isinstance(value, str)}
                given["args"] |= {key: os.path.expandvars(value) for key, value in texts.items()}
            files = given["args"].pop("files", []) if name == "service_config" else []
            yield from strings(given, f"{number} {name}")
            for which, file in enumerate(files):
                where = f"{number} {name} file {which}"
                yield f"{where} path", file["path"]
                yield from strings({key: value for key, value in file.items() if key not in ("path", "vars")}, where)
                if "template" in file:
                    yield f"{where} template {file['template']}", self._render(role, {"vars": {}, **file}, own)

    def _render(self, role: str, file: dict[str, Any], variables: dict[str, Any]) -> str:
        """Render a template as service_config does."""
        action = plugins.action_loader.get(
            "service_config",
            task=self.preflight.each,
            connection=types.SimpleNamespace(),
            play_context=None,
            loader=self.preflight.loader,
            templar=self.preflight.templar(variables),
            shared_loader_obj=plugins,
        )
        action._find_needle = lambda _, name: str(TOP / "roles" / role / "templates" / name)
        return action._render(file, variables)


def variables_of(variables: dict[str, Any], role: str) -> dict[str, Any]:
    """Return the variables of a role that count more than its defaults."""
    return {name: value for name, value in variables.items() if name.startswith(f"{role}_")}


def strings(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Give the strings in a value, with where they are; names of entries, too."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield f"{where} name", str(name)
            yield from strings(each, f"{where}.{name}" if name.isidentifier() else f"{where}.*")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from strings(each, f"{where}[{number}]")
    elif value is not None:
        yield where, str(value)
