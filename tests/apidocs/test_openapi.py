"""The OpenAPI document is valid and complete, and requests and responses match it."""

import copy
import os
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
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
from analytics.apidocs.openapi import build_document, find_undocumented_routes
from analytics.auth.keys.share_links import create_link
from analytics.auth.sessions import sessions
from analytics.ingest.drain.drain import Drain
from analytics.sites.sites import Site, create_site, find_site
from analytics.web.site_parameters import SITE_NAMES
from config import Settings

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# `make fuzz` sets 500, which also runs the hundred or so cases that schemathesis derives for each operation.
FEW = 5
EXAMPLES = int(os.environ.get("API_EXAMPLES", FEW))
SITES = "/api/analytics/sites"
PERIODS = (("date",), ("days",), ("hours",), ("from", "to"), ())


def make_document() -> dict[str, Any]:
    with warnings.catch_warnings():
        # Raised for two schemas with one name.
        warnings.simplefilter("error", UserWarning)
        return build_document(create_app(Settings(environment="test")), "0")


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every response closed to undocumented fields."""
    found = copy.deepcopy(document)
    for schema in found["components"]["schemas"].values():
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return found


DOCUMENT = make_document()
CLOSED = closed(DOCUMENT)
# Endless streams cannot be called.
ENDLESS = [
    path
    for path, operations in DOCUMENT["paths"].items()
    if "text/event-stream" in operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
]
API = schemathesis.openapi.from_dict(CLOSED)
API = API.exclude(path=ENDLESS) if ENDLESS else API
# Calls go to the application, not to an address.
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
    assert find_undocumented_routes(app) == []


@each_operation
def test_every_operation_is_fully_described(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert len(operation["tags"]) == 1
    assert operation["x-codeSamples"][0]["source"].startswith(f"curl -X {method.upper()}")
    assert [one["name"] for one in operation["parameters"] if not one["description"]] == []
    assert [one["name"] for one in operation["parameters"] if one.get("required") and "example" not in one] == []
    if "requestBody" in operation:
        assert "example" in operation["requestBody"]["content"]["application/json"]


def contents(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The JSON contents of the body and the successful responses."""
    if "requestBody" in operation:
        yield operation["requestBody"]["content"]["application/json"]
    for status, response in operation["responses"].items():
        if status.startswith("2") and "application/json" in response.get("content", {}):
            yield response["content"]["application/json"]


@each_operation
def test_every_example_matches_its_schema(path: str, method: str, operation: dict[str, Any]) -> None:
    for content in contents(operation):
        schema = {**content["schema"], "components": CLOSED["components"]}
        checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        assert [error.message for error in checker.iter_errors(content["example"])] == []


@pytest.fixture
def caller(app: Flask, engine: Engine, redis: Redis, site: Site, token: Callable[..., str]) -> FlaskClient:
    """A caller with every scope, on a site with events, samples and links."""
    with engine.begin() as connection:
        create_site(connection, "links", "Links")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token('ingest read export write admin')}"
    # Examples use the sites `default` and `shop`; one of them creates the latter.
    for path, method, operation in sorted((param.values for param in OPERATIONS), key=lambda one: one[0] != SITES):
        if method == "post" and not path.startswith("/api/analytics/exports"):
            body = operation["requestBody"]["content"]["application/json"]["example"]
            client.post(path, json=body)
    Drain(engine, redis, b"s" * 32, linger_s=0.0).run()
    return client


POSTS = [path for path, operations in DOCUMENT["paths"].items() if "requestBody" in operations.get("post", {})]


def test_every_body_example_is_accepted(caller: FlaskClient) -> None:
    refused = {}
    for path in POSTS:
        content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        address = path.replace("{key}", "default")
        status = caller.post(address, json=content["example"]).status_code
        # The fixture has sent it before, and an example's funnel does not exist, nor what the path names.
        expected = 404 if "funnel_id" in str(content["example"]) or "{" in address else 409
        if status >= 300 and status != expected:
            refused[path] = status
    assert refused == {}


SCOPES = ("ingest", "read", "export", "write", "export write")


@pytest.fixture
def credentials(
    engine: Engine, caller: FlaskClient, make_key: Callable[..., str], token: Callable[..., str]
) -> dict[str, str]:
    """One credential of each kind that has less than the caller; `share` is a parameter."""
    with engine.begin() as connection:
        site, _ = find_site(engine, "default"), create_site(connection, "other", "Other")
        share, _ = create_link(connection, site.id, "", None, "me")
    return {
        "none": "",
        "pk": make_key("publishable", ["ingest"], site),
        **{f"sk {scopes}": make_key("secret", scopes.split(), site) for scopes in SCOPES},
        "share": share,
        **{f"{scope} of another site": token(scope, site="other") for scope in ("read", "export write", "admin")},
    }


def is_positive(case: schemathesis.Case) -> bool:
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
def test_every_response_is_a_described_one(
    case: schemathesis.Case, caller: FlaskClient, credentials: dict[str, str]
) -> None:
    if is_positive(case):
        keep_one_period(case)
    kind = pick_kind(case, credentials)
    # Credentials that schemathesis makes up.
    for name in ("key", "share"):
        case.query.pop(name, None)
    query = dict(case.query)
    if kind == "share":
        case.query["share"] = credentials[kind]
        call_and_check(case, caller, {})
        case.query = query
    else:
        call_and_check(case, caller, {"Authorization": f"Bearer {credentials[kind]}"} if credentials[kind] else {})
    call_and_check(case, caller, {"Authorization": caller.environ_base["HTTP_AUTHORIZATION"]})


def pick_kind(case: schemathesis.Case, credentials: Mapping[str, str]) -> str:
    """The same for the same case, and about as often each."""
    text = f"{case.operation.label} {case.path_parameters} {case.query} {case.body}"
    return list(credentials)[zlib.crc32(text.encode(errors="replace")) % len(credentials)]


def call_and_check(case: schemathesis.Case, caller: FlaskClient, headers: dict[str, str]) -> None:
    # The test client decodes no body.
    headers = {**headers, "Accept-Encoding": "identity"}
    case.call_and_validate(checks=CHECKS, headers=headers, app=caller.application)


def keep_one_period(case: schemathesis.Case) -> None:
    """Removes unknown sites and contradicting periods, which nearly every generated case has."""
    case.headers.pop("X-Site-ID", None)
    for name in SITE_NAMES:
        case.query.pop(name, None)
        if name in case.path_parameters:
            case.path_parameters[name] = "default"
    kept = PERIODS[len(str(case.query)) % len(PERIODS)]
    for name in {name for names in PERIODS for name in names}.difference(kept):
        case.query.pop(name, None)


def test_every_guarded_operation_takes_a_session_and_says_what_it_needs_besides() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert (schemes["sessionCookie"]["in"], schemes["sessionCookie"]["name"]) == ("cookie", sessions.PLAIN_COOKIE)
    assert sessions.SECURE_COOKIE in schemes["sessionCookie"]["description"]
    assert f"HTTP_{schemes['csrfHeader']['name'].upper().replace('-', '_')}" == sessions.CSRF_ENVIRON
    assert f"`{sessions.CSRF_VALUE}`" in schemes["csrfHeader"]["description"]
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            tokens = [one["bearerAuth"] for one in operation["security"] if "bearerAuth" in one]
            found = [one for one in operation["security"] if "sessionCookie" in one]
            assert [one["sessionCookie"] for one in found] == tokens, path
            assert [("csrfHeader" in one) for one in found] == [method != "get"] * len(tokens), path
