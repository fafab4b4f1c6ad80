"""Visits compared with a slow oracle, which sorts all page views of a user and splits at gaps; on a real PostgreSQL."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.rollups.cardinality import OTHER
from analytics.rollups.visits import recount, rollups, store
from analytics.rollups.visits.recount import recount_visits
from analytics.rollups.visits.rollups import read_visit_sums, recount_visit_rollups
from analytics.rollups.visits.sessionization import GAP_US, VisitPart, join_parts, make_receipt
from analytics.rollups.visits.store import ADJACENT_VISITS, LONG_US, apply_visit_parts
from analytics.rollups.visits.sums import LIST_DIMENSIONS, VISIT_DIMENSIONS, VisitSums
from analytics.rollups.visits.visitors import Visitors
from analytics.store import partitions
from analytics.store.planner import index_lookups_only
from tests.examples import examples

SITE = 7
MINUTE = 60_000_000
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SLOW = limits(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class View(NamedTuple):
    """A page view, as the oracle knows it."""

    at: datetime
    user_no: int = 1
    session_id: str = ""
    is_bot: bool = False
    path: str = "/"
    country: str = ""
    # When its batch was received, in microseconds after NOON, and its index in it; -1: not known.
    received: int = 0
    position: int = -1

    @property
    def receipt(self) -> tuple[int, int]:
        return (us(NOON) + self.received, self.position) if self.position >= 0 else (0, 0)

    @property
    def entry(self) -> tuple[str, ...]:
        return (self.path, "", "", self.country, "Firefox", "Linux", "desktop", "", "", "", "", "", "", "", "")


def us(at: datetime) -> int:
    return round(at.timestamp()) * 1_000_000 + at.microsecond


def visit_part(view: View) -> VisitPart:
    at = us(view.at)
    receipt = make_receipt(*view.receipt)
    return VisitPart(view.user_no, view.session_id, view.is_bot, at, at, 1, receipt, receipt, view.entry, view.path)


def slow_visits(views: Iterable[View]) -> list[list[View]]:
    """Each visit's views, in order of time and receipt."""
    visits: list[list[View]] = []
    by_time = sorted(views, key=lambda view: (*view[1:4], view.at, view.receipt, view.entry))
    for view in by_time:
        last = visits[-1][-1] if visits else None
        same = last is not None and last[1:4] == view[1:4]
        if same and view.at - last.at <= timedelta(minutes=30):
            visits[-1].append(view)
        else:
            visits.append([view])
    return visits


def slow_visit_part(visit: list[View]) -> VisitPart:
    first, last = visit[0], visit[-1]
    end_path = max(view.path for view in visit if (view.at, view.receipt) == (last.at, last.receipt))
    receipts = make_receipt(*first.receipt), make_receipt(*last.receipt)
    return VisitPart(*first[1:4], us(first.at), us(last.at), len(visit), *receipts, first.entry, end_path)


