"""GET /api/analytics/me: who the caller is, and its sites with their first and last events."""

from datetime import datetime

import pytest
from sqlalchemy import text

from analytics.auth.keys import share_links
from analytics.privacy.retention_periods import advance_raw_since
from analytics.reports.caller.activity import FIRST_AND_LAST
from analytics.rollups.merge import merge_site
from analytics.sites import sites
from analytics.store.planner import force_index_lookups

ME = "/api/analytics/me"


def test_token_shows_its_sites_with_their_first_and_last_events(at_noon, client, site, store, engine, token, auth):
    with engine.begin() as connection:
        sites.update_site(connection, "default", zone="Europe/Berlin")
        sites.create_site(connection, "empty", "Empty")
        sites.create_site(connection, "other")
    sites.clear_site_cache(engine)
    store(
        [
            {"ts": "2026-03-01T23:40:00Z"},
            {"ts": "2026-03-05T10:00:00Z"},
            {"ts": "2026-03-18T08:15:00Z", "type": "order"},
        ]
    )
    merge_site(engine, site.id)
    me = client.get(ME, headers=auth(token("read", site=["default", "empty"], sub="ann"))).json
    assert (me["subject"], me["kind"], me["scopes"], me["all_sites"]) == ("ann", "token", ["read"], False)
    assert me["expires_at"]
    first, last = "2026-03-01T23:00:00.000Z", "2026-03-18T08:00:00.000Z"
    assert me["sites"] == [
        {"key": "default", "name": "Default", "zone": "Europe/Berlin", "first_event_at": first, "last_event_at": last},
        {"key": "empty", "name": "Empty", "zone": "UTC", "first_event_at": None, "last_event_at": None},
    ]


@pytest.mark.parametrize(
    ("raw_since", "first", "last"),
    [
        # 23:40 UTC on March 1 is 00:40 of March 2 in Berlin: hour 0 of that day.
        ("2026-03-01T23:00:00Z", "2026-03-01T23:00:00.000Z", "2026-03-18T08:00:00.000Z"),
        ("2026-03-01T23:01:00Z", "2026-03-05T10:00:00.000Z", "2026-03-18T08:00:00.000Z"),
        ("2026-03-05T10:00:00Z", "2026-03-05T10:00:00.000Z", "2026-03-18T08:00:00.000Z"),
        ("2026-03-18T00:00:00Z", "2026-03-18T08:00:00.000Z", "2026-03-18T08:00:00.000Z"),
        ("2026-03-18T08:30:00Z", None, None),
        ("2026-03-18T22:30:00Z", None, None),
        ("2026-03-19T00:00:00Z", None, None),
    ],
)
def test_events_past_retention_are_not_claimed(
    at_noon, client, site, store, engine, token, auth, raw_since, first, last
):
    with engine.begin() as connection:
        sites.update_site(connection, "default", zone="Europe/Berlin")
    store([{"ts": "2026-03-01T23:40:00Z"}, {"ts": "2026-03-05T10:00:00Z"}, {"ts": "2026-03-18T08:15:00Z"}])
    merge_site(engine, site.id)
    with engine.begin() as connection:
        advance_raw_since(connection, datetime.fromisoformat(raw_since))
    [shown] = client.get(ME, headers=auth(token("read"))).json["sites"]
    assert (shown["first_event_at"], shown["last_event_at"]) == (first, last)


def test_the_description_says_that_events_are_shown_to_the_hour(client):
    shown = client.get("/api/analytics/openapi.json").json["components"]["schemas"]["CallerSite"]["properties"]
    assert "Start of the clock hour" in shown["first_event_at"]["description"]
    assert "Start of the clock hour" in shown["last_event_at"]["description"]


def test_events_that_are_not_merged_count_when_they_were_stored(client, site, sql, token, auth):
    sql(
        "INSERT INTO rollup_deltas (site_id, zone, created_at, events, body) "
        "VALUES (1, 'UTC', '2026-03-19T12:30:00Z', 1, '') RETURNING 1"
    )
    [shown] = client.get(ME, headers=auth(token("read"))).json["sites"]
    assert shown["first_event_at"] == shown["last_event_at"] == "2026-03-19T12:30:00.000Z"


def test_token_without_read_sees_no_activity(at_noon, client, site, store, token, auth):
    store([{"ts": "2026-03-18T08:15:00Z"}])
    me = client.get(ME, headers=auth(token("ingest"))).json
    assert (me["all_sites"], me["sites"][0]["key"], me["sites"][0]["last_event_at"]) == (True, "default", None)


def test_stranger_without_read_sees_no_sites(make_app, site):
    me = make_app(anonymous_scopes=("ingest",)).test_client().get(ME).json
    assert (me["kind"], me["scopes"], me["sites"]) == ("anonymous", ["ingest"], [])


def test_every_credential_but_a_publishable_key_may_ask(client, make_app, site, engine, make_key, publishable, auth):
    with engine.begin() as connection:
        share, _ = share_links.create_link(connection, site.id, "", None, "me")
    secret = client.get(ME, headers=auth(make_key("secret", ["export"], site))).json
    assert (secret["kind"], secret["subject"].split(":")[0], secret["expires_at"]) == ("secret_key", "key", None)
    shared = client.get(f"{ME}?share={share}").json
    assert (shared["kind"], [one["key"] for one in shared["sites"]]) == ("share", ["default"])
    local = make_app(anonymous_scopes=("ingest", "read")).test_client().get(ME).json
    assert (local["kind"], local["subject"], local["scopes"]) == ("anonymous", "anonymous", ["ingest", "read"])
    assert client.get(ME).status_code == 401
    assert client.get(ME, headers=auth(publishable)).status_code == 403


def test_activity_is_read_by_index(at_noon, site, store, engine):
    store([{"ts": "2026-03-18T08:15:00Z"}])
    with engine.begin() as connection:
        force_index_lookups(connection)
        floors = {"ids": [site.id], "days": ["2026-03-01"], "hours": ["00"]}
        plan = "\n".join(connection.execute(text(f"EXPLAIN {FIRST_AND_LAST.text}"), floors).scalars())
    assert plan.count("using pk_rollups on rollups") == 5
    assert "ix_rollup_deltas_site_id_id" in plan
    assert "Seq Scan on rollups" not in plan
