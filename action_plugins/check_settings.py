"""Action plugin check_settings: refuse wrong settings before any host changes. It runs on the controller alone."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleUndefinedVariable
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Check the variables of some roles."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail with all that is wrong with the first role that has something wrong."""
        result = super().run(tmp, task_vars)
        names = {"type": "list", "elements": "str"}
        specs = {"roles": {"required": True, **names}, "tell": {"default": [], **names}}
        _, arguments = self.validate_argument_spec(specs)
        variables = dict(task_vars or {})
        for role in arguments["roles"]:
            if errors := self._errors(role, variables):
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

    def _errors(self, role: str, task_vars: dict[str, Any]) -> list[str]:
        """Say what is wrong with a role's variables: first their names and types, then what its checks say of them."""
        specs = self._load(role, "meta/argument_specs.yml").get("argument_specs") or {}
        if "main" not in specs:
            raise AnsibleActionFail(f"Role {role} has no argument_specs of main in its meta/argument_specs.yml")
        options = specs["main"].get("options") or {}
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
                failed[name] = words_of(error)
        untold = {name: {**options[name], "required": False} for name in failed}
        errors = unknown_names(role, options, list(task_vars))
        validation = ArgumentSpecValidator(options | untold).validate(given)
        errors += validation.error_messages
        errors = errors or list(dict.fromkeys(failed.values()))
        for check in [] if errors else private.get(f"__{role}_checks", []):
            try:
                templar.template(check)
            except AnsibleUndefinedVariable as error:
                errors.append(f"{check}: {error}")
            except AnsibleError as error:
                errors.append(words_of(error))
        return [remove_values(error, validation._no_log_values) for error in dict.fromkeys(errors)]


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
