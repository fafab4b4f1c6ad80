"""The API's description, OpenAPI 3.1: made of the routes, their notes, and the schemas that requests are checked by.

`describe` is called once a process by ops/docs_views.py. What a route takes and answers is said beside it
(`@documented`); here is only what many of them share.
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

from analytics.documented import Note, Shape
from analytics.errors import AnalyticsError

ABOUT = """
Self-hosted event analytics. Send `Authorization: Bearer <JWT>` (`flask token create` makes one); its `scope` says what
it may do, its `site` for which sites. Statistics of a site that has `public_stats` need no token.

Every answer carries `X-Request-ID`, which logs and the audit trail know, and `X-Analytics-Process-Time` in seconds.
Errors are problem details (RFC 9457) whose `detail` says what to change.
"""
# The first pattern that a path begins with; the tags in the order of the page.
TAGS: Mapping[str, tuple[str, str]] = {
    r"/api/analytics/(ingest|batches|events)": ("Events", "Send events in batches, and see what became of them."),
    r"/api/analytics/reports": ("Reports", "People, retention, daily figures, and any question."),
    r"/analytics/": ("Short links", "Clicks of short links."),
    r"/(event|stats)\Z": ("Sites", "One event of a site, and its page views."),
    r"/(events|metrics|dashboard)|/api/analytics/samples": ("Metrics", "Named events, and numbers with tags."),
    r"/api/analytics/goals": ("Goals", "What people are to reach, and who does."),
    r"/api/v1/funnels": ("Funnels", "Steps that people take, and where they leave."),
    r"/api/v1/": ("Websites", "Page views, visitors, and where they come from."),
    r"/api/analytics/exports": ("Exports", "Files of events and reports, made in the background."),
    r"/api/analytics/(sites|keys|privacy)": ("Administration", "Sites and what they may."),
    r"/api/analytics/openapi.json|/(livez|readyz)|.*health": ("Health", "Is the service able to work."),
}
# Routes that are no operations of the API.
UNDESCRIBED: Mapping[str, str] = {
    "/docs": "a page for people",
    "/redoc": "a page for people",
    "/api/analytics/docs": "a page for people",
    "/docs/files/<path:name>": "scripts and styles of those pages",
}
SITE = "Key of the site; without it the token's own, else `default`."
PERIOD = "The period is one of `date`, `days`, `hours`, or `from` and `to`; days are those of the site's zone."
# What a parameter means wherever it appears; an example where one must be given. Optional ones have none: pages fill in
# all examples at once, and a period is said in one way only.
PARAMETERS: Mapping[str, tuple[str, Any]] = {
    "site": (SITE, None),
    "site_id": ("Another name of `site`.", None),
    "website_id": ("Another name of `site`.", None),
    "zone": ("IANA time zone of the answer's days; the site's own without it.", None),
    "timezone": ("Another name of `zone`.", None),
    "date": (f"One calendar day, as 2025-11-14. {PERIOD}", None),
    "days": ("So many days, today the last of them.", None),
    "hours": ("So many hours, up to now.", None),
    "from": ("Begin: a day, or an instant with a zone.", None),
    "to": ("End, not included: a day, or an instant with a zone; now without it.", None),
    "include_bots": ("Count programs too.", None),
    "limit": ("Lines of each list; TOP_RESULTS_LIMIT without it.", None),
    "cursor": ("`next_cursor` of the page before.", None),
    "type": ("Only events of this type; may be repeated.", None),
    "user_id": ("Only events of this person.", None),
    "filter": ("Conditions on dimensions and payload, as `country==DE;path=^/blog`.", None),
    "dimension": ("What the lines are of.", "path"),
    "breakdown": ("A dimension: figures by what the first step's event says of it.", None),
    "compare": ("`previous`: beside the time right before, as long.", None),
    "granularity": ("What a point of the series stands for.", None),
    "window": ("`trailing`: the days that end with the date; `calendar`: the week or month around it.", None),
    "unit": ("What a cohort is the people of.", None),
    "format": ("Of the file; `csv` without it.", None),
    "name": ("Name; where it is a filter it may be repeated.", "response_time"),
    "event_name": ("Only events of this name.", None),
    "tag": ("Only samples with these tags, as `tag.<name>=<value>`.", None),
    "group_by": ("A tag: figures by each of its values.", None),
    "event": ("Only events of this type.", None),
    "property": ("Of the payload: the events by its values.", None),
    "path": ("A page, or a pattern of pages, that reaches the goal.", None),
    "goal_filter": ("Only what this says of it reaches the goal, in the language of `filter`.", None),
    "amount": ("What it is worth each time, in place of a property.", None),
    "currency": ("Of the amount or the property.", None),
    "currency_property": ("Of the payload: the currency.", None),
    "units": ("How many units after the period.", None),
    "from_page": ("Where the journeys begin.", None),
    "to_page": ("Where the journeys end.", None),
    "from_event": ("With what the journeys begin.", None),
    "to_event": ("With what the journeys end.", None),
    "steps": ("Of a journey, at most.", None),
    "exposure_type": ("Events of this type say who saw which variant.", "experiment_seen"),
    "variant": ("Of the payload: the variant.", "payload.variant"),
    "goal": ("Id of a goal, a path that begins with `/`, or a type of events.", "signup"),
    "control": ("The variant that the others are compared with.", "control"),
    "weight": ("Which share of people a variant was meant for, as `control:0.5`; repeated.", None),
    "expires": ("Of a link that was given for the export.", None),
    "signature": ("Of a link that was given for the export.", None),
    "short_code": ("The code of a short link.", "abc123"),
    "batch_id": ("As the answer to the batch told.", "1764000000000-0"),
    "event_id": ("As the answer to the event told, or as the caller sent it.", "0193a2f0-7c1e-7000-8000-000000000000"),
    "key": ("Key of the site.", "shop"),
    "job_id": ("Id of the export.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "goal_id": ("Id of the goal.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "funnel_id": ("Id of the funnel.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "schedule_id": ("Id of the schedule.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
}
CODES = {kind.status: kind.code for kind in AnalyticsError.__subclasses__()}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class ProblemError(Schema):
    """One thing wrong with one event or field. `index` counts from 0 in the request as sent; null: the request."""

    index = fields.Integer(required=True, allow_none=True)
    field = fields.String(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemDetails(Schema):
    """RFC 9457. `detail` says what to change; `errors` names events and fields."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(ProblemError))
    position = fields.Integer(metadata={"description": "Where in a filter or a body reading ended, from 0."})
    expected = fields.String(metadata={"description": "What could stand there."})
    limit = fields.Integer(metadata={"description": "How many may be."})
    state = fields.String(metadata={"description": "Of the export."})


