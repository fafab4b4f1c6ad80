"""A renamed site: what still sends the old key reaches it, nobody else gets the key, and an alias can be removed."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.auth.keys import share_links
from analytics.errors import Conflict, Gone, NotFound
from analytics.ingest.drain.drain import Drain
from analytics.sites import names, sites
from analytics.sites.sites import Site, create_site, find_site
from tests.factories import append_events, make_drain

INGEST, SITES, SUMMARY = "/api/analytics/ingest", "/api/analytics/sites", "/api/analytics/reports/summary"
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def shop(engine: Engine) -> Site:
    with engine.begin() as connection:
        return create_site(connection, "shop", "Our shop")


@pytest.fixture
def admin(token: Any, auth: Any) -> dict[str, str]:
    return auth(token("admin"))


@pytest.fixture
def rename(client: FlaskClient, admin: dict[str, str], shop: Site) -> Callable[..., Any]:
    """`rename("shop", "store")`: the response's body."""

    def change(old: str = "shop", new: str = "store", status: int = 200) -> Any:
        response = client.patch(f"{SITES}/{old}", json={"key": new}, headers=admin)
        assert response.status_code == status, response.json
        return response.json

    return change


@pytest.fixture
def drain(engine: Engine, redis: Redis) -> Drain:
    return make_drain(engine, redis)


def test_the_old_key_becomes_an_alias_and_the_rest_stays(rename: Any, client: FlaskClient, admin: Any) -> None:
    before = client.get(f"{SITES}/shop", headers=admin).json
    assert rename() == {**before, "key": "store", "aliases": ["shop"]}
    for key in ("shop", "store"):
        assert client.get(f"{SITES}/{key}", headers=admin).json["key"] == "store"


def test_a_name_that_is_the_key_changes_with_it(engine: Engine) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop")
        assert names.rename_site(connection, "shop", "store").name == "store"


def test_a_rename_is_idempotent_and_can_be_undone(rename: Any, sql: Sql) -> None:
    rename()
    assert rename()["aliases"] == ["shop"]
    assert rename("store", "shop")["aliases"] == ["store"]
    assert rename("store", "outlet")["aliases"] == ["shop", "store"]
    found = sql("SELECT detail -> 'key' FROM audit_log WHERE action = 'site.rename' ORDER BY id")
    assert found == [(["shop", "store"],), (["store", "shop"],), (["shop", "outlet"],)]


EVENT = {"type": "page_view", "user_id": "ada"}
BODIES: dict[str, tuple[Any, str]] = {
    "envelope": ({"site_id": "shop", "events": [EVENT]}, ""),
    "each event": ({"events": [{**EVENT, "site_id": "shop"}, {**EVENT, "site_id": "store"}]}, ""),
    "query": ([EVENT], "?site=shop"),
    "new key": ([EVENT], "?site=store"),
    "nothing": ([EVENT], ""),
}
CREDENTIALS = ("old token", "new token", "publishable key", "secret key", "token for all")
# A token for all sites that names none means the default one.
SENDERS = [
    (credential, how)
    for credential in CREDENTIALS
    for how in BODIES
    if (credential, how) != (CREDENTIALS[-1], "nothing")
]


@pytest.mark.parametrize(("credential", "how"), SENDERS)
def test_every_sender_keeps_working_by_either_key(
    client: FlaskClient, auth: Any, token: Any, make_key: Any, rename: Any, shop: Site, drain: Drain, sql: Sql,
    credential: str, how: str,
) -> None:  # fmt: skip
    body, query = BODIES[how]
    credentials = {
        "old token": token("ingest", site="shop"),
        "new token": token("ingest", site="store"),
        "publishable key": make_key("publishable", ["ingest"], shop),
        "secret key": make_key("secret", ["ingest"], shop),
        "token for all": token("ingest"),
    }
    rename()
    response = client.post(INGEST + query, json=body, headers=auth(credentials[credential]))
    count = len(body if isinstance(body, list) else body["events"])
    assert (response.status_code, response.json.get("rejected")) == (202, []), response.json
    drain.run()
    assert sql("SELECT site_id, count(*) FROM events GROUP BY 1") == [(shop.id, count)]