def slow_sums(views: Iterable[View], zone: str) -> dict[tuple[str, date, bool, str], VisitSums]:
    sums: dict[tuple[str, date, bool, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for visit in map(slow_visit_part, slow_visits(views)):
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=visit.start_us)
        day = clock.day_of(at, clock.zone(zone))
        hour = f"{int((at - clock.day_start(day, clock.zone(zone))).total_seconds() // 3600):02}"
        for dimension, value in zip(VISIT_DIMENSIONS, ("", hour, *visit.entry, visit.exit_path), strict=True):
            amounts = (1, int(visit.views == 1), visit.views, visit.end_us - visit.start_us)
            key = (dimension, day, visit.is_bot, value)
            sums[key] = [a + b for a, b in zip(sums[key], amounts, strict=True)]
    return {key: VisitSums(*value) for key, value in sums.items()}


STORED = text("""
SELECT user_no, session_id, is_bot, started_at, ended_at, views, entry_received_at, entry_position, exit_received_at,
    exit_position, entry_path, source, referrer, country, browser, os,
    device, utm_source, utm_medium, utm_campaign, utm_term, utm_content, region, city, channel, exit_path
FROM visits
WHERE site_id = :site_id
""")
ROLLED_UP = text("""
SELECT dimension, day, is_bot, value, visits, bounces, views, duration_us
FROM visit_rollups
WHERE site_id = :site_id AND visits <> 0
""")


USERS = text("SELECT dimension, day, is_bot, value, users, repeats FROM visit_rollups WHERE site_id = :site_id")
People = dict[tuple[str, date, bool, str], dict[int, int]]


def slow_people(views: Iterable[View], zone: str) -> People:
    """How many visits each user has, by (dimension, day, is_bot, value)."""
    people: People = defaultdict(lambda: defaultdict(int))
    for visit in map(slow_visit_part, slow_visits(views)):
        day = clock.day_of(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=visit.start_us), clock.zone(zone))
        for dimension, value in zip(LIST_DIMENSIONS, (*visit.entry, visit.exit_path), strict=True):
            people[dimension, day, visit.is_bot, value][visit.user_no] += 1
    return {key: dict(counts) for key, counts in people.items()}


def stored_people(connection: Connection) -> People:
    rows = connection.execute(USERS, {"site_id": SITE}).all()
    assert all((row.users is None) == (row.dimension in ("total", "hour")) for row in rows)
    counted = {tuple(row[:4]): Visitors.decode(row[4], row[5]).counts() for row in rows if row.users is not None}
    return {key: counts for key, counts in counted.items() if counts}  # type: ignore[misc]


def stored_visits(connection: Connection) -> list[VisitPart]:
    rows = connection.execute(STORED, {"site_id": SITE})
    return sorted(map(read_visit, rows))


def read_visit(r: Sequence[Any]) -> VisitPart:
    receipts = make_receipt(us(r[6]), r[7]), make_receipt(us(r[8]), r[9])
    return VisitPart(*r[:3], us(r[3]), us(r[4]), r[5], *receipts, tuple(r[10:-1]), r[-1])


def rolled_up(connection: Connection) -> dict[tuple[str, date, bool, str], VisitSums]:
    rows = connection.execute(ROLLED_UP, {"site_id": SITE})
    return {tuple(row[:4]): VisitSums(*row[4:]) for row in rows}  # type: ignore[misc]


def apply(connection: Connection, views: Iterable[View], zone: str = "UTC") -> set[date]:
    return apply_visit_parts(connection, SITE, zone, [visit_part(view) for view in views])


INSERT = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, session_id, path, country,
    browser, os, device, position)
VALUES (gen_random_uuid(), :at, :received_at, :user_no, :site_id, :is_bot, :type, 'u', NULLIF(:session_id, ''),
    NULLIF(:path, ''), NULLIF(:country, ''), 'Firefox', 'Linux', 'desktop', :position)
""")


def store_raw(connection: Connection, views: Iterable[View], type: str = "page_view") -> None:
    rows = [
        {**view._asdict(), "received_at": NOON + timedelta(microseconds=view.received), "site_id": SITE, "type": type}
        for view in views
    ]
    if rows:
        connection.execute(INSERT, rows)


@pytest.fixture
def raw_days(engine: Engine) -> None:
    """Partitions for the days of these tests."""
    days = [NOON.date() + timedelta(days=n) for n in range(-3, 25)]
    partitions.ensure(engine, "events", days, NOON.date())


class RolledBack:
    """A transaction that is rolled back, so that one test may try many examples."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()

    def __enter__(self) -> Connection:
        self._connection.begin()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.rollback()
        self._connection.close()


