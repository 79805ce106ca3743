"""The fact files: databases, their release series, drivers, error codes and features."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from subwright import data
from subwright.errors import SubwrightError, did_you_mean
from subwright.patterns import lazy

if TYPE_CHECKING:
    import yaml

_NUMBERS = lazy(r"(?<!\d)\d{1,6}(?!\d)(?:\.\d{1,6}(?!\d))*")
# MariaDB before 11 announces itself to old clients as MySQL 5.5.5
_MARIADB_PREFIX = lazy(r"^5\.5\.5-(?=\d)")
_FEATURE = lazy(r"^  (\w+):\n", re.MULTILINE)

T = TypeVar("T")


class VersionError(SubwrightError):
    """A version that no series of the database stands for."""


class FactError(SubwrightError):
    """A fact that no file has, or a fact file that is wrong."""


class Series(NamedTuple):
    """A release series; dates are ISO 8601, empty when unknown or none is announced.

    `server` says that a real server of the series can be had from package registries.
    """

    version: str
    released: str = ""
    eol: str = ""
    estimated: bool = False
    lts: bool = False
    server: bool = False
    source: str = ""

    def is_eol(self, day: date) -> bool:
        """Whether support has ended by that day."""
        return bool(self.eol) and self.eol <= day.isoformat()


class Driver(NamedTuple):
    """An asynchronous driver: its SQLAlchemy dialect, a sample URL and the pip requirement that installs it."""

    name: str
    dialect: str
    url: str
    requires: str
    newest: str = ""
    source: str = ""


class Isolation(NamedTuple):
    """The default isolation level and those that SQLAlchemy accepts."""

    default: str
    levels: tuple[str, ...]


class Pool(NamedTuple):
    """What bounds a connection pool: the server's default limit of connections, its idle time-out in seconds."""

    max_connections: int | None = None
    idle_timeout: int | None = None
    advice: str = ""


class ErrorCode(NamedTuple):
    """The code that the engine reports and the SQLAlchemy exception it arrives as."""

    code: str
    exception: str = ""
    source: str = ""


class Feature(NamedTuple):
    """Something that a database has from a version on, until a version, or never.

    `check` is the SQL that shows it after `setup`, outside of a transaction where `autocommit` says so; `expect` is
    its result, `value` a pattern for the last value, `before` the result on older versions. `basis` is `live` where
    the first version was seen by running it on both sides, else `documented` in `source`.
    """

    claim: str
    since: str = ""
    removed: str = ""
    absent: bool = False
    basis: str = ""
    source: str = ""
    seen: Mapping[str, Any] = {}
    setup: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    expect: str = "ok"
    value: str = ""
    before: str = ""
    autocommit: bool = False


