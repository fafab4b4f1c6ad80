"""Dead letters and the ledger: what is stored twice is a gap, what is gone is a note, a discard is neither."""

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.audit.run import run_audit
from analytics.ops.dead_letters.letters import discard
from analytics.sites.sites import Site
from analytics.store.dead_letters import Selection
from tests.factories import append_events, make_drain
from tests.ingest.drain.letters import bury_batch

Sql = Callable[..., list[tuple[Any, ...]]]
# Of two events that PostgreSQL refuses, and of a whole batch of three.
REFUSED = {"type": "a", "payload": {"nul": "\0"}}


@pytest.fixture(autouse=True)
def dead(engine: Engine, redis: Redis, site: Site) -> None:
    append_events(redis, site, [{"type": "a"}, REFUSED, REFUSED])
    make_drain(engine, redis).run()
    bury_batch(engine, redis, site, [{"type": "a"}] * 3)


def audit(engine: Engine, redis: Redis) -> tuple[list[tuple[str, int, int]], list[str]]:
    sheet = run_audit(engine, redis, full=True)
    return [(gap.what, gap.expected, gap.found) for gap in sheet.gaps], sheet.notes


def test_letters_balance_with_the_ledger(engine: Engine, redis: Redis) -> None:
    assert audit(engine, redis) == ([], [])


STORED = "UPDATE ingest_ledger SET stored = stored + 1, dead_lettered = dead_lettered - 1 WHERE dead_lettered = {} RETURNING 1"
WHAT = "dead-lettered by the ledger = events of dead letters"


@pytest.mark.parametrize(("died", "gap"), [(2, (WHAT, 1, 2)), (3, (WHAT, 2, 3))], ids=["an event", "a batch"])
def test_what_is_stored_and_still_a_dead_letter_is_a_gap(
    engine: Engine, redis: Redis, sql: Sql, died: int, gap: tuple[str, int, int]
) -> None:
    sql(STORED.format(died))
    assert gap in audit(engine, redis)[0]


def test_letters_that_are_gone_are_noted(engine: Engine, redis: Redis, sql: Sql) -> None:
    sql("DELETE FROM dead_letters WHERE position = 1 RETURNING 1")
    note = "default: 1 of 5 dead-lettered events have no dead letter: past DEAD_LETTER_RETENTION_DAYS, or lost"
    assert audit(engine, redis) == ([], [note])


def test_discarded_letters_are_accounted_for(engine: Engine, redis: Redis) -> None:
    assert discard(engine, Selection(), "me") == (3, 5)
    assert audit(engine, redis) == ([], [])
