"""Every route with every kind of credential: who is refused, and with which status.

A new route is added to ROUTES, or to PUBLIC of test_guard.py.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from analytics.apidocs.openapi import build_document
from analytics.auth.keys import share_links
from analytics.sites.sites import Site, create_site
from tests.auth.test_guard import PAGES, PUBLIC

# The site of every resource, and the one that foreign callers are for. Both are found in a response that names them.
OURS, THEIRS, FORMER = "site-alpha", "site-beta", "site-former"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Route(NamedTuple):
    """Who may call a route. `scope`: as `guarded_scope` of its view.

    `foreign`: statuses for a caller with the scope for another site. `is_list`: a foreign caller is answered, without
    anything of the site. `is_own`: only the owner of the resource and admins see it.
    """

    scope: str
    status: int = 200
    foreign: tuple[int, ...] = (403,)
    is_shared: bool = False
    is_publishable: bool = False
    is_list: bool = False
    is_own: bool = False
    body: Any = None
    query: Mapping[str, str] = {}
    method: str = ""
    environment: str = "test"


REPORTS, WEBSITES = "/api/analytics/reports", "/api/v1/analytics"
FUNNELS, GOALS = "/api/v1/funnels", "/api/analytics/goals"
SEGMENTS, NOTES = "/api/analytics/segments", "/api/analytics/notes"
EXPORTS, SCHEDULES = "/api/analytics/exports", "/api/analytics/exports/schedules"
SITES, KEYS, TOKENS = "/api/analytics/sites", "/api/analytics/keys", "/api/analytics/tokens"
LETTERS = "/api/analytics/dead-letters"
LETTER_ID = 72_053_170_000_000_001
FUNNEL, GOAL = f"{FUNNELS}/<uuid:funnel_id>", f"{GOALS}/<uuid:goal_id>"
LINKS = f"{SITES}/<key>/share-links"
READ, SHARED, HIDDEN = Route("read"), Route("read", is_shared=True), Route("read", foreign=(404,))
SHARED_REPORTS = ("breakdown", "dau", "mau", "metrics", "overview", "realtime", "retention", "stickiness", "summary")
SHARED_REPORTS += ("timeseries", "wau")
SHARED_WEBSITE_REPORTS = ("custom-events", "daily-stats", "dashboard", "hourly-stats", "realtime", "top-browsers")
SHARED_WEBSITE_REPORTS += ("top-countries", "top-devices", "top-os", "top-pages", "top-referrers", "traffic-summary")
ACCEPTS, WRITES = Route("ingest", 202, is_publishable=True), Route("write", foreign=(404,))
OWN_EXPORT, OWN_SCHEDULE = (
    Route("export", foreign=(404,), is_own=True),
    Route("export+write", foreign=(404,), is_own=True),
)
ADMIN = Route("admin")

ROUTES: dict[str, Route] = {
    **{f"GET {REPORTS}/{name}": SHARED for name in SHARED_REPORTS},
    **{f"GET {WEBSITES}/{name}/<website_id>": SHARED for name in SHARED_WEBSITE_REPORTS},
    "GET /stats": SHARED,
    "GET /analytics/global": SHARED,
    "GET /analytics/stats/<path:short_code>": SHARED,
    "GET /events": READ,
    "GET /dashboard": READ,
    "GET /metrics": READ,
    "GET /metrics/<path:name>": READ,
    f"GET {REPORTS}/event-types": READ,
    f"GET {REPORTS}/experiment": READ,
    f"GET {REPORTS}/goal": READ._replace(query={"type": "order"}),
    f"GET {REPORTS}/goals": READ,
    f"GET {REPORTS}/properties": READ,
    f"GET {REPORTS}/journeys": READ._replace(query={"from_page": "/"}),
    f"GET {REPORTS}/lifecycle": READ,
    f"GET {REPORTS}/overview/sites": READ,
    # A GET would not end.
    f"GET {REPORTS}/live": READ._replace(method="HEAD"),
    f"GET {REPORTS}/events": Route("read export"),
    f"GET {REPORTS}/users": Route("export"),
    f"GET {REPORTS}/users/timeline": Route("export", 404, query={"user_id": "nobody"}),
    f"POST {REPORTS}/funnel": READ,
    "GET /api/analytics/events/<path:event_id>/trace": READ,
    "GET /api/analytics/me": Route("ingest read export write admin", is_list=True, is_shared=True),
    f"GET {SITES}/<key>": READ,
    f"GET {SITES}/<key>/snippet": READ,
    f"GET {SITES}/<key>/schemas": READ,
    f"GET {SITES}/<key>/schemas/<path:event_type>": READ,
    f"GET {FUNNELS}/": READ,
    f"GET {FUNNEL}": HIDDEN,
    f"GET {FUNNEL}/analytics": HIDDEN,
    f"GET {FUNNEL}/analytics/detailed": HIDDEN,
    f"POST {FUNNELS}/compare": READ,
    f"GET {GOALS}": READ,
    f"GET {GOAL}": READ,
    f"GET {GOAL}/report": READ,
    f"GET {GOAL}/retention": READ,
    f"POST {FUNNELS}/": Route("write", 201),
    f"PUT {FUNNEL}": WRITES,
    f"DELETE {FUNNEL}": WRITES,
    f"POST {GOALS}": Route("write", 201),
    f"PATCH {GOAL}": Route("write", body={"name": "Sale"}),
    f"DELETE {GOAL}": Route("write", 204),
    f"GET {SEGMENTS}": READ,
    f"GET {SEGMENTS}/<uuid:segment_id>": READ,
    f"POST {SEGMENTS}": Route("write", 201),
    f"PATCH {SEGMENTS}/<uuid:segment_id>": Route("write", body={"name": "Sale"}),
    f"DELETE {SEGMENTS}/<uuid:segment_id>": Route("write", 204),
    f"GET {NOTES}": READ,
    f"GET {NOTES}/<uuid:note_id>": READ,
    f"POST {NOTES}": Route("write", 201),
    f"PATCH {NOTES}/<uuid:note_id>": Route("write", body={"text": "Sale"}),
    f"DELETE {NOTES}/<uuid:note_id>": Route("write", 204),
    "POST /api/analytics/ingest": ACCEPTS,
    "POST /api/analytics/samples": ACCEPTS,
    "POST /analytics/events/": ACCEPTS,
    "POST /event": ACCEPTS,
    "POST /events": ACCEPTS,
    "POST /metrics": ACCEPTS,
    f"POST {WEBSITES}/event": ACCEPTS._replace(status=201),
    f"POST {WEBSITES}/event/batch": ACCEPTS._replace(status=201),
    f"POST {FUNNELS}/track": ACCEPTS._replace(status=201),
    "GET /sdk/v1/p.gif": ACCEPTS._replace(status=200, query={"path": "/"}),
    "GET /api/analytics/batches/<batch_id>": Route("ingest", foreign=(404,)),
    f"POST {EXPORTS}": Route("export", 202),
    f"GET {EXPORTS}": Route("export"),
    f"GET {EXPORTS}/<uuid:job_id>": OWN_EXPORT,
    f"DELETE {EXPORTS}/<uuid:job_id>": OWN_EXPORT,
    # No worker has written the file.
    f"GET {EXPORTS}/<uuid:job_id>/download": OWN_EXPORT._replace(status=409),
    f"POST {SCHEDULES}": Route("export+write", 201),
    f"GET {SCHEDULES}": Route("export", is_list=True),
    f"GET {SCHEDULES}/<uuid:schedule_id>": OWN_EXPORT,
    f"PATCH {SCHEDULES}/<uuid:schedule_id>": OWN_SCHEDULE,
    f"POST {SCHEDULES}/<uuid:schedule_id>/run-now": OWN_SCHEDULE._replace(status=202),
    f"DELETE {SCHEDULES}/<uuid:schedule_id>": OWN_SCHEDULE._replace(status=204),
    f"GET {SITES}": Route("admin", is_list=True),
    f"POST {SITES}": Route("admin", 201, body={"key": "site-gamma"}),
    f"PATCH {SITES}/<key>": ADMIN,
    f"PUT {SITES}/<key>/schemas/<path:event_type>": ADMIN,
    f"DELETE {SITES}/<key>/schemas/<path:event_type>": Route("admin", 204),
    f"POST {SITES}/<key>/schema-check": ADMIN,
    f"GET {KEYS}": Route("admin", is_list=True),
    f"POST {KEYS}": Route("admin", 201),
    f"POST {KEYS}/<uuid:key_id>/rotate": Route("admin", 201, foreign=(404,)),
    f"DELETE {KEYS}/<uuid:key_id>": Route("admin", 204, foreign=(404,)),
    f"GET {TOKENS}": Route("admin", is_list=True),
    f"POST {TOKENS}": Route("admin", 201),
    f"DELETE {TOKENS}/<jti>": Route("admin", 204, foreign=(404,)),
    f"GET {LINKS}": ADMIN,
    f"POST {LINKS}": Route("admin", 201),
    f"DELETE {LINKS}/<uuid:link_id>": Route("admin", 204),
    "GET /api/analytics/audit": ADMIN,
    "GET /api/analytics/storage": ADMIN,
    f"GET {LETTERS}": ADMIN,
    f"GET {LETTERS}/<int:letter_id>": Route("admin", foreign=(404,)),
    f"POST {LETTERS}/retry": Route("admin", 202),
    f"POST {LETTERS}/discard": ADMIN,
    "DELETE /events": Route("admin", environment="development"),
    "DELETE /metrics/<path:name>": Route("admin", environment="development"),
    f"DELETE {SITES}/<key>/aliases/<alias>": Route("admin", 204),
    # The last: afterwards the site refuses everything.
    f"DELETE {SITES}/<key>": Route("admin", 202),
}


class Caller(NamedTuple):
    """One kind of credential: its header or parameter, its scopes, and whether it is for the site of the resources."""

    name: str
    credential: str
    scopes: frozenset[str] = frozenset()
    is_foreign: bool = False


class World(NamedTuple):
    clients: Mapping[str, FlaskClient]
    callers: tuple[Caller, ...]
    operations: Mapping[str, Any]
    # The values of path parameters and of fields of a body.
    values: Mapping[str, str]

    def call(self, name: str, caller: Caller) -> Any:
        """The response to the caller, with what the API's description gives as an example."""
        route, (method, rule) = ROUTES[name], name.split(" ", 1)
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", lambda found: self.values[found[1]], rule)
        headers: dict[str, str] = {}
        query = {**self._query(name), **route.query}
        if caller.name == "share":
            query["share"] = caller.credential
        elif caller.name.startswith("session"):
            self.clients[route.environment].set_cookie("session", caller.credential)
            headers["X-CSRF-Token"] = "1"
        elif caller.credential:
            headers["Authorization"] = f"Bearer {caller.credential}"
        body = self._body(name)
        sent = {} if body is None else {"json": body}
        client = self.clients[route.environment]
        response = client.open(path, method=route.method or method, query_string=query, headers=headers, **sent)
        client.delete_cookie("session")
        return response

    def _query(self, name: str) -> dict[str, str]:
        found = [one for one in self.operations[name]["parameters"] if one["in"] == "query"]
        required = {one["name"]: one["example"] for one in found if one.get("required")}
        return required | ({"site": OURS} if "site" in {one["name"] for one in found} else {})

    def _body(self, name: str) -> Any:
        if ROUTES[name].body is not None or "requestBody" not in self.operations[name]:
            return ROUTES[name].body
        return self._with_values(self.operations[name]["requestBody"]["content"]["application/json"]["example"])

    def _with_values(self, example: Any) -> Any:
        if isinstance(example, list):
            return [self._with_values(one) for one in example]
        if not isinstance(example, dict):
            return example
        return {name: self.values.get(name) or self._with_values(value) for name, value in example.items()} | {
            name: value for name, value in example.items() if name in ("key", "name", "subject")
        }


