"""Exports of a segment: a job keeps its conditions, a schedule its name."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.exports.jobs import creation
from analytics.exports.jobs.job import read_job
from analytics.exports.jobs.run import run_job
from analytics.exports.jobs.runner import Runner
from analytics.exports.schedules import due_jobs
from analytics.sites.sites import Site
from tests.exports.conftest import file_of

SEGMENTS = "/api/analytics/segments"
LIMITS = creation.Limits(1, 10**6, 10**9)
CLICKS = {"name": "Clicks", "filter": "type==click"}


@pytest.fixture
def change(client: Any, token: Any, auth: Any, site: Site) -> Any:
    """`change("country==DE")`: the segment Clicks has that filter; `change(None)`: it is deleted."""
    headers = auth(token("read write"))
    segment = client.post(SEGMENTS, json=CLICKS, headers=headers).json["id"]

    def update(filter_text: str | None) -> None:
        if filter_text is None:
            response = client.delete(f"{SEGMENTS}/{segment}", headers=headers)
        else:
            response = client.patch(f"{SEGMENTS}/{segment}", json={"filter": filter_text}, headers=headers)
        assert response.status_code in (200, 204)

    return update


def types_of(runner: Runner, job_id: str) -> list[str]:
    return file_of(runner, run_job(runner, job_id)).decode().splitlines()[1:]


def order(where: str, **body: Any) -> dict[str, Any]:
    return {"filter": {"where": where}, "columns": ["type"], "date": "2026-03-02", **body}


def test_a_file_has_the_rows_of_the_segment(api: Any, change: Any, rows: Any, runner: Runner) -> None:
    rows(1, 30)
    job = api("post", json=order("segment:clicks;path!=/p/3"), status=202).json
    # Every third of thirty rows is a click, one of them on /p/3.
    assert types_of(runner, job["id"]) == ["click"] * 9
    shown = api("get", f"/{job['id']}").json["request"]
    assert (shown["where"], shown["where_sent"]) == ("type==click;path!=/p/3", "segment:clicks;path!=/p/3")


def test_a_queued_job_keeps_the_conditions_of_its_request(api: Any, change: Any, rows: Any, runner: Runner) -> None:
    rows(1, 30)
    job = api("post", json=order("segment:Clicks"), status=202).json
    change("type==page_view")
    change(None)
    assert types_of(runner, job["id"]) == ["click"] * 10


def test_an_unknown_segment_is_refused_by_its_field(api: Any, change: Any) -> None:
    refused = api("post", json=order("path!=/;segment:Views"), status=400).json
    assert (refused["errors"][0]["field"], refused["position"]) == ("filter.where", 8)
    assert refused["errors"][0]["code"] == "unknown_segment"
    assert refused["detail"] == "filter.where: the site has no segment 'Views'; accepted: segment:Clicks"
    refused = api("post", json=order("segment:Clicks;nation==DE"), status=400).json
    assert (refused["errors"][0]["field"], refused["position"]) == ("filter.where", 15)


def test_a_schedule_exports_by_the_segment_of_each_day(
    api: Any, change: Any, rows: Any, engine: Engine, redis: Redis, runner: Runner, sql: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    start = datetime(2026, 3, 2, 5, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: start)
    rows(1, 30, received_at=start - timedelta(hours=1))
    body = {"every": "day", "at": "06:00", "zone": "UTC", "request": order("segment:Clicks")}
    del body["request"]["date"]
    stored = api("post", "/schedules", json=body, status=201).json
    assert (stored["request"]["where"], "where_sent" in stored["request"]) == ("segment:Clicks", False)
    found = []
    for day, filter_text in enumerate(("type==click", "type==page_view", "type==click")):
        change(filter_text)
        now = start + timedelta(days=day, hours=2)
        monkeypatch.setattr(clock, "now", lambda now=now: now)
        rows(1, 30, received_at=now - timedelta(hours=1))
        [job_id] = due_jobs.create_due_jobs(engine, redis, LIMITS, now)
        job = read_job(engine, job_id)
        assert job is not None
        assert job.request["where_sent"] == "segment:Clicks"
        found.append(sorted(set(types_of(runner, job_id))))
    assert found == [["click"], ["page_view"], ["click"]]
