"""A template: its variables, its contract, its variants, and how one of them is rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

from subwright import claude_code
from subwright.contract import Contract, Requirement
from subwright.database import Database, Stack, VersionError
from subwright.diagnostic import Diagnostic, DiagnosticError, Source, Span
from subwright.errors import SubwrightError, did_you_mean
from subwright.patterns import lazy
from subwright.spec import Spec, construct, node_span, parse
from subwright.template.frontmatter import serialise
from subwright.template.syntax import (
    START,
    has_constructs,
    unmark,
)
from subwright.template.variables import Value, Variable, VariableError, shorten

if TYPE_CHECKING:
    import yaml
    from jinja2 import Environment

    from subwright.cache import Store

ORIGIN = lazy(r"\A---\r?\n# rendered by subwright from ")
# of a template, and of an agent; `---` would end the frontmatter that names the template
FILE_NAME = lazy(r"(?!.*---)[A-Za-z0-9][\w.-]{0,99}", re.ASCII)


class TemplateError(DiagnosticError):
    """A template that is wrong, at lines of its own."""


class Piece(NamedTuple):
    """A text that Jinja compiles: the whole `source`, or a part of it with newlines before it so that lines agree."""

    source: Source
    text: str
    condition: bool = False  # when a variable applies: no branch of the text


class Variant(NamedTuple):
    """A template with a value for each variable; `stack` is the database that it is for, if it is for one."""

    values: Mapping[str, Value]
    stack: Stack | None

    @property
    def context(self) -> dict[str, Any]:
        """The names that the template's expressions see."""
        return {**self.values, "database": self.stack} if self.stack else dict(self.values)

    @property
    def name(self) -> str:
        """Database and series, as in `postgresql-17`; empty for a template without a database."""
        return f"{self.stack.name}-{self.stack.version}" if self.stack else ""


@dataclass(frozen=True, eq=False, repr=False)
class Rendered:
    """A rendered agent.

    `origins` gives for each of its lines the source and line that it comes from; `prove` is what the proof of its code
    needs, as the template declares it.
    """

    template: Template
    variant: Variant
    name: str
    text: str
    origins: tuple[tuple[Source, int], ...]
    prove: Mapping[str, Any]

    @cached_property
    def spec(self) -> Spec:
        """The agent as the client reads it."""
        return parse(Source(self.file_name, self.text))

    @property
    def file_name(self) -> str:
        """The name of the agent with `.md`; the template's own name where the agent's is no file name."""
        return f"{self.name if FILE_NAME.fullmatch(self.name) else self.template.name}.md"

    def evaluate(self, text: str) -> str:
        """A text of the template's language with the values of this variant.

        Raises:
            TemplateError: an expression in it fails.
        """
        return self.template.evaluate(text, self.variant)

    def origin(self, diagnostic: Diagnostic) -> Diagnostic:
        """A finding about this text as one about the template's line."""
        if diagnostic.source is not self.spec.source:
            return diagnostic
        source, line = self.origins[min(diagnostic.position.line, len(self.origins)) - 1]
        where = source.line_span(line)
        words = diagnostic.source.text[slice(*diagnostic.span)]
        found = source.text.find(words, *where) if words.strip() else -1
        span = Span(found, found + len(words)) if found >= 0 else where
        # an edit of the rendered text says nothing of the template
        return diagnostic._replace(source=source, span=span, fix=None, related=())


