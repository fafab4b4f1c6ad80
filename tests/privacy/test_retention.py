"""Retention deletes to the microsecond; the plan equals the run; killed and concurrent runs have the same result."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Engine, Integer, Text, event, text

from analytics.errors import Conflict
from analytics.privacy import steps
from analytics.privacy.deletes import SITE_EVENT_DELETES, old_site_rows
from analytics.privacy.retention import RETENTION_LOCK_ID
from analytics.privacy.steps import Step, partition_table
from analytics.sites.sites import Site
from analytics.store.models import visits
from tests.privacy.conftest import NOW, days_ago

US = timedelta(microseconds=1)
Sql = Callable[..., list[tuple[Any, ...]]]


def partitions_of(sql: Sql, table: str) -> list[str]:
    return [name for (name,) in sql("SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
                                    " WHERE inhparent = CAST(:t AS regclass) ORDER BY 1", t=table)]  # fmt: skip


def summarize(items: Any) -> list[tuple[str, str, int]]:
    """(action, description, rows) of steps or of their results."""
    return [(step.action, step.description, step.rows) for step in (getattr(item, "step", item) for item in items)]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "CHUNK_ROWS", 3)


def test_a_partition_is_dropped_when_its_end_is_past_retention(run: Any, put: Any, sql: Sql) -> None:
    put(datetime(2026, 6, 20, 23, 59, tzinfo=UTC), 3)
    end = datetime(2026, 6, 21, tzinfo=UTC)
    assert run(end + timedelta(days=10) - US) == []
    assert summarize(run(end + timedelta(days=10))) == [("drop", "events of 2026-06-20 to 2026-06-21", 3)]
    assert sql("SELECT count(*) FROM events") == [(0,)]
    assert sql("SELECT raw_since FROM sites") == [(end,)]


def test_raw_since_never_decreases(run: Any, put: Any, sql: Sql) -> None:
    sql("UPDATE sites SET raw_since = '2026-06-25Z' RETURNING 1")
    put(days_ago(12))
    run()
    assert sql("SELECT raw_since FROM sites") == [(datetime(2026, 6, 25, tzinfo=UTC),)]


def test_partitions_stay_for_the_longest_retention(run: Any, put: Any, make_site: Any, site: Site, sql: Sql) -> None:
    shop = make_site("shop", 20)
    put(days_ago(15), 4)
    put(days_ago(15), 7, of=shop)
    assert summarize(run()) == [("delete", "events of site default", 4)]
    assert sql("SELECT site_id, count(*) FROM events GROUP BY 1") == [(shop.id, 7)]
    assert sql("SELECT id, raw_since FROM sites ORDER BY id") == [(site.id, days_ago(10)), (shop.id, None)]
    assert [done.step.setting for done in run(NOW + timedelta(days=10))] == ["site shop: 20 days"]


def test_rows_of_a_site_with_shorter_retention_are_deleted_to_the_microsecond(
    run: Any, put: Any, make_site: Any, sql: Sql, small_chunks: None
) -> None:
    shop = make_site("shop", 2)
    for of in {"of": shop}, {}:
        put(days_ago(5), 10, **of)
        put(days_ago(2) - 2 * US, 4, **of)
    assert summarize(run()) == [("delete", "events of site shop", 12)]
    assert [ts for (ts,) in sql("SELECT ts FROM events WHERE site_id = :s ORDER BY ts", s=shop.id)] == [
        days_ago(2), days_ago(2) + US,
    ]  # fmt: skip
    assert sql("SELECT count(*) FROM events WHERE site_id <> :s", s=shop.id) == [(14,)]
    assert sql("SELECT raw_since FROM sites WHERE key = 'shop'") == [(days_ago(2),)]
    assert run() == []


def test_past_days_are_deleted_from_a_partition_of_a_month(
    run: Any, plan: Any, put: Any, make_site: Any, sql: Sql
) -> None:
    """Old events are in a partition of a month, which is dropped only when the whole month is past retention."""
    shop = make_site("shop", 70)
    first = datetime(2026, 4, 11, tzinfo=UTC)
    for of in {"of": shop}, {}:
        put(datetime(2026, 4, 3, 8, tzinfo=UTC), 5, **of)
        put(first - 2 * US, 4, **of)
        put(datetime(2026, 4, 25, tzinfo=UTC), 3, **of)
    assert partitions_of(sql, "events") == ["events_m202604"]
    # 80 days before noon of 30 June is during 11 April, so that day stays.
    days = {"event_retention_days": 80}
    # Rows that have to be archived are not deleted before.
    assert summarize(plan(archive_url="/proc/nowhere", **days)) == [("delete", "events of site shop", 9)]
    assert summarize(run(**days)) == [("delete", "events of site default", 7), ("delete", "events of site shop", 9)]
    remaining = sql(
        "SELECT s.key, min(ts), count(*) FROM events e JOIN sites s ON s.id = e.site_id GROUP BY 1 ORDER BY 1"
    )
    assert remaining == [("default", first, 5), ("shop", datetime(2026, 4, 25, tzinfo=UTC), 3)]
    since = sql("SELECT raw_since FROM sites WHERE key IN ('default', 'shop') ORDER BY key")
    assert since == [(first,), (days_ago(70),)]
    assert run(**days) == []
    whole = summarize(run(datetime(2026, 7, 20, tzinfo=UTC), **days))
    assert whole == [("drop", "events of 2026-04-01 to 2026-05-01", 8)]


def test_deleting_rows_of_one_site_reads_no_other_sites_rows(engine: Engine, put: Any, make_site: Any) -> None:
    shop = make_site("shop", 2)
    put(days_ago(5), 5000)
    put(days_ago(5), 50, of=shop)
    events = partition_table("events", f"events_p{days_ago(5):%Y%m%d}")
    plan_lines: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("DELETE"):
            cursor.execute("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + statement, parameters)
            plan_lines.extend(line for (line,) in cursor.fetchall())

    event.listen(engine, "before_cursor_execute", explain)
    try:
        job = steps.RetentionJob(engine, None, NOW)  # type: ignore[arg-type]
        step = Step("delete", "events", "", "", days_ago(2), shop.id)
        steps.change_in_chunks(job, [events.c.event_id], old_site_rows(events, step), events.delete())
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    plan = "\n".join(plan_lines)
    assert f"Index Scan using {events.name}_site_id_event_id_ts_user_no_idx" in plan
    assert f"Index Cond: ((site_id = {shop.id}) AND" in plan
    assert "actual rows=50" in plan
    assert "Filter" not in plan


def visit(site_id: int, user_no: int, started_at: datetime, ended_at: datetime) -> dict[str, Any]:
    """The row of a visit with these times; the other columns are arbitrary."""
    plain = {Text: "", Boolean: False, Integer: 1, BigInteger: 1}
    row = {column.name: plain.get(type(column.type), started_at) for column in visits.c}
    return {**row, "site_id": site_id, "user_no": user_no, "started_at": started_at, "ended_at": ended_at}


def put_visits(engine: Engine, site: Site, ends: list[datetime]) -> None:
    with engine.begin() as connection:
        for n, ended in enumerate(ends):
            connection.execute(visits.insert().values(visit(site.id, n, days_ago(19), ended)))


def test_visits_are_deleted_with_their_raw_events(
    run: Any, plan: Any, put: Any, engine: Engine, site: Site, make_site: Any, sql: Sql, small_chunks: None
) -> None:
    """Visits stay while a late event, or a rebuild of the first complete day, could continue them."""
    shop = make_site("shop", 8)
    put(days_ago(10.5) - timedelta(days=1))
    put(days_ago(9), 2, of=shop)
    # The partition ends ten and a half days ago; rows of the shop are deleted up to eight days ago.
    for of, raw_since in ((site, days_ago(10.5)), (shop, days_ago(8))):
        cutoff = raw_since - timedelta(hours=1)
        put_visits(engine, of, [cutoff - US] * 7 + [cutoff, raw_since])
    planned = summarize(plan())
    assert summarize(run()) == planned
    assert planned[-2:] == [("delete", "visits of site default", 7), ("delete", "visits of site shop", 7)]
    assert sql("SELECT site_id, count(*) FROM visits GROUP BY 1 ORDER BY 1") == [(site.id, 2), (shop.id, 2)]


def test_visits_stay_while_all_raw_events_exist(run: Any, engine: Engine, site: Site) -> None:
    put_visits(engine, site, [days_ago(12)])
    assert run() == []


def test_small_tables_have_their_own_retention(run: Any, site: Site, sql: Sql, small_chunks: None) -> None:
    sql("INSERT INTO metrics (site_id, date, metric_name, metric_value) SELECT :s, d, 'dau', 1"
        " FROM generate_series(date '2026-06-13', '2026-06-23', '1 day') d RETURNING 1", s=site.id)  # fmt: skip
    for at in (days_ago(10), days_ago(10) - US):
        sql("INSERT INTO dead_letters (entry_id, position, received_at, dead_lettered_at, reason, detail, body)"
            " VALUES (:id, 0, :at, :at, '', '', '') RETURNING 1", id=str(at), at=at)  # fmt: skip
    for action in ("session.refuse", "session.open"):
        for at in (days_ago(10), days_ago(10) - US):
            sql(
                "INSERT INTO audit_log (actor, action, occurred_at) VALUES ('me', :a, :at) RETURNING 1", a=action, at=at
            )
    for at in (NOW, NOW - US, None):
        sql("INSERT INTO revoked_tokens (jti, expires_at) VALUES (:id, :at) RETURNING 1", id=str(at), at=at)
        sql("INSERT INTO issued_tokens (jti, subject, scopes, issued_by, issued_at, expires_at)"
            " VALUES (:id, 'me', '{read}', 'me', :now, :at) RETURNING 1", id=str(at), at=at, now=NOW)  # fmt: skip
    assert summarize(run()) == [
        ("delete", "daily figures", 7), ("delete", "dead letters", 1), ("delete", "records of expired tokens", 1),
        ("delete", "refused sign-ins", 1), ("delete", "revocations of expired tokens", 1),
    ]  # fmt: skip
    assert sql("SELECT action, count(*) FROM audit_log WHERE actor = 'me' GROUP BY 1 ORDER BY 1") == [
        ("session.open", 2), ("session.refuse", 1),
    ]  # fmt: skip
    assert sql("SELECT min(date)::text, count(*) FROM metrics") == [("2026-06-20", 4)]
    assert sql("SELECT dead_lettered_at FROM dead_letters") == [(days_ago(10),)]
    for table in ("revoked_tokens", "issued_tokens"):
        assert sql(f"SELECT expires_at FROM {table} ORDER BY 1") == [(NOW,), (None,)]


LEDGER_SUMS = """
SELECT site_id, hour, sum(batches)::int, sum(received)::int, sum(stored)::int, sum(duplicate)::int, sum(dead_lettered)::int, sum(refused)::int FROM (
    SELECT site_id, date_trunc('hour', received_at, 'UTC') AS hour, 1 AS batches, received, stored, duplicate, dead_lettered, refused FROM ingest_ledger
    UNION ALL SELECT * FROM ledger_hours) AS sums
