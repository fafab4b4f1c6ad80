"""Unions of closed weeks and months: the same results with and without them, also after late events; few rows read."""

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from analytics.rollups import bitmaps, purge, rows
from analytics.rollups.bitmaps import BitMap64
from analytics.rollups.closing.days import close_days
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.closing.unions import READ_SPAN_ROWS, SELECT_DUE_SPANS, UnionResult, build_unions
from analytics.rollups.deltas.counts import DIMENSIONS
from analytics.rollups.locks import lock_rollups
from analytics.rollups.merge import merge_site
from analytics.rollups.rebuild import rebuild_days
from analytics.rollups.snapshot.snapshot import TopRow, open_snapshot
from analytics.rollups.spans import Span, span_of, union_spans_of
from analytics.rollups.visits.sums import LIST_DIMENSIONS
from analytics.sites.sites import Site
from analytics.store.planner import force_index_lookups
from tasks import rollups as tasks
from tests.examples import examples
from tests.factories import make_site
from tests.rollups.deltas.test_writer import await_blocked
from tests.rollups.factories import BOT_AGENT, Row, add_delta, before_statement, page

# A Saturday: its week and its month begin before it.
FIRST = date(2025, 12, 20)
LATER = datetime(2026, 5, 1, tzinfo=UTC)
# Day after FIRST, type, user, is_bot, subject, path.
Seen = tuple[int, str, int, bool, str, str]


def add_events(engine: Engine, site: Site, events: list[Seen]) -> None:
    rows = []
    for days, kind, user_no, is_bot, subject, path in events:
        ts, agent = f"{FIRST + timedelta(days=days)}T12:00:00Z", BOT_AGENT if is_bot else Row.agent
        rows.append((page(path, ts=ts, kind=kind, subject=subject, agent=agent), user_no))
    add_delta(engine, site, rows)


def unions(engine: Engine, site: Site) -> set[Span]:
    query = text("SELECT DISTINCT span, day FROM rollups WHERE span <> 'day' AND site_id = :id")
    with engine.connect() as connection:
        return {Span(kind, day) for kind, day in connection.execute(query, {"id": site.id})}


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 120), st.sampled_from(["page_view", "click"]), st.integers(1, 6), st.booleans(),
        st.sampled_from(["", "", "abc"]), st.sampled_from(["/a", "/b", "/c"]),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip
RANGES = st.lists(st.tuples(st.integers(-3, 120), st.integers(0, 130)), min_size=1, max_size=3)
FILTERS: list[dict[str, Any]] = [{}, {"types": ["click"]}, {"bots": True}, {"subject": "abc"}]


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENTS, min_size=1, max_size=3), RANGES, st.randoms())
def test_results_equal_a_slow_count_with_any_unions(
    engine: Engine, chunks: list[list[Seen]], ranges: list[tuple[int, int]], chance: Any
) -> None:
    """Each chunk but the first is late: read before and after its merge, and after unions are built again."""
    site, known = make_site(engine, "UTC"), list[Seen]()
    for number, chunk in enumerate(chunks):
        add_events(engine, site, chunk)
        known += chunk
        assert_results(engine, site, known, ranges)
        merge_site(engine, site.id)
        assert_results(engine, site, known, ranges)
        close_days(engine, LATER + timedelta(hours=number), IMMEDIATE)
        build_unions(engine)
        assert unions(engine, site) == set(union_spans_of(FIRST + timedelta(days=seen[0]) for seen in known))
        assert_unions(engine, site)
        delete_some_unions(engine, site, chance)
        assert_results(engine, site, known, ranges)


def delete_some_unions(engine: Engine, site: Site, chance: Any) -> None:
    """As if they had not been built yet."""
    delete = text("DELETE FROM rollups WHERE site_id = :id AND span = :kind AND day = :day")
    with engine.begin() as connection:
        for span in sorted(unions(engine, site)):
            if chance.random() < 0.4:
                connection.execute(delete, {"id": site.id, **span._asdict()})


