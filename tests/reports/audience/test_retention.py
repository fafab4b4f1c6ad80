"""The retention grid: by hand, and against a slow count over the stored events."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site, create_site
from tests.examples import examples
from tests.factories import make_site
from tests.reports.brute_force import STARTS, ZONES, as_payloads, count_users_by_day, event_drafts

Report = Callable[..., Any]
DAY = timedelta(days=1)


@pytest.fixture
def visitors(store: Any) -> None:
    """ann and bob from Monday the 2nd on, cid since February; eve is first active in April."""
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
    # Weeks begin on Monday, whichever day the period begins on.
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
def test_a_cohort_is_the_users_first_active_in_its_unit(visitors: None, report: Report, unit: str) -> None:
    query, cohorts, (first, after) = GRIDS[unit]
    found = report("retention", f"{query}&unit={unit}")
    expected = [dict(zip(("start", "size", "retained", "rates"), cohort, strict=True)) for cohort in cohorts]
    assert (found["unit"], found["cohorts"]) == (unit, expected)
    meta = found["meta"]
    assert (meta["from"], meta["to"]) == (f"{first}T00:00:00Z", f"{after}T00:00:00Z")
    assert (meta["site"], meta["source"]) == ("default", "rollup")


def test_an_average_is_of_the_users_whose_unit_is_over(
    visitors: None, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New are ann and bob on the 2nd and dan on the 3rd; on the 4th, which is not over, nobody."""
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-04T18:00:00Z"))
    found = report("retention", "from=2026-03-02&to=2026-03-04")
    # Of all three on their own day; on the day after, one of two: that of dan is not over.
    assert (found["units_over"], found["average_rates"]) == (2, [1.0, 0.5, None])
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-05T00:00:00Z"))
    found = report("retention", "from=2026-03-02&to=2026-03-04")
    # Two of three on the day after, ann and bob's half two days later.
    assert (found["units_over"], found["average_rates"]) == (3, [1.0, 0.6667, 0.5])


def test_without_a_period_the_grid_covers_30_days(site: Site, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-30T12:00:00Z"))
    found = report("retention")
    assert (found["unit"], len(found["cohorts"]), len(found["cohorts"][0]["retained"])) == ("day", 30, 30)
    assert [found["cohorts"][n]["start"] for n in (0, -1)] == ["2026-03-01", "2026-03-30"]


@pytest.mark.parametrize(
    ("query", "field"), [("days=367", "unit"), ("unit=hour", "unit"), ("from=1970-01-01&to=2999-01-01&unit=week", "unit")]
)  # fmt: skip
def test_a_refusal_names_the_parameter(site: Site, report: Report, query: str, field: str) -> None:
    assert report("retention", query, status=400)["errors"][0]["field"] == field


def test_a_year_of_days_and_thirty_years_of_months_are_accepted(site: Site, report: Report) -> None:
    assert len(report("retention", "from=2024-01-01&to=2024-12-31")["cohorts"]) == 366
    assert len(report("retention", "from=2000-01-01&to=2029-12-31&unit=month")["cohorts"]) == 360


def test_a_day_that_the_zone_skipped_has_no_cohort(engine: Engine, report: Report) -> None:
    with engine.begin() as connection:
        create_site(connection, "apia", zone="Pacific/Apia")
    found = report("retention", "site=apia&from=2011-12-30&to=2011-12-30")
    assert (found["cohorts"], found["meta"]["from"]) == ([], found["meta"]["to"])


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    on_time=event_drafts(70), late=event_drafts(40), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES), bots=st.booleans(),
    unit=st.sampled_from(["day", "week", "month"]),
)  # fmt: skip
def test_the_grid_equals_a_slow_count(
    engine: Engine, store: Any, report: Report, sql: Any, on_time: Any, late: Any, start: datetime, zone: str,
    bots: bool, unit: str, site: Site,
) -> None:  # fmt: skip
    there = make_site(engine, zone)
    first, last = start.date() - DAY, start.date() + 20 * DAY
    query = f"site={there.key}&from={first}&to={last}&unit={unit}&include_bots={bots}"
    for events in (as_payloads(on_time, start), as_payloads(late, start - timedelta(days=10))):
        store(events, site_id=there.id, site_key=there.key)
        expected = slow_grid(count_users_by_day(sql, there.id, zone, bots), unit, first, last)
        for _ in ("unmerged", "merged"):
            found = report("retention", query)["cohorts"]
            assert [(cohort["start"], cohort["retained"]) for cohort in found] == expected
            merge_site(engine, there.id)


def slow_grid(days: dict[date, set[int]], unit: str, first: date, last: date) -> list[tuple[str, list[int]]]:
    starts = sorted({start_of(first + n * DAY, unit) for n in range((last - first).days + 1)})
    active: dict[int, set[date]] = {}
    for day, users in days.items():
        for user in users:
            active.setdefault(user, set()).add(start_of(day, unit))
    grid = []
    for n, start in enumerate(starts):
        cohort = [units for units in active.values() if min(units) == start]
        grid.append((str(start), [sum(later in units for units in cohort) for later in starts[n:]]))
    return grid


def start_of(day: date, unit: str) -> date:
    if unit == "week":
        return date.fromisocalendar(*day.isocalendar()[:2], 1)
    return date(day.year, day.month, 1) if unit == "month" else day
