"""The cache folder: what was fetched once, built aside and put in place in one step."""

from __future__ import annotations

import contextlib
import json
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict

from subwright.data import cache_folder, make_cache_folder
from subwright.servers.binary import ServerError

# stands in every entry, written last
RECORD = "binary.json"


def folder() -> Path:
    """The folder in the user's cache.

    Raises:
        ServerError: the user has no home folder.
    """
    found = cache_folder("servers")
    if found is None:
        raise ServerError(
            "there is no home folder to keep servers in",
            help="name a folder in SUBWRIGHT_CACHE_DIR",
        )
    return found


class Record(TypedDict):
    """What is known of an entry: the version and the place of its program, and where it is from."""

    version: str
    program: str
    source: str


def record(entry: Path) -> Record | None:
    """What is known of an entry of the cache, or nothing when there is no whole one."""
    try:
        data = json.loads((entry / RECORD).read_text(encoding="utf-8"))
        return Record(version=data["version"], program=data["program"], source=data["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def build(name: str, make: Callable[[Path], Record]) -> Path:
    """An entry of the cache, made when it is not there yet.

    Of two processes that want the same entry one makes it and the other waits.

    Args:
        name: the name of the entry.
        make: fills the folder it is given and says what is to be recorded of it.

    Raises:
        ServerError: what `make` raises, or the cache folder cannot be written.
    """
    entry = folder() / name
    if record(entry) is not None:
        return entry
    try:
        make_cache_folder(entry.parent)
        with _locked(entry.parent / f".{name}.lock"):
            if record(entry) is not None:
                return entry
            # under the lock, what lies about is of a process that was killed
            for stale in (*entry.parent.glob(f".{name}.*.partial"), entry):
                shutil.rmtree(stale, ignore_errors=True)
            _fill(entry, make)
    except OSError as error:
        raise ServerError(
            f"`{entry}` cannot be made: {error.strerror or error}",
            help="name another folder in SUBWRIGHT_CACHE_DIR",
        ) from error
    return entry


def _fill(entry: Path, make: Callable[[Path], Record]) -> None:
    partial = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", suffix=".partial", dir=entry.parent))
    try:
        known = make(partial)
        (partial / RECORD).write_text(json.dumps(known, sort_keys=True) + "\n", encoding="utf-8")
        _open_to_all(partial)
        partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _open_to_all(top: Path) -> None:
    """Let every user read what the owner reads: the servers do not run as root."""
    for path in (top, *top.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        more = 0o444 | (0o111 if path.is_dir() or mode & stat.S_IXUSR else 0)
        path.chmod(stat.S_IMODE(mode) | more)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    if sys.platform == "win32":  # only SQLite's own module is used there, and that is not fetched
        yield
        return
    import fcntl

    # the file stays: taking it away would let two processes lock two files of one name
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
