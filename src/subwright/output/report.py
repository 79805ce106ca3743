"""What a run of the linter found, and how many of what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from subwright.diagnostic import Diagnostic, Severity
from subwright.patterns import lazy

if TYPE_CHECKING:
    from subwright.rules import Rule

_SURROGATES = lazy("[\ud800-\udfff]")


class Counts(NamedTuple):
    """How many findings of each severity there are, and how many of all have a fix."""

    errors: int = 0
    warnings: int = 0
    infos: int = 0
    fixable: int = 0

    @classmethod
    def of(cls, diagnostics: Sequence[Diagnostic]) -> Counts:
        """How many of some findings are what."""
        found = [diagnostic.severity for diagnostic in diagnostics]
        fixable = sum(diagnostic.fix is not None for diagnostic in diagnostics)
        return cls._make([*map(found.count, Severity), fixable])

    @classmethod
    def total(cls, parts: Iterable[Iterable[int]]) -> Counts:
        """How many there are in some parts together."""
        return cls._make(map(sum, zip(cls(), *parts, strict=True)))


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
    def counts(self) -> Counts:
        """How many of the findings are what."""
        return Counts.of(self.diagnostics)


def summary(counts: Counts, files: int, mended: int = 0) -> str:
    """How many of what were found, in a sentence.

    Args:
        counts: of the findings.
        files: how many were linted.
        mended: how many files `--fix` has changed before.
    """
    parts = [f"mended {_number(mended, 'file')}"] if mended else []
    words = zip(counts, ("error", "warning", "note"), strict=False)
    found = [_number(count, word) for count, word in words if count]
    if found:
        parts.append(f"found {', '.join(found)} in {_number(files, 'file')}")
    else:
        parts.append(f"checked {_number(files, 'file')}, found nothing")
    if counts.fixable:
        parts.append(f"`--fix` mends {counts.fixable}")
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
