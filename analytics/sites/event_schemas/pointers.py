"""Places in an event or a schema, as a field's name and a JSON Pointer (RFC 6901) below it: `payload/items/0`. Pure."""

from collections.abc import Iterable

MAX_POINTER_CHARACTERS = 200


def join_pointer(field: str, names: Iterable[str | int]) -> str:
    """The pointer of the members `names` below the field; a long one is cut."""
    escaped = (str(name).replace("~", "~0").replace("/", "~1") for name in names)
    return "/".join((field, *escaped))[:MAX_POINTER_CHARACTERS]
