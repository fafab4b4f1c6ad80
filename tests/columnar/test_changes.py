"""Whatever changes or deletes events that were stored takes their files along."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.audit.run import run_audit
from analytics.columnar.write import write_due
from analytics.columnar.write_visits import write_due_visits
from analytics.ingest.deletion.deletes import delete_site_events
from analytics.ingest.reclassification.days import reclassify_days
from analytics.privacy import retention
from analytics.privacy.retention_periods import advance_raw_since
from analytics.rollups.merge import merge_all
from analytics.rollups.rebuild import move_calendar
from analytics.sites.sites import Site, update_site
from config import Settings
from tests.factories import append_events, make_drain, make_site

FIRST = date(2026, 3, 2)
NOW = datetime(2026, 3, 9, tzinfo=UTC)


@pytest.fixture
def site(engine: Engine, redis: Redis) -> Site:
    """Three days of events and visits, all in files; and another site's."""
    for site in (make_site(engine, "UTC"), make_site(engine, "UTC")):
        events = [
            {
                "type": "page_view",
                "user_id": f"u{n % 3}",
                "ts": datetime(2026, 3, 2 + n % 3, 12, n % 60, tzinfo=UTC).isoformat(),
                "referrer": "https://shop.example/a",
            }
            for n in range(30)
        ]
        append_events(redis, site, events)
        make_drain(engine, redis).run()
    merge_all(engine, 10)
    write(engine)
    return site


def write(engine: Engine) -> None:
    write_due(engine, NOW, 20)
    write_due_visits(engine, NOW, 20, rest=-timedelta(days=3650))


def listed(sql: Any, site: Site) -> list[tuple[Any, ...]]:
    """Day, rows in files, and whether the visits of the day are in one that is right."""
    return sql(
        """
        SELECT e.day::text, coalesce((SELECT sum(rows) FROM column_files f WHERE f.site_id = e.site_id AND f.day = e.day), 0)::int,
            EXISTS (SELECT FROM visit_files f JOIN day_versions v USING (site_id, day, version)
                    WHERE f.site_id = e.site_id AND f.day = e.day)
        FROM event_days e WHERE e.site_id = :site ORDER BY e.day
        """,
        site=site.id,
    )


def assert_right(engine: Engine, redis: Redis) -> None:
    assert run_audit(engine, redis, full=True).gaps == []


def test_all_of_it_is_in_files(engine: Engine, redis: Redis, site: Site, sql: Any) -> None:
    assert listed(sql, site) == [(f"2026-03-0{day}", 10, True) for day in (2, 3, 4)]
    assert_right(engine, redis)


def test_reclassified_days_are_written_anew(engine: Engine, redis: Redis, site: Site, sql: Any) -> None:
    with engine.begin() as connection:
        update_site(connection, site.key, domains=["shop.example"])
    assert reclassify_days(engine, site, FIRST, FIRST + timedelta(days=2), "tester").changed == 20
    assert listed(sql, site) == [("2026-03-02", 0, False), ("2026-03-03", 0, False), ("2026-03-04", 10, True)]
    assert_right(engine, redis)
    write(engine)
    assert listed(sql, site) == [(f"2026-03-0{day}", 10, True) for day in (2, 3, 4)]
    assert_right(engine, redis)


def test_a_site_whose_events_are_deleted_has_no_files(engine: Engine, redis: Redis, site: Site, sql: Any) -> None:
    delete_site_events(engine, site.id, "tester")
    assert listed(sql, site) == []
    assert sql("SELECT count(*), count(DISTINCT site_id) FROM column_files") == [(3, 1)]
    assert sql("SELECT count(*), count(DISTINCT site_id) FROM visit_files") == [(3, 1)]


def test_days_past_retention_lose_their_files(engine: Engine, site: Site, sql: Any) -> None:
    with engine.begin() as connection:
        advance_raw_since(connection, datetime(2026, 3, 3, 12, 7, tzinfo=UTC), site.id)
    # What is left of the day that it cuts is written anew.
    assert listed(sql, site) == [("2026-03-03", 0, True), ("2026-03-04", 10, True)]
    sql("DELETE FROM events WHERE site_id = :site AND ts < '2026-03-03 12:07Z' RETURNING 1", site=site.id)
    write(engine)
    assert [rows for _, rows, _ in listed(sql, site)] == [8, 10]
    with engine.begin() as connection:
        advance_raw_since(connection, date(2026, 3, 4))
    assert sql("SELECT DISTINCT day::text FROM event_days") == [("2026-03-04",)]
    assert sql("SELECT count(*) FROM column_files") == [(2,)]


def test_retention_leaves_no_deleted_visit_in_a_file(
    engine: Engine, redis: Redis, settings: Settings, site: Site, sql: Any
) -> None:
    with engine.begin() as connection:
        update_site(connection, site.key, event_retention_days=3)
    # The visits of the third are over an hour before the cutoff.
    retention.run(engine, settings, datetime(2026, 3, 6, 14, tzinfo=UTC), 60)
    assert sql("SELECT count(*)::int FROM visits WHERE site_id = :site", site=site.id) == [(1,)]
    assert listed(sql, site) == [("2026-03-03", 0, False), ("2026-03-04", 10, True)]
    assert_right(engine, redis)
    write(engine)
    assert_right(engine, redis)


def test_in_another_calendar_visits_are_written_anew(engine: Engine, redis: Redis, site: Site, sql: Any) -> None:
    with engine.begin() as connection:
        update_site(connection, site.key, zone="Asia/Kathmandu")
    move_calendar(engine, site.id)
    assert {is_right for _, _, is_right in listed(sql, site)} == {False}
    write(engine)
    assert listed(sql, site) == [(f"2026-03-0{day}", 10, True) for day in (2, 3, 4)]
    assert sql("SELECT DISTINCT start_at::time::text FROM visit_files WHERE site_id = :site", site=site.id) == [
        ("18:15:00",)
    ]
    assert_right(engine, redis)
