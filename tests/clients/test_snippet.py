"""The lines for a page, as HTTP and the command line give them: they load what the service has."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine

from analytics.sites import sites
from tests.clients.test_sdk_files import folder, hash_of_tracker

__all__ = ["folder", "hash_of_tracker"]
BASE = "https://a.example"


@pytest.fixture
def app_with_sdk(make_app: Callable[..., Flask], folder: Path, engine: Engine) -> Flask:
    with engine.begin() as connection:
        sites.create_site(connection, "shop")
        sites.create_site(connection, "blog", public_ingest=True, allowed_origins=["https://blog.example"])
    return make_app(sdk_folder=str(folder), public_url=BASE, sdk_names=(("tracker.js", "insight.js"),))


def test_snippet_over_http(app_with_sdk: Flask, token: Callable[..., str], auth, hash_of_tracker: str) -> None:
    answer = app_with_sdk.test_client().get(
        "/api/analytics/sites/shop/snippet", headers=auth(token("read", site="shop"))
    )
    assert answer.json == {
        "script": f'<script defer src="{BASE}/sdk/v1/insight.js" data-site="shop" data-key="pk_…"></script>',
        "pinned_script": f'<script defer src="{BASE}/sdk/1.2.3/insight.js" integrity="{hash_of_tracker}" '
        'crossorigin="anonymous" data-site="shop" data-key="pk_…"></script>',
        "noscript": f'<noscript><img src="{BASE}/sdk/v1/p.gif?site=shop&amp;key=pk_…" alt="" width="1" height="1" '
        'referrerpolicy="no-referrer-when-downgrade"></noscript>',
    }


def test_snippet_of_another_site_is_refused(app_with_sdk: Flask, token: Callable[..., str], auth) -> None:
    answer = app_with_sdk.test_client().get(
        "/api/analytics/sites/shop/snippet", headers=auth(token("read", site="blog"))
    )
    assert answer.status_code == 403


def test_addresses_of_the_snippet_are_served(app_with_sdk: Flask, token: Callable[..., str], auth) -> None:
    client = app_with_sdk.test_client()
    lines = client.get("/api/analytics/sites/blog/snippet", headers=auth(token("read", site="blog"))).json
    assert "data-key" not in lines["script"]
    for line in (lines["script"], lines["pinned_script"]):
        [path] = re.findall(rf'src="{BASE}(.*?)"', line)
        assert client.get(path).status_code == 200
    [pixel] = re.findall(rf'src="{BASE}(.*?)"', lines["noscript"])
    assert client.get(pixel, headers={"Referer": "https://blog.example/a"}).mimetype == "image/gif"


def test_snippet_from_the_shell(app_with_sdk: Flask, hash_of_tracker: str) -> None:
    runner = app_with_sdk.test_cli_runner()
    command = ["site", "snippet", "shop", "--url", "https://b.example/", "--publishable-key", "pk_abc"]
    assert runner.invoke(args=command).output == (
        '<script defer src="https://b.example/sdk/v1/insight.js" data-site="shop" data-key="pk_abc"></script>\n'
    )
    pinned, noscript = runner.invoke(args=[*command, "--pinned", "--noscript"]).output.splitlines()
    assert f'integrity="{hash_of_tracker}" crossorigin="anonymous"' in pinned
    assert "https://b.example/sdk/v1/p.gif?site=shop&amp;key=pk_abc" in noscript


def test_site_that_does_not_exist_is_named(app_with_sdk: Flask) -> None:
    result = app_with_sdk.test_cli_runner().invoke(args=["site", "snippet", "nothing"])
    assert result.exit_code == 1
    assert "nothing" in result.output


@pytest.mark.parametrize("url", ["localhost:8000", "//a.example", "ftp://a.example", "https://"])
def test_address_without_scheme_or_host_is_refused(app_with_sdk: Flask, url: str) -> None:
    result = app_with_sdk.test_cli_runner().invoke(args=["site", "snippet", "shop", "--url", url])
    assert (result.exit_code, "https://analytics.example" in result.output) == (2, True)


def test_secret_key_is_not_put_into_a_page(app_with_sdk: Flask) -> None:
    result = app_with_sdk.test_cli_runner().invoke(args=["site", "snippet", "shop", "--publishable-key", "sk_abc"])
    assert (result.exit_code, "sk_abc" in result.output) == (2, False)
