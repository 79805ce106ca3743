"""What can be said of a template without rendering it, in every branch and every included file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING, Any

from subwright.database import Database, Stack
from subwright.diagnostic import Diagnostic, Source, Span
from subwright.errors import did_you_mean
from subwright.patterns import lazy
from subwright.template.source import Piece
from subwright.template.syntax import START, constructs, near_misses
from subwright.template.variables import Variable

if TYPE_CHECKING:
    from jinja2 import Environment, TemplateSyntaxError, nodes

_KEYWORD = lazy(r"<%[+-]?\s+(\w+)")
_VERSION = lazy(r"\d+(\.\d+)*")


@dataclass
class _Mentions:
    """Which choices of a variable the branches name, and whether an `else` stands for all others."""

    choices: set[str] = field(default_factory=set)
    rest: bool = False


def check(
    env: Environment,
    pieces: Iterable[Piece],
    sources: Mapping[str, Source],
    variables: Mapping[str, Variable],
    databases: Mapping[str, Database],
    stack: Stack | None,
    codes: dict[tuple[str, str], CodeType],
) -> list[Diagnostic]:
    """All that is wrong with a template.

    Args:
        env: its environment.
        pieces: the body and the templated strings of the frontmatter.
        sources: what has been loaded, by name; included files are added to it.
        variables: what the template declares.
        databases: the fact files, whose ids are known.
        stack: one database as a sample of what `database` offers, if the template has one.
        codes: filled with the compiled code of each piece, by its source and text.
    """
    trees: list[tuple[Piece, nodes.Template]] = []
    problems: list[Diagnostic] = []
    queue = list(pieces)
    included: set[str] = set()
    while queue:
        piece = queue.pop(0)
        tree = _parse(env, piece, problems, codes)
        if tree is None:
            continue
        trees.append((piece, tree))
        for names, optional, line in _references(tree):
            found = [_include(env, sources, name) for name in names]
            if not any(found) and not optional:
                where = _find(piece.source, line, re.escape(names[0]))
                message = f"`{names[0]}` is neither in the template folder nor in its `partials`"
                advice = "name a file there, without `..`"
                problems.append(Diagnostic(piece.source, where, message, advice))
            for name, part in zip(names, found, strict=True):
                if part is not None and name not in included:
                    included.add(name)
                    queue.append(part)
    if problems:
        return problems  # half a template would only give false findings
    checks = _Checks(env, trees, variables, databases, stack)
    return list(checks.findings())


def syntax_error(env: Environment, piece: Piece, error: TemplateSyntaxError) -> Diagnostic:
    """A syntax error of Jinja's as a finding at the construct that it is about."""
    message = (error.message or "syntax error").rstrip(".")
    message = message[:1].lower() + message[1:]
    if message.startswith("unexpected end of template"):
        opened = _unclosed(piece.text)
        if opened:
            line = piece.text.count("\n", 0, opened.start) + 1
            word = _word(piece.text[slice(*opened)])
            return Diagnostic(
                piece.source,
                _find(piece.source, line, re.escape(piece.text[slice(*opened)].split("\n")[0])),
                f"`{word}` is never closed",
                f"close it with `<% end{word} %>`",
            )
    line = error.lineno
    named = re.search(r"(?:filter|test) named '(\w+)'|unknown tag '(\w+)'", message)
    if named:
        return Diagnostic(
            piece.source,
            _find(piece.source, line, rf"\b{named[1] or named[2]}\b"),
            message.replace("'", "`"),
            did_you_mean(named[1], [*env.filters, *env.tests]) if named[1] else None,
        )
    at = _failing(env, piece.text, line)
    return Diagnostic(piece.source, _find(piece.source, line, at), message.replace("'", "`"))


def _parse(
    env: Environment,
    piece: Piece,
    problems: list[Diagnostic],
    codes: dict[tuple[str, str], CodeType],
) -> nodes.Template | None:
    from jinja2 import TemplateSyntaxError

    path = piece.source.path
    try:
        tree = env.parse(piece.text, name=path)
        # a filter or test that does not exist shows only when code is made of the tree
        codes[path, piece.text] = env.compile(tree, name=path, filename=path)
    except TemplateSyntaxError as error:
        problems.append(syntax_error(env, piece, error))
        return None
    except (RecursionError, SyntaxError):  # Python's own limits of what can be compiled
        start = piece.source.line_span(piece.text.count("\n", 0, piece.text.find(START)) + 1)
        problems.append(Diagnostic(piece.source, start, "the template is nested too deeply"))
        return None
    return tree


