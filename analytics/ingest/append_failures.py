"""Why an append failed, and whether the batch may be in the stream all the same (docs/decisions/0004).

accept.py calls `explain_failure` for an error of the Redis client. Pure.
"""

import socket

from redis import exceptions
from redis.exceptions import RedisError

from analytics.errors import NOT_TAKEN, UNKNOWN, Unavailable

# Redis refused the command, or the client never sent it. The append's script writes the entry first.
REFUSALS = (
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.BusyLoadingError,
    exceptions.MaxConnectionsError,
    exceptions.NoPermissionError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
)
# Refusals for which the client has no class: Redis cannot write its file, or has too few replicas.
REFUSAL_CODES = ("MISCONF", "NOREPLICAS")
NO_CONNECTION = (ConnectionRefusedError, FileNotFoundError, socket.gaierror)
# What asyncio raises when no address of a host takes the connection.
ALL_ADDRESSES_FAILED = "Multiple exceptions: "


def explain_failure(error: RedisError) -> Unavailable:
    """503 with the code `not_taken` if the batch is certainly not in the stream, else `unknown`."""
    if _is_refused(error) or _was_never_sent(error):
        return Unavailable("Redis takes no events at the moment; send the batch again in 5 seconds", code=NOT_TAKEN)
    return Unavailable(
        "Redis did not answer, so it is unknown whether the batch was taken; send it again with event ids, or with the "
        "same Idempotency-Key, and it is stored once",
        code=UNKNOWN,
    )


def _is_refused(error: RedisError) -> bool:
    return isinstance(error, REFUSALS) or (
        isinstance(error, exceptions.ResponseError) and str(error).startswith(REFUSAL_CODES)
    )


def _was_never_sent(error: BaseException | None) -> bool:
    """True when the error was raised because there was no connection."""
    while error is not None:
        if isinstance(error, NO_CONNECTION) or str(error).startswith(ALL_ADDRESSES_FAILED):
            return True
        error = error.__cause__ or error.__context__
    return False
