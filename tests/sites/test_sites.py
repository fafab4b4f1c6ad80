"""Sites: cached look-up, also without PostgreSQL; creation, update with an audit entry, and access by token."""

import json
import threading

import pytest
from sqlalchemy import create_engine

from analytics.auth.keys.site_keys import check_site_key
from analytics.errors import BadInput, Conflict, Invalid, NotFound, Unavailable
from analytics.sites import sites
from analytics.sites.sites import create_site, find_site
from analytics.store.models import SUPPORTED_TYPES
from tests.waiting import wait_until


@pytest.fixture
def admin(token, auth):
    return auth(token("admin"))


@pytest.fixture
def unreachable():
    """An engine whose server is not there."""
    return create_engine("postgresql+psycopg2://127.0.0.1:1/none")


def test_new_site_takes_the_defaults(engine):
    with engine.begin() as connection:
        site = create_site(connection, "shop")
    assert site.event_types == frozenset(SUPPORTED_TYPES)
    assert (site.name, site.zone, site.types, site.identity) == ("shop", "UTC", "open", "trust")
    assert (site.public_ingest, site.public_stats, site.allowed_origins) == (False, False, ())


def test_unknown_site_is_not_found_with_a_hint(engine):
    with pytest.raises(NotFound, match="flask site create shop"):
        find_site(engine, "shop")


def test_unknown_site_is_created_when_auto_create_is_set(engine, sql):
    made = find_site(engine, "shop", auto_create=True)
    assert find_site(engine, "shop") == made
    assert sql("SELECT actor, action, site_id FROM audit_log") == [("auto", "site.create", made.id)]


def test_concurrent_first_events_create_one_site(engine, sql):
    start, created = threading.Barrier(8), []

    def create(own_engine):
        start.wait()
        created.append(find_site(own_engine, "shop", auto_create=True))

    # Each engine has a cache of its own, as each process has.
    engines = [create_engine(engine.url) for _ in range(8)]
    threads = [threading.Thread(target=create, args=[one]) for one in engines]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    [one.dispose() for one in engines]
    assert len(created) == 8
    assert len({site.id for site in created}) == 1
    assert sql("SELECT count(*) FROM audit_log") == [(1,)]


def test_update_by_another_process_is_seen_after_five_seconds(engine, site, sql, at):
    assert find_site(engine, "default").zone == "UTC"
    sql("UPDATE sites SET zone = 'Asia/Tokyo' RETURNING 1")
    at(4.9)
    assert find_site(engine, "default").zone == "UTC"
    at(5.1)
    wait_until(lambda: find_site(engine, "default").zone == "Asia/Tokyo")


def test_update_is_seen_at_once_where_the_site_was_not_used_lately(engine, site, sql, at):
    assert find_site(engine, "default").zone == "UTC"
    sql("UPDATE sites SET zone = 'Asia/Tokyo' RETURNING 1")
    at(21)
    assert find_site(engine, "default").zone == "Asia/Tokyo"


def test_clock_set_back_does_not_keep_a_stale_site(engine, site, sql, at):
    find_site(engine, "default")
    sql("UPDATE sites SET zone = 'Asia/Tokyo' RETURNING 1")
    at(-3600)
    assert find_site(engine, "default").zone == "Asia/Tokyo"


def test_cached_site_is_served_without_postgresql(unreachable, site, at):
    sites.cache_site(unreachable, site)
    at(3600)
    assert find_site(unreachable, "default") == site


def test_uncached_site_is_unavailable_without_postgresql(unreachable):
    with pytest.raises(Unavailable):
        find_site(unreachable, "shop")


def test_deleted_site_is_gone(engine, site, sql, at):
    find_site(engine, "default")
    sql("DELETE FROM sites RETURNING 1")
    at(21)
    with pytest.raises(NotFound):
        find_site(engine, "default")


@pytest.mark.parametrize("key", ["a", "Shop-1.eu_west:x", "9", "a" * 64])
def test_key_is_accepted(key):
    check_site_key(key)


@pytest.mark.parametrize("key", ["", "-a", ".a", "a b", "a/b", "ä", "a\n", "a" * 65, "a\0", "\ud800"])
def test_invalid_key_is_refused_before_any_query(unreachable, key):
    with pytest.raises(BadInput, match="not a site key"):
        find_site(unreachable, key, auto_create=True)


def test_every_invalid_setting_is_listed(engine):
    with engine.begin() as connection, pytest.raises(Invalid) as caught:
        create_site(connection, "shop", zone="Mars/Base", types="closed", colour="red")
    assert [problem.field for problem in caught.value.errors] == ["zone", "types", "colour"]


