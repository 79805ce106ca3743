"""How headings, fences and blocks of HTML are written, and what a line of them is read as."""

from __future__ import annotations

import re
from typing import NamedTuple

from subwright.patterns import lazy


class HeadingAt(NamedTuple):
    """A heading: where its first line starts and ends, its level, its text."""

    start: int
    line_end: int
    level: int
    text: str


class FenceAt(NamedTuple):
    """A fenced code block: where its opening line starts and ends, what it says and holds.

    `end` is where the closing line starts or, in a block that has none, where its last line ends.
    """

    start: int
    line_end: int
    info: str
    code: str
    marker: str
    end: int
    closed: bool


# what markdown-it-py trims
BLANKS = "\t\n\v\f\r \xa0\u1680\u202f\u205f\u3000\u2028\u2029" + "".join(
    map(chr, range(0x2000, 0x200B))
)

END = r"(?=\n|\Z)"
FENCE = re.compile(r"`{3,}+(?![^`\n]*+`)|~{3,}+")
CLOSING = {mark: lazy(rf"({mark}{{3,}}+)[ \t]*+{END}") for mark in "`~"}
_CLOSING_LINE = {mark: lazy(rf"\n {{0,3}}({mark}{{3,}}+)[ \t]*+{END}") for mark in "`~"}
HEADING = lazy(r"#{1,6}(?=[ \t\n]|\Z)")
RULE = lazy(rf"(?:(?:\*[ \t]*+){{3,}}+|(?:-[ \t]*+){{3,}}+|(?:_[ \t]*+){{3,}}+){END}")
ITEM = lazy(r"(?:[-+*]|([0-9]{1,9}+)[.)])(?=[ \t\n]|\Z)")
UNDERLINE = lazy(rf"(?:=++|-++)[ \t]*+{END}")
_LINE = lazy(r"[^\n]*\n|[^\n]+")
_BLANK_LINE = lazy(r"\n(?=[ \t]*+(?:\n|\Z))")

# how a block of HTML opens, and what closes it; those of the last two kinds go down to a blank line
_NAMES = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|"
    "fieldset|figcaption|figure|footer|form|frame|frameset|h1|h2|h3|h4|h5|h6|head|header|hr|html|iframe|legend|li|"
    "link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|"
    "thead|title|tr|track|ul"
)
_VALUE = r"(?:[^\"'=<>`\x00-\x20]+|'[^']*'|\"[^\"]*\")"
HTML: tuple[tuple[re.Pattern[str], re.Pattern[str] | None], ...] = (
    (
        lazy(r"<(?a:script|pre|style|textarea)(?=\s|>|\Z)", re.IGNORECASE),
        lazy(r"</(?a:script|pre|style|textarea)>", re.IGNORECASE),
    ),
    (lazy("<!--"), lazy("-->")),
    (lazy(r"<\?"), lazy(r"\?>")),
    (lazy("<![A-Za-z]"), lazy(">")),
    (lazy(r"<!\[CDATA\["), lazy(r"\]\]>")),
    (lazy(rf"</?(?a:{_NAMES})(?=\s|/?>|\Z)", re.IGNORECASE), None),
    (
        lazy(
            rf"(?:<[A-Za-z][A-Za-z0-9\-]*(?:\s+[a-zA-Z_:][a-zA-Z0-9:._-]*(?:\s*=\s*{_VALUE})?)*\s*/?>"
            r"|</[A-Za-z][A-Za-z0-9\-]*\s*>)\s*\Z"
        ),
        None,
    ),
)
# the one kind that does not end a paragraph
ANY_TAG = len(HTML) - 1


def line_end(text: str, at: int, size: int) -> int:
    """Where the line of a place ends."""
    end = text.find("\n", at)
    return size if end < 0 else end


def heading(text: str, start: int, at: int, end: int) -> HeadingAt:
    """The heading with its marks at a place of a line."""
    content = text[at:end].lstrip("#")
    level = end - at - len(content)
    if content[-1:] in ("#", " ", "\t"):  # it may be closed by marks
        content = content.rstrip(" \t")
        cut = content.rstrip("#")
        if cut.endswith((" ", "\t")):
            content = cut
    return HeadingAt(start - 1, end - 1, level, content.strip(BLANKS))


def fence(text: str, start: int, opened: re.Match[str], end: int, size: int) -> tuple[FenceAt, int]:
    """The fence at the top level that opens on a line, and where its last line ends."""
    marker = opened[0]
    search = _CLOSING_LINE[marker[0]].search
    closing = search(text, end)
    while closing and len(closing[1]) < len(marker):
        closing = search(text, closing.end())
    stop = closing.start() + 1 if closing else size
    code = text[end + 1 : stop]
    indent = opened.start() - start
    if indent:
        code = "".join(cut(line, 0, len(line), 0, indent, 0) for line in _LINE.findall(code))
    last = stop if closing or text[-1] != "\n" else size - 1
    info = text[opened.end() : end]
    block = FenceAt(start - 1, end - 1, info, code, marker, last - 1, closing is not None)
    return block, closing.end() if closing else size


def cut(text: str, start: int, end: int, first: int, indent: int, base: int) -> str:
    """A line without an indent; what is left of `first` counts as such, and tabs stop as if `base` columns stood
    before the line."""
    if text.startswith(" " * indent, start, end):
        return text[start + indent : end]
    width = 0
    while start < end and width < indent:
        if text[start] == "\t":
            width += 4 - (width + base) % 4
        elif text[start] == " " or start < first:
            width += 1
        else:
            break
        start += 1
    return " " * (width - indent) + text[start:end]


def html_kind(text: str, start: int, end: int) -> int | None:
    """The kind of the block of HTML that may open at a place of a line."""
    line = text[start:end]
    for kind, (opening, _) in enumerate(HTML):
        if opening.match(line):
            return kind
    return None


def html_end(text: str, start: int, kind: int, size: int) -> int:
    """Where the last line of a block of HTML at the top level ends."""
    closing = HTML[kind][1]
    if closing is None:
        found = _BLANK_LINE.search(text, start)
        return found.start() if found else size
    found = closing.search(text, start)
    return line_end(text, found.end(), size) if found else size
