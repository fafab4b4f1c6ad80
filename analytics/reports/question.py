"""What a caller asks of a report, read once: the site, the parameters, the moment. And what each answer says of itself.

The routes make a Question before they open a transaction, so that `complete_through` is not later than what is read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import current_app, request
from marshmallow import Schema
from redis.exceptions import RedisError
from sqlalchemy import Connection

from analytics import clock
from analytics.auth.guard import Principal, choose_site, current_principal
from analytics.extensions import buffer_redis, db, settings
from analytics.period import Period
from analytics.reports.schemas import read_query
from analytics.rollups.calendar import Calendar, read_calendar
from analytics.rollups.reading import Snapshot, snapshot
from analytics.sites import Site, find_site
from analytics.store.backlog import complete_through
from analytics.store.reading import reading


@dataclass(frozen=True, slots=True)
class Question:
    """`complete`: every event received before it is in the answer; None: Redis cannot tell."""

    site: Site
    query: dict[str, Any]
    now: datetime
    complete: datetime | None

    @contextmanager
    def rollups(self) -> Iterator[Snapshot]:
        """The site's counts at one instant."""
        with snapshot(db.engine, self.site, settings().statement_timeout) as found:
            yield found

    @contextmanager
    def rows(self) -> Iterator[tuple[Connection, Calendar]]:
        """Other tables at one instant, and the site's calendar at it."""
        engine = db.engine.execution_options(isolation_level="REPEATABLE READ")
        with reading(engine, settings().statement_timeout) as connection:
            calendar = read_calendar(connection, self.site.id)
            yield connection, calendar or Calendar(self.site.zone, None, None, frozenset())

    def meta(self, period: Period, source: str, **more: Any) -> dict[str, Any]:
        """What every answer says of itself; `source`: rollups, raw or metrics."""
        meta: dict[str, Any] = {"site": self.site.key, "zone": period.zone.key, **bounds(period), "source": source}
        meta["complete_through"] = None if self.complete is None else utc(self.complete)
        return meta | {"computed_at": utc(self.now)} | more


def read_question(schema: Schema, principal: Principal | None = None) -> Question:
    """This request's. Raises BadInput, and whatever keeps the caller from the site."""
    query = read_query(schema, request.args)
    site = find_site(db.engine, choose_site(principal or current_principal(), query.get("site")))
    now = clock.now()
    return Question(site, query, now, _complete_through(now))


def _complete_through(now: datetime) -> datetime | None:
    """None when Redis cannot tell; the report itself needs the database alone."""
    try:
        return complete_through(buffer_redis(), now)
    except RedisError:
        current_app.logger.warning("complete_through is unknown")
        return None


def bounds(period: Period) -> dict[str, str]:
    return {"from": utc(period.start), "to": utc(period.end)}


def utc(instant: datetime) -> str:
    """RFC 3339, with Z."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
