"""What check_settings says of wrong settings; test_settings.py shows that the site's own roles have theirs checked."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SECRET = "correct-horse-battery-staple"  # noqa: S105 (it guards nothing)

spec = importlib.util.spec_from_file_location("check_settings_action", ROOT / "action_plugins" / "check_settings.py")
action = importlib.util.module_from_spec(spec)
spec.loader.exec_module(action)

ROLES = {
    "demo": {
        "meta/argument_specs.yml": {
            "argument_specs": {
                "main": {
                    "options": {
                        "demo_name": {"type": "str", "required": True},
                        "demo_color": {"type": "str", "choices": ["red", "blue"], "default": "red"},
                        "demo_colors": {"type": "list", "elements": "str", "choices": ["red", "blue"]},
                        "demo_count": {"type": "int", "default": 1},
                        "demo_addresses": {"type": "list", "elements": "str"},
                        "demo_hosts": {
                            "type": "list",
                            "elements": "dict",
                            "options": {"name": {"type": "str", "required": True}, "port": {"type": "int"}},
                        },
                        "demo_pin": {"type": "int", "no_log": True},
                        "demo_key": {"type": "str", "no_log": True},
                        "demo_keys": {
                            "type": "list",
                            "elements": "dict",
                            "options": {"name": {"type": "str"}, "secret": {"type": "str", "no_log": True}},
                        },
                        "demo_switch": {"type": "bool"},
                        "demo_score": {"type": "float"},
                        "demo_path": {"type": "path"},
                        "demo_raw": {"type": "raw"},
                        "demo_places": {"type": "dict"},
                        "demo_people": {"type": "list", "elements": "dict"},
                    }
                }
            }
        },
        "defaults/main.yml": {"demo_color": "red", "demo_count": 1, "demo_addresses": ["{{ __demo_first }}"]},
        "vars/main.yml": {
            "__demo_first": "192.0.2.1",
            "__demo_kinds": {
                "demo_hosts": [{"name": "domain"}],
                "demo_places": {"home": "path", "each name": "user", "each": ["network"]},
                "demo_people": [{"name": "user", "uid": "1000..60000"}],
                "demo_path": "path?",
            },
            "__demo_checks": [
                "{{ demo_count | checked('count', 'demo_count') }}",
                "{{ demo_addresses | checked('address', 'demo_addresses') }}",
                "{{ (demo_key | default('192.0.2.1')) | checked('address', 'demo_key') }}",
                "{{ demo_limit | default(1) + 0 if demo_name != 'undefined' else demo_nowhere }}",
            ],
        },
    },
    # No defaults, no vars, no checks, and nothing that can be set.
    "plain": {"meta/argument_specs.yml": {"argument_specs": {"main": {"short_description": "Plain"}}}},
    "unchecked": {
        "meta/argument_specs.yml": {"argument_specs": {"main": {"options": {"unchecked_x": {"type": "int"}}}}},
        "vars/main.yml": None,
    },
    "undocumented": {"vars/main.yml": {"__undocumented_checks": []}},
    "without_main": {"meta/argument_specs.yml": {"argument_specs": {"other": {}}}},
}
GOOD = {"demo_name": "x"}

# What the task is given: the roles, the variables. What it says: these words, in their order; none is no error.
CASES = {
    "right settings": (["demo"], GOOD, []),
    "several roles": (["demo", "plain", "unchecked"], GOOD, []),
    "no roles": ([], {}, []),
    "another role's and a private variable": (["demo"], GOOD | {"demolition_x": 1, "__demo_x": 1}, []),
    "a role without anything": (["plain"], {}, []),
    "a role without checks": (["unchecked"], {"unchecked_x": 5}, []),
    "unknown role": (["nowhere"], {}, ["There is no role nowhere in ["]),
    "no role after a right one": (["demo", "nowhere"], GOOD, ["There is no role nowhere in ["]),
    "role without specs": (
        ["undocumented"],
        {},
        ["Role undocumented has no argument_specs of main in its meta/argument_specs.yml"],
    ),
    "role without an entry point": (["without_main"], {}, ["Role without_main has no argument_specs of main"]),
    "near match": (
        ["demo"],
        GOOD | {"demo_colour": "red"},
        ["Edit the settings of demo: demo_colour is not a variable of role demo; is demo_color meant?"],
    ),
    "no near match": (["demo"], GOOD | {"demo_xyzzy": 1}, ["demo: demo_xyzzy is not a variable of role demo"]),
    "unknown where nothing is known": (["plain"], {"plain_x": 1}, ["plain_x is not a variable of role plain"]),
    "wrong type where nothing is checked": (
        ["unchecked"],
        {"unchecked_x": "five"},
        ["Edit unchecked_x: 'five' is not an integer, without quotes"],
    ),
    "several at once": (
        ["demo"],
        {
            "demo_colour": "red",
            "demo_addrs": [],
            "demo_color": "green",
            "demo_count": "many",
            "demo_hosts": [{"port": "x"}],
        },
        [
            "Edit the settings of demo: demo_addrs is not a variable",
            "; demo_colour is not a variable of role demo; is demo_color meant?",
            "; Edit demo_name: it has to be given",
            "; Edit demo_color: 'green' is not one of 'red', 'blue'",
            "; Edit demo_count: 'many' is not an integer, without quotes",
            "; Edit demo_hosts[0]: name has to be given; Edit demo_hosts[0].port: 'x' is not an integer",
        ],
    ),
    "the first wrong role alone": (
        ["unchecked", "demo", "plain"],
        {"unchecked_x": 1, "plain_x": 1, "demo_xyzzy": 1},
        ["Edit the settings of demo: demo_xyzzy is"],
    ),
    "several checks": (
        ["demo"],
        GOOD | {"demo_count": -1, "demo_addresses": ["192.0.2"]},
        [
            "Edit the settings of demo: Edit demo_count: -1 is not valid as count: an integer",
            "; Edit demo_addresses: '192.0.2' is not valid as address",
        ],
    ),
    "types come before checks": (
        ["demo"],
        GOOD | {"demo_count": -1, "demo_color": "green"},
        ["Edit demo_color: 'green' is not one of 'red', 'blue'"],
    ),
    "right kinds": (
        ["demo"],
        GOOD
        | {
            "demo_hosts": [{"name": "a.um", "port": 5}],
            "demo_places": {"home": "/home", "user1": ["192.0.2.0/24"]},
            "demo_people": [{"name": "user1", "uid": 1000}],
            "demo_path": "",
            "demo_switch": False,
            "demo_score": 5,
            "demo_raw": {"x": None},
        },
        [],
    ),
    "wrong kinds": (
        ["demo"],
        GOOD
        | {
            "demo_hosts": [{"name": "a.um"}, {"name": "a b"}],
            "demo_places": {"home": "home", "User": ["192.0.2.0"], "user1": "192.0.2.0/24"},
            "demo_people": [{"name": "user1", "uid": 5, "home": "/"}],
            "demo_path": "x",
        },
        [
            "Edit demo_hosts[1].name: 'a b' is not valid as domain: labels",
            "; Edit demo_path: 'x' is not valid as path",
            "; Edit demo_people[0]: there is no 'home'; possible: name, uid",
            "; Edit demo_people[0].uid: 5 is not valid as 1000..60000",
            "; Edit demo_places: 'User' is not valid as user",
            "; Edit demo_places.User[0]: '192.0.2.0' is not valid as network",
            "; Edit demo_places.home: 'home' is not valid as path",
            "; Edit demo_places.user1: '192.0.2.0/24' is not a list",
        ],
    ),
    "types come before kinds": (
        ["demo"],
        GOOD | {"demo_path": "x", "demo_switch": 1},
        ["Edit demo_switch: 1 is not true"],
    ),
    "a truth value is no number": (["demo"], GOOD | {"demo_count": True}, ["Edit demo_count: True is not an integer"]),
    "items have choices": (["demo"], GOOD | {"demo_colors": ["blue", "red"]}, []),
    "an item is none of them": (
        ["demo"],
        GOOD | {"demo_colors": ["blue", "green"]},
        ["Edit demo_colors[1]: 'green' is not one of 'red', 'blue'"],
    ),
    "a truth value is no string": (["demo"], GOOD | {"demo_color": False}, ["Edit demo_color: False is not a string"]),
    "a number is no string": (["demo"], {"demo_name": 5}, ["Edit demo_name: 5 is not a string, in quotes"]),
    "a string is no truth value": (
        ["demo"],
        GOOD | {"demo_switch": "no"},
        ["Edit demo_switch: 'no' is not true or false"],
    ),
    "a string is no number": (["demo"], GOOD | {"demo_count": "1"}, ["Edit demo_count: '1' is not an integer"]),
    "a string is no list": (["demo"], GOOD | {"demo_addresses": "a,b"}, ["Edit demo_addresses: 'a,b' is not a list"]),
    "a string is no dictionary": (
        ["demo"],
        GOOD | {"demo_places": "a=b"},
        ["Edit demo_places: 'a=b' is not a dictionary"],
    ),
    "nothing": (
        ["demo"],
        GOOD | {"demo_places": None},
        ["Edit demo_places: it is empty; give a dictionary, or leave it"],
    ),
    "a long value": (
        ["demo"],
        GOOD | {"demo_path": "x" * 100},
        [f"Edit demo_path: '{'x' * 59}... is not valid as path"],
    ),
    "an unknown key": (
        ["demo"],
        GOOD | {"demo_hosts": [{"name": "a.um", "address": "x"}]},
        ["Edit demo_hosts[0]: there is no 'address'; possible: name, port"],
    ),
    "secret in the place of what has it": (
        ["demo"],
        GOOD | {"demo_keys": ["{{ the_secret }}"]},
        ["Edit demo_keys[0]: the value is not a dictionary"],
    ),
    "what another variable is": (
        ["demo"],
        GOOD | {"demo_hosts": "{{ servers }}", "servers": "{{ machines }}", "machines": [{"name": "a b"}]},
        ["Edit machines[0].name: 'a b' is not valid as domain"],
    ),
    "what is made of another variable": (
        ["demo"],
        GOOD | {"demo_hosts": "{{ machines[:1] }}", "machines": [{"name": "a b"}]},
        ["Edit demo_hosts[0].name: 'a b' is not valid as domain"],
    ),
    "what is given comes first": (
        {"given": ["demo"], "roles": ["unchecked"]},
        {"demo_path": "x", "unchecked_x": "five"},
        ["Edit the settings of demo: Edit demo_path: 'x' is not valid as path"],
    ),
    "what is given need not be all": ({"given": ["demo"], "roles": []}, {"demo_color": "red"}, []),
    "what is made of it comes later": (
        {"given": ["demo"], "roles": ["unchecked"]},
        {"demo_path": "{{ unchecked_x }}", "unchecked_x": "five"},
        ["Edit the settings of unchecked: "],
    ),
    "undefined in a setting": (
        ["demo"],
        {"demo_name": "{{ nobody_gave_this }}"},
        ["Edit the settings of demo: Edit demo_name: 'nobody_gave_this' is undefined"],
    ),
    "a setting that depends on one that is wrong": (
        ["demo"],
        GOOD | {"demo_addresses": "{{ wrong_one }}", "wrong_one": "{{ 5 | checked('address', 'wrong_one') }}"},
        ["Edit the settings of demo: ", "Edit wrong_one: 5 is not valid as address"],
    ),
    "undefined in a check": (["demo"], {"demo_name": "undefined"}, ["{{ demo_limit |", "'demo_nowhere' is undefined"]),
    "private variables cannot be replaced": (["demo"], GOOD | {"__demo_first": "nonsense"}, []),
    "checks cannot be replaced": (
        ["demo"],
        GOOD | {"__demo_checks": [], "demo_count": -1},
        ["Edit demo_count: -1 is not valid"],
    ),
    "secret of a wrong type": (
        ["demo"],
        GOOD | {"demo_pin": "{{ the_secret }}"},
        ["Edit the_secret: the value is not an integer, without quotes"],
    ),
    "secret that a check repeats": (
        ["demo"],
        GOOD | {"demo_key": "{{ the_secret }}"},
        ["Edit demo_key: '********' is not valid as address"],
    ),
    "what is told": (
        {"roles": ["demo"], "tell": ["demo_name", "of_it"]},
        GOOD | {"of_it": "{{ demo_name ~ 'y' }}"},
        [],
    ),
    "roles not given": (None, {}, ["missing required arguments: roles"]),
    "another argument": ({"role": "demo", "roles": []}, {}, ["role. Supported parameters include: given, roles, tell"]),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """All cases, in check mode, in a run of ansible-playbook: its output, and what each task returned."""
    folder = tmp_path_factory.mktemp("check_settings")
    for role, files in ROLES.items():
        for path, content in files.items():
            (folder / "roles" / role / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "roles" / role / path).write_text("---\n" if content is None else yaml.safe_dump(content))
    (folder / "ansible.cfg").touch()
    (folder / "secret.yml").write_text(yaml.safe_dump({"the_secret": SECRET}))
    tasks = []
    for number, (roles, variables, _) in enumerate(CASES.values()):
        arguments = roles if isinstance(roles, dict) else {} if roles is None else {"roles": roles}
        task = {"check_settings": arguments, "vars": variables, "register": f"result_{number}", "ignore_errors": True}
        tasks.append({"name": f"Case {number}"} | task)
    results = ", ".join(f"result_{number}" for number in range(len(CASES)))
    save = {"content": f"{{{{ [{results}] | to_json }}}}", "dest": str(folder / "results.json"), "mode": "0600"}
    tasks.append({"name": "Save", "copy": save, "check_mode": False})
    play = {"hosts": "localhost", "gather_facts": False, "vars_files": ["secret.yml"], "tasks": tasks}
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", "--check", "-vv", "play.yml"],
        cwd=folder,
        env=os.environ
        | {
            "ANSIBLE_ACTION_PLUGINS": str(ROOT / "action_plugins"),
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_FILTER_PLUGINS": str(ROOT / "filter_plugins"),
            "ANSIBLE_HOME": str(folder),
            "ANSIBLE_LIBRARY": str(ROOT / "library"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_ROLES_PATH": str(folder / "roles"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output, dict(zip(CASES, json.loads((folder / "results.json").read_text()), strict=True))


def test_tells_what_it_has_worked_out(run):
    assert run[1]["what is told"]["told"] == {"demo_name": "x", "of_it": "xy"}


@pytest.mark.parametrize("case", CASES)
def test_says_what_is_wrong(run, case):
    result, words = run[1][case], CASES[case][2]
    message = result.get("msg", "")
    assert result["failed"] == bool(words), message
    assert not result["changed"]
    at = 0
    for word in words:
        assert word in message[at:], message
        at = message.index(word, at)
    assert ("meant?" in message) == any("meant?" in word for word in words)


def test_a_secret_is_never_shown(run):
    assert SECRET not in run[0]
    assert SECRET not in json.dumps(run[1])


def test_the_only_wrong_role_is_named(run):
    assert "plain" not in run[1]["the first wrong role alone"]["msg"]


def test_checks_are_only_made_of_settings_of_the_right_types(run):
    assert "demo_count" not in run[1]["types come before checks"]["msg"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["demo_one", "demo", "other_one", "__demo_x"], []),
        (["demo_onne"], ["demo_onne is not a variable of role demo; is demo_one meant?"]),
        (["demo_"], ["demo_ is not a variable of role demo"]),
        (
            ["demo_z", "demo_two_", "demo_a"],
            ["demo_a is", "demo_two_ is not a variable of role demo; is demo_two", "demo_z"],
        ),
    ],
)
def test_unknown_names(names, expected):
    said = action.unknown_names("demo", {"demo_one": {}, "demo_two": {}}, names)
    assert len(said) == len(expected)
    assert all(one.startswith(words) for one, words in zip(said, expected, strict=True))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("Edit x: y", "Edit x: y"),
        ("The filter plugin 'checked' failed: Edit x: y", "Edit x: y"),
        ("The filter plugin 'a' failed: The filter plugin 'b' failed: Edit x: y", "Edit x: y"),
        ("Edit x: The filter plugin 'b' failed: y", "Edit x: The filter plugin 'b' failed: y"),
    ],
)
def test_a_filters_words_are_its_own(error, words):
    assert action.words_of(action.AnsibleError(error)) == words
