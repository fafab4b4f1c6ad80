"""merge on real tables: each delta is counted once, also by concurrent merges, and bad deltas delay no other site."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

from sqlalchemy import Engine, text

from analytics.rollups import merge
from analytics.rollups.locks import locked_transaction
from analytics.sites.sites import Site, create_site
from tests.rollups.factories import INSERT_DELTA, Row, add_delta, page, read_rollups

DAY = date(2026, 3, 14)
AGE_DELTAS = text("UPDATE rollup_deltas SET created_at = now() - make_interval(secs => 60)")


def age_deltas(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(AGE_DELTAS)


def add_old_delta(engine: Engine, site: Site) -> None:
    add_delta(engine, site, [(Row(), 1)])
    age_deltas(engine)


def count_deltas(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM rollup_deltas")).scalar_one()


def test_events_are_summed_and_users_united(engine: Engine, site: Site) -> None:
    add_delta(engine, site, [(Row(), 1), (Row(), 2), (page("/b"), 2)])
    assert merge.merge_site(engine, site.id)[:2] == (1, 3)
    add_delta(engine, site, [(Row(), 2), (Row(), 3)])
    add_delta(engine, site, [(Row(ts="2026-03-15T00:30:00Z"), 3)])
    assert merge.merge_site(engine, site.id)[:2] == (2, 3)
    tomorrow = date(2026, 3, 15)
    assert read_rollups(engine, "total") == {
        (DAY, "page_view", "", False, ""): (5, {1, 2, 3}),
        (tomorrow, "page_view", "", False, ""): (1, {3}),
    }
    assert read_rollups(engine, "hour") == {
        (DAY, "page_view", "", False, "12"): (5, {1, 2, 3}),
        (tomorrow, "page_view", "", False, "00"): (1, {3}),
    }
    assert read_rollups(engine, "path") == {
        (DAY, "page_view", "", False, "/a"): (4, {1, 2, 3}),
        (DAY, "page_view", "", False, "/b"): (1, {2}),
        (tomorrow, "page_view", "", False, "/a"): (1, {3}),
    }
    assert read_rollups(engine, "city")[DAY, "page_view", "", False, "DE/Berlin/Berlin"] == (5, {1, 2, 3})


def test_a_click_counts_for_the_site_and_for_its_subject(engine: Engine, site: Site) -> None:
    add_delta(engine, site, [(Row(kind="click", subject="abc"), 7), (Row(kind="click"), 8)])
    merge.merge_site(engine, site.id)
    assert read_rollups(engine, "total") == {
        (DAY, "click", "", False, ""): (2, {7, 8}),
        (DAY, "click", "abc", False, ""): (1, {7}),
    }


def test_merged_deltas_are_deleted_and_their_days_marked_open(engine: Engine, site: Site, sql: Any) -> None:
    add_delta(engine, site, [(Row(), 1), (Row(ts="2026-03-12T10:00:00Z"), 1)])
    merge.merge_site(engine, site.id)
    assert sql("SELECT count(*) FROM rollup_deltas") == [(0,)]
    assert sql("SELECT day FROM open_days ORDER BY day") == [(date(2026, 3, 12),), (DAY,)]
    assert sql("SELECT rollups_zone FROM sites") == [("UTC",)]
    assert sql("SELECT sum(visits), sum(views) FROM visit_rollups WHERE dimension = 'total'") == [(2, 2)]
    assert merge.merge_site(engine, site.id) == merge.MergeResult()


def test_a_bitmap_without_new_users_is_not_rewritten(engine: Engine, site: Site, sql: Any) -> None:
    """Large bitmaps are in TOAST; PostgreSQL keeps such a value through an UPDATE that does not change it."""
    deltas_of_all = [(Row(), number) for number in range(0, 24_000, 20)]
    add_delta(engine, site, deltas_of_all)
    merge.merge_site(engine, site.id)
    before = sql("SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'rollups'")
    assert before > [(0,)]
    for _ in range(3):
        add_delta(engine, site, deltas_of_all)
        merge.merge_site(engine, site.id)
    assert sql("SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'rollups'") == before
    assert sql("SELECT events FROM rollups WHERE dimension = 'total'") == [(4_800,)]


def test_concurrent_merges_count_each_delta_once(engine: Engine, site: Site) -> None:
    for number in range(12):
        add_delta(engine, site, [(Row(), number)])
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(merge.merge_site, engine, site.id, 2) for _ in range(12)]:
            future.result()
    merge.merge_all(engine, 10)
    assert read_rollups(engine, "total") == {(DAY, "page_view", "", False, ""): (12, set(range(12)))}


def test_a_merge_skips_a_locked_site(engine: Engine, site: Site) -> None:
    add_delta(engine, site, [(Row(), 1)])
    with locked_transaction(engine, site.id):
        assert merge.merge_site(engine, site.id).deltas == 0
    assert merge.merge_site(engine, site.id).deltas == 1


def test_a_limit_merges_the_oldest_deltas_and_reports_that_more_are_left(engine: Engine, site: Site) -> None:
    for number in range(5):
        add_delta(engine, site, [(Row(), number)] * 10)
    assert merge.merge_site(engine, site.id, limit=15)[::3] == (2, True)
    assert merge.merge_all(engine, 10)[:2] == (3, 30)


def test_an_unreadable_delta_does_not_delay_another_site(engine: Engine, site: Site, sql: Any) -> None:
    with engine.begin() as connection:
        other = create_site(connection, "other")
        unreadable = {"site_id": site.id, "zone": "UTC", "events": 1, "body": b"\x01nonsense"}
        connection.execute(INSERT_DELTA, unreadable)
    add_delta(engine, other, [(Row(), 1)])
    result = merge.merge_all(engine, 10)
    assert (result.deltas, result.failed) == (1, 1)
    assert sql("SELECT site_id FROM rollup_deltas") == [(site.id,)]
    age_deltas(engine)
    # Nor does it delay drains, which would wait for a merge of another process.
    assert merge.reduce_merge_lag(engine, max_lag_s=30, wait_lag_s=30, time_budget_s=600) == 0


def test_lag_reduction_merges_old_deltas_and_leaves_fresh_ones(engine: Engine, site: Site) -> None:
    add_delta(engine, site, [(Row(), 1)])
    assert merge.reduce_merge_lag(engine, max_lag_s=30, wait_lag_s=30, time_budget_s=5) == 0
    assert count_deltas(engine) == 1
    age_deltas(engine)
    assert merge.reduce_merge_lag(engine, max_lag_s=30, wait_lag_s=30, time_budget_s=5) > 0
    assert count_deltas(engine) == 0


def test_lag_reduction_ends_while_another_merge_is_stuck(engine: Engine, site: Site) -> None:
    add_old_delta(engine, site)
    with locked_transaction(engine, site.id):
        merge.reduce_merge_lag(engine, max_lag_s=30, wait_lag_s=30, time_budget_s=0.5)
    assert count_deltas(engine) == 1


def test_lag_reduction_does_not_wait_for_another_merge_below_its_wait_lag(engine: Engine, site: Site) -> None:
    add_old_delta(engine, site)
    with locked_transaction(engine, site.id):
        started = time.monotonic()
        merge.reduce_merge_lag(engine, max_lag_s=30, wait_lag_s=600, time_budget_s=60)
        assert time.monotonic() - started < 30
    assert count_deltas(engine) == 1
