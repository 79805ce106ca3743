"""An agent file as Claude Code reads it: frontmatter fields and Markdown blocks, each with its span."""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from subwright import markdown
from subwright.diagnostic import Diagnostic, DiagnosticError, Source, Span
from subwright.markdown import Fence, Heading
from subwright.patterns import lazy

if TYPE_CHECKING:
    import yaml

_OPENING = lazy(r"\ufeff?---[ \t]*\r?\n")
_LINK = lazy(r"\][(:]")


class SpecError(DiagnosticError):
    """A text whose frontmatter cannot be read."""


class Field(NamedTuple):
    """One entry of the frontmatter; `data` is its value as plain Python.

    `node` is the value as it was read: of PyYAML here, of `bun_yaml` in what the client reads.
    """

    name: str
    key: Span
    value: Span
    data: Any
    node: Any


class Spec:
    """A parsed agent file.

    `frontmatter` is the span between the two `---`; `body` starts after the line that closes it. `data` is the
    frontmatter as a mapping; of a key given twice the last value counts, as in the client.
    """

    def __init__(
        self, source: Source, frontmatter: Span, fields: tuple[Field, ...], body: Span
    ) -> None:
        self.source = source
        self.frontmatter = frontmatter
        self.fields = fields
        self.body = body
        self.data = {field.name: field.data for field in fields}
        self._by_name = {field.name: field for field in fields}

    def field(self, name: str) -> Field | None:
        """The field of that name that counts."""
        return self._by_name.get(name)

    @cached_property
    def blocks(self) -> tuple[Heading | Fence, ...]:
        """The headings and fenced code blocks of the body, in order."""
        return tuple(markdown.blocks(self.source, self.body))

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """The headings of the body."""
        return tuple([block for block in self.blocks if isinstance(block, Heading)])

    @cached_property
    def fences(self) -> tuple[Fence, ...]:
        """The fenced code blocks of the body."""
        return tuple([block for block in self.blocks if isinstance(block, Fence)])

    @cached_property
    def prose(self) -> str:
        """The whole text with blanks for all that is no prose of the body, at the same places."""
        return markdown.prose(self.source.text, self.body, self.fences)

    @cached_property
    def links(self) -> tuple[tuple[str, Span], ...]:
        """The targets of the body's links within the project, each with its place."""
        if not markdown.stands_in_text(_LINK, self.source.text, self.body, self.fences):
            return ()
        return tuple(markdown.links(self.prose))


def parse(source: Source) -> Spec:
    """Read an agent file.

    The block opens with `---` as the very first bytes and closes at the first later `---`, wherever that stands
    (observed on Claude Code 2.1.330).

    Raises:
        SpecError: no frontmatter, an unclosed one, or one that is no YAML mapping.
    """
    opening = _OPENING.match(source.text)
    if opening is None:
        raise _error(
            source,
            Span(0, 0),
            "no frontmatter",
            "start the file with `---`, the fields, and `---` on lines of their own",
        )
    closing = source.text.find("---", opening.end())
    if closing < 0:
        raise _error(
            source, Span(0, 3), "the frontmatter is not closed", "add a line `---` after the fields"
        )
    frontmatter = Span(opening.end(), closing)
    end_of_line = source.text.find("\n", closing)
    body = Span(len(source.text) if end_of_line < 0 else end_of_line + 1, len(source.text))
    return Spec(source, frontmatter, _fields(source, frontmatter), body)


def compose(source: Source, span: Span | None = None) -> yaml.Node | None:
    """The YAML nodes of a text or a part of it, read by the core schema of YAML 1.2.

    Raises:
        SpecError: the text is not YAML, at the line and column where it stops being so.
    """
    import yaml

    start, end = span or Span(0, len(source.text))
    try:
        node: yaml.Node | None = yaml.compose(source.text[start:end], Loader=loader())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = start + (mark.index if mark else 0)
        problem = error.problem or error.context or "it ends too early"
        advice = "quote a value that holds `: `" if problem.startswith("mapping values") else None
        raise _error(source, Span(at, at), f"not YAML: {problem}", advice) from None
    except yaml.reader.ReaderError as error:
        at = start + source.text[start:end].find(chr(error.character))
        message = f"not YAML: the character U+{error.character:04X} is not allowed"
        raise _error(source, Span(at, at + 1), message) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _error(source, Span(start, start), f"not YAML: {error}") from None
    return node


def construct(node: yaml.Node) -> Any:
    """The plain Python value of a YAML node.

    Raises:
        yaml.YAMLError: a tag or a key that has no plain value.
    """
    constructor = loader()("")
    try:
        return constructor.construct_document(node)
    finally:
        constructor.dispose()


@cache
def loader() -> type[yaml.SafeLoader]:
    """A YAML loader that resolves plain scalars by the core schema of YAML 1.2, as the client does.

    `yes`, `on` and dates are strings there; PyYAML alone reads YAML 1.1.
    """
    import yaml

    # libyaml's parser is some twenty times faster; a wheel without it still works
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]  # the base is known only at run time
        yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
        text = str(loader.construct_scalar(node))
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))

    for tag, pattern, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", "~nN"),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
        (
            "float",
            r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
            "-+.0123456789",
        ),
    ):
        regexp = re.compile(rf"^(?:{pattern})$")
        characters: list[str | None] = [*first]
        if tag == "null":
            characters.append("")
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", regexp, characters)
    Loader.add_constructor("tag:yaml.org,2002:int", integer)
    return Loader


def _fields(source: Source, frontmatter: Span) -> tuple[Field, ...]:
    import yaml

    node = compose(source, frontmatter)
    if not isinstance(node, yaml.MappingNode):
        raise _error(
            source,
            Span(frontmatter.start, frontmatter.start),
            "the frontmatter is not a mapping",
            "write fields as `name: value`",
        )
    fields = []
    for key, value in node.value:
        where = node_span(key, frontmatter.start)
        try:
            fields.append(
                Field(
                    str(construct(key)),
                    where,
                    node_span(value, frontmatter.start),
                    construct(value),
                    value,
                )
            )
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            problem = getattr(error, "problem", None) or error
            raise _error(source, where, f"not a plain value: {problem}") from None
    return tuple(fields)


def node_span(node: yaml.Node, offset: int = 0) -> Span:
    """The span of a YAML node in the text that was composed from `offset` on."""
    return Span(offset + node.start_mark.index, offset + node.end_mark.index)


def _error(source: Source, span: Span, message: str, help: str | None = None) -> SpecError:
    return SpecError([Diagnostic(source, span, message, help)])
