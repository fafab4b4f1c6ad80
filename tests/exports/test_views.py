"""Exports over HTTP: created, polled, downloaded, cancelled; who sees them, and what is refused."""

import csv
import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics import clock
from analytics.exports.jobs import creation, serialization
from analytics.exports.sources.request import Filter
from analytics.sites.sites import create_site
from tests.exports.conftest import ROUTE

Api = Callable[..., Any]
BODY = {"what": "events", "format": "csv", "from": "2026-03-01", "to": "2026-03-31"}


def test_created_export_becomes_a_file(rows: Api, api: Api, work: Api) -> None:
    rows(3, 50)
    created = api("post", json=BODY, status=202)
    assert created.headers["Location"] == f"{ROUTE}/{created.json['id']}"
    assert (created.json["state"], created.json["download_url"]) == ("queued", None)
    assert 1 <= int(created.headers["Retry-After"]) <= 30
    work(created.json["id"])
    response = api("get", f"/{created.json['id']}")
    assert "Retry-After" not in response.headers
    job = response.json
    assert (job["state"], job["rows"], job["error"], job["progress"]["percent"]) == ("done", 150, None, 100.0)
    assert (job["file_name"], job["progress"]["rows_done"]) == ("events-default-2026-03-01-2026-03-31.csv", 150)
    body = api("get", f"/{job['id']}/download").get_data()
    assert (len(body), hashlib.sha256(body).hexdigest()) == (job["bytes"], job["sha256"])
    rows_read = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    keys = [(row["ts"], row["event_id"]) for row in rows_read]
    assert (len(keys), keys) == (150, sorted(set(keys)))


def test_export_without_events_is_a_header(done: Api, api: Api, site: object) -> None:
    job = done()
    assert job["rows"] == 0
    assert api("get", f"/{job['id']}/download").text.startswith("event_id,ts,")


def test_filter_and_columns_limit_the_file(rows: Api, done: Api, api: Api) -> None:
    rows(2, 21)
    job = done(filter={"type": "click", "user_id": "user3"}, columns=["type", "user_id"])
    # Of n = 1 … 21, only 3 is 0 modulo 3 and 3 modulo 7.
    assert api("get", f"/{job['id']}/download").text.splitlines() == ["type,user_id"] + ["click,user3"] * 2


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param({"what": "people"}, 422, "people", id="what"),
        pytest.param({"what": "samples", "filter": {"type": "x"}}, 400, "by name and tags", id="samples-by-type"),
        pytest.param({"filter": {"tags": {"a": "b"}}}, 400, "samples have them", id="events-by-tags"),
        pytest.param(
            {"what": "report", "filter": {"where": "path==/"}}, 400, "a report counts all events", id="report-by-filter"
        ),
        pytest.param({"filter": {"where": "path==/;colour==red"}}, 400, "at position 8", id="text-filter"),
        pytest.param({"what": "subject"}, 400, "filter.user_id", id="subject-without-user"),
        pytest.param({"format": "pdf"}, 422, "pdf", id="format"),
        pytest.param({"format": "xlsx", "compression": "gzip"}, 400, "compression", id="compressed-workbook"),
        pytest.param({"colums": ["ts"]}, 422, "colums", id="unknown-field"),
        pytest.param({"columns": ["nothing"]}, 400, "nothing", id="unknown-column"),
        pytest.param({"filter": {"typo": "x"}}, 422, "typo", id="unknown-filter"),
        pytest.param({"from": "yesterday"}, 400, "yesterday", id="no-date"),
        pytest.param({"days": 7, "date": "2026-03-01"}, 400, "contradict", id="two-periods"),
        pytest.param({"zone": "Mars/Phobos"}, 400, "Mars/Phobos", id="no-zone"),
        pytest.param({"site": "nowhere"}, 404, "nowhere", id="no-site"),
        pytest.param({"filter": {"user_id": "a\0b"}}, 422, "NUL", id="nul"),
        pytest.param({"filter": {"type": ["a", 5]}}, 422, "filter[type][1]", id="nested-item"),
        pytest.param({"callback_url": "ftp://x"}, 422, "https://", id="callback"),
    ],
)
def test_invalid_body_is_refused_by_field(api: Api, site: object, body: Any, status: int, words: str) -> None:
    assert words in api("post", json=body, status=status).text


