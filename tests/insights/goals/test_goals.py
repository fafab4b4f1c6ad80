"""Goals over HTTP: permissions, rejected bodies, and the audit log."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.sites.sites import Site, create_site

GOALS = "/api/analytics/goals"
ORDER = {"name": "Order", "type": "order", "value": {"property": "total", "currency_property": "currency"}}


@pytest.fixture
def call(client: FlaskClient, site: Site, token: Any, auth: Any) -> Callable[..., Any]:
    """`call("post", "", ORDER, scope="admin", status=201)`: the response's JSON."""

    def send(
        verb: str, path: str, body: Any = None, scope: str = "read write", status: int = 200, **claims: Any
    ) -> Any:
        options = {} if body is None else {"json": body}
        response = getattr(client, verb)(GOALS + path, headers=auth(token(scope, **claims)), **options)
        assert response.status_code == status, response.json
        return response.json

    return send


@pytest.fixture
def order(call: Any) -> str:
    return str(call("post", "", ORDER, status=201)["id"])


def test_a_created_goal_can_be_read_and_listed(call: Any, client: FlaskClient) -> None:
    stored = call("post", "", ORDER, status=201)
    expected = {**ORDER, "site": "default", "path": None, "filter": None}
    assert {name: stored[name] for name in expected} == expected
    assert call("get", f"/{stored['id']}", scope="read") == stored
    assert call("get", "", scope="read") == {"goals": [stored]}


def test_a_path_alone_means_page_views(call: Any) -> None:
    assert call("post", "", {"name": "Thanks", "path": "/thanks*"}, status=201)["type"] == "page_view"


def test_given_fields_change_and_null_removes(call: Any, order: str) -> None:
    changed = call("patch", f"/{order}", {"name": "Sale", "value": None, "filter": "country==DE"})
    assert (changed["name"], changed["type"], changed["value"], changed["filter"]) == (
        "Sale",
        "order",
        None,
        "country==DE",
    )
    assert call("get", f"/{order}") == changed
    assert changed["updated_at"] > changed["created_at"]


def test_changes_are_in_the_audit_log(call: Any, order: str, sql: Any) -> None:
    call("patch", f"/{order}", {"name": "Sale"})
    call("delete", f"/{order}", status=204)
    rows = sql(
        "SELECT actor, action, detail->>'id', detail->'name' FROM audit_log WHERE action LIKE 'goal.%' ORDER BY id"
    )
    assert rows == [
        ("tester", "goal.create", order, "Order"), ("tester", "goal.update", order, ["Order", "Sale"]),
        ("tester", "goal.delete", order, "Sale"),
    ]  # fmt: skip
    call("get", f"/{order}", status=404)


def test_a_name_is_unique_within_a_site(call: Any, order: str) -> None:
    call("post", "", ORDER, status=409)
    other = call("post", "", {"name": "Other", "type": "x"}, status=201)["id"]
    assert "Order" in call("patch", f"/{other}", {"name": "Order"}, status=409)["detail"]
    assert call("get", f"/{other}")["name"] == "Other"


def test_write_is_needed_to_change_goals(call: Any, order: str) -> None:
    call("post", "", ORDER, scope="read ingest export", status=403)
    call("patch", f"/{order}", {"name": "x"}, scope="read", status=403)
    call("delete", f"/{order}", scope="read", status=403)
    call("get", f"/{order}/report", scope="ingest", status=403)


def test_a_token_of_another_site_has_no_access(call: Any, order: str, engine: Engine) -> None:
    with engine.begin() as connection:
        create_site(connection, "other")
    for verb, path, body in (
        ("get", "", None),
        ("get", "/report", None),
        ("patch", "", {"name": "x"}),
        ("delete", "", None),
    ):
        call(verb, f"/{order}{path}", body, site="other", status=403)
    call("get", f"/{order}/report?site=other", status=404)
    assert call("get", "?site=other") == {"goals": []}


def test_a_report_uses_the_goal_as_it_is_now(call: Any, order: str, store: Any) -> None:
    store(
        [{"type": kind, "ts": "2026-03-02T10:00:00Z", "payload": {"total": 3}} for kind in ("order", "order", "sale")]
    )
    query = f"/{order}/report?date=2026-03-02"
    assert call("get", query, scope="read")["conversions"] == 2
    call("patch", f"/{order}", {"type": "sale"})
    result = call("get", query, scope="read")
    assert (result["conversions"], result["goal"]["type"]) == (1, "sale")
    assert result["amounts"] == [{"currency": None, "amount": "3", "conversions": 1}]


def test_unknown_goals_are_not_found(call: Any) -> None:
    for path in ("", "/report", "/retention"):
        call("get", f"/{uuid.uuid4()}{path}", status=404)


REFUSED = {
    "no name": ({"type": "a"}, "name"),
    "neither type nor path": ({"name": "x"}, "type"),
    "many wildcards": ({"name": "x", "path": "*a" * 11}, "path"),
    "filter": ({"name": "x", "type": "a", "filter": "nonsense"}, "filter"),
    "unknown field": ({"name": "x", "type": "a", "regex": ".*"}, "regex"),
    "long name": ({"name": "x" * 201, "type": "a"}, "name"),
    "NUL": ({"name": "x", "type": "\0"}, "type"),
    "surrogate": ({"name": "x", "type": "\ud800"}, "type"),
    "no amount": ({"name": "x", "type": "a", "value": {"currency": "EUR"}}, "value[property]"),
    "two amounts": ({"name": "x", "type": "a", "value": {"property": "p", "amount": "1"}}, "value[property]"),
    "number": ({"name": "x", "type": "a", "value": {"amount": 9.9}}, "value[amount]"),
    "deep property": ({"name": "x", "type": "a", "value": {"property": ".".join("a" * 17)}}, "value[property]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_body_is_rejected_by_field(call: Any, name: str) -> None:
    body, field = REFUSED[name]
    problem = call("post", "", body, status=400 if name == "surrogate" else 422)
    assert name == "surrogate" or problem["errors"][0]["field"] == field


def test_a_goal_keeps_a_type_or_a_path(call: Any, order: str) -> None:
    assert call("patch", f"/{order}", {"type": None}, status=422)["errors"][0]["field"] == "type"


def test_a_deleted_goal_comes_back_under_its_id(client: Any, token: Any, auth: Any, site: Any) -> None:
    headers = auth(token("admin"))
    body = {"name": "Order", "type": "order"}
    made = client.post("/api/analytics/goals", json=body, headers=headers).json
    again = client.post("/api/analytics/goals", json={**body, "id": made["id"], "name": "Other"}, headers=headers)
    assert (again.status_code, again.json["detail"].partition(":")[0]) == (409, "id")
    assert client.delete(f"/api/analytics/goals/{made['id']}", headers=headers).status_code == 204
    back = client.post("/api/analytics/goals", json={**body, "id": made["id"]}, headers=headers)
    assert (back.status_code, back.json["id"]) == (201, made["id"])
