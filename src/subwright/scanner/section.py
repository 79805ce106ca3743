"""A section of Markdown, read block by block."""

from __future__ import annotations

import re
from bisect import bisect_left

from subwright.patterns import lazy
from subwright.scanner import syntax
from subwright.scanner.syntax import FenceAt, HeadingAt

# markdown-it-py reads nothing in containers that nest deeper; a list and its item are a level each
_DEEPEST = 20

# a blank line, then one without an indent: nothing but a fence or HTML at the top level can be open across these
_BREAK = lazy(r"\n[ \t]*+\n(?=[^ \t\n])")

# a link reference definition on one line, with nothing in it that asks for a closer look
_LABEL = lazy(r"\[[^\[\]\\\n]*+")
_DEFINITION = lazy(
    r"\[([^\[\]\\\n]++)\]:[ \t]*+(?!(?:vbscript|javascript|file|data):)[a-z0-9/.#_?=%&+~:@!$,*-]++"
    rf"([ \t]++(?:\"[^\"\\\n]*+\"|'[^'\\\n]*+'|\([^()\\\n]*+\)))?+[ \t]*+{syntax.END}",
    re.IGNORECASE,
)


class UnsureError(Exception):
    """Only a full parser can tell where a link reference definition of the text ends."""


class Section:
    """Lines that are read block by block, up to the next break; `end` is the line end up to which they were read.

    The fields and methods follow markdown-it-py's `StateBlock` and rules, so that they can be compared. `start` has
    where each line starts within its block quotes, `first` its first character that is no blank or marker, `stop` its
    end, `column` the column of `first` within the block quotes, with -1 for a line that only continues a paragraph
    there, and `base` what tabs have to the left of `start`. `indent` is the column where the current container's
    content stands.
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
        self.count = len(self.start)
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
            while line < end and self._blank(line):
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
            if opened := syntax.FENCE.match(text, place):
                return self._fence(line, end, opened)
        elif mark == ">":
            return self._quote(line, end)
        elif mark in "*-_+0123456789":
            if syntax.RULE.match(text, place):
                return line + 1
            if item := syntax.ITEM.match(text, place):
                return self._list(line, end, item)
        elif mark == "[":
            if self._defined(line, end):
                return line + 1
        elif mark == "<":
            kind = syntax.html_kind(text, place, self.stop[line])
            if kind is not None:
                return self._html(line, end, kind)
        elif mark == "#" and syntax.HEADING.match(text, place):
            self.blocks.append(syntax.heading(text, self.line_start[line], place, self.stop[line]))
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
            fence, last = syntax.fence(text, self.start[line], opened, self.stop[line], self.size)
            self.blocks.append(fence)
            return self._line_after(last)
        closing = syntax.CLOSING[marker[0]]
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
                self.stop[line] - 1,
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
            syntax.cut(
                self.text, self.start[at], self.stop[at] + 1, self.first[at], indent, self.base[at]
            )
            for at in range(line, end)
        )

    def _html(self, line: int, end: int, kind: int) -> int:
        if not self.level:
            return self._line_after(syntax.html_end(self.text, self.first[line], kind, self.size))
        closing = syntax.HTML[kind][1]
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
        # What follows lines that can only continue a paragraph counts if there is one. To look at all of it each time
        # could cost the square of the text, so the look grows where it was too short.
        runs, found = 1, len(self.blocks)
        while True:
            after, whole = self._quoted(line, end, runs)
            if whole is None or after < whole:
                return after
            del self.blocks[found:]
            runs *= 16

    def _quoted(self, line: int, end: int, runs: int) -> tuple[int, int | None]:
        """Read a block quote; the line after it, and the line before which so many runs of lines without a mark made it
        stop to look."""
        saved = [self._saved(line)]
        blank = self._open_quote(line)
        whole = None
        at = line + 1
        marked = True
        while at < end and not self._blank(at):
            if self.text[self.first[at]] == ">" and self.column[at] >= self.indent:
                saved.append(self._saved(at))
                blank = self._open_quote(at)
                marked = True
            elif blank or self._ends(at, in_paragraph=False):
                break
            else:
                if marked:
                    if not runs:
                        whole = at
                        break
                    runs -= 1
                    marked = False
                saved.append(self._saved(at))
                self.column[at] = -1
            at += 1
        indent, self.indent = self.indent, 0
        self.level += 1
        after = self._read(line, at)
        self.level -= 1
        self.indent = indent
        for at, values in enumerate(saved, line):
            self.start[at], self.first[at], self.column[at], self.base[at] = values
        return after, whole

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
            following = syntax.ITEM.match(text, self.first[line])
            if following is None or text[following.end() - 1] != mark:
                return line
            item = following

    def _ends_list(self, line: int) -> bool:
        text, place = self.text, self.first[line]
        return not self._blank(line) and bool(
            text[place] == ">" or syntax.FENCE.match(text, place) or syntax.RULE.match(text, place)
        )

    def _ends(self, line: int, *, in_paragraph: bool) -> bool:
        """Whether a line begins a block that ends a paragraph or a block quote."""
        text, place = self.text, self.first[line]
        mark = text[place]
        if mark not in "`~>#<*-_+0123456789" or self.column[line] - self.indent >= 4:
            return False
        if mark in "`~":
            return syntax.FENCE.match(text, place) is not None
        if mark == ">":
            return True
        if mark == "#":
            return syntax.HEADING.match(text, place) is not None
        if mark == "<":
            return syntax.html_kind(text, place, self.stop[line]) not in (None, syntax.ANY_TAG)
        if syntax.RULE.match(text, place):
            return True
        item = syntax.ITEM.match(text, place)
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
        while at < end and not self._blank(at):
            indent = self.column[at] - self.indent
            if indent <= 3:
                if indent >= 0 and syntax.UNDERLINE.match(self.text, self.first[at]):
                    content = self._text(line, at, self.indent).strip(syntax.BLANKS)
                    level = 1 if self.text[self.first[at]] == "=" else 2
                    start, stop = self.line_start[line] - 1, self.stop[line] - 1
                    self.blocks.append(HeadingAt(start, stop, level, content))
                    return at + 1
                if self.column[at] >= 0 and self._ends(at, in_paragraph=True):
                    return at
            at += 1
        return at

    def _defined(self, line: int, end: int) -> bool:
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
        if found is None or not found[1].strip(syntax.BLANKS):
            raise UnsureError
        after = line + 1
        if found[2] or after >= end or self._blank(after):
            return True
        if text[self.first[after]] in "\"'(":
            # it may be the title
            raise UnsureError
        return True
