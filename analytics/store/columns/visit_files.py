"""Which visits the visit files hold.

A file holds those that began on a day of the site's calendar, as they were when the day had a version
(rollups/versions.py): whatever changes a visit counts that up, so a file is right or is not read. columnar/ writes and
reads them; privacy/ drops them with the raw events of their day.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

from analytics.store.columns.event_files import NewFile
from analytics.store.copy.binary_copy import read_binary


class VisitFile(NamedTuple):
    """A file that is right in the snapshot, without its body: the visits that began in `[start, end)`."""

    day: date
    start: datetime
    end: datetime
    rows: int
    sha256: bytes


# Served by pk_visit_files and pk_day_versions.
RIGHT = text("""
SELECT f.day, f.start_at, f.end_at, f.rows, f.sha256
FROM visit_files f
JOIN day_versions v ON v.site_id = f.site_id AND v.day = f.day AND v.version = f.version
WHERE f.site_id = :site_id AND f.start_at < :end AND f.end_at > :start
ORDER BY f.start_at
""")


def read_files(connection: Connection, site_id: int, start: datetime, end: datetime) -> list[VisitFile]:
    """The files whose day overlaps `[start, end)`, in order. One query."""
    rows = connection.execute(RIGHT, {"site_id": site_id, "start": start, "end": end})
    return [VisitFile(day, begins, ends, n, bytes(sha256)) for day, begins, ends, n, sha256 in rows]


# Served by ix_visits_site_id_started_at; reads at most :most entries.
COUNT_VISITS = text("""
SELECT count(*)
FROM (
    SELECT
    FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS span (start_at, end_at)
    JOIN visits v ON v.site_id = :site_id AND v.started_at >= span.start_at AND v.started_at < span.end_at
    LIMIT :most
) AS found
""")


def count_visits(connection: Connection, site_id: int, spans: Sequence[tuple[datetime, datetime]], most: int) -> int:
    """How many visits began in these spans, at most `most`. One query."""
    if not spans:
        return 0
    starts, ends = zip(*spans, strict=True)
    given = {"site_id": site_id, "starts": list(starts), "ends": list(ends), "most": most}
    found: int = connection.execute(COUNT_VISITS, given).scalar_one()
    return found


BODY = "SELECT body FROM visit_files WHERE site_id = %(site_id)s AND day = %(day)s AND sha256 = %(sha256)s"


def read_body(connection: Connection, site_id: int, file: VisitFile) -> bytes | None:
    """The file's Parquet; None: it is gone. One query."""
    rows = list(read_binary(connection, BODY, {"site_id": site_id, "day": file.day, "sha256": file.sha256}))
    return rows[0][0] if rows else None


VERSION = text("""
SELECT v.version
FROM day_versions v JOIN sites s ON s.id = v.site_id
WHERE v.site_id = :site_id AND v.day = :day AND s.zone = :zone AND s.rollups_zone = :zone
""")


def read_version(connection: Connection, due: "DueDay") -> int | None:
    """The day's version; None: days are in another zone now."""
    version: int | None = connection.execute(VERSION, due._asdict()).scalar()
    return version


PUBLISH = text("""
INSERT INTO visit_files (site_id, day, start_at, end_at, version, rows, sha256, body)
VALUES (:site_id, :day, :start, :end, :version, :rows, :sha256, :body)
ON CONFLICT (site_id, day) DO UPDATE
SET start_at = excluded.start_at, end_at = excluded.end_at, version = excluded.version, rows = excluded.rows,
    sha256 = excluded.sha256, body = excluded.body
""")


def publish(
    connection: Connection, site_id: int, day: date, bounds: tuple[datetime, datetime], version: int, new: NewFile
) -> None:
    """Puts the file in place of the day's, in the REPEATABLE READ transaction in whose snapshot version and visits were
    read. Raises OperationalError of SQLSTATE 40001 where another writer was faster."""
    given = {"site_id": site_id, "day": day, "start": bounds[0], "end": bounds[1], "version": version}
    connection.execute(PUBLISH, {**given, **new._asdict()})


# Days from the day before the one that is cut on: a visit that is deleted ended an hour before the cutoff, or more.
OUTDATE = text("""
UPDATE day_versions v
SET version = version + 1
FROM sites s
WHERE s.id = :site_id AND v.site_id = s.id
    AND v.day >= CAST(:before AT TIME ZONE s.rollups_zone AS date) - 1
    AND v.day <= CAST(:before AT TIME ZONE s.rollups_zone AS date)
""")
REMOVE_BEFORE = text("DELETE FROM visit_files WHERE site_id = :site_id AND start_at < :before")


def outdate_before(connection: Connection, site_id: int | None, before: datetime | date) -> None:
    """Takes the files away that hold visits which began before that instant and are deleted, those too that are being
    written: the versions that they name are no more."""
    given = {"site_id": site_id, "before": before}
    connection.execute(OUTDATE, given)
    connection.execute(REMOVE_BEFORE, given)


REMOVE = text("DELETE FROM visit_files WHERE site_id = :site_id AND day >= :first AND day <= :last")


def remove(connection: Connection, site_id: int, first: date, last: date) -> None:
    """Takes the files of the days `[first, last]` away."""
    connection.execute(REMOVE, {"site_id": site_id, "first": first, "last": last})


# Reads a row for each day of a site.
DUE = text("""
SELECT v.site_id, v.day, s.rollups_zone
FROM day_versions v
JOIN sites s ON s.id = v.site_id AND s.deleting_at IS NULL AND s.rollups_zone = s.zone
LEFT JOIN visit_files f ON f.site_id = v.site_id AND f.day = v.day
WHERE f.version IS DISTINCT FROM v.version
    AND v.day <= CAST((CAST(:now AS timestamptz) AT TIME ZONE s.rollups_zone) AS date) - 1
    AND (s.raw_since IS NULL OR CAST(v.day + 1 AS timestamp) AT TIME ZONE s.rollups_zone > s.raw_since)
    AND (CAST(:site_id AS int) IS NULL OR v.site_id = :site_id)
    AND NOT EXISTS (
        SELECT FROM open_days o WHERE o.site_id = v.site_id AND o.day = v.day AND o.changed_at > :rested_since
    )
ORDER BY v.day DESC, v.site_id
LIMIT :limit
""")


class DueDay(NamedTuple):
    """A day that is over, and whose file is missing or not right any more; `zone`: of its calendar."""

    site_id: int
    day: date
    zone: str


def list_due(
    connection: Connection, now: datetime, rested_since: datetime, limit: int, site_id: int | None = None
) -> list[DueDay]:
    """Days, of the site or of all, that have not changed since `rested_since`; the latest first. One query."""
    given = {"now": now, "rested_since": rested_since, "limit": limit, "site_id": site_id}
    rows = connection.execute(DUE, given)
    return [DueDay(*row) for row in rows]