def assert_results(engine: Engine, site: Site, known: list[Seen], ranges: list[tuple[int, int]]) -> None:
    with open_snapshot(engine, site, 5) as snapshot:
        for start, length in ranges:
            first = FIRST + timedelta(days=start)
            end = first + timedelta(days=length)
            for row_filter in FILTERS:
                events = [seen for seen in known if start <= seen[0] < start + length and matches(seen, **row_filter)]
                total = snapshot.total(first, end, **row_filter)
                assert (total.events, set(total.users)) == (len(events), {seen[2] for seen in events})
                lists = snapshot.top_lists(["path", "country"], first, end, 2, **row_filter)
                assert lists == {"path": slow_top(events)[:2], "country": slow_top([(*s[:5], "DE") for s in events])}


def matches(seen: Seen, types: Any = ("page_view", "click"), bots: bool = False, subject: str | None = None) -> bool:
    _, kind, _, is_bot, code, _ = seen
    return kind in types and is_bot in (False, bots) and subject in (None, code)


def slow_top(seen: list[Seen]) -> list[TopRow]:
    users: dict[str, list[int]] = defaultdict(list)
    for event in seen:
        users[event[5]].append(event[2])
    return sorted((TopRow(v, len(u), len(set(u))) for v, u in users.items()), key=lambda top: (-top.events, top.value))


def assert_unions(engine: Engine, site: Site) -> None:
    """Compares each expected union row with its days, in all dimensions but the hours."""
    spans = unions(engine, site)
    stored: dict[str, dict[Any, tuple[int, BitMap64]]] = {"day": {}, "week": {}, "month": {}}
    query = text("""
        SELECT span, day, dimension, type, subject, is_bot, value, events, users
        FROM rollups
        WHERE site_id = :id AND dimension <> 'hour'
    """)
    with engine.connect() as connection:
        for kind, day, *key, events, users in connection.execute(query, {"id": site.id}):
            stored[kind][day, *key] = events, bitmaps.decode(bytes(users))
    for kind in ("week", "month"):
        slow: dict[Any, tuple[int, BitMap64]] = {}
        for (day, *key), (events, users) in stored["day"].items():
            span = span_of(kind, day)
            before = slow.get((span.day, *key), (0, BitMap64()))
            if span in spans:
                slow[span.day, *key] = before[0] + events, before[1] | users
        assert stored[kind] == slow


@pytest.fixture
def four_months(engine: Engine, site: Site) -> Site:
    """An event a day from 20 December to 30 April, with unions: those of December, whose first event is on the 20th, to
    April. The last week has not ended."""
    add_events(engine, site, [(after, "page_view", after, False, "", "/a") for after in range(132)])
    merge_site(engine, site.id)
    close_days(engine, LATER, IMMEDIATE)
    assert build_unions(engine) == UnionResult(24, 24 * (len(DIMENSIONS) - 1), 24 * len(LIST_DIMENSIONS))
    return site


MONTHS = {Span("month", date(2025, 12, 1)), *(Span("month", date(2026, number, 1)) for number in range(1, 5))}
WEEKS = {Span("week", date(2025, 12, 15) + timedelta(days=7 * n)) for n in range(19)}


def test_spans_that_are_open_or_not_over_get_no_union(engine: Engine, site: Site) -> None:
    add_events(engine, site, [(after, "page_view", 1, False, "", "/a") for after in range(132)])
    merge_site(engine, site.id)
    close_days(engine, datetime(2026, 4, 26, 23, tzinfo=UTC), IMMEDIATE)
    add_events(engine, site, [(20, "page_view", 2, False, "", "/a")])
    merge_site(engine, site.id)
    changed = {Span("month", date(2026, 1, 1)), Span("week", date(2026, 1, 5))}
    unfinished = {Span("month", date(2026, 4, 1)), Span("week", date(2026, 4, 20))}
    assert build_unions(engine).spans == 24 - 4
    assert unions(engine, site) == (MONTHS | WEEKS) - changed - unfinished
    close_days(engine, LATER, IMMEDIATE)
    assert build_unions(engine).spans == 4
    assert (unions(engine, site), build_unions(engine)) == (MONTHS | WEEKS, UnionResult())


