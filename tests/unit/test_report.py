"""The report: what it prints, what its page holds, and its exit status."""

import io
import json
from html.parser import HTMLParser
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
    monkeypatch.setenv("COLUMNS", "40")


def test_the_table_is_grouped_and_ends_with_the_sum() -> None:
    out = io.StringIO()
    assert report.report(MIXED, out) == 1
    assert out.getvalue().splitlines() == [
        "dns, from client: 2 probes, 1 failed",
        "  ok    A st.um              3.1 ms  1 RRset",
        "  FAIL  MX st.um             3.1 ms  missing <b>10 st.um.</b>",
        "",
        "dns, from internet: 1 probe, 0 failed",
        "  ok    A st.um              3.1 ms  1 RRset",
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
    assert "y" * 200 in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    report.report(long, terminal := Terminal())
    assert "\033" not in terminal.getvalue()


@pytest.mark.parametrize(("results", "status"), [([result()], 0), (MIXED, 1), ([], 1)])
def test_the_status_tells_whether_all_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], results: list[Any], status: int
) -> None:
    file, html = tmp_path / "verify.json", tmp_path / "verify.html"
    file.write_text(json.dumps(results), encoding="utf-8")
    assert report.main([str(file), "--html", str(html)]) == status
    assert capsys.readouterr().out.endswith(f"{report.count(results)}\n")
    assert html.exists()


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


class Page(HTMLParser):
    """Notes the rows, what is loaded from elsewhere, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.rows[-1][-1] += data


def test_the_page_holds_every_result_and_stands_alone() -> None:
    text = report.page(MIXED)
    page = Page(text)
    assert page.open == []
    assert [row for row in page.rows if row] == [
        ["FAIL", "MX st.um", "3.1", "missing <b>10 st.um.</b>"],
        ["ok", "A st.um", "3.1", "1 RRset"],
        ["ok", "A st.um", "3.1", "1 RRset"],
        ["FAIL", "host reachable", "0.0", "connection\n  refused"],
    ]
    assert page.links == ["#g1", "#g2", "#g3"]
    assert "<b>" not in text
    assert "http" not in text
    assert "4 probes, 2 failed" in text
