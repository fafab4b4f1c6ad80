"""The result of an audit: hours of receipt, days of the rollups, and the gaps in either. Plain values.

The checks fill it; the command, the task and the tests read it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from analytics import clock

# Called with what is being checked, such as "shop 2026-11-23".
ProgressCallback = Callable[[str], None]


class Gap(NamedTuple):
    """Two numbers that should be equal. `where`: a UTC hour, or a day of the site's calendar and a dimension."""

    site: str
    where: str
    what: str
    expected: int
    found: int

    def __str__(self) -> str:
        return f"{self.site} {self.where}: {self.what}: {self.expected:,} expected, {self.found:,} found"


class HourBalance(NamedTuple):
    """A site's events and samples of one UTC hour of receipt. `accepted` None: Redis has no counter of this hour any
    more. `refused`: their site was deleted before they were stored."""

    site: str
    hour: datetime
    accepted: int | None
    stored: int
    duplicate: int
    dead: int
    refused: int
    in_flight: int

    @property
    def accounted_for(self) -> int:
        """What `accepted` must be."""
        return self.stored + self.duplicate + self.dead + self.refused + self.in_flight


class DayBalance(NamedTuple):
    """Events of one day of a site's calendar: raw (None: the day is frozen), and rolled up, `waiting` of them in
    deltas."""

    site: str
    day: date
    raw: int | None
    rolled_up: int
    waiting: int


@dataclass
class BalanceSheet:
    """The whole result; it balances when `gaps` is empty. `notes` say what could not be checked, and why."""

    checked_at: datetime
    hours: list[HourBalance] = field(default_factory=list)
    days: list[DayBalance] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # (site, day, dimension) whose rows and bitmaps were compared with a recount.
    recounted: list[tuple[str, date, str]] = field(default_factory=list)

    @property
    def is_balanced(self) -> bool:
        return not self.gaps

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "balanced": self.is_balanced,
            "checked_at": format_instant(self.checked_at),
            "gaps": [gap._asdict() for gap in self.gaps],
            "hours": [{**hour._asdict(), "hour": format_instant(hour.hour)} for hour in self.hours],
            "days": [{**day._asdict(), "day": str(day.day), "frozen": day.raw is None} for day in self.days],
            "recounted": [{"site": site, "day": str(day), "dimension": name} for site, day, name in self.recounted],
            "notes": self.notes,
        }


def format_instant(at: datetime) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return clock.format_rfc3339(at.astimezone(UTC), "seconds")
