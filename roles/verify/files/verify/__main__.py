"""Run the probes: python3 /usr/local/lib/server-for-dummies/verify --help."""

import sys

sys.dont_write_bytecode = True  # the directory holds what was installed, and nothing else

from frame import main  # noqa: E402 (not before the line above)

sys.exit(main())
