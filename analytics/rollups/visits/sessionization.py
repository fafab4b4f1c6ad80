"""What a visit is: a run of one user's page views without a gap of more than 30 minutes. Pure.

A Touch is a part of a visit, as far as one chunk of events knows it; `fold` joins parts. delta.py makes touches,
visit_store.py keeps what they fold to. Why visits are counted as they grow: docs/decisions/0005.
"""

from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

GAP_US = 30 * 60 * 1_000_000
# What Touch.entry holds, in this order.
ENTRY_FIELDS = (
    "path",
    "source",
    "referrer",
    "country",
    "browser",
    "os",
    "device",
    "utm_source",
    "utm_medium",
    "utm_campaign",
)


# user_no, session_id, is_bot: a Touch's first three, whose page views make visits among themselves.
Key = tuple[int, str, bool]


class Touch(NamedTuple):
    """A run of page views of one (user, session), and all of them that somebody knows of. Times: us since 1970."""

    user_no: int
    # '' where the caller sent none.
    session_id: str
    is_bot: bool
    start_us: int
    end_us: int
    views: int
    # ENTRY_FIELDS of the first view, '' where it has none.
    entry: tuple[str, ...]
    exit_path: str


def fold(touches: Iterable[Touch]) -> list[Touch]:
    """The touches with those joined that lie within 30 minutes of each other; in any order.

    The result is a function of the set of page views behind: neither order nor grouping of earlier folds changes it.
    Costs 0.3 us a touch where nothing is to be joined.
    """
    first: dict[Key, Touch] = {}
    runs: dict[Key, list[Touch]] = {}
    for touch in touches:
        key = touch[:3]
        if key in first:
            runs.setdefault(key, [first[key]]).append(touch)
        else:
            first[key] = touch
    for key in runs:
        del first[key]
    return [*first.values(), *(joined for run in runs.values() for joined in _join_neighbours(run))]


def _join_neighbours(run: list[Touch]) -> Iterable[Touch]:
    """Touches of one user and session → its visits, in order of time."""
    run.sort(key=attrgetter("start_us"))
    current = run[0]
    for touch in run[1:]:
        if touch.start_us - current.end_us <= GAP_US:
            current = join(current, touch)
        else:
            yield current
            current = touch
    yield current


def join(one: Touch, other: Touch) -> Touch:
    """Both as one. Ties, views of the same microsecond, are decided by their values, so that order does not matter."""
    user_no, session_id, is_bot, start_us, end_us, views, entry, exit_path = one
    if other.start_us < start_us or (other.start_us == start_us and other.entry < entry):
        start_us, entry = other.start_us, other.entry
    if other.end_us > end_us or (other.end_us == end_us and other.exit_path > exit_path):
        end_us, exit_path = other.end_us, other.exit_path
    return Touch(user_no, session_id, is_bot, start_us, end_us, views + other.views, entry, exit_path)
