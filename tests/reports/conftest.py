"""Fixtures that store events through the real buffer and the real drain, and read reports over HTTP."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.sites.sites import Site
from analytics.store.partitions import ensure, list_partitions
from tests.factories import append_events, make_drain

Store = Callable[..., None]
# A Thursday, so that week and month start on different days.
NOW = datetime(2026, 3, 19, 12, 30, tzinfo=UTC)


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is NOW."""
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def store(engine: Engine, redis: Redis, site: Site) -> Store:
    """`store(events, **entry_fields)` returns when the events are rows of the site."""

    def put(events: Iterable[dict[str, Any]], **fields: Any) -> None:
        payloads = [{"type": "page_view", "user_id": "ann", **event} for event in events]
        append_events(redis, site, payloads, **fields)
        make_drain(engine, redis).run()

    return put


# Rows of half a kilobyte, inserted by the server because the drain is not under test.
FILL = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, referrer)
SELECT gen_random_uuid(), CAST('2026-03-02' AS date) + n * interval '0.4 s', now(), 1, :site_id, false, 'a', 'u', repeat('r', 400)
FROM generate_series(1, :rows) AS n
""")


@pytest.fixture
def fill(engine: Engine, site: Site) -> Callable[[int], None]:
    """`fill(rows)` gives the site that many events on one day."""

    def put(rows: int) -> None:
        ensure(engine, "events", [date(2026, 3, 2)], clock.now().date())
        with engine.begin() as connection:
            connection.execute(FILL, {"site_id": site.id, "rows": rows})

    return put


@pytest.fixture
def report(client: FlaskClient, token: Any, auth: Any) -> Callable[..., Any]:
    """`report("wau", "date=2026-11-23")` returns the response's JSON; with `status=400`, the problem's."""

    def get(name: str, query: str = "", status: int = 200) -> Any:
        response = client.get(f"/api/analytics/reports/{name}?{query}", headers=auth(token("read")))
        assert response.status_code == status, response.json
        assert status == 200 or response.content_type == "application/problem+json"
        return response.json

    return get


@pytest.fixture(autouse=True)
def whole_months(request: pytest.FixtureRequest, clean: None) -> None:
    """Drops partitions of single days in the first half of 2026 that tests of other folders may have made."""
    if "engine" not in request.fixturenames:
        return
    engine: Engine = request.getfixturevalue("engine")
    with engine.begin() as connection:
        for name, days in list_partitions(connection, "events").items():
            if days.start.year == 2026 and days.start.month <= 6 and name.startswith("events_p"):
                connection.execute(text(f"DROP TABLE {name}"))