def test_a_key_that_was_used_before_the_rename_keeps_working(
    client: FlaskClient, auth: Any, make_key: Any, rename: Any, shop: Site
) -> None:
    headers = auth(make_key("publishable", ["ingest"], shop))
    for key in ("shop", "store"):
        assert client.post(f"{INGEST}?site=shop", json=[EVENT], headers=headers).status_code == 202
        rename(new=key)
    assert client.post(f"{INGEST}?site=store", json=[EVENT], headers=headers).status_code == 202


def test_samples_by_the_old_key_are_the_sites(client: FlaskClient, auth: Any, token: Any, rename: Any) -> None:
    rename()
    body = [{"site_id": "shop", "metric_name": "load", "value": 1}]
    headers = auth(token("ingest", site="shop"))
    assert client.post("/api/analytics/samples", json={"samples": body}, headers=headers).status_code == 202


def test_reports_answer_by_the_old_key(
    client: FlaskClient, auth: Any, token: Any, rename: Any, shop: Site, drain: Drain, redis: Redis, engine: Engine
) -> None:
    append_events(redis, shop, [{"type": "page_view", "user_id": user} for user in ("a", "b")])
    drain.run()
    with engine.begin() as connection:
        share, _ = share_links.create_link(connection, shop.id, "", None, "me")
    rename()
    for key in ("shop", "store"):
        for of_token in ("shop", "store"):
            response = client.get(f"{SUMMARY}?site={key}", headers=auth(token("read", site=of_token)))
            assert (response.status_code, response.json["meta"]["site"]) == (200, "store")
            assert response.json["page_views"] == 2
        assert client.get(f"{SUMMARY}?site={key}&share={share}").status_code == 200


