"""What `read_batch` accepts, and how it rejects the rest."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.errors import BadInput, TooLarge
from analytics.ingest import dialects
from analytics.ingest.decoding.events import Event, TimeWindow, ValidationRules, _read_event, read_batch
from analytics.ingest.decoding.json_decoding import has_more_items
from analytics.ingest.decoding.rejections import Batch, read_one_by_one
from analytics.ingest.decoding.storable import is_deeper
from analytics.web.server.greenlets import GreenletPool

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = ValidationRules(TimeWindow(NOW - timedelta(days=90), NOW + timedelta(hours=1)), max_events=1000)


def read(events: object, rules: ValidationRules = RULES, dialect: dialects.Dialect = dialects.BATCH) -> Batch[Event]:
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    return read_batch(body, rules, dialect)


def test_a_good_body_is_kept_byte_for_byte() -> None:
    body = b'[{"type": "page_view", "ts": "2026-11-23T11:00:00Z", "payload": {"page": "/x"}}]'
    batch = read(body)
    assert (batch.body, batch.received, batch.rejected) == (body, 1, [])


def test_a_bad_event_does_not_block_the_others() -> None:
    batch = read([{"type": "a"}, {"type": 1}, {"type": "b"}])
    assert [event.type for event in batch.items] == ["a", "b"]
    assert [(p.index, p.field, p.code) for p in batch.rejected] == [(1, "type", "wrong_type")]
    assert json.loads(batch.body) == [{"type": "a"}, {"type": "b"}]


@pytest.mark.parametrize(
    ("event", "field", "code"),
    [
        pytest.param(b'{"type":"a\\u0000"}', "type", "nul", id="nul in type"),
        pytest.param(b'{"type":"a","payload":{"deep":["x\\u0000"]}}', "payload.deep.0", "nul", id="nul in payload"),
        pytest.param(b'{"type":"a","payload":{"\\u0000k":1}}', "payload", "nul", id="nul in a name"),
        pytest.param(b'{"type":"\\ud800"}', "", "surrogate", id="lone surrogate"),
        pytest.param(b'{"type":"a","payload":{"k":"\\udfff x"}}', "", "surrogate", id="lone surrogate in payload"),
        pytest.param(b'{"type":"a","payload":{"k":1e999}}', "", "malformed", id="infinite number"),
        pytest.param(
            b'{"type":"a","payload":{"k":' + b"9" * 400 + b"}}", "payload.k", "out_of_range", id="huge integer"
        ),
        pytest.param(
            b'{"type":"a","payload":{"k":' + b"9" * 5000 + b"}}", "", "malformed", id="integer of 5000 digits"
        ),
        pytest.param(b'{"type":"a","ts":"0000-01-01T00:00:00Z"}', "ts", "not_a_time", id="year 0"),
        pytest.param(b'{"type":"a","ts":"9999-12-31T23:59:59-12:00"}', "ts", "out_of_window", id="year 9999"),
        pytest.param(b'{"type":"a","ts":"2026-11-23T11:00:00"}', "ts", "no_zone", id="no zone"),
        pytest.param(b'{"type":"a","ts":1763895600}', "ts", "wrong_type", id="seconds since 1970"),
        pytest.param(b'{"type":"a","timestamp":"yesterday"}', "timestamp", "not_a_time", id="alias in the response"),
        pytest.param(b'{"user_id":"u"}', "type", "missing", id="no type"),
        pytest.param(b'{"type":""}', "type", "wrong_length", id="empty type"),
        pytest.param(b'{"type":" \\u00a0\\t"}', "type", "wrong_length", id="white space as type"),
        pytest.param(b'{"type":"a","payload":[1]}', "payload", "wrong_type", id="payload is an array"),
        pytest.param(b'{"type":"a","payload":' + b'{"a":' * 20 + b"1" + b"}" * 21, None, "too_deep", id="deep"),
        pytest.param(b'{"type":"a","payload":{"k":"' + b"x" * 70_000 + b'"}}', "", "too_long", id="long string"),
        pytest.param(b'{"type":"a","payload":{"' + b"x" * 70_000 + b'":1}}', "", "too_long", id="long name"),
        pytest.param(b'{"type":"a","user_id":' + b"9" * 300 + b"}", "user_id", "wrong_type", id="huge user_id"),
        pytest.param(b"5", "", "wrong_type", id="not an object"),
        pytest.param(b"null", "", "wrong_type", id="null"),
    ],
)
def test_each_fault_has_its_field_and_code(event: bytes, field: str | None, code: str) -> None:
    batch = read(b'[{"type":"good"},' + event + b"]")
    assert [event.type for event in batch.items] == ["good"]
    [problem] = batch.rejected
    assert (problem.index, problem.code) == (1, code)
    assert field is None or problem.field == field
    assert problem.detail


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "byte 0", id="nothing"),
        pytest.param(b'[{"type":"a",}]', "byte 13", id="trailing comma"),
        pytest.param(b'[{"type":"a","payload":{"k":NaN}}]', "byte 28", id="NaN"),
        pytest.param(b'[{"type":"\xff"}]', "UTF-8 (byte 10)", id="not UTF-8"),
        pytest.param(b"[" * 5000, "nested", id="nesting bomb"),
        pytest.param(b'{"type":"a"}', "array", id="an object"),
        pytest.param(b'"text"', "array", id="a string"),
        pytest.param(b'[{"type":"\\ud800"},NaN]', "not JSON", id="surrogate and NaN"),
    ],
)
def test_a_body_that_is_not_json_is_refused_with_the_position(body: bytes, words: str) -> None:
    with pytest.raises(BadInput, match="(?i)" + words.replace("(", r"\(").replace(")", r"\)")):
        read(body)


def test_too_many_events_are_refused_with_the_limit() -> None:
    with pytest.raises(TooLarge, match="MAX_BATCH_SIZE is 1000"):
        read([{"type": "a"}] * 1001)


def test_unknown_fields_move_into_the_payload() -> None:
    [event] = json.loads(read([{"event_type": "a", "colour": "red", "properties": {"x": 1}}]).body)
    assert event == {"type": "a", "payload": {"colour": "red", "x": 1}}


def test_a_strict_site_accepts_its_own_types_only() -> None:
    rules = ValidationRules(RULES.window, 1000, allowed_types=frozenset({"page_view"}))
    batch = read([{"type": "page_view"}, {"type": "other"}, {"type": "pageview"}], rules)
    assert [(p.index, p.code) for p in batch.rejected] == [(1, "unknown_type")]
    other = ValidationRules(RULES.window, 1000, allowed_types=frozenset({"purchase"}))
    assert [(p.index, p.code) for p in read([{"type": "pageview"}], other).rejected] == [(0, "unknown_type")]


def test_outer_blanks_of_a_type_count_neither_for_the_list_of_a_site_nor_for_a_required_field() -> None:
    rules = ValidationRules(RULES.window, 1000, allowed_types=frozenset({"page_view"}))
    batch = read([{"type": "page_view "}, {"type": "\u2003pageview\n"}, {"type": "page view"}], rules)
    assert [(p.index, p.code) for p in batch.rejected] == [(2, "unknown_type")]
    body = b'[{"type": " a ", "payload": {"type": " a "}}]'
    assert read(body).body == body
    blank = read([{"short_code": " \u00a0"}, {"short_code": " x "}], dialect=dialects.CLICK)
    assert [(p.index, p.field, p.code) for p in blank.rejected] == [(0, "short_code", "missing")]


def test_another_site_and_another_user_are_refused() -> None:
    rules = ValidationRules(RULES.window, 1000, site_key="shop", required_user_id="ann")
    batch = read(
        [{"type": "a", "site_id": "blog"}, {"type": "a", "user_id": "bob"}, {"type": "a", "user_id": "ann"}], rules
    )
    assert [(p.index, p.code) for p in batch.rejected] == [(0, "other_site"), (1, "other_user")]
    assert len(batch.items) == 1


def test_each_dialect_is_read_in_its_own_names() -> None:
    click = read(
        [{"short_code": "abc", "ip_address": "1.2.3.4", "referer": "https://x.com"}], dialect=dialects.CLICK
    ).items[0]
    assert (click.type, click.subject, click.ip, click.referrer) == ("click", "abc", "1.2.3.4", "https://x.com")
    assert (click.site_id, dialects.CLICK.default_site_key) == (None, "links")
    site = read(
        [{"site_id": "s", "event_type": "v", "path": "/h", "timestamp": "2026-11-23T11:00:00Z"}],
        dialect=dialects.SITE_EVENT,
    )
    assert (site.items[0].type, site.items[0].path, site.items[0].ts) == ("v", "/h", NOW - timedelta(hours=1))
    web = read(
        [{"website_id": "w", "visitor_id": "v1", "page": "/p", "time_on_page": 3}], dialect=dialects.WEBSITE_EVENT
    ).items[0]
    assert (web.type, web.user_id, web.path, web.payload) == (
        "page_view",
        "v1",
        "/p",
        {"time_on_page": msgspec.Raw(b"3")},
    )


def test_a_missing_field_is_named_as_the_dialect_spells_it() -> None:
    assert read([{"ip_address": "1.1.1.1"}], dialect=dialects.CLICK).rejected[0].field == "short_code"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["type", "ts", "user_id", "payload", "page", "x"]), json_values), max_size=5
    )
)
def test_every_event_is_accepted_or_reported(events: list[dict[str, object]]) -> None:
    try:
        batch = read(events)
    except BadInput:
        return
    bad = {problem.index for problem in batch.rejected}
    assert len(batch.items) + len(bad) == batch.received == len(events)
    assert len(json.loads(batch.body)) == len(batch.items)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read(body)
    except (BadInput, TooLarge):
        return


def test_the_first_problems_of_a_batch_are_described_and_all_are_counted() -> None:
    batch = read([{"type": ""}] * 150 + [{"type": "a"}])
    assert ([problem.index for problem in batch.rejected], len(batch.items)) == (list(range(150)), 1)
    assert [problem.code for problem in batch.rejected] == ["wrong_length"] * 100 + ["rejected"] * 50


BOMBS = {
    "numbers": b"[" + b"1," * 2_400_000 + b"1]",
    "tiny events": b"[" + b'{"type":"a"},' * 370_000 + b'{"type":"a"}]',
    "deep payloads": b"[" + b",".join([b'{"type":"a","payload":{"a":' + b"[" * 900 + b"]" * 900 + b"}}"] * 999) + b"]",
    "many values": b"[" + b",".join([b'{"type":"a","payload":{"a":[' + b"1," * 2400 + b"1]}}"] * 999) + b"]",
    "many objects": b"["
    + b",".join([b'{"type":"a","payload":{' + b",".join(b'"%d":{}' % n for n in range(500)) + b"}}"] * 900)
    + b"]",
    "faults": b"[" + b",".join([b"{}"] * 1000) + b"]",
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_no_body_holds_the_event_loop(body: bytes) -> None:
    """A few hundred bytes of zstd, which took up to 20 seconds on a busy machine."""
    gaps, ended = [0.0], list[object]()

    def call() -> None:
        try:
            ended.append(read(body))
        except TooLarge as error:
            ended.append(error)

    async def main() -> None:
        began = time.monotonic()
        GreenletPool().run(call)
        gaps.append(time.monotonic() - began)
        while not ended:
            began = time.monotonic()
            await asyncio.sleep(0.001)
            gaps.append(time.monotonic() - began)

    asyncio.run(main())
    assert max(gaps) < 2


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from(["type", "payload"]), json_values) | st.integers(), max_size=5))
def test_item_by_item_is_read_as_in_one_pass(items: list[object]) -> None:
    body = json.dumps(items).encode()
    try:
        quick = read(body)
    except BadInput:
        return
    slow = read_one_by_one(body, 1000, "events", partial(_read_event, rules=RULES, dialect=dialects.BATCH))
    assert (quick.items, quick.received, quick.rejected, quick.warnings) == slow
    assert has_more_items(body, len(items)) is False
    assert not items or has_more_items(body, len(items) - 1)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(json_values)
def test_depth_is_counted(value: object) -> None:
    def depth(value: object) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    assert [is_deeper(value, levels) for levels in range(8)] == [depth(value) > levels for levels in range(8)]


@pytest.mark.parametrize(("text", "is_nul"), [(r"\u0000", 1), (r"\\u0000", 0), (r"\\\u0000", 1), (r"\\\\u0000", 0)])
def test_an_escaped_backslash_is_no_nul(text: str, is_nul: int) -> None:
    batch = read(b'[{"type":"good"},{"type":"a","payload":{"k":"' + text.encode() + b'"}}]')
    assert [problem.code for problem in batch.rejected] == ["nul"] * is_nul


NUMBERS = b'{"total":12345678901234567.89,"n":1.50,"e":1E2,"big":123456789012345678901234567890,"in":[-0.0,{"x":2.10}]}'


@pytest.mark.parametrize(
    "neighbour", [b'{"type":"a"}', b'{"type":""}', b'{"type":"\\ud800"}', b"[" + b"1," * 200 + b"1]"]
)
@pytest.mark.parametrize(
    "event",
    [
        pytest.param(b'{"type":"order","payload":%s}', id="as it is"),
        pytest.param(b'{"event_type":"order","properties": %s}', id="by other names"),
        pytest.param(b'{"type":"order","payload":null,"properties":%s}', id="beside null"),
    ],
)
def test_a_payload_is_kept_as_sent_whatever_its_neighbours(event: bytes, neighbour: bytes) -> None:
    batch = read(b"[" + neighbour + b"," + event % NUMBERS + b"]")
    assert b'"payload":' + NUMBERS in batch.body.replace(b'"properties": ', b'"payload":')


def test_unknown_fields_are_kept_as_sent() -> None:
    batch = read(b'[{"type":"order","total":12345678901234567.89,"payload":{"n":1.50}},{"type":""}]')
    assert b'"payload":{"total":12345678901234567.89,"n":1.50}' in batch.body


@given(json_values)
def test_any_payload_is_the_same_beside_a_bad_event(value: object) -> None:
    event = json.dumps([{"type": "a", "payload": {"k": value}}]).encode()
    try:
        alone, beside = read(event), read(event[:-1] + b',{"type":""}]')
    except BadInput:
        # NaN and the infinities are not JSON.
        return
    if alone.items:
        assert json.loads(beside.body) == json.loads(alone.body)
