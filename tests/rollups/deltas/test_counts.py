"""Deltas: the counts and visit parts of a chunk, compared with a slow count of the same events."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyroaring import BitMap64

from analytics.files.zstd import zstd
from analytics.rollups.deltas import counts
from analytics.rollups.deltas.codec import UnreadableDelta
from analytics.rollups.deltas.counts import Count, Delta, RollupKey
from analytics.rollups.visits.sessionization import VisitPart, join_parts
from analytics.store.copy.copy_text import escape_copy
from tests.examples import examples
from tests.rollups.factories import Row, page

# Zone → an instant near which its clocks change or its offset is odd.
INSTANTS = {
    "UTC": "2026-01-01T00:00Z",
    "Asia/Kathmandu": "2026-05-01T18:15Z",
    "Australia/Lord_Howe": "2026-04-04T15:00Z",
    "America/St_Johns": "2026-03-08T05:30Z",
    "Europe/Berlin": "2026-10-25T01:00Z",
    "America/Havana": "2026-03-08T05:00Z",
    "Pacific/Apia": "2011-12-30T10:00Z",
}
ATTRIBUTES = (
    "path", "hostname", "utm_source", "utm_medium", "utm_campaign", "referrer", "source", "channel",
    "country", "region", "city", "browser", "os", "device", "language", "screen",
)  # fmt: skip


class Event(NamedTuple):
    """An event with plain values; None for an absent one."""

    ts: datetime
    user_no: int
    type: str
    subject: str | None
    session_id: str | None
    is_bot: bool
    receipt: tuple[int, int]
    attributes: tuple[str | None, ...]


def row_of(event: Event) -> Row:
    """The event as the drain passes it to the counting code."""
    columns = ["\\N" if value is None else escape_copy(value) for value in event.attributes]
    page, referrer, place, agent = ("\t".join(columns[a:b]) for a, b in ((0, 5), (5, 8), (8, 11), (11, 16)))
    ts = event.ts.isoformat()
    return Row(
        ts if event.user_no % 2 else ts.replace("+00:00", "Z"), event.type, event.subject or "", event.session_id or "",
        f"{'t' if event.is_bot else 'f'}\t{agent}", page + "\t\\N\t\\N", referrer, place, *event.receipt,
    )  # fmt: skip


def build(zone: str, events: Sequence[Event]) -> Delta:
    return counts.count_rows(zone, [row_of(event) for event in events], [event.user_no for event in events])


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


def slow_counts(zone: str, events: Sequence[Event]) -> dict[RollupKey, tuple[int, set[int]]]:
    """Key by key and event by event."""
    counts: dict[RollupKey, tuple[int, set[int]]] = {}
    for event in events:
        day, hour = slow_day(event.ts, ZoneInfo(zone))
        values = {name: value or "" for name, value in zip(ATTRIBUTES, event.attributes, strict=True)}
        country, region, city = values["country"], values["region"], values["city"]
        values["region"] = f"{country}/{region}" if region else ""
        values["city"] = f"{country}/{region}/{city}" if city else ""
        values |= {name: value.lower() for name, value in values.items() if name.startswith("utm_")}
        values |= {"total": "", "hour": f"{hour:02d}"}
        for subject in {"", event.subject or ""}:
            for dimension, value in values.items():
                key = RollupKey(dimension, day, event.type, subject, event.is_bot, value)
                count, users = counts.setdefault(key, (0, set()))
                users.add(event.user_no)
                counts[key] = (count + 1, users)
    return counts


def plain(delta: Delta) -> dict[RollupKey, tuple[int, set[int]]]:
    return {key: (count.events, set(count.users)) for key, count in delta.counts.items()}


TEXTS = st.none() | st.sampled_from(
    ("a", "b", "tab\tnew\nline\r", "back\\slash", "\\N", "ü\U0001f600", "/", "Ab", "ÄB")
)
EVENTS = st.builds(
    lambda minutes, us, *rest: (timedelta(minutes=minutes, microseconds=us), *rest),
    st.integers(-1700, 1700),
    st.integers(0, 59_999_999),
    st.integers(1, 4) | st.sampled_from((2**16, 2**32 + 1)),
    st.sampled_from(("page_view", "click", "tab\t")),
    st.none() | st.sampled_from(("x1", "y\\2")),
    st.none() | st.sampled_from(("s", "t")),
    st.booleans(),
    st.tuples(st.sampled_from((0, 1_764_000_000_000_000, 1_764_000_000_000_001)), st.integers(0, 2)),
    st.tuples(*[TEXTS] * len(ATTRIBUTES)),
)


@pytest.mark.parametrize("zone", INSTANTS)
@hypothesis_settings(max_examples=examples(25), deadline=None)
@given(drawn=st.lists(EVENTS, max_size=12))
def test_a_delta_equals_a_slow_count(zone: str, drawn: list[Any]) -> None:
    events = [Event(datetime.fromisoformat(INSTANTS[zone]) + after, *rest) for after, *rest in drawn]
    delta = build(zone, events)
    assert plain(delta) == slow_counts(zone, events)
    assert sorted(delta.visit_parts) == sorted(slow_visit_parts(events))


def slow_visit_parts(events: Sequence[Event]) -> list[VisitPart]:
    """Page views of a (user, session, bot) in order of time, cut where 30 minutes pass."""
    parts: list[VisitPart] = []
    for key in {(event.user_no, event.session_id or "", event.is_bot) for event in events}:
        views = [
            event
            for event in events
            if event.type == "page_view" and (event.user_no, event.session_id or "", event.is_bot) == key
        ]
        runs: list[list[Event]] = []
        for view in sorted(views, key=lambda view: view.ts):
            if runs and view.ts - runs[-1][-1].ts <= timedelta(minutes=30):
                runs[-1].append(view)
            else:
                runs.append([view])
        parts += [slow_visit_part(key, run) for run in runs]
    return parts


def slow_visit_part(key: tuple[int, str, bool], run: Sequence[Event]) -> VisitPart:
    """Views of one instant are in the order of receipt; views of one receipt, in that of their values."""
    first, last = run[0].ts, run[-1].ts
    entry_at, entry = min((view.receipt, entry_of(view)) for view in run if view.ts == first)
    exit_at, exit_path = max((view.receipt, entry_of(view)[0]) for view in run if view.ts == last)
    receipts = (received_us * 2**32 + position for received_us, position in (entry_at, exit_at))
    us = timedelta(microseconds=1)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return VisitPart(*key, (first - epoch) // us, (last - epoch) // us, len(run), *receipts, entry, exit_path)


def test_a_body_of_version_1_has_page_views_without_receipts() -> None:
    """Of a release before, waiting at the upgrade: counted as the release would have."""
    rows = [page(path, received_us=1_764_000_000_000_000, position=n) for n, path in enumerate(("/z", "/a"))]
    sections, views = msgspec.msgpack.decode(zstd.decompress(counts.encode_rows("UTC", rows, [1, 1])[1:]))
    old = b"\x01" + zstd.compress(msgspec.msgpack.encode([sections, views[:-2]]))
    [visit] = counts.decode_delta(old, "UTC").visit_parts
    assert (visit.entry[0], visit.exit_path, visit.views) == ("/a", "/z", 2)
    assert (visit.entry_receipt, visit.exit_receipt) == (0, 0)
    [visit] = counts.decode_delta(counts.encode_rows("UTC", rows, [1, 1]), "UTC").visit_parts
    assert (visit.entry[0], visit.exit_path, visit.views) == ("/z", "/a", 2)


def entry_of(view: Event) -> tuple[str, ...]:
    values = {name: value or "" for name, value in zip(ATTRIBUTES, view.attributes, strict=True)}
    values |= {name: value.lower() for name, value in values.items() if name.startswith("utm_")}
    names = (
        "path source referrer country browser os device utm_source utm_medium utm_campaign utm_term utm_content"
        " region city channel"
    )
    return tuple(values.get(name, "") for name in names.split())


@pytest.mark.parametrize("zone", ["Europe/Berlin"])
@hypothesis_settings(max_examples=examples(25), deadline=None)
@given(drawn=st.lists(EVENTS, max_size=12), cut=st.integers(0, 12))
def test_encoded_bodies_add_up_without_loss(zone: str, drawn: list[Any], cut: int) -> None:
    events = [Event(datetime.fromisoformat(INSTANTS[zone]) + after, *rest) for after, *rest in drawn]
    whole = build(zone, events)
    parts = [
        counts.encode_rows(zone, [row_of(event) for event in part], [event.user_no for event in part])
        for part in (events[:cut], events[cut:])
    ]
    total = counts.sum_bodies(parts, zone)
    assert total.counts == whole.counts
    assert sorted(total.visit_parts) == sorted(whole.visit_parts)


@hypothesis_settings(max_examples=examples(40), deadline=None)
@given(drawn=st.lists(EVENTS, max_size=12), cut=st.integers(0, 12), keys=st.integers(0, 200))
def test_parts_of_few_keys_add_up_to_the_whole(drawn: list[Any], cut: int, keys: int) -> None:
    events = [Event(datetime.fromisoformat(INSTANTS["UTC"]) + after, *rest) for after, *rest in drawn]
    bodies = [
        counts.encode_rows("UTC", [row_of(event) for event in part], [event.user_no for event in part])
        for part in (events[:cut], events[cut:])
    ]
    whole, summed = build("UTC", events), dict[RollupKey, Count]()
    parts = list(counts.sum_bodies_in_parts(bodies, "UTC", keys))
    for part in parts:
        for key, count in part.counts.items():
            summed.setdefault(key, Count()).add(count)
    assert summed == whole.counts
    assert sorted(join_parts(visit_part for part in parts for visit_part in part.visit_parts)) == sorted(
        whole.visit_parts
    )


def test_a_part_of_many_short_codes_is_at_most_twice_the_limit() -> None:
    """Each short code has a key in all dimensions, and adds a path to the site."""
    moment = datetime.fromisoformat(INSTANTS["UTC"])
    clicks = [Event(moment, n, "click", f"c{n}", None, False, (0, 0), (f"/{n}", *[None] * 15)) for n in range(2000)]
    body = counts.encode_rows("UTC", [row_of(click) for click in clicks], list(range(2000)))
    sizes = [len(part.counts) for part in counts.sum_bodies_in_parts([body], "UTC", 4000)]
    assert max(sizes) < 2 * 4000
    assert sum(sizes) >= 2000 * 18


def test_no_two_counts_share_a_bitmap() -> None:
    delta = build("UTC", [Event(datetime(2026, 1, 1, tzinfo=UTC), 7, "click", "x", None, False, (0, 0), (None,) * 16)])
    for count in delta.counts.values():
        count.add(Count(1, BitMap64([8])))
    assert {tuple(count.users) for count in delta.counts.values()} == {(7, 8)}


# Few enough for a list, or so many that they are a bitmap.
PARTS = st.lists(st.lists(st.integers(0, 30), max_size=2) | st.sets(st.integers(0, 30)).map(BitMap64), max_size=4)


@given(st.lists(PARTS, min_size=1, max_size=4), st.sets(st.integers(0, 3)), st.sets(st.integers(0, 30)))
def test_adding_counts_holds_all_users_and_changes_no_part(
    drawn: list[list[Any]], built: set[int], own: set[int]
) -> None:
    """Whether or not their sets were built before."""
    added = []
    for parts in drawn:
        added.append(Count())
        for part in parts:
            added[-1].add_users(len(part), part)
    for number in built & set(range(len(added))):
        assert set(added[number].users) == {user_no for part in drawn[number] for user_no in part}
    total = Count(len(own), BitMap64(own))
    for count in added:
        total.add(count)
    assert total.events == len(own) + sum(len(part) for parts in drawn for part in parts)
    assert set(total.users) == own.union(*(part for parts in drawn for part in parts))
    total.add(Count(1, BitMap64([99])))
    for parts, count in zip(drawn, added, strict=True):
        assert set(count.users) == {user_no for part in parts for user_no in part}


def test_a_25_hour_day_has_an_hour_24() -> None:
    last = datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)
    delta = build("Europe/Berlin", [Event(last, 7, "click", None, None, False, (0, 0), (None,) * 16)])
    assert [(key.day, key.value) for key in delta.counts if key.dimension == "hour"] == [(date(2026, 10, 25), "24")]


def test_fewer_dimensions_give_the_same_counts() -> None:
    rows = [Row("2026-01-01T00:00:00Z", "page_view", "", "", "f\tA\tB\tC", "/\t\\N\t\\N\t\\N", "\\N\t\\N", "DE\tBE\tB")]
    body = counts.encode_rows("UTC", rows, [3])
    delta = counts.sum_bodies([body], "UTC", ("city", "browser"), visit_parts=False)
    day = date(2026, 1, 1)
    assert delta.counts == {
        RollupKey("city", day, "page_view", "", False, "DE/BE/B"): Count(1, BitMap64([3])),
        RollupKey("browser", day, "page_view", "", False, "A"): Count(1, BitMap64([3])),
    }
    assert delta.visit_parts == []


def test_pieces_of_version_1_have_none_of_the_new_dimensions() -> None:
    """A delta that the release before has left waiting."""
    agent, viewed, referrer = "f\tA\tB\tC", "/a\tNews\t\\N\t\\N\t\\N\t\\N", "https://x.example/\tx.example"
    rows = [Row("2026-01-01T00:00:00Z", "page_view", "", "s", agent, viewed, referrer, "DE\tBE\tB")]
    delta = counts.decode_delta(b"\x01" + counts.encode_rows("UTC", rows, [3])[1:], "UTC")
    values = {key.dimension: key.value for key in delta.counts}
    assert values == {
        "total": "", "hour": "00", "browser": "A", "os": "B", "device": "C", "language": "", "screen": "",
        "path": "/a", "hostname": "", "utm_source": "news", "utm_medium": "", "utm_campaign": "",
        "referrer": "https://x.example/", "source": "x.example", "channel": "",
        "country": "DE", "region": "DE/BE", "city": "DE/BE/B",
    }  # fmt: skip
    [part] = delta.visit_parts
    assert part.entry == (
        "/a",
        "x.example",
        "https://x.example/",
        "DE",
        "A",
        "B",
        "C",
        "news",
        *[""] * 4,
        "BE",
        "B",
        "",
    )


def test_a_body_of_another_version_is_refused() -> None:
    with pytest.raises(UnreadableDelta, match="version"):
        counts.decode_delta(b"\x07" + counts.encode_rows("UTC", [], [])[1:], "UTC")


def test_an_unknown_zone_is_refused() -> None:
    rows = [Row("2026-01-01T00:00:00Z", "a", "", "", "f\tA\tB\tC", "/\t\\N\t\\N\t\\N", "\\N\t\\N", "DE\tBE\tB")]
    with pytest.raises(ValueError, match="IANA"):
        counts.encode_rows("Mars/Olympus", rows, [1])
