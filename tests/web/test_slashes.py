"""Every path works with and without a slash at its end, for every method and without a redirect."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from analytics import create_app
from analytics.sites.sites import Site
from config import Settings

VALUES = {"uuid": "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34", "int": "17"}
RULES = list(create_app(Settings(environment="test")).url_map.iter_rules())


def holds_free_text(rule: Rule) -> bool:
    """A name that may hold slashes (`/metrics/<path:name>`) ends where the path ends: a slash there is a part of it."""
    return "<path:" in rule.rule


def path_of(rule: Rule) -> str:
    path = rule.rule
    for name in rule.arguments:
        for kind in ("", "path:", "uuid:", "int:"):
            path = path.replace(f"<{kind}{name}>", VALUES.get(kind.rstrip(":"), "x"))
    return path


@pytest.mark.parametrize("rule", [pytest.param(rule, id=f"{rule.endpoint} {rule.rule}") for rule in RULES])
def test_both_spellings_reach_the_same_view(app: Flask, rule: Rule) -> None:
    adapter, path = app.url_map.bind("localhost"), path_of(rule)
    spellings = [path] if holds_free_text(rule) else [path.rstrip("/"), path.rstrip("/") + "/"]
    # OPTIONS of a path belongs to the first of its rules.
    for method in (rule.methods or set()) - {"OPTIONS"}:
        assert [adapter.match(one, method)[0] for one in spellings] == [rule.endpoint] * len(spellings)


@pytest.mark.parametrize("path", ["/events", "/events/", "/api/analytics/ingest", "/api/analytics/ingest/"])
def test_events_are_accepted_under_both_spellings(
    client: FlaskClient, site: Site, token: Any, auth: Any, path: str
) -> None:
    body: Any = {"event_name": "a"} if path.startswith("/events") else [{"type": "a"}]
    assert client.post(path, json=body, headers=auth(token())).status_code == 202


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/redoc/", "/livez/", "/api/analytics/docs/"])
def test_pages_have_both_spellings(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200
