"""The retention grid with a filter: by hand, and against a slow count over the stored events."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.columnar.write import write_day
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.examples import examples
from tests.factories import make_site
from tests.insights.brute_force import START, event_payloads
from tests.reports.audience.test_retention import start_of
from tests.reports.brute_force import local_day
from tests.reports.columns.slow_selection import Row, SlowSelection, read_events, read_visits

Report = Callable[..., Any]
DAY = timedelta(days=1)
FILTERS = ["utm_source==news", "type==order", "type!=x", "payload.plan==free", "path=^/a;utm_source=="]
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns"]


def grid(found: dict[str, Any]) -> list[list[int]]:
    return [cohort["retained"] for cohort in found["cohorts"]]


@pytest.fixture
def visitors(store: Any) -> None:
    """ann and bob are new on the 2nd, cid on the 3rd, as a German only on the 4th; dan has been there since February."""
    for day, user, country in (
        ("02-20", "dan", "DE"), ("03-02", "ann", "DE"), ("03-02", "bob", "FR"), ("03-02", "dan", "DE"),
        ("03-03", "ann", "FR"), ("03-03", "bob", "DE"), ("03-03", "cid", "FR"), ("03-04", "ann", "DE"),
        ("03-04", "cid", "DE"),
    ):  # fmt: skip
        store([{"user_id": user, "ts": f"2026-{day}T12:00:00Z", "country": country}])


def test_a_user_is_active_with_an_event_that_meets_the_filter(visitors: None, report: Report) -> None:
    found = report("retention", "from=2026-03-02&to=2026-03-04&filter=country==DE")
    assert grid(found) == [[1, 0, 1], [0, 0], [0]]
    assert (found["meta"]["source"], found["meta"]["filter"]) == ("raw", "country==DE")
    assert grid(report("retention", "from=2026-03-02&to=2026-03-04&filter=country==FR"))[:2] == [[1, 0, 0], [1, 0]]


def test_a_filter_that_all_events_meet_changes_nothing(visitors: None, report: Report) -> None:
    for query in ("from=2026-03-02&to=2026-03-04", "from=2026-02-16&to=2026-03-10&unit=week", "days=1"):
        assert grid(report("retention", f"{query}&filter=country!=XX")) == grid(report("retention", query))


def test_purged_days_have_no_filtered_grid(visitors: None, report: Report, sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-03T00:00:00Z' RETURNING 1")
    refused = report("retention", "from=2026-03-02&to=2026-03-04&filter=country==DE", status=400)
    assert refused["errors"][0]["field"] == "filter"
    assert grid(report("retention", "from=2026-03-03&to=2026-03-04&filter=country==FR")) == [[1, 0], [0]]


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=event_payloads(days=4), late=event_payloads(max_events=8, days=3), bots=st.booleans(),
    zone=st.sampled_from(ZONES), unit=st.sampled_from(["day", "week"]), filter_text=st.sampled_from(FILTERS),
    kind=st.sampled_from([None, "page_view"]), scope=st.sampled_from([None, "event", "visit"]), files=st.integers(0, 5),
)  # fmt: skip
def test_the_filtered_grid_equals_a_slow_count(
    engine: Engine, store: Any, report: Report, site: Site, payloads: Any, late: Any, bots: bool, zone: str, unit: str,
    filter_text: str, kind: str | None, scope: str | None, files: int,
) -> None:  # fmt: skip
    shop = make_site(engine, zone)
    fields = {"site_id": shop.id, "site_key": shop.key}
    store(payloads, **fields)
    for day in range(files):
        write_day(engine, shop.id, (START + day * DAY).date(), clock.now())
    store(late, **fields)
    while merge_site(engine, shop.id).has_more:
        pass
    first, last = START.date() + DAY, START.date() + 3 * DAY
    query = f"site={shop.key}&from={first}&to={last}&unit={unit}&include_bots={bots}&filter={filter_text}"
    query += (f"&type={kind}" if kind else "") + (f"&scope={scope}" if scope else "")
    with engine.connect() as connection:
        events, visits = read_events(connection, shop.id), read_visits(connection, shop.id)
    of_types = [event for event in events if kind in (None, event.values["type"]) and (bots or not event.is_bot)]
    found = report("retention", query)["cohorts"]
    starts = sorted({start_of(first + n * DAY, unit) for n in range((last - first).days + 1)})
    assert [date.fromisoformat(cohort["start"]) for cohort in found] == starts
    units = [unit_times(start, unit, zone) for start in starts]
    selection = SlowSelection(events, visits, filter_text, scope, bots)
    counted = [
        {event.user_no for event in selection.events(*times) if kind in (None, event.values["type"])} for times in units
    ]
    new = [new_users(of_types, start, unit, zone) for start in starts]
    expected = [[len(new[n] & counted[n] & later) for later in counted[n:]] for n in range(len(starts))]
    assert [cohort["retained"] for cohort in found] == expected


def unit_times(start: date, unit: str, zone: str) -> tuple[datetime, datetime]:
    days = {"day": 1, "week": 7}[unit]
    first, after = (datetime.combine(day, datetime.min.time(), ZoneInfo(zone)) for day in (start, start + days * DAY))
    return first, after


def new_users(events: list[Row], start: date, unit: str, zone: str) -> set[int]:
    firsts: dict[int, date] = {}
    for event in events:
        day = start_of(local_day(event.at, ZoneInfo(zone)), unit)
        firsts[event.user_no] = min(day, firsts.get(event.user_no, day))
    return {user for user, day in firsts.items() if day == start}
