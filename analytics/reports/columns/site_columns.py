"""Opens the columns of a report's site, within the settings of this process. query/ calls it."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from analytics import clock
from analytics.columnar.limits import NotInColumns, QueryLimits
from analytics.columnar.local_files import LocalFiles
from analytics.columnar.read import ColumnReader, open_columns
from analytics.extensions import settings
from analytics.rollups.calendar import Calendar
from config import Settings

log = logging.getLogger(__name__)


@contextmanager
def open_site_columns(
    connection: Connection, site_id: int, calendar: Calendar, timeout_s: float | None = None
) -> Iterator[ColumnReader]:
    """The site's columns in the snapshot of the connection. `timeout_s`: of all queries; None: STATEMENT_TIMEOUT.

    Raises as `open_columns`; NotInColumns where this machine has no place for files.
    """
    current = settings()
    files = local_files(current)
    try:
        files.make_folder()
    except OSError as error:
        log.warning("no folder for column files: %s", error)
        raise NotInColumns("this server has no place for column files (COLUMNS_FOLDER); its log says why") from error
    timeout_s = current.statement_timeout if timeout_s is None else timeout_s
    limits = QueryLimits(current.query_memory_mb, current.columns_folder_mb, timeout_s)
    zone = clock.zone(calendar.rollups_zone or calendar.zone)
    with open_columns(connection, files, site_id, zone, limits) as reader:
        yield reader


def local_files(current: Settings) -> LocalFiles:
    """The copies of column files on this machine, which its processes share."""
    usual = Path(tempfile.gettempdir()) / f"analytics-columns-{os.getuid()}"
    folder = Path(current.columns_folder) if current.columns_folder else usual
    return LocalFiles(folder, current.columns_folder_mb << 20)
