"""The task, as Ansible runs it: arguments, templates, check mode, diff, and what of a secret can be seen."""

import base64
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ansible.errors import AnsibleActionFail

ROOT = Path(__file__).parents[2]
SECRET = "correct-horse-battery-staple"  # noqa: S105 (it guards nothing)


def load(folder):
    spec = importlib.util.spec_from_file_location(f"{folder}_service_config", ROOT / folder / "service_config.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ACTION = load("action_plugins")

# The arguments are checked before there is a connection


def refusal(**arguments):
    """Return why a task with these arguments is refused."""
    task = SimpleNamespace(args={"name": "demo"} | arguments, async_val=0, check_mode=False)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    action = ACTION.ActionModule(task, connection, None, None, None)
    with pytest.raises(AnsibleActionFail) as error:
        action.run(task_vars={})
    return str(error.value)


def file(**options):
    return {"files": [{"path": "/etc/x", "content": "x"} | options]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a/b"}, "name is 'a/b'; it may hold letters, digits, and _.@- only"),
        ({"name": ".."}, "name is '..'; it may"),
        ({"nmae": "x"}, "Unsupported parameters for (None) module: nmae. Supported parameters include: absent, check,"),
        ({"state": "gone"}, "value of state must be one of: present, original, got: gone"),
        ({"state": "original", **file()}, "state is original, which takes no files, absent or discard"),
        ({"state": "original", "absent": ["/x"]}, "state is original, which takes no files, absent or discard"),
        ({"state": "original", "discard": ["/x"]}, "state is original, which takes no files, absent or discard"),
        ({"reload": "rndc reload"}, "reload is 'rndc reload'; it must be a list of words, such as [rndc, reload]"),
        ({"check": []}, "check is []; it must be a list of words"),
        ({"probe": [["dig"]]}, "probe is [['dig']]; it must be a list of words"),
        ({"probe_timeout": "soon"}, "argument 'probe_timeout' is of type str and we were unable to convert to float"),
        ({"absent": ["x/*"]}, "'x/*' is not an absolute path, without a / at the end"),
        ({"keep": ["/etc/x/"]}, "'/etc/x/' is not an absolute path, without a / at the end"),
        ({"discard": ["*.jnl"]}, "'*.jnl' is not an absolute path, without a / at the end"),
        ({"discard": 5}, "'5' is not an absolute path"),
        (file(stale=["x.jnl"]), "'x.jnl' is not an absolute path, without a / at the end"),
        (file(stale=["/etc/x/"]), "'/etc/x/' is not an absolute path, without a / at the end"),
        (file(initial="perhaps"), "argument 'initial' is of type str"),
        ({"state_dir": "x"}, "'x' is not an absolute path"),
        ({"files": [{"content": "x"}]}, "missing required arguments: path found in files"),
        (file(conntent="x"), "module: files.conntent. Supported parameters include: base64, content, group, initial,"),
        (
            file(template="x.j2"),
            "/etc/x: exactly one of template, content, base64 and link is needed, template and content given",
        ),
        (file(content=None), "/etc/x: exactly one of template, content, base64 and link is needed, none given"),
        (file(base64="eA=="), "needed, content and base64 given"),
        (file(content=None, base64="eA==", secret=True), "/etc/x: a secret file is text; base64 is not possible"),
        (file(content=None, base64="eA"), "/etc/x: base64 cannot be decoded: Incorrect padding"),
        (file(content=None, base64="ü"), "/etc/x: base64 cannot be decoded: string argument should contain only ASCII"),
        (file(link="y"), "/etc/x: exactly one of template, content, base64 and link is needed, content and link given"),
        (file(content=None, link=""), "/etc/x: link is ''; it must be a path"),
        (file(content={"a": 1}), "/etc/x: content is a dict; it must be a string"),
        (file(path="etc/x"), "'etc/x' is not an absolute path"),
        (file(path="/etc/"), "'/etc/' is not an absolute path, without a / at the end"),
        (file(mode=0o644), "/etc/x: mode is 420; it must be three or four octal digits in quotes"),
        (file(mode="u=rw"), "/etc/x: mode is 'u=rw'; it must be three or four octal digits in quotes"),
        (file(mode="0888"), "/etc/x: mode is '0888'; it must be"),
        (file(reload="rndc"), "/etc/x: reload is 'rndc'; it must be a list of words"),
        ({"files": file()["files"] + file(path="/etc/./x")["files"]}, "/etc/x is given twice in files"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    assert message in refusal(**arguments)


def test_what_the_module_gets(monkeypatch):
    """Each option that the module has is passed on, with its default where the task does not give it."""
    given = []
    monkeypatch.setattr(
        ACTION.ActionModule, "_execute_module", lambda self, module_args, **_: given.append(module_args) or {}
    )
    task = SimpleNamespace(
        args={
            "name": "demo",
            "files": [
                {"path": "/d/x", "content": "x"},
                {"path": "/d/y", "content": "y", "initial": True, "undo": "z", "stale": ["/d/y.jnl"], "mode": "640"},
            ],
            "discard": ["/d/*.jbk"],
        },
        async_val=0,
        check_mode=False,
    )
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    ACTION.ActionModule(task, connection, None, None, None).run(task_vars={})
    (arguments,) = given
    common = {"owner": "root", "group": "root", "reload": None, "link": None, "base64": None}
    assert arguments == {
        "name": "demo",
        "state": "present",
        "unit": None,
        "files": [
            {"path": "/d/x", "content": "x", "mode": "0644", "initial": False, "undo": None, "stale": []} | common,
            {"path": "/d/y", "content": "y", "mode": "0640", "initial": True, "undo": "z", "stale": ["/d/y.jnl"]}
            | common,
        ],
        "absent": [],
        "discard": ["/d/*.jbk"],
        "keep": [],
        "check": None,
        "reload": None,
        "probe": None,
        "probe_timeout": 10.0,
        "state_dir": "/var/lib/service_config",
    }


def test_a_wrong_secret_is_not_shown():
    assert SECRET not in refusal(**file(content={"password": SECRET}, secret=True))


def test_the_documentation_agrees_with_the_arguments():
    options = yaml.safe_load(load("library").DOCUMENTATION)["options"]

    def assert_agree(documented, arguments):
        assert list(documented) == list(arguments)
        for name, argument in arguments.items():
            keys = ("default", "required", "choices")
            assert {k: documented[name].get(k) for k in keys} == {k: argument.get(k) for k in keys}, name
            if argument["type"] != "raw":
                assert [documented[name].get(k) for k in ("type", "elements")] == [
                    argument.get(k) for k in ("type", "elements")
                ]
            assert_agree(documented[name].get("suboptions", {}), argument.get("options", {}))

    assert_agree(options, ACTION.ARGUMENTS)


# Ansible runs the task


class Play:
    """A role with one task and its templates, run against this machine."""

    def __init__(self, root):
        self.root = root
        self.live = root / "live"
        for name in ("live", "role/templates", "role/tasks", "journal/systemd"):
            (root / name).mkdir(parents=True)
        self.template(
            "main.conf", "# {{ ansible_managed }}\n{% if true %}\nzone {{ zone }}\n{% endif %}\n{% include 'part.j2' %}"
        )
        self.template("part.j2", "host {{ inventory_hostname }} {{ template_destpath | basename }}\n")
        self.template("key.j2", "# the key\nkey {{ key }}\n")
        (root / "ansible.cfg").touch()
        # Ansible logs to the journal through this package, where there is one.
        (root / "journal/systemd/__init__.py").touch()
        (root / "journal/systemd/daemon.py").write_text("def booted():\n    return True\n")
        (root / "journal/systemd/journal.py").write_text(
            "sendv = None\n"
            "def send(**fields):\n"
            f"    with open({str(root / 'journal/log')!r}, 'a') as log:\n"
            "        print(fields, file=log)\n"
        )
        self.more_tasks, self.more_variables = [], {}
        self.task = {
            "name": "demo",
            "state_dir": str(root / "state"),
            "files": [
                {"path": f"{self.live}/main.conf", "template": "main.conf", "vars": {"zone": "st.um"}, "mode": "644"},
                {"path": f"{self.live}/key", "template": "key.j2", "mode": "0600", "secret": True},
            ],
            "check": ["sh", "-c", f"cat {self.live}/*; ! grep -q wrong {self.live}/main.conf"],
            "reload": ["touch", str(root / "reloaded")],
        }
        for entry in self.task["files"]:
            entry |= {"owner": str(os.geteuid()), "group": str(os.getegid())}

    def template(self, name, text):
        (self.root / "role/templates" / name).write_text(text)

    def run(self, *options, failed=False):
        """Return what ansible-playbook prints."""
        tasks = [{"name": "Configure", "service_config": self.task}, *self.more_tasks]
        (self.root / "role/tasks/main.yml").write_text(json.dumps(tasks))
        play = {"hosts": "localhost", "gather_facts": False, "connection": "local", "roles": ["role"]}
        variables = {"ansible_python_interpreter": sys.executable, "key": SECRET} | self.more_variables
        (self.root / "play.yml").write_text(json.dumps([play | {"vars": variables}]))
        environment = {
            "ANSIBLE_ACTION_PLUGINS": ROOT / "action_plugins",
            "ANSIBLE_LIBRARY": ROOT / "library",
            "ANSIBLE_CONFIG": self.root / "ansible.cfg",
            "ANSIBLE_NOCOLOR": "1",
            "HOME": self.root,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": self.root / "journal",
            "LC_ALL": "C.UTF-8",
        }
        command = ["ansible-playbook", "-i", "localhost,", self.root / "play.yml", *options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        assert (done.returncode != 0) == failed, output
        return output

    def seen(self):
        return {path.name: path.read_text() for path in self.live.iterdir()}


@pytest.fixture
def play(tmp_path):
    return Play(tmp_path)


def test_check_then_converge_then_nothing(play):
    output = play.run("--check", "--diff")
    assert "+zone st.um\n" in output
    assert "+(content not shown, after)\n" in output
    assert SECRET not in output
    assert play.seen() == {}
    assert not (play.root / "state").exists()

    output = play.run("-vvv", "--diff")
    assert "changed=1" in output
    assert "reloaded: touch" in output
    assert SECRET not in output
    assert "invocation" not in output
    main = "# Ansible managed\nzone st.um\nhost localhost main.conf"
    assert play.seen() == {"main.conf": main, "key": f"# the key\nkey {SECRET}\n"}
    assert not (play.root / "journal/log").exists()

    output = play.run("--check", "--diff")
    assert "changed=0" in output
    assert "+++" not in output


def test_what_is_not_text_arrives_as_it_is(play):
    octets = bytes(range(256)) * 2
    entry = {"path": f"{play.live}/octets", "base64": base64.b64encode(octets).decode()}
    play.task["files"] = [entry | {key: play.task["files"][0][key] for key in ("owner", "group")}]
    assert "changed=1" in play.run()
    assert (play.live / "octets").read_bytes() == octets
    assert "changed=0" in play.run()


def test_templates_are_rendered_as_by_the_template_module(play):
    play.template(
        "main.conf",
        "{{ ansible_managed | comment }}\n{#- x #}\n"
        "{% for n in range(2) %}\n  {{ n }} \\n {{ 'a\\tb' }} {{ zone }}\\\n{% endfor %}\n"
        "{% import 'part.j2' as part with context %}\n{{ part }}{{ template_path }} {{ template_fullpath }}\n"
        "{{ template_uid }} {{ lookup('template', 'key.j2') }}\n{% raw %}{{ x }}{% endraw %}\n\n",
    )
    play.more_tasks = [
        {
            "name": "Render",
            "template": {"src": "main.conf", "dest": f"{play.root}/reference/main.conf", "mode": "0600"},
            "vars": {"zone": "st.um"},
        }
    ]
    play.more_variables = {"ansible_managed": "kept by me"}
    (play.root / "reference").mkdir()
    play.run()
    log = (play.root / "journal/log").read_text()
    assert "reference/main.conf" in log  # of another module, so that this log is where Ansible's go
    assert "state_dir" not in log
    assert play.seen()["main.conf"].startswith("#\n# kept by me\n#")
    assert "0 \\n a\tb st.um\\\n" in play.seen()["main.conf"]
    assert play.seen()["main.conf"] == (play.root / "reference/main.conf").read_text()


def test_a_refusal_is_told_in_the_checkers_words(play):
    play.template("main.conf", "wrong\n")
    output = play.run("-vvv", failed=True)
    assert "refuses the new configuration (exit status 1)" in output
    assert "wrong" in output
    assert "********" in output
    assert SECRET not in output
    assert play.seen() == {}
    assert not (play.root / "reloaded").exists()


@pytest.mark.parametrize(
    ("template", "text", "words"),
    [
        ("main.conf", "{{ nothing_like_it }}", "'nothing_like_it' is undefined"),
        ("main.conf", "{% if %}", "Expected an expression"),
        ("gone.j2", None, "Could not find or access 'gone.j2'"),
    ],
)
def test_a_template_that_fails_is_named(play, template, text, words):
    if text:
        play.template(template, text)
    play.task["files"][0]["template"] = template
    output = play.run(failed=True)
    assert f"template {template} for {play.live}/main.conf" in output
    assert words in output
    assert play.seen() == {}
