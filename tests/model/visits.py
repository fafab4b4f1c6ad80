"""Visits: runs of page views of one user and session, a robot's apart, without a gap of more than 30 minutes."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.model.comparison import Rounded, ratio, rounded
from tests.model.events import Event
from tests.model.filters import Condition

GAP = timedelta(minutes=30)
# What the first page view of a visit says of all of it.
VISIT_DIMENSIONS = (
    "source", "channel", "referrer", "country", "region", "city", "browser", "os", "device", "utm_source",
    "utm_medium", "utm_campaign", "utm_term", "utm_content",
)  # fmt: skip
PAGE_DIMENSIONS = ("entry_path", "exit_path")


def runs(events: Iterable[Event]) -> list[list[Event]]:
    """The events of each user, session and kind of client, in order, cut at the gaps."""
    by_key: dict[tuple[str, str, bool], list[Event]] = defaultdict(list)
    for event in events:
        by_key[event.visitor].append(event)
    found: list[list[Event]] = []
    for of_key in by_key.values():
        of_key.sort(key=lambda event: event.order)
        for before, event in zip([None, *of_key], of_key, strict=False):
            if before is None or event.ts - before.ts > GAP:
                found.append([])
            found[-1].append(event)
    return found


class Visit:
    """`views` in their order."""

    def __init__(self, views: list[Event]) -> None:
        self.views = views

    @property
    def start(self) -> datetime:
        return self.views[0].ts

    @property
    def end(self) -> datetime:
        return self.views[-1].ts

    @property
    def user(self) -> str:
        return self.views[0].user

    @property
    def is_bot(self) -> bool:
        return self.views[0].is_bot

    @property
    def is_bounce(self) -> bool:
        return len(self.views) == 1

    @property
    def seconds(self) -> Fraction:
        return Fraction((self.end - self.start) / timedelta(microseconds=1)) / 1_000_000

    def meets(self, conditions: Iterable[Condition]) -> bool:
        return all(one.is_met_by(self.value(one.field)) for one in conditions)

    def value(self, dimension: str) -> str:
        if dimension == "exit_path":
            return self.views[-1].value("path")
        return self.views[0].value("path" if dimension == "entry_path" else dimension)


def find_visits(events: Iterable[Event]) -> list[Visit]:
    return [Visit(views) for views in runs(event for event in events if event.is_view)]


def visits_by_value(visits: Iterable[Visit], dimension: str) -> list[tuple[str, list[Visit]]]:
    """The values with the visits of each, most first."""
    by_value: dict[str, list[Visit]] = {}
    for visit in visits:
        by_value.setdefault(visit.value(dimension), []).append(visit)
    return sorted(by_value.items(), key=lambda item: (-len(item[1]), item[0]))


def count_visits(visits: list[Visit]) -> dict[str, int]:
    """Visits, who began them, and their page views."""
    users, views = {visit.user for visit in visits}, sum(len(visit.views) for visit in visits)
    return {"visitors": len(users), "visits": len(visits), "page_views": views}


def mean_seconds(visits: list[Visit]) -> Fraction | None:
    return sum((visit.seconds for visit in visits), Fraction()) / len(visits) if visits else None


def visit_figures(visits: list[Visit], are_whole: bool = True) -> dict[str, Any]:
    """The figures of a summary. `are_whole`: all of their events count."""
    return {
        "visits": len(visits),
        "bounce_rate": ratio(sum(visit.is_bounce for visit in visits), len(visits)),
        "avg_visit_duration_s": _maybe_rounded(mean_seconds(visits)),
        "views_per_visit": ratio(sum(len(visit.views) for visit in visits), len(visits)) if are_whole else None,
    }


def _maybe_rounded(value: Fraction | None) -> Rounded | None:
    return None if value is None else rounded(value)
