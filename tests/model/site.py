"""What a report is asked of: a site of the model at one instant, and the request in parts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from tests.model.calendars import Comparison, Period, day_of, read_comparison, read_period
from tests.model.comparison import ANYTHING
from tests.model.events import Event, Log, select
from tests.model.filters import Condition, parse_filter
from tests.model.visits import GAP, PAGE_DIMENSIONS, VISIT_DIMENSIONS, Visit, find_visits

LIMIT = 10


@dataclass(frozen=True)
class Request:
    """A request of one report. `operation`: its path as the API description has it; `values`: what stands in it."""

    operation: str
    query: tuple[tuple[str, str], ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    method: str = "GET"

    def __getitem__(self, name: str) -> str:
        return self.first[name]

    def __contains__(self, name: str) -> bool:
        return name in self.first

    def get(self, name: str, default: str = "") -> str:
        return self.first.get(name, default)

    def number(self, name: str, default: int) -> int:
        return int(self.first.get(name, default))

    @cached_property
    def first(self) -> dict[str, str]:
        return dict(reversed(self.query))

    def replace(self, name: str, text: str) -> "Request":
        """The same with one parameter set."""
        query = tuple(one for one in self.query if one[0] != name)
        return replace(self, query=(*query, (name, text)))

    def __str__(self) -> str:
        query = "&".join(f"{name}={text}" for name, text in self.query)
        return f"{self.method} {self.operation}?{query} {dict(self.values) or ''} {self.body or ''}".rstrip()

    @property
    def types(self) -> list[str] | None:
        """As stored; None without any."""
        named = [text for name, text in self.query if name == "type"]
        return ["page_view" if text == "pageview" else text for text in named] or None

    @property
    def bots(self) -> bool:
        return self.get("include_bots") == "true"

    @property
    def conditions(self) -> list[Condition]:
        return parse_filter(self["filter"]) if "filter" in self else []

    @property
    def of_visits(self) -> list[Condition]:
        """The conditions on what visits have, which select visits."""
        fields = (*VISIT_DIMENSIONS, *PAGE_DIMENSIONS)
        return [one for one in self.conditions if one.field in fields and self.get("scope") != "event"]

    @property
    def of_events(self) -> list[Condition]:
        return [one for one in self.conditions if one not in self.of_visits]

    @property
    def selects_visits(self) -> bool:
        return bool(self.of_visits) or (bool(self.conditions) and self.get("scope") == "visit")

    @property
    def selects_only_visits(self) -> bool:
        return not self.of_events or self.get("scope") == "visit"

    @property
    def scope(self) -> str:
        """As `meta` says it."""
        return "visit" if self.selects_only_visits else "mixed" if self.of_visits else "event"

    @property
    def limit(self) -> int:
        return self.number("limit", LIMIT)


class Site:
    """A site at the instant `now`. `zone`: of its days. `is_merged`: no event waits for a merge.

    `definitions`: the stored goals and funnels of the site, by id.
    """

    def __init__(
        self, log: Log, zone: str, now: datetime, is_merged: bool, definitions: Mapping[str, dict[str, Any]],
        samples: Sequence[Any] = (),
    ) -> None:  # fmt: skip
        self.key, self.zone, self.now, self.is_merged = log.site, zone, now, is_merged
        self.definitions, self.samples = definitions, samples
        self.events = sorted(log.events, key=lambda event: event.order)
        self._visits: list[Visit] | None = None
        self._by_visitor: dict[Any, list[Visit]] = {}

    @property
    def visits(self) -> list[Visit]:
        if self._visits is None:
            self._visits = find_visits(self.events)
            for visit in self._visits:
                self._by_visitor.setdefault(visit.views[0].visitor, []).append(visit)
        return self._visits

    @property
    def today(self) -> date:
        return day_of(self.now, self.zone)

    def day(self, event: Event) -> date:
        return day_of(event.ts, self.zone)

    def first_day(self) -> date:
        """Of all events, those of robots too."""
        return min((self.day(event) for event in self.events), default=self.today)

    def period(self, request: Request, default_days: int = 30) -> Period:
        zone = request.get("zone") or self.zone
        return read_period(request.first, zone, self.now, default_days)

    def select(
        self,
        period: Period,
        types: Iterable[str] | None = None,
        bots: bool = False,
        conditions: Iterable[Condition] = (),
    ) -> list[Event]:
        found = select(self.events, period, types, bots)
        return [event for event in found if all(condition.is_met(event) for condition in conditions)]

    def visit_of(self, event: Event) -> Visit | None:
        """The visit that the event is in: until half an hour after its last view."""
        visits = self._by_visitor.get(event.visitor, []) if self.visits else []
        return next((visit for visit in visits if visit.start <= event.ts <= visit.end + GAP), None)

    def select_filtered(self, request: Request, period: Period, types: Iterable[str] | None = None) -> list[Event]:
        """Where conditions select visits, events by the visits that they are in."""
        if not request.selects_visits:
            return self.select(period, types, request.bots, request.conditions)
        met, of_events = self.judge(request, period), [] if request.get("scope") == "visit" else request.of_events

        def is_met(event: Event) -> bool:
            visit = self.visit_of(event)
            return all(one.is_met(event) for one in request.conditions) if visit is None else visit in met

        found = self.select(period, types, request.bots, of_events)
        return [event for event in found if is_met(event)]

    def judge(self, request: Request, period: Period) -> list[Visit]:
        """The visits of which all events count."""
        own = [visit for visit in self.visits if visit.meets(request.of_visits)]
        if request.get("scope") != "visit":
            return own
        wanted = [one for one in request.of_events if not one.is_negated]
        unwanted = [one._replace(is_negated=False) for one in request.of_events if one.is_negated]
        with_wanted, with_unwanted = [], []
        for event in self.select(period, None, request.bots):
            if wanted and all(one.is_met(event) for one in wanted):
                with_wanted.append(self.visit_of(event))
            if any(one.is_met(event) for one in unwanted):
                with_unwanted.append(self.visit_of(event))
        return [one for one in own if (not wanted or one in with_wanted) and one not in with_unwanted]

    def select_visits(self, period: Period, bots: bool = False) -> list[Visit]:
        return [visit for visit in self.visits if visit.start in period and (bots or not visit.is_bot)]

    def before(self, at: datetime, types: Iterable[str] | None, bots: bool) -> list[Event]:
        """All earlier events."""
        wanted = None if types is None else set(types)
        earlier = (event for event in self.events if event.ts < at and (bots or not event.is_bot))
        return [event for event in earlier if wanted is None or event.type in wanted]

    def meta(self, period: Period, **extra: Any) -> dict[str, Any]:
        return {"site": self.key, "zone": period.zone, **period.bounds, **extra}

    def is_raw(self, request: Request, period: Period) -> bool:
        """Whether rollups cannot answer: a filter, or another zone."""
        return "filter" in request or period.zone != self.zone

    def comparison(self, request: Request, period: Period, default: str = "") -> Comparison | None:
        return read_comparison(request.first, period, self.now, default)

    def told(self, request: Request, period: Period, figure: Any) -> Any:
        """A figure of visits. What is counted in raw events sees visits when they are merged."""
        return figure if self.is_merged or not self.is_raw(request, period) else ANYTHING

    def told_of_events(self, request: Request, figure: Any) -> Any:
        """A figure of events, which count by their visits where conditions select visits."""
        return figure if self.is_merged or not request.selects_visits else ANYTHING
