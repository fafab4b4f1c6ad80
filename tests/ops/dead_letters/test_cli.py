"""`flask dead-letters`: list, show, retry and discard, with their exit codes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine

from analytics.audit.run import run_audit
from analytics.sites.sites import Site
from tests.factories import append_events, make_drain
from tests.ingest.drain.letters import bury_batch, poisoned, run

GOOD, POISON = {"type": "page_view", "path": "/"}, {"type": "page_view", "path": "/poison"}


@pytest.fixture(autouse=True)
def mend(engine: Engine) -> Iterator[Callable[[], None]]:
    with poisoned(engine) as mend:
        yield mend


@pytest.fixture(autouse=True)
def dead(engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]) -> None:
    """Letters 1 and 2 of refused events, and 3 of a batch of two."""
    run(engine, "TRUNCATE dead_letters RESTART IDENTITY")
    append_events(redis, site, [GOOD, POISON, POISON])
    make_drain(engine, redis).run()
    bury_batch(engine, redis, site, [GOOD, GOOD])


@pytest.fixture
def flask(app: Flask) -> Callable[..., Any]:
    """`flask("retry", "--all")`: the result of the command."""
    return lambda *args, **options: app.test_cli_runner().invoke(args=["dead-letters", *args], **options)


def test_letters_are_listed_by_reason(flask: Callable[..., Any]) -> None:
    lines = [line.split() for line in flask("list").output.splitlines()]
    assert [line[:3] for line in lines[1:3]] == [["refused", "2", "2"], ["kills", "workers", "1"]]
    assert [line[0] for line in lines[5:]] == ["3", "2", "1"]
    found = json.loads(flask("list", "--json", "--reason", "refused", "--limit", "1").output)
    assert [letter["id"] for letter in found["dead_letters"]] == [2]
    assert [(group["reason"], group["events"]) for group in found["reasons"]] == [("refused", 2)]


def test_a_letter_is_shown_as_json(flask: Callable[..., Any]) -> None:
    shown = flask("show", "1").output
    assert (json.loads(shown)["items"][0]["path"], "203.0.113" in shown) == ("/poison", False)
    unknown = flask("show", "9")
    assert (unknown.exit_code, "there is no dead letter 9" in unknown.output) == (1, True)


def test_a_retry_is_done_at_once(
    flask: Callable[..., Any], engine: Engine, redis: Redis, mend: Callable[[], None]
) -> None:
    again = flask("retry", "--reason", "refused")
    assert (again.exit_code, again.output) == (1, "2 letters retried: 0 events stored, 0 duplicate, 2 dead again\n")
    mend()
    assert flask("retry", "1").output == "1 letters retried: 1 events stored, 0 duplicate, 0 dead again\n"
    rest = flask("retry", "--all", "--site", "default")
    assert (rest.exit_code, rest.output) == (0, "2 letters retried: 3 events stored, 0 duplicate, 0 dead again\n")
    assert (flask("list").output, run_audit(engine, redis, full=True).gaps) == ("no dead letters\n", [])


def test_a_retry_of_which_a_part_dies_again_fails(
    flask: Callable[..., Any], engine: Engine, redis: Redis, site: Site
) -> None:
    bury_batch(engine, redis, site, [GOOD, POISON])
    partly = flask("retry", "4")
    assert (partly.exit_code, partly.output) == (1, "1 letters retried: 1 events stored, 0 duplicate, 1 dead again\n")


def test_a_discard_asks_first(flask: Callable[..., Any], engine: Engine) -> None:
    asked = flask("discard", "--reason", "refused", input="n\n")
    assert ("Delete 2 letters with 2 events for ever?" in asked.output, asked.exit_code) == (True, 1)
    assert run(engine, "SELECT count(*) FROM dead_letters") == [(3,)]
    assert flask("discard", "3", "--yes").output == "1 letters with 2 events discarded\n"
    assert "2 letters with 2 events discarded" in flask("discard", "--reason", "refused", input="y\n").output
    assert run(engine, "SELECT actor FROM audit_log WHERE action = 'dead_letters.discard'") == [("cli",), ("cli",)]


@pytest.mark.parametrize(
    "args", [("retry",), ("discard",), ("retry", "1", "--all"), ("discard", "1", "--reason", "refused")]
)
def test_letters_are_named_in_one_way(flask: Callable[..., Any], args: tuple[str, ...]) -> None:
    refused = flask(*args)
    assert (refused.exit_code, "name the letters in one way; accepted: IDS" in refused.output) == (2, True)


def test_an_id_of_no_letter_changes_nothing(flask: Callable[..., Any], engine: Engine) -> None:
    for command in (("retry", "1", "9"), ("discard", "1", "9", "--yes")):
        assert "there is no dead letter 9" in flask(*command).output
    assert run(engine, "SELECT count(*), max(retries) FROM dead_letters") == [(3, 0)]


def test_a_database_that_is_away_is_one_line(
    flask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, mend: Callable[[], None]
) -> None:
    def fail(*_: Any) -> None:
        raise psycopg2.OperationalError("the server closed the connection\nunexpectedly")

    mend()
    monkeypatch.setattr("analytics.store.events.copy_events", fail)
    failed = flask("retry", "--all")
    assert (failed.exit_code, len(failed.output.splitlines())) == (1, 1)
    assert "the database is unavailable (DATABASE_URL): the server closed" in failed.output