# Around midnight of a few days, in steps that make gaps of exactly 30 minutes likely, and one microsecond more.
instants = st.builds(
    lambda day, minutes, more: NOON + timedelta(days=day, minutes=minutes, microseconds=more),
    st.integers(0, 2),
    st.integers(100, 160).map(lambda n: n * 6),
    st.sampled_from([0, 0, 0, 1]),
)
views_of_few = st.builds(
    View,
    instants,
    st.integers(1, 2),
    st.sampled_from(["", "s", 'od"d\\,{}']),
    st.sampled_from([False, False, True]),
    st.sampled_from(["/", "/a", "/b", ""]),
    st.sampled_from(["", "DE"]),
    st.integers(0, 2),
    st.integers(-1, 2),
)
many_views = st.lists(views_of_few, max_size=40)


@st.composite
def chunked(draw: st.DrawFn) -> list[list[View]]:
    """Views in any order, cut anywhere."""
    views = draw(many_views)
    cuts = sorted(draw(st.lists(st.integers(0, len(views)), max_size=6)))
    return [views[start:end] for start, end in zip([0, *cuts], [*cuts, len(views)], strict=True)]


@given(chunked(), st.randoms(use_true_random=False))
@limits(max_examples=200, deadline=None)
def test_parts_join_to_the_same_visits_in_any_grouping_and_order(chunks, random) -> None:
    parts = [part for chunk in chunks for part in join_parts(visit_part(view) for view in chunk)]
    random.shuffle(parts)
    expected = sorted(slow_visit_part(visit) for visit in slow_visits(view for chunk in chunks for view in chunk))
    assert sorted(join_parts(parts)) == expected
    assert sorted(join_parts(join_parts(parts[:5]) + parts[5:])) == expected


def test_a_gap_of_thirty_minutes_joins_and_a_microsecond_more_separates() -> None:
    first, second = visit_part(View(NOON)), visit_part(View(NOON + timedelta(minutes=30)))
    later = second._replace(start_us=second.start_us + 1, end_us=second.end_us + 1)
    assert [visit.views for visit in join_parts([second, first])] == [2]
    assert [visit.views for visit in join_parts([later, first])] == [1, 1]


@given(chunked(), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]))
@SLOW
def test_visits_are_a_function_of_the_set_of_page_views(engine: Engine, chunks, zone) -> None:
    views = [view for chunk in chunks for view in chunk]
    with RolledBack(engine) as connection:
        changed = set().union(*(apply(connection, chunk, zone) for chunk in chunks))
        assert stored_visits(connection) == sorted(slow_visit_part(visit) for visit in slow_visits(views))
        assert rolled_up(connection) == slow_sums(views, zone)
        assert stored_people(connection) == slow_people(views, zone)
        assert {key[1] for key in rolled_up(connection)} <= changed


@given(chunked(), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]), st.integers(-1, 4), st.integers(0, 4))
@SLOW
def test_a_recount_of_any_days_changes_nothing(engine: Engine, raw_days, chunks, zone, first, length) -> None:
    first_day = NOON.date() + timedelta(days=first)
    with RolledBack(engine) as connection:
        for chunk in chunks:
            apply(connection, chunk, zone)
            store_raw(connection, chunk)
        visits, sums, people = stored_visits(connection), rolled_up(connection), stored_people(connection)
        recount_visits(connection, SITE, zone, first_day, first_day + timedelta(days=length))
        assert stored_visits(connection) == visits
        assert rolled_up(connection) == sums
        assert stored_people(connection) == people


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "late"])
@pytest.mark.parametrize("receipts", [((0, 0), (0, 1)), ((0, 7), (1, 0))], ids=["one batch", "two batches"])
def test_views_of_one_instant_are_in_the_order_of_receipt(engine: Engine, raw_days, receipts, order) -> None:
    views = [View(NOON, 1, "", False, path, "", *at) for path, at in zip(("/z", "/a"), receipts, strict=True)]
    with engine.begin() as connection:
        for number in order:
            apply(connection, [views[number]])
        store_raw(connection, views)
        [visit] = stored_visits(connection)
        assert (visit.entry[0], visit.exit_path) == ("/z", "/a")
        recount_visits(connection, SITE, "UTC", NOON.date(), NOON.date() + timedelta(days=1))
        assert stored_visits(connection) == [visit]


