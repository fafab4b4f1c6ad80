"""The visit_unions of weeks and months against their days: sums and users of each row. days.py calls it, if full.

One dimension of a span is held in memory at a time.
"""

from collections import defaultdict

from sqlalchemy import Connection, text

from analytics.audit.checks.site_audit import SiteAudit
from analytics.audit.checks.stored_users import decode_visitors
from analytics.rollups.spans import Span
from analytics.rollups.visits.sums import LIST_DIMENSIONS
from analytics.rollups.visits.visitors import Visitors
from analytics.store.copy.binary_copy import BinaryRow, as_bool, as_int, as_text, stream_binary

# Ranges of pk_visit_unions; also finds a span without a dimension.
LIST_UNIONS = text("""
SELECT DISTINCT span, day FROM visit_unions WHERE site_id = :site_id AND day < :after ORDER BY span, day
""")
COLUMNS = "is_bot, value, visits, bounces, views, duration_us, users, repeats"
READ_UNION = f"""
SELECT {COLUMNS} FROM visit_unions
WHERE site_id = %(site_id)s AND span = %(span)s AND dimension = %(dimension)s AND day = %(first)s AND visits <> 0
"""  # noqa: S608  # of constants
READ_DAYS = f"""
SELECT {COLUMNS} FROM visit_rollups
WHERE site_id = %(site_id)s AND dimension = %(dimension)s AND day >= %(first)s AND day < %(after)s AND visits <> 0
"""  # noqa: S608  # of constants
# is_bot, value
RowKey = tuple[bool, str]


class _Row:
    """Sums of the visits of a key, and whose they are; None: not known."""

    def __init__(self) -> None:
        self.sums = [0, 0, 0, 0]
        self.visitors: Visitors | None = Visitors()

    def add(self, sums: list[int], users: bytes, repeats: bytes) -> None:
        self.sums = [total + part for total, part in zip(self.sums, sums, strict=True)]
        if not users:
            self.visitors = None
        elif self.visitors is not None:
            self.visitors.add(decode_visitors(users, repeats))

    @property
    def counts(self) -> dict[int, int]:
        return {} if self.visitors is None else self.visitors.counts()


def check_visit_unions(connection: Connection, audit: SiteAudit) -> None:
    """Adds a gap for each row of a week or month with an audited day that is not the sum of its days."""
    first, after = audit.days.bounds
    found = connection.execute(LIST_UNIONS, {"site_id": audit.site.id, "after": after}).all()
    for span in (Span(kind, day) for kind, day in found):
        if span.end_day > first:
            audit.show_progress(f"visits of the {span.kind} of {span.day}")
            for dimension in LIST_DIMENSIONS:
                _compare(connection, audit, span, dimension)


def _compare(connection: Connection, audit: SiteAudit, span: Span, dimension: str) -> None:
    parameters = {"site_id": audit.site.id, "span": span.kind, "dimension": dimension}
    parameters |= {"first": span.day, "after": span.end_day}
    days, union = (_read(connection, query, parameters) for query in (READ_DAYS, READ_UNION))
    for key in sorted(days.keys() | union.keys()):
        of_days, of_union = days.get(key, _Row()), union.get(key, _Row())
        is_bot, value = key
        where = f"{span.kind} of {span.day} {dimension} of visits {value!r}{' (bots)' if is_bot else ''}"
        for name, (right, wrong) in zip(
            ("visits", "bounces", "views", "duration_us"), zip(of_days.sums, of_union.sums, strict=True), strict=True
        ):
            if right != wrong:
                audit.add_gap(where, f"{name} of its days = of the {span.kind}", right, wrong)
        right_users, wrong_users = of_days.counts, of_union.counts
        if right_users != wrong_users:
            differing = len(dict(right_users.items() ^ wrong_users.items()))
            what = f"users of visits of its days = of the {span.kind} ({differing:,} differ)"
            audit.add_gap(where, what, len(right_users), len(wrong_users))


def _read(connection: Connection, query: str, parameters: dict[str, object]) -> dict[RowKey, _Row]:
    rows: dict[RowKey, _Row] = defaultdict(_Row)

    def add_row(row: BinaryRow) -> None:
        is_bot, value, *sums, users, repeats = row
        rows[as_bool(is_bot), as_text(value)].add(list(map(as_int, sums)), users, repeats)

    stream_binary(connection, query, parameters, add_row)
    return rows
