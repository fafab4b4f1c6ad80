"""No detail of a problem is, or holds, a message of a library that reads requests.

Negatives go to every operation of the OpenAPI document: each parameter, each field of the body, bodies that are no JSON,
tokens that are none. tests/contracts/library_texts.py collects the libraries' messages.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from analytics import create_app
from analytics.apidocs.openapi import build_document
from analytics.extensions import db
from analytics.sites.sites import Site, create_site
from config import Settings
from tests.contracts.library_texts import KEY, jwt_by_hand, library_patterns
from tests.examples import some

DOCUMENT = build_document(create_app(Settings(environment="test")), "0")
PATTERNS = library_patterns()
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
MAX_BODY_BYTES = 200_000
# A third of them is sent as each parameter of each operation, and of the values as each field: others to other operations
# with the same parameter. The others are sent as all of a request's parameters at once.
BAD_TEXTS = ("", "\0", "-1", "abc", "x" * 2000, "99999999999999999999")
MORE_BAD_TEXTS = ("0", "1e999", "true", "2026-02-30", "../..", "a==b==c", "😀", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34")
BAD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 10**20, 1.5, "", "\0", "abc", "x" * 70_000, [], {}, [None], ["\0"], [1] * 200),
    *({"abc": 1}, {"\0": "\0"}, {"abc": {"abc": None}}, {"x" * 100: "x" * 1000}),
)
BAD_BODIES = (
    *(b"", b"{", b"[", b"nul", b"nope", b"1 2", b"[]", b"1", b'"x"', b"null", b"[null]", b"{}", b"[{}]", b'{"a":1,}'),
    *(b'{"a" 1}', b"{1:2}", b'{"a":"\xff"}', b'{"a":"\x01"}', b'{"a":"\\q"}', b'{"a":"\\ud800"}', b'{"a":1e999}'),
    *(b'{"a":NaN}', b'{"a":' + b"9" * 5000 + b"}", b"[" * 5000, b'{"a":' * 5000, b'{"\\u0000":"\\u0000"}'),
    *(
        b'{"events":1}',
        b'{"events":[1]}',
        b'{"events":[{"type":1}],"site_id":1}',
        b'{"samples":{}}',
        b'{"sent_at":"x"}',
    ),
    b'{"a":"' + b"x" * MAX_BODY_BYTES + b'"}',
)
BAD_HEADERS: tuple[dict[str, str], ...] = (
    *({"Content-Type": kind} for kind in ("text/html", "application/xml", "multipart/form-data", "\xff")),
    *({"Content-Encoding": name} for name in ("gzip", "zstd", "br")),
    {"Content-Type": "application/json; charset=nonsense"},
    *({"X-Site-ID": key} for key in ("no such", "x" * 200)),
    {"Idempotency-Key": "x" * 300},
    {"Range": "bytes=99-1"},
    {"If-None-Match": "\xff"},
)
GOOD_CLAIMS = {"sub": "me", "exp": 2**33}
BAD_TOKENS = (
    *("x", "one.two", "a.b.c", "!.!.!", "a" * 9000, "é.é.é", jwt_by_hand({"alg": "HS256"}, GOOD_CLAIMS)),
    *(jwt_by_hand(header, GOOD_CLAIMS) for header in ({"alg": "none"}, {}, {"alg": 7}, [], {"alg": "RS256"})),
)
# Those that PyJWT reads before, or after, it checks the signature.
BAD_CLAIMS: tuple[Any, ...] = (
    *(
        {**GOOD_CLAIMS, name: value}
        for name in ("exp", "nbf", "iat", "jti", "aud", "sub")
        for value in ("x", 7, [], {})
    ),
    *({**GOOD_CLAIMS, "exp": 1}, {**GOOD_CLAIMS, "nbf": 2**33}, {**GOOD_CLAIMS, "iat": 2**33}, {"exp": 2**33}),
    *({**GOOD_CLAIMS, "type": "refresh"}, {**GOOD_CLAIMS, "scope": 1}, {**GOOD_CLAIMS, "site": ""}, [1], "x"),
)


@pytest.fixture(scope="module")
def error_app(settings: Settings, app: Flask) -> Iterator[Flask]:
    """One application for all tests here; the tokens of BAD_CLAIMS are signed with its key."""
    error_app = create_app(replace(settings, jwt_secret_key=KEY, max_body_bytes=MAX_BODY_BYTES))
    yield error_app
    with error_app.app_context():
        db.engine.dispose()


@pytest.fixture
def caller(error_app: Flask, engine: Engine, site: Site) -> FlaskClient:
    """A caller with all scopes."""
    with engine.begin() as connection:
        create_site(connection, "shop", "Shop")
    client = error_app.test_client()
    token = jwt_by_hand({"alg": "HS256"}, GOOD_CLAIMS | {"scope": "ingest read export admin"})
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


class Operation:
    """One operation, and requests to it that are right but for one thing."""

    def __init__(self, client: FlaskClient, path: str, method: str, operation: Mapping[str, Any]) -> None:
        self.client, self.path, self.method = client, path, method
        self.parameters = {
            place: [one for one in operation["parameters"] if one["in"] == place] for place in ("path", "query")
        }
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        self.schema, self.body = content.get("schema", {}), content.get("example")
        self.is_guarded = bool(operation["security"])

    def send(self, **changes: Any) -> TestResponse:
        """`query`, `path`: parameters besides the required; `body`, `data`, `headers` in place of the example's."""
        required = {one["name"]: one["example"] for one in self.parameters["query"] if one.get("required")}
        path, places = self.path, {one["name"]: one.get("example", "x") for one in self.parameters["path"]}
        for name, value in {**places, **changes.get("path", {})}.items():
            path = path.replace(f"{{{name}}}", str(value))
        query = {**required, **changes.get("query", {})}
        headers = {"Content-Type": "application/json", **changes.get("headers", {})}
        data = changes["data"] if "data" in changes else json.dumps(changes.get("body", self.body)).encode()
        return self.client.open(
            path,
            method=self.method.upper(),
            query_string={name: value for name, value in query.items() if value is not None},
            data=data if self.body is not None else None,
            headers=headers if self.body is not None else changes.get("headers", {}),
            buffered=False,
        )