PAGE = {"name": "p", "type": "page", "condition": {"page": "/"}}
SITE_NAMES = ("site", "site_id", "siteId", "website_id")


@pytest.fixture
def world(
    app: Flask, make_app: Callable[..., Flask], engine: Engine, make_key: Callable[..., str], token: Callable[..., str]
) -> World:
    """A site with one resource of each kind, and one caller of each kind."""
    with engine.begin() as connection:
        ours, _ = create_site(connection, OURS), create_site(connection, THEIRS)
        share, _ = share_links.create_link(connection, ours.id, "", None, "me")
    root = token("admin", sub="root")
    clients = {"test": app.test_client(), "development": make_app(environment="development").test_client()}
    return World(
        clients,
        tuple(_callers(ours, share, root, make_key, token, partial(_open_session, clients["test"]))),
        _operations(app),
        _create_resources(clients["test"], {"Authorization": f"Bearer {root}"})
        | {"letter_id": str(_create_dead_letter(engine, ours))},
    )


def _open_session(client: FlaskClient, token: str) -> str:
    """The text of a new session's cookie."""
    client.post("/login", data={"token": token})
    cookie = client.get_cookie("session")
    assert cookie is not None
    client.delete_cookie("session")
    return cookie.value


def _callers(
    ours: Site,
    share: str,
    root: str,
    make_key: Callable[..., str],
    token: Callable[..., str],
    open_session: Callable[[str], str],
) -> Iterator[Caller]:
    yield Caller("none", "")
    yield Caller("pk", make_key("publishable", ["ingest"], ours), frozenset({"ingest"}))
    for scopes in (("ingest",), ("read",), ("export",), ("write",), ("export", "write")):
        yield Caller(f"sk {'+'.join(scopes)}", make_key("secret", list(scopes), ours), frozenset(scopes))
    yield Caller("share", share, frozenset({"read"}))
    for scope in ("ingest", "read", "export", "write", "export write", "admin"):
        foreign = token(scope, site=THEIRS, sub="foreign")
        yield Caller(f"{scope} of another site", foreign, frozenset(scope.split()), is_foreign=True)
    yield Caller("session read", open_session(token("read", site=OURS)), frozenset({"read"}))
    yield Caller(
        "session of another site", open_session(token("admin", site=THEIRS)), frozenset({"admin"}), is_foreign=True
    )
    yield Caller("admin", root, frozenset({"admin"}))


