"""Merged rollups = rebuilt rollups = a slow count of raw events; days that cannot be rebuilt are refused."""

import uuid
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.errors import BadInput, Conflict
from analytics.rollups import bitmaps
from analytics.rollups.closing.days import close_days
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.merge import merge_all, merge_site, move_all_calendars, reduce_merge_lag
from analytics.rollups.rebuild import rebuild_days
from analytics.sites.sites import Site, update_site
from tasks import rollups as tasks
from tests.examples import examples
from tests.factories import append_events, make_drain, make_site
from tests.rollups.factories import before_statement

# Clocks go forward in Berlin on the 29th.
START = datetime(2026, 3, 27, 20, tzinfo=UTC)
FIRST, END = date(2026, 3, 26), date(2026, 4, 2)
# The statement before each read of raw events.
READ_RAW_EVENTS = "SET LOCAL TIME ZONE 'UTC'"
BOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

Table = dict[tuple[Any, ...], tuple[int, frozenset[int]]]


def drain(engine: Engine, redis: Redis, site: Site, events: list[dict[str, Any]]) -> None:
    append_events(redis, site, events, received_us=int(START.timestamp() * 1e6))
    make_drain(engine, redis).run()


def table(engine: Engine, site: Site) -> Table:
    query = text("SELECT dimension, day, type, subject, is_bot, value, events, users FROM rollups WHERE site_id = :id")
    with engine.connect() as connection:
        rows = connection.execute(query, {"id": site.id}).all()
    return {tuple(row[:6]): (row[6], frozenset(bitmaps.decode(bytes(row[7])))) for row in rows}


def visits(engine: Engine, site: Site) -> list[Any]:
    query = text(
        "SELECT * FROM visit_rollups WHERE site_id = :id AND visits > 0 ORDER BY dimension, day, is_bot, value"
    )
    with engine.connect() as connection:
        return list(connection.execute(query, {"id": site.id}))


def count_slowly(engine: Engine, site: Site, zone: str) -> Table:
    """One event and one dimension at a time, from `SELECT * FROM events`."""
    with engine.connect() as connection:
        events = connection.execute(text("SELECT * FROM events WHERE site_id = :id"), {"id": site.id}).mappings().all()
    counted: dict[tuple[Any, ...], int] = defaultdict(int)
    users: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for event in events:
        day = clock.day_of(event["ts"], clock.zone(zone))
        hours = (event["ts"] - clock.day_start(day, clock.zone(zone))) // timedelta(hours=1)
        values = {
            "total": "",
            "hour": f"{hours:02}",
            "region": "/".join((event["country"] or "", event["region"])) if event["region"] else "",
            "city": "/".join((event["country"] or "", event["region"] or "", event["city"])) if event["city"] else "",
        }
        for name in ("path", "hostname", "referrer", "source", "channel", "country"):
            values[name] = event[name] or ""
        for name in ("browser", "os", "device", "language", "screen"):
            values[name] = event[name] or ""
        for name in ("utm_source", "utm_medium", "utm_campaign"):
            values[name] = (event[name] or "").lower()
        for dimension, value in values.items():
            for subject in {"", event["subject"] or ""}:
                key = dimension, day, event["type"], subject, event["is_bot"], value
                counted[key] += 1
                users[key].add(event["user_no"])
    return {key: (counted[key], frozenset(users[key])) for key in counted}


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["page_view", "page_view", "click", "sign\tup\\"]),
            "minutes": st.integers(0, 4 * 24 * 60),
            "user_id": st.sampled_from(["ann", "bob", "cid", "dan"]),
            "path": st.sampled_from(
                [
                    *("/", "/a?utm_source=mail&utm_medium=e%09x", "/b\\n", "/ü", "https://shop.example/c"),
                    *("/a?utm_source=MAIL&utm_campaign=Ärzte", "/a?utm_source=Google&gclid=1"),
                ]
            ),
            "hostname": st.sampled_from([None, "shop.example", "www.example.org"]),
            "language": st.sampled_from([None, "de", "de-CH"]),
            "screen": st.sampled_from([None, 390, "1920x1080"]),
            "referrer": st.sampled_from([None, "https://www.google.com/", "https://example.org/x"]),
            "user_agent": st.sampled_from([FIREFOX, BOT, ""]),
            "subject": st.sampled_from([None, None, "abc", "d\\e"]),
            "session_id": st.sampled_from([None, "s1"]),
            "country": st.sampled_from([None, "DE", "US"]),
            "city": st.sampled_from([None, "Paris"]),
            # Few ids, so that some come twice, with another ts.
            "event_id": st.none() | st.integers(1, 4),
        }
    ),
    min_size=1,
    max_size=14,
)
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]


