"""Deltas: what a chunk adds, against a slow count of the same events; and through the real drain, against the table."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyroaring import BitMap64

from analytics.rollups import delta
from analytics.rollups.delta import Count, Delta, Key
from analytics.rollups.visits import Touch, fold
from analytics.store.events import escape

# Each: a zone, and an instant near which its clocks change or its offset is odd.
PLACES = {
    "UTC": "2026-01-01T00:00Z",
    "Asia/Kathmandu": "2026-05-01T18:15Z",
    "Australia/Lord_Howe": "2026-04-04T15:00Z",
    "America/St_Johns": "2026-03-08T05:30Z",
    "Europe/Berlin": "2026-10-25T01:00Z",
    "America/Havana": "2026-03-08T05:00Z",
    "Pacific/Apia": "2011-12-30T10:00Z",
}
ATTRIBUTES = (
    "path", "utm_source", "utm_medium", "utm_campaign", "referrer", "source", "country", "region", "city",
    "browser", "os", "device",
)  # fmt: skip


class Event(NamedTuple):
    """An event with plain values; None where it says nothing."""

    ts: datetime
    user_no: int
    type: str
    subject: str | None
    session_id: str | None
    is_bot: bool
    attributes: tuple[str | None, ...]


class Row(NamedTuple):
    """The same, as the drain hands it to the counting code."""

    ts: str
    kind: str
    subject: str
    session: str
    agent: str
    page: str
    referrer: str
    place: str


def row_of(event: Event) -> Row:
    said = ["\\N" if value is None else escape(value) for value in event.attributes]
    page, referrer, place, agent = ("\t".join(said[a:b]) for a, b in ((0, 4), (4, 6), (6, 9), (9, 12)))
    ts = event.ts.isoformat()
    return Row(
        ts if event.user_no % 2 else ts.replace("+00:00", "Z"), event.type, event.subject or "", event.session_id or "",
        f"{'t' if event.is_bot else 'f'}\t{agent}", page + "\tterm\t\\N", referrer, place,
    )  # fmt: skip


def build(zone: str, events: Sequence[Event]) -> Delta:
    return delta.build(zone, [row_of(event) for event in events], [event.user_no for event in events])


def slow_day(instant: datetime, tz: ZoneInfo) -> tuple[date, int]:
    """The latest local date on or before the instant, and the hours since it was reached; by walking in minutes.

    None of the zones used goes back across a midnight, so local dates do not decrease.
    """
    day, start = instant.astimezone(tz).date(), instant.replace(second=0, microsecond=0)
    while (start - timedelta(minutes=15)).astimezone(tz).date() == day:
        start -= timedelta(minutes=15)
    while (start - timedelta(minutes=1)).astimezone(tz).date() == day:
        start -= timedelta(minutes=1)
    return day, int((instant - start) / timedelta(hours=1))


def slow_counts(zone: str, events: Sequence[Event]) -> dict[Key, tuple[int, set[int]]]:
    """Every key and event by itself."""
    found: dict[Key, tuple[int, set[int]]] = {}
    for event in events:
        day, hour = slow_day(event.ts, ZoneInfo(zone))
        values = {name: value or "" for name, value in zip(ATTRIBUTES, event.attributes, strict=True)}
        country, region, city = values["country"], values["region"], values["city"]
        values["region"] = f"{country}/{region}" if region else ""
        values["city"] = f"{country}/{region}/{city}" if city else ""
        values |= {"total": "", "hour": f"{hour:02d}"}
        for subject in {"", event.subject or ""}:
            for dimension, value in values.items():
                key = Key(dimension, day, event.type, subject, event.is_bot, value)
                count, users = found.setdefault(key, (0, set()))
                users.add(event.user_no)
                found[key] = (count + 1, users)
    return found


def plain(made: Delta) -> dict[Key, tuple[int, set[int]]]:
    return {key: (count.events, set(count.users)) for key, count in made.counts.items()}


TEXTS = st.none() | st.sampled_from(("a", "b", "tab\tnew\nline\r", "back\\slash", "\\N", "ü\U0001f600", "/"))
EVENTS = st.builds(
    lambda minutes, us, *rest: (timedelta(minutes=minutes, microseconds=us), *rest),
    st.integers(-1700, 1700),
    st.integers(0, 59_999_999),
    st.integers(1, 4) | st.sampled_from((2**16, 2**32 + 1)),
    st.sampled_from(("page_view", "click", "tab\t")),
    st.none() | st.sampled_from(("x1", "y\\2")),
    st.none() | st.sampled_from(("s", "t")),
    st.booleans(),
    st.tuples(*[TEXTS] * len(ATTRIBUTES)),
)


@pytest.mark.parametrize("zone", PLACES)
@hypothesis_settings(max_examples=25, deadline=None)
@given(drawn=st.lists(EVENTS, max_size=12))
def test_a_delta_is_what_a_slow_count_finds(zone: str, drawn: list[Any]) -> None:
    events = [Event(datetime.fromisoformat(PLACES[zone]) + after, *rest) for after, *rest in drawn]
    made = build(zone, events)
    assert plain(made) == slow_counts(zone, events)
    assert sorted(made.touches) == sorted(slow_touches(events))


def slow_touches(events: Sequence[Event]) -> list[Touch]:
    """Page views of a (user, session, bot) in order of time, cut where 30 minutes pass."""
    found: list[Touch] = []
    for name in {(event.user_no, event.session_id or "", event.is_bot) for event in events}:
        views = [
            event
            for event in events
            if event.type == "page_view" and (event.user_no, event.session_id or "", event.is_bot) == name
        ]
        runs: list[list[Event]] = []
        for view in sorted(views, key=lambda view: view.ts):
            if runs and view.ts - runs[-1][-1].ts <= timedelta(minutes=30):
                runs[-1].append(view)
            else:
                runs.append([view])
        found += [slow_touch(name, run) for run in runs]
    return found


def slow_touch(name: tuple[int, str, bool], run: Sequence[Event]) -> Touch:
    first, last = run[0].ts, run[-1].ts
    entry = min(entry_of(view) for view in run if view.ts == first)
    exit_path = max(entry_of(view)[0] for view in run if view.ts == last)
    us = timedelta(microseconds=1)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return Touch(*name, (first - epoch) // us, (last - epoch) // us, len(run), entry, exit_path)


def entry_of(view: Event) -> tuple[str, ...]:
    said = {name: value or "" for name, value in zip(ATTRIBUTES, view.attributes, strict=True)}
    names = "path source referrer country browser os device utm_source utm_medium utm_campaign"
    return tuple(said[name] for name in names.split())


@pytest.mark.parametrize("zone", ["Europe/Berlin"])
@hypothesis_settings(max_examples=25, deadline=None)
@given(drawn=st.lists(EVENTS, max_size=12), cut=st.integers(0, 12))
def test_packing_loses_nothing_and_bodies_add_up(zone: str, drawn: list[Any], cut: int) -> None:
    events = [Event(datetime.fromisoformat(PLACES[zone]) + after, *rest) for after, *rest in drawn]
    whole = build(zone, events)
    parts = [
        delta.pack_rows(zone, [row_of(event) for event in part], [event.user_no for event in part])
        for part in (events[:cut], events[cut:])
    ]
    united = delta.unite(parts, zone)
    assert united.counts == whole.counts
    assert sorted(united.touches) == sorted(whole.touches)


@hypothesis_settings(max_examples=40, deadline=None)
@given(drawn=st.lists(EVENTS, max_size=12), cut=st.integers(0, 12), keys=st.integers(0, 200))
def test_parts_of_few_keys_say_what_all_of_it_says(drawn: list[Any], cut: int, keys: int) -> None:
    events = [Event(datetime.fromisoformat(PLACES["UTC"]) + after, *rest) for after, *rest in drawn]
    bodies = [
        delta.pack_rows("UTC", [row_of(event) for event in part], [event.user_no for event in part])
        for part in (events[:cut], events[cut:])
    ]
    whole, summed = build("UTC", events), dict[Key, Count]()
    parts = list(delta.unite_in_parts(bodies, "UTC", keys))
    for part in parts:
        for key, count in part.counts.items():
            summed.setdefault(key, Count()).add(count)
    assert summed == whole.counts
    assert sorted(fold(touch for part in parts for touch in part.touches)) == sorted(whole.touches)


def test_a_part_of_a_hostile_body_is_little_more_than_it_may_be() -> None:
    """Each short code has a key in all thirteen dimensions, and brings the site a path."""
    moment = datetime.fromisoformat(PLACES["UTC"])
    clicks = [Event(moment, n, "click", f"c{n}", None, False, (f"/{n}", *[None] * 11)) for n in range(2000)]
    body = delta.pack_rows("UTC", [row_of(click) for click in clicks], list(range(2000)))
    sizes = [len(part.counts) for part in delta.unite_in_parts([body], "UTC", 4000)]
    assert max(sizes) < 2 * 4000
    assert sum(sizes) >= 2000 * 14


def test_no_two_counts_share_a_bitmap() -> None:
    made = build("UTC", [Event(datetime(2026, 1, 1, tzinfo=UTC), 7, "click", "x", None, False, (None,) * 12)])
    for count in made.counts.values():
        count.add(Count(1, BitMap64([8])))
    assert {tuple(count.users) for count in made.counts.values()} == {(7, 8)}


# Few enough for a list, and so many that they are a bitmap.
PARTS = st.lists(st.lists(st.integers(0, 30), max_size=2) | st.sets(st.integers(0, 30)).map(BitMap64), max_size=4)


@given(st.lists(PARTS, min_size=1, max_size=4), st.sets(st.integers(0, 3)), st.sets(st.integers(0, 30)))
def test_a_count_of_counts_holds_everybody_and_changes_none_of_them(
    drawn: list[list[Any]], asked: set[int], own: set[int]
) -> None:
    """Whether their sets were asked for before, or not."""
    counts = []
    for parts in drawn:
        counts.append(Count())
        for part in parts:
            counts[-1].count(len(part), part)
    for number in asked & set(range(len(counts))):
        assert set(counts[number].users) == {user_no for part in drawn[number] for user_no in part}
    total = Count(len(own), BitMap64(own))
    for count in counts:
        total.add(count)
    assert total.events == len(own) + sum(len(part) for parts in drawn for part in parts)
    assert set(total.users) == own.union(*(part for parts in drawn for part in parts))
    total.add(Count(1, BitMap64([99])))
    for parts, count in zip(drawn, counts, strict=True):
        assert set(count.users) == {user_no for part in parts for user_no in part}


def test_a_25_hour_day_has_an_hour_24() -> None:
    last = datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)
    made = build("Europe/Berlin", [Event(last, 7, "click", None, None, False, (None,) * 12)])
    assert [(key.day, key.value) for key in made.counts if key.dimension == "hour"] == [(date(2026, 10, 25), "24")]


def test_fewer_dimensions_are_the_same_counts() -> None:
    rows = [Row("2026-01-01T00:00:00Z", "page_view", "", "", "f\tA\tB\tC", "/\t\\N\t\\N\t\\N", "\\N\t\\N", "DE\tBE\tB")]
    body = delta.pack_rows("UTC", rows, [3])
    some = delta.unite([body], "UTC", ("city", "browser"), touches=False)
    day = date(2026, 1, 1)
    assert some.counts == {
        Key("city", day, "page_view", "", False, "DE/BE/B"): Count(1, BitMap64([3])),
        Key("browser", day, "page_view", "", False, "A"): Count(1, BitMap64([3])),
    }
    assert some.touches == []


def test_a_body_of_another_version_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="version"):
        delta.unpack(b"\x07" + delta.pack_rows("UTC", [], [])[1:], "UTC")


def test_an_unknown_zone_is_refused() -> None:
    rows = [Row("2026-01-01T00:00:00Z", "a", "", "", "f\tA\tB\tC", "/\t\\N\t\\N\t\\N", "\\N\t\\N", "DE\tBE\tB")]
    with pytest.raises(ValueError, match="IANA"):
        delta.pack_rows("Mars/Olympus", rows, [1])
