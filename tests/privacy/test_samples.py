"""Retention of raw samples: partitions, retention per site, archives; rollups stay."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text

from analytics.sites.sites import Site
from analytics.store.partitions import ensure
from tests.privacy.conftest import NOW, days_ago

PUT = text("""
INSERT INTO samples (sample_id, ts, received_at, site_id, name, value, kind, tags)
SELECT gen_random_uuid(), CAST(:ts AS timestamptz) + n * interval '1 microsecond', :ts, :site_id, 'm', 0.1, NULL, '{"a": "b"}'
FROM generate_series(1, :rows) AS n
""")
ROLLED_UP = text("""
INSERT INTO sample_rollups
VALUES (:site_id, 'm', false, :ts, '00000000-0000-0000-0000-000000000000', NULL, :ts, :ts, 7, 1, 0.7, 0.1, 0.1, 0.1, NULL, '')
""")


@pytest.fixture
def put_samples(engine: Engine, site: Site) -> Callable[..., None]:
    def store(ts: datetime, rows: int, of: Site = site) -> None:
        ensure(engine, "samples", [ts.date()], NOW.date())
        with engine.begin() as connection:
            connection.execute(PUT, {"ts": ts, "rows": rows, "site_id": of.id})

    return store


def test_partitions_of_samples_are_dropped_and_rollups_stay(
    put_samples: Any, run: Any, plan: Any, sql: Any, engine: Engine, site: Site
) -> None:
    put_samples(days_ago(15), 7)
    put_samples(days_ago(2), 3)
    with engine.begin() as connection:
        connection.execute(ROLLED_UP, {"site_id": site.id, "ts": days_ago(15)})
    assert [(step.action, step.rows) for step in plan()] == [("drop", 7)]
    assert [(done.step.description.split()[0], done.rows) for done in run()] == [("samples", 7)]
    assert sql("SELECT count(*) FROM samples") == [(3,)]
    assert sql("SELECT count FROM sample_rollups") == [(7,)]
    [(raw_since,)] = sql("SELECT raw_since FROM sites")
    assert days_ago(15) < raw_since <= days_ago(10)
    assert run() == []


def test_a_site_with_shorter_retention_loses_its_older_samples(
    put_samples: Any, run: Any, make_site: Any, sql: Any
) -> None:
    shop = make_site("shop", 2)
    for of in {"of": shop}, {}:
        put_samples(days_ago(5), 4, **of)
    put_samples(days_ago(1), 2, of=shop)
    assert [(done.step.table, done.step.description, done.rows) for done in run()] == [
        ("samples", "samples of site shop", 4)
    ]
    assert sql("SELECT site_id = :shop, count(*) FROM samples GROUP BY 1 ORDER BY 1", shop=shop.id) == [
        (False, 4),
        (True, 2),
    ]


def test_samples_are_archived_with_all_digits(put_samples: Any, run: Any, sql: Any, tmp_path: Path) -> None:
    put_samples(days_ago(15), 5)
    assert [done.rows for done in run(archive_url=str(tmp_path))] == [5]
    [(url, rows)] = sql("SELECT url, rows FROM archives")
    found = pq.read_table(url.removeprefix("file://").removeprefix("local://")).to_pylist()
    assert (rows, len(found), {row["value"] for row in found}) == (5, 5, {"0.1"})
    assert {row["tags"] for row in found} == {'{"a": "b"}'}
