"""The unions of weeks and months against their days: each row's events and people.

Reports read them in place of days, so a union that is wrong is as bad as a day that is. Called for `--full`.
"""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, text

from analytics.audit.sheet import Gap, Progress, Sheet
from analytics.rollups import rows, users
from analytics.rollups.compaction import read_parts
from analytics.rollups.delta import Count
from analytics.rollups.spans import DAY, UNIONS, Span, whole
from analytics.rollups.users import as_bool, as_int, as_text
from analytics.sites import Site

# A range of pk_rollups; also of a span that lacks its total.
UNITED = text("""
SELECT DISTINCT span, day
FROM rollups
WHERE site_id = :site_id AND span = ANY(:kinds) AND dimension = ANY(:dimensions) AND day < :after
ORDER BY span, day
""")


def check_unions(connection: Connection, site: Site, first: date, after: date, tell: Progress, sheet: Sheet) -> None:
    """Adds a gap for each row of a week or month with any of the days that is not the union of its day rows."""
    connection.execute(rows.BY_INDEX)
    given = {"site_id": site.id, "kinds": list(UNIONS), "dimensions": list(rows.UNITED), "after": after}
    spans = [Span(kind, day) for kind, day in connection.execute(UNITED, given)]
    for span in spans:
        if span.after > first:
            tell(f"{site.key} {_name(span)}")
            sheet.gaps += _gaps(connection, site, span)


def _gaps(connection: Connection, site: Site, span: Span) -> Iterable[Gap]:
    check = _Check(site.key, span)
    read_parts(connection, site.id, [span, *whole(DAY, span.day, span.after)], check.take)
    check.finish()
    return check.gaps


def _name(span: Span) -> str:
    return f"{span.kind} of {span.day}"


class _Check:
    """Takes the rows of a span and of its days, those of one key after each other."""

    def __init__(self, site: str, span: Span) -> None:
        self._site, self._span = site, span
        self._key: tuple[bytes | None, ...] | None = None
        self._days, self._union = Count(), Count()
        self.gaps: list[Gap] = []

    def take(self, row: users.Row) -> None:
        kind, *columns, events, stored = row
        if self._key != tuple(columns):
            self.finish()
            self._key, self._days, self._union = tuple(columns), Count(), Count()
        into = self._days if as_text(kind or b"") == DAY else self._union
        into.add(Count(as_int(events or b""), users.unpack(stored or b"")))

    def finish(self) -> None:
        """Compares what was taken of the last key."""
        if self._key is None or self._days == self._union:
            return
        dimension, kind, subject, bot, value = (column or b"" for column in self._key)
        whose = f" of {as_text(subject)!r}" if subject else ""
        where = f"{_name(self._span)} {as_text(dimension)} {as_text(value)!r}"
        where += f" ({as_text(kind)}{whose}{', bots' if as_bool(bot) else ''})"
        days, union = self._days, self._union
        if days.events != union.events:
            what = f"events of its days = of the {self._span.kind}"
            self.gaps.append(Gap(self._site, where, what, days.events, union.events))
        if days.users != union.users:
            what = f"users of its days = of the {self._span.kind} ({len(days.users ^ union.users):,} differ)"
            self.gaps.append(Gap(self._site, where, what, len(days.users), len(union.users)))