def as_sent(event: dict[str, Any]) -> dict[str, Any]:
    at = START + timedelta(minutes=event["minutes"], milliseconds=event["minutes"] % 7)
    given_id = {"event_id": str(uuid.UUID(int=event["event_id"]))} if event["event_id"] else {}
    fields = {name: value for name, value in event.items() if name not in ("minutes", "event_id") and value is not None}
    return {**fields, **given_id, "ts": at.isoformat().replace("+00:00", "Z")}


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    EVENTS, st.sampled_from(ZONES), st.sampled_from(ZONES), st.lists(st.booleans(), min_size=14, max_size=14),
    st.lists(st.booleans(), min_size=14, max_size=14),
)  # fmt: skip
def test_rollups_equal_a_slow_count_in_any_order_split_and_zone(
    engine: Engine,
    redis: Redis,
    events: list[dict[str, Any]],
    zone: str,
    other: str,
    cuts: list[bool],
    merges: list[bool],
) -> None:
    site = make_site(engine, zone)
    chunk: list[dict[str, Any]] = []
    for event, is_cut, is_merged in zip(events, cuts, merges, strict=False):
        chunk.append(as_sent(event))
        if is_cut:
            drain(engine, redis, site, chunk)
            chunk = []
        if is_merged:
            merge_site(engine, site.id)
    if chunk:
        drain(engine, redis, site, chunk)
    merge_site(engine, site.id)
    expected, counted_visits = count_slowly(engine, site, zone), visits(engine, site)
    assert table(engine, site) == expected
    rebuild_days(engine, site, FIRST, END)
    assert table(engine, site) == expected
    assert visits(engine, site) == counted_visits
    with engine.begin() as connection:
        update_site(connection, site.key, zone=other)
    drain(engine, redis, site, [as_sent({**events[0], "event_id": None})])
    merge_all(engine, 10)
    assert table(engine, site) == count_slowly(engine, site, other)


def run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def view(at: datetime, user: str = "ann", path: str = "/") -> dict[str, Any]:
    return {"type": "page_view", "ts": at.isoformat().replace("+00:00", "Z"), "user_id": user, "path": path}


def test_a_rebuild_corrects_its_days_and_changes_no_other(engine: Engine, redis: Redis, sql: Any) -> None:
    site = make_site(engine, "UTC")
    drain(engine, redis, site, [view(START), view(START + timedelta(days=1)), view(START + timedelta(days=2))])
    merge_site(engine, site.id)
    good = table(engine, site)
    run(engine, "UPDATE rollups SET events = events + 7")
    run(engine, "TRUNCATE open_days")
    calls: list[tuple[date, int]] = []
    result = rebuild_days(
        engine, site, date(2026, 3, 28), date(2026, 3, 29), lambda day, events: calls.append((day, events))
    )
    assert (result, calls) == ((1, 1), [(date(2026, 3, 28), 1)])
    assert sql("SELECT day FROM open_days") == [(date(2026, 3, 28),)]
    wrong = {key for key, value in table(engine, site).items() if value != good[key]}
    assert {key[1] for key in wrong} == {date(2026, 3, 27), date(2026, 3, 29)}


def test_a_rebuild_counts_waiting_deltas_once(engine: Engine, redis: Redis, sql: Any) -> None:
    site = make_site(engine, "UTC")
    drain(engine, redis, site, [view(START), view(START + timedelta(days=3), "bob")])
    rebuild_days(engine, site, START.date(), START.date() + timedelta(days=1))
    assert table(engine, site) == count_slowly(engine, site, "UTC")
    assert sql("SELECT count(*) FROM rollup_deltas") == [(0,)]
    assert merge_site(engine, site.id).deltas == 0