def test_a_late_event_is_added_to_its_unions(engine: Engine, four_months: Site) -> None:
    """To the rows that are there, and as a new one."""
    add_events(engine, four_months, [(45, "page_view", 500, False, "", "/a"), (45, "click", 501, True, "abc", "/new")])
    merge_site(engine, four_months.id)
    assert unions(engine, four_months) == MONTHS | WEEKS
    assert_unions(engine, four_months)
    with open_snapshot(engine, four_months, 5) as snapshot:
        assert snapshot.top_values("path", date(2026, 2, 1), date(2026, 3, 1), 5, bots=True) == [
            TopRow("/a", 29, 29), TopRow("/new", 1, 1),
        ]  # fmt: skip


def test_a_rebuild_deletes_the_unions_of_its_days(engine: Engine, four_months: Site) -> None:
    """There are no raw events, so the days are empty afterwards."""
    rebuild_days(engine, four_months, date(2026, 1, 31), date(2026, 2, 2))
    gone = {*(Span("month", date(2026, n, 1)) for n in (1, 2)), Span("week", date(2026, 1, 26))}
    assert unions(engine, four_months) == (MONTHS | WEEKS) - gone
    with open_snapshot(engine, four_months, 5) as snapshot:
        assert snapshot.total(FIRST, date(2026, 5, 1)).events == 130
    close_days(engine, LATER + timedelta(hours=1), IMMEDIATE)
    build_unions(engine)
    assert unions(engine, four_months) == MONTHS | WEEKS
    assert_unions(engine, four_months)


def test_whole_months_and_weeks_are_read_from_their_unions(engine: Engine, four_months: Site, sql: Any) -> None:
    """Proven by deleting the day rows."""
    sql("DELETE FROM rollups WHERE span = 'day' AND day >= '2026-01-01' AND day < '2026-03-02' RETURNING 1")
    with open_snapshot(engine, four_months, 5) as snapshot:
        assert snapshot.total(date(2025, 12, 31), date(2026, 3, 3)).events == 1 + 59 + 1
        # From the second on: the weeks from the 5th to 1 February, the 2nd to the 4th are gone; then February.
        assert snapshot.total(date(2026, 1, 2), date(2026, 3, 1)).events == 3 * 7 + 28
        assert snapshot.top_values("path", date(2026, 1, 5), date(2026, 1, 20), 5) == [TopRow("/a", 14, 14)]
        assert snapshot.total(date(2026, 1, 6), date(2026, 1, 12)).events == 0


def test_concurrent_builds_write_each_span_once(engine: Engine, four_months: Site, sql: Any) -> None:
    sql("DELETE FROM rollups WHERE span <> 'day' RETURNING 1")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: build_unions(engine), range(4)))
    assert sum(result.spans for result in results) == 24
    assert unions(engine, four_months) == MONTHS | WEEKS
    assert_unions(engine, four_months)


def merge_late(engine: Engine, site: Site) -> None:
    """An event of 3 February, merged at once: MERGE_LOCK is free."""
    add_events(engine, site, [(45, "page_view", 500, False, "", "/late")])
    assert merge_site(engine, site.id).deltas == 1


def rebuild_february_3(engine: Engine, site: Site) -> None:
    """There are no raw events."""
    rebuild_days(engine, site, date(2026, 2, 3), date(2026, 2, 4))


def purge_counts(engine: Engine, site: Site) -> None:
    with engine.begin() as connection:
        lock_rollups(connection, site.id)
        purge.purge_site(connection, site.id)


# The statement after a span is written: MERGE_LOCK, before the build is checked and committed.
LOCK_AFTER_BUILD = "pg_advisory_xact_lock"


@pytest.mark.parametrize("change", [merge_late, rebuild_february_3, purge_counts])
def test_a_union_whose_days_change_during_the_build_is_discarded(
    engine: Engine, four_months: Site, sql: Any, change: Callable[[Engine, Site], None]
) -> None:
    """The week and the month of the changed day are due."""
    sql("DELETE FROM rollups WHERE span <> 'day' AND day IN ('2026-02-01', '2026-02-02') RETURNING 1")
    before = set() if change is purge_counts else (MONTHS | WEEKS) - set(union_spans_of([date(2026, 2, 3)]))
    with before_statement(engine, LOCK_AFTER_BUILD, lambda _: change(engine, four_months)):
        assert (build_unions(engine), unions(engine, four_months)) == (UnionResult(), before)
    assert_unions(engine, four_months)
    close_days(engine, LATER + timedelta(hours=1), IMMEDIATE)
    build_unions(engine)
    assert_unions(engine, four_months)
    assert unions(engine, four_months) == (set() if change is purge_counts else MONTHS | WEEKS)