def test_same_key_twice_is_a_conflict(engine, site):
    with engine.begin() as connection, pytest.raises(Conflict, match="default"):
        create_site(connection, "default")


def test_update_is_recorded_with_old_and_new_values(engine, site, sql):
    with engine.begin() as connection:
        sites.update_site(connection, "default", zone="Europe/Berlin", name="Default", actor="me")
        sites.update_site(connection, "default", zone="Europe/Berlin", actor="me")
    found = sql("SELECT actor, detail FROM audit_log WHERE action = 'site.update'")
    assert found == [("me", {"zone": ["UTC", "Europe/Berlin"]})]


def test_site_is_found_by_id(engine, site):
    with engine.connect() as connection:
        assert sites.read_site_by_id(connection, site.id) == site
        assert sites.read_site_by_id(connection, -1) is None


def test_created_site_has_an_address(client, admin):
    wanted = {"key": "shop", "name": "Shop", "zone": "Europe/Berlin", "allowed_origins": ["https://shop.example"]}
    made = client.post("/api/analytics/sites", json=wanted, headers=admin)
    assert (made.status_code, made.headers["Location"]) == (201, "/api/analytics/sites/shop")
    shown = client.get(made.headers["Location"], headers=admin).json
    assert shown == made.json
    assert list(shown) == [
        *("key", "name", "zone", "types", "event_types", "identity"),
        *("public_ingest", "public_stats", "allowed_origins", "created_at", "event_retention_days"),
        *("visitor_window", "visitor_by", "aliases", "domains", "embed_origins", "status", "deletion"),
    ]
    assert {name: shown[name] for name in wanted} == wanted


def test_updated_site_is_used_at_once(client, admin, engine, site):
    find_site(engine, "default")
    changed = client.patch("/api/analytics/sites/default", json={"zone": "Asia/Tokyo"}, headers=admin)
    assert (changed.status_code, changed.json["zone"]) == (200, "Asia/Tokyo")
    assert find_site(engine, "default").zone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        pytest.param({"key": "a b"}, "key", "invalid", id="key"),
        pytest.param({"name": "x"}, "key", "missing", id="no-key"),
        pytest.param({"key": "a", "zone": "Mars"}, "zone", "invalid", id="zone"),
        pytest.param({"key": "a", "zone": 5}, "zone", "invalid", id="zone-a-number"),
        pytest.param({"key": "a", "zone": None}, "zone", "invalid", id="zone-null"),
        pytest.param({"key": "a", "types": "some"}, "types", "invalid", id="types"),
        pytest.param({"key": "a", "identity": "guess"}, "identity", "invalid", id="identity"),
        pytest.param({"key": "a", "name": "a\0b"}, "name", "invalid", id="name-with-nul"),
        pytest.param({"key": "a", "name": "x" * 201}, "name", "invalid", id="long-name"),
        pytest.param({"key": "a", "event_types": [""]}, "event_types", "invalid", id="empty-type"),
        pytest.param({"key": "a", "event_types": ["ok", 7]}, "event_types[1]", "invalid", id="type-a-number"),
        pytest.param({"key": "a", "event_types": "click"}, "event_types", "invalid", id="types-a-word"),
        pytest.param({"key": "a", "public_stats": "yes"}, "public_stats", "invalid", id="flag-a-word"),
        pytest.param({"key": "a", "allowed_origins": ["x.org/a"]}, "allowed_origins", "invalid", id="origin"),
        pytest.param(
            *({"key": "a", "allowed_origins": ["https://[1.2.3.4]"]}, "allowed_origins", "invalid"),
            id="IPv4 address in brackets",
        ),
        pytest.param(
            *({"key": "a", "allowed_origins": [f"https://{n}.example" for n in range(101)]}, "allowed_origins"),
            "invalid",
            id="too many origins",
        ),
        pytest.param({"key": "a", "colour": "red"}, "colour", "unknown_field", id="unknown"),
        pytest.param({"key": "a", "id": 5}, "id", "unknown_field", id="number-is-not-ours-to-give"),
    ],
)
def test_invalid_field_is_named(client, admin, body, field, code):
    response = client.post("/api/analytics/sites", json=body, headers=admin)
    assert response.status_code == 422
    assert [(p["index"], p["field"], p["code"]) for p in response.json["errors"]] == [(None, field, code)]


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"key": "\\ud800"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a":' * 100_000, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
    ],
)
def test_body_that_is_not_a_json_object_is_refused(client, admin, body, media, status):
    response = client.post("/api/analytics/sites", data=body, content_type=media, headers=admin)
    assert response.status_code == status


