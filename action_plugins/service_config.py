"""The controller's half of service_config: check the arguments, render the templates, run the module where needed.

A glance at the host by a shell, without Python, takes a fraction of the time that the module does. Where it shows
beyond doubt that the module would change nothing, that is the result. In any other case the module looks for itself.
"""

from __future__ import annotations

import base64
import hashlib
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
    "base64": {"type": "str"},
    "link": {"type": "str"},
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
# What a shell takes as it is, and expands as the module does.
PLAIN = re.compile(r"[A-Za-z0-9_./@%+=:,*?-]+")
BETWEEN = "\n--\n"
LIST = 'for path in {}; do if [ -e "$path" ] || [ -L "$path" ]; then echo "$path"; fi; done'
# Of a unit that is generated from an init script, the script's link tells whether it is enabled.
INIT_LINK = "/etc/rc5.d/S??{}"
UNIT = """systemctl show --property ActiveState,UnitFileState {} |
    if ls {} >/dev/null 2>&1; then sed s/=generated$/=enabled/; else cat; fi"""
RUNS = {"ActiveState=active", "UnitFileState=enabled"}


def glance(arguments: dict[str, Any]) -> str | None:
    """Return a script that prints what `is_as_wanted` needs and fails where something is missing; None if none can."""
    files = [file["path"] for file in arguments["files"] if not file["link"]]
    links = [file["path"] for file in arguments["files"] if file["link"]]
    going, kept, unit = [*arguments["absent"], *arguments["discard"]], arguments["keep"], arguments["unit"]
    folder = f"{arguments['state_dir']}/{arguments['name']}"
    words = [*files, *links, *going, *kept, folder, unit or "-"]
    if not all(map(PLAIN.fullmatch, words)) or any("*" in path or "?" in path for path in [*files, *links]):
        return None
    parts = [
        f"stat -c '%F|%U|%u|%G|%g|%a' {' '.join(files)}" if files else "",
        f"sha256sum {' '.join(files)}" if files else "",
        LIST.format(" ".join(going)) if going else "",
        LIST.format(" ".join(kept)) if going and kept else "",
        UNIT.format(unit, INIT_LINK.format(unit.removesuffix(".service"))) if unit else "",
        f"readlink {' '.join(links)}; stat -c '%u|%g' {' '.join(links)}" if links else "",
    ]
    # A run that was killed has left its journal, or what it checked.
    begin = f"set -e; export LC_ALL=C\n[ -d {folder} ]\nfor path in {folder}/journal.json {folder}/stage.*; do\n"
    begin += '    if [ -e "$path" ]; then exit 1; fi\ndone\n'
    return begin + "\necho; echo --\n".join(parts) + "\n"


def is_as_wanted(arguments: dict[str, Any], seen: str) -> bool:
    """Tell whether nothing is to do, by what the script printed."""
    if seen.count(BETWEEN) != 5:
        return False
    attributes, sums, going, kept, unit, links = (part.split("\n") for part in f"\n{seen}".split(BETWEEN))
    attributes, sums, unit, links = ([line for line in lines if line] for lines in (attributes, sums, unit, links))
    files = [file for file in arguments["files"] if not file["link"]]
    targets = [file["link"] for file in arguments["files"] if file["link"]]
    if len(attributes) != len(files) or len(sums) != len(files):
        return False
    if not all(map(is_file_as_wanted, files, attributes, sums)):
        return False
    if {*filter(None, going)} - {*kept, *(file["path"] for file in arguments["files"])}:
        return False
    return links == targets + ["0|0"] * len(targets) and (not arguments["unit"] or {*unit} == RUNS)


def is_file_as_wanted(file: dict[str, Any], attributes: str, checksum: str) -> bool:
    """Tell whether a file is what it should be, by its line of stat(1) and its line of sha256sum(1)."""
    kind, owner, uid, group, gid, mode = attributes.split("|")
    if kind not in ("regular file", "regular empty file"):
        return False
    if file["initial"]:
        return True
    text = file.get("content") or file.get("secret_content") or ""
    data = base64.b64decode(file["base64"]) if file["base64"] else text.encode("utf-8", "surrogateescape")
    return (
        file["owner"] == (uid if file["owner"].isdigit() else owner)
        and file["group"] == (gid if file["group"].isdigit() else group)
        and file["mode"] == mode.zfill(4)
        and checksum.split()[0] == hashlib.sha256(data).hexdigest()
    )


class ActionModule(ActionBase):
    """Hand all the files of a service to its host in one call."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, without the contents that it was given."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _, arguments = self.validate_argument_spec(ARGUMENTS)
        self._check(arguments)
        arguments["files"] = [self._file(file, task_vars) for file in arguments["files"]]
        if arguments["state"] == "present" and self._glance(arguments):
            return {"changed": False, "actions": [], "recovered": False} | ({"diff": []} if self._task.diff else {})
        result = self._execute_module(
            module_name="service_config",
            module_args=arguments,
            task_vars={**task_vars, "ansible_no_target_syslog": True},  # it would log the contents
        )
        result.pop("invocation", None)
        return result

    def _glance(self, arguments: dict[str, Any]) -> bool:
        """Tell whether a glance at the host shows that nothing is to do."""
        script = glance(arguments) if getattr(self._connection, "has_pipelining", False) else None
        if script is None:
            return False
        seen = self._low_level_execute_command("/bin/sh", in_data=script.encode())
        return seen["rc"] == 0 and is_as_wanted(arguments, seen["stdout"])

    def _check(self, arguments: dict[str, Any]) -> None:
        """Refuse what the module could only misunderstand."""
        if not re.fullmatch(r"[A-Za-z0-9_.@-]+", arguments["name"]) or arguments["name"] in (".", ".."):
            raise AnsibleActionFail(f"name is {arguments['name']!r}; it may hold letters, digits, and _.@- only")
        going = [*arguments["absent"], *arguments["discard"]]
        if arguments["state"] == "original" and (arguments["files"] or going):
            raise AnsibleActionFail("state is original, which takes no files, absent or discard")
        for option in ("check", "reload", "probe"):
            arguments[option] = self._command(arguments[option], option)
        files = [file["path"] for file in arguments["files"]]
        stale = [path for file in arguments["files"] for path in file["stale"]]
        for path in [*files, *stale, *going, *arguments["keep"], arguments["state_dir"]]:
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
        given = [what for what in ("template", "content", "base64", "link") if file[what] is not None]
        if len(given) != 1:
            words = " and ".join(given) or "none"
            raise AnsibleActionFail(
                f"{path}: exactly one of template, content, base64 and link is needed, {words} given"
            )
        if not isinstance(mode, str) or not re.fullmatch(r"[0-7]{3,4}", mode):
            raise AnsibleActionFail(f"{path}: mode is {mode!r}; it must be three or four octal digits in quotes")
        if content is not None and not isinstance(content, str):
            raise AnsibleActionFail(f"{path}: content is a {type(content).__name__}; it must be a string")
        if file["link"] is not None and not re.fullmatch(r"[^\n]+", file["link"]):
            raise AnsibleActionFail(f"{path}: link is {file['link']!r}; it must be a path")
        if file["template"] is not None:
            content = self._render(file, task_vars)
        if file["base64"] is not None:
            if file["secret"]:
                raise AnsibleActionFail(f"{path}: a secret file is text; base64 is not possible")
            try:
                base64.b64decode(file["base64"], validate=True)
            except ValueError as error:
                raise AnsibleActionFail(f"{path}: base64 cannot be decoded: {error}") from error
        return {
            "path": path,
            "secret_content" if file["secret"] else "content": content,
            "base64": file["base64"],
            "link": file["link"],
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
