"""What is said of a counted funnel. Rates are percentages with two digits, times are seconds; null: there was nobody.

In the words of seed 004, over the best attempt of each entity (a user, or a visit):

* conversion_rate: of those who began, how many took the last step; drop_off_rate: the others.
* abandonment_rate: of those who took the second step, how many did not take the last.
* avg_time_to_convert: from the first step to the last. avg_time_to_abandon: of the others, to the last that they took.
* avg_value, total_value: of the property that the funnel calls its value, where the last step has it as a number.
* performance_score: 0 to 100, the mean of two: the conversion rate, and the mean over the steps of how many of those
  who came to it went on to the next one (0 where nobody came to it).
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from analytics.funnels.attempts import NEVER, Attempts, Ints, deepest, runs
from analytics.funnels.conversion import Counted
from analytics.period import Period
from analytics.reports.buckets import cut

SECOND_US = 1_000_000


def summary(counted: Counted) -> dict[str, Any]:
    """The funnel in one line."""
    best, reached = counted.best, counted.reached
    starts, conversions = reached[0], reached[-1]
    is_whole = best.depths == len(reached)
    lasted = best.ends - best.starts
    values = best.values[~np.isnan(best.values)]
    return {
        "total_starts": starts,
        "total_conversions": conversions,
        "conversion_rate": rate(conversions, starts),
        "drop_off_rate": rate(starts - conversions, starts),
        "abandonment_rate": rate(reached[1] - conversions, reached[1]),
        "avg_value": round(float(values.mean()), 4) if len(values) else None,
        "total_value": round(float(values.sum()), 4) if counted.definition.value else None,
        "avg_time_to_convert": _mean(lasted[is_whole]),
        "avg_time_to_abandon": _mean(lasted[~is_whole]),
    }


def step_lines(counted: Counted) -> list[dict[str, Any]]:
    """Each step: how many came to it, of those who began; and how many of them went no further.

    avg_time_on_step: until the next step, of those who took that. median_time_s and p90_time_s: from the step before,
    by nearest rank. Of a tracked attempt no times are known but the first and, of a whole one, the last.
    """
    reached, lines = [*counted.reached, 0], []
    steps = counted.definition.steps
    for place, step in enumerate(steps):
        before = _between(counted.best, place - 1)
        is_last = place == len(steps) - 1
        lines.append(
            {
                "step_id": step.id,
                "step_name": step.name,
                "step_order": step.order,
                "visitors_reached": reached[place],
                "conversion_rate": rate(reached[place], reached[0]),
                "drop_off_rate": 0.0 if is_last else rate(reached[place] - reached[place + 1], reached[place]),
                "avg_time_on_step": _mean(_between(counted.best, place)),
                "median_time_s": _quantile(before, 0.5),
                "p90_time_s": _quantile(before, 0.9),
            }
        )
    return lines


def daily(counted: Counted, period: Period) -> list[dict[str, Any]]:
    """Each day's own entities: those who began an attempt on it, and whether one of these was whole. Not to be summed:
    who begins on two days is in both."""
    days = cut(period, "day")
    place, every = _days(counted.every.starts, days), counted.every
    firsts = runs(every.entities, place)
    is_whole = deepest(every, firsts) == len(counted.definition.steps)
    starts = np.bincount(place[firsts], minlength=len(days))
    whole = np.bincount(place[firsts][is_whole], minlength=len(days))
    return [
        {
            "date": str(day.first),
            "total_starts": int(began),
            "conversions": int(done),
            "conversion_rate": rate(int(done), int(began)),
        }
        for day, began, done in zip(days, starts, whole, strict=True)
    ]


def cohorts(counted: Counted, period: Period) -> list[dict[str, Any]]:
    """Each entity once, on the day of its first attempt; `conversions`: how many took the last step, whenever."""
    days = cut(period, "day")
    place, best = _days(counted.firsts, days), counted.best
    is_whole = best.depths == len(counted.definition.steps)
    lasted = best.ends - best.starts
    lines = []
    for number, day in enumerate(days):
        mine = place == number
        size, whole = int(mine.sum()), int((mine & is_whole).sum())
        times = {"avg_time_to_convert": _mean(lasted[mine & is_whole])}
        line = {"cohort_date": str(day.first), "cohort_size": size, "conversions": whole}
        lines.append({**line, "conversion_rate": rate(whole, size), **times})
    return lines


def breakdown(counted: Counted, limit: int) -> list[dict[str, Any]]:
    """By what the first step of the best attempt says; most starts first, `limit` lines. null: it says nothing."""
    best, count = counted.best, len(counted.dims)
    is_whole = best.depths == len(counted.definition.steps)
    starts = np.bincount(best.dims, minlength=count)
    whole = np.bincount(best.dims[is_whole], minlength=count)
    order = sorted((place for place in range(count) if starts[place]), key=lambda place: (-starts[place], place))
    return [
        {
            "value": counted.dims[place] or None,
            "total_starts": int(starts[place]),
            "total_conversions": int(whole[place]),
            "conversion_rate": rate(int(whole[place]), int(starts[place])),
        }
        for place in order[:limit]
    ]


def score(counted: Counted) -> float:
    """See above."""
    reached = counted.reached
    went_on = [rate(after, before) or 0.0 for before, after in pairwise(reached)]
    return round(((rate(reached[-1], reached[0]) or 0.0) + sum(went_on) / len(went_on)) / 2, 2)


def rate(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def _days(starts: Ints, days: Sequence[Any]) -> Ints:
    """The number of the day that each lies in."""
    edges = np.array([_us(day.start) for day in days], np.int64)
    found: Ints = np.searchsorted(edges, starts, side="right") - 1
    return found


def _us(instant: Any) -> int:
    return int(instant.timestamp()) * SECOND_US + int(instant.microsecond)


def _between(best: Attempts, step: int) -> Ints:
    """The times from the step to the next one, of the attempts where both are known."""
    if not 0 <= step < len(best.times) - 1:
        return np.zeros(0, np.int64)
    since, until = best.times[step], best.times[step + 1]
    is_known = (since != NEVER) & (until != NEVER)
    found: Ints = until[is_known] - since[is_known]
    return found


def _mean(times: Ints) -> float | None:
    return round(int(times.sum()) / len(times) / SECOND_US, 3) if len(times) else None


def _quantile(times: Ints, share: float) -> float | None:
    if not len(times):
        return None
    rank = math.ceil(share * len(times)) - 1
    return round(int(np.partition(times, rank)[rank]) / SECOND_US, 3)
