"""Fixtures of exports: rows on several days, jobs, requests to the API, and the task as a function."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from analytics.exports.jobs import creation
from analytics.exports.jobs.job import Job
from analytics.exports.jobs.runner import Runner, create_runner
from analytics.exports.sources import raw_rows
from analytics.exports.sources.export import resolve
from analytics.exports.sources.request import ExportRequest
from analytics.sites.sites import Site
from analytics.store.partitions import drop, ensure, list_partitions
from config import Settings
from tasks import exports

ROUTE = "/api/analytics/exports"
FIRST_DAY = date(2026, 3, 2)
INSERT_EVENTS = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, path, payload)
SELECT CAST(md5(:day || ' ' || n || CAST(:received_at AS text)) AS uuid), CAST(:day AS date) + n * interval '1 second', :received_at, n % 7, :site_id,
       false, CASE n % 3 WHEN 0 THEN 'click' ELSE 'page_view' END, 'user' || n % 7, '/p/' || n, '{"n": 1}'
FROM generate_series(1, :rows) AS n
""")


@pytest.fixture
def rows(engine: Engine, site: Site) -> Callable[..., None]:
    """`rows(3, 50)`: inserts fifty events on each of three days from FIRST_DAY on, received at noon of the day."""

    def insert(
        days: int, each: int, received_at: datetime | None = None, first: date = FIRST_DAY, of: Site = site
    ) -> None:
        for day in (first + timedelta(days=n) for n in range(days)):
            make_day(engine, "events", day)
            at = received_at or datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            values = {"day": str(day), "rows": each, "site_id": of.id, "received_at": at}
            with engine.begin() as connection:
                connection.execute(INSERT_EVENTS, values)

    return insert


def make_day(engine: Engine, table: str, day: date) -> None:
    """Creates a partition of that day alone, also where another test left the one of its month."""
    with engine.begin() as connection:
        for name, days in list_partitions(connection, table).items():
            if days.contains(day) and days.end - days.start > timedelta(days=1):
                drop(connection, name)
    ensure(engine, table, [day], day)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part holds one day of `rows`, so a few hundred rows make several parts."""
    monkeypatch.setattr(raw_rows, "PART_ROWS", 20)


@pytest.fixture
def runner(settings: Settings, engine: Engine, redis: Redis) -> Runner:
    return create_runner(settings, engine, redis)


@pytest.fixture
def new_job(site: Site) -> Callable[..., creation.NewJob]:
    """`new_job(format="ndjson")`: an export of March to create."""

    def make(
        owner: str = "tester",
        key: str | None = None,
        cutoff: datetime | None = None,
        token_id: str | None = None,
        **changes: Any,
    ) -> creation.NewJob:
        values = {"what": "events", "format": "csv", "compression": "none", "site_id": site.id}
        values |= {"start": datetime(2026, 3, 1, tzinfo=UTC), "end": datetime(2026, 4, 1, tzinfo=UTC)}
        request = ExportRequest(**{**values, **changes})
        return creation.NewJob(resolve(request), owner, key, cutoff=cutoff, token_id=token_id)

    return make


@pytest.fixture
def make_job(engine: Engine, new_job: Callable[..., creation.NewJob]) -> Callable[..., Job]:
    """`make_job(format="ndjson")`: a queued job."""
    no_limits = creation.Limits(None, 10**12, 10**15)
    return lambda **changes: creation.create(engine, new_job(**changes), no_limits).job


@pytest.fixture
def api(client: FlaskClient, token: Any, auth: Any) -> Callable[..., Any]:
    """`api("post", json={…}, status=202, sub="me")`: the response to a caller with the scopes `export write`."""

    def call(method: str, path: str = "", status: int = 200, headers: Any = None, **options: Any) -> Any:
        claims = {name: options.pop(name) for name in ("sub", "site", "scope", "jti") if name in options}
        headers = {**auth(token(claims.pop("scope", "export write"), **claims)), **(headers or {})}
        response = client.open(ROUTE + path, method=method.upper(), headers=headers, **options)
        assert response.status_code == status, response.get_data(as_text=True)
        assert status < 400 or response.content_type == "application/problem+json"
        return response

    return call


@pytest.fixture
def exporting_app(app: Flask) -> Flask:
    """The application of the worker; a test with other settings overrides it."""
    return app


@pytest.fixture
def work(exporting_app: Flask) -> Callable[[str], None]:
    """`work(job_id)`: runs the task as a worker does."""

    def run(job_id: str) -> None:
        with exporting_app.app_context():
            exports.run(job_id)

    return run


@pytest.fixture
def done(api: Callable[..., Any], work: Callable[[str], None]) -> Callable[..., Any]:
    """`done(format="csv")`: the JSON of a finished job."""

    def make(**body: Any) -> Any:
        job_id = api("post", json=body, status=202).json["id"]
        work(job_id)
        job = api("get", f"/{job_id}").json
        assert job["state"] == "done", job["error"]
        return job

    return make


def file_of(runner: Runner, job: Job | None) -> bytes:
    assert job is not None
    assert job.file is not None
    with runner.storage.open_file(job.file) as file:
        return file.read()
