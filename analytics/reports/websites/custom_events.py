"""Seed 004's custom events (4.E15): all types but page views, with their payloads, and campaigns.

The route in views.py calls it. Counts come from rollups. Rollups have no payloads: an example is read from the rows of
one hour, a breakdown by a property from the columns of the requested days.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from analytics import clock
from analytics.period import Period
from analytics.reports.day_range import bad_parameter
from analytics.reports.query.measures import PAGE_VIEW_TYPES
from analytics.reports.report_period import explain_timeout
from analytics.reports.request import ReportRequest
from analytics.reports.websites.top_lists import visits_and_bounces
from analytics.reports.websites.website import ReportOptions
from analytics.rollups.calendar import Calendar
from analytics.rollups.cardinality import OTHER
from analytics.rollups.deltas.counts import Count
from analytics.rollups.snapshot import sums
from analytics.rollups.snapshot.snapshot import Snapshot
from analytics.rollups.snapshot.visit_lists import read_visit_lists

CAMPAIGN_DIMENSIONS = {"sources": "utm_source", "mediums": "utm_medium", "campaigns": "utm_campaign"}


class EventTypeStats(NamedTuple):
    """A type, its events and users in the days, and the last of the days that has any."""

    type: str
    events: int
    users: int
    last_day: date

    @classmethod
    def of_days(cls, event_type: str, days: Mapping[date, Count]) -> "EventTypeStats":
        total = Count()
        for count in days.values():
            total.add(count)
        return cls(event_type, total.events, len(total.users), max(days))

    def as_json(self) -> dict[str, Any]:
        counts = {"event_type": self.type, "count": self.events, "unique": self.users}
        return {**counts, "last_day": str(self.last_day), "sample_properties": {}}


def read_event_types(
    snapshot: Snapshot, options: ReportOptions, event: str | None = None
) -> tuple[list[EventTypeStats], Counter[date]]:
    """The types in the order of their events, and the events of all of them by day; only `event` where it is given."""
    by_type, by_day = defaultdict[str, dict[date, Count]](dict), Counter[date]()
    first, after, _ = options.days
    for (day, event_type), count in sums.counts_by_type(snapshot, first, after, options.bots).items():
        if event_type not in PAGE_VIEW_TYPES and event in (None, event_type):
            by_type[event_type][day] = count
            by_day[day] += count.events
    types = (EventTypeStats.of_days(event_type, days) for event_type, days in by_type.items())
    return sorted(types, key=lambda stats: (-stats.events, stats.type)), by_day


def build_response(snapshot: Snapshot, options: ReportOptions, event: str | None = None) -> dict[str, Any]:
    """The response without payloads. unique_events: the number of types; total_events: of all of them."""
    types, by_day = read_event_types(snapshot, options, event)
    return {
        "top_events": [stats.as_json() for stats in types[: options.limit]],
        "timeseries": [{"date": str(day), "count": by_day[day]} for day in options.days.dates],
        "total_events": by_day.total(),
        "unique_events": len(types),
        "utm_performance": {
            name: _list_campaigns(snapshot, options, dimension) for name, dimension in CAMPAIGN_DIMENSIONS.items()
        },
    }


def _list_campaigns(snapshot: Snapshot, options: ReportOptions, dimension: str) -> list[dict[str, Any]]:
    """The visits that began with the parameter, who began them, and their page views."""
    # One extra row, because visits without the parameter may be among them.
    rows = read_visit_lists(snapshot, [dimension], options.visit_days, options.limit + 1)[dimension]
    return [{"name": row.value, **visits_and_bounces(row)} for row in rows if row.value][: options.limit]


def find_last_hours(
    snapshot: Snapshot, options: ReportOptions, top_events: Sequence[Mapping[str, Any]]
) -> dict[str, Period]:
    """Type → the last hour of the days that has an event of it. One query for each type."""
    zone, hours = options.days.zone, {}
    for row in top_events:
        event_type, day = row["event_type"], date.fromisoformat(row["last_day"])
        if event_type != OTHER:
            last = max(snapshot.hourly_totals(day, types=(event_type,), bots=options.bots))
            start = clock.day_start(day, zone) + timedelta(hours=last)
            end = min(start + timedelta(hours=1), options.period.end)
            hours[event_type] = Period(max(start, options.period.start), end, zone)
    return hours


def read_payloads(
    connection: Connection,
    request: ReportRequest,
    options: ReportOptions,
    top_events: Sequence[Mapping[str, Any]],
    hours: Mapping[str, Period],
    calendar: Calendar,
) -> dict[str, Any]:
    """The rows of `top_events` with example payloads; `properties` where the request has `property`."""
    payloads = read_example_payloads(connection, request.site.id, hours, options.bots)
    rows = [{**row, "sample_properties": payloads.get(row["event_type"], {})} for row in top_events]
    fields: dict[str, Any] = {"top_events": rows}
    if name := request.query.get("property"):
        values = break_down_by_property(connection, request, options, calendar)
        fields["properties"] = {"event": request.query["event"], "property": name, "values": values}
    return fields


# Served by partition pruning on ts and ix_events_ts (BRIN): an hour is read until the first event of the type.
EXAMPLE_PAYLOADS = text("""
SELECT w.type, e.payload
FROM unnest(CAST(:types AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
    AS w (type, since, until)
CROSS JOIN LATERAL (
    SELECT payload
    FROM events
    WHERE site_id = :site_id AND type = w.type AND ts >= w.since AND ts < w.until AND payload IS NOT NULL
        AND (:bots OR NOT is_bot)
    LIMIT 1
) AS e
""")


def read_example_payloads(
    connection: Connection, site_id: int, hours: Mapping[str, Period], bots: bool
) -> dict[str, Any]:
    """Type → the payload of one of its events in that hour; no entry where none has one, or raw events are purged."""
    periods = hours.values()
    bounds = {"starts": [period.start for period in periods], "ends": [period.end for period in periods]}
    parameters = {"site_id": site_id, "bots": bots, "types": list(hours), **bounds}
    rows = connection.execute(EXAMPLE_PAYLOADS, parameters)
    return {event_type: payload for event_type, payload in rows}  # noqa: C416  # mypy does not take a Row for a pair


def break_down_by_property(
    connection: Connection, request: ReportRequest, options: ReportOptions, calendar: Calendar
) -> list[dict[str, Any]]:
    """Events of the request's type by its property of their payload (payload_properties.py), from columns. null: events
    without it. Raises BadInput where raw events of the days may be purged, NotInColumns, and Invalid where it takes too
    long."""
    period, raw_since = options.period, calendar.raw_since
    if raw_since is not None and period.start < raw_since:
        since = clock.day_of(raw_since, options.days.zone) + timedelta(days=1)
        detail = f"payloads of {options.days.first} may be past retention; accepted: days since {since}"
        raise bad_parameter("property", detail, f"from={since}")
    # With the engine of column files, 75 MB.
    from analytics.reports.columns.clauses import Parameters, dimension_expression
    from analytics.reports.columns.site_columns import open_site_columns

    with explain_timeout(request, period), open_site_columns(connection, request.site.id, calendar) as reader:
        parameters = Parameters()
        value = dimension_expression(reader, f"payload.{request.query['property']}", parameters)
        query = f"""
            SELECT {value} AS value, count(*) AS events, count(DISTINCT user_no)
            FROM {reader.events(period.start, period.end)}
            WHERE type = {parameters.add(request.query["event"])} AND {"true" if options.bots else "NOT is_bot"}
            GROUP BY 1 ORDER BY events DESC, value LIMIT {parameters.add(options.limit)}
        """
        rows = reader.execute(query, parameters)
    return [{"value": value, "count": count, "unique": users} for value, count, users in rows]
