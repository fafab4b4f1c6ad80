"""The report on daily metrics of closed days."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from analytics.reports.audience.schemas import METRIC_NAMES
from analytics.rollups.closing import days
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site, create_site

Report = Callable[..., Any]
INSERT = """
INSERT INTO metrics (site_id, date, metric_name, metric_value, dimensions)
VALUES (:site_id, :date, :name, :value, CAST(:dimensions AS jsonb)) RETURNING 1
"""
OPEN = "INSERT INTO open_days (site_id, day, changed_at) VALUES (:site_id, :day, now()) RETURNING 1"


@pytest.fixture
def metrics(site: Site, sql: Any) -> None:
    for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
        for name, value, dimensions in (
            ("dau", 3, {}), ("bounce_rate", "0.333333", {}), ("events", 7, {}), ("events", 2, {"type": "click"}),
            ("events", 5, {"type": "page_view"}),
        ):  # fmt: skip
            sql(INSERT, site_id=site.id, date=day, name=name, value=value, dimensions=json.dumps(dimensions))


def as_tuples(found: Any) -> list[tuple[Any, ...]]:
    return [(row["date"][-2:], row["name"], row["value"], row["dimensions"]) for row in found["metrics"]]


def test_metrics_are_ordered_by_day_and_name(metrics: None, report: Report) -> None:
    found = report("metrics", "date=2026-03-02")
    assert as_tuples(found) == [
        ("02", "bounce_rate", 0.333333, {}), ("02", "dau", 3, {}), ("02", "events", 7, {}),
        ("02", "events", 2, {"type": "click"}), ("02", "events", 5, {"type": "page_view"}),
    ]  # fmt: skip
    meta = found["meta"]
    assert (meta["from"], meta["to"]) == ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
    assert (meta["site"], meta["zone"], meta["source"], meta["closed_through"]) == (
        "default", "UTC", "metrics", "2026-03-03",
    )  # fmt: skip


def test_name_and_period_select_the_metrics(metrics: None, report: Report) -> None:
    both = report("metrics", "name=dau&name=bounce_rate&from=2026-03-02&to=2026-03-05")
    assert [row[:2] for row in as_tuples(both)] == [
        (day, name) for day in ("02", "03") for name in ("bounce_rate", "dau")
    ]
    assert report("metrics", "name=mau&date=2026-03-02")["metrics"] == []


def test_an_unknown_name_lists_the_accepted_names(site: Site, report: Report) -> None:
    problem = report("metrics", "name=dau&name=users", status=400)
    assert problem["errors"][0]["field"] == "name"
    assert "'users' is not known" in problem["detail"]
    names = "dau, wau, mau, new_users, events, page_views, visits, bounce_rate, avg_visit_duration_s"
    assert names in problem["detail"]


@pytest.mark.parametrize("query", ["include_bots=true", "type=click"])
def test_parameters_that_closed_days_cannot_serve_are_refused(site: Site, report: Report, query: str) -> None:
    assert report("metrics", query, status=400)["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("open_days", "closed"),
    [(["2026-03-04", "2026-03-05"], "2026-03-03"), (["2026-03-02", "2026-03-04"], "2026-03-01"), ([], "2026-03-03")],
    ids=["today", "late", "idle"],
)
def test_closed_through_is_the_last_final_day(
    metrics: None, report: Report, site: Site, sql: Any, open_days: list[str], closed: str
) -> None:
    for day in open_days:
        sql(OPEN, site_id=site.id, day=day)
    assert report("metrics", "date=2026-03-02")["meta"]["closed_through"] == closed


def test_a_site_without_closed_days_has_no_metrics(metrics: None, engine: Engine, report: Report, sql: Any) -> None:
    with engine.begin() as connection:
        other = create_site(connection, "other")
    sql(OPEN, site_id=other.id, day="2026-03-02")
    found = report("metrics", "site=other&date=2026-03-02")
    assert (found["metrics"], found["meta"]["closed_through"]) == ([], None)


def test_metrics_of_close_day_equal_the_reports(store: Any, site: Site, engine: Engine, report: Report) -> None:
    for day, users in (("2026-03-01", "ab"), ("2026-03-02", "bcd")):
        store([{"user_id": user, "ts": f"{day}T12:00:00Z"} for user in users])
    merge_site(engine, site.id)
    days.close_days(engine, datetime(2026, 3, 3, 1, tzinfo=UTC), IMMEDIATE)
    found = report("metrics", "from=2026-03-01&to=2026-03-03")
    assert found["meta"]["closed_through"] == "2026-03-02"
    of_site = {(row["date"], row["name"]): row["value"] for row in found["metrics"] if not row["dimensions"]}
    assert {name for _, name in of_site} == set(METRIC_NAMES)
    for day in ("2026-03-01", "2026-03-02"):
        dau = report("dau", f"date={day}")
        reported = [dau["dau"], dau["new"], report("wau", f"date={day}")["wau"], report("mau", f"date={day}")["mau"]]
        assert reported == [of_site[day, name] for name in ("dau", "new_users", "wau", "mau")]