def details(value: Any) -> Iterator[str]:
    """Every `detail` of an answer, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "detail" and isinstance(inner, str):
                yield inner
            yield from details(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from details(inner)


def leaks(response: TestResponse) -> list[str]:
    """The details that hold a library's message, and its message. An answer without an end is not read."""
    with response:
        if "json" not in response.mimetype or response.status_code >= 500:
            return [] if response.status_code < 500 else [f"{response.request.url[:200]} {response.status_code}"]
        found = details(json.loads(response.get_data()))
    return [leak for text in found for leak in leaks_of_text(text)]


@cache
def leaks_of_text(text: str) -> list[str]:
    """The library messages in one detail; most requests are answered with a detail that was seen before."""
    return [f"{text[:300]!r} holds {m!r}" for m, pattern in PATTERNS.items() if pattern.search(text)]


def fields_of(schema: Any, path: tuple[Any, ...] = (), depth: int = 2) -> Iterator[tuple[Any, ...]]:
    """The paths of a body's fields, down to objects in arrays."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from fields_of(choice, path, depth)
    if depth and "items" in schema:
        yield from fields_of(schema["items"], (*path, 0), depth - 1)
    for name, inner in schema.get("properties", {}).items():
        yield (*path, name)
        if depth:
            yield from fields_of(inner, (*path, name), depth - 1)


def put(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The body with the value at the path, which is made where it is not there."""
    if not path:
        return value
    name, *rest = path
    if isinstance(name, int):
        return [put(body[0] if isinstance(body, list) and body else {}, tuple(rest), value)]
    before = body if isinstance(body, dict) else {}
    return before | {name: put(before.get(name), tuple(rest), value)}


