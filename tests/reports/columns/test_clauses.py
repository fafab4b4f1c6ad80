"""Conditions, properties and path patterns in columns: each says of each row what PostgreSQL says."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Text, case, cast, column, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from analytics.columnar.local_files import LocalFiles
from analytics.columnar.read import ColumnReader
from analytics.reports.columns.clauses import (
    Parameters,
    build_column_clause,
    dimension_expression,
    path_clause,
    read_property,
)
from analytics.reports.filtering.filters import Condition, build_filter_clause
from analytics.reports.filtering.payload_properties import property_as_sent, property_text
from tests.examples import examples
from tests.reports.filtering.in_postgresql import match_path, property_number

# Names that are syntax to JSONPath, JSON Pointer, regular expressions or lists.
NAMES = [
    *(
        "a",
        "b",
        "a.b",
        'a"b',
        "a/b",
        "a~b",
        "~1",
        "$",
        "$.a",
        "*",
        "#",
        "[0]",
        "a b",
        "a\\",
        "'",
        "(",
        "a\n",
        "\x7f",
        "\x01",
    ),
    *("é", "\U0001f600", "A", "0", "1", "-1", "01", "+0", " 0", "a: 1, b", "99999999999999999999", "{a,b}", "\u2028"),
]
NUMBERS = [
    *("0", "-0", "-0.0", "1", "1.0", "1.50", "1.5", "10", "1e1", "1E-2", "0.10", "19.99", "-7.250", "1e400", "1e-30"),
    *("12345678901234567890", "12345678901234567891", "123456789012345678.5", "123456789012345678901.50", "1e17"),
    *(
        "0.1000000000000000055511151231257827",
        "0.1",
        "100000000000000000.0",
        "9223372036854775808",
        "-9223372036854775809",
    ),
    *("1." + 41 * "0", "0." + 40 * "3", "1234567890123456789"),
]
WORDS = [
    "",
    "a",
    "1",
    "1.5",
    "1.50",
    "true",
    "null",
    "+7",
    " 1",
    "19.99",
    "01",
    '"',
    'a": 1.5,',
    "é",
    "x\ny",
    "\\",
    "[1, 2]",
    "A",
]
scalars = st.sampled_from([*NUMBERS, "true", "false", "null"]) | st.sampled_from(WORDS).map(json.dumps)
names = st.sampled_from(NAMES)
# A payload and a path.
Row = tuple[str | None, str | None]


def _object(members: dict[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in members.items()) + "}"


values = st.recursive(
    scalars,
    lambda inner: (
        st.dictionaries(names, inner, max_size=3).map(_object)
        | st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
    ),
    max_leaves=8,
)
payloads = st.lists(st.dictionaries(names, values, max_size=4).map(_object), min_size=1, max_size=8)
paths = st.lists(names, min_size=1, max_size=3).map(tuple)
# The names of the example are those of the first object.
EXAMPLE = [
    '{"a":1.50,"b":{"a":1.5}}',
    '{"a":0.1000000000000000055511151231257827,"b":{"a":0.1}}',
    '{"a":{"b":[1,{"c":2.50}]}}',
]


@pytest.fixture
def compare(engine: Engine, tmp_path: Any) -> Iterator[Callable[..., None]]:
    """`compare(rows, of_columns, of_postgresql)`: of rows of a payload and a path, both expressions are equal."""
    with engine.connect() as connection, duckdb.connect() as database:
        reader = ColumnReader(connection, database, LocalFiles(tmp_path, 1 << 20), 1, ZoneInfo("UTC"))

        def check(rows: list[Row], of_columns: Any, of_postgresql: Any, convert: Any = lambda value: value) -> None:
            payloads, paths = zip(*rows, strict=True)
            table = func.unnest(
                cast(literal(list(payloads), ARRAY(Text)), ARRAY(JSONB)), cast(list(paths), ARRAY(Text))
            )
            given = table.table_valued(
                column("payload", JSONB), column("path", Text), with_ordinality="n"
            ).render_derived()
            query = select(cast(given.c.payload, Text), of_postgresql(given.c)).order_by(given.c.n)
            stored, expected = zip(*connection.execute(query).all(), strict=True)
            texts = {"payload": pa.array(stored, pa.string()), "path": pa.array(paths, pa.string())}
            parameters = Parameters()
            expression = of_columns(reader, parameters)
            numbered = pa.table({**texts, "n": range(len(rows))})
            found = reader.execute(f"SELECT {expression} FROM {reader.add_table(numbered)} ORDER BY n", parameters)
            assert [convert(value) for (value,) in found] == list(expected)

        yield check


def _rows(payloads: list[str]) -> list[Row]:
    return [*((payload, None) for payload in payloads), (None, None)]


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads=payloads, path=paths)
@example(payloads=EXAMPLE, path=("a",))
@example(payloads=EXAMPLE, path=("a", "b", "1", "c"))
@example(payloads=EXAMPLE, path=("a", "b", "-1", "c"))
@example(payloads=['{"a":[2.50],"b":{"0":1.5}}'], path=("a", "0"))
def test_a_property_is_what_postgresql_reads(
    compare: Callable[..., None], payloads: list[str], path: tuple[str, ...]
) -> None:
    rows = _rows(payloads)
    for name, of_postgresql in (("text", property_text), ("as_sent", property_as_sent)):
        compare(
            rows,
            lambda *to, name=name: getattr(read_property(to[0], path, to[1]), name),
            lambda of, read=of_postgresql: read(of.payload, path),
        )
    compare(
        rows,
        lambda *to: read_property(to[0], path, to[1]).amount,
        lambda of: property_number(of.payload, path),
        lambda amount: Decimal(amount) if amount else None,
    )


conditions = st.builds(
    Condition,
    st.just("payload"),
    paths,
    st.sampled_from(["is", "is", "is", "begins", "contains"]),
    st.booleans(),
    st.lists(st.sampled_from([word for word in WORDS + NUMBERS if word]), min_size=1, max_size=3).map(tuple)
    | st.just(("", "1")),
).filter(lambda one: one.operator == "is" or "" not in one.values)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads=payloads, chosen=st.lists(conditions, min_size=1, max_size=2))
@example(payloads=EXAMPLE, chosen=[Condition("payload", ("a",), "is", False, ("15e-1",))])
@example(payloads=['{"a":"1.5"}', '{"a":1.5}'], chosen=[Condition("payload", ("a",), "is", True, ("1.50",))])
def test_a_condition_on_a_property_is_met_where_postgresql_says_so(
    compare: Callable[..., None], payloads: list[str], chosen: list[Condition]
) -> None:
    compare(
        _rows(payloads),
        lambda reader, parameters: f"coalesce({build_column_clause(reader, 1, chosen, parameters)}, false)",
        lambda of: func.coalesce(build_filter_clause(chosen, {"payload": of.payload}), False),
    )


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.lists(st.text("/a.%_\\\nA*", max_size=6), min_size=1, max_size=8),
    pattern=st.text("/a.%_\\\nA**", min_size=1, max_size=6),
)
def test_a_path_matches_where_postgresql_says_so(compare: Callable[..., None], found: list[str], pattern: str) -> None:
    compare(
        [(None, path) for path in [*found, None]],
        lambda _, parameters: path_clause(pattern, parameters),
        lambda of: match_path(of.path, pattern),
    )


def test_a_pattern_of_many_wildcards_ends_soon(compare: Callable[..., None]) -> None:
    paths = [(None, "/" + "a" * 1000 + str(number)) for number in range(200)]
    compare(paths, lambda _, parameters: path_clause("*a" * 10 + "b", parameters), lambda of: of.path == "")


def test_a_dimension_is_a_column_or_the_text_of_a_property(compare: Callable[..., None]) -> None:
    rows: list[Row] = [('{"a.b":1.50,"c":{"d":"x"}}', "/p"), ("{}", None)]
    for name, expected in (("path", "/p"), (r"payload.a\.b", "1.5"), ("payload.c.d", "x")):
        compare(
            rows,
            lambda *to, name=name: dimension_expression(to[0], name, to[1]),
            lambda of, first=expected: case((of.n == 1, first)),
        )
