"""The frame that runs the probes: what it makes of results, errors, time and names."""

import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import frame
import probes
import pytest

PROGRAM = Path(__file__).parents[2] / "roles" / "verify" / "files" / "verify"


def good() -> str:
    return "as it should be"


def bad() -> str:
    raise frame.ProbeError("10.9.9.9, not 172.16.22.135")


def broken() -> str:
    raise ZeroDivisionError("division by zero")


def hanging() -> str:
    time.sleep(30)
    return "much later"


def late() -> str:
    time.sleep(0.1)
    return "a little later"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A service of the tests' own; its settings are the pairs that its probes are made of."""
    module = ModuleType("probes.fake")
    module.probes = iter
    monkeypatch.setitem(sys.modules, f"{probes.__name__}.fake", module)
    return module


def run(*journeys: Any, **options: Any) -> list[dict[str, Any]]:
    named = [(f"{number} {getattr(journey, '__name__', '')}", journey) for number, journey in enumerate(journeys)]
    return frame.run([frame.Probe("fake", *each) for each in named], "client", **options)


def test_a_result_has_the_agreed_shape() -> None:
    [result] = run(good)
    ms = result.pop("ms")
    assert result == {"service": "fake", "probe": "0 good", "from": "client", "ok": True, "detail": "as it should be"}
    assert isinstance(ms, float)
    assert 0 <= ms < 1000


def test_a_wrong_answer_and_an_error_fail_alone() -> None:
    results = run(bad, broken, good)
    assert [result["ok"] for result in results] == [False, False, True]
    assert results[0]["detail"] == "10.9.9.9, not 172.16.22.135"
    assert results[1]["detail"] == "ZeroDivisionError: division by zero"


def test_time_is_limited_and_a_slow_probe_holds_up_no_other() -> None:
    began = time.monotonic()
    results = run(*[hanging] * 20, good, limit=0.5)
    assert time.monotonic() - began < 2
    assert [result["ok"] for result in results] == [False] * 20 + [True]
    assert results[0]["detail"] == "not done within 0.5 s"
    assert results[0]["ms"] == 500


def test_who_would_be_disturbed_is_waited_for() -> None:
    seen: list[str] = []

    def slow() -> str:
        seen.append("begin")
        time.sleep(0.1)
        seen.append("end")
        return "a little later"

    run(frame.Alone(slow), frame.Alone(slow))
    assert seen == ["begin", "end"] * 2
    seen.clear()
    run(slow, slow)
    assert seen == ["begin", "begin", "end", "end"]


def failing() -> str:
    time.sleep(0.4)
    raise frame.ProbeError("no letter")


@pytest.mark.parametrize("journey", [hanging, failing])
def test_where_a_service_fails_none_is_waited_for_but_the_first(journey: Any) -> None:
    began = time.monotonic()
    results = run(*[frame.Alone(journey) for _ in range(6)], limit=0.5)
    assert time.monotonic() - began < 1.6
    assert not any(result["ok"] for result in results)


def test_done_but_too_late_is_not_done() -> None:
    assert [result["ok"] for result in run(late, hanging, limit=0.05)] == [False, False]
    assert [result["ok"] for result in run(late, good, limit=5)] == [True, True]


def test_results_keep_the_order_of_the_probes() -> None:
    assert [result["probe"] for result in run(late, good, late, good)] == ["0 late", "1 good", "2 late", "3 good"]


def test_probes_are_selected_by_service_and_name() -> None:
    every = [frame.Probe(service, name, good) for service in ("dns", "web") for name in ("A st.um", "MX st.um", "x")]
    assert frame.select(every, [], []) == every
    assert [probe.service for probe in frame.select(every, ["web"], [])] == ["web"] * 3
    assert [probe.name for probe in frame.select(every, ["dns"], ["A *", "x"])] == ["A st.um", "x"]
    assert frame.select(every, ["mail"], []) == []


