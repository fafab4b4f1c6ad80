"""goal, stored goals and their retention, journeys, experiment."""

import math
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from statistics import NormalDist
from typing import Any

from tests.model.calendars import DAY, Period, day_start, of_days, split, touched_days
from tests.model.comparison import ANYTHING, Rounded, ratio, rounded
from tests.model.events import Event, select, users
from tests.model.filters import as_number, as_text, matches_pattern, parse_filter, payload_property
from tests.model.reports.query import change, local
from tests.model.site import Request, Site
from tests.model.visits import runs

COMPARED = ("conversions", "users", "active_users", "rate")
UNIT_DAYS = {"day": 1, "week": 7, "month": 30}
Definition = dict[str, Any]


def definition_of(request: Request) -> Definition:
    """An ad hoc goal."""
    value = {name: request[name] for name in ("property", "amount", "currency", "currency_property") if name in request}
    if "currency" in value:
        value["currency"] = value["currency"].upper()
    event_type = {"pageview": "page_view"}.get(request.get("type"), request.get("type")) or "page_view"
    definition = {"type": event_type, "path": request.get("path") or None, "value": value or None}
    return definition | {"filter": request.get("goal_filter") or None}


def is_met(definition: Definition, event: Event) -> bool:
    if event.type != definition["type"]:
        return False
    if definition["path"] and not (event.value("path") and matches_pattern(event.value("path"), definition["path"])):
        return False
    return not definition["filter"] or all(one.is_met(event) for one in parse_filter(definition["filter"]))


def _amounts(definition: Definition, met: list[Event]) -> dict[str, Any]:
    value = definition["value"]
    if value is None:
        return {}
    sums: dict[str | None, tuple[Decimal, int]] = {}
    for event in met:
        amount = (
            Decimal(value["amount"]) if "amount" in value else as_number(payload_property(event, value["property"]))
        )
        if amount is not None:
            total, count = sums.get(currency := _currency(value, event), (Decimal(), 0))
            sums[currency] = total + amount, count + 1
    ranked = sorted(sums.items(), key=lambda item: (-item[1][0], item[0] or ""))
    rows = [{"currency": name, "amount": total, "conversions": count} for name, (total, count) in ranked]
    return {"amounts": rows, "without_amount": len(met) - sum(count for _, count in sums.values())}


def _currency(value: dict[str, str], event: Event) -> str | None:
    if "currency_property" in value:
        sent = payload_property(event, value["currency_property"])
        return None if sent is None else as_text(sent).strip().upper() or None
    return value.get("currency")


def conversions(definition: Definition, events: list[Event]) -> dict[str, Any]:
    met = [event for event in events if is_met(definition, event)]
    counts = {"conversions": len(met), "users": len(users(met)), "active_users": len(users(events))}
    return {**counts, "rate": ratio(counts["users"], counts["active_users"]), **_amounts(definition, met)}


def goal(site: Site, request: Request) -> Any:
    return goal_report(site, request, definition_of(request))


def stored_goal(site: Site, request: Request) -> Any:
    return goal_report(site, request, site.definitions[request.values["goal_id"]])


def goal_report(site: Site, request: Request, definition: Definition) -> Any:
    period = site.period(request)
    if site.told_of_events(request, None) is ANYTHING:
        return ANYTHING
    events = site.select_filtered(request, period)
    answer = {**conversions(definition, events), "goal": definition, "meta": site.meta(period)}
    if comparison := site.comparison(request, period):
        before = comparison.previous
        old = site.select_filtered(request, before)
        previous = {**before.bounds, **conversions(definition, old)}
        if unit := request.get("granularity"):
            previous["series"] = _series(definition, old, before, unit)
        now = {name: answer[name] for name in COMPARED}
        answer |= {"previous": previous, "change": change(now, {name: previous[name] for name in COMPARED})}
        answer["meta"] = site.meta(period, **comparison.meta)
    if unit := request.get("granularity"):
        answer |= {"granularity": unit, "series": _series(definition, events, period, unit)}
    if dimension := request.get("dimension"):
        answer |= {"dimension": dimension, **_by_value(definition, events, dimension, request.limit)}
    return answer


def _series(definition: Definition, events: list[Event], period: Period, unit: str) -> list[dict[str, Any]]:
    return [
        {"date": bucket.first, "ts": local(bucket.start, period), "to": local(bucket.end, period)}
        | conversions(definition, [event for event in events if event.ts in bucket])
        for bucket in split(period, unit)
    ]


