"""A funnel of users, counted by trying each beginning, in Python. Shares no code with analytics/."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

Event = dict[str, Any]
Step = Callable[[Event], bool]


def page(path: str) -> Step:
    return lambda event: bool(event["type"] == "page_view" and event.get("path") == path)


def event(name: str) -> Step:
    return lambda event: bool(event["type"] == name)


def find_depths(events: Sequence[Event], steps: Sequence[Step], days: int = 7) -> dict[str, int]:
    """User → how many steps they made at best; without those who made none."""
    by_user = defaultdict(list)
    for one in sorted(events, key=lambda one: str(one["ts"])):
        by_user[one["user_id"]].append(one)
    depths = {}
    for user, own in by_user.items():
        tries = [_follow(own[at:], steps, timedelta(days=days)) for at, one in enumerate(own) if steps[0](one)]
        if tries:
            depths[user] = max(tries)
    return depths


def _follow(events: Sequence[Event], steps: Sequence[Step], window: timedelta) -> int:
    began, made = datetime.fromisoformat(events[0]["ts"]), 1
    for one in events[1:]:
        in_time = datetime.fromisoformat(one["ts"]) - began <= window
        made += made < len(steps) and in_time and steps[made](one)
    return made
