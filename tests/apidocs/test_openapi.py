"""The API's description is valid, complete and true: what it allows is taken, what comes back is what it says."""

import copy
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, seed, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from redis import Redis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Engine

from analytics import create_app
from analytics.ingest.pipeline import Drain
from analytics.ops.openapi import describe, undescribed
from analytics.sites import Site, create_site
from config import Settings

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# By hand API_EXAMPLES=500, with which the hundred odd cases of each operation that schemathesis works out are tried too.
FEW = 8
EXAMPLES = int(os.environ.get("API_EXAMPLES", FEW))
SITES = "/api/analytics/sites"
PERIODS = (("date",), ("days",), ("hours",), ("from", "to"), ())


def make_document() -> dict[str, Any]:
    with warnings.catch_warnings():
        # Two schemas of one name.
        warnings.simplefilter("error", UserWarning)
        return describe(create_app(Settings(environment="test")), "0")


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """The same, where an answer with a field that nobody described is wrong."""
    found = copy.deepcopy(document)
    for schema in found["components"]["schemas"].values():
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return found


DOCUMENT = make_document()
# Answers without an end are no calls.
ENDLESS = [
    path
    for path, operations in DOCUMENT["paths"].items()
    if "text/event-stream" in operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
]
API = schemathesis.openapi.from_dict(closed(DOCUMENT))
API = API.exclude(path=ENDLESS) if ENDLESS else API
# Calls that go to an application, not to an address.
API.app = create_app(Settings(environment="test"))
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
each_operation = pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)


def test_it_is_valid_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_route_is_described_or_has_a_reason(app: Flask) -> None:
    assert undescribed(app) == []


@each_operation
def test_every_operation_is_told_in_full(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert len(operation["tags"]) == 1
    assert operation["x-codeSamples"][0]["source"].startswith(f"curl -X {method.upper()}")
    assert [one["name"] for one in operation["parameters"] if not one["description"]] == []
    assert [one["name"] for one in operation["parameters"] if one.get("required") and "example" not in one] == []
    if "requestBody" in operation:
        assert "example" in operation["requestBody"]["content"]["application/json"]


def contents(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What goes in and out as JSON, with its example."""
    if "requestBody" in operation:
        yield operation["requestBody"]["content"]["application/json"]
    for status, response in operation["responses"].items():
        if status.startswith("2") and "application/json" in response.get("content", {}):
            yield response["content"]["application/json"]


@each_operation
def test_every_example_is_what_its_schema_says(path: str, method: str, operation: dict[str, Any]) -> None:
    for content in contents(operation):
        schema = {**content["schema"], "components": closed(DOCUMENT)["components"]}
        checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        assert [error.message for error in checker.iter_errors(content["example"])] == []


@pytest.fixture
def caller(app: Flask, engine: Engine, redis: Redis, site: Site, token: Callable[..., str]) -> FlaskClient:
    """Who may do everything, on a site with some events, samples and links."""
    with engine.begin() as connection:
        create_site(connection, "links", "Links")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token('ingest read export admin')}"
    # Examples are about the sites `default` and `shop`; the latter is made by one.
    for path, method, operation in sorted((param.values for param in OPERATIONS), key=lambda one: one[0] != SITES):
        if method == "post" and not path.startswith("/api/analytics/exports"):
            body = operation["requestBody"]["content"]["application/json"]["example"]
            client.post(path, json=body)
    Drain(engine, redis, b"s" * 32, company_s=0.0).run()
    return client


POSTS = [path for path, operations in DOCUMENT["paths"].items() if "requestBody" in operations.get("post", {})]


@pytest.mark.parametrize("path", POSTS)
def test_every_example_that_is_sent_is_taken(caller: FlaskClient, path: str) -> None:
    content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    status = caller.post(path, json=content["example"]).status_code
    # The fixture has sent it before, and the funnel that an example names is not there.
    assert status < 300 or status == (404 if "funnel_id" in str(content["example"]) else 409)


def is_meant(case: schemathesis.Case) -> bool:
    return case.meta is None or case.meta.generation.mode == GenerationMode.POSITIVE


@API.parametrize()
@seed(20251124)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate] if EXAMPLES == FEW else [Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_the_answer_is_one_of_those_described(case: schemathesis.Case, caller: FlaskClient) -> None:
    if is_meant(case):
        come_to_the_point(case)
    headers = {"Authorization": caller.environ_base["HTTP_AUTHORIZATION"]}
    case.call_and_validate(checks=CHECKS, headers=headers, app=caller.application)


def come_to_the_point(case: schemathesis.Case) -> None:
    """Nearly all would be about sites that do not exist, or say several periods at once."""
    for name in ("site", "site_id", "website_id"):
        case.query.pop(name, None)
        if name in case.path_parameters:
            case.path_parameters[name] = "default"
    kept = PERIODS[len(str(case.query)) % len(PERIODS)]
    for name in {name for names in PERIODS for name in names}.difference(kept):
        case.query.pop(name, None)
