"""Notes over HTTP and by `flask note`: days, texts, permissions, limits and the audit log."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics import clock
from analytics.reports.notes import notes
from analytics.sites.sites import Site, create_site

NOTES = "/api/analytics/notes"
NOTE = {"day": "2026-03-02", "text": "Newsletter <b>today</b> & tomorrow"}


@pytest.fixture
def call(client: FlaskClient, site: Site, token: Any, auth: Any) -> Callable[..., Any]:
    """`call("post", "", NOTE, scope="admin", status=201)`: the response's JSON."""

    def send(
        verb: str, path: str, body: Any = None, scope: str = "read write", status: int = 200, **claims: Any
    ) -> Any:
        options = {} if body is None else {"json": body}
        response = getattr(client, verb)(NOTES + path, headers=auth(token(scope, **claims)), **options)
        assert response.status_code == status, response.get_data(as_text=True)
        return response.json

    return send


@pytest.fixture
def note(call: Any) -> str:
    """The id of NOTE."""
    return str(call("post", "", NOTE, status=201)["id"])


def test_a_created_note_can_be_read_and_listed(call: Any) -> None:
    stored = call("post", "", NOTE, status=201)
    assert stored == {**stored, **NOTE, "site": "default", "owner": "tester"}
    assert call("get", f"/{stored['id']}", scope="read") == stored
    assert call("get", "", scope="read") == {"notes": [stored]}


def test_given_fields_change(call: Any, note: str) -> None:
    assert call("patch", f"/{note}", {"day": "2026-03-03"})["text"] == NOTE["text"]
    changed = call("patch", f"/{note}", {"text": "Sale"})
    assert (changed["day"], changed["text"]) == ("2026-03-03", "Sale")
    assert call("get", f"/{note}") == changed


def test_changes_are_in_the_audit_log(call: Any, note: str, sql: Any) -> None:
    call("patch", f"/{note}", {"text": "Sale"})
    call("delete", f"/{note}", status=204)
    query = "SELECT actor, action, detail->>'id', detail->'text' FROM audit_log WHERE action LIKE 'note.%' ORDER BY id"
    assert sql(query) == [
        ("tester", "note.create", note, NOTE["text"]),
        ("tester", "note.update", note, [NOTE["text"], "Sale"]),
        ("tester", "note.delete", note, "Sale"),
    ]
    for verb, body in (("get", None), ("patch", {"text": "x"}), ("delete", None)):
        call(verb, f"/{note}", body, status=404)
    call("get", f"/{uuid.uuid4()}", status=404)


PERIODS = {
    "": ["2026-02-28", "2026-03-01", "2026-03-02", "2026-03-03", "2026-12-24"],
    "date=2026-03-02": ["2026-03-02"],
    "from=2026-03-01&to=2026-03-02": ["2026-03-01", "2026-03-02"],
    "days=2": ["2026-03-01", "2026-03-02"],
    # 18:30 in UTC is 00:15 of the next day in Kathmandu.
    "from=2026-03-01T18:30:00Z&to=2026-03-02T18:00:00Z": ["2026-03-02"],
    "from=2026-03-01T18:30:00Z&to=2026-03-02T18:30:00Z": ["2026-03-02", "2026-03-03"],
    "from=2026-12-01&to=2026-12-31": ["2026-12-24"],
    "date=2026-07-01": [],
}


@pytest.mark.parametrize("query", PERIODS)
def test_the_notes_of_a_period_are_those_of_the_days_it_touches(
    call: Any, engine: Engine, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 2, 9, tzinfo=UTC))
    with engine.begin() as connection:
        create_site(connection, "there", zone="Asia/Kathmandu")
    for day in ("2026-12-24", "2026-03-02", "2026-02-28", "2026-03-03", "2026-03-01"):
        call("post", "?site=there", {"day": day, "text": "x"}, status=201)
    assert [one["day"] for one in call("get", f"?site=there&{query}")["notes"]] == PERIODS[query]


