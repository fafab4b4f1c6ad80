"""The OpenAPI 3.1 document, built from the routes, their `@documented` descriptions and their schemas.

apidocs/views.py calls `build_document` once a process. What one route accepts and returns is described beside it; this
module holds only what many share.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema, fields
from werkzeug.routing import Rule

from analytics.apidocs.operations import BodySchema, OperationDoc
from analytics.apidocs.parameter_docs import PARAMETER_DOCS
from analytics.errors import AnalyticsError
from analytics.web.site_parameters import SITE_HEADER, SITE_NAMES

API_DESCRIPTION = """
Self-hosted event analytics. Send `Authorization: Bearer` and a JWT (`flask token create` makes one) or a secret key,
`sk_…` (`flask key create`). Its scopes say what it may do, its sites where: `ingest` sends events, `read` sees reports,
`export` takes files of raw data and lists users, `write` changes funnels, goals, segments, notes and (with `export`)
schedules, `admin` does all. A key may also be the user name of Basic authentication. Pages send events with a
publishable key, `pk_…`, in the same ways, as `?key=`, or as `key` in the body. The browser of somebody who has signed
in at `/login` sends a cookie, and with all but GET the header `X-CSRF-Token: 1`. Aggregated reports of a site with
`public_stats` need no credential; those of another are also shown to `?share=` and the token of a share link.

Every response carries `X-Request-ID`, which the logs and the audit log record, and `X-Analytics-Process-Time` in
seconds. Errors are problem details (RFC 9457); `detail` says what was wrong, what is accepted, and gives an example.

Paths work with and without a slash at the end. A parameter that an operation does not list is refused with 400. The
site may be named by `site`, `site_id`, `website_id` or `siteId`, in the query or in a body, or by the header
`X-Site-ID`; two that differ are refused. Responses over 1 KB are compressed with zstd or gzip. Reports of a period that
is over have an `ETag`; `If-None-Match` with it gets 304 until a late event changes the figures.
"""
# A path has the tag of the first pattern that matches its start; the order is that of the page.
TAGS: Mapping[str, tuple[str, str]] = {
    r"/api/analytics/(ingest|batches|events)|/sdk/": ("Events", "Send events in batches, and trace them."),
    r"/api/analytics/reports": ("Reports", "Active users, retention, daily metrics, and ad-hoc queries."),
    r"/analytics/": ("Short links", "Clicks of short links."),
    r"/(event|stats)\Z": ("Sites", "A single event of a site, and its page views."),
    r"/(events|metrics|dashboard)|/api/analytics/samples": ("Metrics", "Named events, and samples with tags."),
    r"/api/analytics/goals": ("Goals", "Goals and their conversions."),
    r"/api/analytics/(segments|notes)": ("Segments and notes", "Filters with a name, and texts on days."),
    r"/api/v1/funnels": ("Funnels", "Steps of users, and where they drop off."),
    r"/api/v1/": ("Websites", "Page views, visitors and their sources."),
    r"/api/analytics/exports": ("Exports", "Files of events and reports, written in the background."),
    r"/api/analytics/(sites|keys|tokens|me|privacy|dead-letters|storage|audit)": (
        "Administration",
        "Sites, keys, audits.",
    ),
    r"/api/analytics/openapi.json|/(livez|readyz)|.*health": ("Health", "State of the service."),
}
# Routes that are not operations of the API.
UNDOCUMENTED_ROUTES: Mapping[str, str] = {
    "/": "an HTML page",
    "/docs": "an HTML page",
    "/redoc": "an HTML page",
    "/api/analytics/docs": "an HTML page",
    "/docs/files/<path:name>": "scripts and styles of the pages",
    "/sdk/<version>/<name>": "scripts that pages load",
    "/sites/<key>": "an HTML page",
    "/sites/<key>/<page>": "an HTML page",
    "/share/<token>": "an HTML page",
    "/share/<token>/<page>": "an HTML page",
    "/public/<key>": "an HTML page",
    "/public/<key>/<page>": "an HTML page",
    "/embed/share/<token>": "an HTML page",
    "/embed/share/<token>/<page>": "an HTML page",
    "/embed/public/<key>": "an HTML page",
    "/embed/public/<key>/<page>": "an HTML page",
    "/login": "an HTML page, and its form",
    "/logout": "the end of a session in a browser",
    "/assets/<version>/<path:name>": "scripts and styles of the pages",
}
SECURITY_SCHEMES: Mapping[str, Mapping[str, str]] = {
    "bearerAuth": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A JWT, a secret key (`sk_…`), or a publishable key (`pk_…`) where `keyQuery` is accepted.",
    },
    "basicAuth": {
        "type": "http",
        "scheme": "basic",
        "description": "A key as the user name, for example `curl --user sk_…:`; the password does not count.",
    },
    "keyQuery": {
        "type": "apiKey",
        "in": "query",
        "name": "key",
        "description": "A publishable key (`pk_…`), no other. It may also be `key` in the body, beside the events.",
    },
    "shareQuery": {
        "type": "apiKey",
        "in": "query",
        "name": "share",
        "description": "The token of a share link: aggregated reports of its site.",
    },
    # As auth/sessions/sessions.py reads them.
    "sessionCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "session",
        "description": "Of somebody who has signed in at `/login`. By HTTPS its name is `__Host-session`.",
    },
    "csrfHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "`1`, beside the cookie of a session in all requests but GET.",
    },
}
# What carries the narrow kinds of callers (Kind of auth/principal.py), and what they may then do.
NARROW_SECURITY = {"publishable_key": {"keyQuery": ["ingest"]}, "share": {"shareQuery": ["read"]}}
PROBLEM_CODES = {kind.status: kind.code for kind in AnalyticsError.__subclasses__()}
HTTP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class ProblemError(Schema):
    """One problem of an event or field. `index` counts from 0 in the request as sent; null: the whole request."""

    index = fields.Integer(required=True, allow_none=True)
    field = fields.String(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemDetails(Schema):
    """RFC 9457 problem. `detail` says what is wrong and what is accepted; `errors` names events and fields."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(ProblemError))
    position = fields.Integer(metadata={"description": "Position of the error in a filter or body, from 0."})
    expected = fields.String(metadata={"description": "What is accepted at the position."})
    limit = fields.Integer(metadata={"description": "The limit."})
    state = fields.String(metadata={"description": "State of the export."})


