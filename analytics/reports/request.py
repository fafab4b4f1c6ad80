"""A report's request: the site, the query parameters and the instant, read once; and the `meta` of each response.

Views create it before they open a transaction, so that `read_complete_through` is not later than what the report reads.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import current_app, request
from marshmallow import Schema
from redis.exceptions import RedisError
from sqlalchemy import Connection

from analytics import clock
from analytics.auth.guard import (
    GuardedView,
    Kind,
    Principal,
    admit,
    check_site_access,
    current_principal,
    require_scope,
    resolve_site_key,
    set_principal,
)
from analytics.errors import BadInput, Forbidden, Gone, NotFound, Unauthorised, bad_parameter
from analytics.extensions import buffer_redis, db, settings
from analytics.period import PARAMETER_EXAMPLES, Period, period_parameter
from analytics.reports.filtering.filters import parse_filter
from analytics.reports.filtering.scope import resolve_scope
from analytics.reports.responses.shared_reads import check_shared_query, is_shared
from analytics.reports.schemas import describe_identity
from analytics.reports.segments.expansion import ExpandedFilter, expand, may_name_segments
from analytics.rollups.calendar import Calendar, read_calendar
from analytics.rollups.snapshot.clipped import RawEventsPurged
from analytics.rollups.snapshot.snapshot import Snapshot, open_snapshot
from analytics.sites.sites import Site, find_site
from analytics.store.backlog import read_complete_through
from analytics.store.reading import read_transaction
from analytics.web.site_parameters import read_requested_site
from analytics.web.validation import read_query

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """`read_complete_through`: the response counts every event received before it; None: Redis is unavailable.

    `is_shared`: the caller is a share link, or has no token and reads a public site (shared_reads.py). The filter of
    `query` has conditions only; `scope` is resolved;
    `filter_meta` has the filter as it was sent, and the segments in it.
    """

    site: Site
    query: dict[str, Any]
    now: datetime
    complete_through: datetime | None
    is_shared: bool = False
    filter_meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def include_bots(self) -> bool:
        """Whether events of bots count too."""
        return bool(self.query.get("include_bots", False))

    @property
    def limit(self) -> int:
        """Rows of each list: the request's, else TOP_RESULTS_LIMIT."""
        return int(self.query.get("limit") or settings().top_results_limit)

    @contextmanager
    def open_snapshot(self) -> Iterator[Snapshot]:
        """The site's rollups and unmerged deltas at one instant. Raises BadInput where the request's period cuts a day
        whose raw events may be purged."""
        try:
            with open_snapshot(db.engine, self.site, settings().statement_timeout) as snapshot:
                yield snapshot
        except RawEventsPurged as error:
            raise purged_error(period_parameter(self.query), error.start, error.raw_since) from error

    @contextmanager
    def open_connection(self, timeout_s: float | None = None) -> Iterator[tuple[Connection, Calendar]]:
        """A connection that reads at one instant, and the site's calendar at that instant. `timeout_s`: of a statement;
        None: STATEMENT_TIMEOUT."""
        engine = db.engine.execution_options(isolation_level="REPEATABLE READ")
        timeout_s = settings().statement_timeout if timeout_s is None else timeout_s
        with read_transaction(engine, timeout_s) as connection:
            calendar = read_calendar(connection, self.site.id)
            yield connection, calendar or Calendar(self.site.zone, None, None, frozenset())

    def meta(self, period: Period, source: str, **extra: Any) -> dict[str, Any]:
        """The response's `meta` (schemas.ReportMeta). `source`: rollup, raw or metrics."""
        return {
            "site": self.site.key,
            "zone": period.zone.key,
            **period_bounds(period),
            "source": source,
            "identity": describe_identity(self.site.visitor_window, self.site.visitor_by),
            "complete_through": None if self.complete_through is None else format_utc(self.complete_through),
            "computed_at": format_utc(self.now),
            **self.filter_meta,
            **extra,
        }

    def expand_filter(self, filter_text: str, parameter: str = "filter") -> ExpandedFilter:
        """The filter with the conditions of the site's segments in place of their names. Raises BadInput, which names
        the parameter."""
        if not may_name_segments(filter_text):
            return ExpandedFilter(filter_text, {})
        with read_transaction(db.engine, settings().statement_timeout) as connection:
            return expand(connection, self.site.id, filter_text, parameter, lists_names=not self.is_shared)


@dataclass(frozen=True, slots=True)
class SitesRequest:
    """A report's request for many sites. `keys`: of those that the caller may read; None: all."""

    keys: frozenset[str] | None
    query: dict[str, Any]
    now: datetime
    complete_through: datetime | None

    def of_site(self, site: Site) -> ReportRequest:
        """The same request for one of the sites."""
        return ReportRequest(site, self.query, self.now, self.complete_through)


