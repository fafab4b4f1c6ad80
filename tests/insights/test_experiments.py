"""Experiments: worked by hand, and against a count in Python over the stored events."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics.sites.sites import Site
from tests.examples import examples
from tests.factories import make_site
from tests.insights.brute_force import DAY, START, Event, event_payloads, read_stored_events, store_beside_files

Report = Callable[..., Any]
BASIC = "exposure_type=seen&variant=payload.variant&date=2026-03-02"


def saw(user: str, variant: Any, minute: int = 0) -> dict[str, Any]:
    return {"user_id": user, "type": "seen", "ts": f"2026-03-02T10:{minute:02}:00Z", "payload": {"variant": variant}}


def bought(user: str, minute: int) -> dict[str, Any]:
    return {"user_id": user, "type": "order", "ts": f"2026-03-02T10:{minute:02}:00Z"}


def variant_rows(result: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("variant", "users", "converted_users", "conversions")
    return [tuple(row[name] for name in names) for row in result["variants"]]


def test_only_conversions_after_the_first_exposure_count(store: Any, report: Report) -> None:
    store([saw("ann", "a", 5), bought("ann", 4), saw("ann", "a", 20), bought("ann", 10), bought("ann", 30)])
    store([saw("bob", "b", 5), bought("bob", 4), saw("cid", "b", 5), {**bought("dan", 5)}])
    result = report("experiment", f"{BASIC}&goal=order")
    assert variant_rows(result) == [("a", 1, 1, 2), ("b", 2, 0, 0)]
    assert (result["control"], result["mixed_users"], result["variants"][0]["difference"]) == ("a", 0, None)


def test_a_user_who_saw_several_variants_is_mixed(store: Any, report: Report) -> None:
    store([saw("ann", "a"), saw("ann", "b", 1), bought("ann", 2), saw("bob", "b"), saw("cid", ""), saw("dan", None)])
    result = report("experiment", f"{BASIC}&goal=order")
    assert (variant_rows(result), result["mixed_users"]) == ([("b", 1, 0, 0)], 1)


def test_events_of_one_instant_are_in_the_order_of_receipt(store: Any, report: Report) -> None:
    """Whatever their ids: ann's order follows, in one batch, cid's in the next; bob's and dan's come before."""
    ids = [f"00000000-0000-7000-8000-00000000000{n}" for n in range(8)]
    store([
        {**saw("ann", "a", 5), "event_id": ids[2]}, {**bought("ann", 5), "event_id": ids[1]},
        {**bought("bob", 5), "event_id": ids[3]}, {**saw("bob", "a", 5), "event_id": ids[0]},
        {**saw("cid", "a", 5), "event_id": ids[7]}, {**bought("dan", 5), "event_id": ids[6]},
    ])  # fmt: skip
    store([{**bought("cid", 5), "event_id": ids[4]}, {**saw("dan", "a", 5), "event_id": ids[5]}])
    assert variant_rows(report("experiment", f"{BASIC}&goal=order")) == [("a", 4, 2, 2)]


@pytest.fixture
def eighty_and_seventy(store: Any) -> None:
    """Newcombe's case (a): 48 of 80 against 56 of 70."""
    for name, users, converted in (("control", 80, 48), ("short", 70, 56)):
        store([saw(f"{name}{n}", name) for n in range(users)] + [bought(f"{name}{n}", 1) for n in range(converted)])


def test_the_difference_has_an_interval_and_a_p_value(eighty_and_seventy: None, report: Report) -> None:
    result = report("experiment", f"{BASIC}&goal=order")
    assert variant_rows(result) == [("control", 80, 48, 48), ("short", 70, 56, 56)]
    assert result["variants"][1]["difference"] == pytest.approx(
        {"absolute": 0.2, "low": 0.0524, "high": 0.3339, "p_value": 0.008045}, abs=0.00006
    )
    assert result["sample_ratio"] == {
        "expected": {"control": 0.5, "short": 0.5}, "p_value": pytest.approx(0.4142, abs=0.0001), "is_mismatch": False
    }  # fmt: skip


def test_another_control_reverses_the_difference(eighty_and_seventy: None, report: Report) -> None:
    result = report("experiment", f"{BASIC}&goal=order&control=short")
    assert result["variants"][0]["difference"]["absolute"] == -0.2
    assert result["variants"][1]["difference"] is None


def test_weights_are_the_expected_ratio_of_users(eighty_and_seventy: None, report: Report) -> None:
    result = report("experiment", f"{BASIC}&goal=order&weight=control:8&weight=short:7")["sample_ratio"]
    assert (result["p_value"], result["is_mismatch"]) == (1.0, False)
    result = report("experiment", f"{BASIC}&goal=order&weight=control:1&weight=short:1&weight=long:1")["sample_ratio"]
    assert (result["is_mismatch"], result["expected"]["long"]) == (True, 0.333333)


