"""Funnels counted by trying everything, in Python, over what `SELECT … FROM events` says. Shares no code with ours."""

import fnmatch
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.reports.slow import slow_day


class Event(NamedTuple):
    ts: datetime
    user: int
    session: str
    type: str
    path: str
    country: str
    is_bot: bool


class Try(NamedTuple):
    """An attempt: when each of its steps was, and where the first one was."""

    times: tuple[datetime, ...]
    country: str


def stored(sql: Callable[..., Any], site_id: int, bots: bool = False) -> list[Event]:
    columns = "ts, user_no, coalesce(session_id, ''), type, coalesce(path, ''), coalesce(country, ''), is_bot"
    query = f"SELECT {columns} FROM events WHERE site_id = :site_id AND (:bots OR NOT is_bot) ORDER BY random()"
    return [Event(*row) for row in sql(query, site_id=site_id, bots=bots)]


def is_step(event: Event, step: dict[str, Any]) -> bool:
    condition = step["condition"]
    if "event" in condition and event.type != condition["event"]:
        return False
    if "page" not in condition:
        return True
    # No pattern is one of no path.
    if not event.path:
        return False
    # None of the paths has a sign of fnmatch's but the star.
    pattern = re.compile(fnmatch.translate(condition["page"]))
    return event.type == (condition.get("event") or "page_view") and pattern.fullmatch(event.path) is not None


def is_looked_at(event: Event, definition: dict[str, Any]) -> bool:
    if any(is_step(event, step) for step in definition["steps"]):
        return True
    named = {step["condition"].get("event", "page_view") for step in definition["steps"]}
    return definition["ordering"] == "strict" and event.type in named


def entities(events: Sequence[Event], definition: dict[str, Any]) -> Iterator[list[Event]]:
    """The events of each user, or of each visit."""
    groups = defaultdict(list)
    for event in sorted(events):
        if event.type == "page_view" or is_looked_at(event, definition):
            visit_of = (event.session, event.is_bot) if definition["scope"] == "visit" else None
            groups[event.user, visit_of].append(event)
    for group in groups.values():
        if definition["scope"] == "user":
            yield group
            continue
        visit = [group[0]]
        for event in group[1:]:
            if event.ts - visit[-1].ts > timedelta(minutes=30):
                yield visit
                visit = []
            visit.append(event)
        yield visit


def tries(events: Sequence[Event], definition: dict[str, Any]) -> list[Try]:
    """From each instant of a first step, the longest chain of all that there are; of those, the earliest steps."""
    first, *_ = definition["steps"]
    found = []
    for start in sorted({event.ts for event in events if is_step(event, first)}):
        country = min(event.country for event in events if event.ts == start and is_step(event, first))
        chains = list(_chains(events, definition, (start,)))
        longest = max(map(len, chains))
        found.append(Try(min(chain for chain in chains if len(chain) == longest), country))
    return found


def _chains(events: Sequence[Event], definition: dict[str, Any], so_far: tuple[datetime, ...]) -> Iterator[Any]:
    yield so_far
    if len(so_far) == len(definition["steps"]):
        return
    step, last = definition["steps"][len(so_far)], so_far[-1]
    for ts in {event.ts for event in events if is_step(event, step)}:
        if ts <= last or ts - so_far[0] > timedelta(seconds=definition["window_s"]):
            continue
        between = [one for one in events if last < one.ts < ts and is_looked_at(one, definition)]
        if definition["ordering"] == "ordered" or not between:
            yield from _chains(events, definition, (*so_far, ts))


class Slow(NamedTuple):
    reached: list[int]
    lasted: list[float]
    gave_up: list[float]
    # Step → the times from the one before.
    since: list[list[float]]
    days: dict[date, tuple[int, int]]
    cohorts: dict[date, tuple[int, int]]
    countries: dict[str, tuple[int, int]]


def slow_count(events: Sequence[Event], definition: dict[str, Any], zone: ZoneInfo) -> Slow:
    """The figures of everything, from each entity's tries."""
    steps = len(definition["steps"])
    everybody = [found for group in entities(events, definition) if (found := tries(group, definition))]
    best = [min(found, key=lambda one: (-len(one.times), one.times[0])) for found in everybody]
    spans = [
        [(one.times[-1] - one.times[0]).total_seconds() for one in best if (len(one.times) == steps) is whole]
        for whole in (True, False)
    ]
    days, cohorts, countries = ({} for _ in range(3))
    for found, one in zip(everybody, best, strict=True):
        whole = len(one.times) == steps
        _add(cohorts, slow_day(min(each.times[0] for each in found), zone), whole)
        _add(countries, one.country, whole)
        began = defaultdict(list)
        for each in found:
            began[slow_day(each.times[0], zone)].append(len(each.times) == steps)
        for day, outcomes in began.items():
            _add(days, day, any(outcomes))
    since = [
        [(one.times[n] - one.times[n - 1]).total_seconds() for one in best if len(one.times) > n]
        for n in range(1, steps)
    ]
    reached = [sum(len(one.times) > n for one in best) for n in range(steps)]
    return Slow(reached, *spans, since, days, cohorts, countries)


def _add(counts: dict[Any, tuple[int, int]], key: Any, whole: bool) -> None:
    began, done = counts.get(key, (0, 0))
    counts[key] = (began + 1, done + whole)
