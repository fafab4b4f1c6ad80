"""An accepted event as its caller knows it, and the model's log of a site: what is stored, once, in which order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tests.model.calendars import Period, day_of
from tests.model.vocabulary import NAMED_SOURCES, SEARCH_ENGINES, STORED_TYPES, Agent, Page, Referrer

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


@dataclass(frozen=True)
class Draft:
    """An event before it is sent. `user_id` '': the visitor is known by address and agent only."""

    type: str
    ts: datetime
    user_id: str
    # As it is stored; sent in one of its spellings.
    address: str
    agent: Agent
    sent_address: str = ""
    page: Page | None = None
    referrer: Referrer | None = None
    place: tuple[str, str, str] = ("", "", "")
    session: str = ""
    subject: str = ""
    payload: dict[str, Any] | None = None
    utm: tuple[tuple[str, str], ...] = ()
    # Host where the page is a path; a language, and a screen as sent and its class.
    hostname: str = ""
    language: str = ""
    screen: tuple[str, str] = ("", "")
    event_id: str = ""
    # Whether page, referrer and session are sent in the payload, as seed 001 does.
    in_payload: bool = False

    def as_json(self) -> dict[str, Any]:
        """As it is sent."""
        country, region, city = self.place
        own = {"user_id": self.user_id, "ip": self.sent_address, "user_agent": self.agent.text, "subject": self.subject}
        own |= {"hostname": self.hostname, "language": self.language, "screen": self.screen[0]}
        own |= {"country": country, "region": region, "city": city, "event_id": self.event_id, **dict(self.utm)}
        page = {"path": self.page.sent if self.page else "", "referrer": self.referrer.sent if self.referrer else ""}
        if self.in_payload:
            page = {"page": page["path"], "referrer": page["referrer"]}
        page["session_id"] = self.session
        sent = {name: text for name, text in page.items() if text}
        event: dict[str, Any] = {"type": self.type, "ts": self.ts.isoformat().replace("+00:00", "Z")}
        event |= {name: text for name, text in own.items() if text}
        if self.in_payload:
            return event | {"payload": {**(self.payload or {}), **sent}}
        return event | sent | ({} if self.payload is None else {"payload": self.payload})

    @property
    def sent_payload(self) -> dict[str, Any]:
        return self.as_json().get("payload", {})


@dataclass(frozen=True)
class Event:
    """An event that is stored. `receipt`: number of its batch, index in it. `user`: whoever sent it, of the site."""

    draft: Draft
    receipt: tuple[int, int]
    user: str
    # The id where its caller gave one.
    id: str

    @property
    def ts(self) -> datetime:
        return self.draft.ts

    @property
    def type(self) -> str:
        return STORED_TYPES.get(self.draft.type, self.draft.type)

    @property
    def is_bot(self) -> bool:
        return self.draft.agent.is_bot

    @property
    def is_view(self) -> bool:
        return self.type == "page_view"

    @property
    def session(self) -> str:
        return self.draft.session

    @property
    def visitor(self) -> tuple[str, str, bool]:
        """Whose page views form visits."""
        return self.user, self.session, self.is_bot

    @property
    def order(self) -> tuple[datetime, tuple[int, int]]:
        """What comes first: time, then receipt."""
        return self.ts, self.receipt

    def value(self, dimension: str) -> str:
        """As breakdowns show it; '' for none."""
        return _VALUES[dimension](self)


def _place(parts: int) -> Callable[[Event], str]:
    def value(event: Event) -> str:
        country, *rest = event.draft.place
        names = [country.upper(), *rest][:parts]
        return "/".join(names) if names[-1] else ""

    return value


def sent_utm(event: Event, name: str) -> str:
    """The event's own field, else that of its page."""
    of_page = event.draft.page.utm if event.draft.page else {}
    return dict(event.draft.utm).get(name) or of_page.get(name, "")


