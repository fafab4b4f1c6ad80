"""Figures of a counted funnel, as JSON. Percentages have two digits, times are seconds; null: there were no entities.

reports.py calls it. The names are seed 004's, over the best attempt of each entity (a user, or a visit):

* conversion_rate: entities that made the last step, of those that started; drop_off_rate: all others.
* abandonment_rate: entities that did not make the last step, of those that made the second.
* avg_time_to_convert: from the first step to the last. avg_time_to_abandon: of all others, to their last step.
* avg_value, total_value: of the funnel's value property, where the last step has a number there.
* performance_score: 0 to 100, the mean of two: the conversion rate, and the mean over the steps of the percentage of
  entities that went on to the next step (0 for a step that no entity reached).
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np

from analytics.funnels.attempts import NEVER, Attempts, IntArray, max_depths, run_starts
from analytics.funnels.conversion import FunnelResult
from analytics.period import Period
from analytics.reports.buckets import Bucket, split_period

SECOND_US = 1_000_000


def summarize(result: FunnelResult) -> dict[str, Any]:
    """The totals of the funnel."""
    best, is_converted, counts = result.best_attempts, result.is_converted, result.step_counts
    starts, conversions = counts[0], counts[-1]
    durations = best.ends - best.starts
    values = best.values[~np.isnan(best.values)]
    return {
        "total_starts": starts,
        "total_conversions": conversions,
        "conversion_rate": percentage(conversions, starts),
        "drop_off_rate": percentage(starts - conversions, starts),
        "abandonment_rate": percentage(counts[1] - conversions, counts[1]),
        "avg_value": round(float(values.mean()), 4) if len(values) else None,
        "total_value": round(float(values.sum()), 4) if result.definition.value else None,
        "avg_time_to_convert": _mean_s(durations[is_converted]),
        "avg_time_to_abandon": _mean_s(durations[~is_converted]),
    }


def step_rows(result: FunnelResult) -> list[dict[str, Any]]:
    """A row a step: how many entities reached it, of those that started, and how many of them went no further.

    avg_time_on_step: until the next step, where it was made. median_time_s and p90_time_s: since the step before, by
    linear interpolation. A tracked attempt has only the times of its start and, if complete, its end.
    """
    best, counts, rows = result.best_attempts, result.step_counts, []
    for index, step in enumerate(result.definition.steps):
        lost = counts[index] - counts[index + 1] if index + 1 < len(counts) else None
        median_s, p90_s = _median_and_p90_s(_durations(best, index - 1))
        rows.append(
            {
                "step_id": step.id,
                "step_name": step.name,
                "step_order": step.order,
                "visitors_reached": counts[index],
                "conversion_rate": percentage(counts[index], counts[0]),
                "drop_off_rate": 0.0 if lost is None else percentage(lost, counts[index]),
                "avg_time_on_step": _mean_s(_durations(best, index)),
                "median_time_s": median_s,
                "p90_time_s": p90_s,
            }
        )
    return rows


def daily_rows(result: FunnelResult, period: Period) -> list[dict[str, Any]]:
    """A row a day: the entities that started an attempt on it, and those with a complete one among these.

    Not to be summed: an entity that starts on two days is in both.
    """
    days, attempts = split_period(period, "day"), result.attempts
    indexes = _day_indexes(attempts.starts, days)
    firsts = run_starts(attempts.entities, indexes)
    is_converted = max_depths(attempts, firsts) == len(result.definition.steps)
    starts = np.bincount(indexes[firsts], minlength=len(days)).tolist()
    conversions = np.bincount(indexes[firsts][is_converted], minlength=len(days)).tolist()
    return [
        {"date": str(day.first), "total_starts": started, "conversions": converted}
        | {"conversion_rate": percentage(converted, started)}
        for day, started, converted in zip(days, starts, conversions, strict=True)
    ]


def cohort_rows(result: FunnelResult, period: Period) -> list[dict[str, Any]]:
    """A row a day: the entities whose first attempt started on it, and how many of them ever made the last step."""
    days, best = split_period(period, "day"), result.best_attempts
    indexes = _day_indexes(result.first_start_times, days)
    durations = best.ends - best.starts
    rows = []
    for index, day in enumerate(days):
        is_member = indexes == index
        is_converted = is_member & result.is_converted
        size, conversions = int(is_member.sum()), int(is_converted.sum())
        row = {"cohort_date": str(day.first), "cohort_size": size, "conversions": conversions}
        rates = {
            "conversion_rate": percentage(conversions, size),
            "avg_time_to_convert": _mean_s(durations[is_converted]),
        }
        rows.append(row | rates)
    return rows


def breakdown_rows(result: FunnelResult, limit: int) -> list[dict[str, Any]]:
    """By the dimension's value in the first step of the best attempt, most starts first. null: no value."""
    codes, values = result.best_attempts.dimension_codes, result.dimension_values
    starts = np.bincount(codes, minlength=len(values)).tolist()
    conversions = np.bincount(codes[result.is_converted], minlength=len(values)).tolist()
    ranked = sorted((code for code in range(len(values)) if starts[code]), key=lambda code: (-starts[code], code))
    return [
        {"value": values[code] or None, "total_starts": starts[code], "total_conversions": conversions[code]}
        | {"conversion_rate": percentage(conversions[code], starts[code])}
        for code in ranked[:limit]
    ]


def performance_score(result: FunnelResult) -> float:
    """See the module's docstring."""
    counts = result.step_counts
    went_on = [percentage(after, before) or 0.0 for before, after in pairwise(counts)]
    return round(((percentage(counts[-1], counts[0]) or 0.0) + sum(went_on) / len(went_on)) / 2, 2)


def percentage(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def _day_indexes(starts: IntArray, days: Sequence[Bucket]) -> IntArray:
    """The index of the day that holds each start."""
    edges = np.array([_us(day.start) for day in days], np.int64)
    indexes: IntArray = np.searchsorted(edges, starts, side="right") - 1
    return indexes


def _us(instant: datetime) -> int:
    return int(instant.timestamp()) * SECOND_US + instant.microsecond


def _durations(best: Attempts, step: int) -> IntArray:
    """From the step to the next one, of the attempts in which both times are known."""
    if not 0 <= step < len(best.step_times) - 1:
        return np.zeros(0, np.int64)
    since, until = best.step_times[step], best.step_times[step + 1]
    is_known = (since != NEVER) & (until != NEVER)
    durations: IntArray = until[is_known] - since[is_known]
    return durations


def _mean_s(durations: IntArray) -> float | None:
    return round(int(durations.sum()) / len(durations) / SECOND_US, 3) if len(durations) else None


def _median_and_p90_s(durations: IntArray) -> tuple[float | None, float | None]:
    """By linear interpolation (docs/decisions/0022)."""
    if not len(durations):
        return None, None
    median, p90 = np.quantile(durations, [0.5, 0.9])
    return round(float(median) / SECOND_US, 3), round(float(p90) / SECOND_US, 3)
