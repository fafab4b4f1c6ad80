"""Samples as files: every format, resumed after kills, filtered, and exported by time of receipt."""

import csv
import io
import itertools
import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pyarrow.parquet
import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.exports.jobs import creation
from analytics.exports.jobs.run import run_job
from analytics.exports.jobs.runner import Runner
from analytics.exports.schedules import due_jobs
from analytics.exports.schedules import schedule as schedules
from analytics.exports.sources import raw_rows
from analytics.exports.sources.raw_rows import RawRows
from analytics.exports.sources.request import ExportRequest, Filter
from analytics.ingest.drain.drain import Drain
from analytics.sites.sites import Site, create_site
from tests.exports.conftest import file_of, make_day
from tests.exports.jobs.test_run import After, Killed

Make = Callable[..., Any]
START = datetime(2026, 11, 20, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
# Tokens stay valid when the clock is moved by days.
LATE = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
PERIOD = {"from": "2026-11-20", "to": "2026-11-23"}
TAGS: list[dict[str, str]] = [{}, {"route": "/a"}, {"route": "=1+1", "code": "200"}]
# Values with signs, exponents and more digits than a float keeps.
VALUES = ("0.1", "-3", "1e300", "1234567890.1234567", "0", "-2.5e-7")
KINDS = ("gauge", "counter", None)


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading of the clock is later: a row received at the cutoff of a job is not in the job."""
    ticks = itertools.count()
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(milliseconds=next(ticks)))


@pytest.fixture
def post(engine: Engine, redis: Redis, client: FlaskClient, token: Any, auth: Any, site: Site) -> Callable[..., None]:
    """`post(samples)`: sends them in one batch and stores them; each day is a partition."""

    def send(samples: list[dict[str, Any]]) -> None:
        for day in {datetime.fromisoformat(sample["ts"]).date() for sample in samples}:
            make_day(engine, "samples", day)
        body = "[" + ",".join(_as_text(sample) for sample in samples) + "]"
        headers = auth(token("ingest", exp=LATE)) | {"Content-Type": "application/json"}
        response = client.post("/api/analytics/samples", data=body, headers=headers)
        assert (response.status_code, response.json["accepted"]) == (202, len(samples)), response.json
        Drain(engine, redis, b"s" * 32, linger_s=0.0, consumer=uuid.uuid4().hex).run()

    return send


def _as_text(one: dict[str, Any]) -> str:
    """JSON with the digits of the value unchanged."""
    rest = {name: value for name, value in one.items() if name != "value" and value is not None}
    return f'{{"value": {one["value"]}, {json.dumps(rest)[1:]}'


def make_samples(count: int, name: str = "load", every: timedelta = timedelta(minutes=37)) -> list[dict[str, Any]]:
    """In the new_job of their times."""
    return [
        {
            "name": f"{name}{n % 2}",
            "value": VALUES[n % len(VALUES)],
            "kind": KINDS[n % 3],
            "tags": TAGS[n % 3],
            "ts": (START + n * every).isoformat(),
            "sample_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {n}")),
        }
        for n in range(count)
    ]


def text_of(api: Make, job: Any) -> str:
    return str(api("get", f"/{job['id']}/download").text)


def test_csv_has_every_digit_and_no_formula(post: Make, done: Make, api: Make) -> None:
    posted = make_samples(12)
    post(posted)
    job = done(what="samples", **PERIOD)
    assert (job["rows"], job["file_name"]) == (12, "samples-default-2026-11-20-2026-11-23.csv")
    rows = list(csv.DictReader(io.StringIO(text_of(api, job))))
    assert list(rows[0]) == ["sample_id", "ts", "received_at", "name", "value", "kind", "tags"]
    for row, one in zip(rows, posted, strict=True):
        assert [row[name] for name in ("sample_id", "name")] == [one["sample_id"], one["name"]]
        assert Decimal(row["value"]) == Decimal(one["value"])
        assert datetime.fromisoformat(row["ts"]) == datetime.fromisoformat(one["ts"])
        assert (row["kind"], json.loads(row["tags"])) == (one["kind"] or "", one["tags"])
        assert NOW <= datetime.fromisoformat(row["received_at"]) < NOW + timedelta(seconds=1)


def test_ndjson_xlsx_and_parquet_hold_the_same(post: Make, done: Make, api: Make) -> None:
    posted = make_samples(12)
    post(posted)
    values = [float(one["value"]) for one in posted]
    lines = text_of(api, done(what="samples", format="ndjson", **PERIOD)).splitlines()
    found = [json.loads(line, parse_int=Decimal, parse_float=Decimal) for line in lines]
    assert [row["value"] for row in found] == [Decimal(one["value"]) for one in posted]
    assert [(row["kind"], row["tags"]) for row in found] == [(one["kind"], one["tags"]) for one in posted]
    table = done(what="samples", format="parquet", **PERIOD)
    body = api("get", f"/{table['id']}/download").get_data()
    assert pyarrow.parquet.read_table(io.BytesIO(body))["value"].to_pylist() == values
    book = done(what="samples", format="xlsx", columns=["value", "name", "tags"], **PERIOD)
    sheet = openpyxl.load_workbook(io.BytesIO(api("get", f"/{book['id']}/download").get_data())).active
    assert sheet.title == "Samples"
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert [row[0] for row in rows] == pytest.approx(values)
    assert [(row[1], json.loads(row[2])) for row in rows] == [(one["name"], one["tags"]) for one in posted]


@pytest.mark.parametrize(
    ("filter_body", "is_selected"),
    [
        pytest.param({"name": "load1"}, lambda one: one["name"] == "load1", id="name"),
        pytest.param({"name": ["load0", "other1"]}, lambda one: one["name"] in ("load0", "other1"), id="names"),
        pytest.param({"tags": {"route": "/a"}}, lambda one: one["tags"].get("route") == "/a", id="tag"),
        pytest.param(
            {"tags": {"route": "=1+1", "code": "200"}, "name": "other0"},
            lambda one: one["tags"].get("code") == "200" and one["name"] == "other0",
            id="tags-and-name",
        ),
        pytest.param({"tags": {"route": "%' OR 1=1 --"}}, lambda _: False, id="no-such-tag"),
    ],
)
def test_names_and_tags_limit_the_rows(post: Make, done: Make, api: Make, filter_body: Any, is_selected: Any) -> None:
    posted = make_samples(20) + make_samples(20, "other")
    post(posted)
    job = done(what="samples", filter=filter_body, columns=["sample_id"], **PERIOD)
    expected = {one["sample_id"] for one in posted if is_selected(one)}
    assert set(text_of(api, job).splitlines()[1:]) == expected
    assert job["rows"] == len(expected)


def test_names_are_found_by_index_in_the_partitions_of_the_period(post: Make, engine: Engine, site: Site) -> None:
    post(make_samples(60))
    row_filter = Filter(names=("load0",))
    request = ExportRequest("samples", "csv", "none", site.id, START, START + timedelta(hours=9), filter=row_filter)
    from_clause, parameters = RawRows(request).select(NOW)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        bounds = {"start": request.start, "end": request.end}
        plan = "\n".join(
            connection.exec_driver_sql(f"EXPLAIN SELECT value {from_clause}", parameters | bounds).scalars()
        )
    assert "(name = ANY" in plan.partition("Index Cond:")[2].partition("\n")[0]
    assert re.findall(r"samples_[pm]\d+", plan)[0] == "samples_p20261120"
    assert "samples_p20261121" not in plan


def test_rows_are_estimated_by_name_and_hour(post: Make, api: Make) -> None:
    post(make_samples(40))
    estimated = [
        api("post", json={"what": "samples", **PERIOD, **more}, status=202).json["progress"]["rows_estimate"]
        for more in ({}, {"filter": {"name": "load1"}}, {"filter": {"tags": {"a": "b"}}})
    ]
    assert estimated == [40, 20, None]


@pytest.mark.parametrize(
    ("form", "compression"), [("csv", "gzip"), ("ndjson", "zstd"), ("xlsx", "none"), ("parquet", "none")]
)
def test_killed_samples_job_resumes_to_the_same_bytes(
    post: Make, make_job: Make, runner: Runner, sql: Make, monkeypatch: pytest.MonkeyPatch, form: str, compression: str
) -> None:
    monkeypatch.setattr(raw_rows, "PART_ROWS", 10)
    post(make_samples(60))
    changes = {"what": "samples", "format": form, "compression": compression, "cutoff": NOW + timedelta(days=1)}
    changes |= {"start": START, "end": START + timedelta(days=4)}
    expected = file_of(runner, run_job(runner, make_job(**changes).id))
    job = make_job(**changes)
    with pytest.raises(Killed):
        run_job(runner, job.id, After(2, Killed()))
    # Samples received meanwhile are not in the job.
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=2))
    post(make_samples(60, "late"))
    sql("UPDATE export_jobs SET heartbeat_at = heartbeat_at - interval '2 minutes' WHERE state = 'running' RETURNING 1")
    done = run_job(runner, job.id)
    assert done is not None
    assert (done.state, done.attempt, done.rows_done) == ("done", 2, 60)
    assert sum(part["rows"] > 0 for part in done.parts) >= 6
    assert file_of(runner, done) == expected


def test_schedule_exports_each_sample_once_by_time_of_receipt(
    post: Make, engine: Engine, redis: Redis, runner: Runner, new_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches of five arrive each day, with times of earlier days; a file may have seven rows."""
    limits, exported, expected = creation.Limits(1, 7, 10**9), list[list[str]](), list[list[str]]()
    selected = new_job(what="samples", columns=("sample_id",), filter=Filter(names=("selected0", "selected1")))
    schedules.create(engine, selected, "day", time(6), "UTC")
    for day in range(2):
        for hour in range(2):
            received = NOW + timedelta(days=day, hours=hour)
            monkeypatch.setattr(clock, "now", lambda received=received: received)
            batch = make_samples(5, "selected")
            for one in batch:
                one["sample_id"] = str(uuid.uuid4())
            post(batch + make_samples(4, f"else{day}{hour}"))
            expected.append([one["sample_id"] for one in batch])
        for _ in range(3):
            for job_id in due_jobs.create_due_jobs(engine, redis, limits, NOW + timedelta(days=day, hours=20)):
                exported.append(file_of(runner, run_job(runner, job_id)).decode().splitlines()[1:])
    assert exported == expected


def test_samples_of_other_sites_are_excluded(post: Make, engine: Engine, done: Make, sql: Make) -> None:
    post(make_samples(6))
    with engine.begin() as connection:
        other = create_site(connection, "other")
    sql("UPDATE samples SET site_id = :id WHERE name = 'load0' RETURNING 1", id=other.id)
    assert done(what="samples", **PERIOD)["rows"] == 3


def test_samples_are_exported_by_the_cli(post: Make, app: Flask) -> None:
    posted = make_samples(9)
    post(posted)
    words = ["export", "samples", "--name", "load0", "--tag", "route=/a", "--column", "sample_id", "--out", "-"]
    result = app.test_cli_runner().invoke(args=words)
    expected = [one["sample_id"] for one in posted if one["name"] == "load0" and one["tags"] == {"route": "/a"}]
    assert (result.exit_code, result.stdout.splitlines()) == (0, ["sample_id", *expected])
    assert len(expected) == 1
    refused = app.test_cli_runner().invoke(args=[*words, "--tag", "route"])
    assert (refused.exit_code, "'route' is not NAME=VALUE" in refused.output) == (2, True)


def test_day_without_samples_is_a_header(site: Site, done: Make, api: Make) -> None:
    job = done(what="samples", date=str(date(2026, 11, 20)))
    assert text_of(api, job) == "sample_id,ts,received_at,name,value,kind,tags\n"
