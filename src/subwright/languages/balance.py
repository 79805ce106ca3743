"""Quotes, brackets and heredocs in shell and SQL: what is opened and never closed."""

from __future__ import annotations

import re
from typing import NamedTuple

from subwright.patterns import lazy


class Unclosed(NamedTuple):
    """What a code opens and does not close: the offset of it, and how it is written."""

    at: int
    mark: str


_DEEPEST = 50  # brackets in each other: more is no example that a person wrote

# What may stay open begins with one of these.
_OPENS = lazy("[\"'`($<]")
# Every place in a shell code where something may open, close or hide.
_SHELL = lazy(
    r"""
      (?P<escape> \\.? )
    | (?P<comment> (?:(?<=[\s;&|()])|\A) \#[^\n]* )
    | (?P<ansi> \$' )
    | (?P<open> \$\(\( | \$\( | \$\{ | [<>]\( | \( )
    | (?P<string> <<< )
    | (?P<heredoc> <<-?[ \t]* (?:'(?P<single>[^'\n]+)' | "(?P<double>[^"\n]+)" | \\?(?P<bare>[A-Za-z_]\w*)) )
    | (?P<mark> ['"`)}\n] )
    """,
    re.VERBOSE | re.DOTALL,
)
_SHELL_QUOTED = lazy(r"""(?P<escape>\\.?)|(?P<open>\$\(\(|\$\(|\$\{)|(?P<mark>["`])""", re.DOTALL)
_ANSI = lazy(r"(?:[^'\\]|\\.)*+'", re.DOTALL)
_APOSTROPHE = lazy(r"(?<=[A-Za-z])'(?:s|t|re|ve|ll|d|m)\b[^'\n]*$", re.MULTILINE)
_PLACEHOLDER = lazy(r"<[A-Za-z][\w .'/-]*>")


def shell(code: str) -> Unclosed | None:
    """The innermost quote, bracket or heredoc that a shell code does not close.

    A `)` too many is the pattern of a `case`, and an apostrophe within a word is no quote.
    """
    if not _OPENS.search(code):
        return None
    if "<" in code:
        code = _PLACEHOLDER.sub(lambda found: "_" * len(found[0]), code)
    stack: list[Unclosed] = []
    heredocs: list[tuple[Unclosed, str]] = []
    at = 0
    while len(stack) < _DEEPEST:
        top = stack[-1].mark if stack else ""
        found = (_SHELL_QUOTED if top == '"' else _SHELL).search(code, at)
        if found is None:
            return stack[-1] if stack else heredocs[0][0] if heredocs else None
        start, at = found.span()
        kind, words = found.lastgroup, found[0]
        mark = words if kind == "mark" else ""
        if kind == "open":
            stack.append(Unclosed(start, words))
        elif kind == "ansi" or mark == "'":
            literal = top == "${" and any(outer.mark == '"' for outer in stack)
            if mark and (literal or _APOSTROPHE.match(code, start)):
                continue
            at = _after_quote(code, at, bool(mark))
            if not at:
                return Unclosed(start, "'")
        elif kind == "heredoc" and not any("((" in outer.mark for outer in stack):
            word = found["single"] or found["double"] or found["bare"]
            heredocs.append((Unclosed(start, f"<<{word}"), word))
        elif mark == "\n":
            for opened, word in heredocs:
                # indented by too much or by too little: what is meant is plain
                end = re.compile(rf"^[ \t]*{re.escape(word)}(?=[ \t;)]*$)", re.MULTILINE)
                last = end.search(code, at)
                if last is None:
                    return opened
                at = last.end()
            heredocs = []
        elif mark in ('"', "`") and any(
            outer.mark == mark for outer in stack[-1 if mark == '"' else 0 :]
        ):
            while stack.pop().mark != mark:
                pass
        elif mark in ('"', "`"):
            stack.append(Unclosed(start, mark))
        elif (mark == ")" and top.endswith("(")) or (mark == "}" and top == "${"):
            stack.pop()
    return None


def _after_quote(code: str, at: int, plain: bool) -> int:
    """Where a quoted text ends; 0 where it does not."""
    if plain:
        return code.find("'", at) + 1
    found = _ANSI.match(code, at)
    return found.end() if found else 0


_SQL = lazy(
    r"""
      --[^\n]* | ^[ \t]*(?:\#|//)[^\n]*
    | (?P<opening> /\* | \$(?:[A-Za-z_]\w*)?\$ )
    | (?P<quote> ['"`] )
    | (?P<bracket> [()] )
    """,
    re.VERBOSE | re.MULTILINE,
)
_SQL_BEGINS = lazy(
    r"(?:\s|--[^\n]*|/\*.*?\*/)*+(?:select|with|insert|update|delete|create|alter|drop|merge|grant|explain|begin)\b",
    re.IGNORECASE | re.DOTALL,
)
_SQL_STRING = {mark: lazy(rf"(?:[^{mark}\\]|\\.)*+{mark}", re.DOTALL) for mark in ("'", '"', "`")}
_CUT = lazy(r"(?:\.\.\.|…)\s*\Z")


def sql(code: str) -> Unclosed | None:
    """The innermost quote or bracket that an SQL code does not close.

    What does not begin with a statement may be a part of one, or an injection. A backslash in a string means itself in
    the standard and escapes in MySQL: either may be meant.
    """
    if not _SQL_BEGINS.match(code) or _CUT.search(code):
        return None
    found = _sql(code, escapes=False)
    return found if found and _sql(code, escapes=True) else None


def _sql(code: str, escapes: bool) -> Unclosed | None:
    stack: list[Unclosed] = []
    at = 0
    while found := _SQL.search(code, at):
        start, at = found.span()
        if found["bracket"] == "(":
            stack.append(Unclosed(start, "("))
        elif found["bracket"] and stack:
            stack.pop()
        elif mark := found["quote"] or found["opening"]:
            if found["quote"] and escapes:
                string = _SQL_STRING[mark].match(code, at)
                at = string.end() if string else 0
            else:
                end = "*/" if mark == "/*" else mark
                close = code.find(end, at)
                at = close + len(end) if close >= 0 else 0
            if not at:
                return Unclosed(start, mark)
    return stack[-1] if stack else None
