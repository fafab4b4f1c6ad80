"""Conditions of filters, properties of payloads and path patterns as SQL of DuckDB, over the relations of
columnar/read.py. What they mean: filters.py, payload_properties.py, path_patterns.py.

DuckDB reads numbers of JSON that are no integers as doubles. Their digits are cut from the payload, as PostgreSQL wrote
it, and so is the JSON of objects and lists.
"""

import json
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

import pyarrow as pa
from sqlalchemy import select

from analytics.columnar.read import ColumnReader
from analytics.reports.filtering.filters import JSON_NUMBER, PAYLOAD, Condition, build_filter_clause
from analytics.reports.filtering.path_patterns import parse_pattern
from analytics.reports.filtering.payload_properties import LIST_INDEX, NUMBER, find_property_json, parse_property
from analytics.store.folding import CASELESS_FIELDS, FOLDED_FIELDS, fold
from analytics.store.models import users

# What both PostgreSQL and JSON Pointer take for an element of a list.
_PLAIN_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")

# How the texts begin that numbers, booleans, objects and lists may have.
_MAYBE_NO_STRING = re.compile(r"[-0-9{\[]|true|false")


class Parameters(dict[str, object]):
    """Values by the names under which a query has them, and the properties that it reads: the engine evaluates equal
    expressions once."""

    def __init__(self) -> None:
        super().__init__()
        self.properties: dict[tuple[str, ...], Property] = {}

    def add(self, value: object) -> str:
        """The value's placeholder."""
        name = f"p{len(self)}"
        self[name] = value
        return f"${name}"


class Property(NamedTuple):
    """SQL of a property of the relation's payload. `kind`: its type as DuckDB names it; `number`: its digits where it
    is a DOUBLE; `json`: its JSON; `other`: its text where it is neither a DOUBLE, an object nor a list."""

    kind: str
    number: str
    json: str
    other: str

    @property
    def as_sent(self) -> str:
        """As `property_as_sent` of payload_properties.py."""
        return self._text(self.number)

    @property
    def text(self) -> str:
        """As `property_text` of payload_properties.py."""
        return self._text(rf"regexp_replace({self.number}, '(\.[0-9]*[1-9])0+$|\.0+$', '\1')")

    def _text(self, number: str) -> str:
        cases = f"WHEN 'DOUBLE' THEN {number} WHEN 'OBJECT' THEN {self.json} WHEN 'ARRAY' THEN {self.json}"
        return f"(CASE {self.kind} {cases} ELSE {self.other} END)"

    @property
    def amount(self) -> str:
        """The digits of the number, also where a string holds one ("19.99"); '' or NULL for anything else."""
        return f"regexp_extract({self.as_sent}, '{NUMBER}')"


def read_property(reader: ColumnReader, names: Sequence[str], parameters: Parameters) -> Property:
    """The property of these names, the outermost first."""
    known = parameters.properties
    if tuple(names) not in known:
        known[tuple(names)] = _read_property(reader, names, parameters)
    return known[tuple(names)]


def _read_property(reader: ColumnReader, names: Sequence[str], parameters: Parameters) -> Property:
    found = f"{reader.add_function(partial(find_property_json, names=tuple(names)))}(payload)"
    indexes = [name for name in names[1:] if LIST_INDEX.fullmatch(name)]
    if not all(map(_PLAIN_INDEX.fullmatch, indexes)):
        kind, other = f"json_type({found})", f"json_extract_string({found}, '$')"
        return Property(kind, found, found, other)
    pointer = parameters.add("".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names))
    kind, other = f"json_type(payload, {pointer})", f"json_extract_string(payload, {pointer})"
    if names[-1] in indexes:
        return Property(kind, found, found, other)
    # Where the key is there once, its number is the one that follows it.
    key = _key(names)
    is_once = f"len(string_split(payload, {parameters.add(key)})) = 2"
    digits = f"regexp_extract(payload, {parameters.add(re.escape(key) + '([-.0-9]+)')}, 1)"
    return Property(kind, f"(CASE WHEN {is_once} THEN {digits} ELSE {found} END)", found, other)


def dimension_expression(reader: ColumnReader, dimension: str, parameters: Parameters) -> str:
    """The text of a column, or of `payload.` and a property; NULL: no value. Raises BadInput for a bad property."""
    field, _, name = dimension.partition(".")
    return read_property(reader, parse_property(name), parameters).text if field == PAYLOAD else dimension


