"""The states of a trace: waiting, stored, merged, dead-lettered, gone, unknown; and its access control."""

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

from analytics.audit.trace import lookup
from analytics.ingest import buffer
from analytics.ingest.ids import derive_event_id, normalize_event_id, parse_derived_id
from analytics.rollups import cardinality, rows
from analytics.rollups.cardinality import OTHER
from analytics.rollups.deltas.counts import DIMENSIONS, decode_delta
from analytics.rollups.merge import merge_all
from analytics.sites import sites
from analytics.sites.sites import Site
from analytics.store import partitions
from tests.audit.test_audit import NOW, append, drain, event, fixed_now

__all__ = ["fixed_now"]
Sql = Callable[..., list[tuple[Any, ...]]]
CHOSEN = {**event(80, session_id="s"), "event_id": "order 7"}


def trace(engine: Engine, redis: Redis, event_id: str, *readable: Site) -> dict[str, Any]:
    result = lookup.build_trace(engine, redis, event_id, readable)
    assert json.loads(json.dumps(result)) == result
    return result


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**42 - 1))
def test_a_derived_id_contains_its_entry(milliseconds: int, sequence: int, position: int) -> None:
    entry_id = f"{milliseconds}-{sequence}"
    assert parse_derived_id(derive_event_id(entry_id, position)) == (entry_id, position)


@pytest.mark.parametrize("event_id", ["9f0c2c6e-6b1e-4c55-8a8f-3f2f6f0a9d11", normalize_event_id("order 7")])
def test_other_ids_have_no_entry(event_id: str) -> None:
    assert parse_derived_id(event_id) is None


@pytest.mark.parametrize("name", ["chosen", "derived", "reply"])
def test_an_event_is_traced_from_the_stream_to_the_rollups(
    engine: Engine, redis: Redis, site: Site, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # The id of an entry has the real time of Redis; received_at must be close to it.
    at = lookup.datetime.now(lookup.UTC)
    monkeypatch.setattr(lookup.clock, "now", lambda: at)
    entry_id = append(redis, site, [event(79), CHOSEN if name == "chosen" else event(80)], at)
    event_id = {"chosen": "order 7"}.get(name, ("event_" if name == "reply" else "") + derive_event_id(entry_id, 1))
    waiting = trace(engine, redis, event_id, site)
    assert (waiting["state"], waiting["site"], waiting["batch"]) == ("waiting", None, None)
    assert [(entry["batch_id"], entry["position"], entry["principal"]) for entry in waiting["waiting"]] == [
        (entry_id, 1, "tester")
    ]
    drain(engine, redis)
    stored = trace(engine, redis, event_id, site)
    batch = stored["batch"]
    assert (stored["state"], stored["site"], stored["event"]["user_id"]) == ("stored", "default", "user 0")
    assert (batch["batch_id"], batch["principal"], batch["request_id"]) == (entry_id, "tester", "r1")
    assert (batch["accepted"], batch["stored"], batch["duplicate"], batch["dead_lettered"]) == (2, 2, 0, 0)
    assert {(row["dimension"], row["state"]) for row in stored["rollups"]} == {(name, "waiting") for name in DIMENSIONS}
    merge_all(engine, 10)
    merged = {row["dimension"]: row for row in trace(engine, redis, event_id, site)["rollups"]}
    # 30 hours before 20:30 of the 27th, and 80 times 20 minutes: 17:10.
    assert (merged["hour"]["day"], merged["hour"]["value"], merged["hour"]["state"]) == ("2026-03-27", "17", "merged")
    assert (merged["city"]["value"], merged["path"]["value"]) == ("DE//Ulm", "/2")
    assert {row["state"] for row in merged.values()} == {"merged"}


def test_a_repeated_event_waits_and_becomes_a_duplicate(engine: Engine, redis: Redis, site: Site) -> None:
    first = append(redis, site, [CHOSEN])
    drain(engine, redis)
    second = append(redis, site, [event(1), CHOSEN], NOW + timedelta(seconds=1))
    found = trace(engine, redis, "order 7", site)
    assert (found["state"], found["batch"]["batch_id"]) == ("stored", first)
    assert [entry["batch_id"] for entry in found["waiting"]] == [second]
    drain(engine, redis)
    found = trace(engine, redis, "order 7", site)
    assert (found["state"], found["batch"]["batch_id"], found["waiting"]) == ("stored", first, [])


def test_a_dead_lettered_event_has_its_reason(engine: Engine, redis: Redis, site: Site) -> None:
    entry_id = append(redis, site, [event(1), event(2, ts="infinity")])
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO dead_letters (entry_id, position, site_id, event_id, received_at, reason, detail, body)"
                " VALUES (:entry, 1, :site, :event, now(), 'refused', 'because', '')"
            ),
            {"entry": entry_id, "site": site.id, "event": derive_event_id(entry_id, 1)},
        )
    found = trace(engine, redis, derive_event_id(entry_id, 1), site)
    assert (found["state"], found["dead_letter"]) == (
        "dead_lettered", {"entry_id": entry_id, "position": 1, "reason": "refused", "detail": "because"},
    )  # fmt: skip


