"""What JSON may hold and PostgreSQL cannot store: NUL, very long integers, deep nesting. Pure.

rejections.py and events.py call it. A body of a few hundred compressed bytes may hold a million values, so each check
costs some nanoseconds a value: the place of a fault is searched only once there is one.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

MAX_DEPTH = 16
MAX_INTEGER_DIGITS = 300
MAX_INTEGER = 10**MAX_INTEGER_DIGITS
# field, code, detail
Fault = tuple[str, str, str]
TOO_DEEP = f"nested too deeply; accepted: at most {MAX_DEPTH} levels"
INTEGER_TOO_LONG = f"an integer has more than {MAX_INTEGER_DIGITS} digits; send it as text"
NUL = "a NUL character cannot be stored; remove it"
# An escaped NUL: of the backslashes before it an even number escape each other.
_NUL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_LONG_DIGITS = re.compile(rb"(?<!\d)\d{%d}" % (MAX_INTEGER_DIGITS + 1))


def find_unstorable(raw: bytes, value: Any) -> Fault | None:
    """What PostgreSQL would refuse of `value`, decoded from `raw`. The decoder has refused lone surrogates."""
    if is_deeper(value, MAX_DEPTH + 1):
        return "", "too_deep", TOO_DEEP
    if holds_nul(raw):
        return _place(value, _holds_nul), "nul", NUL
    if len(raw) > MAX_INTEGER_DIGITS and _LONG_DIGITS.search(raw) and any(map(_is_too_long, _walk(value))):
        return _place(value, _is_too_long), "out_of_range", INTEGER_TOO_LONG
    return None


def holds_nul(raw: bytes) -> bool:
    """Whether the JSON escapes a NUL somewhere."""
    return b"\\u0000" in raw and _NUL_ESCAPE.search(raw) is not None


def is_deeper(value: Any, levels: int) -> bool:
    """True for more levels of objects and arrays than that."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(levels):
        level = [inner for outer in level for inner in _members(outer) if type(inner) is dict or type(inner) is list]
        if not level:
            return False
    return bool(level)


def _members(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is dict else value


def _walk(value: Any) -> Iterator[Any]:
    """The value and all inside it, level by level."""
    level = [value]
    while level:
        yield from level
        level = [inner for outer in level if type(outer) is dict or type(outer) is list for inner in _members(outer)]


def _holds_nul(value: Any) -> bool:
    return type(value) is str and "\x00" in value


def _is_too_long(value: Any) -> bool:
    return type(value) is int and not -MAX_INTEGER <= value <= MAX_INTEGER


def _place(value: Any, is_fault: Any) -> str:
    """Path of the first fault, as payload.items.0; that of the object for a fault in a name."""
    path: list[str] = []
    _search(value, is_fault, path)
    return ".".join(reversed(path))[:200].replace("\x00", "\\u0000")


def _search(value: Any, is_fault: Any, path: list[str]) -> bool:
    if type(value) is dict:
        if any(map(is_fault, value)):
            if not path:
                path.append("(name)")
            return True
        named: Iterable[tuple[Any, Any]] = value.items()
    elif type(value) is list:
        named = enumerate(value)
    else:
        return bool(is_fault(value))
    for name, inner in named:
        if _search(inner, is_fault, path):
            path[:] = [place for place in path if place != "(name)"]
            path.append(str(name))
            return True
    return False
