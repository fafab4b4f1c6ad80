"""What browsers put on the wire, against a real server: preflights, beacons, images, and their limits."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.ingest import buffer
from analytics.ingest.pixel.views import GIF
from analytics.sites import sites
from config import Settings
from tests.web.web_server import WebServer

SHOP = "https://shop.example"
EVENTS = b'[{"type":"page_view","path":"/a"}]'


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    env = {
        "ENVIRONMENT": "test",
        "DATABASE_URL": settings.database_url,
        "CELERY_BROKER_URL": settings.celery_broker_url,
        "REDIS_URL": settings.redis_url,
        "JWT_SECRET_KEY": settings.jwt_secret_key,
        "TRUSTED_PROXIES": "127.0.0.1",
        "PUBLIC_RATE_LIMIT_PER_MINUTE": "60",
    }
    with WebServer(tmp_path_factory.mktemp("web"), "wsgi:asgi", env) as running:
        yield running


@pytest.fixture
def shop(engine: Engine) -> sites.Site:
    with engine.begin() as connection:
        return sites.create_site(connection, "shop", public_ingest=True, allowed_origins=[SHOP])


def say(
    server: WebServer, method: str, target: str, body: bytes = b"", **headers: str
) -> tuple[str, dict[str, str], bytes]:
    """(status line without the version, headers in lower case, body)."""
    lines = [f"{method} {target} HTTP/1.1", "Host: a.example", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head, _, content = server.say("\r\n".join([*lines, "", ""]).encode() + body).partition(b"\r\n\r\n")
    status, *pairs = head.decode().split("\r\n")
    fields = dict(pair.lower().split(": ", 1) for pair in pairs)
    return status.removeprefix("HTTP/1.1 ")[:3], fields, content


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def stored_sites(redis: Redis) -> list[str]:
    return [found.entry.site_key for found in buffer.read_range(redis, "-", 100) if found.entry]


def test_beacon_with_a_key_needs_no_preflight(server: WebServer, redis: Redis, publishable: str) -> None:
    body = b'{"key":"%s","events":%s}' % (publishable.encode(), EVENTS)
    plain = {"Content_Type": "text/plain;charset=UTF-8", "Origin": SHOP}
    for headers, sent in (
        ({"Content_Length": str(len(body))}, body),
        ({"Transfer_Encoding": "chunked"}, chunked(body)),
    ):
        status, fields, content = say(server, "POST", "/api/analytics/ingest", sent, **plain, **headers)
        assert (status, fields["access-control-allow-origin"]) == ("202", SHOP), content
    assert stored_sites(redis) == ["default", "default"]


def test_beacon_without_a_key(server: WebServer, redis: Redis, shop: sites.Site) -> None:
    headers = {"Content_Type": "text/plain", "Content_Length": str(len(EVENTS))}
    target = "/api/analytics/ingest?site=shop"
    assert say(server, "POST", target, EVENTS, **headers, Origin=SHOP)[0] == "202"
    assert say(server, "POST", target, EVENTS, **headers, Origin="https://evil.example")[0] == "403"
    assert say(server, "POST", target, Content_Length="0")[0] == "401"
    assert stored_sites(redis) == ["shop"]


def test_preflight_and_the_request_after_it(server: WebServer, shop: sites.Site, publishable: str) -> None:
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization,content-type"}
    status, fields, content = say(server, "OPTIONS", "/api/analytics/ingest", Origin=SHOP, **asked)
    assert (status, fields["access-control-allow-origin"], fields["vary"], content) == ("204", SHOP, "origin", b"")
    assert "authorization" in fields["access-control-allow-headers"]
    sent = {
        "Content_Type": "application/json",
        "Content_Length": str(len(EVENTS)),
        "Authorization": f"Bearer {publishable}",
    }
    status, fields, _ = say(server, "POST", "/api/analytics/ingest", EVENTS, Origin=SHOP, **sent)
    assert (status, fields["access-control-allow-origin"]) == ("202", SHOP)


def test_image_is_a_page_view(server: WebServer, redis: Redis, shop: sites.Site) -> None:
    target, page = "/sdk/v1/p.gif?site=shop", f"{SHOP}/pricing"
    status, fields, content = say(server, "GET", target, Referer=page)
    assert (status, fields["content-type"], fields["cache-control"], content) == ("200", "image/gif", "no-store", GIF)
    status, fields, content = say(server, "HEAD", target, Referer=page)
    assert (status, fields["content-length"], content) == ("200", "43", b"")
    assert say(server, "GET", target)[0] == "403"
    assert stored_sites(redis) == ["shop"]


def test_an_address_is_limited_whatever_its_port(
    server: WebServer, redis: Redis, shop: sites.Site, at: Callable[[float], None]
) -> None:
    def status(address: str) -> Any:
        return say(server, "GET", "/sdk/v1/p.gif?site=shop", Referer=SHOP, X_Forwarded_For=address)[0]

    statuses = [status(f"203.0.113.9:{5000 + number}") for number in range(70)]
    assert 60 <= statuses.count("200") < 70
    assert statuses[-1] == status("::ffff:203.0.113.9") == "429"
    assert status("203.0.113.10") == "200"
