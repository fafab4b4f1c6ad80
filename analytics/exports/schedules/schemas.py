"""The bodies and responses of the schedule routes. Unknown fields are refused by name."""

from typing import Any

from marshmallow import RAISE, Schema, fields
from marshmallow.validate import OneOf, Regexp

from analytics.apidocs.response_fields import nullable, required
from analytics.exports.schedules.calendar import FREQUENCIES
from analytics.exports.schemas import ScheduledExportBody, one_of

AT_ERROR = "{input!r} is not a time of day; accepted: 00:00 to 23:59, for example 06:30"


def _at(**options: Any) -> fields.String:
    return fields.String(validate=Regexp(r"\A([01]\d|2[0-3]):[0-5]\d\Z", error=AT_ERROR), **options)


class ScheduleUpdateBody(Schema):
    """The fields of a schedule to change."""

    class Meta:
        unknown = RAISE

    every = one_of(FREQUENCIES)
    at = _at()
    zone = fields.String()
    request = fields.Nested(ScheduledExportBody)
    enabled = fields.Boolean(truthy={True}, falsy={False})


class ScheduleBody(ScheduleUpdateBody):
    """`every` and `at` are required. Defaults: the site's zone; a request for all events as CSV."""

    class Meta:
        unknown = RAISE
        exclude = ("enabled",)

    every = one_of(FREQUENCIES, required=True)
    at = _at(required=True)


class ScheduleResponse(Schema):
    """A schedule. Each file holds what was received since `complete_through`.

    `waits_for`: why a schedule that is due has no next file yet, or was paused because its token, key or account may
    not export the site any more; null: nothing blocks it."""

    class Meta:
        include = (
            required(fields.UUID, "id")
            | required(fields.String, "site", "owner", "at", "zone")
            | required(fields.AwareDateTime, "next_run_at", "created_at")
            | nullable(fields.AwareDateTime, "complete_through")
            | nullable(fields.String, "waits_for")
        )

    request = fields.Dict(keys=fields.String(), required=True)
    every = fields.String(required=True, validate=OneOf(list(FREQUENCIES)))
    enabled = fields.Boolean(required=True)


class ScheduleListResponse(Schema):
    """All schedules that the caller may see, the oldest first."""

    schedules = fields.List(fields.Nested(ScheduleResponse), required=True)
