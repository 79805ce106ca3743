"""Check the fact files on a real server: run the SQL of every fact and hold the answer against what the file says.

The SQL runs in a process of its own, with a time limit and, for SQLite, with another SQLite in it. That process reads
the questions from one file and appends each answer to another, so that what it came to is known when it is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from subwright.database import Database, ErrorCode, Feature, numbers
from subwright.prove import process
from subwright.prove.database import scratch_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

# for one fact, and for all the others together
SECONDS = 30.0
ALL_SECONDS = 240.0

# `feature` or `error`, and the name that the fact file has for it
Key = tuple[str, str]
_Json = dict[str, Any]


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


@dataclass(frozen=True)
class Finding:
    """What a fact came to: `status` is `passed`, `failed` or `unchecked`, and `message` says why."""

    kind: str
    id: str
    status: str
    message: str


def check(
    database: Database,
    url: str,
    version: str,
    only: Collection[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> list[Finding]:
    """Check what a fact file says about a server.

    Args:
        database: the facts.
        url: a URL of SQLAlchemy's with the database's first driver, whose user may make databases.
        version: the full version of the server, in numbers.
        only: the features and errors to check, all by default.
        environment: what the process needs that uses it, such as PYTHONPATH for another SQLite.
        seconds: how long one fact may take.

    Raises:
        DatabaseError: no database can be made there.
    """
    return judge(
        database, version, ask(database, url, only, environment=environment, seconds=seconds)
    )


def ask(
    database: Database,
    url: str,
    only: Collection[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> dict[Key, Answer | None]:
    """Run the SQL of the facts, as `check` does; nothing is answered where there is nothing to run."""
    answers: dict[Key, Answer | None] = {
        key: None for key in _keys(database) if only is None or key[1] in only
    }
    asked = [key for key in answers if _is_askable(database, key)]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="subwright-facts-")))

        def scratch() -> str:
            return stack.enter_context(scratch_database(url, folder))

        shared = scratch()
        questions: list[_Json] = []
        for kind, name in asked:
            question: _Json = {"database": database.name, "key": (kind, name), "url": shared}
            if kind == "feature":
                feature = database.features[name]
                question |= {"setup": feature.setup, "check": feature.check}
                question["autocommit"] = feature.autocommit
                # the others leave nothing behind: they are rolled back, or the database is made anew
                if feature.autocommit:
                    question["url"] = scratch()
            elif not questions or questions[-1]["key"][0] == "feature":
                # the errors come last and change nothing that another one needs
                question["setup"] = _TABLES
            questions.append(question)
        answers.update(_answers(questions, folder, environment or {}, seconds))
    return answers


def _answers(
    questions: list[_Json], folder: Path, environment: Mapping[str, str], seconds: float
) -> Iterator[tuple[Key, Answer]]:
    given, taken = folder / "questions.json", folder / "answers.jsonl"
    given.write_text(json.dumps({"seconds": seconds, "questions": questions}), encoding="utf-8")
    taken.touch()
    command = [sys.executable, "-P", "-m", "subwright.prove.facts", str(given), str(taken)]
    done = process.run(
        command, folder, process.clean_environment(folder, environment), ALL_SECONDS + seconds
    )
    # the last line may be cut where the process was ended
    lines = taken.read_text(encoding="utf-8").split("\n")[:-1]
    for question, line in zip(questions, lines, strict=False):
        yield tuple(question["key"]), Answer(**json.loads(line))
    missing = questions[len(lines) :]
    if missing and done.status != _STUCK:
        yield _broken(missing[0], "it did not end" if done.status is None else _tail(done))
        lines.append("")
    for question in questions[len(lines) :]:
        yield _broken(question, f"not reached after `{questions[len(lines) - 1]['key'][1]}`")


def _broken(question: _Json, problem: str) -> tuple[Key, Answer]:
    return tuple(question["key"]), Answer(broken=problem)


def _tail(done: process.Done) -> str:
    return (
        f"the process ended: {(done.output.strip().splitlines() or [f'status {done.status}'])[-1]}"
    )


def _keys(database: Database) -> list[Key]:
    features = [("feature", name) for name in database.features]
    return features + [("error", name) for name in database.errors]


def _is_askable(database: Database, key: Key) -> bool:
    kind, name = key
    if kind == "feature":
        return bool(database.features[name].check) or name in _MEASURES
    return name in _ERRORS or name in _statements(database.name)


# --- what is expected -----------------------------------------------------------------------------

# errors that are so where a feature holds
_WHERE = {
    ("postgresql", "restrict"): "restrict_violation",
    ("mariadb", "stale_snapshot"): "snapshot_isolation",
}


def judge(database: Database, version: str, answers: Mapping[Key, Answer | None]) -> list[Finding]:
    """Hold what a server answered against what the file says of its version.

    Args:
        database: the facts.
        version: the full version of the server.
        answers: what `ask` gave.
    """
    return [_judged(database, version, key, answer) for key, answer in answers.items()]


def _judged(database: Database, version: str, key: Key, answer: Answer | None) -> Finding:
    kind, name = key
    if answer is None:
        return Finding(kind, name, "unchecked", "there is no SQL for it")
    if kind == "feature":
        feature = database.features[name]
        statement = "; ".join(feature.check) or f"{name} of the ORM"
        expected, agrees = _agrees(database, feature, version, answer)
    else:
        error = database.errors[name]
        statement = _statements(database.name).get(name) or _ERRORS[name]
        where = database.features.get(_WHERE.get((database.name, name), ""))
        expected, agrees = f"{error.exception} `{error.code}`", _is_error(error, answer)
        if where is not None and not holds(where, version):
            expected, agrees = f"another error than `{error.code}`", not agrees
    if agrees and not answer.broken:
        return Finding(kind, name, "passed", str(answer))
    problem = f"on {version} `{statement}` should give {expected}, and gave {answer}"
    return Finding(kind, name, "failed", problem)


def holds(feature: Feature, version: str) -> bool:
    """Whether a server of a full version has a feature, as the file says."""
    here = numbers(version)
    if feature.absent or (feature.since and here < numbers(feature.since)):
        return False
    return not (feature.removed and here >= numbers(feature.removed))


def _agrees(database: Database, feature: Feature, version: str, answer: Answer) -> tuple[str, bool]:
    shown = _matches(database, feature.expect, feature.value, answer)
    # for what is gone or never was, the check shows that it is missing
    inverse = feature.absent or bool(feature.removed)
    if holds(feature, version) is not inverse:
        value = f" with `{feature.value}`" if feature.value else ""
        return f"`{feature.expect}`{value}", shown
    if not feature.before:
        return f"something else than `{feature.expect}`", not shown
    before = any(
        _matches(database, expect, feature.value, answer)
        for expect in _alternatives(feature.before)
    )
    # what shows the feature can never show that it is missing
    return f"`{feature.before}`, without the feature", before and not shown


def _alternatives(before: str) -> Iterator[str]:
    """The parts of `other value|error 1193|1046`: a bare code goes on with the errors before it."""
    for part in before.split("|"):
        yield part if part in ("ok", "other value") else f"error {part.removeprefix('error ')}"


def _matches(database: Database, expect: str, value: str, answer: Answer) -> bool:
    if answer.broken:
        return False
    if not expect.startswith("error "):
        alike = re.search(value, answer.value) is not None
        return not answer.exception and alike is not (expect == "other value")
    codes = expect.removeprefix("error ").split("|")
    if database.name == "sqlite":
        # its codes say too little: all of these are an error 1
        return bool(answer.exception) and any(c.lower() in answer.text.lower() for c in codes)
    return bool(answer.exception) and answer.code in codes


def _is_error(error: ErrorCode, answer: Answer) -> bool:
    return (answer.code, answer.exception) == (error.code, error.exception)


# --- in the process that runs the SQL ---------------------------------------------------------------

# the status of a process that a statement keeps from going on
_STUCK = 3

_TABLES = (
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
_ERRORS = {
    name: f"{first}` and then `{second}` in two transactions at once, `COMMIT"
    for name, (first, second) in _RACES.items()
}


def _statements(database: str) -> dict[str, str]:
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


async def _answer(question: _Json, engines: Callable[..., AsyncEngine]) -> Answer:
    """Run one question; what it left is undone by the next one, or by a rollback."""
    from sqlalchemy.pool import NullPool

    name, url = question["database"], question["url"]
    options: _Json = {"poolclass": NullPool}
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
        return await _MEASURES[key](engine)
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
    statement = _statements(database)[name]
    async with contextlib.AsyncExitStack() as stack:
        if name in ("nowait", "lock_timeout"):
            holder = await stack.enter_async_context(_connected(engine))
            await _execute(holder, _statements(database)["lock_timeout"])
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
_MEASURES = {"batched_flush": _flushed, "server_uuid_primary_key": _keyed}


async def _answer_all(
    questions: list[_Json], seconds: float, write: Callable[[Answer], None]
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
                    os._exit(_STUCK)
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
