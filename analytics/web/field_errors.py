"""What is wrong with a value that a marshmallow schema refused: the problem, what is accepted, and an example.

web/validation.py calls `explain`. No text of marshmallow is passed on; texts of our own validators are.
"""

import json
from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range, Regexp

MAX_NAME_CHARS = 80
MAX_VALUE_CHARS = 60
# A value that a hook of the schema has made of something else, or that is not there.
UNKNOWN, MISSING = object(), object()
NOUNS: Mapping[type[fields.Field[Any]], str] = {
    fields.Integer: "a whole number",
    fields.Float: "a number",
    fields.Boolean: "true or false",
    fields.UUID: "a UUID",
    fields.Date: "a date",
    fields.AwareDateTime: "an RFC 3339 time with a zone",
    fields.Nested: "an object",
    fields.Dict: "an object",
    fields.String: "text",
}
EXAMPLES: Mapping[type[fields.Field[Any]], Any] = {
    fields.Integer: 7,
    fields.Float: 1.5,
    fields.Boolean: True,
    fields.UUID: "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34",
    fields.Date: "2026-11-23",
    fields.AwareDateTime: "2026-01-31T12:00:00Z",
    fields.Dict: {"plan": "pro"},
    fields.String: "abc",
}
# Texts have no example in their type; these names mean the same in every schema.
TEXT_EXAMPLES: Mapping[str, str] = {
    "site": "shop",
    "site_id": "shop",
    "website_id": "shop",
    "key": "shop",
    "zone": "Europe/Berlin",
    "timezone": "Europe/Berlin",
    "date": "2026-11-23",
    "days": "7",
    "hours": "24",
    "from": "2026-11-01",
    "to": "2026-11-23",
    "at": "06:30",
    "type": "page_view",
    "event_name": "signup",
    "user_id": "user-1",
    "path": "/pricing",
    "filter": "country==DE",
    "where": "country==DE",
    "property": "plan",
    "amount": "9.90",
    "currency": "EUR",
    "variant": "payload.variant",
    "goal": "signup",
    "weight": "control:0.5",
    "columns": "ts",
    "callback_url": "https://example.com/done",
}


class FieldError(NamedTuple):
    """`name` is the schema's field, `path` the place in it, as filter[type][0]; `kind`: unknown, missing or invalid."""

    name: str
    path: str
    kind: str
    detail: str


def explain(schema: Schema, data: Mapping[str, Any], messages: Mapping[str, Any], is_query: bool) -> list[FieldError]:
    """One error for each name in marshmallow's `messages`: of an array or an object the first, however deep it is."""
    return [
        _Walk(name, is_query).explain(_find_field(schema, name), _read(data, name), inner, schema)
        for name, inner in messages.items()
    ]


def field_names(schema: Schema) -> list[str]:
    """The names as callers write them."""
    return [field.data_key or name for name, field in schema.fields.items()]


class _Walk:
    """The way down marshmallow's messages to the first that is a text."""

    def __init__(self, name: str, is_query: bool) -> None:
        self.name, self.path, self.is_query = name[:MAX_NAME_CHARS], name[:MAX_NAME_CHARS], is_query

    def explain(self, field: fields.Field[Any] | None, value: Any, messages: Any, schema: Schema) -> FieldError:
        if field is None:
            noun = "parameter" if self.is_query else "field"
            return self._error("unknown", f"no such {noun}; accepted: {', '.join(field_names(schema))}")
        if isinstance(messages, Mapping) and "_schema" not in messages:
            key, inner = next(iter(messages.items()))
            self._descend(key)
            if isinstance(field, fields.Nested):
                return self.explain(_find_field(field.schema, key), _read(value, key), inner, field.schema)
            if isinstance(field, fields.Dict):
                part, texts = next(iter(inner.items()))
                self._descend(part)
                entry = (field.key_field, key) if part == "key" else (field.value_field, _read(value, key))
                return self.explain(*entry, texts, schema)
            item = field.inner if isinstance(field, fields.List) else field
            return self.explain(item, _read(value, key), inner, schema)
        return self._explain_value(field, value, _first_text(messages))

    def _descend(self, key: Any) -> None:
        self.path = f"{self.path}[{str(key)[:MAX_NAME_CHARS]}]"

    def _explain_value(self, field: fields.Field[Any], value: Any, text: str) -> FieldError:
        hint = f"accepted: {_accepted(field)}, for example {self._example(field)}"
        if value is MISSING and field.required:
            return self._error("missing", f"missing; {hint}")
        if value is UNKNOWN:
            return self._error("invalid", f"this value is not accepted; {hint}")
        if value is MISSING:
            return self._error("invalid", text)
        if value is None and not field.allow_none:
            return self._error("invalid", f"null is not accepted; {hint}")
        if _has_wrong_type(field, value):
            return self._error("invalid", f"{_shown(value)} is not {_noun(field)}; {hint}")
        if (problem := _broken_rule(field, value)) is not None:
            return self._error("invalid", f"{problem}; {hint}")
        return self._error("invalid", text)

    def _error(self, kind: str, detail: str) -> FieldError:
        return FieldError(self.name, self.path, kind, detail)

    def _example(self, field: fields.Field[Any]) -> str:
        name = self.path.split("[")[-1].rstrip("]")
        name = self.name if name.isdigit() else name
        value = _example(field, name)
        if not self.is_query:
            return json.dumps(value, ensure_ascii=False)
        single = value[0] if isinstance(value, list) else value
        return f"{self.name}={json.dumps(single) if isinstance(single, bool) else single}"


