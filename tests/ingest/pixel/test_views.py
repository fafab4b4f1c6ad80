"""The pixel: which page view it records, for whom, and what is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.ingest import buffer
from analytics.ingest.pixel.views import GIF
from analytics.sites import sites
from analytics.sites.sites import Site
from tests.contracts.conftest import drained, local, stored

__all__ = ["drained", "local"]
PIXEL = "/sdk/v1/p.gif"
PAGE = "https://shop.example/pricing"


@pytest.fixture
def shop(engine: Engine) -> Site:
    """A site that pages of https://shop.example send to without a key."""
    with engine.begin() as connection:
        return sites.create_site(connection, "shop", public_ingest=True, allowed_origins=["https://shop.example"])


def events(redis: Redis) -> list[dict[str, Any]]:
    bodies = [delivery.entry.decode_body() for delivery in buffer.read_range(redis, "-", 100) if delivery.entry]
    return [event for body in bodies for event in json.loads(body)]


@pytest.mark.parametrize(
    ("query", "event"),
    [
        pytest.param("", {"type": "page_view", "path": PAGE}, id="the page is the Referer"),
        pytest.param("&p=/a", {"type": "page_view", "path": "/a"}, id="p"),
        pytest.param(
            "&path=/a&r=https://n.example/", {"path": "/a", "referrer": "https://n.example/"}, id="path and r"
        ),
        pytest.param("&url=https://shop.example/b%3Futm_source=x&t=signup", {"type": "signup"}, id="url and t"),
        pytest.param("&type=seen&referrer=https://n.example/", {"type": "seen"}, id="type and referrer"),
    ],
)
def test_pixel_records_a_page_view(
    client: FlaskClient, redis: Redis, shop: Site, query: str, event: dict[str, str]
) -> None:
    answer = client.get(f"{PIXEL}?site=shop{query}", headers={"Referer": PAGE})
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/gif", GIF)
    assert answer.headers["Cache-Control"] == "no-store"
    (stored,) = events(redis)
    assert stored | event == stored


def test_pixel_is_one_transparent_pixel() -> None:
    width, height = GIF[6:8], GIF[8:10]
    assert (GIF[:6], width, height, GIF[-1:]) == (b"GIF89a", b"\1\0", b"\1\0", b";")
    # The graphic control extension says that colour 0 is transparent, and the pixel has colour 0.
    assert GIF[19:27] == b"\x21\xf9\x04\x01\0\0\0\0"


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        pytest.param("site=shop", {"Referer": PAGE}, 200, id="its page"),
        pytest.param("site_id=shop", {"Referer": PAGE}, 200, id="site_id"),
        pytest.param("site=shop", {"Referer": "http://shop.example/"}, 200, id="by plain HTTP"),
        pytest.param("site=shop", {"Origin": "https://shop.example"}, 200, id="crossorigin image"),
        pytest.param("site=shop", {"Referer": "https://evil.example/shop.example"}, 403, id="another page"),
        pytest.param("site=shop", {"Referer": "https://shop.example.evil.example/"}, 403, id="longer host"),
        pytest.param("site=shop", {"Referer": "https://shop.example@evil.example/"}, 403, id="user in the URL"),
        pytest.param("site=shop", {"Referer": "about:blank"}, 403, id="no web page"),
        pytest.param("site=shop", {}, 403, id="no Referer"),
        pytest.param("site=default", {"Referer": PAGE}, 401, id="not public"),
        pytest.param("site=nope", {"Referer": PAGE}, 401, id="unknown site"),
        pytest.param("site=shop&key=pk_x", {"Referer": PAGE}, 401, id="unknown key"),
        pytest.param("site=shop&colour=red", {"Referer": PAGE}, 400, id="unknown parameter"),
        pytest.param("site=shop&p=" + "x" * 3000, {"Referer": PAGE}, 200, id="long path"),
        pytest.param("site=shop&t=" + "x" * 300, {"Referer": PAGE}, 422, id="long type"),
    ],
)
def test_pixel_checks_the_page(
    client: FlaskClient, redis: Redis, site: Site, shop: Site, query: str, headers: dict[str, str], status: int
) -> None:
    answer = client.get(f"{PIXEL}?{query}", headers=headers)
    assert (answer.status_code, len(events(redis))) == (status, int(status == 200))
    assert answer.mimetype == ("image/gif" if status == 200 else "application/problem+json")


def test_pixel_with_a_key_records_for_the_site_of_the_key(client: FlaskClient, redis: Redis, publishable: str) -> None:
    key = publishable
    assert client.get(f"{PIXEL}?key={key}&p=/a", headers={"Referer": PAGE}).status_code == 200
    assert client.get(f"{PIXEL}?key={key}&p=/a", headers={"Referer": "https://evil.example/"}).status_code == 403
    assert len(events(redis)) == 1


@pytest.mark.parametrize(
    ("query", "headers", "hostname", "path"),
    [
        pytest.param("&p=/a", {"Referer": PAGE}, "shop.example", "/a", id="the Referer's"),
        pytest.param("&p=/a", {"Referer": "https://SHOP.example:443"}, "shop.example", "/a", id="an origin"),
        pytest.param("&p=/a", {"Referer": f"{PAGE}?to=https://x.example/"}, "shop.example", "/a", id="with a query"),
        pytest.param("&p=/a", {"Origin": "https://shop.example"}, "shop.example", "/a", id="the Origin's"),
        pytest.param(
            "&p=https://www.shop.example/b", {"Referer": PAGE}, "www.shop.example", "/b", id="of a URL its own"
        ),
        pytest.param("", {"Referer": PAGE}, "shop.example", "/pricing", id="the page is the Referer"),
    ],
)
def test_hostname_is_that_of_the_page(
    client: FlaskClient,
    engine: Engine,
    drained: Callable[[], Any],
    shop: Site,
    query: str,
    headers: dict[str, str],
    hostname: str,
    path: str,
) -> None:
    assert client.get(f"{PIXEL}?site=shop{query}", headers=headers).status_code == 200
    drained()
    assert [(row["hostname"], row["path"]) for row in stored(engine)] == [(hostname, path)]


def test_view_from_no_page_has_no_hostname(local: FlaskClient, engine: Engine, drained: Callable[[], Any]) -> None:
    """As of a mail program. No domain of the site is guessed."""
    for referrer in ("", "about:blank", "https://[::1", "https://a b/"):
        assert local.get(f"{PIXEL}?site=default&p=/a", headers={"Referer": referrer}).status_code == 200
    drained()
    assert {(row["hostname"], row["path"]) for row in stored(engine)} == {(None, "/a")}


def test_head_records_nothing(client: FlaskClient, redis: Redis, shop: Site) -> None:
    answer = client.head(f"{PIXEL}?site=shop", headers={"Referer": PAGE})
    assert (answer.status_code, answer.data, events(redis)) == (200, b"", [])


def test_pixel_counts_under_the_limits_of_its_address(
    make_app: Callable[..., Flask], at: Callable[[float], None], redis: Redis, shop: Site
) -> None:
    client = make_app(public_rate_limit_per_minute=2).test_client()
    client.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    statuses = [client.get(f"{PIXEL}?site=shop", headers={"Referer": PAGE}).status_code for _ in range(3)]
    assert (statuses, len(events(redis))) == ([200, 200, 429], 2)