class Database(NamedTuple):
    """One database with everything its fact file says."""

    name: str
    title: str
    as_of: str
    series: tuple[Series, ...]
    drivers: tuple[Driver, ...]
    isolation: Isolation
    pool: Pool
    aliases: tuple[str, ...] = ()
    version_parts: int = 1
    mapping: str = "exact"
    words: tuple[str, ...] = ()
    errors: Mapping[str, ErrorCode] = {}
    features: Mapping[str, Feature] = {}

    @property
    def default_series(self) -> Series:
        """The newest long-term series in support that a server can be had of."""
        day = date.fromisoformat(self.as_of)
        good = [s for s in self.series if s.lts and s.server and not s.is_eol(day)]
        return (good or list(self.series))[-1]

    def find_series(self, version: str, others: Iterable[Database] = ()) -> Series:
        """The series of a version as people write it or as the server prints it.

        `17`, `17.4`, `10.11.6-MariaDB` and what `SELECT version()` answers are understood.

        Args:
            version: the text.
            others: the other databases, to tell their versions from a wrong one.

        Raises:
            VersionError: no series stands for it.
        """
        text = _MARIADB_PREFIX.sub("", version.strip())
        # a mere number names no database, and to read the facts of the others takes time
        own = self.title.lower() in text.lower()
        for other in others if not (own or _NUMBERS.fullmatch(text)) else ():
            if other.name != self.name and any(
                word in text.lower() for word in (other.name, other.title.lower())
            ):
                raise VersionError(
                    f"`{version}` is a version of {other.title}, not of {self.title}",
                    help=f"use `--database {other.name}`",
                )
        # "mysql  Ver 15.1 Distrib 10.11.6-MariaDB": the server's own is the one before its name
        before = max(0, text.lower().find(f"-{self.title.lower()}"))
        found = _NUMBERS.search(text, text.rfind(" ", 0, before) + 1)
        if found is None:
            raise VersionError(f"`{version}` is no version of {self.title}", help=self._choices())
        wanted = numbers(found[0])
        if found[0].count(".") + 1 < self.version_parts:
            fitting = [s.version for s in self.series if numbers(s.version)[0] == wanted[0]]
            if fitting:
                raise VersionError(
                    f"`{version}` does not name one series of {self.title}",
                    help="choose from " + ", ".join(fitting),
                )
        elif self.mapping == "step":
            below = [s for s in self.series if numbers(s.version) <= wanted]
            if below and wanted[0] == numbers(below[-1].version)[0]:
                return below[-1]
        else:
            for series in self.series:
                if self._named_by(series, wanted):
                    return series
        raise self._no_series(version, wanted, others)

    def _named_by(self, series: Series, wanted: tuple[int, ...]) -> bool:
        return numbers(series.version)[: self.version_parts] == wanted[: self.version_parts]

    def _no_series(
        self, version: str, wanted: tuple[int, ...], others: Iterable[Database]
    ) -> VersionError:
        for other in others:
            if other.name != self.name and any(other._named_by(s, wanted) for s in other.series):
                return VersionError(
                    f"{self.title} has no version {version}",
                    help=f"{other.title} has: use `--database {other.name}`; or {self._choices()}",
                )
        oldest, newest = self.series[0], self.series[-1]
        if wanted < numbers(oldest.version):
            problem = f"{self.title} {version} is older than all series that subwright knows"
            return VersionError(problem, help=f"the oldest is {oldest.version}; {self._choices()}")
        if wanted > numbers(newest.version):
            problem = f"{self.title} {version} is newer than all series that subwright knows"
            return VersionError(problem, help=f"the newest is {newest.version}; {self._choices()}")
        return VersionError(
            f"{self.title} {version} belongs to no long-term series", help=self._choices()
        )

    def _choices(self) -> str:
        return "choose from " + ", ".join(s.version for s in self.series)

    def at(
        self, version: str, driver: str | None = None, others: Collection[Database] = ()
    ) -> Stack:
        """The database as a template sees it: at a version, with a driver, the first one by default.

        Args:
            version: a series.
            driver: the name of one of the drivers.
            others: the other databases, whose features `has` may ask for too.
        """
        series = next(s for s in self.series if s.version == version)
        chosen = next((d for d in self.drivers if d.name == driver), self.drivers[0])
        return Stack(self, series, chosen, others)


