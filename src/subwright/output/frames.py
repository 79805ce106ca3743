"""Findings for a reader: each with the line that it is about, and marks under its place there."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from subwright.diagnostic import Diagnostic, Related, Severity, Span
from subwright.output.report import Report
from subwright.patterns import lazy

TAB = 4
CARETS = 60  # a longer span is cut: the reader needs its start
LINE = 160  # a longer line is cut around the span
COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
# what moves a terminal's cursor, sets its title, turns the direction in which it is read, or is not seen at all;
# joiners and variation selectors stay: they are parts of what is seen
_UNSAFE = lazy(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    r"\U000e0000-\U000e007f]"
)
_JOINER, _EMOJI_STYLE = "\u200d", "\ufe0f"


def full(report: Report) -> str:
    """Each finding with its line, as `frames` shows it."""
    return frames(report.diagnostics)


def frames(diagnostics: Iterable[Diagnostic]) -> str:
    """Each finding as a header line, the line of the source with carets under the span, and its help.

    The text is styled with ANSI codes; whoever prints it strips them where there is no colour.
    """
    return "\n".join(_frame(diagnostic) for diagnostic in diagnostics)


def printable(text: str) -> str:
    """A text for a terminal, with escapes for what would do something to it or not be seen; tabs stay."""
    if text.isprintable():
        return text
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _frame(diagnostic: Diagnostic) -> str:
    source = diagnostic.source
    line, column = diagnostic.position
    color = COLORS[diagnostic.severity]
    severity = _style(diagnostic.severity.value, fg=color, bold=True)
    place = f"{printable(source.path)}:{line}:{column}"
    rule = f" [{diagnostic.rule}]" if diagnostic.rule else ""
    parts = [f"{_style(place, bold=True)}: {severity}: {printable(diagnostic.message)}{rule}"]
    words = source.text[slice(*source.line_at(diagnostic.span.start))]
    before, marked, after = _shown(words, column - 1, diagnostic.span)
    text = before + marked + after
    if text.strip():
        number = str(line)
        gutter = _style(" " * len(number) + " |", fg="blue")
        start = _width(before)
        carets = "^" * min(CARETS, max(1, _width(before + marked) - start))
        parts.append(gutter)
        parts.append(f"{_style(f'{number} |', fg='blue')} {_without_tabs(text)}")
        parts.append(f"{gutter} {' ' * start}{_style(carets, fg=color, bold=True)}")
    notes = [("help", diagnostic.help)] if diagnostic.help else []
    notes += [("note", _told(related)) for related in diagnostic.related]
    notes += [("fix", diagnostic.fix.title)] if diagnostic.fix else []
    parts += [f"  {_style(f'{word}:', fg='cyan', bold=True)} {printable(t)}" for word, t in notes]
    return "\n".join(parts)


def _style(text: str, *, fg: str | None = None, bold: bool | None = None) -> str:
    before, after = _codes(fg, bold)
    return before + text + after


@cache
def _codes(fg: str | None, bold: bool | None) -> tuple[str, str]:
    """The codes before and after a text of some style: there are few styles, and thousands of such texts."""
    from click import style

    before, _, after = style("|", fg=fg, bold=bold).partition("|")
    return before, after


def _told(related: Related) -> str:
    line, column = related.source.position(related.span.start)
    return f"{related.source.path}:{line}:{column}: {related.message}"


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


def _without_tabs(text: str) -> str:
    """A text that starts a line, with blanks for its tabs; `str.expandtabs` counts characters, not columns."""
    parts = text.split("\t")
    shown = parts[0]
    for part in parts[1:]:
        shown += " " * (TAB - _width(shown) % TAB) + part
    return shown


def _width(text: str) -> int:
    """Columns that a terminal needs for a text that starts a line, with one character that others join as one."""
    if text.isascii() and "\t" not in text:
        return len(text)
    from unicodedata import east_asian_width

    width = 0
    previous, own = "", 0  # the character before, and its columns
    for character in text:
        if character == "\t":
            columns = TAB - width % TAB
        elif character == _EMOJI_STYLE:
            columns = int(own == 1)
        elif previous == _JOINER or _joins(character):
            columns = 0
        else:
            columns = 2 if east_asian_width(character) in "WF" else 1
        width += columns
        previous, own = character, columns
    return width


def _joins(character: str) -> bool:
    """Whether a character is drawn into the one before it: marks, skin tones, vowels and finals of Hangul."""
    from unicodedata import category

    return (
        category(character) in ("Mn", "Me", "Cf")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\u1160" <= character <= "\u11ff"
    )
