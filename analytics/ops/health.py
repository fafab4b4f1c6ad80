"""The state of PostgreSQL, Redis and what depends on them, as background checks found it. ops/views.py reads it."""

import time
from dataclasses import dataclass
from datetime import datetime

from analytics import clock
from analytics.ops.background_check import MAX_AGE_S, BackgroundCheck
from analytics.ops.server_checks import (
    CheckResult,
    PostgresState,
    RedisState,
    SideState,
    check_postgres,
    check_redis,
    check_side,
    connection_arguments,
)
from analytics.web.server.greenlets import pause
from config import Settings

# How often a reader looks for the first results.
POLL_S = 0.005
OVERDUE = f"not checked in the last {MAX_AGE_S:g} seconds"


@dataclass(frozen=True, slots=True)
class Health:
    """The newest results of all checks."""

    postgres: PostgresState
    redis: RedisState
    side: SideState
    at: datetime

    @property
    def unmet_requirements(self) -> dict[str, str]:
        """What does not work: name → reason."""
        problems = {"postgres": self.postgres.check.problem, "redis": self.redis.check.problem}
        if not self.postgres.check.problem and not self.postgres.is_migrated:
            problems["schema"] = "the database is not migrated: run flask db upgrade"
        return {name: problem for name, problem in problems.items() if problem}


class HealthMonitor:
    """The background checks of one process."""

    def __init__(self, settings: Settings) -> None:
        dsn, export_url = connection_arguments(settings.database_url), settings.export_url
        redis_url, cache_url = settings.celery_broker_url, settings.redis_url
        self._postgres = BackgroundCheck(lambda: check_postgres(dsn), "postgres")
        self._redis = BackgroundCheck(lambda: check_redis(redis_url), "redis")
        self._side = BackgroundCheck(lambda: check_side(cache_url, export_url), "side")
        self._checks = (self._postgres, self._redis, self._side)

    def read(self, wait_s: float) -> Health:
        """The results. Only before the first ones it waits, up to `wait_s`; what is still unknown is OVERDUE."""
        for check in self._checks:
            check.start()
        deadline, overdue = time.monotonic() + wait_s, CheckResult(OVERDUE, 0.0)
        while not all(check.has_begun for check in self._checks) and time.monotonic() < deadline:
            pause(POLL_S)
        return Health(
            self._postgres.latest() or PostgresState(overdue),
            self._redis.latest() or RedisState(overdue),
            self._side.latest() or SideState(),
            clock.now(),
        )

    def stop(self) -> None:
        """Ends the threads of this process."""
        for check in self._checks:
            check.stop()