def _operations(app: Flask) -> dict[str, Any]:
    """`GET /api/…/<uuid:id>` → its OpenAPI operation."""
    paths = build_document(app, "0")["paths"]
    found = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        for method, operation in paths.get(path, {}).items():
            found[f"{method.upper()} {rule.rule}"] = operation
    return found


def _create_resources(client: FlaskClient, headers: dict[str, str]) -> dict[str, str]:
    def post(path: str, body: Any) -> Any:
        response = client.post(path, json=body, headers=headers)
        assert response.status_code < 300, response.json
        return response.json

    funnel = {"name": "f", "website_id": OURS, "steps": [PAGE, PAGE]}
    job = {"site": OURS, "format": "csv"}
    batch = post("/event", {"site_id": OURS, "event_type": "page_view", "path": "/", "user_id": "u"})
    post("/metrics", {"site_id": OURS, "metric_name": "load", "value": 1})
    for old, new in ((OURS, FORMER), (FORMER, OURS)):
        assert client.patch(f"{SITES}/{old}", json={"key": new}, headers=headers).status_code == 200
    schema = client.put(f"{SITES}/{OURS}/schemas/order", json={"type": "object"}, headers=headers)
    assert schema.status_code == 200, schema.json
    return {
        **dict.fromkeys(SITE_NAMES, OURS),
        "alias": FORMER,
        "key": OURS,
        "name": "load",
        "short_code": "abc",
        "batch_id": batch["batch_id"],
        "event_id": batch["event_id"],
        "event_type": "order",
        "funnel_id": post(f"{FUNNELS}/", funnel)["data"]["id"],
        "goal_id": post(GOALS, {"site": OURS, "name": "g", "type": "order"})["id"],
        "segment_id": post(SEGMENTS, {"site": OURS, "name": "s", "filter": "country==DE"})["id"],
        "note_id": post(NOTES, {"site": OURS, "day": "2025-11-15", "text": "n"})["id"],
        "job_id": post(EXPORTS, {**job, "what": "events", "from": "2025-11-01", "to": "2025-11-15"})["id"],
        "schedule_id": post(SCHEDULES, {"every": "day", "at": "06:30", "request": job})["id"],
        "key_id": post(KEYS, {"kind": "secret", "site": OURS, "scopes": ["read"]})["id"],
        "jti": post(TOKENS, {"subject": "t", "scopes": ["read"], "site": OURS})["jti"],
        "link_id": post(f"{SITES}/{OURS}/share-links", {"label": "l"})["id"],
    }


