"""A template: its variables, its contract, its variants, and how one of them is rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

from subwright import claude_code
from subwright.contract import Contract, Requirement
from subwright.database import Database, Stack, VersionError
from subwright.diagnostic import Diagnostic, DiagnosticError, Source, Span
from subwright.errors import SubwrightError, did_you_mean
from subwright.spec import Spec, SpecError, construct, node_span, parse
from subwright.template.checks import Piece, check, syntax_error
from subwright.template.frontmatter import serialise
from subwright.template.syntax import (
    FORBIDDEN,
    START,
    environment,
    has_constructs,
    unmark,
)
from subwright.template.variables import Value, Variable, VariableError, declared, shorten

if TYPE_CHECKING:
    import yaml
    from jinja2 import Environment

ORIGIN = re.compile(r"\A---\r?\n# rendered by subwright from ")
PROVE_KEYS = ("preamble", "cleanup", "environment", "files", "tests", "pooler")
_KEYS = ("summary", "variables", "contract", "prove")
_FILE_NAME = re.compile(r"(?!.*---)[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
_TEMPLATE_KEY = re.compile(rb"""^["']?template["']?[ \t]*:""", re.MULTILINE)
DEEPEST = 50  # levels of a frontmatter


class TemplateError(DiagnosticError):
    """A template that is wrong, at lines of its own."""


@dataclass(frozen=True)
class Variant:
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


@dataclass(frozen=True)
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
        return f"{self.name if _FILE_NAME.fullmatch(self.name) else self.template.name}.md"

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
        return Diagnostic(source, span, diagnostic.message, diagnostic.help, diagnostic.severity)


@dataclass(frozen=True, eq=False, repr=False)
class Template:
    """A template that has passed its checks: see `load`."""

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
    codes: Mapping[tuple[str, str], CodeType]

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
                stack = database.at(database.default_series.version, None, self.features)
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
                try:
                    series = database.find_series(str(value), self.databases.values())
                except VersionError as error:
                    raise VariableError(variable.name, error.message, help=error.help) from None
            return database.at(series.version, None, self.features), series.version
        names = tuple(driver.name for driver in database.drivers)
        name = variable.choose(str(value), names) if value is not None else names[0]
        return database.at(stack.version, name, self.features), name

    def _applies(
        self, variable: Variable, given: Mapping[str, Value], values: Mapping[str, Value]
    ) -> None:
        if variable.when is None or variable.name not in given:
            return
        if values[variable.name] == variable.default:
            return
        if not self.env.compile_expression(variable.when)(**values):
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
        return _piece(self.source, self.spec.body)

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
                replace(
                    rendered.origin(diagnostic),
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
        text, _ = self._run(_string_piece(self.source, node, self._span(node)), context)
        return text if text else _EMPTY

    def _run(
        self, piece: Piece, context: Mapping[str, Any]
    ) -> tuple[str, list[tuple[int, int] | None]]:
        """The rendered text of a piece, and for each line of it the number of a source and the line there."""
        from jinja2 import TemplateSyntaxError

        try:
            return unmark(self._compiled(piece).render(context))
        except TemplateSyntaxError as error:  # of an included file whose name was computed
            raise TemplateError([syntax_error(self.env, piece, error)]) from None
        except Exception as error:  # whatever an expression raises is the template's error
            raise TemplateError([self._failure(piece, error)]) from None

    def _compiled(self, piece: Piece) -> Any:
        code = self.codes[piece.source.path, piece.text]
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


@dataclass(frozen=True)
class Library:
    """The templates of a folder by name, and the errors of those that are wrong."""

    folder: Path
    templates: Mapping[str, Template]
    broken: Mapping[str, SubwrightError]


def load_all(folder: Path, databases: Mapping[str, Database], *, checked: bool = True) -> Library:
    """The templates of a folder.

    A Markdown file is one when its frontmatter has the key `template`; others are left alone.

    Args:
        folder: where they are.
        databases: the fact files by database name.
        checked: as for `load`.
    """
    templates: dict[str, Template] = {}
    broken: dict[str, SubwrightError] = {}
    for path in sorted(folder.glob("*.md")):
        try:
            if path.is_file() and _TEMPLATE_KEY.search(path.read_bytes()):
                templates[path.stem] = load(path, databases, checked=checked)
        except SubwrightError as error:
            broken[path.stem] = error
        except OSError as error:
            problem = f"cannot read `{_shown(path)}`: {error.strerror or error}"
            broken[path.stem] = SubwrightError(problem)
    return Library(folder, templates, broken)


def load(path: Path, databases: Mapping[str, Database], *, checked: bool = True) -> Template:
    """Read a template and check all that can be checked without rendering it.

    Args:
        path: the file; what it includes stands beside it or in `partials` there.
        databases: the fact files by database name.
        checked: false where only its variables are wanted, for help and completion; such a template renders nothing.

    Raises:
        TemplateError: what is wrong, each at a line and column of the template or of an included file.
    """
    if not _FILE_NAME.fullmatch(path.stem):
        raise SubwrightError(
            f"`{shorten(path.stem)}` is no name for a template",
            help="use letters, digits, `-`, `_` and `.`",
        )
    text, crlf = _read(path)
    source = Source(_shown(path), text)
    try:
        spec = parse(source)
    except SpecError as error:
        raise TemplateError(error.diagnostics) from None
    _closes_on_its_own_line(spec)
    for field in spec.fields:
        _plain(spec, field.node)
    entry = spec.field("template")
    if entry is None:
        message = "the frontmatter has no `template`, which makes a file a template"
        raise TemplateError([Diagnostic(source, Span(0, 3), message)])
    parts = _parts(spec, entry.node)
    variables = _variables(spec, parts.get("variables"))
    sources = {source.path: source}

    def included(name: str) -> tuple[str, str, Any] | None:
        file = _included(path.parent, name)
        if file is None:
            return None
        text, _ = _read(file)
        sources.setdefault(name, Source(_shown(file), text))
        return text, sources[name].path, lambda: True

    env = environment(sources, included)
    chosen = next((v for v in variables.values() if v.type == "database"), None)
    stack = None
    if chosen:
        _offered(source, chosen, databases)
        sample = databases[chosen.choices[0]]
        known = {name for database in databases.values() for name in database.features}
        stack = sample.at(sample.default_series.version, None, known)
    codes: dict[tuple[str, str], CodeType] = {}
    pieces = _pieces(spec, parts, variables)
    problems = check(env, pieces, sources, variables, databases, stack, codes) if checked else []
    if problems:
        raise TemplateError(problems)
    summary = parts.get("summary")
    return Template(
        name=path.stem,
        path=path,
        spec=spec,
        summary=construct(summary) if summary else "",
        variables=variables,
        databases=databases,
        contract=parts.get("contract"),
        prove=parts.get("prove"),
        crlf=crlf,
        env=env,
        sources=sources,
        codes=codes,
    )


def _shown(path: Path) -> str:
    """The path as messages give it: from the working directory where it is below it."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


def _read(path: Path) -> tuple[str, bool]:
    """The text of a file with LF line ends, and whether it had CRLF."""
    shown = _shown(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SubwrightError(f"cannot read `{shown}`: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SubwrightError(f"{shown}:{line}: not UTF-8 (byte 0x{raw[error.start]:02x})") from None
    crlf = "\r\n" in text
    if crlf and text.count("\r\n") != text.count("\n"):
        odd = next(n for n, line in enumerate(text.split("\n"), 1) if not line.endswith("\r"))
        raise SubwrightError(
            f"{shown}:{odd}: line ends with LF, others with CRLF",
            help="use one line end throughout",
        )
    text = text.replace("\r\n", "\n")
    found = FORBIDDEN.search(text) or re.search("\r", text)
    if found:
        source = Source(shown, text)
        message = f"the character U+{ord(found[0]):04X} cannot stand in a template"
        raise TemplateError([Diagnostic(source, Span(*found.span()), message, "take it out")])
    return text, crlf


def _included(folder: Path, name: str) -> Path | None:
    """The file of an included name: in the template's folder or its `partials`, nowhere else."""
    root = folder.resolve()
    for base in (root, root / "partials"):
        try:
            file = (base / name).resolve()
            if file.is_file() and file.is_relative_to(root):
                return file
        except (OSError, RuntimeError, ValueError):  # a name too long, a loop of links, a NUL
            continue
    return None


def _plain(spec: Spec, node: yaml.Node) -> None:
    """Refuse what has no place in a template's frontmatter: aliases, control characters, endless nesting."""
    import yaml

    where = node_span(node, spec.frontmatter.start)
    nodes: list[tuple[yaml.Node, int]] = [(node, 1)]
    seen: set[int] = set()
    while nodes:
        current, depth = nodes.pop()
        if isinstance(current, yaml.ScalarNode):
            found = FORBIDDEN.search(current.value)
            if found:
                problem = f"the value has the character U+{ord(found[0]):04X}"
                raise _wrong(spec, current, problem, "take it out")
            continue
        if id(current) in seen:
            raise _wrong(
                spec, current, "a template's frontmatter has no YAML aliases", "write it out"
            )
        if depth > DEEPEST:
            raise TemplateError([Diagnostic(spec.source, where, "the value is nested too deeply")])
        seen.add(id(current))
        for item in current.value:
            nodes.extend((n, depth + 1) for n in (item if isinstance(item, tuple) else (item,)))


def _wrong(spec: Spec, node: yaml.Node, message: str, help: str | None = None) -> TemplateError:
    where = node_span(node, spec.frontmatter.start)
    return TemplateError([Diagnostic(spec.source, where, message, help)])


def _closes_on_its_own_line(spec: Spec) -> None:
    start, end = spec.source.line_span(spec.source.position(spec.frontmatter.end).line)
    if spec.source.text[start:end].rstrip() != "---":
        where = Span(spec.frontmatter.end, spec.frontmatter.end + 3)
        message = "the frontmatter ends at this `---`, inside a value"
        advice = r"write `\x2d--` in a double-quoted string"
        raise TemplateError([Diagnostic(spec.source, where, message, advice)])


def _parts(spec: Spec, node: yaml.Node) -> dict[str, yaml.Node]:
    """The entries of the key `template`, each of the form that it must have."""
    parts = _mapping(spec, node, "template", _KEYS)
    if "summary" in parts:
        _text(spec, parts["summary"], "summary")
    if "variables" in parts:
        _mapping(spec, parts["variables"], "variables")
    for key, value in _mapping(spec, parts.get("contract"), "contract", Contract.KEYS).items():
        if key.startswith("max_"):
            text = _text(spec, value, key)
            if not has_constructs(text) and not text.isdecimal():
                raise _wrong(spec, value, f"`{text}` is no number of characters")
        else:
            _texts(spec, value, key)
    for key, value in _mapping(spec, parts.get("prove"), "prove", PROVE_KEYS).items():
        if key in ("files", "environment"):
            for name, item in _mapping(spec, value, key).items():
                _text(spec, item, name)
        else:
            _text(spec, value, key)
    return parts


def _mapping(
    spec: Spec, node: yaml.Node | None, name: str, known: Sequence[str] | None = None
) -> dict[str, yaml.Node]:
    """The entries of a mapping; none where there is no node."""
    import yaml

    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise _wrong(spec, node, f"`{name}` is not a mapping", "write its entries as `key: value`")
    entries = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _wrong(spec, key, f"a key of `{name}` is not a word")
        if known is not None and key.value not in known:
            advice = did_you_mean(key.value, known) or "it takes " + ", ".join(known)
            raise _wrong(spec, key, f"`{name}` has no key `{key.value}`", advice)
        if key.value in entries:
            raise _wrong(spec, key, f"`{key.value}` is there twice")
        entries[key.value] = value
    return entries


def _text(spec: Spec, node: yaml.Node, name: str) -> str:
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        raise _wrong(spec, node, f"`{name}` is not a text")
    return str(node.value)


def _texts(spec: Spec, node: yaml.Node, name: str) -> None:
    import yaml

    if not isinstance(node, yaml.SequenceNode):
        raise _wrong(spec, node, f"`{name}` is not a list", f"write `{name}: [one, two]`")
    for item in node.value:
        _text(spec, item, name)


def _variables(spec: Spec, node: yaml.Node | None) -> dict[str, Variable]:
    import yaml

    variables: dict[str, Variable] = {}
    problems = []
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        span = node_span(key, spec.frontmatter.start)
        entry = construct(value)
        try:
            if not isinstance(entry, dict):
                raise SubwrightError(
                    f"variable `{key.value}` is not a mapping",
                    help="give it `type`, `help` and `default`",
                )
            variables[key.value] = declared(spec.source, key.value, entry, span)
        except SubwrightError as error:
            problems.append(Diagnostic(spec.source, span, error.message, error.help))
    chosen = [v for v in variables.values() if v.type == "database"]
    for variable in variables.values():
        if variable.type in ("version", "driver") and not chosen and not problems:
            message = f"`{variable.name}` needs a variable of type `database` beside it"
            problems.append(Diagnostic(spec.source, variable.span, message))
    problems.extend(
        Diagnostic(spec.source, v.span, "a template has one variable of type `database`")
        for v in chosen[1:]
    )
    if problems:
        raise TemplateError(problems)
    return variables


def _offered(source: Source, variable: Variable, databases: Mapping[str, Database]) -> None:
    for name in variable.choices:
        if name not in databases:
            message = f"`{name}` of `{variable.name}` has no fact file in `databases`"
            raise TemplateError(
                [Diagnostic(source, variable.span, message, did_you_mean(name, databases))]
            )


def _pieces(
    spec: Spec, parts: Mapping[str, yaml.Node], variables: Mapping[str, Variable]
) -> Iterator[Piece]:
    """The body, every templated string of the frontmatter, and the conditions of variables."""
    import yaml

    yield _piece(spec.source, spec.body)
    for variable in variables.values():
        if variable.when is not None:
            lines = spec.source.position(variable.span.start).line - 1
            text = "\n" * lines + START + f"<% if {variable.when} %><% endif %>"
            yield Piece(spec.source, text, condition=True)
    nodes = [field.node for field in spec.fields if field.name != "template"]
    nodes.extend(parts[key] for key in ("contract", "prove") if key in parts)
    while nodes:
        node = nodes.pop(0)
        if isinstance(node, yaml.ScalarNode):
            if has_constructs(node.value):
                yield _string_piece(spec.source, node, node_span(node, spec.frontmatter.start))
        else:
            for item in node.value:
                nodes.extend(item if isinstance(item, tuple) else [item])


def _piece(source: Source, span: Span) -> Piece:
    lines = source.position(span.start).line - 1
    return Piece(source, "\n" * lines + START + source.text[slice(*span)])


def _string_piece(source: Source, node: yaml.ScalarNode, span: Span) -> Piece:
    line = source.position(span.start).line
    block = node.style in ("|", ">")
    return Piece(source, "\n" * (line if block else line - 1) + START + node.value)
