"""Annotations of GitHub's workflow commands."""

from __future__ import annotations

from pathlib import PurePath

from subwright.diagnostic import Diagnostic, Severity
from subwright.output.frames import printable
from subwright.output.report import Report, wellformed

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github(report: Report) -> str:
    """An annotation for each finding."""
    return "\n".join(_annotation(diagnostic) for diagnostic in report.diagnostics)


def annotation(level: str, message: str, **properties: object) -> str:
    """One workflow command; lines of the message may be parted by line feeds.

    Args:
        level: `error`, `warning` or `notice`.
        message: what is shown.
        properties: where and under which title, as `file`, `line`, `title`.
    """
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    lines = "\n".join(printable(line) for line in message.split("\n"))
    return wellformed(f"::{level} {given}::{_data(lines)}")


def _annotation(found: Diagnostic) -> str:
    source = found.source
    line, column = found.position
    marked = source.text[slice(*found.span)].rstrip("\r\n")
    end = source.position(found.span.start + len(marked))
    where = {"file": PurePath(source.path).as_posix(), "line": line, "endLine": end.line}
    if line == end.line:  # columns of a longer one are refused
        where |= {"col": column, "endColumn": end.column}
    title = f"subwright: {found.rule}" if found.rule else "subwright"
    advice = f"\nhelp: {found.help}" if found.help else ""
    return annotation(LEVELS[found.severity], found.message + advice, **where, title=title)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