PROBLEMS: Mapping[int, str] = {
    400: "A parameter or the body cannot be read; `errors` says which, and why.",
    401: "A token is needed, or the one sent is not valid.",
    403: "The token lacks the scope, or is not for the site.",
    404: "There is no such thing, or no such site.",
    413: "Too many events, or too many bytes; `limit` says how many may be.",
    415: "The body must be JSON, plain or compressed by gzip or zstd.",
    422: "The body is JSON, and nothing of it can be accepted; `errors` says why, one by one.",
    429: "You have asked for, or sent, more than a caller may a minute; try again after `Retry-After`.",
    503: "Something the request needs is away, or busy; try again after `Retry-After`.",
}


def describe(app: Flask, version: str) -> dict[str, Any]:
    """The document, as plain values."""
    plugin = MarshmallowPlugin()
    spec = APISpec(
        "Analytics",
        version,
        "3.1.0",
        plugins=[plugin],
        info={"description": ABOUT.strip(), "license": {"name": "MIT", "identifier": "MIT"}},
        servers=[{"url": "/"}],
    )
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    spec.components.schema("ProblemDetails", schema=ProblemDetails)
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, view, note in _operations(app):
        paths.setdefault(_path(rule), {})[method.lower()] = _operation(rule, method, view, note, plugin)
    used = {name for operations in paths.values() for one in operations.values() for name in one["tags"]}
    for name, text in TAGS.values():
        if name in used:
            spec.tag({"name": name, "description": text})
    for path, operations in paths.items():
        spec.path(path=path, operations=operations)
    document: dict[str, Any] = _portable(spec.to_dict())
    return document


def _portable(value: Any) -> Any:
    """Patterns as JSON Schema has them: Python's names of the text's two ends are not ECMAScript's."""
    if isinstance(value, list):
        return [_portable(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: _portable(one) for name, one in value.items()}
    if isinstance(pattern := found.get("pattern"), str):
        found["pattern"] = pattern.replace(r"\A", "^").replace(r"\Z", "$")
    return found


def undescribed(app: Flask) -> list[str]:
    """Routes that have no note though they need one."""
    rules = app.url_map.iter_rules()
    return [
        rule.rule
        for rule in rules
        if rule.rule not in UNDESCRIBED and not hasattr(app.view_functions[rule.endpoint], "note")
    ]


def _operations(app: Flask) -> Iterator[tuple[Rule, str, Callable[..., Any], Note]]:
    """In the order of the tags, then of the paths."""
    order = [name for name, _ in TAGS.values()]
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: ([order.index(t) for t in _tags(rule)], rule.rule))
    for rule in rules:
        view = app.view_functions[rule.endpoint]
        note = getattr(view, "note", None)
        for method in METHODS:
            if note is not None and method in (rule.methods or ()):
                yield rule, method, view, note


