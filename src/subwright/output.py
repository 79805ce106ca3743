"""The report formats: functions from diagnostics to text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from subwright.diagnostic import Diagnostic, Span

TAB = 4
CARETS = 60  # a longer span is cut: the reader needs its start
LINE = 160  # a longer line is cut around the span
# what moves a terminal's cursor, sets its title or turns the direction in which it is read
_UNSAFE = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def full(diagnostics: Iterable[Diagnostic]) -> str:
    """Each finding as a header line, the line of the source with carets under the span, and its help.

    The text is styled with ANSI codes; whoever prints it strips them where there is no colour.
    """
    return "\n".join(_one(diagnostic) for diagnostic in diagnostics)


def printable(text: str) -> str:
    """A text for a terminal: what would do something to it stands there as an escape; tabs stay."""
    return _UNSAFE.sub(lambda found: repr(found[0])[1:-1], text)


def _one(diagnostic: Diagnostic) -> str:
    from click import style

    source = diagnostic.source
    line, column = diagnostic.position
    severity = style(diagnostic.severity.value, fg="red", bold=True)
    place = f"{printable(source.path)}:{line}:{column}"
    parts = [f"{style(place, bold=True)}: {severity}: {printable(diagnostic.message)}"]
    before, marked, after = _shown(source.line(line), column - 1, diagnostic.span)
    text = before + marked + after
    if text.strip():
        number = str(line)
        gutter = style(" " * len(number) + " |", fg="blue")
        carets = "^" * min(CARETS, max(1, _width(marked)))
        parts.append(gutter)
        parts.append(f"{style(f'{number} |', fg='blue')} {text.expandtabs(TAB)}")
        parts.append(f"{gutter} {' ' * _width(before)}{style(carets, fg='red', bold=True)}")
    if diagnostic.help:
        parts.append(f"  {style('help:', fg='cyan', bold=True)} {printable(diagnostic.help)}")
    return "\n".join(parts)


def _shown(text: str, at: int, span: Span) -> tuple[str, str, str]:
    """What a reader sees of a line: before the span, in it, after it."""
    first, last = 0, len(text)
    if last > LINE:
        first = max(0, min(at - LINE // 2, last - LINE))
        last = min(last, first + LINE)
    end = min(last, at + max(1, span.end - span.start))
    return (
        ("…" if first else "") + printable(text[first:at]),
        printable(text[at:end]),
        printable(text[end:last]) + ("…" if last < len(text) else ""),
    )


def _width(text: str) -> int:
    """Columns that a terminal needs for a text that starts a line."""
    width = 0
    for character in text:
        if character == "\t":
            width += TAB - width % TAB
        elif unicodedata.combining(character) or unicodedata.category(character) == "Cf":
            continue
        else:
            width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return width
