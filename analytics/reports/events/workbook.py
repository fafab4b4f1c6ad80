"""Events as a workbook, for the direct download: made in a temporary file, no larger than a request may wait for."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import IO

from sqlalchemy import Connection, Engine

from analytics.errors import TooLarge
from analytics.reports.events import EVENT_COLUMNS, WANTED, Wanted, bound, statements
from analytics.spreadsheet import write_workbook
from analytics.store.reading import CopyStream, Stored

JOBS = "/api/analytics/exports"
READ_BYTES = 1 << 16
# As WANTED is served; it stops at the limit.
COUNT = f"SELECT count(*) FROM (SELECT 1 {WANTED.partition('ORDER BY')[0]} LIMIT %(most)s) AS found"  # noqa: S608


def check_size(connection: Connection, wanted: Wanted, most: int) -> None:
    """Raises TooLarge when there are more than `most` rows. One query, which reads no more than that."""
    given = bound(wanted) | {"start": wanted.period.start, "end": wanted.period.end, "most": most + 1}
    if (connection.exec_driver_sql(COUNT, given).scalar() or 0) > most:
        detail = f"more than {most} rows; take a shorter period or format=csv, or have it made as a job: POST {JOBS}"
        raise TooLarge(detail, limit=most, jobs=JOBS)


def make_workbook(engine: Engine, wanted: Wanted, stored: Iterable[Stored]) -> Iterator[bytes]:
    """The workbook's bytes, made whole before this returns. Instants are in the period's zone."""
    zone = wanted.period.zone.key
    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by whoever reads it to its end, or drops it
    try:
        with closing(CopyStream(engine, b"", statements(wanted, stored, EVENT_COLUMNS, "xlsx", zone), zone)) as rows:
            write_workbook(file, "Events", EVENT_COLUMNS, zone, rows)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return _read(file)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(READ_BYTES):
            yield chunk