def test_an_equal_view_that_was_received_earlier_moves_the_receipt_of_the_entry(engine: Engine) -> None:
    """Otherwise the third view would come before the first."""
    with engine.begin() as connection:
        for path, received in (("/a", 9), ("/a", 1), ("/z", 5)):
            apply(connection, [View(NOON, path=path, received=received, position=0)])
        [visit] = stored_visits(connection)
    assert (visit.entry[0], visit.exit_path, visit.views) == ("/a", "/a", 3)
    assert (visit.entry_receipt, visit.exit_receipt) == (make_receipt(us(NOON) + 1, 0), make_receipt(us(NOON) + 9, 0))


@given(many_views, st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]))
@SLOW
def test_a_recount_creates_missing_visits(engine: Engine, raw_days, views, zone) -> None:
    with RolledBack(engine) as connection:
        store_raw(connection, views)
        store_raw(connection, views, type="click")
        recount_visits(connection, SITE, zone, NOON.date() - timedelta(days=1), NOON.date() + timedelta(days=6))
        assert stored_visits(connection) == sorted(slow_visit_part(visit) for visit in slow_visits(views))
        assert rolled_up(connection) == slow_sums(views, zone)
        assert stored_people(connection) == slow_people(views, zone)


def test_a_late_view_joins_two_visits(engine: Engine) -> None:
    at = [NOON, NOON + timedelta(minutes=50), NOON + timedelta(minutes=25)]
    with engine.begin() as connection:
        apply(connection, [View(at[0], path="/in"), View(at[1], path="/out")])
        before = read_visit_sums(connection, SITE, "total", NOON.date(), NOON.date() + timedelta(days=1))
        apply(connection, [View(at[2], path="/between")])
        after = read_visit_sums(connection, SITE, "total", NOON.date(), NOON.date() + timedelta(days=1))
        pages = rolled_up(connection)
    assert before == {(NOON.date(), ""): VisitSums(2, 2, 2, 0)}
    assert after == {(NOON.date(), ""): VisitSums(1, 0, 3, 50 * MINUTE)}
    assert {key[3] for key in pages if key[0] == "entry_path"} == {"/in"}
    assert {key[3] for key in pages if key[0] == "exit_path"} == {"/out"}


def test_a_late_view_moves_a_visit_to_the_day_before(engine: Engine) -> None:
    midnight = datetime(2026, 3, 11, tzinfo=UTC)
    with engine.begin() as connection:
        apply(connection, [View(midnight + timedelta(minutes=5))])
        changed = apply(connection, [View(midnight - timedelta(minutes=5))])
        sums = read_visit_sums(connection, SITE, "total", date(2026, 3, 10), date(2026, 3, 12))
    assert changed == {date(2026, 3, 10), date(2026, 3, 11)}
    assert sums == {(date(2026, 3, 10), ""): VisitSums(1, 0, 2, 10 * MINUTE)}


def test_a_visit_of_several_days_is_one_and_recounted_whole(engine: Engine, raw_days) -> None:
    views = [View(NOON + timedelta(minutes=30 * n), path=f"/{n}") for n in range(48 * 4)]
    with engine.begin() as connection:
        for view in reversed(views):
            apply(connection, [view])
        store_raw(connection, views)
        expected = stored_visits(connection)
        assert [visit.views for visit in expected] == [len(views)]
        for n in range(-1, 6):
            day = NOON.date() + timedelta(days=n)
            recount_visits(connection, SITE, "UTC", day, day + timedelta(days=1))
            assert stored_visits(connection) == expected


def test_a_view_extends_a_visit_that_began_many_hours_ago(engine: Engine) -> None:
    views = [View(NOON + timedelta(minutes=30 * n)) for n in range(20)]
    with engine.begin() as connection:
        apply(connection, views[:15])
        for view in views[15:]:
            apply(connection, [view])
        assert stored_visits(connection) == [slow_visit_part(views)]


