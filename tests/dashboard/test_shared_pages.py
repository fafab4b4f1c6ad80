"""Pages for readers without an account: what they hold, who may frame them, and what a wrong address tells."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.auth.keys import share_links
from analytics.dashboard.shell import LISTS, SHARED_LISTS
from analytics.sites import sites
from analytics.sites.sites import Site
from analytics.telemetry import JsonFormatter

HOSTILE = '"><script>alert(1)</script>'
INTRANET = "https://intranet.example"
# Never made here.
UNKNOWN = "share_" + "A" * 43


@pytest.fixture
def shop(engine: Engine) -> Site:
    with engine.begin() as connection:
        return sites.create_site(connection, "shop", HOSTILE, embed_origins=[INTRANET, "http://127.0.0.1:9000"])


@pytest.fixture
def share(engine: Engine, shop: Site) -> Callable[..., str]:
    """`share()`: the token of a new link."""

    def create(site: Site = shop, expires_at: datetime | None = None) -> str:
        with engine.begin() as connection:
            return share_links.create_link(connection, site.id, "for the board", expires_at, "me")[0]

    return create


@pytest.fixture(params=["share link", "public site"])
def address(request: Any, engine: Engine, shop: Site, share: Callable[..., str]) -> str:
    """That of a page that is shown."""
    if request.param == "share link":
        return f"/share/{share()}"
    with engine.begin() as connection:
        sites.update_site(connection, "shop", public_stats=True)
    return "/public/shop"


@pytest.mark.parametrize("frame", ["", "/embed"])
@pytest.mark.parametrize("page", ["", "/realtime"])
def test_a_page_tells_nobody_its_address_and_is_not_kept(
    client: FlaskClient, address: str, frame: str, page: str
) -> None:
    response = client.get(frame + address + page)
    assert response.status_code == 200
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "Set-Cookie" not in response.headers
    assert "X-Frame-Options" not in response.headers
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>alert" not in response.text
    assert " style=" not in response.text


def test_the_page_is_of_the_site_and_nobody(client: FlaskClient, address: str, token: Any) -> None:
    client.post("/login", data={"token": token("admin", sub="ann@example.com")})
    text = client.get(address).text
    assert 'data-site="shop"' in text
    assert f'data-shared="{address}"' in text
    assert 'data-user="" data-scopes=""' in text
    assert "ann@example.com" not in text


def _ancestors(response: Any) -> str:
    policies = response.headers["Content-Security-Policy"].split("; ")
    return str(next(one for one in policies if one.startswith("frame-ancestors ")))


def test_only_the_embedded_page_may_be_framed_by_the_origins_of_the_site(client: FlaskClient, address: str) -> None:
    assert _ancestors(client.get(f"/embed{address}")) == f"frame-ancestors {INTRANET} http://127.0.0.1:9000"
    assert _ancestors(client.get(f"/embed{address}/realtime")) == f"frame-ancestors {INTRANET} http://127.0.0.1:9000"
    for path in (address, f"{address}/realtime", f"{address}?embed=1", f"/embed{address}x", "/login"):
        assert _ancestors(client.get(path)) == "frame-ancestors 'none'"


def test_a_site_that_names_no_origin_is_framed_by_none(
    client: FlaskClient, engine: Engine, site: Site, share: Any
) -> None:
    with engine.begin() as connection:
        sites.update_site(connection, site.key, allowed_origins=[INTRANET])
    assert _ancestors(client.get(f"/embed/share/{share(site)}")) == "frame-ancestors 'none'"


def test_the_first_request_carries_the_token_and_asks_for_what_is_shown(client: FlaskClient, share: Any) -> None:
    token = share()
    text = client.get(f"/share/{token}?period=7d").text
    first = text.split('id="first" href="')[1].split('"')[0].replace("&amp;", "&")
    assert first.endswith(f"&share={token}")
    assert "&days=7&" in first
    answer = client.get(first)
    assert answer.status_code == 200, answer.json
    assert set(LISTS) - set(SHARED_LISTS) == {"referrer", "city", "goals"}


def test_an_address_that_shows_nothing_is_like_one_that_never_did(
    client: FlaskClient, engine: Engine, shop: Site, share: Any, at: Any, redis: Any
) -> None:
    revoked, expired, valid = share(), share(expires_at=datetime.now(UTC) + timedelta(seconds=60)), share()
    assert client.get(f"/share/{revoked}").status_code == client.get(f"/share/{expired}").status_code == 200
    with engine.connect() as connection:
        link = next(one for one in share_links.list_links(connection, shop.id) if revoked.startswith(one.prefix))
    share_links.revoke_link(engine, redis, shop.id, link, "me")
    at(61)
    wanted = client.get(f"/share/{UNKNOWN}")
    paths = [f"/share/{revoked}", f"/share/{expired}", f"/embed/share/{revoked}", "/share/x", "/share/" + "x" * 300]
    paths += [
        "/public/shop",
        "/public/nobody",
        "/public/a b",
        f"/share/{valid}/exports",
        f"/share/{revoked}/realtime",
    ]
    assert wanted.status_code == 404
    for path in paths:
        answer = client.get(path)
        assert (answer.status_code, answer.data) == (404, wanted.data), path
        assert _steady(answer) == _steady(wanted), path


def _steady(answer: Any) -> dict[str, str]:
    changing = ("X-Request-ID", "X-Analytics-Process-Time")
    return {name: value for name, value in answer.headers.items() if name not in changing}


def test_a_wrong_address_is_explained_in_german_too(client: FlaskClient) -> None:
    text = client.get(f"/share/{UNKNOWN}", headers={"Accept-Language": "de-AT,en;q=0.5"}).text
    assert "Hier gibt es nichts zu sehen" in text


def test_guesses_of_tokens_are_limited(make_app: Callable[..., Flask], site: Site) -> None:
    client = make_app(environment="production", public_rate_limit_per_minute=3).test_client()
    statuses = [
        client.get(f"/share/{UNKNOWN}{number}", environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code
        for number in range(5)
    ]
    assert statuses == [404, 404, 404, 429, 429]


@pytest.mark.parametrize("theme", ["light", "dark", "system", HOSTILE, ""])
def test_an_embedded_page_has_the_theme_of_its_address(client: FlaskClient, address: str, theme: str) -> None:
    text = client.get(f"/embed{address}", query_string={"theme": theme, "embed": HOSTILE, "filter": HOSTILE}).text
    assert (f'data-theme="{theme}"' in text) == (theme in ("light", "dark"))
    assert "data-embedded" in text
    assert "<script>alert" not in text
    assert "data-theme" not in client.get(address, query_string={"theme": "dark"}).text


def test_a_renamed_site_keeps_its_links(client: FlaskClient, share: Any, token: Any, auth: Any) -> None:
    path = f"/share/{share()}"
    client.patch("/api/analytics/sites/shop", json={"key": "store"}, headers=auth(token("admin")))
    assert 'data-site="store"' in client.get(path).text


def test_the_log_holds_no_token(make_app: Callable[..., Flask], share: Any, caplog: pytest.LogCaptureFixture) -> None:
    token, formatter = share(), JsonFormatter()
    client = make_app(access_log="all", log_level="DEBUG").test_client()
    with caplog.at_level(logging.DEBUG):
        for path in (
            f"/share/{token}",
            f"/embed/share/{token}/realtime",
            f"/share/{token}/nothing",
            f"/share/{token}x",
        ):
            client.get(path)
        client.get(f"/api/analytics/reports/dau?share={token}")
        client.get(f"/api/analytics/reports/dau?site=other&share={token}")
    lines = [json.loads(formatter.format(record)) for record in caplog.records]
    routes = [line["route"] for line in lines if line["logger"] == "analytics.access"]
    assert routes[:2] == ["/share/<token>", "/embed/share/<token>/<page>"]
    assert len(routes) == 6
    assert token[6:] not in json.dumps(lines)
