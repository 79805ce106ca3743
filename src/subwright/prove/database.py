"""A database of its own for a proof: made on a server, dropped at the end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from subwright.errors import SubwrightError

PREFIX = "subwright_prove_"


class DatabaseError(SubwrightError):
    """A database that cannot be made where it was asked for."""


@contextlib.contextmanager
def scratch_database(
    url: str, folder: Path, warn: Callable[[str], object] = lambda message: None
) -> Iterator[str]:
    """A new, empty database on the server of a URL; it is dropped whatever happens.

    Args:
        url: a URL of SQLAlchemy's with an async driver; for SQLite its path is not used.
        folder: where a SQLite file goes.
        warn: called with a message where the database could not be dropped.

    Yields:
        the URL of the new database.

    Raises:
        DatabaseError: the server cannot be reached, or the user may not make a database there.
    """
    from sqlalchemy import make_url

    server = make_url(url)
    name = PREFIX + secrets.token_hex(6)
    if server.get_backend_name() == "sqlite":
        yield server.set(database=str(folder / f"{name}.db")).render_as_string(hide_password=False)
        return
    shown = server.render_as_string(hide_password=True)
    quoted = f'"{name}"' if server.get_backend_name() == "postgresql" else f"`{name}`"
    refused = False
    # an interrupt may come when the server has made it and this process does not know yet
    try:
        try:
            _execute(url, f"CREATE DATABASE {quoted}")
        except Exception as error:  # drivers raise their own errors, OSError among them
            refused = True
            raise DatabaseError(
                f"no database can be made at `{shown}`: {_first_line(error)}",
                help="the user of the URL needs the right to create a database: "
                "the proof never touches one that exists",
            ) from None
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if server.get_backend_name() == "postgresql" else ""
        if not refused:
            try:
                _execute(url, f"DROP DATABASE IF EXISTS {quoted}{force}")
            except Exception as error:  # as above
                warn(f"the database `{name}` is left at `{shown}`: {_first_line(error)}")


def through(front: str, url: str) -> str:
    """The URL of a database as it is reached through a pooler."""
    from sqlalchemy import make_url

    name = make_url(url).database
    return make_url(front).set(database=name).render_as_string(hide_password=False)


def server_version(url: str) -> str:
    """What the server of a URL says its version is.

    Raises:
        DatabaseError: it cannot be reached.
    """
    from sqlalchemy import make_url

    lite = make_url(url).get_backend_name() == "sqlite"
    try:
        return str(_execute(url, "SELECT sqlite_version()" if lite else "SELECT version()"))
    except Exception as error:  # as above
        shown = make_url(url).render_as_string(hide_password=True)
        raise DatabaseError(f"`{shown}` cannot be reached: {_first_line(error)}") from None


def _execute(url: str, statement: str) -> object:
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    async def execute() -> object:
        engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        try:
            async with asyncio.timeout(30), engine.connect() as connection:
                result = await connection.execute(text(statement))
                return result.scalar() if result.returns_rows else None
        finally:
            await engine.dispose()

    return asyncio.run(execute())


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause) or type(cause).__name__).splitlines()[0]
