"""One web process that serves sample_app.py, for all tests of a module."""

from collections.abc import Iterator

import pytest

from config import Settings
from tests.web.web_server import WebServer, environment


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with WebServer(tmp_path_factory.mktemp("web"), env=environment(settings)) as server:
        yield server
