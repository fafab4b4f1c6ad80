"""The period of a report, read from ?date, ?days, ?hours or ?from&to in the site's zone.

Views call `read_period`; it never reads the clock. Every error names the parameter and gives an example.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.errors import bad_parameter

MAX_DAYS = 3660
FIRST_YEAR, LAST_YEAR = 1970, 2999
DATE_PATTERN = re.compile(r"\d{4}-\d\d-\d\d")
# A plus sign that the caller did not escape arrives as a space.
INSTANT_PATTERN = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d(?:\.\d{1,9})?)([Zz]|[-+ ]\d\d:\d\d)")
PARAMETER_EXAMPLES = {
    "date": "date=2026-11-23",
    "days": "days=7",
    "hours": "hours=24",
    "from": "from=2026-11-01 or from=2026-11-01T00:00:00Z",
    "to": "from=2026-11-01&to=2026-11-23",
    "zone": "zone=Europe/Berlin",
    "compare": "compare=previous, compare=year or compare=2026-10-01..2026-10-31",
}
# A request has at most one way to say its period; this is the order in which an error looks for it.
PERIOD_PARAMETERS = ("date", "days", "hours", "to", "from")


@dataclass(frozen=True, slots=True)
class Period:
    """`[start, end)`, instants in UTC; `zone` is the calendar they come from."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    @property
    def first_date(self) -> date:
        return clock.day_of(self.start, self.zone)

    @property
    def last_date(self) -> date:
        """The day of the last instant in the period."""
        return clock.day_of(max(self.start, self.end - timedelta(microseconds=1)), self.zone)

    @property
    def after_date(self) -> date:
        """The day after the last one that the period has a part of; `first_date` for an empty period between two days.

        So a day that the zone skipped is part of a period only within it.
        """
        is_between = self.end <= self.start == clock.day_start(self.first_date, self.zone)
        return self.first_date if is_between else self.last_date + timedelta(days=1)


def day_period(day: date, zone: ZoneInfo) -> Period:
    """The calendar day, of 23, 24 or 25 hours (none, where a zone skipped it)."""
    return Period(*clock.day_bounds(day, zone), zone)


def period_parameter(parameters: Mapping[str, object]) -> str:
    """The parameter that sets the period; `days` when none does. Errors about the period name it."""
    return next((name for name in PERIOD_PARAMETERS if name in parameters), "days")


def read_zone(parameters: Mapping[str, str], site_zone: str) -> ZoneInfo:
    """The zone of ?zone (or ?timezone, the same), else the site's. Raises BadInput."""
    zones = {parameters[name] for name in ("zone", "timezone") if name in parameters}
    if len(zones) > 1:
        raise bad_parameter(
            "timezone", "zone and timezone contradict each other; accepted: one of them", PARAMETER_EXAMPLES["zone"]
        )
    try:
        return clock.zone(zones.pop()) if zones else clock.zone(site_zone)
    except clock.UnknownZone as error:
        name = "zone" if "zone" in parameters else "timezone"
        raise bad_parameter(name, error.problem, PARAMETER_EXAMPLES["zone"]) from error


def read_period(parameters: Mapping[str, str], zone: ZoneInfo, now: datetime, default: Period) -> Period:
    """The period of the parameters; `default` when they name none. Raises BadInput.

    date: that calendar day. days=n: today and the n-1 days before. hours=n: the last n hours up to `now`. from, to:
    dates (`to` is included, through its midnight) or RFC 3339 instants (`to` is excluded); without `to`, through today.
    """
    ways = [way for way in ("date", "days", "hours") if way in parameters]
    if "from" in parameters or "to" in parameters:
        ways.append("from" if "from" in parameters else "to")
    if len(ways) > 1:
        detail = f"{' and '.join(ways)} contradict each other; accepted: one of date, days, hours or from and to"
        raise bad_parameter(ways[1], detail, PARAMETER_EXAMPLES[ways[0]])
    if not ways:
        return default
    if "date" in parameters:
        return day_period(_date("date", parameters["date"]), zone)
    today = clock.day_of(now, zone)
    if "days" in parameters:
        first = today - timedelta(days=_number("days", parameters["days"], MAX_DAYS) - 1)
        return Period(clock.day_start(first, zone), clock.day_start(today + timedelta(days=1), zone), zone)
    if "hours" in parameters:
        return Period(now - timedelta(hours=_number("hours", parameters["hours"], MAX_DAYS * 24)), now, zone)
    return _between(parameters, zone, today)


