"""The agent's rollback fixture: what is committed in a test is gone after it."""

import uuid

from httpx import AsyncClient
from proofkit import elsewhere, new_posts, new_user, proof
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Tag, User

MARK = uuid.uuid4().hex
WRITTEN: list[str] = []


@proof
async def test_a_commits(session: AsyncSession) -> None:
    ada = new_user(full_name=MARK)
    session.add_all([ada, *new_posts(ada, 1)])
    await session.commit()
    await session.rollback()
    session.add(Tag(name=MARK))
    await session.commit()
    session.expunge_all()
    query = select(User.full_name).where(User.full_name == MARK)
    assert await session.scalar(query) == MARK
    WRITTEN.append("session")


@proof
async def test_b_commits_over_http(client: AsyncClient) -> None:
    data = {"email": f"{MARK}@example.com", "password": MARK, "full_name": MARK}
    assert (await client.post("/auth/register", json=data)).status_code == 201
    WRITTEN.append("client")


@proof
async def test_c_finds_nothing() -> None:
    assert WRITTEN == ["session", "client"], "run the tests before, too"
    query = select(func.count()).select_from(User).where(User.full_name == MARK)
    assert await elsewhere(query) == 0
    assert await elsewhere(select(func.count()).where(Tag.name == MARK)) == 0
