"""A full audit compares column files with the rows that they stand for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.audit.balance_sheet import Gap
from analytics.audit.run import run_audit
from analytics.columnar import parquet
from analytics.columnar.columns import EVENTS_IN_VISITS
from analytics.columnar.limits import QueryLimits
from analytics.columnar.local_files import LocalFiles
from analytics.columnar.write import write_due
from analytics.columnar.write_event_visits import VisitNamer
from analytics.columnar.write_visits import write_due_visits
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site
from analytics.store.columns.event_files import NewFile
from tests.factories import append_events, make_drain, make_site

START = datetime(2026, 3, 26, 22, tzinfo=UTC)
NOW = START + timedelta(days=3)


@pytest.fixture
def site(engine: Engine) -> Site:
    return make_site(engine, "Asia/Kathmandu")


def store(engine: Engine, redis: Redis, site: Site, count: int) -> None:
    events: list[dict[str, Any]] = [
        {
            "type": "page_view", "ts": (START + timedelta(minutes=7 * n)).isoformat(), "user_id": f"u{n % 5}",
            "path": f"/{n % 3}?utm_source=NEWS", "country": "DE", "region": "Bavaria", "city": "Ulm" if n % 2 else None,
            "payload": {"n": n, "text": "ä\n\"'"},
        }
        for n in range(count)
    ]  # fmt: skip
    append_events(redis, site, [{k: v for k, v in one.items() if v is not None} for one in events])
    make_drain(engine, redis).run()
    merge_all(engine, 10)


@pytest.fixture
def write(engine: Engine, tmp_path: Path) -> Callable[[], None]:
    namer = VisitNamer(engine, LocalFiles(tmp_path, 1 << 30), QueryLimits(memory_mb=128, spill_mb=128, timeout_s=0))

    def write_files() -> None:
        write_due(engine, NOW, 20)
        write_due_visits(engine, NOW, 20, rest=-timedelta(days=3650))
        namer.run(NOW, 20, rest=-timedelta(days=3650))

    return write_files


def gaps(engine: Engine, redis: Redis) -> list[Gap]:
    return [gap for gap in run_audit(engine, redis, full=True).gaps if "columns" in gap.where]


def test_files_hold_the_rows(engine: Engine, redis: Redis, site: Site, sql: Any, write: Any) -> None:
    store(engine, redis, site, 60)
    write()
    store(engine, redis, site, 9)
    assert sql("SELECT count(*), sum(rows)::int FROM column_files") == [(2, 60)]
    assert sql("SELECT count(*) FROM visit_files") == [(1,)]
    assert sql("SELECT count(*) FROM column_files WHERE visits_version IS NOT NULL") == [(2,)]
    assert gaps(engine, redis) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET path = '/x' WHERE path = '/1'",
        "UPDATE events SET payload = '{}' WHERE city = 'Ulm'",
        "DELETE FROM events WHERE path = '/1'",
        "UPDATE column_days SET through = through + 1000000",
        "DELETE FROM column_files WHERE id = (SELECT min(id) FROM column_files)",
        "UPDATE event_days SET last_drain_no = 0",
        "UPDATE visits SET views = views + 1",
        "DELETE FROM visits WHERE user_no = 1",
        "UPDATE visits SET exit_path = '/x', ended_at = ended_at",
        "DELETE FROM visit_files; UPDATE visits SET country = 'FR'",
        "DELETE FROM visit_files; UPDATE visits SET ended_at = ended_at - interval '1 hour'",
    ],
)
def test_other_rows_are_gaps(engine: Engine, redis: Redis, site: Site, sql: Any, write: Any, statement: str) -> None:
    store(engine, redis, site, 60)
    write()
    if "through" in statement:
        # Rows that the files should hold, then.
        store(engine, redis, site, 9)
    sql(f"{statement} RETURNING 1")
    assert gaps(engine, redis) != []


@pytest.mark.parametrize("user", ["u1", "kiosk"], ids=["named", "of-a-long-visit"])
def test_events_that_are_named_or_not_without_reason_are_gaps(
    engine: Engine, redis: Redis, site: Site, sql: Any, write: Any, user: str
) -> None:
    store(engine, redis, site, 60)
    # A page that reloads itself from the morning on, past midnight.
    times = [START + timedelta(minutes=25 * n) for n in range(-30, 30)]
    kiosk = [{"type": "page_view", "user_id": "kiosk", "ts": at.isoformat(), "path": "/"} for at in times]
    append_events(redis, site, kiosk)
    make_drain(engine, redis).run()
    merge_all(engine, 10)
    write()
    assert gaps(engine, redis) == []
    [(number,)] = sql("SELECT user_no FROM users WHERE user_id = :user", user=user)
    for file_id, body in sql("SELECT id, body FROM column_files WHERE day = '2026-03-27'"):
        changed = _turn_names(bytes(body), number)
        given = {"id": file_id, "body": changed.body, "sha256": changed.sha256}
        sql("UPDATE column_files SET body = :body, sha256 = :sha256 WHERE id = :id RETURNING 1", **given)
    [gap] = gaps(engine, redis)
    assert (gap.where, gap.what) == ("2026-03-27 columns", "events in their visits")


def _turn_names(body: bytes, user_no: int) -> NewFile:
    """The file, whose events of the user are named where they were not."""
    table = parquet.decode(body, EVENTS_IN_VISITS)
    named = [row["is_named"] != (row["user_no"] == user_no) for row in table.to_pylist()]
    column = table.schema.get_field_index("is_named")
    return parquet.encode(table.set_column(column, table.schema.field(column), pa.array(named)), EVENTS_IN_VISITS)
