"""Live streams and downloads are limited for each caller; others are served meanwhile."""

import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine

from analytics.auth import caller_slots
from analytics.auth.caller_slots import CallerSlots, HeldBody
from analytics.errors import TooMany
from analytics.sites.sites import Site

MakeApp = Callable[..., Flask]
LIVE, EVENTS = "/api/analytics/reports/live", "/api/analytics/reports/events"


def test_slots_are_counted_for_each_caller() -> None:
    slots = CallerSlots(2, "downloads", "DOWNLOADS_A_CALLER")
    first, _ = slots.take("a"), slots.take("a")
    slots.take("b")
    with pytest.raises(TooMany, match=r"2 downloads open in a process at a time \(DOWNLOADS_A_CALLER\)"):
        slots.take("a")
    first()
    first()
    slots.take("a")
    with pytest.raises(TooMany):
        slots.take("a")


@pytest.mark.parametrize("route", [LIVE, EVENTS])
def test_caller_with_too_many_open_streams_gets_429_and_others_do_not(
    make_app: MakeApp, engine: Engine, site: Site, store: Any, token: Any, auth: Any, route: str
) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}])
    client = make_app(live_streams_a_caller=2, downloads_a_caller=2).test_client()

    def open_stream(subject: str) -> Any:
        return client.get(route, headers=auth(token("read", sub=subject)), buffered=False)

    streams = [open_stream("me") for _ in range(2)]
    refused = open_stream("me")
    other = open_stream("somebody")
    assert [stream.status_code for stream in streams] == [200, 200]
    assert (refused.status_code, refused.headers["Retry-After"], other.status_code) == (429, "5", 200)
    streams[0].close()
    again = open_stream("me")
    assert again.status_code == 200
    for stream in (*streams, again, other):
        stream.close()


def test_body_gives_its_slot_back_when_it_is_read_closed_or_dropped() -> None:
    slots = CallerSlots(1, "downloads", "DOWNLOADS_A_CALLER")
    assert b"".join(HeldBody([b"a", b"b"], slots.take("me"))) == b"ab"
    HeldBody([b"a"], slots.take("me")).close()
    HeldBody([b"a"], slots.take("me"))
    assert slots.count("me") == 0


class Collecting(str):
    """A caller at whose look-up garbage is collected."""

    def __hash__(self) -> int:
        gc.collect()
        return super().__hash__()


def test_body_that_is_collected_while_a_slot_is_taken_gives_its_own_back() -> None:
    slots = CallerSlots(1, "downloads", "DOWNLOADS_A_CALLER")
    dropped: list[object] = [HeldBody([b"a"], slots.take("me"))]
    dropped.append(dropped)
    del dropped
    taking = threading.Thread(target=slots.take, args=(Collecting("somebody"),), daemon=True)
    taking.start()
    taking.join(5)
    assert not taking.is_alive()
    assert slots.count("me") == 0


@pytest.mark.parametrize(("route", "query", "status"), [(LIVE, "", 400), (EVENTS, "format=xlsx&date=2026-03-02", 413)])
def test_refused_request_holds_no_slot(
    make_app: MakeApp, site: Site, store: Any, token: Any, auth: Any, route: str, query: str, status: int
) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}] * 3)
    app = make_app(live_streams_a_caller=1, downloads_a_caller=1, xlsx_direct_rows=1)
    headers = auth(token("read")) | {"Last-Event-ID": "wrong"}
    for _ in range(3):
        assert app.test_client().get(f"{route}?{query}", headers=headers).status_code == status


def test_finished_download_holds_no_slot(make_app: MakeApp, site: Site, store: Any, token: Any, auth: Any) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}])
    client = make_app(downloads_a_caller=1).test_client()
    for file_format in ("csv", "xlsx", "csv"):
        assert client.get(f"{EVENTS}?format={file_format}", headers=auth(token("read"))).status_code == 200
    assert client.head(EVENTS, headers=auth(token("read"))).status_code == 200


ME = "/api/analytics/me"
ADDRESS = "203.0.113.7"


def name_of(app: Flask, header: str | None = None, address: str = ADDRESS) -> str:
    environ = {"REMOTE_ADDR": address} | ({} if header is None else {"HTTP_AUTHORIZATION": header})
    name: str = app.extensions["caller_names"].name(environ)
    return name


@pytest.mark.parametrize("header", [None, "", "Bearer junk", "bearer  junk", "Basic anVuaw==", "Bearer sk_junk", "ü"])
def test_a_caller_without_a_verified_credential_is_its_address(app: Flask, site: Site, header: str | None) -> None:
    if header:
        client = app.test_client()
        assert client.get(ME, headers={"Authorization": header}).status_code == 401
    assert name_of(app, header) == ADDRESS
    assert name_of(app, header, "2001:db8::7") == "2001:db8::/64"


def test_one_token_is_one_caller_however_it_is_spelled(make_app: MakeApp, site: Site, token: Any) -> None:
    app, text = make_app(), token("read", sub="me")
    spellings = [f"Bearer {text}", f"Bearer  {text}", f"bearer {text} ", f"BEARER {text}"]
    assert {name_of(app, spelling) for spelling in spellings} == {ADDRESS}
    for spelling in spellings:
        assert app.test_client().get(ME, headers={"Authorization": spelling}).status_code == 200
    names = {name_of(app, spelling, address) for spelling in spellings for address in (ADDRESS, "203.0.113.8")}
    assert len(names) == 1
    assert ADDRESS not in names


def test_tokens_of_two_subjects_are_two_callers(make_app: MakeApp, site: Site, token: Any) -> None:
    app = make_app()
    headers = [f"Bearer {token('read', sub=subject)}" for subject in ("me", "you")]
    for header in headers:
        app.test_client().get(ME, headers={"Authorization": header})
    assert len({name_of(app, header) for header in headers}) == 2


def test_a_publishable_key_is_its_address(app: Flask, publishable: str) -> None:
    header = f"Bearer {publishable}"
    assert app.test_client().get(ME, headers={"Authorization": header}).status_code == 403
    assert name_of(app, header) == ADDRESS


def test_remembered_headers_are_bounded(
    make_app: MakeApp, site: Site, token: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller_slots, "MAX_VERIFIED", 2)
    app = make_app()
    headers = [f"Bearer {token('read', sub=str(number))}" for number in range(3)]
    for header in headers:
        app.test_client().get(ME, headers={"Authorization": header})
    assert [name_of(app, header) == ADDRESS for header in headers] == [True, True, False]
