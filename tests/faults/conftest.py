import json
from collections.abc import Iterator

import pytest

from lab import TOP, Lab

RESULTS: list[dict] = []


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    if report.when == "call" or report.failed:
        RESULTS.append({"test": report.nodeid, "ok": report.passed, "s": round(report.duration, 1)})
    return report


def pytest_sessionfinish() -> None:
    """Write build/faults.json, a list of tests with their outcome and their seconds."""
    (TOP / "build").mkdir(exist_ok=True)
    (TOP / "build" / "faults.json").write_text(json.dumps(RESULTS, indent=1) + "\n")
