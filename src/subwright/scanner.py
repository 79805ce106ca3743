"""Headings and fenced code of Markdown, found by regular expressions in one pass.

It answers as markdown-it-py's CommonMark preset does, quirks included: `tests/test_markdown.py` holds it to that.
Only few lines can begin a heading, a fence or a block of HTML, and one search finds them. A line that does so without
an indent is decided at once, since nothing but a fence or HTML can be open across it. All else that may be one stands
in a container or below a paragraph: there a section of the text is read block by block, as markdown-it-py reads it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple


class HeadingAt(NamedTuple):
    """A heading: where its first line starts, its level, its text."""

    start: int
    level: int
    text: str


class FenceAt(NamedTuple):
    """A fenced code block: where its opening line starts, what it says and holds.

    `end` is where the closing line starts or, in a block that has none, where its last line ends.
    """

    start: int
    info: str
    code: str
    marker: str
    end: int
    closed: bool


class UnsureError(Exception):
    """Only a full parser can tell where a link reference definition of the text ends."""


# markdown-it-py reads nothing in containers that nest deeper; a list and its item are a level each
_DEEPEST = 20

# what markdown-it-py trims
_BLANKS = "\t\n\v\f\r \xa0\u1680\u202f\u205f\u3000\u2028\u2029" + "".join(
    map(chr, range(0x2000, 0x200B))
)

_END = r"(?=\n|\Z)"
# Lines that may matter. A look at the first character drops most. Markers of containers are made of few characters:
# what stands behind a run of these may be in a container. Possessive, so that no line is read twice.
_CANDIDATE = re.compile(
    rf"""\n(?=[\#`~<=\- \t>*+0-9])(?:
          \#{{1,6}}(?=[ \t\n]|\Z) | ``` | ~~~ | <[A-Za-z/!?] | (?:-++|=++)[ \t]*+{_END}
        | [ \t]++ (?: \#{{1,6}}(?=[ \t\n]|\Z) | ``` | ~~~ | =++[ \t]*+{_END} | <[A-Za-z/!?] )
        | [ \t]*+ [>*+\-0-9] [ \t>*+\-0-9.)]*+
          (?: \#{{1,6}}(?=[ \t\n]|\Z) | ``` | ~~~ | =++[ \t]*+{_END} | {_END} )
        # may be too deep, which hides all that comes after it
        | [ >*+\-0-9.)]{{17}}
        | (?=[ >*+\-0-9.)]*+\t) [ \t>*+\-0-9.)]{{5}}
    )""",
    re.VERBOSE,
)
_MARKERS = re.compile(r"[ \t>*+\-0-9.)]*+")
# a blank line, then one without an indent: nothing but a fence or HTML at the top level can be open across these
_BREAK = re.compile(r"\n[ \t]*+\n(?=[^ \t\n])")
_BLANK_LINE = re.compile(r"\n(?=[ \t]*+(?:\n|\Z))")

_FENCE = re.compile(r"`{3,}+(?![^`\n]*+`)|~{3,}+")
_CLOSING = {mark: re.compile(rf"({mark}{{3,}}+)[ \t]*+{_END}") for mark in "`~"}
_CLOSING_LINE = {mark: re.compile(rf"\n {{0,3}}({mark}{{3,}}+)[ \t]*+{_END}") for mark in "`~"}
_HEADING = re.compile(r"#{1,6}(?=[ \t\n]|\Z)")
_RULE = re.compile(rf"(?:(?:\*[ \t]*+){{3,}}+|(?:-[ \t]*+){{3,}}+|(?:_[ \t]*+){{3,}}+){_END}")
_ITEM = re.compile(r"(?:[-+*]|([0-9]{1,9}+)[.)])(?=[ \t\n]|\Z)")
_UNDERLINE = re.compile(rf"(?:=++|-++)[ \t]*+{_END}")

# how a block of HTML opens, and what closes it; those of the last two kinds go down to a blank line
_NAMES = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|"
    "fieldset|figcaption|figure|footer|form|frame|frameset|h1|h2|h3|h4|h5|h6|head|header|hr|html|iframe|legend|li|"
    "link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|"
    "thead|title|tr|track|ul"
)
_VALUE = r"(?:[^\"'=<>`\x00-\x20]+|'[^']*'|\"[^\"]*\")"
_HTML: tuple[tuple[re.Pattern[str], re.Pattern[str] | None], ...] = (
    (
        re.compile(r"<(?:script|pre|style|textarea)(?=\s|>|\Z)", re.IGNORECASE),
        re.compile(r"</(?:script|pre|style|textarea)>", re.IGNORECASE),
    ),
    (re.compile("<!--"), re.compile("-->")),
    (re.compile(r"<\?"), re.compile(r"\?>")),
    (re.compile("<![A-Za-z]"), re.compile(">")),
    (re.compile(r"<!\[CDATA\["), re.compile(r"\]\]>")),
    (re.compile(rf"</?(?:{_NAMES})(?=\s|/?>|\Z)", re.IGNORECASE), None),
    (
        re.compile(
            rf"(?:<[A-Za-z][A-Za-z0-9\-]*(?:\s+[a-zA-Z_:][a-zA-Z0-9:._-]*(?:\s*=\s*{_VALUE})?)*\s*/?>"
            r"|</[A-Za-z][A-Za-z0-9\-]*\s*>)\s*\Z"
        ),
        None,
    ),
)
# the one kind that does not end a paragraph
_ANY_TAG = len(_HTML) - 1

# a link reference definition on one line, with nothing in it that asks for a closer look
_LABEL = re.compile(r"\[[^\[\]\\\n]*+")
_DEFINITION = re.compile(
    r"\[([^\[\]\\\n]++)\]:[ \t]*+(?!(?:vbscript|javascript|file|data):)[a-z0-9/.#_?=%&+~:@!$,*-]++"
    rf"([ \t]++(?:\"[^\"\\\n]*+\"|'[^'\\\n]*+'|\([^()\\\n]*+\)))?+[ \t]*+{_END}",
    re.IGNORECASE,
)


def scan(text: str) -> list[HeadingAt | FenceAt]:
    """The headings and fenced code blocks of a text, in order.

    Line ends are `\\n`.

    Raises:
        UnsureError: the answer hangs on a link reference definition that is not of the plain kind.
    """
    last = text.rfind("\n") + 1
    # every line has a line end before it; a last line of blanks is none
    text = "\n" + (text if text[last:].strip(" \t") else text[:last])
    size = len(text)
    blocks: list[HeadingAt | FenceAt] = []
    # The line after `fresh` is in no block that began before it. Between `fresh` and `at` are no headings and fences,
    # and no HTML at the top level.
    fresh = at = 0
    while found := _CANDIDATE.search(text, at):
        before = found.start()
        start = before + 1
        end = _line_end(text, start, size)
        mark = text[start]
        if mark == "#":
            blocks.append(_heading(text, start, start, end))
            fresh = at = end
            continue
        if mark in "`~":
            opened = _FENCE.match(text, start)
            if opened is None:
                at = end
            else:
                fence, fresh = _fence(text, start, opened, end, size)
                blocks.append(fence)
                at = fresh
            continue
        below = before > fresh and text[before - 1] != "\n"
        if mark == "<":
            kind = _html(text, start, end)
            if kind is None:
                at = end
                continue
            if kind != _ANY_TAG or not below:
                fresh = at = _html_end(text, start, kind, size)
                continue
        elif _UNDERLINE.match(text, start):
            if not below:
                at = end
                if _RULE.match(text, start):
                    fresh = end
                continue
        elif not _matters(text, start, found.end(), end):
            at = end
            continue
        section = _Section(text, _section_start(text, fresh, before), end, size, blocks)
        section.read()
        fresh = at = section.end
    return blocks


def _line_end(text: str, at: int, size: int) -> int:
    end = text.find("\n", at)
    return size if end < 0 else end


def _matters(text: str, start: int, stop: int, end: int) -> bool:
    """Whether a line with an indent or markers, which a search read up to `stop`, has more than these in common."""
    found = _MARKERS.match(text, start)
    assert found is not None
    prefix, at = found[0], found.end()
    if len(prefix) + 3 * prefix.count("\t") >= 17:
        return True
    if at == end:
        return prefix.rstrip(" \t").endswith("-")
    if text[at] == "<":
        # in a container it hides nothing beyond the container
        return len(prefix.expandtabs(4)) < 4 and _html(text, at, end) is not None
    return stop > at


def _section_start(text: str, fresh: int, before: int) -> int:
    """The last line end up to `before` that no block is open across, as far as can be told at a glance."""
    found = text.rfind("\n\n", fresh, before + 1)
    while found >= 0 and text[found + 2] in " \t\n":
        found = text.rfind("\n\n", fresh, found + 1)
    return fresh if found < 0 else found + 1


def _heading(text: str, start: int, at: int, end: int) -> HeadingAt:
    """The heading with its marks at a place of a line."""
    content = text[at:end].lstrip("#")
    level = end - at - len(content)
    content = content.rstrip(" \t")
    cut = content.rstrip("#")
    if cut.endswith((" ", "\t")):
        content = cut
    return HeadingAt(start - 1, level, content.strip(_BLANKS))


def _fence(
    text: str, start: int, opened: re.Match[str], end: int, size: int
) -> tuple[FenceAt, int]:
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
        code = "".join(_cut(line, 0, len(line), 0, indent, 0) for line in _lines(code))
    last = stop if closing or text[-1] != "\n" else size - 1
    info = text[opened.end() : end]
    fence = FenceAt(start - 1, info, code, marker, last - 1, closing is not None)
    return fence, closing.end() if closing else size


def _lines(text: str) -> list[str]:
    """The lines with their line ends."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _cut(text: str, start: int, end: int, first: int, indent: int, base: int) -> str:
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


