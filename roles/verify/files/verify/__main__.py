"""Run the probes: python3 -B /usr/local/lib/server-for-dummies/verify --help (-B: no bytecode beside it)."""

import sys

from frame import main

sys.exit(main())
