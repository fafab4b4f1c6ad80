"""Generated events, the slow view of them, and random pieces of goals, for tests that count everything anew in Python."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics.sites import Site, create_site
from tests.reports.slow import BOT, slow_day

DAY, GAP = timedelta(days=1), timedelta(minutes=30)
START = datetime(2026, 3, 27, tzinfo=UTC)


class Event(NamedTuple):
    """A stored event."""

    ts: datetime
    event_id: Any
    user_no: int
    session: str
    is_bot: bool
    type: str
    path: str | None
    campaign: str
    payload: dict[str, Any]


@st.composite
def sent(draw: st.DrawFn, most: int = 40, days: int = 5, step_s: int = 60) -> list[dict[str, Any]]:
    """Events of a few days; often within minutes of each other, some at one instant."""
    found: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, most))):
        after = draw(st.integers(0, days * 86_400 // step_s)) * step_s
        if found and draw(st.integers(0, 2)):
            after = found[-1]["after"] + draw(st.sampled_from([0, 60, 600, 1800, 1801]))
        event: dict[str, Any] = {"after": after, "user_id": draw(st.sampled_from("abcde"))}
        event["type"] = draw(st.sampled_from(["page_view", "page_view", "page_view", "order", "seen"]))
        if event["type"] == "page_view":
            event["path"] = draw(st.sampled_from(["/", "/a", "/a/b", "/A", "/a%b", "/thanks"]))
        if draw(st.integers(0, 3)) == 0:
            event["session_id"] = draw(st.sampled_from(["s", "t"]))
        if draw(st.integers(0, 5)) == 0:
            event["user_agent"] = BOT
        if draw(st.booleans()):
            event["utm_source"] = "news"
        event["payload"] = draw(payloads)
        found.append(event)
    return [{**event, "ts": (START + timedelta(seconds=event.pop("after"))).isoformat()} for event in found]


payloads = st.fixed_dictionaries(
    {},
    optional={
        "total": st.sampled_from([10, 12.5, "7.25", "-1", "nothing", True, None, [1], "1e3", 0.1]),
        "currency": st.sampled_from(["EUR", "USD"]),
        "plan": st.sampled_from(["free", "pro"]),
        "variant": st.sampled_from(["control", "short", "long"]),
    },
)


def make_site(engine: Engine, zone: str) -> Site:
    with engine.begin() as connection:
        return create_site(connection, f"s{time.monotonic_ns()}", zone=zone)


def stored(sql: Callable[..., Any], site: Site) -> list[Event]:
    """In the order of time; of one instant, of their ids."""
    columns = "ts, event_id, user_no, coalesce(session_id, ''), is_bot, type, path, coalesce(utm_source, ''), payload"
    rows = sql(f"SELECT {columns} FROM events WHERE site_id = :site_id ORDER BY ts, event_id", site_id=site.id)
    return [Event(*row[:-1], row[-1] or {}) for row in rows]


def money(value: Any) -> Decimal | None:
    """What of a payload is an amount: a number, or a plain one as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = str(value)
    return Decimal(text) if text.lstrip("+-").replace(".", "", 1).isdigit() and text[-1] != "." else None


def day_of(event: Event, zone: str) -> date:
    return slow_day(event.ts, ZoneInfo(zone))
