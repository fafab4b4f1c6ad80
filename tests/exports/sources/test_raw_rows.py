"""Raw rows: the text filter against Python and against the reports, and the ids of one user."""

import csv
import io
import uuid
from collections import Counter
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

from analytics.exports.sources import raw_rows
from analytics.exports.sources.export import Part, resolve
from analytics.exports.sources.request import ExportRequest, Filter
from analytics.ingest.drain.drain import Drain
from analytics.privacy.pseudonym import identity_salt
from analytics.sites.sites import Site
from analytics.store.columns.event_days import note_events
from tests.examples import examples
from tests.exports.conftest import ROUTE, make_day

Make = Callable[..., Any]
DAY = datetime(2026, 3, 2, tzinfo=UTC)
CUTOFF = datetime(2100, 1, 1, tzinfo=UTC)
PATHS = ("/", "/blog/a", "/100%", "/it's", "/a;b", "/%(site_id)s", '/"q"', "/back\\slash", "/:start", None)
COUNTRIES = ("DE", "FR", None)
PLANS = ('{"plan": "free"}', '{"plan": "pro", "deep": {"n": 5}}', "{}")
INSERT_EVENT = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, path, country, payload)
VALUES (CAST(:id AS uuid), :ts, :ts, 1, :site_id, false, 'page_view', 'me', :path, :country, CAST(:payload AS jsonb))
""")


@pytest.fixture
def put(engine: Engine, site: Site) -> list[dict[str, Any]]:
    """Inserts an event for each path, country and payload."""
    make_day(engine, "events", DAY.date())
    rows = [
        {"path": path, "country": country, "payload": plan} for path in PATHS for country in COUNTRIES for plan in PLANS
    ]
    for n, row in enumerate(rows):
        row |= {"id": str(uuid.UUID(int=n)), "ts": DAY + timedelta(seconds=n), "site_id": site.id}
    with engine.begin() as connection:
        connection.execute(INSERT_EVENT, rows)
        # As a drain does: reports read the days of which a site has events.
        note_events(connection, Counter({(site.id, DAY.date()): len(rows)}), {site.id: 0})
    return rows


def ids_of(engine: Engine, request: ExportRequest) -> list[str]:
    rows, chunks = resolve(request).open_rows(engine, Part(0, request.start, request.end), CUTOFF), list[bytes]()
    rows.stream_to(chunks.append)
    return b"".join(chunks).decode().splitlines()


@pytest.fixture
def select(engine: Engine, site: Site) -> Callable[[str], list[str]]:
    everything = ExportRequest("events", "csv", "none", site.id, DAY, DAY + timedelta(days=1), columns=("event_id",))
    return lambda where: ids_of(engine, replace(everything, filter=Filter(where=where)))


@pytest.mark.parametrize(
    ("where", "is_selected"),
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
def test_where_selects_the_rows_that_python_selects(
    put: Any, select: Make, where: str, is_selected: Callable[[Any], bool]
) -> None:
    assert select(where) == [row["id"] for row in put if is_selected(row)]


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=6))
def test_values_are_never_sql(put: Any, select: Make, value: str) -> None:
    escaped = "".join("\\" + char if char in ";|\\.=!~^" else char for char in value)
    assert select(f"path=~{escaped}") == [row["id"] for row in put if value in (row["path"] or "")]
    assert len(select(f"payload.{escaped}!={escaped}")) == len(put)


def test_file_holds_what_the_report_counts(put: Any, api: Make, done: Make, client: Any, token: Any, auth: Any) -> None:
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


def test_error_in_where_has_its_position(api: Make, site: Site) -> None:
    refused = api("post", json={"filter": {"where": "path==/;colour==red"}}, status=400).json
    assert (refused["position"], refused["errors"][0]["field"]) == (8, "filter.where")
    assert refused["detail"].startswith(
        "filter.where: at position 8, 'colour==red' is not accepted; accepted: one of path, "
    )
    schedule = {"every": "day", "at": "06:00", "request": {"filter": {"where": "path"}}}
    assert api("post", "/schedules", json=schedule, status=400).json["position"] == 4


def test_only_uncountable_filters_have_no_estimate(put: Any, api: Make) -> None:
    filters = ({"where": "path==/"}, {"type": "x"})
    jobs = [api("post", json={"filter": filter_body}, status=202).json for filter_body in filters]
    assert [job["progress"]["rows_estimate"] is None for job in jobs] == [True, False]


@pytest.fixture
def store_events(engine: Engine, redis: Redis, client: Any, token: Any, auth: Any, site: Site, settings: Any) -> Make:
    """`store_events(True, "ann", "bob")`: stores an event of each user, under pseudonyms or not."""

    def store(anonymize: bool, *users: str) -> None:
        body = [{"type": "click", "user_id": user} for user in users]
        response = client.post("/api/analytics/ingest", json=body, headers=auth(token("ingest")))
        assert response.status_code == 202, response.json
        salt = identity_salt(settings)
        Drain(engine, redis, salt, linger_s=0.0, consumer=uuid.uuid4().hex, anonymize_user_ids=anonymize).run()

    return store


@pytest.fixture
def subject_of(make_app: Callable[..., Flask], token: Any, auth: Any, engine: Engine) -> Make:
    """`subject_of("ann", anonymize=True)`: the stored request of a service with that setting, and the user ids exported."""

    def ask(user_id: str, anonymize: bool, what: str = "subject") -> tuple[Any, list[str]]:
        app = make_app(anonymize_user_ids=anonymize)
        body = {"what": what, "filter": {"user_id": user_id}, "columns": ["user_id"]}
        job = app.test_client().post(ROUTE, json=body, headers=auth(token("export")))
        assert job.status_code == 202, job.json
        with engine.connect() as connection:
            stored = connection.execute(
                text("SELECT request FROM export_jobs ORDER BY created_at DESC LIMIT 1")
            ).scalar()
        return stored, ids_of(engine, ExportRequest.from_json(stored))

    return ask


@pytest.mark.parametrize("what", ["subject", "events"])
def test_user_is_found_under_the_pseudonym(store_events: Make, subject_of: Make, what: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(raw_rows, "PART_ROWS", 1)
    store_events(True, "ann", "bob", "ann")
    stored, [first, second] = subject_of("ann", anonymize=True, what=what)
    assert (first, first[0]) == (second, "#")
    # The job does not hold the hidden id either.
    assert (stored["user_id"], "ann" in str(stored)) == (first, False)
    assert subject_of(first, anonymize=True, what=what)[1] == [first, first]
    assert subject_of("eve", anonymize=True, what=what)[1] == []


def test_user_is_found_under_both_ids_after_the_setting_changed(store_events: Make, subject_of: Make) -> None:
    store_events(False, "ann", "bob")
    store_events(True, "ann", "bob")
    for anonymize in (True, False):
        stored, names = subject_of("ann", anonymize=anonymize)
        assert (len(names), "ann" in names) == (2, True)
        assert {stored["user_id"], stored["other_id"]} == set(names)


def test_user_has_one_id_without_the_setting(store_events: Make, subject_of: Make) -> None:
    store_events(False, "ann", "bob")
    stored, names = subject_of("ann", anonymize=False)
    assert (names, "other_id" in stored) == (["ann"], False)


def direct_ids(app: Flask, headers: dict[str, str], user_id: str) -> list[str]:
    path = "/api/analytics/reports/events"
    response = app.test_client().get(path, query_string={"user_id": user_id}, headers=headers)
    return [row["user_id"] for row in csv.DictReader(io.StringIO(response.text))]


def test_direct_download_finds_a_user_by_the_sent_id(
    make_app: Callable[..., Flask], store_events: Make, token: Any, auth: Any
) -> None:
    app, headers = make_app(anonymize_user_ids=True), auth(token("read"))
    store_events(True, "ann", "bob", "ann")
    [first, second] = direct_ids(app, headers, "ann")
    assert (first, first[0]) == (second, "#")
    assert direct_ids(app, headers, first) == [first, first]
    assert direct_ids(app, headers, "eve") == []
    store_events(False, "ann")
    assert sorted(direct_ids(app, headers, "ann")) == [first, first, "ann"]
