"""Marshmallow fields of queries and bodies: texts, path patterns, filters, payload properties.

The schemas of segments, notes and insights use them. Error texts leave out the parameter's name; the reader of the
request adds it.
"""

import re
from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf

from analytics.errors import BadInput
from analytics.reports.filtering.filters import check_filter
from analytics.reports.filtering.path_patterns import parse_pattern
from analytics.reports.filtering.payload_properties import parse_property
from analytics.reports.filtering.scope import check_event_filter
from analytics.reports.schemas import UNKNOWN_CHOICE, EventType

MAX_TEXT_CHARS, MAX_FILTER_CHARS = 1024, 10_000
# C0, DEL and C1, and the separators of lines and paragraphs of Unicode.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def text_field(limit: int = MAX_TEXT_CHARS, *validators: Callable[[str], Any], **options: Any) -> fields.String:
    """1 to `limit` characters that PostgreSQL can store, and that the validators accept."""
    return fields.String(validate=[Length(min=1, max=limit), _check_characters, *validators], **options)


def line_field(limit: int, **options: Any) -> fields.String:
    """One line of plain text of 1 to `limit` characters, without white space at its ends."""
    return text_field(limit, _check_line, **options)


def type_field(**options: Any) -> EventType:
    """An event type."""
    return EventType(validate=[Length(min=1, max=MAX_TEXT_CHARS), _check_characters], **options)


def pattern_field(**options: Any) -> fields.String:
    """A path pattern."""
    return fields.String(validate=[_check_characters, valid_for(parse_pattern)], **options)


def filter_field(**options: Any) -> fields.String:
    """A filter in the language of reports; whether its segments exist is asked later."""
    return fields.String(validate=[Length(max=MAX_FILTER_CHARS), _check_characters, valid_for(check_filter)], **options)


def event_filter_field(**options: Any) -> fields.String:
    """A filter that judges each event by its own fields."""
    return fields.String(
        validate=[Length(max=MAX_FILTER_CHARS), _check_characters, valid_for(check_event_filter)], **options
    )


def property_field(**options: Any) -> fields.String:
    """A payload property, without `payload.` before it."""
    return text_field(MAX_TEXT_CHARS, valid_for(parse_property), **options)


def choice_field(choices: tuple[str, ...], **options: Any) -> fields.String:
    """One of these words."""
    return fields.String(validate=OneOf(choices, error=UNKNOWN_CHOICE), **options)


def valid_for(parse: Callable[[str], Any]) -> Callable[[str], None]:
    """A validator that accepts what `parse` accepts; `parse` raises ValueError or BadInput."""

    def check(text: str) -> None:
        try:
            parse(text)
        except (ValueError, BadInput) as error:
            raise ValidationError(str(error).removeprefix("filter: ")) from error

    return check


def _check_characters(text: str) -> None:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValidationError("has a NUL character or a lone surrogate; remove it")


def _check_line(text: str) -> None:
    if CONTROL_CHARACTERS.search(text):
        raise ValidationError("has a control character or a line break; remove it")
    if text != text.strip():
        raise ValidationError("begins or ends with white space; remove it")
