"""The report formats: functions from what the linter found to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from subwright.output.as_json import as_json
from subwright.output.concise import concise
from subwright.output.frames import frames, full, printable
from subwright.output.github import github
from subwright.output.junit import junit
from subwright.output.report import Report, statistics, summary
from subwright.output.sarif import sarif

__all__ = ["FORMATS", "Report", "frames", "printable", "statistics", "summary"]

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "full": full,
    "concise": concise,
    "json": as_json,
    "sarif": sarif,
    "github": github,
    "junit": junit,
}
