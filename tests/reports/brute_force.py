"""The slow count that reports are held against: a set of people a day, made in Python of `SELECT … FROM events`."""

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"]
# Each a few days before a change of clocks of one of the zones.
STARTS = [datetime(2010, 11, 5), datetime(2011, 12, 28), datetime(2026, 3, 27), datetime(2026, 10, 2)]

Seen = tuple[str, int, bool, str]


def seen(most_days: int) -> st.SearchStrategy[list[Seen]]:
    """(user, seconds after the start, whether a program, type) of some events."""
    one = st.tuples(
        st.sampled_from("abcdef"), st.integers(0, most_days * 86_400 - 1), st.booleans(),
        st.sampled_from(["page_view", "page_view", "click"]),
    )  # fmt: skip
    return st.lists(one, min_size=1, max_size=30)


def as_sent(found: Collection[Seen], start: datetime) -> list[dict[str, Any]]:
    start = start.replace(tzinfo=UTC)
    return [
        {"user_id": user, "ts": (start + timedelta(seconds=after_s)).isoformat(), "type": kind}
        | ({"user_agent": BOT} if is_bot else {})
        for user, after_s, is_bot, kind in found
    ]


def slow_day(at: datetime, zone: ZoneInfo) -> date:
    """The latest local date that was reached by `at`: an hour that comes twice does not bring a day back."""
    minutes = [at - timedelta(minutes=30 * n) for n in range(6)] + [
        at - timedelta(hours=1, minutes=n) for n in range(60)
    ]
    return max(minute.astimezone(zone).date() for minute in minutes)


def people_by_day(
    sql: Callable[..., Any], site_id: int, zone: str, bots: bool = False, types: Collection[str] = ()
) -> dict[date, set[int]]:
    """Day → user_no of everybody with a stored event."""
    rows = sql("SELECT user_no, ts, type, is_bot FROM events WHERE site_id = :site_id", site_id=site_id)
    days = defaultdict(set)
    for user_no, ts, kind, is_bot in rows:
        if (bots or not is_bot) and (not types or kind in types):
            days[slow_day(ts, ZoneInfo(zone))].add(user_no)
    return days


def between(days: dict[date, set[int]], first: date, after: date) -> set[int]:
    return {user for day, users in days.items() if first <= day < after for user in users}
