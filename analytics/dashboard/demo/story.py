"""What happened on the demo's site: visits of a software company's pages, event by event in the order of visits. Pure.

Growth, weekends, a quiet summer, a newsletter each second Tuesday, a day on the front page of a forum, an experiment on
the page of prices, sign-ups and purchases. The same start gives the same events with the same ids up to any end, so the
command can be called again and adds what has happened since.
"""

import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

DAYS = 182
# Days before the first "today".
LAUNCH_DAY, LAUNCH_REFERRER = 14, "https://news.ycombinator.com/item?id=1"
VISITS_A_DAY, GROWTH_A_DAY, WEEKEND, RETURNING, BOUNCES = 330, 0.0035, 0.55, 0.32, 0.41
SUMMER_MONTHS, SUMMER = (7, 8), 0.8
EXPERIMENT_DAYS, VARIANTS = 60, ("control", "short")
# Who signs up after the page of prices, by variant, and how many of them buy.
SIGN_UP, BUYS = {"control": 0.09, "short": 0.12, "": 0.09}, 0.3
HOURS = (35, 25, 20, 18, 20, 28, 45, 70, 100, 125, 135, 135, 125, 130, 140, 140, 130, 115, 105, 100, 95, 85, 70, 50)

_MAC, _WINDOWS = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = {
    f"{_WINDOWS} {_WEBKIT} Chrome/149.0.0.0 Safari/537.36": 24,
    f"{_MAC} {_WEBKIT} Chrome/149.0.0.0 Safari/537.36": 15,
    f"{_MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15": 11,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
    " Mobile/15E148 Safari/604.1": 22,
    f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/149.0.0.0 Mobile Safari/537.36": 17,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0": 4,
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": 3,
    f"{_WINDOWS} {_WEBKIT} Chrome/149.0.0.0 Safari/537.36 Edg/149.0.0.0": 6,
    "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6"
    " Mobile/15E148 Safari/604.1": 3,
}
COUNTRIES = {
    "US": 30,
    "DE": 17,
    "GB": 12,
    "IN": 9,
    "FR": 8,
    "CA": 6,
    "BR": 5,
    "NL": 5,
    "AU": 4,
    "ES": 4,
    "PL": 4,
    "JP": 3,
    "SE": 3,
    "IT": 3,
    "CH": 3,
    "MX": 2,
    "SG": 2,
    "UA": 2,
    "TR": 2,
    "ZA": 1,
    "AR": 1,
    "NG": 1,
    "KR": 1,
    "FI": 1,
    "NO": 1,
    "DK": 1,
    "BE": 1,
    "AT": 2,
    "PT": 1,
    "CZ": 1,
    "RO": 1,
    "IE": 1,
    "NZ": 1,
    "PH": 1,
    "CL": 1,
    "KE": 1,
}
PLACES = {
    "US": (("California", "San Francisco"), ("New York", "New York"), ("Texas", "Austin"), ("Washington", "Seattle")),
    "DE": (("Berlin", "Berlin"), ("Bavaria", "Munich"), ("Hamburg", "Hamburg")),
    "GB": (("England", "London"), ("Scotland", "Edinburgh")),
    "IN": (("Karnataka", "Bengaluru"), ("Maharashtra", "Mumbai")),
    "FR": (("Ile-de-France", "Paris"),),
}
LANGUAGES = {"DE": "de-DE", "AT": "de-AT", "FR": "fr-FR", "BR": "pt-BR", "ES": "es-ES", "JP": "ja-JP", "PL": "pl-PL"}
SCREENS = {"1920x1080": 30, "1440x900": 16, "390x844": 25, "412x915": 15, "820x1180": 4, "2560x1440": 10}
ENTRIES = {
    "/": 50,
    "/blog/postgres-as-a-queue": 22,
    "/docs": 10,
    "/pricing": 9,
    "/blog/exact-uniques": 11,
    "/blog/why-we-left": 8,
    "/features": 6,
    "/docs/quickstart": 6,
    "/blog": 4,
    "/changelog": 3,
}
PAGES = {
    "/": 90,
    "/pricing": 48,
    "/docs": 34,
    "/blog": 27,
    "/features": 25,
    "/docs/quickstart": 24,
    "/changelog": 14,
    "/blog/postgres-as-a-queue": 21,
    "/docs/api/events": 17,
    "/customers": 12,
    "/login": 16,
    "/about": 9,
    "/blog/exact-uniques": 12,
    "/docs/self-hosting": 9,
    "/integrations": 8,
    "/blog/why-we-left": 8,
    "/security": 6,
    "/docs/sdk": 7,
    "/careers": 5,
    "/contact": 5,
    "/docs/funnels": 4,
    "/docs/privacy": 4,
    "/templates": 3,
}
REFERRERS = {
    "": 34,
    "https://www.google.com/": 26,
    LAUNCH_REFERRER: 2,
    "https://github.com/": 7,
    "https://t.co/x": 5,
    "https://www.bing.com/": 4,
    "https://duckduckgo.com/": 4,
    "https://www.reddit.com/r/selfhosted/": 4,
    "https://www.linkedin.com/": 3,
    "https://lobste.rs/": 2,
    "https://chatgpt.com/": 3,
    "https://dev.to/demo": 1,
}
CAMPAIGNS = ("utm_source=google&utm_medium=cpc&utm_campaign=brand", "utm_source=partner&utm_medium=referral")
NEWSLETTER = "utm_source=newsletter&utm_medium=email&utm_campaign=product-news"
PLANS = {"solo": ("9.00", 60), "team": ("29.00", 30), "company": ("99.00", 10)}


class Person(NamedTuple):
    """A visitor, who keeps browser and place."""

    user_id: str
    fields: dict[str, str]


