"""Signing in to the dashboard by token, by password and on this machine; what a session may do, and when it ends."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, Event
from typing import Any, ClassVar

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics import clock
from analytics.auth.sessions import sessions
from analytics.auth.sessions.accounts import PasswordChecker, lock_unchanged, person_of
from analytics.errors import Unavailable
from analytics.sites.names import rename_site
from analytics.sites.sites import Site
from analytics.web.server.environ import build_environ
from tests.conftest import SIGN_IN_SECRET
from tests.factories import make_site
from tests.waiting import wait_until

CSRF = {"X-CSRF-Token": "1"}
ME = "/api/analytics/me"
PASSWORD = "correct horse battery"


@pytest.fixture
def site(engine: Engine) -> Site:
    return make_site(engine, "UTC")


@pytest.fixture
def set_password(app: Any) -> Callable[..., Any]:
    def run(name: str, *options: str, password: str = PASSWORD) -> Any:
        return app.test_cli_runner().invoke(args=["user", "set-password", name, "--password", password, *options])

    return run


def log_in(client: FlaskClient, **form: str) -> Any:
    return client.post("/login", data=form)


def test_a_token_opens_a_session_with_its_scopes_and_sites(client: FlaskClient, site: Site, token: Any) -> None:
    answer = log_in(client, token=token("read export", site=site.key, sub="ann"), next=f"/sites/{site.key}")
    assert (answer.status_code, answer.location) == (303, f"/sites/{site.key}")
    me = client.get(ME).json
    assert (me["subject"], me["kind"], me["scopes"]) == ("ann", "session", ["export", "read"])
    assert [one["key"] for one in me["sites"]] == [site.key]
    page = client.get(f"/sites/{site.key}")
    assert page.status_code == 200
    assert f'data-site="{site.key}"' in page.text
    other = client.get("/sites/another")
    assert (other.status_code, other.mimetype) == (403, "text/html")


def test_the_cookie_is_kept_from_scripts_and_other_sites(client: FlaskClient, token: Any, make_app: Any) -> None:
    cookie = log_in(client, token=token("read"))
    header = cookie.headers["Set-Cookie"]
    assert header.startswith("session=session_")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(header.split("; "))
    assert "Secure" not in header
    secure = make_app(public_url="https://stats.example").test_client()
    header = log_in(secure, token=token("read")).headers["Set-Cookie"]
    assert header.startswith("__Host-session=session_")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(header.split("; "))


def test_by_https_only_the_cookie_that_no_other_host_can_set_counts(make_app: Any, token: Any) -> None:
    """A subdomain, or whoever is on the way of plain HTTP, may set `session` and so choose who is signed in."""
    app = make_app(public_url="https://stats.example")
    text = log_in(app.test_client(), token=token("read")).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    client = app.test_client(use_cookies=False)
    assert client.get(ME, headers={"Cookie": f"__Host-session={text}"}).status_code == 200
    assert client.get(ME, headers={"Cookie": f"session={text}"}).status_code == 401
    plain = make_app().test_client(use_cookies=False)
    assert plain.get(ME, headers={"Cookie": f"session={text}"}).status_code == 200
    assert plain.get(ME, headers={"Cookie": f"session={text}"}, base_url="https://stats.example").status_code == 401


def test_no_text_of_a_session_is_stored(client: FlaskClient, token: Any, sql: Any) -> None:
    text = log_in(client, token=token("read")).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    assert text.encode() not in [bytes(row[0]) for row in sql("SELECT token_hash FROM sessions")]
    assert sql("SELECT action FROM audit_log") == [("session.open",)]


@pytest.mark.parametrize(
    ("form", "status", "detail"),
    [
        ({"token": "eyJ.no.token"}, 401, "The token is malformed"),
        ({"token": "sk_abc"}, 401, "This is a key"),
        ({"name": "ann", "password": "wrong"}, 401, "The name or the password is wrong"),
        ({"name": "nobody", "password": PASSWORD}, 401, "The name or the password is wrong"),
        ({}, 401, "The name or the password is wrong"),
        ({"name": "a\0b", "password": "a\0b"}, 401, "The name or the password is wrong"),
    ],
)
def test_what_is_wrong_is_said_on_the_form(
    client: FlaskClient, set_password: Any, form: dict[str, str], status: int, detail: str
) -> None:
    set_password("ann")
    answer = log_in(client, **form)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert detail in answer.text
    assert "Set-Cookie" not in answer.headers


def test_the_form_keeps_the_name_and_speaks_the_language_of_the_browser(client: FlaskClient) -> None:
    answer = client.post("/login", data={"name": 'a"<b>', "password": "x"}, headers={"Accept-Language": "de-DE, en"})
    assert 'value="a&#34;&lt;b&gt;"' in answer.text
    assert '<html lang="de">' in answer.text
    assert "Der Name oder das Passwort ist falsch." in answer.text
    assert "flask" not in answer.text


def test_a_site_of_others_is_refused_in_words_of_a_reader(client: FlaskClient, site: Site, token: Any) -> None:
    log_in(client, token=token("read", site=site.key))
    english = client.get("/sites/another")
    german = client.get("/sites/another", headers={"Accept-Language": "de"})
    assert "Your account is not for this site." in english.text
    assert "Ihr Zugang gilt nicht für diese Website." in german.text


def test_a_token_without_read_is_refused(client: FlaskClient, token: Any) -> None:
    assert "lacks the scope read" in log_in(client, token=token("ingest")).text


def test_an_account_signs_in_and_ends_with_its_password(
    client: FlaskClient, set_password: Any, site: Site, sql: Any, at: Any
) -> None:
    assert set_password("ann", "--site", site.key).exit_code == 0
    [(stored,)] = sql("SELECT password FROM accounts")
    assert stored.startswith("scrypt:")
    assert log_in(client, name="ann", password=PASSWORD).status_code == 303
    assert [one["key"] for one in client.get(ME).json["sites"]] == [site.key]
    assert "sessions ended: 1" in set_password("ann", password="another password").output
    at(2)
    assert client.get(ME).status_code == 401
    assert log_in(client, name="ann", password=PASSWORD).status_code == 401
    assert log_in(client, name="ann", password="another password").status_code == 303


@pytest.mark.parametrize("password", ["short", "x" * 1001])
def test_a_password_has_eight_characters_or_more(set_password: Any, password: str, sql: Any) -> None:
    assert set_password("ann", password=password).exit_code == 2
    assert sql("SELECT count(*) FROM accounts") == [(0,)]


@pytest.mark.parametrize("claimed", ["ann", "account:ann"])
def test_an_account_shares_nothing_with_a_token_of_its_name(
    client: FlaskClient, set_password: Any, site: Site, token: Any, claimed: str
) -> None:
    """By subject, exports are shown to their owner and budgets are counted."""
    set_password("ann", "--scope", "read export", "--site", site.key)
    log_in(client, name="ann", password=PASSWORD)
    assert client.get(ME).json["subject"] == "account:ann"
    assert client.post("/api/analytics/exports", json={}, headers=CSRF).status_code == 202
    other = {"Authorization": f"Bearer {token('read export', site=site.key, sub=claimed)}"}
    bare = client.application.test_client()
    assert bare.get(ME, headers=other).json["subject"] in ("ann", "token:account:ann")
    assert bare.get("/api/analytics/exports", headers=other).json["exports"] == []
    assert len(client.get("/api/analytics/exports").json["exports"]) == 1


def test_no_token_is_issued_for_the_subject_of_an_account(app: Any) -> None:
    refused = app.test_cli_runner().invoke(args=["token", "create", "--sub", "account:ann"])
    assert "begins as the subject of another caller" in refused.output


def test_a_token_has_no_id_of_an_account(client: FlaskClient, token: Any, set_password: Any, sql: Any) -> None:
    """Another issuer chooses them: its session would end, or not, with the account."""
    log_in(client, token=token("read", jti="account:ann"))
    [(parent,)] = sql("SELECT parent_id FROM sessions")
    assert parent.startswith("sha256:")


SET = ["set-password", "ann", "--password", PASSWORD]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (["delete", "ann"], "the account ann was deleted"),
        (SET, "the account ann may not export any more"),
        ([*SET, "--scope", "read export", "--site", "another"], "the account ann is not for this site any more"),
    ],
)
def test_what_a_session_leaves_behind_ends_with_its_account(
    client: FlaskClient, set_password: Any, site: Site, app: Any, token: Any, change: list[str], reason: str
) -> None:
    set_password("ann", "--scope", "read export write", "--site", site.key)
    log_in(client, name="ann", password=PASSWORD)
    path, root = "/api/analytics/exports/schedules", {"Authorization": f"Bearer {token('admin')}"}
    created = client.post(path, json={"every": "day", "at": "06:30"}, headers=CSRF)
    assert created.status_code == 201
    assert app.test_cli_runner().invoke(args=["user", *change]).exit_code == 0
    refused = client.post(f"{path}/{created.json['id']}/run-now", headers=root)
    assert refused.status_code == 409
    assert refused.json["detail"].startswith(reason)
    [listed] = client.get(path, headers=root).json["schedules"]
    assert listed["waits_for"].startswith(reason)


def test_what_a_session_leaves_behind_goes_on_for_the_sites_that_stay(
    client: FlaskClient, engine: Engine, set_password: Any, site: Site, app: Any, token: Any
) -> None:
    """Also under the key that the site has got since."""
    set_password("ann", "--scope", "read export write")
    log_in(client, name="ann", password=PASSWORD)
    path, root = "/api/analytics/exports/schedules", {"Authorization": f"Bearer {token('admin')}"}
    body = {"every": "day", "at": "06:30", "request": {"site": site.key}}
    created = client.post(path, json=body, headers=CSRF).json["id"]
    set_password("ann", "--scope", "read export", "--site", site.key)
    with engine.begin() as connection:
        rename_site(connection, site.key, "renamed", actor="me")
    assert client.post(f"{path}/{created}/run-now", headers=root).status_code == 202


def test_an_account_may_read(set_password: Any, sql: Any) -> None:
    refused = set_password("ann", "--scope", "export")
    assert refused.exit_code == 2
    assert "the dashboard needs read" in refused.output
    assert sql("SELECT count(*) FROM accounts") == [(0,)]


def test_the_admin_of_the_settings_needs_no_row(make_app: Any) -> None:
    client = make_app(admin_password=PASSWORD).test_client()
    assert log_in(client, name="admin", password="wrong").status_code == 401
    assert log_in(client, name="admin", password=PASSWORD).status_code == 303
    assert client.get(ME).json["scopes"] == ["admin"]


@pytest.mark.parametrize("later", ["another password", ""])
def test_a_session_ends_with_the_password_of_the_settings(make_app: Any, later: str, sql: Any) -> None:
    first = make_app(admin_password=PASSWORD).test_client()
    text = log_in(first, name="admin", password=PASSWORD).headers["Set-Cookie"].partition("=")[2].partition(";")[0]

    def ask(**settings: Any) -> int:
        client = make_app(**settings).test_client(use_cookies=False)
        return int(client.get(ME, headers={"Cookie": f"session={text}"}).status_code)

    assert ask(admin_password=PASSWORD) == 200
    assert ask(admin_password=later) == 401
    assert PASSWORD not in str(sql("SELECT sessions::text FROM sessions"))


def test_the_password_of_the_settings_replaces_that_of_the_account(
    client: FlaskClient, make_app: Any, set_password: Any
) -> None:
    set_password("admin", "--scope", "admin")
    text = log_in(client, name="admin", password=PASSWORD).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    assert client.get(ME).status_code == 200
    restarted = make_app(admin_password="that of the settings").test_client(use_cookies=False)
    assert restarted.get(ME, headers={"Cookie": f"session={text}"}).status_code == 401


class TestANewPasswordMeanwhile:
    """No session of the old one is left, whichever of the two connections comes first."""

    def test_after_the_old_one_was_checked(
        self, app: Any, client: FlaskClient, set_password: Any, monkeypatch: Any
    ) -> None:
        set_password("ann")
        is_checked, is_changed = Event(), Event()

        class SlowChecker(PasswordChecker):
            def check(self, *arguments: Any) -> Any:
                found = super().check(*arguments)
                is_checked.set()
                assert is_changed.wait(10)
                return found

        monkeypatch.setitem(app.extensions, "password_checker", SlowChecker(""))
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(log_in, client, name="ann", password=PASSWORD)
            assert is_checked.wait(10)
            assert "sessions ended: 0" in set_password("ann", password="another password").output
            is_changed.set()
            assert answer.result().status_code == 401
        assert client.get(ME).status_code == 401

    def test_while_the_session_is_opened(self, engine: Engine, set_password: Any, app: Any, sql: Any) -> None:
        set_password("ann")
        with engine.connect() as signing_in, ThreadPoolExecutor(1) as thread:
            account = PasswordChecker("").check(signing_in, "ann", PASSWORD)
            assert account is not None
            assert lock_unchanged(signing_in, account)
            sessions.open_session(signing_in, person_of(account), timedelta(days=1))
            changing = thread.submit(set_password, "ann", password="another password")
            wait_until(lambda: sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(1,)])
            signing_in.commit()
            assert "sessions ended: 1" in changing.result().output


def test_signing_out_ends_the_session_everywhere(client: FlaskClient, token: Any, app: Any, at: Any) -> None:
    text = log_in(client, token=token("read")).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    answer = client.post("/logout", headers=CSRF)
    assert (answer.status_code, answer.location) == (303, "/login")
    assert "Expires=Thu, 01 Jan 1970" in answer.headers["Set-Cookie"]
    other = app.test_client()
    other.set_cookie("session", text)
    at(2)
    assert other.get(ME).status_code == 401
    assert other.get("/sites/default").location == "/login?next=/sites/default"


def test_a_session_ends_with_its_token(client: FlaskClient, token: Any, app: Any, at: Any) -> None:
    text = token("read", jti="the-token")
    log_in(client, token=text)
    assert client.get(ME).status_code == 200
    assert app.test_cli_runner().invoke(args=["token", "revoke", text]).exit_code == 0
    at(2)
    assert client.get(ME).status_code == 401


def test_what_a_session_leaves_behind_ends_with_its_token(
    client: FlaskClient, token: Any, site: Site, app: Any, sql: Any
) -> None:
    """Else whoever had the token for an hour would be sent files for ever."""
    text = token("read export write", site=site.key, jti="stolen")
    log_in(client, token=text)
    path = "/api/analytics/exports/schedules"
    created = client.post(path, json={"every": "day", "at": "06:30"}, headers=CSRF)
    assert created.status_code == 201
    assert app.test_cli_runner().invoke(args=["token", "revoke", text]).exit_code == 0
    refused = client.post(f"{path}/{created.json['id']}/run-now", headers={"Authorization": f"Bearer {token('admin')}"})
    assert refused.status_code == 409
    assert refused.json["detail"].startswith("the token was revoked, with which the schedule was created")


def test_a_session_has_an_end(client: FlaskClient, token: Any, sql: Any, set_password: Any) -> None:
    log_in(client, token=token("read"))
    set_password("ann")
    log_in(client, name="ann", password=PASSWORD)
    lengths = sql("SELECT round(extract(epoch FROM expires_at - created_at) / 3600)::int FROM sessions ORDER BY 1")
    # That of the token in an hour; SESSION_DAYS=14.
    assert lengths == [(1,), (14 * 24,)]


def test_a_change_needs_the_header_that_other_sites_cannot_send(client: FlaskClient, token: Any, site: Site) -> None:
    log_in(client, token=token("read write", site=site.key))
    note = {"site": site.key, "day": "2026-03-01", "text": "launch"}
    path = "/api/analytics/notes"
    refused = client.post(path, json=note)
    assert refused.status_code == 401
    assert client.post(path, json=note, headers=CSRF).status_code == 201
    client.post("/logout")
    assert client.get(ME).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://\u2100.example"},
    ],
)
def test_a_form_of_another_site_signs_nobody_in(client: FlaskClient, token: Any, headers: dict[str, str]) -> None:
    answer = client.post("/login", data={"token": token("read")}, headers=headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "javascript:1"]
)
def test_nobody_is_sent_to_another_host(client: FlaskClient, token: Any, target: str) -> None:
    assert log_in(client, token=token("read"), next=target).location == "/"


def test_guesses_are_limited_by_address(make_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    client = make_app(environment="production").test_client()
    answers = [log_in(client, name="ann", password="guess").status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert int(log_in(client, name="ann", password="guess").headers["Retry-After"]) > 0


def test_cookies_that_are_guessed_on_pages_are_limited(make_app: Any) -> None:
    client = make_app(environment="production", public_rate_limit_per_minute=3).test_client(use_cookies=False)
    for path in ("/", "/sites/shop"):
        answers = [client.get(path, headers={"Cookie": f"session=session_{n}{path}"}).status_code for n in range(4)]
        assert answers[-1] == 429
    assert client.get("/").status_code == 200


# Without Redis nothing else limits guesses.
@pytest.mark.parametrize("name", ["nobody", "admin"])
def test_few_wait_for_the_check_of_a_password(engine: Engine, name: str) -> None:
    checker, start = PasswordChecker("that of the settings"), Barrier(10)

    def attempt(_: int) -> bool:
        start.wait()
        with engine.connect() as connection, suppress(Unavailable):
            return checker.check(connection, name, PASSWORD) is None
        return False

    with ThreadPoolExecutor(10) as threads:
        checked = sum(threads.map(attempt, range(10)))
    # Of the eight threads of a web process others need some.
    assert 1 <= checked <= 6
    with engine.connect() as connection:
        assert checker.check(connection, name, PASSWORD) is None


class TestByLink:
    def test_its_secret_signs_in(self, client: FlaskClient) -> None:
        assert "make run" in client.get("/login").text
        assert log_in(client, secret=SIGN_IN_SECRET, next="/sites/shop").location == "/sites/shop"
        me = client.get(ME).json
        assert (me["subject"], me["scopes"]) == ("account:admin", ["admin"])

    @pytest.mark.parametrize("form", [{"way": "local"}, {"secret": ""}, {"secret": "x" * 48}, {"secret": "é" * 40}])
    def test_nothing_else_does_on_the_same_machine(self, client: FlaskClient, form: dict[str, str]) -> None:
        answer = log_in(client, **form)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (401, False)

    def test_without_one_there_is_no_link(self, make_app: Any) -> None:
        client = make_app(sign_in_secret="").test_client()
        assert "make run" not in client.get("/login").text
        assert log_in(client, secret=SIGN_IN_SECRET).status_code == 401

    def test_in_production_none_signs_in_and_its_sessions_end(self, client: FlaskClient, make_app: Any) -> None:
        text = log_in(client, secret=SIGN_IN_SECRET).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        cookie = {"Cookie": f"session={text}"}
        assert make_app().test_client(use_cookies=False).get(ME, headers=cookie).status_code == 200
        production = make_app(environment="production").test_client(use_cookies=False)
        assert production.get(ME, headers=cookie).status_code == 401
        assert log_in(production, secret=SIGN_IN_SECRET).status_code == 401
        assert "make run" not in production.get("/login").text

    def test_its_sessions_end_with_it(self, client: FlaskClient, make_app: Any) -> None:
        text = log_in(client, secret=SIGN_IN_SECRET).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        other = make_app(sign_in_secret="another secret of another checkout").test_client(use_cookies=False)
        assert other.get(ME, headers={"Cookie": f"session={text}"}).status_code == 401


def test_cookies_are_read_as_browsers_send_them() -> None:
    def read(header: str, method: str = "GET", url: str = "", **more: str) -> str:
        return sessions.read_cookie({"REQUEST_METHOD": method, "HTTP_COOKIE": header, **more}, url)

    both = 'a=1; session=plain; __Host-session=secure; b="x;y'
    assert (read(both), read(both, url="https://stats.example")) == ("plain", "secure")
    assert read("mysession=x") == ""
    # A browser lets a subdomain set this one: only the name after the space has the prefix.
    assert read("\xa0__Host-session=x", url="https://stats.example") == ""
    assert read("session=x", "POST") == ""
    assert read("session=x", "POST", HTTP_X_CSRF_TOKEN="1") == "x"


def test_cookies_in_two_headers_are_one_list() -> None:
    """RFC 9113, 8.2.3: HTTP/2 may split them."""
    names = {"raw_path": b"/", "server": None, "client": None, "method": "GET", "query_string": b""}
    headers = [(b"cookie", b"a=1"), (b"cookie", b"session=x"), (b"accept", b"a"), (b"accept", b"b")]
    environ = build_environ({**names, "http_version": "1.1", "scheme": "http", "headers": headers}, None)
    assert sessions.read_cookie(environ, "") == "x"
    assert environ["HTTP_ACCEPT"] == "a,b"


class TestWithoutPostgresql:
    BROWSER: ClassVar[dict[str, str]] = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    COOKIE: ClassVar[dict[str, str]] = {"Cookie": "session=session_unknown"}

    @pytest.fixture
    def alone(self, make_app: Any) -> FlaskClient:
        app = make_app(database_url="postgresql+psycopg2://127.0.0.1:1/none")
        found: FlaskClient = app.test_client(use_cookies=False)
        return found

    @pytest.mark.parametrize(("path", "again"), [("/", "/"), ("/sites/shop?days=7", "/sites/shop?days=7")])
    def test_a_page_says_so_to_browsers(self, alone: FlaskClient, path: str, again: str) -> None:
        page = alone.get(path, headers=self.BROWSER | self.COOKIE)
        assert (page.status_code, page.mimetype, int(page.headers["Retry-After"]) > 0) == (503, "text/html", True)
        assert "the database is unavailable" in page.text
        assert f'<a href="{again}">Try again</a>' in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]

    def test_so_does_the_form(self, alone: FlaskClient) -> None:
        form = {"name": "ann", "password": PASSWORD, "next": "/sites/shop"}
        page = alone.post("/login", data=form, headers=self.BROWSER)
        assert (page.status_code, page.mimetype, "Retry-After" in page.headers) == (503, "text/html", True)
        assert '<a href="/sites/shop">Try again</a>' in page.text

    @pytest.mark.parametrize("path", [ME, "/"])
    def test_others_get_a_problem(self, alone: FlaskClient, path: str) -> None:
        for accept in ("application/json", "*/*", ""):
            answer = alone.get(path, headers={"Accept": accept} | self.COOKIE)
            assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
        assert alone.get(ME, headers=self.BROWSER | self.COOKIE).mimetype == "application/problem+json"
