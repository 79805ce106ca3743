"""Loading: what each form costs in statements, and what the wrong ones raise."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from proofkit import (
    commit,
    fetch_all,
    is_missing_greenlet,
    new_posts,
    new_user,
    proof,
    sent,
    tables,  # noqa: F401
)
from sqlalchemy import func, insert, select, tuple_, update
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import (
    contains_eager,
    joinedload,
    load_only,
    raiseload,
    selectinload,
)

from app.database import session_factory
from app.models import Comment, Post, Tag, User
from app.repositories import feed, popular_posts, post_details


async def add_posts(session: AsyncSession, count: int = 3) -> User:
    """An author with posts, written and forgotten by the session."""
    author = new_user(full_name="Ada")
    session.add_all(new_posts(author, count))
    await session.commit()
    session.expunge_all()
    return author


def author(post: Post) -> object:
    return post.author.email


def tags(post: Post) -> object:
    assert len(post.tags) == 2
    return post.tags


def comments(post: Post) -> object:
    assert [comment.content for comment in post.comments] == ["first", "second"]
    return [comment.author.email for comment in post.comments]


ROWS: list[tuple[str, list[Any], Callable[[Post], object], int]] = [
    ("many-to-one", [joinedload(Post.author)], author, 1),
    ("collection", [selectinload(Post.tags)], tags, 2),
    (
        "nested",
        [selectinload(Post.comments).joinedload(Comment.author)],
        comments,
        2,
    ),
    ("few-columns", [load_only(Post.title)], lambda post: post.title, 1),
]


@pytest.mark.parametrize(
    ("options", "read", "cost"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
@proof
async def test_cost_of_loading(
    session: AsyncSession,
    options: list[Any],
    read: Callable[[Post], object],
    cost: int,
) -> None:
    ada = await add_posts(session)
    query = select(Post).where(Post.author_id == ada.id).options(*options)
    with sent() as statements:
        posts = list(await session.scalars(query))
        assert len(posts) == 3
        for post in posts:
            assert read(post)
    assert len(statements) == cost


@pytest.mark.parametrize(
    "read", [author, tags, comments], ids=["author", "tags", "comments"]
)
@proof
async def test_nothing_is_loaded_lazily(
    session: AsyncSession, read: Callable[[Post], object]
) -> None:
    ada = await add_posts(session)
    post = (await session.scalars(select(Post).where(Post.author_id == ada.id))).first()
    assert post is not None
    with pytest.raises(Exception) as caught:
        read(post)
    assert is_missing_greenlet(caught.value)
    assert "greenlet_spawn has not been called" in str(caught.value)


@proof
async def test_deferred_column_is_not_loaded(session: AsyncSession) -> None:
    ada = await add_posts(session, 1)
    query = select(Post).where(Post.author_id == ada.id).options(load_only(Post.title))
    post = (await session.scalars(query)).one()
    with pytest.raises(Exception) as caught:
        assert post.content
    assert is_missing_greenlet(caught.value)


@proof
async def test_details_load_all_that_the_response_reads(session: AsyncSession) -> None:
    ada = await add_posts(session, 1)
    post_id = await session.scalar(select(Post.id).where(Post.author_id == ada.id))
    assert post_id is not None
    known = await session.get_one(Post, post_id)  # with nothing loaded
    with sent() as statements:
        post = await post_details(session, post_id)
        assert post is known
        assert author(post) and tags(post) and comments(post)
    assert len(statements) == 3
    assert await post_details(session, 0) is None


@proof
async def test_filter_by_relation_gives_each_row_once(session: AsyncSession) -> None:
    ada = await add_posts(session, 2)
    query = (
        select(Post).where(Post.author_id == ada.id).options(selectinload(Post.tags))
    )
    posts = list(await session.scalars(query))
    names = [tag.name for tag in posts[0].tags]
    with sent() as statements:
        found = await session.scalars(
            select(Post).where(Post.tags.any(Tag.name.in_(names)))
        )
        assert [post.id for post in found] == [posts[0].id]
    assert len(statements) == 1
    joined = await session.execute(
        select(Post.id).join(Post.tags).where(Tag.name.in_(names))
    )
    assert len(joined.all()) == 2  # why: a join gives a row for each tag


@proof
async def test_join_filters_and_loads_at_once(session: AsyncSession) -> None:
    ada = await add_posts(session)
    query = (
        select(Post)
        .join(Post.author)
        .where(User.email == ada.email)
        .options(contains_eager(Post.author))
    )
    with sent() as statements:
        posts = list(await session.scalars(query))
        assert {post.author.email for post in posts} == {ada.email}
    assert len(statements) == 1


@proof
async def test_contains_eager_with_limit_cuts_joined_rows(
    session: AsyncSession,
) -> None:
    ada = await add_posts(session)
    query = (
        select(Post)
        .join(Post.comments)
        .where(Post.author_id == ada.id)
        .order_by(Post.id, Comment.id)
        .options(contains_eager(Post.comments))
        .limit(3)
    )
    posts = list((await session.scalars(query)).unique())
    assert [len(post.comments) for post in posts] == [2, 1]


@proof
async def test_joined_collection_with_limit_is_right_but_needs_unique(
    session: AsyncSession,
) -> None:
    ada = await add_posts(session)
    query = (
        select(Post)
        .where(Post.author_id == ada.id)
        .order_by(Post.id)
        .options(joinedload(Post.tags))
        .limit(2)
    )
    with pytest.raises(InvalidRequestError, match="unique"):
        (await session.scalars(query)).all()
    with sent() as statements:
        posts = (await session.scalars(query)).unique().all()
        assert [len(post.tags) for post in posts] == [2, 2]
    assert len(statements) == 1


@proof
async def test_raiseload_finds_lazy_loads_early(session: AsyncSession) -> None:
    ada = await add_posts(session, 1)
    mine = select(Post).where(Post.author_id == ada.id)
    post = (await session.scalars(mine.options(raiseload("*")))).one()
    with pytest.raises(
        InvalidRequestError, match="is not available due to lazy='raise'"
    ):
        assert post.author
    session.expunge_all()
    query = mine.options(raiseload(Post.tags, sql_only=True))
    post = (await session.scalars(query)).one()
    with pytest.raises(
        InvalidRequestError, match="is not available due to lazy='raise_on_sql'"
    ):
        assert post.tags


@proof
async def test_one_more_of_a_loaded_object(session: AsyncSession) -> None:
    ada = await add_posts(session, 1)
    post = (await session.scalars(select(Post).where(Post.author_id == ada.id))).one()
    with sent() as statements:
        assert len(await post.awaitable_attrs.tags) == 2
        assert len(post.tags) == 2
    assert len(statements) == 1


@proof
async def test_columns_and_counts_cost_one(session: AsyncSession) -> None:
    ada = await add_posts(session)
    with sent() as statements:
        rows = (await session.execute(select(Post.id, Post.title))).all()
        assert len(rows) >= 3
    assert len(statements) == 1
    with sent() as statements:
        query = select(func.count()).select_from(Post).where(Post.author_id == ada.id)
        assert await session.scalar(query) == 3
    assert len(statements) == 1


@proof
async def test_many_rows_stream_in_one_statement(session: AsyncSession) -> None:
    prefix = uuid.uuid4().hex[:8]
    rows = [{"name": f"{prefix}-{number:04}"} for number in range(1200)]
    await session.execute(insert(Tag), rows)
    query = select(Tag).where(Tag.name.startswith(prefix)).order_by(Tag.name)
    with sent() as statements:
        stream = await session.stream_scalars(query.execution_options(yield_per=500))
        parts = [len(part) async for part in stream.partitions()]
    assert parts == [500, 500, 200]
    assert len(statements) == 1


@proof
async def test_keyset_pages_give_each_row_once(session: AsyncSession) -> None:
    ada = await add_posts(session, 45)
    query = (
        select(Post).where(Post.author_id == ada.id).options(selectinload(Post.tags))
    )
    posts = list(await session.scalars(query.order_by(Post.id)))
    tag = Tag(name=uuid.uuid4().hex)
    start = datetime.now(UTC).replace(microsecond=123456) + timedelta(days=1)
    for number, post in enumerate(posts):
        post.tags.append(tag)
        # several of one moment, so that the key has to break the tie
        post.created_at = start + timedelta(microseconds=number // 7)
    await session.commit()
    session.expunge_all()
    seen: list[int] = []
    before: tuple[datetime, int] | None = None
    for size in (20, 20, 5, 0):
        with sent() as statements:
            page = await feed(session, before, tag.name)
        assert len(page) == size
        assert sum(sql.startswith("SELECT") for sql in statements) == (2 if size else 1)
        if page:
            assert author(page[0]) and len(page[0].tags) == 3
            before = (page[-1].created_at, page[-1].id)
        seen += [post.id for post in page]
    assert seen == [post.id for post in reversed(posts)]


@proof
async def test_keyset_costs_one(session: AsyncSession) -> None:
    await add_posts(session)
    last = (await session.scalars(select(Post).order_by(Post.id.desc()))).first()
    assert last is not None
    key = tuple_(Post.created_at, Post.id)
    query = select(Post.id).where(key < tuple_(last.created_at, last.id))
    with sent() as statements:
        found = await session.scalars(
            query.order_by(Post.created_at.desc(), Post.id.desc()).limit(2)
        )
        assert len(found.all()) == 2
    assert len(statements) == 1


@proof
async def test_write_only_collection_never_loads(session: AsyncSession) -> None:
    ada = await add_posts(session)
    found = await session.get_one(User, ada.id)
    with pytest.raises(TypeError):
        iter(found.posts)  # type: ignore[call-overload]
    with sent() as statements:
        found.posts.add(Post(title="one more", content=""))
        await session.flush()
        assert sum(sql.startswith("SELECT") for sql in statements) == 0
    newest = found.posts.select().order_by(Post.id.desc()).limit(20)
    titles = [post.title for post in await session.scalars(newest)]
    assert titles == ["one more", "post 2", "post 1", "post 0"]


@proof
async def test_children_by_constructor_need_no_load(session: AsyncSession) -> None:
    author = new_user()
    tag = Tag(name=uuid.uuid4().hex)
    session.add_all([author, tag])
    await session.flush()
    post = Post(author=author, title="", content="", tags=[tag])
    session.add(post)
    await session.flush()
    post.tags.append(Tag(name=uuid.uuid4().hex))
    await session.flush()
    assert len(post.tags) == 2


@proof
async def test_popular_posts_count_in_one_statement(session: AsyncSession) -> None:
    ada = await add_posts(session, 2)
    post = (await session.scalars(select(Post).where(Post.author_id == ada.id))).first()
    assert post is not None
    session.add_all(
        Comment(post_id=post.id, author_id=ada.id, content="") for _ in "abc"
    )
    await session.commit()
    with sent() as statements:
        rows = [row for row in await popular_posts(session)]
    assert len(statements) == 1
    mine = [row for row in rows if row.author == "Ada"]
    assert [row.comments for row in mine] == [5, 2]
    assert mine[0].id == post.id


@proof
async def test_hybrid_is_the_same_in_both_worlds(session: AsyncSession) -> None:
    session.add_all([new_user(full_name="Ada"), new_user()])
    await session.flush()
    for user, name in await session.execute(select(User, User.display_name)):
        assert user.display_name == name


@proof
async def test_selecting_again_keeps_loaded_values(session: AsyncSession) -> None:
    tag = Tag(name=uuid.uuid4().hex, uses=1)
    session.add(tag)
    await session.flush()
    query = select(Tag).where(Tag.id == tag.id)
    table = Tag.__table__
    await session.execute(update(table).where(table.c.id == tag.id).values(uses=2))
    assert (await session.scalars(query)).one().uses == 1
    fresh = query.execution_options(populate_existing=True)
    assert (await session.scalars(fresh)).one().uses == 2
    await session.execute(update(table).where(table.c.id == tag.id).values(uses=3))
    await session.refresh(tag)
    assert tag.uses == 3


@pytest.mark.usefixtures("tables")
@proof
async def test_new_session_sees_new_values() -> None:
    tag = Tag(name=uuid.uuid4().hex, uses=1)
    await commit(tag)
    async with session_factory() as session:
        await session.execute(update(Tag.__table__).values(uses=2))
        await session.commit()
    async with session_factory() as session:
        assert [found.uses for found in await fetch_all(session, Tag)] == [2]


@proof
async def test_search_text_is_escaped(session: AsyncSession) -> None:
    ada = new_user()
    session.add(ada)
    for title in ("100% sure", "100 sure", "ONE_TWO", "one two"):
        session.add(Post(author=ada, title=title, content=""))
    await session.flush()

    async def titles(term: str) -> list[str]:
        query = select(Post.title).where(Post.title.icontains(term, autoescape=True))
        query = query.where(Post.author_id == ada.id).order_by(Post.id)
        return list(await session.scalars(query))

    assert await titles("%") == ["100% sure"]
    assert await titles("one_t") == ["ONE_TWO"]
    assert await titles("' or 1=1 -- ") == []
    assert await titles("\\' or 1=1 -- ") == []


@proof
async def test_filter_by_searches_all_entities(session: AsyncSession) -> None:
    ada = await add_posts(session, 1)
    query = select(Post.id).join(Post.author).join(Post.tags)
    assert len((await session.execute(query.filter_by(email=ada.email))).all()) == 2
