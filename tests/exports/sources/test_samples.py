"""Samples as files: what was posted, in every format and however often a worker dies, and what was received since."""

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
from analytics.exports import jobs, schedules, sources
from analytics.exports.run import Runner, run_job
from analytics.exports.selections import Filter
from analytics.ingest.pipeline import Drain
from analytics.sites import Site, create_site
from tests.exports.conftest import file_of, make_day
from tests.exports.test_run import After, Killed

Make = Callable[..., Any]
START = datetime(2026, 11, 20, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
# For a clock that is moved on by days.
LATE = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
PERIOD = {"from": "2026-11-20", "to": "2026-11-23"}
TAGS: list[dict[str, str]] = [{}, {"route": "/a"}, {"route": "=1+1", "code": "200"}]
# To the last digit, signs and exponents too; a sum of these as floats would not be exact.
VALUES = ("0.1", "-3", "1e300", "1234567890.1234567", "0", "-2.5e-7")
KINDS = ("gauge", "counter", None)


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a little later, as what is received at a job's cutoff is not the job's."""
    looks = itertools.count()
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(milliseconds=next(looks)))


@pytest.fixture
def post(engine: Engine, redis: Redis, client: FlaskClient, token: Any, auth: Any, site: Site) -> Callable[..., None]:
    """`post(samples)`: sent in one batch, and stored; each day is a partition."""

    def send(found: list[dict[str, Any]]) -> None:
        for day in {datetime.fromisoformat(one["ts"]).date() for one in found}:
            make_day(engine, "samples", day)
        body = "[" + ",".join(_as_text(one) for one in found) + "]"
        headers = auth(token("ingest", exp=LATE)) | {"Content-Type": "application/json"}
        answer = client.post("/api/analytics/samples", data=body, headers=headers)
        assert (answer.status_code, answer.json["accepted"]) == (202, len(found)), answer.json
        Drain(engine, redis, b"s" * 32, company_s=0.0, consumer=uuid.uuid4().hex).run()

    return send


def _as_text(one: dict[str, Any]) -> str:
    """JSON with the value's digits as they are."""
    rest = {name: value for name, value in one.items() if name != "value" and value is not None}
    return f'{{"value": {one["value"]}, {json.dumps(rest)[1:]}'


def sent(count: int, name: str = "load", every: timedelta = timedelta(minutes=37)) -> list[dict[str, Any]]:
    """In the order of their times."""
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


def test_csv_has_each_digit_and_no_formula(post: Make, done: Make, api: Make) -> None:
    posted = sent(12)
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


def test_ndjson_workbook_and_table_hold_the_same(post: Make, done: Make, api: Make) -> None:
    posted = sent(12)
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
    ("wanted", "is_meant"),
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
def test_names_and_tags_narrow_it(post: Make, done: Make, api: Make, wanted: Any, is_meant: Any) -> None:
    posted = sent(20) + sent(20, "other")
    post(posted)
    job = done(what="samples", filter=wanted, columns=["sample_id"], **PERIOD)
    expected = {one["sample_id"] for one in posted if is_meant(one)}
    assert set(text_of(api, job).splitlines()[1:]) == expected
    assert job["rows"] == len(expected)


def test_a_name_is_looked_up_in_the_partitions_of_its_days(post: Make, engine: Engine, site: Site) -> None:
    post(sent(60))
    asked = Filter(names=("load0",))
    request = sources.Request("samples", "csv", "none", site.id, START, START + timedelta(hours=9), filter=asked)
    _, rows, given = sources.selection_of(request, NOW)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        bounds = {"start": request.start, "end": request.end}
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN SELECT value {rows}", given | bounds).scalars())
    assert "(name = ANY" in plan.partition("Index Cond:")[2].partition("\n")[0]
    assert re.findall(r"samples_[pm]\d+", plan)[0] == "samples_p20261120"
    assert "samples_p20261121" not in plan


def test_rows_are_estimated_by_name_and_hour(post: Make, api: Make) -> None:
    post(sent(40))
    estimated = [
        api("post", json={"what": "samples", **PERIOD, **more}, status=202).json["progress"]["rows_estimate"]
        for more in ({}, {"filter": {"name": "load1"}}, {"filter": {"tags": {"a": "b"}}})
    ]
    assert estimated == [40, 20, None]


@pytest.mark.parametrize(
    ("form", "compression"), [("csv", "gzip"), ("ndjson", "zstd"), ("xlsx", "none"), ("parquet", "none")]
)
def test_a_killed_job_goes_on_to_the_same_bytes(
    post: Make, make_job: Make, runner: Runner, sql: Make, monkeypatch: pytest.MonkeyPatch, form: str, compression: str
) -> None:
    monkeypatch.setattr(sources, "PART_ROWS", 10)
    post(sent(60))
    wanted = {"what": "samples", "format": form, "compression": compression, "cutoff": NOW + timedelta(days=1)}
    wanted |= {"start": START, "end": START + timedelta(days=4)}
    expected = file_of(runner, run_job(runner, make_job(**wanted).id))
    job = make_job(**wanted)
    with pytest.raises(Killed):
        run_job(runner, job.id, After(2, Killed()))
    # What comes in meanwhile is not the job's.
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=2))
    post(sent(60, "late"))
    sql("UPDATE export_jobs SET heartbeat_at = heartbeat_at - interval '2 minutes' WHERE state = 'running' RETURNING 1")
    found = run_job(runner, job.id)
    assert found is not None
    assert (found.state, found.attempt, found.rows_done) == ("done", 2, 60)
    assert sum(part["rows"] > 0 for part in found.parts) >= 6
    assert file_of(runner, found) == expected


