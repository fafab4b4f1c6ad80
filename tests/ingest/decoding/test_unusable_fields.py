"""A country or an address that cannot be used is dropped with a warning; the event is accepted on every path."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.contracts.conftest import drained, local, stored

__all__ = ["drained", "local"]
INGEST = "/api/analytics/ingest"
# The field as sent, the warning's field, its code.
UNUSABLE = [
    pytest.param({"country": "USA"}, "country", "not_a_country", id="three letters"),
    pytest.param({"country": "Germany"}, "country", "not_a_country", id="a name"),
    pytest.param({"country": "4!"}, "country", "not_a_country", id="no letters"),
    pytest.param({"country": 49}, "country", "not_a_country", id="a number"),
    pytest.param({"ip": "999.1.1.1"}, "ip", "not_an_address", id="not an address"),
    pytest.param({"ip_address": "unknown"}, "ip_address", "not_an_address", id="by another name"),
    pytest.param({"ip": "1.1.1.1, " * 9}, "ip", "not_an_address", id="a long list"),
    pytest.param({"ip": ["1.1.1.1"]}, "ip", "not_an_address", id="an array"),
]
USABLE: list[dict[str, Any]] = [
    *({"country": code} for code in ("US", "de", "", None)),
    *({"ip": ip} for ip in ("192.0.2.1", " 192.0.2.1 ", "2001:db8::1", "fe80::1%eth0", "", None)),
]
SINGLES = [
    ("/event", {"site_id": "default", "event_type": "a"}),
    ("/events", {"event_name": "a"}),
    ("/api/v1/analytics/event", {"website_id": "default", "visitor_id": "ann"}),
]


@pytest.mark.parametrize(("sent", "field", "code"), UNUSABLE)
def test_event_is_accepted_without_the_field(local: FlaskClient, sent: dict[str, Any], field: str, code: str) -> None:
    response = local.post(INGEST, json=[{"type": "a"}, {"type": "b", "user_id": "ann", **sent}])
    assert (response.status_code, response.json["ingested"], response.json["rejected"]) == (202, 2, [])
    [warning] = response.json["warnings"]
    assert (warning["index"], warning["field"], warning["code"]) == (1, field, code)
    assert "; the event is accepted without it; accepted: " in warning["detail"]


@pytest.mark.parametrize("sent", [{"country": "USA", "ip": "198.51.100.9"}, {"ip": "999.1.1.1"}])
def test_field_that_cannot_be_used_is_not_stored(
    local: FlaskClient, drained: Callable[[], Any], engine: Engine, sent: dict[str, Any]
) -> None:
    local.post(INGEST, json=[{"type": "b", "user_id": "ann", **sent}])
    drained()
    [row] = stored(engine)
    assert (row["type"], row["country"]) == ("b", None)
    assert row["ip"] is None if sent["ip"] == "999.1.1.1" else str(row["ip"]) == "198.51.100.9"


@pytest.mark.parametrize("sent", USABLE)
def test_usable_field_gives_no_warning(local: FlaskClient, sent: dict[str, Any]) -> None:
    response = local.post(INGEST, json=[{"type": "a", **sent}])
    assert list(response.json) == ["ingested", "received", "batch_id", "rejected"]


@pytest.mark.parametrize(("path", "body"), SINGLES)
def test_single_event_is_accepted_with_a_warning(local: FlaskClient, path: str, body: dict[str, Any]) -> None:
    assert "warnings" not in local.post(path, json=body).json
    response = local.post(path, json={**body, "country": "USA"})
    assert (response.status_code < 300, [one["code"] for one in response.json["warnings"]]) == (True, ["not_a_country"])


def test_strict_handling_refuses_the_batch(local: FlaskClient) -> None:
    body, strict = [{"type": "a"}, {"type": "a", "country": "USA"}], {"Prefer": "handling=strict"}
    response = local.post(INGEST, json=body, headers=strict)
    assert (response.status_code, [one["index"] for one in response.json["errors"]]) == (422, [1])


def test_unusable_addresses_keep_visitors_apart(local: FlaskClient, drained: Callable[[], Any], engine: Engine) -> None:
    local.post(INGEST, json=[{"type": "a", "ip": ip} for ip in ("999.1.1.1", "999.1.1.2", "999.1.1.1")])
    drained()
    assert len({row["user_id"] for row in stored(engine)}) == 2


def test_what_identifies_still_refuses_its_event(local: FlaskClient) -> None:
    response = local.post(INGEST, json=[{"type": "a"}, {"type": "a", "user_id": ["ann"], "country": "USA"}])
    assert [(one["index"], one["field"]) for one in response.json["rejected"]] == [(1, "user_id")]
    assert "warnings" not in response.json


@pytest.mark.usefixtures("site")
def test_import_counts_what_it_drops(app: Flask, tmp_path: Any) -> None:
    file = tmp_path / "events.csv"
    file.write_text("type,ts,user_id,country\na,2026-11-01T00:00:00Z,ann,USA\nb,2026-11-01T00:00:00Z,ann,DE\n")
    result = app.test_cli_runner().invoke(args=["import", "csv", str(file), "--no-wait"])
    assert "= imported 2" in result.output
    assert "1 imported without a field that was not a country" in result.output


LONG = 2100 * "x"


@pytest.mark.parametrize(
    ("sent", "row"),
    [
        pytest.param({"path": f"/landing?q={LONG}"}, {"path": "/landing"}, id="query"),
        pytest.param({"path": f"/?fbclid={LONG}"}, {"path": "/", "source": "Facebook"}, id="click id"),
        pytest.param({"path": f"/?a=b&GCLID={LONG}"}, {"source": "Google", "channel": "paid"}, id="paid click id"),
        pytest.param({"page": f"/landing#{LONG}"}, {"path": "/landing"}, id="fragment"),
        pytest.param(
            {"url": f"https://a.example/b?fbclid={LONG}&UTM_source=mail&utm_term=x#{LONG}"},
            {"path": "/b", "utm_source": "mail", "utm_term": "x"},
            id="campaign behind the limit",
        ),
        pytest.param(
            {"referrer": f"https://www.google.com/search?q={LONG}"},
            {"referrer": "https://www.google.com/search", "source": "Google"},
            id="referrer",
        ),
        pytest.param(
            {"payload": {"page": f"/landing?fbclid={LONG}&utm_source=mail"}},
            {"path": "/landing", "utm_source": "mail"},
            id="in the payload",
        ),
    ],
)
def test_what_is_not_stored_of_a_url_may_be_long(
    local: FlaskClient, drained: Callable[[], Any], engine: Engine, sent: dict[str, Any], row: dict[str, str]
) -> None:
    response = local.post(INGEST, json=[{"type": "page_view", **sent}], headers={"Prefer": "handling=strict"})
    assert (response.status_code, "warnings" in response.json) == (202, False)
    drained()
    [stored_row] = stored(engine)
    assert {name: stored_row[name] for name in row} == row


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        *(("path", 2048), ("referrer", 2048), ("user_agent", 1024), ("src", 255), ("region", 255), ("city", 255)),
        *(("utm_source", 255), ("utm_content", 255)),
    ],
)
def test_a_text_that_describes_is_cut_with_a_warning(
    local: FlaskClient, drained: Callable[[], Any], engine: Engine, field: str, limit: int
) -> None:
    sent = {"type": "page_view", field: "/" + "é" * (limit + 9)}
    response = local.post(INGEST, json=[sent])
    [warning] = response.json["warnings"]
    assert (response.status_code, warning["field"], warning["code"]) == (202, field, "cut")
    assert local.post(INGEST, json=[sent], headers={"Prefer": "handling=strict"}).status_code == 422
    drained()
    [row] = stored(engine)
    if field != "user_agent":
        assert row[field] == "/" + "é" * (limit - 1)


@pytest.mark.parametrize("field", ["type", "user_id", "session_id", "event_id", "site_id", "subject"])
def test_a_long_text_that_identifies_refuses_its_event(local: FlaskClient, field: str) -> None:
    response = local.post(INGEST, json=[{"type": "a"}, {"type": "a", field: "x" * 300}])
    assert [(one["index"], one["field"]) for one in response.json["rejected"]] == [(1, field)]


@pytest.mark.usefixtures("site")
def test_an_import_cuts_as_the_api_does(app: Flask, tmp_path: Any) -> None:
    file = tmp_path / "events.csv"
    rows = (f"/a?x={LONG},ann", f"/{LONG},ann", "/b," + "x" * 300)
    file.write_text("type,ts,path,user_id\n" + "".join(f"a,2026-11-01T00:00:00Z,{row}\n" for row in rows))
    result = app.test_cli_runner().invoke(args=["import", "csv", str(file), "--no-wait"])
    assert "= imported 2" in result.output
    assert "1 imported with a text that was cut" in result.output
    assert "line 4: user_id: " in result.output
