"""The asyncio client: the same surface, awaited."""

import asyncio
import time

import pytest

from analytics_client import AsyncClient
from fault_server import answering


@pytest.mark.parametrize("fsync", [False, True])
def test_events_of_many_tasks_arrive(server, tmp_path, fsync):
    async def main() -> list:
        async with AsyncClient(server.url, "sk_test", site="shop", spool_dir=str(tmp_path), fsync=fsync) as client:
            ids = await asyncio.gather(*[client.track("order", {"n": n}, "ann", path="/x") for n in range(50)])
            ids.append(await client.identify("ann", {"plan": "pro"}, session_id="s"))
            assert await client.flush(10)
            assert client.stats().sent == 51
            return ids

    assert set(asyncio.run(main())) == set(server.stored)
    assert not list(tmp_path.iterdir())


def test_flush_does_not_hold_the_loop(server, tmp_path):
    server.always = answering(503, Retry_After="0")

    async def main() -> int:
        client = AsyncClient(server.url, "sk_test", site="shop", spool_dir=str(tmp_path))
        await client.track("order")
        flush = asyncio.create_task(client.flush(0.5))
        turns = 0
        while not flush.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert flush.result() is False
        server.always = None
        assert await client.close(10)
        return turns

    assert asyncio.run(main()) > 10
    assert len(server.stored) == 1


def test_a_wrong_key_waits_for_another(server, tmp_path):
    server.always = lambda request: answering(401)(request) if "old" in request.headers["Authorization"] else None

    async def main() -> None:
        async with AsyncClient(server.url, "old", site="shop", spool_dir=str(tmp_path)) as client:
            await client.track("order")
            assert not await client.flush(5)
            client.set_key("new")
            assert await client.flush(5)

    asyncio.run(main())
    assert len(server.stored) == 1


def test_a_disabled_client_does_nothing():
    async def main() -> None:
        begin = time.monotonic()
        client = AsyncClient.disabled()
        assert await client.track("order")
        assert await client.close()
        assert client.stats().state == "disabled"
        assert time.monotonic() - begin < 2

    asyncio.run(main())
