"""The language of filters, read for the model: conditions joined by `;`, values by `|`. Nothing is escaped in ours,
but for the names of segments."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from tests.model.events import Event

OPERATORS = {"==": "is", "=~": "contains", "=^": "begins"}


class Condition(NamedTuple):
    """Holds where the field's value is (contains, begins with) one of the values, or not."""

    field: str
    operator: str
    is_negated: bool
    values: tuple[str, ...]

    def is_met(self, event: Event) -> bool:
        return self.is_met_by(field_value(event, self.field))

    def is_met_by(self, value: Any) -> bool:
        """Case matters, but not in `source` and the utm_ fields."""
        if self.field == "source" or self.field.startswith("utm_"):
            folded = self._replace(values=tuple(wanted.lower() for wanted in self.values))
            return folded.holds_for(value.lower())
        return self.holds_for(value)

    def holds_for(self, value: Any) -> bool:
        return any(self._matches(value, wanted) for wanted in self.values) != self.is_negated

    def _matches(self, value: Any, wanted: str) -> bool:
        if self.operator == "is" and isinstance(value, int | float) and not isinstance(value, bool):
            return _as_decimal(wanted) == Decimal(str(value))
        text = as_text(value)
        if self.operator == "is":
            return text == wanted
        return text.startswith(wanted) if self.operator == "begins" else wanted in text


def parse_filter(text: str) -> list[Condition]:
    if text.startswith("segment:"):
        text = segment_filter(text)
    return [_parse(part) for part in text.split(";")]


def segment_filter(term: str) -> str:
    """The filter of the segment, which is its name too (run.py)."""
    return re.sub(r"\\(.)", r"\1", term.removeprefix("segment:"))


def _parse(text: str) -> Condition:
    match = re.fullmatch(r"([\w.]+)(==|!=|=~|!~|=\^|!\^)(.*)", text)
    assert match, text
    field, sign, values = match.groups()
    wanted = tuple(values.split("|"))
    if field == "type":
        wanted = tuple("page_view" if value == "pageview" else value for value in wanted)
    return Condition(field, OPERATORS["=" + sign[1]], sign[0] == "!", wanted)


def field_value(event: Event, field: str) -> Any:
    """A dimension's value, or the property of the payload; '' for none."""
    if field.startswith("payload."):
        found = payload_property(event, field.removeprefix("payload."))
        return "" if found is None else found
    return "" if field in ("entry_path", "exit_path") else event.value(field)


def payload_property(event: Event, name: str) -> Any:
    """None: the payload has none."""
    found: Any = event.draft.sent_payload
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def as_text(value: Any) -> str:
    """As reports show it: numbers without closing zeros."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return format(Decimal(str(value)).normalize(), "f")
    return str(value)


def as_number(value: Any) -> Decimal | None:
    """The number, also of a text that is one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return Decimal(str(value)) if re.fullmatch(r"[-+]?[0-9]{1,18}(\.[0-9]{1,40})?", str(value)) else None


def _as_decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def matches_pattern(path: str, pattern: str) -> bool:
    """`*` is any text."""
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path))
