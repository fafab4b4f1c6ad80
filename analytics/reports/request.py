"""What a caller asks of a report, read once: the site, the parameters, the moment. And what each answer says of itself.

The routes make a Question before they open a transaction, so that `complete_through` is not later than what is read.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import current_app, request
from marshmallow import Schema
from redis.exceptions import RedisError
from sqlalchemy import Connection

from analytics import clock
from analytics.auth.guard import GuardedView, Principal, become, choose_site, current_principal, require
from analytics.errors import BadInput, Forbidden, NotFound, Unauthorised
from analytics.extensions import buffer_redis, db, settings
from analytics.period import Period
from analytics.reports.schemas import read_query
from analytics.rollups.calendar import Calendar, read_calendar
from analytics.rollups.reading import Snapshot, snapshot
from analytics.sites import Site, find_site
from analytics.store.backlog import complete_through
from analytics.store.reading import reading

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
# What people are told apart by: the first of these that an event has (spec C6).
IDENTITY = ["user_id", "visitor_id", "keyed hash of address and user agent, a day"]
# The seeds' names of the parameter, or part of the path, that says which site.
SITE_NAMES = ("site", "site_id", "website_id")


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
        """What every answer says of itself; `source`: rollup, raw or metrics."""
        meta: dict[str, Any] = {"site": self.site.key, "zone": period.zone.key, **bounds(period), "source": source}
        meta["identity"] = IDENTITY
        meta["complete_through"] = None if self.complete is None else utc(self.complete)
        return meta | {"computed_at": utc(self.now)} | more


def readable(view: Callable[P, R], default_site: str | None = None) -> GuardedView[P, R]:
    """A view for the scope `read`; of a site whose statistics are public, for everybody. As `read_question`'s site."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            require("read")
        except (Unauthorised, Forbidden):
            if not _is_public(named := _named_site({}, default_site)):
                raise
            become(Principal("anonymous", frozenset({"read"}), frozenset({str(named)}), "", True))
        return view(*args, **kwargs)

    marked = cast(GuardedView[P, R], checked)
    marked.guarded_scope = "read"
    return marked


def _is_public(key: str | None) -> bool:
    try:
        return key is not None and find_site(db.engine, key).public_stats
    except (NotFound, BadInput):
        return False


def _named_site(query: Mapping[str, Any], default: str | None = None) -> str | None:
    """The site that the path or a parameter names."""
    places = (request.view_args or {}, query, request.args)
    return next((place[name] for place in places for name in SITE_NAMES if place.get(name)), default)


def read_question(schema: Schema, principal: Principal | None = None, default_site: str | None = None) -> Question:
    """This request's. Raises BadInput, and whatever keeps the caller from the site.

    The site is the one that the path or a parameter names, else `default_site`, else the token's own.
    """
    query = read_query(schema, request.args)
    site = find_site(db.engine, choose_site(principal or current_principal(), _named_site(query, default_site)))
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
