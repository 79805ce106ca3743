"""Runs the SQL of facts in a process of its own, and says what the server answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

# `feature` or `error`, and the name that the fact file has for it
Key = tuple[str, str]
Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a server said to the SQL of a fact.

    Attributes:
        value: the rows of the last statement.
        code, exception, text: of the error that came instead, `exception` by its class in SQLAlchemy.
        broken: why there is no answer at all.
    """

    value: str = ""
    code: str = ""
    exception: str = ""
    text: str = ""
    broken: str = ""

    def __str__(self) -> str:
        if self.broken:
            return f"no answer: {self.broken}"
        if self.exception:
            return f"{self.exception} `{self.code}` ({self.text})"
        return f"`{self.value}`" if self.value else "no error"


# the status of a process that a statement keeps from going on
STUCK = 3

TABLES = (
    "CREATE TABLE parents (id INTEGER PRIMARY KEY, a INT, b VARCHAR(3))",
    "CREATE TABLE children (p INT, FOREIGN KEY (p) REFERENCES parents (id))",
    "CREATE TABLE guards (p INT, FOREIGN KEY (p) REFERENCES parents (id) ON DELETE RESTRICT)",
    "CREATE TABLE numbers (a INT NOT NULL UNIQUE, b INT CHECK (b > 0))",
    "INSERT INTO parents VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z')",
    "INSERT INTO children VALUES (1)",
    "INSERT INTO guards VALUES (2)",
    "INSERT INTO numbers VALUES (1, 1)",
)
_HELD = "SELECT * FROM parents WHERE id = 1 FOR UPDATE"
# the statement that provokes an error
_STATEMENTS = {
    "unique": "INSERT INTO numbers VALUES (1, 2)",
    "primary_key": "INSERT INTO parents VALUES (1, 1, 'x')",
    "foreign_key": "INSERT INTO children VALUES (99)",
    "foreign_key_parent": "DELETE FROM parents WHERE id = 1",
    "restrict": "DELETE FROM parents WHERE id = 2",
    "not_null": "INSERT INTO numbers VALUES (NULL, 1)",
    "check": "INSERT INTO numbers VALUES (2, -1)",
    "too_long": "INSERT INTO parents VALUES (9, 1, 'abcdefgh')",
    "out_of_range": "INSERT INTO parents VALUES (9, 99999999999, NULL)",
    "syntax": "SELEC 1",
    "no_table": "SELECT * FROM nowhere",
    "no_column": "SELECT nothing FROM parents",
    # while another connection holds the row
    "nowait": f"{_HELD} NOWAIT",
    "lock_timeout": _HELD,
}
# the two sleeps differ, so that `_killed` finds its own in the list of what runs
_OWN_STATEMENTS = {
    "postgresql": {
        "statement_timeout": "SELECT pg_sleep(20)",
        "failed_transaction": "SELECT 1",
        "gone_away": "SELECT pg_sleep(21)",
    },
    "mysql": {
        # `sleep` is not ended by the limit with an error
        "statement_timeout": "SELECT /*+ MAX_EXECUTION_TIME(50) */ count(*) FROM information_schema.columns a, "
        "information_schema.columns b, information_schema.columns c",
        "gone_away": "SELECT sleep(21)",
    },
    "mariadb": {
        "statement_timeout": "SET STATEMENT max_statement_time=0.1 FOR SELECT sleep(20)",
        "gone_away": "SELECT sleep(21)",
    },
    "sqlite": {"lock_timeout": "BEGIN IMMEDIATE"},
}
# what goes before it on the same connection
_BEFORE = {
    "postgresql": {
        "lock_timeout": "SET LOCAL lock_timeout = '100ms'",
        "statement_timeout": "SET LOCAL statement_timeout = '100ms'",
        "failed_transaction": "SELECT 1 / 0",
    },
    "mysql": {"lock_timeout": "SET innodb_lock_wait_timeout = 1"},
    "mariadb": {"lock_timeout": "SET innodb_lock_wait_timeout = 1"},
}
_RACES = {
    "deadlock": (
        "UPDATE parents SET a = a + 1 WHERE id = {own}",
        "UPDATE parents SET a = a + 1 WHERE id = {other}",
    ),
    "serialization": (
        "SELECT a FROM parents WHERE id = 1",
        "UPDATE parents SET a = a + 1 WHERE id = 1",
    ),
    "stale_snapshot": (
        "SELECT a FROM parents WHERE id = 1",
        "UPDATE parents SET a = a + 1 WHERE id = 1",
    ),
}
RACES_AS_TEXT = {
    name: f"{first}` and then `{second}` in two transactions at once, `COMMIT"
    for name, (first, second) in _RACES.items()
}


