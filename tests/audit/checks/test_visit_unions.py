"""A full audit names each changed row of visit_rollups and visit_unions: sums, people, missing rows and added ones."""

from datetime import UTC, datetime
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
BOB = "(SELECT users FROM visit_rollups WHERE dimension = 'browser' AND day = '2026-03-05')"
WEEK, MONTH = "default week of 2026-03-02", "default month of 2026-03-01"


@pytest.fixture
def visited(engine: Engine, redis: Redis, site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Visits of ann and bob on the 3rd, of bob (two) and cid on the 4th, of bob on the 5th; with unions."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    views = [("ann", "03T12"), ("bob", "03T12"), ("bob", "04T12"), ("bob", "04T18"), ("cid", "04T12"), ("bob", "05T12")]
    append(
        redis, site,
        [{"type": "page_view", "ts": f"2026-03-{at}:00:00Z", "user_id": user, "path": "/a"} for user, at in views],
        at=NOW,
    )  # fmt: skip
    drain(engine, redis)
    merge_all(engine, 10)
    close_days(engine, NOW, IMMEDIATE)
    assert build_unions(engine).visit_rows
    return site


def find_gaps(app: Flask, engine: Engine, redis: Redis) -> list[str]:
    """Those of the full audit, which `flask audit --full` prints."""
    gaps = [str(gap) for gap in run_audit(engine, redis, full=True).gaps]
    result = app.test_cli_runner().invoke(args=["audit", "--full"])
    assert result.exit_code == (1 if gaps else 0)
    assert [gap for gap in gaps if gap.split(": ")[0] not in result.output] == []
    return gaps


def test_unions_of_visits_balance(app: Flask, engine: Engine, redis: Redis, visited: Site, sql: Any) -> None:
    assert find_gaps(app, engine, redis) == []
    assert sql("SELECT DISTINCT span FROM visit_unions ORDER BY 1") == [("month",), ("week",)]


UNIONS = {
    "visits": (
        "UPDATE visit_unions SET visits = 7 WHERE span = 'week' AND dimension = 'source'",
        [f"{WEEK} source of visits '': visits of its days = of the week: 6 expected, 7 found"],
    ),
    "bounces": (
        "UPDATE visit_unions SET bounces = 5 WHERE span = 'month' AND dimension = 'city'",
        [f"{MONTH} city of visits '': bounces of its days = of the month: 6 expected, 5 found"],
    ),
    "fewer users": (
        f"UPDATE visit_unions SET users = {BOB}, repeats = NULL WHERE span = 'month' AND dimension = 'channel'",
        [
            f"{MONTH} channel of visits 'direct': users of visits of its days = of the month (3 differ): 3 expected, 1 found"
        ],
    ),
    "as many users with other visits": (
        "UPDATE visit_unions SET repeats = NULL WHERE span = 'week' AND dimension = 'os'",
        [f"{WEEK} os of visits '': users of visits of its days = of the week (1 differ): 3 expected, 3 found"],
    ),
    "unknown users": (
        "UPDATE visit_unions SET users = NULL, repeats = NULL WHERE span = 'week' AND dimension = 'device'",
        [f"{WEEK} device of visits '': users of visits of its days = of the week (3 differ): 3 expected, 0 found"],
    ),
    "no set": (
        "UPDATE visit_unions SET users = 'garbage' WHERE span = 'week' AND dimension = 'exit_path'",
        [f"{WEEK} exit_path of visits '/a': users of visits of its days = of the week (4 differ): 3 expected, 1 found"],
    ),
    "a missing row": (
        "DELETE FROM visit_unions WHERE span = 'week' AND dimension = 'region'",
        [
            f"{WEEK} region of visits '': {name} of its days = of the week: {count} expected, 0 found"
            for name, count in (("visits", 6), ("bounces", 6), ("views", 6))
        ]
        + [f"{WEEK} region of visits '': users of visits of its days = of the week (3 differ): 3 expected, 0 found"],
    ),
    "a row without days": (
        "INSERT INTO visit_unions SELECT site_id, span, dimension, day, is_bot, 'XX', 1, 0, 0, 0, NULL, NULL"
        " FROM visit_unions WHERE span = 'week' AND dimension = 'country'",
        [f"{WEEK} country of visits 'XX': visits of its days = of the week: 0 expected, 1 found"],
    ),
}


@pytest.mark.parametrize(("statement", "expected"), UNIONS.values(), ids=list(UNIONS))
def test_a_wrong_union_of_visits_is_a_gap(
    app: Flask, engine: Engine, redis: Redis, visited: Site, sql: Any, statement: str, expected: list[str]
) -> None:
    assert len(sql(f"{statement} RETURNING 1")) == 1
    assert find_gaps(app, engine, redis) == expected
    # Without --full, unions are not read.
    assert run_audit(engine, redis).is_balanced


DAYS = {
    "fewer users": (f"users = {BOB}, repeats = NULL", "users"),
    "other visits": ("repeats = NULL", "users"),
    "unknown users": ("users = NULL, repeats = NULL", "users"),
    "no set": ("users = 'garbage'", "users"),
    "part of a set": ("users = substr(users, 1, length(users) - 1)", "users"),
    "no sets of repeats": ("repeats = 'garbage'", "users"),
    "visits": ("visits = visits + 1", "visits"),
}


@pytest.mark.parametrize("dimension", ["entry_path", "source", "utm_term", "city", "exit_path"])
@pytest.mark.parametrize(("change", "what"), DAYS.values(), ids=list(DAYS))
def test_a_wrong_day_of_visits_is_a_gap(
    engine: Engine, redis: Redis, visited: Site, sql: Any, dimension: str, change: str, what: str
) -> None:
    where = f"2026-03-04 {dimension} of visits "
    sql(f"UPDATE visit_rollups SET {change} WHERE dimension = '{dimension}' AND day = '2026-03-04' RETURNING 1")
    gaps = run_audit(engine, redis, full=True).gaps
    of_day = [gap.what for gap in gaps if gap.where.startswith(where)]
    assert of_day == (
        ["visits, visits = rolled up"]
        if what == "visits"
        else ["user_nos, visits = rolled up", "user_no_squares, visits = rolled up"]
    )
    # The unions have what the day had.
    assert {gap.where.split(" of ")[0] for gap in gaps if not gap.where.startswith(where)} == {"week", "month"}


def test_visits_on_a_day_without_events_are_a_gap(engine: Engine, redis: Redis, visited: Site, sql: Any) -> None:
    columns = "dimension, is_bot, value, visits, bounces, views, duration_us, users, repeats"
    sql(
        f"INSERT INTO visit_rollups (site_id, day, {columns}) SELECT site_id, '2026-02-10', {columns}"
        " FROM visit_rollups WHERE dimension = 'country' AND day = '2026-03-05' RETURNING 1"
    )
    gaps = [str(gap) for gap in run_audit(engine, redis, full=True).gaps]
    assert "default 2026-02-10 country of visits '': visits, visits = rolled up: 0 expected, 1 found" in gaps


@pytest.mark.parametrize("span", ["day", "week"])
def test_users_of_events_that_are_no_set_are_a_gap(
    engine: Engine, redis: Redis, visited: Site, sql: Any, span: str
) -> None:
    day = {"day": "2026-03-04", "week": "2026-03-02"}[span]
    sql(
        f"UPDATE rollups SET users = 'garbage' WHERE span = '{span}' AND dimension = 'os' AND day = '{day}' RETURNING 1"
    )
    where = {gap.where.split(" os ")[0] for gap in run_audit(engine, redis, full=True).gaps}
    assert where == ({day, "week of 2026-03-02", "month of 2026-03-01"} if span == "day" else {f"week of {day}"})
