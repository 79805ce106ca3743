"""What every finding is made of: a place in a source, words, a severity."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from enum import Enum
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from subwright.errors import SubwrightError

FEW = 8  # positions in a text that are found without a table of its lines


class Span(NamedTuple):
    """Half-open character offsets into a text."""

    start: int
    end: int


class Position(NamedTuple):
    """A line and a column, both counted from 1; the column counts characters."""

    line: int
    column: int


class Source:
    """A text and the name that messages give it."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._asked = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and (self.path, self.text) == (other.path, other.text)

    def __hash__(self) -> int:
        return hash((self.path, self.text))

    @cached_property
    def _starts(self) -> list[int]:
        """Where each line starts."""
        lengths = [len(line) + 1 for line in self.text.split("\n")]
        return list(accumulate(lengths, initial=0))[:-1]

    def position(self, offset: int) -> Position:
        """The line and column of a character offset."""
        if self._asked < FEW:
            # to count lines once or twice is quicker than to find them all
            self._asked += 1
            before = self.text.rfind("\n", 0, offset)
            return Position(self.text.count("\n", 0, offset) + 1, offset - before)
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)

    def line_span(self, line: int) -> Span:
        """The span of a line, counted from 1, without its line end; the last line for a higher number."""
        index = min(max(line, 1), len(self._starts)) - 1
        start = self._starts[index]
        end = self._starts[index + 1] - 1 if index + 1 < len(self._starts) else len(self.text)
        if end > start and self.text[end - 1] == "\r":
            end -= 1
        return Span(start, end)

    def line_at(self, offset: int) -> Span:
        """The span of the line that a character offset is in, without its line end."""
        start = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        if end < 0:
            end = len(self.text)
        if end > start and self.text[end - 1] == "\r":
            end -= 1
        return Span(start, end)

    def stripped(self, span: Span) -> Span:
        """A span without the blanks at its ends; an empty one at its start where nothing else is in it."""
        text = self.text[span.start : span.end]
        end = span.start + len(text.rstrip())
        return Span(min(span.start + len(text) - len(text.lstrip()), end), end)

    def line(self, line: int) -> str:
        """The text of a line, counted from 1, without its line end."""
        start, end = self.line_span(line)
        return self.text[start:end]


class Severity(Enum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Edit(NamedTuple):
    """Text to put in place of a span; an empty span inserts, an empty text deletes."""

    span: Span
    text: str


class Fix(NamedTuple):
    """Edits that mend one finding and change nothing else; `title` says what they do, as in `quote the value`."""

    title: str
    edits: tuple[Edit, ...]


class Related(NamedTuple):
    """Another place that a finding speaks of, and what is there."""

    source: Source
    span: Span
    message: str


class Diagnostic(NamedTuple):
    """One finding: `message` says what is wrong at `span`, `help` what to do about it.

    `rule` names the rule that found it, where one did.
    """

    source: Source
    span: Span
    message: str
    help: str | None = None
    severity: Severity = Severity.ERROR
    rule: str | None = None
    fix: Fix | None = None
    related: tuple[Related, ...] = ()

    @property
    def position(self) -> Position:
        """Where the finding starts."""
        return self.source.position(self.span.start)


class DiagnosticError(SubwrightError):
    """One or more findings that stop the work."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(
            sorted(diagnostics, key=lambda d: (d.source.path, d.span, d.message))
        )
        super().__init__("; ".join(d.message for d in self.diagnostics))
