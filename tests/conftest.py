"""Real servers for every test: one PostgreSQL and one Redis a run, one database for each xdist worker.

The main process (or xdist's controller) starts both in a temporary folder and migrates a template once. Each worker
clones the template and uses two Redis databases. Tables and Redis are emptied before each test that uses them.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from flask_jwt_extended import create_access_token
from flask_migrate import upgrade
from redis import Redis
from sqlalchemy import Engine, text
from werkzeug.routing import Map

from analytics import clock, create_app
from analytics.auth.cors import origin_cache
from analytics.auth.guard import authenticator
from analytics.auth.keys import keys
from analytics.extensions import db
from analytics.local.servers.postgres import PostgresServer
from analytics.local.servers.redis import RedisServer
from analytics.sites import sites
from analytics.sites.event_schemas.event_schemas import clear_validator_cache
from analytics.web.app import App
from config import Settings
from tests.empty_tables import empty_tables
from tests.url_map import SHARED

ROOT = Path(__file__).resolve().parents[1]
# Neither the tests nor the processes that they start read a developer's .env.
os.environ["FLASK_SKIP_DOTENV"] = "1"
# xdist's workers and the processes of the tests keep bytecode: compiling every module takes each several seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
App.url_map_class = staticmethod(lambda **options: SHARED)  # type: ignore[assignment]
SECRET = "a-secret-that-only-the-tests-use"
SIGN_IN_SECRET = "the-secret-of-a-link-in-the-tests"
TEMPLATE = "template_migrated"
REDIS_DATABASES = 16
SERVERS = pytest.StashKey[dict[str, str]]()
STOP = pytest.StashKey[Callable[[], None]]()


def pytest_configure(config: pytest.Config) -> None:
    if worker_input := getattr(config, "workerinput", None):
        config.stash[SERVERS] = worker_input["servers"]
    elif not config.option.collectonly:
        start_servers(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["servers"] = node.config.stash[SERVERS]


def pytest_unconfigure(config: pytest.Config) -> None:
    if stop := config.stash.get(STOP, None):
        stop()


def start_servers(config: pytest.Config) -> None:
    folder = Path(tempfile.mkdtemp(prefix="analytics-tests-"))
    # PostgreSQL may run as another user, which must reach its folder inside this one.
    folder.chmod(0o711)
    postgres = PostgresServer(folder / "pg", ephemeral=True, options={"max_connections": "300"})
    redis = RedisServer(folder / "redis", ephemeral=True)

    def stop() -> None:
        postgres.stop()
        redis.stop()
        shutil.rmtree(folder, ignore_errors=True)

    config.stash[STOP] = stop
    postgres.start()
    redis.start()
    urls = {"postgres": postgres.url("DATABASE"), "redis": redis.url(0).removesuffix("0")}
    config.stash[SERVERS] = {**urls, "exports": str(folder / "exports"), "columns": str(folder / "columns")}
    postgres.create_database(TEMPLATE)
    migrate(settings_for(config.stash[SERVERS], TEMPLATE, 0))


def settings_for(servers: dict[str, str], database: str, number: int) -> Settings:
    if 2 * number + 1 >= REDIS_DATABASES:
        raise pytest.UsageError(f"at most {REDIS_DATABASES // 2} workers: each uses two Redis databases")
    return Settings(
        environment="test",
        database_url=servers["postgres"].replace("DATABASE", database).replace("postgresql:", "postgresql+psycopg2:"),
        celery_broker_url=f"{servers['redis']}{2 * number}",
        redis_url=f"{servers['redis']}{2 * number + 1}",
        jwt_secret_key=SECRET,
        sign_in_secret=SIGN_IN_SECRET,
        export_url=f"{servers['exports']}/{database}",
        columns_folder=servers["columns"],
    )


def migrate(settings: Settings) -> None:
    app = create_app(settings)
    with app.app_context():
        upgrade(directory=str(ROOT / "migrations"))
        db.engine.dispose()


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> Settings:
    """The settings of `app`; `make_app` changes them."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    servers = request.config.stash[SERVERS]
    connection = psycopg2.connect(servers["postgres"].replace("DATABASE", "postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE test_{worker} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    connection.close()
    return settings_for(servers, f"test_{worker}", int(worker.removeprefix("gw")))


@pytest.fixture(scope="session")
def app(settings: Settings) -> Flask:
    """One application for all tests of an xdist worker, on its database and Redis."""
    app = create_app(settings)
    SHARED.is_complete = True
    return app


@pytest.fixture
def own_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Applications that the test makes have a map of routes of their own, to which it may add."""
    monkeypatch.setattr(App, "url_map_class", Map)


@pytest.fixture
def make_app(settings: Settings, app: Flask) -> Iterator[Callable[..., Flask]]:
    """`make_app(max_batch_size=3)`: another application on the same servers, with changed settings."""
    apps: list[Flask] = []

    def make(**changes: Any) -> Flask:
        apps.append(create_app(replace(settings, **changes)))
        return apps[-1]

    yield make
    for other_app in apps:
        other_app.extensions["health_monitor"].stop()
        with other_app.app_context():
            db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def engine(app: Flask) -> Engine:
    with app.app_context():
        return db.engine


@pytest.fixture
def sql(engine: Engine) -> Callable[..., list[tuple[Any, ...]]]:
    """`sql("SELECT …", name=value)`: the rows, as tuples."""

    def execute(statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    return execute


@pytest.fixture(scope="session")
def redis(app: Flask) -> Redis:
    """The Redis of the stream."""
    client: Redis = app.extensions["buffer_redis"]
    return client


@pytest.fixture
def token(app: Flask) -> Callable[..., str]:
    """`token("ingest read", site="shop", sub="me", **claims)`; scope or site None omits that claim."""

    def make(scope: str | None = "ingest read export", site: Any = None, sub: Any = "tester", **claims: Any) -> str:
        defaults = {"scope": scope, "site": site}
        claims = {name: value for name, value in defaults.items() if value is not None} | claims
        with app.app_context():
            token: str = create_access_token(sub, additional_claims=claims, expires_delta=timedelta(hours=1))
        return token

    return make


@pytest.fixture
def auth() -> Callable[[str], dict[str, str]]:
    """`auth(token)`: the Authorization header."""
    return lambda token: {"Authorization": f"Bearer {token}"}


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis that the test may stop, freeze or fill."""
    folder = Path(tempfile.mkdtemp(prefix="analytics-own-redis-"))
    server = RedisServer(folder, ephemeral=True)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_key(engine: Engine) -> Callable[..., str]:
    """`make_key("secret", ["read"], site, name="ci")`: the text of a new key; without a site it is for all."""

    def make(kind: str = "secret", scopes: Any = ("ingest",), *of_sites: sites.Site, **fields: Any) -> str:
        ids = [site.id for site in of_sites] or None
        with engine.begin() as connection:
            key_text, _ = keys.create_key(connection, keys.NewKey(kind, scopes, ids, **fields), "tester")
        return key_text

    return make


@pytest.fixture
def publishable(make_key: Callable[..., str], site: sites.Site) -> str:
    """A publishable key of the site `default`."""
    return make_key("publishable", ["ingest"], site, origins=["https://shop.example"])


@pytest.fixture
def site(engine: Engine) -> sites.Site:
    """The site `default`, which requests without a site parameter use."""
    with engine.begin() as connection:
        return sites.create_site(connection, "default", "Default")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`at(3)`: it is three seconds after the start of the test."""
    start = datetime.now(UTC)

    def turn(seconds: float) -> None:
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(seconds=seconds))

    turn(0)
    return turn


@pytest.fixture(scope="session")
def s3() -> Iterator[Any]:
    """An S3 server (moto), as a boto3 resource."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "id", "aws_secret_access_key": "key", "region_name": "us-east-1"}
    yield boto3.resource("s3", endpoint_url=f"http://{host}:{port}", **keys)
    server.stop()


@pytest.fixture
def bucket(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The empty bucket `kept`, reached by s3://. AWS settings of the developer are not read."""
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_DEFAULT_REGION": "us-east-1"}
    no_config = {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    address = s3.meta.client.meta.endpoint_url
    for name, value in {**keys, **no_config, "AWS_MAX_ATTEMPTS": "1", "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    requests.post(f"{address}/moto-api/reset", timeout=10).raise_for_status()
    return s3.create_bucket(Bucket="kept")


@pytest.fixture
def aws(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`aws(AWS_ENDPOINT_URL="http://…")`: sets environment variables of S3; None removes a variable."""
    from s3fs import S3FileSystem

    from analytics.exports.delivery import storage

    def clear_caches() -> None:
        S3FileSystem.clear_instance_cache()
        storage.storage_at.cache_clear()

    def set_variables(**environ: str | None) -> None:
        for name, value in environ.items():
            monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
        clear_caches()

    yield set_variables
    clear_caches()


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> None:
    """Empties tables, Redis, the storage of exports and the process's caches, for tests that use them."""
    if not {"app", "engine", "redis", "settings"} & set(request.fixturenames):
        return
    app: Flask = request.getfixturevalue("app")
    engine: Engine = request.getfixturevalue("engine")
    with engine.begin() as connection:
        empty_tables(connection)
    app.extensions["buffer_redis"].flushdb()
    app.extensions["cache_redis"].flushdb()
    shutil.rmtree(request.getfixturevalue("settings").export_url, ignore_errors=True)
    sites.clear_site_cache(engine)
    clear_validator_cache(engine)
    with app.app_context():
        authenticator().clear()
        origin_cache().clear()
