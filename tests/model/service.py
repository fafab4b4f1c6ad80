"""The product as the model's tests drive it: requests over HTTP, and the tasks that beat and workers would run."""

from collections.abc import Callable
from csv import DictReader
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import msgspec
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.columnar.write import LONGEST_WAIT, write_due
from analytics.columnar.write_visits import write_due_visits
from analytics.rollups.closing import days, unions
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.merge import merge_all, move_all_calendars
from analytics.rollups.rebuild import rebuild_days
from analytics.sites.sites import find_site
from tests.factories import make_drain
from tests.model.events import Batch, Log
from tests.model.generator import Sample
from tests.model.site import Request

MERGE_BUDGET_S = 60.0


class Service:
    """`set_now(instant)` sets the product's clock."""

    def __init__(
        self,
        client: FlaskClient,
        headers: dict[str, str],
        engine: Engine,
        redis: Redis,
        set_now: Callable[[datetime], None],
    ) -> None:
        self._client, self._headers, self._engine = client, headers, engine
        self._drain, self._set_now = make_drain(engine, redis), set_now
        self.now = datetime.now(UTC)

    def go_to(self, now: datetime) -> None:
        self.now = now
        self._set_now(now)

    def post(self, path: str, body: Any, status: int = 201, method: str = "POST", **headers: str) -> Any:
        response = self._client.open(path, method=method, json=body, headers={**self._headers, **headers})
        assert response.status_code == status, (path, body, response.text)
        return response.json

    def create_site(self, log: Log) -> None:
        rule = {"visitor_window": log.rule.window, "visitor_by": log.rule.by}
        self.post("/api/analytics/sites", {"key": log.site, "zone": log.zone, **rule})

    def change_zone(self, key: str, zone: str) -> None:
        self.post(f"/api/analytics/sites/{key}", {"zone": zone}, 200, "PATCH")

    def send(self, batch: Batch) -> None:
        """Posts the events."""
        key = {"Idempotency-Key": batch.key} if batch.key else {}
        body = {"site_id": batch.site, "events": [draft.as_json() for draft in batch.drafts]}
        answer = self.post("/api/analytics/ingest", body, 202, **key)
        assert answer["ingested"] == len(batch.drafts), (answer, body)

    def send_samples(self, samples: tuple[Sample, ...]) -> None:
        body = [{"name": one.name, "value": one.value, "ts": one.ts.isoformat()} for one in samples]
        self.post(f"/api/analytics/samples?site={samples[0].site}", body, 202)

    def store(self) -> bool:
        """What the drain does: everything that was sent is stored. Whether there was any."""
        return self._drain.run().batches > 0

    def clear_cache(self) -> None:
        """Every answer is computed again."""
        self._client.application.extensions["cache_redis"].flushdb()

    def merge(self) -> None:
        merge_all(self._engine, MERGE_BUDGET_S)

    def move(self) -> None:
        move_all_calendars(self._engine)

    def close(self) -> None:
        days.close_days(self._engine, self.now, IMMEDIATE)

    def build_unions(self) -> None:
        unions.build_unions(self._engine)

    def write_columns(self) -> None:
        """All that no file holds."""
        write_due(self._engine, self.now + LONGEST_WAIT, MERGE_BUDGET_S)
        # Days have rested by the server's clock, which is not the product's here.
        write_due_visits(self._engine, self.now, MERGE_BUDGET_S, rest=-timedelta(days=36_500))

    def rebuild(self, key: str, first: date, after: date) -> None:
        rebuild_days(self._engine, find_site(self._engine, key), first, after)

    def ask(self, key: str, request: Request) -> Any:
        """The answer: JSON, or the rows of a file."""
        path = request.operation.format(**request.values, website_id=key)
        parameters: list[tuple[str, str]] = [*request.query]
        if "{website_id}" not in request.operation:
            parameters.insert(0, ("site_id" if path == "/stats" else "site", key))
        response = self._client.open(
            path, method=request.method, query_string=parameters, json=request.body, headers=self._headers
        )
        if response.status_code == 200 and response.mimetype == "text/csv":
            return [_typed(row) for row in DictReader(StringIO(response.text, newline=""))]
        return response.json


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """A cell that begins with an apostrophe would be a formula without it."""
    for name in ("ts", "received_at"):
        row[name] = row[name].replace(" ", "T")
    return {**row, "payload": msgspec.json.decode(row["payload"]) if row["payload"] else {}}