def statements(database: str) -> dict[str, str]:
    return {**_STATEMENTS, **_OWN_STATEMENTS[database]}


@contextlib.asynccontextmanager
async def _engines() -> AsyncIterator[Callable[..., AsyncEngine]]:
    """Engines by their URL and options: a new one for each question costs most of the time."""
    from sqlalchemy.ext.asyncio import create_async_engine

    made: dict[str, AsyncEngine] = {}

    def engine(url: str, **options: Any) -> AsyncEngine:
        key = f"{url} {options}"
        if key not in made:
            made[key] = create_async_engine(url, **options)
        return made[key]

    try:
        yield engine
    finally:
        for one in made.values():
            await one.dispose()


async def _answer(question: Json, engines: Callable[..., AsyncEngine]) -> Answer:
    """Run one question; what it left is undone by the next one, or by a rollback."""
    from sqlalchemy.pool import NullPool

    name, url = question["database"], question["url"]
    options: Json = {"poolclass": NullPool}
    if name == "sqlite":
        options["connect_args"] = {"timeout": 0.1}
    kind, key = question["key"]
    if kind == "error":
        engine = engines(url, **options)
        async with engine.connect() as connection:
            for statement in question.get("setup", ()):
                await _execute(connection, statement)
            await connection.commit()
        return await _provoked(engine, name, key)
    if name != "postgresql" or question["autocommit"]:
        options["isolation_level"] = "AUTOCOMMIT"
    else:
        # the next table of the same name is another one
        options = {"connect_args": {"prepared_statement_cache_size": 0}}
    engine = engines(url, **options)
    if name == "sqlite":
        Path(engine.url.database or "").unlink(missing_ok=True)
    elif name != "postgresql":
        async with engine.connect() as connection:
            for act in ("DROP", "CREATE"):
                await _execute(connection, f"{act} DATABASE `{engine.url.database}`")
    if not question["check"]:
        return await MEASURES[key](engine)
    async with engine.connect() as connection:
        for statement in question["setup"]:
            await _execute(connection, statement)
        return await _tried(connection, question["check"])


async def _execute(connection: AsyncConnection, statement: str) -> str:
    """The rows of a statement, which goes to the driver as it stands."""
    if connection.dialect.name == "postgresql" and re.search(r"\$\d", statement):
        # it is no parameter of this statement, so the statement must not be prepared
        raw: Any = (await connection.get_raw_connection()).driver_connection
        await raw.execute(statement)
        return ""
    result = await connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    if not result.returns_rows:
        return ""
    return "\n".join("|".join(map(str, row)) for row in result.all())


async def _tried(connection: AsyncConnection, statements: Collection[str]) -> Answer:
    value = ""
    try:
        for statement in statements:
            value = await _execute(connection, statement)
    except Exception as error:
        return _failure(error)
    return Answer(value=value)


def _failure(error: BaseException) -> Answer:
    """The answer of an error of the database; any other one is raised again."""
    inner = getattr(error, "orig", None) or error
    code = next((str(word) for word in inner.args[:1] if isinstance(word, int)), "")
    # MySQL's drivers have an SQLSTATE too, which says less than the number before the text
    for place in (inner, getattr(inner, "driver_exception", None), inner.__cause__):
        for name in ("sqlite_errorcode", "sqlstate"):
            code = code or str(getattr(place, name, None) or "")
    if not code and not hasattr(error, "orig"):
        raise error
    return Answer(code=code, exception=type(error).__name__, text=_first_line(inner))


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


@contextlib.asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            await _execute(connection, "PRAGMA foreign_keys = ON")
        yield connection


async def _provoked(engine: AsyncEngine, database: str, name: str) -> Answer:
    if name in _RACES:
        return await _raced(engine, name)
    statement = statements(database)[name]
    async with contextlib.AsyncExitStack() as stack:
        if name in ("nowait", "lock_timeout"):
            holder = await stack.enter_async_context(_connected(engine))
            await _execute(holder, statements(database)["lock_timeout"])
        connection = await stack.enter_async_context(_connected(engine))
        before = _BEFORE.get(database, {}).get(name)
        if before:
            first = await _tried(connection, [before])
            assert name == "failed_transaction" or not first.exception, first
        if name == "gone_away":
            return await _killed(engine, connection, statement)
        return await _tried(connection, [statement])