def tell(today: date, until: datetime) -> Iterator[dict[str, Any]]:
    """The events from DAYS before `today` on and before `until`, as the ingest API takes them."""
    storyteller = _Storyteller(today)
    day = today - timedelta(days=DAYS)
    while day <= until.date():
        for event in storyteller.tell_day(day):
            if event["ts"] < until:
                yield {**event, "ts": event["ts"].isoformat()}
        day += timedelta(days=1)


class _Storyteller:
    """Makes day after day. What it draws depends on the days before alone."""

    def __init__(self, today: date) -> None:
        # Nobody is to be surprised by it.
        self._today, self._random = today, random.Random(str(today))  # noqa: S311
        self._people: list[Person] = []

    def tell_day(self, day: date) -> Iterator[dict[str, Any]]:
        days_ago = (self._today - day).days
        launch = days_ago == LAUNCH_DAY
        visits = VISITS_A_DAY * (1 + GROWTH_A_DAY * (DAYS - days_ago)) * self._random.uniform(0.93, 1.07)
        visits *= (WEEKEND if day.weekday() >= 5 else 1) * (SUMMER if day.month in SUMMER_MONTHS else 1)
        starts = self._random.choices(range(24), HOURS, k=int(visits * (3.2 if launch else 1)))
        for hour in sorted(starts):
            at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
            yield from self._tell_visit(at + timedelta(seconds=self._random.uniform(0, 3600)), launch)

    def _tell_visit(self, at: datetime, launch: bool) -> Iterator[dict[str, Any]]:
        chance, person = self._random, self._choose_person()
        views = 1 if chance.random() < BOUNCES else 2 + min(11, int(chance.expovariate(0.45)))
        path, arrival = self._choose(ENTRIES), self._choose_arrival(at.date(), launch)
        common = {"user_id": person.user_id, "session_id": self._new_id(), **person.fields}
        for _ in range(views):
            seconds = 4 + chance.expovariate(1 / 45)
            yield from self._tell_view(common, at, path, arrival, seconds)
            if path == "/pricing":
                yield from self._tell_sign_up(common, at + timedelta(seconds=seconds * 0.8), person)
            at, path, arrival = at + timedelta(seconds=seconds), self._choose(PAGES), {}

    def _tell_view(
        self, common: dict[str, str], at: datetime, path: str, arrival: dict[str, str], seconds: float
    ) -> Iterator[dict[str, Any]]:
        chance, view = self._random, self._new_id()
        fields = {"path": f"{path}?{arrival['campaign']}" if "campaign" in arrival else path}
        if "referrer" in arrival:
            fields["referrer"] = arrival["referrer"]
        yield self._event(common, "page_view", at, {"view": view}, **fields)
        looked = {"view": view, "engaged_s": round(seconds * 0.7, 1), "scroll_depth": chance.randrange(20, 101, 5)}
        yield self._event(common, "engagement", at + timedelta(seconds=seconds * 0.9), looked, path=path)
        if chance.random() < 0.05:
            kind = chance.choice(("outbound_click", "file_download", "button_click"))
            yield self._event(common, kind, at + timedelta(seconds=seconds * 0.5), {}, path=path)

    def _tell_sign_up(self, common: dict[str, str], at: datetime, person: Person) -> Iterator[dict[str, Any]]:
        chance, variant = self._random, ""
        if (self._today - at.date()).days < EXPERIMENT_DAYS:
            variant = VARIANTS[uuid.uuid5(uuid.NAMESPACE_URL, person.user_id).int % len(VARIANTS)]
            seen = {"experiment": "pricing", "variant": variant}
            yield self._event(common, "experiment_seen", at, seen, path="/pricing")
        if chance.random() >= SIGN_UP[variant]:
            return
        plan = self._choose({name: weight for name, (_, weight) in PLANS.items()})
        yield self._event(common, "signup", at + timedelta(seconds=40), {"plan": plan}, path="/signup")
        if chance.random() < BUYS:
            paid = {"plan": plan, "total": float(PLANS[plan][0]), "currency": chance.choice(("EUR", "EUR", "USD"))}
            yield self._event(common, "purchase", at + timedelta(seconds=130), paid, path="/welcome")

    def _event(self, common: dict[str, str], kind: str, at: datetime, payload: Any, **fields: str) -> dict[str, Any]:
        return {"event_id": self._new_id(), "type": kind, "ts": at, **common, **fields, "payload": payload}

    def _choose_person(self) -> Person:
        chance = self._random
        if self._people and chance.random() < RETURNING:
            return chance.choice(self._people[-6000:])
        country = self._choose(COUNTRIES)
        fields = {"country": country, "user_agent": self._choose(AGENTS), "screen": self._choose(SCREENS)}
        fields |= {"language": LANGUAGES.get(country, "en-US"), "hostname": "demo.example"}
        if country in PLACES:
            fields["region"], fields["city"] = chance.choice(PLACES[country])
        self._people.append(Person(f"visitor-{len(self._people) + 1}", fields))
        return self._people[-1]

    def _choose_arrival(self, day: date, launch: bool) -> dict[str, str]:
        chance = self._random
        if launch and chance.random() < 0.6:
            return {"referrer": LAUNCH_REFERRER}
        if day.weekday() == 1 and day.isocalendar().week % 2 == 0 and chance.random() < 0.25:
            return {"campaign": NEWSLETTER}
        if chance.random() < 0.08:
            return {"campaign": chance.choice(CAMPAIGNS), "referrer": "https://www.google.com/"}
        referrer = self._choose(REFERRERS)
        return {"referrer": referrer} if referrer else {}

    def _choose(self, weights: dict[str, int]) -> str:
        names: Sequence[str] = list(weights)
        return self._random.choices(names, list(weights.values()))[0]

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
