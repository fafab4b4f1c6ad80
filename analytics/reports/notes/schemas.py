"""Shapes of notes in and out. An unknown field is rejected by name."""

from datetime import date

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.fields import AwareDateTime, Date, String

from analytics.apidocs.response_fields import required
from analytics.period import FIRST_YEAR, LAST_YEAR
from analytics.reports.fields import line_field
from analytics.reports.schemas import PeriodFields
from analytics.web.site_parameters import SiteFields

MAX_NOTE_CHARS = 500


def _check_year(day: date) -> None:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValidationError(f"the year must be from {FIRST_YEAR} to {LAST_YEAR}")


class NoteUpdateBody(Schema):
    """What can change."""

    class Meta:
        unknown = RAISE

    day = Date(validate=_check_year)
    text = line_field(MAX_NOTE_CHARS)


class NoteBody(SiteFields, NoteUpdateBody):
    """A day of the site's calendar, which may be yet to come, and one line of plain text."""

    class Meta:
        unknown = RAISE

    day = Date(required=True, validate=_check_year)
    text = line_field(MAX_NOTE_CHARS, required=True)


class NoteListQuery(PeriodFields):
    """The site, and the period whose days have the notes; without a period: all notes."""


class NoteResponse(Schema):
    """A note. `text` is plain text: `<b>` in it is no markup."""

    class Meta:
        include = required(String, "site", "text", "owner") | required(Date, "day")
        include |= required(AwareDateTime, "created_at", "updated_at")

    id = fields.UUID(required=True)


class NoteListResponse(Schema):
    """By day; those of one day in the order of their creation."""

    notes = fields.List(fields.Nested(NoteResponse), required=True)
