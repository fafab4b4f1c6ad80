"""Stored funnels: who may do what, what is refused and how, what the audit log says, what tracked steps add."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.funnels.conversion import tracked_depth
from analytics.funnels.steps import Step
from analytics.sites import Site, create_site, update_site

Ask = Callable[..., Any]
FUNNELS = "/api/v1/funnels/"
PAGE = {"type": "page", "condition": {"page": "/a"}}
EVENT = {"type": "event", "condition": {"event": "signup"}}
NEW = {"name": "Checkout", "steps": [PAGE, EVENT]}
NOBODY = "5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11"


@pytest.fixture
def funnel(call: Ask, site: Site) -> dict[str, Any]:
    found: dict[str, Any] = call("post", FUNNELS, NEW, 201)["data"]
    return found


def test_what_is_left_out_has_a_default(funnel: dict[str, Any]) -> None:
    assert [(step["id"], step["order"], step["name"]) for step in funnel["steps"]] == [("1", 1, ""), ("2", 2, "")]
    assert (funnel["ordering"], funnel["scope"], funnel["window_s"], funnel["value"]) == (
        "ordered",
        "user",
        604800,
        None,
    )
    assert (funnel["website_id"], funnel["user_id"], funnel["is_active"]) == ("default", "tester", True)


def test_steps_are_in_their_order(call: Ask, site: Site) -> None:
    steps = [{**PAGE, "order": 7, "id": "late"}, {**EVENT, "order": 3, "id": "early"}]
    made = call("post", FUNNELS, NEW | {"steps": steps}, 201)["data"]
    assert [step["id"] for step in made["steps"]] == ["early", "late"]


def step(**condition: Any) -> dict[str, Any]:
    return {"type": "event", "condition": condition}


HOSTILE = [
    pytest.param({"steps": [PAGE]}, "steps", id="one-step"),
    pytest.param({"steps": [PAGE] * 100}, "steps", id="a-hundred-steps"),
    pytest.param({"steps": "x"}, "steps", id="no-list"),
    pytest.param({"steps": [PAGE, {"type": "page"}]}, "steps[1][condition]", id="no-condition"),
    pytest.param({"steps": [PAGE, step()]}, "steps[1][condition]", id="empty-condition"),
    pytest.param({"steps": [PAGE, step(page="", event=None)]}, "steps[1][condition]", id="condition-of-nothing"),
    pytest.param({"steps": [PAGE, step(regex="(a+)+$")]}, "steps[1][condition][regex]", id="regular-expression"),
    pytest.param({"steps": [PAGE, step(page="*a" * 11)]}, "steps[1][condition][page]", id="many-stars"),
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
def test_hostile_definitions_are_refused_by_name(
    call: Ask, count: Ask, site: Site, definition: dict[str, Any], field: str
) -> None:
    answer = count(definition, status=422)
    assert field in [error["field"] for error in answer["errors"]]
    assert call("post", FUNNELS, {"name": "x"} | definition, 422)["errors"] == answer["errors"]


def test_twenty_steps_are_no_bomb(store: Any, count: Ask) -> None:
    store([{"ts": f"2026-03-02T10:00:{second:02}Z", "path": "/a"} for second in range(19)])
    found = count({"steps": [{"condition": {"page": "*a*", "type": "page_view"}}] * 20})
    assert [line["visitors_reached"] for line in found["step_analytics"]] == [1] * 19 + [0]


@pytest.mark.parametrize(
    "query", ["breakdown=entry_path", "breakdown=user_id", "days=367", "filter=x", "bomb=1", "zone=Mars"]
)
def test_hostile_queries_are_refused(count: Ask, site: Site, query: str) -> None:
    assert count({"steps": [PAGE, EVENT]}, query, 400)["errors"][0]["field"] == query.split("=", maxsplit=1)[0]


def test_what_takes_too_long_is_stopped_and_said(make_app: Any, fill: Any, token: Any, auth: Any) -> None:
    fill(50_000)
    client = make_app(statement_timeout=0.02).test_client()
    bomb = {"steps": [{"condition": {"filter": f"referrer=~{n}"}} for n in range(20)]}
    answer = client.post("/api/analytics/reports/funnel?date=2026-03-02", json=bomb, headers=auth(token("read")))
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "too_slow")
    assert answer.json["errors"][0]["field"] == "date"


def test_only_its_owner_or_an_admin_changes_a_funnel(call: Ask, funnel: dict[str, Any]) -> None:
    path = FUNNELS + funnel["id"]
    assert call("get", path, sub="another")["funnel"] == funnel
    assert "another caller" in call("put", path, {"name": "Mine"}, 403, sub="another")["detail"]
    call("delete", path, None, 403, sub="another")
    assert call("put", path, {"name": "Ours"}, scope="admin", sub="another")["funnel"]["name"] == "Ours"
    call("post", FUNNELS, NEW, 403, scope="ingest")


def test_changes_are_in_the_audit_log(call: Ask, funnel: dict[str, Any], sql: Any) -> None:
    path = FUNNELS + funnel["id"]
    call("put", path, {"name": "Till", "window_s": 60})
    call("put", path, {"name": "Till"})
    call("delete", path)
    rows = sql("SELECT actor, action, detail FROM audit_log WHERE action LIKE 'funnel%' ORDER BY id")
    assert [(actor, action) for actor, action, _ in rows] == [
        ("tester", "funnel.create"), ("tester", "funnel.update"), ("tester", "funnel.delete"),
    ]  # fmt: skip
    assert rows[1][2] == {"funnel": funnel["id"], "name": ["Checkout", "Till"], "window_s": [604800, 60]}


def test_a_change_of_steps_is_checked_too(call: Ask, funnel: dict[str, Any]) -> None:
    path = FUNNELS + funnel["id"]
    assert call("put", path, {"steps": [PAGE]}, 422)["errors"][0]["field"].startswith("steps")
    assert call("put", path, {"steps": [EVENT, PAGE]})["funnel"]["steps"][0]["condition"] == {"event": "signup"}
    call("put", path, {"website_id": "elsewhere"}, 422)


def test_other_sites_do_not_know_it(
    engine: Engine, client: FlaskClient, token: Any, auth: Any, call: Ask, funnel: dict[str, Any]
) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop", "Shop")
    path = FUNNELS + funnel["id"]
    assert client.get(path, headers=auth(token("admin", site="shop"))).status_code == 404
    call("get", f"{path}/analytics?site=shop", None, 404)
    call("post", f"{FUNNELS}compare?website_id=shop", {"funnel_ids": [funnel["id"]]}, 404)
    call("get", FUNNELS + NOBODY, None, 404)


def test_public_statistics_show_funnels_and_take_none(
    engine: Engine, client: FlaskClient, funnel: dict[str, Any]
) -> None:
    path = FUNNELS + funnel["id"]
    assert client.get(f"{path}/analytics?site=default").status_code == 401
    with engine.begin() as connection:
        update_site(connection, "default", public_stats=True)
    from analytics.sites import forget_sites

    forget_sites(engine)
    assert client.get(f"{path}/analytics?site=default").status_code == 200
    assert client.post(FUNNELS, json=NEW | {"website_id": "default"}).status_code == 401


def test_closed_days_come_from_the_cache(store: Any, call: Ask, funnel: dict[str, Any]) -> None:
    path = f"{FUNNELS}{funnel['id']}/analytics?date=2026-03-02"
    assert "cached" not in call("get", path)["meta"]
    store([{"ts": "2026-03-02T10:00:00Z", "path": "/a"}])
    assert (call("get", path)["meta"]["cached"], call("get", path)["total_starts"]) == (True, 0)
    # Another definition is another question.
    call("put", FUNNELS + funnel["id"], {"window_s": 60})
    assert call("get", path)["total_starts"] == 1


def test_raw_events_that_may_be_gone_are_not_counted(call: Ask, funnel: dict[str, Any], sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-03' RETURNING id")
    answer = call("get", f"{FUNNELS}{funnel['id']}/analytics?date=2026-03-02", None, 400)
    assert (answer["errors"][0]["field"], "2026-03-03" in answer["detail"]) == ("date", True)


STEPS = (Step("a", "", "page", {"page": "/a"}, 1), Step("b", "", "page", {"page": "/b"}, 5))
DEPTHS = [
    ({}, 0), ({"completed_steps": []}, 0), ({"completed_steps": ["a"]}, 1), ({"completed_steps": [5]}, 2),
    ({"completed_steps": ["5"]}, 2), ({"completed_steps": ["x", 2]}, 0), ({"converted": True}, 2),
    ({"converted": False, "completed_steps": ["b", "a"]}, 2), ({"completed_steps": "b"}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "depth"), DEPTHS)
def test_how_far_a_tracked_step_says_one_came(payload: dict[str, Any], depth: int) -> None:
    assert tracked_depth(STEPS, payload) == depth


def tracked(time: str, user: str, **payload: Any) -> dict[str, Any]:
    return {"ts": f"2026-03-02T{time}Z", "user_id": user, "type": "funnel_step", "payload": payload}


@pytest.mark.parametrize("scope", ["user", "visit"])
def test_the_deeper_of_tracked_and_computed_counts(store: Any, call: Ask, app: Flask, site: Site, scope: str) -> None:
    made = call("post", FUNNELS, NEW | {"scope": scope, "value": "eur"}, 201)["data"]
    mine = {"funnel_id": made["id"]}
    store([
        {"ts": "2026-03-02T10:00:00Z", "user_id": "ann", "path": "/a"},
        tracked("10:05:00", "ann", **mine, converted=True, started_at="2026-03-02T10:01:00Z", eur=5),
        {"ts": "2026-03-02T10:00:00Z", "user_id": "bob", "path": "/a"},
        tracked("10:05:00", "bob", **mine, completed_steps=["1"]),
        tracked("10:05:00", "cid", funnel_id=NOBODY, converted=True), tracked("10:05:00", "dan", **mine),
        tracked("10:05:00", "eve", **mine, completed_steps=[1], started_at="later"),
    ])  # fmt: skip
    found = call("get", f"{FUNNELS}{made['id']}/analytics/detailed?date=2026-03-02")
    assert [line["visitors_reached"] for line in found["step_analytics"]] == [3, 1]
    # From when the client says that it began, to the event.
    assert (found["avg_time_to_convert"], found["total_value"]) == (240.0, 5.0)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"funnel_id": None}, "funnel_id"), ({"completed_steps": "all"}, "completed_steps"), ({"event_type": "x"}, "event_type"),
        ({"properties": {"funnel_id": "other"}}, "properties.funnel_id"), ({"started_at": "soon"}, "started_at"),
        ({"visitor_id": ""}, "visitor_id"), ({"completed_steps": list(range(101))}, "completed_steps"),
    ],
)  # fmt: skip
def test_a_tracked_step_is_checked(call: Ask, site: Site, more: dict[str, Any], field: str) -> None:
    body = {"funnel_id": NOBODY, "website_id": "default", "visitor_id": "v1"} | more
    answer = call("post", "/api/v1/funnels/track", body, 422, scope="ingest")
    assert [error["field"] for error in answer["errors"]] == [field]
