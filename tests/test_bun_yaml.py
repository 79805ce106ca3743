"""The reader of YAML, by itself: what it reads, what it refuses and where, and its quick road beside its parser."""

from __future__ import annotations

import random
from typing import Any

import mutations
import pytest

from subwright import bun_yaml
from subwright.bun_yaml import Node, ScalarNode, SequenceNode, UnreadableError, usual
from subwright.bun_yaml.parser import Parser

# What a text of usual forms holds.
USUAL: list[tuple[str, dict[str, Any]]] = [
    ("a: b\n", {"a": "b"}),
    ("a:   b c  d  \nb-c_D: e\n\n\nf: g\n", {"a": "b c  d", "b-c_D": "e", "f": "g"}),
    ("# first\na: b\n# a: c\n\n#\nd: e\n", {"a": "b", "d": "e"}),
    ("a: b\na: c\n", {"a": "c"}),
    ("a: b\r\nc:\r\n  - d\r\n\r\n# e\r\n  - 'f' \r\n", {"a": "b", "c": ["d", "f"]}),
    ("null: a\ntrue: b\nn: c\n", {"null": "a", "true": "b", "n": "c"}),
    ("a: b:c#d::e\n", {"a": "b:c#d::e"}),
    ("a: https://b.c/d?e=f&g#h\n", {"a": "https://b.c/d?e=f&g#h"}),
    ("a: é 🤖 \u2028\u00a0b\n", {"a": "é 🤖 \u2028\u00a0b"}),
    ("a: true\nb: null\nc: ~\nd: yes\n", {"a": True, "b": None, "c": None, "d": "yes"}),
    ("a: 1\nb: 1.5\nc: 0x1f\nd: .inf\n", {"a": 1, "b": 1.5, "c": 31, "d": float("inf")}),
    ("a: 1_000\nb: 0b1\nc: 2024-01-01\n", {"a": "1_000", "b": "0b1", "c": "2024-01-01"}),
    ("a:\nb:\n\nc: \n", {"a": None, "b": None, "c": None}),
    ('a: ""\nb: "c # d: e" \n', {"a": "", "b": "c # d: e"}),
    ('a: "\\"b\\" \\\\ \\/\\n\\tc"\n', {"a": '"b" \\ /\n\tc'}),
    ("a: ''\nb: 'it''s: c'  \n", {"a": "", "b": "it's: c"}),
    ('a: "1"\nb: \'true\'\nc: "~"\n', {"a": "1", "b": "true", "c": "~"}),
    ("a: |\n  b\n\n   c  \n\n\nd: e\n", {"a": "b\n\n c  \n", "d": "e"}),
    ("a: |-\n b: c\n # d\n", {"a": "b: c\n# d"}),
    ("a: >\n  b\n  c \n\n  d\n\n\n  e\n", {"a": "b c \nd\n\ne\n"}),
    ("a: >-\n    b\n    c\nd: e\n", {"a": "b c", "d": "e"}),
    ("a:\n  - b\n  - c d \n", {"a": ["b", "c d"]}),
    ("a:\n- b\n# c\n- \"d\"\n\n- 'e'\nf: g\n", {"a": ["b", "d", "e"], "f": "g"}),
    ("a:\n  -   1\n  - null\n", {"a": [1, None]}),
    ("a: [b]\nc: [ d , \"e\", 'f']  \n", {"a": ["b"], "c": ["d", "e", "f"]}),
    ("a: [Bash(git:*), 1, b c]\n", {"a": ["Bash(git:*)", 1, "b c"]}),
]
# What others hold, which the parser reads.
OTHERS: list[tuple[str, Any]] = [
    ("", None),
    ("a", "a"),
    ("- a\n- b\n", ["a", "b"]),
    ("a: b", {"a": "b"}),
    ("\ufeffa: b\n", {"a": "b"}),
    ("a: |\r\n  b\r\n", {"a": "b\n"}),
    ("a:\rb: c\n", {"a": None, "b": "c"}),
    ("a: b # c\n", {"a": "b"}),
    ("a: b:c #\n", {"a": "b:c"}),
    ("a:\tb\n", {"a": "b"}),
    ("a: b\n  c\n\n  d\n", {"a": "b c\nd"}),
    ('a: "b\n  c"\n', {"a": "b c"}),
    ('a: "\\u00e9\\x41\\ud83e\\udd16"\n', {"a": "éA🤖"}),
    ("a: |+\n  b\n\nc: d\n", {"a": "b\n\n", "c": "d"}),
    ("a: |2\n   b\n", {"a": " b\n"}),
    ("a: >\n  b\n   c\n  d\n", {"a": "b\n c\nd\n"}),
    ("a: []\nb: {}\n", {"a": [], "b": {}}),
    ("a: [b, [c], {d: e}, f: g]\n", {"a": ["b", ["c"], {"d": "e"}, {"f": "g"}]}),
    ("a:\n  b:\n    - c: d\n      e: f\n", {"a": {"b": [{"c": "d", "e": "f"}]}}),
    ("a: &x b\nc: *x\n", {"a": "b", "c": "b"}),
    ("a: &x {b: c}\nd:\n  <<: *x\n", {"a": {"b": "c"}, "d": {"b": "c"}}),
    ("a: !!str 1\nb: ! ~\n", {"a": "1", "b": "~"}),
    ("? a\n: b\n", {"a": "b"}),
    ("1: a\n'b c': d\n", {"1": "a", "b c": "d"}),
    ("a: -1\nb: +1\n", {"a": -1, "b": 1}),
    ("a\n...\nb\n", ["a", "b"]),
]
# What is wrong with a text, and at which character.
REFUSED = [
    ("a: b: c\n", "`:` where none is expected", 4),
    ("a: b\nc\n", "it ends too early", 7),
    ("a: @b\n", "a value that begins with `@`", 3),
    ('a: "b', 'a `"` that is not closed', 3),
    ("a: [b\n", "it ends too early", 6),
    ("a:\n\tb: c\n", "a tab where only blanks indent", 5),
    ("a: *b\n", "an alias of an anchor that is not there", 3),
    ("a: b\0\n", "the character U+0000 is not allowed", 4),
    ("a: " + "[" * 5000, "it is nested too deeply", 0),
]

