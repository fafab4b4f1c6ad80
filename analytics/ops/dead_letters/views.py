"""The routes of dead letters, for admins: list, show, retry, discard.

A retry is done by workers: what ends a process must not end one that serves requests. An admin for some sites sees and
changes their letters only; letters without a site belong to admins for all sites.
"""

from typing import Annotated, Any, NamedTuple

from flask import Blueprint, Response, current_app, jsonify, request
from msgspec import Meta

from analytics import queue
from analytics.apidocs.operations import documented
from analytics.auth.guard import Principal, check_site_access, guarded, require_scope
from analytics.errors import Invalid, Problem, Unavailable
from analytics.extensions import db
from analytics.ops.dead_letters import letters, schemas
from analytics.sites.sites import find_site, list_sites
from analytics.store import dead_letters as store
from analytics.store.dead_letters import Selection
from analytics.web.cursor import decode_cursor, encode_cursor
from analytics.web.site_parameters import read_requested_site
from analytics.web.validation import load_json_body, read_query

blueprint = Blueprint("dead_letters", __name__)
PATH = "/api/analytics/dead-letters"
MAX_SITES = 100_000
Id = Annotated[int, Meta(ge=1, le=schemas.MAX_ID)]


class LetterCursor(NamedTuple):
    """The id of the last letter of a page."""

    id: Id


@blueprint.get(PATH)
@documented("List dead letters", schemas.LetterListQuery, (schemas.LetterListResponse, schemas.LETTER_LIST_EXAMPLE))
@guarded("admin")
def list_letters() -> Response:
    """What could not be stored: by reason, and letter by letter, the newest first."""
    query = read_query(schemas.LetterListQuery(), request.args)
    before = decode_cursor(query["cursor"], LetterCursor).id if "cursor" in query else None
    selection = Selection(reason=query.get("reason"), site_ids=_read_sites(require_scope("admin"), None))
    with db.engine.connect() as connection:
        groups = None if before else store.group_by_reason(connection, selection)
        found = store.list_dead_letters(connection, selection, query["limit"] + 1, before)
    page = found[: query["limit"]]
    next_cursor = encode_cursor((page[-1].id,)) if len(found) > len(page) else None
    return _respond(
        {
            "reasons": None if groups is None else list(map(letters.format_row, groups)),
            "dead_letters": list(map(letters.format_row, page)),
            "next_cursor": next_cursor,
        }
    )


@blueprint.get(f"{PATH}/<int:letter_id>")
@documented("Get a dead letter", response=(schemas.LetterContentResponse, schemas.LETTER_CONTENT_EXAMPLE))
@guarded("admin")
def show_letter(letter_id: int) -> Response:
    """The letter with what it holds, without addresses."""
    if not 1 <= letter_id <= schemas.MAX_ID:
        raise letters.unknown_letter(letter_id)
    selection = Selection(site_ids=_read_sites(require_scope("admin"), None))
    return _respond(letters.show_letter(db.engine, letter_id, selection))


@blueprint.post(f"{PATH}/retry")
@documented(
    "Retry dead letters",
    schemas.SiteSelection,
    (schemas.RetryResponse, {"requested": 3}),
    body=(schemas.RetryBody, {"reason": "refused"}),
    status=202,
)
@guarded("admin")
def request_retry() -> Response:
    """202; a worker retries each letter once. What dies again stays listed, with the newest reason."""
    body = load_json_body(schemas.RetryBody())
    selection = _read_selection(body, ("ids", "reason", "all"))
    with db.engine.begin() as connection:
        requested = store.request_retry(connection, selection)
    try:
        queue.enqueue_dead_letter_retry()
    except Unavailable:
        # Beat has the letters retried within half a minute.
        current_app.logger.warning("retry of dead letters not enqueued")
    return _respond({"requested": requested}, 202)


@blueprint.post(f"{PATH}/discard")
@documented(
    "Discard dead letters",
    schemas.SiteSelection,
    (schemas.DiscardResponse, {"letters": 3, "events": 3}),
    body=(schemas.DiscardBody, {"reason": "unreadable"}),
)
@guarded("admin")
def discard_letters() -> Response:
    """Deletes them for ever, with a record in the audit log. The ledger counts their events as dead-lettered."""
    body = load_json_body(schemas.DiscardBody())
    selection = _read_selection(body, ("ids", "reason"))
    return _respond(letters.discard(db.engine, selection, require_scope("admin").subject)._asdict())


def _read_selection(body: dict[str, Any], names: tuple[str, ...]) -> Selection:
    """Raises Invalid unless the body names the letters in exactly one way."""
    given = [name for name in names if name in body]
    if len(given) != 1:
        found = "missing" if not given else f"given together with {given[1]}"
        detail = f'{found}; accepted: one of {", ".join(names)}, for example {{"ids": [17]}}'
        field = given[0] if given else names[0]
        raise Invalid(f"{field}: {detail}", [Problem(None, field, "invalid", detail)])
    return Selection(body.get("ids"), body.get("reason"), _read_sites(require_scope("admin"), body))


def _read_sites(principal: Principal, body: dict[str, Any] | None) -> list[int] | None:
    """Ids of the site that the request names, else of those that the caller is for; None: all. Raises Forbidden."""
    key = read_requested_site(body)
    if key:
        check_site_access(principal, key)
        return [find_site(db.engine, key).id]
    if principal.sites is None:
        return None
    with db.engine.connect() as connection:
        return [site.id for site in list_sites(connection, principal.sites, MAX_SITES)]


def _respond(body: dict[str, Any], status: int = 200) -> Response:
    """A JSON response that no cache stores."""
    response = jsonify(body)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response
