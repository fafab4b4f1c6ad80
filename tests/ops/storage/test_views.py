"""What admins see of tables, of the next retention run, and of column files."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.columnar.write import LONGEST_WAIT, write_due
from analytics.sites import sites
from tests.factories import append_events, make_drain, make_site

PATH = "/api/analytics/storage"


def store_days(engine: Engine, redis: Redis, site: Any, *days: int) -> None:
    """An event of each of these days ago."""
    ages = [clock.now() - timedelta(days=n) for n in days]
    append_events(redis, site, [{"type": "page_view", "user_id": "ann", "ts": at.isoformat()} for at in ages])
    make_drain(engine, redis).run()


def test_what_is_stored_is_written_and_is_deleted_next(
    engine: Engine, redis: Redis, client: FlaskClient, token: Any, auth: Any, sql: Any
) -> None:
    kept, short = make_site(engine, "UTC"), make_site(engine, "UTC")
    store_days(engine, redis, kept, 1, 2, 2)
    write_due(engine, clock.now() + LONGEST_WAIT, 10)
    store_days(engine, redis, short, 0, 20, 21)
    with engine.begin() as connection:
        sites.update_site(connection, short.key, event_retention_days=10)
    found = client.get(PATH, headers=auth(token("admin"))).json
    files = {one["site"]: one for one in found["column_files"]}
    assert {name: files[kept.key][name] for name in ("days", "written", "events")} == {
        "days": 2, "written": 2, "events": 3
    }  # fmt: skip
    assert (files[short.key]["days"], files[short.key]["written"]) == (3, 0)
    [due] = [one for one in found["retention"] if one["site"] == short.key and one["action"] == "delete"]
    assert (due["rows"], due["is_estimate"], due["bytes"]) == (2, False, 0)
    assert datetime.fromisoformat(due["before"]).replace(tzinfo=UTC) < clock.now() - timedelta(days=9)
    events = next(one for one in found["tables"] if one["table"] == "events")
    size = "SELECT sum(pg_total_relation_size(inhrelid))::bigint, count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass"
    [(size_bytes, partitions)] = sql(size)
    # The table itself has no rows, but indexes of its own.
    assert events["partitions"] == partitions
    assert 0 <= events["bytes"] - size_bytes < 100_000


def test_an_admin_of_one_site_sees_that_site_only(
    engine: Engine, redis: Redis, client: FlaskClient, token: Any, auth: Any
) -> None:
    own, other = make_site(engine, "UTC"), make_site(engine, "UTC")
    for site in (own, other):
        store_days(engine, redis, site, 1)
    found = client.get(PATH, headers=auth(token("admin", site=own.key))).json
    assert [one["site"] for one in found["column_files"]] == [own.key]
    assert (found["tables"], found["disk"], found["retention"]) == (None, None, [])
    refused = client.get(f"{PATH}?site={other.key}", headers=auth(token("admin", site=own.key)))
    assert refused.status_code == 403
