"""The YAML reader of Bun, on which Claude Code runs: what it takes, what it refuses, and where (Bun 1.4.4).

It differs from other readers in the details, so a file is read here as it is read there. A frontmatter cannot hold
`---`, so there are no directives and no more documents than `...` divides.
"""

from __future__ import annotations

import math
from typing import Any

from subwright.bun_yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode, UnreadableError
from subwright.bun_yaml.usual import compose as compose_usual

__all__ = [
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "UnreadableError",
    "compose",
    "key",
    "value",
]


def compose(text: str) -> Node:
    """The nodes of a text; several documents are a sequence of them.

    A scalar that Bun takes for a number, a truth value or null has the tag of that; all other scalars are texts.

    Raises:
        UnreadableError: Bun does not read it, or it is nested some hundred deep, which no agent is.
    """
    usual = compose_usual(text)
    if usual is not None:
        return usual
    from subwright.bun_yaml.parser import Parser

    try:
        return Parser(text).documents()
    except RecursionError:
        raise UnreadableError("it is nested too deeply", 0) from None


def value(node: Node) -> Any:
    """The value of a node as plain data; what several aliases stand for is made once.

    Raises:
        UnreadableError: aliases nest it too deeply.
    """
    if isinstance(node, ScalarNode):
        return _scalar_value(node)
    try:
        return _value(node, {})
    except RecursionError:
        raise UnreadableError("it is nested too deeply", node.start) from None


def key(data: Any) -> str:
    """A value as a key of a JavaScript object."""
    if isinstance(data, str):
        return data
    if data is None or isinstance(data, bool):
        return {None: "null", True: "true", False: "false"}[data]
    if isinstance(data, dict):
        return "[object Object]"
    if isinstance(data, list):
        return ",".join("" if item is None else key(item) for item in data)
    return _spelt(data)


def _spelt(number: float) -> str:
    if math.isinf(number) or math.isnan(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if abs(number) < 1e21 and number == int(number):
        return str(int(number))
    mantissa, _, exponent = repr(float(number)).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+}" if exponent else mantissa


def _value(node: Node, known: dict[int, Any]) -> Any:
    if isinstance(node, ScalarNode):
        return _scalar_value(node)
    if id(node) in known:
        return known[id(node)]
    if isinstance(node, SequenceNode):
        items: list[Any] = [_value(item, known) for item in node.value]
        known[id(node)] = items
        return items
    entries = {key(_value(name, known)): _value(item, known) for name, item in node.value}
    known[id(node)] = entries
    return entries


def _scalar_value(node: ScalarNode) -> Any:
    text, tag = node.value, node.tag
    if tag == "str":
        return text
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    return _number(text)


def _number(text: str) -> float:
    plain = text.lower().lstrip("+")
    base = {"0x": 16, "0o": 8}.get(plain.lstrip("-")[:2])
    if base:
        number = float(int(plain.replace("0x", "").replace("0o", ""), base))
    else:
        number = float(plain.replace(".inf", "inf").replace(".nan", "nan"))
    # for JavaScript 1.0 and 1e3 are integers too
    return int(number) if math.isfinite(number) and number == int(number) else number
