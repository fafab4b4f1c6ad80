"""The retention grid: by hand, and against a slow count over the stored events."""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.rollups.merge import merge_site
from analytics.sites import Site, create_site
from tests.reports.slow import STARTS, ZONES, as_sent, people_by_day, seen

Report = Callable[..., Any]
DAY = timedelta(days=1)


@pytest.fixture
def visitors(store: Any) -> None:
    """ann, bob from Monday the 2nd on, cid since February; eve comes first in April."""
    for day, users in {
        "2026-02-10": ["cid"], "2026-03-02": ["ann", "bob", "cid"], "2026-03-03": ["ann", "dan"],
        "2026-03-04": ["bob", "dan"], "2026-03-09": ["ann", "cid"], "2026-04-01": ["ann", "eve"],
    }.items():  # fmt: skip
        store([{"user_id": user, "ts": f"{day}T12:00:00Z"} for user in users])


GRIDS = {
    "day": (
        "from=2026-03-02&to=2026-03-04",
        [("2026-03-02", 2, [2, 1, 1], [1.0, 0.5, 0.5]), ("2026-03-03", 1, [1, 1], [1.0, 1.0]),
         ("2026-03-04", 0, [0], [None])],
        ("2026-03-02", "2026-03-05"),
    ),
    # From Monday on, whichever day is asked for.
    "week": (
        "from=2026-03-04&to=2026-03-10",
        [("2026-03-02", 3, [3, 1], [1.0, 0.3333]), ("2026-03-09", 0, [0], [None])],
        ("2026-03-02", "2026-03-16"),
    ),
    "month": (
        "from=2026-02-20&to=2026-04-01",
        [("2026-02-01", 1, [1, 1, 0], [1.0, 1.0, 0.0]), ("2026-03-01", 3, [3, 1], [1.0, 0.3333]),
         ("2026-04-01", 1, [1], [1.0])],
        ("2026-02-01", "2026-05-01"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("unit", GRIDS)
def test_a_cohort_is_who_came_first_in_its_unit(visitors: None, report: Report, unit: str) -> None:
    query, cohorts, (first, after) = GRIDS[unit]
    found = report("retention", f"{query}&unit={unit}")
    expected = [dict(zip(("start", "size", "retained", "rates"), cohort, strict=True)) for cohort in cohorts]
    assert (found["unit"], found["cohorts"]) == (unit, expected)
    meta = found["meta"]
    assert (meta["from"], meta["to"]) == (f"{first}T00:00:00Z", f"{after}T00:00:00Z")
    assert (meta["site"], meta["source"]) == ("default", "rollup")


def test_without_a_period_it_is_thirty_days_by_thirty(
    site: Site, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-30T12:00:00Z"))
    found = report("retention")
    assert (found["unit"], len(found["cohorts"]), len(found["cohorts"][0]["retained"])) == ("day", 30, 30)
    assert [found["cohorts"][n]["start"] for n in (0, -1)] == ["2026-03-01", "2026-03-30"]


@pytest.mark.parametrize(
    ("query", "field"), [("days=367", "unit"), ("unit=hour", "unit"), ("hours=48", "hours"), ("from=1970-01-01&to=2999-01-01&unit=week", "unit")]
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_by_name(site: Site, report: Report, query: str, field: str) -> None:
    assert report("retention", query, status=400)["errors"][0]["field"] == field


def test_a_year_of_days_and_thirty_years_of_months_are_not_too_many(site: Site, report: Report) -> None:
    assert len(report("retention", "from=2024-01-01&to=2024-12-31")["cohorts"]) == 366
    assert len(report("retention", "from=2000-01-01&to=2029-12-31&unit=month")["cohorts"]) == 360


def test_a_day_that_the_zone_skipped_has_no_cohort(engine: Engine, report: Report) -> None:
    with engine.begin() as connection:
        create_site(connection, "apia", zone="Pacific/Apia")
    found = report("retention", "site=apia&from=2011-12-30&to=2011-12-30")
    assert (found["cohorts"], found["meta"]["from"]) == ([], found["meta"]["to"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    on_time=seen(70), late=seen(40), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES), bots=st.booleans(),
    unit=st.sampled_from(["day", "week", "month"]),
)  # fmt: skip
def test_the_grid_is_that_of_a_slow_count(
    engine: Engine, store: Any, report: Report, sql: Any, on_time: Any, late: Any, start: datetime, zone: str,
    bots: bool, unit: str, site: Site,
) -> None:  # fmt: skip
    with engine.begin() as connection:
        there = create_site(connection, f"s{time.monotonic_ns()}", zone=zone)
    first, last = start.date() - DAY, start.date() + 20 * DAY
    query = f"site={there.key}&from={first}&to={last}&unit={unit}&include_bots={bots}"
    for events in (as_sent(on_time, start), as_sent(late, start - timedelta(days=10))):
        store(events, site_id=there.id, site_key=there.key)
        expected = slow_grid(people_by_day(sql, there.id, zone, bots), unit, first, last)
        for _ in ("while they wait", "merged"):
            found = report("retention", query)["cohorts"]
            assert [(one["start"], one["retained"]) for one in found] == expected
            merge_site(engine, there.id)


def slow_grid(days: dict[date, set[int]], unit: str, first: date, last: date) -> list[tuple[str, list[int]]]:
    asked = sorted({start_of(first + n * DAY, unit) for n in range((last - first).days + 1)})
    came: dict[int, set[date]] = {}
    for day, people in days.items():
        for user in people:
            came.setdefault(user, set()).add(start_of(day, unit))
    grid = []
    for n, start in enumerate(asked):
        cohort = [units for units in came.values() if min(units) == start]
        grid.append((str(start), [sum(later in units for units in cohort) for later in asked[n:]]))
    return grid


def start_of(day: date, unit: str) -> date:
    if unit == "week":
        return date.fromisocalendar(*day.isocalendar()[:2], 1)
    return date(day.year, day.month, 1) if unit == "month" else day
