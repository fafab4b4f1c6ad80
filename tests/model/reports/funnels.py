"""Funnels: every event that is the first step begins an attempt; each further step is the next event that is one."""

from collections import Counter
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from tests.model.calendars import DAY, Period, day_of, split
from tests.model.comparison import Rounded, percent, rounded
from tests.model.events import Event
from tests.model.filters import as_number, matches_pattern, parse_filter, payload_property
from tests.model.reports.query import change
from tests.model.site import Request, Site
from tests.model.visits import GAP

Definition = dict[str, Any]


class Attempt(NamedTuple):
    """`steps`: the events that made them. `entity`: whose it is."""

    entity: Any
    steps: list[Event]

    @property
    def depth(self) -> int:
        return len(self.steps)

    @property
    def start(self) -> Event:
        return self.steps[0]


def types_of(step: dict[str, Any]) -> list[str]:
    condition = step["condition"]
    named = [condition[part] for part in ("event", "custom", "type") if part in condition]
    return ["page_view" if name == "pageview" else name for name in named] or (
        ["page_view"] if step["type"] == "page" else []
    )


def is_step(step: dict[str, Any], event: Event) -> bool:
    condition, path = step["condition"], event.value("path")
    patterns = [condition[part] for part in ("page", "path") if part in condition]
    return (
        all(event.type == name for name in types_of(step))
        and all(path and matches_pattern(path, pattern) for pattern in patterns)
        and all(one.is_met(event) for one in (parse_filter(condition["filter"]) if "filter" in condition else ()))
    )


def follows(event: Event, step: Event) -> bool:
    """Whether the event comes after the step: by time, then by receipt."""
    return event.order > step.order


def _relevant(definition: Definition, events: list[Event]) -> list[Event]:
    """The steps; in strict order all events of the funnel's types."""
    steps = definition["steps"]
    if definition["ordering"] == "strict":
        types = [types_of(step) for step in steps]
        named = {name for of in types for name in of}
        return [event for event in events if not all(types) or event.type in named]
    return [event for event in events if any(is_step(step, event) for step in steps)]


def _entities(site: Site, request: Request, period: Period, definition: Definition, events: list[Event]) -> list[Any]:
    """Of each event: its user, or its run of events and page views in a session."""
    if definition["scope"] == "user":
        return [event.user for event in events]
    views = [event for event in site.select(period, ["page_view"], request.bots) if event not in events]
    by_key: dict[tuple[str, str, bool], list[Event]] = {}
    for event in sorted([*events, *views], key=lambda event: event.order):
        by_key.setdefault((event.user, event.session, event.is_bot), []).append(event)
    entity: dict[int, Any] = {}
    for key, run in by_key.items():
        number = 0
        for before, event in zip([run[0], *run], run, strict=False):
            number += event.ts - before.ts > GAP
            entity[id(event)] = (*key, number)
    return [entity[id(event)] for event in events]


def find_attempts(site: Site, request: Request, period: Period, definition: Definition) -> list[Attempt]:
    """All attempts of the period, by entity and start."""
    events = _relevant(definition, site.select_filtered(request, period))
    by_entity: dict[Any, list[Event]] = {}
    for entity, event in zip(_entities(site, request, period, definition, events), events, strict=True):
        by_entity.setdefault(entity, []).append(event)
    steps, is_strict = definition["steps"], definition["ordering"] == "strict"
    window = timedelta(seconds=definition["window_s"])
    return [
        Attempt(entity, _follow(steps, run[place:], window, is_strict))
        for entity, run in by_entity.items()
        for place, event in enumerate(run)
        if is_step(steps[0], event)
    ]


def _follow(steps: list[dict[str, Any]], run: list[Event], window: timedelta, is_strict: bool) -> list[Event]:
    made = [run[0]]
    for step in steps[1:]:
        later = [event for event in run if follows(event, made[-1])]
        following = later[:1] if is_strict else [event for event in later if is_step(step, event)][:1]
        if not following or not is_step(step, following[0]) or following[0].ts - run[0].ts > window:
            break
        made += following
    return made


