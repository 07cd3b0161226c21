#!/usr/bin/env python3
"""How long a run without changes takes, beside its floors and the usual way, on the running lab, all in one run."""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ROUNDS = 3
LIMIT = 20.0  # seconds for a run without changes, on 2 cores


def play(playbook: str, **environment: str) -> tuple[float, str]:
    """Run a playbook that has nothing to change; return the seconds that it took and its output.

    Raises:
        SystemExit: when it fails or changes something.
    """
    started = time.monotonic()
    env = {**os.environ, **environment}
    done = subprocess.run(["ansible-playbook", playbook], cwd=TOP, env=env, text=True, capture_output=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode or re.search(r"changed=[1-9]", done.stdout):
        sys.exit(f"{playbook} failed, or changed something:\n{done.stdout}{done.stderr}")
    return seconds, done.stdout


def tasks(output: str) -> dict[str, float]:
    """Return the seconds of each task, by the callback profile_tasks."""
    lines = re.findall(r"^(\S.*?) -+ ([\d.]+)s$", output, re.MULTILINE)
    return {name: float(seconds) for name, seconds in lines}


def main() -> None:
    """Measure in turns, so that what else the machine does falls on all alike."""
    subprocess.run(["ansible-playbook", "tests/bench/plain.yml"], cwd=TOP, check=True, capture_output=True)
    playbooks = {
        "start": "tests/bench/start.yml",
        "contact": "tests/bench/contact.yml",
        "site": "site.yml",
        "plain": "tests/bench/plain.yml",
    }
    seconds: dict[str, list[float]] = {name: [] for name in playbooks}
    for _ in range(ROUNDS):
        for name, playbook in playbooks.items():
            seconds[name].append(play(playbook)[0])
    median = {name: statistics.median(values) for name, values in seconds.items()}
    profiled = {"ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_tasks", "PROFILE_TASKS_TASK_OUTPUT_LIMIT": "all"}
    figures = {
        "what": "a run of site.yml without changes, on all hosts of the lab; seconds, medians of three",
        "seconds": {name: round(value, 2) for name, value in median.items()},
        "rounds": {name: [round(value, 2) for value in values] for name, values in seconds.items()},
        "limit": LIMIT,
        "site / plain": round(median["site"] / median["plain"], 2),
        "site / contact": round(median["site"] / median["contact"], 2),
        "tasks": tasks(play("site.yml", **profiled)[1]),
    }
    (TOP / "build" / "bench.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    if median["site"] > LIMIT:
        sys.exit(f"A run without changes took {median['site']:.1f} s, more than {LIMIT:g} s")


if __name__ == "__main__":
    main()
