"""DELETE of a site → message → real Celery worker: the rows go while the caller watches."""

from typing import Any

from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.sites.sites import Site
from config import Settings
from tests.factories import append_events, make_drain
from tests.flow.test_flow import run_worker, wait_for

PATH = "/api/analytics/sites/default"


def test_a_worker_deletes_what_a_site_holds(
    client: FlaskClient, settings: Settings, token: Any, auth: Any, site: Site, engine: Engine, redis: Redis, sql: Any
) -> None:
    append_events(redis, site, [{"type": "page_view", "user_id": f"u{n}"} for n in range(30)])
    make_drain(engine, redis).run()
    headers = auth(token("admin"))
    assert client.delete(PATH, headers=headers).status_code == 202
    with run_worker(settings, "maintenance"):
        wait_for(lambda: client.get(PATH, headers=headers).json["deletion"]["deleted"].get("users") == 30)
    shown = client.get(PATH, headers=headers).json
    assert (shown["status"], shown["deletion"]["found"]["events"]) == ("deleting", 30)
    assert shown["deletion"]["deleted"]["events"] == 30
    assert sql("SELECT count(*) FROM events") == [(0,)]
