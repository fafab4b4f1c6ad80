"""The OpenAPI document and its pages at the seeds' paths (0.E5, 1.E5, 2.E3, 3.E9): public, with local files only."""

import re

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate

PAGES = [
    pytest.param("/docs", "swagger-ui-bundle.js", id="0.E5 2.E3 3.E9"),
    pytest.param("/redoc", "redoc.standalone.js", id="0.E5 3.E9 redoc"),
    pytest.param("/api/analytics/docs", "swagger-ui-bundle.js", id="1.E5"),
]


@pytest.mark.parametrize(("path", "script"), PAGES)
def test_0_e5_1_e5_2_e3_3_e9_a_page_shows_the_openapi_document_with_local_files(
    client: FlaskClient, path: str, script: str
) -> None:
    page = client.get(path)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert 'data-description="/api/analytics/openapi.json"' in page.text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert any(script in address for address in addresses)
    for address in addresses:
        file = client.get(address)
        assert (address[:12], file.status_code) == ("/docs/files/", 200)
        assert "immutable" in file.headers["Cache-Control"]
        assert len(file.data) > 50


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_page_loads_only_local_files(client: FlaskClient, path: str) -> None:
    policy = client.get(path).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "http" not in policy


def test_redoc_asks_for_no_logo_of_another_host(client: FlaskClient) -> None:
    """The policy would refuse it, with an error in the console."""
    script = client.get("/docs/files/redoc.standalone.js")
    assert re.findall(r'src:"(https?:[^"]*)"', script.text) == []
    assert client.get("/docs/files/redoc.standalone.js").headers["ETag"] == script.headers["ETag"]


def test_1_e5_the_document_is_openapi_and_has_an_etag(client: FlaskClient) -> None:
    first = client.get("/api/analytics/openapi.json")
    assert first.mimetype == "application/json"
    validate(first.json)
    again = client.get("/api/analytics/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "../openapi.py", "redoc/LICENSE"])
def test_pages_have_no_other_files(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/files/{name}").status_code == 404
