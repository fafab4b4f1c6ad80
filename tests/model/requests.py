"""Random requests of every report that the model answers, within the days of a scenario."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from random import Random
from typing import Any

from tests.model.answers import ANSWERS, REPORTS
from tests.model.calendars import DAY, unit_start
from tests.model.generator import THEMES, USERS
from tests.model.site import Request, Site
from tests.model.vocabulary import CODES

DIMENSIONS = (
    "path", "referrer", "source", "country", "region", "city", "browser", "os", "device", "utm_source", "utm_medium",
    "utm_campaign", "utm_term", "utm_content", "type", "subject", "hostname", "channel", "language", "screen",
)  # fmt: skip
FILTERS = (
    "country==DE", "path=^/blog", "path==/b", "source==Google|DuckDuckGo", "browser!=Chrome", "referrer==", "os==iOS",
    "utm_source==newsletter;path==/pricing", "type==pageview", "type==click", "payload.step==1", "payload.plan!=free",
    "city==DE//Berlin", "device==mobile;path!~z", "source==google;path==/b", "subject==tea", "channel==paid|email", "utm_source==NEWSletter", "screen!=phone",
)  # fmt: skip

FILTERS_OF_VISITS = ("entry_path=^/b", "exit_path!=/;country==DE", "entry_path==/a;type==click")


def segment_of(filter_text: str) -> str:
    """How filters name the segment of that filter; each has one, with the filter itself as its name."""
    for sign in "\\;|":
        filter_text = filter_text.replace(sign, f"\\{sign}")
    return f"segment:{filter_text}"


TYPES = ("page_view", "pageview", "click", "order", "signup", "none")
# Of a period: any, or any in the zone of the site.
ANY, DAYS = "any", "days"
Query = list[tuple[str, str]]

STEPS: list[dict[str, Any]] = [
    {"id": "1", "name": "", "type": "page", "condition": {"page": "/cart"}, "order": 1},
    {"id": "2", "name": "", "type": "page", "condition": {"page": "/checkout"}, "order": 2},
    {"id": "3", "name": "", "type": "event", "condition": {"event": "order"}, "order": 3},
]
ANY_PAGE = {"id": "1", "name": "", "type": "page", "condition": {"page": "/*"}, "order": 1}
CLICK = {
    "id": "2",
    "name": "click",
    "type": "event",
    "condition": {"event": "click", "filter": "subject==tea"},
    "order": 2,
}
BLOG = {"id": "2", "name": "", "type": "custom", "condition": {"path": "/b*"}, "order": 2}
FUNNELS: list[dict[str, Any]] = [
    {"steps": STEPS, "ordering": "ordered", "scope": "user", "window_s": 604_800, "value": "total"},
    {"steps": STEPS[:2], "ordering": "strict", "scope": "user", "window_s": 86_400, "value": None},
    {"steps": [ANY_PAGE, CLICK], "ordering": "ordered", "scope": "visit", "window_s": 1800, "value": None},
    {
        "steps": [ANY_PAGE, BLOG, STEPS[2]],
        "ordering": "strict",
        "scope": "visit",
        "window_s": 604_800,
        "value": "total",
    },
    {"steps": [ANY_PAGE, BLOG], "ordering": "ordered", "scope": "user", "window_s": 604_800, "value": None},
]
GOALS: list[dict[str, Any]] = [
    {"type": "signup", "path": None, "filter": None, "value": None},
    {"type": "page_view", "path": "/b*", "filter": None, "value": None},
    {
        "type": "order",
        "path": None,
        "filter": "payload.total!=0",
        "value": {"property": "total", "currency_property": "currency"},
    },
    {"type": "page_view", "path": "/cart", "filter": None, "value": {"amount": "2.50", "currency": "EUR"}},
]


class Requests:
    """Draws requests of one site. `funnels` and `goals`: ids of its stored definitions."""

    def __init__(self, rng: Random, site: Site, funnels: list[str], goals: list[str]) -> None:
        self._rng, self._site, self._funnels, self._goal_ids = rng, site, funnels, goals

    def of_each_operation(self, times: int = 1) -> Iterator[Request]:
        for operation in ANSWERS:
            for _ in range(times):
                yield self.draw(operation)

    def draw(self, operation: str) -> Request:
        name = operation.rsplit("/", 1)[-1].replace("-", "_")
        own = getattr(self, f"_{name}") if operation.startswith(REPORTS) and name != "funnel" else None
        if own is not None:
            return self._request(operation, own())
        if "{website_id}" in operation:
            return self._request(operation, self._website(operation))
        return self._other(operation)

    def _request(self, operation: str, query: Query, **parts: Any) -> Request:
        return Request(operation, tuple(query), **parts)

    def _chance(self, chance: float, name: str, *values: str) -> Query:
        return [(name, self._rng.choice(values))] if self._rng.random() < chance else []

    def _period(self, kind: str) -> Query:
        today, zone = self._site.today, self._site.zone
        first = today - self._rng.randrange(1, 13) * DAY
        last = min(first + self._rng.choice([0, 0, 1, 3, 6, 12]) * DAY, today)
        ways: list[Query] = [
            [("from", str(first)), ("to", str(last))], [("from", str(first)), ("to", str(last))],
            [("date", str(first))], [("days", self._rng.choice("123579"))], [],
        ]  # fmt: skip
        start = self._site.now - timedelta(seconds=self._rng.randrange(13 * 86_400))
        end = start + timedelta(seconds=self._rng.choice([1, 3600, 86_400, 5 * 86_400]))
        ways += [
            [("from", _instant(start)), ("to", _instant(end))],
            [("hours", self._rng.choice(["1", "24", "50"]))],
        ]
        if kind == ANY:
            other = self._rng.choice(THEMES).zones[0]
            ways.append([("date", str(first)), *([("zone", other)] if other != zone else [])])
        return self._rng.choice(ways)

    def _common(self, kind: str, types: bool = False, filters: bool = False) -> Query:
        query = self._period(kind) + self._chance(0.3, "include_bots", "true", "true", "false")
        if types:
            query += self._chance(0.4, "type", *TYPES) + self._chance(0.1, "type", *TYPES)
        return query + (self._chance(0.4, "filter", *FILTERS, *map(segment_of, FILTERS)) if filters else [])

    def _filtered(self, types: bool = False) -> Query:
        """With filters that select events or visits."""
        query = self._common(ANY, types, filters=True)
        if not any(name == "filter" for name, _ in query):
            return query + self._chance(0.2, "filter", *FILTERS_OF_VISITS)
        return query + self._chance(0.4, "scope", "visit", "event")

    def _summary(self) -> Query:
        return self._filtered(types=True) + self._compare(0.4)

    def _compare(self, chance: float) -> Query:
        """With the period before, a year before, or some days."""
        first = self._site.today - self._rng.randrange(1, 13) * DAY
        days = f"{first}..{first + self._rng.randrange(1, 4) * DAY}"
        compared = self._chance(chance, "compare", "previous", "previous", "year", days)
        return compared + (self._chance(0.3, "align", "whole", "elapsed") if compared else [])

    def _timeseries(self) -> Query:
        return self._summary() + self._chance(0.8, "granularity", "hour", "day", "week", "month")

    def _breakdown(self) -> Query:
        query = self._summary() + self._chance(0.4, "limit", "1", "3", "1000")
        return [*query, ("dimension", self._rng.choice((*DIMENSIONS, "entry_path", "exit_path")))]

    def _event_types(self) -> Query:
        query = (
            self._filtered(types=True) + self._compare(0.4) + self._chance(0.5, "granularity", "day", "week", "month")
        )
        return query + self._chance(0.4, "limit", "1", "1000")

    def _properties(self) -> Query:
        return self._filtered(types=True) + self._chance(0.4, "limit", "1", "1000")

    def _goals(self) -> Query:
        return self._filtered() + self._compare(0.5)

    def _overview(self) -> Query:
        return self._common(DAYS) + self._chance(0.4, "limit", "1", "1000") + self._compare(0.4)

    def _dau(self) -> Query:
        query = self._common(DAYS, types=True)
        return query + (self._chance(0.3, "zone", "Asia/Kathmandu", "UTC") if query and query[0][0] == "date" else [])

    def _wau(self) -> Query:
        return self._common(DAYS, types=True) + self._chance(0.4, "window", "calendar", "trailing")

    _mau = _wau

    def _stickiness(self) -> Query:
        return self._common(DAYS, types=True)

    def _retention(self) -> Query:
        return self._common(DAYS, types=True) + self._chance(0.7, "unit", "day", "week", "month")

    def _lifecycle(self) -> Query:
        return self._common(DAYS, types=True) + self._chance(0.7, "granularity", "day", "week", "month")

    def _metrics(self) -> Query:
        return self._period(DAYS) + self._chance(0.4, "name", "dau", "events", "visits", "bounce_rate")

    def _goal(self) -> Query:
        goal = self._rng.choice(GOALS)
        query = [("type", goal["type"])] + ([("path", goal["path"])] if goal["path"] else [])
        query += [("goal_filter", goal["filter"])] if goal["filter"] else []
        query += [*(goal["value"] or {}).items()]
        return query + self._goal_report()

    def _goal_report(self) -> Query:
        query = self._filtered() + self._chance(0.5, "granularity", "hour", "day", "week", "month") + self._compare(0.4)
        return query + self._chance(0.5, "dimension", *DIMENSIONS) + self._chance(0.2, "limit", "2")

    def _journeys(self) -> Query:
        anchors = [
            ("from_page", "/b"),
            ("to_page", "/checkout"),
            ("from_event", "click"),
            ("to_event", "order"),
            ("from_page", "/"),
        ]
        query = [
            self._rng.choice(anchors),
            *self._filtered(),
            *self._chance(0.5, "steps", "2", "4", "6"),
        ]
        query += self._chance(0.4, "then", "page:/", "page:/b", "event:click")
        return query + self._chance(0.4, "type", "click", "signup") + self._chance(0.3, "limit", "2", "1000")

    def _experiment(self) -> Query:
        query = [("exposure_type", "seen"), ("variant", "payload.variant")]
        goal = self._rng.choice(["order", "click", "page_view", "seen"])
        return [*query, ("goal", goal), *self._filtered()]

    def _users(self) -> Query:
        of_kind = self._rng.choice(
            [self._users_of_filter, self._users_of_step, self._users_of_cohort, self._users_of_variant]
        )
        return of_kind() + self._chance(0.4, "limit", "1", "3", "1000")

    def _users_of_filter(self) -> Query:
        return self._filtered(types=True)

    def _users_of_step(self) -> Query:
        funnel_id = self._rng.choice(self._funnels)
        steps = len(self._site.definitions[funnel_id]["steps"])
        step = self._rng.randrange(1, steps + 1)
        reached = self._chance(0.5, "reached", "true", "dropped" if step < steps else "true")
        return [("funnel", funnel_id), ("step", str(step)), *reached, *self._filtered()]

    def _users_of_cohort(self) -> Query:
        unit = self._rng.choice(["day", "week", "month"])
        cohort = unit_start(self._site.today - self._rng.randrange(13) * DAY, unit)
        query = [("cohort", str(cohort)), ("unit", unit), *self._chance(0.7, "offset", "0", "1", "2")]
        query += self._chance(0.3, "include_bots", "true") + self._chance(0.4, "type", *TYPES)
        filters = self._chance(0.5, "filter", *FILTERS, *map(segment_of, FILTERS), *FILTERS_OF_VISITS)
        return query + filters

    def _users_of_variant(self) -> Query:
        goal = self._rng.choice(["order", "click", "page_view", "seen"])
        query = [("goal", goal), ("exposure_type", "seen"), ("variant_property", "payload.variant")]
        query += [("variant", self._rng.choice(["control", "b", "none"]))]
        return [*query, *self._chance(0.6, "converted", "true", "false"), *self._filtered()]

    def _timeline(self) -> Query:
        query = [("user_id", self._rng.choice(USERS)), *self._common(ANY)]
        return query + self._chance(0.4, "limit", "1", "5", "1000")

    def _realtime(self) -> Query:
        return self._chance(0.3, "include_bots", "true") + self._chance(0.3, "limit", "1")

    def _events(self) -> Query:
        return self._common(ANY, types=True) + self._chance(0.3, "user_id", *USERS)

    def _website(self, operation: str) -> Query:
        if "/realtime/" in operation:
            return self._realtime()
        query = self._common(DAYS) + self._chance(0.3, "limit", "1", "3")
        if "/hourly-stats/" in operation:
            query = [one for one in query if one[0] != "limit"] + self._chance(0.5, "timezone", "Asia/Kathmandu", "UTC")
        if operation.endswith(("/dashboard/{website_id}", "/traffic-summary/{website_id}")):
            query += self._compare(0.5)
        if "/custom-events/" in operation:
            query += self._chance(0.3, "event", "order", "click")
            if ("event", "order") in query:
                query += self._chance(0.8, "property", "total", "order.id", "currency")
        return query

    def _other(self, operation: str) -> Request:
        if operation.startswith("/api/analytics/goals/"):
            is_report = operation.endswith("/report")
            query = self._goal_report() if is_report else self._goal_retention()
            return self._request(operation, query, values={"goal_id": self._rng.choice(self._goal_ids)})
        if operation.endswith("/funnel") or "/funnels/" in operation:
            return self._funnel(operation)
        if operation.startswith("/analytics/"):
            values: Mapping[str, str] = {"short_code": self._rng.choice([*CODES, "none"])}
            query = self._common(DAYS) + self._chance(0.3, "limit", "1", "2")
            return self._request(operation, query, values=values if "{" in operation else {})
        if operation == "/events":
            query = (
                self._common(ANY) + self._chance(0.4, "event_name", *TYPES) + self._chance(0.6, "limit", "5", "1000")
            )
            return self._request(operation, query)
        if operation.startswith("/metrics"):
            values = {"name": self._rng.choice(["load", "wait", "none"])} if "{" in operation else {}
            return self._request(operation, self._period(ANY) if values else [], values=values)
        if operation == "/stats":
            return self._request(operation, self._common(DAYS) + self._chance(0.3, "limit", "1", "2"))
        assert operation == "/dashboard", operation
        return self._request(operation, self._chance(0.3, "include_bots", "true"))

    def _goal_retention(self) -> Query:
        query = self._common(DAYS) + self._chance(0.7, "unit", "day", "week", "month")
        return query + self._chance(0.3, "units", "1", "5")

    def _funnel(self, operation: str) -> Request:
        query = self._common(ANY, filters=True)
        if operation.endswith("/compare"):
            return self._request(operation, query, method="POST", body={"funnel_ids": self._funnels})
        if not operation.endswith("/analytics"):
            query += self._compare(0.4) + self._chance(0.4, "breakdown", *DIMENSIONS)
        if "{" in operation:
            return self._request(operation, query, values={"funnel_id": self._rng.choice(self._funnels)})
        return self._request(operation, query, method="POST", body=self._rng.choice(FUNNELS))


def _instant(at: Any) -> str:
    return str(at.isoformat().replace("+00:00", "Z"))
