"""Every figure of a funnel equals that of brute_force.py: from raw events, from postings, and from both."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics.funnels import attempts, visits
from analytics.rollups.merge import merge_all
from analytics.rollups.postings import make_postings
from analytics.sites.sites import Site
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
PERIOD = "from=2026-03-27&to=2026-03-31"
BY_COUNTRY = "breakdown=country&limit=100"
LATER = datetime.fromisoformat("2026-04-10T00:00:00+00:00")
DEFINITIONS = st.lists(DEFINITION, min_size=4, max_size=4)
EMPTY = delete_all("events, users, ingest_ledger, rollup_deltas, rollups, visits, open_days, postings, posted_days")


@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(events=EVENTS, definitions=DEFINITIONS, zone=st.sampled_from(ZONES))
def test_figures_from_raw_events_equal_brute_force(
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
    events=EVENTS, late=EVENTS, definitions=DEFINITIONS, zone=st.sampled_from(ZONES), bots=st.booleans(),
    crowded=st.booleans(),
)  # fmt: skip
def test_figures_from_postings_equal_brute_force(
    engine: Engine, store: Any, count: Any, sql: Any, site: Site, events: Any, late: Any, definitions: Any, zone: str,
    bots: bool, crowded: bool, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """With postings of all days; with late events unmerged; without postings of the days they are on; with all again.
    `crowded`: a low KEY_LIMIT, as if so many users did not fit into one range of keys."""
    for module in (attempts, visits):
        monkeypatch.setattr(module, "KEY_LIMIT", 10**12 if crowded else 2**62)
    with engine.begin() as connection:
        connection.execute(EMPTY)

    def check_all() -> None:
        rows = read_stored_events(sql, site.id, bots)
        for definition in definitions:
            report = count(definition, f"{PERIOD}&zone={zone}&include_bots={str(bots).lower()}")
            check(report, count_by_brute_force(rows, definition, ZoneInfo(zone)), by_country=False)

    for chunk in (events, late):
        store([as_payload(*event) for event in chunk])
        check_all()
        merge_all(engine, 10)
        check_all()
        assert make_postings(engine, LATER, 60, timedelta()) > 0
        check_all()


def check(report: dict[str, Any], expected: BruteForceResult, by_country: bool = True) -> None:
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
    if by_country:
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