PROBLEM_DESCRIPTIONS: Mapping[int, str] = {
    400: "A parameter or the body is invalid; `errors` names it and the reason.",
    401: "The token is missing or not valid.",
    403: "The token lacks the scope, or is for another site.",
    404: "The resource or the site does not exist.",
    410: "The site is being deleted.",
    413: "Too many events or bytes; `limit` is the maximum.",
    415: "The body is not JSON, or is compressed by something other than gzip or zstd.",
    422: "The body is JSON but not accepted; `errors` lists the reasons.",
    429: "Rate limit exceeded; retry after `Retry-After`.",
    503: "A required server is unavailable or busy; retry after `Retry-After`.",
}


def build_document(app: Flask, version: str) -> dict[str, Any]:
    """The document as plain values."""
    plugin = MarshmallowPlugin()
    spec = APISpec(
        "Analytics",
        version,
        "3.1.0",
        plugins=[plugin],
        info={"description": API_DESCRIPTION.strip(), "license": {"name": "MIT", "identifier": "MIT"}},
        servers=[{"url": "/"}],
    )
    for name, scheme in SECURITY_SCHEMES.items():
        spec.components.security_scheme(name, dict(scheme))
    spec.components.schema("ProblemDetails", schema=ProblemDetails)
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, view, doc in _operations(app):
        paths.setdefault(_path(rule), {})[method.lower()] = _operation(rule, method, view, doc, plugin)
    used = {name for operations in paths.values() for one in operations.values() for name in one["tags"]}
    for name, text in TAGS.values():
        if name in used:
            spec.tag({"name": name, "description": text})
    for path, operations in paths.items():
        spec.path(path=path, operations=operations)
    document: dict[str, Any] = _portable(spec.to_dict())
    return document


