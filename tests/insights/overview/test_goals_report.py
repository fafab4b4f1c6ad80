"""The goals of a site: each has the figures of its own report, and those of the period before."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics import clock
from analytics.insights.overview import from_rollups
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site

Report = Callable[..., Any]
GOALS = [
    {"name": "Order <img src=x>", "type": "order", "value": {"property": "total", "currency": "eur"}},
    {"name": "Pages", "path": "/p*"},
    {"name": "Price", "path": "/pricing"},
    {"name": "Pro", "type": "signup", "filter": "payload.plan==pro"},
    {"name": "Signup", "type": "signup"},
]
FIGURES = ("conversions", "users", "active_users", "rate", "amounts", "without_amount")


@pytest.fixture
def goals(client: FlaskClient, token: Any, auth: Any, site: Site) -> list[str]:
    headers = auth(token("admin"))
    return [client.post("/api/analytics/goals", json=goal, headers=headers).json["id"] for goal in GOALS]


@pytest.fixture
def shop(store: Any, engine: Engine, site: Site) -> None:
    store([
        {"user_id": "ann", "ts": "2026-03-02T10:00:00Z", "path": "/pricing"},
        {"user_id": "ann", "ts": "2026-03-02T11:00:00Z", "type": "signup", "payload": {"plan": "pro"}},
        {"user_id": "ann", "ts": "2026-03-03T08:00:00Z", "type": "order", "payload": {"total": "9.90"}},
        {"user_id": "bob", "ts": "2026-03-03T09:00:00Z", "path": "/page", "country": "DE"},
        {"user_id": "bob", "ts": "2026-03-03T09:10:00Z", "path": "/pricing", "country": "DE"},
        {"user_id": "cid", "ts": "2026-03-03T11:00:00Z", "type": "signup", "payload": {"plan": "free"}},
    ])  # fmt: skip
    merge_site(engine, site.id)


def test_the_goals_by_hand(report: Report, shop: None, goals: list[str]) -> None:
    found = report("goals", "date=2026-03-03&compare=previous")["goals"]
    assert [(one["id"], one["name"]) for one in found] == list(
        zip(goals, [goal["name"] for goal in GOALS], strict=True)
    )
    assert [(one["conversions"], one["users"], one["rate"]) for one in found] == [
        (1, 1, 0.3333), (2, 1, 0.3333), (1, 1, 0.3333), (0, 0, 0.0), (1, 1, 0.3333)
    ]  # fmt: skip
    assert [one["previous"]["conversions"] for one in found] == [0, 1, 1, 1, 1]
    assert [one["change"]["conversions"] for one in found] == [None, 1.0, 0.0, -1.0, 0.0]
    assert found[0]["amounts"] == [{"currency": "EUR", "amount": "9.90", "conversions": 1}]
    assert "amounts" not in found[1]


@pytest.mark.parametrize("most", [0, 3000])
@pytest.mark.parametrize(
    "query", ["days=2", "days=2&filter=country==DE", "date=2026-03-03", "hours=3", "days=2&zone=Asia/Tokyo"]
)
def test_each_goal_has_the_figures_of_its_own_report(
    client: FlaskClient, token: Any, auth: Any, report: Report, shop: None, goals: list[str], query: str, most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-03T11:20:00Z"))
    monkeypatch.setattr(from_rollups, "MAX_CUT_EVENTS", most)
    for one in report("goals", f"{query}&compare=previous")["goals"]:
        path = f"/api/analytics/goals/{one['id']}/report?{query}&compare=previous"
        own = client.get(path, headers=auth(token("read"))).json
        assert {name: one.get(name) for name in FIGURES} == {name: own.get(name) for name in FIGURES}
        assert one["change"] == own["change"]
        assert one["previous"] == {name: own["previous"][name] for name in FIGURES if name in own["previous"]}


def test_what_may_be_purged_is_not_known(
    report: Report, shop: None, goals: list[str], site: Site, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-03T11:20:00Z"))
    sql("UPDATE sites SET raw_since = '2026-03-03T00:00:00Z' WHERE id = :id RETURNING 1", id=site.id)
    found = report("goals", "days=1&compare=previous")["goals"]
    # Rollups have types by hour.
    assert [one["previous"]["conversions"] for one in found] == [None, None, None, None, 0]
    assert [one["conversions"] for one in found] == [1, 2, 1, 0, 1]
    assert found[0]["change"]["conversions"] is None


def test_a_site_without_goals_has_none(report: Report, site: Site) -> None:
    assert report("goals", "days=1&compare=previous")["goals"] == []
