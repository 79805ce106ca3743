"""Run the rules over agents, load roots and templates, and mend what can be mended."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from subwright import discovery, ignores
from subwright.agent import Agent, Place
from subwright.diagnostic import Diagnostic, DiagnosticError, Edit, Source, Span
from subwright.discovery import Root, Targets
from subwright.ignores import Ignore
from subwright.rules import Finding, Rule, every, resolve
from subwright.rules.ignores import Allowed
from subwright.settings import Settings
from subwright.tree import Summary, Tree, summarise

if TYPE_CHECKING:
    from subwright.database import Database
    from subwright.template import Rendered, Template

MOST_FINDINGS = 1000  # of one rule in one file, of which none has a fix: nobody reads on
MOST_PASSES = 10  # of mending one file: a fix may bring another to light
NO_FILE = "-"  # what messages call a text that is in no file
CHUNK = 50  # files that a process is given at a time
T = TypeVar("T")
Load: TypeAlias = Callable[[Path], "Template"]


@dataclass
class Checked:
    """What was found in one text before its comments allow any of it.

    Attributes:
        source: the text.
        found: in it.
        ignores: the comments in it.
        summary: what the rules across files need of it; None where it has no name.
    """

    source: Source
    found: list[Diagnostic] = field(default_factory=list)
    ignores: tuple[Ignore, ...] = ()
    summary: Summary | None = None


def check(agent: Agent, rules: Iterable[Rule]) -> list[Diagnostic]:
    """What rules for single files find in an agent, in the order of the text, whatever its comments allow."""
    found = [
        _diagnostic(rule, agent.source, finding)
        for rule in rules
        if rule.source or not agent.place.template
        for finding in islice(rule.in_agent(agent), None if rule.fixable else MOST_FINDINGS)
    ]
    return sorted(found, key=order)


def check_agent(agent: Agent, rules: Sequence[Rule]) -> Checked:
    """What rules find in an agent, with the comments in it and what the rules across files need of it."""
    return Checked(agent.source, check(agent, rules), ignores.parse(agent), summarise(agent))


def check_tree(tree: Tree, rules: Iterable[Rule]) -> list[Diagnostic]:
    """What the rules across files find in a load root, whatever comments allow."""
    found = [
        _diagnostic(rule, source, finding)
        for rule in rules
        for source, finding in rule.in_tree(tree)
    ]
    return sorted(found, key=order)


def settle(checked: Checked, rules: Sequence[Rule]) -> list[Diagnostic]:
    """What remains of the findings in a text when its comments have been heard, and what is wrong with these."""
    if not checked.ignores:
        return checked.found
    ran = {rule.name: rule for rule in rules}
    known = every() | ran
    used: set[tuple[Ignore, str]] = set()
    kept = []
    waiting = sorted(checked.ignores, key=lambda ignore: ignore.lines, reverse=True)
    open_: list[Ignore] = []
    for diagnostic in sorted(checked.found, key=lambda found: found.span):
        line = diagnostic.position.line
        while waiting and waiting[-1].lines[0] <= line:
            open_.append(waiting.pop())
        if open_:
            open_ = [ignore for ignore in open_ if line <= ignore.lines[1]]
        allowing = [
            (ignore, name)
            for ignore in open_
            if ignore.verb == "allow"
            for name, _ in ignore.names
            if diagnostic.rule and (rule := resolve(name, known)) and rule.name == diagnostic.rule
        ]
        used.update(allowing)
        if not allowing:
            kept.append(diagnostic)
    unused = tuple(
        (ignore, name)
        for ignore in checked.ignores
        for name, _ in ignore.names
        if (rule := resolve(name, known)) and rule.name in ran and (ignore, name) not in used
    )
    allowed = Allowed(checked.source, checked.ignores, unused)
    kept += [_diagnostic(r, checked.source, f) for r in rules for f in r.in_comments(allowed)]
    return sorted(kept, key=order)


def _diagnostic(rule: Rule, source: Source, found: Finding) -> Diagnostic:
    return Diagnostic(
        source,
        found.span,
        found.message,
        found.help,
        rule.severity,
        rule.name,
        found.fix,
        found.related,
    )


def order(found: Diagnostic) -> tuple[str, int, int, str, str]:
    """The order in which findings are reported: by file, place, rule and words."""
    return (found.source.path, *found.span, found.rule or "", found.message)


# One file


def place(path: Path, root: Root, settings: Settings) -> Place:
    """What is known of where a file stands."""
    servers = root.servers
    if settings.servers:
        servers = (servers or frozenset()) | settings.servers
    return Place(
        plugin=root.plugin,
        path=str(path),
        servers=servers,
        keys=settings.keys,
        contract=settings.contract_for(path),
    )


def unwritten(raw: bytes, name: str | None, settings: Settings) -> Agent:
    """The agent of a text that is in no file.

    Args:
        raw: the text.
        name: the path that it would have, for messages and for what is configured for paths.
        settings: what the project allows.
    """
    if name is None:
        return Agent.of(NO_FILE, raw, Place(keys=settings.keys))
    path = Path(name)
    return Agent.of(name, raw, place(path, discovery.root_of(path, settings.roots), settings))


def template_place(path: Path) -> Place:
    """What is known of where a template, or a part of one, stands."""
    return Place(path=str(path), template=True)


def check_text(agent: Agent, settings: Settings) -> Checked:
    """What the rules that hold for an agent's path find in it."""
    return check_agent(agent, settings.rules_for(Path(agent.source.path)))


