#!/usr/bin/env python3
"""Write each role's README.md from its meta/argument_specs.yml; what a person wrote below the mark stays."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parent.parent / "roles"
MARK = "<!-- Above: made by `make docs` from meta/argument_specs.yml. Below: written by hand. -->\n"
HEADINGS = ["Variable", "Type", "Default", "Required", "Description"]
INDENT = "&emsp;"


def paragraphs(description: str | list[str]) -> list[str]:
    """Return a description as a list of paragraphs in Markdown."""
    texts = [description] if isinstance(description, str) else description
    return [markdown(text) for text in texts]


def markdown(text: str) -> str:
    """Turn Ansible's markup, such as C(x), into Markdown's."""
    text = re.sub(r"\bL\(([^,)]+), *([^)]+)\)", r"[\1](\2)", text)
    text = re.sub(r"\b[IB]\(([^)]+)\)", r"*\1*", text)
    # A plug-in's kind, as in P(checked#filter), is for ansible-doc.
    return re.sub(r"\b(?:C|V|O|E|M|P|RV)\(([^)#]+)(?:#[^)]*)?\)", r"`\1`", " ".join(text.split()))


def code(value: Any) -> str:
    """Return a value as a person would write it in YAML."""
    return f"`{value if isinstance(value, str) and value else json.dumps(value)}`"


def kind(option: dict[str, Any]) -> str:
    """Return an option's type."""
    name = option.get("type", "str")
    return f"{name} of {option['elements']}" if "elements" in option else name


def rows(options: dict[str, Any], depth: int = 0) -> Iterator[list[str]]:
    """Yield a table's rows, one for each option, those inside another below it."""
    for name, option in options.items():
        description = paragraphs(option["description"])
        if "choices" in option:
            description.append(f"One of {', '.join(map(code, option['choices']))}.")
        default = code(option["default"]) if "default" in option else ""
        required = "yes" if option.get("required") else ""
        yield [INDENT * depth + f"`{name}`", kind(option), default, required, " ".join(description)]
        yield from rows(option.get("options", {}), depth + 1)


def table(options: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    for cells in [HEADINGS, ["---"] * len(HEADINGS), *rows(options)]:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def render(role: str, spec: dict[str, Any]) -> str:
    """Return what stands above the mark in a role's README.md."""
    parts = [f"# {role}", f"{markdown(spec['short_description'])}.", *paragraphs(spec.get("description", []))]
    parts += ["## Variables", "\n".join(table(spec["options"]))]
    return "\n\n".join(parts) + "\n"


def readme(role: Path) -> str:
    """Return a role's whole README.md as it should be."""
    spec = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]
    file = role / "README.md"
    _, _, below = (file.read_text(encoding="utf-8") if file.exists() else "").partition(MARK)
    return f"{render(role.name, spec)}\n{MARK}{below}"


def main() -> None:
    """Write them all."""
    for spec in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        role = spec.parent.parent
        (role / "README.md").write_text(readme(role), encoding="utf-8")


if __name__ == "__main__":
    main()
