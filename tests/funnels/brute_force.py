"""Funnels counted by trying every chain of events, in Python, over the stored rows. Shares no code with analytics/."""

import fnmatch
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.reports.brute_force import local_day


class Event(NamedTuple):
    ts: datetime
    # When the batch was received, the index in it, and the id: the order of events at one instant.
    receipt: tuple[datetime, int, str]
    user: int
    session: str
    type: str
    path: str
    country: str
    is_bot: bool


class Attempt(NamedTuple):
    """When each step was made, and the country of the first."""

    times: tuple[datetime, ...]
    country: str


def read_stored_events(sql: Callable[..., Any], site_id: int, bots: bool = False) -> list[Event]:
    columns = "ts, received_at, position, event_id::text, user_no, coalesce(session_id, ''), type, coalesce(path, ''), coalesce(country, ''), is_bot"
    query = f"SELECT {columns} FROM events WHERE site_id = :site_id AND (:bots OR NOT is_bot) ORDER BY random()"
    return [Event(row[0], tuple(row[1:4]), *row[4:]) for row in sql(query, site_id=site_id, bots=bots)]


def is_step(event: Event, step: dict[str, Any]) -> bool:
    condition = step["condition"]
    if "event" in condition and event.type != condition["event"]:
        return False
    if "page" not in condition:
        return True
    # No pattern matches an event without a path.
    if not event.path:
        return False
    # The only fnmatch character in the tests' patterns is the star.
    pattern = re.compile(fnmatch.translate(condition["page"]))
    return event.type == (condition.get("event") or "page_view") and pattern.fullmatch(event.path) is not None


def is_relevant(event: Event, definition: dict[str, Any]) -> bool:
    if any(is_step(event, step) for step in definition["steps"]):
        return True
    types = {step["condition"].get("event", "page_view") for step in definition["steps"]}
    return definition["ordering"] == "strict" and event.type in types


def entities(events: Sequence[Event], definition: dict[str, Any]) -> Iterator[list[Event]]:
    """The events of each user, or of each visit."""
    groups = defaultdict(list)
    for event in sorted(events):
        if event.type == "page_view" or is_relevant(event, definition):
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


def find_attempts(events: Sequence[Event], definition: dict[str, Any]) -> list[Attempt]:
    """From each event of a first step, in order, the longest chain; of equal ones, that with the earliest steps."""
    first, *_ = definition["steps"]
    attempts = []
    for start in sorted(event for event in events if is_step(event, first)):
        chains = list(_chains(events, definition, (start,)))
        longest = max(map(len, chains))
        best = min(tuple(event[:2] for event in chain) for chain in chains if len(chain) == longest)
        attempts.append(Attempt(tuple(ts for ts, _ in best), start.country))
    return attempts


def _chains(events: Sequence[Event], definition: dict[str, Any], so_far: tuple[Event, ...]) -> Iterator[Any]:
    yield so_far
    if len(so_far) == len(definition["steps"]):
        return
    step, last = definition["steps"][len(so_far)], so_far[-1]
    for event in events:
        is_later = event[:2] > last[:2] and event.ts - so_far[0].ts <= timedelta(seconds=definition["window_s"])
        if not is_step(event, step) or not is_later:
            continue
        between = [one for one in events if last[:2] < one[:2] < event[:2] and is_relevant(one, definition)]
        if definition["ordering"] == "ordered" or not between:
            yield from _chains(events, definition, (*so_far, event))


class BruteForceResult(NamedTuple):
    reached: list[int]
    conversion_times: list[float]
    abandon_times: list[float]
    # By step: seconds since the step before.
    step_times: list[list[float]]
    days: dict[date, tuple[int, int]]
    cohorts: dict[date, tuple[int, int]]
    countries: dict[str, tuple[int, int]]


def count_by_brute_force(events: Sequence[Event], definition: dict[str, Any], zone: ZoneInfo) -> BruteForceResult:
    """All figures, from each entity's attempts."""
    steps = len(definition["steps"])
    groups = [attempts for group in entities(events, definition) if (attempts := find_attempts(group, definition))]
    best = [min(attempts, key=lambda attempt: (-len(attempt.times), attempt.times[0])) for attempts in groups]
    durations = [
        [(one.times[-1] - one.times[0]).total_seconds() for one in best if (len(one.times) == steps) is is_complete]
        for is_complete in (True, False)
    ]
    days, cohorts, countries = ({} for _ in range(3))
    for attempts, one in zip(groups, best, strict=True):
        is_complete = len(one.times) == steps
        _add(cohorts, local_day(min(attempt.times[0] for attempt in attempts), zone), is_complete)
        _add(countries, one.country, is_complete)
        by_day = defaultdict(list)
        for attempt in attempts:
            by_day[local_day(attempt.times[0], zone)].append(len(attempt.times) == steps)
        for day, outcomes in by_day.items():
            _add(days, day, any(outcomes))
    step_times = [
        [(one.times[n] - one.times[n - 1]).total_seconds() for one in best if len(one.times) > n]
        for n in range(1, steps)
    ]
    reached = [sum(len(one.times) > n for one in best) for n in range(steps)]
    return BruteForceResult(reached, *durations, step_times, days, cohorts, countries)


def _add(counts: dict[Any, tuple[int, int]], key: Any, is_complete: bool) -> None:
    starts, conversions = counts.get(key, (0, 0))
    counts[key] = (starts + 1, conversions + is_complete)
