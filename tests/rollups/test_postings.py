"""Postings: what they hold is what a slow look at raw events finds, and nothing that changes a day leaves them."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from struct import iter_unpack
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.ingest.deletion.deletes import delete_site_events
from analytics.privacy import retention
from analytics.rollups import postings, rows
from analytics.rollups.calendar import read_calendar
from analytics.rollups.cardinality import OTHER
from analytics.rollups.closing.days import close_days
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.deltas.counts import sum_bodies
from analytics.rollups.merge import merge_all, merge_site
from analytics.rollups.rebuild import rebuild_days
from analytics.sites.sites import Site, update_site
from analytics.store.planner import force_index_lookups
from config import Settings
from tasks import rollups as tasks
from tests.examples import examples
from tests.factories import make_site
from tests.rollups.test_rebuild import BOT, EVENTS, as_sent, drain, view
from tests.rollups.test_rebuild import ZONES as SOME_ZONES

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
DAY, NEXT = date(2026, 3, 28), date(2026, 3, 29)
LATER = datetime(2026, 4, 10, tzinfo=UTC)
AT_REST = timedelta()


def make(engine: Engine, now: datetime = LATER, rest: timedelta = AT_REST) -> int:
    return postings.make_postings(engine, now, 60, rest)


def posted(engine: Engine, site: Site) -> set[date]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT day FROM posted_days WHERE site_id = :id"), {"id": site.id})
        return set(found.scalars())


def trusted(engine: Engine, site: Site) -> set[date]:
    with engine.connect() as connection:
        calendar = read_calendar(connection, site.id)
        assert calendar is not None
        return {day.day for day in postings.trusted_days(connection, site.id, calendar)}


def unpacked(engine: Engine, site: Site) -> dict[Any, list[tuple[int, datetime, int]]]:
    """(day, type, path, whether a program's) → (user_no, ts, session) as they lie there."""
    query = text("""
        SELECT day, start_at, type, path, is_bot, body, sessions
        FROM postings JOIN posted_days USING (site_id, day)
        WHERE site_id = :id
    """)
    found = {}
    with engine.connect() as connection:
        for day, start, kind, path, is_bot, body, sessions in connection.execute(query, {"id": site.id}):
            events = zip(iter_unpack(">q", bytes(body)), iter_unpack(">q", bytes(sessions)), strict=True)
            found[day, kind, path, is_bot] = [
                (point // 2**37, start + timedelta(microseconds=point % 2**37), session)
                for (point,), (session,) in events
            ]
    return found


def slowly(engine: Engine, site: Site, zone: str) -> dict[Any, list[tuple[int, datetime, int]]]:
    """The same of raw events, one at a time."""
    found: dict[Any, list[tuple[int, datetime, int]]] = {}
    query = text("""
        SELECT *, hashtextextended(coalesce(session_id, ''), CAST(is_bot AS int) + 1) AS session
        FROM events WHERE site_id = :id ORDER BY random()
    """)
    with engine.connect() as connection:
        for event in connection.execute(query, {"id": site.id}).mappings():
            day = clock.day_of(event["ts"], clock.zone(zone))
            place = day, event["type"], event["path"] or "", event["is_bot"]
            found.setdefault(place, []).append((event["user_no"], event["ts"], event["session"]))
    return {place: sorted(events) for place, events in found.items()}


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS, EVENTS, st.sampled_from(SOME_ZONES))
def test_postings_hold_each_event_once(engine: Engine, redis: Redis, events: Any, late: Any, zone: str) -> None:
    """Of days of 23 hours too; whatever comes late takes away its days, and they are made again."""
    site = make_site(engine, zone)
    for chunk in (events, late):
        drain(engine, redis, site, [as_sent(event) for event in chunk])
        expected = slowly(engine, site, zone)
        waiting = waiting_days(engine, site)
        assert trusted(engine, site) == posted(engine, site) - waiting
        merge_site(engine, site.id)
        make(engine)
        assert unpacked(engine, site) == expected
        assert posted(engine, site) == trusted(engine, site) >= {place[0] for place in expected}


def waiting_days(engine: Engine, site: Site) -> set[date]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT body FROM rollup_deltas WHERE site_id = :id"), {"id": site.id})
        return {key.day for key in sum_bodies((bytes(body) for body in found.scalars()), site.zone).counts}


@pytest.fixture
def known(engine: Engine, redis: Redis) -> Site:
    """A view on the 28th and one on the 29th, both posted."""
    site = make_site(engine, "UTC")
    drain(engine, redis, site, [view(NOON), view(NOON + timedelta(days=1), "bob")])
    merge_site(engine, site.id)
    assert make(engine) == 13
    assert {DAY, NEXT} <= trusted(engine, site)
    return site


def test_a_late_event_is_not_missed_for_a_moment(engine: Engine, redis: Redis, known: Site) -> None:
    """While it waits its day is not trusted, and with its merge the day's postings are gone."""
    drain(engine, redis, known, [view(NOON + timedelta(hours=1))])
    assert (DAY in posted(engine, known), DAY in trusted(engine, known), NEXT in trusted(engine, known)) == (
        True, False, True,
    )  # fmt: skip
    merge_site(engine, known.id)
    assert (DAY in posted(engine, known), NEXT in posted(engine, known)) == (False, True)
    assert DAY not in {place[0] for place in unpacked(engine, known)}
    assert make(engine) == 1
    assert unpacked(engine, known) == slowly(engine, known, "UTC")


def test_a_duplicate_changes_nothing(engine: Engine, redis: Redis, known: Site) -> None:
    given_id = {"event_id": str(uuid.uuid4())}
    drain(engine, redis, known, [view(NOON) | given_id])
    merge_site(engine, known.id)
    make(engine)
    drain(engine, redis, known, [view(NOON) | given_id])
    merge_site(engine, known.id)
    assert DAY in trusted(engine, known)
    assert len(unpacked(engine, known)[DAY, "page_view", "/", False]) == 2


def test_closing_includes_the_deltas_that_it_merges(engine: Engine, redis: Redis, known: Site) -> None:
    drain(engine, redis, known, [view(NOON + timedelta(hours=1))])
    close_days(engine, LATER, IMMEDIATE)
    assert (DAY in posted(engine, known), NEXT in trusted(engine, known)) == (False, True)


def test_a_rebuild_drops_its_days(engine: Engine, known: Site) -> None:
    rebuild_days(engine, known, DAY, NEXT)
    assert (DAY in posted(engine, known), NEXT in trusted(engine, known)) == (False, True)
    assert make(engine) == 1
    assert unpacked(engine, known) == slowly(engine, known, "UTC")


def test_another_zone_is_another_days(engine: Engine, redis: Redis, known: Site) -> None:
    """From the moment on that it is set."""
    with engine.begin() as connection:
        update_site(connection, known.key, zone="Asia/Kathmandu")
    assert trusted(engine, known) == set()
    assert make(engine) == 0
    merge_all(engine, 10)
    assert (posted(engine, known), unpacked(engine, known)) == (set(), {})
    drain(engine, redis, known, [view(NOON + timedelta(hours=7))])
    merge_all(engine, 10)
    make(engine)
    assert unpacked(engine, known) == slowly(engine, known, "Asia/Kathmandu")


def test_deleting_a_sites_events_deletes_them(engine: Engine, redis: Redis, known: Site) -> None:
    other = make_site(engine, "UTC")
    drain(engine, redis, other, [view(NOON)])
    merge_site(engine, other.id)
    make(engine)
    delete_site_events(engine, known.id, "tester")
    assert (posted(engine, known), unpacked(engine, known)) == (set(), {})
    assert unpacked(engine, other) == slowly(engine, other, "UTC")


@pytest.mark.parametrize(
    ("site_days", "now", "first"),
    [(None, datetime(2026, 4, 6, 6, tzinfo=UTC), date(2026, 4, 1)), (5, NOON + timedelta(days=5, hours=6), NEXT)],
    ids=["the drop of March", "a site that keeps less"],
)
def test_retention_deletes_postings_with_the_raw_events(
    engine: Engine, known: Site, settings: Settings, sql: Any, site_days: int | None, now: datetime, first: date
) -> None:
    sql("UPDATE sites SET event_retention_days = :days RETURNING 1", days=site_days)
    kept = replace(settings, event_retention_days=9 if site_days else 5, anonymize_ips_after_days=36_500)
    retention.run(engine, kept, now, 60, lambda done: None)
    assert min(posted(engine, known)) == min(trusted(engine, known)) == first
    assert {place[0] for place in unpacked(engine, known)} == ({NEXT} if site_days else set())
    # What is left of a day is never made again.
    assert (make(engine), min(posted(engine, known))) == (0, first)


def test_postings_of_a_partly_purged_day_are_not_used(engine: Engine, known: Site, sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-28 06:00Z' RETURNING 1")
    assert (DAY in trusted(engine, known), NEXT in trusted(engine, known)) == (False, True)


def test_a_day_that_is_not_the_calendars_is_not_trusted(engine: Engine, known: Site, sql: Any) -> None:
    sql("UPDATE posted_days SET end_at = end_at + interval '1 hour' WHERE day = '2026-03-28' RETURNING 1")
    assert DAY not in trusted(engine, known)


def test_open_and_recently_changed_days_get_no_postings(engine: Engine, redis: Redis) -> None:
    site = make_site(engine, "Europe/Berlin")
    drain(engine, redis, site, [view(NOON), view(NOON + timedelta(days=1)), view(NOON + timedelta(days=2))])
    merge_site(engine, site.id)
    assert make(engine, datetime(2026, 3, 31, tzinfo=UTC), rest=postings.REST) == 0
    # The 29th has 23 hours in Berlin: it is over at 22:00 UTC.
    assert make(engine, datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC)) == 1
    assert (posted(engine, site), make(engine, datetime(2026, 3, 29, 22, tzinfo=UTC))) == ({DAY}, 1)
    assert posted(engine, site) == {DAY, NEXT}


def test_a_day_without_events_has_postings_of_nothing(engine: Engine, redis: Redis) -> None:
    site = make_site(engine, "UTC")
    drain(engine, redis, site, [view(NOON), view(NOON + timedelta(days=2))])
    merge_site(engine, site.id)
    make(engine, NOON + timedelta(days=3))
    assert NEXT in trusted(engine, site)
    assert {place[0] for place in unpacked(engine, site)} == {DAY, DAY + timedelta(days=2)}


def test_what_the_rollups_do_not_list_is_other(engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile list of paths makes as many rows as there."""
    tight = rows.cardinality.DEFAULT_LIMITS._replace(types=2, values=2)
    monkeypatch.setattr(rows.add, "__defaults__", (tight,))
    site = make_site(engine, "UTC")
    events = [view(NOON + timedelta(seconds=n), path=f"/{min(n, 9 - n)}") for n in range(10)]
    events += [view(NOON) | {"type": kind} for kind in ("a", "a", "b", "c")]
    # Names that are taken.
    events += [view(NOON, path=OTHER), view(NOON) | {"type": OTHER}]
    drain(engine, redis, site, [*events, view(NOON) | {"path": None}, view(NOON) | {"user_agent": BOT}])
    merge_site(engine, site.id)
    make(engine)
    counts = {
        (kind, path): len(found) for (_, kind, path, is_bot), found in unpacked(engine, site).items() if not is_bot
    }
    assert counts == {
        ("page_view", "/0"): 2, ("page_view", "/1"): 2, ("page_view", OTHER): 7, ("page_view", ""): 1, ("a", "/"): 2,
        (OTHER, OTHER): 3,
    }  # fmt: skip


def test_a_site_or_a_day_that_is_too_large_has_none(
    engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch, sql: Any
) -> None:
    site = make_site(engine, "UTC")
    drain(engine, redis, site, [view(NOON), view(NOON), view(NOON + timedelta(days=1))])
    merge_site(engine, site.id)
    sql("UPDATE user_numbers SET next_user_no = :most + 1 RETURNING 1", most=postings.postings.MOST_USERS)
    assert make(engine) == 0
    sql("UPDATE user_numbers SET next_user_no = :most RETURNING 1", most=postings.postings.MOST_USERS)
    monkeypatch.setattr(postings, "MOST_EVENTS", 1)
    make(engine)
    assert (DAY in posted(engine, site), NEXT in posted(engine, site)) == (False, True)


def test_runs_at_once_make_each_day_once(app: Flask, engine: Engine, known: Site, sql: Any) -> None:
    sql("DELETE FROM posted_days RETURNING 1")
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: make(engine), range(4))) == 13
    assert unpacked(engine, known) == slowly(engine, known, "UTC")


def test_the_task_may_run_twice(app: Flask, engine: Engine, known: Site, sql: Any) -> None:
    sql("TRUNCATE posted_days, postings, open_days; SELECT 1")
    with app.app_context():
        for _ in range(2):
            tasks.make_postings()
            assert unpacked(engine, known) == slowly(engine, known, "UTC")


def test_the_next_run_continues_after_a_time_limit(engine: Engine, known: Site, sql: Any) -> None:
    sql("DELETE FROM posted_days RETURNING 1")
    assert postings.make_postings(engine, LATER, 0, AT_REST) < 13
    assert make(engine) > 0
    assert unpacked(engine, known) == slowly(engine, known, "UTC")


def test_concurrent_merges_leave_only_correct_postings(engine: Engine, redis: Redis, known: Site, sql: Any) -> None:
    """An event that the making does not see has a delta whose merge takes the postings, or the claim, away."""
    sql("DELETE FROM posted_days RETURNING 1")
    drain(engine, redis, known, [view(NOON + timedelta(hours=n)) for n in range(3)])
    with ThreadPoolExecutor(3) as pool:
        for n in range(6):
            jobs = [pool.submit(make, engine), pool.submit(merge_all, engine, 1)]
            jobs.append(pool.submit(drain, engine, redis, known, [view(NOON + timedelta(minutes=n))]))
            for job in jobs:
                job.result()
            if DAY in trusted(engine, known):
                days = [day for day in slowly(engine, known, "UTC").items() if day[0][0] == DAY]
                assert dict(days).items() <= unpacked(engine, known).items()
    merge_all(engine, 10)
    make(engine)
    assert unpacked(engine, known) == slowly(engine, known, "UTC")


def test_merges_do_not_wait_and_changed_days_get_no_postings(
    engine: Engine, redis: Redis, known: Site, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql("DELETE FROM posted_days RETURNING 1")
    really_make = postings.postings.make

    def make_while_events_come(connection: Connection, site_id: int, day: postings.Day, other: str) -> bool:
        made = really_make(connection, site_id, day, other)
        if day.day == DAY:
            drain(engine, redis, known, [view(NOON + timedelta(hours=3))])
            assert merge_site(engine, site_id).deltas == 1
        return made

    monkeypatch.setattr(postings.postings, "make", make_while_events_come)
    assert make(engine) == 12
    assert (DAY in posted(engine, known), NEXT in trusted(engine, known)) == (False, True)
    monkeypatch.undo()
    assert make(engine) == 1
    assert unpacked(engine, known) == slowly(engine, known, "UTC")


def test_what_a_run_that_was_killed_has_claimed_is_not_trusted_and_made_by_the_next(
    engine: Engine, known: Site, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql("DELETE FROM posted_days WHERE day = '2026-03-28' RETURNING 1")

    def killed(*_: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(postings.postings, "make", killed)
    with pytest.raises(KeyboardInterrupt):
        make(engine)
    monkeypatch.undo()
    assert (DAY in posted(engine, known), DAY in trusted(engine, known)) == (True, False)
    assert make(engine) == 1
    assert unpacked(engine, known) == slowly(engine, known, "UTC")


def test_statements_go_by_the_primary_keys(engine: Engine, known: Site) -> None:
    given = {
        "site_id": 1, "days": [DAY], "now": LATER, "rest": AT_REST, "most_users": 1, "most_events": 1,
    }  # fmt: skip
    for query in (postings.DUE, postings.POSTED, postings.postings.DROP):
        with engine.begin() as connection:
            force_index_lookups(connection)
            plan = list(connection.execute(text("EXPLAIN " + query.text), given).scalars())
        scanned = [line for line in plan if "Seq Scan on" in line and " sites " not in line]
        assert not scanned, plan
