"""The commands: standard output, and one-line errors."""

import json
from datetime import UTC, datetime

import jwt
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from analytics.sites.sites import find_site
from tests.auth.tokens.test_issuer import EXTERNAL, PUBLIC_KEY
from tests.conftest import SECRET


@pytest.fixture
def flask(app):
    """`flask("site", "list")`: the command's result."""
    return lambda *words: app.test_cli_runner().invoke(args=list(words))


def claims_of(token):
    return jwt.decode(token, SECRET, algorithms=["HS256"])


def assert_one_line(result, code, said):
    assert result.exit_code == code
    assert result.stdout == ""
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error: ")]) == 1


def test_token_alone_goes_to_standard_output(flask):
    result = flask("token", "create", "--scope", "ingest read", "--site", "a", "--site", "b", "--sub", "me")
    claims = claims_of(result.stdout.strip())
    assert (claims["scope"], claims["site"], claims["sub"]) == ("ingest read", ["a", "b"], "me")
    assert "expires in 90 days" in result.stderr


@pytest.mark.parametrize(("words", "days"), [((), 90), (("--days", "7"), 7), (("--never-expires",), None)])
def test_token_has_the_requested_lifetime(flask, words, days):
    claims = claims_of(flask("token", "create", *words).stdout.strip())
    left = claims["exp"] - datetime.now(UTC).timestamp() if "exp" in claims else None
    assert left == (None if days is None else pytest.approx(days * 86400, abs=60))


def test_created_token_has_its_scopes_and_sites(flask, client, auth):
    token = flask("token", "create", "--scope", "admin").stdout.strip()
    assert client.get("/api/analytics/sites", headers=auth(token)).status_code == 200


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("token", "create", "--scope", "everything"), 2, "ingest read export write admin"),
        (("token", "create", "--days", "0"), 2, "--days"),
        (("token", "create", "--days", "5", "--never-expires"), 2, "exclude"),
        (("token", "create", "--site", "a b"), 1, "not a site key"),
        (("token", "create", "--sub", ""), 1, "sub"),
        (("token", "revoke", "a b"), 1, "not a token or a jti"),
        (("token", "show", "abc"), 1, "not a JWT"),
        (("key", "create", "--publishable"), 2, "--site"),
        (("key", "create", "--origin", "https://a.org"), 2, "--publishable"),
        (("key", "create", "--site", "nowhere"), 1, "flask site create nowhere"),
        (("key", "revoke", "sk_wrong"), 1, "flask key list"),
        (("key", "rotate", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"), 1, "there is no key"),
        (("site", "create", "a b"), 1, "not a site key"),
        (("site", "create", "a", "--zone", "Mars"), 1, "zone"),
        (("site", "create", "a", "--origin", "a.org"), 1, "origin"),
        (("site", "set", "nowhere", "--name", "x"), 1, "flask site create nowhere"),
        (("site", "set", "nowhere"), 2, "--zone"),
    ],
)
def test_user_error_is_one_line(flask, words, code, said):
    assert_one_line(flask(*words), code, said)


def test_site_that_exists_is_changed_and_not_created(flask):
    assert flask("site", "create", "shop").exit_code == 0
    assert_one_line(flask("site", "create", "shop"), 1, "flask site set shop")


@pytest.mark.parametrize("by", ["token", "jti"])
def test_revoked_token_is_refused(flask, app, client, auth, sql, by):
    token = flask("token", "create", "--scope", "admin").stdout.strip()
    jti = claims_of(token)["jti"]
    assert flask("token", "revoke", token if by == "token" else jti, "--reason", "lost").stdout == f"revoked {jti}\n"
    assert client.get("/api/analytics/sites", headers=auth(token)).status_code == 401
    assert sql("SELECT jti, reason, expires_at IS NOT NULL FROM revoked_tokens") == [(jti, "lost", by == "token")]


def test_created_tokens_are_listed_until_they_expire(flask, at):
    created = flask("token", "create", "--scope", "read write", "--site", "shop", "--sub", "me", "--days", "1").stdout
    flask("token", "create", "--never-expires")
    assert created.count("\n") == 1
    jti = claims_of(created.strip())["jti"]
    flask("token", "revoke", jti)
    header, *rows = flask("token", "list").stdout.splitlines()
    assert header.split() == ["JTI", "SUBJECT", "SCOPES", "SITES", "ISSUED", "EXPIRES", "REVOKED"]
    [mine] = [row.split() for row in rows if row.startswith(jti)]
    assert mine[1:5] == ["me", "read", "write", "shop"]
    [other] = [row.split() for row in rows if not row.startswith(jti)]
    assert (other[1:4], other[-2:]) == (["cli", "ingest", "all"], ["never", "no"])
    found = {token["jti"]: token for token in json.loads(flask("token", "list", "--json").stdout)}
    assert (found[jti]["issued_by"], found[jti]["revoked_at"] is not None, created in str(found)) == (
        "cli",
        True,
        False,
    )
    at(2 * 86_400)
    assert jti not in flask("token", "list").stdout


