"""The report properties: which names payloads have at their top, most frequent first. From columns.

views.py calls it. The values of one are a breakdown by `payload.` and its `property`. SELECT only.
"""

import re
from typing import Any

from analytics.extensions import settings
from analytics.period import Period, period_parameter, read_zone
from analytics.reports.filtering.filters import read_filter
from analytics.reports.filtering.payload_properties import ESCAPED_SIGNS
from analytics.reports.filtering.scope import MIXED
from analytics.reports.report_period import open_raw_events, read_report_period
from analytics.reports.request import ReportRequest
from analytics.reports.responses.cache import get_or_compute

ESCAPED = re.compile(f"([{re.escape(ESCAPED_SIGNS)}])")


def build_properties(request: ReportRequest) -> dict[str, Any]:
    """The report with its `meta`. Raises BadInput; Invalid when the count exceeds STATEMENT_TIMEOUT."""
    with request.open_snapshot() as snapshot:
        zone = read_zone(request.query, snapshot.zone)
    period = read_report_period(request, zone)
    meta = request.meta(period, "raw")
    return get_or_compute(request, "properties", period, lambda: _list(request, period) | {"meta": meta})


def _list(request: ReportRequest, period: Period) -> dict[str, Any]:
    rows = _count(request, period)
    return {
        "property_count": rows[0][3] if rows else 0,
        "properties": [
            {"name": name, "property": escape_name(name), "events": events, "users": users}
            for name, events, users, _ in rows
        ],
    }


def escape_name(name: str) -> str:
    """The one key as filters, dimensions and goals name it: `order.total` is `order\\.total`."""
    return ESCAPED.sub(r"\\\1", name)


def _count(request: ReportRequest, period: Period) -> list[tuple[Any, ...]]:
    """Name, events, users, and how many names there are. One scan."""
    # With the engine of column files, 75 MB.
    from analytics.reports.columns.clauses import Parameters
    from analytics.reports.columns.selection import RowSelection, select_events
    from analytics.reports.columns.site_columns import open_site_columns

    query, site, parameters = request.query, request.site, Parameters()
    conditions = read_filter(query["filter"]) if "filter" in query else ()
    selection = RowSelection(site.id, request.include_bots, conditions, query.get("scope", MIXED))
    with (
        open_raw_events(request, period, period_parameter(query)) as (connection, calendar),
        open_site_columns(connection, site.id, calendar) as reader,
    ):
        rows = select_events(reader, selection, period.start, period.end, parameters)
        types = ", ".join(map(parameters.add, query.get("type") or ()))
        is_asked = f"type IN ({types})" if types else "true"
        names = f"""
            SELECT name, count(*), count(DISTINCT user_no), count(*) OVER ()
            FROM (
                SELECT unnest(json_keys(payload)) AS name, user_no FROM {rows} WHERE {is_asked} AND payload IS NOT NULL
            )
            WHERE name <> '' GROUP BY name ORDER BY count(*) DESC, name
            LIMIT {int(query.get("limit") or settings().top_results_limit)}
        """
        return reader.execute(names, parameters)
