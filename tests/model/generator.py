"""Random scenarios: some thousand events of two sites around a clock change, how they arrive, and what happens between.

A seed gives the same scenario on every machine. Timestamps are whole seconds with many ties; gaps lie on both sides of
30 minutes; visits lie across midnights and clock changes of the sites' zones; a part of the events arrives days late,
single ones and whole batches arrive again, and one site moves to another zone in the middle.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from tests.model.calendars import DAY, day_start
from tests.model.events import Batch, Draft, VisitorRule
from tests.model.vocabulary import (
    ADDRESSES,
    AGENTS,
    BOTS,
    CODES,
    HOSTNAMES,
    LANGUAGES,
    NO_AGENT,
    PAGES,
    PLACES,
    REFERRERS,
    SCREENS,
    Agent,
)

SITES = ("first", "second")
USERS = ("ann", "bob", "cid", "dee", "eve", "fay", "7", "Å'sa")
LENGTH = timedelta(days=10)


class Theme(NamedTuple):
    """`zones`: of the first site before and after its move, and of the second site. Each has a change near `start`."""

    start: date
    zones: tuple[str, str, str]


THEMES = [
    Theme(date(2026, 3, 4), ("America/Los_Angeles", "Asia/Kathmandu", "UTC")),
    Theme(date(2026, 3, 31), ("Australia/Lord_Howe", "Europe/Berlin", "America/Santiago")),
    Theme(date(2026, 3, 25), ("Asia/Kathmandu", "Europe/Berlin", "Atlantic/Azores")),
    Theme(date(2011, 12, 26), ("Pacific/Apia", "America/Los_Angeles", "Pacific/Kiritimati")),
    Theme(date(2026, 10, 27), ("UTC", "America/Los_Angeles", "Africa/Cairo")),
    Theme(date(2010, 11, 3), ("America/St_Johns", "Pacific/Apia", "America/Los_Angeles")),
    Theme(date(2026, 10, 1), ("Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu")),
    Theme(date(2026, 9, 2), ("Asia/Kathmandu", "America/Santiago", "Pacific/Chatham")),
    Theme(date(2026, 4, 20), ("Europe/Berlin", "Africa/Cairo", "Pacific/Niue")),
    Theme(date(2026, 10, 22), ("Atlantic/Azores", "Pacific/Apia", "Europe/London")),
]


class Sample(NamedTuple):
    """A numeric sample of the site."""

    site: str
    name: str
    ts: datetime
    value: float


@dataclass(frozen=True)
class Step:
    """What happens next. `at`: when; `action`: batch, samples, drain, merge, close, unions, columns, move, check."""

    at: datetime
    action: str
    batch: Batch | None = None
    samples: tuple[Sample, ...] = ()
    zone: str = ""


@dataclass
class Scenario:
    """The steps of a seed, with about `size` events."""

    seed: int
    size: int = 1000
    rng: Random = field(init=False)
    theme: Theme = field(init=False)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.theme = THEMES[self.seed % len(THEMES)]
        self._first = datetime(*self.theme.start.timetuple()[:3], tzinfo=UTC)
        self._ids = 0

    @property
    def start(self) -> datetime:
        """When it begins; events may lie before."""
        return self._first - timedelta(hours=20)

    def zone(self, site: str) -> str:
        """The site's first zone."""
        return self.theme.zones[0] if site == SITES[0] else self.theme.zones[2]

    def visitor_rule(self, site: str) -> VisitorRule:
        """The first site has the default; the second one of the others."""
        if site == SITES[0]:
            return VisitorRule()
        return [VisitorRule(window, by) for window in ("month", "forever") for by in ("address", "address_and_agent")][
            self.seed % 4
        ]

    def steps(self) -> list[Step]:
        batches = list(self._batches())
        steps: list[Step] = []
        for number, (at, batch) in enumerate(batches):
            steps.append(Step(at, "batch", batch))
            if self.rng.random() < 0.2:
                steps += self._repetition(at, batches[: number + 1], number > len(batches) // 2)
            if self.rng.random() < 0.1:
                steps.append(Step(at, "samples", samples=self._samples(at)))
            steps += self._housekeeping(at)
            if number == len(batches) // 2:
                steps += [Step(at, action, zone=self.theme.zones[1]) for action in ("drain", "move")]
            if number in (len(batches) // 3, 2 * len(batches) // 3):
                steps += [Step(at, "drain"), Step(at, "check")]
        return steps

    def _housekeeping(self, at: datetime) -> Iterator[Step]:
        chances = {"drain": 0.6, "merge": 0.2, "close": 0.08, "unions": 0.05, "columns": 0.05}
        return (Step(at, action) for action, chance in chances.items() if self.rng.random() < chance)

    def _repetition(self, at: datetime, sent: list[tuple[datetime, Batch]], has_moved: bool) -> Iterator[Step]:
        """An earlier batch with a key once more, or some of its events that have ids.

        A visitor's key is of the site's day, so events without a user id are not sent again beyond a change of zone.
        """
        batch = self.rng.choice(sent)[1]
        drafts = batch.drafts
        if has_moved and batch.site == SITES[0] and not all(draft.user_id for draft in drafts):
            return
        if batch.key:
            yield Step(at, "batch", batch)
        elif again := [draft for draft in drafts if draft.event_id and self.rng.random() < 0.5]:
            self.rng.shuffle(again)
            yield Step(at, "batch", Batch(batch.site, again))

    def _samples(self, at: datetime) -> tuple[Sample, ...]:
        site, count = self.rng.choice(SITES), self.rng.randint(1, 6)
        return tuple(
            Sample(
                site, self.rng.choice(["load", "wait"]), at - timedelta(seconds=self.rng.randint(0, 7000)),
                self.rng.choice([1, 2.5, 10, 1000, 0.25]),
            )
            for _ in range(count)
        )  # fmt: skip

    def _batches(self) -> Iterator[tuple[datetime, Batch]]:
        """When each batch is sent. Later ones may hold events that are older."""
        arrivals = sorted(self._arrivals(), key=lambda arrival: arrival[0])
        now = self.start
        while arrivals:
            size = self.rng.choice([1, 2, 5, 20, 40, 60])
            chunk, arrivals = arrivals[:size], arrivals[size:]
            now = max(now + timedelta(milliseconds=7), chunk[-1][0])
            for site in SITES:
                drafts = [draft for _, of, draft in chunk if of == site]
                if drafts:
                    yield now, self._batch(site, drafts)
                    now += timedelta(milliseconds=7)

    def _batch(self, site: str, drafts: list[Draft]) -> Batch:
        if self.rng.random() < 0.6:
            self.rng.shuffle(drafts)
        kind = self.rng.random()
        self._ids += 1
        if kind < 0.35:
            return Batch(site, drafts, f"batch {self.seed} {self._ids}")
        if kind < 0.7:
            drafts = [replace(draft, event_id=f"e{self.seed}-{self._ids}-{n}") for n, draft in enumerate(drafts)]
        return Batch(site, drafts)

    def _arrivals(self) -> Iterator[tuple[datetime, str, Draft]]:
        made = 0
        while made < self.size:
            site = SITES[self.rng.random() < 0.35]
            is_late = self.rng.random() < 0.2
            for draft in self._walk(site):
                delay = self.rng.uniform(0.2, 5) * DAY if is_late and self.rng.random() < 0.7 else timedelta()
                made += 1
                yield draft.ts + delay + timedelta(seconds=self.rng.randint(1, 90)), site, draft

    def _walk(self, site: str) -> Iterator[Draft]:
        """What one visitor does in a row."""
        visitor, at = self._visitor(), self._begin(site)
        for _ in range(self.rng.choice([1, 1, 2, 3, 5, 8])):
            yield self._act(replace(visitor, ts=at))
            at += timedelta(seconds=self.rng.choice([0, 0, 0, 1, 5, 60, 600, 1799, 1800, 1801, 2700]))

    def _begin(self, site: str) -> datetime:
        chance = self.rng.random()
        if chance < 0.03:
            return self._first - timedelta(seconds=self.rng.randint(0, 20 * 86_400))
        if chance < 0.6:
            return self._first + timedelta(seconds=self.rng.randrange(int(LENGTH.total_seconds())))
        zone = self.rng.choice(self.theme.zones if site == SITES[0] else self.theme.zones[2:])
        midnight = day_start(self.theme.start + self.rng.randrange(LENGTH.days) * DAY, zone)
        return midnight + timedelta(seconds=self.rng.choice([-2, -1, 0, 0, 1, -1799, 3600, 7200, 10_800, -3600]))

    def _visitor(self) -> Draft:
        user_id = self.rng.choice([*USERS, "", "", ""])
        number = USERS.index(user_id) if user_id else self.rng.randrange(4)
        agent: Agent = AGENTS[number % len(AGENTS)]
        if self.rng.random() < 0.12:
            agent = self.rng.choice(BOTS)
        elif user_id and self.rng.random() < 0.05:
            agent = NO_AGENT
        place = PLACES[number % len(PLACES)] if self.rng.random() < 0.8 else self.rng.choice(PLACES)
        session = self.rng.choice(["", "", "s1", "s2", f"s{self.rng.randrange(1000)}"])
        referrer = self.rng.choice([None, None, *REFERRERS])
        address = [*ADDRESSES][number % len(ADDRESSES)]
        return Draft(
            "", self._first, user_id, address, agent, place=place, session=session, referrer=referrer,
            sent_address=self.rng.choice(ADDRESSES[address]),
            language=LANGUAGES[number % len(LANGUAGES)], screen=SCREENS[number % len(SCREENS)],
        )  # fmt: skip

    def _act(self, visitor: Draft) -> Draft:
        choices = (
            ["page_view"] * 9 + ["pageview"] * 3 + ["click"] * 4 + ["order", "order", "seen", "signup", "impression"]
        )
        kind = self.rng.choice(choices)
        page = self.rng.choice(PAGES) if kind in ("page_view", "pageview") or self.rng.random() < 0.5 else None
        draft = replace(visitor, type=kind, page=page, in_payload=self.rng.random() < 0.3)
        if self.rng.random() < 0.3:
            draft = replace(draft, hostname=self.rng.choice(HOSTNAMES))
        if kind in ("click", "impression"):
            draft = replace(draft, subject=self.rng.choice([*CODES, CODES[0], CODES[0]]))
        if kind in ("page_view", "click") and self.rng.random() < 0.15:
            utm = ("utm_source", self.rng.choice(["newsletter", "Newsletter", "(other)"])), ("utm_medium", "email")
            draft = replace(draft, utm=utm)
        return replace(draft, payload=self._payload(kind))

    def _payload(self, kind: str) -> dict[str, Any] | None:
        if kind == "order":
            total = self.rng.choice([10, 19.99, "5.50", 0, "free", None, 12345678901.25])
            order = {"total": total, "currency": self.rng.choice(["EUR", "eur", "USD", None])}
            return {"order": {"id": self.rng.randrange(99)}, **{k: v for k, v in order.items() if v is not None}}
        if kind == "seen":
            return {"variant": self.rng.choice(["control", "b", "b", ""])}
        if kind == "signup":
            return {"plan": self.rng.choice(["free", "pro", "pro", None, 1, 1.0, True])}
        return {"step": self.rng.choice([1, 1.0, "1", 2])} if self.rng.random() < 0.1 else None