def _check_file(path: Path, root: Root, own: bool, settings: Settings) -> Checked:
    agent = Agent.of(str(path), path.read_bytes(), place(path, root, settings))
    # of a neighbour only the summary is needed, and what its comments allow
    return check_text(agent, settings) if own else check_agent(agent, ())


def _check_chunk(files: Sequence[tuple[Path, Root, bool]], settings: Settings) -> list[Checked]:
    return [_check_file(path, root, own, settings) for path, root, own in files]


# All of them


@dataclass(frozen=True)
class Result:
    """What a run found.

    Attributes:
        diagnostics: in the order of `order`.
        files: the paths of the files that were read to report on.
    """

    diagnostics: tuple[Diagnostic, ...]
    files: tuple[str, ...]


def lint(
    targets: Targets,
    settings: Settings,
    *,
    jobs: int = 1,
    load: Load | None = None,
    watch: Callable[[Iterable[Checked], int], Iterable[Checked]] = lambda items, length: items,
) -> Result:
    """Lint files and templates.

    Args:
        targets: what to report on.
        settings: the rules and what the project allows.
        jobs: how many processes to use.
        load: reads a template; needed where there are any.
        watch: sees the results pass by, for a progress bar.

    Raises:
        OSError: a file cannot be read.
    """
    # the rules across files need the neighbours of the files that are reported on
    across = any(rule.family == "tree" for rule in settings.rules)
    roots = targets.roots if across else []
    files = dict(targets.files) | {f: r for r in roots for f in r.files if f not in targets.files}
    length = len(files) + len(targets.templates)
    everything: dict[str, Checked] = {}
    for checked in watch(_each(files, targets, settings, jobs, load), length):
        known = everything.setdefault(checked.source.path, checked)
        if known is not checked:
            # a partial that several templates share
            known.found += [d for d in checked.found if d not in known.found]
    for root in roots:
        found = [everything[str(file)].summary for file in root.files]
        agents = tuple(summary for summary in found if summary is not None)
        sources = {agent.path: everything[agent.path].source for agent in agents}
        tree = Tree(str(root.folder), root.plugin, agents, sources)
        for diagnostic in check_tree(tree, settings.rules):
            own = everything[diagnostic.source.path]
            names = {rule.name for rule in settings.rules_for(Path(own.source.path))}
            # a file that several roots share is found wrong once
            if diagnostic.rule in names and diagnostic not in own.found:
                own.found.append(diagnostic)
    silent = {str(file) for file in files} - {str(file) for file in targets.files}
    diagnostics = [
        diagnostic
        for name, checked in everything.items()
        if name not in silent or _about_another(checked.found, silent)
        for diagnostic in settle(checked, settings.rules_for(Path(name)))
        if name not in silent or _about_another([diagnostic], silent)
    ]
    return Result(
        tuple(sorted(diagnostics, key=order)),
        tuple(str(path) for path in sorted((*targets.files, *targets.templates))),
    )


def _about_another(found: Iterable[Diagnostic], silent: Collection[str]) -> bool:
    """Whether a finding in a file that is not reported on is the fault of one that is: the later of two of a name."""
    return any(
        related.source.path not in silent for diagnostic in found for related in diagnostic.related
    )


def _each(
    files: Mapping[Path, Root],
    targets: Targets,
    settings: Settings,
    jobs: int,
    load: Load | None,
) -> Iterator[Checked]:
    work = [(path, root, path in targets.files) for path, root in files.items()]
    chunks = [work[start : start + CHUNK] for start in range(0, len(work), CHUNK)]
    for checked in _spread(partial(_check_chunk, settings=settings), chunks, jobs):
        yield from checked
    for path in targets.templates:
        assert load is not None
        yield from _check_template(path, settings, load)


