"""Migrations: existing rows, autogenerate's blind spots, and each kind of change."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import (
    compare_metadata,
    produce_migrations,
    render_python_code,
)
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from proofkit import (
    MYSQL,
    SQLITE,
    commit,
    elsewhere,
    has,
    needs,
    new_posts,
    new_user,
    not_on,
    only,
    other_engine,
    proof,
    tables,  # noqa: F401
)
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import engine, error_code
from app.models import Base, User

pytestmark = pytest.mark.usefixtures("tables")


def config() -> Config:
    return Config("alembic.ini")


async def upgrade(revision: str) -> None:
    """Migrate as a deploy step does, while nothing else is connected."""
    await engine.dispose()
    await asyncio.to_thread(command.upgrade, config(), revision)


async def downgrade(revision: str) -> None:
    await engine.dispose()
    await asyncio.to_thread(command.downgrade, config(), revision)


@pytest.fixture
async def head(anyio_backend: str) -> AsyncIterator[None]:
    """The newest schema again, whatever a test leaves."""
    yield
    await upgrade("head")


@pytest.mark.usefixtures("head")
@proof
async def test_not_null_revision_over_existing_rows() -> None:
    await downgrade("0001")
    users = sa.table(
        "users",
        *map(sa.column, ("email", "hashed_password", "is_active", "settings")),
        *map(sa.column, ("created_at", "updated_at")),
    )
    now = sa.func.now()
    values = {"hashed_password": "-", "is_active": sa.true(), "settings": "{}"}
    times = {"created_at": now, "updated_at": now}
    async with other_engine() as other, other.begin() as connection:
        for name in "abc":
            row = {"email": f"{name}@example.com", **values, **times}
            await connection.execute(sa.insert(users).values(row))
    await upgrade("0002")
    query = select(func.count()).select_from(User).where(User.role == "member")
    assert await elsewhere(query) == 3
    async with engine.connect() as connection:
        with pytest.raises((IntegrityError, OperationalError)):
            await connection.execute(sa.update(User).values(role=sa.null()))
    await downgrade("0001")
    async with other_engine() as other, other.connect() as connection:
        columns = await connection.run_sync(
            lambda sync: [c["name"] for c in sa.inspect(sync).get_columns("users")]
        )
    assert "role" not in columns
    assert await elsewhere(select(func.count()).select_from(users)) == 3


@pytest.mark.usefixtures("head")
@proof
async def test_down_to_nothing_and_up_again() -> None:
    await downgrade("base")
    async with other_engine() as other, other.connect() as connection:
        names = await connection.run_sync(
            lambda sync: sa.inspect(sync).get_table_names()
        )
    assert set(names) == {"alembic_version"}
    await upgrade("head")
    await asyncio.to_thread(command.check, config())
    await commit(*new_posts(new_user(), 1))


@pytest.mark.filterwarnings("ignore:coroutine 'online' was never awaited")
@pytest.mark.usefixtures("head")
@proof
async def test_migrating_from_a_running_loop() -> None:
    await downgrade("-1")
    with pytest.raises(
        RuntimeError,
        match=r"asyncio\.run\(\) cannot be called from a running event loop",
    ):
        command.upgrade(config(), "head")

    def migrate(connection: sa.Connection) -> None:
        given = config()
        given.attributes["connection"] = connection
        command.upgrade(given, "head")

    async with other_engine() as other, other.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await asyncio.to_thread(command.check, config())


@pytest.mark.usefixtures("head")
@proof
async def test_check_and_autogenerate_want_the_newest_schema(tmp_path: Path) -> None:
    await downgrade("-1")
    said = "Target database is not up to date"
    with pytest.raises(CommandError, match=said):
        await asyncio.to_thread(command.check, config())
    copy = copied(tmp_path)
    with pytest.raises(CommandError, match=said):
        await asyncio.to_thread(command.revision, copy, "x", autogenerate=True)
    await upgrade("head")
    await asyncio.to_thread(command.check, config())


def copied(folder: Path) -> Config:
    """A copy of the migrations that may be written to."""
    shutil.copytree("migrations", folder / "migrations")
    copy = config()
    copy.set_main_option("script_location", str(folder / "migrations"))
    return copy


@proof
async def test_two_heads_are_merged(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    await asyncio.to_thread(command.revision, copy, "one", head="0002")
    await asyncio.to_thread(command.revision, copy, "two", head="0002", splice=True)
    with pytest.raises(CommandError, match="Multiple head revisions are present"):
        await asyncio.to_thread(command.upgrade, copy, "head")
    await asyncio.to_thread(command.merge, copy, "heads", message="merge")
    assert len(ScriptDirectory.from_config(copy).get_heads()) == 1


def test_one_head() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == ["0002"]


def test_percent_in_a_url_needs_no_configuration() -> None:
    with pytest.raises(ValueError, match="invalid interpolation syntax"):
        config().set_main_option("sqlalchemy.url", "dialect://user:p%40ss@host/name")


# what autogenerate sees


def changed(change: Callable[[sa.MetaData], object]) -> sa.MetaData:
    """The agent's metadata with one change."""
    metadata = sa.MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.sorted_tables:
        table.to_metadata(metadata)
    change(metadata)
    return metadata


