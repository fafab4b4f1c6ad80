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
from tests.model.visits import Visit, find_visits

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

    @property
    def visits(self) -> list[Visit]:
        if self._visits is None:
            self._visits = find_visits(self.events)
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
