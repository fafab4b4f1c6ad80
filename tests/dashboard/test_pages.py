"""The pages' HTML and files as a browser gets them: headers, escaping, caching."""

import json
import posixpath
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.dashboard import assets
from analytics.dashboard.assets import BUILD, BUILT, SOURCES, read_built, read_sources
from analytics.dashboard.shell import FIRST_REQUESTS, PAGES, SHARED_LISTS, build_first_request, build_users_request
from analytics.exports.sources.raw_rows import SAMPLE_COLUMNS
from analytics.exports.sources.reports import EXPORTED_DIMENSIONS, REPORT_KINDS
from analytics.exports.sources.users import COLUMNS as USER_COLUMNS
from analytics.files.columns import Column
from analytics.reports.events.raw_export import EVENT_COLUMNS
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
    version = read_built().version
    response = client.get(f"/assets/{version}/login.css")
    assert (response.status_code, response.mimetype) == (200, "text/css")
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    etag = response.headers["ETag"]
    assert client.get(f"/assets/{version}/login.css", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    "path", ["000000000000/login.css", "{}/../views.py", "{}/templates/login.html", "{}/", "{}/build.json"]
)
def test_nothing_else_is_a_file(client: FlaskClient, path: str) -> None:
    assert client.get(f"/assets/{path.format(read_built().version)}").status_code == 404


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_files_are_compressed(client: FlaskClient, encoding: str) -> None:
    response = client.get(f"/assets/{read_built().version}/login.css", headers={"Accept-Encoding": encoding})
    assert response.headers["Content-Encoding"] == encoding
    assert len(response.data) < 1400


def test_the_built_files_are_those_of_the_sources() -> None:
    built = json.loads((BUILT / BUILD).read_text())["sources"]
    assert built == read_sources().version, "analytics/dashboard/static changed since it was built: make assets"


@pytest.mark.parametrize("page", ["sites", *PAGES])
def test_a_page_preloads_what_its_scripts_import(page: str) -> None:
    """Counted by following the imports of the built files; `import("…")` waits until it is wanted."""
    built = read_built()
    found = [f"pages/{page}.js"]
    for name in found:
        imported = re.findall(r"""(?:\bfrom|\bimport)"(\.[^"]+)";""", built.files[name].body.decode())
        found += {posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in imported} - {*found}
    assert sorted(built.preloads[f"pages/{page}.js"]) == sorted(found)
    assert len(found) > 1


def test_sources_are_served_as_they_are_edited(make_app: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(assets, "SOURCES", tmp_path)
    client = make_app(dashboard_sources=True).test_client()
    for text in ("let one;", "let other;"):
        (tmp_path / "theme.js").write_text(text)
        address = re.findall(r'src="(/assets/\w+/theme.js)"', client.get("/login").text)[0]
        assert client.get(address).text == text


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


@pytest.mark.parametrize(("page", "address", "request_path"), FIRST["pages"])
def test_the_first_request_of_a_page_is_that_of_its_script(
    engine: Engine, page: str, address: str, request_path: str
) -> None:
    """static.test.mjs asks the scripts for the same."""
    site = make_site(engine, FIRST["zone"])._replace(key=FIRST["site"])
    asked = dict(parse_qsl(address.removeprefix("?")))
    found = FIRST_REQUESTS[page](site, asked, datetime.fromisoformat(FIRST["now"]))
    assert found == f"/api/analytics/{request_path}"


@pytest.mark.parametrize(("address", "query"), FIRST["users"])
def test_the_first_request_of_users_is_that_of_the_scripts(engine: Engine, address: str, query: str) -> None:
    """funnel.test.mjs asks the scripts for the same."""
    site = make_site(engine, FIRST["zone"])._replace(key=FIRST["site"])
    asked = dict(parse_qsl(address.removeprefix("?")))
    first = build_users_request(site, asked, datetime.fromisoformat(FIRST["now"]))
    assert first == f"/api/analytics/reports/users{query}"


@pytest.mark.parametrize(("address", "query"), FIRST["cases"])
def test_a_share_link_asks_for_what_it_shows(engine: Engine, address: str, query: str) -> None:
    """shared.test.mjs asks the scripts for the same."""
    site = make_site(engine, FIRST["zone"])._replace(key=FIRST["site"])
    asked = dict(parse_qsl(address.removeprefix("?")))
    first = build_first_request(site, asked, datetime.fromisoformat(FIRST["now"]), SHARED_LISTS)
    assert first == f"/api/analytics/reports/overview?{query}&{FIRST['shared_tail']}"


def test_on_another_side_of_the_earth_it_is_another_day(engine: Engine) -> None:
    site, noon = make_site(engine, "Pacific/Kiritimati"), datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert "&date=2026-03-01&" in build_first_request(site, {"period": "yesterday"}, noon)


PRELOADED = {"overview", "events", "funnels", "users", "retention", "journeys", "samples"}


def test_pages_whose_address_decides_their_first_request_preload_it(signed_in: FlaskClient, engine: Engine) -> None:
    site = make_site(engine, "UTC")
    for page in PAGES:
        text = signed_in.get(f"/sites/{site.key}/{page}").text
        assert ('id="first"' in text) == (page in PRELOADED)
        assert ('class="kpis"' in text) == (page == "overview")
        assert f'data-page="{page}"' in text
    assert 'id="first"' in signed_in.get("/", headers={"Accept": "text/html"}).text


def test_a_list_of_users_that_would_be_refused_is_not_asked_for(
    client: FlaskClient, token: Any, engine: Engine
) -> None:
    site = make_site(engine, "UTC")
    client.post("/login", data={"token": token("read write")})
    assert 'id="first"' not in client.get(f"/sites/{site.key}/users").text


@pytest.mark.parametrize("page", sorted(PAGES.keys() - {"overview"}))
def test_a_page_loads_its_own_modules(signed_in: FlaskClient, engine: Engine, page: str) -> None:
    site = make_site(engine, "UTC")
    text = signed_in.get(f"/sites/{site.key}/{page}").text
    assert f"/pages/{page}.js" in text
    assert "/pages/overview.js" not in text
    assert f'name: "{page}"' in (SOURCES / "app/main.js").read_text()


@pytest.mark.parametrize(
    ("what", "columns"), [("events", EVENT_COLUMNS), ("samples", SAMPLE_COLUMNS), ("users", USER_COLUMNS)]
)
def test_the_form_of_exports_offers_the_columns_of_the_files(what: str, columns: tuple[Column, ...]) -> None:
    text = (SOURCES / "parts/order.js").read_text()
    found = re.search(rf"{what}: \[(.*?)\]", text, re.DOTALL)
    assert found
    assert re.findall(r'"(\w+)"', found[1]) == [column.name for column in columns]


def test_the_form_of_exports_offers_the_reports_and_dimensions_of_files() -> None:
    text = (SOURCES / "parts/order.js").read_text()
    for name, kind in REPORT_KINDS.items():
        units = ", ".join(f'"{unit}"' for unit in kind.units)
        assert f"{name}: {{ units: [{units}], hasTypes: {str(kind.accepts_types).lower()}" in text
    found = re.search(r"DIMENSIONS = \[(.*?)\]", text, re.DOTALL)
    assert found
    assert sorted(re.findall(r'"(\w+)"', found[1])) == sorted(EXPORTED_DIMENSIONS)
