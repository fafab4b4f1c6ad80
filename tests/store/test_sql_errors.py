"""The detail of a dead letter has the service's own text and the SQLSTATE, never that of the server or the driver."""

import psycopg2
import pytest
from sqlalchemy.exc import DataError

from analytics.store.sql_errors import explain_refusal, is_refusal


class RefusedError(psycopg2.DataError):
    pgcode = "22008"


class CancelledError(psycopg2.OperationalError):
    pgcode = "57014"


@pytest.mark.parametrize(
    "error", [RefusedError("secret"), DataError("SELECT secret", {"p": "secret"}, RefusedError("secret"))]
)
def test_a_refused_value_is_explained_without_the_servers_text(error: Exception) -> None:
    assert is_refusal(error)
    assert "SQLSTATE 22008" in explain_refusal(error)
    assert "secret" not in explain_refusal(error)


def test_text_that_cannot_be_sent_is_refused() -> None:
    assert is_refusal(ValueError("secret"))
    assert "secret" not in explain_refusal(ValueError("secret"))


def test_a_cancelled_statement_is_no_refusal() -> None:
    assert not is_refusal(CancelledError("secret"))