def _find_field(schema: Schema, name: str) -> fields.Field[Any] | None:
    return next((field for key, field in schema.fields.items() if (field.data_key or key) == name), None)


def _read(data: Any, key: Any) -> Any:
    """The value at `key`. A text where an array is accepted is its one item; `tag.a=b` is the entry `a` of `tag`."""
    if isinstance(data, Mapping):
        entries = {name.removeprefix(f"{key}."): data[name] for name in data if name.startswith(f"{key}.")}
        return data.get(key, entries or MISSING)
    if isinstance(data, list):
        return data[key] if isinstance(key, int) and key < len(data) else UNKNOWN
    return data if isinstance(data, str) else UNKNOWN


def _first_text(messages: Any) -> str:
    while isinstance(messages, (Mapping, list)):
        messages = next(iter(messages.values())) if isinstance(messages, Mapping) else messages[0]
    return str(messages)


def _has_wrong_type(field: fields.Field[Any], value: Any) -> bool:
    if isinstance(field, fields.Nested):
        return not isinstance(value, Mapping)
    unchecked = copy(field)
    unchecked.validators = []
    try:
        unchecked.deserialize(value)
    except ValidationError:
        return True
    return False


def _broken_rule(field: fields.Field[Any], value: Any) -> str | None:
    """What the first validator that refuses the value is about; None when it has a text of its own."""
    unchecked = copy(field)
    unchecked.validators = []
    loaded = value if isinstance(field, fields.Nested) else unchecked.deserialize(value)
    for validator in field.validators:
        try:
            validator(loaded)
        except ValidationError:
            return _rule_problem(validator, loaded)
    return None


def _rule_problem(validator: Any, value: Any) -> str | None:
    if isinstance(validator, Length):
        unit = "characters" if isinstance(value, str) else "entries"
        is_short = validator.min is not None and len(value) < validator.min
        return f"{len(value)} {unit} are too {'few' if is_short else 'many'}"
    if isinstance(validator, Range):
        return f"{_shown(value)} is out of range"
    if isinstance(validator, OneOf):
        return f"{_shown(value)} is not known"
    if isinstance(validator, Regexp) and validator.error == validator.default_message:
        return f"{_shown(value)} has another form"
    return None


def _accepted(field: fields.Field[Any]) -> str:
    if choice := _rule(field, OneOf):
        return ", ".join(str(word) for word in choice.choices)
    if isinstance(field, fields.List):
        size = _rule(field, Length)
        return f"an array{f' of {_span(size)} entries' if size else ''}, each {_accepted(field.inner)}"
    noun = _noun(field)
    if limits := _rule(field, Range):
        return f"{noun} from {limits.min} to {limits.max}"
    if size := _rule(field, Length):
        return f"{noun} of {_span(size)} {'characters' if isinstance(field, fields.String) else 'entries'}"
    return noun


def _span(size: Length) -> str:
    if size.max is None:
        return f"at least {size.min}"
    return f"{size.min} to {size.max}" if size.min else f"at most {size.max}"


def _rule(field: fields.Field[Any], kind: type[Any]) -> Any:
    return next((validator for validator in field.validators if isinstance(validator, kind)), None)


def _noun(field: fields.Field[Any]) -> str:
    return "an array" if isinstance(field, fields.List) else _by_type(NOUNS, field, "a value of another type")


def _by_type(table: Mapping[type[fields.Field[Any]], Any], field: fields.Field[Any], default: Any) -> Any:
    return next((table[kind] for kind in type(field).__mro__ if kind in table), default)


def _example(field: fields.Field[Any], name: str) -> Any:
    """The field's `metadata["example"]`, else one that its rules, its name or its type give."""
    if "example" in field.metadata:
        return field.metadata["example"]
    if choice := _rule(field, OneOf):
        return next(iter(choice.choices))
    if isinstance(field, fields.List):
        size = _rule(field, Length)
        return [_example(field.inner, name)] * max(1, size.min or 1 if size else 1)
    if isinstance(field, fields.Nested):
        return dict(_example_entries(field.schema))
    if limits := _rule(field, Range):
        return max(limits.min or 0, min(10, limits.max if limits.max is not None else 10))
    is_text = isinstance(field, fields.String)
    return (TEXT_EXAMPLES.get(name) if is_text else None) or _by_type(EXAMPLES, field, "abc")


def _example_entries(schema: Schema) -> Iterator[tuple[str, Any]]:
    """Of an object the required fields, else the first."""
    names = {field.data_key or key: field for key, field in schema.fields.items()}
    needed = {name: field for name, field in names.items() if field.required} or dict(list(names.items())[:1])
    for name, field in needed.items():
        yield name, _example(field, name)


def example_object(schema: Schema) -> str:
    """An object that the schema accepts, as JSON."""
    return json.dumps(dict(_example_entries(schema)), ensure_ascii=False)


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"