async def _raced(engine: AsyncEngine, name: str) -> Answer:
    """The first error of two transactions that have both done the first step before one does the second."""
    if name == "serialization":
        engine = engine.execution_options(isolation_level="SERIALIZABLE")
    barrier = asyncio.Barrier(2)

    async def take_part(own: int, other: int) -> Answer:
        first, second = (step.format(own=own, other=other) for step in _RACES[name])
        async with _connected(engine) as connection:
            await _execute(connection, first)
            await barrier.wait()
            answer = await _tried(connection, [second])
            if not answer.exception:
                await connection.commit()
            return answer

    both = await asyncio.gather(take_part(1, 2), take_part(2, 1))
    return max(both, key=lambda answer: answer.exception)


async def _killed(engine: AsyncEngine, connection: AsyncConnection, statement: str) -> Answer:
    """The error of a statement whose connection another one ends."""
    postgresql = engine.dialect.name == "postgresql"
    own = await _execute(
        connection, "SELECT pg_backend_pid()" if postgresql else "SELECT connection_id()"
    )
    running = asyncio.create_task(_tried(connection, [statement]))
    shown = "SELECT query FROM pg_stat_activity" if postgresql else "SHOW PROCESSLIST"
    async with engine.connect() as other:
        while statement not in await _execute(other, shown):
            await asyncio.sleep(0.05)
        await _execute(
            other, f"SELECT pg_terminate_backend({own})" if postgresql else f"KILL {own}"
        )
    return await running


async def _flushed(engine: AsyncEngine) -> Answer:
    """How many statements a flush of 2,000 objects takes, whose keys the database makes."""
    from sqlalchemy import Column, Integer, event

    statements: list[str] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(*words: Any) -> None:
        statements.append(words[2])

    columns = (Column("id", Integer, primary_key=True), Column("a", Integer))
    async with _session(engine, *columns) as (session, item):
        session.add_all(item(a=number) for number in range(2000))
        statements.clear()
        await session.flush()
    return Answer(value=str(len(statements)))


async def _keyed(engine: AsyncEngine) -> Answer:
    """What becomes of an object whose key is a UUID that the database makes."""
    from sqlalchemy import Column, String, text
    from sqlalchemy.orm.exc import FlushError

    key: Any = Column("id", String(36), primary_key=True, server_default=text("(uuid())"))
    async with _session(engine, key) as (session, item):
        session.add(item())
        try:
            await session.flush()
        except FlushError as error:
            return Answer(value=f"FlushError: {error}")
    return Answer(value="the key is there")


@contextlib.asynccontextmanager
async def _session(engine: AsyncEngine, *columns: Any) -> AsyncIterator[tuple[Any, Any]]:
    """A session, and a class whose table has the columns."""
    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import registry

    class Item:
        def __init__(self, **values: Any) -> None:
            for name, value in values.items():
                setattr(self, name, value)

    mapped = registry()
    mapped.map_imperatively(Item, Table("items", mapped.metadata, *columns))
    async with engine.connect() as connection, AsyncSession(connection) as session:
        await connection.run_sync(mapped.metadata.create_all)
        yield session, Item


# what the ORM shows, for a feature that has a value but no SQL
MEASURES = {"batched_flush": _flushed, "server_uuid_primary_key": _keyed}


async def _answer_all(
    questions: list[Json], seconds: float, write: Callable[[Answer], None]
) -> None:
    async with _engines() as engines:
        for question in questions:
            task = asyncio.ensure_future(_answer(question, engines))
            _, running = await asyncio.wait({task}, timeout=seconds)
            if running:
                task.cancel()
                await asyncio.wait({task}, timeout=1)
                write(Answer(broken=f"it did not end within {seconds:g} s"))
                if not task.done():
                    # a thread cannot be ended by itself
                    os._exit(STUCK)
                continue
            try:
                answer = task.result()
            except Exception as error:  # the question is wrong, and its reader is to know
                answer = Answer(broken=f"{type(error).__name__}: {_first_line(error)}")
            write(answer)


def main(given: str, taken: str) -> None:
    """Answer the questions of one file into another."""
    task = json.loads(Path(given).read_text(encoding="utf-8"))
    with Path(taken).open("a", encoding="utf-8") as out:

        def write(answer: Answer) -> None:
            out.write(json.dumps(asdict(answer)) + "\n")
            out.flush()

        asyncio.run(_answer_all(task["questions"], task["seconds"], write))


if __name__ == "__main__":
    main(*sys.argv[1:])