@dataclass(frozen=True, eq=False, repr=False)
class Template:
    """A template that is right: see `load`.

    `codes` keeps what its pieces are compiled to, and `store` where other runs find that.
    """

    name: str
    path: Path
    spec: Spec
    summary: str
    variables: Mapping[str, Variable]
    databases: Mapping[str, Database]
    contract: yaml.Node | None
    prove: yaml.Node | None
    crlf: bool
    env: Environment
    sources: dict[str, Source]
    codes: dict[tuple[str, str], CodeType]
    store: Store | None

    @property
    def source(self) -> Source:
        """The text of the template, with LF line ends."""
        return self.spec.source

    @property
    def database(self) -> Variable | None:
        """The variable that chooses the database."""
        return next((v for v in self.variables.values() if v.type == "database"), None)

    def variable_of(self, kind: str) -> Variable | None:
        """The first variable of a type."""
        return next((v for v in self.variables.values() if v.type == kind), None)

    def resolve(self, given: Mapping[str, Value]) -> Variant:
        """A value for every variable: what is given, checked, and defaults for the rest.

        Raises:
            VariableError: a variable that the template lacks, or a value that one does not take.
        """
        for name in given:
            if name not in self.variables:
                raise VariableError(
                    name,
                    f"`{self.name}` has no variable `{name}`",
                    help=did_you_mean(name, self.variables)
                    or "it has " + ", ".join(sorted(self.variables)),
                )
        values: dict[str, Value] = {}
        stack: Stack | None = None
        first = {"database": 0, "version": 1, "driver": 2}  # each needs the one before
        for variable in sorted(self.variables.values(), key=lambda v: first.get(v.type, 3)):
            value = given.get(variable.name)
            if variable.type in ("version", "driver"):
                stack, values[variable.name] = self._within(variable, value, values, stack)
                continue
            if value is None:
                value = variable.default
            if value is None:
                listing = "choose from " + ", ".join(variable.choices) if variable.choices else None
                raise VariableError(variable.name, f"`{variable.option}` is missing", help=listing)
            values[variable.name] = variable.parse(value, self.databases)
            if variable.type == "database":
                database = self.databases[str(values[variable.name])]
                stack = database.at(database.default_series.version, None, self.databases.values())
        for variable in self.variables.values():
            self._applies(variable, given, values)
        return Variant({name: values[name] for name in self.variables}, stack)

    @property
    def features(self) -> frozenset[str]:
        """The feature ids that any fact file knows."""
        return frozenset(name for database in self.databases.values() for name in database.features)

    def _within(
        self,
        variable: Variable,
        value: Value | None,
        values: Mapping[str, Value],
        stack: Stack | None,
    ) -> tuple[Stack, str]:
        """A version or a driver, whose choices depend on the database."""
        chosen = self.database
        # `load` refuses a template without one, and `resolve` asks for it first
        assert chosen is not None
        assert stack is not None
        database = self.databases[str(values[chosen.name])]
        if variable.type == "version":
            series = database.default_series
            if value is not None:
                # such a number no version has, and it may be more than Python reads
                if any(len(number) > 9 for number in re.findall(r"\d+", str(value))):
                    problem = f"`{shorten(str(value))}` is no version"
                    raise VariableError(variable.name, problem, help="write it as in 17.4")
                try:
                    series = database.find_series(str(value), self.databases.values())
                except VersionError as error:
                    raise VariableError(variable.name, error.message, help=error.help) from None
            return database.at(series.version, None, self.databases.values()), series.version
        names = tuple(driver.name for driver in database.drivers)
        name = variable.choose(str(value), names) if value is not None else names[0]
        return database.at(stack.version, name, self.databases.values()), name

    def _applies(
        self, variable: Variable, given: Mapping[str, Value], values: Mapping[str, Value]
    ) -> None:
        if variable.when is None or variable.name not in given:
            return
        if values[variable.name] == variable.default:
            return
        try:
            applies = self.env.compile_expression(variable.when)(**values)
        except Exception as error:  # whatever an expression of a user does
            raise VariableError(
                variable.name,
                f"`when: {variable.when}` cannot be told: {error}",
                help="it is a Jinja expression about the values of the template's variables",
            ) from None
        if not applies:
            raise VariableError(
                variable.name,
                f"`{variable.option} {values[variable.name]}` does not fit the other values",
                help=f"it is for {variable.when}",
            )

    def variants(self, given: Mapping[str, Value]) -> Iterator[Variant]:
        """Every database and series, with the given values fixed and all other variables at their defaults."""
        chosen, version = self.database, self.variable_of("version")
        if chosen is None:
            yield self.resolve(given)
            return
        if chosen.name in given:
            names: tuple[str, ...] = (str(chosen.parse(given[chosen.name], self.databases)),)
        else:
            names = chosen.choices
        for name in names:
            base = {**given, chosen.name: name}
            if version is None or version.name in given:
                yield self.resolve(base)
                continue
            for series in self.databases[name].series:
                yield self.resolve({**base, version.name: series.version})

    def render(self, variant: Variant) -> Rendered:
        """The agent for one variant.

        Raises:
            TemplateError: an expression that fails, or a field that the client would not read as it was meant.
            ContractError: the agent breaks the template's contract.
        """
        compiled = len(self.codes)
        context = variant.context
        fields: dict[str, Any] = {}
        lines: list[tuple[Source, int]] = [(self.source, 1)]
        lines.append((self.source, 1))
        for field in self.spec.fields:
            if field.name == "template":
                continue
            value = self._value(field.node, context)
            if value is not _EMPTY:
                fields[field.name] = value
                text = serialise({field.name: value})
                line = self.source.position(field.key.start).line
                lines.extend((self.source, line) for _ in range(text.count("\n")))
        self._loadable(fields)
        about = f" for {variant.stack.title} {variant.stack.version}" if variant.stack else ""
        head = f"---\n# rendered by subwright from {self.name}{about}: edit the template instead\n"
        head += serialise(fields) + "---\n"
        lines.append((self.source, self.source.position(self.spec.frontmatter.end).line))
        body, origins = self._run(self._body, context)
        known = list(self.sources.values())
        last = (self.source, self.source.position(self.spec.body.start).line)
        for origin in origins:
            last = (known[origin[0]], origin[1]) if origin else last
            lines.append(last)
        text = head + body
        if self.crlf:
            text = text.replace("\n", "\r\n")
        prove = self._value(self.prove, context) if self.prove is not None else {}
        prove = {} if prove is _EMPTY else prove
        rendered = Rendered(self, variant, fields["name"], text, tuple(lines), prove)
        if rendered.spec.data != fields:
            # no template and no value is known to bring this about: it guards the promise itself
            raise TemplateError([self._at("name", "the rendered frontmatter does not read back")])
        self._contract(rendered, context)
        if self.store is not None and len(self.codes) > compiled:
            self.store.save(self.codes)
        return rendered

    def evaluate(self, text: str, variant: Variant) -> str:
        """A text in the template's language, such as a comment of it, for one variant.

        Raises:
            TemplateError: an expression in it fails.
        """
        if not has_constructs(text):
            return text
        try:
            return unmark(self.env.from_string(text).render(variant.context))[0]
        except Exception as error:  # whatever an expression raises is the template's error
            problem = f"`{shorten(text.strip())}`: {error}"
            raise TemplateError([Diagnostic(self.source, Span(0, 3), problem)]) from None

    @property
    def _body(self) -> Piece:
        return piece(self.source, self.spec.body)

    def _contract(self, rendered: Rendered, context: Mapping[str, Any]) -> None:
        from subwright.contract import ContractError

        if self.contract is None:
            return
        values: dict[str, list[Requirement]] = {}
        for key, node in self.contract.value:
            nodes = node.value if isinstance(node.value, list) else [node]
            values[construct(key)] = [
                Requirement(value, self.source, self._span(item))
                for item in nodes
                if (value := self._value(item, context)) is not _EMPTY
            ]
        found = list(Contract.of(values).check(rendered.spec))
        if found:
            values_ = rendered.variant.values.items()
            with_values = "rendered with " + ", ".join(
                f"{name}={shorten(str(value).lower() if value in (True, False) else str(value), 20)}"
                for name, value in values_
            )
            raise ContractError(
                rendered.origin(diagnostic)._replace(
                    help=diagnostic.help or (with_values if rendered.variant.values else None),
                )
                for diagnostic in found
            )

    def _span(self, node: yaml.Node) -> Span:
        return node_span(node, self.spec.frontmatter.start)

    def _value(self, node: yaml.Node, context: Mapping[str, Any]) -> Any:
        """The value of a frontmatter node with every string in it rendered; what renders empty is left out."""
        import yaml

        if isinstance(node, yaml.SequenceNode):
            items = [self._value(item, context) for item in node.value]
            return [item for item in items if item is not _EMPTY]
        if isinstance(node, yaml.MappingNode):
            pairs = {construct(key): self._value(value, context) for key, value in node.value}
            return {key: value for key, value in pairs.items() if value is not _EMPTY}
        value = construct(node)
        if not isinstance(node, yaml.ScalarNode) or not isinstance(value, str):
            return value
        if not has_constructs(value):
            return value
        text, _ = self._run(string_piece(self.source, node, self._span(node)), context)
        return text if text else _EMPTY

    def _run(
        self, piece: Piece, context: Mapping[str, Any]
    ) -> tuple[str, list[tuple[int, int] | None]]:
        """The rendered text of a piece, and for each line of it the number of a source and the line there."""
        from jinja2 import TemplateSyntaxError

        try:
            return unmark(self._compiled(piece).render(context))
        except TemplateSyntaxError as error:  # no check has seen it
            from subwright.template.checks import syntax_error

            raise TemplateError([syntax_error(self.env, piece, error)]) from None
        except Exception as error:  # whatever an expression raises is the template's error
            raise TemplateError([self._failure(piece, error)]) from None

    def _compiled(self, piece: Piece) -> Any:
        key = piece.source.path, piece.text
        code = self.codes.get(key)
        if code is None:
            path = piece.source.path
            code = self.codes[key] = self.env.compile(piece.text, name=path, filename=path)
        return self.env.template_class.from_code(self.env, code, self.env.make_globals(None))

    def _failure(self, piece: Piece, error: Exception) -> Diagnostic:
        source, line = piece.source, 1
        trace = error.__traceback__
        names = {source.path: source for source in self.sources.values()}
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if file in names:
                source, line = names[file], trace.tb_lineno
            trace = trace.tb_next
        if isinstance(error, SubwrightError):
            return Diagnostic(source, source.line_span(line), error.message, error.help)
        message = str(error).replace("'", "`") or type(error).__name__
        if isinstance(error, RecursionError):
            message = "a file includes itself"
        return Diagnostic(source, source.line_span(line), message)

    def _loadable(self, fields: Mapping[str, Any]) -> None:
        """Refuse what the client would not load or would read otherwise (observed on its version 2.1.330)."""
        problems = []
        name, description = fields.get("name"), fields.get("description")
        if not isinstance(name, str):
            problems.append(self._at("name", "the agent has no `name`"))
        elif problem := claude_code.name_problem(name):
            problems.append(
                self._at("name", f"Claude Code does not load an agent whose name {problem}")
            )
        if not isinstance(description, str) or not description:
            problems.append(self._at("description", "the agent has no `description`"))
        elif claude_code.description_read(description) != description:
            problems.append(
                self._at(
                    "description",
                    r"Claude Code turns a literal `\n` in a description into a line break",
                )
            )
        if problems:
            raise TemplateError(problems)

    def _at(self, field: str, message: str) -> Diagnostic:
        found = self.spec.field(field)
        return Diagnostic(self.source, found.value if found else Span(0, 3), message)


_EMPTY: Any = object()


def piece(source: Source, span: Span) -> Piece:
    lines = source.position(span.start).line - 1
    return Piece(source, "\n" * lines + START + source.text[slice(*span)])


def string_piece(source: Source, node: yaml.ScalarNode, span: Span) -> Piece:
    line = source.position(span.start).line
    block = node.style in ("|", ">")
    return Piece(source, "\n" * (line if block else line - 1) + START + node.value)
