"""Column files against the rows that they stand for: events by UTC day, visits by day of the site.

days.py calls it for a full audit. Reports read files in place of rows, so a wrong file is as bad as a wrong row. What a
row becomes is said here once more, in Python, and shares nothing with the SQL that writes files.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from analytics.audit.checks.site_audit import SiteAudit
from analytics.clock import utc_midnight
from analytics.columnar import parquet
from analytics.columnar.columns import EVENTS, EVENTS_IN_VISITS, VISIT_TEXTS, VISITS
from analytics.rollups.visits.sessionization import GAP_US
from analytics.store.columns import event_files, visit_files
from analytics.store.folding import FOLDED_FIELDS, fold
from analytics.store.planner import allow_scans

# Rows in memory at a time.
ROWS_AT_A_TIME = 5_000
# Sums of hashes are the same in any order.
MODULUS = 1 << 64
ONE_DAY = timedelta(days=1)
# Of a visit that is not marked long, until half an hour after its last view.
LONGEST_REACH = timedelta(hours=6, minutes=30)
# Within what PostgreSQL and Python both write as an instant.
FIRST_DAY, LAST_DAY = date(1971, 1, 1), date(9990, 1, 1)

PLAIN_COLUMNS = [name for name in EVENTS.schema.names if name not in ("payload", "tie")]
# Partitions of the day.
READ_EVENTS = text(f"""
SELECT event_id, {", ".join(PLAIN_COLUMNS)}, CAST(payload AS text) AS payload
FROM events
WHERE site_id = :site_id AND ts >= :start AND ts < :end AND drain_no <= :through
""")  # noqa: S608  # of constants
LAST_DRAIN = text("""
SELECT max(drain_no) FROM events WHERE site_id = :site_id AND ts >= :start AND ts < :end
""")
# ix_visits_site_id_started_at.
READ_VISITS = text("SELECT * FROM visits WHERE site_id = :site_id AND started_at >= :start AND started_at < :end")
# ix_visits_long.
READ_EARLY_SESSIONS = text("""
SELECT user_no, session_id, is_bot
FROM visits
WHERE site_id = :site_id AND is_long AND started_at < :start AND ended_at >= :end
""")


class RowSum:
    """Rows: how many, and a number that depends on each of them and not on their order."""

    def __init__(self) -> None:
        self.rows = self.hashes = 0

    def add(self, row: Iterable[Any]) -> None:
        """Adds a row."""
        self.rows += 1
        self.hashes = (self.hashes + hash(tuple(row))) % MODULUS

    def equals(self, other: "RowSum") -> bool:
        """Whether both are of the same rows."""
        return (self.rows, self.hashes) == (other.rows, other.hashes)


def check_columns(connection: Connection, audit: SiteAudit) -> None:
    """Adds a gap for each day whose files hold other rows than PostgreSQL. Reads the rows of these days once."""
    allow_scans(connection)
    first, after = audit.days.bounds
    for day in event_files.read_coverage(connection, audit.site.id, first, after):
        audit.show_progress(f"{day.day} columns")
        _check_events(connection, audit, day)
    bounds = utc_midnight(max(first, FIRST_DAY)), utc_midnight(min(after, LAST_DAY))
    for file in visit_files.read_files(connection, audit.site.id, *bounds):
        audit.show_progress(f"{file.day} columns of visits")
        _check_visits(connection, audit, file)


def _check_events(connection: Connection, audit: SiteAudit, day: event_files.Coverage) -> None:
    start = utc_midnight(day.day)
    given = {"site_id": audit.site.id, "start": start, "end": start + ONE_DAY}
    last = connection.execute(LAST_DRAIN, given).scalar()
    # Retention deletes rows, and a day that had events stays listed.
    if last is not None and last > day.last_drain_no:
        audit.add_gap(f"{day.day} columns", "last drain of the events = known", last, day.last_drain_no)
    if day.through is None:
        return
    expected, found = RowSum(), RowSum()
    for row in _stream(connection, READ_EVENTS, {**given, "through": day.through}):
        expected.add(_event_row(row))
    for file in event_files.read_files(connection, audit.site.id, day.day, day.day + ONE_DAY):
        body = event_files.read_body(connection, file.id)
        _add_file(found, body, EVENTS)
        if body is not None and file.visits_version == day.visits_version:
            early = _read_early_sessions(connection, audit.site.id, start)
            right = file.rows - _count_wrong_visits(body, _visits_near(connection, audit.site.id, start), early)
            if right < file.rows:
                audit.add_gap(f"{day.day} columns", "events in their visits", file.rows, right)
    _compare(audit, f"{day.day} columns", expected, found)


# User, session and kind of client → first and last view and values of each visit.
_Visits = dict[tuple[Any, ...], list[tuple[int, int, list[Any]]]]


def _visits_near(connection: Connection, site_id: int, start: datetime) -> _Visits:
    """The visits that files name for events of the UTC day: of sessions with others, no event is named."""
    given = {"site_id": site_id, "start": start - LONGEST_REACH, "end": start + ONE_DAY}
    visits: _Visits = defaultdict(list)
    for row in _stream(connection, READ_VISITS, given):
        began, ended, *values = _plain_row(row, ("started_at", "ended_at", *VISIT_TEXTS))
        visits[row["user_no"], row["session_id"], row["is_bot"]].append((began, ended, values))
    return visits


def _read_early_sessions(connection: Connection, site_id: int, start: datetime) -> set[tuple[Any, ...]]:
    """The sessions of visits that began long before the UTC day and reach into it."""
    given = {"site_id": site_id, "start": start - LONGEST_REACH, "end": start - timedelta(microseconds=GAP_US)}
    return {tuple(row) for row in connection.execute(READ_EARLY_SESSIONS, given)}


def _count_wrong_visits(body: bytes, visits: _Visits, early: Container[tuple[Any, ...]]) -> int:
    """Of how many events the file names another visit than the one that they are in. Of sessions in `early` readers
    look it up, and of no others."""
    wrong = 0
    for batch in parquet.decode(body, EVENTS_IN_VISITS).to_batches(ROWS_AT_A_TIME):
        for row in batch.to_pylist():
            session = row["user_no"], row["session_id"] or "", row["is_bot"]
            if not row["is_named"] or session in early:
                wrong += row["is_named"] == (session in early)
                continue
            inside = [one for one in visits.get(session, []) if one[0] <= row["ts"] <= one[1] + GAP_US]
            own = [None if name in ("entry_path", "exit_path") else row[name] for name in VISIT_TEXTS]
            began, values = (inside[0][0], inside[0][2]) if inside else (None, own)
            found = [row[f"visit_{name}"] for name in VISIT_TEXTS]
            wrong += (row["visit_started_at"], found) != (began, values)
    return wrong


def _check_visits(connection: Connection, audit: SiteAudit, file: visit_files.VisitFile) -> None:
    expected, found = RowSum(), RowSum()
    for row in _stream(connection, READ_VISITS, {"site_id": audit.site.id, "start": file.start, "end": file.end}):
        expected.add(_plain_row(row, VISITS.schema.names))
    _add_file(found, visit_files.read_body(connection, audit.site.id, file), VISITS)
    _compare(audit, f"{file.day} columns of visits", expected, found)


def _stream(connection: Connection, query: Any, given: Mapping[str, Any]) -> Iterable[Any]:
    return connection.execute(query, given, execution_options={"yield_per": ROWS_AT_A_TIME}).mappings()


def _event_row(row: Mapping[str, Any]) -> Iterable[Any]:
    tie = str(row["event_id"]) if row["position"] < 0 else None
    return _plain_row({**row, "tie": tie}, EVENTS.schema.names)


def _plain_row(row: Mapping[str, Any], names: Iterable[str]) -> list[Any]:
    return [_value(row, name) for name in names]


def _value(row: Mapping[str, Any], name: str) -> Any:
    value = row[name]
    if name in ("region", "city"):
        places = [row["country"], row["region"], *([row["city"]] if name == "city" else [])]
        return "/".join(place or "" for place in places) if value else None
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if name in FOLDED_FIELDS and value:
        return fold(value)
    return None if value == "" else value


def _add_file(total: RowSum, body: bytes | None, kind: Any) -> None:
    if body is not None:
        for batch in parquet.decode(body, kind).to_batches(ROWS_AT_A_TIME):
            for row in batch.to_pylist():
                total.add(row.values())


def _compare(audit: SiteAudit, where: str, expected: RowSum, found: RowSum) -> None:
    if not expected.equals(found):
        what = "rows = rows in files" + (" (not the same ones)" if expected.rows == found.rows else "")
        audit.add_gap(where, what, expected.rows, found.rows)
