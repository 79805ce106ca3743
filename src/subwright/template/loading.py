"""Read templates from a folder, and refuse what is wrong with one before anything is rendered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

from subwright.cache import Store
from subwright.contract import Contract
from subwright.database import Database
from subwright.diagnostic import Diagnostic, Source, Span
from subwright.errors import SubwrightError, did_you_mean
from subwright.spec import Spec, SpecError, construct, node_span, parse
from subwright.template.outline import each_template, shown
from subwright.template.source import (
    FILE_NAME,
    Piece,
    Template,
    TemplateError,
    piece,
    string_piece,
)
from subwright.template.syntax import FORBIDDEN, START, environment, has_constructs
from subwright.template.variables import Variable, declared, shorten

if TYPE_CHECKING:
    import yaml

PROVE_KEYS = ("preamble", "cleanup", "environment", "files", "tests", "pooler")
_KEYS = ("summary", "variables", "contract", "prove")
DEEPEST = 50  # levels of a frontmatter


class Library(NamedTuple):
    """The templates of a folder by name, and the errors of those that are wrong."""

    folder: Path
    templates: Mapping[str, Template]
    broken: Mapping[str, SubwrightError]

    def named(self, names: Iterable[str]) -> list[Template]:
        """The templates of these names, each once; a name may end in `.md`.

        Raises:
            SubwrightError: there is none of a name, or it is wrong.
        """
        stems = {name.removesuffix(".md"): name for name in names}
        for stem, name in stems.items():
            if stem in self.broken:
                raise self.broken[stem]
            if stem not in self.templates:
                advice = did_you_mean(stem, self.templates)
                raise SubwrightError(
                    f"there is no template `{name}` in `{self.folder}`",
                    help=advice or "choose from " + ", ".join(self.templates),
                )
        return [self.templates[stem] for stem in stems]


def load_all(folder: Path, databases: Mapping[str, Database], *, checked: bool = True) -> Library:
    """The templates of a folder.

    Args:
        folder: where they are.
        databases: the fact files by database name.
        checked: as for `load`.

    Raises:
        SubwrightError: there is no template in it.
    """
    templates, broken = each_template(folder, lambda path: load(path, databases, checked=checked))
    return Library(folder, templates, broken)


def load(path: Path, databases: Mapping[str, Database], *, checked: bool = True) -> Template:
    """Read a template, and check all that can be checked without rendering it.

    Args:
        path: the file; what it includes stands beside it or in `partials` there.
        databases: the fact files by database name.
        checked: false for one that is held right elsewhere: the checks take as long as several renders.

    Raises:
        TemplateError: what is wrong, each at a line and column of the template or of an included file.
    """
    if not FILE_NAME.fullmatch(path.stem):
        raise SubwrightError(
            f"`{shorten(path.stem)}` is no name for a template",
            help="use letters, digits, `-`, `_` and `.`",
        )
    name = shown(path)
    text, crlf = _read(path, name)
    source = Source(name, text)
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
        text, _ = _read(file, shown(file))
        sources.setdefault(name, Source(shown(file), text))
        return text, sources[name].path, lambda: True

    env = environment(sources, included)
    chosen = next((v for v in variables.values() if v.type == "database"), None)
    if chosen:
        _offered(source, chosen, databases)
    codes: dict[tuple[str, str], CodeType] = {}
    store = None if checked else Store("code", str(path.absolute()), text)
    if store is not None:
        codes = store.load() or {}
    else:
        from subwright.template.checks import check

        stack = None
        if chosen:
            sample = databases[chosen.choices[0]]
            stack = sample.at(sample.default_series.version, None, databases.values())
        pieces = _pieces(spec, parts, variables)
        problems = check(env, pieces, sources, variables, databases, stack, codes)
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
        store=store,
    )


def _read(path: Path, shown: str) -> tuple[str, bool]:
    """The text of a file with LF line ends, and whether it had CRLF."""
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
    start, end = spec.source.line_at(spec.frontmatter.end)
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
            variables[key.value] = declared(key.value, entry, span)
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

    yield piece(spec.source, spec.body)
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
                yield string_piece(spec.source, node, node_span(node, spec.frontmatter.start))
        else:
            for item in node.value:
                nodes.extend(item if isinstance(item, tuple) else [item])
