"""A background check: one thread, fresh results, no wait for a check that hangs, and a life after a fork."""

import os
import threading
import time
from collections.abc import Iterator
from typing import TypeVar

import pytest

from analytics.ops import background_check
from analytics.ops.background_check import BackgroundCheck
from tests.flow.test_flow import wait_for

T = TypeVar("T")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_check, "INTERVAL_S", 0.01)
    monkeypatch.setattr(background_check, "MAX_AGE_S", 0.3)


@pytest.fixture
def counting() -> Iterator[BackgroundCheck[int]]:
    counter = iter(range(1_000_000))
    check = BackgroundCheck(lambda: next(counter), "counting")
    yield check
    check.stop()


def first_result(check: BackgroundCheck[T]) -> T | None:
    check.start()
    wait_for(lambda: check.has_begun)
    return check.latest()


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"check-{name}"]


def test_the_first_reader_waits_for_the_first_result_and_later_ones_see_newer_ones(
    counting: BackgroundCheck[int],
) -> None:
    assert first_result(counting) is not None
    wait_for(lambda: (counting.latest() or 0) > 3)


def test_many_readers_have_one_thread(counting: BackgroundCheck[int]) -> None:
    readers = [threading.Thread(target=first_result, args=(counting,)) for _ in range(20)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    wait_for(lambda: len(threads("counting")) == 1)


def test_a_check_that_hangs_makes_no_reader_wait_and_its_last_result_is_no_answer() -> None:
    release, calls = threading.Event(), iter((1, 2, 3))

    def hang_the_second_time() -> int:
        call = next(calls)
        if call > 1:
            release.wait(10)
        return call

    check = BackgroundCheck(hang_the_second_time, "hanging")
    assert first_result(check) == 1
    wait_for(lambda: check.latest() is None)
    began = time.monotonic()
    assert [check.latest() for _ in range(100)] == [None] * 100
    assert time.monotonic() - began < 1
    release.set()
    check.stop()


def test_an_error_is_logged_and_the_check_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter((ZeroDivisionError, "well"))

    def answer() -> str:
        found = next(answers, "well")
        if not isinstance(found, str):
            raise found
        return found

    check = BackgroundCheck(answer, "failing")
    wait_for(lambda: check.latest() == "well")
    check.stop()
    assert "health check failed unexpectedly" in caplog.messages


def test_nobody_asks_and_the_thread_ends_until_somebody_does(
    counting: BackgroundCheck[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_check, "IDLE_AFTER_S", 0.05)
    assert first_result(counting) is not None
    wait_for(lambda: not threads("counting"))
    assert first_result(counting) is not None


def test_a_forked_process_has_results_of_its_own(counting: BackgroundCheck[int]) -> None:
    assert first_result(counting) is not None
    child = os.fork()
    if not child:
        time.sleep(0.4)
        os._exit(0 if first_result(counting) is not None else 1)
    assert os.waitpid(child, 0)[1] == 0