def test_a_recount_adds_no_visit_that_began_earlier(engine: Engine, raw_days) -> None:
    midnight = datetime(2026, 3, 11, tzinfo=UTC)
    with engine.begin() as connection:
        store_raw(connection, [View(midnight + timedelta(minutes=n)) for n in (-20, 10, 35, 90)])
        recount_visits(connection, SITE, "UTC", date(2026, 3, 11), date(2026, 3, 12))
        assert stored_visits(connection) == [visit_part(View(midnight + timedelta(minutes=90)))]


def test_a_visit_whose_first_raw_events_are_purged_keeps_its_views(engine: Engine, raw_days) -> None:
    midnight = datetime(2026, 3, 11, tzinfo=UTC)
    views = [View(midnight + timedelta(minutes=n)) for n in (-10, 10, 35)]
    with engine.begin() as connection:
        apply(connection, views)
        expected = stored_visits(connection)
        store_raw(connection, views[1:])
        recount_visits(connection, SITE, "UTC", date(2026, 3, 11), date(2026, 3, 12))
        assert stored_visits(connection) == expected


# Zone, instant of a visit near a change of clocks, its local day and hour.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29), "22"),
    ("Europe/Berlin", datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25), "24"),
    ("Asia/Kathmandu", datetime(2026, 3, 28, 18, 14, tzinfo=UTC), date(2026, 3, 28), "23"),
    ("Asia/Kathmandu", datetime(2026, 3, 28, 18, 15, tzinfo=UTC), date(2026, 3, 29), "00"),
    ("Pacific/Chatham", datetime(2026, 4, 5, 11, 14, tzinfo=UTC), date(2026, 4, 5), "24"),
]


@pytest.mark.parametrize(("zone", "at", "day", "hour"), CHANGES)
def test_a_visit_belongs_to_the_local_day_and_hour_it_began(engine: Engine, zone, at, day, hour) -> None:
    with engine.begin() as connection:
        apply(connection, [View(at), View(at + timedelta(minutes=5))], zone)
        expected = {(day, hour): VisitSums(1, 0, 2, 5 * MINUTE)}
        assert read_visit_sums(connection, SITE, "hour", day, day + timedelta(days=1)) == expected
        recount_visit_rollups(connection, SITE, zone, day, day + timedelta(days=1))
        assert read_visit_sums(connection, SITE, "hour", day, day + timedelta(days=1)) == expected


def test_another_zone_moves_the_sums_and_not_the_visits(engine: Engine) -> None:
    views = [View(NOON + timedelta(hours=3 * n)) for n in range(16)]
    with engine.begin() as connection:
        apply(connection, views, "UTC")
        visits = stored_visits(connection)
        recount_visit_rollups(connection, SITE, "Asia/Kathmandu", date(2026, 3, 9), date(2026, 3, 14))
        assert rolled_up(connection) == slow_sums(views, "Asia/Kathmandu")
        assert stored_visits(connection) == visits


def test_bots_are_counted_separately_even_in_one_session(engine: Engine) -> None:
    with engine.begin() as connection:
        apply(connection, [View(NOON), View(NOON, is_bot=True), View(NOON, user_no=2, is_bot=True)])
        day, end = NOON.date(), NOON.date() + timedelta(days=1)
        assert read_visit_sums(connection, SITE, "total", day, end)[day, ""].visits == 1
        assert read_visit_sums(connection, SITE, "total", day, end, bots=True)[day, ""].visits == 3


def test_sums_are_added() -> None:
    assert VisitSums.total([VisitSums(1, 1, 1, 0), VisitSums(4, 1, 10, 7)]) == VisitSums(5, 2, 11, 7)
    assert VisitSums.total([]) == VisitSums(0, 0, 0, 0)


