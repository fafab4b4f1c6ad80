"""The command `flask import`, and a drain in this process."""

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask
from redis import Redis
from sqlalchemy import Engine

from analytics.ingest.drain.drain import Drain, DrainResult
from analytics.sites.sites import Site

Run = Callable[..., Result]
DrainFunction = Callable[[], DrainResult]


@pytest.fixture
def run(app: Flask, site: Site) -> Run:
    """`run("access-log", file)`: the result of the command, without waiting for a worker."""
    runner = app.test_cli_runner()

    def invoke(*arguments: object, code: int = 0, wait: bool = False, stdin: bytes | None = None) -> Result:
        words = ["import", *map(str, arguments), *([] if wait else ["--no-wait"])]
        result = runner.invoke(args=words, input=stdin)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return invoke


@pytest.fixture
def drain(engine: Engine, redis: Redis) -> DrainFunction:
    return lambda: Drain(engine=engine, redis=redis, salt=b"x" * 32).run(duration_s=30)
