"""Before each test the tables are empty and numbers begin anew, whether rows were deleted or files replaced."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, text

from analytics.store.models import metadata
from analytics.store.partitions import ensure
from tests import empty_tables

FILL = """
INSERT INTO sites (key, name, event_types) SELECT 'site' || n, 'n', '{}' FROM generate_series(1, :rows) AS n;
INSERT INTO audit_log (actor, action) SELECT repeat('x', 100), 'a' FROM generate_series(1, :rows);
"""


@pytest.mark.parametrize("rows", [3, 5000])
def test_tables_are_empty_and_numbers_begin_anew(engine: Engine, sql: Callable[..., Any], rows: int) -> None:
    for _ in range(2):
        with engine.begin() as connection:
            connection.execute(text(FILL), {"rows": rows})
        for table in ("sites", "audit_log"):
            assert sql(f"SELECT min(id), max(id) FROM {table}") == [(1, rows)]
        with engine.begin() as connection:
            empty_tables.empty_tables(connection)
        assert [name for name in metadata.tables if sql(f"SELECT 1 FROM {name} LIMIT 1")] == []


def test_partitions_without_rows_have_no_size(engine: Engine, sql: Callable[..., Any]) -> None:
    day = date(2031, 1, 1)
    ensure(engine, "ingest_ledger", [day], day)
    sql("INSERT INTO ingest_ledger (entry_id, received_at, site_id, received, stored, duplicate, dead_lettered, principal,"
        " request_id) VALUES ('1-1', '2031-01-01T12:00Z', 1, 1, 1, 0, 0, '', '') RETURNING 1")  # fmt: skip
    size = "SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('ingest_ledger')"
    assert sql(size) > [(0,)]
    with engine.begin() as connection:
        empty_tables.empty_tables(connection)
    assert (sql(size), sql("SELECT 1 FROM ingest_ledger")) == ([(0,)], [])
