"""The checks that a run begins with, in this process: what `playbooks/prepare.yml` says of a setting, in milliseconds.

Ansible itself takes seconds for them, as it works out every variable of each host. Here, that is done once. For a
setting that is tried, only what follows from it is worked out anew, and only roles to which it matters are checked.
Which variables follow from which is read off their templates. The action plugin and the filters are the real ones.
"""

import contextlib
import functools
import os
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import ansible.plugins.loader as plugins
import yaml
from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from jinja2 import Environment

TOP = Path(__file__).resolve().parent.parent
FIRST = "playbooks/prepare.yml"  # of site.yml
LAB = {"LAB_NAME": "no-such-lab", "LAB_NET": "22", "LAB_SETTINGS": "{}", "LAB_SWAPPED": "false"}
OF_HOSTS = ("host_names", "host_ipv4", "host_ipv6")  # what one host asks of others
NAME = re.compile(r"[A-Za-z_]\w*")
OPTIONS = {
    "check": False,
    "diff": False,
    "verbosity": 0,
    "basedir": None,
    "tags": ["all"],
    "skip_tags": [],
    "extra_vars": (),
}


def names_in(value: Any) -> set[str]:
    """Return the names in the templates of a value."""
    if isinstance(value, str):
        return set(NAME.findall(value)) if "{{" in value or "{%" in value else set()
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return set().union(*map(names_in, parts))


def compile_once(compile_template: Callable[..., Any]) -> Callable[..., Any]:
    """Let Jinja compile each template once, whichever environment it is for."""
    known: dict[Any, Any] = {}

    @functools.wraps(compile_template)
    def compiled(self: Environment, source: str, *arguments: Any, **more: Any) -> Any:
        key = (source, arguments, tuple(sorted(more.items())))
        if key not in known:
            known[key] = compile_template(self, source, *arguments, **more)
        return known[key]

    return compiled


Environment.compile = compile_once(Environment.compile)


class Quick(Templar):
    """A templar that leaves alone what has been worked out."""

    done: ClassVar[dict[int, Any]] = {}

    def template(self, variable: Any, *arguments: Any, **more: Any) -> Any:
        """Work out a value."""
        return variable if id(variable) in self.done else super().template(variable, *arguments, **more)

    def copy_with_new_env(self, *, available_variables: dict[str, Any], searchpath: Sequence[str] = ()) -> "Quick":
        """Give one with other variables."""
        templar = Quick(loader=self._engine._loader, variables=available_variables)
        if searchpath:
            templar._engine.environment.loader.searchpath = searchpath
        return templar


def begins(names: Iterable[str], prefix: str) -> bool:
    """Tell whether one of some names begins like that."""
    return any(name.startswith(prefix) for name in names)


class OfHost(Mapping):
    """What another host is asked for, worked out when it is looked at."""

    def __init__(self, templar: Quick) -> None:
        """Keep by what it is worked out."""
        self.templar = templar
        self.names = [name for name in OF_HOSTS if name in templar.available_variables]

    def __getitem__(self, name: str) -> Any:
        """Work it out."""
        if name not in self.names:
            raise KeyError(name)
        return self.templar.template(self.templar.available_variables[name])

    def __iter__(self) -> Iterator[str]:
        """Give the names."""
        return iter(self.names)

    def __len__(self) -> int:
        """Count them."""
        return len(self.names)


