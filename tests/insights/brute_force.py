"""Generated events and their stored rows, for tests that count everything again in Python."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.columnar.write import LONGEST_WAIT, write_due
from analytics.columnar.write_visits import write_due_visits
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.reports.brute_force import BOT, local_day

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


def store_beside_files(engine: Engine, store: Callable[..., None], site: Site, events: list[dict[str, Any]]) -> None:
    """Every second event is in column files, with the rollups and visits of those; the others come later, as rows."""
    store(events[::2], site_id=site.id, site_key=site.key)
    merge_site(engine, site.id)
    assert write_due(engine, clock.now() + 2 * LONGEST_WAIT, 20).files
    write_due_visits(engine, clock.now(), 20, rest=-timedelta(days=3650))
    if events[1:]:
        store(events[1::2], site_id=site.id, site_key=site.key)


IN_ORDER = "ORDER BY ts, received_at, position, event_id"


@st.composite
def event_payloads(draw: st.DrawFn, max_events: int = 40, days: int = 5, step_s: int = 60) -> list[dict[str, Any]]:
    """Events of a few days, often within minutes of each other, some at one instant."""
    drawn: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, max_events))):
        after = draw(st.integers(0, days * 86_400 // step_s)) * step_s
        if drawn and draw(st.integers(0, 2)):
            after = drawn[-1]["after"] + draw(st.sampled_from([0, 60, 600, 1800, 1801]))
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
        drawn.append(event)
    return [{**event, "ts": (START + timedelta(seconds=event.pop("after"))).isoformat()} for event in drawn]


payloads = st.fixed_dictionaries(
    {},
    optional={
        "total": st.sampled_from([10, 12.5, "7.25", "-1", "nothing", True, None, [1], "1e3", 0.1]),
        "currency": st.sampled_from(["EUR", "USD"]),
        "plan": st.sampled_from(["free", "pro"]),
        "variant": st.sampled_from(["control", "short", "long"]),
    },
)


def read_stored_events(sql: Callable[..., Any], site: Site) -> list[Event]:
    """Ordered by time and receipt."""
    columns = "ts, event_id, user_no, coalesce(session_id, ''), is_bot, type, path, coalesce(utm_source, ''), payload"
    rows = sql(f"SELECT {columns} FROM events WHERE site_id = :site_id {IN_ORDER}", site_id=site.id)
    return [Event(*row[:-1], row[-1] or {}) for row in rows]


def parse_amount(value: Any) -> Decimal | None:
    """A number, or a plain decimal number as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = str(value)
    return Decimal(text) if text.lstrip("+-").replace(".", "", 1).isdigit() and text[-1] != "." else None


def day_of(event: Event, zone: str) -> date:
    return local_day(event.ts, ZoneInfo(zone))