async def differences(metadata: sa.MetaData, **options: Any) -> list[str]:
    def compare(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, metadata)

    async with other_engine() as other, other.connect() as connection:
        found = await connection.run_sync(compare)
    return sorted(each[0][0] if isinstance(each, list) else each[0] for each in found)


@proof
async def test_rename_is_seen_as_drop_and_add() -> None:
    def rename(metadata: sa.MetaData) -> None:
        table = metadata.tables["jobs"]
        metadata.remove(table)
        sa.Table(
            "jobs",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("sort", sa.String(255), nullable=False),
            sa.Column("status", table.c.status.type, nullable=False, index=True),
        )

    assert await differences(changed(rename)) == ["add_column", "remove_column"]


@proof
async def test_model_that_is_not_imported_is_dropped() -> None:
    def forget(metadata: sa.MetaData) -> None:
        metadata.remove(metadata.tables["jobs"])

    found = await differences(changed(forget))
    assert "remove_table" in found


@proof
async def test_changed_check_is_not_seen() -> None:
    def change(metadata: sa.MetaData) -> None:
        posts = metadata.tables["posts"]
        (check,) = [c for c in posts.constraints if isinstance(c, sa.CheckConstraint)]
        posts.constraints.remove(check)
        posts.append_constraint(sa.CheckConstraint("view_count >= 10", name="views"))

    assert await differences(changed(change)) == []


@proof
async def test_changed_default_is_seen_only_when_asked_for() -> None:
    def change(metadata: sa.MetaData) -> None:
        metadata.tables["tags"].c.uses.server_default = sa.DefaultClause("7")

    metadata = changed(change)
    assert await differences(metadata, compare_server_default=False) == []
    assert await differences(metadata, compare_server_default=True) == [
        "modify_default"
    ]


@proof
async def test_constraint_without_a_name_cannot_be_dropped() -> None:
    def operations(metadata: sa.MetaData) -> Callable[[sa.Connection], str]:
        def written(connection: sa.Connection) -> str:
            context = MigrationContext.configure(connection)
            migration = produce_migrations(context, metadata)
            assert migration.downgrade_ops is not None
            return render_python_code(migration.downgrade_ops)

        return written

    def add_unique(convention: Any) -> sa.MetaData:
        metadata = sa.MetaData(naming_convention=convention)
        for table in Base.metadata.sorted_tables:
            table.to_metadata(metadata)
        tags = metadata.tables["tags"]
        tags.append_constraint(sa.UniqueConstraint(tags.c.uses))
        return metadata

    async with other_engine() as other, other.connect() as connection:
        none = {"ix": "ix_%(column_0_label)s"}  # the default of MetaData
        unnamed = await connection.run_sync(operations(add_unique(none)))
        own = Base.metadata.naming_convention
        named = await connection.run_sync(operations(add_unique(own)))
    assert "drop_constraint(None, 'tags', type_='unique')" in unnamed
    assert "drop_constraint(op.f('uq_tags_uses')" in named


# kinds of change, on tables of their own


