"""Query, response and example of the audit by HTTP."""

from datetime import date
from typing import Any

from marshmallow import Schema, ValidationError, fields

from analytics.apidocs.response_fields import nullable, required
from analytics.period import FIRST_YEAR, LAST_YEAR
from analytics.web.site_parameters import SiteFields

MAX_DAYS = 31
FROM = f"First day; with it up to {MAX_DAYS} days are checked, without it the last three hours and their days."
TO = "Last day, included. Default: today."
FULL = "Also compare every row, bitmap and visit of the days with a recount. Default: false."


def _check_year(day: date) -> None:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValidationError(f"the year must be from {FIRST_YEAR} to {LAST_YEAR}")


def _day_field(name: str, description: str) -> fields.Date:
    return fields.Date(data_key=name, validate=_check_year, metadata={"description": description})


class AuditQuery(SiteFields):
    """The site (default: all sites of an admin for all, else the caller's own), the days, and how thorough."""

    first = _day_field("from", FROM)
    last = _day_field("to", TO)
    full = fields.Boolean(load_default=False, metadata={"description": FULL})


class GapResponse(Schema):
    """Two numbers that should be equal. `where`: a UTC hour, or a day of the site and a dimension."""

    class Meta:
        include = required(fields.String, "site", "where", "what") | required(fields.Integer, "expected", "found")


class HourBalanceResponse(Schema):
    """A site's events and samples of a UTC hour of receipt. `accepted` null: not counted any more; `refused`: their
    site was deleted before they were stored."""

    site = fields.String(required=True)
    hour = fields.AwareDateTime(required=True)

    class Meta:
        include = nullable(fields.Integer, "accepted")
        include |= required(fields.Integer, "stored", "duplicate", "dead", "refused", "in_flight")


class DayBalanceResponse(Schema):
    """Events of a day of the site's calendar; `waiting`: of those rolled up, not merged yet. `raw` null: frozen."""

    class Meta:
        include = (
            required(fields.String, "site")
            | required(fields.Date, "day")
            | nullable(fields.Integer, "raw")
            | required(fields.Integer, "rolled_up", "waiting")
            | required(fields.Boolean, "frozen")
        )


class RecountResponse(Schema):
    """A dimension of a day whose rows and bitmaps were compared with a recount."""

    class Meta:
        include = required(fields.String, "site", "dimension") | required(fields.Date, "day")


class AuditResponse(Schema):
    """The balance sheet: accepted = stored + duplicate + dead + refused + in flight by hour, stored = rolled up by
    day. It is balanced when there are no gaps; `notes` say what could not be checked."""

    balanced = fields.Boolean(required=True)
    checked_at = fields.AwareDateTime(required=True)
    gaps = fields.List(fields.Nested(GapResponse), required=True)
    hours = fields.List(fields.Nested(HourBalanceResponse), required=True)
    days = fields.List(fields.Nested(DayBalanceResponse), required=True)
    recounted = fields.List(fields.Nested(RecountResponse), required=True)
    notes = fields.List(fields.String(), required=True)


AUDIT_EXAMPLE: dict[str, Any] = {
    "balanced": True,
    "checked_at": "2025-11-24T16:30:00Z",
    "gaps": [],
    "hours": [
        {
            "site": "default",
            "hour": "2025-11-24T16:00:00Z",
            "accepted": 1204,
            "stored": 1200,
            "duplicate": 3,
            "dead": 1,
            "refused": 0,
            "in_flight": 0,
        }
    ],
    "days": [
        {"site": "default", "day": "2025-11-24", "raw": 48210, "rolled_up": 48210, "waiting": 12, "frozen": False}
    ],
    "recounted": [],
    "notes": [],
}
