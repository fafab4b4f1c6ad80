"""What reports read: rollups and waiting deltas in one snapshot, by the index, whatever has been merged."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from analytics.rollups import guard, reading
from analytics.rollups.merge import merge_site
from analytics.rollups.reading import Snapshot, Top, snapshot
from analytics.rollups.rows import BY_INDEX
from analytics.rollups.spans import DAY as DAY_SPAN
from analytics.rollups.spans import whole
from analytics.sites import Site, create_site
from tests.rollups.test_merge import Event, leave

DAY, NEXT, AFTER = date(2026, 3, 14), date(2026, 3, 15), date(2026, 3, 16)


def page(path: str, **changes: Any) -> Event:
    return Event(page=f"{path}\t\\N\t\\N\t\\N", **changes)


@pytest.fixture
def three_days(engine: Engine, site: Site) -> Site:
    """Merged: ann and bob see /a on the 14th. Waiting: bob sees /a, and cid /b twice, on the 15th; a bot; a click."""
    leave(engine, site, [(page("/a"), 1), (page("/a"), 2)])
    merge_site(engine, site.id)
    late = "2026-03-15T23:59:59.999999Z"
    leave(
        engine, site, [(page("/a", ts=late), 2), (page("/b", ts=late), 3), (page("/b", ts="2026-03-15T00:00:00Z"), 3)]
    )
    leave(engine, site, [(page("/bot", agent="t\tBot\t\\N\t\\N"), 9), (page("/c", kind="click", subject="x1"), 4)])
    return site


def plain(found: dict[Any, Any]) -> dict[Any, Any]:
    return {key: (count.events, set(count.users)) for key, count in found.items()}


def both(engine: Engine, site: Site, ask: Any) -> Any:
    """The answer while the deltas wait, which must be the answer once they are merged."""
    with snapshot(engine, site, 5) as waiting:
        before = ask(waiting)
    merge_site(engine, site.id)
    with snapshot(engine, site, 5) as merged:
        assert ask(merged) == before
    return before


def test_days_and_total_unite_people(engine: Engine, three_days: Site) -> None:
    days = both(engine, three_days, lambda found: plain(found.days(DAY, AFTER, types=["page_view"])))
    assert days == {DAY: (2, {1, 2}), NEXT: (3, {2, 3})}
    with snapshot(engine, three_days, 5) as found:
        total = found.total(DAY, AFTER, types=["page_view"])
        assert (total.events, set(total.users)) == (5, {1, 2, 3})
        assert (found.total(AFTER, AFTER).events, found.zone) == (0, "UTC")


def test_a_series_counts_people_by_day(engine: Engine, three_days: Site) -> None:
    """A day of one row by its head; of two types, of programs too, and of waiting deltas by the rows."""
    ask = partial(Snapshot.series, first=DAY, after=AFTER)
    assert both(engine, three_days, partial(ask, types=["page_view"])) == {DAY: (2, 2), NEXT: (3, 2)}
    leave(engine, three_days, [(page("/a"), 2), (page("/a"), 7)])
    assert both(engine, three_days, ask) == {DAY: (5, 4), NEXT: (3, 2)}
    assert both(engine, three_days, partial(ask, types=["page_view"], bots=True)) == {DAY: (5, 4), NEXT: (3, 2)}
    with snapshot(engine, three_days, 5) as found:
        assert found.series(DAY, AFTER, types=["none"]) == {}


def test_lists_and_the_total_come_together(engine: Engine, three_days: Site) -> None:
    tops = both(engine, three_days, lambda found: found.tops(["total", "path"], DAY, AFTER, 1))
    assert tops == {"total": [Top("", 6, 4)], "path": [Top("/a", 3, 2)]}


def test_what_every_event_has_has_everybody(engine: Engine, three_days: Site) -> None:
    dimensions = ["total", "path", "utm_source"]
    tops = both(engine, three_days, lambda found: found.tops(dimensions, NEXT, AFTER, 9))
    assert tops == {
        "total": [Top("", 3, 2)], "path": [Top("/b", 2, 1), Top("/a", 1, 1)], "utm_source": [Top("", 3, 2)],
    }  # fmt: skip


def test_all_types_are_united_and_bots_are_asked_for(engine: Engine, three_days: Site) -> None:
    assert both(engine, three_days, lambda found: plain(found.days(DAY, NEXT))) == {DAY: (3, {1, 2, 4})}
    with snapshot(engine, three_days, 5) as found:
        assert plain(found.days(DAY, NEXT, bots=True)) == {DAY: (4, {1, 2, 4, 9})}
        assert plain(found.days(DAY, NEXT, types=["none"])) == {}


def test_a_subject_is_counted_by_itself(engine: Engine, three_days: Site) -> None:
    assert both(engine, three_days, lambda found: plain(found.counts("path", DAY, AFTER, subject="x1"))) == {
        (DAY, "/c"): (1, {4})
    }


def test_hours_of_a_day(engine: Engine, three_days: Site) -> None:
    assert both(engine, three_days, lambda found: plain(found.hours(NEXT))) == {0: (1, {3}), 23: (2, {2, 3})}


def test_a_top_list_ranks_by_events_and_counts_people_once(engine: Engine, three_days: Site) -> None:
    top = both(engine, three_days, lambda found: found.top("path", DAY, AFTER, 10))
    assert top == [Top("/a", 3, 2), Top("/b", 2, 1), Top("/c", 1, 1)]
    with snapshot(engine, three_days, 5) as found:
        assert found.top("path", DAY, AFTER, 1) == top[:1]


def test_ties_are_in_the_order_of_the_values(engine: Engine, site: Site) -> None:
    leave(engine, site, [(page(path), 1) for path in ("/b", "/B", "/ä", "/a", "/_")])
    values = both(engine, site, lambda found: [top.value for top in found.top("path", DAY, NEXT, 9)])
    assert values == ["/B", "/_", "/a", "/b", "/ä"]


def test_what_will_be_other_is_other_while_it_waits(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = [(page(f"/{number}"), 1) for number in range(guard.LIMITS.values)]
    leave(engine, site, full)
    merge_site(engine, site.id)
    leave(engine, site, [(page("/0"), 2), (page("/new"), 3), (page("/newer"), 3)])
    top = both(engine, site, lambda found: found.top("path", DAY, NEXT, 3))
    assert top == [Top("(other)", 2, 1), Top("/0", 2, 2), Top("/1", 1, 1)]


def test_a_snapshot_sees_no_merge_and_writes_nothing(engine: Engine, three_days: Site) -> None:
    with snapshot(engine, three_days, 5) as found:
        before = plain(found.days(DAY, AFTER))
        merge_site(engine, three_days.id)
        leave(engine, three_days, [(page("/a"), 50)])
        assert plain(found.days(DAY, AFTER)) == before
        assert found.top("path", DAY, AFTER, 1) == [Top("/a", 3, 2)]
    with snapshot(engine, three_days, 5) as found, pytest.raises(DBAPIError, match="read-only"):
        found.connection.execute(text("DELETE FROM rollups"))


SEEN = st.tuples(
    st.sampled_from(["/a", "/b", "/c"]), st.integers(1, 5), st.integers(0, 47), st.sampled_from(["page_view", "click"]),
    st.booleans(),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(SEEN, min_size=1, max_size=8), max_size=5), st.integers(0, 5))
def test_top_lists_are_the_slow_count(engine: Engine, chunks: list[list[Any]], merged: int) -> None:
    with engine.begin() as connection:
        site = create_site(connection, f"s{id(chunks)}{datetime.now(UTC).timestamp()}")
    events: dict[str, int] = defaultdict(int)
    people: dict[str, set[int]] = defaultdict(set)
    for place, chunk in enumerate(chunks):
        found = []
        for path, user_no, hour, kind, is_bot in chunk:
            ts = (datetime(2026, 3, 14, tzinfo=UTC) + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
            agent = "t\tBot\t\\N\t\\N" if is_bot else "f\tFirefox\tLinux\tdesktop"
            found.append((page(path, ts=ts, kind=kind, agent=agent), user_no))
            if not is_bot:
                events[path] += 1
                people[path].add(user_no)
        leave(engine, site, found)
        if place < merged:
            merge_site(engine, site.id)
    expected = sorted((-events[path], path, len(people[path])) for path in events)[:2]
    with snapshot(engine, site, 5) as snap:
        assert [(-top.events, top.value, top.users) for top in snap.top("path", DAY, AFTER, 2)] == expected


# Plans

FILL = text("""
INSERT INTO rollups
SELECT :site_id, 'day', dimension, date '2026-02-01' + day, type, subject, false, dimension || value, 1, '\\x00'
FROM unnest(ARRAY['total', 'path', 'source']) AS dimension, generate_series(0, 40) AS day,
     unnest(ARRAY['click', 'page_view']) AS type, unnest(ARRAY['', 'a', 'b', 'c']) AS subject,
     generate_series(1, 20) AS value
