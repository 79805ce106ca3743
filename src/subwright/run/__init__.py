"""Lint what a run is about: files and templates, each once, with the rules across files."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, Protocol, TypeVar

from subwright import cache, files
from subwright.cache import FileCache
from subwright.diagnostic import Diagnostic, Source
from subwright.discovery import Root, Targets
from subwright.linter import Checked, check_tree, order, settle
from subwright.reading import decode
from subwright.run import workers
from subwright.run.packing import unpack
from subwright.run.templates import Load, check_template, template_loader
from subwright.run.workers import Outcome, Work
from subwright.settings import Settings
from subwright.tree import Summary, Tree

__all__ = ["Load", "Result", "lint", "template_loader"]

T = TypeVar("T")


class Watch(Protocol):
    """Passes things on that it sees, of which there are as many as it is told."""

    def __call__(self, items: Iterable[T], length: int) -> Iterable[T]: ...


class Result(NamedTuple):
    """What a run found.

    Attributes:
        diagnostics: in the order of `order`.
        files: the paths of the files that were read to report on.
        across: neighbours of these files were read too.
        looked: the paths that rules have looked for, and whether they were there.
    """

    diagnostics: tuple[Diagnostic, ...]
    files: tuple[str, ...]
    across: bool
    looked: Mapping[str, bool]


def _unwatched(items: Iterable[T], length: int) -> Iterable[T]:
    return items


def lint(
    targets: Targets,
    settings: Settings,
    *,
    jobs: int = 1,
    load: Load | None = None,
    watch: Watch = _unwatched,
    memory: FileCache | None = None,
) -> Result:
    """Lint files and templates.

    Args:
        targets: what to report on.
        settings: the rules and what the project allows.
        jobs: how many processes to use.
        load: reads a template; needed where there are any.
        watch: sees the results pass by, for a progress bar.
        memory: what earlier runs found with the same settings; what this one finds is put into it.

    Raises:
        OSError: a file cannot be read.
    """
    # the rules across files need the neighbours of the files that are reported on
    across = any(rule.family == "tree" for rule in settings.rules)
    roots = targets.roots if across else []
    work = _work(targets, roots)
    gathered = _Gathered()
    each = chain(
        map(gathered.add, _outcomes(work, settings, jobs, memory)),
        map(gathered.add_template, _templates(targets, settings, load)),
    )
    deque(watch(each, len(work) + len(targets.templates)), maxlen=0)
    if memory is not None:
        memory.save()
    for root in roots:
        gathered.compare(root, settings)
    silent = {each.path for each in work if not each.own}
    diagnostics = [
        diagnostic
        for name, checked in gathered.told.items()
        if name not in silent or _about_another(checked.found, silent)
        for diagnostic in settle(checked, settings.rules_for(name))
        if name not in silent or _about_another([diagnostic], silent)
    ]
    return Result(
        tuple(sorted(diagnostics, key=order)),
        targets.paths,
        across,
        gathered.looked,
    )


def _work(targets: Targets, roots: Iterable[Root]) -> list[Work]:
    """The files to read: those to report on, and after them their neighbours in some roots."""
    facts = {id(root): cache.facts(root) for root in (*targets.roots, *targets.files.values())}
    work = {p: Work(p, root, facts[id(root)], True) for p, root in targets.files.items()}
    for root in roots:
        for path in root.files:
            if path not in work:
                work[path] = Work(path, root, facts[id(root)], False)
    return [*work.values()]


def _outcomes(
    work: Sequence[Work], settings: Settings, jobs: int, memory: FileCache | None
) -> Iterator[Outcome]:
    """What is found in each file, or was found before."""
    missing = work
    if memory is not None:
        missing = []
        for each in work:
            known = _remembered(each, memory)
            if known is None:
                missing.append(each)
            else:
                yield known
    for outcome in workers.check(missing, settings, jobs):
        if memory is not None:
            memory.put(outcome.path, outcome.entry)
        yield outcome


def _remembered(work: Work, memory: FileCache) -> Outcome | None:
    entry = memory.get(work.path, work.facts, work.own)
    if entry is None or entry.silent:
        return Outcome(work.path, entry, None) if entry else None
    return Outcome(work.path, entry, decode(memory.content(work.path))[0])


def _templates(targets: Targets, settings: Settings, load: Load | None) -> Iterator[Checked]:
    for path in targets.templates:
        assert load is not None
        yield from check_template(path, settings, load)


class _Gathered:
    """What was found so far: in files in which there was anything, and across them."""

    def __init__(self) -> None:
        self.told: dict[str, Checked] = {}
        self.looked: dict[str, bool] = {}
        self._summaries: dict[str, Summary] = {}
        self._sources = _Sources()

    def add(self, outcome: Outcome) -> None:
        """Take in what was found in a file."""
        path, entry, text = outcome
        if entry.looked:
            self.looked.update(entry.looked)
        if entry.summary is not None:
            self._summaries[path] = Summary(path, *entry.summary)
        if text is not None:
            self._sources[path] = source = Source(path, text)
            self.told[path] = unpack(entry, source)

    def add_template(self, checked: Checked) -> None:
        """Take in what was found in a template, or in a part of one, which several may share."""
        known = self.told.setdefault(checked.source.path, checked)
        if known is not checked:
            known.found += [found for found in checked.found if found not in known.found]

    def compare(self, root: Root, settings: Settings) -> None:
        """Run the rules across the files of a load root."""
        found = map(self._summaries.get, root.files)
        agents = tuple(summary for summary in found if summary is not None)
        tree = Tree(str(root.folder), root.plugin, agents, self._sources)
        for diagnostic in check_tree(tree, settings.rules):
            path = diagnostic.source.path
            names = {rule.name for rule in settings.rules_for(path)}
            own = self.told.setdefault(path, Checked(diagnostic.source))
            # a file that several roots share is found wrong once
            if diagnostic.rule in names and diagnostic not in own.found:
                own.found.append(diagnostic)


class _Sources(dict[str, Source]):
    """The text of each file by its path, read when it is needed: few are the subject of a finding."""

    def __missing__(self, path: str) -> Source:
        self[path] = source = Source(path, decode(files.content(path))[0])
        return source


def _about_another(found: Iterable[Diagnostic], silent: Collection[str]) -> bool:
    """Whether a finding in a file that is not reported on is the fault of one that is: the later of two of a name."""
    return any(
        related.source.path not in silent for diagnostic in found for related in diagnostic.related
    )