def _utm(name: str) -> Callable[[Event], str]:
    """Grouped without regard to case."""
    return lambda event: sent_utm(event, name).lower()


def _hostname(event: Event) -> str:
    page = event.draft.page
    return (page and page.host) or event.draft.hostname


def _is_internal(event: Event) -> bool:
    """The referrer is a page of the site itself: a path, or on the host of the page."""
    referrer = event.draft.referrer
    return referrer is not None and (not referrer.host or referrer.host == _hostname(event))


def _source(event: Event) -> str:
    """What utm_source names, else the referrer's; none of the site itself."""
    if _is_internal(event):
        return ""
    if named := sent_utm(event, "utm_source"):
        return NAMED_SOURCES[named]
    return event.draft.referrer.source if event.draft.referrer else ""


def _channel(event: Event) -> str:
    medium, source = sent_utm(event, "utm_medium"), _source(event)
    if _is_internal(event):
        return "internal"
    if medium:
        return {"cpc": "paid", "email": "email"}[medium]
    return ("search" if source in SEARCH_ENGINES else "referral") if source else "direct"


_VALUES: dict[str, Callable[[Event], str]] = {
    "type": lambda event: event.type,
    "subject": lambda event: event.draft.subject,
    "path": lambda event: event.draft.page.path if event.draft.page else "",
    "referrer": lambda event: event.draft.referrer.stored if event.draft.referrer else "",
    "source": _source,
    "hostname": _hostname,
    "channel": _channel,
    "language": lambda event: event.draft.language,
    "screen": lambda event: event.draft.screen[1],
    "country": _place(1),
    "region": _place(2),
    "city": _place(3),
    "browser": lambda event: event.draft.agent.browser,
    "os": lambda event: event.draft.agent.os,
    "device": lambda event: event.draft.agent.device,
    "user_id": lambda event: event.user,
    "session_id": lambda event: event.session,
    **{name: _utm(name) for name in UTM},
}


class VisitorRule(NamedTuple):
    """For how long the key of a visitor without an id stays the same (day, month, forever), and what it is made of."""

    window: str = "day"
    by: str = "address_and_agent"


def visitor(draft: Draft, zone: str, rule: VisitorRule) -> str:
    """Who sent the event: the user id, else address and agent for a day or month of the site. `zone`: of the site when
    the event is received."""
    day = day_of(draft.ts, zone).isoformat()
    period = {"day": day, "month": day[:7], "forever": ""}[rule.window]
    agent = draft.agent.text if rule.by == "address_and_agent" else ""
    return draft.user_id or f"~{draft.address} {agent} {period}"


@dataclass
class Batch:
    """Events that are sent together, in this order. `key`: an Idempotency-Key, '' for none."""

    site: str
    drafts: list[Draft]
    key: str = ""


@dataclass
class Log:
    """The stored events of a site."""

    site: str
    zone: str
    rule: VisitorRule
    events: list[Event] = field(default_factory=list)
    _ids: set[tuple[str, ...]] = field(default_factory=set)

    def accept(self, batch: Batch, number: int) -> int:
        """Stores what is not stored already; how many events that were."""
        before = len(self.events)
        for index, draft in enumerate(batch.drafts):
            identity = (draft.event_id,) if draft.event_id else (batch.key, str(index)) if batch.key else None
            if identity in self._ids:
                continue
            if identity:
                self._ids.add(identity)
            event = Event(draft, (number, index), visitor(draft, self.zone, self.rule), draft.event_id)
            self.events.append(event)
        return len(self.events) - before


def select(
    events: Iterable[Event], period: Period, types: Iterable[str] | None = None, bots: bool = False
) -> list[Event]:
    """Those in the period, of these types, without bots unless `bots`."""
    wanted = None if types is None else set(types)
    return [
        event
        for event in events
        if event.ts in period and (wanted is None or event.type in wanted) and (bots or not event.is_bot)
    ]


def users(events: Iterable[Event]) -> set[str]:
    return {event.user for event in events}
