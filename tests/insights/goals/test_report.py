"""Reports on goals: against a slow count over the stored events, by hand, and from rollups as from raw events."""

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.extensions import db
from analytics.rollups import guard
from analytics.rollups.merge import merge_site
from analytics.sites import Site, forget_sites
from tests.insights.slow import DAY, START, Event, day_of, make_site, money, sent, stored
from tests.reports.slow import ZONES

Report = Callable[..., Any]


class Case(NamedTuple):
    """A goal as a query says it, and as Python does."""

    words: str
    type: str = "page_view"
    path: str | None = None
    plan: str | None = None
    amount: Callable[[Event], Decimal | None] | None = None
    currency: Callable[[Event], str | None] = lambda event: "EUR"

    def is_met(self, event: Event) -> bool:
        fits = self.path is None or (event.path is not None and re.fullmatch(self.path, event.path))
        return event.type == self.type and bool(fits) and self.plan in (None, event.payload.get("plan"))


def total(event: Event) -> Decimal | None:
    return money(event.payload.get("total"))


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


class Asked(NamedTuple):
    case: Case
    bots: bool
    news: bool

    def count(self, events: list[Event]) -> dict[str, Any]:
        mine = [one for one in events if (self.bots or not one.is_bot) and (not self.news or one.campaign == "news")]
        met = [one for one in mine if self.case.is_met(one)]
        users, active = len({one.user_no for one in met}), len({one.user_no for one in mine})
        rate = round(users / active, 4) if active else None
        found = {"conversions": len(met), "users": users, "active_users": active, "rate": rate}
        return found | self.pay(met) if self.case.amount else found

    def pay(self, met: list[Event]) -> dict[str, Any]:
        paid = defaultdict(list)
        for one in met:
            if self.case.amount and (amount := self.case.amount(one)) is not None:
                paid[self.case.currency(one)].append(amount)
        amounts = {name: (sum(sums), len(sums)) for name, sums in paid.items()}
        return {"amounts": amounts, "without_amount": len(met) - sum(count for _, count in amounts.values())}


def figures(line: dict[str, Any]) -> dict[str, Any]:
    """A line of the answer as `Asked.count` says it."""
    names = ("conversions", "users", "active_users", "rate", "without_amount")
    found = {name: line[name] for name in names if name in line}
    if "amounts" in line:
        found["amounts"] = {one["currency"]: (Decimal(one["amount"]), one["conversions"]) for one in line["amounts"]}
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=sent(), zone=st.sampled_from(ZONES), other_zone=st.booleans(), case=st.sampled_from(CASES), bots=st.booleans(),
    news=st.booleans(), unit=st.sampled_from(["hour", "day", "week", "month"]), hours=st.integers(-20, 20),
    dimension=st.sampled_from(["path", "utm_source", "type"]),
)  # fmt: skip
def test_a_report_is_a_slow_count(
    engine: Engine, store: Any, report: Report, sql: Any, site: Site, sent: Any, zone: str, other_zone: bool,
    case: Case, bots: bool, news: bool, unit: str, hours: int, dimension: str,
) -> None:  # fmt: skip
    there = make_site(engine, zone)
    store(sent[::2], site_id=there.id, site_key=there.key)
    merge_site(engine, there.id)
    store(sent[1::2], site_id=there.id, site_key=there.key)
    first = START.date() - DAY
    query = f"site={there.key}&{case.words}&include_bots={bots}&granularity={unit}&dimension={dimension}&limit=100"
    query += "&filter=utm_source==news" if news else ""
    query += "&zone=Asia/Tokyo" if other_zone else ""
    if hours > 0:
        start = START + timedelta(hours=hours, minutes=7)
        query += f"&from={start:%Y-%m-%dT%H:%M:%SZ}&to={start + 2 * DAY:%Y-%m-%dT%H:%M:%SZ}"
    else:
        query += f"&from={first}&to={first + 4 * DAY}"
    found = report("goal", query)
    start, end = (datetime.fromisoformat(found["meta"][name]) for name in ("from", "to"))
    events = [one for one in stored(sql, there) if start <= one.ts < end]
    asked = Asked(case, bots, news)
    assert figures(found) == asked.count(events)
    for point in found["series"]:
        low, high = datetime.fromisoformat(point["ts"]), datetime.fromisoformat(point["to"])
        assert figures(point) == asked.count([one for one in events if low <= one.ts < high])
    values = defaultdict(list)
    for one in events:
        values[{"path": one.path or "", "utm_source": one.campaign, "type": one.type}[dimension]].append(one)
    slow = {value: asked.count(ones) for value, ones in values.items()}
    ranked = sorted((v for v, line in slow.items() if line["conversions"]), key=lambda v: (-slow[v]["conversions"], v))
    assert [(row["value"] or "", figures(row)) for row in found["rows"]] == [(value, slow[value]) for value in ranked]


