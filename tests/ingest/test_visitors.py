"""Visitors without a user_id, from the request to the reports: one address and one calendar, those of the site."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, text

from analytics.ingest import buffer
from analytics.ingest.enrich import open_geo_database
from analytics.privacy.pseudonym import identity_salt
from analytics.sites.sites import create_site, update_site
from tests.contracts.conftest import drained, local, stored
from tests.examples import examples
from tests.factories import NO_LIMITS, make_drain, make_entry, make_site

__all__ = ["drained", "local"]
INGEST = "/api/analytics/ingest"
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
LA = "America/Los_Angeles"


def view(ip: str = "8.8.8.8", ts: str = "2026-11-20T10:00:00Z", **fields: Any) -> dict[str, Any]:
    return {"type": "page_view", "path": "/", "ip": ip, "ts": ts, "user_agent": AGENT, **fields}


@pytest.fixture
def count(local: FlaskClient, drained: Callable[[], Any], engine: Engine) -> Callable[..., int]:
    """`count(events)`: the visitors of the events, sent in one batch."""

    def send(events: list[dict[str, Any]], **headers: str) -> int:
        local.post(INGEST, json=events, headers=headers)
        drained()
        return len({row["user_id"] for row in stored(engine)})

    return send


@pytest.mark.parametrize(
    ("ips", "stored_ip"),
    [
        pytest.param(("8.8.8.8:5000", "8.8.8.8:5001"), "8.8.8.8", id="ports"),
        pytest.param(("2001:4860:4860::8888", "2001:4860:4860:0:0:0:0:8888"), "2001:4860:4860::8888", id="IPv6"),
        pytest.param(("8.8.8.8", "::ffff:8.8.8.8", " 8.8.8.8"), "8.8.8.8", id="IPv4-mapped and blank"),
        pytest.param(("fe80::1%eth0", "[FE80::1%en1]:80", "fe80:0::0001"), "fe80::1", id="zones, capitals, zeros"),
    ],
)
def test_an_address_is_one_visitor_however_it_is_written(
    local: FlaskClient, engine: Engine, redis: Redis, ips: tuple[str, ...], stored_ip: str
) -> None:
    assert "warnings" not in local.post(INGEST, json=[view(ip) for ip in ips]).json
    replace(make_drain(engine, redis), geo=open_geo_database(None)).run()
    rows = stored(engine)
    assert ({str(row["ip"]) for row in rows}, len({row["user_id"] for row in rows})) == ({stored_ip}, 1)
    assert {row["country"] for row in rows} == {None if stored_ip == "fe80::1" else "US"}


def test_a_host_name_is_one_visitor_and_no_address(count: Callable[..., int], engine: Engine) -> None:
    assert count([view("client-a.example"), view("Client-A.example"), view("client-b.example")]) == 2
    assert {row["ip"] for row in stored(engine)} == {None}


def test_blanks_are_no_address_but_that_of_the_connection(
    local: FlaskClient, drained: Callable[[], Any], engine: Engine
) -> None:
    answer = local.post(INGEST, json=[view("  "), view("")])
    drained()
    assert "warnings" not in answer.json
    assert {str(row["ip"]) for row in stored(engine)} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("setting", "header", "sent", "ip"),
    [
        ("x-forwarded-for", "X-Forwarded-For", "8.8.8.8:50123", "8.8.8.8"),
        ("x-forwarded-for", "X-Forwarded-For", "unknown", None),
        ("x-forwarded-for", "Forwarded", "for=8.8.8.8", "127.0.0.1"),
        ("forwarded", "Forwarded", 'for="[2001:db8::1]:443";proto=https', "2001:db8::1"),
        ("forwarded", "Forwarded", "for=_hidden", None),
        ("forwarded", "X-Forwarded-For", "8.8.8.8", "127.0.0.1"),
    ],
)
def test_address_of_a_caller_behind_a_proxy(
    make_app: Callable[..., Flask],
    drained: Callable[[], Any],
    engine: Engine,
    setting: str,
    header: str,
    sent: str,
    ip: str | None,
) -> None:
    trusted = {"trusted_proxies": ("127.0.0.1/32",), "client_address_header": setting}
    app = make_app(anonymous_scopes=("ingest",), auto_create_sites=True, **trusted)
    app.test_client().post(INGEST, json=[{"type": "a"}], headers={header: sent})
    drained()
    [row] = stored(engine)
    assert (row["ip"] and str(row["ip"])) == ip


def test_a_visitors_day_is_that_of_the_site(
    make_app: Callable[..., Flask], drained: Callable[[], Any], engine: Engine
) -> None:
    client = make_app(anonymous_scopes=("ingest", "read"), event_retention_days=3650).test_client()
    site = make_site(engine, LA)
    events = [view(ts="2026-11-20T23:50:00Z"), view(ts="2026-11-21T00:10:00Z"), view(ts="2026-11-21T08:00:00Z")]
    assert client.post(f"{INGEST}?site={site.key}", json=events).status_code == 202
    drained()
    for day, views, users in (("2026-11-20", 2, 1), ("2026-11-21", 1, 1)):
        found = client.get(f"/api/analytics/reports/summary?site={site.key}&date={day}").json
        assert (found["page_views"], found["visitors"], found["visits"]) == (views, users, 1)
    assert len({row["user_id"] for row in stored(engine)}) == 2


@pytest.mark.parametrize(
    ("changes", "users"),
    [
        pytest.param({}, 4, id="by default a day, address and agent"),
        pytest.param({"visitor_by": "address"}, 3, id="a day, address"),
        pytest.param({"visitor_window": "month"}, 3, id="a month"),
        pytest.param({"visitor_window": "month", "visitor_by": "address"}, 2, id="a month, address"),
        pytest.param({"visitor_window": "forever"}, 2, id="for ever"),
        pytest.param({"visitor_window": "forever", "visitor_by": "address"}, 1, id="for ever, address"),
    ],
)
def test_visitors_by_the_settings_of_the_site(
    engine: Engine, redis: Redis, changes: dict[str, str], users: int
) -> None:
    """Two browsers at one address on one local day; one of them the next day, and the next month."""
    key = make_site(engine, LA).key
    with engine.begin() as connection:
        site = update_site(connection, key, **changes)
    times = ("2026-11-21T07:50:00Z", "2026-11-21T08:10:00Z", "2026-12-01T08:00:00Z")
    events = [view(ts=ts) for ts in times] + [view(ts="2026-11-21T07:55:00Z", user_agent="curl/8")]
    buffer.append(redis, make_entry(site, events), NO_LIMITS)
    make_drain(engine, redis).run()
    assert len({row["user_id"] for row in stored(engine)}) == users


def test_without_an_address_the_agent_tells_visitors_apart(engine: Engine, redis: Redis) -> None:
    with engine.begin() as connection:
        site = create_site(connection, "links")
    events = [{"type": "click", "subject": "a", "user_agent": agent} for agent in ("one", "two", "one")]
    buffer.append(redis, make_entry(site, events, ip=""), NO_LIMITS)
    make_drain(engine, redis).run()
    assert len({row["user_id"] for row in stored(engine)}) == 2


def test_events_of_a_server_are_where_it_says_and_nowhere_else(
    client: FlaskClient, engine: Engine, redis: Redis, make_key: Callable[..., str], auth: Any
) -> None:
    headers = auth(make_key("secret", ["ingest"], make_site(engine, LA)))
    told = view("2001:4860:4860::8888")
    untold = [{"type": "order", "user_id": "ann"}, {"type": "order"}]
    server = {"REMOTE_ADDR": "8.8.8.8"}
    assert client.post(INGEST, json=[told, *untold], headers=headers, environ_base=server).status_code == 202
    replace(make_drain(engine, redis), geo=open_geo_database(None)).run()
    places = {(row["ip"] and str(row["ip"]), row["country"]) for row in stored(engine)}
    assert places == {("2001:4860:4860::8888", "US"), (None, None)}


def test_clicks_of_an_address_are_one_unique_click_whatever_day_and_agent(
    local: FlaskClient, drained: Callable[[], Any]
) -> None:
    for day in range(1, 9):
        click = {"short_code": "abc", "ip_address": f"8.8.8.8:{day}", "timestamp": f"2026-11-{day:02d}T10:00:00Z"}
        local.post("/analytics/events/", json=click | {"user_agent": f"{AGENT} {day % 2}"})
    drained()
    found = local.get("/analytics/stats/abc").json
    assert (found["total_clicks"], found["unique_clicks"]) == (8, 1)
    assert local.get("/analytics/global").json["unique_visitors"] == 1
    assert found["meta"]["identity"][-1] == "keyed hash of address, for ever"


def test_a_site_for_links_may_count_by_day(engine: Engine) -> None:
    with engine.begin() as connection:
        links = create_site(connection, "links", visitor_window="day")
        other = create_site(connection, "clicks")
    assert (links.visitor_window, links.visitor_by) == ("day", "address")
    assert (other.visitor_window, other.visitor_by) == ("day", "address_and_agent")


def test_a_batch_that_waits_keeps_the_rules_of_its_acceptance(engine: Engine, redis: Redis) -> None:
    """The zone and the window change while a dead consumer holds the batch; the next one stores it as it was accepted."""
    site = make_site(engine, "UTC")
    events = [view(ts="2026-11-20T23:50:00Z"), view(ts="2026-11-21T00:10:00Z")]
    buffer.append(redis, make_entry(site, events), NO_LIMITS)
    assert len(buffer.read_new(redis, "one that dies", 10)) == 1
    with engine.begin() as connection:
        changed = update_site(connection, site.key, zone=LA, visitor_window="forever")
    assert make_drain(engine, redis).run(claim_after_s=0.0).stored == 2
    of_before = {row["user_id"] for row in stored(engine)}
    buffer.append(redis, make_entry(changed, events), NO_LIMITS)
    make_drain(engine, redis).run()
    # Stored ids stay; the later batch has one visitor.
    assert (len(of_before), len({row["user_id"] for row in stored(engine)} - of_before)) == (2, 1)


def test_a_batch_sent_again_after_a_change_is_stored_once(
    local: FlaskClient, drained: Callable[[], Any], engine: Engine, token: Any, auth: Any
) -> None:
    """Ids do not depend on the visitor key."""
    events, key = [view(event_id="a"), view()], {"Idempotency-Key": "k1"}
    local.post(INGEST, json=events, headers=key)
    drained()
    changes = {"zone": LA, "visitor_window": "forever", "visitor_by": "address"}
    answer = local.patch("/api/analytics/sites/default", json=changes, headers=auth(token("admin")))
    assert (answer.status_code, {name: answer.json[name] for name in changes}) == (200, changes)
    local.post(INGEST, json=events, headers=key)
    assert drained().duplicate == 2
    assert len(stored(engine)) == 2


def test_an_entry_of_the_release_before_has_the_day_of_utc(engine: Engine, redis: Redis) -> None:
    """It has no fields for zone, window and by."""
    site = make_site(engine, LA)
    entry = make_entry(site, [view(ts="2026-11-20T23:50:00Z"), view(ts="2026-11-21T00:10:00Z")])
    fields = msgspec.msgpack.decode(buffer.encode_entry(entry))
    names = [field.name for field in msgspec.structs.fields(entry)]
    old = buffer.decode_entry(msgspec.msgpack.encode(fields[: names.index("zone")]))
    assert old is not None
    assert (old.zone, old.visitor_window, old.visitor_by) == ("UTC", "day", "address_and_agent")
    buffer.append(redis, old, NO_LIMITS)
    make_drain(engine, redis).run()
    assert len({row["user_id"] for row in stored(engine)}) == 2


@pytest.mark.parametrize(
    ("field", "value"), [("visitor_window", "week"), ("visitor_window", ""), ("visitor_by", "agent"), ("visitor_by", 1)]
)
def test_a_rule_that_is_not_known_is_refused(
    client: FlaskClient, token: Any, auth: Any, field: str, value: Any
) -> None:
    admin = auth(token("admin"))
    assert client.post("/api/analytics/sites", json={"key": "shop"}, headers=admin).status_code == 201
    answer = client.patch("/api/analytics/sites/shop", json={field: value}, headers=admin)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(15), deadline=None
)
@given(
    st.sampled_from(["Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", LA]),
    st.lists(st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 30)), min_size=1, max_size=20),
)
def test_users_of_each_day_are_one_for_a_visitor_who_comes_every_day(
    engine: Engine, redis: Redis, zone: str, times: list[datetime]
) -> None:
    """The rollups and the keys have the same days: a day that has the visitor has one user, never two."""
    site = make_site(engine, zone)
    events = [view(ts=f"{at.isoformat()}Z") for at in times]
    buffer.append(redis, make_entry(site, events), NO_LIMITS)
    make_drain(engine, redis).run()
    days = {at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date() for at in times}
    with engine.connect() as connection:
        query = text("SELECT count(DISTINCT user_id) FROM events WHERE site_id = :id")
        assert connection.execute(query, {"id": site.id}).scalar_one() == len(days)


def test_the_command_prints_the_key_of_a_person(app: Flask, engine: Engine, redis: Redis) -> None:
    """To answer whoever asks what is stored of them."""
    site, salt = make_site(engine, LA), identity_salt(app.extensions["settings"])
    buffer.append(redis, make_entry(site, [view(ts="2026-11-21T00:10:00Z")]), NO_LIMITS)
    replace(make_drain(engine, redis), salt=salt).run()
    command = ["site", "visitor-key", site.key, "--ip", "::ffff:8.8.8.8", "--user-agent", AGENT, "--date"]
    runner = app.test_cli_runner()
    [row] = stored(engine)
    assert runner.invoke(args=[*command, "2026-11-20"]).output == f"{row['user_id']}\n"
    assert runner.invoke(args=[*command, "2026-11-21"]).output.strip() != row["user_id"]
    refused = runner.invoke(args=["site", "visitor-key", site.key, "--ip", "8.8.8"])
    assert (refused.exit_code, "192.0.2.1" in refused.output) == (2, True)
