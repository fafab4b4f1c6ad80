"""docs/events.md: its schemas are accepted, and its examples satisfy them and are stored; every type of seed 001 is there."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.sites.sites import Site
from analytics.store.models import SUPPORTED_TYPES
from tests.conftest import ROOT
from tests.factories import make_drain

TEXT = (ROOT / "docs" / "events.md").read_text()
SECTIONS = {
    example["type"]: (json.loads(schema), example)
    for schema, text in re.findall(r"```json schema\n(.*?)```\n```json example\n(.*?)```", TEXT, re.DOTALL)
    for example in [json.loads(text)]
}


def test_every_type_of_the_list_is_described() -> None:
    assert set(SUPPORTED_TYPES) | {"engagement", "outbound_click"} == set(SECTIONS)


@pytest.mark.parametrize("event_type", SECTIONS)
def test_example_satisfies_its_schema_and_is_stored(
    client: FlaskClient,
    site: Site,
    token: Any,
    auth: Any,
    engine: Engine,
    redis: Redis,
    sql: Callable[..., Any],
    event_type: str,
) -> None:
    schema, example = SECTIONS[event_type]
    headers = auth(token("admin ingest read"))
    url = f"/api/analytics/sites/default/schemas/{event_type}"
    assert client.put(url, json=schema, headers=headers).status_code == 200
    broken = {**example, "payload": {name: [value] for name, value in example["payload"].items()}}
    answer = client.post("/api/analytics/ingest", json=[example, broken], headers=headers)
    assert (answer.status_code, answer.json["ingested"]) == (202, 1)
    assert {problem["code"] for problem in answer.json["rejected"]} == {"schema_mismatch"}
    make_drain(engine, redis).run()
    assert sql("SELECT type, payload FROM events") == [(event_type, example["payload"])]


def test_the_first_example_fills_its_columns(
    client: FlaskClient, site: Site, token: Any, auth: Any, engine: Engine, redis: Redis, sql: Callable[..., Any]
) -> None:
    event = json.loads(re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)[0])
    event["ts"] = None
    assert client.post("/api/analytics/ingest", json=[event], headers=auth(token("ingest"))).json["ingested"] == 1
    make_drain(engine, redis).run()
    columns = "event_id::text, type, user_id, path, hostname, language, screen, src, session_id, payload"
    assert sql(f"SELECT {columns} FROM events") == [
        (
            event["event_id"],
            "button_click",
            "user-123",
            "/pricing",
            "shop.example",
            "de-CH",
            "desktop",
            "web_app",
            "s-1",
            event["payload"],
        )
    ]
