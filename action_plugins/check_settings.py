"""Action plugin check_settings: refuse wrong settings before any host changes. It runs on the controller alone."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleUndefinedVariable
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader

TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "bool": (bool, "true or false, without quotes"),
    "dict": (dict, "a dictionary"),
    "float": ((int, float), "a number, without quotes"),
    "int": (int, "an integer, without quotes"),
    "list": (list, "a list"),
    "raw": (object, "something"),
    "path": (str, "a string, in quotes"),
    "str": (str, "a string, in quotes"),
}
SHOWN = 60  # characters of what was given
# What a value that could not be worked out makes of another one.
FOLLOWING = "CapturedExceptionMarker"


class ActionModule(ActionBase):
    """Check the variables of some roles."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail with all that is wrong with the first role that has something wrong."""
        result = super().run(tmp, task_vars)
        names = {"type": "list", "elements": "str"}
        specs = {
            "roles": {"required": True, **names},
            "given": {"default": [], **names},
            "tell": {"default": [], **names},
        }
        _, arguments = self.validate_argument_spec(specs)
        variables = dict(task_vars or {})
        self._raw = dict(variables)
        looks = [(role, self._given) for role in arguments["given"]] + [
            (role, self._errors) for role in arguments["roles"]
        ]
        for role, look in looks:
            if errors := look(role, variables):
                result.update(failed=True, msg=f"Edit the settings of {role}: " + "; ".join(errors))
                return result
        # What has been worked out for the checks, so that it need not be again.
        templar = self._templar.copy_with_new_env(available_variables=variables)
        result["told"] = {name: templar.template(variables[name]) for name in arguments["tell"]}
        return result

    def _load(self, role: str, part: str) -> dict[str, Any]:
        """Read one of a role's files; one that it does not have is empty."""
        for folder in constants.DEFAULT_ROLES_PATH:
            if (Path(folder) / role).is_dir():
                path = Path(folder) / role / part
                if not path.exists():
                    return {}
                # unsafe: not a copy, which takes as long as reading the file does; nothing here changes it.
                return self._loader.load_from_file(str(path), unsafe=True, trusted_as_template=True) or {}
        raise AnsibleActionFail(f"There is no role {role} in {constants.DEFAULT_ROLES_PATH}")

    def _options(self, role: str) -> dict[str, Any]:
        """Read what a role's variables are."""
        specs = self._load(role, "meta/argument_specs.yml").get("argument_specs") or {}
        if "main" not in specs:
            raise AnsibleActionFail(f"Role {role} has no argument_specs of main in its meta/argument_specs.yml")
        return specs["main"].get("options") or {}

    def _written(self, name: str) -> str:
        """Return the name of the variable that somebody has to edit: it may be given as what another one is."""
        other = re.fullmatch(r"\{\{ (\w+) \}\}", str(self._raw.get(name)).strip())
        return self._written(other[1]) if other and other[1] in self._raw else name

    def _given(self, role: str, task_vars: dict[str, Any]) -> list[str]:
        """Say what is wrong with those of a role's variables that somebody has given as they are, in no template."""
        options = self._options(role)
        given = {}
        for name in [name for name in options if name in task_vars and not self._templar.is_template(task_vars[name])]:
            with contextlib.suppress(AnsibleError):  # a secret that cannot be decrypted, of which is told later
                given[name] = self._templar.template(task_vars[name])
        return self._wrong(role, options, given)

    def _wrong(self, role: str, options: dict[str, Any], given: dict[str, Any]) -> list[str]:
        """Say which values are of wrong types, or if all are of the right ones, of wrong kinds."""
        kinds = self._load(role, "vars/main.yml").get(f"__{role}_kinds") or {}
        look = [(self._written(name), options[name], value, kinds.get(name, "any")) for name, value in given.items()]
        types = [error for name, option, value, _ in look for error in wrong_types(name, option, value)]
        return types or [
            error for name, option, value, kind in look for error in wrong_kinds(name, kind, value, option)
        ]

    def _errors(self, role: str, task_vars: dict[str, Any]) -> list[str]:
        """Say what is wrong with a role's variables: first their names and types, then their kinds, then its checks."""
        options = self._options(role)
        private = self._load(role, "vars/main.yml")
        variables = {**self._load(role, "defaults/main.yml"), **task_vars, **private}
        templar = self._templar.copy_with_new_env(available_variables=variables)
        given, failed = {}, {}
        for name in [name for name in options if name in variables]:
            try:
                # Each value is worked out once, not again for every other that is made of it, or check of it.
                given[name] = variables[name] = templar.template(variables[name])
                if name in task_vars:
                    task_vars[name] = given[name]
            except AnsibleError as error:  # perhaps because of another variable, which is wrong by itself
                words = words_of(error)
                failed[name] = words if "Edit " in words else f"Edit {name}: {words}"
        errors = unknown_names(role, options, list(task_vars))
        errors += missing_names(options, given | failed)
        errors += self._wrong(role, options, given)
        if errors:
            return errors
        errors = [words for words in failed.values() if FOLLOWING not in words] or list(failed.values())
        for check in [] if errors else private.get(f"__{role}_checks", []):
            try:
                templar.template(check)
            except AnsibleUndefinedVariable as error:
                errors.append(str(error) if "Edit " in str(error) else f"{check}: {error}")
            except AnsibleError as error:
                errors.append(words_of(error))
        secrets = {text for name, value in given.items() for text in secrets_in(options[name], value)}
        return [remove_values(error, secrets) for error in dict.fromkeys(errors)]


