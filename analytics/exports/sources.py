"""What an export holds: the request in its one canonical form, its columns, how it is cut, and the rows of a part.

A job's rows are those received before its cutoff, in the order (ts, event_id). Parts are stretches of time, so that
they hold the same rows whenever they are made. jobs.py keeps the request, run.py makes the parts. SELECT only.
"""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.columns import Column, session_zone
from analytics.errors import BadInput, Problem
from analytics.exports import report_source, selections
from analytics.exports.formats import FORMATS, Shape
from analytics.exports.report_source import Report
from analytics.exports.selections import Filter, Selection, select_rows, statements, table_of
from analytics.period import Period, of_day
from analytics.reports import events
from analytics.reports.samples import BY_INDEX
from analytics.store.reading import CopyRows, Stored, reading, stored_partitions

SOURCES = ("events", "report", "samples", "subject")
# Rows of a part, about: what a worker that was killed makes anew at the most.
PART_ROWS = 200_000
# One user's rows are few: then a part is as much as this that is read.
READ_ROWS = 2_000_000
# What an event and a sample take where nothing else is known.
ROW_BYTES, SAMPLE_BYTES = 400, 150
PLAN_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """An export as it was asked for. `columns`: (), all of them; `received_from`: only what came in since."""

    what: str
    format: str
    compression: str
    site_id: int
    start: datetime
    end: datetime
    zone: str = "UTC"
    filter: Filter = field(default_factory=Filter)
    columns: tuple[str, ...] = ()
    received_from: datetime | None = None
    # Which one, of what=report.
    report: Report = field(default_factory=Report)

    def as_json(self) -> dict[str, Any]:
        """Canonical: equal requests are equal texts."""
        name, dimension, unit = self.report
        report = {"report": name, "dimension": dimension, "unit": unit} if self.what == "report" else {}
        return report | {
            "what": self.what,
            "format": self.format,
            "compression": self.compression,
            "site_id": self.site_id,
            "start": self.start.astimezone(UTC).isoformat(),
            "end": self.end.astimezone(UTC).isoformat(),
            "zone": self.zone,
            "columns": list(self.columns),
            "received_from": self.received_from and self.received_from.astimezone(UTC).isoformat(),
            **self.filter.as_json(),
        }

    @classmethod
    def of_json(cls, given: dict[str, Any]) -> "Request":
        """The request that `as_json` wrote."""
        since = given["received_from"]
        return cls(
            what=given["what"],
            format=given["format"],
            compression=given["compression"],
            site_id=given["site_id"],
            start=datetime.fromisoformat(given["start"]),
            end=datetime.fromisoformat(given["end"]),
            zone=given["zone"],
            filter=Filter.of_json(given),
            columns=tuple(given["columns"]),
            received_from=since and datetime.fromisoformat(since),
            report=Report(given.get("report", "metrics"), given.get("dimension", ""), given.get("unit", "")),
        )

    @property
    def asked_report(self) -> report_source.Asked:
        """What report_source makes it of."""
        asked = self.filter
        return report_source.Asked(self.site_id, self.report, self.start, self.end, asked.types, asked.include_bots)


class Part(NamedTuple):
    """A stretch of a job's time; `n` counts from 0."""

    n: int
    start: datetime
    end: datetime


def check(request: Request) -> None:
    """Raises BadInput, with what would do, for a request that no export can be made of."""
    _known("what", request.what, SOURCES)
    _known("format", request.format, tuple(FORMATS))
    _known("compression", request.compression, FORMATS[request.format].compressions)
    if request.what == "subject" and not request.filter.user_id:
        raise _refuse("user_id", "a subject export is of one person: give filter.user_id")
    selections.check(request.what, request.filter)
    if request.what == "report":
        report_source.check(request.report, request.filter.types, request.filter.user_id)
    elif request.report != Report():
        raise _refuse("report", f"goes with what=report, not with what={request.what}")
    columns_of(request)


