"""The routes of seed 000's reports on one short link and on all: guard, read the request, call, respond.

The site is `links` unless the request names another.
"""

from functools import partial

from flask import Blueprint, Response, jsonify, request

from analytics import clock
from analytics.apidocs.operations import documented
from analytics.auth.guard import current_principal
from analytics.errors import NotFound
from analytics.reports.links import global_stats, link_stats
from analytics.reports.links.schemas import (
    GLOBAL_STATS_EXAMPLE,
    LINK_STATS_EXAMPLE,
    GlobalStatsResponse,
    LinkStatsResponse,
)
from analytics.reports.request import ReportRequest, guarded_read, read_request
from analytics.reports.schemas import TopListQuery, refuse_nul
from analytics.sites.sites import LINKS_DEFAULTS, LINKS_SITE_KEY, Site
from analytics.store.event_types import stored_subject
from analytics.web.site_parameters import read_requested_site
from analytics.web.validation import read_query

blueprint = Blueprint("links", __name__)
# The first click creates the site; before it, reports have zeros.
MISSING_SITE = Site(
    0, LINKS_SITE_KEY, LINKS_SITE_KEY, "UTC", "open", frozenset(), "trust", False, False, (), **LINKS_DEFAULTS
)


guarded_links_read = partial(guarded_read, default_site=LINKS_SITE_KEY)


@blueprint.get("/analytics/stats/<path:short_code>")
@documented("Clicks of one short link", TopListQuery, (LinkStatsResponse, LINK_STATS_EXAMPLE))
@guarded_links_read
def get_link_stats(short_code: str) -> Response:
    """All time, or the requested period. A code without clicks has zeros: it may have been created a moment ago."""
    refuse_nul("short_code", short_code)
    short_code = stored_subject(short_code)
    report_request = _read_links_request()
    if report_request.site is MISSING_SITE:
        return jsonify(link_stats.build_empty_report(report_request, short_code, report_request.limit))
    with report_request.open_snapshot() as snapshot:
        report = link_stats.build_report(snapshot, report_request, short_code, report_request.limit)
    if report_request.is_shared:
        del report[link_stats.PRIVATE_LIST]
    return jsonify(report)


@blueprint.get("/analytics/global")
@documented("Clicks of all short links", TopListQuery, (GlobalStatsResponse, GLOBAL_STATS_EXAMPLE))
@guarded_links_read
def get_global_stats() -> Response:
    """All time, or the requested period; the trend always ends today. On a new database: zeros and empty lists."""
    report_request = _read_links_request()
    if report_request.site is MISSING_SITE:
        return jsonify(global_stats.build_empty_report(report_request, report_request.limit))
    with report_request.open_snapshot() as snapshot:
        return jsonify(global_stats.build_report(snapshot, report_request, report_request.limit))


def _read_links_request() -> ReportRequest:
    """The site is that of the request, else that of a token for certain sites, else `links`."""
    token_sites = current_principal().sites
    try:
        return read_request(TopListQuery(), default_site=None if token_sites else LINKS_SITE_KEY)
    except NotFound:
        if token_sites or read_requested_site():
            raise
        now = clock.now()
        return ReportRequest(MISSING_SITE, read_query(TopListQuery(), request.args), now, now)
