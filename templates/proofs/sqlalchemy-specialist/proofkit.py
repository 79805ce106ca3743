"""What the proofs share: facts of the variant, sent SQL, other connections."""

import asyncio
import functools
import json
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import MissingGreenlet, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from app.database import engine, session_factory
from app.models import Base, Comment, Post, Tag, User

FACTS = json.loads(os.environ["SUBWRIGHT_FACTS"])
DATABASE: str = FACTS["database"]
DRIVER: str = FACTS["driver"]
POOLER: bool = FACTS["values"].get("POOLER") == "transaction"
POSTGRESQL = DATABASE == "postgresql"
MYSQL = DATABASE in ("mysql", "mariadb")
SQLITE = DATABASE == "sqlite"
URL = os.environ["DATABASE_URL"]
SECONDS = 15
CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN")


def has(feature: str) -> bool:
    """Whether this database has a feature at this version."""
    return feature in FACTS["features"]


def only(*databases: str) -> pytest.MarkDecorator:
    """Leave a test to the databases whose agent says it."""
    return pytest.mark.skipif(
        DATABASE not in databases, reason=f"said of {' and '.join(databases)}"
    )


def not_on(*databases: str) -> pytest.MarkDecorator:
    """Leave a test out where the agent says something else."""
    return pytest.mark.skipif(
        DATABASE in databases, reason=f"not said of {' and '.join(databases)}"
    )


needs_pool = pytest.mark.skipif(
    POOLER, reason="the pooler keeps the connections, not the engine"
)


needs_pooler = pytest.mark.skipif(not POOLER, reason="no pooler here")


def needs(feature: str) -> pytest.MarkDecorator:
    """Leave a test to the versions that have a feature."""
    return pytest.mark.skipif(not has(feature), reason=f"no {feature} here")


def proof(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A test in an event loop of its own that ends in time, come what may."""

    @functools.wraps(test)
    async def bounded(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(SECONDS):
            await test(*args, **kwargs)

    return pytest.mark.anyio(bounded)


@contextmanager
def sent(to: AsyncEngine = engine) -> Iterator[list[str]]:
    """Collect the statements that reach the driver, transaction control left out."""
    statements: list[str] = []

    def note(*args: Any) -> None:
        if not args[2].startswith(CONTROL):
            statements.append(args[2])

    event.listen(to.sync_engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(to.sync_engine, "before_cursor_execute", note)


def message(error: BaseException) -> str:
    """All that an error says, with what it wraps."""
    found = [str(error)]
    cause: BaseException | None = error
    while cause := cause.__cause__ or getattr(cause, "orig", None):
        found.append(str(cause))
    return "\n".join(found)


def is_missing_greenlet(error: BaseException, *, connected: bool = True) -> bool:
    """Whether it is a lazy load, in the form that this driver gives it.

    Without a connection it is the pool that meets it, before there is a statement.
    """
    if DRIVER == "asyncpg" or not (connected or SQLITE):
        return type(error) is MissingGreenlet
    wrapped = getattr(error, "orig", None)
    return isinstance(error, StatementError) and type(wrapped) is MissingGreenlet


def new_user(**fields: Any) -> User:
    """A user whose email no other has."""
    return User(
        **{"email": f"{uuid.uuid4()}@example.com", "hashed_password": "-", **fields}
    )


def new_posts(author: User, count: int, **fields: Any) -> list[Post]:
    """Posts with two tags and two comments each."""
    return [
        Post(
            author=author,
            title=f"post {number}",
            content="text",
            published=True,
            tags=[Tag(name=uuid.uuid4().hex), Tag(name=uuid.uuid4().hex)],
            comments=[
                Comment(author=author, content="first"),
                Comment(author=author, content="second"),
            ],
            **fields,
        )
        for number in range(count)
    ]


async def commit(*objects: Any) -> None:
    """Write objects in a session that is closed afterwards."""
    async with session_factory.begin() as session:
        session.add_all(objects)


@asynccontextmanager
async def other_engine(**options: Any) -> AsyncIterator[AsyncEngine]:
    """An engine beside the agent's, without its events and options."""
    if POOLER and DRIVER == "asyncpg":
        options["connect_args"] = {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__asyncpg_{uuid.uuid4()}__",
        }
    elif POOLER:
        options["connect_args"] = {"prepare_threshold": None}
    if "pool_size" not in options:
        options.setdefault("poolclass", NullPool)
    other = create_async_engine(URL, **options)
    try:
        yield other
    finally:
        await other.dispose()


async def elsewhere(statement: sa.Executable) -> Any:
    """What another connection reads now."""
    async with other_engine() as other, other.connect() as connection:
        return await connection.scalar(statement)


async def together(work: Iterable[Awaitable[Any]]) -> list[Any]:
    """Run all at once; what each came to, errors included."""
    return await asyncio.gather(*work, return_exceptions=True)


async def _empty() -> None:
    async with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            await connection.execute(sa.delete(table))


@pytest.fixture
async def tables(anyio_backend: str) -> AsyncIterator[None]:
    """Empty tables for what really commits, and empty ones again."""
    await _empty()
    yield
    await _empty()
    await engine.dispose()


@asynccontextmanager
async def own_tables(metadata: sa.MetaData) -> AsyncIterator[AsyncEngine]:
    """Tables that are not the agent's, for as long as the block lasts."""
    async with other_engine() as other:
        async with other.begin() as connection:
            await connection.run_sync(metadata.drop_all)
            await connection.run_sync(metadata.create_all)
        try:
            yield other
        finally:
            async with other.begin() as connection:
                await connection.run_sync(metadata.drop_all)


async def fetch_all(session: AsyncSession, model: type[Any]) -> list[Any]:
    """All rows of a model, in the order of their keys."""
    return list(await session.scalars(sa.select(model).order_by(model.id)))
