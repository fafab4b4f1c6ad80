"""A slow count to compare reports with: the set of users of each day, in Python, from `SELECT … FROM events`."""

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples

BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"]
# Each is a few days before a clock change in one of the zones.
STARTS = [datetime(2010, 11, 5), datetime(2011, 12, 28), datetime(2026, 3, 27), datetime(2026, 10, 2)]

Test = Callable[..., None]


def in_some_zones(starts: list[datetime], **values: st.SearchStrategy[Any]) -> Callable[[Test], Test]:
    """Runs a test on a few random values, zones and starts."""
    few = settings(max_examples=examples(5), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    draw = given(zone=st.sampled_from(ZONES), start=st.sampled_from(starts), **values)
    return lambda test: few(draw(test))


EventDraft = tuple[str, int, bool, str]


def event_drafts(most_days: int) -> st.SearchStrategy[list[EventDraft]]:
    """(user, seconds after the start, is bot, type) of some events."""
    draft = st.tuples(
        st.sampled_from("abcdef"), st.integers(0, most_days * 86_400 - 1), st.booleans(),
        st.sampled_from(["page_view", "page_view", "click"]),
    )  # fmt: skip
    return st.lists(draft, min_size=1, max_size=30)


def as_payloads(drafts: Collection[EventDraft], start: datetime) -> list[dict[str, Any]]:
    start = start.replace(tzinfo=UTC)
    return [
        {"user_id": user, "ts": (start + timedelta(seconds=after_s)).isoformat(), "type": event_type}
        | ({"user_agent": BOT} if is_bot else {})
        for user, after_s, is_bot, event_type in drafts
    ]


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The latest local date reached by `at`: an hour that occurs twice does not return to the previous day."""
    minutes = [at - timedelta(minutes=n) for n in range(150)]
    return max(minute.astimezone(zone).date() for minute in minutes)


def count_users_by_day(
    sql: Callable[..., Any], site_id: int, zone: str, bots: bool = False, types: Collection[str] = ()
) -> dict[date, set[int]]:
    """Day → user_no of all users with a stored event."""
    rows = sql("SELECT user_no, ts, type, is_bot FROM events WHERE site_id = :site_id", site_id=site_id)
    days = defaultdict(set)
    for user_no, ts, event_type, is_bot in rows:
        if (bots or not is_bot) and (not types or event_type in types):
            days[local_day(ts, ZoneInfo(zone))].add(user_no)
    return days


def users_between(days: dict[date, set[int]], first: date, after: date) -> set[int]:
    return {user for day, users in days.items() if first <= day < after for user in users}
