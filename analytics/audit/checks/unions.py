"""The unions of weeks and months against their days: events and users of each row. days.py calls it for a full audit.

Reports read unions in place of days, so a wrong union is as bad as a wrong day.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from analytics.audit.checks.site_audit import SiteAudit
from analytics.audit.checks.stored_users import decode_users
from analytics.rollups import rows
from analytics.rollups.closing.unions import read_span_rows
from analytics.rollups.deltas.counts import Count
from analytics.rollups.spans import DAY, UNION_KINDS, Span, whole_spans
from analytics.store.copy.binary_copy import BinaryRow, as_bool, as_int, as_text
from analytics.store.planner import force_index_lookups

# A range of pk_rollups; also finds a span without its total.
LIST_UNIONS = text("""
SELECT DISTINCT span, day
FROM rollups
WHERE site_id = :site_id AND span = ANY(:kinds) AND dimension = ANY(:dimensions) AND day < :after
ORDER BY span, day
""")


def check_unions(connection: Connection, audit: SiteAudit) -> None:
    """Adds a gap for each row of a week or month with an audited day that is not the union of its day rows."""
    force_index_lookups(connection)
    first, _ = audit.days.bounds
    for span in _list_unions(connection, audit):
        if span.end_day > first:
            audit.show_progress(_format_span(span))
            _check_span(connection, audit, span)


def _list_unions(connection: Connection, audit: SiteAudit) -> Iterable[Span]:
    _, after = audit.days.bounds
    names = {"kinds": list(UNION_KINDS), "dimensions": list(rows.UNION_DIMENSIONS)}
    found = connection.execute(LIST_UNIONS, {"site_id": audit.site.id, **names, "after": after}).all()
    return [Span(kind, day) for kind, day in found]


def _check_span(connection: Connection, audit: SiteAudit, span: Span) -> None:
    comparison = _UnionComparison(audit, span)
    spans = [span, *whole_spans(DAY, span.day, span.end_day)]
    read_span_rows(connection, audit.site.id, spans, comparison.add_row)
    comparison.finish_key()


def _format_span(span: Span) -> str:
    return f"{span.kind} of {span.day}"


class _UnionComparison:
    """Takes the rows of a span and of its days, sorted by key."""

    def __init__(self, audit: SiteAudit, span: Span) -> None:
        self._audit, self._span = audit, span
        self._key: tuple[bytes | None, ...] | None = None
        self._days, self._union = Count(), Count()

    def add_row(self, row: BinaryRow) -> None:
        kind, *key, events, users = row
        if self._key != tuple(key):
            self.finish_key()
            self._key, self._days, self._union = tuple(key), Count(), Count()
        count = self._days if as_text(kind or b"") == DAY else self._union
        count.add(Count(as_int(events or b""), decode_users(users)))

    def finish_key(self) -> None:
        """Compares the rows of the last key."""
        days, union, kind = self._days, self._union, self._span.kind
        if self._key is None or days == union:
            return
        where = self._format_key(self._key)
        if days.events != union.events:
            self._audit.add_gap(where, f"events of its days = of the {kind}", days.events, union.events)
        if days.users != union.users:
            differing = len(days.users ^ union.users)
            what = f"users of its days = of the {kind} ({differing:,} differ)"
            self._audit.add_gap(where, what, len(days.users), len(union.users))

    def _format_key(self, key: tuple[bytes | None, ...]) -> str:
        dimension, kind, subject, bot, value = (column or b"" for column in key)
        of_subject = f" of {as_text(subject)!r}" if subject else ""
        label = f"{as_text(kind)}{of_subject}{', bots' if as_bool(bot) else ''}"
        return f"{_format_span(self._span)} {as_text(dimension)} {as_text(value)!r} ({label})"
