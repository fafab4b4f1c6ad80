"""The commands: what goes to standard output, and one line for whatever can go wrong."""

import json
from datetime import UTC, datetime

import jwt
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from analytics.sites import find_site
from tests.auth.test_tokens import PUBLIC_KEY
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
def test_token_lives_as_long_as_asked(flask, words, days):
    claims = claims_of(flask("token", "create", *words).stdout.strip())
    left = claims["exp"] - datetime.now(UTC).timestamp() if "exp" in claims else None
    assert left == (None if days is None else pytest.approx(days * 86400, abs=60))


def test_made_token_opens_what_it_says(flask, client, auth):
    token = flask("token", "create", "--scope", "admin").stdout.strip()
    assert client.get("/api/analytics/sites", headers=auth(token)).status_code == 200


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("token", "create", "--scope", "everything"), 2, "ingest read export admin"),
        (("token", "create", "--days", "0"), 2, "--days"),
        (("token", "create", "--days", "5", "--never-expires"), 2, "exclude"),
        (("token", "create", "--site", "a b"), 1, "no site key"),
        (("token", "create", "--sub", ""), 1, "sub"),
        (("token", "revoke", "a b"), 1, "neither"),
        (("token", "show", "abc"), 1, "not a JWT"),
        (("site", "create", "a b"), 1, "no site key"),
        (("site", "create", "a", "--zone", "Mars"), 1, "zone"),
        (("site", "create", "a", "--origin", "a.org"), 1, "origin"),
        (("site", "set", "nowhere", "--name", "x"), 1, "flask site create nowhere"),
        (("site", "set", "nowhere"), 2, "--zone"),
    ],
)
def test_mistake_is_told_in_one_line(flask, words, code, said):
    assert_one_line(flask(*words), code, said)


@pytest.mark.parametrize("by", ["token", "jti"])
def test_revoked_token_is_refused(flask, app, client, auth, sql, by):
    token = flask("token", "create", "--scope", "admin").stdout.strip()
    jti = claims_of(token)["jti"]
    assert flask("token", "revoke", token if by == "token" else jti, "--reason", "lost").stdout == f"revoked {jti}\n"
    assert client.get("/api/analytics/sites", headers=auth(token)).status_code == 401
    assert sql("SELECT jti, reason, expires_at IS NOT NULL FROM revoked_tokens") == [(jti, "lost", by == "token")]


def test_shown_token_says_whether_it_is_valid(flask):
    token = flask("token", "create", "--sub", "me").stdout.strip()
    shown = flask("token", "show", token)
    assert (shown.exit_code, json.loads(shown.stdout)["sub"]) == (0, "me")
    flask("token", "revoke", token)
    shown = flask("token", "show", token)
    assert shown.exit_code == 1
    assert "revoked" in shown.stderr


def test_made_site_has_what_was_asked(flask, engine):
    words = ("--zone", "Europe/Berlin", "--types", "strict", "--event-type", "order", "--public-stats")
    assert flask("site", "create", "shop", *words).stdout == "created shop (Europe/Berlin)\n"
    site = find_site(engine, "shop")
    assert (site.types, site.event_types, site.public_stats) == ("strict", {"order"}, True)


def test_set_changes_only_what_is_named(flask, engine, site):
    assert flask("site", "set", "default", "--zone", "Asia/Tokyo", "--public-stats").exit_code == 0
    assert find_site(engine, "default") == site._replace(zone="Asia/Tokyo", public_stats=True)
    flask("site", "set", "default", "--no-public-stats")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT public_stats FROM sites")).scalar() is False


def test_list_prints_a_table_or_json(flask, site):
    assert flask("site", "list").stdout.splitlines()[1].split() == ["default", "Default", "UTC", "open", "trust"]
    assert [one["key"] for one in json.loads(flask("site", "list", "--json").stdout)] == ["default"]


def test_no_site_is_a_hint_and_an_empty_array(flask):
    assert flask("site", "list").stdout == ""
    assert json.loads(flask("site", "list", "--json").stdout) == []


def test_database_that_is_away_is_one_line(make_app):
    app = make_app(database_url="postgresql+psycopg2://127.0.0.1:1/none")
    assert_one_line(app.test_cli_runner().invoke(args=["site", "list"]), 1, "DATABASE_URL")


def test_database_without_tables_is_told_how_to_get_them(make_app, settings):
    url = make_url(settings.database_url).set(database="postgres").render_as_string(hide_password=False)
    app = make_app(database_url=url)
    assert_one_line(app.test_cli_runner().invoke(args=["site", "list"]), 1, "flask --app wsgi db upgrade")


def test_redis_that_is_away_delays_a_revocation(make_app):
    app = make_app(celery_broker_url="redis://127.0.0.1:1/0")
    result = app.test_cli_runner().invoke(args=["token", "revoke", "abc"])
    assert (result.exit_code, result.stdout) == (0, "revoked abc\n")
    assert "60 s" in result.stderr


def test_service_that_only_verifies_makes_no_tokens(make_app):
    app = make_app(jwt_public_key=PUBLIC_KEY, jwt_algorithm="ES256")
    assert_one_line(app.test_cli_runner().invoke(args=["token", "create"]), 1, "JWT_PUBLIC_KEY only verifies")
