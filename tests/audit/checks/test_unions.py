"""The audit compares the unions of weeks and months with their days; each difference is a gap."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.audit.run import run_audit
from analytics.rollups.closing.days import close_days
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.closing.unions import build_unions
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site
from tests.audit.test_audit import append, drain

# 2 to 8 March 2026 is a week.
NOW = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)


@pytest.fixture
def site_with_unions(engine: Engine, redis: Redis, site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Views of ann and bob on the 3rd, bob and cid on the 4th, a click of dan; with unions of week and month."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    views = [("ann", 3), ("bob", 3), ("bob", 4), ("cid", 4)]
    events = [
        {"type": "page_view", "ts": f"2026-03-0{day}T12:00:00Z", "user_id": user, "path": "/a"} for user, day in views
    ]
    click = {"type": "click", "ts": "2026-03-04T13:00:00Z", "user_id": "dan", "subject": "x1"}
    append(redis, site, [*events, click], at=NOW)
    drain(engine, redis)
    merge_all(engine, 10)
    close_days(engine, NOW, IMMEDIATE)
    assert build_unions(engine).spans == 2
    return site


def test_unions_balance(engine: Engine, redis: Redis, site_with_unions: Site) -> None:
    assert [str(gap) for gap in run_audit(engine, redis, full=True).gaps] == []


BROKEN = {
    "events": (
        "UPDATE rollups SET events = 5 WHERE span = 'week' AND dimension = 'path' AND type = 'page_view'",
        "default week of 2026-03-02 path '/a' (page_view): events of its days = of the week: 4 expected, 5 found",
    ),
    "users": (
        "UPDATE rollups SET users = (SELECT users FROM rollups WHERE span = 'day' AND dimension = 'total' AND day ="
        " '2026-03-03') WHERE span = 'month' AND dimension = 'country' AND type = 'page_view'",
        "default month of 2026-03-01 country '' (page_view): users of its days = of the month (1 differ):"
        " 3 expected, 2 found",
    ),
    "a missing row": (
        "DELETE FROM rollups WHERE span = 'week' AND dimension = 'os' AND subject = 'x1'",
        "default week of 2026-03-02 os '' (click of 'x1'): events of its days = of the week: 1 expected, 0 found",
    ),
    "a row without days": (
        "INSERT INTO rollups SELECT site_id, span, dimension, day, type, subject, is_bot, '/x', 7, users FROM rollups"
        " WHERE span = 'month' AND dimension = 'path' AND type = 'page_view'",
        "default month of 2026-03-01 path '/x' (page_view): events of its days = of the month: 0 expected, 7 found",
    ),
}


@pytest.mark.parametrize(("statement", "gap"), BROKEN.values(), ids=list(BROKEN))
def test_a_wrong_union_is_a_gap(
    app: Flask, engine: Engine, redis: Redis, site_with_unions: Site, sql: Any, statement: str, gap: str
) -> None:
    sql(f"{statement} RETURNING 1")
    assert gap in [str(found) for found in run_audit(engine, redis, full=True).gaps]
    # Without --full, unions are not read.
    assert run_audit(engine, redis).is_balanced
    assert run_audit(engine, redis, first=date(2026, 4, 1), full=True).is_balanced
    assert not run_audit(engine, redis, first=date(2026, 3, 5), after=date(2026, 3, 6), full=True).is_balanced
    result = app.test_cli_runner().invoke(args=["audit", "--full"])
    assert (result.exit_code, gap.split(": ")[0] in result.output) == (1, True)


def test_a_union_without_its_total_is_rebuilt(engine: Engine, redis: Redis, site_with_unions: Site, sql: Any) -> None:
    sql("DELETE FROM rollups WHERE span = 'week' AND dimension = 'total' RETURNING 1")
    assert not run_audit(engine, redis, full=True).is_balanced
    assert build_unions(engine).spans == 1
    assert run_audit(engine, redis, full=True).is_balanced
