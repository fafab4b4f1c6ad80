"""Fixtures of segments: requests to the API, and one segment."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from analytics.sites.sites import Site

SEGMENTS = "/api/analytics/segments"
PHONES = {"name": "Phones in Germany", "filter": "country==DE;payload.device==phone"}


@pytest.fixture
def call(client: FlaskClient, site: Site, token: Any, auth: Any) -> Callable[..., Any]:
    """`call("post", SEGMENTS, PHONES, scope="admin", status=201)`: the response's JSON."""

    def send(
        verb: str, path: str, body: Any = None, scope: str = "read write export", status: int = 200, **claims: Any
    ) -> Any:
        options = {} if body is None else {"json": body}
        response = getattr(client, verb)(path, headers=auth(token(scope, **claims)), **options)
        assert response.status_code == status, response.get_data(as_text=True)
        return response.json

    return send


@pytest.fixture
def create(call: Any) -> Callable[..., str]:
    """`create("Phones", "country==DE")`: the id of a new segment."""
    return lambda name, filter_text: str(
        call("post", SEGMENTS, {"name": name, "filter": filter_text}, status=201)["id"]
    )


@pytest.fixture
def phones(create: Any) -> str:
    """The id of the segment PHONES."""
    return str(create(name=PHONES["name"], filter_text=PHONES["filter"]))