def test_the_goal_may_be_a_path_or_a_stored_goal(
    eighty_and_seventy: None, report: Report, store: Any, client: Any, token: Any, auth: Any
) -> None:
    store([{"user_id": "short0", "path": "/thanks", "ts": "2026-03-02T11:00:00Z"}])
    assert variant_rows(report("experiment", f"{BASIC}&goal=/th*"))[1] == ("short", 70, 1, 1)
    body = {"name": "Thanks", "path": "/thanks"}
    goal = client.post("/api/analytics/goals", json=body, headers=auth(token("admin"))).json["id"]
    result = report("experiment", f"{BASIC}&goal={goal}")
    assert (variant_rows(result)[1], result["goal"]["path"]) == (("short", 70, 1, 1), "/thanks")
    report("experiment", f"{BASIC}&goal=00000000-0000-4000-8000-000000000000", status=404)


def test_an_experiment_without_exposures(site: Site, report: Report) -> None:
    result = report("experiment", f"{BASIC}&goal=order&control=a")
    assert (result["variants"], result["mixed_users"], result["sample_ratio"]) == ([], 0, None)


REFUSED = {
    "no exposure": ("variant=payload.v&goal=x", "exposure_type"),
    "no payload property": ("exposure_type=seen&variant=country&goal=x", "variant"),
    "no goal": ("exposure_type=seen&variant=payload.v", "goal"),
    "goal with many wildcards": ("exposure_type=seen&variant=payload.v&goal=/" + "*a" * 11, "goal"),
    "weight of zero": (f"{BASIC}&goal=order&weight=a:0", "weight"),
    "weight that is no number": (f"{BASIC}&goal=order&weight=a:b", "weight"),
    "variant without a weight": (f"{BASIC}&goal=order&weight=control:1", "weight"),
    "control that no user saw": (f"{BASIC}&goal=order&control=green", "control"),
    "unknown": (f"{BASIC}&goal=order&peek=1", "peek"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_query_is_rejected_by_parameter(eighty_and_seventy: None, report: Report, name: str) -> None:
    query, field = REFUSED[name]
    assert report("experiment", query, status=400)["errors"][0]["field"] == field


def test_a_property_with_too_many_values_is_rejected(store: Any, report: Report) -> None:
    store([saw(f"u{n}", f"v{n}") for n in range(21)])
    assert report("experiment", f"{BASIC}&goal=order", status=400)["errors"][0]["field"] == "variant"


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=event_payloads(days=1), bots=st.booleans(), news=st.booleans(), exposure=st.sampled_from(["seen", "page_view"]),
    goal=st.sampled_from(["order", "seen", "/a*"]), by_instants=st.booleans(),
)  # fmt: skip
def test_variants_equal_brute_force(
    engine: Engine, store: Any, report: Report, sql: Any, site: Site, payloads: Any, bots: bool, news: bool, exposure: str,
    goal: str, by_instants: bool,
) -> None:  # fmt: skip
    shop = make_site(engine, "UTC")
    store_beside_files(engine, store, shop, payloads)
    start, end = START - DAY, START + 3 * DAY
    if by_instants:
        start, end = START + timedelta(hours=6), START + timedelta(hours=20)
    query = f"site={shop.key}&exposure_type={exposure}&variant=payload.variant&goal={goal}&include_bots={bots}"
    query += f"&from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}" + (
        "&filter=utm_source==news&scope=event" if news else ""
    )
    stored = read_stored_events(sql, shop)
    events = [event for event in stored if start <= event.ts < end and (bots or not event.is_bot)]
    seen: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.type == exposure and event.payload.get("variant") and (event.campaign == "news" or not news):
            seen[event.user_no].append(event)
    expected: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    mixed = 0
    for user, exposures in seen.items():
        if len({event.payload["variant"] for event in exposures}) > 1:
            mixed += 1
            continue
        after = events[events.index(exposures[0]) + 1 :]
        met = [event for event in after if event.user_no == user and is_met(event, goal)]
        row = expected[exposures[0].payload["variant"]]
        row[0], row[1], row[2] = row[0] + 1, row[1] + bool(met), row[2] + len(met)
    result = report("experiment", query)
    assert variant_rows(result) == [(name, *expected[name]) for name in sorted(expected)]
    assert result["mixed_users"] == mixed


def is_met(event: Event, goal: str) -> bool:
    if goal == "/a*":
        return event.type == "page_view" and (event.path or "").startswith("/a")
    return event.type == goal


def test_the_filter_does_not_narrow_conversions(store: Any, report: Report) -> None:
    store([{**saw("ann", "a"), "utm_source": "news"}, bought("ann", 1), saw("bob", "a"), bought("bob", 1)])
    assert variant_rows(report("experiment", f"{BASIC}&goal=order&filter=utm_source==news&scope=event")) == [
        ("a", 1, 1, 1)
    ]


def test_a_report_on_a_day_that_is_over_is_cached(store: Any, report: Report) -> None:
    store([saw("ann", "a")])
    report("experiment", f"{BASIC}&goal=order")
    assert report("experiment", f"{BASIC}&goal=order")["meta"]["cached"]
    assert datetime.fromisoformat(report("experiment", f"{BASIC}&goal=seen")["meta"]["from"]) < START
