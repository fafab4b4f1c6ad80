"""A type by either of its names, `pageview` and `page_view`, is the same wherever a caller gives one; so it is with
blanks around it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics import clock
from analytics.auth.guard import Principal
from analytics.exports.jobs.request_body import read_export_body
from analytics.exports.sources.request import Filter
from analytics.ingest.pixel.schemas import PixelQuery
from analytics.sites.sites import Site, create_site, update_site

NAMES = ("pageview", "page_view")
DAY = "2026-03-02"
REPORTS = "/api/analytics/reports"
QUERIES = [
    f"{REPORTS}/dau?date={DAY}&type={{}}",
    f"{REPORTS}/wau?date={DAY}&type={{}}",
    f"{REPORTS}/stickiness?from={DAY}&to={DAY}&type={{}}",
    f"{REPORTS}/retention?from={DAY}&to={DAY}&type={{}}",
    f"{REPORTS}/lifecycle?from={DAY}&to={DAY}&type={{}}",
    f"{REPORTS}/summary?date={DAY}&type={{}}",
    f"{REPORTS}/summary?date={DAY}&filter=type=={{}}",
    f"{REPORTS}/summary?date={DAY}&filter=type!={{}}|seen",
    f"{REPORTS}/timeseries?date={DAY}&type={{}}&type=seen",
    f"{REPORTS}/breakdown?date={DAY}&dimension=path&type={{}}",
    f"{REPORTS}/goal?date={DAY}&type={{}}",
    f"{REPORTS}/goal?date={DAY}&path=/a&goal_filter=type=={{}}",
    f"{REPORTS}/experiment?date={DAY}&exposure_type=seen&variant=payload.v&goal={{}}",
    f"{REPORTS}/experiment?date={DAY}&exposure_type={{}}&variant=payload.v&goal=order",
    f"{REPORTS}/events?date={DAY}&type={{}}",
    "/events?event_name={}",
]


@pytest.fixture
def ask(client: FlaskClient, store: Any, token: Any, auth: Any) -> Callable[..., Any]:
    """`ask(path)`: the response without what repeats the request, after a page view and two other events."""
    store([
        {"type": "seen", "ts": f"{DAY}T10:00:00Z", "payload": {"v": "a"}},
        {"type": "pageview", "ts": f"{DAY}T10:01:00Z", "path": "/a", "payload": {"v": "a"}},
        {"type": "order", "ts": f"{DAY}T10:02:00Z"},
    ])  # fmt: skip

    def get(path: str, **options: Any) -> Any:
        method = "POST" if "json" in options else "GET"
        response = client.open(path, method=method, headers=auth(token("read write")), **options)
        assert response.status_code in (200, 201), response.text
        return {**response.json, "meta": None, "goal": None} if response.is_json else response.text

    return get


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_finds_the_event_by_either_name(ask: Callable[..., Any], query: str) -> None:
    one, other, blanks = (ask(query.format(name)) for name in (*NAMES, "%20page_view%C2%A0"))
    assert one == other == blanks != ask(query.format("unheard_of"))


@pytest.mark.parametrize(
    "query",
    [
        f"{REPORTS}/journeys?date={DAY}&from_page=/a&type={{}}",
        f"/api/v1/analytics/custom-events/default?from={DAY}&to={DAY}&event={{}}",
    ],
)
def test_page_views_are_no_other_events_by_either_name(ask: Callable[..., Any], query: str) -> None:
    one, other = (ask(query.format(name)) for name in NAMES)
    assert one == other


TYPE_PARAMETERS = {"type", "event", "event_name", "exposure_type", "from_event", "to_event"}


def test_every_parameter_of_a_report_that_names_a_type_takes_either_name(app: Flask) -> None:
    names = set()
    for view in app.view_functions.values():
        doc = getattr(view, "operation_doc", None)
        if doc and doc.query and doc.query is not PixelQuery:
            for name, field in doc.query().fields.items():
                if name in TYPE_PARAMETERS:
                    names.add(name)
                    assert getattr(field, "inner", field).deserialize("pageview") == "page_view", (doc.query, name)
    assert names == TYPE_PARAMETERS


def test_an_event_of_either_name_is_no_anchor_of_journeys(
    client: FlaskClient, site: Site, token: Any, auth: Any
) -> None:
    for name in NAMES:
        response = client.get(f"{REPORTS}/journeys?from_event={name}", headers=auth(token("read")))
        assert (response.status_code, "from_page=/pricing" in response.json["detail"]) == (400, True)


@pytest.mark.parametrize("condition", [{"event": "{}"}, {"filter": "type=={}"}])
def test_a_step_of_a_funnel_matches_either_name(ask: Callable[..., Any], condition: dict[str, str]) -> None:
    def starts(name: str) -> Any:
        first = {part: text.format(name) for part, text in condition.items()}
        steps = [{"condition": first}, {"condition": {"event": "order"}}]
        return ask(f"{REPORTS}/funnel?date={DAY}", json={"steps": steps})["total_conversions"]

    assert [starts(name) for name in (*NAMES, " pageview ", "unheard_of")] == [1, 1, 1, 0]


def test_a_stored_goal_has_the_stored_name(ask: Callable[..., Any], sql: Any) -> None:
    goals = [ask("/api/analytics/goals", json={"name": name, "type": name}) for name in NAMES]
    assert [goal["type"] for goal in goals] == ["page_view"] * 2
    sql("UPDATE goals SET type = 'pageview' RETURNING 1")
    reports = [ask(f"/api/analytics/goals/{goal['id']}/report?date={DAY}") for goal in goals]
    assert [report["conversions"] for report in reports] == [1, 1]


def test_the_filter_of_an_export_has_the_stored_name(engine: Engine, app: Any, site: Site, sql: Any) -> None:
    caller = Principal("tester", frozenset({"export"}), None)
    with app.app_context():
        job = read_export_body(engine, caller, {"filter": {"type": ["pageview"]}}, None, clock.now())
    assert job.export.request.filter.types == ("page_view",)
    # Of jobs and schedules that an earlier release stored.
    assert Filter.from_json({"types": ["pageview"], "user_id": None, "include_bots": True}).types == ("page_view",)


@pytest.mark.parametrize(
    "listed",
    [["pageview", "click"], [" page_view", "click "], ["page_view", "click"], ["click", "page_view", "pageview"]],
)
def test_a_strict_site_accepts_both_names_of_a_listed_type(
    client: FlaskClient, engine: Engine, token: Any, auth: Any, listed: list[str]
) -> None:
    with engine.begin() as connection:
        site = create_site(connection, "shop", types="strict", event_types=listed)
    assert site.event_types == {"page_view", "click"}
    events = [{"type": name} for name in (*NAMES, "click", "unheard_of")]
    answer = client.post("/api/analytics/ingest?site=shop", json=events, headers=auth(token())).json
    assert (answer["ingested"], [problem["index"] for problem in answer["rejected"]]) == (3, [3])


def test_a_strict_site_of_an_earlier_release_accepts_both_names(engine: Engine, sql: Any, site: Site) -> None:
    sql("UPDATE sites SET event_types = '{pageview}' RETURNING 1")
    with engine.begin() as connection:
        assert update_site(connection, "default", event_types=["pageview"]).event_types == {"page_view"}
