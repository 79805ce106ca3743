"""The code blocks of an agent: what each one is for, and where it stands.

The info string says what a reader may know: the language, then the path of a file of the example project,
`raises=Name` for a bad example, or `output` for what the block before it prints. What only the proof needs stands
in a template comment before the fence, as `<# prove: statements=2 #>`, and does not reach the rendered agent.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from subwright.diagnostic import Diagnostic, DiagnosticError, Source, Span
from subwright.errors import did_you_mean
from subwright.languages import PYTHON, SHELL
from subwright.markdown import Fence
from subwright.spec import Spec

if TYPE_CHECKING:
    from subwright.template import Rendered

Role = Literal["file", "statements", "commands", "output", "text"]

_COMMENT = re.compile(r"<\#[+-]?\s+prove:(?P<words>.*?)\s[+-]?\#>", re.DOTALL)
_STATEMENT = re.compile(r"\s*<%.*%>\s*")
_KEYS = ("raises", "statements", "skip", "seconds", "before")
_OUTPUT = "output"  # the one mark without a value
# a number such as 3.12 is no file's name: an extension starts with a letter
_PATH = re.compile(r"[\w@-][\w./@-]*\.[A-Za-z]\w*|[\w@.-]+(?:/[\w@.-]+)*/[A-Za-z_.][\w@.-]*")


class BlockError(DiagnosticError):
    """A block whose marks cannot be understood."""


@dataclass(frozen=True)
class Block:
    """One fenced code block.

    `line` is that of its first line of code in the agent. `raises` names the error of a bad example, `statements` is
    how many SQL statements it costs, `skip` the reason why it is only parsed, `seconds` its time limit.
    """

    number: int
    language: str
    role: Role
    code: str
    line: int
    span: Span
    path: str | None = None
    raises: str | None = None
    statements: int | None = None
    skip: str | None = None
    seconds: float | None = None
    before: str | None = None

    @property
    def python(self) -> bool:
        """Whether it is Python code."""
        return self.language in PYTHON

    @property
    def title(self) -> str:
        """What reports call it."""
        if self.path:
            return self.path
        return f"raises {self.raises}" if self.raises else self.role


def blocks(spec: Spec, rendered: Rendered | None = None, by_template: bool = False) -> list[Block]:
    """The blocks of an agent, in order.

    Args:
        spec: the agent.
        rendered: how it was rendered, if it was: its template's comments say more about the blocks.
        by_template: whether a mark that means nothing is reported at the template's line.

    Raises:
        BlockError: a mark that means nothing.
    """
    found: list[Block] = []
    problems: list[Diagnostic] = []
    for number, fence in enumerate(spec.fences, 1):
        try:
            found.append(_block(number, fence, spec.source, rendered, by_template))
        except BlockError as error:
            problems.extend(error.diagnostics)
    if problems:
        raise BlockError(problems)
    return found


def _block(
    number: int, fence: Fence, source: Source, rendered: Rendered | None, by_template: bool
) -> Block:
    language, _, rest = fence.info.partition(" ")
    language = language.lower().strip("{}.")
    words = rest.split()
    path = next((word for word in words if _is_path(word)), None)
    # other tools put words of their own into an info string: only ours are read
    place = source, fence.span
    if rendered is not None and by_template:
        origin, line = rendered.origins[fence.line - 2]
        place = origin, origin.line_span(line)
    marks = dict(_marks(*place, [w for w in words if w.startswith("raises=")]))
    if rendered is not None:
        place, more = _comment(rendered, fence)
        marks.update(_marks(*place, more))
        words += more
    statements, seconds = marks.get("statements"), marks.get("seconds")
    return Block(
        number=number,
        language=language,
        role=_role(language, path, words),
        code=fence.code,
        line=fence.line,
        span=fence.span,
        path=path,
        raises=marks.get("raises"),
        statements=int(statements) if statements is not None else None,
        skip=marks.get("skip"),
        seconds=float(seconds) if seconds else None,
        before=marks.get("before"),
    )


def _role(language: str, path: str | None, words: list[str]) -> Role:
    if path:
        return "file"
    if _OUTPUT in words:
        return "output"
    if language in PYTHON:
        return "statements"
    return "commands" if language in SHELL else "text"


def _is_path(word: str) -> bool:
    return _PATH.fullmatch(word) is not None


def _marks(source: Source, span: Span, words: list[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        key, equals, value = word.partition("=")
        if word == _OUTPUT:
            continue
        if not equals:
            raise _error(source, span, f"`{word}` is no mark of a code block", "write `name=value`")
        if key not in _KEYS:
            advice = did_you_mean(key, _KEYS) or "marks are " + ", ".join(_KEYS)
            raise _error(source, span, f"unknown mark `{key}` of a code block", advice)
        problem = _problem(key, value)
        if problem:
            raise _error(source, span, f"`{word}` {problem}")
        yield key, value


def _problem(key: str, value: str) -> str | None:
    """What is wrong with the value of a mark."""
    if not value.strip():
        return "has no value"
    if key == "raises" and not value.isidentifier():
        return "is not the name of an error class"
    if key == "statements" and not re.fullmatch(r"[0-9]{1,9}", value):
        return "is no number"
    if key == "seconds" and not re.fullmatch(r"0*[1-9][0-9]{0,5}(\.[0-9]{1,9})?", value):
        return "is no number of seconds from 1 on"
    return None


def _comment(rendered: Rendered, fence: Fence) -> tuple[tuple[Source, Span], list[str]]:
    """The marks in the template comment that ends just before a fence, and where they stand.

    They may depend on the variables, as in `<# prove: <% if DETAIL == "core" %>skip="why"<% endif %> #>`.
    """
    source, line = rendered.origins[fence.line - 2]
    above = line - 1
    while above > 0 and _STATEMENT.fullmatch(source.line(above)):
        above -= 1
    end = source.line_span(above).end if above > 0 else 0
    start = max(source.text.rfind("<#", 0, end), 0)
    match = _COMMENT.fullmatch(source.text[start:end].strip())
    if match is None:
        return (source, source.line_span(line)), []
    place = source, Span(start, end)
    try:
        return place, shlex.split(rendered.evaluate(match["words"]))
    except ValueError:
        raise _error(*place, "a quotation in the marks of a code block is not closed") from None


def _error(source: Source, span: Span, message: str, help: str | None = None) -> BlockError:
    return BlockError([Diagnostic(source, span, message, help)])
