"""Keys: where they are carried, what they may do, their end, and how they survive a database that is away."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from analytics.auth.guard import authenticate_key, authenticator
from analytics.auth.keys import credential_cache, keys
from analytics.auth.keys.credential_cache import CredentialCache
from analytics.errors import Unauthorised, Unavailable
from tests.waiting import wait_until

INGEST = "/api/analytics/ingest"
EVENTS = [{"type": "page_view", "user_id": "ann"}]
SITES = "/api/analytics/sites"


def basic(user, password=""):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def finished(cache):
    """Waits for a refresh in the background."""
    with cache._refreshing:
        return True


@pytest.fixture
def key_cache(app):
    with app.app_context():
        return authenticator().keys


@pytest.fixture
def revoke(app, engine):
    """`revoke(key_text)`, as in another process."""

    def run(key_text):
        with engine.connect() as connection:
            key = keys.find_key(connection, key_text)
        return keys.revoke_key(engine, app.extensions["buffer_redis"], key, "tester")

    return run


@pytest.mark.parametrize("carried", ["bearer", "basic", "basic with a password", "query"])
def test_publishable_key_sends_events_wherever_it_is_carried(client, site, publishable, auth, carried):
    headers = {"bearer": auth(publishable), "basic": basic(publishable), "query": {}}.get(
        carried, basic(publishable, "x")
    )
    query = f"?key={publishable}" if carried == "query" else ""
    response = client.post(INGEST + query, json=EVENTS, headers={"Origin": "https://shop.example", **headers})
    assert (response.status_code, response.json.get("ingested")) == (202, 1), response.json


def test_secret_key_has_its_scopes_and_sites(client, site, make_key, auth):
    key = make_key("secret", ["admin"], site)
    assert [one["key"] for one in client.get(SITES, headers=auth(key)).json["sites"]] == ["default"]
    assert client.get(SITES, headers=basic(key)).status_code == 200
    assert client.get(f"{SITES}/shop", headers=auth(key)).json["detail"] == (
        "the key is not for the site 'shop'; accepted: the sites that GET /api/analytics/me shows"
    )
    response = client.get(SITES, headers=auth(make_key("secret", ["read"])))
    assert (response.status_code, response.json["detail"]) == (403, "the key lacks the scope admin")


def test_secret_in_a_url_is_refused_with_an_explanation(client, site, make_key, token):
    for text_in_url in (make_key("secret", ["ingest"]), token("ingest")):
        response = client.post(f"{INGEST}?key={text_in_url}", json=EVENTS)
        assert (response.status_code, "publishable key" in response.json["detail"]) == (401, True)
        assert text_in_url not in response.json["detail"]


@pytest.mark.parametrize("header", [
    "Bearer", "Bearer sk_", "Bearer pk_" + 43 * "a", "Bearer sk_" + 9000 * "a", "Bearer sk_é", "Token x", "Basic %%%",
    "Basic /w==", basic("ann", "secret")["Authorization"], basic("")["Authorization"],
])  # fmt: skip
def test_wrong_credential_is_401(client, site, header):
    response = client.get(SITES, headers={"Authorization": header})
    assert (response.status_code, response.json["code"]) == (401, "unauthorised")


def test_header_wins_over_the_query(client, site, publishable, token, auth):
    response = client.get(f"{SITES}?key={publishable}", headers=auth(token("admin")))
    assert response.status_code == 200


def test_body_takes_publishable_keys_only(app, client, site, publishable, make_key):
    with app.test_request_context():
        principal = authenticate_key(publishable)
        assert (principal.sites, principal.scopes) == ({"default"}, {"ingest"})
        assert principal.origins == ("https://shop.example",)
        with pytest.raises(Unauthorised, match="a secret key is not accepted in a body"):
            authenticate_key(make_key())


def test_text_of_a_key_is_not_stored_unless_it_is_public(sql, make_key, publishable):
    secret = make_key()
    rows = " ".join(str(row) for row in sql("SELECT * FROM api_keys"))
    assert (secret in rows, publishable in rows) == (False, True)


def test_expired_key_is_refused(client, site, make_key, auth, at):
    key = make_key("secret", ["admin"], expires_at=datetime.now(UTC) + timedelta(seconds=60))
    assert client.get(SITES, headers=auth(key)).status_code == 200
    at(61)
    assert "the key expired at" in client.get(SITES, headers=auth(key)).json["detail"]


def test_revoked_key_is_refused_by_every_process_within_two_seconds(client, make_app, site, make_key, auth, revoke, at):
    key, other = make_key("secret", ["admin"]), make_app().test_client()
    assert [one.get(SITES, headers=auth(key)).status_code for one in (client, other)] == [200, 200]
    assert revoke(key)
    at(2)
    assert [one.get(SITES, headers=auth(key)).status_code for one in (client, other)] == [401, 401]


def test_key_whose_last_site_is_removed_is_refused(client, site, make_key, auth, sql, key_cache):
    key = make_key("secret", ["admin"], site)
    sql("DELETE FROM sites RETURNING 1")
    assert client.get(SITES, headers=auth(key)).status_code == 401


def test_rotated_key_works_beside_the_new_one_until_the_overlap_ends(client, engine, site, make_key, auth, at):
    old_text = make_key("secret", ["admin"], site, name="ci")
    with engine.begin() as connection:
        old = keys.find_key(connection, old_text)
        new_text, new = keys.rotate_key(connection, old, timedelta(hours=1), None, "me")
    assert (new.subject, new.scopes, new.sites, new.name, new.rotated_from) == (*old[5:8], "ci", old.id)
    for seconds, status in ((0, 200), (3599, 200), (3601, 401)):
        at(seconds)
        assert client.get(SITES, headers=auth(old_text)).status_code == status
        assert client.get(SITES, headers=auth(new_text)).status_code == 200


def test_end_of_an_overlap_reaches_processes_that_cached_the_key(client, app, engine, site, make_key, auth, at):
    text = make_key("secret", ["admin"], site)
    assert client.get(SITES, headers=auth(text)).status_code == 200
    with engine.begin() as connection:
        old = keys.find_key(connection, text)
        keys.rotate_key(connection, old, timedelta(seconds=10), None, "me")
    keys.finish_rotation(engine, app.extensions["buffer_redis"], old, timedelta(seconds=10), "me")
    # The cached row is younger than REFRESH_INTERVAL_S, so it still says that the key never ends.
    for seconds, status in ((8, 200), (13, 401)):
        at(seconds)
        assert client.get(SITES, headers=auth(text)).status_code == status


def test_last_use_is_written_in_the_background_and_rarely(client, site, make_key, auth, sql, at, key_cache):
    key, seen = make_key("secret", ["admin"]), []
    for seconds in (0, 20, 59, 90):
        at(seconds)
        assert client.get(SITES, headers=auth(key)).status_code == 200
        assert finished(key_cache)
        seen.append(sql("SELECT last_used_at FROM api_keys")[0][0])
    assert seen[0] == seen[1] == seen[2] is not None
    assert (seen[3] - seen[0]).total_seconds() == pytest.approx(90, abs=1)


def test_uses_by_two_processes_do_not_wait_for_each_other(engine, make_key, sql):
    make_key()
    [(key_id,)] = sql("SELECT CAST(id AS text) FROM api_keys")
    with engine.begin() as first:
        first.execute(text("SELECT 1 FROM api_keys FOR UPDATE"))
        with engine.begin() as second:
            second.execute(text("SET LOCAL lock_timeout = '1s'"))
            keys.record_use(second, {key_id: 1_800_000_000.0})
    assert sql("SELECT last_used_at FROM api_keys") == [(None,)]


def test_unknown_key_is_looked_up_once(engine, at):
    asked = []

    def load(connection, digests):
        asked.append(digests)
        return {}

    cache = CredentialCache(lambda: engine, load, keys.record_use)
    assert [cache.find("pk_wrong") for _ in range(3)] == [None] * 3
    assert len(asked) == 1
    at(61)
    assert (cache.find("pk_wrong"), len(asked)) == (None, 2)


def test_caches_are_bounded(engine, monkeypatch, make_key):
    monkeypatch.setattr(credential_cache, "MAX_CACHED", 20)
    cache = CredentialCache(lambda: engine, keys.load_credentials, keys.record_use)
    for number in range(50):
        cache.find(f"pk_{number}")
        assert cache.find(make_key()) is not None
    finished(cache)
    assert max(len(cache._entries), len(cache._unknown)) <= 20


class Broken:
    """The engines of a cache: that of the tests, or one of a server that is not there."""

    def __init__(self, engine):
        self.good, self.bad = engine, create_engine("postgresql+psycopg2://localhost:1/none")
        self.is_down = False

    def __call__(self):
        return self.bad if self.is_down else self.good


def test_known_key_works_while_the_database_is_down_and_an_unknown_one_is_unavailable(engine, make_key, at):
    engines, key, late = Broken(engine), make_key(), make_key()
    cache = CredentialCache(engines, keys.load_credentials, keys.record_use)
    assert cache.find(key) is not None
    engines.is_down = True
    for seconds in (1, 40, 4000, 90_000):
        at(seconds)
        assert cache.find(key) is not None
        assert finished(cache)
        with pytest.raises(Unavailable):
            cache.find(late)
        assert finished(cache)
    engines.is_down = False
    at(90_010)
    assert cache.find(key) is not None
    assert finished(cache)
    assert cache.find(late) is not None


def test_database_that_hangs_delays_no_known_key(engine, make_key, at, monkeypatch):
    monkeypatch.setattr(credential_cache, "LOOKUP_TIMEOUT_S", 0.2)
    cache, key, late = CredentialCache(lambda: engine, keys.load_credentials, keys.record_use), make_key(), make_key()
    cache.find(key)
    assert finished(cache)
    with engine.connect() as connection, connection.begin():
        connection.execute(text("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"))
        at(40)
        started = datetime.now(UTC)
        assert all(cache.find(key) for _ in range(100))
        assert (datetime.now(UTC) - started).total_seconds() < 0.15
        for _ in range(3):
            with pytest.raises(Unavailable):
                cache.find(late)
        # Only the first unknown key waited.
        assert (datetime.now(UTC) - started).total_seconds() < 0.5
        assert cache._refreshing.locked()
    assert finished(cache)
    at(50)
    assert cache.find(late) is not None


def test_unknown_key_while_the_database_is_down_is_503_not_401(client, make_app, app, auth, at):
    down = make_app(database_url="postgresql+psycopg2://localhost:1/none").test_client()
    response = down.get(SITES, headers=auth("sk_" + 43 * "a"))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def test_lookups_that_are_busy_do_not_make_the_database_unavailable(engine, make_key, monkeypatch):
    monkeypatch.setattr(credential_cache, "LOOKUP_TIMEOUT_S", 0.2)
    cache, key = CredentialCache(lambda: engine, keys.load_credentials, keys.record_use), make_key()
    for _ in range(credential_cache.MAX_LOOKUPS_AT_ONCE):
        cache._lookups.acquire()
    with pytest.raises(Unavailable, match="too many keys"):
        cache.find(key)
    cache._lookups.release()
    assert cache.find(key) is not None


def test_cached_key_is_found_at_once_and_another_at_the_next_request(engine, make_key, monkeypatch):
    cache, key = CredentialCache(lambda: engine, keys.load_credentials, keys.record_use), make_key("secret", ["admin"])
    with engine.connect() as connection, connection.begin():
        connection.execute(text("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"))
        started = datetime.now(UTC)
        assert [cache.find_cached(sent) for sent in (key, "sk_wrong", key)] == [None] * 3
        assert (datetime.now(UTC) - started).total_seconds() < 0.2
    wait_until(lambda: cache.find_cached(key) is not None)
