"""Lifecycle: by hand, and against a slow count over the stored events."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.rollups.merge import merge_site
from analytics.sites import Site
from tests.insights.slow import DAY, make_site
from tests.reports.slow import STARTS, ZONES, as_sent, people_by_day, seen
from tests.reports.test_retention_grid import start_of

Report = Callable[..., Any]
NAMES = ("date", "active", "new", "returning", "resurrected", "dormant")


def lines(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(line[name] for name in NAMES) for line in found["series"]]


@pytest.fixture
def visitors(store: Any) -> None:
    for day, users in {
        "2026-02-10": ["cid"], "2026-03-02": ["ann", "bob"], "2026-03-03": ["ann", "cid"], "2026-03-04": ["dan"],
        "2026-03-09": ["ann"], "2026-03-16": ["cid"],
    }.items():  # fmt: skip
        store([{"user_id": user, "ts": f"{day}T12:00:00Z"} for user in users])


def test_by_day(visitors: None, report: Report) -> None:
    assert lines(report("lifecycle", "from=2026-03-02&to=2026-03-05")) == [
        ("2026-03-02", 2, 2, 0, 0, 0), ("2026-03-03", 2, 0, 1, 1, 1), ("2026-03-04", 1, 1, 0, 0, 2),
        ("2026-03-05", 0, 0, 0, 0, 1),
    ]  # fmt: skip


def test_by_week_whole_weeks_are_counted(visitors: None, report: Report) -> None:
    found = report("lifecycle", "from=2026-03-04&to=2026-03-17&granularity=week")
    assert lines(found) == [
        ("2026-03-02", 4, 3, 0, 1, 0), ("2026-03-09", 1, 0, 1, 0, 3), ("2026-03-16", 1, 0, 0, 1, 1)
    ]  # fmt: skip
    assert (found["meta"]["from"], found["meta"]["to"]) == ("2026-03-02T00:00:00Z", "2026-03-23T00:00:00Z")


def test_by_month(visitors: None, report: Report) -> None:
    found = report("lifecycle", "from=2026-02-01&to=2026-03-01&granularity=month")
    assert lines(found) == [("2026-02-01", 1, 1, 0, 0, 0), ("2026-03-01", 4, 3, 1, 0, 0)]


def test_the_last_unit_may_not_be_over(visitors: None, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-04T12:00:00Z"))
    found = report("lifecycle", "days=2")
    assert (lines(found)[-1], found["last_is_over"]) == (("2026-03-04", 1, 1, 0, 0, 2), False)
    assert "cached" not in report("lifecycle", "days=2")["meta"]


def test_days_that_are_over_are_kept(visitors: None, report: Report) -> None:
    report("lifecycle", "date=2026-03-02")
    assert report("lifecycle", "date=2026-03-02")["meta"]["cached"]


@pytest.mark.parametrize(
    ("query", "field"), [("granularity=hour", "granularity"), ("hours=48", "hours"), ("days=367", "unit"), ("zone=Asia/Tokyo", "zone")]
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_by_name(site: Site, report: Report, query: str, field: str) -> None:
    assert report("lifecycle", query, status=400)["errors"][0]["field"] == field


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    on_time=seen(40), late=seen(40), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES), bots=st.booleans(),
    unit=st.sampled_from(["day", "week", "month"]), types=st.sampled_from([[], ["click"]]),
)  # fmt: skip
def test_lifecycle_is_a_slow_count(
    engine: Engine, store: Any, report: Report, sql: Any, on_time: Any, late: Any, start: datetime, zone: str,
    bots: bool, unit: str, types: list[str], site: Site, app: Flask,
) -> None:  # fmt: skip
    there = make_site(engine, zone)
    first, last = start.date() - DAY, start.date() + 9 * DAY
    query = f"site={there.key}&from={first}&to={last}&granularity={unit}&include_bots={bots}"
    query += "".join(f"&type={kind}" for kind in types)
    for events in (as_sent(on_time, start), as_sent(late, start - timedelta(days=20))):
        store(events, site_id=there.id, site_key=there.key)
        expected = slow_lifecycle(people_by_day(sql, there.id, zone, bots, types), unit, first, last)
        assert lines(report("lifecycle", query)) == expected
        app.extensions["cache_redis"].flushdb()
        merge_site(engine, there.id)
        assert lines(report("lifecycle", query)) == expected
        app.extensions["cache_redis"].flushdb()


def slow_lifecycle(days: dict[date, set[int]], unit: str, first: date, last: date) -> list[tuple[Any, ...]]:
    """A person at a time: in which units, and what that makes of them in each."""
    came: dict[int, set[date]] = defaultdict(set)
    for day, people in days.items():
        for user in people:
            came[user].add(start_of(day, unit))
    found = []
    for start in sorted({start_of(first + n * DAY, unit) for n in range((last - first).days + 1)}):
        before = start_of(start - DAY, unit)
        counts = dict.fromkeys(NAMES[1:], 0)
        for units in came.values():
            if start not in units:
                counts["dormant"] += before in units
                continue
            name = "new" if min(units) == start else "returning" if before in units else "resurrected"
            counts[name] += 1
            counts["active"] += 1
        found.append((str(start), *counts.values()))
    return found