def test_rates_of_no_visits_are_none() -> None:
    none, some = VisitSums(), VisitSums(4, 1, 10, 6_000_000)
    assert (none.bounce_rate, none.avg_duration_s, none.views_per_visit) == (None, None, None)
    assert (some.bounce_rate, some.avg_duration_s, some.views_per_visit) == (0.25, 1.5, 2.5)


def test_an_unknown_dimension_is_refused(engine: Engine) -> None:
    with engine.begin() as connection, pytest.raises(ValueError, match="src"):
        read_visit_sums(connection, SITE, "src", NOON.date(), NOON.date())


# Does not fit into a page of the index, even compressed.
LONG_PATH = "/" + "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(1_500))
paths = st.sampled_from(["", *(f"/{n}" for n in range(12)), OTHER, LONG_PATH])
hostile_views = st.builds(lambda at, user_no, path: View(at, user_no, path=path), instants, st.integers(1, 4), paths)
hostile = st.lists(st.lists(hostile_views, max_size=12), min_size=1, max_size=6)


@given(hostile)
@SLOW
def test_listed_values_are_exact_and_other_is_exactly_the_rest(engine: Engine, chunks) -> None:
    with RolledBack(engine) as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollups, "MAX_VALUES", 3)
        patch.setattr(store, "VISITS_AT_A_TIME", 5)
        for n, chunk in enumerate(chunks, 1):
            apply(connection, chunk)
            check_limited(connection, [view for views in chunks[:n] for view in views])
        recount_visit_rollups(connection, SITE, "UTC", NOON.date(), NOON.date() + timedelta(days=9))
        check_limited(connection, [view for views in chunks for view in views])


def check_limited(connection: Connection, views: list[View]) -> None:
    """Each row but (other) is exact; (other) is the sum of the values without a row; at most three have one, or all hours."""
    exact, exact_people, people = slow_sums(views, "UTC"), slow_people(views, "UTC"), stored_people(connection)
    stored, rest, listed = rolled_up(connection), defaultdict(lambda: VisitSums(0, 0, 0, 0)), defaultdict(set)
    people_of_rest: People = defaultdict(Counter)
    for key, sums in exact.items():
        if key in stored and key[3] != OTHER:
            assert stored[key] == sums
            assert people.get(key) == exact_people.get(key)
            listed[key[:3]].add(key[3])
        else:
            if key in exact_people:
                people_of_rest[key[:3]].update(exact_people[key])
            rest[key[:3]] = VisitSums(*(a + b for a, b in zip(rest[key[:3]], sums, strict=True)))
    assert rest == {key[:3]: sums for key, sums in stored.items() if key[3] == OTHER}
    assert people_of_rest == {key[:3]: counts for key, counts in people.items() if key[3] == OTHER}
    assert all(len(values - {""}) <= 3 for (dimension, *_), values in listed.items() if dimension != "hour")
    assert set(stored) <= set(exact) | {(*group, OTHER) for group in rest}


def test_a_value_that_fell_to_zero_in_a_full_group_keeps_its_row(engine: Engine, monkeypatch) -> None:
    monkeypatch.setattr(rollups, "MAX_VALUES", 2)
    with engine.begin() as connection:
        apply(connection, [View(NOON, path="/a"), View(NOON, user_no=2, path="/b"), View(NOON, user_no=3, path="/c")])
        # /a is no exit path any more. Without its row the next view of /c would be listed, and the first stay in (other).
        apply(connection, [View(NOON + timedelta(minutes=1), path="/b")])
        apply(connection, [View(NOON, user_no=4, path="/c")])
        before = read_visit_sums(connection, SITE, "exit_path", NOON.date(), NOON.date() + timedelta(days=1))
        assert {value: sums.visits for (_, value), sums in before.items()} == {"/b": 2, OTHER: 2}
        apply(connection, [View(NOON + timedelta(minutes=2), user_no=3, path="/b")])
        exits = read_visit_sums(connection, SITE, "exit_path", NOON.date(), NOON.date() + timedelta(days=1))
    assert {value: sums.visits for (_, value), sums in exits.items()} == {"/b": 3, OTHER: 1}


