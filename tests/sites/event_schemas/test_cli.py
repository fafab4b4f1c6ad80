"""`flask site schema …`, and imports by the schemas of a site."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from redis import Redis
from sqlalchemy import Engine

from analytics.sites.event_schemas import cli, stored_events
from analytics.sites.event_schemas.event_schemas import set_schema
from analytics.sites.sites import Site
from tests.factories import append_events, make_drain

SCHEMA = {"properties": {"total": {"type": "number"}}, "required": ["total"]}
Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, site: Site) -> Run:
    """`run("show", "default")`: the result of the command."""

    def invoke(*words: str, code: int = 0, stdin: str | None = None) -> Result:
        result = app.test_cli_runner().invoke(args=["site", "schema", *words], input=stdin)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return invoke


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "order.schema.json"
    path.write_text(json.dumps(SCHEMA))
    return str(path)


@pytest.fixture
def stored(engine: Engine, redis: Redis, site: Site) -> None:
    """Three orders, two of them without a number."""
    totals: list[Any] = [1, "2", "3"]
    append_events(redis, site, [{"type": "order", "payload": {"total": total}} for total in totals])
    make_drain(engine, redis).run(duration_s=10)


def test_a_schema_is_set_shown_and_removed(run: Run, file: str) -> None:
    assert "order" in run("set", "default", "order", file).stdout
    assert json.loads(run("show", "default", "order").stdout) == SCHEMA
    assert run("show", "default").stdout.split()[-3] == "order"
    assert json.loads(run("remove", "default", "order").stdout) == SCHEMA
    assert "no schemas" in run("show", "default").stderr
    assert "has no schema" in run("remove", "default", "order", code=1).stderr


def test_what_remove_prints_can_be_set_again(run: Run, file: str) -> None:
    run("set", "default", "order", file)
    run("set", "default", "order", "-", stdin=run("remove", "default", "order").stdout)
    assert json.loads(run("show", "default", "order").stdout) == SCHEMA


def test_a_strict_site_that_does_not_list_the_type_is_pointed_out(run: Run, file: str, sql: Any) -> None:
    assert run("set", "default", "order", file).stderr == ""
    sql("UPDATE sites SET types = 'strict', event_types = '{signup}' RETURNING 1")
    assert "default is strict" in run("set", "default", "order", file).stderr


def test_a_dry_run_checks_stored_events_and_sets_nothing(run: Run, file: str, stored: None) -> None:
    output = run("set", "default", "order", file, "--dry-run").stdout
    assert output.split()[:6] == ["TYPE", "CHECKED", "REFUSED", "order", "3", "2"]
    assert "payload/total" in output
    assert '"2" is not accepted; accepted: number' in output or '"3" is not accepted; accepted: number' in output
    assert "no schemas" in run("show", "default").stderr


def test_stored_events_are_checked_by_what_is_set(run: Run, file: str, stored: None, engine: Engine) -> None:
    assert "has no schemas" in run("check", "default", code=1).stderr
    run("set", "default", "order", file)
    answer = json.loads(run("check", "default", "--json", code=1).stdout)
    assert answer["types"] == {"order": {"checked": 3, "refused": 2}}
    assert [(one["field"], one["keyword"], one["events"]) for one in answer["reasons"]] == [
        ("payload/total", "type", 2)
    ]
    assert len(answer["reasons"][0]["examples"]) == 2
    with engine.begin() as connection:
        set_schema(connection, "default", "order", b"{}")
    run("check", "default", "order")
    run("check", "default", "order", "--schema", file, code=1)
    assert "no stored events" in run("check", "default", "--from", "2020-01-01", "--to", "2020-01-02").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("set", "default", "order", "FILE", "--from", "2026-01-01"), "belong to --dry-run"),
        (("check", "default", "--schema", "FILE"), "give TYPE"),
        (
            ("check", "default", "order", "--schema", "FILE", "--from", "2026-01-02", "--to", "2026-01-01"),
            "before --from",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(run: Run, file: str, words: tuple[str, ...], message: str) -> None:
    assert message in run(*(file if word == "FILE" else word for word in words), code=2).stderr


def test_a_schema_that_is_not_accepted_is_one_line(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"properties": {"total": {"type": "nmber"}}}')
    assert run("set", "default", "order", str(bad), code=1).stderr.startswith("Error: schema/properties/total/type: ")
    assert "no site 'none'" in run("show", "none", code=1).stderr


def test_reasons_are_bounded_whatever_names_strangers_choose(
    run: Run, engine: Engine, redis: Redis, site: Site, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_events, "MAX_REASONS", 3)
    append_events(redis, site, [{"type": "order", "payload": {f"k{n}": 1}} for n in range(10)])
    make_drain(engine, redis).run(duration_s=10)
    answer = run("check", "default", "order", "--schema", "-", "--json", code=1,
                 stdin='{"properties": {"a": true}, "additionalProperties": false}')  # fmt: skip
    counts = {one["field"]: one["events"] for one in json.loads(answer.stdout)["reasons"]}
    assert len(counts) == 4
    assert counts["(other)"] == 7


def test_progress_without_a_terminal_is_lines_of_text(run: Run, file: str, stored: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(cli, "PRINT_INTERVAL_S", 0.0)
    lines = run("set", "default", "order", file, "--dry-run").stderr.splitlines()
    assert (lines[0], lines[-1]) == ("1 of 30 days, 3 events", "30 of 30 days, 3 events")


def test_imports_are_checked_too(app: Flask, run: Run, file: str, tmp_path: Path, site: Site) -> None:
    run("set", "default", "order", file)
    events = [{"type": "order", "ts": "2026-11-20T10:00:00Z", "payload": {"total": total}} for total in (1, "2")]
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(map(json.dumps, events)))
    result = app.test_cli_runner().invoke(args=["import", "ndjson", str(path), "--no-wait"])
    assert result.exit_code == 0
    assert "payload/total" in result.output
    assert "unparsable 1" in result.output
