"""Stored events checked by schemas: what of them would have been refused. Writes nothing.

The command and the route call it, with schemas that are set or that might be. Memory is bounded: events come in pages,
reasons are counted by place, and of each reason a few examples are kept.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.sites.event_schemas.problems import SchemaProblem
from analytics.sites.event_schemas.validators import EventValidator
from analytics.sites.sites import Site
from analytics.store.planner import force_time_scan
from analytics.store.reading import read_transaction

EVENTS_AT_A_TIME = 2000
# Names of properties that strangers choose are part of a reason.
MAX_REASONS, MAX_EXAMPLES = 1000, 5
OTHER_REASONS = "(other)"
_decode = msgspec.json.Decoder(dict[str, Any] | None).decode

# A scan of ix_events_ts: `site_id + 0` leaves out the index that leads with the site and has no time.
READ_PAYLOADS = text("""
SELECT event_id, type, CAST(payload AS text) AS payload
FROM events
WHERE site_id + 0 = :site_id AND ts >= :start AND ts < :end AND type = ANY(:types)
LIMIT :most
""")


class DayRange(NamedTuple):
    """Calendar days of the site, `[first, after)`."""

    first: date
    after: date

    def newest_first(self) -> Iterator[date]:
        """Each day, the last one first."""
        for number in range((self.after - self.first).days):
            yield self.after - timedelta(days=number + 1)


class Reason(NamedTuple):
    """Why events of a type would be refused: `field` is a pointer with `*` for each index."""

    type: str
    field: str
    keyword: str


class Example(NamedTuple):
    """One problem of a stored event."""

    event_id: str
    field: str
    detail: str


@dataclass
class CheckResult:
    """`checked` and `refused`: events by type; `reasons`: problems, of which an event may have several. `since`: the
    start of the oldest day that was read to its end; None: none was."""

    checked: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    examples: dict[Reason, list[Example]] = field(default_factory=dict)
    since: datetime | None = None
    is_complete: bool = True

    def count(self, event_id: str, type_name: str, problems: list[SchemaProblem]) -> None:
        """Adds an event."""
        self.checked[type_name] += 1
        self.refused[type_name] += bool(problems)
        # Several items of an array are one reason.
        reasons = {_reason_of(type_name, problem): problem for problem in reversed(problems)}
        for found, problem in reasons.items():
            is_new = found not in self.reasons and len(self.reasons) >= MAX_REASONS
            reason = Reason(type_name, OTHER_REASONS, OTHER_REASONS) if is_new else found
            self.reasons[reason] += 1
            examples = self.examples.setdefault(reason, [])
            if len(examples) < MAX_EXAMPLES:
                examples.append(Example(event_id, problem.field(), problem.detail))

    def as_json(self) -> dict[str, Any]:
        """The counts and examples in plain values, the most frequent reason first."""
        reasons = [
            {**reason._asdict(), "events": count, "examples": [one._asdict() for one in self.examples[reason]]}
            for reason, count in self.reasons.most_common()
        ]
        types = {
            name: {"checked": count, "refused": self.refused[name]} for name, count in sorted(self.checked.items())
        }
        since = None if self.since is None else clock.format_rfc3339(self.since, "seconds")
        return {"complete": self.is_complete, "since": since, "types": types, "reasons": reasons}


def check_stored_events(
    engine: Engine,
    site: Site,
    validators: Mapping[str, EventValidator],
    days: DayRange,
    *,
    limit: int | None = None,
    timeout_s: float = 0.0,
    on_day: Callable[[int], None] = lambda _events: None,
) -> CheckResult:
    """What of the stored events of these types and days would be refused, the newest day first, at most `limit` events.

    `on_day` is called after each day with the number of events so far. Each day is a transaction of its own, whose
    statement ends after `timeout_s` (0: never).
    """
    result, zone = CheckResult(), clock.zone(site.zone)
    for day in days.newest_first():
        start, end = clock.day_bounds(day, zone)
        left = None if limit is None else limit - result.checked.total()
        with read_transaction(engine, timeout_s) as connection:
            count = 0
            for event_id, type_name, payload in _read_payloads(connection, site, [*validators], start, end, left):
                count += 1
                problems = validators[type_name].find_problems(_decode(payload or "null"), len(payload or ""))
                result.count(str(event_id), type_name, problems)
        on_day(result.checked.total())
        if left is not None and count >= left:
            # There may be more of this day.
            result.is_complete = False
            return result
        result.since = start
    return result


def _read_payloads(
    connection: Connection, site: Site, types: list[str], start: datetime, end: datetime, most: int | None
) -> Iterator[tuple[Any, str, str | None]]:
    force_time_scan(connection)
    bounds = {"site_id": site.id, "start": start, "end": end, "types": types, "most": most}
    rows = connection.execute(READ_PAYLOADS, bounds, execution_options={"yield_per": EVENTS_AT_A_TIME})
    for row in rows:
        yield row.event_id, row.type, row.payload


def _reason_of(type_name: str, problem: SchemaProblem) -> Reason:
    places = tuple("*" if isinstance(name, int) else name for name in problem.path)
    return Reason(type_name, problem._replace(path=places).field(), problem.keyword)
