"""A line for each finding, for editors and for `grep`."""

from __future__ import annotations

from subwright.diagnostic import Diagnostic
from subwright.output.frames import printable
from subwright.output.report import Report


def concise(report: Report) -> str:
    """Each finding as `path:line:column: severity: message [rule]`."""
    return "\n".join(_line(diagnostic) for diagnostic in report.diagnostics)


def _line(found: Diagnostic) -> str:
    line, column = found.position
    rule = f" [{found.rule}]" if found.rule else ""
    text = f"{found.source.path}:{line}:{column}: {found.severity.value}: {found.message}{rule}"
    return printable(text)
