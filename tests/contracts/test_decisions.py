"""Where the seeds disagree (C1, C2, …): what a caller sees of each decision."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics import clock
from analytics.privacy import retention
from analytics.sites.sites import Site, create_site
from analytics.store.models import SUPPORTED_TYPES
from config import Settings, load
from tests.contracts.conftest import stored

INGEST, DAU = "/api/analytics/ingest", "/api/analytics/reports/dau"
CLICK = {
    "short_code": "abc123",
    "ip_address": "192.168.1.100",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0",
}
SITE_EVENT = {"site_id": "shop", "event_type": "page_view", "path": "/home", "user_id": "ann"}
WEBSITE_EVENT = {"website_id": "shop", "visitor_id": "ann", "page": "/home"}
NAMED = {"event_name": "page_view", "user_id": "ann"}
BATCH = {"siteId": "shop", "domain": "x.org", "events": [{"visitor_id": "ann", "page": "/home"}]}
PERIODS = ("date=2026-11-02", "days=7", "hours=24", "from=2026-11-01&to=2026-11-03")
# Each seed's path with a body of its own, and the site that the body means.
WRITES = [
    pytest.param("/analytics/events/", CLICK, "links", id="000"),
    pytest.param(INGEST, [{"type": "page_view", "user_id": "ann"}], "default", id="001"),
    pytest.param("/event", SITE_EVENT, "shop", id="002"),
    pytest.param("/events", NAMED, "default", id="003"),
    pytest.param("/api/v1/analytics/event", WEBSITE_EVENT, "shop", id="004"),
    pytest.param("/api/v1/analytics/event/batch", BATCH, "shop", id="004 batch"),
]


@pytest.fixture
def put_site(engine: Engine) -> Callable[..., Site]:
    """`put_site("shop", types="strict")`: another site."""

    def put(key: str, **settings: Any) -> Site:
        with engine.begin() as connection:
            return create_site(connection, key, **settings)

    return put


@pytest.mark.parametrize(("path", "body", "_site"), WRITES)
def test_c1_a_caller_without_the_scope_ingest_is_refused(
    client: FlaskClient, token: Any, auth: Any, path: str, body: Any, _site: str
) -> None:
    assert client.post(path, json=body).status_code == 401
    assert client.post(path, json=body, headers=auth(token("read export"))).status_code == 403


def test_c1_anonymous_scopes_open_the_seeds_paths(local: FlaskClient, make_app: Callable[..., Flask]) -> None:
    assert local.post("/events", json=NAMED).status_code == 202
    readers = make_app(anonymous_scopes=("read",), auto_create_sites=True).test_client()
    assert readers.post("/events", json=NAMED).status_code == 401


def test_c2_reports_are_private_unless_the_site_shows_them(client: FlaskClient, put_site: Any, engine: Engine) -> None:
    put_site("links")
    assert [client.get(path).status_code for path in ("/analytics/stats/abc123", "/analytics/global")] == [401, 401]
    put_site("open", public_stats=True)
    assert client.get("/analytics/global?site=open").status_code == 200


@pytest.mark.parametrize(("path", "body", "site"), WRITES)
def test_c3_each_seeds_name_of_the_site_field_is_accepted(
    local: FlaskClient, drained: Callable[[], object], engine: Engine, path: str, body: Any, site: str
) -> None:
    assert local.post(path, json=body).status_code in (201, 202)
    drained()
    assert [row["key"] for row in stored(engine)] == [site]


def test_c3_an_unknown_site_is_404_with_a_hint(client: FlaskClient, site: Site, token: Any, auth: Any) -> None:
    answer = client.post("/event", json=SITE_EVENT, headers=auth(token()))
    assert (answer.status_code, "flask site create shop" in answer.json["detail"]) == (404, True)


@pytest.mark.parametrize("name", ["type", "event_type", "event_name"])
def test_c4_one_type_under_three_names(
    local: FlaskClient, drained: Callable[[], object], engine: Engine, name: str
) -> None:
    local.post(INGEST, json=[{name: "pageview", "user_id": "ann"}])
    drained()
    assert [row["type"] for row in stored(engine)] == ["page_view"]


@pytest.mark.parametrize("name", ["ts", "timestamp", "event_ts"])
def test_c5_one_time_under_three_names(
    local: FlaskClient, drained: Callable[[], object], engine: Engine, name: str
) -> None:
    local.post(INGEST, json=[{"type": "a", name: "2025-11-14T15:30:01+02:00"}])
    drained()
    [row] = stored(engine)
    assert row["ts"] == datetime(2025, 11, 14, 13, 30, 1, tzinfo=UTC)
    assert abs(row["received_at"] - clock.now()) < timedelta(minutes=1)


@pytest.mark.parametrize("off", [timedelta(hours=2), timedelta(days=-4000)], ids=["future", "past"])
def test_c5_a_time_outside_the_window_is_refused_with_the_window(local: FlaskClient, off: timedelta) -> None:
    ts = (clock.now() + off).isoformat()
    answer = local.post(INGEST, json=[{"type": "a"}, {"type": "a", "ts": ts}])
    [problem] = answer.json["rejected"]
    assert (answer.status_code, problem["index"], problem["field"]) == (202, 1, "ts")
    assert len(re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d", problem["detail"])) >= 2


def test_c6_users_are_identified_by_id_then_visitor_then_connection(
    local: FlaskClient, drained: Callable[[], object]
) -> None:
    named = [{"type": "a", "user_id": "ann"}, {"type": "a", "user_id": "ann", "ip": "203.0.113.1"}]
    visitors = [{"type": "a", "visitor_id": "v1", "ip": "203.0.113.2"}]
    unnamed = [{"type": "a", "ip": ip, "user_agent": CLICK["user_agent"]} for ip in ("203.0.113.3", "203.0.113.4") * 2]
    local.post(INGEST, json=named + visitors + unnamed)
    drained()
    found = local.get(DAU).json
    # ann, v1 and two connections.
    assert found["dau"] == 4
    assert [words.split()[0] for words in found["meta"]["identity"]] == ["user_id", "visitor_id", "keyed"]


@pytest.mark.parametrize(
    ("identity", "status", "users"),
    [("trust", 202, ["ann"]), ("enforce", 422, []), ("override", 202, ["tester"])],
)
def test_c7_the_subject_of_a_token_follows_the_setting(
    client: FlaskClient, put_site: Any, token: Any, auth: Any, engine: Engine,
    drained: Callable[[], object], identity: str, status: int, users: list[str],
) -> None:  # fmt: skip
    put_site("shop", identity=identity)
    assert client.post("/event", json=SITE_EVENT, headers=auth(token(sub="tester"))).status_code == status
    drained()
    assert [row["user_id"] for row in stored(engine)] == users


def test_c8_a_batch_reports_rejected_events(local: FlaskClient, drained: Callable[[], object]) -> None:
    answer = local.post(INGEST, json=[{"type": "a"}, {"type": 1}]).json
    assert list(answer) == ["ingested", "received", "batch_id", "rejected"]
    assert (answer["ingested"], answer["received"]) == (1, 2)
    assert set(answer["rejected"][0]) == {"index", "field", "code", "detail"}
    for state in ("in_flight", "stored"):
        batch = local.get(f"/api/analytics/batches/{answer['batch_id']}").json
        assert (batch["state"], batch["accepted"], "received" in batch) == (state, 1, False)
        drained()


@pytest.mark.parametrize(("path", "body", "_site"), WRITES)
def test_c9_c10_requests_wait_in_redis_and_write_no_row(
    local: FlaskClient, drained: Callable[[], Any], engine: Engine, path: str, body: Any, _site: str
) -> None:
    local.post(path, json=body)
    assert stored(engine) == []
    assert drained().received == 1


@pytest.mark.parametrize(
    ("environ", "setting", "value"),
    [
        pytest.param({"EVENT_RETENTION_DAYS": "7"}, "event_retention_days", 7, id="c11"),
        pytest.param({"ANALYTICS_RETENTION_DAYS": "7"}, "event_retention_days", 7, id="c11 000"),
        pytest.param({"RETENTION_DAYS": "7"}, "event_retention_days", 7, id="c11 004"),
        pytest.param({"EVENT_RETENTION_DAYS": "9", "RETENTION_DAYS": "7"}, "event_retention_days", 9, id="c11 both"),
        pytest.param({}, "event_retention_days", 90, id="c11 default"),
        pytest.param({}, "metrics_retention_days", 365, id="c11 metrics"),
        pytest.param({}, "anonymize_ips_after_days", 30, id="c11 ips"),
        pytest.param({"JWT_SECRET": "j" * 32}, "jwt_secret_key", "j" * 32, id="c14"),
        pytest.param({"JWT_SECRET_KEY": "k" * 32, "JWT_SECRET": "j" * 32}, "jwt_secret_key", "k" * 32, id="c14 both"),
        pytest.param({"SERVICE_PORT": "8002"}, "port", 8002, id="c15"),
        pytest.param({}, "port", 8000, id="c15 default"),
        pytest.param({"BATCH_SIZE": "500"}, "batch_size", 500, id="c35"),
        pytest.param({"AGGREGATION_INTERVAL": "24h"}, "aggregation_interval", 86_400.0, id="c37"),
    ],
)
def test_c11_c14_c15_c35_c37_each_name_of_a_setting_is_read(
    environ: dict[str, str], setting: str, value: object
) -> None:
    assert getattr(load(environ), setting) == value


def test_c16_c17_c18_paths_that_two_seeds_share(local: FlaskClient, site: Site) -> None:
    assert isinstance(local.get("/metrics").json["metrics"], list)
    assert isinstance(local.get("/dashboard").json["metric_names"], list)
    assert {"ok", "service", "python_version", "status", "database", "postgres", "partitions"} <= set(
        local.get("/health").json
    )
    assert [local.get(path).status_code for path in ("/livez", "/readyz")] == [200, 200]


def test_c19_c20_daily_figures_are_numeric_and_one_a_day_and_dimension(sql: Any) -> None:
    types = dict(sql("SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'metrics'::regclass"))
    assert (types["metric_value"], types["dimensions"]) == ("numeric", "jsonb")
    [(index,)] = sql("SELECT indexdef FROM pg_indexes WHERE indexname = 'uq_metrics'")
    assert index.startswith("CREATE UNIQUE INDEX")
    assert index.endswith("(site_id, date, metric_name, dimensions)")


def test_c21_a_strict_site_accepts_its_types_only(client: FlaskClient, put_site: Any, token: Any, auth: Any) -> None:
    put_site("shop", types="strict", event_types=SUPPORTED_TYPES)
    events = [{"type": name} for name in (*SUPPORTED_TYPES, "unheard_of")]
    answer = client.post(f"{INGEST}?site=shop", json=events, headers=auth(token())).json
    assert (answer["ingested"], [problem["index"] for problem in answer["rejected"]]) == (7, [7])


@pytest.mark.parametrize(("proxies", "ip"), [((), "127.0.0.1"), (("127.0.0.1/32",), "203.0.113.7")])
def test_c22_the_address_is_the_sent_one_else_that_of_the_connection(
    make_app: Callable[..., Flask], drained: Callable[[], object], engine: Engine, proxies: tuple[str, ...], ip: str
) -> None:
    app = make_app(anonymous_scopes=("ingest",), auto_create_sites=True, trusted_proxies=proxies)
    headers = {"X-Forwarded-For": "203.0.113.7"}
    app.test_client().post(INGEST, json=[{"type": "a"}, {"type": "a", "ip": "198.51.100.9"}], headers=headers)
    drained()
    assert [str(row["ip"]) for row in stored(engine)] == [ip, "198.51.100.9"]


def test_c23_raw_tables_are_partitioned_by_postgresql_itself(sql: Any) -> None:
    rows = sql("SELECT partrelid::regclass::text, partstrat FROM pg_partitioned_table")
    assert {("events", "r"), ("samples", "r"), ("ingest_ledger", "r")} <= set(rows)


def test_c24_a_day_is_in_the_zone_of_the_site(local: FlaskClient, put_site: Any, drained: Callable[[], object]) -> None:
    put_site("tokyo", zone="Asia/Tokyo")
    local.post(f"{INGEST}?site=tokyo", json=[{"type": "a", "user_id": "ann", "ts": "2026-11-01T16:00:00Z"}])
    drained()
    found = local.get(f"{DAU}?site=tokyo&date=2026-11-02").json
    assert (found["dau"], found["date"], found["period"]) == (1, "2026-11-02", "24h")
    assert (found["from"], found["to"]) == ("2026-11-01T15:00:00Z", "2026-11-02T15:00:00Z")


def test_c26_a_workbook_over_its_limit_points_to_a_job(
    make_app: Callable[..., Flask], drained: Callable[[], object]
) -> None:
    client = make_app(xlsx_direct_rows=1, anonymous_scopes=("ingest", "read"), auto_create_sites=True).test_client()
    client.post(INGEST, json=[{"type": "a"}] * 2)
    drained()
    answer = client.get("/api/analytics/reports/events?format=xlsx")
    assert (answer.status_code, "/api/analytics/exports" in answer.json["detail"]) == (413, True)
    assert len(list(csv.reader(io.StringIO(client.get("/api/analytics/reports/events?format=csv").text)))) == 3


@pytest.mark.parametrize("path", ["/events", "/metrics/page_views"])
@pytest.mark.parametrize(("environment", "scope"), [("test", "admin"), ("development", "ingest read export")])
def test_c27_deleting_requires_an_admin_and_development(
    make_app: Callable[..., Flask], site: Site, token: Any, auth: Any, path: str, environment: str, scope: str
) -> None:
    client = make_app(environment=environment).test_client()
    assert client.delete(path, headers=auth(token(scope))).status_code == 403


def test_c29_the_open_day_is_computed_each_time(local: FlaskClient, drained: Callable[[], object]) -> None:
    for count in (1, 2):
        local.post("/event", json=SITE_EVENT)
        drained()
        found = local.get(f"/stats?site_id=shop&date={clock.now().date()}").json
        assert found["total_views"] == count
        assert "cached" not in found["meta"]
        assert datetime.fromisoformat(found["meta"]["computed_at"]) <= clock.now()


def test_c32_visitors_stay_distinct_when_addresses_are_masked(
    local: FlaskClient, drained: Callable[[], object], engine: Engine, settings: Settings
) -> None:
    for ip in ("203.0.113.1", "203.0.113.2"):
        local.post("/analytics/events/", json=CLICK | {"ip_address": ip})
    drained()
    # All else is kept: partitions of other tests are none of ours.
    kept = dict.fromkeys(("event_retention_days", "ledger_retention_days", "dead_letter_retention_days"), 36_500)
    retention.run(engine, replace(settings, anonymize_ips_after_days=0, **kept), clock.now())
    assert {str(row["ip"]) for row in stored(engine)} == {"203.0.113.0"}
    assert local.get("/analytics/stats/abc123").json["unique_clicks"] == 2


@pytest.mark.parametrize(
    ("sent", "column", "value"),
    [
        ({"referer": "https://a.example/x"}, "referrer", "https://a.example/x"),
        ({"page": "/p"}, "path", "/p"),
        ({"page_path": "/p"}, "path", "/p"),
        ({"payload": {"page": "/p"}}, "path", "/p"),
        ({"properties": {"plan": "pro"}}, "payload", {"plan": "pro"}),
        ({"payload": {"plan": "pro"}}, "payload", {"plan": "pro"}),
    ],
    ids=["referer", "page", "page_path", "payload.page", "properties", "payload"],
)
def test_c33_each_field_name_fills_the_same_column(
    local: FlaskClient, drained: Callable[[], object], engine: Engine, sent: dict[str, Any], column: str, value: Any
) -> None:
    local.post(INGEST, json=[{"type": "a", "user_id": "ann", **sent}])
    drained()
    assert [row[column] for row in stored(engine)] == [value]


def test_c35_a_body_over_the_limit_is_refused_with_the_limit(make_app: Callable[..., Flask]) -> None:
    client = make_app(max_body_bytes=1000, anonymous_scopes=("ingest",), auto_create_sites=True).test_client()
    answer = client.post(INGEST, json=[{"type": "a", "payload": {"text": "x" * 1000}}])
    assert (answer.status_code, "MAX_BODY_BYTES" in answer.json["detail"]) == (413, True)


@pytest.mark.parametrize(
    "path",
    [
        *("/metrics/page_views", "/events", "/api/analytics/reports/events", "/api/analytics/reports/summary"),
        *("/api/analytics/reports/timeseries", "/api/v1/analytics/hourly-stats/default"),
        *("/analytics/stats/abc123", "/analytics/global", "/stats", "/api/analytics/reports/dau"),
        *(f"/api/v1/analytics/{name}/default" for name in ("dashboard", "top-pages", "traffic-summary", "daily-stats")),
    ],
)
def test_c36_reports_accept_every_form_of_a_period(local: FlaskClient, site: Site, path: str) -> None:
    answers = {query: local.get(f"{path}?site=default&{query}", buffered=True) for query in PERIODS}
    assert {query: answer.json for query, answer in answers.items() if answer.status_code != 200} == {}


@pytest.mark.parametrize("path", ["/stats", "/events", "/analytics/global", "/api/v1/analytics/top-pages/default"])
def test_c36_a_limit_has_a_limit(local: FlaskClient, site: Site, path: str) -> None:
    assert [local.get(f"{path}?limit={limit}").status_code for limit in (1000, 1001, 0)] == [200, 400, 400]
