"""The routes of dead letters: what admins see, who sees it, and what retries and discards do to ledger and health."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.audit.run import run_audit
from analytics.ops.server_checks import check_postgres, connection_arguments
from analytics.sites.sites import Site, create_site
from config import Settings
from tasks import ingest
from tests.factories import append_events, make_drain
from tests.ingest.drain.letters import bury_batch, poisoned, run

PATH = "/api/analytics/dead-letters"
GOOD, POISON = {"type": "page_view", "path": "/", "user_id": "ann"}, {"type": "page_view", "path": "/poison"}
SECRET = {**POISON, "ip": "198.51.100.77", "payload": {"card": "4000-secret"}}
Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def mend(engine: Engine) -> Iterator[Callable[[], None]]:
    with poisoned(engine) as mend:
        yield mend


@pytest.fixture
def shop(engine: Engine) -> Site:
    with engine.begin() as connection:
        return create_site(connection, "shop")


@pytest.fixture
def dead(engine: Engine, redis: Redis, site: Site, shop: Site, mend: Callable[[], None]) -> None:
    """Letters 1 and 2 of refused events, 3 of a batch of three events, all of two sites; 4 of bytes that are none."""
    run(engine, "TRUNCATE dead_letters RESTART IDENTITY")
    append_events(redis, site, [GOOD, SECRET])
    append_events(redis, shop, [POISON])
    make_drain(engine, redis).run()
    bury_batch(engine, redis, shop, [GOOD] * 3)
    redis.xadd("analytics:ingest", {"e": b"garbage", "n": 1})
    make_drain(engine, redis).run()


@pytest.fixture
def call(client: FlaskClient, token: Any, auth: Any) -> Call:
    """`call("post", "/retry", {"all": True}, site="shop")`: the response to an admin of the site, or of all."""

    def send(method: str, path: str = "", body: Any = None, site: Any = None, **query: Any) -> Any:
        sent = {} if body is None else {"json": body}
        headers = auth(token("admin", site=site, sub="boss"))
        return client.open(PATH + path, method=method.upper(), headers=headers, query_string=query, **sent)

    return send


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.json
    return [letter["id"] for letter in response.json["dead_letters"]]


@pytest.mark.usefixtures("dead")
def test_letters_are_listed_by_reason_and_in_pages(call: Call) -> None:
    found = call("get").json
    groups = {group["reason"]: group for group in found["reasons"]}
    assert {reason: (group["letters"], group["events"], group["sites"]) for reason, group in groups.items()} == {
        "refused": (2, 2, ["default", "shop"]),
        "kills workers": (1, 3, ["shop"]),
        "unreadable": (1, 0, []),
    }
    assert groups["refused"]["first_at"] <= groups["refused"]["last_at"] <= found["dead_letters"][0]["dead_lettered_at"]
    first = call("get", limit=3)
    second = call("get", limit=3, cursor=first.json["next_cursor"])
    assert (ids(first), ids(second)) == ([4, 3, 2], [1])
    assert (second.json["reasons"], second.json["next_cursor"]) == (None, None)
    assert (ids(call("get", reason="refused")), ids(call("get", site="default"))) == ([2, 1], [1])


@pytest.mark.usefixtures("dead")
def test_an_admin_of_a_site_sees_and_changes_its_letters_only(call: Call, engine: Engine) -> None:
    def count(method: str, path: str, body: Any, name: str) -> Any:
        return call(method, path, body, site="shop").json[name]

    assert ids(call("get", site="shop")) == [3, 2]
    assert [call("get", f"/{n}", None, "shop").status_code for n in (1, 2, 4)] == [404, 200, 404]
    assert count("post", "/retry", {"ids": [1, 2, 4]}, "requested") == 1
    assert count("post", "/discard", {"ids": [1, 3, 4]}, "letters") == 1
    assert call("post", "/retry", {"all": True, "site": "default"}, "shop").status_code == 403
    assert run(engine, "SELECT id, retry_attempts_left FROM dead_letters ORDER BY id") == [(1, None), (2, 3), (4, None)]


@pytest.mark.usefixtures("dead")
def test_a_letter_shows_what_it_holds_without_addresses(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        found = call("get", "/1")
    assert found.json["items"] == [
        {"type": "page_view", "path": "/poison", "payload": {"card": "4000-secret"}, "event_id": found.json["event_id"]}
    ]
    assert (found.json["principal"], found.json["request_id"], found.json["events"]) == ("tester", "r1", 1)
    assert ("198.51.100" in found.text, "203.0.113" in found.text) == (False, False)
    assert found.headers["Cache-Control"] == "no-store"
    assert "4000-secret" not in caplog.text
    assert (call("get", "/3").json["events"], len(call("get", "/3").json["items"])) == (3, 3)
    assert (call("get", "/4").json["events"], call("get", "/4").json["items"]) == (None, [])


@pytest.mark.usefixtures("dead")
def test_a_requested_retry_is_done_by_a_worker_and_health_is_well_again(
    app: Flask, call: Call, engine: Engine, redis: Redis, settings: Settings, mend: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def newest() -> Any:
        return check_postgres(connection_arguments(settings.database_url)).dead_letter_at

    mend()
    assert call("post", "/retry", {"all": True}).json == {"requested": 4}
    assert [group["waiting"] for group in call("get").json["reasons"]] == [2, 1, 1]
    assert (newest() is None, redis.llen("ingest")) == (False, 1)
    with app.app_context(), caplog.at_level(logging.DEBUG):
        ingest.retry_dead_letters()
    assert ids(call("get")) == [4]
    assert call("post", "/discard", {"reason": "unreadable"}).json == {"letters": 1, "events": 0}
    assert (newest(), call("get").json["reasons"]) == (None, [])
    assert run(engine, "SELECT sum(received), sum(stored) FROM ingest_ledger") == [(6, 6)]
    assert run_audit(engine, redis, full=True).gaps == []
    assert ("4000-secret" in caplog.text, "198.51.100" in caplog.text) == (False, False)


@pytest.mark.usefixtures("dead")
def test_discarded_letters_are_in_the_audit_log_and_stay_dead_in_the_ledger(
    call: Call, engine: Engine, redis: Redis
) -> None:
    before = run(engine, "SELECT sum(received), sum(stored), sum(dead_lettered) FROM ingest_ledger")
    assert call("post", "/discard", {"ids": [1, 3]}).json == {"letters": 2, "events": 4}
    log = "SELECT actor, s.key, detail ->> 'letters', detail ->> 'events', detail -> 'ids', detail -> 'reasons' FROM"
    log += " audit_log JOIN sites s ON s.id = site_id WHERE action = 'dead_letters.discard' ORDER BY s.key"
    assert run(engine, log) == [
        ("boss", "default", "1", "1", [1], {"refused": 1}),
        ("boss", "shop", "1", "3", [3], {"kills workers": 1}),
    ]
    assert "4000-secret" not in str(run(engine, "SELECT detail FROM audit_log"))
    assert run(engine, "SELECT sum(received), sum(stored), sum(dead_lettered) FROM ingest_ledger") == before
    assert run_audit(engine, redis, full=True).gaps == []


@pytest.mark.usefixtures("dead")
def test_the_status_of_a_batch_follows(
    app: Flask, client: FlaskClient, call: Call, token: Any, auth: Any, mend: Callable[[], None]
) -> None:
    def state(batch_id: str) -> tuple[str, int, int]:
        found: Any = client.get(f"/api/analytics/batches/{batch_id}", headers=auth(token("ingest"))).json
        return found["state"], found["stored"], len(found["dead_letters"])

    batch_id = call("get", "/3").json["batch_id"]
    assert state(batch_id) == ("dead_lettered", 0, 1)
    call("post", "/retry", {"ids": [3]})
    with app.app_context():
        ingest.retry_dead_letters()
    assert state(batch_id) == ("stored", 3, 0)


WRONG = {
    "nothing": ({}, 'missing; accepted: one of ids, reason, all, for example {"ids": [17]}'),
    "two ways": ({"ids": [1], "all": True}, "given together with all"),
    "no letter": ({"ids": []}, "ids"),
    "an id of text": ({"ids": ["1"]}, "ids"),
    "a huge id": ({"ids": [2**63]}, "ids"),
    "an unknown reason": ({"reason": "bad"}, "unreadable"),
    "not all": ({"all": False}, "all"),
    "another field": ({"everything": True}, "everything"),
}


@pytest.mark.parametrize(("body", "text"), WRONG.values(), ids=WRONG)
@pytest.mark.usefixtures("site")
def test_a_selection_that_is_not_one_is_refused(call: Call, body: Any, text: str) -> None:
    refused = call("post", "/retry", body)
    assert (refused.status_code, refused.content_type) == (422, "application/problem+json")
    assert text in str(refused.json)
    assert call("post", "/discard", {"all": True}).status_code == 422


@pytest.mark.usefixtures("site")
def test_letters_that_do_not_exist_are_not_found(call: Call) -> None:
    for path in ("/7", "/0", f"/{2**64}"):
        refused = call("get", path)
        assert (refused.status_code, "flask dead-letters list" in refused.json["detail"]) == (404, True)
    assert call("get", cursor="x").status_code == 400
    assert call("get", reason="bad").status_code == 400
    assert call("post", "/retry", {"ids": [7]}).json == {"requested": 0}
