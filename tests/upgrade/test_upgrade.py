"""A database at migration 0012, filled through its API, comes to the present schema with all that it holds.

Five sites in four zones, one of which has just changed its zone: 3,027 events of 1,124 users, clicks, samples, an
export, a goal. Three deltas wait for merge and ten accepted batches (430 events, 82 sent before) are in the stream.
`database_0012.copy.xz`: COPY statements of every table, each followed by its rows; `redis_0012.json`: key → DUMP.
"""

import base64
import json
import lzma
from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from redis import Redis
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.audit.run import run_audit
from analytics.columnar.write import write_due
from analytics.rollups.visit_recount import recount_unknown_visitors
from analytics.sites.sites import clear_site_cache
from analytics.store.partitions import ensure
from tasks import ingest, rollups
from tests.conftest import ROOT

FOLDER = Path(__file__).parent
MIGRATIONS = str(ROOT / "migrations")
# When it was filled, and the column that each partitioned table is divided by.
FILLED_AT = datetime(2026, 11, 30, 15, 41, tzinfo=UTC)
PARTITIONED = {"events": "ts", "samples": "ts", "ingest_ledger": "received_at"}


def tables_with_rows() -> Iterator[tuple[str, str]]:
    """(COPY statement, its rows) of each table."""
    statement, rows = "", list[str]()
    for line in lzma.decompress((FOLDER / "database_0012.copy.xz").read_bytes()).decode().split("\n"):
        if not statement:
            statement = line
        elif line == "\\.":
            yield statement, "".join(f"{row}\n" for row in rows)
            statement, rows = "", []
        else:
            rows.append(line)


def days_of(statement: str, rows: str, column: str) -> set[date]:
    index = statement[statement.index("(") + 1 : -1].split(", ").index(column)
    return {datetime.fromisoformat(row.split("\t")[index]).astimezone(UTC).date() for row in rows.splitlines()}


def fill(engine: Engine, redis: Redis) -> None:
    tables = list(tables_with_rows())
    for statement, rows in tables:
        name = statement.split()[1]
        if name in PARTITIONED:
            ensure(engine, name, days_of(statement, rows, PARTITIONED[name]), FILLED_AT.date())
    with engine.begin() as connection:
        cursor = connection.connection.cursor()
        for statement, rows in tables:
            cursor.copy_expert(f"{statement} FROM STDIN", StringIO(rows))
        for table in ("sites", "audit_log", "rollup_deltas"):
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"))
    for key, dumped in json.loads((FOLDER / "redis_0012.json").read_text()).items():
        redis.restore(key, 0, base64.b64decode(dumped))


@pytest.fixture
def upgraded(app: Flask, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(clock, "now", lambda: FILLED_AT)
    with app.app_context():
        downgrade(MIGRATIONS, "0012")
        try:
            fill(engine, redis)
        finally:
            upgrade(MIGRATIONS)
        clear_site_cache(engine)
        yield


def count_events(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM events")).scalar_one())


@pytest.mark.usefixtures("upgraded")
def test_upgraded_database_is_balanced(engine: Engine, redis: Redis) -> None:
    with engine.connect() as connection:
        listed = connection.execute(text("SELECT sum(stored)::int, max(last_drain_no) FROM event_days")).one()
        assert listed == (count_events(connection), 0)
    write_due(engine, FILLED_AT, 60)
    assert recount_unknown_visitors(engine, None).left == 0
    assert run_audit(engine, redis, full=True).gaps == []
    rollups.merge()
    assert recount_unknown_visitors(engine, None) == (0, 0)
    assert run_audit(engine, redis, full=True).gaps == []


@pytest.mark.usefixtures("upgraded")
def test_batches_that_the_former_release_accepted_are_stored_once(engine: Engine, redis: Redis) -> None:
    with engine.connect() as connection:
        before = count_events(connection)
    ingest.drain(claim=True)
    rollups.merge()
    rollups.move_calendars()
    with engine.connect() as connection:
        after = count_events(connection)
    assert (before, after) == (3_027, 3_027 + 430 - 82)
    recount_unknown_visitors(engine, None)
    assert run_audit(engine, redis, full=True).gaps == []
