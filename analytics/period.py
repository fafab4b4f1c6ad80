"""What a report covers: `Period`, read from ?date, ?days, ?hours or ?from&to in the site's zone.

Views call `read_period`; it never reads the clock. Every refusal names the parameter and shows one that works.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.errors import BadInput, Problem

MOST_DAYS = 3660
FIRST_YEAR, LAST_YEAR = 1970, 2999
DATE = re.compile(r"\d{4}-\d\d-\d\d")
# A plus sign that the caller did not escape arrives as a space.
INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d(?:\.\d{1,9})?)([Zz]|[-+ ]\d\d:\d\d)")
EXAMPLES = {
    "date": "date=2026-11-23",
    "days": "days=7",
    "hours": "hours=24",
    "from": "from=2026-11-01 or from=2026-11-01T00:00:00Z",
    "to": "from=2026-11-01&to=2026-11-23",
    "zone": "zone=Europe/Berlin",
}


@dataclass(frozen=True, slots=True)
class Period:
    """`[start, end)`, instants in UTC; `zone` is the one whose calendar made them."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    @property
    def first_date(self) -> date:
        return clock.day_of(self.start, self.zone)

    @property
    def last_date(self) -> date:
        """The day of the last instant inside."""
        return clock.day_of(max(self.start, self.end - timedelta(microseconds=1)), self.zone)


def of_day(day: date, zone: ZoneInfo) -> Period:
    """The calendar day, of 23, 24 or 25 hours (none, where a zone skipped it)."""
    return Period(*clock.day_bounds(day, zone), zone)


def read_zone(given: Mapping[str, str], site_zone: str) -> ZoneInfo:
    """The zone of ?zone (or ?timezone, the same), else the site's. Raises BadInput."""
    asked = {given[name] for name in ("zone", "timezone") if name in given}
    if len(asked) > 1:
        raise _refuse("timezone", "zone and timezone contradict each other; give one", EXAMPLES["zone"])
    try:
        return clock.zone(asked.pop()) if asked else clock.zone(site_zone)
    except ValueError as error:
        name = "zone" if "zone" in given else "timezone"
        raise _refuse(name, str(error), EXAMPLES["zone"]) from error


def read_period(given: Mapping[str, str], zone: ZoneInfo, now: datetime, default: Period) -> Period:
    """The period that the parameters name; `default` when they name none. Raises BadInput.

    date: that calendar day. days=n: today and the n-1 days before. hours=n: the last n hours up to `now`. from, to:
    dates (`to` is included, through its midnight) or RFC 3339 instants (`to` is excluded); without `to`, through today.
    """
    ways = [way for way in ("date", "days", "hours") if way in given]
    if "from" in given or "to" in given:
        ways.append("from" if "from" in given else "to")
    if len(ways) > 1:
        detail = f"{' and '.join(ways)} contradict each other; give one of date, days, hours or from and to"
        raise _refuse(ways[1], detail, EXAMPLES[ways[0]])
    if not ways:
        return default
    if "date" in given:
        return of_day(_date("date", given["date"]), zone)
    today = clock.day_of(now, zone)
    if "days" in given:
        first = today - timedelta(days=_number("days", given["days"], MOST_DAYS) - 1)
        return Period(clock.day_start(first, zone), clock.day_start(today + timedelta(days=1), zone), zone)
    if "hours" in given:
        return Period(now - timedelta(hours=_number("hours", given["hours"], MOST_DAYS * 24)), now, zone)
    return _between(given, zone, today)


def _between(given: Mapping[str, str], zone: ZoneInfo, today: date) -> Period:
    if "from" not in given:
        raise _refuse("from", "to needs a from", EXAMPLES["from"])
    start = _bound("from", given["from"], zone, 0)
    end = _bound("to", given["to"], zone, 1) if "to" in given else clock.day_start(today + timedelta(days=1), zone)
    # A day that the zone skipped is empty, and no mistake of the caller's. Dates as text sort as dates.
    may_be_empty = (
        DATE.fullmatch(given["from"]) and given["from"] <= given.get("to", "") and DATE.fullmatch(given["to"])
    )
    if end < start or (end == start and not may_be_empty):
        name = "to" if "to" in given else "from"
        raise _refuse(name, "the period ends before it begins: to must lie after from", EXAMPLES[name])
    return Period(start, end, zone)


def _bound(name: str, text: str, zone: ZoneInfo, plus_days: int) -> datetime:
    if DATE.fullmatch(text):
        return clock.day_start(_date(name, text) + timedelta(days=plus_days), zone)
    found = INSTANT.fullmatch(text)
    if not found:
        raise _refuse(name, f"{text[:40]!r} is neither a date nor an RFC 3339 instant with its offset", EXAMPLES[name])
    _date(name, found[1])
    try:
        offset = found[3].upper().replace(" ", "+").replace("Z", "+00:00")
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{offset}").astimezone(UTC)
    except ValueError as error:
        raise _refuse(name, f"{text[:40]!r} is no instant that exists", EXAMPLES[name]) from error


def _date(name: str, text: str) -> date:
    try:
        if not DATE.fullmatch(text):
            raise ValueError(text)
        day = date.fromisoformat(text)
    except ValueError as error:
        raise _refuse(name, f"{text[:40]!r} is not a date as YYYY-MM-DD", EXAMPLES[name]) from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _refuse(name, f"the year must be from {FIRST_YEAR} to {LAST_YEAR}", EXAMPLES[name])
    return day


def _number(name: str, text: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= most:
        raise _refuse(name, f"{text[:40]!r} is not a whole number from 1 to {most}", EXAMPLES[name])
    return int(text)


def _refuse(name: str, detail: str, example: str) -> BadInput:
    whole = f"{name}: {detail}; for example {example}"
    return BadInput(whole, [Problem(None, name, "bad_parameter", whole)])
