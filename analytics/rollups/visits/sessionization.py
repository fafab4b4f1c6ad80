"""A visit: a run of one user's page views without a gap of more than 30 minutes. Pure.

A VisitPart is what one chunk of events holds of a visit; `join_parts` joins parts. deltas/counts.py builds parts,
store.py stores what they join to. Why visits are counted as they grow: docs/decisions/0005.
"""

from collections.abc import Iterable
from operator import attrgetter, itemgetter
from typing import NamedTuple

GAP_US = 30 * 60 * 1_000_000
# The fields of VisitPart.entry, in this order.
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
    "utm_term",
    "utm_content",
    "region",
    "city",
    "channel",
)
# Their columns in `visits`: the path of the first view is the entry path.
ENTRY_COLUMNS = ("entry_path", *ENTRY_FIELDS[1:])
# The columns whose values go together. Few combinations make up most visits, so what is done once a combination, and
# not once a field, is done six times a visit instead of sixteen.
FACETS = (
    ("entry_path",),
    ("source", "referrer", "channel"),
    ("country", "region", "city"),
    ("browser", "os", "device"),
    ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
)
_referral, _place = (itemgetter(*map(ENTRY_COLUMNS.index, facet)) for facet in FACETS[1:3])
_AGENT, _CAMPAIGN = (slice(ENTRY_COLUMNS.index(facet[0]), ENTRY_COLUMNS.index(facet[-1]) + 1) for facet in FACETS[3:])


def split_entry(entry: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The values of each of FACETS."""
    return entry[:1], _referral(entry), _place(entry), entry[_AGENT], entry[_CAMPAIGN]


# The receipt of a page view that an earlier release stored or counted: before all others, none before the other.
NO_RECEIPT = 0
_POSITION_BITS = 32


def make_receipt(received_us: int, position: int) -> int:
    """The order of receipt as one number: when the batch was received (µs since 1970), then the index in it."""
    return received_us << _POSITION_BITS | position


def split_receipt(receipt: int) -> tuple[int, int]:
    """The two arguments of `make_receipt`."""
    return receipt >> _POSITION_BITS, receipt & (1 << _POSITION_BITS) - 1


# user_no, session_id, is_bot: the first three fields of a VisitPart. Only page views of one key form a visit.
VisitKey = tuple[int, str, bool]


class VisitPart(NamedTuple):
    """All known page views of a visit, or a whole stored visit. Times: µs since 1970."""

    user_no: int
    # '' when the client sent none.
    session_id: str
    is_bot: bool
    start_us: int
    end_us: int
    views: int
    # Of the first view, and of the last.
    entry_receipt: int
    exit_receipt: int
    # ENTRY_FIELDS of the first view, '' for an absent one.
    entry: tuple[str, ...]
    exit_path: str


def join_parts(parts: Iterable[VisitPart]) -> list[VisitPart]:
    """The parts, those within 30 minutes of each other joined; in any order.

    The result is a function of the set of page views: neither order nor grouping of earlier joins changes it. Costs
    0.3 µs a part when nothing is joined.
    """
    single: dict[VisitKey, VisitPart] = {}
    several: dict[VisitKey, list[VisitPart]] = {}
    for part in parts:
        key = part[:3]
        if key in single:
            several.setdefault(key, [single[key]]).append(part)
        else:
            single[key] = part
    for key in several:
        del single[key]
    return [*single.values(), *(visit for parts_of_key in several.values() for visit in _join_neighbours(parts_of_key))]


def _join_neighbours(parts: list[VisitPart]) -> Iterable[VisitPart]:
    """Parts of one key → its visits, in order of time."""
    parts.sort(key=attrgetter("start_us"))
    current = parts[0]
    for part in parts[1:]:
        if part.start_us - current.end_us <= GAP_US:
            current = join_pair(current, part)
        else:
            yield current
            current = part
    yield current


def join_pair(one: VisitPart, other: VisitPart) -> VisitPart:
    """Both as one; the order of arguments has no effect. Views of the same microsecond are ordered by their receipt.

    Equal receipts are those of earlier releases, and of batches that two processes received in one microsecond: such
    views are ordered by their values.
    """
    user_no, session_id, is_bot, start_us, end_us, views, entry_receipt, exit_receipt, entry, exit_path = one
    if other.start_us <= start_us and (other.start_us, other.entry_receipt, other.entry) < (
        start_us,
        entry_receipt,
        entry,
    ):
        start_us, entry_receipt, entry = other.start_us, other.entry_receipt, other.entry
    if other.end_us >= end_us and (other.end_us, other.exit_receipt, other.exit_path) > (
        end_us,
        exit_receipt,
        exit_path,
    ):
        end_us, exit_receipt, exit_path = other.end_us, other.exit_receipt, other.exit_path
    views += other.views
    return VisitPart(
        user_no, session_id, is_bot, start_us, end_us, views, entry_receipt, exit_receipt, entry, exit_path
    )