def columns_of(request: Request) -> tuple[Column, ...]:
    """The columns in the order asked for. Raises BadInput for one that is not known, or named twice."""
    is_report = request.what == "report"
    columns = report_source.KINDS[request.report.name].columns if is_report else table_of(request.what).columns
    known = {column.name: column for column in columns}
    for number, name in enumerate(request.columns):
        if name not in known or name in request.columns[:number]:
            wrong = "is named twice" if name in known else "is not known"
            raise _refuse("columns", f"{name[:80]!r} {wrong}; columns: {', '.join(known)}")
    return tuple(known[name] for name in request.columns) or tuple(known.values())


def shape_of(request: Request) -> Shape:
    """What the file looks like."""
    title = request.report.name if request.what == "report" else table_of(request.what).name
    return Shape(request.format, request.compression, columns_of(request), request.zone, title.capitalize())


def default_period(connection: Connection, what: str, site_id: int, zone: ZoneInfo, now: datetime) -> Period:
    """All that is stored, or, of a report, known; today, when nothing is."""
    if what == "report":
        return report_source.everything(connection, site_id, now)
    stored = stored_partitions(connection, table_of(what).name)
    return events.everything(stored, of_day(clock.day_of(now, zone), zone))


def plan_parts(connection: Connection, request: Request) -> list[Part]:
    """Stretches of about PART_ROWS, in order of time; none, where nothing is stored. They need not be planned again."""
    if request.what == "report":
        return [Part(0, request.start, request.end)]
    stored = stored_partitions(connection, table_of(request.what).name)
    density = _density(connection, request, stored)
    most = PART_ROWS if request.filter.user_id is None else READ_ROWS
    found: list[tuple[datetime, datetime]] = []
    held = 0.0
    for start, end in events.slices(_period(request), stored):
        rows = density.between(start, end)
        if found and held + rows <= most:
            found[-1], held = (found[-1][0], end), held + rows
        else:
            found += _cut(start, end, ceil(rows / most))
            held = rows if rows <= most else most
    return [Part(n, start, end) for n, (start, end) in enumerate(found)]


