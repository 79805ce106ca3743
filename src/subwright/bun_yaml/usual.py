"""The forms that nearly all frontmatter has, read by a few patterns, many times faster than by the parser.

The patterns take only what is beyond doubt: a text with anything else in it is left to the parser, whole. What both
read comes out the same, which a test holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from subwright.bun_yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode, plain_tag
from subwright.patterns import lazy

if TYPE_CHECKING:
    import re

_MOST_CHARACTERS = 20_000  # a longer text could have more words and marks than the parser takes

_FIRST = r"""[^\s\0!"#%&'*,\-:>?@\[\]`{|}]"""  # of a plain text, which no mark is
_PLAIN = rf"{_FIRST}(?:[^\t\r\n\0:#]++|:(?=[^\s\0])|(?<=\S)#)*+"
_PLAIN_IN_FLOW = rf"{_FIRST}(?:[^\t\r\n\0:#,\[\]{{}}]++|:(?=[^\s\0,\[\]{{}}])|(?<=\S)#)*+"
_QUOTED = r""""(?:[^"\\\r\n\0]++|\\["\\/nrt])*+"|'(?:[^'\r\n\0]++|'')*+'"""
_ENDS = r"(?:\r?\n)++"
_COMMENTS = rf"(?:#[^\r\n\0]*+{_ENDS})*+"
_END = rf" *+{_ENDS}{_COMMENTS}"

_FIRST_LINES = lazy(_COMMENTS)
_ENTRY = lazy(rf"([A-Za-z_][A-Za-z0-9_-]*+):(?: ++(?:({_PLAIN}|{_QUOTED}){_END})?|(?=\r?\n))")
_ITEM = lazy(rf"( *+)- ++({_PLAIN}|{_QUOTED}){_END}")
_ITEM_IN_FLOW = lazy(rf" *+({_PLAIN_IN_FLOW}|{_QUOTED}) *+([,\]])")
_LINES = lazy(r"[|>](-?)\n(( ++)[^\s\0][^\r\n\0]*+(?:\n++\3 *+[^\s\0][^\r\n\0]*+)*+)" + _END)
_LINE_ENDS = lazy(r"\n+")
_REST_OF_LINE = lazy(_END)
_ESCAPE = lazy(r"\\(.)")
_ESCAPED = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "r": "\r", "t": "\t"}


def compose(text: str) -> MappingNode | None:
    """The nodes of a text that is made of usual forms alone; None where it is not."""
    size = len(text)
    if size > _MOST_CHARACTERS:
        return None
    pairs: list[tuple[Node, Node]] = []
    first = _FIRST_LINES.match(text)
    assert first
    at = end = first.end()
    while at < size:
        found = _ENTRY.match(text, at)
        if found is None:
            return None
        name, word = found.groups()
        key = ScalarNode(plain_tag(name), name, at, found.end(1))
        at = found.end()
        value: Node | None
        if word is not None:
            value = _scalar(word, found.start(2))
        else:
            value, at = _other_value(text, at, key.end + 1)
            if value is None:
                return None
        pairs.append((key, value))
        end = value.end
    return MappingNode(pairs, first.end(), end) if pairs else None


def _scalar(word: str, start: int) -> ScalarNode:
    """A text on one line, plain or in quotes."""
    quote, end = word[0], start + len(word)
    if quote == '"':
        text = word[1:-1]
        if "\\" in text:
            text = _ESCAPE.sub(lambda found: _ESCAPED[found[1]], text)
        return ScalarNode("str", text, start, end, quote)
    if quote == "'":
        return ScalarNode("str", word[1:-1].replace("''", "'"), start, end, quote)
    text = word.rstrip(" ")
    return ScalarNode(plain_tag(text), text, start, start + len(text))


def _other_value(text: str, start: int, nothing: int) -> tuple[Node | None, int]:
    """A value that is no text on one line, and where the next entry begins; None where it is of no usual form.

    Args:
        text: the whole text.
        start: the first place after the colon that is not blank.
        nothing: where a value stands that is not there.
    """
    rest = _REST_OF_LINE.match(text, start)
    if rest:
        first = _ITEM.match(text, rest.end())
        if first is None:
            return ScalarNode("null", "", nothing, nothing), rest.end()
        return _items(text, first)
    return _items_in_flow(text, start) if text[start : start + 1] == "[" else _lines(text, start)


def _items(text: str, first: re.Match[str]) -> tuple[Node | None, int]:
    """A list with each item on a line of its own, of which the first is found."""
    at = first.start()
    items: list[Node] = []
    while found := _ITEM.match(text, at):
        if found[1] != first[1]:
            return None, at
        items.append(_scalar(found[2], found.start(2)))
        at = found.end()
    return SequenceNode(items, first.end(1), items[-1].end), at


def _items_in_flow(text: str, start: int) -> tuple[Node | None, int]:
    """A list in brackets on one line."""
    items: list[Node] = []
    at = start + 1
    closed = False
    while not closed:
        found = _ITEM_IN_FLOW.match(text, at)
        if found is None:
            return None, at
        items.append(_scalar(found[1], found.start(1)))
        at = found.end()
        closed = found[2] == "]"
    rest = _REST_OF_LINE.match(text, at)
    return (SequenceNode(items, start, at), rest.end()) if rest else (None, at)


def _lines(text: str, start: int) -> tuple[Node | None, int]:
    """A text on lines of its own after `|` or `>`."""
    found = _LINES.match(text, start)
    if found is None:
        return None, start
    mark = text[start]
    chomp, lines, indent = found.groups()
    if mark == ">" and f"\n{indent} " in lines:
        return None, start
    whole = lines[len(indent) :].replace(f"\n{indent}", "\n")
    if mark == ">":
        whole = _LINE_ENDS.sub(lambda ends: ends[0][1:] or " ", whole)
    if not chomp:
        whole += "\n"
    return ScalarNode("str", whole, start, found.end(2), mark), found.end()
