"""The accept path agrees with an independent validator, whatever the schema and the payload; and says where it is wrong."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.ingest import dialects
from analytics.ingest.decoding.events import TimeWindow, ValidationRules, read_batch
from analytics.sites.event_schemas.validators import MAX_PROBLEMS, compile_schema
from tests.examples import examples

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
NAMES = st.sampled_from(["a", "b", "c", "x1"])
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "object", "array"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 4)
    | st.sampled_from([10**20, 2**53 + 1, -0.0, 1.0, 1.5, 0.1, 1e300])
    | st.sampled_from(["", "a", "ab", "É", "abc", "😀", "1", "x1"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
KEYWORDS: dict[str, Any] = {
    "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "const": VALUES,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), st.sampled_from([-1, 0, 1, 1.5])),
    "multipleOf": st.sampled_from([1, 2, 0.5]),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
                    st.integers(0, 3)),
    "pattern": st.sampled_from(["^a", "b$", "[a-c]", "^.$", r"\d", "^(a|ab)+$"]),
    "uniqueItems": st.booleans(),
    "required": st.lists(NAMES, max_size=2, unique=True),
}  # fmt: skip


def with_inner(inner: st.SearchStrategy[Any], draft_7: bool) -> st.SearchStrategy[Any]:
    """Schemas with subschemas."""
    several = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(NAMES, inner, max_size=3)
    lists = st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2)
    keywords = {
        **KEYWORDS,
        "properties": named,
        "patternProperties": st.dictionaries(st.sampled_from(["^x", "[ab]"]), inner, max_size=2),
        **dict.fromkeys(("additionalProperties", "propertyNames", "contains", "not", "if", "then", "else"), inner),
        **dict.fromkeys(("allOf", "anyOf", "oneOf"), several),
        **({"items": inner | several, "additionalItems": inner, "dependencies": named | lists} if draft_7 else {}),
        **({} if draft_7 else {"items": inner, "prefixItems": several, "minContains": st.integers(0, 2)}),
        **({} if draft_7 else {"dependentRequired": lists, "dependentSchemas": named}),
    }
    chosen = st.lists(st.sampled_from(sorted(keywords)), min_size=1, max_size=4, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))


def schemas(draft_7: bool) -> st.SearchStrategy[Any]:
    leaves = st.booleans() | st.just({"$ref": "#/definitions/one"}) | st.fixed_dictionaries({"type": TYPES})
    trees = st.recursive(leaves, lambda inner: with_inner(inner, draft_7), max_leaves=8)
    definition = st.fixed_dictionaries({}, optional=KEYWORDS)
    roots = with_inner(trees, draft_7)
    head = {"$schema": DRAFT_7} if draft_7 else {}
    return st.tuples(roots, definition).map(lambda parts: {**head, **parts[0], "definitions": {"one": parts[1]}})


def accepts(schema: Any, payload: Any, beside_a_bad_event: bool) -> bool:
    """The decision of the accept path."""
    rules = ValidationRules(
        TimeWindow(NOW - timedelta(days=1), NOW),
        max_events=10,
        validators={"order": compile_schema("order", json.dumps(schema).encode())},
    )
    events = [{"type": "order", "payload": payload}, *([{"type": ""}] if beside_a_bad_event else [])]
    batch = read_batch(json.dumps(events).encode(), rules, dialects.BATCH)
    return not any(problem.index == 0 for problem in batch.rejected)


@pytest.mark.parametrize(
    ("draft_7", "oracle"),
    [
        pytest.param(False, jsonschema.Draft202012Validator, id="2020-12"),
        pytest.param(True, jsonschema.Draft7Validator, id="7"),
    ],
)
@settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_accept_decides_as_an_independent_validator(draft_7: bool, oracle: Any, data: st.DataObject) -> None:
    schema = data.draw(schemas(draft_7))
    payload = data.draw(st.dictionaries(NAMES, VALUES, max_size=4))
    expected = oracle(schema).is_valid(payload)
    assert accepts(schema, payload, beside_a_bad_event=False) == expected
    assert accepts(schema, payload, beside_a_bad_event=True) == expected


@pytest.mark.parametrize(
    ("schema", "payload", "expected"),
    [
        ({"required": ["total"]}, {}, [("payload/total", "required")]),
        ({"required": ["total"]}, None, [("payload/total", "required")]),
        ({"properties": {"total": {"type": "number"}}}, {"total": "x"}, [("payload/total", "type")]),
        ({"properties": {"c": True}, "additionalProperties": False}, {"a": 1, "b": 2, "c": 3},
         [("payload/a", "additionalProperties"), ("payload/b", "additionalProperties")]),
        ({"additionalProperties": False}, {"a": 1}, [("payload", "falseSchema")]),
        ({"properties": {"items": {"items": {"required": ["sku"]}}}}, {"items": [{"sku": 1}, {}]},
         [("payload/items/1/sku", "required")]),
        ({"properties": {"a/b~c": {"maximum": 1}}}, {"a/b~c": 2}, [("payload/a~1b~0c", "maximum")]),
        ({"properties": {"a": False}}, {"a": 1}, [("payload/a", "falseSchema")]),
        ({"propertyNames": {"maxLength": 2}}, {"abc": 1}, [("payload", "propertyNames")]),
        ({"properties": {"a": {"anyOf": [{"type": "null"}, {"minLength": 2}]}}}, {"a": "x"}, [("payload/a", "anyOf")]),
        ({"properties": {"a": {"format": "date"}}}, {"a": "2026-02-30"}, [("payload/a", "format")]),
        ({"properties": {"a": {"format": "uuid"}}}, {"a": "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"}, []),
        ({"properties": {"a": {"multipleOf": 0.01}}}, {"a": 19.99}, []),
        ({"properties": {"a": {"type": "integer"}}}, {"a": 1.0}, []),
        ({"properties": {"a": {"maximum": 10**20}}}, {"a": 10**20 + 1}, [("payload/a", "maximum")]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, [("payload/b", "required")]),
    ],
)  # fmt: skip
def test_problems_name_the_member_by_a_pointer(schema: Any, payload: Any, expected: list[tuple[str, str]]) -> None:
    validator = compile_schema("order", json.dumps(schema).encode())
    problems = validator.find_problems(payload, 200)
    assert [(problem.field(), problem.keyword) for problem in problems] == expected
    assert all("accepted" in problem.detail and "'order'" in problem.detail for problem in problems)


def test_a_reason_says_what_is_accepted() -> None:
    validator = compile_schema("order", b'{"properties": {"plan": {"enum": ["free", "pro"]}}}')
    [problem] = validator.find_problems({"plan": "gold"}, 100)
    assert problem.detail == (
        '"gold" is not accepted; accepted: "free", "pro", by the schema of \'order\', #/properties/plan/enum'
    )


def test_no_more_than_ten_problems_of_an_event_are_described() -> None:
    validator = compile_schema("order", b'{"properties": {"a": true}, "additionalProperties": false}')
    assert len(validator.find_problems({f"k{number}": 1 for number in range(100)}, 800)) == MAX_PROBLEMS


def test_a_large_payload_is_refused_without_a_place() -> None:
    validator = compile_schema("order", b'{"properties": {"a": {"items": {"type": "string"}}}}')
    [problem] = validator.find_problems({"a": list(range(10_000))}, 49_000)
    assert (problem.field(), problem.keyword) == ("payload", "schema")
