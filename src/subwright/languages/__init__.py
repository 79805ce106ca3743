"""Whether a code can be read in its language, found without running it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from subwright.patterns import lazy

if TYPE_CHECKING:
    import ast

PYTHON = ("python", "py", "python3")
SHELL = ("bash", "sh", "shell")

_JSON_COMMENT = lazy(r'("(?:\\.|[^"\\\n])*+"?)|//[^\n]*|/\*.*?\*/', re.DOTALL)


class Problem(NamedTuple):
    """What is wrong at a line of a code, counted from 0, and what to do about it."""

    line: int
    message: str
    help: str | None = None


Reader: TypeAlias = Callable[[str], Problem | None]


def problem(language: str, code: str) -> Problem | None:
    reader = READERS.get(language)
    found = reader(code) if reader else None
    return found and found._replace(line=min(found.line, max(code.count("\n") - 1, 0)))


def parse_python(code: str, name: str = "<block>") -> ast.Module:
    """The syntax tree of a code in which `await` may stand outside of a function.

    Raises:
        SyntaxError: it is no Python of the running version.
    """
    import ast

    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = compile(code, name, "exec", flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


@lru_cache(maxsize=1)
def python_error(code: str) -> SyntaxError | ValueError | None:
    """What keeps a code from being parsed; it is known until the next is asked for."""
    from symtable import symtable

    try:
        # makes no object of each part of the code, which takes as long as to parse it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symtable(code, "<block>", "exec")
    except SyntaxError as error:
        # what the parser refuses comes with the line; names may be used wrongly in what it takes
        if error.text is not None:
            return error.with_traceback(None)
    except ValueError as error:
        return error.with_traceback(None)
    else:
        return None
    try:
        parse_python(code)
    except (SyntaxError, ValueError) as error:
        return error.with_traceback(None)
    return None


def _python(code: str) -> Problem | None:
    error = python_error(code)
    if error is None:
        return None
    line = getattr(error, "lineno", None) or 1
    return Problem(line - 1, f"not Python: {said(getattr(error, 'msg', error))}")


def _json(code: str) -> Problem | None:
    import json

    try:
        json.loads(without_comments(code))
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        return Problem(line - 1, f"not JSON: {said(getattr(error, 'msg', error))}")
    return None


def without_comments(code: str) -> str:
    """JSON without its comments: they are common in examples, and no reader is misled by them."""
    if "//" not in code and "/*" not in code:
        return code
    return _JSON_COMMENT.sub(lambda found: found[1] or "\n" * found[0].count("\n"), code)


def _yaml(code: str) -> Problem | None:
    import yaml

    from subwright.spec import loader

    anchors = set()
    try:
        parse = getattr(loader()(code), "raw_parse", None)
        if parse and "*" not in code:
            # libyaml's own parser, ten times as fast without the events, of which only aliases need any
            parse()
            return None
        for event in yaml.parse(code, Loader=loader()):
            if isinstance(event, yaml.AliasEvent) and event.anchor not in anchors:
                line = event.start_mark.line if event.start_mark else 0
                return Problem(line, f"not YAML: undefined alias `{said(event.anchor)}`")
            anchors.add(getattr(event, "anchor", None))
    except yaml.YAMLError as error:
        words = str(getattr(error, "problem", None) or error)
        if "maximum nesting" in words:
            raise RecursionError from None
        mark = getattr(error, "problem_mark", None)
        return Problem(mark.line if mark else 0, f"not YAML: {said(words)}")
    return None


def _toml(code: str) -> Problem | None:
    import tomllib

    try:
        tomllib.loads(code)
    except ValueError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        return Problem(int(found[1]) - 1 if found else 0, f"not TOML: {said(error)}")
    return None


def said(words: object) -> str:
    """What a parser says, in the manner of a message."""
    text = " ".join(str(words).split())
    # `I/O` and the names of tokens stay as they are
    return (text[:1].lower() if text[1:2].islower() else text[:1]) + text[1:100]


READERS: dict[str, Reader] = {
    **dict.fromkeys(PYTHON, _python),
    **dict.fromkeys(("json", "jsonc"), _json),
    **dict.fromkeys(("yaml", "yml"), _yaml),
    "toml": _toml,
}
