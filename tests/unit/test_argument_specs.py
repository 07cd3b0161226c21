"""A role's defaults, its argument_specs and its README.md agree."""

from pathlib import Path
from typing import Any

import pytest
import role_readmes
import yaml
from checked import checked

TOP = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (TOP / "roles").iterdir() if path.is_dir())


def read(role: str, part: str) -> dict[str, Any]:
    path = TOP / "roles" / role / part
    return (yaml.safe_load(path.read_text()) if path.exists() else None) or {}


def options(role: str) -> dict[str, dict[str, Any]]:
    return read(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]


def every(found: dict[str, dict[str, Any]], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return the options and those inside them."""
    below = [every(option.get("options", {}), f"{path}{name}.") for name, option in found.items()]
    return [(path + name, option) for name, option in found.items()] + [each for part in below for each in part]


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_of_the_spec(role: str) -> None:
    specified = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert read(role, "defaults/main.yml") == specified


@pytest.mark.parametrize("role", ROLES)
def test_what_is_required_has_no_default(role: str) -> None:
    assert not [name for name, option in every(options(role)) if option.get("required") and "default" in option]


@pytest.mark.parametrize("role", ROLES)
def test_variables_carry_the_name_of_their_role(role: str) -> None:
    # What everything of the site rests on has a name for people.
    public = (options(role).keys() | read(role, "defaults/main.yml").keys()) - {"identity"}
    assert not [name for name in public if not name.startswith(f"{role}_")]
    private = {name for path in (TOP / "roles" / role).glob("vars/*.yml") for name in read(role, f"vars/{path.name}")}
    assert not [name for name in private if not name.startswith(f"__{role}_")]


@pytest.mark.parametrize("role", ROLES)
def test_options_are_described_and_typed(role: str) -> None:
    for name, option in every(options(role)):
        assert option.get("description"), name
        assert option.get("type"), name
        assert (option["type"] == "list") == ("elements" in option), name


def kinds_in(kinds: Any) -> list[str]:
    """Return the kinds that are in others."""
    if isinstance(kinds, str):
        return [kinds]
    return [kind for inner in (kinds.values() if isinstance(kinds, dict) else kinds) for kind in kinds_in(inner)]


def unknown(kinds: Any, option: dict[str, Any], path: str) -> list[str]:
    """Return what has a kind, but is not in the argument_specs, or is of another shape there."""
    kind = "list" if isinstance(kinds, list) else "dict" if isinstance(kinds, dict) else ""
    if kind and option.get("type") != kind:
        return [path]
    if kind == "list":
        inner = {**option, "type": option.get("elements")}
        return unknown(kinds[0], inner, path) if len(kinds) == 1 else [path]
    options = option.get("options")
    if not kind or not options:
        return []
    return [name for name in kinds if name not in options] + [
        each
        for name, inner in kinds.items()
        if name in options
        for each in unknown(inner, options[name], f"{path}.{name}")
    ]


@pytest.mark.parametrize("role", ROLES)
def test_kinds_are_those_of_options(role: str) -> None:
    kinds, specified = read(role, "vars/main.yml").get(f"__{role}_kinds", {}), options(role)
    assert not kinds.keys() - specified.keys()
    assert not [each for name, kind in kinds.items() for each in unknown(kind, specified[name], name)]
    for kind in kinds_in(kinds):
        checked([], kind, "x")


@pytest.mark.parametrize("role", ROLES)
def test_the_readme_is_current(role: str) -> None:
    path = TOP / "roles" / role
    assert (path / "README.md").exists(), "make docs"
    assert (path / "README.md").read_text() == role_readmes.readme(path), "make docs"
    assert f"[{role}](roles/{role}/README.md)" in (TOP / "README.md").read_text()


def test_a_readme_has_all_that_the_spec_says() -> None:
    spec = {
        "short_description": "A server, V(x)",
        "description": ["One.", "L(RFC 1,https://rfc.example/1), I(two)\nlines, P(checked#filter), resolv.conf(5)."],
        "options": {
            "a_list": {
                "description": ["First.", "C(a|b)."],
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {"inside": {"description": "Inner.", "type": "bool", "default": False}},
            },
            "a_choice": {"description": "Which.", "choices": ["no", "auto"], "default": "no"},
            "a_text": {"description": "Text.", "type": "str", "default": ""},
        },
    }
    assert role_readmes.render("a", spec) == (
        "# a\n\nA server, `x`.\n\nOne.\n\n[RFC 1](https://rfc.example/1), *two* lines, `checked`, resolv.conf(5).\n\n"
        "## Variables\n\n"
        "| Variable | Type | Default | Required | Description |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| `a_list` | list of dict |  | yes | First. `a\\|b`. |\n"
        "| &emsp;`inside` | bool | `false` |  | Inner. |\n"
        "| `a_choice` | str | `no` |  | Which. One of `no`, `auto`. |\n"
        '| `a_text` | str | `""` |  | Text. |\n'
    )


def test_what_is_written_by_hand_stays(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    spec = {"argument_specs": {"main": {"short_description": "New", "options": {}}}}
    (tmp_path / "meta" / "argument_specs.yml").write_text(yaml.safe_dump(spec))
    (tmp_path / "README.md").write_text(f"# Old\n\n{role_readmes.MARK}\n## By hand\n")
    text = role_readmes.readme(tmp_path)
    assert "Old" not in text
    assert "\nNew.\n" in text
    assert text.endswith(f"\n\n{role_readmes.MARK}\n## By hand\n")
