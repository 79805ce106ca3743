"""Check files, in other processes where there are so many that this pays."""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from subwright import cache, files, linter
from subwright.agent import Agent
from subwright.cache import Entry
from subwright.discovery import Root
from subwright.run.packing import pack
from subwright.settings import Settings

CHUNK = 50  # files that a process is given at a time
PAYS = 200  # files from which on processes pay for their start


class Work(NamedTuple):
    """A file to check.

    Attributes:
        path: of the file.
        root: that it stands in.
        facts: what is known of that, as the cache has it.
        own: it is to be reported on; of a neighbour only what the rules across files need is looked for.
    """

    path: str
    root: Root
    facts: str
    own: bool


class Outcome(NamedTuple):
    """What was found in a file; `text` is there where something hangs on it."""

    path: str
    entry: Entry
    text: str | None


def check(work: Sequence[Work], settings: Settings, jobs: int) -> Iterator[Outcome]:
    """Check files, in their order.

    Args:
        work: the files.
        settings: what holds for them.
        jobs: how many processes to use at most.

    Raises:
        OSError: a file cannot be read.
    """
    if jobs == 1 or len(work) < PAYS:
        yield from (_check(each, settings) for each in work)
        return
    from concurrent.futures import ProcessPoolExecutor

    # a process is not sent the names of all files with each
    bare = {id(root): root._replace(files=()) for _, root, _, _ in work}
    work = [each._replace(root=bare[id(each.root)]) for each in work]
    chunks = [work[start : start + CHUNK] for start in range(0, len(work), CHUNK)]
    with ProcessPoolExecutor(min(jobs, len(chunks)), None, _begin, (settings,)) as pool:
        for raw in pool.map(_check_chunk, chunks):
            for path, entry, text in marshal.loads(raw):
                yield Outcome(path, Entry(*entry), text)


# of a worker, given once
_settings = Settings(())


def _begin(settings: Settings) -> None:
    global _settings
    _settings = settings
    _watch_parent()


def _check_chunk(work: Sequence[Work]) -> bytes:
    found = [_check(each, _settings) for each in work]
    # of plain data this takes less than half of what `pickle` does
    return marshal.dumps([(path, tuple(entry), text) for path, entry, text in found])


def _check(work: Work, settings: Settings) -> Outcome:
    raw = files.content(work.path)
    agent = Agent.of(work.path, raw, linter.place(work.path, work.root, settings))
    rules = settings.rules_for(work.path) if work.own else ()
    checked = linter.check_agent(agent, rules)
    entry = pack(cache.digest(raw), work.facts, work.own, checked)
    return Outcome(work.path, entry, None if entry.silent else agent.text)


def _watch_parent() -> None:
    """End this process when its parent does: one that is killed cannot say so."""
    from multiprocessing import parent_process
    from threading import Thread

    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()