KEYS = ("name", "description", "tools", "k", "a-b_C1", "null", "true", "n")
# Values as they stand after the colon, each of which ends its line.
VALUES = (
    *("", "x", "a b  c", "a:b", "a#b", "https://x.y/z", "é🤖", "a\u00a0b", "Read, Bash(git:*)"),
    *("null", "~", "True", "1", "-1", "1.5", "1e3", ".inf", "0x1f", "0x", "+1", "...", "=", "x "),
    *('"q"', '""', '"a\\nb\\"c"', '"x" ', "'s'", "''", "'it''s'", "'x'  "),
    *(
        "|\n  a\n  b",
        "|\n  a\n\n    b\n",
        "|-\n a\n   b\n\n\n a",
        "|\n  a \n  ...",
        ">\n  # a\n  b",
    ),
    *(">\n  a\n  b\n\n  c", ">-\n    a", ">\n a\n\n\n b \n c", ">\n  a\n   b"),
    *("\n  - a\n  - b", '\n- a\n- "b"', "\n  - x \n\n  - 'y'", "\n  - 1\n  - ~", "\n\n  - a"),
    *("[a, b]", "[\"a\", 'b' ,c ]", "[Bash(git:*), x]", "[ a ]", "[1, true, null]", "[]"),
)
BETWEEN = (*[""] * 8, "\n", "\n\n", "# c\n", "#\n", "# a: b\n\n", "#\tc\n", "  # c\n")
MARKS = (
    *mutations.FRAGMENTS,
    *("  ", "    ", "\n ", "\n   ", "\n  - ", " :", " ,", "\\", "\\x", "+", "2", ".", "?"),
    *("&", "*", "!", "\x85", "\x0b", "\x0c", "\0", "\r"),
)


def same(node: Node) -> object:
    """All that is known of a node, to compare it."""
    place = (node.start, node.end)
    if isinstance(node, ScalarNode):
        return (*place, node.tag, node.value, node.style)
    if isinstance(node, SequenceNode):
        return (*place, [same(item) for item in node.value])
    return (*place, [(same(key), same(value)) for key, value in node.value], "mapping")


def read(text: str) -> Any:
    return bun_yaml.value(bun_yaml.compose(text))


def parsed(text: str) -> object:
    """What the parser alone makes of a text."""
    try:
        return same(Parser(text).documents())
    except UnreadableError as error:
        return error.problem, error.at


@pytest.mark.parametrize(("text", "data"), USUAL)
def test_a_usual_text(text: str, data: dict[str, Any]) -> None:
    found = usual.compose(text)
    assert found is not None
    assert same(found) == parsed(text)
    assert read(text) == data
    assert [*read(text)] == [*data]


@pytest.mark.parametrize(("text", "data"), OTHERS)
def test_another_text(text: str, data: Any) -> None:
    assert usual.compose(text) is None
    assert read(text) == data


@pytest.mark.parametrize(("text", "problem", "at"), REFUSED)
def test_a_text_that_is_refused(text: str, problem: str, at: int) -> None:
    with pytest.raises(UnreadableError) as caught:
        read(text)
    assert (caught.value.problem, caught.value.at) == (problem, at)


def test_places() -> None:
    text = "# c\na: b  \nc:\n  - 'd'\ne: [f , g]\nh:\n"
    node = bun_yaml.compose(text)
    assert isinstance(node, bun_yaml.MappingNode)
    parts = [text[part.start : part.end] for pair in node.value for part in pair]
    assert parts == ["a", "b", "c", "- 'd'", "e", "[f , g]", "h", ""]
    assert (node.start, node.end) == (4, len(text) - 1)


def test_a_long_text_is_left_to_the_parser() -> None:
    text = "a: b\n" * 20_000
    assert usual.compose(text) is None
    with pytest.raises(UnreadableError, match="words and marks"):
        bun_yaml.compose(text)


def made_up(some: random.Random) -> str:
    """A text of mostly usual forms, changed at up to three places."""
    text = some.choice(BETWEEN) + "".join(
        f"{some.choice(KEYS)}:{some.choice((' ', ' ', ' ', ' ', '', '  '))}{some.choice(VALUES)}\n"
        f"{some.choice(BETWEEN)}"
        for _ in range(some.randrange(1, 5))
    )
    if some.random() < 0.2:
        text = text.replace("\n", "\r\n")
    for _ in range(some.choice((0, 0, 1, 1, 1, 1, 2, 2, 3))):
        at = some.randrange(len(text) + 1)
        without = at + some.choice((0, 0, 0, 1, 1, 2))
        text = text[:at] + some.choice((*MARKS, "", "")) + text[without:]
    return text


def test_what_the_quick_road_reads_is_what_the_parser_reads(request: pytest.FixtureRequest) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    some = random.Random(seed)
    count = request.config.getoption("--fuzz")
    taken = 0
    for _ in range(count):
        text = made_up(some)
        found = usual.compose(text)
        if found is not None:
            taken += 1
            assert same(found) == parsed(text), f"seed {seed}: {text!r}"
    assert taken > count / 10
