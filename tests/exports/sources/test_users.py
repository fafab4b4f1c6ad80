"""Lists of users as files: the rows of the list that the API gives, in each format, and what is refused."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pyarrow.parquet
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.exports.sources import users
from analytics.sites.sites import Site
from tests.reports.conftest import store  # noqa: F401  # a fixture

Api = Callable[..., Any]
DAY = {"from": "2026-03-02", "to": "2026-03-03"}
NAMES = ["user_id", "first_seen_at", "last_seen_at", "events", "page_views", "visits"]
STEPS = [
    {"id": "1", "name": "", "type": "page", "condition": {"page": "/cart"}, "order": 1},
    {"id": "2", "name": "", "type": "event", "condition": {"event": "order"}, "order": 2},
]


@pytest.fixture
def shoppers(store: Any, site: Site) -> None:  # noqa: F811
    """Seven with a cart, of whom three order; one name looks like a formula, one like a path."""
    for n, user in enumerate(["=1+1", "a/b", "c", "d", "e", "f", "g"]):
        store(
            [{"user_id": user, "ts": f"2026-03-02T10:0{n}:00.5Z", "path": "/cart", "country": "DE" if n % 2 else "FR"}]
        )
        if n < 3:
            store([{"user_id": user, "ts": f"2026-03-03T10:0{n}:00Z", "type": "order"}])


@pytest.fixture
def listed(client: FlaskClient, token: Any, auth: Any) -> Callable[[str], list[dict[str, Any]]]:
    """`listed("funnel=…")`: the users of the list."""

    def read(query: str) -> list[dict[str, Any]]:
        response = client.get(f"/api/analytics/reports/users?limit=1000&{query}", headers=auth(token("export")))
        assert response.status_code == 200, response.json
        rows: list[dict[str, Any]] = response.json["users"]
        return rows

    return read


@pytest.fixture
def download(api: Api, done: Api) -> Callable[..., bytes]:
    """`download(format="csv")`: the bytes of a finished export of users."""

    def read(**body: Any) -> bytes:
        job = done(what="users", **body)
        content: bytes = api("get", f"/{job['id']}/download").get_data()
        return content

    return read


def test_a_file_holds_the_list_whole(
    shoppers: None, download: Api, listed: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "ROWS_PER_COPY", 2)
    rows = list(csv.DictReader(io.StringIO(download(**DAY, filter={"where": "country==DE"}).decode())))
    expected = listed("from=2026-03-02&to=2026-03-03&filter=country==DE")
    assert [row["user_id"] for row in rows] == [row["user_id"] for row in expected] == ["a/b", "f", "d"]
    assert [[int(row[name]) for name in NAMES[3:]] for row in rows] == [[2, 1, 0], [1, 1, 0], [1, 1, 0]]
    assert [instant(row["last_seen_at"]) for row in rows] == [instant(row["last_seen_at"]) for row in expected]
    everyone = list(csv.DictReader(io.StringIO(download(**DAY).decode())))
    assert [row["user_id"] for row in everyone] == ["c", "a/b", "'=1+1", "g", "f", "e", "d"]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_each_format_has_the_same_rows(shoppers: None, download: Api, listed: Api) -> None:
    expected = [(row["user_id"], row["events"]) for row in listed("from=2026-03-02&to=2026-03-03")]
    lines = download(**DAY, format="ndjson").decode().splitlines()
    assert [(row["user_id"], row["events"]) for row in map(json.loads, lines)] == expected
    table = pyarrow.parquet.read_table(io.BytesIO(download(**DAY, format="parquet"))).to_pylist()
    assert [(row["user_id"], row["events"]) for row in table] == expected
    assert table[-1]["first_seen_at"] == datetime(2026, 3, 2, 10, 3, 0, 500_000, UTC)
    header, *sheet = openpyxl.load_workbook(io.BytesIO(download(**DAY, format="xlsx"))).active.values
    assert [str(name).removesuffix(" (UTC)") for name in header] == NAMES
    assert [(row[0], row[3]) for row in sheet] == expected


def test_the_users_of_a_step_and_of_a_cohort(
    shoppers: None, download: Api, done: Api, client: FlaskClient, token: Any, auth: Any, site: Site
) -> None:
    body = {"name": "f", "website_id": site.key, "steps": STEPS}
    funnel = client.post("/api/v1/funnels/", json=body, headers=auth(token("write read"))).json["data"]["id"]
    names = {"columns": ["user_id"], "format": "ndjson"}

    def read(**fields: Any) -> list[str]:
        return [json.loads(line)["user_id"] for line in download(**names, **fields).decode().splitlines()]

    assert read(**DAY, users={"funnel": funnel, "step": 2}) == ["c", "a/b", "=1+1"]
    assert read(**DAY, users={"funnel": funnel, "step": 1, "reached": "dropped"}) == ["g", "f", "e", "d"]
    group = {"cohort": "2026-03-02", "offset": 1}
    assert read(users=group) == ["c", "a/b", "=1+1"]
    stored = done(what="users", users=group)["request"]
    assert (stored["start"], stored["end"]) == ("2026-03-03T00:00:00+00:00", "2026-03-04T00:00:00+00:00")


def test_the_command_has_the_groups_of_the_api(
    shoppers: None,
    store: Any,  # noqa: F811
    app: Flask,
    client: FlaskClient,
    token: Any,
    auth: Any,
    site: Site,
) -> None:
    seen = {"type": "seen", "ts": "2026-03-02T09:00:00Z", "payload": {"v": "x"}}
    store([seen | {"user_id": "c"}, seen | {"user_id": "d"}])
    body = {"name": "f", "website_id": site.key, "steps": STEPS}
    funnel = client.post("/api/v1/funnels/", json=body, headers=auth(token("write read"))).json["data"]["id"]

    def export(*words: str) -> list[str]:
        done = app.test_cli_runner().invoke(args=["export", "users", "--out", "-", "--column", "user_id", *words])
        assert done.exit_code == 0, done.stderr
        return [row["user_id"] for row in csv.DictReader(io.StringIO(done.stdout))]

    period = ["--from", "2026-03-02", "--to", "2026-03-03"]
    of_step = [*period, "--funnel", funnel, "--step"]
    assert export(*of_step, "2") == ["c", "a/b", "'=1+1"]
    assert export(*of_step, "1", "--reached", "dropped") == ["g", "f", "e", "d"]
    assert export("--cohort", "2026-03-02", "--offset", "1") == ["c", "a/b", "'=1+1"]
    assert export(*period, "--where", "country==DE", "--scope", "event") == ["a/b", "f", "d"]
    assert export(*period, "--type", "order") == ["c", "a/b", "'=1+1"]
    of_goal = ["--goal", "order", "--exposure-type", "seen", "--variant-property", "payload.v", "--variant", "x"]
    assert export(*period, *of_goal, "--converted", "false") == ["d"]
    assert export(*period, *of_goal, "--converted", "true") == ["c"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--step", "1"], "users[step]: needs funnel"),
        (["--cohort", "2026-03-02", "--from", "2026-03-02"], "from: contradicts cohort"),
        (["--funnel", "f"], "users[funnel]: "),
        (["--where", "country"], "filter"),
    ],
)
def test_the_command_refuses_what_the_api_does(app: Flask, site: Site, words: list[str], message: str) -> None:
    done = app.test_cli_runner().invoke(args=["export", "users", "--out", "-", *words])
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "what": ({"what": "events", "users": {"cohort": "2026-03-02"}}, "users"),
    "period": ({"users": {"cohort": "2026-03-02"}, "days": 3}, "days"),
    "cohort": ({"users": {"cohort": "2026-03-03", "unit": "week"}}, "cohort"),
    "group": ({"users": {"step": 1}}, "users[step]"),
    "user": ({"filter": {"user_id": "ann"}}, "user_id"),
    "types": (
        {"users": {"funnel": "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34", "step": 1}, "filter": {"type": "a"}},
        "type",
    ),
    "tags": ({"filter": {"tags": {"a": "b"}}}, "filter"),
    "scope": ({"users": {"scope": "event"}, "filter": {"where": "entry_path==/"}}, "scope"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_field(site: Site, api: Api, name: str) -> None:
    body, field = REFUSED[name]
    response = api("post", json={"what": "users", **body}, status=422 if name in ("period", "group") else 400)
    assert field in json.dumps(response.json["errors"][0])


def test_a_funnel_that_is_gone_fails_the_job(site: Site, api: Api, work: Any, engine: Engine) -> None:
    group = {"funnel": "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34", "step": 1}
    job = api("post", json={"what": "users", "users": group}, status=202).json
    work(job["id"])
    failed = api("get", f"/{job['id']}").json
    assert (failed["state"], "has no funnel" in failed["error"]) == ("failed", True)
