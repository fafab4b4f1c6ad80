"""A request's query string and JSON body, read by a marshmallow schema.

Views call `read_query` and `load_json_body`, commands `load_object`. An unknown name is refused, never ignored; each
problem names the field and says what is accepted (web/field_errors.py). apidocs/parameters.py calls
`refuse_unknown_names` for every operation.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
from flask import request
from marshmallow import Schema, ValidationError, fields
from werkzeug.datastructures import MultiDict

from analytics.errors import BadInput, Invalid, Problem, UnsupportedMedia
from analytics.web.field_errors import example_object, explain, field_names
from analytics.web.json_errors import not_json

# Of many problems the summary names the first ones; `errors` has them all.
MAX_SUMMARISED = 5
# auth/credentials.py reads them, on every route.
CREDENTIAL_PARAMETERS = {"key", "share"}
BODY_CODES = {"unknown": "unknown_field", "missing": "missing"}


def read_query(schema: Schema, args: "MultiDict[str, str]") -> dict[str, Any]:
    """The parameters as values. Raises BadInput with every parameter that is unknown, repeated or wrong."""
    lists = {name for name, field in schema.fields.items() if isinstance(field, fields.List)}
    given = [(name, values) for name, values in args.lists() if name not in CREDENTIAL_PARAMETERS]
    problems = [
        Problem(None, name[:80], "repeated", f"{name[:80]}: given {len(values)} times; accepted: once")
        for name, values in given
        if len(values) > 1 and name not in lists
    ]
    parameters = {name: values if name in lists else values[0] for name, values in given}
    query: dict[str, Any] = {}
    try:
        query = schema.load(parameters)
    except ValidationError as error:
        for name, _, kind, detail in explain(schema, parameters, error.messages_dict, is_query=True):
            code = "unknown_parameter" if kind == "unknown" else "bad_parameter"
            problems.append(Problem(None, name, code, f"{name}: {detail}"))
    if problems:
        raise BadInput(_summary([problem.detail for problem in problems]), problems)
    return query


def refuse_unknown_names(schema: type[Schema] | None, names: Iterable[str]) -> None:
    """Raises BadInput with every parameter that is not in the schema; `tag.plan` is an entry of its field `tag`."""
    known, groups = _parameters_of(schema) if schema else ((), frozenset())
    problems = [
        Problem(None, name[:80], "unknown_parameter", f"{name[:80]}: no such parameter; accepted: {_listed(known)}")
        for name in names
        if name not in known and name.partition(".")[0] not in groups
    ]
    if problems:
        raise BadInput(_summary([problem.detail for problem in problems]), problems)


# To make a schema takes longer than to accept an event.
@lru_cache(maxsize=256)
def _parameters_of(schema: type[Schema]) -> tuple[tuple[str, ...], frozenset[str]]:
    """The names of its parameters, and those among them that have entries."""
    made = schema()
    groups = (name for name, field in made.fields.items() if isinstance(field, fields.Dict))
    return tuple(field_names(made)), frozenset(groups)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def load_json_body(schema: Schema) -> dict[str, Any]:
    """The request's JSON object by `schema`. Raises UnsupportedMedia, BadInput, and Invalid with every bad field."""
    return load_object(schema, _read_json_object(schema))


def load_object(schema: Schema, body: dict[str, Any]) -> dict[str, Any]:
    """The object by `schema`. Raises Invalid with every bad field."""
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        problems = [
            Problem(None, path, BODY_CODES.get(kind, "invalid"), detail)
            for _, path, kind, detail in explain(schema, body, error.messages_dict, is_query=False)
        ]
        raise Invalid(_summary([f"{problem.field}: {problem.detail}" for problem in problems]), problems) from error
    return loaded


def _read_json_object(schema: Schema) -> dict[str, Any]:
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise UnsupportedMedia(
            f"Content-Type {request.mimetype[:80]!r} is not accepted; accepted: application/json, for example "
            f"Content-Type: application/json with the body {example_object(schema)}"
        )
    raw = request.get_data()
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if not isinstance(error, msgspec.ValidationError) or "Expected" not in str(error):
            raise not_json(error, raw) from error
        example = example_object(schema)
        raise BadInput(f"the body is not an object; accepted: one JSON object, for example {example}") from error


def _summary(details: list[str]) -> str:
    left = len(details) - MAX_SUMMARISED
    return "; ".join([*details[:MAX_SUMMARISED], *([f"and {left} more, in errors"] if left > 0 else [])])
