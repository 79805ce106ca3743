"""What a run of the linter found, and how many of what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from subwright.diagnostic import Diagnostic, Severity
from subwright.patterns import lazy

if TYPE_CHECKING:
    from subwright.rules import Rule

_SURROGATES = lazy("[\ud800-\udfff]")


class Report:
    """What a run of the linter found.

    Attributes:
        diagnostics: in the order in which they are reported.
        files: the paths of all files that were linted, also of those in which nothing was found.
        rules: that ran.
        mended: how many files `--fix` has changed before.
    """

    def __init__(
        self,
        diagnostics: tuple[Diagnostic, ...],
        files: tuple[str, ...],
        rules: tuple[Rule, ...] = (),
        mended: int = 0,
    ) -> None:
        self.diagnostics = diagnostics
        self.files = files
        self.rules = rules
        self.mended = mended

    @property
    def fixable(self) -> int:
        """How many of the findings have a fix."""
        return sum(diagnostic.fix is not None for diagnostic in self.diagnostics)

    def count(self, severity: Severity) -> int:
        """How many findings have a severity."""
        return sum(diagnostic.severity is severity for diagnostic in self.diagnostics)


def summary(report: Report) -> str:
    """How many of what were found, in a sentence."""
    files = _number(len(report.files), "file")
    parts = [f"mended {_number(report.mended, 'file')}"] if report.mended else []
    counts = [
        _number(report.count(severity), word)
        for severity, word in (
            (Severity.ERROR, "error"),
            (Severity.WARNING, "warning"),
            (Severity.INFO, "note"),
        )
        if report.count(severity)
    ]
    if counts:
        parts.append(f"found {', '.join(counts)} in {files}")
    else:
        parts.append(f"checked {files}, found nothing")
    if report.fixable:
        parts.append(f"`--fix` mends {report.fixable}")
    return "; ".join(parts)


def statistics(report: Report) -> str:
    """A table of the rules that found something: how often, how grave, how many of it have a fix."""
    found = Counter((d.rule or "", d.severity.value) for d in report.diagnostics)
    fixable = Counter((d.rule or "", d.severity.value) for d in report.diagnostics if d.fix)
    rows = [["found", "fixable", "severity", "rule"]]
    for (rule, severity), count in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        rows.append([str(count), str(fixable[rule, severity]), severity, rule or "none"])
    return "\n".join(aligned(rows)) if found else ""


def wellformed(text: str) -> str:
    """A text that can be written as UTF-8; a path that is none is a string with lone surrogates."""
    return _SURROGATES.sub("\ufffd", text)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, with their cells in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
