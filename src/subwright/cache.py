"""What earlier runs found, kept in the user's cache folder, so that what did not change is not checked again.

No result goes by the clock. A file of the cache is named by all that its content hangs on beside the agents themselves,
and begins with a checksum of that and of the rest. Where it does not fit, since the file was cut short or is another,
nothing is remembered; what cannot be written is not remembered either.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property, lru_cache
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, NamedTuple

from subwright import __version__, data, files
from subwright.patterns import lazy

if TYPE_CHECKING:
    from pathlib import Path

    from subwright.discovery import Root, Targets

# files of each kind: of what was found, of what was printed for some paths, of what templates compile to
MOST_FILES = {"files": 32, "report": 64, "code": 16}
SIZE = 32  # bytes of a digest
# other packages that have a say: they read the code in an agent, Markdown in doubtful cases, and compile templates
PACKAGES = ("yaml", "markdown_it", "jinja2")
_IGNORED = {".gitignore": "*\n", "CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n"}

_NAME = lazy(r"[0-9a-f]{32}\.(files|report|code)|[0-9a-f]{16}\.tmp")


class Entry(NamedTuple):
    """What was found in one file, made of tuples, texts, bytes and numbers.

    Most of it is packed once more: of thousands of files few are looked into.

    Attributes:
        digest: of the file; nothing in a run that remembers nothing.
        facts: what is known of its load root.
        own: the rules for single files ran; in a neighbour only what the rules across files need was looked for.
        looked: the paths that rules have looked for, and whether they were there.
        summary: for the rules across files, packed; the same bytes for the same summary.
        found: the findings, and the comments that allow findings, packed; nothing where there is neither.
    """

    digest: bytes
    facts: str
    own: bool
    looked: tuple[tuple[str, bool], ...]
    summary: bytes
    found: bytes

    @property
    def key(self) -> tuple[Any, ...]:
        """What all the rest hangs on."""
        return self[:4]

    @property
    def silent(self) -> bool:
        """Whether nothing hangs on the text of the file."""
        return not self.found


class Printed(NamedTuple):
    """What a run printed, and its exit status."""

    text: str
    summary: str
    status: int


class Part(NamedTuple):
    """What a report says of one file.

    Attributes:
        key: what it hangs on beside the rules and the options, of tuples, texts and numbers.
        text: that is printed.
        counts: of the findings, as the output has them.
    """

    key: tuple[Any, ...]
    text: str
    counts: tuple[int, ...]


class FileCache:
    """What earlier runs found in each file.

    Args:
        parts: all that this hangs on beside the files: the rules and what is configured for them.
    """

    def __init__(self, *parts: str) -> None:
        self._store = Store("files", *parts)
        self._new: dict[str, Entry] = {}
        self._new_across: dict[str, tuple[bytes, Any]] = {}
        self._digests: dict[str, bytes] = {}
        self._contents: dict[str, bytes] = {}
        # a file is another than it was when this run looked at it first
        self.changing = False
        # the files of which something was told: what is in them will be asked for again
        self.telling: set[str] = set()

    @cached_property
    def _saved(self) -> tuple[dict[str, tuple[Any, ...]], dict[str, tuple[bytes, Any]]]:
        """The entries of files by their paths, and what was found across files by the folders of load roots."""
        return self._store.load() or ({}, {})

    def digest(self, path: str) -> bytes:
        """The digest of a file, which is read once.

        Raises:
            OSError: it cannot be read.
        """
        found = self._digests.get(path)
        if found is None:
            content = files.content(path)
            found = self._digests[path] = digest(content)
            if path in self.telling:
                self._contents[path] = content
        return found

    def known(self, asked: Mapping[str, tuple[Root, str, bool]]) -> dict[str, Entry]:
        """What was found in those of some files that have not changed since.

        Args:
            asked: for the path of each its load root, what is known of that, and whether the rules for single files
                are wanted too.

        Raises:
            OSError: one cannot be read.
        """
        saved, _ = self._saved
        found = {}
        # there may be thousands: a call for each would take as long as all the rest
        for path, (_, facts, own) in asked.items():
            if path not in saved:
                continue
            entry = Entry._make(saved[path])
            if (
                entry.facts == facts
                and entry.own >= own
                and entry.digest == (self._digests.get(path) or self.digest(path))
                and (not entry.looked or unchanged(entry.looked))
                and (not entry.found or self._at_hand(path))
            ):
                found[path] = entry if entry.own is own else entry._replace(own=own)
        return found

    def _at_hand(self, path: str) -> bool:
        """Whether the text of a file is there, on which hangs what is told of it."""
        self.telling.add(path)
        if path not in self._contents:
            self._contents[path] = files.content(path)
            # it may have changed since it was looked at
            return digest(self._contents[path]) == self._digests[path]
        return True

    def content(self, path: str) -> bytes:
        """What is in a file of which something is to be told.

        Raises:
            OSError: it cannot be read.
        """
        content = self._contents.pop(path, None)
        if content is None:
            content = files.content(path)
            self.changing |= digest(content) != self.digest(path)
        return content

    def put(self, path: str, entry: Entry) -> None:
        """Remember what this run found in a file."""
        self._digests[path] = entry.digest
        self._new[path] = entry
        if not entry.silent:
            self.telling.add(path)

    def across(self, folder: str, about: bytes) -> Any:
        """What was found across the files of a load root; None where that is not known.

        Args:
            folder: of the root.
            about: a digest of all that it hangs on.
        """
        known, found = self._saved[1].get(folder, (b"", None))
        return found if known == about else None

    def put_across(self, folder: str, about: bytes, found: Any) -> None:
        """Remember what this run found across the files of a load root."""
        self._new_across[folder] = about, found

    def save(self) -> None:
        """Save it all, with what is known of files that this run was not about and that are still there."""
        if not self._new and not self._new_across:
            return
        entries, across = (
            {
                path: known
                for path, known in saved.items()
                if path in self._digests or _is_there(path)
            }
            for saved in self._saved
        )
        entries |= {path: tuple(entry) for path, entry in self._new.items()}
        self._store.save((entries, across | self._new_across))


class ReportCache:
    """What whole runs printed.

    Args:
        memory: of the files.
        parts: all that the output hangs on beside the files.
    """

    def __init__(self, memory: FileCache, *parts: str) -> None:
        self._memory = memory
        self._store = Store("report", *parts)
        self._about: bytes | None = None
        self._last = Printed("", "", 0)
        self._parts = marshal.dumps(())

    def get(self, targets: Targets) -> Printed | None:
        """What the last run printed, where it was about the same files and none has changed since.

        Raises:
            OSError: a file cannot be read.
        """
        saved = self._store.load()
        if saved is None:
            return None
        state, across, looked, told, telling, self._parts = saved
        self._last = Printed(*told)
        self._memory.telling |= {*telling}
        if not unchanged(looked) or state != self._state(targets, across):
            return None
        return self._last

    def parts(self) -> dict[str, Part]:
        """What the last run that `get` has looked for printed of each file, by the paths of these."""
        parts = {}
        at = 0
        for path, key, length, counts in marshal.loads(self._parts):
            parts[path] = Part(key, self._last.text[at : at + length], counts)
            # a line end comes after each but those of which nothing was printed
            at += length + (length > 0)
        return parts

    def put(
        self,
        targets: Targets,
        across: bool,
        looked: Mapping[str, bool],
        told: Printed,
        parts: Mapping[str, Part],
    ) -> None:
        """Remember what a run printed.

        Args:
            targets: what it was about.
            across: it looked at the neighbours of the files that it reported on too.
            looked: the paths that rules have looked for, and whether they were there.
            told: what it printed.
            parts: what of this is about each file, in that order; none where it is not made of such parts.
        """
        if self._memory.changing:
            return
        state = self._state(targets, across)
        telling = tuple(self._memory.telling)
        # a run that prints the same again has no time for these
        packed = marshal.dumps(
            [(p, part.key, len(part.text), part.counts) for p, part in parts.items()]
        )
        self._store.save((state, across, tuple(looked.items()), tuple(told), telling, packed))

    def _state(self, targets: Targets, across: bool) -> bytes:
        """A digest of all files that a run is about, and of what is known of them."""
        paths = dict.fromkeys(targets.files)
        if across:
            paths |= dict.fromkeys(path for root in targets.roots for path in root.files)
        contents = b"".join(map(self._memory.digest, paths))
        if self._about is None:
            roots = [(str(root.folder), facts(root), len(root.files)) for root in targets.roots]
            # the root of each file, by its place among all of them
            places = {id(root): place for place, root in enumerate(targets.roots)}
            own = [places[id(root)] for root in targets.files.values()] if len(roots) > 1 else ()
            names = [path for root in targets.roots for path in root.files]
            # no path has this character
            lists = "\0".join((*names, "", *targets.files))
            self._about = (repr((roots, own)) + lists).encode("utf-8", "surrogatepass")
        return digest(self._about + contents)


def facts(root: Root) -> str:
    """What is known of a load root beside its files."""
    return repr((root.plugin, root.servers if root.servers is None else sorted(root.servers)))


def unchanged(looked: Iterable[tuple[str, bool]]) -> bool:
    """Whether all paths are still there that were, and none of those that were not."""
    return all(_is_there(path) is there for path, there in looked)


def _is_there(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110  # is a text


class Store:
    """One file of the cache.

    Args:
        kind: what it holds.
        parts: all that this hangs on beside the agents and the programs that read them.
    """

    def __init__(self, kind: str, *parts: str) -> None:
        self._path: Path | None = None
        try:
            about = repr((kind, _programs(), parts))
            folder = data.cache_folder("lint")
        except OSError:  # the package is no folder, or the working directory is gone
            return
        self._key = digest(about.encode("utf-8", "surrogatepass"))
        if folder is not None and _is_own(folder):
            # the name does not tell the key
            self._path = folder / f"{digest(self._key)[:16].hex()}.{kind}"

    def load(self) -> Any:
        """What was saved last; None where there is nothing, or nothing that can be trusted."""
        if self._path is None:
            return None
        try:
            raw = files.content(str(self._path))
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(self._path)  # so that it is not the first to go
        if len(raw) <= SIZE or raw[:SIZE] != digest(raw[SIZE:], self._key):
            return None
        return marshal.loads(memoryview(raw)[SIZE:])

    def save(self, content: Any) -> None:
        """Save a value made of tuples, lists, dicts, texts, bytes, numbers, booleans, None and compiled code."""
        if self._path is None:
            return
        raw = marshal.dumps(content)
        # another run may do the same: each writes a file of its own and puts it in place at once
        temporary = self._path.with_name(f"{os.urandom(8).hex()}.tmp")
        try:
            _make(self._path.parent)
            _write(temporary, digest(raw, self._key) + raw)
            temporary.replace(self._path)
            _tidy(self._path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()


def digest(raw: bytes, before: bytes = b"") -> bytes:
    """A digest of bytes, of which some may stand before: SHA-256, for which most processors have instructions."""
    found: bytes = _sha256()(before + raw if before else raw).digest()
    return found


@cache
def _sha256() -> Callable[[bytes], Any]:
    # to load OpenSSL takes as long as to check five files, and a run on so few remembers nothing
    from hashlib import sha256

    return sha256


def _is_own(folder: Path) -> bool:
    """Whether nobody else can write into a folder, as far as it is there."""
    if sys.platform == "win32":
        return True
    try:
        status = folder.stat()
    except OSError:
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    data.make_cache_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, text in _IGNORED.items():
        (folder / name).write_text(text, encoding="utf-8")


def _write(path: Path, raw: bytes) -> None:
    """Write a file that only its owner reads: lines of agents stand in it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(raw)


