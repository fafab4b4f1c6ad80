"""The rows of one dimension and day, bitmaps included, against a recount of raw events. days.py calls it."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection

from analytics.audit.checks.recount import RowKey, count_rollup_rows
from analytics.audit.checks.site_audit import Calendar, SiteAudit, sum_deltas
from analytics.audit.checks.stored_users import decode_users
from analytics.rollups import bitmaps
from analytics.rollups.cardinality import OTHER, apply_limits
from analytics.rollups.deltas.counts import Count
from analytics.store.copy.binary_copy import as_bool, as_int, as_text, read_binary

# A range of pk_rollups.
READ_ROLLUP_ROWS = """
SELECT type, subject, is_bot, value, events, users
FROM rollups
WHERE site_id = %(site_id)s AND span = 'day' AND dimension = %(dimension)s AND day = %(day)s
"""


def compare_rows(connection: Connection, audit: SiteAudit, calendar: Calendar, day: date, dimension: str) -> None:
    """Adds a gap for each row whose events or users differ from the recount."""
    rollups = _read_rows(connection, audit, day, dimension)
    _add_deltas(connection, audit, calendar, day, dimension, rollups)
    raw = count_rollup_rows(connection, audit.site.id, dimension, *calendar.bounds(day))
    raw = move_to_other(rollups, raw)
    audit.sheet.recounted.append((audit.site.key, day, dimension))
    for key in sorted(rollups.keys() | raw.keys()):
        expected, actual = raw.get(key, Count()), rollups.get(key, Count())
        where = f"{day} {dimension} {_format_key(key)}"
        if expected.events != actual.events:
            audit.add_gap(where, "raw events = rolled up", expected.events, actual.events)
        if expected.users != actual.users:
            differing = len(expected.users ^ actual.users)
            what = f"users in raw events = users rolled up ({differing:,} differ)"
            audit.add_gap(where, what, len(expected.users), len(actual.users))


def _read_rows(connection: Connection, audit: SiteAudit, day: date, dimension: str) -> dict[RowKey, Count]:
    parameters = {"site_id": audit.site.id, "dimension": dimension, "day": day}
    return {
        RowKey(as_text(kind or b""), as_text(subject or b""), as_bool(bot or b""), as_text(value or b"")): Count(
            as_int(events or b""), decode_users(users)
        )
        for kind, subject, bot, value, events, users in read_binary(connection, READ_ROLLUP_ROWS, parameters)
    }


def _add_deltas(
    connection: Connection,
    audit: SiteAudit,
    calendar: Calendar,
    day: date,
    dimension: str,
    rollups: dict[RowKey, Count],
) -> None:
    """Adds the unmerged counts of the day to `rollups`, under the values that merge would give them."""
    unmerged = sum_deltas(connection, audit.site.id, calendar.zone, (dimension,)).counts
    counts = {key: count for key, count in unmerged.items() if key.dimension == dimension and key.day == day}
    for key, count in apply_limits(connection, audit.site.id, counts).items() if counts else ():
        rollups.setdefault(RowKey(key.type, key.subject, key.is_bot, key.value), Count()).add(count)


def _format_key(key: RowKey) -> str:
    subject = f" of {key.subject!r}" if key.subject else ""
    return f"{key.value!r} ({key.type}{subject}{', bots' if key.is_bot else ''})"


def move_to_other(rollups: Mapping[RowKey, Count], raw: Mapping[RowKey, Count]) -> dict[RowKey, Count]:
    """`raw` under the keys of `rollups`: a value, subject or type without a row there counts as OTHER, if there is
    such a row."""
    types = {key.type for key in rollups}
    subjects = {key[:2] for key in rollups}
    groups: dict[RowKey, list[Count]] = {}
    for key, count in raw.items():
        if key.type not in types and OTHER in types:
            key = key._replace(type=OTHER)
        if key[:2] not in subjects and (key.type, OTHER) in subjects:
            key = key._replace(subject=OTHER)
        if key not in rollups and key._replace(value=OTHER) in rollups:
            key = key._replace(value=OTHER)
        groups.setdefault(key, []).append(count)
    return {
        key: Count(sum(count.events for count in counts), bitmaps.union(count.users for count in counts))
        for key, counts in groups.items()
    }
