"""A scenario in the product and in the model at once: takes its steps, asks every report, and keeps what differs."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from tests.model.answers import ANSWERS
from tests.model.calendars import DAY
from tests.model.comparison import ANYTHING, differences
from tests.model.events import Log
from tests.model.filters import segment_filter
from tests.model.generator import SITES, Sample, Scenario, Step
from tests.model.requests import FILTERS, FUNNELS, GOALS, Requests
from tests.model.service import Service
from tests.model.site import Request, Site

# Where all reports are too many: a tenth of them at a time. Of the ten seeds of `make test`, one asks a given report in a
# given state.
PART = 10
# Reports that are read in pages, and the list of rows in each page.
PAGED = {"/api/analytics/reports/breakdown": "rows", "/events": "events"}
PAGED |= {"/api/analytics/reports/users": "users", "/api/analytics/reports/users/timeline": "events"}
SHOWN_DIFFERENCES = 8


class Run:
    """`failures`: a text for each answer that differs. `asks_all`: every report each time, else every PART-th."""

    def __init__(self, scenario: Scenario, service: Service, asks_all: bool) -> None:
        self._scenario, self._service, self._asks_all = scenario, service, asks_all
        self._rng = Random(f"requests {scenario.seed}")
        service.go_to(scenario.start)
        self._logs = {key: Log(key, scenario.zone(key), scenario.visitor_rule(key)) for key in SITES}
        self._samples: list[Sample] = []
        self._definitions: dict[str, dict[str, Any]] = {}
        self._ids: dict[str, tuple[list[str], list[str]]] = {}
        for key, log in self._logs.items():
            service.create_site(log)
            for filter_text in FILTERS:
                service.post("/api/analytics/segments", {"site": key, "name": filter_text, "filter": filter_text})
            self._ids[key] = self._define_funnels(key), self._define_goals(key)
        self._batches, self._checks, self._is_merged = 0, 0, True
        self.failures: list[str] = []

    def _define_funnels(self, key: str) -> list[str]:
        ids = []
        for number, funnel in enumerate(FUNNELS):
            body = {"name": f"funnel {number}", "website_id": key, **funnel}
            ids.append(self._service.post("/api/v1/funnels/", body)["data"]["id"])
            self._definitions[ids[-1]] = {**funnel, "name": body["name"]}
        return ids

    def _define_goals(self, key: str) -> list[str]:
        ids = []
        for number, goal in enumerate(GOALS):
            body = {"name": f"goal {number}", "site": key, **{name: part for name, part in goal.items() if part}}
            ids.append(self._service.post("/api/analytics/goals", body)["id"])
            self._definitions[ids[-1]] = goal
        return ids

    def take_all(self) -> None:
        """The steps of the scenario; then the rest is stored, merged, closed and rebuilt, with questions between."""
        for step in self._scenario.steps():
            self._service.go_to(max(step.at, self._service.now))
            self._take(step)
        self._pass(timedelta(seconds=1))
        self._store()
        self.check("unmerged")
        self._merge()
        # What the cache holds was computed before the merge.
        self.check("merged", forget=False)
        self._pass(2 * DAY)
        self._service.close()
        self._service.build_unions()
        self._service.write_columns()
        self.check("closed", is_closed=True)
        self._rebuild()
        self.check("rebuilt", is_closed=True)

    def _pass(self, time: timedelta) -> None:
        self._service.go_to(self._service.now + time)

    def _take(self, step: Step) -> None:
        actions: dict[str, Callable[[], None]] = {
            "drain": self._store, "merge": self._merge, "close": self._service.close,
            "unions": self._service.build_unions, "columns": self._service.write_columns,
            "check": lambda: self.check("underway"), "move": lambda: self._move(step.zone),
        }  # fmt: skip
        if step.batch:
            self._batches += 1
            self._service.send(step.batch)
            self._logs[step.batch.site].accept(step.batch, self._batches)
        elif step.samples:
            self._service.send_samples(step.samples)
            self._samples += step.samples
        else:
            actions[step.action]()

    def _store(self) -> None:
        self._is_merged &= not self._service.store()

    def _merge(self) -> None:
        self._service.merge()
        self._is_merged = True

    def _move(self, zone: str) -> None:
        """All that was sent is stored: the key of a visitor is of the site's day at that time."""
        self._store()
        self._service.change_zone(SITES[0], zone)
        self._logs[SITES[0]].zone = zone
        self._service.move()
        self._merge()

    def _rebuild(self) -> None:
        for log in self._logs.values():
            site = self._site(log)
            self._service.rebuild(site.key, site.first_day(), site.today + DAY)
        # A day is not written again within the instant in which it was written.
        self._pass(timedelta(seconds=1))
        self._service.close()

    def _site(self, log: Log) -> Site:
        samples = [sample for sample in self._samples if sample.site == log.site]
        return Site(log, log.zone, self._service.now, self._is_merged, self._definitions, samples)

    def check(self, state: str, is_closed: bool = False, forget: bool = True) -> None:
        """Asks each report of each site twice: computed, and maybe from the cache. Everything sent is stored."""
        if forget:
            self._service.clear_cache()
        self._checks += 1
        for key, log in self._logs.items():
            site = self._site(log)
            for number, request in enumerate(Requests(self._rng, site, *self._ids[key]).of_each_operation()):
                is_asked = self._asks_all or (number + self._checks + self._scenario.seed) % PART == 0
                # Metrics are of days that are closed.
                if is_asked and (is_closed or not request.operation.endswith("/reports/metrics")):
                    self._compare(state, site, request)

    def _compare(self, state: str, site: Site, request: Request) -> None:
        expected = _with_filter(ANSWERS[request.operation](site, request), request)
        for time in ("first", "second"):
            answer = self._service.ask(site.key, request)
            if not self._report(f"{state}, asked the {time} time", site, request, expected, answer):
                return
        if request.operation in PAGED and expected is not ANYTHING and answer.get("next_cursor"):
            self._compare_pages(state, site, request, answer)

    def _compare_pages(self, state: str, site: Site, request: Request, page: dict[str, Any]) -> None:
        """All pages together are one page without a limit."""
        field = PAGED[request.operation]
        whole = request.replace("limit", "1000")
        rows = [*page[field]]
        while page["next_cursor"]:
            page = self._service.ask(site.key, request.replace("cursor", page["next_cursor"]))
            rows += page[field]
        expected = ANSWERS[request.operation](site, whole)[field]
        self._report(f"{state}, all pages", site, request, expected, rows)

    def _report(self, how: str, site: Site, request: Request, expected: Any, answer: Any) -> bool:
        """Whether they agree; else the seed, the request, what differs, and both."""
        found = list(differences(expected, answer))
        if found:
            of = f"seed {self._scenario.seed}, {how}, site {site.key} in {site.zone} at {site.now.isoformat()}"
            shown = "\n  ".join([*found[:SHOWN_DIFFERENCES], *["…"] * (len(found) > SHOWN_DIFFERENCES)])
            self.failures.append(f"{of}: {request}\n  {shown}\n  model:   {expected}\n  product: {answer}")
        return not found


def _with_filter(answer: Any, request: Request) -> Any:
    """The answer, whose meta has the filter as it was sent; the name of a segment is its filter."""
    if "filter" not in request or not isinstance(answer, dict) or "meta" not in answer:
        return answer
    sent = {"filter": request["filter"], "scope": request.scope}
    if sent["filter"].startswith("segment:"):
        name = segment_filter(sent["filter"])
        return {**answer, "meta": {**answer["meta"], **sent, "segments": {name: name}}}
    return {**answer, "meta": {**answer["meta"], **sent}}
