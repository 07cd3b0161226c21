#!/usr/bin/env python3
"""What the environment says of the lab, as an inventory script: read once; a lookup is read for each task and host.

Labs run side by side, each under its own name (LAB_NAME), with its files in a folder of that name (below LAB_BUILD),
and with its own pair of networks: 172.16.<LAB_NET>.0/24 is the local one, the next number is the outside. 22 is the
book's; LAB_NET must be even. For IPv6 they are private ones (ULA, RFC 4193).
"""

import json
import os
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


def settings(environment: dict[str, str]) -> dict[str, str]:
    """Return the variables of all hosts.

    Raises:
        SystemExit: when LAB_NET is not the number of a pair of networks.
    """
    name, number = environment.get("LAB_NAME") or "sfd-lab", environment.get("LAB_NET") or "22"
    if number not in map(str, range(0, 256, 2)):
        sys.exit(f"LAB_NET is {number}, which is not an even number from 0 to 254")
    net = int(number)
    return {
        "lab_name": name,
        "lab_build": os.path.realpath(environment.get("LAB_BUILD") or TOP / "build") + f"/{name}",
        "site_ipv4_prefix": f"172.16.{net}",
        "site_ipv6_prefix": f"fd53:4644:0:{net}",
        "lab_outside_ipv4_prefix": f"172.16.{net + 1}",
        "lab_outside_ipv6_prefix": f"fd53:4644:0:{net + 1}",
    }


if __name__ == "__main__":
    print(json.dumps({"all": {"vars": settings(dict(os.environ))}, "_meta": {"hostvars": {}}}))
