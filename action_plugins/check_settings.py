"""Action plugin check_settings: refuse wrong settings before any host changes. It runs on the controller alone."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import yaml
from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase


def role_options(role: str) -> dict[str, Any]:
    """Return the options in a role's argument_specs.

    Raises:
        AnsibleError: when no folder of roles_path has such a role.
    """
    for folder in constants.DEFAULT_ROLES_PATH:
        path = Path(folder) / role / "meta" / "argument_specs.yml"
        if path.exists():
            return yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    raise AnsibleError(f"No role {role} with meta/argument_specs.yml in {constants.DEFAULT_ROLES_PATH}")


def unknown_names(role: str, options: dict[str, Any], names: list[str]) -> list[str]:
    """Say which variables begin like the role's own but are none of them, and which were probably meant."""
    errors = []
    for name in sorted(names):
        if name.startswith(f"{role}_") and name not in options:
            meant = difflib.get_close_matches(name, options, n=1)
            errors.append(f"{name} is not a variable of role {role}" + (f"; is {meant[0]} meant?" if meant else ""))
    return errors


class ActionModule(ActionBase):
    """Check the variables of one role."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare the variables with the role's argument_specs; that `values` could be templated is a check by itself."""
        result = super().run(tmp, task_vars)
        role = self._task.args["role"]
        options = role_options(role)
        given, failed = {}, []
        for name in options.keys() & task_vars.keys():
            try:
                given[name] = self._templar.template(task_vars[name])
            except AnsibleError as error:  # perhaps because of another variable, which is wrong by itself
                given[name] = None
                failed.append(f"{name}: {error}")
        required = {name: {**option, "required": False} for name, option in options.items() if given.get(name, option) is None}
        validated = ArgumentSpecValidator(options | required).validate(given)
        errors = unknown_names(role, options, list(task_vars)) + (validated.error_messages or failed)
        if errors:
            result.update(failed=True, msg=f"Edit the settings of {role}: " + "; ".join(errors))
        return result
