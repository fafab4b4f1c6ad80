"""Event types and their properties: by hand, and against a slow count of the stored events."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine

from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.reports.brute_force import BOT

Report = Callable[..., Any]
HOSTILE = "<img src=x onerror=alert(1)>\"'&;|\\.=!~^"
PERIOD = "from=2026-03-02&to=2026-03-08"
FIRST = date(2026, 3, 2)


def make_events() -> list[dict[str, Any]]:
    """Two weeks of events, the second of which is the period."""
    chance, events = random.Random(5), []
    for number in range(200):
        day = date(2026, 2, 23) + timedelta(days=chance.randrange(14))
        event = {
            "type": chance.choice(["page_view", "signup", "signup", "order", HOSTILE]),
            "ts": f"{day}T{chance.randrange(24):02}:{chance.randrange(60):02}:00Z",
            "user_id": f"u{chance.randrange(20)}",
            "country": chance.choice(["DE", "FR"]),
            "payload": {name: chance.randrange(3) for name in ("plan", "a.b", HOSTILE) if chance.random() < 0.6},
        }
        events.append(event | ({"user_agent": BOT} if number % 10 == 0 else {}))
    return events


@pytest.fixture
def events(store: Any, engine: Engine, site: Site) -> list[dict[str, Any]]:
    sent = make_events()
    store(sent)
    merge_site(engine, site.id)
    return [event for event in sent if "user_agent" not in event]


def day_of(event: dict[str, Any]) -> date:
    return date.fromisoformat(event["ts"][:10])


def totals(events: list[dict[str, Any]]) -> dict[str, int]:
    return {"events": len(events), "users": len({event["user_id"] for event in events})}


def expect_row(name: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    of_type = [event for event in events if event["type"] == name]
    now = [event for event in of_type if day_of(event) >= FIRST]
    before = totals([event for event in of_type if day_of(event) < FIRST])
    days = [FIRST + timedelta(days=number) for number in range(7)]
    return {
        "type": name,
        **totals(now),
        "first_day": str(min(map(day_of, now))),
        "last_day": str(max(map(day_of, now))),
        "series": [sum(day_of(event) == day for event in now) for day in days],
        "previous": before,
        "change": {
            key: round((count - before[key]) / before[key], 4) if before[key] else None
            for key, count in totals(now).items()
        },
    }


@pytest.mark.parametrize(("query", "source"), [("", "rollup"), ("&filter=country==DE", "raw")])
def test_types_are_as_a_slow_count_has_them(report: Report, events: Any, query: str, source: str) -> None:
    counted = [event for event in events if not query or event["country"] == "DE"]
    found = report("event-types", f"{PERIOD}&compare=previous{query}")
    names = {event["type"] for event in counted if day_of(event) >= FIRST}
    expected = sorted((expect_row(name, counted) for name in names), key=lambda row: (-row["events"], row["type"]))
    assert (found["types"], found["type_count"]) == (expected, len(names))
    assert found["meta"]["source"] == source


def test_types_by_week_are_limited(report: Report, events: Any) -> None:
    found = report("event-types", "from=2026-02-23&to=2026-03-08&granularity=week&limit=1")
    [row] = found["types"]
    signups = [event for event in events if event["type"] == "signup"]
    assert row["series"] == [
        sum(day_of(event) < FIRST for event in signups),
        sum(day_of(event) >= FIRST for event in signups),
    ]
    assert found["type_count"] == 4
    assert "previous" not in row


@pytest.mark.parametrize("query", ["", "&filter=country==DE"])
def test_only_the_named_types_are_listed(report: Report, events: Any, query: str) -> None:
    every = report("event-types", f"{PERIOD}{query}")["types"]
    found = report("event-types", f"{PERIOD}{query}&type=order&type=signup&type=none")
    assert found["types"] == [row for row in every if row["type"] in ("order", "signup")]


def test_a_period_that_cuts_a_day_has_its_events_alone(report: Report, events: Any) -> None:
    found = report("event-types", "from=2026-03-02T10:00:00Z&to=2026-03-03T10:00:00Z")
    counted = [event for event in events if "2026-03-02T10:00" <= event["ts"] < "2026-03-03T10:00"]
    assert sum(row["events"] for row in found["types"]) == len(counted)


@pytest.mark.parametrize("query", ["", "&filter=country==DE", "&type=signup&type=order"])
def test_properties_are_as_a_slow_count_has_them(report: Report, events: Any, query: str) -> None:
    counted = [event for event in events if day_of(event) >= FIRST]
    counted = [event for event in counted if "country" not in query or event["country"] == "DE"]
    counted = [event for event in counted if "type=" not in query or event["type"] in ("signup", "order")]
    found = report("properties", f"{PERIOD}{query}")
    expected = {
        name: totals([event for event in counted if name in event["payload"]]) for name in ("plan", "a.b", HOSTILE)
    }
    assert {row["name"]: {"events": row["events"], "users": row["users"]} for row in found["properties"]} == expected
    assert [row["events"] for row in found["properties"]] == sorted(
        (one["events"] for one in expected.values()), reverse=True
    )
    assert found["property_count"] == 3


def test_a_property_is_named_as_a_breakdown_takes_it(report: Report, events: Any) -> None:
    for row in report("properties", PERIOD)["properties"]:
        listed = report("breakdown", f"{PERIOD}&dimension={quote('payload.' + row['property'], safe='')}")
        assert listed["total"] == row["events"]


def test_properties_of_nothing_are_none(report: Report, site: Site) -> None:
    assert report("properties", PERIOD)["properties"] == []
    assert report("event-types", PERIOD)["types"] == []
