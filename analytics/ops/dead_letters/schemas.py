"""Queries, bodies, responses and examples of the routes of dead letters."""

from typing import Any

from marshmallow import RAISE, Schema, fields
from marshmallow.validate import Equal, Length, OneOf, Range

from analytics.apidocs.response_fields import nullable, required
from analytics.store.dead_letters import REASONS
from analytics.web.site_parameters import SiteFields

MAX_ID, MAX_IDS = 2**63 - 1, 1000
DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
REASON_DESCRIPTION = (
    "`unreadable`: this version cannot read it; `refused`: PostgreSQL refuses a value; `kills workers`: the workers"
    " that stored it ended; `no site`: its site was deleted."
)


def _reason_field() -> fields.String:
    return fields.String(validate=OneOf(REASONS), metadata={"description": REASON_DESCRIPTION})


def _ids_field() -> fields.List[Any]:
    return fields.List(
        fields.Integer(strict=True, validate=Range(1, MAX_ID)),
        validate=Length(1, MAX_IDS),
        metadata={"description": "Ids of letters, as listed."},
    )


class LetterListQuery(SiteFields):
    """`limit`: letters of a page; `cursor`: `next_cursor` of the previous page."""

    reason = _reason_field()
    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=Range(1, MAX_LIMIT),
        metadata={"description": f"Letters of a page. Default: {DEFAULT_LIMIT}."},
    )
    cursor = fields.String()


class SiteSelection(SiteFields):
    """The site of the letters. Default: all sites of the caller."""


class DiscardBody(SiteFields):
    """Which letters: `ids` or `reason`."""

    class Meta:
        unknown = RAISE

    ids = _ids_field()
    reason = _reason_field()


class RetryBody(DiscardBody):
    """Which letters: `ids`, `reason`, or `all`."""

    all = fields.Boolean(validate=Equal(True), metadata={"description": "`true`: every letter."})


class ReasonResponse(Schema):
    """The letters of one reason. `events`: those of the letters; `waiting`: letters whose retry was requested; `sites`:
    keys, at most 100."""

    class Meta:
        include = required(fields.String, "reason") | required(fields.Integer, "letters", "events", "waiting")

    first_at = fields.AwareDateTime(required=True)
    last_at = fields.AwareDateTime(required=True)
    sites = fields.List(fields.String(), required=True)


class LetterResponse(Schema):
    """A letter. `position`: index of its event in the batch, -1: the whole batch; `site` null: it could not be decoded,
    or the site is deleted; `bytes`: of its body; `retries`: how often it was retried and died again."""

    class Meta:
        include = (
            required(fields.Integer, "id", "position", "bytes", "retries")
            | required(fields.String, "batch_id", "reason", "detail")
            | required(fields.AwareDateTime, "received_at", "dead_lettered_at")
            | nullable(fields.String, "site", "event_id")
        )

    retried_at = fields.AwareDateTime(required=True, allow_none=True)
    is_waiting = fields.Boolean(required=True, metadata={"description": "Its retry was requested."})


class LetterListResponse(Schema):
    """Letters, the newest first, and on the first page all that match by their reason (`reasons`, else null)."""

    reasons = fields.List(fields.Nested(ReasonResponse), required=True, allow_none=True)
    dead_letters = fields.List(fields.Nested(LetterResponse), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class LetterContentResponse(LetterResponse):
    """A letter with what it holds. `items`: the first 100 events or samples as they were accepted, without addresses;
    `events`: how many it holds, null where it cannot be read."""

    class Meta:
        include = required(fields.String, "principal", "request_id") | nullable(fields.Integer, "events")

    items = fields.List(fields.Dict(), required=True)


class RetryResponse(Schema):
    """How many letters workers will retry."""

    requested = fields.Integer(required=True)


class DiscardResponse(Schema):
    """What was deleted: letters, and the events that they held."""

    letters = fields.Integer(required=True)
    events = fields.Integer(required=True)


LETTER_EXAMPLE: dict[str, Any] = {
    "id": 17,
    "batch_id": "1764000000000-0",
    "position": 3,
    "site": "default",
    "event_id": "0193a2f0-7c1e-7000-8000-000000000003",
    "received_at": "2025-11-24T16:00:00Z",
    "dead_lettered_at": "2025-11-24T16:00:01Z",
    "reason": "refused",
    "detail": "PostgreSQL refuses it (SQLSTATE 22P05): a value is outside the range or format of its column",
    "bytes": 412,
    "retries": 0,
    "retried_at": None,
    "is_waiting": False,
}
REASON_EXAMPLE: dict[str, Any] = {
    "reason": "refused",
    "letters": 3,
    "events": 3,
    "first_at": "2025-11-24T16:00:01Z",
    "last_at": "2025-11-24T18:30:00Z",
    "waiting": 0,
    "sites": ["default"],
}
LETTER_LIST_EXAMPLE = {"reasons": [REASON_EXAMPLE], "dead_letters": [LETTER_EXAMPLE], "next_cursor": None}
LETTER_CONTENT_EXAMPLE = LETTER_EXAMPLE | {
    "principal": "shop-server",
    "request_id": "4e0b8b6f0f7b4f0e9a5f3a0d3c1b2a19",
    "events": 1,
    "items": [{"type": "page_view", "path": "/pricing", "user_id": "user-1"}],
}
