"""What a server's own programs say of its configuration, as results like those of probes."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "roles" / "verify" / "files" / "checks.py"
SYSTEMCTL = """#!/bin/sh
for unit in named php8.4-fpm ssh; do echo "$unit.service enabled enabled"; done
echo "$*" >"$0.asked"
"""
UNITS = {
    "dns": [{"name": "named", "check": ["sh", "-c", "echo first; echo loaded serial 7"]}],
    "ldap": [{"name": "slapd", "check": ["false"]}],
    "web": [{"name": "php*-fpm", "check": ["sh", "-c", "echo wrong; echo line 7 >&2; exit 3"]}, {"name": "apache2"}],
    "ssh": [{"name": "ssh", "check": ["true"]}],
}


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(SYSTEMCTL, encoding="utf-8")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def run(*units: Any) -> list[dict[str, Any]]:
        argv = [sys.executable, "-c", PROGRAM.read_text(encoding="utf-8"), "primary", *map(json.dumps, units)]
        return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)

    return run


def test_each_unit_that_is_there_is_checked(check: Any, tmp_path: Path) -> None:
    good, wrong, silent = check(UNITS)
    assert good.pop("ms") >= 0
    assert good == {
        "service": "dns",
        "probe": "named: sh -c 'echo first; echo loaded serial 7'",
        "from": "primary",
        "ok": True,
        "detail": "loaded serial 7",
        "transcript": "$ sh -c 'echo first; echo loaded serial 7'\n< first\n  loaded serial 7",
    }
    assert (wrong["ok"], wrong["detail"], wrong["service"]) == (False, "wrong; line 7", "web")
    assert (silent["ok"], silent["detail"], silent["probe"]) == (True, "nothing to object", "ssh: true")
    asked = (tmp_path / "systemctl.asked").read_text(encoding="utf-8")
    assert "named.service slapd.service php*-fpm.service ssh.service" in asked
    assert "apache2" not in asked  # nothing is asked of it


def test_more_questions_come_behind(check: Any) -> None:
    results = check({"dns": UNITS["dns"]}, {"dns": [{"name": "named", "check": ["echo", "asked"]}]})
    assert [result["detail"] for result in results] == ["loaded serial 7", "asked"]


def test_a_program_that_is_missing_is_a_failure(check: Any) -> None:
    [result] = check({"dns": [{"name": "named", "check": ["no-such-program"]}]})
    assert not result["ok"]
    assert "no-such-program" in result["detail"]


def test_a_program_that_hangs_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("checks", PROGRAM)
    checks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checks)
    monkeypatch.setattr(checks, "LIMIT", 0.1)
    result = checks.check("primary", "dns", "named", ["sleep", "9"])
    assert not result["ok"]
    assert "timed out" in result["detail"]


def test_of_what_is_long_the_beginning_and_the_end_are_kept(check: Any) -> None:
    [result] = check({"dns": [{"name": "named", "check": ["sh", "-c", "seq 9999"]}]})
    assert len(result["transcript"]) < 8000
    assert result["transcript"].startswith("$ sh -c 'seq 9999'\n< 1\n  2\n")
    assert result["transcript"].endswith("\n  9999")


def test_the_reason_is_told_wherever_it_stands(check: Any) -> None:
    script = "seq 9; echo 'zone x: bad dotted quad'; seq 99; exit 1"
    reason, last = check(
        {"dns": [{"name": "named", "check": ["sh", "-c", each]} for each in (script, "seq 9; exit 1")]}
    )
    assert (reason["detail"], last["detail"]) == ("zone x: bad dotted quad", "7; 8; 9")
