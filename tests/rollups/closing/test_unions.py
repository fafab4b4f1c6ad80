"""Unions of closed weeks and months: the same answers with and without them, whatever comes late, and few rows read."""

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

from analytics.rollups import compaction, forget, rows, taking, users
from analytics.rollups.compaction import Compacted, compact
from analytics.rollups.days import close_days
from analytics.rollups.delta import DIMENSIONS
from analytics.rollups.merge import merge_site
from analytics.rollups.reading import Top, snapshot
from analytics.rollups.rebuild import rebuild
from analytics.rollups.schedule import AT_ONCE
from analytics.rollups.spans import Span, span_of, spans_of
from analytics.rollups.users import BitMap64
from analytics.sites import Site
from tasks import rollups as tasks
from tests.rollups.test_append import await_blocked
from tests.rollups.test_merge import Event, leave
from tests.rollups.test_rebuild import make_site

# A Saturday: its week and its month begin before it.
FIRST = date(2025, 12, 20)
LATER = datetime(2026, 5, 1, tzinfo=UTC)
BOT = "t\tBot\t\\N\t\\N"
# Day after FIRST, type, user, whether a program's, subject, path.
Seen = tuple[int, str, int, bool, str, str]


def leave_seen(engine: Engine, site: Site, seen: list[Seen]) -> None:
    found = []
    for after, kind, user_no, is_bot, subject, path in seen:
        ts, agent = f"{FIRST + timedelta(days=after)}T12:00:00Z", BOT if is_bot else Event.agent
        found.append((Event(ts=ts, kind=kind, subject=subject, agent=agent, page=f"{path}\t\\N\t\\N\t\\N"), user_no))
    leave(engine, site, found)


def unions(engine: Engine, site: Site) -> set[Span]:
    query = text("SELECT DISTINCT span, day FROM rollups WHERE span <> 'day' AND site_id = :id")
    with engine.connect() as connection:
        return {Span(kind, day) for kind, day in connection.execute(query, {"id": site.id})}


SEEN = st.lists(
    st.tuples(
        st.integers(0, 120), st.sampled_from(["page_view", "click"]), st.integers(1, 6), st.booleans(),
        st.sampled_from(["", "", "abc"]), st.sampled_from(["/a", "/b", "/c"]),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip
RANGES = st.lists(st.tuples(st.integers(-3, 120), st.integers(0, 130)), min_size=1, max_size=3)
ASKED: list[dict[str, Any]] = [{}, {"types": ["click"]}, {"bots": True}, {"subject": "abc"}]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SEEN, min_size=1, max_size=3), RANGES, st.randoms())
def test_answers_are_the_slow_count_whatever_is_united(
    engine: Engine, chunks: list[list[Seen]], ranges: list[tuple[int, int]], chance: Any
) -> None:
    """Every chunk but the first comes late, to any of the unions: read while it waits, merged, and compacted again."""
    site, known = make_site(engine, "UTC"), list[Seen]()
    for number, chunk in enumerate(chunks):
        leave_seen(engine, site, chunk)
        known += chunk
        assert_answers(engine, site, known, ranges)
        merge_site(engine, site.id)
        assert_answers(engine, site, known, ranges)
        close_days(engine, LATER + timedelta(hours=number), AT_ONCE)
        compact(engine)
        assert unions(engine, site) == set(spans_of(FIRST + timedelta(days=seen[0]) for seen in known))
        assert_unions(engine, site)
        forget_some(engine, site, chance)
        assert_answers(engine, site, known, ranges)


def forget_some(engine: Engine, site: Site, chance: Any) -> None:
    """As if they had not been made yet."""
    delete = text("DELETE FROM rollups WHERE site_id = :id AND span = :kind AND day = :day")
    with engine.begin() as connection:
        for span in sorted(unions(engine, site)):
            if chance.random() < 0.4:
                connection.execute(delete, {"id": site.id, **span._asdict()})


