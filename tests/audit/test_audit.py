"""The balance sheet balances after and during drains and merges, and each changed row is a gap."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from flask import Flask
from pyroaring import BitMap64
from redis import Redis
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from analytics import clock
from analytics.audit.balance_sheet import BalanceSheet
from analytics.audit.checks.recount import RowKey, repeatable_read
from analytics.audit.checks.rollup_rows import move_to_other
from analytics.audit.run import audit_recent, run_audit
from analytics.ingest import buffer
from analytics.ingest.drain.drain import Drain
from analytics.ingest.samples.samples import StreamSample
from analytics.rollups import cardinality, rows
from analytics.rollups.cardinality import OTHER
from analytics.rollups.deltas.counts import Count, RollupKey
from analytics.rollups.merge import merge_all
from analytics.sites import sites
from analytics.sites.sites import Site
from analytics.store import partitions
from tasks import maintenance
from tests.factories import append_events, make_drain

NOW = datetime(2026, 3, 27, 20, 30, tzinfo=UTC)
DAY, HOUR = date(2026, 3, 27), "2026-03-27T20:00:00Z"
BOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def fixed_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def append(redis: Redis, site: Site, events: list[dict[str, Any]], at: datetime = NOW) -> str:
    return append_events(redis, site, events, received_us=int(at.timestamp() * 1e6))


def drain(engine: Engine, redis: Redis) -> None:
    make_drain(engine, redis).run()


def event(n: int, kind: str = "page_view", **more: Any) -> dict[str, Any]:
    """One event each 20 minutes, from the day before on; eight users."""
    at = NOW - timedelta(hours=30) + timedelta(minutes=20 * n)
    return {
        "type": kind, "ts": at.isoformat().replace("+00:00", "Z"), "user_id": f"user {n % 8}", "path": f"/{n % 3}",
        "country": "DE", "city": "Ulm", "referrer": "https://example.org/x", **more,
    }  # fmt: skip


EVENTS = [event(n, session_id="s" if n % 2 else None) for n in range(60)]
EVENTS += [event(n, "click", subject=f"code{n % 2}", user_agent=BOT if n % 5 == 0 else "") for n in range(20)]


def fill(engine: Engine, redis: Redis, site: Site) -> None:
    """Two merged batches, one that is not merged, and a duplicate."""
    append(redis, site, EVENTS[:50])
    append(redis, site, [{**EVENTS[50], "event_id": "once"}, {**EVENTS[50], "event_id": "once"}])
    drain(engine, redis)
    merge_all(engine, 10)
    append(redis, site, EVENTS[51:])
    drain(engine, redis)


def gaps(sheet: BalanceSheet) -> list[tuple[str, int, int]]:
    return [(gap.where, gap.expected, gap.found) for gap in sheet.gaps]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_the_sheet_balances_after_drains_and_merges(engine: Engine, redis: Redis, zone: str) -> None:
    with engine.begin() as connection:
        site = sites.create_site(connection, "shop", zone=zone)
    fill(engine, redis, site)
    append(redis, site, EVENTS[:7])
    sheet = run_audit(engine, redis, full=True)
    assert (gaps(sheet), sheet.is_balanced) == ([], True)
    [hour] = sheet.hours
    assert hour[1:] == (datetime(2026, 3, 27, 20, tzinfo=UTC), 88, 80, 1, 0, 0, 7)
    assert sum(day.raw or 0 for day in sheet.days) == sum(day.rolled_up for day in sheet.days) == 80
    assert sum(day.waiting for day in sheet.days) == 29
    drain(engine, redis)
    merge_all(engine, 10)
    assert (gaps(run_audit(engine, redis, full=True)), gaps(run_audit(engine, redis))) == ([], [])


BROKEN = [
    pytest.param("DELETE FROM events WHERE type = 'click' AND subject = 'code1'", id="rows-of-events"),
    pytest.param("DELETE FROM ingest_ledger WHERE received = 80", id="a-ledger-row"),
    pytest.param(
        "UPDATE ingest_ledger SET stored = stored - 1, dead_lettered = 1 WHERE received = 80", id="stored-as-dead"
    ),
    pytest.param("UPDATE rollups SET events = events + 3 WHERE dimension = 'browser'", id="a-rollup"),
    pytest.param("UPDATE rollups SET events = events + 3 WHERE dimension = 'total' AND subject <> ''", id="a-subject"),
    pytest.param("DELETE FROM rollups WHERE dimension = 'city'", id="rows-of-rollups"),
    pytest.param("DELETE FROM rollup_deltas", id="a-delta"),
    pytest.param("UPDATE visits SET views = views + 1", id="visits"),
    pytest.param("DELETE FROM visits", id="no-visits"),
    pytest.param("UPDATE visit_rollups SET bounces = bounces + 1 WHERE dimension = 'exit_path'", id="visit-rollups"),
    pytest.param("DELETE FROM visit_rollups WHERE dimension = 'hour'", id="no-visit-rollups"),
    pytest.param("DELETE FROM visit_rollups WHERE dimension = 'region'", id="no-regions-of-visits"),
    pytest.param("UPDATE visit_rollups SET users = NULL WHERE dimension = 'source'", id="unknown-users"),
    pytest.param(
        "UPDATE visit_rollups r SET users = o.users, repeats = o.repeats FROM visit_rollups o"
        " WHERE r.dimension = 'entry_path' AND o.dimension = 'browser' AND o.day = r.day",
        id="wrong-users-of-visits",
    ),
]


@pytest.mark.parametrize("statement", BROKEN)
def test_changed_rows_are_gaps(engine: Engine, redis: Redis, site: Site, statement: str) -> None:
    append(redis, site, EVENTS)
    drain(engine, redis)
    merge_all(engine, 10)
    append(redis, site, [event(n, "click", subject="code1", user_id="new") for n in range(9)])
    drain(engine, redis)
    assert run_audit(engine, redis, full=True).is_balanced
    with engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount
    sheet = run_audit(engine, redis, full=True)
    assert not sheet.is_balanced
    assert {gap.site for gap in sheet.gaps} == {"default"}


def test_a_counter_that_is_too_high_is_a_gap_of_its_hour(engine: Engine, redis: Redis, site: Site) -> None:
    fill(engine, redis, site)
    redis.hincrby(buffer.received_key(int(NOW.timestamp() * 1e6)), str(site.id), 5)
    assert gaps(run_audit(engine, redis)) == [(HOUR, 86, 81)]
    assert gaps(run_audit(engine, redis, first=date(2026, 3, 28))) == []
    assert gaps(audit_recent(engine, redis)) == [(HOUR, 86, 81)]


def test_a_lost_batch_is_a_gap_of_its_hour(engine: Engine, redis: Redis, site: Site) -> None:
    entry_id = append(redis, site, EVENTS[:7], NOW - timedelta(hours=2))
    buffer.acknowledge(redis, [entry_id])
    assert gaps(run_audit(engine, redis)) == [("2026-03-27T18:00:00Z", 7, 0)]


def test_hours_without_redis_counters_are_no_gap(engine: Engine, redis: Redis, site: Site) -> None:
    fill(engine, redis, site)
    redis.flushdb()
    sheet = run_audit(engine, redis, full=True)
    assert (sheet.is_balanced, sheet.hours[0].accepted) == (True, None)
    assert "1 site-hours are not counted" in sheet.notes[0]


def test_a_ledger_partition_summed_into_hours_balances(engine: Engine, redis: Redis, site: Site, sql: Sql) -> None:
    fill(engine, redis, site)
    sql(
        "WITH gone AS (DELETE FROM ingest_ledger RETURNING *) INSERT INTO ledger_hours"
        " SELECT site_id, date_trunc('hour', received_at), count(*), sum(received), sum(stored), sum(duplicate),"
        " sum(dead_lettered) FROM gone GROUP BY 1, 2 RETURNING 1"
    )
    assert gaps(run_audit(engine, redis, full=True)) == []


def test_a_missing_row_is_a_gap_of_its_day_with_both_numbers(
    engine: Engine, redis: Redis, site: Site, sql: Sql
) -> None:
    fill(engine, redis, site)
    before = {day.day: day.raw for day in run_audit(engine, redis).days}
    sql("DELETE FROM events WHERE ts >= '2026-03-27' AND type = 'page_view' AND path = '/0' RETURNING 1")
    after = sql("SELECT count(*) FROM events WHERE ts >= '2026-03-27'")[0][0]
    found = gaps(audit_recent(engine, redis))
    assert found == [("2026-03-27 total", after, before[DAY])]


def test_a_wrong_bitmap_is_a_gap_of_its_row(engine: Engine, redis: Redis, site: Site, sql: Sql) -> None:
    fill(engine, redis, site)
    users = BitMap64([1, 2, 99]).serialize()
    wrong = "dimension = 'path' AND day = '2026-03-27' AND type = 'page_view' AND value = '/1'"
    [(right,)] = sql(
        "SELECT count(DISTINCT user_no) FROM events WHERE ts >= '2026-03-27' AND type = 'page_view' AND path = '/1'"
    )
    sql(f"UPDATE rollups SET users = :users WHERE {wrong} RETURNING 1", users=users)
    [gap] = run_audit(engine, redis, full=True).gaps
    assert (gap.where, gap.expected) == ("2026-03-27 path '/1' (page_view)", right)


def test_days_past_retention_are_listed_as_frozen(engine: Engine, redis: Redis, site: Site, sql: Sql) -> None:
    fill(engine, redis, site)
    merge_all(engine, 10)
    sql("UPDATE sites SET raw_since = '2026-03-27' RETURNING 1")
    sql("DELETE FROM events WHERE ts < '2026-03-27' RETURNING 1")
    sheet = run_audit(engine, redis, full=True)
    assert gaps(sheet) == []
    assert [(day.day, day.raw is None) for day in sheet.days] == [(date(2026, 3, 26), True), (DAY, False)]
    # Without raw events, the ledger still shows the gap.
    sql("UPDATE rollups SET events = 0 WHERE day < '2026-03-27' RETURNING 1")
    assert [gap.where for gap in run_audit(engine, redis).gaps] == ["all days"]


@pytest.mark.parametrize(("zone", "other"), [("America/New_York", "Asia/Tokyo"), ("Asia/Tokyo", "America/New_York")])
def test_a_new_zone_after_retention_makes_no_gap(
    engine: Engine, redis: Redis, site: Site, sql: Sql, zone: str, other: str
) -> None:
    """One event an hour for four days; the raw events of the first are gone when the zone changes."""
    with engine.begin() as connection:
        sites.update_site(connection, site.key, zone=zone)
    start = datetime(2026, 3, 24, tzinfo=UTC)
    hourly = [event(n, ts=(start + timedelta(hours=n)).isoformat().replace("+00:00", "Z")) for n in range(92)]
    append(redis, site, hourly)
    drain(engine, redis)
    merge_all(engine, 10)
    sql("UPDATE sites SET raw_since = '2026-03-25' RETURNING 1")
    sql("DELETE FROM events WHERE ts < '2026-03-25' RETURNING 1")
    assert gaps(run_audit(engine, redis, full=True)) == []
    with engine.begin() as connection:
        sites.update_site(connection, site.key, zone=other)
    merge_all(engine, 10)
    sheet = run_audit(engine, redis, full=True)
    assert gaps(sheet) == []
    assert [day.day for day in sheet.days if day.raw is not None][-1] >= DAY
    assert any(day.raw is None for day in sheet.days)


def test_no_partition_is_dropped_during_an_audit(engine: Engine, redis: Redis, site: Site) -> None:
    append(redis, site, EVENTS)
    drain(engine, redis)
    with engine.connect() as connection:
        name = next(iter(partitions.list_partitions(connection, "events")))
    with repeatable_read(engine), engine.connect() as connection:
        partitions.set_lock_timeout(connection)
        with pytest.raises(OperationalError):
            partitions.drop(connection, name)


def test_values_beyond_the_limit_are_compared_as_other(engine: Engine, redis: Redis, site: Site, sql: Sql) -> None:
    append(redis, site, EVENTS)
    drain(engine, redis)
    deltas = sql("SELECT zone, body FROM rollup_deltas")
    from analytics.rollups.deltas.counts import decode_delta

    with engine.begin() as connection:
        change = decode_delta(bytes(deltas[0][1]), "UTC")
        rows.add(connection, site.id, change.counts, cardinality.CardinalityLimits(types=1, subjects=1, values=2))
        connection.execute(text("DELETE FROM rollup_deltas"))
    assert (OTHER,) in sql("SELECT value FROM rollups WHERE dimension = 'path'")
    sheet = run_audit(engine, redis, full=True)
    assert [gap for gap in sheet.gaps if " of visits " not in gap.where] == []


def test_values_without_a_row_are_compared_with_other() -> None:
    def count(events: int, *users: int) -> Count:
        return Count(events, BitMap64(users))

    kept = {RowKey("a", "", False, "x"): count(1, 1), RowKey("a", "", False, OTHER): count(5, 2, 3)}
    raw = {
        RowKey("a", "", False, "x"): count(1, 1), RowKey("a", "", False, "y"): count(2, 2),
        RowKey("a", "", False, "z"): count(3, 3),
    }  # fmt: skip
    assert move_to_other(kept, raw) == kept
    # Without a row '(other)', missing values stay missing.
    assert RowKey("a", "", False, "y") in move_to_other({RowKey("a", "", False, "x"): count(1, 1)}, raw)


def test_a_change_of_zone_is_no_gap(engine: Engine, redis: Redis, site: Site) -> None:
    fill(engine, redis, site)
    with engine.begin() as connection:
        sites.update_site(connection, site.key, zone="Asia/Tokyo")
    append(redis, site, EVENTS[:3])
    drain(engine, redis)
    sheet = run_audit(engine, redis, full=True)
    assert (gaps(sheet), "moving to another zone" in sheet.notes[0]) == ([], True)
    merge_all(engine, 10)
    sheet = run_audit(engine, redis, full=True)
    assert (gaps(sheet), sum(day.raw or 0 for day in sheet.days)) == ([], 83)


def test_no_false_alarm_while_events_flow(engine: Engine, redis: Redis, site: Site) -> None:
    """Repeats the audit while batches are appended, drained and merged."""
    done = threading.Event()
    failures: list[BaseException] = []

    def flow(step: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                while not done.is_set():
                    step()
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

        return run

    drains = Drain(engine, redis, b"s" * 32, linger_s=0.0, consumer="flow")
    steps = [
        lambda: append(redis, site, EVENTS[:20]) if buffer.count_entries(redis) < 3 else time.sleep(0.001),
        lambda: drains.run(duration_s=0.01),
        lambda: merge_all(engine, 1),
    ]
    threads = [threading.Thread(target=flow(step)) for step in steps]
    for thread in threads:
        thread.start()
    try:
        sheets = [run_audit(engine, redis, full=n % 4 == 0) for n in range(8)]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert [gap for sheet in sheets for gap in sheet.gaps] == []
    assert sheets[-1].hours[0].accounted_for > sheets[0].hours[0].accounted_for if sheets[0].hours else True
    drain(engine, redis)
    assert run_audit(engine, redis, full=True).is_balanced


def test_the_command_reports_whether_the_sheet_balances(
    app: Flask, engine: Engine, redis: Redis, site: Site, sql: Sql
) -> None:
    fill(engine, redis, site)
    command = app.test_cli_runner()
    good = command.invoke(args=["audit", "--full"])
    assert (good.exit_code, good.stdout.splitlines()[-1]) == (0, "balanced")
    sheet = json.loads(command.invoke(args=["audit", "--site", "default", "--json"]).stdout)
    assert (sheet["balanced"], sheet["hours"][0]["accepted"], sheet["gaps"]) == (True, 81, [])
    sql("DELETE FROM ingest_ledger WHERE received = 50 RETURNING 1")
    bad = command.invoke(args=["audit", "--from", "2026-03-27", "--to", "2026-03-27"])
    assert (bad.exit_code, bad.stdout.splitlines()[-1]) == (1, "GAP")
    assert "default 2026-03-27T20:00:00Z" in bad.stdout
    assert "81 expected, 31 found" in bad.stdout


def test_the_command_says_what_it_counts(app: Flask, engine: Engine, redis: Redis, site: Site) -> None:
    """Samples take the way of events, so they are in the hours, and not in the days."""
    received_us = int(NOW.timestamp() * 1e6)
    append(redis, site, [event(80), event(81)])
    body = msgspec.json.encode([StreamSample("load", "1", "gauge", "{}", received_us, "")] * 3)
    sent = {"body": body, "compressed": False, "holds_samples": True, "received_us": received_us}
    append_events(redis, site, [{}] * 3, **sent)
    drain(engine, redis)
    merge_all(engine, 100)
    lines = app.test_cli_runner().invoke(args=["audit"]).stdout.splitlines()
    hours, days = lines.index("events and samples, by hour of receipt:"), lines.index("events, by day of the site:")
    assert [line.split()[3:5] for line in lines[hours + 2 : days]] == [["5", "5"]]
    assert [line.split()[2:4] for line in lines[days + 2 : days + 3]] == [["2", "2"]]


def test_the_command_distinguishes_errors_from_gaps(app: Flask, make_app: Any, site: Site) -> None:
    unknown = app.test_cli_runner().invoke(args=["audit", "--site", "nobody"])
    assert (unknown.exit_code, unknown.stderr.count("\n")) == (2, 1)
    away = make_app(celery_broker_url="redis://127.0.0.1:1/0").test_cli_runner().invoke(args=["audit"])
    assert (away.exit_code, "Redis is away" in away.stderr, away.stderr.count("\n")) == (2, True, 1)


def test_the_task_returns_and_logs_a_gap(
    app: Flask, engine: Engine, redis: Redis, site: Site, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    fill(engine, redis, site)
    with app.app_context():
        assert maintenance.audit() == {"gap": None, "checked_at": "2026-03-27T20:30:00Z"}
        sql("DELETE FROM ingest_ledger WHERE received = 50 RETURNING 1")
        assert maintenance.audit()["gap"].startswith("default 2026-03-27T20:00:00Z: ")
    assert [record.levelname for record in caplog.records if record.name == "tasks.maintenance"] == ["ERROR"]


def test_keys_of_the_recount_are_those_of_the_rollups() -> None:
    assert RowKey._fields == tuple(name for name in RollupKey._fields if name not in ("dimension", "day"))
