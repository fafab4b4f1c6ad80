"""The audit of one site: what all its comparisons share. Made by run.py, passed to days, visits, unions and samples."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.audit.balance_sheet import BalanceSheet, Gap, ProgressCallback
from analytics.rollups.deltas.counts import Delta, sum_bodies
from analytics.sites.sites import Site
from analytics.store.copy.binary_copy import read_binary

MIN_DAY, MAX_DAY = date(1, 1, 1), date(9999, 12, 31)


class DayRange(NamedTuple):
    """Days `[first, after)`; None: no bound."""

    first: date | None = None
    after: date | None = None

    @property
    def bounds(self) -> tuple[date, date]:
        return self.first or MIN_DAY, self.after or MAX_DAY

    def contains(self, day: date) -> bool:
        first, after = self.bounds
        return first <= day < after


ALL_DAYS = DayRange()


def ignore_progress(text: str) -> None:
    """For callers without a terminal."""


@dataclass(frozen=True)
class SiteAudit:
    """Comparisons read snapshots of `engine`, and add days, gaps and notes to `sheet`."""

    engine: Engine
    site: Site
    sheet: BalanceSheet
    days: DayRange = ALL_DAYS
    progress: ProgressCallback = ignore_progress

    def add_gap(self, where: str, what: str, expected: int, found: int) -> None:
        self.sheet.gaps.append(Gap(self.site.key, where, what, expected, found))

    def add_note(self, note: str) -> None:
        self.sheet.notes.append(f"{self.site.key}: {note}")

    def show_progress(self, subject: str) -> None:
        self.progress(f"{self.site.key} {subject}")


class Calendar(NamedTuple):
    """The time zone of the rollups' days, and the instant before which raw events may be deleted (None: none were)."""

    zone: str
    raw_since: datetime | None

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        return clock.day_bounds(day, clock.zone(self.zone))

    def is_frozen(self, day: date) -> bool:
        return self.raw_since is not None and self.bounds(day)[0] < self.raw_since


READ_CALENDAR = text("""
SELECT zone, rollups_zone, raw_since,
    ARRAY(SELECT DISTINCT d.zone FROM rollup_deltas d WHERE d.site_id = s.id) AS delta_zones
FROM sites s
WHERE id = :site_id
""")


def read_calendar(connection: Connection, site_id: int) -> Calendar | None:
    """None while rollups and deltas are in different zones, and for a site that was deleted."""
    row = connection.execute(READ_CALENDAR, {"site_id": site_id}).first()
    zones = {row.rollups_zone, *row.delta_zones} - {None} if row else set()
    if row is None or len(zones) > 1:
        return None
    return Calendar(zones.pop() if zones else row.zone, row.raw_since)


# ix_rollup_deltas_site_id_id.
READ_DELTAS = "SELECT body FROM rollup_deltas WHERE site_id = %(site_id)s"


def sum_deltas(
    connection: Connection, site_id: int, zone: str, dimensions: Iterable[str], visit_parts: bool = False
) -> Delta:
    """The sum of the site's deltas, which are not merged yet."""
    bodies = (body or b"" for (body,) in read_binary(connection, READ_DELTAS, {"site_id": site_id}))
    return sum_bodies(bodies, zone, dimensions, visit_parts)
