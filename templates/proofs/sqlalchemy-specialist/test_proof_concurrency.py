"""Concurrency: real tasks, each with what the agent gives it."""

import asyncio
import sys
import uuid
from typing import Any

import pytest
from proofkit import (
    DATABASE,
    DRIVER,
    MYSQL,
    POSTGRESQL,
    commit,
    elsewhere,
    fetch_all,
    has,
    message,
    needs_pool,
    needs_pooler,
    new_posts,
    new_user,
    not_on,
    only,
    other_engine,
    proof,
    tables,  # noqa: F401
    together,
)
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import RETRYABLE, engine, error_code, run_transaction, session_factory
from app.models import Comment, Job, Post, Tag, User
from app.repositories import claim_job

pytestmark = pytest.mark.usefixtures("tables")


async def add_tags(count: int = 1) -> list[int]:
    tags = [Tag(name=f"{number}-{uuid.uuid4().hex}") for number in range(count)]
    await commit(*tags)
    return [tag.id for tag in tags]


async def uses() -> list[int]:
    async with session_factory() as session:
        return [tag.uses for tag in await fetch_all(session, Tag)]


# one session is one task's


@proof
async def test_shared_session_fails_on_a_cold_pool() -> None:
    await engine.dispose()
    async with session_factory() as session:
        query = select(func.count()).select_from(User)
        done = await together(session.scalar(query) for _ in range(3))
    errors = [message(each) for each in done if isinstance(each, BaseException)]
    assert errors
    said = ["concurrent operations are not permitted"]
    if DRIVER == "asyncpg":
        said.append("another operation is in progress")
    assert all(any(words in error for words in said) for error in errors), errors


@needs_pool
@proof
async def test_warm_pool_hides_a_shared_session_from_an_engine_without_ping() -> None:
    async with other_engine(pool_size=1) as warm:
        query = select(func.count()).select_from(User)
        async with AsyncSession(warm) as session:
            await session.scalar(query)
        async with AsyncSession(warm) as session:
            done = await together(session.scalar(query) for _ in range(3))
    assert done == [0, 0, 0]


@needs_pool
@proof
async def test_shared_session_fails_on_the_agents_warm_pool_too() -> None:
    query = select(func.count()).select_from(User)
    async with session_factory() as session:
        await session.scalar(query)
    async with session_factory() as session:
        done = await together(session.scalar(query) for _ in range(3))
    errors = [message(each) for each in done if isinstance(each, BaseException)]
    assert any("concurrent operations are not permitted" in error for error in errors)


@proof
async def test_one_session_per_task_passes() -> None:
    await engine.dispose()

    async def count() -> int | None:
        async with session_factory() as session:
            return await session.scalar(select(func.count()).select_from(User))

    assert await together(count() for _ in range(20)) == [0] * 20


# lost updates


async def add_one(tag_id: int, meeting: asyncio.Barrier | None, lock: bool) -> None:
    async with session_factory.begin() as session:
        query = select(Tag).where(Tag.id == tag_id)
        tag = (await session.scalars(query.with_for_update() if lock else query)).one()
        if meeting is not None:
            await meeting.wait()
        tag.uses += 1


@not_on("sqlite")
@proof
async def test_update_is_lost_without_a_lock() -> None:
    (tag_id,) = await add_tags()
    meeting = asyncio.Barrier(2)
    assert await together(add_one(tag_id, meeting, False) for _ in "ab") == [None] * 2
    assert await uses() == [1]


@proof
async def test_no_update_is_lost_with_a_lock() -> None:
    (tag_id,) = await add_tags()
    done = await together(add_one(tag_id, None, True) for _ in range(20))
    assert done == [None] * 20
    assert await uses() == [20]


@only("sqlite")
@proof
async def test_no_update_is_lost_where_writers_queue() -> None:
    (tag_id,) = await add_tags()
    done = await together(add_one(tag_id, None, False) for _ in range(20))
    assert done == [None] * 20
    assert await uses() == [20]


