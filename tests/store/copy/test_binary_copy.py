"""Binary COPY against a real PostgreSQL: rows are decoded and encoded, parameters are bound."""

from datetime import date
from io import BytesIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics.store.copy.binary_copy import (
    as_bool,
    as_date,
    as_int,
    as_text,
    encode_copy,
    from_bool,
    from_int8,
    read_binary,
)

COLUMNS = st.lists(st.none() | st.binary(max_size=40), min_size=1, max_size=4)


@given(st.lists(COLUMNS, max_size=5))
def test_rows_of_any_bytes_are_read_and_null_becomes_empty(engine: Engine, lists: list[list[bytes | None]]) -> None:
    with engine.connect() as connection:
        for columns in lists:
            names = ", ".join(f"%(c{n})s::bytea" for n in range(len(columns)))
            values = {f"c{n}": column for n, column in enumerate(columns)}
            query = f"SELECT {names} FROM generate_series(1, 2)"
            assert list(read_binary(connection, query, values)) == [tuple(column or b"" for column in columns)] * 2


def test_columns_of_each_type_are_decoded(engine: Engine) -> None:
    query = "SELECT -5, 9000000000::bigint, 'größer'::text, '1999-12-31'::date, true, '%%'"
    with engine.connect() as connection:
        (small, large, word, day, flag, percent), = read_binary(connection, query)  # fmt: skip
    assert (as_int(small), as_int(large), as_text(word)) == (-5, 9_000_000_000, "größer")
    assert (as_date(day), as_bool(flag), percent) == (date(1999, 12, 31), True, b"%%")


def test_encoded_rows_are_read_back(engine: Engine) -> None:
    rows = [(from_int8(-1), b"", from_bool(True)), (from_int8(2**60), b"x" * 70_000, b"\0")]
    with engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE copied (n bigint, raw bytea, flag bool) ON COMMIT DROP"))
        cursor: Any = connection.connection.cursor()
        with cursor:
            data = BytesIO(b"".join(encode_copy(rows)))
            cursor.copy_expert("COPY copied FROM STDIN (FORMAT binary)", data)
        assert list(read_binary(connection, "SELECT * FROM copied ORDER BY n")) == rows
        assert list(read_binary(connection, "SELECT * FROM copied WHERE n = 7")) == []


def test_parameters_are_bound(engine: Engine) -> None:
    with engine.connect() as connection:
        word = "'; DROP TABLE rollups; -- %s"
        assert list(read_binary(connection, "SELECT %(word)s::text", {"word": word})) == [(word.encode(),)]
