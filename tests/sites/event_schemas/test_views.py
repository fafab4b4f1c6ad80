"""The routes of JSON Schemas, and what becomes of events by them, through the real write path."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, create_engine

from analytics.errors import Unavailable
from analytics.sites import sites
from analytics.sites.deletion import begin_deletion
from analytics.sites.event_schemas.event_schemas import (
    MAX_SCHEMAS,
    clear_validator_cache,
    find_validators,
    remove_schema,
    set_schema,
)
from analytics.sites.sites import Site, create_site, find_site
from tests.factories import make_drain
from tests.waiting import wait_until

SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "number", "minimum": 0}, "currency": {"pattern": "^[A-Z]{3}$"}},
    "required": ["total"],
}
SCHEMAS = "/api/analytics/sites/default/schemas"
CHECK = "/api/analytics/sites/default/schema-check"
INGEST = "/api/analytics/ingest"
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def admin(token: Callable[..., str], auth: Callable[[str], dict[str, str]]) -> dict[str, str]:
    return auth(token("admin ingest read"))


@pytest.fixture
def order(client: FlaskClient, site: Site, admin: dict[str, str]) -> None:
    """A schema of the type `order`."""
    assert client.put(f"{SCHEMAS}/order", json=SCHEMA, headers=admin).status_code == 200


def send(client: FlaskClient, headers: dict[str, str], *events: Any, path: str = INGEST, code: int = 202) -> Any:
    response = client.post(path, json=[*events] if path == INGEST else events[0], headers=headers)
    assert response.status_code == code, response.json
    return response.json


def test_a_schema_is_set_shown_listed_and_removed(client: FlaskClient, site: Site, admin: dict[str, str]) -> None:
    text = '{ "properties": {"total": {"maximum": 12345678901234567.890}} }'
    put = client.put(f"{SCHEMAS}/order", data=text, headers={**admin, "Content-Type": "application/json"})
    assert (put.status_code, put.json["type"], put.json["max_event_bytes"]) == (200, "order", 65536)
    shown = client.get(f"{SCHEMAS}/order", headers=admin)
    assert text in shown.text
    [listed] = client.get(SCHEMAS, headers=admin).json["schemas"]
    assert listed == {name: put.json[name] for name in ("type", "schema", "updated_at")}
    assert client.delete(f"{SCHEMAS}/order", headers=admin).status_code == 204
    for name in ("order", "%00", "a/b"):
        assert client.get(f"{SCHEMAS}/{name}", headers=admin).status_code == 404
        assert client.delete(f"{SCHEMAS}/{name}", headers=admin).status_code == 404
    assert client.get(SCHEMAS, headers=admin).json == {"schemas": []}


def test_events_are_refused_by_the_schema_of_their_type(
    client: FlaskClient, admin: dict[str, str], order: None
) -> None:
    answer = send(
        client,
        admin,
        {"type": "order", "payload": {"total": 1.5}},
        {"type": "order", "payload": {"total": "1.5", "currency": "eur"}},
        {"type": "order"},
        {"type": "other", "payload": {"total": "x"}},
    )
    assert (answer["ingested"], answer["received"]) == (2, 4)
    assert [(one["index"], one["field"], one["code"]) for one in answer["rejected"]] == [
        (1, "payload/total", "schema_mismatch"),
        (1, "payload/currency", "schema_mismatch"),
        (2, "payload/total", "schema_mismatch"),
    ]


def test_nothing_is_dropped_in_silence(
    client: FlaskClient, engine: Engine, redis: Redis, admin: dict[str, str], order: None, sql: Sql
) -> None:
    good, bad = {"type": "order", "payload": {"total": 1}}, {"type": "order", "payload": {"total": -1}}
    batch_id = send(client, admin, good, bad, good)["batch_id"]
    assert make_drain(engine, redis).run(duration_s=10).stored == 2
    state = client.get(f"/api/analytics/batches/{batch_id}", headers=admin).json
    assert (state["state"], state["accepted"], state["stored"]) == ("stored", 2, 2)
    assert sql("SELECT count(*) FROM events") == [(2,)]


def test_a_batch_without_a_good_event_is_refused(client: FlaskClient, admin: dict[str, str], order: None) -> None:
    problem = send(client, admin, {"type": "order", "payload": {"total": None}}, code=422)
    assert problem["errors"][0]["field"] == "payload/total"
    strict = {**admin, "Prefer": "handling=strict"}
    send(client, strict, {"type": "order", "payload": {"total": 1}}, {"type": "order"}, code=422)


def test_the_problem_is_at_the_place_where_the_caller_sent_the_member(
    client: FlaskClient, admin: dict[str, str], order: None
) -> None:
    """A field that the vocabulary does not have is part of the payload that is stored."""
    assert send(client, admin, {"type": "order", "total": 2}, {"type": "a"})["ingested"] == 2
    [problem] = send(client, admin, {"type": "order", "total": "x"}, {"type": "a"})["rejected"]
    assert problem["field"] == "total"
    named = {"event_name": "order", "properties": {"total": "x"}}
    assert send(client, admin, named, path="/events", code=422)["errors"][0]["field"] == "properties/total"


def test_the_other_vocabularies_are_checked_too(client: FlaskClient, admin: dict[str, str], order: None) -> None:
    website = {"website_id": "default", "visitor_id": "v", "event_type": "order", "total": "x"}
    assert send(client, admin, website, path="/api/v1/analytics/event", code=422)["errors"][0]["field"] == "total"
    site_event = {"site_id": "default", "event_type": "order"}
    assert send(client, admin, site_event, path="/event", code=422)["errors"][0]["field"] == "payload/total"


def test_the_names_of_a_type_are_one_type(client: FlaskClient, site: Site, admin: dict[str, str]) -> None:
    put = client.put(f"{SCHEMAS}/pageview", json={"required": ["title"]}, headers=admin)
    assert put.json["type"] == "page_view"
    for name in ("page_view", "pageview"):
        send(client, admin, {"type": name, "path": "/"}, code=422)
        assert client.get(f"{SCHEMAS}/{name}", headers=admin).status_code == 200
    send(client, admin, {"type": " page_view ", "path": "/"}, code=422)
    send(client, admin, {"type": "\u00a0pageview", "payload": {"title": " a "}})
    assert client.delete(f"{SCHEMAS}/pageview", headers=admin).status_code == 204


@pytest.mark.parametrize("types", ["open", "strict"])
def test_types_without_a_schema_follow_the_site(
    client: FlaskClient, admin: dict[str, str], order: None, types: str
) -> None:
    changes = {"types": types, "event_types": ["order", "signup"]}
    assert client.patch("/api/analytics/sites/default", json=changes, headers=admin).status_code == 200
    events = [{"type": "order", "payload": {"total": 1}}, {"type": "signup"}, {"type": "order"}, {"type": "unlisted"}]
    codes = [(one["index"], one["code"]) for one in send(client, admin, *events)["rejected"]]
    assert codes == [(2, "schema_mismatch"), *([(3, "unknown_type")] if types == "strict" else [])]


def test_numbers_keep_their_digits(
    client: FlaskClient, engine: Engine, redis: Redis, admin: dict[str, str], order: None, sql: Sql
) -> None:
    """On the path of a good batch, and beside a bad event."""
    total = "12345678901234567.890"
    for beside in ("", ',{"type": ""}'):
        body = f'[{{"type": "order", "payload": {{"total": {total}}}}}{beside}]'
        answer = client.post(INGEST, data=body, headers={**admin, "Content-Type": "application/json"})
        assert answer.json["ingested"] == 1
    make_drain(engine, redis).run(duration_s=10)
    assert sql("SELECT payload ->> 'total', count(*) FROM events GROUP BY 1") == [(total, 2)]


def test_a_large_event_of_a_costly_schema_is_refused(client: FlaskClient, site: Site, admin: dict[str, str]) -> None:
    schema = {"properties": {"text": {"pattern": "[ab]*a[ab]{400}c"}}}
    most = client.put(f"{SCHEMAS}/note", json=schema, headers=admin).json["max_event_bytes"]
    event = {"type": "note", "payload": {"text": "x" * most}}
    # With another event, so that neither body alone is large.
    [problem] = send(client, admin, event, {"type": "note"})["rejected"]
    assert (problem["index"], problem["field"]) == (0, "payload")
    assert f"at most {most:,} bytes" in problem["detail"]
    assert send(client, admin, {**event, "type": "unchecked"}, {"type": "note"})["ingested"] == 2


def test_many_checked_events_of_a_body_are_all_checked(client: FlaskClient, admin: dict[str, str], order: None) -> None:
    events = [{"type": "order", "payload": {"total": number - 1, "items": ["x" * 900] * 3}} for number in range(300)]
    answer = send(client, admin, *events)
    assert (answer["ingested"], [one["index"] for one in answer["rejected"]]) == (299, [0])


def test_only_admins_change_schemas(
    client: FlaskClient, engine: Engine, order: None, token: Callable[..., str], auth: Callable[[str], dict[str, str]]
) -> None:
    reader, other = auth(token("read ingest")), auth(token("admin", site="other"))
    with engine.begin() as connection:
        create_site(connection, "other")
    assert client.get(SCHEMAS, headers=reader).status_code == 200
    for headers in (reader, other):
        assert client.put(f"{SCHEMAS}/order", json={}, headers=headers).status_code == 403
        assert client.delete(f"{SCHEMAS}/order", headers=headers).status_code == 403
        assert client.post(CHECK, json={"type": "order"}, headers=headers).status_code == 403
    assert client.get(SCHEMAS, headers=other).status_code == 403


def test_a_schema_that_is_not_accepted_changes_nothing(client: FlaskClient, admin: dict[str, str], order: None) -> None:
    refused = client.put(f"{SCHEMAS}/order", json={"properties": {"total": {"pattern": "("}}}, headers=admin)
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "schema/properties/total/pattern")
    assert (
        client.put(f"{SCHEMAS}/order", data="{", headers={**admin, "Content-Type": "application/json"}).status_code
        == 400
    )
    assert client.put(f"{SCHEMAS}/{'x' * 129}", json={}, headers=admin).status_code == 422
    assert client.get(f"{SCHEMAS}/order", headers=admin).json["schema"] == SCHEMA


def test_another_process_sees_a_change_as_it_sees_settings(
    engine: Engine, site: Site, at: Callable[[float], None]
) -> None:
    set_in_another_process(engine, "order", SCHEMA)
    other = create_engine(engine.url)
    assert [*find_validators(other, find_site(other, "default"))] == ["order"]
    set_in_another_process(engine, "order", {"required": ["sku"]})
    set_in_another_process(engine, "signup", {})
    assert find_validators(other, find_site(other, "default"))["order"].is_valid({"total": 1})
    at(5.1)
    wait_until(lambda: len(find_validators(other, find_site(other, "default"))) == 2)
    assert not find_validators(other, find_site(other, "default"))["order"].is_valid({"total": 1})
    with engine.begin() as connection:
        remove_schema(connection, "default", "order")
        remove_schema(connection, "default", "signup")
    at(10.3)
    wait_until(lambda: not find_validators(other, find_site(other, "default")))
    other.dispose()


def set_in_another_process(engine: Engine, type_name: str, schema: Any) -> None:
    with engine.begin() as connection:
        set_schema(connection, "default", type_name, json.dumps(schema).encode())


def test_no_event_is_accepted_unchecked_while_schemas_cannot_be_read(engine: Engine, site: Site) -> None:
    away = create_engine("postgresql+psycopg2://127.0.0.1:1/none")
    with pytest.raises(Unavailable, match="schemas"):
        find_validators(away, site._replace(schemas_version=1))
    assert not find_validators(away, site)


def test_schemas_stay_with_a_renamed_site_and_go_with_a_deleted_one(
    client: FlaskClient, engine: Engine, admin: dict[str, str], order: None, sql: Sql
) -> None:
    renamed = client.patch("/api/analytics/sites/default", json={"key": "shop"}, headers=admin)
    assert renamed.status_code == 200
    for key in ("shop", "default"):
        assert client.get(f"/api/analytics/sites/{key}/schemas", headers=admin).json["schemas"][0]["type"] == "order"
        send(client, {**admin, "X-Site-ID": key}, {"type": "order"}, code=422)
    with engine.begin() as connection:
        begin_deletion(connection, "shop")
    sites.clear_site_cache(engine)
    assert client.get("/api/analytics/sites/shop/schemas", headers=admin).status_code == 410
    assert client.put("/api/analytics/sites/shop/schemas/a", json={}, headers=admin).status_code == 410
    sql("DELETE FROM sites WHERE key = 'shop' RETURNING 1")
    assert sql("SELECT count(*) FROM event_schemas") == [(0,)]


def test_the_audit_log_has_the_schema_before_and_after(
    client: FlaskClient, admin: dict[str, str], order: None, sql: Sql
) -> None:
    client.put(f"{SCHEMAS}/order", json={}, headers=admin)
    client.put(f"{SCHEMAS}/order", json={}, headers=admin)
    client.delete(f"{SCHEMAS}/order", headers=admin)
    found = sql("SELECT action, detail FROM audit_log WHERE action LIKE 'site.%schema' ORDER BY id")
    before = [None if detail["schema"][0] is None else json.loads(detail["schema"][0]) for _, detail in found]
    assert [action for action, _ in found] == ["site.set_schema", "site.set_schema", "site.remove_schema"]
    assert before == [None, SCHEMA, {}]


def test_the_number_of_schemas_of_a_site_is_bounded(
    engine: Engine, site: Site, client: FlaskClient, admin: Any
) -> None:
    for number in range(MAX_SCHEMAS):
        set_in_another_process(engine, f"t{number}", True)
    refused = client.put(f"{SCHEMAS}/more", json={}, headers=admin)
    assert (refused.status_code, refused.json["errors"][0]["code"]) == (422, "too_many")
    assert client.put(f"{SCHEMAS}/t1", json={"title": "changed"}, headers=admin).status_code == 200


def test_stored_events_are_checked_by_a_schema_that_might_be_set(
    client: FlaskClient, engine: Engine, redis: Redis, site: Site, admin: dict[str, str]
) -> None:
    payloads = [{"total": 1}, {"total": "2"}, {"total": "3"}, {"items": [{"n": 1}, {"n": 2}]}, None]
    send(client, admin, *({"type": "order", "payload": one, "event_id": f"e{n}"} for n, one in enumerate(payloads)))
    make_drain(engine, redis).run(duration_s=10)
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "items": {"items": {"required": ["sku"]}}}}  # type: ignore[dict-item]
    answer = client.post(CHECK, json={"type": "order", "schema": schema}, headers=admin)
    assert answer.status_code == 200
    assert answer.json["complete"] is True
    assert answer.json["types"] == {"order": {"checked": 5, "refused": 4}}
    counts = {(one["field"], one["keyword"]): one["events"] for one in answer.json["reasons"]}
    assert counts == {
        ("payload/total", "type"): 2, ("payload/total", "required"): 2, ("payload/items/*/sku", "required"): 1,
    }  # fmt: skip
    assert client.get(SCHEMAS, headers=admin).json == {"schemas": []}
    few = client.post(CHECK, json={"type": "order", "schema": schema, "limit": 2}, headers=admin).json
    assert (few["complete"], few["types"]["order"]["checked"]) == (False, 2)
    assert client.post(CHECK, json={"type": "order"}, headers=admin).status_code == 404


def test_what_accept_refuses_the_check_of_stored_events_would_have_refused(
    client: FlaskClient, app: Flask, engine: Engine, redis: Redis, site: Site, admin: dict[str, str]
) -> None:
    values: list[Any] = [1, 1.0, 1e2, -0.0, 2**70, 1e300, "1", None, True, [], {}, 0.1, 123456789012345678.5]
    events = [{"type": "order", "payload": {"total": value}} for value in values]
    send(client, admin, *events)
    make_drain(engine, redis).run(duration_s=10)
    for schema in ({"type": "integer"}, {"type": "number"}, {"maximum": 100}, {"multipleOf": 0.1}, {"enum": [1, "1"]}):
        candidate = {"properties": {"total": schema}}
        stored = client.post(CHECK, json={"type": "order", "schema": candidate}, headers=admin).json
        client.put(f"{SCHEMAS}/order", json=candidate, headers=admin)
        answer = client.post(INGEST, json=[*events, {"type": "x"}], headers=admin).json
        assert stored["types"]["order"]["refused"] == len({one["index"] for one in answer["rejected"]}), schema
    clear_validator_cache(engine)