@pytest.mark.parametrize(
    ("services", "detail"),
    [
        ({"fake": [("same", good), ("same", bad), ("other", good)]}, "names given to more than one probe: same"),
        ({"fake": []}, "no probe comes of this configuration"),
        ({"fake": None}, "TypeError: 'NoneType' object is not iterable"),
        ({"nothing": {}}, "ModuleNotFoundError: No module named 'probes.nothing'"),
    ],
)
def test_a_service_without_usable_probes_is_a_failure(
    service: ModuleType, services: dict[str, Any], detail: str
) -> None:
    [result] = frame.run(frame.collect(services), "client")
    assert (result["service"], result["probe"], result["ok"]) == (next(iter(services)), "probes load", False)
    assert result["detail"] == detail


def main(capsys: pytest.CaptureFixture[str], config: Path, *arguments: str) -> tuple[int, Any]:
    status = frame.main(["--config", str(config), *arguments])
    return status, capsys.readouterr()


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, service: ModuleType, tmp_path: Path) -> Path:
    journeys = {"good": good, "bad": bad, "broken": broken}
    service.probes = lambda settings: [(name, journeys[name]) for name in settings]
    file = tmp_path / "verify.json"
    file.write_text('{"from": "here", "services": {"fake": ["good", "bad"]}}', encoding="utf-8")
    return file


def test_the_program_prints_json_and_its_status_tells(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, printed = main(capsys, config)
    results = json.loads(printed.out)
    assert status == 1
    assert [(result["probe"], result["from"], result["ok"]) for result in results] == [
        ("good", "here", True),
        ("bad", "here", False),
    ]
    status, printed = main(capsys, config, "--probe", "g*", "--from", "there")
    assert status == 0
    assert [result["from"] for result in json.loads(printed.out)] == ["there"]


def test_the_program_lists_without_running(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(capsys, config, "--list") == (0, ("fake\tgood\nfake\tbad\n", ""))


def test_an_empty_selection_proves_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, printed = main(capsys, config, "--service", "web")
    assert status == 1
    assert json.loads(printed.out) == []
    assert "no probe is selected" in printed.err


@pytest.mark.parametrize("text", [None, "no json", "[]", '{"from": "here"}'])
def test_an_unusable_configuration_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    file = tmp_path / "verify.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        frame.main(["--config", str(file)])
    assert str(file) in capsys.readouterr().err


def test_the_directory_runs_as_a_program_and_stays_clean(tmp_path: Path) -> None:
    file = tmp_path / "verify.json"
    file.write_text('{"services": {"nothing": {}}}', encoding="utf-8")
    command = [sys.executable, "-B", PROGRAM, "--config", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)[0]["service"] == "nothing"
    assert not list(PROGRAM.rglob("__pycache__"))


def test_not_too_many_probes_wait_at_a_time():
    waiting, most = [], []

    def slow():
        waiting.append(1)
        most.append(len(waiting))
        time.sleep(0.5)
        waiting.pop()
        return "done"

    results = run(*[slow] * 24, limit=5)
    assert all(result["ok"] for result in results)
    assert 8 <= max(most) <= 10


def test_a_watch_tells_for_how_long_a_service_was_away(tmp_path: Path) -> None:
    flag, began = tmp_path / "flag", time.monotonic()

    def away() -> str:
        if 0.5 < time.monotonic() - began < 1.0:
            raise frame.ProbeError("connection refused")
        return "as it should be"

    def taken_away() -> None:
        while not flag.exists() or time.monotonic() - began < 1.5:
            time.sleep(0.01)
        flag.unlink()

    thread = threading.Thread(target=taken_away, daemon=True)
    thread.start()
    probes = [frame.Probe("fake", "away", away), frame.Probe("fake", "good", good)]
    lost, kept = frame.watch(probes, "client", flag)
    assert (kept["ok"], kept["ms"], kept["from"]) == (True, 0, "client")
    assert not lost["ok"]
    assert 500 <= lost["ms"] < 1000
    failed, tries = map(int, re.findall(r"^(\d+) of (\d+) failed: connection refused$", lost["detail"])[0])
    assert 3 <= failed < tries


def test_a_watch_begins_when_all_is_well(tmp_path: Path) -> None:
    with pytest.raises(frame.ProbeError, match=r"^away already: wrong: 10\.9\.9\.9, not 172\.16\.22\.135$"):
        frame.watch([frame.Probe("fake", "wrong", bad)], "client", tmp_path / "flag", limit=0.5)
    assert not (tmp_path / "flag").exists()
