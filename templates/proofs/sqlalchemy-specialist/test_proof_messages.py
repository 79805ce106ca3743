"""Messages: each error in the agent's text occurs, and the right form passes."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.exceptions import FastAPIError
from proofkit import (
    DATABASE,
    DRIVER,
    POOLER,
    POSTGRESQL,
    URL,
    commit,
    elsewhere,
    has,
    is_missing_greenlet,
    message,
    needs,
    new_posts,
    new_user,
    not_on,
    only,
    other_engine,
    own_tables,
    proof,
    tables,  # noqa: F401
)
from sqlalchemy import func, select, text
from sqlalchemy.exc import (
    ArgumentError,
    CompileError,
    DBAPIError,
    IntegrityError,
    InvalidRequestError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column
from sqlalchemy.orm.exc import DetachedInstanceError
from sqlalchemy.pool import QueuePool

from app.database import SessionDep, engine, error_code, session_factory
from app.models import Base, Post, Tag, User

only_asyncpg = pytest.mark.skipif(DRIVER != "asyncpg", reason="said of asyncpg")


async def add_post(session: AsyncSession) -> Post:
    """A post that the session holds, its relationships not loaded."""
    session.add_all(new_posts(new_user(), 1))
    await session.commit()
    session.expunge_all()
    return (await session.scalars(select(Post).order_by(Post.id.desc()).limit(1))).one()


# missing greenlets and detached objects


@proof
async def test_lazy_load_in_a_transaction(session: AsyncSession) -> None:
    post = await add_post(session)
    for name in ("author", "tags", "comments"):
        with pytest.raises(Exception) as caught:
            getattr(post, name)
        assert is_missing_greenlet(caught.value)
        assert "greenlet_spawn has not been called" in message(caught.value)
    with pytest.raises(Exception) as caught:
        post.tags.append(Tag(name="new"))
    assert is_missing_greenlet(caught.value)
    right = await session.get_one(
        Post, post.id, options=[joinedload(Post.author)], populate_existing=True
    )
    assert right.author.email


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
@proof
async def test_lazy_load_after_a_commit() -> None:
    async with session_factory() as session:
        post = await add_post(session)
        await session.commit()
        assert post.title  # kept by expire_on_commit=False
        with pytest.raises(Exception) as caught:
            assert post.author  # which loads nothing
        assert is_missing_greenlet(caught.value, connected=False)


@pytest.mark.usefixtures("tables")
@proof
async def test_lazy_load_after_the_session() -> None:
    async with session_factory() as session:
        post = await add_post(session)
    with pytest.raises(DetachedInstanceError):
        assert post.author
    async with session_factory() as session:
        with pytest.raises(InvalidRequestError):
            await session.refresh(post)
        merged = await session.merge(post)
        assert (await merged.awaitable_attrs.author).email


@pytest.mark.usefixtures("tables")
@proof
async def test_begin_after_a_statement() -> None:
    async with session_factory() as session:
        await session.scalar(select(Post.id).limit(1))
        with pytest.raises(
            InvalidRequestError, match="A transaction is already begun on this Session"
        ):
            async with session.begin():
                pass
        async with session.begin_nested():
            await session.scalar(select(Post.id).limit(1))
        await session.commit()
        async with session.begin():
            await session.scalar(select(Post.id).limit(1))


@pytest.mark.usefixtures("tables")
@proof
async def test_default_factory_would_expire_on_commit() -> None:
    async with AsyncSession(engine) as session:
        tag = Tag(name="a")
        session.add(tag)
        await session.commit()
        with pytest.raises(Exception) as caught:
            assert tag.name
        assert "greenlet_spawn" in message(caught.value)


# wrong forms that fail at once


def test_wrong_forms() -> None:
    with pytest.raises(ArgumentError):
        sa.Table("t", sa.MetaData(), mapped_column("id"))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="cannot be used with asyncio engine"):
        create_async_engine(URL, poolclass=QueuePool)
    assert not hasattr(AsyncSession, "query")
    with pytest.raises(FastAPIError):

        @FastAPI().get("/")
        async def wrong(db: AsyncSession) -> None: ...

    @FastAPI().get("/")
    async def right(db: SessionDep) -> None: ...


def test_password_is_masked() -> None:
    shown = engine.url.set(password="secret", username="me", host="here")
    for url in (shown.render_as_string(), str(shown), repr(shown)):
        assert "secret" not in url
        assert ":***@" in url


def test_index_beside_a_key_is_a_second_index() -> None:
    metadata = sa.MetaData()
    table = sa.Table(
        "t",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, index=True),
        sa.Column("name", sa.String(9), unique=True, index=True),
    )
    assert {(index.columns[0].name, index.unique) for index in table.indexes} == {
        ("id", False),
        ("name", True),
    }
    assert not [c for c in table.constraints if isinstance(c, sa.UniqueConstraint)]


def test_constraints_have_names() -> None:
    names = {
        constraint.name
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
    }
    assert {
        "pk_users",
        "uq_users_email",
        "ck_posts_view_count",
        "fk_posts_author_id_users",
    } <= names


def test_types_of_columns() -> None:
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("size", sa.Double),
        sa.Column("key", sa.Uuid),
        sa.Column("flag", sa.Boolean),
    )

    class Own(DeclarativeBase):
        pass

    class Row(Own):
        __tablename__ = "t"
        id: Mapped[int] = mapped_column(primary_key=True)
        size: Mapped[float]

    assert isinstance(Row.__table__.c.size.type, sa.Double)
    ddl = str(sa.schema.CreateTable(table).compile(engine.sync_engine))
    if has("native_uuid") and POSTGRESQL:
        assert "key UUID" in ddl
    elif not POSTGRESQL and DATABASE != "mariadb":
        assert "CHAR(32)" in ddl
    if DATABASE in ("mysql", "mariadb"):
        assert "flag BOOL" in ddl


# PostgreSQL


@only("postgresql")
@only_asyncpg
@proof
async def test_aware_value_for_a_naive_column() -> None:
    metadata = sa.MetaData()
    table = sa.Table(
        "proof_times", metadata, sa.Column("at", sa.DateTime), sa.Column("ok", Moment)
    )
    async with own_tables(metadata) as other, other.connect() as connection:
        with pytest.raises(
            DBAPIError, match="can't subtract offset-naive and offset-aware datetimes"
        ):
            await connection.execute(sa.insert(table).values(at=datetime.now(UTC)))
        await connection.rollback()
        await connection.execute(sa.insert(table).values(ok=datetime.now(UTC)))
        await connection.rollback()


Moment = sa.DateTime(timezone=True)


@only("postgresql")
@only_asyncpg
@pytest.mark.skipif(POOLER, reason="it caches no statements")
@proof
async def test_cached_plan_fails_once_after_ddl() -> None:
    metadata = sa.MetaData()
    sa.Table("proof_plans", metadata, sa.Column("id", sa.Integer))
    query = text("SELECT * FROM proof_plans")
    async with own_tables(metadata) as other, engine.connect() as connection:
        await connection.execute(query)
        await connection.commit()
        async with other.begin() as elsewhere_:
            await elsewhere_.execute(text("ALTER TABLE proof_plans ADD x integer"))
        with pytest.raises(DBAPIError, match="cached statement plan is invalid"):
            await connection.execute(query)
        await connection.rollback()
        await connection.execute(query)
        await connection.rollback()
    await engine.dispose()


@only("postgresql")
@proof
async def test_text_and_its_parameters(session: AsyncSession) -> None:
    async def run(sql: str, **values: Any) -> Any:
        async with session.begin_nested():
            return await session.scalar(text(sql), values)

    with pytest.raises(ProgrammingError, match='syntax error at or near ":"'):
        await run("SELECT :x::int", x=1)
    assert await run("SELECT CAST(:x AS int)", x=1) == 1
    count = "SELECT count(*) FROM generate_series(1, 9) AS n WHERE n"
    assert await run(f"{count} = ANY(:ids)", ids=[2, 3, 99]) == 2
    with pytest.raises(DBAPIError):
        await run(f"{count} IN :ids", ids=[2, 3])
    day = "SELECT CAST(:day AS date) - CAST(:ago AS interval)"
    found = await run(day, day=date(2026, 1, 2), ago=timedelta(days=1))
    assert found == datetime(2026, 1, 1)
    if DRIVER == "asyncpg":
        with pytest.raises(DBAPIError):
            await run(day, day="2026-01-02", ago="1 day")
    with pytest.raises(DBAPIError):
        await run("SELECT CAST(:x AS int); SELECT 2", x=1)


@only("postgresql")
@proof
async def test_group_by_an_expression_with_parameters(session: AsyncSession) -> None:
    def name() -> sa.ColumnElement[str]:
        return func.coalesce(User.full_name, sa.literal("nobody"))

    wrong = select(name(), func.count()).group_by(name())
    with pytest.raises(ProgrammingError, match="must appear in the GROUP BY clause"):
        async with session.begin_nested():
            await session.execute(wrong)
    label = name().label("name")
    await session.execute(select(label, func.count()).group_by(label))


@only("postgresql")
@pytest.mark.usefixtures("tables")
@proof
async def test_explain_analyze_executes() -> None:
    async with engine.begin() as connection:
        insert = "INSERT INTO tags (name, uses) VALUES ('a', 0)"
        plan = await connection.execute(text(f"EXPLAIN (ANALYZE, BUFFERS) {insert}"))
        assert plan.all()
    assert await elsewhere(select(func.count()).select_from(Tag)) == 1


@only("postgresql")
@needs("explain_generic_plan")
@proof
async def test_generic_plan_of_a_logged_query() -> None:
    query = "EXPLAIN (GENERIC_PLAN) SELECT * FROM tags WHERE name = $1"
    async with other_engine() as other, other.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        await raw.execute(query)  # as psql sends it, without parameters
        if DRIVER == "asyncpg":
            with pytest.raises(DBAPIError, match="the server expects 1 argument"):
                await connection.exec_driver_sql(query)


@only("postgresql")
@proof
async def test_keys_and_defaults_of_the_server(session: AsyncSession) -> None:
    default = "uuidv7()" if has("uuidv7") else "gen_random_uuid()"
    assert isinstance(await session.scalar(text(f"SELECT {default}")), uuid.UUID)
    level = (await session.connection()).get_isolation_level
    assert await level() == "READ COMMITTED"
    name = "x" * 64
    await session.execute(text(f'SELECT 1 AS "{name}"'))
    row = (await session.execute(text(f'SELECT 1 AS "{name}"'))).mappings().one()
    assert list(row) == [name[:63]]


@only("postgresql")
@only_asyncpg
@proof
async def test_copy_takes_many_rows() -> None:
    metadata = sa.MetaData()
    table = sa.Table("proof_copied", metadata, sa.Column("id", sa.Integer))
    async with own_tables(metadata):
        async with session_factory.begin() as session:
            connection = await session.connection()
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.copy_records_to_table(
                "proof_copied", records=[(number,) for number in range(10_000)]
            )
        assert await elsewhere(select(func.count()).select_from(table)) == 10_000
        await engine.dispose()


# MySQL and MariaDB


@only("mysql", "mariadb")
def test_string_needs_a_length() -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("name", sa.String))
    with pytest.raises(CompileError):
        sa.schema.CreateTable(table).compile(engine.sync_engine)


@only("mysql", "mariadb")
@pytest.mark.usefixtures("tables")
@proof
async def test_text_compares_without_case() -> None:
    await commit(Tag(name="Tag"))
    with pytest.raises(IntegrityError) as caught:
        await commit(Tag(name="tAG"))
    assert error_code(caught.value) == 1062


@only("mysql", "mariadb")
@proof
async def test_length_of_keys() -> None:
    async def create(column: str) -> int | None:
        async with other_engine() as other, other.begin() as connection:
            await connection.execute(text("DROP TABLE IF EXISTS proof_keys"))
            try:
                await connection.execute(text(f"CREATE TABLE proof_keys ({column})"))
            except DBAPIError as exc:
                return int(str(error_code(exc)))
            await connection.execute(text("DROP TABLE proof_keys"))
            return None

    utf8 = "CHARACTER SET utf8mb4"
    long = has("long_unique")
    assert await create(f"k varchar(768) {utf8} UNIQUE") is None
    assert await create(f"k varchar(769) {utf8} UNIQUE") == (None if long else 1071)
    assert await create(f"k text {utf8} UNIQUE") == (None if long else 1170)


@only("mysql", "mariadb")
@pytest.mark.usefixtures("tables")
@proof
async def test_subqueries_of_a_write() -> None:
    limited = "SELECT id FROM tags ORDER BY id LIMIT 1"
    inner = text(f"SELECT * FROM tags WHERE id IN ({limited})")
    derived = text(f"SELECT * FROM tags WHERE id IN (SELECT id FROM ({limited}) AS t)")
    own = "DELETE FROM tags WHERE id IN (SELECT id FROM {} WHERE uses > 5)"
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as caught:
            await connection.execute(inner)
        assert error_code(caught.value) == 1235
        await connection.execute(derived)
        if DATABASE == "mysql":
            with pytest.raises(DBAPIError) as caught:
                await connection.execute(text(own.format("tags")))
            assert error_code(caught.value) == 1093
        await connection.execute(text(own.format("(SELECT * FROM tags) AS t")))
        await connection.rollback()


@only("mysql", "mariadb")
@proof
async def test_column_missing_in_group_by() -> None:
    query = text("SELECT full_name FROM users GROUP BY role")
    async with engine.connect() as connection:
        if has("only_full_group_by"):
            with pytest.raises(DBAPIError) as caught:
                await connection.execute(query)
            assert error_code(caught.value) == 1055
        else:
            await connection.execute(query)
        await connection.rollback()
    await engine.dispose()


@only("mysql", "mariadb")
@pytest.mark.usefixtures("tables")
@proof
async def test_analyze_of_a_write() -> None:
    await commit(Tag(name="a"))
    change = "UPDATE tags SET uses = 7"
    word = "ANALYZE" if DATABASE == "mariadb" else "EXPLAIN ANALYZE"
    async with engine.begin() as connection:
        plan = (await connection.execute(text(f"{word} {change}"))).all()
    uses = await elsewhere(select(Tag.uses))
    if DATABASE == "mariadb":
        assert uses == 7
    else:
        assert uses == 0
        assert "not executable" in str(plan)


@only("mysql", "mariadb")
@proof
async def test_plan_of_a_query() -> None:
    word = "ANALYZE FORMAT=JSON" if DATABASE == "mariadb" else "EXPLAIN ANALYZE"
    async with engine.connect() as connection:
        plan = await connection.scalar(text(f"{word} SELECT * FROM tags"))
    assert plan and (DATABASE == "mysql" or "r_rows" in plan)
    await engine.dispose()


@only("mysql", "mariadb")
@proof
async def test_uuid_keys_of_the_server() -> None:
    function = "uuid_v7" if has("uuidv7") else "uuid" if DATABASE == "mariadb" else None
    if function is None:
        pytest.skip("keys are Python's here")
    default = getattr(func, function)()

    class Own(DeclarativeBase):
        pass

    class Row(Own):
        __tablename__ = "proof_uuids"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=default)
        name: Mapped[str] = mapped_column(sa.String(9))

    if not has("server_uuid_primary_key"):
        pytest.skip("no server default on the key")
    async with own_tables(Own.metadata) as other, AsyncSession(other) as session:
        row = Row(name="a")
        session.add(row)
        await session.flush()
        assert isinstance(row.id, uuid.UUID)
        await session.rollback()


@only("mysql", "mariadb")
@proof
async def test_seconds_are_cut_or_rounded(session: AsyncSession) -> None:
    query = text("SELECT CAST('2026-01-01 00:00:00.6' AS DATETIME)")
    found = await session.scalar(query)
    assert found.second == (1 if DATABASE == "mysql" else 0)


# SQLite


@only("sqlite")
@proof
async def test_now_is_no_function(session: AsyncSession) -> None:
    with pytest.raises(OperationalError, match="no such function: now"):
        await session.execute(text("SELECT now()"))
    assert await session.scalar(select(func.now()))
    metadata = sa.MetaData()
    column = sa.Column("at", sa.DateTime, server_default=text("now()"))
    table = sa.Table("proof_now", metadata, sa.Column("id", sa.Integer), column)
    connection = await session.connection()
    with pytest.raises(OperationalError, match=r"unknown function: now\(\)"):
        await connection.run_sync(metadata.create_all)
        await connection.execute(sa.insert(table).values(id=1))


@only("sqlite")
@proof
async def test_columns_take_any_value(session: AsyncSession) -> None:
    await session.execute(text("CREATE TABLE proof_loose (n INTEGER, s VARCHAR(2))"))
    await session.execute(text("INSERT INTO proof_loose VALUES ('text', 'too long')"))
    metadata = sa.MetaData()
    if has("strict_tables"):
        sa.Table(
            "proof_strict", metadata, sa.Column("n", sa.Integer), sqlite_strict=True
        )
        connection = await session.connection()
        await connection.run_sync(metadata.create_all)
        with pytest.raises(IntegrityError):
            await session.execute(text("INSERT INTO proof_strict VALUES ('text')"))


@only("sqlite")
@proof
async def test_big_keys_do_not_number_themselves() -> None:
    metadata = sa.MetaData()
    key = sa.Column("id", sa.BigInteger, primary_key=True)
    table = sa.Table("proof_big", metadata, key, sa.Column("n", sa.Integer))
    async with own_tables(metadata) as other, other.connect() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(sa.insert(table).values(n=1))


@only("sqlite")
@proof
async def test_copy_of_a_database_in_use(tmp_path: Any) -> None:
    async with other_engine() as other, other.connect() as connection:
        path = tmp_path / "copy.db"
        await connection.exec_driver_sql(f"VACUUM INTO '{path}'")
        plan = await connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT * FROM tags ORDER BY uses"
        )
        said = str(plan.all())
        assert "SCAN" in said and "USE TEMP B-TREE FOR ORDER BY" in said
        await connection.exec_driver_sql("PRAGMA optimize")
    assert path.stat().st_size > 0


@only("sqlite")
@proof
async def test_server_times_differ_from_bound_ones() -> None:
    metadata = sa.MetaData()
    column = sa.Column("at", sa.DateTime, server_default=func.now())
    table = sa.Table("proof_at", metadata, sa.Column("id", sa.Integer), column)
    async with own_tables(metadata) as other, other.connect() as connection:
        await connection.execute(sa.insert(table).values(id=1))
        at = await connection.scalar(select(table.c.at))
        assert at.microsecond == 0
        count = select(func.count()).select_from(table)
        # the same moment, but other text: it is not equal to itself
        assert await connection.scalar(count.where(table.c.at == at)) == 0
        assert await connection.scalar(count.where(table.c.at < at)) == 1
        await connection.rollback()


@only("sqlite")
@proof
async def test_enum_with_a_check_refuses() -> None:
    metadata = sa.MetaData()
    kind = sa.Enum("a", "b", name="kind", create_constraint=True)
    table = sa.Table("proof_enum", metadata, sa.Column("kind", kind))
    async with own_tables(metadata) as other, other.connect() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(text("INSERT INTO proof_enum VALUES ('c')"))
        await connection.execute(sa.insert(table).values(kind="a"))
        await connection.rollback()


# all


@not_on("sqlite")
@proof
async def test_agents_index_serves_the_feed(session: AsyncSession) -> None:
    connection = await session.connection()

    def names(sync: sa.Connection) -> set[str | None]:
        return {index["name"] for index in sa.inspect(sync).get_indexes("posts")}

    assert "ix_posts_feed" in await connection.run_sync(names)
