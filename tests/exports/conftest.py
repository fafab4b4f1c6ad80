"""Rows spread over days, jobs over HTTP, and the task's body as a function."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from analytics.exports import jobs, sources
from analytics.exports.run import Runner, runner_of
from analytics.sites import Site
from analytics.store.partitions import drop, ensure, list_partitions
from config import Settings
from tasks import exports

ROUTE = "/api/analytics/exports"
FIRST = date(2026, 3, 2)
PUT = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, path, payload)
SELECT CAST(md5(:day || ' ' || n || CAST(:received_at AS text)) AS uuid), CAST(:day AS date) + n * interval '1 second', :received_at, n % 7, :site_id,
       false, CASE n % 3 WHEN 0 THEN 'click' ELSE 'page_view' END, 'user' || n % 7, '/p/' || n, '{"n": 1}'
FROM generate_series(1, :rows) AS n
""")


@pytest.fixture(autouse=True)
def empty_storage(request: pytest.FixtureRequest) -> None:
    """As the tables are, before a test that uses them."""
    if "settings" in request.fixturenames:
        shutil.rmtree(request.getfixturevalue("settings").export_url, ignore_errors=True)


@pytest.fixture
def rows(engine: Engine, site: Site) -> Callable[..., None]:
    """`rows(3, 50)`: the site has fifty events on each of three days from FIRST on, received then."""

    def put(days: int, each: int, received_at: datetime | None = None, first: date = FIRST, of: Site = site) -> None:
        for day in (first + timedelta(days=n) for n in range(days)):
            make_day(engine, "events", day)
            at = received_at or datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            given = {"day": str(day), "rows": each, "site_id": of.id, "received_at": at}
            with engine.begin() as connection:
                connection.execute(PUT, given)

    return put


def make_day(engine: Engine, table: str, day: date) -> None:
    """A partition of that day alone, also where another test left the one of its month."""
    with engine.begin() as connection:
        for name, found in list_partitions(connection, table).items():
            if found.covers(day) and found.end - found.start > timedelta(days=1):
                drop(connection, name)
    ensure(engine, table, [day], day)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is a day of `rows`, so that a few hundred rows make several."""
    monkeypatch.setattr(sources, "PART_ROWS", 20)


@pytest.fixture
def runner(settings: Settings, engine: Engine, redis: Redis) -> Runner:
    return runner_of(settings, engine, redis)


@pytest.fixture
def order(site: Site) -> Callable[..., jobs.Order]:
    """`order(format="ndjson")`: all of March."""

    def make(
        owner: str = "tester", key: str | None = None, cutoff: datetime | None = None, **changes: Any
    ) -> jobs.Order:
        given = {"what": "events", "format": "csv", "compression": "none", "site_id": site.id}
        given |= {"start": datetime(2026, 3, 1, tzinfo=UTC), "end": datetime(2026, 4, 1, tzinfo=UTC)}
        return jobs.Order(sources.Request(**{**given, **changes}), owner, key, cutoff=cutoff)

    return make


@pytest.fixture
def make_job(engine: Engine, order: Callable[..., jobs.Order]) -> Callable[..., jobs.Job]:
    """`make_job(format="ndjson")`: a queued job."""
    no_limits = jobs.Limits(None, 10**12, 10**15)
    return lambda **changes: jobs.create(engine, order(**changes), no_limits).job


@pytest.fixture
def api(client: FlaskClient, token: Any, auth: Any) -> Callable[..., Any]:
    """`api("post", json={…}, status=202, sub="me")`: the response, of a caller with the scope export."""

    def call(method: str, path: str = "", status: int = 200, headers: Any = None, **given: Any) -> Any:
        of_token = {name: given.pop(name) for name in ("sub", "site", "scope") if name in given}
        made = token(of_token.pop("scope", "export"), **of_token)
        response = client.open(ROUTE + path, method=method.upper(), headers={**auth(made), **(headers or {})}, **given)
        assert response.status_code == status, response.get_data(as_text=True)
        assert status < 400 or response.content_type == "application/problem+json"
        return response

    return call


@pytest.fixture
def work(app: Flask) -> Callable[[str], None]:
    """`work(job_id)`: what a worker does when the message comes."""

    def body(job_id: str) -> None:
        with app.app_context():
            exports.run(job_id)

    return body


@pytest.fixture
def done(api: Callable[..., Any], work: Callable[[str], None]) -> Callable[..., Any]:
    """`done(format="csv")`: the JSON of a finished job."""

    def make(**body: Any) -> Any:
        job_id = api("post", json=body, status=202).json["id"]
        work(job_id)
        found = api("get", f"/{job_id}").json
        assert found["state"] == "done", found["error"]
        return found

    return make


def file_of(runner: Runner, job: jobs.Job | None) -> bytes:
    assert job is not None
    assert job.file is not None
    with runner.storage.open_file(job.file) as file:
        return file.read()
