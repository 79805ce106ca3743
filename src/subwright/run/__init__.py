"""Lint what a run is about: files and templates, each once, with the rules across files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, Protocol, TypeVar

from subwright import cache, files
from subwright.cache import Entry, FileCache
from subwright.diagnostic import Diagnostic, Source
from subwright.discovery import Root, Targets
from subwright.linter import Checked, check_tree, order, settle
from subwright.reading import decode
from subwright.rules import Rule
from subwright.run import workers
from subwright.run.packing import pack_across, summed_up, unpack, unpack_across, unpack_summary
from subwright.run.templates import Load, check_template, template_loader
from subwright.run.workers import Outcome, Work
from subwright.settings import Settings
from subwright.tree import Tree

__all__ = ["Load", "Result", "lint", "template_loader"]

T = TypeVar("T")


class Watch(Protocol):
    """Passes things on that it sees, of which there are as many as it is told."""

    def __call__(self, items: Iterable[T], length: int) -> Iterable[T]: ...


class Found(NamedTuple):
    """What was found in a file.

    Attributes:
        path: of the file.
        key: what the findings hang on beside the settings, of tuples, texts and numbers; nothing without a memory.
        tell: works out the findings, in the order of `order`.
    """

    path: str
    key: tuple[Any, ...]
    tell: Callable[[], list[Diagnostic]]


class Result(NamedTuple):
    """What a run found.

    Attributes:
        found: by file, in the order of their paths.
        files: the paths of the files that were read to report on.
        across: neighbours of these files were read too.
        looked: the paths that rules have looked for, and whether they were there.
    """

    found: tuple[Found, ...]
    files: tuple[str, ...]
    across: bool
    looked: Mapping[str, bool]

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All findings, in the order of `order`."""
        return tuple(chain.from_iterable(found.tell() for found in self.found))


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
    asked = _asked(targets, roots)
    gathered = _Gathered(asked, memory)
    remembered = memory is not None
    missing = [
        Work(path, *about, digested=remembered)
        for path, about in asked.items()
        if path not in gathered.entries
    ]
    each = chain(
        map(gathered.add, workers.check(missing, settings, jobs)),
        map(gathered.add_template, _templates(targets, settings, load)),
    )
    deque(watch(each, len(missing) + len(targets.templates)), maxlen=0)
    try:
        for root in roots:
            gathered.compare(root, settings)
    finally:
        # a file may be gone by now: what is known of the others stays true
        if memory is not None:
            memory.save()
    silent = {path for path, (_, _, own) in asked.items() if not own}
    return Result(tuple(gathered.found(settings, silent)), targets.paths, across, gathered.looked)


def _asked(targets: Targets, roots: Iterable[Root]) -> dict[str, tuple[Root, str, bool]]:
    """The files to read, each with the root, facts and `own` of its `Work`: what to report on comes first."""
    own = {id(root): (root, cache.facts(root), True) for root in targets.roots}
    asked = {path: own[id(root)] for path, root in targets.files.items()}
    for root in roots:
        about = (root, own[id(root)][1], False)
        for path in root.files:
            asked.setdefault(path, about)
    return asked


def _templates(targets: Targets, settings: Settings, load: Load | None) -> Iterator[Checked]:
    for path in targets.templates:
        assert load is not None
        yield from check_template(path, settings, load)


