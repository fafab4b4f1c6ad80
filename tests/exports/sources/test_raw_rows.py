"""The text filter of an export against the same test in Python, and against what the reports count; whose events."""

import csv
import io
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, text

from analytics.exports import sources
from analytics.exports.selections import Filter
from analytics.exports.sources import Part, Request
from analytics.ingest.pipeline import Drain
from analytics.privacy.pseudonym import identity_salt
from analytics.sites import Site
from tests.exports.conftest import ROUTE, make_day

Make = Callable[..., Any]
DAY = datetime(2026, 3, 2, tzinfo=UTC)
CUTOFF = datetime(2100, 1, 1, tzinfo=UTC)
PATHS = ("/", "/blog/a", "/100%", "/it's", "/a;b", "/%(site_id)s", '/"q"', "/back\\slash", "/:start", None)
COUNTRIES = ("DE", "FR", None)
PLANS = ('{"plan": "free"}', '{"plan": "pro", "deep": {"n": 5}}', "{}")
PUT = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, path, country, payload)
VALUES (CAST(:id AS uuid), :ts, :ts, 1, :site_id, false, 'page_view', 'me', :path, :country, CAST(:payload AS jsonb))
""")


@pytest.fixture
def put(engine: Engine, site: Site) -> list[dict[str, Any]]:
    """Each path with each country and each payload."""
    make_day(engine, "events", DAY.date())
    rows = [
        {"path": path, "country": country, "payload": plan} for path in PATHS for country in COUNTRIES for plan in PLANS
    ]
    for n, row in enumerate(rows):
        row |= {"id": str(uuid.UUID(int=n)), "ts": DAY + timedelta(seconds=n), "site_id": site.id}
    with engine.begin() as connection:
        connection.execute(PUT, rows)
    return rows


def ids_of(engine: Engine, request: Request) -> list[str]:
    rows, chunks = sources.rows_of(engine, request, Part(0, request.start, request.end), CUTOFF), list[bytes]()
    rows.pour(chunks.append)
    return b"".join(chunks).decode().splitlines()


@pytest.fixture
def found(engine: Engine, site: Site) -> Callable[[str], list[str]]:
    whole = Request("events", "csv", "none", site.id, DAY, DAY + timedelta(days=1), columns=("event_id",))
    return lambda where: ids_of(engine, replace(whole, filter=Filter(where=where)))


@pytest.mark.parametrize(
    ("where", "is_meant"),
    [
        pytest.param("country==DE", lambda row: row["country"] == "DE", id="is"),
        pytest.param("country!=DE|FR", lambda row: row["country"] is None, id="is-none-of"),
        pytest.param("path==", lambda row: row["path"] is None, id="nothing"),
        pytest.param("path=~%", lambda row: "%" in (row["path"] or ""), id="percent"),
        pytest.param("path==/%(site_id)s", lambda row: row["path"] == "/%(site_id)s", id="placeholder"),
        pytest.param("path==/:start", lambda row: row["path"] == "/:start", id="colon"),
        pytest.param("path=^/it'", lambda row: (row["path"] or "").startswith("/it'"), id="quote"),
        pytest.param("path==/a\\;b", lambda row: row["path"] == "/a;b", id="semicolon"),
        pytest.param("path=~\\\\", lambda row: "\\" in (row["path"] or ""), id="backslash"),
        pytest.param("payload.plan!=free", lambda row: "free" not in row["payload"], id="payload"),
        pytest.param("payload.deep.n==5;country==FR", lambda row: "5" in row["payload"] and row["country"] == "FR", id="deep"),
        pytest.param("region==;type==page_view", lambda row: True, id="region"),
        pytest.param("payload.%s==1", lambda row: False, id="percent-in-a-name"),
    ],
)  # fmt: skip
def test_it_keeps_what_python_would(put: Any, found: Make, where: str, is_meant: Callable[[Any], bool]) -> None:
    assert found(where) == [row["id"] for row in put if is_meant(row)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=6))
def test_no_value_is_taken_for_sql(put: Any, found: Make, value: str) -> None:
    escaped = "".join("\\" + char if char in ";|\\.=!~^" else char for char in value)
    assert found(f"path=~{escaped}") == [row["id"] for row in put if value in (row["path"] or "")]
    assert len(found(f"payload.{escaped}!={escaped}")) == len(put)


def test_a_file_holds_what_the_report_counts(
    put: Any, api: Make, done: Make, client: Any, token: Any, auth: Any
) -> None:
    where = "country==DE|FR;payload.plan!=free;path=~/"
    job = done(filter={"where": where}, date="2026-03-02", columns=["path", "country"])
    asked = {"date": "2026-03-02", "filter": where}
    report = client.get("/api/analytics/reports/summary", query_string=asked, headers=auth(token("read")))
    assert report.status_code == 200, report.text
    rows = list(csv.DictReader(io.StringIO(api("get", f"/{job['id']}/download").text)))
    # Nine paths, two countries, two of three payloads.
    assert (len(rows), job["rows"], job["request"]["where"]) == (36, 36, where)
    assert {row["country"] for row in rows} == {"DE", "FR"}
    assert report.json["events"] == 36


def test_what_is_wrong_in_it_is_told_by_its_position(api: Make, site: Site) -> None:
    refused = api("post", json={"filter": {"where": "path==/;colour==red"}}, status=400).json
    assert (refused["position"], refused["errors"][0]["field"]) == (8, "filter.where")
    assert refused["detail"].startswith("filter.where: at position 8, 'colour==red' was found and one of path, ")
    schedule = {"every": "day", "at": "06:00", "request": {"filter": {"where": "path"}}}
    assert api("post", "/schedules", json=schedule, status=400).json["position"] == 4


def test_only_what_cannot_be_counted_has_no_estimate(put: Any, api: Make) -> None:
    told = [api("post", json={"filter": given}, status=202).json for given in ({"where": "path==/"}, {"type": "x"})]
    assert [one["progress"]["rows_estimate"] is None for one in told] == [True, False]


@pytest.fixture
def hidden(engine: Engine, redis: Redis, client: Any, token: Any, auth: Any, site: Site, settings: Any) -> Make:
    """`hidden(True, "ann", "bob")`: an event of each is stored, under pseudonyms or not."""

    def store(anonymize: bool, *users: str) -> None:
        body = [{"type": "click", "user_id": user} for user in users]
        answer = client.post("/api/analytics/ingest", json=body, headers=auth(token("ingest")))
        assert answer.status_code == 202, answer.json
        salt = identity_salt(settings)
        Drain(engine, redis, salt, company_s=0.0, consumer=uuid.uuid4().hex, anonymize_user_ids=anonymize).run()

    return store


@pytest.fixture
def subject_of(make_app: Callable[..., Flask], token: Any, auth: Any, engine: Engine) -> Make:
    """`subject_of("ann", anonymize=True)`: the job that a service with that setting makes, and its rows' user ids."""

    def ask(user_id: str, anonymize: bool, what: str = "subject") -> tuple[Any, list[str]]:
        app = make_app(anonymize_user_ids=anonymize)
        body = {"what": what, "filter": {"user_id": user_id}, "columns": ["user_id"]}
        job = app.test_client().post(ROUTE, json=body, headers=auth(token("export")))
        assert job.status_code == 202, job.json
        with engine.connect() as connection:
            stored = connection.execute(
                text("SELECT request FROM export_jobs ORDER BY created_at DESC LIMIT 1")
            ).scalar()
        whole = Request.of_json(stored)
        return stored, ids_of(engine, whole)

    return ask


