"""The audit checks the unions of weeks and months against their days, and says which are wrong."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.audit import audit
from analytics.rollups.compaction import compact
from analytics.rollups.days import close_days
from analytics.rollups.merge import merge_all
from analytics.rollups.schedule import AT_ONCE
from analytics.sites import Site
from tests.test_audit import append, drain

# 2 to 8 March 2026 is a week.
NOW = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)


@pytest.fixture
def united(engine: Engine, redis: Redis, site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Ann and bob on the 3rd, bob and cid on the 4th, with a click of dan; the week and the month are united."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    seen = [("ann", 3), ("bob", 3), ("bob", 4), ("cid", 4)]
    events = [
        {"type": "page_view", "ts": f"2026-03-0{day}T12:00:00Z", "user_id": who, "path": "/a"} for who, day in seen
    ]
    click = {"type": "click", "ts": "2026-03-04T13:00:00Z", "user_id": "dan", "subject": "x1"}
    append(redis, site, [*events, click], at=NOW)
    drain(engine, redis)
    merge_all(engine, 10)
    close_days(engine, NOW, AT_ONCE)
    assert compact(engine).spans == 2
    return site


def test_unions_balance(engine: Engine, redis: Redis, united: Site) -> None:
    assert [str(gap) for gap in audit(engine, redis, full=True).gaps] == []


BROKEN = {
    "events": (
        "UPDATE rollups SET events = 5 WHERE span = 'week' AND dimension = 'path' AND type = 'page_view'",
        "default week of 2026-03-02 path '/a' (page_view): events of its days = of the week: 4 expected, 5 found",
    ),
    "people": (
        "UPDATE rollups SET users = (SELECT users FROM rollups WHERE span = 'day' AND dimension = 'total' AND day ="
        " '2026-03-03') WHERE span = 'month' AND dimension = 'country' AND type = 'page_view'",
        "default month of 2026-03-01 country '' (page_view): users of its days = of the month (1 differ):"
        " 3 expected, 2 found",
    ),
    "a missing row": (
        "DELETE FROM rollups WHERE span = 'week' AND dimension = 'os' AND subject = 'x1'",
        "default week of 2026-03-02 os '' (click of 'x1'): events of its days = of the week: 1 expected, 0 found",
    ),
    "a row of nothing": (
        "INSERT INTO rollups SELECT site_id, span, dimension, day, type, subject, is_bot, '/x', 7, users FROM rollups"
        " WHERE span = 'month' AND dimension = 'path' AND type = 'page_view'",
        "default month of 2026-03-01 path '/x' (page_view): events of its days = of the month: 0 expected, 7 found",
    ),
}


@pytest.mark.parametrize(("statement", "told"), BROKEN.values(), ids=list(BROKEN))
def test_a_union_that_is_wrong_is_named(
    app: Flask, engine: Engine, redis: Redis, united: Site, sql: Any, statement: str, told: str
) -> None:
    sql(f"{statement} RETURNING 1")
    assert told in [str(gap) for gap in audit(engine, redis, full=True).gaps]
    # Without --full they are not read.
    assert audit(engine, redis).balances
    assert audit(engine, redis, first=date(2026, 4, 1), full=True).balances
    assert not audit(engine, redis, first=date(2026, 3, 5), after=date(2026, 3, 6), full=True).balances
    found = app.test_cli_runner().invoke(args=["audit", "--full"])
    assert (found.exit_code, told.split(": ")[0] in found.output) == (1, True)


def test_a_union_without_its_total_is_made_anew(engine: Engine, redis: Redis, united: Site, sql: Any) -> None:
    sql("DELETE FROM rollups WHERE span = 'week' AND dimension = 'total' RETURNING 1")
    assert not audit(engine, redis, full=True).balances
    assert compact(engine).spans == 1
    assert audit(engine, redis, full=True).balances
