"""What the unit tests share."""

import sys
from pathlib import Path

from ansible.plugins.loader import filter_loader
from hypothesis import settings

# A filter plugin is a module of its own: tests import it as Ansible does, from its path. One that uses another one asks
# Ansible for it.
FILTERS = str(Path(__file__).parents[2] / "filter_plugins")
sys.path.insert(0, FILTERS)
filter_loader.add_directory(FILTERS)

# The same examples in each run, so that a failure in CI is a failure here.
settings.register_profile("unit", database=None, deadline=None, derandomize=True)
settings.load_profile("unit")
