"""Rebuild: replaces the rollups and visits of days by a recount of their raw events (raw_events.py).

`flask rollups rebuild` and the task rollups.rebuild call `rebuild_days`; merge.py calls `move_calendar` for a site
whose zone has changed. One transaction: reports see the old rows until it commits. Never changes raw events.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from analytics import clock
from analytics.errors import BadInput, Conflict, NotFound
from analytics.privacy.retention_periods import advance_raw_since
from analytics.rollups import locks, rows
from analytics.rollups.calendar import Calendar, first_whole_day, read_calendar, set_calendar
from analytics.rollups.closing.schedule import ONE_DAY
from analytics.rollups.deltas import claims
from analytics.rollups.deltas.counts import Count, Delta, RollupKey
from analytics.rollups.raw_events import count_events, time_slices
from analytics.rollups.visits.recount import add_visit_sums, recount_visits
from analytics.rollups.visits.rollups import (
    delete_visit_rollups,
    forget_visitors,
    has_unknown_visitors,
    recount_visit_rollups,
)
from analytics.sites.sites import Site, unknown_site_detail
from analytics.store.partitions import list_stored_partitions

# Keys whose counts are in memory at a time.
MAX_KEYS_IN_MEMORY = 50_000

# Called after each day with the day and the events counted so far.
Progress = Callable[[date, int], None]
# Changes the raw events of `[start, end)` before they are recounted, in the same transaction.
ChangeEvents = Callable[[Connection, datetime, datetime], None]


class RebuildResult(NamedTuple):
    """Days recounted, and their raw events."""

    days: int
    events: int


def rebuild_days(
    engine: Engine,
    site: Site,
    first_day: date,
    end_day: date,
    progress: Progress | None = None,
    change: ChangeEvents | None = None,
) -> RebuildResult:
    """Replaces the rollups of `[first_day, end_day)`, or of every day when the site's zone has changed. `change` is
    called with the instants of these days, and cannot be given in the latter case.

    Raises Conflict when raw events of these days may be gone. Waits for a running merge. O(raw events), flat memory.
    """
    with locks.locked_transaction(engine, site.id) as connection:
        locks.mark_rebuild_running(connection, site.id)
        calendar = read_calendar(connection, site.id)
        if calendar is None:
            raise NotFound(unknown_site_detail(site.key))
        if calendar.needs_move and change is None and first_day < end_day:
            return _move(connection, site.id, calendar, progress)
        check_days_are_whole(calendar, first_day, end_day, "rebuilt")
        if change is not None:
            if calendar.needs_move:
                raise Conflict(f"the time zone of the site {site.key!r} has just changed; try again in a minute")
            tz = clock.zone(calendar.zone)
            change(connection, clock.day_start(first_day, tz), clock.day_start(end_day, tz))
        while (claimed := claims.claim_deltas(connection, site.id)).deltas:
            claims.apply_deltas(connection, site.id, claimed.by_zone[calendar.zone])
        rows.delete_days(connection, site.id, first_day, end_day)
        result = _recount(connection, site.id, calendar.zone, first_day, end_day, None, progress)
        recount_visits(connection, site.id, calendar.zone, first_day, end_day)
        set_calendar(connection, site.id, calendar.zone)
        return result


def check_days_are_whole(calendar: Calendar, first_day: date, end_day: date, verb: str) -> None:
    """Raises BadInput for no days, and Conflict when raw events of `[first_day, end_day)` may be gone; `verb` says what
    cannot be done with them then."""
    if first_day >= end_day:
        raise BadInput(
            f"the days {first_day} to {end_day}, end excluded, are none; accepted: an end after the first day,"
            f" for example {first_day} to {first_day + ONE_DAY}"
        )
    if calendar.first_whole_day and first_day < calendar.first_whole_day:
        raise Conflict(
            f"{first_day} cannot be {verb}: raw events before {calendar.raw_since:%Y-%m-%d %H:%M} UTC are past"
            f" retention; accepted: days from {calendar.first_whole_day} on"
        )


def move_calendar(engine: Engine, site_id: int) -> bool:
    """Moves the rollups of a site whose zone has changed into its new calendar; False when they are in it already."""
    with locks.locked_transaction(engine, site_id) as connection:
        locks.mark_rebuild_running(connection, site_id)
        calendar = read_calendar(connection, site_id)
        if calendar is None or not calendar.needs_move:
            return False
        _move(connection, site_id, calendar, None)
        return True


def _move(connection: Connection, site_id: int, calendar: Calendar, progress: Progress | None) -> RebuildResult:
    """Frozen days stay in the calendar they were counted in. Everything from the instant at which they end is
    recounted, so that each event is in exactly one calendar."""
    zone = calendar.zone
    # First, so that the site's row is locked before long work. Drains need only a shared lock of it.
    set_calendar(connection, site_id, zone)
    days = _apply_unrecountable(connection, site_id, calendar)
    if not days:
        return RebuildResult(0, 0)
    # The days of two zones can be two apart: Kiritimati and Niue.
    first_day, end_day = min(days) - 2 * ONE_DAY, max(days) + 3 * ONE_DAY
    frozen_end_day, frozen_end = calendar.frozen_boundary
    first_deleted = max(first_day, frozen_end_day or first_day)
    has_unknown_users = has_unknown_visitors(connection, site_id, first_deleted, end_day)
    rows.delete_days(connection, site_id, first_deleted, end_day)
    delete_visit_rollups(connection, site_id, first_deleted, end_day)
    # Also days without events in the new calendar: else their metrics of the old one would stay.
    rows.mark_days_open(connection, site_id, _days(first_deleted, end_day))
    clean_day = first_day
    if frozen_end_day is not None and frozen_end is not None:
        first_day = max(first_day, clock.day_of(frozen_end, clock.zone(zone)))
        clean_day = max(frozen_end_day, first_whole_day(frozen_end, clock.zone(zone)))
        _count_visits_between(connection, site_id, zone, frozen_end, clean_day)
    recount_visit_rollups(connection, site_id, zone, clean_day, end_day)
    if has_unknown_users:
        # Their visits lack what an earlier release did not keep: these days are still to be recounted from raw events.
        forget_visitors(connection, site_id, clean_day, end_day)
    return _recount(connection, site_id, zone, first_day, max(end_day, first_day), frozen_end, progress)


def _apply_unrecountable(connection: Connection, site_id: int, calendar: Calendar) -> set[date]:
    """Claims the waiting deltas and applies what no recount will find; the days that have rows, or would have."""
    days, frozen_end = rows.first_and_last_day(connection, site_id), calendar.frozen_boundary[1]
    while (claimed := claims.claim_deltas(connection, site_id)).deltas:
        for part in (part for deltas in claimed.by_zone.values() for part in deltas.decode_in_parts()):
            days |= {key.day for key in part.counts}
            # Visits are instants, right in any calendar; their sums are still in the old one.
            zone, frozen = calendar.rollups_zone or part.zone, _counts_before(part.counts, part.zone, frozen_end)
            claims.apply_delta(connection, site_id, Delta(zone, frozen, part.visit_parts))
    return days


def _counts_before(counts: dict[RollupKey, Count], zone: str, end: datetime | None) -> dict[RollupKey, Count]:
    """The counts of whole days of `zone` before `end`, from which on raw events are recounted."""
    if end is None:
        return {}
    tz = clock.zone(zone)
    days = {day for day in {key.day for key in counts} if clock.day_bounds(day, tz)[1] <= end}
    return {key: count for key, count in counts.items() if key.day in days}


def _count_visits_between(connection: Connection, site_id: int, zone: str, start: datetime, clean_day: date) -> None:
    """Adds the visits from `start` to `clean_day`, the first day that holds nothing of frozen days, to the stored sums.

    The days before `clean_day` become frozen: raw events are only a part of what they hold.
    """
    clean_start = clock.day_start(clean_day, clock.zone(zone))
    advance_raw_since(connection, clean_start, site_id)
    add_visit_sums(connection, site_id, zone, start, clean_start)


def _days(first_day: date, end_day: date) -> list[date]:
    return [first_day + n * ONE_DAY for n in range((end_day - first_day).days)]


def _recount(
    connection: Connection, site_id: int, zone: str, first_day: date, end_day: date, since: datetime | None,
    progress: Progress | None,
) -> RebuildResult:  # fmt: skip
    """Adds the raw events of the days, from `since` on, to rows that hold none of them."""
    tz, events, partitions = clock.zone(zone), 0, list_stored_partitions(connection, "events")
    days = _days(first_day, end_day)
    for day in days:
        start, end = clock.day_bounds(day, tz)
        counts: dict[RollupKey, Count] = {}
        for slice_start, slice_end in time_slices(max(start, since or start), end, partitions):
            events += count_events(connection, site_id, zone, slice_start, slice_end, counts)
            if len(counts) > MAX_KEYS_IN_MEMORY:
                rows.add(connection, site_id, counts)
                counts.clear()
        rows.add(connection, site_id, counts)
        if progress:
            progress(day, events)
    rows.mark_days_open(connection, site_id, days)
    return RebuildResult(len(days), events)
