"""Conditions of filters as SQL of DuckDB, over the relations of columnar/read.py. What they mean: filters.py.

Property filters are not here: their numbers are compared as PostgreSQL writes them, digit by digit.
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa
from sqlalchemy import select

from analytics.columnar.limits import NotInColumns
from analytics.columnar.read import ColumnReader
from analytics.reports.filtering.filters import Condition, build_filter_clause
from analytics.store.folding import CASELESS_FIELDS, FOLDED_FIELDS, folding_table
from analytics.store.models import users


class Parameters(dict[str, object]):
    """Values by the names under which a query has them."""

    def add(self, value: object) -> str:
        """The value's placeholder."""
        name = f"p{len(self)}"
        self[name] = value
        return f"${name}"


def build_column_clause(
    reader: ColumnReader, site_id: int, conditions: Iterable[Condition], parameters: Parameters
) -> str:
    """Whether a row meets all conditions. Raises NotInColumns for a property. A query of PostgreSQL for each condition
    on `user_id`."""
    clauses = [_condition_clause(reader, site_id, condition, parameters) for condition in conditions]
    return " AND ".join(clauses) or "true"


def _condition_clause(reader: ColumnReader, site_id: int, condition: Condition, parameters: Parameters) -> str:
    if condition.property_path:
        raise NotInColumns("filters by a property are counted in rows")
    if condition.field == "user_id":
        clause = _is_user(reader, site_id, condition)
    else:
        clause = _comparison(condition, parameters)
    return f"NOT ({clause})" if condition.is_negated else f"({clause})"


def _comparison(condition: Condition, parameters: Parameters) -> str:
    # An empty value and a negated condition also match rows without a value.
    is_total = condition.is_negated or "" in condition.values
    text = f"coalesce({condition.field}, '')" if is_total else condition.field
    if condition.field in CASELESS_FIELDS - FOLDED_FIELDS:
        upper, lower = folding_table()
        text = f"translate({text}, {parameters.add(upper)}, {parameters.add(lower)})"
    values = [parameters.add(value) for value in condition.values]
    if condition.operator == "is":
        return f"{text} IN ({', '.join(values)})"
    function = {"begins": "starts_with", "contains": "contains"}[condition.operator]
    return " OR ".join(f"{function}({text}, {value})" for value in values)


def _is_user(reader: ColumnReader, site_id: int, condition: Condition) -> str:
    """Files have no ids of users: PostgreSQL knows which numbers they have."""
    is_one = build_filter_clause([condition._replace(is_negated=False)], users.c)
    query = select(users.c.user_no).where(users.c.site_id == site_id, is_one)
    numbers: Sequence[int] = reader.connection.execute(query).scalars().all()
    return f"user_no IN (SELECT user_no FROM {reader.add_table(pa.table({'user_no': pa.array(numbers, pa.int64())}))})"