def test_days_are_not_closed_while_a_union_is_built(engine: Engine, four_months: Site, sql: Any) -> None:
    """Else the build would not find the mark of a day that has changed meanwhile."""
    sql("DELETE FROM rollups WHERE span = 'month' AND day = '2026-02-01' RETURNING 1")
    later, closings = LATER + timedelta(hours=1), []

    def merge_and_close(_: Any) -> None:
        merge_late(engine, four_months)
        closings.append(pool.submit(close_days, engine, later, IMMEDIATE))
        with engine.connect() as other:
            await_blocked(other)

    with ThreadPoolExecutor(1) as pool:
        with before_statement(engine, LOCK_AFTER_BUILD, merge_and_close):
            build_unions(engine)
        assert closings[0].result(20).days == 1
    build_unions(engine)
    assert unions(engine, four_months) == MONTHS | WEEKS
    assert_unions(engine, four_months)


def test_an_interrupted_build_leaves_nothing(engine: Engine, four_months: Site, sql: Any) -> None:
    sql("DELETE FROM rollups WHERE span = 'month' AND day = '2026-02-01' RETURNING 1")

    def kill(connection: Any) -> None:
        pid = connection.connection.driver_connection.get_backend_pid()
        with engine.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    with before_statement(engine, LOCK_AFTER_BUILD, kill), pytest.raises(OperationalError):
        build_unions(engine)
    assert unions(engine, four_months) == (MONTHS | WEEKS) - {Span("month", date(2026, 2, 1))}
    assert (build_unions(engine).spans, unions(engine, four_months)) == (1, MONTHS | WEEKS)
    assert_unions(engine, four_months)


def test_the_task_may_run_twice(app: Flask, engine: Engine, four_months: Site, sql: Any) -> None:
    sql("DELETE FROM rollups WHERE span <> 'day' RETURNING 1")
    with app.app_context():
        for _ in range(2):
            tasks.build_unions()
            assert unions(engine, four_months) == MONTHS | WEEKS


def test_large_unions_are_buffered_in_a_file(
    engine: Engine, four_months: Site, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.rollups.closing.unions.IN_MEMORY_BYTES", 100)
    sql("DELETE FROM rollups WHERE span <> 'day' RETURNING 1")
    assert build_unions(engine).spans == 24
    assert_unions(engine, four_months)


@pytest.mark.parametrize(
    "query", [SELECT_DUE_SPANS, rows.EXISTING_UNIONS, rows.DELETE_UNIONS], ids=["due", "existing", "delete"]
)
def test_statements_are_served_by_the_primary_key(engine: Engine, four_months: Site, query: Any) -> None:
    parameters = {"site_id": 1, "span": "week", "spans": ["week"], "days": [FIRST], "dimensions": ["total", "path"]}
    with engine.begin() as connection:
        force_index_lookups(connection)
        plan = list(connection.execute(text("EXPLAIN " + query.text), parameters).scalars())
    conditions = [line for line in plan if "Index Cond" in line and "span" in line]
    assert all(name in line for line in conditions for name in ("site_id", "span", "dimension"))
    assert len(conditions) == (3 if query is SELECT_DUE_SPANS else 1)
    assert not any("Seq Scan on rollups" in line for line in plan)


def test_the_rows_of_a_union_are_served_by_the_primary_key(engine: Engine, four_months: Site) -> None:
    with engine.begin() as connection:
        force_index_lookups(connection)
        cursor: Any = connection.connection.cursor()
        with cursor:
            parameters = {"site_id": 1, "spans": ["day"], "days": [FIRST], "dimensions": ["total", "path"]}
            cursor.execute("EXPLAIN " + READ_SPAN_ROWS, parameters)
            [condition] = [line for (line,) in cursor if "Index Cond" in line]
    assert all(f"({name} = " in condition for name in ("site_id", "span", "dimension", "day"))