@proof
async def test_no_update_is_lost_by_an_expression() -> None:
    (tag_id,) = await add_tags()

    async def count() -> None:
        async with session_factory.begin() as session:
            query = update(Tag).where(Tag.id == tag_id).values(uses=Tag.uses + 1)
            await session.execute(query)

    assert await together(count() for _ in range(20)) == [None] * 20
    assert await uses() == [20]


# queues and locks


async def work(done: list[int]) -> None:
    while True:
        async with session_factory.begin() as session:
            job = await claim_job(session)
            if job is None:
                return
            done.append(job.id)


@proof
async def test_each_job_is_claimed_once() -> None:
    await commit(*[Job(kind="mail") for _ in range(30)])
    done: list[int] = []
    assert await together(work(done) for _ in range(5)) == [None] * 5
    assert len(done) == 30
    assert len(set(done)) == 30
    query = select(func.count()).where(Job.status == "running")
    assert await elsewhere(query) == 30


@not_on("sqlite")
@proof
async def test_workers_do_not_wait_for_each_other() -> None:
    await commit(*[Job(kind="mail") for _ in range(3)])
    async with session_factory.begin() as one, session_factory.begin() as two:
        first, second = await claim_job(one), await claim_job(two)
        assert first is not None and second is not None
        assert first.id < second.id


@not_on("sqlite")
@proof
async def test_nowait_fails_at_once() -> None:
    (tag_id,) = await add_tags()
    query = select(Tag).where(Tag.id == tag_id)
    async with session_factory() as one, session_factory() as two:
        await one.scalars(query.with_for_update())
        with pytest.raises(DBAPIError) as caught:
            await two.scalars(query.with_for_update(nowait=True))
        wanted = {"postgresql": "55P03", "mysql": 3572, "mariadb": 1205}[DATABASE]
        assert error_code(caught.value) == wanted
        await two.rollback()
        await one.rollback()


@only("sqlite")
@proof
async def test_for_update_renders_nothing() -> None:
    query = select(Tag).with_for_update()
    assert "FOR UPDATE" not in str(query.compile(engine.sync_engine))


@only("postgresql")
@proof
async def test_for_update_of_one_table() -> None:
    ada = new_user()
    await commit(*new_posts(ada, 1))
    query = select(Post).join(Post.author).with_for_update(of=Post, skip_locked=True)
    async with session_factory() as one, session_factory() as two:
        assert (await one.scalars(query)).one()
        assert (await two.scalars(query)).all() == []
        user = select(User).with_for_update(skip_locked=True)
        assert (await two.scalars(user)).one().id == ada.id
        await two.rollback()
        await one.rollback()


@only("postgresql")
@proof
async def test_advisory_lock_ends_with_the_transaction() -> None:
    take = select(func.pg_advisory_xact_lock(42))
    attempt = select(func.pg_try_advisory_xact_lock(42))
    async with session_factory() as one, session_factory() as two:
        await one.execute(take)
        assert await two.scalar(attempt) is False
        await two.rollback()
        await one.commit()
        assert await two.scalar(attempt) is True
        await two.rollback()


@only("mysql", "mariadb")
@proof
async def test_locking_without_an_index_locks_every_row() -> None:
    first, second = await add_tags(2)
    async with session_factory() as one, session_factory() as two:
        # repeatable read keeps the locks of rows that did not match
        level = {"isolation_level": "REPEATABLE READ"}
        await one.connection(execution_options=level)
        await one.scalars(select(Tag).where(Tag.uses == 5).with_for_update())
        free = select(Tag.id).with_for_update(skip_locked=True)
        assert (await two.scalars(free)).all() == []
        await two.rollback()
        await one.rollback()
        assert sorted(await two.scalars(free)) == [first, second]
        await two.rollback()


# the whole unit again


class Meeting(asyncio.Barrier):
    """A barrier that holds once: the second attempt of a unit does not wait."""

    over = False

    async def wait(self) -> int:
        if self.over:
            return 0
        place = await super().wait()
        self.over = True
        return place