@pytest.fixture
async def things(anyio_backend: str) -> AsyncIterator[None]:
    """A table with three rows, and one that refers to it."""
    metadata = sa.MetaData()
    sa.Table(
        "proof_things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("size", sa.Integer),
    )
    sa.Table(
        "proof_parts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "thing_id",
            sa.ForeignKey("proof_things.id", name="fk_parts", ondelete="CASCADE"),
        ),
    )
    async with other_engine() as other:
        async with other.begin() as connection:
            await connection.run_sync(metadata.drop_all)
            await connection.run_sync(metadata.create_all)
            things, parts = metadata.tables.values()
            names = [{"id": n, "name": f"thing {n}"} for n in (1, 2, 3)]
            await connection.execute(sa.insert(things), names)
            await connection.execute(sa.insert(parts), [{"id": 1, "thing_id": 1}])
        yield
        async with other.begin() as connection:
            await connection.run_sync(metadata.drop_all)
            if SQLITE:  # what a failed batch leaves
                left = "DROP TABLE IF EXISTS _alembic_tmp_proof_things"
                await connection.execute(text(left))


async def operate(change: Callable[[Operations], object], **options: Any) -> None:
    """Do what a revision does, the way that the agent's env.py does it."""
    if SQLITE:
        options["transactional_ddl"] = True

    def run(connection: sa.Connection) -> None:
        context = MigrationContext.configure(connection, opts=options)
        with context.begin_transaction(_per_migration=True):
            change(Operations(context))

    async with migrating_engine() as bind, bind.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()


@asynccontextmanager
async def migrating_engine() -> AsyncIterator[AsyncEngine]:
    if not SQLITE:
        async with other_engine() as other:
            yield other
        return
    from app.database import make_engine

    own = make_engine(foreign_keys=False)
    try:
        yield own
    finally:
        await own.dispose()


async def columns() -> dict[str, Any]:
    async with other_engine() as other, other.connect() as connection:
        found = await connection.run_sync(
            lambda sync: sa.inspect(sync).get_columns("proof_things")
        )
    return {column["name"]: column for column in found}


usefixtures = pytest.mark.usefixtures


@usefixtures("things")
@proof
async def test_renaming_keeps_the_data() -> None:
    def rename(op: Operations) -> None:
        options = {"new_column_name": "title", "existing_nullable": False}
        if SQLITE:
            with op.batch_alter_table("proof_things") as batch:
                batch.alter_column("name", existing_type=sa.String(50), **options)
        else:
            op.alter_column(
                "proof_things", "name", existing_type=sa.String(50), **options
            )

    await operate(rename)
    query = text("SELECT title FROM proof_things WHERE id = 2")
    assert await elsewhere(query) == "thing 2"


@only("postgresql")
@usefixtures("things")
@proof
async def test_constant_default_needs_one_step() -> None:
    def add(op: Operations) -> None:
        column = sa.Column("kind", sa.String(9), nullable=False, server_default="x")
        op.add_column("proof_things", column)

    pages = text("SELECT pg_relation_filenode('proof_things')")
    before = await elsewhere(pages)
    await operate(add)
    assert await elsewhere(pages) == before, "the table was rewritten"
    assert await elsewhere(text("SELECT kind FROM proof_things WHERE id = 1")) == "x"


@only("postgresql")
@usefixtures("things")
@proof
async def test_not_null_on_a_large_table() -> None:
    def steps(op: Operations) -> None:
        name = "proof_things_name_nn"
        table = "ALTER TABLE proof_things "
        if has("not_null_not_valid"):
            op.execute(f"{table}ADD CONSTRAINT {name} NOT NULL size NOT VALID")
            op.execute("UPDATE proof_things SET size = 0")
            op.execute(f"{table}VALIDATE CONSTRAINT {name}")
        else:
            check = "CHECK (size IS NOT NULL) NOT VALID"
            op.execute(f"{table}ADD CONSTRAINT {name} {check}")
            op.execute("UPDATE proof_things SET size = 0")
            op.execute(f"{table}VALIDATE CONSTRAINT {name}")
            op.execute(f"{table}ALTER COLUMN size SET NOT NULL")
            op.execute(f"{table}DROP CONSTRAINT {name}")

    await operate(steps)
    assert (await columns())["size"]["nullable"] is False


