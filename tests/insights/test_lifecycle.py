"""Lifecycle: worked by hand, and against a count in Python over the stored events."""

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
from analytics.sites.sites import Site
from tests.examples import examples
from tests.factories import make_site
from tests.insights.brute_force import DAY
from tests.reports.audience.test_retention import start_of
from tests.reports.brute_force import STARTS, ZONES, as_payloads, count_users_by_day, event_drafts

Report = Callable[..., Any]
NAMES = ("date", "active", "new", "returning", "resurrected", "dormant")


def series_rows(result: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(point[name] for name in NAMES) for point in result["series"]]


@pytest.fixture
def visitors(store: Any) -> None:
    for day, users in {
        "2026-02-10": ["cid"], "2026-03-02": ["ann", "bob"], "2026-03-03": ["ann", "cid"], "2026-03-04": ["dan"],
        "2026-03-09": ["ann"], "2026-03-16": ["cid"],
    }.items():  # fmt: skip
        store([{"user_id": user, "ts": f"{day}T12:00:00Z"} for user in users])


def test_lifecycle_by_day(visitors: None, report: Report) -> None:
    assert series_rows(report("lifecycle", "from=2026-03-02&to=2026-03-05")) == [
        ("2026-03-02", 2, 2, 0, 0, 0), ("2026-03-03", 2, 0, 1, 1, 1), ("2026-03-04", 1, 1, 0, 0, 2),
        ("2026-03-05", 0, 0, 0, 0, 1),
    ]  # fmt: skip


def test_lifecycle_by_week_counts_whole_weeks(visitors: None, report: Report) -> None:
    result = report("lifecycle", "from=2026-03-04&to=2026-03-17&granularity=week")
    assert series_rows(result) == [
        ("2026-03-02", 4, 3, 0, 1, 0), ("2026-03-09", 1, 0, 1, 0, 3), ("2026-03-16", 1, 0, 0, 1, 1)
    ]  # fmt: skip
    assert (result["meta"]["from"], result["meta"]["to"]) == ("2026-03-02T00:00:00Z", "2026-03-23T00:00:00Z")


def test_lifecycle_by_month(visitors: None, report: Report) -> None:
    result = report("lifecycle", "from=2026-02-01&to=2026-03-01&granularity=month")
    assert series_rows(result) == [("2026-02-01", 1, 1, 0, 0, 0), ("2026-03-01", 4, 3, 1, 0, 0)]


def test_a_unit_that_is_not_over_is_marked_and_not_cached(
    visitors: None, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-04T12:00:00Z"))
    result = report("lifecycle", "days=2")
    assert (series_rows(result)[-1], result["last_is_over"]) == (("2026-03-04", 1, 1, 0, 0, 2), False)
    assert "cached" not in report("lifecycle", "days=2")["meta"]


def test_a_report_on_a_day_that_is_over_is_cached(visitors: None, report: Report) -> None:
    report("lifecycle", "date=2026-03-02")
    assert report("lifecycle", "date=2026-03-02")["meta"]["cached"]


@pytest.mark.parametrize(
    ("query", "field"), [("granularity=hour", "granularity"), ("unit=hour", "unit"), ("unit=day&granularity=week", "granularity"), ("days=367", "unit"), ("zone=Asia/Tokyo", "zone")]
)  # fmt: skip
def test_an_invalid_query_is_rejected_by_parameter(site: Site, report: Report, query: str, field: str) -> None:
    assert report("lifecycle", query, status=400)["errors"][0]["field"] == field


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    on_time=event_drafts(40), late=event_drafts(40), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES), bots=st.booleans(),
    unit=st.sampled_from(["day", "week", "month"]), types=st.sampled_from([[], ["click"]]),
)  # fmt: skip
def test_lifecycle_equals_brute_force(
    engine: Engine, store: Any, report: Report, sql: Any, on_time: Any, late: Any, start: datetime, zone: str,
    bots: bool, unit: str, types: list[str], site: Site, app: Flask,
) -> None:  # fmt: skip
    shop = make_site(engine, zone)
    first, last = start.date() - DAY, start.date() + 9 * DAY
    query = f"site={shop.key}&from={first}&to={last}&granularity={unit}&include_bots={bots}"
    query += "".join(f"&type={kind}" for kind in types)
    for events in (as_payloads(on_time, start), as_payloads(late, start - timedelta(days=20))):
        store(events, site_id=shop.id, site_key=shop.key)
        expected = brute_force_lifecycle(count_users_by_day(sql, shop.id, zone, bots, types), unit, first, last)
        assert series_rows(report("lifecycle", query)) == expected
        app.extensions["cache_redis"].flushdb()
        merge_site(engine, shop.id)
        assert series_rows(report("lifecycle", query)) == expected
        app.extensions["cache_redis"].flushdb()


def brute_force_lifecycle(days: dict[date, set[int]], unit: str, first: date, last: date) -> list[tuple[Any, ...]]:
    """User by user: the units in which the user was active, and the user's state in each."""
    active_units: dict[int, set[date]] = defaultdict(set)
    for day, users in days.items():
        for user in users:
            active_units[user].add(start_of(day, unit))
    rows = []
    for start in sorted({start_of(first + n * DAY, unit) for n in range((last - first).days + 1)}):
        before = start_of(start - DAY, unit)
        counts = dict.fromkeys(NAMES[1:], 0)
        for units in active_units.values():
            if start not in units:
                counts["dormant"] += before in units
                continue
            name = "new" if min(units) == start else "returning" if before in units else "resurrected"
            counts[name] += 1
            counts["active"] += 1
        rows.append((str(start), *counts.values()))
    return rows


def test_unit_and_granularity_are_one_parameter(site: Site, report: Report) -> None:
    found = [report("lifecycle", f"date=2026-03-03&{name}=week") for name in ("unit", "granularity")]
    assert [one["granularity"] for one in found] == ["week", "week"]
    assert report("lifecycle", "date=2026-03-03&unit=week&granularity=week")["series"] == found[0]["series"]
    assert report("retention", "date=2026-03-03&granularity=week")["unit"] == "week"
