"""Rows for the reports, put in through the real buffer and the real drain."""

import uuid
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.ingest import buffer
from analytics.ingest.buffer import Entry, Limits
from analytics.ingest.pipeline import Drain
from analytics.sites import Site
from analytics.store.partitions import ensure, list_partitions

Store = Callable[..., None]


@pytest.fixture
def store(engine: Engine, redis: Redis, site: Site) -> Store:
    """`store(events, **entry_fields)`: when it returns, the events are rows of the site."""

    def put(events: Iterable[dict[str, Any]], **fields: Any) -> None:
        found = [{"type": "page_view", "user_id": "ann", **event} for event in events]
        body, compressed = buffer.compress(msgspec.json.encode(found))
        given = {"site_id": site.id, "site_key": site.key, "user_agent": "", "ip": "203.0.113.9", **fields}
        entry = Entry(
            body=body,
            compressed=compressed,
            count=len(found),
            received_us=int(clock.now().timestamp() * 1e6),
            skew_us=0,
            principal="tester",
            request_id="r1",
            **given,
        )
        buffer.append(redis, entry, Limits(10**9, 10**12))
        Drain(engine, redis, b"s" * 32, company_s=0.0, consumer=uuid.uuid4().hex).run()

    return put


# Rows of half a kilobyte, made by the server: the drain is not what is measured.
FILL = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, referrer)
SELECT gen_random_uuid(), CAST('2026-03-02' AS date) + n * interval '0.4 s', now(), 1, :site_id, false, 'a', 'u', repeat('r', 400)
FROM generate_series(1, :rows) AS n
""")


@pytest.fixture
def fill(engine: Engine, site: Site) -> Callable[[int], None]:
    """`fill(rows)`: the site has that many rows on one day."""

    def put(rows: int) -> None:
        ensure(engine, "events", [date(2026, 3, 2)], clock.now().date())
        with engine.begin() as connection:
            connection.execute(FILL, {"site_id": site.id, "rows": rows})

    return put


@pytest.fixture
def report(client: FlaskClient, token: Any, auth: Any) -> Callable[..., Any]:
    """`report("wau", "date=2026-11-23")`: the answer's JSON; of a refusal, with `status=400`, the problem's."""

    def get(name: str, query: str = "", status: int = 200) -> Any:
        response = client.get(f"/api/analytics/reports/{name}?{query}", headers=auth(token("read")))
        assert response.status_code == status, response.json
        assert status == 200 or response.content_type == "application/problem+json"
        return response.json

    return get


@pytest.fixture(autouse=True)
def whole_march(request: pytest.FixtureRequest, clean: None) -> None:
    """March 2026 is one partition, whatever tests of other folders have made of it."""
    if "engine" not in request.fixturenames:
        return
    engine: Engine = request.getfixturevalue("engine")
    with engine.begin() as connection:
        for name, days in list_partitions(connection, "events").items():
            if days.start.year == 2026 and days.start.month == 3 and name.startswith("events_p"):
                connection.execute(text(f"DROP TABLE {name}"))