def words_of(error: AnsibleError) -> str:
    """Return a filter's own words."""
    return re.sub(r"^(The filter plugin '\w+' failed: )+", "", str(error))


def unknown_names(role: str, options: dict[str, Any], names: list[str]) -> list[str]:
    """Say which variables begin like the role's own but are none of them, and which were probably meant."""
    errors, prefix = [], f"{role}_"
    known = {option.removeprefix(prefix): option for option in options}  # what all begin with says nothing
    for name in sorted(names):
        if name.startswith(prefix) and name not in options:
            meant = difflib.get_close_matches(name.removeprefix(prefix), known, n=1)
            errors.append(
                f"{name} is not a variable of role {role}" + (f"; is {known[meant[0]]} meant?" if meant else "")
            )
    return errors


def missing_names(options: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """Say which variables have to be given, and are not."""
    return [
        f"Edit {name}: it has to be given"
        for name, option in options.items()
        if option.get("required") and name not in given
    ]


def shortened(value: Any) -> str:
    """Return what was given, as much of it as is needed to find it."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def is_secret(option: dict[str, Any]) -> bool:
    """Tell whether an option is a secret, or has one in it."""
    return bool(option.get("no_log")) or any(map(is_secret, (option.get("options") or {}).values()))


def secrets_in(option: dict[str, Any], value: Any) -> Iterator[str]:
    """Give the texts in a value that are secrets."""
    if isinstance(value, dict):
        for name, each in value.items():
            inner = (option.get("options") or {}).get(name, {})
            yield from secrets_in({**inner, "no_log": option.get("no_log") or inner.get("no_log")}, each)
    elif isinstance(value, list):
        for each in value:
            yield from secrets_in(option, each)
    elif option.get("no_log") and value not in (None, ""):
        yield str(value)


def wrong_types(path: str, option: dict[str, Any], value: Any) -> Iterator[str]:
    """Say what is not as a role's argument_specs want it.

    What Ansible could make the right type of is refused as well, as a template would take it as it stands.
    """
    kind = option.get("type", "str")
    right, words = TYPES[kind]
    shown = "the value" if is_secret(option) else shortened(value)
    if value is None:
        yield f"Edit {path}: it is empty; give {words}, or leave it out"
    elif not isinstance(value, right) or (isinstance(value, bool) and kind not in ("bool", "raw")):
        yield f"Edit {path}: {shown} is not {words}"
    elif kind != "list" and "choices" in option and value not in option["choices"]:
        yield f"Edit {path}: {shown} is not one of {', '.join(map(repr, option['choices']))}"
    elif kind == "list":
        inner = {**option, "type": option.get("elements", "raw"), "required": True}
        for number, each in enumerate(value):
            yield from wrong_types(f"{path}[{number}]", inner, each)
    elif kind == "dict" and "options" in option and (value or option.get("required")):
        possible = option["options"]
        for name in [name for name in value if name not in possible]:
            yield f"Edit {path}: there is no {name!r}; possible: {', '.join(possible)}"
        for name, inner in possible.items():
            if name in value:
                yield from wrong_types(f"{path}.{name}", inner, value[name])
            elif inner.get("required"):
                yield f"Edit {path}: {name} has to be given"


def wrong_kinds(path: str, kind: Any, value: Any, option: dict[str, Any]) -> Iterator[str]:
    """Say what is not of the kind that a role's variables are of, by the filter checked.

    Args:
        path: The variable, and what of it.
        kind: The name of a kind; a list of one, which is the kind of each item; or a dictionary of them, in which
            C(each) is the kind of each value that has none of its own, and C(each name) of the names of these.
        value: What was given.
        option: What argument_specs say of it. Where these do not tell the names of a dictionary's entries, those that
            have a kind are the possible ones.
    """
    if isinstance(kind, str):
        try:
            filter_loader.get("checked").j2_function([value], kind, path)
        except AnsibleError as error:
            yield str(error)
    elif not isinstance(value, list if isinstance(kind, list) else dict):
        yield f"Edit {path}: {shortened(value)} is not {TYPES['list' if isinstance(kind, list) else 'dict'][1]}"
    elif isinstance(kind, list):
        for number, each in enumerate(value):
            yield from wrong_kinds(f"{path}[{number}]", kind[0], each, option)
    else:
        options = option.get("options") or {}
        for name, each in value.items():
            if name not in kind and "each name" in kind:
                yield from wrong_kinds(path, kind["each name"], name, {})
            if inner := kind.get(name, kind.get("each")):
                yield from wrong_kinds(f"{path}.{name}", inner, each, options.get(name) or {})
            elif not options:
                yield f"Edit {path}: there is no {shortened(name)}; possible: {', '.join(kind)}"
