"""`[tool.subwright]` in the nearest pyproject.toml: defaults of options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from subwright.errors import SubwrightError, did_you_mean

_HEADER = re.compile(r"\s*\[\[?([^\]]*)\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


class ConfigError(SubwrightError):
    """A configuration that is wrong."""


@dataclass(frozen=True)
class Config:
    """The table `[tool.subwright]` and the file that it was read from."""

    path: Path
    text: str
    table: Mapping[str, Any]

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

    def unknown(self, table: str, key: str, known: Iterable[str]) -> ConfigError:
        """The error for a key that means nothing."""
        known = sorted(known)
        where = f"tool.subwright.{table}" if table else "tool.subwright"
        advice = did_you_mean(key, known) or "it takes " + ", ".join(known)
        return self.error(table, key, f"unknown key `{key}` in `[{where}]`", advice)

    def error(self, table: str, key: str, message: str, help: str | None = None) -> ConfigError:
        """An error at the line of a key."""
        return ConfigError(f"{self.where(table, key)}: {message}", help=help)

    def where(self, table: str, key: str) -> str:
        """The file and line of a key."""
        path = ("tool", "subwright", *([table] if table else []), key)
        return f"{self.path}:{_line(self.text, path)}"

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
    return tuple(part.strip().strip("\"'") for part in key.split("."))


def find(start: Path) -> Config | None:
    """The configuration of the nearest pyproject.toml in a folder or above it that has one.

    Raises:
        ConfigError: a pyproject.toml that cannot be read.
    """
    import tomllib

    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except RecursionError:
            raise ConfigError(f"{path}: nested too deeply") from None
        except ValueError as error:  # not TOML, not UTF-8, or a number with thousands of digits
            raise ConfigError(f"{path}: not TOML: {error}") from None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
        tool = data.get("tool", {})
        if not isinstance(tool, dict):
            raise ConfigError(f"{path}:{_line(text, ('tool',))}: `tool` is not a table")
        table = tool.get("subwright")
        if table is not None:
            if not isinstance(table, dict):
                line = _line(text, ("tool", "subwright"))
                raise ConfigError(f"{path}:{line}: `tool.subwright` is not a table")
            return Config(path, text, table)
    return None
