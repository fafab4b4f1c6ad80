"""Every tracked event reaches the server once, whatever it answers."""

import gc
import json
import threading
import time
from typing import Any

import pytest

from analytics_client import Rejection
from fault_server import answering, break_off, hang_up, lose_reply, only_batches_of

PROBLEM = {"field": "type", "code": "unknown_type", "detail": "no such type"}


def track_all(client: Any, count: int) -> list[str]:
    return [client.track("order", {"n": number}, f"user-{number % 7}") for number in range(count)]


def test_an_event_arrives_as_it_was_tracked(server, make_client):
    client = make_client()
    event_id = client.track(
        "order", {"total": 9.5, "name": "Köln ☕"}, "ann", session_id="s1", subject="abc", path="/x"
    )
    assert client.flush(5)
    [request] = server.requests
    assert request["path"] == "/api/analytics/ingest"
    assert request["headers"]["Authorization"] == "Bearer sk_test"
    assert request["body"]["site_id"] == "shop"
    event = server.stored[event_id]
    assert event.pop("ts").endswith("Z")
    assert event == {
        "event_id": event_id,
        "type": "order",
        "user_id": "ann",
        "payload": {"total": 9.5, "name": "Köln ☕"},
        "session_id": "s1",
        "subject": "abc",
        "path": "/x",
    }


def test_identify_is_an_event_with_traits(server, make_client):
    client = make_client()
    event_id = client.identify("ann", {"plan": "pro"})
    assert client.flush(5)
    assert server.stored[event_id]["type"] == "identify"
    assert server.stored[event_id]["payload"] == {"traits": {"plan": "pro"}}


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([answering(503)] * 3, id="503"),
        pytest.param([answering(503, Retry_After="0")], id="503 with Retry-After"),
        pytest.param([answering(429, Retry_After="0")] * 2, id="429"),
        pytest.param([answering(401)] * 2, id="401"),
        pytest.param([answering(403), answering(404), answering(410)], id="403, 404, 410"),
        pytest.param([answering(302, Location="/elsewhere")], id="redirect"),
        pytest.param([lose_reply] * 2, id="reply lost"),
        pytest.param([break_off], id="reply torn"),
        pytest.param([hang_up] * 3, id="connection closed"),
        pytest.param([lambda request: request.answer(200, b"<html>Welcome to the WLAN")], id="a page in the middle"),
        pytest.param([answering(408), answering(425), answering(500), answering(502)], id="408, 425, 500, 502"),
        pytest.param([only_batches_of(20)] * 10, id="413"),
    ],
)
def test_every_event_is_stored_after_a_fault(server, make_client, faults):
    server.faults = list(faults)
    client = make_client(flush_at=50, max_batch=100)
    ids = track_all(client, 250)
    deadline = time.monotonic() + 10
    while not client.flush(1) and time.monotonic() < deadline:
        pass
    assert set(server.stored) == set(ids)
    stats = client.stats()
    assert (stats.tracked, stats.sent, stats.waiting, stats.rejected) == (250, 250, 0, 0)


def test_nothing_is_sent_before_retry_after(server, make_client):
    server.faults = [answering(503, Retry_After="1")]
    client = make_client()
    begin = time.monotonic()
    client.track("order")
    assert not client.flush(0.5)
    assert time.monotonic() - begin < 0.5, "flush waits although the next attempt is later"
    assert client.flush(5) or client.flush(5)
    assert time.monotonic() - begin >= 1
    assert len(server.requests) == 2


def test_retry_after_of_a_year_is_bounded(server, make_client):
    server.faults = [answering(503, Retry_After="31536000")]
    client = make_client()
    client.track("order")
    client.flush(0.5)
    assert client._sender.backoff.not_before - time.monotonic() <= 300 * 1.25


def test_a_size_that_the_server_refuses_is_remembered(server, make_client):
    server.always = only_batches_of(20)
    client = make_client(flush_at=1000, max_batch=250, flush_s=60)
    ids = track_all(client, 250)
    assert client.flush(10)
    assert set(server.stored) == set(ids)
    refused = [request for request in server.requests if len(request["body"]["events"]) > 20]
    # 250, 125, 62, 31; then now and then one that is larger again.
    assert len(refused) <= 10
    assert len(server.requests) <= 35


