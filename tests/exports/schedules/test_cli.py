"""`flask export schedule`, and the commands that see the exports of all owners."""

import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from analytics import clock
from analytics.sites.sites import Site
from tests.exports.conftest import FIRST_DAY

Api = Callable[..., Any]
NOBODY = str(uuid.uuid4())


@pytest.fixture
def flask(app: Flask) -> Callable[..., Any]:
    """`flask("list")`: the lines that `flask export list` prints."""

    def run(*words: Any, code: int = 0) -> Any:
        result = app.test_cli_runner().invoke(args=["export", *map(str, words)])
        assert result.exit_code == code, result.output
        return result.stdout.splitlines() if code == 0 else result.stderr

    return run


def test_schedule_is_added_paused_resumed_and_removed(flask: Api, api: Api, site: Site) -> None:
    words = ("--every", "week", "--at", "07:15", "--zone", "Europe/Berlin", "--format", "ndjson", "--no-bots")
    [schedule_id] = flask("schedule", "add", *words, "--type", "click", "--column", "ts", "--owner", "tester")
    created = api("get", f"/schedules/{schedule_id}").json
    assert (created["every"], created["at"], created["zone"], created["owner"]) == (
        "week",
        "07:15",
        "Europe/Berlin",
        "tester",
    )
    request = created["request"]
    assert (request["format"], request["types"], request["include_bots"]) == ("ndjson", ["click"], False)
    assert (request["columns"], request["zone"]) == (["ts"], "Europe/Berlin")
    row = [schedule_id, "week 07:15 Europe/Berlin", "default", "events ndjson", "tester"]
    assert [line.split("\t") for line in flask("schedule", "list")] == [[*row, created["next_run_at"]]]
    flask("schedule", "pause", schedule_id)
    assert [line.split("\t") for line in flask("schedule", "list")] == [[*row, "paused"]]
    assert api("get", f"/schedules/{schedule_id}").json["enabled"] is False
    flask("schedule", "resume", schedule_id)
    assert api("get", f"/schedules/{schedule_id}").json == created
    flask("schedule", "remove", schedule_id)
    assert flask("schedule", "list") == []


def test_report_is_scheduled(flask: Api, api: Api, site: Site) -> None:
    words = ("--what", "report", "--report", "breakdown", "--dimension", "path", "--unit", "week", "--format", "xlsx")
    [schedule_id] = flask("schedule", "add", *words)
    request = api("get", f"/schedules/{schedule_id}", scope="admin").json["request"]
    assert (request["report"], request["dimension"], request["unit"]) == ("breakdown", "path", "week")


def test_samples_and_a_text_filter_are_scheduled(flask: Api, api: Api, site: Site) -> None:
    [schedule_id] = flask(
        "schedule", "add", "--what", "samples", "--name", "load", "--tag", "host=a=b", "--tag", "zone="
    )
    request = api("get", f"/schedules/{schedule_id}", scope="admin").json["request"]
    assert (request["names"], request["tags"]) == (["load"], {"host": "a=b", "zone": ""})
    [schedule_id] = flask("schedule", "add", "--where", "path=^/blog")
    assert api("get", f"/schedules/{schedule_id}", scope="admin").json["request"]["where"] == "path=^/blog"


def test_lists_of_users_are_scheduled(flask: Api, api: Api, site: Site) -> None:
    def add(*words: str) -> Any:
        [schedule_id] = flask("schedule", "add", "--what", "users", *words)
        return api("get", f"/schedules/{schedule_id}", scope="admin").json["request"]

    assert add("--funnel", NOBODY, "--step", "2", "--reached", "dropped")["users"] == {
        "funnel": NOBODY,
        "step": 2,
        "reached": "dropped",
    }
    assert add("--cohort", "2026-03-02", "--unit", "week", "--offset", "1")["users"] == {
        "cohort": "2026-03-02",
        "unit": "week",
        "offset": 1,
    }
    variant = ("--exposure-type", "seen", "--variant-property", "payload.v", "--variant", "b", "--converted", "true")
    assert add("--goal", "order", *variant)["users"] == {
        "goal": "order",
        "exposure_type": "seen",
        "variant_property": "payload.v",
        "variant": "b",
        "converted": True,
    }
    listed = add("--scope", "visit", "--type", "order", "--where", "country==DE")
    assert (listed["users"], listed["types"], listed["where"]) == ({"scope": "visit"}, ["order"], "country==DE")


