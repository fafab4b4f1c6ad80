"""Tokens that `make run` may use again, by the list of the service itself."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from analytics.local.tokens import SCOPES, are_listed


@pytest.fixture
def make_tokens(app: Flask) -> Callable[..., dict[str, str]]:
    """`make_tokens(days)`: those of `make run`."""

    def create(scope: str, days: int) -> str:
        command = ["token", "create", "--scope", scope, "--sub", f"local-{scope}", "--days", str(days)]
        return app.test_cli_runner().invoke(args=command).stdout.split()[0]

    return lambda days=365: {scope: create(scope, days) for scope in SCOPES}


@pytest.fixture
def listed(app: Flask, auth: Any, token: Callable[..., str]) -> Callable[[], list[dict[str, Any]]]:
    headers = auth(token("admin"))
    return lambda: app.test_client().get("/api/analytics/tokens", headers=headers).json["tokens"]


def test_tokens_of_the_last_run_are_used_again(make_tokens: Any, listed: Any) -> None:
    tokens = make_tokens()
    assert are_listed(tokens, listed())
    assert not are_listed({**tokens, "read": ""}, listed())
    assert not are_listed({"admin": tokens["admin"]}, listed())


def test_tokens_of_another_database_are_not(make_tokens: Any, listed: Any) -> None:
    make_tokens()
    assert not are_listed(make_tokens(), listed()[4:])


def test_revoked_token_is_not_used_again(app: Flask, make_tokens: Any, listed: Any) -> None:
    tokens = make_tokens()
    app.test_cli_runner().invoke(args=["token", "revoke", tokens["export"]])
    assert not are_listed(tokens, listed())


@pytest.mark.parametrize(("days", "is_usable"), [(29, False), (31, True)])
def test_token_that_soon_ends_is_not_used_again(make_tokens: Any, listed: Any, days: int, is_usable: bool) -> None:
    assert are_listed(make_tokens(days), listed()) == is_usable