def _references(tree: nodes.Template) -> Iterator[tuple[list[str], bool, int]]:
    """The included files that the text names: alternatives, whether they may be missing, and the line."""
    from jinja2 import nodes

    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        named: nodes.Node = vars(node)["template"]
        names = [value for value, _ in _constants(named)]
        if names:
            yield names, bool(vars(node).get("ignore_missing")), node.lineno


def _include(env: Environment, sources: Mapping[str, Source], name: str) -> Piece | None:
    from jinja2 import TemplateNotFound

    assert env.loader is not None
    try:
        text, _, _ = env.loader.get_source(env, name)
    except TemplateNotFound:
        return None
    return Piece(sources[name], text)


class _Checks:
    """The checks over all syntax trees of a template."""

    def __init__(
        self,
        env: Environment,
        trees: list[tuple[Piece, nodes.Template]],
        variables: Mapping[str, Variable],
        databases: Mapping[str, Database],
        stack: Stack | None,
    ) -> None:
        self.env = env
        self.trees = trees
        self.variables = variables
        self.databases = databases
        self.stack = stack
        self.main = trees[0][0].source
        self.mentions = {name: _Mentions() for name in variables}
        self.defined = set(variables) | ({"database"} if stack else set())
        for _, tree in trees:
            self.defined |= _stored(tree)

    def findings(self) -> Iterator[Diagnostic]:
        seen: set[str] = set()
        for piece, tree in self.trees:
            source = piece.source
            if source.path not in seen:
                seen.add(source.path)
                start = 0 if source is not self.main else source.text.find("---", 3)
                yield from near_misses(source, Span(start, len(source.text)), self.defined)
            yield from self._undefined(source, tree)
            if self.stack:
                yield from self._facts(source, tree, self.stack)
            known = deepcopy(self.mentions)
            yield from self._choices(source, tree)
            if piece.condition:
                self.mentions = known
        yield from self._unused()
        yield from self._unmentioned()

    def _undefined(self, source: Source, tree: nodes.Template) -> Iterator[Diagnostic]:
        from jinja2 import meta, nodes

        missing = meta.find_undeclared_variables(tree) - self.defined - set(self.env.globals)
        for node in tree.find_all(nodes.Name):
            if node.name in missing:
                missing.discard(node.name)
                where = _find(source, node.lineno, rf"\b{re.escape(node.name)}\b")
                advice = did_you_mean(node.name, sorted(self.defined))
                yield Diagnostic(
                    source,
                    where,
                    f"`{node.name}` is not defined",
                    advice
                    or "declare it under `template.variables`; wrap what is text in `<% raw %>`",
                )

    def _facts(self, source: Source, tree: nodes.Template, stack: Stack) -> Iterator[Diagnostic]:
        from jinja2 import nodes

        for node in tree.find_all(nodes.Getattr):
            owner = self._resolve(node.node, stack)
            if owner is None or isinstance(owner, str | int | bool) or callable(owner):
                continue
            known = _public(owner)
            if node.attr not in known:
                where = _find(source, node.lineno, rf"\.{re.escape(node.attr)}\b", skip=1)
                advice = did_you_mean(node.attr, known) or "it has " + ", ".join(sorted(known))
                yield Diagnostic(source, where, f"`database` has no fact `{node.attr}`", advice)
        for output in tree.find_all(nodes.Output):
            for child in output.nodes:
                value = self._resolve(child, stack)
                if value is not None and not isinstance(value, str | int):
                    where = _find(source, child.lineno, r"\bdatabase\b")
                    meant = did_you_mean("database", self.variables) if value is stack else None
                    yield Diagnostic(
                        source, where, "a record is not text", meant or "name one of its fields"
                    )
        for call in tree.find_all(nodes.Call):
            if (
                isinstance(call.node, nodes.Getattr)
                and self._resolve(call.node.node, stack) is stack
                and len(call.args) == 1
                and isinstance(call.args[0], nodes.Const)
            ):
                yield from self._argument(source, call.node.attr, call.args[0])

    def _argument(self, source: Source, method: str, argument: nodes.Const) -> Iterator[Diagnostic]:
        if not isinstance(argument.value, str):
            where = _find(source, argument.lineno, re.escape(str(argument.value)))
            yield Diagnostic(source, where, f"`{argument.value}` is not quoted")
            return
        value = argument.value
        where = _find(source, argument.lineno, rf"(?<=[\"']){re.escape(value)}(?=[\"'])")
        if method == "has":
            known = {name for database in self.databases.values() for name in database.features}
            if value not in known:
                yield Diagnostic(
                    source, where, f"unknown feature `{value}`", did_you_mean(value, known)
                )
        elif method == "error":
            known = {name for database in self.databases.values() for name in database.errors}
            if value not in known:
                yield Diagnostic(
                    source, where, f"unknown error `{value}`", did_you_mean(value, known)
                )
        elif method == "at_least" and not _VERSION.fullmatch(value):
            yield Diagnostic(source, where, f"`{value}` is no version")

    def _resolve(self, node: nodes.Node, stack: Stack) -> Any:
        from jinja2 import nodes

        if isinstance(node, nodes.Name):
            return stack if node.name == "database" else None
        if isinstance(node, nodes.Getattr):
            owner = self._resolve(node.node, stack)
            return getattr(owner, node.attr, None) if owner is not None else None
        return None

    def _choices(self, source: Source, tree: nodes.Template) -> Iterator[Diagnostic]:
        from jinja2 import nodes

        for compare in tree.find_all(nodes.Compare):
            if len(compare.ops) != 1:
                continue
            operator = compare.ops[0].op
            for one, other in (
                (compare.expr, compare.ops[0].expr),
                (compare.ops[0].expr, compare.expr),
            ):
                variable = self._choosing(one)
                if variable is None:
                    continue
                if operator in ("in", "notin") and not isinstance(other, nodes.Tuple | nodes.List):
                    self.mentions[variable.name].rest = True
                elif operator in ("eq", "ne", "in", "notin"):
                    self.mentions[variable.name].rest |= operator in ("ne", "notin")
                    yield from self._mention(source, variable, _constants(other))
        # where the outcome is used later or the other way round, what is for the other choices cannot be seen
        for elsewhere in tree.find_all(
            (nodes.Not, nodes.Assign, nodes.Call, nodes.Filter, nodes.Test)
        ):
            for name in _names(elsewhere) & set(self.mentions):
                self.mentions[name].rest = True
        for item in tree.find_all(nodes.Getitem):
            variable = self._choosing(item.arg)
            if variable and isinstance(item.node, nodes.Dict):
                keys = [pair.key for pair in item.node.items]
                yield from self._mention(
                    source, variable, [k for key in keys for k in _constants(key)]
                )
            elif variable:
                self.mentions[variable.name].rest = True
        for branch in tree.find_all((nodes.If, nodes.CondExpr)):
            if isinstance(branch, nodes.If):
                otherwise = bool(branch.else_)
                tests = [branch.test, *(elif_.test for elif_ in branch.elif_)]
            else:
                assert isinstance(branch, nodes.CondExpr)
                otherwise, tests = branch.expr2 is not None, [branch.test]
            if otherwise:
                for test in tests:
                    for name in _names(test):
                        if name in self.mentions:
                            self.mentions[name].rest = True

    def _choosing(self, node: nodes.Node) -> Variable | None:
        from jinja2 import nodes

        if isinstance(node, nodes.Name):
            variable = self.variables.get(node.name)
            return variable if variable and variable.choices else None
        if (
            isinstance(node, nodes.Getattr)
            and node.attr == "name"
            and isinstance(node.node, nodes.Name)
            and node.node.name == "database"
        ):
            return next((v for v in self.variables.values() if v.type == "database"), None)
        return None

    def _mention(
        self, source: Source, variable: Variable, constants: Iterable[tuple[str, int]]
    ) -> Iterator[Diagnostic]:
        for value, line in constants:
            self.mentions[variable.name].choices.add(value)
            if value not in variable.choices:
                where = _find(source, line, rf"(?<=[\"']){re.escape(value)}(?=[\"'])")
                listing = "choices are " + ", ".join(variable.choices)
                yield Diagnostic(
                    source,
                    where,
                    f"`{value}` is no choice of `{variable.name}`",
                    did_you_mean(value, variable.choices) or listing,
                )

    def _unused(self) -> Iterator[Diagnostic]:

        used = {name for _, tree in self.trees for name in _names(tree)}
        kinds = {v.type for v in self.variables.values() if v.name in used}
        facts = "database" in used
        for variable in self.variables.values():
            needed = (variable.type in ("database", "version", "driver") and facts) or (
                variable.type == "database" and kinds & {"version", "driver"}
            )
            if variable.name not in used and not needed:
                yield Diagnostic(
                    self.main,
                    variable.span,
                    f"variable `{variable.name}` is never used",
                    f"write `<<{variable.name}>>` where it belongs, or take it away",
                )

    def _unmentioned(self) -> Iterator[Diagnostic]:
        for variable in self.variables.values():
            mentions = self.mentions[variable.name]
            # the text outside of all branches is for the default
            left = [
                c for c in variable.choices if c not in mentions.choices and c != variable.default
            ]
            if mentions.choices & set(variable.choices) and left and not mentions.rest:
                listing = " and ".join(f"`{choice}`" for choice in left)
                yield Diagnostic(
                    self.main,
                    variable.span,
                    f"no branch mentions {listing} of `{variable.name}`, though its other choices are",
                    "add a branch or an `else`, or take the choice away",
                )


