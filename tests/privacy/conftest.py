"""Rows of any age, in real partitions, and a clock that stands still."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from analytics.privacy import retention
from analytics.privacy.steps import Done, Step
from analytics.sites import Site, create_site
from analytics.store.partitions import drop, ensure, list_partitions
from config import Settings

# Noon, so that days and partitions do not end at the same instant as retentions do.
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
Put = Callable[..., None]


@pytest.fixture(autouse=True)
def only_own_partitions(engine: Engine) -> Iterator[None]:
    """Partitions of other tests would be due as well."""

    def drop_all() -> None:
        with engine.begin() as connection:
            for table in ("events", "samples", "ingest_ledger"):
                for name in list_partitions(connection, table):
                    drop(connection, name)

    drop_all()
    yield
    drop_all()


PUT = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, ip, payload, path)
SELECT gen_random_uuid(), CAST(:ts AS timestamptz) + n * interval '1 microsecond', :ts, n, :site_id, n % 2 = 1, 'page_view',
       'user' || n, CAST(:ip AS inet), CAST(:payload AS jsonb), :path
FROM generate_series(0, :rows - 1) AS n
""")


@pytest.fixture
def put(engine: Engine, site: Site) -> Put:
    """`put(ts, rows)`: the site has `rows` events from `ts` on, a microsecond apart."""

    def store(ts: datetime, rows: int = 1, *, of: Site = site, ip: str | None = None, **more: Any) -> None:
        ensure(engine, "events", [ts.date()], NOW.date())
        given = {"ts": ts, "rows": rows, "site_id": of.id, "ip": ip, "payload": None, "path": None, **more}
        with engine.begin() as connection:
            connection.execute(PUT, given)
            # What is counted otherwise shows up a second later.
            connection.execute(text("SELECT pg_stat_force_next_flush()"))

    return store


LEDGER = text("""
INSERT INTO ingest_ledger (entry_id, received_at, site_id, received, stored, duplicate, dead, principal, request_id)
SELECT CAST(CAST(:at AS timestamptz) AS text) || '-' || n, :at, :site_id, 10, 7, 2, 1, '', '' FROM generate_series(1, :rows) AS n
""")


@pytest.fixture
def put_ledger(engine: Engine, site: Site) -> Put:
    """`put_ledger(at, rows)`: that many batches of ten events, seven of them stored."""

    def store(at: datetime, rows: int = 1) -> None:
        ensure(engine, "ingest_ledger", [at.date()], NOW.date())
        with engine.begin() as connection:
            connection.execute(LEDGER, {"at": at, "rows": rows, "site_id": site.id})

    return store


@pytest.fixture
def make_site(engine: Engine) -> Callable[..., Site]:
    """`make_site("shop", 30)`: a site that keeps its events that many days."""

    def make(key: str, days: int | None = None) -> Site:
        with engine.begin() as connection:
            return create_site(connection, key, event_retention_days=days)

    return make


@pytest.fixture
def run(engine: Engine, settings: Settings) -> Callable[..., list[Done]]:
    """`run(event_retention_days=10)`: one run at NOW."""

    def at_now(now: datetime = NOW, seconds: float = 1e9, tell: Any = lambda done: None, **changes: Any) -> list[Done]:
        return retention.run(engine, rules(settings, **changes), now, seconds, tell)

    return at_now


@pytest.fixture
def plan(engine: Engine, settings: Settings) -> Callable[..., list[Step]]:
    def at_now(now: datetime = NOW, **changes: Any) -> list[Step]:
        return retention.plan(engine, rules(settings, **changes), now)

    return at_now


def rules(settings: Settings, **changes: Any) -> Settings:
    """Ten days of everything unless the test says otherwise; no IP is masked."""
    days = {"event_retention_days": 10, "ledger_retention_days": 10, "dead_letter_retention_days": 10}
    return replace(settings, **{**days, "metrics_retention_days": 10, "anonymize_ips_after_days": 36500, **changes})


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