def test_no_token_is_a_hint(flask, site):
    assert (flask("token", "list").stdout, json.loads(flask("token", "list", "--json").stdout)) == ("", [])


def test_token_that_cannot_be_recorded_is_not_shown(make_app):
    app = make_app(database_url="postgresql+psycopg2://127.0.0.1:1/none")
    assert_one_line(app.test_cli_runner().invoke(args=["token", "create"]), 1, "DATABASE_URL")


def test_shown_token_reports_whether_it_is_valid(flask):
    token = flask("token", "create", "--sub", "me").stdout.strip()
    shown = flask("token", "show", token)
    assert (shown.exit_code, json.loads(shown.stdout)["sub"]) == (0, "me")
    flask("token", "revoke", token)
    shown = flask("token", "show", token)
    assert shown.exit_code == 1
    assert "revoked" in shown.stderr


def test_key_is_printed_alone_works_rotates_and_ends(flask, client, auth, site, at):
    created = flask("key", "create", "--scope", "admin", "--name", "ci", "--days", "30")
    key, key_id = created.stdout.strip(), created.stderr.split("id: ")[1].split(";")[0]
    assert client.get("/api/analytics/sites", headers=auth(key)).status_code == 200
    new = flask("key", "rotate", key_id, "--overlap-hours", "0").stdout.strip()
    assert flask("key", "revoke", key_id).stdout == f"revoked {key_id}\n"
    at(3)
    assert client.get("/api/analytics/sites", headers=auth(key)).status_code == 401
    assert client.get("/api/analytics/sites", headers=auth(new)).status_code == 200
    listed = json.loads(flask("key", "list", "--json").stdout)
    assert [one["name"] for one in listed] == ["ci", "ci"]
    header, *rows = flask("key", "list").stdout.splitlines()
    assert header.split()[:3] == ["ID", "KEY", "NAME"]
    assert sorted(row.split()[5] for row in rows) == ["revoked", "until"]
    assert flask("key", "revoke", new).stdout.startswith("revoked ")


def test_publishable_key_is_for_one_site_and_its_origins(flask, site, sql):
    flask("key", "create", "--publishable", "--site", "default", "--origin", "https://shop.example")
    assert sql("SELECT kind, origins, all_sites FROM api_keys") == [("publishable", ["https://shop.example"], False)]
    assert "https://shop.example" in flask("key", "list").stdout


def test_created_site_has_the_given_settings(flask, engine):
    words = ("--zone", "Europe/Berlin", "--types", "strict", "--event-type", "order", "--public-stats")
    assert flask("site", "create", "shop", *words).stdout == "created shop (Europe/Berlin)\n"
    site = find_site(engine, "shop")
    assert (site.types, site.event_types, site.public_stats) == ("strict", {"order"}, True)


def test_set_changes_only_given_settings(flask, engine, site):
    assert flask("site", "set", "default", "--zone", "Asia/Tokyo", "--public-stats").exit_code == 0
    assert find_site(engine, "default") == site._replace(zone="Asia/Tokyo", public_stats=True)
    flask("site", "set", "default", "--no-public-stats")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT public_stats FROM sites")).scalar() is False


def test_list_prints_a_table_or_json(flask, site):
    listed = flask("site", "list").stdout.splitlines()[1].split()
    assert listed == ["default", "Default", "UTC", "open", "trust", "active"]
    assert [one["key"] for one in json.loads(flask("site", "list", "--json").stdout)] == ["default"]


def test_no_site_is_a_hint_and_an_empty_array(flask):
    assert flask("site", "list").stdout == ""
    assert json.loads(flask("site", "list", "--json").stdout) == []


def test_unavailable_database_is_one_line(make_app):
    app = make_app(database_url="postgresql+psycopg2://127.0.0.1:1/none")
    assert_one_line(app.test_cli_runner().invoke(args=["site", "list"]), 1, "DATABASE_URL")


def test_unmigrated_database_is_a_hint(make_app, settings):
    url = make_url(settings.database_url).set(database="postgres").render_as_string(hide_password=False)
    app = make_app(database_url=url)
    assert_one_line(app.test_cli_runner().invoke(args=["site", "list"]), 1, "flask --app wsgi db upgrade")


def test_unavailable_redis_delays_a_revocation(make_app):
    app = make_app(celery_broker_url="redis://127.0.0.1:1/0")
    result = app.test_cli_runner().invoke(args=["token", "revoke", "abc"])
    assert (result.exit_code, result.stdout) == (0, "revoked abc\n")
    assert "within a minute" in result.stderr


def test_service_with_a_public_key_creates_no_tokens(make_app):
    app = make_app(jwt_public_key=PUBLIC_KEY, jwt_algorithm="ES256", **EXTERNAL)
    assert_one_line(app.test_cli_runner().invoke(args=["token", "create"]), 1, "JWT_PUBLIC_KEY only verifies")
