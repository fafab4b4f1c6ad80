"""Reports on a goal: how often it was reached, and whether those who did come back more than the others."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from pyroaring import BitMap64

from analytics.extensions import settings
from analytics.insights.asking import Asked, raw_events, raw_for, read_asked
from analytics.insights.goal_rollups import Rollups, Unknown
from analytics.insights.goal_rows import Rows
from analytics.insights.goals import Goal
from analytics.insights.reached import Source
from analytics.reports.active import TRAILING
from analytics.reports.buckets import cut
from analytics.reports.cache import cached
from analytics.reports.canonical import DIGITS
from analytics.reports.days import Days, read_days
from analytics.reports.question import Question
from analytics.rollups.reading import Snapshot

# So many units after the period, unless `units` asks for others.
DEFAULT_UNITS = 8
UNIT_DAYS = {"day": 1, **TRAILING}


def report(question: Question, goal: Goal) -> dict[str, Any]:
    """Conversions, people, rate and amounts of the period; by `granularity` and by `dimension` where asked for.

    Raises BadInput; Invalid when raw events cannot be counted within STATEMENT_TIMEOUT.
    """
    query = question.query
    unit, dimension = query.get("granularity"), query.get("dimension")
    question = about(question, goal)
    with question.rollups() as found:
        asked = read_asked(question, found.zone)
        name = raw_for(query, asked, found.zone)
        if name is None and asked.days:
            source = Rollups(found, goal, *asked.days, asked)
            if source.can_tell(unit, dimension):
                with suppress(Unknown):
                    return _kept(question, asked, "rollup", lambda: _describe(query, asked, source))
    return _kept(question, asked, "raw", lambda: _describe_raw(question, asked, goal, name))


def about(question: Question, goal: Goal) -> Question:
    """The question, told from the same one about another goal: a stored goal may be changed."""
    return replace(question, query={**question.query, "goal": goal.as_json()})


def _kept(question: Question, asked: Asked, source: str, compute: Any) -> dict[str, Any]:
    meta = question.meta(asked.period, source)
    return cached(question, "goal", asked.period, lambda: compute() | {"meta": meta})


def _describe_raw(question: Question, asked: Asked, goal: Goal, name: str | None) -> dict[str, Any]:
    """`name`: as `raw_for`; None: only the goal needs raw events, and rollups know who was active."""
    active: dict[str, list[int]] = {}
    if name is None and asked.days:
        with question.rollups() as found:
            known = Rollups(found, goal, *asked.days, asked)
            active = {unit: known.count_active(unit) for unit in ("all", question.query.get("granularity")) if unit}
    with raw_events(question, asked, name or "from") as connection:
        return _describe(question.query, asked, Rows(connection, asked, goal, active))


def _describe(query: dict[str, Any], asked: Asked, source: Source) -> dict[str, Any]:
    [total] = source.count("all")
    found = total.as_json()
    if unit := query.get("granularity"):
        found |= {"granularity": unit, "series": _series(asked, unit, source)}
    if dimension := query.get("dimension"):
        ranked = source.rank(dimension, int(query.get("limit") or settings().top_results_limit))
        rows = [{"value": value or None, **line.as_json()} for value, line in ranked.lines]
        others = ranked.total - sum(line.conversions for _, line in ranked.lines)
        found |= {"dimension": dimension, "rows": rows, "other_conversions": others}
    return found


def _series(asked: Asked, unit: str, source: Source) -> list[dict[str, Any]]:
    zone = asked.period.zone
    return [
        {"date": str(one.first), "ts": one.start.astimezone(zone).isoformat()}
        | {"to": one.end.astimezone(zone).isoformat(), **reached.as_json()}
        for one, reached in zip(cut(asked.period, unit), source.count(unit), strict=True)
    ]


class Group(NamedTuple):
    """People, and how many of them were active in each unit after the period."""

    size: int
    retained: list[int]

    def as_json(self) -> dict[str, Any]:
        rates = [round(count / self.size, DIGITS) if self.size else None for count in self.retained]
        return {**self._asdict(), "rates": rates}


def retention(question: Question, goal: Goal) -> dict[str, Any]:
    """Who came back after the period: of those who converted in it, and of all others who were active in it.

    A unit is a day, 7 days or 30 days; the first begins where the period ends, and those that have not begun yet are
    left out. Bitmaps alone, but where only raw events of the period know who converted. Raises BadInput and Invalid.
    """
    question = about(question, goal)
    days, converted, source = _converters(question, goal)
    length = UNIT_DAYS[question.query["unit"]]
    bots = question.query.get("include_bots", False)
    with question.rollups() as found:
        active = found.total(days.first, days.after, bots=bots).users
        units = list(_units(question, days, length))
        later = [found.total(first, first + timedelta(days=length), bots=bots).users for first in units]
    today_is = Days(units[-1], units[-1] + timedelta(days=length), days.zone).period.end if units else None
    groups = {"converters": converted, "others": active - converted}
    answer: dict[str, Any] = {"unit": question.query["unit"], "starts": [str(first) for first in units]}
    answer |= {name: _group(people, later).as_json() for name, people in groups.items()}
    answer["last_is_over"] = today_is is None or today_is <= question.now
    return answer | {"meta": question.meta(days.period, source)}


def _converters(question: Question, goal: Goal) -> tuple[Days, BitMap64, str]:
    with question.rollups() as found:
        days = read_days(question, found.zone)
        asked = read_asked(question, found.zone)
        if (people := _by_rollups(found, goal, days, asked)) is not None:
            return days, people, "rollup"
    asked = replace(asked, period=days.period)
    with raw_events(question, asked, "from") as connection:
        return days, Rows(connection, asked, goal).people(), "raw"


def _by_rollups(found: Snapshot, goal: Goal, days: Days, asked: Asked) -> BitMap64 | None:
    """None: only raw events can tell."""
    source = Rollups(found, goal, days.first, days.after, asked)
    try:
        return source.people() if source.can_tell(None, None) else None
    except Unknown:
        return None


def _units(question: Question, days: Days, length: int) -> Iterator[date]:
    """Where those begin that have begun."""
    for number in range(int(question.query.get("units") or DEFAULT_UNITS)):
        first = days.after + timedelta(days=number * length)
        if Days(first, first + timedelta(days=1), days.zone).period.start > question.now:
            break
        yield first


def _group(people: BitMap64, later: Sequence[BitMap64]) -> Group:
    return Group(len(people), [people.intersection_cardinality(active) for active in later])