def test_a_day_with_possibly_purged_raw_events_is_refused(engine: Engine, redis: Redis, sql: Any) -> None:
    site = make_site(engine, "Europe/Berlin")
    drain(engine, redis, site, [view(START), view(START + timedelta(days=1))])
    merge_site(engine, site.id)
    before = table(engine, site)
    # In Berlin the 28th begins at 23:00 UTC of the 27th, an hour before raw events do.
    run(engine, "UPDATE sites SET raw_since = '2026-03-28 00:00+00'")
    with pytest.raises(Conflict, match="2026-03-29"):
        rebuild_days(engine, site, date(2026, 3, 28), date(2026, 3, 30))
    assert table(engine, site) == before
    assert rebuild_days(engine, site, date(2026, 3, 29), date(2026, 3, 30)).days == 1


def test_an_empty_range_of_days_is_refused(engine: Engine, site: Site) -> None:
    with pytest.raises(BadInput):
        rebuild_days(engine, site, FIRST, FIRST)


@pytest.mark.parametrize(("zone", "other"), [("America/New_York", "Asia/Tokyo"), ("Asia/Tokyo", "America/New_York")])
def test_a_new_zone_keeps_frozen_days_and_loses_no_event(
    engine: Engine, redis: Redis, sql: Any, zone: str, other: str
) -> None:
    """An event an hour for four days; the raw events of the first two are purged, then the zone changes."""
    site = make_site(engine, zone)
    midnight = datetime(2026, 3, 26, tzinfo=UTC)
    drain(engine, redis, site, [view(midnight + timedelta(hours=hour), f"user {hour}") for hour in range(96)])
    merge_site(engine, site.id)
    run(engine, "UPDATE sites SET raw_since = '2026-03-28 00:00+00'")
    run(engine, "DELETE FROM events WHERE ts < '2026-03-28 00:00+00'")
    with engine.begin() as connection:
        update_site(connection, site.key, zone=other)
    # Late events: of a frozen day, and of a day that is not.
    drain(
        engine, redis, site, [view(midnight + timedelta(hours=2), "late"), view(midnight + timedelta(hours=80), "too")]
    )
    merge_all(engine, 10)
    totals = {key[1]: value for key, value in table(engine, site).items() if key[0] == "total"}
    assert sum(events for events, _ in totals.values()) == 98
    assert len(frozenset().union(*(users for _, users in totals.values()))) == 98
    assert sql("SELECT rollups_zone FROM sites") == [(other,)]
    last = max(totals)
    assert totals[last] == count_slowly(engine, site, other)["total", last, "page_view", "", False, ""]


def test_the_commands_rebuild_and_merge(app: Flask, engine: Engine, redis: Redis) -> None:
    site = make_site(engine, "UTC")
    drain(engine, redis, site, [view(START), view(START, "bob")])
    command = app.test_cli_runner()
    assert command.invoke(args=["rollups", "merge"]).stdout.startswith("1 deltas of 2 events merged into ")
    arguments = ["rollups", "rebuild", "--site", site.key, "--from", "2026-03-27", "--to", "2026-03-28"]
    assert command.invoke(args=arguments).stdout.startswith(f"{site.key}: 2 days rebuilt of 2 events in ")
    run(engine, "UPDATE sites SET raw_since = '2026-04-01 00:00+00'")
    refused = command.invoke(args=arguments)
    assert (refused.exit_code, "2026-04-01" in refused.stderr) == (1, True)


def test_the_tasks_may_run_twice(app: Flask, engine: Engine, redis: Redis) -> None:
    site = make_site(engine, "UTC")
    drain(engine, redis, site, [view(START)])
    with app.app_context():
        for _ in range(2):
            tasks.merge()
            assert table(engine, site) == count_slowly(engine, site, "UTC")
            tasks.rebuild(site.key, "2026-03-27", "2026-03-28")
    assert table(engine, site) == count_slowly(engine, site, "UTC")


# Kiritimati's midnight is 25 hours before Midway's.
FAR = [("Pacific/Midway", "Pacific/Kiritimati"), ("Pacific/Kiritimati", "Pacific/Midway"), ("Pacific/Auckland", "UTC")]


