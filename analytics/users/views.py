"""The routes of users: those behind a number, and the events of one. They name people, so they need the scope `export`.

Nothing here writes. groups.py finds the users, user_list.py and timeline.py read them.
"""

from typing import Any

from flask import Blueprint, Response, jsonify

from analytics.apidocs.operations import documented
from analytics.auth.guard import guarded, require_scope
from analytics.reports.events.event_list import EventCursor
from analytics.reports.request import format_utc, read_request
from analytics.users.groups import find_group
from analytics.users.schemas import (
    DEFAULT_PAGE_SIZE,
    TIMELINE_EXAMPLE,
    USERS_EXAMPLE,
    TimelineQuery,
    TimelineResponse,
    UserListResponse,
    UsersQuery,
)
from analytics.web.cursor import decode_cursor, encode_cursor

blueprint = Blueprint("users", __name__)
ROUTE = "/api/analytics/reports/users"


@blueprint.get(ROUTE)
@documented("The users behind a number", UsersQuery, (UserListResponse, USERS_EXAMPLE))
@guarded("export")
def list_users() -> Response:
    """Those with an event that meets `filter` and `type`, or who reached a step of a `funnel`, are counted in a
    `cohort` of the retention report, or saw a variant of an experiment with a `goal`: as many as the report counts.
    Who was seen last in the period comes first."""
    # With the engine of column files, 75 MB.
    from analytics.users.user_list import UserCursor, open_user_list

    request = read_request(UsersQuery(), require_scope("export"))
    query, group = request.query, find_group(request)
    cursor = decode_cursor(query["cursor"], UserCursor) if "cursor" in query else None
    with open_user_list(request, group) as users:
        page = users.read_page(cursor, query.get("limit", DEFAULT_PAGE_SIZE))
    rows = [_as_json(user._asdict()) for user in page.users]
    return _respond({"users": rows}, page.next_cursor, users.total, request.meta(group.period, "raw"))


@blueprint.get(f"{ROUTE}/timeline")
@documented("The events of one user", TimelineQuery, (TimelineResponse, TIMELINE_EXAMPLE))
@guarded("export")
def show_timeline() -> Response:
    """The oldest first, with the start of the visit that each belongs to."""
    # As above.
    from analytics.users.timeline import read_timeline

    request = read_request(TimelineQuery(), require_scope("export"))
    query = request.query
    cursor = decode_cursor(query["cursor"], EventCursor) if "cursor" in query else None
    page = read_timeline(request, cursor, query.get("limit", DEFAULT_PAGE_SIZE))
    rows = [event.as_json() for event in page.events]
    return _respond({"events": rows}, page.next_cursor, page.total, request.meta(page.period, "raw"))


def _respond(rows: dict[str, list[Any]], cursor: tuple[Any, ...] | None, total: int, meta: dict[str, Any]) -> Response:
    [listed] = rows.values()
    counts = {"count": len(listed), "total": total, "next_cursor": cursor and encode_cursor(cursor)}
    return jsonify(rows | counts | {"meta": meta})


def _as_json(user: dict[str, Any]) -> dict[str, Any]:
    return user | {name: format_utc(user[name]) for name in ("first_seen_at", "last_seen_at")}