class Preflight:
    """The lab's settings, and what is said of others."""

    def __init__(self, build: Path, settings: dict[str, Any] | None = None) -> None:
        """Work everything out once, with some settings; what is made, such as secrets, goes to a folder."""
        context.CLIARGS = ImmutableDict(OPTIONS)
        if not AnsibleCollectionConfig.collection_finder:
            plugins.init_plugin_loader()
        self.loader = DataLoader()
        self.loader.set_basedir(str(TOP / "playbooks"))
        with mock.patch.dict(os.environ, LAB | {"LAB_BUILD": str(build)}):
            inventory = InventoryManager(loader=self.loader, sources=[str(TOP / "inventory/lab")])
        manager = VariableManager(loader=self.loader, inventory=inventory, version_info={})
        HostVars(inventory=inventory, variable_manager=manager, loader=self.loader)
        play = Playbook.load(str(TOP / FIRST), variable_manager=manager, loader=self.loader).get_plays()[0]
        tasks = [task for block in play.compile() for task in block.block if isinstance(task, Task)]
        self.site, self.each = (task for task in tasks if task.action == "check_settings")
        hosts = inventory.get_hosts(play.hosts)
        self.raw = {str(host): manager.get_vars(play=play, host=host, task=self.each) for host in hosts}
        for own in self.raw.values():
            own |= settings or {}
        self.first = str(hosts[0])
        self.told: dict[str, Any] = {}
        self.values = {host: dict(raw) for host, raw in self.raw.items()}
        for values in self.values.values():
            self.work_out(values, values)
        Quick.done |= {id(value): value for values in self.values.values() for value in values.values()}
        self.roles = {host: self._arguments(self.each, self.raw[host])["roles"] for host in self.raw}
        self.follows = {host: self._follows(self.raw[host]) for host in self.raw}
        given = self._arguments(self.site, self.raw[self.first])["given"]
        self.owner = {name: role for role in given for name in self.options(role)}
        self.matters = {role: self._matters(role) for roles in [["site"], *self.roles.values()] for role in roles}

    def templar(self, variables: dict[str, Any]) -> Quick:
        """Give what works out values with these variables."""
        return Quick(loader=self.loader, variables=variables)

    def _arguments(self, task: Task, variables: dict[str, Any]) -> dict[str, Any]:
        return {name: self.templar(variables).template(value) for name, value in task.args.items()}

    def work_out(self, values: dict[str, Any], names: Iterable[str]) -> None:
        """Replace variables by their values, each after those that it is made of; what cannot be worked out stays."""
        templar, todo = self.templar(values), [*names]

        def work_out(name: str) -> None:
            todo.remove(name)
            used = names_in(values[name])
            for other in used.intersection(todo):
                if other in todo:
                    work_out(other)
            if used:
                with contextlib.suppress(AnsibleError):
                    values[name] = templar.template(values[name])

        while todo:
            work_out(todo[0])

    @staticmethod
    def _follows(raw: dict[str, Any]) -> dict[str, set[str]]:
        """Give for each name the variables whose templates have it."""
        follows: dict[str, set[str]] = {}
        for variable, value in raw.items():
            for name in names_in(value):
                for each in OF_HOSTS if name == "hostvars" else [name]:
                    follows.setdefault(each, set()).add(variable)
        return follows

    @staticmethod
    @functools.cache
    def options(role: str) -> dict[str, Any]:
        """Give the variables of a role, as its argument_specs have them."""
        specs = yaml.safe_load((TOP / "roles" / role / "meta/argument_specs.yml").read_text())
        return specs["argument_specs"]["main"]["options"]

    def _matters(self, role: str) -> set[str]:
        """Give the names of the variables that a role's checks look at."""
        texts = [path.read_text() for path in (TOP / "roles" / role).glob("[dv]*/main.yml")]
        return {*NAME.findall("\n".join(texts)), *self.options(role)}

    def concerned(self, host: str, names: Iterable[str]) -> set[str]:
        """Give the variables that follow from some, with these."""
        found: set[str] = set()
        todo = set(names)
        while todo:
            found |= todo
            todo = set().union(*(self.follows[host].get(name, ()) for name in todo)) - found
        return found

    def _check(self, task: Task, variables: dict[str, Any], **arguments: list[str]) -> dict[str, Any]:
        """Run the action plugin."""
        copy = task.copy(exclude_parent=True)
        copy.args = {"roles": [], **arguments}
        connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir="none"))
        action = plugins.action_loader.get(
            "check_settings",
            task=copy,
            connection=connection,
            play_context=None,
            loader=self.loader,
            templar=self.templar(variables),
            shared_loader_obj=plugins,
        )
        return action.run(task_vars=variables)

    def variables(self, settings: dict[str, Any], host: str | None = None) -> dict[str, dict[str, Any]]:
        """Give all hosts' variables with some settings, which are those of one host or of all."""
        concerned = {each: self.concerned(each, settings) for each in self.raw}
        variables = {}
        for each, values in self.values.items():
            raw = {name: self.raw[each][name] for name in concerned[each] if name in self.raw[each]}
            variables[each] = values | raw | (settings if host in (None, each) else {})
        hostvars = {each: OfHost(self.templar(own)) for each, own in variables.items()}
        for own in variables.values():
            own["hostvars"] = hostvars
        return variables

    def misgiven(self, settings: dict[str, Any]) -> str:
        """Give what is said of some settings before anything is made of them."""
        given = list(dict.fromkeys(self.owner[name] for name in settings if name in self.owner))
        return self._check(self.site, dict(settings), given=given).get("msg", "")

    def refusal(self, settings: dict[str, Any], host: str | None = None, hosts: Iterable[str] = ()) -> str:
        """Give what the checks say of some settings, nothing if they take them; of all hosts, or only of some."""
        if host in (None, self.first) and (message := self.misgiven(settings)):
            return message
        variables = self.variables(settings, host)
        concerned = set().union(*(self.concerned(each, settings) for each in self.raw))
        told: dict[str, Any] = {}
        if concerned & self.matters["site"]:
            tell = [name for name in self._arguments(self.site, variables[self.first])["tell"] if name in concerned]
            done = self._check(self.site, variables[self.first], roles=["site"], tell=tell)
            if done.get("failed"):
                return done["msg"]
            told = {name: value for name, value in done["told"].items() if name not in settings}
        for each, roles in self.roles.items():
            if hosts and each not in hosts:
                continue
            own = variables[each] | told
            names = self.concerned(each, settings)
            mattering = [role for role in roles if names & self.matters[role] or begins(names, f"{role}_")]
            done = self._check(self.each, own, roles=mattering)
            if done.get("failed"):
                return done["msg"]
        return ""
