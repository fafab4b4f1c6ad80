"""The first page: what a browser, a phone and a script get at the printed URL."""

import re
import shlex
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser

import pytest

from config import VERSION


class Page(HTMLParser):
    """The tags and the texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.setdefault(self.tags[-1][0] if self.tags else "", []).append(data)


@pytest.fixture
def page(client):
    response = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (response.status_code, response.mimetype) == (200, "text/html")
    return response


def curl_of(response):
    return unescape(re.search(r"<code>(.*?)</code>", response.text, re.DOTALL)[1])


def test_page_opens_without_a_token_and_every_link_works(page, client):
    links = [attributes["href"] for tag, attributes in Page(page.text).tags if tag == "a"]
    assert links == ["/login", "/docs", "/api/analytics/openapi.json", "/health"]
    assert [client.get(link).status_code for link in links] == [200, 200, 200, 200]


def test_page_loads_nothing_and_runs_nothing(page):
    tags = Page(page.text).tags
    assert not [tag for tag, _ in tags if tag in ("script", "img", "iframe", "form", "object")]
    assert [attributes for tag, attributes in tags if tag == "link"] == [{"rel": "icon", "href": "data:,"}]
    assert not [name for _, attributes in tags for name in attributes if name == "style" or name.startswith("on")]
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    style = Page(page.text).texts["style"][0]
    assert f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy


def test_page_shows_no_version_and_is_not_cached(page):
    assert VERSION not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert {"Accept", "Cookie"} <= set(page.headers["Vary"].split(", "))
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_curl_line_is_the_readmes_with_the_requested_host(client):
    page = client.get("/", headers={"Host": "stats.example:8443"})
    assert curl_of(page).startswith("curl -X POST http://stats.example:8443/api/analytics/ingest -H")
    assert '-H "Authorization: Bearer $TOKEN" ' in curl_of(page)
    assert "flask token create --scope ingest" in page.text


def test_curl_line_stores_an_event_where_no_token_is_needed(make_app, site):
    client = make_app(anonymous_scopes=("ingest",)).test_client()
    page = client.get("/")
    words = [word for word in shlex.split(curl_of(page)) if word.strip()]
    assert "Authorization" not in curl_of(page)
    assert "without a token" in page.text
    body = words[words.index("-d") + 1]
    assert client.post("/api/analytics/ingest", data=body, content_type="application/json").json["ingested"] == 1


@pytest.mark.parametrize("host", ["a';rm -rf ~;'", 'a"$(id)"', "a<script>", "a b", "[::1]x"])
def test_host_that_is_none_is_not_repeated(client, host):
    page = client.get("/", headers={"Host": host})
    assert page.status_code in (200, 400)
    assert host not in unescape(page.text)


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/html;q=0.5"])
def test_script_gets_the_links(client, accept):
    response = client.get("/", headers={"Accept": accept})
    assert response.json == {
        "links": {"dashboard": "/login", "docs": "/docs", "openapi": "/api/analytics/openapi.json", "health": "/health"}
    }


@pytest.mark.parametrize("accept", ["*/*", None, "image/png"])
def test_any_other_caller_gets_the_page(client, accept):
    response = client.get("/", headers={"Accept": accept} if accept else {})
    assert response.mimetype == "text/html"
    assert client.head("/").status_code == 200
