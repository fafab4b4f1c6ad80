"""`flask segment …`."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from analytics.sites.sites import Site
from tests.reports.segments.conftest import PHONES


@pytest.fixture
def run(app: Flask, site: Site) -> Callable[..., Any]:
    """`run("list", "default")`: the command's result."""
    return lambda *words: app.test_cli_runner().invoke(args=["segment", *words])


def test_a_segment_is_created_changed_listed_and_removed(run: Any, sql: Any) -> None:
    created = run("set", "default", "Phones; all", "country==DE")
    assert created.stdout == "created Phones; all; filters name it segment:Phones\\; all\n"
    assert run("set", "default", "phones; ALL", "country==AT").stdout.startswith("changed phones; ALL;")
    assert [line.split() for line in run("list", "default").stdout.splitlines()] == [
        ["NAME", "FILTER", "OWNER"],
        ["phones;", "ALL", "country==AT", "cli"],
    ]
    assert run("remove", "default", "Phones; All").stdout == "removed phones; ALL\n"
    listed = run("list", "default")
    assert (listed.stdout, "no segments; create one: flask segment set default" in listed.stderr) == ("", True)
    actions = [action for (action,) in sql("SELECT action FROM audit_log WHERE actor = 'cli' ORDER BY id")]
    assert actions == ["segment.create", "segment.update", "segment.delete"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "default", "x", "nation==DE"), "country"),
        (("set", "default", "x", "segment:y"), "names no other segment"),
        (("set", "default", "", "country==DE"), "name"),
        (("set", "default", "a\tb", "country==DE"), "control character"),
        (("set", "nowhere", "x", "country==DE"), "nowhere"),
        (("remove", "default", "x"), "flask segment list default"),
    ],
)
def test_a_mistake_is_one_line(run: Any, words: tuple[str, ...], said: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_segment_in_use_is_not_removed(run: Any, call: Any, phones: str) -> None:
    body = {"name": "Order", "type": "order", "filter": f"segment:{PHONES['name']}"}
    call("post", "/api/analytics/goals", body, status=201)
    result = run("remove", "default", PHONES["name"])
    assert (result.exit_code, "the goal 'Order'" in result.stderr) == (1, True)