@pytest.mark.parametrize("words", ["type=order&dimension=utm_source", "type=order&granularity=hour", "path=/a"])
def test_rollups_answer_what_they_can_and_raw_events_say_the_same(report: Report, orders: None, words: str) -> None:
    query = (
        "from=2026-03-01&to=2026-03-05&granularity=day&"
        if "granularity" not in words
        else "from=2026-03-01&to=2026-03-05&"
    )
    quick, slow = (report("goal", query + words + more) for more in ("", "&filter=country!=XX"))
    assert (quick.pop("meta")["source"], slow.pop("meta")["source"]) == ("rollup", "raw")
    assert quick == slow


@pytest.fixture
def orders(store: Any) -> None:
    """ann looks and orders twice, bob looks, cid orders without a look; eve comes on the next days."""
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
    found = report("goal", "type=order&property=order.total&currency_property=currency&from=2026-03-02&to=2026-03-05")
    assert {name: found[name] for name in ("conversions", "users", "active_users", "rate")} == {
        "conversions": 3, "users": 2, "active_users": 4, "rate": 0.5
    }  # fmt: skip
    assert found["amounts"] == [{"currency": "EUR", "amount": "20.00", "conversions": 2}]
    assert found["without_amount"] == 1


def test_the_lines_of_a_dimension_end_at_the_limit(report: Report, orders: None) -> None:
    found = report("goal", "type=order&dimension=utm_source&limit=1&from=2026-03-02&to=2026-03-05")
    assert [(row["value"], row["conversions"]) for row in found["rows"]] == [(None, 2)]
    assert found["other_conversions"] == 1


def test_what_found_no_place_in_the_rollups_is_counted_among_raw_events(
    engine: Engine, report: Report, store: Any, site: Site
) -> None:
    crowd = [*(f"/{number}" for number in range(guard.LIMITS.values - 1)), "/a"]
    store([{"path": path, "ts": "2026-03-02T10:00:00Z"} for path in [*crowd, *crowd, "/b"]])
    store([{"path": "/b", "ts": "2026-03-03T10:00:00Z"}])
    merge_site(engine, site.id)
    for query, count, source in (
        ("path=/a&date=2026-03-02", 2, "rollup"),
        ("path=/b&date=2026-03-03", 1, "rollup"),
        ("path=/b&from=2026-03-02&to=2026-03-03", 2, "raw"),
        ("path=/a&from=2026-03-02&to=2026-03-03", 2, "rollup"),
    ):
        found = report("goal", query)
        assert (found["conversions"], found["meta"]["source"]) == (count, source)
    assert report("goal", "type=page_view&dimension=path&date=2026-03-02")["meta"]["source"] == "raw"
    assert report("goal", "path=(other)&date=2026-03-02")["conversions"] == 0


