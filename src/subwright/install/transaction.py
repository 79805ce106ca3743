"""Change several files of a folder so that, whatever happens, all of them change or none.

What is to be written stands beside its target first, then a journal says what takes the place of what: from then on the
change counts as done, and the next run does the rest if this one is killed. No file is overwritten or taken away
whose content is not the one that the change was made for. None of the names in between is one that Claude Code loads.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from subwright import files
from subwright.errors import SubwrightError

JOURNAL = ".subwright-install.journal"
PATIENCE = 20.0  # seconds to wait for another run
_STAGED = re.compile(r"\.subwright-install-[0-9a-f]{16}-\d+\.(?:new|old)")
_TARGET = re.compile(r"(?!\.subwright-install)[^/\\\0]{1,255}")


class TransactionError(SubwrightError):
    """A change that cannot be made; nothing of it is."""


@dataclass(frozen=True)
class Change:
    """One file of a change.

    Attributes:
        name: of the file.
        before: what it holds; None where it is not there.
        after: what it will hold; None where it will not be there.
        like: the file whose mode a new one gets. One that keeps what another holds stands before that one: where it
            cannot be written, the other stays.
    """

    name: str
    before: bytes | None
    after: bytes | None
    like: str | None = None


@dataclass(frozen=True)
class _Step:
    """An entry of the journal."""

    name: str
    before: str | None
    after: str | None
    new: str | None
    old: str | None


@contextlib.contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Keep other runs away from a folder while this process lives; runs that only read get on with each other.

    Raises:
        TransactionError: another run keeps it for too long.
    """
    end = time.monotonic() + PATIENCE
    while True:
        with _handle(folder) as descriptor:
            while not _try_lock(descriptor, shared):
                if time.monotonic() > end:
                    raise TransactionError(
                        f"another run of subwright is at work in `{folder}`",
                        help="try again when it has ended",
                    )
                time.sleep(0.02)
            # a run that failed may have taken the folder away that it had made
            if sys.platform == "win32" or _is(folder, descriptor):
                yield
                return
            folder.mkdir(parents=True, exist_ok=True)


if sys.platform == "win32":
    import tempfile

    @contextlib.contextmanager
    def _handle(folder: Path) -> Iterator[int]:
        # Windows opens no folders
        name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
        path = Path(tempfile.gettempdir()) / f"subwright-{name}.lock"
        with path.open("a") as file:
            yield file.fileno()

    def _try_lock(descriptor: int, shared: bool) -> bool:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _is(folder: Path, descriptor: int) -> bool:
        return True
