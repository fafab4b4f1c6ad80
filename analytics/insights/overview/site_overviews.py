"""The main figures of many sites: one page of those that the caller may read, each in its own zone, at one instant.

views.py calls it. Some ten queries a site, and three for all sites together; a site whose part of a day is compared
reads raw events of less than an hour besides. SELECT only.
"""

from datetime import UTC
from typing import Any, NamedTuple

from sqlalchemy import Connection

from analytics.clock import format_rfc3339
from analytics.extensions import db, settings
from analytics.insights.overview.schemas import MAX_SITES
from analytics.period import Period, period_parameter
from analytics.reports.caller.activity import Activity, read_activity
from analytics.reports.comparison import keep_to_rollups, read_comparison
from analytics.reports.day_range import MAX_DAYS, DayRange, read_period_of_rollups
from analytics.reports.query.from_rollups import RollupSource
from analytics.reports.query.measures import PAGE_VIEW_TYPES, EventSelection
from analytics.reports.query.query import compare_figures
from analytics.reports.realtime.realtime import count_online_users
from analytics.reports.request import ReportRequest, SitesRequest, purged_error
from analytics.rollups.snapshot.clipped import RawEventsPurged
from analytics.rollups.snapshot.snapshot import Snapshot
from analytics.rollups.visits.sums import VisitSums
from analytics.sites.sites import Site, read_site_page
from analytics.store.planner import force_index_lookups
from analytics.store.reading import read_transaction
from analytics.web.cursor import decode_cursor, encode_cursor

# The longest periods in days whose sparks are by hour and by day; longer ones are by week.
MAX_DAYS_BY_HOUR, MAX_DAYS_BY_DAY = 2, 92


class SiteCursor(NamedTuple):
    """The key of a page's last site."""

    key: str


def list_site_overviews(request: SitesRequest) -> dict[str, Any]:
    """The page, ordered by key. Raises BadInput."""
    query, bots = request.query, bool(request.query.get("include_bots", False))
    after = decode_cursor(query["cursor"], SiteCursor).key if "cursor" in query else ""
    engine = db.engine.execution_options(isolation_level="REPEATABLE READ")
    with read_transaction(engine, settings().statement_timeout) as connection:
        force_index_lookups(connection)
        page = read_site_page(connection, request.keys, int(query.get("limit", MAX_SITES)), after)
        # One that is being deleted shows nothing any more.
        sites = [site for site in page.sites if site.deleting_at is None]
        figures = [_count_site(connection, request.of_site(site)) for site in sites]
        activity = read_activity(connection, sites)
        online = count_online_users(connection, [site.id for site in sites], request.now, bots)
    rows = [
        _describe_site(site, activity.get(site.id, Activity(None, None))) | counts | {"online": online.get(site.id, 0)}
        for site, counts in zip(sites, figures, strict=True)
    ]
    next_cursor = None if page.last_key is None else encode_cursor(SiteCursor(page.last_key))
    return {"sites": rows, "next_cursor": next_cursor}


def _describe_site(site: Site, activity: Activity) -> dict[str, Any]:
    events = {name: instant and format_rfc3339(instant.astimezone(UTC)) for name, instant in activity._asdict().items()}
    return {"key": site.key, "name": site.name, **events}


def _count_site(connection: Connection, request: ReportRequest) -> dict[str, Any]:
    try:
        return _count(Snapshot(connection, request.site), request)
    except RawEventsPurged as error:
        raise purged_error(period_parameter(request.query), error.start, error.raw_since) from error


def _count(snapshot: Snapshot, request: ReportRequest) -> dict[str, Any]:
    period = read_period_of_rollups(request, snapshot.zone, max_days=MAX_DAYS)
    source = RollupSource(snapshot, EventSelection(request.site.id, PAGE_VIEW_TYPES, request.include_bots))
    comparison = read_comparison(request, period, MAX_DAYS)
    comparison = keep_to_rollups(snapshot, comparison) if comparison else None
    figures, unit = _figures(source, request, period), _spark_unit(period)
    return {
        "zone": snapshot.zone,
        **figures,
        "granularity": unit,
        "spark": [visitors for _, visitors in source.count_users(period, unit)],
        **(compare_figures(figures, comparison, lambda other: _figures(source, request, other)) if comparison else {}),
        "meta": request.meta(period, "rollup", **({"compare": comparison.as_json()} if comparison else {})),
    }


def _figures(source: RollupSource, request: ReportRequest, period: Period) -> dict[str, int]:
    """Two queries, or three where the period has whole weeks."""
    [(page_views, visitors)] = source.count_users(period, "all")
    days = DayRange.covering(period)
    visits = source.clip(period).visits("total", days.first, days.after, request.include_bots)
    return {"page_views": page_views, "visitors": visitors, "visits": VisitSums.total(visits.values()).visits}


def _spark_unit(period: Period) -> str:
    length = DayRange.covering(period).length
    if length <= MAX_DAYS_BY_HOUR:
        return "hour"
    return "day" if length <= MAX_DAYS_BY_DAY else "week"
