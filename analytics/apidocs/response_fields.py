"""Response fields declared by name: `class Meta: include = required(Integer, "views", "visits")`.

marshmallow adds the fields of `Meta.include` to the schema and to its subclasses.
"""

from typing import Any

from marshmallow import fields


def required(kind: type[fields.Field[Any]], *names: str) -> dict[str, fields.Field[Any]]:
    """Fields that every response has."""
    return {name: kind(required=True) for name in names}


def nullable(kind: type[fields.Field[Any]], *names: str) -> dict[str, fields.Field[Any]]:
    """Fields that every response has; null where there is no value."""
    return {name: kind(required=True, allow_none=True) for name in names}
