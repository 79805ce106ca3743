"""The parts of a text that is read as YAML, with what plain words stand for."""

from __future__ import annotations

from typing import Literal, TypeAlias

from subwright.patterns import lazy

Tag: TypeAlias = Literal["str", "null", "bool", "float"]

_WORDS: dict[str, Tag] = {
    **dict.fromkeys(("~", "null", "Null", "NULL"), "null"),
    **dict.fromkeys(("true", "True", "TRUE", "false", "False", "FALSE"), "bool"),
}
_FIRST_OF_NUMBER = frozenset("+-.0123456789")
_NUMBER = lazy(
    r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|-?0(?:x[0-9a-fA-F]+|o[0-7]+)|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


class UnreadableError(Exception):
    """What Bun does not read as YAML, and the offset at which it stops."""

    def __init__(self, problem: str, at: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.at = at


class ScalarNode:
    """A text, number, truth value or null: `value` is how it is written, `style` its quote or `|` or `>`."""

    __slots__ = ("end", "start", "style", "tag", "value")

    def __init__(
        self, tag: Tag, value: str, start: int, end: int, style: str | None = None
    ) -> None:
        self.tag = tag
        self.value = value
        self.start = start
        self.end = end
        self.style = style


class SequenceNode:
    """A list."""

    __slots__ = ("end", "start", "value")

    def __init__(self, value: list[Node], start: int, end: int) -> None:
        self.value = value
        self.start = start
        self.end = end


class MappingNode:
    """Pairs of keys and values, in the order of the text."""

    __slots__ = ("end", "start", "value")

    def __init__(self, value: list[tuple[Node, Node]], start: int, end: int) -> None:
        self.value = value
        self.start = start
        self.end = end


# `start` and `end` are offsets into the text, half-open
Node: TypeAlias = ScalarNode | SequenceNode | MappingNode


def plain_tag(text: str) -> Tag:
    """What a word without quotes is, by itself."""
    if text[:1] in _FIRST_OF_NUMBER and _NUMBER.fullmatch(text) and _in_range(text):
        return "float"
    return _WORDS.get(text, "str")


def _in_range(text: str) -> bool:
    """Whether a number with a base fits into 64 bits."""
    digits = text.lstrip("-")
    base = {"0x": 16, "0o": 8}.get(digits[:2])
    return base is None or int(digits[2:], base) < 1 << 64