@only("postgresql")
@usefixtures("things")
@proof
async def test_constraints_not_valid_then_validated() -> None:
    def add(op: Operations) -> None:
        op.create_check_constraint(
            "proof_size", "proof_things", "size > 5", postgresql_not_valid=True
        )
        op.create_foreign_key(
            "proof_fk",
            "proof_things",
            "proof_parts",
            ["size"],
            ["id"],
            postgresql_not_valid=True,
        )

    def validate(op: Operations) -> None:
        op.execute("ALTER TABLE proof_things VALIDATE CONSTRAINT proof_size")

    async with other_engine() as other, other.begin() as connection:
        await connection.execute(text("UPDATE proof_things SET size = 1"))
    await operate(add)  # though the rows break it
    with pytest.raises(IntegrityError):
        await operate(validate)
    await operate(lambda op: op.drop_constraint("proof_fk", "proof_things"))


@only("postgresql")
@usefixtures("things")
@proof
async def test_index_concurrently_outside_of_the_transaction() -> None:
    def create(op: Operations) -> None:
        op.create_index(
            "proof_ix",
            "proof_things",
            ["name"],
            unique=True,
            postgresql_concurrently=True,
            if_not_exists=True,
        )

    def alone(op: Operations) -> None:
        with op.get_context().autocommit_block():
            create(op)

    with pytest.raises(DBAPIError, match="cannot run inside a transaction block"):
        await operate(create)
    async with other_engine() as other, other.begin() as connection:
        await connection.execute(text("UPDATE proof_things SET name = 'same'"))
    with pytest.raises(IntegrityError):
        await operate(alone, transaction_per_migration=True)
    valid = text(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'proof_ix'::regclass"
    )
    assert await elsewhere(valid) is False
    async with other_engine() as other, other.begin() as connection:
        await connection.execute(text("UPDATE proof_things SET name = id::text"))
    await operate(alone, transaction_per_migration=True)
    assert await elsewhere(valid) is False  # skipped: it exists
    await operate(lambda op: op.drop_index("proof_ix"))
    await operate(alone, transaction_per_migration=True)
    assert await elsewhere(valid) is True


@only("postgresql")
@proof
async def test_new_enum_member_waits_for_the_commit() -> None:
    kind = sa.Enum("a", "b", name="proof_kind")
    metadata = sa.MetaData()
    sa.Table("proof_kinds", metadata, sa.Column("kind", kind))
    add = "ALTER TYPE proof_kind ADD VALUE IF NOT EXISTS 'c'"
    async with other_engine() as other:
        async with other.begin() as connection:
            await connection.run_sync(metadata.create_all)
        async with other.connect() as connection:
            await connection.execute(text(add))
            with pytest.raises(DBAPIError, match="unsafe use of new value"):
                await connection.execute(text("INSERT INTO proof_kinds VALUES ('c')"))
        later = sa.MetaData()
        more = sa.Enum("a", "b", "c", name="proof_kind")
        sa.Table("proof_kinds", later, sa.Column("kind", more))
        assert not [d for d in await differences(later) if "type" in d or "add" in d]

        def alone(op: Operations) -> None:
            with op.get_context().autocommit_block():
                op.execute(add)
            op.execute("INSERT INTO proof_kinds VALUES ('c')")

        await operate(alone, transaction_per_migration=True)
        assert await elsewhere(text("SELECT kind FROM proof_kinds")) == "c"
        await operate(lambda op: op.drop_table("proof_kinds"))
        left = text("SELECT count(*) FROM pg_type WHERE typname = 'proof_kind'")
        assert await elsewhere(left) == 1
        await operate(lambda op: op.execute("DROP TYPE proof_kind"))
        assert await elsewhere(left) == 0


@only("postgresql")
@usefixtures("things")
@proof
async def test_alter_gives_up_waiting() -> None:
    def alter(op: Operations) -> None:
        op.execute("SET LOCAL lock_timeout = '50ms'")
        op.add_column("proof_things", sa.Column("more", sa.Integer))

    async with other_engine() as other, other.connect() as reader:
        await reader.execute(text("SELECT count(*) FROM proof_things"))
        with pytest.raises(DBAPIError) as caught:
            await operate(alter)
        assert error_code(caught.value) == "55P03"
        await reader.rollback()
    await operate(alter)


