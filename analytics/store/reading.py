"""A report's transaction: read only, bounded in time, ended when the client disconnects. Never writes.

Reports, exports, the trace and archives open it; copy_stream.py has transactions that last as long as the client reads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Connection, Engine, text

from analytics.store.connections import duplicate_socket, limit_statements, shut_down
from analytics.web.server.disconnects import current_cancellation_token

# How soon the server notices a connection that was shut down during a query, and ends the query.
CLIENT_CHECK_INTERVAL = "1s"
# A server that ends the statement itself, with a better error, comes first.
HUNG_SERVER_MARGIN_S = 2.0

SET_READ_ONLY = text("""
SELECT set_config('transaction_read_only', 'on', true),
       set_config('statement_timeout', :timeout_ms, true),
       set_config('client_connection_check_interval', :check_client, true)
""")


@contextmanager
def read_transaction(engine: Engine, timeout_s: float) -> Iterator[Connection]:
    """A read-only transaction. Its statements end after `timeout_s` (0: never) and when the client disconnects.

    With a server that hangs they end HUNG_SERVER_MARGIN_S later, with OperationalError.
    """
    with engine.begin() as connection, _ended_on_disconnect(connection):
        limit_statements(connection.connection.driver_connection, timeout_s and timeout_s + HUNG_SERVER_MARGIN_S)
        connection.execute(
            SET_READ_ONLY, {"timeout_ms": str(int(timeout_s * 1000)), "check_client": CLIENT_CHECK_INTERVAL}
        )
        yield connection


@contextmanager
def _ended_on_disconnect(connection: Connection) -> Iterator[None]:
    """Raises Unavailable, which reaches no client, after a disconnect."""
    token, driver = current_cancellation_token(), connection.connection.driver_connection
    if token is None or driver is None:
        yield
        return
    try:
        with duplicate_socket(driver) as own, token.cancels_with(partial(shut_down, own)):
            yield
    finally:
        if token.is_cancelled:
            connection.invalidate()
            token.raise_if_cancelled()
