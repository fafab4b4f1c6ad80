"""Seed 004's custom events: every type but page views, with what their payloads hold, and campaigns.

Counts are of rollups. Payloads are in the raw events only: a sample is read from one hour, a breakdown by a property
from the days asked for.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from analytics import clock
from analytics.period import Period
from analytics.reports.counted import VIEWS
from analytics.reports.days import refuse
from analytics.reports.question import Question
from analytics.reports.website import NO_VISITS, Scope, percent
from analytics.rollups import sums
from analytics.rollups.delta import Count
from analytics.rollups.guard import OTHER
from analytics.rollups.reading import Snapshot

CAMPAIGNS = {"sources": "utm_source", "mediums": "utm_medium", "campaigns": "utm_campaign"}


class Seen(NamedTuple):
    """A type, its events and people in the days, and the last of the days that has any."""

    type: str
    events: int
    users: int
    last_day: date

    def as_json(self) -> dict[str, Any]:
        counts = {"event_type": self.type, "count": self.events, "unique": self.users}
        return {**counts, "last_day": str(self.last_day), "sample_properties": {}}


def read_types(found: Snapshot, scope: Scope, event: str | None = None) -> tuple[list[Seen], Counter[date]]:
    """The types, those with most events first, and the events of them all by day; only `event` if one is given."""
    by_type, by_day = defaultdict[str, dict[date, Count]](dict), Counter[date]()
    for (day, kind), count in sums.by_type(found, scope.days.first, scope.days.after, scope.bots).items():
        if kind not in VIEWS and event in (None, kind):
            by_type[kind][day] = count
            by_day[day] += count.events
    return sorted(
        (_seen(kind, days) for kind, days in by_type.items()), key=lambda one: (-one.events, one.type)
    ), by_day


def _seen(kind: str, days: Mapping[date, Count]) -> Seen:
    total = Count()
    for count in days.values():
        total.add(count)
    return Seen(kind, total.events, len(total.users), max(days))


def describe(found: Snapshot, scope: Scope, event: str | None = None) -> dict[str, Any]:
    """4.E15 but for sample_properties. unique_events: how many types there are; total_events: of all of them."""
    types, by_day = read_types(found, scope, event)
    return {
        "top_events": [one.as_json() for one in types[: scope.limit]],
        "timeseries": [{"date": str(day), "count": by_day[day]} for day in scope.days.dates],
        "total_events": by_day.total(),
        "unique_events": len(types),
        "utm_performance": {name: _campaigns(found, scope, dimension) for name, dimension in CAMPAIGNS.items()},
    }


def _campaigns(found: Snapshot, scope: Scope, dimension: str) -> list[dict[str, Any]]:
    """Page views that came with the parameter, and the visits that began with it."""
    first, after, _ = scope.days
    tops = [top for top in found.top(dimension, first, after, scope.limit + 1, **scope.asked) if top.value]
    visits = sums.visits_of(found, dimension, first, after, [top.value for top in tops], scope.bots)
    lines = []
    for top in tops[: scope.limit]:
        began = visits.get(top.value, NO_VISITS)
        line = {"name": top.value, "views": top.events, "unique": top.users, "visits": began.visits}
        lines.append(line | {"bounce_rate": percent(began.bounces, began.visits)})
    return lines


def last_hours(found: Snapshot, scope: Scope, top_events: Sequence[Mapping[str, Any]]) -> dict[str, Period]:
    """Type → the last hour of the days that has an event of it. A query a type."""
    zone, hours = scope.days.zone, {}
    for line in top_events:
        kind, day = line["event_type"], date.fromisoformat(line["last_day"])
        if kind != OTHER:
            last = max(found.hours(day, types=(kind,), bots=scope.bots))
            start = clock.day_start(day, zone) + timedelta(hours=last)
            hours[kind] = Period(start, start + timedelta(hours=1), zone)
    return hours


def read_payloads(
    connection: Connection,
    question: Question,
    scope: Scope,
    top_events: Sequence[Mapping[str, Any]],
    hours: Mapping[str, Period],
    raw_since: datetime | None,
) -> dict[str, Any]:
    """The events with samples of their payloads; `properties` too, when the caller asks for one."""
    samples = read_samples(connection, question.site.id, hours, scope.bots)
    lines = [{**line, "sample_properties": samples.get(line["event_type"], {})} for line in top_events]
    answer: dict[str, Any] = {"top_events": lines}
    if name := question.query.get("property"):
        event = question.query["event"]
        values = break_down(connection, question.site.id, scope, event, name, raw_since)
        answer["properties"] = {"event": event, "property": name, "values": values}
    return answer


# By partition pruning on ts and ix_events_ts (BRIN): an hour of the table is read until the first event of the type.
SAMPLES = text("""
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


def read_samples(connection: Connection, site_id: int, hours: Mapping[str, Period], bots: bool) -> dict[str, Any]:
    """Type → the payload of one of its events in that hour; no entry where none has any, or raw events are gone."""
    periods = hours.values()
    given = {"types": list(hours), "starts": [one.start for one in periods], "ends": [one.end for one in periods]}
    rows = connection.execute(SAMPLES, {"site_id": site_id, "bots": bots, **given})
    return {kind: payload for kind, payload in rows}  # noqa: C416  # rows are no pairs to mypy


# By partition pruning on ts and, inside a partition that the days cut, ix_events_ts (BRIN).
BREAKDOWN = text("""
SELECT payload #>> CAST(:path AS text[]) AS value, count(*), count(DISTINCT user_no)
FROM events
WHERE site_id = :site_id AND type = :type AND ts >= :start AND ts < :end AND (:bots OR NOT is_bot)
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT :limit
""")


def break_down(
    connection: Connection, site_id: int, scope: Scope, event: str, name: str, raw_since: datetime | None
) -> list[dict[str, Any]]:
    """Events of a type by a property of their payload; `name`: a.b is b in a. null: it has none. One query, O(events).

    Raises BadInput where raw events of the days may be gone.
    """
    period = scope.days.period
    if raw_since is not None and period.start < raw_since:
        since = clock.day_of(raw_since, scope.days.zone) + timedelta(days=1)
        raise refuse("property", f"payloads of {scope.days.first} may be gone", f"from={since}")
    given = {"type": event, "path": name.split("."), "start": period.start, "end": period.end, "limit": scope.limit}
    rows: Sequence[Any] = connection.execute(BREAKDOWN, {"site_id": site_id, "bots": scope.bots, **given}).all()
    return [{"value": value, "count": events, "unique": people} for value, events, people in rows]