""")


@pytest.fixture
def explain(engine: Engine, site: Site) -> Any:
    """`explain(query, **given)`: the index conditions of a plan over 20,000 rows that nobody has analysed."""
    with engine.begin() as connection:
        connection.execute(FILL, {"site_id": site.id})
        connection.execute(BY_INDEX)

        def ask(query: str, **given: Any) -> str:
            first, after = date(2026, 2, 10), date(2026, 2, 20)
            asked, spans = reading.Asked(first, after), list(whole(DAY_SPAN, first, after))
            found = Snapshot(connection, site)._given(["path", "source"], asked, spans)
            cursor: Any = connection.connection.cursor()
            with cursor:
                cursor.execute("EXPLAIN (COSTS OFF) " + query, {**found, **given})
                return "\n".join(line for (line,) in cursor)

        yield ask


@pytest.mark.parametrize(
    ("query", "columns"),
    [(reading.COUNTS, "subject"), (reading.HEADS, "subject"), (reading.RANK, "subject"), (reading.USERS, "value")],
    ids=["counts", "heads", "rank", "users"],
)
def test_reports_go_by_the_primary_key(explain: Any, query: str, columns: str) -> None:
    waiting = {"waiting_dimensions": [], "waiting": [], "waiting_events": [], "limit": 5}
    plan = explain(query, **waiting, ranked_dimensions=["path", "path"], ranked=["path1", "path2"], head_bytes=9)
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "using pk_rollups" in plan
    assert all(f"({column} = " in condition for column in ("site_id", "span", "dimension", "day", "type", columns))


def test_the_types_of_a_range_skip_all_between(engine: Engine, site: Site, explain: Any) -> None:
    query = reading.TYPES.text.replace(":site_id", "1").replace(":spans", "'{day}'").replace(":days", "'{2026-02-01}'")
    plan = explain(query)
    conditions = [line for line in plan.replace("found_1", "found").splitlines() if "Index Cond" in line]
    assert plan.count("Index Only Scan using pk_rollups") == len(conditions) == 2
    assert all("(day = " in line for line in conditions)
    assert "(type > found.type)" in conditions[1].replace("rollups_1.", "")


def test_the_types_of_all_spans_are_found(engine: Engine, three_days: Site) -> None:
    merge_site(engine, three_days.id)
    with engine.begin() as connection:
        connection.execute(BY_INDEX)
        spans = list(whole(DAY_SPAN, DAY, AFTER))
        assert sorted(reading.read_types(connection, three_days.id, spans)) == ["click", "page_view"]
        assert reading.read_types(connection, three_days.id, spans[1:]) == ["page_view"]
        assert reading.read_types(connection, three_days.id, []) == []


def test_waiting_deltas_go_by_their_index(connection_plan: Any) -> None:
    assert "ix_rollup_deltas_site_id_id" in connection_plan(reading.WAITING % {"site_id": 1})


@pytest.fixture
def connection_plan(engine: Engine) -> Any:
    def ask(query: str) -> str:
        with engine.begin() as connection:
            connection.execute(BY_INDEX)
            return "\n".join(connection.execute(text("EXPLAIN " + query)).scalars())

    return ask
