"""The bodies, queries and responses of the export routes. Unknown fields are refused by name.

The views load bodies with it, and apidocs describes them. What a body means is in jobs/request_body.py.
"""

import re
from collections.abc import Iterable
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, pre_load, validates_schema
from marshmallow.fields import UUID, AwareDateTime, Boolean, Dict, Float, Integer, List, Nested, String
from marshmallow.validate import Length, OneOf, Range

from analytics.apidocs.response_fields import nullable, required
from analytics.exports.delivery.callback_state import CALLBACK_STATES
from analytics.exports.delivery.callback_url import explain_refusal
from analytics.exports.formats.file_types import COMPRESSED_MEDIA_TYPES, COMPRESSIONS, FORMATS
from analytics.exports.jobs.job import JOB_STATES
from analytics.exports.sources.reports import REPORT_KINDS
from analytics.exports.sources.request import SOURCES
from analytics.extensions import settings
from analytics.reports.schemas import TEXT_LIMIT
from analytics.users.schemas import GroupBody, check_cohort_period
from analytics.web.site_parameters import SiteFields

# Room for many conditions with many values each.
MAX_WHERE_CHARS = 20_000
# The Content-Types of `download`: those of the formats, and of compressed files.
DOWNLOAD_MEDIA_TYPES = (
    *(file_format.media_type.partition(";")[0] for file_format in FORMATS.values()),
    *COMPRESSED_MEDIA_TYPES.values(),
)


def _check_storable(text: str) -> None:
    # PostgreSQL cannot store a NUL, and psycopg2 cannot send a lone surrogate.
    if re.search(r"[\x00\ud800-\udfff]", text):
        raise ValidationError("holds a NUL character or half of a surrogate pair; accepted: text without them")


def _check_callback_url(url: str) -> None:
    if problem := explain_refusal(url, settings().environment):
        raise ValidationError(f"the address {problem}")


def _text() -> String:
    return String(validate=[Length(min=1, max=TEXT_LIMIT), _check_storable])


def one_of(words: Iterable[str], **options: Any) -> String:
    """A field with one of these values."""
    return String(validate=OneOf(list(words), error="{input!r} is unknown; accepted: {choices}"), **options)


class ExportFilterBody(Schema):
    """Of events: `type` (one or several, any of them), `user_id`, and `where` in the filter language of the reports,
    segments included. Of samples: `name` (one or several, any of them) and `tags` (all of them)."""

    class Meta:
        unknown = RAISE

    type = List(_text(), validate=Length(min=1, max=100))
    user_id = _text()
    include_bots = Boolean(truthy={True}, falsy={False})
    where = String(validate=[Length(min=1, max=MAX_WHERE_CHARS), _check_storable])
    name = List(_text(), validate=Length(min=1, max=100))
    tags = Dict(
        keys=String(validate=[Length(1, 64), _check_storable]),
        values=String(validate=[Length(max=256), _check_storable]),
        validate=Length(min=1, max=20),
    )

    @pre_load
    def _wrap_single_values(self, body: Any, **_: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return body | {name: [body[name]] for name in ("type", "name") if isinstance(body.get(name), str)}


class ScheduledExportBody(SiteFields):
    """An export without a period: each file of a schedule continues where the previous one ended.

    A breakdown has the rows of GET /api/analytics/reports/breakdown for each `unit`, in its order; without a `type` it
    counts page views. `value` (empty: none), `events`, `visitors`, `visits` and `page_views` as there, empty where they
    are null; `users` is `visitors`. `(other) ` sums values that are too rare to be kept.
    """

    class Meta:
        unknown = RAISE

    what = one_of(SOURCES)
    format = one_of(FORMATS)
    compression = one_of(COMPRESSIONS)
    zone = _text()
    timezone = _text()
    filter = Nested(ExportFilterBody)
    # Of what=users.
    users = Nested(GroupBody)
    # Of what=report.
    report = one_of(REPORT_KINDS)
    dimension = _text()
    unit = _text()
    columns = List(_text(), validate=Length(max=100))
    callback_url = String(validate=_check_callback_url)


class ExportBody(ScheduledExportBody):
    """An export. The period is given as in the reports; without one, it is everything that is stored."""

    date = _text()
    days = Integer(strict=True)
    hours = Integer(strict=True)
    from_ = String(data_key="from", attribute="from")
    to = String()

    @validates_schema
    def check_cohort_period(self, body: dict[str, Any], **_: Any) -> None:
        """Raises ValidationError."""
        if "users" in body:
            check_cohort_period(body["users"], body)


class ExportListQuery(SiteFields):
    """One page of the list, of all sites or of the named one."""

    state = one_of(JOB_STATES)
    schedule = UUID()
    cursor = _text()
    limit = Integer(load_default=50, validate=Range(1, 200))


class SignedLinkQuery(Schema):
    """The parameters of a signed link, which replace a token; take the link from `download_url`."""

    expires = String()
    signature = String()


class ExportProgress(Schema):
    """Progress of the export. null: unknown."""

    class Meta:
        include = required(Integer, "rows_done") | nullable(Integer, "rows_estimate", "rate_rows_s", "eta_s")
        include |= required(Float, "percent")


class CallbackResponse(Schema):
    """What became of the call of `callback_url`. `last_status`: of the last response; null: there was none, and
    `last_error` says why. A failed call is made again at `next_attempt_at`, seven times in 21 hours."""

    class Meta:
        include = required(Integer, "attempts") | nullable(Integer, "last_status") | nullable(String, "last_error")
        include |= nullable(AwareDateTime, "next_attempt_at", "delivered_at")

    state = String(required=True, validate=OneOf(CALLBACK_STATES))


class ExportResponse(Schema):
    """An export. `download_url` is a signed link that needs no token for 15 minutes, once the export is done; an
    absolute URL where the service has PUBLIC_URL, else a path of it. `callback` is null without a `callback_url`."""

    class Meta:
        include = required(UUID, "id") | required(String, "site", "owner", "file_name")
        include |= required(AwareDateTime, "created_at")
        include |= nullable(AwareDateTime, "started_at", "finished_at", "expires_at", "complete_through")
        include |= required(Integer, "attempt") | nullable(Integer, "rows", "bytes")
        include |= nullable(String, "error", "sha256", "callback_url", "download_url") | nullable(UUID, "schedule_id")

    state = String(required=True, validate=OneOf(JOB_STATES))
    request = Dict(keys=String(), required=True)
    progress = Nested(ExportProgress, required=True)
    callback = Nested(CallbackResponse, required=True, allow_none=True)


class ExportListResponse(Schema):
    """One page of exports, the newest first; `next_cursor` is null on the last page."""

    exports = List(Nested(ExportResponse), required=True)
    next_cursor = String(required=True, allow_none=True)
