"""The realtime report of seed 004, with its path and fields, and that of the service."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from analytics.reports.realtime import schemas


@pytest.mark.parametrize(
    ("path", "schema", "example"),
    [
        (
            "/api/v1/analytics/realtime/w1?include_bots=true",
            schemas.WebsiteRealtimeResponse,
            schemas.WEBSITE_REALTIME_EXAMPLE,
        ),
        (
            "/api/analytics/reports/realtime?site=w1&include_bots=true",
            schemas.RealtimeResponse,
            schemas.REALTIME_EXAMPLE,
        ),
    ],
    ids=["4.E5", "reports/realtime"],
)
def test_4_e5_a_current_visitor_is_counted(
    local: FlaskClient, drained: Callable[[], Any], path: str, schema: Any, example: Any
) -> None:
    event = {"website_id": "w1", "visitor_id": "v1", "session_id": "s1", "page": "/p"}
    local.post("/api/v1/analytics/event", json=event)
    drained()
    found = local.get(path).json
    assert schema().validate(found) == {}
    assert schema().validate(example) == {}
    assert set(found) == set(example)
    assert (found["active_users"], found["current_visitors"], found["page_views_last_5m"]) == (1, 1, 1)
    pages = found.get("top_pages_realtime") or found["top_pages"]
    assert pages == [{"page": "/p", "views": 1, "unique": 1}]
