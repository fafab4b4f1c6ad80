"""`filter`: accepted and refused texts, the position of errors, and its SQL against a slow predicate in Python."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from analytics.errors import BadInput
from analytics.reports.filtering.filters import FIELDS, Condition, build_filter_clause, parse_filter
from analytics.sites.sites import Site
from analytics.store.models import events
from tests.examples import examples

ACCEPTED = [
    pytest.param("country==DE", [("country", (), "is", False, ("DE",))], id="is"),
    pytest.param("country!=DE|FR", [("country", (), "is", True, ("DE", "FR"))], id="not-one-of"),
    pytest.param("path=^/blog;type==", [("path", (), "begins", False, ("/blog",)), ("type", (), "is", False, ("",))], id="and"),
    pytest.param("path=~a=b!c.d", [("path", (), "contains", False, ("a=b!c.d",))], id="grammar-in-a-value"),
    pytest.param(r"path==a\;b\|c\\", [("path", (), "is", False, ("a;b|c\\",))], id="escapes"),
    pytest.param("payload.plan.name!^f", [("payload", ("plan", "name"), "begins", True, ("f",))], id="nested"),
    pytest.param(r"payload.a\.b\=!~x", [("payload", ("a.b=",), "contains", True, ("x",))], id="escaped-name"),
    pytest.param("path==a|", [("path", (), "is", False, ("a", ""))], id="or-none"),
    pytest.param("type!=pageview|a", [("type", (), "is", True, ("page_view", "a"))], id="other-name-of-a-type"),
    pytest.param("type=^pageview", [("type", (), "begins", False, ("pageview",))], id="part-of-a-type"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "conditions"), ACCEPTED)
def test_a_filter_is_parsed(text: str, conditions: list[tuple[Any, ...]]) -> None:
    assert parse_filter(text) == tuple(Condition(*fields) for fields in conditions)


REFUSED = [
    pytest.param("", 0, "payload.", id="nothing"),
    pytest.param("nation==DE", 0, "country", id="unknown-field"),
    pytest.param("country==DE;", 12, "country", id="nothing-after-and"),
    pytest.param("country==DE;;path==a", 12, "country", id="nothing-between"),
    pytest.param("country=DE", 7, "==", id="unknown-test"),
    pytest.param("country", 7, "==", id="no-test"),
    pytest.param("country.code==DE", 7, "==", id="property-of-a-column"),
    pytest.param("payload==1", 7, "a dot", id="payload-itself"),
    pytest.param("path==a;segment:b", 8, "names no other segment", id="segment"),
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
def test_an_error_has_the_position_and_what_was_expected(text: str, position: int, expected: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_filter(text)
    assert caught.value.extra["position"] == position
    assert expected in caught.value.extra["expected"]
    assert caught.value.errors[0].field == "filter"
    assert f"position {position}," in caught.value.detail


def test_values_at_the_limits_are_accepted() -> None:
    value = 1000 * "a"
    conditions = parse_filter(";".join(20 * ["path==" + "|".join(50 * [value])]))
    assert (len(conditions), len(conditions[0].values)) == (20, 50)
    assert len(parse_filter("payload" + 16 * ".a" + "==1")[0].property_path) == 16


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.text("payload.th=!~^;|\\a", max_size=40))
def test_any_text_is_parsed_or_refused_at_a_position_in_it(text: str) -> None:
    try:
        position = 0 if parse_filter(text) else -1
    except BadInput as refusal:
        position = refusal.extra["position"]
    assert 0 <= position <= len(text)


def field_text(event: Mapping[str, Any], condition: Condition) -> str:
    """The field of an event as it was sent; '' for no value."""
    value: Any = event.get(condition.field)
    for name in condition.property_path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, dict):
        return jsonb_text(value)
    return "" if value is None else json.dumps(value) if isinstance(value, bool) else str(value)


def shortest(value: Any, text: str) -> str:
    """A number without zeros at its end."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{Decimal(text).normalize():f}" if is_number else text


