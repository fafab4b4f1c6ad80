"""When a site's days are closed, and how long a closed day rests before it is written again. Pure.

days.py goes by it; docs/decisions/0008 says what an operator may expect.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics import clock

ONE_DAY = timedelta(days=1)
# What was sent before midnight is drained and merged by then.
GRACE = timedelta(minutes=5)


class Schedule(NamedTuple):
    """`at`: the time of a site's day at which the day before is closed; `interval`: between two passes, 0: none."""

    at: time = time(0)
    interval: timedelta = ONE_DAY
    grace: timedelta = GRACE

    def closes_at(self, day: date, tz: ZoneInfo) -> datetime:
        """When `day` may be closed: never before it is over. Of a time that comes twice the first counts."""
        following = day + ONE_DAY
        return (
            max(datetime.combine(following, self.at, tz).astimezone(UTC), clock.day_start(following, tz)) + self.grace
        )

    def last_day(self, now: datetime, tz: ZoneInfo) -> date:
        """The last day that may be closed by now."""
        day = clock.day_of(now, tz) - ONE_DAY
        while self.closes_at(day, tz) > now:
            day -= ONE_DAY
        return day

    def rests_since(self, now: datetime, tz: ZoneInfo) -> datetime:
        """A changed day that was written before this instant is due again: the last pass by now, or an earlier one
        where passes are more than a day apart."""
        if not self.interval:
            return now
        night = self.closes_at(self.last_day(now, tz), tz)
        step = min(self.interval, ONE_DAY)
        return night + (now - night) // step * step - max(self.interval - ONE_DAY, timedelta())


# What is over, now.
AT_ONCE = Schedule(interval=timedelta(), grace=timedelta())
