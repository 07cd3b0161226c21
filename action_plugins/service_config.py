"""The controller's half of service_config: check the arguments, render the templates, run the module once."""

from __future__ import annotations

import os
import re
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import generate_ansible_template_vars, trust_as_template

COMMAND = {"type": "raw"}  # as a list it would take a string too, and cut it at commas
PATHS = {"type": "list", "elements": "str", "default": []}
FILE = {
    "path": {"type": "str", "required": True},
    "template": {"type": "str"},
    "content": {"type": "raw"},
    "vars": {"type": "dict", "default": {}},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "raw", "default": "0644"},
    "secret": {"type": "bool", "default": False},
    "initial": {"type": "bool", "default": False},
    "undo": {"type": "str"},
    "stale": PATHS,
    "reload": COMMAND,
}
ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "original"], "default": "present"},
    "unit": {"type": "str"},
    "files": {"type": "list", "elements": "dict", "options": FILE, "default": []},
    "absent": PATHS,
    "discard": PATHS,
    "keep": PATHS,
    "check": COMMAND,
    "reload": COMMAND,
    "probe": COMMAND,
    "probe_timeout": {"type": "float", "default": 10},
    "state_dir": {"type": "path", "default": "/var/lib/service_config"},
}


class ActionModule(ActionBase):
    """Hand all the files of a service to its host in one call."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, without the contents that it was given."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _, arguments = self.validate_argument_spec(ARGUMENTS)
        self._check(arguments)
        arguments["files"] = [self._file(file, task_vars) for file in arguments["files"]]
        result = self._execute_module(
            module_name="service_config",
            module_args=arguments,
            task_vars={**task_vars, "ansible_no_target_syslog": True},  # it would log the contents
        )
        result.pop("invocation", None)
        return result

    def _check(self, arguments: dict[str, Any]) -> None:
        """Refuse what the module could only misunderstand."""
        if not re.fullmatch(r"[A-Za-z0-9_.@-]+", arguments["name"]) or arguments["name"] in (".", ".."):
            raise AnsibleActionFail(f"name is {arguments['name']!r}; it may hold letters, digits, and _.@- only")
        patterns = [*arguments["absent"], *arguments["discard"], *arguments["keep"]]
        if arguments["state"] == "original" and (arguments["files"] or patterns):
            raise AnsibleActionFail("state is original, which takes no files, absent, discard or keep")
        for option in ("check", "reload", "probe"):
            arguments[option] = self._command(arguments[option], option)
        files = [file["path"] for file in arguments["files"]]
        stale = [path for file in arguments["files"] for path in file["stale"]]
        for path in [*files, *stale, *patterns, arguments["state_dir"]]:
            if not path.startswith("/") or path.endswith("/"):
                raise AnsibleActionFail(f"{path!r} is not an absolute path, without a / at the end")
        seen = set()
        for path in map(os.path.normpath, files):
            if path in seen:
                raise AnsibleActionFail(f"{path} is given twice in files")
            seen.add(path)

    def _command(self, value: Any, option: str) -> list[str] | None:
        """Return a command as a list of words."""
        if value is None:
            return None
        if isinstance(value, list) and value and all(isinstance(word, str | int | float) for word in value):
            return [str(word) for word in value]
        raise AnsibleActionFail(f"{option} is {value!r}; it must be a list of words, such as [rndc, reload]")

    def _file(self, file: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what the module is to know of a file."""
        path, mode, content = file["path"], file["mode"], file["content"]
        if (file["template"] is None) == (content is None):
            given = "neither" if content is None else "both"
            raise AnsibleActionFail(f"{path}: exactly one of template and content is needed, {given} given")
        if not isinstance(mode, str) or not re.fullmatch(r"[0-7]{3,4}", mode):
            raise AnsibleActionFail(f"{path}: mode is {mode!r}; it must be three or four octal digits in quotes")
        if content is not None and not isinstance(content, str):
            raise AnsibleActionFail(f"{path}: content is a {type(content).__name__}; it must be a string")
        if content is None:
            content = self._render(file, task_vars)
        return {
            "path": path,
            "secret_content" if file["secret"] else "content": content,
            "owner": file["owner"],
            "group": file["group"],
            "mode": mode.zfill(4),
            "initial": file["initial"],
            "undo": file["undo"],
            "stale": file["stale"],
            "reload": self._command(file["reload"], f"{path}: reload"),
        }

    def _render(self, file: dict[str, Any], task_vars: dict[str, Any]) -> str:
        """Render a file's template as ansible.builtin.template does."""
        try:
            source = self._find_needle("templates", file["template"])
            text = trust_as_template(self._loader.get_text_file_contents(source))
            folders = [*task_vars.get("ansible_search_path", []), self._loader.get_basedir(), os.path.dirname(source)]
            search = [path for folder in folders for path in (os.path.join(folder, "templates"), folder)]
            variables = {**task_vars, **generate_ansible_template_vars(file["template"], source, file["path"])}
            if "ansible_managed" in task_vars:
                variables["ansible_managed"] = task_vars["ansible_managed"]
            templar = self._templar.copy_with_new_env(searchpath=search, available_variables=variables | file["vars"])
            result = templar.template(text, escape_backslashes=False)
        except AnsibleError as error:
            raise AnsibleActionFail(f"The template {file['template']} for {file['path']} failed.") from error
        return "" if result is None else str(result)