class Stack:
    """What a template reads as `database`: the facts with the version applied."""

    def __init__(
        self, database: Database, series: Series, driver: Driver, others: Collection[Database]
    ) -> None:
        self._database = database
        self._series = series
        self._others = others
        self.name = database.name
        self.title = database.title
        self.version = series.version
        self.released = series.released
        self.eol = series.eol
        self.eol_estimated = series.estimated
        # by the day of the facts, not today's, so that the same template always renders to the same bytes
        self.is_eol = series.is_eol(date.fromisoformat(database.as_of))
        self.driver = driver
        self.isolation = database.isolation
        self.pool = database.pool

    def at_least(self, version: str) -> bool:
        """Whether this series is that version's or a later one: 8.0 counts as at least 8.0.19."""
        parts = self._database.version_parts
        return numbers(self.version)[:parts] >= numbers(version)[:parts]

    def has(self, feature: str) -> bool:
        """Whether the database has a feature at this version.

        Raises:
            FactError: no fact file knows the feature.
        """
        found = self._database.features.get(feature)
        if found is None:
            if any(feature in other.features for other in self._others):
                return False
            known = {name for each in (self._database, *self._others) for name in each.features}
            raise FactError(f"unknown feature `{feature}`", help=did_you_mean(feature, known))
        if found.absent or (found.since and not self.at_least(found.since)):
            return False
        return not (found.removed and self.at_least(found.removed))

    def error(self, name: str) -> str:
        """The code that this database reports for an error.

        Raises:
            FactError: the fact file has no such error.
        """
        found = self._database.errors.get(name)
        if found is None:
            raise FactError(
                f"{self.title} has no error `{name}`",
                help=did_you_mean(name, self._database.errors),
            )
        return found.code


def numbers(version: str) -> tuple[int, ...]:
    """A version as four numbers, so that 10 comes after 9 and `3.45` equals `3.45.0`."""
    parts = [int(part) for part in version.split(".")][:4]
    return (*parts, *[0] * (4 - len(parts)))


def find_database(name: str, databases: Mapping[str, Database]) -> Database | None:
    """The database of that name or alias, whatever its case."""
    wanted = name.strip().lower()
    if wanted in databases:
        return databases[wanted]
    for database in databases.values():
        if wanted in (database.name, *database.aliases):
            return database
    return None


@cache
def load(folder: Path) -> Mapping[str, Database]:
    """All databases of a folder of fact files, by name; empty when there is no such folder.

    Raises:
        FactError: a file that does not have the form.
    """
    files = sorted(folder.glob("*.yaml"))
    return {database.name: database for database in map(_read, files)}


