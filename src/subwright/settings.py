"""What a run of the linter is told: which rules hold where, and what a project allows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from subwright import discovery
from subwright.config import Config
from subwright.diagnostic import Source
from subwright.errors import SubwrightError
from subwright.rules import Rule, every, select

if TYPE_CHECKING:
    from subwright.contract import Contract

# of the table `lint` in a configuration: what is read here, and the options of the command
KEYS = (
    *("allowed-keys", "mcp-servers", "paths", "per-file-ignores", "roots"),
    *(
        "add-ignores",
        "cache",
        "client",
        "color",
        "diff",
        "exit-zero",
        "extend-select",
        "fix",
        "ignore",
        "jobs",
    ),
    *("output-file", "output-format", "quiet", "select", "statistics", "stdin-filename", "strict"),
    "templates",
)


class Settings:
    """What holds for a run.

    Attributes:
        rules: that run.
        base: the folder from which the patterns of paths are meant, by default the working directory.
        per_file_ignores: rules that do not run on paths that fit a pattern.
        keys: of the frontmatter, that the project allows beside Claude Code's own.
        servers: MCP servers that the project has beside those that are configured in it.
        contracts: what agents whose paths fit a pattern are held to.
        roots: folders that are load roots.
        paths: what a run without paths is about.
    """

    def __init__(
        self,
        rules: tuple[Rule, ...],
        base: Path | None = None,
        *,
        per_file_ignores: tuple[tuple[str, frozenset[str]], ...] = (),
        keys: frozenset[str] = frozenset(),
        servers: frozenset[str] = frozenset(),
        contracts: tuple[tuple[str, Contract], ...] = (),
        roots: tuple[Path, ...] = (),
        paths: tuple[Path, ...] = (),
    ) -> None:
        self.rules = rules
        self.base = base or Path()
        self.per_file_ignores = per_file_ignores
        self.keys = keys
        self.servers = servers
        self.contracts = contracts
        self.roots = roots
        self.paths = paths
        self._without = {frozenset[str](): rules}

    def rules_for(self, path: str) -> tuple[Rule, ...]:
        """The rules that run on a path."""
        if not self.per_file_ignores:
            return self.rules
        return self._rules_without(
            frozenset(
                name
                for pattern, names in self.per_file_ignores
                if self._fits(path, pattern)
                for name in names
            )
        )

    def _rules_without(self, names: frozenset[str]) -> tuple[Rule, ...]:
        """All rules but some; the same tuple for all files with the same."""
        found = self._without.get(names)
        if found is None:
            found = tuple(rule for rule in self.rules if rule.name not in names)
            self._without[names] = found
        return found

    def contract_for(self, path: str) -> Contract | None:
        """What the agent at a path is held to: by the last pattern that fits it."""
        fitting = [contract for pattern, contract in self.contracts if self._fits(path, pattern)]
        return fitting[-1] if fitting else None

    @cached_property
    def _base(self) -> str:
        return os.path.normpath(self.base.absolute())

    def _fits(self, path: str, pattern: str) -> bool:
        """Whether a path fits a pattern, in which `*` stands for any characters, `/` among them.

        A pattern without `/` may fit the file's name alone.
        """
        from fnmatch import fnmatchcase

        relative = os.path.relpath(path, self._base).replace(os.sep, "/")
        return fnmatchcase(relative, pattern) or (
            "/" not in pattern and fnmatchcase(relative.rpartition("/")[2], pattern)
        )


def settings(
    config: Config | None = None,
    *,
    select: Iterable[str] | None = None,
    extend_select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> Settings:
    """What a configuration and the names of rules say together.

    Args:
        config: the configuration; its keys that are options of `lint` are the caller's to give.
        select: the rules to run instead of the default ones: names of rules or families, or `ALL`.
        extend_select: rules to run beside them.
        ignore: rules not to run.

    Raises:
        SubwrightError: a name that is no rule, or what is wrong with the configuration.
    """
    rules = every()
    if config is not None:
        _check_names(config, rules)
    chosen = {name: rule for name, rule in rules.items() if rule.default}
    if select is not None:
        chosen = _select(select, rules)
    chosen |= _select(extend_select, rules)
    without = _select(ignore, rules)
    run = tuple(rule for name, rule in rules.items() if name in chosen and name not in without)
    if config is None:
        return Settings(run)
    about = discovery.configured(config)
    return Settings(
        run,
        config.path.parent,
        per_file_ignores=tuple(_per_file_ignores(config, rules)),
        keys=frozenset(config.strings("lint", "allowed-keys")),
        servers=frozenset(config.strings("lint", "mcp-servers")),
        contracts=tuple(_contracts(config)),
        roots=about.roots,
        paths=about.paths,
    )


_select = select


def _check_names(config: Config, rules: Mapping[str, Rule]) -> None:
    """See that the configuration names rules, so that an error names its line and not the option's."""
    lint = config.table.get("lint", {})
    for key in ("select", "extend-select", "ignore"):
        value = lint.get(key, ())
        try:
            _select(value if isinstance(value, list) else (), rules)
        except SubwrightError as error:
            raise config.error("lint", key, error.message, error.help) from None


def _per_file_ignores(
    config: Config, rules: Mapping[str, Rule]
) -> Iterable[tuple[str, frozenset[str]]]:
    key = "per-file-ignores"
    entries = config.table.get("lint", {}).get(key, {})
    if not isinstance(entries, dict):
        raise config.error("lint", key, f"`{key}` is not a table")
    for pattern, names in entries.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            message = f"`{pattern}` in `{key}` is not a list of rules"
            raise config.error("lint", pattern, message, within=key)
        try:
            yield pattern, frozenset(_select(names, rules))
        except SubwrightError as error:
            raise config.error("lint", pattern, error.message, error.help, within=key) from None


def _contracts(config: Config) -> Iterable[tuple[str, Contract]]:
    """The table `[tool.subwright.contract]`: for each pattern of paths the requirements."""
    from subwright.contract import Contract, Requirement

    table = config.table.get("contract", {})
    source = Source(str(config.path), config.text)
    if not isinstance(table, dict):
        raise config.error("", "contract", "`contract` is not a table")
    for pattern, entry in table.items():
        if not isinstance(entry, dict):
            raise config.error("contract", pattern, f"`{pattern}` is not a table")
        requirements = {}
        for key, value in entry.items():
            if key not in Contract.KEYS:
                raise config.unknown("contract", key, Contract.KEYS, within=pattern)
            values = value if isinstance(value, list) else [value]
            number = key.startswith("max_")
            kinds = (int,) if number else (str,)
            if isinstance(value, list) == number or not all(
                isinstance(item, kinds) and not isinstance(item, bool) for item in values
            ):
                kind = "a whole number" if number else "a list of strings"
                message = f"`{key}` of `{pattern}` is not {kind}"
                raise config.error("contract", key, message, within=pattern)
            line = source.line_span(config.line("contract", pattern, key))
            requirements[key] = [Requirement(item, source, line) for item in values]
        yield pattern, Contract.of(requirements)
