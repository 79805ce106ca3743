"""The template language: what is a placeholder, a statement or a comment, and what is text that looks like one.

Jinja renders it. Before Jinja sees a source, the first character of every look-alike is swapped for a control
character, and swapped back in what comes out. Marks, made of control characters too, travel with the text through
rendering and tell the template's line of every rendered one. Neither a template nor a value can hold a control
character, so nothing else is ever changed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from subwright.diagnostic import Diagnostic, Source, Span
from subwright.errors import did_you_mean
from subwright.patterns import lazy

if TYPE_CHECKING:
    from jinja2 import Environment

SHIELD = "\x01"
MARK = lazy("\x02(\\d+):(\\d+)\x03")
START = "\x04"  # stands before the first character of a padded text
FORBIDDEN = lazy(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)

KEYWORDS = (
    *("if", "elif", "else", "endif", "for", "endfor", "set", "endset", "include", "import", "from"),
    *(
        "macro",
        "endmacro",
        "call",
        "endcall",
        "filter",
        "endfilter",
        "raw",
        "endraw",
        "with",
        "endwith",
    ),
    *("block", "endblock", "extends", "do", "break", "continue"),
)
_NAME = r"[^\W\d]\w*"
_ARGUMENTS = r"\([^()\n]*\)"
_EXPRESSION = (
    rf"{_NAME}(?:\.{_NAME}|{_ARGUMENTS}|\[[^\[\]\n]*\])*(?:[ ]?\|[ ]?{_NAME}(?:{_ARGUMENTS})?)*"
)
_CONSTRUCT = lazy(
    rf"""(?P<raw>(?P<begin><%[+-]?\s+raw\s+[+-]?%>)(?P<text>.*?)(?:(?P<end><%[+-]?\s+endraw\s+[+-]?%>)|\Z))
    |(?P<comment><\#[+-]?(?=\s)(?:(?!<\#[+-]?\s).)*?\s[+-]?\#>)
    |(?P<statement><%[+-]?\s+(?:{"|".join(KEYWORDS)})\b(?:(?!<%).)*?\s[+-]?%>)
    |(?P<placeholder>(?<![\w<])<<{_EXPRESSION}>>(?![\w>]))""",
    re.DOTALL | re.VERBOSE,
)
_OPENER = lazy(r"<(?=[<%#]|\Z)")  # at the end of a text a construct may follow
_BLANK = " \t" + START
_LINES = lazy(r"[^\n]*\n|[^\n]+")  # `splitlines` would split at form feeds and separators too
_NEAR_PLACEHOLDER = lazy(rf"<<[ \t]*(?P<name>{_NAME})(?:[^<>\n]*>>|>(?!>))")
_NEAR_STATEMENT = lazy(rf"<%[+-]?(?P<blank>[ \t]*)(?P<word>{_NAME})\b(?P<rest>[^\n]*?)%>")
_UNCLOSED = lazy(rf"<%[+-]?\s+(?:{'|'.join(KEYWORDS)})\b[^\n]*|<\#[+-]?\s[^\n]*")


class Construct(NamedTuple):
    """A part of a source that is not text: `kind` is raw, comment, statement or placeholder."""

    kind: str
    span: Span


def constructs(text: str) -> Iterator[Construct]:
    """All constructs of a source, in order; the two ends of a raw part are one each, what is between them is text."""
    for match in _CONSTRUCT.finditer(text):
        if match["raw"] is None:
            yield Construct(str(match.lastgroup), Span(*match.span()))
        else:
            yield Construct("raw", Span(*match.span("begin")))
            if match["end"]:
                yield Construct("endraw", Span(*match.span("end")))


def has_constructs(text: str) -> bool:
    """Whether a source is anything but text."""
    return _CONSTRUCT.search(text) is not None


def prepare(text: str) -> str:
    """The source as Jinja gets it, with the same lines.

    Every look-alike is shielded. A statement or comment that shares its line with text keeps the blanks before and
    the line end after it: Jinja's `trim_blocks` alone would join the line with the next one.
    """
    parts = []
    end = 0
    for group, alone in _lines(text):
        for construct in group:
            start = construct.span.start
            parts.append(_OPENER.sub(SHIELD, text[end:start]))
            end = construct.span.end
            part = text[start:end]
            if construct.kind in ("raw", "endraw"):
                part = part.replace("%", "#")  # what it guards is shielded, so it is a mere comment
            if construct.kind != "placeholder" and not alone:
                part = part if part[2] in "+-" else f"{part[:2]}+{part[2:]}"
                part = part if part[-3] in "+-" else f"{part[:-2]}+{part[-2:]}"
            parts.append(part)
        if alone:
            # blanks between a lone statement and its line end are no text either
            while text[end : end + 1] in (" ", "\t"):
                end += 1
    parts.append(_OPENER.sub(SHIELD, text[end:]))
    return "".join(parts)


def _lines(text: str) -> Iterator[tuple[list[Construct], bool]]:
    """The constructs by the lines that they share, and whether there is nothing else than statements on these."""
    group: list[Construct] = []
    line_end = -1
    for construct in constructs(text):
        if group and construct.span.start >= line_end:
            yield group, _is_alone(text, group, line_end)
            group = []
        group.append(construct)
        line_end = text.find("\n", construct.span.end)
        line_end = len(text) if line_end < 0 else line_end
    if group:
        yield group, _is_alone(text, group, line_end)


def _is_alone(text: str, group: Sequence[Construct], line_end: int) -> bool:
    start = text.rfind("\n", 0, group[0].span.start) + 1
    for construct in group:
        if construct.kind == "placeholder" or text[start : construct.span.start].strip(_BLANK):
            return False
        start = construct.span.end
    return not text[start:line_end].strip(_BLANK)


def unshield(text: str) -> str:
    """The text with shielded characters as they were."""
    return text.replace(SHIELD, "<")


def near_misses(source: Source, span: Span, names: Collection[str]) -> Iterator[Diagnostic]:
    """Text that passes through though its author surely meant a placeholder or a statement.

    Args:
        source: the template.
        span: the part of it to look at.
        names: what is defined; a look-alike of anything else is text and no finding.
    """
    text = source.text[slice(*span)]
    plain = list(text)
    for match in _CONSTRUCT.finditer(text):
        plain[slice(*match.span())] = " " * len(match[0])
        if match["raw"] and not match["end"]:
            where = Span(span.start + match.start(), span.start + match.end("begin"))
            yield Diagnostic(source, where, "`raw` is never closed", "close it with `<% endraw %>`")
    rest = "".join(plain)
    for match in _NEAR_PLACEHOLDER.finditer(rest):
        if match["name"] in names:
            advice = _advice(
                match[0], rest[match.start() - 1 : match.start()] + rest[match.end() :][:1]
            )
            yield _near(source, span, match, "a placeholder", advice)
    for match in _NEAR_STATEMENT.finditer(rest):
        # other languages have such tags too: only what speaks of this template's names is meant as ours
        inner = match["rest"].strip(" \t-+")
        if inner and not any(name in names for name in re.findall(_NAME, inner)):
            continue
        word = match["word"]
        if word in KEYWORDS and not (match["blank"] and match["rest"].endswith((" ", "\t"))):
            advice = f"write it with blanks inside: `<% {word} … %>`"
            yield _near(source, span, match, "a statement", advice)
        elif match["blank"] and word != "end" and word not in KEYWORDS:
            meant = did_you_mean(word, KEYWORDS, cutoff=0.75)
            if meant:
                yield _near(source, span, match, "a statement", meant)
    for match in _UNCLOSED.finditer(rest):
        if "%>" not in match[0]:
            kind, end = ("a comment", "#>") if match[0][1] == "#" else ("a statement", "%>")
            yield _near(
                source, span, match, kind, f"it is never closed: end it with a blank and `{end}`"
            )


def _near(source: Source, span: Span, match: re.Match[str], kind: str, advice: str) -> Diagnostic:
    where = Span(span.start + match.start(), span.start + match.end())
    return Diagnostic(source, where, f"`{match[0]}` is text, not {kind}", advice)


def _advice(text: str, around: str) -> str:
    inner = text.strip("<>")
    if not text.endswith(">>"):
        return f"a placeholder closes with two: `<<{inner.strip()}>>`"
    if inner != inner.strip():
        return f"write it without blanks inside: `<<{inner.strip()}>>`"
    if re.search(r"\w", around):
        return (
            "a placeholder does not touch a word character: set it apart, or wrap it in `<% raw %>`"
        )
    return "a placeholder is a name with filters: compute it before, in `<% set name = … %>`"


def environment(sources: dict[str, Source], load: Any) -> Environment:
    """The Jinja environment of one template.

    Args:
        sources: filled with every source that was loaded, by the name it has in Jinja; the order gives the marks
            their numbers.
        load: the function that finds an included template, as `jinja2.FunctionLoader` takes it.
    """
    from jinja2 import FunctionLoader, StrictUndefined
    from jinja2.ext import Extension
    from jinja2.lexer import Token, TokenStream
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Marks(Extension):
        """Shields look-alikes and puts a mark where a line starts."""

        def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
            return prepare(source)

        def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
            number = list(sources).index(stream.name) if stream.name in sources else 0
            captured = (
                0  # in `set`, `filter`, `macro` and `call` the text is a value: it stays as it is
            )
            fresh = True  # at the start of a line that has no mark yet
            statement: list[Token] = []
            for token in stream:
                if statement or token.type == "block_begin":
                    statement.append(token)
                    if token.type == "block_end":
                        captured += _capture(statement)
                        statement = []
                    yield token
                elif token.type == "variable_begin" and fresh and not captured:
                    fresh = False
                    yield Token(token.lineno, "data", f"\x02{number}:{token.lineno}\x03")
                    yield token
                elif token.type == "data" and not captured:
                    marked = []
                    for offset, line in enumerate(_LINES.findall(token.value)):
                        content = line.lstrip(" \t")
                        if (offset or fresh) and content:
                            blank = line[: len(line) - len(content)]
                            line = f"{blank}\x02{number}:{token.lineno + offset}\x03{content}"
                        marked.append(line)
                    fresh = token.value.endswith("\n")
                    yield Token(token.lineno, "data", "".join(marked))
                else:
                    yield token

    def finalize(value: Any) -> Any:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return value
        is_record = hasattr(value, "_fields")
        if value is None or (isinstance(value, bool | tuple | list | dict) and not is_record):
            raise TypeError(f"a {type(value).__name__} is not text")
        if hasattr(value, "__html__") or type(value).__module__.startswith("jinja2"):
            return value
        raise TypeError("a record is not text: name one of its fields")

    env = ImmutableSandboxedEnvironment(
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        finalize=finalize,
        extensions=[Marks],
        loader=FunctionLoader(load),
        # to fold constants takes longer than to compute them in the few variants that there are
        optimized=False,
        cache_size=64,
    )
    # what would make two runs differ, or is of no use in text
    for name in ("lipsum", "cycler", "joiner"):
        del env.globals[name]
    del env.filters["random"]
    return env


def _capture(statement: list[Any]) -> int:
    """How a statement changes the depth of captured text: 1, 0 or -1."""
    keyword = next((t.value for t in statement if t.type == "name"), "")
    if keyword in ("endset", "endfilter", "endmacro", "endcall"):
        return -1
    if keyword in ("filter", "macro", "call"):
        return 1
    if keyword == "set" and not any(t.type == "assign" for t in statement):
        return 1
    return 0


def unmark(text: str) -> tuple[str, list[tuple[int, int] | None]]:
    """Take the marks out of a rendered text.

    Returns:
        the text, and for each of its lines the number of the source and the line in it.

    Raises:
        ValueError: a filter has cut a mark in two.
    """
    if START in text:
        text = text[text.index(START) + 1 :]
    lines = []
    origins: list[tuple[int, int] | None] = []
    last: tuple[int, int] | None = None
    for line in text.split("\n"):
        found = MARK.search(line)
        if found:
            last = (int(found[1]), int(found[2]))
            line = MARK.sub("", line)
        lines.append(unshield(line))
        origins.append(last)
    result = "\n".join(lines)
    if FORBIDDEN.search(result):
        raise ValueError("a filter takes the text of an included file apart")
    return result, origins