def jsonb_text(value: dict[str, Any]) -> str:
    """As PostgreSQL prints jsonb: keys by length in bytes, then by bytes; ", " and ": " between."""
    keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
    return json.dumps({key: value[key] for key in keys}, ensure_ascii=False)


def field_value(event: Mapping[str, Any], condition: Condition) -> Any:
    value: Any = event.get(condition.field)
    for name in condition.property_path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_met(event: Mapping[str, Any], condition: Condition, word: str) -> bool:
    value, text = field_value(event, condition), field_text(event, condition)
    if condition.field in CASELESS:
        text, word = text.lower(), word.lower()
        value = text
    if condition.operator != "is":
        compare = str.__contains__ if condition.operator == "contains" else str.startswith
        return compare(shortest(value, text), word)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return text == word or (is_number and word in NUMBERS and Decimal(text) == Decimal(word))


def meets(event: Mapping[str, Any], conditions: list[Condition]) -> bool:
    return all(
        any(is_met(event, condition, word) for word in condition.values) != condition.is_negated
        for condition in conditions
    )


# Characters with a meaning in LIKE, regular expressions, arrays or the filter's grammar.
WORDS = ["", "a", "A", "ab", "a%b", "a_b", "_", "%", "a;b", "a|b", "a\\b", "a'b", '{a,"b"}', "ü", "(", "."]
KEYS = ["plan", "a b", "a,b", 'q"', "{}", "x.y", "ü"]
NUMBERS = ["7", "7.0", "1.5", "1.50", "-1", "15e-1"]
scalar = st.sampled_from([*WORDS, *NUMBERS, 0, 7, 7.0, -1, 1.5, True, False, None])
payload = st.dictionaries(
    st.sampled_from(KEYS), scalar | st.dictionaries(st.sampled_from(KEYS), scalar, max_size=2), max_size=3
)
# Columns that store what was sent.
COLUMNS = ["path", "subject", "utm_source", "utm_campaign", "utm_term", "session_id"]
CASELESS = {"utm_source", "utm_campaign", "utm_term"}


def in_one_case(condition: Condition) -> Condition:
    is_caseless = condition.field in CASELESS
    return condition._replace(values=tuple(map(str.lower, condition.values))) if is_caseless else condition


@st.composite
def condition(draw: st.DrawFn) -> Condition:
    property_path = tuple(draw(st.lists(st.sampled_from(KEYS), max_size=2)))
    field = "payload" if property_path else draw(st.sampled_from(COLUMNS))
    operator = draw(st.sampled_from(["is", "contains", "begins"]))
    word = st.sampled_from([text for text in [*WORDS, *NUMBERS, "true"] if text or operator == "is"])
    return Condition(
        field, property_path, operator, draw(st.booleans()), tuple(draw(st.lists(word, min_size=1, max_size=3)))
    )


def as_text(conditions: list[Condition]) -> str:
    signs = {("is", False): "==", ("is", True): "!=", ("contains", False): "=~", ("contains", True): "!~"}
    signs |= {("begins", False): "=^", ("begins", True): "!^"}

    def escape(word: str) -> str:
        return "".join("\\" + char if char in ";|\\.=!~^" else char for char in word)

    return ";".join(
        ".".join([condition.field, *map(escape, condition.property_path)])
        + signs[condition.operator, condition.is_negated]
        + "|".join(map(escape, condition.values))
        for condition in conditions
    )


def test_columns_of_the_property_test_are_fields() -> None:
    assert set(COLUMNS) < set(FIELDS)


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.lists(st.tuples(st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(WORDS), max_size=4), payload), min_size=1, max_size=12),
    filters=st.lists(st.lists(condition(), min_size=1, max_size=3), min_size=8, max_size=8),
)  # fmt: skip
def test_the_filter_selects_exactly_the_rows_that_meet_it(
    engine: Engine, store: Callable[..., None], sql: Any, site: Site, sent: Any, filters: list[list[Condition]]
) -> None:
    sql("DELETE FROM events RETURNING 1")
    start = datetime(2026, 3, 2, 12, tzinfo=UTC)
    rows = [{**{n: v for n, v in columns.items() if v}, "payload": properties} for columns, properties in sent]
    store([{**row, "user_id": "u", "ts": (start + timedelta(seconds=n)).isoformat()} for n, row in enumerate(rows)])
    stored = {second: n for n, second in enumerate(start + timedelta(seconds=n) for n in range(len(rows)))}
    with engine.connect() as connection:
        for conditions in filters:
            parsed = parse_filter(as_text(conditions))
            assert parsed == tuple(map(in_one_case, conditions))
            query = select(events.c.ts).where(build_filter_clause(parsed, events.c))
            selected = {stored[ts] for ts in connection.execute(query).scalars()}
            assert selected == {n for n, row in enumerate(rows) if meets(row, conditions)}, as_text(conditions)


