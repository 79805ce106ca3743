"""Both workflows over HTTP, against the app as the agent gives it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import jwt
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from httpx import ASGITransport, AsyncClient
from proofkit import (
    commit,
    elsewhere,
    new_user,
    proof,
    sent,
    tables,  # noqa: F401
    together,
)
from sqlalchemy import func, select, update

from app.auth import KEY
from app.database import engine, session_factory
from app.main import app
from app.models import Comment, Post, Tag, User

pytestmark = pytest.mark.usefixtures("tables")
PASSWORD = "correct horse"


@pytest.fixture
async def web(anyio_backend: str) -> AsyncIterator[AsyncClient]:
    """A client of the app with its own sessions, one per request."""
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://test"
    ) as client:
        yield client


async def register(web: AsyncClient, email: str, **fields: Any) -> Any:
    data = {"email": email, "password": PASSWORD, **fields}
    return await web.post("/auth/register", json=data)


async def log_in(web: AsyncClient, email: str, password: str = PASSWORD) -> Any:
    data = {"username": email, "password": password}
    return await web.post("/auth/login", data=data)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def token(**claims: Any) -> dict[str, str]:
    hour = datetime.now(UTC) + timedelta(hours=1)
    return bearer(jwt.encode({"exp": hour, **claims}, KEY, "HS256"))


async def signed_in(web: AsyncClient) -> dict[str, str]:
    """The header of a new user, without the cost of hashing."""
    user = new_user(full_name="Ada")
    await commit(user)
    return token(sub=str(user.id))


def post_data(title: str = "title", *tags: str) -> dict[str, Any]:
    return {"title": title, "content": "text", "tags": list(tags)}


@proof
async def test_registering_and_logging_in(web: AsyncClient) -> None:
    response = await register(web, "Ada@Example.com", full_name="Ada")
    assert response.status_code == 201, response.text
    assert set(response.json()) == {"id", "display_name"}
    assert response.json()["display_name"] == "Ada"
    stored = await elsewhere(select(User.hashed_password))
    assert stored.startswith("$argon2")
    assert await elsewhere(select(User.email)) == "ada@example.com"

    assert (await register(web, "ADA@example.com")).status_code == 409
    assert await elsewhere(select(func.count()).select_from(User)) == 1

    response = await log_in(web, " ADA@example.com ")
    assert response.status_code == 200, response.text
    assert response.json()["token_type"] == "bearer"
    headers = bearer(response.json()["access_token"])
    response = await web.post("/posts", json=post_data(), headers=headers)
    assert response.status_code == 201, response.text
    assert response.json()["author"]["display_name"] == "Ada"

    assert (await log_in(web, "ada@example.com", "wrong horse")).status_code == 401
    assert (await log_in(web, "bob@example.com")).status_code == 401

    async with session_factory.begin() as session:
        await session.execute(update(User).values(is_active=False))
    assert (await log_in(web, "ada@example.com")).status_code == 401
    response = await web.post("/posts", json=post_data(), headers=headers)
    assert response.status_code == 401


@proof
async def test_registering_wrongly(web: AsyncClient) -> None:
    assert (await register(web, "no address")).status_code == 422
    response = await web.post(
        "/auth/register", json={"email": "ada@example.com", "password": "short"}
    )
    assert response.status_code == 422
    assert await elsewhere(select(func.count()).select_from(User)) == 0


@proof
async def test_one_of_many_registers(web: AsyncClient) -> None:
    done = await together(register(web, "ada@example.com") for _ in range(3))
    assert sorted(response.status_code for response in done) == [201, 409, 409]
    assert await elsewhere(select(func.count()).select_from(User)) == 1


@proof
async def test_no_connection_is_held_while_hashing(
    web: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import auth

    pool: Any = engine.pool
    if not hasattr(pool, "checkedout"):
        pytest.skip("no pool")
    await commit(new_user(email="ada@example.com", hashed_password=auth.NOBODY))
    held: list[int] = []
    verify, hashing = auth.passwords.verify, auth.passwords.hash

    class Watched:
        def verify(self, *args: Any) -> bool:
            held.append(pool.checkedout())
            return verify(*args)

        def hash(self, *args: Any) -> str:
            held.append(pool.checkedout())
            return hashing(*args)

    monkeypatch.setattr(auth, "passwords", Watched())
    assert (await log_in(web, "ada@example.com")).status_code == 401
    assert (await register(web, "bob@example.com")).status_code == 201
    assert held == [0, 0]


@proof
async def test_tokens_that_are_none(web: AsyncClient) -> None:
    user = new_user()
    await commit(user)
    mine = str(user.id)
    past = datetime.now(UTC) - timedelta(minutes=1)
    other = jwt.encode(
        {"sub": mine, "exp": datetime.now(UTC) + timedelta(hours=1)}, "x" * 32, "HS256"
    )
    unsigned = jwt.encode(
        {"sub": mine, "exp": datetime.now(UTC) + timedelta(hours=1)}, "", "none"
    )
    wrong = {
        "missing": {},
        "no bearer": {"Authorization": "Basic YTpi"},
        "malformed": bearer("not.a.token"),
        "empty": bearer(""),
        "expired": token(sub=mine, exp=past),
        "never expires": bearer(jwt.encode({"sub": mine}, KEY, "HS256")),
        "without subject": token(),
        "subject is no number": token(sub="ada"),
        "subject is nobody's": token(sub="-1"),
        "other key": bearer(other),
        "unsigned": bearer(unsigned),
    }
    for name, headers in wrong.items():
        response = await web.post("/posts", json=post_data(), headers=headers)
        assert response.status_code == 401, name
        assert response.headers["WWW-Authenticate"] == "Bearer", name
    assert await elsewhere(select(func.count()).select_from(Post)) == 0
    response = await web.post("/posts", json=post_data(), headers=token(sub=mine))
    assert response.status_code == 201, response.text


@proof
async def test_posts_from_writing_to_reading(web: AsyncClient) -> None:
    headers = await signed_in(web)
    await commit(Tag(name="old"))
    response = await web.post(
        "/posts", json=post_data("first", "old", "new"), headers=headers
    )
    assert response.status_code == 201, response.text
    first = response.json()
    assert {tag["name"] for tag in first["tags"]} == {"old", "new"}
    assert first["view_count"] == 0
    assert datetime.fromisoformat(first["created_at"]).tzinfo is not None
    response = await web.post(
        "/posts", json=post_data("second", "new"), headers=headers
    )
    second = response.json()
    response = await web.post("/posts", json=post_data("third"), headers=headers)
    assert response.status_code == 201
    assert response.json()["tags"] == []
    assert await elsewhere(select(func.count()).select_from(Tag)) == 2

    with sent() as statements:
        response = await web.get("/posts")
    assert response.status_code == 200, response.text
    assert [post["title"] for post in response.json()] == ["third", "second", "first"]
    assert sum(sql.startswith("SELECT") for sql in statements) == 2
    response = await web.get("/posts", params={"tag": "old"})
    assert [post["id"] for post in response.json()] == [first["id"]]
    assert {tag["name"] for tag in response.json()[0]["tags"]} == {"old", "new"}
    response = await web.get("/posts", params={"tag": "new"})
    assert [post["title"] for post in response.json()] == ["second", "first"]
    assert (await web.get("/posts", params={"tag": "none"})).json() == []

    author_id = await elsewhere(select(User.id))
    await commit(
        Comment(post_id=second["id"], author_id=author_id, content="one"),
        Comment(post_id=second["id"], author_id=author_id, content="two"),
    )
    response = await web.get(f"/posts/{second['id']}")
    assert response.status_code == 200, response.text
    details = response.json()
    assert details["content"] == "text"
    assert details["view_count"] == 1
    assert [comment["content"] for comment in details["comments"]] == ["one", "two"]
    assert details["comments"][0]["author"]["display_name"] == "Ada"
    assert (await web.get(f"/posts/{second['id']}")).json()["view_count"] == 2

    response = await web.get("/posts/popular")
    assert response.status_code == 200, response.text
    assert [(post["title"], post["comments"]) for post in response.json()] == [
        ("second", 2),
        ("first", 0),
        ("third", 0),
    ]
    assert response.json()[0]["author"] == "Ada"
    assert (await web.get("/posts/0")).status_code == 404
    assert (await web.get("/posts/x")).status_code == 422


@proof
async def test_pages_over_http(web: AsyncClient) -> None:
    headers = await signed_in(web)
    for number in range(23):
        await web.post("/posts", json=post_data(str(number)), headers=headers)
    page = (await web.get("/posts")).json()
    assert [post["title"] for post in page] == [str(n) for n in range(22, 2, -1)]
    last = {"before_at": page[-1]["created_at"], "before_id": page[-1]["id"]}
    page = (await web.get("/posts", params=last)).json()
    assert [post["title"] for post in page] == ["2", "1", "0"]


@proof
async def test_posts_that_are_wrong(web: AsyncClient) -> None:
    headers = await signed_in(web)
    for data in (post_data("x" * 201), {"title": "no content"}, {}):
        response = await web.post("/posts", json=data, headers=headers)
        assert response.status_code == 422
    # a client sets what the schema names and nothing else
    data = {**post_data(), "view_count": 1000, "author_id": -1}
    response = await web.post("/posts", json=data, headers=headers)
    assert response.status_code == 201, response.text
    assert response.json()["view_count"] == 0


@proof
async def test_same_tags_at_once(web: AsyncClient) -> None:
    headers = await signed_in(web)
    data = post_data("title", "b", "a", "c")
    done = await together(
        web.post("/posts", json=data, headers=headers) for _ in range(10)
    )
    assert [response.status_code for response in done] == [201] * 10
    assert all(len(response.json()["tags"]) == 3 for response in done)
    assert await elsewhere(select(func.count()).select_from(Tag)) == 3


@proof
async def test_hundred_readers_are_all_counted(web: AsyncClient) -> None:
    headers = await signed_in(web)
    response = await web.post("/posts", json=post_data(), headers=headers)
    path = f"/posts/{response.json()['id']}"
    updated = await elsewhere(select(Post.updated_at))
    done = await together(web.get(path) for _ in range(100))
    assert [response.status_code for response in done] == [200] * 100
    assert max(response.json()["view_count"] for response in done) == 100
    assert await elsewhere(select(Post.view_count)) == 100
    assert await elsewhere(select(Post.updated_at)) == updated


class Watched:
    """The app, with a look at the database at the moment a response starts."""

    def __init__(self, model: type[Any]) -> None:
        self.model = model
        self.seen: list[tuple[int, int]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def look(message: Any) -> None:
            if message["type"] == "http.response.start":
                rows = await elsewhere(select(func.count()).select_from(self.model))
                self.seen.append((message["status"], rows))
            await send(message)

        await app(scope, receive, look)


@proof
async def test_commit_stands_before_the_response_starts(web: AsyncClient) -> None:
    headers = await signed_in(web)
    for model, path, data in (
        (Post, "/posts", post_data("title", "tag")),
        (User, "/auth/register", {"email": "b@example.com", "password": PASSWORD}),
    ):
        watched = Watched(model)
        async with AsyncClient(
            transport=ASGITransport(watched), base_url="http://test"
        ) as client:
            response = await client.post(path, json=data, headers=headers)
        assert response.status_code == 201, response.text
        assert watched.seen == [(201, 1 if model is Post else 2)]


@proof
async def test_agents_own_client_sees_its_own_session(client: AsyncClient) -> None:
    email = f"{uuid.uuid4()}@example.com"
    response = await register(client, email)
    assert response.status_code == 201
    assert (await register(client, email)).status_code == 409
    headers = token(sub=str(response.json()["id"]))
    response = await client.post("/posts", json=post_data("t", "x"), headers=headers)
    assert response.status_code == 201, response.text
    response = await client.get(f"/posts/{response.json()['id']}")
    assert response.json()["view_count"] == 1


# what the framework does when


@proof
async def test_code_after_yield_runs_after_the_response() -> None:
    order: list[str] = []

    async def late() -> AsyncIterator[None]:
        yield
        order.append("late")

    async def early() -> AsyncIterator[None]:
        yield
        order.append("early")

    small = FastAPI()

    @small.get("/")
    async def endpoint(
        tasks: BackgroundTasks,
        one: Annotated[None, Depends(late)],
        two: Annotated[None, Depends(early, scope="function")],
    ) -> None:
        tasks.add_task(order.append, "background")

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            if message["type"] == "http.response.start":
                order.append("response")
            await send(message)

        await small(scope, receive, note)

    async with AsyncClient(
        transport=ASGITransport(watched), base_url="http://test"
    ) as client:
        assert (await client.get("/")).status_code == 200
    assert order == ["early", "response", "background", "late"]


@proof
async def test_sync_call_blocks_the_loop_only_in_async_def() -> None:
    import threading

    small = FastAPI()
    threads: dict[str, bool] = {}

    @small.get("/plain")
    def plain() -> None:
        threads["def"] = threading.current_thread() is threading.main_thread()

    @small.get("/async")
    async def asynchronous() -> None:
        threads["async"] = threading.current_thread() is threading.main_thread()

    async with AsyncClient(
        transport=ASGITransport(small), base_url="http://test"
    ) as client:
        await asyncio.gather(client.get("/plain"), client.get("/async"))
    assert threads == {"def": False, "async": True}