def best_attempts(attempts: list[Attempt]) -> list[Attempt]:
    """Of each entity the deepest; of equals the first."""
    best: dict[Any, Attempt] = {}
    for attempt in attempts:
        if attempt.entity not in best or attempt.depth > best[attempt.entity].depth:
            best[attempt.entity] = attempt
    return list(best.values())


def _seconds(attempts: list[Attempt]) -> list[Fraction]:
    return [_span(attempt.steps[0], attempt.steps[-1]) for attempt in attempts]


def _span(one: Event, other: Event) -> Fraction:
    return Fraction((other.ts - one.ts) // timedelta(microseconds=1), 1_000_000)


def _mean(values: list[Fraction]) -> Rounded | None:
    return rounded(sum(values, Fraction()) / len(values), 3) if values else None


def _quantile(values: list[Fraction], share: Fraction) -> Rounded | None:
    """Linear interpolation between the neighbours."""
    if not values:
        return None
    ordered, place = sorted(values), share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return rounded(ordered[low] + (ordered[high] - ordered[low]) * (place - low), 3)


def step_counts(definition: Definition, best: list[Attempt]) -> list[int]:
    return [sum(attempt.depth > number for attempt in best) for number in range(len(definition["steps"]))]


def summarize(definition: Definition, best: list[Attempt]) -> dict[str, Any]:
    counts, last = step_counts(definition, best), len(definition["steps"])
    starts, conversions = counts[0], counts[-1]
    complete = [attempt for attempt in best if attempt.depth == last]
    values = [value for attempt in complete if (value := _value(definition, attempt)) is not None]
    return {
        "total_starts": starts, "total_conversions": conversions,
        "conversion_rate": percent(conversions, starts), "drop_off_rate": percent(starts - conversions, starts),
        "abandonment_rate": percent(counts[1] - conversions, counts[1]),
        "avg_value": rounded(sum(values) / len(values), 4) if values else None,
        "total_value": rounded(sum(values, Fraction()), 4) if definition["value"] else None,
        "avg_time_to_convert": _mean(_seconds(complete)),
        "avg_time_to_abandon": _mean(_seconds([attempt for attempt in best if attempt.depth < last])),
    }  # fmt: skip


def _value(definition: Definition, attempt: Attempt) -> Fraction | None:
    if not definition["value"]:
        return None
    number = as_number(payload_property(attempt.steps[-1], definition["value"]))
    return None if number is None else Fraction(number)


def step_rows(definition: Definition, best: list[Attempt]) -> list[dict[str, Any]]:
    counts, rows = step_counts(definition, best), []
    for number, step in enumerate(definition["steps"]):
        onward = [_span(*attempt.steps[number : number + 2]) for attempt in best if attempt.depth > number + 1]
        since = [_span(*attempt.steps[number - 1 : number + 1]) for attempt in best if 0 < number < attempt.depth]
        lost = counts[number] - counts[number + 1] if number + 1 < len(counts) else None
        rows.append({
            "step_id": step["id"], "step_name": step["name"], "step_order": step["order"],
            "visitors_reached": counts[number], "conversion_rate": percent(counts[number], counts[0]),
            "drop_off_rate": 0.0 if lost is None else percent(lost, counts[number]),
            "avg_time_on_step": _mean(onward), "median_time_s": _quantile(since, Fraction(1, 2)),
            "p90_time_s": _quantile(since, Fraction(9, 10)),
        })  # fmt: skip
    return rows


def _daily(definition: Definition, attempts: list[Attempt], day: date, zone: str) -> dict[str, Any]:
    began = [attempt for attempt in attempts if day_of(attempt.start.ts, zone) == day]
    entities = {attempt.entity for attempt in began}
    converted = {attempt.entity for attempt in began if attempt.depth == len(definition["steps"])}
    rate = percent(len(converted), len(entities))
    return {"date": day, "total_starts": len(entities), "conversions": len(converted), "conversion_rate": rate}


def _cohort(definition: Definition, attempts: list[Attempt], day: date, zone: str) -> dict[str, Any]:
    first: dict[Any, date] = {}
    for attempt in attempts:
        first.setdefault(attempt.entity, day_of(attempt.start.ts, zone))
    members = [attempt for attempt in best_attempts(attempts) if first[attempt.entity] == day]
    converted = [attempt for attempt in members if attempt.depth == len(definition["steps"])]
    return {
        "cohort_date": day, "cohort_size": len(members), "conversions": len(converted),
        "conversion_rate": percent(len(converted), len(members)), "avg_time_to_convert": _mean(_seconds(converted)),
    }  # fmt: skip


def _day_count(period: Period) -> str:
    last = day_of(max(period.start, period.end - timedelta.resolution), period.zone)
    return f"{(last - day_of(period.start, period.zone)) // DAY + 1} days"


def report(site: Site, request: Request, definition: Definition) -> dict[str, Any]:
    period = site.period(request, 7)
    attempts = find_attempts(site, request, period, definition)
    best = best_attempts(attempts)
    dates = [bucket.first for bucket in split(period, "day")]
    answer = {
        **summarize(definition, best), "step_analytics": step_rows(definition, best),
        "daily_performance": [_daily(definition, attempts, day, period.zone) for day in dates],
        "cohort_data": [_cohort(definition, attempts, day, period.zone) for day in dates],
        "date_range": _day_count(period), "meta": site.meta(period),
    }  # fmt: skip
    if dimension := request.get("breakdown"):
        answer["breakdown"] = {"dimension": dimension, "rows": _by_value(definition, best, dimension, request.limit)}
    if comparison := site.comparison(request, period):
        before = comparison.previous
        answer["meta"] = site.meta(period, **comparison.meta)
        old = best_attempts(find_attempts(site, request, before, definition))
        totals = summarize(definition, old)
        answer["previous"] = {**before.bounds, **totals, "step_analytics": step_rows(definition, old)}
        answer["change"] = change(summarize(definition, best), totals)
    return answer


def _by_value(definition: Definition, best: list[Attempt], dimension: str, limit: int) -> list[dict[str, Any]]:
    starts = Counter(attempt.start.value(dimension) for attempt in best)
    done = Counter(attempt.start.value(dimension) for attempt in best if attempt.depth == len(definition["steps"]))
    ranked = sorted(starts, key=lambda value: (-starts[value], value))[:limit]
    return [
        {"value": value or None, "total_starts": starts[value], "total_conversions": done[value]}
        | {"conversion_rate": percent(done[value], starts[value])}
        for value in ranked
    ]


def ad_hoc(site: Site, request: Request) -> Any:
    return site.told_of_events(request, {"definition": request.body, **report(site, request, request.body)})


def detailed(site: Site, request: Request) -> Any:
    funnel_id = request.values["funnel_id"]
    answer = {"funnel_id": funnel_id, "website_id": site.key, **report(site, request, site.definitions[funnel_id])}
    return site.told_of_events(request, answer)


def analytics(site: Site, request: Request) -> Any:
    funnel_id, period = request.values["funnel_id"], site.period(request, 7)
    definition = site.definitions[funnel_id]
    best = best_attempts(find_attempts(site, request, period, definition))
    last = day_of(max(period.start, period.end - timedelta.resolution), period.zone)
    ids = {"funnel_id": funnel_id, "website_id": site.key, "date": last, "date_range": _day_count(period)}
    return site.told_of_events(request, {**ids, **summarize(definition, best), "meta": site.meta(period)})


def compare(site: Site, request: Request) -> Any:
    rows, period = [], site.period(request, 7)
    for funnel_id in request.body["funnel_ids"]:
        definition = site.definitions[funnel_id]
        best = best_attempts(find_attempts(site, request, period, definition))
        counts = step_counts(definition, best)
        went_on = [_shown(after, before) for before, after in pairwise(counts)]
        score = (_shown(counts[-1], counts[0]) + sum(went_on) / len(went_on)) / 2
        totals = summarize(definition, best) | {"performance_score": Rounded(score, 2)}
        names = ("total_starts", "total_conversions", "conversion_rate", "drop_off_rate", "avg_time_to_convert")
        shown = {name: totals[name] for name in (*names, "performance_score")}
        rows.append({"funnel_id": funnel_id, "funnel_name": definition["name"], **shown})
    return site.told_of_events(request, rows)


def _shown(part: int, whole: int) -> Fraction:
    """The percentage, as it is shown."""
    return Fraction(round(Fraction(10_000 * part, whole)), 100) if whole else Fraction()
