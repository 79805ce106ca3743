"""How Claude Code reads the frontmatter of an agent file: never refusing, but saying what it would stumble over."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Literal, NamedTuple, TypeAlias

from subwright import bun_yaml, claude_code
from subwright.bun_yaml import MappingNode, Node, SequenceNode, UnreadableError
from subwright.diagnostic import Source, Span
from subwright.patterns import lazy
from subwright.spec import Field, Spec

# Why a file has no fields that the client could read.
Reason: TypeAlias = Literal[
    "too-large",  # skipped in silence
    "no-frontmatter",  # skipped in silence; also one that does not start at the first byte
    "unclosed",  # skipped in silence
    "not-yaml",  # neither the first nor the second try reads it: rejected
    "not-mapping",  # skipped in silence
]

_BLANK = rf"[{re.escape(claude_code.BLANKS)}]"
_ONE_LINE = lazy(rf"^[a-zA-Z_-]+:((?:(?!\n){_BLANK})++)([^\n\r\u2028\u2029]+)$", re.MULTILINE)
_QUOTED_ON_RETRY = lazy("|".join(map(re.escape, claude_code.QUOTED_ON_RETRY)))
_LEADING_TABS = lazy(r"(?<![^\n\r\u2028\u2029])\t+")


class Problem(NamedTuple):
    """What stops a reader of the frontmatter, and where."""

    reason: Reason
    span: Span
    message: str


class Rewritten(NamedTuple):
    """A text with some of its parts replaced, that knows where each place of it was before.

    `anchors` are pairs of an offset in the text and the offset that it was at; between two of them places keep their
    distance, as far as there is room for it.
    """

    text: str
    anchors: tuple[tuple[int, int], ...] = ((0, 0),)

    def before(self, offset: int) -> int:
        """Where the place at an offset was."""
        index = bisect_right(self.anchors, offset, key=lambda anchor: anchor[0]) - 1
        here, there = self.anchors[index]
        most = self.anchors[index + 1][1] if index + 1 < len(self.anchors) else there + offset
        return min(there + offset - here, most)

    def span(self, node: Node, first: int) -> Span:
        """Where a node of it stands in a text in which what it was made of begins at `first`."""
        if len(self.anchors) == 1:
            return Span(first + node.start, first + node.end)
        return Span(first + self.before(node.start), first + self.before(node.end))


class Reading(NamedTuple):
    """An agent file as the client reads it (observed on Claude Code 2.1.330).

    `spec` is always there; where `problem` says that the client reads no fields it has none, and its body is what
    follows the frontmatter, or the whole text. `strict` is the error of a strict YAML reader where only the client's
    second try, which quotes values and turns tabs into blanks, can read the block. `early` is the `---` at which the
    block ends though it does not stand on a line of its own. All spans are of the text as it stands in the file.
    """

    spec: Spec
    problem: Problem | None = None
    strict: Problem | None = None
    early: Span | None = None
    read: Rewritten = Rewritten("")

    def span(self, node: Node) -> Span:
        """Where a node of the frontmatter stands in the text."""
        return self.read.span(node, self.spec.frontmatter.start)


def decode(raw: bytes) -> tuple[str, int | None]:
    """The text of a file as the client decodes it, and the offset of the first byte that is not UTF-8.

    Such bytes are replaced, as the client does.
    """
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError as error:
        return raw.decode("utf-8", errors="replace"), error.start


def read(source: Source, size: int) -> Reading:
    """Read a file's text as the client does.

    Args:
        source: the text, with its line ends and byte order mark.
        size: of the file, in bytes.
    """
    text = source.text
    nothing, whole = Span(0, 0), Span(0, len(text))
    if size > claude_code.MAX_BYTES:
        problem = Problem("too-large", nothing, f"the file has {size:,} bytes")
        return Reading(Spec(source, nothing, (), whole), problem)
    opening = _opening(text)
    if opening is None:
        problem = Problem("no-frontmatter", nothing, "the file does not start with `---`")
        return Reading(Spec(source, nothing, (), whole), problem)
    closing = text.find("---", opening)
    if closing < 0:
        problem = Problem("unclosed", Span(0, 3), "the frontmatter is not closed")
        return Reading(Spec(source, nothing, (), whole), problem)
    frontmatter = Span(opening, closing)
    after = _after_blanks(text, closing + 3)
    line_end = text.find("\n", closing)
    alone = line_end < 0 or after > line_end or after == len(text)
    body = (
        Span(len(text) if line_end < 0 else line_end + 1, len(text))
        if alone
        else Span(closing + 3, len(text))
    )
    begins = text.rfind("\n", 0, closing) + 1
    own_line = alone and not text[begins:closing].strip()
    early = None if own_line else Span(closing, closing + 3)
    return _read_block(source, frontmatter, body, early)


def _opening(text: str) -> int | None:
    """Where the frontmatter begins: after a `---` at the start of the text and all blank lines that follow it."""
    start = 3 + text.startswith("\ufeff")
    if text[start - 3 : start] != "---":
        return None
    return text.rfind("\n", start, _after_blanks(text, start)) + 1 or None


def _after_blanks(text: str, start: int) -> int:
    """Where the first character stands, from a place on, that the client does not take for a blank."""
    if text[start : start + 1] == "\n" and text[start + 1 : start + 2] not in claude_code.BLANKS:
        return start + 1
    return len(text) - len(text[start:].lstrip(claude_code.BLANKS))


def _read_block(source: Source, frontmatter: Span, body: Span, early: Span | None) -> Reading:
    first = frontmatter.start
    block = source.text[slice(*frontmatter)]
    strict: Problem | None = None
    for attempt in range(2):
        read = _second_try(block) if attempt else Rewritten(block)
        try:
            fields = _fields(read, first)
        except UnreadableError as error:
            # what the first try stumbles over is what an author sees
            if strict is not None:
                return Reading(Spec(source, frontmatter, (), body), strict, early=early)
            at = first + read.before(error.at)
            strict = Problem("not-yaml", Span(at, at), f"not YAML: {error.problem}")
            continue
        if fields is None:
            problem = Problem("not-mapping", Span(first, first), "the frontmatter is not a mapping")
            return Reading(Spec(source, frontmatter, (), body), problem, early=early)
        return Reading(Spec(source, frontmatter, fields, body), None, strict, early, read)
    raise AssertionError("the loop returns")


def _fields(read: Rewritten, first: int) -> tuple[Field, ...] | None:
    """The fields of a block that begins at some place of the text; None where it is no mapping."""
    node = bun_yaml.compose(read.text)
    if not isinstance(node, MappingNode):
        return None
    # thousands of frontmatters are read in a row
    span, plain = read.span, bun_yaml.value
    return tuple(
        [
            Field(
                bun_yaml.key(plain(key)), span(key, first), span(value, first), plain(value), value
            )
            for key, value in node.value
        ]
    )


def _second_try(block: str) -> Rewritten:
    """The block as the client gives it to its YAML reader again: values quoted, leading tabs as blanks."""
    edits = [(m.start(), m.end(), "  " * len(m[0])) for m in _LEADING_TABS.finditer(block)]
    for line in _ONE_LINE.finditer(block):
        value = line[2]
        if _QUOTED_ON_RETRY.search(value) and not _is_quoted(value) and not _is_list(value):
            start, end = line.span(2)
            edits += [(line.start(1), start, " "), (start, start, '"'), (end, end, '"')]
            escaped = re.finditer(r'["\\]', value)
            edits += [(start + m.start(), start + m.start(), "\\") for m in escaped]
    return _rewritten(block, edits)


def _rewritten(text: str, edits: list[tuple[int, int, str]]) -> Rewritten:
    """A text with what stands between two offsets replaced, for each of some edits that do not overlap."""
    parts: list[str] = []
    anchors = [(0, 0)]
    length = end = 0
    for start, stop, replacement in sorted(edits, key=lambda edit: edit[:2]):
        parts += [text[end:start], replacement]
        length += start - end
        anchors.append((length, start))
        length += len(replacement)
        anchors.append((length, stop))
        end = stop
    parts.append(text[end:])
    return Rewritten("".join(parts), tuple(anchors))


def _is_quoted(value: str) -> bool:
    return value[0] == value[-1] and value[0] in "\"'"


def _is_list(value: str) -> bool:
    if value[0] != "[" or value[-1] != "]":
        return False
    try:
        return isinstance(bun_yaml.compose(value), SequenceNode)
    except UnreadableError:
        return False
