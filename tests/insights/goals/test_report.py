"""Reports on goals: against a count in Python over the stored events, by hand, and rollups against raw events."""

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics import clock
from analytics.extensions import db
from analytics.rollups import cardinality
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site, clear_site_cache
from tests.examples import examples
from tests.factories import make_site
from tests.insights.brute_force import (
    DAY,
    START,
    Event,
    day_of,
    event_payloads,
    parse_amount,
    read_stored_events,
    store_beside_files,
)
from tests.reports.brute_force import ZONES

Report = Callable[..., Any]


class Case(NamedTuple):
    """A goal as query parameters, and as a predicate in Python."""

    query: str
    type: str = "page_view"
    path: str | None = None
    plan: str | None = None
    amount: Callable[[Event], Decimal | None] | None = None
    currency: Callable[[Event], str | None] = lambda event: "EUR"

    def is_met(self, event: Event) -> bool:
        matches = self.path is None or (event.path is not None and re.fullmatch(self.path, event.path))
        return event.type == self.type and bool(matches) and self.plan in (None, event.payload.get("plan"))


def total(event: Event) -> Decimal | None:
    return parse_amount(event.payload.get("total"))


CASES = [
    Case("type=order", "order"),
    Case("path=/a", path="/a"),
    Case("path=/a*", path="/a.*"),
    Case("path=*a*b", path=".*a.*b"),
    Case("path=/a%25b", path="/a%b"),
    Case("type=order&goal_filter=payload.plan==pro", "order", plan="pro"),
    Case("type=order&property=total&currency=EUR", "order", amount=total),
    Case(
        "type=order&property=total&currency_property=currency", "order", amount=total,
        currency=lambda event: event.payload.get("currency"),
    ),
    Case("path=/thanks&amount=9.90&currency=EUR", path="/thanks", amount=lambda event: Decimal("9.90")),
]  # fmt: skip


class ExpectedReport(NamedTuple):
    case: Case
    bots: bool
    news: bool

    def count(self, events: list[Event]) -> dict[str, Any]:
        selected = [event for event in events if self.bots or not event.is_bot]
        selected = [event for event in selected if not self.news or event.campaign == "news"]
        met = [event for event in selected if self.case.is_met(event)]
        users, active = len({event.user_no for event in met}), len({event.user_no for event in selected})
        rate = round(users / active, 4) if active else None
        counts = {"conversions": len(met), "users": users, "active_users": active, "rate": rate}
        return counts | self.sum_amounts(met) if self.case.amount else counts

    def sum_amounts(self, met: list[Event]) -> dict[str, Any]:
        by_currency = defaultdict(list)
        for event in met:
            if self.case.amount and (amount := self.case.amount(event)) is not None:
                by_currency[self.case.currency(event)].append(amount)
        amounts = {currency: (sum(values), len(values)) for currency, values in by_currency.items()}
        return {"amounts": amounts, "without_amount": len(met) - sum(count for _, count in amounts.values())}