GROUP BY 1, 2 ORDER BY 1, 2
"""


def test_the_sums_of_the_ledger_outlive_its_rows(run: Any, put_ledger: Any, sql: Sql) -> None:
    for hours in (0, 1, 1.5, 30, 24 * 20):
        put_ledger(days_ago(11) - timedelta(hours=hours), 3)
    before = sql(LEDGER_SUMS)
    assert [step for step in summarize(run()) if step[0] == "drop"] == [
        ("drop", "ledger of 2026-05-30 to 2026-05-31", 3),
        ("drop", "ledger of 2026-06-18 to 2026-06-19", 3),
        ("drop", "ledger of 2026-06-19 to 2026-06-20", 9),
    ]
    assert sql(LEDGER_SUMS) == before
    assert sql("SELECT count(*) FROM ingest_ledger") == [(0,)]
    # The same hour again, as after a batch that was stored very late.
    put_ledger(days_ago(11))
    again = sql(LEDGER_SUMS)
    run()
    assert sql(LEDGER_SUMS) == again != before


def fill(put: Any, put_ledger: Any, make_site: Any) -> None:
    shop = make_site("shop", 3)
    for days in (40, 12, 11, 5, 2, 0.5):
        put(days_ago(days), 5, ip="203.0.113.77")
        put(days_ago(days), 4, of=shop, ip="2001:db8:1:2::3")
        put_ledger(days_ago(days), 2)


def contents(sql: Sql) -> list[Any]:
    return [
        sql("SELECT site_id, ts, user_no, ip::text FROM events ORDER BY 1, 2, 3"),
        sql(LEDGER_SUMS),
        sql("SELECT key, raw_since FROM sites ORDER BY 1"),
        *(partitions_of(sql, table) for table in ("events", "ingest_ledger")),
    ]


def test_a_dry_run_lists_the_steps_of_the_run_and_changes_nothing(
    plan: Any, run: Any, put: Any, put_ledger: Any, make_site: Any, sql: Sql
) -> None:
    fill(put, put_ledger, make_site)
    before = contents(sql)
    planned = plan(anonymize_ips_after_days=1)
    assert contents(sql) == before
    assert {step.action for step in planned} == {"drop", "delete", "mask"}
    assert summarize(run(anonymize_ips_after_days=1)) == summarize(planned)
    assert plan(anonymize_ips_after_days=1) == []


class Killed(Exception):
    """Ends the run in place of a kill."""


@pytest.mark.parametrize("steps_done", range(1, 8))
def test_the_next_run_completes_a_killed_one(
    run: Any, put: Any, put_ledger: Any, make_site: Any, sql: Sql, small_chunks: None, steps_done: int
) -> None:
    fill(put, put_ledger, make_site)
    sums, count = [row[2:] for row in sql(LEDGER_SUMS)], 0

    def kill(done: Any) -> None:
        nonlocal count
        count += 1
        if count == steps_done:
            raise Killed

    with pytest.raises(Killed):
        run(anonymize_ips_after_days=1, on_result=kill)
    run(anonymize_ips_after_days=1)
    assert sql("SELECT key, count(*) FROM events JOIN sites ON id = site_id GROUP BY 1 ORDER BY 1") == [
        ("default", 15), ("shop", 8),
    ]  # fmt: skip
    assert [row[2:] for row in sql(LEDGER_SUMS)] == sums
    assert sql("SELECT count(*) FROM events WHERE ts < :t AND host(ip) <> ALL('{203.0.113.0,2001:db8:1::}')",
               t=days_ago(1)) == [(0,)]  # fmt: skip


def test_the_next_run_continues_one_that_ran_out_of_time(
    run: Any, put: Any, make_site: Any, small_chunks: None
) -> None:
    put(days_ago(5), 10, of=make_site("shop", 2))
    assert run(budget_s=-1) == []
    assert sum(done.rows for done in run()) == 10


def test_a_step_that_runs_out_of_time_keeps_its_work(
    run: Any, put: Any, make_site: Any, engine: Engine, settings: Any, small_chunks: None
) -> None:
    put(days_ago(5), 10, of=make_site("shop", 2))
    job = steps.RetentionJob(engine, settings, NOW, deadline=0.0)
    (step,) = SITE_EVENT_DELETES.find(job, ())
    with pytest.raises(steps.StepUnfinished) as caught:
        SITE_EVENT_DELETES.execute(job, step)
    assert caught.value.rows == 3
    assert sum(done.rows for done in run()) == 7


def test_a_large_partition_is_estimated_and_a_small_one_counted(
    plan: Any, put: Any, engine: Engine, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(days_ago(12), 500)
    sql("UPDATE pg_class SET reltuples = 480 WHERE relname = :name RETURNING 1", name=f"events_p{days_ago(12):%Y%m%d}")
    assert [(step.rows, step.is_estimate) for step in plan()] == [(500, False)]
    monkeypatch.setattr(steps, "EXACT_COUNT_BELOW", 400)
    assert [(step.rows, step.is_estimate, step.bytes > 0) for step in plan()] == [(480, True, True)]


def test_two_concurrent_runs_do_the_work_once(run: Any, put: Any, put_ledger: Any, make_site: Any, sql: Sql) -> None:
    fill(put, put_ledger, make_site)
    sums, start, outcomes = sql(LEDGER_SUMS), threading.Barrier(2), []

    def run_once() -> None:
        start.wait()
        try:
            outcomes.append(run(anonymize_ips_after_days=1))
        except Conflict as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run_once) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(outcomes) == 2
    assert sql("SELECT count(*) FROM events") == [(23,)]
    assert [row[2:] for row in sql(LEDGER_SUMS)] == [row[2:] for row in sums]


def test_a_run_during_another_is_refused(run: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": RETENTION_LOCK_ID})
        with pytest.raises(Conflict, match="another retention run"):
            run()
    assert run() == []


def test_a_partition_in_use_is_dropped_by_the_next_run(run: Any, put: Any, engine: Engine, sql: Sql) -> None:
    put(days_ago(12), 3)
    put(days_ago(5), 2, ip="203.0.113.77")
    with engine.begin() as reader:
        reader.execute(text("SELECT count(*) FROM events"))
        drop, mask = run(anonymize_ips_after_days=1)
    assert "in use" in drop.error
    assert (mask.error, mask.rows) == ("", 2)
    assert sql("SELECT count(*) FROM events") == [(5,)]
    assert sql("SELECT raw_since FROM sites") == [(None,)]
    assert [(done.rows, done.error) for done in run()] == [(3, "")]
