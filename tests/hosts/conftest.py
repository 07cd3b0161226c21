from pathlib import Path

import pytest

from lab import Lab


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Keeps what failed for `make`, which shows it last: after the tests, Molecule says a lot about removing hosts."""
    reports = [report for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, [])]
    lab = Lab()
    Path(lab.env["LAB_BUILD"], f"{lab.name}.failed").write_text(
        "".join(f"FAILED on {lab.name}: {report.nodeid}\n{report.longreprtext}\n" for report in reports)
    )