def test_a_dead_lettered_batch_has_its_reason(engine: Engine, redis: Redis, site: Site) -> None:
    entry = buffer.Entry(b"no json", False, 2, site.id, site.key, int(NOW.timestamp() * 1e6), 0, "", "", "me", "r1")
    entry_id, _ = buffer.append(redis, entry, buffer.BacklogLimits(10**9, 10**12))
    drain(engine, redis)
    found = trace(engine, redis, derive_event_id(entry_id, 1), site)
    assert (found["state"], found["dead_letter"]["reason"], found["dead_letter"]["position"]) == (
        "dead_lettered", "unreadable", -1,
    )  # fmt: skip


def test_an_id_of_the_sender_is_found_in_a_dead_lettered_batch(
    engine: Engine, redis: Redis, site: Site, sql: Sql
) -> None:
    entry_id = append(redis, site, [event(1), CHOSEN])
    kept = buffer.read_range(redis, "-", 1)[0]
    insert = "INSERT INTO dead_letters (entry_id, position, site_id, received_at, reason, detail, body) VALUES"
    with engine.begin() as connection:
        for entry, body in (("1-0", b"no entry"), (entry_id, kept.raw)):
            values = {"entry": entry, "site": site.id, "body": body}
            connection.execute(text(f"{insert} (:entry, -1, :site, now(), 'refused', 'because', :body)"), values)
    redis.flushdb()
    found = trace(engine, redis, "order 7", site)
    assert (found["state"], found["dead_letter"]) == (
        "dead_lettered", {"entry_id": entry_id, "position": -1, "reason": "refused", "detail": "because"},
    )  # fmt: skip
    assert trace(engine, redis, "order 8", site)["state"] == "unknown"


def test_an_event_past_retention_still_has_its_batch(engine: Engine, redis: Redis, site: Site, sql: Sql) -> None:
    at = lookup.datetime.now(lookup.UTC)
    entry_id = append(redis, site, [event(1)], at)
    drain(engine, redis)
    sql("DELETE FROM events RETURNING 1")
    found = trace(engine, redis, derive_event_id(entry_id, 0), site)
    assert (found["state"], found["batch"]["stored"], found["rollups"]) == ("gone", 1, [])
    assert trace(engine, redis, derive_event_id(entry_id, 1), site)["state"] == "unknown"


def test_an_event_that_was_not_sent_is_unknown(engine: Engine, redis: Redis, site: Site) -> None:
    append(redis, site, [event(1)])
    for event_id in (
        str(uuid.uuid4()),
        "nothing like it",
        derive_event_id("1-0", 3),
        "ffffffff-ffff-7fff-bfff-" + "f" * 12,
    ):
        assert trace(engine, redis, event_id, site)["state"] == "unknown"


def test_a_value_beyond_the_cardinality_limit_is_shown_under_other(
    engine: Engine, redis: Redis, site: Site, sql: Sql
) -> None:
    append(redis, site, [event(79, path="/often"), event(79, path="/often"), CHOSEN])
    drain(engine, redis)
    [(body,)] = sql("DELETE FROM rollup_deltas RETURNING body")
    with engine.begin() as connection:
        rows.add(connection, site.id, decode_delta(bytes(body), "UTC").counts, cardinality.CardinalityLimits(values=1))
    feeds = {row["dimension"]: row for row in trace(engine, redis, "order 7", site)["rollups"]}
    assert (feeds["path"]["value"], feeds["path"]["state"]) == (OTHER, "merged")
    sql("DELETE FROM rollups WHERE dimension = 'path' RETURNING 1")
    assert [
        row["dimension"] for row in trace(engine, redis, "order 7", site)["rollups"] if row["state"] == "missing"
    ] == ["path"]


def test_the_lookup_uses_the_index_of_every_partition(engine: Engine, redis: Redis, site: Site) -> None:
    append(redis, site, [event(n) for n in range(90)])
    drain(engine, redis)
    with engine.begin() as connection:
        lookup.force_index_scans(connection)
        names = list(partitions.list_partitions(connection, "events"))
        explain = text(f"EXPLAIN {lookup.FIND_EVENT.text}")
        plan = "\n".join(connection.execute(explain, {"sites": [site.id], "event_id": str(uuid.uuid4())}).scalars())
    assert len(names) >= 1
    assert "Seq Scan" not in plan
    assert plan.count("Index Scan using events_") == len(names)
    assert plan.count("event_id = ") == plan.count("site_id = ANY") == len(names)


def test_the_route_answers_readers_of_the_site(
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
        "no token": client.get(path).status_code,
        "other site": client.get(path + "?site=shop", headers=auth(token("read"))).status_code,
    }
    assert statuses == {
        "own site": 200, "another's token": 404, "another's site": 403, "scope": 403, "no token": 401, "other site": 404,
    }  # fmt: skip


def test_the_command_prints_the_trace(app: Flask, engine: Engine, redis: Redis, site: Site) -> None:
    append(redis, site, [CHOSEN])
    drain(engine, redis)
    command = app.test_cli_runner()
    for args in (["trace", "order 7"], ["trace", "order 7", "--site", "default"]):
        found = command.invoke(args=args)
        assert (found.exit_code, json.loads(found.stdout)["state"]) == (0, "stored")
    assert command.invoke(args=["trace", "nothing"]).exit_code == 1
    assert command.invoke(args=["trace", "x", "--site", "nowhere"]).exit_code == 2