def test_a_public_site_is_read_by_the_old_key(client: FlaskClient, rename: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        sites.update_site(connection, "shop", public_stats=True)
    rename()
    assert client.get(f"{SUMMARY}?site=shop").json["meta"]["site"] == "store"


def test_origins_of_a_renamed_site_may_read_by_either_key(
    make_app: Any, rename: Any, engine: Engine, token: Any, auth: Any
) -> None:
    with engine.begin() as connection:
        sites.update_site(connection, "shop", allowed_origins=("https://shop.example",))
    rename()
    client = make_app(environment="production").test_client()
    for key in ("shop", "store"):
        headers = {**auth(token("read", site="shop")), "Origin": "https://shop.example"}
        response = client.get(f"{SUMMARY}?site={key}", headers=headers)
        assert response.headers.get("Access-Control-Allow-Origin") == "https://shop.example"


def test_lists_of_the_caller_name_the_site_by_its_key(client: FlaskClient, auth: Any, token: Any, rename: Any) -> None:
    rename()
    client.get(f"{SUMMARY}?site=store", headers=auth(token("read", site="shop")))
    listed = client.get(SITES, headers=auth(token("admin", site="shop"))).json["sites"]
    assert [(site["key"], site["aliases"]) for site in listed] == [("store", ["shop"])]


def test_exports_are_listed_by_the_old_key(client: FlaskClient, admin: Any, rename: Any) -> None:
    body = {"site": "shop", "format": "csv", "from": "2026-03-01", "to": "2026-03-02"}
    job = client.post("/api/analytics/exports", json=body, headers=admin).json
    rename()
    for key in ("shop", "store"):
        listed = client.get(f"/api/analytics/exports?site={key}", headers=admin).json["exports"]
        assert [(one["id"], one["site"]) for one in listed] == [(job["id"], "store")]


def test_schedules_are_changed_by_the_old_key(client: FlaskClient, admin: Any, rename: Any) -> None:
    path, request = "/api/analytics/exports/schedules", {"site": "shop", "format": "csv"}
    body = {"every": "day", "at": "06:30", "request": request}
    schedule = client.post(path, json=body, headers=admin).json
    rename()
    changed = client.patch(f"{path}/{schedule['id']}", json={"request": {**request, "format": "ndjson"}}, headers=admin)
    assert (changed.status_code, changed.json["site"]) == (200, "store"), changed.json


def test_visitors_and_batch_keys_are_the_same_after_a_rename(
    client: FlaskClient, auth: Any, token: Any, rename: Any, drain: Drain, sql: Sql
) -> None:
    headers = {**auth(token("ingest", site="shop")), "Idempotency-Key": "one", "User-Agent": "Mozilla/5.0 Firefox/128"}
    batch = [{"type": "page_view", "path": "/"}]
    assert client.post(INGEST, json=batch, headers=headers).status_code == 202
    rename()
    assert client.post(INGEST, json=batch, headers=headers).status_code == 202
    assert client.post(INGEST, json=batch, headers={**headers, "Idempotency-Key": "two"}).status_code == 202
    drain.run()
    assert sql("SELECT count(*), count(DISTINCT user_id), count(DISTINCT event_id) FROM events") == [(2, 1, 2)]
    assert sql("SELECT sum(duplicate) FROM ingest_ledger") == [(1,)]


def test_nobody_else_gets_an_alias(rename: Any, client: FlaskClient, admin: Any, engine: Engine, shop: Site) -> None:
    rename()
    response = client.post(SITES, json={"key": "shop"}, headers=admin)
    assert response.status_code == 409
    assert "'shop' is an alias of the site 'store'" in response.json["detail"]
    assert find_site(engine, "shop", auto_create=True).id == shop.id
    with engine.begin() as connection:
        create_site(connection, "blog")
        with pytest.raises(Conflict, match="'shop' is an alias of the site 'store'"):
            names.rename_site(connection, "blog", "shop")
        with pytest.raises(Conflict, match="'store' exists already"):
            names.rename_site(connection, "blog", "store")


def test_a_rename_and_a_first_event_by_the_old_key_make_one_site(engine: Engine, shop: Site, sql: Sql) -> None:
    """The event's site is looked up before the rename, and created after it."""
    inserted = threading.Event()
    created: list[Site | None] = []

    def create() -> None:
        inserted.wait(5)
        with engine.begin() as other:
            created.append(sites._insert(other, "shop", {}, "auto") or sites.read_site(other, "shop"))

    thread = threading.Thread(target=create)
    thread.start()
    with engine.begin() as connection:
        names.rename_site(connection, "shop", "store")
        inserted.set()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(5)
    assert [site and site.key for site in created] == ["store"]
    assert sql("SELECT key FROM sites") == [("store",)]


def test_a_token_for_some_sites_renames_to_none_of_the_others(
    client: FlaskClient, auth: Any, token: Any, shop: Site
) -> None:
    response = client.patch(f"{SITES}/shop", json={"key": "store"}, headers=auth(token("admin", site="shop")))
    assert (response.status_code, "'store'" in response.json["detail"]) == (403, True)


def test_a_removed_alias_names_nothing_and_is_free(
    rename: Any, client: FlaskClient, admin: Any, auth: Any, app: Flask, engine: Engine, shop: Site
) -> None:
    body = {"subject": "old", "scopes": ["read"], "site": "shop"}
    issued = client.post("/api/analytics/tokens", json=body, headers=admin).json["token"]
    rename()
    assert client.get(f"{SUMMARY}?site=shop", headers=auth(issued)).status_code == 200
    assert client.delete(f"{SITES}/store/aliases/store", headers=admin).status_code == 404
    assert client.delete(f"{SITES}/store/aliases/shop", headers=admin).status_code == 204
    assert client.get(f"{SITES}/shop", headers=admin).status_code == 404
    assert client.get(f"{SITES}/store", headers=admin).json["aliases"] == []
    with app.app_context():
        app.extensions["authenticator"].clear()
    # The token named nothing else: it must not reach the next site of that key.
    assert client.post(SITES, json={"key": "shop"}, headers=admin).status_code == 201
    assert client.get(f"{SUMMARY}?site=shop", headers=auth(issued)).status_code == 401
    assert find_site(engine, "shop").id != shop.id


def test_a_session_does_not_reach_the_next_site_with_an_alias(
    rename: Any, client: FlaskClient, admin: Any, app: Flask, token: Any, shop: Site
) -> None:
    rename()
    run = app.test_cli_runner().invoke
    assert run(args=["user", "set-password", "ann", "--password", "long enough", "--site", "shop"]).exit_code == 0
    people = {"by the key": {"token": token("read", site="store")}, "by the alias": {"name": "ann"}}
    browsers = {name: app.test_client() for name in people}
    for name, form in people.items():
        browsers[name].post("/login", data={"password": "long enough", **form})
        assert browsers[name].get(f"{SUMMARY}?site=shop").status_code == 200
    assert client.delete(f"{SITES}/store/aliases/shop", headers=admin).status_code == 204
    with app.app_context():
        app.extensions["authenticator"].clear()
    assert client.post(SITES, json={"key": "shop"}, headers=admin).status_code == 201
    assert browsers["by the key"].get(f"{SUMMARY}?site=store").status_code == 200
    assert browsers["by the key"].get(f"{SUMMARY}?site=shop").status_code == 403
    assert browsers["by the alias"].get(f"{SUMMARY}?site=shop").status_code == 401
    # Nor does the account, when its person signs in again.
    browsers["by the alias"].post("/login", data={"name": "ann", "password": "long enough"})
    assert browsers["by the alias"].get(f"{SUMMARY}?site=shop").status_code == 403


def test_visitors_of_the_next_site_with_a_key_have_other_keys(engine: Engine, shop: Site) -> None:
    with engine.begin() as connection:
        renamed = names.rename_site(connection, "shop", "store")
        names.remove_alias(connection, "shop")
        follower = create_site(connection, "shop")
        assert create_site(connection, "blog").identity_key == "blog"
    assert renamed.identity_key == shop.identity_key == "shop"
    assert follower.identity_key.startswith("shop#")


def test_an_alias_of_another_site_is_not_found(engine: Engine, shop: Site) -> None:
    with engine.begin() as connection:
        names.rename_site(connection, "shop", "store")
        create_site(connection, "blog")
        with pytest.raises(NotFound, match="'shop' is no alias of the site 'blog'; accepted: one of its aliases: none"):
            names.remove_alias(connection, "shop", of_site="blog")


def test_a_site_has_at_most_a_hundred_aliases(engine: Engine, shop: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_ALIASES", 2)
    with engine.begin() as connection:
        names.rename_site(connection, "shop", "a")
        names.rename_site(connection, "a", "b")
        with pytest.raises(Conflict, match="has 2 aliases, the maximum; remove one first"):
            names.rename_site(connection, "b", "c")
        assert names.rename_site(connection, "b", "shop").aliases == ("a", "b")


def test_a_site_that_is_being_deleted_keeps_its_names(engine: Engine, shop: Site, sql: Sql) -> None:
    sql("UPDATE sites SET deleting_at = now() RETURNING 1")
    with engine.begin() as connection, pytest.raises(Gone, match="is being deleted"):
        names.rename_site(connection, "shop", "store")


def test_commands_rename_list_and_remove(app: Flask, shop: Site) -> None:
    run = app.test_cli_runner().invoke
    assert run(args=["site", "rename", "shop", "store"]).stdout == "renamed to store; aliases: shop\n"
    assert run(args=["site", "list"]).stdout.splitlines()[1].split()[-2:] == ["shop", "active"]
    assert run(args=["site", "remove-alias", "shop"]).stdout == "removed the alias shop of store; 0 tokens revoked\n"
    assert run(args=["site", "rename", "shop", "x"]).exit_code == 1
