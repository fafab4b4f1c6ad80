"""The package as it is built: nothing of it is left out."""

from pathlib import Path

import tomllib

from analytics_client.version import VERSION

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_folder_with_modules_is_among_the_packages():
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "analytics_client").rglob("*.py")}
    packages = {".".join(folder.parts) for folder in folders}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages


def test_the_version_is_the_same_in_both_places():
    assert PROJECT["project"]["version"] == VERSION
