"""Which events the column files hold, as facts in PostgreSQL: publishing, invalidation, and what a reader adds to them.

A file holds the events of one site and UTC day whose drain_no lies after the day's file before it and up to `through`.
So a snapshot finds each event exactly once: in a file, or as a row with a later drain_no. Files are derived; whoever
changes rows that exist calls `invalidate` in the same transaction, and the files are written anew.

A writer reads `Coverage` in a REPEATABLE READ transaction before it reads rows, and `cover` updates the same row. An
invalidation that commits in between, or has not committed when the snapshot is taken, makes the update fail with
SQLSTATE 40001: both write one row. columnar/ calls it, privacy/, rollups/ and ingest/ drop and invalidate.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

from analytics.clock import utc_midnight
from analytics.store.columns.event_days import SiteDay
from analytics.store.columns.event_visits import OF_ASKED_DAYS, VISITS_VERSION, join_site_and_visits
from analytics.store.copy.binary_copy import read_binary


class Coverage(NamedTuple):
    """A UTC day of a site. `last_drain_no`: of its events in the snapshot; `through`: of those in files, None: none;
    `loose`: how many events no file holds, about. `visits_version`: of the visits that its events can be in."""

    site_id: int
    day: date
    last_drain_no: int
    through: int | None
    loose: int
    visits_version: str

    @property
    def is_complete(self) -> bool:
        """Whether the files hold all of the day's events."""
        return self.through is not None and self.through >= self.last_drain_no


# Served by pk_event_days and pk_column_days.
COVERAGE = text(f"""
SELECT e.site_id, e.day, e.last_drain_no, c.through, e.stored - coalesce(c.stored, 0), {VISITS_VERSION}
FROM event_days e
{join_site_and_visits(OF_ASKED_DAYS)}
LEFT JOIN column_days c ON c.site_id = e.site_id AND c.day = e.day
WHERE e.site_id = :site_id AND e.day >= :first AND e.day < :after
ORDER BY e.day
""")  # noqa: S608  # of constants


def read_coverage(connection: Connection, site_id: int, first: date, after: date) -> list[Coverage]:
    """The UTC days of `[first, after)` of which the site has events, in order. One query."""
    rows = connection.execute(COVERAGE, {"site_id": site_id, "first": first, "after": after})
    return [Coverage(*row) for row in rows]


class ColumnFile(NamedTuple):
    """A published file, without its body. `through`: the last drain whose events it holds. `visits_version`: of the
    visits that it names, None: it names none."""

    id: int
    day: date
    through: int
    rows: int
    sha256: bytes
    visits_version: str | None


# Served by ix_column_files_site_id_day.
FILES = text("""
SELECT id, day, through, rows, sha256, visits_version
FROM column_files
WHERE site_id = :site_id AND day >= :first AND day < :after
ORDER BY day, id
""")


def read_files(connection: Connection, site_id: int, first: date, after: date) -> list[ColumnFile]:
    """The files of the UTC days `[first, after)`, by day, the oldest first. One query."""
    rows = connection.execute(FILES, {"site_id": site_id, "first": first, "after": after})
    return [ColumnFile(*row)._replace(sha256=bytes(row.sha256)) for row in rows]


# Served by pk_column_files.
BODY = "SELECT body FROM column_files WHERE id = %(id)s"


def read_body(connection: Connection, file_id: int) -> bytes | None:
    """The file's Parquet; None: it is gone. One query."""
    rows = list(read_binary(connection, BODY, {"id": file_id}))
    return rows[0][0] if rows else None


# FOR SHARE waits for whoever deletes the site's events, or drops old ones.
CLAIM = text("""
INSERT INTO column_days (site_id, day)
SELECT id, :day FROM sites WHERE id = :site_id AND deleting_at IS NULL FOR SHARE
ON CONFLICT DO NOTHING
""")


def claim(connection: Connection, site_id: int, day: date) -> None:
    """Makes the row that `cover` updates, in a transaction that commits before the writer's snapshot is taken."""
    connection.execute(CLAIM, {"site_id": site_id, "day": day})


class NewFile(NamedTuple):
    """A file to be published: its rows, its body, and the body's checksum."""

    rows: int
    sha256: bytes
    body: bytes


REMOVE = text("DELETE FROM column_files WHERE id = ANY(:ids)")
INSERT = text("""
INSERT INTO column_files (site_id, day, through, rows, sha256, body, visits_version)
VALUES (:site_id, :day, :through, :rows, :sha256, :body, :visits_version)
""")
# `stored` says how much is new since, which decides when the next file is due.
COVER = text("""
UPDATE column_days c
SET through = :through, stored = e.stored, written_at = :now
FROM event_days e
WHERE c.site_id = :site_id AND c.day = :day AND e.site_id = c.site_id AND e.day = c.day
""")


