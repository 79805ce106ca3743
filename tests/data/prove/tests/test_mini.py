import asyncio

from app.db import Item, describe, make_session


def test_describe() -> None:
    async def check() -> None:
        engine, session = await make_session()
        item = Item(name="x")
        session.add(item)
        await session.flush()
        assert describe(item) == f"{item.id}: x"
        await session.close()
        await engine.dispose()

    asyncio.run(check())
