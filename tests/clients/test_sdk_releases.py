"""Former builds of the browser clients: a page that pins one keeps it, whatever the service has become since."""

import hashlib
import json
import shutil
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from analytics.clients.sdk_files import SDK_FOLDER
from tests.clients.test_sdk_files import TRACKER, folder

__all__ = ["folder"]
NEW_TRACKER = b"(()=>{/* of the next version */})();\n"
YEAR = "public, max-age=31536000, immutable"


def keep(folder: Path) -> None:
    """What `make sdk-release` does with the tracker."""
    release = folder / "releases" / json.loads((folder / "package.json").read_text())["version"]
    release.mkdir(parents=True)
    shutil.copy(folder / "dist" / "tracker.js", release)


def bump(folder: Path, version: str, tracker: bytes) -> None:
    (folder / "package.json").write_text(json.dumps({"name": "x", "version": version}))
    (folder / "dist" / "tracker.js").write_bytes(tracker)


@pytest.fixture
def client_of(make_app: Callable[..., Flask], folder: Path) -> Callable[[], FlaskClient]:
    names = (("tracker.js", "insight.js"),)
    return lambda: make_app(sdk_folder=str(folder), sdk_names=names).test_client()


@pytest.mark.parametrize("name", ["tracker.js", "insight.js"])
def test_pinned_address_survives_the_next_version(
    client_of: Callable[[], FlaskClient], folder: Path, name: str
) -> None:
    before = client_of().get(f"/sdk/1.2.3/{name}")
    keep(folder)
    bump(folder, "1.3.0", NEW_TRACKER)
    client = client_of()
    after = client.get(f"/sdk/1.2.3/{name}")
    assert (after.status_code, after.data, after.headers["Cache-Control"]) == (200, TRACKER, YEAR)
    assert after.headers["ETag"] == before.headers["ETag"]
    assert client.get(f"/sdk/v1/{name}").data == client.get(f"/sdk/1.3.0/{name}").data == NEW_TRACKER


def test_released_version_is_served_as_it_was_released(client_of: Callable[[], FlaskClient], folder: Path) -> None:
    keep(folder)
    bump(folder, "1.2.3", NEW_TRACKER)
    client = client_of()
    assert client.get("/sdk/1.2.3/tracker.js").data == TRACKER
    assert client.get("/sdk/v1/tracker.js").data == NEW_TRACKER


def test_each_major_version_has_its_newest_release(client_of: Callable[[], FlaskClient], folder: Path) -> None:
    for version, tracker in [("1.9.0", b"nine"), ("1.10.0", b"ten"), ("2.0.0", b"two")]:
        bump(folder, version, tracker)
        keep(folder)
    bump(folder, "2.1.0", NEW_TRACKER)
    client = client_of()
    assert client.get("/sdk/v1/tracker.js").data == b"ten"
    assert client.get("/sdk/v1/tracker.js").headers["Cache-Control"] == "public, max-age=3600"
    assert client.get("/sdk/v2/tracker.js").data == NEW_TRACKER
    assert client.get("/sdk/v0/tracker.js").status_code == 404


def test_unknown_version_is_told_which_there_are(client_of: Callable[[], FlaskClient], folder: Path) -> None:
    keep(folder)
    bump(folder, "1.3.0", NEW_TRACKER)
    answer = client_of().get("/sdk/1.2.4/tracker.js")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert "accepted: v1, 1.3.0, 1.2.3" in answer.json["detail"]


def test_file_that_a_release_does_not_have_is_not_taken_from_another(
    client_of: Callable[[], FlaskClient], folder: Path
) -> None:
    keep(folder)
    bump(folder, "1.3.0", NEW_TRACKER)
    client = client_of()
    assert (client.get("/sdk/1.2.3/x.d.ts").status_code, client.get("/sdk/1.3.0/x.d.ts").status_code) == (404, 200)


def hash_of(path: Path) -> str:
    return "sha384-" + b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


def test_releases_of_this_repository_never_change() -> None:
    folder = SDK_FOLDER / "releases"
    listed = json.loads((folder / "integrity.json").read_text())
    assert listed == {
        release.name: {path.name: hash_of(path) for path in sorted(release.iterdir())}
        for release in sorted(folder.iterdir())
        if release.is_dir()
    }


def test_build_of_a_released_version_is_that_release() -> None:
    """Fails when the sources change after a release: the version in sdk/package.json has to grow with them."""
    version = json.loads((SDK_FOLDER / "package.json").read_text())["version"]
    released = json.loads((SDK_FOLDER / "releases" / "integrity.json").read_text()).get(version, {})
    assert {name: hash_of(SDK_FOLDER / "dist" / name) for name in released} == released
