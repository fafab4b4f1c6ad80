"""Which whole days a report covers. Rollups count days of one calendar, so what cuts a day is refused."""

from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.errors import BadInput, Problem
from analytics.period import EXAMPLES, Period, read_period, read_zone
from analytics.reports.question import Question

DEFAULT_DAYS = 30
MOST_DAYS = 366
# The parameters of which one says the period.
PERIOD = ("date", "days", "hours", "to", "from")


class Days(NamedTuple):
    """The days `[first, after)` of the zone's calendar."""

    first: date
    after: date
    zone: ZoneInfo

    @property
    def period(self) -> Period:
        return Period(clock.day_start(self.first, self.zone), clock.day_start(self.after, self.zone), self.zone)

    @property
    def dates(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.after - self.first).days)]


def read_days(question: Question, calendar: str, default: int = DEFAULT_DAYS, most: int | None = None) -> Days:
    """The days asked for, of the calendar that the rollups are in; without any, `default` days through today.

    Raises BadInput for another zone, for a period that does not begin and end with a day, for more than `most` days.
    """
    zone = _own_zone(question, calendar)
    days = _whole_days(question, zone, default)
    if days is None:
        raise refuse(_named(question), "this report counts whole days", f"{EXAMPLES['days']} or {EXAMPLES['to']}")
    if most is not None and (days.after - days.first).days > most:
        raise refuse(_named(question), f"at most {most} days at once", EXAMPLES["days"])
    return days


def read_day(question: Question, calendar: str) -> Days:
    """The one day asked for; without any, today. Raises BadInput as `read_days`."""
    zone = _own_zone(question, calendar)
    days = _whole_days(question, zone, 1)
    if "date" in question.query:
        # Named by the caller, for a zone may have skipped it: it has no instants, and is a day all the same.
        day = date.fromisoformat(question.query["date"])
        return Days(day, day + timedelta(days=1), zone)
    if days is None or days.after - days.first != timedelta(days=1):
        raise refuse(_named(question), "this report is about one calendar day", EXAMPLES["date"])
    return days


def read_today(question: Question, calendar: str) -> Days:
    """Today, for a report that is asked for without a period. Raises BadInput for another zone."""
    zone = _own_zone(question, calendar)
    day = clock.day_of(question.now, zone)
    return Days(day, day + timedelta(days=1), zone)


def names_period(question: Question) -> bool:
    """The caller chose the days."""
    return any(name in question.query for name in PERIOD)


def _whole_days(question: Question, zone: ZoneInfo, default: int) -> Days | None:
    """None when the period begins or ends within a day."""
    today = clock.day_of(question.now, zone)
    through_today = Days(today - timedelta(days=default - 1), today + timedelta(days=1), zone)
    period = read_period(question.query, zone, question.now, through_today.period)
    days = Days(clock.day_of(period.start, zone), clock.day_of(period.end, zone), zone)
    return days if days.period == period else None


def around(day: Days, unit: str) -> Days:
    """The day itself, its ISO week (from Monday on), or its calendar month."""
    first = day.first
    if unit == "day":
        return day
    if unit == "week":
        monday = first - timedelta(days=first.weekday())
        return day._replace(first=monday, after=monday + timedelta(days=7))
    after = (first.replace(day=1) + timedelta(days=31)).replace(day=1)
    return day._replace(first=first.replace(day=1), after=after)


def refuse(name: str, detail: str, example: str) -> BadInput:
    """What is wrong with a parameter, and one that works."""
    whole = f"{name}: {detail}; for example {example}"
    return BadInput(whole, [Problem(None, name, "bad_parameter", whole)])


def _own_zone(question: Question, calendar: str) -> ZoneInfo:
    zone, site = read_zone(question.query, calendar), question.site.key
    if zone.key != calendar:
        name = "zone" if "zone" in question.query else "timezone"
        detail = f"{name}: the days of {site} are counted in its own zone, {calendar}; leave {name} out, or have them "
        detail += f"counted anew in another: flask site set {site} --zone {zone.key}"
        raise BadInput(detail, [Problem(None, name, "bad_parameter", detail)])
    return zone


def _named(question: Question) -> str:
    return next(name for name in PERIOD if name in question.query)