def metrics_and_rollups(engine: Engine, site: Site) -> tuple[list[Any], list[Any]]:
    """(day, events, users, visits) of `metrics`, and of the rollups; without empty days."""
    metrics = text("""
SELECT date, sum(metric_value) FILTER (WHERE metric_name = 'events' AND dimensions = '{}'),
    sum(metric_value) FILTER (WHERE metric_name = 'dau'), sum(metric_value) FILTER (WHERE metric_name = 'visits')
FROM metrics WHERE site_id = :id GROUP BY date HAVING sum(metric_value) FILTER (WHERE metric_name = 'events') > 0
    OR sum(metric_value) FILTER (WHERE metric_name = 'visits') > 0
ORDER BY date""")
    query = text("SELECT day, visits FROM visit_rollups WHERE site_id = :id AND dimension = 'total' AND visits > 0")
    with engine.connect() as connection:
        closed = [tuple(row) for row in connection.execute(metrics, {"id": site.id})]
        visits = dict(tuple(row) for row in connection.execute(query, {"id": site.id}))
    totals = {key[1]: value for key, value in table(engine, site).items() if key[0] == "total"}
    days = sorted(totals.keys() | visits.keys())
    none: tuple[int, frozenset[int]] = (0, frozenset())
    rolled = [(day, totals.get(day, none)[0], len(totals.get(day, none)[1]), visits.get(day, 0)) for day in days]
    return closed, rolled


@pytest.mark.parametrize(("zone", "other"), FAR)
def test_moves_between_distant_zones_keep_metrics_visits_and_sums(
    engine: Engine, redis: Redis, sql: Any, zone: str, other: str
) -> None:
    """A user an hour for six days, whose first two lose their raw events; to the other zone and back."""
    site = make_site(engine, zone)
    midnight = datetime(2026, 3, 26, tzinfo=UTC)
    drain(engine, redis, site, [view(midnight + timedelta(hours=n), f"user {n}") for n in range(144)])
    merge_site(engine, site.id)
    close_days(engine, datetime(2026, 4, 3, tzinfo=UTC), IMMEDIATE)
    run(engine, "UPDATE sites SET raw_since = '2026-03-28 00:00+00'")
    run(engine, "DELETE FROM events WHERE ts < '2026-03-28 00:00+00'")
    for expected, target in ((145, other), (146, zone)):
        later = datetime(2026, 4, 3, expected - 140, tzinfo=UTC)
        with engine.begin() as connection:
            update_site(connection, site.key, zone=target)
        # A delta in the new zone, before the calendar moves.
        drain(engine, redis, site, [view(midnight + timedelta(hours=100, minutes=40), f"user to {target}")])
        merge_all(engine, 10)
        close_days(engine, later, IMMEDIATE)
        closed, rolled = metrics_and_rollups(engine, site)
        assert closed == rolled
        assert [sum(row[n] for row in rolled) for n in (1, 2, 3)] == [expected] * 3
        assert sql("SELECT count(*) FROM visits") == [(expected,)]
        assert table(engine, site).items() >= whole_days(engine, site, target).items()


def whole_days(engine: Engine, site: Site, zone: str) -> Table:
    """The slow count of days without frozen events: from the 31st on in any zone."""
    return {key: value for key, value in count_slowly(engine, site, zone).items() if key[1] >= date(2026, 3, 31)}


def test_a_day_that_is_partly_frozen_is_not_rebuilt(engine: Engine, redis: Redis) -> None:
    """In Kiritimati the 28th begins at 10:00 UTC of the 27th, which is 23:00 of the 26th in Midway. So the 28th, which
    begins at 11:00 UTC, is Midway's first day without frozen events; of the 27th raw events hold only a part."""
    site = make_site(engine, "Pacific/Kiritimati")
    midnight = datetime(2026, 3, 26, tzinfo=UTC)
    drain(engine, redis, site, [view(midnight + timedelta(hours=n)) for n in range(96)])
    merge_site(engine, site.id)
    run(engine, "UPDATE sites SET raw_since = '2026-03-27 00:00+00'")
    run(engine, "DELETE FROM events WHERE ts < '2026-03-27 00:00+00'")
    with engine.begin() as connection:
        update_site(connection, site.key, zone="Pacific/Midway")
    merge_all(engine, 10)
    before = table(engine, site)
    with pytest.raises(Conflict, match="2026-03-28"):
        rebuild_days(engine, site, date(2026, 3, 27), date(2026, 3, 29))
    assert rebuild_days(engine, site, date(2026, 3, 28), date(2026, 3, 29)) == (1, 24)
    assert table(engine, site) == before