def read_range(name: str, text: str, zone: ZoneInfo) -> Period:
    """The period of a text as `2026-10-01..2026-10-31`: two dates (both included) or RFC 3339 instants (the second
    excluded). Raises BadInput, which names the parameter `name`."""
    first, dots, last = text.partition("..")
    if not dots:
        detail = f"{text[:80]!r} is unknown; accepted: previous, year, or two dates or times with .. between them"
        raise bad_parameter(name, detail, PARAMETER_EXAMPLES[name])
    period = Period(_bound(name, first, zone, 0), _bound(name, last, zone, 1), zone)
    if period.end < period.start:
        raise bad_parameter(name, "the range ends before it begins", PARAMETER_EXAMPLES[name])
    if period.end == period.start:
        detail = f"the range holds no time: it ends as it begins, or {zone.key} skipped its days"
        raise bad_parameter(name, detail, PARAMETER_EXAMPLES[name])
    return period


def _between(parameters: Mapping[str, str], zone: ZoneInfo, today: date) -> Period:
    if "from" not in parameters:
        raise bad_parameter("from", "missing; to is accepted together with from", PARAMETER_EXAMPLES["from"])
    start = _bound("from", parameters["from"], zone, 0)
    end = (
        _bound("to", parameters["to"], zone, 1)
        if "to" in parameters
        else clock.day_start(today + timedelta(days=1), zone)
    )
    # A day that the zone skipped is empty, and not the caller's mistake. Dates sort as text.
    may_be_empty = (
        DATE_PATTERN.fullmatch(parameters["from"])
        and parameters["from"] <= parameters.get("to", "")
        and DATE_PATTERN.fullmatch(parameters["to"])
    )
    if end < start or (end == start and not may_be_empty):
        name = "to" if "to" in parameters else "from"
        raise bad_parameter(
            name, "the period ends before it begins; accepted: a to after from", PARAMETER_EXAMPLES[name]
        )
    return Period(start, end, zone)


def _bound(name: str, text: str, zone: ZoneInfo, plus_days: int) -> datetime:
    if DATE_PATTERN.fullmatch(text):
        return clock.day_start(_date(name, text) + timedelta(days=plus_days), zone)
    match = INSTANT_PATTERN.fullmatch(text)
    if not match:
        raise bad_parameter(
            name, f"{text[:40]!r} is neither a date nor an RFC 3339 time with a zone", PARAMETER_EXAMPLES[name]
        )
    _date(name, match[1])
    try:
        offset = match[3].upper().replace(" ", "+").replace("Z", "+00:00")
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{offset}").astimezone(UTC)
    except ValueError as error:
        raise bad_parameter(name, f"{text[:40]!r} is a time that does not exist", PARAMETER_EXAMPLES[name]) from error


def _date(name: str, text: str) -> date:
    try:
        if not DATE_PATTERN.fullmatch(text):
            raise ValueError(text)
        day = date.fromisoformat(text)
    except ValueError as error:
        raise bad_parameter(
            name, f"{text[:40]!r} is not a date; accepted: YYYY-MM-DD", PARAMETER_EXAMPLES[name]
        ) from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise bad_parameter(name, f"the year must be from {FIRST_YEAR} to {LAST_YEAR}", PARAMETER_EXAMPLES[name])
    return day


def _number(name: str, text: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= most:
        raise bad_parameter(name, f"{text[:40]!r} is not a whole number from 1 to {most}", PARAMETER_EXAMPLES[name])
    return int(text)
