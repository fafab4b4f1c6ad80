"""The users of a funnel's step, of a number of the retention grid and of a variant: as many as the reports count."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics.sites.sites import Site
from tests.examples import examples
from tests.factories import make_site
from tests.insights.brute_force import START, event_payloads
from tests.users.conftest import Get

Report = Callable[..., Any]
DAY = timedelta(days=1)
STEPS = [
    {"id": "1", "name": "cart", "type": "page", "condition": {"page": "/cart"}, "order": 1},
    {"id": "2", "name": "pay", "type": "page", "condition": {"page": "/pay"}, "order": 2},
    {"id": "3", "name": "order", "type": "event", "condition": {"event": "order"}, "order": 3},
]
ANY_STEPS = [
    {"id": "1", "name": "", "type": "page", "condition": {"page": "/a*"}, "order": 1},
    {"id": "2", "name": "", "type": "event", "condition": {"event": "seen"}, "order": 2},
    {"id": "3", "name": "", "type": "event", "condition": {"event": "order"}, "order": 3},
]


@pytest.fixture
def funnel(client: FlaskClient, token: Any, auth: Any) -> Callable[..., str]:
    """`funnel(site, steps)`: the id of a new one."""

    def create(site: Site, steps: Any, **fields: Any) -> str:
        body = {"name": "f", "website_id": site.key, "steps": steps, **fields}
        response = client.post("/api/v1/funnels/", json=body, headers=auth(token("write read")))
        assert response.status_code == 201, response.json
        return str(response.json["data"]["id"])

    return create


def names(found: Any) -> set[str]:
    assert len(found["users"]) == found["total"]
    return {user["user_id"] for user in found["users"]}


def at(user: str, minute: int, **fields: Any) -> dict[str, Any]:
    return {"user_id": user, "ts": f"2026-03-02T10:{minute:02}:00Z", **fields}


def test_users_who_reached_a_step_and_who_went_no_further(store: Any, site: Site, get: Get, funnel: Any) -> None:
    store([at("ann", 0, path="/cart"), at("ann", 1, path="/pay"), at("ann", 2, type="order")])
    store(
        [at("bob", 0, path="/cart"), at("bob", 1, path="/pay"), at("cid", 0, path="/cart"), at("dan", 0, path="/pay")]
    )
    query = f"funnel={funnel(site, STEPS)}&date=2026-03-02"
    reached = [names(get(f"{query}&step={step}")) for step in (1, 2, 3)]
    assert reached == [{"ann", "bob", "cid"}, {"ann", "bob"}, {"ann"}]
    assert [names(get(f"{query}&step={step}&reached=dropped")) for step in (1, 2)] == [{"cid"}, {"bob"}]
    assert names(get(f"{query}&step=1&filter=path!=/pay")) == {"ann", "bob", "cid"}
    assert names(get(f"{query}&step=2&filter=path!=/pay")) == set()


def test_users_of_a_funnel_by_visit_have_a_visit_that_got_there(store: Any, site: Site, get: Get, funnel: Any) -> None:
    store([at("ann", 0, path="/cart", session_id="1"), at("ann", 1, path="/pay", session_id="1")])
    store([at("ann", 2, path="/cart", session_id="2"), at("bob", 0, path="/cart", session_id="1")])
    store([at("bob", 31, path="/pay", session_id="1"), at("cid", 5, path="/pay"), at("dan", 0, path="/cart")])
    query = f"funnel={funnel(site, STEPS, scope='visit')}&date=2026-03-02"
    assert [names(get(f"{query}&step={step}")) for step in (1, 2, 3)] == [{"ann", "bob", "dan"}, {"ann"}, set()]
    # One of ann's two visits got further.
    assert [names(get(f"{query}&step={step}&reached=dropped")) for step in (1, 2)] == [{"ann", "bob", "dan"}, {"ann"}]


def test_a_step_that_the_funnel_lacks_is_refused(site: Site, get: Get, funnel: Any, engine: Engine) -> None:
    query = f"funnel={funnel(site, STEPS)}"
    for step in ("step=4", "step=3&reached=dropped", "step=0"):
        assert get(f"{query}&{step}", status=400)["errors"][0]["field"] == "step"
    get(f"funnel={funnel(make_site(engine, 'UTC'), STEPS)}&step=1", status=404)


def test_users_of_a_variant(store: Any, site: Site, get: Get) -> None:
    store([
        *(at(user, 0, type="seen", payload={"variant": variant}) for user, variant in zip("abcd", "xxyx", strict=True)),
        at("d", 1, type="seen", payload={"variant": "y"}), *(at(user, 5, type="order") for user in "acd"),
    ])  # fmt: skip
    query = "goal=order&exposure_type=seen&variant_property=payload.variant&date=2026-03-02&variant="
    assert names(get(f"{query}x")) == {"a", "b"}
    assert names(get(f"{query}x&converted=true")) == {"a"}
    assert names(get(f"{query}x&converted=false")) == {"b"}
    assert names(get(f"{query}z")) == set()


def test_users_of_a_number_of_the_retention_grid(store: Any, site: Site, get: Get) -> None:
    for day, users in {"02-20": "c", "03-02": "abc", "03-03": "ad", "03-05": "b", "03-09": "ac"}.items():
        store([{"user_id": user, "ts": f"2026-{day}T12:00:00Z"} for user in users])
    assert names(get("cohort=2026-03-02")) == {"a", "b"}
    assert [names(get(f"cohort=2026-03-02&offset={n}")) for n in (1, 2, 3, 7)] == [{"a"}, set(), {"b"}, {"a"}]
    found = get("cohort=2026-03-02&unit=week&offset=1")
    assert (names(found), found["meta"]["from"], found["meta"]["to"]) == (
        {"a"}, "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z"
    )  # fmt: skip
    assert found["users"][0]["events"] == 1


@settings(max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=event_payloads(days=4), late=event_payloads(max_events=8, days=3), bots=st.booleans(), news=st.booleans(),
    zone=st.sampled_from(["UTC", "America/St_Johns"]), files=st.integers(0, 4),
)  # fmt: skip
def test_there_are_as_many_users_as_the_reports_count(
    engine: Engine, store: Any, sql: Any, get: Get, report: Report, client: Any, token: Any, auth: Any, site: Site,
    funnel: Any, write_files: Any, payloads: Any, late: Any, bots: bool, news: bool, zone: str, files: int,
) -> None:  # fmt: skip
    shop = make_site(engine, zone)
    fields = {"site_id": shop.id, "site_key": shop.key}
    store(payloads, **fields)
    write_files(shop.id, START, files)
    store(late, **fields)
    bots_and_filter = f"site={shop.key}&include_bots={bots}" + ("&filter=utm_source==news" if news else "")
    query = f"{bots_and_filter}&from={START.date()}&to={START.date() + 2 * DAY}"

    funnel_id = funnel(shop, ANY_STEPS)
    path = f"/api/v1/funnels/{funnel_id}/analytics/detailed?{query}"
    steps = client.get(path, headers=auth(token("read"))).json["step_analytics"]
    for number, step in enumerate(steps, 1):
        assert get(f"{query}&funnel={funnel_id}&step={number}")["total"] == step["visitors_reached"]
        if number < len(steps):
            dropped = get(f"{query}&funnel={funnel_id}&step={number}&reached=dropped")["total"]
            assert dropped == step["visitors_reached"] - steps[number]["visitors_reached"]

    experiment = "goal=order&exposure_type=seen"
    for row in report("experiment", f"{query}&{experiment}&variant=payload.variant")["variants"]:
        of_variant = f"{query}&{experiment}&variant_property=payload.variant&variant={row['variant']}"
        assert get(of_variant)["total"] == row["users"]
        assert get(f"{of_variant}&converted=1")["total"] == row["converted_users"]

    for cohort in report("retention", query)["cohorts"]:
        for offset, retained in enumerate(cohort["retained"]):
            found = get(f"{bots_and_filter}&cohort={cohort['start']}&offset={offset}")
            assert len(names(found)) == retained
