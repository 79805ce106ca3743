"""The block structure of Markdown that rules and proofs need: headings, fenced code, HTML comments, and prose."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from subwright import scanner
from subwright.diagnostic import Source, Span
from subwright.patterns import lazy
from subwright.scanner import FenceAt, HeadingAt

# What opens a code span or a comment, and the end of a block, which no code span crosses.
_OPENING = lazy(r"`+|<!--")
_BLOCK_END = lazy(r"\n(?=[ \t]*(?:[-*+>#|\r\n]|\d+[.)]))")

_LINK = lazy(r"\[[^\[\]\n]{0,300}\]\(<?([^()<>\s]{1,300})>?(?:[ \t]+[\"'][^\n]{0,200}?[\"'])?\)")
_DEFINITION = lazy(r"^ {0,3}\[[^\[\]\n^]{1,100}\]:[ \t]+<?([^<>\s]{1,300})>?", re.M)
_SCHEME = lazy(r"[A-Za-z][A-Za-z0-9+.-]*:|/")


class Heading(NamedTuple):
    """A heading: its level from 1 to 6, its text, the span of its first line."""

    level: int
    text: str
    span: Span


class Fence(NamedTuple):
    """A fenced code block.

    `info` is its info string and `code` its code, without the indentation of the container that it stands in.
    `span` is the opening line, `line` the number of the code's first line, `content` the span of the code's lines
    with their line ends. `marker` is the run of backticks or tildes that opens it; `closed` is false where the
    document or its container ends first.
    """

    info: str
    code: str
    span: Span
    line: int
    content: Span
    marker: str
    closed: bool


def blocks(source: Source, span: Span) -> list[Heading | Fence]:
    """The headings and fenced code blocks of a part of a text, in order."""
    text = source.text[slice(*span)].replace("\0", "\ufffd")
    first, last = span
    returns: list[int] = []
    if "\r" in text:
        # where one will be missing that stood before
        returns = [found.start() - gone for gone, found in enumerate(re.finditer("\r\n", text))]
        text = text.replace("\r\n", "\n").replace("\r", "\n")

    def place(at: int) -> int:
        return first + at + bisect_left(returns, at)

    try:
        found: Iterable[HeadingAt | FenceAt] = scanner.scan(text)
    except scanner.UnsureError:
        found = _parsed(text)
    blocks: list[Heading | Fence] = []
    line, counted = 1, 0
    for block in found:
        start, end = block.start, block.line_end
        where = Span(place(start), place(end)) if returns else Span(first + start, first + end)
        if isinstance(block, HeadingAt):
            blocks.append(Heading(block.level, block.text, where))
            continue
        start = min(place(end + 1), last)
        content = Span(start, max(start, min(place(block.end), last)))
        line, counted = line + source.text.count("\n", counted, where.start), where.start
        _, _, info, code, marker, _, closed = block
        blocks.append(Fence(info.strip(), code, where, line + 1, content, marker, closed))
    return blocks


def _parsed(text: str) -> Iterator[HeadingAt | FenceAt]:
    """What the scanner finds, by a full parser."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").disable("inline")
    missing = False
    try:
        tokens = parser.parse(text)
    except IndexError:
        # it may read on behind a last line that has no line end
        missing = True
        tokens = parser.parse(text + "\n")
    ends = [found.start() for found in re.finditer("\n|\\Z", text)]
    for token, following in zip(tokens, [*tokens[1:], None], strict=False):
        if token.map is None:
            continue
        first, after = token.map
        start = ends[first - 1] + 1 if first else 0
        if token.type == "heading_open" and following is not None:
            yield HeadingAt(start, ends[first], int(token.tag[1]), following.content)
        elif token.type == "fence":
            code = token.content
            # a closing line is no code
            closed = after - first - 1 > code.count("\n") + (code != "" and code[-1] != "\n")
            end = ends[after - 2] + 1 if closed else ends[after - 1]
            if missing and not closed and after == len(ends):
                code = code[:-1]
            yield FenceAt(start, ends[first], token.info, code, token.markup, end, closed)


def prose(text: str, span: Span, fences: Iterable[Fence]) -> str:
    """A text of which only the prose of a part is left: all else is blanks, and every place and line stays.

    Fenced code, code spans and HTML comments are no prose.

    Args:
        text: the whole text.
        span: the part.
        fences: the fenced code blocks in it.
    """
    parts, at = [_blank(text[: span.start])], span.start
    for start, end in (*_blocks_of(text, fences), (span.end, len(text))):
        for gone in _spans(text, at, start):
            parts += text[at : gone.start], _blank(text[slice(*gone)])
            at = gone.end
        parts += text[at:start], _blank(text[start:end])
        at = end
    return "".join(parts)


def stands_in_text(
    pattern: re.Pattern[str], text: str, span: Span, fences: Iterable[Fence]
) -> bool:
    """Whether a pattern is found in a part of a text outside of its fenced code.

    What is not there is not in its prose either, which costs much more to make.

    Args:
        pattern: of which nothing found goes on behind the end of a line.
        text: the whole text.
        span: the part.
        fences: the fenced code blocks in it.
    """
    found = pattern.search(text, *span)
    if found is None:
        return False
    for start, end in _blocks_of(text, fences):
        if found.start() < start:
            return True
        if found.start() < end:
            found = pattern.search(text, end, span.end)
            if found is None:
                return False
    return True


def links(prose: str) -> Iterator[tuple[str, Span]]:
    """The targets of links that have no scheme and are no absolute path, each with its place.

    Args:
        prose: a text as `prose` gives it.
    """
    for pattern in (_LINK, _DEFINITION):
        for found in pattern.finditer(prose):
            if not _SCHEME.match(found[1]):
                yield found[1], Span(*found.span(1))


def _blank(text: str) -> str:
    if "\n" not in text:
        return " " * len(text)
    return "\n".join([" " * len(line) for line in text.split("\n")])


def _blocks_of(text: str, fences: Iterable[Fence]) -> Iterator[Span]:
    """Where fenced blocks stand, with the lines that open and close them."""
    for fence in fences:
        end = text.find("\n", fence.content.end) if fence.closed else fence.content.end
        yield Span(fence.span.start, len(text) if end < 0 else end)


def _spans(text: str, start: int, end: int) -> Iterator[Span]:
    """The code spans and comments between two places with no fenced code between them."""
    marks, runs = [], defaultdict[tuple[int, int], deque[Span]](deque)
    block, last = 0, start
    for found in _OPENING.finditer(text, start, end):
        mark = Span(*found.span())
        block += _BLOCK_END.search(text, last, mark.start) is not None
        last = mark.end
        if found[0] != "<!--":
            mark = Span(mark.start + (text[mark.start - 1 : mark.start] == "\\"), mark.end)
            runs[block, mark.end - mark.start].append(mark)
        marks.append((mark, block))
    at, comments = start, True
    for mark, block in marks:
        if mark.start < at:
            continue
        if text[mark.start] == "<":
            closed = text.find("-->", mark.end, end) if comments else -1
            comments = closed >= 0
            if comments:
                yield Span(mark.start, at := closed + 3)
            continue
        same = runs[block, mark.end - mark.start]
        while same and same[0].start <= mark.start:
            same.popleft()
        if same and mark.end > mark.start:
            yield Span(mark.start, at := same[0].end)
