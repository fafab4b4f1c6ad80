"""Rows of any age in real partitions, and a fixed clock."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from analytics.privacy import retention
from analytics.privacy.steps import Step, StepResult
from analytics.sites.sites import Site, create_site
from analytics.store.partitions import drop, ensure, list_partitions
from config import Settings

# Noon, so that the cut-offs of retention differ from the ends of days and partitions.
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
Put = Callable[..., None]


@pytest.fixture(autouse=True)
def only_own_partitions(engine: Engine) -> Iterator[None]:
    """Drops all partitions: those of other tests would be due too."""

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
    """`put(ts, rows)`: stores `rows` events of the site from `ts` on, a microsecond apart."""

    def store(ts: datetime, rows: int = 1, *, of: Site = site, ip: str | None = None, **columns: Any) -> None:
        ensure(engine, "events", [ts.date()], NOW.date())
        values = {"ts": ts, "rows": rows, "site_id": of.id, "ip": ip, "payload": None, "path": None, **columns}
        with engine.begin() as connection:
            connection.execute(PUT, values)
            # Without this, the statistics are a second late.
            connection.execute(text("SELECT pg_stat_force_next_flush()"))

    return store


LEDGER = text("""
INSERT INTO ingest_ledger (entry_id, received_at, site_id, received, stored, duplicate, dead_lettered, principal, request_id)
SELECT CAST(CAST(:at AS timestamptz) AS text) || '-' || n, :at, :site_id, 10, 7, 2, 1, '', '' FROM generate_series(1, :rows) AS n
""")


@pytest.fixture
def put_ledger(engine: Engine, site: Site) -> Put:
    """`put_ledger(at, rows)`: stores ledger rows of ten events, seven of them stored."""

    def store(at: datetime, rows: int = 1) -> None:
        ensure(engine, "ingest_ledger", [at.date()], NOW.date())
        with engine.begin() as connection:
            connection.execute(LEDGER, {"at": at, "rows": rows, "site_id": site.id})

    return store


@pytest.fixture
def make_site(engine: Engine) -> Callable[..., Site]:
    """`make_site("shop", 30)`: a site with that retention in days."""

    def make(key: str, days: int | None = None) -> Site:
        with engine.begin() as connection:
            return create_site(connection, key, event_retention_days=days)

    return make


@pytest.fixture
def run(engine: Engine, settings: Settings) -> Callable[..., list[StepResult]]:
    """`run(event_retention_days=10)`: the results of one run at NOW."""

    def at_now(
        now: datetime = NOW, budget_s: float = 1e9, on_result: Any = lambda result: None, **changes: Any
    ) -> list[StepResult]:
        return retention.run(engine, with_retention(settings, **changes), now, budget_s, on_result)

    return at_now


@pytest.fixture
def plan(engine: Engine, settings: Settings) -> Callable[..., list[Step]]:
    def at_now(now: datetime = NOW, **changes: Any) -> list[Step]:
        return retention.plan(engine, with_retention(settings, **changes), now)

    return at_now


def with_retention(settings: Settings, **changes: Any) -> Settings:
    """Settings with ten days of retention for everything and no masks, unless changed."""
    days = {"event_retention_days": 10, "ledger_retention_days": 10, "dead_letter_retention_days": 10}
    return replace(settings, **{**days, "metrics_retention_days": 10, "anonymize_ips_after_days": 36500, **changes})


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