REFUSED = {
    "nothing": ("days=3", "type"),
    "regular expressions are letters, many stars are not": ("path=" + "*a" * 11, "path"),
    "long path": ("path=" + "x" * 1025, "path"),
    "filter": ("type=a&goal_filter=nonsense", "goal_filter"),
    "filter of the question": ("type=a&filter=nonsense", "filter"),
    "dimension": ("type=a&dimension=entry_path", "dimension"),
    "granularity": ("type=a&granularity=year", "granularity"),
    "two values": ("type=a&property=x&amount=1", "property"),
    "currency of nothing": ("type=a&currency=EUR", "property"),
    "currency": ("type=a&amount=1&currency=Euro", "currency"),
    "amount": ("type=a&amount=1e9", "amount"),
    "unknown": ("type=a&regex=.*", "regex"),
    "NUL": ("type=a%00", "type"),
    "hours of a year": ("type=a&days=300&granularity=hour", "days"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_by_name(site: Site, report: Report, name: str) -> None:
    query, field = REFUSED[name]
    assert report("goal", query, status=400)["errors"][0]["field"] == field


def test_a_bomb_of_stars_ends_soon(store: Any, report: Report) -> None:
    store([{"path": "/" + "a" * 1000, "ts": "2026-03-02T10:00:00Z"}] * 50)
    assert report("goal", "path=" + "*a" * 10 + "b&date=2026-03-02")["conversions"] == 0


def test_an_answer_of_days_that_are_over_is_kept_for_the_goal_as_it_is(
    report: Report, store: Any, orders: None
) -> None:
    query = "type=order&date=2026-03-02"
    assert "cached" not in report("goal", query)["meta"]
    assert report("goal", query)["meta"]["cached"]
    assert "cached" not in report("goal", query + "&amount=1")["meta"]


def test_raw_events_that_may_be_gone_are_not_guessed(report: Report, site: Site, sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-03T00:00:00Z' WHERE id = :id RETURNING 1", id=site.id)
    found = report("goal", "path=/a*&from=2026-03-02&to=2026-03-05", status=400)
    assert found["errors"][0]["field"] == "from"
    assert report("goal", "path=/a&from=2026-03-02&to=2026-03-05")["meta"]["source"] == "rollup"


def test_a_count_that_takes_too_long_names_what_to_change(make_app: Any, fill: Any, token: Any, auth: Any) -> None:
    fill(60_000)
    client = make_app(statement_timeout=0.005).test_client()
    response = client.get("/api/analytics/reports/goal?path=/a*&date=2026-03-02", headers=auth(token("read")))
    assert (response.status_code, response.json["errors"][0]["code"]) == (422, "too_slow")


def test_converters_come_back_beside_the_others(
    client: Any, token: Any, auth: Any, orders: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-03-11T12:00:00Z"))
    goal = _store_goal(client, auth(token("admin")), {"name": "Order", "type": "order"})
    query = "from=2026-03-02&to=2026-03-08&unit=day"
    found = client.get(f"/api/analytics/goals/{goal}/retention?{query}", headers=auth(token("read"))).json
    assert found["starts"] == ["2026-03-09", "2026-03-10", "2026-03-11"]
    assert found["converters"] == {"size": 2, "retained": [1, 1, 0], "rates": [0.5, 0.5, 0.0]}
    assert found["others"] == {"size": 2, "retained": [1, 0, 0], "rates": [0.5, 0.0, 0.0]}
    assert (found["last_is_over"], found["meta"]["source"]) == (False, "rollup")


def test_a_public_site_s_goals_may_be_seen_by_everybody(
    client: Any, site: Site, sql: Any, token: Any, auth: Any
) -> None:
    goal = _store_goal(client, auth(token("admin")), {"name": "Order", "type": "order"})
    path = f"/api/analytics/goals/{goal}/report?site=default"
    assert client.get(path).status_code == 401
    sql("UPDATE sites SET public_stats = true WHERE id = :id RETURNING 1", id=site.id)
    with client.application.app_context():
        forget_sites(db.engine)
    assert client.get(path).json["conversions"] == 0
    assert client.delete(f"/api/analytics/goals/{goal}").status_code == 401


def _store_goal(client: Any, headers: Any, body: dict[str, Any]) -> str:
    response = client.post("/api/analytics/goals", json=body, headers=headers)
    assert response.status_code == 201, response.json
    return str(response.json["id"])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=sent(days=12), zone=st.sampled_from(ZONES), case=st.sampled_from(CASES[:6]), bots=st.booleans(),
    unit=st.sampled_from(["day", "week"]),
)  # fmt: skip
def test_retention_is_a_slow_count(
    engine: Engine, store: Any, client: Any, token: Any, auth: Any, sql: Any, site: Site, sent: Any, zone: str,
    case: Case, bots: bool, unit: str,
) -> None:  # fmt: skip
    there = make_site(engine, zone)
    store(sent, site_id=there.id, site_key=there.key)
    body = {
        "type": case.type,
        "path": (dict(p.split("=", 1) for p in case.words.split("&")).get("path") or "").replace("%25", "%") or None,
    }
    body |= {"filter": "payload.plan==pro"} if case.plan else {}
    goal = _store_goal(client, auth(token("admin")), {"name": "g", "site": there.key, **body})
    first, after = START.date(), START.date() + 3 * DAY
    query = f"from={first}&to={after - DAY}&unit={unit}&units=4&include_bots={bots}"
    found = client.get(f"/api/analytics/goals/{goal}/retention?{query}", headers=auth(token("read"))).json
    came: dict[date, set[int]] = defaultdict(set)
    events = [one for one in stored(sql, there) if bots or not one.is_bot]
    for one in events:
        came[day_of(one, zone)].add(one.user_no)
    inside = [one for one in events if first <= day_of(one, zone) < after]
    groups = {"converters": {one.user_no for one in inside if case.is_met(one)}}
    groups["others"] = {one.user_no for one in inside} - groups["converters"]
    length = 1 if unit == "day" else 7
    for name, people in groups.items():
        spans = [[after + (n * length + m) * DAY for m in range(length)] for n in range(4)]
        retained = [len(people & set().union(*(came[day] for day in days))) for days in spans]
        assert (found[name]["size"], found[name]["retained"]) == (len(people), retained)
