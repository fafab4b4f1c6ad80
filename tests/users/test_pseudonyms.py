"""ANONYMIZE_USER_IDS and lists of users: no id that was sent is in a response, and pages stay whole as it is turned on."""

import base64
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.exports.jobs.run import run_job
from analytics.exports.jobs.runner import create_runner
from analytics.ingest.drain.drain import Drain
from analytics.privacy.pseudonym import identity_salt, make_pseudonym
from analytics.sites.sites import Site
from tests.factories import append_events

START = datetime(2026, 3, 2, tzinfo=UTC)
NAMES = [f"{name}@example.org" for name in ("ann", "bob", "cid", "dee", "eve")]
LIST, EXPORTS = "/api/analytics/reports/users", "/api/analytics/exports"


def view(name: str, minute: int) -> dict[str, Any]:
    return {"type": "page_view", "path": "/a", "user_id": name, "ts": f"2026-03-02T10:{minute:02}:00Z"}


@pytest.fixture
def anonymous(make_app: Any) -> Flask:
    """The application with the setting."""
    app: Flask = make_app(anonymize_user_ids=True)
    return app


@pytest.fixture
def client(anonymous: Flask) -> FlaskClient:
    return anonymous.test_client()


@pytest.fixture
def send(redis: Redis, engine: Engine, site: Site, anonymous: Flask) -> Callable[..., None]:
    """Stores events; `anonymize=False`: as before the setting was turned on."""

    def store(events: list[dict[str, Any]], anonymize: bool = True) -> None:
        append_events(redis, site, events)
        salt = identity_salt(anonymous.extensions["settings"])
        Drain(engine, redis, salt, linger_s=0.0, consumer=uuid.uuid4().hex, anonymize_user_ids=anonymize).run()

    return store


@pytest.fixture
def pseudonym(site: Site, anonymous: Flask) -> Callable[[str], str]:
    salt = identity_salt(anonymous.extensions["settings"])
    return lambda name: make_pseudonym(salt, site.key, name)


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any) -> Callable[..., Any]:
    """`get(LIST, user_id=…)`: the JSON of the response, of one day."""

    def read(path: str, status: int = 200, **query: Any) -> Any:
        response = client.get(path, query_string={"date": "2026-03-02", **query}, headers=auth(token("export")))
        assert response.status_code == status, response.text
        return response.json

    return read


def texts(page: dict[str, Any]) -> str:
    cursor = page["next_cursor"] or ""
    return str(page) + base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()


def is_named(text: str) -> bool:
    return "@example.org" in text


def test_no_response_names_who_was_stored_under_a_pseudonym(send: Any, get: Any, pseudonym: Any) -> None:
    send([view(name, minute) for minute, name in enumerate(NAMES)])
    page, found = get(LIST, limit=2), list[str]()
    while True:
        assert not is_named(texts(page))
        found += [user["user_id"] for user in page["users"]]
        if page["next_cursor"] is None:
            break
        page = get(LIST, limit=2, cursor=page["next_cursor"])
    assert found == [pseudonym(name) for name in reversed(NAMES)]
    events = get(f"{LIST}/timeline", user_id=found[0])
    assert [event["user_id"] for event in events["events"]] == [pseudonym(NAMES[-1])]
    assert not is_named(texts(events))


def test_a_file_of_users_has_pseudonyms(
    send: Any,
    pseudonym: Any,
    anonymous: Flask,
    client: FlaskClient,
    engine: Engine,
    redis: Redis,
    token: Any,
    auth: Any,
) -> None:
    send([view(name, minute) for minute, name in enumerate(NAMES)])
    body = {"what": "users", "date": "2026-03-02", "columns": ["user_id"]}
    job = client.post(EXPORTS, json=body, headers=auth(token("export"))).json["id"]
    with anonymous.app_context():
        run_job(create_runner(anonymous.extensions["settings"], engine, redis), job, lambda _rows: None)
    shown = client.get(f"{EXPORTS}/{job}", headers=auth(token("export")))
    file = client.get(f"{EXPORTS}/{job}/download", headers=auth(token("export"))).text
    assert shown.json["state"] == "done", shown.json
    assert not is_named(shown.text)
    assert file.split() == ["user_id", *(pseudonym(name) for name in reversed(NAMES))]


def test_an_id_that_was_sent_is_no_filter(send: Any, get: Any, pseudonym: Any) -> None:
    send([view("ann@example.org", 0)])
    problem = get(LIST, 400, filter="user_id==ann@example.org")
    assert problem["errors"][0]["code"] == "pseudonyms"
    found = get(LIST, filter=f"user_id=={pseudonym('ann@example.org')}")
    assert found["total"] == 1


@pytest.mark.parametrize("late", [False, True], ids=["later events", "late events"])
@pytest.mark.parametrize("files", [0, 1])
def test_a_list_keeps_everybody_while_ids_become_pseudonyms(
    send: Any, get: Any, pseudonym: Any, write_files: Any, site: Site, late: bool, files: int
) -> None:
    """Who comes again does so as another user, at another place of the list."""
    send([view(name, 20 + minute) for minute, name in enumerate(NAMES)], anonymize=False)
    page = get(LIST, limit=2)
    found = [user["user_id"] for user in page["users"]]
    send([view(name, (0 if late else 40) + minute) for minute, name in enumerate(NAMES)])
    write_files(site.id, START, files)
    while page["next_cursor"]:
        page = get(LIST, limit=2, cursor=page["next_cursor"])
        found += [user["user_id"] for user in page["users"]]
    pseudonyms = [pseudonym(name) for name in reversed(NAMES)]
    assert found == [*reversed(NAMES), *(pseudonyms if late else [])]
    assert page["total"] == 10


@pytest.mark.parametrize("files", [0, 1])
def test_a_timeline_keeps_every_event_while_ids_become_pseudonyms(
    send: Any, get: Any, pseudonym: Any, write_files: Any, site: Site, files: int
) -> None:
    """Asked by the id that was sent; by the pseudonym it has what is stored under that, and names nobody."""
    send([view(NAMES[0], minute) for minute in (0, 1, 2, 3)], anonymize=False)
    page = get(f"{LIST}/timeline", user_id=NAMES[0], limit=2)
    found = [event["timestamp"][14:16] for event in page["events"]]
    send([view(NAMES[0], minute) for minute in (4, 5)])
    write_files(site.id, START, files)
    while page["next_cursor"]:
        page = get(f"{LIST}/timeline", user_id=NAMES[0], limit=2, cursor=page["next_cursor"])
        found += [event["timestamp"][14:16] for event in page["events"]]
    assert found == ["00", "01", "02", "03", "04", "05"]
    by_pseudonym = get(f"{LIST}/timeline", user_id=pseudonym(NAMES[0]))
    assert [event["timestamp"][14:16] for event in by_pseudonym["events"]] == ["04", "05"]
    assert not is_named(texts(by_pseudonym))