def _spread(
    work: Callable[[T], list[Checked]], items: Sequence[T], jobs: int
) -> Iterator[list[Checked]]:
    if jobs == 1 or len(items) < 2:
        yield from map(work, items)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(min(jobs, len(items))) as pool:
        yield from pool.map(work, items)


# Templates


def template_loader(folder: Path | None = None) -> Load:
    """Reads templates with the fact files of a folder, by default of the one that each stands in."""
    from subwright.database import known
    from subwright.template import load

    @cache
    def databases(beside: Path) -> Mapping[str, Database]:
        return known(folder if folder is not None else beside)

    return lambda path: load(path, databases(path.parent))


def _check_template(path: Path, settings: Settings, load: Load) -> Iterator[Checked]:
    """What is wrong with a template: in its source, and in each variant that it renders to, at the template's lines."""
    try:
        template = load(path)
    except DiagnosticError as error:
        sources = {d.source.path: d.source for d in error.diagnostics}
        for source in sources.values():
            yield Checked(source, [d for d in error.diagnostics if d.source is source])
        return
    found: dict[tuple[str, Span, str | None, str], Diagnostic] = {}
    for diagnostic in _in_variants(template, settings):
        key = (diagnostic.source.path, diagnostic.span, diagnostic.rule, diagnostic.message)
        found.setdefault(key, diagnostic)
    for source in template.sources.values():
        text = source.text.encode()
        agent = Agent(source, len(text), template_place(Path(source.path)))
        rules = settings.rules_for(Path(source.path))
        names = {rule.name for rule in rules} | {None}
        own = check(agent, rules)
        seen = {(d.span, d.rule) for d in own}
        own += [
            diagnostic
            for (name, span, rule, _), diagnostic in found.items()
            if name == source.path and rule in names and (span, rule) not in seen
        ]
        yield Checked(source, own, ignores.parse(agent))


def _in_variants(template: Template, settings: Settings) -> Iterator[Diagnostic]:
    for rendered in _variants(template):
        if isinstance(rendered, DiagnosticError):
            yield from rendered.diagnostics
            continue
        source = rendered.spec.source
        agent = Agent(source, len(source.text.encode()), Place(path=None, keys=settings.keys))
        for diagnostic in check(agent, settings.rules):
            yield rendered.origin(diagnostic)


def _variants(template: Template) -> Iterator[Rendered | DiagnosticError]:
    """Each database and series with all defaults, and each other choice of each variable on the first of them."""
    from subwright.template import VariableError

    given = []
    for variable in template.variables.values():
        if variable.type in ("choice", "bool"):
            choices = variable.choices or ("true", "false")
            given += [{variable.name: c} for c in choices if c != str(variable.default).lower()]
    for index, values in enumerate([{}, *given]):
        try:
            variants = list(template.variants(values))
        except VariableError:
            continue  # it does not fit the defaults of the others
        for variant in variants if index == 0 else variants[:1]:
            try:
                yield template.render(variant)
            except DiagnosticError as error:
                yield error


# Mending


def mend(agent: Agent, settings: Settings) -> str:
    """The text of an agent with all fixes made that the rules for its path offer, one pass after the other.

    A file with bytes that are not UTF-8 stays as it is: they would be lost.
    """
    if agent.invalid is not None:
        return agent.text
    text = agent.text
    for _ in range(MOST_PASSES):
        checked = check_text(agent, settings)
        rules = settings.rules_for(Path(agent.source.path))
        text = fixed(agent.text, settle(checked, rules))
        if text == agent.text:
            break
        agent = Agent(Source(agent.source.path, text), len(text.encode()), agent.place)
    return text


def fixed(text: str, found: Iterable[Diagnostic]) -> str:
    """A text with the fixes of findings made; of fixes that touch the same place only the first.

    Args:
        text: that all findings are about.
        found: some of which have a fix.
    """
    taken: list[Edit] = []
    for diagnostic in found:
        edits = diagnostic.fix.edits if diagnostic.fix else ()
        if not any(_taken(edit.span, taken) for edit in edits):
            for edit in edits:
                insort(taken, edit)
    parts = []
    end = 0
    for span, replacement in taken:
        parts += [text[end : span.start], replacement]
        end = span.end
    return "".join(parts) + text[end:]


def _taken(span: Span, taken: Sequence[Edit]) -> bool:
    """Whether a span touches one of some edits, which are in order and do not touch each other."""
    at = bisect_left(taken, span.start, key=lambda edit: edit.span.end)
    return at < len(taken) and taken[at].span.start <= span.end
