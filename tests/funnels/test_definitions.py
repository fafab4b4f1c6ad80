"""Stored funnels: permissions, rejected definitions, the audit log, the cache, and tracked steps."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, create_engine, text

from analytics.funnels import request
from analytics.funnels.conversion import tracked_depth
from analytics.funnels.steps import Step
from analytics.ingest import buffer
from analytics.ingest.tracked_funnels import check_funnel
from analytics.sites.sites import SITE_FRESHNESS, Site, create_site, update_site

Call = Callable[..., Any]
FUNNELS = "/api/v1/funnels/"
PAGE = {"type": "page", "condition": {"page": "/a"}}
EVENT = {"type": "event", "condition": {"event": "signup"}}
NEW = {"name": "Checkout", "steps": [PAGE, EVENT]}
NOBODY = "5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11"


@pytest.fixture
def funnel(call: Call, site: Site) -> dict[str, Any]:
    stored: dict[str, Any] = call("post", FUNNELS, NEW, 201)["data"]
    return stored


def test_fields_that_are_left_out_have_defaults(funnel: dict[str, Any]) -> None:
    assert [(step["id"], step["order"], step["name"]) for step in funnel["steps"]] == [("1", 1, ""), ("2", 2, "")]
    assert (funnel["ordering"], funnel["scope"], funnel["window_s"], funnel["value"]) == (
        "ordered",
        "user",
        604800,
        None,
    )
    assert (funnel["website_id"], funnel["user_id"], funnel["is_active"]) == ("default", "tester", True)


def test_steps_are_sorted_by_order(call: Call, site: Site) -> None:
    steps = [{**PAGE, "order": 7, "id": "late"}, {**EVENT, "order": 3, "id": "early"}]
    stored = call("post", FUNNELS, NEW | {"steps": steps}, 201)["data"]
    assert [step["id"] for step in stored["steps"]] == ["early", "late"]


def step(**condition: Any) -> dict[str, Any]:
    return {"type": "event", "condition": condition}


def steps_with_conditions(*counts: int) -> list[dict[str, Any]]:
    return [step(filter=";".join([f"payload.a!={number}"] * count)) for number, count in enumerate(counts)]


def test_all_steps_have_sixty_conditions_at_most(call: Call, count: Call, site: Site) -> None:
    most, more = steps_with_conditions(*[3] * 20), steps_with_conditions(20, 20, 20, 1)
    count({"steps": most})
    stored = call("post", FUNNELS, NEW | {"steps": most}, 201)["data"]
    report = call("post", "/api/analytics/reports/funnel?site=default", {"steps": more}, 400)
    refused = [report, call("post", FUNNELS, NEW | {"steps": more}, 400)]
    for problem in [*refused, call("put", FUNNELS + stored["id"], {"steps": more}, 400)]:
        assert [error["field"] for error in problem["errors"]] == ["steps"]
        assert "61 conditions in all" in problem["detail"]
        assert "at most 60" in problem["detail"]
        assert problem["limit"] == 60
    assert len(call("get", FUNNELS + stored["id"])["funnel"]["steps"]) == 20


def test_conditions_of_segments_count_with_those_of_the_steps(call: Call, count: Call, site: Site) -> None:
    call("post", "/api/analytics/segments", {"name": "Twenty", "filter": ";".join(["path!=/x"] * 20)}, 201)
    three = [step(filter="segment:Twenty")] * 3
    count({"steps": three})
    problem = count({"steps": [*three, step(filter="country==DE")]}, status=400)
    assert "61 conditions in all" in problem["detail"]
    call("post", FUNNELS, NEW | {"steps": [*three, step(filter="country==DE")]}, 400)


@pytest.mark.parametrize("route", ["analytics", "analytics/detailed", "compare", "users"])
def test_conditions_of_the_request_count_with_those_of_the_steps(call: Call, site: Site, route: str) -> None:
    stored = call("post", FUNNELS, NEW | {"steps": steps_with_conditions(20, 20, 19)}, 201)["data"]["id"]
    path, verb, body = f"{FUNNELS}{stored}/{route}?", "get", None
    if route == "compare":
        path, verb, body = f"{FUNNELS}compare?site=default", "post", {"funnel_ids": [stored]}
    if route == "users":
        path = f"/api/analytics/reports/users?site=default&step=1&funnel={stored}"
    call(verb, f"{path}&filter=country==DE", body, scope="read export")
    problem = call(verb, f"{path}&filter=country==DE;browser==Chrome", body, 400, scope="read export")
    assert [error["field"] for error in problem["errors"]] == ["filter"]
    assert "61 conditions in all" in problem["detail"]


def test_a_funnel_of_an_earlier_release_with_more_conditions_can_be_renamed(
    call: Call, site: Site, funnel: dict[str, Any], engine: Engine
) -> None:
    steps = json.dumps(
        [one | {"id": str(n), "name": "", "order": n} for n, one in enumerate(steps_with_conditions(20, 20, 20, 1))]
    )
    with engine.begin() as connection:
        connection.execute(text("UPDATE funnels SET steps = CAST(:steps AS jsonb)"), {"steps": steps})
    assert call("put", FUNNELS + funnel["id"], {"name": "Old"})["funnel"]["name"] == "Old"
    assert "61" in call("get", f"{FUNNELS}{funnel['id']}/analytics", None, 400)["detail"]


HOSTILE = [
    pytest.param({"steps": [PAGE]}, "steps", id="one-step"),
    pytest.param({"steps": [PAGE] * 100}, "steps", id="a-hundred-steps"),
    pytest.param({"steps": "x"}, "steps", id="no-list"),
    pytest.param({"steps": [PAGE, {"type": "page"}]}, "steps[1][condition]", id="no-condition"),
    pytest.param({"steps": [PAGE, step()]}, "steps[1][condition]", id="empty-condition"),
    pytest.param({"steps": [PAGE, step(page="", event=None)]}, "steps[1][condition]", id="condition-without-values"),
    pytest.param({"steps": [PAGE, step(regex="(a+)+$")]}, "steps[1][condition][regex]", id="regular-expression"),
    pytest.param({"steps": [PAGE, step(page="*a" * 11)]}, "steps[1][condition][page]", id="many-wildcards"),
    pytest.param({"steps": [PAGE, step(page="a" * 1025)]}, "steps[1][condition][page]", id="long-path"),
    pytest.param({"steps": [PAGE, step(page="a\0")]}, "steps[1][condition][page]", id="nul"),
    pytest.param({"steps": [PAGE, step(filter="payload.a~b")]}, "steps[1][condition][filter]", id="bad-filter"),
    pytest.param({"steps": [PAGE, {**EVENT, "type": "sql"}]}, "steps[1][type]", id="unknown-type"),
    pytest.param({"steps": [{**PAGE, "id": "s"}, {**EVENT, "id": "s"}]}, "steps[1][id]", id="repeated-id"),
    pytest.param({"steps": [{**PAGE, "order": 1}, {**EVENT, "order": 1}]}, "steps[1][id]", id="repeated-order"),
    pytest.param({"steps": [PAGE, EVENT], "window_s": 0}, "window_s", id="no-window"),
    pytest.param({"steps": [PAGE, EVENT], "ordering": "any"}, "ordering", id="unknown-ordering"),
    pytest.param({"steps": [PAGE, EVENT], "bomb": 1}, "bomb", id="unknown-field"),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "field"), HOSTILE)
def test_a_hostile_definition_is_rejected_by_field(
    call: Call, count: Call, site: Site, definition: dict[str, Any], field: str
) -> None:
    problem = count(definition, status=422)
    assert field in [error["field"] for error in problem["errors"]]
    stored = call("post", FUNNELS, {"name": "x"} | definition, 422)
    # The detail of an unknown field lists the fields of the body it was sent in.
    assert [problem_key(error) for error in stored["errors"]] == [problem_key(error) for error in problem["errors"]]


def problem_key(error: dict[str, Any]) -> tuple[str, ...]:
    return error["field"], error["code"], *([] if error["code"] == "unknown_field" else [error["detail"]])


def test_twenty_overlapping_steps_are_counted(store: Any, count: Call) -> None:
    store([{"ts": f"2026-03-02T10:00:{second:02}Z", "path": "/a"} for second in range(19)])
    report = count({"steps": [{"condition": {"page": "*a*", "type": "page_view"}}] * 20})
    assert [row["visitors_reached"] for row in report["step_analytics"]] == [1] * 19 + [0]


@pytest.mark.parametrize(
    "query", ["breakdown=entry_path", "breakdown=user_id", "days=367", "filter=x", "bomb=1", "zone=Mars"]
)
def test_a_hostile_query_is_rejected_by_parameter(count: Call, site: Site, query: str) -> None:
    assert count({"steps": [PAGE, EVENT]}, query, 400)["errors"][0]["field"] == query.split("=", maxsplit=1)[0]


def test_a_count_over_the_statement_timeout_names_the_parameter(
    make_app: Any, site: Site, engine: Engine, token: Any, auth: Any, store: Any
) -> None:
    client = make_app(statement_timeout=0.5).test_client()
    steps = {"steps": [PAGE, EVENT]}
    store([{"ts": "2026-03-02T10:00:00Z", "path": "/pricing"}])
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE events"))
        response = client.post("/api/analytics/reports/funnel?date=2026-03-02", json=steps, headers=auth(token("read")))
    assert (response.status_code, response.json["errors"][0]["code"]) == (422, "too_slow")
    assert response.json["errors"][0]["field"] == "date"


@pytest.mark.parametrize(("path", "body"), [
    pytest.param(f"{FUNNELS}compare?date=2026-03-02", {}, id="funnels"),
    pytest.param("/api/analytics/reports/funnel?date=2026-03-02&compare=previous", {"steps": [PAGE, EVENT]}, id="periods"),
])  # fmt: skip
@pytest.mark.parametrize(("seconds_a_count", "status"), [(10, 200), (20, 422)])
def test_all_counts_of_a_request_have_one_deadline(
    call: Call,
    site: Site,
    store: Any,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    body: Any,
    seconds_a_count: int,
    status: int,
) -> None:
    """STATEMENT_TIMEOUT is 30 s: the second of two counts begins after 20 s, or after 40."""
    for name in ("One", "Two"):
        call("post", FUNNELS, NEW | {"name": name}, 201)
    store([{"ts": "2026-03-02T10:00:00Z", "path": "/a"}])
    monkeypatch.setattr(request, "monotonic", itertools.count(0, seconds_a_count).__next__)
    answer = call("post", path, body, status, scope="read")
    if status == 422:
        assert answer["errors"][0]["code"] == "too_slow"


def test_read_sees_funnels_and_write_changes_them(call: Call, funnel: dict[str, Any]) -> None:
    path = FUNNELS + funnel["id"]
    assert call("get", path, scope="read", sub="another")["funnel"] == funnel
    for scope in ("read", "ingest read export"):
        assert "scope write" in call("post", FUNNELS, NEW, 403, scope=scope)["detail"]
        call("put", path, {"name": "Mine"}, 403, scope=scope)
        call("delete", path, None, 403, scope=scope)
    assert call("put", path, {"name": "Ours"}, scope="write", sub="another")["funnel"]["name"] == "Ours"
    assert call("put", path, {"name": "All"}, scope="admin", sub="another")["funnel"]["name"] == "All"
    call("delete", path, scope="write")


def test_changes_are_in_the_audit_log(call: Call, funnel: dict[str, Any], sql: Any) -> None:
    path = FUNNELS + funnel["id"]
    call("put", path, {"name": "Till", "window_s": 60})
    call("put", path, {"name": "Till"})
    call("delete", path)
    rows = sql("SELECT actor, action, detail FROM audit_log WHERE action LIKE 'funnel%' ORDER BY id")
    assert [(actor, action) for actor, action, _ in rows] == [
        ("tester", "funnel.create"), ("tester", "funnel.update"), ("tester", "funnel.delete"),
    ]  # fmt: skip
    assert rows[1][2] == {"funnel": funnel["id"], "name": ["Checkout", "Till"], "window_s": [604800, 60]}


def test_changed_steps_are_checked(call: Call, funnel: dict[str, Any]) -> None:
    path = FUNNELS + funnel["id"]
    assert call("put", path, {"steps": [PAGE]}, 422)["errors"][0]["field"].startswith("steps")
    assert call("put", path, {"steps": [EVENT, PAGE]})["funnel"]["steps"][0]["condition"] == {"event": "signup"}
    call("put", path, {"website_id": "elsewhere"}, 422)


def test_a_funnel_is_not_found_for_other_sites(
    engine: Engine, client: FlaskClient, token: Any, auth: Any, call: Call, funnel: dict[str, Any]
) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop", "Shop")
    path = FUNNELS + funnel["id"]
    assert client.get(path, headers=auth(token("admin", site="shop"))).status_code == 404
    call("get", f"{path}/analytics?site=shop", None, 404)
    call("post", f"{FUNNELS}compare?website_id=shop", {"funnel_ids": [funnel["id"]]}, 404)
    call("get", FUNNELS + NOBODY, None, 404)


def test_public_statistics_neither_show_funnels_nor_accept_any(
    engine: Engine, client: FlaskClient, funnel: dict[str, Any]
) -> None:
    path = FUNNELS + funnel["id"]
    assert client.get(f"{path}/analytics?site=default").status_code == 401
    with engine.begin() as connection:
        update_site(connection, "default", public_stats=True)
    from analytics.sites.sites import clear_site_cache

    clear_site_cache(engine)
    assert client.get(f"{path}/analytics?site=default").status_code == 401
    assert client.post(FUNNELS, json=NEW | {"website_id": "default"}).status_code == 401


def test_closed_days_come_from_the_cache_until_something_changes(
    store: Any, call: Call, funnel: dict[str, Any]
) -> None:
    path = f"{FUNNELS}{funnel['id']}/analytics?date=2026-03-02"
    assert "cached" not in call("get", path)["meta"]
    assert call("get", path)["meta"]["cached"]
    store([{"ts": "2026-03-02T10:00:00Z", "path": "/a"}])
    late = call("get", path)
    assert ("cached" in late["meta"], late["total_starts"]) == (False, 1)
    assert call("get", path)["meta"]["cached"]
    # Another definition has another cache key.
    call("put", FUNNELS + funnel["id"], {"window_s": 60})
    assert "cached" not in call("get", path)["meta"]


def test_a_period_with_purged_raw_events_is_rejected(call: Call, funnel: dict[str, Any], sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-03' RETURNING id")
    problem = call("get", f"{FUNNELS}{funnel['id']}/analytics?date=2026-03-02", None, 400)
    assert (problem["errors"][0]["field"], "2026-03-03" in problem["detail"]) == ("date", True)


STEPS = (Step("a", "", "page", {"page": "/a"}, 1), Step("b", "", "page", {"page": "/b"}, 5))
DEPTHS = [
    ({}, 0), ({"completed_steps": []}, 0), ({"completed_steps": ["a"]}, 1), ({"completed_steps": [5]}, 2),
    ({"completed_steps": ["5"]}, 2), ({"completed_steps": ["x", 2]}, 0), ({"converted": True}, 2),
    ({"converted": False, "completed_steps": ["b", "a"]}, 2), ({"completed_steps": "b"}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "depth"), DEPTHS)
def test_depth_of_a_tracked_step(payload: dict[str, Any], depth: int) -> None:
    assert tracked_depth(STEPS, payload) == depth


def tracked(time: str, user: str, **payload: Any) -> dict[str, Any]:
    return {"ts": f"2026-03-02T{time}Z", "user_id": user, "type": "funnel_step", "payload": payload}


@pytest.mark.parametrize("scope", ["user", "visit"])
def test_the_deeper_of_tracked_and_computed_attempts_counts(
    store: Any, call: Call, app: Flask, site: Site, scope: str
) -> None:
    stored = call("post", FUNNELS, NEW | {"scope": scope, "value": "eur"}, 201)["data"]
    ids = {"funnel_id": stored["id"]}
    store([
        {"ts": "2026-03-02T10:00:00Z", "user_id": "ann", "path": "/a"},
        tracked("10:05:00", "ann", **ids, converted=True, started_at="2026-03-02T10:01:00Z", eur="5.0"),
        {"ts": "2026-03-02T10:00:00Z", "user_id": "bob", "path": "/a"},
        tracked("10:05:00", "bob", **ids, completed_steps=["1"]),
        tracked("10:05:00", "cid", funnel_id=NOBODY, converted=True), tracked("10:05:00", "dan", **ids),
        tracked("10:05:00", "eve", **ids, completed_steps=[1], started_at="later"),
    ])  # fmt: skip
    report = call("get", f"{FUNNELS}{stored['id']}/analytics/detailed?date=2026-03-02")
    assert [row["visitors_reached"] for row in report["step_analytics"]] == [3, 1]
    # From `started_at` to the event.
    assert (report["avg_time_to_convert"], report["total_value"]) == (240.0, 5.0)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"funnel_id": None}, "funnel_id"), ({"completed_steps": "all"}, "completed_steps"), ({"event_type": "x"}, "event_type"),
        ({"properties": {"funnel_id": "other"}}, "properties.funnel_id"), ({"started_at": "soon"}, "started_at"),
        ({"visitor_id": ""}, "visitor_id"), ({"completed_steps": list(range(101))}, "completed_steps"),
    ],
)  # fmt: skip
def test_an_invalid_tracked_step_is_rejected_by_field(
    call: Call, funnel: dict[str, Any], fields: dict[str, Any], field: str
) -> None:
    body = {"funnel_id": funnel["id"], "website_id": "default", "visitor_id": "v1"} | fields
    problem = call("post", "/api/v1/funnels/track", body, 422, scope="ingest")
    assert [error["field"] for error in problem["errors"]] == [field]


TRACK = "/api/v1/funnels/track"


def track(funnel_id: str) -> dict[str, Any]:
    return {"funnel_id": funnel_id, "website_id": "default", "visitor_id": "v1"}


def test_a_step_of_a_funnel_that_does_not_exist_is_refused(
    call: Call, funnel: dict[str, Any], engine: Engine, redis: Redis
) -> None:
    with engine.begin() as connection:
        create_site(connection, "other")
    elsewhere = call("post", FUNNELS, NEW | {"site": "other"}, 201)["data"]["id"]
    for funnel_id in (NOBODY, "f1", elsewhere, funnel["id"].upper(), funnel["id"].replace("-", "")):
        problem = call("post", TRACK, track(funnel_id), 404, scope="ingest")
        assert "the site 'default' has no funnel" in problem["detail"]
    assert buffer.count_entries(redis) == 0
    assert call("post", TRACK, track(funnel["id"]), 201, scope="ingest")["funnel_id"] == funnel["id"]


def test_a_deleted_funnel_comes_back_under_its_id(call: Call, funnel: dict[str, Any]) -> None:
    call("delete", FUNNELS + funnel["id"])
    again = {name: funnel[name] for name in ("id", "name", "steps")}
    assert call("post", FUNNELS, again, 201)["data"]["id"] == funnel["id"]
    assert [one["id"] for one in call("get", FUNNELS)["data"]] == [funnel["id"]]


def test_the_id_of_another_funnel_is_refused(call: Call, funnel: dict[str, Any], engine: Engine) -> None:
    with engine.begin() as connection:
        create_site(connection, "other")
    for site in ("default", "other"):
        problem = call("post", f"{FUNNELS}?site={site}", NEW | {"id": funnel["id"]}, 409)
        assert "already" in problem["detail"]


def test_a_funnel_is_tracked_as_soon_as_it_exists(call: Call, site: Site) -> None:
    for name in "ab":
        stored = call("post", FUNNELS, NEW | {"name": name}, 201)["data"]
        call("post", TRACK, track(stored["id"]), 201, scope="ingest")


def test_a_deleted_funnel_is_refused_when_its_cached_row_is_old(call: Call, funnel: dict[str, Any], at: Any) -> None:
    call("post", TRACK, track(funnel["id"]), 201, scope="ingest")
    call("delete", f"{FUNNELS}{funnel['id']}")
    at(SITE_FRESHNESS.usable_s + 1)
    call("post", TRACK, track(funnel["id"]), 404, scope="ingest")


def test_a_step_is_accepted_while_postgresql_is_away(site: Site, engine: Engine) -> None:
    # Nobody listens there.
    away = create_engine(engine.url.set(host="127.0.0.1", port=1, query={}))
    check_funnel(away, site, NOBODY)
