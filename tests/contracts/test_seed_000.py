"""Seed 000: clicks of short links."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

CLICK = {
    "short_code": "abc123",
    "ip_address": "192.168.1.100",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
    "referer": "https://google.com",
    "country": "US",
    "city": "New York",
}


@pytest.mark.parametrize("path", ["/analytics/events/", "/analytics/events"])
def test_0_e1_a_click_answers_true_and_is_stored(
    local: FlaskClient, drained: Callable[[], object], engine: Engine, path: str
) -> None:
    answer = local.post(path, json=CLICK)
    assert (answer.status_code, answer.data) == (202, b"true")
    drained()
    with engine.connect() as connection:
        row = (
            connection.execute(text("SELECT e.*, s.key FROM events e JOIN sites s ON s.id = site_id")).mappings().one()
        )
    assert (row["key"], row["type"], row["subject"], row["ip"]) == ("links", "click", "abc123", "192.168.1.100")
    assert (row["source"], row["country"], row["city"], row["os"]) == ("Google", "US", "New York", "Windows")


def test_0_e1_the_debug_example_needs_no_referer(local: FlaskClient) -> None:
    body = {"short_code": "test123", "ip_address": "127.0.0.1", "user_agent": "Test Browser"}
    assert local.post("/analytics/events/", json=body).data == b"true"


def test_0_e1_a_click_without_its_link_is_named(local: FlaskClient) -> None:
    answer = local.post("/analytics/events/", json={"ip_address": "127.0.0.1"})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "short_code")