def assert_answers(engine: Engine, site: Site, known: list[Seen], ranges: list[tuple[int, int]]) -> None:
    with snapshot(engine, site, 5) as found:
        for start, length in ranges:
            first = FIRST + timedelta(days=start)
            after = first + timedelta(days=length)
            for want in ASKED:
                mine = [seen for seen in known if start <= seen[0] < start + length and is_wanted(seen, **want)]
                total = found.total(first, after, **want)
                assert (total.events, set(total.users)) == (len(mine), {seen[2] for seen in mine})
                tops = found.tops(["path", "country"], first, after, 2, **want)
                assert tops == {"path": slow_top(mine)[:2], "country": slow_top([(*s[:5], "DE") for s in mine])}


def is_wanted(seen: Seen, types: Any = ("page_view", "click"), bots: bool = False, subject: str | None = None) -> bool:
    _, kind, _, is_bot, code, _ = seen
    return kind in types and is_bot in (False, bots) and subject in (None, code)


def slow_top(seen: list[Seen]) -> list[Top]:
    people: dict[str, list[int]] = defaultdict(list)
    for one in seen:
        people[one[5]].append(one[2])
    return sorted((Top(v, len(p), len(set(p))) for v, p in people.items()), key=lambda top: (-top.events, top.value))


def assert_unions(engine: Engine, site: Site) -> None:
    """Each union row that should be there against its days, in all dimensions but the hours."""
    united = unions(engine, site)
    stored: dict[str, dict[Any, tuple[int, BitMap64]]] = {"day": {}, "week": {}, "month": {}}
    query = text("""
        SELECT span, day, dimension, type, subject, is_bot, value, events, users
        FROM rollups
        WHERE site_id = :id AND dimension <> 'hour'
    """)
    with engine.connect() as connection:
        for kind, day, *key, events, people in connection.execute(query, {"id": site.id}):
            stored[kind][day, *key] = events, users.unpack(bytes(people))
    for kind in ("week", "month"):
        slow: dict[Any, tuple[int, BitMap64]] = {}
        for (day, *key), (events, people) in stored["day"].items():
            span = span_of(kind, day)
            before = slow.get((span.day, *key), (0, BitMap64()))
            if span in united:
                slow[span.day, *key] = before[0] + events, before[1] | people
        assert stored[kind] == slow


@pytest.fixture
def four_months(engine: Engine, site: Site) -> Site:
    """An event a day from 20 December to 30 April, closed and compacted: January to April are whole, and so is
    December, before whose 20th there is nothing. The last week is not over."""
    leave_seen(engine, site, [(after, "page_view", after, False, "", "/a") for after in range(132)])
    merge_site(engine, site.id)
    close_days(engine, LATER, AT_ONCE)
    assert compact(engine) == Compacted(24, 24 * (len(DIMENSIONS) - 1))
    return site


MONTHS = {Span("month", date(2025, 12, 1)), *(Span("month", date(2026, number, 1)) for number in range(1, 5))}
WEEKS = {Span("week", date(2025, 12, 15) + timedelta(days=7 * n)) for n in range(19)}


def test_what_is_not_over_or_has_changed_is_left(engine: Engine, site: Site) -> None:
    leave_seen(engine, site, [(after, "page_view", 1, False, "", "/a") for after in range(132)])
    merge_site(engine, site.id)
    close_days(engine, datetime(2026, 4, 26, 23, tzinfo=UTC), AT_ONCE)
    leave_seen(engine, site, [(20, "page_view", 2, False, "", "/a")])
    merge_site(engine, site.id)
    changed = {Span("month", date(2026, 1, 1)), Span("week", date(2026, 1, 5))}
    unfinished = {Span("month", date(2026, 4, 1)), Span("week", date(2026, 4, 20))}
    assert compact(engine).spans == 24 - 4
    assert unions(engine, site) == (MONTHS | WEEKS) - changed - unfinished
    close_days(engine, LATER, AT_ONCE)
    assert compact(engine).spans == 4
    assert (unions(engine, site), compact(engine)) == (MONTHS | WEEKS, Compacted())


