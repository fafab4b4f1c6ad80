"""What became of one event."""

from collections.abc import Sequence
from typing import Any

from redis import Redis
from sqlalchemy import Engine

from analytics.sites import Site

UNKNOWN = "unknown"


def trace(engine: Engine, redis: Redis, event_id: str, sites: Sequence[Site]) -> dict[str, Any]:
    raise NotImplementedError