class _Gathered:
    """What was found so far, in files and across them.

    Args:
        asked: the files to read, as `_asked` has them.
        memory: what earlier runs found in them.

    Attributes:
        entries: what was found in each file, which stays packed: it may not be asked for.
    """

    def __init__(
        self, asked: Mapping[str, tuple[Root, str, bool]], memory: FileCache | None
    ) -> None:
        self.entries = memory.known(asked) if memory is not None else {}
        self._memory = memory
        self._templates: dict[str, Checked] = {}
        self._across: dict[str, list[Diagnostic]] = {}
        self._sources = _Sources(memory)

    @property
    def looked(self) -> dict[str, bool]:
        """The paths that rules have looked for, and whether they were there."""
        return dict(chain.from_iterable(entry.looked for entry in self.entries.values()))

    def add(self, outcome: Outcome) -> None:
        """Take in what was found in a file, and remember it."""
        path, entry, text = outcome
        self.entries[path] = entry
        if self._memory is not None:
            self._memory.put(path, entry)
        if text is not None:
            self._sources[path] = Source(path, text)

    def add_template(self, checked: Checked) -> None:
        """Take in what was found in a template, or in a part of one, which several may share."""
        path = checked.source.path
        if path in self.entries or path in self._templates:
            known = self._checked(path)
            known.found += [found for found in checked.found if found not in known.found]
            checked = known
        self._templates[path] = checked

    def compare(self, root: Root, settings: Settings) -> None:
        """Run the rules across the files of a load root, or take what they have found before."""
        for packed in self._compared(root, settings.rules):
            diagnostic = unpack_across(packed, self._sources)
            path = diagnostic.source.path
            names = {rule.name for rule in settings.rules_for(path)}
            known = self._across.setdefault(path, [])
            # a file that several roots share is found wrong once
            if diagnostic.rule in names and diagnostic not in known:
                known.append(diagnostic)

    def _compared(self, root: Root, rules: Sequence[Rule]) -> Sequence[tuple[Any, ...]]:
        named = [(p, entry) for p in root.files if (entry := self.entries.get(p)) and entry.summary]
        if self._memory is None:
            return _compare(root, named, rules)
        folder, about = str(root.folder), summed_up(root.plugin, named)
        found: Sequence[tuple[Any, ...]] | None = self._memory.across(folder, about)
        if found is None:
            found = _compare(root, named, rules)
            self._memory.put_across(folder, about, found)
        return found

    def found(self, settings: Settings, silent: Collection[str]) -> Iterator[Found]:
        """What was found in each file, in the order of their paths.

        Args:
            settings: the rules.
            silent: the files that are not reported on.
        """
        alone = {path for path, entry in self.entries.items() if entry.found}
        for path in sorted(alone | self._templates.keys() | self._across.keys()):
            across = self._across.get(path, [])
            if path in silent:
                across = [each for each in across if _about_another(each, silent)]
                if not across:
                    continue
            key = self._key(path, across)
            yield Found(path, key, partial(self._tell, path, across, settings, path in silent))

    def _key(self, path: str, across: Iterable[Diagnostic]) -> tuple[Any, ...]:
        if self._memory is None or path in self._templates:
            return ()
        digest = self._memory.digest
        return (
            self.entries[path].key,
            tuple([pack_across(each) for each in across]),
            tuple([digest(r.source.path) for each in across for r in each.related]),
        )

    def _tell(
        self, path: str, across: Sequence[Diagnostic], settings: Settings, silent: bool
    ) -> list[Diagnostic]:
        checked = self._checked(path)
        checked.found += across
        found = settle(checked, settings.rules_for(path))
        return sorted([each for each in found if not silent or each in across], key=order)

    def _checked(self, path: str) -> Checked:
        known = self._templates.get(path)
        if known is None:
            return unpack(self.entries[path], self._sources[path])
        return Checked(known.source, known.found, known.ignores, template=known.template)


def _compare(
    root: Root, named: Iterable[tuple[str, Entry]], rules: Iterable[Rule]
) -> tuple[tuple[Any, ...], ...]:
    """What the rules across files find in a load root, packed.

    Args:
        root: the load root.
        named: the files in it that have a summary, each with its entry.
        rules: all rules.
    """
    agents = tuple([unpack_summary(path, entry) for path, entry in named])
    tree = Tree(str(root.folder), root.plugin, agents, _Names())
    return tuple([pack_across(each) for each in check_tree(tree, rules)])


class _Names(dict[str, Source]):
    """A source without a text for each file: what is found across files hangs on the summaries of them alone."""

    def __missing__(self, path: str) -> Source:
        self[path] = source = Source(path, "")
        return source


class _Sources(dict[str, Source]):
    """The text of each file by its path, read when it is needed: few are the subject of a finding."""

    def __init__(self, memory: FileCache | None) -> None:
        self._content = memory.content if memory is not None else files.content

    def __missing__(self, path: str) -> Source:
        self[path] = source = Source(path, decode(self._content(path))[0])
        return source


def _about_another(found: Diagnostic, silent: Collection[str]) -> bool:
    """Whether a finding in a file that is not reported on is the fault of one that is: the later of two of a name."""
    return any(related.source.path not in silent for related in found.related)
