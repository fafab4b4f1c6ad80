"""Visits: page views against `visits`, and `visits` against visit_rollups. days.py calls it for a full audit."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, text

from analytics.audit.checks.recount import (
    ConsecutiveDays,
    VisitRowKey,
    VisitSums,
    read_visit_rollups,
    recount_visits,
    sum_stored_visits,
)
from analytics.audit.checks.site_audit import Calendar, SiteAudit, sum_deltas
from analytics.rollups.cardinality import OTHER

VISIT_GAP = timedelta(minutes=30)
NO_VISITS = VisitSums(0, 0, 0, 0, 0, 0)

VisitRows = Mapping[VisitRowKey, VisitSums]


def compare_visits(connection: Connection, audit: SiteAudit, calendar: Calendar, days: Sequence[date]) -> None:
    """Adds a gap for each differing sum of the days, and of those that have visits only; consecutive days are read
    together."""
    days = sorted({*days, *_list_days_of_visits(connection, audit)})
    parts = sum_deltas(connection, audit.site.id, calendar.zone, ("total",), visit_parts=True).visit_parts
    excluded = sorted({part.user_no for part in parts})
    if excluded:
        audit.add_note(f"visits of {len(excluded):,} users wait to be merged: not checked")
    _note_unknown_users(connection, audit, days)
    for run in _consecutive_days(calendar, days):
        raw = recount_visits(connection, audit.site.id, run, run.starts[0] - VISIT_GAP, excluded)
        stored = sum_stored_visits(connection, audit.site.id, run, ())
        merged = sum_stored_visits(connection, audit.site.id, run, excluded) if excluded else stored
        _add_gaps(audit, "page views' visits = visits", raw, merged)
        rollups = read_visit_rollups(connection, audit.site.id, run)
        _add_gaps(audit, "visits = rolled up", _move_to_other(rollups, stored), rollups)


# pk_visit_rollups; all of it is read anyway.
LIST_DAYS = text("""
SELECT DISTINCT day FROM visit_rollups WHERE site_id = :site_id AND day >= :first AND day < :after AND visits <> 0
""")


def _list_days_of_visits(connection: Connection, audit: SiteAudit) -> Sequence[date]:
    """The audited days with stored sums of visits."""
    first, after = audit.days.bounds
    parameters = {"site_id": audit.site.id, "first": first, "after": after}
    return connection.execute(LIST_DAYS, parameters).scalars().all()


# A range of pk_visit_rollups.
COUNT_UNKNOWN = text("""
SELECT count(DISTINCT day)
FROM visit_rollups
WHERE site_id = :site_id AND day = ANY (CAST(:days AS date[])) AND users IS NULL AND visits > 0
    AND dimension NOT IN ('total', 'hour')
""")


def _note_unknown_users(connection: Connection, audit: SiteAudit, days: Sequence[date]) -> None:
    count = connection.execute(COUNT_UNKNOWN, {"site_id": audit.site.id, "days": list(days)}).scalar_one()
    if count:
        audit.add_note(f"who visits of {count:,} days are of is not known: run `flask rollups recount-visits`")


def _consecutive_days(calendar: Calendar, days: Sequence[date]) -> Iterator[ConsecutiveDays]:
    """Runs of days that follow each other. A day is left out when visits that reach into it may have begun before
    raw_since."""
    run: list[tuple[date, datetime, datetime]] = []
    for day in days:
        start, end = calendar.bounds(day)
        if calendar.raw_since and start - VISIT_GAP < calendar.raw_since:
            continue
        if run and run[-1][2] != start:
            yield _as_consecutive(run)
            run = []
        run.append((day, start, end))
    if run:
        yield _as_consecutive(run)


def _as_consecutive(run: list[tuple[date, datetime, datetime]]) -> ConsecutiveDays:
    return ConsecutiveDays([day for day, _, _ in run], [start for _, start, _ in run], run[-1][2])


def _add_gaps(audit: SiteAudit, what: str, expected: VisitRows, actual: VisitRows) -> None:
    for key in sorted(expected.keys() | actual.keys()):
        day, dimension, is_bot, value = key
        where = f"{day} {dimension} of visits {value!r}{' (bots)' if is_bot else ''}"
        pairs = zip(expected.get(key, NO_VISITS), actual.get(key, NO_VISITS), strict=True)
        for name, (right, wrong) in zip(VisitSums._fields, pairs, strict=True):
            if right != wrong:
                audit.add_gap(where, f"{name}, {what}", right, wrong)


def _move_to_other(rollups: VisitRows, stored: VisitRows) -> dict[VisitRowKey, VisitSums]:
    """`stored` under the keys of `rollups`: a value without a row there counts as OTHER, if there is such a row."""
    moved: dict[VisitRowKey, VisitSums] = {}
    for key, sums in stored.items():
        other = (*key[:3], OTHER)
        target = other if key not in rollups and other in rollups else key
        pairs = zip(moved.get(target, NO_VISITS), sums, strict=True)
        moved[target] = VisitSums(*(first + second for first, second in pairs))
    return moved
