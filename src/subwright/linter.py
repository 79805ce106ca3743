"""Run the rules over an agent or a load root, and mend what can be mended."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TypeAlias

from subwright import discovery, ignores
from subwright.agent import Agent, Place
from subwright.diagnostic import Diagnostic, Edit, Source, Span
from subwright.discovery import Root
from subwright.ignores import Ignore
from subwright.rules import Finding, Rule, every, resolve
from subwright.rules.ignores import Allowed
from subwright.settings import Settings
from subwright.tree import Summary, Tree, summarise

MOST_FINDINGS = 1000  # of one rule in one file, of which none has a fix: nobody reads on
MOST_PASSES = 10  # of mending one file: a fix may bring another to light
NO_FILE = "-"  # what messages call a text that is in no file


class Checked:
    """What was found in one text before its comments allow any of it.

    Attributes:
        source: the text.
        found: in it.
        ignores: the comments in it.
        summary: what the rules across files need of it; None where it has no name.
        looked: the paths that rules have looked for, and whether they were there.
        template: the text is a template's source.
    """

    def __init__(
        self,
        source: Source,
        found: Iterable[Diagnostic] = (),
        ignores: tuple[Ignore, ...] = (),
        summary: Summary | None = None,
        looked: Mapping[str, bool] | None = None,
        *,
        template: bool = False,
    ) -> None:
        self.source = source
        self.found = list(found)
        self.ignores = ignores
        self.summary = summary
        self.looked = looked or {}
        self.template = template


def check(agent: Agent, rules: Iterable[Rule]) -> list[Diagnostic]:
    """What rules for single files find in an agent, in the order of the text, whatever its comments allow."""
    found: list[Diagnostic] = []
    for rule, look in _calls_for(agent, tuple(rules)):
        findings = look(agent)
        first = next(findings, None)
        # most rules find nothing in most files
        if first is not None:
            rest = findings if rule.fixable else islice(findings, MOST_FINDINGS - 1)
            found += [_diagnostic(rule, agent.source, each) for each in chain((first,), rest)]
    return sorted(found, key=order)


_Calls: TypeAlias = Sequence[tuple[Rule, Callable[[Agent], Iterator[Finding]]]]


class _Choice:
    """Of some rules those for single files, by what an agent is; thousands of files have the same rules in a row."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self._needed = frozenset().union(*(rule.needs for rule in rules))
        self._calls: dict[tuple[bool, frozenset[str]], _Calls] = {}

    def calls(self, agent: Agent) -> _Calls:
        """The rules that may find something in an agent, and what each calls."""
        template, traits = agent.place.template, self._needed & agent.traits
        found = self._calls.get((template, traits))
        if found is None:
            found = self._calls[template, traits] = [
                (rule, rule.check)
                for rule in self.rules
                if rule.looks_at(template=template) and (not rule.needs or rule.needs & traits)
            ]
        return found


# of what was asked for last; replaced as a whole, since other threads may look at it
_last = _Choice(())


def _calls_for(agent: Agent, rules: tuple[Rule, ...]) -> _Calls:
    global _last
    choice = _last
    if choice.rules is not rules:
        choice = _last = _Choice(rules)
    return choice.calls(agent)


def check_agent(agent: Agent, rules: Sequence[Rule]) -> Checked:
    """What rules find in an agent, with the comments in it and what the rules across files need of it."""
    found = check(agent, rules)
    return Checked(
        agent.source,
        found,
        ignores.parse(agent),
        summarise(agent),
        agent.looked,
        template=agent.place.template,
    )


def check_tree(tree: Tree, rules: Iterable[Rule]) -> list[Diagnostic]:
    """What the rules across files find in a load root, whatever comments allow."""
    found = [
        _diagnostic(rule, source, finding)
        for rule in rules
        for source, finding in rule.in_tree(tree)
    ]
    return sorted(found, key=order)


def settle(checked: Checked, rules: Sequence[Rule], *, alone: bool = False) -> list[Diagnostic]:
    """What remains of the findings in a text when its comments have been heard, and what is wrong with these.

    Args:
        checked: the text and what was found.
        rules: that were to run.
        alone: only those ran that look at the text by itself; what allows others may be needed.
    """
    if not checked.ignores:
        return checked.found
    ran = {r.name for r in rules if not alone or r.looks_at(template=checked.template)}
    known = every() | {rule.name: rule for rule in rules}
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
        (ignore, name, rule)
        for ignore in checked.ignores
        for name, _ in ignore.names
        if (rule := resolve(name, known)) and rule.name in ran and (ignore, name) not in used
    )
    allowed = Allowed(checked.source, checked.ignores, unused, checked.template)
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


def place(path: str, root: Root, settings: Settings) -> Place:
    """What is known of where a file stands."""
    servers = root.servers
    if settings.servers:
        servers = (servers or frozenset()) | settings.servers
    return Place(
        plugin=root.plugin,
        path=path,
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
    root = discovery.root_of(path, settings.roots)
    return Agent.of(name, raw, place(str(path), root, settings))


def template_place(path: str) -> Place:
    """What is known of where a template, or a part of one, stands."""
    return Place(path=path, template=True)


def check_text(agent: Agent, settings: Settings) -> list[Diagnostic]:
    """What the rules that hold for an agent's path find in its text by itself, when its comments have been heard."""
    rules = settings.rules_for(agent.source.path)
    return settle(check_agent(agent, rules), rules, alone=True)


# Mending


def mend(agent: Agent, settings: Settings) -> str:
    """The text of an agent with all fixes made that the rules for its path offer, one pass after the other.

    A file with bytes that are not UTF-8 stays as it is: they would be lost.
    """
    if agent.invalid is not None:
        return agent.text
    text = agent.text
    for _ in range(MOST_PASSES):
        text = fixed(agent.text, check_text(agent, settings))
        if text == agent.text:
            break
        agent = Agent(Source(agent.source.path, text), text.encode(), agent.place)
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