def _find(source: Source, line: int, pattern: str, skip: int = 0) -> Span:
    """The first place on a line that a pattern matches, or the line's text where there is none."""
    start, end = source.line_span(line)
    found = re.compile(pattern).search(source.text[start:end])
    if found:
        return Span(start + found.start() + skip, start + found.end())
    text = source.text[start:end]
    return Span(start + len(text) - len(text.lstrip()), max(end, start))


def _failing(env: Environment, text: str, line: int) -> str:
    """A pattern for the construct on a line that is the first to break the parsing."""
    from jinja2 import TemplateSyntaxError

    last = ""
    for construct in constructs(text):
        first = text.count("\n", 0, construct.span.start) + 1
        if first > line:
            break
        if text.count("\n", 0, construct.span.end) + 1 < line:
            continue
        last = re.escape(text[slice(*construct.span)].split("\n")[0])
        try:
            env.parse(text[: construct.span.end])
        except TemplateSyntaxError as error:
            if not (error.message or "").startswith("Unexpected end of template"):
                return last
    return last


def _unclosed(text: str) -> Span | None:
    """The span of the innermost statement that opens a block and has no end."""
    stack: list[Span] = []
    for construct in constructs(text):
        if construct.kind == "statement":
            statement = text[slice(*construct.span)]
            word = _word(statement)
            if word in ("if", "for", "macro", "call", "filter", "with", "block") or (
                word == "set" and "=" not in statement
            ):
                stack.append(construct.span)
            elif word.startswith("end") and stack:
                stack.pop()
    return stack[-1] if stack else None


def _word(statement: str) -> str:
    found = _KEYWORD.match(statement)
    return found[1] if found else ""


def _names(node: nodes.Node) -> set[str]:
    from jinja2 import nodes

    found = {name.name for name in node.find_all(nodes.Name)}
    return found | ({node.name} if isinstance(node, nodes.Name) else set())


def _stored(tree: nodes.Template) -> set[str]:
    """The names that a template gives a value itself."""
    from jinja2 import nodes

    names = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    return names | {macro.name for macro in tree.find_all(nodes.Macro)}


def _constants(node: nodes.Node) -> list[tuple[str, int]]:
    """The constants that a node is or lists, each with its line."""
    from jinja2 import nodes

    if isinstance(node, nodes.Const):
        values = node.value if isinstance(node.value, tuple | list) else [node.value]
        return [(str(value), node.lineno) for value in values]
    if isinstance(node, nodes.Tuple | nodes.List):
        return [found for item in node.items for found in _constants(item)]
    return []


def _public(record: object) -> Sequence[str]:
    """The names that a template may read: of a record its fields, without what every tuple has."""
    fields: Sequence[str] = getattr(record, "_fields", ())
    return fields or [name for name in dir(record) if not name.startswith("_")]