def _create_dead_letter(engine: Engine, site: Site) -> int:
    insert = "INSERT INTO dead_letters (id, entry_id, position, site_id, received_at, reason, detail, body)"
    with engine.begin() as connection:
        connection.execute(text(f"{insert} VALUES ({LETTER_ID}, '1-0', -1, {site.id}, now(), 'refused', '', '')"))
    return LETTER_ID


def has_scope(route: Route, caller: Caller) -> bool:
    """Whether the caller's scopes are enough, whatever its site."""
    if "admin" in caller.scopes:
        return True
    every, any_of = route.scope.split("+"), route.scope.split()
    return caller.scopes >= set(every) if len(every) > 1 else bool(caller.scopes & set(any_of))


def expected(route: Route, caller: Caller) -> tuple[int, ...]:
    """The statuses that the caller may get."""
    if caller.name == "none":
        return (401,)
    is_admitted = {"pk": route.is_publishable, "share": route.is_shared}.get(caller.name, True)
    if not is_admitted or not has_scope(route, caller):
        return (403,)
    if caller.is_foreign and not route.is_list:
        return route.foreign
    return (404,) if route.is_own and caller.name != "admin" else (route.status,)


def in_order(names: Mapping[str, Any]) -> list[str]:
    """What deletes is called last."""
    return sorted(names, key=lambda name: METHODS.index(name.split(" ")[0]))


