"""When a site's days are closed, and how long a closed day rests before it is rewritten. Pure.

days.py calls it; docs/decisions/0008 has the reasons.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics import clock

ONE_DAY = timedelta(days=1)
# Events sent before midnight are drained and merged by then.
GRACE = timedelta(minutes=5)


class ClosingSchedule(NamedTuple):
    """`close_time`: local time at which the day before is closed; `interval`: between two passes, 0: always due."""

    close_time: time = time(0)
    interval: timedelta = ONE_DAY
    grace: timedelta = GRACE

    def closes_at(self, day: date, tz: ZoneInfo) -> datetime:
        """When `day` may be closed: never before it ends. Of a local time that occurs twice the first counts."""
        following = day + ONE_DAY
        return (
            max(datetime.combine(following, self.close_time, tz).astimezone(UTC), clock.day_start(following, tz))
            + self.grace
        )

    def last_closable_day(self, now: datetime, tz: ZoneInfo) -> date:
        """The last day that may be closed by now."""
        day = clock.day_of(now, tz) - ONE_DAY
        while self.closes_at(day, tz) > now:
            day -= ONE_DAY
        return day

    def rewrite_cutoff(self, now: datetime, tz: ZoneInfo) -> datetime:
        """A changed day last written before this instant is due again: the latest pass, or an earlier one when passes
        are more than a day apart."""
        if not self.interval:
            return now
        night = self.closes_at(self.last_closable_day(now, tz), tz)
        step = min(self.interval, ONE_DAY)
        return night + (now - night) // step * step - max(self.interval - ONE_DAY, timedelta())


# Closes all ended days, now.
IMMEDIATE = ClosingSchedule(interval=timedelta(), grace=timedelta())
