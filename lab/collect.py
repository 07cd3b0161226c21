#!/usr/bin/env python3
"""Put together what the probes saw, as playbooks/verify.yml hands it over: verify.json, and the page verify.html."""

import json
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from report import Result, count
from report_page import page


def seconds_of(delta: str) -> float:
    """Return how long a command took, which Ansible tells as H:MM:SS.ssssss."""
    hours, minutes, seconds = delta.rsplit(":", 2)
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def results_of(run: dict[str, Any], host: str) -> list[Result]:
    """Return what one command printed, or a failure that tells why it printed nothing."""
    if re.match(r"\[", run.get("stdout", "")):
        return json.loads(run["stdout"])
    reason = run.get("stderr") or run.get("msg") or "no output"
    return [_of_verify(host, "program runs", False, reason)]


def of_host(host: dict[str, Any]) -> list[Result]:
    """Return a host's results, and before them whether it was reached at all, with what is known of it."""
    run, name = host["run"], host["name"]
    runs = run.get("results", [run])
    lost = next((each for each in [*runs, run] if each.get("unreachable") or not each), None)
    if lost is not None:
        found, took = [], 0.0
        first = _of_verify(name, "host reachable", False, lost.get("msg", "left out after an earlier failure"))
    else:
        found = [result for each in runs for result in results_of(each, name)]
        took = sum(seconds_of(each["delta"]) for each in runs if "delta" in each)
        first = _of_verify(name, "host reachable", True, f"{count(found)}, in {took:.1f} s")
    more = [address.partition("/")[0] for address in host.get("more_addresses", [])]
    known = {"kind": "host", "name": name, "groups": host["groups"], "names": host["names"], "seconds": round(took, 1)}
    first["facts"] = [known | {"addresses": host["addresses"], "more_addresses": more}]
    return [first, *found]


def _of_verify(host: str, probe: str, ok: bool, detail: str) -> Result:
    return {"service": "verify", "probe": probe, "from": host, "ok": ok, "ms": 0.0, "detail": detail}


def collect(seen: dict[str, Any], now: datetime) -> list[Result]:
    """Return all results.

    Args:
        seen: What the playbook knows: the `domain`, the `networks`, and `hosts`, each with its `name`, its `groups`,
            its `names` in the domain, its `addresses`, and `run`, what Ansible registered of its commands.
        now: When they ended.
    """
    results = [result for host in seen["hosts"] for result in of_host(host)]
    took = max(fact["seconds"] for result in results for fact in result.get("facts", []) if fact["kind"] == "host")
    about = {"kind": "run", "domain": seen["domain"], "networks": seen["networks"], "seconds": took}
    results[0]["facts"].append(about | {"ended": now.isoformat(timespec="seconds")})
    return results


def main(folder: str) -> int:
    """Read from the standard input, write both files, and tell what failed; 0 when nothing did."""
    results = collect(json.load(sys.stdin), datetime.now().astimezone())
    Path(folder).mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(result, ensure_ascii=False) for result in results)
    Path(folder, "verify.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    Path(folder, "verify.html").write_text(page(results), encoding="utf-8")
    failed = [result for result in results if not result["ok"]]
    print(count(results), *(f"{result['from']}: {result['probe']}: {result['detail']}" for result in failed), sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
