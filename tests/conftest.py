"""Real servers for every test: one PostgreSQL and one Redis a run, a database of its own for each xdist worker.

The main process (or xdist's controller) starts both in a temporary folder and migrates a template once. Each worker
clones the template and takes two Redis databases. Before a test that uses them, tables and Redis are emptied.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
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

from analytics import create_app, sites
from analytics.auth.guard import token_checks
from analytics.extensions import db
from analytics.local.postgres import Postgres
from analytics.local.redis import Redis as RedisServer
from analytics.store.models import metadata
from config import Settings

ROOT = Path(__file__).resolve().parents[1]
SECRET = "a-secret-of-the-tests-and-of-nothing-else"
TEMPLATE = "template_migrated"
REDIS_DATABASES = 16
SERVERS = pytest.StashKey[dict[str, str]]()
STOP = pytest.StashKey[Callable[[], None]]()


def pytest_configure(config: pytest.Config) -> None:
    if given := getattr(config, "workerinput", None):
        config.stash[SERVERS] = given["servers"]
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
    # A server that does not run as us must be able to reach its own folder in this one.
    folder.chmod(0o711)
    postgres = Postgres(folder / "pg", ephemeral=True, options={"max_connections": "300"})
    redis = RedisServer(folder / "redis", ephemeral=True)

    def stop() -> None:
        postgres.stop()
        redis.stop()
        shutil.rmtree(folder, ignore_errors=True)

    config.stash[STOP] = stop
    postgres.start()
    redis.start()
    urls = {"postgres": postgres.url("DATABASE"), "redis": redis.url(0).removesuffix("0")}
    config.stash[SERVERS] = {**urls, "exports": str(folder / "exports")}
    postgres.create_database(TEMPLATE)
    migrate(settings_for(config.stash[SERVERS], TEMPLATE, 0))


def settings_for(servers: dict[str, str], database: str, number: int) -> Settings:
    if 2 * number + 1 >= REDIS_DATABASES:
        raise pytest.UsageError(f"at most {REDIS_DATABASES // 2} workers: each takes two Redis databases")
    return Settings(
        environment="test",
        database_url=servers["postgres"].replace("DATABASE", database).replace("postgresql:", "postgresql+psycopg2:"),
        celery_broker_url=f"{servers['redis']}{2 * number}",
        redis_url=f"{servers['redis']}{2 * number + 1}",
        jwt_secret_key=SECRET,
        export_url=f"{servers['exports']}/{database}",
    )


def migrate(settings: Settings) -> None:
    app = create_app(settings)
    with app.app_context():
        upgrade(directory=str(ROOT / "migrations"))
        db.engine.dispose()


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> Settings:
    """The settings of `app`; for others of your own ask `make_app`."""
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
    """One application for all tests of a worker, on the worker's own database and Redis."""
    return create_app(settings)


@pytest.fixture
def make_app(settings: Settings, app: Flask) -> Iterator[Callable[..., Flask]]:
    """`make_app(max_batch_size=3)`: another application on the same servers, with those settings."""
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        made.append(create_app(replace(settings, **changes)))
        return made[-1]

    yield make
    for one in made:
        with one.app_context():
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

    def ask(statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    return ask


@pytest.fixture(scope="session")
def redis(app: Flask) -> Redis:
    """The buffer's Redis."""
    found: Redis = app.extensions["buffer_redis"]
    return found


@pytest.fixture
def token(app: Flask) -> Callable[..., str]:
    """`token("ingest read", site="shop", sub="me", **claims)`; scope or site None: without that claim."""

    def make(scope: str | None = "ingest read export", site: Any = None, sub: Any = "tester", **claims: Any) -> str:
        given = {"scope": scope, "site": site}
        claims = {name: value for name, value in given.items() if value is not None} | claims
        with app.app_context():
            made: str = create_access_token(sub, additional_claims=claims, expires_delta=timedelta(hours=1))
        return made

    return make


@pytest.fixture
def auth() -> Callable[[str], dict[str, str]]:
    """The header that carries a token."""
    return lambda token: {"Authorization": f"Bearer {token}"}


@pytest.fixture
def site(engine: Engine) -> sites.Site:
    """The site `default`, where requests that name none go."""
    with engine.begin() as connection:
        return sites.create_site(connection, "default", "Default")


@pytest.fixture(scope="session")
def s3() -> Iterator[Any]:
    """A server that speaks S3, by a client that is not ours."""
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
    """The empty bucket `kept`, which s3:// leads to. Nobody's own AWS settings are read."""
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_DEFAULT_REGION": "us-east-1"}
    nobody = {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    address = s3.meta.client.meta.endpoint_url
    for name, value in {**keys, **nobody, "AWS_MAX_ATTEMPTS": "1", "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    requests.post(f"{address}/moto-api/reset", timeout=10).raise_for_status()
    return s3.create_bucket(Bucket="kept")


@pytest.fixture
def aws(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`aws(AWS_ENDPOINT_URL="http://…")`: how S3 is reached from now on; None takes a variable away."""
    from s3fs import S3FileSystem

    from analytics.exports import storage

    def forget() -> None:
        S3FileSystem.clear_instance_cache()
        storage._open.cache_clear()

    def give(**environ: str | None) -> None:
        for name, value in environ.items():
            monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
        forget()

    yield give
    forget()


# One row a table is enough to need emptying; a partitioned table answers for its partitions.
FILLED = text(" UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in sorted(metadata.tables)))


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> None:
    """Empties tables, Redis and the caches of the process. A test that uses neither pays nothing."""
    if not {"app", "engine", "redis", "settings"} & set(request.fixturenames):
        return
    app: Flask = request.getfixturevalue("app")
    engine: Engine = request.getfixturevalue("engine")
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        if filled := connection.execute(FILLED).scalars().all():
            connection.execute(text(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY CASCADE"))
    app.extensions["buffer_redis"].flushdb()
    app.extensions["cache_redis"].flushdb()
    sites.forget_sites(engine)
    with app.app_context():
        token_checks().clear()