class _OnDemand(Mapping[str, T]):
    """Facts by their names, each read when it is asked for; to ask for names reads none."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Known(_OnDemand[Database]):
    """Databases, of which those of the package in `files`, by their names, are read when they are asked for."""

    def __init__(self, files: Mapping[str, Path], own: Mapping[str, Database]) -> None:
        super().__init__({**files, **own})
        self._files = files
        self._own = own

    def __getitem__(self, name: str) -> Database:
        return self._own[name] if name in self._own else _packaged(self._files[name])


def known(templates: Path | None = None) -> Mapping[str, Database]:
    """The databases of the package's own fact files, and over them those of a folder of own templates.

    A file of the package has the name of its database, and is read when that is first asked for: most runs need one.
    """
    files = sorted((data.folder("templates") / "databases").glob("*.yaml"))
    own = load(templates / "databases") if templates is not None else {}
    return _Known({path.stem: path for path in files}, own)


class _Features(_OnDemand[Feature]):
    """The features in the text of a block mapping, each read when it is asked for: a render needs a quarter of them."""

    def __init__(self, text: str) -> None:
        names = list(_FEATURE.finditer(text))
        ends = [name.start() for name in names[1:]] + [len(text)]
        self._texts = {n[1]: text[n.start() : end] for n, end in zip(names, ends, strict=True)}
        super().__init__(self._texts)
        self._read: dict[str, Feature] = {}

    def __getitem__(self, name: str) -> Feature:
        if name not in self._read:
            from subwright.diagnostic import Source
            from subwright.spec import compose

            node = compose(Source(name, self._texts[name]))
            assert node is not None
            self._read[name] = _feature(_plain(node, {})[name])
        return self._read[name]


@cache
def _packaged(path: Path) -> Database:
    """A fact file of the package, which has its features at its end; the tests hold that it is read as by `load`.

    Its other entries are few, and read without PyYAML, which help and completion do not load.
    """
    from subwright import bun_yaml

    head, _, features = path.read_text(encoding="utf-8").partition("\nfeatures:\n")
    entries = bun_yaml.value(bun_yaml.compose(head))
    values = {key: _ENTRIES[key](value) for key, value in entries.items()}
    return Database(**{"pool": Pool(), **values}, features=_Features(features))


def _read(path: Path) -> Database:
    import yaml

    from subwright.diagnostic import Source
    from subwright.spec import compose

    try:
        source = Source(str(path), path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FactError(f"{path}: cannot be read: {error}") from None
    node = compose(source)
    if not isinstance(node, yaml.MappingNode):
        raise FactError(
            f"{path}:1: a fact file is a mapping", help="start with `name:` and `title:`"
        )
    values: dict[str, Any] = {}
    for key, value in node.value:
        place = f"{path}:{key.start_mark.line + 1}"
        if key.value not in _ENTRIES:
            raise FactError(
                f"{place}: unknown key `{key.value}`",
                help=did_you_mean(str(key.value), _ENTRIES) or "it takes " + ", ".join(_ENTRIES),
            )
        try:
            values[key.value] = _ENTRIES[key.value](_plain(value, {}))
        except KeyError as error:
            raise FactError(f"{place}: `{key.value}` lacks `{error.args[0]}`") from None
        except (TypeError, ValueError, AttributeError, RecursionError, yaml.YAMLError) as error:
            problem = str(error).replace("subwright.database.", "").replace(".__new__()", "")
            raise FactError(f"{place}: `{key.value}` is not of its form: {problem}") from None
    for name in ("name", "title", "as_of", "series", "drivers", "isolation"):
        if not values.get(name):
            raise FactError(f"{path}: `{name}` is missing or empty")
    return Database(**{"pool": Pool(), **values})


def _plain(node: yaml.Node, known: dict[yaml.Node, Any]) -> Any:
    """The value of a node, seven times as fast as `construct` gives it; what aliases stand for is made once."""
    import yaml

    from subwright.spec import construct

    tag = node.tag.removeprefix("tag:yaml.org,2002:")
    if tag == "str" and isinstance(node, yaml.ScalarNode):
        return node.value
    if node not in known:
        if tag == "map" and isinstance(node, yaml.MappingNode):
            known[node] = {_plain(key, known): _plain(item, known) for key, item in node.value}
        elif tag == "seq" and isinstance(node, yaml.SequenceNode):
            known[node] = [_plain(item, known) for item in node.value]
        else:
            known[node] = construct(node)
    return known[node]


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or "---" in value:
        raise ValueError("it takes one line of text")
    return value


def _words(value: Any) -> tuple[str, ...]:
    return tuple(map(_word, value))


def _day(value: Any) -> str:
    return date.fromisoformat(value).isoformat()


def _release(entry: Mapping[str, Any]) -> Series:
    series = Series(**entry)
    numbers(series.version)
    for day in (series.released, series.eol):
        if day:
            _day(day)
    return series


def _count(value: Any) -> int:
    if not isinstance(value, int) or not 1 <= value <= 4:
        raise ValueError("it is 1, 2, 3 or 4")
    return value


def _mapping(value: Any) -> str:
    if value not in ("exact", "step"):
        raise ValueError("it is `exact` or `step`")
    return str(value)


_ENTRIES: Mapping[str, Callable[[Any], Any]] = {
    "name": _word,
    "title": _word,
    "aliases": _words,
    "as_of": _day,
    "version_parts": _count,
    "mapping": _mapping,
    "words": _words,
    "series": lambda entries: tuple(map(_release, entries)),
    "drivers": lambda entries: tuple(Driver(**entry) for entry in entries),
    "isolation": lambda entry: Isolation(entry["default"], tuple(entry["levels"])),
    "pool": lambda entry: Pool(**entry),
    "errors": lambda entries: {key: ErrorCode(**entry) for key, entry in entries.items()},
    "features": lambda entries: {key: _feature(entry) for key, entry in entries.items()},
}


def _feature(entry: Mapping[str, Any]) -> Feature:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Feature(**values)
