"""The block structure of Markdown that rules and proofs need: headings, fenced code, HTML comments, and prose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from subwright.diagnostic import Source, Span


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its level from 1 to 6, its text, the span of its first line."""

    level: int
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Fence:
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


def blocks(source: Source, span: Span) -> Iterator[Heading | Fence]:
    """The headings and fenced code blocks of a part of a text, in order."""
    from markdown_it import MarkdownIt

    first = source.position(span.start).line
    tokens = MarkdownIt("commonmark").disable("inline").parse(source.text[slice(*span)])
    for token, following in zip(tokens, [*tokens[1:], None], strict=False):
        if token.map is None:
            continue
        line = first + token.map[0]
        where = source.line_span(line)
        if token.type == "heading_open" and following is not None:
            yield Heading(int(token.tag[1]), following.content, where)
        elif token.type == "fence":
            last = first + token.map[1] - 1
            closing = source.line(last).strip(" \t>")
            closed = (
                last > line
                and set(closing) == {token.markup[0]}
                and len(closing) >= len(token.markup)
            )
            start = min(where.end + 1, span.end)
            end = source.line_span(last).start if closed else source.line_span(last).end
            content = Span(start, max(start, min(end, span.end)))
            yield Fence(
                token.info.strip(), token.content, where, line + 1, content, token.markup, closed
            )
