"""Snapshots: rollups plus unmerged deltas, the same before and after a merge, read by the index."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from analytics.rollups import cardinality
from analytics.rollups.cardinality import OTHER
from analytics.rollups.merge import merge_site
from analytics.rollups.snapshot import unmerged
from analytics.rollups.snapshot.snapshot import (
    COUNTS,
    RANK,
    READ_BITMAP_HEADS,
    READ_TOP_BITMAPS,
    RollupFilter,
    Snapshot,
    TopRow,
    open_snapshot,
)
from analytics.rollups.snapshot.type_lookup import TYPES, read_types
from analytics.rollups.snapshot.unmerged import READ_DELTAS
from analytics.rollups.spans import DAY as DAY_SPAN
from analytics.rollups.spans import whole_spans
from analytics.rollups.visits import rollups, store
from analytics.rollups.visits.sums import VisitSums
from analytics.sites.sites import Site, create_site
from analytics.store.planner import force_index_lookups
from tests.examples import examples
from tests.rollups.factories import BOT_AGENT, Row, add_delta, page
from tests.rollups.visits.test_visits import View, slow_sums

DAY, NEXT, AFTER = date(2026, 3, 14), date(2026, 3, 15), date(2026, 3, 16)


@pytest.fixture
def three_days(engine: Engine, site: Site) -> Site:
    """Merged: ann and bob view /a on the 14th. Unmerged: bob views /a, and cid /b twice, on the 15th; a bot; a click."""
    add_delta(engine, site, [(page("/a"), 1), (page("/a"), 2)])
    merge_site(engine, site.id)
    late = "2026-03-15T23:59:59.999999Z"
    add_delta(
        engine, site, [(page("/a", ts=late), 2), (page("/b", ts=late), 3), (page("/b", ts="2026-03-15T00:00:00Z"), 3)]
    )
    add_delta(engine, site, [(page("/bot", agent=BOT_AGENT), 9), (page("/c", kind="click", subject="x1"), 4)])
    return site


def plain(counts: dict[Any, Any]) -> dict[Any, Any]:
    return {key: (count.events, set(count.users)) for key, count in counts.items()}


def read_twice(engine: Engine, site: Site, read: Any) -> Any:
    """`read` of a snapshot before the merge, which must be the same after it."""
    with open_snapshot(engine, site, 5) as snapshot:
        before = read(snapshot)
    merge_site(engine, site.id)
    with open_snapshot(engine, site, 5) as merged:
        assert read(merged) == before
    return before


def test_daily_totals_and_total_unite_users(engine: Engine, three_days: Site) -> None:
    days = read_twice(
        engine, three_days, lambda snapshot: plain(snapshot.daily_totals(DAY, AFTER, types=["page_view"]))
    )
    assert days == {DAY: (2, {1, 2}), NEXT: (3, {2, 3})}
    with open_snapshot(engine, three_days, 5) as snapshot:
        total = snapshot.total(DAY, AFTER, types=["page_view"])
        assert (total.events, set(total.users)) == (5, {1, 2, 3})
        assert (snapshot.total(AFTER, AFTER).events, snapshot.zone) == (0, "UTC")


def test_users_are_counted_by_day(engine: Engine, three_days: Site) -> None:
    """A day of one row by its head; days of two types, of bots and of unmerged deltas by their rows."""
    read = partial(Snapshot.daily_events_and_users, first_day=DAY, end_day=AFTER)
    assert read_twice(engine, three_days, partial(read, types=["page_view"])) == {DAY: (2, 2), NEXT: (3, 2)}
    add_delta(engine, three_days, [(page("/a"), 2), (page("/a"), 7)])
    assert read_twice(engine, three_days, read) == {DAY: (5, 4), NEXT: (3, 2)}
    assert read_twice(engine, three_days, partial(read, types=["page_view"], bots=True)) == {DAY: (5, 4), NEXT: (3, 2)}
    with open_snapshot(engine, three_days, 5) as snapshot:
        assert snapshot.daily_events_and_users(DAY, AFTER, types=["none"]) == {}


def test_lists_and_total_are_read_together(engine: Engine, three_days: Site) -> None:
    tops = read_twice(engine, three_days, lambda snapshot: snapshot.top_lists(["total", "path"], DAY, AFTER, 1))
    assert tops == {"total": [TopRow("", 6, 4)], "path": [TopRow("/a", 3, 2)]}


def test_a_value_of_every_event_has_all_users(engine: Engine, three_days: Site) -> None:
    dimensions = ["total", "path", "utm_source"]
    tops = read_twice(engine, three_days, lambda snapshot: snapshot.top_lists(dimensions, NEXT, AFTER, 9))
    assert tops == {
        "total": [TopRow("", 3, 2)], "path": [TopRow("/b", 2, 1), TopRow("/a", 1, 1)], "utm_source": [TopRow("", 3, 2)],
    }  # fmt: skip


def test_all_types_are_united_and_bots_are_optional(engine: Engine, three_days: Site) -> None:
    assert read_twice(engine, three_days, lambda snapshot: plain(snapshot.daily_totals(DAY, NEXT))) == {
        DAY: (3, {1, 2, 4})
    }
    with open_snapshot(engine, three_days, 5) as snapshot:
        assert plain(snapshot.daily_totals(DAY, NEXT, bots=True)) == {DAY: (4, {1, 2, 4, 9})}
        assert plain(snapshot.daily_totals(DAY, NEXT, types=["none"])) == {}


def test_a_subject_is_counted_separately(engine: Engine, three_days: Site) -> None:
    assert read_twice(
        engine, three_days, lambda snapshot: plain(snapshot.counts("path", DAY, AFTER, subject="x1"))
    ) == {(DAY, "/c"): (1, {4})}


def test_hourly_totals_of_a_day(engine: Engine, three_days: Site) -> None:
    assert read_twice(engine, three_days, lambda snapshot: plain(snapshot.hourly_totals(NEXT))) == {
        0: (1, {3}),
        23: (2, {2, 3}),
    }


def test_a_top_list_ranks_by_events_and_counts_users_once(engine: Engine, three_days: Site) -> None:
    top = read_twice(engine, three_days, lambda snapshot: snapshot.top_values("path", DAY, AFTER, 10))
    assert top == [TopRow("/a", 3, 2), TopRow("/b", 2, 1), TopRow("/c", 1, 1)]
    with open_snapshot(engine, three_days, 5) as snapshot:
        assert snapshot.top_values("path", DAY, AFTER, 1) == top[:1]


def test_ties_are_ordered_by_value(engine: Engine, site: Site) -> None:
    add_delta(engine, site, [(page(path), 1) for path in ("/b", "/B", "/ä", "/a", "/_")])
    values = read_twice(engine, site, lambda snapshot: [top.value for top in snapshot.top_values("path", DAY, NEXT, 9)])
    assert values == ["/B", "/_", "/a", "/b", "/ä"]


def test_unmerged_values_beyond_the_limit_are_other(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = [(page(f"/{number}"), 1) for number in range(cardinality.DEFAULT_LIMITS.values)]
    add_delta(engine, site, full)
    merge_site(engine, site.id)
    add_delta(engine, site, [(page("/0"), 2), (page("/new"), 3), (page("/newer"), 3)])
    top = read_twice(engine, site, lambda snapshot: snapshot.top_values("path", DAY, NEXT, 3))
    assert top == [TopRow(OTHER, 2, 1), TopRow("/0", 2, 2), TopRow("/1", 1, 1)]


def test_a_snapshot_ignores_later_merges_and_is_read_only(engine: Engine, three_days: Site) -> None:
    with open_snapshot(engine, three_days, 5) as snapshot:
        before = plain(snapshot.daily_totals(DAY, AFTER))
        merge_site(engine, three_days.id)
        add_delta(engine, three_days, [(page("/a"), 50)])
        assert plain(snapshot.daily_totals(DAY, AFTER)) == before
        assert snapshot.top_values("path", DAY, AFTER, 1) == [TopRow("/a", 3, 2)]
    with open_snapshot(engine, three_days, 5) as snapshot, pytest.raises(DBAPIError, match="read-only"):
        snapshot.connection.execute(text("DELETE FROM rollups"))


VIEWS = st.tuples(
    st.sampled_from(["/a", "/b", "/c"]), st.integers(1, 5), st.integers(0, 47), st.sampled_from(["page_view", "click"]),
    st.booleans(),
)  # fmt: skip


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(VIEWS, min_size=1, max_size=8), max_size=5), st.integers(0, 5))
def test_top_lists_equal_a_slow_count(engine: Engine, chunks: list[list[Any]], merged: int) -> None:
    with engine.begin() as connection:
        site = create_site(connection, f"s{id(chunks)}{datetime.now(UTC).timestamp()}")
    events: dict[str, int] = defaultdict(int)
    users: dict[str, set[int]] = defaultdict(set)
    for number, chunk in enumerate(chunks):
        rows = []
        for path, user_no, hour, kind, is_bot in chunk:
            ts = (datetime(2026, 3, 14, tzinfo=UTC) + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
            agent = BOT_AGENT if is_bot else Row.agent
            rows.append((page(path, ts=ts, kind=kind, agent=agent), user_no))
            if not is_bot:
                events[path] += 1
                users[path].add(user_no)
        add_delta(engine, site, rows)
        if number < merged:
            merge_site(engine, site.id)
    expected = sorted((-events[path], path, len(users[path])) for path in events)[:2]
    with open_snapshot(engine, site, 5) as snapshot:
        assert [(-top.events, top.value, top.users) for top in snapshot.top_values("path", DAY, AFTER, 2)] == expected


MINUTES = st.integers(0, 48 * 60 - 1) | st.sampled_from([1400, 1415, 1430, 1441, 1460])
PAGE_VIEWS = st.tuples(st.integers(1, 3), MINUTES, st.booleans(), st.sampled_from(["/a", "/b"]))


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(PAGE_VIEWS, min_size=1, max_size=6), max_size=5), st.integers(0, 5), st.sampled_from([1, 5000])
)
def test_visits_of_unmerged_views_equal_a_slow_count(
    engine: Engine, chunks: list[list[Any]], merged: int, at_a_time: int
) -> None:
    with engine.begin() as connection:
        site = create_site(connection, f"s{id(chunks)}{datetime.now(UTC).timestamp()}")
    midnight = datetime(2026, 3, 14, tzinfo=UTC)
    views = []
    for number, chunk in enumerate(chunks):
        rows = []
        for user_no, minute, is_bot, path in chunk:
            at = midnight + timedelta(minutes=minute)
            views.append(View(at, user_no, "", is_bot, path))
            agent = BOT_AGENT if is_bot else Row.agent
            rows.append((page(path, ts=at.isoformat().replace("+00:00", "Z"), agent=agent), user_no))
        add_delta(engine, site, rows)
        if number < merged:
            merge_site(engine, site.id)
    expected = slow_sums(views, "UTC")
    with open_snapshot(engine, site, 5) as snapshot, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(store, "VISITS_AT_A_TIME", at_a_time)
        for dimension in ("total", "hour", "entry_path", "exit_path"):
            of_people = {
                (day, value): sums
                for (name, day, bot, value), sums in expected.items()
                if name == dimension and not bot
            }
            assert snapshot.visits(dimension, DAY, AFTER) == of_people
            days = {key: sums for key, sums in of_people.items() if key[0] == NEXT}
            assert snapshot.visits(dimension, NEXT, AFTER) == days
        everyone = VisitSums.total(sums for (name, *_), sums in expected.items() if name == "total")
        assert VisitSums.total(snapshot.visits("total", DAY, AFTER, bots=True).values()) == everyone


def test_visits_of_too_many_unmerged_events_come_with_their_merge(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unmerged, "MAX_EVENTS_FOR_VISITS", 2)
    for users, before_merge in (((1, 2), 2), ((3, 4, 5), 2)):
        add_delta(engine, site, [(page("/a"), user) for user in users])
        with open_snapshot(engine, site, 5) as snapshot:
            assert snapshot.visits("total", DAY, NEXT)[DAY, ""].visits == before_merge
        merge_site(engine, site.id)
    with open_snapshot(engine, site, 5) as snapshot:
        assert snapshot.visits("total", DAY, NEXT)[DAY, ""].visits == 5


def test_visits_of_unmerged_values_beyond_the_limit_are_other(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "MAX_VALUES", 2)
    add_delta(engine, site, [(page("/a"), 1), (page("/b"), 2)])
    merge_site(engine, site.id)
    add_delta(engine, site, [(page("/b", ts="2026-03-14T12:20:00Z"), 2), (page("/c"), 3), (page("/d"), 4)])
    visits = read_twice(engine, site, lambda snapshot: snapshot.visits("exit_path", DAY, NEXT))
    assert {value: sums[:3] for (_, value), sums in visits.items()} == {
        "/a": (1, 1, 1), "/b": (1, 0, 2), OTHER: (2, 2, 2)
    }  # fmt: skip


FILL = text("""
INSERT INTO rollups
SELECT :site_id, 'day', dimension, date '2026-02-01' + day, type, subject, false, dimension || value, 1, '\\x00'
FROM unnest(ARRAY['total', 'path', 'source']) AS dimension, generate_series(0, 40) AS day,
     unnest(ARRAY['click', 'page_view']) AS type, unnest(ARRAY['', 'a', 'b', 'c']) AS subject,
     generate_series(1, 20) AS value
