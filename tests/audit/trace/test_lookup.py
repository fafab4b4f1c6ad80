"""Where an event is: waiting, stored, merged, dead, gone, or never seen; and who may ask."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, text

from analytics import sites, trace
from analytics.ingest import buffer
from analytics.ingest.ids import derived_event_id, derived_from, event_uuid
from analytics.rollups import guard, rows
from analytics.rollups.delta import DIMENSIONS, unpack
from analytics.rollups.merge import merge_all
from analytics.sites import Site
from analytics.store import partitions
from tests.test_audit import NOW, append, at_noon, drain, event

__all__ = ["at_noon"]
Sql = Callable[..., list[tuple[Any, ...]]]
CHOSEN = {**event(80, session_id="s"), "event_id": "order 7"}


def asked(engine: Engine, redis: Redis, event_id: str, *known: Site) -> dict[str, Any]:
    found = trace.trace(engine, redis, event_id, known)
    assert json.loads(json.dumps(found)) == found
    return found


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**42 - 1))
def test_a_derived_id_names_its_entry(milliseconds: int, sequence: int, position: int) -> None:
    entry_id = f"{milliseconds}-{sequence}"
    assert derived_from(derived_event_id(entry_id, position)) == (entry_id, position)


@pytest.mark.parametrize("event_id", ["9f0c2c6e-6b1e-4c55-8a8f-3f2f6f0a9d11", event_uuid("order 7")])
def test_other_ids_name_none(event_id: str) -> None:
    assert derived_from(event_id) is None


@pytest.mark.parametrize("name", ["chosen", "derived", "reply"])
def test_an_event_from_the_stream_to_the_rollups(
    engine: Engine, redis: Redis, site: Site, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # An entry's id holds the time of Redis, which nothing fakes; received_at must lie near it.
    at = trace.datetime.now(trace.UTC)
    monkeypatch.setattr(trace.clock, "now", lambda: at)
    entry_id = append(redis, site, [event(79), CHOSEN if name == "chosen" else event(80)], at)
    event_id = {"chosen": "order 7"}.get(name, ("event_" if name == "reply" else "") + derived_event_id(entry_id, 1))
    waiting = asked(engine, redis, event_id, site)
    assert (waiting["state"], waiting["site"], waiting["batch"]) == ("waiting", None, None)
    assert [(one["batch_id"], one["position"], one["principal"]) for one in waiting["waiting"]] == [
        (entry_id, 1, "tester")
    ]
    drain(engine, redis)
    stored = asked(engine, redis, event_id, site)
    batch = stored["batch"]
    assert (stored["state"], stored["site"], stored["event"]["user_id"]) == ("stored", "default", "user 0")
    assert (batch["batch_id"], batch["principal"], batch["request_id"]) == (entry_id, "tester", "r1")
    assert (batch["received"], batch["stored"], batch["duplicate"], batch["dead_lettered"]) == (2, 2, 0, 0)
    assert {(one["dimension"], one["state"]) for one in stored["rollups"]} == {(one, "waiting") for one in DIMENSIONS}
    merge_all(engine, 10)
    merged = {one["dimension"]: one for one in asked(engine, redis, event_id, site)["rollups"]}
    # 30 hours before 20:30 of the 27th, and 80 times 20 minutes: 17:10.
    assert (merged["hour"]["day"], merged["hour"]["value"], merged["hour"]["state"]) == ("2026-03-27", "17", "merged")
    assert (merged["city"]["value"], merged["path"]["value"]) == ("DE//Ulm", "/2")
    assert {one["state"] for one in merged.values()} == {"merged"}


def test_a_resend_waits_and_is_a_duplicate_then(engine: Engine, redis: Redis, site: Site) -> None:
    first = append(redis, site, [CHOSEN])
    drain(engine, redis)
    second = append(redis, site, [event(1), CHOSEN], NOW + timedelta(seconds=1))
    found = asked(engine, redis, "order 7", site)
    assert (found["state"], found["batch"]["batch_id"]) == ("stored", first)
    assert [one["batch_id"] for one in found["waiting"]] == [second]
    drain(engine, redis)
    found = asked(engine, redis, "order 7", site)
    assert (found["state"], found["batch"]["batch_id"], found["waiting"]) == ("stored", first, [])


def test_an_event_that_died_says_why(engine: Engine, redis: Redis, site: Site) -> None:
    entry_id = append(redis, site, [event(1), event(2, ts="infinity")])
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO dead_letters (entry_id, position, site_id, event_id, received_at, reason, detail, body)"
                " VALUES (:entry, 1, :site, :event, now(), 'refused', 'because', '')"
            ),
            {"entry": entry_id, "site": site.id, "event": derived_event_id(entry_id, 1)},
        )
    found = asked(engine, redis, derived_event_id(entry_id, 1), site)
    assert (found["state"], found["dead_letter"]) == (
        "dead_lettered", {"entry_id": entry_id, "position": 1, "reason": "refused", "detail": "because"},
    )  # fmt: skip


def test_a_whole_batch_that_died_says_why(engine: Engine, redis: Redis, site: Site) -> None:
    entry = buffer.Entry(b"no json", False, 2, site.id, site.key, int(NOW.timestamp() * 1e6), 0, "", "", "me", "r1")
    entry_id, _ = buffer.append(redis, entry, buffer.Limits(10**9, 10**12))
    drain(engine, redis)
    found = asked(engine, redis, derived_event_id(entry_id, 1), site)
    assert (found["state"], found["dead_letter"]["reason"], found["dead_letter"]["position"]) == (
        "dead_lettered", "unreadable", -1,
    )  # fmt: skip


def test_an_id_of_the_senders_is_found_in_a_whole_batch_that_died(
    engine: Engine, redis: Redis, site: Site, sql: Sql
) -> None:
    entry_id = append(redis, site, [event(1), CHOSEN])
    kept = buffer.page(redis, "-", 1)[0]
    buried = "INSERT INTO dead_letters (entry_id, position, site_id, received_at, reason, detail, body) VALUES"
    with engine.begin() as connection:
        for entry, body in (("1-0", b"no entry"), (entry_id, kept.raw)):
            given = {"entry": entry, "site": site.id, "body": body}
            connection.execute(text(f"{buried} (:entry, -1, :site, now(), 'refused', 'because', :body)"), given)
    redis.flushdb()
    found = asked(engine, redis, "order 7", site)
    assert (found["state"], found["dead_letter"]) == (
        "dead_lettered", {"entry_id": entry_id, "position": -1, "reason": "refused", "detail": "because"},
    )  # fmt: skip
    assert asked(engine, redis, "order 8", site)["state"] == "unknown"


def test_an_event_past_retention_still_has_its_batch(engine: Engine, redis: Redis, site: Site, sql: Sql) -> None:
    at = trace.datetime.now(trace.UTC)
    entry_id = append(redis, site, [event(1)], at)
    drain(engine, redis)
    sql("DELETE FROM events RETURNING 1")
    found = asked(engine, redis, derived_event_id(entry_id, 0), site)
    assert (found["state"], found["batch"]["stored"], found["rollups"]) == ("gone", 1, [])
    assert asked(engine, redis, derived_event_id(entry_id, 1), site)["state"] == "unknown"


def test_what_nobody_sent_is_unknown(engine: Engine, redis: Redis, site: Site) -> None:
    append(redis, site, [event(1)])
    for event_id in (
        str(uuid.uuid4()),
        "nothing like it",
        derived_event_id("1-0", 3),
        "ffffffff-ffff-7fff-bfff-" + "f" * 12,
    ):
        assert asked(engine, redis, event_id, site)["state"] == "unknown"


def test_what_the_guard_has_moved_is_shown_where_it_is(engine: Engine, redis: Redis, site: Site, sql: Sql) -> None:
    append(redis, site, [event(79, path="/often"), event(79, path="/often"), CHOSEN])
    drain(engine, redis)
    [(body,)] = sql("DELETE FROM rollup_deltas RETURNING body")
    with engine.begin() as connection:
        rows.add(connection, site.id, unpack(bytes(body), "UTC").counts, guard.Limits(values=1))
    feeds = {one["dimension"]: one for one in asked(engine, redis, "order 7", site)["rollups"]}
    assert (feeds["path"]["value"], feeds["path"]["state"]) == ("(other)", "merged")
    sql("DELETE FROM rollups WHERE dimension = 'path' RETURNING 1")
    assert [
        one["dimension"] for one in asked(engine, redis, "order 7", site)["rollups"] if one["state"] == "missing"
    ] == ["path"]


def test_the_look_up_goes_through_the_index_of_every_partition(engine: Engine, redis: Redis, site: Site) -> None:
    append(redis, site, [event(n) for n in range(90)])
    drain(engine, redis)
    with engine.begin() as connection:
        connection.execute(trace.BY_INDEX)
        names = list(partitions.list_partitions(connection, "events"))
        asking = text(f"EXPLAIN {trace.FIND.text}")
        plan = "\n".join(connection.execute(asking, {"sites": [site.id], "event_id": str(uuid.uuid4())}).scalars())
    assert len(names) >= 1
    assert "Seq Scan" not in plan
    assert plan.count("Index Scan using events_") == len(names)
    assert plan.count("event_id = ") == plan.count("site_id = ANY") == len(names)


def test_the_route_answers_those_who_may_read_the_site(
    client: FlaskClient, engine: Engine, redis: Redis, site: Site, token: Any, auth: Any
) -> None:
    with engine.begin() as connection:
        sites.create_site(connection, "shop")
    append(redis, site, [CHOSEN])
    drain(engine, redis)
    path = "/api/analytics/events/order%207/trace"
    found = client.get(path, headers=auth(token("read")))
    assert (found.status_code, found.json["state"], found.headers["Cache-Control"]) == (200, "stored", "no-store")
    statuses = {
        "own site": client.get(path, headers=auth(token("read", site="default"))).status_code,
        "another's token": client.get(path, headers=auth(token("read", site="shop"))).status_code,
        "another's site": client.get(path + "?site=default", headers=auth(token("read", site="shop"))).status_code,
        "scope": client.get(path, headers=auth(token("ingest"))).status_code,
        "nobody": client.get(path).status_code,
        "other site": client.get(path + "?site=shop", headers=auth(token("read"))).status_code,
    }
    assert statuses == {
        "own site": 200, "another's token": 404, "another's site": 403, "scope": 403, "nobody": 401, "other site": 404,
    }  # fmt: skip


def test_the_command_prints_what_it_knows(app: Flask, engine: Engine, redis: Redis, site: Site) -> None:
    append(redis, site, [CHOSEN])
    drain(engine, redis)
    command = app.test_cli_runner()
    for args in (["trace", "order 7"], ["trace", "order 7", "--site", "default"]):
        found = command.invoke(args=args)
        assert (found.exit_code, json.loads(found.stdout)["state"]) == (0, "stored")
    assert command.invoke(args=["trace", "nothing"]).exit_code == 1
    assert command.invoke(args=["trace", "x", "--site", "nowhere"]).exit_code == 2