@only("mysql", "mariadb")
@usefixtures("things")
@proof
async def test_instant_and_in_place() -> None:
    async def alter(change: str) -> None:
        await operate(lambda op: op.execute(f"ALTER TABLE proof_things {change}"))

    await alter("ADD COLUMN c INT, ALGORITHM=INSTANT")
    if has("instant_drop_column"):
        await alter("DROP COLUMN c, ALGORITHM=INSTANT")
    await alter("ADD COLUMN kind ENUM('a', 'b'), ALGORITHM=INSTANT")
    await alter("MODIFY COLUMN kind ENUM('a', 'b', 'c'), ALGORITHM=INSTANT")
    with pytest.raises(OperationalError) as caught:
        await alter("MODIFY COLUMN kind ENUM('x', 'a', 'b', 'c'), ALGORITHM=INSTANT")
    assert error_code(caught.value) in {1845, 1846}
    await alter("ADD INDEX proof_ix (name), ALGORITHM=INPLACE, LOCK=NONE")
    with pytest.raises(OperationalError) as caught:
        await alter("MODIFY COLUMN size BIGINT, ALGORITHM=INPLACE")
    assert error_code(caught.value) == 1846


@only("mysql", "mariadb")
@usefixtures("things")
@proof
async def test_not_null_without_existing_type_fails_halfway() -> None:
    def add(op: Operations, **options: Any) -> None:
        op.add_column("proof_things", sa.Column("role", sa.String(20)))
        op.execute("UPDATE proof_things SET role = 'member'")
        op.alter_column("proof_things", "role", nullable=False, **options)

    with pytest.raises(Exception, match="require the existing type"):
        await operate(add)
    assert "role" in await columns()
    await operate(lambda op: op.drop_column("proof_things", "role"))
    await operate(lambda op: add(op, existing_type=sa.String(20)))
    assert (await columns())["role"]["nullable"] is False


@only("mysql", "mariadb")
@usefixtures("things")
@proof
async def test_ddl_commits_and_guards_make_it_repeatable() -> None:
    async with other_engine() as other, other.connect() as connection:
        await connection.execute(text("UPDATE proof_things SET size = 5"))
        await connection.execute(text("ALTER TABLE proof_things ADD COLUMN x INT"))
        await connection.rollback()
    assert await elsewhere(text("SELECT min(size) FROM proof_things")) == 5

    def guarded(op: Operations) -> None:
        op.create_table(
            "proof_guarded", sa.Column("id", sa.Integer), if_not_exists=True
        )

    await operate(guarded)
    await operate(guarded)
    for _ in range(2):
        await operate(lambda op: op.drop_table("proof_guarded", if_exists=True))


@only("mysql", "mariadb")
@usefixtures("things")
@proof
async def test_alter_gives_up_waiting_for_an_open_transaction() -> None:
    def alter(op: Operations) -> None:
        op.execute("SET SESSION lock_wait_timeout = 1")
        op.add_column("proof_things", sa.Column("more", sa.Integer))

    async with other_engine() as other, other.connect() as reader:
        await reader.execute(text("SELECT count(*) FROM proof_things"))
        with pytest.raises(OperationalError) as caught:
            await operate(alter)
        assert error_code(caught.value) == 1205
        await reader.rollback()
    await operate(alter)


@only("sqlite")
@usefixtures("things")
@proof
async def test_plain_alter_column_is_a_syntax_error() -> None:
    def widen(op: Operations) -> None:
        op.alter_column("proof_things", "size", type_=sa.BigInteger)

    def require(op: Operations) -> None:
        op.execute("UPDATE proof_things SET size = 0")
        op.alter_column("proof_things", "size", nullable=False)

    place = "TYPE" if has("alter_not_null") else "ALTER"
    with pytest.raises(OperationalError, match=f'near "{place}": syntax error'):
        await operate(widen)
    if has("alter_not_null"):
        await operate(require)
        assert (await columns())["size"]["nullable"] is False
    else:
        with pytest.raises(OperationalError, match='near "ALTER": syntax error'):
            await operate(require)


def to_text(op: Operations) -> None:
    with op.batch_alter_table("proof_things") as batch:
        batch.alter_column("name", type_=sa.Text, existing_nullable=False)