def test_the_refusal_of_a_sites_zone_has_one_example(client, admin):
    detail = client.post("/api/analytics/sites", json={"key": "shop", "zone": "Mars/Base"}, headers=admin).json[
        "detail"
    ]
    assert detail == "zone: 'Mars/Base' is not an IANA time zone, for example Europe/Berlin or UTC"


def test_existing_key_is_a_409(client, admin, site):
    assert client.post("/api/analytics/sites", json={"key": "default"}, headers=admin).status_code == 409


@pytest.mark.parametrize(("key", "status"), [("nowhere", 404), ("a%20b", 400), ("a%00", 400)])
def test_site_that_cannot_be_shown(client, admin, key, status):
    assert client.get(f"/api/analytics/sites/{key}", headers=admin).status_code == status
    assert client.patch(f"/api/analytics/sites/{key}", json={}, headers=admin).status_code == status


def test_token_for_one_site_sees_no_other(client, engine, token, auth):
    with engine.begin() as connection:
        [create_site(connection, key) for key in ("mine", "theirs")]
    headers = auth(token("admin", site="mine"))
    listed = client.get("/api/analytics/sites", headers=headers).json["sites"]
    assert [site["key"] for site in listed] == ["mine"]
    assert client.get("/api/analytics/sites/mine", headers=headers).status_code == 200
    for refused in (
        client.get("/api/analytics/sites/theirs", headers=headers),
        client.get("/api/analytics/sites/unknown", headers=headers),
        client.patch("/api/analytics/sites/theirs", json={"name": "x"}, headers=headers),
        client.post("/api/analytics/sites", json={"key": "new"}, headers=headers),
    ):
        assert refused.status_code == 403
        assert "is not for the site" in refused.json["detail"]


def create_sites(engine, keys):
    with engine.begin() as connection:
        for key in keys:
            create_site(connection, key)


def test_the_list_of_sites_comes_in_pages(client, engine, token, auth):
    create_sites(engine, "caebd")
    pages, cursor = [], {}
    while cursor is not None and len(pages) < 9:
        body = client.get(
            "/api/analytics/sites", query_string={"limit": 2, **cursor}, headers=auth(token("admin"))
        ).json
        pages.append([site["key"] for site in body["sites"]])
        cursor = body["next_cursor"] and {"cursor": body["next_cursor"]}
    assert pages == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "cursor=x", "cursor=WyJcdTAwMDAiXQ", "page=2"])
def test_a_bad_page_of_sites_is_refused(client, token, auth, query):
    response = client.get(f"/api/analytics/sites?{query}", headers=auth(token("admin")))
    assert (response.status_code, "accepted: " in response.json["detail"]) == (400, True)


def test_the_command_lists_more_sites_than_a_page(app, engine, monkeypatch):
    monkeypatch.setattr(sites, "MAX_LISTED", 2)
    create_sites(engine, "abcde")
    printed = app.test_cli_runner().invoke(args=["site", "list", "--json"]).stdout
    assert [site["key"] for site in json.loads(printed)] == ["a", "b", "c", "d", "e"]


def test_a_hundred_origins_and_ipv6_are_accepted(engine):
    listed = ["https://[2001:db8::1]:8443", "https://[::ffff:1.2.3.4]", *(f"https://{n}.example" for n in range(98))]
    with engine.begin() as connection:
        assert len(create_site(connection, "shop", allowed_origins=listed).allowed_origins) == 100
        with pytest.raises(Invalid, match="101 origins are too many; accepted: at most 100, for example"):
            sites.update_site(connection, "shop", allowed_origins=[*listed, "https://more.example"])


def test_command_adds_and_empties_origins(app, engine):
    run = app.test_cli_runner().invoke
    with engine.begin() as connection:
        create_site(connection, "shop", allowed_origins=("https://a.example",))
    added = run(args=["site", "set", "shop", "--add-origin", "https://b.example", "--add-origin", "https://a.example"])
    assert added.stdout == 'changed shop: allowed_origins=["https://a.example", "https://b.example"]\n'
    assert run(args=["site", "set", "shop", "--no-origins", "--origin", "https://c.example"]).exit_code == 2
    assert run(args=["site", "set", "shop", "--no-origins"]).stdout == "changed shop: allowed_origins=[]\n"
