"""Every figure of a funnel, against one that tries every chain of events: of raw events, of postings, and of both."""

import math
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics.funnels import attempts, visits
from analytics.rollups.merge import merge_all
from analytics.rollups.postings import make_postings
from analytics.sites import Site
from tests.funnels.slow import Slow, slow_count, stored
from tests.reports.slow import BOT, ZONES

# Two days before Europe's clocks go forward; few instants, so that some are equal.
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
EMPTY = text("TRUNCATE events, users, ingest_ledger, rollup_deltas, rollups, visits, open_days, postings, posted_days")


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=EVENTS, definitions=DEFINITIONS, zone=st.sampled_from(ZONES))
def test_a_funnel_is_what_trying_everything_finds(
    engine: Engine, store: Any, count: Any, sql: Any, site: Site, events: Any, definitions: Any, zone: str
) -> None:
    with engine.begin() as connection:
        connection.execute(EMPTY)
    store([as_sent(*one) for one in events])
    rows = stored(sql, site.id)
    for definition in definitions:
        found = count(definition, f"{PERIOD}&{BY_COUNTRY}&zone={zone}")
        check(found, slow_count(rows, definition, ZoneInfo(zone)))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    events=EVENTS, late=EVENTS, definitions=DEFINITIONS, zone=st.sampled_from(ZONES), bots=st.booleans(),
    crowded=st.booleans(),
)  # fmt: skip
def test_postings_say_the_same(
    engine: Engine, store: Any, count: Any, sql: Any, site: Site, events: Any, late: Any, definitions: Any, zone: str,
    bots: bool, crowded: bool, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """When all days have them; when some wait for what came late; when these have none; and again when all have.
    `crowded`: as if there were so many people that their instants do not fit into one run of numbers."""
    for module in (attempts, visits):
        monkeypatch.setattr(module, "MOST", 10**12 if crowded else 2**62)
    with engine.begin() as connection:
        connection.execute(EMPTY)

    def agree() -> None:
        rows = stored(sql, site.id, bots)
        for definition in definitions:
            found = count(definition, f"{PERIOD}&zone={zone}&include_bots={str(bots).lower()}")
            check(found, slow_count(rows, definition, ZoneInfo(zone)), by_country=False)

    for chunk in (events, late):
        store([as_sent(*one) for one in chunk])
        agree()
        merge_all(engine, 10)
        agree()
        assert make_postings(engine, LATER, 60, timedelta()) > 0
        agree()


def check(found: dict[str, Any], slow: Slow, by_country: bool = True) -> None:
    lines = found["step_analytics"]
    assert [line["visitors_reached"] for line in lines] == slow.reached
    assert (found["avg_time_to_convert"], found["avg_time_to_abandon"]) == (mean(slow.lasted), mean(slow.gave_up))
    assert [line["median_time_s"] for line in lines] == [None, *(ranked(times, 0.5) for times in slow.since)]
    assert [line["p90_time_s"] for line in lines] == [None, *(ranked(times, 0.9) for times in slow.since)]
    assert [line["avg_time_on_step"] for line in lines] == [*map(mean, slow.since), None]
    days = {line["date"]: (line["total_starts"], line["conversions"]) for line in found["daily_performance"]}
    assert nonzero(days) == {str(day): counts for day, counts in slow.days.items()}
    cohorts = {line["cohort_date"]: (line["cohort_size"], line["conversions"]) for line in found["cohort_data"]}
    assert nonzero(cohorts) == {str(day): counts for day, counts in slow.cohorts.items()}
    if by_country:
        rows = found["breakdown"]["rows"]
        assert {row["value"] or "": (row["total_starts"], row["total_conversions"]) for row in rows} == slow.countries


def as_sent(
    user: str, day_s: int, more_s: int, path: Any, kind: str, session: Any, country: Any, agent: Any
) -> dict[str, Any]:
    ts = (START + timedelta(seconds=day_s + more_s)).isoformat()
    sent = {
        "user_id": user,
        "ts": ts,
        "path": path,
        "type": kind,
        "session_id": session,
        "country": country,
        "user_agent": agent,
    }
    return {name: value for name, value in sent.items() if value is not None}


def mean(times: list[float]) -> float | None:
    return round(sum(times) / len(times), 3) if times else None


def ranked(times: list[float], share: float) -> float | None:
    """The nearest rank."""
    return sorted(times)[max(0, math.ceil(share * len(times)) - 1)] if times else None


def nonzero(counts: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {key: both for key, both in counts.items() if any(both)}