NUMERIC = [
    ("payload.step==1", "abc"), ("payload.step==1.0", "ab"), ("payload.step==10e-1", "ab"), ("payload.step==01", "d"),
    ("payload.step!=1.00", "cd"), ("payload.step==1|2", "abc"), ("payload.p==1.5", "a"), ("payload.p==1.50", "ab"),
    ("payload.p=^1.5", "ab"), ("payload.p=~.50", "b"), ("payload.p==", "cd"), ("payload.p!=1.5|", "b"),
]  # fmt: skip


@pytest.mark.parametrize(("where", "users"), NUMERIC)
def test_numbers_are_compared_as_numbers_and_strings_as_text(
    engine: Engine, store: Any, where: str, users: str
) -> None:
    for user, payload in (("a", '{"step":1,"p":1.50}'), ("b", '{"step":1.0,"p":"1.50"}'), ("c", '{"step":"1"}'), ("d", '{"step":"01"}')):  # fmt: skip
        body = f'[{{"type":"a","user_id":"{user}","ts":"2026-03-02T10:00:00Z","payload":{payload}}}]'
        store([{}], body=body.encode(), compressed=False)
    with engine.connect() as connection:
        query = select(events.c.user_id).where(build_filter_clause(parse_filter(where), events.c))
        assert "".join(sorted(connection.execute(query).scalars())) == users


FILTERED = [
    pytest.param("get", "reports/summary?filter={}", None, id="report"),
    pytest.param("get", "reports/goal?type=a&filter={}", None, id="insight"),
    pytest.param("get", "reports/goal?type=a&goal_filter={}", None, id="goal of a query"),
    pytest.param("post", "goals", lambda where: {"name": where, "type": "a", "filter": where}, id="goal"),
    pytest.param(
        "post",
        "reports/funnel",
        lambda where: {"steps": [{"condition": {"event": "a"}}, {"condition": {"event": "b", "filter": where}}]},
        id="step of a funnel",
    ),
    pytest.param(
        "post", "reports/funnel?filter={}", lambda _: {"steps": [{"condition": {"event": "a"}}] * 2}, id="funnel"
    ),
    pytest.param("post", "exports", lambda where: {"filter": {"where": where}}, id="export"),
    pytest.param(
        "post",
        "exports/schedules",
        lambda where: {"every": "day", "at": "06:00", "request": {"filter": {"where": where}}},
        id="schedule",
    ),
]


@pytest.mark.parametrize(("method", "path", "body"), FILTERED)
def test_a_user_id_that_is_stored_as_a_pseudonym_is_refused(
    make_app: Any, site: Site, token: Any, auth: Any, method: str, path: str, body: Any
) -> None:
    headers = auth(token("read write export"))

    def ask(app: Flask, where: str) -> tuple[int, str]:
        target = f"/api/analytics/{path.format(quote(where))}"
        response = app.test_client().open(target, method=method.upper(), json=body and body(where), headers=headers)
        return response.status_code, response.text

    app = make_app(anonymize_user_ids=True)
    for where in ("user_id==ann", "country==DE;user_id!=#abc|ann", "user_id=~ann", "user_id=^a"):
        status, text = ask(app, where)
        assert (status in (400, 422), "ANONYMIZE_USER_IDS" in text) == (True, True), text
    for asked, where in ((app, "user_id==#abc|~abc|"), (make_app(), "user_id==ann")):
        status, text = ask(asked, where)
        assert status < 300, text