def _html(text: str, start: int, end: int) -> int | None:
    """The kind of the block of HTML that may open at a place of a line."""
    line = text[start:end]
    for kind, (opening, _) in enumerate(_HTML):
        if opening.match(line):
            return kind
    return None


def _html_end(text: str, start: int, kind: int, size: int) -> int:
    """Where the last line of a block of HTML at the top level ends."""
    closing = _HTML[kind][1]
    if closing is None:
        found = _BLANK_LINE.search(text, start)
        return found.start() if found else size
    found = closing.search(text, start)
    return _line_end(text, found.end(), size) if found else size


class _Section:
    """Lines that are read block by block, up to the next break; `end` is the line end up to which they were read.

    The fields and methods follow markdown-it-py's `StateBlock` and rules, so that they can be compared. `start` has
    where each line starts within its block quotes, `first` its first character that is no blank or marker, `stop` its
    end, `column` the column of `first` within the block quotes, with -1 for a line that only continues a paragraph
    there, and `base` what tabs have to the left of `start`. `indent` is the column where the current container's
    content stands. `limit` is the line up to which a paragraph may reach.
    """

    def __init__(
        self, text: str, before: int, end: int, size: int, blocks: list[HeadingAt | FenceAt]
    ) -> None:
        found = _BREAK.search(text, end)
        self.text, self.size, self.blocks = text, size, blocks
        self.end = found.end() - 1 if found else size - 1 if text[-1] == "\n" else size
        self.start: list[int] = []
        self.first: list[int] = []
        self.stop: list[int] = []
        self.column: list[int] = []
        at = before + 1
        for line in text[at : self.end].split("\n"):
            rest = line.lstrip(" \t")
            lead = len(line) - len(rest)
            self.start.append(at)
            self.first.append(at + lead)
            self.column.append(lead if "\t" not in line else len(line[:lead].expandtabs(4)))
            at += len(line)
            self.stop.append(at)
            at += 1
        self.count = self.limit = len(self.start)
        # a blank line after the last, so that every line has a next one
        for column, value in (
            (self.start, at),
            (self.first, at),
            (self.stop, at),
            (self.column, 0),
        ):
            column.append(value)
        self.base = [0] * len(self.start)
        self.line_start = self.start.copy()
        self.indent = 0
        self.list_indent = -1
        self.level = 0
        self.defines = True

    def read(self) -> None:
        """Read all blocks."""
        self._read(0, self.count)

    def _blank(self, line: int) -> bool:
        return self.first[line] >= self.stop[line]

    def _read(self, line: int, end: int) -> int:
        """Read the blocks of a container from a line on; the line after them."""
        while line < end:
            while line < self.limit and self._blank(line):
                line += 1
            if line >= end or self.column[line] < self.indent:
                break
            if self.level >= _DEEPEST:
                if end == self.count:
                    self.end = self.size
                return end
            line = self._block(line, end)
            if line < end and self._blank(line):
                line += 1
        return line

    def _block(self, line: int, end: int) -> int:
        """Read one block; the line after it."""
        if self.column[line] - self.indent >= 4:
            return self._code(line, end)
        text, place = self.text, self.first[line]
        mark = text[place]
        if mark in "`~":
            if opened := _FENCE.match(text, place):
                return self._fence(line, end, opened)
        elif mark == ">":
            return self._quote(line, end)
        elif mark in "*-_+0123456789":
            if _RULE.match(text, place):
                return line + 1
            if item := _ITEM.match(text, place):
                return self._list(line, end, item)
        elif mark == "[":
            if self._defined(line):
                return line + 1
        elif mark == "<":
            kind = _html(text, place, self.stop[line])
            if kind is not None:
                return self._html(line, end, kind)
        elif mark == "#" and _HEADING.match(text, place):
            self.blocks.append(_heading(text, self.line_start[line], place, self.stop[line]))
            return line + 1
        return self._paragraph(line, end)

    def _code(self, line: int, end: int) -> int:
        after = line = line + 1
        while line < end:
            if self._blank(line):
                line += 1
            elif self.column[line] - self.indent >= 4:
                after = line = line + 1
            else:
                break
        return after

    def _fence(self, line: int, end: int, opened: re.Match[str]) -> int:
        text, marker = self.text, opened[0]
        if not self.level:
            fence, last = _fence(text, self.start[line], opened, self.stop[line], self.size)
            self.blocks.append(fence)
            return self._line_after(last)
        closing = _CLOSING[marker[0]]
        at, closed = line + 1, False
        while at < end:
            place = self.first[at]
            if place >= self.size:
                break
            if not self._blank(at):
                if self.column[at] < self.indent:
                    break
                if text[place] == marker[0] and self.column[at] - self.indent < 4:
                    found = closing.match(text, place)
                    if found and len(found[1]) >= len(marker):
                        closed = True
                        break
            at += 1
        self.blocks.append(
            FenceAt(
                self.line_start[line] - 1,
                text[opened.end() : self.stop[line]],
                self._text(line + 1, at, self.column[line]),
                marker,
                (self.line_start[at] if closed else self.stop[at - 1]) - 1,
                closed,
            )
        )
        return at + closed

    def _text(self, line: int, end: int, indent: int) -> str:
        """Lines with their line ends, without an indent."""
        return "".join(
            _cut(
                self.text, self.start[at], self.stop[at] + 1, self.first[at], indent, self.base[at]
            )
            for at in range(line, end)
        )

    def _html(self, line: int, end: int, kind: int) -> int:
        if not self.level:
            return self._line_after(_html_end(self.text, self.first[line], kind, self.size))
        closing = _HTML[kind][1]
        at = line
        if closing is None:
            while at < end and not self._blank(at) and self.column[at] >= self.indent:
                at += 1
            return at
        while at < end:
            if self.column[at] < self.indent and not self._blank(at):
                break
            found = closing.search(self.text, self.first[at], self.stop[at])
            at += 1
            if found:
                break
        return at

    def _line_after(self, last: int) -> int:
        """The line after a block at the top level that ends at a line end; it may be outside of the section."""
        if last >= self.end:
            self.end = last
            return self.count
        return bisect_left(self.start, last + 1)

    def _quote(self, line: int, end: int) -> int:
        saved = [self._saved(line)]
        blank = self._open_quote(line)
        limit = self.limit
        at = line + 1
        while at < end and not self._blank(at):
            if self.text[self.first[at]] == ">" and self.column[at] >= self.indent:
                saved.append(self._saved(at))
                blank = self._open_quote(at)
            elif blank:
                break
            elif self._ends(at, in_paragraph=False):
                self.limit = at
                if self.indent:
                    saved.append(self._saved(at))
                    self.column[at] -= self.indent
                break
            else:
                saved.append(self._saved(at))
                self.column[at] = -1
            at += 1
        indent, self.indent = self.indent, 0
        self.level += 1
        after = self._read(line, at)
        self.level -= 1
        self.indent, self.limit = indent, limit
        for at, values in enumerate(saved, line):
            self.start[at], self.first[at], self.column[at], self.base[at] = values
        return after

    def _saved(self, line: int) -> tuple[int, int, int, int]:
        return self.start[line], self.first[line], self.column[line], self.base[line]

    def _open_quote(self, line: int) -> bool:
        """Take the mark of a block quote off a line; whether the rest is blank."""
        text, place, stop = self.text, self.first[line] + 1, self.stop[line]
        width = self.column[line] + 1
        content = width
        follows = text[place] if place < stop else ""
        base = width + (follows in (" ", "\t"))
        shift = 0
        if follows == " " or (follows == "\t" and (self.base[line] + width) % 4 == 3):
            place += 1
            width += 1
            content += 1
        elif follows == "\t":
            # the tab stays, a column narrower
            shift = 1
        self.start[line] = place
        while place < stop:
            if text[place] == "\t":
                width += 4 - (width + self.base[line] + shift) % 4
            elif text[place] == " ":
                width += 1
            else:
                break
            place += 1
        self.first[line] = place
        self.column[line] = width - content
        self.base[line] = base
        return place >= stop

    def _list(self, line: int, end: int, item: re.Match[str]) -> int:
        text = self.text
        mark = text[item.end() - 1]
        while True:
            place, stop = item.end(), self.stop[line]
            width = content = self.column[line] + place - self.first[line]
            while place < stop:
                if text[place] == "\t":
                    width += 4 - (width + self.base[line]) % 4
                elif text[place] == " ":
                    width += 1
                else:
                    break
                place += 1
            # code in an item stands a column after the mark, and so does what follows an empty line
            narrow = place >= stop or width - content > 4
            saved = self.first[line], self.column[line], self.list_indent
            self.list_indent, self.indent = self.indent, content + 1 if narrow else width
            self.first[line], self.column[line] = place, width
            if place >= stop and self._blank(line + 1):
                after = min(line + 2, end)
            else:
                self.level += 2
                after = self._read(line, end)
                self.level -= 2
            self.indent = self.list_indent
            self.first[line], self.column[line], self.list_indent = saved
            line = after
            if line >= end or not 0 <= self.column[line] - self.indent < 4:
                return line
            if self._ends_list(line):
                return line
            following = _ITEM.match(text, self.first[line])
            if following is None or text[following.end() - 1] != mark:
                return line
            item = following

    def _ends_list(self, line: int) -> bool:
        text, place = self.text, self.first[line]
        return not self._blank(line) and bool(
            text[place] == ">" or _FENCE.match(text, place) or _RULE.match(text, place)
        )

    def _ends(self, line: int, *, in_paragraph: bool) -> bool:
        """Whether a line begins a block that ends a paragraph or a block quote."""
        text, place = self.text, self.first[line]
        mark = text[place]
        if mark not in "`~>#<*-_+0123456789" or self.column[line] - self.indent >= 4:
            return False
        if mark in "`~":
            return _FENCE.match(text, place) is not None
        if mark == ">":
            return True
        if mark == "#":
            return _HEADING.match(text, place) is not None
        if mark == "<":
            return _html(text, place, self.stop[line]) not in (None, _ANY_TAG)
        if _RULE.match(text, place):
            return True
        item = _ITEM.match(text, place)
        column = self.column[line]
        if item is None or (0 <= self.list_indent <= column - 4 and column < self.indent):
            return False
        if in_paragraph and column >= self.indent:
            if item[1] and int(item[1]) != 1:
                return False
            return bool(text[item.end() : self.stop[line]].strip(" \t"))
        return True

    def _paragraph(self, line: int, end: int) -> int:
        at = line + 1
        while at < self.limit and not self._blank(at):
            indent = self.column[at] - self.indent
            if indent <= 3:
                if indent >= 0 and at < end and _UNDERLINE.match(self.text, self.first[at]):
                    content = self._text(line, at, self.indent).strip(_BLANKS)
                    level = 1 if self.text[self.first[at]] == "=" else 2
                    self.blocks.append(HeadingAt(self.line_start[line] - 1, level, content))
                    return at + 1
                if self.column[at] >= 0 and self._ends(at, in_paragraph=True):
                    return at
            at += 1
        return at

    def _defined(self, line: int) -> bool:
        """Whether a line that starts with a bracket is a link reference definition."""
        text, place = self.text, self.first[line]
        label = _LABEL.match(text, place)
        assert label is not None
        closing = text[label.end() : label.end() + 2]
        if closing.startswith("[") or (closing.startswith("]") and closing != "]:"):
            return False
        if closing != "]:":
            # a label of several lines or with escapes
            self.defines = self.defines and text.find("]:", place, self.end) >= 0
            if self.defines:
                raise UnsureError
            return False
        found = _DEFINITION.match(text, place)
        if found is None or not found[1].strip(_BLANKS):
            raise UnsureError
        after = line + 1
        if found[2] or after >= self.limit or self._blank(after):
            return True
        if text[self.first[after]] in "\"'(":
            # it may be the title
            raise UnsureError
        return True
