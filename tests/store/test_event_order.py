"""One order of events everywhere: by time, and events of one instant as they were received. Worked by hand, and as a
property over many ties: visits, funnels, journeys, experiments, lists and exports tell the same order."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine

from analytics.audit.run import run_audit
from analytics.columnar.write import write_due
from analytics.ingest.imports import run as import_run
from analytics.rollups.merge import merge_all, merge_site
from analytics.rollups.rebuild import rebuild_days
from analytics.sites.sites import Site
from tests.examples import examples
from tests.factories import append_events, make_drain, make_site
from tests.ingest.drain.letters import bury_batch, poisoned, retry_all

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
TODAY = f"date={NOON:%Y-%m-%d}"
TS = NOON.isoformat().replace("+00:00", "Z")
ONE_USER = {"user_id": "a", "ts": TS}
VISITS = "SELECT entry_path, exit_path, views FROM visits WHERE site_id = :id"
Read = Callable[..., Any]


@pytest.fixture
def read(client: FlaskClient, token: Any, auth: Any) -> Read:
    """`read(site, "journeys", from_page="/")`: the JSON of a report on the day of NOON."""

    def report(site: Site, name: str, **query: Any) -> Any:
        query |= {"site": site.key, "date": f"{NOON:%Y-%m-%d}"}
        response = client.get(f"/api/analytics/reports/{name}", query_string=query, headers=auth(token()))
        assert response.status_code == 200, response.json
        return response.json

    return report


@pytest.fixture
def funnel(client: FlaskClient, token: Any, auth: Any) -> Read:
    """`funnel(site, "/a", "/b")`: how many users reached each step on the day of NOON; a name without / is a type."""

    def count(site: Site, *steps: str, ordering: str = "ordered") -> list[int]:
        conditions = [{"page": step} if step[0] == "/" else {"event": step} for step in steps]
        body = {"ordering": ordering, "steps": [{"type": next(iter(one)), "condition": one} for one in conditions]}
        url = f"/api/analytics/reports/funnel?site={site.key}&{TODAY}"
        response = client.post(url, json=body, headers=auth(token()))
        assert response.status_code == 200, response.json
        return [row["visitors_reached"] for row in response.json["step_analytics"]]

    return count


@pytest.fixture
def send(client: FlaskClient, engine: Engine, redis: Redis, token: Any, auth: Any) -> Read:
    """`send(site, event, …)`: one batch over HTTP, stored."""

    def post(site: Site, *events: dict[str, Any]) -> None:
        body = {"site_id": site.key, "events": [ONE_USER | event for event in events]}
        response = client.post("/api/analytics/ingest", json=body, headers=auth(token()))
        assert response.status_code == 202, response.json
        make_drain(engine, redis).run()

    return post


def views(*paths: str) -> list[dict[str, Any]]:
    return [{"type": "page_view", "path": path} for path in paths]


SEEN, ORDER = {"type": "seen", "payload": {"variant": "b"}}, {"type": "order"}


@pytest.mark.parametrize("batches", [1, 2])
def test_a_conversion_at_the_instant_of_the_exposure(
    engine: Engine, read: Read, send: Read, funnel: Read, batches: int
) -> None:
    for events, converted in (([SEEN, ORDER], 1), ([ORDER, SEEN], 0)):
        site = make_site(engine, "UTC")
        for batch in [events] if batches == 1 else [[event] for event in events]:
            send(site, *batch)
        result = read(site, "experiment", exposure_type="seen", variant="payload.variant", goal="order")
        assert [row["converted_users"] for row in result["variants"]] == [converted]
        assert funnel(site, "seen", "order") == [1, converted]


def test_journeys_visits_and_funnels_agree_on_two_views_of_one_instant(
    engine: Engine, read: Read, send: Read, funnel: Read, sql: Any
) -> None:
    site = make_site(engine, "UTC")
    send(site, *views("/z", "/b"))
    merge_site(engine, site.id)
    assert sql(VISITS, id=site.id) == [("/z", "/b", 2)]
    [journey] = read(site, "journeys", from_page="/z")["journeys"]
    assert journey["steps"] == [{"page": "/z"}, {"page": "/b"}]
    assert (funnel(site, "/z", "/b"), funnel(site, "/b", "/z")) == ([1, 1], [1, 0])
    assert funnel(site, "/z", "/b", ordering="strict") == [1, 1]


LOG_LINE = '8.8.8.8 - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" 200 9 "-" "{agent}"\n'
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"


def import_log(app: Flask, site: Site, folder: Path, paths: Sequence[str]) -> None:
    log = folder / f"{site.key}.log"
    log.write_text("".join(LOG_LINE.format(at=NOON, path=path, agent=AGENT) for path in paths))
    arguments = ["import", "access-log", str(log), "--site", site.key, "--no-wait"]
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("batch_events", [1, 2, 1000])
def test_lines_of_one_second_are_in_the_order_of_the_file(
    app: Flask, engine: Engine, redis: Redis, read: Read, funnel: Read, sql: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, batch_events: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(import_run, "MAX_BATCH_EVENTS", batch_events)
    shop, other = make_site(engine, "UTC"), make_site(engine, "UTC")
    import_log(app, shop, tmp_path, ["/cart", "/checkout"])
    import_log(app, other, tmp_path, ["/z", "/m", "/q", "/a"])
    make_drain(engine, redis).run()
    merge_all(engine, 10)
    assert funnel(shop, "/cart", "/checkout") == [1, 1]
    assert funnel(shop, "/checkout", "/cart") == [1, 0]
    assert sql(VISITS, id=other.id) == [("/z", "/a", 4)]
    [journey] = read(other, "journeys", from_page="/z", steps=4)["journeys"]
    assert [step["page"] for step in journey["steps"]] == ["/z", "/m", "/q", "/a"]
    assert [str(gap) for gap in run_audit(engine, redis, full=True).gaps] == []


def test_a_frozen_clock_stamps_batches_in_order(
    engine: Engine, send: Read, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not an hour of the day, which the token might not reach.
    frozen = datetime.now(UTC)
    monkeypatch.setattr("analytics.clock.now", lambda: frozen)
    site = make_site(engine, "UTC")
    for path in ("/z", "/m", "/a"):
        send(site, *views(path))
    merge_site(engine, site.id)
    assert sql(VISITS, id=site.id) == [("/z", "/a", 3)]
    received = sql("SELECT received_at FROM events WHERE path = ANY (ARRAY['/z', '/m', '/a']) ORDER BY received_at")
    assert len(set(received)) == 3


@pytest.mark.parametrize("is_whole_batch", [False, True])
def test_a_retried_dead_letter_takes_its_place(
    engine: Engine, redis: Redis, read: Read, sql: Any, is_whole_batch: bool
) -> None:
    """After a later batch is stored, and whatever was before it in its batch."""
    site = make_site(engine, "UTC")
    events = [ONE_USER | view for view in views("/first", "/poison", "/last")]
    with poisoned(engine) as mend:
        if is_whole_batch:
            bury_batch(engine, redis, site, events)
        else:
            append_events(redis, site, events)
        append_events(redis, site, [ONE_USER | view for view in views("/next")])
        make_drain(engine, redis).run()
        merge_site(engine, site.id)
        mend()
        retry_all(engine)
    merge_site(engine, site.id)
    order = ["/first", "/poison", "/last", "/next"]
    positions = sql("SELECT path, position FROM events WHERE site_id = :id ORDER BY received_at, position", id=site.id)
    assert positions == list(zip(order, (0, 1, 2, 0), strict=True))
    [journey] = read(site, "journeys", from_page="/first", steps=4)["journeys"]
    assert [step["page"] for step in journey["steps"]] == order
    assert sql(VISITS, id=site.id) == [("/first", "/next", 4)]
    assert [str(gap) for gap in run_audit(engine, redis, full=True).gaps] == []


class Sent(NamedTuple):
    """An event of the property: in the order of its fields it is in the order of events."""

    second: int
    batch: int
    index: int
    user: str
    path: str
    number: int

    def as_payload(self) -> dict[str, Any]:
        ts = (NOON + timedelta(seconds=self.second)).isoformat()
        fields = {"user_id": self.user, "path": self.path, "event_id": f"e{self.number}", "ts": ts}
        return {"type": "page_view", **fields, "payload": {"n": self.number, "v": "x"}}


@st.composite
def batches(draw: st.DrawFn) -> list[list[Sent]]:
    """Batches with many ties, some events sent twice, in the order of their arrival."""
    made: list[list[Sent]] = []
    number = 0
    for batch in range(draw(st.integers(1, 5))):
        events = []
        for index in range(draw(st.integers(1, 5))):
            number += 1
            drawn = st.tuples(st.integers(0, 1), st.sampled_from("pq"), st.sampled_from(["/a", "/b", "/c"]))
            second, user, path = draw(drawn)
            events.append(Sent(second, batch, index, user, path, number))
        if made and draw(st.booleans()):
            again = draw(st.sampled_from(made[-1]))
            events.append(again._replace(batch=batch, index=len(events)))
        made.append(events)
    return draw(st.permutations(made))


def tell_paths(events: Sequence[Sent], user: str) -> list[str]:
    return [event.path for event in sorted(events) if event.user == user]


def journeys_from_a(events: Sequence[Sent]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for user in "pq":
        paths = tell_paths(events, user)
        walked = [path for before, path in zip([None, *paths], paths, strict=False) if path != before]
        if "/a" in walked:
            at = walked.index("/a")
            found[tuple(walked[at : at + 6])] += 1
    return found


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrived=batches(), merged=st.lists(st.booleans(), min_size=5, max_size=5), is_written=st.booleans())
def test_everything_tells_one_order(
    engine: Engine, redis: Redis, client: FlaskClient, token: Any, auth: Any, read: Read, funnel: Read, sql: Any,
    arrived: list[list[Sent]], merged: list[bool], is_written: bool,
) -> None:  # fmt: skip
    site, stored = make_site(engine, "UTC"), dict[int, Sent]()
    received_us = int(NOON.timestamp()) * 1_000_000
    for batch, is_merged in zip(arrived, merged, strict=False):
        # Of an event that is sent twice the copy counts that is stored first.
        for event in batch:
            stored.setdefault(event.number, event)
        at = received_us + batch[0].batch
        append_events(redis, site, [event.as_payload() for event in batch], received_us=at)
        make_drain(engine, redis).run()
        if is_merged:
            merge_site(engine, site.id)
    if is_written:
        write_due(engine, datetime.now(UTC) + timedelta(hours=1), 60)
    events = sorted(stored.values())
    numbers, by_user = [event.number for event in events], [tell_paths(events, user) for user in "pq"]
    headers = auth(token())
    listed = client.get(f"/events?site={site.key}&{TODAY}", headers=headers).json["events"]
    assert [event["properties"]["n"] for event in reversed(listed)] == numbers
    exported = client.get(f"/api/analytics/reports/events?site={site.key}&{TODAY}", headers=headers).text
    rows = csv.DictReader(io.StringIO(exported, newline=""))
    assert [msgspec.json.decode(row["payload"])["n"] for row in rows] == numbers
    paths = [paths for paths in by_user if paths]
    check_visits(read, site, paths)
    is_step = [["/a" in paths, "/b" in paths[paths.index("/a") + 1 :] if "/a" in paths else False] for paths in by_user]
    assert funnel(site, "/a", "/b") == [sum(step) for step in zip(*is_step, strict=True)]
    is_strict = [any(pair == ("/a", "/b") for pair in pairwise(paths)) for paths in by_user]
    assert funnel(site, "/a", "/b", ordering="strict")[1] == sum(is_strict)
    journeys = read(site, "journeys", from_page="/a", steps=6, limit=100)["journeys"]
    assert {tuple(step["page"] for step in one["steps"]): one["visits"] for one in journeys} == journeys_from_a(events)
    result = read(site, "experiment", exposure_type="page_view", variant="payload.v", goal="/b")
    assert sum(row["conversions"] for row in result["variants"]) == sum(paths[1:].count("/b") for paths in by_user)
    merge_site(engine, site.id)
    visits = sql("SELECT * FROM visits WHERE site_id = :id ORDER BY user_no", id=site.id)
    check_visits(read, site, paths)
    rebuild_days(engine, site, date(*NOON.timetuple()[:3]), date(*NOON.timetuple()[:3]) + timedelta(days=1))
    assert sql("SELECT * FROM visits WHERE site_id = :id ORDER BY user_no", id=site.id) == visits
    assert [str(gap) for gap in run_audit(engine, redis, site, full=True).gaps] == []


def check_visits(read: Read, site: Site, paths: Sequence[Sequence[str]]) -> None:
    """The visits of the entry and exit lists, waiting page views included."""
    for dimension, place in (("entry_path", 0), ("exit_path", -1)):
        rows = read(site, "breakdown", dimension=dimension)["rows"]
        assert {row["value"]: row["visits"] for row in rows} == Counter(one[place] for one in paths), dimension