def _portable(value: Any) -> Any:
    """Patterns in ECMAScript's syntax, as JSON Schema requires: `^` and `$` for Python's `\\A` and `\\Z`."""
    if isinstance(value, list):
        return [_portable(item) for item in value]
    if not isinstance(value, dict):
        return value
    portable = {name: _portable(item) for name, item in value.items()}
    if isinstance(pattern := portable.get("pattern"), str):
        portable["pattern"] = pattern.replace(r"\A", "^").replace(r"\Z", "$")
    return portable


def find_undocumented_routes(app: Flask) -> list[str]:
    """Routes that lack `@documented` and are not listed as undocumented."""
    rules = app.url_map.iter_rules()
    return [
        rule.rule
        for rule in rules
        if rule.rule not in UNDOCUMENTED_ROUTES and not hasattr(app.view_functions[rule.endpoint], "operation_doc")
    ]


def _operations(app: Flask) -> Iterator[tuple[Rule, str, Callable[..., Any], OperationDoc]]:
    """The documented operations, ordered by tag, then by path."""
    order = [name for name, _ in TAGS.values()]
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: ([order.index(t) for t in _tags(rule)], rule.rule))
    for rule in rules:
        view = app.view_functions[rule.endpoint]
        doc = getattr(view, "operation_doc", None)
        for method in HTTP_METHODS:
            if doc is not None and method in (rule.methods or ()):
                yield rule, method, view, doc


def _operation(
    rule: Rule, method: str, view: Callable[..., Any], doc: OperationDoc, plugin: MarshmallowPlugin
) -> dict[str, Any]:
    security = _security(rule, method, view)
    found: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}{rule.rule}").strip("_"),
        "summary": doc.summary,
        "description": _description(view),
        "tags": _tags(rule),
        "security": security,
        "parameters": [*_path_parameters(rule), *_query_parameters(rule, doc, plugin), *_header_parameters(rule, doc)],
        "responses": _responses(doc, bool(security)),
    }
    if doc.body is not None:
        content = {"schema": _schema(doc.body)} | ({} if doc.body_example is None else {"example": doc.body_example})
        found["requestBody"] = {"required": True, "content": {"application/json": content}}
    return found | {"x-codeSamples": [{"lang": "Shell", "label": "curl", "source": _curl(rule, method, found, doc)}]}


def _security(rule: Rule, method: str, view: Callable[..., Any]) -> list[dict[str, list[str]]]:
    """Alternatives, each with its scopes: OpenAPI 3.1 lets a list say the roles that any kind of credential needs."""
    # One of these; a plus sign joins scopes that are needed together.
    scopes = getattr(view, "guarded_scope", "").split()
    kinds = view.admitted_kinds(rule.rule) if hasattr(view, "admitted_kinds") else ()
    found = [{name: needed.split("+")} for needed in scopes for name in ("bearerAuth", "basicAuth")]
    header: dict[str, list[str]] = {} if method == "GET" else {"csrfHeader": []}
    found += [{"sessionCookie": needed.split("+")} | header for needed in scopes]
    return found + [security for kind, security in NARROW_SECURITY.items() if kind in kinds]


def _description(view: Callable[..., Any]) -> str:
    """The view's docstring without the seed's number, which callers do not know."""
    text = re.sub(r"\ASeed \d+(, | ?: ?)", "", inspect.getdoc(view) or "")
    return text[:1].upper() + text[1:]


def _curl(rule: Rule, method: str, operation: Mapping[str, Any], doc: OperationDoc) -> str:
    """The request as a curl command."""
    given = [one for one in operation["parameters"] if "example" in one]
    path, query = _path(rule), [f"{one['name']}={one['example']}" for one in given if one["in"] == "query"]
    for one in given:
        path = path.replace(f"{{{one['name']}}}", str(one["example"]))
    lines = [f"curl -X {method} 'http://localhost:8000{path}{'?' + '&'.join(query) if query else ''}'"]
    if operation["security"]:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if doc.body_example is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(doc.body_example)}'"]
    return " \\\n  ".join(lines)


def _tags(rule: Rule) -> list[str]:
    return next(([name] for start, (name, _) in TAGS.items() if re.match(start, rule.rule)), [])


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)


