"""Every figure of a funnel equals that of brute_force.py: from rows, from column files, and from both."""

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.columnar.write import write_day
from analytics.funnels import conversion
from analytics.reports.columns import ordering
from analytics.sites.sites import Site
from analytics.store.columns import event_files
from tests.empty_tables import delete_all
from tests.examples import examples
from tests.funnels.brute_force import BruteForceResult, count_by_brute_force, read_stored_events
from tests.reports.brute_force import BOT, ZONES

# A day before Europe's clocks go forward; few instants, so that some are equal.
START = datetime.fromisoformat("2026-03-28T00:00:00+00:00")
SECONDS = st.one_of(st.integers(0, 6), st.sampled_from([1800, 1801, 3600, 3605, 82_800, 86_400, 90_000, 100_000]))
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abcd"), SECONDS, SECONDS, st.sampled_from(["/a", "/b", "/c", "/x", None]),
        st.sampled_from(["page_view", "page_view", "page_view", "click"]), st.sampled_from([None, "s1", "s2"]),
        st.sampled_from(["DE", "FR", None]), st.sampled_from([None, None, BOT]),
    ),
    min_size=1, max_size=30,
)  # fmt: skip
STEP = st.sampled_from(
    [
        {"page": "/a"},
        {"page": "/b"},
        {"page": "/c"},
        {"page": "/*"},
        {"page": "*"},
        {"event": "click"},
        {"event": "click", "page": "/a"},
    ]
)
DEFINITION = st.fixed_dictionaries({
    "steps": st.lists(STEP.map(lambda condition: {"condition": condition, "type": "page" if "page" in condition else "event"}), min_size=2, max_size=4),
    "ordering": st.sampled_from(["ordered", "strict"]),
    "scope": st.sampled_from(["user", "visit"]),
    "window_s": st.sampled_from([3, 1800, 86_400, 604_800]),
})  # fmt: skip
DAYS = [date(2026, 3, 27) + timedelta(days=n) for n in range(4)]
PERIOD = "from=2026-03-27&to=2026-03-31"
BY_COUNTRY = "breakdown=country&limit=100"
DEFINITIONS = st.lists(DEFINITION, min_size=4, max_size=4)
EMPTY = delete_all(
    "events, users, ingest_ledger, rollup_deltas, rollups, visits, open_days, event_days, column_days, column_files"
)


@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(events=EVENTS, definitions=DEFINITIONS, zone=st.sampled_from(ZONES))
def test_figures_from_rows_equal_brute_force(
    engine: Engine, store: Any, count: Any, sql: Any, site: Site, events: Any, definitions: Any, zone: str
) -> None:
    with engine.begin() as connection:
        connection.execute(EMPTY)
    store([as_payload(*event) for event in events])
    rows = read_stored_events(sql, site.id)
    for definition in definitions:
        report = count(definition, f"{PERIOD}&{BY_COUNTRY}&zone={zone}")
        check(report, count_by_brute_force(rows, definition, ZoneInfo(zone)))


@settings(max_examples=examples(10), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    chunks=st.lists(st.tuples(EVENTS, st.sets(st.sampled_from(DAYS)), st.sets(st.sampled_from(DAYS), max_size=1)),
                    min_size=1, max_size=3),
    definitions=DEFINITIONS, zone=st.sampled_from(ZONES), bots=st.booleans(), crowded=st.booleans(),
)  # fmt: skip
def test_figures_from_column_files_equal_brute_force(
    engine: Engine, store: Any, count: Any, sql: Any, site: Site, chunks: Any, definitions: Any, zone: str, bots: bool,
    crowded: bool, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Events that come late to days with files; some days are written, some are invalidated. `crowded`: as if
    there were so many users that one number did not hold a user and an instant, nor memory all points at a time."""
    monkeypatch.setattr(ordering, "KEY_LIMIT", 10**12 if crowded else 2**62)
    monkeypatch.setattr(conversion, "POINTS_AT_A_TIME", 2 if crowded else 500_000)
    with engine.begin() as connection:
        connection.execute(EMPTY)
    for events, written, outdated in chunks:
        store([as_payload(*event) for event in events])
        for day in written:
            write_day(engine, site.id, day, clock.now())
        with engine.begin() as connection:
            for day in outdated:
                event_files.invalidate(connection, site.id, day, day)
        rows = read_stored_events(sql, site.id, bots)
        for definition in definitions:
            report = count(definition, f"{PERIOD}&{BY_COUNTRY}&zone={zone}&include_bots={str(bots).lower()}")
            check(report, count_by_brute_force(rows, definition, ZoneInfo(zone)))


def check(report: dict[str, Any], expected: BruteForceResult) -> None:
    rows = report["step_analytics"]
    assert [row["visitors_reached"] for row in rows] == expected.reached
    assert report["avg_time_to_convert"] == mean(expected.conversion_times)
    assert report["avg_time_to_abandon"] == mean(expected.abandon_times)
    assert [row["median_time_s"] for row in rows] == [
        None,
        *(interpolated(times, Fraction(1, 2)) for times in expected.step_times),
    ]
    assert [row["p90_time_s"] for row in rows] == [
        None,
        *(interpolated(times, Fraction(9, 10)) for times in expected.step_times),
    ]
    assert [row["avg_time_on_step"] for row in rows] == [*map(mean, expected.step_times), None]
    days = {row["date"]: (row["total_starts"], row["conversions"]) for row in report["daily_performance"]}
    assert nonzero(days) == {str(day): counts for day, counts in expected.days.items()}
    cohorts = {row["cohort_date"]: (row["cohort_size"], row["conversions"]) for row in report["cohort_data"]}
    assert nonzero(cohorts) == {str(day): counts for day, counts in expected.cohorts.items()}
    values = report["breakdown"]["rows"]
    countries = {row["value"] or "": (row["total_starts"], row["total_conversions"]) for row in values}
    assert countries == expected.countries


def as_payload(
    user: str, day_s: int, offset_s: int, path: Any, kind: str, session: Any, country: Any, agent: Any
) -> dict[str, Any]:
    ts = (START + timedelta(seconds=day_s + offset_s)).isoformat()
    payload = {
        "user_id": user,
        "ts": ts,
        "path": path,
        "type": kind,
        "session_id": session,
        "country": country,
        "user_agent": agent,
    }
    return {name: value for name, value in payload.items() if value is not None}


def mean(times: list[float]) -> float | None:
    return round(sum(times) / len(times), 3) if times else None


def interpolated(times: list[float], share: Fraction) -> float | None:
    """The percentile of docs/decisions/0022."""
    if not times:
        return None
    rank, rest = divmod(share * (len(times) - 1), 1)
    low, high = (sorted([*times, max(times)])[place] for place in (int(rank), int(rank) + 1))
    return float(round(Fraction(low) + (Fraction(high) - Fraction(low)) * rest, 3))


def nonzero(counts: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {key: pair for key, pair in counts.items() if any(pair)}
