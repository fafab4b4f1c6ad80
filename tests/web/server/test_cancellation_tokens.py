"""A client that left before its query began: nothing runs for it, and what was opened is still closed."""

import threading

import pytest
from sqlalchemy import Engine, text

from analytics.errors import Unavailable
from analytics.store.reading import read_transaction
from analytics.web.server.disconnects import CancellationToken


def test_call_of_a_client_that_left_does_not_begin_and_its_cleanup_runs() -> None:
    token, ran = CancellationToken(), list[str]()
    token.cancel()
    with pytest.raises(Unavailable, match="the client disconnected"):
        token.run(ran.append, "view")
    token.run(ran.append, "close")
    assert ran == ["close"]


def test_query_does_not_begin_after_the_client_left(engine: Engine) -> None:
    token = CancellationToken()

    def read() -> None:
        token.cancel()
        with read_transaction(engine, 30) as connection:
            connection.execute(text("SELECT pg_sleep(20)"))

    errors: list[Exception] = []

    def run() -> None:
        try:
            token.run(read)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(5)
    assert [type(error) for error in errors] == [Unavailable]
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