@pytest.mark.parametrize("what", ["subject", "events"])
def test_a_person_is_found_under_the_pseudonym(hidden: Make, subject_of: Make, what: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(sources, "PART_ROWS", 1)
    hidden(True, "ann", "bob", "ann")
    stored, [first, second] = subject_of("ann", anonymize=True, what=what)
    assert (first, first[0]) == (second, "#")
    # The name that is not to be stored is not in the job either.
    assert (stored["user_id"], "ann" in str(stored)) == (first, False)
    assert subject_of(first, anonymize=True, what=what)[1] == [first, first]
    assert subject_of("eve", anonymize=True, what=what)[1] == []


def test_a_person_is_found_from_before_the_setting_was_another(hidden: Make, subject_of: Make) -> None:
    hidden(False, "ann", "bob")
    hidden(True, "ann", "bob")
    for anonymize in (True, False):
        stored, names = subject_of("ann", anonymize=anonymize)
        assert (len(names), "ann" in names) == (2, True)
        assert {stored["user_id"], stored["other_id"]} == set(names)


def test_without_the_setting_there_is_one_name(hidden: Make, subject_of: Make) -> None:
    hidden(False, "ann", "bob")
    stored, names = subject_of("ann", anonymize=False)
    assert (names, "other_id" in stored) == (["ann"], False)