@only("sqlite")
@usefixtures("things")
@pytest.mark.parametrize("foreign_keys", [False, True], ids=["off", "on"])
@proof
async def test_batch_keeps_children_only_with_foreign_keys_off(
    foreign_keys: bool,
) -> None:
    from app.database import make_engine

    def run(connection: sa.Connection) -> None:
        to_text(Operations(MigrationContext.configure(connection)))

    migrating = make_engine(foreign_keys=foreign_keys)
    async with migrating.begin() as connection:
        await connection.run_sync(run)
    await migrating.dispose()
    parts = await elsewhere(text("SELECT count(*) FROM proof_parts"))
    assert parts == (0 if foreign_keys else 1)
    assert await elsewhere(text("SELECT count(*) FROM proof_things")) == 3


@only("sqlite")
@usefixtures("things")
@proof
async def test_failed_batch_leaves_nothing_in_a_transaction() -> None:
    def halfway(op: Operations) -> None:
        op.add_column("proof_things", sa.Column("half", sa.Integer))
        with op.batch_alter_table("proof_things") as batch:
            batch.alter_column("size", nullable=False)  # there are NULLs

    def run(connection: sa.Connection) -> None:
        halfway(Operations(MigrationContext.configure(connection)))

    async def leftovers() -> set[str]:
        async with other_engine() as other, other.connect() as connection:
            names = await connection.run_sync(
                lambda sync: sa.inspect(sync).get_table_names()
            )
        return {name for name in names if name.startswith("_alembic")}

    with pytest.raises(IntegrityError):
        await operate(halfway)
    assert set(await columns()) == {"id", "name", "size"}
    assert await leftovers() == set()
    async with other_engine() as drivers_own, drivers_own.connect() as connection:
        with pytest.raises(IntegrityError):
            await connection.run_sync(run)
    assert "half" in await columns()
    assert await leftovers() == {"_alembic_tmp_proof_things"}


@only("sqlite")
@usefixtures("things")
@proof
async def test_dropping_a_column_that_is_in_use() -> None:
    def drop(op: Operations) -> None:
        op.drop_column("proof_things", "size")

    def batch(op: Operations) -> None:
        with op.batch_alter_table("proof_things") as table:
            table.drop_column("size")

    def constrain(op: Operations) -> None:
        with op.batch_alter_table("proof_things") as table:
            table.create_check_constraint("size_check", "size > 0")

    def unconstrain(op: Operations) -> None:
        with op.batch_alter_table("proof_things") as table:
            table.drop_constraint("size_check", type_="check")
            table.drop_column("size")

    await operate(lambda op: op.create_index("proof_ix", "proof_things", ["size"]))
    for change in (drop, batch):
        with pytest.raises(OperationalError):
            await operate(change)
    await operate(lambda op: op.drop_index("proof_ix"))
    await operate(constrain)
    with pytest.raises(OperationalError):
        await operate(drop)
    await operate(unconstrain)
    assert set(await columns()) == {"id", "name"}
    await operate(lambda op: op.add_column("proof_things", sa.Column("a", sa.Integer)))
    await operate(lambda op: op.drop_column("proof_things", "a"))


@only("sqlite")
@needs("alter_not_null")
@usefixtures("things")
@proof
async def test_not_null_by_alter_table() -> None:
    def alter(op: Operations) -> None:
        op.execute("UPDATE proof_things SET size = 0")
        op.execute("ALTER TABLE proof_things ALTER COLUMN size SET NOT NULL")

    await operate(alter)
    assert (await columns())["size"]["nullable"] is False


@not_on("mysql", "mariadb")
@proof
async def test_ddl_is_transactional() -> None:
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE proof_gone (id INTEGER)"))
        await connection.rollback()
    async with other_engine() as other, other.connect() as connection:
        names = await connection.run_sync(
            lambda sync: sa.inspect(sync).get_table_names()
        )
    assert "proof_gone" not in names


@proof
async def test_foreign_keys_and_their_indexes() -> None:
    """Only MySQL and MariaDB index a foreign key by themselves."""
    metadata = sa.MetaData()
    sa.Table("proof_one", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("proof_two", metadata, sa.Column("one_id", sa.ForeignKey("proof_one.id")))
    async with other_engine() as other, other.begin() as connection:
        await connection.run_sync(metadata.create_all)
        found = await connection.run_sync(
            lambda sync: sa.inspect(sync).get_indexes("proof_two")
        )
        await connection.run_sync(metadata.drop_all)
    assert len(found) == (1 if MYSQL else 0)
