"""Goals, funnels and schedules that name a segment: counted by it as it is now, and it stays as long as they name it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine

from analytics.errors import BadInput
from analytics.insights.goals.goals import Goal, create_goal
from analytics.reports.segments.segments import delete_segment, read_segment
from analytics.sites.sites import Site
from tests.reports.segments.conftest import PHONES, SEGMENTS
from tests.waiting import wait_until

GOALS, FUNNELS, SCHEDULES = "/api/analytics/goals", "/api/v1/funnels/", "/api/analytics/exports/schedules"
TEXT = "type!=x;segment:PHONES in Germany"
DAY = "date=2026-03-02"


def funnel(filter_text: str) -> dict[str, Any]:
    return {"name": "Checkout", "steps": [{"condition": {"filter": filter_text}}, {"condition": {"event": "order"}}]}


def bodies(filter_text: str) -> dict[str, tuple[str, Any]]:
    """Kind → the route that stores one, and a body with the filter."""
    return {
        "goal": (GOALS, {"name": "Order", "type": "order", "filter": filter_text}),
        "funnel": (FUNNELS, funnel(filter_text)),
        "schedule": (SCHEDULES, {"every": "day", "at": "06:00", "request": {"filter": {"where": filter_text}}}),
    }


KINDS = ("goal", "funnel", "schedule")


@pytest.fixture
def use(call: Any) -> Callable[..., str]:
    """`use("goal")`: the id of a definition that names the segment PHONES."""

    def create(kind: str, filter_text: str = TEXT) -> str:
        path, body = bodies(filter_text)[kind]
        made = call("post", path, body, status=201)
        return str(made.get("id") or made["data"]["id"])

    return create


@pytest.mark.parametrize("kind", KINDS)
def test_a_segment_in_use_is_neither_deleted_nor_renamed(call: Any, phones: str, use: Any, kind: str) -> None:
    own = use(kind)
    for verb, body in (("delete", None), ("patch", {"name": "Other"})):
        refused = call(verb, f"{SEGMENTS}/{phones}", body, status=409)
        assert own in refused["detail"]
        assert [(one["field"], one["code"]) for one in refused["errors"]] == [(kind, "in_use")]
    # Another spelling is the same name.
    assert call("patch", f"{SEGMENTS}/{phones}", {"name": "phones in germany"})["name"] == "phones in germany"
    path = bodies("")[kind][0].rstrip("/")
    call("delete", f"{path}/{own}", status=200 if kind == "funnel" else 204)
    call("delete", f"{SEGMENTS}/{phones}", status=204)


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_keeps_the_name_of_its_segment(call: Any, phones: str, use: Any, kind: str) -> None:
    path, own = bodies("")[kind][0].rstrip("/"), use(kind)
    assert TEXT in str(call("get", f"{path}/{own}"))
    assert PHONES["filter"] not in str(call("get", f"{path}/{own}"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["segment:Tablets", "segment:"])
def test_a_definition_of_an_unknown_segment_is_refused(call: Any, phones: str, kind: str, text: str) -> None:
    path, body = bodies(text)[kind]
    problem = call("post", path, body, status=400 if text == "segment:Tablets" or kind == "schedule" else 422)
    fields = {"goal": "filter", "funnel": "steps[0][condition][filter]", "schedule": "filter.where"}
    assert problem["errors"][0]["field"] == fields[kind]


def test_a_change_to_an_unknown_segment_is_refused(call: Any, phones: str, use: Any) -> None:
    goal, steps = use("goal"), funnel("segment:Tablets")["steps"]
    call("patch", f"{GOALS}/{goal}", {"filter": "segment:Tablets"}, status=400)
    call("put", f"{FUNNELS}{use('funnel')}", {"steps": steps}, status=400)
    change = {"request": {"filter": {"where": "segment:Tablets"}}}
    call("patch", f"{SCHEDULES}/{use('schedule')}", change, status=400)
    assert call("get", f"{GOALS}/{goal}")["filter"] == TEXT


@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_too_long_for_a_definition_is_refused(call: Any, create: Any, use: Any, kind: str) -> None:
    small = create("Small", "country==DE")
    own = use(kind, ";".join(["path!=/a"] * 19 + ["segment:Small"]))
    refused = call("patch", f"{SEGMENTS}/{small}", {"filter": "country==DE;path!=/b"}, status=409)
    assert own in refused["detail"]
    assert call("get", f"{SEGMENTS}/{small}")["filter"] == "country==DE"


def test_a_filter_with_which_a_funnel_has_too_many_conditions_is_refused(call: Any, create: Any) -> None:
    small = create("Small", "country==DE")
    steps = [{"condition": {"filter": "segment:Small"}} for _ in range(20)]
    made = call("post", FUNNELS, {"name": "Long", "steps": steps}, status=201)["data"]["id"]
    # 20 steps with three conditions each.
    call("patch", f"{SEGMENTS}/{small}", {"filter": "country==DE;path!=/b;path!=/c"})
    refused = call("patch", f"{SEGMENTS}/{small}", {"filter": "country==DE;path!=/b;path!=/c;path!=/d"}, status=409)
    assert made in refused["detail"]
    assert "60 in all" in refused["detail"]


def test_a_value_that_looks_like_a_segment_keeps_none(call: Any, phones: str, use: Any) -> None:
    for kind in KINDS:
        use(kind, f"path==/segment:{PHONES['name']}")
    call("delete", f"{SEGMENTS}/{phones}", status=204)


EVENTS = [
    {"type": kind, "user_id": user, "country": country, "ts": f"2026-03-02T10:00:0{second}Z"}
    for user, country in (("ann", "DE"), ("bob", "FR"), ("cat", "FR"))
    for second, kind in enumerate(("view", "order"))
]


def test_a_goal_counts_by_the_segment_as_it_is_now(call: Any, create: Any, use: Any, store: Any) -> None:
    store(EVENTS)
    segment = create("Here", "country==DE")
    goal = use("goal", "segment:here")
    paths = {
        f"{GOALS}/{goal}/report?{DAY}": lambda report: report["conversions"],
        f"{GOALS}/{goal}/retention?{DAY}&unit=day": lambda report: report["converters"]["size"],
    }
    for filter_text, count in (("country==DE", 1), ("country==FR", 2), ("country==DE", 1)):
        call("patch", f"{SEGMENTS}/{segment}", {"filter": filter_text})
        assert [read(call("get", path)) for path, read in paths.items()] == [count, count]
    assert call("get", next(iter(paths)))["goal"]["filter"] == "segment:here"


def test_a_funnel_counts_by_the_segment_as_it_is_now(call: Any, create: Any, use: Any, store: Any) -> None:
    store(EVENTS)
    segment = create("Here", "country==DE")
    own = use("funnel", "type==view;segment:here")
    for filter_text, starts in (("country==DE", 1), ("country==FR", 2), ("country==DE", 1)):
        call("patch", f"{SEGMENTS}/{segment}", {"filter": filter_text})
        assert call("get", f"{FUNNELS}{own}/analytics?{DAY}")["total_starts"] == starts
        assert call("get", f"{FUNNELS}{own}/analytics/detailed?{DAY}")["total_starts"] == starts
        compared = call("post", f"{FUNNELS}compare?{DAY}", {"funnel_ids": [own]})
        assert compared[0]["total_starts"] == starts
        steps = funnel("type==view;segment:here")["steps"]
        ad_hoc = call("post", f"/api/analytics/reports/funnel?{DAY}", {"steps": steps})
        assert ad_hoc["total_starts"] == starts
        assert ad_hoc["definition"]["steps"][0]["condition"] == {"filter": "type==view;segment:here"}


def test_an_experiment_converts_by_the_segment_of_its_goal(call: Any, create: Any, use: Any, store: Any) -> None:
    seen = [
        {"type": "seen", "user_id": user, "payload": {"variant": "a"}, "ts": "2026-03-02T09:00:00Z"}
        for user in ("ann", "bob", "cat")
    ]
    store([*seen, *EVENTS])
    segment = create("Here", "country==DE")
    goal = use("goal", "segment:here")
    url = f"/api/analytics/reports/experiment?{DAY}&exposure_type=seen&variant=payload.variant&goal={goal}"
    for filter_text, users in (("country==DE", 1), ("country==FR", 2)):
        call("patch", f"{SEGMENTS}/{segment}", {"filter": filter_text})
        assert call("get", url)["variants"][0]["converted_users"] == users


# Who waits for a lock of another transaction.
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_a_segment_is_not_deleted_while_a_goal_that_names_it_is_created(
    call: Any, create: Any, engine: Engine, site: Site, sql: Any
) -> None:
    """Whichever comes first: the other one is refused."""
    stored = create("Here", "country==DE")
    with engine.begin() as connection:
        segment = read_segment(connection, stored)
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as first:
            create_goal(first, site.id, "Order", Goal("order", filter="segment:here"), "tester")
            deleting = pool.submit(call, "delete", f"{SEGMENTS}/{segment.id}", status=409)
            wait_until(lambda: sql(WAITING))
        assert "Order" in deleting.result(timeout=30)["detail"]


def test_a_goal_is_not_created_while_its_segment_is_deleted(create: Any, engine: Engine, site: Site, sql: Any) -> None:
    segment_id = create("Here", "country==DE")

    def add_goal() -> None:
        with engine.begin() as second:
            create_goal(second, site.id, "Order", Goal("order", filter="segment:here"), "tester")

    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as first:
            delete_segment(first, segment_id, "tester")
            creating = pool.submit(add_goal)
            wait_until(lambda: sql(WAITING))
        with pytest.raises(BadInput, match="no segment 'here'"):
            creating.result(timeout=30)