def test_a_late_event_is_added_to_its_unions(engine: Engine, four_months: Site) -> None:
    """To the rows that are there, and as a new one."""
    leave_seen(engine, four_months, [(45, "page_view", 500, False, "", "/a"), (45, "click", 501, True, "abc", "/new")])
    merge_site(engine, four_months.id)
    assert unions(engine, four_months) == MONTHS | WEEKS
    assert_unions(engine, four_months)
    with snapshot(engine, four_months, 5) as found:
        assert found.top("path", date(2026, 2, 1), date(2026, 3, 1), 5, bots=True) == [
            Top("/a", 29, 29), Top("/new", 1, 1),
        ]  # fmt: skip


def test_a_rebuild_takes_the_unions_of_its_days(engine: Engine, four_months: Site) -> None:
    """There are no raw events, so nothing is left of the days."""
    rebuild(engine, four_months, date(2026, 1, 31), date(2026, 2, 2))
    gone = {*(Span("month", date(2026, n, 1)) for n in (1, 2)), Span("week", date(2026, 1, 26))}
    assert unions(engine, four_months) == (MONTHS | WEEKS) - gone
    with snapshot(engine, four_months, 5) as found:
        assert found.total(FIRST, date(2026, 5, 1)).events == 130
    close_days(engine, LATER + timedelta(hours=1), AT_ONCE)
    compact(engine)
    assert unions(engine, four_months) == MONTHS | WEEKS
    assert_unions(engine, four_months)


def test_whole_months_and_weeks_are_read_from_their_unions(engine: Engine, four_months: Site, sql: Any) -> None:
    """Shown by days that are no longer there."""
    sql("DELETE FROM rollups WHERE span = 'day' AND day >= '2026-01-01' AND day < '2026-03-02' RETURNING 1")
    with snapshot(engine, four_months, 5) as found:
        assert found.total(date(2025, 12, 31), date(2026, 3, 3)).events == 1 + 59 + 1
        # From the second on: the weeks from the 5th to 1 February, the 2nd to the 4th are gone; then February.
        assert found.total(date(2026, 1, 2), date(2026, 3, 1)).events == 3 * 7 + 28
        assert found.top("path", date(2026, 1, 5), date(2026, 1, 20), 5) == [Top("/a", 14, 14)]
        assert found.total(date(2026, 1, 6), date(2026, 1, 12)).events == 0


def test_compactions_at_once_make_each_span_once(engine: Engine, four_months: Site, sql: Any) -> None:
    sql("DELETE FROM rollups WHERE span <> 'day' RETURNING 1")
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: compact(engine), range(4)))
    assert sum(one.spans for one in done) == 24
    assert unions(engine, four_months) == MONTHS | WEEKS
    assert_unions(engine, four_months)


def merge_late(engine: Engine, site: Site) -> None:
    """An event of 3 February. It is merged at once: nobody holds the lock."""
    leave_seen(engine, site, [(45, "page_view", 500, False, "", "/late")])
    assert merge_site(engine, site.id).deltas == 1


def rebuild_meanwhile(engine: Engine, site: Site) -> None:
    """There are no raw events."""
    rebuild(engine, site, date(2026, 2, 3), date(2026, 2, 4))


def forget_meanwhile(engine: Engine, site: Site) -> None:
    with engine.begin() as connection:
        taking.hold_rollups(connection, site.id)
        forget.forget_site(connection, site.id)


@pytest.mark.parametrize("change", [merge_late, rebuild_meanwhile, forget_meanwhile])
def test_a_union_that_has_changed_while_it_was_made_is_thrown_away(
    engine: Engine, four_months: Site, sql: Any, monkeypatch: pytest.MonkeyPatch, change: Callable[[Engine, Site], None]
) -> None:
    """In the middle of the week that holds the day, and of the month."""
    sql("DELETE FROM rollups WHERE span <> 'day' AND day IN ('2026-02-01', '2026-02-02') RETURNING 1")
    unite = compaction._unite

    def unite_and_change(connection: Any, site_id: int, span: Span) -> int:
        made = unite(connection, site_id, span)
        change(engine, four_months)
        return made

    monkeypatch.setattr(compaction, "_unite", unite_and_change)
    before = set() if change is forget_meanwhile else (MONTHS | WEEKS) - set(spans_of([date(2026, 2, 3)]))
    assert (compact(engine), unions(engine, four_months)) == (Compacted(), before)
    assert_unions(engine, four_months)
    monkeypatch.undo()
    close_days(engine, LATER + timedelta(hours=1), AT_ONCE)
    compact(engine)
    assert_unions(engine, four_months)
    assert unions(engine, four_months) == (set() if change is forget_meanwhile else MONTHS | WEEKS)