def test_rows_that_fell_to_zero_are_deleted_while_there_is_room(engine: Engine, sql) -> None:
    with engine.begin() as connection:
        apply(connection, [View(NOON, path="/a")])
        apply(connection, [View(NOON + timedelta(minutes=1), path="/b")])
    assert sql("SELECT value FROM visit_rollups WHERE dimension = 'exit_path'") == [("/b",)]


def test_memory_of_a_recount_is_bounded_by_its_batches(engine: Engine, raw_days, monkeypatch) -> None:
    monkeypatch.setattr(recount, "ROWS_AT_A_TIME", 3)
    views = [View(NOON + timedelta(minutes=n), user_no=n % 10) for n in range(100)]
    with engine.begin() as connection:
        store_raw(connection, views)
        recount_visits(connection, SITE, "UTC", NOON.date(), NOON.date() + timedelta(days=1))
        assert stored_visits(connection) == sorted(slow_visit_part(visit) for visit in slow_visits(views))


def test_earlier_visits_of_a_user_are_not_read(engine: Engine) -> None:
    """Of 400 stored visits the look-up reads only those of the hours before, by the index, whatever the statistics."""
    parameters = {"site_id": SITE, "user_nos": "{1}", "session_ids": '{""}', "bots": "{f}"}
    parameters |= {"lows": f"{{{us(NOON) - GAP_US}}}", "highs": f"{{{us(NOON) + GAP_US}}}"}
    parameters["pasts"] = f"{{{us(NOON) - GAP_US - LONG_US}}}"
    with engine.begin() as connection:
        apply(connection, [View(NOON - timedelta(hours=n)) for n in range(400)])
        with index_lookups_only(connection):
            plan = connection.execute(text(f"EXPLAIN (ANALYZE) {ADJACENT_VISITS.text}"), parameters).scalars().all()
    scan = next(n for n, line in enumerate(plan) if "Index Scan using pk_visits" in line)
    removed = [int(line.split(":")[1]) for line in plan[scan:] if "Rows Removed" in line]
    assert sum(removed) <= 6


VISIT_LOOKUPS = {
    "grow": store.GROW,
    "remove": store.REMOVE,
    "adjacent": store.ADJACENT_VISITS,
    "adjacent long": store.ADJACENT_LONG_VISITS,
}


@pytest.mark.parametrize("statement", VISIT_LOOKUPS.values(), ids=VISIT_LOOKUPS)
def test_visits_are_found_by_their_key(engine: Engine, statement) -> None:
    """By ix_visits_site_id_started_at each would read all visits that began at that time."""
    keys = {"user_nos": "{1,2}", "session_ids": '{"",""}', "bots": "{f,f}", "starts": "{1,1}"}
    reach = {"pasts": "{1,1}", "lows": "{1,1}", "highs": "{2,2}"}
    grown = {"ends": "{2,2}", "views": "{2,2}", "exit_paths": '{"/","/"}', "long_us": 1} | reach
    grown |= {"exit_received": "{2,2}", "exit_positions": "{0,0}"}
    with engine.begin() as connection, index_lookups_only(connection):
        plan = connection.execute(text(f"EXPLAIN {statement.text}"), {"site_id": SITE, **keys, **grown}).scalars().all()
    assert "pk_visits" in "".join(plan) or "ix_visits_long" in "".join(plan), plan
    assert "ix_visits_site_id_started_at" not in "".join(plan), plan


def test_no_look_up_can_use_the_index_by_time_alone() -> None:
    """Whatever the statistics of a young table: without the key's index, none falls back to the index by time."""
    for statement in VISIT_LOOKUPS.values():
        assert not re.search(r"AND v\.started_at", statement.text), statement.text
