"""Unions of closed months: the same totals with and without them, whatever comes late, and few rows read."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics.rollups import compaction, reading
from analytics.rollups.compaction import Compacted, compact
from analytics.rollups.days import close_days
from analytics.rollups.merge import merge_site
from analytics.rollups.months import between, whole_months
from analytics.rollups.reading import snapshot
from analytics.rollups.rebuild import rebuild
from analytics.rollups.rows import BY_INDEX
from analytics.rollups.schedule import AT_ONCE
from analytics.sites import Site
from tasks import rollups as tasks
from tests.rollups.test_merge import Event, leave
from tests.rollups.test_rebuild import make_site

FIRST = date(2025, 12, 20)
LATER = datetime(2026, 5, 1, tzinfo=UTC)
BOT = "t\tBot\t\\N\t\\N"
# Day after FIRST, type, user, whether a program's, subject.
Seen = tuple[int, str, int, bool, str]


def leave_seen(engine: Engine, site: Site, seen: list[Seen]) -> None:
    found = []
    for after, kind, user_no, is_bot, subject in seen:
        ts = f"{FIRST + timedelta(days=after)}T12:00:00Z"
        found.append((Event(ts=ts, kind=kind, subject=subject, **({"agent": BOT} if is_bot else {})), user_no))
    leave(engine, site, found)


def months(engine: Engine, site: Site) -> list[date]:
    query = text("SELECT DISTINCT day FROM rollups WHERE span = 'month' AND site_id = :id ORDER BY day")
    with engine.connect() as connection:
        return list(connection.execute(query, {"id": site.id}).scalars())


SEEN = st.lists(
    st.tuples(
        st.integers(0, 120), st.sampled_from(["page_view", "click"]), st.integers(1, 6), st.booleans(),
        st.sampled_from(["", "", "abc"]),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip
RANGES = st.lists(st.tuples(st.integers(-3, 120), st.integers(0, 130)), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SEEN, min_size=1, max_size=3), RANGES, st.booleans())
def test_totals_are_the_slow_count_with_months_and_without(
    engine: Engine, chunks: list[list[Seen]], ranges: list[tuple[int, int]], again: bool
) -> None:
    """Every chunk but the first comes after a compaction: read while it waits, when merged, and compacted again."""
    site, known = make_site(engine, "UTC"), list[Seen]()
    for chunk in chunks:
        leave_seen(engine, site, chunk)
        known += chunk
        assert_totals(engine, site, known, ranges)
        merge_site(engine, site.id)
        assert_totals(engine, site, known, ranges)
        if again or known == chunk:
            close_days(engine, LATER, AT_ONCE)
            compact(engine)
            assert_totals(engine, site, known, ranges)


def assert_totals(engine: Engine, site: Site, known: list[Seen], ranges: list[tuple[int, int]]) -> None:
    asked: list[dict[str, Any]] = [{}, {"types": ["click"]}, {"bots": True}, {"subject": "abc"}]
    with snapshot(engine, site, 5) as found:
        for start, length in ranges:
            for want in asked:
                first = FIRST + timedelta(days=start)
                total = found.total(first, first + timedelta(days=length), **want)
                mine = [
                    user_no
                    for after, kind, user_no, is_bot, subject in known
                    if start <= after < start + length and kind in want.get("types", [kind])
                    and is_bot in (False, want.get("bots", False)) and want.get("subject", subject) == subject
                ]  # fmt: skip
                assert (total.events, set(total.users)) == (len(mine), set(mine))


@pytest.fixture
def four_months(engine: Engine, site: Site) -> Site:
    """An event a day from 20 December to 30 April, closed and compacted: January to April are whole, and so is
    December, before whose 20th there is nothing."""
    leave_seen(engine, site, [(after, "page_view", after, False, "") for after in range(132)])
    merge_site(engine, site.id)
    close_days(engine, LATER, AT_ONCE)
    assert compact(engine) == Compacted(5, 5)
    return site


WHOLE = [date(2025, 12, 1), *(date(2026, month, 1) for month in range(1, 5))]


def test_a_month_that_is_not_over_or_has_changed_is_left(engine: Engine, site: Site) -> None:
    leave_seen(engine, site, [(after, "page_view", 1, False, "") for after in range(132)])
    merge_site(engine, site.id)
    close_days(engine, datetime(2026, 4, 30, 23, tzinfo=UTC), AT_ONCE)
    leave_seen(engine, site, [(20, "page_view", 2, False, "")])
    merge_site(engine, site.id)
    assert compact(engine).months == 3
    assert months(engine, site) == [WHOLE[0], *WHOLE[2:4]]
    close_days(engine, LATER, AT_ONCE)
    assert compact(engine).months == 2
    assert (months(engine, site), compact(engine)) == (WHOLE, Compacted())


def test_a_late_event_takes_the_unions_of_its_month_only(engine: Engine, four_months: Site) -> None:
    leave_seen(engine, four_months, [(45, "click", 500, False, "abc")])
    assert months(engine, four_months) == WHOLE
    merge_site(engine, four_months.id)
    assert months(engine, four_months) == [*WHOLE[:2], *WHOLE[3:]]


def test_a_rebuild_takes_the_unions_of_its_days(engine: Engine, four_months: Site) -> None:
    """There are no raw events, so nothing is left of the days."""
    rebuild(engine, four_months, date(2026, 1, 31), date(2026, 2, 2))
    assert months(engine, four_months) == [WHOLE[0], *WHOLE[3:]]
    with snapshot(engine, four_months, 5) as found:
        assert found.total(FIRST, date(2026, 5, 1)).events == 130


def test_whole_months_are_read_from_their_unions(engine: Engine, four_months: Site, sql: Any) -> None:
    """Shown by days that are no longer there."""
    sql("DELETE FROM rollups WHERE span = 'day' AND day >= '2026-01-01' AND day < '2026-03-01' RETURNING 1")
    with snapshot(engine, four_months, 5) as found:
        assert found.total(date(2025, 12, 31), date(2026, 3, 2)).events == 1 + 59 + 1
        assert found.total(date(2026, 1, 2), date(2026, 3, 2)).events == 28 + 1
        assert found.total(date(2026, 1, 2), date(2026, 2, 28)).events == 0


def test_compactions_at_once_make_each_month_once(engine: Engine, four_months: Site, sql: Any) -> None:
    sql("DELETE FROM rollups WHERE span = 'month' RETURNING 1")
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: compact(engine), range(4)))
    assert sum(one.months for one in done) == 5
    assert months(engine, four_months) == WHOLE


def test_the_task_may_run_twice(app: Flask, engine: Engine, four_months: Site, sql: Any) -> None:
    sql("DELETE FROM rollups WHERE span = 'month' RETURNING 1")
    with app.app_context():
        for _ in range(2):
            tasks.compact()
            assert months(engine, four_months) == WHOLE


def test_ranges_are_cut_into_months_and_the_days_between() -> None:
    assert whole_months(date(2026, 1, 31), date(2026, 4, 1)) == [date(2026, 2, 1), date(2026, 3, 1)]
    assert whole_months(date(2026, 2, 1), date(2026, 2, 28)) == []
    assert between(date(2026, 1, 31), date(2026, 4, 2), [date(2026, 3, 1)]) == [
        (date(2026, 1, 31), date(2026, 3, 1)),
        (date(2026, 4, 1), date(2026, 4, 2)),
    ]
    assert between(date(2026, 2, 1), date(2026, 3, 1), [date(2026, 2, 1)]) == []


@pytest.mark.parametrize("query", ["UNIONS", "DUE"])
def test_unions_go_by_the_primary_key(engine: Engine, four_months: Site, query: str) -> None:
    with engine.begin() as connection:
        connection.execute(BY_INDEX)
        cursor: Any = connection.connection.cursor()
        if query == "DUE":
            plan = list(connection.execute(text("EXPLAIN " + compaction.DUE.text), {"site_id": 1}).scalars())
        else:
            cursor.execute("EXPLAIN " + reading.UNIONS, {"site_id": 1, "months": WHOLE, "types": None, "bots": [False]})
            plan = [line for (line,) in cursor]
    conditions = [line for line in plan if "Index Cond" in line and "span" in line]
    assert all(name in line for line in conditions for name in ("site_id", "span", "dimension", "day"))
    assert len(conditions) == (1 if query == "UNIONS" else 3)
    assert not any("Seq Scan on rollups" in line for line in plan)