def path_clause(pattern: str, parameters: Parameters) -> str:
    """Whether `path` matches the pattern. Raises ValueError."""
    first, *rest = parse_pattern(pattern)
    if not rest:
        return f"path = {parameters.add(first)}"
    begins = f"starts_with(path, {parameters.add(first)})"
    if rest == [""]:
        return begins
    whole = ".*".join(map(re.escape, (first, *rest)))
    return f"{begins} AND regexp_full_match(path, {parameters.add(whole)}, 's')"


def build_column_clause(
    reader: ColumnReader, site_id: int, conditions: Iterable[Condition], parameters: Parameters, prefix: str = ""
) -> str:
    """Whether a row meets all conditions. `prefix`: of the columns that they are on. A query of PostgreSQL for each
    condition on `user_id`."""
    clauses = [_condition_clause(reader, site_id, condition, parameters, prefix) for condition in conditions]
    return " AND ".join(clauses) or "true"


def _condition_clause(
    reader: ColumnReader, site_id: int, condition: Condition, parameters: Parameters, prefix: str
) -> str:
    if condition.property_path:
        clause = _is_property(reader, condition, parameters)
    elif condition.field == "user_id":
        clause = _is_user(reader, site_id, condition)
    else:
        text = prefix + condition.field
        if condition.field in CASELESS_FIELDS - FOLDED_FIELDS:
            # As fold_sql does it. The engine's translate takes 75 us a row: it makes a table of the letters for each.
            is_ascii, other = f"strlen({text}) = length({text})", f"{reader.add_function(fold)}({text})"
            text = f"(CASE WHEN {is_ascii} THEN lower({text}) ELSE {other} END)"
        clause = _comparison(text, condition, parameters)
    return f"NOT ({clause})" if condition.is_negated else f"({clause})"


def _comparison(text: str, condition: Condition, parameters: Parameters) -> str:
    if _is_total(condition):
        text = f"coalesce({text}, '')"
    values = [parameters.add(value) for value in condition.values]
    if condition.operator == "is":
        return f"{text} IN ({', '.join(values)})"
    function = {"begins": "starts_with", "contains": "contains"}[condition.operator]
    return " OR ".join(f"{function}({text}, {value})" for value in values)


def _is_total(condition: Condition) -> bool:
    """An empty value and a negated condition also match rows without a value."""
    return condition.is_negated or "" in condition.values


def _is_property(reader: ColumnReader, condition: Condition, parameters: Parameters) -> str:
    found = read_property(reader, condition.property_path, parameters)
    clause = _comparison(found.text, condition, parameters)
    # Equal numbers have one text, but strings that look like it are compared as they are.
    numbers = {_plain_number(value) for value in condition.values if JSON_NUMBER.fullmatch(value)}
    if condition.operator == "is" and (numbers := numbers - set(condition.values)):
        among = ", ".join(map(parameters.add, sorted(numbers)))
        clause += f" OR coalesce({found.kind} <> 'VARCHAR' AND {found.text} IN ({among}), false)"
    if _is_total(condition) or LIST_INDEX.fullmatch(condition.property_path[-1]):
        return clause
    # Most payloads need not be parsed for it.
    key, values = _key(condition.property_path), [""]
    if condition.operator == "is" and not any(map(_MAYBE_NO_STRING.match, condition.values)):
        values = [json.dumps(value, ensure_ascii=False) for value in condition.values]
    is_there = " OR ".join(f"contains(payload, {parameters.add(key + value)})" for value in values)
    # Within another expression DuckDB evaluates both sides of AND for all rows, but of CASE only what is asked for.
    return f"CASE WHEN {is_there} THEN {clause} ELSE false END"


def _key(names: Sequence[str]) -> str:
    """What is in front of the property's value in a payload as PostgreSQL writes it."""
    return json.dumps(names[-1], ensure_ascii=False) + ": "


def _plain_number(value: str) -> str:
    """A number of JSON as the text of the property is."""
    digits = format(Decimal(value), "f")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if digits == "-0" else digits


def _is_user(reader: ColumnReader, site_id: int, condition: Condition) -> str:
    """Files have no ids of users: PostgreSQL knows which numbers they have."""
    is_one = build_filter_clause([condition._replace(is_negated=False)], users.c)
    query = select(users.c.user_no).where(users.c.site_id == site_id, is_one)
    numbers: Sequence[int] = reader.connection.execute(query).scalars().all()
    return f"user_no IN (SELECT user_no FROM {reader.add_table(pa.table({'user_no': pa.array(numbers, pa.int64())}))})"
