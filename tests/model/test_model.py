"""Every report of random histories, compared with the model: unmerged, merged, closed and rebuilt; computed and cached.

Ten seeds run with all tests, with half as many events. `make model` runs a hundred and asks every report each time;
MODEL_SEEDS=500 is that many seeds, MODEL_SEEDS=7,12 those two, MODEL_SEEDS=7, one.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.store.partitions import list_partitions
from tests.model.answers import ANSWERS, LEFT_OUT
from tests.model.generator import Scenario
from tests.model.run import Run
from tests.model.service import Service

SEEDS = os.environ.get("MODEL_SEEDS")
SIZE = int(os.environ.get("MODEL_SIZE", 1000 if SEEDS else 500))
SHOWN_FAILURES = 5
REPORT_TAGS = {"Reports", "Short links", "Sites", "Metrics", "Goals", "Funnels", "Websites"}


def seeds() -> list[int]:
    named = SEEDS or "10"
    return [int(seed) for seed in named.split(",") if seed] if "," in named else list(range(int(named)))


def test_every_report_has_a_model(client: FlaskClient) -> None:
    paths = client.get("/api/analytics/openapi.json").json["paths"]
    operations = [(path, method, of) for path, methods in paths.items() for method, of in methods.items()]
    reports = {path for path, method, of in operations if method == "get" and REPORT_TAGS & set(of["tags"])}
    reports |= {path for path, _, of in operations if "days" in {one.get("name") for one in of.get("parameters", ())}}
    assert reports == ANSWERS.keys() | LEFT_OUT.keys()


@pytest.fixture
def own_partitions(engine: Engine) -> Iterator[None]:
    """Drops the partitions that a scenario makes, of single days of other years."""
    tables = ("events", "samples")
    with engine.begin() as connection:
        before = {name for table in tables for name in list_partitions(connection, table)}
    yield
    with engine.begin() as connection:
        made = {name for table in tables for name in list_partitions(connection, table)} - before
        for name in made:
            connection.execute(text(f"DROP TABLE {name}"))


@pytest.fixture
def service(
    client: FlaskClient, token: Any, auth: Any, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> Service:
    """The product, with a clock of its own."""

    def set_now(now: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: now)

    return Service(client, auth(token("admin ingest read write export")), engine, redis, set_now)


@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("own_partitions")
@pytest.mark.parametrize("seed", seeds())
def test_reports_agree_with_the_model(seed: int, service: Service) -> None:
    run = Run(Scenario(seed, SIZE), service, asks_all=bool(SEEDS))
    run.take_all()
    shown = "\n\n".join(run.failures[:SHOWN_FAILURES])
    assert not run.failures, (
        f"{len(run.failures)} answers differ\n{shown}\nrepeat: make model MODEL_SEEDS={seed}, MODEL_SIZE={SIZE}"
    )
