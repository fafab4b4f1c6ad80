"""What a share link or a site with public statistics shows: which reports, and by which dimensions and parameters.

request.py asks for every caller of Kind.SHARE. Both lists name what is allowed, so that a new report, parameter or
dimension is private until it is listed: a filter by a payload property or a user id would let anybody guess its
values one by one; segments in it count by their conditions. Reports whose lists are fixed leave out those of other
dimensions where `ReportRequest.is_shared`: cities are left out, and referring pages are shown as their sources. Links
are shown by short code, since that is what their reports are about.
"""

from collections.abc import Mapping
from typing import Any

from analytics.errors import Forbidden, Problem
from analytics.reports.filtering.filters import parse_filter

CANONICAL_REPORTS = (
    *("summary", "timeseries", "breakdown", "overview", "realtime", "dau", "wau", "mau"),
    *("stickiness", "retention", "metrics"),
)
WEBSITE_REPORTS = (
    *("dashboard", "realtime", "traffic-summary", "daily-stats", "hourly-stats", "custom-events"),
    *("top-pages", "top-referrers", "top-countries", "top-browsers", "top-devices", "top-os"),
)
# Routes as their blueprints name them: aggregates only, no definitions and no rows.
SHARED_REPORTS = frozenset(
    (
        *(f"/api/analytics/reports/{name}" for name in CANONICAL_REPORTS),
        *(f"/api/v1/analytics/{name}/<website_id>" for name in WEBSITE_REPORTS),
        *("/stats", "/analytics/stats/<path:short_code>", "/analytics/global"),
    )
)
# Without what identifies or describes a person or a secret: payload, user, session, city, referring page, short code.
HARMLESS_DIMENSIONS = (
    *("path", "hostname", "entry_path", "exit_path", "source", "channel", "country", "region"),
    *("browser", "os", "device", "language", "screen", "type"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
)
DIMENSION_PARAMETERS = ("dimension", "breakdown")
SHARED_PARAMETERS = frozenset(
    (
        *("site", "site_id", "website_id", "zone", "timezone", "date", "days", "hours", "from", "to", "compare"),
        *(
            "include_bots",
            "type",
            "event",
            "limit",
            "cursor",
            "granularity",
            "unit",
            "window",
            "name",
            "align",
            "lists",
            "measures",
            "metrics",
            "format",
        ),
        *("filter", "scope", *DIMENSION_PARAMETERS),
    )
)


def is_shared(rule: str) -> bool:
    """Whether the report with this route may be read without a token."""
    return rule in SHARED_REPORTS


def check_shared_query(query: Mapping[str, Any]) -> None:
    """Raises Forbidden for a parameter, or a dimension of one, that is not shown without a token."""
    for name in query:
        if name not in SHARED_PARAMETERS:
            raise _refuse(name, "this parameter", ", ".join(sorted(SHARED_PARAMETERS)), "days=7")
    for name in DIMENSION_PARAMETERS:
        _check_dimension(name, query.get(name, "path"), f"{name}=path")
    for name in query.get("lists", ()):
        if name != "busiest_hours":
            _check_dimension("lists", name, "lists=path,source")
    for condition in parse_filter(query["filter"]) if "filter" in query else ():
        _check_dimension("filter", condition.field, "filter=country==DE")


def _check_dimension(parameter: str, dimension: str, example: str) -> None:
    if dimension not in HARMLESS_DIMENSIONS:
        raise _refuse(parameter, dimension, ", ".join(HARMLESS_DIMENSIONS), example)


def _refuse(parameter: str, what: str, accepted: str, example: str) -> Forbidden:
    detail = (
        f"{parameter}: {what} needs a token or a key with the scope read; accepted by share links and public sites: "
        f"{accepted}; for example {example}"
    )
    return Forbidden(detail, [Problem(None, parameter, "not_shared", detail)])
