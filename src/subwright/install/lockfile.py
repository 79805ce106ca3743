"""The lock file: what was installed in an agents folder, from what, with which values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from subwright import files
from subwright.errors import SubwrightError
from subwright.template import Value

NAME = "subwright.lock"
_HEAD = "# Written by `subwright install`: commit it, and leave changes to the program.\n"
_VERSION = 1


class LockError(SubwrightError):
    """A lock file that cannot be read."""


@dataclass(frozen=True)
class Entry:
    """One installed agent.

    Attributes:
        file: its name in the folder.
        template: the name of the template that it was rendered from.
        templates: the folder of that template, from the agents folder; empty for subwright's own.
        template_sha256: of the template's text and of all that it includes.
        sha256: of the agent as it was written.
        subwright: the version that wrote it.
        values: all values that it was rendered with.
        given: the names of those that were chosen by hand against what the project says.
    """

    file: str
    template: str
    template_sha256: str
    sha256: str
    subwright: str
    values: Mapping[str, Value]
    given: tuple[str, ...] = ()
    templates: str = ""


@dataclass(frozen=True)
class Lock:
    """The entries of a lock file, by file name."""

    entries: Mapping[str, Entry] = field(default_factory=dict)

    def text(self) -> str:
        """The lock file, as TOML: sorted, one value a line, so that a diff shows what has changed."""
        parts = [_HEAD + _line("version", _VERSION)]
        for entry in sorted(self.entries.values(), key=lambda entry: entry.file):
            lines = [
                "[[agent]]\n",
                _line("file", entry.file),
                _line("sha256", entry.sha256),
                _line("template", entry.template),
                _line("template-sha256", entry.template_sha256),
                _line("templates", entry.templates) if entry.templates else "",
                _line("subwright", entry.subwright),
                _line("given", sorted(entry.given)),
            ]
            if entry.values:
                lines.append("\n[agent.values]\n")
            lines += [_line(name, value) for name, value in sorted(entry.values.items())]
            parts.append("".join(lines))
        return "\n".join(parts)

    def with_entries(self, changed: Iterable[Entry], gone: Iterable[str] = ()) -> Lock:
        """The lock with entries added or replaced, and without others."""
        entries = {**self.entries, **{entry.file: entry for entry in changed}}
        for file in gone:
            entries.pop(file, None)
        return Lock(entries)


def digest(content: bytes) -> str:
    """What an agent's content is known by; a checkout may have changed its line ends."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def is_name(name: str) -> bool:
    """Whether a name is one that an agent can have in the folder itself."""
    return (
        name.endswith(".md")
        and not name.startswith(".")
        and name.isprintable()
        and not any(c in name for c in '/\\:*?"<>|')
    )


def read(folder: Path) -> Lock:
    """The lock file of an agents folder; empty where there is none.

    Raises:
        LockError: it has not the form.
    """
    path = folder / NAME
    content = files.read(path)
    if content is None:
        return Lock()
    return parse(content, str(path))


def parse(content: bytes, path: str = NAME) -> Lock:
    """The lock file with this content.

    Raises:
        LockError: it has not the form.
    """
    import tomllib

    def wrong(problem: str, line: int | None = None) -> LockError:
        return LockError(
            f"{path}{f':{line}' if line else ''}: {problem}",
            help="take it back from the repository, or delete it: `subwright install TEMPLATE` takes over "
            "files that are as it would write them",
        )

    try:
        text = content.decode()
        for number, line in enumerate(text.split("\n"), 1):
            if line.startswith(("<<<<<<< ", ">>>>>>> ")):
                raise wrong("a merge left its marks", number)
        data = tomllib.loads(text)
    except (ValueError, RecursionError):
        raise wrong("is not TOML") from None
    version = data.get("version")
    if version != _VERSION:
        if isinstance(version, int) and version > _VERSION:
            raise LockError(f"{path}: is of a later version of subwright", help="update subwright")
        raise wrong("is not of the form that this version writes")
    agents = data.get("agent", [])
    if not isinstance(agents, list):
        raise wrong("`agent` is not a list of tables")
    entries: dict[str, Entry] = {}
    for number, item in enumerate(agents, 1):
        try:
            entry = _entry(item)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise wrong(f"agent {number} has not the form") from None
        if entry.file in entries:
            raise wrong(f"`{entry.file}` stands there twice")
        entries[entry.file] = entry
    return Lock(entries)


def _entry(item: Mapping[str, Any]) -> Entry:
    def text(key: str) -> str:
        value = item[key]
        if not isinstance(value, str):
            raise TypeError(key)
        return value

    values, given = item.get("values", {}), item.get("given", [])
    if not isinstance(values, dict) or not all(isinstance(v, str | bool) for v in values.values()):
        raise TypeError("values")
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise TypeError("given")
    if not is_name(text("file")):
        raise ValueError("file")
    return Entry(
        file=text("file"),
        template=text("template"),
        template_sha256=text("template-sha256"),
        sha256=text("sha256"),
        subwright=text("subwright"),
        values=values,
        given=tuple(given),
        templates=text("templates") if "templates" in item else "",
    )


def _line(key: str, value: Any) -> str:
    # JSON's strings are TOML's, but for a character that JSON lets stand
    return f"{key} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "\\u007f")
