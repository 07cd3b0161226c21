"""The report on the terminal: what it prints, on how much room, and its exit status."""

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import report


def result(service: str = "dns", probe: str = "A st.um", origin: str = "client", **rest: Any) -> dict[str, Any]:
    return {"service": service, "probe": probe, "from": origin, "ok": True, "ms": 3.14, "detail": "1 RRset", **rest}


MIXED = [
    result(origin="internet"),
    result(service="verify", probe="host reachable", ok=False, ms=0.0, detail="connection\n  refused"),
    result(),
    result(probe="MX st.um", ok=False, detail="missing <b>10 st.um.</b>"),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda **_: os.terminal_size((60, 30)))


def test_the_table_is_grouped_and_ends_with_the_sum() -> None:
    out = io.StringIO()
    assert report.report(MIXED, out) == 1
    assert out.getvalue().splitlines() == [
        "dns, from client: 2 probes, 1 failed",
        "  ok    A st.um        3.1 ms  1 RRset",
        "  FAIL  MX st.um       3.1 ms  missing <b>10 st.um.</b>",
        "",
        "dns, from internet: 1 probe, 0 failed",
        "  ok    A st.um       3.1 ms  1 RRset",
        "",
        "verify, from client: 1 probe, 1 failed",
        "  FAIL  host reachable       0.0 ms  connection refused",
        "",
        "4 probes, 2 failed",
    ]


def test_only_a_terminal_gets_colours_and_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    long = [result(detail="x" * 200), result(probe="B", ok=False, detail="y" * 200)]
    terminal, file = Terminal(), io.StringIO()
    report.report(long, terminal)
    report.report(long, file)
    assert "\033[32mok" in terminal.getvalue()
    assert "\033" not in file.getvalue()
    assert "x" * 200 in file.getvalue()
    assert "x" * 200 not in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    report.report(long, terminal := Terminal())
    assert "\033" not in terminal.getvalue()


def test_no_line_is_longer_than_the_terminal_is_wide_and_no_failure_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    name, words = "secondary ipv6 udp: CNAME st.um", [f"word{number}" for number in range(40)]
    report.report(
        [
            result(probe=name + "x" * 40, detail=" ".join(words)),
            result(probe=name, ok=False, detail=" ".join(words)),
            result(probe="short", detail="short"),
        ],
        out := Terminal(),
    )
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    assert [line.rstrip()[-1] for line in lines if line.startswith("  ok")] == ["…", "t"]
    assert f"  FAIL  {name}       3.1 ms" in lines
    assert " ".join(line for line in lines if line.startswith(" " * 8 + "word")).split() == words


def test_why_comes_again_where_the_table_is_longer_than_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    refused = [result(probe=f"probe {number}", ok=False, detail="refused") for number in range(20)]
    report.report([*refused, *[result()] * 9], out := Terminal())
    assert out.getvalue().splitlines()[-4:] == [
        "  FAIL  dns, from client: probe 0 and 19 more       3.1 ms",
        "        refused",
        "",
        "29 probes, 20 failed",
    ]
    report.report([*refused, result()], out := Terminal())
    assert "more" not in out.getvalue()


@pytest.mark.parametrize(("results", "status"), [([result()], 0), (MIXED, 1), ([], 1)])
def test_the_status_tells_whether_all_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], results: list[Any], status: int
) -> None:
    file = tmp_path / "verify.json"
    file.write_text(json.dumps(results), encoding="utf-8")
    assert report.main([str(file)]) == status
    assert capsys.readouterr().out.endswith(f"{report.count(results)}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("", "Expecting value"),
        ("{}", "not a list of results"),
        ("[1]", "not a list of results"),
        ('[{"service": "dns", "probe": "x", "ok": true, "ms": 1}]', "result 1 lacks detail, from"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, message: str
) -> None:
    file = tmp_path / "verify.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert report.main([str(file)]) == 1
    assert message in capsys.readouterr().err