def test_run_now_exports_rows_since_the_last_file(
    flask: Api, api: Api, rows: Api, work: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 3, 2, 13, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    rows(1, 5)
    [schedule_id] = flask("schedule", "add", "--column", "path")
    [first] = flask("schedule", "run-now", schedule_id)
    assert "has not ended" in flask("schedule", "run-now", schedule_id, code=1)
    work(first)
    rows(1, 3, now)
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=1))
    [second] = flask("schedule", "run-now", schedule_id)
    work(second)
    assert [line.split("\t")[::4] for line in flask("list")] == [[second, "3"], [first, "5"]]
    schedule = api("get", f"/schedules/{schedule_id}", scope="admin").json
    assert (schedule["next_run_at"], schedule["complete_through"]) == ("2026-03-03T06:00:00Z", "2026-03-02T13:59:00Z")


def test_exports_of_all_owners_are_listed_downloaded_and_deleted(
    flask: Api, api: Api, rows: Api, done: Api, runner: Any, tmp_path: Path
) -> None:
    rows(1, 5)
    job = done(**{"from": str(FIRST_DAY), "to": str(FIRST_DAY)})
    waiting = api("post", json={"format": "xlsx"}, status=202).json["id"]
    out = tmp_path / "events.csv"
    [summary] = flask("download", job["id"], "--out", out)
    assert hashlib.sha256(out.read_bytes()).hexdigest() == job["sha256"]
    assert job["sha256"] in summary
    assert "queued" in flask("download", waiting, "--out", out, code=1)
    assert flask("cancel", waiting) == [f"cancelled {waiting}"]
    assert [line.split("\t")[:3] for line in flask("list")] == [
        [waiting, "cancelled", "tester"], [job["id"], "done", "tester"]
    ]  # fmt: skip
    assert flask("cancel", job["id"]) == [f"removed {job['id']}"]
    assert runner.storage.list_files() == []
    api("get", f"/{job['id']}", status=404)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        pytest.param(("schedule", "add", "--at", "25:00"), 2, "25:00", id="at"),
        pytest.param(("schedule", "add", "--zone", "Mars/Phobos"), 1, "Mars/Phobos", id="zone"),
        pytest.param(("schedule", "add", "--site", "nowhere"), 1, "nowhere", id="site"),
        pytest.param(("schedule", "add", "--what", "subject"), 1, "of one user", id="subject"),
        pytest.param(("schedule", "add", "--report", "dau"), 1, "what=report", id="report"),
        pytest.param(("schedule", "add", "--what", "users", "--step", "1"), 1, "users[step]: needs funnel", id="group"),
        pytest.param(("schedule", "add", "--step", "1", "--funnel", NOBODY), 1, "what=users", id="users"),
        pytest.param(("schedule", "add", "--callback-url", "http://127.0.0.1/x"), 2, "public internet", id="callback"),
        pytest.param(("schedule", "pause", NOBODY), 1, "no schedule", id="pause"),
        pytest.param(("schedule", "run-now", NOBODY), 1, "no schedule", id="run-now"),
        pytest.param(("cancel", NOBODY), 1, "no export", id="cancel"),
        pytest.param(("download", NOBODY, "--out", "-"), 1, "no export", id="download"),
    ],
)
def test_error_is_reported(flask: Api, site: Site, words: Any, code: int, message: str) -> None:
    assert message in flask(*words, code=code)


def test_report_is_exported_by_the_cli(flask: Api, site: Site) -> None:
    period = ("--from", "2026-03-02", "--to", "2026-03-08", "--unit", "week")
    lines = flask(
        "report", *period, "--report", "summary", "--column", "first_day", "--column", "visitors", "--out", "-"
    )
    assert lines == ["first_day,visitors", "2026-03-02,0"]