def test_drains_store_events_while_a_site_moves(engine: Engine, redis: Redis, sql: Any) -> None:
    """A recount may take minutes; later events are stored meanwhile, and merged into the new calendar after it."""
    site = make_site(engine, "UTC")
    drain(engine, redis, site, [view(START, "ann")])
    merge_all(engine, 10)
    with engine.begin() as connection:
        update_site(connection, site.key, zone="Asia/Tokyo")

    def drain_meanwhile(_: Any) -> None:
        later = [view(START + timedelta(minutes=1), "bob"), view(START + timedelta(minutes=2), "cid")]
        drain(engine, redis, site, later)
        # Drains do not wait for merges of this site, which must move first.
        age = "UPDATE rollup_deltas SET created_at = now() - interval '1 minute' RETURNING 1"
        assert len(sql(age)) == 1
        assert reduce_merge_lag(engine, max_lag_s=1, wait_lag_s=1, time_budget_s=600) == 0

    with before_statement(engine, READ_RAW_EVENTS, drain_meanwhile):
        assert move_all_calendars(engine) == 1
    assert move_all_calendars(engine) == 0
    merge_all(engine, 10)
    assert table(engine, site) == count_slowly(engine, site, "Asia/Tokyo")
    assert sql("SELECT count(*), count(DISTINCT user_no) FROM events") == [(3, 3)]


def test_drains_do_not_wait_for_a_rebuild(engine: Engine, redis: Redis, sql: Any) -> None:
    site, other = make_site(engine, "UTC"), make_site(engine, "UTC")
    drain(engine, redis, site, [view(START, "ann")])
    # The last delta: the rebuild has claimed the earlier ones.
    age = (
        "UPDATE rollup_deltas SET created_at = now() - interval '1 minute' WHERE id = (SELECT max(id) FROM"
        " rollup_deltas) RETURNING 1"
    )

    def drain_meanwhile(_: Any) -> None:
        drain(engine, redis, site, [view(START + timedelta(minutes=1), "bob")])
        sql(age)
        assert reduce_merge_lag(engine, max_lag_s=1, wait_lag_s=1, time_budget_s=600) == 0
        drain(engine, redis, other, [view(START, "ann")])
        sql(age)
        assert reduce_merge_lag(engine, max_lag_s=1, wait_lag_s=1, time_budget_s=600) > 0

    with before_statement(engine, READ_RAW_EVENTS, drain_meanwhile):
        rebuild_days(engine, site, FIRST, END)
    merge_all(engine, 10)
    for rebuilt_site in (site, other):
        assert table(engine, rebuilt_site) == count_slowly(engine, rebuilt_site, "UTC")
        # Also when a rebuild preceded the first merge.
        assert sql("SELECT rollups_zone FROM sites WHERE id = :id", id=rebuilt_site.id) == [("UTC",)]


def test_a_site_that_cannot_move_delays_no_other(engine: Engine, redis: Redis, sql: Any) -> None:
    sites = [make_site(engine, "UTC") for _ in range(2)]
    for site in sites:
        drain(engine, redis, site, [view(START, "ann")])
    merge_all(engine, 10)
    drain(engine, redis, sites[0], [view(START + timedelta(minutes=1), "bob")])
    sql("UPDATE rollup_deltas SET body = 'nonsense' RETURNING 1")
    for site in sites:
        with engine.begin() as connection:
            update_site(connection, site.key, zone="Asia/Tokyo")
    assert move_all_calendars(engine) == 1
    assert table(engine, sites[1]) == count_slowly(engine, sites[1], "Asia/Tokyo")
    assert merge_all(engine, 10, move_calendars=False).deltas == 0


@pytest.mark.parametrize("day", ["9999-12-31", "1969-12-31"])
def test_a_year_out_of_range_is_refused(app: Flask, day: str) -> None:
    for arguments in (["rollups", "rebuild", "--from", day, "--to", day], ["audit", "--to", day]):
        result = app.test_cli_runner().invoke(args=arguments)
        assert (result.exit_code, "the year must be from 1970 to 2999" in result.stderr) == (2, True)