def test_notes_of_one_day_are_in_the_order_of_their_creation(call: Any) -> None:
    for text in ("b", "a", "c"):
        call("post", "", {**NOTE, "text": text}, status=201)
    assert [one["text"] for one in call("get", "")["notes"]] == ["b", "a", "c"]


@pytest.mark.parametrize("query", ["days=0", "date=x", "zone=Asia/Kathmandu&days=2", "filter=country==DE"])
def test_what_is_no_period_of_the_site_is_refused(call: Any, query: str) -> None:
    call("get", f"?{query}", status=400)


REFUSED = {
    "no day": ({"text": "x"}, "day"),
    "no text": ({"day": "2026-03-02"}, "text"),
    "no date": ({"day": "2026-02-30", "text": "x"}, "day"),
    "a time": ({"day": "2026-03-02T10:00:00Z", "text": "x"}, "day"),
    "early": ({"day": "1969-12-31", "text": "x"}, "day"),
    "late": ({"day": "3000-01-01", "text": "x"}, "day"),
    "empty": ({"day": "2026-03-02", "text": ""}, "text"),
    "long": ({"day": "2026-03-02", "text": "x" * 501}, "text"),
    "line break": ({"day": "2026-03-02", "text": "a\nb"}, "text"),
    "escape": ({"day": "2026-03-02", "text": "\x1b[31m"}, "text"),
    "NUL": ({"day": "2026-03-02", "text": "\0"}, "text"),
    "C1": ({"day": "2026-03-02", "text": "a\x85b"}, "text"),
    "separator": ({"day": "2026-03-02", "text": "a\u2028b"}, "text"),
    "outer white space": ({"day": "2026-03-02", "text": " a"}, "text"),
    "unknown": ({"day": "2026-03-02", "text": "a", "colour": "red"}, "colour"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_body_is_rejected_by_field(call: Any, name: str) -> None:
    body, field = REFUSED[name]
    assert call("post", "", body, status=422)["errors"][0]["field"] == field


def test_write_is_needed_to_change_notes(call: Any, note: str) -> None:
    call("post", "", NOTE, scope="read ingest export", status=403)
    call("patch", f"/{note}", {"text": "x"}, scope="read", status=403)
    call("delete", f"/{note}", scope="read", status=403)
    call("get", "", scope="ingest", status=403)


def test_a_token_of_another_site_has_no_access(call: Any, note: str, engine: Engine) -> None:
    with engine.begin() as connection:
        create_site(connection, "other")
    for verb, body in (("get", None), ("patch", {"text": "x"}), ("delete", None)):
        call(verb, f"/{note}", body, site="other", status=403)
    assert call("get", "?site=other") == {"notes": []}


def test_the_number_of_notes_of_a_site_is_limited(call: Any, note: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MAX_NOTES", 1)
    assert "1 notes" in call("post", "", NOTE, status=409)["detail"]


@pytest.fixture
def run(app: Flask, site: Site) -> Callable[..., Any]:
    """`run("list", "default")`: the result of the command `flask note`."""
    return lambda *words: app.test_cli_runner().invoke(args=["note", *words])


def test_a_note_is_added_listed_and_removed_in_a_shell(run: Any, call: Any) -> None:
    note_id = run("add", "default", "2026-03-02", "Sale begins").stdout.strip()
    assert call("get", f"/{note_id}")["owner"] == "cli"
    assert [line.split() for line in run("list", "default").stdout.splitlines()] == [
        ["ID", "DAY", "TEXT", "OWNER"],
        [note_id, "2026-03-02", "Sale", "begins", "cli"],
    ]
    assert run("remove", note_id).stdout == f"removed {note_id}\n"
    assert "flask note add default DATE TEXT" in run("list", "default").stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "default", "yesterday", "x"), 2, "yesterday"),
        (("add", "default", "2026-03-02", "a\x1bb"), 1, "control character"),
        (("add", "nowhere", "2026-03-02", "a"), 1, "nowhere"),
        (("remove", "0c9f0e7a-35f5-4a53-8a4e-3d5b6f1f7f10"), 1, "no note has the id"),
    ],
)
def test_a_mistake_is_told(run: Any, words: tuple[str, ...], code: int, said: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