def _path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    for converter, name in re.findall(r"<(?:([^:<>]+):)?([^<>]+)>", rule.rule):
        shape = {"type": "string", "format": "uuid"} if converter == "uuid" else {"type": "string", "minLength": 1}
        text, example = PARAMETER_DOCS.get("key" if name == "website_id" else name, ("", None))
        yield _parameter("path", name, text, shape, example) | {"required": True}


def _query_parameters(rule: Rule, doc: OperationDoc, plugin: MarshmallowPlugin) -> Iterator[dict[str, Any]]:
    if doc.query is None:
        return
    assert plugin.converter is not None
    named = _names_site(rule)
    # The converter also describes inherited fields that the schema leaves out.
    accepted = {field.data_key or name for name, field in doc.query().fields.items()}
    for found in plugin.converter.schema2parameters(doc.query, location="query"):
        name = found["name"]
        if name not in accepted or (named and name in SITE_NAMES):
            # Where the path has the site, the query does not.
            continue
        text, example = PARAMETER_DOCS.get(name, ("", None))
        example = example if found.get("required") else None
        shape = {key: value for key, value in found["schema"].items() if key != "metadata"}
        yield _parameter("query", name, found.get("description", text), shape, example) | {
            key: found[key] for key in ("required", "style", "explode") if found.get(key)
        }


def _names_site(rule: Rule) -> bool:
    """Whether the path names the site."""
    return bool(rule.arguments.intersection(SITE_NAMES))


def _header_parameters(rule: Rule, doc: OperationDoc) -> Iterator[dict[str, Any]]:
    takes_site = doc.query is not None and "site" in doc.query().fields and not _names_site(rule)
    site = {SITE_HEADER: "Key of the site, as the parameter `site`."} if takes_site else {}
    for name, text in {**site, **doc.headers}.items():
        yield _parameter("header", name, text, {"type": "string"}, None)


def _parameter(place: str, name: str, text: str, shape: Mapping[str, Any], example: Any) -> dict[str, Any]:
    found = {"in": place, "name": name, "description": text, "schema": dict(shape)}
    return found if example is None else found | {"example": example}


def _responses(doc: OperationDoc, is_guarded: bool) -> dict[str, Any]:
    # Every operation refuses parameters that it does not describe.
    usual = [400, *([401, 403, 404, 410, 429, 503] if is_guarded else [])]
    usual += [413, 415, 422] if doc.body is not None else []
    found = {str(status): _problem(PROBLEM_DESCRIPTIONS[status], status) for status in usual}
    found[str(doc.status)] = _response(doc)
    for status, what in doc.other_responses.items():
        if not isinstance(what, str):
            text = inspect.getdoc(what) or ""
            found[str(status)] = {"description": text, "content": {"application/json": {"schema": _schema(what)}}}
        else:
            found[str(status)] = _problem(what, status) if status >= 400 else {"description": what}
    return dict(sorted(found.items()))


def _response(doc: OperationDoc) -> dict[str, Any]:
    types = (doc.media_type,) if isinstance(doc.media_type, str) else doc.media_type
    told = inspect.getdoc(doc.response) if isinstance(doc.response, type) else None
    found: dict[str, Any] = {"description": told or doc.summary}
    if doc.status == 204:
        return found
    shown = {} if doc.response_example is None else {"example": doc.response_example}
    found["content"] = {name: ({"schema": _schema(doc.response)} if doc.response else {}) | shown for name in types}
    found["content"] |= {name: {"schema": _schema(shape)} for name, shape in doc.other_media.items()}
    return found


def _problem(text: str, status: int) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    code = PROBLEM_CODES.get(status) or title.lower().replace(" ", "_")
    example = {"type": f"about:blank#{code}", "title": title, "status": status, "code": code, "detail": text}
    found: dict[str, Any] = {"description": text}
    found["content"] = {"application/problem+json": {"schema": _schema(ProblemDetails), "example": example}}
    if status in (429, 503):
        found["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found


def _schema(shape: BodySchema) -> Any:
    return dict(shape) if isinstance(shape, Mapping) else shape
