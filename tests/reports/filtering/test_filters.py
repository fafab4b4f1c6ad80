"""`filter=`: what is read, what is refused and where, and that its SQL is a slow predicate in Python."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from analytics.errors import BadInput
from analytics.reports.filters import FIELDS, Condition, conditions, parse_filter
from analytics.sites import Site
from analytics.store.models import events

READ = [
    pytest.param("country==DE", [("country", (), "is", False, ("DE",))], id="is"),
    pytest.param("country!=DE|FR", [("country", (), "is", True, ("DE", "FR"))], id="not-one-of"),
    pytest.param("path=^/blog;type==", [("path", (), "begins", False, ("/blog",)), ("type", (), "is", False, ("",))], id="and"),
    pytest.param("path=~a=b!c.d", [("path", (), "contains", False, ("a=b!c.d",))], id="grammar-in-a-value"),
    pytest.param(r"path==a\;b\|c\\", [("path", (), "is", False, ("a;b|c\\",))], id="escapes"),
    pytest.param("payload.plan.name!^f", [("payload", ("plan", "name"), "begins", True, ("f",))], id="nested"),
    pytest.param(r"payload.a\.b\=!~x", [("payload", ("a.b=",), "contains", True, ("x",))], id="escaped-name"),
    pytest.param("path==a|", [("path", (), "is", False, ("a", ""))], id="or-none"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "read"), READ)
def test_a_filter_is_read(text: str, read: list[tuple[Any, ...]]) -> None:
    assert parse_filter(text) == tuple(Condition(*one) for one in read)


REFUSED = [
    pytest.param("", 0, "payload.", id="nothing"),
    pytest.param("nation==DE", 0, "country", id="unknown-field"),
    pytest.param("country==DE;", 12, "country", id="nothing-after-and"),
    pytest.param("country==DE;;path==a", 12, "country", id="nothing-between"),
    pytest.param("country=DE", 7, "==", id="unknown-test"),
    pytest.param("country", 7, "==", id="no-test"),
    pytest.param("country.code==DE", 7, "==", id="property-of-a-column"),
    pytest.param("payload==1", 7, "a dot", id="payload-itself"),
    pytest.param("payload.==1", 8, "name", id="no-name"),
    pytest.param("payload.a..b==1", 10, "name", id="no-inner-name"),
    pytest.param("payload" + 17 * ".a" + "==1", 39, "16 names", id="too-deep"),
    pytest.param("path=~", 6, "text to look for", id="contains-nothing"),
    pytest.param("path=^a|", 8, "text to look for", id="begins-with-nothing"),
    pytest.param("path==a\\x", 8, "backslash", id="unknown-escape"),
    pytest.param("path==a\\", 8, "backslash", id="escape-of-nothing"),
    pytest.param("path==a\0", 7, "NUL", id="nul"),
    pytest.param("path==" + 1001 * "a", 1006, "1,000 characters", id="too-long"),
    pytest.param("path==a" + 50 * "|a", 105, "50 values", id="too-many-values"),
    pytest.param("path==a" + 20 * ";path==a", 159, "20 conditions", id="too-many-conditions"),
]


@pytest.mark.parametrize(("text", "position", "expected"), REFUSED)
def test_a_refusal_says_where_and_what_was_expected(text: str, position: int, expected: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_filter(text)
    assert caught.value.extra["position"] == position
    assert expected in caught.value.extra["expected"]
    assert caught.value.errors[0].field == "filter"
    assert f"position {position}," in caught.value.detail


def test_the_limits_themselves_are_allowed() -> None:
    value = 1000 * "a"
    found = parse_filter(";".join(20 * ["path==" + "|".join(50 * [value])]))
    assert (len(found), len(found[0].values)) == (20, 50)
    assert len(parse_filter("payload" + 16 * ".a" + "==1")[0].names) == 16


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.text("payload.th=!~^;|\\a", max_size=40))
def test_any_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    try:
        position = 0 if parse_filter(text) else -1
    except BadInput as refusal:
        position = refusal.extra["position"]
    assert 0 <= position <= len(text)


# What a slow reader would say of an event as it was sent: '' where it says nothing.
def says(event: Mapping[str, Any], one: Condition) -> str:
    found: Any = event.get(one.field)
    for name in one.names:
        found = found.get(name) if isinstance(found, dict) else None
    return (
        {True: "true", False: "false", None: ""}[found]
        if found is None or found is True or found is False
        else str(found)
    )


def meets(event: Mapping[str, Any], found: list[Condition]) -> bool:
    tests = {"is": str.__eq__, "contains": str.__contains__, "begins": str.startswith}
    return all(any(tests[one.test](says(event, one), value) for value in one.values) != one.is_negated for one in found)


# Signs that mean something to LIKE, to regular expressions, to arrays or to the grammar.
WORDS = ["", "a", "A", "ab", "a%b", "a_b", "_", "%", "a;b", "a|b", "a\\b", "a'b", '{a,"b"}', "ü", "(", "."]
KEYS = ["plan", "a b", "a,b", 'q"', "{}", "x.y", "ü"]
scalar = st.sampled_from([*WORDS, 0, 7, -1, 1.5, True, False, None])
payload = st.dictionaries(
    st.sampled_from(KEYS), scalar | st.dictionaries(st.sampled_from(KEYS), scalar, max_size=2), max_size=3
)
# Columns that are stored as they are sent.
COLUMNS = ["path", "subject", "utm_source", "utm_campaign", "utm_term", "session_id"]


@st.composite
def condition(draw: st.DrawFn) -> Condition:
    names = tuple(draw(st.lists(st.sampled_from(KEYS), max_size=2)))
    field = "payload" if names else draw(st.sampled_from(COLUMNS))
    test = draw(st.sampled_from(["is", "contains", "begins"]))
    word = st.sampled_from([one for one in [*WORDS, "7", "1.5", "true"] if one or test == "is"])
    return Condition(field, names, test, draw(st.booleans()), tuple(draw(st.lists(word, min_size=1, max_size=3))))


def as_text(found: list[Condition]) -> str:
    signs = {("is", False): "==", ("is", True): "!=", ("contains", False): "=~", ("contains", True): "!~"}
    signs |= {("begins", False): "=^", ("begins", True): "!^"}

    def escape(word: str) -> str:
        return "".join("\\" + char if char in ";|\\.=!~^" else char for char in word)

    return ";".join(
        ".".join([one.field, *map(escape, one.names)])
        + signs[one.test, one.is_negated]
        + "|".join(map(escape, one.values))
        for one in found
    )


def test_columns_of_the_property_test_are_fields() -> None:
    assert set(COLUMNS) < set(FIELDS)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.lists(st.tuples(st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(WORDS), max_size=4), payload), min_size=1, max_size=12),
    filters=st.lists(st.lists(condition(), min_size=1, max_size=3), min_size=8, max_size=8),
)  # fmt: skip
def test_a_row_is_found_exactly_if_it_meets_the_filter(
    engine: Engine, store: Callable[..., None], sql: Any, site: Site, sent: Any, filters: list[list[Condition]]
) -> None:
    sql("DELETE FROM events RETURNING 1")
    start = datetime(2026, 3, 2, 12, tzinfo=UTC)
    rows = [{**{n: v for n, v in columns.items() if v}, "payload": found} for columns, found in sent]
    store([{**row, "user_id": "u", "ts": (start + timedelta(seconds=n)).isoformat()} for n, row in enumerate(rows)])
    stored = {second: n for n, second in enumerate(start + timedelta(seconds=n) for n in range(len(rows)))}
    with engine.connect() as connection:
        for found in filters:
            assert parse_filter(as_text(found)) == tuple(found)
            ask = select(events.c.ts).where(conditions(found, events.c))
            met = {stored[ts] for ts in connection.execute(ask).scalars()}
            assert met == {n for n, row in enumerate(rows) if meets(row, found)}, as_text(found)
