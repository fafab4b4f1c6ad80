"""Cached values: loaded once while a caller waits, then in the background; served while their source hangs."""

import asyncio
import gc
import logging
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from analytics.errors import NotFound, Unavailable
from analytics.web import refreshing_cache
from analytics.web.refreshing_cache import Freshness, RefreshingCache
from analytics.web.server.greenlets import GreenletPool
from tests.waiting import wait_until

Cache = RefreshingCache[str, int]


class Source:
    """Counts its loads; a hung one answers when `answer` is called."""

    def __init__(self) -> None:
        self.loads, self.value, self.error = 0, 1, None
        self._goes = threading.Event()
        self._goes.set()

    def hang(self) -> None:
        self._goes.clear()

    def answer(self) -> None:
        self._goes.set()

    def __call__(self) -> int:
        self.loads += 1
        self._goes.wait(30)
        if self.error is not None:
            raise self.error
        return self.value


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.answer()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setattr(refreshing_cache, "WAIT_S", 0.2)
    return Cache("things", Freshness(fresh_s=5, usable_s=20), max_entries=3)


def test_value_is_loaded_once(cache: Cache, source: Source) -> None:
    assert [cache.get("a", source) for _ in range(3)] == [1, 1, 1]
    assert source.loads == 1


def test_old_value_is_served_at_once_and_refreshed_in_the_background(cache: Cache, source: Source, at: Any) -> None:
    cache.get("a", source)
    source.value = 2
    source.hang()
    at(6)
    began = time.monotonic()
    assert [cache.get("a", source) for _ in range(3)] == [1, 1, 1]
    assert time.monotonic() - began < 0.1
    source.answer()
    wait_until(lambda: cache.get("a", source) == 2)
    assert source.loads == 2


def test_value_that_was_not_used_for_long_is_refreshed_first(cache: Cache, source: Source, at: Any) -> None:
    cache.get("a", source)
    source.value = 2
    at(21)
    assert cache.get("a", source) == 2


def test_while_the_source_hangs_old_values_are_served_and_only_the_first_caller_waits(
    cache: Cache, source: Source, at: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for key in "abc":
        cache.get(key, source)
    source.hang()
    at(3600)
    took = []
    for key in "aabbcc":
        began = time.monotonic()
        assert cache.get(key, source) == 1
        took.append(time.monotonic() - began)
    assert took[0] >= 0.15
    assert max(took[1:]) < 0.1
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


def test_failed_refresh_keeps_the_value(cache: Cache, source: Source, at: Any) -> None:
    cache.get("a", source)
    source.error = ValueError()
    at(3600)
    assert cache.get("a", source) == 1


def test_key_that_is_gone_is_dropped(cache: Cache, source: Source, at: Any) -> None:
    cache.get("a", source)
    source.error = NotFound("gone")
    at(21)
    for _ in range(2):
        with pytest.raises(NotFound):
            cache.get("a", source)


def test_first_load_has_a_deadline_and_its_late_result_is_used(cache: Cache, source: Source) -> None:
    source.hang()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        cache.get("a", source)
    # The deadline counts from the beginning of the load; the next one waits a moment longer, and no more.
    with pytest.raises(Unavailable):
        cache.get("a", source)
    assert time.monotonic() - began < 0.6
    source.answer()
    wait_until(lambda: cache.get_now("a", source, 0) == 1)
    assert source.loads == 1


def test_error_of_the_first_load_is_raised(cache: Cache, source: Source) -> None:
    source.error = ValueError("broken")
    with pytest.raises(ValueError, match="broken"):
        cache.get("a", source)


def test_without_waiting_the_default_is_served_first(cache: Cache, source: Source) -> None:
    source.hang()
    assert cache.get_now("a", source, 0) == 0
    source.answer()
    wait_until(lambda: cache.get_now("a", source, 0) == 1)


def test_too_many_loads_are_refused(cache: Cache, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing_cache, "MAX_PENDING", 2)
    source.hang()
    for key in "ab":
        cache.get_now(key, source, 0)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        cache.get("c", source)
    assert time.monotonic() - began < 0.1


def test_number_of_values_is_bounded(cache: Cache, source: Source) -> None:
    for key in "abcde":
        cache.get(key, source)
    cache.get("e", source)
    assert source.loads == 5
    cache.get("a", source)
    assert source.loads == 6


def test_load_that_began_before_the_cache_was_emptied_is_not_kept(cache: Cache, source: Source) -> None:
    source.hang()
    cache.get_now("a", source, 0)
    cache.clear()
    source.answer()
    time.sleep(0.1)
    source.value = 2
    assert cache.get("a", source) == 2


def test_event_loop_goes_on_while_a_call_waits(cache: Cache, source: Source) -> None:
    """Many calls wait at once for different keys; the loop is never held."""
    results: list[Any] = []
    gaps: list[float] = []

    def call(key: str) -> None:
        try:
            results.append(cache.get(key, source))
        except Unavailable as error:
            results.append(error)

    async def main() -> None:
        pool, source_hangs = GreenletPool(), asyncio.get_running_loop().time()
        for number in range(40):
            pool.run(call, f"k{number}")
        while len(results) < 40:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - began)
        assert asyncio.get_running_loop().time() - source_hangs < 1

    source.hang()
    asyncio.run(main())
    assert all(isinstance(result, Unavailable) for result in results)
    assert max(gaps) < 0.15


def test_error_on_the_event_loop_is_raised_and_not_logged_as_forgotten(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> int:
        time.sleep(0.05)
        raise NotFound("no such value")

    raised: list[str] = []

    def ask() -> None:
        try:
            cache.get("a", refuse)
        except NotFound as error:
            raised.append(str(error))

    async def main() -> None:
        GreenletPool().run(ask)
        while not raised:
            await asyncio.sleep(0.01)

    asyncio.run(main())
    gc.collect()
    assert raised == ["no such value"]
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


def test_forked_child_loads_by_itself(cache: Cache, source: Source) -> None:
    source.hang()
    cache.get_now("a", source, 0)
    child = os.fork()
    if child == 0:
        source.answer()
        os._exit(0 if cache.get("a", source) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