def _tidy(folder: Path) -> None:
    """Take away the files of the cache that were used longest ago, where there are too many."""
    kinds: dict[str | None, list[tuple[int, str]]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            found = _NAME.fullmatch(entry.name)
            if found:
                kinds.setdefault(found[1], []).append((entry.stat().st_mtime_ns, entry.path))
    for kind, known in kinds.items():
        # temporary files have no kind, and other runs may be at some
        for _, path in sorted(known)[: -MOST_FILES.get(kind or "", 8)]:
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108  # is a text


@lru_cache(1)
def _programs() -> tuple[Any, ...]:
    """What stands for the programs that look at agents and templates: sizes and times of their files.

    These times are compared with nothing but themselves.
    """
    package = os.path.dirname(__file__)  # noqa: PTH120  # a start has no time for pathlib
    own = []
    folders = [package]
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    own.append((entry.path, *_stamp(entry.path)))
                elif "." not in entry.name and entry.is_dir():
                    folders.append(entry.path)
    others = [PathFinder.find_spec(name) for name in PACKAGES]
    return (
        __version__,
        sys.version,
        sorted(own),
        [(spec.origin, *_stamp(spec.origin)) for spec in others if spec and spec.origin],
    )


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116  # as above
    return status.st_size, status.st_mtime_ns
