"""Schemas that are refused when they are set, and that no event takes long by one that is accepted."""

import json
import time
from typing import Any

import msgspec
import pytest

from analytics.errors import BadInput, Invalid
from analytics.ingest.decoding import rejections
from analytics.sites.event_schemas import bounds
from analytics.sites.event_schemas.validators import EventValidator, compile_schema

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
NESTED_21: Any = {"type": "integer"}
for _ in range(21):
    NESTED_21 = {"properties": {"a": NESTED_21}}
# Twice as many checks with each definition.
DOUBLING = {
    "$defs": {
        "d0": {"type": "integer"},
        **{f"d{number}": {"allOf": [{"$ref": f"#/$defs/d{number - 1}"}] * 2} for number in range(1, 25)},
    },
    "$ref": "#/$defs/d24",
}


def compiled(schema: Any) -> EventValidator:
    return compile_schema("order", msgspec.json.encode(schema))


@pytest.mark.parametrize(
    ("schema", "field", "code"),
    [
        pytest.param({"type": "strng"}, "schema/type", "invalid", id="type that is none"),
        pytest.param({"required": "a"}, "schema/required", "invalid", id="list that is none"),
        pytest.param({"properties": {"a": {"minimum": "1"}}}, "schema/properties/a/minimum", "invalid", id="inner"),
        pytest.param({"requird": ["a"]}, "schema/requird", "unknown_keyword", id="misspelt keyword"),
        pytest.param({"additionalItems": False}, "schema/additionalItems", "unknown_keyword", id="other draft's"),
        pytest.param({"unevaluatedProperties": False}, "schema/unevaluatedProperties", "unknown_keyword", id="uneval"),
        pytest.param({"$dynamicRef": "#a"}, "schema/$dynamicRef", "unknown_keyword", id="dynamic"),
        pytest.param({"not": {"$id": "https://x/"}}, "schema/not/$id", "unknown_keyword", id="inner base"),
        pytest.param({"format": "regex"}, "schema/format", "unknown_format", id="format that is not checked"),
        pytest.param({"$schema": "http://json-schema.org/draft-04/schema#"}, "schema/$schema", "unknown_draft", id="4"),
        pytest.param({"$schema": 7}, "schema/$schema", "unknown_draft", id="draft that is no text"),
        pytest.param({"$ref": "https://example.com/a.json"}, "schema/$ref", "not_local", id="remote"),
        pytest.param({"$ref": "file:///etc/passwd"}, "schema/$ref", "not_local", id="file"),
        pytest.param({"$ref": "other.json#/a"}, "schema/$ref", "not_local", id="relative"),
        pytest.param({"$ref": "#/$defs/%61", "$defs": {"a": {}, "%61": {}}}, "schema/$ref", "not_local", id="escape"),
        pytest.param({"$ref": {"a": 1}}, "schema/$ref", "not_local", id="object for a reference"),
        pytest.param({"$ref": "#/$defs/a"}, "schema/$ref", "not_found", id="reference to nothing"),
        pytest.param({"items": {"$ref": "#"}}, "schema/items/$ref", "not_local", id="whole schema in itself"),
        pytest.param(
            {"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, "schema/$defs/a/items/$ref", "recursive", id="recursive"
        ),
        pytest.param(
            {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}},
            "schema/$defs/a/$ref",
            "recursive",
            id="circle of two",
        ),
        pytest.param({"pattern": "(?=a)b"}, "schema/pattern", "pattern", id="looks ahead"),
        pytest.param({"pattern": r"(a)\1"}, "schema/pattern", "pattern", id="looks back"),
        pytest.param({"pattern": "("}, "schema/pattern", "pattern", id="no regular expression"),
        pytest.param({"pattern": "((a{100}){100}){100}"}, "schema/pattern", "pattern", id="a million repetitions"),
        pytest.param({"pattern": "(" * 900}, "schema/pattern", "pattern", id="deep pattern"),
        pytest.param({"pattern": "a" * 1001}, "schema/pattern", "pattern", id="long pattern"),
        pytest.param({"patternProperties": {"[": {}}}, "schema/patternProperties/[", "pattern", id="pattern of a name"),
        pytest.param({"allOf": [{"pattern": f"a{n}"} for n in range(51)]}, "schema/allOf/50/pattern", "too_many_patterns",
                     id="51 patterns"),
        pytest.param(NESTED_21, "schema", "too_deep", id="deep"),
        pytest.param(DOUBLING, "schema", "too_large", id="doubling references"),
        pytest.param({"items": {"enum": [f"{n}" for n in range(5000)]}}, "schema", "too_costly", id="huge enum of items"),
        pytest.param({"enum": [{"a": n} for n in range(1500)]}, "schema", "too_large", id="huge enum of objects"),
        pytest.param(
            {"items": {"allOf": [{"pattern": f"[ab]*a[ab]{{{n}}}c"} for n in range(150, 190)]}},
            "schema",
            "too_costly",
            id="costly patterns",
        ),
        pytest.param({"description": "x" * 70_000}, "schema", "too_long", id="long"),
        pytest.param(["a"], "schema", "wrong_type", id="array"),
    ],
)  # fmt: skip
def test_a_schema_that_is_not_accepted_is_refused_with_its_place(schema: Any, field: str, code: str) -> None:
    started = time.perf_counter()
    with pytest.raises(Invalid) as caught:
        compiled(schema)
    assert time.perf_counter() - started < 2
    [problem] = caught.value.errors
    assert (problem.field, problem.code) == (field, code)
    assert "accepted" in problem.detail
    assert "for example" in problem.detail


