"""The files of the browser clients over HTTP: bodies, caches, CORS, names, and what is refused at the start."""

import gzip
import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from flask import Flask
from flask.testing import FlaskClient

from config import ConfigError, load

TRACKER = b"(()=>{const words=[" + b",".join(b'"word%d"' % number for number in range(400)) + b"]})();\n"
MAP = b'{"version":3,"sources":["../src/tracker.ts"],"mappings":""}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A built package of version 1.2.3."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "package.json").write_text(json.dumps({"name": "x", "version": "1.2.3"}))
    for name, body in {"tracker.js": TRACKER, "tracker.js.map": MAP, "x.d.ts": b"export {};", "notes.md": b"#"}.items():
        (tmp_path / "dist" / name).write_bytes(body)
    return tmp_path


@pytest.fixture
def browser(make_app: Callable[..., Flask], folder: Path) -> FlaskClient:
    """A client without a token, of an application that renames the tracker."""
    return make_app(sdk_folder=str(folder), sdk_names=(("tracker.js", "insight.js"),)).test_client()


@pytest.mark.parametrize(
    ("path", "cache"),
    [
        ("/sdk/v1/tracker.js", "public, max-age=3600"),
        ("/sdk/v1/insight.js", "public, max-age=3600"),
        ("/sdk/1.2.3/tracker.js", "public, max-age=31536000, immutable"),
    ],
)
def test_script_is_served_to_pages_of_every_origin(browser: FlaskClient, path: str, cache: str) -> None:
    answer = browser.get(path, headers={"Origin": "https://stranger.example"})
    assert (answer.status_code, answer.data) == (200, TRACKER)
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == cache
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    # One copy in a shared cache for all origins.
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("name", "kind"), [("tracker.js.map", "application/json"), ("x.d.ts", "text/plain; charset=utf-8")]
)
def test_source_maps_and_types_have_their_media_type(browser: FlaskClient, name: str, kind: str) -> None:
    assert browser.get(f"/sdk/v1/{name}").headers["Content-Type"] == kind


@pytest.mark.parametrize(
    ("accepted", "chosen", "decode"),
    [
        ("gzip, deflate, br", "gzip", gzip.decompress),
        ("gzip, br, zstd", "zstd", lambda body: zstandard.ZstdDecompressor().decompress(body)),
    ],
)
def test_body_is_compressed(browser: FlaskClient, accepted: str, chosen: str, decode: Callable[[bytes], bytes]) -> None:
    answer = browser.get("/sdk/v1/tracker.js", headers={"Accept-Encoding": accepted})
    assert answer.headers["Content-Encoding"] == chosen
    assert len(answer.data) < len(TRACKER) / 2
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert decode(answer.data) == TRACKER


def test_head_has_the_headers_and_no_body(browser: FlaskClient) -> None:
    answer = browser.head("/sdk/v1/tracker.js")
    assert (answer.status_code, answer.data, answer.headers["Content-Length"]) == (200, b"", str(len(TRACKER)))


def test_known_file_is_not_sent_again(browser: FlaskClient) -> None:
    first = browser.get("/sdk/v1/tracker.js", headers={"Accept-Encoding": "gzip"})
    again = browser.get(
        "/sdk/v1/tracker.js", headers={"Accept-Encoding": "gzip", "If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == "public, max-age=3600"
    assert again.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "path",
    [
        "/sdk/v1/notes.md", "/sdk/v1/package.json", "/sdk/v1/..%2fpackage.json", "/sdk/v1/../package.json",
        "/sdk/v1/%2e%2e/package.json", "/sdk/v1/tracker.js%00", "/sdk/v2/tracker.js", "/sdk/1.2.4/tracker.js",
        "/sdk/v1/" + "x" * 5000, "/sdk/v1/", "/sdk/%2e%2e/package.json",
    ],
)  # fmt: skip
def test_nothing_else_is_found(browser: FlaskClient, path: str) -> None:
    answer = browser.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert len(answer.data) < 1000


def test_other_methods_are_refused(browser: FlaskClient) -> None:
    assert browser.post("/sdk/v1/tracker.js").status_code == 405


def test_pixel_keeps_its_address(browser: FlaskClient) -> None:
    assert browser.get("/sdk/v1/p.gif").status_code == 401


@pytest.mark.parametrize(
    "value", ["tracker.js", "tracker.js=", "tracker.js=a/b.js", "tracker.js=../x", "tracker.js=.x", "a=b=c"]
)
def test_names_are_pairs(value: str) -> None:
    with pytest.raises(ConfigError, match="SDK_NAMES"):
        load({"SDK_NAMES": value})


def test_names_are_read_from_the_setting() -> None:
    assert load({"SDK_NAMES": "tracker.js=insight.js, vitals.js=v.js"}).sdk_names == (
        ("tracker.js", "insight.js"),
        ("vitals.js", "v.js"),
    )


@pytest.mark.parametrize("pair", [("other.js", "a.js"), ("tracker.js", "tracker.js.map")])
def test_name_that_cannot_be_given_stops_the_start(
    make_app: Callable[..., Flask], folder: Path, pair: tuple[str, str]
) -> None:
    with pytest.raises(ConfigError, match="SDK_NAMES"):
        make_app(sdk_folder=str(folder), sdk_names=(pair,))


def test_missing_folder_stops_the_start(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SDK_FOLDER"):
        make_app(sdk_folder=str(tmp_path / "none"))


@pytest.fixture
def hash_of_tracker() -> str:
    return "sha384-" + b64encode(hashlib.sha384(TRACKER).digest()).decode()
