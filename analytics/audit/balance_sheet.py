"""What an audit found: hours of receipt, days of the rollups, and the gaps in either. Plain values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

# Told what is looked at now, as "shop 2026-11-23".
Progress = Callable[[str], None]


class Gap(NamedTuple):
    """Two numbers that should be one. `where`: a UTC hour, or a day of the site's calendar with the dimension."""

    site: str
    where: str
    what: str
    expected: int
    found: int

    def __str__(self) -> str:
        return f"{self.site} {self.where}: {self.what}: {self.expected:,} expected, {self.found:,} found"


class Hour(NamedTuple):
    """Events of a site by the UTC hour of their receipt. `received` None: Redis no longer counts this hour."""

    site: str
    hour: datetime
    received: int | None
    stored: int
    duplicate: int
    dead: int
    in_flight: int

    @property
    def done(self) -> int:
        """What `received` has to be."""
        return self.stored + self.duplicate + self.dead + self.in_flight


class Day(NamedTuple):
    """A day of a site's calendar: raw events (None: past retention, the day is frozen), and what the rollups hold of
    them, `waiting` in deltas among it."""

    site: str
    day: date
    raw: int | None
    rolled_up: int
    waiting: int


@dataclass
class Sheet:
    """The whole account; it balances when `gaps` is empty. `notes` say what could not be checked, and why."""

    checked_at: datetime
    hours: list[Hour] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # Days whose rows and bitmaps were compared one by one with a recount: (site, day, dimension).
    recounted: list[tuple[str, date, str]] = field(default_factory=list)

    @property
    def balances(self) -> bool:
        return not self.gaps

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "balanced": self.balances,
            "checked_at": instant(self.checked_at),
            "gaps": [gap._asdict() for gap in self.gaps],
            "hours": [{**hour._asdict(), "hour": instant(hour.hour)} for hour in self.hours],
            "days": [{**day._asdict(), "day": str(day.day), "frozen": day.raw is None} for day in self.days],
            "recounted": [{"site": one[0], "day": str(one[1]), "dimension": one[2]} for one in self.recounted],
            "notes": self.notes,
        }


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