@pytest.mark.parametrize(
    "text", [b"", b"nope", b'{"maximum": 1e999}', b'{"a":' * 5000, b'{"title": "\\ud800"}', b"\xff"]
)
def test_a_text_that_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(BadInput):
        compile_schema("order", text)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(True, id="anything"),
        pytest.param({}, id="empty"),
        pytest.param(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/o"}, id="id"
        ),
        pytest.param({"$schema": DRAFT_7, "items": [{"type": "integer"}], "additionalItems": False}, id="draft 7"),
        pytest.param({"properties": {"sku": {"enum": [f"sku-{n}" for n in range(5000)]}}}, id="large enum"),
        pytest.param(
            {"properties": {"$ref": {"type": "string"}, "pattern": {"format": "uuid"}}}, id="keywords as names"
        ),
        pytest.param({"const": {"$ref": "https://example.com/"}, "default": {"$ref": "x"}}, id="references as data"),
        pytest.param({"x-owner": {"team": "shop"}, "$comment": "ours"}, id="annotations"),
        pytest.param({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "object"}}}, id="escaped pointer"),
        pytest.param({"properties": {"mail": {"pattern": r"^[\w.+-]{1,64}@[\w-]+\.[\w.-]+$"}}}, id="address"),
    ],
)
def test_usual_schemas_are_accepted(schema: Any) -> None:
    assert compiled(schema).max_event_bytes >= bounds.LEAST_EVENT_BYTES


ATTACKS = [
    pytest.param({"pattern": "(x+x+)+y"}, "x" * 64_000, id="nested repetition"),
    pytest.param({"pattern": "^(a|a)*$"}, "a" * 64_000 + "b", id="ambiguous alternatives"),
    pytest.param({"pattern": "[ab]*a[ab]{100}c"}, "ab" * 32_000, id="exponential automaton"),
    pytest.param({"pattern": r"^\w{1,100}$"}, "a" * 64_000, id="counted"),
    pytest.param({"format": "email"}, "a@" + "b." * 30_000, id="format"),
    pytest.param({"uniqueItems": True}, [[n] for n in range(15_000)], id="unique items"),
    pytest.param({"items": {"enum": list(range(300))}}, [299] * 16_000, id="enum of many items"),
    pytest.param({"items": {"allOf": [{"type": "integer"}] * 50}}, [1] * 32_000, id="many checks of many items"),
    pytest.param(
        {"anyOf": [{"items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}] * 3}, [1] * 32_000, id="alternatives"
    ),
    pytest.param({"patternProperties": {f"^x{n}": {} for n in range(10)}}, {f"y{n}": 1 for n in range(5000)}, id="names"),
    pytest.param({"propertyNames": {"pattern": "^[ab]*a[ab]{50}c$"}}, {"ab" * 30_000: 1}, id="long name"),
    pytest.param({"contains": {"const": -1}}, [1] * 32_000, id="contains"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value"), ATTACKS)
def test_no_event_holds_the_process_for_long(schema: Any, value: Any) -> None:
    validator = compiled({"properties": {"a": schema}})
    payload = {"a": value}
    size = len(json.dumps(payload, separators=(",", ":")))
    started = time.perf_counter()
    problems = validator.find_problems(payload, size)
    took = time.perf_counter() - started
    # The budget is 50 ms; this machine may be busy. A backtracking engine would take years.
    assert took < 1
    if size > validator.max_event_bytes:
        assert [problem.keyword for problem in problems] == ["max_event_bytes"]


def test_the_largest_accepted_text_is_within_the_budget_by_the_costliest_pattern() -> None:
    validator = compiled({"properties": {"a": {"pattern": "[ab]*a[ab]{400}c"}}})
    assert bounds.LEAST_EVENT_BYTES <= validator.max_event_bytes < 20_000
    text = ("ab" * 40_000)[: validator.max_event_bytes - 10]
    times = []
    for _ in range(3):
        started = time.perf_counter()
        assert not validator.is_valid({"a": text})
        times.append(time.perf_counter() - started)
    assert min(times) * 1e9 < 3 * bounds.EVENT_BUDGET_NS


def test_an_event_is_never_larger_than_every_event() -> None:
    assert bounds.MAX_EVENT_BYTES == rejections.MAX_ITEM_BYTES
    assert compiled({}).max_event_bytes == rejections.MAX_ITEM_BYTES
