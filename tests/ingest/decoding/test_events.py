"""What `read_batch` accepts, and what it says of the rest."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.errors import BadInput, TooLarge
from analytics.ingest import dialects
from analytics.ingest.events import Batch, Rules, Window, read_batch

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Rules(Window(NOW - timedelta(days=90), NOW + timedelta(hours=1)), max_events=1000)


def read(events: object, rules: Rules = RULES, dialect: dialects.Dialect = dialects.BATCH) -> Batch:
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    return read_batch(body, rules, dialect)


def test_a_good_body_is_kept_byte_for_byte() -> None:
    body = b'[{"type": "page_view", "ts": "2026-11-23T11:00:00Z", "payload": {"page": "/x"}}]'
    batch = read(body)
    assert (batch.body, batch.received, batch.rejected) == (body, 1, [])


def test_a_bad_event_does_not_block_the_others() -> None:
    batch = read([{"type": "a"}, {"type": 1}, {"type": "b"}])
    assert [event.type for event in batch.events] == ["a", "b"]
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
        pytest.param(b'{"type":"a","payload":{"k":1e999}}', "", "malformed", id="number without end"),
        pytest.param(
            b'{"type":"a","payload":{"k":' + b"9" * 400 + b"}}", "payload.k", "out_of_range", id="huge integer"
        ),
        pytest.param(b'{"type":"a","payload":{"k":' + b"9" * 5000 + b"}}", "", "malformed", id="absurd integer"),
        pytest.param(b'{"type":"a","ts":"0000-01-01T00:00:00Z"}', "ts", "not_a_time", id="year 0"),
        pytest.param(b'{"type":"a","ts":"9999-12-31T23:59:59-12:00"}', "ts", "out_of_window", id="year 9999"),
        pytest.param(b'{"type":"a","ts":"2026-11-23T11:00:00"}', "ts", "no_zone", id="no zone"),
        pytest.param(b'{"type":"a","ts":1763895600}', "ts", "wrong_type", id="seconds since 1970"),
        pytest.param(b'{"type":"a","timestamp":"yesterday"}', "timestamp", "not_a_time", id="alias in the answer"),
        pytest.param(b'{"user_id":"u"}', "type", "missing", id="no type"),
        pytest.param(b'{"type":""}', "type", "wrong_length", id="empty type"),
        pytest.param(b'{"type":"a","payload":[1]}', "payload", "wrong_type", id="payload is an array"),
        pytest.param(b'{"type":"a","payload":' + b'{"a":' * 20 + b"1" + b"}" * 21, None, "too_deep", id="deep"),
        pytest.param(b'{"type":"a","payload":{"k":"' + b"x" * 70_000 + b'"}}', "", "too_long", id="long string"),
        pytest.param(b'{"type":"a","payload":{"' + b"x" * 70_000 + b'":1}}', "", "too_long", id="long name"),
        pytest.param(b'{"type":"a","user_id":' + b"9" * 300 + b"}", "user_id", "wrong_type", id="huge user_id"),
        pytest.param(b"5", "", "wrong_type", id="not an object"),
        pytest.param(b"null", "", "wrong_type", id="null"),
    ],
)
def test_each_fault_is_named(event: bytes, field: str | None, code: str) -> None:
    batch = read(b'[{"type":"good"},' + event + b"]")
    assert [event.type for event in batch.events] == ["good"]
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
def test_what_is_not_json_is_refused_with_its_place(body: bytes, words: str) -> None:
    with pytest.raises(BadInput, match="(?i)" + words.replace("(", r"\(").replace(")", r"\)")):
        read(body)


def test_too_many_events_name_the_limit() -> None:
    with pytest.raises(TooLarge, match="MAX_BATCH_SIZE is 1000"):
        read([{"type": "a"}] * 1001)


def test_unknown_fields_move_into_the_payload() -> None:
    [event] = read([{"event_type": "a", "colour": "red", "properties": {"x": 1}}]).events
    assert (event.type, event.payload) == ("a", {"colour": "red", "x": 1})


def test_a_strict_site_names_its_types() -> None:
    rules = Rules(RULES.window, 1000, types=frozenset({"page_view"}))
    batch = read([{"type": "page_view"}, {"type": "other"}, {"type": "pageview"}], rules)
    assert [(p.index, p.code) for p in batch.rejected] == [(1, "unknown_type")]
    other = Rules(RULES.window, 1000, types=frozenset({"purchase"}))
    assert [(p.index, p.code) for p in read([{"type": "pageview"}], other).rejected] == [(0, "unknown_type")]


def test_another_site_and_another_user_are_refused() -> None:
    rules = Rules(RULES.window, 1000, site_key="shop", only_user="ann")
    batch = read(
        [{"type": "a", "site_id": "blog"}, {"type": "a", "user_id": "bob"}, {"type": "a", "user_id": "ann"}], rules
    )
    assert [(p.index, p.code) for p in batch.rejected] == [(0, "other_site"), (1, "other_user")]
    assert len(batch.events) == 1


def test_each_seed_is_read_in_its_own_words() -> None:
    click = read(
        [{"short_code": "abc", "ip_address": "1.2.3.4", "referer": "https://x.com"}], dialect=dialects.CLICK
    ).events[0]
    assert (click.type, click.subject, click.ip, click.referrer) == ("click", "abc", "1.2.3.4", "https://x.com")
    assert (click.site_id, dialects.CLICK.site) == (None, "links")
    site = read(
        [{"site_id": "s", "event_type": "v", "path": "/h", "timestamp": "2026-11-23T11:00:00Z"}],
        dialect=dialects.SITE_EVENT,
    )
    assert (site.events[0].type, site.events[0].path, site.events[0].ts) == ("v", "/h", NOW - timedelta(hours=1))
    web = read(
        [{"website_id": "w", "visitor_id": "v1", "page": "/p", "time_on_page": 3}], dialect=dialects.WEBSITE_EVENT
    ).events[0]
    assert (web.type, web.user_id, web.path, web.payload) == ("page_view", "v1", "/p", {"time_on_page": 3})


def test_a_lacking_field_is_named_as_the_seed_spells_it() -> None:
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
    assert len(batch.events) + len(bad) == batch.received == len(events)
    assert len(json.loads(batch.body)) == len(batch.events)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read(body)
    except (BadInput, TooLarge):
        return
