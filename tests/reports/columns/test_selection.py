"""Which events and visits a filter selects (docs/decisions/0043): the edges of visits and periods, worked by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site

Report = Callable[..., Any]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = "date=2026-03-02"
NAMES = ("page_views", "visits", "events")


def at(minutes: float, **fields: Any) -> dict[str, Any]:
    """An event so many minutes after noon."""
    return {"ts": (NOON + timedelta(minutes=minutes)).isoformat(), "path": "/", **fields}


@pytest.fixture
def figures(store: Any, engine: Engine, site: Site, report: Report) -> Callable[..., tuple[int, ...]]:
    """`figures(events, query)`: page views, visits and events of a summary of the merged events."""

    def count(events: list[dict[str, Any]], query: str, period: str = DAY) -> tuple[int, ...]:
        store(events)
        merge_site(engine, site.id)
        found = report("summary", f"{period}&{query}")
        return tuple(found[name] for name in NAMES)

    return count


GOOGLE = {"referrer": "https://www.google.com/"}


@pytest.mark.parametrize(("minutes", "events"), [(-0.1, 2), (0, 3), (15, 3), (40, 3), (40.1, 2)])
def test_an_event_is_in_a_visit_until_half_an_hour_after_its_last_view(
    figures: Any, minutes: float, events: int
) -> None:
    order = at(minutes, type="order")
    assert figures([at(0, **GOOGLE), at(10), order], "filter=source==Google") == (2, 1, events)


@pytest.mark.parametrize(
    ("sent", "events"),
    [({"session_id": "s"}, 2), ({"user_id": "bob"}, 2), ({"user_id": "bob", "country": "DE"}, 3), ({}, 3)],
    ids=["another-session", "another-user", "meets-it-itself", "the-same"],
)
def test_an_event_in_no_visit_is_judged_by_its_own_fields(figures: Any, sent: dict[str, str], events: int) -> None:
    order = at(1, type="order", **sent)
    assert figures([at(0, country="DE"), at(10, country="DE"), order], "filter=country==DE") == (2, 1, events)


@pytest.mark.parametrize("query", ["filter=country==DE", "filter=country!=US"])
def test_events_of_one_instant_in_no_visit_are_judged_one_by_one(figures: Any, query: str) -> None:
    order, click = at(120, type="order", country="DE"), at(120, type="click", country="US")
    assert figures([at(0, country="DE"), order, click], query) == (1, 1, 2)


def test_a_long_visit_reaches_into_the_period_from_days_before(figures: Any) -> None:
    # From noon two days before until noon, every 25 minutes; only the first has the referrer.
    views = [at(25 * n - 2880, **(GOOGLE if n == 0 else {})) for n in range(116)]
    inside = sum(view["ts"] >= "2026-03-02" for view in views)
    # Another user, whose visit began before the period too, but not from there.
    other = [at(-721, user_id="bob"), at(-710, user_id="bob")]
    assert figures([*views, *other], "filter=source==Google") == (inside, 0, inside)


def test_a_user_with_two_countries_counts_by_each_visit(figures: Any) -> None:
    visits = [at(0, country="DE"), at(5, country="FR"), at(100, country="FR"), at(105, country="DE")]
    assert figures(visits, "filter=country==DE") == (2, 1, 2)
    assert figures([], "filter=country!=DE") == (2, 1, 2)
    assert figures([], "filter=country==DE&scope=event") == (2, 2, 2)


VISITS = [
    *(at(0, path="/a"), at(1, path="/b"), at(2, type="click", path="/b")),
    *(at(100, path="/a"), at(101, path="/c")),
    at(200, type="click", path="/a"),
]
SCOPED = {
    "path==/b": (2, 1, 3),
    "path==/a;type==click": (0, 0, 1),
    "path!=/c": (2, 1, 4),
    "type!=click;path==/a": (2, 1, 2),
    "entry_path==/a;path==/c": (2, 1, 2),
    "exit_path==/b": (2, 1, 3),
    "entry_path==": (0, 0, 1),
}


@pytest.mark.parametrize(("conditions", "expected"), SCOPED.items())
def test_with_the_scope_of_visits_events_select_visits(
    figures: Any, conditions: str, expected: tuple[int, ...]
) -> None:
    """Two visits, /a /b with a click and /a /c, and a click in no visit."""
    assert figures(VISITS, f"filter={conditions}&scope=visit") == expected


@pytest.mark.parametrize(
    ("query", "scope"),
    [
        *(("country==DE", "visit"), ("path==/", "event"), ("country==DE;path==/", "mixed")),
        *(("country==DE&scope=event", "event"), ("path==/&scope=visit", "visit")),
    ],
)
@pytest.mark.usefixtures("site")
def test_meta_says_what_a_filter_selects(report: Report, query: str, scope: str) -> None:
    for name in ("summary", "timeseries", "overview"):
        assert report(name, f"{DAY}&filter={query}")["meta"]["scope"] == scope
    assert "scope" not in report("summary", f"{DAY}&scope=visit")["meta"]


@pytest.mark.usefixtures("site")
def test_events_have_no_entry_page(report: Report) -> None:
    [error] = report("summary", f"{DAY}&filter=entry_path==/&scope=event", 400)["errors"]
    assert (error["field"], error["code"]) == ("scope", "bad_scope")
    assert "entry_path is a field of visits" in error["detail"]
    problem = report("goal", f"{DAY}&type=order&goal_filter=exit_path==/", 400)
    assert "exit_path is a field of visits" in problem["errors"][0]["detail"]
