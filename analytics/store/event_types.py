"""The names of event types as they are stored, and the other names that callers use for them. Pure.

Whatever names a type passes through `stored_type`: an event on its way in, a parameter, a filter, a setting, a
definition. So a caller finds an event by the name under which it was sent.
"""

from collections.abc import Mapping

PAGE_VIEW = "page_view"
# How long a page was looked at (reports/query/engagement.py).
ENGAGEMENT = "engagement"
TYPE_ALIASES: Mapping[str, str] = {"pageview": PAGE_VIEW}


def names_of(stored: str) -> tuple[str, ...]:
    """Every name of the type that is stored under this one."""
    return (stored, *(alias for alias, name in TYPE_ALIASES.items() if name == stored))


def stored_type(name: str) -> str:
    """The name under which events of the type are stored."""
    return TYPE_ALIASES.get(name, name)