@not_on("sqlite")
@proof
async def test_deadlock_ends_right() -> None:
    ids = await add_tags(2)
    meeting = Meeting(2)
    attempts: list[int] = []

    async def add_to_both(first: int, second: int) -> None:
        async def both(session: AsyncSession) -> None:
            attempts.append(first)
            for tag_id in (first, second):
                query = update(Tag).where(Tag.id == tag_id).values(uses=Tag.uses + 1)
                await session.execute(query)
                await meeting.wait()

        await run_transaction(both)

    done = await together([add_to_both(*ids), add_to_both(*reversed(ids))])
    assert done == [None, None]
    assert len(attempts) == 3, "no deadlock"
    assert await uses() == [2, 2]


@not_on("sqlite")
@proof
async def test_deadlock_without_retry_fails_with_a_code() -> None:
    ids = await add_tags(2)
    meeting = Meeting(2)

    async def add_to_both(first: int, second: int) -> None:
        async with session_factory.begin() as session:
            for tag_id in (first, second):
                query = update(Tag).where(Tag.id == tag_id).values(uses=Tag.uses + 1)
                await session.execute(query)
                await meeting.wait()

    done = await together([add_to_both(*ids), add_to_both(*reversed(ids))])
    (error,) = [each for each in done if each is not None]
    assert isinstance(error, DBAPIError)
    assert error_code(error) == ("40P01" if POSTGRESQL else 1213)
    assert error_code(error) in RETRYABLE
    assert isinstance(error, OperationalError) != (DRIVER == "asyncpg")


async def leave(session: AsyncSession, user_id: int, meeting: Meeting) -> bool:
    """Take a user out unless that leaves nobody: a rule over several rows."""
    active = await session.scalar(select(func.count()).where(User.is_active))
    await meeting.wait()
    if active == 1:
        return False
    user = update(User).where(User.id == user_id).values(is_active=False)
    await session.execute(user)
    return True


@not_on("sqlite")
@proof
async def test_rule_over_rows_breaks_below_serializable() -> None:
    users = [new_user(), new_user()]
    await commit(*users)
    meeting = Meeting(2)

    async def once(user_id: int) -> bool:
        async with session_factory.begin() as session:
            return await leave(session, user_id, meeting)

    assert await together(once(user.id) for user in users) == [True, True]
    assert await elsewhere(select(func.count()).where(User.is_active)) == 0


@proof
async def test_rule_over_rows_holds_with_retry() -> None:
    users = [new_user(), new_user()]
    await commit(*users)
    # one writer at a time cannot meet another within its transaction
    meeting = Meeting(1 if DATABASE == "sqlite" else 2)
    attempts: list[int] = []

    async def once(user_id: int) -> bool:
        async def unit(session: AsyncSession) -> bool:
            attempts.append(user_id)
            if DATABASE != "sqlite":
                level = {"isolation_level": "SERIALIZABLE"}
                await session.connection(execution_options=level)
            return await leave(session, user_id, meeting)

        return await run_transaction(unit)

    assert sorted(await together(once(user.id) for user in users)) == [False, True]
    assert await elsewhere(select(func.count()).where(User.is_active)) == 1
    assert len(attempts) == (2 if DATABASE == "sqlite" else 3)


@only("postgresql")
@proof
async def test_serialization_failure_may_come_at_commit() -> None:
    users = [new_user(), new_user()]
    await commit(*users)
    level = {"isolation_level": "SERIALIZABLE"}
    async with session_factory() as one, session_factory() as two:
        for session, user in zip((one, two), users, strict=True):
            await session.connection(execution_options=level)
            await leave(session, user.id, Meeting(1))
        await one.commit()
        with pytest.raises(DBAPIError) as caught:
            await two.commit()
        assert error_code(caught.value) == "40001"
        assert error_code(caught.value) in RETRYABLE
        assert isinstance(caught.value, OperationalError) != (DRIVER == "asyncpg")
        await two.rollback()