def _operation(
    rule: Rule, method: str, view: Callable[..., Any], note: Note, plugin: MarshmallowPlugin
) -> dict[str, Any]:
    scopes = getattr(view, "guarded_scope", "").split()
    found: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}{rule.rule}").strip("_"),
        "summary": note.summary,
        "description": _description(view),
        "tags": _tags(rule),
        # OpenAPI 3.1 lets a list say the roles that a bearer needs.
        "security": [{"bearer": scopes}] if scopes else [],
        "parameters": [*_path_parameters(rule), *_query_parameters(rule, note, plugin), *_header_parameters(note)],
        "responses": _responses(note, bool(scopes)),
    }
    if note.body is not None:
        content = {"schema": _schema(note.body)} | ({} if note.sent is None else {"example": note.sent})
        found["requestBody"] = {"required": True, "content": {"application/json": content}}
    return found | {"x-codeSamples": [{"lang": "Shell", "label": "curl", "source": _curl(rule, method, found, note)}]}


def _description(view: Callable[..., Any]) -> str:
    """Its docstring, without the seed's number, which says nothing to callers."""
    text = re.sub(r"\ASeed \d+(, | ?: ?)", "", inspect.getdoc(view) or "")
    return text[:1].upper() + text[1:]


def _curl(rule: Rule, method: str, operation: Mapping[str, Any], note: Note) -> str:
    """The request as one types it."""
    given = [one for one in operation["parameters"] if "example" in one]
    path, query = _path(rule), [f"{one['name']}={one['example']}" for one in given if one["in"] == "query"]
    for one in given:
        path = path.replace(f"{{{one['name']}}}", str(one["example"]))
    lines = [f"curl -X {method} 'http://localhost:8000{path}{'?' + '&'.join(query) if query else ''}'"]
    if operation["security"]:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if note.sent is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(note.sent)}'"]
    return " \\\n  ".join(lines)


def _tags(rule: Rule) -> list[str]:
    return next(([name] for start, (name, _) in TAGS.items() if re.match(start, rule.rule)), [])


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)


def _path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    for converter, name in re.findall(r"<(?:([^:<>]+):)?([^<>]+)>", rule.rule):
        shape = {"type": "string", "format": "uuid"} if converter == "uuid" else {"type": "string", "minLength": 1}
        text, example = PARAMETERS.get(name, ("", None))
        if name == "website_id":
            text, example = "Key of the site.", "shop"
        yield _parameter("path", name, text, shape, example) | {"required": True}


def _query_parameters(rule: Rule, note: Note, plugin: MarshmallowPlugin) -> Iterator[dict[str, Any]]:
    if note.query is None:
        return
    assert plugin.converter is not None
    named = bool({"site", "site_id", "website_id"} & rule.arguments)
    for found in plugin.converter.schema2parameters(note.query, location="query"):
        name = found["name"]
        if named and name in ("site", "site_id", "website_id"):
            # The path says it.
            continue
        text, example = PARAMETERS.get(name, ("", None))
        example = example if found.get("required") else None
        shape = {key: value for key, value in found["schema"].items() if key != "metadata"}
        yield _parameter("query", name, found.get("description", text), shape, example) | {
            key: found[key] for key in ("required", "style", "explode") if found.get(key)
        }


def _header_parameters(note: Note) -> Iterator[dict[str, Any]]:
    for name, text in note.headers.items():
        yield _parameter("header", name, text, {"type": "string"}, None)


def _parameter(place: str, name: str, text: str, shape: Mapping[str, Any], example: Any) -> dict[str, Any]:
    found = {"in": place, "name": name, "description": text, "schema": dict(shape)}
    return found if example is None else found | {"example": example}


def _responses(note: Note, is_guarded: bool) -> dict[str, Any]:
    usual = [400, 401, 403, 404, 429, 503] if is_guarded else []
    usual += [413, 415, 422] if note.body is not None else []
    found = {str(status): _problem(PROBLEMS[status], status) for status in usual}
    found[str(note.status)] = _answer(note)
    for status, what in note.others.items():
        if not isinstance(what, str):
            text = inspect.getdoc(what) or ""
            found[str(status)] = {"description": text, "content": {"application/json": {"schema": _schema(what)}}}
        else:
            found[str(status)] = _problem(what, status) if status >= 400 else {"description": what}
    return dict(sorted(found.items()))


def _answer(note: Note) -> dict[str, Any]:
    types = (note.media_type,) if isinstance(note.media_type, str) else note.media_type
    told = inspect.getdoc(note.answer) if isinstance(note.answer, type) else None
    found: dict[str, Any] = {"description": told or note.summary}
    if note.status == 204:
        return found
    shown = {} if note.example is None else {"example": note.example}
    found["content"] = {name: ({"schema": _schema(note.answer)} if note.answer else {}) | shown for name in types}
    return found


def _problem(text: str, status: int) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    code = CODES.get(status) or title.lower().replace(" ", "_")
    example = {"type": f"about:blank#{code}", "title": title, "status": status, "code": code, "detail": text}
    found: dict[str, Any] = {"description": text}
    found["content"] = {"application/problem+json": {"schema": _schema(ProblemDetails), "example": example}}
    if status in (429, 503):
        found["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found


def _schema(shape: Shape) -> Any:
    return dict(shape) if isinstance(shape, Mapping) else shape