def cover(connection: Connection, known: Coverage, now: datetime) -> bool:
    """Says that the files hold all of the day's events that `known` knows, in the REPEATABLE READ transaction in whose
    snapshot it was read, and before `add`: the row is the lock of the day's writers.

    False: the day's claim is gone, and nothing may be added. Raises OperationalError of SQLSTATE 40001 where rows of
    the day have changed since the snapshot, or another writer was faster.
    """
    given = {"site_id": known.site_id, "day": known.day, "through": known.last_drain_no, "now": now}
    return connection.execute(COVER, given).rowcount > 0


def add(connection: Connection, known: Coverage, new: NewFile) -> None:
    """Adds a file of the day."""
    given = {"site_id": known.site_id, "day": known.day, "through": known.last_drain_no, "visits_version": None}
    connection.execute(INSERT, {**given, **new._asdict()})


def remove(connection: Connection, files: Sequence[ColumnFile]) -> None:
    """Removes files whose events others hold now."""
    connection.execute(REMOVE, {"ids": [file.id for file in files]})


# The row is the lock of the day's writers, as for COVER.
NOTE_NAMED = text("UPDATE column_days SET visits_named_at = :now WHERE site_id = :site_id AND day = :day")


def note_named(connection: Connection, site_id: int, day: date, now: datetime) -> bool:
    """Says that visits of the day's events were named, or could not be. False: the day's claim is gone."""
    return connection.execute(NOTE_NAMED, {"site_id": site_id, "day": day, "now": now}).rowcount > 0


def name_visits(
    connection: Connection, known: Coverage, files: Sequence[tuple[ColumnFile, NewFile]], now: datetime
) -> None:
    """Puts files whose events name their visits in place of others, in the REPEATABLE READ transaction in whose
    snapshot `known` was read. Raises OperationalError of SQLSTATE 40001 as `cover`."""
    if not note_named(connection, known.site_id, known.day, now):
        return
    for old, new in files:
        given = {"site_id": known.site_id, "day": known.day, "through": old.through}
        connection.execute(INSERT, {**given, **new._asdict(), "visits_version": known.visits_version})
        remove(connection, [old])


# An upsert, although there may be nothing to invalidate: a row that the transaction's snapshot does not see makes it
# fail instead of missing the file that came with it.
OUTDATE = text("""
INSERT INTO column_days (site_id, day)
SELECT CAST(:site_id AS integer), day FROM event_days WHERE site_id = :site_id AND day >= :first AND day <= :last
ORDER BY day
ON CONFLICT (site_id, day)
DO UPDATE SET through = NULL, stored = 0, written_at = '-infinity', visits_named_at = NULL
""")
CLEAR = text("DELETE FROM column_files WHERE site_id = :site_id AND day >= :first AND day <= :last")


def invalidate(connection: Connection, site_id: int, first: date, last: date) -> None:
    """Takes the files of the UTC days `[first, last]` away: rows of events that were stored have changed, or are gone.

    Raises OperationalError of SQLSTATE 40001 in a REPEATABLE READ transaction, where a file was published meanwhile.
    """
    given = {"site_id": site_id, "first": first, "last": last}
    connection.execute(OUTDATE, given)
    connection.execute(CLEAR, given)


# Served by the primary keys and ix_column_files_site_id_day where a site is named; otherwise a row a day is read.
DROP_BEFORE = [
    text(f"DELETE FROM {table} WHERE day < :before AND (CAST(:site_id AS int) IS NULL OR site_id = :site_id)")  # noqa: S608
    for table in ("event_days", "column_days", "column_files", "visit_files")
]


def drop_before(connection: Connection, before: datetime | date, site_id: int | None = None) -> None:
    """Takes away what is known of earlier UTC days of the site, or of all: their raw rows are gone, or will be. A day
    of the site that `before` cuts is invalidated."""
    day = before.astimezone(UTC).date() if isinstance(before, datetime) else before
    for statement in DROP_BEFORE:
        connection.execute(statement, {"before": day, "site_id": site_id})
    if isinstance(before, datetime) and before > utc_midnight(day) and site_id is not None:
        invalidate(connection, site_id, day, day)


# Reads a row for each day of a site.
DUE = text("""
SELECT e.site_id, e.day
FROM event_days e
LEFT JOIN column_days c ON c.site_id = e.site_id AND c.day = e.day
JOIN sites s ON s.id = e.site_id AND s.deleting_at IS NULL
WHERE (
    (c.through IS NULL OR c.through < e.last_drain_no)
    AND (e.stored - coalesce(c.stored, 0) >= :enough OR coalesce(c.written_at, '-infinity') < :waited_since)
)
ORDER BY e.day DESC, e.site_id
LIMIT :limit
""")


def list_due(connection: Connection, enough: int, waited_since: datetime, limit: int) -> list[SiteDay]:
    """Days with at least `enough` events that no file holds, or with any where the last file was written before
    `waited_since`; the latest day first. One query."""
    given = {"enough": enough, "waited_since": waited_since, "limit": limit}
    return [SiteDay(*row) for row in connection.execute(DUE, given)]
