"""The pages' HTML and files as a browser gets them: headers, escaping, caching."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.dashboard.assets import read_assets
from analytics.dashboard.shell import build_first_request
from tests.factories import make_site

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def signed_in(client: FlaskClient, token: Any) -> FlaskClient:
    client.post("/login", data={"token": token("admin", sub=HOSTILE)})
    return client


def test_every_page_has_a_strict_policy_and_is_not_cached(signed_in: FlaskClient, engine: Engine) -> None:
    site = make_site(engine, "UTC")
    for path in ("/", f"/sites/{site.key}", "/login", "/sites/nobody", f"/sites/{site.key}/nothing"):
        page = signed_in.get(path, headers={"Accept": "text/html"})
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert (page.headers["Cache-Control"], page.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
        assert " style=" not in page.text
        assert HOSTILE not in page.text


def test_names_are_escaped(signed_in: FlaskClient, engine: Engine, sql: Any) -> None:
    site = make_site(engine, "UTC")
    sql("UPDATE sites SET name = :name WHERE key = :key RETURNING 1", name=HOSTILE, key=site.key)
    page = signed_in.get(f"/sites/{site.key}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_files_never_change_their_address(client: FlaskClient) -> None:
    assets = read_assets()
    response = client.get(f"/assets/{assets.version}/login.css")
    assert (response.status_code, response.mimetype) == (200, "text/css")
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    etag = response.headers["ETag"]
    assert client.get(f"/assets/{assets.version}/login.css", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("path", ["000000000000/login.css", "{}/../views.py", "{}/templates/login.html", "{}/"])
def test_nothing_else_is_a_file(client: FlaskClient, path: str) -> None:
    assert client.get(f"/assets/{path.format(read_assets().version)}").status_code == 404


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_files_are_compressed(client: FlaskClient, encoding: str) -> None:
    response = client.get(f"/assets/{read_assets().version}/login.css", headers={"Accept-Encoding": encoding})
    assert response.headers["Content-Encoding"] == encoding
    assert len(response.data) < 1200


def test_a_page_preloads_what_its_scripts_import() -> None:
    found = read_assets().find_modules("pages/sites.js")
    assert {"pages/sites.js", "vendor/preact.js", "app/api.js", "app/state.js", "charts/spark.js"} <= set(found)
    # Only loaded when German is chosen.
    assert "app/words_de.js" not in found


def test_a_stranger_is_sent_to_sign_in(client: FlaskClient) -> None:
    answer = client.get("/sites/shop/overview?period=7d")
    assert (answer.status_code, answer.location) == (303, "/login?next=/sites/shop/overview%3Fperiod%3D7d")


FIRST = json.loads((Path(__file__).parent / "first_requests.json").read_text())


@pytest.mark.parametrize(("address", "query"), FIRST["cases"])
def test_the_first_request_is_that_of_the_scripts(engine: Engine, address: str, query: str) -> None:
    """static.test.mjs asks the scripts for the same."""
    site = make_site(engine, FIRST["zone"])._replace(key=FIRST["site"])
    asked = dict(parse_qsl(address.removeprefix("?")))
    first = build_first_request(site, asked, datetime.fromisoformat(FIRST["now"]))
    assert first == f"/api/analytics/reports/overview?{query}&{FIRST['tail']}"


def test_on_another_side_of_the_earth_it_is_another_day(engine: Engine) -> None:
    site, noon = make_site(engine, "Pacific/Kiritimati"), datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert "&date=2026-03-01&" in build_first_request(site, {"period": "yesterday"}, noon)
