"""What the unit tests share."""

import sys
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest
from ansible.plugins.loader import filter_loader
from hypothesis import settings

# Plugins, modules and the program of the probes are imported from where they are, as Ansible and Python do. The role
# installs the program's folder as it is, so nothing may be left there.
sys.dont_write_bytecode = True
TOP = Path(__file__).parents[2]
ROLES = sorted(str(path.relative_to(TOP)) for path in TOP.glob("roles/*/filter_plugins"))
FOLDERS = (
    "filter_plugins",
    *ROLES,
    "roles/verify/files/verify",
    "roles/backup/files",
    "roles/upkeep/files",
    "library",
    "callback_plugins",
    "docs",
    "lab",
)
sys.path[:0] = [str(TOP / folder) for folder in FOLDERS]
ansible.module_utils.__path__.append(str(TOP / "module_utils"))
# A filter that uses another one asks Ansible for it.
filter_loader.add_directory(str(TOP / "filter_plugins"))

# The same examples in each run, so that a failure in CI is a failure here.
settings.register_profile("unit", database=None, deadline=None, derandomize=True)
settings.load_profile("unit")


@pytest.fixture(scope="session")
def preflight(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The checks that a run begins with, on the lab's settings."""
    from preflight import Preflight  # Ansible reads its configuration when it is imported

    return Preflight(tmp_path_factory.mktemp("preflight"))