def test_the_table_names_every_route(app: Flask) -> None:
    found = {
        f"{method} {rule.rule}": getattr(app.view_functions[rule.endpoint], "guarded_scope", None)
        for rule in app.url_map.iter_rules()
        for method in METHODS
        if method in (rule.methods or ()) and rule.rule not in PUBLIC | PAGES
    }
    assert {name: route.scope for name, route in ROUTES.items()} == found


def test_the_description_names_the_credentials_of_each_route(app: Flask) -> None:
    described = {
        name: {scheme for alternative in operation["security"] for scheme in alternative}
        for name, operation in _operations(app).items()
        if name in ROUTES
    }
    expected = {
        name: {"bearerAuth", "basicAuth", "sessionCookie"}
        | (set() if name.startswith("GET") else {"csrfHeader"})
        | ({"keyQuery"} if route.is_publishable else set())
        | ({"shareQuery"} if route.is_shared else set())
        for name, route in ROUTES.items()
    }
    assert described == expected


def test_refused_callers_get_the_status_of_their_reason(world: World) -> None:
    wrong = []
    for name in in_order(ROUTES):
        for caller in world.callers:
            statuses = expected(ROUTES[name], caller)
            if is_allowed(ROUTES[name], caller):
                continue
            response = world.call(name, caller)
            if response.status_code not in statuses or response.content_type != "application/problem+json":
                wrong.append(f"{name} by {caller.name}: {response.status_code}, not {statuses}: {response.text[:200]}")
    assert not wrong, "\n".join(wrong)


def test_a_batch_of_another_site_is_answered_as_one_that_does_not_exist(world: World) -> None:
    foreign = next(caller for caller in world.callers if caller.is_foreign and "ingest" in caller.scopes)
    name, batch_id = "GET /api/analytics/batches/<batch_id>", world.values["batch_id"]
    found = world.call(name, foreign).json
    unknown = world._replace(values={"batch_id": "1-1"}).call(name, foreign).json
    assert found["detail"].replace(batch_id, "1-1") == unknown["detail"]
    assert (found["code"], OURS in str(found)) == (unknown["code"], False)


def test_allowed_callers_are_answered(world: World) -> None:
    wrong = []
    for name in in_order(ROUTES):
        allowed = [caller for caller in world.callers if is_allowed(ROUTES[name], caller)]
        # Of several callers the second finds what the first has created or deleted.
        for caller, found in zip(allowed, [set(), *[{404, 409}] * len(allowed)], strict=False):
            response = world.call(name, caller)
            repeated = set() if name.startswith("GET") else found
            if response.status_code not in {*expected(ROUTES[name], caller), *repeated}:
                wrong.append(f"{name} by {caller.name}: {response.status_code}: {response.text[:200]}")
    assert not wrong, "\n".join(wrong)


def is_allowed(route: Route, caller: Caller) -> bool:
    return expected(route, caller) == (route.status,)


def test_lists_show_nothing_of_another_site(world: World) -> None:
    lists = [name for name, route in ROUTES.items() if route.is_list]
    foreign = [caller for caller in world.callers if caller.is_foreign]
    ids = {value for name, value in world.values.items() if name.endswith(("_id", "jti"))} | {OURS}
    for name in lists:
        for caller in foreign:
            found = json.dumps(world.call(name, caller).json)
            assert [one for one in ids if one in found] == [], (name, caller.name)


@pytest.mark.parametrize("path", sorted(PUBLIC - {"/docs/files/<path:name>", "/-/metrics"}))
def test_public_routes_need_no_credential_and_accept_any(client: FlaskClient, path: str) -> None:
    path = path.replace("<version>", "v1").replace("<name>", "tracker.js")
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic !"}):
        assert client.get(path, headers=headers).status_code in (200, 503)
