"""pyinfra's turn: the primary server's packages, files and services, as `runs.py` has found them on it."""

import json
from pathlib import Path

from pyinfra.operations import apt, files, systemd

FOLDER = Path(__file__).resolve().parents[2] / "build/bench/primary"
HAS = json.loads((FOLDER / "has.json").read_text())

apt.packages(name="Packages", packages=HAS["packages"])
for path, (user, group, mode) in HAS["files"].items():
    files.put(name=path, src=str(FOLDER / "files" / path[1:]), dest=path, user=user, group=group, mode=mode)
for unit in HAS["units"]:
    systemd.service(name=unit, service=unit, running=True, enabled=True)
