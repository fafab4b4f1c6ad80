"""Deleting a site: nothing of it is left, nothing of another is touched, every event is accounted for at any time."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.audit.run import run_audit
from analytics.columnar.write import write_due
from analytics.columnar.write_visits import write_due_visits
from analytics.errors import Unavailable
from analytics.exports.jobs.housekeeping import delete_site_exports
from analytics.exports.jobs.runner import create_runner
from analytics.ingest.deletion import site_deletion
from analytics.ingest.deletion.site_deletion import FREE_AFTER, KEYS, RAW_TABLES, DeletionResult, run_deletions
from analytics.privacy import steps
from analytics.privacy.retention_periods import advance_raw_since
from analytics.privacy.steps import RetentionJob
from analytics.rollups.closing.days import close_days
from analytics.rollups.closing.schedule import ClosingSchedule
from analytics.rollups.closing.unions import build_unions
from analytics.rollups.merge import merge_all
from analytics.sites import deletion, sites
from analytics.sites.sites import Site, create_site
from analytics.store.models import metadata
from config import Settings
from tasks import exports as export_tasks
from tasks import maintenance
from tests.factories import append_events, make_drain
from tests.waiting import wait_until

INGEST, SITES, SUMMARY = "/api/analytics/ingest", "/api/analytics/sites", "/api/analytics/reports/summary"
Sql = Callable[..., list[tuple[Any, ...]]]
DAY = date(2026, 3, 20)
# They say what became of events, and hold none.
KEPT = {"ingest_ledger", "ledger_hours", "audit_log"}
# They go with the site's row.
CASCADING = {"api_key_sites", "event_schemas", "site_aliases", "user_numbers"}


@pytest.fixture
def shop(engine: Engine) -> Site:
    with engine.begin() as connection:
        return create_site(connection, "shop", "Our shop")


@pytest.fixture
def blog(engine: Engine) -> Site:
    with engine.begin() as connection:
        return create_site(connection, "blog")


@pytest.fixture
def admin(token: Any, auth: Any) -> dict[str, str]:
    return auth(token("admin"))


def events(count: int, **more: Any) -> list[dict[str, Any]]:
    """Page views of seven users, one a minute from the morning of DAY on."""
    start = datetime(2026, 3, 20, 8, tzinfo=UTC)
    return [
        {
            "type": "page_view",
            "user_id": f"u{n % 7}",
            "ts": (start + timedelta(minutes=n)).isoformat(),
            "path": f"/{n % 5}",
            **more,
        }
        for n in range(count)
    ]


@pytest.fixture
def store(engine: Engine, redis: Redis) -> Callable[..., None]:
    """`store(site, 50)`: fifty events take the real path, and are merged."""

    def put(site: Site, count: int = 50) -> None:
        append_events(redis, site, events(count))
        make_drain(engine, redis).run()
        merge_all(engine, 10)

    return put


@pytest.fixture
def begin(engine: Engine) -> Callable[[Site], None]:
    def mark(site: Site) -> None:
        with engine.begin() as connection:
            deletion.begin_deletion(connection, site.key, actor="me")

    return mark


@pytest.fixture
def delete(engine: Engine, redis: Redis, settings: Settings, app: Flask) -> Callable[..., DeletionResult]:
    """`delete(after_s=200)`: one run of the task, so long after now."""

    def run(after_s: float = 0, deadline: float = float("inf"), delete_exports: Any = None) -> DeletionResult:
        now = datetime.now(UTC) + timedelta(seconds=after_s)
        runner = create_runner(settings, engine, redis)
        own = delete_exports or (lambda site_id: delete_site_exports(runner, site_id))
        return run_deletions(RetentionJob(engine, settings, now, deadline), redis, own)

    return run


NOW_EVENT = {"type": "page_view", "user_id": "u"}
LATER_S = FREE_AFTER.total_seconds() + 60


def count_rows(engine: Engine, site_id: int) -> dict[str, int]:
    """Table → rows of the site, where there are any."""
    with engine.connect() as connection:
        counts = {
            name: connection.execute(text(f"SELECT count(*) FROM {name} WHERE site_id = {site_id}")).scalar_one()
            for name, table in metadata.tables.items()
            if "site_id" in table.c
        }
    return {name: count for name, count in counts.items() if count}


def fill(client: FlaskClient, app: Flask, engine: Engine, redis: Redis, site: Site, headers: dict[str, str]) -> None:
    """Something in every table that holds anything of a site."""
    post = {
        "/api/analytics/goals": {"site": site.key, "name": "g", "type": "order"},
        "/api/analytics/segments": {"site": site.key, "name": "s", "filter": "country==DE"},
        "/api/analytics/notes": {"site": site.key, "day": "2026-03-02", "text": "n"},
        "/api/v1/funnels/": {
            "name": "f", "website_id": site.key,
            "steps": [{"name": path, "type": "page", "condition": {"page": path}} for path in ("/0", "/1")],
        },
        "/api/analytics/exports/schedules": {
            "every": "day", "at": "06:30", "request": {"site": site.key, "format": "csv"},
        },
        "/api/analytics/keys": {"kind": "secret", "site": site.key, "scopes": ["read"]},
        "/api/analytics/tokens": {"subject": "t", "scopes": ["read"], "site": site.key},
        f"{SITES}/{site.key}/share-links": {"label": "l"},
        "/api/analytics/samples": {"site_id": site.key, "samples": [{"metric_name": "load", "value": 1}]},
    }  # fmt: skip
    for path, body in post.items():
        response = client.post(path, json=body, headers=headers)
        assert response.status_code < 300, (path, response.json)
    assert client.put(f"{SITES}/{site.key}/schemas/order", json={}, headers=headers).status_code == 200
    append_events(redis, site, events(50))
    append_events(redis, site, events(1), body=b"no JSON", compressed=False)
    make_drain(engine, redis).run()
    merge_all(engine, 10)
    close_days(engine, clock.now(), ClosingSchedule(settings_time(), timedelta(days=1)))
    build_unions(engine)
    write_due(engine, clock.now(), 60)
    write_due_visits(engine, clock.now(), 60, -timedelta(days=1))
    job = {"site": site.key, "what": "events", "format": "csv", "from": "2026-03-01", "to": "2026-03-31"}
    job_id = client.post("/api/analytics/exports", json=job, headers=headers).json["id"]
    with app.app_context():
        export_tasks.run(job_id)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO imports (site_id, fingerprint, source, format) VALUES (:id, 'f', 's', 'csv')"),
            {"id": site.id},
        )


def add_unmerged(engine: Engine, redis: Redis, *of_sites: Site) -> None:
    """An open day, and deltas that no merge has seen."""
    for merge in (partial(merge_all, engine, 10), lambda: None):
        for site in of_sites:
            append_events(redis, site, [NOW_EVENT])
        make_drain(engine, redis).run()
        merge()


def settings_time() -> Any:
    return datetime(2026, 1, 1).time()


def export_files(settings: Settings) -> list[Path]:
    return [path for path in Path(settings.export_url).glob("*") if path.is_file()]


def test_every_table_of_a_site_is_emptied_or_kept_on_purpose() -> None:
    """A new table must be listed: where its rows go, or why they stay."""
    of_sites = {name for name, table in metadata.tables.items() if "site_id" in table.c}
    known = {table.name for table in KEYS} | {*RAW_TABLES, "export_jobs", "export_schedules"} | CASCADING | KEPT
    assert of_sites == known


def test_nothing_is_left_of_a_deleted_site_and_its_neighbour_stays(
    client: FlaskClient, app: Flask, engine: Engine, redis: Redis, settings: Settings, admin: Any, shop: Site,
    blog: Site, begin: Any, delete: Any, sql: Sql,
) -> None:  # fmt: skip
    for site in (shop, blog):
        fill(client, app, engine, redis, site, admin)
    add_unmerged(engine, redis, shop, blog)
    neighbour, files = count_rows(engine, blog.id), export_files(settings)
    assert {*count_rows(engine, shop.id)} >= {table.name for table in KEYS}
    begin(shop)
    assert delete() == DeletionResult(gone=0, unfinished=1)
    # The row stays until no process trusts what it has cached.
    assert {*count_rows(engine, shop.id)} == {
        *KEPT - {"ledger_hours"}, "api_key_sites", "event_schemas", "user_numbers",
    }  # fmt: skip
    assert delete(LATER_S) == DeletionResult(gone=1, unfinished=0)
    assert {*count_rows(engine, shop.id)} == KEPT - {"ledger_hours"}
    assert sql("SELECT key FROM sites") == [("blog",)]
    assert count_rows(engine, blog.id) == neighbour
    assert (len(files), len(export_files(settings))) == (2, 1)
    assert sql("SELECT count(*) FROM api_keys") == [(1,)]


def test_the_audit_balances_before_while_and_after(
    engine: Engine, redis: Redis, shop: Site, blog: Site, store: Any, begin: Any, delete: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(steps, "CHUNK_ROWS", 20)
    store(shop, 50)
    store(blog, 30)
    append_events(redis, shop, events(4))
    stages = []

    def check() -> None:
        sheet = run_audit(engine, redis, full=True)
        stages.append([hour[2:] for hour in sheet.hours if hour.site.startswith("shop")])
        assert sheet.gaps == []

    check()
    begin(shop)
    check()
    # One chunk of 20 rows, then the deadline.
    delete(deadline=0)
    assert 0 < count_rows(engine, shop.id)["events"] < 50
    check()
    make_drain(engine, redis).run()
    check()
    delete(LATER_S)
    check()
    append_events(redis, shop, events(2))
    make_drain(engine, redis).run()
    check()
    # accepted, stored, duplicate, dead, refused, in flight
    assert stages == [
        [(54, 50, 0, 0, 0, 4)], [(54, 50, 0, 0, 0, 4)], [(54, 50, 0, 0, 0, 4)],
        [(54, 50, 0, 0, 4, 0)], [(54, 50, 0, 0, 4, 0)], [(56, 50, 0, 0, 6, 0)],
    ]  # fmt: skip


def test_a_lost_row_of_a_deleted_site_is_still_a_gap(
    engine: Engine, redis: Redis, shop: Site, store: Any, begin: Any, delete: Any, sql: Sql
) -> None:
    store(shop, 50)
    sql("DELETE FROM events WHERE path = '/3' RETURNING 1")
    begin(shop)
    delete(LATER_S)
    [gap] = run_audit(engine, redis, full=True).gaps
    assert (gap.site, gap.expected, gap.found) == ("shop (deleted)", 50, 40)


def test_rows_that_retention_had_deleted_are_no_gap(
    engine: Engine, redis: Redis, shop: Site, store: Any, begin: Any, delete: Any, sql: Sql
) -> None:
    store(shop, 50)
    sql("DELETE FROM events WHERE path = '/3' RETURNING 1")
    with engine.begin() as connection:
        advance_raw_since(connection, datetime(2026, 3, 21, tzinfo=UTC))
    begin(shop)
    delete(LATER_S)
    sheet = run_audit(engine, redis, full=True)
    assert (sheet.gaps, "10 of 50 stored events have no row" in sheet.notes[0]) == ([], True)


def test_a_deletion_goes_on_where_it_was_interrupted(
    engine: Engine, shop: Site, store: Any, begin: Any, delete: Any, monkeypatch: pytest.MonkeyPatch, sql: Sql
) -> None:
    monkeypatch.setattr(steps, "CHUNK_ROWS", 10)
    store(shop, 50)
    begin(shop)
    left = []
    for _ in range(5):
        delete(deadline=0)
        left.append(sql("SELECT count(*), (SELECT (deletion #>> '{deleted,events}')::int FROM sites) FROM events")[0])
    # Each run ends after its first chunk.
    assert left == [(40, 10), (30, 20), (20, 30), (10, 40), (0, 50)]
    assert sql("SELECT deletion #>> '{found,events}' FROM sites") == [("50",)]
    assert delete(LATER_S) == DeletionResult(1, 0)
    detail = sql("SELECT detail FROM audit_log WHERE action = 'site.delete'")[0][0]
    assert (detail["key"], detail["found"]["events"], detail["deleted"]["events"]) == ("shop", 50, 50)


def test_two_runs_at_once_are_harmless(
    engine: Engine, redis: Redis, shop: Site, store: Any, begin: Any, delete: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "CHUNK_ROWS", 5)
    store(shop, 200)
    begin(shop)
    threads = [threading.Thread(target=delete, args=[LATER_S]) for _ in range(2)]
    [one.start() for one in threads]
    [one.join() for one in threads]
    while delete(LATER_S).unfinished:
        pass
    assert {*count_rows(engine, shop.id)} == {"ingest_ledger", "audit_log"}
    assert run_audit(engine, redis, full=True).gaps == []


def test_events_that_arrive_while_a_deletion_begins_are_stored_or_refused(
    engine: Engine, redis: Redis, shop: Site, begin: Any, delete: Any, sql: Sql
) -> None:
    stop = threading.Event()

    def feed() -> None:
        drain = make_drain(engine, redis)
        while not stop.is_set():
            append_events(redis, shop, events(20))
            drain.run(0.05)

    threads = [threading.Thread(target=feed) for _ in range(2)]
    [one.start() for one in threads]
    time.sleep(0.5)
    begin(shop)
    [delete() for _ in range(3)]
    time.sleep(0.2)
    stop.set()
    [one.join() for one in threads]
    make_drain(engine, redis).run()
    while delete(LATER_S).unfinished:
        pass
    [(received, stored, refused)] = sql("SELECT sum(received), sum(stored), sum(refused) FROM ingest_ledger")
    assert (received == stored + refused, stored > 0, refused > 0) == (True, True, True)
    assert run_audit(engine, redis, full=True).gaps == []


def test_the_status_of_a_batch_says_that_it_was_refused(
    client: FlaskClient, admin: Any, engine: Engine, redis: Redis, shop: Site, begin: Any
) -> None:
    batch_id = client.post(f"{INGEST}?site=shop", json=[NOW_EVENT] * 3, headers=admin).json["batch_id"]
    begin(shop)
    make_drain(engine, redis).run()
    status = client.get(f"/api/analytics/batches/{batch_id}", headers=admin).json
    assert (status["state"], status["accepted"], status["stored"], status["refused"]) == ("refused", 3, 0, 3)


def test_bodies_that_cannot_be_read_are_not_kept_of_a_deleted_site(
    engine: Engine, redis: Redis, shop: Site, begin: Any, sql: Sql
) -> None:
    append_events(redis, shop, events(2), body=b"no JSON", compressed=False)
    begin(shop)
    result = make_drain(engine, redis).run()
    assert (result.refused, result.dead_lettered) == (2, 0)
    assert sql("SELECT count(*) FROM dead_letters") == [(0,)]


def test_a_site_that_is_being_deleted_takes_and_shows_nothing(
    client: FlaskClient, admin: Any, auth: Any, make_key: Any, shop: Site, engine: Engine
) -> None:
    with engine.begin() as connection:
        sites.update_site(connection, "shop", public_ingest=True, public_stats=True)
    own_key = auth(make_key("publishable", ["ingest"], shop))
    response = client.delete(f"{SITES}/shop", headers=admin)
    assert (response.status_code, response.json["status"]) == (202, "deleting")
    assert response.json["deletion"] == {"found": None, "deleted": {}}
    for refused in (
        client.post(f"{INGEST}?site=shop", json=events(1), headers=admin),
        client.post(f"{INGEST}?site=shop", json=events(1), headers=own_key),
        client.post(f"{INGEST}?site=shop", json=events(1)),
        client.post("/event", json={"site_id": "shop", "event_type": "x"}, headers=admin),
        client.get(f"{SUMMARY}?site=shop", headers=admin),
        client.patch(f"{SITES}/shop", json={"name": "x"}, headers=admin),
        client.post("/api/analytics/exports", json={"site": "shop", "format": "csv"}, headers=admin),
    ):
        assert (refused.status_code, refused.content_type) == (410, "application/problem+json")
        assert "'shop' is being deleted" in refused.json["detail"]
    # Without a credential nothing tells it from a site that is not public.
    assert client.get(f"{SUMMARY}?site=shop").status_code == 401
    assert client.get(f"{SITES}/shop", headers=admin).json["status"] == "deleting"
    assert client.delete(f"{SITES}/shop", headers=admin).status_code == 202
    assert client.post(SITES, json={"key": "shop"}, headers=admin).status_code == 409


def test_a_stranger_learns_of_a_deletion_only_where_the_site_is_public(
    client: FlaskClient, shop: Site, blog: Site, engine: Engine, begin: Any
) -> None:
    with engine.begin() as connection:
        sites.update_site(connection, "shop", public_ingest=True)
    [begin(site) for site in (shop, blog)]
    answers = [client.post(f"{INGEST}?site={key}", json=events(1)).status_code for key in ("shop", "blog", "nowhere")]
    assert answers == [410, 401, 401]


def test_an_alias_does_not_delete_the_site(client: FlaskClient, app: Flask, admin: Any, shop: Site) -> None:
    client.patch(f"{SITES}/shop", json={"key": "store"}, headers=admin)
    response = client.delete(f"{SITES}/shop", headers=admin)
    assert (response.status_code, "is an alias of the site 'store'" in response.json["detail"]) == (409, True)
    result = app.test_cli_runner().invoke(args=["site", "delete", "shop"])
    assert (result.exit_code, "is an alias of the site 'store'" in result.stderr, result.stdout) == (1, True, "")


def test_the_next_site_of_the_key_shows_nothing_of_the_old_one(
    client: FlaskClient, app: Flask, admin: Any, auth: Any, token: Any, make_key: Any, shop: Site, engine: Engine,
    store: Any, delete: Any,
) -> None:  # fmt: skip
    store(shop, 50)
    report = f"{SUMMARY}?site=shop&date={DAY}"
    old_key = auth(make_key("secret", ["read", "ingest"], shop))
    body = {"subject": "t", "scopes": ["read"], "site": "shop"}
    old_token = auth(client.post("/api/analytics/tokens", json=body, headers=admin).json["token"])
    share = client.post(f"{SITES}/shop/share-links", json={}, headers=admin).json["token"]
    for credential in (admin, old_key, old_token):
        assert client.get(report, headers=credential).json["page_views"] == 50
    client.delete(f"{SITES}/shop", headers=admin)
    delete(LATER_S)
    assert client.post(SITES, json={"key": "shop"}, headers=admin).status_code == 201
    assert client.get(report, headers=admin).json["page_views"] == 0
    for path, credential in ((report, old_key), (report, old_token), (f"{report}&share={share}", {})):
        # Revoked in every process within two seconds.
        wait_until(partial(is_refused, client, path, credential))
    assert client.post(f"{INGEST}?site=shop", json=[NOW_EVENT], headers=admin).status_code == 202


def is_refused(client: FlaskClient, path: str, headers: dict[str, str]) -> bool:
    return client.get(path, headers=headers).status_code == 401


def test_a_key_of_two_sites_goes_on_for_the_other(
    client: FlaskClient, auth: Any, make_key: Any, shop: Site, blog: Site, begin: Any, delete: Any, app: Flask
) -> None:
    headers = auth(make_key("secret", ["read"], shop, blog))
    begin(shop)
    delete(LATER_S)
    with app.app_context():
        app.extensions["authenticator"].clear()
    assert client.get(f"{SUMMARY}?site=blog", headers=headers).status_code == 200
    assert client.get(f"{SUMMARY}?site=shop", headers=headers).status_code == 403


def test_what_a_process_wrote_before_it_knew_goes_too(
    engine: Engine, shop: Site, begin: Any, delete: Any, sql: Sql
) -> None:
    begin(shop)
    delete()
    sql(
        "INSERT INTO goals (id, site_id, name, type) VALUES (gen_random_uuid(), :id, 'late', 'x') RETURNING 1",
        id=shop.id,
    )
    delete(LATER_S)
    assert sql("SELECT count(*) FROM goals") == [(0,)]


def test_without_the_storage_of_exports_the_site_stays_until_it_is_back(
    shop: Site, store: Any, begin: Any, delete: Any, sql: Sql
) -> None:
    def fail(site_id: int) -> int:
        raise Unavailable("the storage of exports cannot be changed")

    store(shop, 50)
    begin(shop)
    assert delete(LATER_S, delete_exports=fail) == DeletionResult(0, 1)
    assert sql("SELECT count(*), (SELECT count(*) FROM events) FROM sites") == [(1, 0)]
    assert delete(LATER_S) == DeletionResult(1, 0)


def test_the_task_deletes_what_is_marked(app: Flask, shop: Site, begin: Any, sql: Sql, monkeypatch: Any) -> None:
    monkeypatch.setattr(site_deletion, "FREE_AFTER", timedelta(0))
    begin(shop)
    with app.app_context():
        maintenance.delete_sites()
    assert sql("SELECT count(*) FROM sites") == [(0,)]


def test_the_command_shows_asks_and_marks(app: Flask, shop: Site, blog: Site, store: Any, delete: Any) -> None:
    store(shop, 50)
    run = app.test_cli_runner().invoke
    refused = run(args=["site", "delete", "shop"], input="blog\n")
    assert (refused.exit_code, "nothing was deleted" in refused.stderr) == (1, True)
    assert "events" in refused.stdout
    accepted = run(args=["site", "delete", "shop"], input="shop\n")
    assert (accepted.exit_code, "deleting shop" in accepted.stderr) == (0, True)
    lines = {line.split()[0]: line.split()[-1] for line in accepted.stdout.splitlines() if line.split()[1:]}
    assert (lines["events"], lines["users"], lines["keys"]) == ("50", "7", "0")
    assert run(args=["site", "delete", "blog", "--yes"]).exit_code == 0
    delete()
    [listed] = [line for line in run(args=["site", "list"]).stdout.splitlines() if line.startswith("shop")]
    done, of = listed.split("deleting: ")[1].split(" rows")[0].split(" of ")
    assert (done, of >= "50") == (of, True)
    assert run(args=["site", "delete", "nowhere", "--yes"]).exit_code == 1
