"""GET /api/analytics/audit: the sheet of `flask audit`, who may see it, and its bounds."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine, text

from analytics.audit import schemas, views
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site, create_site
from analytics.store.connections import try_exclusive
from tests.factories import append_events, make_drain

PATH = "/api/analytics/audit"
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def read(client: Any, token: Any, auth: Any) -> Callable[..., Any]:
    """`read(site="shop", of="shop")`: the response to an admin of the site `of`, or of all."""

    def send(of: Any = None, scope: str = "admin", **query: str) -> Any:
        return client.get(PATH, query_string=query, headers=auth(token(scope, site=of)))

    return send


@pytest.fixture
def today(engine: Engine, redis: Redis, site: Site) -> str:
    """Today, on which three events of `default` and two of `shop` are stored, one of each twice, and one waits."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        shop = create_site(connection, "shop")
    for one, count in ((site, 3), (shop, 2)):
        events = [{"type": "click", "event_id": str(n), "user_id": "ann"} for n in range(count)]
        append_events(redis, one, [*events, events[0]])
    make_drain(engine, redis).run()
    merge_all(engine, 10)
    append_events(redis, site, [{"type": "click"}])
    return str(now.date())


def hours(response: Any) -> dict[str, tuple[int, ...]]:
    """By site: accepted, stored, duplicate, dead, in flight; summed, as the hour may change within the test."""
    assert response.status_code == 200, response.json
    names = ("accepted", "stored", "duplicate", "dead", "in_flight")
    sums: dict[str, tuple[int, ...]] = {}
    for hour in response.json["hours"]:
        so_far = sums.get(hour["site"], (0,) * len(names))
        sums[hour["site"]] = tuple(total + hour[name] for total, name in zip(so_far, names, strict=True))
    return sums


DEFAULT, SHOP = (5, 3, 1, 0, 1), (3, 2, 1, 0, 0)


def test_without_days_the_last_hours_are_checked(read: Any, today: str) -> None:
    found = read()
    assert (found.json["balanced"], hours(found)) == (True, {"default": DEFAULT, "shop": SHOP})
    assert found.json["recounted"] == []
    # Every field is described, and no other.
    assert schemas.AuditResponse().validate(found.json) == {}
    assert (hours(read(site="shop")), hours(read(of="shop"))) == ({"shop": SHOP}, {"shop": SHOP})
    assert found.headers["Cache-Control"] == "no-store"


def test_days_are_checked_as_the_command_does(app: Flask, read: Any, today: str) -> None:
    result = app.test_cli_runner().invoke(args=["audit", "--json", "--full", "--from", today, "--to", today])
    found = read(**{"from": today, "to": today, "full": "true"}).json
    expected = json.loads(result.output)
    assert {**found, "checked_at": ""} == {**expected, "checked_at": ""}
    assert sum(day["raw"] for day in found["days"]) == 5
    assert found["recounted"] != []


def test_a_gap_is_in_the_sheet_with_status_200(read: Any, sql: Sql, today: str) -> None:
    sql("UPDATE rollups SET events = events + 2 WHERE dimension = 'total' AND site_id = 1 RETURNING 1")
    found = read()
    assert (found.status_code, found.json["balanced"]) == (200, False)
    [gap] = found.json["gaps"]
    assert (gap["site"], gap["expected"], gap["found"]) == ("default", 3, 5)


@pytest.mark.usefixtures("today")
def test_an_admin_of_one_site_cannot_audit_another(read: Any) -> None:
    assert read(of="shop", site="default").status_code == 403
    assert read(scope="read export write").status_code == 403
    assert read(site="nowhere").status_code == 404


WRONG = {
    "to alone": ({"to": "2026-11-23"}, "from: missing; to is accepted together with from; for example from=2026-11-23"),
    "full alone": ({"full": "true"}, "from: missing; full is accepted together with from"),
    "backwards": ({"from": "2026-11-23", "to": "2026-11-22"}, "to: is before from"),
    "too long": ({"from": "2026-01-01", "to": "2026-02-01"}, "accepted: up to 31 days; for example to=2026-01-31"),
    "long ago": ({"from": "2020-01-01"}, "accepted: up to 31 days"),
    "no date": ({"from": "today"}, "from"),
    "year one": ({"from": "0001-01-01"}, "from"),
    "the last year": ({"from": "2026-11-01", "to": "9999-12-31"}, "to"),
}


@pytest.mark.parametrize(("query", "text"), WRONG.values(), ids=WRONG)
@pytest.mark.usefixtures("site")
def test_days_that_are_no_range_are_refused(read: Any, query: dict[str, str], text: str) -> None:
    refused = read(**query)
    assert (refused.status_code, refused.content_type) == (400, "application/problem+json")
    assert text in refused.json["detail"]


def test_a_month_is_accepted(read: Any, today: str) -> None:
    first = datetime.fromisoformat(today) - timedelta(days=30)
    assert hours(read(**{"from": str(first.date()), "to": today})) == {"default": DEFAULT, "shop": SHOP}


@pytest.mark.usefixtures("today")
def test_a_second_audit_is_asked_to_wait(read: Any, engine: Engine) -> None:
    with try_exclusive(engine, views.AUDIT_LOCK_ID):
        refused = read()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert read().status_code == 200


@pytest.mark.usefixtures("today")
def test_a_query_that_takes_too_long_is_ended(read: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "TIME_LIMIT_S", 0.3)
    began = time.monotonic()
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
        refused = read()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    assert (
        "the audit took longer than 0.3 s; name a site or fewer days, for example site=shop" in refused.json["detail"]
    )
    assert time.monotonic() - began < 5
    assert read().status_code == 200


@pytest.mark.usefixtures("today")
def test_an_audit_ends_between_two_comparisons(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "TIME_LIMIT_S", 0.0)
    assert "took longer" in read().json["detail"]


def test_a_long_result_is_refused(read: Any, monkeypatch: pytest.MonkeyPatch, today: str) -> None:
    monkeypatch.setattr(views, "MAX_ROWS", 3)
    refused = read()
    assert (refused.status_code, "name a site or fewer days" in refused.json["detail"]) == (400, True)
    assert read(site="shop").status_code == 200