@proof
async def test_run_transaction_gives_up_and_passes_other_errors_on() -> None:
    attempts = 0
    await add_tags()

    async def wrong(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        await session.execute(text("SELECT nonsense FROM nowhere"))

    with pytest.raises(DBAPIError):
        await run_transaction(wrong)
    assert attempts == 1

    async def refused(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        await session.execute(update(Tag).values(uses=9))
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        await run_transaction(refused)
    assert attempts == 2
    assert await uses() == [0]


class FailureError(Exception):
    """What a driver raises, with a code in the place where each has it."""

    def __init__(self, code: Any) -> None:
        super().__init__(code)
        self.sqlstate = self.sqlite_errorcode = code


@proof
async def test_run_transaction_ends_after_its_attempts() -> None:
    attempts = 0

    async def busy(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        raise DBAPIError("SELECT 1", None, FailureError(next(iter(RETRYABLE))))

    with pytest.raises(DBAPIError):
        await run_transaction(busy, 3)
    assert attempts == 3


# isolation


@only("mysql", "mariadb")
@proof
async def test_repeatable_read_shows_its_snapshot() -> None:
    (tag_id,) = await add_tags()
    query = select(Tag.uses).where(Tag.id == tag_id)
    change = update(Tag).values(uses=11)
    async with session_factory() as one:
        level = {"isolation_level": "REPEATABLE READ"}
        await one.connection(execution_options=level)
        assert await one.scalar(query) == 0
        async with session_factory.begin() as two:
            await two.execute(change)
        assert await one.scalar(query) == 0
        if has("snapshot_isolation"):
            with pytest.raises(OperationalError) as caught:
                await one.scalar(query.with_for_update())
            assert error_code(caught.value) == 1020
            assert error_code(caught.value) in RETRYABLE
            assert "Record has changed since last read" in message(caught.value)
        else:
            assert await one.scalar(query.with_for_update()) == 11
        await one.rollback()


@not_on("sqlite")
@proof
async def test_read_committed_shows_what_was_committed() -> None:
    (tag_id,) = await add_tags()
    query = select(Tag.uses).where(Tag.id == tag_id)
    async with session_factory() as one:
        assert await one.scalar(query) == 0
        async with session_factory.begin() as two:
            await two.execute(update(Tag).values(uses=11))
        assert await one.scalar(query) == 11
        await one.rollback()


@only("mysql", "mariadb")
@proof
async def test_default_isolation_is_repeatable_read() -> None:
    async with other_engine() as other, other.connect() as connection:
        assert await connection.get_isolation_level() == "REPEATABLE READ"
    async with engine.connect() as connection:
        assert await connection.get_isolation_level() == "READ COMMITTED"


@only("mysql", "mariadb")
@proof
async def test_lock_wait_ends_with_a_retryable_code() -> None:
    (tag_id,) = await add_tags()
    query = select(Tag).where(Tag.id == tag_id).with_for_update()
    async with session_factory() as one, session_factory() as two:
        await one.scalars(query)
        await two.execute(text("SET SESSION innodb_lock_wait_timeout = 1"))
        with pytest.raises(OperationalError) as caught:
            await two.scalars(query)
        assert error_code(caught.value) == 1205
        assert error_code(caught.value) in RETRYABLE
        await two.invalidate()  # the setting goes with the connection
        await one.rollback()


# the pool


@needs_pool
@proof
async def test_exhausted_pool_says_so() -> None:
    async with (
        other_engine(pool_size=1, max_overflow=1, pool_timeout=0.1) as small,
        AsyncSession(small) as one,
        AsyncSession(small) as two,
        AsyncSession(small) as three,
    ):
        await one.scalar(select(1))
        await two.scalar(select(1))
        with pytest.raises(TimeoutError, match="QueuePool limit of size 1 overflow 1"):
            await three.scalar(select(1))
        assert "Current Checked out connections: 2" in small.pool.status()
        await one.commit()
        assert await three.scalar(select(1)) == 1


@needs_pool
@proof
async def test_session_holds_a_connection_from_first_statement_to_commit() -> None:
    pool: Any = engine.pool
    async with session_factory() as session:
        assert pool.checkedout() == 0
        for end in (session.commit, session.rollback, session.close):
            await session.scalar(select(1))
            assert pool.checkedout() == 1
            await end()
            assert pool.checkedout() == 0


@needs_pool
@proof
async def test_pool_is_as_large_as_said() -> None:
    pool: Any = engine.pool
    limit = 15 if DATABASE == "sqlite" else 10
    assert pool.size() + pool._max_overflow == limit
    assert type(pool).__name__ == "AsyncAdaptedQueuePool"


async def own_id(connection: Any) -> int:
    function = func.pg_backend_pid() if POSTGRESQL else func.connection_id()
    return int(await connection.scalar(select(function)))


async def kill(number: int) -> None:
    query = "SELECT pg_terminate_backend({})" if POSTGRESQL else "KILL {}"
    async with other_engine() as other, other.connect() as connection:
        await connection.execute(text(query.format(number)))
        while await connection.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = :number"
                if POSTGRESQL
                else "SELECT count(*) FROM information_schema.processlist"
                " WHERE id = :number"
            ),
            {"number": number},
        ):
            await connection.rollback()


@not_on("sqlite")
@needs_pool
@proof
async def test_closed_connection_is_replaced() -> None:
    async with session_factory() as session:
        number = await own_id(session)
    await kill(number)
    async with session_factory() as session:
        assert await own_id(session) != number


@not_on("sqlite")
@needs_pool
@proof
async def test_closed_connection_fails_without_ping() -> None:
    async with other_engine(pool_size=1) as other:
        async with AsyncSession(other) as session:
            number = await own_id(session)
        await kill(number)
        with pytest.raises(DBAPIError) as caught:
            async with AsyncSession(other) as session:
                await own_id(session)
        assert caught.value.connection_invalidated
        if MYSQL:
            assert error_code(caught.value) in {2006, 2013}
        async with AsyncSession(other) as session:
            assert await own_id(session) != number


@not_on("sqlite")
@needs_pool
@proof
async def test_statement_on_a_closed_connection_can_be_run_again() -> None:
    attempts: list[int] = []

    async def unit(session: AsyncSession) -> int:
        number = await own_id(session)
        attempts.append(number)
        if len(attempts) == 1:
            await kill(number)
        return await own_id(session)

    with pytest.raises(DBAPIError):
        await run_transaction(unit)
    assert await run_transaction(unit) == attempts[-1]


# event loops


async def ask(*, dispose: bool) -> int | None:
    async with session_factory() as session:
        found = await session.scalar(select(1))
    if dispose:
        await engine.dispose()
    return found


def ask_in_two_loops(*, dispose: bool) -> list[int | None]:
    return [asyncio.run(ask(dispose=dispose)) for _ in range(2)]


@needs_pool
@proof
async def test_pooled_connections_belong_to_their_event_loop() -> None:
    await engine.dispose()
    try:
        if DRIVER in ("aiosqlite", "psycopg"):  # their connections know no loop
            done = await asyncio.to_thread(ask_in_two_loops, dispose=False)
            assert done == [1, 1]
        else:
            words = "attached to a different loop|Event loop is closed"
            with pytest.raises(RuntimeError, match=words):
                await asyncio.to_thread(ask_in_two_loops, dispose=False)
    finally:
        await engine.dispose(close=False)  # what is left is of a loop that is gone


@proof
async def test_disposed_engine_serves_the_next_event_loop() -> None:
    await engine.dispose()
    assert await asyncio.to_thread(ask_in_two_loops, dispose=True) == [1, 1]


# behind a pooler


ASK = """
import asyncio, os
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import create_async_engine

async def ask():
    engine = create_async_engine(os.environ["DATABASE_URL"])
    async with engine.connect() as connection:
        for _ in range(8):  # more often than one driver waits to prepare
            await connection.scalar(select(func.now()))
            await connection.commit()
    await engine.dispose()

asyncio.run(ask())
"""


async def run_plain_process() -> str:
    """What a process with an engine of nothing but the URL complains about."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ASK, stderr=asyncio.subprocess.PIPE
    )
    return (await process.communicate())[1].decode()


@needs_pooler
@proof
async def test_prepared_statements_of_processes_collide_behind_a_pooler() -> None:
    # both get the same server connection, where the first one's statements stay
    errors = await run_plain_process() + await run_plain_process()
    name = "__asyncpg_stmt_1__" if DRIVER == "asyncpg" else "_pg3_0"
    assert f'prepared statement "{name}" already exists' in errors


@needs_pooler
@proof
async def test_session_state_leaks_behind_a_pooler() -> None:
    shown = text("SELECT current_setting('lock_timeout')")

    async def run(*statements: str) -> tuple[int, str]:
        async with session_factory() as session:
            for statement in statements:
                await session.execute(text(statement))
            number = await session.scalar(select(func.pg_backend_pid()))
            await session.commit()
            return int(number or 0), str(await session.scalar(shown))

    number, kept = await run("SET LOCAL lock_timeout = '7s'")
    assert kept == "0"
    number, _ = await run("SET lock_timeout = '7s'")
    other, leaked = await run()
    assert (number, "7s") == (other, leaked), "another client has it now"
    await run("RESET lock_timeout")


# SQLite


async def add_one_plainly(
    other: AsyncEngine, tag_id: int, meeting: asyncio.Barrier
) -> None:
    async with AsyncSession(other) as session, session.begin():
        tag = await session.get_one(Tag, tag_id)
        await meeting.wait()
        tag.uses += 1


@only("sqlite")
@proof
async def test_drivers_own_transactions_lose_updates() -> None:
    (tag_id,) = await add_tags()
    meeting = asyncio.Barrier(2)
    async with other_engine() as other:
        done = await together(add_one_plainly(other, tag_id, meeting) for _ in "ab")
    assert done == [None, None]
    assert await uses() == [1]


@only("sqlite")
@proof
async def test_savepoints_of_the_driver_survive_a_rollback() -> None:
    async with other_engine() as drivers_own:
        for bind, left in ((engine, 0), (drivers_own, 1)):
            async with AsyncSession(bind) as session:
                async with session.begin_nested():
                    session.add(Tag(name="written in a savepoint"))
                await session.rollback()
            assert await elsewhere(select(func.count()).select_from(Tag)) == left


@only("sqlite")
@proof
async def test_drivers_own_ddl_is_not_transactional() -> None:
    async with other_engine() as other, other.connect() as connection:
        await connection.execute(text("CREATE TABLE proof_ddl (id INTEGER)"))
        await connection.rollback()
        await connection.execute(text("DROP TABLE proof_ddl"))
        await connection.rollback()
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE proof_ddl (id INTEGER)"))
        await connection.rollback()
        with pytest.raises(OperationalError, match="no such table"):
            await connection.execute(text("DROP TABLE proof_ddl"))


@only("sqlite")
@proof
async def test_foreign_keys_are_off_without_the_pragma() -> None:
    async with other_engine() as other, AsyncSession(other) as session:
        session.add(Comment(post_id=-1, author_id=-1, content=""))
        await session.flush()
        await session.rollback()
    async with engine.connect() as connection:
        pragma = await connection.exec_driver_sql("PRAGMA foreign_keys")
        assert pragma.scalar() == 1


@only("sqlite")
@proof
async def test_a_writer_waits_and_then_says_locked() -> None:
    await add_tags()
    async with session_factory() as writer, other_engine() as other:
        await writer.execute(update(Tag).values(uses=1))
        async with other.connect() as impatient:
            await impatient.exec_driver_sql("PRAGMA busy_timeout = 50")
            with pytest.raises(OperationalError, match="database is locked") as caught:
                await impatient.execute(update(Tag).values(uses=2))
            assert error_code(caught.value) == 5
            assert error_code(caught.value) in RETRYABLE
        # readers go on meanwhile
        assert await elsewhere(select(Tag.uses)) == 0
        await writer.commit()
    assert await uses() == [1]


@only("sqlite")
@proof
async def test_a_stale_reader_cannot_become_a_writer() -> None:
    await add_tags()
    async with other_engine() as other, other.connect() as reader:
        await reader.exec_driver_sql("BEGIN")
        await reader.execute(select(Tag.uses))
        await commit(Tag(name="newer"))
        with pytest.raises(OperationalError, match="database is locked") as caught:
            await reader.execute(update(Tag).values(uses=2))
        assert error_code(caught.value) == 517
        assert error_code(caught.value) in RETRYABLE


@only("sqlite")
@proof
async def test_memory_is_one_shared_connection() -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    memory = create_async_engine("sqlite+aiosqlite:///:memory:")
    assert type(memory.pool).__name__ == "StaticPool"
    with pytest.raises(TypeError, match="pool_size"):
        create_async_engine("sqlite+aiosqlite:///:memory:", pool_size=5)