def guarded_read(view: Callable[P, R], default_site: str | None = None) -> GuardedView[P, R]:
    """Guards a view with the scope `read`; share links and public sites show what shared_reads.py lists.

    `default_site`: as in `read_request`.
    """

    @wraps(view)
    def guarded_view(*args: P.args, **kwargs: P.kwargs) -> R:
        kinds = _admitted_kinds(str(request.url_rule))
        admit(kinds)
        try:
            _check_reader(bool(kinds), default_site)
        except (Unauthorised, Forbidden) as error:
            site = find_public_site(read_requested_site() or default_site)
            if not kinds or _is_publishable(error) or site is None:
                raise
            read_as_anybody(site)
        return view(*args, **kwargs)

    guarded = cast(GuardedView[P, R], guarded_view)
    guarded.guarded_scope = "read"
    guarded.admitted_kinds = _admitted_kinds
    return guarded


def _admitted_kinds(rule: str) -> Collection[Kind]:
    return {Kind.SHARE} if is_shared(rule) else ()


def _is_publishable(error: Unauthorised | Forbidden) -> bool:
    """Whether a publishable key was refused: it reads nothing, not even what everybody may."""
    return isinstance(error, Forbidden) and current_principal().kind is Kind.PUBLISHABLE_KEY


def _check_reader(is_shown: bool, default_site: str | None) -> None:
    """Raises Unauthorised and Forbidden, of a report that public sites show also for a caller of other sites: whoever
    has a token for another site sees what anybody may."""
    principal = require_scope("read")
    if is_shown and principal.sites is not None and (key := read_requested_site() or default_site):
        check_site_access(principal, key)


def find_public_site(key: str | None) -> Site | None:
    """The site with that key, if everybody may read it."""
    try:
        site = find_site(db.engine, key) if key is not None else None
    except (NotFound, Gone, BadInput):
        return None
    return site if site is not None and site.public_stats else None


def read_as_anybody(site: Site) -> None:
    """Makes the caller of this request one without a credential, who reads a public site. Raises TooMany."""
    set_principal(Principal("anonymous", frozenset({"read"}), frozenset(site.names), kind=Kind.SHARE))


def read_request(schema: Schema, principal: Principal | None = None, default_site: str | None = None) -> ReportRequest:
    """The report request of the current HTTP request. Raises BadInput, Forbidden, NotFound.

    The site is the one that the request names (web/site_parameters.py), else `default_site`, else the token's own.
    """
    query, caller = read_query(schema, request.args), principal or current_principal()
    site = find_site(db.engine, resolve_site_key(caller, read_requested_site() or default_site))
    now = clock.now()
    sent = ReportRequest(site, query, now, _complete_through(now), caller.kind is Kind.SHARE)
    report_request = _with_conditions(sent)
    if report_request.is_shared:
        check_shared_query(report_request.query)
    return report_request


def _with_conditions(sent: ReportRequest) -> ReportRequest:
    """The request with the conditions of the segments that its filter names, and its scope. Raises BadInput."""
    filter_text = sent.query.get("filter")
    if not filter_text:
        return sent
    expanded = sent.expand_filter(filter_text)
    scope = resolve_scope(parse_filter(expanded.text), sent.query.get("scope"))
    # Definitions are not shown without a token.
    shown = {"segments": expanded.segments} if expanded.segments and not sent.is_shared else {}
    query = {**sent.query, "filter": expanded.text, "scope": scope}
    return replace(sent, query=query, filter_meta={"filter": filter_text, "scope": scope, **shown})


def read_sites_request(schema: Schema) -> SitesRequest:
    """The request of the current HTTP request for all sites of the caller, or the one that it names. Raises as
    `read_request`."""
    query, caller, now = read_query(schema, request.args), current_principal(), clock.now()
    keys = caller.sites
    if requested_key := read_requested_site():
        keys = frozenset((find_site(db.engine, resolve_site_key(caller, requested_key)).key,))
    return SitesRequest(keys, query, now, _complete_through(now))


def _complete_through(now: datetime) -> datetime | None:
    """None when Redis is unavailable; the report itself needs only the database."""
    try:
        return read_complete_through(buffer_redis(), now)
    except RedisError:
        current_app.logger.warning("complete_through is unknown")
        return None


def purged_error(parameter: str, start: datetime, raw_since: datetime, more: str = "") -> BadInput:
    """The refusal of what needs raw events from `start` on; it names the parameter. `more`: what else is accepted."""
    detail = f"needs raw events from {format_utc(start)} on, and those before {format_utc(raw_since)} may be purged; "
    detail += "accepted: a period that begins later"
    if parameter in ("filter", "zone", "timezone", "compare", "metrics"):
        detail += f", or no {parameter}"
    elif parameter in ("hours", "from", "to"):
        detail += ", or one of whole days"
    detail += more
    return bad_parameter(parameter, detail, PARAMETER_EXAMPLES["from"])


def period_bounds(period: Period) -> dict[str, str]:
    """`from` and `to` of a response."""
    return {"from": format_utc(period.start), "to": format_utc(period.end)}


def format_utc(instant: datetime) -> str:
    """RFC 3339, with Z."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