def _cut(start: datetime, end: datetime, pieces: int) -> list[tuple[datetime, datetime]]:
    pieces = max(1, min(pieces, (end - start) // timedelta(microseconds=1)))
    edges = [start + (end - start) * n / pieces for n in range(pieces)] + [end]
    return list(pairwise(edges))


def estimate_rows(connection: Connection, request: Request) -> int | None:
    """About how many rows; None: a filter of what rollups do not know leaves nobody knows how many."""
    return most_rows(connection, request) if request.filter.is_countable else None


def most_rows(connection: Connection, request: Request) -> int:
    """About how many rows at the most: from the rollups where the site has any, else from the partitions' sizes."""
    if request.what == "report":
        return report_source.estimate(connection, request.asked_report)
    stored = stored_partitions(connection, table_of(request.what).name)
    rows = _density(connection, request, stored).between(request.start, request.end)
    if request.filter.user_id is not None:
        rows /= connection.execute(COUNT_USERS, {"site_id": request.site_id}).scalar() or 1
    return ceil(rows)


def selection_of(request: Request, cutoff: datetime) -> Selection:
    """Of events or samples: which of them were received before the cutoff."""
    return select_rows(request.what, request.site_id, _period(request), request.filter, request.received_from, cutoff)


def rows_of(engine: Engine, request: Request, part: Part, cutoff: datetime) -> CopyRows:
    """The part's rows as the format wants them, all of one snapshot."""
    return CopyRows(engine, _statements(engine, request, part, cutoff), session_zone(request.format, request.zone))


def copies_of(engine: Engine, request: Request, part: Part, cutoff: datetime) -> list[CopyRows]:
    """The same rows, a statement each, in their order, for one who runs two at a time."""
    if request.what == "report":
        return [rows_of(engine, request, part, cutoff)]
    zone = session_zone(request.format, request.zone)
    return [CopyRows(engine, [one], zone, is_alone=True) for one in _statements(engine, request, part, cutoff)]


def _statements(engine: Engine, request: Request, part: Part, cutoff: datetime) -> Iterator[events.Statement]:
    columns = columns_of(request)
    if request.what == "report":
        return report_source.statements(engine, request.asked_report, columns, request.format, request.zone)
    selection = selection_of(request, cutoff)
    with reading(engine, PLAN_TIMEOUT_S) as connection:
        stored = stored_partitions(connection, selection.table.name)
    period = Period(part.start, part.end, clock.zone(request.zone))
    return statements(selection, period, stored, columns, request.format, request.zone)


# The numbers of a site's users are dense.
COUNT_USERS = text("SELECT next_user_no - 1 FROM user_numbers WHERE site_id = :site_id")


# pk_rollups, by its leading columns.
EVENTS_A_DAY = text("""
SELECT day, sum(events)
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = 'total' AND day >= :first AND day <= :last
  AND subject = '' AND (CAST(:types AS text[]) IS NULL OR type = ANY(CAST(:types AS text[]))) AND (:bots OR NOT is_bot)
GROUP BY day
ORDER BY day
""")


class _Density:
    """About how many rows there are up to an instant: evenly spread over each stretch that is counted."""

    def __init__(self, counted: Sequence[tuple[datetime, datetime, float]]) -> None:
        self._counted, self._before, total = counted, [0.0], 0.0
        for *_, rows in counted:
            self._before.append(total := total + rows)
        self._starts = [start for start, *_ in counted]

    def between(self, start: datetime, end: datetime) -> float:
        return self._until(end) - self._until(start)

    def _until(self, instant: datetime) -> float:
        at = bisect.bisect_right(self._starts, instant) - 1
        if at < 0:
            return 0.0
        start, end, rows = self._counted[at]
        return self._before[at] + rows * min(1.0, (instant - start) / (end - start))


def _density(connection: Connection, request: Request, stored: Sequence[Stored]) -> _Density:
    is_of_samples = request.what == "samples"
    counted = (_samples_an_hour if is_of_samples else _events_a_day)(connection, request)
    row_bytes = SAMPLE_BYTES if is_of_samples else ROW_BYTES
    return _Density(counted or [(start, end, size / row_bytes) for start, end, size in stored])


def _events_a_day(connection: Connection, request: Request) -> list[tuple[datetime, datetime, float]]:
    zone = report_source.calendar_of(connection, request.site_id)
    asked = request.filter
    given = {"site_id": request.site_id, "types": list(asked.types) or None, "bots": asked.include_bots}
    days = given | {"first": clock.day_of(request.start, zone), "last": clock.day_of(request.end, zone)}
    return [(*clock.day_bounds(day, zone), float(rows)) for day, rows in connection.execute(EVENTS_A_DAY, days)]


# Ranges of pk_sample_rollups, one for each name.
SAMPLES_AN_HOUR = text("""
SELECT found.hour, sum(found.count)
FROM sample_names AS known
CROSS JOIN LATERAL (
    SELECT hour, count
    FROM sample_rollups
    WHERE site_id = known.site_id AND name = known.name AND NOT tagged
        AND hour > :start - interval '1 hour' AND hour < :end
    OFFSET 0
) AS found
WHERE known.site_id = :site_id AND (CAST(:names AS text[]) IS NULL OR known.name = ANY(CAST(:names AS text[])))
GROUP BY found.hour
ORDER BY found.hour
""")


def _samples_an_hour(connection: Connection, request: Request) -> list[tuple[datetime, datetime, float]]:
    given = {"site_id": request.site_id, "names": list(request.filter.names) or None}
    connection.execute(BY_INDEX)
    found = connection.execute(SAMPLES_AN_HOUR, given | {"start": request.start, "end": request.end})
    return [(hour, hour + timedelta(hours=1), float(rows)) for hour, rows in found]


def _period(request: Request) -> Period:
    return Period(request.start, request.end, clock.zone(request.zone))


def _known(name: str, value: str, words: Sequence[str]) -> None:
    if value not in words:
        raise _refuse(name, f"{value[:80]!r} is not known; known: {', '.join(words)}")


def _refuse(name: str, detail: str) -> BadInput:
    whole = f"{name}: {detail}"
    return BadInput(whole, [Problem(None, name, "bad_parameter", whole)])