def test_a_schedule_brings_each_sample_once_by_its_time_of_receipt(
    post: Make, engine: Engine, redis: Redis, runner: Runner, order: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches of five come in each day, with the times of days long past; a file may have seven rows."""
    limits, brought, expected = jobs.Limits(1, 7, 10**9), list[list[str]](), list[list[str]]()
    wanted = order(what="samples", columns=("sample_id",), filter=Filter(names=("meant0", "meant1")))
    schedules.create(engine, wanted, "day", time(6), "UTC")
    for day in range(2):
        for hour in range(2):
            received = NOW + timedelta(days=day, hours=hour)
            monkeypatch.setattr(clock, "now", lambda received=received: received)
            batch = sent(5, "meant")
            for one in batch:
                one["sample_id"] = str(uuid.uuid4())
            post(batch + sent(4, f"else{day}{hour}"))
            expected.append([one["sample_id"] for one in batch])
        for _ in range(3):
            for job_id in schedules.plan(engine, redis, limits, NOW + timedelta(days=day, hours=20)):
                brought.append(file_of(runner, run_job(runner, job_id)).decode().splitlines()[1:])
    assert brought == expected


def test_other_sites_samples_are_not_there(post: Make, engine: Engine, done: Make, sql: Make) -> None:
    post(sent(6))
    with engine.begin() as connection:
        other = create_site(connection, "other")
    sql("UPDATE samples SET site_id = :id WHERE name = 'load0' RETURNING 1", id=other.id)
    assert done(what="samples", **PERIOD)["rows"] == 3


def test_from_the_shell(post: Make, app: Flask) -> None:
    posted = sent(9)
    post(posted)
    words = ["export", "samples", "--name", "load0", "--tag", "route=/a", "--column", "sample_id", "--out", "-"]
    result = app.test_cli_runner().invoke(args=words)
    expected = [one["sample_id"] for one in posted if one["name"] == "load0" and one["tags"] == {"route": "/a"}]
    assert (result.exit_code, result.stdout.splitlines()) == (0, ["sample_id", *expected])
    assert len(expected) == 1
    refused = app.test_cli_runner().invoke(args=[*words, "--tag", "route"])
    assert (refused.exit_code, "'route' is not NAME=VALUE" in refused.output) == (2, True)


def test_a_day_without_samples_is_a_header(site: Site, done: Make, api: Make) -> None:
    job = done(what="samples", date=str(date(2026, 11, 20)))
    assert text_of(api, job) == "sample_id,ts,received_at,name,value,kind,tags\n"
