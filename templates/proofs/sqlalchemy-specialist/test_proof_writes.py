"""Writing: bulk, upsert, failing rows, JSON, server-made values, versions."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from proofkit import (
    MYSQL,
    POSTGRESQL,
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
    own_tables,
    proof,
    sent,
    tables,  # noqa: F401
)
from sqlalchemy import event, func, insert, select, update
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InvalidRequestError,
    OperationalError,
    PendingRollbackError,
    ProgrammingError,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.exc import StaleDataError

from app.database import UNIQUE, engine, error_code, session_factory
from app.models import Comment, Job, Post, Tag, User
from app.repositories import get_or_create_tags

if MYSQL:
    from sqlalchemy.dialects.mysql import insert as upsert
elif POSTGRESQL:
    from sqlalchemy.dialects.postgresql import insert as upsert  # type: ignore[assignment]
else:
    from sqlalchemy.dialects.sqlite import insert as upsert  # type: ignore[assignment]


def names(count: int) -> list[str]:
    prefix = uuid.uuid4().hex[:8]
    return [f"{prefix}-{number:05}" for number in range(count)]


def add_to_uses() -> Any:
    new: Any = upsert(Tag)
    if MYSQL:
        return new.on_duplicate_key_update(uses=Tag.uses + new.inserted.uses)
    return new.on_conflict_do_update(
        index_elements=["name"], set_={"uses": Tag.uses + new.excluded.uses}
    )


@proof
async def test_thousands_of_rows_are_one_executemany(session: AsyncSession) -> None:
    batches: list[int] = []

    def note(*args: Any) -> None:
        if args[2].startswith("INSERT"):
            assert args[5], "not an executemany"
            batches.append(len(args[3]))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        rows = [{"name": name} for name in names(10_000)]
        await session.execute(insert(Tag), rows)
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert batches == [10_000]
    mine = Tag.name.startswith(rows[0]["name"][:8])
    found = (
        await session.execute(select(func.count(), func.max(Tag.uses)).where(mine))
    ).one()
    assert tuple(found) == (10_000, 0)  # Python defaults apply


@proof
async def test_bulk_insert_leaves_validators_out(session: AsyncSession) -> None:
    email = f"{uuid.uuid4()}@Example.com"
    await session.execute(insert(User), [{"email": email, "hashed_password": "-"}])
    stored = await session.scalar(
        select(User.email).where(func.lower(User.email) == email.lower())
    )
    assert stored == email
    assert new_user(email=f" {email} ").email == email.lower()


@proof
async def test_cost_of_adding_one_by_one(session: AsyncSession) -> None:
    session.add_all([Tag(name=name) for name in names(1_001)])
    with sent() as statements:
        await session.flush()
    inserts = [sql for sql in statements if sql.startswith("INSERT")]
    assert len(inserts) == len(statements)
    assert len(inserts) == (2 if has("batched_flush") else 1_001)


@needs("insert_returning")
@proof
async def test_bulk_insert_gives_objects_back(session: AsyncSession) -> None:
    rows = [{"name": name} for name in names(100)]
    with sent() as statements:
        tags = (await session.scalars(insert(Tag).returning(Tag), rows)).all()
    assert len(statements) == 1
    assert {tag.name for tag in tags} == {row["name"] for row in rows}
    assert all(tag.id and tag in session for tag in tags)


@needs("insert_returning")
@not_on("sqlite")
@proof
async def test_bulk_insert_gives_objects_back_in_order(session: AsyncSession) -> None:
    rows = [{"name": name} for name in names(100)]
    query = insert(Tag).returning(Tag, sort_by_parameter_order=True)
    tags = (await session.scalars(query, rows)).all()
    assert [tag.name for tag in tags] == [row["name"] for row in rows]


@pytest.mark.skipif(has("insert_returning"), reason="it has INSERT RETURNING")
@proof
async def test_returning_is_missing(session: AsyncSession) -> None:
    with pytest.raises(InvalidRequestError, match="Can't use explicit RETURNING"):
        rows = [{"name": name} for name in names(2)]
        await session.scalars(insert(Tag).returning(Tag), rows)
    with pytest.raises(ProgrammingError) as caught:
        await session.scalars(insert(Tag).values(name=names(1)[0]).returning(Tag))
    assert error_code(caught.value) == 1064


@proof
async def test_update_gives_its_row_back(session: AsyncSession) -> None:
    ada = new_user()
    post = new_posts(ada, 1)[0]
    session.add(post)
    await session.commit()
    change = update(Post).where(Post.id == post.id).values(view_count=7)
    if has("update_returning"):
        found = (await session.scalars(change.returning(Post))).one()
    else:
        with pytest.raises(ProgrammingError) as caught:
            async with session.begin_nested():
                await session.scalars(change.returning(Post))
        assert error_code(caught.value) == 1064
        await session.execute(change)
        again = await session.get(Post, post.id, populate_existing=True)
        assert again is not None
        found = again
    assert found is post and post.view_count == 7


@needs("delete_returning")
@proof
async def test_delete_gives_its_row_back(session: AsyncSession) -> None:
    tag = Tag(name=names(1)[0])
    session.add(tag)
    await session.flush()
    gone = sa.delete(Tag).where(Tag.id == tag.id).returning(Tag.name)
    assert (await session.scalars(gone)).one() == tag.name


@proof
async def test_upsert_inserts_then_updates(session: AsyncSession) -> None:
    one, two = names(2)
    options = {"populate_existing": True}
    rows = [{"name": one, "uses": 1}, {"name": two, "uses": 1}]
    await session.execute(add_to_uses(), rows[:1])
    tag = (await session.scalars(select(Tag).where(Tag.name == one))).one()
    await session.execute(add_to_uses(), rows)
    query = select(Tag).where(Tag.name == one)
    assert (await session.scalars(query)).one().uses == 1  # the session's old value
    found = await session.scalars(query, execution_options=options)
    assert found.one().uses == 2
    if not MYSQL:
        again = add_to_uses().returning(Tag)
        kept = await session.scalars(again, [{"name": one, "uses": 5}])
        assert [row.uses for row in kept] == [2]
        fresh = await session.scalars(
            again, [{"name": one, "uses": 5}], execution_options=options
        )
        assert [row.uses for row in fresh] == [12]
    assert tag.uses == (2 if MYSQL else 12)


@only("mysql", "mariadb")
@proof
async def test_rowcount_of_an_upsert(session: AsyncSession) -> None:
    name = names(1)[0]
    new: Any = upsert(Tag)
    new = new.on_duplicate_key_update(uses=new.inserted.uses)
    counts = []
    for uses in (1, 2, 2):
        result: Any = await session.execute(new.values(name=name, uses=uses))
        counts.append(result.rowcount)
    assert counts == [1, 2, 1]


@proof
async def test_tags_are_found_or_made(session: AsyncSession) -> None:
    one, two = names(2)
    session.add(Tag(name=one, uses=3))
    await session.flush()
    tags = await get_or_create_tags(session, {one, two})
    assert {tag.name: tag.uses for tag in tags} == {one: 3, two: 0}
    again = await get_or_create_tags(session, {two, one})
    assert {tag.id for tag in again} == {tag.id for tag in tags}
    assert await get_or_create_tags(session, set()) == []


@proof
async def test_tags_are_made_in_one_order(session: AsyncSession) -> None:
    """Rows locked in another order by another request would be a deadlock."""
    written: list[str] = []

    def note(*args: Any) -> None:
        if args[2].startswith("INSERT"):
            written.extend(
                next(iter(row.values())) if isinstance(row, dict) else row[0]
                for row in args[3]
            )

    wanted = names(50)
    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        await get_or_create_tags(session, set(wanted))
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert written == wanted


@proof
async def test_one_bad_row_in_a_savepoint(session: AsyncSession) -> None:
    bad, good = names(2)
    session.add(Tag(name=bad))
    await session.flush()
    for name in (bad, good):
        try:
            async with session.begin_nested():
                session.add(Tag(name=name))
        except IntegrityError as exc:
            assert name == bad
            assert error_code(exc) == UNIQUE
    await session.commit()
    query = select(Tag.name).where(Tag.name.in_([bad, good])).order_by(Tag.name)
    assert list(await session.scalars(query)) == [bad, good]


@pytest.mark.usefixtures("tables")
@proof
async def test_savepoint_within_a_real_transaction() -> None:
    bad, good = names(2)
    async with session_factory() as session:
        session.add(Tag(name=bad))
        await session.flush()
        with pytest.raises(IntegrityError):
            async with session.begin_nested():
                session.add(Tag(name=bad))
        session.add(Tag(name=good))
        await session.commit()
    assert await elsewhere(select(func.count()).select_from(Tag)) == 2


@proof
async def test_a_failed_flush_blocks_the_session(session: AsyncSession) -> None:
    name = names(1)[0]
    session.add_all([Tag(name=name), Tag(name=name)])
    with pytest.raises(IntegrityError):
        await session.flush()
    with pytest.raises(PendingRollbackError):
        await session.scalar(select(func.count()).select_from(Tag))
    await session.rollback()
    await session.scalar(select(func.count()).select_from(Tag))


@proof
async def test_unique_violation_is_told_from_others(session: AsyncSession) -> None:
    ada = new_user()
    session.add(ada)
    await session.flush()
    wrong: list[tuple[str, Any]] = [
        ("unique", new_user(email=ada.email.upper())),
        ("not null", Tag(name=None)),
        ("foreign key", Comment(post_id=-1, author_id=ada.id, content="")),
        ("check", Post(author_id=ada.id, title="", content="", view_count=-1)),
    ]
    for kind, row in wrong:
        error = OperationalError if kind == "check" and MYSQL else IntegrityError
        with pytest.raises(error) as caught:
            async with session.begin_nested():
                session.add(row)
        assert (error_code(caught.value) == UNIQUE) == (kind == "unique"), kind


@proof
async def test_json_changes_are_tracked_at_the_top(session: AsyncSession) -> None:
    user = new_user(settings={"theme": "light", "mail": {"daily": True}})
    session.add(user)
    await session.commit()

    async def stored() -> dict[str, Any]:
        await session.flush()
        query = select(User.settings).where(User.id == user.id)
        return dict((await session.execute(query)).scalar_one())

    user.settings["theme"] = "dark"
    assert (await stored())["theme"] == "dark"
    user.settings["mail"]["daily"] = False
    assert (await stored())["mail"] == {"daily": True}
    flag_modified(user, "settings")
    assert (await stored())["mail"] == {"daily": False}
    user.settings = {"theme": "new"}
    assert await stored() == {"theme": "new"}


@proof
async def test_json_is_read_by_key(session: AsyncSession) -> None:
    user = new_user(settings={"theme": "dark", "size": 3})
    session.add(user)
    await session.flush()
    key: Any = User.settings["theme"]
    theme = key.astext if POSTGRESQL else key.as_string()
    query = select(User.id).where(theme == "dark", User.id == user.id)
    assert await session.scalar(query) == user.id
    if POSTGRESQL:
        holds = User.settings.contains({"size": 3})
        assert await session.scalar(select(User.id).where(holds)) == user.id


@proof
async def test_times_are_aware_and_exact(session: AsyncSession) -> None:
    ada = new_user()
    moment = datetime(2026, 7, 1, 12, 0, 0, 123456, timezone(timedelta(hours=5)))
    post = Post(author=ada, title="", content="", created_at=moment)
    session.add(post)
    await session.commit()
    await session.refresh(post)
    assert post.created_at == moment
    assert post.created_at.tzinfo is not None
    assert post.created_at.utcoffset() == timedelta(0)
    query = select(Post.id).where(Post.id == post.id)
    assert await session.scalar(query.where(Post.created_at == moment)) == post.id
    assert await session.scalar(query.where(Post.created_at < moment)) is None


@not_on("postgresql")
@proof
async def test_naive_times_are_refused(session: AsyncSession) -> None:
    with pytest.raises(Exception, match="naive datetime"):
        await session.execute(
            select(Post).where(Post.created_at < datetime(2026, 1, 1))
        )


@proof
async def test_timestamps_can_be_read_after_writing(session: AsyncSession) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    ada = new_user()
    (post,) = new_posts(ada, 1)
    session.add(post)
    await session.commit()
    rows: list[Any] = [post, ada, post.comments[0]]
    written = [(row.created_at, row.updated_at) for row in rows]
    post.title = ada.full_name = rows[2].content = "changed"
    await session.commit()
    for row, (created, updated) in zip(rows, written, strict=True):
        assert before < created < datetime.now(UTC) + timedelta(minutes=1)
        assert row.created_at == created
        assert row.updated_at >= updated
    await session.refresh(post)
    assert post.created_at == written[0][0]


class Plain(DeclarativeBase):
    pass


class Stamp(Plain):
    __tablename__ = "proof_stamps"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20))
    made: Mapped[datetime] = mapped_column(server_default=func.now())
    changed: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now()
    )


class EagerStamp(Plain):
    __tablename__ = "proof_eager_stamps"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20))
    changed: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now()
    )
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012


@proof
async def test_server_made_values_need_a_refresh() -> None:
    async with own_tables(Plain.metadata):
        async with session_factory() as session:
            stamp = Stamp(name="a")
            session.add(stamp)
            await session.flush()
            if has("insert_returning"):
                assert stamp.made
            else:
                with pytest.raises(Exception) as caught:
                    assert stamp.made
                assert is_missing_greenlet(caught.value)
            stamp.name = "b"
            await session.flush()
            with pytest.raises(Exception) as caught:
                assert stamp.changed
            assert is_missing_greenlet(caught.value)
            await session.commit()
            with pytest.raises(Exception) as caught:
                assert stamp.changed
            assert is_missing_greenlet(caught.value, connected=False)
            await session.refresh(stamp, ["changed"])
            assert stamp.changed
        await engine.dispose()


@proof
async def test_eager_defaults_get_server_made_values() -> None:
    async with own_tables(Plain.metadata):
        async with session_factory() as session:
            stamp = EagerStamp(name="a")
            session.add(stamp)
            await session.commit()
            stamp.name = "b"
            with sent() as statements:
                await session.commit()
                assert stamp.changed
            # an extra SELECT where UPDATE has no RETURNING
            assert len(statements) == (1 if has("update_returning") else 2)
        await engine.dispose()


@pytest.mark.usefixtures("tables")
@proof
async def test_the_loser_of_two_editors_is_told() -> None:
    ada = new_user()
    post = Post(author=ada, title="old", content="")
    await commit(post)
    async with session_factory() as mine:
        my_post = await mine.get_one(Post, post.id)
        await mine.commit()  # the form is at the user's
        async with session_factory.begin() as theirs:
            (await theirs.get_one(Post, post.id)).title = "theirs"
        my_post.title = "mine"
        with pytest.raises(StaleDataError):
            await mine.commit()
        await mine.rollback()
    assert await elsewhere(select(Post.title)) == "theirs"
    assert await elsewhere(select(Post.version)) == 2


@not_on("sqlite")
@pytest.mark.usefixtures("tables")
@proof
async def test_the_loser_within_one_transaction_is_told() -> None:
    post = Post(author=new_user(), title="old", content="")
    await commit(post)
    async with session_factory() as mine:
        my_post = await mine.get_one(Post, post.id)
        async with session_factory.begin() as theirs:
            (await theirs.get_one(Post, post.id)).title = "theirs"
        my_post.title = "mine"
        with pytest.raises(StaleDataError):
            await mine.commit()
        await mine.rollback()


@only("mysql", "mariadb")
@pytest.mark.usefixtures("tables")
@proof
async def test_the_loser_under_repeatable_read() -> None:
    post = Post(author=new_user(), title="old", content="")
    await commit(post)
    level = {"isolation_level": "REPEATABLE READ"}
    async with session_factory() as mine:
        await mine.connection(execution_options=level)
        my_post = await mine.get_one(Post, post.id)
        async with session_factory.begin() as theirs:
            (await theirs.get_one(Post, post.id)).title = "theirs"
        my_post.title = "mine"
        with pytest.raises((StaleDataError, OperationalError)) as caught:
            await mine.commit()
        if has("snapshot_isolation"):
            assert isinstance(caught.value, DBAPIError)
            assert error_code(caught.value) == 1020
            assert "Record has changed since last read" in message(caught.value)
        else:
            assert isinstance(caught.value, StaleDataError)
        await mine.rollback()


@pytest.mark.usefixtures("tables")
@proof
async def test_deleting_an_author_takes_all_along() -> None:
    ada, bob = new_user(), new_user()
    posts = new_posts(ada, 2)
    posts[0].comments.append(Comment(author=bob, content="third"))
    await commit(bob, *posts)
    async with session_factory.begin() as session:
        with sent() as statements:
            await session.delete(await session.get_one(User, ada.id))
            await session.flush()
        assert sum(sql.startswith("DELETE") for sql in statements) == 1
    for model, left in ((User, 1), (Post, 0), (Comment, 0), (Tag, 4)):
        assert await elsewhere(select(func.count()).select_from(model)) == left


@pytest.mark.usefixtures("tables")
@proof
async def test_removed_comment_is_deleted() -> None:
    ada = new_user()
    await commit(*new_posts(ada, 1))
    async with session_factory.begin() as session:
        post = (await session.scalars(select(Post))).one()
        del (await post.awaitable_attrs.comments)[0]
    assert await elsewhere(select(func.count()).select_from(Comment)) == 1


@proof
async def test_filter_needs_no_flush_before_text(session: AsyncSession) -> None:
    name = names(1)[0]
    session.add(Tag(name=name))
    found = await session.scalar(
        sa.text("SELECT count(*) FROM tags WHERE name = :name"), {"name": name}
    )
    assert found == 1


@proof
async def test_merge_makes_a_detached_object_usable(session: AsyncSession) -> None:
    ada = new_user()
    session.add(ada)
    await session.commit()
    session.expunge(ada)
    with pytest.raises(InvalidRequestError, match="not persistent within this Session"):
        await session.refresh(ada)
    merged = await session.merge(ada)
    await session.refresh(merged)
    assert merged.email == ada.email


@only("sqlite")
@proof
async def test_enum_without_a_check_takes_anything(session: AsyncSession) -> None:
    await session.execute(
        sa.text("INSERT INTO jobs (kind, status) VALUES ('mail', 'nonsense')")
    )
    with pytest.raises(LookupError, match="is not among the defined enum values"):
        (await session.scalars(select(Job))).all()
