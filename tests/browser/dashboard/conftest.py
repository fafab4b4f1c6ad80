"""The dashboard in Chromium before the real service, signed in as an administrator."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from analytics.sites.sites import Site
from config import Settings
from tests.browser.dashboard.signed_in import Dashboard
from tests.factories import make_site
from tests.waiting import wait_until
from tests.web.web_server import WebServer, environment

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture(scope="module")
def service(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    folder = tmp_path_factory.mktemp("service")
    with WebServer(folder, "wsgi:asgi", environment(settings)) as server:
        yield server


BUSY = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
""")


@pytest.fixture(autouse=True)
def requests_have_ended(engine: Engine) -> Iterator[None]:
    """Requests of closed pages have ended before the next test empties the tables, which would wait for them."""
    yield
    wait_until(lambda: not _count_busy(engine))


def _count_busy(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(BUSY).scalar_one())


@pytest.fixture
def site(engine: Engine) -> Site:
    return make_site(engine, "UTC")


@pytest.fixture
def dashboard(
    service: WebServer,
    site: Site,
    new_context: "Callable[..., BrowserContext]",
    token: Callable[..., Any],
    engine: Engine,
    redis: Redis,
) -> Iterator[Dashboard]:
    """Fails the test that leaves a message in the console."""
    opened = Dashboard(service.port, site, new_context(), token("read write ingest export admin"), engine, redis)
    yield opened
    opened.close()
    assert opened.messages == []