def pick_figures(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the response in the form of `ExpectedReport.count`."""
    names = ("conversions", "users", "active_users", "rate", "without_amount")
    figures = {name: row[name] for name in names if name in row}
    if "amounts" in row:
        figures["amounts"] = {
            item["currency"]: (Decimal(item["amount"]), item["conversions"]) for item in row["amounts"]
        }
    return figures


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=event_payloads(), zone=st.sampled_from(ZONES), other_zone=st.booleans(), case=st.sampled_from(CASES), bots=st.booleans(),
    news=st.booleans(), unit=st.sampled_from(["hour", "day", "week", "month"]), hours=st.integers(-20, 20),
    dimension=st.sampled_from(["path", "utm_source", "type"]),
)  # fmt: skip
def test_a_report_equals_brute_force(
    engine: Engine, store: Any, report: Report, sql: Any, site: Site, payloads: Any, zone: str, other_zone: bool,
    case: Case, bots: bool, news: bool, unit: str, hours: int, dimension: str,
) -> None:  # fmt: skip
    shop = make_site(engine, zone)
    store_beside_files(engine, store, shop, payloads)
    first = START.date() - DAY
    query = f"site={shop.key}&{case.query}&include_bots={bots}&granularity={unit}&dimension={dimension}&limit=100"
    query += "&filter=utm_source==news&scope=event" if news else ""
    query += "&zone=Asia/Tokyo" if other_zone else ""
    if hours > 0:
        start = START + timedelta(hours=hours, minutes=7)
        query += f"&from={start:%Y-%m-%dT%H:%M:%SZ}&to={start + 2 * DAY:%Y-%m-%dT%H:%M:%SZ}"
    else:
        query += f"&from={first}&to={first + 4 * DAY}"
    result = report("goal", query)
    start, end = (datetime.fromisoformat(result["meta"][name]) for name in ("from", "to"))
    events = [event for event in read_stored_events(sql, shop) if start <= event.ts < end]
    expected = ExpectedReport(case, bots, news)
    assert pick_figures(result) == expected.count(events)
    for point in result["series"]:
        low, high = datetime.fromisoformat(point["ts"]), datetime.fromisoformat(point["to"])
        assert pick_figures(point) == expected.count([event for event in events if low <= event.ts < high])
    values = defaultdict(list)
    for event in events:
        values[{"path": event.path or "", "utm_source": event.campaign, "type": event.type}[dimension]].append(event)
    rows = [(value, expected.count(of_value)) for value, of_value in values.items()]
    ranked = sorted((row for row in rows if row[1]["conversions"]), key=lambda row: (-row[1]["conversions"], row[0]))
    assert [(row["value"] or "", pick_figures(row)) for row in result["rows"]] == ranked


@pytest.mark.parametrize("goal", ["type=order&dimension=utm_source", "type=order&granularity=hour", "path=/a"])
def test_rollups_and_raw_events_give_the_same_report(report: Report, orders: None, goal: str) -> None:
    query = f"from=2026-03-01&to=2026-03-05&{goal}" + ("" if "granularity" in goal else "&granularity=day")
    rollup, raw = report("goal", query), report("goal", f"{query}&filter=country!=XX")
    assert (rollup.pop("meta")["source"], raw.pop("meta")["source"]) == ("rollup", "raw")
    assert rollup == raw


@pytest.fixture
def orders(store: Any) -> None:
    """ann views a page and orders twice, bob views, cid orders without a view; eve comes on a later day."""
    store([
        {"user_id": "ann", "ts": "2026-03-02T10:00:00Z", "path": "/a"},
        {"user_id": "ann", "ts": "2026-03-02T10:05:00Z", "type": "order", "utm_source": "news",
         "payload": {"order": {"total": "19.90"}, "currency": "EUR"}},
        {"user_id": "ann", "ts": "2026-03-03T10:05:00Z", "type": "order",
         "payload": {"order": {"total": 0.1}, "currency": "EUR"}},
        {"user_id": "bob", "ts": "2026-03-02T10:00:00Z", "path": "/a"},
        {"user_id": "cid", "ts": "2026-03-04T10:00:00Z", "type": "order", "payload": {"order": {"total": "gratis"}}},
        {"user_id": "eve", "ts": "2026-03-05T10:00:00Z", "path": "/a"},
        {"user_id": "ann", "ts": "2026-03-09T10:00:00Z", "path": "/a"},
        {"user_id": "bob", "ts": "2026-03-09T11:00:00Z", "path": "/a"},
        {"user_id": "cid", "ts": "2026-03-10T11:00:00Z", "path": "/a"},
    ])  # fmt: skip


def test_a_report_by_hand(report: Report, orders: None) -> None:
    result = report("goal", "type=order&property=order.total&currency_property=currency&from=2026-03-02&to=2026-03-05")
    assert {name: result[name] for name in ("conversions", "users", "active_users", "rate")} == {
        "conversions": 3, "users": 2, "active_users": 4, "rate": 0.5
    }  # fmt: skip
    assert result["amounts"] == [{"currency": "EUR", "amount": "20.00", "conversions": 2}]
    assert result["without_amount"] == 1


def test_a_dimension_has_limit_rows(report: Report, orders: None) -> None:
    result = report("goal", "type=order&dimension=utm_source&limit=1&from=2026-03-02&to=2026-03-05")
    assert [(row["value"], row["conversions"]) for row in result["rows"]] == [(None, 2)]
    assert result["other_conversions"] == 1


def test_what_rollups_count_as_other_is_counted_from_raw_events(
    engine: Engine, report: Report, store: Any, site: Site
) -> None:
    crowd = [*(f"/{number}" for number in range(cardinality.DEFAULT_LIMITS.values - 1)), "/a"]
    store([{"path": path, "ts": "2026-03-02T10:00:00Z"} for path in [*crowd, *crowd, "/b"]])
    store([{"path": "/b", "ts": "2026-03-03T10:00:00Z"}])
    merge_site(engine, site.id)
    for query, count, source in (
        ("path=/a&date=2026-03-02", 2, "rollup"),
        ("path=/b&date=2026-03-03", 1, "rollup"),
        ("path=/b&from=2026-03-02&to=2026-03-03", 2, "raw"),
        ("path=/a&from=2026-03-02&to=2026-03-03", 2, "rollup"),
    ):
        result = report("goal", query)
        assert (result["conversions"], result["meta"]["source"]) == (count, source)
    assert report("goal", "type=page_view&dimension=path&date=2026-03-02")["meta"]["source"] == "raw"
    assert report("goal", "path=(other)&date=2026-03-02")["conversions"] == 0


REFUSED = {
    "nothing": ("days=3", "type"),
    "many wildcards": ("path=" + "*a" * 11, "path"),
    "long path": ("path=" + "x" * 1025, "path"),
    "filter": ("type=a&goal_filter=nonsense", "goal_filter"),
    "filter of the report": ("type=a&filter=nonsense", "filter"),
    "dimension": ("type=a&dimension=entry_path", "dimension"),
    "granularity": ("type=a&granularity=year", "granularity"),
    "two values": ("type=a&property=x&amount=1", "property"),
    "currency without an amount": ("type=a&currency=EUR", "property"),
    "currency": ("type=a&amount=1&currency=Euro", "currency"),
    "amount": ("type=a&amount=1e9", "amount"),
    "unknown": ("type=a&regex=.*", "regex"),
    "NUL": ("type=a%00", "type"),
    "hours of a year": ("type=a&days=300&granularity=hour", "days"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_query_is_rejected_by_parameter(site: Site, report: Report, name: str) -> None:
    query, field = REFUSED[name]
    assert report("goal", query, status=400)["errors"][0]["field"] == field


def test_a_pattern_of_many_wildcards_ends_soon(store: Any, report: Report) -> None:
    store([{"path": "/" + "a" * 1000, "ts": "2026-03-02T10:00:00Z"}] * 50)
    assert report("goal", "path=" + "*a" * 10 + "b&date=2026-03-02")["conversions"] == 0


def test_a_report_on_a_day_that_is_over_is_cached_by_goal(report: Report, store: Any, orders: None) -> None:
    query = "type=order&date=2026-03-02"
    assert "cached" not in report("goal", query)["meta"]
    assert report("goal", query)["meta"]["cached"]
    assert "cached" not in report("goal", query + "&amount=1")["meta"]


def test_a_period_with_purged_raw_events_is_rejected(report: Report, site: Site, sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-03T00:00:00Z' WHERE id = :id RETURNING 1", id=site.id)
    result = report("goal", "path=/a*&from=2026-03-02&to=2026-03-05", status=400)
    assert result["errors"][0]["field"] == "from"
    assert report("goal", "path=/a&from=2026-03-02&to=2026-03-05")["meta"]["source"] == "rollup"


def test_a_count_over_the_statement_timeout_is_too_slow(
    make_app: Any, site: Site, engine: Engine, token: Any, auth: Any, orders: None
) -> None:
    client = make_app(statement_timeout=0.5).test_client()
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE events"))
        response = client.get("/api/analytics/reports/goal?path=/a*&date=2026-03-02", headers=auth(token("read")))
    assert (response.status_code, response.json["errors"][0]["code"]) == (422, "too_slow")


def test_retention_of_converters_and_others(
    client: Any, token: Any, auth: Any, orders: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-11T12:00:00Z"))
    goal = _store_goal(client, auth(token("admin")), {"name": "Order", "type": "order"})
    query = "from=2026-03-02&to=2026-03-08&unit=day"
    result = client.get(f"/api/analytics/goals/{goal}/retention?{query}", headers=auth(token("read"))).json
    assert result["starts"] == ["2026-03-09", "2026-03-10", "2026-03-11"]
    assert result["converters"] == {"size": 2, "retained": [1, 1, 0], "rates": [0.5, 0.5, 0.0]}
    assert result["others"] == {"size": 2, "retained": [1, 0, 0], "rates": [0.5, 0.0, 0.0]}
    assert (result["last_is_over"], result["meta"]["source"]) == (False, "rollup")


@pytest.mark.parametrize(
    ("query", "starts", "period"),
    [
        ("", [f"2026-03-{day:02}" for day in range(4, 12)], "2026-02-02"),
        ("units=2", ["2026-03-10", "2026-03-11"], "2026-02-08"),
        ("unit=week&units=1", ["2026-03-05"], "2026-02-03"),
        ("unit=week", [f"2026-{day}" for day in ("01-15", "01-22", "01-29", "02-05", "02-12", "02-19", "02-26", "03-05")], "2025-12-16"),
        ("unit=month", ["2026-01-11", "2026-02-10"], "2025-12-12"),
    ],
)  # fmt: skip
def test_the_default_period_of_retention_ends_before_its_units(
    client: Any, token: Any, auth: Any, orders: None, monkeypatch: pytest.MonkeyPatch, query: str, starts: list[str],
    period: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-11T12:00:00Z"))
    goal = _store_goal(client, auth(token("admin")), {"name": "Order", "type": "order"})
    result = client.get(f"/api/analytics/goals/{goal}/retention?{query}", headers=auth(token("read"))).json
    assert (result["starts"], result["meta"]["from"]) == (starts, f"{period}T00:00:00Z")
    assert len(result["converters"]["retained"]) == len(starts)


def test_goals_of_a_public_site_need_a_token(client: Any, site: Site, sql: Any, token: Any, auth: Any) -> None:
    goal = _store_goal(client, auth(token("admin")), {"name": "Order", "type": "order"})
    path = f"/api/analytics/goals/{goal}/report?site=default"
    assert client.get(path).status_code == 401
    sql("UPDATE sites SET public_stats = true WHERE id = :id RETURNING 1", id=site.id)
    with client.application.app_context():
        clear_site_cache(db.engine)
    assert client.get(path).status_code == 401
    assert client.delete(f"/api/analytics/goals/{goal}").status_code == 401


def _store_goal(client: Any, headers: Any, body: dict[str, Any]) -> str:
    response = client.post("/api/analytics/goals", json=body, headers=headers)
    assert response.status_code == 201, response.json
    return str(response.json["id"])


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=event_payloads(days=12), zone=st.sampled_from(ZONES), case=st.sampled_from(CASES[:6]), bots=st.booleans(),
    unit=st.sampled_from(["day", "week"]),
)  # fmt: skip
def test_retention_equals_brute_force(
    engine: Engine, store: Any, client: Any, token: Any, auth: Any, sql: Any, site: Site, payloads: Any, zone: str,
    case: Case, bots: bool, unit: str,
) -> None:  # fmt: skip
    shop = make_site(engine, zone)
    store_beside_files(engine, store, shop, payloads)
    body = {
        "type": case.type,
        "path": (dict(p.split("=", 1) for p in case.query.split("&")).get("path") or "").replace("%25", "%") or None,
    }
    body |= {"filter": "payload.plan==pro"} if case.plan else {}
    goal = _store_goal(client, auth(token("admin")), {"name": "g", "site": shop.key, **body})
    first, after = START.date(), START.date() + 3 * DAY
    query = f"from={first}&to={after - DAY}&unit={unit}&units=4&include_bots={bots}"
    result = client.get(f"/api/analytics/goals/{goal}/retention?{query}", headers=auth(token("read"))).json
    active: dict[date, set[int]] = defaultdict(set)
    events = [event for event in read_stored_events(sql, shop) if bots or not event.is_bot]
    for event in events:
        active[day_of(event, zone)].add(event.user_no)
    inside = [event for event in events if first <= day_of(event, zone) < after]
    groups = {"converters": {event.user_no for event in inside if case.is_met(event)}}
    groups["others"] = {event.user_no for event in inside} - groups["converters"]
    length = 1 if unit == "day" else 7
    for name, users in groups.items():
        units = [[after + (n * length + m) * DAY for m in range(length)] for n in range(4)]
        retained = [len(users & set().union(*(active[day] for day in days))) for days in units]
        assert (result[name]["size"], result[name]["retained"]) == (len(users), retained)


WORTH = "type=order&property=order.total&currency_property=currency"


def test_a_comparison_by_hand(report: Report, orders: None) -> None:
    result = report(
        "goal", f"{WORTH}&granularity=day&dimension=utm_source&from=2026-03-04&to=2026-03-05&compare=previous"
    )
    assert pick_figures(result) == {
        "conversions": 1, "users": 1, "active_users": 2, "rate": 0.5, "amounts": {}, "without_amount": 1
    }  # fmt: skip
    previous = result["previous"]
    assert pick_figures(previous) == {
        "conversions": 2, "users": 1, "active_users": 2, "rate": 0.5, "amounts": {"EUR": (Decimal("20.00"), 2)},
        "without_amount": 0,
    }  # fmt: skip
    assert (previous["from"], previous["to"]) == ("2026-03-02T00:00:00Z", "2026-03-04T00:00:00Z")
    assert [point["conversions"] for point in previous["series"]] == [1, 1]
    assert result["change"] == {"conversions": -0.5, "users": 0.0, "active_users": 0.0, "rate": 0.0}
    assert result["meta"]["compare"]["previous"] == {name: previous[name] for name in ("from", "to")}


@pytest.mark.parametrize("goal", ["type=order", WORTH, "type=order&filter=country!=XX"])
def test_a_running_day_is_compared_with_as_much_of_the_day_before(
    report: Report, orders: None, engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch, goal: str
) -> None:
    merge_site(engine, site.id)
    for now, before in (("09:59", 0), ("10:01", 1)):
        monkeypatch.setattr(clock, "now", lambda at=now: datetime.fromisoformat(f"2026-03-05T{at}:00Z"))
        result = report("goal", f"{goal}&date=2026-03-05&compare=previous")
        assert (result["conversions"], result["previous"]["conversions"]) == (0, before)
    whole = report("goal", f"{goal}&date=2026-03-05&compare=previous&align=whole")
    assert whole["previous"]["to"] == "2026-03-05T00:00:00Z"


def test_a_comparison_with_purged_events_is_by_hour_or_refused(
    report: Report, orders: None, engine: Engine, site: Site, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge_site(engine, site.id)
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-05T11:30:00Z"))
    sql("UPDATE sites SET raw_since = '2026-03-05T00:00:00Z' WHERE id = :id RETURNING 1", id=site.id)
    result = report("goal", "type=order&date=2026-03-05&compare=previous")
    assert (result["previous"]["to"], result["previous"]["conversions"]) == ("2026-03-04T11:00:00Z", 1)
    assert (result["current"]["to"], result["current"]["active_users"]) == ("2026-03-05T11:00:00Z", 1)
    refused = report("goal", "path=/a&date=2026-03-05&compare=previous", status=400)
    assert refused["errors"][0]["field"] == "compare"


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("dimension=utm_source", [
            "value,conversions,users,active_users,rate,without_amount,amount_EUR",
            ",2,2,4,0.5,1,0.1", "news,1,1,1,1.0,0,19.90",
        ]),
        ("granularity=week", [
            "date,ts,to,conversions,users,active_users,rate,without_amount,amount_EUR",
            "2026-03-02,2026-03-02T00:00:00+00:00,2026-03-06T00:00:00+00:00,3,2,4,0.5,1,20.00",
        ]),
        ("", [
            "from,to,conversions,users,active_users,rate,without_amount,amount_EUR",
            "2026-03-02T00:00:00Z,2026-03-06T00:00:00Z,3,2,4,0.5,1,20.00",
        ]),
    ],
)  # fmt: skip
def test_a_report_as_a_file(client: Any, token: Any, auth: Any, orders: None, query: str, rows: list[str]) -> None:
    value = {"property": "order.total", "currency_property": "currency"}
    goal = _store_goal(client, auth(token("admin")), {"name": "Order", "type": "order", "value": value})
    path = f"/api/analytics/goals/{goal}/report?from=2026-03-02&to=2026-03-05&{query}&format="
    response = client.get(path + "csv", headers=auth(token("read")))
    assert response.text.splitlines() == rows
    assert 'filename="goal-default-2026-03-02-2026-03-05.csv"' in response.headers["Content-Disposition"]
    figure = client.get(path + "plotly", headers=auth(token("read"))).json
    assert figure["data"]