def test_an_event_that_is_too_large_alone_is_told(server, make_client):
    told: list[Rejection] = []
    server.always = lambda request: (
        answering(413)(request) if any("big" in event["payload"] for event in request.events) else None
    )
    client = make_client(on_reject=told.append, flush_s=60)
    ids = [client.track("order", {"big" if number == 5 else "n": number}) for number in range(10)]
    assert client.flush(5)
    assert set(server.stored) == {*ids} - {ids[5]}
    assert [(rejection.event_id, rejection.code) for rejection in told] == [(ids[5], "code413")]


def test_rejected_events_of_a_batch_are_told_and_the_others_stored(server, make_client):
    told: list[Rejection] = []
    server.faults = [lambda request: request.accept([{"index": 1, **PROBLEM}, {"index": 3, **PROBLEM}])]
    client = make_client(on_reject=told.append, flush_s=60)
    ids = track_all(client, 5)
    assert client.flush(5)
    assert set(server.stored) == {ids[0], ids[2], ids[4]}
    assert [rejection.event_id for rejection in told] == [ids[1], ids[3]]
    assert told[0].event["payload"] == {"n": 1}
    assert (told[0].code, told[0].field, told[0].detail) == ("unknown_type", "type", "no such type")
    stats = client.stats()
    assert (stats.sent, stats.rejected, stats.waiting) == (3, 2, 0)


def test_a_422_with_indexes_drops_those_and_sends_the_rest(server, make_client):
    told: list[Rejection] = []
    errors = [{"index": 0, **PROBLEM}, {"index": 2, **PROBLEM}, {"index": 2, **PROBLEM}]
    server.faults = [lambda request: request.answer(422, {"code": "invalid", "errors": errors})]
    client = make_client(on_reject=told.append, flush_s=60)
    ids = track_all(client, 4)
    assert client.flush(5)
    assert set(server.stored) == {ids[1], ids[3]}
    assert [rejection.event_id for rejection in told] == [ids[0], ids[2]]
    # The places of refused events in the file are not skipped when other events get them.
    more = track_all(client, 4)
    assert client.flush(5)
    assert set(more) <= set(server.stored)


def test_a_422_of_all_events_is_final(server, make_client):
    server.always = lambda request: request.answer(
        422, {"code": "invalid", "errors": [{"index": index, **PROBLEM} for index in range(len(request.events))]}
    )
    client = make_client(flush_s=60)
    track_all(client, 3)
    assert client.flush(5)
    assert len(server.requests) == 1
    assert client.stats().rejected == 3


def test_one_event_that_makes_a_batch_unreadable_does_not_stop_the_others(server, make_client):
    told: list[Rejection] = []
    server.always = lambda request: (
        answering(400)(request) if any(event["payload"]["n"] == 7 for event in request.events) else None
    )
    client = make_client(on_reject=told.append, flush_s=60)
    ids = track_all(client, 20)
    assert client.flush(5)
    assert set(server.stored) == {*ids} - {ids[7]}
    assert [rejection.event_id for rejection in told] == [ids[7]]


def test_a_400_of_a_proxy_drops_nothing(server, make_client):
    """As of nginx, when plain HTTP is sent to a port of HTTPS."""
    server.faults = [lambda request: request.answer(400, b"<html>400 The plain HTTP request was sent to HTTPS port")]
    client = make_client(flush_s=60, held_s=0.05)
    ids = track_all(client, 5)
    client.flush(5)
    assert client.stats().rejected == 0
    assert client.flush(5)
    assert set(server.stored) == set(ids)


def test_an_event_after_a_pause_is_sent_within_flush_s(server, make_client):
    client = make_client(flush_s=0.05, adopt_s=600)
    for count in range(1, 4):
        client.track("order")
        deadline = time.monotonic() + 5
        while len(server.stored) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.1)
    assert len(server.stored) == 3


def test_an_event_synced_to_the_disk_is_sent(server, make_client):
    client = make_client(fsync=True)
    event_id = client.track("order")
    assert client.flush(5)
    assert event_id in server.stored


def test_an_on_reject_that_fails_does_not_stop_delivery(server, make_client):
    server.faults = [lambda request: request.accept([{"index": 0, **PROBLEM}])]
    client = make_client(on_reject=lambda rejection: 1 / 0, flush_s=60)
    ids = track_all(client, 3)
    assert client.flush(5)
    assert set(server.stored) == set(ids[1:])