def test_same_idempotency_key_gives_the_same_job(
    api: Api, site: object, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Idempotency-Key": "monday"}
    first = api("post", json={"hours": 7}, headers=headers, status=202)
    monkeypatch.setattr(clock, "now", lambda now=clock.now: now() + timedelta(minutes=30))
    again = api("post", json={"hours": 7}, headers=headers, status=202)
    assert (again.json["id"], again.headers["Location"]) == (first.json["id"], first.headers["Location"])
    assert "Idempotency-Key" in api("post", json={"hours": 8}, headers=headers, status=409).json["detail"]
    other = api("post", json={"hours": 8}, headers=headers, sub="somebody", status=202)
    assert other.json["id"] != first.json["id"]
    assert sql("SELECT count(*) FROM export_jobs") == [(2,)]
    assert "255" in api("post", json={}, headers={"Idempotency-Key": "k" * 256}, status=400).json["detail"]


def test_an_idempotency_key_tells_nothing_of_another_site(api: Api, site: object, engine: Engine) -> None:
    """Two issuers may give the same subject to callers of two sites."""
    with engine.begin() as connection:
        create_site(connection, "shop")
    headers = {"Idempotency-Key": "monday"}
    ours = api("post", json={"hours": 7}, headers=headers, sub="me", site="default", status=202)
    theirs = api("post", json={"site": "shop"}, headers=headers, sub="me", site="shop", status=202)
    assert ours.json["id"] != theirs.json["id"]
    conflict = api("post", json={"site": "shop", "days": 3}, headers=headers, sub="me", site="shop", status=409)
    assert theirs.json["id"] in conflict.json["detail"]


def test_jobs_are_visible_to_their_owner_and_to_admins_of_the_site(api: Api, site: object, engine: Engine) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop")
    mine = api("post", json={}, sub="me", status=202).json["id"]
    shops = api("post", json={"site": "shop"}, sub="me", status=202).json["id"]

    def seen(**of_token: Any) -> list[str]:
        return [job["id"] for job in api("get", **of_token).json["exports"]]

    assert seen(sub="me") == [shops, mine]
    assert seen(sub="me", site="shop") == [shops]
    assert seen(sub="you") == []
    assert seen(sub="root", scope="admin") == [shops, mine]
    assert seen(sub="root", scope="admin", site="default") == [mine]
    for path, methods in ((f"/{mine}", ("get", "delete")), (f"/{mine}/download", ("get", "head"))):
        for method in methods:
            for other in ({"sub": "you"}, {"sub": "me", "site": "shop"}, {"scope": "admin", "site": "shop"}):
                response = api(method, path, status=404, **other)
                assert method == "head" or mine in response.json["detail"]
    api("get", f"/{mine}", scope="admin", sub="root")
    api("get", scope="read", status=403)
    api("post", json={"site": "default"}, site="shop", status=403)


def test_list_is_paginated(api: Api, site: object, make_job: Api) -> None:
    created = [make_job().id for _ in range(5)]
    listed, cursor = [], ""
    while cursor is not None:
        page = api("get", f"?limit=2{cursor and '&cursor=' + cursor}").json
        listed += [job["id"] for job in page["exports"]]
        cursor = page["next_cursor"]
    assert listed == created[::-1]
    for wrong in ("cursor=x", "limit=0", "limit=x", "page=2", "cursor=MjAyNi0wMS0wMSB4"):
        api("get", f"?{wrong}", status=400)


def test_list_shows_exports_of_one_state_site_or_schedule(
    api: Api, site: object, engine: Engine, make_job: Api, sql: Any
) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop")
    queued, done, over = (make_job().id for _ in range(3))
    shops = api("post", json={"site": "shop"}, status=202).json["id"]
    schedule = api("post", "/schedules", json={"every": "day", "at": "06:30"}, status=201).json["id"]
    sql(
        "UPDATE export_jobs SET state = 'done', expires_at = now() + interval '1 h' WHERE id = :id RETURNING 1", id=done
    )
    # Its file is still there: the sweep has not run.
    sql(
        "UPDATE export_jobs SET state = 'done', expires_at = now() - interval '1 s' WHERE id = :id RETURNING 1", id=over
    )
    sql("UPDATE export_jobs SET schedule_id = :schedule WHERE id = :id RETURNING 1", id=queued, schedule=schedule)

    def listed(query: str) -> list[str]:
        return [job["id"] for job in api("get", f"?{query}").json["exports"]]

    assert listed("state=queued") == [shops, queued]
    assert listed("state=done") == [done]
    assert listed("state=expired") == [over]
    assert listed("state=queued&site=default") == listed(f"schedule={schedule}") == [queued]
    assert listed("website_id=shop") == [shops]
    for wrong in ("state=x", "schedule=x", "site=shop&site_id=default"):
        api("get", f"?{wrong}", status=400)
    api("get", "?site=shop", site="default", status=403)
    api("get", "?site=none", status=404)
    api("get", "?site=%00", status=400)


def test_queued_job_is_cancelled_then_deleted(api: Api, work: Api, site: object, sql: Any) -> None:
    job_id = api("post", json={}, status=202).json["id"]
    assert api("delete", f"/{job_id}").json["state"] == "cancelled"
    work(job_id)
    assert api("get", f"/{job_id}").json["state"] == "cancelled"
    assert "cancelled" in api("get", f"/{job_id}/download", status=410).json["detail"]
    api("delete", f"/{job_id}", status=204)
    api("delete", f"/{job_id}", status=404)
    assert sql("SELECT * FROM export_jobs") == []


def test_finished_job_is_deleted_with_its_file(rows: Api, done: Api, api: Api, runner: Any) -> None:
    rows(1, 5)
    job = done()
    assert runner.storage.size(f"{job['id']}.csv") == job["bytes"]
    api("delete", f"/{job['id']}", status=204)
    assert runner.storage.list_files() == []
    api("get", f"/{job['id']}/download", status=404)


@pytest.fixture
def limited(make_app: Callable[..., Flask], token: Any, auth: Any) -> Callable[..., Any]:
    """`limited(export_max_rows=1)`: creates an export in a service with that setting."""

    def post(**changes: Any) -> Any:
        client: FlaskClient = make_app(**changes).test_client()
        return client.post(ROUTE, json={}, headers=auth(token("export")))

    return post


def test_unfinished_jobs_of_a_caller_are_limited(api: Api, site: object) -> None:
    created = [api("post", json={}, status=202).json["id"] for _ in range(4)]
    refused = api("post", json={}, status=429)
    assert ("EXPORT_RUNNING_A_CALLER" in refused.json["detail"], int(refused.headers["Retry-After"])) == (True, 30)
    api("post", json={}, sub="somebody", status=202)
    api("delete", f"/{created[0]}")
    api("post", json={}, status=202)


def test_export_with_too_many_rows_is_refused(rows: Api, limited: Api) -> None:
    rows(1, 2000)
    response = limited(export_max_rows=1)
    assert (response.status_code, response.json["code"]) == (413, "too_large")
    assert "EXPORT_MAX_ROWS" in response.json["detail"]


def test_export_is_refused_when_the_quota_is_used_up(rows: Api, done: Api, limited: Api) -> None:
    rows(1, 50)
    assert done()["bytes"] > 1000
    response = limited(export_quota_bytes=1000)
    assert (response.status_code, "EXPORT_QUOTA_BYTES" in response.json["detail"]) == (429, True)


def test_export_is_accepted_without_redis(make_app: Api, token: Any, auth: Any, site: Any, engine: Engine) -> None:
    app = make_app()
    app.extensions["celery"].conf.broker_url = "redis://127.0.0.1:1/0"
    response = app.test_client().post(ROUTE, json={}, headers=auth(token("export")))
    assert (response.status_code, response.json["state"]) == (202, "queued")


def test_running_job_has_progress(make_job: Api, engine: Engine) -> None:
    job = make_job()
    now = clock.now()
    running = job._replace(
        state="running", rows_done=250, rows_estimate=1000, started_at=now - timedelta(seconds=10), heartbeat_at=now
    )
    progress = serialization.as_json(running, now)["progress"]
    assert progress == {"rows_done": 250, "rows_estimate": 1000, "percent": 25.0, "rate_rows_s": 25, "eta_s": 30}
    assert serialization.retry_after_s(running) == 15
    past = running._replace(rows_done=1200)
    assert serialization.as_json(past, now)["progress"] | {"rate_rows_s": 0} == {
        "rows_done": 1200, "rows_estimate": 1000, "percent": 99.0, "rate_rows_s": 0, "eta_s": 0,
    }  # fmt: skip


def test_progress_is_by_parts_without_an_estimate(make_job: Api) -> None:
    now = clock.now()
    parts = [{"n": n} | ({"sha256": "x"} if n < 3 else {}) for n in range(4)]
    running = make_job(filter=Filter(where="path==/"))._replace(
        state="running", rows_done=250, started_at=now - timedelta(seconds=10), heartbeat_at=now, parts=parts
    )
    assert running.rows_estimate is None
    progress = {"rows_done": 250, "rows_estimate": None, "percent": 75.0, "rate_rows_s": 25, "eta_s": None}
    assert serialization.as_json(running, now)["progress"] == progress


def test_long_job_is_polled_every_30_s(make_job: Api) -> None:
    now = clock.now()
    slow = make_job()._replace(
        state="running", rows_done=1, rows_estimate=10**6, started_at=now - timedelta(seconds=1), heartbeat_at=now
    )
    assert serialization.retry_after_s(slow) == 30
    assert serialization.retry_after_s(slow._replace(state="failed")) is None


def test_limits_come_from_the_settings(settings: Any) -> None:
    changed = replace(settings, export_running_a_caller=1, export_max_rows=2, export_quota_bytes=3000)
    assert creation.read_limits(changed) == (1, 2, 3000)
