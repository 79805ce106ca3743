"""The report formats: functions from diagnostics to text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from subwright.diagnostic import Diagnostic

TAB = 4
CARETS = 60  # a longer span is cut: the reader needs its start


def full(diagnostics: Iterable[Diagnostic]) -> str:
    """Each finding as a header line, the line of the source with carets under the span, and its help.

    The text is styled with ANSI codes; whoever prints it strips them where there is no colour.
    """
    return "\n".join(_one(diagnostic) for diagnostic in diagnostics)


def _one(diagnostic: Diagnostic) -> str:
    from click import style

    source = diagnostic.source
    line, column = diagnostic.position
    severity = style(diagnostic.severity.value, fg="red", bold=True)
    parts = [
        f"{style(f'{source.path}:{line}:{column}', bold=True)}: {severity}: {diagnostic.message}"
    ]
    text = source.line(line)
    if text.strip():
        number = str(line)
        gutter = style(" " * len(number) + " |", fg="blue")
        before = text[: column - 1]
        marked = text[column - 1 : column - 1 + max(1, diagnostic.span.end - diagnostic.span.start)]
        carets = "^" * min(CARETS, max(1, _width(marked)))
        parts.append(gutter)
        parts.append(f"{style(f'{number} |', fg='blue')} {text.expandtabs(TAB)}")
        parts.append(f"{gutter} {' ' * _width(before)}{style(carets, fg='red', bold=True)}")
    if diagnostic.help:
        parts.append(f"  {style('help:', fg='cyan', bold=True)} {diagnostic.help}")
    return "\n".join(parts)


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