def without(body: Any, name: str) -> Any:
    return {key: value for key, value in body.items() if key != name} if isinstance(body, dict) else body


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_parameter_errors_contain_no_library_text(
    caller: FlaskClient, path: str, method: str, operation: dict[str, Any]
) -> None:
    call = Operation(caller, path, method, operation)
    found = []
    for turn, one in enumerate(call.parameters["query"], start=zlib.crc32(f"{method} {path}".encode())):
        for value in some((*BAD_TEXTS, ["a", "b"], ["\0"] * 200, None), turn):
            found += leaks(call.send(query={one["name"]: value}))
    for value in MORE_BAD_TEXTS:
        found += leaks(call.send(query={one["name"]: value for one in call.parameters["query"]}))
    for name in ("unknown", "_schema", "x" * 300, "tag.", "tag.a", "\0", "from_"):
        found += leaks(call.send(query={name: "x"}))
    for one in call.parameters["path"]:
        for value in ("%00", "no such", "%FF", "x" * 300, "%F0%9F%98%80"):
            found += leaks(call.send(path={one["name"]: value}))
    assert sorted(set(found)) == []


@pytest.mark.parametrize(("path", "method", "operation"), [one for one in OPERATIONS if "requestBody" in one.values[2]])
def test_body_errors_contain_no_library_text(
    caller: FlaskClient, path: str, method: str, operation: dict[str, Any]
) -> None:
    call = Operation(caller, path, method, operation)
    found = []
    for body in BAD_BODIES:
        found += leaks(call.send(data=body))
    for headers in BAD_HEADERS:
        found += leaks(call.send(headers=headers, data=b"not compressed"))
    found += leaks(call.send(headers={"Content-Encoding": "gzip"}, data=gzip.compress(b"{}" * 1000)[:20]))
    found += leaks(call.send(body={**call.body, "unknown": 1} if isinstance(call.body, dict) else [{"unknown": 1}]))
    for turn, field in enumerate(dict.fromkeys(fields_of(call.schema)), start=zlib.crc32(path.encode())):
        for value in some(BAD_VALUES, turn):
            found += leaks(call.send(body=put(call.body, field, value)))
    for name in call.body if isinstance(call.body, dict) else ():
        found += leaks(call.send(body=without(call.body, name)))
    assert sorted(set(found)) == []


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_token_and_method_errors_contain_no_library_text(
    caller: FlaskClient, path: str, method: str, operation: dict[str, Any]
) -> None:
    call = Operation(caller, path, method, operation)
    found = []
    # The same guard answers for all operations: each gets some of the tokens, one operation gets all.
    tokens = [*BAD_TOKENS, *(jwt_by_hand({"alg": "HS256"}, claims) for claims in BAD_CLAIMS)]
    chosen = tokens if path == "/api/analytics/sites" else tokens[:: len(tokens) // 4]
    for header in ("x", "Bearer", "Basic eDp4", "Bearer  ", *(f"Bearer {token}" for token in chosen)):
        found += leaks(call.send(headers={"Authorization": header})) if call.is_guarded else []
    for other in ("PUT", "DELETE", "PATCH", "POST", "GET", "TRACE"):
        if other.lower() not in DOCUMENT["paths"][path]:
            found += leaks(caller.open(path, method=other, buffered=False))
    for headers in BAD_HEADERS:
        found += leaks(call.send(headers=headers))
    assert sorted(set(found)) == []


@pytest.mark.parametrize("path", ["/no/such/page", "/%00", "/api/analytics/no%FFsuch", "//", "/x" * 3000])
def test_path_errors_contain_no_library_text(caller: FlaskClient, path: str) -> None:
    assert leaks(caller.get(path)) == []