def goals(site: Site, request: Request) -> Any:
    """Each as its own report has it, by name. Every site has the same ones, under ids of its own."""
    period = site.period(request)
    if site.told_of_events(request, None) is ANYTHING:
        return ANYTHING
    events, comparison = site.select_filtered(request, period), site.comparison(request, period)
    found = [definition for definition in site.definitions.values() if "steps" not in definition]
    rows = []
    for definition in found[: len(found) // 2]:
        row = {"id": ANYTHING, "name": ANYTHING, **definition, **conversions(definition, events)}
        if comparison:
            old = conversions(definition, site.select_filtered(request, comparison.previous))
            compared = ({name: of[name] for name in COMPARED} for of in (row, old))
            row |= {"previous": old, "change": change(*compared)}
        rows.append(row)
    return {"goals": rows, "meta": site.meta(period, **(comparison.meta if comparison else {}))}


def _by_value(definition: Definition, events: list[Event], dimension: str, limit: int) -> dict[str, Any]:
    counts = Counter(event.value(dimension) for event in events if is_met(definition, event))
    ranked = sorted(counts, key=lambda value: (-counts[value], value))[:limit]
    rows = [
        {"value": value or None, **conversions(definition, [one for one in events if one.value(dimension) == value])}
        for value in ranked
    ]
    return {"rows": rows, "other_conversions": counts.total() - sum(counts[value] for value in ranked)}


def goal_retention(site: Site, request: Request) -> dict[str, Any]:
    definition, unit = site.definitions[request.values["goal_id"]], request.get("unit", "day")
    length, most = UNIT_DAYS[unit], request.number("units", 8)
    if {"date", "days", "hours", "from"} & request.first.keys():
        dates = touched_days(site.period(request))
        period = of_days(dates[0], dates[-1] + DAY, site.zone)
    else:
        last = site.today - min(most, 60 // length) * length * DAY
        period = of_days(last - 29 * DAY, last + DAY, site.zone)
    assert period.days is not None
    events = select(site.events, period, None, request.bots)
    converters = users(event for event in events if is_met(definition, event))
    starts = [period.days[1] + n * length * DAY for n in range(most)]
    starts = [start for start in starts if day_start(start, site.zone) <= site.now]
    later = [
        users(select(site.events, of_days(start, start + length * DAY, site.zone), None, request.bots))
        for start in starts
    ]
    is_over = not starts or day_start(starts[-1] + length * DAY, site.zone) <= site.now
    return {
        "goal": definition, "unit": unit, "starts": starts, "last_is_over": is_over, "meta": site.meta(period),
        "converters": _retained(converters, later), "others": _retained(users(events) - converters, later),
    }  # fmt: skip


def _retained(group: set[str], later: list[set[str]]) -> dict[str, Any]:
    retained = [len(group & active) for active in later]
    return {"size": len(group), "retained": retained, "rates": [ratio(count, len(group)) for count in retained]}


def journeys(site: Site, request: Request) -> Any:
    period, steps = site.period(request), request.number("steps", 3)
    name = next(name for name in ("from_page", "to_page", "from_event", "to_event") if name in request)
    anchor = (name.split("_")[1], request[name])
    types = {"page_view", *(request.types or ()), *([anchor[1]] if anchor[0] == "event" else [])}
    if site.told_of_events(request, None) is ANYTHING:
        return ANYTHING
    events = site.select_filtered(request, period, types)
    found = [path for run in runs(events) if (path := _path(run, anchor, steps, name.startswith("to")))]
    counts = Counter(path for path, _ in found)
    order = sorted(counts, key=lambda path: (-counts[path], [kind[0] + name for kind, name in _sortable(path)]))
    rows = [
        {
            "steps": [{kind: name} for kind, name in path],
            "visits": counts[path],
            "users": len({user for one, user in found if one == path}),
            "share": ratio(counts[path], len(found)),
        }
        for path in order[: request.limit]
    ]
    return {
        "anchor": {anchor[0]: anchor[1]}, "direction": name.split("_")[0], "journeys": rows,
        "columns": _columns(found, name.startswith("to"), steps, request), "visits": len(found),
        "users": len({user for _, user in found}), "other_visits": len(found) - sum(row["visits"] for row in rows),
        "meta": site.meta(period),
    }  # fmt: skip


Path = tuple[tuple[str, str], ...]


def _columns(found: list[tuple[Path, str]], is_end: bool, steps: int, request: Request) -> list[dict[str, Any]]:
    outwards = [(path[::-1] if is_end else path, user) for path, user in found]
    then = [tuple(text.split(":", 1)) for name, text in request.query if name == "then"]
    columns = []
    for place in range(1, steps):
        chosen = then[: place - 1]
        before = [one for one in outwards if len(one[0]) >= place and list(one[0][1 : len(chosen) + 1]) == chosen]
        there = [(path[place], user) for path, user in before if len(path) > place]
        counts = Counter(step for step, _ in there)
        rows = [
            {
                "step": {kind: name},
                "visits": counts[kind, name],
                "users": len({user for step, user in there if step == (kind, name)}),
                "share": ratio(counts[kind, name], len(found)),
            }
            for kind, name in sorted(counts, key=lambda one: (-counts[one], *_sortable((one,))))[: request.limit]
        ]
        ended = len(before) - len(there)
        columns.append(
            {
                "visits": len(there), "ended": ended, "ended_share": ratio(ended, len(found)), "rows": rows,
                "other_visits": len(there) - sum(row["visits"] for row in rows),
            }
        )  # fmt: skip
    return columns


def _sortable(path: Path) -> Path:
    return tuple(("p" if kind == "page" else "e", name) for kind, name in path)


def _path(run: list[Event], anchor: tuple[str, str], steps: int, is_end: bool) -> tuple[Path, str] | None:
    """The steps from or to the first time that the visit has the anchor, and the visit's user."""
    kept: list[tuple[str, str]] = []
    for event in run:
        step = ("page", event.value("path")) if event.is_view else ("event", event.type)
        if not kept or kept[-1] != step:
            kept.append(step)
    if anchor not in kept:
        return None
    at = kept.index(anchor)
    path = kept[max(0, at - steps + 1) : at + 1] if is_end else kept[at : at + steps]
    return tuple(path), run[0].user


def experiment(site: Site, request: Request) -> Any:
    period = site.period(request)
    goal_definition = {"type": request["goal"], "path": None, "filter": None, "value": None}
    exposures: dict[str, list[Event]] = {}
    if site.told_of_events(request, None) is ANYTHING:
        return ANYTHING
    for event in site.select_filtered(request, period, [request["exposure_type"]]):
        if _variant(request, event):
            exposures.setdefault(event.user, []).append(event)
    variants = {user: {_variant(request, event) for event in seen} for user, seen in exposures.items()}
    all_events = site.select(period, None, request.bots)
    met = [event for event in all_events if is_met(goal_definition, event)]
    converted = Counter(
        event.user for event in met if event.user in exposures and event.order > exposures[event.user][0].order
    )
    groups: dict[str, list[str]] = {}
    for user, seen in variants.items():
        if len(seen) == 1:
            groups.setdefault(min(seen), []).append(user)
    answer = {"goal": goal_definition, "meta": site.meta(period)}
    answer["mixed_users"] = sum(len(seen) > 1 for seen in variants.values())
    return answer | _compare({name: (groups[name], converted) for name in sorted(groups)}, request.get("control"))


def _variant(request: Request, event: Event) -> str:
    found = payload_property(event, request["variant"].removeprefix("payload."))
    return "" if found is None else as_text(found)


def _compare(groups: dict[str, tuple[list[str], Counter[str]]], control: str) -> dict[str, Any]:
    if not groups:
        return {"control": control or None, "variants": [], "sample_ratio": None}
    base = control or ("control" if "control" in groups else min(groups))
    figures = {name: (sum(converted[user] > 0 for user in of), len(of)) for name, (of, converted) in groups.items()}
    rows = [
        {
            "variant": name, "users": len(of), "converted_users": figures[name][0],
            "conversions": sum(converted[user] for user in of), "rate": ratio(*figures[name], 6),
            "difference": None if name == base else _difference(figures[name], figures[base]),
        }
        for name, (of, converted) in groups.items()
    ]  # fmt: skip
    return {
        "control": base,
        "variants": rows,
        "sample_ratio": _sample_ratio({n: len(of) for n, (of, _) in groups.items()}),
    }


def _wilson(converted: int, of: int) -> tuple[float, float]:
    z = NormalDist().inv_cdf(0.975)
    middle, spread = converted + z * z / 2, z * math.sqrt(converted * (of - converted) / of + z * z / 4)
    return (middle - spread) / (of + z * z), (middle + spread) / (of + z * z)


def _difference(one: tuple[int, int], other: tuple[int, int]) -> dict[str, Any]:
    """Newcombe's interval, and the pooled z-test."""
    (low, high), (base_low, base_high) = _wilson(*one), _wilson(*other)
    rate, base = one[0] / one[1], other[0] / other[1]
    pooled = (one[0] + other[0]) / (one[1] + other[1])
    p_value = None
    if 0 < pooled < 1:
        z = abs(rate - base) / math.sqrt(pooled * (1 - pooled) * (1 / one[1] + 1 / other[1]))
        p_value = significant(2 * (1 - NormalDist().cdf(z)))
    return {
        "absolute": rounded(rate - base, 6), "p_value": p_value,
        "low": rounded(rate - base - math.hypot(rate - low, base_high - base), 6),
        "high": rounded(rate - base + math.hypot(high - rate, base - base_low), 6),
    }  # fmt: skip


def _sample_ratio(sizes: dict[str, int]) -> dict[str, Any]:
    """Against equal parts."""
    expected = {name: Rounded(Fraction(1, len(sizes)), 6) for name in sizes}
    if len(sizes) < 2:
        return {"expected": expected, "p_value": None, "is_mismatch": False}
    mean = sum(sizes.values()) / len(sizes)
    p_value = _chi_square_tail(sum((size - mean) ** 2 / mean for size in sizes.values()), len(sizes) - 1)
    return {"expected": expected, "p_value": significant(p_value), "is_mismatch": p_value < 0.0005}


def _chi_square_tail(x: float, degrees: int) -> float:
    """By integration of the density, from x on."""
    if degrees == 1:
        return 2 * (1 - NormalDist().cdf(math.sqrt(x)))
    assert degrees == 2, "the model has at most three variants"
    return math.exp(-x / 2)


def significant(value: float) -> Any:
    """Four significant digits, with what the tails lose in floats."""
    if value == 0:
        return Rounded(Fraction(0), 9)
    return Rounded(Fraction(value), 3 - math.floor(math.log10(value)))
