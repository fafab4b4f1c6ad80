"""The names of event types as they are stored, and the other names that callers use for them; also of subjects. Pure.

Whatever names a type passes through `stored_type`: an event on its way in, a parameter, a filter, a setting, a
definition. So a caller finds an event by the name under which it was sent. Both lose outer white space, which nobody
sees in a list; rollups name the rest beyond a limit "(other) ", with a blank at its end (rollups/cardinality.py).
"""

from collections.abc import Mapping

PAGE_VIEW = "page_view"
# How long a page was looked at (reports/query/engagement.py).
ENGAGEMENT = "engagement"
# The fields of an event that pass through the functions below.
TRIMMED_FIELDS = ("type", "subject")
TYPE_ALIASES: Mapping[str, str] = {"pageview": PAGE_VIEW}


def names_of(stored: str) -> tuple[str, ...]:
    """Every name of the type that is stored under this one."""
    return (stored, *(alias for alias, name in TYPE_ALIASES.items() if name == stored))


def stored_type(name: str) -> str:
    """The name under which events of the type are stored; '' for white space alone, which no event has."""
    name = name.strip()
    return TYPE_ALIASES.get(name, name)


def stored_subject(text: str) -> str:
    """The subject (a short code) as it is stored; '' for none."""
    return text.strip()
