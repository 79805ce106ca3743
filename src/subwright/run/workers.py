"""Check files, in other processes beside this one where there are so many that this pays."""

from __future__ import annotations

import marshal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import active_count
from typing import TYPE_CHECKING, NamedTuple, cast

from subwright import cache, files, linter
from subwright.agent import Agent
from subwright.cache import Entry
from subwright.discovery import Root
from subwright.run.packing import pack
from subwright.settings import Settings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import DefaultContext, ForkContext

PAYS = 200  # files from which on other processes pay for their start
PART = 16  # files that a process takes at a time, as long as there are many
AHEAD = 3  # parts that another process is given before it has checked them, so that it never waits


class Work(NamedTuple):
    """A file to check.

    Attributes:
        path: of the file.
        root: that it stands in.
        facts: what is known of that, as the cache has it.
        own: it is to be reported on; of a neighbour only what the rules across files need is looked for.
        digested: its digest is needed, by which what is found in it will be remembered.
    """

    path: str
    root: Root
    facts: str
    own: bool
    digested: bool


class Outcome(NamedTuple):
    """What was found in a file; `text` is there where something hangs on it."""

    path: str
    entry: Entry
    text: str | None


def check(work: Sequence[Work], settings: Settings, jobs: int) -> Iterator[Outcome]:
    """Check files, in any order.

    Args:
        work: the files.
        settings: what holds for them.
        jobs: how many processes to use at most, with this one.

    Raises:
        OSError: a file cannot be read.
    """
    if jobs > 1 and len(work) >= PAYS and _may_start():
        return _check_together(work, settings, jobs)
    return (_check(each, settings) for each in work)


def _check(work: Work, settings: Settings) -> Outcome:
    raw = files.content(work.path)
    agent = Agent.of(work.path, raw, linter.place(work.path, work.root, settings))
    rules = settings.rules_for(work.path) if work.own else ()
    checked = linter.check_agent(agent, rules)
    digest = cache.digest(raw) if work.digested else b""
    entry = pack(digest, work.facts, work.own, checked)
    return Outcome(work.path, entry, None if entry.silent else agent.text)


def _check_together(work: Sequence[Work], settings: Settings, jobs: int) -> Iterator[Outcome]:
    """Check files in this process and in helpers, each of which takes the next part when it has done one."""
    from multiprocessing import connection

    parts = deque(_parts(len(work), jobs))
    helpers: list[_Helper] = []
    try:
        # a system may have no more of them
        with suppress(OSError):
            for _ in range(min(jobs - 1, len(parts))):
                helpers.append(_Helper(work, settings))
                helpers[-1].give(parts)
        while parts or any(helper.given for helper in helpers):
            if parts:
                for at in parts.popleft():
                    yield _check(work[at], settings)
            busy = {sign: helper for helper in helpers if helper.given for sign in helper.signs}
            if busy:
                for ready in connection.wait(list(busy), 0 if parts else None):
                    helper = busy[cast("Connection | int", ready)]
                    yield from helper.take(parts)
                    helper.give(parts)
    finally:
        for helper in helpers:
            helper.end()


def _parts(length: int, jobs: int) -> Iterator[range]:
    """The parts of some work by the places of the files: small ones at the end, so that all are done at once."""
    start = 0
    while start < length:
        stop = start + min(PART, 1 + (length - start) // (8 * jobs))
        yield range(start, min(stop, length))
        start = stop


class _Helper:
    """Another process, that checks parts of some work.

    Args:
        work: the files.
        settings: what holds for them.

    Attributes:
        given: the parts that it has not checked yet.
        signs: what is to be waited for: an answer, or its end.
    """

    def __init__(self, work: Sequence[Work], settings: Settings) -> None:
        context = _context()
        self._pipe, its = context.Pipe()
        self.given: deque[range] = deque()
        arguments = (its, self._pipe, work, settings)
        self._process = context.Process(target=_help, args=arguments, daemon=True)
        with _without_interrupts():
            self._process.start()
        its.close()
        self.signs: tuple[Connection | int, ...] = (self._pipe, self._process.sentinel)
        self._lost = False

    def give(self, parts: deque[range]) -> None:
        """Give it the next parts, of which it needs some ahead so that it never waits."""
        while parts and len(self.given) < AHEAD and not self._lost:
            part = parts.popleft()
            self.given.append(part)
            # whether it is still there is seen when it is to answer
            with suppress(OSError):
                self._pipe.send_bytes(marshal.dumps((part.start, part.stop)))

    def take(self, parts: deque[range]) -> list[Outcome]:
        """What it has found in its next part.

        Where it has ended, since it was killed or met what cannot be checked, it gives back all its parts: this
        process will meet the same, and can tell it.
        """
        try:
            # one that ended before it took its end of the pipe leaves no sign there
            if not self._pipe.poll():
                raise EOFError
            raw = self._pipe.recv_bytes()
        except (EOFError, OSError):
            self._lost = True
            parts.extend(self.given)
            self.given.clear()
            return []
        self.given.popleft()
        return [Outcome(path, Entry._make(entry), text) for path, entry, text in marshal.loads(raw)]

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _may_start() -> bool:
    """Whether this process may have others: a daemon may not, and one that is forked beside other threads may hang."""
    from multiprocessing import current_process

    return not (current_process().daemon or (sys.platform == "linux" and active_count() > 1))


def _context() -> DefaultContext | ForkContext:
    from multiprocessing import get_context

    # a forked process starts at once and has all that this one has loaded
    return get_context("fork" if sys.platform == "linux" else None)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that an interrupt does not reach, which a terminal sends to all: it waits for this one."""
    if sys.platform == "win32":
        yield
        return
    import signal

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _help(pipe: Connection, other: Connection, work: Sequence[Work], settings: Settings) -> None:
    """What a helper does until the first process ends or ends it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # so that only the first process has it, whose end is seen by it
    other.close()
    with suppress(Exception):
        while True:
            start, stop = marshal.loads(pipe.recv_bytes())
            found = [_check(each, settings) for each in work[start:stop]]
            # of plain data this takes less than half of what `pickle` does
            pipe.send_bytes(
                marshal.dumps([(path, tuple(entry), text) for path, entry, text in found])
            )
