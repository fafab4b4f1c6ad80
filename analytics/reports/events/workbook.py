"""The direct download of raw events as an XLSX workbook, made in a temporary file.

The view of `GET /api/analytics/reports/events?format=xlsx` calls this. It refuses selections that take longer to write
than a request may wait; export jobs write those, with files/xlsx.py.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import IO

from sqlalchemy import Connection, Engine

from analytics.errors import TooLarge
from analytics.reports.events.raw_export import (
    EVENT_COLUMNS,
    EVENT_CONDITIONS,
    RawEventSelection,
    bind_parameters,
    copy_statements,
)
from analytics.store.copy.copy_stream import CopyStream
from analytics.store.partitions import StoredPartition

EXPORTS_PATH = "/api/analytics/exports"
READ_BYTES = 1 << 16
# Served like SELECTED_EVENTS; it stops at the limit.
COUNT_UP_TO = f"SELECT count(*) FROM (SELECT 1 {EVENT_CONDITIONS} LIMIT %(limit)s) AS events"  # noqa: S608


def check_size(connection: Connection, selection: RawEventSelection, max_rows: int) -> None:
    """Raises TooLarge when the selection has more than `max_rows` rows. One query, which reads no more than that."""
    period = {"start": selection.period.start, "end": selection.period.end}
    parameters = bind_parameters(selection) | period | {"limit": max_rows + 1}
    if (connection.exec_driver_sql(COUNT_UP_TO, parameters).scalar() or 0) > max_rows:
        detail = (
            f"format: a direct XLSX download holds at most {max_rows} rows, and this selection has more; shorten the "
            f"period, for example days=1, or use format=csv, or create an export job: POST {EXPORTS_PATH}"
        )
        raise TooLarge(detail, limit=max_rows, jobs=EXPORTS_PATH)


def make_workbook(
    engine: Engine, selection: RawEventSelection, partitions: Iterable[StoredPartition]
) -> Iterator[bytes]:
    """The workbook's bytes. The file is complete before this returns. Instants are in the period's zone."""
    # openpyxl takes 17 MB and 0.25 s to import, and only this download needs it.
    from analytics.reports.events.xlsx_writer import write_workbook

    zone = selection.period.zone.key
    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end of _read, or when the response is dropped
    try:
        statements = copy_statements(selection, partitions, EVENT_COLUMNS, "xlsx", zone)
        with closing(CopyStream(engine, b"", statements, zone)) as chunks:
            write_workbook(file, zone, chunks)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return _read(file)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(READ_BYTES):
            yield chunk
