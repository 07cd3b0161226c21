"""What README.md tells its readers to type."""

import re

from lab import TOP


def blocks(section: str) -> list[list[str]]:
    """Return the lines of each block of commands in a section."""
    text = (TOP / "README.md").read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^ *```\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [[line.strip() for line in block.splitlines()] for block in found]