def test_days_are_not_closed_while_a_union_is_made(
    engine: Engine, four_months: Site, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the mark of a day that has changed meanwhile would be gone when it is looked for."""
    sql("DELETE FROM rollups WHERE span = 'month' AND day = '2026-02-01' RETURNING 1")
    unite, closings = compaction._unite, []
    later = LATER + timedelta(hours=1)

    def unite_and_close(connection: Any, site_id: int, span: Span) -> int:
        made = unite(connection, site_id, span)
        if not closings:
            merge_late(engine, four_months)
            closings.append(pool.submit(close_days, engine, later, AT_ONCE))
            with engine.connect() as other:
                await_blocked(other)
        return made

    monkeypatch.setattr(compaction, "_unite", unite_and_close)
    with ThreadPoolExecutor(1) as pool:
        compact(engine)
        assert closings[0].result(20).days == 1
    compact(engine)
    assert unions(engine, four_months) == MONTHS | WEEKS
    assert_unions(engine, four_months)


def test_a_making_that_ends_early_leaves_nothing(
    engine: Engine, four_months: Site, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql("DELETE FROM rollups WHERE span = 'month' AND day = '2026-02-01' RETURNING 1")
    unite = compaction._unite

    def unite_and_die(connection: Any, site_id: int, span: Span) -> int:
        unite(connection, site_id, span)
        with engine.begin() as other:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        return 1

    monkeypatch.setattr(compaction, "_unite", unite_and_die)
    with pytest.raises(OperationalError):
        compact(engine)
    assert unions(engine, four_months) == (MONTHS | WEEKS) - {Span("month", date(2026, 2, 1))}
    monkeypatch.undo()
    assert (compact(engine).spans, unions(engine, four_months)) == (1, MONTHS | WEEKS)
    assert_unions(engine, four_months)


def test_the_task_may_run_twice(app: Flask, engine: Engine, four_months: Site, sql: Any) -> None:
    sql("DELETE FROM rollups WHERE span <> 'day' RETURNING 1")
    with app.app_context():
        for _ in range(2):
            tasks.compact()
            assert unions(engine, four_months) == MONTHS | WEEKS


def test_what_does_not_fit_into_memory_rests_in_a_file(
    engine: Engine, four_months: Site, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "IN_MEMORY_BYTES", 100)
    sql("DELETE FROM rollups WHERE span <> 'day' RETURNING 1")
    assert compact(engine).spans == 24
    assert_unions(engine, four_months)


@pytest.mark.parametrize("query", [compaction.DUE, rows.KNOWN_UNIONS, rows.DROP_UNIONS], ids=["due", "known", "drop"])
def test_statements_go_by_the_primary_key(engine: Engine, four_months: Site, query: Any) -> None:
    given = {"site_id": 1, "span": "week", "spans": ["week"], "days": [FIRST], "dimensions": ["total", "path"]}
    with engine.begin() as connection:
        connection.execute(rows.BY_INDEX)
        plan = list(connection.execute(text("EXPLAIN " + query.text), given).scalars())
    conditions = [line for line in plan if "Index Cond" in line and "span" in line]
    assert all(name in line for line in conditions for name in ("site_id", "span", "dimension"))
    assert len(conditions) == (3 if query is compaction.DUE else 1)
    assert not any("Seq Scan on rollups" in line for line in plan)


def test_the_parts_of_a_union_go_by_the_primary_key(engine: Engine, four_months: Site) -> None:
    with engine.begin() as connection:
        connection.execute(rows.BY_INDEX)
        cursor: Any = connection.connection.cursor()
        with cursor:
            given = {"site_id": 1, "spans": ["day"], "days": [FIRST], "dimensions": ["total", "path"]}
            cursor.execute("EXPLAIN " + compaction.PARTS, given)
            [condition] = [line for (line,) in cursor if "Index Cond" in line]
    assert all(f"({name} = " in condition for name in ("site_id", "span", "dimension", "day"))
