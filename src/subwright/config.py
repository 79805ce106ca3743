"""`[tool.subwright]` in the nearest pyproject.toml, or `subwright.toml`: defaults of options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from subwright.errors import SubwrightError, did_you_mean
from subwright.patterns import lazy

_HEADER = lazy(r"\s*\[\[?([^\]]*)\]")
_KEY = lazy(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = lazy(r"""\s*(?:"[^"]*"|'[^']*'|[^."']+)\s*""")


class ConfigError(SubwrightError):
    """A configuration that is wrong."""


class Config(NamedTuple):
    """The table `[tool.subwright]`, or the whole of `subwright.toml`, and the file that it was read from.

    `prefix` are the names of the tables around it.
    """

    path: Path
    text: str
    table: Mapping[str, Any]
    prefix: tuple[str, ...] = ("tool", "subwright")

    def tables(self, names: Iterable[str], shared: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """The tables inside, by name; the entries that all share have the name ``.

        Args:
            names: the tables that there can be.
            shared: the keys that can stand beside them.

        Raises:
            ConfigError: a key that is neither, or a table that is none.
        """
        names, shared = list(names), list(shared)
        found: dict[str, Mapping[str, Any]] = {
            "": {k: self.table[k] for k in self.table if k in shared}
        }
        for key, value in self.table.items():
            if key in shared:
                continue
            if key not in names:
                raise self.unknown("", key, [*shared, *names])
            if not isinstance(value, dict):
                raise self.error("", key, f"`{key}` is not a table")
            found[key] = value
        return found

    def strings(self, table: str, key: str) -> list[str]:
        """The strings in a list; none where the key is not there.

        Raises:
            ConfigError: it is no list of strings.
        """
        entries = self.table.get(table, {})
        value = entries.get(key, []) if isinstance(entries, dict) else []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(table, key, f"`{key}` is not a list of strings")
        return value

    def unknown(
        self, table: str, key: str, known: Iterable[str], *, within: str = ""
    ) -> ConfigError:
        """The error for a key that means nothing; `within` is as for `error`."""
        known = sorted(known)
        advice = did_you_mean(key, known) or "it takes " + ", ".join(known)
        message = f"unknown key `{key}` in {self.title(table)}"
        return self.error(table, key, message, advice, within=within)

    def title(self, table: str) -> str:
        """What messages call a table of it, or the whole of it."""
        names = ".".join((*self.prefix, *([table] if table else [])))
        return f"`[{names}]`" if names else f"`{self.path.name}`"

    def error(
        self, table: str, key: str, message: str, help: str | None = None, *, within: str = ""
    ) -> ConfigError:
        """An error at the line of a key.

        Args:
            table: that the key is in; the whole where it has no name.
            key: that is wrong.
            message: what is wrong with it.
            help: what to do about it.
            within: a table in that one which the key is in.
        """
        return ConfigError(f"{self.where(table, key, within=within)}: {message}", help=help)

    def where(self, table: str, key: str, *, within: str = "") -> str:
        """The file and line of a key; `within` is as for `error`."""
        return f"{self.path}:{self.line(*filter(None, (table, within)), key)}"

    def line(self, *keys: str) -> int:
        """The line of a key in tables of it, or of the nearest thing around it that has one."""
        return _line(self.text, (*self.prefix, *keys))

    def absolute(self, value: str) -> str:
        """A path in the configuration, which is meant from the configuration's own folder."""
        return str(self.path.parent / value)


def _line(text: str, wanted: tuple[str, ...]) -> int:
    """The line of a key, or of the nearest thing around it; TOML's reader keeps no lines."""
    header: tuple[str, ...] = ()
    best, depth = 1, 0
    for number, line in enumerate(text.split("\n"), 1):
        found = _HEADER.match(line)
        if found:
            header = path = _parts(found[1])
        elif found := _KEY.match(line):
            path = (*header, *_parts(found[1]))
        else:
            continue
        if len(path) > len(wanted):
            path = path[: len(wanted)]
        if len(path) > depth and wanted[: len(path)] == path:
            best, depth = number, len(path)
    return best


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in _PART.findall(key))


def find(start: Path) -> Config | None:
    """The configuration of the nearest folder, at or above one, that has any: `subwright.toml` before pyproject.toml.

    Raises:
        ConfigError: a file that cannot be read.
    """
    for folder in (start, *start.parents):
        for name in ("subwright.toml", "pyproject.toml"):
            path = folder / name
            found = read(path) if path.is_file() else None
            if found is not None:
                return found
    return None


def read(path: Path) -> Config | None:
    """The configuration in a file: the whole of it, but in a `pyproject.toml` a table, which it may lack.

    Raises:
        ConfigError: it cannot be read.
    """
    text, data = _read(path)
    if path.name != "pyproject.toml":
        return Config(path, text, data, ())
    found = _table(path, text, data)
    return None if found is None else Config(path, text, found)


def nearest() -> Config | None:
    """The configuration that holds in the working directory.

    Raises:
        SubwrightError: the working directory is gone.
        ConfigError: a file that cannot be read.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise SubwrightError(
            "the working directory is gone", help="change into a folder that exists"
        ) from None
    return find(here)


def _table(path: Path, text: str, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    tool = data.get("tool", {})
    if not isinstance(tool, dict):
        raise ConfigError(f"{path}:{_line(text, ('tool',))}: `tool` is not a table")
    table = tool.get("subwright")
    if table is not None and not isinstance(table, dict):
        line = _line(text, ("tool", "subwright"))
        raise ConfigError(f"{path}:{line}: `tool.subwright` is not a table")
    return table


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    except ValueError as error:  # not TOML, not UTF-8, or a number with thousands of digits
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