else:

    @contextlib.contextmanager
    def _handle(folder: Path) -> Iterator[int]:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _try_lock(descriptor: int, shared: bool) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _is(folder: Path, descriptor: int) -> bool:
        try:
            return os.path.samestat(folder.stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False


def pending(folder: Path) -> bool:
    """Whether a run was killed in this folder, and left a change to be finished."""
    return (folder / JOURNAL).exists()


def recover(folder: Path) -> list[str]:
    """Finish what a run that was killed had begun, or take it back; to be called under the lock.

    Returns:
        The files that somebody has changed since, which are left as they are.

    Raises:
        TransactionError: it can be neither finished nor taken back.
    """
    kept: list[str] = []
    content = files.read(folder / JOURNAL)
    if content is not None:
        steps = _parse(folder, content)
        kept = _finish(folder, steps)
    _sweep(folder)
    return kept


def carry_out(folder: Path, changes: Sequence[Change]) -> list[str]:
    """Make a change; to be called under the lock, after `recover`.

    Returns:
        The files that somebody changed while it was being made, which are left as they are.

    Raises:
        TransactionError: it cannot be made, and nothing of it is.
    """
    for path in (folder / JOURNAL, *(folder / change.name for change in changes)):
        if path.is_symlink():
            raise TransactionError(f"`{path}` is a link\nnothing is written", help="take it away")
    mark = os.urandom(8).hex()
    steps = []
    try:
        for number, change in enumerate(changes):
            stem = f".subwright-install-{mark}-{number}"
            new = f"{stem}.new" if change.after is not None else None
            # what a failure further on is taken back with
            old = f"{stem}.old" if change.before is not None else None
            for name, content in ((new, change.after), (old, change.before)):
                if name is not None and content is not None:
                    _stage(folder / name, content, like=folder / (change.like or change.name))
            steps.append(_Step(change.name, _sha(change.before), _sha(change.after), new, old))
        text = json.dumps({"version": 1, "steps": [asdict(step) for step in steps]}, indent=1)
        staged = folder / f".subwright-install-{mark}-{len(changes)}.new"
        _stage(staged, text.encode(), like=staged)
        staged.replace(folder / JOURNAL)
        _sync(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            (folder / JOURNAL).unlink(missing_ok=True)
        _sweep(folder)
        raise TransactionError(
            f"cannot write in `{folder}`: {error.strerror}\nnothing is written"
        ) from error
    except BaseException:
        if not pending(folder):
            _sweep(folder)
        raise
    kept = _finish(folder, steps)
    _sweep(folder)
    return kept


def _finish(folder: Path, steps: Sequence[_Step]) -> list[str]:
    """Do what the journal says, or when that fails take back what was done of it."""
    kept: list[str] = []
    unsaved: set[str | None] = set()
    try:
        for step in steps:
            if step.before in unsaved or not _move(
                folder, step.name, step.before, step.after, step.new
            ):
                kept.append(step.name)
                # what a backup was to hold must stay where it is
                if step.before is None:
                    unsaved.add(step.after)
        _sync(folder)
    except OSError as error:
        try:
            for step in reversed(steps):
                _move(folder, step.name, step.after, step.before, step.old)
            _sync(folder)
            (folder / JOURNAL).unlink(missing_ok=True)
        except OSError as second:
            raise TransactionError(
                f"cannot finish the change of `{folder}`: {second.strerror} `{second.filename}`",
                help="when that is mended, `subwright install` does the rest; to leave all as it is, delete "
                f"`{folder / JOURNAL}`",
            ) from second
        _sweep(folder)
        raise TransactionError(
            f"cannot write in `{folder}`: {error.strerror} `{error.filename}`\nnothing is written"
        ) from error
    # the next run does nothing with a journal whose work is done
    with contextlib.suppress(OSError):
        (folder / JOURNAL).unlink(missing_ok=True)
    return kept


def _move(
    folder: Path, name: str, before: str | None, after: str | None, staged: str | None
) -> bool:
    """Bring a file from one content to the other; false where it has neither."""
    target = folder / name
    now = None if target.is_symlink() else _sha(_regular(target))
    if target.is_symlink() or now not in (before, after):
        return False
    if now == after:
        return True
    if staged is None:
        target.unlink()
    else:
        # a staged file that is gone is no reason to lose the target
        (folder / staged).replace(target)
    return True


def _regular(path: Path) -> bytes | None:
    if path.exists() and not path.is_file():
        raise OSError(errno.EISDIR, "not a file", str(path))
    return files.read(path)


def _stage(path: Path, content: bytes, like: Path) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if like.is_file():
        path.chmod(like.stat().st_mode & 0o7777)


def _parse(folder: Path, content: bytes) -> list[_Step]:
    """The steps of a journal, which may have come with a checkout: nothing in it leads out of the folder.

    Raises:
        TransactionError: it is none that this program writes.
    """
    try:
        data = json.loads(content)
        steps = [_Step(**item) for item in data["steps"]]
        good = data["version"] == 1 and all(
            _TARGET.fullmatch(step.name)
            and step.name not in (".", "..")
            and all(name is None or _STAGED.fullmatch(name) for name in (step.new, step.old))
            for step in steps
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        good = False
    if not good:
        raise TransactionError(
            f"`{folder / JOURNAL}` is no journal of this program", help="take it away"
        )
    return steps


def _sweep(folder: Path) -> None:
    """Take away what a run left that was killed; under the lock nobody else uses it."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208
            if _STAGED.fullmatch(name):
                (folder / name).unlink()


def _sha(content: bytes | None) -> str | None:
    return hashlib.sha256(content).hexdigest() if content is not None else None


def _sync(folder: Path) -> None:
    """Make what was renamed last through a loss of power, where the system can."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)
