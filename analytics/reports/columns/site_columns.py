"""Opens the columns of a report's site, within the settings of this process. query/ calls it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from analytics import clock
from analytics.columnar.limits import NotInColumns, configured_limits
from analytics.columnar.local_files import configured_files
from analytics.columnar.read import ColumnReader, open_columns
from analytics.extensions import settings
from analytics.rollups.calendar import Calendar

log = logging.getLogger(__name__)


@contextmanager
def open_site_columns(
    connection: Connection, site_id: int, calendar: Calendar, timeout_s: float | None = None
) -> Iterator[ColumnReader]:
    """The site's columns in the snapshot of the connection. `timeout_s`: of all queries; None: STATEMENT_TIMEOUT.

    Raises as `open_columns`; NotInColumns where this machine has no place for files.
    """
    current = settings()
    files = configured_files(current)
    try:
        files.make_folder()
    except OSError as error:
        log.warning("no folder for column files: %s", error)
        raise NotInColumns("this server has no place for column files (COLUMNS_FOLDER); its log says why") from error
    timeout_s = current.statement_timeout if timeout_s is None else timeout_s
    zone = clock.zone(calendar.rollups_zone or calendar.zone)
    with open_columns(connection, files, site_id, zone, configured_limits(current, timeout_s)) as reader:
        yield reader
