"""The rollup rows that count one stored event: whether each is merged, waits in a delta, or is missing.

lookup.py calls it inside its read transaction.
"""

from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, text

from analytics import clock
from analytics.rollups.calendar import read_rollups_zone
from analytics.rollups.cardinality import OTHER
from analytics.sites.sites import Site
from analytics.store.folding import fold

PLAIN_DIMENSIONS = (
    *("path", "hostname", "referrer", "source", "channel", "country", "browser", "os", "device", "language", "screen"),
)
FOLDED_DIMENSIONS = ("utm_source", "utm_medium", "utm_campaign")


class EventRollupKey(NamedTuple):
    """A rollup row of the event's day."""

    dimension: str
    type: str
    subject: str
    value: str


# The ledger row's transaction wrote the delta. ix_rollup_deltas_site_id_id.
HAS_UNMERGED_DELTA = text(
    "SELECT EXISTS (SELECT FROM rollup_deltas WHERE site_id = :site_id AND xmin = CAST(:stored_by AS xid))"
)


def list_event_rollups(
    connection: Connection, site: Site, event: RowMapping, batch: RowMapping | None
) -> list[dict[str, Any]]:
    """Each rollup row that counts the event. `state`: merged, waiting (in a delta), or missing (it should be counted).

    Without a ledger row of the batch nothing is known to wait.
    """
    zone = read_rollups_zone(connection, site.id) or site.zone
    day, keys = clock.day_of(event["ts"], clock.zone(zone)), _expected_keys(event, zone)
    if batch is not None and _has_unmerged_delta(connection, site.id, batch["stored_by"]):
        return [_row(key, day, event, "waiting") for key in keys]
    stored = _find_keys(connection, site.id, event, day, keys)
    rows = []
    for key in keys:
        counted = _find_counted(key, stored)
        rows.append(_row(counted or key, day, event, "merged" if counted else "missing"))
    return rows


def _has_unmerged_delta(connection: Connection, site_id: int, stored_by: str) -> bool:
    return bool(connection.execute(HAS_UNMERGED_DELTA, {"site_id": site_id, "stored_by": stored_by}).scalar_one())


def _row(key: EventRollupKey, day: date, event: RowMapping, state: str) -> dict[str, Any]:
    return {
        "dimension": key.dimension, "day": str(day), "type": key.type, "subject": key.subject, "value": key.value,
        "is_bot": event["is_bot"], "state": state,
    }  # fmt: skip


def _expected_keys(event: RowMapping, zone: str) -> list[EventRollupKey]:
    """An event with a subject counts for the whole site and for the subject."""
    subjects, values = sorted({"", event["subject"] or ""}), _values(event, zone)
    return [
        EventRollupKey(dimension, event["type"], subject, value)
        for subject in subjects
        for dimension, value in values.items()
    ]


def _values(event: RowMapping, zone: str) -> dict[str, str]:
    """Dimension → the value that counts the event."""
    tz = clock.zone(zone)
    hours = (event["ts"] - clock.day_start(clock.day_of(event["ts"], tz), tz)) // timedelta(hours=1)
    country, region, city = (event[name] or "" for name in ("country", "region", "city"))
    return {
        "total": "",
        "hour": f"{hours:02}",
        **{name: event[name] or "" for name in PLAIN_DIMENSIONS},
        **{name: fold(event[name] or "") for name in FOLDED_DIMENSIONS},
        "region": region and f"{country}/{region}",
        "city": city and f"{country}/{region}/{city}",
    }


# pk_rollups, all of its columns.
FIND_ROLLUP_ROWS = text("""
SELECT dimension, type, subject, value
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = ANY (:dimensions) AND day = :day AND type = ANY (:types)
    AND subject = ANY (:subjects) AND is_bot = :is_bot AND value = ANY (:values)
""")


def _find_keys(
    connection: Connection, site_id: int, event: RowMapping, day: date, keys: list[EventRollupKey]
) -> set[EventRollupKey]:
    """Rows of the keys, and of what they become when a limit moves them to OTHER."""
    parameters = {
        "site_id": site_id, "day": day, "is_bot": event["is_bot"], "types": [event["type"], OTHER],
        "dimensions": [*{key.dimension for key in keys}], "subjects": [*{key.subject for key in keys}, OTHER],
        "values": [*{key.value for key in keys}, OTHER],
    }  # fmt: skip
    return {EventRollupKey(*row) for row in connection.execute(FIND_ROLLUP_ROWS, parameters)}


def _find_counted(key: EventRollupKey, stored: set[EventRollupKey]) -> EventRollupKey | None:
    """The stored row that counts `key`: OTHER may replace its value, subject or type, or several of them."""
    options = (
        EventRollupKey(key.dimension, kind, subject, value)
        for kind in (key.type, OTHER)
        for subject in ((key.subject, OTHER) if key.subject else ("",))
        for value in (key.value, OTHER)
    )
    return next((option for option in options if option in stored), None)
