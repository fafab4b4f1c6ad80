"""What a filter selects, counted slowly in Python over the stored rows: the meaning of docs/decisions/0043."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from tests.model.filters import Condition, as_text, parse_filter

GAP = timedelta(minutes=30)
REFERRAL = ("source", "channel", "referrer", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
CLIENT = ("country", "region", "city", "browser", "os", "device")
VISIT_FIELDS = {*REFERRAL, *CLIENT, "entry_path", "exit_path"}
OF_EVENTS = ("type", "path", "subject", "hostname", "language", "screen", "src", "session_id")


class Row(NamedTuple):
    """An event (from `at` to `at`), or a visit (from its first view to its last). `values`: as reports show them."""

    at: datetime
    until: datetime
    user_no: int
    session: str
    is_bot: bool
    values: dict[str, Any]
    views: int = 0

    def meets(self, conditions: Iterable[Condition]) -> bool:
        return all(self._meets(one) for one in conditions)

    def _meets(self, condition: Condition) -> bool:
        value = self.values.get(condition.field, "")
        if condition.field.startswith("payload."):
            found: Any = self.values["payload"]
            for name in condition.field.split(".")[1:]:
                found = found.get(name) if isinstance(found, dict) else None
            value = "" if found is None else found
        if condition.field == "source" or condition.field.startswith("utm_"):
            condition = condition._replace(values=tuple(wanted.lower() for wanted in condition.values))
            value = value.lower()
        return condition.holds_for(value)


def read_events(connection: Connection, site_id: int) -> list[Row]:
    names = (*OF_EVENTS, *REFERRAL, *CLIENT)
    columns = ", ".join(f"coalesce(e.{name}, '')" for name in names)
    query = f"""SELECT e.ts, e.ts, e.user_no, coalesce(e.session_id, ''), e.is_bot, u.user_id, e.payload, {columns}
        FROM events e JOIN users u ON u.site_id = e.site_id AND u.user_no = e.user_no
        WHERE e.site_id = :site ORDER BY e.ts, e.received_at, e.position"""
    rows = connection.execute(text(query), {"site": site_id})
    found = []
    for row in rows:
        payload = row[6] or {}
        own = {"user_id": row[5], "payload": payload}
        own |= {f"payload.{name}": "" if one is None else as_text(one) for name, one in payload.items()}
        found.append(Row(*row[:5], _as_shown(names, row[7:]) | own))
    return found


def read_visits(connection: Connection, site_id: int) -> list[Row]:
    names = ("entry_path", "exit_path", *REFERRAL, *CLIENT)
    query = f"""SELECT started_at, ended_at, user_no, session_id, is_bot, views, {", ".join(names)}
        FROM visits WHERE site_id = :site ORDER BY started_at, user_no, session_id"""
    rows = connection.execute(text(query), {"site": site_id})
    return [Row(*row[:5], _as_shown(names, row[6:]), row[5]) for row in rows]


def _as_shown(names: Sequence[str], texts: Sequence[str]) -> dict[str, Any]:
    """Campaigns without regard to case; a city within its region and country."""
    values = dict(zip(names, texts, strict=True))
    values |= {name: one.lower() for name, one in values.items() if name.startswith("utm_")}
    country, region, city = (values[name] for name in ("country", "region", "city"))
    places = {"region": region and f"{country}/{region}", "city": city and f"{country}/{region}/{city}"}
    return values | places


class SlowSelection:
    """The site's events and visits of `[start, end)` that a filter selects. `scope`: as the request gives it."""

    def __init__(
        self, events: Sequence[Row], visits: Sequence[Row], filter_text: str, scope: str | None, bots: bool
    ) -> None:
        self._events = [event for event in events if bots or not event.is_bot]
        self._visits = [visit for visit in visits if bots or not visit.is_bot]
        self._by_session: dict[Any, list[Row]] = {}
        for visit in self._visits:
            self._by_session.setdefault(visit[2:5], []).append(visit)
        self._filter, self._scope = parse_filter(filter_text) if filter_text else [], scope

    @property
    def of_visits(self) -> list[Condition]:
        return [one for one in self._filter if one.field in VISIT_FIELDS and self._scope != "event"]

    @property
    def of_events(self) -> list[Condition]:
        return [one for one in self._filter if one not in self.of_visits]

    def visit_of(self, event: Row) -> Row | None:
        """The visit that the event is in."""
        of_session = self._by_session.get(event[2:5], [])
        return next((visit for visit in of_session if visit.at <= event.at <= visit.until + GAP), None)

    def events(self, start: datetime, end: datetime) -> list[Row]:
        inside = [event for event in self._events if start <= event.at < end]
        if not self.of_visits and self._scope != "visit":
            return [event for event in inside if event.meets(self._filter)]
        judge = self._judge_of(inside)
        found = []
        for event in inside:
            visit = self.visit_of(event)
            is_met = event.meets(self._filter) if visit is None else judge(visit)
            if is_met and (self._scope == "visit" or event.meets(self.of_events)):
                found.append(event)
        return found

    def visits(self, start: datetime, end: datetime) -> list[Row]:
        """Those that began in it."""
        inside = [event for event in self._events if start <= event.at < end]
        began = [visit for visit in self._visits if start <= visit.at < end]
        if self._scope == "visit":
            return list(filter(self._judge_of(inside), began))
        views = [event for event in inside if event.values["type"] == "page_view" and event.meets(self.of_events)]
        viewed = [self.visit_of(view) for view in views]
        return [one for one in began if one.meets(self.of_visits) and (not self.of_events or one in viewed)]

    def _judge_of(self, inside: Sequence[Row]) -> Callable[[Row], bool]:
        """Whether all events of a visit count."""
        if self._scope != "visit":
            return lambda visit: visit.meets(self.of_visits)
        wanted = [one for one in self.of_events if not one.is_negated]
        unwanted = [one._replace(is_negated=False) for one in self.of_events if one.is_negated]

        by_visit: dict[Any, list[Row]] = {}
        for event in inside:
            if visit := self.visit_of(event):
                by_visit.setdefault(visit[:5], []).append(event)

        def is_met(visit: Row) -> bool:
            events = by_visit.get(visit[:5], [])
            has = not wanted or any(event.meets(wanted) for event in events)
            return visit.meets(self.of_visits) and has and not any(e.meets([one]) for e in events for one in unwanted)

        return is_met