def test_a_wrong_key_waits_for_another(server, make_client):
    server.always = lambda request: answering(401)(request) if "sk_old" in request.headers["Authorization"] else None
    client = make_client(key="sk_old", held_s=600)
    ids = track_all(client, 3)
    assert not client.flush(2)
    assert client.stats().state == "held"
    client.set_key("sk_new")
    assert client.flush(5)
    assert set(server.stored) == set(ids)
    assert client.stats().state == "sending"


def test_large_bodies_are_compressed_and_small_ones_are_not(server, make_client):
    client = make_client(flush_s=60, flush_at=1000)
    client.track("order")
    assert client.flush(5)
    track_all(client, 100)
    assert client.flush(5)
    small, large = server.requests
    assert "Content-Encoding" not in small["headers"]
    assert large["headers"]["Content-Encoding"] == "gzip"
    assert large["bytes"] < len(json.dumps(large["body"])) / 3


def test_a_proxy_that_knows_no_gzip_gets_plain_bodies(server, make_client):
    server.always = lambda request: answering(415)(request) if request.headers.get("Content-Encoding") else None
    client = make_client(flush_s=60)
    ids = track_all(client, 50)
    assert client.flush(5)
    assert set(server.stored) == set(ids)
    assert len(server.requests) == 2


def test_a_batch_waits_for_flush_at_events_or_flush_s(server, make_client):
    client = make_client(flush_at=3, flush_s=0.3)
    track_all(client, 2)
    time.sleep(0.1)
    assert not server.requests
    client.track("order")
    time.sleep(0.15)
    assert len(server.requests) == 1
    client.track("order")
    time.sleep(0.6)
    assert len(server.stored) == 4


def test_close_delivers_and_removes_the_spool(server, make_client, tmp_path):
    client = make_client(flush_s=60)
    ids = track_all(client, 10)
    assert client.close(5)
    assert set(server.stored) == set(ids)
    assert not list((tmp_path / "spool").iterdir())
    assert client.track("order") is None
    assert client.stats().dropped == {"closed": 1}


def test_the_context_manager_closes(server, make_client):
    with make_client(flush_s=60) as client:
        event_id = client.track("order")
    assert event_id in server.stored
    assert client.stats().state == "closed"


def test_a_server_that_is_away_is_no_error(make_client):
    client = make_client(url="http://127.0.0.1:9", max_backoff_s=60)
    assert track_all(client, 3)
    assert not client.flush(0.3)
    stats = client.stats()
    assert (stats.state, stats.waiting, stats.sent) == ("backing_off", 3, 0)
    assert "refused" in stats.reason


def test_a_server_that_hangs_holds_nobody_up(server, make_client):
    is_over = threading.Event()
    server.always = lambda request: is_over.wait(20) and None
    client = make_client(flush_at=1)
    track_all(client, 1)
    begin = time.monotonic()
    while not server.requests and time.monotonic() < begin + 5:
        time.sleep(0.005)
    begin = time.monotonic()
    ids = track_all(client, 100)
    assert not client.flush(0.2)
    assert not client.close(0.2)
    assert time.monotonic() - begin < 2
    server.always = None
    is_over.set()
    other = make_client()
    deadline = time.monotonic() + 10
    while not set(ids) <= set(server.stored) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(ids) <= set(server.stored), "the closed client's thread gave its file up too late, or never"
    other.close(5)


def test_disabled_clients_do_nothing(tmp_path):
    from analytics_client import Client

    client = Client("http://a.example", "sk_x", enabled=False, spool_dir=str(tmp_path / "none"))
    assert client.track("order")
    assert Client.disabled().identify("ann")
    assert client.flush(1)
    assert client.close()
    assert not (tmp_path / "none").exists()
    assert client.stats().state == "disabled"
    del client
    gc.collect()


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("ftp://a.example", "k"), {}),
        (("a.example", "k"), {}),
        (("http://a.example?x=1", "k"), {}),
        (("http://a.example", ""), {}),
        (("http://a.example", "k\nX: y"), {}),
        (("http://a.example", "k"), {"flush_at": 0}),
        (("http://a.example", "k"), {"max_spool_bytes": 1000}),
    ],
)
def test_wrong_settings_are_refused_by_name(tmp_path, arguments, options):
    from analytics_client import Client

    with pytest.raises(ValueError, match="accepted"):
        Client(*arguments, spool_dir=str(tmp_path), **options)
