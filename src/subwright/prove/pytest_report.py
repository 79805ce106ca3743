"""A pytest plugin that writes what each test came to, for the process that started it."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "SUBWRIGHT_REPORT"
_count = 0


def pytest_configure(config: pytest.Config) -> None:
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_: Any) -> None:
        global _count
        _count += 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    path = os.environ.get(VARIABLE)
    if path and (call.when == "call" or report.outcome != "passed"):
        entry: dict[str, Any] = {
            "test": item.nodeid,
            "outcome": report.outcome,
            "seconds": round(report.duration, 3),
            "statements": _count,
        }
        if call.excinfo is not None:
            entry["message"] = call.excinfo.exconly().splitlines()[0]
            entry["frames"] = [[str(e.path), e.lineno + 1] for e in call.excinfo.traceback]
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
    return report