""")


@pytest.fixture
def explain(engine: Engine, site: Site) -> Any:
    """`explain(query, **parameters)`: the plan over 20,000 rows without statistics."""
    with engine.begin() as connection:
        connection.execute(FILL, {"site_id": site.id})
        force_index_lookups(connection)

        def explain_query(query: str, **others: Any) -> str:
            first, end = date(2026, 2, 10), date(2026, 2, 20)
            rollup_filter, spans = RollupFilter(first, end), list(whole_spans(DAY_SPAN, first, end))
            parameters = Snapshot(connection, site).query_parameters(["path", "source"], rollup_filter, spans)
            cursor: Any = connection.connection.cursor()
            with cursor:
                cursor.execute("EXPLAIN (COSTS OFF) " + query, {**parameters, **others})
                return "\n".join(line for (line,) in cursor)

        yield explain_query


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        (COUNTS, "subject"),
        (READ_BITMAP_HEADS, "subject"),
        (RANK, "subject"),
        (READ_TOP_BITMAPS, "value"),
    ],
    ids=["counts", "heads", "rank", "users"],
)
def test_reports_are_served_by_the_primary_key(explain: Any, query: str, columns: str) -> None:
    none = {"unmerged_dimensions": [], "unmerged": [], "unmerged_events": [], "limit": 5, "apart": []}
    plan = explain(query, **none, ranked_dimensions=["path", "path"], ranked=["path1", "path2"], head_bytes=9)
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "using pk_rollups" in plan
    assert all(f"({column} = " in condition for column in ("site_id", "span", "dimension", "day", "type", columns))


def test_types_are_read_by_skip_scans(engine: Engine, site: Site, explain: Any) -> None:
    query = TYPES.text.replace(":site_id", "1").replace(":spans", "'{day}'").replace(":days", "'{2026-02-01}'")
    plan = explain(query)
    conditions = [line for line in plan.replace("found_1", "found").splitlines() if "Index Cond" in line]
    assert plan.count("Index Only Scan using pk_rollups") == len(conditions) == 2
    assert all("(day = " in line for line in conditions)
    assert "(type > found.type)" in conditions[1].replace("rollups_1.", "")


def test_types_of_all_spans_are_read(engine: Engine, three_days: Site) -> None:
    merge_site(engine, three_days.id)
    with engine.begin() as connection:
        force_index_lookups(connection)
        spans = list(whole_spans(DAY_SPAN, DAY, AFTER))
        assert sorted(read_types(connection, three_days.id, spans)) == ["click", "page_view"]
        assert read_types(connection, three_days.id, spans[1:]) == ["page_view"]
        assert read_types(connection, three_days.id, []) == []


def test_unmerged_deltas_are_served_by_their_index(connection_plan: Any) -> None:
    assert "ix_rollup_deltas_site_id_id" in connection_plan(READ_DELTAS % {"site_id": 1})


@pytest.fixture
def connection_plan(engine: Engine) -> Any:
    def explain_query(query: str) -> str:
        with engine.begin() as connection:
            force_index_lookups(connection)
            return "\n".join(connection.execute(text("EXPLAIN " + query)).scalars())

    return explain_query
